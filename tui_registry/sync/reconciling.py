"""Finding what is missing from a log that is mostly known here already, without reading all of it (DESIGN section 6).

It is tried where a pull would read a long log from its start although this replica holds about as much: a peer
restored from a backup, or a new peer of the same registry. Nothing is believed: what is named is fetched and checked as
any other operation, and only once all of it is in this log does the cursor move. Otherwise the log is read as ever.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from tui_registry.datastore import ApplyReport, Cursor, Datastore, Head
from tui_registry.errors import Json
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.children import answered
from tui_registry.sync.errors import SyncError
from tui_registry.sync.ranges import MAX_RANGES, Keys, Range, RangeError, compare, question
from tui_registry.sync.threads import in_thread
from tui_registry.sync.transport import Transport

# A question costs some bytes, the operations of a tile cost more: with so many to each the search costs a tenth.
_OPS_A_QUESTION = 64
# A small peer does not make a large replica read all it has.
_OURS_TO_THEIRS = 4
_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)

Keep = Callable[[list[bytes]], Awaitable[ApplyReport]]


@dataclass(frozen=True, slots=True)
class _Difference:
    """The first `size` operations of a peer's log, the sum of their hashes, and those of them that are not here."""

    size: int
    fingerprint: str
    missing: list[str]


def is_worth_it(cursor: Cursor, theirs: Head, ours: Head, bounds: Bounds) -> bool:
    """Whether much of a log that would be read from its start may be here already, and comparing costs less than that:
    it looks our own log through."""
    return (
        cursor.next_index == 0
        and theirs.size >= bounds.reconcile_least
        and theirs.size // 2 <= ours.size <= min(_OURS_TO_THEIRS * theirs.size, bounds.reconcile_ops)
    )


async def reconcile(
    datastore: Datastore, peer: str, transport: Transport, head: Head, keep: Keep, bounds: Bounds
) -> Cursor | None:
    """Fetch what is missing, and move the peer's cursor behind everything that was compared.

    Args:
        keep: stores what was fetched.

    Returns:
        The cursor; None when the peer does not do this, the logs differ by much, or it did not add up.

    Raises:
        StoreError.
    """
    with suppress(SyncError, RangeError):
        found = await _differ(datastore, transport, head, bounds)
        if found is not None and await _fetch(datastore, transport, found.missing, keep, bounds):
            return await in_thread(datastore.peers.skip_entries, peer, head.epoch, found.size, found.fingerprint)
    return None


async def _differ(datastore: Datastore, transport: Transport, head: Head, bounds: Bounds) -> _Difference | None:
    first = await transport.reconcile(head.epoch, None, [])
    if first is None:
        return None
    size, fingerprint = _snapshot(first)
    ours = await in_thread(_own_keys, datastore)
    # Bounded by what is here: a peer may say any size.
    left = min(size, 2 * ours.size) // _OPS_A_QUESTION
    todo = [Range(b"", None, size, int(fingerprint, 16))]
    missing: list[str] = []
    while todo:
        todo.sort(key=lambda one: one.low)
        asked, todo = todo[:MAX_RANGES], todo[MAX_RANGES:]
        left -= len(asked)
        if left < 0:
            return None
        answer = await transport.reconcile(head.epoch, size, question(asked))
        if answer is None or _snapshot(answer) != (size, fingerprint):
            return None
        for one, tree in zip(asked, _described(answer, len(asked)), strict=True):
            hashes, parts = await in_thread(compare, ours, one, tree)
            missing += hashes
            todo += parts
        if len(missing) > bounds.reconcile_missing:
            return None
    return _Difference(size, fingerprint, await in_thread(datastore.log.unknown, sorted(set(missing))))


async def _fetch(datastore: Datastore, transport: Transport, missing: list[str], keep: Keep, bounds: Bounds) -> bool:
    """Whether all of them are here in the end."""
    wanted = set(missing)
    while wanted:
        asked = sorted(wanted)[: bounds.missing_hashes]
        lines = await transport.missing(asked)
        useful = answered(lines).intersection(asked)
        if not useful:
            return False
        await keep(lines)
        wanted -= useful
    return not await in_thread(datastore.log.unknown, missing)


def _own_keys(datastore: Datastore) -> Keys:
    _, packed = datastore.log.keys()
    return Keys(packed)


def _snapshot(answer: Json) -> tuple[int, str]:
    said = answer if isinstance(answer, dict) else {}
    size, fingerprint = said.get("size"), said.get("fingerprint")
    if type(size) is not int or not 0 <= size < 2**53:
        raise RangeError("does not say how many operations it compares")
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        raise RangeError("does not say the sum of what it compares")
    return size, fingerprint


def _described(answer: Json, count: int) -> list[Json]:
    ranges = answer.get("ranges") if isinstance(answer, dict) else None
    if not isinstance(ranges, list) or len(ranges) != count:
        raise RangeError("describes other ranges than were asked for")
    return ranges
