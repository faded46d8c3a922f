"""What a stranger can make this replica hold at once: bounded, whatever is sent."""

from __future__ import annotations

import json
import socket
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

import pytest

from tests.crdt.making import root, write_on
from tests.sync.hostile import always, but, honest, hostile
from tests.sync.logs import EPOCH, FakeLog
from tests.trust.peers import answering, log_of, pull_from
from tui_registry.datastore import Datastore
from tui_registry.node import NodeBounds, running
from tui_registry.sync import Bounds, pull, pulling
from tui_registry.sync.concurrency import fetch_ahead
from tui_registry.sync.http_transport import HttpTransport
from tui_registry.sync.tiles import spans

# A line of two bytes is fifty as an object, and one refused is hundreds.
MANY = 500_000
FLOOD = b"xx\n" * MANY
FIRST = root(name="first")
ORPHANS = [write_on(write_on(root(name=f"lost-{number}"))) for number in range(5)]


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """The block never holds more than that beyond what was there before."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes << 20
    finally:
        tracemalloc.stop()


async def test_a_tile_of_countless_lines_is_refused_before_they_are_made(here: Datastore) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(FLOOD) + packer.flush()
    with at_most(16):
        result = await pull_from(here, "them", but(honest(log_of([FIRST.body])), ".gz", always(200, packed)))
    assert result.error is not None
    assert result.error.code == "bad_tile"
    assert f"holds {MANY:,} lines where at most 1 are due" in result.sentence


async def test_an_answer_of_countless_lines_is_refused_before_they_are_made(here: Datastore) -> None:
    lost = write_on(FIRST)
    log = log_of([write_on(lost).body])
    with at_most(16):
        flood = always(200, lost.body + b"\n" + FLOOD)
        result = await pull_from(here, "them", but(honest(log), "/ops/get", flood))
    assert result.error is not None
    assert result.error.code == "protocol"
    assert f"holds {MANY + 1:,} lines where at most 1,024 are due" in result.sentence
    assert (result.rejected, here.stats().pending) == (0, 1)


async def test_tiles_wait_to_be_stored_up_to_a_number_of_bytes(here: Datastore) -> None:
    log = FakeLog([b"x" * 1000] * (256 * 12), "0" * 64)
    bounds = Bounds(requests_at_once=2, unread_bytes=300_000)
    async with hostile(honest(log)) as peer, HttpTransport("them", peer.url, bounds) as transport:
        tiles = fetch_ahead(transport, EPOCH, spans(0, len(log.lines), ranges=True), bounds)
        taken = 0
        async with aclosing(tiles):
            async for _ in tiles:
                for _ in range(8):  # whatever may be asked for meanwhile is asked for
                    await transport.head()
                asked = sum(path.endswith(".gz") for path in peer.paths)
                # The one in hand and the next are as much as may wait, and two may be on their way besides.
                assert asked <= taken + 4
                taken += 1
    assert taken == 12


async def test_a_pull_remembers_a_bounded_number_of_missing_operations(
    here: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "_MISSING_KEPT", 2)
    # A batch is a tile at least: two of them wait in the first one, three in the second.
    lines = [op.body for op in ORPHANS]
    answer = answering([], log_of([*lines[:2], *[b"x"] * 254, *lines[2:]]))
    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        assert (await pull(here, "them", bounds=Bounds(batch_ops=1))).pending == len(ORPHANS)
    (question,) = [json.loads(ask.body)["hashes"] for ask in peer.asks if ask.path == "/sync/ops/get"]
    assert len(question) == 2


def test_the_headers_of_a_request_are_read_up_to_a_number_of_bytes(here: Datastore) -> None:
    bounds = NodeBounds(header_bytes=1000, header_seconds=60)
    with running(here, bounds=bounds) as node, socket.create_connection((node.host, node.port), timeout=30) as caller:
        caller.sendall(b"GET /health HTTP/1.1\r\na: " + b"b" * 2000)
        said = caller.recv(1000)
    assert said.startswith(b"HTTP/1.1 431 ")
