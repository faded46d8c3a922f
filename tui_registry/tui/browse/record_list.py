"""The list of records: a virtual one, drawn line by line from windows of rows, so that its length costs nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Final

from textual.message import Message

from tui_registry.datastore import Row
from tui_registry.tui.browse.columns import columns_for, mark_of, row_text
from tui_registry.tui.browse.reading import WINDOW, Reading, Span
from tui_registry.tui.browse.windows import Windows
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import Column, WindowList

# A list deeper than this is refreshed where it is looked at, not from its top.
_DEEP: Final = 5 * WINDOW


class RecordList(WindowList[Row, Span]):
    """Rows with a cursor that stays on its record when the data changes underneath.

    Attributes:
        marked: the records that a person marked, by id, also those that the list no longer shows.
    """

    BINDINGS = bindings_for("marks")
    MARKED: ClassVar[bool] = True
    PLAIN: ClassVar[tuple[str, ...]] = ("NAME",)

    class Marked(Message):
        """Marks were set or taken away."""

    class Wanted(Message):
        """These windows come into view and are not at hand."""

        def __init__(self, serial: int, span: Span) -> None:
            super().__init__()
            self.serial = serial
            self.span = span

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._windows = Windows()
        self.marked: dict[str, Row] = {}

    # What it offers

    @property
    def total(self) -> int:
        """Places in the list."""
        return self._windows.total

    def item_at(self, place: int) -> Row | None:
        return self._windows.row(place)

    @property
    def matching(self) -> tuple[int, bool]:
        """How many records match, and whether that is exact or a lower bound."""
        return self._windows.matching

    def span_to_refresh(self) -> tuple[Span, bool]:
        """What to read when the data changed, and whether that replaces everything.

        Near the top or the end the list is read anew from there; deep inside, what is looked at is read in place.
        """
        top = self.top
        upper, lower = min(top, self.cursor), max(top + self.page, self.cursor)
        if lower - self.page < _DEEP:
            return Span(0, min(lower, max(0, self.total - 1)) // WINDOW), True
        span = self._windows.span(upper // WINDOW, min(lower, self.total - 1) // WINDOW)
        if self._windows.reversible and self.total - upper < _DEEP:
            tail = (self.total - 1) // WINDOW
            return Span(max(0, span.first - 1), tail, tail, None, self.total, backwards=True), True
        return span, False

    def show(
        self, readings: Sequence[Reading], stay: bool, select: str | None = None, reversible: bool = False
    ) -> None:
        """Show another answer.

        Args:
            readings: from the top or the end of the list.
            reversible: the list can be read from its end.
            stay: the same list with newer data: cursor and scroll position stay on their record.
            select: the id of a record to put the cursor on.
        """
        before, top, old = self.item, self.top, self.cursor
        anchor_place = old if top <= old < top + self.page else top
        anchor = self._windows.row(anchor_place)
        self._windows = Windows(reversible)
        self._windows.put(readings)
        self.begin()
        place, new_top = 0, 0
        if stay:
            found = self._windows.place_of(before.id) if before is not None else None
            place = self.within(old) if found is None else found
            moved = self._windows.place_of(anchor.id) if anchor is not None else None
            new_top = top if moved is None else moved - (anchor_place - top)
        chosen = self._windows.place_of(select) if select is not None else None
        self.fit()
        if new_top != self.top:
            self.jump(new_top)
        self.set_reactive(RecordList.cursor, place if chosen is None else chosen)
        if chosen is not None:
            self.bring_into_view()
        self.came()

    def add(self, readings: Iterable[Reading], serial: int) -> None:
        """Take windows that were asked for; those of an older answer are dropped."""
        if serial != self.serial:
            return
        self._windows.put(readings)
        self.fit()
        self.set_reactive(RecordList.cursor, self.within(self.cursor))
        self.came()

    def action_mark(self) -> None:
        """Mark the record under the cursor, or take its mark away, and go to the next one."""
        row = self.item
        if row is None:
            return
        if self.marked.pop(row.id, None) is None:
            self.marked[row.id] = row
        self.refresh_place(self.cursor)
        self.post_message(self.Marked())
        self.action_cursor_down()

    def unmark(self, ids: Iterable[str] | None = None) -> bool:
        """Take marks away, all for None; False when there were none."""
        had = bool(self.marked)
        for record_id in list(self.marked) if ids is None else ids:
            self.marked.pop(record_id, None)
        if had:
            self.refresh()
            self.post_message(self.Marked())
        return had

    # What it shows

    def columns(self, width: int) -> tuple[Column, ...]:
        return columns_for(width)

    def cells(self, item: Row, columns: tuple[Column, ...]) -> list[str]:
        return row_text(item, columns, host_of(self).now())

    def mark_of(self, item: Row) -> str:
        return "*" if item.id in self.marked else mark_of(item)

    def key_of(self, item: Row) -> Hashable:
        return item.id

    def missing(self, first: int, last: int) -> Span | None:
        return self._windows.missing(first, last)

    def want(self, span: Span) -> None:
        self.post_message(self.Wanted(self.serial, span))
