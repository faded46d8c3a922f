"""How the list of records is laid out: the order it goes by, and the columns that a person chose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.present.columns import BROWSE, COLUMNS, TABLE, chosen_columns
from tui_registry.query import QueryError
from tui_registry.settings import SettingsError, save_text
from tui_registry.tui.browse.answers import Order, in_order, order_after, order_of, usual_order
from tui_registry.tui.browse.record_list import RecordList, columns_for
from tui_registry.tui.browse.search_bar import SearchBar
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.dialogs import Dialog
from tui_registry.tui.kit.flows import FlowScreen, Part, flow
from tui_registry.tui.kit.lists import Column, ItemList


class ListLayout(Part):
    """The order is a term of the search, so that it is seen, saved with it and means the same on the command line."""

    def __init__(
        self,
        screen: FlowScreen[None],
        bar: SearchBar,
        records: RecordList,
        order: Callable[[], Order | None],
        by_relevance: Callable[[], bool],
    ) -> None:
        """
        Args:
            order: of the list as it is shown; None for that of relevance.
            by_relevance: whether there is one, as free text is looked for.
        """
        super().__init__(screen)
        self._bar = bar
        self._records = records
        self._order = order
        self._by_relevance = by_relevance

    def action_order(self) -> None:
        """Sort by the next key."""
        self._ask(lambda order, by_relevance: order_after(order, by_relevance=by_relevance))

    def action_turn(self) -> None:
        """Turn the order around."""
        self._ask(lambda order, _: None if order is None else order.turned)

    def by_title(self, title: str, key: str) -> None:
        """Sort by a column whose title was clicked; turn around what goes by it already."""
        if not key:
            self.say(
                f"no order goes by {title.lower()}: {key_of('browse.filters')}, the filters, tell the values apart"
            )
            return
        self._ask(lambda order, _: order.turned if order is not None and order.key == key else usual_order(key))

    def _ask(self, then: Callable[[Order | None, bool], Order | None]) -> None:
        """Ask for the order that follows from the one that the search line asks for: of what is typed in one burst the
        list has shown nothing yet."""
        text = self._bar.question.query
        try:
            before, by_relevance = order_of(text, self._order(), by_relevance=self._by_relevance())
            order = then(before, by_relevance)
            if before is None and order is None:
                self.say(f"the best match comes first: {key_of('browse.order')} sorts by what can be turned around")
            else:
                self._bar.ask(in_order(text, order))
        except QueryError as error:
            self.say(f"the search cannot be read, so it has no order: {error.sentence}", "problem")

    @flow
    async def action_columns(self) -> None:
        """Choose the columns, and keep them in the settings."""
        host = self.screen.host
        width = self._records.scrollable_content_region.width
        shown = [_NAME_OF[column.title] for column in self._records.titles(width) if column.title in _NAME_OF]
        chosen, _ = chosen_columns(host.settings.columns)
        answer = await self.ask(ColumnsScreen(chosen or shown, width))
        if answer is None or (not chosen and [*answer] == shown):
            return  # as they are is as the width chose them, and it may go on to
        try:
            kept = await self.write(save_text, TABLE, BROWSE, " ".join(answer), host.settings_file)
        except SettingsError as error:
            self._records.choose_columns(answer)
            self.say(f"for now only, as they cannot be kept: {error.sentence}", "problem")
            return
        host.settings = kept
        self._records.choose_columns(answer)
        words = (
            f"columns kept in your settings: {' '.join(answer)}" if answer else "the width chooses the columns again"
        )
        self.say(words, "done")


_NAME_OF: Final = {column.title: column.name for column in COLUMNS}


class ColumnList(ItemList[str]):
    """The columns by name, those that are shown first and in their order.

    Attributes:
        ticked: those that are shown.
    """

    PLAIN = ("COLUMN",)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ticked: list[str] = []
        self._width = width

    def columns(self, width: int) -> tuple[Column, ...]:
        return Column("", 3), Column("COLUMN", 9), Column("WHAT STANDS IN IT", max(1, width - 16))

    def value(self, item: str, column: Column) -> str:
        if column.title == "":
            return "[x]" if item in self.ticked else "[ ]"
        if column.title == "COLUMN":
            return item
        room = {one.title for one in columns_for(self._width, self.ticked)}
        beside = "no room for it now: " if item in self.ticked and _BY_NAME[item].title not in room else ""
        return f"{beside}{_BY_NAME[item].words}"

    def key_of(self, item: str) -> str:
        return item


_BY_NAME: Final = {column.name: column for column in COLUMNS}


class ColumnsScreen(Dialog[tuple[str, ...]]):
    """The names of the columns to show, in their order; none where the width is to choose them again."""

    AUTO_FOCUS = "ColumnList"
    BINDINGS = bindings_for("columns")

    def __init__(self, shown: Sequence[str], width: int) -> None:
        """
        Args:
            shown: the names of those that are shown.
            width: of the list, in cells.
        """
        super().__init__("Columns of the list", "The name comes first. Where room lacks, the last are left out.")
        self._list = ColumnList(width)
        self._list.ticked = [*shown]

    def compose_answers(self) -> Iterable[Widget]:
        yield self._list
        tick, left, right = (key_of(f"columns.{name}") for name in ("toggle", "left", "right"))
        keep, reset = key_of("list.open"), key_of("columns.reset")
        keys = f"{tick} ticks, {left} and {right} move, {keep} keeps, {reset}: the width chooses"
        yield Static(Content(keys), classes="keys")

    def on_mount(self) -> None:
        self._show(None)

    def _show(self, select: str | None) -> None:
        ticked = self._list.ticked
        self._list.show([*ticked, *(name for name in _BY_NAME if name not in ticked)], select)
        self._list.draw_anew()

    def action_tick(self) -> None:
        name = self._list.item
        if name is None:
            return
        if name in self._list.ticked:
            self._list.ticked.remove(name)
        else:
            self._list.ticked.append(name)
        self._show(name)

    def action_move(self, by: int) -> None:
        name, ticked = self._list.item, self._list.ticked
        if name not in ticked:
            return
        place = ticked.index(name)
        to = max(0, min(place + by, len(ticked) - 1))
        ticked.insert(to, ticked.pop(place))
        self._show(name)

    def action_reset(self) -> None:
        self.dismiss(())

    @on(ItemList.Chosen)
    def _accept(self, message: ItemList.Chosen) -> None:
        message.stop()
        self.dismiss(tuple(self._list.ticked))
