"""Storing operations from elsewhere: append what is valid, keep what must wait, remember what was refused."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui_registry.crdt.op import OpError, digest_of
from tui_registry.replica import pending
from tui_registry.replica.arrivals import Arrival
from tui_registry.replica.batch import Batch
from tui_registry.replica.refused import remember
from tui_registry.replica.reports import ApplyReport, Rejection


@dataclass(slots=True)
class Outcome:
    """What became of a batch.

    Attributes:
        unread: the entries of a later version.
    """

    report: ApplyReport = field(default_factory=ApplyReport)
    unread: list[int] = field(default_factory=list)


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
        arrivals: from `arrivals.verify`.
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
            freed = pending.release(db, op.claim.hash)
            batch.load(free.op for free in freed if free.op is not None)
            released += freed
            queue.extend(freed)
    batch.flush()
    still = [(child, arrival) for child, group in waiting.items() for arrival in group]
    report.moved = pending.settle(db, released, still)
    fresh = [(child, arrival) for child, arrival in still if arrival.held_by is None]
    report.pending = len(fresh)
    report.held = {digest_of(arrival.body): child for child, arrival in fresh}
    if keep_pending:
        pending.keep(db, fresh, source, epoch)
        pending.make_room(db)
    remember(db, refused, source, now)
    return outcome


# How


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
