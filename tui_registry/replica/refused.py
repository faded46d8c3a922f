"""Remembering what was refused, in bounds; `quarantine` reads it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tui_registry.crdt.op import digest_of
from tui_registry.replica.arrivals import Arrival

MAX_REJECTED = 10_000
_START = 1_024


def remember(db: sqlite3.Connection, refused: Sequence[Arrival], source: str, now: int) -> None:
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
