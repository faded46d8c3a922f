"""A yes-or-no question before something that cannot be taken back lightly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button

from tui_registry.tui.kit.dialog import Dialog


class ConfirmScreen(Dialog[bool]):
    """True for yes; False for no; None when closed. No has the focus: Enter alone changes nothing."""

    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)"),
        ("n", "answer(False)"),
        ("left", "app.focus_previous"),
        ("right", "app.focus_next"),
    ]

    def __init__(self, question: str, detail: str = "", yes: str = "Yes", no: str = "No") -> None:
        super().__init__(question, detail)
        self._yes = yes
        self._no = no

    def compose_answers(self) -> Iterable[Widget]:
        yield Horizontal(
            Button(Content(f"{self._no} (n)"), id="no"),
            Button(Content(f"{self._yes} (y)"), id="yes", variant="error"),
            classes="answers",
        )

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        message.stop()
        self.dismiss(message.button.id == "yes")
