"""The list of records: the widget, its columns, its windows of rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from tui_registry import query
from tui_registry.datastore import Row
from tui_registry.frozen import NamedTuple
from tui_registry.present.amounts import gigabytes
from tui_registry.present.columns import COLUMNS, ListColumn, kind_cell
from tui_registry.present.owners import LIKE_MARK, is_marked, owner_cell
from tui_registry.query import Text
from tui_registry.text import age, count_words, safe_text
from tui_registry.tui.browse.answers import NEWEST, WINDOW, Order, Reading, Span
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import GAP, Column, RowStyles, WindowList, cell

if TYPE_CHECKING:
    from tui_registry.fit import Limits, Machine

# What was looked for, where it stands in a name: told by its weight and a line, whatever the colours are.
FOUND: Final = Style(bold=True, underline=True)
NEW_MARK: Final = "•"
STAR_MARK: Final = "★"
NOTE_MARK: Final = "✎"
# The cursor and the mark stand before the name, each a segment.
_NAME: Final = 2
# A list deeper than this is refreshed where it is looked at, not from its top.
_DEEP: Final = 5 * WINDOW
# Rows kept at hand: enough for any screen and its neighbours, whatever the list's length.
_MOST_WINDOWS: Final = 40


class RecordList(WindowList[Row, Span]):
    """Rows with a cursor that stays on its record when the data changes underneath.

    Attributes:
        marked: the records that a person marked, by id, also those that the list no longer shows.
    """

    BINDINGS = bindings_for("marks")
    MARKED: ClassVar[bool] = True
    PLAIN: ClassVar[tuple[str, ...]] = ("NAME",)

    class Ordered(Message):
        """The title of a column was chosen: by this key, and where it goes by that already, from its other end."""

        def __init__(self, title: str, key: str) -> None:
            super().__init__()
            self.title = title
            self.key = key

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
        self._last_marked: tuple[int, str] | None = None
        self._texts: Sequence[Text] = ()
        self._order: Order | None = NEWEST
        self._chosen: tuple[str, ...] = ()

    # What it offers

    @property
    def total(self) -> int:
        """Places in the list."""
        return self._windows.total

    def on_mount(self) -> None:
        self.watch(host_of(self), "machine", self.draw_anew, init=False)

    def choose_columns(self, names: tuple[str, ...]) -> None:
        """Show these columns, as far as there is room; for none, those that the width is best for."""
        if names != self._chosen:
            self._chosen = names
            self.draw_in_other_columns()

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
        self,
        readings: Sequence[Reading],
        stay: bool,
        select: str | None = None,
        reversible: bool = False,
        texts: Sequence[Text] = (),
        order: Order | None = NEWEST,
    ) -> None:
        """Show another answer.

        Args:
            readings: from the top or the end of the list.
            reversible: the list can be read from its end.
            stay: the same list with newer data: cursor and scroll position stay on their record.
            select: the id of a record to put the cursor on.
            texts: what was looked for, which is marked in the names.
            order: in which it stands, None for that of relevance.
        """
        self._texts, self._order = texts, order
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
        if not stay and self._last_marked is not None:
            # In another list it may stand elsewhere
            identifier = self._last_marked[1]
            last = self._windows.place_of(identifier)
            self._last_marked = None if last is None else (last, identifier)
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
            self._last_marked = self.cursor, row.id
        self.refresh_place(self.cursor)
        self.post_message(self.Marked())
        self.action_cursor_down()

    def mark(self, rows: Iterable[Row]) -> None:
        """Mark these too."""
        self.marked |= {row.id: row for row in rows}
        row = self.item
        if row is not None and row.id in self.marked:
            self._last_marked = self.cursor, row.id
        self.refresh()
        self.post_message(self.Marked())

    def range_to_mark(self) -> tuple[int, int, Span] | None:
        """The first and the last place between the record that was marked last and the cursor, and how to read those;
        None where the list does not show that record."""
        if self._last_marked is None or self.item is None:
            return None
        place, identifier = self._last_marked
        there = self.item_at(place) if place < self.total else None
        if there is None or there.id != identifier:
            found = self._windows.place_of(identifier)
            # What is not at hand still stands where it stood, unless another answer came
            if found is None and (there is not None or place >= self.total):
                return None
            place = place if found is None else found
        first, last = sorted((place, self.cursor))
        return first, last, self._windows.span(first // WINDOW, last // WINDOW)

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
        return columns_for(width, self._chosen)

    def title_line(self, columns: tuple[Column, ...]) -> str:
        return titles_in_order(columns, self._order)

    def title_chosen(self, column: Column) -> None:
        key = "name" if column.title == "NAME" else _SHOWN[column.title].of.order
        self.post_message(self.Ordered(column.title, key))

    def cells(self, item: Row, columns: tuple[Column, ...]) -> list[str]:
        host = host_of(self)
        facts = host.facts
        around = Around(host.now()) if facts is None else Around(host.now(), facts.owners, facts.address)
        if host.machine is not None and any(column.title == "FIT" for column in columns):
            around = around._replace(limits=limits_of(host.machine))
        return row_text(item, columns, around)

    def draw(self, item: Row, columns: tuple[Column, ...], width: int, styles: RowStyles, pointed: bool) -> Strip:
        if item.status is not None and not pointed:
            styles = styles._replace(name=styles.other)
        strip = super().draw(item, columns, width, styles, pointed)
        if not self._texts:
            return strip
        # Cut by characters, as `draw` put the name in one segment: what a sign of several characters takes in cells is
        # not the sum of them.
        *before, name = list(strip)[: _NAME + 1]
        marked: list[Segment] = []
        at = 0
        for start, end in query.found_in(name.text, self._texts):
            found = Segment(name.text[start:end], FOUND if name.style is None else name.style + FOUND)
            marked += [Segment(name.text[at:start], name.style), found]
            at = end
        rest = Segment(name.text[at:], name.style)
        return Strip([*before, *marked, rest, *list(strip)[_NAME + 1 :]], strip.cell_length)

    def mark_of(self, item: Row) -> str:
        return "*" if item.id in self.marked else mark_of(item)

    def key_of(self, item: Row) -> Hashable:
        return item.id

    def missing(self, first: int, last: int) -> Span | None:
        return self._windows.missing(first, last)

    def want(self, span: Span) -> None:
        self.post_message(self.Wanted(self.serial, span))


class Windows:
    """The rows of one answer.

    Attributes:
        reversible: the answer's order can be read from its end too.
        total: places in the list; there are at least so many where `exact` is False.
        matching: records that match, and whether that is exact. It differs from the places while a deep list is kept
            true where it is looked at, with rows that came or went above.
    """

    def __init__(self, reversible: bool = False) -> None:
        self.reversible = reversible
        self.total = 0
        self.exact = False
        self.matching = (0, False)
        # What opens window k, as far as the list was read from its top; and read backwards, as far as from its end.
        self._cursors: list[str | None] = [None]
        self._from_end: dict[int, str | None] = {}
        self._rows: OrderedDict[int, list[Row]] = OrderedDict()

    def row(self, index: int) -> Row | None:
        """The row in that place, None when its window is not at hand."""
        rows = self._rows.get(index // WINDOW)
        offset = index % WINDOW
        return rows[offset] if rows is not None and offset < len(rows) else None

    def place_of(self, record_id: str) -> int | None:
        """Where the record stands among the rows at hand."""
        for k, rows in self._rows.items():
            for offset, row in enumerate(rows):
                if row.id == record_id:
                    return k * WINDOW + offset
        return None

    def missing(self, first: int, last: int) -> Span | None:
        """How to read the windows that these places need, None when all are at hand."""
        last = min(last, self.total - 1)
        wanted = [k for k in range(max(0, first) // WINDOW, last // WINDOW + 1) if k not in self._rows]
        return self.span(wanted[0], wanted[-1]) if wanted and last >= 0 else None

    def span(self, first: int, last: int) -> Span:
        """How to read windows `first` to `last` from the nearest place whose cursor is known."""
        ahead = min(first, len(self._cursors) - 1)
        if self.reversible and self.exact and self.total:
            tail = (self.total - 1) // WINDOW
            known = [k for k in self._from_end if last <= k <= tail]
            behind = min(known, default=tail)
            if behind - first < last - ahead:
                return Span(first, last, behind, self._from_end.get(behind), self.total, backwards=True)
        return Span(first, last, ahead, self._cursors[ahead], self.total)

    def put(self, readings: Iterable[Reading]) -> None:
        """Take windows that were read one after the other."""
        for reading in readings:
            if reading.backwards:
                self._put_from_end(reading)
            elif reading.window < len(self._cursors):
                self._put_from_top(reading)
        while len(self._rows) > _MOST_WINDOWS:
            self._rows.popitem(last=False)

    def _put_from_top(self, reading: Reading) -> None:
        page, k = reading.page, reading.window
        if page.next is None:
            # The true end, whatever the bound was.
            self.total, self.exact = k * WINDOW + len(page.rows), True
            del self._cursors[k + 1 :]
        elif len(self._cursors) == k + 1:
            self._cursors.append(page.next)
        elif self._cursors[k + 1] != page.next:
            # Rows came or went before this place: what was known beyond it is out of step.
            self._cursors[k + 1 :] = [page.next]
            self._from_end.clear()
            for later in [known for known in self._rows if known > k]:
                del self._rows[later]
        if page.next is not None and (not self.exact or page.exact):
            self.total, self.exact = max(page.total, (k + 1) * WINDOW + 1), page.exact
        self.matching = (page.total, True) if page.exact else (self.total, self.exact)
        self._keep(reading)

    def _put_from_end(self, reading: Reading) -> None:
        page, k = reading.page, reading.window
        if not self.total:
            self.total, self.exact = page.total, True
        self.matching = (page.total, True)
        self._from_end[k - 1] = page.next
        self._keep(reading)

    def _keep(self, reading: Reading) -> None:
        if reading.keep:
            self._rows[reading.window] = reading.page.rows
            self._rows.move_to_end(reading.window)


# The columns

_LEAST_NAME: Final = 20
# Longer values are cut before they are made safe: nobody's name may cost a frame.
_LONGEST_CELL: Final = 200
# The first five earn their place beside a short name; more columns come only once names are comfortable.
_BASIC: Final = 5
_COMFORTABLE_NAME: Final = 32
_TYPE_IN_FULL: Final = 15


def columns_for(width: int, chosen: Sequence[str] = ()) -> tuple[Column, ...]:
    """The columns that fit into so many cells, in the order they are shown; the name takes what is left.

    A column is dropped whole before the name gets narrower than 20 cells.

    Args:
        chosen: the names of those that a person wants to see, in that order: the last are dropped first. For none, the
            width decides.
    """
    ranked = [_BY_NAME[name] for name in chosen] or sorted(_BY_NAME.values(), key=lambda shown: shown.rank)
    fitting: list[_Shown] = []
    left = width
    for shown in ranked:
        needed = shown.column.width + GAP
        if left - needed < (_LEAST_NAME if chosen or len(fitting) < _BASIC else _COMFORTABLE_NAME):
            break
        fitting.append(shown)
        left -= needed
    columns = []
    for column in (shown.column for shown in (fitting if chosen else _BY_NAME.values()) if shown in fitting):
        if column.title == "TYPE" and left >= _COMFORTABLE_NAME:
            # Every type in full, as soon as names have room.
            left -= _TYPE_IN_FULL - column.width
            column = column._replace(width=_TYPE_IN_FULL)
        columns.append(column)
    return (Column("NAME", max(1, left)), *columns)


_ARROWS: Final = {True: "↓", False: "↑"}


def titles_in_order(columns: Sequence[Column], order: Order | None) -> str:
    """The titles, with an arrow at the one that the list goes by: ↑ for the smallest or the earliest first. It stands
    in the gap where the title fills its column, so that no column moves for it."""
    line = ""
    for place, column in enumerate(columns):
        gap = " " * GAP * (place > 0)
        title = column.title
        key = "name" if title == "NAME" else _SHOWN[title].of.order
        arrow = _ARROWS[order.downwards] if order is not None and key and key == order.key else ""
        if arrow and column.right:
            line += cell(f"{arrow}{title}", column.width + len(gap), right=True)
        elif arrow and cell_len(title) >= column.width:
            line += f"{gap[:-1]}{arrow}{cell(title, column.width)}"
        else:
            line += gap + cell(title + arrow, column.width)
    return line


class Around(NamedTuple):
    """What a row is shown by beside the record: the time in Unix seconds, the local names of owners, and this replica's
    own address; and how much what runs may need, None before the machine is known."""

    now: int
    owners: Mapping[str, str] = {}
    address: str = ""
    limits: Limits | None = None

    def whose(self, owner: str) -> str:
        """The owner in a word."""
        return owner_cell(owner, owner == self.address, self.owners)


def row_text(row: Row, columns: tuple[Column, ...], around: Around) -> list[str]:
    """The row's cells, each as wide as its column."""
    cells = []
    for column in columns:
        text = safe_text(_VALUES[column.title](row, around), _LONGEST_CELL)
        if column.title == "LICENCE":
            text = licence_in(text, column.width)
        if column.title == "NAME" and (row.status is not None or row.starred or row.noted):
            text = _with_status(text, row, column.width)
        cells.append(cell(text, column.width, column.right))
    return cells


def _with_status(name: str, row: Row, width: int) -> str:
    """A name and what is to be known before it is used, or is kept about it, which is not cut before the name is."""
    kept = f"{STAR_MARK if row.starred else ''}{NOTE_MARK if row.noted else ''}"
    word = " ".join(filter(None, (_status(row), kept)))
    return f"{cell(name, max(1, width - cell_len(word) - 2)).rstrip()}  {word}"


def mark_of(row: Row) -> str:
    """One letter for what one should know of a record: `!` a conflict, `~` a name like another's, `•` new since
    somebody looked, `+` a time ahead of this clock."""
    if row.in_conflict:
        return "!"
    if is_marked(row.name, row.like):
        return LIKE_MARK
    if row.new:
        return NEW_MARK
    return "+" if row.future else " "


def licence_in(text: str, width: int) -> str:
    """A licence in so many cells: where it does not fit, without `LicenseRef-`, which says less than the rest."""
    return text.removeprefix("LicenseRef-") if cell_len(text) > width else text


@lru_cache(maxsize=1)
def limits_of(machine: Machine) -> Limits:
    """What a machine can take: asked for each row."""
    from tui_registry.fit import limits  # the first frame knows no machine

    return limits(machine)


def _fit(row: Row, around: Around) -> str:
    """Whether a model runs, in a word: at the usual context, of the smallest form that there is."""
    known, need = around.limits, row.need
    if row.kind != "model":
        return "-"
    if known is None:
        return ""
    if need is None:
        return "?"
    if need <= known.gpu or (need <= known.cpu and not row.needs_gpu):
        return "runs"
    return "partly" if need <= known.offload else "no"


def _count(number: int | None) -> str:
    return count_words(number) if number else "-"


class _Shown(NamedTuple):
    """A column, how it is laid out, its rank when there is not room for all, and what stands in it."""

    of: ListColumn
    column: Column
    rank: int
    value: Callable[[Row, Around], str]


def _needs(row: Row) -> str:
    if row.need is None:
        return "-" if row.kind != "model" else "?"
    from tui_registry.present.fit_words import size  # the first frame does without

    return size(row.need)


def _stated_vram(row: Row) -> str:
    return "-" if row.vram is None else gigabytes(row.vram)


def _status(row: Row) -> str:
    """What is to be known before it is used; empty where nothing is."""
    if row.status is None:
        return ""
    from tui_registry.present.manifest_rows import said_status  # few lists show one

    return said_status(row.status) or ""


_LAYOUT: Final[dict[str, tuple[int, bool, int, Callable[[Row, Around], str]]]] = {
    "kind": (7, False, 2, lambda row, _: kind_cell(row.kind)),
    "type": (11, False, 4, lambda row, _: row.type),
    "framework": (12, False, 9, lambda row, _: row.framework),
    "size": (6, True, 1, lambda row, _: _count(row.parameters)),
    "fit": (6, False, 6, _fit),
    "needs": (7, True, 12, lambda row, _: _needs(row)),
    "vram": (6, True, 13, lambda row, _: _stated_vram(row)),
    "quant": (6, False, 11, lambda row, _: row.quantization or "-"),
    "context": (7, True, 8, lambda row, _: _count(row.context_length)),
    "licence": (12, False, 5, lambda row, _: row.license),
    "version": (9, False, 10, lambda row, _: row.version),
    "owner": (12, False, 7, lambda row, around: around.whose(row.owner)),
    "status": (10, False, 15, lambda row, _: _status(row) or "-"),
    "created": (7, True, 14, lambda row, around: age(around.now - row.created_at)),
    "updated": (7, True, 3, lambda row, around: age(around.now - row.updated_at)),
}
_BY_NAME: Final = {
    of.name: _Shown(of, Column(of.title, width, right), rank, value)
    for of in COLUMNS
    for width, right, rank, value in (_LAYOUT[of.name],)
}
_SHOWN: Final = {shown.column.title: shown for shown in _BY_NAME.values()}
_VALUES: Final[dict[str, Callable[[Row, Around], str]]] = {
    "NAME": lambda row, _: row.name or "(no name)",
    **{title: shown.value for title, shown in _SHOWN.items()},
}
