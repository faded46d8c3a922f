"""Windows in the order of relevance, for free text.

A name that begins with the words comes first (and one that is the words before the others), then names that hold them,
then the rest; within each the most recently updated first. What matches little is ranked as a whole. A common word
matches a large part of the registry, so what is ordered at a time is a block of the matches that were registered last;
the next block follows when its window is asked for.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import NamedTuple

from tui_registry.query.evaluate import stands_in
from tui_registry.query.folding import words
from tui_registry.query.nodes import And, Or, Text
from tui_registry.replica.catalogue.current import COLUMNS, DAY, row_of
from tui_registry.replica.catalogue.derived import KIND_CODES
from tui_registry.replica.search.compile import IS_KIND, Compiled, Condition, text_match
from tui_registry.replica.search.matching import Ask, Found, State, most_selective, of_rids, stale_cursor

_BLOCK = 1_000
# So many matches are ranked as a whole.
_RANKED = 2_000
# A block that gives less than this part of a window: many more would be read to fill it.
_POOR = 0.25
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
    if rids is not None and len(rids) <= _RANKED:
        blocks = _as_a_whole(db, ask, rids, wanted, tier)
    else:
        blocks = _blocks(db, ask, compiled, wanted, tier, ceiling)
    found: list[int] = []
    reached: _Rank = _ABOVE_ALL
    with closing(blocks):
        for tier, ceiling, ranked, floor in blocks:
            for rank, rid in ranked:
                if after is not None and rank >= after:
                    continue
                if len(found) == ask.limit:
                    return _rows(db, ask, found), [tier, ceiling, *reached]
                found.append(rid)
                reached = rank
            after = None
            following = (tier + 1, _NO_CEILING) if floor is None else (tier, floor)
            if len(found) == ask.limit and following[0] < _TIERS:
                # The window is full at the end of a block: the next one begins above everything.
                return _rows(db, ask, found), [*following, *_ABOVE_ALL]
    return _rows(db, ask, found), None


class _Block(NamedTuple):
    """Matches of one tier below a rowid, ranked; and the rowid below which the tier goes on, None at its end."""

    tier: int
    ceiling: int
    ranked: _Ranked
    floor: int | None


def _as_a_whole(
    db: sqlite3.Connection, ask: Ask, rids: list[int], wanted: list[str], first: int
) -> Generator[_Block, None, None]:
    """All matches from a tier on, a block for each tier."""
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
    for tier in range(first, _TIERS):
        yield _Block(tier, _NO_CEILING, _ranked(by_tier[tier], ask, wanted), None)


def _blocks(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, wanted: list[str], first: int, ceiling: int
) -> Generator[_Block, None, None]:
    """The matches of a tier below a rowid and those of the tiers after it, the last registered first."""
    sieve: str | None = None
    is_poor = False
    # One statement a tier: a new one for each block would pay as much again for finding its place.
    with closing(db.cursor()) as reading:
        for number, tier in list(enumerate(_tiers(ask, compiled, wanted)))[first:]:
            statement = f"SELECT rowid FROM {tier.table} WHERE {tier.table} MATCH ? AND rowid < ? ORDER BY rowid DESC"
            reading.execute(statement, (tier.match, ceiling))
            floor: int | None = ceiling
            while floor is not None:
                ceiling = floor
                rids = [rid for (rid,) in reading.fetchmany(_BLOCK)]
                floor = rids[-1] if len(rids) == _BLOCK else None
                sifted = rids if sieve is None or not tier.filters else _sifted(db, tier, rids, sieve)
                ranked = _read(db, ask, tier, sifted, wanted)
                yield _Block(number, ceiling, ranked, floor)
                if tier.filters and not is_poor and floor is not None and len(ranked) < _POOR * ask.limit:
                    is_poor, sieve = True, most_selective(db, tier.filters)
            ceiling = _NO_CEILING


class _Tier(NamedTuple):
    """Matches of one rank: of `match` in the index `table`, of which `where` must hold; what `words` can tell of that,
    unless `match` says it already, is `filters`."""

    table: str
    match: str
    where: Condition
    filters: tuple[str, ...] = ()


def _tiers(ask: Ask, compiled: Compiled, wanted: list[str]) -> list[_Tier]:
    last = ask.query.texts[-1].prefix
    begins = text_match(Text(tuple(wanted), last), ask.context, "name :", at_start=True)
    named = " AND ".join(f"({text_match(text, ask.context, 'name :')})" for text in ask.query.texts)
    everything = _Tier("words", f"({compiled.match}) NOT (({named}) OR ({begins}))", compiled.rest)
    # A name with all the words satisfies all free text; the rest of the query must be answered by columns.
    columns = _beside_the_name(ask, compiled)
    if columns is not None:
        return [
            _Tier("names", begins, columns, compiled.filters),
            _Tier("names", f"({named}) NOT ({begins})", columns, compiled.filters),
            everything,
        ]
    return [
        _Tier("words", f"({compiled.match}) AND ({begins})", compiled.rest),
        _Tier("words", f"(({compiled.match}) AND ({named})) NOT ({begins})", compiled.rest),
        everything,
    ]


def _beside_the_name(ask: Ask, compiled: Compiled) -> Condition | None:
    """What must hold of a record besides a name with all the words in it, None where columns cannot answer it."""
    query, where = ask.query, ask.query.where
    if isinstance(where, Or) and all(isinstance(part, Text) for part in where.nodes):
        return ("1", []) if ask.kind is None else (IS_KIND, [KIND_CODES[ask.kind]])
    parts = where.nodes if isinstance(where, And) else (where,)
    return compiled.columns if all(text in parts for text in query.texts) else None


def _sifted(db: sqlite3.Connection, tier: _Tier, rids: list[int], sieve: str) -> list[int]:
    """Those of a block, the last registered first, that a filter lets through: no row of the others need be read."""
    if not rids:
        return rids
    among = "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?"
    return [rid for (rid,) in db.execute(among, (f"({sieve}) AND ({tier.match})", rids[-1], rids[0]))]


def _read(db: sqlite3.Connection, ask: Ask, tier: _Tier, rids: list[int], wanted: list[str]) -> _Ranked:
    """The matches among a block, ranked."""
    where, parameters = tier.where
    tables, _, listed = of_rids(rids)
    rows = db.execute(f"SELECT c.rid, c.updated_at, c.name FROM {tables} WHERE {where}", [*listed, *parameters])
    return _ranked(rows, ask, wanted)


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
