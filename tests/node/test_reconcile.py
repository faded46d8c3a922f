"""A log of a node of 0.1 that is mostly known is compared instead of read: what is missing is fetched, and nothing else;
whoever lies in the comparison is read from the start as ever. Newer ones are compared otherwise: `test_difference`."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.node.conftest import T0, Node, client, refused
from tests.node.wire import Wire, counted
from tests.sync.hostile import Answer, Ask, Peer, Reply, always, but, hostile
from tests.sync.logs import ALICE, BOB, bodies, edit, root
from tui_registry.crdt import Identity
from tui_registry.crdt.op import Op
from tui_registry.datastore import Cursor, Datastore, Head
from tui_registry.errors import Json
from tui_registry.node import Address, NodeBounds, running
from tui_registry.sync import Bounds, Finished, Progress, PullResult, pull
from tui_registry.sync.comparing import Keys, describe, is_worth_it, read_question


def timed(owner: Identity, count: int) -> list[Op]:
    """So many records, one a second."""
    return [root(owner, f"record-{number:05}", at=T0 + number) for number in range(count)]


@lru_cache(maxsize=1)
def ops() -> list[Op]:
    """What the node holds: signed once, and only where these tests run."""
    return timed(ALICE, 1_500)


@lru_cache(maxsize=1)
def lines() -> list[bytes]:
    return bodies(ops())


_OF_0_1 = ("epoch", "size", "fingerprint", "node", "ranges")
BOUNDS = Bounds(retry_seconds=0, reconcile_least=1_000)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of two replicas: `all`, and `most`, which lacks one operation."""
    folder = tmp_path_factory.mktemp("logs")
    for name, held in (("all", lines()), ("most", [*lines()[:7], *lines()[8:]])):
        with Datastore.open(folder / name, clock=lambda: T0) as datastore:
            datastore.apply(held, source="test")
    return folder


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Iterator[Datastore]:
    """The node's replica."""
    shutil.copytree(filled / "all", tmp_path / "node")
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as opened:
        yield opened


@pytest.fixture(scope="module")
def standing(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that one test after the other asks, and that none of them gives anything."""
    folder = tmp_path_factory.mktemp("standing") / "node"
    shutil.copytree(filled / "all", folder)
    with Datastore.open(folder, clock=lambda: T0) as opened, running(opened) as address, client(address) as reader:
        yield Node(opened, address, reader, reader)


@pytest.fixture
def most(filled: Path, tmp_path: Path) -> Iterator[Datastore]:
    """A replica that lacks one operation of the node's."""
    shutil.copytree(filled / "most", tmp_path / "most")
    with Datastore.open(tmp_path / "most", clock=lambda: T0) as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Datastore]:
    """A replica that has nothing."""
    with Datastore.open(tmp_path / "other", clock=lambda: T0) as opened:
        yield opened


async def compared(here: Datastore, address: Address, bounds: Bounds = BOUNDS) -> tuple[PullResult, Wire]:
    """A pull that counts what goes over the wire."""
    async with relayed(address, None, None) as peer, counted(*_place(peer.url)) as wire:
        if "hub" in {peer.name for peer in here.peers.all()}:
            here.peers.remove("hub")
        here.peers.add("hub", wire.url)
        return await pull(here, "hub", bounds=bounds), wire


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 0)


def agree(here: Datastore, there: Datastore) -> None:
    assert here.log.head().fingerprint == there.log.head().fingerprint
    assert here.peers.get("hub").identical
    assert here.peers.get("hub").next_index == there.log.head().size


# ---- between honest ones -----------------------------------------------------------------------------------------------------


async def test_a_new_peer_that_has_what_we_have_costs_a_few_hundred_bytes(standing: Node, other: Datastore) -> None:
    # In another order, and with something of our own besides.
    other.apply([*reversed(lines())], source="test")
    result, wire = await compared(other, standing.address)
    assert (result.ok, result.read, result.applied) == (True, 0, 0)
    assert wire.both < 6_000
    agree(other, standing.store)


async def test_only_what_is_missing_is_fetched_whatever_its_place_in_the_log(node: Node, most: Datastore) -> None:
    chain = [root(BOB, "chain")]
    chain += [edit(BOB, chain[0], description="two")]
    chain += [edit(BOB, chain[1], clock=3, at=T0 + 90, description="three")]
    node.store.apply(bodies(chain), source="test")
    result, wire = await compared(most, node.address)
    assert (result.ok, result.read, result.applied, result.rejected) == (True, 0, 4, 0)
    assert wire.both < 60_000
    agree(most, node.store)
    assert most.heads(chain[0].key) == (chain[2].hash,)


async def test_a_peer_restored_from_a_backup_is_compared_and_not_read_again(other: Datastore, tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "hub") as hub:
        hub.apply(lines()[:1_300], source="test")
    shutil.copytree(tmp_path / "hub", tmp_path / "backup")
    with Datastore.open(tmp_path / "hub") as hub:
        hub.apply(lines()[1_300:], source="test")
        with running(hub) as address:
            other.peers.add("hub", address.url)
            assert (await pull(other, "hub", bounds=BOUNDS)).read == 1_500  # nothing was here to compare it with
    with Datastore.open(tmp_path / "backup") as backup:
        backup.apply([root(BOB, "since", at=T0 + 9_000).to_json()], source="test")
        with running(backup, port=address.port):
            result = await pull(other, "hub", bounds=BOUNDS)
    assert (result.ok, result.restarted, result.read, result.applied) == (True, True, 0, 1)
    assert result.bytes < 30_000  # 200 operations are only here now
    assert other.peers.get("hub").next_index == 1_301
    assert not other.peers.get("hub").identical  # we have more


async def test_what_comes_after_the_nodes_last_look_is_read_from_the_tiles(node: Node, most: Datastore) -> None:
    async with httpx.AsyncClient(base_url=node.address.url, trust_env=False, timeout=30, verify=False) as reader:
        body = {"epoch": node.store.log.head().epoch, "ranges": []}
        asked = (await reader.post("/sync/reconcile", json=body)).json()
        node.store.apply(bodies(timed(BOB, 100)), source="test")
        again = (await reader.post("/sync/reconcile", json=body)).json()
    # Growing by less than an eighth is no reason to look the log through again.
    assert asked == again
    assert asked["size"] == 1_500
    result, _ = await compared(most, node.address)
    assert (result.ok, result.read, result.applied) == (True, 100, 101)
    agree(most, node.store)


async def test_a_log_that_grows_between_its_head_and_its_comparison_is_looked_at_once_more(
    node: Node, most: Datastore
) -> None:
    more = bodies(timed(BOB, 10))

    async def answer(ask: Ask, reply: Reply) -> None:
        node.store.apply(more, source="test")
        await reply.whole(200, node.reader.post("/sync/reconcile", json=json.loads(ask.body)).content)

    async with relayed(node.address, answer, None) as peer:
        most.peers.add("hub", peer.url)
        result = await pull(most, "hub", bounds=BOUNDS)
    assert (result.ok, result.read, result.applied) == (True, 0, 11)
    assert peer.paths.count("/sync/head") == 2
    agree(most, node.store)


async def test_progress_is_told(standing: Node, most: Datastore) -> None:
    most.peers.add("hub", standing.address.url)
    events: list[object] = []
    await pull(most, "hub", bounds=BOUNDS, emit=events.append)
    told = [event for event in events if isinstance(event, Progress)]
    assert [(event.done, event.of, event.so_far.applied) for event in told] == [(1_500, 1_500, 1)]
    assert isinstance(events[-1], Finished)


# ---- where it is not worth it, or not to be trusted --------------------------------------------------------------------------


@asynccontextmanager
async def relayed(address: Address, instead: Answer | None, gives: Answer | None) -> AsyncIterator[Peer]:
    """A relay before a node that makes it one of 0.1, and that compares in another way, or gives other operations."""
    async with httpx.AsyncClient(base_url=address.url, trust_env=False, timeout=30, verify=False) as behind:

        async def relay(ask: Ask, reply: Reply) -> None:
            if ask.path == "/sync/difference":
                await reply.whole(404)
                return
            kind = {"content-type": ask.headers["content-type"]} if ask.body else {}
            answer = await behind.request(ask.method, ask.path, content=ask.body, headers=kind)
            content = answer.content
            if ask.path == "/sync/head":
                told = json.loads(content)
                content = json.dumps({name: told[name] for name in _OF_0_1}).encode()
            await reply.whole(answer.status_code, content)

        answer = but(but(relay, "/reconcile", instead or relay), "/ops/get", gives or relay)
        async with hostile(answer) as peer:
            yield peer


async def read_whole(
    node: Node, here: Datastore, instead: Answer | None = None, *, gives: Answer | None = None, bounds: Bounds = BOUNDS
) -> int:
    """Pull through such a relay, which must read the whole log; how many comparisons were asked for."""
    async with relayed(node.address, instead, gives) as peer:
        here.peers.add("hub", peer.url)
        result = await pull(here, "hub", bounds=bounds)
    assert (result.ok, result.read) == (True, node.store.log.head().size), result.sentence
    assert set(here.log.unknown([op.hash for op in ops()])) <= set(node.store.log.unknown([op.hash for op in ops()]))
    return peer.paths.count("/sync/reconcile")


async def test_a_short_log_is_read_without_asking(standing: Node, most: Datastore) -> None:
    assert await read_whole(standing, most, bounds=Bounds(reconcile_least=1_501)) == 0


@pytest.mark.parametrize("ours", [0, 700])
async def test_a_log_that_is_mostly_unknown_is_read_without_asking(standing: Node, other: Datastore, ours: int) -> None:
    other.apply(lines()[:ours], source="test")
    assert await read_whole(standing, other) == 0


async def test_logs_that_have_nothing_in_common_are_given_up_after_a_few_questions(
    standing: Node, other: Datastore
) -> None:
    other.apply(bodies(timed(BOB, 1_500)), source="test")
    assert 1 < await read_whole(standing, other) <= 4
    assert other.log.head().size == 3_000


async def test_more_missing_than_is_asked_for_is_read_instead(standing: Node, most: Datastore) -> None:
    assert await read_whole(standing, most, bounds=Bounds(reconcile_least=1_000, reconcile_missing=0)) > 1


def says(**members: Json) -> Answer:
    return always(200, json.dumps({"size": 1_500, "fingerprint": "1" * 64, "ranges": [], **members}).encode())


def after_the_first(change: Callable[[dict[str, Any]], object]) -> Callable[[Node], Answer]:
    """The node's own answer to the whole log, changed."""

    def made(node: Node) -> Answer:
        async def answer(ask: Ask, reply: Reply) -> None:
            tree = node.reader.post("/sync/reconcile", json=json.loads(ask.body)).json()
            if tree["ranges"]:
                change(tree)
            await reply.whole(200, json.dumps(tree).encode())

        return answer

    return made


LIES: dict[str, Callable[[Node], Answer]] = {
    "no such thing": lambda _: always(404),
    "busy": lambda _: always(503),
    "broken": lambda _: always(500, b"\x1b[31m"),
    "no json": lambda _: always(200, b"<html>"),
    "deep json": lambda _: always(200, b"[" * 100_000),
    "too much": lambda _: always(200, b" " * 2_000_000),
    "a list": lambda _: always(200, b"[]"),
    "no size": lambda _: says(size=None),
    "a size below zero": lambda _: says(size=-1),
    "a size of true": lambda _: says(size=True),
    "a sum that is none": lambda _: says(fingerprint="x"),
    "an endless log": lambda _: says(size=2**53 - 1),
    "an empty log": lambda _: says(size=0, fingerprint="0" * 64),
    "no ranges": after_the_first(lambda tree: tree.pop("ranges")),
    "a range too many": after_the_first(lambda tree: tree["ranges"].append({"hashes": []})),
    "hashes that nobody has": after_the_first(lambda tree: tree.update(ranges=[{"hashes": ["ab" * 32]}])),
    "another size": after_the_first(lambda tree: tree.update(size=1_499)),
    "another sum": after_the_first(lambda tree: tree.update(fingerprint="0" * 64)),
    "nothing is missing": after_the_first(lambda tree: tree.update(ranges=[{"hashes": []}])),
}


@pytest.mark.parametrize("name", LIES)
async def test_whoever_lies_in_a_comparison_is_read_from_the_start(standing: Node, most: Datastore, name: str) -> None:
    assert await read_whole(standing, most, LIES[name](standing)) >= 1
    agree(most, standing.store)


@pytest.mark.parametrize(
    ("read", "theirs", "ours", "worth"),
    [
        (0, 4_000, 4_000, True),
        (0, 4_000, 2_000, True),
        (0, 4_000, 1_999, False),
        (0, 4_000, 16_000, True),
        (0, 4_000, 16_001, False),
        (0, 999, 999, False),
        (1, 4_000, 4_000, False),
        (0, 2_000_000, 1_000_000, True),
        (0, 2_000_000, 1_000_001, False),
    ],
)
def test_a_peer_makes_us_look_our_log_through_only_where_reading_its_own_would_cost_more(
    read: int, theirs: int, ours: int, worth: bool
) -> None:
    cursor = Cursor("ab" * 16, read, read, "0" * 64)
    there, here = (Head("ab" * 16, size, "0" * 64, ALICE.address) for size in (theirs, ours))
    assert is_worth_it(cursor, there, here, BOUNDS) is worth


@pytest.mark.parametrize("given", ["nothing", "junk"])
async def test_a_comparison_that_adds_up_to_what_nobody_can_give_moves_no_cursor(
    standing: Node, most: Datastore, given: str
) -> None:
    made_up = Keys(b"".join(sorted(at.to_bytes(8, "big") + hashlib.sha256(b"%d" % at).digest() for at in range(1_500))))

    async def answer(ask: Ask, reply: Reply) -> None:
        ranges = [describe(made_up, low, high) for low, high in read_question(json.loads(ask.body)["ranges"])]
        tree = {"size": made_up.size, "fingerprint": made_up.fingerprint, "ranges": ranges}
        await reply.whole(200, json.dumps(tree).encode())

    async def gives(ask: Ask, reply: Reply) -> None:
        lines = [b'{"hash":"%s"}}\n' % name.encode() for name in json.loads(ask.body)["hashes"]]
        await reply.whole(200, b"".join(lines) if given == "junk" else b"")

    assert await read_whole(standing, most, answer, gives=gives) >= 2
    agree(most, standing.store)


# ---- the node's side ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ([], 422, "invalid"),
        ({"epoch": 7, "ranges": []}, 422, "invalid"),
        ({"epoch": "EPOCH"}, 422, "invalid"),
        ({"epoch": "EPOCH", "ranges": [["x", None]]}, 422, "invalid"),
        ({"epoch": "EPOCH", "ranges": [[None, None]] * 65}, 422, "invalid"),
        ({"epoch": "EPOCH", "ranges": [[None, None]] * 2}, 422, "invalid"),
        ({"epoch": "EPOCH", "ranges": [], "size": "3"}, 422, "invalid"),
        ({"epoch": "EPOCH", "ranges": [], "more": 1}, 422, "invalid"),
        ({"epoch": "EPOCH", "ranges": [], "size": 7}, 404, "no_log"),
        ({"epoch": "0" * 32, "ranges": []}, 404, "no_log"),
        ({"epoch": "\x1b[31m", "ranges": []}, 404, "no_log"),
    ],
)
def test_a_question_of_another_shape_or_about_another_log_is_refused(
    standing: Node, body: Json, status: int, code: str
) -> None:
    if isinstance(body, dict) and body.get("epoch") == "EPOCH":
        body = {**body, "epoch": standing.store.log.head().epoch}
    refused(standing.reader.post("/sync/reconcile", json=body), status, code)


def test_a_question_that_is_too_large_is_refused(standing: Node) -> None:
    refused(standing.reader.post("/sync/reconcile", content=b" " * 200_000), 413, "too_large")


def test_a_log_beyond_the_bound_is_not_compared(store: Datastore) -> None:
    with running(store, bounds=NodeBounds(reconcile_ops=1_499)) as address, client(address) as reader:
        body = {"epoch": store.log.head().epoch, "ranges": []}
        refused(reader.post("/sync/reconcile", json=body), 501, "not_offered")


def test_asking_often_looks_the_log_through_once(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    read = node.store.log.keys

    def counted_read(size: int | None = None) -> Any:
        nonlocal looks
        looks += 1
        return read(size)

    monkeypatch.setattr(node.store.log, "keys", counted_read)
    body = {"epoch": node.store.log.head().epoch, "ranges": [[None, None]]}
    answers = {node.reader.post("/sync/reconcile", json=body).content for _ in range(5)}
    assert (looks, len(answers)) == (1, 1)
    assert len(answers.pop()) < 5 * 1024


def test_a_snapshot_is_known_by_its_size_to_whichever_process_is_asked(node: Node) -> None:
    """As peers of 0.1 ask: the first question takes the latest, those after it name what they were answered of."""
    with (
        Datastore.open(node.store.data_dir, clock=lambda: T0) as beside,
        running(beside) as address,
        client(address) as other,
    ):
        body: dict[str, Json] = {"epoch": node.store.log.head().epoch, "ranges": [[None, None]]}
        first = node.reader.post("/sync/reconcile", json=body).json()
        node.store.apply(bodies(timed(BOB, 20)), source="test")
        named = {**body, "size": first["size"]}
        assert other.post("/sync/reconcile", json=named).json() == first
        # It has not grown by an eighth since, so that this is the latest one of both.
        assert other.post("/sync/reconcile", json=body).json() == first


def test_naming_many_sizes_makes_no_node_sort_its_log_often(node: Node) -> None:
    body: dict[str, Json] = {"epoch": node.store.log.head().epoch, "ranges": []}
    answers = [node.reader.post("/sync/reconcile", json={**body, "size": size}) for size in range(1_400, 1_410)]
    assert [answer.status_code for answer in answers][:1] == [200]
    assert any(answer.status_code == 503 for answer in answers)
    refused(node.reader.post("/sync/reconcile", json={**body, "size": 1_501}), 404, "no_log")
    refused(node.reader.post("/sync/reconcile", json={**body, "size": 700}), 404, "no_log")
