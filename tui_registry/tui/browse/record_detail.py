"""A record in full: a header, and tabs below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Final, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui_registry.datastore import Entry, HistoryEntry
from tui_registry.tui.browse import detail_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.flows import flow, read
from tui_registry.tui.kit.host import host_of, read_styles
from tui_registry.tui.kit.text_flow import Flow, Layout

TABS: Final = {"overview": "Overview", "requirements": "Requirements", "formfile": "Formfile", "history": "History"}
_STYLES: Final = "browse/record_detail.tcss"
_GAP: Final = 2  # between the titles of tabs


class TabLine(Widget):
    """Never has the focus: that stays with the text, and its keys turn the tabs.

    Attributes:
        active: the name of the tab that is open.
    """

    ALLOW_SELECT: ClassVar[bool] = False

    active: reactive[str] = reactive("")

    class Turned(Message):
        """Another tab was opened."""

    def __init__(self, tabs: Mapping[str, str]) -> None:
        """
        Args:
            tabs: name -> title, in the order they are shown; the first is open.
        """
        super().__init__()
        self._tabs = dict(tabs)
        self.set_reactive(TabLine.active, next(iter(self._tabs)))

    def turn(self, step: int) -> None:
        """Open the tab so many steps further; after the last comes the first."""
        names = list(self._tabs)
        self.active = names[(names.index(self.active) + step) % len(names)]

    def watch_active(self) -> None:
        self.post_message(self.Turned())

    def render(self) -> Content:
        titles, bars = [], []
        for name, title in self._tabs.items():
            is_open = name == self.active
            titles.append(Content.styled(title, "bold $foreground" if is_open else "$foreground-muted"))
            bars.append(Content.styled(("━" if is_open else "─") * len(title), "$primary" if is_open else "$panel"))
        return Content.assemble(Content(" " * _GAP).join(titles), "\n", Content.styled("─" * _GAP, "$panel").join(bars))

    def on_click(self, event: events.Click) -> None:
        end = self.gutter.left
        for name, title in self._tabs.items():
            end += len(title) + _GAP
            if event.x < end:
                self.active = name
                break


class DetailBody(VerticalScroll, can_focus=True):
    """Scrolls with the keys of a list.

    Attributes:
        text: what it holds.
    """

    BINDINGS = bindings_for("text")

    def __init__(self) -> None:
        self.text = Flow(id="detail-text")
        super().__init__(self.text)


class _Parts(NamedTuple):
    head: Flow
    tabs: TabLine
    body: DetailBody


class RecordDetail(Vertical):
    """Shows an Entry. While the next one is read it keeps the last, so that nothing flickers."""

    ALLOW_SELECT: ClassVar[bool] = True

    def __init__(self, *, id: str | None = None, furnished: bool = True) -> None:  # noqa: A002 - Textual's name
        """
        Args:
            furnished: whether its parts are there from the start; else they come with `furnish`.
        """
        super().__init__(id=id, classes="-nothing")
        self.entry: Entry | None = None
        self._history: Sequence[HistoryEntry] | None = None
        self._parts = self._make_parts() if furnished else None

    def compose(self) -> ComposeResult:
        if self._parts is not None:
            read_styles(self, _STYLES)
            yield from self._parts

    def furnish(self) -> _Parts:
        """Bring its parts, if they are not there yet."""
        if self._parts is None:
            self._parts = self._make_parts()
            read_styles(self, _STYLES)
            self.mount_all(self._parts)
        return self._parts

    def _make_parts(self) -> _Parts:
        return _Parts(Flow(id="detail-header"), TabLine(TABS), DetailBody())

    def show(self, entry: Entry | None) -> None:
        """Show a record, or nothing."""
        body = self.furnish().body
        before, self.entry = self.entry, entry
        same = before is not None and entry is not None and before.id == entry.id
        if not same or before is None or entry is None or before.heads != entry.heads:
            self._history = None
        self._refresh_texts()
        if not same:
            body.scroll_home(animate=False)

    @flow(group="history", exclusive=True, background=True)
    async def _read_history(self, record_id: str) -> None:
        datastore = host_of(self).datastore
        history: Sequence[HistoryEntry] = await read(datastore.history, record_id, limit=detail_text.HISTORY_SHOWN + 1)
        if self.entry is not None and self.entry.id == record_id:
            self._history = history
            self._refresh_texts()

    def turn(self, step: int) -> None:
        """To the next tab (1) or the one before (-1)."""
        self.furnish().tabs.turn(step)

    def focus_text(self) -> None:
        """Put the focus on the text, to scroll it."""
        self.furnish().body.focus()

    @property
    def tab(self) -> str:
        return self.furnish().tabs.active

    @on(TabLine.Turned)
    def _turned(self, message: TabLine.Turned) -> None:
        message.stop()
        self._refresh_texts()
        self.furnish().body.scroll_home(animate=False)

    def on_mount(self) -> None:
        host = host_of(self)
        self.watch(host, "minute", self._time_went_by, init=False)
        self.watch(host, "facts", self._time_went_by, init=False)

    def _time_went_by(self) -> None:
        if self.entry is not None:
            self._refresh_texts()

    def _refresh_texts(self) -> None:
        entry = self.entry
        self.set_class(entry is None, "-nothing")
        head, text = self.furnish().head, self.furnish().body.text
        if entry is None:
            head.flow(_no_record)
            text.flow(_blank)
            return
        around = self._around()
        head.flow(partial(detail_text.header, entry, around))
        text.flow(self._text_of_tab(entry, around))
        if self.tab == "history" and self._history is None:
            self._read_history(entry.id)

    def _text_of_tab(self, entry: Entry, around: detail_text.Surroundings) -> Layout:
        tabs: dict[str, Layout] = {
            "overview": partial(detail_text.overview, entry, around),
            "requirements": partial(detail_text.requirements, entry),
            "formfile": partial(detail_text.formfile, entry),
            "history": partial(detail_text.history, entry.id, self._history, around),
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
