"""What was refused, as people look at it: from whom it came, when, and which rule it breaks."""

from __future__ import annotations

import sqlite3

from tui_registry.replica.reports import Quarantined


def read_quarantine(db: sqlite3.Connection, limit: int) -> list[Quarantined]:
    """The last refused operations, the latest first."""
    rows = db.execute(
        "SELECT source, received_at, code, sentence, size, start FROM rejected "
        "ORDER BY received_at DESC, rowid DESC LIMIT ?",
        (max(0, limit),),
    )
    return [Quarantined(*row) for row in rows]


def count_sources(db: sqlite3.Connection) -> dict[str, int]:
    """How many of the refused operations each source sent last, the one of most first."""
    return dict(db.execute("SELECT source, count(*) AS sent FROM rejected GROUP BY source ORDER BY sent DESC, source"))
