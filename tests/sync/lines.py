"""A line between a client and a real server, as lines are: it breaks, hangs up, and counts what goes over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Line:
    """What the line does, and did.

    Attributes:
        cut_after: bytes of answers after which a connection breaks.
        one_request: a connection is hung up on where a second request comes by it.
        connections, down: how many there were, and the bytes of answers.
    """

    url: str = ""
    cut_after: int | None = None
    one_request: bool = False
    connections: int = 0
    down: int = 0


@asynccontextmanager
async def line_to(url: str, *, cut_after: int | None = None, one_request: bool = False) -> AsyncIterator[Line]:
    """Relay to a server until the block ends."""
    line = Line(cut_after=cut_after, one_request=one_request)
    there = urlsplit(url)
    tasks: set[asyncio.Task[None]] = set()

    async def relay(near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        line.connections += 1
        far_reader, far = await asyncio.open_connection(there.hostname, there.port)
        answered = 0

        async def up() -> None:
            while data := await near_reader.read(65_536):
                if line.one_request and answered:
                    break
                far.write(data)
                await far.drain()

        async def down() -> None:
            nonlocal answered
            while data := await far_reader.read(65_536):
                if line.cut_after is not None:
                    data = data[: line.cut_after - answered]
                answered += len(data)
                line.down += len(data)
                near.write(data)
                await near.drain()
                if line.cut_after is not None and answered >= line.cut_after:
                    break

        both = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            near.close()
            far.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(relay(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        running = list(tasks)
        for task in running:
            task.cancel()
        with suppress(ConnectionError):
            await asyncio.gather(*running, return_exceptions=True)
