"""The columns of the conflict screen: the fields that differ, one of them in full, the items of a list.

Sides are numbered: -1 is the common ancestor, then come the versions from 0, and after the last one the result. Where
not all fit, the one under the cursor and its neighbours are shown, the result with them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.present.record_rows import value_row, variant
from tui_registry.present.version_words import item_pieces, letter, rows, text_pieces
from tui_registry.records.merging import Difference, Item, Piece
from tui_registry.text import safe_text
from tui_registry.tui.conflicts.decisions import ANCESTOR, FieldRow
from tui_registry.tui.kit.lists import GAP, GUTTER, Column, ItemList, RowStyles, cell
from tui_registry.tui.kit.text_flow import stack, wrapped

# A value is worth a column of so many cells.
_LEAST: Final = 27
_FIELD, _ORIGIN = Column("FIELD", 22), Column("FROM", 6)
_BRIEF: Final = 8
_LONGEST_ITEM: Final = 128


class Sides(NamedTuple):
    """The sides there are, and the one under the cursor.

    Attributes:
        versions: how many.
        based: there is an ancestor. settled: there is a result.
    """

    versions: int
    based: bool
    settled: bool
    cursor: int

    @property
    def all(self) -> list[int]:
        return [*([ANCESTOR] if self.based else []), *range(self.versions + self.settled)]

    @property
    def on_version(self) -> bool:
        """Whether the cursor is on a version."""
        return 0 <= self.cursor < self.versions

    def moved(self, step: int) -> Sides:
        """The cursor so many sides further, or on the last one there is."""
        sides = self.all
        place = sides.index(self.cursor) + step
        return self._replace(cursor=sides[max(0, min(place, len(sides) - 1))])

    def name(self, side: int) -> str:
        """`before`, `A current`, `B rival`, `result`."""
        if side == ANCESTOR:
            return "before"
        return "result" if side == self.versions else f"{letter(side)} {'rival' if side else 'current'}"

    def title(self, side: int, brief: bool = False) -> str:
        """The name at the head of a column: in brackets where the cursor is."""
        name = self.name(side).split()[0] if brief else self.name(side)
        return f"[{name}]" if side == self.cursor else f" {name} "

    def fitting(self, count: int) -> list[int]:
        """At most so many of them, with the one under the cursor."""
        sides = self.all
        fixed = sides[-1:] if self.settled and 1 < count < len(sides) else []
        others = sides[: len(sides) - len(fixed)]
        room = max(1, count - len(fixed))
        place = others.index(self.cursor) if self.cursor in others else len(others) - 1
        start = max(0, min(place - room // 2, len(others) - room))
        return others[start : start + room] + fixed


class Layout(NamedTuple):
    """The sides that fit, and how many cells each of them has."""

    sides: list[int]
    width: int


def layout(sides: Sides, width: int) -> Layout:
    """How sides are laid out in lines of so many cells, of which the first columns take theirs."""
    room = width - _left(sides) + GAP
    shown = sides.fitting(max(1, room // (_LEAST + GAP)))
    return Layout(shown, max(1, room // len(shown) - GAP))


def _left(sides: Sides) -> int:
    """Cells before the first side."""
    return GUTTER + _FIELD.width + GAP + (_ORIGIN.width if sides.settled else 0) + GAP


# The lists


class SideColumns:
    """The sides that a list of rows shows, a column each, of which one cell is under the cursor and not the whole row.

    Attributes:
        sides: those there are.
    """

    def __init__(self) -> None:
        self.sides = Sides(0, False, False, 0)

    def titles(self, shown: Layout, brief: bool = False) -> Iterable[Column]:
        """The columns of these sides."""
        return (Column(self.sides.title(side, brief), shown.width) for side in shown.sides)

    def strip(
        self,
        mark: str,
        first: Sequence[tuple[Column, str]],
        told: Sequence[tuple[Column, int, str, bool]],
        width: int,
        plain: RowStyles,
        pointed: Style | None,
    ) -> Strip:
        """A row.

        Args:
            first: what stands in the columns before the sides.
            told: what stands on each side, and whether it is worth a look.
            plain: for the cells that are not under the cursor. pointed: for the one that is, None in other rows.
        """
        name = plain.name + Style(bold=pointed is not None)
        segments = [Segment(" " if pointed is None else ">", name), Segment(f"{mark} ", plain.mark)]
        gap = Segment(" " * GAP, plain.name)
        for column, text in first:
            segments += [Segment(cell(text, column.width), name), gap]
        for column, side, text, matters in told:
            style = plain.mark if text == UNDECIDED else plain.name if matters else plain.other
            if pointed is not None and side == self.sides.cursor:
                style = pointed
            segments += [Segment(cell(f" {text}", column.width), style), gap]
        return Strip(segments).adjust_cell_length(width, plain.name)


class FieldTable(ItemList[FieldRow]):
    """The fields that differ, a line each, with a column for each side; the cursor is shown without the focus too."""

    MARKED: ClassVar[bool] = True

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._board = SideColumns()

    def point_at_side(self, sides: Sides) -> None:
        """Show these sides, with the cursor on one of them."""
        if sides != self._board.sides:
            self._board.sides = sides
            self.draw_in_other_columns()

    def columns(self, width: int) -> tuple[Column, ...]:
        sides = self._board.sides
        origin = _ORIGIN if sides.settled else Column("", 0)
        shown = layout(sides, width + self._gutter)
        if len(shown.sides) == 1:
            every = " ".join(sides.title(side) for side in sides.all)
            if len(every) <= shown.width:
                return (_FIELD, origin, Column(every, shown.width))
        return (_FIELD, origin, *self._board.titles(shown))

    def key_of(self, item: FieldRow) -> Hashable:
        return item.path

    def mark_of(self, item: FieldRow) -> str:
        """A letter that asks for something: `?` for a decision, `!` for a value that is wrong."""
        return "?" if item.waits and self._board.sides.settled else "!" if item.is_wrong else " "

    def draw(self, item: FieldRow, columns: tuple[Column, ...], width: int, styles: RowStyles, pointed: bool) -> Strip:
        sides = self._board.sides
        first = (value_row(item.path, item.result).label, item.origin if sides.settled else "")
        told = [
            (column, side, *short(item, side, sides, column.width - 1))
            for column, side in zip(columns[2:], layout(sides, width).sides, strict=True)
        ]
        return self._board.strip(
            self.mark_of(item),
            [*zip(columns, first, strict=False)],
            told,
            width,
            self._styles_for(False),
            styles.name if pointed else None,
        )


class ItemTable(ItemList[Item]):
    """The items of a list, a line each, with a column for each side that has it or not."""

    MARKED: ClassVar[bool] = True

    class Toggled(Message):
        """The item under the cursor goes into the result, or out of it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.based = False
        self._board = SideColumns()

    def point_at_side(self, sides: Sides) -> None:
        """Show these sides, with the cursor on one of them."""
        if sides != self._board.sides:
            self._board.sides = sides
            self.draw_in_other_columns()

    def fitting(self, width: int) -> Layout:
        """Below the columns of the fields where all sides fit, in narrow ones else."""
        sides = self._board.sides
        wide = layout(sides, width)
        if len(wide.sides) == len(sides.all):
            return wide
        room = width - GUTTER - _FIELD.width
        return Layout(sides.fitting(max(1, room // (_BRIEF + GAP))), _BRIEF)

    def columns(self, width: int) -> tuple[Column, ...]:
        width += self._gutter
        shown = self.fitting(width)
        is_brief = shown.width == _BRIEF
        left = width - GUTTER - len(shown.sides) * (shown.width + GAP)
        return (Column("ITEM", max(1, left)), *self._board.titles(shown, is_brief))

    def key_of(self, item: Item) -> Hashable:
        return variant(item.value), isinstance(item.value, dict)

    def draw(self, item: Item, columns: tuple[Column, ...], width: int, styles: RowStyles, pointed: bool) -> Strip:
        told = [
            (column, side, *self._of_side(item, side))
            for column, side in zip(columns[1:], self.fitting(width).sides, strict=True)
        ]
        return self._board.strip(
            self.mark_of(item),
            [(columns[0], safe_text(variant(item.value), _LONGEST_ITEM))],
            told,
            width,
            self._styles_for(False),
            styles.name if pointed and self.has_focus else None,
        )

    def _of_side(self, item: Item, side: int) -> tuple[str, bool]:
        """What stands on a side, and whether it is worth a look."""
        if side == ANCESTOR:
            return ("yes" if item.based else ""), False
        has = side in item.having
        if side == self._board.sides.versions:
            return ("[x]" if has else "[ ]"), True
        if not self.based or has == item.based:
            return ("yes" if has else ""), not self.based
        return ("+" if has else "-"), True


# What stands in the cells


UNDECIDED: Final = "undecided"


def short(row: FieldRow, side: int, sides: Sides, width: int) -> tuple[str, bool]:
    """A side of a field in one line of so many cells, and whether it is worth a look."""
    found = row.difference
    if side == sides.versions:
        told = found._replace(values=(*found.values, row.result))
        return (UNDECIDED if row.state == "open" else _parted(told, len(found.values), width)), True
    if side == ANCESTOR:
        return _parted(found, side, width), False
    value = found.values[side]
    if found.based and value == found.base:
        return _parted(found, side, width), False
    if found.shape == "list" and found.based:
        pieces = [piece for piece in item_pieces(found.base, value) if piece.sign != " "]
        return ", ".join(f"{piece.sign} {piece.text}" for piece in pieces) or "in another order", True
    return _parted(found, side, width), True


def _parted(found: Difference, side: int, width: int) -> str:
    """A value in short; long texts that begin alike from where they part."""
    if side == ANCESTOR:
        shown = rows(found, max(8, width)).base
        return "" if shown is None else shown.text
    return rows(found, max(8, width)).values[side].text


class FullText(NamedTuple):
    """What a side says in full: what stayed, and what is lit."""

    side: int
    pieces: Sequence[Piece]


def in_full(row: FieldRow, sides: Sides, shown: Sequence[int]) -> list[FullText]:
    """These sides of a field, each with what it changed; the ancestor with what the version under the cursor changed.

    It may take some ten milliseconds.
    """
    found = row.difference
    texts = {side: _text(found, row.result if side == sides.versions else _value(found, side)) for side in shown}
    other = sides.cursor if sides.on_version else 0
    was = _text(found, found.base if found.based else found.values[0])
    told = []
    for side, text in texts.items():
        if side == sides.versions and row.state == "open":
            told.append(FullText(side, [Piece(UNDECIDED, " ")]))
        elif side == ANCESTOR:
            pieces = _compared(found, text, _text(found, found.values[other]))
            told.append(FullText(side, [piece for piece in pieces if piece.sign != "+"]))
        else:
            told.append(FullText(side, [piece for piece in _compared(found, was, text) if piece.sign != "-"]))
    return told


def _value(found: Difference, side: int) -> Json:
    return found.base if side == ANCESTOR else found.values[side]


def _text(found: Difference, value: Json) -> str:
    """A value as it is compared: long texts whole, others in words."""
    if found.shape == "text" and isinstance(value, str) and value:
        return value
    return value_row(found.path, value).text


def _compared(found: Difference, before: str, after: str) -> Sequence[Piece]:
    if found.shape == "text":
        return text_pieces(before, after)
    return [Piece(after, " ")] if before == after else [Piece(before, "-"), Piece(after, "+")]


_LIT: Final = {" ": "", "+": "bold underline $text-success", "-": "strike $text-error"}


class Columns(NamedTuple):
    """Texts beside each other; `first` is the line in which the first lit word stands."""

    content: Content
    first: int


def columns(told: Sequence[FullText], sides: Sides, width: int) -> Columns:
    """Sides of a field in full: below the columns of the list where it shows several, over the whole width where it
    shows one."""
    alone = len(told) == 1
    indent, room = (GUTTER, width - GUTTER) if alone else (_left(sides) + 1, layout(sides, width).width - 1)
    parts = [_wrapped(text.pieces, room) for text in told]
    lines: list[Content] = []
    for number in range(max((len(part) for part in parts), default=0)):
        line = Content(" " * indent)
        for part in parts:
            piece = part[number] if number < len(part) else Content("")
            line = line + piece + Content(" " * (room + 1 + GAP - piece.cell_length))
        lines.append(line)
    lit = (number for part in parts for number, line in enumerate(part) if line.spans)
    return Columns(stack(lines), min(lit, default=0))


def _wrapped(pieces: Sequence[Piece], width: int) -> list[Content]:
    content = Content.assemble(*((piece.text, _LIT[piece.sign]) for piece in pieces))
    return [line.rstrip() for line in wrapped(content, width)]
