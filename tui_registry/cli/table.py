"""Tables for people: fixed columns, one that takes what the terminal has left, and columns that give way first."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from tui_registry.text import ELLIPSIS, safe_text

_GAP = 2


class Column(NamedTuple):
    """A column.

    Attributes:
        title: over it.
        width: in cells; the least one, for the column that grows.
        right: numbers align right.
        grows: takes what the line has left, up to `most` cells.
        spare: left out on narrow terminals, the highest first; 0 always stays.
    """

    title: str
    width: int
    right: bool = False
    grows: bool = False
    most: int = 60
    spare: int = 0


class Table:
    """Lays out rows one by one, so that a list of a million records streams."""

    def __init__(self, columns: Sequence[Column], width: int) -> None:
        """
        Args:
            columns: at most one of them grows.
            width: of the terminal, in cells.
        """
        shown = list(range(len(columns)))
        while _needed(columns, shown) > width and any(columns[index].spare for index in shown):
            shown.remove(max(shown, key=lambda index: columns[index].spare))
        left = max(0, width - _needed(columns, shown))
        self._columns = [(index, _width(columns[index], left)) for index in shown]
        self._all = columns

    def header(self) -> str:
        """The titles."""
        return self.line([column.title for column in self._all])

    def line(self, cells: Sequence[str], note: str = "") -> str:
        """One row. Cells may be foreign text; `note` follows the last column."""
        parts = []
        for index, width in self._columns:
            text = fitted(safe_text(cells[index]), width)
            space = " " * (width - cell_width(text))
            parts.append(space + text if self._all[index].right else text + space)
        parts += [note] if note else []
        return (" " * _GAP).join(parts).rstrip()


def cell_width(text: str) -> int:
    """How many cells a terminal gives a safe text."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def fitted(text: str, width: int) -> str:
    """The text, cut to `width` cells with an ellipsis."""
    if cell_width(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        wide = cell_width(character)
        if used + wide > width - 1:
            break
        kept.append(character)
        used += wide
    return "".join(kept) + ELLIPSIS


def _needed(columns: Sequence[Column], shown: Sequence[int]) -> int:
    return sum(columns[index].width for index in shown) + _GAP * (len(shown) - 1)


def _width(column: Column, left: int) -> int:
    return min(column.width + left, column.most) if column.grows else column.width


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
