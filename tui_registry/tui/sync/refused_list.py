"""The operations that were refused: a line each, and one of them in full."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import ClassVar

from textual.content import Content

from tui_registry.datastore import Quarantined
from tui_registry.text import age, exact, safe_text, size_bytes
from tui_registry.tui.browse.detail_text import moment
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import GAP, Column, ItemList
from tui_registry.tui.kit.text_flow import field, paragraph, stack

_FIXED = (Column("WHEN", 6, right=True), Column("FROM", 14), Column("CODE", 11), Column("SIZE", 7, right=True))
_LABEL = 8
_NAMED = 4


class RefusedList(ItemList[Quarantined]):
    """The latest first."""

    PLAIN: ClassVar[tuple[str, ...]] = ("FROM", "CODE")

    def columns(self, width: int) -> tuple[Column, ...]:
        left = width - sum(column.width + GAP for column in _FIXED)
        return (*_FIXED, Column("WHY", max(1, left)))

    def value(self, item: Quarantined, column: Column) -> str:
        match column.title:
            case "WHEN":
                return age(host_of(self).now() - item.received_at)
            case "FROM":
                return item.source or "-"
            case "CODE":
                return item.code
            case "SIZE":
                return size_bytes(item.size)
            case _:
                return item.sentence

    def key_of(self, item: Quarantined) -> Hashable:
        return item


def refused_in_full(item: Quarantined, now: int, width: int) -> Content:
    """Why, from whom, when, and how its bytes begin: a stranger's bytes, made safe to show."""
    lines = field("why", f"{item.code}: {safe_text(item.sentence, 400)}", width, _LABEL)
    lines += field("from", safe_text(item.source, 200) or "unknown", width, _LABEL)
    lines += field("when", moment(item.received_at, now), width, _LABEL)
    shown = "all of it" if len(item.start) >= item.size else f"the first {exact(len(item.start))} are shown"
    lines += field("bytes", f"{exact(item.size)}, {shown}", width, _LABEL)
    lines.append(Content(""))
    text = safe_text(text_of_bytes(item.start), 8 * len(item.start) + 1, newlines=True)
    for line in text.split("\n"):
        lines += paragraph(line, width, "$foreground-muted")
    return stack(lines)


def text_of_bytes(start: bytes) -> str:
    """Bytes as text, with what is no UTF-8 written out as `\\x9b`."""
    return start.decode(errors="backslashreplace")


def counts_in_words(sources: Mapping[str, int]) -> str:
    """Who sent how many, the one of most first: `hub 9, usb 3 and 2 others`."""
    named = [f"{safe_text(source, 40) or 'unknown'} {exact(count)}" for source, count in list(sources.items())[:_NAMED]]
    others = len(sources) - len(named)
    more = f" and {exact(others)} other{'' if others == 1 else 's'}" if others else ""
    return f"{', '.join(named)}{more}"
