"""What a list of records is asked for, and the answer, read from the Datastore in a thread.

No Textual here: the first answer is read before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from tui_registry import query
from tui_registry.datastore import Datastore, Page, Row
from tui_registry.frozen import NamedTuple
from tui_registry.present.columns import DOWNWARDS
from tui_registry.text import safe_text
from tui_registry.tui.kit.facts import Facts

if TYPE_CHECKING:
    from tui_registry.datastore import Facets
    from tui_registry.query import Completion

# Rows that are read at once.
WINDOW: Final = 200

# What is passed by on the way to a far window is handed over in bundles, so that a cancelled walk is not for nothing.
_BUNDLE = 50
# Rows that are read at once where all are wanted.
_AT_ONCE: Final = 1_000


class Question(NamedTuple):
    """What the list is asked for: a query as typed.

    Attributes:
        named_first: of names that fit as well, one's own and those of named keys come first.
    """

    query: str = ""
    named_first: bool = False

    @property
    def asks_for_all(self) -> bool:
        return not self.query.strip()


class Reading(NamedTuple):
    """One window that was read; its rows are not kept when it was only passed by, and its cursor always is.

    Attributes:
        window: its number, 0 at the top of the list.
    """

    window: int
    page: Page
    keep: bool = True
    backwards: bool = False


class Order(NamedTuple):
    """An order of records, by a key of `sort:`; `downwards` has the largest or the latest first."""

    key: str
    downwards: bool

    @property
    def text(self) -> str:
        """As `sort:` writes it."""
        return f"-{self.key}" if self.downwards else self.key

    @property
    def turned(self) -> Order:
        """The same from its other end."""
        return Order(self.key, not self.downwards)


NEWEST: Final = Order("updated", downwards=True)
# In which a key steps through them.
_ORDERS: Final = ("updated", "name", "params", "context", "fit", "created")


def usual_order(key: str) -> Order:
    """The order by that key in the direction in which people ask for it first."""
    return Order(key, key in DOWNWARDS)


def order_after(order: Order | None, *, by_relevance: bool) -> Order | None:
    """The next order to step to; None for that of relevance.

    Args:
        by_relevance: there is one, as free text is looked for.
    """
    if order is None:
        return usual_order(_ORDERS[0])
    place = _ORDERS.index(order.key) + 1
    if place == len(_ORDERS):
        return None if by_relevance else usual_order(_ORDERS[0])
    return usual_order(_ORDERS[place])


def order_of(text: str, shown: Order | None, *, by_relevance: bool) -> tuple[Order | None, bool]:
    """The order that a query asks for, None for that of relevance, and whether there is one of relevance.

    Args:
        shown: the order of the list that is shown, and by_relevance: whether it could go by relevance. These hold where
            the query names a saved search and no order, as only the replica knows what that says.

    Raises:
        QueryError: the query cannot be read.
    """
    if "@" in text:
        sort = query.chosen(text, "sort")
        if not sort:
            return shown, by_relevance
        parsed = query.parse(f"sort:{sort[-1]}", now=0)
    else:
        parsed = query.parse(text, now=0)
        by_relevance = bool(parsed.texts)
    return _order_in(parsed.sort, by_relevance=by_relevance), by_relevance


def _order_in(sort: query.Sort | None, *, by_relevance: bool) -> Order | None:
    if sort is not None and sort.key != "relevance":
        return Order(sort.key, sort.descending)
    return None if by_relevance else NEWEST


def in_order(text: str, order: Order | None) -> str:
    """A query with that order in the place of its own. The order that it has anyway is not written."""
    without = query.sorted_by(text, None)
    if "@" in without:
        # A saved search may have an order of its own
        return query.sorted_by(text, "relevance" if order is None else order.text)
    parsed = query.parse(without, now=0)
    usual = None if parsed.texts else NEWEST
    return without if order == usual else query.sorted_by(text, "relevance" if order is None else order.text)


class Understanding(NamedTuple):
    """How a query is read.

    Attributes:
        words: what it asks for, in a sentence's words.
        reversible: its order can be read from the end too: that of relevance cannot.
        begun: its last word begins a field, or a value that exists: it is probably still being typed.
        texts: the free text that is looked for, to mark where it was found.
        order: of its rows; None that of relevance.
    """

    words: str
    reversible: bool
    begun: bool = False
    texts: tuple[query.Text, ...] = ()
    order: Order | None = NEWEST


class Answer(NamedTuple):
    """The first windows of what a question is answered with.

    Attributes:
        stay: the same list with newer data: the cursor stays on its record; else it goes to the top.
        understanding: how the question was read.
    """

    question: Question
    readings: list[Reading]
    understanding: Understanding
    stay: bool = False


class FirstAnswer(NamedTuple):
    """The top of the list, and what the replica holds."""

    readings: list[Reading]
    understanding: Understanding
    facts: Facts | None


class Span(NamedTuple):
    """Windows `first` to `last` of a list, and how to reach them.

    Attributes:
        start, cursor: the window to begin with, and what opens it (None: the list's own beginning or end).
        total: places in the list.
        backwards: from `start` towards the top.
    """

    first: int
    last: int
    start: int = 0
    cursor: str | None = None
    total: int = 0
    backwards: bool = False

    @property
    def windows(self) -> range:
        """In the order they are read."""
        return range(self.start, self.first - 1, -1) if self.backwards else range(self.start, self.last + 1)

    def ending_at(self, total: int, size: int) -> Span:
        """The same windows seen from the end of a list that now has so many places, `size` to a window."""
        start = max(0, total - 1) // size
        first, last = start - (self.start - self.first), start - (self.start - self.last)
        return Span(max(0, first), max(0, last), start, None, total, backwards=True)


TOP = Span(0, 0)


def read_answer(
    datastore: Datastore,
    question: Question,
    now: int,
    unwanted: Callable[[], bool],
    *,
    stay: bool = False,
    span: Span = TOP,
) -> Answer:
    """Read the windows of a span and how the question is understood.

    Args:
        now: Unix seconds, for ages in the query.
        stay: the data changed; see `Answer`.
        span: of no more windows than are read in one bundle.

    Raises:
        QueryError: the query cannot be read.
        StoreError: the database cannot, or the answer became unwanted.
    """
    readings = next(read_windows(datastore, question, span, unwanted, recount=stay))
    return Answer(question, readings, understand(datastore, question, now, not readings[0].page.rows), stay)


def read_windows(
    datastore: Datastore, question: Question, span: Span, unwanted: Callable[[], bool], recount: bool = False
) -> Iterator[list[Reading]]:
    """Read on from the span's start to the last window that it wants.

    Windows can only be reached one by one, as each gives the next one's cursor; of those before the first wanted window
    only the cursors are kept. A cursor carries the count that was taken when the list was begun; `recount` takes
    another, for data that changed.

    Raises:
        QueryError: the query cannot be read.
        StoreError: the database cannot, or the answer became unwanted.
    """

    def search(limit: int, cursor: str | None, backwards: bool) -> Page:
        return datastore.search(
            question.query,
            limit=limit,
            cursor=cursor,
            backwards=backwards,
            unwanted=unwanted,
            named_first=question.named_first,
        )

    counted = search(1, None, backwards=False) if recount else None
    if counted is not None and span.backwards and span.cursor is None:
        span = span.ending_at(counted.total, WINDOW)
    cursor, bundle = span.cursor, list[Reading]()
    for k in span.windows:
        # Windows begin at multiples of their size, so the one at the end is the shorter; the list may be empty by now.
        limit = max(1, span.total - k * WINDOW) if span.backwards and cursor is None else WINDOW
        page = search(limit, cursor, span.backwards)
        if counted is not None:
            page = page._replace(total=counted.total, exact=counted.exact)
        keep = span.first <= k <= span.last
        bundle.append(Reading(k, page if keep or page.next is None else page._replace(rows=[]), keep, span.backwards))
        cursor = page.next
        if cursor is None:
            break
        if len(bundle) == _BUNDLE:
            yield bundle
            bundle = []
    if bundle:
        yield bundle


def read_found(datastore: Datastore, question: Question, most: int, unwanted: Callable[[], bool]) -> list[Row] | None:
    """All rows that a question is answered with; None where they are more than `most`.

    Raises:
        QueryError: the query cannot be read.
        StoreError: the database cannot, or the answer became unwanted.
    """
    rows: list[Row] = []
    cursor = None
    while len(rows) <= most:
        page = datastore.search(
            question.query,
            limit=_AT_ONCE,
            cursor=cursor,
            unwanted=unwanted,
            counted=False,
            named_first=question.named_first,
        )
        rows += page.rows
        cursor = page.next
        if cursor is None:
            return rows if len(rows) <= most else None
    return None


def read_places(
    datastore: Datastore, question: Question, span: Span, first: int, last: int, unwanted: Callable[[], bool]
) -> list[Row]:
    """The rows of the places `first` to `last`, which lie in a span. Raises as `read_found`."""
    windows = {
        one.window: one.page.rows
        for readings in read_windows(datastore, question, span, unwanted)
        for one in readings
        if one.keep
    }
    rows = [row for _, found in sorted(windows.items()) for row in found]
    return rows[first - span.first * WINDOW :][: last - first + 1]


def following(windows: Iterator[list[Reading]]) -> list[Reading] | None:
    """What is read next of `read_windows`; None at the end."""
    return next(windows, None)


def understand(datastore: Datastore, question: Question, now: int, nothing_found: bool) -> Understanding:
    """How a question is read, in words.

    Args:
        now: Unix seconds, for ages in the query.
        nothing_found: only then it matters whether the last word is still being typed.

    Raises:
        QueryError: the query cannot be read.
        StoreError: the database cannot.
    """
    text = question.query
    if not text.strip():
        return Understanding("newest first", reversible=True)
    parsed = query.parse(text, now=now, saved=datastore.searches.saved() if "@" in text else None)
    words = safe_text(query.describe(parsed), 300)
    begun = nothing_found and bool(completions(datastore, text, len(text)))
    order = _order_in(parsed.sort, by_relevance=bool(parsed.texts))
    return Understanding(words, order is not None, begun, parsed.texts, order)


def completions(datastore: Datastore, text: str, cursor: int) -> list[Completion]:
    """What could be typed at the cursor and would change the query. Raises StoreError."""
    return [
        found
        for found in datastore.complete(text, cursor)
        if f"{text[: found.start]}{found.insert}{text[found.end :]}" != text
    ]


def read_facets(datastore: Datastore, question: Question, unwanted: Callable[[], bool]) -> Facets:
    """What the matches have in common, counted.

    A field of which a record has one value is counted without its own terms: beside the values that the query asks for
    stand those that could be added to them.

    Raises:
        QueryError: the query cannot be read.
        StoreError: the database cannot, or the answer became unwanted.
    """
    facets = datastore.facets(question.query, unwanted=unwanted)
    values, exact = dict(facets.values), facets.exact
    for name in values:
        term, rest = query.FACETS[name].term, question.query
        for value in () if query.FIELDS[term].many else query.chosen(rest, term):
            rest = query.without_term(rest, term, value)
        if rest != question.query:
            others = datastore.facets(rest, unwanted=unwanted)
            values[name], exact = others.values[name], exact and others.exact
    return facets._replace(values=values, exact=exact)
