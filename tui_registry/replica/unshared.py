"""What never leaves this replica: drafts, saved searches and the history of searches, names given to owners."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping

from tui_registry import query as language
from tui_registry.errors import Kind
from tui_registry.frozen import NamedTuple
from tui_registry.replica.store.connection import Pool, StoreError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}").fullmatch
_REMEMBERED = 200
_MOST_SAVED = 500
_ADDRESS = re.compile(r"[0-9a-fA-F]{40}").fullmatch


class Draft(NamedTuple):
    """A form not yet signed. `fields` holds the text as typed; `record_id` and `seen` are set where it edits."""

    key: str
    kind: Kind
    record_id: str | None
    seen: tuple[str, ...]
    fields: Mapping[str, str]
    saved_at: int = 0


class Drafts:
    """Forms not yet signed, kept as typed, so that neither Esc nor a crash loses work.

    There is no limit to their number: only the person who typed a draft may end it.
    """

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    def all(self) -> list[Draft]:
        """Every draft, the last saved first."""
        with self._pool.read() as db:
            return _read_drafts(db)

    def get(self, key: str) -> Draft | None:
        """The draft with that key, None when there is none."""
        with self._pool.read() as db:
            return next(iter(_read_drafts(db, key)), None)

    def save(self, draft: Draft) -> None:
        """Keep a form as typed, in place of the draft with the same key; `saved_at` is set here."""
        with self._pool.write() as db:
            self._write(db, draft)

    def replace(self, before: Draft | None, draft: Draft) -> bool:
        """Keep a form as typed, as `save`, unless another form wrote a draft with the same key meanwhile.

        Args:
            before: the draft with that key as the caller knows it, None when it knows of none.

        Returns:
            False when another one is there by now: then nothing is written.
        """
        with self._pool.write() as db:
            stored = next(iter(_read_drafts(db, draft.key)), None)
            if stored is not None and (before is None or stored.fields != before.fields):
                return False
            self._write(db, draft)
        return True

    def drop(self, key: str, known: Draft | None = None) -> bool:
        """Forget a draft; none with that key is fine.

        Args:
            known: the draft with that key as the caller knows it.

        Returns:
            False when another form wrote there since: then its draft stays.
        """
        with self._pool.write() as db:
            stored = next(iter(_read_drafts(db, key)), None)
            if known is not None and stored is not None and stored.fields != known.fields:
                return False
            db.execute("DELETE FROM drafts WHERE key = ?", (key,))
        return True

    def _write(self, db: sqlite3.Connection, draft: Draft) -> None:
        fields, seen = json.dumps(dict(draft.fields)), json.dumps(draft.seen)
        db.execute(
            "INSERT OR REPLACE INTO drafts (key, kind, record_id, seen, fields, saved_at) VALUES (?, ?, ?, ?, ?, ?)",
            (draft.key, draft.kind, draft.record_id, seen, fields, self._clock()),
        )


class Searches:
    """Saved searches, which a query names with `@name`, and the history of searches."""

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    def saved(self) -> dict[str, str]:
        """Queries by name."""
        with self._pool.read() as db:
            return dict(db.execute("SELECT name, query FROM saved_searches ORDER BY name LIMIT ?", (_MOST_SAVED,)))

    def save(self, name: str, query: str) -> None:
        """Keep a query under a name, in place of the one that had it.

        Raises:
            QueryError: the query cannot be read, or is unfinished at its end.
            StoreError: `bad_search_name`.
        """
        language.parse(query, now=self._clock(), saved=self.named_in(query), whole=True, strict=True)
        if not _NAME(name):
            raise StoreError(
                "bad_search_name",
                "a saved search's name is 1 to 32 of letters, digits, '.', '_' and '-', and begins with a letter or "
                "digit",
            )
        with self._pool.write() as db:
            db.execute("INSERT OR REPLACE INTO saved_searches (name, query) VALUES (?, ?)", (name, query))

    def drop(self, name: str) -> None:
        """Forget a saved search.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.write() as db:
            if db.execute("DELETE FROM saved_searches WHERE name = ?", (name,)).rowcount == 0:
                raise StoreError("not_found", f"there is no saved search named '{name[:32]}'")

    def named_in(self, query: str) -> Mapping[str, str] | None:
        """The saved searches, where a query may name some."""
        return self.saved() if "@" in query else None

    def history(self, limit: int = 50) -> list[str]:
        """The queries last asked, the latest first."""
        with self._pool.read() as db:
            rows = db.execute("SELECT query FROM search_history ORDER BY asked_at DESC LIMIT ?", (limit,))
            return [query for (query,) in rows]

    def remember(self, query: str) -> None:
        """Put a query at the head of the history; a repeated one moves there."""
        query = query.strip()
        if not query:
            return
        with self._pool.write() as db:
            db.execute("INSERT OR REPLACE INTO search_history (query, asked_at) VALUES (?, ?)", (query, self._clock()))
            db.execute(
                "DELETE FROM search_history WHERE query IN "
                "(SELECT query FROM search_history ORDER BY asked_at DESC, query LIMIT -1 OFFSET ?)",
                (_REMEMBERED,),
            )


class OwnerNames:
    """Names that this replica's user gives to owners' keys."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def all(self) -> dict[str, str]:
        """Names by address."""
        with self._pool.read() as db:
            return {owner.hex(): name for owner, name in db.execute("SELECT address, name FROM owner_names")}

    def set(self, address: str, name: str) -> None:
        """Give an owner's key a name, or take it away with an empty one.

        Args:
            address: 40 hex digits.

        Raises:
            ValueError: the address is none.
        """
        if not _ADDRESS(address):
            raise ValueError(f"an address is 40 hex digits, not {address[:50]!r}")
        owner, name = bytes.fromhex(address), name.strip()
        with self._pool.write() as db:
            if name:
                db.execute("INSERT OR REPLACE INTO owner_names (address, name) VALUES (?, ?)", (owner, name))
            else:
                db.execute("DELETE FROM owner_names WHERE address = ?", (owner,))


# How


def _read_drafts(db: sqlite3.Connection, key: str | None = None) -> list[Draft]:
    rows = db.execute(
        "SELECT key, kind, record_id, seen, fields, saved_at FROM drafts WHERE ? IS NULL OR key = ? "
        "ORDER BY saved_at DESC, rowid DESC",
        (key, key),
    )
    return [
        Draft(key, kind, record_id, tuple(json.loads(seen)), json.loads(fields), saved_at)
        for key, kind, record_id, seen, fields, saved_at in rows
    ]
