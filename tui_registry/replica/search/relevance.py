"""Windows in the order of relevance, for free text.

The name that is the words comes first, then names that begin with the first of them and hold the others, then names
that hold them, then the rest, and at last what has them inside a word of its name only. Within each the most recently
updated comes first; of those, before all others, what certain owners have (`Ask.first`). What matches little is ranked
as a whole. A common word matches a large part of the registry, so what is ordered at a time is a block of the matches
that were registered last; the next block follows when its window is asked for.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing

from tui_registry.frozen import NamedTuple
from tui_registry.query.folding import words
from tui_registry.query.nodes import And, Not, Or, Text, positive_texts
from tui_registry.replica.catalogue.current import COLUMNS, DAY, owned_by, row_of
from tui_registry.replica.catalogue.derived import KIND_CODES
from tui_registry.replica.search.compile import (
    IS_KIND,
    NAME_COLUMN,
    Compiled,
    Condition,
    compile_query,
    has_inside,
    name_match,
    stands_in,
    start_match,
)
from tui_registry.replica.search.matching import (
    ARRIVED,
    ORDERS,
    UNREAD,
    Ask,
    Found,
    Source,
    State,
    lies_ahead,
    most_selective,
    of_rids,
    records,
    stale_cursor,
)

_BLOCK = 500
# So many matches are ranked as a whole.
RANKED = 2_000
# Reading a row to rank it takes as long as passing so many entries of an index.
_ENTRIES = 10
# To make and pass more bytes than so many takes longer than to look in a list.
_MOST_MARKS = 2**19
# A block that gives less than this part of a window: many more would be read to fill it.
_POOR = 0.25
# So many names that are the words are found at once.
_SAME_NAME = 1_000
_NO_CEILING = 2**62
# The name is the words; begins with them; holds them; the rest; inside a word of the name.
_IS, _BEGINS, _HOLDS, _ELSEWHERE, _INSIDE = range(5)
# Each of them twice: what the owners have that come first, and what others have.
_TIERS = 5
_PLACES = 2 * _TIERS

# (time to order by, rid): the larger the earlier.
_Rank = tuple[int, int]
_ABOVE_ALL: _Rank = (2**63 - 1, 0)


def window(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: list[int] | None, state: State | None
) -> tuple[list[Found], State | None]:
    """Rows in the order of relevance, and where the next window begins.

    Args:
        rids: all matches, None where they are too many to list.
    """
    place, ceiling, after = 0, _NO_CEILING, _ABOVE_ALL
    if state is not None:
        numbers = [value for value in state if isinstance(value, int)]
        if len(state) != 4 or len(numbers) != 4 or not 0 <= numbers[0] < _PLACES:
            raise stale_cursor()
        place, ceiling, *rest = numbers
        after = (rest[0], rest[1])
    # What strangers ask is put in order along the index of times, and so is what goes by the same order.
    if ask.by_arrival and not lies_ahead(db, ask, ORDERS["updated"]):
        ask = ask._replace(by_arrival=False)
    if rids is not None and len(rids) <= RANKED:
        blocks = _as_a_whole(db, ask, compiled, rids, place, after)
    else:
        blocks = _blocks(db, ask, compiled, place, ceiling, after)
    found: list[int] = []
    reached: _Rank = _ABOVE_ALL
    with closing(blocks):
        for place, ceiling, ranked, floor in blocks:
            for rank in ranked:
                if len(found) == ask.limit:
                    return _rows(db, ask, found), [place, ceiling, *reached]
                found.append(rank[1])
                reached = rank
            following = (place + 1, _NO_CEILING) if floor is None else (place, floor)
            if len(found) == ask.limit and following[0] < _PLACES:
                # The window is full at the end of a block: the next one begins above everything.
                return _rows(db, ask, found), [*following, *_ABOVE_ALL]
    return _rows(db, ask, found), None


class _Block(NamedTuple):
    """Matches of one half of a tier below a rowid, ranked; and the rowid below which it goes on, None at its end. Of
    more than a window takes there is one more, which tells that there are more."""

    place: int
    ceiling: int
    ranked: list[_Rank]
    floor: int | None


def _as_a_whole(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: list[int], first: int, after: _Rank
) -> Generator[_Block, None, None]:
    """All matches from a place on, a block for each. The index tells whose names hold the words: to read all names for
    that costs more than all else here."""
    texts, context = ask.query.texts, ask.context
    left = {*rids}
    named = _among(db, "names", " AND ".join(f"({name_match(text, context)})" for text in texts), left)
    begun = _among(db, "names", start_match(texts[0], context), named)
    same = _of_that_name(db, ask, begun)
    tiers = {_IS: same, _BEGINS: begun - same, _HOLDS: named - begun}
    known = _of_owners(db, ask.first, rids) if ask.first else set[int]()
    for place in range(first, _PLACES):
        tier, is_others = divmod(place, 2)
        if not (is_others or known):
            after = _ABOVE_ALL
            continue
        if tier >= _ELSEWHERE and tier not in tiers:
            left -= named
            near = _near(ask, compiled) if left else None
            tiers[_ELSEWHERE] = left if near is None else _among(db, "words", near, left)
            tiers[_INSIDE] = left - tiers[_ELSEWHERE]
        half = tiers[tier]
        if known:
            half = half - known if is_others else half & known
        yield _Block(place, _NO_CEILING, _ranked(db, ask, compiled, half, after), None)
        after = _ABOVE_ALL


def _of_owners(db: sqlite3.Connection, owners: Sequence[bytes], rids: list[int]) -> set[int]:
    """Those of a few matches that some owners have."""
    tables, where, parameters = of_rids(rids, (f"c.owner IN ({', '.join('?' * len(owners))})", [*owners]))
    return {rid for (rid,) in db.execute(f"SELECT c.rid FROM {tables} WHERE {where}", parameters)}


def _is_any(db: sqlite3.Connection, match: str) -> bool:
    return db.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (match,)).fetchone() is not None


def _among(db: sqlite3.Connection, table: str, match: str, rids: set[int]) -> set[int]:
    """Those of some matches that an index finds."""
    if not rids:
        return rids
    one_of, listed = _one_of(rids, "rowid")
    among = f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND {one_of}"
    return {rid for (rid,) in db.execute(among, (match, listed))}


def _one_of(rids: set[int], column: str) -> tuple[str, str | bytearray]:
    """The condition that a column is one of some rids, and its parameter. It is no condition that could lead.

    A byte for each rid, 1 for these, is looked at in a fifth of the time in which SQLite finds a rid in a list.
    """
    if max(rids) >= _MOST_MARKS:
        return f"+{column} IN (SELECT value FROM json_each(?))", json.dumps([*rids])
    marks = bytearray(max(rids) + 1)
    for rid in rids:
        marks[rid] = 1
    return f"substr(?, {column} + 1, 1) = x'01'", marks


def _of_that_name(db: sqlite3.Connection, ask: Ask, begun: set[int]) -> set[int]:
    """Those whose name is the words, of those whose names begin with the first of them."""
    wanted = _named(ask)
    if not any(text.beside for text in ask.query.texts):
        whole = Text(tuple(wanted), False)
        begun = _among(db, "names", stands_in(whole, ask.context, NAME_COLUMN, anchor="^ "), begun)
    tables, _, listed = of_rids([*begun])
    rows = db.execute(f"SELECT c.rid, c.name FROM {tables}", listed) if begun else ()
    return {rid for rid, name in rows if _is_name(words(name), wanted, ask)}


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
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, first: int, ceiling: int, after: _Rank
) -> Generator[_Block, None, None]:
    """The matches of a place below a rowid and those of the places after it, the last registered first."""
    sieve: str | None = None
    is_poor = False
    if ask.first and not _is_any(db, f"({owned_by(ask.first)}) AND ({compiled.match})"):
        ask = ask._replace(first=())
    known = _found_by_name(db, ask, compiled)
    for place in _halves(ask, _IS):
        if place >= first:
            half = of_rids([*known], _of_half(ask, place))
            above = after if place == first else _ABOVE_ALL
            yield _Block(place, _NO_CEILING, _first_of(db, ask, half, above) if known else [], None)
    # The first block of a tier mostly fills the window. For those after it there is one statement: a new one for each
    # would pay as much again for finding its place.
    with closing(db.cursor()) as reading:
        for place, tier in _tiers(ask, compiled):
            if place < first:
                continue
            if place > first:
                ceiling, after = _NO_CEILING, _ABOVE_ALL
            floor: int | None = ceiling
            if sieve is None or not tier.filters:
                ranked, floor = _first_block(db, ask, tier, ceiling, known, after)
                yield _Block(place, ceiling, ranked, floor)
                after = _ABOVE_ALL
            if floor is not None:
                below = f"SELECT rowid FROM {tier.table} WHERE {tier.table} MATCH ? AND rowid < ? ORDER BY rowid DESC"
                reading.execute(below, (tier.match, floor))
            while floor is not None:
                if tier.filters and not is_poor and floor < ceiling and len(ranked) < _POOR * ask.limit:
                    is_poor, sieve = True, most_selective(db, tier.filters)
                ceiling = floor
                rids = [rid for (rid,) in reading.fetchmany(_BLOCK)]
                floor = rids[-1] if len(rids) == _BLOCK else None
                sifted = rids if sieve is None or not tier.filters else _sifted(db, tier, rids, sieve)
                unknown = [rid for rid in sifted if rid not in known] if known else sifted
                ranked = _first_of(db, ask, of_rids(unknown, tier.where), after) if unknown else []
                yield _Block(place, ceiling, ranked, floor)
                after = _ABOVE_ALL


def _first_block(
    db: sqlite3.Connection, ask: Ask, tier: _Tier, ceiling: int, known: set[int], after: _Rank
) -> tuple[list[_Rank], int | None]:
    """The first of a block, and the rowid below which the tier goes on, read at once."""
    (time, times), (where, parameters) = _time(ask), tier.where
    # The last row tells of the block.
    *ranked, (count, floor) = db.execute(
        f"WITH block AS MATERIALIZED (SELECT rowid AS rid FROM {tier.table} WHERE {tier.table} MATCH ? AND rowid < ? "
        "ORDER BY rowid DESC LIMIT ?) SELECT at, rid FROM (SELECT at, rid FROM (SELECT c.rid AS rid, "
        f"{time} AS at FROM block CROSS JOIN catalogue c ON c.rid = block.rid WHERE {where}) "
        "WHERE (at, rid) < (?, ?) ORDER BY at DESC, rid DESC LIMIT ?) UNION ALL SELECT count(*), min(rid) FROM block",
        [tier.match, ceiling, _BLOCK, *times, *parameters, *after, ask.limit + 1 + len(known)],
    )
    unknown = [rank for rank in ranked if rank[1] not in known] if known else ranked
    return unknown[: ask.limit + 1], floor if count == _BLOCK else None


def _found_by_name(db: sqlite3.Connection, ask: Ask, compiled: Compiled) -> set[int]:
    """The matches whose name is the words, with a space, a dash or nothing between them."""
    wanted = _named(ask)
    names = list(dict.fromkeys(mark.join(wanted) for mark in (" ", "-", "")))
    rows = db.execute(
        "SELECT c.rid, c.name FROM catalogue c INDEXED BY catalogue_name "
        f"WHERE c.name COLLATE NOCASE IN ({', '.join('?' * len(names))}) ORDER BY c.rid DESC LIMIT ?",
        [*names, _SAME_NAME],
    ).fetchall()
    if ask.first:
        # However many others have the same name.
        theirs = f"({owned_by(ask.first)}) AND ({_begun(ask)})"
        rows += db.execute(
            "SELECT c.rid, c.name FROM words CROSS JOIN catalogue c ON c.rid = words.rowid WHERE words MATCH ? "
            "ORDER BY words.rowid DESC LIMIT ?",
            (theirs, _SAME_NAME),
        ).fetchall()
    rids = list({rid for rid, name in rows if _is_name(words(name), wanted, ask)})
    if not rids:
        return set()
    tables, where, parameters = of_rids(rids, compiled.whole)
    return {rid for (rid,) in db.execute(f"SELECT c.rid FROM {tables} WHERE {where}", parameters)}


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


def _halves(ask: Ask, tier: int) -> tuple[int, ...]:
    """The places of a tier."""
    return (2 * tier, 2 * tier + 1) if ask.first else (2 * tier + 1,)


def _of_half(ask: Ask, place: int) -> Condition:
    """The condition that holds for what stands at a place, of its tier."""
    if not ask.first:
        return "1", []
    return f"c.owner {'NOT ' * (place % 2)}IN ({', '.join('?' * len(ask.first))})", [*ask.first]


def _tiers(ask: Ask, compiled: Compiled) -> list[tuple[int, _Tier]]:
    """What is read from the indexes, by its place."""
    found = []
    for number, tier in _whole_tiers(ask, compiled):
        if ask.first:
            # The index leads from an owner to the records.
            found.append((2 * number, _Tier("words", f"({owned_by(ask.first)}) AND ({tier.match})", tier.where)))
        where, parameters = tier.where
        others, owners = _of_half(ask, 2 * number + 1)
        if ask.first:
            tier = tier._replace(where=(f"({where}) AND {others}", [*parameters, *owners]))
        found.append((2 * number + 1, tier))
    return found


def _begun(ask: Ask) -> str:
    """The expression for names that hold all the words, and begin with the first of them."""
    (first, *others), context = ask.query.texts, ask.context
    # What begins with a text holds it; but for one with an owner, which may be written together with the name.
    held = ask.query.texts if first.owner else others
    return " AND ".join((*(f"({name_match(text, context)})" for text in held), f"({start_match(first, context)})"))


def _whole_tiers(ask: Ask, compiled: Compiled) -> list[tuple[int, _Tier]]:
    """The tiers, by their number."""
    texts, context = ask.query.texts, ask.context
    named = " AND ".join(f"({name_match(text, context)})" for text in texts)
    begins = _begun(ask)
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


def _ranked(db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: set[int], after: _Rank) -> list[_Rank]:
    """The first of these matches below a rank, one more than a window takes."""
    most, horizon = ask.limit + 1, ask.now + DAY
    # So many entries of the index of times are passed in the time in which all these rows are read.
    worth = _ENTRIES * len(rids)
    is_along = not ask.by_arrival and after[0] > 0
    if is_along and 2 * most * records(db, compiled.kind) < worth * len(rids):
        kind, index = (
            ("kind = ? AND", "catalogue_kind_updated") if compiled.kind is not None else ("", "catalogue_updated")
        )
        one_of, listed = _one_of(rids, "rid")
        found = db.execute(
            f"SELECT updated_at, rid FROM (SELECT updated_at, rid FROM catalogue INDEXED BY {index} WHERE {kind} "
            "updated_at <= ? AND (updated_at, rid) < (?, ?) ORDER BY updated_at DESC, rid DESC LIMIT ?) "
            f"WHERE {one_of} LIMIT ?",
            [*([] if compiled.kind is None else [compiled.kind]), horizon, *after, worth, listed, most],
        ).fetchall()
        # Time 0 is the rank of those far in the future, too.
        if len(found) == most and found[-1][0] > 0:
            return found
    return _first_of(db, ask, of_rids([*rids]), after) if rids else []


def _first_of(db: sqlite3.Connection, ask: Ask, matches: Source, after: _Rank) -> list[_Rank]:
    """The same of the rows of a source, all of which are read."""
    (time, times), (tables, where, parameters) = _time(ask), matches
    return db.execute(
        f"SELECT at, rid FROM (SELECT c.rid AS rid, {time} AS at FROM {tables} "
        f"WHERE {where}) WHERE (at, rid) < (?, ?) ORDER BY at DESC, rid DESC LIMIT ?",
        [*times, *parameters, *after, ask.limit + 1],
    ).fetchall()


def _time(ask: Ask) -> Condition:
    """The time that a row is put in order by: those far in the future come last, see also `Ask.by_arrival`."""
    if not ask.by_arrival:
        return "iif(c.updated_at > ?, 0, c.updated_at)", [ask.now + DAY]
    nearly = f"iif(c.updated_at > ?, min({ARRIVED}, ?), c.updated_at)"
    return f"iif(c.updated_at > ?, 0, {nearly})", [ask.now + DAY, ask.now, ask.now]


def _rows(db: sqlite3.Connection, ask: Ask, rids: list[int]) -> list[Found]:
    """The rows of these rids, in their order."""
    if ask.stored:
        return [(rid, UNREAD) for rid in rids]
    read = db.execute(
        f"SELECT {COLUMNS} FROM json_each(?) AS wanted CROSS JOIN catalogue c ON c.rid = wanted.value",
        [json.dumps(rids)],
    )
    rows = {values[0]: row_of(values, ask.now) for values in read}
    return [(rid, rows[rid]) for rid in rids]
