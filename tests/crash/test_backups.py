"""A replica that was put back to an older copy and written on: its log is another one now, under the same epoch."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.crash.conftest import Fresh
from tests.crash.disk import read_journal, said
from tests.crash.nursery import ENDED_BY_SHIM, REFUSED, Nursery
from tests.crash.places import BACKUP, REPLICA
from tests.replica.replicas import rows
from tests.seeds import NOW, make_record, seed
from tui_registry.backup import put_back
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.settings import STATE_DIR_VARIABLE
from tui_registry.sync import publish, pull

BEFORE, LOST = 10, 4
# What the programs of the nursery begin with.
SEEDED = 10


def opened(place: Path, name: str) -> Datastore:
    return Datastore.open(place / name, clock=lambda: NOW)


def write(datastore: Datastore, prefix: str, count: int) -> None:
    for number in range(count):
        datastore.add("model", make_record("model", f"{prefix} {number}"))


def state(datastore: Datastore) -> list[tuple[object, ...]]:
    """What a replica holds and shows, whatever the order in which it came."""
    assert datastore.verify().sound
    catalogue = rows(datastore, "SELECT id, owner, name, version, updated_at, live_heads FROM catalogue ORDER BY id")
    return [*rows(datastore, "SELECT hash, is_head FROM ops ORDER BY hash"), *catalogue]


@pytest.mark.parametrize("written", [1, LOST, LOST + 3], ids=["shorter", "as long", "longer"])
@pytest.mark.parametrize("wiped", [False, True], ids=["published over the old log", "published anew"])
async def test_peers_notice_a_restored_backup_by_the_running_sum_and_converge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int, wiped: bool
) -> None:
    with opened(tmp_path, "a") as a:
        seed(a, BEFORE)
        assert a.address
    shutil.copytree(tmp_path / "a", tmp_path / "backup")
    with opened(tmp_path, "a") as a, opened(tmp_path, "b") as b:
        write(a, "lost", LOST)
        publish(a, tmp_path / "log")
        b.peers.add("a", str(tmp_path / "log"))
        assert (await pull(b, "a")).error is None
        assert state(b) == state(a)
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "backup").rename(tmp_path / "a")
    # On another machine, which has no mark of what was published.
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(tmp_path / "state"))
    if wiped:
        shutil.rmtree(tmp_path / "log")
    with opened(tmp_path, "a") as a, opened(tmp_path, "b") as b:
        write(a, "after", written)
        publish(a, tmp_path / "log")
        result = await pull(b, "a")
        assert result.error is None
        assert result.applied == written
        # Under the same epoch it is the sums that tell.
        assert result.restarted == wiped
        assert b.stats().ops == BEFORE + LOST + written
        publish(b, tmp_path / "log of b")
        a.peers.add("b", str(tmp_path / "log of b"))
        assert (await pull(a, "b")).applied == LOST
        assert state(a) == state(b)
        assert a.log.head().fingerprint == b.log.head().fingerprint
        # And once more, now that nothing is new.
        publish(a, tmp_path / "log")
        assert (await pull(b, "a")).applied == 0
        assert b.peers.get("a").identical


async def test_a_restored_reader_reads_again_what_it_lost(tmp_path: Path) -> None:
    with opened(tmp_path, "a") as a, opened(tmp_path, "b") as b:
        seed(a, BEFORE)
        publish(a, tmp_path / "log")
        b.peers.add("a", str(tmp_path / "log"))
        await pull(b, "a")
    shutil.copytree(tmp_path / "b", tmp_path / "backup")
    with opened(tmp_path, "a") as a, opened(tmp_path, "b") as b:
        write(a, "late", LOST)
        publish(a, tmp_path / "log")
        await pull(b, "a")
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "backup").rename(tmp_path / "b")
    with opened(tmp_path, "a") as a, opened(tmp_path, "b") as b:
        result = await pull(b, "a")
        assert (result.error, result.applied) == (None, LOST)
        assert state(a) == state(b)


async def test_a_copied_replica_that_is_written_on_both_machines_converges_with_its_twin(tmp_path: Path) -> None:
    """The same key and the same epoch on two machines: the writes of both survive, the shared record is a conflict."""
    with opened(tmp_path, "a") as a:
        shared = a.add("model", make_record("model", "shared"))
    shutil.copytree(tmp_path / "a", tmp_path / "twin")
    with opened(tmp_path, "a") as a, opened(tmp_path, "twin") as twin:
        assert shared.record is not None
        for here, name in ((a, "left"), (twin, "right")):
            here.update("model", shared.key, {**shared.record, "description": name}, [shared.hash])
            write(here, name, 2)
        for here, there, log in ((a, twin, "log of twin"), (twin, a, "log of a")):
            publish(there, tmp_path / log)
            here.peers.add("other", str(tmp_path / log))
            assert (await pull(here, "other")).error is None
        assert state(a) == state(twin)
        assert [row.id for row in a.conflicts()] == [shared.key]
        assert a.stats().records == 5


@pytest.mark.parametrize("full", [False, True], ids=["killed", "disk full"])
@pytest.mark.parametrize("program", ["write_backup", "put_backup_back"])
def test_a_backup_is_written_or_put_back_whole_or_not_at_all(
    nursery: Nursery, fresh: Fresh, program: str, full: bool
) -> None:
    base = fresh(program)
    assert nursery.run(program, base / "home", base / "journal").status == 0
    changes = sum(event.what != "!" for event in read_journal(base / "journal"))
    # A few places spread over the whole of it, and the last ones, where things get their names: of those a disk is full
    # at every other one, and a process killed at the rest.
    for at in sorted({*range(1, changes, changes // 4 + 1), *range(max(1, changes - 8 + full), changes + 1, 2)}):
        base = fresh(program)
        home, replica = base / "home", base / "home" / REPLICA
        ended = nursery.run(program, home, base / "journal", at=at, full=full)
        assert ended.status in (0, REFUSED if full else ENDED_BY_SHIM), f"at={at}"
        if ended.status == REFUSED:
            assert "full" in said(read_journal(base / "journal"))[-1]
            assert not [path for path in (*home.iterdir(), *replica.glob("*")) if path.name.startswith(".")]
        if program == "write_backup":
            assert put_back(home / BACKUP, base / "back", None, lambda *_: None).report.sound
        elif (replica / DATABASE).exists():
            # It got its name: then all of it is there, and nobody needs to begin again.
            with opened(home, REPLICA) as datastore:
                assert datastore.stats().ops == SEEDED
                assert datastore.verify().sound
                datastore.key.identity()
            continue
        # The next one does not mind what was left, and takes it away.
        assert nursery.run(program, home, base / "again").status == 0, f"at={at}"
        assert not [path for path in (*home.iterdir(), *replica.iterdir()) if path.name.startswith(".")]
