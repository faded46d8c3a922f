"""What this replica's own key signed elsewhere: noticed however it comes, told once, quiet once it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import pytest

from tests.replica.conftest import Clock
from tests.replica.replicas import database, rows
from tests.seeds import NOW, make_record, owner, signed, stranger_ops, written
from tui_registry.crdt import sign_rm, sign_up
from tui_registry.datastore import Datastore, Head

ME = owner("me")


@pytest.fixture
def mine(datastore: Datastore) -> Datastore:
    datastore.key.replace(ME)
    return datastore


@contextmanager
def copy_of(datastore: Datastore, folder: Path) -> Iterator[Datastore]:
    """The same replica once more, as a backup or another device has it: with its key."""
    copytree(datastore.data_dir, folder)
    with Datastore.open(folder, clock=lambda: NOW + 60) as there:
        yield there


def everything_of(datastore: Datastore) -> list[bytes]:
    return datastore.log.lines(0, datastore.log.head().size)


def test_what_is_written_here_or_by_others_is_not_told(mine: Datastore) -> None:
    key = mine.add("model", make_record("model", "mine")).key
    written(mine, key, None)
    report = mine.apply([op.to_json() for op in stranger_ops(3)], source="hub")
    assert (report.applied, report.elsewhere) == (3, 0)
    # One's own operations come back from every peer: they are known.
    report = mine.apply(everything_of(mine), source="hub")
    assert (report.applied, report.elsewhere, mine.elsewhere.count()) == (0, 0, 0)


def by_pull(datastore: Datastore, lines: list[bytes]) -> int:
    datastore.peers.add("hub", "http://127.0.0.1:1")
    cursor = datastore.peers.begin_pull("hub", Head("e" * 32, len(lines), "0" * 64, owner("hub").address))
    report, _ = datastore.peers.store_entries("hub", cursor, datastore.log.check_lines(lines, 0))
    return report.elsewhere


def by_file(datastore: Datastore, lines: list[bytes]) -> int:
    return datastore.apply(lines, source="file").elsewhere


def by_push(datastore: Datastore, lines: list[bytes]) -> int:
    return datastore.apply(lines, source="push:10.0.0.7", keep_pending=False).elsewhere


def by_waiting(datastore: Datastore, lines: list[bytes]) -> int:
    """Each before the one that it builds upon, and by itself."""
    return sum(datastore.apply([line], source="hub").elsewhere for line in reversed(lines))


@pytest.mark.parametrize("way", [by_pull, by_file, by_push, by_waiting])
def test_however_it_comes_it_is_counted_and_listed(
    mine: Datastore, way: Callable[[Datastore, list[bytes]], int]
) -> None:
    root = signed(ME, "model", "elsewhere")
    assert root.record is not None
    edit = sign_up(ME, "model", {**root.record, "version": "2.0.0"}, children=[root.hash], clock=2)
    assert way(mine, [root.to_json(), edit.to_json()]) == 2
    found = mine.log.operations_at(mine.elsewhere.places())
    assert [op.hash for op in found] == [edit.hash, root.hash]
    assert all(op.mine and op.source for op in found)
    assert (mine.elsewhere.count(), mine.elsewhere.untold()) == (2, 2)


def test_it_is_told_once_before_a_write_and_until_its_owner_knows_of_it(mine: Datastore) -> None:
    first, second = signed(ME, "model", "first"), signed(ME, "agent", "second")
    mine.apply([first.to_json()], source="hub")
    mine.elsewhere.told()
    assert (mine.elsewhere.count(), mine.elsewhere.untold()) == (1, 0)
    mine.apply([second.to_json()], source="hub")
    assert (mine.elsewhere.count(), mine.elsewhere.untold()) == (2, 1)
    # What came after the list was shown is not acknowledged with it.
    assert mine.elsewhere.acknowledge(1) == 1
    assert (mine.elsewhere.places(), mine.elsewhere.places(known=True)) == ([1], [1, 0])
    assert mine.elsewhere.acknowledge() == 1
    assert mine.elsewhere.acknowledge() == 0
    assert (mine.elsewhere.count(), mine.elsewhere.untold(), mine.elsewhere.touched()) == (0, 0, [])


def test_a_replica_put_back_to_an_older_copy_is_told_of_what_it_wrote_since(mine: Datastore, tmp_path: Path) -> None:
    """And of what became of its records by it: one that was deleted came back, another version won."""
    back = mine.add("model", make_record("model", "back")).key
    other = mine.add("model", make_record("model", "other")).key
    gone = mine.add("agent", make_record("agent", "gone")).key
    same = mine.add("model", make_record("model", "same")).key
    kept = mine.add("model", make_record("model", "kept")).key
    with copy_of(mine, tmp_path / "backup") as backup:
        # Since the backup was made:
        for key in (back, other, kept):
            entry = mine.entry(key)
            assert entry is not None
            written(mine, key, {**entry.record, "version": "2.0.0"})
        entry = mine.entry(other)
        assert entry is not None
        written(mine, other, {**entry.record, "version": "3.0.0"})
        written(mine, gone, None)
        fresh = mine.add("model", make_record("model", "fresh")).key
        # And then the backup was put back, and written on.
        written(backup, back, None)
        entry = backup.entry(other)
        assert entry is not None
        written(backup, other, {**entry.record, "version": "1.5.0"})
        for version in ("1.5.0", "1.6.0"):
            entry = backup.entry(kept)
            assert entry is not None
            written(backup, kept, {**entry.record, "version": version})
        written(backup, same, None)
        report = backup.apply(everything_of(mine), source="hub")
        assert report.elsewhere == backup.elsewhere.count() == 6
        assert {(touched.id, touched.name, touched.became) for touched in backup.elsewhere.touched()} == {
            (back, "back", "came back"),
            (other, "other", "another version"),
            (gone, "gone", "deleted"),
            (kept, "kept", "in conflict"),
            (fresh, "fresh", "new"),
        }


def test_an_edit_from_another_device_is_a_change(mine: Datastore, tmp_path: Path) -> None:
    key = mine.add("model", make_record("model", "mine")).key
    with copy_of(mine, tmp_path / "laptop") as laptop:
        entry = laptop.entry(key)
        assert entry is not None
        written(laptop, key, {**entry.record, "version": "2.0.0"})
        mine.apply(everything_of(laptop), source="laptop")
    assert [(touched.id, touched.became) for touched in mine.elsewhere.touched()] == [(key, "changed")]


def test_what_was_written_here_since_is_not_said_to_be_from_elsewhere(mine: Datastore, tmp_path: Path) -> None:
    keys = [mine.add("model", make_record("model", name)).key for name in ("edited", "deleted", "left")]
    with copy_of(mine, tmp_path / "laptop") as laptop:
        for key in keys:
            entry = laptop.entry(key)
            assert entry is not None
            written(laptop, key, {**entry.record, "version": "2.0.0"})
        mine.apply(everything_of(laptop), source="laptop")
        assert {touched.became for touched in mine.elsewhere.touched()} == {"changed"}
        entry = mine.entry(keys[0])
        assert entry is not None
        written(mine, keys[0], {**entry.record, "version": "3.0.0"})
        written(mine, keys[1], None)
        assert [(touched.id, touched.became) for touched in mine.elsewhere.touched()] == [(keys[2], "changed")]
        # Only what those did that stand behind a place.
        written(laptop, keys[2], None)
        place = mine.log.head().size
        mine.apply(everything_of(laptop), source="laptop")
        assert [(touched.id, touched.became) for touched in mine.elsewhere.touched(since=place)] == [
            (keys[2], "deleted")
        ]
        assert mine.elsewhere.touched(since=place + 1) == []


def test_whoever_brings_a_key_here_knows_where_it_was_before(mine: Datastore) -> None:
    other = owner("another")
    mine.apply([signed(ME, "model", "mine").to_json(), signed(other, "model", "other").to_json()], source="hub")
    assert mine.elsewhere.count() == 1
    mine.key.replace(other)
    assert mine.elsewhere.count() == 0
    mine.apply([signed(other, "agent", "later").to_json()], source="hub")
    assert mine.elsewhere.count() == 1


def test_a_repair_of_the_log_leaves_them_as_they_were(mine: Datastore, clock: Clock) -> None:
    ops = [signed(ME, "model", name) for name in ("spoilt", "known", "told", "untold")]
    mine.apply([ops[0].to_json(), ops[1].to_json()], source="hub")
    mine.elsewhere.acknowledge()
    mine.apply([ops[2].to_json()], source="hub")
    mine.elsewhere.told()
    here = mine.add("model", make_record("model", "written here"))
    mine.apply([ops[3].to_json()], source="hub")
    with database(mine) as db:
        db.execute("UPDATE ops SET body = 'x' WHERE idx = 0")
    assert not mine.verify().sound
    assert rows(mine, "SELECT idx, state FROM elsewhere ORDER BY idx") == [(0, 2), (1, 1), (3, 0)]
    assert [op.hash for op in mine.log.operations_at(mine.elsewhere.places())] == [ops[3].hash, ops[2].hash]
    assert mine.log.operations_at([2])[0].hash == here.hash


def test_a_removal_from_elsewhere_of_what_was_never_here_changes_nothing(mine: Datastore) -> None:
    root = signed(ME, "model", "short")
    removal = sign_rm(ME, "model", root.key, children=[root.hash], clock=2, updated_at=NOW)
    mine.apply([root.to_json(), removal.to_json()], source="hub")
    assert (mine.elsewhere.count(), mine.elsewhere.touched()) == (2, [])
