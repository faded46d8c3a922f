"""`verify`: every stored op re-checked, what is derived made anew, and what was found said."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from tests.crdt.making import removal_of, root, write_on
from tests.replica.replicas import database, replica, rows, vocabulary
from tests.seeds import make_record, seed
from tui_registry.datastore import Datastore, Head, StoreError
from tui_registry.replica import audit


@pytest.fixture
def datastore() -> Iterator[Datastore]:
    with replica() as opened:
        seed(opened, 10)
        base = root()
        ops = [base, write_on(base, description="left"), write_on(base, description="right"), removal_of(base)]
        opened.apply(op.body for op in ops)
        yield opened


def spoil(datastore: Datastore, *statements: str) -> None:
    connection = database(datastore)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def shown(datastore: Datastore) -> tuple[object, ...]:
    return datastore.search(limit=1000).rows, datastore.stats(), vocabulary(datastore), datastore.conflicts()


def test_a_sound_replica_is_found_sound_and_left_as_it_is(datastore: Datastore) -> None:
    before, head = shown(datastore), datastore.log.head()
    steps: list[tuple[int, int]] = []
    report = datastore.verify(lambda done, whole: steps.append((done, whole)))
    assert report.sound
    assert (report.ops, report.records) == (14, 11)
    assert steps[-1] == (14, 14)
    assert (shown(datastore), datastore.log.head()) == (before, head)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE ops SET is_head = 1 - is_head WHERE idx % 2", "head"),
        ("UPDATE catalogue SET name = 'other', live_heads = 9 WHERE rid = 1", "catalogue"),
        ("DELETE FROM catalogue WHERE rid <= 3", "catalogue"),
        ("UPDATE catalogue SET idx = 0", "catalogue"),
        ("UPDATE catalogue SET invalid = 1", "catalogue"),
        ("UPDATE replica SET models = 77, conflicts = 5", "counters"),
        ("UPDATE replica SET fingerprint = '" + "0" * 64 + "'", "counters"),
        ("UPDATE replica SET size = 3", "counters"),
        ("INSERT INTO words (words) VALUES ('delete-all')", None),
    ],
)
def test_derived_tables_are_set_right_from_the_log(datastore: Datastore, statement: str, said: str | None) -> None:
    before, head = shown(datastore), datastore.log.head()
    spoil(datastore, statement)
    report = datastore.verify()
    assert report.invalid == []
    if said is not None:
        assert any(said in sentence for sentence in report.repaired)
        assert not report.sound
    assert (shown(datastore), datastore.log.head()) == (before, head)
    assert datastore.verify().sound


@pytest.mark.parametrize("place", [0, 5, 10, 13])
@pytest.mark.parametrize("body", ["x'00ff'", "x''", "'text'", "cast(replace(body, '\"rec\":', '\"rec\" :') as blob)"])
def test_an_op_whose_bytes_went_bad_is_taken_out_with_what_names_it_and_the_epoch_is_renewed(
    datastore: Datastore, place: int, body: str
) -> None:
    head = datastore.log.head()
    before = datastore.log.lines(0, 100)
    datastore.peers.add("lab", "http://127.0.0.1:1")
    datastore.peers.begin_pull("lab", Head("ab" * 16, 5, "0" * 64, "cd" * 20))
    spoil(datastore, f"UPDATE ops SET body = {body} WHERE idx = {place}")
    report = datastore.verify()
    # The root of the fork takes the three ops on top of it along.
    assert {item.place for item in report.invalid} == ({10, 11, 12, 13} if place == 10 else {place})
    assert report.repaired
    after = datastore.log.head()
    assert after.epoch != head.epoch
    assert after.size == head.size - len(report.invalid)
    assert rows(datastore, "SELECT count(*) FROM cursors") == [(0,)]
    assert datastore.verify().sound
    # What was lost comes again from any peer.
    assert datastore.apply(before, source="lab").applied == len(report.invalid)
    assert datastore.log.head().fingerprint == head.fingerprint
    assert datastore.verify().sound


def test_repairing_a_log_again_and_again_holds_a_part_of_it_in_memory(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_CHUNK", 4)
    datastore.apply(root(name=f"large {number}", description="d" * 9_000).body for number in range(120))
    whole = sum(map(len, datastore.log.lines(0, 200)))
    for left in (133, 132):
        # The first repair also loads what later ones have at hand.
        spoil(datastore, "UPDATE ops SET body = x'00' WHERE idx = 0")
        tracemalloc.start()
        report = datastore.verify()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(report.invalid) == 1
        assert datastore.log.head().size == left
    assert peak < whole // 2
    # Nor does SQLite hold its copy of the log there.
    writer = datastore._pool._writer
    assert writer is not None
    assert writer.execute("PRAGMA temp_store").fetchone() == (1,)
    assert datastore.verify().sound


def test_an_op_that_lost_its_child_is_taken_out(datastore: Datastore) -> None:
    spoil(datastore, "DELETE FROM ops WHERE idx = 10")
    report = datastore.verify()
    assert {(item.place, item.code) for item in report.invalid} == {(11, "child"), (12, "child"), (13, "child")}
    assert datastore.verify().sound
    assert datastore.log.head().size == 10
    datastore.add("model", make_record("model", "after"))
    assert datastore.verify().sound


@pytest.mark.parametrize("column", ["clock", "created_at", "updated_at"])
def test_a_row_that_says_something_else_than_its_op_is_found(datastore: Datastore, column: str) -> None:
    before = datastore.log.lines(0, 100)
    spoil(datastore, f"UPDATE ops SET {column} = {column} + 1 WHERE idx = 4")
    assert [item.place for item in datastore.verify().invalid] == [4]
    assert datastore.apply(before, source="lab").applied == 1
    assert datastore.verify().sound


@pytest.mark.parametrize("place", [0, 4, 13])
def test_a_gap_in_the_log_is_closed_under_a_new_epoch(datastore: Datastore, place: int) -> None:
    before, head = datastore.log.lines(0, 100), datastore.log.head()
    spoil(datastore, f"DELETE FROM ops WHERE idx = {place}")
    report = datastore.verify()
    assert (report.ops, report.invalid) == (13, [])
    assert report.repaired
    assert datastore.log.head().size == len(datastore.log.lines(0, 13)) == 13
    # Whoever read the old log to its end would otherwise never see what takes the lost op's place.
    assert datastore.log.head().epoch != head.epoch
    datastore.add("model", make_record("model", "after"))
    assert datastore.verify().sound
    assert datastore.apply(before, source="lab").applied == 1
    assert datastore.verify().sound


def test_an_op_without_the_row_of_its_key_is_taken_out(datastore: Datastore) -> None:
    before, head = datastore.log.lines(0, 100), datastore.log.head()
    spoil(datastore, "DELETE FROM keys WHERE rid = 2")
    assert len(datastore.verify().invalid) == 1
    assert datastore.verify().sound
    assert datastore.apply(before, source="lab").applied == 1
    assert datastore.log.head().fingerprint == head.fingerprint
    assert datastore.verify().sound


def test_two_verifications_at_once_take_out_what_is_bad_and_nothing_else(datastore: Datastore) -> None:
    """The one that comes second finds another log than the one it checked, and says so."""
    spoil(datastore, "UPDATE ops SET body = x'00' WHERE idx = 0")
    head = datastore.log.head()

    def second(done: int, whole: int) -> None:
        with Datastore.open(datastore.data_dir) as other:
            other.verify()

    with pytest.raises(StoreError) as raised:
        datastore.verify(second)
    assert raised.value.code == "locked"
    assert datastore.verify().sound
    assert datastore.log.head().size == head.size - 1
