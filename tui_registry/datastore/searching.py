"""The searching part of the Datastore."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tui_registry.datastore.base import Base
from tui_registry.datastore.doors import expect_search, expect_window
from tui_registry.errors import Kind, Problem, Record
from tui_registry.replica import catalogue
from tui_registry.replica.rows import Page

if TYPE_CHECKING:
    from tui_registry.query import Completion, Query
    from tui_registry.replica.compile import Eyes
    from tui_registry.replica.facets import Facets, FacetValue
    from tui_registry.replica.search import Ask

# A search that takes longer is told to stop, and says so.
PATIENCE_SECONDS = 3.0

_MOST_ROWS = 1000
_STAMP_DIGITS = 16


class Searching(Base):
    """Searches, their facets, completions, saved searches and history."""

    def search(
        self,
        query: str = "",
        *,
        kind: Kind | None = None,
        sort: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        backwards: bool = False,
        unwanted: Callable[[], bool] | None = None,
        whole: bool = False,
        own_names: bool = True,
    ) -> Page:
        """A window of the records that match a query (`query.GRAMMAR`, with `@name` for saved searches).

        Args:
            sort: used when the query names none: a key of the grammar's `sort:`, with `-` for descending.
            limit: rows in the window, at least 1; 1,000 are given at most.
            cursor: `Page.next` of the window before.
            backwards: from the end: without a cursor the last window, then the one before it, each in forward order.
                The order of relevance has no end to begin from: the last updated come first then.
            unwanted: asked now and then; once it is true the search stops.
            whole: nothing is still being typed: an unfinished end of the query is refused, not left out.
            own_names: whether saved searches and local names of owners are known. They are this replica's own: what
                strangers ask is asked without.

        Raises:
            QueryError: the query cannot be read, or the cursor is of another query, kind, order or direction.
            StoreError: `interrupted`, when it took too long or became unwanted.
        """
        from tui_registry.replica.search import Ask, read_sort, search

        expect_search(query, kind, sort, cursor)
        expect_window(limit)
        saved = self._saved_for(query) if own_names else None
        parsed = self._parse(query, saved, whole)
        order = None if sort is None else read_sort(sort)
        stamp = _stamp(query, kind, sort, backwards)
        with self._looking(parsed, unwanted, own_names) as (db, eyes):
            ask = Ask(
                parsed, kind, order, min(limit, _MOST_ROWS), _unstamped(cursor, stamp), self._clock(), eyes, backwards
            )
            page = search(db, ask)
            if page.next is not None:
                page = page._replace(next=stamp + page.next)
            if not page.rows and cursor is None:
                page = page._replace(did_you_mean=self._did_you_mean(db, query, saved, ask, unwanted))
        return page

    def facets(
        self,
        query: str = "",
        *,
        kind: Kind | None = None,
        unwanted: Callable[[], bool] | None = None,
        whole: bool = False,
    ) -> Facets:
        """What the matches of a query have in common, counted; arguments and errors as for `search`."""
        from tui_registry.replica.facets import read_facets
        from tui_registry.replica.search import compiled

        expect_search(query, kind)
        parsed = self._parse(query, self._saved_for(query), whole)
        with self._looking(parsed, unwanted) as (db, eyes):
            return read_facets(db, compiled(parsed, kind, eyes))

    def known_values(self, field: str, prefix: str = "", limit: int = 20) -> list[FacetValue]:
        """The values that records here have, the most frequent first, for completion.

        Args:
            field: `kind`, `type`, `framework`, `license`, `quant`, `tag`, `cap` or `tool`.
            prefix: how they begin, in any case.
        """
        from tui_registry.replica.facets import known_values

        with self._pool.read() as db:
            return known_values(db, field, prefix, limit)

    def complete(self, text: str, cursor: int) -> list[Completion]:
        """What could be typed at the cursor of a query: fields, values that exist with their counts, saved searches."""
        from tui_registry.query import complete

        def values(field: str, prefix: str) -> Sequence[tuple[str, int]]:
            if field == "@":
                return [(name, 0) for name in self.saved_searches() if name.startswith(prefix)]
            if field == "owner":
                return [(name, 0) for name in self.owner_names().values() if name.lower().startswith(prefix.lower())]
            return [(found.value, found.records) for found in self.known_values(field, prefix)]

        return complete(text, cursor, values)

    def save_search(self, name: str, query: str) -> None:
        """Keep a query under a name, for `@name`.

        Raises:
            QueryError: the query cannot be read, or is unfinished at its end.
            StoreError: `bad_search_name`.
        """
        from tui_registry.replica import searches

        self._parse(query, self._saved_for(query), whole=True)
        with self._pool.write() as db:
            searches.save_search(db, name, query)

    def drop_search(self, name: str) -> None:
        """Forget a saved search.

        Raises:
            StoreError: `not_found`.
        """
        from tui_registry.replica import searches

        with self._pool.write() as db:
            searches.drop_search(db, name)

    def saved_searches(self) -> dict[str, str]:
        """Queries by name."""
        from tui_registry.replica import searches

        with self._pool.read() as db:
            return searches.read_saved(db)

    def remember_search(self, query: str) -> None:
        """Put a query at the head of the history."""
        from tui_registry.replica import searches

        with self._pool.write() as db:
            searches.remember_search(db, query, self._clock())

    def search_history(self, limit: int = 50) -> list[str]:
        """The queries last asked, the latest first."""
        from tui_registry.replica import searches

        with self._pool.read() as db:
            return searches.read_history(db, limit)

    def owner_names(self) -> dict[str, str]:
        """Local names by address."""
        with self._pool.read() as db:
            return {owner.hex(): name for owner, name in db.execute("SELECT address, name FROM owner_names")}

    # How

    def _saved_for(self, query: str) -> Mapping[str, str] | None:
        """The saved searches, where a query may name some."""
        return self.saved_searches() if "@" in query else None

    def _parse(self, query: str, saved: Mapping[str, str] | None, whole: bool = False) -> Query:
        from tui_registry.query import parse

        return parse(query, now=self._clock(), saved=saved, whole=whole)

    @contextmanager
    def _looking(
        self, parsed: Query, unwanted: Callable[[], bool] | None, own_names: bool = True
    ) -> Iterator[tuple[sqlite3.Connection, Eyes]]:
        from tui_registry.replica.compile import Eyes, by_folded_name
        from tui_registry.replica.matching import rarity

        names = self.owner_names() if own_names and parsed.asks("owner") else {}
        with self._pool.read(PATIENCE_SECONDS, unwanted) as db:
            if parsed.asks("is", "invalid"):
                self._install_is_invalid(db)
            # Looking makes no key: before there is one, nothing is signed by it.
            address = self._known_address(db) if parsed.asks("is", "mine") else ""
            yield db, Eyes(address, by_folded_name(names), _beginnings(db), rarity(db))

    def _did_you_mean(
        self,
        db: sqlite3.Connection,
        query: str,
        saved: Mapping[str, str] | None,
        ask: Ask,
        unwanted: Callable[[], bool] | None,
    ) -> str | None:
        """The query in other words that find something; None also when the time is over before one was found."""
        from tui_registry.query import corrected
        from tui_registry.replica.search import search
        from tui_registry.replica.vocabulary import nearest_value, nearest_word

        try:
            other = corrected(query, partial(nearest_word, db), partial(nearest_value, db))
            found = other is not None and search(db, ask._replace(query=self._parse(other, saved), limit=1)).rows
        except sqlite3.OperationalError as error:
            # The search itself has its answer by now; only who does not want it any more is told so.
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT or (unwanted is not None and unwanted()):
                raise
            return None
        return other if found else None

    def _check(self, db: sqlite3.Connection, kind: Kind, record: Record) -> list[Problem]:
        from tui_registry.records.authoring import check

        return check(kind, record, model_type=catalogue.model_type_reader(db))

    def _install_is_invalid(self, db: sqlite3.Connection) -> None:
        def is_invalid(rid: int) -> bool:
            try:
                kind, record = catalogue.read_shown(db, rid)
            except sqlite3.OperationalError:
                # Interrupted in here: let the statement around it end the same way.
                db.interrupt()
                return False
            return any(problem.severity == "error" for problem in self._check(db, kind, record))

        db.create_function("is_invalid", 1, is_invalid)


def _stamp(query: str, kind: Kind | None, sort: str | None, backwards: bool) -> str:
    """What a cursor begins with. A place in one order means nothing in another, and rows would be missing without a
    word. Made of the text, because the bounds of an age (`updated:<7d`) move while the pages are read."""
    asked = json.dumps((query, kind, sort, backwards)).encode()
    return hashlib.sha3_256(asked).hexdigest()[:_STAMP_DIGITS]


def _unstamped(cursor: str | None, stamp: str) -> str | None:
    if cursor is None:
        return None
    if not cursor.startswith(stamp):
        from tui_registry.replica.search import stale_cursor

        raise stale_cursor()
    return cursor[_STAMP_DIGITS:]


def _beginnings(db: sqlite3.Connection) -> Callable[[str], Sequence[str] | None]:
    """`vocabulary.beginnings`, brought when free text first asks."""
    known: Callable[[str], Sequence[str] | None] | None = None

    def begin_with(word: str) -> Sequence[str] | None:
        nonlocal known
        if known is None:
            from tui_registry.replica.vocabulary import beginnings

            known = beginnings(db)
        return known(word)

    return begin_with
