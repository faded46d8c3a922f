"""An entry that was spoilt once, by a relay or a disk, is asked for again by the hash that it claims."""

from __future__ import annotations

import json

import pytest

from tests.sync.hostile import Answer, Ask, Peer, Reply, always, but, honest, hostile
from tests.sync.logs import ALICE, BOB, FakeLog, edit, fingerprint, root, roots
from tui_registry.crdt.op import Op
from tui_registry.datastore import Datastore
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
