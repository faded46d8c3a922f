"""Windows in the order of relevance, for free text.

The name that is the words comes first, then names that begin with the first of them and hold the others, then names
that hold them, then the rest, and at last what has them inside a word of its name only; within each the most recently
updated first. What matches little is ranked as a whole. A common word matches a large part of the registry, so what is
ordered at a time is a block of the matches that were registered last; the next block follows when its window is asked
for.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import closing

from tui_registry.frozen import NamedTuple
from tui_registry.query.evaluate import begins_name, is_in_name
from tui_registry.query.folding import forms, words
from tui_registry.query.nodes import And, Not, Or, Text, positive_texts
from tui_registry.replica.catalogue.current import COLUMNS, DAY, row_of
from tui_registry.replica.catalogue.derived import KIND_CODES
from tui_registry.replica.search.compile import (
    IS_KIND,
    Compiled,
    Condition,
    compile_query,
    has_inside,
    name_match,
    start_match,
)
from tui_registry.replica.search.matching import ARRIVED, Ask, Found, State, most_selective, of_rids, stale_cursor

_BLOCK = 1_000
# So many matches are ranked as a whole.
_RANKED = 2_000
# A block that gives less than this part of a window: many more would be read to fill it.
_POOR = 0.25
# So many names that are the words are found at once.
_SAME_NAME = 1_000
_NO_CEILING = 2**62
# The name is the words; begins with them; holds them; the rest; inside a word of the name.
_IS, _BEGINS, _HOLDS, _ELSEWHERE, _INSIDE = range(5)
_TIERS = 5

# (time to order by, rid): the larger the earlier.
_Rank = tuple[int, int]
_ABOVE_ALL: _Rank = (2**63 - 1, 0)
_Ranked = list[tuple[_Rank, int]]


def window(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: list[int] | None, state: State | None
) -> tuple[list[Found], State | None]:
    """Rows in the order of relevance, and where the next window begins.

    Args:
        rids: all matches, None where they are too many to list.
    """
    tier, ceiling, after = 0, _NO_CEILING, None
    if state is not None:
        numbers = [value for value in state if isinstance(value, int)]
        if len(state) != 4 or len(numbers) != 4 or not 0 <= numbers[0] < _TIERS:
            raise stale_cursor()
        tier, ceiling, *rest = numbers
        after = (rest[0], rest[1])
    if rids is not None and len(rids) <= _RANKED:
        blocks = _as_a_whole(db, ask, compiled, rids, tier)
    else:
        blocks = _blocks(db, ask, compiled, tier, ceiling)
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
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: list[int], first: int
) -> Generator[_Block, None, None]:
    """All matches from a tier on, a block for each tier."""
    tables, _, listed = of_rids(rids)
    texts = ask.query.texts
    wanted = _named(ask)
    outside = _outside(db, ask, compiled, rids)
    by_tier: list[list[tuple[int, int]]] = [[] for _ in range(_TIERS)]
    for rid, updated_at, name in db.execute(f"SELECT c.rid, {_updated(ask)}, c.name FROM {tables}", listed):
        tier = _ELSEWHERE if outside is None or rid in outside else _INSIDE
        if _may_hold(name, wanted[0]):
            held, beside = words(name), forms(name)
            if _is_name(held, wanted, ask):
                tier = _IS
            elif all(is_in_name(text, held, beside) for text in texts):
                tier = _BEGINS if begins_name(texts[0], held) else _HOLDS
        by_tier[tier].append((rid, updated_at))
    for tier in range(first, _TIERS):
        yield _Block(tier, _NO_CEILING, _ranked(by_tier[tier], ask), None)


def _outside(db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: list[int]) -> set[int] | None:
    """Those of all matches that have the words not only inside of others; None where that are all."""
    near = _near(ask, compiled)
    if near is None:
        return None
    listed = "SELECT rowid FROM words WHERE words MATCH ? AND +rowid IN (SELECT value FROM json_each(?))"
    return {rid for (rid,) in db.execute(listed, (near, json.dumps(rids)))}


def _near(ask: Ask, compiled: Compiled) -> str | None:
    """The expression of a query without what stands only inside the words of names; None where nothing does."""
    if not any(has_inside(text, ask.context) for text in ask.query.texts):
        return None
    outside = ask.context._replace(go_on_inside=lambda _: ())
    node = And(compiled.parts) if len(compiled.parts) > 1 else compiled.parts[0]
    near = compile_query(node, outside).match
    # What is excluded by a beginning is excluded for its insides too.
    excludes = any(text.prefix for text in positive_texts(Not(node)))
    return f"({near}) AND ({compiled.match})" if excludes else near


def _blocks(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, first: int, ceiling: int
) -> Generator[_Block, None, None]:
    """The matches of a tier below a rowid and those of the tiers after it, the last registered first."""
    sieve: str | None = None
    is_poor = False
    same = _of_that_name(db, ask, compiled)
    if first == _IS:
        yield _Block(_IS, _NO_CEILING, _ranked(same, ask), None)
    known = {rid for rid, _ in same}
    # One statement a tier: a new one for each block would pay as much again for finding its place.
    with closing(db.cursor()) as reading:
        for number, tier in _tiers(ask, compiled):
            if number < first:
                continue
            statement = f"SELECT rowid FROM {tier.table} WHERE {tier.table} MATCH ? AND rowid < ? ORDER BY rowid DESC"
            reading.execute(statement, (tier.match, ceiling))
            floor: int | None = ceiling
            while floor is not None:
                ceiling = floor
                rids = [rid for (rid,) in reading.fetchmany(_BLOCK)]
                floor = rids[-1] if len(rids) == _BLOCK else None
                sifted = rids if sieve is None or not tier.filters else _sifted(db, tier, rids, sieve)
                ranked = _read(db, ask, tier, [rid for rid in sifted if rid not in known])
                yield _Block(number, ceiling, ranked, floor)
                if tier.filters and not is_poor and floor is not None and len(ranked) < _POOR * ask.limit:
                    is_poor, sieve = True, most_selective(db, tier.filters)
            ceiling = _NO_CEILING


def _of_that_name(db: sqlite3.Connection, ask: Ask, compiled: Compiled) -> list[tuple[int, int]]:
    """The matches whose name is the words, with a space, a dash or nothing between them."""
    wanted = _named(ask)
    names = list(dict.fromkeys(mark.join(wanted) for mark in (" ", "-", "")))
    rows = db.execute(
        "SELECT c.rid, c.name FROM catalogue c INDEXED BY catalogue_name "
        f"WHERE c.name COLLATE NOCASE IN ({', '.join('?' * len(names))}) ORDER BY c.rid DESC LIMIT ?",
        [*names, _SAME_NAME],
    )
    rids = [rid for rid, name in rows if _is_name(words(name), wanted, ask)]
    if not rids:
        return []
    tables, _, listed = of_rids(rids)
    where, parameters = compiled.whole
    return db.execute(f"SELECT c.rid, {_updated(ask)} FROM {tables} WHERE {where}", [*listed, *parameters]).fetchall()


def _named(ask: Ask) -> list[str]:
    """The words of the name that is looked for."""
    return [word for text in ask.query.texts for word in text.named.words]


def _is_name(held: list[str], wanted: list[str], ask: Ask) -> bool:
    """Whether a name is the words, or these written together where they stand side by side."""
    if held == wanted:
        return True
    return any(text.beside for text in ask.query.texts) and "".join(held) == "".join(wanted)


class _Tier(NamedTuple):
    """Matches of one rank: of `match` in the index `table`, of which `where` must hold; what `words` can tell of that,
    unless `match` says it already, is `filters`."""

    table: str
    match: str
    where: Condition
    filters: tuple[str, ...] = ()


def _tiers(ask: Ask, compiled: Compiled) -> list[tuple[int, _Tier]]:
    """What is read from the indexes, by its number."""
    texts, context = ask.query.texts, ask.context
    named = " AND ".join(f"({name_match(text, context)})" for text in texts)
    begins = f"({named}) AND ({start_match(texts[0], context)})"
    holds = f"({named}) NOT ({start_match(texts[0], context)})"
    near = _near(ask, compiled)
    everything = _Tier("words", f"({near or compiled.match}) NOT ({named})", compiled.rest)
    inside = [] if near is None else [(_INSIDE, _Tier("words", f"({compiled.match}) NOT ({near})", compiled.rest))]
    # A name with all the words satisfies all free text; the rest of the query must be answered by columns.
    columns = _beside_the_name(ask, compiled)
    if columns is not None:
        first = _Tier("names", begins, columns, compiled.filters), _Tier("names", holds, columns, compiled.filters)
    else:
        first = (
            _Tier("words", f"({compiled.match}) AND ({begins})", compiled.rest),
            _Tier("words", f"({compiled.match}) AND ({holds})", compiled.rest),
        )
    return [*zip((_BEGINS, _HOLDS), first, strict=True), (_ELSEWHERE, everything), *inside]


def _beside_the_name(ask: Ask, compiled: Compiled) -> Condition | None:
    """What must hold of a record besides a name with all the words in it, None where columns cannot answer it."""
    query, where = ask.query, ask.query.where
    if isinstance(where, Or) and all(isinstance(part, Text) for part in where.nodes):
        return ask.context.shown(("1", []) if ask.kind is None else (IS_KIND, [KIND_CODES[ask.kind]]))
    parts = where.nodes if isinstance(where, And) else (where,)
    return compiled.columns if all(text in parts for text in query.texts) else None


def _sifted(db: sqlite3.Connection, tier: _Tier, rids: list[int], sieve: str) -> list[int]:
    """Those of a block, the last registered first, that a filter lets through: no row of the others need be read."""
    if not rids:
        return rids
    among = "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?"
    return [rid for (rid,) in db.execute(among, (f"({sieve}) AND ({tier.match})", rids[-1], rids[0]))]


def _read(db: sqlite3.Connection, ask: Ask, tier: _Tier, rids: list[int]) -> _Ranked:
    """The matches among a block, ranked."""
    where, parameters = tier.where
    tables, _, listed = of_rids(rids)
    updated = _updated(ask)
    rows = db.execute(f"SELECT c.rid, {updated} FROM {tables} WHERE {where}", [*listed, *parameters])
    return _ranked(rows, ask)


# Added to the time of what comes first.
_FIRST = 2**60


def _updated(ask: Ask) -> str:
    """When a record was updated, as it counts among others: see `matching.Ask`, `by_arrival` and `first`. Far ahead it
    stays."""
    time = "c.updated_at"
    if ask.by_arrival:
        time = (
            f"CASE WHEN {time} BETWEEN {ask.now + 1} AND {ask.now + DAY} THEN min({ARRIVED}, {ask.now}) ELSE {time} END"
        )
    if not ask.first:
        return time
    keys = ", ".join(f"x'{address}'" for address in ask.first)
    return f"{time} + CASE WHEN c.owner IN ({keys}) THEN {_FIRST} ELSE 0 END"


def _ranked(rows: Iterable[tuple[int, int]], ask: Ask) -> _Ranked:
    horizon = ask.now + DAY
    ranked = []
    for rid, stands in rows:
        first, time = divmod(stands, _FIRST)
        ranked.append(((first * _FIRST + (0 if time > horizon else time), rid), rid))
    ranked.sort(reverse=True)
    return ranked


def _may_hold(name: str, word: str) -> bool:
    """A cheap look before a name is taken apart: few names of a block hold the words."""
    return not name.isascii() or word[:2] in name.lower()


def _rows(db: sqlite3.Connection, ask: Ask, rids: list[int]) -> list[Found]:
    """The rows of these rids, in their order."""
    read = db.execute(
        f"SELECT {COLUMNS} FROM json_each(?) AS wanted CROSS JOIN catalogue c ON c.rid = wanted.value",
        [json.dumps(rids)],
    )
    rows = {values[0]: row_of(values, ask.now) for values in read}
    return [(rid, rows[rid]) for rid in rids]
