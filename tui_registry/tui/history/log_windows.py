"""A long log known in parts. An operation's rank, how many came before it, never changes: whatever was once read stays
where it is, and only at the newest end something comes to it. Knows no widget."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui_registry.datastore import Datastore

if TYPE_CHECKING:
    from tui_registry.datastore import Operation

WINDOW: Final = 200
# Operations kept at hand: enough for any screen and its neighbours, however long the log is.
_MOST: Final = 40 * WINDOW


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
        """Take what was read; tells by how many operations the log has grown since."""
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
