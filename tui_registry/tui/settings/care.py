"""Caring for the replica without leaving the app: verifying it, and a backup of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from textual.content import Content

from tui_registry import backup
from tui_registry.crdt import Identity
from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError
from tui_registry.keystore import locked
from tui_registry.present.amounts import bar, clock, percent
from tui_registry.present.keeping import verified
from tui_registry.text import exact
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import key_of
from tui_registry.tui.kit.flows import FlowScreen, Part, flow, unwanted
from tui_registry.tui.kit.text_flow import paragraph, stack
from tui_registry.tui.settings.key_copy import LockedFileScreen

# How far it is is drawn so often.
_SECONDS_BETWEEN_WORDS = 0.2
_BAR_CELLS = 24


class Care(Part):
    """What a screen offers for that.

    Attributes:
        how_far: how far verifying is, in words; empty where it does not run.
        last: what it came to in this session; empty before.
    """

    def __init__(self, screen: FlowScreen[None], moved: Callable[[], object]) -> None:
        """
        Args:
            moved: called whenever it has come further.
        """
        super().__init__(screen)
        self.how_far = ""
        self.last = ""
        self._moved = moved
        self._stopped = False

    def stop(self) -> None:
        """Tell verifying to end: what is checked changes nothing before all of it is."""
        if self.how_far:
            self._stopped = True
        else:
            self.say("nothing runs that could be stopped")

    @flow(background=True, group="verify")
    async def verify(self) -> None:
        """Check every operation and rebuild what is derived, as the command does, and say what was found."""
        if self.how_far:
            self.say(f"the replica is being verified: {key_of('settings.cancel')} stops it")
            return
        self._stopped, gone = False, unwanted()
        loop, began, told_at = asyncio.get_running_loop(), time.monotonic(), 0.0

        def further(done: int, of: int) -> None:
            nonlocal told_at
            if self._stopped or gone():
                raise _Stopped(done)
            now = time.monotonic()
            if now - told_at >= _SECONDS_BETWEEN_WORDS:
                told_at = now
                loop.call_soon_threadsafe(self._tell, _words(done, of, now - began))

        self._tell("verifying …")
        try:
            told, *notes = verified(await self.read(self.datastore.verify, further))
        except _Stopped as stopped:
            self.say(stopped.sentence)
            return
        finally:
            self._tell("")
        self.last = told
        self._moved()
        self.say(told, "problem" if notes else "done")
        self.screen.host.look()
        if notes:
            self.screen.open_screen(_page("What verifying found", [told, *notes]), later=True)

    def _tell(self, how_far: str) -> None:
        self.how_far = how_far
        self._moved()

    async def back_up(self) -> None:
        """Ask for a file and a passphrase, and write a backup of everything. A step of a flow."""
        with_key = "with"
        if self.datastore.key.known:
            choices = [
                kit.Choice("k", "with", "with the key", "locked with a passphrase"),
                kit.Choice("o", "without", "without the key", "what is made of it cannot sign"),
            ]
            about = "Everything in one file, made while others write: the log, the settings and the key."
            chosen = await self.ask(kit.ChooseScreen("A backup of this replica", choices, about))
            if chosen is None:
                return
            with_key = chosen
        notes: list[str] = []
        await self.ask(
            LockedFileScreen(
                "A backup of this replica",
                "'tui-registry backup --restore FILE' makes a replica of it, also on another machine.",
                partial(_back_up, self.datastore, notes, with_key == "with"),
                placeholder="~/registry.backup",
                locks=with_key == "with" and bool(self.datastore.key.known),
            )
        )
        if notes:
            await self.ask(_page("The backup is written", notes))


class _Stopped(RegistryError):
    def __init__(self, done: int) -> None:
        super().__init__("stopped", f"verifying was stopped after {exact(done)} operations; nothing was changed")


def _back_up(datastore: Datastore, notes: list[str], with_key: bool, path: Path, passphrase: str) -> str:
    """Write it; all that is to be said of it goes into `notes` where that is more than a sentence or two."""

    def lock(identity: Identity) -> str:
        return locked(identity, passphrase.encode())

    made = backup.back_up(datastore, path, lock if with_key else None)
    told, left_out = made.in_words()
    if left_out:
        notes += [*told, *left_out]
    return told[0]


def _words(done: int, of: int, seconds: float) -> str:
    share = min(1.0, done / of) if of else 1.0
    left = seconds * (of - done) / done if done else 0
    ends = f"  {clock(left)} left" if left >= 1 else ""
    return f"{exact(done)} of {exact(of)} {bar(share, _BAR_CELLS)} {percent(share)}{ends}"


def _page(title: str, sentences: list[str]) -> kit.PageScreen:
    def layout(words: Sequence[str], width: int) -> Content:
        lines = []
        for sentence in sentences:
            if all(word in sentence.casefold() for word in words):
                lines += [*paragraph(sentence, width), Content("")]
        return stack(lines)

    return kit.PageScreen(title, layout)
