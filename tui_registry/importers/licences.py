"""Licences as model cards, headers and servers spell them -> SPDX expressions, or a word that a rule then asks about.

The identifiers of model cards: https://huggingface.co/docs/hub/repositories-licenses.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tui_registry.importers.drafting import NO_LICENCE, Draft, shown


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
    lower = word.lower()
    if lower in _OTHER:
        if name.strip() and name.strip().lower() not in _OTHER:
            return spdx(name) if _listed(name) or name.strip().lower() in _KNOWN else Licence(_reference(name))
        return Licence(NO_LICENCE if lower != "other" else word, f"the licence is given as {shown(word)}: name it")
    if lower in _FAMILIES:
        return Licence(word, f"{shown(word)} is a family of licences: name the one that is meant")
    if lower in _KNOWN:
        return Licence(_KNOWN[lower])
    listed = _listed(word)
    if listed is not None:
        return Licence(listed)
    return Licence(word[:128], f"{shown(word)} is not known as a licence: check it")


def recognised(text: str) -> str | None:
    """The identifier of a licence given as its whole text, by its title; None when the title is not known."""
    head = " ".join(text[:4000].split()).lower()
    for pattern, identifier in _TITLES:
        if match := pattern.search(head[:1500]):
            return match.expand(identifier)
    return None


_OTHER = frozenset({"other", "unknown", "none", "custom", "proprietary", "n/a", "na", "noassertion", "unlicensed"})
_FAMILIES = frozenset({"bsd", "cc", "gpl", "lgpl", "agpl", "gfdl", "mpl", "epl", "artistic", "afl", "rail"})
_REF = "LicenseRef-"
_KNOWN = {
    **{f"llama{version}": f"{_REF}Llama-{version}" for version in ("2", "3", "3.1", "3.2", "3.3", "4")},
    "apache2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "mit license": "MIT",
    "gemma": f"{_REF}Gemma",
    "openrail": f"{_REF}OpenRAIL",
    "openrail++": f"{_REF}CreativeML-OpenRAIL-PlusPlus-M",
    "creativeml-openrail-m": f"{_REF}CreativeML-OpenRAIL-M",
    "bigscience-openrail-m": f"{_REF}BigScience-OpenRAIL-M",
    "bigscience-bloom-rail-1.0": f"{_REF}BigScience-BLOOM-RAIL-1.0",
    "bigcode-openrail-m": f"{_REF}BigCode-OpenRAIL-M",
    "deepfloyd-if-license": f"{_REF}DeepFloyd-IF",
    "apple-ascl": f"{_REF}Apple-ASCL",
    "apple-amlr": f"{_REF}Apple-AMLR",
    "fair-noncommercial-research-license": f"{_REF}FAIR-Noncommercial-Research",
    "intel-research": f"{_REF}Intel-Research",
    "h-research": f"{_REF}H-Research",
    "grok2-community": f"{_REF}Grok-2-Community",
    "c-uda": "C-UDA-1.0",
    "lgpl-lr": "LGPLLR",
    "odc-by": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "pddl": "PDDL-1.0",
    "cc0": "CC0-1.0",
}
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


def _listed(word: str) -> str | None:
    """The expression as SPDX spells it, None when it is none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not word.isascii() or len(word) > 200:
        return None
    try:
        return str(canonicalize_license_expression(word.strip()))
    except InvalidLicenseExpression:
        return None


def _reference(name: str) -> str:
    """A name as a reference: `Yi License (v1)` -> `LicenseRef-Yi-License-v1`."""
    own = re.sub(r"[^A-Za-z0-9.]+", "-", name.strip().removeprefix(_REF)).strip("-.")[:64].strip("-.")
    return _REF + own if own else NO_LICENCE
