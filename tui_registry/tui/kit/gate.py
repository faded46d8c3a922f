"""Where every key waits until the key before it has had its effect, so that it goes to the screen it was typed for.

Textual hands a key to the widget that has the focus at that moment. Of two keys in one read, as a fast hand, a slow
line or a macro brings them, the second one would reach the screen below the dialog that the first is about to open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from textual import events
from textual.app import App
from textual.dom import DOMNode

from tui_registry.tui.kit.actions import action, types

if TYPE_CHECKING:
    from textual.worker import Worker

# How long keys wait in silence; then the person is told, and may give up what they wait for.
PATIENCE_SECONDS: Final = 1.0
# What actions begin with that only move a cursor, in lists and in texts to read.
_MOVES: Final = ("cursor_", "page_", "scroll_", "first", "last")
_GIVE_UP: Final = ("escape", "ctrl+c")


class Pending(Protocol):
    """An answer that may not be there yet, such as an asyncio.Future."""

    def done(self) -> bool:
        """Whether it is."""


class RunningFlow:
    """A flow as the gate sees it: under way, waiting for a person, or going on by itself.

    Attributes:
        worker: runs it.
        writes: it has begun to write, and nothing stops it any more.
    """

    def __init__(self, gate: Gate, *, background: bool) -> None:
        """
        Args:
            background: keys never wait for it.
        """
        self.worker: Worker[None] | None = None
        self.writes = False
        self._gate = gate
        self._background = background
        self._holds = not background
        self._answer: Pending | None = None
        gate.flows.add(self)

    @property
    def asks(self) -> bool:
        """Whether it waits for a person."""
        return self._answer is not None and not self._answer.done()

    @property
    def is_cancelled(self) -> bool:
        return self.worker is not None and self.worker.is_cancelled

    @property
    def holds_keys(self) -> bool:
        """Whether it may still open a dialog that the next key is for."""
        return self._holds and not self.asks and not self.is_cancelled

    def wait_for(self, answer: Pending) -> None:
        """It waits for a person; what it does with the answer may open another dialog."""
        self._answer = answer
        self._holds = not self._background
        self._gate.look()

    def write(self) -> None:
        """It begins to write: that takes its time, and keys are for what is in front meanwhile."""
        self._holds = False
        self.writes = True
        self._gate.look()

    def end(self) -> None:
        self._gate.flows.discard(self)
        self._gate.look()


class Gate:
    """Passes keys and pastes to the app one at a time.

    The next one waits while the one before is being handled, while a flow that it began has neither opened its dialog
    nor begun to write nor ended, and while the screen in front is still being made.

    Attributes:
        flows: those that are under way.
        patience: seconds.
    """

    def __init__(
        self,
        app: App[None],
        pass_on: Callable[[events.Event], Awaitable[None]],
        tell_late: Callable[[bool], object],
    ) -> None:
        """
        Args:
            pass_on: gives an event to the app as if there were no gate.
            tell_late: says on the status line that keys wait and Esc gives up what they wait for; or, with False,
                takes that back.
        """
        self.flows: set[RunningFlow] = set()
        self.patience = PATIENCE_SECONDS
        self._app = app
        self._pass_on = pass_on
        self._tell_late = tell_late
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._passing: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._unready: set[DOMNode] = set()
        self._last_key = ""
        self._front: DOMNode | None = None  # when that key was passed
        self._is_late = False

    # What the app and its screens tell it

    def receive(self, event: events.Key | events.Paste) -> None:
        """Pass the event on when its turn has come."""
        if self._is_late and isinstance(event, events.Key) and _gives_up(event.key):
            self._give_up(event)
        else:
            self._waiting.append(event)
        self._begin()

    def put_back(self, events: Sequence[events.Key | events.Paste]) -> None:
        """Pass these before all that waits: a question took them that were typed for what comes after it."""
        self._last_key = ""  # none of them repeats the key that answered
        self._waiting.extendleft(reversed(events))
        self._begin()

    def hold(self, screen: DOMNode) -> None:
        """Keys for this screen wait until it is released: it has nothing yet that could take them."""
        self._unready.add(screen)

    def release(self, screen: DOMNode) -> None:
        """The screen takes keys now."""
        self._unready.discard(screen)
        self.look()

    def look(self) -> None:
        """Something changed that keys may wait for."""
        # A flow that is cancelled before its first step never comes to say that it has ended.
        self.flows = {
            running for running in self.flows if not running.is_cancelled or running.worker in self._app.workers
        }
        self._news.set()
        self._news = asyncio.Event()

    async def close(self) -> None:
        """The app ends: nothing more is passed, and what has begun to write is waited for."""
        self._waiting.clear()
        if self._passing is not None:
            self._passing.cancel()
        await self.until(lambda: not any(running.writes and not running.asks for running in self.flows))

    async def take_in(self) -> None:
        """Wait, but not for long, until what was typed has reached all that it comes to below the app, as letters do
        on their way while the next key is passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                await self._have_handled((self._app.focused or self._app.screen).ancestors_with_self[:-1])

    @property
    def is_at_rest(self) -> bool:
        """Whether no key is on its way, and every flow has ended or waits for a person."""
        return self._passing is None and all(running.asks for running in self.flows)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is looked at whenever a key or a flow comes further."""
        while not condition():
            await self._news.wait()

    # How

    def _begin(self) -> None:
        if self._passing is None:
            self._passing = asyncio.create_task(self._pass_all())

    async def _pass_all(self) -> None:
        fresh = True  # the next key came when all before it was done
        try:
            while self._waiting:
                fresh = await self._open() and fresh
                if not fresh and self._app.screen is not self._front:
                    # The key that opened this screen, or closed the one over it, is held down: it does not act here.
                    self._waiting = deque(event for event in self._waiting if not self._repeats(event))
                if self._waiting:
                    await self._pass(self._waiting.popleft())
                fresh = False
        finally:
            self._passing = None
            self.look()

    def _repeats(self, event: events.Key | events.Paste) -> bool:
        """Whether it is the last key once more, and types nothing."""
        return isinstance(event, events.Key) and event.key == self._last_key and not event.is_printable

    async def _open(self) -> bool:
        """Wait until whatever the key before began is in front, or over; False when it was not at once."""
        if not self._is_closed():
            return True
        try:
            while self._is_closed():
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if self._is_late else self.patience):
                        await self._news.wait()
                        continue
                self._become_late()
        finally:
            if self._is_late:
                self._is_late = False
                self._tell_late(False)
        return False

    def _is_closed(self) -> bool:
        if any(running.holds_keys for running in self.flows):
            return True
        screen = self._app.screen
        if not screen.is_mounted:
            screen.call_later(self.look)  # handled when it is mounted
            return True
        return screen in self._unready

    def _become_late(self) -> None:
        self._is_late = True
        self._unready.clear()
        self._tell_late(True)
        self.look()
        for event in self._waiting:
            if isinstance(event, events.Key) and _gives_up(event.key):
                self._give_up(event)
                break

    def _give_up(self, event: events.Key) -> None:
        """Cancel what keys wait for and forget the keys before this one; of those that do so, Esc has done its work
        then. What was typed after it keeps its turn."""
        while self._waiting and self._waiting.popleft() is not event:
            pass
        for running in self.flows:
            if running.holds_keys and running.worker is not None:
                running.worker.cancel()
        if event.key != "escape":
            self._waiting.appendleft(event)
        self.look()

    async def _pass(self, event: events.Key | events.Paste) -> None:
        """Pass one event on, and wait until all that it comes to have handled it."""
        if isinstance(event, events.Key):
            self._last_key, self._front = event.key, self._app.screen
        path = list((self._app.focused or self._app.screen).ancestors_with_self)
        leads_nowhere = isinstance(event, events.Key) and self._leads_nowhere(event)
        try:
            await self._pass_on(event)
        except Exception as error:
            self._app._handle_exception(error)
            return
        if leads_nowhere:
            return
        # The key goes from queue to queue up to the app, where it becomes an action.
        await self._have_handled(path)

    def _leads_nowhere(self, event: events.Key) -> bool:
        """Whether the key types, or moves a cursor in a list: then it opens nothing, and the next one need not wait."""
        widget = self._app.focused
        if widget is None:
            return False
        if widget.check_consume_key("a", "a"):
            # A line of text takes letters itself; what moves its cursor is an action, which a letter would overtake.
            return event.is_printable and widget.check_consume_key(event.key, event.character)
        map_of = widget._bindings
        if self._app._keymap:
            map_of = map_of.copy()
            map_of.apply_keymap(self._app._keymap)
        bindings = map_of.key_to_bindings.get(event.key, [])
        return bool(bindings) and all(binding.action.startswith(_MOVES) for binding in bindings)

    async def _have_handled(self, path: Iterable[DOMNode]) -> None:
        """Wait until these have handled what is in their queues now, and what that posts from one to the next."""
        for _ in range(2):
            for node in path:
                await self._has_handled(node)

    async def _has_handled(self, node: DOMNode) -> None:
        """Wait until the node has handled what is in its queue now."""
        handled = asyncio.Event()
        if not node.call_later(handled.set):
            return
        while not handled.is_set() and node.is_running:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.patience):
                    await handled.wait()


def _gives_up(key: str) -> bool:
    """Whether a key ends what others wait for, whatever keys the person has."""
    return key in _GIVE_UP or (key in action("app.quit").keys and not types(key))
