"""The list of operations, newest first: the widget, its columns, and its windows of a log that only grows at its top.

An operation's rank, how many came before it, never changes: whatever was once read stays where it is, and only at the
newest end something comes to it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from textual.message import Message

from tui_registry.datastore import Datastore, Operation
from tui_registry.present.deeds import by_whom, standing
from tui_registry.text import age
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import GAP, Column, WindowList

WINDOW: Final = 200
# Operations kept at hand: enough for any screen and its neighbours, however long the log is.
_MOST: Final = 40 * WINDOW
_LEAST_NAME: Final = 20


class OperationList(WindowList[Operation, "LogSpan"]):
    """Operations with a cursor that stays on its operation when new ones arrive."""

    PLAIN: ClassVar[tuple[str, ...]] = ("NAME", "DID")

    class Wanted(Message):
        """These operations come into view and are not at hand; None stands for the newest of an unknown log."""

        def __init__(self, serial: int, span: LogSpan | None) -> None:
            super().__init__()
            self.serial = serial
            self.span = span

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._windows = LogWindows(whole=True)

    # What it offers

    @property
    def total(self) -> int:
        """Places in the list."""
        return self._windows.total

    def item_at(self, place: int) -> Operation | None:
        return self._windows.row(self.total - 1 - place)

    def show(self, *, whole: bool) -> None:
        """Show another log, from its newest end: the whole one, or that of one key."""
        self._windows = LogWindows(whole=whole)
        self.begin()
        self.set_reactive(OperationList.cursor, 0)
        self.fit()
        self.jump(0)
        self.refresh()
        self.post_message(self.Wanted(self.serial, None))

    def read_again(self) -> None:
        """The data changed: others may build upon what is shown now, and there may be more of it."""
        self._windows.forget()
        self.give_up()
        if self.total:
            newest = self.total - 1 - self.top
            low, high = max(0, newest - 2 * self.page), min(newest + self.page, self.total - 1)
            self.want(self._windows.span(low, high))
        else:
            self.post_message(self.Wanted(self.serial, None))

    def add(self, readings: Iterable[LogReading], serial: int) -> None:
        """Take operations that were asked for; those of an older log are dropped."""
        if serial != self.serial:
            return
        before, top = self.total, self.top
        grown = sum(self._windows.put(reading) for reading in readings)
        self.fit()
        if before and grown:
            # The cursor stays on its operation; so does what is in view, unless the newest were in view.
            self.set_reactive(OperationList.cursor, self.within(self.cursor + grown))
            if top or self.cursor >= self.page:
                self.jump(top + grown)
        self.set_reactive(OperationList.cursor, self.within(self.cursor))
        self.bring_into_view()
        self.came()

    # What it shows

    def columns(self, width: int) -> tuple[Column, ...]:
        return operation_columns(width)

    def value(self, item: Operation, column: Column) -> str:
        host = host_of(self)
        return operation_value(item, column, host.now(), {} if host.facts is None else host.facts.owners)

    def key_of(self, item: Operation) -> Hashable:
        return item.hash

    def missing(self, first: int, last: int) -> LogSpan | None:
        return self._windows.missing(self.total - 1 - last, self.total - 1 - first)

    def want(self, span: LogSpan) -> None:
        self.post_message(self.Wanted(self.serial, span))


# Its columns

_WHEN: Final = Column("WHEN", 6, right=True)
_DID: Final = Column("DID", 12)
_KIND: Final = Column("KIND", 5)
_VERSION: Final = Column("VERSION", 9)
_BY: Final = Column("BY", 14)
_NOW: Final = Column("NOW", 7)
_CLOCK: Final = Column("CLOCK", 5, right=True)
_HASH: Final = Column("OPERATION", 12)

_BY_IMPORTANCE: Final = (_WHEN, _DID, _BY, _NOW, _VERSION, _KIND, _HASH, _CLOCK)
_BEFORE_NAME: Final = (_WHEN, _DID, _KIND)
_AFTER_NAME: Final = (_VERSION, _BY, _NOW, _CLOCK, _HASH)


def operation_columns(width: int) -> tuple[Column, ...]:
    """The columns that fit into so many cells; the name of the record takes what is left."""
    chosen: list[Column] = []
    left = width
    for column in _BY_IMPORTANCE:
        if left - column.width - GAP < _LEAST_NAME:
            break
        chosen.append(column)
        left -= column.width + GAP
    before = [column for column in _BEFORE_NAME if column in chosen]
    after = [column for column in _AFTER_NAME if column in chosen]
    return (*before, Column("NAME", max(1, left)), *after)


def operation_value(operation: Operation, column: Column, now: int, names: Mapping[str, str]) -> str:
    """What stands in a column; `now` in Unix seconds, `names` of owners by address."""
    match column.title:
        case "WHEN":
            return age(now - operation.updated_at)
        case "DID":
            return operation.did
        case "KIND":
            return operation.kind
        case "NAME":
            return operation.name or "(no name)"
        case "VERSION":
            return operation.version
        case "BY":
            return by_whom(operation.actor, operation.mine, names)
        case "NOW":
            return standing(operation)
        case "CLOCK":
            return str(operation.clock)
        case _:
            return operation.hash[:12]


# Its windows


@dataclass(frozen=True, slots=True)
class LogSpan:
    """The operations of rank `low` to `high`, and from where to read towards them.

    Attributes:
        start: rank and place of an operation that is known; None for an end of the log: the newest, or the oldest if
            `upwards`.
        upwards: from older to newer.
    """

    low: int
    high: int
    start: tuple[int, int] | None = None
    upwards: bool = False


@dataclass(frozen=True, slots=True)
class LogReading:
    """Operations with the rank of the first, the newest one; `total` is how many there are in all."""

    rank: int
    rows: list[Operation]
    total: int
    span: LogSpan


class LogWindows:
    """What is at hand of a log.

    Attributes:
        total: operations in it.
    """

    def __init__(self, *, whole: bool) -> None:
        """
        Args:
            whole: it is the whole log, where rank and place are the same; else some of its operations.
        """
        self.total = 0
        self._whole = whole
        self._rows: OrderedDict[int, Operation] = OrderedDict()
        # Ranks, ascending, at which reading can go on, and the places of these operations.
        self._ranks: list[int] = []
        self._places: dict[int, int] = {}

    def row(self, rank: int) -> Operation | None:
        """The operation of that rank, None when it is not at hand."""
        return self._rows.get(rank)

    def missing(self, low: int, high: int) -> LogSpan | None:
        """How to read what is not at hand of these ranks, None when all is."""
        low, high = max(0, low), min(high, self.total - 1)
        wanted = [rank for rank in range(low, high + 1) if rank not in self._rows]
        return self.span(wanted[0], wanted[-1]) if wanted else None

    def span(self, low: int, high: int) -> LogSpan:
        """How to read these ranks from the nearest operation that is known, or from the nearer end."""
        if self._whole:
            return LogSpan(low, high, (high + 1, high + 1))
        above = bisect_right(self._ranks, high)
        below = bisect_left(self._ranks, low) - 1
        upper = self._ranks[above] if above < len(self._ranks) else None
        lower = self._ranks[below] if below >= 0 else None
        if high - (-1 if lower is None else lower) < (self.total if upper is None else upper) - low:
            return LogSpan(low, high, None if lower is None else (lower, self._places[lower]), upwards=True)
        return LogSpan(low, high, None if upper is None else (upper, self._places[upper]))

    def put(self, reading: LogReading) -> int:
        """Take what was read; returns by how many operations the log has grown since."""
        grown = reading.total - self.total
        if grown < 0:  # another log: this replica was put back to an older copy
            self._rows.clear()
            self._ranks.clear()
            self._places.clear()
        self.total = reading.total
        ends = (reading.rank, reading.rank - len(reading.rows) + 1)
        for rank, row in zip(range(reading.rank, -1, -1), reading.rows, strict=False):
            if rank in ends and rank not in self._places:
                insort(self._ranks, rank)
                self._places[rank] = row.place
            if reading.span.low <= rank <= reading.span.high:
                self._rows[rank] = row
                self._rows.move_to_end(rank)
        while len(self._rows) > _MOST:
            self._rows.popitem(last=False)
        return grown

    def forget(self) -> None:
        """What is at hand may have been built upon meanwhile; where things are stays known."""
        self._rows.clear()


def newest(datastore: Datastore, *, mine: bool) -> LogSpan:
    """The span of the newest operations, for a log of which nothing is known. Raises StoreError."""
    total = datastore.log.operations(mine=mine, limit=0).total
    return LogSpan(max(0, total - WINDOW), total - 1)


def read_log(datastore: Datastore, span: LogSpan, unwanted: Callable[[], bool], *, mine: bool) -> Iterator[LogReading]:
    """Read on from the span's start until it is passed.

    Args:
        mine: only what this replica's key signed.

    Raises:
        StoreError: the database cannot be read, or the answer became unwanted.
    """
    at = span.start
    while True:
        place = None if at is None else at[1]
        if span.upwards:
            rank = -1 if at is None else at[0]
            page = datastore.log.operations(
                mine=mine, limit=min(WINDOW, span.high - rank), after=-1 if place is None else place, unwanted=unwanted
            )
            first = rank + len(page.rows)
        else:
            most = WINDOW if at is None else min(WINDOW, at[0] - span.low)
            page = datastore.log.operations(mine=mine, limit=most, before=place, unwanted=unwanted)
            first = (page.total if at is None else at[0]) - 1
        yield LogReading(first, page.rows, page.total, span)
        if not page.rows:
            return
        at = (first, page.rows[0].place) if span.upwards else (first - len(page.rows) + 1, page.rows[-1].place)
        if at[0] >= span.high if span.upwards else at[0] <= span.low:
            return
