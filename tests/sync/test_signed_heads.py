"""Signed heads: false ones are refused, the first key of a peer is pinned, what is odd about a key is told and stops no
pull, a root is held against the entries, and two faces leave a proof."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.replica.replicas import database, replica, rows
from tests.sync.hostile import Ask, Reply, honest, hostile
from tests.sync.logs import ALICE, AT, BOB, EPOCH, MALLORY, FakeLog, roots, show_two_faces, signed_head
from tui_registry.crdt import Identity
from tui_registry.crdt.op import Op
from tui_registry.crdt.signed_heads import sign_head
from tui_registry.crdt.tree import RightEdge
from tui_registry.datastore import Datastore
from tui_registry.node import running
from tui_registry.sync import PullResult, publish, pull
from tui_registry.sync.tiles import LogError, parse_head, spell_head

OPS = roots(ALICE, 3)


def signed(ops: Sequence[Op], key: Identity = MALLORY, *, root: bytes | None = None, at: int = AT) -> FakeLog:
    """A log whose head the key has signed, with another root than its own if one is given."""
    log = FakeLog.of(ops)
    tree = root or RightEdge().extended(bytes.fromhex(op.hash) for op in ops).root()
    extra = json.loads(spell_head(signed_head(log, len(ops), tree, key, at=at), ranges=False))
    return replace(log, node=key.address, extra=extra)


class Changing:
    """A peer whose log is set; what it says to those that come past caches may be another."""

    def __init__(self, log: FakeLog) -> None:
        self.log = log
        self.past_caches: FakeLog | None = None

    async def answer(self, ask: Ask, reply: Reply) -> None:
        await honest((self.past_caches if ask.query and self.past_caches else None) or self.log)(ask, reply)


def codes(result: PullResult) -> list[str]:
    return [concern.code for concern in result.concerns]


# Heads by themselves


def test_what_is_signed_is_read_as_it_was_spelt() -> None:
    spelt = json.dumps(signed(OPS).head()).encode()
    head = parse_head(spelt).head
    assert json.loads(spell_head(head, ranges=False)) == json.loads(spelt)


GOOD = signed(OPS).head()


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("size", 4, "whose signature is not one of its node's key"),
        ("fingerprint", "ab" * 32, "whose signature is not"),
        ("set", "ab" * 32, "whose signature is not"),
        ("root", "ab" * 32, "whose signature is not"),
        ("signed_at", AT + 1, "whose signature is not"),
        ("epoch", "a" * 32, "whose signature is not"),
        ("node", BOB.address, "whose signature is not"),
        ("sig", "00" * 65, "whose signature is not"),
        ("sig", "ff" * 65, "whose signature is not"),
        ("sig", str(GOOD["sig"])[:-2] + "1b", "whose signature is not"),
        ("sig", str(GOOD["sig"])[:-2], "whose sig is not 130 lower-case hex digits"),
        ("sig", str(GOOD["sig"]).upper(), "whose sig is not"),
        ("sig", None, "whose sig is not"),
        ("sig", {"r": 1}, "whose sig is not"),
        ("set", "5e", "whose set is not 64 lower-case hex digits"),
        ("root", 7, "whose root is not"),
        ("signed_at", -1, "whose signed_at is not a whole number"),
        ("signed_at", True, "whose signed_at is not"),
        ("signed_at", 2**63, "whose signed_at is not"),
        ("rules", 1.5, "whose rules is not"),
        ("rules", True, "whose rules is not"),
    ],
)
def test_a_head_that_was_changed_after_it_was_signed_is_none(member: str, value: object, said: str) -> None:
    with pytest.raises(LogError, match=said) as caught:
        parse_head(json.dumps({**GOOD, member: value}).encode())
    assert caught.value.code == "bad_head"


@pytest.mark.parametrize("member", ["set", "root", "signed_at"])
def test_a_signature_of_what_is_not_there_is_none(member: str) -> None:
    tree = {name: value for name, value in GOOD.items() if name != member}
    with pytest.raises(LogError, match="without the set, root and signed_at that it is of"):
        parse_head(json.dumps(tree).encode())


# Pulls


async def test_a_false_signature_is_a_failure_of_that_peer_that_costs_nothing(here: Datastore) -> None:
    there = Changing(signed(OPS[:2]))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url)
        assert (await pull(here, "hub")).ok
        there.log = replace(signed(OPS), extra={**signed(OPS).extra, "signed_at": AT + 1})
        result = await pull(here, "hub")
        assert result.error is not None
        assert result.error.code == "bad_head"
        assert result.sentence.startswith("hub: ")
        assert "whose signature is not one of its node's key" in result.sentence
        assert here.peers.get("hub").pinned == MALLORY.address
        # It is none of a stuck state: the next head that is sound is read.
        there.log = signed(OPS)
        result = await pull(here, "hub")
        assert (result.ok, result.applied, result.concerns) == (True, 1, ())


async def test_the_first_key_is_pinned_and_another_is_told_and_stops_no_pull(here: Datastore) -> None:
    there = Changing(signed(OPS[:1]))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url)
        assert (await pull(here, "hub")).concerns == ()
        assert (here.peers.get("hub").pinned, here.peers.get("hub").root_fits) == (MALLORY.address, True)
        there.log = signed(OPS[:2], BOB)
        result = await pull(here, "hub")
        assert (result.ok, result.applied, codes(result)) == (True, 1, ["another_key"])
        (warning,) = result.warnings
        assert warning.startswith(f"hub: its head is signed by another key than it is known by: by 0x{BOB.address}")
        assert "'peer trust hub' accepts the new key" in warning
        # It is told until somebody accepts it, also where nothing is new.
        assert codes(await pull(here, "hub")) == ["another_key"]
        here.peers.trust("hub", BOB.address)
        there.log = signed(OPS, BOB)
        result = await pull(here, "hub")
        assert (result.applied, result.concerns) == (1, ())


async def test_no_signature_after_one_is_told_and_never_where_there_was_none(here: Datastore) -> None:
    """Version 0.1 signs none."""
    there = Changing(FakeLog.of(OPS[:1]))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url)
        assert (await pull(here, "hub")).concerns == ()
        assert here.peers.get("hub").pinned is None
        there.log = signed(OPS[:2])
        assert (await pull(here, "hub")).concerns == ()
        there.log = FakeLog.of(OPS)
        result = await pull(here, "hub")
        assert (result.ok, result.applied, codes(result)) == (True, 1, ["unsigned"])
        assert f"by that of 0x{MALLORY.address}" in result.warnings[0]
        here.peers.trust("hub", None)
        assert (await pull(here, "hub")).concerns == ()
        # The next key that signs is pinned.
        there.log = signed(OPS, BOB)
        assert (await pull(here, "hub")).concerns == ()
        assert here.peers.get("hub").pinned == BOB.address


async def test_a_cache_with_a_head_of_before_the_signature_raises_no_alarm(here: Datastore) -> None:
    there = Changing(signed(OPS))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        there.log, there.past_caches = FakeLog.of(OPS), signed(OPS)
        result = await pull(here, "hub")
        assert (result.ok, result.concerns) == (True, ())
        # An older one of the same log is stale, and says nothing of the key.
        there.log = FakeLog.of(OPS[:0])
        result = await pull(here, "hub")
        assert (result.ok, result.stale, result.concerns) == (True, True, ())


async def test_a_key_that_is_known_before_is_expected_from_the_first_head_on(here: Datastore) -> None:
    there = Changing(signed(OPS))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url, key=f"0x{BOB.address.upper()}")
        assert codes(await pull(here, "hub")) == ["another_key"]


# Roots


async def test_a_root_that_does_not_fit_the_entries_is_told(here: Datastore) -> None:
    there = Changing(signed(OPS[:2]))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url)
        assert (await pull(here, "hub")).concerns == ()
        assert here.peers.get("hub").root_fits is True
        there.log = signed(OPS, root=b"\1" * 32)
        result = await pull(here, "hub")
        assert (result.ok, result.applied, codes(result)) == (True, 1, ["other_root"])
        assert here.peers.get("hub").root_fits is False


async def test_the_edge_of_the_tree_goes_on_where_a_pull_ended(here: Datastore) -> None:
    """Each pull reads one operation more, on from the edge that the one before left; the tree is of all of them."""
    there = Changing(signed(OPS[:1]))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url)
        for size in (1, 2, 3):
            there.log = signed(OPS[:size])
            assert (await pull(here, "hub")).concerns == ()
            assert here.peers.get("hub").root_fits is True


async def test_a_root_is_not_judged_where_not_all_was_read(here: Datastore) -> None:
    log = signed(OPS)
    there = Changing(replace(signed(OPS[:2]), extra={}))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        there.log = log
        here.peers.skip_entries("hub", EPOCH, 3, log.fingerprint)
        assert (await pull(here, "hub")).concerns == ()
        assert here.peers.get("hub").root_fits is None


async def test_a_spoilt_entry_leaves_a_root_unjudged(here: Datastore) -> None:
    log = signed(OPS)
    lines = [log.lines[0].replace(b"Apache-2.0", b"Apache-1.0"), log.lines[1][:-9], log.lines[2]]
    async with hostile(honest(replace(log, lines=lines))) as peer:
        here.peers.add("hub", peer.url)
        result = await pull(here, "hub")
        assert (result.ok, result.rejected, result.concerns) == (True, 2, ())
        assert here.peers.get("hub").root_fits is None


# Two faces


async def test_two_heads_of_one_size_with_other_roots_are_kept_as_proof(here: Datastore) -> None:
    """One face for each of two peers: only who asks both can know."""
    one, other = signed(OPS), signed([*OPS[:2], *roots(BOB, 1)])
    async with hostile(honest(one)) as first, hostile(honest(other)) as second:
        here.peers.add("hub", first.url)
        here.peers.add("mirror", second.url)
        assert (await pull(here, "hub")).concerns == ()
        result = await pull(here, "mirror")
        assert (result.ok, codes(result)) == (True, ["two_faces"])
        (faces,) = here.peers.faces()
        assert (faces.key, faces.epoch, faces.size) == (MALLORY.address, EPOCH, 3)
        assert faces.shown_by == ("hub", "mirror")
        assert [head.root for head in faces.heads] == [one.extra["root"], other.extra["root"]]
        for head in faces.heads:
            assert parse_head(spell_head(head, ranges=False)).head == head
        # Whoever else is known by that key is marked, too.
        assert here.peers.get("hub").faces == 1
        # Somebody was told. The proof stays.
        here.peers.trust("hub", MALLORY.address)
        assert [here.peers.get(name).faces for name in ("hub", "mirror")] == [0, 0]
        assert [face.known for face in here.peers.faces()] == [True]
        assert (await pull(here, "mirror")).concerns == ()


async def test_a_peer_that_takes_its_head_back_has_two_faces(here: Datastore) -> None:
    there = Changing(signed(OPS))
    async with hostile(there.answer) as peer:
        here.peers.add("hub", peer.url)
        await pull(here, "hub")
        there.log = signed([*OPS[:2], *roots(BOB, 1)])
        result = await pull(here, "hub")
        assert (result.ok, result.restarted, codes(result)) == (True, True, ["two_faces"])


async def test_older_heads_and_the_same_head_again_are_no_faces(here: Datastore) -> None:
    """Also where they come from caches, through another peer, or were signed at another moment."""
    there = Changing(signed(OPS[:2]))
    async with hostile(there.answer) as peer, hostile(honest(signed(OPS, at=AT + 9))) as second:
        here.peers.add("hub", peer.url)
        here.peers.add("mirror", second.url)
        for log in (signed(OPS[:2]), signed(OPS), signed(OPS[:2]), signed(OPS[:1]), signed(OPS)):
            there.log = log
            assert (await pull(here, "hub")).concerns == ()
        assert (await pull(here, "mirror")).concerns == ()
        assert here.peers.faces() == []


def test_what_is_kept_of_heads_and_proofs_is_bounded() -> None:
    """A hostile peer signs what it likes, by as many keys as it likes; another's proof is not lost to that."""
    with replica() as here:
        for name in ("hub", "liar"):
            here.peers.add(name, f"http://{name}.example")

        def show(name: str, key: Identity, size: int, root: str) -> None:
            here.peers.see_head(name, signed_head(FakeLog.of([]), size, bytes.fromhex(root * 64), key))

        for number in range(1, 301):
            show("liar", Identity(number.to_bytes(32, "big")), 7, "a")
            show("liar", Identity(number.to_bytes(32, "big")), 7, "b")
        for size in range(10):
            show("liar", MALLORY, size, "a")
            show("hub", MALLORY, size, "b")
        faces = here.peers.faces()
        assert len([face for face in faces if face.shown_by == ("liar", "liar")]) == 64
        assert [face.size for face in faces if face.key == MALLORY.address] == [3, 2, 1, 0]
        here.peers.trust("hub", MALLORY.address)
        for size in range(10, 20):
            show("liar", MALLORY, size, "a")
            show("hub", MALLORY, size, "b")
        assert here.peers.get("hub").faces == 4  # new ones are told
        here.peers.trust("hub", MALLORY.address)
        show("liar", MALLORY, 30, "a")
        show("hub", MALLORY, 30, "b")
        of_mallory = [face.known for face in here.peers.faces() if face.key == MALLORY.address]
        assert of_mallory == [False, *[True] * 4]


def test_what_a_backup_of_a_stranger_calls_a_proof_is_looked_at() -> None:
    with replica() as here:
        here.peers.add("hub", "http://hub.example")
        show_two_faces(here, "hub")
        ((one, other),) = rows(here, "SELECT one, other FROM faces")
        changed = json.dumps({**json.loads(str(other)), "root": "03" * 32})
        bad = [changed, one, "{}", "[]", "no", '{"epoch": 1, "size": 2, "fingerprint": [], "node": {}, "sig": "ab"}']
        with closing(database(here)) as db:
            for found in bad:
                db.execute("UPDATE faces SET other = ?", (found,))
                assert here.peers.faces() == []
            db.execute("UPDATE faces SET other = ?", (other,))
        assert len(here.peers.faces()) == 1


# Ours


@pytest.fixture
def there() -> Iterator[Datastore]:
    with replica() as datastore:
        datastore.apply(op.to_json() for op in OPS)
        yield datastore


def test_a_head_is_signed_once_however_often_it_is_asked_for(there: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(identity: Identity, digest: bytes) -> str:
        made.append(sign_head(identity, digest))
        return made[-1]

    monkeypatch.setattr("tui_registry.replica.log.operations.sign_head", counted)
    heads = {there.log.signed_head() for _ in range(3)}
    there.tokens.add("x", ("write",))  # nothing of the log
    heads.add(there.log.signed_head())
    assert [head.sig for head in heads] == made
    assert parse_head(spell_head(there.log.signed_head(), ranges=True)).head == there.log.signed_head()
    assert there.log.why_unsigned() is None
    there.key.replace()
    assert there.log.signed_head().node == there.address
    assert parse_head(spell_head(there.log.signed_head(), ranges=True)).head.sig == made[1]


def test_a_replica_without_its_key_shows_its_head_unsigned_and_says_why(there: Datastore) -> None:
    assert there.log.signed_head().sig
    there.key.file.unlink()
    there.key._held = None
    there.log._signed = None
    head = there.log.signed_head()
    assert (head.sig, head.root != "") == ("", True)
    assert "the key file" in (there.log.why_unsigned() or "")


async def test_a_node_and_a_folder_are_known_by_the_key_of_their_replica(
    there: Datastore, here: Datastore, tmp_path: Path
) -> None:
    publish(there, tmp_path / "log")
    here.peers.add("stick", str(tmp_path / "log"))
    assert (await pull(here, "stick")).concerns == ()
    with running(there) as node:
        here.peers.add("node", node.url)
        assert (await pull(here, "node")).concerns == ()
    for name in ("stick", "node"):
        peer = here.peers.get(name)
        assert peer.pinned == peer.signed_by == there.address
    assert here.peers.get("stick").root_fits is True
    assert here.peers.faces() == []
