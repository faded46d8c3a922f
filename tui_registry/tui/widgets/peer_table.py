"""The table of peers: rows are updated in place, and the cursor stays on its peer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_registry.tui.actions import bindings_for
from tui_registry.tui.host import host_of
from tui_registry.tui.widgets.columns import Column
from tui_registry.tui.widgets.peer_row import peer_columns, peer_strip
from tui_registry.tui.widgets.peer_view import PeerView
from tui_registry.tui.widgets.row_strip import GUTTER, RowStyles, header_strip

_HEADER: Final = 1


class PeerTable(ScrollView, can_focus=True):
    """A line for each peer.

    Attributes:
        cursor: the place of the cursor, 0-based.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    BINDINGS = bindings_for("list")
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
        self.cursor = 0
        self._views: tuple[PeerView, ...] = ()
        self._columns: tuple[Column, ...] = ()

    # What it offers

    @property
    def view(self) -> PeerView | None:
        """The peer under the cursor."""
        return self._views[self.cursor] if self.cursor < len(self._views) else None

    def show(self, views: Sequence[PeerView], select: str | None = None) -> None:
        """Show the peers as they are now, the cursor on `select` or where it was."""
        before, self._views = self._views, tuple(views)
        names = [view.name for view in views]
        wanted = select or (before[self.cursor].name if self.cursor < len(before) else None)
        place = names.index(wanted) if wanted in names else self._within(self.cursor)
        if names == [view.name for view in before]:
            for row, (old, new) in enumerate(zip(before, views, strict=True)):
                if old != new:
                    self._refresh_row(row)
            self._go(place)
            return
        self._resize()
        self.cursor = place
        self._bring_into_view()
        self.refresh()

    def move_to(self, place: int) -> None:
        """Put the cursor on that place, as near as there is a peer."""
        if self._go(self._within(place)):
            self.post_message(self.Highlighted())

    # Moving

    def action_cursor_down(self) -> None:
        self.move_to(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_to(self.cursor - 1)

    def action_page_down(self) -> None:
        self.move_to(self.cursor + self._page)

    def action_page_up(self) -> None:
        self.move_to(self.cursor - self._page)

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(len(self._views) - 1)

    def action_open(self) -> None:
        self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        place = round(self.scroll_y) + event.y - _HEADER
        if event.y < _HEADER or place >= len(self._views):
            return
        self.move_to(place)
        if event.chain == 2:
            self.action_open()

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < _HEADER:
            return header_strip(self._columns, width, self.get_component_rich_style("peer-table--header"))
        place = round(self.scroll_y) + y - _HEADER
        if place >= len(self._views):
            return Strip.blank(width, self.rich_style)
        pointed = place == self.cursor
        return peer_strip(self._views[place], self._columns, host_of(self).now(), width, self._styles(pointed), pointed)

    def _styles(self, pointed: bool) -> RowStyles:
        if pointed and self.has_focus:
            return RowStyles(*(self.get_component_rich_style("peer-table--cursor"),) * 3)
        return RowStyles(
            self.rich_style + Style(bold=pointed),
            self.get_component_rich_style("peer-table--quiet"),
            self.get_component_rich_style("peer-table--mark"),
        )

    # How

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - _HEADER)

    def _within(self, place: int) -> int:
        return max(0, min(place, len(self._views) - 1))

    def _go(self, place: int) -> bool:
        """Whether the cursor moved."""
        if place == self.cursor:
            return False
        before, self.cursor = self.cursor, place
        self._bring_into_view()
        self._refresh_row(before)
        self._refresh_row(place)
        return True

    def _resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._views) + _HEADER)

    def _bring_into_view(self) -> None:
        top = round(self.scroll_y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + self._page:
            self.scroll_to(y=self.cursor - self._page + 1, animate=False, immediate=True)

    def _refresh_row(self, place: int) -> None:
        y = place - round(self.scroll_y) + _HEADER
        if _HEADER <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _draw_again(self) -> None:
        self.refresh()

    def on_mount(self) -> None:
        self.watch(host_of(self), "minute", self._draw_again, init=False)
        self.watch(self.app, "theme", self._draw_again, init=False)

    def on_resize(self) -> None:
        self._columns = peer_columns(self.scrollable_content_region.width - GUTTER)
        self._resize()
        self._bring_into_view()

    def on_focus(self) -> None:
        self._refresh_row(self.cursor)

    def on_blur(self) -> None:
        self._refresh_row(self.cursor)
