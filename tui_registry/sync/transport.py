"""How a peer's log is reached: a directory, such as a USB stick or a mounted share, or over HTTP (`http_transport`)."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Protocol, TypeVar

from tui_registry.crdt import claimed_hash
from tui_registry.crdt.sets import HASH_BYTES
from tui_registry.datastore import Peer
from tui_registry.errors import Json, system_reason
from tui_registry.present.found import Recommended
from tui_registry.present.pulls import SyncError
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.recommended import MOST_BYTES, PEERS, read_recommended
from tui_registry.sync.tiles import Answered, HashSpan, LogError, RemoteHead, Span, Unpacker, parse_head
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.sync.http_transport import HttpTransport

T = TypeVar("T")

# The folder of tiles that were fetched and are not stored yet, in the data directory.
INCOMING = "incoming"
_CHUNK = 1 << 18
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody put there must not wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Transport(Protocol):
    """One peer's log, read within bounds. Every method raises `SyncError` and nothing else.

    Attributes:
        answers: the peer answers questions (`missing`); a directory does not.
        past_caches: whether the peer itself is asked from now on, and no cache on the way to it answers, as far as
            those let us.
    """

    answers: bool
    past_caches: bool

    @property
    def received(self) -> int:
        """Bytes of message bodies so far."""

    async def head(self, etag: str | None = None) -> RemoteHead | None:
        """The peer's head; None when it is still the one that `etag` came with."""

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        """Exactly the entries of the span. `SyncError` code `vanished` when the peer has no such file."""

    async def stored(self, index: int) -> None:
        """Told once all entries before `index` are in this log: nothing need be kept of them for after a kill."""

    def doubt(self, start: int, stop: int) -> bool:
        """Whether any of these entries, some of which break a rule, came from another place than the peer itself: that
        is asked no more, and they may be asked for again."""

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:
        """Operations by hash, children first; maybe only some of them."""

    async def reconcile(self, epoch: str, size: int | None, ranges: Json) -> Json:
        """What the peer says of ranges of its log, as it came; None when it does not do this."""

    async def difference(self, question: dict[str, Json], most: int) -> Answered | None:
        """What the peer says of its log beside ours: at most so many bytes behind the members; None when it does not
        do this, or not of this log."""

    async def beginning(self, starts: Sequence[bytes]) -> list[bytes]:
        """Operations by what their hashes begin with, all as long; children first, and maybe only some of them."""

    async def hashes(self, epoch: str, span: HashSpan) -> bytes:
        """Exactly the hashes of the span. `SyncError` code `vanished` when the peer has no such file."""

    async def __aenter__(self) -> Transport: ...

    async def __aexit__(self, *details: object) -> None: ...


def open_transport(peer: Peer, bounds: Bounds, data_dir: Path | None = None) -> Transport:
    """The transport for a peer's address, an http(s) URL or a directory; to be used with `async with`.

    Args:
        data_dir: of the replica: what was fetched waits in `incoming` there until it is stored. None to keep nothing.
    """
    if is_url(peer.address):
        return open_node(peer.name, peer.address, bounds, None if data_dir is None else data_dir / INCOMING)
    return DirTransport(peer.name, peer.address, bounds)


def open_node(
    peer: str, address: str, bounds: Bounds, incoming: Path | None = None, *, next_time: str = ""
) -> HttpTransport:
    """The transport for a node or a static log at a URL; to be used with `async with`.

    Args:
        incoming, next_time: as of `HttpTransport`.
    """
    # What asks over HTTP takes long to import, and is for none but those who ask so.
    from tui_registry.sync.http_transport import HttpTransport

    return HttpTransport(peer, address, bounds, incoming, next_time=next_time)


def is_url(address: str) -> bool:
    """Whether a peer's address is an http(s) URL; otherwise it is a directory."""
    return address.lower().startswith(("http://", "https://"))


def answered(lines: Sequence[bytes]) -> set[str]:
    """The hashes that the lines of an answer of `Transport.missing` claim."""
    return {claim for line in lines if (claim := claimed_hash(line)) is not None}


class DirTransport:
    """A static log in a directory. It may come from a stranger: no path leaves it, and only regular files are read.

    Reads `DIR/sync/head` and `DIR/sync/{epoch}/entries/...`, the paths that a node serves over HTTP.
    """

    answers = False

    def __init__(self, peer: str, directory: str, bounds: Bounds) -> None:
        self.past_caches = True  # there are none
        self.received = 0
        self._peer = peer
        self._directory = directory
        self._bounds = bounds

    async def head(self, etag: str | None = None) -> RemoteHead | None:  # noqa: ARG002 - Transport's interface
        """The head; it is always read, a file being cheap."""
        return await self._in_time(self._bounds.head_seconds, self._head)

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        """Exactly the entries of the span."""
        return await self._in_time(self._bounds.request_seconds, partial(self._entries, epoch, span))

    async def stored(self, index: int) -> None:
        """Nothing: a directory is read again as quickly."""

    def doubt(self, start: int, stop: int) -> bool:  # noqa: ARG002 - Transport's interface
        """False: all comes from the directory."""
        return False

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:  # noqa: ARG002 - Transport's interface
        """Nothing: a directory answers no questions."""
        return []

    async def reconcile(self, epoch: str, size: int | None, ranges: Json) -> Json:  # noqa: ARG002 - Transport's interface
        """None: a directory answers no questions."""
        return None

    async def difference(self, question: dict[str, Json], most: int) -> Answered | None:  # noqa: ARG002 - Transport's interface
        """None: a directory answers no questions."""
        return None

    async def beginning(self, starts: Sequence[bytes]) -> list[bytes]:  # noqa: ARG002 - Transport's interface
        """Nothing: a directory answers no questions."""
        return []

    async def hashes(self, epoch: str, span: HashSpan) -> bytes:
        """Exactly the hashes of the span."""
        return await self._in_time(self._bounds.request_seconds, partial(self._hashes, epoch, span))

    async def recommended(self) -> tuple[Recommended, ...]:
        """The peers that are named beside the log: a claim. None where none are.

        Raises:
            SyncError: they cannot be read, or `protocol`: they are no such list.
        """
        return await self._in_time(self._bounds.head_seconds, self._recommended)

    async def __aenter__(self) -> DirTransport:
        return self

    async def __aexit__(self, *details: object) -> None:
        return None

    async def _in_time(self, seconds: float, read: Callable[[], T]) -> T:
        """Read in a thread, which is left behind when a network drive does not answer."""
        try:
            async with asyncio.timeout(seconds):
                return await left_behind(read)
        except TimeoutError:
            raise self._fail("timeout", f"{self._shown} did not answer within {seconds:g} s") from None

    def _head(self) -> RemoteHead:
        try:
            data = b"".join(self._read(("sync", "head"), self._bounds.head_bytes))
        except FileNotFoundError:
            raise self._fail(*self._why_no_head()) from None
        try:
            return parse_head(data)
        except LogError as error:
            raise self._fail(error.code, f"{self._shown} {error.reason}") from None

    def _recommended(self) -> tuple[Recommended, ...]:
        try:
            return read_recommended(b"".join(self._read(PEERS.split("/"), MOST_BYTES)))
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise self._fail("protocol", f"names peers by something that {error}") from None

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
        except LogError as error:
            raise self._fail(error.code, f"tile {span.name} {error.reason}") from None

    def _hashes(self, epoch: str, span: HashSpan) -> bytes:
        size = span.count * HASH_BYTES
        try:
            data = b"".join(self._read(("sync", epoch, "hashes", span.name), size))
        except FileNotFoundError:
            raise self._fail("vanished", f"{self._shown} has no hashes {span.name}, which its head promises") from None
        if len(data) != size:
            raise self._fail("bad_tile", f"{span.name} does not hold as many hashes as its name promises")
        return data

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
            raise self._fail("unreachable", f"{'/'.join(parts)} cannot be read: {system_reason(error)}") from None

    def _fail(self, code: str, reason: str) -> SyncError:
        return SyncError(self._peer, code, reason)

    @property
    def _shown(self) -> str:
        return safe_text(self._directory, 120)


async def left_behind(read: Callable[[], T]) -> T:
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
