"""Writes that were made together are one entry of undo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.replica.replicas import replica
from tests.seeds import make_record, owner, written
from tui_registry.crdt import sign_up
from tui_registry.datastore import (
    Datastore,
    RecordChange,
    StoreError,
    Together,
    carry_out_reverse,
    plan_undo,
)
from tui_registry.errors import Record, RegistryError


@pytest.fixture
def datastore() -> Iterator[Datastore]:
    with replica() as opened:
        opened.key.replace(owner("me"))
        yield opened


def imported(datastore: Datastore, count: int, label: str = "import of a folder") -> list[str]:
    """The ids of records that were registered together, in two steps."""
    together = Together(label)
    ids = []
    for half in (range(count // 2), range(count // 2, count)):
        drafts = [("model", make_record("model", f"number {n}")) for n in half]
        for op in datastore.add_all(drafts, together=together):
            assert not isinstance(op, RegistryError)
            ids.append(op.key)
        datastore.add("model", make_record("model", f"beside {half.start}"))  # another writer in between
    return ids


def content(datastore: Datastore) -> dict[str, Record]:
    return {entry.id: {**entry.record, "updated_at": 0} for entry in datastore.entries()}


def test_an_import_is_undone_as_one_and_so_is_the_undo(datastore: Datastore) -> None:
    ids = imported(datastore, 6)
    before = content(datastore)
    (batch,) = datastore.log.batches()
    assert (batch.number, batch.label, batch.ops, batch.undone) == (1, "import of a folder", 6, False)
    assert plan_undo(datastore, ids[0]).batch == batch
    reverse = datastore.log.reverse(batch.number)
    assert ({change.id for change in reverse.changes}, reverse.kept) == (set(ids), ())
    assert carry_out_reverse(datastore, reverse) == []
    assert content(datastore) == {key: value for key, value in before.items() if key not in ids}
    undo, first = datastore.log.batches()
    assert (undo.label, undo.ops, first.undone) == ("undo of import of a folder", 6, True)
    assert carry_out_reverse(datastore, datastore.log.reverse(undo.number)) == []
    assert content(datastore) == before
    assert datastore.verify().sound


def test_what_was_written_since_stays_and_is_told(datastore: Datastore) -> None:
    edited, forked, gone, left = imported(datastore, 4)
    entry = datastore.entry(edited)
    assert entry is not None
    written(datastore, edited, {**entry.record, "version": "2.0.0"})
    base = datastore.entry(forked)
    assert base is not None
    written(datastore, forked, {**base.record, "version": "2.0.0"})
    twin = sign_up(owner("me"), "model", {**base.record, "version": "3.0.0"}, children=base.heads, clock=2)
    datastore.apply([twin.to_json()])
    written(datastore, gone, None)
    reverse = datastore.log.reverse(1)
    assert [change.id for change in reverse.changes] == [left]
    assert {identifier: why for _, identifier, why in reverse.kept} == {
        edited: "it was written to since",
        forked: "it is in conflict",
        gone: "it was written to since",
    }


def test_records_that_were_edited_and_deleted_together_come_back_as_they_were(datastore: Datastore) -> None:
    one, two = (datastore.add("model", make_record("model", name)) for name in ("one", "two"))
    before = content(datastore)
    assert one.record is not None
    changes = [
        RecordChange("model", one.key, {**one.record, "version": "9.0.0"}, (one.hash,)),
        RecordChange("model", two.key, None, (two.hash,)),
    ]
    assert not any(
        isinstance(op, RegistryError) for op in datastore.change_all(changes, together=Together("edit of 2 records"))
    )
    assert set(content(datastore)) == {one.key}
    assert carry_out_reverse(datastore, datastore.log.reverse(1)) == []
    assert content(datastore) == before


def test_a_change_that_is_refused_stops_no_other(datastore: Datastore) -> None:
    one, two = (datastore.add("model", make_record("model", name)) for name in ("one", "two"))
    assert one.record is not None
    changes = [
        RecordChange("model", one.key, {**one.record, "version": "nine"}, (one.hash,)),
        RecordChange("model", two.key, None, ("0" * 64,)),
        RecordChange("model", "0" * 64, None, ()),
        RecordChange("model", two.key, None, (two.hash,)),
    ]
    outcomes = list(datastore.change_all(changes, together=Together("edit")))
    assert [outcome.code if isinstance(outcome, RegistryError) else "" for outcome in outcomes] == [
        "invalid", "changed", "not_found", "",
    ]  # fmt: skip


def test_a_batch_that_is_not_there_is_refused_in_words(datastore: Datastore) -> None:
    with pytest.raises(StoreError, match="there is no batch 7 here"):
        datastore.log.reverse(7)
    assert datastore.log.batches() == []


def test_an_undo_that_ends_early_leaves_the_rest_to_be_undone(datastore: Datastore) -> None:
    ids = imported(datastore, 1_200)
    changes = datastore.log.reverse(1).changes
    stopped = datastore.change_all(changes, together=Together("undo"), undoes=1)
    next(stopped)
    stopped.close()
    (batch,) = [batch for batch in datastore.log.batches() if batch.number == 1]
    assert not batch.undone
    left = datastore.log.reverse(1)
    assert 0 < len(left.changes) < len(ids)
    assert carry_out_reverse(datastore, left) == []
    assert all(datastore.entry(identifier) is None for identifier in ids)
    assert all(batch.undone for batch in datastore.log.batches() if batch.number == 1)
