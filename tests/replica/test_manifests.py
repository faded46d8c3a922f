"""Manifests in a replica: written beside their records, deleted and brought back with them, refused from strangers."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.crdt import model
from tests.crdt.making import ADA, BOB, fresh, root
from tests.replica.conftest import Clock
from tests.seeds import NOW, make_record, owner, signed
from tui_registry.crdt import parse_op, sign_up
from tui_registry.datastore import (
    Datastore,
    NothingToUndo,
    RecordChange,
    StoreError,
    Together,
    carry_out,
    carry_out_reverse,
    plan_undo,
)
from tui_registry.errors import InvalidRecord, Json, Record, RegistryError
from tui_registry.records import derive_manifest_id
from tui_registry.records.schema import defaults


def manifest(**fields: Json) -> Record:
    return defaults("manifest") | fields


def registered(store: Datastore, name: str = "tiny") -> str:
    return store.add("model", make_record("model", name)).key


def test_a_manifest_is_written_read_changed_and_removed(datastore: Datastore) -> None:
    record = registered(datastore)
    before = datastore.manifests.get(record)
    assert before is not None
    assert (before.manifest, before.heads, before.is_live) == (None, (), True)
    op = datastore.manifests.set(record, manifest(status="Deprecated", status_message="use 2"))
    assert (op.kind, op.key) == ("manifest", derive_manifest_id(record))
    entry = datastore.manifests.get(record)
    assert entry is not None
    assert entry.manifest is not None
    assert entry.heads == entry.live_heads == (op.hash,)
    told = {name: entry.manifest[name] for name in ("owner_id", "subject_id", "subject_kind", "subject_name")}
    assert told == {
        "owner_id": datastore.address, "subject_id": record, "subject_kind": "Model", "subject_name": "tiny"
    }  # fmt: skip
    later = datastore.manifests.set(record, {**entry.manifest, "status": "Active"}, entry.heads)
    assert later.children == (op.hash,)
    gone = datastore.manifests.delete(record, (later.hash,))
    after = datastore.manifests.get(record)
    assert after is not None
    assert (after.manifest, after.heads, after.live_heads) == (None, (gone.hash,), ())
    assert [entry.did for entry in datastore.manifests.history(record)] == ["deleted", "edited", "registered"]
    again = datastore.manifests.set(record, manifest())
    assert again.children == (gone.hash,)
    assert datastore.verify().sound


def test_the_first_name_of_a_renamed_record_is_what_its_manifest_names(datastore: Datastore) -> None:
    record = registered(datastore, "first")
    entry = datastore.entry(record)
    assert entry is not None
    datastore.update("model", record, {**entry.record, "name": "second"}, entry.heads)
    datastore.manifests.set(record, manifest())
    found = datastore.manifests.get(record)
    assert found is not None
    assert found.manifest is not None
    assert found.manifest["subject_name"] == "first"


def test_a_write_names_what_its_author_was_shown(datastore: Datastore) -> None:
    record = registered(datastore)
    op = datastore.manifests.set(record, manifest())
    for seen in ((), ("ab" * 32,)):
        with pytest.raises(StoreError) as raised:
            datastore.manifests.set(record, manifest(), seen)
        assert raised.value.code == "changed"
    with pytest.raises(StoreError) as raised:
        datastore.manifests.delete(record, ())
    assert raised.value.code == "changed"
    assert datastore.manifests.get(record).heads == (op.hash,)  # type: ignore[union-attr]


def test_what_cannot_be_signed_is_told_and_nothing_is_written(datastore: Datastore) -> None:
    record, size = registered(datastore), datastore.stats().ops
    bad: list[tuple[Record, str]] = [
        (manifest(status="Withdrawn"), "no_reason"),
        (manifest(languages=["e"]), "language"),
        (manifest(superseded_by=record), "itself"),
        (manifest(documentation_url="javascript:1"), "address"),
        (manifest(required_models=["ab"]), "not_hex"),
        ({**manifest(), "nonsense": 1}, "shape"),
    ]
    for value, code in bad:
        with pytest.raises(InvalidRecord) as raised:
            datastore.manifests.set(record, value)
        assert [problem.code for problem in raised.value.problems] == [code]
    for unknown in ("ab" * 32, "nonsense"):
        with pytest.raises(StoreError) as missing:
            datastore.manifests.set(unknown, manifest())
        assert missing.value.code == "not_found"
    datastore.apply([root(name="theirs").to_json()], source="hub")
    theirs = next(row.id for row in datastore.search("theirs").rows)
    with pytest.raises(StoreError) as foreign:
        datastore.manifests.set(theirs, manifest())
    assert foreign.value.code == "not_owner"
    assert datastore.stats().ops == size + 1


def test_a_record_takes_its_manifest_with_it_and_undo_brings_both_back(datastore: Datastore) -> None:
    record = registered(datastore)
    datastore.manifests.set(record, manifest(status_message="kept"))
    size = datastore.stats().ops
    datastore.delete("model", record, datastore.heads(record))
    gone = datastore.manifests.get(record)
    assert gone is not None
    assert (gone.manifest, gone.is_live, datastore.stats().ops) == (None, False, size + 2)
    plan = plan_undo(datastore, record)
    assert plan.manifest is not None
    carry_out(datastore, plan)
    back = datastore.manifests.get(record)
    assert back is not None
    assert back.manifest is not None
    assert (back.is_live, back.manifest["status_message"]) == (True, "kept")
    assert datastore.verify().sound


def test_undo_takes_back_what_was_written_to_the_manifest_last(datastore: Datastore) -> None:
    record = registered(datastore)
    datastore.manifests.set(record, manifest())
    first = datastore.manifests.get(record)
    assert first is not None
    assert first.manifest is not None
    datastore.manifests.set(record, {**first.manifest, "status": "Deprecated"}, first.heads)
    carry_out(datastore, plan_undo(datastore, record))
    back = datastore.manifests.get(record)
    assert back is not None
    assert back.manifest is not None
    assert back.manifest["status"] == "Active"
    assert datastore.entry(record) is not None


def test_a_strangers_manifest_for_somebody_elses_record_is_refused_in_any_order(tmp_path: Path) -> None:
    record = root().to_json()
    theirs = fresh("manifest")
    stolen = [
        model.spell(model.up_tree(BOB, "manifest", {**theirs, "owner_id": BOB.address})),
        model.spell(model.up_tree(BOB, "manifest", theirs)),
    ]
    owners = model.spell(model.up_tree(ADA, "manifest", theirs))
    for number, order in enumerate(itertools.permutations([record, owners, *stolen])):
        with Datastore.open(tmp_path / str(number), clock=lambda: NOW) as store:
            codes = [found.code for line in order for found in store.apply([line], source="hub").rejected]
            assert sorted(codes) == ["id", "owner"]
            found = store.manifests.get(parse_op(record).key)
            assert found is not None
            assert found.manifest == theirs
            assert found.is_live


def test_a_manifest_without_its_record_is_kept_passed_on_and_shown_nowhere(datastore: Datastore) -> None:
    lone = fresh("manifest", name="nobody-has-it")
    body = model.spell(model.up_tree(ADA, "manifest", lone))
    assert datastore.apply([body], source="hub").applied == 1
    assert datastore.log.lines(0, 1) == [body]
    assert (datastore.stats().records, datastore.search("nobody").rows) == (0, [])
    found = datastore.manifests.get(str(lone["subject_id"]))
    assert found is not None
    assert (found.is_live, found.manifest) == (False, lone)
    for prefix in (str(lone["manifest_id"])[:12], str(lone["subject_id"])[:12]):
        with pytest.raises(StoreError) as raised:
            datastore.find(prefix, deleted=True)
        assert raised.value.code == "not_found"
    (operation,) = datastore.log.operations().rows
    assert (operation.of, operation.kind, operation.id, operation.name) == (
        "manifest", "model", lone["subject_id"], "nobody-has-it"
    )  # fmt: skip
    assert datastore.verify().sound


def test_the_id_of_a_manifest_is_no_records(datastore: Datastore) -> None:
    record = registered(datastore)
    op = datastore.manifests.set(record, manifest())
    assert datastore.manifests.get(op.key) is None
    assert datastore.manifests.history(op.key) == []
    assert (datastore.entry(op.key), datastore.versions(op.key), datastore.bodies([op.key])) == (None, None, [])
    for write in (
        lambda: datastore.update("model", op.key, make_record("model", "x"), [op.hash]),
        lambda: datastore.delete("model", op.key, [op.hash]),
        lambda: datastore.resolve("model", op.key, None, [op.hash]),
        lambda: datastore.manifests.set(op.key, manifest()),
        lambda: datastore.manifests.delete(op.key, [op.hash]),
        lambda: datastore.find(op.key, deleted=True),
    ):
        with pytest.raises(StoreError) as raised:
            write()
        assert raised.value.code == "not_found"
    assert datastore.add("model", {**make_record("model", "x"), "model_id": op.key}).key != op.key
    assert datastore.manifests.get(record).heads == (op.hash,)  # type: ignore[union-attr]


def test_lists_of_operations_tell_of_the_record_that_a_manifest_belongs_to(datastore: Datastore) -> None:
    record = registered(datastore, "tiny")
    op = datastore.manifests.set(record, manifest())
    datastore.manifests.delete(record, (op.hash,))
    rows = datastore.log.operations().rows
    assert [(row.of, row.did, row.name, row.id) for row in rows] == [
        ("manifest", "deleted", "tiny", record),
        ("manifest", "registered", "tiny", record),
        ("model", "registered", "tiny", record),
    ]
    assert [row.is_gone for row in rows] == [True, True, False]
    # Narrowed down by the record's name, the operations on its manifest are there too.
    assert [*datastore.log.places(words="tiny").places] == [2, 1, 0]
    assert datastore.log.last_deleted() is None


def test_two_machines_that_wrote_at_once_are_in_conflict_and_its_owner_settles_it(datastore: Datastore) -> None:
    record = registered(datastore)
    op = datastore.manifests.set(record, manifest())
    entry = datastore.manifests.get(record)
    assert entry is not None
    assert entry.manifest is not None
    identity = datastore.key.identity()
    sides = [
        model.spell(model.up_tree(identity, "manifest", {**entry.manifest, "status_message": side}, [op.hash], 2))
        for side in ("left", "right")
    ]
    assert datastore.apply(sides, source="hub").applied == 2
    forked = datastore.manifests.get(record)
    assert forked is not None
    assert len(forked.live_heads) == 2
    with pytest.raises(StoreError) as raised:
        datastore.manifests.set(record, manifest(), forked.heads)
    assert raised.value.code == "conflict"
    live = datastore.manifests.versions(record)
    assert {str((one.record or {})["status_message"]) for one in live} == {"left", "right"}
    assert [one.hash for one in live] == [*forked.live_heads]
    # As for every write, what the Datastore sets need not be said.
    settled = datastore.manifests.resolve(record, manifest(status_message="both"), forked.heads)
    after = datastore.manifests.get(record)
    assert after is not None
    assert after.live_heads == (settled.hash,)


def test_the_head_says_which_rules_read_the_log(datastore: Datastore) -> None:
    record = registered(datastore)
    assert datastore.log.head().rules == 1
    datastore.manifests.set(record, manifest())
    assert datastore.log.head().rules == 2


def test_a_purge_takes_an_owners_manifests_and_leaves_those_of_others(datastore: Datastore) -> None:
    theirs = [root().to_json(), model.spell(model.up_tree(ADA, "manifest", fresh("manifest")))]
    datastore.apply(theirs, source="hub")
    record = registered(datastore)
    op = datastore.manifests.set(record, manifest(status_message="stays"))
    taken = datastore.purge(owner=ADA.address)
    assert (taken.records, taken.ops) == (1, 2)
    found = datastore.manifests.get(record)
    assert found is not None
    assert found.heads == (op.hash,)
    assert found.manifest is not None
    assert found.manifest["status_message"] == "stays"
    assert datastore.manifests.get(parse_op(theirs[0]).key) is None
    assert datastore.verify().sound


def test_what_is_kept_of_manifests_is_made_anew_from_the_log(datastore: Datastore) -> None:
    records = [registered(datastore, f"m{number}") for number in range(3)]
    for record in records:
        datastore.manifests.set(record, manifest(status="Deprecated", status_message="old"))
    datastore.manifests.delete(records[0], datastore.manifests.get(records[0]).heads)  # type: ignore[union-attr]
    with datastore._pool.write() as db:
        right = db.execute("SELECT * FROM manifests ORDER BY rid").fetchall()
        db.execute("UPDATE manifests SET status = 'Other', live_heads = 7 WHERE rid = -2")
        db.execute("DELETE FROM manifests WHERE rid = -3")
        db.execute("INSERT INTO manifests (rid, kind, subject, live_heads) VALUES (-9, 0, x'00', 0)")
    report = datastore.verify()
    assert report.repaired == ["3 catalogue rows were wrong and were made anew"]
    with datastore._pool.read() as db:
        assert db.execute("SELECT * FROM manifests ORDER BY rid").fetchall() == right
    assert datastore.verify().sound


def message(store: Datastore, record: str) -> Json:
    """The status message of a record's manifest; None where it has none."""
    found = store.manifests.get(record)
    return None if found is None or found.manifest is None else found.manifest["status_message"]


def test_a_record_and_its_manifest_are_written_in_one_step_and_undone_in_one(datastore: Datastore) -> None:
    record = datastore.add("model", make_record("model", "tiny"), manifest=manifest(status_message="first")).key
    assert (message(datastore, record), datastore.stats().ops) == ("first", 2)
    entry, beside = datastore.entry(record), datastore.manifests.get(record)
    assert entry is not None
    assert beside is not None
    other: Record = {**entry.record, "version": "2.0.0"}
    datastore.update(
        "model", record, other, entry.heads, manifest=manifest(status_message="second"), manifest_seen=beside.heads
    )
    assert (message(datastore, record), datastore.stats().ops) == ("second", 4)
    plan = plan_undo(datastore, record)
    assert plan.batch is None
    assert datastore.log.batches() == []
    carry_out(datastore, plan)
    back = datastore.entry(record)
    assert back is not None
    assert (back.record["version"], message(datastore, record)) == (entry.record["version"], "first")
    # What undid is undone likewise.
    carry_out(datastore, plan_undo(datastore, record))
    assert message(datastore, record) == "second"
    assert datastore.verify().sound


def test_undo_of_a_registration_takes_the_manifest_that_was_written_with_it(datastore: Datastore) -> None:
    record = datastore.add("model", make_record("model", "tiny"), manifest=manifest(status_message="kept")).key
    carry_out(datastore, plan_undo(datastore, record))
    assert (datastore.entry(record), message(datastore, record)) == (None, None)
    carry_out(datastore, plan_undo(datastore, record))
    assert datastore.entry(record) is not None
    assert message(datastore, record) == "kept"


def test_what_is_not_said_of_a_manifest_stays_and_none_takes_it_away(datastore: Datastore) -> None:
    record = datastore.add("model", make_record("model", "tiny"), manifest=manifest(status_message="stays")).key
    datastore.update("model", record, make_record("model", "tiny"), datastore.heads(record))
    assert message(datastore, record) == "stays"
    beside = datastore.manifests.get(record)
    assert beside is not None
    size = datastore.stats().ops
    same: Record = {**make_record("model", "tiny"), "version": "3.0.0"}
    datastore.update(
        "model", record, same, datastore.heads(record), manifest=beside.manifest, manifest_seen=beside.heads
    )
    assert datastore.stats().ops == size + 1
    datastore.update("model", record, same, datastore.heads(record), manifest=None, manifest_seen=beside.heads)
    assert (message(datastore, record), datastore.stats().ops) == (None, size + 2)
    gone = datastore.manifests.get(record)
    assert gone is not None
    datastore.update("model", record, same, datastore.heads(record), manifest=None, manifest_seen=gone.heads)
    assert datastore.stats().ops == size + 2


def test_neither_is_written_where_one_of_them_cannot_be(datastore: Datastore) -> None:
    bad = manifest(languages=["e"], status="Withdrawn")
    with pytest.raises(InvalidRecord) as raised:
        datastore.add("model", {**make_record("model", "tiny"), "version": "1"}, manifest=bad)
    errors = [problem.path for problem in raised.value.problems if problem.severity == "error"]
    assert errors == ["version", "manifest.status_message", "manifest.languages[0]"]
    assert datastore.stats().ops == 0
    record = datastore.add("model", make_record("model", "tiny"), manifest=manifest(status_message="mine")).key
    with pytest.raises(StoreError) as changed:
        datastore.update("model", record, make_record("model", "other"), datastore.heads(record), manifest=manifest())
    assert changed.value.code == "changed"
    assert record[:12] in changed.value.sentence
    found = datastore.entry(record)
    assert found is not None
    assert (found.record["name"], datastore.stats().ops) == ("tiny", 2)


def test_the_rules_of_a_manifest_know_of_which_kind_its_record_is(datastore: Datastore) -> None:
    heir = datastore.add("agent", make_record("agent", "new")).key
    agent = datastore.add("agent", make_record("agent", "old")).key
    datastore.manifests.set(agent, manifest(status="Deprecated", superseded_by=heir))
    model = registered(datastore)
    for write in (
        lambda: datastore.manifests.set(model, manifest(superseded_by=heir)),
        lambda: datastore.add("model", make_record("model", "more"), manifest=manifest(superseded_by=heir)),
    ):
        with pytest.raises(InvalidRecord) as raised:
            write()
        assert [problem.code for problem in raised.value.problems if problem.severity == "error"] == ["other_kind"]


def test_many_are_written_with_their_manifests_and_taken_back_together(datastore: Datastore) -> None:
    together = Together("import of many")
    first, bad, plain = datastore.add_all(
        [
            ("model", make_record("model", "one"), manifest(status_message="one")),
            ("model", make_record("model", "two"), manifest(languages=["e"])),
            ("agent", make_record("agent", "three")),
        ],
        together=together,
    )
    assert isinstance(bad, InvalidRecord)
    assert not isinstance(first, RegistryError)
    assert not isinstance(plain, RegistryError)
    assert datastore.stats().ops == 3
    assert together.number is not None
    # Deleted together, a record takes its manifest along, and both come back.
    removed = Together("deletion")
    changes = [RecordChange(op.kind, op.key, None, datastore.heads(op.key)) for op in (first, plain)]
    assert not [one for one in datastore.change_all(changes, together=removed) if isinstance(one, RegistryError)]
    assert (datastore.stats().records, message(datastore, first.key)) == (0, None)
    assert removed.number is not None
    assert carry_out_reverse(datastore, datastore.log.reverse(removed.number)) == []
    assert (datastore.stats().records, message(datastore, first.key)) == (2, "one")
    last = datastore.log.batches(1)[0]
    assert carry_out_reverse(datastore, datastore.log.reverse(last.number)) == []
    assert (datastore.stats().records, message(datastore, first.key)) == (0, None)
    assert datastore.verify().sound


def test_a_batch_leaves_a_record_whose_manifest_was_written_to_since(datastore: Datastore) -> None:
    together = Together("import of one")
    (op,) = datastore.add_all([("model", make_record("model", "one"), manifest())], together=together)
    assert not isinstance(op, RegistryError)
    found = datastore.manifests.get(op.key)
    assert found is not None
    datastore.manifests.set(op.key, manifest(status_message="by hand"), found.heads)
    assert together.number is not None
    reverse = datastore.log.reverse(together.number)
    assert (reverse.changes, {why for _, _, why in reverse.kept}) == (
        (), {"it was written to since", "its manifest was written to since"}
    )  # fmt: skip


def test_a_list_tells_what_a_manifest_says_of_its_record(datastore: Datastore) -> None:
    record = registered(datastore)

    def row() -> tuple[str | None, int]:
        (found,) = datastore.search("tiny").rows
        return found.status, found.manifest_heads

    assert row() == (None, 0)
    op = datastore.manifests.set(record, manifest(status="Deprecated", status_message="use 2"))
    assert row() == ("Deprecated", 1)
    op = datastore.manifests.set(record, manifest(status={"Other": "frozen"}), (op.hash,))
    assert row() == ("frozen", 1)
    op = datastore.manifests.set(record, manifest(), (op.hash,))
    assert row() == (None, 1)
    op = datastore.manifests.set(record, manifest(status="Withdrawn", status_message="unsafe"), (op.hash,))
    assert row() == ("Withdrawn", 1)
    datastore.manifests.delete(record, (op.hash,))
    assert row() == (None, 0)


def test_a_purge_that_leaves_a_record_takes_what_its_manifest_said_of_it(datastore: Datastore) -> None:
    said = fresh("manifest", status="Deprecated")
    rivals = [{**said, "status_message": side} for side in ("left", "right")]
    first = parse_op(model.spell(model.up_tree(ADA, "manifest", said)))
    datastore.apply([root().to_json()], source="hub")
    bodies = [model.spell(model.up_tree(ADA, "manifest", rival, [first.hash], 2)) for rival in rivals]
    datastore.apply([first.to_json(), *bodies], source="other")
    assert [row.id for row in datastore.search("status:deprecated is:conflict").rows] == [root().key]
    assert datastore.purge(peer="other").ops == 3
    (row,) = datastore.search("status:active").rows
    assert (row.id, row.status, row.manifest_heads, datastore.stats().conflicts) == (root().key, None, 0, 0)
    assert datastore.search("status:deprecated OR has:manifest").rows == []
    assert datastore.verify().sound


def _needed(store: Datastore, record: str) -> int | None:
    return next(row.need for row in store.search("").rows if row.id == record)


def test_what_a_record_needs_follows_from_it_and_its_manifest(datastore: Datastore) -> None:
    record = datastore.add("model", make_record("model", "tiny", parameters=10**9, quantization="FP16")).key
    assert _needed(datastore, record) == 2_300_000_000
    files: Json = [
        {"uri": "hf://o/m/m.gguf", "media_type": "", "sha256": "0" * 64, "size_bytes": 10**9, "quantization": "GGUF"}
    ]
    shape: Json = {
        "layers": 10, "kv_heads": 1, "head_dim": 100, "experts": None, "active_parameters": None,
        "kv_token_bytes": None, "kv_constant_bytes": None,
    }  # fmt: skip
    first = datastore.manifests.set(record, manifest(artifacts=files, architecture=shape))
    assert _needed(datastore, record) == 10**9 + 3 * 10**8 + 4000 * 8192
    # Another version of the record keeps what the manifest gives it, and another manifest gives it anew
    entry = datastore.entry(record)
    assert entry is not None
    datastore.update("model", record, {**entry.record, "version": "9.0.0"}, entry.heads)
    assert _needed(datastore, record) == 10**9 + 3 * 10**8 + 4000 * 8192
    second = datastore.manifests.set(record, manifest(architecture=shape), (first.hash,))
    assert _needed(datastore, record) == 2_300_000_000 + 4000 * 8192
    assert datastore.verify().sound
    datastore.manifests.delete(record, (second.hash,))
    assert _needed(datastore, record) == 2_300_000_000
    assert datastore.verify().sound


def test_what_a_record_needs_does_not_depend_on_what_came_first(datastore: Datastore, tmp_path: Path) -> None:
    record = datastore.add("model", make_record("model", "tiny", parameters=10**9, quantization="FP16")).key
    files: Json = [
        {"uri": "m.gguf", "media_type": "", "sha256": "0" * 64, "size_bytes": 10**9, "quantization": None}
    ]  # fmt: skip
    datastore.manifests.set(record, manifest(artifacts=files, repository_url="https://example.org/m"))
    lines = datastore.log.lines(0, 2)
    for number, order in enumerate((lines, lines[::-1])):
        with Datastore.open(tmp_path / str(number)) as other:
            for line in order:
                other.apply([line], source="hub")
            assert _needed(other, record) == _needed(datastore, record) == 1_300_000_000


def test_undo_of_the_manifest_or_of_the_record_leaves_the_other_alone_whichever_came_last(datastore: Datastore) -> None:
    record = registered(datastore)
    datastore.manifests.set(record, manifest(status_message="written"))
    entry = datastore.entry(record)
    assert entry is not None
    datastore.update("model", record, {**entry.record, "version": "2.0.0"}, entry.heads)
    # The manifest's, though the record's came after it.
    carry_out(datastore, plan_undo(datastore, record, of_manifest=True))
    changed = datastore.entry(record)
    assert changed is not None
    assert (changed.record["version"], message(datastore, record)) == ("2.0.0", None)
    # The record's, though the manifest's came after it.
    carry_out(datastore, plan_undo(datastore, record, of_manifest=False))
    back = datastore.entry(record)
    assert back is not None
    assert (back.record["version"], message(datastore, record)) == (entry.record["version"], None)
    datastore.manifests.set(record, manifest(status_message="again"))


def test_undo_of_a_registration_says_that_the_manifest_that_came_later_goes_too(datastore: Datastore) -> None:
    record = registered(datastore)
    datastore.manifests.set(record, manifest(status_message="later"))
    plan = plan_undo(datastore, record, of_manifest=False)
    assert (plan.then, plan.manifest) == (None, None)
    assert plan.manifest_now is not None
    carry_out(datastore, plan)
    assert (datastore.entry(record), message(datastore, record)) == (None, None)


def test_undo_of_the_manifest_of_a_deleted_record_is_refused_in_words(datastore: Datastore, clock: Clock) -> None:
    record = registered(datastore)
    datastore.manifests.delete(record, (datastore.manifests.set(record, manifest(status_message="gone")).hash,))
    clock.now += 1
    datastore.delete("model", record, datastore.heads(record))
    with pytest.raises(NothingToUndo, match="its model is deleted: bring that back first"):
        plan_undo(datastore, record, of_manifest=True)


def _with_files(*digests: str | None) -> Record:
    files: Json = [
        {
            "uri": f"hf://org/name/{place}.gguf",
            "media_type": "",
            "sha256": digest,
            "size_bytes": 1,
            "quantization": None,
        }
        for place, digest in enumerate(digests)
    ]
    return manifest(artifacts=files)


def test_the_records_that_state_a_digest_are_found_as_long_as_their_manifest_says_so(datastore: Datastore) -> None:
    first, second = registered(datastore, "first"), registered(datastore, "second")
    one, other = "ab" * 32, "cd" * 32
    op = datastore.manifests.set(first, _with_files(one, one, other, None))
    datastore.manifests.set(second, _with_files(one))
    assert datastore.manifests.naming(one) == ((("model", first), ("model", second)), False)
    assert datastore.manifests.naming(one, most=1) == ((("model", first),), True)
    assert datastore.manifests.naming(other) == ((("model", first),), False)
    assert datastore.manifests.naming("ef" * 32) == ((), False)
    datastore.manifests.set(first, _with_files(other), (op.hash,))
    assert datastore.manifests.naming(one) == ((("model", second),), False)
    datastore.delete("model", second, datastore.heads(second))
    assert datastore.manifests.naming(one) == ((), False)
    assert datastore.verify().sound


def test_what_one_s_own_and_named_keys_state_comes_first_and_muted_owners_say_nothing(datastore: Datastore) -> None:
    digest = "ab" * 32
    ids = []
    ada_s, bob_s = owner("ada"), owner("bob")
    for identity in (ada_s, bob_s):
        up = signed(identity, "model", "theirs", at=NOW)
        value = defaults("manifest") | {
            "manifest_id": derive_manifest_id(up.key), "owner_id": identity.address, "subject_id": up.key,
            "subject_kind": "Model", "subject_name": "theirs", "created_at": NOW, "updated_at": NOW,
            "artifacts": _with_files(digest)["artifacts"],
        }  # fmt: skip
        behind = sign_up(identity, "manifest", value)
        assert datastore.apply([up.to_json(), behind.to_json()], source="hub").applied == 2
        ids.append(up.key)
    ours = registered(datastore, "ours")
    datastore.manifests.set(ours, _with_files(digest))
    ada, bob = (("model", record) for record in ids)
    assert datastore.manifests.naming(digest).records == (("model", ours), ada, bob)
    datastore.names.set(bob_s.address, "bob")
    assert datastore.manifests.naming(digest).records == (("model", ours), bob, ada)
    datastore.rations.mute(ada_s.address)
    assert datastore.manifests.naming(digest) == ((("model", ours), bob), False)
    datastore.purge(owner=bob_s.address)
    assert datastore.manifests.naming(digest) == ((("model", ours),), False)
    assert datastore.verify().sound


def test_the_digests_that_are_kept_are_made_anew_from_the_log(datastore: Datastore) -> None:
    record = registered(datastore)
    datastore.manifests.set(record, _with_files("ab" * 32))
    for statement in (
        "DELETE FROM digests",
        "UPDATE digests SET sha256 = x'00'",
        "INSERT INTO digests (sha256, owner, rid) VALUES (x'00', x'00', -77)",
    ):
        with datastore._pool.write() as db:
            db.execute(statement)
        report = datastore.verify()
        assert not report.sound
        assert datastore.manifests.naming("ab" * 32).records == (("model", record),)
        assert datastore.verify().sound
