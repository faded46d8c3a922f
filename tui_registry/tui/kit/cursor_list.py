"""A list drawn line by line, with a header that stays and a cursor that keys and the mouse move."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView

from tui_registry.tui.kit.actions import bindings_for

HEADER: Final = 1


class CursorList(ScrollView, can_focus=True):
    """Moving through so many places; what stands in them is the subclass's.

    Attributes:
        cursor: the place of the cursor, 0-based.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    BINDINGS = bindings_for("list")

    cursor: reactive[int] = reactive(0, repaint=False)

    @property
    def total(self) -> int:
        """Places in the list."""
        raise NotImplementedError

    @property
    def page(self) -> int:
        """Places in view at once."""
        return max(1, self.scrollable_content_region.height - HEADER)

    @property
    def top(self) -> int:
        """The first place in view."""
        return round(self.scroll_y)

    def moved(self) -> None:
        """The cursor was moved by a person."""

    def action_open(self) -> None:
        """The place under the cursor was chosen."""

    # Moving

    def action_cursor_down(self) -> None:
        self.move_to(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_to(self.cursor - 1)

    def action_page_down(self) -> None:
        self.move_to(self.cursor + self.page)

    def action_page_up(self) -> None:
        self.move_to(self.cursor - self.page)

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(self.total - 1)

    def move_to(self, place: int) -> None:
        """Put the cursor on that place, or the nearest there is."""
        place = self.within(place)
        if place == self.cursor:
            return
        before, self.cursor = self.cursor, place
        self.bring_into_view()
        self.refresh_place(before)
        self.refresh_place(place)
        self.moved()

    def on_click(self, event: events.Click) -> None:
        place = self.top + event.y - HEADER
        if event.y < HEADER or place >= self.total:
            return
        self.move_to(place)
        if event.chain == 2:
            self.action_open()

    # For subclasses

    def within(self, place: int) -> int:
        """The nearest place there is."""
        return max(0, min(place, self.total - 1))

    def fit(self) -> None:
        """The number of places changed: let the scroll bar know."""
        # No wider than a cell: lines are drawn as wide as there is room, and nothing scrolls sideways.
        self.virtual_size = Size(1, self.total + HEADER)

    def jump(self, top: int) -> None:
        """Scroll at once, without a glide."""
        self.scroll_to(y=max(0, top), animate=False, immediate=True)

    def bring_into_view(self) -> None:
        """Scroll as little as shows the cursor."""
        if self.cursor < self.top:
            self.jump(self.cursor)
        elif self.cursor >= self.top + self.page:
            self.jump(self.cursor - self.page + 1)

    def refresh_place(self, place: int) -> None:
        """Draw one place again."""
        y = place - self.top + HEADER
        if HEADER <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def on_focus(self) -> None:
        self.refresh_place(self.cursor)

    def on_blur(self) -> None:
        self.refresh_place(self.cursor)
