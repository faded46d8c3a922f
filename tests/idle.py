"""A loop that knows when nothing is left to do, so that a test need not sleep until things are probably over.

Where a test waits until the loop is idle and nothing is at work in a thread, the loop's clock goes forward to the next
timer that is due soon: a screen that draws sixty times a second is not waited for sixteen milliseconds after each key.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Final

# A timer that is due sooner than that is at work already, as far as waiting for the loop goes.
_SOON_SECONDS: Final = 0.02
# After so long something ticks that never ends, or the machine is very busy.
_IDLE_SECONDS: Final = 5


class _Selector(selectors.DefaultSelector):
    """Says when the loop would begin to wait.

    Attributes:
        threads: how many calls are running in threads of the loop's executor.
        ahead: seconds by which the loop's clock was put forward.
    """

    def __init__(self) -> None:
        super().__init__()
        self.idle = list[asyncio.Future[None]]()
        self.threads = 0
        self.ahead = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        is_soon = timeout is not None and timeout <= _SOON_SECONDS
        if not self.idle or (is_soon and self.threads):
            return super().select(timeout)
        ready = super().select(0)
        if ready:
            return ready
        if is_soon:
            self.ahead += timeout or 0.0
            return ready
        for future in self.idle:
            if not future.done():
                future.set_result(None)
        self.idle.clear()
        return ready


class IdleLoop(asyncio.SelectorEventLoop):
    """The loop that tests run in."""

    def __init__(self) -> None:
        self._watching = _Selector()
        self._return: asyncio.Future[None] | None = None
        super().__init__(self._watching)

    def time(self) -> float:
        return super().time() + self._watching.ahead

    @property
    def threads(self) -> int:
        """How many calls are running in threads of the loop's executor."""
        return self._watching.threads

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self._watching.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self._watching.threads -= 1
        if self._return is not None and not self._return.done():
            self._return.set_result(None)

    async def until_returned(self, seconds: float) -> None:
        """Wait until a call that is running in a thread returns, but no longer than that."""
        self._return = self.create_future()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._return

    async def until_idle(self) -> bool:
        """Return when every task waits for something that is not in the loop: a thread, a socket or a later time.

        Returns:
            False where that did not come about within some seconds, as on a busy machine with something that ticks.
        """
        future = self.create_future()
        self._watching.idle.append(future)
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await future
        except TimeoutError:
            return False
        return True
