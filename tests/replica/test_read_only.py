"""A replica where nothing can be written is read all the same, as far as that is safe; and a write says why it is not
made. Disks and users are real, and so are the processes that write meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.places import ONE, OTHER, as_user, fill, folder_for_all, owned_by, read_only, small_disk
from tests.replica.test_released import left_by
from tests.seeds import NOW, make_record, seed
from tui_registry.datastore import DATABASE, Datastore, StoreError

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six records of a stranger and one of this replica's own; closed."""
    folder = tmp_path_factory.mktemp("whole")
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        seed(datastore, 6)
        datastore.add("model", make_record("model", "mine"))
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A replica of its own for each test."""
    return Path(shutil.copytree(whole, tmp_path / "replica"))


@pytest.fixture
def fixed(folder: Path) -> Iterator[Path]:
    """The same where nobody can write it."""
    with read_only(folder) as place:
        yield place


def left_hot(folder: Path) -> None:
    """Write a record, and leave the folder as a copy of it would be while the program runs: what was written last
    stands in the `-wal` alone, and the files that processes share are not there."""
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        datastore.add("model", make_record("model", "hot"))
        kept = {end: Path(f"{folder / DATABASE}{end}").read_bytes() for end in ("", "-wal")}
        assert kept["-wal"]
    for end, data in kept.items():
        Path(f"{folder / DATABASE}{end}").write_bytes(data)


def names(datastore: Datastore, query: str = "") -> set[str]:
    return {row.name for row in datastore.search(query).rows}


def refusal(datastore: Datastore) -> StoreError:
    """Why a write is refused; nothing changed by it."""
    before = datastore.log.head()
    with pytest.raises(StoreError) as raised:
        datastore.add("model", make_record("model", "x"))
    assert datastore.log.head() == before
    return raised.value


class Process:
    """Another process with the replica open, as another user where one is named; it does what it is told."""

    CODE = """
import json, sys
from tui_registry.datastore import Datastore, StoreError
from tests.seeds import make_record
with_names = lambda d: sorted(row.name for row in d.search().rows)
d = None
for line in sys.stdin:
    do, argument = json.loads(line)
    try:
        if do == "open":
            d = Datastore.open(argument); said = d.why_read_only
        elif do == "names":
            said = with_names(d)
        elif do == "add":
            d.add("model", make_record("model", argument)); said = "added"
        elif do == "close":
            d.close(); said = "closed"
    except StoreError as error:
        said = [error.code, error.sentence]
    print(json.dumps(said), flush=True)
"""

    def __init__(self, user: int | None = None) -> None:
        self.process = subprocess.Popen(
            [*([] if user is None else as_user(user)), sys.executable, "-B", "-c", self.CODE],
            cwd=REPO,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPO), "HOME": "/nowhere"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, what: str, argument: str | Path = "") -> object:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([what, str(argument)]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


# ---- nothing can be written ----------------------------------------------------------------------------------------


def test_a_replica_that_cannot_be_written_is_listed_searched_and_shown(fixed: Path) -> None:
    files = {path: path.read_bytes() for path in fixed.iterdir()}
    with Datastore.open(fixed, clock=lambda: NOW) as datastore:
        assert len(names(datastore)) == 7
        assert names(datastore, "mine") == {"mine"}
        (row,) = datastore.search("is:mine").rows
        entry = datastore.entry(row.id)
        assert entry is not None
        assert entry.mine
        assert len(datastore.log.lines(0, 100)) == datastore.log.head().size == 7
        assert datastore.key.identity().address == datastore.address == entry.record["owner_id"]
        assert datastore.why_read_only
    assert {path: path.read_bytes() for path in fixed.iterdir()} == files


def test_a_write_there_says_why_not_and_what_to_do(fixed: Path) -> None:
    with Datastore.open(fixed, clock=lambda: NOW) as datastore:
        error = refusal(datastore)
        assert error.code == "read_only"
        assert str(fixed / DATABASE) in error.sentence
        assert datastore.why_read_only in error.sentence
        assert "Copy its folder to where you may write" in error.sentence
        with pytest.raises(StoreError, match="can only be read"):
            datastore.key.replace()
        with pytest.raises(StoreError, match="can only be read"):
            datastore.searches.remember("llama")


def test_what_a_wal_holds_is_read_where_the_files_that_share_it_cannot_be_made(folder: Path) -> None:
    """Such as a folder that was copied to a DVD while the program ran: read without it, the last writes would lack."""
    left_hot(folder)
    with read_only(folder) as place, Datastore.open(place, clock=lambda: NOW) as datastore:
        assert "hot" in names(datastore)
        assert datastore.verify().sound
        assert refusal(datastore).code == "read_only"
        assert not Path(f"{place / DATABASE}-shm").exists()


def test_a_transaction_that_was_not_ended_is_not_read_as_if_it_was(folder: Path) -> None:
    """A database that keeps no WAL, cut off within a write: its journal would have to be played back first."""
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE ops SET body = zeroblob(9000)")
        db.execute("UPDATE catalogue SET name = 'half'")
        kept = {end: Path(f"{folder / DATABASE}{end}").read_bytes() for end in ("", "-journal")}
        db.execute("ROLLBACK")
    for end, data in kept.items():
        Path(f"{folder / DATABASE}{end}").write_bytes(data)
    with read_only(folder) as place, pytest.raises(StoreError) as raised:
        Datastore.open(place, clock=lambda: NOW)
    assert raised.value.code in ("read_only", "unusable")


def test_looking_makes_no_key_and_a_replica_without_one_says_so(folder: Path) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("UPDATE replica SET address = ''")
    (folder / "identity.key").unlink()
    with read_only(folder) as place, Datastore.open(place, clock=lambda: NOW) as datastore:
        assert datastore.address == datastore.log.head().node == "0" * 40
        assert datastore.key.known == ""
        with pytest.raises(StoreError, match="can only be read"):
            datastore.key.identity()
        assert not (place / "identity.key").exists()


def test_an_older_schema_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with read_only(left_by(1, tmp_path / "left")) as place, pytest.raises(StoreError) as raised:
        Datastore.open(place)
    assert raised.value.code == "read_only"
    for part in (str(place / DATABASE), "earlier version", "schema 1", "Copy its folder"):
        assert part in raised.value.sentence


def test_no_replica_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with read_only(tmp_path / "none") as place:
        with pytest.raises(StoreError) as raised:
            Datastore.open(place)
        assert raised.value.code == "read_only"
        assert f"there is no replica in {place}" in raised.value.sentence


def test_a_replica_is_verified_there_and_nothing_is_repaired(folder: Path) -> None:
    with read_only(folder) as place, Datastore.open(place, clock=lambda: NOW) as datastore:
        report = datastore.verify()
        assert (report.sound, report.ops, report.records) == (True, 7, 7)
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("UPDATE replica SET conflicts = 5")
        db.execute("UPDATE catalogue SET name = 'another' WHERE rid = 1")
    with read_only(folder.rename(folder.with_name("spoilt"))) as place, Datastore.open(place) as datastore:
        report = datastore.verify()
        assert not report.sound
        assert report.repaired == []
        assert report.unrepaired == ["1 catalogue rows were wrong", "the counters were wrong"]
        assert datastore.stats().conflicts == 5
    with Datastore.open(place.with_name("spoilt")) as datastore:
        assert len(datastore.verify().repaired) == 2


def test_an_older_copy_of_a_log_that_others_were_given_is_not_given_to_them(folder: Path, tmp_path: Path) -> None:
    """It needs another epoch first, which cannot be written; it is read all the same."""
    older = Path(shutil.copytree(folder, tmp_path / "older"))
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        datastore.add("model", make_record("model", "later"))
        datastore.mark.share()
    with read_only(older) as place, Datastore.open(place, clock=lambda: NOW) as datastore:
        assert datastore.mark.restored() is not None
        with pytest.raises(
            StoreError, match=r"needs another epoch .* others were given another log .* can only be read"
        ):
            datastore.mark.share()
        assert len(names(datastore)) == 7
    with read_only(folder) as place, Datastore.open(place, clock=lambda: NOW) as datastore:
        assert not datastore.mark.share().renewed


def test_an_index_that_cannot_be_made_anew_is_told(folder: Path) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("UPDATE replica SET index_version = 1")
    with read_only(folder) as place, Datastore.open(place, clock=lambda: NOW) as datastore:
        assert names(datastore, "mine") == {"mine"}
        assert any("another version" in note for note in datastore.search("mine").notes)
        assert datastore.search().notes == ()
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("UPDATE search_state SET floor = 4, top = 8")
    with read_only(folder.rename(folder.with_name("half"))) as place, Datastore.open(place) as datastore:
        assert "search is not whole, and nothing can be written" in datastore.search("mine").notes[0]


def test_who_asks_for_it_writes_nothing(folder: Path) -> None:
    with Datastore.open(folder, clock=lambda: NOW, read_only=True) as datastore:
        assert len(names(datastore)) == 7
        assert refusal(datastore).code == "read_only"
        with Datastore.open(folder, clock=lambda: NOW) as other:
            other.add("model", make_record("model", "other"))
        assert "other" in names(datastore)
    # Nothing is left beside it, as it would be of one who may not write.
    assert {path.name for path in folder.iterdir()} == {DATABASE, "identity.key"}
    with pytest.raises(StoreError, match="there is no replica"):
        Datastore.open(folder / "none", read_only=True)
    assert not (folder / "none").exists()


def test_a_file_of_another_user_beside_the_database_is_named(whole: Path) -> None:
    """As `sudo` leaves one."""
    with folder_for_all() as place:
        folder = owned_by(ONE, Path(shutil.copytree(whole, place / "replica")))
        with Process(ONE) as owner:
            assert owner.do("open", folder) == ""
            assert owner.do("names")
            shared = Path(f"{folder / DATABASE}-shm")
            os.chown(shared, 0, 0)
            shared.chmod(0o644)
            with Process(ONE) as second:
                assert second.do("open", folder) == f"this user may not write {shared}"
                assert second.do("names") == owner.do("names")


# ---- others write --------------------------------------------------------------------------------------------------


def test_what_is_written_elsewhere_to_a_folder_that_is_mounted_read_only_here_is_seen(folder: Path) -> None:
    """As in a container that only reads what its host writes: nobody has the replica open at first, then somebody has,
    then nobody again."""
    with read_only(folder) as place, Datastore.open(place, clock=lambda: NOW) as reader:
        if place == folder:
            pytest.skip("only root can mount")
        assert len(names(reader)) == 7
        before = reader.changes()
        assert reader.changes() == before
        with Process() as writer:
            assert writer.do("open", folder) == ""
            for number in range(3):
                assert writer.do("add", f"late {number}") == "added"
                assert f"late {number}" in names(reader)
                assert reader.changes() != before
                before = reader.changes()
            writer.do("close")
        assert len(names(reader)) == 10
        assert reader.verify().sound
        assert refusal(reader).code == "read_only"


def test_an_answer_that_was_read_while_another_process_wrote_is_not_given(folder: Path) -> None:
    with read_only(folder) as place, Datastore.open(place, clock=lambda: NOW) as reader:
        if place == folder:
            pytest.skip("only root can mount")
        with Process() as writer:
            with pytest.raises(StoreError) as raised, reader._pool.read() as db:
                assert db.execute("SELECT size FROM replica").fetchone() == (7,)
                writer.do("open", folder)
                assert writer.do("add", "late") == "added"
            assert raised.value.code == "locked"
            assert "late" in names(reader)


def test_another_users_folder_is_read_along_with_its_owner_and_never_without(whole: Path) -> None:
    """SQLite's files for sharing are there as long as the owner has the replica open. Without them the owner could
    write at any moment, and nobody would notice: that is refused, and said."""
    with folder_for_all() as place:
        folder = owned_by(ONE, Path(shutil.copytree(whole, place / "replica")))
        (folder / "identity.key").chmod(0o600)
        with Process(ONE) as owner, Process(OTHER) as reader:
            said = reader.do("open", folder)
            assert isinstance(said, list)
            assert said[0] == "read_only"
            assert "cannot be read where it is" in said[1]
            assert owner.do("open", folder) == ""
            assert owner.do("add", "first") == "added"
            assert reader.do("open", folder) == "this user may not write the file"
            listed = reader.do("names")
            assert isinstance(listed, list)
            assert "first" in listed
            assert owner.do("add", "second") == "added"
            listed = reader.do("names")
            assert isinstance(listed, list)
            assert "second" in listed
            refused = reader.do("add", "mine too")
            assert isinstance(refused, list)
            assert refused[0] == "read_only"
            assert str(folder / DATABASE) in refused[1]
            owner.do("close")
            assert reader.do("names") == listed


def test_who_has_begun_to_read_along_reads_on_when_the_owner_has_gone(whole: Path) -> None:
    """Also where nothing was asked before that."""
    with folder_for_all() as place:
        folder = owned_by(ONE, Path(shutil.copytree(whole, place / "replica")))
        with Process(ONE) as owner, Process(OTHER) as reader:
            assert owner.do("open", folder) == ""
            assert owner.do("add", "first") == "added"
            assert reader.do("open", folder) == "this user may not write the file"
            owner.do("close")
            listed = reader.do("names")
            assert isinstance(listed, list)
            assert "first" in listed
            # And whoever comes back is seen.
            assert owner.do("open", folder) == ""
            assert owner.do("add", "second") == "added"
            listed = reader.do("names")
            assert isinstance(listed, list)
            assert "second" in listed


def test_who_may_not_write_a_database_leaves_no_files_beside_it(whole: Path) -> None:
    """They would belong to the reader, and keep its owner from writing."""
    with folder_for_all() as place:
        folder = owned_by(ONE, Path(shutil.copytree(whole, place / "replica")), 0o777)
        before = {*folder.iterdir()}
        with Process(OTHER) as reader, Process(ONE) as owner:
            said = reader.do("open", folder)
            assert isinstance(said, list)
            assert said[0] == "read_only"
            assert {*folder.iterdir()} == before
            assert owner.do("open", folder) == ""
            assert owner.do("add", "first") == "added"


def test_a_folder_that_only_root_can_write_is_read_by_everybody(whole: Path) -> None:
    with folder_for_all() as place:
        folder = owned_by(0, Path(shutil.copytree(whole, place / "replica")))
        with Process(OTHER) as reader:
            assert reader.do("open", folder) == "this user may not write the file"
            listed = reader.do("names")
            assert isinstance(listed, list)
            assert len(listed) == 7


# ---- a full disk ---------------------------------------------------------------------------------------------------


def test_a_full_disk_keeps_nobody_from_looking_and_what_makes_room_mends_it(whole: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        folder = Path(shutil.copytree(whole, disk / "replica"))
        ballast = fill(disk)
        with Datastore.open(folder, clock=lambda: NOW) as datastore:
            assert len(names(datastore)) == 7
            assert names(datastore, "mine") == {"mine"}
            assert datastore.verify().sound
            assert datastore.why_read_only == "its disk is full"
            error = refusal(datastore)
            assert error.code == "disk_full"
            assert str(folder) in error.sentence
            assert "Make room and try again" in error.sentence
            ballast.unlink()
            datastore.add("model", make_record("model", "after"))
            assert datastore.why_read_only == ""
            assert "after" in names(datastore)
            assert datastore.verify().sound


def test_what_a_wal_holds_is_read_from_a_full_disk(folder: Path, tmp_path: Path) -> None:
    left_hot(folder)
    with small_disk(tmp_path / "small") as disk:
        there = Path(shutil.copytree(folder, disk / "replica"))
        fill(disk)
        with Datastore.open(there, clock=lambda: NOW) as datastore:
            assert "hot" in names(datastore)
            assert refusal(datastore).code == "disk_full"


def test_what_verifying_finds_on_a_full_disk_is_repaired_once_there_is_room(whole: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "2m") as disk:
        folder = Path(shutil.copytree(whole, disk / "replica"))
        with closing(sqlite3.connect(folder / DATABASE)) as db, db:
            db.execute("UPDATE replica SET conflicts = 5")
        ballast = fill(disk)
        with Datastore.open(folder, clock=lambda: NOW) as datastore:
            report = datastore.verify()
            assert (report.unrepaired, report.repaired) == (["the counters were wrong"], [])
            assert report.unwritable == "its disk is full"
            ballast.unlink()
            assert datastore.verify().repaired == ["the counters were wrong and were counted anew"]
            assert datastore.verify().sound
