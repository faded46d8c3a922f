"""How answers leave a node: begun in time, a piece at a time as their readers take them, and bounded all together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_registry.node.bounds import PIECE, NodeBounds
from tui_registry.node.problems import NodeError, of_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LATE = NodeError("busy", "the node could not answer in time: try again later")
_CROWDED = NodeError("busy", "many large answers wait for their readers just now: try again in a little while")


class PacedAnswers:
    """An ASGI app around the node's own, for servers whose `send` waits until the piece before is taken, and which
    close what an app leaves half answered.

    How long a reader takes for a piece is bounded by the server. The whole of an answer is bounded only while another
    lacks room: a line so bad that a large tile takes an hour is an honest reader's, too, and who only wants to hold a
    connection could ask anew for something small as often.
    """

    def __init__(self, app: ASGIApp, bounds: NodeBounds) -> None:
        self._app = app
        self._seconds = bounds.request_seconds
        self._unsent = _Unsent(bounds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        begun = refused = False

        async def paced(message: Message) -> None:
            nonlocal start, begun, refused
            if message["type"] == "http.response.start":
                start = message  # kept back until it is known that there is room for what follows
                return
            if refused:
                return
            deadline.reschedule(None)
            # HEAD is answered by the start alone: the server leaves the body out, so it needs no room.
            body: bytes = b"" if scope["method"] == "HEAD" else message.get("body", b"")
            refused = not begun and not self._unsent.make_room(body)
            if refused:
                await of_error(_CROWDED)(scope, receive, send)
                return
            with self._unsent.holding(body, deadline):
                if start is not None and not begun:
                    await send(start)
                    begun = True
                for piece in _pieces(message, body):
                    await send(piece)
                    # A write that fails is told to the server in the loop's next turn, and nothing is written after.
                    await asyncio.sleep(0)

        try:
            async with asyncio.timeout(self._seconds) as deadline:
                await self._app(scope, receive, paced)
        except TimeoutError:
            if not deadline.expired():
                raise
            if not begun:
                await of_error(_LATE)(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Held:
    body: bytes
    since: float
    readers: set[asyncio.Timeout]


class _Unsent:
    """The bodies that wait for their readers, without those of one piece: so much each connection has anyway.

    One that several wait for, such as a kept tile, counts once, and from when the first of them came: to ask for it
    again and again does not keep its room.
    """

    def __init__(self, bounds: NodeBounds) -> None:
        self._limit = bounds.unsent_bytes
        self._turn = bounds.turn_seconds
        # By identity; what was asked for the longest ago stands first.
        self._held: dict[int, _Held] = {}

    def make_room(self, body: bytes) -> bool:
        """Whether the body may wait, too; those that have had their turn end where it lacks room."""
        if len(body) <= PIECE or id(body) in self._held:
            return True
        lacking = sum(len(held.body) for held in self._held.values()) + len(body) - self._limit
        begun_before = asyncio.get_running_loop().time() - self._turn
        ending: list[_Held] = []
        for held in self._held.values():
            if lacking > 0 and held.since <= begun_before:
                ending.append(held)
                lacking -= len(held.body)
        if lacking > 0:
            return False  # so nobody ends in vain
        for held in ending:
            del self._held[id(held.body)]
            for reader in held.readers:
                reader.reschedule(0)
        return True

    @contextmanager
    def holding(self, body: bytes, reader: asyncio.Timeout) -> Iterator[None]:
        """Count the body; the reader expires where it has to make way."""
        if len(body) <= PIECE:
            yield
            return
        held = self._held.pop(id(body), None) or _Held(body, asyncio.get_running_loop().time(), set())
        self._held[id(body)] = held
        held.readers.add(reader)
        try:
            yield
        finally:
            held.readers.remove(reader)
            if not held.readers and self._held.get(id(body)) is held:
                del self._held[id(body)]


def _pieces(message: Message, body: bytes) -> Iterator[Message]:
    last = max(len(body) - 1, 0) // PIECE * PIECE
    for at in range(0, last, PIECE):
        yield {**message, "body": body[at : at + PIECE], "more_body": True}
    yield {**message, "body": body[last:]}
