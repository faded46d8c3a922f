"""One of a few things, by one key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_registry.text import safe_text
from tui_registry.tui.kit.dialog import Dialog


@dataclass(frozen=True, slots=True)
class Choice:
    """`key` picks it at once, `value` is the answer, `note` says more in a few words."""

    key: str
    value: str
    label: str
    note: str = ""


class ChooseScreen(Dialog[str]):
    """The value of what was chosen, None when closed."""

    AUTO_FOCUS = "OptionList"

    def __init__(self, question: str, choices: Sequence[Choice], detail: str = "") -> None:
        super().__init__(question, detail)
        self._choices = choices

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(
                Option(
                    Content.assemble(
                        (f" {choice.key} ", "bold $text-accent"),
                        " ",
                        safe_text(choice.label, 100),
                        (f"  {safe_text(choice.note, 100)}" if choice.note else "", "$foreground-muted"),
                    )
                )
                for choice in self._choices
            )
        )

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if event.character == choice.key:
                event.stop()
                self.dismiss(choice.value)

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(self._choices[message.option_index].value)
