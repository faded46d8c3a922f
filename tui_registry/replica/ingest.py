"""Taking operations from elsewhere: read, verify, append, and keep what must wait or was refused."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui_registry.crdt.op import OpError
from tui_registry.replica.batch import Batch
from tui_registry.replica.checked import Checked
from tui_registry.replica.connection import Pool
from tui_registry.replica.judge import Verdict, judge
from tui_registry.replica.reports import ApplyReport, Rejection
from tui_registry.replica.verifier import Verifier

# What a stranger may make us hold on to.
MAX_PENDING = 20_000
MAX_PENDING_BYTES = 64 * 2**20
MAX_REJECTED = 10_000
_REJECTED_START = 1_024


_CLAIMED_HASH = re.compile(rb'"hash":"([0-9a-f]{64})"\}*$')


@dataclass(slots=True)
class Arrival:
    """One line from elsewhere.

    Attributes:
        entry: its index in the peer's log, where it comes from one.
        held_by: whose pending op it is, where it waited here already.
        claimed: the hash that the line ends in, None where it ends otherwise. Nothing is believed of it.
        known: the log holds these very bytes.
        op: the op, once it has passed rules 1 to 5.
        error: the rule that it breaks.
    """

    index: int
    body: bytes
    entry: int | None = None
    held_by: str | None = None
    claimed: str | None = None
    known: bool = False
    op: Checked | None = None
    error: OpError | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a batch.

    Attributes:
        unread: the entries of a later version.
        held: the ops of this batch that wait, by digest, each with the child it waits for.
        moved: the ops of earlier batches that this one released, with the child they wait for now, None for no more.
    """

    report: ApplyReport = field(default_factory=ApplyReport)
    unread: list[int] = field(default_factory=list)
    held: dict[bytes, str] = field(default_factory=dict)
    moved: dict[bytes, str | None] = field(default_factory=dict)


def verify(pool: Pool, verifier: Verifier, lines: Sequence[bytes], first_entry: int | None = None) -> list[Arrival]:
    """Check rules 1 to 5 of each line, but for those that the log holds already, byte for byte.

    Args:
        first_entry: the index of the first line in a peer's log.
    """
    arrivals = [
        Arrival(index, line, None if first_entry is None else first_entry + index, claimed=_claimed(line))
        for index, line in enumerate(lines)
    ]
    _mark_known(pool, arrivals)
    unknown = [arrival for arrival in arrivals if not arrival.known]
    for arrival, verdict in zip(unknown, verifier.judge([item.body for item in unknown]), strict=True):
        _take(arrival, verdict)
    return arrivals


def store(
    db: sqlite3.Connection,
    arrivals: Sequence[Arrival],
    source: str,
    now: int,
    *,
    epoch: str | None = None,
    keep_pending: bool = True,
) -> Outcome:
    """Append what is valid, keep what must wait, remember what was refused; inside the caller's transaction.

    Args:
        arrivals: from `verify`.
        source: who sent them: a peer's name, or a word for a file or a push.
        now: Unix seconds, written beside what is refused.
        epoch: of the peer's log, where the arrivals are its entries.
        keep_pending: whether ops that miss a child are kept for later.
    """
    outcome = Outcome()
    report = outcome.report
    batch = Batch(db)
    batch.load(arrival.op for arrival in arrivals if arrival.op is not None)
    (any_pending,) = db.execute("SELECT EXISTS (SELECT 1 FROM pending)").fetchone()
    queue = deque(arrivals)
    waiting: dict[str, list[Arrival]] = {}
    released: list[Arrival] = []
    refused: list[Arrival] = []
    while queue:
        arrival = queue.popleft()
        op = arrival.op
        if arrival.known or (op is not None and batch.knows(op)):
            report.known += arrival.held_by is None
            continue
        if op is None:
            _refuse(arrival, outcome, refused)
            continue
        missing = batch.missing(op)
        if missing:
            waiting.setdefault(missing[0], []).append(arrival)
            continue
        try:
            batch.append(op, arrival.body)
        except OpError as error:
            arrival.error = error
            _refuse(arrival, outcome, refused)
            continue
        report.applied += 1
        queue.extend(waiting.pop(op.claim.hash, ()))
        if any_pending:
            freed = _release(db, op.claim.hash)
            batch.load(free.op for free in freed if free.op is not None)
            released += freed
            queue.extend(freed)
    batch.flush()
    still = [(child, arrival) for child, group in waiting.items() for arrival in group]
    outcome.moved = _settle(db, released, still)
    fresh = [(child, arrival) for child, arrival in still if arrival.held_by is None]
    report.pending = len(fresh)
    outcome.held = {digest_of(arrival.body): child for child, arrival in fresh}
    report.missing = sorted(waiting)
    if keep_pending:
        _keep(db, fresh, source, epoch)
        _evict(db)
    _remember(db, refused, source, now)
    return outcome


def digest_of(body: bytes) -> bytes:
    """The digest by which whole bytes are kept: a hash that they claim says nothing about them."""
    return hashlib.blake2b(body, digest_size=32).digest()


# How: reading and verifying


def _claimed(line: bytes) -> str | None:
    match = _CLAIMED_HASH.search(line, max(0, len(line) - 100))
    return None if match is None else match[1].decode()


def _mark_known(pool: Pool, arrivals: Sequence[Arrival]) -> None:
    """Spare the verification of bytes that the log holds already: a claimed hash alone spares nothing."""
    with pool.read() as db:
        if db.execute("SELECT size FROM replica").fetchone() == (0,):
            return
        for start in range(0, len(arrivals), 500):
            chunk = arrivals[start : start + 500]
            claimed = [bytes.fromhex(arrival.claimed) for arrival in chunk if arrival.claimed is not None]
            marks = ", ".join("?" * len(claimed))
            rows = db.execute(f"SELECT hash, body FROM ops WHERE hash IN ({marks})", claimed)
            bodies: dict[str, bytes] = {digest.hex(): body for digest, body in rows}
            for arrival in chunk:
                arrival.known = arrival.claimed is not None and bodies.get(arrival.claimed) == arrival.body


def _take(arrival: Arrival, verdict: Verdict) -> None:
    if isinstance(verdict, Checked):
        arrival.op = verdict
    else:
        arrival.error = OpError(*verdict)


# How: what waits and what was refused


def _refuse(arrival: Arrival, outcome: Outcome, refused: list[Arrival]) -> None:
    error = arrival.error
    assert error is not None
    if error.code == "unsupported":
        outcome.report.unsupported += 1
        if arrival.entry is not None:
            outcome.unread.append(arrival.entry)
        return
    if arrival.held_by is None:
        outcome.report.rejected.append(Rejection(arrival.index, error.code, error.sentence))
    refused.append(arrival)


def _release(db: sqlite3.Connection, child: str) -> list[Arrival]:
    """The pending ops that waited for this child first, each once however many sources hold it."""
    rows = db.execute(
        "SELECT min(seq), source, body FROM pending WHERE child = ? GROUP BY digest ORDER BY 1", (bytes.fromhex(child),)
    ).fetchall()
    freed = [Arrival(-1, body, held_by=source) for _, source, body in rows]
    for arrival, verdict in zip(freed, judge([item.body for item in freed]), strict=True):
        _take(arrival, verdict)
    return freed


def _settle(
    db: sqlite3.Connection, released: Sequence[Arrival], still: Sequence[tuple[str, Arrival]]
) -> dict[bytes, str | None]:
    """Take released ops out of pending, or let them wait for their next child; those refused after all count for the
    peer that sent them."""
    waits_on = {id(arrival): child for child, arrival in still}
    moved: dict[bytes, str | None] = {}
    for arrival in released:
        digest = digest_of(arrival.body)
        child = moved[digest] = waits_on.get(id(arrival))
        if child is None:
            db.execute("DELETE FROM pending WHERE digest = ?", (digest,))
            if arrival.error is not None:
                db.execute("UPDATE peers SET rejected = rejected + 1 WHERE name = ?", (arrival.held_by,))
        else:
            db.execute("UPDATE pending SET child = ? WHERE digest = ?", (bytes.fromhex(child), digest))
    return moved


def _keep(db: sqlite3.Connection, fresh: Sequence[tuple[str, Arrival]], source: str, epoch: str | None) -> None:
    db.executemany(
        "INSERT OR IGNORE INTO pending (digest, source, child, epoch, entry, size, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                digest_of(arrival.body),
                source,
                bytes.fromhex(child),
                epoch,
                arrival.entry,
                len(arrival.body),
                arrival.body,
            )
            for child, arrival in fresh
        ),
    )


def _evict(db: sqlite3.Connection) -> None:
    """Make room: the source that holds most loses its newest first, and its cursor remembers where to read again."""
    while True:
        count, size = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM pending").fetchone()
        if count <= MAX_PENDING and size <= MAX_PENDING_BYTES:
            return
        (greediest,) = db.execute(
            "SELECT source FROM pending GROUP BY source ORDER BY sum(size) DESC, count(*) DESC, source LIMIT 1"
        ).fetchone()
        rows = db.execute(
            "SELECT seq, epoch, entry FROM pending WHERE source = ? ORDER BY seq DESC LIMIT ?",
            (greediest, max(1, count - MAX_PENDING, count // 16)),
        ).fetchall()
        db.executemany("DELETE FROM pending WHERE seq = ?", ((seq,) for seq, _, _ in rows))
        for _, epoch, entry in rows:
            if epoch is not None and entry is not None:
                _mark_evicted(db, greediest, epoch, entry)


def _mark_evicted(db: sqlite3.Connection, peer: str, epoch: str, entry: int) -> None:
    """Let the peer's cursor remember the first entry that there was no room for."""
    db.execute(
        "UPDATE cursors SET evicted_index = min(coalesce(evicted_index, :entry), :entry) "
        "WHERE peer = :peer AND epoch = :epoch",
        {"entry": entry, "peer": peer, "epoch": epoch},
    )


def _remember(db: sqlite3.Connection, refused: Sequence[Arrival], source: str, now: int) -> None:
    if not refused:
        return
    db.executemany(
        "INSERT OR REPLACE INTO rejected (digest, source, received_at, code, sentence, size, start) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                digest_of(arrival.body),
                arrival.held_by or source,
                now,
                arrival.error.code,
                arrival.error.sentence[:500],
                len(arrival.body),
                arrival.body[:_REJECTED_START],
            )
            for arrival in refused[-MAX_REJECTED:]
            if arrival.error is not None
        ),
    )
    db.execute(
        "DELETE FROM rejected WHERE rowid IN "
        "(SELECT rowid FROM rejected ORDER BY received_at DESC, rowid DESC LIMIT -1 OFFSET ?)",
        (MAX_REJECTED,),
    )
