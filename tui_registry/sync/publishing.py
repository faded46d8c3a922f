"""Writing a log as files that any static file server, CDN or USB stick serves as a node would."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tui_registry.datastore import Datastore, Head, Shared
from tui_registry.durable import drafted, make_folder, sweep, sync_folder
from tui_registry.errors import RegistryError, system_reason
from tui_registry.sync.bounds import TILE_OPS
from tui_registry.sync.packed import PackedTiles
from tui_registry.sync.tiles import (
    HASHES,
    HashSpan,
    LogError,
    Span,
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
_MOST_SPACE = 64


class PublishError(RegistryError):
    """A log that could not be written: code `foreign_log` or `unwritable`."""


@dataclass(frozen=True, slots=True)
class Published:
    """A static log that is up to date. `tiles` and `bytes` were written now; the rest was there already. `shared`:
    whether it has another epoch than before, and why."""

    directory: Path
    head: Head
    tiles: int
    bytes: int
    shared: Shared


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
        _refuse_foreign(datastore.log.head(), _head_before(root), root)
        shared = datastore.mark.share(new_epoch=new_epoch)
        return _publish(datastore, root, progress or _ignore, shared)
    except OSError as error:
        raise PublishError("unwritable", f"{safe_text(str(root))} cannot be written: {system_reason(error)}") from None


def _publish(datastore: Datastore, root: Path, progress: Callable[[int, int], None], shared: Shared) -> Published:
    datastore.log.finish_sets(SETS_SECONDS)
    head = datastore.log.signed_head()
    before = _head_before(root)
    _refuse_foreign(head, before, root)
    if before is not None and before.epoch == head.epoch and not datastore.log.begins_as(before):
        # A restored backup, or a copy of the one that wrote there: tiles of another log bear this epoch's names, here
        # and in whoever's cache.
        datastore.log.renew_epoch(head.epoch)
        return _publish(datastore, root, progress, shared._replace(renewed=True))
    entries = _entries(root, head)
    make_folder(entries, 0o777)
    for folder in (entries, root / "sync"):
        sweep(folder)
    packed = PackedTiles(datastore, limit=0)
    tiles = size = 0
    for span in spans(0, head.size, ranges=False):
        path = entries / span.name
        if not path.exists():
            # A node of this replica may have packed it before.
            found = packed.read(head.epoch, span.tile) if span.is_full else None
            data = pack(datastore.log.lines(span.start, span.end)) if found is None else found[0]
            _write(path, data)
            tiles, size = tiles + 1, size + len(data)
        progress(span.end, head.size)
    hashes = _write_hashes(datastore, entries.parent, head)
    if datastore.log.head().epoch != head.epoch:
        # The log was rewritten meanwhile: the tiles of the old epoch may hold lines of the new one.
        _clear_hashes(entries.parent / "hashes", ())
        _clear(entries, keep=frozenset())
        return _publish(datastore, root, progress, shared)
    datastore.mark.note(head)
    for folder in (entries, hashes, entries.parent, root / "sync", root):
        sync_folder(folder)
    _write_head(root / "sync" / "head", spell_head(head, ranges=False, lists=bool(head.set)))
    sync_folder(root / "sync")
    _clear(entries, keep=_tails(head) | (_tails(before) if before is not None else frozenset()), tails_only=True)
    _clear_hashes(hashes, (head, before))
    if before is not None and before.epoch != head.epoch:
        _clear_hashes(_entries(root, before).parent / "hashes", ())
        _clear(_entries(root, before), keep=frozenset())
    return Published(root, head, tiles, size, shared)


def _write_hashes(datastore: Datastore, folder: Path, head: Head) -> Path:
    """The hashes beside the tiles: with them a reader that has most of the log reads only the tiles that it lacks."""
    hashes = folder / "hashes"
    make_folder(hashes, 0o777)
    sweep(hashes)
    for span in hash_spans(head.size):
        path = hashes / span.name
        if not path.exists():
            _write(path, b"".join(datastore.log.hashes(span.start, span.start + span.count)))
    return hashes


def _clear_hashes(folder: Path, heads: Iterable[Head | None]) -> None:
    """Remove the tails but for those of these heads; without heads all of it."""
    sizes = [head.size for head in heads if head is not None]
    tails = {span.name for size in sizes for span in hash_spans(size)}
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        span = HashSpan.from_name(path.name)
        if span is not None and path.name not in tails and not (sizes and span.count == HASHES):
            path.unlink(missing_ok=True)
    if not sizes and not any(folder.iterdir()):
        folder.rmdir()


def _refuse_foreign(head: Head, before: Head | None, root: Path) -> None:
    if before is not None and before.node != head.node:
        raise PublishError(
            "foreign_log",
            f"{safe_text(str(root))} holds the log of {address_short(before.node)}, not of this replica. "
            "Choose another directory",
        )


def _ignore(done: int, of: int) -> None:
    pass


def _entries(root: Path, head: Head) -> Path:
    return root / "sync" / head.epoch / "entries"


def _head_before(root: Path) -> Head | None:
    try:
        return parse_head((root / "sync" / "head").read_bytes()).head
    except (FileNotFoundError, LogError):
        return None


def _tails(head: Head) -> frozenset[str]:
    return frozenset(span.name for span in spans(head.size // TILE_OPS * TILE_OPS, head.size, ranges=False))


def _clear(entries: Path, *, keep: frozenset[str], tails_only: bool = False) -> None:
    """Remove tiles, and nothing that is not named like one."""
    if not entries.is_dir():
        return
    for path in entries.iterdir():
        span = Span.from_name(path.name)
        if span is not None and path.name not in keep and not (tails_only and span.stop == TILE_OPS):
            path.unlink(missing_ok=True)
    if not tails_only and not any(entries.iterdir()):
        entries.rmdir()
        entries.parent.rmdir()


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
