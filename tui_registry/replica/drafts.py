"""Forms not yet signed, kept as typed, so that neither Esc nor a crash loses work."""

from __future__ import annotations

import json
import sqlite3

from tui_registry.replica.reports import Draft


def save_draft(db: sqlite3.Connection, draft: Draft, now: int) -> None:
    """Write a draft in place of the one with its key. There is no most: only its owner may end a draft."""
    db.execute(
        "INSERT OR REPLACE INTO drafts (key, kind, record_id, seen, fields, saved_at) VALUES (?, ?, ?, ?, ?, ?)",
        (draft.key, draft.kind, draft.record_id, json.dumps(draft.seen), json.dumps(dict(draft.fields)), now),
    )


def read_drafts(db: sqlite3.Connection, key: str | None = None) -> list[Draft]:
    """Every draft, the last saved first, or the one with that key."""
    rows = db.execute(
        "SELECT key, kind, record_id, seen, fields, saved_at FROM drafts WHERE ? IS NULL OR key = ? "
        "ORDER BY saved_at DESC, rowid DESC",
        (key, key),
    )
    return [
        Draft(key, kind, record_id, tuple(json.loads(seen)), json.loads(fields), saved_at)
        for key, kind, record_id, seen, fields, saved_at in rows
    ]


def drop_draft(db: sqlite3.Connection, key: str) -> None:
    """Forget a draft; none with that key is fine."""
    db.execute("DELETE FROM drafts WHERE key = ?", (key,))
