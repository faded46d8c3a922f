"""Taking whole records out of the log for good: of an owner who is blocked, or of a peer that is removed.

The log is rewritten in one transaction, and has another epoch then: whatever ends the program, all of it is done or
nothing is. What is taken is closed: no operation that stays builds on one that goes. What stays keeps its order. Then
the room is given back to the disk, which may be done at any time, and again.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from tui_registry.errors import Kind
from tui_registry.frozen import NamedTuple
from tui_registry.replica.catalogue.current import IN_CONFLICT
from tui_registry.replica.catalogue.current_manifests import follow
from tui_registry.replica.catalogue.derived import (
    KINDS_BY_CODE,
    RECORD_COLUMNS,
    count_values,
    counted_values,
    derive,
    forget_words,
    indexed_from,
    tidy_words,
)
from tui_registry.replica.catalogue.record_links import take_links_out
from tui_registry.replica.log.kept_set import take_out
from tui_registry.replica.log.left_out import (
    OVERHEAD_BYTES,
    Reason,
    block,
    foreign,
    look_again,
    note_taken,
    recount,
    remember,
    want_removed,
)
from tui_registry.replica.log.peers import read_peers
from tui_registry.replica.store.connection import Pool, StoreError, said_plainly
from tui_registry.replica.store.stored import record_of
from tui_registry.replica.store.tables import expect_own

_CHUNK = 1_000
_MODULUS = 2**256
# Of the file so large a part is worth a rewriting of all of it.
_WORTH_IT = 0.05
# And of the records so many, that their words are.
_MANY = 0.1
_LEAST_PAGES = 128
_COLUMNS = ", ".join(f"c.{column}" for column in RECORD_COLUMNS.split(", "))


class PurgeAmounts(NamedTuple):
    """What a purge takes, or took.

    Attributes:
        owners, records, ops: how many; of the records some may be deleted ones.
        bytes: about what they take on disk.
        given_back: bytes by which the database became smaller; None where that was not tried, or could not be done:
            the room is used for what comes next then.
    """

    owners: int
    records: int
    ops: int
    bytes: int
    given_back: int | None = None


class Purging:
    """What takes whole records out of the log."""

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        """
        Args:
            clock: gives Unix seconds.
        """
        self._pool = pool
        self._clock = clock

    def plan(self, *, owner: str | None = None, peer: str | None = None) -> PurgeAmounts:
        """What a purge would take; nothing is written.

        Raises:
            StoreError: `bad_owner`, `own_key`.
        """
        with self._pool.read() as db:
            rids = _of_owner(db, foreign(db, owner)) if owner is not None else _of_source(db, peer or "")
            listed = json.dumps(rids)
            (owners,) = db.execute(
                "SELECT count(DISTINCT k.owner) FROM json_each(?) j CROSS JOIN keys k ON k.rid = j.value", (listed,)
            ).fetchone()
            ops, size = db.execute(
                "SELECT count(*), coalesce(sum(length(o.body)), 0) FROM json_each(?) j "
                "CROSS JOIN ops o ON o.rid = j.value",
                (listed,),
            ).fetchone()
        return PurgeAmounts(owners, _records(rids), ops, size + ops * OVERHEAD_BYTES)

    def places(self, owner: str) -> list[int]:
        """Where the operations stand that a purge of an owner would take, ascending; nothing is written.

        Raises:
            StoreError: `bad_owner`, `own_key`.
        """
        with self._pool.read() as db:
            listed = json.dumps(_of_owner(db, foreign(db, owner)))
            rows = db.execute(
                "SELECT o.idx FROM json_each(?) j CROSS JOIN ops o ON o.rid = j.value ORDER BY o.idx", (listed,)
            )
            return [place for (place,) in rows]

    def purge(self, *, owner: str | None = None, peer: str | None = None) -> PurgeAmounts:
        """Take out what an owner has, who is blocked then, or what only a peer brought; and give back the room.

        Of a peer that is every record of which all operations came first from it, but for those of this replica's own
        key. What others have of it is asked for at the next sync; what a blocked owner has is not.

        Raises:
            StoreError: `bad_owner`, `own_key`, `hub_view`: nothing was done.
        """
        with self._pool.write(bulk=True) as db:
            expect_own(db, "only `tui-registry hub purge` takes operations out of that")
            now = self._clock()
            if owner is not None:
                address = foreign(db, owner)
                block(db, address, now)
                amounts, _ = _take_out(db, _of_owner(db, address), "blocked", now)
            else:
                amounts, beyond = _take_out(db, _of_source(db, peer or ""), "removed", now)
                want_removed(db, peer or "", beyond)
            look_again(db)
        return amounts._replace(given_back=give_back_room(self._pool))


def give_back_room(pool: Pool) -> int | None:
    """Make the database's file as small as what is in it, where that is worth it; how many bytes that gave back. It
    needs as much room again meanwhile, and keeps others from writing.

    Returns:
        None where it could not be done: the room is used for what comes next.
    """
    try:
        with said_plainly(pool.path), closing(pool.connect()) as db:
            pages, free, size = (_told(db, name) for name in ("page_count", "freelist_count", "page_size"))
            if free >= max(_LEAST_PAGES, _WORTH_IT * pages):
                # The copy goes to a file: it may be larger than the memory.
                db.execute("PRAGMA temp_store = FILE")
                db.execute("VACUUM")
            # What was written waits in another file until nobody reads an older state.
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return (pages - _told(db, "page_count")) * size
    except StoreError:
        return None


def _told(db: sqlite3.Connection, name: str) -> int:
    (number,) = db.execute(f"PRAGMA {name}").fetchone()
    return int(number)


# How: which records


def _records(rids: Sequence[int]) -> int:
    """How many of these keys are records: a manifest goes with its record."""
    return sum(rid > 0 for rid in rids)


def _of_owner(db: sqlite3.Connection, address: bytes) -> list[int]:
    """What an owner has."""
    return [rid for (rid,) in db.execute("SELECT rid FROM keys WHERE owner = ?", (address,))]


def _of_source(db: sqlite3.Connection, source: str) -> list[int]:
    """What only one source brought."""
    runs = db.execute(
        "SELECT idx, stop FROM (SELECT idx, source, lead(idx, 1, (SELECT size FROM replica)) OVER (ORDER BY idx) "
        "AS stop FROM arrivals) WHERE source = ?",
        (source,),
    ).fetchall()
    brought: Counter[int] = Counter()
    for run in runs:
        brought.update(dict(db.execute("SELECT rid, count(*) FROM ops WHERE idx >= ? AND idx < ? GROUP BY rid", run)))
    every = db.execute(
        "SELECT j.value, count(*) FROM json_each(?) j CROSS JOIN keys k ON k.rid = j.value "
        "CROSS JOIN ops o ON o.rid = k.rid, replica r WHERE lower(hex(k.owner)) <> r.address GROUP BY j.value",
        (json.dumps(sorted(brought)),),
    )
    return [rid for rid, ops in every if brought[rid] == ops]


# How: taking them out


def _take_out(db: sqlite3.Connection, rids: Sequence[int], reason: Reason, now: int) -> tuple[PurgeAmounts, int]:
    """Take records out of the log and of all that is derived; what is taken is remembered as left out. Gives how many
    operations there was no room to remember as well."""
    if not rids:
        return PurgeAmounts(0, 0, 0, 0), 0
    # As in `audit._rewrite_log`, which may come after it on this connection, and can choose nothing else by then.
    db.execute("PRAGMA temp_store = FILE")
    db.execute("DROP TABLE IF EXISTS temp.purged")
    db.execute("CREATE TEMP TABLE purged (rid INTEGER PRIMARY KEY)")
    db.executemany("INSERT INTO purged (rid) VALUES (?)", ((rid,) for rid in rids))
    (owners,) = db.execute("SELECT count(DISTINCT owner) FROM keys WHERE rid IN (SELECT rid FROM purged)").fetchone()
    identical = [peer.name for peer in read_peers(db) if peer.identical]
    places, total, size, beyond = _remember(db, reason, now, identical)
    take_out(db, places)
    # Records that stay, and whose manifests go.
    described = {
        subject: words or ""
        for subject, words in db.execute("SELECT subject, words FROM purged CROSS JOIN manifests USING (rid)")
    }
    (before,) = db.execute("SELECT models + agents FROM replica").fetchone()
    gone = _forget_derived(db)
    if gone > _MANY * before:
        tidy_words(db)
    take_links_out(db)
    for table in ("ops", "catalogue", "manifests", "digests", "evaluations", "interfaces", "keys"):
        db.execute(f"DELETE FROM {table} WHERE rid IN (SELECT rid FROM purged)")
    followed = follow(db, described)
    db.execute("UPDATE replica SET conflicts = conflicts - ?", (len(followed.settled),))
    _close_up(db, places)
    recount(db)
    (fingerprint,) = db.execute("SELECT fingerprint FROM replica").fetchone()
    db.execute(
        "UPDATE replica SET epoch = ?, size = size - ?, fingerprint = ?",
        (secrets.token_hex(16), len(places), f"{(int(fingerprint, 16) - total) % _MODULUS:064x}"),
    )
    db.execute("DROP TABLE temp.purged")
    return PurgeAmounts(owners, _records(rids), len(places), size + len(places) * OVERHEAD_BYTES), beyond


def _remember(
    db: sqlite3.Connection, reason: Reason, now: int, identical: Sequence[str]
) -> tuple[array[int], int, int, int]:
    """Remember what is taken as left out; gives its places in the log, ascending, the sum of its hashes, the bytes
    of its bodies, and of how many the hashes are not remembered.

    Args:
        identical: the peers whose logs have all of it.
    """
    of_owner: dict[bytes, list[int]] = {}
    places = array("q")
    total = size = 0
    runs = db.execute("SELECT idx, coalesce(source, '') FROM arrivals ORDER BY idx").fetchall()
    starts = [start for start, _ in runs]

    def rows() -> Iterator[tuple[bytes, str, Reason, str, int]]:
        nonlocal total, size
        reading = db.execute(
            "SELECT o.idx, o.hash, k.owner, length(o.body) FROM purged p CROSS JOIN ops o ON o.rid = p.rid "
            "CROSS JOIN keys k ON k.rid = p.rid ORDER BY o.idx"
        )
        for place, digest, owner, length in reading.fetchall():
            places.append(place)
            number = int.from_bytes(digest, "big")
            total += number
            size += length
            theirs = of_owner.setdefault(owner, [0, 0])
            theirs[0] += 1
            theirs[1] += number
            yield digest, owner.hex(), reason, runs[bisect_left(starts, place + 1) - 1][1], length + OVERHEAD_BYTES

    kept = remember(db, rows(), now)
    beyond = len(places) - len(kept)
    if reason == "blocked":
        note_taken(db, of_owner, identical, beyond)
    return places, total, size, beyond


def _forget_derived(db: sqlite3.Connection) -> int:
    """Take the words and the counted values of the records out, and them out of the counters; how many there were."""
    floor = indexed_from(db)
    counts: dict[Kind, int] = {"model": 0, "agent": 0}
    conflicts = 0
    reading = db.execute(
        f"SELECT c.rid, c.kind, {IN_CONFLICT}, o.body, m.words, {_COLUMNS} FROM purged p "
        "CROSS JOIN catalogue c ON c.rid = p.rid CROSS JOIN ops o ON o.idx = c.idx "
        "LEFT JOIN manifests m ON m.subject = c.id ORDER BY c.rid"
    )
    while rows := reading.fetchmany(_CHUNK):
        counted: Counter[str] = Counter()
        words: list[tuple[int, tuple[str, ...]]] = []
        for rid, code, in_conflict, body, given, *columns in rows:
            kind = KINDS_BY_CODE[code]
            counts[kind] += 1
            conflicts += in_conflict
            # What an earlier version derived is counted as it was, and not in the index yet.
            counted.subtract(counted_values(kind, tuple(columns)))
            if rid >= floor:
                record = record_of(body)
                assert record is not None
                words.append((rid, derive(kind, record).beside(columns[-1], given or "").words))
        forget_words(db, words)
        count_values(db, counted)
    db.execute(
        "UPDATE replica SET models = models - ?, agents = agents - ?, conflicts = conflicts - ?",
        (counts["model"], counts["agent"], conflicts),
    )
    return sum(counts.values())


def _close_up(db: sqlite3.Connection, gone: Sequence[int]) -> None:
    """Let everything that names places in the log name those that operations have once these are gone."""
    first = gone[0]
    db.create_function("moved", 1, lambda place: place - bisect_left(gone, place), deterministic=True)
    try:
        db.execute("DELETE FROM elsewhere WHERE idx NOT IN (SELECT idx FROM ops)")
        # Upwards, as SQLite reads a table: each place is free before it is taken.
        for table in ("ops", "elsewhere", "catalogue", "manifests"):
            db.execute(f"UPDATE {table} SET idx = moved(idx) WHERE idx > ?", (first,))
        db.execute("UPDATE replica SET looked = moved(looked)")
        (stop,) = db.execute("SELECT size FROM replica").fetchone()
        runs = db.execute("SELECT idx, arrived_at, source, batch FROM arrivals ORDER BY idx").fetchall()
        ends = [*(run[0] for run in runs[1:]), stop]
        db.execute("DELETE FROM arrivals")
        left = (
            (start - bisect_left(gone, start), end - bisect_left(gone, end), seen)
            for (start, *seen), end in zip(runs, ends, strict=True)
        )
        db.executemany(
            "INSERT INTO arrivals (idx, arrived_at, source, batch) VALUES (?, ?, ?, ?)",
            ((start, *seen) for start, end, seen in left if start < end),
        )
    finally:
        db.create_function("moved", 1, None)
