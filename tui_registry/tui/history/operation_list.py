"""The list of operations, newest first: a virtual one like that of records, over a log that only grows at its top."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from tui_registry.tui.browse.detail_text import Surroundings
from tui_registry.tui.history.log_windows import LogReading, LogSpan, LogWindows
from tui_registry.tui.history.operation_row import operation_columns, operation_value
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import Column, WindowList

if TYPE_CHECKING:
    from tui_registry.datastore import Operation


class OperationList(WindowList["Operation", LogSpan]):
    """Operations with a cursor that stays on its one when new ones arrive."""

    PLAIN: ClassVar[tuple[str, ...]] = ("RECORD", "DID")

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
        return operation_value(item, column, self._around())

    def key_of(self, item: Operation) -> Hashable:
        return item.hash

    def missing(self, first: int, last: int) -> LogSpan | None:
        return self._windows.missing(self.total - 1 - last, self.total - 1 - first)

    def want(self, span: LogSpan) -> None:
        self.post_message(self.Wanted(self.serial, span))

    def _around(self) -> Surroundings:
        host = host_of(self)
        facts = host.facts
        return Surroundings(host.now(), {} if facts is None else facts.owners, "" if facts is None else facts.address)
