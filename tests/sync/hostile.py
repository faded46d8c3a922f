"""A tiny HTTP server that says whatever a test wants, byte by byte; and the answers of an honest one to start from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.listening import listening
from tests.sync.logs import FakeLog

REASONS = {200: "OK", 301: "Moved", 302: "Found", 304: "Not Modified", 404: "Not Found", 500: "Error", 503: "Busy"}


@dataclass(frozen=True)
class Ask:
    """One request as it came, its path without the query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: str = ""


class Reply:
    """Writes one answer."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, status: int, body: bytes = b"", **headers: str) -> None:
        fields = {
            "content-length": str(len(body)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        await self.raw(_start(status, fields) + body)

    async def begin(self, status: int, **headers: str) -> None:
        """Status and headers of a body whose end is the end of the connection."""
        await self.raw(_start(status, {"connection": "close", **headers}))


Answer = Callable[[Ask, Reply], Awaitable[None]]


def _start(status: int, headers: dict[str, str]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {REASONS.get(status, 'Said')}\r\n{fields}\r\n".encode()


@dataclass
class Peer:
    """A hostile peer that listens. `asks` are the requests so far."""

    url: str
    asks: list[Ask] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [ask.path for ask in self.asks]


@asynccontextmanager
async def hostile(answer: Answer) -> AsyncIterator[Peer]:
    """Serve on loopback until the block ends; every connection is cut then."""
    peer = Peer("")

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while (ask := await _read(reader)) is not None:
                peer.asks.append(ask)
                await answer(ask, Reply(writer))
        writer.close()

    async with listening(converse) as peer.url:
        yield peer


async def _read(reader: asyncio.StreamReader) -> Ask | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    path, _, query = target.partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Ask(method, path, headers, body, query)


def honest(log: FakeLog) -> Answer:
    """A static log."""

    async def answer(ask: Ask, reply: Reply) -> None:
        if ask.method != "GET":
            return await reply.whole(404)
        if ask.path == "/sync/head":
            return await reply.whole(200, json.dumps(log.head()).encode())
        tile = log.tile(ask.path.rsplit("/", 1)[-1]) if f"/sync/{log.epoch}/entries/" in ask.path else None
        return await reply.whole(404) if tile is None else await reply.whole(200, tile)

    return answer


def but(answer: Answer, path_end: str, instead: Answer) -> Answer:
    """`answer`, and `instead` for the paths that end so."""

    async def chosen(ask: Ask, reply: Reply) -> None:
        await (instead if ask.path.endswith(path_end) else answer)(ask, reply)

    return chosen


def always(status: int, body: bytes = b"", **headers: str) -> Answer:
    async def answer(ask: Ask, reply: Reply) -> None:
        await reply.whole(status, body, **headers)

    return answer
