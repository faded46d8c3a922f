"""A long list known in windows: which rows are at hand, and from which cursor the others can be read. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from tui_registry.datastore import Row
from tui_registry.tui.browse.reading import WINDOW, Reading, Span

# Rows kept at hand: enough for any screen and its neighbours, whatever the list's length.
_MOST_WINDOWS: Final = 40


class Windows:
    """The rows of one answer.

    Attributes:
        reversible: the answer's order can be read from its end too.
        total: places in the list; there are at least so many where `exact` is False.
        matching: records that match, and whether that is exact. It differs from the places while a deep list is kept
            true where it is looked at, with rows that came or went above.
    """

    def __init__(self, reversible: bool = False) -> None:
        self.reversible = reversible
        self.total = 0
        self.exact = False
        self.matching = (0, False)
        # What opens window k, as far as the list was read from its top; and read backwards, as far as from its end.
        self._cursors: list[str | None] = [None]
        self._from_end: dict[int, str | None] = {}
        self._rows: OrderedDict[int, list[Row]] = OrderedDict()

    def row(self, index: int) -> Row | None:
        """The row in that place, None when its window is not at hand."""
        rows = self._rows.get(index // WINDOW)
        offset = index % WINDOW
        return rows[offset] if rows is not None and offset < len(rows) else None

    def place_of(self, record_id: str) -> int | None:
        """Where the record stands among the rows at hand."""
        for k, rows in self._rows.items():
            for offset, row in enumerate(rows):
                if row.id == record_id:
                    return k * WINDOW + offset
        return None

    def missing(self, first: int, last: int) -> Span | None:
        """How to read the windows that these places need, None when all are at hand."""
        last = min(last, self.total - 1)
        wanted = [k for k in range(max(0, first) // WINDOW, last // WINDOW + 1) if k not in self._rows]
        return self.span(wanted[0], wanted[-1]) if wanted and last >= 0 else None

    def span(self, first: int, last: int) -> Span:
        """How to read windows `first` to `last` from the nearest place whose cursor is known."""
        ahead = min(first, len(self._cursors) - 1)
        if self.reversible and self.exact and self.total:
            tail = (self.total - 1) // WINDOW
            known = [k for k in self._from_end if last <= k <= tail]
            behind = min(known, default=tail)
            if behind - first < last - ahead:
                return Span(first, last, behind, self._from_end.get(behind), self.total, backwards=True)
        return Span(first, last, ahead, self._cursors[ahead], self.total)

    def put(self, readings: Iterable[Reading]) -> None:
        """Take windows that were read one after the other."""
        for reading in readings:
            if reading.backwards:
                self._put_from_end(reading)
            elif reading.window < len(self._cursors):
                self._put_from_top(reading)
        while len(self._rows) > _MOST_WINDOWS:
            self._rows.popitem(last=False)

    def _put_from_top(self, reading: Reading) -> None:
        page, k = reading.page, reading.window
        if page.next is None:
            # The true end, whatever the bound was.
            self.total, self.exact = k * WINDOW + len(page.rows), True
            del self._cursors[k + 1 :]
        elif len(self._cursors) == k + 1:
            self._cursors.append(page.next)
        elif self._cursors[k + 1] != page.next:
            # Rows came or went before this place: what was known beyond it is out of step.
            self._cursors[k + 1 :] = [page.next]
            self._from_end.clear()
            for later in [known for known in self._rows if known > k]:
                del self._rows[later]
        if page.next is not None and (not self.exact or page.exact):
            self.total, self.exact = max(page.total, (k + 1) * WINDOW + 1), page.exact
        self.matching = (page.total, True) if page.exact else (self.total, self.exact)
        self._keep(reading)

    def _put_from_end(self, reading: Reading) -> None:
        page, k = reading.page, reading.window
        if not self.total:
            self.total, self.exact = page.total, True
        self.matching = (page.total, True)
        self._from_end[k - 1] = page.next
        self._keep(reading)

    def _keep(self, reading: Reading) -> None:
        if reading.keep:
            self._rows[reading.window] = reading.page.rows
            self._rows.move_to_end(reading.window)
