"""No version of a record is lost unseen: how conflicts are settled, and what is known of every version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from random import Random

import pytest

from tests.crdt import model as oracle
from tests.laws import examples
from tests.replica.replicas import replica, rows
from tests.seeds import NOW, owner, signed, written
from tui_registry.crdt import AgentOp, ModelOp, sign_rm, sign_up
from tui_registry.datastore import Datastore, NothingToUndo, StoreError, plan_undo
from tui_registry.errors import Json

Op = ModelOp | AgentOp
ROOT = signed(owner("me"), "model", "forked", at=NOW - 1_000)


@pytest.fixture
def datastore() -> Iterator[Datastore]:
    with replica() as opened:
        opened.key.replace(owner("me"))
        yield opened


def edit(*children: Op, at: int = NOW - 500, **fields: Json) -> Op:
    """An edit on another device of the same owner."""
    assert ROOT.record is not None
    return sign_up(
        owner("me"),
        "model",
        {**ROOT.record, "updated_at": at, **fields},
        children=[child.hash for child in children],
        clock=1 + max(child.clock[owner("me").address] for child in children),
    )


def removal(*children: Op, at: int = NOW - 500) -> Op:
    return sign_rm(
        owner("me"),
        "model",
        ROOT.key,
        children=[child.hash for child in children],
        clock=1 + max(child.clock[owner("me").address] for child in children),
        updated_at=at,
    )


def given(datastore: Datastore, *ops: Op, source: str = "there") -> None:
    assert datastore.apply([op.to_json() for op in ops], source=source).applied == len(ops)


@contextmanager
def refused(code: str, words: str | None = None) -> Iterator[None]:
    with pytest.raises(StoreError, match=words) as caught:
        yield
    assert caught.value.code == code


def test_no_edit_and_no_removal_settles_a_conflict_whatever_heads_it_names(datastore: Datastore) -> None:
    one, two = edit(ROOT, version="1.1.0"), edit(ROOT, version="1.2.0")
    given(datastore, ROOT, one, two)
    entry = datastore.entry(ROOT.key)
    assert entry is not None
    for seen in (entry.heads, entry.live_heads[:1], (), (ROOT.hash,)):
        with refused("conflict", f"model {ROOT.key[:12]} is in conflict, 2 versions .*resolve {ROOT.key[:12]}"):
            datastore.update("model", ROOT.key, entry.record, seen)
        with refused("conflict"):
            datastore.delete("model", ROOT.key, seen)
    assert datastore.log.head().size == 3


def test_resolve_settles_with_a_value_or_a_removal_and_only_what_was_seen(datastore: Datastore) -> None:
    one, two, three = (edit(ROOT, version=f"1.{n}.0") for n in (1, 2, 3))
    given(datastore, ROOT, one, two)
    found = datastore.versions(ROOT.key)
    assert found is not None
    given(datastore, three)
    with refused("changed"):
        datastore.resolve("model", ROOT.key, one.record, found.heads)
    found = datastore.versions(ROOT.key)
    assert found is not None
    op = datastore.resolve("model", ROOT.key, {**(one.record or {}), "version": "2.0.0"}, found.heads)
    assert op.children == found.heads
    with refused("no_conflict"):
        datastore.resolve("model", ROOT.key, one.record, datastore.heads(ROOT.key))
    given(datastore, edit(one, version="1.1.1"))
    gone = datastore.resolve("model", ROOT.key, None, datastore.heads(ROOT.key))
    assert datastore.heads(ROOT.key) == (gone.hash,)
    with refused("not_found"):
        datastore.resolve("model", ROOT.key, None, (gone.hash,))
    assert datastore.verify().sound


def test_nobody_settles_the_conflict_of_another_owner(datastore: Datastore) -> None:
    given(datastore, ROOT, edit(ROOT, version="1.1.0"), edit(ROOT, version="1.2.0"))
    datastore.key.replace(owner("other"))
    with refused("not_owner"):
        datastore.resolve("model", ROOT.key, ROOT.record, datastore.heads(ROOT.key))
    with refused("not_owner"):
        datastore.delete("model", ROOT.key, datastore.heads(ROOT.key))


@pytest.mark.parametrize("seed", range(examples(12, 400)))
def test_every_op_with_several_live_children_was_made_by_resolve(seed: int) -> None:
    """The law, over histories of two devices that write apart and meet."""
    random = Random(seed)
    settled: set[str] = set()
    with replica() as here, replica() as there:
        for device in (here, there):
            device.key.replace(owner("me"))
        given(here, ROOT)
        for step in range(30):
            device, other = random.sample((here, there), 2)
            found = device.versions(ROOT.key)
            match random.randrange(5):
                case 0:
                    device.apply(other.log.lines(0, other.log.head().size))
                case 1 if found is not None and len(found.live) > 1:
                    record = random.choice((None, ROOT.record))
                    settled.add(device.resolve("model", ROOT.key, record, found.heads).hash)
                case 2 if found is not None:
                    with_heads = random.choice((found.heads, found.heads[:1]))
                    if len(found.live) > 1:
                        with refused("conflict"):
                            device.delete("model", ROOT.key, with_heads)
                    elif random.random() < 0.3:
                        device.delete("model", ROOT.key, found.heads)
                case _ if found is None:
                    if device.heads(ROOT.key):
                        device.add("model", {**(ROOT.record or {}), "description": f"again {step}"})
                case _:
                    assert found is not None
                    value = {**(ROOT.record or {}), "description": f"step {step}"}
                    if len(found.live) > 1:
                        with refused("conflict"):
                            device.update("model", ROOT.key, value, found.heads)
                    else:
                        device.update("model", ROOT.key, value, found.heads)
        here.apply(there.log.lines(0, there.log.head().size))
        history = here.history(ROOT.key)
        removals = {entry.hash for entry in history if entry.is_rm}
        for entry in history:
            live = [child for child in entry.children if child not in removals]
            assert (len(live) > 1) <= (entry.hash in settled)


def test_versions_are_the_live_ones_with_the_shown_one_first_and_what_they_come_from(datastore: Datastore) -> None:
    base = edit(ROOT, version="1.1.0")
    one, two = edit(base, version="1.2.0"), edit(base, version="1.3.0")
    last = edit(two, version="1.3.1", at=NOW - 300)
    given(datastore, ROOT, base, one, two, last)
    entry, found = datastore.entry(ROOT.key), datastore.versions(ROOT.key)
    assert entry is not None
    assert found is not None
    assert tuple(version.hash for version in found.live) == entry.live_heads == (last.hash, one.hash)
    assert [version.record for version in found.live] == [last.record, one.record]
    assert (found.heads, found.mine, found.owner) == (entry.heads, True, owner("me").address)
    assert found.ancestor is not None
    assert (found.ancestor.hash, found.ancestor.record) == (base.hash, base.record)
    assert datastore.versions("0" * 64) is None


@pytest.mark.parametrize("seed", range(examples(15, 500)))
def test_the_ancestor_is_the_nearest_write_that_all_live_versions_come_from(seed: int) -> None:
    random = Random(seed)
    ops: list[Op] = [ROOT]
    for number in range(random.randrange(2, 14)):
        children = random.sample(ops, min(len(ops), random.choice((1, 1, 1, 2))))
        op = removal(*children) if random.random() < 0.15 else edit(*children, description=f"{number}")
        if op not in ops:
            ops.append(op)
    below: dict[str, set[str]] = {}
    for op in ops:
        below[op.hash] = {op.hash, *(name for child in op.children for name in below[child])}
    with replica() as datastore:
        given(datastore, *ops)
        found = datastore.versions(ROOT.key)
    state = oracle.state([op.to_json() for op in ops])
    live = [fact.hash for fact in state.live_heads(ROOT.key)]
    if len(live) < 2:
        assert found is None or found.ancestor is None
        return
    common = [op for op in ops if op.record is not None and all(op.hash in below[head] for head in live)]
    nearest = min(common, key=lambda op: (-op.clock[owner("me").address], op.hash), default=None)
    assert found is not None
    assert (found.ancestor and found.ancestor.hash) == (nearest and nearest.hash)


def test_a_record_is_shown_as_it_was_at_a_time_and_by_an_operation(datastore: Datastore) -> None:
    base = edit(ROOT, at=NOW - 800, version="1.1.0")
    gone = removal(base, at=NOW - 700)
    back = edit(gone, at=NOW - 600, version="1.2.0")
    given(datastore, ROOT, base, gone, back)
    assert datastore.record_at(ROOT.key, NOW - 1_000).record == ROOT.record
    assert datastore.record_at(ROOT.key, NOW - 701).record == base.record
    assert datastore.record_at(ROOT.key, NOW - 700).record is None
    assert datastore.record_at(ROOT.key, NOW - 1).record == back.record
    assert datastore.record_at(ROOT.key, base.hash[:12]).record == base.record
    assert (datastore.record_at(ROOT.key, gone.hash).before, datastore.log.version(back.hash).before) == (
        base.record, None,
    )  # fmt: skip
    with refused("not_found", "was not there yet"):
        datastore.record_at(ROOT.key, NOW - 1_001)
    with refused("not_found"):
        datastore.record_at("0" * 64, NOW)
    with refused("not_found"):
        datastore.record_at(ROOT.key, "xyz")
    with refused("not_found"):
        datastore.log.version("0" * 64)
    other = signed(owner("me"), "model", "other")
    given(datastore, other)
    with refused("other_record", "belongs to another record"):
        datastore.record_at(ROOT.key, other.hash)


def test_the_beginning_of_several_hashes_is_refused(datastore: Datastore) -> None:
    ops = [signed(owner("me"), "model", f"one of {n}") for n in range(40)]
    given(datastore, *ops)
    twins = next((one, two) for one, two in combinations(ops, 2) if one.hash[0] == two.hash[0])
    with refused("ambiguous", "give more digits"):
        datastore.log.version(twins[0].hash[0])
    assert datastore.log.version(twins[0].hash).hash == twins[0].hash
    # Of one record there is only one that begins so.
    assert datastore.log.version(twins[0].hash[:4], twins[0].key).hash == twins[0].hash


def test_the_ops_of_a_record_are_given_whole_children_first(datastore: Datastore) -> None:
    base = edit(ROOT, version="1.1.0")
    given(datastore, ROOT, signed(owner("me"), "model", "other"), base)
    assert datastore.log.ops_of(ROOT.key) == [ROOT.to_json(), base.to_json()]
    assert datastore.log.ops_of("0" * 64) == []


def test_each_op_keeps_when_and_from_whom_it_first_came(tmp_path: Path) -> None:
    clock = [NOW]
    base = edit(ROOT, version="1.1.0")
    late, waits = edit(base, version="1.2.0"), edit(base, version="1.3.0", at=NOW - 300)
    last = edit(waits, version="1.3.1", at=NOW - 200)
    with Datastore.open(tmp_path, clock=lambda: clock[0]) as datastore:
        datastore.key.replace(owner("me"))
        given(datastore, ROOT, source="hub")
        clock[0] += 10
        assert datastore.apply([last.to_json()], source="stick").pending == 1
        clock[0] += 10
        report = datastore.apply([base.to_json(), waits.to_json(), ROOT.to_json()], source="lab")
        assert (report.applied, report.known, report.conflicts) == (3, 1, 0)
        clock[0] += 10
        assert datastore.apply([late.to_json()], source="hub").conflicts == 1
        op = written(datastore, ROOT.key, ROOT.record)
        came = {entry.hash: (entry.arrived_at, entry.source) for entry in datastore.history(ROOT.key)}
        assert came == {
            ROOT.hash: (NOW, "hub"),
            base.hash: (NOW + 20, "lab"),
            waits.hash: (NOW + 20, "lab"),
            last.hash: (NOW + 10, "stick"),  # when it came, not when it was released
            late.hash: (NOW + 30, "hub"),
            op.hash: (NOW + 30, None),
        }
        assert {row.hash: (row.arrived_at, row.source) for row in datastore.log.operations().rows} == came


def test_what_came_in_one_pull_takes_one_row(datastore: Datastore) -> None:
    given(datastore, *(signed(owner("me"), "model", f"number {n}") for n in range(50)))
    assert rows(datastore, "SELECT idx, source FROM arrivals") == [(0, "there")]


def test_a_log_that_is_written_anew_keeps_where_its_ops_came_from(datastore: Datastore) -> None:
    ops = [signed(owner("me"), "model", f"number {n}") for n in range(4)]
    for number, op in enumerate(ops):
        given(datastore, op, source=f"peer-{number}")
    rows(datastore, "UPDATE ops SET body = x'00' WHERE idx = 1")
    assert len(datastore.verify().invalid) == 1
    assert {row.id: row.source for row in datastore.log.operations().rows} == {
        op.key: f"peer-{number}" for number, op in enumerate(ops) if number != 1
    }


def test_an_undo_of_a_settlement_that_kept_the_shown_version_says_where_the_others_are(datastore: Datastore) -> None:
    given(datastore, ROOT, edit(ROOT, version="1.1.0"), edit(ROOT, version="1.2.0"))
    with pytest.raises(NothingToUndo, match="is in conflict, 2 versions of it are live: settle that first"):
        plan_undo(datastore, ROOT.key)
    found = datastore.versions(ROOT.key)
    assert found is not None
    datastore.resolve("model", ROOT.key, found.live[0].record, found.heads)
    with pytest.raises(NothingToUndo, match="settled a conflict and kept the version that was shown"):
        plan_undo(datastore, ROOT.key)
    written(datastore, ROOT.key, {**(ROOT.record or {}), "version": "3.0.0"})
    assert plan_undo(datastore, ROOT.key).then is not None


def test_versions_that_were_each_settled_on_two_machines_are_merged_from_nothing(datastore: Datastore) -> None:
    """With two nearest ancestors that say different things, either would call the other's choice the only change."""
    one, two = edit(ROOT, license="Apache-2.0"), edit(ROOT, license="BSD-3-Clause")
    first, second = edit(one, two, license="Apache-2.0"), edit(one, two, license="BSD-3-Clause", at=NOW - 300)
    given(datastore, ROOT, one, two, first, second)
    found = datastore.versions(ROOT.key)
    assert found is not None
    assert found.ancestor is not None
    assert {found.ancestor.hash} <= {one.hash, two.hash}
    assert found.base is None
    alike = edit(ROOT, license="Apache-2.0", at=NOW - 499)
    again = edit(one, alike, version="2.0.0", at=NOW - 400), edit(one, alike, version="3.0.0", at=NOW - 400)
    with replica() as other:
        other.key.replace(owner("me"))
        given(other, ROOT, one, alike, *again)
        found = other.versions(ROOT.key)
        assert found is not None
        assert found.base is not None
        assert found.base["license"] == "Apache-2.0"


def test_of_a_strangers_record_so_many_versions_are_read_and_of_ones_own_all(datastore: Datastore) -> None:
    given(datastore, ROOT, *(edit(ROOT, description=f"{n}") for n in range(70)))
    found = datastore.versions(ROOT.key)
    assert found is not None
    assert (len(found.live), found.more, found.ancestor and found.ancestor.hash) == (70, 0, ROOT.hash)
    datastore.key.replace(owner("other"))
    found = datastore.versions(ROOT.key)
    assert found is not None
    assert (len(found.live), found.more, found.ancestor, len(found.heads)) == (64, 6, None, 70)


def test_a_conflict_that_the_same_pull_settles_is_none(datastore: Datastore) -> None:
    one, two = edit(ROOT, version="1.1.0"), edit(ROOT, version="1.2.0")
    total = datastore.apply([op.to_json() for op in (ROOT, one, two)])
    assert total.conflicts == 1
    total.add(datastore.apply([edit(one, two, version="2.0.0").to_json()]))
    assert total.conflicts == 0
    total.add(datastore.apply([edit(two, version="3.0.0").to_json()]))
    assert total.conflicts == 1
