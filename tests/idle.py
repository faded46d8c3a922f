"""A loop that knows when nothing is left to do, so that a test need not sleep until things are probably over."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

# A timer that is due sooner than that is waited for, as if it were at work already.
_SOON_SECONDS: Final = 0.02


class _Selector(selectors.DefaultSelector):
    """Says when the loop would begin to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = list[asyncio.Future[None]]()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self.idle or (timeout is not None and timeout <= _SOON_SECONDS):
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            for future in self.idle:
                if not future.done():
                    future.set_result(None)
            self.idle.clear()
        return ready


class IdleLoop(asyncio.SelectorEventLoop):
    """The loop that tests run in.

    Attributes:
        threads: how many calls are running in threads of the loop's executor.
    """

    def __init__(self) -> None:
        self._watching = _Selector()
        self.threads = 0
        super().__init__(self._watching)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self.threads -= 1

    async def until_idle(self) -> bool:
        """Return when every task waits for something that is not in the loop: a thread, a socket or a later time.

        Returns:
            False where that did not come about within a second, as on a busy machine with something that ticks.
        """
        future = self.create_future()
        self._watching.idle.append(future)
        try:
            async with asyncio.timeout(1):
                await future
        except TimeoutError:
            return False
        return True
