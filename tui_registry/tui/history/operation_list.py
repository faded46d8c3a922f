"""The list of operations, newest first: a virtual one like that of records, over a log that only grows at its top."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from tui_registry.tui.browse.detail_text import Surroundings
from tui_registry.tui.history.log_windows import LogReading, LogSpan, LogWindows
from tui_registry.tui.history.operation_row import operation_columns, operation_strip
from tui_registry.tui.kit.cursor_list import HEADER, CursorList
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.row_strip import RowStyles, header_strip, waiting_strip

if TYPE_CHECKING:
    from tui_registry.datastore import Operation

_GUTTER = 2  # "> "


class OperationList(CursorList):
    """Operations with a cursor that stays on its one when new ones arrive.

    Attributes:
        serial: counts the logs shown; what was read for an older one is of no use.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"operations--header", "operations--cursor", "operations--quiet"}

    class Highlighted(Message):
        """The cursor came to another operation, or to none. `by_hand` when a person moved it."""

        def __init__(self, by_hand: bool) -> None:
            super().__init__()
            self.by_hand = by_hand

    class Opened(Message):
        """The operation under the cursor was chosen with Enter or a double click."""

    class Wanted(Message):
        """These operations come into view and are not at hand; None stands for the newest of an unknown log."""

        def __init__(self, serial: int, span: LogSpan | None) -> None:
            super().__init__()
            self.serial = serial
            self.span = span

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.serial = 0
        self._windows = LogWindows(whole=True)
        self._wanted: LogSpan | None = None
        self._told: str | None = None

    # What it offers

    @property
    def total(self) -> int:
        """Places in the list."""
        return self._windows.total

    @property
    def operation(self) -> Operation | None:
        """The operation under the cursor."""
        return self._at(self.cursor)

    def begin(self, *, whole: bool) -> None:
        """Show another log, from its newest end: the whole one, or that of one key."""
        self._windows = LogWindows(whole=whole)
        self.serial += 1
        self._wanted = self._told = None
        self.set_reactive(OperationList.cursor, 0)
        self.fit()
        self.jump(0)
        self.refresh()
        self.post_message(self.Wanted(self.serial, None))

    def read_again(self) -> None:
        """The data changed: others may build upon what is shown now, and there may be more of it."""
        self._windows.forget()
        self._wanted = None
        if self.total:
            low, high = self._in_view()
            self.post_message(self.Wanted(self.serial, self._windows.span(max(0, low), min(high, self.total - 1))))
        else:
            self.post_message(self.Wanted(self.serial, None))

    def add(self, readings: Iterable[LogReading], serial: int) -> None:
        """Take operations that were asked for; those of an older log are dropped."""
        if serial != self.serial:
            return
        before, top = self.total, self.top
        grown = sum(self._windows.put(reading) for reading in readings)
        self._wanted = None
        self.fit()
        if before and grown:
            # The cursor stays on its operation; so does what is in view, unless the newest were in view.
            self.set_reactive(OperationList.cursor, self.within(self.cursor + grown))
            if top or self.cursor >= self.page:
                self.jump(top + grown)
        self.set_reactive(OperationList.cursor, self.within(self.cursor))
        self.bring_into_view()
        self._tell(by_hand=False)
        self._demand()
        self.refresh()

    def give_up(self) -> None:
        """What was asked for will not come; it is asked for again at the next step."""
        self._wanted = None

    def action_open(self) -> None:
        if self.operation is not None:
            self.post_message(self.Opened())

    def moved(self) -> None:
        self._demand()
        self._tell(by_hand=True)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        columns = operation_columns(width - _GUTTER)
        if y < HEADER:
            header = header_strip(
                columns if self.total else (), width, self.get_component_rich_style("operations--header")
            )
            return header.crop(1).adjust_cell_length(width)
        place = self.top + y - HEADER
        if place >= self.total:
            return Strip.blank(width, self.rich_style)
        operation = self._at(place)
        if operation is None:
            return waiting_strip(width, self.get_component_rich_style("operations--quiet"))
        pointed = place == self.cursor
        return operation_strip(operation, columns, self._around(), width, self._styles(pointed), pointed)

    def _styles(self, pointed: bool) -> RowStyles:
        if pointed and self.has_focus:
            return RowStyles(*(self.get_component_rich_style("operations--cursor"),) * 3)
        quiet = self.get_component_rich_style("operations--quiet")
        return RowStyles(self.rich_style + Style(bold=pointed), quiet, quiet)

    def _around(self) -> Surroundings:
        host = host_of(self)
        facts = host.facts
        return Surroundings(host.now(), {} if facts is None else facts.owners, "" if facts is None else facts.address)

    # How

    def _at(self, place: int) -> Operation | None:
        return self._windows.row(self.total - 1 - place)

    def _in_view(self) -> tuple[int, int]:
        """The ranks from a page below the view to a page above it; there may be none of such a rank."""
        newest = self.total - 1 - self.top
        return newest - 2 * self.page, newest + self.page

    def _demand(self) -> None:
        """Ask for what is in view and near it, then for what is under the cursor."""
        pointed = self.total - 1 - self.cursor
        missing = self._windows.missing(*self._in_view()) or self._windows.missing(pointed, pointed)
        if missing is not None and missing != self._wanted:
            self._wanted = missing
            self.post_message(self.Wanted(self.serial, missing))

    def _tell(self, by_hand: bool) -> None:
        operation = self.operation
        if operation is None and self.total and not by_hand:
            return  # it is on its way
        now = None if operation is None else operation.hash
        if now != self._told or by_hand:
            self._told = now
            self.post_message(self.Highlighted(by_hand))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._demand()

    def on_mount(self) -> None:
        self.watch(host_of(self), "minute", self._draw_again, init=False)
        self.watch(self.app, "theme", self._draw_again, init=False)

    def on_resize(self) -> None:
        self.fit()
        self.bring_into_view()
        self._demand()

    def _draw_again(self) -> None:
        self.refresh()
