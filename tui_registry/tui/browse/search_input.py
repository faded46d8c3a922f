"""What somebody types a search into: the line, and the short list of what could be typed next."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui_registry.text import exact, safe_text
from tui_registry.tui.kit.dialogs import LineInput
from tui_registry.tui.kit.lists import cell

if TYPE_CHECKING:
    from tui_registry.query import Completion

MOST_SHOWN: Final = 8
_WIDEST: Final = 60


class QueryInput(LineInput):
    """The search line itself. Right at its end takes the completion."""

    class RightAtEnd(Message):
        """There is nothing more to the right."""

    def action_cursor_right(self, select: bool = False) -> None:
        if not select and self.cursor_position == len(self.value):
            self.post_message(self.RightAtEnd())
        else:
            super().action_cursor_right(select)


class CompletionList(Widget):
    """Fields with what they mean, or values with how many records have them. The search line moves its cursor."""

    ALLOW_SELECT: ClassVar[bool] = False

    class Clicked(Message):
        """One was chosen with the mouse."""

        def __init__(self, completion: Completion) -> None:
            super().__init__()
            self.completion = completion

    def __init__(self) -> None:
        super().__init__(id="completions")
        self._found: list[Completion] = []
        self._place: int | None = None
        self._top = 0

    @property
    def is_open(self) -> bool:
        return bool(self._found)

    @property
    def selected(self) -> Completion | None:
        """The one that a person moved to, None before."""
        return None if self._place is None else self._found[self._place]

    @property
    def best(self) -> Completion | None:
        """The selected one, or else the first."""
        return self.selected or (self._found[0] if self._found else None)

    def show(self, found: list[Completion], column: int) -> None:
        """Show these, below that column of the search line; none closes the list."""
        self._found, self._place, self._top = found, None, 0
        self.display = bool(found)
        if found:
            text_width = max(cell_len(line) for line in self._texts())
            width = min(_WIDEST, text_width, max(1, self.app.size.width))
            self.styles.width = width
            self.styles.height = min(len(found), MOST_SHOWN)
            # Never beyond the right edge.
            self.styles.offset = (max(0, min(column, self.app.size.width - width)), 0)
        self.refresh()

    def close(self) -> bool:
        """Close the list; False when it is closed."""
        was_open = self.is_open
        self.show([], 0)
        return was_open

    def move(self, step: int) -> None:
        """Select the next one, or the one before; before the first none is."""
        place = (-1 if self._place is None else self._place) + step
        self._place = None if place < 0 else min(place, len(self._found) - 1)
        if self._place is not None:
            self._top = max(min(self._top, self._place), self._place - MOST_SHOWN + 1)
        self.refresh()

    def render(self) -> Content:
        lines = []
        texts = self._texts()
        for k in range(self._top, min(self._top + MOST_SHOWN, len(texts))):
            line = cell(texts[k], self.content_size.width)
            lines.append(Content.styled(line, "$block-cursor-foreground on $block-cursor-background bold")
                         if k == self._place else Content(line))  # fmt: skip
        return Content("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        place = self._top + event.y
        if place < len(self._found):
            self.post_message(self.Clicked(self._found[place]))

    def _texts(self) -> list[str]:
        names = [safe_text(found.text, 40) for found in self._found]
        notes = [safe_text(found.detail, 80) if found.records is None else exact(found.records)
                 for found in self._found]  # fmt: skip
        widest, note_width = max(map(cell_len, names), default=0), max(map(cell_len, notes), default=0)
        counted = any(found.records is not None for found in self._found)
        return [
            f"{'>' if k == self._place else ' '}{cell(name, widest)}  {cell(note, note_width, right=counted)} "
            for k, (name, note) in enumerate(zip(names, notes, strict=True))
        ]
