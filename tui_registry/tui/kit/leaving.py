"""The base of every screen that is left with an answer, and opens others over itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Result = TypeVar("Result")
Answer = TypeVar("Answer")


class LeavingScreen(Screen[Result], Generic[Result]):
    """A screen that answers once, is never what another screen is closed by, and opens others over itself alone.

    Textual's own `dismiss` takes away whatever is on top, and its `push_screen` lies over whatever is on top. That need
    not be the screen that calls it: two keys that arrive in one read are both its own, though the first has closed or
    covered it; and a worker may end while help lies over it, or while another mode is shown.

    Attributes:
        answered_unseen: it answered while another mode was shown, and is still there until its own is shown again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answered_unseen = False
        self._answer: tuple[Result | None] | None = None
        self._waiting: list[Callable[[], object]] = []

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Answer and go; later, where something lies over the screen. Only the first answer counts."""
        if self._answer is not None:
            return AwaitComplete()
        self._answer = (result,)
        self.answered_unseen = not self.is_current
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def open_screen(
        self, screen: Screen[Answer], answered: Callable[[Answer | None], None] | None = None, *, later: bool = False
    ) -> None:
        """Open a screen over this one. Where this one is not in front, its person has gone on: nothing is opened.

        Args:
            answered: is called with the answer.
            later: open it when this screen is in front again, for what no key could ask for once more.
        """
        if self.is_active:
            self.app.push_screen(screen, answered)
        elif later:
            self._waiting.append(partial(self.app.push_screen, screen, answered))

    def on_screen_resume(self) -> None:
        if not self.is_active:
            return
        if self._answer is not None:
            super().dismiss(*self._answer)
        elif self._waiting:
            self._waiting.pop(0)()
