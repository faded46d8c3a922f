"""The line that a query is typed into."""

from __future__ import annotations

from textual.message import Message

from tui_registry.tui.kit.dialogs import LineInput


class QueryInput(LineInput):
    """The search line itself. Right at its end takes the completion."""

    class RightAtEnd(Message):
        """There is nothing more to the right."""

    def action_cursor_right(self, select: bool = False) -> None:
        if not select and self.cursor_position == len(self.value):
            self.post_message(self.RightAtEnd())
        else:
            super().action_cursor_right(select)
