"""Reading records one by one: entries, histories, conflicts, prefixes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence

from tui_registry.crdt.key_state import winner
from tui_registry.errors import Json, Kind, Record
from tui_registry.replica.columns import KIND_CODES, KINDS_BY_CODE
from tui_registry.replica.conditions import hex_range
from tui_registry.replica.errors import StoreError
from tui_registry.replica.reports import HistoryEntry
from tui_registry.replica.rows import Entry, Row
from tui_registry.replica.search import COLUMNS, DAY, row_of
from tui_registry.replica.stored import Stored, parts_of, read_heads, record_of, stored_id

_PREFIX = re.compile(r"(?:0x)?([0-9a-f]{1,64})").fullmatch
_SHOWN_CANDIDATES = 5
_END_OF_LOG = 2**63 - 1


def resolve(db: sqlite3.Connection, prefix: str, kind: Kind | None, *, deleted: bool = False) -> tuple[Kind, str]:
    """The only record whose id begins with `prefix`.

    Args:
        deleted: whether records that were deleted here count too.

    Raises:
        StoreError: `not_found` or `ambiguous`.
    """
    match = _PREFIX(prefix.strip().lower())
    what = kind or "record"
    if match is None:
        raise StoreError("not_found", f"'{prefix[:80]}' is not an id: an id is up to 64 hex digits, see `list`")
    low, high = hex_range(match[1], 64)
    join = "" if deleted else "JOIN catalogue c USING (rid)"
    condition = "" if kind is None else f"AND k.kind = {KIND_CODES[kind]}"
    rows = db.execute(
        f"SELECT k.kind, k.id FROM keys k {join} WHERE k.id BETWEEN ? AND ? {condition} ORDER BY k.id LIMIT ?",
        (low, high, _SHOWN_CANDIDATES + 1),
    ).fetchall()
    if not rows:
        raise StoreError("not_found", f"there is no {what} here whose id begins with {match[1][:64]}")
    if len(rows) > 1:
        named = ", ".join(identifier.hex()[: len(match[1]) + 8] for _, identifier in rows[:_SHOWN_CANDIDATES])
        more = ", ..." if len(rows) > _SHOWN_CANDIDATES else ""
        raise StoreError(
            "ambiguous", f"{match[1][:64]} is the beginning of several ids ({named}{more}): give more digits"
        )
    found_kind, identifier = rows[0]
    return KINDS_BY_CODE[found_kind], identifier.hex()


def read_entry(db: sqlite3.Connection, identifier: str, kind: Kind | None, *, address: str, now: int) -> Entry | None:
    """The current record with that id, without its problems (the Datastore adds them); None when there is none."""
    row = db.execute(
        "SELECT c.rid, c.kind, c.owner, o.body, n.name, c.updated_at FROM keys k JOIN catalogue c USING (rid) "
        "JOIN ops o ON o.idx = c.idx LEFT JOIN owner_names n ON n.address = c.owner WHERE k.id = ?",
        (stored_id(identifier),),
    ).fetchone()
    if row is None:
        return None
    rid, code, owner, body, owner_name, updated_at = row
    found = KINDS_BY_CODE[code]
    if kind is not None and kind != found:
        return None
    heads = [head for _, head in read_heads(db, [rid])]
    record = record_of(body)
    assert record is not None
    return Entry(
        kind=found,
        id=identifier,
        record=record,
        heads=tuple(sorted(head.hash for head in heads)),
        live_heads=_live(heads),
        problems=(),
        mine=owner.hex() == address,
        owner_name=owner_name,
        future=updated_at > now + DAY,
        size=len(body),
    )


def read_heads_of(db: sqlite3.Connection, identifier: str) -> tuple[str, ...]:
    """All heads of a key, ascending; empty for an id never seen."""
    row = db.execute("SELECT rid FROM keys WHERE id = ?", (stored_id(identifier),)).fetchone()
    return () if row is None else tuple(sorted(head.hash for _, head in read_heads(db, [row[0]])))


def read_history(
    db: sqlite3.Connection, identifier: str, limit: int | None = None, before: int | None = None
) -> list[HistoryEntry]:
    """The ops of a record, the last arrived first.

    Args:
        limit: at most so many, None for all.
        before: only those at a lower place in the log than this one.
    """
    row = db.execute("SELECT rid, owner FROM keys WHERE id = ?", (stored_id(identifier),)).fetchone()
    if row is None:
        return []
    rid, owner = row
    best = winner([head for _, head in read_heads(db, [rid])])
    # The index has the places of heads and of others in order: no more is looked at than is wanted.
    rows = db.execute(
        "SELECT idx, hash, clock, updated_at, is_rm, is_head, body FROM ops WHERE idx IN ("
        "SELECT idx FROM ops WHERE rid = :rid AND is_head = 0 AND idx < :before "
        "UNION ALL SELECT idx FROM ops WHERE rid = :rid AND is_head = 1 AND idx < :before "
        "ORDER BY idx DESC LIMIT :limit) ORDER BY idx DESC",
        {
            "rid": rid,
            "before": _END_OF_LOG if before is None else before,
            "limit": -1 if limit is None else max(0, limit),
        },
    )
    history = []
    for idx, digest, clock, updated_at, is_rm, is_head, body in rows:
        record, children = parts_of(body)
        history.append(
            HistoryEntry(
                place=idx,
                hash=digest.hex(),
                actor=owner.hex(),
                clock=clock,
                updated_at=updated_at,
                is_rm=bool(is_rm),
                is_head=bool(is_head),
                is_winner=best is not None and best.idx == idx,
                children=children,
                record=record,
            )
        )
    return history


def read_conflicts(db: sqlite3.Connection, now: int, limit: int) -> list[Row]:
    """The records with more than one live head, the last updated first."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM catalogue c WHERE c.live_heads > 1 ORDER BY c.updated_at DESC, c.rid DESC LIMIT ?",
        (limit,),
    )
    return [row_of(values, now) for values in rows]


def read_shown(db: sqlite3.Connection, rid: int) -> tuple[Kind, Record]:
    """Kind and plain record of a row of the catalogue."""
    code, body = db.execute(
        "SELECT c.kind, o.body FROM catalogue c JOIN ops o ON o.idx = c.idx WHERE c.rid = ?", (rid,)
    ).fetchone()
    record = record_of(body)
    assert record is not None
    return KINDS_BY_CODE[code], record


def model_type_reader(db: sqlite3.Connection) -> Callable[[str], Json | None]:
    """What the authoring rules ask: the type of a model known here, as a plain value."""

    def read(identifier: str) -> Json | None:
        row = db.execute(
            "SELECT o.body FROM keys k JOIN catalogue c USING (rid) JOIN ops o ON o.idx = c.idx "
            "WHERE k.id = ? AND c.kind = 0",
            (stored_id(identifier),),
        ).fetchone()
        record: Record | None = None if row is None else record_of(row[0])
        return None if record is None else record["model_type"]

    return read


def _live(heads: Sequence[Stored]) -> tuple[str, ...]:
    live = sorted((head for head in heads if not head.is_rm), key=lambda head: (-head.counter, head.hash))
    return tuple(head.hash for head in live)
