"""Pulling with blocks and rations: what is left out is passed, told, and comes in later, from nodes and from folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sync.conftest import Open
from tests.sync.hostile import always, but, honest, hostile
from tests.sync.logs import ALICE, BOB, MALLORY, FakeLog, bodies, edit, root, roots
from tui_registry.crdt import Op
from tui_registry.datastore import EVERYBODY, NO_RATION, Datastore, Ration
from tui_registry.node import running
from tui_registry.sync import Bounds, publish, pull

ALICES, BOBS = roots(ALICE, 4), roots(BOB, 3, "bob")
THEIRS = [edit(BOB, BOBS[0], description="edited"), *BOBS[1:]]
ALL: list[Op] = [*ALICES[:2], *BOBS, THEIRS[0], *ALICES[2:]]


@pytest.fixture
def there(replica: Open) -> Datastore:
    """The peer's replica."""
    there = replica("there")
    there.apply(bodies(ALL), source="test")
    return there


async def test_a_log_is_read_past_what_is_left_out_and_is_identical_but_for_that(
    here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    here.rations.block(BOB.address)
    result = await pull(here, "usb")
    assert (result.ok, result.read, result.applied, result.left_out) == (True, 8, 4, 4)
    assert result.sentence == "usb: 4 new operations, 4 left out"
    peer = here.peers.get("usb")
    assert (peer.next_index, peer.identical, peer.left_out) == (8, True, 4)
    again = await pull(here, "usb")
    assert (again.read, again.left_out) == (0, 0)
    # A folder answers no questions: its log is read again from the first that was left out.
    assert here.rations.unblock(BOB.address) == 4
    assert not here.peers.get("usb").identical
    back = await pull(here, "usb")
    assert (back.ok, back.read, back.applied, back.known) == (True, 6, 4, 2)
    peer = here.peers.get("usb")
    assert (peer.identical, peer.left_out, here.rations.count()) == (True, 0, 0)
    assert (await pull(here, "usb")).read == 0


async def test_a_node_is_asked_by_hash_for_what_was_left_out(here: Datastore, there: Datastore) -> None:
    with running(there) as node:
        here.peers.add("node", node.url)
        here.rations.block(BOB.address)
        await pull(here, "node")
        assert here.peers.get("node").identical
        here.rations.unblock(BOB.address)
        back = await pull(here, "node")
        assert (back.ok, back.read, back.applied) == (True, 0, 4)
        assert here.peers.get("node").identical
        quiet = await pull(here, "node")
        assert (quiet.read, quiet.bytes) == (0, 0)


async def test_a_static_log_on_the_web_is_read_again_for_what_was_left_out(here: Datastore) -> None:
    """It is asked first, and answers that it has no such path."""
    async with hostile(honest(FakeLog.of(ALL))) as peer:
        here.peers.add("web", peer.url)
        here.rations.block(BOB.address)
        assert (await pull(here, "web")).left_out == 4
        here.rations.unblock(BOB.address)
        assert (await pull(here, "web")).applied == 4
        assert here.peers.get("web").identical


@pytest.mark.parametrize("second", ["node", "usb", "web"])
async def test_what_another_peer_sent_first_is_asked_of_whoever_has_it(
    second: str, here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    """The first one is gone for good, or never gives what it showed."""
    here.rations.block(BOB.address)
    async with hostile(honest(FakeLog.of(ALL))) as first:
        here.peers.add("first", first.url)
        await pull(here, "first")
    publish(there, tmp_path / "stick")
    async with hostile(honest(FakeLog.of(ALL))) as web:
        with running(there) as node:
            here.peers.add(second, {"node": node.url, "usb": str(tmp_path / "stick"), "web": web.url}[second])
            await pull(here, second)
            assert here.peers.get(second).identical
            here.rations.unblock(BOB.address)
            assert (await pull(here, second)).applied == 4
            assert here.peers.get(second).identical


async def test_a_peer_that_does_not_give_what_it_showed_is_read_again_itself_and_nobody_else_is(
    here: Datastore, there: Datastore
) -> None:
    """What a blocked owner signed is not looked at, so that anybody may show what they never did."""
    log = FakeLog.of([*ALL, root(BOB, "forged")])
    log.lines[-1] = re.sub(rb'"sig":"[0-9a-f]{128}"', b'"sig":"%b"' % (b"1" * 128), log.lines[-1])
    here.rations.block(BOB.address)
    async with hostile(but(honest(log), "/ops/get", always(200))) as peer:
        here.peers.add("liar", peer.url)
        assert (await pull(here, "liar")).left_out == 5
        with running(there) as node:
            here.peers.add("node", node.url)
            await pull(here, "node")
            here.rations.unblock(BOB.address)
            result = await pull(here, "node")
            assert (result.applied, result.read) == (4, 0)
            assert here.peers.get("node").identical
        again = await pull(here, "liar")
        assert (again.read, again.applied, again.rejected) == (7, 0, 1)
        assert (await pull(here, "liar")).read == 0


async def test_what_found_no_room_after_all_is_asked_for_once_there_is(here: Datastore, there: Datastore) -> None:
    with running(there) as node:
        here.peers.add("node", node.url)
        here.rations.block(BOB.address)
        await pull(here, "node")
        here.rations.set_ration("node", Ration(source_ops=4))
        here.rations.unblock(BOB.address)
        # One at a time: what is behind the first that finds no room is not asked for.
        assert (await pull(here, "node", bounds=Bounds(missing_hashes=1))).applied == 0
        here.rations.set_ration("node", NO_RATION)
        assert (await pull(here, "node")).applied == 4
        assert here.peers.get("node").identical


async def test_what_a_purge_took_is_left_out_from_then_on_and_comes_back_when_it_may(
    here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    await pull(here, "usb")
    here.purge(owner=BOB.address)
    peer = here.peers.get("usb")
    assert (peer.identical, peer.left_out, peer.next_index) == (True, 4, 8)
    assert (await pull(here, "usb")).read == 0
    there.apply(bodies([edit(BOB, THEIRS[0], clock=3, at=BOBS[0].updated_at + 99), root(ALICE, "new")]))
    publish(there, tmp_path / "stick")
    result = await pull(here, "usb")
    assert (result.applied, result.left_out, result.pending) == (1, 1, 0)
    assert here.peers.get("usb").identical
    here.rations.unblock(BOB.address)
    assert (await pull(here, "usb")).applied == 5
    assert here.log.head().fingerprint == there.log.head().fingerprint
    assert here.peers.get("usb").identical


async def test_what_is_over_a_ration_comes_in_as_far_as_there_is_room(here: Datastore, there: Datastore) -> None:
    with running(there) as node:
        here.peers.add("node", node.url)
        here.rations.set_ration("node", Ration(source_ops=3))
        result = await pull(here, "node")
        assert (result.applied, result.left_out, result.pending) == (3, 5, 0)
        assert here.peers.get("node").identical
        here.rations.set_ration("node", Ration(source_ops=5))
        more = await pull(here, "node")
        assert (more.applied, more.left_out, more.read) == (2, 3, 0)
        assert here.peers.get("node").identical
        assert (await pull(here, "node")).sentence == "node: nothing new"
        assert here.rations.take_in() == 3
        last = await pull(here, "node")
        assert (last.applied, last.left_out) == (3, 0)
        assert here.log.head().fingerprint == there.log.head().fingerprint
        assert here.peers.get("node").left_out == 0


async def test_an_owner_who_is_full_keeps_nobody_else_waiting(here: Datastore, there: Datastore) -> None:
    with running(there) as node:
        here.peers.add("node", node.url)
        here.rations.set_ration(EVERYBODY, Ration(owner_ops=1))
        assert (await pull(here, "node")).applied == 2
        here.rations.set_ration(EVERYBODY, Ration(owner_ops=1, source_ops=100))
        assert (await pull(here, "node")).bytes == 0
        here.names.set(BOB.address, "bob")
        result = await pull(here, "node")
        # Only what may come in is asked for.
        assert (result.applied, result.left_out, result.read) == (3, 0, 0)
        assert [group.owner for group in here.rations.groups()] == [ALICE.address]


async def test_only_named_keys_come_in_from_a_peer_and_others_once_they_are_named(
    here: Datastore, there: Datastore
) -> None:
    here.names.set(ALICE.address, "alice")
    with running(there) as node:
        here.peers.add("node", node.url)
        here.rations.set_ration("node", Ration(named_only=True))
        assert (await pull(here, "node")).left_out == 4
        assert [row.owner for row in here.search().rows] == [ALICE.address] * 4
        here.names.set(BOB.address, "bob")
        assert (await pull(here, "node")).applied == 4
        assert here.peers.get("node").identical


async def test_what_came_from_a_removed_peer_alone_comes_back_from_those_who_have_it(
    here: Datastore, there: Datastore, replica: Open, tmp_path: Path
) -> None:
    small = replica("small")
    small.apply(bodies(ALICES[:2]), source="test")
    publish(small, tmp_path / "stick")
    with running(there) as node:
        here.peers.add("node", node.url)
        here.peers.add("usb", str(tmp_path / "stick"))
        await pull(here, "node")
        await pull(here, "usb")
        done = here.purge(peer="node")
        here.peers.remove("node")
        assert (done.ops, here.log.head().size) == (8, 0)
        # The other one has two of them.
        assert (await pull(here, "usb")).applied == 2
        assert here.log.head().fingerprint == small.log.head().fingerprint
        assert here.peers.get("usb").identical


async def test_what_a_peer_alone_brought_first_comes_from_others_while_it_is_a_peer_still(
    here: Datastore, there: Datastore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(there, tmp_path / "stick")
    with running(there) as node:
        for name, most in (("one", 200_000), ("two", 3)):
            # With fewer than that remembered, the other log is read again.
            monkeypatch.setattr("tui_registry.replica.log.left_out.MAX_LEFT_OUT", most)
            here.peers.add(name, str(tmp_path / "stick"))
            here.peers.add("node", node.url)
            await pull(here, name)
            await pull(here, "node")
            assert here.purge(peer=name).ops == 8
            assert (await pull(here, "node")).applied == 8
            assert here.peers.get("node").identical
            here.peers.remove("node")
            here.peers.remove(name)
            here.purge(peer="node")


async def test_a_lie_about_a_blocked_owner_costs_the_liar_alone(here: Datastore) -> None:
    """It claims the hash of somebody else's operation for what it says is a blocked owner's."""
    good = ALICES[0]
    log = FakeLog.of([good, BOBS[0]])
    log.lines[0] = good.to_json().replace(ALICE.address.encode(), MALLORY.address.encode())
    here.rations.block(MALLORY.address)
    async with hostile(honest(log)) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them")
        assert (result.rejected, result.left_out) == (1, 0)
    assert here.log.left_out() == []
    assert here.apply([good.to_json()]).applied == 1


async def test_what_is_forgotten_because_another_sent_too_much_is_read_again(
    here: Datastore, there: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood that begins with what an honest peer has: as it goes, that is forgotten with it."""
    monkeypatch.setattr("tui_registry.replica.log.left_out.MAX_LEFT_OUT", 8)
    here.rations.block(BOB.address)
    with running(there) as node:
        async with hostile(honest(FakeLog.of([*roots(BOB, 4, "flood"), *ALL]))) as peer:
            here.peers.add("flood", peer.url)
            await pull(here, "flood")
        here.peers.add("node", node.url)
        await pull(here, "node")
        here.apply(bodies(roots(BOB, 6, "more")), source="file")
        here.rations.unblock(BOB.address)
        assert (await pull(here, "node")).applied == 4
        assert here.peers.get("node").identical


async def test_more_than_can_be_remembered_is_read_again(
    here: Datastore, there: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_registry.replica.log.left_out.MAX_LEFT_OUT", 2)
    with running(there) as node:
        here.peers.add("node", node.url)
        here.rations.set_ration(EVERYBODY, Ration(source_ops=0))
        result = await pull(here, "node")
        assert (result.left_out, here.rations.count()) == (8, 2)
        assert here.peers.get("node").identical
        here.rations.set_ration(EVERYBODY, NO_RATION)
        assert (await pull(here, "node")).applied == 8
        peer = here.peers.get("node")
        assert (peer.identical, peer.left_out, here.rations.count()) == (True, 0, 0)
