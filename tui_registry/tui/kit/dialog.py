"""The base of the small questions that a screen asks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.flows import FlowScreen

Answer = TypeVar("Answer")


class Dialog(FlowScreen[Answer | None], ModalScreen[Answer | None], Generic[Answer]):
    """A question over the screen. Esc closes it without an answer (None)."""

    # Whole, because Textual looks beside the module of the subclass.
    CSS_PATH: ClassVar[str] = str(Path(__file__).with_name("dialogs.tcss"))
    BINDINGS = bindings_for("dialog")

    def __init__(self, question: str, detail: str = "") -> None:
        """
        Args:
            question, detail: plain text, also from strangers; it is made safe here.
        """
        super().__init__()
        self._question = Content(safe_text(question, 400))
        self._detail = Content(safe_text(detail, 2000, newlines=True))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, classes="question")
            if self._detail:
                yield Static(self._detail, classes="detail")
            yield from self.compose_answers()

    def compose_answers(self) -> Iterable[Widget]:
        """What the question is answered with."""
        raise NotImplementedError

    def action_back(self) -> None:
        self.dismiss(None)
