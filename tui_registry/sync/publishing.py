"""Writing a log as files that any static file server, CDN or USB stick serves as a node would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tui_registry.datastore import Datastore, Head
from tui_registry.durable import drafted, make_folder, sweep, sync_folder
from tui_registry.errors import RegistryError, system_reason
from tui_registry.sync.bounds import TILE_OPS
from tui_registry.sync.tiles import LogError, Span, pack, parse_head, spans, spell_head
from tui_registry.text import address_short, safe_text


class PublishError(RegistryError):
    """A log that could not be written: code `foreign_log` or `unwritable`."""


@dataclass(frozen=True, slots=True)
class Published:
    """A static log that is up to date. `tiles` and `bytes` were written now; the rest was there already."""

    directory: Path
    head: Head
    tiles: int
    bytes: int


def publish(
    datastore: Datastore, directory: Path | str, *, progress: Callable[[int, int], None] | None = None
) -> Published:
    """Write this replica's log below `directory`, or bring what is there up to date.

    Readers may come at any time: each file appears whole, the head last, and the tail that the head before named
    stays until the next call.

    Args:
        directory: is made when it is missing; gets `sync/head` and `sync/{epoch}/entries/...`.
        progress: called with the ops that are behind and all ops, after each tile.

    Raises:
        PublishError: the directory holds another replica's log, or cannot be written.
    """
    root = Path(directory)
    try:
        return _publish(datastore, root, progress or _ignore)
    except OSError as error:
        raise PublishError("unwritable", f"{safe_text(str(root))} cannot be written: {system_reason(error)}") from None


def _publish(datastore: Datastore, root: Path, progress: Callable[[int, int], None]) -> Published:
    head = datastore.log.head()
    before = _head_before(root)
    if before is not None and before.node != head.node:
        raise PublishError(
            "foreign_log",
            f"{safe_text(str(root))} holds the log of {address_short(before.node)}, not of this replica. "
            "Choose another directory",
        )
    if before is not None and before.epoch == head.epoch and not datastore.log.begins_as(before):
        # A restored backup: tiles of another log bear this epoch's names, here and in whoever's cache.
        datastore.log.renew_epoch(head.epoch)
        return _publish(datastore, root, progress)
    entries = _entries(root, head)
    make_folder(entries, 0o777)
    for folder in (entries, root / "sync"):
        sweep(folder)
    tiles = size = 0
    for span in spans(0, head.size, ranges=False):
        path = entries / span.name
        if not path.exists():
            data = pack(datastore.log.lines(span.start, span.end))
            _write(path, data)
            tiles, size = tiles + 1, size + len(data)
        progress(span.end, head.size)
    if datastore.log.head().epoch != head.epoch:
        # The log was rewritten meanwhile: the tiles of the old epoch may hold lines of the new one.
        _clear(entries, keep=frozenset())
        return _publish(datastore, root, progress)
    for folder in (entries, entries.parent, root / "sync", root):
        sync_folder(folder)
    _write(root / "sync" / "head", spell_head(head, ranges=False))
    sync_folder(root / "sync")
    _clear(entries, keep=_tails(head) | (_tails(before) if before is not None else frozenset()), tails_only=True)
    if before is not None and before.epoch != head.epoch:
        _clear(_entries(root, before), keep=frozenset())
    return Published(root, head, tiles, size)


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
