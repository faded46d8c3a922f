"""A tile goes on from the byte where it broke off: on a line that breaks, and after a kill."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.sync.conftest import Open
from tests.sync.hostile import Answer, Ask, Reply, honest, hostile
from tests.sync.lines import line_to
from tests.sync.logs import ALICE, FakeLog, root, roots
from tui_registry.datastore import Datastore
from tui_registry.node import running
from tui_registry.sync import Bounds, pull
from tui_registry.sync.http_transport import HttpTransport
from tui_registry.sync.tiles import Span, pack

AT_ONCE = Bounds(retry_seconds=0, requests_at_once=1, batch_ops=256)
TAG = '"one"'
_CUT = 40_000


def large(count: int, seed: int = 7) -> FakeLog:
    """A log whose tiles hardly pack, some 12 KB an operation, of few words: Yi has a thousand letters and spaces."""
    text = random.Random(seed)
    letters = [chr(point) for point in range(0xA000, 0xA48D)]
    names = [f"large-{index:03}" for index in range(count)]
    return FakeLog.of([root(ALICE, name, description="".join(text.choices(letters, k=9_000))) for name in names])


LOG = large(20)
TILE = pack(LOG.lines)
_tile = cache(LOG.tile)  # packing it costs more than all the rest


class Server:
    """A static server with ranges, on a line that breaks after `_CUT` bytes of each tile.

    Attributes:
        sent: bytes of tiles. asked: their ranges, None for all.
    """

    def __init__(self, log: FakeLog, *, tag: str | None = TAG, ranges: bool = True) -> None:
        self.sent = 0
        self.asked: list[str | None] = []
        self.tag = tag
        self.cut = _CUT
        self._ranges = ranges
        self._log = log

    async def __call__(self, ask: Ask, reply: Reply) -> None:
        name = ask.path.rsplit("/", 1)[-1].partition("?")[0]
        tile = _tile(name) if self._log is LOG else self._log.tile(name)
        if tile is None:
            await honest(self._log)(ask, reply)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", ask.headers.get("range", ""))
        self.asked.append(ask.headers.get("range"))
        fields = {} if self.tag is None else {"etag": self.tag}
        if wanted is None or not self._ranges or ask.headers["if-range"] != self.tag:
            await self._send(reply, 200, tile, fields)
        else:
            first = int(wanted[1])
            await self._send(reply, 206, tile[first:], {**fields, **self.told(first, len(tile))})

    def told(self, first: int, size: int) -> dict[str, str]:
        return {"content-range": f"bytes {first}-{size - 1}/{size}"}

    async def _send(self, reply: Reply, status: int, body: bytes, fields: dict[str, str]) -> None:
        said = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await reply.raw(f"HTTP/1.1 {status} Said\r\ncontent-length: {len(body)}\r\n{said}\r\n".encode())
        await reply.raw(body[: self.cut])
        self.sent += len(body[: self.cut])
        if len(body) > self.cut:
            reply.writer.close()


async def read(here: Datastore, server: Answer, bounds: Bounds = AT_ONCE) -> str | None:
    """The code of what went wrong."""
    async with hostile(server) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=bounds)
        return None if result.error is None else result.error.code


def kept(here: Datastore) -> list[Path]:
    return [path for path in (here.data_dir / "incoming").rglob("*") if path.is_file()]


async def test_each_byte_travels_once_however_often_the_line_breaks(here: Datastore) -> None:
    server = Server(LOG)
    assert await read(here, server) is None
    assert here.log.head().size == 20
    assert server.sent == len(TILE)
    assert len(server.asked) == len(TILE) // _CUT + 1
    assert not (here.data_dir / "incoming").exists()


@pytest.mark.parametrize("tag", [None, 'W/"weak"', '"' + "x" * 600 + '"', "unquoted"])
async def test_what_names_no_bytes_is_read_from_the_beginning(here: Datastore, tag: str | None) -> None:
    server = Server(LOG, tag=tag)

    async def mended(ask: Ask, reply: Reply) -> None:
        server.cut = _CUT if len(server.asked) < 2 else 1 << 30
        await server(ask, reply)

    assert await read(here, mended) is None
    assert server.asked == [None, None, None]


async def test_a_server_without_ranges_is_read_from_the_beginning(here: Datastore) -> None:
    server = Server(LOG, ranges=False)

    async def mended(ask: Ask, reply: Reply) -> None:
        server.cut = _CUT if len(server.asked) < 2 else 1 << 30
        await server(ask, reply)

    assert await read(here, mended) is None
    assert server.sent == 2 * _CUT + len(TILE)


async def test_a_line_that_breaks_always_before_the_end_is_given_up_in_the_end(here: Datastore) -> None:
    server = Server(LOG, ranges=False)
    assert await read(here, server) == "protocol"
    # It brought something once, and nothing more after that.
    assert len(server.asked) == 1 + AT_ONCE.retries


async def test_a_byte_each_time_is_no_progress(here: Datastore) -> None:
    server = Server(LOG)
    server.cut = 1
    assert await read(here, server) == "protocol"
    assert len(server.asked) == 1 + AT_ONCE.retries


class Other(Server):
    """From its second answer on it has other bytes."""

    def __init__(self, wrong: Callable[[int, int], dict[str, str]], status: int = 206) -> None:
        super().__init__(LOG)
        self._wrong = wrong
        self._status = status

    async def __call__(self, ask: Ask, reply: Reply) -> None:
        if "range" in ask.headers and self.sent == _CUT:
            self.cut = 1 << 30
            self.asked.append(ask.headers["range"])
            await self._send(reply, self._status, TILE[_CUT:][::-1], self._wrong(_CUT, len(TILE)))
        else:
            await super().__call__(ask, reply)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda first, size: {"etag": '"two"', "content-range": f"bytes {first}-{size - 1}/{size}"},
        lambda first, size: {"etag": TAG, "content-range": f"bytes {first}-{size}/{size + 1}"},
        lambda first, size: {"etag": TAG, "content-range": f"bytes {first + 1}-{size - 1}/{size}"},
        lambda first, size: {"etag": TAG, "content-range": "bytes 0-1/x"},
        lambda first, size: {"etag": TAG},
        # It says that they are the same, and they are not: the checksum of the whole tells.
        lambda first, size: {"etag": TAG, "content-range": f"bytes {first}-{size - 1}/{size}"},
    ],
    ids=["tag", "size", "place", "junk", "nothing", "lie"],
)
@pytest.mark.parametrize("status", [206, 416])
async def test_two_different_bodies_are_never_put_together(
    here: Datastore, wrong: Callable[[int, int], dict[str, str]], status: int
) -> None:
    server = Other(wrong, status)
    assert await read(here, server) is None
    assert here.log.head().size == 20
    assert server.asked == [None, f"bytes={_CUT}-", None]


async def test_a_server_whose_bytes_are_others_each_time_is_given_up(here: Datastore) -> None:
    class Changing(Server):
        def told(self, first: int, size: int) -> dict[str, str]:
            return {"content-range": f"bytes {first}-{size - 1}/{size + 1}"}

    server = Changing(LOG)
    assert await read(here, server) == "protocol"
    assert len(server.asked) < 20


# What was fetched before a kill


async def test_what_was_fetched_and_not_stored_does_not_travel_again(here: Datastore) -> None:
    """A pull that ends while the first of its tiles is still on the way has others already."""
    log = FakeLog.of(roots(ALICE, 1500))
    asked: list[str] = []
    cancel = asyncio.Event()

    async def answer(ask: Ask, reply: Reply) -> None:
        asked.append(ask.path.rsplit("/", 1)[-1])
        if asked[-1] == "0.ndjson.gz" and not cancel.is_set():
            await cancel.wait()
        await honest(log)(ask, reply)
        if len(asked) == 7:
            cancel.set()

    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        stopped = await pull(here, "them", cancel=cancel)
        have = {path.name.partition("-")[2] for path in kept(here)}
        assert (stopped.read, len(have) >= 3) == (0, True)
        before = len(asked)
        assert (await pull(here, "them")).applied == 1500
    assert set(asked[before:]) == {"head", *asked[:before]} - have
    assert kept(here) == []


_PULL = """
import asyncio, sys
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, pull

with Datastore.open(sys.argv[1]) as store:
    asyncio.run(pull(store, "them", bounds=Bounds(requests_at_once=1)))
"""


async def test_a_killed_pull_goes_on_from_its_last_bytes(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "killed") as store:
        server = Server(LOG)
        server.cut = 200_000
        reached, killed = asyncio.Event(), asyncio.Event()

        async def answer(ask: Ask, reply: Reply) -> None:
            if "range" in ask.headers and not killed.is_set():
                reached.set()
                await killed.wait()
                reply.writer.close()
            else:
                await server(ask, reply)

        async with hostile(answer) as peer:
            store.peers.add("them", peer.url)
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PULL, tmp_path / "killed")
            await reached.wait()
            process.send_signal(signal.SIGKILL)
            await process.wait()
            killed.set()
            assert (await pull(store, "them", bounds=AT_ONCE)).applied == 20
        assert server.sent == len(TILE)
        assert kept(store) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"\0" * len(data),
        lambda data: data[:-1],
        lambda data: data.replace(b"one", b"two"),
        lambda data: data[:9000] + b"\0" * 1000 + data[10_000:],
        lambda data: b"[" * 100_000,
        lambda data: b'{"etag": 7, "total": "x"}\n' + data.partition(b"\n")[2],
        lambda data: data + b"more",
    ],
    ids=["empty", "zeros", "shorter", "tag", "hole", "junk", "label", "longer"],
)
async def test_what_is_read_back_is_checked_like_what_travels(here: Datastore, spoil: Callable[[bytes], bytes]) -> None:
    server = Server(LOG)
    cancel = asyncio.Event()

    async def answer(ask: Ask, reply: Reply) -> None:
        if "range" in ask.headers and not cancel.is_set():
            cancel.set()
            await asyncio.Event().wait()
        await server(ask, reply)

    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        await pull(here, "them", bounds=AT_ONCE, cancel=cancel)
        (file,) = kept(here)
        file.write_bytes(spoil(file.read_bytes()))
        result = await pull(here, "them", bounds=AT_ONCE)
    assert (result.error, result.applied, kept(here)) == (None, 20, [])


async def test_a_folder_that_others_have_or_that_cannot_be_written_only_keeps_nothing(here: Datastore) -> None:
    (here.data_dir / "incoming").write_text("no folder")
    assert await read(here, Server(LOG)) is None
    (here.data_dir / "incoming").unlink()


async def test_two_pulls_from_one_peer_at_the_same_time_do_not_meet(here: Datastore) -> None:
    async with hostile(Server(LOG)) as peer:
        here.peers.add("them", peer.url)
        results = await asyncio.gather(*(pull(here, "them", bounds=AT_ONCE) for _ in range(3)))
    assert [result.error for result in results] == [None] * 3
    assert sum(result.applied for result in results) == 20


async def test_what_is_kept_is_bounded(here: Datastore) -> None:
    log = large(1)
    most = 0

    async def answer(ask: Ask, reply: Reply) -> None:
        nonlocal most
        most = max(most, sum(path.stat().st_size for path in kept(here)))
        await Server(LOG)(ask, reply)

    assert log.lines
    assert await read(here, answer, Bounds(retry_seconds=0, incoming_bytes=100_000)) is None
    assert 0 < most <= 100_000


async def test_what_is_kept_may_be_of_a_cache_and_is_asked_for_again_past_those(tmp_path: Path) -> None:
    server = Server(LOG)
    server.cut = 1 << 30
    async with (
        hostile(server) as peer,
        HttpTransport("them", peer.url, AT_ONCE, tmp_path / "incoming") as transport,
    ):
        for asked in (1, 1, 2):
            transport.past_caches = asked == 2
            assert await transport.entries(LOG.epoch, Span(0, 0, 20)) == LOG.lines
            assert len(server.asked) == asked
    assert not (tmp_path / "incoming").exists()


async def test_what_was_kept_of_an_older_log_goes(here: Datastore) -> None:
    cancel = asyncio.Event()
    log = FakeLog(LOG.lines, LOG.fingerprint)

    async def answer(ask: Ask, reply: Reply) -> None:
        if "range" in ask.headers and not cancel.is_set():
            cancel.set()
            await asyncio.Event().wait()
        await Server(log)(ask, reply)

    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        await pull(here, "them", bounds=AT_ONCE, cancel=cancel)
        folder = kept(here)[0].parent
        abandoned = folder.parent / ("0" * 32)
        abandoned.mkdir()
        (abandoned / kept(here)[0].name).touch()
        os.utime(abandoned, (0, 0))
        log.epoch = "d" * 32
        assert (await pull(here, "them", bounds=AT_ONCE)).applied == 20
    assert not folder.parent.exists()


async def test_nothing_goes_that_was_not_kept_by_a_pull(here: Datastore) -> None:
    """A person may have chosen a folder for the replica that has an `incoming` already."""
    files = [here.data_dir / "incoming" / place / "taxes.ods" for place in ("2025", "a" * 32)]
    for file in files:
        file.parent.mkdir(parents=True)
        file.touch()
        os.utime(file.parent, (0, 0))
    server = Server(LOG)
    server.cut = 1 << 30
    assert await read(here, server) is None
    assert sorted(kept(here)) == files


# A real node


async def test_a_real_node_is_pulled_over_a_line_that_breaks_every_few_bytes(here: Datastore, replica: Open) -> None:
    there = replica("there")
    there.apply(LOG.lines, source="test")
    with running(there) as node:
        async with line_to(node.url, cut_after=_CUT) as line:
            here.peers.add("them", line.url)
            result = await pull(here, "them", bounds=AT_ONCE)
    assert (result.error, result.applied) == (None, 20)
    assert line.down < len(TILE) + 500 * line.connections
    assert result.bytes < len(TILE) + 1000
