"""A head that names a store: full tiles come from there, and whatever it does costs no more than a peer's own lies."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import httpx
import pytest

from tests.sync.hostile import Answer, Ask, Peer, Reply, always, honest, hostile
from tests.sync.logs import ALICE, BOB, FakeLog, roots
from tui_registry.crdt.op import Op
from tui_registry.datastore import Datastore, Head
from tui_registry.hosts import is_public
from tui_registry.origin import Origin, PrivateError, read_url
from tui_registry.sync import Bounds, PullResult, pull
from tui_registry.sync.tiles import is_store_url, parse_head, spell_head

HASTY = Bounds(connect_seconds=5, read_seconds=0.3, grace_seconds=0.3)


@cache
def ops() -> list[Op]:
    return roots(ALICE, 700)


@asynccontextmanager
async def pulled(
    here: Datastore, store: Answer, *, address: str | None = None, bounds: Bounds | None = None
) -> AsyncIterator[tuple[PullResult, Peer, Peer]]:
    """A pull from an honest node whose head names a store."""
    log = FakeLog.of(ops())
    async with hostile(store) as elsewhere, hostile(honest(log)) as node:
        log.extra["store"] = elsewhere.url if address is None else address
        here.peers.add("them", node.url)
        yield await pull(here, "them", bounds=bounds), node, elsewhere


def tiles(peer: Peer) -> list[str]:
    return [path.rpartition("/")[2] for path in peer.paths if path.endswith(".gz")]


def expect_whole(result: PullResult, here: Datastore) -> None:
    assert (result.error, result.applied, here.log.head().size) == (None, 700, 700)


async def test_full_tiles_come_from_the_store_and_the_rest_from_the_node(here: Datastore) -> None:
    async with pulled(here, honest(FakeLog.of(ops()))) as (result, node, store):
        expect_whole(result, here)
        assert sorted(tiles(store)) == ["0.ndjson.gz", "1.ndjson.gz"]
        assert tiles(node) == ["2.188.ndjson.gz"]
        assert store.paths[0].startswith(f"/sync/{'e' * 32}/entries/")
        assert result.bytes > 50_000


async def garbage(ask: Ask, reply: Reply) -> None:
    await reply.whole(200, gzip.compress(b"not an operation\n" * 256))


async def half(ask: Ask, reply: Reply) -> None:
    await reply.whole(200, gzip.compress(b"x\n" * 256)[:20])


async def silence(ask: Ask, reply: Reply) -> None:
    await asyncio.Event().wait()


async def dribble(ask: Ask, reply: Reply) -> None:
    await reply.begin(200)
    while True:
        await reply.raw(b"\x1f")
        await asyncio.sleep(0.05)  # the attack itself


async def elsewhere(ask: Ask, reply: Reply) -> None:
    await reply.whole(302, location="http://169.254.169.254/latest/meta-data")


@pytest.mark.parametrize(
    "answer",
    [always(404), always(403), always(503, retry_after="1"), half, silence, dribble, elsewhere, garbage],
)
async def test_what_a_store_does_not_give_the_node_gives(here: Datastore, answer: Answer) -> None:
    async with pulled(here, answer, bounds=HASTY) as (result, node, store):
        expect_whole(result, here)
        assert {"0.ndjson.gz", "1.ndjson.gz"} <= set(tiles(node))
        # Once for each tile, and no more after it failed.
        assert len(store.asks) <= 3
    assert here.peers.get("them").identical


async def test_a_store_with_another_log_is_found_out_and_the_node_is_read(here: Datastore) -> None:
    other = FakeLog.of(roots(BOB, 700))
    async with pulled(here, honest(other)) as (result, node, _):
        assert result.error is None
        assert {"0.ndjson.gz", "1.ndjson.gz"} <= set(tiles(node))
        assert {op.hash for op in ops()} <= {digest.hex() for digest in here.log.hashes(0, 10_000)}


@pytest.mark.parametrize(
    "address",
    [
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://localhost/x",
        "https://[::ffff:192.168.0.1]/x",
        "http://store.example/x",
        "https://user:pass@store.example/x",
        "file:///etc/passwd",
        "//x",
        "https://nosuchhost.invalid/x",
    ],
)
async def test_a_store_that_a_peer_may_not_send_us_to_is_not_asked(here: Datastore, address: str) -> None:
    async with pulled(here, always(404), address=address) as (result, node, _):
        expect_whole(result, here)
        assert len(tiles(node)) == 3


async def test_a_name_that_leads_to_this_machine_once_it_is_connected_to_is_sent_nothing() -> None:
    """Whatever it led to when it was looked up."""
    async with hostile(always(200)) as peer:
        url = read_url(peer.url)
        async with Origin(url, httpx.Timeout(5), redirects=0, connections=1, public=True) as origin:
            with pytest.raises(PrivateError):
                async with origin.get(url):
                    pass
        assert peer.asks == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("::ffff:1.1.1.1", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("2002:a00:1::", False),
        ("::10.0.0.1", False),
        ("::ffff:0:10.0.0.1", False),
        ("fec0::1", False),
        ("store.example", False),
    ],
)
def test_which_addresses_are_public(address: str, *, public: bool) -> None:
    assert is_public(address) is public


def test_a_head_names_a_plain_web_address_or_none() -> None:
    head = Head("e" * 32, 0, "0" * 64, "0" * 40)
    assert parse_head(spell_head(head, ranges=True, store="https://cdn.example/log")).store == "https://cdn.example/log"
    for wrong in (
        "",
        "https://",
        "ftp://x",
        "https://u@x",
        "https://x?y",
        "https://x#y",
        "https://x y",
        "https://é.example",
    ):
        assert not is_store_url(wrong)
        assert parse_head(spell_head(head, ranges=True, store=wrong)).store == ""
    assert not is_store_url("https://x/" + "a" * 2000)
