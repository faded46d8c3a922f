"""Which machine the app looks with the eyes of: this one, a saved one, or one that is made up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from tui_registry.fit import Machine
from tui_registry.machine import MachineError, find_machine, parse_machine
from tui_registry.present.fit_words import machine_line
from tui_registry.settings import MACHINES, SettingsError, save_text
from tui_registry.text import exact, parse_tokens, safe_text
from tui_registry.tui import kit
from tui_registry.tui.kit.flows import Part, flow
from tui_registry.tui.kit.host import RegistryHost

_HERE: Final = ""
_OTHER: Final = "="
_SAVE: Final = "save"
_CONTEXT: Final = "context"
# Beside those of what is always offered.
_KEYS: Final = "123456789abdefgijklmnopqrtuvwxyz"


class Machines:
    """What is known of machines in the whole app. This one is asked once, in a thread and after the first frame, as a
    tool of its cards may take seconds to answer.

    Attributes:
        chosen: the machine that somebody chose in place of this one.
    """

    def __init__(self, host: RegistryHost) -> None:
        self.chosen: Machine | None = None
        self._host = host
        self._tell: Callable[[], Machine] | None = host.datastore.machine
        self._here: Machine | None = None
        self._asking = threading.Lock()

    def begin(self) -> None:
        """Ask which machine this is, where somebody can tell."""
        if self._tell is not None:
            self._host.datastore.machine = self.asked
            self._host.run_worker(self._look(), group="machine", exclusive=True)

    def asked(self) -> Machine:
        """The machine that is looked with. In a thread: this one may have to be asked first."""
        return self.chosen or self._known() or Machine()

    def choose(self, machine: Machine | None) -> None:
        """Look with that machine's eyes, or with this one's."""
        self.chosen = machine
        if machine is not None or self._tell is not None:
            self._host.datastore.machine = self.asked
        self._host.machine = machine or self._here

    async def _look(self) -> None:
        here = await asyncio.to_thread(self._known)
        if self.chosen is None:
            self._host.machine = here

    def _known(self) -> Machine | None:
        with self._asking:
            if self._here is None and self._tell is not None:
                self._here = self._tell()
            return self._here


class MachineChoice(Part):
    """The key that asks for another machine."""

    @flow
    async def action_machine(self) -> None:
        """Look with the eyes of another machine."""
        host = self.screen.host
        machines = host.held(Machines)
        saved = dict(host.settings.machines)
        choices = [kit.Choice("h", _HERE, "this machine")]
        choices += [kit.Choice(key, name, name, saved[name]) for key, name in zip(_KEYS, sorted(saved), strict=False)]
        choices.append(kit.Choice("=", _OTHER, "another", "write what it is made of"))
        made_up = machines.chosen
        if made_up is not None and made_up.name not in saved:
            choices.append(kit.Choice("s", _SAVE, "save", f"keep {safe_text(made_up.name, 60)} under a name"))
        choices.append(kit.Choice("c", _CONTEXT, "context", f"{exact(host.tokens)} tokens; write another length"))
        name = await self.ask(kit.ChooseScreen("Look with the eyes of which machine?", choices))
        if name == _CONTEXT:
            await self._choose_context()
            return
        if name == _SAVE and made_up is not None:
            await self._save(made_up.name)
            return
        if name == _OTHER:
            example = "gpu=2x24gb ram=128gb"
            name = await self.ask(kit.AskScreen("What is it made of?", placeholder=example, check=_wrong))
        if name is None:
            return
        try:
            machines.choose(find_machine(name, saved) if name else None)
        except MachineError as error:
            self.say(error.sentence, "problem")
            return
        seen = host.machine
        self.say("this machine is looked at" if seen is None else f"seen with the eyes of {machine_line(seen)}", "done")

    async def _save(self, made_of: str) -> None:
        """Keep a machine that was made up in the settings. A step."""
        host = self.screen.host
        name = await self.ask(kit.AskScreen("Save it under which name?", placeholder="big", detail=made_of))
        if not name:
            return
        try:
            kept = await self.write(save_text, MACHINES, name, made_of, host.settings_file)
        except SettingsError as error:
            self.say(error.sentence, "problem")
            return
        host.settings = kept
        self.say(f"saved: {made_of} is {name}", "done")

    async def _choose_context(self) -> None:
        """Judge at another length of context. A step."""
        host = self.screen.host
        about = "FIT in the list and fit: in a search stay at the usual one."
        typed = await self.ask(kit.AskScreen("How many tokens of context?", "", "32k", _wrong_context, about))
        if typed is not None:
            host.tokens = parse_tokens(typed)
            self.say(f"the detail judges at {exact(host.tokens)} tokens of context", "done")


def _wrong_context(text: str) -> str | None:
    try:
        tokens = parse_tokens(text)
    except ValueError as error:
        return str(error)
    return None if 0 < tokens < _MOST_TOKENS else "a context has at least one token, and fewer than 2^40"


_MOST_TOKENS: Final = 2**40


def _wrong(text: str) -> str | None:
    try:
        parse_machine(text)
    except MachineError as error:
        return error.sentence
    return None
