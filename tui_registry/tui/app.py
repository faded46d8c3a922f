"""The app: a table of contents. What it shows lives in screens, what they are made of in widgets."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.actions import ActionParseResult, parse
from textual.dom import DOMNode
from textual.screen import Screen

from tui_registry.datastore import Datastore
from tui_registry.settings import Settings
from tui_registry.tui import conflicts, history, kit, line, own, register, settings, sync
from tui_registry.tui.browse.browse_screen import BrowseScreen
from tui_registry.tui.kit.actions import bindings_for, use_keys
from tui_registry.tui.kit.flows import FlowScreen, flow
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.host import RegistryHost, styled
from tui_registry.tui.kit.messages import Search, Settle, ShowRecord
from tui_registry.tui.looking_around import LookingAround

if TYPE_CHECKING:
    from textual.command import Provider

    from tui_registry.tui.browse.answers import FirstAnswer
    from tui_registry.tui.line import CommandLine


# The modes on the number keys but the first, each imported when somebody goes there: the first frame needs none.
LATER_MODES: Final[dict[str, Callable[[], Screen[None]]]] = {
    "register": lambda: register.RegisterMode(),
    "sync": lambda: sync.SyncScreen(),
    "history": lambda: history.HistoryScreen(),
    "settings": lambda: settings.SettingsScreen(),
}


class RegistryApp(RegistryHost):
    """One mode per number key, one frame around them all."""

    TITLE = "tui_registry"
    # The first screen's styles are read with the app's own: another time they would all be read once more.
    CSS_PATH = ["app.tcss", "browse/browse.tcss"]  # noqa: RUF012 - as Textual has it
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {}
    DEFAULT_MODE: ClassVar[str] = "browse"
    BINDINGS = bindings_for("everywhere")
    COMMAND_PALETTE_BINDING: ClassVar[str] = "ctrl+p"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {
        lambda: kit.ActionsProvider,
        lambda: kit.SearchesProvider,
        lambda: kit.PagesProvider,
    }

    def __init__(
        self,
        datastore: Datastore,
        *,
        query: str = "",
        settings: Settings | None = None,
        settings_file: Path | None = None,
        clock: Callable[[], float] = time.time,
        first_answer: Callable[[], FirstAnswer | None] = lambda: None,
        lines: Callable[[], CommandLine] | None = None,
    ) -> None:
        """
        Args:
            settings_file: where they are kept; None for where the person's own file is.
            clock: gives Unix seconds, for ages.
            first_answer: gives the answer to the query where it is at hand already.
            lines: makes what runs command lines, when one is asked for; None where there are none.
        """
        super().__init__(datastore, settings=settings, settings_file=settings_file, clock=clock)
        self._query, self._first_answer, self._lines = query, first_answer, lines
        use_keys({})
        if self.settings.keys or self.settings.commands or self.settings.themes:
            own.follow(self)  # most people have none, and the first frame needs nothing that reads them
        for mode, make in LATER_MODES.items():
            self.add_mode(mode, partial(lambda make: styled(self, make()), make))

    def get_default_screen(self) -> Screen[None]:
        """The first screen, and what it shows as soon as it is there."""
        answer = self._first_answer()
        if answer is not None:
            self.set_reactive(RegistryHost.facts, answer.facts)
        return BrowseScreen(self._query, answer, width=self.size.width)

    def on_mount(self) -> None:
        # Only now: the first screen of a mode would be styled twice before it is drawn.
        self.add_mode("browse", BrowseScreen)

    def on_ready(self) -> None:
        """The first frame is laid out: what was made for it stays, and is not looked through again and again."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        self.held(LookingAround).begin()
        if self.settings.sync_every:
            self.held(sync.PullsByThemselves)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """What a screen has no action for, one of its parts may have, and then the way to sample data."""
        if isinstance(action, str):
            _, name, given = parse(action)
            of_part = default_namespace.part_action(name) if isinstance(default_namespace, FlowScreen) else None
            method = of_part or self.held(LookingAround).part_action(name)
            if method is not None:
                method(*given)
                return True
        return await super().run_action(action, default_namespace, namespaces)

    def action_mode(self, mode: str) -> None:
        """Go to a mode; what is open there is still open."""
        if mode != self.current_mode:
            self.say("")
            self.switch_mode(mode)

    @flow
    async def action_change_theme(self) -> None:
        """Choose the colours, which are shown at once and kept in the settings."""
        await settings.choose_theme(self)

    @on(Settle)
    @flow
    async def action_conflicts(self, wish: Settle | None = None) -> None:
        """Show the conflict that a form came into, or else the one there is, or the list of them."""
        await (conflicts.show_conflicts(self) if wish is None else conflicts.settle(self, wish))

    @flow
    async def action_command_line(self) -> None:
        """Take a command as a shell does, and show what it prints."""
        await self.held(line.CommandLines).ask(self._lines)

    @flow
    async def action_own(self, name: str) -> None:
        """Run a command of the person's own for the record under the cursor."""
        await self.held(own.OwnCommands).start(name)

    def action_help(self) -> None:
        """Show all keys, those of this screen first."""
        if not isinstance(self.screen, kit.HelpScreen):
            here = self.screen.WHERE if isinstance(self.screen, FrameScreen) else ()
            self.push_screen(styled(self, kit.HelpScreen(here)))

    @on(ShowRecord)
    def _show_record(self, message: ShowRecord) -> None:
        self._go_to_browse().select_record(message.record_id)

    @on(Search)
    def _search(self, message: Search) -> None:
        self._go_to_browse().bar.ask(message.query)

    def _go_to_browse(self) -> BrowseScreen:
        self.switch_mode("browse")
        base = self.get_screen_stack("browse")[0]
        assert isinstance(base, BrowseScreen)
        return base
