"""The list of records: a virtual one, drawn line by line from windows of rows, so that its length costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from rich.style import Style
from textual.cache import LRUCache
from textual.message import Message
from textual.strip import Strip

from tui_registry.datastore import Row
from tui_registry.tui.browse.columns import Column, columns_for
from tui_registry.tui.browse.windows import WINDOW, Windows
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.cursor_list import HEADER, CursorList
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.messages import Reading, Span
from tui_registry.tui.kit.row_strip import GUTTER, RowStyles, header_strip, row_strip, waiting_strip

# A list deeper than this is refreshed where it is looked at, not from its top.
_DEEP: Final = 5 * WINDOW


class RecordList(CursorList):
    """Rows with a cursor that stays on its record when the data changes underneath.

    Attributes:
        serial: counts the answers shown; what was read for an older one is of no use.
        marked: the records that a person marked, by id, also those that the list no longer shows.
    """

    BINDINGS = bindings_for("marks")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "record-list--header",
        "record-list--cursor",
        "record-list--mark",
        "record-list--quiet",
    }

    class Highlighted(Message):
        """The cursor came to another record, or to none. `by_hand` when a person moved it."""

        def __init__(self, row: Row | None, by_hand: bool) -> None:
            super().__init__()
            self.row = row
            self.by_hand = by_hand

    class Opened(Message):
        """A record was chosen with Enter or a double click."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Marked(Message):
        """Marks were set or taken away."""

    class WindowsWanted(Message):
        """These windows come into view and are not at hand."""

        def __init__(self, serial: int, span: Span) -> None:
            super().__init__()
            self.serial = serial
            self.span = span

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.serial = 0
        self._windows = Windows()
        self._wanted: tuple[int, int, int] | None = None
        self._told: str | None = None
        self.marked: dict[str, Row] = {}
        self._columns: tuple[Column, ...] = ()
        self._columns_width = -1
        self._row_styles: dict[tuple[bool, bool], RowStyles] = {}
        self._strips: LRUCache[tuple[Row, int, bool, bool, bool], Strip] = LRUCache(1000)

    # What it offers

    @property
    def total(self) -> int:
        """Places in the list."""
        return self._windows.total

    @property
    def matching(self) -> tuple[int, bool]:
        """How many records match, and whether that is exact or a lower bound."""
        return self._windows.matching

    @property
    def row(self) -> Row | None:
        """The record under the cursor."""
        return self._windows.row(self.cursor)

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
        before, top, old = self.row, self.top, self.cursor
        anchor_place = old if top <= old < top + self.page else top
        anchor = self._windows.row(anchor_place)
        self._windows = Windows(reversible)
        self._windows.put(readings)
        self.serial += 1
        self._wanted = None
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
        self._tell(by_hand=False)
        self._demand()
        self.refresh()

    def add(self, readings: Iterable[Reading], serial: int) -> None:
        """Take windows that were asked for; those of an older answer are dropped."""
        if serial != self.serial:
            return
        self._windows.put(readings)
        self._wanted = None
        self.fit()
        self.set_reactive(RecordList.cursor, self.within(self.cursor))
        self._tell(by_hand=False)
        self._demand()
        self.refresh()

    def give_up(self) -> None:
        """What was asked for will not come; it is asked for again at the next step."""
        self._wanted = None

    def action_open(self) -> None:
        if self.row is not None:
            self.post_message(self.Opened(self.row))

    def action_mark(self) -> None:
        """Mark the record under the cursor, or take its mark away, and go to the next one."""
        row = self.row
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

    def moved(self) -> None:
        self._demand()
        self._tell(by_hand=True)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < HEADER:
            style = self.get_component_rich_style("record-list--header")
            return header_strip(self._columns_in(width) if self.total else (), width, style)
        place = self.top + y - HEADER
        if place >= self.total:
            return Strip.blank(width, self.rich_style)
        row = self._windows.row(place)
        if row is None:
            return waiting_strip(width, self.get_component_rich_style("record-list--quiet"))
        pointed = place == self.cursor
        marked = row.id in self.marked
        key = (row, width, pointed, self.has_focus, marked)
        strip = self._strips.get(key)
        if strip is None:
            styles, now = self._styles(pointed), host_of(self).now()
            strip = row_strip(row, self._columns_in(width), now, width, styles, pointed, marked)
            self._strips[key] = strip
        return strip

    def _columns_in(self, width: int) -> tuple[Column, ...]:
        if width != self._columns_width:
            self._columns, self._columns_width = columns_for(width - GUTTER), width
        return self._columns

    def _styles(self, pointed: bool) -> RowStyles:
        look = (pointed, self.has_focus)
        styles = self._row_styles.get(look)
        if styles is None:
            styles = self._row_styles[look] = self._styles_anew(*look)
        return styles

    def _styles_anew(self, pointed: bool, focused: bool) -> RowStyles:
        if pointed and focused:
            return RowStyles(*(self.get_component_rich_style("record-list--cursor"),) * 3)
        return RowStyles(
            self.rich_style + Style(bold=pointed),
            self.get_component_rich_style("record-list--quiet"),
            self.get_component_rich_style("record-list--mark"),
        )

    # How

    def _demand(self) -> None:
        """Ask for the windows around what is in view."""
        top = self.top
        missing = self._windows.missing(top - self.page, top + 2 * self.page) or self._windows.missing(
            self.cursor, self.cursor
        )
        if missing is None:
            return
        wanted = (self.serial, missing.first, missing.last)
        if wanted != self._wanted:
            self._wanted = wanted
            self.post_message(self.WindowsWanted(self.serial, missing))

    def _tell(self, by_hand: bool) -> None:
        row = self.row
        now = None if row is None else row.id
        if row is None and self.total and not by_hand:
            return  # its window is on its way
        if now != self._told or by_hand:
            self._told = now
            self.post_message(self.Highlighted(row, by_hand))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._demand()

    def on_mount(self) -> None:
        self.watch(host_of(self), "minute", self._grow_old, init=False)
        self.watch(self.app, "theme", self._grow_old, init=False)

    def on_resize(self) -> None:
        self.bring_into_view()
        self._demand()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._row_styles.clear()
        self._strips.clear()

    def _grow_old(self) -> None:
        self._row_styles.clear()
        self._strips.clear()
        self.refresh()
