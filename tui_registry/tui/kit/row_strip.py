"""One line of the list, drawn. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui_registry.datastore import Row
from tui_registry.text import ELLIPSIS
from tui_registry.tui.browse.columns import GAP, Column, header_text, row_text

GUTTER: Final = 3  # ">! ": the cursor, and what one should know, or a star where one marked it


class RowStyles(NamedTuple):
    """For the name, for the other cells, for the mark."""

    name: Style
    other: Style
    mark: Style


def row_strip(
    row: Row, columns: tuple[Column, ...], now: int, width: int, styles: RowStyles, pointed: bool, marked: bool = False
) -> Strip:
    """A record's line; the cursor is a `>` too, so that colour is never alone."""
    first, *others = row_text(row, columns, now)
    segments = [
        Segment(">" if pointed else " ", styles.name),
        Segment(f"{'*' if marked else mark_of(row)} ", styles.mark),
        Segment(first, styles.name),
        *(Segment(" " * GAP + text, styles.other) for text in others),
    ]
    return Strip(segments).adjust_cell_length(width, styles.name)


def header_strip(columns: tuple[Column, ...], width: int, style: Style) -> Strip:
    """The titles of the columns."""
    text = " " * GUTTER + (" " * GAP).join(header_text(columns))
    return Strip([Segment(text, style)]).adjust_cell_length(width, style)


def waiting_strip(width: int, style: Style) -> Strip:
    """Where a record will be as soon as it is read."""
    return Strip([Segment(" " * GUTTER + ELLIPSIS, style)]).adjust_cell_length(width, style)


def mark_of(row: Row) -> str:
    """One letter for what one should know of a record: `!` a conflict, `+` a time ahead of this clock."""
    if row.heads > 1:
        return "!"
    return "+" if row.future else " "
