"""Writing a log as files that any static file server, CDN, object store or USB stick serves as a node would."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tui_registry.datastore import Datastore, Head, Shared
from tui_registry.durable import drafted, make_folder, sweep, sync_folder
from tui_registry.errors import RegistryError, system_reason
from tui_registry.frozen import NamedTuple
from tui_registry.present.found import Recommended
from tui_registry.sync.bounds import MAX_OP_BYTES, TILE_OPS
from tui_registry.sync.packed import PackedTiles
from tui_registry.sync.recommended import PEERS, spell_recommended
from tui_registry.sync.tiles import (
    HASHES,
    HashSpan,
    LogError,
    Span,
    Unpacker,
    hash_spans,
    pack,
    parse_head,
    spans,
    spell_head,
)
from tui_registry.text import address_short, safe_text

# What of a log of version 0.1 is to be made, so that its head can be signed, is waited for: of a million operations it
# takes half a minute, once.
SETS_SECONDS = 60.0
HEAD = "sync/head"
_MOST_SPACE = 64
_MODULUS = 2**256
# After so many tiles it is written down how far a publisher came, where that cannot be seen.
_TOLD_TILES = 256


class PublishError(RegistryError):
    """A log that could not be written: code `foreign_log`, `unwritable`, or `overtaken`: somebody else writes there."""


@dataclass(frozen=True, slots=True)
class Published:
    """A static log that is up to date. `tiles` and `bytes` were written now; the rest was there already. `place`: where
    it lies, safe to show. `shared`: whether it has another epoch than before, and why."""

    place: str
    head: Head
    tiles: int
    bytes: int
    shared: Shared


class Wrote(NamedTuple):
    """Files, and their bytes, that were not there before."""

    files: int = 0
    bytes: int = 0


class Place(Protocol):
    """Where a static log is written: a folder, or an object store (`hub.store_publishing`). Paths are those of
    protocol.md, Sync, such as `sync/head`. Every method may raise `PublishError`, OSError, or an error of the place's
    own.

    Attributes:
        keeps_all: what a head told of is there, since nobody but publishers takes files away; else each is looked for.
    """

    keeps_all: bool

    @property
    def shown(self) -> str:
        """Its name, safe to show."""

    def head(self) -> bytes | None:
        """The head that is there now."""

    def begin(self, epoch: str) -> bytes | None:
        """Make ready for files of an epoch; a head of how far a publisher came that was ended early, where one said."""

    def came_to(self, head: Head) -> None:
        """Remember for the next `begin` of this epoch that the tiles of a head are there."""

    def read(self, path: str) -> bytes | None:
        """What is there; None where nothing is."""

    def holds(self, path: str) -> bool:
        """Whether a file is known to be there, without asking far."""

    def write(self, path: str, data: bytes) -> None:
        """Write a file that never changes, whole or not at all; it may not be there before `settle`.

        Raises:
            PublishError: `foreign_log`: what is there under that name is of another log.
        """

    def settle(self) -> Wrote:
        """Have all that was written there for good; what was new of it since the last time."""

    def write_head(self, data: bytes) -> None:
        """Let a head take the place of the one that `head` gave last.

        Raises:
            PublishError: `overtaken`: there is another one by now.
        """

    def clear(self, epoch: str, heads: Sequence[Head]) -> None:
        """Take away the tails of an epoch but for those of these heads."""

    def drop(self, epoch: str) -> None:
        """Take away all tiles of an epoch."""


def write_recommended(directory: Path | str, recommended: Sequence[Recommended]) -> None:
    """Name peers beside a log that was published below `directory`, as a node names them; for none take away what was
    named there before.

    Raises:
        PublishError: the directory cannot be written.
    """
    root = Path(directory)
    path = root / PEERS
    try:
        if recommended:
            with drafted(path, spell_recommended(recommended), 0o666) as draft:
                draft.replace(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise PublishError("unwritable", f"{safe_text(str(root))} cannot be written: {system_reason(error)}") from None


def publish(
    datastore: Datastore,
    directory: Path | str,
    *,
    new_epoch: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Published:
    """Write this replica's log below `directory`, or bring what is there up to date.

    Readers may come at any time: each file appears whole, the head last, and the tail that the head before named
    stays until the next call.

    Args:
        directory: is made when it is missing; gets `sync/head` and `sync/{epoch}/entries/...`.
        new_epoch: renew the log's epoch first, so that every reader begins anew. It is renewed without that where
            others were given another log under it.
        progress: called with the ops that are behind and all ops, after each tile.

    Raises:
        PublishError: the directory holds another replica's log, or cannot be written.
    """
    root = Path(directory)
    try:
        return publish_to(datastore, _Folder(root), new_epoch=new_epoch, progress=progress)
    except OSError as error:
        raise PublishError("unwritable", f"{safe_text(str(root))} cannot be written: {system_reason(error)}") from None


def publish_to(
    datastore: Datastore,
    place: Place,
    *,
    new_epoch: bool = False,
    is_view: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Published:
    """As `publish`, into any place.

    Args:
        is_view: the log is a view of one that others share, and has whole what is to be published of that: it never
            gets another epoch here, and what does not fit to what is there is refused.

    Raises:
        PublishError: as `publish`; and what the place raises.
    """
    _refuse_foreign(datastore.log.head(), _parsed(place.head()), place)
    shared = Shared() if is_view else datastore.mark.share(new_epoch=new_epoch)
    return _publish(datastore, place, progress or _ignore, shared, is_view=is_view)


def _publish(
    datastore: Datastore, place: Place, progress: Callable[[int, int], None], shared: Shared, *, is_view: bool
) -> Published:
    datastore.log.finish_sets(SETS_SECONDS)
    head = datastore.log.signed_head()
    before = _parsed(place.head())
    _refuse_foreign(head, before, place)
    here = before if before is not None and before.epoch == head.epoch else None
    came_to = _parsed(place.begin(head.epoch))
    for known in (here, came_to):
        if known is not None and not _begins_as(datastore, place, known):
            # A restored backup, or a copy of the one that wrote there: tiles of another log bear this epoch's names,
            # here and in whoever's cache.
            if is_view:
                raise _other_log(place)
            datastore.log.renew_epoch(head.epoch)
            shared = shared._replace(renewed=True)
            return _publish(datastore, place, progress, shared, is_view=is_view)
    wrote = _write_tiles(datastore, place, head, _longer(here, came_to) if place.keeps_all else None, progress)
    _write_hashes(datastore, place, head, here.size if here is not None and place.keeps_all else 0)
    if datastore.log.head().epoch != head.epoch:
        # The log was rewritten meanwhile: the tiles of the old epoch may hold lines of the new one.
        place.drop(head.epoch)
        return _publish(datastore, place, progress, shared, is_view=is_view)
    if not is_view:
        datastore.mark.note(head)
    place.write_head(spell_head(head, ranges=False, lists=bool(head.set)))
    place.clear(head.epoch, [head] if before is None else [head, before])
    if before is not None and before.epoch != head.epoch:
        place.drop(before.epoch)
    return Published(place.shown, head, wrote.files, wrote.bytes, shared)


def _write_tiles(
    datastore: Datastore, place: Place, head: Head, known: Head | None, progress: Callable[[int, int], None]
) -> Wrote:
    """Write the tiles that are not there.

    Args:
        known: up to where they are known to be; None to look for each.
    """
    packed = PackedTiles(datastore, limit=0)
    at, total = (0, 0) if known is None else (known.size, int(known.fingerprint, 16))
    files = size = 0
    for span in spans(at // TILE_OPS * TILE_OPS, head.size, ranges=False) if at < head.size else ():
        path = _tile_path(head.epoch, span)
        if not place.holds(path):
            # A node of this replica may have packed it before.
            found = packed.read(head.epoch, span.tile) if span.is_full else None
            place.write(path, pack(datastore.log.lines(span.start, span.end)) if found is None else found[0])
        if place.keeps_all:
            hashes = datastore.log.hashes(max(at, span.start), span.end)
            total += sum(int.from_bytes(digest, "big") for digest in hashes)
            if span.is_full and (span.tile + 1) % _TOLD_TILES == 0:
                wrote = place.settle()
                files, size = files + wrote.files, size + wrote.bytes
                place.came_to(Head(head.epoch, span.end, f"{total % _MODULUS:064x}", head.node))
        progress(span.end, head.size)
    wrote = place.settle()
    return Wrote(files + wrote.files, size + wrote.bytes)


def _write_hashes(datastore: Datastore, place: Place, head: Head, start: int) -> None:
    """The hashes beside the tiles: with them a reader that has most of the log reads only the tiles that it lacks."""
    for span in hash_spans(head.size):
        path = _hashes_path(head.epoch, span)
        if span.start + span.count > start and not place.holds(path):
            place.write(path, b"".join(datastore.log.hashes(span.start, span.start + span.count)))
    place.settle()


def _begins_as(datastore: Datastore, place: Place, known: Head) -> bool:
    """Whether the log still begins with what lies there. A sum sees no order: what came last is compared."""
    if not datastore.log.begins_as(known):
        return False
    last = known.size - 1
    for span in spans(last // TILE_OPS * TILE_OPS, known.size, ranges=False) if known.size else ():
        data = place.read(_tile_path(known.epoch, span))
        if data is not None and not holds_lines(data, datastore.log.lines(span.start, span.end)):
            return False
    return True


def holds_lines(data: bytes, lines: Sequence[bytes]) -> bool:
    """Whether a tile that somebody wrote holds just these lines; its gzip bytes may be another program's."""
    unpacker = Unpacker(TILE_OPS * (MAX_OP_BYTES + 1))
    with suppress(LogError):
        unpacker.feed(data)
        return unpacker.lines(len(lines)) == list(lines)
    return False


def tails_of(head: Head) -> Iterator[str]:
    """The paths of the files that a head alone names: what is full is named by all that come after it."""
    for span in spans(head.size // TILE_OPS * TILE_OPS, head.size, ranges=False):
        yield _tile_path(head.epoch, span)
    for hashes in hash_spans(head.size):
        if hashes.count != HASHES:
            yield _hashes_path(head.epoch, hashes)


def _tile_path(epoch: str, span: Span) -> str:
    return f"sync/{epoch}/entries/{span.name}"


def _hashes_path(epoch: str, span: HashSpan) -> str:
    return f"sync/{epoch}/hashes/{span.name}"


def _refuse_foreign(head: Head, before: Head | None, place: Place) -> None:
    if before is not None and before.node != head.node:
        raise PublishError(
            "foreign_log",
            f"{place.shown} holds the log of {address_short(before.node)}, not of this replica. Choose another place",
        )


def _other_log(place: Place) -> PublishError:
    return PublishError(
        "foreign_log",
        f"{place.shown} holds tiles of another log under the epoch of this one, such as of a copy that went its own "
        "way. Nothing was written over: choose another place",
    )


def _parsed(data: bytes | None) -> Head | None:
    with suppress(LogError):
        return None if data is None else parse_head(data).head
    return None


def _longer(one: Head | None, other: Head | None) -> Head | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda head: head.size)


def _ignore(done: int, of: int) -> None:
    pass


class _Folder:
    """A directory, for a web server, a share or a stick."""

    keeps_all = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._written: list[int] = []
        self._folders: tuple[Path, ...] = ()

    @property
    def shown(self) -> str:
        return safe_text(str(self._root))

    def head(self) -> bytes | None:
        return self.read(HEAD)

    def begin(self, epoch: str) -> None:
        of_epoch = self._root / "sync" / epoch
        self._folders = (of_epoch / "entries", of_epoch / "hashes")
        for folder in self._folders:
            make_folder(folder, 0o777)
        for folder in (*self._folders, self._root / "sync"):
            sweep(folder)

    def came_to(self, head: Head) -> None:
        """Nothing: each file is looked for."""

    def read(self, path: str) -> bytes | None:
        try:
            return (self._root / path).read_bytes()
        except FileNotFoundError:
            return None

    def holds(self, path: str) -> bool:
        return (self._root / path).exists()

    def write(self, path: str, data: bytes) -> None:
        _write(self._root / path, data)
        self._written.append(len(data))

    def settle(self) -> Wrote:
        for folder in (*self._folders, self._folders[0].parent, self._root / "sync", self._root):
            sync_folder(folder)
        wrote = Wrote(len(self._written), sum(self._written))
        self._written.clear()
        return wrote

    def write_head(self, data: bytes) -> None:
        _write_head(self._root / HEAD, data)
        sync_folder(self._root / "sync")

    def clear(self, epoch: str, heads: Sequence[Head]) -> None:
        kept = {Path(path).name for head in heads for path in tails_of(head)}
        of_epoch = self._root / "sync" / epoch
        for path in (*_files(of_epoch / "entries"), *_files(of_epoch / "hashes")):
            if path.name not in kept and _is_tail(path.name):
                path.unlink(missing_ok=True)

    def drop(self, epoch: str) -> None:
        """Remove what is named like a tile of this epoch, and nothing else."""
        of_epoch = self._root / "sync" / epoch
        for folder in (of_epoch / "entries", of_epoch / "hashes"):
            for path in _files(folder):
                if Span.from_name(path.name) is not None or HashSpan.from_name(path.name) is not None:
                    path.unlink(missing_ok=True)
            _remove_if_empty(folder)
        _remove_if_empty(of_epoch)


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_tail(name: str) -> bool:
    tile, hashes = Span.from_name(name), HashSpan.from_name(name)
    return (tile is not None and tile.stop != TILE_OPS) or (hashes is not None and hashes.count != HASHES)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _write(path: Path, data: bytes) -> None:
    """The whole file or none of it, durable under its name once the directory is synced."""
    with drafted(path, data, 0o666) as draft:
        draft.replace(path)


def _write_head(path: Path, data: bytes) -> None:
    """A head that no server takes for the one before: what they tell files by, in `ETag` and `Last-Modified`, is the
    second of their last change and their size (nginx, Apache, lighttpd, Caddy), and most heads are of one size."""
    try:
        before, then = path.read_bytes(), path.stat()
    except FileNotFoundError:
        _write(path, data)
        return
    if before.rstrip() == data:
        return
    with drafted(path, data, 0o666) as draft:
        if _dated_after(draft, int(then.st_mtime)):
            draft.replace(path)
            return
    # A disk that keeps the times that it likes: white space makes another size of it.
    more = len(before) + 1 - len(data)
    _write(path, data + b"\n" * (more if 0 < more <= _MOST_SPACE else 0))


def _dated_after(draft: Path, second: int) -> bool:
    """Whether a file could be given a later second than this one, where it has not."""
    # FAT keeps even seconds only.
    for later in range(second, second + 3):
        if int(draft.stat().st_mtime) > second:
            return True
        with suppress(OSError):
            os.utime(draft, (later + 1, later + 1))
    return int(draft.stat().st_mtime) > second
