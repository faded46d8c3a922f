"""Which columns the list of records shows in a given width, and what stands in them. Pure."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len

from tui_registry.datastore import Row
from tui_registry.text import address_short, age, count_words, safe_text
from tui_registry.tui.kit.lists import GAP, Column, cell

_LEAST_NAME: Final = 20
# Longer values are cut before they are made safe: nobody's name may cost a frame.
_LONGEST_CELL: Final = 200


def columns_for(width: int) -> tuple[Column, ...]:
    """The columns that fit into so many cells, in the order they are shown; the name takes what is left.

    A column is dropped whole before the name gets narrower than 20 cells.
    """
    chosen: list[Column] = []
    used = 0
    for column in _BY_IMPORTANCE:
        needed = column.width + GAP
        least = _LEAST_NAME if len(chosen) < _BASIC else _COMFORTABLE_NAME
        if used + needed + least > width:
            break
        chosen.append(column)
        used += needed
    shown = [column for column in _IN_ORDER if column in chosen]
    if _TYPE in chosen and width - used >= _COMFORTABLE_NAME:
        # Every type in full, as soon as names have room.
        shown[shown.index(_TYPE)] = _WHOLE_TYPE
        used += _WHOLE_TYPE.width - _TYPE.width
    return (Column("NAME", max(1, width - used)), *shown)


def row_text(row: Row, columns: tuple[Column, ...], now: int) -> list[str]:
    """The row's cells, each as wide as its column."""
    cells = []
    for column in columns:
        text = safe_text(_value(column.title, row, now), _LONGEST_CELL)
        if column.title == "LICENCE":
            text = licence_in(text, column.width)
        cells.append(cell(text, column.width, column.right))
    return cells


def mark_of(row: Row) -> str:
    """One letter for what one should know of a record: `!` a conflict, `+` a time ahead of this clock."""
    if row.heads > 1:
        return "!"
    return "+" if row.future else " "


def licence_in(text: str, width: int) -> str:
    """A licence for so many cells: without the prefix that tells less than what follows, where both have no room."""
    return text.removeprefix("LicenseRef-") if cell_len(text) > width else text


def _value(title: str, row: Row, now: int) -> str:
    match title:
        case "NAME":
            return row.name or "(no name)"
        case "KIND":
            return row.kind
        case "TYPE":
            return row.type
        case "FRAMEWORK":
            return row.framework
        case "SIZE":
            return count_words(row.parameters) if row.parameters else "-"
        case "CONTEXT":
            return count_words(row.context_length) if row.context_length else "-"
        case "LICENCE":
            return row.license
        case "VERSION":
            return row.version
        case "OWNER":
            return address_short(row.owner)
        case _:
            return age(now - row.updated_at)


_KIND: Final = Column("KIND", 5)
_TYPE: Final = Column("TYPE", 11)
_WHOLE_TYPE: Final = Column("TYPE", 15)
_SIZE: Final = Column("SIZE", 6, right=True)
_LICENCE: Final = Column("LICENCE", 12)
_UPDATED: Final = Column("UPDATED", 7, right=True)
_CONTEXT: Final = Column("CONTEXT", 7, right=True)
_FRAMEWORK: Final = Column("FRAMEWORK", 12)
_VERSION: Final = Column("VERSION", 9)
_OWNER: Final = Column("OWNER", 12)

_BY_IMPORTANCE: Final = (_SIZE, _KIND, _UPDATED, _TYPE, _LICENCE, _CONTEXT, _FRAMEWORK, _OWNER, _VERSION)
_IN_ORDER: Final = (_KIND, _TYPE, _FRAMEWORK, _SIZE, _CONTEXT, _LICENCE, _VERSION, _OWNER, _UPDATED)
# The first five earn their place beside a short name; more columns come only once names are comfortable.
_BASIC: Final = 5
_COMFORTABLE_NAME: Final = 32
