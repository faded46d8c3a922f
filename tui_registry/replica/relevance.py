"""Windows in the order of relevance, for free text.

A name that begins with the words comes first (and one that is the words before the others), then names that hold them,
then the rest; within each the most recently updated first. What matches little is ranked as a whole. A common word
matches a large part of the registry, so what is ordered at a time is a block of the matches that were registered last;
the next block follows when its window is asked for.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from tui_registry.query.evaluate import stands_in
from tui_registry.query.folding import words
from tui_registry.query.nodes import And, Or, Text
from tui_registry.replica.columns import KIND_CODES
from tui_registry.replica.compile import Compiled, text_match
from tui_registry.replica.conditions import IS_KIND, Condition
from tui_registry.replica.matching import of_rids
from tui_registry.replica.search import COLUMNS, DAY, Ask, Found, State, row_of, stale_cursor

_BLOCK = 1_000
# So many matches are ranked as a whole.
_RANKED = 2_000
_NO_CEILING = 2**62
# The name begins with the words; the name holds them; the rest.
_TIERS = 3

# (the name is the words, time to order by, rid): the larger the earlier.
_Rank = tuple[int, int, int]
_ABOVE_ALL: _Rank = (2, 0, 0)
_Ranked = list[tuple[_Rank, int]]


def window(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: list[int] | None, state: State | None
) -> tuple[list[Found], State | None]:
    """Rows in the order of relevance, and where the next window begins.

    Args:
        rids: all matches, None where they are too many to list.
    """
    wanted = [word for text in ask.query.texts for word in text.words]
    tier, ceiling, after = 0, _NO_CEILING, None
    if state is not None:
        numbers = [value for value in state if isinstance(value, int)]
        if len(state) != 5 or len(numbers) != 5 or not 0 <= numbers[0] < _TIERS:
            raise stale_cursor()
        tier, ceiling, *rest = numbers
        after = (rest[0], rest[1], rest[2])
    is_little = rids is not None and len(rids) <= _RANKED
    ranked = _by_tier(db, ask, rids, wanted) if rids is not None and is_little else []
    tiers = [] if is_little else _tiers(ask, compiled, wanted)
    found: list[int] = []
    reached: _Rank = _ABOVE_ALL
    while tier < _TIERS:
        if is_little:
            block, floor = ranked[tier], None
        else:
            block, floor = _block(db, ask, tiers[tier], ceiling, wanted)
        for rank, rid in block:
            if after is not None and rank >= after:
                continue
            if len(found) == ask.limit:
                return _rows(db, ask, found), [tier, ceiling, *reached]
            found.append(rid)
            reached = rank
        after = None
        tier, ceiling = (tier + 1, _NO_CEILING) if floor is None else (tier, floor)
        if len(found) == ask.limit and tier < _TIERS:
            # The window is full at the end of a block: the next one begins above everything.
            return _rows(db, ask, found), [tier, ceiling, *_ABOVE_ALL]
    return _rows(db, ask, found), None


def _by_tier(db: sqlite3.Connection, ask: Ask, rids: list[int], wanted: list[str]) -> list[_Ranked]:
    """All matches, ranked, by tier."""
    tables, _, listed = of_rids(rids)
    phrase = Text(tuple(wanted), ask.query.texts[-1].prefix)
    by_tier: list[list[tuple[int, int, str]]] = [[] for _ in range(_TIERS)]
    for row in db.execute(f"SELECT c.rid, c.updated_at, c.name FROM {tables}", listed):
        tier = 2
        if _may_hold(row[2], wanted[0]):
            held = words(row[2])
            if all(stands_in(text, held) for text in ask.query.texts):
                tier = 1
            if stands_in(phrase, held[: len(wanted)]):
                tier = 0
        by_tier[tier].append(row)
    return [_ranked(tier, ask, wanted) for tier in by_tier]


class _Tier(NamedTuple):
    """Matches of one rank: of `match` in the index `table`, of which `where` must hold."""

    table: str
    match: str
    where: Condition


def _tiers(ask: Ask, compiled: Compiled, wanted: list[str]) -> list[_Tier]:
    last = ask.query.texts[-1].prefix
    begins = text_match(Text(tuple(wanted), last), ask.eyes, "name :", at_start=True)
    named = " AND ".join(f"({text_match(text, ask.eyes, 'name :')})" for text in ask.query.texts)
    everything = _Tier("words", f"({compiled.match}) NOT (({named}) OR ({begins}))", compiled.rest)
    # All free text holds of a name that holds all of it; of the rest of the query columns must tell.
    columns = _name_tells(ask, compiled)
    if columns is not None:
        return [
            _Tier("names", begins, columns),
            _Tier("names", f"({named}) NOT ({begins})", columns),
            everything,
        ]
    return [
        _Tier("words", f"({compiled.match}) AND ({begins})", compiled.rest),
        _Tier("words", f"(({compiled.match}) AND ({named})) NOT ({begins})", compiled.rest),
        everything,
    ]


def _name_tells(ask: Ask, compiled: Compiled) -> Condition | None:
    """What must hold of a record besides a name with all the words in it, None where columns cannot tell."""
    query, where = ask.query, ask.query.where
    if isinstance(where, Or) and all(isinstance(part, Text) for part in where.nodes):
        return ("1", []) if ask.kind is None else (IS_KIND, [KIND_CODES[ask.kind]])
    parts = where.nodes if isinstance(where, And) else (where,)
    return compiled.columns if all(text in parts for text in query.texts) else None


def _block(
    db: sqlite3.Connection, ask: Ask, tier: _Tier, ceiling: int, wanted: list[str]
) -> tuple[_Ranked, int | None]:
    """The next matches below a rowid, last registered first, ranked; and the rowid below which to go on, if any."""
    table, match, (where, parameters) = tier
    rids = [
        rid
        for (rid,) in db.execute(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?",
            (match, ceiling, _BLOCK),
        )
    ]
    tables, _, listed = of_rids(rids)
    rows = db.execute(f"SELECT c.rid, c.updated_at, c.name FROM {tables} WHERE {where}", [*listed, *parameters])
    return _ranked(rows, ask, wanted), rids[-1] if len(rids) == _BLOCK else None


def _ranked(rows: Iterable[tuple[int, int, str]], ask: Ask, wanted: list[str]) -> _Ranked:
    horizon = ask.now + DAY
    ranked: _Ranked = []
    for rid, updated_at, name in rows:
        is_equal = _may_hold(name, wanted[0]) and words(name) == wanted
        ranked.append(((int(is_equal), 0 if updated_at > horizon else updated_at, rid), rid))
    ranked.sort(reverse=True)
    return ranked


def _may_hold(name: str, word: str) -> bool:
    """A cheap look before a name is taken apart: few names of a block hold the words."""
    return not name.isascii() or word in name.lower()


def _rows(db: sqlite3.Connection, ask: Ask, rids: list[int]) -> list[Found]:
    """The rows of these rids, in their order."""
    read = db.execute(
        f"SELECT {COLUMNS} FROM json_each(?) AS wanted CROSS JOIN catalogue c ON c.rid = wanted.value",
        [json.dumps(rids)],
    )
    rows = {values[0]: row_of(values, ask.now) for values in read}
    return [(rid, rows[rid]) for rid in rids]
