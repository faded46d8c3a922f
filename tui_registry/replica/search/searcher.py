"""Finding records: one window of an answer at a time, bounded whatever is asked.

Without free text, or with a `sort:`, a window is a stretch of an order (`matching`). With free text alone the order is
relevance (`relevance`). Nothing is ever ordered or counted as a whole.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from tui_registry import query as language
from tui_registry.errors import Kind
from tui_registry.query.fields import FIELDS, FITS, is_hex
from tui_registry.query.nodes import (
    And,
    Match,
    Node,
    Not,
    Or,
    Query,
    QueryError,
    Range,
    Sort,
    conjunction,
    disjunction,
    expect_shared,
    negation,
)
from tui_registry.replica.catalogue.current import DAY, Page, Row, bodies_of, muted_owners
from tui_registry.replica.catalogue.derived import INDEX_VERSION, index_version, indexed_share
from tui_registry.replica.catalogue.judged import Judged, judge_some, read_judged
from tui_registry.replica.catalogue.resembling import alike_to_others, known_keys, resembled
from tui_registry.replica.catalogue.since_looked import Watched, marks_of, read_watches
from tui_registry.replica.search import matching, vocabulary
from tui_registry.replica.search.compile import Compiled, Context, asks_words, by_folded_name, compile_query, is_owner
from tui_registry.replica.search.matching import Ask, Found, State, stale_cursor
from tui_registry.replica.search.vocabulary import Facets, FacetValue, known_values, read_facets
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.key import Key
from tui_registry.replica.unshared import OwnerNames, Searches
from tui_registry.text import address_short, exact, safe_text

if TYPE_CHECKING:
    from tui_registry.fit import Machine

# A search that takes longer is told to stop, and says so.
PATIENCE_SECONDS = 3.0

# What `fit:` can ask of a machine; what needs are not known is known without one.
_OF_MACHINE = frozenset(FITS) - {"unknown"}
_MOST_ROWS = 1000
_OWNERS_TOLD = 4
_JUDGING_SECONDS = 1.0
_STAMP_DIGITS = 16

Unwanted = Callable[[], bool] | None


class Searcher:
    """Searches of a replica, their facets and completions."""

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], int],
        key: Key,
        searches: Searches,
        names: OwnerNames,
        judge_behind: Callable[[], None],
        machine: Callable[[], Machine | None],
    ) -> None:
        """
        Args:
            judge_behind: told when a search meets records that are not judged yet (`catalogue.judged`).
            machine: the machine of whoever asks here; asked where a query asks what runs on it.
        """
        self._machine = machine
        self._pool = pool
        self._judge_behind = judge_behind
        self._clock = clock
        self._key = key
        self._searches = searches
        self._names = names

    def search(
        self,
        query: str,
        kind: Kind | None,
        sort: str | None,
        limit: int,
        cursor: str | None,
        *,
        backwards: bool,
        unwanted: Unwanted,
        whole: bool,
        strict: bool,
        own_names: bool,
        named_first: bool,
        work: int,
        counted: bool,
        stored: bool,
    ) -> Page:
        """A window of the records that match a query, as `Datastore.search` says."""
        saved = self._searches.named_in(query) if own_names else None
        parsed = self._parse(query, saved, whole, strict, own=own_names)
        order = None if sort is None else _read_sort(sort)
        stamp = _stamp(query, kind, sort, backwards, named_first)
        names = self._names_for(parsed) if own_names else {}
        if whole and own_names:
            self._judge(parsed, unwanted)
        with self._looking(parsed, unwanted, names, work, hides=own_names) as (db, context):
            ask = Ask(
                parsed,
                kind,
                order,
                min(limit, _MOST_ROWS),
                _unstamped(cursor, stamp),
                self._clock(),
                context,
                backwards,
                counted,
                by_arrival=own_names,
                first=known_keys(db, self._key.known_address(db)) if named_first and parsed.texts else (),
                stored=stored,
            )
            page = _window(db, ask, partial(self._compared, db) if own_names and not stored else None)
            if stored:
                page = page._replace(until=_until(db, parsed, ask.now))
            if page.next is not None:
                page = page._replace(next=stamp + page.next)
            if cursor is None:
                page = page._replace(
                    notes=_notes(db, parsed, names, kind, context, is_fixed=self._pool.hindrance is not None)
                )
            if not (page.rows or page.bodies) and cursor is None:
                proposal, near = self._did_you_mean(db, query, saved, ask, unwanted)
                page = page._replace(did_you_mean=proposal, near=near)
        return page

    def facets(
        self,
        query: str,
        kind: Kind | None,
        *,
        unwanted: Unwanted,
        whole: bool,
        strict: bool,
        own_names: bool,
        work: int,
    ) -> Facets:
        """What the matches of a query have in common, counted."""
        saved = self._searches.named_in(query) if own_names else None
        parsed = self._parse(query, saved, whole, strict, own=own_names)
        names = self._names_for(parsed) if own_names else {}
        if whole and own_names:
            self._judge(parsed, unwanted)
        with self._looking(parsed, unwanted, names, work, hides=own_names) as (db, context):
            facets = read_facets(db, _compiled(parsed, kind, context))
            return facets._replace(
                notes=_notes(db, parsed, names, kind, context, is_fixed=self._pool.hindrance is not None)
            )

    def known_values(self, field: str, prefix: str, limit: int) -> list[FacetValue]:
        """The values that records here have, the most frequent first."""
        with self._pool.read() as db:
            return known_values(db, field, prefix, limit)

    def complete(self, text: str, cursor: int) -> list[language.Completion]:
        """What could be typed at the cursor of a query."""

        whose: dict[str, list[str]] = {}

        def values(field: str, prefix: str) -> Sequence[tuple[str, int]]:
            if field in ("name", *_NAMING_MODELS):
                with self._pool.read() as db:
                    whose.update(vocabulary.names_beginning(db, prefix, None if field == "name" else "model"))
                return [(name, 0) for name in whose]
            if field == "eval":
                with self._pool.read() as db:
                    return vocabulary.benchmarks_beginning(db, prefix)
            if field == "@":
                return [(name, 0) for name in self._searches.saved() if name.startswith(prefix)]
            if field == "owner":
                return [(name, 0) for name in self._names.all().values() if name.lower().startswith(prefix.lower())]
            return [(found.value, found.records) for found in self.known_values(field, prefix, 20)]

        offered = language.complete(text, cursor, values)
        if not whose:
            return offered
        names = self._names.all()
        return [
            found._replace(detail=_owners(whose[found.text], names), records=None) if found.text in whose else found
            for found in offered
        ]

    def is_partial(self, query: str, *, strict: bool) -> bool:
        """As `Datastore.is_partial`."""
        parsed = self._parse(query, self._searches.named_in(query), whole=True, strict=strict)
        with self._looking(parsed, None, self._names_for(parsed), None, hides=True) as (_, context):
            return _is_partial(parsed, context)

    def indexed(self) -> tuple[int, int]:
        """How many records are in the word index, of how many."""
        with self._pool.read() as db:
            floor, top = db.execute("SELECT floor, top FROM search_state").fetchone()
        return (top - floor, top) if floor > 1 else (top, top)

    # How

    def _parse(
        self,
        query: str,
        saved: Mapping[str, str] | None,
        whole: bool = False,
        strict: bool = False,
        *,
        own: bool = True,
    ) -> Query:
        """
        Args:
            own: whoever asks is here. Others are told nothing of what a person keeps here, not even that there is none.
        """
        parsed = language.parse(query, now=self._clock(), saved=saved, whole=whole, strict=strict)
        if not own:
            expect_shared(parsed)
        elif parsed.where is not None and parsed.asks("is", "watched"):
            watched = self._watched()
            return Query(_put(parsed.where, watched), parsed.sort, parsed.unfinished, parsed.notes)
        return parsed

    def _watched(self) -> Node:
        """What holds for all that is watched."""
        with self._pool.read() as db:
            queries = [Watched(what).query for what in read_watches(db)]
        saved = self._searches.saved()
        parts: list[Node] = []
        for query in queries:
            with suppress(QueryError):  # a search that was saved under other rules finds nothing
                where = language.parse(query, now=self._clock(), saved=saved).where
                parts.append(_EVERYTHING if where is None else _put(where, _NOTHING))
        return disjunction(parts) or _NOTHING

    def _names_for(self, parsed: Query) -> dict[str, str]:
        """Local names of owners by address, where the query or its notes need them."""
        return self._names.all() if any(map(parsed.asks, ("owner", *_NAMING_MODELS))) else {}

    def _compared(self, db: sqlite3.Connection, found: Sequence[Found]) -> list[Row]:
        """The rows of a window, each with whose name its name looks like."""
        marks = marks_of(db, [rid for rid, _ in found])
        found = [(rid, row._replace(**marks[rid]._asdict()) if rid in marks else row) for rid, row in found]
        near = alike_to_others(db, [rid for rid, _ in found])
        likes = resembled(db, self._key.known_address(db), [(row.name, row.owner) for rid, row in found if rid in near])
        compared = iter(likes)
        return [row._replace(like=next(compared)) if rid in near else row for rid, row in found]

    def _judge(self, parsed: Query, unwanted: Unwanted) -> None:
        """Judge what is not judged yet for whoever asks on this machine and waits for a whole answer, for a while: a
        command may do nothing else. Where it cannot be written the answer is as good as it can be."""
        if not parsed.asks("is", "invalid"):
            return
        end = time.monotonic() + _JUDGING_SECONDS
        with suppress(StoreError):
            while judge_some(self._pool) and time.monotonic() < end and not (unwanted is not None and unwanted()):
                pass

    @contextmanager
    def _looking(
        self, parsed: Query, unwanted: Unwanted, names: Mapping[str, str], work: int | None, *, hides: bool = False
    ) -> Iterator[tuple[sqlite3.Connection, Context]]:
        machine = self._asked_machine(parsed, own=hides)
        with self._pool.read(PATIENCE_SECONDS, unwanted, work) as db:
            judged = read_judged(db) if parsed.asks("is", "invalid") else Judged()
            if judged.share < 1:
                self._judge_behind()
            # Looking makes no key: before there is one, nothing is signed by it.
            address = self._key.known_address(db) if parsed.asks("is", "mine") else ""
            owners = by_folded_name(names)
            yield (
                db,
                Context(
                    address,
                    owners,
                    vocabulary.beginnings(db),
                    matching.rarity(db),
                    matching.naming(db),
                    vocabulary.insides(db),
                    matching.naming_models(db),
                    matching.usual_kind(db),
                    indexed_share(db) == 1,
                    judged,
                    tuple(_hidden(db, parsed, owners)) if hides else (),
                    machine,
                ),
            )

    def _asked_machine(self, parsed: Query, *, own: bool) -> Machine | None:
        """The machine that a query asks about, None where it asks about none.

        Args:
            own: whoever asks is here; what runs on the machine of a node is nothing to those who ask it from afar.

        Raises:
            QueryError: nobody knows which machine is meant.
        """
        asked = next((one.value for one in parsed.matches if one.field == "fit" and one.value in _OF_MACHINE), None)
        if asked is None:
            return None
        machine = self._machine() if own else None
        if machine is None:
            whose = "which machine that is, is not known here" if own else "a node does not know yours"
            raise QueryError(f"fit:{asked} is about one machine, and {whose}: write fit:24gb, for such a GPU", 0)
        return machine

    def _did_you_mean(
        self,
        db: sqlite3.Connection,
        query: str,
        saved: Mapping[str, str] | None,
        ask: Ask,
        unwanted: Unwanted,
    ) -> tuple[str | None, tuple[str, ...]]:
        """The query in other words that find something, and the nearest names; nothing also when the time is over
        before it was found."""
        proposal: str | None = None
        near: list[str] = []
        # Told once for each word: looking through all that begin like it takes longer than all else here.
        nearest_word = cache(partial(vocabulary.nearest_word, db))
        try:
            other = language.corrected(query, nearest_word, partial(vocabulary.nearest_value, db))
            if other is not None:
                asked = ask._replace(query=self._parse(other, saved), limit=1, counted=False, stored=False)
                proposal = other if _window(db, asked).rows else None
            typed = [word for text in ask.query.texts for word in text.named.words]
            near = vocabulary.nearest_names(db, typed, nearest_word)
        except sqlite3.OperationalError as error:
            # The search itself has its answer: only a caller that wants it no more is told of the interruption.
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT or (unwanted is not None and unwanted()):
                raise
        return proposal, tuple(near)


# How: what is watched, in the place of the word for it

_NOTHING = Range("params", 1, 0)
_EVERYTHING = Not(_NOTHING)


def _put(node: Node, watched: Node) -> Node:
    match node:
        case Match("is", "watched"):
            return watched
        case Not(inner):
            return negation(_put(inner, watched))
        case And(nodes):
            return conjunction([_put(part, watched) for part in nodes]) or node
        case Or(nodes):
            return disjunction([_put(part, watched) for part in nodes]) or node
        case _:
            return node


# How: one window


def _until(db: sqlite3.Connection, query: Query, now: int) -> int | None:
    """`Page.until`. An age is counted from now, and what is dated more than a day ahead comes last until then."""
    if query.where is not None and _asks_time(query.where):
        return now + 1
    ahead = [
        time
        for order in (matching.ORDERS["updated"], matching.ORDERS["created"])
        for (time,) in db.execute(
            f"SELECT {order.key} FROM catalogue c INDEXED BY {order.along} WHERE {order.key} > ? ORDER BY {order.key} "
            "LIMIT 1",
            (now + DAY,),
        )
    ]
    return min(ahead) - DAY if ahead else None


def _asks_time(node: Node) -> bool:
    match node:
        case Range():
            return node.field in ("updated", "created")
        case Not():
            return _asks_time(node.node)
        case And() | Or():
            return any(map(_asks_time, node.nodes))
        case _:
            return False


def _notes(
    db: sqlite3.Connection,
    query: Query,
    names: Mapping[str, str],
    kind: Kind | None,
    context: Context,
    *,
    is_fixed: bool,
) -> tuple[str, ...]:
    """What to know of an answer, a sentence each.

    Args:
        is_fixed: nothing can be written, so that what lacks in the index lacks for good.
    """
    out, is_exact = matching.hidden(db, _compiled(query, kind, context)) if context.hidden else (0, True)
    of = f"{exact(out)}{'' if is_exact else ' and more'} {'record' if out == 1 else 'records'}"
    muted = (f"{of} of owners that you muted {'is' if out == 1 else 'are'} not shown",) if out else ()
    making: tuple[str, ...] = ()
    if _is_partial(query, context):
        state = "is not whole, and nothing can be written to go on with it" if is_fixed else "is being made anew"
        making = (f"search {state}: {int(indexed_share(db) * 100)} % of the records are in it",)
    elif is_fixed and query.where is not None and index_version(db) != INDEX_VERSION:
        making = (
            "what is searched was made by another version of tui-registry, and nothing can be written to make it anew: "
            "some records may be missed",
        )
    return (*making, *muted, *context.judged.notes, *query.notes, *_models_meant(db, query, names))


def _hidden(db: sqlite3.Connection, query: Query, names: Mapping[str, Sequence[str]]) -> list[bytes]:
    """The muted owners, but for those that the query asks for; none where it asks for an id."""
    muted = muted_owners(db)
    if not muted or query.asks("id"):
        return []
    asked = [match.value for match in query.matches if match.field == "owner"]
    return [owner for owner in muted if not any(is_owner(owner.hex(), value, names) for value in asked)]


def _is_partial(query: Query, context: Context) -> bool:
    """Whether the word index is asked, and does not have all records; or what models need, which is made with it."""
    if context.is_indexed:
        return False
    if query.asks("fit") or (query.sort is not None and query.sort.key == "fit"):
        return True
    if query.where is None:
        return False
    return asks_words(compile_query(query.where, context).whole[0])


def _models_meant(db: sqlite3.Connection, query: Query, names: Mapping[str, str]) -> list[str]:
    """Whose models are meant where a query names them: anybody may give a model any name."""
    notes = []
    asked = ((match.field, match.value) for match in query.matches if match.field in _NAMING_MODELS)
    for field, name in dict.fromkeys(asked):
        if is_hex(name):
            continue
        owners = [
            owner.hex()
            for (owner,) in db.execute(
                "SELECT owner FROM catalogue c INDEXED BY catalogue_name WHERE name = ? COLLATE NOCASE AND kind = 0 "
                "ORDER BY rid DESC LIMIT ?",
                (name, matching.NAMED_ALIKE),
            )
        ]
        shown = f"'{safe_text(name, 40)}'"
        if not owners:
            but = ": what names it so is found all the same" if field == "from" else ""
            notes.append(f"no model here is called {shown}{but}")
            continue
        count = f"{len(owners)} models, of" if len(owners) > 1 else "the model of"
        notes.append(f"{_NAMING_MODELS[field]} {shown}: {count} {_owners(owners, names)}")
    return notes


# The fields whose values name models, and what is looked for by them.
_NAMING_MODELS = {
    "model": "agents are looked for that prefer",
    "needs": "records are looked for that need",
    "from": "records are looked for that were made from",
}


def _owners(addresses: Sequence[str], names: Mapping[str, str]) -> str:
    """Whose the records are, in words, safe to show."""
    whose = [safe_text(names.get(one) or address_short(one), 40) for one in dict.fromkeys(addresses)]
    more = f" and {len(whose) - _OWNERS_TOLD} others" if len(whose) > _OWNERS_TOLD else ""
    return ", ".join(whose[:_OWNERS_TOLD]) + more


def _window(db: sqlite3.Connection, ask: Ask, compared: Callable[[Sequence[Found]], list[Row]] | None = None) -> Page:
    """
    Args:
        compared: makes the rows to show of what is found.

    Raises:
        QueryError: the cursor is not one of this search's.
    """
    sort = ask.query.sort or ask.sort or Sort("relevance" if ask.query.texts else "updated", not ask.query.texts)
    asked = _compiled(ask.query, ask.kind, ask.context)
    state, counted = _read_cursor(ask.cursor)
    is_to_count = ask.counted and counted is None
    rids: list[int] | None = None
    if sort.key == "relevance" and ask.query.texts and asked.match is not None and not ask.backwards:
        from tui_registry.replica.search import relevance  # a list is read without it

        rids = matching.listed(db, asked, matching.LISTED if is_to_count else relevance.RANKED)
        found, after = relevance.window(db, ask, asked, rids, state)
    else:
        # Relevance cannot be read from its end, and without free text there is none.
        order = Sort("updated", True) if sort.key == "relevance" else sort
        soon = None if is_to_count else matching.window_soon(db, ask, asked, order, state)
        if soon is None:
            rids = matching.listed(db, asked, matching.LISTED if is_to_count else matching.FEW)
            soon = matching.window(db, ask, asked, rids, order, state)
        found, after = soon
    if after is None and ask.cursor is None:
        counted = len(found), True
    elif is_to_count:
        counted = matching.count(db, asked, rids)
    cursor = None if after is None else _write_cursor(after, counted)
    total, exact = counted or (0, False)
    if ask.stored:
        bodies = bodies_of(db, [rid for rid, _ in found])
        return Page([], cursor, max(total, len(found)), exact, bodies=bodies)
    rows = [row for _, row in found] if compared is None else compared(found)
    return Page(rows, cursor, max(total, len(found)), exact)


def _compiled(query: Query, kind: Kind | None, context: Context) -> Compiled:
    """The conditions of a query over one kind, or both for None."""
    return compile_query(_with_kind(query.where, kind), context)


def _with_kind(node: Node | None, kind: Kind | None) -> Node | None:
    if kind is None:
        return node
    only = Match("kind", kind)
    if node is None:
        return only
    return And((*node.nodes, only)) if isinstance(node, And) else And((node, only))


def _read_sort(text: str) -> Sort:
    """An order as `sort:` writes it, such as `-updated`.

    Raises:
        QueryError: there is no such order.
    """
    key = text.removeprefix("-")
    known = FIELDS["sort"].options
    if key not in known:
        raise QueryError(f"there is no order '{safe_text(text, 40)}': sort by {', '.join(known)}", 0, len(text))
    return Sort(key, text.startswith("-"))


# How: cursors. A cursor carries the count of its search, so that only one window counts: the first that is to.


def _write_cursor(state: State, counted: tuple[int, bool] | None) -> str:
    total, exact = counted or (None, False)
    return json.dumps([total, int(exact), *state], separators=(",", ":")).encode().hex()


def _read_cursor(cursor: str | None) -> tuple[State | None, tuple[int, bool] | None]:
    if cursor is None:
        return None, None
    try:
        values = json.loads(bytes.fromhex(cursor))
    except (ValueError, RecursionError):
        raise stale_cursor() from None
    if not isinstance(values, list) or not all(value is None or type(value) in (str, int) for value in values):
        raise stale_cursor()
    if any(isinstance(value, int) and abs(value) > 2**63 - 1 for value in values):
        raise stale_cursor()
    if len(values) <= 2:
        raise stale_cursor()
    total, exact, *state = values
    if exact not in (0, 1) or isinstance(total, str) or (total is not None and total < 0):
        raise stale_cursor()
    return state, None if total is None else (total, bool(exact))


def _stamp(query: str, kind: Kind | None, sort: str | None, backwards: bool, named_first: bool) -> str:
    """What a cursor begins with. A place in one order means nothing in another, and rows would be missing without a
    word. Made of the text, because the bounds of an age (`updated:<7d`) move while the pages are read."""
    asked = json.dumps((query, kind, sort, backwards, named_first)).encode()
    return hashlib.sha3_256(asked).hexdigest()[:_STAMP_DIGITS]


def _unstamped(cursor: str | None, stamp: str) -> str | None:
    if cursor is None:
        return None
    if not cursor.startswith(stamp):
        raise stale_cursor()
    return cursor[_STAMP_DIGITS:]
