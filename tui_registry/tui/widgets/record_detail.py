"""A record in full: a header, and tabs below it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Tab, Tabs

from tui_registry.datastore import Entry, HistoryEntry
from tui_registry.tui.actions import bindings_for
from tui_registry.tui.host import host_of
from tui_registry.tui.widgets import detail_text
from tui_registry.tui.widgets.flow import Flow, Layout

TABS: Final = {"overview": "Overview", "requirements": "Requirements", "formfile": "Formfile", "history": "History"}


class DetailTabs(Tabs, can_focus=False):
    """The tabs' titles. The focus stays with the text: left and right turn the tabs from anywhere on a record."""


class DetailBody(VerticalScroll, can_focus=True):
    """The text under the tabs."""

    BINDINGS = bindings_for("text")


class RecordDetail(Vertical):
    """Shows an Entry. While the next one is read it keeps the last, so that nothing flickers."""

    ALLOW_SELECT: ClassVar[bool] = True

    class HistoryWanted(Message):
        """The history tab is open and the record's history is not here yet."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.entry: Entry | None = None
        self._history: Sequence[HistoryEntry] | None = None

    def compose(self) -> ComposeResult:
        yield Flow(id="detail-header")
        yield DetailTabs(*(Tab(title, id=name) for name, title in TABS.items()))
        with DetailBody():
            yield Flow(id="detail-text")

    def show(self, entry: Entry | None) -> None:
        """Show a record, or nothing."""
        before, self.entry = self.entry, entry
        same = before is not None and entry is not None and before.id == entry.id
        if not same or before is None or entry is None or before.heads != entry.heads:
            self._history = None
        self._refresh_texts()
        if not same:
            self.query_one(DetailBody).scroll_home(animate=False)

    def show_history(self, record_id: str, history: Sequence[HistoryEntry]) -> None:
        """Take the history that was asked for; that of another record is dropped."""
        if self.entry is not None and self.entry.id == record_id:
            self._history = history
            self._refresh_texts()

    def turn(self, step: int) -> None:
        """To the next tab (1) or the one before (-1)."""
        tabs = self.query_one(DetailTabs)
        if step > 0:
            tabs.action_next_tab()
        else:
            tabs.action_previous_tab()

    def focus_text(self) -> None:
        """Put the focus on the text, to scroll it."""
        self.query_one(DetailBody).focus()

    @property
    def tab(self) -> str:
        return self.query_one(DetailTabs).active or "overview"

    @on(Tabs.TabActivated)
    def _tab_turned(self, message: Tabs.TabActivated) -> None:
        message.stop()
        self._refresh_texts()
        self.query_one(DetailBody).scroll_home(animate=False)

    def on_mount(self) -> None:
        host = host_of(self)
        self.watch(host, "minute", self._refresh_texts, init=False)
        self.watch(host, "facts", self._refresh_texts, init=False)

    def _refresh_texts(self) -> None:
        entry = self.entry
        self.set_class(entry is None, "-nothing")
        head, text = self.query_one("#detail-header", Flow), self.query_one("#detail-text", Flow)
        if entry is None:
            head.flow(_no_record)
            text.flow(_blank)
            return
        around = self._around()
        head.flow(partial(detail_text.header, entry, around))
        text.flow(self._text_of_tab(entry, around))
        if self.tab == "history" and self._history is None:
            self.post_message(self.HistoryWanted(entry))

    def _text_of_tab(self, entry: Entry, around: detail_text.Surroundings) -> Layout:
        tabs: dict[str, Layout] = {
            "overview": partial(detail_text.overview, entry, around),
            "requirements": partial(detail_text.requirements, entry),
            "formfile": partial(detail_text.formfile, entry),
            "history": partial(detail_text.history, self._history, around),
        }
        return tabs[self.tab]

    def _around(self) -> detail_text.Surroundings:
        host = host_of(self)
        facts = host.facts
        return detail_text.Surroundings(
            now=host.now(),
            owners={} if facts is None else facts.owners,
            address="" if facts is None else facts.address,
        )


def _no_record(width: int) -> Content:  # noqa: ARG001 - a Layout
    return Content.styled("No record under the cursor.", "$foreground-muted")


def _blank(width: int) -> Content:  # noqa: ARG001 - a Layout
    return Content("")
