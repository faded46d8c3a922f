"""One operation of the log as a line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui_registry.text import address_short, age
from tui_registry.tui.browse.detail_text import Surroundings
from tui_registry.tui.kit.lists import GAP, Column

if TYPE_CHECKING:
    from tui_registry.datastore import Operation

_LEAST_NAME: Final = 20

_WHEN: Final = Column("WHEN", 6, right=True)
_DID: Final = Column("DID", 12)
_KIND: Final = Column("KIND", 5)
_VERSION: Final = Column("VERSION", 9)
_BY: Final = Column("BY", 14)
_NOW: Final = Column("NOW", 7)
_CLOCK: Final = Column("CLOCK", 5, right=True)
_HASH: Final = Column("OPERATION", 12)

_BY_IMPORTANCE: Final = (_WHEN, _DID, _BY, _NOW, _VERSION, _KIND, _HASH, _CLOCK)
_BEFORE_NAME: Final = (_WHEN, _DID, _KIND)
_AFTER_NAME: Final = (_VERSION, _BY, _NOW, _CLOCK, _HASH)


def operation_columns(width: int) -> tuple[Column, ...]:
    """The columns that fit into so many cells; the name of the record takes what is left."""
    chosen: list[Column] = []
    left = width
    for column in _BY_IMPORTANCE:
        if left - column.width - GAP < _LEAST_NAME:
            break
        chosen.append(column)
        left -= column.width + GAP
    before = [column for column in _BEFORE_NAME if column in chosen]
    after = [column for column in _AFTER_NAME if column in chosen]
    return (*before, Column("RECORD", max(1, left)), *after)


def by_whom(operation: Operation, around: Surroundings) -> str:
    """Who signed it: you, a name that you gave, or the beginning and end of the address."""
    if operation.actor == around.address:
        return "you"
    return around.owners.get(operation.actor) or address_short(operation.actor)


def standing(operation: Operation) -> str:
    """What the operation is by now: what the record is made of, one of several last ones, or built upon."""
    if operation.is_winner:
        return "current"
    if not operation.is_head:
        return ""
    if operation.did == "deleted":
        # A removal that did not know of a write beside it: the record goes on.
        return "gone" if operation.is_gone else ""
    return "rival"


def operation_value(operation: Operation, column: Column, around: Surroundings) -> str:
    """What stands in a column."""
    match column.title:
        case "WHEN":
            return age(around.now - operation.updated_at)
        case "DID":
            return operation.did
        case "KIND":
            return operation.kind
        case "RECORD":
            return operation.name or "(no name)"
        case "VERSION":
            return operation.version
        case "BY":
            return by_whom(operation, around)
        case "NOW":
            return standing(operation)
        case "CLOCK":
            return str(operation.clock)
        case _:
            return operation.hash[:12]
