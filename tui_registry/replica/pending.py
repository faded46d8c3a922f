"""Ops that are valid by themselves and wait for a child: kept, let go when it comes, put out when they are too many."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tui_registry.crdt.op import digest_of
from tui_registry.replica.arrivals import Arrival
from tui_registry.replica.judge import judge

# What strangers may make us hold on to.
MAX_PENDING = 20_000
MAX_PENDING_BYTES = 64 * 2**20


def keep(db: sqlite3.Connection, fresh: Sequence[tuple[str, Arrival]], source: str, epoch: str | None) -> None:
    """Keep ops, each with the child it waits for first.

    One that its source sent before is remembered by where it stood last: the older epoch's cursor may be gone.
    """
    db.executemany(
        "INSERT INTO pending (digest, source, child, epoch, entry, size, body) VALUES (?, ?, ?, ?, ?, ?, ?) "
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
            )
            for child, arrival in fresh
        ),
    )


def release(db: sqlite3.Connection, child: str) -> list[Arrival]:
    """The pending ops that waited for this child first, each once however many sources hold it."""
    rows = db.execute(
        "SELECT min(seq), source, body FROM pending WHERE child = ? GROUP BY digest ORDER BY 1", (bytes.fromhex(child),)
    ).fetchall()
    freed = [Arrival(-1, body, held_by=source) for _, source, body in rows]
    for arrival, verdict in zip(freed, judge([item.body for item in freed]), strict=True):
        arrival.take(verdict)
    return freed


def settle(
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


def has_room(db: sqlite3.Connection) -> bool:
    """Whether there is room enough to read again what was put out."""
    count, size = _held(db)
    return count < MAX_PENDING // 2 and size < MAX_PENDING_BYTES // 2


def make_room(db: sqlite3.Connection) -> None:
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


# How


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
