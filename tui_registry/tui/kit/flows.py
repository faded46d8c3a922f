"""What a key begins is one coroutine, read from top to bottom: read in a thread, ask the person, write, say it is done.

    @flow
    async def action_delete(self) -> None:
        entry = await self.read(self.datastore.entry, self.ref.id)
        if await self.ask(ConfirmScreen(f"Delete {name_of(entry)}?")):
            await self.write(self.datastore.delete, entry.kind, entry.id, entry.heads)
            self.say(f"deleted {name_of(entry)}", "done")

An error of the registry that a flow does not catch is said on the status line, by `flow` and nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from functools import partial, wraps
from typing import Concatenate, Generic, ParamSpec, TypeVar, overload

from textual.await_complete import AwaitComplete
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen
from textual.worker import Worker, get_current_worker

from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError
from tui_registry.tui.kit.colours import LEAST_CONTRAST, LEAST_INACTIVE
from tui_registry.tui.kit.facts import Tone
from tui_registry.tui.kit.gate import RunningFlow
from tui_registry.tui.kit.host import RegistryHost, host_of, styled

Holder = TypeVar("Holder", bound="DOMNode | Part")
Given = ParamSpec("Given")
Result = TypeVar("Result")
Answer = TypeVar("Answer")
Made = TypeVar("Made")
Coro = Coroutine[object, object, None]


@overload
def flow(method: Callable[Concatenate[Holder, Given], Coro], /) -> Callable[Concatenate[Holder, Given], None]: ...
@overload
def flow(
    *, group: str = "flow", exclusive: bool = False, background: bool = False, writes: bool = False
) -> Callable[[Callable[Concatenate[Holder, Given], Coro]], Callable[Concatenate[Holder, Given], None]]: ...
def flow(
    method: Callable[Concatenate[Holder, Given], Coro] | None = None,
    *,
    group: str = "flow",
    exclusive: bool = False,
    background: bool = False,
    writes: bool = False,
) -> (
    Callable[Concatenate[Holder, Given], None]
    | Callable[[Callable[Concatenate[Holder, Given], Coro]], Callable[Concatenate[Holder, Given], None]]
):
    """Make a coroutine method of a screen, a widget or a part into one that starts it and returns at once.

    It ends with its widget or screen, but what it has begun to write it finishes, with the words that come after.

    Args:
        exclusive: it takes the place of what runs in the same group.
        background: it never opens a dialog, so that no key needs to wait for it: what the detail shows, what is found
            while somebody types.
        writes: it is about a write. Where nothing can be written that is said, and nothing is asked or typed for it.
    """

    def begin(method: Callable[Concatenate[Holder, Given], Coro]) -> Callable[Concatenate[Holder, Given], None]:
        @wraps(method)
        def started(holder: Holder, /, *args: Given.args, **kwargs: Given.kwargs) -> None:
            node = holder.screen if isinstance(holder, Part) else holder
            gate = host_of(node).gate
            running = RunningFlow(gate, background=background)  # from now on keys wait for it
            work = partial(_run, node, running, partial(method, holder, *args, **kwargs), writes)
            running.worker = node.run_worker(work, name=method.__name__, group=group, exclusive=exclusive)
            gate.look()  # it may have taken the place of another

        return started

    return begin if method is None else begin(method)


async def read(function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
    """What a function returns that is run in a thread. Where the flow is cancelled meanwhile, that is dropped."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def write(function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
    """The same for a function that changes something: the flow goes on to say so even where it is cancelled meanwhile,
    and the app does not end before."""
    _running.get().write()
    task, writing = asyncio.current_task(), asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    while not writing.done():
        try:
            await asyncio.wait([writing])
        except asyncio.CancelledError:
            assert task is not None
            task.uncancel()
    return writing.result()


def unwanted() -> Callable[[], bool]:
    """Tells, in whatever thread, whether the flow that asks for it now has been cancelled since."""
    worker: Worker[object] = get_current_worker()
    return lambda: worker.is_cancelled


class FlowScreen(Screen[Result], Generic[Result]):
    """A screen that answers once, is never what another screen is closed by, and opens others over itself alone.

    Textual's own `dismiss` takes away whatever is on top, and its `push_screen` lies over whatever is on top. That need
    not be the screen that calls it: a flow may go on while help lies over it, or while another mode is shown.

    Attributes:
        parts: what it holds that has actions of its own; their `action_...` methods answer its keys too.
        answered_unseen: it answered while another mode was shown, and is still there until its own is shown again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parts: tuple[Part, ...] = ()
        self.answered_unseen = False
        self._answer: tuple[Result | None] | None = None
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def host(self) -> RegistryHost:
        return host_of(self)

    @property
    def datastore(self) -> Datastore:
        return self.host.datastore

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What the screen itself draws: under a dialog that is the screen below, greyed, where nothing can be done."""
        return self.host.filters_to(LEAST_INACTIVE if self.is_modal else LEAST_CONTRAST)

    def say(self, text: str, tone: Tone = "note") -> None:
        """Show the result of an action on the status line, here and on the screen that this one returns to."""
        self.host.say(text, tone)

    async def read(self, function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
        """See `read`."""
        return await read(function, *args, **kwargs)

    async def write(self, function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
        """See `write`."""
        return await write(function, *args, **kwargs)

    async def ask(self, screen: Screen[Answer], *, later: bool = False) -> Answer | None:
        """Open a screen over this one; its answer, None where it was closed without one.

        Where this screen is not in front the person has gone on: nothing is opened, and the flow ends here.

        Args:
            later: wait until it is in front again instead, for what no key could ask for once more.
        """
        running = _running.get()
        while not self.is_active or self._answer is not None:
            if not later:
                raise _GoneOn
            in_front = asyncio.get_running_loop().create_future()
            self._waiting.append(in_front)
            running.wait_for(in_front)
            await in_front
        answer = self.app.push_screen(styled(self, screen), wait_for_dismiss=True)
        running.wait_for(answer)
        return await asyncio.shield(answer)  # shielded, as the screen answers also where nobody waits any more

    @flow
    async def open_screen(self, screen: Screen[Answer], *, later: bool = False) -> None:
        """Open a screen over this one, as `ask` does, from where no flow runs."""
        await self.ask(screen, later=later)

    def part_action(self, name: str) -> Callable[..., object] | None:
        """The method for an action that this screen itself has not."""
        method = f"action_{name}"
        if hasattr(self, method):
            return None
        return next((getattr(part, method) for part in self.parts if hasattr(part, method)), None)

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Answer and go; later, where something lies over the screen. Only the first answer counts."""
        if self._answer is not None:
            return AwaitComplete()
        self._answer = (result,)
        self.answered_unseen = not self.is_current
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def on_screen_resume(self) -> None:
        if not self.is_active:
            return
        if self._answer is not None:
            super().dismiss(*self._answer)
        elif self._waiting:
            self._waiting.pop(0).set_result(None)


class Part:
    """What a screen holds: what can be done with a record, say. Its flows are the screen's.

    Attributes:
        screen: the one that holds it.
    """

    def __init__(self, screen: FlowScreen[None]) -> None:
        self.screen = screen

    @property
    def datastore(self) -> Datastore:
        return self.screen.datastore

    def say(self, text: str, tone: Tone = "note") -> None:
        """Show the result of an action on the status line."""
        self.screen.say(text, tone)

    async def read(self, function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
        """See `read`."""
        return await read(function, *args, **kwargs)

    async def write(self, function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
        """See `write`."""
        return await write(function, *args, **kwargs)

    async def ask(self, screen: Screen[Answer], *, later: bool = False) -> Answer | None:
        """Open a screen over the one that holds this; see `FlowScreen.ask`."""
        return await self.screen.ask(screen, later=later)


class _GoneOn(Exception):
    """The screen that a flow belongs to is not in front any more."""


_running: ContextVar[RunningFlow] = ContextVar("running_flow")


async def _run(node: DOMNode, running: RunningFlow, work: Callable[[], Coro], writes: bool) -> None:
    host = host_of(node)
    _running.set(running)
    try:
        if writes and host.datastore.why_read_only:
            await read(host.datastore.expect_writable)
        await work()
    except _GoneOn:
        pass
    except RegistryError as error:
        host.say(error.sentence, "problem")
    except Exception:
        # A flow may go on while its screen goes, at least after its write; what it would show there has no place then.
        if node.is_attached and host.is_running:
            raise
    finally:
        running.end()
