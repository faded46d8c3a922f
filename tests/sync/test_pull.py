"""Pulling from honest peers: what arrives, what it costs, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.sync.conftest import Open
from tests.sync.hostile import Answer, Ask, Reply, always, but, honest, hostile
from tests.sync.logs import ALICE, BOB, T0, FakeLog, bodies, edit, removal, root, roots
from tui_registry.datastore import Datastore, StoreError
from tui_registry.sync import Bounds, Event, Failed, Finished, Progress, Started, publish, pull, pull_all


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica with more than two tiles of operations: writes, edits, a removal, agents. A test takes a copy."""
    folder = tmp_path_factory.mktemp("filled") / "there"
    first = roots(ALICE, 600)
    more = [edit(ALICE, op, description="edited") for op in first[:20]] + [removal(ALICE, first[20])]
    agents = [root(BOB, f"agent-{index}", kind="agent") for index in range(5)]
    with Datastore.open(folder, clock=lambda: T0 + 1000) as store:
        report = store.apply(bodies([*first, *more, *agents]), source="test")
    assert report.applied == 626
    return folder


@pytest.fixture
def there(replica: Open, filled: Path, tmp_path: Path) -> Datastore:
    """The peer's replica."""
    shutil.copytree(filled, tmp_path / "there")
    return replica("there")


def same(one: Datastore, other: Datastore) -> bool:
    mine, theirs = one.log.head(), other.log.head()
    return (mine.size, mine.fingerprint) == (theirs.size, theirs.fingerprint)


async def test_a_pull_from_a_directory_makes_both_replicas_the_same(
    here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    result = await pull(here, "usb")
    assert (result.ok, result.read, result.applied) == (True, 626, 626)
    assert same(here, there)
    assert here.peers.get("usb").identical
    assert here.search("record-00007").rows[0].name == "record-00007"
    assert here.stats().models == 599


async def test_events_tell_the_whole_story_in_order(here: Datastore, there: Datastore, tmp_path: Path) -> None:
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    events: list[Event] = []
    result = await pull(here, "usb", emit=events.append, bounds=Bounds(batch_ops=256))
    started, *progress, finished = events
    assert started == Started("usb", theirs=626, ours=0, start=0, restarted=False)
    assert [event.done for event in progress if isinstance(event, Progress)] == [256, 512, 626]
    assert finished == Finished("usb", result)
    assert all(isinstance(event, Progress) and event.of == 626 and event.so_far.bytes > 0 for event in progress)


async def test_a_second_pull_reads_only_what_is_new(here: Datastore, there: Datastore, tmp_path: Path) -> None:
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    await pull(here, "usb")
    assert (await pull(here, "usb")).read == 0
    there.apply(bodies(roots(BOB, 3, "late")), source="test")
    publish(there, tmp_path / "stick")
    result = await pull(here, "usb")
    assert (result.read, result.applied) == (3, 3)
    assert same(here, there)


async def test_small_batches_and_large_ones_end_the_same(here: Datastore, there: Datastore, tmp_path: Path) -> None:
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    bounds = Bounds(batch_ops=1, requests_at_once=1, unread_tiles=1, unread_bytes=1)
    assert (await pull(here, "usb", bounds=bounds)).applied == 626
    assert same(here, there)


async def test_a_peer_says_nothing_changed_and_the_state_stays_identical(here: Datastore) -> None:
    log = FakeLog.of(roots(ALICE, 3))

    async def with_etag(ask: Ask, reply: Reply) -> None:
        if ask.path == "/sync/head" and ask.headers.get("if-none-match") == '"one"':
            await reply.whole(304, etag='"one"')
        elif ask.path == "/sync/head":
            await reply.whole(200, _head(log), etag='"one"')
        else:
            await honest(log)(ask, reply)

    async with hostile(with_etag) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        before = here.peers.get("hub")
        assert before.identical
        asked = len(peer.asks)
        assert (await pull(here, "hub")).ok
        assert len(peer.asks) == asked + 1
        assert here.peers.get("hub").identical
        assert here.peers.get("hub").etag == before.etag


async def test_the_tail_that_became_full_is_looked_for_once_more(here: Datastore) -> None:
    ops = roots(ALICE, 300)
    now = FakeLog.of(ops)
    before = FakeLog.of(ops[:200])
    heads = [before, now]

    async def growing(ask: Ask, reply: Reply) -> None:
        if ask.path == "/sync/head":
            await reply.whole(200, _head(heads.pop(0)))
        elif ask.path.endswith("/0.200.ndjson.gz"):
            await reply.whole(404)
        else:
            await honest(now)(ask, reply)

    async with hostile(growing) as peer:
        here.peers.add("hub", peer.url)
        result = await pull(here, "hub")
    assert (result.ok, result.applied) == (True, 300)
    assert here.peers.get("hub").identical


async def test_children_that_are_missing_are_asked_for_in_the_same_pull(here: Datastore) -> None:
    first = root(ALICE, "chain")
    second = edit(ALICE, first, description="two")
    third = edit(ALICE, second, clock=3, description="three")
    log = FakeLog.of([third])
    by_hash = {op.hash: op for op in (first, second, third)}
    questions: list[list[str]] = []

    async def answering(ask: Ask, reply: Reply) -> None:
        if ask.path != "/sync/ops/get":
            await honest(log)(ask, reply)
            return
        questions.append(_hashes(ask.body))
        found = [by_hash[digest].to_json() + b"\n" for digest in questions[-1] if digest in by_hash]
        await reply.whole(200, b"".join(found))

    async with hostile(answering) as peer:
        here.peers.add("hub", peer.url)
        result = await pull(here, "hub")
    assert questions == [[second.hash], [first.hash]]
    assert result.ok
    assert here.log.head().size == 3
    assert here.stats().pending == 0


async def test_children_that_nobody_has_are_asked_for_a_bounded_number_of_times(here: Datastore) -> None:
    lost = roots(ALICE, 40, "lost")
    log = FakeLog.of([edit(ALICE, op, description="edited") for op in lost])
    rounds = 0

    async def empty(ask: Ask, reply: Reply) -> None:
        nonlocal rounds
        rounds += 1
        await reply.whole(200, b"")

    async with hostile(but(honest(log), "/ops/get", empty)) as peer:
        here.peers.add("hub", peer.url)
        result = await pull(here, "hub", bounds=Bounds(missing_hashes=10, missing_rounds=3))
    assert result.ok
    assert (result.pending, rounds) == (40, 3)


@pytest.mark.parametrize("instead", [always(404), always(405), always(501)])
async def test_a_static_log_needs_no_answers(here: Datastore, instead: Answer) -> None:
    first = root(ALICE, "lost")
    async with hostile(but(honest(FakeLog.of([edit(ALICE, first)])), "/ops/get", instead)) as peer:
        here.peers.add("cdn", peer.url)
        assert (await pull(here, "cdn")).ok


async def test_cancel_keeps_what_is_stored_and_the_next_pull_goes_on(
    here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    cancel = asyncio.Event()

    def stop_after_the_first_batch(event: Event) -> None:
        if isinstance(event, Progress):
            cancel.set()

    bounds = Bounds(batch_ops=256)
    stopped = await pull(here, "usb", emit=stop_after_the_first_batch, cancel=cancel, bounds=bounds)
    assert stopped.error is not None
    assert stopped.error.code == "stopped"
    kept = here.log.head().size
    assert 256 <= kept < 626
    assert here.peers.get("usb").next_index == kept
    result = await pull(here, "usb")
    assert (result.ok, result.read) == (True, 626 - kept)
    assert same(here, there)


async def test_a_cancelled_task_leaves_whole_transactions(here: Datastore, there: Datastore, tmp_path: Path) -> None:
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    events: asyncio.Queue[Event] = asyncio.Queue()
    task = asyncio.create_task(pull(here, "usb", emit=events.put_nowait, bounds=Bounds(batch_ops=256)))
    while not isinstance(await events.get(), Progress):
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert here.peers.get("usb").next_index == here.log.head().size
    await pull(here, "usb")
    assert same(here, there)


async def test_a_peer_that_fails_does_not_hurt_another(here: Datastore, there: Datastore, tmp_path: Path) -> None:
    publish(there, tmp_path / "stick")
    async with hostile(always(200, b"<html>Log in</html>")) as hotel:
        here.peers.add("gone", str(tmp_path / "nowhere"))
        here.peers.add("hotel", hotel.url)
        here.peers.add("usb", str(tmp_path / "stick"))
        events: list[Event] = []
        results = await pull_all(here, emit=events.append)
    assert {result.peer: result.error.code if result.error else "ok" for result in results} == {
        "gone": "no_directory",
        "hotel": "not_a_node",
        "usb": "ok",
    }
    assert same(here, there)
    assert {event.peer for event in events if isinstance(event, Failed)} == {"gone", "hotel"}
    assert "web page" in (here.peers.get("hotel").last_error or "")
    assert here.peers.get("usb").last_error is None


async def test_two_peers_with_the_same_ops_are_pulled_together(
    here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        publish(there, tmp_path / name)
        here.peers.add(name, str(tmp_path / name))
    results = await pull_all(here, bounds=Bounds(batch_ops=256))
    assert sum(result.applied for result in results) == 626
    assert sum(result.known for result in results) == 626
    assert same(here, there)


async def test_endless_peers_do_not_keep_an_honest_one_waiting(here: Datastore, replica: Open, tmp_path: Path) -> None:
    small = replica("small")
    small.apply(bodies(roots(ALICE, 3)), source="test")
    publish(small, tmp_path / "stick")

    async def never(ask: Ask, reply: Reply) -> None:
        await asyncio.Event().wait()

    async with hostile(never) as peer:
        here.peers.add("a-drip", peer.url)
        here.peers.add("b-drip", peer.url + "/again")
        here.peers.add("usb", str(tmp_path / "stick"))
        first, second, honest_one = await pull_all(here, bounds=Bounds(peers_at_once=1, turn_seconds=1.0))
    assert [result.error.code for result in (first, second) if result.error] == ["turn_over"] * 2
    assert honest_one.ok
    assert same(here, small)


async def test_an_unknown_peer_is_told_before_anything_is_pulled(here: Datastore, tmp_path: Path) -> None:
    here.peers.add("usb", str(tmp_path))
    with pytest.raises(StoreError) as caught:
        await pull_all(here, ["usb", "nobody"])
    assert caught.value.code == "not_found"
    assert here.peers.get("usb").last_try is None


async def test_a_log_that_began_anew_is_read_from_its_start(here: Datastore) -> None:
    ops = roots(ALICE, 5)
    log = FakeLog.of(ops[:4])
    async with hostile(lambda ask, reply: honest(log)(ask, reply)) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        log.lines, log.fingerprint = FakeLog.of(ops).lines, FakeLog.of(ops).fingerprint
        log.epoch = "f" * 32
        result = await pull(here, "hub")
    assert (result.read, result.known, result.applied) == (5, 4, 1)
    assert here.peers.get("hub").identical


async def test_a_peer_restored_from_a_backup_is_read_again_once_its_log_is_another(here: Datastore) -> None:
    ops = roots(ALICE, 10)
    log = FakeLog.of(ops[:6])
    events: list[Event] = []
    async with hostile(lambda ask, reply: honest(log)(ask, reply)) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        # Shorter than what was read, as long, and longer.
        for restored in ([ops[6], *ops[:3]], [ops[9], *ops[:3]], [ops[8], *ops[1:5], *ops[6:8]]):
            now = FakeLog.of(restored)
            log.lines, log.fingerprint = now.lines, now.fingerprint
            events.clear()
            result = await pull(here, "hub", emit=events.append)
            assert result.ok
            assert result.restarted
    assert here.log.head().size == 10


def _head(log: FakeLog) -> bytes:
    return json.dumps(log.head()).encode()


def _hashes(body: bytes) -> list[str]:
    return list(json.loads(body)["hashes"])
