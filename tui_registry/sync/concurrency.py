"""What runs at the same time: blocking work in threads, several pulls in turns, and within one pull the fetching and
checking of what comes next while the batch before is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Literal, ParamSpec, TypeVar

from tui_registry.present.pulls import SyncError
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.tiles import Span
from tui_registry.sync.transport import Transport

P = ParamSpec("P")
T = TypeVar("T")

_FIRST_BATCH = 1024


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread. A task that is cancelled meanwhile waits until the work has ended, so that
    transactions stay whole."""
    future = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait({future})
        if not future.cancelled():
            future.exception()  # read, so that asyncio does not report it as never retrieved
        raise


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


async def fetch_ahead(
    transport: Transport, epoch: str, wanted: Iterable[Span], bounds: Bounds
) -> AsyncGenerator[tuple[Span, list[bytes], int], None]:
    """Each span with its lines and their size in bytes, in order.

    At most `requests_at_once` requests run; at most `unread_tiles` tiles, and about `unread_bytes`, wait to be taken.

    Raises:
        SyncError: where that span's turn comes; everything before it was handed out.
    """
    window = _Window(bounds)
    feeder = asyncio.ensure_future(_feed(transport, epoch, wanted, window))
    try:
        while (waiting := await window.queue.get()) is not None:
            span, task = waiting
            lines, size = await task
            yield span, lines, size
            window.taken(size)
        await feeder
    finally:
        feeder.cancel()
        await asyncio.wait({feeder})
        for task in window.running:
            task.cancel()
        if window.running:
            await asyncio.wait(window.running)


async def in_batches(
    tiles: AsyncGenerator[tuple[Span, list[bytes], int], None], start: int, bounds: Bounds
) -> AsyncGenerator[list[bytes], None]:
    """The lines from log index `start` on, in batches for one transaction each: small ones first, so that something is
    stored and told soon, then larger ones, which cost less an op.

    Raises:
        SyncError: after everything that came before it was handed out.
    """
    batch: list[bytes] = []
    size, most = 0, min(_FIRST_BATCH, bounds.batch_ops)
    async with aclosing(tiles):
        try:
            async for span, lines, length in tiles:
                batch += lines[max(0, start - span.start) :]
                size += length
                if len(batch) >= most or size >= bounds.batch_bytes:
                    yield batch
                    batch, size, most = [], 0, min(most * 2, bounds.batch_ops)
        except SyncError:
            if batch:
                yield batch
            raise
    if batch:
        yield batch


async def check_ahead(
    batches: AsyncGenerator[list[bytes], None], check: Callable[[list[bytes]], Coroutine[None, None, T]]
) -> AsyncGenerator[T, None]:
    """What `check` makes of each batch, in order and as soon as it is there: the next one is fetched and checked while
    the caller stores the one before.

    Raises:
        SyncError: after everything that came before it was handed out.
    """
    checking: asyncio.Queue[asyncio.Task[T] | None] = asyncio.Queue()
    running: set[asyncio.Task[T]] = set()
    room = asyncio.Semaphore(2)  # one that is stored, one that is checked

    async def feed() -> None:
        try:
            async with aclosing(batches):
                async for batch in batches:
                    await room.acquire()
                    task = asyncio.create_task(check(batch))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    checking.put_nowait(task)
        finally:
            checking.put_nowait(None)

    feeder = asyncio.create_task(feed())
    try:
        while (task := await checking.get()) is not None:
            yield await task
            room.release()
        await feeder
    finally:
        left = (feeder, *running)
        for ended in left:
            ended.cancel()
        await asyncio.wait(left)
        for ended in left:
            if not ended.cancelled():
                ended.exception()  # read likewise: the caller gets an earlier failure


# How


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


class _Window:
    """What is fetched or being fetched and not yet taken."""

    def __init__(self, bounds: Bounds) -> None:
        self.queue: asyncio.Queue[tuple[Span, asyncio.Task[tuple[list[bytes], int]]] | None] = asyncio.Queue()
        self.running: set[asyncio.Task[tuple[list[bytes], int]]] = set()
        self.requests = asyncio.Semaphore(bounds.requests_at_once)
        self._bounds = bounds
        self._tiles = 0
        self._bytes = 0
        self._changed = asyncio.Event()

    async def room(self) -> None:
        """Wait until another tile may be asked for, and count it."""
        while self._tiles >= self._bounds.unread_tiles or self._bytes >= self._bounds.unread_bytes:
            self._changed.clear()
            await self._changed.wait()
        self._tiles += 1

    def arrived(self, size: int) -> None:
        self._bytes += size

    def ended(self, task: asyncio.Task[tuple[list[bytes], int]]) -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.exception()  # read likewise: the caller gets the first failure, and no later one

    def taken(self, size: int) -> None:
        self._tiles -= 1
        self._bytes -= size
        self._changed.set()


async def _feed(transport: Transport, epoch: str, wanted: Iterable[Span], window: _Window) -> None:
    async def fetch(span: Span) -> tuple[list[bytes], int]:
        try:
            lines = await transport.entries(epoch, span)
            size = sum(map(len, lines))
            window.arrived(size)
            return lines, size
        finally:
            window.requests.release()

    try:
        for span in wanted:
            await window.room()
            await window.requests.acquire()
            task = asyncio.ensure_future(fetch(span))
            window.running.add(task)
            task.add_done_callback(window.ended)
            window.queue.put_nowait((span, task))
    finally:
        window.queue.put_nowait(None)
