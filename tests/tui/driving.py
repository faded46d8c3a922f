"""Driving the real app in tests: start it on a Datastore, press keys, wait until everything has been answered."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import textual.app
import textual.css.match
import textual.css.stylesheet
import textual.pilot
from textual.css.model import CombinatorType, RuleSet, Selector
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.message import Message
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.screen import Screen
from textual.worker import WorkerCancelled

from tests.idle import IdleLoop
from tests.seeds import NOW, owner, seed
from tui_registry.cli.inside import LinesInside
from tui_registry.datastore import Datastore
from tui_registry.settings import Settings
from tui_registry.tui import RegistryApp
from tui_registry.tui.browse.browse_screen import BrowseScreen
from tui_registry.tui.browse.record_list import RecordList
from tui_registry.tui.kit.frame import StatusLine
from tui_registry.tui.kit.host import host_of

# Whatever terminal the tests run in: with fewer colours the app chooses others.
os.environ["TERM"], os.environ["COLORTERM"] = "xterm-256color", "truecolor"

_until_processor_idle = textual.pilot.wait_for_idle
_until_screen_handled = Pilot._wait_for_screen
_compositor_refresh = Screen._compositor_refresh


_unpainted = set[Screen[object]]()


async def _until_idle(*bounds: float) -> None:
    """Wait until the app has nothing to do, and what changed on its screen is painted.

    Textual looks for that at how much of 20 ms the process worked, two or three times for each key. The loop knows at
    once, but for what threads do: they are waited for until they return or have done nothing for some time, as one
    does that a test holds up.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, IdleLoop):
        await _until_processor_idle(*bounds)
        return
    await _until_rest(loop)
    while _unpainted:
        _paint(_unpainted.pop())
        await _until_rest(loop)


async def _until_pressed(*bounds: float) -> None:
    """Wait for what a key brings about; of several keys that are pressed, a frame is painted after the last one."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, IdleLoop):
        await _until_processor_idle(*bounds)
        return
    await _until_rest(loop)


async def _until_rest(loop: IdleLoop) -> None:
    await loop.until_idle()
    looks, end = 0, time.monotonic() + 2
    while loop.threads and looks < 40 and time.monotonic() < end:
        worked = time.process_time()
        await loop.until_returned(0.005)
        await loop.until_idle()
        looks = looks + 1 if time.process_time() - worked < 0.001 else 0


def _paint(screen: Screen[object]) -> None:
    if screen.is_running and screen is screen.app.screen:
        with screen.app._context():
            try:
                _compositor_refresh(screen)
            except Exception as error:
                screen.app._handle_exception(error)


def _paint_when_idle(self: Screen[object]) -> None:
    """A key leads to several frames in a row, and nobody sees those before the last: that one is painted."""
    if not self.app.is_headless or self is not self.app.screen or not isinstance(self.app._loop, IdleLoop):
        _compositor_refresh(self)
        return
    _unpainted.add(self)
    self._dirty_widgets.clear()
    self.app._update_mouse_over(self)


async def _until_handled(pilot: Pilot[None], *bounds: float) -> bool:
    """Wait until every widget has handled its messages; an idle loop has none, and no widget needs to be asked."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, IdleLoop) and await loop.until_idle():
        return True
    return await _until_screen_handled(pilot, *bounds)


textual.app.wait_for_idle = _until_pressed  # type: ignore[assignment]
textual.pilot.wait_for_idle = _until_idle  # type: ignore[assignment]
Pilot._wait_for_screen = _until_handled  # type: ignore[method-assign, assignment]
Screen._compositor_refresh = _paint_when_idle  # type: ignore[method-assign, assignment]

_parse_rules = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def _parse_rules_once(
    self: Stylesheet,
    css: str,
    read_from: tuple[str, str],
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    """Each app of a test reads the same styles: they are parsed once for each theme."""
    key = (frozenset(self._variables.items()), css, read_from, is_default_rules, tie_breaker, scope)
    if key not in _parsed:
        _parsed[key] = _parse_rules(self, css, read_from, is_default_rules, tie_breaker, scope)
    return _parsed[key]


Stylesheet._parse_rules = _parse_rules_once  # type: ignore[method-assign]
# By identity, as it was; each widget that is styled asks for that of some hundred rules, which costs as much as what is
# done with it where it is computed in Python.
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]

_check_selectors = textual.css.match._check_selectors
_get_dispatch_methods = MessagePump._get_dispatch_methods
_Handlers = tuple[tuple[type, Callable[..., Awaitable[None]]], ...]
_handlers: dict[tuple[type, type, str], _Handlers | None] = {}


def _check_last_selector_first(selectors: list[Selector], path: list[DOMNode]) -> bool:
    """The last selector of a rule is that of the node itself: most rules end there, and one of a single selector is
    decided. Textual asks it, and every one before it, of each node from the app down."""
    *before, last = selectors
    if not last.check(path[-1]):
        return False
    return (not before and last.combinator is CombinatorType.DESCENDENT) or _check_selectors(selectors, path)


def _handlers_of(pump: type, message: type[Message], method_name: str) -> _Handlers | None:
    """What a class and its bases do with messages of a class by the names of their methods; None where one of them has
    methods that `on` marks, which may ask for the sender."""
    kinds = [kind for kind in message.__mro__ if issubclass(kind, Message)]
    found = []
    for cls in pump.__mro__:
        if any(kind in cls.__dict__.get("_decorated_handlers", ()) for kind in kinds):
            return None
        method = cls.__dict__.get(f"_{method_name}") or cls.__dict__.get(method_name)
        if method is not None and not getattr(method, "_textual_on", None):
            found.append((cls, method))
    return tuple(found)


def _dispatch_methods_found_once(
    self: MessagePump, method_name: str, message: Message
) -> Iterable[tuple[type, Callable[[Message], Awaitable[None]]]]:
    """A form is hundreds of widgets that get ten messages each while it opens: what their classes do with them is looked
    for once for each class."""
    key = (type(self), type(message), method_name)
    if key not in _handlers:
        _handlers[key] = _handlers_of(*key)
    handlers = _handlers[key]
    if handlers is None:
        yield from _get_dispatch_methods(self, method_name, message)
        return
    for cls, method in handlers:
        if message._no_default_action:
            break
        yield cls, method.__get__(self, cls)


for _module in (textual.css.match, textual.css.stylesheet):
    _module._check_selectors = _check_last_selector_first  # type: ignore[attr-defined]
MessagePump._get_dispatch_methods = _dispatch_methods_found_once  # type: ignore[method-assign]

NARROW, WIDE = (80, 24), (160, 50)


@contextmanager
def replica(folder: Path, strangers: int = 0) -> Iterator[Datastore]:
    """A replica with a clock that stands still, an own key, and records of a stranger, which were looked at."""
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        datastore.key.replace(owner("me"))
        if strangers:
            seed(datastore, strangers)
            datastore.news.seen()
        yield datastore


@asynccontextmanager
async def running(
    datastore: Datastore, size: tuple[int, int] = NARROW, query: str = "", settings: Settings | None = None
) -> AsyncIterator[tuple[RegistryApp, Pilot[None]]]:
    """The app, its first answer shown."""
    app = RegistryApp(
        datastore,
        query=query,
        settings=settings or Settings(name="test"),
        clock=lambda: NOW,
        lines=lambda: LinesInside(datastore.data_dir),
    )
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        yield app, pilot


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in the loop of tests, for hypothesis, whose tests are no coroutines."""

    async def run() -> None:
        await scenario()

    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        runner.run(run())


async def settle(pilot: Pilot[None]) -> None:
    """Wait until no key is on its way, nothing runs but what waits for a person, and every message was handled."""
    gate = host_of(pilot.app).gate
    for _ in range(50):
        await pilot.pause()
        await gate.until(lambda: gate.is_at_rest)
        asking = {flow.worker for flow in gate.flows}
        working = [worker for worker in pilot.app.workers if not worker.is_finished and worker not in asking]
        if not working and gate.is_at_rest:
            return
        for result in await asyncio.gather(*(worker.wait() for worker in working), return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, WorkerCancelled):
                raise result
    raise AssertionError("the app never comes to rest")


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, and wait for what they bring about."""
    await pilot.press(*keys)
    await settle(pilot)


async def notice_changes(pilot: Pilot[None]) -> None:
    """What the poll does each second, now."""
    app = pilot.app
    assert isinstance(app, RegistryApp)
    app.look()
    await settle(pilot)


def browse_of(app: RegistryApp) -> BrowseScreen:
    screen = app.get_screen_stack("browse")[0]
    assert isinstance(screen, BrowseScreen)
    return screen


def list_of(app: RegistryApp) -> RecordList:
    return browse_of(app).query_one(RecordList)


def name_under_cursor(app: RegistryApp) -> str:
    row = list_of(app).item
    return "" if row is None else row.name


def screen_text(app: RegistryApp) -> str:
    """What a person reads on the whole screen."""
    return "\n".join(
        "".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips(app.size)
    )


def status(app: RegistryApp) -> str:
    """What the status line says."""
    return app.screen.query_one(StatusLine).shown.text
