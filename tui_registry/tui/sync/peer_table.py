"""The table of peers: rows are updated in place, and the cursor stays on its peer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from tui_registry.tui.browse.columns import Column
from tui_registry.tui.kit.cursor_list import HEADER, CursorList
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.row_strip import GUTTER, RowStyles, header_strip
from tui_registry.tui.sync.peer_row import peer_columns, peer_strip
from tui_registry.tui.sync.peer_view import PeerView


class PeerTable(CursorList):
    """A line for each peer."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "peer-table--header",
        "peer-table--cursor",
        "peer-table--mark",
        "peer-table--quiet",
    }

    class Highlighted(Message):
        """The cursor came to another peer, by hand."""

    class Chosen(Message):
        """The peer under the cursor was chosen with Enter or a double click."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._views: tuple[PeerView, ...] = ()
        self._columns: tuple[Column, ...] = ()
        self._columns_width = -1

    # What it offers

    @property
    def total(self) -> int:
        """Peers."""
        return len(self._views)

    @property
    def view(self) -> PeerView | None:
        """The peer under the cursor."""
        return self._views[self.cursor] if self.cursor < len(self._views) else None

    def show(self, views: Sequence[PeerView], select: str | None = None) -> None:
        """Show the peers as they are now, the cursor on `select` or where it was."""
        before, self._views = self._views, tuple(views)
        names = [view.name for view in views]
        wanted = select or (before[self.cursor].name if self.cursor < len(before) else None)
        place = names.index(wanted) if wanted in names else self.within(self.cursor)
        if names == [view.name for view in before]:
            for row, (old, new) in enumerate(zip(before, views, strict=True)):
                if old != new:
                    self.refresh_place(row)
            self._go(place)
            return
        self.fit()
        self.set_reactive(PeerTable.cursor, place)
        self.bring_into_view()
        self.refresh()

    def moved(self) -> None:
        self.post_message(self.Highlighted())

    def action_open(self) -> None:
        self.post_message(self.Chosen())

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < HEADER:
            return header_strip(self._columns_in(width), width, self.get_component_rich_style("peer-table--header"))
        place = self.top + y - HEADER
        if place >= len(self._views):
            return Strip.blank(width, self.rich_style)
        pointed = place == self.cursor
        columns, now = self._columns_in(width), host_of(self).now()
        return peer_strip(self._views[place], columns, now, width, self._styles(pointed), pointed)

    def _columns_in(self, width: int) -> tuple[Column, ...]:
        if width != self._columns_width:
            self._columns, self._columns_width = peer_columns(width - GUTTER), width
        return self._columns

    def _styles(self, pointed: bool) -> RowStyles:
        if pointed and self.has_focus:
            return RowStyles(*(self.get_component_rich_style("peer-table--cursor"),) * 3)
        return RowStyles(
            self.rich_style + Style(bold=pointed),
            self.get_component_rich_style("peer-table--quiet"),
            self.get_component_rich_style("peer-table--mark"),
        )

    # How

    def _go(self, place: int) -> None:
        """Put the cursor there without telling: nobody moved it."""
        if place != self.cursor:
            before = self.cursor
            self.set_reactive(PeerTable.cursor, place)
            self.bring_into_view()
            self.refresh_place(before)
            self.refresh_place(place)

    def _draw_again(self) -> None:
        self.refresh()

    def on_mount(self) -> None:
        self.watch(host_of(self), "minute", self._draw_again, init=False)
        self.watch(self.app, "theme", self._draw_again, init=False)

    def on_resize(self) -> None:
        self.fit()
        self.bring_into_view()
