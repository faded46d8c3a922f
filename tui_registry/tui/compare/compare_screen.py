"""Two to four records in columns: the table, whose labels and heads stay where they are, and its screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui_registry.datastore import Datastore, Entry
from tui_registry.errors import Record
from tui_registry.frozen import NamedTuple
from tui_registry.present.compare import (
    DIFFERS,
    GAP,
    GONE,
    GUTTER,
    Comparison,
    Line,
    Tone,
    compare,
    head_lines,
    in_words,
    markdown,
    models_named,
    names_in,
    row_lines,
    text_lines,
)
from tui_registry.text import exact, safe_text
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import Where, action, bindings_for, key_of
from tui_registry.tui.kit.copying import can_copy, copy_text, write_text
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.kit.frame import FrameScreen

# A column that is narrower breaks a count with its short form, `7,615,616,512 (7.6 B)`; prose in a wider one is hard to
# read.
_LEAST_COLUMN: Final = 24
_MOST_COLUMN: Final = 88
# Of the copied text: two records in it fit a terminal of 80 columns.
_COPIED_WIDTH: Final = 78


class _TableLine(NamedTuple):
    """A line below the heads: of which row, what stands before its cells, and the cells that are in sight."""

    path: str
    sign: str
    label: str
    label_tone: Tone
    cells: list[Line]


class CompareTable(ScrollView, can_focus=True):
    """Records in columns. As many as have room are in sight, the one with the cursor among them.

    Attributes:
        comparison: what it shows; None until there is something.
        only_differing: whether the fields in which all records agree are left out.
        column: the place of the record that keys are about.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    BINDINGS = bindings_for("text")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "compare--head", "compare--cursor", "compare--lit", "compare--quiet", "compare--bar", "compare--rest",
    }  # fmt: skip

    class Moved(Message):
        """A person went to another column."""

    class Chosen(Message):
        """A column was double clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.comparison: Comparison | None = None
        self.only_differing = False
        self.column = 0
        self._first = 0
        self._width = 1
        self._places = range(0)
        self._heads: list[list[Line]] = []
        self._lines: list[_TableLine] = []

    # What it offers

    def show(self, comparison: Comparison) -> None:
        """Show this now; the column and the field at the top stay."""
        self.comparison = comparison
        self.column = min(self.column, len(comparison.heads) - 1)
        self._lay_out()

    def show_differing(self, only: bool) -> None:
        """Leave out the fields in which all agree, or show all; the field at the top stays, or the next one."""
        self.only_differing = only
        self._lay_out()

    def move(self, step: int) -> None:
        """To the next column (1) or the one before (-1), if there is one."""
        if self.comparison is not None:
            self.move_to(self.column + step)

    def move_to(self, place: int) -> None:
        """To that column, or the nearest there is."""
        last = 0 if self.comparison is None else len(self.comparison.heads) - 1
        place = max(0, min(place, last))
        if place != self.column:
            self.column = place
            if place in self._places:
                self.refresh()
            else:
                self._lay_out()
            self.post_message(self.Moved())

    # Layout

    def on_mount(self) -> None:
        self.watch(self.app, "theme", self._draw_anew, init=False)

    def _draw_anew(self) -> None:
        self.refresh()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        comparison = self.comparison
        width = self.scrollable_content_region.width
        if comparison is None or not width:
            return
        top = round(self.scroll_y)
        at_top = self._lines[top].path if 0 < top < len(self._lines) else ""
        count = len(comparison.heads)
        room = width - GUTTER - comparison.label_width
        fit = max(1, min(count, room // (_LEAST_COLUMN + GAP)))
        self._width = max(1, min(_MOST_COLUMN, room // fit - GAP))
        self._first = max(self.column - fit + 1, min(self._first, self.column, count - fit))
        self._places = range(self._first, self._first + fit)
        self._heads = head_lines(comparison, self._places, self._width, cell_len)
        self._lines = list(self._lines_of(comparison))
        self.virtual_size = Size(1, len(self._heads) + len(self._lines))
        self._keep_at_top(comparison, at_top)
        self.refresh()

    def _lines_of(self, comparison: Comparison) -> Iterable[_TableLine]:
        for row in comparison.shown(self.only_differing):
            sign, tone = (DIFFERS, _PLAIN) if row.differs else (" ", _QUIET)
            for place, cells in enumerate(row_lines(row, self._places, self._width, cell_len)):
                yield _TableLine(row.path, *((sign, row.label) if place == 0 else ("", "")), tone, cells)

    def _keep_at_top(self, comparison: Comparison, path: str) -> None:
        """Scroll to the field that was at the top, or else to the one after it that is shown."""
        order = {row.path: place for place, row in enumerate(comparison.rows)}
        before = order.get(path, 0)
        top = next((y for y, line in enumerate(self._lines) if order[line.path] >= before), 0)
        if path and (round(self.scroll_y) >= len(self._lines) or self._lines[round(self.scroll_y)].path != path):
            self.scroll_to(y=top, animate=False, immediate=True)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        comparison = self.comparison
        place = round(self.scroll_y) + y - len(self._heads)
        if comparison is None:
            segments = []
        elif y < len(self._heads):
            segments = self._head_segments(comparison, y)
        elif place < len(self._lines):
            line = self._lines[place]
            label = line.label.ljust(comparison.label_width)
            segments = [
                Segment(line.sign.ljust(GUTTER), self._style("lit")),
                Segment(label, self._style(line.label_tone)),
            ]
            for cell in line.cells:
                segments.append(Segment(" " * GAP, self.rich_style))
                segments += self._segments(cell)
        elif place == 1 and not self._lines:
            segments = [Segment(f"  {_NOTHING}", self._style("quiet"))]
        else:
            segments = []
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _head_segments(self, comparison: Comparison, y: int) -> list[Segment]:
        room = GUTTER + comparison.label_width
        segments = [Segment(self._whereabouts(comparison, y).ljust(room), self._style("quiet"))]
        head, pointed = self.get_component_rich_style("compare--head"), self.get_component_rich_style("compare--cursor")
        for place, cell in zip(self._places, self._heads[y], strict=True):
            is_pointed = place == self.column
            segments.append(Segment("> " if is_pointed and y == 0 else " " * GAP, head))
            if is_pointed:
                segments.append(Segment("".join(part.text for part in cell), pointed))
            else:
                segments += [
                    Segment(part.text, head if part.tone == "plain" else self._style(part.tone)) for part in cell
                ]
        return segments

    def _whereabouts(self, comparison: Comparison, y: int) -> str:
        """Which columns are in sight, where not all are."""
        count = len(comparison.heads)
        if y or len(self._places) == count:
            return ""
        first, last = self._places[0], self._places[-1]
        numbers = f"{first + 1}" if first == last else f"{first + 1}-{last + 1}"
        return f"{'‹' if first else ' '} {numbers} of {count} {'›' if last < count - 1 else ' '}"

    def _segments(self, line: Line) -> list[Segment]:
        return [Segment(part.text, self._style(part.tone)) for part in line]

    def _style(self, tone: Tone) -> Style:
        return self.rich_style if tone == _PLAIN else self.get_component_rich_style(f"compare--{tone}")

    # The mouse

    def on_click(self, event: events.Click) -> None:
        comparison = self.comparison
        if comparison is None:
            return
        x = event.x - GUTTER - comparison.label_width
        place = self._first + x // (self._width + GAP)
        if x >= 0 and place in self._places:
            self.move_to(place)
            if event.chain == 2:
                self.post_message(self.Chosen())


class CompareScreen(FrameScreen[None]):
    """The records as they are now; one that is deleted meanwhile is shown as it was last, and said to be gone."""

    CSS_PATH: ClassVar[str] = "compare.tcss"
    AUTO_FOCUS: ClassVar[str] = "CompareTable"
    HEADING: ClassVar[str] = "Compare"
    WHERE: ClassVar[tuple[Where, ...]] = ("compare",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "compare.open", "compare.next", "compare.differing", "compare.copy", "compare.back", "app.help", "app.palette",
    )  # fmt: skip

    def __init__(
        self,
        entries: Sequence[Entry],
        detail_of: Callable[[Entry], Screen[None]],
        behind: Mapping[str, Record] = MappingProxyType({}),
        models: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """
        Args:
            entries: two to four of them.
            detail_of: makes the screen that shows one in full.
            behind: the manifests of those that have one, by the id of the record.
            models: names of the models that they name, by id.
        """
        super().__init__()
        self._entries = list(entries)
        self._gone: frozenset[str] = frozenset()
        self._behind = behind
        self._models = models
        self._detail_of = detail_of
        self._table = CompareTable()

    def compose_body(self) -> Iterable[Widget]:
        yield self._table

    def on_mount(self) -> None:
        super().on_mount()
        self._show()
        self.watch(self.host, "facts", self._read, init=False)
        self.watch(self.host, "minute", self._show, init=False)

    # What it shows

    @flow(group="entries", exclusive=True, background=True)
    async def _read(self) -> None:
        now, self._behind, self._models = await self.read(_read_again, self.datastore, self._entries)
        self._entries = [then if entry is None else entry for then, entry in zip(self._entries, now, strict=True)]
        self._gone = frozenset(then.id for then, entry in zip(self._entries, now, strict=True) if entry is None)
        self._show()

    def _show(self) -> None:
        self._table.show(compare(self._entries, self.host.now(), self._gone, self._behind, self._models))
        self._say_what_is_there()

    def _say_what_is_there(self) -> None:
        """What there is to know of the record under the cursor, or else how much differs."""
        comparison = self._table.comparison
        if comparison is None:
            return
        head = comparison.heads[self._table.column]
        name = f"“{safe_text(head.name, 40)}”"
        if head.gone:
            self.hint(f"{name} was {GONE}: shown as it was last", "problem")
        elif head.warnings:
            self.hint(f"{name}: {head.warnings[0]}", "problem")
        else:
            key, only = action("compare.differing").footer_key, self._table.only_differing
            self.hint(f"{in_words(comparison)} ({DIFFERS}); {key} shows {'all of them' if only else 'only these'}")

    # Actions

    @on(CompareTable.Moved)
    def _moved(self, message: CompareTable.Moved) -> None:
        message.stop()
        self.next_step()
        self._say_what_is_there()

    @on(CompareTable.Chosen)
    def _chosen(self, message: CompareTable.Chosen) -> None:
        message.stop()
        self.action_open()

    def action_next(self) -> None:
        self._table.move(1)

    def action_previous(self) -> None:
        self._table.move(-1)

    def action_differing(self) -> None:
        """Between the fields that differ and all of them."""
        self.next_step()
        self._table.show_differing(not self._table.only_differing)
        self._say_what_is_there()

    @flow
    async def action_open(self) -> None:
        """Open the record of the column."""
        entry = self._entries[self._table.column]
        if entry.id in self._gone:
            self.say(f"this record was {GONE}", "problem")
        else:
            await self.ask(self._detail_of(entry))

    @flow
    async def action_copy(self) -> None:
        """Copy what is shown, all columns of it."""
        comparison, only = self._table.comparison, self._table.only_differing
        if comparison is None:
            return
        which = "the fields that differ" if only else "all fields"
        question = kit.ChooseScreen(
            f"Copy of this table: {which} of {exact(len(comparison.heads))} records",
            [
                kit.Choice("t", "text", "text", "columns side by side, bars too"),
                kit.Choice("m", "markdown", "Markdown", "a table for an issue or a page"),
                kit.Choice("w", "file", "Markdown into a file", "in the replica's folder"),
            ],
            detail="" if can_copy() else "This terminal lets no program copy: all of it goes to a file.",
        )
        otherwise = f"; not there? {key_of('compare.copy')} w writes a file"
        match await self.ask(question):
            case "text":
                width = _COPIED_WIDTH if len(comparison.heads) == 2 else 2 * _COPIED_WIDTH
                text = "\n".join(text_lines(comparison, only, width, cell_len))
                await copy_text(self, text, "the table", otherwise=otherwise)
            case "markdown":
                text = markdown(comparison, only)
                await copy_text(
                    self,
                    text,
                    "the table",
                    otherwise=otherwise,
                    file="copied.md",
                )
            case "file":
                await write_text(self, markdown(comparison, only), "the table", "copied.md")

    def action_back(self) -> None:
        self.dismiss(None)


def read_beside(datastore: Datastore, entries: Sequence[Entry]) -> tuple[dict[str, Record], dict[str, str]]:
    """The manifests of those that have one, by the id of the record, and the names of the models that they name."""
    behind = datastore.manifests.of(entry.id for entry in entries)
    return behind, names_in(datastore.bodies(models_named(entries, behind)))


def _read_again(
    datastore: Datastore, entries: Sequence[Entry]
) -> tuple[list[Entry | None], dict[str, Record], dict[str, str]]:
    """The same records as they are now, None for those that are gone; and what stands beside them."""
    now = [datastore.entry(entry.id, entry.kind) for entry in entries]
    return now, *read_beside(datastore, [entry for entry in now if entry is not None])


_PLAIN: Final[Tone] = "plain"
_QUIET: Final[Tone] = "quiet"
_NOTHING: Final = "No field differs: . shows all of them"
