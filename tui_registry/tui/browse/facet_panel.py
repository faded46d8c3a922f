"""The panel of filters: what the matches of a search have in common, counted; a line toggles a term of the query."""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from tui_registry.errors import KINDS, RegistryError
from tui_registry.present.columns import kind_cell
from tui_registry.query import FACETS, chosen, with_term, without_term
from tui_registry.text import ELLIPSIS, address_short, exact, safe_text
from tui_registry.tui.browse.answers import Question, read_facets
from tui_registry.tui.browse.record_list import licence_in
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.flows import flow, read, unwanted
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import HEADER, CursorList, cell

if TYPE_CHECKING:
    from tui_registry.datastore import Facets

_TITLE: Final = " FILTERS"
# Values of a field that are shown before one asks for the others.
FEW: Final = 6
# The first digits of an address that a query names an owner by.
_ADDRESS_DIGITS: Final = 12
# Cells of a bar, and those that the name of a value has at least beside it.
_BAR: Final = 8
_NAME: Final = 14


@dataclass(frozen=True, slots=True)
class FacetLine:
    """One line of the panel.

    Attributes:
        field: of the facet.
        text: safe to show: a heading, a value, or how many values are not shown.
        value: what the query language takes after the field; None on a line that is no value.
        records: how many of the matches have it, None where that was not counted.
        chosen: the term of the query that asks for it, None when it does not.
        more: the line stands for values that are not shown.
    """

    field: str
    text: str
    value: str | None = None
    records: int | None = None
    chosen: str | None = None
    more: bool = False

    @property
    def is_heading(self) -> bool:
        return self.value is None and not self.more


class FacetPanel(CursorList[FacetLine]):
    """Counts in a thread of its own what a question's matches have in common, and lists it with a cursor.

    What was counted before stays until the new counts are there, so that nothing flickers.
    """

    BINDINGS = bindings_for("facets")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "facets--heading", "facets--cursor", "facets--chosen", "facets--count", "facets--bar",
    }  # fmt: skip

    class Toggled(Message):
        """A value was chosen or given up: the query becomes this one."""

        def __init__(self, query: str) -> None:
            super().__init__()
            self.query = query

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._question: Question | None = None
        self._query = ""
        self._facets: Facets | None = None
        self._counted = Question()
        self._counting = False
        self._failed = False
        self._opened: set[str] = set()
        self._lines: list[FacetLine] = []
        # Of each field the records of its most frequent value: the bars of the others are drawn beside it.
        self._most: dict[str, int] = {}
        self._digits = 0  # of the longest count

    @property
    def total(self) -> int:
        """Lines in the panel."""
        return len(self._lines)

    @property
    def line(self) -> FacetLine | None:
        """The line under the cursor."""
        return self._lines[self.cursor] if self.cursor < self.total else None

    @property
    def lines(self) -> tuple[FacetLine, ...]:
        """What the panel lists."""
        return tuple(self._lines)

    def count(self, question: Question) -> None:
        """Count for that question; what is being counted for another one is given up."""
        self._question, self._counting, self._failed = question, True, False
        self.mark(question.query)
        self._read(question)

    def stop(self) -> None:
        """Give up what is being counted: nothing may be in the way of an answer."""
        self.workers.cancel_group(self, "facets")

    def mark(self, query: str) -> None:
        """Show what this query asks for as chosen."""
        self._query = query
        self._arrange()

    @flow(group="facets", exclusive=True, background=True)
    async def _read(self, question: Question) -> None:
        facets = None
        # A query that cannot be read is explained under the search line.
        with suppress(RegistryError):
            facets = await read(read_facets, host_of(self).datastore, question, unwanted())
        if question != self._question:
            return
        self._counting, self._failed = False, facets is None
        if facets is not None:
            self._facets, self._counted = facets, question
        self._arrange()

    def _arrange(self) -> None:
        """The lines anew, the cursor on what it was on."""
        if self._facets is None:
            self.refresh()
            return
        facts = host_of(self).facts
        owners = {} if facts is None else facts.owners
        before, old = self.line, self.cursor
        self._lines = facet_lines(self._facets, self._query, owners, self._opened)
        self._most, self._digits = {}, 0
        for line in self._lines:
            self._most[line.field] = max(self._most.get(line.field, 0), line.records or 0)
            self._digits = max(self._digits, len(count_text(line.records, self._is_exact(line))))
        self.fit()
        place = old
        if before is not None:
            same = (k for k, line in enumerate(self._lines) if (line.field, line.value) == (before.field, before.value))
            place = next(same, old)
        self.set_reactive(FacetPanel.cursor, self._value_near(self.within(place), 1))
        self.bring_into_view()
        self.refresh()

    # Moving

    def moved(self) -> None:
        """Nothing else follows the cursor."""

    def move_to(self, place: int) -> None:
        super().move_to(self._value_near(self.within(place), 1 if place > self.cursor else -1))

    def bring_into_view(self) -> None:
        super().bring_into_view()
        if self.cursor and self.cursor - 1 < self.top and self._lines[self.cursor - 1].is_heading:
            self.jump(self.cursor - 1)

    def _value_near(self, place: int, step: int) -> int:
        """The nearest line that is no heading, looked for in that direction first."""
        for direction in (step, -step):
            k = place
            while 0 <= k < self.total:
                if not self._lines[k].is_heading:
                    return k
                k += direction
        return 0

    def action_next_field(self) -> None:
        self._to_heading(1)

    def action_previous_field(self) -> None:
        self._to_heading(-1)

    def _to_heading(self, step: int) -> None:
        headings = [k for k, line in enumerate(self._lines) if line.is_heading]
        here = sum(k <= self.cursor for k in headings) - 1
        if headings:
            self.move_to(headings[max(0, min(here + step, len(headings) - 1))] + 1)

    # Choosing

    def action_choose(self) -> None:
        line = self.line
        if line is None:
            return
        if line.more:
            self._opened.add(line.field)
            self._arrange()
        else:
            self.post_message(self.Toggled(toggled(self._query, line)))

    action_open = action_choose

    def on_click(self, event: events.Click) -> None:
        super().on_click(event)
        place = self.top + event.y - HEADER
        if event.chain == 1 and event.y >= HEADER and place == self.cursor:
            self.action_choose()

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        heading = self.get_component_rich_style("facets--heading")
        if y < HEADER:
            note = self._note()
            text = cell(_TITLE, max(0, width - cell_len(note))) + note
            return Strip([Segment(text, heading)]).adjust_cell_length(width, heading)
        place = self.top + y - HEADER
        if place >= self.total:
            return Strip.blank(width, self.rich_style)
        line = self._lines[place]
        if line.is_heading:
            return Strip([Segment(f" {line.text}", heading)]).adjust_cell_length(width, heading)
        pointed = place == self.cursor
        name, count, bar = self._styles(line, pointed)
        number = count_text(line.records, self._is_exact(line))
        box = f"    {ELLIPSIS} " if line.more else " [x] " if line.chosen is not None else " [ ] "
        room = width - 1 - len(box) - self._digits - 2
        drawn = _bar(line.records, self._most[line.field])
        words = _called(line, room - len(drawn))
        # A name that needs the room is worth more than its bar.
        if line.more or room - len(drawn) < max(_NAME, cell_len(words)):
            words, drawn = _called(line, max(1, room)), ""
        room = max(1, room - len(drawn))
        segments = [
            Segment(">" if pointed else " ", name),
            Segment(box + cell(words, room), name),
            Segment(drawn, bar),
            Segment(f" {number:>{self._digits}} ", count),
        ]
        return Strip(segments).adjust_cell_length(width, name)

    def _is_exact(self, line: FacetLine) -> bool:
        # Of all records the replica keeps exact counts, but not of sizes and owners.
        kept = self._counted.asks_for_all and line.field not in ("size", "owner")
        return kept or (self._facets is not None and self._facets.exact)

    def _styles(self, line: FacetLine, pointed: bool) -> tuple[Style, Style, Style]:
        """Of the name, the count and the bar."""
        if pointed and self.has_focus:
            return (self.get_component_rich_style("facets--cursor"),) * 3
        chosen = line.chosen is not None
        name = self.get_component_rich_style("facets--chosen") if chosen else self.rich_style
        return name, self.get_component_rich_style("facets--count"), self.get_component_rich_style("facets--bar")

    def _note(self) -> str:
        if self._failed:
            return "not counted "
        if self._facets is not None and not self._facets.exact:
            return "~ of the newest "
        return f"{ELLIPSIS} " if self._counting and self._facets is None else ""


def facet_lines(facets: Facets, query: str, owners: dict[str, str], opened: Set[str]) -> list[FacetLine]:
    """The lines of the panel, those that the query asks for always among them.

    Args:
        owners: local names by address.
        opened: fields of which all values are shown.
    """
    lines: list[FacetLine] = []
    for field, facet in FACETS.items():
        values = list(_values(field, facets, query, owners))
        if not values:
            continue
        lines.append(FacetLine(field, facet.title))
        shown = values if field in opened else [line for k, line in enumerate(values) if k < FEW or line.chosen]
        lines += shown
        if len(shown) < len(values):
            lines.append(FacetLine(field, f"{len(values) - len(shown)} more", more=True))
    return lines


def toggled(query: str, line: FacetLine) -> str:
    """The query with the line's value, or without it when it asks for it already."""
    term = FACETS[line.field].term
    if line.chosen is not None:
        return without_term(query, term, line.chosen)
    return query if line.value is None else with_term(query, term, line.value)


def _called(line: FacetLine, room: int) -> str:
    """The words of a line in so many cells."""
    if line.field == "kind":
        return next((kind_cell(kind) for kind in KINDS if kind == line.text), line.text)
    return licence_in(line.text, room) if line.field == "license" else line.text


def _bar(records: int | None, most: int) -> str:
    """So many cells, filled in halves; what there is of at all has half a cell."""
    halves = max(1, round(2 * _BAR * records / most)) if records and most else 0
    return " " + ("━" * (halves // 2) + "╸" * (halves % 2)).ljust(_BAR)


def count_text(records: int | None, is_exact: bool) -> str:
    """`1,204`, or `~1,204` where not all matches were looked at."""
    if records is None:
        return ""
    return exact(records) if is_exact else f"~{exact(records)}"


def _values(field: str, facets: Facets, query: str, owners: dict[str, str]) -> Iterator[FacetLine]:
    asked = chosen(query, FACETS[field].term)
    for found in facets.values.get(field, []):
        value, label = found.value, found.label
        if field == "owner":
            name = owners.get(value)
            label = name or address_short(value)
            address = f"0x{value}"
            value = address[: 2 + _ADDRESS_DIGITS]
            term = next((term for term in asked if _names_owner(term, address, name)), None)
        else:
            term = next((term for term in asked if term.casefold() == value.casefold()), None)
        if term is not None:
            asked.remove(term)
        yield FacetLine(field, safe_text(label, 100), value, found.records, term)
    for term in asked:
        # Asked for, and none of the frequent ones: it must be possible to take it back.
        yield FacetLine(field, safe_text(term, 100), term, None, term)


def _names_owner(term: str, address: str, name: str | None) -> bool:
    if term.startswith("0x"):
        return address.startswith(term.lower())
    return name is not None and term.casefold() == name.casefold()
