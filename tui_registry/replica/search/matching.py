"""What a search matches: listed where it is little, bounded where it is not. Windows, counts and facets begin here.

Looking at the first few thousand matches decides which, so nothing is ever listed or counted as a whole.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tui_registry.errors import Kind
from tui_registry.query.nodes import Query, QueryError, Sort
from tui_registry.replica.catalogue.current import Row
from tui_registry.replica.search.compile import IS_INVALID, Compiled, Condition, Context, Parameter, asks_words

# So many matches are listed at most, and so many are counted; beyond that a bound is given. Fewer where each must be
# checked by its row, which costs a microsecond or two.
LISTED = 10_000
_CHECKED = 4_000
# `is:invalid` reads the record and applies the authoring rules: 50 us.
_JUDGED = 1_000
# A look-up in the word index by row costs some 70 us, as much as reading past several hundred of its entries.
_LOOKED_UP = 200
# Rows looked at for a bound.
_SAMPLED = 2_000
# The newest matches: how densely they lie gives an estimate of how many there are.
_NEWEST = 1_000
_SMALL_PART = 0.25

RANGE_INDEXES = {
    "parameters": "catalogue_parameters",
    "context_length": "catalogue_context",
    "updated_at": "catalogue_updated",
    "created_at": "catalogue_created",
}


# A row with its rid.
Found = tuple[int, Row]
# Where a window ended, as its cursor carries it.
State = list[str | int | None]


class Ask(NamedTuple):
    """One window of a search: `now` in Unix seconds, `cursor` from the window before (or after, `backwards`)."""

    query: Query
    kind: Kind | None
    sort: Sort | None
    limit: int
    cursor: str | None
    now: int
    context: Context
    backwards: bool = False


class Source(NamedTuple):
    """Where rows are read from: a FROM clause over `c`, and what must hold."""

    tables: str
    where: str
    parameters: list[Parameter]


def stale_cursor() -> QueryError:
    """The error for a cursor that this search did not give."""
    return QueryError("the cursor is not one of this search: start again without it", 0)


def listed(db: sqlite3.Connection, compiled: Compiled) -> list[int] | None:
    """The rids of all matches, in any order, where they are few; None where they may be more, and for the query for
    everything."""
    if compiled.is_everything:
        return None
    if compiled.ids is not None:
        return _few(db, "SELECT rid FROM keys WHERE id BETWEEN ? AND ?", compiled.ids, compiled.whole)
    if compiled.conflicts:
        conflicts = "SELECT rid FROM catalogue INDEXED BY catalogue_conflicts WHERE live_heads > 1"
        return _few(db, conflicts, (), compiled.whole)
    if compiled.match is None:
        found = _few(db, "SELECT rid FROM catalogue", (), compiled.whole)
    else:
        found = _few(db, "SELECT rowid FROM words WHERE words MATCH ?", (compiled.match,), compiled.rest)
    return _in_a_rare_range(db, compiled) if found is None else found


def source(compiled: Compiled, rids: list[int] | None, limit: int) -> Source:
    """The matches that are listed, or those among what was registered last, looking at no more than `limit` records;
    the last registered first."""
    if rids is not None:
        return of_rids(sorted(rids, reverse=True)[:limit])
    if compiled.match is not None:
        recent = "(SELECT rowid AS rid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?)"
        where, parameters = compiled.rest
        bound: list[Parameter] = [compiled.match, limit]
    else:
        recent = "(SELECT rid FROM catalogue ORDER BY rid DESC LIMIT ?)"
        where, parameters = compiled.whole
        bound = [limit]
    if asks_words(where) or IS_INVALID in where:
        bound[-1] = min(limit, _LOOKED_UP)
    return Source(f"{recent} recent CROSS JOIN catalogue c ON c.rid = recent.rid", where, [*bound, *parameters])


def of_rids(rids: list[int]) -> Source:
    """The rows of these rids."""
    return Source("json_each(?) listed CROSS JOIN catalogue c ON c.rid = listed.value", "1", [json.dumps(rids)])


def count(db: sqlite3.Connection, compiled: Compiled, rids: list[int] | None) -> tuple[int, bool]:
    """How many records match, and whether that is exact; otherwise there are at least so many.

    Args:
        rids: as `listed` gives them.
    """
    if rids is not None:
        return len(rids), True
    if compiled.is_everything:
        return sum(_kinds(db)), True
    if compiled.is_kind:
        return _kinds(db)[compiled.kind or 0], True
    if compiled.match is not None and compiled.rest[0] == "1":
        return LISTED, False
    tables, where, parameters = source(compiled, None, _SAMPLED)
    (total,) = db.execute(f"SELECT count(*) FROM {tables} WHERE {where}", parameters).fetchone()
    return int(total), False


def estimate(db: sqlite3.Connection, match: str) -> float:
    """How many records match an expression: how dense the newest lie says it."""
    newest = "SELECT rowid AS rid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?"
    last, first = db.execute(f"SELECT max(rid), min(rid) FROM ({newest})", (match, _NEWEST)).fetchone()
    return _NEWEST / float(max(1, last - first)) * sum(_kinds(db))


def rarity(db: sqlite3.Connection) -> Callable[[str], bool]:
    """What `Context.is_rare` asks, answered once for each expression."""
    known: dict[str, bool] = {}
    statement = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"

    def is_rare(match: str) -> bool:
        if match not in known:
            known[match] = db.execute(statement, (match, LISTED + 1)).fetchone()[0] <= LISTED
        return known[match]

    return is_rare


def most_selective(db: sqlite3.Connection, matches: Sequence[str]) -> str | None:
    """The one of some expressions that fewest records match, None where that is no small part of all."""
    fewest, match = min(((estimate(db, match), match) for match in matches), default=(0.0, None))
    return match if fewest <= _SMALL_PART * sum(_kinds(db)) else None


def _kinds(db: sqlite3.Connection) -> tuple[int, int]:
    """How many models and how many agents there are."""
    models, agents = db.execute("SELECT models, agents FROM replica").fetchone()
    return int(models), int(agents)


def _few(
    db: sqlite3.Connection, statement: str, parameters: tuple[Parameter, ...], condition: Condition
) -> list[int] | None:
    """The rids of a statement that a condition holds for, None where they are many."""
    most = LISTED if condition[0] == "1" else _JUDGED if IS_INVALID in condition[0] else _CHECKED
    found = [rid for (rid,) in db.execute(f"{statement} LIMIT ?", (*parameters, most + 1))]
    return _kept(db, found, condition) if len(found) <= most else None


def _in_a_rare_range(db: sqlite3.Connection, compiled: Compiled) -> list[int] | None:
    most = LISTED if compiled.is_range else _CHECKED
    for column, low, high in compiled.ranges:
        index = RANGE_INDEXES.get(column)
        if index is None:  # each index costs every pull; the classes of these must do
            continue
        statement = f"SELECT rid FROM catalogue INDEXED BY {index} WHERE {column} BETWEEN ? AND ?"
        # Passing an entry costs a tenth of bringing it here.
        if db.execute(f"{statement} LIMIT 1 OFFSET ?", (low, high, most)).fetchone() is None:
            rids = [rid for (rid,) in db.execute(statement, (low, high))]
            return rids if compiled.is_range else _within(db, rids, compiled)
    return None


def _within(db: sqlite3.Connection, rids: list[int], compiled: Compiled) -> list[int]:
    """Those of a few rids that the whole query holds for."""
    if compiled.match is None or len(rids) <= _LOOKED_UP or not asks_words(compiled.whole[0]):
        return _kept(db, rids, compiled.whole)
    # Reading past all that the index has is cheaper than so many look-ups.
    statement = "SELECT rowid FROM words WHERE words MATCH ? AND +rowid IN (SELECT value FROM json_each(?))"
    return _kept(db, [rid for (rid,) in db.execute(statement, (compiled.match, json.dumps(rids)))], compiled.rest)


def _kept(db: sqlite3.Connection, rids: list[int], condition: Condition) -> list[int]:
    where, parameters = condition
    if where == "1":
        return rids
    tables, _, listed = of_rids(rids)
    return [rid for (rid,) in db.execute(f"SELECT c.rid FROM {tables} WHERE {where}", [*listed, *parameters])]
