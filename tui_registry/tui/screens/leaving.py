"""The base of every screen that is left with an answer."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Result = TypeVar("Result")


class LeavingScreen(Screen[Result], Generic[Result]):
    """A screen that answers once, and is never what another screen is closed by.

    Textual's own `dismiss` takes away whatever is on top. That need not be the screen that answers: two keys that
    arrive in one read are both its own, though the first has closed it; and a worker may tell of the end of its work
    while help lies over it.
    """

    _answer: tuple[Result | None] | None = None

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Answer and go; later, where something lies over the screen. Only the first answer counts."""
        if self._answer is not None:
            return AwaitComplete()
        self._answer = (result,)
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def on_screen_resume(self) -> None:
        if self._answer is not None and self.is_active:
            super().dismiss(*self._answer)
