"""A line between a client and a real server, as lines are: it breaks, hangs up, and counts what goes over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.listening import listening


@dataclass
class Line:
    """What the line does, and did.

    Attributes:
        cut_after: bytes of answers after which a connection breaks.
        one_request: a connection is hung up on where a second request comes by it.
        connections, down, up: how many there were, and the bytes of answers and of requests.
        trips: how often somebody asked after an answer, or first.
    """

    url: str = ""
    cut_after: int | None = None
    one_request: bool = False
    connections: int = 0
    down: int = 0
    up: int = 0
    trips: int = 0
    is_asked: bool = False

    @property
    def bytes(self) -> int:
        """Both ways, since it was last asked to forget."""
        return self.up + self.down

    def forget(self) -> None:
        """Count from here on."""
        self.connections = self.down = self.up = self.trips = 0
        self.is_asked = False


@asynccontextmanager
async def line_to(url: str, *, cut_after: int | None = None, one_request: bool = False) -> AsyncIterator[Line]:
    """Relay to a server until the block ends."""
    line = Line(cut_after=cut_after, one_request=one_request)
    there = urlsplit(url)

    async def relay(near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        line.connections += 1
        far_reader, far = await asyncio.open_connection(there.hostname, there.port)
        answered = 0

        async def up() -> None:
            while data := await near_reader.read(65_536):
                if line.one_request and answered:
                    break
                line.up += len(data)
                line.trips += not line.is_asked
                line.is_asked = True
                far.write(data)
                await far.drain()

        async def down() -> None:
            nonlocal answered
            while data := await far_reader.read(65_536):
                if line.cut_after is not None:
                    data = data[: line.cut_after - answered]
                answered += len(data)
                line.down += len(data)
                line.is_asked = False
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

    async with listening(relay) as line.url:
        yield line
