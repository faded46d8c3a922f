"""A proxy in front of PostgreSQL that loses a connection at the very statement that a test names.

It reads so much of the protocol (PostgreSQL's manual, Frontend/Backend Protocol, version 3) that it knows each statement,
its place in its transaction, and when its answer is there. It speaks no TLS, and tells clients so, as a server may.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from enum import Enum
from typing import NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_ASKS_FOR_TLS = (80877103, 80877104)
_CANCELS = 80877102
# How long a test waits for what must happen.
PATIENCE = 60


class Statement(NamedTuple):
    """Attributes: connection: from 1, in the order of their making. place: in its transaction, from 1 (its `BEGIN`, or a
    statement by itself). text: the SQL. program: how the client calls itself (`application_name`)."""

    connection: int
    place: int
    text: str
    program: str


class Fate(Enum):
    """What comes of a connection at a statement.

    CUT_BEFORE: the server never sees it. CUT_AFTER: it is done, and nobody hears of it.
    LEFT_BEFORE, LEFT_AFTER: the same for the client; the server is not told that the client has gone, as when a cable is
    cut: its session lives on with its locks, until the server itself gives it up or `release` is called.
    HELD_BEFORE, HELD_AFTER: nothing of that connection travels until `release`.
    """

    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    LEFT_BEFORE = "left before"
    LEFT_AFTER = "left after"
    HELD_BEFORE = "held before"
    HELD_AFTER = "held after"

    @property
    def is_after(self) -> bool:
        return self.value.endswith("after")


class Fault:
    """One thing that goes wrong, once."""

    def __init__(self, meets: Callable[[Statement], bool], fate: Fate) -> None:
        self.meets, self.fate = meets, fate
        self.met: Statement | None = None
        self._happened = threading.Event()

    def happens(self) -> None:
        self._happened.set()

    @property
    def has_happened(self) -> bool:
        return self._happened.is_set()

    def wait(self) -> Statement:
        """Until it has happened. At which statement."""
        assert self._happened.wait(PATIENCE), "no such statement came"
        assert self.met is not None
        return self.met


class _Lost(Exception):
    """This connection ends here."""


class _Connection:
    """One client's and the server's end of it."""

    def __init__(self, proxy: Proxy, number: int) -> None:
        self._proxy, self._number = proxy, number
        self._program = ""
        self._prepared: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}
        self._place = 0
        # The fault whose answer is withheld; what came of the answer so far.
        self._withheld: Fault | None = None
        self._kept = bytearray()
        self._is_left = False
        self.writers: list[asyncio.StreamWriter] = []

    async def live(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either end has gone."""
        self.writers.append(writer)
        await self._proxy.flowing.wait()
        begins = await self._begins(reader, writer)
        server, to_server = await asyncio.open_connection(*self._proxy.server)
        self.writers.append(to_server)
        to_server.write(begins)
        ways = [
            asyncio.ensure_future(self._asks(reader, to_server)),
            asyncio.ensure_future(self._answers(server, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self._is_left:
                await self._proxy.released.wait()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()

    async def _begins(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        while True:
            size = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(size) - 4)
            if int.from_bytes(body[:4]) not in _ASKS_FOR_TLS:
                words = body[4:].split(b"\0")
                if int.from_bytes(body[:4]) != _CANCELS:
                    said = dict(zip(words[::2], words[1::2], strict=False))
                    self._program = said.get(b"application_name", b"").decode()
                return size + body
            writer.write(b"N")

    async def _asks(self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            await self._proxy.flowing.wait()
            fault = None
            if (text := self._text(head[:1], body)) is not None:
                self._place += 1
                statement = Statement(self._number, self._place, text, self._program)
                fault = self._proxy.sees(statement)
            if fault is not None and not fault.fate.is_after:
                await self._meet(fault)
            if fault is not None and fault.fate.is_after:
                self._withheld = fault
            to_server.write(head + body)
            await to_server.drain()

    def _text(self, kind: bytes, body: bytes) -> str | None:
        """The SQL, where this message has it done."""
        if kind == b"P":
            name, sql, _ = body.split(b"\0", 2)
            self._prepared[name] = sql.decode()
        elif kind == b"B":
            portal, name, _ = body.split(b"\0", 2)
            self._portals[portal] = self._prepared[name]
        elif kind == b"E":
            return self._portals[body.split(b"\0", 1)[0]]
        elif kind == b"Q":
            return body.rstrip(b"\0").decode()
        return None

    async def _answers(self, server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await server.readexactly(5)
            message = head + await server.readexactly(int.from_bytes(head[1:]) - 4)
            await self._proxy.flowing.wait()
            if head[:1] == b"Z" and message[5:] == b"I":
                self._place = 0
            if self._withheld is None:
                writer.write(message)
                await writer.drain()
                continue
            self._kept += message
            if head[:1] == b"Z":
                fault, self._withheld = self._withheld, None
                await self._meet(fault)
                writer.write(bytes(self._kept))
                self._kept.clear()

    async def _meet(self, fault: Fault) -> None:
        """Let it happen. Returns where the connection lives on."""
        client = self.writers[0]
        if fault.fate in (Fate.LEFT_BEFORE, Fate.LEFT_AFTER):
            self._is_left = True
            client.transport.abort()
            fault.happens()
            await self._proxy.released.wait()
            raise _Lost
        if fault.fate in (Fate.HELD_BEFORE, Fate.HELD_AFTER):
            fault.happens()
            await self._proxy.released.wait()
            return
        self.cut()
        fault.happens()
        raise _Lost


class Proxy:
    """Stands in front of a server. Use as a context manager; every method may be called from any thread."""

    def __init__(self, dsn: str) -> None:
        """
        Args:
            dsn: how to reach the server without it.
        """
        self._dsn = urlsplit(dsn)
        assert self._dsn.hostname is not None
        self.server = (self._dsn.hostname, self._dsn.port or 5432)
        self.flowing, self.released = asyncio.Event(), asyncio.Event()
        self.flowing.set()
        self.released.set()
        self._faults: list[Fault] = []
        self._seen: deque[Statement] = deque(maxlen=100_000)
        self._count = 0
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[asyncio.Task[None], _Connection] = {}
        self._made = 0
        self._listening: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self.port = 0

    @property
    def dsn(self) -> str:
        """How to reach it through the proxy."""
        who, _, _ = self._dsn.netloc.rpartition("@")
        return self._dsn._replace(netloc=f"{who}@127.0.0.1:{self.port}").geturl()

    # What is seen

    @property
    def statements(self) -> int:
        """How many statements were passed on or met a fault, ever."""
        return self._count

    def seen(self, since: int = 0) -> list[Statement]:
        """The statements behind the first so many (of the last 100,000)."""
        with self._lock:
            first = self._count - len(self._seen)
            return [*self._seen][max(0, since - first) :]

    def sees(self, statement: Statement) -> Fault | None:
        """Count it. The fault that it meets."""
        with self._lock:
            self._seen.append(statement)
            self._count += 1
            for fault in self._faults:
                if fault.meets(statement):
                    fault.met = statement
                    self._faults.remove(fault)
                    return fault
        return None

    # What goes wrong

    def arm(self, fate: Fate, meets: Callable[[Statement], bool]) -> Fault:
        """At the next statement that `meets` names, that happens."""
        if fate not in (Fate.CUT_BEFORE, Fate.CUT_AFTER):
            self._in_loop(self._set(self.released, False))
        fault = Fault(meets, fate)
        with self._lock:
            self._faults.append(fault)
        return fault

    def disarm(self) -> None:
        """What has not happened does not happen any more."""
        with self._lock:
            self._faults.clear()
        self.release()

    def release(self) -> None:
        """What is held goes on; sessions whose client has gone end."""
        self._in_loop(self._set(self.released, True))

    def cut(self) -> None:
        """Lose every connection there is. New ones are welcome."""
        self._in_loop(self._cut())

    def go_silent(self) -> None:
        """Nothing travels from here on, and nobody is told."""
        self._in_loop(self._set(self.flowing, False))

    def speak(self) -> None:
        """What waits travels."""
        self._in_loop(self._set(self.flowing, True))

    def shut(self) -> None:
        """Refuse whoever comes, and lose whoever is there."""
        self._in_loop(self._shut())

    def reopen(self) -> None:
        """Let them come again, at the same port."""
        self._in_loop(self._listen())

    # Its life

    def __enter__(self) -> Self:
        self._thread.start()
        self._in_loop(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._in_loop(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_loop(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._listening.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._made += 1
        connection = _Connection(self, self._made)
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = connection
        try:
            # Cancelled at the end alone: whoever began this task for a stream would tell of that as of an error.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, _Lost):
                await connection.live(reader, writer)
        finally:
            connection.cut()
            del self._tasks[task]

    async def _set(self, event: asyncio.Event, value: bool) -> None:
        if value:
            event.set()
        else:
            event.clear()

    async def _cut(self) -> None:
        for connection in self._tasks.values():
            connection.cut()

    async def _shut(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        await self._cut()

    async def _end(self) -> None:
        await self._shut()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def same(statement: Statement) -> Callable[[Statement], bool]:
    """Whether a statement is that one in another transaction."""
    return lambda other: (other.place, other.text) == (statement.place, statement.text)


def transaction_of(seen: Sequence[Statement], part: str) -> list[Statement]:
    """The statements of the last transaction in which one has this part, from its first to its last."""
    at = max(place for place, statement in enumerate(seen) if part in statement.text)
    own = [statement for statement in seen if statement.connection == seen[at].connection]
    middle = max(place for place, statement in enumerate(own) if part in statement.text)
    first = max(place for place in range(middle + 1) if own[place].place == 1)
    behind = [place for place in range(middle + 1, len(own)) if own[place].place == 1]
    return own[first : behind[0] if behind else len(own)]
