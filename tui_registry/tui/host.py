"""The part of the app that every screen leans on: the Datastore, the clock, what the replica holds, the last result."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import on, work
from textual.app import App
from textual.dom import DOMNode
from textual.reactive import reactive

from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError
from tui_registry.settings import Settings
from tui_registry.text import safe_text
from tui_registry.tui.messages import Facts, FactsRead, Failed, Outcome, Tone

POLL_SECONDS = 1.0


class RegistryHost(App[None]):
    """Holds the Datastore and looks every second whether this or another process changed it.

    Attributes:
        facts: what the replica holds, None until it was read for the first time; watch it to follow changes.
        minute: the clock in whole minutes; watch it to keep ages true.
        outcome: the result of the last action.
        deleted: ids of the records that were deleted since the start, the last one at the end.
    """

    facts: reactive[Facts | None] = reactive(None)
    minute: reactive[int] = reactive(0)
    outcome: reactive[Outcome] = reactive(Outcome("", "note"), always_update=True)

    def __init__(
        self, datastore: Datastore, *, settings: Settings | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.datastore = datastore
        self.settings = settings or Settings()
        self._clock = clock
        self.deleted: list[str] = []
        self._looking = False

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock())

    def say(self, text: str, tone: Tone = "note") -> None:
        """Show the result of an action on the status line; it stays until the next step."""
        self.outcome = Outcome(text, tone)

    def look(self) -> None:
        """Read what the replica holds, if anything was committed since the last time."""
        self.minute = self.now() // 60
        if not self._looking:
            self._looking = True
            self._read_facts(self.facts)

    def on_mount(self) -> None:
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        elif self.settings.theme:
            self.say(f"there is no theme {safe_text(self.settings.theme, 40)}: ctrl+p shows them all", "problem")
        self.look()
        self.set_interval(POLL_SECONDS, self.look)

    @work(thread=True, group="facts")
    def _read_facts(self, before: Facts | None) -> None:
        datastore = self.datastore
        try:
            changes = datastore.changes()
            if before is None or changes != before.changes:
                self.post_message(
                    FactsRead(
                        Facts(
                            changes=changes,
                            stats=datastore.stats(),
                            peers=tuple(datastore.peers()),
                            address=datastore.address,
                            owners=dict(datastore.owner_names()),
                        )
                    )
                )
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
        finally:
            self._looking = False

    @on(FactsRead)
    def _keep_facts(self, message: FactsRead) -> None:
        self.facts = message.facts

    @on(Failed)
    def _say_failure(self, message: Failed) -> None:
        self.say(message.sentence, "problem")


def host_of(node: DOMNode) -> RegistryHost:
    """The app of a widget or screen, with what it offers.

    Raises:
        TypeError: the widget lives in another app.
    """
    app = node.app
    if not isinstance(app, RegistryHost):
        raise TypeError(f"{type(node).__name__} needs a RegistryHost as its app, and has {type(app).__name__}")
    return app
