"""One line and many lines of text that cannot hold what a terminal must not see, however it came in."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.suggester import Suggester
from textual.widgets import Input, OptionList, TextArea
from textual.widgets.text_area import Edit, EditResult

from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import ACTIONS, bindings_for
from tui_registry.tui.kit.editing import edit_outside
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.kit.host import host_of

_NEXT_SECTION = next(item for item in ACTIONS if item.id == "register.next_section")


class SafeInput(Input):
    """One line. Its value is set to safe text only; what is pasted is made safe, its lines joined by `joiner`."""

    # How wide the text is decides how far it scrolls, and not where anything stands: a letter lays out nothing anew
    virtual_size: reactive[Size] = reactive(Size(0, 0))

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "",
        joiner: str = " ",
        suggester: Suggester | None = None,
    ) -> None:
        super().__init__(value, placeholder=placeholder, suggester=suggester, select_on_focus=False, compact=True)
        self._joiner = joiner

    def replace(self, text: str, start: int, end: int) -> None:
        super().replace(_safe_piece(text, newlines=False), start, end)

    def on_paste(self, event: events.Paste) -> None:
        # Textual keeps the first line only; a pasted list is a list
        event.prevent_default()
        event.stop()
        lines = [line.strip() for line in event.text.splitlines()]
        self.replace(self._joiner.join(line for line in lines if line), *self.selection)


class SafeArea(TextArea):
    """Many lines; loaded with safe text only, and what is typed or pasted is made safe.

    Attributes:
        outside: what its file is called where it is edited outside.
    """

    outside = "text.txt"
    # Textual's own use of F6 here would keep people in the field
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"screen.{_NEXT_SECTION.name}", id=_NEXT_SECTION.id, show=False) for key in _NEXT_SECTION.keys),
        *bindings_for("area"),
    ]

    def edit(self, edit: Edit) -> EditResult:
        edit.text = _safe_piece(edit.text, newlines=True)
        return super().edit(edit)

    @flow
    async def action_edit_outside(self) -> None:
        """Let the person's own editor change the text; ctrl+z takes that back as one step."""
        host = host_of(self)
        edited = await edit_outside(host, self.text, self.outside)
        if edited.text is not None:
            self.replace(shown_lines(edited.text), (0, 0), self.document.end)
            self.move_cursor((0, 0))
        if edited.sentence:
            host.say(edited.sentence, "problem")


def _safe_piece(text: str, *, newlines: bool) -> str:
    # A mark typed after its letter arrives alone: only in front of nothing does it need a letter of its own
    return safe_text("a" + text, newlines=newlines)[1:]


def shown_line(raw: str) -> str:
    """A loaded text as one safe line."""
    return safe_text(raw)


def shown_lines(raw: str) -> str:
    """A loaded text as safe lines."""
    return safe_text(raw, newlines=True)


def move_by_arrows(event: events.Key, options: OptionList) -> None:
    """Let up and down in a line move in the list below it."""
    if event.key in ("up", "down") and not options.has_focus:
        event.stop()
        if event.key == "down":
            options.action_cursor_down()
        else:
            options.action_cursor_up()
