"""How answers leave a node: begun in time, a piece at a time as their readers take them, and bounded all together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui_registry.node.bounds import PIECE, NodeBounds
from tui_registry.node.problems import NodeError, of_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LATE = NodeError("busy", "the node could not answer in time: try again later")
_CROWDED = NodeError("busy", "many large answers wait for their readers just now: try again in a little while")


class PacedAnswers:
    """An ASGI app around the node's own, for servers whose `send` waits until the piece before is taken.

    How long a reader takes for a piece is bounded by the server. There is no bound for the whole of an answer: a line
    so bad that a large tile takes an hour is an honest reader's, too, and who only wants to hold a connection could
    ask anew for something small as often.
    """

    def __init__(self, app: ASGIApp, bounds: NodeBounds) -> None:
        self._app = app
        self._seconds = bounds.request_seconds
        self._unsent = _Unsent(bounds.unsent_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        refused = False

        async def paced(message: Message) -> None:
            nonlocal start, refused
            if message["type"] == "http.response.start":
                start = message  # kept back until it is known that there is room for what follows
                return
            if refused:
                return
            deadline.reschedule(None)
            body: bytes = message.get("body", b"")
            refused = start is not None and not self._unsent.has_room(body)
            if refused:
                await of_error(_CROWDED)(scope, receive, send)
                return
            with self._unsent.holding(body):
                if start is not None:
                    await send(start)
                    start = None
                for piece in _pieces(message, body):
                    await send(piece)

        try:
            async with asyncio.timeout(self._seconds) as deadline:
                await self._app(scope, receive, paced)
        except TimeoutError:
            if not deadline.expired():
                raise
            await of_error(_LATE)(scope, receive, send)


class _Unsent:
    """The bodies that wait for their readers. One that several wait for, such as a kept tile, counts once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._readers: Counter[int] = Counter()

    def has_room(self, body: bytes) -> bool:
        """Whether the body may wait, too. A single piece always may: so much each connection has anyway."""
        return len(body) <= PIECE or id(body) in self._readers or self._size + len(body) <= self._limit

    @contextmanager
    def holding(self, body: bytes) -> Iterator[None]:
        key = id(body)
        self._readers[key] += 1
        if self._readers[key] == 1:
            self._size += len(body)
        try:
            yield
        finally:
            self._readers[key] -= 1
            if not self._readers[key]:
                del self._readers[key]
                self._size -= len(body)


def _pieces(message: Message, body: bytes) -> Iterator[Message]:
    if len(body) <= PIECE:
        yield message
        return
    last = (len(body) - 1) // PIECE * PIECE
    for at in range(0, last, PIECE):
        yield {**message, "body": body[at : at + PIECE], "more_body": True}
    yield {**message, "body": body[last:]}
