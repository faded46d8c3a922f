"""The editor of a Formfile: its words coloured, completion on a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, get_args

from rich.text import Text
from textual import events, on
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, TextArea
from textual.widgets.option_list import Option

from tui_registry.formfile import Completion, complete, tokens
from tui_registry.formfile.editor import TokenKind
from tui_registry.text import safe_text
from tui_registry.tui.actions import bindings_for
from tui_registry.tui.forms.inputs import SafeArea
from tui_registry.tui.forms.word_offers import MOST_SHOWN, beside

# Nobody reads a longer line; colouring it on each key would be felt.
_LONGEST_LINE = 2_000


class FormfileArea(SafeArea):
    """Many lines of a Formfile.

    `offers` is a list beside it that shows completions: while it is shown, the arrows, Enter and Esc are its own.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"formfile--{kind}" for kind in get_args(TokenKind)}
    BINDINGS = bindings_for("template")

    class NothingOffered(Message):
        """Completion was asked for where nothing is known."""

    def __init__(self, offers: OptionList) -> None:
        super().__init__(show_line_numbers=True, compact=True)
        self.offers = offers
        self._completions: Sequence[Completion] = ()

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if len(line) <= _LONGEST_LINE:
            for token in tokens(line.plain):
                style = self.get_component_rich_style(f"formfile--{token.kind}", partial=True)
                line.stylize(style, token.start, token.end)
        return line

    # ---- completion

    @property
    def offering(self) -> bool:
        """Whether the list of completions is shown."""
        return bool(self.offers.display)

    def action_complete(self) -> None:
        """Offer what could stand at the cursor; the only possibility is taken at once."""
        found = self._found()
        if len(found) == 1:
            self._take(found[0])
        elif found:
            self._show(found)
        else:
            self.post_message(self.NothingOffered())

    def close_offers(self) -> None:
        """Hide the list of completions."""
        self.offers.display = False

    def take_offer(self, index: int) -> None:
        """Write the completion that the list shows there."""
        if index < len(self._completions):
            self._take(self._completions[index])

    def on_key(self, event: events.Key) -> None:
        if not self.offering:
            return
        match event.key:
            case "down":
                self.offers.action_cursor_down()
            case "up":
                self.offers.action_cursor_up()
            case "enter":
                self.take_offer(self.offers.highlighted or 0)
            case "escape":
                self.close_offers()
            case _:
                return
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        self.close_offers()

    @on(TextArea.SelectionChanged)
    def _moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        if self.offering:
            self._show(self._found())

    def _found(self) -> list[Completion]:
        row, column = self.cursor_location
        return complete(self.text, row + 1, column + 1)

    def _show(self, found: list[Completion]) -> None:
        self._completions = found
        self.offers.clear_options()
        self.offers.add_options(Option(_words(one)) for one in found)
        self.offers.highlighted = 0 if found else None
        # Over what follows the cursor, so that the form never moves under it
        lines = min(len(found), MOST_SHOWN)
        self.offers.absolute_offset = beside(self.cursor_screen_offset, lines, self.screen.size.height)
        self.offers.display = bool(found)

    def _take(self, completion: Completion) -> None:
        self.close_offers()
        row, _ = self.cursor_location
        self.replace(
            completion.text, (row, completion.start - 1), (row, completion.end - 1), maintain_selection_offset=False
        )
        self.move_cursor((row, completion.start - 1 + len(completion.text)))


def _words(completion: Completion) -> Content:
    text = safe_text(completion.text.strip(), 40)
    return Content.assemble(f"{text:<14} ", (safe_text(completion.says, 80), "$text-muted"))
