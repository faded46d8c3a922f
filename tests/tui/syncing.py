"""Driving the Sync screen in tests: peers that are real, and peers that answer when the test lets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from tests.seeds import NOW, stranger_ops
from tests.sync.hostile import Answer, Ask, Peer, Reply, honest, hostile
from tests.sync.logs import FakeLog
from tests.tui.driving import press, running, settle
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, publish
from tui_registry.sync.bounds import TILE_OPS
from tui_registry.tui.app import RegistryApp
from tui_registry.tui.kit.program import ProgramScreen
from tui_registry.tui.sync.peer_table import PeerTable, PeerView
from tui_registry.tui.sync.sync_screen import SyncScreen


def static_log(folder: Path, records: int, *, by: str = "neighbour") -> Path:
    """A folder that holds the log of a replica with so many records of a stranger."""
    with Datastore.open(folder.with_name(f"{folder.name}-replica"), clock=lambda: NOW) as there:
        there.apply(op.to_json() for op in stranger_ops(records, by=by))
        publish(there, folder)
    return folder


@asynccontextmanager
async def syncing(
    datastore: Datastore, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[RegistryApp, Pilot[None]]]:
    """The app on its Sync screen."""
    async with running(datastore, size) as (app, pilot):
        await press(pilot, "3")
        sync_of(app).pulls._bounds = SMALL
        yield app, pilot


async def type_peer(pilot: Pilot[None], name: str, address: str) -> None:
    """Open the dialog, fill it in and press Enter."""
    await press(pilot, "a")
    await press(pilot, *name, "tab")
    pilot.app.screen.query_one("#peer-address", Input).value = address  # a paste
    await press(pilot, "enter")


def sync_of(app: RegistryApp) -> SyncScreen:
    screen = app.get_screen_stack("sync")[0]
    assert isinstance(screen, SyncScreen)
    return screen


def peer_under_cursor(app: RegistryApp) -> PeerView:
    view = sync_of(app).query_one(PeerTable).item
    assert view is not None
    return view


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait until something that threads and other tasks bring about is so."""
    async with asyncio.timeout(120):
        while not condition():
            await pilot.pause(0.01)


async def until_ended(pilot: Pilot[None]) -> None:
    """Wait until the program that runs in front has ended, which is a process of its own."""
    page = pilot.app.screen
    assert isinstance(page, ProgramScreen)
    await until(pilot, lambda: page._ended is not None)
    await settle(pilot)


class Gate:
    """A peer's answer that waits until the test opens it."""

    def __init__(self, answer: Answer) -> None:
        self.waiting = 0
        self._open = asyncio.Event()
        self._answer = answer

    def open(self) -> None:
        self._open.set()

    async def __call__(self, ask: Ask, reply: Reply) -> None:
        self.waiting += 1
        await self._open.wait()
        await self._answer(ask, reply)


# A tile is a batch: what takes three of them is shown as well by hundreds of operations as by thousands.
SMALL = Bounds(batch_ops=TILE_OPS)
OPS, TILES = 3 * TILE_OPS, 3
# Two batches: the third cannot be stored before its tile is there.
STORED = 2 * TILE_OPS


@asynccontextmanager
async def stuck_at_the_last_tile() -> AsyncIterator[tuple[Peer, Gate]]:
    """A peer whose log is three batches, the last tile of which it sends once its gate is open."""
    log = FakeLog.of(list(stranger_ops(OPS, by="lab")))
    gate = Gate(honest(log))

    async def answer(ask: Ask, reply: Reply) -> None:
        await (gate if ask.path.endswith(f"/{TILES - 1}.ndjson.gz") else honest(log))(ask, reply)

    async with hostile(answer) as peer:
        yield peer, gate
