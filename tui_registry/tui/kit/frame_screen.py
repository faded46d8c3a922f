"""The base of every full screen: the frame around it, its footer, and a typed way to the app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from tui_registry.datastore import Datastore
from tui_registry.tui.kit.actions import Where, action
from tui_registry.tui.kit.flows import FlowScreen
from tui_registry.tui.kit.frame_lines import APP_NAME, KeyFooter, StatusLine, TitleLine
from tui_registry.tui.kit.host import RegistryHost, host_of
from tui_registry.tui.kit.messages import Failed, Outcome, Told, Tone

Result = TypeVar("Result")
MODES = ("app.browse", "app.register", "app.sync", "app.history", "app.settings")


class FrameScreen(FlowScreen[Result], Generic[Result]):
    """A screen inside the frame. Subclasses fill the body, and name their actions.

    Attributes:
        WHERE: the places of the registry of actions that this screen is; say `BINDINGS = bindings_for(*WHERE)` too.
        FOOTER: ids of the actions the footer shows, at most seven.
        HEADING: the first words of the title line.
        MODE: the id of the mode's action, where a screen lies in one mode only.
    """

    WHERE: ClassVar[tuple[Where, ...]] = ()
    FOOTER: ClassVar[tuple[str, ...]] = ()
    HEADING: ClassVar[str] = APP_NAME
    MODE: ClassVar[str] = "app.browse"

    def compose_body(self) -> Iterable[Widget]:
        """What stands between the title line and the status line."""
        raise NotImplementedError

    def mode(self) -> str:
        """The id of the mode's action that the title line marks."""
        return self.MODE

    def footer_actions(self) -> tuple[str, ...]:
        """The ids of the actions that the footer shows now; asked again whenever the focus moves."""
        return self.FOOTER

    def compose(self) -> ComposeResult:
        yield from self.compose_frame()
        with Container(id="body"):
            yield from self.compose_body()

    def compose_frame(self) -> Iterable[Widget]:
        """The lines around the body."""
        yield TitleLine([action(mode) for mode in MODES], self.mode())
        yield KeyFooter()
        yield StatusLine()

    def on_mount(self) -> None:
        self.title_line.heading = self.HEADING
        self.refresh_footer()

    @property
    def host(self) -> RegistryHost:
        return host_of(self)

    @property
    def datastore(self) -> Datastore:
        return self.host.datastore

    @property
    def title_line(self) -> TitleLine:
        return self.query_one(TitleLine)

    def note(self, text: str) -> None:
        """Show a few words at the right end of the title line."""
        self.title_line.note = text

    def say(self, text: str, tone: Tone = "note") -> None:
        """Show the result of an action, here and on the screen that this one returns to."""
        self.host.say(text, tone)

    def hint(self, text: str, tone: Tone = "note") -> None:
        """Show what stands while there is no result: validation, what is wrong with this record."""
        self.query_one(StatusLine).hint = Outcome(text, tone)

    def next_step(self) -> None:
        """The person went on: the result of the last action has been read."""
        if self.host.outcome.text:
            self.host.say("")

    def refresh_footer(self) -> None:
        self.query_one(KeyFooter).show([action(name) for name in self.footer_actions()])

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _focus_moved(self) -> None:
        # While the screen is being put together there is no footer yet.
        if self.is_mounted:
            self.refresh_footer()

    @on(Failed)
    def _say_failure(self, message: Failed) -> None:
        self.say(message.sentence, "problem")

    @on(Told)
    def _say_done(self, message: Told) -> None:
        self.say(message.sentence, "done")
