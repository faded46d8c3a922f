"""The pulls that run: each in an async worker of its own, telling the screen by messages how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from tui_registry.datastore import Datastore, Peer
from tui_registry.errors import RegistryError

if TYPE_CHECKING:
    from tui_registry.present.pulls import Event, PullResult
    from tui_registry.sync import Bounds, Turns


class PullMoved(Message):
    """A pull told something of itself; `event` is None when its turn has come."""

    def __init__(self, peer: str, event: Event | None) -> None:
        super().__init__()
        self.peer = peer
        self.event = event


class PullEnded(Message):
    """A pull is over. `result` is None where it could not even begin, and `sentence` says why."""

    def __init__(self, peer: str, result: PullResult | None, sentence: str) -> None:
        super().__init__()
        self.peer = peer
        self.result = result
        self.sentence = sentence


class PeersRead(Message):
    """All peers as the replica knows them; `serial` counts the readings asked for."""

    def __init__(self, peers: list[Peer], serial: int) -> None:
        super().__init__()
        self.peers = peers
        self.serial = serial


class PeerRemoved(Message):
    def __init__(self, peer: str) -> None:
        super().__init__()
        self.peer = peer


class Pulls:
    """What runs, by peer. Everything here happens in the app's event loop; the datastore's work in threads."""

    def __init__(self, datastore: Datastore, tell: Callable[[Message], object], bounds: Bounds | None = None) -> None:
        self._datastore = datastore
        self._tell = tell
        self._bounds = bounds
        self._stops: dict[str, asyncio.Event] = {}
        self._turns: Turns | None = None

    def __contains__(self, peer: str) -> bool:
        return peer in self._stops

    def stop(self, peer: str) -> None:
        """Tell a pull to end at the next transaction boundary."""
        self._stops[peer].set()

    def enlist(self, peer: str) -> None:
        """Count a pull among those that run or wait; `run` must follow."""
        self._stops[peer] = asyncio.Event()

    async def run(self, peer: str) -> None:
        """Pull from a peer that was enlisted, as soon as there is room among the others."""
        from tui_registry.sync import Bounds, Turns

        bounds = self._bounds = self._bounds or Bounds()
        turns = self._turns = self._turns or Turns(bounds)
        stop = self._stops[peer]
        try:
            async with turns.turn(stop) as over:
                if over is None:
                    self._tell(PullEnded(peer, None, f"{peer}: stopped before its turn came"))
                    return
                self._tell(PullMoved(peer, None))
                await asyncio.to_thread(_load)
                await self._pull(peer, stop, over)
        finally:
            del self._stops[peer]

    async def _pull(self, peer: str, stop: asyncio.Event, over: asyncio.Event) -> None:
        from tui_registry.sync import pull

        def emit(event: Event) -> None:
            self._tell(PullMoved(peer, event))

        try:
            result = await pull(self._datastore, peer, emit=emit, cancel=stop, turn_over=over, bounds=self._bounds)
        except RegistryError as error:
            self._tell(PullEnded(peer, None, f"{peer}: {error.sentence}"))
        else:
            self._tell(PullEnded(peer, result, result.sentence))


def _load() -> None:
    """Import what speaks to peers: it takes a moment, which the screen would feel."""
    import tui_registry.sync.http_transport  # noqa: F401
    from tui_registry.sync import pull  # noqa: F401
