"""Licences as model cards, headers and servers spell them -> SPDX expressions, or a word that a rule then asks about.

Which spelling means which expression is in `tui_registry.licences`, for authors and importers alike.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tui_registry.importers.drafting import NO_LICENCE, Draft, shown
from tui_registry.licences import meant, names_none, reference


class Licence(NamedTuple):
    """A licence for a draft; `note` says what a person must look at."""

    expression: str
    note: str | None = None


def put_licence(draft: Draft, identifier: str, origin: str, *, name: str = "") -> None:
    """Give the draft its licence.

    Args:
        identifier: such as `apache-2.0`, `llama3.1` or `other`.
        origin: where it was found.
        name: what the licence calls itself, for `other`.
    """
    if draft.has("license") or not identifier.strip():
        return
    licence = spdx(identifier, name)
    written = "" if licence.expression == identifier.strip() else f", where it is {shown(name or identifier)}"
    draft.put("license", licence.expression, origin + written)
    if licence.note is not None:
        draft.note(licence.note)


def spdx(identifier: str, name: str = "") -> Licence:
    """The SPDX expression that an identifier means.

    Families, such as `bsd` or `cc`, stay as they are with a note, and the authoring rule then asks which one is meant.
    What is not on the SPDX list but a known licence of models becomes a `LicenseRef-`.
    """
    word = " ".join(identifier.split())
    if names_none(word):
        if not names_none(name):
            named = meant(name)
            return Licence(named[0] if len(named) == 1 else _reference(name))
        return Licence(
            NO_LICENCE if word.lower() != "other" else word, f"the licence is given as {shown(word)}: name it"
        )
    expressions = meant(word)
    if len(expressions) == 1:
        return Licence(expressions[0])
    if expressions:
        return Licence(word, f"{shown(word)} is a family of licences: name the one that is meant")
    return Licence(word[:128], f"{shown(word)} is not known as a licence: check it")


def recognised(text: str) -> str | None:
    """The identifier of a licence given as its whole text, by its title; None when the title is not known."""
    head = " ".join(text[:4000].split()).lower()
    for pattern, identifier in _TITLES:
        if match := pattern.search(head[:1500]):
            return match.expand(identifier)
    return None


_TITLES = tuple(
    (re.compile(pattern), identifier)
    for pattern, identifier in (
        (r"apache license,? version 2\.0", "apache-2.0"),
        (r"\bmit license\b|permission is hereby granted, free of charge, to any person obtaining a copy", "mit"),
        (r"llama (2|3|3\.1|3\.2|3\.3|4) (?:version|community license)", r"llama\1"),
        (r"gemma terms of use", "gemma"),
        (r"creativeml open ?rail-?m", "creativeml-openrail-m"),
        (r"bigcode open ?rail-?m", "bigcode-openrail-m"),
        (r"gnu affero general public license version 3", "agpl-3.0"),
        (r"gnu general public license version 3", "gpl-3.0"),
        (r"mozilla public license,? version 2\.0", "mpl-2.0"),
        (r"attribution-noncommercial 4\.0 international", "cc-by-nc-4.0"),
        (r"attribution-sharealike 4\.0 international", "cc-by-sa-4.0"),
        (r"attribution 4\.0 international", "cc-by-4.0"),
    )
)


def _reference(name: str) -> str:
    """A name as a reference: `Yi License (v1)` -> `LicenseRef-Yi-License-v1`."""
    own = reference(name.strip().removeprefix("LicenseRef-"))
    return f"LicenseRef-{own}" if own else NO_LICENCE
