"""A list of texts that is edited item by item: its items, the cursor on them, and how they are laid out. Pure.

What is being typed stands behind the items, or in the place that an item was taken back from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size

from tui_registry.text import safe_text

_MOST_UNDONE = 100
# The narrowest line to type in beside items; below that it stands under them.
LEAST_LINE = 10


@dataclass(slots=True)
class Chips:
    """The items of a list.

    Attributes:
        items: each exactly as it is, hidden characters and all.
        at: the item under the cursor; None while the cursor is in the line.
        hole: where the next item goes; None for the end.
    """

    items: list[str]
    at: int | None = None
    hole: int | None = None
    _before: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    # ---- changing the items

    def add(self, items: Sequence[str], typed: str) -> list[str]:
        """Put items where the last one was taken from, or at the end; tells those that were there already.

        Args:
            items: the new ones.
            typed: what they were made of, for `undo`.
        """
        fresh, known = list[str](), list[str]()
        for item in items:
            (known if item in self.items or item in fresh else fresh).append(item)
        if fresh:
            self._remember(typed)
            place = len(self.items) if self.hole is None else self.hole
            self.items[place:place] = fresh
        self.at = self.hole = None
        return known

    def remove(self) -> str | None:
        """Remove the item under the cursor, which goes on to the next; tells what it was."""
        if self.at is None:
            return None
        self._remember()
        gone = self.items.pop(self.at)
        self.at = self.at if self.at < len(self.items) else None
        self.hole = None
        return gone

    def take_back(self) -> str | None:
        """Take the item under the cursor, or else the last one, back to change it."""
        if not self.items:
            return None
        self._remember()
        place = len(self.items) - 1 if self.at is None else self.at
        taken = self.items.pop(place)
        self.at, self.hole = None, place
        return taken

    def shift(self, step: int) -> bool:
        """Move the item under the cursor by one place; tells whether it had room to."""
        if self.at is None or not 0 <= self.at + step < len(self.items):
            return False
        self._remember()
        item = self.items.pop(self.at)
        self.at += step
        self.items.insert(self.at, item)
        return True

    def undo(self) -> str | None:
        """Back to before the last change: tells what was typed then, or None when there was no change."""
        if not self._before:
            return None
        items, typed = self._before.pop()
        self.items = list(items)
        self.at = self.hole = None
        return typed

    def _remember(self, typed: str = "") -> None:
        self._before.append((tuple(self.items), typed))
        del self._before[:-_MOST_UNDONE]

    # ---- moving the cursor

    def left(self) -> bool:
        """To the item before; from the line to the last one. Tells whether there is one."""
        place = len(self.items) if self.at is None else self.at
        if place == 0:
            return False
        self.at = place - 1
        return True

    def right(self) -> bool:
        """To the next item, and from the last one into the line; False in the line."""
        if self.at is None:
            return False
        self.at = self.at + 1 if self.at + 1 < len(self.items) else None
        return True

    # ---- reading

    def with_typed(self, typed: Sequence[str]) -> list[str]:
        """All items, with those that are still being typed in their place."""
        place = len(self.items) if self.hole is None else self.hole
        return [*self.items[:place], *typed, *self.items[place:]]


@dataclass(frozen=True, slots=True)
class Chip:
    """One item as it is shown: `text` in cells that are safe, `place` in the list."""

    text: str
    place: int


def laid_out(words: Sequence[str], width: int) -> tuple[list[list[Chip]], list[Chip]]:
    """The items in lines of so many cells: the full ones, and the last, beside which there is room to type.

    Each item takes a cell more on either side, and one stands between two.
    """
    full: list[list[Chip]] = []
    line: list[Chip] = []
    used = 0
    for place, word in enumerate(words):
        chip = Chip(fitted(word, max(4, width - 2)), place)
        needed = cell_len(chip.text) + 3
        if line and used + needed - 1 > width:
            full.append(line)
            line, used = [], 0
        line.append(chip)
        used += needed
    if line and used + LEAST_LINE > width:
        full.append(line)
        line = []
    return full, line


def fitted(word: str, width: int) -> str:
    """A word in one line of at most so many cells, safe to show; spaces do not break it."""
    text = safe_text(word).replace(" ", "\xa0")
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
