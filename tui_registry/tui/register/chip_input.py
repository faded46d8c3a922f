"""The line in which a list is typed: behind the items, and with the keys that go back over them."""

from __future__ import annotations

from textual import events
from textual.message import Message

from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.register.chips import Chips
from tui_registry.tui.register.inputs import SafeInput, shown_line
from tui_registry.tui.register.items import join_items, split_items


class ChipInput(SafeInput):
    """One line after some items. Left at its start goes to the items, Backspace in an empty line takes the last back.

    Attributes:
        chips: the items and the cursor on them; what is typed here is not among them yet.
    """

    BINDINGS = bindings_for("items")

    class Touched(Message):
        """The items changed, or the cursor on them."""

    class Completing(Message):
        """Somebody asks what could be typed, or takes the first of it when `take` is set."""

        def __init__(self, *, take: bool) -> None:
            super().__init__()
            self.take = take

    def __init__(self) -> None:
        super().__init__(joiner=", ")
        self.chips = Chips([])

    @property
    def typed_items(self) -> list[str]:
        """What is being typed, as items."""
        return split_items(self.value)

    def replace(self, text: str, start: int, end: int) -> None:
        if self.chips.at is not None:
            self.chips.at = None
            self._touched()
        super().replace(text, start, end)

    def on_paste(self, event: events.Paste) -> None:
        # A list that is pasted is whole: its last item is finished too
        if "," in event.text or "\n" in event.text.strip():
            event.text = event.text.rstrip().rstrip(",") + ","
        super().on_paste(event)

    # ---- keys

    def action_cursor_left(self, select: bool = False) -> None:
        at_start = self.cursor_position == 0 and self.selection.is_empty
        if self.chips.at is None and (select or not at_start):
            super().action_cursor_left(select)
        elif self.chips.left():
            self._touched()

    def action_cursor_right(self, select: bool = False) -> None:
        if self.chips.right():
            self._touched()
        elif not select and self.value and self.cursor_position == len(self.value):
            self.post_message(self.Completing(take=True))
        else:
            super().action_cursor_right(select)

    def action_home(self, select: bool = False) -> None:
        if self.chips.items and not select and self.cursor_position == 0:
            self.chips.at = 0
            self._touched()
        else:
            super().action_home(select)

    def action_end(self, select: bool = False) -> None:
        self._leave_items()
        super().action_end(select)

    def action_cursor_left_word(self, select: bool = False) -> None:
        if self.chips.at is None:
            super().action_cursor_left_word(select)
        elif self.chips.shift(-1):
            self._touched()

    def action_cursor_right_word(self, select: bool = False) -> None:
        if self.chips.at is None:
            super().action_cursor_right_word(select)
        elif self.chips.shift(1):
            self._touched()

    def action_delete_left(self) -> None:
        if self.chips.at is not None:
            self.action_delete_right()
        elif self.value:
            super().action_delete_left()
        else:
            self._take_back()

    def action_delete_right(self) -> None:
        if self.chips.at is None:
            super().action_delete_right()
        elif self.chips.remove() is not None:
            self._touched()

    def action_undo(self) -> None:
        """Back to before the last item came or went."""
        typed = self.chips.undo()
        if typed is not None:
            self._put(typed)

    def action_complete(self) -> None:
        """Offer what records here say in this field."""
        self.post_message(self.Completing(take=False))

    async def action_submit(self) -> None:
        if self.chips.at is not None:
            self._take_back()
        else:
            await super().action_submit()

    # ---- how

    def _take_back(self) -> None:
        at = self.chips.at
        item = None if at is None else self.chips.items[at]
        if self.value.strip():
            self.chips.add(self.typed_items, self.value)
        if item is not None:
            self.chips.at = self.chips.items.index(item)
        taken = self.chips.take_back()
        if taken is not None:
            self._put(shown_line(join_items([taken])))

    def _put(self, text: str) -> None:
        with self.prevent(SafeInput.Changed):
            self.value = text
        self.cursor_position = len(text)
        self._touched()

    def _leave_items(self) -> None:
        if self.chips.at is not None:
            self.chips.at = None
            self._touched()

    def _touched(self) -> None:
        self.post_message(self.Touched())
