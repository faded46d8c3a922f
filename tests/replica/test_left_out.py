"""What a replica leaves out, and that leaving out changes nothing for good: whoever blocked, rationed or purged, and took
everything in again, has the registry of those who never did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256

import pytest
from hypothesis import given, settings, strategies as st

from tests.crdt import model
from tests.crdt.histories import OWNERS, WORDS, History, deliveries, histories
from tests.laws import examples
from tests.replica.replicas import assert_agrees, database, replica, rows, vocabulary
from tests.seeds import NOW, make_record, owner, signed, stranger_ops
from tests.sync.logs import edit, removal, roots
from tui_registry.crdt import Op, sign_up
from tui_registry.datastore import (
    DATABASE,
    EVERYBODY,
    NO_RATION,
    PUSHES,
    Datastore,
    Draft,
    Ration,
    StoreError,
    Together,
)
from tui_registry.replica.log import left_out

FLOOD, HONEST = owner("flooding"), owner("honest")


def lines(ops: list[Op]) -> list[bytes]:
    return [op.to_json() for op in ops]


def chain(length: int, by: str = "flooding") -> list[Op]:
    """A record that was written so many times."""
    ops: list[Op] = [signed(owner(by), "model", "chained")]
    for clock in range(2, length + 1):
        ops.append(edit(owner(by), ops[-1], clock=clock, at=NOW + clock, description=f"the {clock}th"))
    return ops


def free(registry: Datastore) -> None:
    """Leave nothing out any more."""
    for kept in registry.rations.all():
        registry.rations.unmute(kept.owner)
        registry.rations.unblock(kept.owner)
    for source in registry.rations.rations():
        registry.rations.set_ration(source, NO_RATION)


def test_nothing_new_of_a_blocked_owner_comes_in_and_what_is_here_stays() -> None:
    before, *after = chain(3)
    with replica() as registry:
        registry.apply([before.to_json()])
        registry.rations.block(FLOOD.address)
        report = registry.apply(lines([*after, *roots(HONEST, 2)]), source="lab")
        assert (report.applied, report.left_out, report.pending, report.total) == (2, {"blocked": 2}, 0, 4)
        assert registry.log.ops_of(before.key) == [before.to_json()]
        found = registry.rations.left_out()
        assert {(one.hash, one.owner, one.reason, one.source) for one in found} == {
            (op.hash, FLOOD.address, "blocked", "lab") for op in after
        }
        assert {digest.hex() for digest in registry.log.left_out()} == {op.hash for op in after}
        (kept,) = registry.rations.all()
        assert (kept.owner, kept.blocked_at, kept.muted_at, kept.ops, kept.left_out) == (FLOOD.address, NOW, None, 1, 2)
        # Its head counts what it has and nothing else.
        assert registry.log.head().size == 3


def test_what_an_unblocked_owner_has_comes_in_and_is_forgotten_as_left_out() -> None:
    ops = chain(3)
    with replica() as registry:
        registry.rations.block(FLOOD.address)
        registry.apply(lines(ops))
        assert registry.rations.unblock(FLOOD.address) == 3
        assert registry.log.left_out() == []  # it is wanted now: no longer left out where logs are compared
        assert [one.wanted for one in registry.rations.left_out()] == [True] * 3
        assert registry.rations.unblock(FLOOD.address) == 0
        assert registry.apply(lines(ops)).applied == 3
        assert registry.rations.count() == 0
        assert registry.rations.all() == []
        assert registry.verify().sound


def test_a_line_that_claims_a_blocked_owner_and_the_hash_of_a_good_operation_keeps_that_one_from_nobody() -> None:
    good = signed(HONEST, "model", "good").to_json()
    spoilt = good.replace(HONEST.address.encode(), FLOOD.address.encode())
    with replica() as registry:
        registry.rations.block(FLOOD.address)
        report = registry.apply([spoilt], source="lab")
        assert [found.code for found in report.rejected] == ["hash"]
        assert registry.log.left_out() == []
        assert registry.apply([good]).applied == 1


def test_a_blocked_owner_costs_no_look_at_its_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    ops = lines(roots(FLOOD, 3))
    monkeypatch.setattr(Op, "signer", lambda self: pytest.fail("a signature was looked at"))
    with replica() as registry:
        registry.rations.block(FLOOD.address)
        assert registry.apply(ops).left_out == {"blocked": 3}


def test_what_waited_for_a_child_of_a_blocked_owner_waits_no_more() -> None:
    first, second, third = chain(3)
    with replica() as registry:
        assert registry.apply([third.to_json()]).pending == 1
        registry.rations.block(FLOOD.address)
        assert registry.stats().pending == 0
        # Its peer's cursor has passed it: nobody would ask for it later if it was forgotten.
        assert [one.hash for one in registry.rations.left_out()] == [third.hash]
        registry.apply(lines([second, third]))
        assert registry.stats().pending == 0
        registry.rations.unblock(FLOOD.address)
        assert registry.apply(lines([third, second, first])).applied == 3


RATIONS: dict[str, tuple[str, Ration, str]] = {
    "operations of an owner": (EVERYBODY, Ration(owner_ops=3), "owner_full"),
    "bytes of an owner": (EVERYBODY, Ration(owner_bytes=3 * 2_700), "owner_full"),
    "no bytes at all": (EVERYBODY, Ration(owner_bytes=0), "owner_full"),
    "operations of a source": ("lab", Ration(source_ops=3), "source_full"),
    "bytes of a source": ("lab", Ration(source_bytes=3 * 2_700), "source_full"),
    "pushes": (PUSHES, Ration(source_ops=3), "source_full"),
    "named keys": (EVERYBODY, Ration(named_only=True), "unnamed"),
}


@pytest.mark.parametrize("what", RATIONS)
def test_what_is_over_a_ration_waits_and_comes_in_when_there_is_room(what: str) -> None:
    scope, ration, reason = RATIONS[what]
    source = "push:192.0.2.1" if scope == PUSHES else "lab"
    ops = chain(8)
    with replica() as registry:
        registry.peers.add("lab", "http://127.0.0.1:1")
        registry.rations.set_ration(scope, ration)
        report = registry.apply(lines(ops), source=source)
        taken = 0 if what in ("named keys", "no bytes at all") else 3
        assert (report.applied, report.left_out, report.pending) == (taken, {reason: 8 - taken}, 0)
        # Of what builds upon it nothing waits for a child either, in whatever order it comes.
        again = registry.apply(lines(ops[::-1]), source=source)
        assert (again.applied, again.known, again.left_out, again.pending) == (0, taken, {reason: 8 - taken}, 0)
        (group,) = registry.rations.groups()
        assert (group.owner, group.reason, group.ops, group.wanted) == (FLOOD.address, reason, 8 - taken, 0)
        registry.rations.set_ration(scope, NO_RATION)
        assert registry.log.left_out() == []
        assert registry.apply(lines(ops), source=source).applied == 8 - taken
        assert registry.rations.count() == 0


@pytest.mark.parametrize("source", ["lab", "push:192.0.2.1"])
def test_what_waited_is_held_to_the_ration_of_who_sent_it(source: str) -> None:
    """Else a source could send all it has without the first operation, and have that come from elsewhere."""
    first, *rest = chain(6)
    with replica() as registry:
        registry.peers.add("lab", "http://127.0.0.1:1")
        registry.rations.set_ration(PUSHES if source != "lab" else source, Ration(source_ops=2))
        assert registry.apply(lines(rest), source=source).pending == 5
        registry.apply([first.to_json()], source="file")
        assert (registry.log.head().size, registry.stats().pending) == (3, 0)
        assert {(one.reason, one.source) for one in registry.rations.left_out()} == {("source_full", source)}


def test_a_ration_counts_what_a_push_is_given_beside_those_of_the_replica() -> None:
    with replica() as registry:
        report = registry.apply(lines(roots(FLOOD, 5)), source="push:a", ration=Ration(owner_ops=2))
        assert (report.applied, report.left_out) == (2, {"owner_full": 3})
        assert registry.apply(lines(roots(FLOOD, 5)), source="lab").applied == 3


def test_a_ration_goes_with_its_peer() -> None:
    """Else it would hold whoever has the name next, and nobody could take it back meanwhile."""
    ops = roots(FLOOD, 3)
    with replica() as registry:
        registry.peers.add("lab", "http://127.0.0.1:1")
        registry.rations.set_ration("lab", Ration(source_ops=1))
        registry.apply(lines(ops), source="lab")
        registry.peers.remove("lab")
        assert registry.rations.rations() == {}
        assert [one.wanted for one in registry.rations.left_out()] == [True, True]


def test_this_replicas_own_key_is_never_left_out_hidden_or_purged() -> None:
    with replica() as registry:
        kept = registry.add("model", make_record("model", "kept"))
        address = registry.address
        rations = registry.rations
        deeds: list[Callable[[str], object]] = [rations.mute, rations.block, lambda own: registry.purge(owner=own)]
        for deed in deeds:
            with pytest.raises(StoreError) as caught:
                deed(f"0x{address.upper()}".replace("0X", "0x"))
            assert caught.value.code == "own_key"
        rations.set_ration(EVERYBODY, Ration(named_only=True, owner_ops=0, source_ops=0))
        (line,) = registry.log.ops_of(kept.key)
        with replica() as twin:
            twin.rations.block(address)
            twin.rations.set_ration(EVERYBODY, Ration(named_only=True, owner_ops=0))
            assert twin.apply([line]).applied == 0
    with pytest.raises(StoreError) as caught, replica() as registry:
        registry.rations.block("nobody")
    assert caught.value.code == "bad_owner"


def test_so_many_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "MAX_LEFT_OUT", 5)
    with replica() as registry:
        registry.rations.block(FLOOD.address)
        assert registry.apply(lines(roots(FLOOD, 9))).left_out == {"blocked": 9}
        assert registry.rations.count() == 5
        registry.rations.unblock(FLOOD.address)
        assert registry.apply(lines(roots(FLOOD, 9))).applied == 9
        assert registry.rations.count() == 0


def test_who_has_most_left_out_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "MAX_LEFT_OUT", 20)
    with replica() as registry:
        registry.rations.block(FLOOD.address)
        registry.rations.block(HONEST.address)
        registry.apply(lines(roots(FLOOD, 30)), source="lab")
        registry.apply(lines(roots(HONEST, 5)), source="usb")
        registry.apply(lines(roots(FLOOD, 30, "more")), source="lab")
        by_source = Counter(one.source for one in registry.rations.left_out())
        assert by_source == {"lab": 15, "usb": 5}


def test_room_is_made_for_many_at_once_however_few_each_source_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """To see who has most is a look at all of them: not for each one that comes, while nobody else can write."""
    monkeypatch.setattr(left_out, "MAX_LEFT_OUT", 1_024)
    with replica() as registry:
        registry.rations.block(FLOOD.address)
        with closing(database(registry)) as beside:
            beside.executemany(
                "INSERT INTO left_out (hash, owner, reason, source, size, at) VALUES (?, ?, 0, ?, 1500, 1)",
                ((sha256(b"%d" % n).digest(), b"\1" * 20, f"push:{n // 2}") for n in range(1_024)),
            )
        registry.apply([roots(FLOOD, 1)[0].to_json()], source="push:another")
        # Four make room for one, and three find it made.
        assert registry.rations.count() == 1_021
        registry.apply(lines(roots(FLOOD, 4)), source="push:another")
        assert registry.rations.count() == 1_024


def flood(registry: Datastore, count: int, *, held: int) -> int:
    """So many records of as many keys, a ration of `held` against them; gives the bytes of the database."""
    registry.rations.set_ration(EVERYBODY, Ration(source_ops=held))
    at_once = 8_192
    for start in range(0, count, at_once):
        ops = (signed(owner(f"key {n}"), "model", f"flood {n}") for n in range(start, min(count, start + at_once)))
        registry.apply((op.to_json() for op in ops), source="lab")
    assert registry.log.head().size == held
    assert registry.stats().pending == 0
    assert registry.rations.count() == min(count - held, left_out.MAX_LEFT_OUT)
    ((size,),) = rows(registry, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    assert isinstance(size, int)
    return size


def test_a_flood_over_a_ration_costs_a_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "MAX_LEFT_OUT", 100)
    with replica() as registry:
        few = flood(registry, 120, held=10)
        assert flood(registry, 300, held=10) <= few + 2 * 8_192


@pytest.mark.long
def test_a_flood_of_a_million_hostile_operations_costs_a_bounded_room() -> None:
    with replica() as registry:
        assert flood(registry, 1_000_000, held=1_000) <= 64 * 2**20
        assert [row.name for row in registry.search("flood", limit=3, sort="-updated").rows]
        assert registry.apply([signed(HONEST, "model", "honest").to_json()], source="another").applied == 1


# Purging


def filled(registry: Datastore) -> list[Op]:
    """A replica with records of its own, of a stranger and of one who floods; gives what is to stay."""
    honest = [*roots(HONEST, 3), *stranger_ops(4)]
    theirs = chain(4)
    second = roots(FLOOD, 3, "x")
    registry.apply(lines([honest[0], *theirs[:2], honest[1]]), source="lab")
    registry.add("model", make_record("model", "mine", tags=["mine"]))
    registry.apply(lines([*second, removal(FLOOD, second[0]), *honest[2:4]]), source="usb")
    registry.apply(lines([*theirs[2:], edit(FLOOD, theirs[0], at=NOW + 9), *honest[4:]]), source="lab")
    return honest


def test_a_purge_takes_all_of_an_owner_and_nothing_else() -> None:
    with replica() as registry:
        honest = filled(registry)
        before = registry.log.head()
        sources = {op.hash: registry.history(op.key)[-1].source for op in honest}
        planned = registry.plan_purge(owner=FLOOD.address)
        assert (planned.records, planned.ops, planned.owners) == (4, 9, 1)
        assert registry.log.head() == before  # it was only asked
        done = registry.purge(owner=FLOOD.address)
        assert done._replace(given_back=None) == planned
        head = registry.log.head()
        assert head.size == before.size - 9
        assert head.epoch != before.epoch
        report = registry.verify()
        assert report.sound, report
        assert registry.log.head() == head
        for op in honest:
            (entry,) = registry.history(op.key)
            assert (entry.hash, entry.source) == (op.hash, sources[op.hash])
            assert registry.search(op.record["name"] if op.record else "").total >= 1
        assert [row.name for row in registry.search("is:mine").rows] == ["mine"]
        assert registry.search(f"owner:{FLOOD.address}").total == 0
        assert registry.stats().conflicts == 0
        assert registry.rations.count() == 9
        (kept,) = registry.rations.all()
        assert (kept.owner, kept.ops, kept.left_out) == (FLOOD.address, 0, 9)
        again = registry.purge(owner=FLOOD.address)
        assert (again.records, again.ops) == (0, 0)
        assert registry.log.head() == head


def test_what_names_places_of_the_log_names_the_same_operations_after_a_purge() -> None:
    with replica() as registry:
        registry.apply(lines(roots(FLOOD, 2)), source="lab")
        together = Together("an import")
        [*registry.add_all([("model", make_record("model", f"mine {n}")) for n in range(3)], together=together)]
        registry.apply(lines(roots(FLOOD, 2, "between")), source="usb")
        entry = registry.entry(registry.search("is:mine mine").rows[0].id)
        assert entry is not None
        twin = sign_up(
            registry.key.identity(), "model", {**entry.record, "version": "2.0.0"}, children=entry.heads, clock=2
        )
        registry.apply([twin.to_json()], source="usb")
        registry.drafts.save(Draft("edit", "model", entry.id, entry.heads, {"name": "half"}))
        told = [(one.hash, one.source, one.arrived_at) for one in registry.history(entry.id)]
        registry.purge(owner=FLOOD.address)
        assert [(one.hash, one.source, one.arrived_at) for one in registry.history(entry.id)] == told
        (place,) = registry.elsewhere.places()
        assert registry.log.lines(place, place + 1) == [twin.to_json()]
        (batch,) = registry.log.batches()
        assert (batch.label, batch.ops) == ("an import", 3)
        assert len(registry.log.reverse(batch.number).changes) == 2  # the third was written to since
        assert registry.drafts.all()[0].seen == entry.heads


def test_a_purged_replica_is_as_one_that_never_had_it() -> None:
    with replica() as registry, replica() as other:
        honest = filled(registry)
        registry.purge(owner=FLOOD.address)
        mine = registry.log.ops_of(registry.search("is:mine").rows[0].id)
        other.apply([*lines([*honest]), *mine])
        assert registry.log.head().fingerprint == other.log.head().fingerprint
        # What one of them wrote came to the other.
        listed = {row.id: row._replace(new=False) for row in registry.search(limit=100).rows}
        assert listed == {row.id: row._replace(new=False) for row in other.search(limit=100).rows}
        assert {word for word, *_ in vocabulary(registry)} == {word for word, *_ in vocabulary(other)}
        for learnt in ("SELECT word FROM vocabulary ORDER BY 1", "SELECT ending, word FROM endings ORDER BY 1, 2"):
            assert rows(registry, learnt) == rows(other, learnt)
        counted = "SELECT field, value, records FROM counted ORDER BY 1, 2"
        assert rows(registry, counted) == rows(other, counted)


def test_what_only_a_peer_brought_is_taken_out_with_it_and_nobodys_own() -> None:
    with replica() as registry:
        filled(registry)
        planned = registry.plan_purge(peer="usb")
        # `x` came from there alone; nothing that another had a hand in.
        assert (planned.records, planned.ops, planned.owners) == (5, 6, 3)
        registry.purge(peer="usb")
        assert registry.verify().sound
        assert [one.reason for one in registry.rations.left_out()] == ["removed"] * 6
        assert all(one.wanted for one in registry.rations.left_out())
        assert registry.apply(lines(roots(FLOOD, 3, "x")), source="lab").applied == 3


def test_a_purge_gives_the_room_back() -> None:
    with replica() as registry:
        large = [signed(FLOOD, "model", f"large {n}", tags=[f"t{n}x{k}" * 9 for k in range(64)]) for n in range(400)]
        registry.apply(lines([*large, *roots(HONEST, 3)]))
        ((pages,),) = rows(registry, "PRAGMA page_count")
        done = registry.purge(owner=FLOOD.address)
        assert isinstance(pages, int)
        assert done.given_back is not None
        assert done.given_back > pages * 8_192 // 2
        assert (registry.data_dir / DATABASE).stat().st_size < pages * 8_192 // 4
        assert registry.verify().sound


def test_a_log_that_is_rewritten_counts_what_owners_and_sources_have_anew() -> None:
    with replica() as registry:
        filled(registry)
        counted = "SELECT ops, bytes FROM owners UNION ALL SELECT ops, bytes FROM sources ORDER BY 1, 2"
        before = rows(registry, counted)
        database(registry).execute("UPDATE replica SET size = size + 1")  # as if the last operation was lost
        assert not registry.verify().sound
        assert rows(registry, counted) == before


# The law: leaving out is local and changes nothing for good

ADDRESSES = sorted({identity.address for identity in OWNERS})
DEEDS: list[Callable[[Datastore, str, int], object]] = [
    lambda registry, address, _: registry.rations.block(address),
    lambda registry, address, _: registry.rations.unblock(address),
    lambda registry, address, _: registry.rations.mute(address),
    lambda registry, _, number: registry.rations.set_ration(EVERYBODY, Ration(owner_ops=number)),
    lambda registry, _, number: registry.rations.set_ration(EVERYBODY, Ration(source_bytes=2_000 * number)),
    lambda registry, _, number: registry.rations.set_ration(EVERYBODY, Ration(named_only=True)),
    lambda registry, address, _: registry.purge(owner=address),
    lambda registry, *_: registry.purge(peer="one"),
    lambda registry, *_: registry.rations.take_in(),
]


@settings(max_examples=examples(12, 300))
@given(st.data(), histories(most=16))
def test_whoever_left_out_and_took_in_again_has_what_those_have_who_never_did(
    data: st.DataObject, history: History
) -> None:
    batches = data.draw(deliveries(history.all))
    with replica() as registry:
        for batch in batches:
            which = data.draw(st.integers(0, len(DEEDS)))
            if which < len(DEEDS):
                DEEDS[which](registry, data.draw(st.sampled_from(ADDRESSES)), data.draw(st.integers(0, 6)))
            registry.apply(batch, source=data.draw(st.sampled_from(("one", "two"))))
            head = registry.log.head()
            assert_closed(registry, head.size)
        free(registry)
        registry.apply(history.all, source="one")
        assert_agrees(registry, model.state(history.all), (*WORDS, "first", "number"))
        assert registry.rations.count() == 0
        assert registry.verify().sound


def assert_closed(registry: Datastore, size: int) -> None:
    """Children come before what builds on them, and nothing is both here and left out."""
    seen: set[str] = set()
    for body in registry.log.lines(0, size):
        fact = model.judge(body)
        assert isinstance(fact, model.Fact)
        assert seen.issuperset(fact.children)
        seen.add(fact.hash)
    assert seen.isdisjoint(one.hash for one in registry.rations.left_out(1000))
