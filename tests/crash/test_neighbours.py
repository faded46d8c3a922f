"""Other processes on the same replica that are killed, or that do not let go."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.crash.checks import indexed_words
from tests.crash.places import REPLICA
from tests.replica.programs import Program
from tests.replica.replicas import rows
from tests.seeds import make_record
from tui_registry.datastore import Datastore, StoreError
from tui_registry.replica.store import connection

# Writes until it is told to stop: adds a record, edits it, says both hashes when the calls have returned.
WRITES_ON = """
import sys
from tests.seeds import make_record
from tui_registry.datastore import Datastore
with Datastore.open(sys.argv[1]) as datastore:
    for number in range(int(sys.argv[3])):
        op = datastore.add("model", make_record("model", f"{sys.argv[2]} {number}"))
        print(op.hash, flush=True)
        edited = {**op.record, "description": "edited"}
        print(datastore.update("model", op.key, edited, [op.hash]).hash, flush=True)
print("done", flush=True)
"""

HOLDS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN " + sys.argv[2])
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("let go", flush=True)
sys.stdin.readline()
"""


def neighbours_of_the_killed(folder: Path, processes: int, seed: int) -> None:
    """So many processes write one replica; one is killed in the middle, the others go on to their end."""
    random = Random(seed)
    Datastore.open(folder).close()
    programs = [Program(WRITES_ON, folder, f"p{number}", 8) for number in range(processes)]
    try:
        victim = random.randrange(processes)
        acknowledged = [programs[victim].says() for _ in range(random.randint(1, 12))]
        programs[victim].kill()
        stdout = programs[victim].process.stdout
        assert stdout is not None
        acknowledged += stdout.read().split()
        for number, program in enumerate(programs):
            if number != victim:
                while (line := program.says()) != "done":
                    assert len(line) == 64, f"process {number} failed beside a killed one"
                    acknowledged.append(line)
                assert program.ends() == 0
    finally:
        for program in programs:
            program.__exit__(None, None, None)
    with Datastore.open(folder) as datastore:
        assert rows(datastore, "PRAGMA integrity_check") == [("ok",)]
        stored = {digest.hex() for (digest,) in rows(datastore, "SELECT hash FROM ops")}  # type: ignore[attr-defined]
        # The victim's last line may be cut by the kill itself.
        assert {digest for digest in acknowledged if len(digest) == 64} <= stored
        words = indexed_words(folder.parent)
        assert datastore.verify().sound
        assert indexed_words(folder.parent) == words
        assert datastore.stats().conflicts == 0


@pytest.mark.parametrize("processes", [2, 4])
def test_a_process_that_is_killed_while_others_write_costs_nobody_anything(tmp_path: Path, processes: int) -> None:
    seed = 7 + processes
    try:
        neighbours_of_the_killed(tmp_path / REPLICA, processes, seed)
    except BaseException as error:
        error.add_note(f"replay: neighbours_of_the_killed(..., {processes}, seed={seed})")
        raise


@pytest.mark.long
@pytest.mark.parametrize("seed", range(40))
def test_many_a_killed_neighbour_costs_nobody_anything(tmp_path: Path, seed: int) -> None:
    neighbours_of_the_killed(tmp_path / REPLICA, 2 + 2 * (seed % 2), seed)


@pytest.fixture
def datastore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Datastore:
    """A replica that soon loses patience."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    return Datastore.open(tmp_path)


@pytest.mark.parametrize("hold", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_database_is_told_in_words_and_written_again_when_it_is_free(datastore: Datastore, hold: str) -> None:
    path = datastore.data_dir / "registry.sqlite3"
    first = datastore.add("model", make_record("model", "before"))
    assert first.record is not None
    with datastore, Program(HOLDS, path, hold) as program:
        assert program.says() == "held"
        for write in (
            lambda: datastore.add("model", make_record("model", "meanwhile")),
            lambda: datastore.update("model", first.key, first.record, [first.hash]),
            lambda: datastore.delete("model", first.key, [first.hash]),
            lambda: datastore.apply([first.body, b"{}"]),
            lambda: datastore.peers.add("lab", "http://10.0.0.7:8420"),
            lambda: list(datastore.add_all([("model", make_record("model", "one of many"))])),
            datastore.verify,
        ):
            with pytest.raises(StoreError) as raised:
                write()
            assert raised.value.code == "locked"
            assert raised.value.sentence == (
                f"{path} is in use by another process that does not let go. Try again when it is done"
            )
        # Readers are never in anybody's way.
        assert datastore.entry(first.key) is not None
        assert datastore.stats().ops == 1
        assert [row.name for row in datastore.search("before").rows] == ["before"]
        program.told("let go")
        assert program.says() == "let go"
        datastore.add("model", make_record("model", "after"))
        assert datastore.stats().records == 2
        assert datastore.verify().sound


def test_the_lock_of_a_killed_process_is_gone_with_it(datastore: Datastore) -> None:
    with datastore, Program(HOLDS, datastore.data_dir / "registry.sqlite3", "IMMEDIATE") as program:
        assert program.says() == "held"
        program.kill()
        datastore.add("model", make_record("model", "after"))
        assert datastore.verify().sound


def test_a_first_start_on_a_locked_database_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr("tui_registry.replica.store.tables.BUSY_SECONDS", 0.05)
    path = tmp_path / "registry.sqlite3"
    with Program(HOLDS, path, "EXCLUSIVE") as program:
        assert program.says() == "held"
        with pytest.raises(StoreError, match="is in use by another process that does not let go") as raised:
            Datastore.open(tmp_path)
        assert raised.value.code == "locked"
        program.told("let go")
        assert program.says() == "let go"
        with Datastore.open(tmp_path) as datastore:
            datastore.add("model", make_record("model", "after"))
