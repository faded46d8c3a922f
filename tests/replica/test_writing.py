"""What the Datastore promises of local writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crdt import model
from tests.replica.conftest import Clock
from tests.replica.replicas import rows, vocabulary
from tests.seeds import NOW, make_record, owner, signed
from tui_registry.crdt import sign_rm, sign_up
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import InvalidRecord, Kind, Record, RegistryError
from tui_registry.records import AIModel, derive_id
from tui_registry.records.schema import ID_FIELD, defaults

KINDS: tuple[Kind, ...] = ("model", "agent")


def entry_of(datastore: Datastore, key: str):
    found = datastore.entry(key)
    assert found is not None
    return found


def code_of(raised: pytest.ExceptionInfo[RegistryError]) -> str:
    assert raised.value.sentence
    return raised.value.code


def state_of(datastore: Datastore) -> tuple[object, ...]:
    """Everything that a refused write must leave as it was."""
    return (
        datastore.log.lines(0, 10_000),
        datastore.stats(),
        datastore.log.head(),
        rows(datastore, "SELECT * FROM catalogue"),
        vocabulary(datastore),
    )


# ---- add -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_add_sets_id_owner_and_times(datastore: Datastore, kind: Kind) -> None:
    op = datastore.add(kind, make_record(kind, "tiny"))
    record = entry_of(datastore, op.key).record
    assert record["owner_id"] == datastore.address
    assert record["created_at"] == record["updated_at"] == NOW
    assert record[ID_FIELD[kind]] == op.key == derive_id(kind, datastore.address, "tiny", NOW)


def test_add_overrides_an_owner_and_times_that_were_given(datastore: Datastore) -> None:
    op = datastore.add("model", make_record("model", "tiny", owner_id="ab" * 20, created_at=5, updated_at=7))
    record = entry_of(datastore, op.key).record
    assert (record["owner_id"], record["created_at"], record["updated_at"]) == (datastore.address, NOW, NOW)


def test_add_without_an_id_uses_now_or_the_next_free_second(datastore: Datastore, clock: Clock) -> None:
    created = [
        entry_of(datastore, datastore.add("model", make_record("model", "same")).key).record["created_at"]
        for _ in range(3)
    ]
    assert created == [NOW, NOW + 1, NOW + 2]
    clock.now += 1
    assert entry_of(datastore, datastore.add("model", make_record("model", "same")).key).record["created_at"] == NOW + 3
    # Another name has seconds of its own.
    assert (
        entry_of(datastore, datastore.add("model", make_record("model", "other")).key).record["created_at"] == NOW + 1
    )


def test_add_takes_no_second_whose_id_was_deleted(datastore: Datastore) -> None:
    key = datastore.add("model", make_record("model", "same")).key
    datastore.delete("model", key, datastore.heads(key))
    again = datastore.add("model", make_record("model", "same")).key
    assert again == derive_id("model", datastore.address, "same", NOW + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_add_with_the_id_of_a_live_record_is_already_registered(datastore: Datastore, kind: Kind) -> None:
    key = datastore.add(kind, make_record(kind, "tiny")).key
    before = state_of(datastore)
    with pytest.raises(StoreError) as raised:
        datastore.add(kind, {**make_record(kind, "tiny"), ID_FIELD[kind]: key})
    assert code_of(raised) == "already_registered"
    assert state_of(datastore) == before


@pytest.mark.parametrize("kind", KINDS)
def test_add_with_an_id_deleted_here_names_the_rms_and_keeps_created_at(
    datastore: Datastore, clock: Clock, kind: Kind
) -> None:
    key = datastore.add(kind, make_record(kind, "tiny")).key
    clock.now += 100
    gone = datastore.delete(kind, key, datastore.heads(key))
    assert datastore.entry(key) is None
    clock.now += 100
    op = datastore.add(kind, {**make_record(kind, "renamed"), ID_FIELD[kind]: key})
    assert (op.key, op.children) == (key, (gone.hash,))
    record = entry_of(datastore, key).record
    assert (record["name"], record["created_at"], record["updated_at"]) == ("renamed", NOW, NOW + 200)


def test_add_with_an_id_unknown_here_gets_a_new_id_which_the_op_tells(datastore: Datastore) -> None:
    op = datastore.add("model", {**make_record("model", "tiny"), "model_id": "ab" * 32})
    assert op.key == derive_id("model", datastore.address, "tiny", NOW)


def test_add_with_an_id_of_the_other_kind_gets_a_new_id(datastore: Datastore) -> None:
    key = datastore.add("agent", make_record("agent", "tiny")).key
    assert datastore.add("model", {**make_record("model", "tiny"), "model_id": key}).key != key


@pytest.mark.parametrize("identifier", ["", "x", "AB" * 32, "ab" * 31, "ü" * 64])
def test_add_with_what_is_no_id_ends_with_a_declared_error_or_a_new_id(datastore: Datastore, identifier: str) -> None:
    try:
        op = datastore.add("model", {**make_record("model", "tiny"), "model_id": identifier})
    except RegistryError:
        assert datastore.stats().ops == 0
    else:
        assert op.key == derive_id("model", datastore.address, "tiny", NOW)


def test_add_with_the_id_of_anothers_deleted_record_is_not_owner(datastore: Datastore) -> None:
    root = signed(owner("stranger"), "model", "theirs")
    gone = sign_rm(owner("stranger"), "model", root.key, children=[root.hash], clock=2, updated_at=NOW)
    datastore.apply([root.to_json(), gone.to_json()])
    with pytest.raises(StoreError) as raised:
        datastore.add("model", {**make_record("model", "theirs"), "model_id": root.key})
    assert code_of(raised) == "not_owner"


def test_a_record_that_breaks_an_authoring_rule_is_refused_with_every_problem(datastore: Datastore) -> None:
    bad = make_record("model", "", version="one")
    with pytest.raises(InvalidRecord) as raised:
        datastore.add("model", bad)
    assert {"name", "version"} <= {problem.path for problem in raised.value.problems}
    key = datastore.add("model", make_record("model", "tiny")).key
    before = state_of(datastore)
    with pytest.raises(InvalidRecord):
        datastore.update("model", key, bad, datastore.heads(key))
    assert state_of(datastore) == before


def test_add_all_gives_an_op_or_the_error_of_each_in_order(datastore: Datastore) -> None:
    records: list[tuple[Kind, Record]] = [
        ("model", make_record("model", "one")), ("model", make_record("model", "")), ("agent", make_record("agent", "two")),
        ("model", make_record("model", "one")),
    ]  # fmt: skip
    outcomes = list(datastore.add_all(records))
    assert [isinstance(outcome, InvalidRecord) for outcome in outcomes] == [False, True, False, False]
    assert datastore.stats().ops == 3
    assert datastore.verify().sound


def test_add_all_writes_what_one_add_after_the_other_writes(datastore: Datastore, tmp_path: Path, clock: Clock) -> None:
    """Ids taken within the same call, a deleted record, a refusal between, a model that a later agent prefers."""
    with Datastore.open(tmp_path / "one by one", clock=clock) as one:
        one.key.replace(datastore.key.identity())
        _compare_with_single_adds(datastore, one)


def _compare_with_single_adds(datastore: Datastore, one: Datastore) -> None:
    records: list[tuple[Kind, Record]] = []
    for store in (datastore, one):
        gone = store.add("model", make_record("model", "gone")).key
        store.delete("model", gone, store.heads(gone))
        first = derive_id("model", store.address, "same", NOW)
        records = [
            ("model", make_record("model", "same")),
            ("model", make_record("model", "same")),
            ("model", {**make_record("model", "same again"), "model_id": first}),
            ("model", {**make_record("model", "gone"), "model_id": gone}),
            ("model", make_record("model", "")),
            ("agent", make_record("agent", "user", preferred_models=[first])),
            ("model", {**make_record("model", "elsewhere"), "model_id": "ab" * 32}),
            ("model", make_record("model", "same")),
        ]
    outcomes = list(datastore.add_all(records))
    for outcome, (kind, record) in zip(outcomes, records, strict=True):
        if isinstance(outcome, RegistryError):
            with pytest.raises(RegistryError) as raised:
                one.add(kind, record)
            assert code_of(raised) == outcome.code
        else:
            assert one.add(kind, record).to_json() == outcome.to_json()
    assert [isinstance(outcome, RegistryError) for outcome in outcomes].count(True) == 2
    assert datastore.log.head().fingerprint == one.log.head().fingerprint
    assert datastore.verify().sound


def test_the_dots_counter_is_one_more_than_the_actors_ops_known_here(datastore: Datastore) -> None:
    counters = []
    for name in ("one", "two", "three"):
        body = datastore.add("model", make_record("model", name)).to_json()
        counters.append(model._read(body)["Model"]["Up"]["dot"]["counter"])
    assert counters == [1, 2, 3]


# ---- update --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_update_keeps_id_owner_and_created_at_whatever_it_is_given(
    datastore: Datastore, clock: Clock, kind: Kind
) -> None:
    key = datastore.add(kind, make_record(kind, "tiny")).key
    clock.now += 50
    given = make_record(kind, "renamed", owner_id="ab" * 20, created_at=1, updated_at=2)
    datastore.update(kind, key, {**given, ID_FIELD[kind]: "cd" * 32}, datastore.heads(key))
    record = entry_of(datastore, key).record
    assert (record[ID_FIELD[kind]], record["owner_id"], record["name"]) == (key, datastore.address, "renamed")
    assert (record["created_at"], record["updated_at"]) == (NOW, NOW + 50)


def test_update_takes_the_larger_of_now_and_the_heads_times(datastore: Datastore, clock: Clock) -> None:
    key = datastore.add("model", make_record("model", "tiny")).key
    clock.now -= 1_000  # the clock was set back
    datastore.update("model", key, make_record("model", "tiny"), datastore.heads(key))
    assert entry_of(datastore, key).record["updated_at"] == NOW
    gone = datastore.delete("model", key, datastore.heads(key))
    assert gone.updated_at == NOW
    again = datastore.add("model", {**make_record("model", "tiny"), "model_id": key})
    assert again.updated_at == NOW


@pytest.mark.parametrize("kind", KINDS)
def test_writing_another_owners_record_is_not_owner(datastore: Datastore, kind: Kind) -> None:
    theirs = signed(owner("stranger"), kind, "theirs")
    datastore.apply([theirs.to_json()])
    before = state_of(datastore)
    for write in (
        lambda: datastore.update(kind, theirs.key, make_record(kind, "mine"), [theirs.hash]),
        lambda: datastore.delete(kind, theirs.key, [theirs.hash]),
    ):
        with pytest.raises(StoreError) as raised:
            write()
        assert code_of(raised) == "not_owner"
    assert state_of(datastore) == before


@pytest.mark.parametrize("kind", KINDS)
def test_update_and_delete_of_what_has_changed_fail_with_changed_and_write_nothing(
    datastore: Datastore, kind: Kind
) -> None:
    key = datastore.add(kind, make_record(kind, "tiny")).key
    seen = datastore.heads(key)
    datastore.update(kind, key, make_record(kind, "second"), seen)
    before = state_of(datastore)
    for stale in (seen, (), (*seen, *datastore.heads(key)), ["00" * 32]):
        with pytest.raises(StoreError) as raised:
            datastore.update(kind, key, make_record(kind, "third"), stale)
        assert code_of(raised) == "changed"
        with pytest.raises(StoreError) as raised:
            datastore.delete(kind, key, stale)
        assert code_of(raised) == "changed"
    assert state_of(datastore) == before


def test_update_and_delete_of_what_is_not_here_are_not_found(datastore: Datastore) -> None:
    key = datastore.add("model", make_record("model", "tiny")).key
    datastore.delete("model", key, datastore.heads(key))
    for kind, identifier in (("model", "ab" * 32), ("agent", key), ("model", key)):
        with pytest.raises(StoreError) as raised:
            datastore.update(kind, identifier, make_record(kind, "x"), datastore.heads(identifier))
        assert code_of(raised) == "not_found"
        with pytest.raises(StoreError) as raised:
            datastore.delete(kind, identifier, datastore.heads(identifier))
        assert code_of(raised) == "not_found"


def test_resolve_names_all_heads_and_so_settles_a_conflict(datastore: Datastore) -> None:
    root = datastore.add("model", make_record("model", "tiny"))
    other = sign_up(  # the same key on another machine
        datastore.key.identity(), "model", {**root.record, "description": "elsewhere"}, children=[root.hash], clock=2
    )  # fmt: skip
    datastore.update("model", root.key, {**make_record("model", "tiny"), "description": "here"}, [root.hash])
    datastore.apply([other.to_json()])
    assert [row.id for row in datastore.conflicts()] == [root.key]
    seen = datastore.heads(root.key)
    op = datastore.resolve("model", root.key, make_record("model", "merged"), seen)
    assert op.children == seen
    assert datastore.conflicts() == []
    assert entry_of(datastore, root.key).record["name"] == "merged"


def test_a_write_on_more_than_16_heads_is_a_chain_in_one_transaction(datastore: Datastore) -> None:
    root = datastore.add("model", make_record("model", "tiny"))
    assert root.record is not None
    forks = [
        sign_up(
            datastore.key.identity(), "model", {**root.record, "description": str(n)}, children=[root.hash], clock=2
        )
        for n in range(35)
    ]
    datastore.apply(op.to_json() for op in forks)
    seen = datastore.heads(root.key)
    assert len(seen) == 35
    last = datastore.resolve("model", root.key, make_record("model", "merged"), seen)
    assert datastore.heads(root.key) == (last.hash,)
    chain = datastore.log.lines(36, 100)
    assert len(chain) == 3  # 16 heads, then 15, then 4
    assert [len(model._read(body)["Model"]["Up"]["op"]["op"]["children"]) for body in chain] == [16, 16, 5]
    assert datastore.verify().sound
    state = model.state([root.to_json(), *(fork.to_json() for fork in forks), *chain])
    assert state.heads(root.key)[0].hash == last.hash
    gone = datastore.delete("model", root.key, datastore.heads(root.key))
    assert datastore.heads(root.key) == (gone.hash,)


def test_a_removal_of_more_than_16_heads_is_a_chain_too(datastore: Datastore) -> None:
    root = datastore.add("model", make_record("model", "tiny"))
    assert root.record is not None
    datastore.apply(
        sign_up(
            datastore.key.identity(), "model", {**root.record, "description": str(n)}, children=[root.hash], clock=2
        ).to_json()
        for n in range(20)
    )
    gone = datastore.resolve("model", root.key, None, datastore.heads(root.key))
    assert datastore.entry(root.key) is None
    assert datastore.heads(root.key) == (gone.hash,)
    assert datastore.verify().sound


def test_an_op_from_here_is_valid_anywhere(datastore: Datastore, tmp_path: Path) -> None:
    for kind in KINDS:
        key = datastore.add(kind, make_record(kind, "tiny")).key
        datastore.update(kind, key, make_record(kind, "second"), datastore.heads(key))
        datastore.delete(kind, key, datastore.heads(key))
        datastore.add(kind, {**make_record(kind, "third"), ID_FIELD[kind]: key})
    lines = datastore.log.lines(0, 100)
    assert len(model.state(lines).valid) == 8
    with Datastore.open(tmp_path / "another") as other:
        assert other.apply(lines).applied == 8
        assert other.log.head().fingerprint == datastore.log.head().fingerprint


# ---- typed forms, numbers, times -----------------------------------------------------------------------------------


def test_the_typed_forms_do_the_same(datastore: Datastore) -> None:
    typed = AIModel.from_plain(make_record("model", "tiny"))
    key = datastore.add_model(typed).key
    found = datastore.get_model(key)
    assert found is not None
    assert (found.name, found.owner_id) == ("tiny", datastore.address)
    datastore.update_model(key, found.model_copy(update={"name": "second"}), datastore.heads(key))
    assert entry_of(datastore, key).record["name"] == "second"
    datastore.delete_model(key, datastore.heads(key))
    assert datastore.get_model(key) is None
    assert datastore.get_agent(key) is None


@pytest.mark.parametrize("parameters", [2**63 - 1, 2**63, 2**64 - 1])
def test_a_u64_is_clamped_in_the_catalogue_and_exact_in_the_op(datastore: Datastore, parameters: int) -> None:
    record = make_record("model", "huge", parameters=parameters)
    record["resource_requirements"] = {
        **record["resource_requirements"], "min_memory_mb": parameters, "recommended_memory_mb": parameters,
        "min_disk_gb": parameters, "recommended_disk_gb": parameters,
    }  # type: ignore[dict-item]  # fmt: skip
    key = datastore.add("model", record).key
    assert entry_of(datastore, key).record["parameters"] == parameters
    assert datastore.search("huge").rows[0].parameters == 2**63 - 1
    assert datastore.search("params:>1t").rows[0].id == key
    assert datastore.verify().sound


def test_times_more_than_a_day_ahead_are_marked_and_sort_last(datastore: Datastore, clock: Clock) -> None:
    stranger = owner("stranger")
    times = {"past": NOW - 5, "now": NOW, "a day": NOW + 86_400, "more": NOW + 86_401, "far": 253402300799}
    datastore.apply(signed(stranger, "model", name, at=at).to_json() for name, at in times.items())
    listed = datastore.search().rows
    assert [(row.name, row.future) for row in listed] == [
        ("a day", False), ("now", False), ("past", False), ("far", True), ("more", True),
    ]  # fmt: skip
    ascending = [row.name for row in datastore.search("sort:updated").rows]
    assert ascending == ["past", "now", "a day", "more", "far"]
    assert [entry_of(datastore, row.id).future for row in listed] == [False, False, False, True, True]
    clock.now += 1
    assert [row.future for row in datastore.search("more").rows] == [False]


def test_a_size_that_no_op_may_have_is_refused_before_anything_is_written(datastore: Datastore) -> None:
    record = make_record("model", "big", description="\x01" * 10_000, formfile_template="# " + "é" * 8_000)
    with pytest.raises(RegistryError):
        datastore.add("model", record)
    assert datastore.stats().ops == 0


# ---- other local things --------------------------------------------------------------------------------------------


def test_names_of_owners_are_local_and_can_be_taken_back(datastore: Datastore) -> None:
    theirs = signed(owner("stranger"), "model", "theirs")
    datastore.apply([theirs.to_json()])
    size = datastore.log.head().size
    datastore.names.set(owner("stranger").address, "  My Lab ")
    assert datastore.names.all() == {owner("stranger").address: "My Lab"}
    assert entry_of(datastore, theirs.key).owner_name == "My Lab"
    assert [row.id for row in datastore.search('owner:"my lab"').rows] == [theirs.key]
    assert datastore.log.head().size == size
    datastore.names.set(owner("stranger").address, "")
    assert entry_of(datastore, theirs.key).owner_name is None


def test_history_lists_every_op_newest_first(datastore: Datastore, clock: Clock) -> None:
    key = datastore.add("model", make_record("model", "tiny")).key
    clock.now += 1
    datastore.update("model", key, make_record("model", "second"), datastore.heads(key))
    clock.now += 1
    datastore.delete("model", key, datastore.heads(key))
    history = datastore.history(key)
    assert [(item.is_rm, item.is_head, item.is_winner, item.clock) for item in history] == [
        (True, True, False, 3), (False, False, False, 2), (False, False, False, 1),
    ]  # fmt: skip
    assert [None if item.record is None else item.record["name"] for item in history] == [None, "second", "tiny"]
    assert history[0].children == (history[1].hash,)
    assert {item.actor for item in history} == {datastore.address}
    assert datastore.history("ab" * 32) == []


def test_a_prefix_resolves_to_the_one_record_or_says_what_to_do(datastore: Datastore) -> None:
    keys = [datastore.add("model", make_record("model", f"name {number}")).key for number in range(40)]
    assert datastore.find(keys[0]) == ("model", keys[0])
    assert datastore.find("0x" + keys[0][:20].upper()) == ("model", keys[0])
    with pytest.raises(StoreError) as raised:
        datastore.find(next(key[0] for key in keys if sum(other[0] == key[0] for other in keys) > 1))
    assert code_of(raised) == "ambiguous"
    for nothing in ("", "xyz", "ab" * 33, keys[0][:20] + "0" * 44):
        with pytest.raises(StoreError) as raised:
            datastore.find(nothing)
        assert code_of(raised) == "not_found"
    with pytest.raises(StoreError):
        datastore.find(keys[0], "agent")
    datastore.delete("model", keys[0], datastore.heads(keys[0]))
    with pytest.raises(StoreError):
        datastore.find(keys[0])
    assert datastore.find(keys[0], deleted=True) == ("model", keys[0])


def test_what_changes_nothing_is_not_signed_again_and_of_a_record_and_its_manifest_what_changes_alone(
    datastore: Datastore,
) -> None:
    behind = defaults("manifest") | {"status_message": "first"}
    op = datastore.add("model", make_record("model", "tiny"), manifest=behind)
    beside = datastore.manifests.get(op.key)
    assert beside is not None
    same: Record = make_record("model", "tiny")
    written = datastore.update("model", op.key, same, [op.hash], manifest=behind, manifest_seen=beside.heads)
    assert (written.hash, datastore.manifests.set(op.key, behind, beside.heads).hash) == (op.hash, beside.heads[0])
    assert datastore.stats().ops == 2
    other: Record = {**behind, "status_message": "second"}
    datastore.update("model", op.key, same, [op.hash], manifest=other, manifest_seen=beside.heads)
    assert (datastore.heads(op.key), datastore.stats().ops) == ((op.hash,), 3)
    # Over a head that is no version (here: a removal beside it) it is signed, as it says more: that this one is seen.
    gone = sign_rm(datastore.key.identity(), "model", op.key, children=[op.hash], clock=2, updated_at=op.updated_at)
    beside_it = sign_up(
        datastore.key.identity(), "model", {**op.record, "description": "x"}, children=[op.hash], clock=2
    )
    datastore.apply([gone.to_json(), beside_it.to_json()])
    seen = datastore.heads(op.key)
    assert len(seen) == 2
    again = datastore.update("model", op.key, {**same, "description": "x"}, seen)
    assert again.children == seen
