"""Heads from strangers are read strictly, what is additive is ignored, and an old one from a cache costs nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

import pytest
from hypothesis import given, strategies as st

from tests.replica.replicas import database
from tests.sync.hostile import Ask, Peer, Reply, honest, hostile
from tests.sync.logs import ALICE, BOB, FakeLog, roots
from tui_registry.crdt.op import Op
from tui_registry.datastore import Datastore, Head
from tui_registry.sync import PullResult, pull
from tui_registry.sync.tiles import MAX_SIZE, LogError, etag_of_head, pack, parse_head, spell_head

HEAD = Head("0123456789abcdef" * 2, 12, "ab" * 32, "cd" * 20)
TREE = json.loads(spell_head(HEAD, ranges=True))


def test_a_head_is_read_as_it_was_spelt() -> None:
    assert parse_head(spell_head(HEAD, ranges=True)).head == HEAD
    assert parse_head(spell_head(HEAD, ranges=True)).ranges
    assert not parse_head(spell_head(HEAD, ranges=False)).ranges
    whole = HEAD._replace(rules=1, set="12" * 32, root="34" * 32, signed_at=1_784_160_000)
    assert parse_head(spell_head(whole, ranges=True)).head == whole
    assert parse_head(json.dumps({**TREE, "root": "34" * 32}).encode()).head == HEAD._replace(root="34" * 32)


def test_members_of_a_later_version_are_ignored() -> None:
    assert parse_head(json.dumps({**TREE, "reconcile": {"v": 2}, "ranges": "yes"}).encode()).ranges is False


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("epoch", None), ("epoch", "E" * 32), ("epoch", "e" * 31), ("epoch", "../../../../../etc/passwd_______"),
        ("epoch", "e" * 32 + "\n"), ("epoch", 7), ("size", -1), ("size", MAX_SIZE + 1), ("size", 1.0), ("size", True),
        ("size", "12"), ("size", None), ("fingerprint", "AB" * 32), ("fingerprint", "ab" * 31), ("fingerprint", []),
        ("node", "0x" + "cd" * 19), ("node", None), ("set", ""), ("set", None), ("set", "AB" * 32), ("root", "ab" * 31),
        ("rules", "1"), ("rules", -1), ("signed_at", 1.5), ("signed_at", MAX_SIZE + 1),
    ],
)  # fmt: skip
def test_a_wrong_member_is_named(member: str, value: object) -> None:
    with pytest.raises(LogError, match=f"whose {member} is not") as caught:
        parse_head(json.dumps({**TREE, member: value}).encode())
    assert caught.value.code == "bad_head"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><title>Log in to the hotel</title>", "a web page"),
        (b"  <HTML>", "a web page"),
        (b"", "something else"),
        (b"[" * 60_000, "something else"),
        (b'{"size": ' + b"9" * 60_000 + b"}", "something else"),
        (b"\xff\xfe{}", "something else"),
        (b"[1, 2]", "JSON that is not"),
        (b"null", "JSON that is not"),
    ],
)
def test_what_is_no_head_at_all_is_told_apart(data: bytes, said: str) -> None:
    with pytest.raises(LogError, match=said) as caught:
        parse_head(data)
    assert caught.value.code == "not_a_node"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_head_or_the_declared_error(data: bytes) -> None:
    with suppress(LogError):
        parse_head(data)


# Old heads of the same log, from caches


@lru_cache(maxsize=1)
def many() -> list[Op]:
    """Two tiles and a tail: of so many that signing them takes longer than all else."""
    return roots(ALICE, 530)


def part(size: int, **changed: object) -> FakeLog:
    return replace(FakeLog.of(many()[:size]), **changed)  # type: ignore[arg-type]


class Edges:
    """A log behind caches: `cached` is what they say, `true` what the peer itself says. Only a query gets past them."""

    def __init__(self, log: FakeLog) -> None:
        self.cached = self.true = log
        self.vanished = ""

    async def answer(self, ask: Ask, reply: Reply) -> None:
        if self.vanished and ask.path.endswith(self.vanished):
            await reply.whole(404)
            return
        is_past = ask.query.startswith("fresh=") and ask.headers.get("cache-control") == "no-cache"
        await honest(self.true if is_past else self.cached)(ask, reply)

    def both(self, log: FakeLog) -> None:
        self.cached = self.true = log


async def looked(here: Datastore, peer: Peer) -> tuple[PullResult, list[str]]:
    """What a pull came to, and which files it asked for, with a `!` those past caches."""
    peer.asks.clear()
    result = await pull(here, "hub")
    return result, [ask.path.rsplit("/", 1)[-1] + ("!" if ask.query else "") for ask in peer.asks]


@pytest.mark.parametrize(
    ("size", "asked"),
    [
        (512, ["head"]), (256, ["head"]), (0, ["head"]), (529, ["head", "2.18.ndjson.gz"]),
        (300, ["head", "1.ndjson.gz"]), (1, ["head", "0.ndjson.gz"]),
    ],
)  # fmt: skip
async def test_an_older_head_of_the_same_log_costs_at_most_a_tile(here: Datastore, size: int, asked: list[str]) -> None:
    edges = Edges(part(530))
    async with hostile(edges.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        before = here.peers.get("hub")
        edges.cached = replace(part(530), size=size, fingerprint=part(size).fingerprint)
        result, files = await looked(here, peer)
        assert files == asked
        assert (result.ok, result.stale, result.restarted, result.read) == (True, True, False, 0)
        assert "nothing new: it shows an older copy of its log" in result.sentence
        after = here.peers.get("hub")
        assert (after.next_index, after.their_size, after.identical) == (530, 530, True)
        assert (after.last_error, after.etag) == (None, before.etag)
        # The next one goes on from where it was.
        edges.both(FakeLog.of([*many(), *roots(BOB, 1)]))
        result, files = await looked(here, peer)
        assert (result.ok, result.stale, result.applied) == (True, False, 1)
        assert files == ["head", "2.19.ndjson.gz"]


@pytest.mark.parametrize("size", [529, 520, 512, 300, 3])
async def test_a_shorter_head_of_another_log_is_believed_only_past_all_caches(here: Datastore, size: int) -> None:
    """The peer is itself as it was: only an edge is confused."""
    edges = Edges(part(530))
    async with hostile(edges.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        edges.cached = FakeLog.of([*roots(BOB, 1), *many()[: size - 1]])
        result, files = await looked(here, peer)
        assert (result.ok, result.restarted, result.read) == (True, False, 0)
        assert [name for name in files if "head" in name] == ["head", "head!"]
        assert len(files) <= 4
        assert here.peers.get("hub").next_index == 530
        assert here.peers.get("hub").identical
        # Now it really was put back to a backup and written on.
        edges.true = edges.cached
        result, files = await looked(here, peer)
        assert (result.ok, result.restarted, result.applied) == (True, True, 1)
        assert files[-1].endswith("!")
        assert here.peers.get("hub").next_index == size


async def test_the_head_of_an_epoch_that_is_no_more_costs_one_more_look(here: Datastore) -> None:
    old, new = part(300, epoch="a" * 32), part(530)
    edges = Edges(new)
    async with hostile(edges.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        edges.cached = old
        result, files = await looked(here, peer)
        assert (result.ok, result.read, files) == (True, 0, ["head", "head!"])
        assert here.peers.get("hub").epoch == new.epoch


async def test_the_tiles_of_a_new_epoch_may_come_from_caches(here: Datastore) -> None:
    """All readers read all of it: past caches, each would have a copy of its own of every tile there."""
    edges = Edges(part(300))
    async with hostile(edges.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        edges.both(part(530, epoch="a" * 32))
        result, files = await looked(here, peer)
        assert (result.ok, result.applied, files[:2]) == (True, 230, ["head", "head!"])
        assert sorted(files[2:]) == ["0.ndjson.gz", "1.ndjson.gz", "2.18.ndjson.gz"]


async def test_tiles_of_another_log_in_a_cache_are_read_past_it(here: Datastore) -> None:
    """A backup that was put back under the same epoch poisons caches for a year."""
    before, now = part(20), FakeLog.of([*many()[:15], *roots(BOB, 5)])
    edges = Edges(now)

    async def answer(ask: Ask, reply: Reply) -> None:
        edges.cached = now if ask.path.endswith("/head") else before
        await edges.answer(ask, reply)

    async with hostile(answer) as peer:
        here.peers.add("hub", peer.url)
        result, files = await looked(here, peer)
    assert (result.ok, here.log.head().size) == (True, 25)
    assert files == ["head", "0.20.ndjson.gz", "head!", "0.20.ndjson.gz!"]
    assert here.peers.get("hub").their_fingerprint == now.fingerprint


@pytest.mark.parametrize("spoilt", [b"<html>Log in</html>", pack([]), pack([b"cut off"] * 20)[:-9]])
async def test_a_tile_that_a_cache_spoilt_is_read_past_it(here: Datastore, spoilt: bytes) -> None:
    edges = Edges(part(20))

    async def answer(ask: Ask, reply: Reply) -> None:
        if ask.path.endswith(".gz") and not ask.query:
            await reply.whole(200, spoilt)
        else:
            await edges.answer(ask, reply)

    async with hostile(answer) as peer:
        here.peers.add("hub", peer.url)
        result, files = await looked(here, peer)
    assert (result.ok, here.log.head().size) == (True, 20)
    assert files == ["head", "0.20.ndjson.gz", "0.20.ndjson.gz!"]


async def test_a_cursor_of_version_0_1_knows_the_old_heads_of_its_last_tile(here: Datastore) -> None:
    edges = Edges(part(530))
    async with hostile(edges.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        connection = database(here)
        connection.execute("DELETE FROM cursor_sums")
        connection.close()
        edges.cached = replace(part(530), size=520, fingerprint=part(520).fingerprint)
        result, files = await looked(here, peer)
        assert (result.stale, files) == (True, ["head", "2.18.ndjson.gz"])
        # Of older ones it knows nothing, and asks the peer itself.
        edges.cached = part(300)
        result, files = await looked(here, peer)
        assert (result.ok, result.read, result.restarted, files) == (True, 0, False, ["head", "head!"])


async def test_an_old_head_is_known_after_a_comparison_and_after_its_tail_vanished(here: Datastore) -> None:
    edges = Edges(part(530))
    async with hostile(edges.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        connection = database(here)
        connection.execute("DELETE FROM cursor_sums")
        connection.close()
        here.peers.skip_entries("hub", part(530).epoch, 530, part(530).fingerprint)
        more = FakeLog.of([*many(), *roots(BOB, 300)])
        edges.both(more)
        assert (await pull(here, "hub")).ok
        edges.cached = replace(more, size=520, fingerprint=part(520).fingerprint)
        edges.vanished = "2.18.ndjson.gz"
        result, files = await looked(here, peer)
    assert (result.stale, files) == (True, ["head", "2.18.ndjson.gz", "2.ndjson.gz"])


# Validators


@pytest.mark.parametrize(
    ("tag", "is_sound"),
    [
        (lambda log, body: etag_of_head(parse_head(body).head), True),
        (lambda log, body: f'"{hashlib.sha256(body).hexdigest()[:32]}"', True),
        (lambda log, body: "W/" + etag_of_head(parse_head(body).head), True),
        (lambda log, body: '"6921f7a1-b3"', False),
        (lambda log, body: '"' + "0" * 32 + '"', False),
        (lambda log, body: etag_of_head(parse_head(body).head._replace(size=3)), False),
    ],
    ids=[
        "a node's",
        "a node's of 0.1",
        "weakened on its way",
        "a second and a size",
        "a digest of something",
        "of another head",
    ],
)
async def test_only_a_validator_that_says_what_the_head_is_is_believed(
    here: Datastore, tag: Callable[[FakeLog, bytes], str], is_sound: bool
) -> None:
    log = part(5)

    async def answer(ask: Ask, reply: Reply) -> None:
        body = json.dumps(log.head()).encode()
        etag = tag(log, body)
        if not ask.path.endswith("/head"):
            await honest(log)(ask, reply)
        elif ask.headers.get("if-none-match") == etag:
            await reply.whole(304)
        else:
            await reply.whole(200, body, etag=etag)

    async with hostile(answer) as peer:
        here.peers.add("hub", peer.url)
        assert (await pull(here, "hub")).ok
        result, files = await looked(here, peer)
        assert (result.ok, files) == (True, ["head"])
        assert ("if-none-match" in peer.asks[0].headers) is is_sound
        assert here.peers.get("hub").identical
