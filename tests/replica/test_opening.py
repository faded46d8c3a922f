"""Opening: never a replay, and whatever is no replica of ours is told in words and left as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import places
from tests.replica.replicas import database, rows, vocabulary
from tests.seeds import NOW, make_record, seed
from tui_registry.datastore import DATABASE, Datastore, StoreError
from tui_registry.replica.store.tables import APPLICATION_ID, SCHEMA_VERSION, VERSIONS

# Not copies of one: how they are made is what is tested.
MAKES_REPLICAS = True


def refused(folder: Path) -> str:
    """The code with which opening ends; the sentence names the place."""
    with pytest.raises(StoreError) as raised:
        Datastore.open(folder)
    assert str(folder) in raised.value.sentence
    assert "sqlite" not in raised.value.sentence.replace(DATABASE, "").lower()
    return raised.value.code


def sound_replica(folder: Path) -> Path:
    """A replica with a few records, closed; gives the file."""
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        seed(datastore, 6)
        datastore.add("model", make_record("model", "mine"))
    return folder / DATABASE


# ---- no replay -----------------------------------------------------------------------------------------------------


def test_opening_never_replays_the_log(tmp_path: Path) -> None:
    """Every op's bytes are garbage: who read them would notice."""
    sound_replica(tmp_path)
    connection = sqlite3.connect(tmp_path / DATABASE)
    with connection:
        connection.execute("UPDATE ops SET body = x'00ff'")
    connection.close()
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        assert len(datastore.search().rows) == 7
        assert [row.name for row in datastore.search("mine").rows] == ["mine"]
        assert datastore.stats().ops == datastore.log.head().size == 7


def test_the_schema_version_is_the_number_of_steps_that_lead_to_it(tmp_path: Path) -> None:
    assert len(VERSIONS) == SCHEMA_VERSION
    Datastore.open(tmp_path).close()
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        seed(datastore, 6)
        before = datastore.stats(), datastore.log.head(), datastore.search().rows
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        assert (datastore.stats(), datastore.log.head(), datastore.search().rows) == before


def test_the_epoch_is_random_and_made_with_the_database(tmp_path: Path) -> None:
    epochs = []
    for name in ("one", "two"):
        with Datastore.open(tmp_path / name) as datastore:
            epochs.append(datastore.log.head().epoch)
        with Datastore.open(tmp_path / name) as datastore:
            assert datastore.log.head().epoch == epochs[-1]
    assert len(set(epochs)) == 2
    assert all(len(epoch) == 32 and not epoch.strip("0123456789abcdef") for epoch in epochs)


def test_a_closed_datastore_says_so(tmp_path: Path) -> None:
    datastore = Datastore.open(tmp_path)
    datastore.close()
    datastore.close()
    with pytest.raises(StoreError):
        datastore.stats()
    with pytest.raises(StoreError):
        datastore.add("model", make_record("model", "x"))


# ---- files that are none of ours -----------------------------------------------------------------------------------


def test_a_newer_schema_is_told_and_left_untouched(tmp_path: Path) -> None:
    path = sound_replica(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    before = path.read_bytes()
    assert refused(tmp_path) == "newer_schema"
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1, 99])
def test_another_programs_database_is_told_and_left_untouched(tmp_path: Path, version: int) -> None:
    path = tmp_path / DATABASE
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE replica (notes TEXT)")
    connection.execute("INSERT INTO replica VALUES ('precious')")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert refused(tmp_path) == "not_a_replica"
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [DATABASE]


@pytest.mark.parametrize(
    "content", [b"hello, I am a text file\n" * 100, b"\0" * 5_000, b"SQLite format 3\0" + b"\xff" * 4_080, b"xy"]
)
def test_a_garbage_file_is_told_and_left_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / DATABASE
    path.write_bytes(content)
    assert refused(tmp_path) in {"not_a_replica", "corrupt"}
    assert path.read_bytes() == content


def test_a_zero_length_file_is_what_a_first_start_that_died_leaves_and_becomes_a_replica(tmp_path: Path) -> None:
    (tmp_path / DATABASE).touch()
    with Datastore.open(tmp_path) as datastore:
        datastore.add("model", make_record("model", "x"))
        assert datastore.verify().sound


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_file_cut_short_is_told_at_the_latest_when_it_is_read(tmp_path: Path, keep: float) -> None:
    path = sound_replica(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(StoreError) as raised, Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        datastore.search()
        datastore.verify()
    assert raised.value.code == "corrupt"


def test_a_database_of_ours_without_its_tables_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / DATABASE
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("CREATE TABLE something (a)")
    connection.close()
    before = path.read_bytes()
    assert refused(tmp_path) == "corrupt"
    assert path.read_bytes() == before


def test_a_database_of_ours_without_its_row_of_facts_is_corrupt(tmp_path: Path) -> None:
    path = sound_replica(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM replica")
    connection.commit()
    connection.close()
    assert refused(tmp_path) == "corrupt"


def test_a_folder_where_the_file_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    assert refused(tmp_path) == "unusable"


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert refused(tmp_path / "file") == "unusable"


def test_a_stranger_in_the_schema_runs_no_code(tmp_path: Path) -> None:
    """A trigger that a prepared database brings along may call no function that could reach outside."""
    path = sound_replica(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TRIGGER bad AFTER INSERT ON ops BEGIN SELECT fts5_source_id(); END")
    connection.commit()
    connection.close()
    with Datastore.open(tmp_path) as datastore, datastore._pool.read() as db:
        assert db.execute("PRAGMA trusted_schema").fetchone() == (0,)


# ---- places that cannot be written ---------------------------------------------------------------------------------


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A sound replica in a folder that nobody can write: by its mode, or as root by a read-only mount."""
    folder = tmp_path / "fixed"
    sound_replica(folder)
    with places.read_only(folder) as place:
        yield place


def test_a_folder_that_cannot_be_written_is_told(read_only: Path) -> None:
    before = (read_only / DATABASE).read_bytes()
    with pytest.raises(StoreError) as raised, Datastore.open(read_only) as datastore:
        datastore.add("model", make_record("model", "x"))
    assert raised.value.code == "read_only"
    assert (read_only / DATABASE).read_bytes() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes: an empty replica, with its `-wal`, takes more than one."""
    with places.small_disk(tmp_path / "small", "2048k") as folder:
        yield folder


def filled(datastore: Datastore) -> tuple[str, int]:
    """Large records added until one is refused: with which code, and how many were acknowledged before."""
    for number in range(1_000):
        try:
            datastore.add("model", make_record("model", f"n {number}", description="d" * 9_000))
        except StoreError as error:
            return error.code, number
    return "", 1_000


def test_a_full_disk_is_told_and_nothing_is_written(small_disk: Path) -> None:
    with Datastore.open(small_disk, clock=lambda: NOW) as datastore:
        key = datastore.add("model", make_record("model", "before")).key
        code, count = filled(datastore)
        assert (code, datastore.stats().records) == ("disk_full", 1 + count)
        assert datastore.entry(key) is not None
    with Datastore.open(small_disk, clock=lambda: NOW) as datastore:
        assert datastore.stats().records == 1 + count
        assert rows(datastore, "PRAGMA integrity_check") == [("ok",)]


def test_a_database_at_its_size_limit_is_told_as_a_full_disk_and_nothing_is_written(datastore: Datastore) -> None:
    """The same without mounting: SQLite's own limit, on the writer's connection."""
    datastore.add("model", make_record("model", "before"))
    with datastore._pool.write() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 2}")
    code, count = filled(datastore)
    assert code == "disk_full"
    assert datastore.stats().records == len(datastore.search(limit=1000).rows) == datastore.log.head().size == 1 + count
    with datastore._pool.write() as db:
        db.execute("PRAGMA max_page_count = 1073741823")
    datastore.add("model", make_record("model", "after"))
    assert datastore.verify().sound


def test_a_database_that_another_holds_is_told_as_locked(datastore: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    datastore.add("model", make_record("model", "before"))
    with datastore._pool.write() as db:
        db.execute("SELECT 1")
    assert datastore._pool._writer is not None
    datastore._pool._writer.execute("PRAGMA busy_timeout = 1")
    other = database(datastore)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreError) as raised:
            datastore.add("model", make_record("model", "x"))
        assert raised.value.code == "locked"
        assert datastore.stats().records == 1
    finally:
        other.execute("ROLLBACK")
        other.close()
    datastore.add("model", make_record("model", "x"))
    assert datastore.stats().records == 2


# ---- versions ------------------------------------------------------------------------------------------------------


def test_remembered_rejections_fall_with_the_rules_and_words_are_made_anew_with_the_index(tmp_path: Path) -> None:
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        seed(datastore, 6)
        datastore.apply([b"nonsense"], source="someone")
        assert datastore.stats().rejected == 1
        words = vocabulary(datastore)
        other = database(datastore)
        other.execute("UPDATE replica SET rules_version = 0, index_version = 0")
        other.execute("INSERT INTO words (words) VALUES ('delete-all')")
        other.close()
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        assert datastore.stats().rejected == 0
        assert vocabulary(datastore) == words
        assert datastore.verify().sound
