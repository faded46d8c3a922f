"""Pushing to the peer under the cursor: asked first what it lacks, told what would be sent, then offered that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui_registry import sync
from tui_registry.datastore import Peer
from tui_registry.errors import RegistryError
from tui_registry.present.pulls import PushPlan, PushResult, TokenAskedError
from tui_registry.text import exact, plural, safe_text
from tui_registry.tui import kit
from tui_registry.tui.kit.dialogs import Dialog
from tui_registry.tui.kit.flows import FlowScreen, Part, flow

_LONGEST_TOKEN: Final = 4096


@dataclass(frozen=True, slots=True)
class Pushing:
    """A push that runs: so many operations offered of so many."""

    done: int = 0
    of: int = 0
    stopping: bool = False

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; None where there is nothing to measure by."""
        return self.done / self.of if self.of else None


class Pushes(Part):
    """The pushes of a session. A token that opened a peer is kept as long as the app runs, and shown to that alone.

    Attributes:
        pushing: by peer, those that run.
    """

    def __init__(self, screen: FlowScreen[None], moved: Callable[[], object]) -> None:
        """
        Args:
            moved: called whenever a push has come further.
        """
        super().__init__(screen)
        self.pushing: dict[str, Pushing] = {}
        self._tasks: dict[str, asyncio.Task[PushResult]] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        self._moved = moved

    def stop(self, name: str) -> None:
        """Tell a push to end; what the peer took it keeps."""
        self.pushing[name] = replace(self.pushing[name], stopping=True)
        self._tasks[name].cancel()
        self._moved()

    async def push_to(self, peer: Peer) -> None:
        """Ask the peer what it lacks, tell that, and offer it. A step of a flow."""
        self.say(f"asking {peer.name} what it lacks …")
        plan = await sync.plan_push(self.datastore, peer.name, bounds=sync.bounds_of(self.screen.host.settings))
        if not plan.offers:
            self.say(plan.sentence, "done")
            return
        self.say("")
        question = kit.ConfirmScreen(
            f"Push {plural(plan.offers, 'operation')} to {peer.name}?",
            f"{_sentence(plan)}.\n{peer.address}\nIt may pass on what it takes, and nothing takes that back.",
            yes="Push",
            no="Not now",
        )
        if await self.ask(question):
            self._offer(peer)

    @flow(background=True, group="push")
    async def _offer(self, peer: Peer) -> None:
        """The push itself; other keys work meanwhile."""
        name, place = peer.name, (peer.name, peer.address)
        if name in self.pushing:
            return
        try:
            result = await self._run(peer, self._tokens.get(place))
        except TokenAskedError:
            self.say(f"{name}: takes operations from those who bear a token for that", "problem")
            self._ask_token(peer, known=place in self._tokens)
        except RegistryError as error:
            self.say(error.sentence, "problem")
        else:
            if result is not None:
                self.say(result.sentence, "problem" if result.rejected else "done")

    @flow
    async def _ask_token(self, peer: Peer, *, known: bool) -> None:
        place = (peer.name, peer.address)
        self._tokens.pop(place, None)
        token = await self.ask(TokenScreen(peer.name, peer.address, refused=known), later=True)
        if token:
            self._tokens[place] = token
            self._offer(peer)

    async def _run(self, peer: Peer, token: str | None) -> PushResult | None:
        """What the push came to; None where it was stopped, which is said."""
        name = peer.name

        def progress(done: int, of: int) -> None:
            self.pushing[name] = replace(self.pushing[name], done=done, of=of)
            self._moved()

        bounds = sync.bounds_of(self.screen.host.settings)
        self.pushing[name] = Pushing()
        # To where the question said that it goes, and nowhere else
        offering = sync.push(self.datastore, name, bounds=bounds, token=token, at=peer.address, progress=progress)
        task = asyncio.ensure_future(offering)
        self._tasks[name] = task
        self._moved()
        try:
            await asyncio.wait([task])
            if not task.cancelled():
                return task.result()
            done = self.pushing[name].done
            self.say(f"{name}: stopped after {exact(done)} were offered; what it took it keeps")
            return None
        finally:
            task.cancel()  # where the flow ends with the app
            del self._tasks[name], self.pushing[name]
            self._moved()


def _sentence(plan: PushPlan) -> str:
    return plan.sentence.removeprefix(f"{plan.peer}: ").capitalize()


class TokenScreen(Dialog[str]):
    """The token that opens a peer to pushes, which is shown to nobody."""

    AUTO_FOCUS = "Input"

    def __init__(self, name: str, address: str, *, refused: bool) -> None:
        """
        Args:
            refused: one was shown to the peer, and did not open it.
        """
        super().__init__(
            f"{name} takes operations from those who bear a token",
            f"{address}\nIts operator makes one: tui-registry token add NAME --scope push\n"
            "It is kept as long as the app runs, and shown to this peer alone.",
        )
        self._refused = refused

    def compose_answers(self) -> Iterable[Widget]:
        yield Input(password=True, compact=True, placeholder="the token, pasted")
        yield Static(Content("the one before does not open it" if self._refused else ""), classes="wrong")

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        wrong = wrong_token(message.value.strip())
        if wrong is None:
            self.dismiss(message.value.strip())
        else:
            self.query_one(".wrong", Static).update(Content(safe_text(wrong, 300)))


def wrong_token(token: str) -> str | None:
    """What is wrong with what was typed as a token, or None."""
    if not token:
        return "paste what `token add` printed on its machine"
    if not token.isascii() or not token.isprintable() or " " in token or len(token) > _LONGEST_TOKEN:
        return "that is no token: `token add` on its machine prints one"
    return None
