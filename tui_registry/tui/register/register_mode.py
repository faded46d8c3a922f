"""The base of the mode 2: the form lies over it. Leaving the form leaves the mode; a form that is open stays open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.widget import Widget
from textual.widgets import Static

from tui_registry.tui.kit.frame_screen import FrameScreen
from tui_registry.tui.kit.messages import ShowRecord

if TYPE_CHECKING:
    from tui_registry.tui.register.register_screen import RegisterScreen
    from tui_registry.tui.register.saved import Saved


class RegisterMode(FrameScreen[None]):
    """Opens the form as soon as it is shown, and goes to Browse when the form is done."""

    MODE: ClassVar[str] = "app.register"

    def compose_body(self) -> Iterable[Widget]:
        yield Static()

    def __init__(self) -> None:
        super().__init__()
        self._form: RegisterScreen | None = None

    def on_screen_resume(self) -> None:
        # This screen may be shown again before the answer of the form that was left comes to it
        if self.is_active and self._form is None:
            self._open_form()

    def _open_form(self) -> None:
        from tui_registry.tui.register.register_screen import RegisterScreen

        self._form = RegisterScreen("model")
        self.open_screen(self._form, self._form_left)

    def _form_left(self, saved: Saved | None) -> None:
        form, self._form = self._form, None
        if not self.is_active:
            return  # who has gone to another mode stays there, and finds a fresh form here
        if form is not None and form.answered_unseen:
            # It was done while another mode was shown; whoever comes back now wants to register
            self._open_form()
            return
        # At once: this screen would open a form where it is told only after this that it is shown again
        self.app.switch_mode("browse")
        if saved is not None:
            self.app.post_message(ShowRecord(saved.id))
