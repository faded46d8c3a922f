"""`GET /events`: what is appended to this replica's log, told as it comes (server-sent events, WHATWG HTML, 9.2).

An event's id is `EPOCH:N`: so many operations of the log are told with it, as `size` of a head counts them. Whoever
comes back with the last one (`Last-Event-ID`) is told what came since. Nothing is kept for anybody: each stream knows
its place in the log, and reads a few operations from there once the reader has taken those before.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import Response

from tui_registry.datastore import Datastore, Operation
from tui_registry.errors import Json, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.node.following import Following
from tui_registry.node.limits import NodeBounds, place_of
from tui_registry.node.queues import Client, Queues
from tui_registry.node.requests import parameters
from tui_registry.node.responses import NodeError, later
from tui_registry.node.routes import EVENTS, NodeRoute

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_ID = re.compile(r"([0-9a-f]{32}):([0-9]{1,15})", re.ASCII)
# Operations that are read at once: their events fit into one piece of an answer.
_AT_ONCE = 64
# Seconds between two looks whether something was committed, by whatever process.
_LOOK_SECONDS = 0.25
# Of the places, one client has this part at most.
_SHARE = 4
# Milliseconds after which a reader comes back, and seconds after which one may whom there was no place for.
_BACK = 2_000
_LATER_SECONDS = 10
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # nginx would keep events until it has enough of them.
    (b"x-accel-buffering", b"no"),
]


def event_routes(datastore: Datastore, queues: Queues, bounds: NodeBounds, hub: Following | None) -> list[NodeRoute]:
    """The route of the streams of one node.

    Args:
        hub: whose log this node shares: a reader may come from another node of it, and is told nothing twice.
    """
    return [NodeRoute(EVENTS, _Events(datastore, queues, bounds, hub).answer)]


class _Events:
    def __init__(self, datastore: Datastore, queues: Queues, bounds: NodeBounds, hub: Following | None) -> None:
        self._hub = hub
        self._datastore = datastore
        self._queues = queues
        self._bounds = bounds
        self._watch = _Watch(datastore)
        self._held: dict[str, int] = {}
        # What was read last, and by whom it is read just now: those who have all ask for the same.
        self._last: _Told | None = None
        self._turns: WeakValueDictionary[_Place, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, request: Request) -> Response:
        """The stream, from where the reader was.

        Raises:
            NodeError: `event_id`, `parameter`; `hub_behind`: another node of the hub may have told as much.
        """
        given = request.headers.get("last-event-id") or parameters(request, "after").get("after")
        place = None if not given else _place_in(given)
        if place is not None and self._hub is not None:
            await self._hub.reach(place.epoch, place.size)
        return _Stream(self, place)

    async def tell(self, scope: Scope, receive: Receive, send: Send, place: _Place | None) -> None:
        """Tell what comes after a place, or from now on, until the reader goes or the server ends.

        Raises:
            NodeError: `too_many`, `busy`: there is no place for the reader.
        """
        client: Client = scope["client"]
        with self._counted(client):
            told = await self._read(client, place)
            await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS]})
            await send(_piece(b"retry: %d\n" % _BACK + told.text))
            gone = asyncio.create_task(_gone(receive))
            ending = asyncio.create_task(self._queues.ending.wait())
            try:
                while not (gone.done() or ending.done()):
                    if not told.more and not await self._waited(told.changes, gone, ending):
                        await send(_piece(b":\n\n"))  # a connection that nothing comes by looks like one that is lost
                        continue
                    told = await self._read(client, told.place)
                    if told.text:
                        await send(_piece(told.text))
            except RegistryError:
                pass  # the reader comes back, and is told of it then
            finally:
                gone.cancel()
                ending.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    # How

    @contextmanager
    def _counted(self, client: Client) -> Iterator[None]:
        host = "" if client is None else place_of(client[0]) or ""
        own = self._held.get(host, 0)
        if own >= max(self._bounds.event_streams // _SHARE, 1):
            raise later("too_many", f"you read {own} streams of events already", _LATER_SECONDS)
        if sum(self._held.values()) >= self._bounds.event_streams:
            raise later("busy", "others read as many streams of events as there are", _LATER_SECONDS)
        self._held[host] = own + 1
        try:
            yield
        finally:
            self._held[host] -= 1
            if not self._held[host]:
                del self._held[host]

    async def _waited(self, changes: int, *ends: asyncio.Task[None] | asyncio.Task[bool]) -> bool:
        """Whether something was committed, or one of these came, before it was time for a sign of life."""
        changed = self._watch.changed(changes)
        waiting: set[asyncio.Future[None] | asyncio.Task[None] | asyncio.Task[bool]] = {changed, *ends}
        done, _ = await asyncio.wait(
            waiting, timeout=self._bounds.heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        changed.cancel()
        return bool(done)

    async def _read(self, client: Client, place: _Place | None) -> _Told:
        if place is None:
            return await self._queues.read(client, self._tell, place)
        async with self._turns.setdefault(place, asyncio.Lock()):
            last = self._last
            if last is None or last.after != place or last.changes != self._datastore.changes():
                last = self._last = await self._queues.read(client, self._tell, place)
            return last

    def _tell(self, place: _Place | None) -> _Told:
        log = self._datastore.log
        # Looked at first: what is committed while it is read makes it be read once more.
        changes = self._datastore.changes()
        head = log.head(make_key=False)
        # Before anybody is told: a backup that is put back later must not be served under this epoch.
        self._datastore.mark.note(head)
        end = _Place(head.epoch, head.size)
        if place is None:
            # An id without an event: whoever is cut off before the first one comes back with it.
            return _Told(place, end, b"id: %b\n\n" % end.id, changes)
        if place.epoch != head.epoch or place.size > head.size:
            return _Told(place, end, _event(end, "reset", {"epoch": head.epoch, "size": head.size}), changes)
        stop = min(head.size, place.size + _AT_ONCE)
        operations = log.operations_at(range(place.size, stop)) if stop > place.size else []
        if operations and log.head(make_key=False).epoch != head.epoch:
            return self._tell(place)  # a log that was rewritten in between
        after = _Place(head.epoch, stop)
        return _Told(place, after, _told_of(operations, head.epoch), changes, more=stop < head.size)


class _Place(NamedTuple):
    """Where a reader is: so many operations of a log are told."""

    epoch: str
    size: int

    @property
    def id(self) -> bytes:
        return f"{self.epoch}:{self.size}".encode()


class _Told(NamedTuple):
    """What is told after a place.

    Attributes:
        place: where the reader is then. changes: `Datastore.changes` before it was read. more: there is more.
    """

    after: _Place | None
    place: _Place
    text: bytes
    changes: int
    more: bool = False


class _Stream(Response):
    """A response that is told by `_Events.tell`."""

    def __init__(self, events: _Events, place: _Place | None) -> None:
        super().__init__()
        self._events = events
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS]})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._events.tell(scope, receive, send, self._place)


class _Watch:
    """Looks whether something was committed, as long as somebody waits for that."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._is_looking = False

    def changed(self, since: int) -> asyncio.Future[None]:
        """Done once `Datastore.changes` gives something else."""
        loop = asyncio.get_running_loop()
        changed: asyncio.Future[None] = loop.create_future()
        self._waiting[changed] = since
        if not self._is_looking:
            self._is_looking = True
            loop.call_soon(self._look)
        return changed

    def _look(self) -> None:
        try:
            now = self._datastore.changes()
        except RegistryError:
            now = None  # whoever reads next hears of it
        self._waiting = {changed: since for changed, since in self._waiting.items() if not changed.done()}
        for changed, since in self._waiting.items():
            if since != now:
                changed.set_result(None)
        self._is_looking = bool(self._waiting)
        if self._is_looking:
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)


def _place_in(text: str) -> _Place:
    found = _ID.fullmatch(text)
    if found is None:
        raise NodeError(
            "event_id", "the id of an event is EPOCH:N, as one was told: leave it out to begin with the next"
        )
    return _Place(found[1], int(found[2]))


def _told_of(operations: Sequence[Operation], epoch: str) -> bytes:
    """
    Args:
        operations: the last one first.
    """
    return b"".join(
        _event(
            _Place(epoch, operation.place + 1),
            "operation",
            {
                "kind": operation.kind,
                "id": operation.id,
                "of": operation.of,
                "hash": operation.hash,
                "deed": operation.did,
                "name": operation.name,
                "owner_id": operation.actor,
            },
        )
        for operation in reversed(operations)
    )


def _event(place: _Place, name: str, data: dict[str, Json]) -> bytes:
    # In JSON every end of a line within a text is escaped.
    told = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (place.id, name.encode(), told)


def _piece(text: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": text, "more_body": True}


async def _gone(receive: Receive) -> None:
    """Ends when the reader has gone, or sends a body: one without an end would be read for as long as it is told."""
    while (message := await receive())["type"] != "http.disconnect" and not message.get("body"):
        pass
