"""An entry that was spoilt once, by a relay or a disk, is asked for again by the hash that it claims."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.sync.hostile import Answer, Ask, Peer, Reply, always, but, honest, hostile
from tests.sync.logs import ALICE, BOB, FakeLog, edit, fingerprint, root, roots
from tui_registry.crdt.op import Op
from tui_registry.datastore import Datastore
from tui_registry.present.pulls import Event, Progress
from tui_registry.sync import Bounds, PullResult, pull

GOOD = roots(ALICE, 6, "good")
FIRST = root(ALICE, "chain")
CHAIN = [FIRST, edit(ALICE, FIRST, description="two")]


def spoilt(line: bytes) -> bytes:
    """The line with another name in it and the hash that it had."""
    assert b'"name":"' in line
    return line.replace(b'"name":"', b'"name":"X', 1)


def answering(ops: list[Op], log: FakeLog) -> Answer:
    """A node whose log was spoilt on its way and that answers questions with sound operations."""
    by_hash = {op.hash: op.to_json() for op in ops}

    async def answer(ask: Ask, reply: Reply) -> None:
        wanted = json.loads(ask.body)["hashes"]
        await reply.whole(200, b"".join(by_hash[name] + b"\n" for name in by_hash if name in wanted))

    return but(honest(log), "/ops/get", answer)


def log_with(ops: list[Op], *places: int) -> FakeLog:
    """A log that has these entries spoilt, and the sum that it would have."""
    log = FakeLog.of(ops)
    for place in places:
        log.lines[place] = spoilt(log.lines[place])
    return log


async def pulled(here: Datastore, answer: Answer, bounds: Bounds | None = None) -> tuple[PullResult, Peer]:
    async with hostile(answer) as peer:
        here.peers.add("them", peer.url)
        return await pull(here, "them", bounds=bounds), peer


def questions(peer: Peer) -> list[list[str]]:
    return [json.loads(ask.body)["hashes"] for ask in peer.asks if ask.path == "/sync/ops/get"]


async def test_a_spoilt_entry_is_asked_for_in_the_same_pull_and_heals(here: Datastore) -> None:
    result, peer = await pulled(here, answering(GOOD, log_with(GOOD, 2, 4)))
    assert (result.ok, result.applied, result.rejected) == (True, 6, 2)
    assert questions(peer) == [sorted((GOOD[2].hash, GOOD[4].hash))]
    assert here.log.head().fingerprint == fingerprint(GOOD)
    assert here.peers.get("them").identical
    assert [found.source for found in here.log.quarantine()] == ["them", "them"]


async def test_what_waits_for_a_spoilt_entry_comes_with_it(here: Datastore) -> None:
    ops = [*GOOD, *CHAIN]
    result, peer = await pulled(here, answering(ops, log_with(ops, 6)))
    assert (result.ok, here.log.head().size, here.stats().pending) == (True, 8, 0)
    assert questions(peer) == [[FIRST.hash]]


async def test_a_healed_entry_whose_children_are_missing_brings_them_too(here: Datastore) -> None:
    result, peer = await pulled(here, answering(CHAIN, log_with([*GOOD, CHAIN[1]], 6)))
    assert (result.ok, here.log.head().size, here.stats().pending) == (True, 8, 0)
    assert questions(peer) == [[CHAIN[1].hash], [FIRST.hash]]


async def test_the_same_bytes_again_change_nothing(here: Datastore) -> None:
    log = log_with(GOOD, 3)
    again = but(honest(log), "/ops/get", always(200, log.lines[3] + b"\n"))
    result, peer = await pulled(here, again)
    assert (result.ok, result.applied, result.rejected) == (True, 5, 1)
    assert len(questions(peer)) == len(here.log.quarantine()) == 1


@pytest.mark.parametrize("answer", [always(500), always(200, b"junk"), always(200, b""), always(404)])
async def test_a_peer_that_cannot_answer_was_read_to_its_end_all_the_same(here: Datastore, answer: Answer) -> None:
    result, peer = await pulled(here, but(honest(log_with(GOOD, 3)), "/ops/get", answer))
    assert (result.ok, result.applied, result.rejected) == (True, 5, 1)
    assert len(questions(peer)) == 1


async def test_what_was_signed_as_it_stands_or_is_here_already_is_not_asked_for(here: Datastore) -> None:
    here.apply([GOOD[0].to_json()], source="another")
    stolen = edit(BOB, GOOD[1], description="mine now")
    result, peer = await pulled(here, answering(GOOD, log_with([*GOOD[:3], stolen], 0)))
    assert (result.ok, result.applied, result.rejected) == (True, 2, 2)
    assert questions(peer) == []


async def test_no_more_is_asked_for_than_one_question_holds(here: Datastore) -> None:
    result, peer = await pulled(here, answering(GOOD, log_with(GOOD, *range(6))), Bounds(missing_hashes=4))
    assert (result.ok, result.applied, result.rejected) == (True, 4, 6)
    assert [len(asked) for asked in questions(peer)] == [4]


# In later pulls, as a log may be mended


class Mended:
    """A static log that answers no questions. `line` stands at a place of it until it is mended; `cached` is what caches
    go on saying."""

    def __init__(self, ops: list[Op], place: int, line: bytes, *, cached: bool = False) -> None:
        self.ops = ops
        self.now = FakeLog.of(ops)
        self.now.lines[place] = line
        self._spoilt = self.now
        self._cached = cached

    def mend(self, more: list[Op] | None = None) -> None:
        self.now = FakeLog.of([*self.ops, *(more or [])])

    async def answer(self, ask: Ask, reply: Reply) -> None:
        old = self._cached and not ask.query and "/entries/" in ask.path
        await honest(self._spoilt if old else self.now)(ask, reply)


def tiles(peer: Peer) -> list[str]:
    """The tiles that were asked for since the last look."""
    names = [ask.path.rsplit("/", 1)[-1] for ask in peer.asks if "/entries/" in ask.path]
    peer.asks.clear()
    return names


SPOILT_LINES = {
    "a name": spoilt(GOOD[3].to_json()),
    "no hash": b'{"Model":' + b"x" * 50,
    "another hash": GOOD[3].to_json().replace(GOOD[3].hash.encode(), b"0" * 64),
    "half of it": GOOD[3].to_json()[:200],
}


@pytest.mark.parametrize("cached", [False, True], ids=["", "cached"])
@pytest.mark.parametrize("line", SPOILT_LINES.values(), ids=SPOILT_LINES)
async def test_a_tile_that_is_mended_later_gives_its_operation(here: Datastore, line: bytes, cached: bool) -> None:
    log = Mended(GOOD, 3, line, cached=cached)
    async with hostile(log.answer) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them")
        assert (result.ok, result.applied, result.rejected) == (True, 5, 1)
        tiles(peer)
        # As long as it is spoilt, a pull costs one tile and says so, and counts nothing twice.
        for _ in range(2):
            result = await pull(here, "them")
            assert (result.ok, result.read, result.rejected, result.restarted) == (True, 0, 0, False)
            assert result.sentence == "them: nothing new, 1 still spoilt in its log"
            assert tiles(peer) == ["0.6.ndjson.gz"]
        assert here.peers.get("them").rejected == 1
        assert not here.peers.get("them").identical
        log.mend()
        result = await pull(here, "them")
        assert (result.ok, result.applied, result.still_spoilt) == (True, 1, 0)
        assert tiles(peer) == ["0.6.ndjson.gz"]
        assert here.peers.get("them").identical
        # And all is as if it had never been spoilt.
        result = await pull(here, "them")
        assert (result.ok, result.sentence, tiles(peer)) == (True, "them: nothing new", [])
        log.mend(roots(BOB, 1))
        log.ops, log._cached = [*GOOD, *roots(BOB, 1)], False
        result = await pull(here, "them")
        assert (result.ok, result.applied, result.read, result.restarted) == (True, 1, 1, False)
        assert here.peers.get("them").identical


async def test_a_spoilt_entry_whose_log_grows_is_not_read_from_its_start_each_time(here: Datastore) -> None:
    log = Mended(GOOD, 3, SPOILT_LINES["no hash"])
    async with hostile(log.answer) as peer:
        here.peers.add("them", peer.url)
        await pull(here, "them")
        ops = [*GOOD]
        for number in range(3):
            ops += roots(BOB, 1, f"later-{number}")
            grown = FakeLog.of(ops)
            grown.lines[3] = SPOILT_LINES["no hash"]
            log.now = grown
            result = await pull(here, "them")
            assert (result.ok, result.read, result.applied, result.restarted) == (True, 1, 1, False)


async def test_a_peer_that_always_sends_spoilt_bytes_costs_one_tile_in_each_pull(here: Datastore) -> None:
    ops = roots(ALICE, 520, "many")
    log = log_with(ops, *range(0, 520, 5))
    async with hostile(honest(log)) as peer:
        here.peers.add("them", peer.url)
        first = await pull(here, "them")
        assert (first.ok, first.rejected) == (True, 104)
        tiles(peer)
        seen = set()
        for _ in range(4):
            result = await pull(here, "them")
            assert (result.ok, result.read, result.still_spoilt) == (True, 0, 104)
            (tile,) = tiles(peer)
            seen.add(tile)
        # One tile after the other has its turn.
        assert seen == {"0.ndjson.gz", "1.ndjson.gz", "2.8.ndjson.gz"}
        assert len(here.log.quarantine(limit=1_000)) == 104


async def test_an_entry_that_came_from_elsewhere_meanwhile_is_not_asked_for(here: Datastore) -> None:
    async with hostile(honest(log_with(GOOD, 3))) as peer:
        here.peers.add("them", peer.url)
        await pull(here, "them")
        here.apply([GOOD[3].to_json()], source="another")
        tiles(peer)
        result = await pull(here, "them")
        assert (result.sentence, tiles(peer)) == ("them: nothing new", [])


async def test_a_later_pull_asks_a_node_by_hash_before_it_reads_a_tile(here: Datastore) -> None:
    log = log_with(GOOD, 3)
    silent = but(honest(log), "/ops/get", always(500))
    async with hostile(lambda ask, reply: current(ask, reply)) as peer:
        current = silent
        here.peers.add("them", peer.url)
        await pull(here, "them")
        current = answering(GOOD, log)
        tiles(peer)
        result = await pull(here, "them")
        assert (result.ok, result.applied, result.still_spoilt, tiles(peer)) == (True, 1, 0, [])
        assert here.peers.get("them").identical


async def test_an_older_head_of_a_log_with_a_spoilt_entry_is_told_from_another_log(here: Datastore) -> None:
    log = Mended(GOOD, 3, SPOILT_LINES["no hash"])
    async with hostile(log.answer) as peer:
        here.peers.add("them", peer.url)
        assert (await pull(here, "them")).ok
        for size in (5, 2):  # behind the spoilt entry, and before it
            log.now = FakeLog.of(GOOD)
            log.now.lines[3] = SPOILT_LINES["no hash"]
            log.now.size, log.now.fingerprint = size, fingerprint(GOOD[:size])
            result = await pull(here, "them")
            assert (result.ok, result.stale, result.restarted) == (True, True, False), size
        assert here.peers.get("them").next_index == 6


async def test_pulls_that_are_all_stopped_read_a_spoilt_log_to_its_end_too(here: Datastore) -> None:
    """What was refused in an earlier one explains the sum at the end: it does not begin anew, and again and again."""
    ops = roots(ALICE, 256 + 4)
    log = FakeLog.of(ops)
    log.lines[5] = SPOILT_LINES["half of it"]
    async with hostile(honest(log)) as peer:
        here.peers.add("them", peer.url)
        for _ in range(3):
            cancel = asyncio.Event()

            def stored(event: Event, cancel: asyncio.Event = cancel) -> None:
                if isinstance(event, Progress):
                    cancel.set()

            ended = await pull(here, "them", emit=stored, cancel=cancel, bounds=Bounds(batch_ops=200))
            assert not ended.restarted
        assert (ended.ok, here.log.head().size, ended.still_spoilt) == (True, 259, 1)
        # From now on the head has to fit.
        log.fingerprint = fingerprint(ops[1:])
        assert (await pull(here, "them")).restarted
