"""How far peers' logs were read, and storing what comes from them (DESIGN section 6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tui_registry.crdt.op import RULES_VERSION
from tui_registry.replica.arrivals import Arrival
from tui_registry.replica.ingest import Outcome, store
from tui_registry.replica.peers import no_such_peer
from tui_registry.replica.pending import has_room
from tui_registry.replica.reports import Cursor, Head

_KEPT_EPOCHS = 4
_NO_SUM = "0" * 64
# What this program can read: an unsupported op is worth another look when it changes.
READER_VERSION = f"rules-{RULES_VERSION}"


def begin_pull(db: sqlite3.Connection, name: str, head: Head, now: int) -> Cursor:
    """Where to read on in the peer's log, given its head; makes the cursor for an epoch not seen before.

    The cursor is void when the log is shorter than what was read, or when everything was read and the sums disagree:
    the peer was restored from a backup, or lies. Then reading starts at 0.

    Raises:
        StoreError: `not_found`.
    """
    if db.execute("SELECT 1 FROM peers WHERE name = ?", (name,)).fetchone() is None:
        raise no_such_peer(name)
    row = db.execute(
        "SELECT next_index, running_sum FROM cursors WHERE peer = ? AND epoch = ?", (name, head.epoch)
    ).fetchone()
    next_index, running_sum = row or (0, _NO_SUM)
    void = head.size < next_index or (head.size == next_index and running_sum != head.fingerprint)
    if void:
        next_index, running_sum = 0, _NO_SUM
    if row is None or void:
        _write_cursor(db, name, head.epoch, next_index, running_sum, now)
        _forget_old_epochs(db, name, head.epoch)
    again = _first_to_read_again(db, name, head.epoch)
    start = next_index if again is None else min(again, next_index)
    db.execute("UPDATE peers SET epoch = ? WHERE name = ?", (head.epoch, name))
    return Cursor(head.epoch, start, next_index, running_sum, restarted=void)


def store_entries(
    db: sqlite3.Connection, name: str, cursor: Cursor, arrivals: Sequence[Arrival], now: int
) -> tuple[Outcome, Cursor]:
    """Store the entries from `cursor.start` on and move the cursor, in the caller's one transaction."""
    start, stop = cursor.start, cursor.start + len(arrivals)
    # Before storing, which may find anew that an entry cannot be kept.
    db.execute(
        "UPDATE cursors SET again_index = CASE WHEN :stop < next_index THEN :stop END "
        "WHERE peer = :peer AND epoch = :epoch AND again_index BETWEEN :start AND :stop",
        {"start": start, "stop": stop, "peer": name, "epoch": cursor.epoch},
    )
    outcome = store(db, arrivals, name, now, epoch=cursor.epoch)
    total = int(cursor.running_sum, 16)
    for arrival in arrivals[max(0, cursor.next_index - start) :]:
        # What claims no hash counts as nothing: its peer's sums will not come out.
        total += int(arrival.claimed or "0", 16)
    moved = Cursor(cursor.epoch, stop, max(stop, cursor.next_index), f"{total % 2**256:064x}")
    db.execute(
        "UPDATE cursors SET next_index = ?, running_sum = ?, used_at = ? WHERE peer = ? AND epoch = ?",
        (moved.next_index, moved.running_sum, now, name, cursor.epoch),
    )
    if outcome.unread:
        _mark_unsupported(db, name, cursor.epoch, min(outcome.unread))
    report = outcome.report
    db.execute(
        "UPDATE peers SET rejected = rejected + ?, unsupported = unsupported + ? WHERE name = ?",
        (len(report.rejected), report.unsupported, name),
    )
    return outcome, moved


def skip_entries(db: sqlite3.Connection, name: str, moved: Cursor, now: int) -> Cursor:
    """Move the cursor behind entries that are known to be here."""
    db.execute(
        "UPDATE cursors SET next_index = ?, running_sum = ?, used_at = ? WHERE peer = ? AND epoch = ?",
        (moved.next_index, moved.running_sum, now, name, moved.epoch),
    )
    return moved


# How


def _write_cursor(db: sqlite3.Connection, peer: str, epoch: str, next_index: int, total: str, now: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO cursors (peer, epoch, next_index, running_sum, used_at) VALUES (?, ?, ?, ?, ?)",
        (peer, epoch, next_index, total, now),
    )


def _forget_old_epochs(db: sqlite3.Connection, peer: str, current: str) -> None:
    # A peer that changes its epoch at each look must not fill our disk.
    db.execute(
        "DELETE FROM cursors WHERE peer = :peer AND epoch <> :current AND epoch NOT IN "
        "(SELECT epoch FROM cursors WHERE peer = :peer ORDER BY used_at DESC, epoch LIMIT :kept)",
        {"peer": peer, "current": current, "kept": _KEPT_EPOCHS},
    )


def _first_to_read_again(db: sqlite3.Connection, peer: str, epoch: str) -> int | None:
    """Where reading again must begin: at what a later reader may read, at what there is room for by now, or where
    reading again was broken off."""
    again, unsupported, version, evicted = db.execute(
        "SELECT again_index, unsupported_index, unsupported_version, evicted_index FROM cursors "
        "WHERE peer = ? AND epoch = ?",
        (peer, epoch),
    ).fetchone()
    due = {"again_index": again}
    if version != READER_VERSION:
        due["unsupported_index"] = unsupported
    if evicted is not None and has_room(db):
        due["evicted_index"] = evicted
    first = min((index for index in due.values() if index is not None), default=None)
    # What is due is one stretch from now on; what cannot be kept this time either is marked again on the way.
    cleared = ", ".join(f"{column} = NULL" for column in due)
    db.execute(f"UPDATE cursors SET {cleared} WHERE peer = ? AND epoch = ?", (peer, epoch))
    db.execute("UPDATE cursors SET again_index = ? WHERE peer = ? AND epoch = ?", (first, peer, epoch))
    return first


def _mark_unsupported(db: sqlite3.Connection, peer: str, epoch: str, entry: int) -> None:
    """Let the peer's cursor remember the first entry that this program cannot read."""
    db.execute(
        "UPDATE cursors SET unsupported_index = min(coalesce(unsupported_index, :entry), :entry), "
        "unsupported_version = :version WHERE peer = :peer AND epoch = :epoch",
        {"entry": entry, "version": READER_VERSION, "peer": peer, "epoch": epoch},
    )
