"""What a search matches: listed where it is little, bounded where it is not. Windows, counts and facets begin here.

Looking at the first few thousand matches decides which, so nothing is ever listed or counted as a whole. A window in
the order of a column: what matches little is listed and ordered as a whole. Else the order's own index is walked until
the window is full: past rows that are in a list of all matches, or, where these are so many that the window fills soon,
past rows that are looked at one by one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tui_registry.errors import Kind
from tui_registry.frozen import NamedTuple
from tui_registry.query.nodes import And, Node, Query, QueryError, Sort
from tui_registry.replica.catalogue.current import COLUMNS, DAY, IN_CONFLICT, Row, owned_by, records_of, row_of
from tui_registry.replica.catalogue.derived import KIND_CODES_BY_NAME
from tui_registry.replica.catalogue.since_looked import SEEN
from tui_registry.replica.search.compile import (
    HAS_MANIFEST,
    HAS_STATUS,
    IS_KIND,
    IS_LISTED,
    Compiled,
    Condition,
    Context,
    Parameter,
    asks_words,
    compile_query,
)

# So many matches are listed at most, and so many are counted; beyond that a bound is given. Fewer where each must be
# checked by its row, which costs a microsecond or two.
LISTED = 10_000
_CHECKED = 4_000
# A look-up in the word index by row costs some 70 us, as much as reading past several hundred of its entries.
_LOOKED_UP = 200
# Rows looked at for a bound.
_SAMPLED = 2_000
# The newest matches: how densely they lie gives an estimate of how many there are.
_NEWEST = 1_000
_SMALL_PART = 0.25


_IN_WORDS = "SELECT rowid AS rid FROM words WHERE words MATCH ?"
_EACH_ONCE = "SELECT DISTINCT rid FROM ({})"


class Order(NamedTuple):
    """An order of results: the column that it goes by, of the catalogue and of `Row`, and the index along it."""

    column: str
    along: str

    @property
    def key(self) -> str:
        """The column as SQL compares it."""
        return f"c.{self.column} COLLATE NOCASE" if self.column == "name" else f"c.{self.column}"


ORDERS = {
    "name": Order("name", "catalogue_name"),
    "updated": Order("updated_at", "catalogue_updated"),
    "created": Order("created_at", "catalogue_created"),
    "params": Order("parameters", "catalogue_parameters"),
    "context": Order("context_length", "catalogue_context"),
    "fit": Order("need", "catalogue_need"),
}
RANGE_INDEXES = {order.column: order.along for sort, order in ORDERS.items() if sort != "name"}


# A row with its rid.
Found = tuple[int, Row]
# Where a window ended, as its cursor carries it.
State = list[str | int | None]


class Ask(NamedTuple):
    """One window of a search: `now` in Unix seconds, `cursor` from the window before (or after, `backwards`), `counted`
    where it is to be known how many match.

    Attributes:
        by_arrival: a time that is still to come counts as the one at which the operation first came here. That is this
            replica's own knowledge, so strangers are answered without.
        first: the owners whose records come first among those whose names fit as well.
        stored: what is stored of the records is read by their rids, and of their rows nothing but what a cursor says.
    """

    query: Query
    kind: Kind | None
    sort: Sort | None
    limit: int
    cursor: str | None
    now: int
    context: Context
    backwards: bool = False
    counted: bool = True
    by_arrival: bool = False
    first: tuple[bytes, ...] = ()
    stored: bool = False


# A row of which nothing was read.
UNREAD = Row("model", "", "", "", "", "", "", "", None, 0, None, 0, 0, 0, False)


class Source(NamedTuple):
    """Where rows are read from: a FROM clause over `c`, and what must hold."""

    tables: str
    where: str
    parameters: list[Parameter]


def stale_cursor() -> QueryError:
    """The error for a cursor that this search did not give."""
    return QueryError("the cursor is not one of this search: start again without it", 0)


def listed(db: sqlite3.Connection, compiled: Compiled, most: int = LISTED) -> list[int] | None:
    """The rids of all matches, in any order, where they are few; None where they may be more, and for the query for
    everything.

    Args:
        most: where no more than so many are of use, those that the index alone tells are not looked for.
    """
    if compiled.is_everything or (compiled.is_kind and _kinds(db)[compiled.kind or 0] > LISTED):
        return None
    if compiled.ids is not None:
        return _few(db, "SELECT rid FROM keys WHERE id BETWEEN ? AND ?", compiled.ids, compiled.whole)
    if compiled.among is not None:
        statement, bound = compiled.among
        # Checked by their rows though there be many: most of them are what is asked for.
        found = _few(db, _EACH_ONCE.format(statement), tuple(bound), compiled.whole, checked=LISTED)
        if found is not None or compiled.match is None:
            return found
    if compiled.conflicts:
        conflicts = f"SELECT rid FROM catalogue c INDEXED BY catalogue_conflicts WHERE {IN_CONFLICT}"
        return _few(db, conflicts, (), compiled.whole)
    if compiled.invalid:
        invalid = (
            "SELECT rid FROM catalogue INDEXED BY catalogue_invalid WHERE invalid = 1 "
            "UNION SELECT value FROM json_each(?)"
        )
        return _few(db, invalid, (json.dumps(compiled.context.judged.beside),), compiled.whole)
    if compiled.manifests:
        # Where there are more they are no small part of all, and other parts of the query may be rarer.
        described = f"SELECT rid FROM catalogue c INDEXED BY catalogue_manifests WHERE {HAS_MANIFEST}"
        found = _few(db, described, (), compiled.whole)
        if found is not None or compiled.match is None:
            return found
    for part, stated in compiled.stated:
        found = _of_stated(db, compiled, part, stated, most)
        if found is not None:
            return found
    if compiled.stated and compiled.match is None:
        return None
    if compiled.named is not None and compiled.columns is not None:
        found = _in_names_and_elsewhere(db, compiled.named, compiled.columns, compiled, most)
    elif compiled.match is None:
        found = _few(db, "SELECT rid FROM catalogue", (), compiled.whole)
    else:
        found = _few(db, _IN_WORDS, (compiled.match,), compiled.rest, most)
    if found is None and compiled.seen and not asks_words(compiled.whole[0]):
        found = _few(db, SEEN, (), compiled.whole)
    return _in_a_rare_range(db, compiled) if found is None else found


def source(compiled: Compiled, rids: list[int] | None, limit: int) -> Source:
    """The matches that are listed, or those among what was registered last, looking at no more than `limit` records;
    the last registered first. Of what only statements tell, those among any so many."""
    if rids is not None:
        return of_rids(sorted(rids, reverse=True)[:limit])
    if compiled.match is not None:
        recent = "(SELECT rowid AS rid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?)"
        where, parameters = compiled.rest
        bound: list[Parameter] = [compiled.match, limit]
    elif compiled.stated:
        ((part, (rows, values)), *_) = compiled.stated
        # Rows that lie anywhere, which takes longer than to read those that came one after the other.
        recent = f"(SELECT DISTINCT rid FROM ({rows} LIMIT ?))"
        where, parameters = compiled.beside(part)
        bound = [*values, min(limit, _SAMPLED)]
    else:
        recent = "(SELECT rid FROM catalogue ORDER BY rid DESC LIMIT ?)"
        where, parameters = compiled.whole
        bound = [limit]
    if asks_words(where):
        bound[-1] = min(limit, _LOOKED_UP)
    return Source(f"{recent} recent CROSS JOIN catalogue c ON c.rid = recent.rid", where, [*bound, *parameters])


def of_rids(rids: list[int], condition: Condition = ("1", [])) -> Source:
    """The rows of these rids that a condition holds for."""
    where, parameters = condition
    rows = "json_each(?) listed CROSS JOIN catalogue c ON c.rid = listed.value"
    return Source(rows, where, [json.dumps(rids), *parameters])


def count(db: sqlite3.Connection, compiled: Compiled, rids: list[int] | None) -> tuple[int, bool]:
    """How many records match, and whether that is exact; otherwise there are at least so many.

    Args:
        rids: as `listed` gives them.
    """
    if rids is not None:
        return len(rids), True
    if compiled.is_everything or compiled.is_kind:
        total = sum(_kinds(db)) if compiled.is_everything else _kinds(db)[compiled.kind or 0]
        out, exact = hidden(db, compiled)
        return total - out, exact
    if compiled.match is not None and compiled.rest[0] == "1":
        return LISTED, False
    if compiled.stated and len(compiled.parts) == 1 and not compiled.context.hidden:
        return LISTED, False
    tables, where, parameters = source(compiled, None, _SAMPLED)
    (total,) = db.execute(f"SELECT count(*) FROM {tables} WHERE {where}", parameters).fetchone()
    return int(total), False


def hidden(db: sqlite3.Connection, compiled: Compiled) -> tuple[int, bool]:
    """How many records would match, were their owners not muted, and whether that is exact; else there are more."""
    owners = compiled.context.hidden
    if not owners:
        return 0, True
    if compiled.is_everything:
        return records_of(db, owners), True
    shown = compiled._replace(context=compiled.context._replace(hidden=()))
    if not compiled.context.is_indexed:
        statement = f"SELECT rid FROM catalogue WHERE owner IN ({', '.join('?' * len(owners))})"
        found = _few(db, statement, owners, shown.whole)
    else:
        theirs = owned_by(owners)
        match = theirs if compiled.match is None else f"({theirs}) AND ({compiled.match})"
        # What the index has been asked of need not be asked of each row again.
        rest = compile_query(_again(compiled.parts), shown.context).rest if compiled.match is not None else shown.whole
        found = _few(db, _IN_WORDS, (match,), rest)
    return (_CHECKED, False) if found is None else (len(found), True)


def _again(parts: Sequence[Node]) -> Node:
    return And(tuple(parts)) if len(parts) > 1 else parts[0]


def estimate(db: sqlite3.Connection, match: str) -> float:
    """How many records match an expression: how dense the newest of them lie says it."""
    among = "SELECT rowid AS rid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?"
    last, first, found = db.execute(f"SELECT max(rid), min(rid), count(*) FROM ({among})", (match, _NEWEST)).fetchone()
    return found / float(max(1, last - first)) * sum(_kinds(db)) if found else 0.0


def rarity(db: sqlite3.Connection) -> Callable[[str], bool]:
    """What `Context.is_rare` asks, answered once for each expression."""
    known: dict[str, bool] = {}
    statement = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"

    def is_rare(match: str) -> bool:
        if match not in known:
            known[match] = db.execute(statement, (match, LISTED + 1)).fetchone()[0] <= LISTED
        return known[match]

    return is_rare


def naming(db: sqlite3.Connection) -> Callable[[str], bool]:
    """What `Context.is_named` asks, answered once for each expression."""
    known: dict[str, bool] = {}

    def is_named(match: str) -> bool:
        if match not in known:
            found = db.execute("SELECT 1 FROM names WHERE names MATCH ? LIMIT 1", (f"name : {match}",))
            known[match] = found.fetchone() is not None
        return known[match]

    return is_named


# Of the models that bear a name so many are looked for by it.
NAMED_ALIKE = 64


def naming_models(db: sqlite3.Connection) -> Callable[[str], list[str]]:
    """What `Context.models_named` asks, answered once for each name."""
    known: dict[str, list[str]] = {}
    statement = (
        "SELECT id FROM catalogue c INDEXED BY catalogue_name WHERE name = ? COLLATE NOCASE AND kind = 0 "
        "ORDER BY rid DESC LIMIT ?"
    )

    def models_named(name: str) -> list[str]:
        if name not in known:
            known[name] = [identifier.hex() for (identifier,) in db.execute(statement, (name, NAMED_ALIKE))]
        return known[name]

    return models_named


def most_selective(db: sqlite3.Connection, matches: Sequence[str]) -> str | None:
    """The one of some expressions that fewest records match, None where that is no small part of all."""
    fewest, match = min(((estimate(db, match), match) for match in matches), default=(0.0, None))
    return match if fewest <= _SMALL_PART * sum(_kinds(db)) else None


def records(db: sqlite3.Connection, kind: int | None) -> int:
    """How many records there are, of one kind or of both."""
    kinds = _kinds(db)
    return sum(kinds) if kind is None else kinds[kind]


def usual_kind(db: sqlite3.Connection) -> Kind:
    """The kind that most records are of."""
    models, agents = _kinds(db)
    return "model" if models >= agents else "agent"


def _kinds(db: sqlite3.Connection) -> tuple[int, int]:
    """How many models and how many agents there are."""
    models, agents = db.execute("SELECT models, agents FROM replica").fetchone()
    return int(models), int(agents)


def _few(
    db: sqlite3.Connection,
    statement: str,
    parameters: tuple[Parameter | None, ...],
    condition: Condition,
    most: int = LISTED,
    checked: int | None = None,
) -> list[int] | None:
    """The rids of a statement that a condition holds for, None where they are many.

    Args:
        checked: so many are looked at one by one; None for `_CHECKED`.
    """
    most = min(most, LISTED) if condition[0] == "1" else _CHECKED if checked is None else checked
    count, found = db.execute(
        f"SELECT count(*), json_group_array(rid) FROM ({statement} LIMIT ?)", [*parameters, most + 1]
    ).fetchone()
    return _kept(db, json.loads(found), condition) if count <= most else None


def _all(db: sqlite3.Connection, statement: str, parameters: Sequence[Parameter | None]) -> list[int]:
    """The column `rid` of a statement, all of it as one text: a row for each would cost twice as much."""
    (found,) = db.execute(f"SELECT json_group_array(rid) FROM ({statement})", parameters).fetchone()
    rids: list[int] = json.loads(found)
    return rids


def _of_stated(
    db: sqlite3.Connection, compiled: Compiled, part: Node, statement: Condition, most: int
) -> list[int] | None:
    """As `_few` of all matches, from what an index tells of one part of the query: nothing of that is looked at."""
    rows, bound = statement
    found = _few(db, _EACH_ONCE.format(rows), tuple(bound), ("1", []), most)
    if found is None:
        return None
    beside = compiled.beside(part)
    return _within(db, found, compiled) if asks_words(beside[0]) else _kept(db, found, beside)


def _in_names_and_elsewhere(
    db: sqlite3.Connection, named: str, columns: Condition, compiled: Compiled, most: int
) -> list[int] | None:
    """As `_few` of all matches, those in names read from their own index: a phrase of common words is read there in a
    tenth of the time."""
    found = _few(db, "SELECT rowid AS rid FROM names WHERE names MATCH ?", (named,), columns, most)
    if found is None:
        return None
    elsewhere = _few(db, _IN_WORDS, (compiled.elsewhere,), compiled.rest, most)
    return None if elsewhere is None else sorted({*found, *elsewhere})


def _in_a_rare_range(db: sqlite3.Connection, compiled: Compiled) -> list[int] | None:
    most = LISTED if compiled.is_range else _CHECKED
    for column, low, high in compiled.ranges:
        index = RANGE_INDEXES.get(column)
        if index is None:  # each index costs every pull; the classes of these must do
            continue
        statement = f"SELECT rid FROM catalogue INDEXED BY {index} WHERE {column} BETWEEN ? AND ?"
        # Passing an entry costs a tenth of bringing it here.
        if db.execute(f"{statement} LIMIT 1 OFFSET ?", (low, high, most)).fetchone() is None:
            rids = _all(db, statement, [low, high])
            return rids if compiled.is_range else _within(db, rids, compiled)
    return None


def _within(db: sqlite3.Connection, rids: list[int], compiled: Compiled) -> list[int]:
    """Those of a few rids that the whole query holds for."""
    if compiled.match is None or len(rids) <= _LOOKED_UP or not asks_words(compiled.whole[0]):
        return _kept(db, rids, compiled.whole)
    # Reading past all that the index has is cheaper than so many look-ups.
    statement = "SELECT rowid AS rid FROM words WHERE words MATCH ? AND +rowid IN (SELECT value FROM json_each(?))"
    return _kept(db, _all(db, statement, [compiled.match, json.dumps(rids)]), compiled.rest)


def _kept(db: sqlite3.Connection, rids: list[int], condition: Condition) -> list[int]:
    where, parameters = condition
    if where == "1":
        return rids
    tables, _, listed = of_rids(rids)
    return _all(db, f"SELECT c.rid FROM {tables} WHERE {where}", [*listed, *parameters])


# ---- windows in the order of a column --------------------------------------------------------------------------------

# So many matches are read and ordered as a whole; with more of them the walk skips what is not in their list.
FEW = 2_000
# So many matches and more are not listed for a walk: looking at row after row fills a window sooner. A look at columns
# costs a microsecond or two, one at the word index seventy.
_MANY = 30_000
_MANY_WORDS = 150_000
# And where so large a part of all records matches, columns are looked at however few that are.
_DENSE = 0.05
# A list of more than this costs more than it can save.
_LONGEST = 400_000
_SAMPLED_FOR_SHARE = 1_000
# So many rows of an order are looked at before anything is listed, and so many more as long as what was found promises
# that all of them fill the window. To ask the word index for that takes longer than to look at the first ones.
_SOON = (100, 300, 1_600)


def window_soon(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, sort: Sort, state: State | None
) -> tuple[list[Found], State | None] | None:
    """As `window`, from the first rows of its order alone; None where they are not likely to fill it, or do not.

    That lists nothing and asks the word index nothing, so that nothing is known of how many match.
    """
    columns = _by_columns(compiled)
    if columns is None or compiled.match is None or compiled.conflicts or compiled.invalid or compiled.ids is not None:
        return None
    parts = _parts(ask, sort, ask.now + DAY, compiled.kind)
    order, descending = _directions(ask, sort, parts)
    place, after = _begun(state, order)
    if place != 0 or (after is not None and after[0] is None):
        return None
    if compiled.has_status or compiled.manifests or compiled.stated or compiled.among is not None:
        return None  # its own index is short, or tells all of it
    near = _near(compiled, _along(sort, compiled, None), columns)
    if near is None:
        return None
    walk = _Walk(ORDERS[sort.key], descending, parts[0], after)
    wanted = ask.limit + 1
    found: list[Found] = []
    looked_at = 0
    # What a condition lists is listed anew each time.
    for most in _SOON if "IN (SELECT" not in near.source.where else (sum(_SOON),):
        places = range(looked_at, looked_at + most)
        found += _read_among(db, ask, near, walk, places, wanted - len(found))
        if len(found) == wanted:
            break
        looked_at = places.stop
        if len(found) * sum(_SOON) < wanted * looked_at:
            return None
    ahead, _ = _ahead(db, ask, near.source, sort)
    found = _among(found, ahead, sort, descending, after)[: ask.limit]
    return _forwards(found, ask), _reached(found[-1], 0, ahead, sort)


def window(
    db: sqlite3.Connection, ask: Ask, compiled: Compiled, rids: list[int] | None, sort: Sort, state: State | None
) -> tuple[list[Found], State | None]:
    """Rows in the order of one column, and where the next window begins. What has no number comes last in either
    direction: no parameters or context length stated, nothing that tells what it needs; and so do times far in the
    future. A time that is but a little ahead stands where it came (`_ahead`).

    Args:
        rids: all matches, None where they are too many to list.
    """
    near: _Near | None = None
    if rids is not None and len(rids) <= FEW:
        read_from = of_rids(rids)
    else:
        along = _along(sort, compiled, rids)
        read_from = Source(along, *_with_status(compiled, _walk(db, compiled, rids, sort)))
        if rids is None and compiled.stated and (columns := _by_columns(compiled)) is not None:
            near = _near(compiled, along, columns)
    ahead, horizon = _ahead(db, ask, read_from if near is None else near.source, sort)
    parts = _parts(ask, sort, horizon, compiled.kind)
    order, descending = _directions(ask, sort, parts)
    begin, after = _begun(state, order)
    found: list[Found] = []
    places: list[int] = []
    for place in order[order.index(begin) :]:
        wanted = ask.limit + 1 - len(found)
        walk = _Walk(ORDERS[sort.key], descending, parts[place], after)
        if near is None:
            rows = _read(db, ask, read_from, walk, wanted)
        else:
            rows = _read_near(db, ask, near, read_from, walk, wanted)
        found += _among(rows, ahead, sort, descending, after)[:wanted] if place == 0 else rows
        places += [place] * (len(found) - len(places))
        if len(found) > ask.limit:
            # The last row of the window may lie in the part before the one that overfilled it.
            found, place = found[: ask.limit], places[ask.limit - 1]
            return _forwards(found, ask), _reached(found[-1], place, ahead, sort)
        after = None
    return _forwards(found, ask), None


_After = tuple[str | int | None, int]


class _Walk(NamedTuple):
    """A way along an order.

    Attributes:
        part: what holds for the rows of the stretch of the order that is walked.
        after: the row behind which it begins, None at the beginning of the stretch.
    """

    order: Order
    descending: bool
    part: Condition
    after: _After | None

    @property
    def beyond(self) -> str:
        """How a row further on compares to one that was passed."""
        return "<" if self.descending else ">"

    @property
    def in_order(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return f"ORDER BY {self.order.key} {direction}, c.rid {direction}"

    @property
    def left(self) -> Condition:
        """What holds for the rows that are left of it. Of two bounds on one side SQLite would begin at the wider one,
        and for each page pass all the pages before it."""
        if self.after is None:
            return self.part
        behind = _beyond(self.order, self.beyond, self.after)
        return behind if self.beyond in self.part[0] else _both(self.part, behind)


# So many rows are looked at one by one, and so many more where the first ones promise that these fill the window: to
# look at a row, of which the next one may lie anywhere, costs as much as to list some twenty matches.
_NEAR = (300, 1_500)


class _Near(NamedTuple):
    """All that an order is walked along, looked at row after row.

    Attributes:
        walked: what holds for every row of its index that is walked.
    """

    source: Source
    walked: Condition


def _near(compiled: Compiled, along: str, columns: Condition) -> _Near | None:
    """The rows along an index that a condition on columns holds for; None where the index is a short one."""
    if compiled.conflicts or compiled.invalid or compiled.manifests:
        return None
    walked = _with_status(compiled, ("1", []))
    if "catalogue_kind_" in along:
        walked = _of_kind(compiled, walked)
    return _Near(Source(along, *_with_status(compiled, _of_kind(compiled, columns))), walked)


def _directions(ask: Ask, sort: Sort, parts: list[Condition]) -> tuple[range, bool]:
    """The parts in the order in which they are read, and whether each is from its end."""
    order = range(len(parts) - 1, -1, -1) if ask.backwards else range(len(parts))
    return order, sort.descending != ask.backwards


def _begun(state: State | None, order: range) -> tuple[int, _After | None]:
    """The part that a window begins in, and the row that it begins after."""
    if state is None:
        return order[0], None
    place, *rest = state
    if len(rest) != 2 or not isinstance(place, int) or place not in order or not isinstance(rest[1], int):
        raise stale_cursor()
    return place, (rest[0], rest[1])


def _parts(ask: Ask, sort: Sort, horizon: int, kind: int | None) -> list[Condition]:
    """The stretches of an order, one behind the other.

    Args:
        horizon: times after it come last; those between now and it stand elsewhere, where times count by arrival.
        kind: the only one that is asked for.
    """
    key = ORDERS[sort.key].key
    if sort.key in ("updated", "created"):
        return [(f"{key} <= ?", [ask.now if ask.by_arrival else horizon]), (f"{key} > ?", [horizon])]
    if sort.key in ("params", "context", "fit"):
        # 0 is no number of parameters: nobody knows how many there are.
        known, unknown = (
            (f"{key} > 0", f"{key} = 0") if sort.key == "params" else (f"{key} IS NOT NULL", f"{key} IS NULL")
        )
        # Agents have no such numbers, and all models that have would be passed by to find none.
        return [("0" if kind == KIND_CODES_BY_NAME["agent"] else known, []), (unknown, [])]
    return [("1", [])]


# So many matches with a time ahead of the clock are put where they came; those further ahead than these come last.
_MOST_AHEAD = 500

# When it came here, of an operation whose time is still to come; what came before 0.2 did so longer ago than anybody
# knows.
ARRIVED = "coalesce((SELECT arrived_at FROM arrivals a WHERE a.idx <= c.idx ORDER BY a.idx DESC LIMIT 1), 0)"

# The time at which a row stands instead of its own, and the row, by rid.
_Ahead = dict[int, tuple[int, Row]]


def lies_ahead(db: sqlite3.Connection, ask: Ask, order: Order) -> bool:
    """Whether any record has a time of an order that is still to come, and by no more than a day."""
    later = f"SELECT 1 FROM catalogue c INDEXED BY {order.along} WHERE {order.key} > ? AND {order.key} <= ? LIMIT 1"
    return db.execute(later, (ask.now, ask.now + DAY)).fetchone() is not None


def _ahead(db: sqlite3.Connection, ask: Ask, read_from: Source, sort: Sort) -> tuple[_Ahead, int]:
    """The matches whose time is still to come, each with the time at which it stands instead; and from which time on
    they come last. A time that somebody claims would else keep a record on top until it is over.
    """
    horizon, order = ask.now + DAY, ORDERS[sort.key]
    if not ask.by_arrival or sort.key not in ("updated", "created") or not lies_ahead(db, ask, order):
        return {}, horizon
    rows = db.execute(
        f"SELECT {COLUMNS}, {ARRIVED} FROM {read_from.tables} WHERE ({read_from.where}) AND {order.key} > ? "
        f"AND {order.key} <= ? ORDER BY {order.key} LIMIT ?",
        [*read_from.parameters, ask.now, horizon, _MOST_AHEAD + 1],
    ).fetchall()
    found = {values[0]: (min(values[-1], ask.now), row_of(values[:-1], ask.now)) for values in rows}
    if len(rows) > _MOST_AHEAD:
        horizon = getattr(found[rows[-1][0]][1], order.column) - 1
        found = {rid: each for rid, each in found.items() if getattr(each[1], order.column) <= horizon}
    return found, horizon


def _among(rows: list[Found], ahead: _Ahead, sort: Sort, descending: bool, after: _After | None) -> list[Found]:
    """Rows of the first part with those whose time is still to come, in one order."""
    if not ahead:
        return rows
    column = ORDERS[sort.key].column
    others = [((stood, rid), row) for rid, (stood, row) in ahead.items()]
    if after is not None:
        value, last = after
        reached = (value if isinstance(value, int) else 0, last)
        others = [each for each in others if (each[0] < reached if descending else each[0] > reached)]
    both = [((int(getattr(row, column)), rid), row) for rid, row in rows] + others
    return [(place[1], row) for place, row in sorted(both, key=lambda each: each[0], reverse=descending)]


def _reached(last: Found, place: int, ahead: _Ahead, sort: Sort) -> State:
    """Where a window ends whose last row is of that part."""
    rid, row = last
    return [place, ahead[rid][0] if rid in ahead else getattr(row, ORDERS[sort.key].column), rid]


def _walk(db: sqlite3.Connection, compiled: Compiled, rids: list[int] | None, sort: Sort) -> Condition:
    """The condition for walking along an index."""
    if rids is not None:
        if len(rids) > _DENSE * sum(_kinds(db)) and (columns := _by_columns(compiled)) is not None:
            return columns
        return _of_kind(compiled, ("c.rid IN (SELECT value FROM json_each(?))", [json.dumps(rids)]))
    if compiled.stated:
        return _by_statements(db, compiled)
    if compiled.match is None or compiled.is_kind:
        return compiled.whole
    if compiled.has_status and (columns := _by_columns(compiled)) is not None:
        return columns  # whose index has little else
    in_index = estimate(db, compiled.match)
    is_exact = compiled.rest[0] == "1"
    if is_exact and in_index > _DENSE * sum(_kinds(db)) and (columns := _by_columns(compiled)) is not None:
        return columns
    many = _MANY
    if asks_words(compiled.whole[0]) and (
        compiled.columns is None or compiled.words is None or estimate(db, compiled.words) <= _MANY_WORDS
    ):
        # Unless most rows that match the columns have the words too, looking the words up row by row costs too much.
        many = _MANY_WORDS
    # Where the range is on the column of the order, the walk begins and ends with it and passes no other rows.
    in_order = any(RANGE_INDEXES.get(column) == ORDERS[sort.key].along for column, _, _ in compiled.ranges)
    if in_index > many and (in_order or in_index > _LONGEST or in_index * _share(db, compiled) > many):
        return compiled.whole
    rest, parameters = compiled.rest
    return _of_kind(compiled, (f"{IS_LISTED} AND {rest}", [compiled.match, *parameters]))


def _by_statements(db: sqlite3.Connection, compiled: Compiled) -> Condition:
    """The condition for walking past rows that are in a list of what an index of statements tells."""
    (part, (statement, bound)), *others = compiled.stated
    if others:
        part, (statement, bound) = min(compiled.stated, key=lambda one: _stated(db, one[1]))
    where, parameters = compiled.beside(part)
    if compiled.match is not None and asks_words(where):
        # Not word by word for each that is stated: the words are listed too.
        rest, values = compiled.rest
        where, parameters = f"{IS_LISTED} AND ({rest})", [compiled.match, *values]
    return _of_kind(compiled, (f"c.rid IN ({statement}) AND ({where})", [*bound, *parameters]))


def _stated(db: sqlite3.Connection, statement: Condition) -> int:
    """How many rows a statement has; of more than a list is made of, that there are so many."""
    rows, bound = statement
    (count,) = db.execute(f"SELECT count(*) FROM (SELECT 1 FROM ({rows}) LIMIT ?)", [*bound, _LONGEST]).fetchone()
    return int(count)


def _by_columns(compiled: Compiled) -> Condition | None:
    """The condition for looking at row after row, None where a look would ask the word index."""
    return compiled.columns if compiled.words is None else None


def _share(db: sqlite3.Connection, compiled: Compiled) -> float:
    """Which part of what the index finds the rest of the query holds for, as the newest have it."""
    if compiled.rest[0] == "1":
        return 1.0
    tables, where, parameters = source(compiled, None, _SAMPLED_FOR_SHARE)
    (kept,) = db.execute(f"SELECT count(*) FROM {tables} WHERE {where}", parameters).fetchone()
    return float(kept) / _SAMPLED_FOR_SHARE


def _of_kind(compiled: Compiled, condition: Condition) -> Condition:
    """The condition with the kind put in words that the index by kind needs."""
    if compiled.kind is None:
        return condition
    return f"{IS_KIND} AND {condition[0]}", [compiled.kind, *condition[1]]


def _with_status(compiled: Compiled, condition: Condition) -> Condition:
    """The condition in the words that the indexes by status need."""
    return (f"{HAS_STATUS} AND ({condition[0]})", condition[1]) if compiled.has_status else condition


def _along(sort: Sort, compiled: Compiled, rids: list[int] | None) -> str:
    """The catalogue along the order's own index: left to itself SQLite might sort the half of a million rows."""
    index = ORDERS[sort.key].along
    if compiled.has_status:
        index = index.replace("catalogue_", "catalogue_status_")
    elif sort.key != "updated":
        pass
    elif rids is None and compiled.conflicts:
        index = "catalogue_conflicts"
    elif rids is None and compiled.invalid and compiled.context.judged.is_whole:
        index = "catalogue_invalid"
    elif rids is None and compiled.manifests:
        index = "catalogue_manifests"
    elif compiled.kind is not None:
        index = "catalogue_kind_updated"
    return f"catalogue c INDEXED BY {index}"


def _read(db: sqlite3.Connection, ask: Ask, read_from: Source, walk: _Walk, limit: int) -> list[Found]:
    found: list[Found] = []
    for condition, bound in _stretches(walk):
        rows = db.execute(
            f"SELECT {_columns(ask, walk)} FROM {read_from.tables} WHERE ({read_from.where}) AND {condition} "
            f"{walk.in_order} LIMIT ?",
            [*read_from.parameters, *bound, limit - len(found)],
        )
        found += _found(ask, walk, rows)
        if len(found) == limit:
            break
    return found


def _columns(ask: Ask, walk: _Walk) -> str:
    """What is read of the rows of a walk, for `_found`."""
    return f"c.rid, c.{walk.order.column}" if ask.stored else COLUMNS


def _found(ask: Ask, walk: _Walk, rows: Iterable[tuple[Any, ...]]) -> list[Found]:
    if not ask.stored:
        return [(values[0], row_of(values, ask.now)) for values in rows]
    # `_replace` takes four times as long.
    place = UNREAD._fields.index(walk.order.column)
    before, behind = UNREAD[:place], UNREAD[place + 1 :]
    return [(rid, Row._make((*before, value, *behind))) for rid, value in rows]


def _read_among(db: sqlite3.Connection, ask: Ask, near: _Near, walk: _Walk, places: range, limit: int) -> list[Found]:
    """What is found among the rows at some places of a walk, in its order, which a subquery with a limit keeps: the
    index leads from row to row, and none but these is read."""
    where, bound = _both(near.walked, walk.left)
    walked = f"SELECT c.rid AS rid FROM {near.source.tables} WHERE {where} {walk.in_order} LIMIT ? OFFSET ?"
    rows = db.execute(
        f"SELECT {_columns(ask, walk)} FROM ({walked}) walked CROSS JOIN catalogue c ON c.rid = walked.rid "
        f"WHERE {near.source.where} LIMIT ?",
        [*bound, len(places), places.start, *near.source.parameters, limit],
    )
    return _found(ask, walk, rows)


def _read_near(
    db: sqlite3.Connection, ask: Ask, near: _Near, read_from: Source, walk: _Walk, limit: int
) -> list[Found]:
    """As `_read` from `read_from`, but the first rows from `near`, as long as these promise to fill the window soon:
    only then what `read_from` lists is listed."""
    found: list[Found] = []
    for most in _NEAR:
        first, last = _first(db, near, walk, most)
        found += _read(db, ask, first, walk, limit - len(found))
        if len(found) == limit or last is None:
            return found
        walk = walk._replace(after=last)
        if len(found) * sum(_NEAR) < limit * most:
            break
    if walk.after is not None and walk.order.column in ("updated_at", "created_at"):
        # Few have the same time: to pass these costs less than a list for them and another one for the rest.
        walk = walk._replace(part=walk.left, after=None)
    return found + _read(db, ask, read_from, walk, limit - len(found))


def _first(db: sqlite3.Connection, near: _Near, walk: _Walk, most: int) -> tuple[Source, _After | None]:
    """The first so many rows of a walk, whatever they are, and the last of these; None where there are no more."""
    left, bound = _both(near.walked, walk.left)
    last: _After | None = db.execute(
        f"SELECT {walk.order.key}, c.rid FROM {near.source.tables} WHERE {left} {walk.in_order} LIMIT 1 OFFSET ?",
        [*bound, most - 1],
    ).fetchone()
    if last is None:
        return near.source, None
    tables, where, parameters = near.source
    until, values = _beyond(walk.order, ">=" if walk.descending else "<=", last)
    return Source(tables, f"({where}) AND {until}", [*parameters, *values]), last


def _both(one: Condition, other: Condition) -> Condition:
    return f"{one[0]} AND {other[0]}", [*one[1], *other[1]]


def _beyond(order: Order, sign: str, place: _After) -> Condition:
    """The condition for what lies on one side of a row."""
    value, rid = place
    if value is None:  # and so is that of all rows of its part
        return f"c.rid {sign} ?", [rid]
    # Of names in any case the pair by itself bounds nothing: SQLite would go on to the end of the index.
    return f"{order.key} {sign[0]}= ? AND ({order.key}, c.rid) {sign} (?, ?)", [value, value, rid]


def _stretches(walk: _Walk) -> list[Condition]:
    """What is left of a walk, in stretches that each begin at a place in an index. Else SQLite would pass all that has
    the value of the row behind which it begins, and of two bounds on one side perhaps begin at the wider one."""
    part, beyond, key = walk.part, walk.beyond, walk.order.key
    if walk.after is None:
        return [part]
    value, rid = walk.after
    if value is None:
        return [(f"{part[0]} AND c.rid {beyond} ?", [*part[1], rid])]
    same: Condition = (f"{key} = ? AND c.rid {beyond} ?", [value, rid])
    if beyond in part[0]:
        return [same, (f"{key} {beyond} ?", [value])]
    return [same, (f"{part[0]} AND {key} {beyond} ?", [*part[1], value])]


def _forwards(found: list[Found], ask: Ask) -> list[Found]:
    return found[::-1] if ask.backwards else found
