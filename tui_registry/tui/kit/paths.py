"""Completing the path of a file, in whatever line it is typed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from textual.content import Content

from tui_registry.text import safe_text

# A folder with more entries is looked at so far.
_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True)
class PathOffer:
    """One way to go on: the whole `text` for the field, and what `name` to show for it."""

    text: str
    name: str
    is_folder: bool


def offers(typed: str, most: int = 50) -> list[PathOffer]:
    """What the last part of a path could become: folders first, then files, by name; none where nothing is there.

    Hidden entries are offered once a dot was typed; names that no line of text can hold never are.
    """
    start = typed.rpartition("/")[2]
    before = typed[: len(typed) - len(start)]
    try:
        where = Path(before or ".").expanduser()
        with os.scandir(where) as entries:
            found = [
                PathOffer(f"{before}{entry.name}{'/' if is_folder else ''}", entry.name, is_folder)
                for entry in islice(entries, _LOOKED_AT)
                if entry.name.lower().startswith(start.lower())
                and (start.startswith(".") or not entry.name.startswith("."))
                and safe_text(entry.name) == entry.name
                for is_folder in (_is_folder(entry),)
            ]
    except (OSError, RuntimeError, ValueError):
        # Not there, not readable, no such user: nothing to offer, and reading it will say why
        return []
    found.sort(key=lambda offer: (not offer.is_folder, offer.name.lower(), offer.name))
    return found[:most]


def in_words(offer: PathOffer) -> Content:
    """The offer as a list shows it."""
    return Content.assemble(safe_text(offer.name, 100), ("/", "$text-accent") if offer.is_folder else "")


def common_start(found: Sequence[PathOffer]) -> str:
    """The longest text that all offers begin with."""
    texts = [offer.text for offer in found]
    first, last = min(texts, default=""), max(texts, default="")
    # What the first and the last in order begin with, all between them do
    return first[
        : next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
