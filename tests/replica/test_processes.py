"""Several processes on one replica, and processes that die."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replica.programs import Program
from tests.replica.replicas import rows
from tests.seeds import NOW, make_record
from tui_registry.datastore import Datastore

# Adds a record for each line that it is told, and says the id when the call has returned.
ADDS = """
import sys
from tests.seeds import make_record
from tui_registry.datastore import Datastore
with Datastore.open(sys.argv[1]) as datastore:
    print("ready", flush=True)
    for line in sys.stdin:
        print(datastore.add("model", make_record("model", line.strip())).key, flush=True)
"""

# Adds its own records, and edits the shared one, reading it again whenever another was quicker.
WRITES = """
import sys
from tests.seeds import make_record
from tui_registry.datastore import Datastore, StoreError
folder, name, shared, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
with Datastore.open(folder) as datastore:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        datastore.add("model", make_record("model", f"{name} {number}"))
        while True:
            entry = datastore.entry(shared)
            mine = [*entry.record["tags"], f"{name}-{number}"]
            try:
                datastore.update("model", shared, {**entry.record, "tags": mine}, entry.heads)
            except StoreError as error:
                assert error.code == "changed", error.code
                print("again", flush=True)
            else:
                break
print("done", flush=True)
"""

KEEPS_WRITING = """
import sys
from tests.seeds import make_record
from tui_registry.datastore import Datastore
with Datastore.open(sys.argv[1]) as datastore:
    number = 0
    while True:
        print(datastore.add("model", make_record("model", f"record {number}")).hash, flush=True)
        number += 1
"""


def test_an_acknowledged_write_survives_kill_9(tmp_path: Path) -> None:
    with Program(ADDS, tmp_path) as program:
        assert program.says() == "ready"
        program.told("one")
        key = program.says()
        program.kill()
    with Datastore.open(tmp_path) as datastore:
        assert datastore.entry(key) is not None
        assert rows(datastore, "PRAGMA integrity_check") == [("ok",)]
        assert datastore.verify().sound


@pytest.mark.parametrize("lines", [1, 2, 7, 20])
def test_every_acknowledged_write_survives_kill_9_in_the_middle_of_writing(tmp_path: Path, lines: int) -> None:
    with Program(KEEPS_WRITING, tmp_path) as program:
        acknowledged = [program.says() for _ in range(lines)]
        program.kill()  # somewhere inside the next writes
        assert program.process.stdout is not None
        acknowledged += program.process.stdout.read().split()
    with Datastore.open(tmp_path) as datastore:
        assert rows(datastore, "PRAGMA integrity_check") == [("ok",)]
        stored = {digest.hex() for (digest,) in rows(datastore, "SELECT hash FROM ops")}  # type: ignore[attr-defined]
        # The last line may be cut by the kill itself.
        assert {digest for digest in acknowledged if len(digest) == 64} <= stored
        assert datastore.verify().sound


def test_commits_wait_for_the_disk() -> None:
    """The promise of durability stands on `synchronous=FULL` in WAL mode, on every connection."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, Datastore.open(folder) as datastore:
        for borrow in (datastore._pool.read, datastore._pool.write):
            with borrow() as connection:
                assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
                assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_writing_one_replica_at_once_lose_nothing_and_never_fork_by_accident(
    tmp_path: Path, processes: int
) -> None:
    count = 6
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        shared = datastore.add("model", make_record("model", "shared")).key
        programs = [Program(WRITES, tmp_path, f"p{number}", shared, count) for number in range(processes)]
        try:
            for program in programs:
                assert program.says() == "ready"
            for program in programs:
                program.told("go")
            for program in programs:
                while (line := program.says()) != "done":
                    assert line == "again"
                assert program.ends() == 0
        finally:
            for program in programs:
                program.__exit__(None, None, None)
        assert datastore.stats().records == 1 + processes * count
        assert datastore.stats().conflicts == 0
        entry = datastore.entry(shared)
        assert entry is not None
        # No edit swallowed another: each found the tags of all before it.
        assert sorted(map(str, entry.record["tags"])) == sorted(  # type: ignore[arg-type]
            f"p{number}-{at}" for number in range(processes) for at in range(count)
        )
        assert len(entry.heads) == 1
        assert len(datastore.history(shared)) == 1 + processes * count
        assert rows(datastore, "SELECT count(DISTINCT hash), count(*), max(idx) + 1 FROM ops") == [
            (1 + 2 * processes * count,) * 3
        ]
        assert datastore.verify().sound


def test_another_processs_writes_are_seen_and_noticed(datastore: Datastore) -> None:
    before = datastore.changes()
    assert datastore.changes() == before
    with Program(ADDS, datastore.data_dir) as program:
        assert program.says() == "ready"
        program.told("from elsewhere")
        key = program.says()
        assert datastore.changes() != before
        assert datastore.entry(key) is not None
        assert [row.id for row in datastore.search("elsewhere").rows] == [key]
        after = datastore.changes()
        assert program.ends() == 0
    assert datastore.changes() == after


def test_changes_moves_with_writes_of_this_process_too(datastore: Datastore) -> None:
    before = datastore.changes()
    datastore.add("model", make_record("model", "tiny"))
    after = datastore.changes()
    assert after != before
    datastore.search("tiny")
    datastore.stats()
    assert datastore.changes() == after


def test_processes_that_start_on_an_empty_folder_at_once_agree_on_one_key_and_one_epoch(tmp_path: Path) -> None:
    programs = [Program(ADDS, tmp_path / "new") for _ in range(4)]
    try:
        for program in programs:
            program.told("one")
        for program in programs:
            assert program.says() == "ready"
            assert len(program.says()) == 64
            assert program.ends() == 0
    finally:
        for program in programs:
            program.__exit__(None, None, None)
    with Datastore.open(tmp_path / "new") as datastore:
        assert {row.owner for row in datastore.search().rows} == {datastore.address}
        assert datastore.stats().records == 4
        assert datastore.verify().sound


def test_threads_may_share_a_datastore(datastore: Datastore) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def work(number: int) -> tuple[str, int]:
        key = datastore.add("model", make_record("model", f"thread {number}")).key
        assert datastore.entry(key) is not None
        return key, datastore.search("thread").total

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(work, range(24)))
    assert len({key for key, _ in found}) == 24
    assert all(total >= 1 for _, total in found)
    assert datastore.stats().records == 24
    assert datastore.verify().sound
