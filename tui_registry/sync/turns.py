"""Whose turn it is: how many peers are pulled from together, and that none keeps another waiting without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from tui_registry.sync.bounds import Bounds


class Turns:
    """The turns of pulls that run beside one another, in one event loop. Whoever comes first is first.

    A turn may last as long as nobody waits, and `turn_seconds` at least. After that the one that has lasted longest
    ends for each that waits.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._seconds = bounds.turn_seconds
        self._free = asyncio.Semaphore(bounds.peers_at_once)
        self._waiting = 0
        self._overdue: list[asyncio.Event] = []

    @asynccontextmanager
    async def turn(self, cancel: asyncio.Event | None = None) -> AsyncIterator[asyncio.Event | None]:
        """Wait for a turn, and have it during the block: the event is set once it has to end.

        Args:
            cancel: ends the waiting: the block gets None then, and has no turn.
        """
        if not await self._began(cancel):
            yield None
            return
        over = asyncio.Event()
        timer = asyncio.get_running_loop().call_later(self._seconds, self._lasted, over)
        try:
            yield over
        finally:
            timer.cancel()
            if over in self._overdue:
                self._overdue.remove(over)
            self._free.release()

    async def _began(self, cancel: asyncio.Event | None) -> bool:
        self._waiting += 1
        if self._free.locked():
            self._make_way()
        try:
            return await _unless(cancel, self._free)
        finally:
            self._waiting -= 1

    def _lasted(self, over: asyncio.Event) -> None:
        self._overdue.append(over)
        self._make_way()

    def _make_way(self) -> None:
        ending = sum(over.is_set() for over in self._overdue)
        for over in self._overdue[ending : self._waiting]:
            over.set()


async def _unless(cancel: asyncio.Event | None, free: asyncio.Semaphore) -> bool:
    """Take a place; False, and none taken, when it was cancelled first."""
    if cancel is None:
        return await free.acquire()
    taking, told = asyncio.ensure_future(free.acquire()), asyncio.ensure_future(cancel.wait())
    try:
        await asyncio.wait({taking, told}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        _give_back(taking, free)
        raise
    finally:
        told.cancel()
    if cancel.is_set():
        _give_back(taking, free)
        return False
    return True


def _give_back(taking: asyncio.Task[Literal[True]], free: asyncio.Semaphore) -> None:
    if taking.done() and not taking.cancelled():
        free.release()
    else:
        taking.cancel()
