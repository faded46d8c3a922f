"""A relay that counts every byte between a client and a node, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


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
    tasks: set[asyncio.Task[None]] = set()

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
        for one in (copy(reader, node_writer, True), copy(node_reader, writer, False)):
            task = asyncio.ensure_future(one)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        running = list(tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
