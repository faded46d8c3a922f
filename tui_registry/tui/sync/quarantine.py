"""The quarantine: operations that were refused, who sent them and why."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from typing import ClassVar, Final

from textual import on
from textual.content import Content
from textual.widget import Widget

from tui_registry.datastore import Quarantined
from tui_registry.present.amounts import moment
from tui_registry.text import age, exact, plural, safe_text, size_bytes
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.kit.frame import BESIDE, FrameScreen
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import GAP, Column, ItemList, ListAndText
from tui_registry.tui.kit.text_flow import field, paragraph, stack

# More than anybody looks through; the command `quarantine` lists them all.
MOST_LISTED: Final = 1_000
_FIXED = (Column("WHEN", 6, right=True), Column("FROM", 14), Column("CODE", 11), Column("SIZE", 7, right=True))
_LABEL = 8
_NAMED = 4


class RefusedList(ItemList[Quarantined]):
    """A line for each, the latest first."""

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


class QuarantineScreen(FrameScreen[None]):
    """Over Sync; Esc leads back."""

    AUTO_FOCUS: ClassVar[str] = "RefusedList"
    HORIZONTAL_BREAKPOINTS = BESIDE
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-tall")]  # noqa: RUF012 - as Textual has it
    HEADING: ClassVar[str] = "Quarantine"
    MODE: ClassVar[str] = "app.sync"
    WHERE: ClassVar[tuple[Where, ...]] = ("quarantine",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "quarantine.read", "quarantine.copy", "quarantine.back", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def compose_body(self) -> Iterable[Widget]:
        yield ListAndText(RefusedList(id="refused"), _NOTHING)

    def on_mount(self) -> None:
        super().on_mount()
        self._read()
        self.watch(self.host, "facts", self._read, init=False)

    @property
    def _refused(self) -> ListAndText[Quarantined]:
        return self.query_one(ListAndText)

    # Reading

    @flow(background=True, exclusive=True, group="quarantine")
    async def _read(self) -> None:
        refused = await self.read(self.datastore.log.quarantine, MOST_LISTED)
        sources = await self.read(self.datastore.log.quarantine_sources)
        total, listed = sum(sources.values()), len(refused)
        self._refused.show(refused)
        self.note(f"{exact(total)} refused" + (f", the latest {exact(listed)} are listed" if listed < total else ""))
        self.hint(f"sent by {counts_in_words(sources)}" if listed else "")

    @on(ItemList.Highlighted)
    def _highlighted(self, message: ItemList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        item = self._refused.item
        if item is not None:
            self._refused.tell(partial(refused_in_full, item, self.host.now()))

    # Actions

    def action_read(self) -> None:
        """From the list into the text of the one under the cursor."""
        self._refused.read_on()

    @flow
    async def action_copy(self) -> None:
        """Copy what one would show the peer that sent it."""
        item = self._refused.item
        if item is not None:
            report = {**item._asdict(), "start": text_of_bytes(item.start)}
            await copy_text(self, json.dumps(report, indent=2), "the report of what was refused", file="copied.json")

    def action_back(self) -> None:
        """From the text to the list, from the list to Sync."""
        if not self._refused.go_back():
            self.dismiss(None)


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
    more = f" and {plural(others, 'other')}" if others else ""
    return f"{', '.join(named)}{more}"


_NOTHING: Final = Content.assemble(
    ("Nothing was refused.\n\n", "bold"),
    "An operation from elsewhere that breaks a rule ends here, with who sent it and which rule\n"
    "it breaks. It never becomes part of this replica, and the good ones beside it are kept.",
)
