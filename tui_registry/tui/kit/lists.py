"""Lists of rows with a cursor, drawn line by line: things that are all at hand, and windows of a list of any length.

A feature's list says which columns there are and what stands in them. Its rows are drawn when they come into view.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Final, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.cache import LRUCache
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.frozen import NamedTuple
from tui_registry.text import ELLIPSIS, safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.terminal import most_cells
from tui_registry.tui.kit.text_flow import Layout, TextBody

Item = TypeVar("Item")
Span = TypeVar("Span")

HEADER: Final = 1
GAP: Final = 2
GUTTER: Final = 3  # ">! ": the cursor, and what one should know of a row; one less in a list without marks
# Longer values are cut before they are made safe: nobody's text may cost a frame.
_LONGEST: Final = 400


class Column(NamedTuple):
    """A column of a list: `width` in cells, `right` for numbers."""

    title: str
    width: int
    right: bool = False


class RowStyles(NamedTuple):
    """For what names the row, for the other cells, for the mark."""

    name: Style
    other: Style
    mark: Style


def cell(text: str, width: int, right: bool = False) -> str:
    """Text in exactly so many cells, cut with an ellipsis, whatever its letters measure; no terminal cuts it more."""
    if most_cells(text) > width:
        whole, room = text, width - 1
        while room > 0 and most_cells(text) >= width:
            text = set_cell_size(whole, room).rstrip()
            room -= 1
        text = text + ELLIPSIS if room >= 0 and most_cells(text) < width else ELLIPSIS * (width > 0)
    room = width - cell_len(text)
    return " " * room + text if right else text + " " * room


def header_text(columns: Sequence[Column]) -> list[str]:
    """The titles, each as wide as its column."""
    return [cell(column.title, column.width, column.right) for column in columns]


class CursorList(ScrollView, Generic[Item], can_focus=True):
    """Rows below a header that stays, and a cursor that keys and the mouse move.

    Attributes:
        MARKED: between the cursor and the first column stands a letter for what one should know of a row.
        PLAIN: titles of the columns that are not quiet.
        cursor: the place of the cursor, 0-based.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    BINDINGS = bindings_for("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--header", "list--cursor", "list--mark", "list--quiet"}
    MARKED: ClassVar[bool] = False
    PLAIN: ClassVar[tuple[str, ...]] = ()

    cursor: reactive[int] = reactive(0, repaint=False)

    class Highlighted(Message):
        """The cursor came to another row, or to none. `by_hand` when a person moved it."""

        def __init__(self, by_hand: bool) -> None:
            super().__init__()
            self.by_hand = by_hand

    class Chosen(Message):
        """The row under the cursor was chosen with Enter or a double click."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._columns: tuple[Column, ...] = ()
        self._columns_width = -1
        self._row_styles: dict[bool, RowStyles] = {}

    # For subclasses

    @property
    def total(self) -> int:
        """Places in the list."""
        raise NotImplementedError

    def item_at(self, place: int) -> Item | None:
        """What stands in a place below `total`; None when it is not at hand yet."""
        raise NotImplementedError

    def columns(self, width: int) -> tuple[Column, ...]:
        """The columns in so many cells."""
        raise NotImplementedError

    def value(self, item: Item, column: Column) -> str:
        """What stands in that column; it is cut and made safe for the terminal by `cells`."""
        raise NotImplementedError

    def key_of(self, item: Item) -> Hashable:
        """What the thing is known by when the list changes."""
        raise NotImplementedError

    def title_chosen(self, column: Column) -> None:
        """The title of that column was clicked."""

    def mark_of(self, item: Item) -> str:  # noqa: ARG002
        """The letter beside the cursor, where the list is `MARKED`."""
        return " "

    def cells(self, item: Item, columns: tuple[Column, ...]) -> list[str]:
        """What stands in the columns, each text as wide as its column."""
        return [cell(safe_text(self.value(item, column), _LONGEST), column.width, column.right) for column in columns]

    def draw(self, item: Item, columns: tuple[Column, ...], width: int, styles: RowStyles, pointed: bool) -> Strip:
        """A row; the cursor is a `>` too, so that colour is never alone."""
        segments = [Segment(">" if pointed else " ", styles.name)]
        segments.append(Segment(f"{self.mark_of(item)} ", styles.mark) if self.MARKED else Segment(" ", styles.name))
        for place, (column, text) in enumerate(zip(columns, self.cells(item, columns), strict=True)):
            style = styles.name if column.title in self.PLAIN else styles.other
            segments.append(Segment(" " * GAP * (place > 0) + text, style))
        return Strip(segments).adjust_cell_length(width, styles.name)

    # What it offers

    @property
    def item(self) -> Item | None:
        """What is under the cursor."""
        return self.item_at(self.cursor) if self.cursor < self.total else None

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
        self.post_message(self.Highlighted(by_hand=True))

    def action_open(self) -> None:
        """The place under the cursor was chosen."""
        if self.item is not None:
            self.post_message(self.Chosen())

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
        if self.point_at(place):
            self.moved()

    def point_at(self, place: int) -> bool:
        """The same without telling; False when the cursor is there already."""
        place = self.within(place)
        if place == self.cursor:
            return False
        before = self.cursor
        self.set_reactive(CursorList.cursor, place)
        self.bring_into_view()
        self.refresh_place(before)
        self.refresh_place(place)
        return True

    def on_click(self, event: events.Click) -> None:
        place = self.top + event.y - HEADER
        if event.y < HEADER:
            column = self.column_at(event.x)
            if column is not None:
                self.title_chosen(column)
            return
        if place >= self.total:
            return
        self.move_to(place)
        if event.chain == 2:
            self.action_open()

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

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < HEADER:
            return self._header(width)
        place = self.top + y - HEADER
        if place >= self.total:
            return Strip.blank(width, self.rich_style)
        item = self.item_at(place)
        if item is None:  # it will be here as soon as it is read
            style = self.get_component_rich_style("list--quiet")
            return Strip([Segment(" " * self._gutter + ELLIPSIS, style)]).adjust_cell_length(width, style)
        return self.row_strip(item, width, place == self.cursor)

    def row_strip(self, item: Item, width: int, pointed: bool) -> Strip:
        """A row as it is now."""
        return self.draw(item, self._columns_in(width), width, self._styles_for(pointed), pointed)

    def column_at(self, x: int) -> Column | None:
        """The column that a cell of a line belongs to, with the gap before it; None behind the last one."""
        end = self._gutter - GAP
        for column in self.titles(self.scrollable_content_region.width):
            end += GAP + column.width
            if x < end:
                return column
        return None

    def titles(self, width: int) -> tuple[Column, ...]:
        """The columns that the header names."""
        return self._columns_in(width)

    def draw_anew(self) -> None:
        """Draw all rows again: they look different, or the clock went on."""
        self._row_styles.clear()
        self.refresh()

    def draw_in_other_columns(self) -> None:
        """Draw all rows again: what `columns` answers has changed."""
        self._columns_width = -1
        self.draw_anew()

    def on_mount(self) -> None:
        self.watch(host_of(self), "minute", self.draw_anew, init=False)
        self.watch(self.app, "theme", self.draw_anew, init=False)

    def on_resize(self) -> None:
        self.fit()
        self.bring_into_view()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._row_styles.clear()

    @property
    def _gutter(self) -> int:
        return GUTTER if self.MARKED else GUTTER - 1

    def title_line(self, columns: tuple[Column, ...]) -> str:
        """The titles, without what stands before the first column."""
        return (" " * GAP).join(header_text(columns))

    def _header(self, width: int) -> Strip:
        style = self.get_component_rich_style("list--header")
        text = " " * self._gutter + self.title_line(self.titles(width))
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _columns_in(self, width: int) -> tuple[Column, ...]:
        if width != self._columns_width:
            self._columns, self._columns_width = self.columns(width - self._gutter), width
        return self._columns

    def _styles_for(self, pointed: bool) -> RowStyles:
        if pointed and self.has_focus:
            return RowStyles(*(self.get_component_rich_style("list--cursor"),) * 3)
        styles = self._row_styles.get(pointed)
        if styles is None:
            styles = self._row_styles[pointed] = RowStyles(
                self.rich_style + Style(bold=pointed),
                self.get_component_rich_style("list--quiet"),
                self.get_component_rich_style("list--mark"),
            )
        return styles


class ItemList(CursorList[Item], Generic[Item]):
    """Things that are all at hand; the cursor stays on its thing when they change."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._items: Sequence[Item] = ()

    @property
    def total(self) -> int:
        return len(self._items)

    def item_at(self, place: int) -> Item | None:
        return self._items[place]

    def show(self, items: Sequence[Item], select: Hashable | None = None) -> None:
        """Show these now, the cursor on the one with that key, or else on the one that it was on."""
        pointed, offset, old = self.item, self.cursor - self.top, self._items
        self._items = tuple(items)
        keys = [self.key_of(item) for item in items]
        known = next((key for key in (select, None if pointed is None else self.key_of(pointed)) if key in keys), None)
        place = self.within(self.cursor) if known is None else keys.index(known)
        if keys == [self.key_of(item) for item in old]:
            for row, (before, now) in enumerate(zip(old, items, strict=True)):
                if before != now:
                    self.refresh_place(row)
            self.point_at(place)
        else:
            moved = place != self.cursor
            self.set_reactive(CursorList.cursor, place)
            self.fit()
            if moved:
                self.jump(place - offset)
            self.bring_into_view()
            self.refresh()
        self.post_message(self.Highlighted(by_hand=False))


class ListAndText(Vertical, Generic[Item]):
    """A list above, and below it the text of the line under its cursor, into which Enter leads; where nothing is
    listed, words in the place of both. A screen with the class `-tall` gives the text more room, and one with `-beside`
    puts it beside the list."""

    # Its rules ask for classes of the screen.
    SCOPED_CSS: ClassVar[bool] = False
    DEFAULT_CSS: ClassVar[str] = """
    ListAndText TextBody {
        height: 10;
        padding: 0 1;
        border-top: solid $foreground 20%;
    }
    ListAndText TextBody:focus {
        border-top: solid $primary;
    }
    .-tall ListAndText TextBody {
        height: 45%;
    }
    .-beside ListAndText {
        layout: horizontal;
    }
    .-beside ListAndText TextBody {
        width: 44%;
        height: 1fr;
        border-top: none;
        border-left: vkey $foreground 20%;
    }
    .-beside ListAndText TextBody:focus {
        border-left: vkey $primary;
    }
    ListAndText > .nothing {
        display: none;
        width: 1fr;
        height: 1fr;
        padding: 2 4;
    }
    ListAndText.-nothing > * {
        display: none;
    }
    ListAndText.-nothing > .nothing {
        display: block;
    }
    """

    def __init__(self, items: ItemList[Item], nothing: Content) -> None:
        super().__init__()
        self._items = items
        self._text = TextBody()
        self._none = Static(nothing, classes="nothing")

    def compose(self) -> Iterable[Widget]:
        yield from (self._items, self._text, self._none)

    @property
    def item(self) -> Item | None:
        """What is under the cursor."""
        return self._items.item

    @property
    def is_empty(self) -> bool:
        """Whether nothing is listed."""
        return self.has_class("-nothing")

    def show(self, items: Sequence[Item]) -> None:
        """List these now."""
        self.set_class(not items, "-nothing")
        self._items.show(items)

    def tell(self, layout: Layout) -> None:
        """Show this text of the line under the cursor, from its beginning."""
        self._text.text.flow(layout)
        self._text.scroll_home(animate=False)

    @on(ItemList.Chosen)
    def _chosen(self, message: ItemList.Chosen) -> None:
        message.stop()
        self.read_on()

    def read_on(self) -> None:
        """From the list into the text, where something is under the cursor."""
        if self.item is not None:
            self._text.focus()

    def go_back(self) -> bool:
        """From the text to the list; False where one is not in the text."""
        if not self._text.has_focus:
            return False
        self._items.focus()
        return True


class WindowList(CursorList[Item], Generic[Item, Span]):
    """A list of any length, of which windows of rows are at hand; the others are asked for when they come into view.

    Attributes:
        serial: counts the lists that were shown; what was read for an older one is of no use.
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.serial = 0
        self._wanted: Span | None = None
        self._told: Hashable | None = None
        self._strips: LRUCache[tuple[Item, str, int, bool, bool], Strip] = LRUCache(1000)

    # For subclasses

    def missing(self, first: int, last: int) -> Span | None:
        """How to read what is not at hand of these places; None when all is."""
        raise NotImplementedError

    def want(self, span: Span) -> None:
        """Ask for it, with the serial."""
        raise NotImplementedError

    def begin(self) -> None:
        """Another list is shown from now on."""
        self.serial += 1
        self._wanted = None

    def came(self) -> None:
        """What was asked for is at hand now, and the cursor where it belongs."""
        self._wanted = None
        self._tell(by_hand=False)
        self.demand()
        self._strips.clear()
        self.refresh()

    def demand(self) -> None:
        """Ask for what is in view and near it, then for what is under the cursor."""
        top = self.top
        missing = self.missing(top - self.page, top + 2 * self.page) or self.missing(self.cursor, self.cursor)
        if missing is not None and missing != self._wanted:
            self._wanted = missing
            self.want(missing)

    def give_up(self) -> None:
        """What was asked for will not come; it is asked for again at the next step."""
        self._wanted = None

    # How

    def titles(self, width: int) -> tuple[Column, ...]:
        return super().titles(width) if self.total else ()

    def moved(self) -> None:
        self.demand()
        self._tell(by_hand=True)

    def _tell(self, by_hand: bool) -> None:
        item = self.item
        if item is None and self.total and not by_hand:
            return  # it is on its way
        key = None if item is None else self.key_of(item)
        if key != self._told or by_hand:
            self._told = key
            self.post_message(self.Highlighted(by_hand))

    def row_strip(self, item: Item, width: int, pointed: bool) -> Strip:
        key = (item, self.mark_of(item), width, pointed, self.has_focus)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = super().row_strip(item, width, pointed)
        return strip

    def draw_anew(self) -> None:
        self._strips.clear()
        super().draw_anew()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.demand()

    def on_resize(self) -> None:
        self.demand()
