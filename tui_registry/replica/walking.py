"""Windows in the order of a column, and counting.

There are three ways to read one, and looking at a few thousand matches at most tells which is cheap: few matches in the
word index are fetched and ordered; few in the index of a range likewise; else the order's own index is walked, and as
the matches are many, the window fills soon.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from tui_registry.query.nodes import Sort
from tui_registry.replica.compile import Compiled, Condition, Parameter
from tui_registry.replica.rows import Row
from tui_registry.replica.search import COLUMNS, COUNT_BOUND, DAY, Ask, Found, State, row_of, stale_cursor

FEW = 8_000
# Rows looked at for a count: all of a small registry, some of a larger one, few where each costs a look-up in the word
# index; beyond that a bound is given.
_SMALL = 20_000
_COUNTED = 5_000
_LOOKED_UP = 200
_PROBE = "EXISTS (SELECT"
# A list of so many matches costs more than looking them up row by row until a window is full.
_MANY = 150_000

_SORT_KEYS = {
    "name": "c.name COLLATE NOCASE",
    "updated": "c.updated_at",
    "created": "c.created_at",
    "params": "c.parameters",
    "context": "c.context_length",
}
_SORT_INDEXES = {
    "name": "catalogue_name",
    "updated": "catalogue_updated",
    "created": "catalogue_created",
    "params": "catalogue_parameters",
    "context": "catalogue_context",
}
_RANGE_INDEXES = {
    "parameters": "catalogue_parameters",
    "context_length": "catalogue_context",
    "min_vram_gb": "catalogue_vram",
    "updated_at": "catalogue_updated",
    "created_at": "catalogue_created",
}


class _Source(NamedTuple):
    """Where rows are read from: a FROM clause over `c`, and what must hold."""

    tables: str
    where: str
    parameters: list[Parameter]


def window(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, sort: Sort, state: State | None
) -> tuple[list[Found], State | None]:
    """Rows in the order of one column, and where the next window begins. Times far in the future come last, as does
    what states no context length."""
    parts = _parts(ask, sort)
    descending = sort.descending != ask.backwards
    order = range(len(parts) - 1, -1, -1) if ask.backwards else range(len(parts))
    begin, after = order[0], None
    if state is not None:
        place, *rest = state
        if len(rest) != 2 or not isinstance(place, int) or place not in order or not isinstance(rest[1], int):
            raise stale_cursor()
        begin, after = place, (rest[0], rest[1])
    source = _few(db, compiled) or _Source(_along(sort, compiled), *_walk(db, compiled))
    found: list[Found] = []
    places: list[int] = []
    for place in order[order.index(begin) :]:
        wanted = ask.limit + 1 - len(found)
        found += _read(db, ask, source, _SORT_KEYS[sort.key], descending, parts[place], after, wanted)
        places += [place] * (len(found) - len(places))
        if len(found) > ask.limit:
            # The last row of the window may lie in the part before the one that overfilled it.
            found, place = found[: ask.limit], places[ask.limit - 1]
            rid, row = found[-1]
            return _forwards(found, ask), [place, _key_value(sort.key, row), rid]
        after = None
    return _forwards(found, ask), None


def count(db: sqlite3.Connection, compiled: Compiled) -> tuple[int, bool]:
    """How many records match, and whether that is exact; otherwise there are at least so many."""
    models, agents = db.execute("SELECT models, agents FROM replica").fetchone()
    if compiled.is_everything:
        return models + agents, True
    if compiled.walk[0] == "(c.kind = ?)":
        return (models, agents)[compiled.kind or 0], True
    if compiled.match is not None and compiled.rest[0] == "1":
        return _bounded(_count_up_to(db, _Source("words", "words MATCH ?", [compiled.match]), COUNT_BOUND))
    source = _few(db, compiled)
    if source is not None:
        return _bounded(_count_up_to(db, source, COUNT_BOUND))
    looked_at = _COUNTED if models + agents > _SMALL else _SMALL
    source = _newest(compiled, looked_at)
    statement = f"SELECT count(*) FROM {source.tables} WHERE {source.where}"
    (total,) = db.execute(statement, source.parameters).fetchone()
    return int(total), models + agents <= looked_at


def matches_source(db: sqlite3.Connection, compiled: Compiled, limit: int) -> tuple[_Source, bool]:
    """Where matches can be read, in any order: all of them where they are few (then True), else those among what was
    registered last, looking at no more than `limit` records."""
    few = _few(db, compiled)
    (rows,) = db.execute("SELECT models + agents FROM replica").fetchone()
    return few or _newest(compiled, limit), few is not None or rows <= limit


def is_rare(db: sqlite3.Connection, match: str) -> bool:
    """Whether at most `FEW` records match an FTS5 expression."""
    return _count_up_to(db, _Source("words", "words MATCH ?", [match]), FEW) <= FEW


def rare_range(db: sqlite3.Connection, compiled: Compiled, few: int) -> str | None:
    """The catalogue through the index of a range that at most `few` rows lie in, None where there is no such range."""
    for column, low, high in compiled.ranges:
        index = _RANGE_INDEXES.get(column)
        if index is None:  # each index costs every pull; these few are asked too seldom
            continue
        tables = f"catalogue c INDEXED BY {index}"
        where = f"c.{column} IS NOT NULL AND c.{column} BETWEEN ? AND ?"
        if _count_up_to(db, _Source(tables, where, [low, high]), few) <= few:
            return tables
    return None


# How


def _parts(ask: Ask, sort: Sort) -> list[tuple[str, list[Parameter]]]:
    key = _SORT_KEYS[sort.key]
    if sort.key in ("updated", "created"):
        return [(f"{key} <= ?", [ask.now + DAY]), (f"{key} > ?", [ask.now + DAY])]
    if sort.key == "context":
        return [(f"{key} IS NOT NULL", []), (f"{key} IS NULL", [])]
    return [("1", [])]


def _few(db: sqlite3.Connection, compiled: Compiled) -> _Source | None:
    """A source that holds few rows, whatever their order."""
    if compiled.match is not None and is_rare(db, compiled.match):
        listed = "(SELECT rowid AS rid FROM words WHERE words MATCH ?) m CROSS JOIN catalogue c ON c.rid = m.rid"
        where, parameters = compiled.rest
        return _Source(listed, where, [compiled.match, *parameters])
    if compiled.conflicts:
        return _Source("catalogue c INDEXED BY catalogue_conflicts", *compiled.walk)
    tables = rare_range(db, compiled, FEW)
    return None if tables is None else _Source(tables, *compiled.walk)


def _newest(compiled: Compiled, looked_at: int) -> _Source:
    """The matches among what was registered last, which stands for the rest."""
    if compiled.match is not None:
        recent = "(SELECT rowid AS rid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?)"
        where, parameters = compiled.rest
        bound: list[Parameter] = [compiled.match, looked_at]
    else:
        recent = "(SELECT rid FROM catalogue ORDER BY rid DESC LIMIT ?)"
        where, parameters = compiled.walk
        bound = [min(looked_at, _LOOKED_UP) if _PROBE in where else looked_at]
    tables = f"{recent} recent CROSS JOIN catalogue c ON c.rid = recent.rid"
    return _Source(tables, where, [*bound, *parameters])


def _walk(db: sqlite3.Connection, compiled: Compiled) -> Condition:
    """The condition for walking: with words as a list, or looked up row by row where the list would be long."""
    if compiled.match is None:
        return compiled.walk
    # How dense the newest matches lie says how many there are in all.
    newest = "SELECT rowid AS rid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?"
    last, first = db.execute(f"SELECT max(rid), min(rid) FROM ({newest})", (compiled.match, FEW)).fetchone()
    (rows,) = db.execute("SELECT models + agents FROM replica").fetchone()
    return compiled.probe if FEW / max(1, last - first) * rows > _MANY else compiled.walk


def _along(sort: Sort, compiled: Compiled) -> str:
    """The catalogue along the order's own index: left to itself SQLite might sort the half of a million rows."""
    index = _SORT_INDEXES[sort.key]
    if sort.key == "updated" and compiled.kind is not None:
        index = "catalogue_kind_updated"
    return f"catalogue c INDEXED BY {index}"


def _read(
    db: sqlite3.Connection,
    ask: Ask,
    source: _Source,
    key: str,
    descending: bool,
    part: tuple[str, list[Parameter]],
    after: tuple[str | int | None, int] | None,
    limit: int,
) -> list[Found]:
    direction, beyond = ("DESC", "<") if descending else ("ASC", ">")
    condition, bound = part
    where = f"({source.where}) AND {condition}"
    parameters = [*source.parameters, *bound]
    if after is not None:
        value, rid = after
        if value is None:
            where += f" AND c.rid {beyond} ?"
            parameters.append(rid)
        else:
            where += f" AND ({key}, c.rid) {beyond} (?, ?)"
            parameters += [value, rid]
    rows = db.execute(
        f"SELECT {COLUMNS} FROM {source.tables} WHERE {where} ORDER BY {key} {direction}, c.rid {direction} LIMIT ?",
        [*parameters, limit],
    )
    return [(values[0], row_of(values, ask.now)) for values in rows]


def _forwards(found: list[Found], ask: Ask) -> list[Found]:
    return found[::-1] if ask.backwards else found


def _key_value(key: str, row: Row) -> str | int | None:
    match key:
        case "name":
            return row.name
        case "updated":
            return row.updated_at
        case "created":
            return row.created_at
        case "params":
            return row.parameters
        case _:
            return row.context_length


def _count_up_to(db: sqlite3.Connection, source: _Source, most: int) -> int:
    """How many rows a source holds; no more than one beyond `most` is looked at."""
    statement = f"SELECT count(*) FROM (SELECT 1 FROM {source.tables} WHERE {source.where} LIMIT ?)"
    return int(db.execute(statement, [*source.parameters, most + 1]).fetchone()[0])


def _bounded(total: int) -> tuple[int, bool]:
    return min(total, COUNT_BOUND), total <= COUNT_BOUND
