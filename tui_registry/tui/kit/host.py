"""The part of the app that every screen leans on: the Datastore, the clock, what the replica holds, the last result."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from rich.color import ColorSystem
from textual import events, on, work
from textual.app import App
from textual.dom import DOMNode
from textual.driver import Driver
from textual.filter import LineFilter
from textual.reactive import reactive
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from tui_registry.datastore import Datastore
from tui_registry.errors import Json, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.settings import Settings
from tui_registry.text import USUAL_CONTEXT, safe_text
from tui_registry.tui.kit.actions import action, key_of
from tui_registry.tui.kit.colours import LEAST_CONTRAST, ReadableText, colours_of, own_theme
from tui_registry.tui.kit.facts import Facts, Outcome, Tone, read_facts
from tui_registry.tui.kit.gate import Gate
from tui_registry.tui.kit.terminal import (
    Ending,
    TerminalDriver,
    is_small,
    passes_when_small,
    redraw,
    say_small,
    stop_all,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tui_registry.fit import Machine

POLL_SECONDS = 1.0
STAY_SECONDS: Final = 12.0
# How the store begins to say so, too.
_ONLY_READ = "this replica can only be read"
_LATE: Final = "still at work on that; esc gives it up"
_STYLES: Final = Path(__file__).parents[1]

Answer = TypeVar("Answer")
Held = TypeVar("Held")


class Decision(NamedTuple):
    """A value that somebody took for a field of a record in conflict, and what the versions said there then."""

    value: Json
    seen: tuple[Json, ...]


class RegistryHost(App[None]):
    """Holds the Datastore and looks every second whether this or another process changed it.

    Attributes:
        facts: what the replica holds, None until it was read for the first time; watch it to follow changes.
        minute: the clock in whole minutes; watch it to keep ages true.
        outcome: the result of the last action.
        settings: the person's own, as they are now.
        settings_file: where they are kept; None for where the person's own file is.
        gate: what every key goes through.
        machine: the one that the app looks with the eyes of, None until it is known; watch it to follow changes.
        tokens: of the context that a record is judged at in its detail; lists know the need at the usual one alone.
        stays: seconds for which the status line shows what was done; problems stay until the next step.
        told_keys: keys that did nothing, and of which that was said.
        decided: what was decided of conflicts that are not settled yet, by the record's id and the field's path.
        sample: that this is sample data, in words for the title line; empty where it is not.
        crash: the first mistake in the program that ended the app, None as long as there was none.
    """

    facts: reactive[Facts | None] = reactive(None)
    minute: reactive[int] = reactive(0)
    outcome: reactive[Outcome] = reactive(Outcome("", "note"), always_update=True)
    settings: reactive[Settings] = reactive(Settings())
    machine: reactive[Machine | None] = reactive(None)
    tokens: reactive[int] = reactive(USUAL_CONTEXT)

    def __init__(
        self,
        datastore: Datastore,
        *,
        settings: Settings | None = None,
        settings_file: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.datastore = datastore
        self.settings_file = settings_file
        self.sample = ""
        self.crash: Exception | None = None
        self.decided: dict[str, Mapping[str, Decision]] = {}
        self.stays = STAY_SECONDS
        self.told_keys: set[str] = set()
        self._fading: Timer | None = None
        self._held: dict[object, object] = {}
        self.gate = Gate(self, super().on_event, self._say_late)
        self.set_reactive(RegistryHost.settings, settings or Settings())
        self._clock = clock
        self._looking = False
        self._code = 0
        self._readable: dict[tuple[float, bool], ReadableText] = {}
        self.set_reactive(RegistryHost.minute, self.now() // 60)

    async def on_event(self, event: events.Event) -> None:
        """Send keys through the gate; none that would do its work unseen."""
        if isinstance(event, events.InputEvent | events.Paste) and not event.is_forwarded and self._hides(event):
            return
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self.gate.receive(event)
        else:
            await super().on_event(event)

    def _hides(self, event: events.Event) -> bool:
        key = event.key if isinstance(event, events.Key) else ""
        return is_small(self.size) and not passes_when_small(key)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        # Every screen and dialog is drawn through this: below what they need a sentence stands in their place, and
        # they stay as they are.
        small = renderable is not None and is_small(self.size)
        super()._display(screen, say_small(self.size) if small else renderable)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What each line goes through before it is drawn; at last all of its letters can be read."""
        return self.filters_to(LEAST_CONTRAST)

    def filters_to(self, least: float) -> Sequence[LineFilter]:
        """The same for what only has to reach this contrast."""
        key = least, self.current_theme.dark
        if key not in self._readable:
            self._readable[key] = ReadableText(least, colours_of(self.console.color_system), self.current_theme.dark)
        return [*super().get_line_filters(), self._readable[key]]

    def update_styles(self, node: DOMNode, animate: bool = True) -> None:
        """Style a widget and what is in it anew; one that is not mounted yet is styled when it is.

        Textual would do so for each class that its constructor gives it, too: a tenth of what it takes to open a form.
        """
        if node.parent is not None or not isinstance(node, Widget):
            super().update_styles(node, animate)

    def get_driver_class(self) -> type[Driver]:
        return TerminalDriver

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Ctrl+Z is for whatever has an undo of its own while that has the focus."""
        if action == "suspend_process" and self.focused is not None:
            return "ctrl+z" not in self.focused._bindings.key_to_bindings
        return super().check_action(action, parameters)

    def action_suspend_process(self) -> None:
        """Leave the screen to the shell until that brings it back."""
        if not self.is_headless:
            stop_all()

    def action_redraw(self) -> None:
        """Draw everything anew, after another program wrote on the screen."""
        redraw(self)

    @on(Ending)
    def _end(self, message: Ending) -> None:
        # As if the person did so now: what was typed before comes first.
        self._code = message.code
        self.simulate_key(action("app.quit").pressed_key)

    async def action_quit(self) -> None:
        """End; what was typed in a form is kept as its draft."""
        await self.gate.take_in()
        self.exit(return_code=self._code)

    async def on_unmount(self) -> None:
        await self.gate.close()

    def held(self, kind: Callable[[RegistryHost], Held]) -> Held:
        """What a feature keeps for the whole app, whatever screens come and go: made once, by its class."""
        if kind not in self._held:
            self._held[kind] = kind(self)
        held: Held = self._held[kind]  # type: ignore[assignment]
        return held

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock())

    def say(self, text: str, tone: Tone = "note") -> None:
        """Show the result of an action on the status line, until the next step; what is no problem goes away before,
        when it has been there for a while and nothing is at work on it."""
        self.outcome = Outcome(text, tone)

    def watch_outcome(self, outcome: Outcome) -> None:
        """Let it fade."""
        if self._fading is not None:
            self._fading.stop()
            self._fading = None
        if outcome.text and outcome.tone != "problem" and self.is_running:
            self._fading = self.set_timer(self.stays, self._fade)

    def _fade(self) -> None:
        if all(running.asks for running in self.gate.flows):
            self.say("")
        else:
            self._fading = self.set_timer(self.stays, self._fade)

    def _say_late(self, is_late: bool) -> None:
        if is_late:
            self.say(_LATE)
        elif self.outcome.text == _LATE:
            self.say("")

    def look(self) -> None:
        """Read what the replica holds, if anything was committed since the last time."""
        self.minute = self.now() // 60
        if not self._looking:
            self._looking = True
            self._read_facts(self.facts)

    def _handle_exception(self, error: Exception) -> None:
        self.crash = self.crash or error
        super()._handle_exception(error)
        # Whoever runs the app tells of it. Textual would print a page of the values that were at hand.
        self._exit_renderables.clear()

    def on_mount(self) -> None:
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        elif self.settings.theme:
            self.say(
                f"there is no theme {safe_text(self.settings.theme, 40)}: {key_of('app.palette')} finds them", "problem"
            )
        elif colours_of(self.console.color_system) is ColorSystem.STANDARD:
            self.theme = own_theme(os.environ.get("COLORFGBG", ""))
        if self.datastore.why_read_only and not self.outcome.text:
            self.say(f"{_ONLY_READ}: {safe_text(self.datastore.why_read_only, 200)}", "problem")
        if self.facts is None:
            self.look()
        self.set_interval(POLL_SECONDS, self.look)

    @work(group="facts")
    async def _read_facts(self, before: Facts | None) -> None:
        try:
            facts = await asyncio.to_thread(read_facts, self.datastore, before)
            if facts is not None:
                if not facts.read_only and self.outcome.text.startswith(_ONLY_READ):
                    self.say("")
                self.facts = facts
        except RegistryError as error:
            self.say(error.sentence, "problem")
        finally:
            self._looking = False


def host_of(node: DOMNode) -> RegistryHost:
    """The app of a widget or screen, with what it offers.

    Raises:
        TypeError: the widget lives in another app.
    """
    app = node.app
    if not isinstance(app, RegistryHost):
        raise TypeError(f"{type(node).__name__} needs a RegistryHost as its app, and has {type(app).__name__}")
    return app


def read_styles(node: DOMNode, name: str) -> None:
    """Read a style sheet that the first frame does without, once; it counts for what is mounted from now on.

    Args:
        name: of the file below `tui/`, such as `browse/record_detail.tcss`, or its whole path.
    """
    styles, path = node.app.stylesheet, _STYLES / name
    if not styles.has_source(str(path)):
        styles.read(path)
        styles.parse()


def styled(node: DOMNode, screen: Screen[Answer]) -> Screen[Answer]:
    """A screen that is about to be opened, its style sheets read.

    Textual would read them itself, and then parse all the others once more and style every widget of the app anew.
    """
    for path in screen.css_path:
        read_styles(node, str(path))
    return screen
