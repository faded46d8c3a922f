"""A time that passes by itself: whoever waits in a coroutine has waited."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class _Waiting(selectors.DefaultSelector):
    """Where nothing is to be read, the time until the next timer is over at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            self.now += timeout or 0.0
        return found


def in_a_moment(work: Coroutine[None, None, T]) -> T:
    """Run it in such a time, which begins at 0. For coroutines without threads and sockets, which take real time."""
    waiting = _Waiting()
    loop = asyncio.SelectorEventLoop(waiting)
    loop.time = lambda: waiting.now  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
