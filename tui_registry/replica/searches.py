"""Saved searches and the history of searches: this replica's own, never sent."""

from __future__ import annotations

import re
import sqlite3

from tui_registry.replica.errors import StoreError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}").fullmatch
_REMEMBERED = 200
_MOST_SAVED = 500


def save_search(db: sqlite3.Connection, name: str, query: str) -> None:
    """Keep a query under a name, in place of the one that had it.

    Raises:
        StoreError: `bad_search_name`.
    """
    if not _NAME(name):
        raise StoreError(
            "bad_search_name",
            "a saved search's name is 1 to 32 of letters, digits, '.', '_' and '-', and begins with a letter or digit",
        )
    db.execute("INSERT OR REPLACE INTO saved_searches (name, query) VALUES (?, ?)", (name, query))


def drop_search(db: sqlite3.Connection, name: str) -> None:
    """Forget a saved search.

    Raises:
        StoreError: `not_found`.
    """
    if db.execute("DELETE FROM saved_searches WHERE name = ?", (name,)).rowcount == 0:
        raise StoreError("not_found", f"there is no saved search named '{name[:32]}'")


def read_saved(db: sqlite3.Connection) -> dict[str, str]:
    """Queries by name."""
    return dict(db.execute("SELECT name, query FROM saved_searches ORDER BY name LIMIT ?", (_MOST_SAVED,)))


def remember_search(db: sqlite3.Connection, query: str, now: int) -> None:
    """Put a query at the head of the history; a repeated one moves there."""
    query = query.strip()
    if not query:
        return
    db.execute("INSERT OR REPLACE INTO search_history (query, asked_at) VALUES (?, ?)", (query, now))
    db.execute(
        "DELETE FROM search_history WHERE query IN "
        "(SELECT query FROM search_history ORDER BY asked_at DESC, query LIMIT -1 OFFSET ?)",
        (_REMEMBERED,),
    )


def read_history(db: sqlite3.Connection, limit: int) -> list[str]:
    """The queries last asked, the latest first."""
    return [
        query for (query,) in db.execute("SELECT query FROM search_history ORDER BY asked_at DESC LIMIT ?", (limit,))
    ]
