"""Operations that this replica's own key signed and that this replica did not write.

They are another device's of the same person, or this replica's own of before it was put back to an older copy, or
somebody else's who has the key. No replica can tell which: a person says so, and is told of each until then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Literal

from tui_registry.crdt.key_state import heads, winner
from tui_registry.errors import OpKind
from tui_registry.frozen import NamedTuple
from tui_registry.replica.catalogue.derived import OP_KINDS_BY_CODE
from tui_registry.replica.log.record_history import Link, named_in
from tui_registry.replica.store.connection import Pool
from tui_registry.replica.store.stored import name_of, record_of

# How a row of the table stands: nobody was told before a write, somebody was, the owner of the key knows of it.
_NEW, _TOLD, _KNOWN = 0, 1, 2
# As the index has it, word for word: SQLite takes it for no other condition.
_UNKNOWN = "state < 2"
# Of so many operations on one record it is asked how it stood before.
_MOST = 2_000

Became = Literal["came back", "deleted", "changed", "another version", "in conflict", "new"]


class TouchedRecord(NamedTuple):
    """A record of this replica's key that operations from elsewhere changed.

    Attributes:
        name: as it is now, or was last; not made safe to show.
        became: `came back` where it was deleted here, `deleted` where it was live, `changed` where it shows what was
            written elsewhere, `another version` where it does and is in conflict with what was written here, `in
            conflict` where it still shows what stood here before, `new` where there was no such record.
    """

    kind: OpKind
    id: str
    name: str
    became: Became


class Elsewhere:
    """The operations by this replica's key from elsewhere, until their owner says that they are known."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def count(self) -> int:
        """How many there are that nobody said are known."""
        with self._pool.read() as db:
            return _count(db, _KNOWN)

    def untold(self) -> int:
        """How many there are that nobody was told of before a write."""
        with self._pool.read() as db:
            return _count(db, _TOLD)

    def told(self) -> None:
        """Note that somebody was told of all of them before a write: it is said once."""
        self._move(_TOLD)

    def acknowledge(self, upto: int | None = None) -> int:
        """Note that the owner of the key knows of them; how many these were.

        Args:
            upto: only those below this place of the log: what was shown; None for all.
        """
        return self._move(_KNOWN, upto)

    def places(self, *, known: bool = False) -> list[int]:
        """Where they stand in the log, the last arrived first; with `known` those too that the owner knows of."""
        with self._pool.read() as db:
            rows = db.execute(f"SELECT idx FROM elsewhere WHERE {'1' if known else _UNKNOWN} ORDER BY idx DESC")
            return [place for (place,) in rows]

    def touched(self, limit: int = 50, *, since: int = 0) -> list[TouchedRecord]:
        """The records that they changed, the last changed first; those that they left as they stood are left out.

        Args:
            since: only what those did that stand at this place of the log or behind it.
        """
        with self._pool.read() as db:
            rows = db.execute(
                f"SELECT o.rid, min(e.idx), max(e.idx) FROM elsewhere e CROSS JOIN ops o USING (idx) WHERE {_UNKNOWN} "
                "AND e.idx >= ? GROUP BY o.rid ORDER BY max(e.idx) DESC LIMIT ?",
                (since, limit),
            ).fetchall()
            return [found for rid, first, _ in rows for found in _touched(db, rid, first)]

    def _move(self, state: int, upto: int | None = None) -> int:
        with self._pool.read() as db:
            if not _count(db, state):
                return 0
        with self._pool.write() as db:
            moved = db.execute(
                "UPDATE elsewhere SET state = :state WHERE state < :state AND (:upto IS NULL OR idx < :upto)",
                {"state": state, "upto": upto},
            )
            return moved.rowcount


def note_elsewhere(db: sqlite3.Connection, places: Iterable[int]) -> None:
    """Write down operations by this replica's key that came from elsewhere."""
    db.executemany("INSERT INTO elsewhere (idx, state) VALUES (?, ?)", ((place, _NEW) for place in places))


def restate(db: sqlite3.Connection, states: Iterable[tuple[int, int | None]]) -> None:
    """Let operations stand as they did before the log was written anew.

    Args:
        states: of the operation now at each place; None where it was none of these.
    """
    for place, state in states:
        if state is None:
            db.execute("DELETE FROM elsewhere WHERE idx = ?", (place,))
        else:
            db.execute("UPDATE elsewhere SET state = ? WHERE idx = ?", (state, place))


# How


def _count(db: sqlite3.Connection, below: int) -> int:
    (count,) = db.execute(f"SELECT count(*) FROM elsewhere WHERE {_UNKNOWN} AND state < ?", (below,)).fetchone()
    return int(count)


def _touched(db: sqlite3.Connection, rid: int, first: int) -> Iterator[TouchedRecord]:
    """What became of a record, unless it stands as it did before the first of these operations, or as it was written
    here since."""
    kind, key = db.execute("SELECT kind, id FROM keys WHERE rid = ?", (rid,)).fetchone()
    shown = db.execute(
        "SELECT idx, live_heads, name FROM catalogue WHERE rid = :rid "
        "UNION ALL SELECT idx, live_heads, NULL FROM manifests WHERE rid = :rid AND idx NOTNULL",
        {"rid": rid},
    ).fetchone()
    rows = db.execute(
        "SELECT idx, hash, is_rm, clock, body FROM ops WHERE rid = ? AND idx < ? ORDER BY idx DESC LIMIT ?",
        (rid, first, _MOST),
    )
    stood = [
        Link(place, digest.hex(), bool(is_rm), clock, named_in(bool(is_rm), body))
        for place, digest, is_rm, clock, body in rows
    ]
    before = winner(heads(stood))
    if _is_from_here(db, rid, first, shown):
        return
    came = shown is not None and _came(db, shown[0])
    became = _became(bool(stood), None if before is None else before.place, shown, first, came)
    if became is not None:
        name = shown[2] if shown is not None and shown[2] is not None else _last_name(db, rid)
        yield TouchedRecord(OP_KINDS_BY_CODE[kind], key.hex(), name, became)


def _is_from_here(db: sqlite3.Connection, rid: int, first: int, shown: tuple[int, int, str | None] | None) -> bool:
    """Whether this replica has settled what becomes of a record since the first of these operations: by its only live
    version, or by deleting it."""
    if shown is not None:
        place, live, _ = shown
        return live == 1 and place >= first and not _came(db, place)
    removed = db.execute("SELECT idx FROM ops WHERE rid = ? AND idx >= ? AND is_head AND is_rm", (rid, first))
    return any(not _came(db, place) for (place,) in removed.fetchall())


def _came(db: sqlite3.Connection, place: int) -> bool:
    return db.execute("SELECT 1 FROM elsewhere WHERE idx = ?", (place,)).fetchone() is not None


def _became(
    known: bool, before: int | None, shown: tuple[int, int, str | None] | None, first: int, came: bool
) -> Became | None:
    """
    Args:
        known: there were operations on the record before. before: the place of what it showed then.
        shown: the place of what it shows now, and how many versions are live.
        first: the place of the first operation from elsewhere. came: what it shows now is from elsewhere.
    """
    if shown is None:
        return "deleted" if before is not None else None
    if before is None:
        return "came back" if known else "new"
    place, live, _ = shown
    if place >= first and came:
        return "another version" if live > 1 else "changed"
    return "in conflict" if live > 1 else None


def _last_name(db: sqlite3.Connection, rid: int) -> str:
    row = db.execute("SELECT body FROM ops WHERE rid = ? AND is_rm = 0 ORDER BY idx DESC LIMIT 1", (rid,)).fetchone()
    record = None if row is None else record_of(row[0])
    return "" if record is None else name_of(record)
