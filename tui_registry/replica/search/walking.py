"""Windows in the order of a column.

What matches little is listed and ordered as a whole. Else the order's own index is walked until the window is full:
past rows that are in a list of all matches, or, where these are so many that the window fills soon, past rows that are
looked at one by one.
"""

from __future__ import annotations

import json
import sqlite3

from tui_registry.query.nodes import Sort
from tui_registry.replica.catalogue.current import COLUMNS, DAY, Row, row_of
from tui_registry.replica.search.compile import IS_KIND, LISTED, Compiled, Condition, asks_words
from tui_registry.replica.search.matching import (
    RANGE_INDEXES,
    Ask,
    Found,
    Source,
    State,
    estimate,
    of_rids,
    source,
    stale_cursor,
)

# So many matches are read and ordered as a whole; with more of them the walk skips what is not in their list.
_FEW = 2_000
# So many matches and more are not listed for a walk: looking at row after row fills a window sooner. A look at columns
# costs a microsecond or two, one at the word index seventy.
_MANY = 30_000
_MANY_WORDS = 150_000
# A list of more than this costs more than it can save.
_LONGEST = 400_000
_SAMPLED = 1_000

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


def window(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: list[int] | None, sort: Sort, state: State | None
) -> tuple[list[Found], State | None]:
    """Rows in the order of one column, and where the next window begins. Times far in the future come last, as does
    what states no context length.

    Args:
        rids: all matches, None where they are too many to list.
    """
    parts = _parts(ask, sort)
    descending = sort.descending != ask.backwards
    order = range(len(parts) - 1, -1, -1) if ask.backwards else range(len(parts))
    begin, after = order[0], None
    if state is not None:
        place, *rest = state
        if len(rest) != 2 or not isinstance(place, int) or place not in order or not isinstance(rest[1], int):
            raise stale_cursor()
        begin, after = place, (rest[0], rest[1])
    if rids is not None and len(rids) <= _FEW:
        read_from = of_rids(rids)
    else:
        read_from = Source(_along(sort, compiled), *_walk(db, compiled, rids, sort))
    found: list[Found] = []
    places: list[int] = []
    for place in order[order.index(begin) :]:
        wanted = ask.limit + 1 - len(found)
        found += _read(db, ask, read_from, _SORT_KEYS[sort.key], descending, parts[place], after, wanted)
        places += [place] * (len(found) - len(places))
        if len(found) > ask.limit:
            # The last row of the window may lie in the part before the one that overfilled it.
            found, place = found[: ask.limit], places[ask.limit - 1]
            rid, row = found[-1]
            return _forwards(found, ask), [place, _key_value(sort.key, row), rid]
        after = None
    return _forwards(found, ask), None


def _parts(ask: Ask, sort: Sort) -> list[Condition]:
    key = _SORT_KEYS[sort.key]
    if sort.key in ("updated", "created"):
        return [(f"{key} <= ?", [ask.now + DAY]), (f"{key} > ?", [ask.now + DAY])]
    if sort.key == "context":
        return [(f"{key} IS NOT NULL", []), (f"{key} IS NULL", [])]
    return [("1", [])]


def _walk(db: sqlite3.Connection, compiled: Compiled, rids: list[int] | None, sort: Sort) -> Condition:
    """The condition for walking along an index."""
    if rids is not None:
        return _of_kind(compiled, ("c.rid IN (SELECT value FROM json_each(?))", [json.dumps(rids)]))
    if compiled.match is None:
        return compiled.whole
    in_index = estimate(db, compiled.match)
    many = _MANY
    if asks_words(compiled.whole[0]) and (
        compiled.columns is None or compiled.words is None or estimate(db, compiled.words) <= _MANY_WORDS
    ):
        # Unless most rows that match the columns have the words too, looking the words up row by row costs too much.
        many = _MANY_WORDS
    # Where the range is on the column of the order, the walk begins and ends with it and passes no other rows.
    in_order = any(RANGE_INDEXES.get(column) == _SORT_INDEXES[sort.key] for column, _, _ in compiled.ranges)
    if in_index > many and (in_order or in_index > _LONGEST or in_index * _share(db, compiled) > many):
        return compiled.whole
    rest, parameters = compiled.rest
    return _of_kind(compiled, (f"{LISTED} AND {rest}", [compiled.match, *parameters]))


def _share(db: sqlite3.Connection, compiled: Compiled) -> float:
    """Which part of what the index finds the rest of the query holds for, as the newest have it."""
    if compiled.rest[0] == "1":
        return 1.0
    tables, where, parameters = source(compiled, None, _SAMPLED)
    (kept,) = db.execute(f"SELECT count(*) FROM {tables} WHERE {where}", parameters).fetchone()
    return float(kept) / _SAMPLED


def _of_kind(compiled: Compiled, condition: Condition) -> Condition:
    """The condition with the kind put in words that the index by kind needs."""
    if compiled.kind is None:
        return condition
    return f"{IS_KIND} AND {condition[0]}", [compiled.kind, *condition[1]]


def _along(sort: Sort, compiled: Compiled) -> str:
    """The catalogue along the order's own index: left to itself SQLite might sort the half of a million rows."""
    index = _SORT_INDEXES[sort.key]
    if sort.key == "updated" and compiled.kind is not None:
        index = "catalogue_kind_updated"
    return f"catalogue c INDEXED BY {index}"


def _read(
    db: sqlite3.Connection,
    ask: Ask,
    read_from: Source,
    key: str,
    descending: bool,
    part: Condition,
    after: tuple[str | int | None, int] | None,
    limit: int,
) -> list[Found]:
    direction = "DESC" if descending else "ASC"
    found: list[Found] = []
    for condition, bound in _stretches(key, "<" if descending else ">", part, after):
        rows = db.execute(
            f"SELECT {COLUMNS} FROM {read_from.tables} WHERE ({read_from.where}) AND {condition} "
            f"ORDER BY {key} {direction}, c.rid {direction} LIMIT ?",
            [*read_from.parameters, *bound, limit - len(found)],
        )
        found += [(values[0], row_of(values, ask.now)) for values in rows]
        if len(found) == limit:
            break
    return found


def _stretches(key: str, beyond: str, part: Condition, after: tuple[str | int | None, int] | None) -> list[Condition]:
    """What is left of a part after a row, in stretches that each begin at a place in an index. Else SQLite would pass
    all that has the row's own value, and of two bounds on one side perhaps begin at the wider one."""
    if after is None:
        return [part]
    value, rid = after
    if value is None:
        return [(f"{part[0]} AND c.rid {beyond} ?", [*part[1], rid])]
    same: Condition = (f"{key} = ? AND c.rid {beyond} ?", [value, rid])
    if beyond in part[0]:
        return [same, (f"{key} {beyond} ?", [value])]
    return [same, (f"{part[0]} AND {key} {beyond} ?", [*part[1], value])]


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
