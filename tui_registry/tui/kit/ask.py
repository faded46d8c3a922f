"""One line of text, checked while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui_registry.text import safe_text
from tui_registry.tui.kit.dialog import Dialog
from tui_registry.tui.kit.line_input import LineInput

Check = Callable[[str], str | None]


class AskScreen(Dialog[str]):
    """The text, stripped; None when closed. Enter is refused while the check has something to say."""

    AUTO_FOCUS = "Input"

    def __init__(
        self,
        question: str,
        value: str = "",
        placeholder: str = "",
        check: Check | None = None,
        detail: str = "",
        wrong: str = "",
    ) -> None:
        """
        Args:
            check: says what is wrong with the text, or None.
            wrong: what was wrong with `value`, when it was the answer before.
        """
        super().__init__(question, detail)
        self._value = value
        self._placeholder = placeholder
        self._check = check
        self._wrong = wrong

    def compose_answers(self) -> Iterable[Widget]:
        yield LineInput(value=self._value, placeholder=self._placeholder, compact=True)
        yield Static(Content(safe_text(self._wrong, 300)), classes="wrong")

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        if message.value != self._value:
            self._show(None)

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        text = message.value.strip()
        wrong = None if self._check is None else self._check(text)
        if wrong is None:
            self.dismiss(text)
        else:
            self._show(wrong)

    def _show(self, wrong: str | None) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(wrong or "", 300)))
