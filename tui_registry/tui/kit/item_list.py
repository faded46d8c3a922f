"""A list of things that are all at hand, a line each; the cursor stays on its thing when they change."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from tui_registry.text import safe_text
from tui_registry.tui.browse.columns import GAP, Column, cell
from tui_registry.tui.kit.cursor_list import HEADER, CursorList
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.row_strip import header_strip

Item = TypeVar("Item")
_GUTTER = 2  # "> "
# Longer values are cut before they are made safe: nobody's text may cost a frame.
_LONGEST = 400


class ItemList(CursorList, Generic[Item]):
    """Subclasses say which columns there are and what stands in them.

    Attributes:
        PLAIN: the titles of the columns that are not quiet.
    """

    PLAIN: ClassVar[tuple[str, ...]] = ()

    COMPONENT_CLASSES: ClassVar[set[str]] = {"items--header", "items--cursor", "items--quiet"}

    class Highlighted(Message):
        """The cursor came to another thing. `by_hand` when a person moved it."""

        def __init__(self, by_hand: bool) -> None:
            super().__init__()
            self.by_hand = by_hand

    class Chosen(Message):
        """What is under the cursor was chosen with Enter or a double click."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._items: Sequence[Item] = ()

    # For subclasses

    @abstractmethod
    def columns(self, width: int) -> tuple[Column, ...]:
        """The columns in so many cells."""

    @abstractmethod
    def value(self, item: Item, column: Column) -> str:
        """What stands there; it is made safe here."""

    @abstractmethod
    def key_of(self, item: Item) -> Hashable:
        """What the thing is known by when the list changes."""

    # What it offers

    @property
    def total(self) -> int:
        return len(self._items)

    @property
    def item(self) -> Item | None:
        """What is under the cursor."""
        return self._items[self.cursor] if self.cursor < len(self._items) else None

    def show(self, items: Sequence[Item]) -> None:
        """Show these now."""
        before, offset = self.item, self.cursor - self.top
        self._items = items
        keys = [self.key_of(item) for item in items]
        known = None if before is None else self.key_of(before)
        place = keys.index(known) if known in keys else self.within(self.cursor)
        moved = place != self.cursor
        self.set_reactive(ItemList.cursor, place)
        self.fit()
        if moved:
            self.jump(place - offset)
        self.bring_into_view()
        self.refresh()
        self.post_message(self.Highlighted(by_hand=False))

    def moved(self) -> None:
        self.post_message(self.Highlighted(by_hand=True))

    def action_open(self) -> None:
        if self.item is not None:
            self.post_message(self.Chosen())

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        columns = self.columns(width - _GUTTER)
        if y < HEADER:
            header = header_strip(columns, width + 1, self.get_component_rich_style("items--header"))
            return header.crop(1, width + 1)
        place = self.top + y - HEADER
        if place >= len(self._items):
            return Strip.blank(width, self.rich_style)
        pointed = place == self.cursor
        plain, quiet = self._styles(pointed)
        segments = [Segment("> " if pointed else "  ", plain)]
        for number, column in enumerate(columns):
            text = cell(safe_text(self.value(self._items[place], column), _LONGEST), column.width, column.right)
            segments.append(Segment(" " * GAP * (number > 0) + text, plain if column.title in self.PLAIN else quiet))
        return Strip(segments).adjust_cell_length(width, plain)

    def _styles(self, pointed: bool) -> tuple[Style, Style]:
        if pointed and self.has_focus:
            return (self.get_component_rich_style("items--cursor"),) * 2
        return self.rich_style + Style(bold=pointed), self.get_component_rich_style("items--quiet")

    def on_mount(self) -> None:
        self.watch(host_of(self), "minute", self._draw_again, init=False)
        self.watch(self.app, "theme", self._draw_again, init=False)

    def on_resize(self) -> None:
        self.fit()
        self.bring_into_view()

    def _draw_again(self) -> None:
        self.refresh()
