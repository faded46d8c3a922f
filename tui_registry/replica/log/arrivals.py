"""Operations from elsewhere: judged, appended where valid, kept where they must wait, remembered where refused.

What waits is valid by itself and misses a child: it is kept, let go when the child comes, put out when it is too many.
"""

from __future__ import annotations

import gc
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from tui_registry.crdt.op import OpError, claimed_hash, digest_of
from tui_registry.replica.log.append import Batch
from tui_registry.replica.log.first_seen import FirstSeen
from tui_registry.replica.log.judge import Checked, Rejection, Verdict, judge, judge_claim
from tui_registry.replica.log.left_out import (
    DEFERRED,
    Admission,
    Ration,
    Reason,
    blocked_owners,
    claimed_owner,
    note_held_left,
    reason_of,
)
from tui_registry.replica.log.turns import Room, Turns
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.stored import chunks, marks, unpacked

if TYPE_CHECKING:
    from tui_registry.replica.log.verifier import Verifier

T = TypeVar("T")

# The word index writes a segment for each transaction: large ones are quicker by a third.
_APPLIED_AT_ONCE = 8_192
# After a transaction of so many operations others are likely to follow.
_BULK = 1_024
# Bounds on what strangers can make this replica store.
MAX_PENDING = 20_000
MAX_PENDING_BYTES = 64 * 2**20
MAX_REJECTED = 10_000
_START = 1_024
_ANY = 2**62
# It is looked so often what waits for so many operations.
_RELEASED_AT_ONCE = 256


@dataclass(slots=True, eq=False)
class ApplyReport:
    """What became of operations from elsewhere.

    Attributes:
        applied, known, pending, unsupported: counts.
        elsewhere: how many of those that were applied this replica's own key signed.
        left_out: how many are left out here, for each reason (`log.left_out`).
        conflicted: the records (by their rows) that these ops brought into conflict and did not settle; settled: those
            that were in conflict before and are no more.
        rejected: what breaks a rule, one by one.
        held: the ops of these that wait, by a digest of their bytes, each with the child it waits for.
        moved: the ops of earlier ones that these released, with the child they wait for now, None for no more.
        beyond: ops that waited when `held` was full: what strangers make us remember is bounded, these only count.
        appended: where in the log what was applied stands: from which place up to which.
    """

    applied: int = 0
    known: int = 0
    pending: int = 0
    unsupported: int = 0
    elsewhere: int = 0
    left_out: Counter[Reason] = field(default_factory=Counter)
    conflicted: set[int] = field(default_factory=set, repr=False)
    settled: set[int] = field(default_factory=set, repr=False)
    rejected: list[Rejection] = field(default_factory=list)
    held: dict[bytes, str] = field(default_factory=dict, repr=False)
    moved: dict[bytes, str | None] = field(default_factory=dict, repr=False)
    beyond: int = field(default=0, repr=False)
    appended: list[tuple[int, int]] = field(default_factory=list, repr=False)

    @property
    def missing(self) -> list[str]:
        """The children that pending ops wait for."""
        return sorted({*self.held.values(), *(child for child in self.moved.values() if child is not None)})

    @property
    def conflicts(self) -> int:
        """How many records these ops brought into conflict."""
        return len(self.conflicted)

    @property
    def deferred(self) -> int:
        """How many were left out for want of room."""
        return sum(self.left_out[reason] for reason in DEFERRED)

    @property
    def total(self) -> int:
        kept_out = self.unsupported + len(self.rejected) + self.left_out.total()
        return self.applied + self.known + self.pending + kept_out

    def add(self, later: ApplyReport) -> None:
        """Count in what came later, but for its rejections, whose places mean something else here. What waited for it
        is pending no more."""
        self.applied += later.applied
        self.known += later.known
        self.unsupported += later.unsupported
        self.elsewhere += later.elsewhere
        self.left_out += later.left_out
        self.conflicted = (self.conflicted - later.settled) | later.conflicted
        self.settled |= later.settled
        for digest, child in later.moved.items():
            if digest not in self.held:
                if digest in self.moved or len(self.moved) < MAX_PENDING:
                    self.moved[digest] = child
            elif child is None:
                del self.held[digest]
            else:
                self.held[digest] = child
        self.beyond += later.beyond
        for digest, child in later.held.items():
            if digest in self.held or len(self.held) < MAX_PENDING:
                self.held[digest] = child
            else:
                self.beyond += 1
        self.pending = len(self.held) + self.beyond
        for start, stop in later.appended:
            if self.appended and self.appended[-1][1] == start:
                start = self.appended.pop()[0]
            self.appended.append((start, stop))


@dataclass(slots=True)
class Arrival:
    """One line from elsewhere.

    Attributes:
        entry: its index in the peer's log, where it comes from one.
        held_by: whose pending op it is, where it waited here already; held_since: Unix seconds, None for before 0.2.
        claimed: the hash that the line ends in, None where it ends otherwise. Nothing is believed of it.
        known: the log holds these very bytes.
        op: the op, once it has passed rules 1 to 5.
        error: the rule that it breaks.
        left: the owner that it claims, where that one is blocked and it was not looked whether they signed it.
    """

    index: int
    body: bytes
    entry: int | None = None
    held_by: str | None = None
    held_since: int | None = None
    claimed: str | None = None
    known: bool = False
    op: Checked | None = None
    error: OpError | None = None
    left: str | None = None

    @property
    def is_unjudged(self) -> bool:
        """Whether rules 1 to 5 were not applied to it, as its owner is blocked."""
        return self.left is not None and not self.known and self.op is None and self.error is None

    def take(self, verdict: Verdict) -> None:
        """Note what rules 1 to 5 say of it."""
        if isinstance(verdict, Checked):
            self.op = verdict
        else:
            self.error = OpError(*verdict)


@dataclass(slots=True)
class Outcome:
    """What became of a batch.

    Attributes:
        unread: the entries of a later version.
        left: the entries that were left out, each with the hash that it claims, its owner, and whether it is
            remembered by hash.
    """

    report: ApplyReport = field(default_factory=ApplyReport)
    unread: list[int] = field(default_factory=list)
    left: list[tuple[int, str, str, bool]] = field(default_factory=list)


class Arrivals:
    """What judges and stores operations from elsewhere."""

    def __init__(self, pool: Pool, turns: Turns, clock: Callable[[], int], verifier: Verifier) -> None:
        """
        Args:
            clock: gives Unix seconds.
        """
        self._pool = pool
        self._turns = turns
        self._clock = clock
        self._verifier = verifier

    def apply(
        self, lines: Iterable[bytes], source: str, *, keep_pending: bool = True, ration: Ration | None = None
    ) -> ApplyReport:
        """Take operations that belong to no peer's log, in batches, each in one transaction; on a hub in several turns.

        Args:
            lines: each without a line end; a children-first order is quickest, any order works.
            source, keep_pending, ration: as for `store`.
        """
        total = ApplyReport()
        stream = iter(lines)
        offset = 0

        def following() -> list[Arrival]:
            return self.check_lines(list(islice(stream, _APPLIED_AT_ONCE)))

        def put(part: Sequence[Arrival], db: sqlite3.Connection) -> Outcome:
            return self.store(db, part, source, self._clock(), keep_pending=keep_pending, ration=ration)

        def take(arrivals: Sequence[Arrival], *, bulk: bool) -> None:
            nonlocal offset
            for part in self.parts_of_turns(arrivals):
                try:
                    outcome = self.in_turn(part, partial(put, part), bulk=bulk)
                except StoreError as error:
                    raise error.after(total.applied) from error
                total.add(outcome.report)
                total.rejected += [item._replace(place=item.place + offset) for item in outcome.report.rejected]
                offset += len(part)

        arrivals = following()
        # The next batch is judged while this one is stored. No thread is begun for less than a batch, as most is.
        with ThreadPoolExecutor(1) as ahead:
            while len(arrivals) == _APPLIED_AT_ONCE:
                coming = ahead.submit(following)
                take(arrivals, bulk=True)
                arrivals = coming.result()
        if arrivals:
            # Stored as an ordinary write, the last one gives back what a bulk held.
            take(arrivals, bulk=False)
        return total

    def release_due(self, looks: Callable[[], None]) -> int:
        """Take in what waits for operations that are here by now, as following a hub released none of it; how many
        came in.

        Args:
            looks: called before it is looked for such.
        """

        def some(db: sqlite3.Connection) -> int:
            return self.store(db, (), "", self._clock(), due=_due(db)).report.applied

        applied = 0
        while True:
            looks()
            with self._pool.read() as db:
                if not _due(db):
                    return applied
            applied += self._turns.run(some)

    def check_lines(self, lines: Sequence[bytes], first_entry: int | None = None) -> list[Arrival]:
        """Judge lines by themselves (rules 1 to 5), but for those that the log holds already, byte for byte.

        Args:
            first_entry: the index of the first line in a peer's log.
        """
        arrivals = [
            Arrival(index, line, None if first_entry is None else first_entry + index, claimed=claimed_hash(line))
            for index, line in enumerate(lines)
        ]
        with _calm(len(lines)):
            _mark_known(self._pool, arrivals)
            unknown = [arrival for arrival in arrivals if not arrival.known and arrival.left is None]
            verdicts = self._verifier.judge([item.body for item in unknown])
            for arrival, verdict in zip(unknown, verdicts, strict=True):
                arrival.take(verdict)
        return arrivals

    def why_not_here(self, db: sqlite3.Connection, peer: str, epoch: str, arrival: Arrival) -> str:
        """As `Log.why_not_here`, of one entry that is not in the log."""
        if arrival.left is not None:
            return "blocked"
        if arrival.error is not None:
            return "unsupported" if arrival.error.code == "unsupported" else "rejected"
        assert arrival.op is not None
        reason = reason_of(db, arrival.op.claim.hash)
        if reason is not None:
            return reason
        if db.execute("SELECT 1 FROM pending WHERE digest = ?", (digest_of(arrival.body),)).fetchone() is not None:
            return "pending"
        cursor = db.execute("SELECT next_index FROM cursors WHERE peer = ? AND epoch = ?", (peer, epoch)).fetchone()
        return "unread" if cursor is None or (arrival.entry or 0) >= cursor[0] else "passed"

    def in_turn(
        self, arrivals: Sequence[Arrival], deed: Callable[[sqlite3.Connection], T], *, bulk: bool | None = None
    ) -> T:
        """Do what stores so many operations.

        Args:
            bulk: others are likely to follow; None to decide by the number of operations.
        """
        with _calm(len(arrivals)):
            return self._turns.run(deed, bulk=len(arrivals) >= _BULK if bulk is None else bulk)

    def parts_of_turns(self, arrivals: Sequence[Arrival]) -> Iterator[Sequence[Arrival]]:
        """The operations as one transaction takes them: all of them, or on a hub as many as a turn may append. Each has
        its index within its part then."""
        room = self._turns.room
        if room is None:
            yield arrivals
            return
        part: list[Arrival] = []
        taken = 0
        for arrival in arrivals:
            taken += len(arrival.body)
            if part and (len(part) == room.ops or taken > room.bytes):
                yield part
                part, taken = [], len(arrival.body)
            arrival.index = len(part)
            part.append(arrival)
        yield part

    def has_room(self, db: sqlite3.Connection) -> bool:
        """Whether there is room enough to read again the pending operations that were evicted."""
        count, size = _held(db)
        return count < MAX_PENDING // 2 and size < MAX_PENDING_BYTES // 2

    def store(
        self,
        db: sqlite3.Connection,
        arrivals: Sequence[Arrival],
        source: str,
        now: int,
        *,
        epoch: str | None = None,
        keep_pending: bool = True,
        ration: Ration | None = None,
        due: Sequence[str] = (),
    ) -> Outcome:
        """Append what is valid and not left out, keep what must wait, remember what was refused; inside the caller's
        transaction.

        Args:
            arrivals: from `check_lines`.
            source: who sent them: a peer's name, or a word for a file or a push.
            now: Unix seconds, written beside what is refused.
            epoch: of the peer's log, where the arrivals are its entries.
            keep_pending: whether ops that miss a child are kept for later.
            ration: one that they have to fit besides those of this replica.
            due: operations that are here, for which others may wait.
        """
        # No more is released of what waits than fits a turn of a hub; the rest waits on.
        room = self._turns.room
        # When what is appended counts as having come, on a hub; else it is now, and what waited has come when it came.
        came = self._turns.moment
        outcome = Outcome()
        report = outcome.report
        batch = Batch(db)
        batch.load(arrival.op for arrival in arrivals if arrival.op is not None)
        here = FirstSeen(now if came is None else came, source)
        admission = Admission(db, source, ration, now)
        (any_pending,) = db.execute("SELECT EXISTS (SELECT 1 FROM pending)").fetchone()
        queue = deque(arrivals)
        waiting: dict[str, list[Arrival]] = {}
        released: list[Arrival] = []
        refused: list[Arrival] = []
        left: list[tuple[Arrival, str, str]] = []
        come: set[str] = set()
        settled: list[str] = []  # the hashes of those that are no longer left out, should they have been
        left_ops, left_bytes = _left_in(room, arrivals)

        def leave_out(arrival: Arrival, digest: str, owner: str, reason: Reason) -> None:
            admission.leave_out(digest, owner, reason, arrival.body, arrival.held_by)
            left.append((arrival, digest, owner))
            if arrival.held_by is None:
                report.left_out[reason] += 1
            # What builds on it has come before it, perhaps.
            queue.extend(waiting.pop(digest, ()))
            release(digest)

        def release(digest: str) -> None:
            """Look again at what waited for it since before; once, however often it came."""
            nonlocal left_ops, left_bytes
            if any_pending and digest not in come and left_ops > 0 and left_bytes > 0:
                come.add(digest)
                freed = _release(db, digest, left_ops, left_bytes)
                left_ops -= len(freed)
                left_bytes -= sum(len(free.body) for free in freed)
                batch.load(free.op for free in freed if free.op is not None)
                released.extend(freed)
                queue.extend(freed)

        for child in due:
            release(child)
        while queue:
            arrival = queue.popleft()
            if arrival.is_unjudged:
                digest = _hash_of_blocked(arrival, admission)
                if digest is not None:
                    if batch.has(digest):
                        report.known += 1
                    else:
                        leave_out(arrival, digest, arrival.left or "", "blocked")
                    continue
                if arrival.op is not None:
                    batch.load([arrival.op])
            op = arrival.op
            if arrival.known or (op is not None and batch.knows(op)):
                report.known += arrival.held_by is None
                continue
            if op is None:
                _refuse(arrival, outcome, refused)
                continue
            missing = batch.missing(op)
            if not admission.is_open:
                reason = admission.why_not(op, arrival.body, missing, arrival.held_by)
                if reason is not None:
                    leave_out(arrival, op.claim.hash, op.claim.owner, reason)
                    continue
            if missing:
                waiting.setdefault(missing[0], []).append(arrival)
                continue
            try:
                batch.append(op, arrival.body, here if arrival.held_by is None else _since(arrival, came))
            except OpError as error:
                arrival.error = error
                _refuse(arrival, outcome, refused)
                settled.append(op.claim.hash)
                continue
            report.applied += 1
            settled.append(op.claim.hash)
            if not admission.is_open:
                admission.count(op, arrival.body, arrival.held_by)
            queue.extend(waiting.pop(op.claim.hash, ()))
            release(op.claim.hash)
        report.appended = [(batch.size - report.applied, batch.size)] if report.applied else []
        batch.flush()
        report.conflicted, report.settled = batch.came_into_conflict, batch.settled
        report.elsewhere = batch.elsewhere
        still = [(child, arrival) for child, group in waiting.items() for arrival in group]
        if keep_pending:
            settled += [arrival.op.claim.hash for _, arrival in still if arrival.op is not None]
        remembered = admission.flush(settled)
        for arrival, digest, owner in left:
            if arrival.held_by is not None:
                note_held_left(db, digest_of(arrival.body), digest, owner, bytes.fromhex(digest) in remembered)
        outcome.left = [
            (arrival.entry, digest, owner, bytes.fromhex(digest) in remembered)
            for arrival, digest, owner in left
            if arrival.entry is not None
        ]
        report.moved = _settle(db, released, still)
        fresh = [(child, arrival) for child, arrival in still if arrival.held_by is None]
        report.pending = len(fresh)
        report.held = {digest_of(arrival.body): child for child, arrival in fresh}
        if keep_pending:
            _keep(db, fresh, source, epoch, now)
            _make_room(db)
        _remember(db, refused, source, now)
        return outcome


def _left_in(room: Room | None, arrivals: Sequence[Arrival]) -> tuple[int, int]:
    """How much may be released beside these operations."""
    if room is None:
        return _ANY, _ANY
    return room.ops - len(arrivals), room.bytes - sum(len(arrival.body) for arrival in arrivals)


def _since(arrival: Arrival, came: int | None) -> FirstSeen:
    """Where an op came from that waited here."""
    return FirstSeen(arrival.held_since if came is None else came, arrival.held_by)


def _hash_of_blocked(arrival: Arrival, admission: Admission) -> str | None:
    """The hash of what a blocked owner made; None where it is refused, or to be judged after all: then it is."""
    assert arrival.left is not None
    if not admission.is_blocked(arrival.left):  # not any more
        arrival.take(judge([arrival.body])[0])
        return None
    found = judge_claim(arrival.body, arrival.left)
    if isinstance(found, str):
        return found
    arrival.take(found)
    return None


# How: what waits


def _keep(
    db: sqlite3.Connection, fresh: Sequence[tuple[str, Arrival]], source: str, epoch: str | None, now: int
) -> None:
    """Keep ops, each with the child it waits for first.

    One that its source sent before is remembered by where it stood last: the older epoch's cursor may be gone.
    """
    db.executemany(
        "INSERT INTO pending (digest, source, child, epoch, entry, size, body, received_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (digest, source) DO UPDATE SET epoch = excluded.epoch, entry = excluded.entry "
        "WHERE excluded.entry IS NOT NULL",
        (
            (
                digest_of(arrival.body),
                source,
                bytes.fromhex(child),
                epoch,
                arrival.entry,
                len(arrival.body),
                arrival.body,
                now,
            )
            for child, arrival in fresh
        ),
    )


def _due(db: sqlite3.Connection) -> list[str]:
    """Operations that are here and that others wait for; some of them."""
    rows = db.execute(
        "SELECT DISTINCT lower(hex(p.child)) FROM pending p JOIN ops o ON o.hash = p.child LIMIT ?",
        (_RELEASED_AT_ONCE,),
    )
    return [child for (child,) in rows]


def _release(db: sqlite3.Connection, child: str, ops: int, size: int) -> list[Arrival]:
    """The pending ops that waited for this child first, each once however many sources hold it.

    Args:
        ops: so many at most, and `size` bytes of them: of more, the first.
    """
    rows = db.execute(
        "SELECT min(seq), source, received_at, body FROM pending WHERE child = ? GROUP BY digest ORDER BY 1 LIMIT ?",
        (bytes.fromhex(child), ops),
    )
    freed: list[Arrival] = []
    for _, source, since, body in rows:
        size -= len(body)
        if size < 0 and freed:
            break
        freed.append(Arrival(-1, body, held_by=source, held_since=since))
    rows.close()
    for arrival, verdict in zip(freed, judge([item.body for item in freed]), strict=True):
        arrival.take(verdict)
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


def _make_room(db: sqlite3.Connection) -> None:
    """Keep to the bounds: the source that holds most loses its newest first; its cursor remembers where to read on."""
    while True:
        count, size = _held(db)
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


def _held(db: sqlite3.Connection) -> tuple[int, int]:
    """How many ops wait, and their bytes."""
    count, size = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM pending").fetchone()
    return count, size


def _mark_evicted(db: sqlite3.Connection, peer: str, epoch: str, entry: int) -> None:
    """Let the peer's cursor remember the first entry that there was no room for."""
    db.execute(
        "UPDATE cursors SET evicted_index = min(coalesce(evicted_index, :entry), :entry) "
        "WHERE peer = :peer AND epoch = :epoch",
        {"entry": entry, "peer": peer, "epoch": epoch},
    )


# How: what is known, what is refused


def _mark_known(pool: Pool, arrivals: Sequence[Arrival]) -> None:
    """Mark what the log holds byte for byte: that is not verified again. A claimed hash alone proves nothing. And mark
    what blocked owners made by their own claim: that is not verified either."""
    with pool.read() as db:
        blocked = blocked_owners(db)
        if blocked:
            for arrival in arrivals:
                owner = claimed_owner(arrival.body)
                arrival.left = owner if owner in blocked else None
        if db.execute("SELECT size FROM replica").fetchone() == (0,):
            return
        bodies: dict[str, bytes] = {}
        claimed = [bytes.fromhex(arrival.claimed) for arrival in arrivals if arrival.claimed is not None]
        for chunk in chunks(claimed):
            rows = db.execute(f"SELECT hash, body FROM ops WHERE hash IN ({marks(chunk)})", chunk)
            bodies.update((digest.hex(), kept) for digest, kept in rows)
        for arrival in arrivals:
            kept = None if arrival.claimed is None else bodies.get(arrival.claimed)
            arrival.known = kept is not None and _holds(kept, arrival.body)


def _holds(kept: bytes, body: bytes) -> bool:
    try:
        return unpacked(kept) == body
    except ValueError:
        return False  # spoilt here


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


def _remember(db: sqlite3.Connection, refused: Sequence[Arrival], source: str, now: int) -> None:
    """Remember what was refused, the last 10,000 of all; inside the caller's transaction."""
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
                arrival.body[:_START],
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


# How: the garbage collector


def _calm(operations: int) -> AbstractContextManager[None]:
    return collecting_seldom() if operations >= _BULK else nullcontext()


# Allocations between two runs of the garbage collector. By default it is 700: a batch of operations, which is all in
# use and has no cycles, would be searched again and again, for an eighth of what storing it costs.
_SELDOM = 100_000

_guard = threading.Lock()
_bulks = 0
_usual = gc.get_threshold()


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Let the garbage collector run seldom until this block, and every other one like it in the process, has ended."""
    global _bulks, _usual
    with _guard:
        if not _bulks:
            _usual = gc.get_threshold()
            gc.set_threshold(max(_SELDOM, _usual[0]), *_usual[1:])
        _bulks += 1
    try:
        yield
    finally:
        with _guard:
            _bulks -= 1
            if not _bulks:
                gc.set_threshold(*_usual)
