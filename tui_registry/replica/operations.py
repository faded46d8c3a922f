"""The log as people look at it: who did what to which record, the last arrived first. Windows are reached by place."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from tui_registry.errors import Kind, Record
from tui_registry.replica.before import value_before
from tui_registry.replica.columns import KINDS_BY_CODE
from tui_registry.replica.stored import Child, Deed, chunks, deed_of, marks, parts_of, read_children

# One owner's operations are looked for among so many at the near end first: those of a busy owner all lie there.
_NEAR = 2_000


class Operation(NamedTuple):
    """One operation of the log as lists show it.

    Attributes:
        place: where it stands in this replica's log, from 0.
        did: `settled` is a write on several versions that were live at once, `brought back` one on a removal.
        name, version: of the record as the operation wrote it; of a removal, as it was before. Empty if unknown.
        actor: the address that signed, 40 hex digits; mine: it is this replica's.
        updated_at: Unix seconds, as the actor says.
        is_head: no other operation builds on it. is_winner: the record is what it wrote. is_gone: it is deleted now.
    """

    place: int
    kind: Kind
    id: str
    did: Deed
    name: str
    version: str
    hash: str
    actor: str
    clock: int
    updated_at: int
    is_head: bool
    is_winner: bool
    is_gone: bool
    mine: bool
    children: tuple[str, ...]


class Operations(NamedTuple):
    """A window of the log, the last arrived first; `total` counts all operations that it is a window of."""

    rows: list[Operation]
    total: int


class _Found(NamedTuple):
    """A row as the database gives it, without the record that was written."""

    place: int
    kind: int
    key: bytes
    owner: bytes
    digest: bytes
    clock: int
    updated_at: int
    is_head: int
    winner: int | None


class _Written(NamedTuple):
    """What lists show of an operation's body; `shown` is name and version of the record, None for a removal."""

    shown: tuple[str, str] | None
    children: tuple[str, ...]


def read_operations(
    db: sqlite3.Connection, owner: str | None, limit: int, *, before: int | None = None, after: int | None = None
) -> Operations:
    """Up to `limit` operations, the last arrived first.

    Args:
        owner: only those that this address signed.
        before: only those at a lower place than this one, the nearest to it.
        after: only those at a higher place, the nearest to it.
    """
    limit = max(0, limit)
    (size,) = db.execute("SELECT size FROM replica").fetchone()
    low, high = 0 if after is None else after + 1, size if before is None else min(before, size)
    from_end = after is None
    if owner is None:
        places = range(max(low, high - limit), high) if from_end else range(low, min(high, low + limit))
        return Operations(_operations(db, places), size)
    signer = bytes.fromhex(owner)
    row = db.execute("SELECT ops FROM owners WHERE address = ?", (signer,)).fetchone()
    total = 0 if row is None else int(row[0])
    return Operations(_operations(db, _places_of(db, signer, low, high, min(limit, total), from_end=from_end)), total)


def last_deleted(db: sqlite3.Connection, owner: str) -> str | None:
    """The id of the record of this owner that was deleted last and is still deleted, None when there is none."""
    # Max and the column beside it: SQLite gives the row of the maximum (https://sqlite.org/lang_select.html#bareagg).
    digest, _ = db.execute(
        "SELECT k.id, max(o.idx) FROM keys k CROSS JOIN ops o ON o.rid = k.rid AND o.is_head = 1 "
        "WHERE k.owner = ? AND NOT EXISTS (SELECT 1 FROM catalogue c WHERE c.rid = k.rid)",
        (bytes.fromhex(owner),),
    ).fetchone()
    return None if digest is None else digest.hex()


# How


def _places_of(db: sqlite3.Connection, owner: bytes, low: int, high: int, limit: int, *, from_end: bool) -> list[int]:
    """The places of an owner's operations in low..high, the nearest to one end of it.

    No index leads from an owner to its operations: it would cost every pull, for the sake of one screen. So the near
    end is walked first, and what is farther off is found by way of the owner's keys, which costs a look at every key.
    """
    near = max(low, high - _NEAR) if from_end else min(high, low + _NEAR)
    order = "DESC" if from_end else "ASC"
    walked = db.execute(
        "SELECT o.idx FROM ops o CROSS JOIN keys k ON k.rid = o.rid WHERE o.idx >= ? AND o.idx < ? AND k.owner = ? "
        f"ORDER BY o.idx {order} LIMIT ?",
        (*((near, high) if from_end else (low, near)), owner, limit),
    )
    places = [place for (place,) in walked]
    if len(places) == limit:
        return places
    farther = (low, near) if from_end else (near, high)
    if farther[0] < farther[1]:
        found = db.execute(
            "SELECT o.idx FROM keys k CROSS JOIN ops o ON o.rid = k.rid WHERE k.owner = ? AND o.idx >= ? AND o.idx < ? "
            f"ORDER BY o.idx {order} LIMIT ?",
            (owner, *farther, limit - len(places)),
        )
        places += [place for (place,) in found]
    return places


def _operations(db: sqlite3.Connection, places: Sequence[int]) -> list[Operation]:
    found: list[tuple[_Found, _Written]] = []
    for chunk in chunks(places):
        rows = db.execute(
            "SELECT o.idx, k.kind, k.id, k.owner, o.hash, o.clock, o.updated_at, o.is_head, c.idx, o.body "
            "FROM ops o JOIN keys k USING (rid) LEFT JOIN catalogue c USING (rid) "
            f"WHERE o.idx IN ({marks(chunk)})",
            chunk,
        )
        # A record may be large, and a window holds hundreds: no more of it is kept than what is shown.
        for *columns, body in rows:
            record, named = parts_of(body)
            found.append((_Found(*columns), _Written(None if record is None else _shown(record), named)))
    found.sort(key=lambda row: -row[0].place)
    named_by_all = read_children(db, {child for _, written in found for child in written.children})
    (address,) = db.execute("SELECT address FROM replica").fetchone()
    operations = []
    for row, written in found:
        children = [named_by_all[child] for child in written.children]
        name, version = written.shown or _taken_away(db, row, children)
        operations.append(
            Operation(
                place=row.place,
                kind=KINDS_BY_CODE[row.kind],
                id=row.key.hex(),
                did=deed_of(written.shown is None, children),
                name=name,
                version=version,
                hash=row.digest.hex(),
                actor=row.owner.hex(),
                clock=row.clock,
                updated_at=row.updated_at,
                is_head=bool(row.is_head),
                is_winner=row.winner == row.place,
                is_gone=row.winner is None,
                mine=row.owner.hex() == address,
                children=written.children,
            )
        )
    return operations


def _taken_away(db: sqlite3.Connection, removal: _Found, children: Sequence[Child]) -> tuple[str, str]:
    before = value_before(db, None, removal.updated_at, children)
    return ("", "") if before is None else _shown(before)


def _shown(record: Record) -> tuple[str, str]:
    return str(record["name"]), str(record["version"])
