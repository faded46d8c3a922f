"""The command palette, fed by the registry of actions, by the saved searches and by the pages of help."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.types import IgnoreReturnCallbackType

from tui_registry.errors import RegistryError
from tui_registry.present.pages import PAGES
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import Action, actions_for, key_name
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.help import page_of_package
from tui_registry.tui.kit.host import RegistryHost, styled
from tui_registry.tui.kit.messages import Search


class ActionsProvider(Provider):
    """The actions of the screen, and those that work everywhere."""

    async def discover(self) -> Hits:
        for action, run in self._offers():
            yield DiscoveryHit(_shown(action), run, text=action.tooltip)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action, run in self._offers():
            score = max(matcher.match(action.label), matcher.match(action.tooltip), _by_key(action, query))
            if score > 0:
                yield Hit(score, _shown(action), run, text=action.tooltip)

    def _offers(self) -> Iterator[tuple[Action, IgnoreReturnCallbackType]]:
        screen = self.screen
        if isinstance(screen, FrameScreen):
            for action in actions_for(*screen.WHERE):
                yield action, partial(self._run, action, screen)
        for action in actions_for("own", "everywhere"):
            if action.id not in _NOT_HERE:
                yield action, partial(self._run, action, self.app)

    async def _run(self, action: Action, node: DOMNode) -> None:
        await self.app.run_action(action.name, default_namespace=node)


class SearchesProvider(Provider):
    """The saved searches: `Search: @name`."""

    async def startup(self) -> None:
        self._saved: dict[str, str] = {}
        app = self.app
        if isinstance(app, RegistryHost):
            try:
                self._saved = await asyncio.to_thread(app.datastore.searches.saved)
            except RegistryError as error:
                app.say(error.sentence, "problem")

    async def discover(self) -> Hits:
        for name, query in self._saved.items():
            yield DiscoveryHit(_named(name, query), partial(self._ask, name), text=f"Search: @{name}")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, saved in self._saved.items():
            score = matcher.match(f"Search: @{name}")
            if score > 0:
                yield Hit(score, _named(name, saved), partial(self._ask, name), text=f"Search: @{name}")

    def _ask(self, name: str) -> None:
        self.app.post_message(Search(f"@{name}"))


class PagesProvider(Provider):
    """The pages of help: `Help: trust`."""

    async def discover(self) -> Hits:
        for name, about in PAGES.items():
            yield DiscoveryHit(_headed(name, about), partial(self._read, name), text=f"Help: {name}")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, about in PAGES.items():
            score = max(matcher.match(f"Help: {name}"), matcher.match(about))
            if score > 0:
                yield Hit(score, _headed(name, about), partial(self._read, name), text=f"Help: {name}")

    def _read(self, name: str) -> None:
        self.app.push_screen(styled(self.app, page_of_package(name)))


# The palette itself, and a second key for the same.
_NOT_HERE = ("app.palette", "app.help_f1")


# Above all that words are found by.
_THE_KEY, _ITS_BEGINNING = 100.0, 50.0


def _by_key(action: Action, query: str) -> float:
    """How well an action is found by its key as people write it: `s`, `S`, `ctrl+s`, `Ctrl+`."""
    typed = query.strip()
    keys = [key_name(key) for key in action.keys]
    if typed in keys or (len(typed) > 1 and typed.casefold() in map(str.casefold, keys)):
        return _THE_KEY
    begins = len(typed) > 1 and any(key.casefold().startswith(typed.casefold()) for key in keys)
    return _ITS_BEGINNING if begins else 0.0


def _shown(action: Action) -> Content:
    name = action.label if action.label[:1].isupper() else action.label[:1].upper() + action.label[1:]
    keys = f"  {action.shown_keys}" if action.keys else ""
    return Content.assemble((name, "bold"), (keys, "bold $text-accent"), f"  {action.tooltip}")


def _headed(name: str, about: str) -> Content:
    return Content.assemble((f"Help: {name}", "bold"), f"  {about}")


def _named(name: str, query: str) -> Content:
    return Content.assemble(f"Search: @{safe_text(name, 40)}", (f"  {safe_text(query, 100)}", "$text-accent"))
