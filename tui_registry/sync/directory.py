"""A static log in a directory. It may come from a stranger: no path leaves it, and only regular files are read."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Thread
from types import TracebackType
from typing import ParamSpec, TypeVar

from tui_registry.errors import Json
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.errors import SyncError, quoted
from tui_registry.sync.heads import HeadError, RemoteHead, parse_head
from tui_registry.sync.tiles import Span, TileError, Unpacker

P = ParamSpec("P")
T = TypeVar("T")

_CHUNK = 1 << 18
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody put there must not wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class DirTransport:
    """Reads `DIR/sync/head` and `DIR/sync/{epoch}/entries/...`, the paths that a node serves over HTTP."""

    answers = False

    def __init__(self, peer: str, directory: str, bounds: Bounds) -> None:
        self.received = 0
        self._peer = peer
        self._directory = directory
        self._bounds = bounds

    async def head(self, etag: str | None = None) -> RemoteHead | None:  # noqa: ARG002 - Transport's interface
        """The head; it is always read, a file being cheap."""
        return await self._in_time(self._bounds.head_seconds, self._head)

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        """Exactly the entries of the span."""
        return await self._in_time(self._bounds.request_seconds, self._entries, epoch, span)

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:  # noqa: ARG002 - Transport's interface
        """Nothing: a directory answers no questions."""
        return []

    async def reconcile(self, epoch: str, size: int | None, ranges: Json) -> Json:  # noqa: ARG002 - Transport's interface
        """None: a directory answers no questions."""
        return None

    async def __aenter__(self) -> DirTransport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def _in_time(self, seconds: float, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read in a thread, which is left behind when a network drive does not answer."""
        try:
            async with asyncio.timeout(seconds):
                return await _left_behind(partial(read, *args, **kwargs))
        except TimeoutError:
            raise self._fail("timeout", f"{self._shown} did not answer within {seconds:g} s") from None

    def _head(self) -> RemoteHead:
        try:
            data = b"".join(self._read(("sync", "head"), self._bounds.head_bytes))
        except FileNotFoundError:
            raise self._fail(*self._why_no_head()) from None
        try:
            return parse_head(data)
        except HeadError as error:
            raise self._fail(error.code, f"{self._shown} {error.reason}") from None

    def _why_no_head(self) -> tuple[str, str]:
        if not os.path.isdir(self._directory):  # noqa: PTH112 - the address is text as the user gave it
            return "no_directory", f"there is no directory {self._shown}. Is the drive mounted?"
        return "not_a_node", f"{self._shown} holds no registry log. Write one there with `export --log`"

    def _entries(self, epoch: str, span: Span) -> list[bytes]:
        limit = self._bounds.tile_bytes
        unpacker = Unpacker(limit)
        try:
            # Data that does not compress grows a little as gzip; what grows more is no honest tile.
            for chunk in self._read(("sync", epoch, "entries", span.name), limit + limit // 64 + 1024):
                unpacker.feed(chunk)
            return unpacker.lines(span.stop - span.first)
        except FileNotFoundError:
            raise self._fail("vanished", f"{self._shown} has no tile {span.name}, which its head promises") from None
        except TileError as error:
            raise self._fail(error.code, f"tile {span.name} {error.reason}") from None

    def _read(self, parts: Sequence[str], limit: int) -> Iterator[bytes]:
        """The file's bytes in chunks. Raises FileNotFoundError, and SyncError for everything else."""
        try:
            with _opened(self._directory, parts) as file:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise self._fail("protocol", f"{'/'.join(parts)} is not a regular file")
                read = 0
                while chunk := os.read(file, _CHUNK):
                    read += len(chunk)
                    self.received += len(chunk)
                    if read > limit:
                        raise self._fail("too_large", f"{'/'.join(parts)} is larger than {limit:,} bytes")
                    yield chunk
        except FileNotFoundError:
            raise
        except OSError as error:
            why = os.strerror(error.errno) if error.errno is not None else type(error).__name__
            raise self._fail("unreachable", f"{'/'.join(parts)} cannot be read: {why}") from None

    def _fail(self, code: str, reason: str) -> SyncError:
        return SyncError(self._peer, code, reason)

    @property
    def _shown(self) -> str:
        return quoted(self._directory, 120)


async def _left_behind(read: Callable[[], T]) -> T:
    """Read in a thread of its own, which neither the end of the event loop nor that of the program waits for. Those of
    asyncio are few and are waited for: a drive that hangs would take them from everybody."""
    told: Future[T] = Future()
    told.set_running_or_notify_cancel()

    def run() -> None:
        try:
            told.set_result(read())
        except BaseException as error:
            told.set_exception(error)

    Thread(target=run, name="reads a directory", daemon=True).start()
    return await asyncio.wrap_future(told)


@contextmanager
def _opened(directory: str, parts: Sequence[str]) -> Iterator[int]:
    """A descriptor of the file at `parts` below the directory; no component below it may be a symbolic link."""
    opened = [os.open(directory, _DIRECTORY)]
    try:
        for part in parts[:-1]:
            opened.append(os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        opened.append(os.open(parts[-1], _FILE, dir_fd=opened[-1]))
        yield opened[-1]
    finally:
        for descriptor in reversed(opened):
            os.close(descriptor)
