"""The list that opens over the form below a line: words that records here say, and how many of them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Offset
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_registry.text import exact, safe_text
from tui_registry.tui.register.completion import Known

# As many lines as `.offers` shows in register.tcss.
MOST_SHOWN = 8
_WIDEST = 40
_WIDEST_COUNT = 12


class WordOffers(OptionList, can_focus=False):
    """Closed until something is shown. The line below which it lies moves its cursor."""

    def __init__(self) -> None:
        super().__init__(classes="offers", compact=True)
        self.display = False
        self._found: Sequence[Known] = ()

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def chosen(self) -> Known | None:
        """The word that a person moved to, None before."""
        return self._found[self.highlighted] if self.is_open and self.highlighted is not None else None

    @property
    def best(self) -> Known | None:
        """The chosen one, or else the first."""
        return self.chosen or (self._found[0] if self.is_open else None)

    def show(self, found: Sequence[Known], cursor: Offset) -> None:
        """Show these below the cursor, or above it where there is more room; none closes the list."""
        self._found = found
        width = max((cell_len(safe_text(known.word, _WIDEST)) for known in found), default=0)
        self.clear_options()
        self.add_options(Option(_words(known, width)) for known in found)
        self.highlighted = None
        self.styles.width = width + _WIDEST_COUNT
        self.absolute_offset = beside(cursor, min(len(found), MOST_SHOWN), self.screen.size.height)
        self.display = bool(found)

    def word_at(self, index: int) -> Known:
        """The word of a line."""
        return self._found[index]

    def close(self) -> None:
        """Close the list."""
        self.display = False

    def press(self, key: str) -> bool:
        """Take a key of the line; tells whether it was for the list."""
        if not self.is_open:
            return False
        match key:
            case "down":
                self.action_cursor_down()
            case "up":
                self.action_cursor_up()
            case "escape":
                self.close()
            case _:
                return False
        return True


def _words(known: Known, width: int) -> Content:
    word = safe_text(known.word, _WIDEST)
    room = " " * (width - cell_len(word) + 2)
    return Content.assemble(f"{word}{room}", (exact(known.records), "$text-muted"))


def beside(cursor: Offset, lines: int, height: int) -> Offset:
    """Where so many lines do not hide the line of the cursor, on a screen that is so high."""
    below = cursor.y + 1
    return Offset(cursor.x, below if below + lines <= height else max(0, cursor.y - lines))
