"""Windows in the order of relevance, for free text.

A name that begins with the words comes first (and one that is the words before the others), then names that hold them,
then the rest; within each the most recently updated first. A common word matches a large part of the registry, so what
is ordered at a time is a block of the matches that were registered last; the next block follows when its window is
asked for.
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
from tui_registry.replica.compile import Compiled, Condition, text_match
from tui_registry.replica.search import COLUMNS, DAY, Ask, Found, State, row_of, stale_cursor
from tui_registry.replica.walking import rare_range

_BLOCK = 2_000
# Rows of a rare range, each looked up in the word index by itself.
_RARE = 2_000
_NO_CEILING = 2**62
_LONGEST_NAME = 128
# The name begins with the words; the name holds them; the rest.
_TIERS = 3

# (the name is the words, time to order by, rid): the larger the earlier.
_Rank = tuple[int, int, int]
_ABOVE_ALL: _Rank = (2, 0, 0)


def window(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, state: State | None
) -> tuple[list[Found], State | None]:
    """Rows in the order of relevance, and where the next window begins."""
    wanted = [word for text in ask.query.texts for word in text.words]
    tier, ceiling, after = 0, _NO_CEILING, None
    if state is not None:
        numbers = [value for value in state if isinstance(value, int)]
        if len(state) != 5 or len(numbers) != 5 or not 0 <= numbers[0] < _TIERS:
            raise stale_cursor()
        tier, ceiling, *rest = numbers
        after = (rest[0], rest[1], rest[2])
    rare = rare_range(db, compiled, _RARE)
    tiers = _tiers(ask, compiled, wanted) if rare is None else []
    ranked = [] if rare is None else _through(db, ask, compiled, rare, wanted)
    found: list[int] = []
    reached: _Rank = _ABOVE_ALL
    while tier < _TIERS:
        if rare is None:
            block, floor = _block(db, ask, tiers[tier], ceiling, wanted)
        else:
            block, floor = ranked[tier], None
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


class _Tier(NamedTuple):
    """Matches of one rank: of `match` in the index `table`; where that is `names`, `where` must hold of the row."""

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
        return ("1", []) if ask.kind is None else ("c.kind = ?", [KIND_CODES[ask.kind]])
    parts = where.nodes if isinstance(where, And) else (where,)
    return compiled.columns if all(text in parts for text in query.texts) else None


_Ranked = list[tuple[_Rank, int]]


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
    rows = db.execute(
        "SELECT c.rid, c.updated_at, c.name FROM json_each(?) AS candidate "
        f"CROSS JOIN catalogue c ON c.rid = candidate.value WHERE {where}",
        [json.dumps(rids), *parameters],
    )
    return _ranked(rows, ask, wanted), rids[-1] if len(rids) == _BLOCK else None


def _through(db: sqlite3.Connection, ask: Ask, compiled: Compiled, rare: str, wanted: list[str]) -> list[_Ranked]:
    """All matches by tier, read through the index of a rare range and looked up in the word index one by one."""
    where, parameters = compiled.rest
    rows = db.execute(
        f"SELECT c.rid, c.updated_at, c.name FROM {rare} "
        f"WHERE {where} AND EXISTS (SELECT 1 FROM words WHERE words MATCH ? AND rowid = c.rid)",
        [*parameters, compiled.match],
    ).fetchall()
    phrase = Text(tuple(wanted), ask.query.texts[-1].prefix)
    by_tier: list[list[tuple[int, int, str]]] = [[] for _ in range(_TIERS)]
    for row in rows:
        held = words(row[2])
        named = all(stands_in(text, held) for text in ask.query.texts)
        tier = 0 if stands_in(phrase, held[: len(wanted)]) else 1 if named else 2
        by_tier[tier].append(row)
    return [_ranked(tier, ask, wanted) for tier in by_tier]


def _ranked(rows: Iterable[tuple[int, int, str]], ask: Ask, wanted: list[str]) -> _Ranked:
    horizon = ask.now + DAY
    first = wanted[0]
    ranked: _Ranked = []
    for rid, updated_at, name in rows:
        # The cheap look first: few names of a block begin with the words.
        is_equal = len(name) <= _LONGEST_NAME and first in words(name)[:1] and words(name) == wanted
        ranked.append(((int(is_equal), 0 if updated_at > horizon else updated_at, rid), rid))
    ranked.sort(reverse=True)
    return ranked


def _rows(db: sqlite3.Connection, ask: Ask, rids: list[int]) -> list[Found]:
    """The rows of these rids, in their order."""
    read = db.execute(
        f"SELECT {COLUMNS} FROM json_each(?) AS wanted CROSS JOIN catalogue c ON c.rid = wanted.value",
        [json.dumps(rids)],
    )
    rows = {values[0]: row_of(values, ask.now) for values in read}
    return [(rid, rows[rid]) for rid in rids]
