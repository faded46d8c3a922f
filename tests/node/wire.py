"""A relay that counts every byte between a client and a node, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from tests.listening import listening


@dataclass
class Wire:
    """What went over the wire."""

    url: str
    sent: int = 0
    received: int = 0

    @property
    def both(self) -> int:
        return self.sent + self.received

    def reset(self) -> None:
        self.sent = self.received = 0


@asynccontextmanager
async def counted(host: str, port: int) -> AsyncIterator[Wire]:
    """Relay to a node until the block ends."""
    wire = Wire("")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upwards: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if upwards:
                    wire.sent += len(data)
                else:
                    wire.received += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node_reader, node_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(copy(reader, node_writer, True), copy(node_reader, writer, False))

    async with listening(relay) as wire.url:
        yield wire
