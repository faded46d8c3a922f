"""The quarantine: operations that were refused, who sent them and why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import ClassVar, Final

from textual import on, work
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import get_current_worker

from tui_registry.datastore import Quarantined
from tui_registry.errors import RegistryError
from tui_registry.text import exact
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.copying import CopyingScreen
from tui_registry.tui.kit.lists import ItemList
from tui_registry.tui.kit.messages import Failed
from tui_registry.tui.kit.text_flow import Flow
from tui_registry.tui.sync.refused_list import RefusedList, counts_in_words, refused_in_full, text_of_bytes

# More than anybody looks through; the command `quarantine` lists them all.
MOST_LISTED: Final = 1_000


class RefusedRead(Message):
    """The latest refused operations, and how many each source sent."""

    def __init__(self, refused: list[Quarantined], sources: dict[str, int]) -> None:
        super().__init__()
        self.refused = refused
        self.sources = sources


class RefusedBody(VerticalScroll, can_focus=True):
    """The one under the cursor in full, scrolled like the detail's text."""

    BINDINGS = bindings_for("text")


class QuarantineScreen(CopyingScreen):
    """Over Sync; Esc leads back."""

    CSS_PATH: ClassVar[str] = "quarantine.tcss"
    AUTO_FOCUS: ClassVar[str] = "RefusedList"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-tall")]  # noqa: RUF012 - as Textual has it
    HEADING: ClassVar[str] = "Quarantine"
    MODE: ClassVar[str] = "app.sync"
    WHERE: ClassVar[tuple[Where, ...]] = ("quarantine",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "quarantine.read", "quarantine.copy", "quarantine.back", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def compose_body(self) -> Iterable[Widget]:
        yield RefusedList(id="refused")
        with RefusedBody():
            yield Flow(id="refused-text")
        yield Static(_NOTHING, id="nothing-refused")

    def on_mount(self) -> None:
        super().on_mount()
        self._data_changed()
        self.watch(self.host, "facts", self._data_changed, init=False)

    @property
    def _list(self) -> RefusedList:
        return self.query_one(RefusedList)

    # Reading

    def _data_changed(self) -> None:
        self._read()

    @work(thread=True, exclusive=True, group="quarantine")
    def _read(self) -> None:
        worker = get_current_worker()
        try:
            refused, sources = self.datastore.log.quarantine(MOST_LISTED), self.datastore.log.quarantine_sources()
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        if not worker.is_cancelled:
            self.post_message(RefusedRead(refused, sources))

    @on(RefusedRead)
    def _show(self, message: RefusedRead) -> None:
        total = sum(message.sources.values())
        listed = len(message.refused)
        self.set_class(not listed, "-nothing")
        self._list.show(message.refused)
        self.note(f"{exact(total)} refused" + (f", the latest {exact(listed)} are listed" if listed < total else ""))
        self.hint(f"sent by {counts_in_words(message.sources)}" if listed else "")

    @on(ItemList.Highlighted)
    def _highlighted(self, message: ItemList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        item = self._list.item
        if item is not None:
            self.query_one("#refused-text", Flow).flow(partial(refused_in_full, item, self.host.now()))
            self.query_one(RefusedBody).scroll_home(animate=False)

    # Actions

    @on(ItemList.Chosen)
    def _chosen(self, message: ItemList.Chosen) -> None:
        message.stop()
        self.action_read()

    def action_read(self) -> None:
        """From the list into the text of the one under the cursor."""
        if self._list.item is not None:
            self.query_one(RefusedBody).focus()

    def action_copy(self) -> None:
        """Copy what one would show the peer that sent it."""
        item = self._list.item
        if item is not None:
            report = {**item._asdict(), "start": text_of_bytes(item.start)}
            self.copy_text(json.dumps(report, indent=2), "the report of what was refused", file="copied.json")

    def action_back(self) -> None:
        """From the text to the list, from the list to Sync."""
        if isinstance(self.focused, RefusedBody):
            self._list.focus()
        else:
            self.dismiss(None)


_NOTHING: Final = Content.assemble(
    ("Nothing was refused.\n\n", "bold"),
    "An operation from elsewhere that breaks a rule ends here, with who sent it and which rule\n"
    "it breaks. It never becomes part of this replica, and the good ones beside it are kept.",
)
