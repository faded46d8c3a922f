"""Where a node's work in threads waits: reads, searches, writes and pushes each in a line of their own, so that what is
slow in one kind (a long search, a lock that another process holds) holds up nothing of the others."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

from tui_registry.node.limits import NodeBounds, place_of
from tui_registry.node.responses import later
from tui_registry.node.watch import Waiting

_P = ParamSpec("_P")
_T = TypeVar("_T")
# An address as ASGI has it, in `scope["client"]`.
Client = tuple[str, int] | None
# Of the threads of a kind, and of the places to wait for one, nobody has more than these parts.
_SHARE_OF_THREADS = 2
_SHARE_OF_PLACES = 4


class Queues:
    """Four lines for work in threads, each with its threads and its places to wait for one.

    A thread that is free goes to each client in turn, and none has more than half of the threads (one at least) or a
    quarter of the places. Where all places are taken, the one who has most of them makes way for who has fewer.
    All methods belong to one event loop; they take the client as `scope["client"]` has it, the function and its
    arguments, and return or raise what the function does. A caller that is cancelled leaves the function to end by
    itself; its thread is counted until then.

    Raises:
        NodeError: `too_many` (429): the client waits for as much as one may; `busy` (503): all places are taken, or no
            thread was free in time. Both say in Retry-After when to come back.
    """

    def __init__(self, bounds: NodeBounds) -> None:
        self._reads, self._searches = _Line("reading"), _Line("searching")
        self._writes, self._pushes = _Line("writing"), _Line("pushing")
        # Set once the server ends: whoever waits for what is still to come gives up then.
        self.ending = asyncio.Event()
        self.renew(bounds)

    def renew(self, bounds: NodeBounds) -> None:
        """Go by these bounds from now on."""
        # Reads are short; a client behind a proxy may have as many as its connections.
        self._reads.renew(bounds.threads, bounds.connections, bounds.wait_seconds)
        self._searches.renew(bounds.search_threads, bounds.waiting, bounds.wait_seconds)
        self._writes.renew(bounds.write_threads, bounds.waiting, bounds.wait_seconds)
        self._pushes.renew(bounds.pushes_at_once, bounds.waiting, bounds.push_wait_seconds)

    async def read(self, client: Client, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """Do what looks up little and ends soon."""
        return await self._reads.run(client, lambda: work(*args, **named))

    async def search(self, client: Client, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """Do what may look through all that there is."""
        return await self._searches.run(client, lambda: work(*args, **named))

    async def write(self, client: Client, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """Do what waits for the replica's one writer."""
        return await self._writes.run(client, lambda: work(*args, **named))

    async def push(self, client: Client, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """Do what checks and stores operations of others."""
        return await self._pushes.run(client, lambda: work(*args, **named))

    def counts(self) -> dict[str, Waiting]:
        """What each line has to tell, by what it does."""
        lines = (self._reads, self._searches, self._writes, self._pushes)
        return {line.doing: line.counts() for line in lines}

    def close(self) -> None:
        """Wait for what has begun, and let the threads end. Nothing can be done after."""
        for line in (self._reads, self._searches, self._writes, self._pushes):
            line.close()


# How


class _Line:
    """The line of one kind."""

    def __init__(self, doing: str) -> None:
        self.doing = doing
        self._threads = self._free = 0
        # The last one is in use; in those before, what had begun comes to its end.
        self._pools: list[ThreadPoolExecutor] = []
        self._running: dict[str, int] = {}
        # Those who wait; the client whose turn is next stands first. While a thread is free, nobody waits who may have
        # it.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._count = 0
        # Seconds that one takes, the last ones counting most.
        self._usual = 1.0
        self._waited = 0
        self._waited_seconds = 0.0
        self._refused = {"too_many": 0, "busy": 0}

    def counts(self) -> Waiting:
        return Waiting(self._threads - self._free, self._count, self._waited, self._waited_seconds, dict(self._refused))

    def renew(self, threads: int, places: int, seconds: float) -> None:
        self._share = max(threads // _SHARE_OF_THREADS, 1)
        self._places = places
        self._places_of_one = max(places // _SHARE_OF_PLACES, 1)
        self._seconds = seconds
        if threads == self._threads:
            return
        # While what had begun ends, fewer than none may be free.
        self._free += threads - self._threads
        self._threads = threads
        for pool in self._pools:
            pool.shutdown(wait=False)
        self._pools.append(ThreadPoolExecutor(threads, f"node-{self.doing}"))
        self._let_in()

    async def run(self, client: Client, work: Callable[[], _T]) -> _T:
        place = "" if client is None else place_of(client[0]) or ""
        if self._may_begin(place):
            self._begin(place)
        else:
            await self._turn(place)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()
        began = time.monotonic()

        def ended(settle: Callable[[], None]) -> None:
            self._usual += (time.monotonic() - began - self._usual) / 4
            self._end(place)
            if not answer.done():  # somebody still waits for it
                settle()

        def in_thread() -> None:
            try:
                settle = partial(answer.set_result, work())
            except BaseException as raised:
                # Whatever it is, it is raised where the work was asked for.
                settle = partial(answer.set_exception, raised)
            with suppress(RuntimeError):  # the loop has ended before
                loop.call_soon_threadsafe(ended, settle)

        self._pools[-1].submit(in_thread)
        return await answer

    def close(self) -> None:
        for pool in self._pools:
            pool.shutdown()

    async def _turn(self, place: str) -> None:
        """Wait until a thread is this client's."""
        own = self._waiting.get(place, ())
        if len(own) >= self._places_of_one:
            self._refused["too_many"] += 1
            raise later("too_many", f"you are {self.doing} too much at once", len(own) * self._usual / self._share)
        if self._count >= self._places and not self._make_way(len(own)):
            raise self._busy()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(place, deque()).append(turn)
        self._count += 1
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds) as timeout:
                await turn
        except BaseException as error:
            if turn in self._waiting.get(place, ()):
                self._leave(place, turn)
            elif not turn.cancelled() and turn.exception() is None:  # it came together with what ended the waiting
                self._end(place)
            if isinstance(error, TimeoutError) and timeout.expired():
                raise self._busy() from None
            raise
        self._waited += 1
        self._waited_seconds += time.monotonic() - began

    def _make_way(self, own: int) -> bool:
        """Whether a place became free for a client that has so many: the last who came of those who have most goes."""
        most = max(self._waiting, key=lambda place: len(self._waiting[place]), default=None)
        if most is None or len(self._waiting[most]) <= own + 1:
            return False
        last = self._waiting[most][-1]
        self._leave(most, last)
        last.set_exception(self._busy())
        return True

    def _leave(self, place: str, turn: asyncio.Future[None]) -> None:
        own = self._waiting[place]
        own.remove(turn)
        self._count -= 1
        if not own:
            del self._waiting[place]

    def _may_begin(self, place: str) -> bool:
        return self._free > 0 and self._running.get(place, 0) < self._share

    def _begin(self, place: str) -> None:
        self._free -= 1
        self._running[place] = self._running.get(place, 0) + 1

    def _end(self, place: str) -> None:
        self._free += 1
        self._running[place] -= 1
        if not self._running[place]:
            del self._running[place]
        self._let_in()

    def _let_in(self) -> None:
        while (following := next(filter(self._may_begin, self._waiting), None)) is not None:
            own = self._waiting.pop(following)
            turn = own.popleft()
            self._count -= 1
            if own:  # behind the others now
                self._waiting[following] = own
            if not turn.done():
                self._begin(following)
                turn.set_result(None)

    def _busy(self) -> Exception:
        self._refused["busy"] += 1
        return later("busy", f"others are {self.doing} just now", self._count * self._usual / self._threads)
