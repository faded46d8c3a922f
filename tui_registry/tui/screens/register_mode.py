"""The base of the mode 2: the form lies over it. Leaving the form leaves the mode; a form that is open stays open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.widget import Widget
from textual.widgets import Static

from tui_registry.tui.messages import ShowRecord
from tui_registry.tui.screens.frame import FrameScreen

if TYPE_CHECKING:
    from tui_registry.tui.forms.saved import Saved


class RegisterMode(FrameScreen[None]):
    """Opens the form as soon as it is shown, and goes to Browse when the form is done."""

    MODE: ClassVar[str] = "app.register"

    def compose_body(self) -> Iterable[Widget]:
        yield Static()

    def __init__(self) -> None:
        super().__init__()
        self._has_form = False

    def on_screen_resume(self) -> None:
        # This screen is shown again before the answer of the form that was left comes to it
        if self.is_active and not self._has_form:
            from tui_registry.tui.screens.register import RegisterScreen

            self._has_form = True
            self.app.push_screen(RegisterScreen("model"), self._form_left)

    def _form_left(self, saved: Saved | None) -> None:
        self._has_form = False
        self.app.post_message(ShowRecord(None if saved is None else saved.id))
