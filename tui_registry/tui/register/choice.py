"""A choice of a few names: its menu shows those that hold what is typed, and offers the rest as Other."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Select
from textual.widgets._select import SelectCurrent, SelectOverlay
from textual.widgets.option_list import Option

from tui_registry.text import safe_text
from tui_registry.tui.register.texts import OTHER


class ChoiceMenu(SelectOverlay):
    """The menu. Typing narrows it, Backspace widens it again; what is typed can be taken as Other."""

    class Named(Message):
        """Other was taken with what was typed as its text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(type_to_search=False)
        self._choices: Sequence[tuple[str, str]] = ()
        self._typed = ""

    def offer(self, choices: Sequence[tuple[str, str]]) -> None:
        """Show these, each with its value; none of them is hidden any more."""
        self._choices, self._typed = choices, ""
        self._show()

    def check_consume_key(self, key: str, character: str | None = None) -> bool:  # noqa: ARG002 - Textual's interface
        return character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        if event.character is not None and event.is_printable:
            self._narrow(self._typed + event.character)
        elif event.key == "backspace":
            self._narrow(self._typed[:-1])
        else:
            return
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        self._narrow("")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        # The place in the whole menu, not the one in what is left of it
        event.prevent_default()
        place, typed = int(event.option_id or 0), self._typed.strip()
        self.post_message(self.UpdateSelection(place))
        if self._choices[place][1] == OTHER and typed:
            self.post_message(self.Named(typed))

    def _narrow(self, typed: str) -> None:
        if typed != self._typed:
            self._typed = typed
            self._show()
            self.action_first()

    def _show(self) -> None:
        typed = self._typed.strip()
        self.clear_options()
        for place, (prompt, value) in enumerate(self._choices):
            if value == OTHER and typed:
                self.add_option(Option(Content(f"Other: {safe_text(typed, 40)}"), id=str(place)))
            elif value == OTHER or typed.lower() in prompt.lower():
                self.add_option(Option(Content(prompt), id=str(place)))


class ChoiceSelect(Select[str]):
    """One of a few names; `choices` are (what is shown, value)."""

    def __init__(self, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(choices, allow_blank=False, compact=True)
        self._choices = choices

    def compose(self) -> ComposeResult:
        yield SelectCurrent(self.prompt)
        yield ChoiceMenu().data_bind(compact=Select.compact)

    def _setup_options_renderables(self) -> None:
        self.query_one(ChoiceMenu).offer(self._choices)
