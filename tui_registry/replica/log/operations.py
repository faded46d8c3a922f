"""The log, read: as other replicas copy it, and as people look at it, who did what to which record.

People see the last arrived first, and reach windows of it by place.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tui_registry.errors import Kind, Record
from tui_registry.replica.catalogue.derived import KINDS_BY_CODE
from tui_registry.replica.log.batches import Reverse, WriteBatch, batch_of, read_batches, read_reverse
from tui_registry.replica.log.first_seen import first_seen
from tui_registry.replica.log.versions import (
    Child,
    Deed,
    HistoryEntry,
    LastOperation,
    deed_of,
    find_key,
    find_version,
    read_children,
    read_history,
    read_last,
    value_before,
)
from tui_registry.replica.store.connection import Pool
from tui_registry.replica.store.key import Key
from tui_registry.replica.store.stored import chunks, marks, parts_of, stored_id

if TYPE_CHECKING:
    from tui_registry.replica.log.arrivals import Arrival
    from tui_registry.replica.log.verifier import Verifier

# One owner's operations are looked for among so many at the near end first: those of a busy owner all lie there.
_NEAR = 2_000


class Head(NamedTuple):
    """What a log holds: 32 hex digits, a number of ops, 64 hex digits, and the address of the node's key."""

    epoch: str
    size: int
    fingerprint: str
    node: str


class Operation(NamedTuple):
    """One operation of the log as lists show it.

    Attributes:
        place: where it stands in this replica's log, from 0.
        did: `settled` is a write on several versions that were live at once, `brought back` one on a removal.
        name, version: of the record as the operation wrote it; of a removal, as it was before. Empty if unknown.
        actor: the address that signed, 40 hex digits; mine: it is this replica's.
        updated_at: Unix seconds, as the actor says.
        arrived_at, source: when and from whom it first came here, as for `HistoryEntry`.
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
    arrived_at: int | None
    source: str | None
    is_head: bool
    is_winner: bool
    is_gone: bool
    mine: bool
    children: tuple[str, ...]


class Operations(NamedTuple):
    """A window of the log, the last arrived first; `total` counts all operations that it is a window of."""

    rows: list[Operation]
    total: int


class Quarantined(NamedTuple):
    """An operation that was refused, kept to be looked at.

    Attributes:
        source: who sent it last: a peer's name, `file`, or `push:` and the address it was pushed from.
        received_at: Unix seconds.
        code, sentence: the rule that it breaks.
        size: of the whole bytes; `start` holds the first 1,024 of them at most. They are a stranger's: show them
            through `safe_text` only.
    """

    source: str
    received_at: int
    code: str
    sentence: str
    size: int
    start: bytes


class Log:
    """The append-only log of this replica."""

    def __init__(self, pool: Pool, key: Key) -> None:
        self._pool = pool
        self._key = key
        self._verifier: Verifier | None = None

    # As other replicas copy it

    def head(self) -> Head:
        """Size, fingerprint and epoch of the log, as of one moment."""
        address = self._key.address
        with self._pool.read() as db:
            return _read_head(db, address)

    def begins_as(self, head: Head) -> bool:
        """Whether the log still begins with the operations that an earlier head of the same epoch counted. It does not
        after the replica was put back to an older copy and written to."""
        with self._pool.read() as db:
            size, fingerprint = db.execute("SELECT size, fingerprint FROM replica").fetchone()
            if head.size >= size:
                return bool(head.size == size and head.fingerprint == fingerprint)
            digests = db.execute("SELECT hash FROM ops WHERE idx < ?", (head.size,))
            total = sum(int.from_bytes(digest, "big") for (digest,) in digests)
        return head.fingerprint == f"{total % 2**256:064x}"

    def renew_epoch(self) -> None:
        """Give the log another epoch, because others were given another log under this one. They begin anew."""
        with self._pool.write() as db:
            db.execute("UPDATE replica SET epoch = ?", (os.urandom(16).hex(),))

    def lines(self, start: int, stop: int) -> list[bytes]:
        """The exact bytes of ops start..stop of the log, without line ends."""
        with self._pool.read() as db:
            rows = db.execute("SELECT body FROM ops WHERE idx >= ? AND idx < ? ORDER BY idx", (start, stop))
            return [body for (body,) in rows]

    def keys(self) -> tuple[Head, bytes]:
        """The head, and the keys of every op of the log: `updated_at` (8 bytes) and hash (32), one behind the other,
        ascending. It reads the whole log."""
        address = self._key.address
        keys = bytearray()
        with self._pool.read() as db:
            head = _read_head(db, address)
            for updated_at, digest in db.execute("SELECT updated_at, hash FROM ops ORDER BY updated_at, hash"):
                keys += updated_at.to_bytes(8, "big") + digest
        return head, bytes(keys)

    def unknown(self, hashes: Sequence[str]) -> list[str]:
        """Those of the hashes that no op of the log has, in their order."""
        with self._pool.read() as db:
            known = _indices(db, hashes)
        return [item for item in hashes if item not in known]

    def by_hash(self, hashes: Sequence[str], max_bytes: int) -> list[bytes]:
        """The ops with these hashes, children first; without unknown ones, and no more than `max_bytes` (but one)."""
        found: list[bytes] = []
        size = 0
        with self._pool.read() as db:
            # The log's own order has children first.
            for idx in sorted(_indices(db, hashes).values()):
                (body,) = db.execute("SELECT body FROM ops WHERE idx = ?", (idx,)).fetchone()
                size += len(body) + 1
                if found and size > max_bytes:
                    break
                found.append(body)
        return found

    # As it takes lines from elsewhere

    def check_lines(self, lines: Sequence[bytes], first_entry: int | None = None) -> list[Arrival]:
        """Judge lines from elsewhere by themselves, writing nothing: the slow half of storing them, and one that may
        run beside the storing of others.

        Args:
            first_entry: the index of the first line in a peer's log.
        """
        from tui_registry.replica.log.arrivals import check_lines

        return check_lines(self._pool, self.verifier, lines, first_entry)

    @property
    def verifier(self) -> Verifier:
        """What judges lines, on other cores where they are many."""
        from tui_registry.replica.log.verifier import Verifier

        if self._verifier is None:
            self._verifier = Verifier()
        return self._verifier

    def close(self) -> None:
        """Let the processes go that judge."""
        if self._verifier is not None:
            self._verifier.close()

    def quarantine(self, limit: int = 200) -> list[Quarantined]:
        """The last operations that were refused, the latest first; at most 10,000 are remembered."""
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT source, received_at, code, sentence, size, start FROM rejected "
                "ORDER BY received_at DESC, rowid DESC LIMIT ?",
                (max(0, limit),),
            )
            return [Quarantined(*row) for row in rows]

    def quarantine_sources(self) -> dict[str, int]:
        """How many of the remembered refused operations each source sent last, the one of most first."""
        with self._pool.read() as db:
            return dict(
                db.execute("SELECT source, count(*) AS sent FROM rejected GROUP BY source ORDER BY sent DESC, source")
            )

    # As people look at it

    def operations(
        self,
        *,
        mine: bool = False,
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
        unwanted: Callable[[], bool] | None = None,
    ) -> Operations:
        """A window of the log, the last arrived first.

        Args:
            mine: only what this replica's key signed.
            before: only what stands at a lower place than this one, the nearest to it.
            after: only what stands at a higher place, the nearest to it.
            unwanted: asked now and then; once it is true the reading ends.

        Raises:
            StoreError: `interrupted`.
        """
        limit = max(0, limit)
        from_end = after is None
        with self._pool.read(unwanted=unwanted) as db:
            (total,) = db.execute("SELECT size FROM replica").fetchone()
            low, high = 0 if after is None else after + 1, total if before is None else min(before, total)
            places: Sequence[int]
            if mine:
                signer = bytes.fromhex(self._key.known_address(db))
                row = db.execute("SELECT ops FROM owners WHERE address = ?", (signer,)).fetchone()
                total = 0 if row is None else int(row[0])
                places = _places_of(db, signer, low, high, min(limit, total), from_end=from_end)
            else:
                places = range(max(low, high - limit), high) if from_end else range(low, min(high, low + limit))
            return Operations(_operations(db, places), total)

    # One record

    def history(self, identifier: str, limit: int | None, before: int | None) -> list[HistoryEntry]:
        """The ops of a record, deleted or not, the last arrived first.

        Args:
            limit: at most so many, None for all.
            before: only those at a lower place in the log than this one.
        """
        with self._pool.read() as db:
            key = find_key(db, identifier)
            return [] if key is None else read_history(db, key, limit, before)

    def version(self, prefix: str, of: str | None = None) -> HistoryEntry:
        """An operation, by its hash or the beginning of it.

        Args:
            of: the id of the record that it must belong to.

        Raises:
            StoreError: `not_found`, `ambiguous`, or `other_record`.
        """
        with self._pool.read() as db:
            return find_version(db, prefix, of)

    def last_operation(self, identifier: str) -> LastOperation | None:
        """The last operation on a record, deleted or not, and what it replaced; None for an id never seen.

        Of several heads it is the one that is shown, or where all are removals the one that arrived last.
        """
        with self._pool.read() as db:
            key = find_key(db, identifier)
            return None if key is None else read_last(db, key)

    # Batches of this replica's own writes

    def batches(self, limit: int = 100) -> list[WriteBatch]:
        """The writes that were made together, such as imports, the latest first."""
        with self._pool.read() as db:
            return read_batches(db, limit)

    def batch_of(self, place: int) -> WriteBatch | None:
        """The batch of an operation at that place of the log, None where it was written by itself."""
        with self._pool.read() as db:
            return batch_of(db, place)

    def reverse(self, number: int) -> Reverse:
        """What takes a batch back, by what is there now; nothing is written.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.read() as db:
            return read_reverse(db, number)

    def ops_of(self, identifier: str) -> list[bytes]:
        """The exact bytes of every op of a record, children first; empty for an id never seen."""
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT o.body FROM keys k JOIN ops o USING (rid) WHERE k.id = ? ORDER BY o.idx",
                (stored_id(identifier),),
            )
            return [body for (body,) in rows]

    def last_deleted(self) -> str | None:
        """The id of the record of this replica's key that was deleted last, None when no deleted one is left."""
        with self._pool.read() as db:
            # Max and the column beside it: SQLite gives the row of the maximum
            # (https://sqlite.org/lang_select.html#bareagg).
            digest, _ = db.execute(
                "SELECT k.id, max(o.idx) FROM keys k CROSS JOIN ops o ON o.rid = k.rid AND o.is_head = 1 "
                "WHERE k.owner = ? AND NOT EXISTS (SELECT 1 FROM catalogue c WHERE c.rid = k.rid)",
                (bytes.fromhex(self._key.known_address(db)),),
            ).fetchone()
        return None if digest is None else digest.hex()


# How: as other replicas copy it


def _read_head(db: sqlite3.Connection, address: str) -> Head:
    epoch, size, fingerprint = db.execute("SELECT epoch, size, fingerprint FROM replica").fetchone()
    return Head(epoch, size, fingerprint, address)


def _indices(db: sqlite3.Connection, hashes: Sequence[str]) -> dict[str, int]:
    """The places of those of the hashes that the log has."""
    found: dict[str, int] = {}
    for chunk in chunks([bytes.fromhex(item) for item in hashes]):
        rows = db.execute(f"SELECT hash, idx FROM ops WHERE hash IN ({marks(chunk)})", chunk)
        found.update((digest.hex(), idx) for digest, idx in rows)
    return found


# How: windows of operations


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
    (address,) = db.execute("SELECT address FROM replica").fetchone()
    found: list[Operation] = []
    seen = first_seen(db, places)
    for chunk in chunks(places):
        rows = db.execute(
            "SELECT o.idx, k.kind, k.id, k.owner, o.hash, o.clock, o.updated_at, o.is_head, c.idx, o.body "
            "FROM ops o JOIN keys k USING (rid) LEFT JOIN catalogue c USING (rid) "
            f"WHERE o.idx IN ({marks(chunk)})",
            chunk,
        )
        for place, kind, key, owner, digest, clock, updated_at, is_head, shown, body in rows:
            # A record may be large, and a window holds hundreds: no more of it is kept than what is shown.
            record, children = parts_of(body)
            name, version = ("", "") if record is None else _shown(record)
            found.append(
                Operation(
                    place=place,
                    kind=KINDS_BY_CODE[kind],
                    id=key.hex(),
                    did="deleted" if record is None else "registered",
                    name=name,
                    version=version,
                    hash=digest.hex(),
                    actor=owner.hex(),
                    clock=clock,
                    updated_at=updated_at,
                    arrived_at=seen[place].arrived_at,
                    source=seen[place].source,
                    is_head=bool(is_head),
                    is_winner=shown == place,
                    is_gone=shown is None,
                    mine=owner.hex() == address,
                    children=children,
                )
            )
    found.sort(key=lambda row: -row.place)
    named = read_children(db, {child for row in found for child in row.children})
    return [_in_its_history(db, row, [named[child] for child in row.children]) for row in found]


def _in_its_history(db: sqlite3.Connection, row: Operation, children: Sequence[Child]) -> Operation:
    """The operation, completed from those before it: what a write did, and what a removal took away."""
    if row.did == "deleted":
        before = value_before(db, None, row.updated_at, children)
        name, version = ("", "") if before is None else _shown(before)
        return row._replace(name=name, version=version)
    return row._replace(did=deed_of(False, children))


def _shown(record: Record) -> tuple[str, str]:
    return str(record["name"]), str(record["version"])
