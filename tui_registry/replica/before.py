"""What was there before an operation: the version that it replaced, however many operations the write took."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import NamedTuple

from tui_registry.crdt.key_state import winner
from tui_registry.crdt.op import MAX_CHILDREN
from tui_registry.errors import Kind, Record
from tui_registry.replica.columns import KINDS_BY_CODE
from tui_registry.replica.stored import chunks, marks, parts_of, read_heads, read_record, stored_id

# So many operations are looked at for what was there before: a stranger's record may lead on and on.
_MOST = 500


class Child(NamedTuple):
    """An operation that another one names."""

    place: int
    hash: str
    is_rm: bool
    clock: int
    updated_at: int


class LastOperation(NamedTuple):
    """The last operation on a record, whether it is there or deleted.

    Attributes:
        hash, size: of this operation; size in bytes.
        record: as the operation wrote it, None for a removal.
        before: what it replaced or took away, None if there was nothing, and where more than one version is live.
        heads: all heads of the record, ascending. live_heads: how many of them are versions of it.
        actor: who signed, 40 hex digits; mine: it was this replica's key. updated_at: Unix seconds, as the actor says.
    """

    kind: Kind
    id: str
    hash: str
    size: int
    record: Record | None
    before: Record | None
    heads: tuple[str, ...]
    live_heads: int
    actor: str
    mine: bool
    updated_at: int


def read_last(db: sqlite3.Connection, identifier: str, address: str) -> LastOperation | None:
    """The last operation on a record; None for an id never seen.

    Of several heads it is the one that is shown, or where all are removals the one that arrived last.

    Args:
        address: of this replica's key, "" before there is one.
    """
    row = db.execute("SELECT rid, kind, owner FROM keys WHERE id = ?", (stored_id(identifier),)).fetchone()
    if row is None:
        return None
    rid, code, owner = row
    heads = [head for _, head in read_heads(db, [rid])]
    if not heads:
        return None
    last = winner(heads) or max(heads, key=lambda head: head.idx)
    live = sum(not head.is_rm for head in heads)
    body, updated_at = db.execute("SELECT body, updated_at FROM ops WHERE idx = ?", (last.idx,)).fetchone()
    record, named = parts_of(body)
    before = None if live > 1 else value_before(db, record, updated_at, read_children(db, named).values())
    return LastOperation(
        kind=KINDS_BY_CODE[code],
        id=identifier,
        hash=last.hash,
        size=len(body),
        record=record,
        before=before,
        heads=tuple(sorted(head.hash for head in heads)),
        live_heads=live,
        actor=owner.hex(),
        mine=owner.hex() == address,
        updated_at=updated_at,
    )


def read_children(db: sqlite3.Connection, hashes: Iterable[str]) -> dict[str, Child]:
    """The operations with these hashes, by hash."""
    found = {}
    for chunk in chunks([bytes.fromhex(item) for item in sorted(hashes)]):
        rows = db.execute(f"SELECT idx, hash, is_rm, clock, updated_at FROM ops WHERE hash IN ({marks(chunk)})", chunk)
        for place, digest, is_rm, clock, updated_at in rows:
            found[digest.hex()] = Child(place, digest.hex(), bool(is_rm), clock, updated_at)
    return found


def value_before(
    db: sqlite3.Connection, record: Record | None, updated_at: int, children: Iterable[Child]
) -> Record | None:
    """The record that an operation replaced or took away: of several versions the one that was shown.

    Args:
        record, updated_at, children: of the operation; `record` is None for a removal.
    """
    here = list(children)
    seen = {child.hash for child in here}
    times = {updated_at}
    writes: list[Child] = []
    removals: list[Child] = []
    while here:
        below: list[str] = []
        for child in here:
            link = _named_by_link(db, child, record, times)
            if link is None:
                (removals if child.is_rm else writes).append(child)
            else:
                below += link
        if record is None and not (below or writes):
            # What was deleted twice is what was there before the first time.
            for removal in removals:
                times.add(removal.updated_at)
                below += _parts_at(db, removal.place)[1]
            removals.clear()
        below = [name for name in dict.fromkeys(below) if name not in seen]
        if len(seen) > _MOST:
            break
        seen.update(below)
        here = list(read_children(db, below).values())
    if not writes:
        return None
    return read_record(db, min(writes, key=lambda child: (-child.clock, child.hash)).place)


# How


def _named_by_link(
    db: sqlite3.Connection, child: Child, record: Record | None, times: Collection[int]
) -> tuple[str, ...] | None:
    """What a child names that is a part of the same write; None for one that was there before it.

    With more heads than one operation may name, one write is a chain of operations that say the same: all but the last
    are full.
    """
    if child.is_rm is not (record is None) or child.updated_at not in times:
        return None
    said, named = _parts_at(db, child.place)
    return named if said == record and len(named) == MAX_CHILDREN else None


def _parts_at(db: sqlite3.Connection, place: int) -> tuple[Record | None, tuple[str, ...]]:
    (body,) = db.execute("SELECT body FROM ops WHERE idx = ?", (place,)).fetchone()
    return parts_of(body)
