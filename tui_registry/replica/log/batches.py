"""Writes of this replica that belong together, such as an import: one entry of undo, however many operations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from tui_registry.errors import ABSENT, GivenManifest, OpKind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.replica.log.first_seen import first_seen
from tui_registry.replica.log.record_history import find_key, read_entries
from tui_registry.replica.store.connection import StoreError
from tui_registry.replica.store.stored import read_heads

# The label of a record and its manifest that were written as one: no more than one entry of undo, and in no list.
BESIDE = ""

_BATCHES = "SELECT b.batch, b.label, b.undone, min(a.arrived_at) FROM batches b JOIN arrivals a USING (batch)"


class Together:
    """Writes that belong together, such as an import, over however many transactions: they are undone as one.

    Attributes:
        label: what people call them. number: of the batch, once the first transaction is over.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.number: int | None = None


class WriteBatch(NamedTuple):
    """A batch.

    Attributes:
        number: of this replica's batches, from 1.
        label: what people call it, such as `import of models.yaml`; not made safe to show.
        written_at: Unix seconds, when it began.
        ops: how many operations it has.
    """

    number: int
    label: str
    written_at: int
    ops: int
    undone: bool


class RecordChange(NamedTuple):
    """A value that one record is to have, None for no record, and what is to stand behind it.

    Attributes:
        seen, manifest_seen: the heads that the caller was shown, of the record and of its manifest.
    """

    kind: OpKind
    id: str
    record: Record | None
    seen: tuple[str, ...]
    manifest: GivenManifest = ABSENT
    manifest_seen: tuple[str, ...] = ()


class Reverse(NamedTuple):
    """What takes a batch back.

    Attributes:
        changes: one for each record that nobody wrote to since.
        kept: the others, each by kind and id, with the reason why it stays as it is.
        back: how many of the changes bring back a record that is deleted.
    """

    batch: WriteBatch
    changes: tuple[RecordChange, ...]
    kept: tuple[tuple[OpKind, str, str], ...]
    back: int


def read_batches(db: sqlite3.Connection, limit: int) -> list[WriteBatch]:
    """The last batches, the latest first."""
    ask = f"{_BATCHES} WHERE b.label <> ? GROUP BY b.batch ORDER BY b.batch DESC LIMIT ?"
    rows = db.execute(ask, (BESIDE, max(0, limit))).fetchall()
    return [_batch(db, row) for row in rows]


def read_batch(db: sqlite3.Connection, number: int) -> WriteBatch:
    """A batch by its number.

    Raises:
        StoreError: `not_found`.
    """
    row = db.execute(f"{_BATCHES} WHERE b.batch = ? GROUP BY b.batch", (number,)).fetchone()
    if row is None:
        raise StoreError("not_found", f"there is no batch {number} here: see `undo --batches`")
    return _batch(db, row)


def batch_of(db: sqlite3.Connection, place: int) -> WriteBatch | None:
    """The batch of an operation, None where it was written by itself."""
    number = first_seen(db, [place])[place].batch
    return None if number is None else read_batch(db, number)


def read_reverse(db: sqlite3.Connection, number: int) -> Reverse:
    """What takes a batch back, by what is there now.

    Raises:
        StoreError: `not_found`.
    """
    batch = read_batch(db, number)
    changes: dict[str, RecordChange] = {}
    kept: list[tuple[OpKind, str, str]] = []
    back = 0
    places: dict[int, list[int]] = {}
    for run in _runs(db, number):
        rows = db.execute("SELECT rid, idx FROM ops WHERE idx >= ? AND idx < ?", (run.start, run.stop))
        for rid, place in rows:
            places.setdefault(rid, []).append(place)
    # Records first: one that comes back is there before its manifest is.
    for rid, written in sorted(places.items(), key=lambda item: item[0] < 0):
        (digest,) = db.execute("SELECT id FROM keys WHERE rid = ?", (rid,)).fetchone()
        key = find_key(db, digest.hex())
        assert key is not None
        first, last = read_entries(db, key, [written[0], written[-1]])
        heads = tuple(sorted(head.hash for _, head in read_heads(db, [rid])))
        record = _record_of(db, rid) if key.kind == "manifest" else key.id
        with_record = changes.get(record) if key.kind == "manifest" else None
        if heads != (last.hash,):
            kept.append((key.kind, key.id, "it was written to since" if len(heads) == 1 else "it is in conflict"))
            if with_record is not None and with_record.record is None:
                # It would go with its record, and nobody saw what is in it by now.
                del changes[record]
                kept.append((with_record.kind, record, "its manifest was written to since"))
        elif with_record is not None:
            changes[record] = with_record._replace(manifest=first.before, manifest_seen=heads)
        else:
            changes[key.id] = RecordChange(key.kind, key.id, first.before, heads)
            back += last.is_rm and first.before is not None
    return Reverse(batch, tuple(changes.values()), tuple(kept), back)


def mark_undone(db: sqlite3.Connection, number: int) -> None:
    """Note that a batch was taken back."""
    db.execute("UPDATE batches SET undone = 1 WHERE batch = ?", (number,))


# How


def _record_of(db: sqlite3.Connection, rid: int) -> str:
    """The id of the record that a manifest belongs to."""
    (subject,) = db.execute("SELECT subject FROM manifests WHERE rid = ?", (rid,)).fetchone()
    found: bytes = subject
    return found.hex()


def _batch(db: sqlite3.Connection, row: tuple[int, str, int, int]) -> WriteBatch:
    number, label, undone, written_at = row
    return WriteBatch(number, label, written_at, sum(map(len, _runs(db, number))), bool(undone))


def _runs(db: sqlite3.Connection, number: int) -> Iterator[range]:
    """The places of a batch's operations: other writers may have come in between."""
    rows = db.execute(
        "SELECT a.idx, coalesce((SELECT min(n.idx) FROM arrivals n WHERE n.idx > a.idx), r.size) "
        "FROM arrivals a, replica r WHERE a.batch = ? ORDER BY a.idx",
        (number,),
    )
    for start, stop in rows.fetchall():
        yield range(start, stop)
