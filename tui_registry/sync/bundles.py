"""Bundles: up to 65,536 operations of a log in one file, to carry on a stick or to offer for a first clone (see
protocol.md, Bundles). A plain tar of what a node serves under these names, so that unpacking bundles in their order
makes a published directory."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tui_registry.crdt import claimed_hash
from tui_registry.datastore import ApplyReport, Datastore, Head, Shared
from tui_registry.durable import drafted, make_folder, sweep, sync_folder
from tui_registry.errors import Json, system_reason
from tui_registry.present.pulls import SyncError
from tui_registry.sync.bounds import TILE_OPS, Bounds
from tui_registry.sync.publishing import SETS_SECONDS, PublishError
from tui_registry.sync.tiles import (
    Answered,
    HashSpan,
    LogError,
    RemoteHead,
    Span,
    Unpacker,
    pack,
    parse_head,
    spans,
    spell_head,
)
from tui_registry.text import exact, safe_text

BUNDLE_TILES = 256
BUNDLE_OPS = BUNDLE_TILES * TILE_OPS

_BLOCK = 512
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_HEAD = "sync/head"
_MODULUS = 2**256


# Writing


@dataclass(frozen=True, slots=True)
class Bundled:
    """A log that lies in bundles. `written` of them, with so many `bytes`, were made now; the others were there.
    `shared`: whether it has another epoch than before, and why."""

    files: tuple[Path, ...]
    head: Head
    written: int
    bytes: int
    shared: Shared


def write_bundles(
    datastore: Datastore, directory: Path | str, *, progress: Callable[[int, int], None] | None = None
) -> Bundled:
    """Write this replica's log as bundles into a directory, or bring what is there up to date: full ones never change.

    Args:
        directory: is made when it is missing.
        progress: called with the ops that are behind and all ops, after each bundle.

    Raises:
        PublishError: `unwritable`.
    """
    root = Path(directory)
    try:
        make_folder(root, 0o777)
        sweep(root)
        done = _write_bundles(datastore, root, progress or (lambda *_: None), datastore.mark.share())
        sync_folder(root)
    except OSError as error:
        raise PublishError("unwritable", f"{safe_text(str(root))} cannot be written: {system_reason(error)}") from None
    return done


def _write_bundles(datastore: Datastore, root: Path, progress: Callable[[int, int], None], shared: Shared) -> Bundled:
    datastore.log.finish_sets(SETS_SECONDS)
    head = datastore.log.signed_head()
    files: list[Path] = []
    total = written = size = 0
    for start in range(0, head.size, BUNDLE_OPS):
        end = min(start + BUNDLE_OPS, head.size)
        for span in spans(start, end, ranges=False):
            total += sum(int(claimed_hash(line) or "0", 16) for line in datastore.log.lines(span.start, span.end))
        path = root / _name(head.epoch, start, end)
        summed = Head(head.epoch, end, f"{total % _MODULUS:064x}", head.node)
        upto = head if end == head.size else summed
        there = _head_of(path)
        # What a head may add to that need not be told by whoever wrote it.
        if there is not None and there[:4] != summed[:4]:
            # Of another log under the same epoch, as a copy of this replica has it: nobody must mix the two.
            datastore.log.renew_epoch(head.epoch)
            return _write_bundles(datastore, root, progress, shared._replace(renewed=True))
        if there is None:
            with drafted(path, _parts(datastore, upto, start), 0o666) as draft:
                draft.replace(path)
            written, size = written + 1, size + path.stat().st_size
        files.append(path)
        progress(end, head.size)
    if datastore.log.head().epoch != head.epoch:
        # The log was rewritten meanwhile: what was written may hold operations of both.
        for path in files:
            path.unlink(missing_ok=True)
        return _write_bundles(datastore, root, progress, shared)
    datastore.mark.note(head)
    for path in root.iterdir():
        # Of this log, what its last and unfinished bundle was called before it grew.
        if _UNFINISHED(path.name) and path.name.startswith(f"log-{head.epoch[:8]}-") and path not in files:
            path.unlink(missing_ok=True)
    return Bundled(tuple(files), head, written, size, shared)


def _head_of(path: Path) -> Head | None:
    """The head in a bundle that is there; None where there is none that is whole."""
    try:
        return Bundle("", path, Bounds()).head_here
    except SyncError:
        return None


def _parts(datastore: Datastore, head: Head, start: int) -> Iterator[bytes]:
    """The bytes of a bundle, a tile at a time: the largest valid operations would make gigabytes of it."""
    yield _member(_HEAD, spell_head(head, ranges=False))
    for span in spans(start, head.size, ranges=False):
        yield _member(_tile_name(head.epoch, span), pack(datastore.log.lines(span.start, span.end)))
    yield b"\0" * (2 * _BLOCK)


def _name(epoch: str, start: int, end: int) -> str:
    """`log-486ccbd9-3.tar` full, `log-486ccbd9-3.1234.tar` with the first 1,234 operations of it."""
    unfinished = "" if end - start == BUNDLE_OPS else f".{end - start}"
    return f"log-{epoch[:8]}-{start // BUNDLE_OPS}{unfinished}.tar"


_BUNDLE = re.compile(r"log-[0-9a-f]{8}-[0-9]+(\.[0-9]+)?\.tar").fullmatch
_UNFINISHED = re.compile(r"log-[0-9a-f]{8}-[0-9]+\.[0-9]+\.tar").fullmatch


def _tile_name(epoch: str, span: Span) -> str:
    return f"sync/{epoch}/entries/{span.name}"


def _member(name: str, data: bytes) -> bytes:
    """A plain file in a ustar archive (POSIX.1-1988); the same bytes for the same file."""
    return _header(name, len(data)) + data + b"\0" * (-len(data) % _BLOCK)


def _header(name: str, size: int) -> bytes:
    fields = (
        name.encode().ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", f"{size:011o}\0".encode(),
        b"00000000000\0", b" " * 8, b"0", b"\0" * 100, b"ustar\00000", b"\0" * 64, b"0000000\0", b"0000000\0",
        b"\0" * 167,
    )  # fmt: skip
    block = b"".join(fields)
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


# Reading


def bundles_in(directory: Path) -> list[Path]:
    """The files in a folder that are called as bundles are; none where it cannot be read."""
    try:
        return sorted(path for path in directory.iterdir() if _BUNDLE(path.name))
    except OSError:
        return []


def take_bundle(datastore: Datastore, bundle: Bundle) -> ApplyReport:
    """Take the operations of a bundle over, as those of a file: of no peer's log.

    Raises:
        SyncError: what is wrong with a tile; what came before it stays.
    """
    return datastore.apply((line for tile in bundle.lines() for line in tile), source="file")


class Bundle:
    """A bundle to read: a transport of the log that it has a part of.

    It may come from anybody. Nothing of it is unpacked to disk; its members are found by their whole names, and what is
    no plain file of such a name is refused before anything is read of it.

    Attributes:
        path: where it is.
        start: the index of its first entry. end: of the head: one past its last.
    """

    answers = False
    past_caches = False

    def __init__(self, peer: str, path: Path | str, bounds: Bounds) -> None:
        """
        Args:
            peer: whose log it is, for the sentences.

        Raises:
            SyncError: `bad_bundle`, `unreachable`, or what is wrong with its head.
        """
        self.received = 0
        self._peer = peer
        self.path = Path(path)
        self._bounds = bounds
        with self._opened() as file:
            self._members = self._index(file)
            try:
                self._remote = parse_head(self._read(file, _HEAD, bounds.head_bytes))
            except LogError as error:
                raise self._fail(error.code, error.reason) from None
        self.start = self._check()

    @property
    def name(self) -> str:
        """Of the file; not made safe to show."""
        return self.path.name

    @property
    def head_here(self) -> Head:
        """The log's head at the end of this bundle."""
        return self._remote.head

    @property
    def end(self) -> int:
        return self._remote.head.size

    def lines(self) -> Iterator[list[bytes]]:
        """Its operations, a tile at a time.

        Raises:
            SyncError: what is wrong with a tile.
        """
        for span in spans(self.start, self.end, ranges=False):
            yield self._entries(self._remote.head.epoch, span)

    # As a transport

    async def head(self, etag: str | None = None) -> RemoteHead | None:  # noqa: ARG002 - Transport's interface
        """The log's head at the end of this bundle."""
        return self._remote

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        """Exactly the entries of the span."""
        return await asyncio.to_thread(self._entries, epoch, span)

    async def stored(self, index: int) -> None:
        """Nothing: a file is read again as quickly."""

    def doubt(self, start: int, stop: int) -> bool:  # noqa: ARG002 - Transport's interface
        """False: all comes from the file."""
        return False

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:  # noqa: ARG002 - Transport's interface
        """Nothing: a file answers no questions."""
        return []

    async def reconcile(self, epoch: str, size: int | None, ranges: Json) -> Json:  # noqa: ARG002 - Transport's interface
        """None: a file answers no questions."""
        return None

    async def difference(self, question: dict[str, Json], most: int) -> Answered | None:  # noqa: ARG002 - Transport's interface
        """None: a file answers no questions."""
        return None

    async def beginning(self, starts: Sequence[bytes]) -> list[bytes]:  # noqa: ARG002 - Transport's interface
        """Nothing: a file answers no questions."""
        return []

    async def hashes(self, epoch: str, span: HashSpan) -> bytes:  # noqa: ARG002 - Transport's interface
        """Nothing: a bundle has none."""
        return b""

    async def __aenter__(self) -> Bundle:
        return self

    async def __aexit__(self, *details: object) -> None:
        return None

    # How

    def _entries(self, epoch: str, span: Span) -> list[bytes]:
        if span.start < self.start:
            raise self._fail(
                "bad_bundle",
                f"begins at entry {exact(self.start)} of the log, and it was read up to {exact(span.start)} only: give "
                "the bundles before it first",
            )
        name, limit = _tile_name(epoch, span), self._bounds.tile_bytes
        unpacker = Unpacker(limit)
        try:
            with self._opened() as file:
                unpacker.feed(self._read(file, name, limit + limit // 64 + 1024))
            return unpacker.lines(span.stop - span.first)
        except LogError as error:
            raise self._fail(error.code, f"tile {span.name} {error.reason}") from None

    def _check(self) -> int:
        """The index of the first entry, where the members are what the head promises, one behind the other."""
        head = self._remote.head
        prefix = f"sync/{head.epoch}/entries/"
        found = []
        for name in self._members:
            span = Span.from_name(name.removeprefix(prefix)) if name.startswith(prefix) else None
            if name != _HEAD:
                if span is None or span.first:
                    raise self._fail("bad_bundle", f"holds {safe_text(name, 100)}, which no bundle of this log does")
                found.append(span)
        if not found:
            raise self._fail("bad_bundle", "holds no tiles")
        start = found[0].start
        if found != [*spans(start, head.size, ranges=False)]:
            raise self._fail("bad_bundle", "does not hold the tiles that its head promises, one behind the other")
        return start

    def _index(self, file: int) -> dict[str, tuple[int, int]]:
        """Where the data of each member begins, and its size; by names."""
        size = os.fstat(file).st_size
        members: dict[str, tuple[int, int]] = {}
        place = 0
        while True:
            block = os.pread(file, _BLOCK, place)
            if block == b"\0" * _BLOCK:
                break
            name, length = self._read_header(block)
            place += _BLOCK
            if place + length > size:
                raise self._fail("bad_bundle", "ends in the middle: it did not come whole")
            if name in members or len(members) > BUNDLE_TILES:
                raise self._fail("bad_bundle", "holds more files than a bundle has, or one of them twice")
            members[name] = place, length
            place += (length + _BLOCK - 1) // _BLOCK * _BLOCK
        if next(iter(members), "") != _HEAD:
            raise self._fail("bad_bundle", _NO_BUNDLE)
        return members

    def _read_header(self, block: bytes) -> tuple[str, int]:
        """The name and size in a header of ustar; of plain files only, and of names without a prefix."""
        if len(block) < _BLOCK:
            raise self._fail("bad_bundle", "ends in the middle: it did not come whole")
        name, _, rest = block[:100].partition(b"\0")
        # Byte for byte what we write ourselves, but for what may differ without meaning anything: modes, owners, times.
        plain = block[156:157] in (b"0", b"\0") and not block[345:500].strip(b"\0") and not rest.strip(b"\0")
        digits = block[124:135]
        total = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
        summed = block[148:156].strip(b" \0")
        if (
            not plain
            or not re.fullmatch(rb"[!-~]{1,100}", name)
            or not re.fullmatch(rb"[0-7]{11}", digits)
            or not re.fullmatch(rb"[0-7]{1,7}", summed)
            or int(summed, 8) != total
        ):
            raise self._fail("bad_bundle", _NO_BUNDLE)
        return name.decode(), int(digits, 8)

    def _read(self, file: int, name: str, limit: int) -> bytes:
        if name not in self._members:
            raise self._fail("bad_bundle", f"has no {safe_text(name.rpartition('/')[2], 60)}")
        place, length = self._members[name]
        if length > limit:
            raise self._fail("too_large", f"{safe_text(name, 100)} is larger than {limit:,} bytes")
        try:
            data = os.pread(file, length, place)
        except OSError as error:
            raise self._fail("unreachable", f"cannot be read: {system_reason(error)}") from None
        self.received += len(data)
        return data

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            file = os.open(self.path, _FILE)
        except (OSError, ValueError) as error:
            reason = system_reason(error) if isinstance(error, OSError) else "that is no name of a file"
            raise self._fail("unreachable", f"cannot be read: {reason}") from None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise self._fail("bad_bundle", "is not a regular file")
            yield file
        finally:
            os.close(file)

    def _fail(self, code: str, reason: str) -> SyncError:
        return SyncError(self._peer, code, f"the bundle {safe_text(str(self.path), 120)} {reason}")


_NO_BUNDLE = "is none: 'export --bundle DIR' writes them"
