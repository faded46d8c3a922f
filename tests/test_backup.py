"""A backup and what is put back of it: all that was there, whoever writes meanwhile, and nothing of what strangers add."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.replica.programs import Program
from tests.replica.released.freeze import kept_soon
from tests.seeds import NOW, make_record, seed
from tests.sync.logs import ALICE, BOB, MALLORY, edit, removal, roots, show_two_faces
from tui_registry.backup import BackupError, PutBack, back_up, put_back
from tui_registry.crdt import Identity
from tui_registry.datastore import DATABASE, Datastore, Described, Draft, ImportRun, Ration, StoreError
from tui_registry.errors import Record, RegistryError
from tui_registry.records.schema import defaults
from tui_registry.replica.store.tables import MAKE_WORD_INDEX, set_words_aside
from tui_registry.settings import STATE_DIR_VARIABLE
from tui_registry.sync import publish

Rows = dict[str, list[tuple[object, ...]]]

KEEPS_WRITING = """
import sys
from tests.seeds import make_record
from tui_registry.datastore import Datastore, Draft
with Datastore.open(sys.argv[1]) as datastore:
    number = 0
    while True:
        datastore.drafts.save(Draft(f"{sys.argv[2]} {number}", "model", None, (), {"name": f"draft {number}"}, 0))
        datastore.add("model", make_record("model", f"{sys.argv[2]} {number}"))
        number += 1
        print(number, flush=True)
"""


def spelt(identity: Identity) -> str:
    """In place of a keystore, which takes a while to lock."""
    return identity.secret().hex()


def read(text: str) -> Identity:
    return Identity(bytes.fromhex(text))


def restored(file: Path, folder: Path, unlock: Callable[[str], Identity] | None = read) -> PutBack:
    return put_back(file, folder, unlock, lambda *_: None)


def contents(folder: Path) -> Rows:
    """Every row of every table of a replica, and every word of its indexes, but for the name of its log."""
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        tables = db.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall()
        found = {name: sorted(db.execute(f"SELECT * FROM {name}"), key=repr) for (name,) in tables}
        for index in ("words", "names"):
            db.execute(f"CREATE VIRTUAL TABLE temp.{index}_seen USING fts5vocab(main, {index}, instance)")
            found[index] = sorted(db.execute(f"SELECT * FROM temp.{index}_seen"), key=repr)
    del found["sqlite_schema"]
    found["replica"] = [tuple(value for place, value in enumerate(found["replica"][0]) if place != 1)]
    return found


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica that has something in every table."""
    folder = tmp_path_factory.mktemp("full")
    with kept_soon(), Datastore.open(folder, clock=lambda: NOW) as datastore:
        seed(datastore, 8)
        op = datastore.add("model", make_record("model", "mine", tags=["llama"]))
        datastore.update("model", op.key, {**make_record("model", "mine"), "version": "2.0.0"}, [op.hash])
        behind: Record = {
            "artifacts": [
                {"uri": "a.gguf", "media_type": "", "sha256": "ab" * 32, "size_bytes": 7, "quantization": None}
            ],
            # Of one that is not here.
            "derived_from": [{"relation": "Merge", "model_id": "ab" * 32, "name": "base", "sha256": None}],
            "evaluations": [{"benchmark": "MMLU", "metric": "accuracy", "value": "0.5", "source": ""}],
        }
        datastore.manifests.set(op.key, defaults("manifest") | behind)
        answers: Record = {"interfaces": [{"url": "https://example.org/mcp", "protocol": "MCP", "version": ""}]}
        datastore.add("agent", make_record("agent", "answers"), manifest=defaults("manifest") | answers)
        first, late = roots(ALICE, 3), roots(BOB, 1, "late")
        ops = [
            *first,
            edit(ALICE, first[0], name="left"),
            edit(ALICE, first[0], name="right"),
            removal(ALICE, first[1]),
        ]
        waits = edit(BOB, late[0], name="before its root")
        spoilt = roots(BOB, 1, "spoilt")[0].to_json().replace(b'"rec":', b'"rec":9')
        datastore.apply([*ops, waits, spoilt], source="peer hub")
        datastore.peers.add("hub", "https://hub.example:8420")
        show_two_faces(datastore, "hub")
        datastore.names.set(ALICE.address, "alice")
        datastore.stars.star([op.key], starred=True)
        datastore.stars.note(op.key, "to be tried")
        datastore.news.watch(f"0x{ALICE.address}")
        datastore.news.seen()
        datastore.domains.put("example.org", [ALICE.address])
        datastore.searches.save("small", "params:<=8b")
        datastore.searches.remember("llama")
        datastore.drafts.save(Draft("new model", "model", None, (), {"name": "unfinished"}, 0))
        datastore.tokens.add("ci", ["write"])
        datastore.rations.block(MALLORY.address)
        datastore.rations.set_ration("hub", Ration(source_ops=1_000_000))
        datastore.apply([op.to_json() for op in roots(MALLORY, 1, "left out")], source="hub")
        record = make_record("model", "imported")
        entry = Described("/srv/one.yaml", "", "", "model", record, record, frozenset(record))
        assert [*datastore.take_in([entry], ImportRun("/srv", "import of /srv"), register=True)]
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as db:
        # What a pull over a bad line leaves.
        db.execute(
            "INSERT INTO cursors (peer, epoch, next_index, running_sum, used_at) VALUES ('hub', ?, 256, ?, 1)",
            ("ab" * 16, "0" * 64),
        )
        db.execute("INSERT INTO cursor_sums VALUES ('hub', ?, 256, ?)", ("ab" * 16, bytes(32)))
        db.execute("INSERT INTO spoilt VALUES ('hub', ?, 7, ?, 1)", ("ab" * 16, bytes(32)))
        db.execute(
            "INSERT INTO left_at VALUES ('hub', ?, ?, 3, 256, 1, ?, 0)",
            ("ab" * 16, bytes.fromhex(MALLORY.address), bytes(32)),
        )
        db.execute("INSERT INTO retries VALUES (1, x'01', x'02', x'03', 4)")
        db.execute("INSERT INTO elsewhere VALUES (1, 1)")
    return folder


@pytest.fixture
def file(full: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    with Datastore.open(full, clock=lambda: NOW) as datastore:
        back_up(datastore, tmp_path / "saved", spelt)
    return tmp_path / "saved"


def test_every_row_of_every_table_comes_back(full: Path, file: Path, tmp_path: Path) -> None:
    before = contents(full)
    # A hub's view has a test of its own (`tests.hub.test_following`).
    assert [name for name, rows in before.items() if not rows] == ["hub"], "the test forgot a table"
    assert file.stat().st_mode & 0o777 == 0o600
    done = restored(file, tmp_path / "back")
    assert contents(tmp_path / "back") == before
    assert (done.report.sound, done.has_key, done.tokens) == (True, True, 1)
    assert (tmp_path / "back" / "identity.key").read_text() == (full / "identity.key").read_text()
    assert [path.name for path in (tmp_path / "back").iterdir() if path.name not in (DATABASE, "identity.key")] == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    with Datastore.open(full) as first, Datastore.open(tmp_path / "back") as second:
        assert first.log.head().epoch != second.log.head().epoch
        assert second.add("model", make_record("model", "goes on")).record is not None


# What counts, or is rewritten when something is added.
COUNTERS = {"replica", "counted", "owners", "search_state", "log_set", "log_symbols"}


def test_a_backup_is_of_one_moment_and_whole_while_other_processes_write(full: Path, tmp_path: Path) -> None:
    folder = tmp_path / "live"
    shutil.copytree(full, folder)
    with Datastore.open(folder) as datastore:
        ops, drafts = datastore.stats().ops, len(datastore.drafts.all())
    before = contents(folder)
    with Program(KEEPS_WRITING, folder, "one") as one, Program(KEEPS_WRITING, folder, "two") as two:
        for round_ in range(3):
            said = [int(program.says()) for _ in range(3) for program in (one, two)][-2:]
            with Datastore.open(folder) as datastore:
                made = back_up(datastore, tmp_path / "saved", spelt, replace=round_ > 0)
            assert made.operations >= ops + sum(said)
            done = restored(tmp_path / "saved", tmp_path / f"back {round_}")
            assert (done.report.sound, done.operations) == (True, made.operations)
            after = contents(tmp_path / f"back {round_}")
            for table in before.keys() - COUNTERS:
                assert {*before[table]} <= {*after[table]}, table
            with Datastore.open(tmp_path / f"back {round_}") as copy, Datastore.open(folder) as live:
                assert copy.log.lines(0, made.operations) == live.log.lines(0, made.operations)
                # Each writes a draft, then an operation.
                assert 0 <= len(copy.drafts.all()) - drafts - (made.operations - ops) <= 2


@pytest.mark.parametrize("there", ["record", "draft", "key"])
def test_a_replica_that_has_anything_is_left_as_it_is(file: Path, tmp_path: Path, there: str) -> None:
    folder = tmp_path / "back"
    with Datastore.open(folder) as datastore:
        if there == "draft":
            datastore.drafts.save(Draft("new model", "model", None, (), {}, 0))
        elif there == "key":
            assert datastore.address
        else:
            seed(datastore, 1)
    before = contents(folder)
    with pytest.raises(BackupError, match="move that folder away") as caught:
        restored(file, folder)
    assert caught.value.code == "not_empty"
    assert contents(folder) == before


def test_a_replica_that_nothing_was_put_into_makes_way_unless_somebody_has_it_open(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "back"
    with Datastore.open(folder) as datastore:
        assert datastore.stats().ops == 0
        with pytest.raises(BackupError):
            restored(file, folder)
        datastore.drafts.save(Draft("new model", "model", None, (), {}, 0))
        datastore.drafts.drop("new model")
    assert restored(file, folder).operations
    with Datastore.open(folder) as datastore:
        assert datastore.verify().sound


def test_another_key_that_lies_there_is_never_replaced(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "back"
    folder.mkdir()
    (folder / "identity.key").write_text("07" * 32 + "\n")
    with pytest.raises(BackupError, match="another key"):
        restored(file, folder)
    assert [path.name for path in folder.iterdir()] == ["identity.key"]


def test_nobody_goes_on_with_a_backup_where_it_lies(file: Path, tmp_path: Path) -> None:
    (tmp_path / "direct").mkdir()
    shutil.copy(file, tmp_path / "direct" / DATABASE)
    with pytest.raises(StoreError, match="backup --restore"):
        Datastore.open(tmp_path / "direct")
    assert (tmp_path / "direct" / DATABASE).read_bytes() == file.read_bytes()


def test_a_replica_that_may_only_be_read_is_backed_up(full: Path, tmp_path: Path) -> None:
    with Datastore.open(full, read_only=True) as datastore:
        made = back_up(datastore, tmp_path / "saved", spelt)
    assert made.has_key
    assert restored(tmp_path / "saved", tmp_path / "back").operations == made.operations


def test_a_file_that_is_there_is_replaced_only_on_demand_and_never_a_folder(full: Path, tmp_path: Path) -> None:
    with Datastore.open(full) as datastore:
        (tmp_path / "there").write_text("precious")
        with pytest.raises(BackupError, match="there already"):
            back_up(datastore, tmp_path / "there", spelt)
        assert (tmp_path / "there").read_text() == "precious"
        assert back_up(datastore, tmp_path / "there", spelt, replace=True).operations
        for name in (DATABASE, "identity.key", f"{DATABASE}-wal"):
            with pytest.raises(BackupError, match="part of the replica"):
                back_up(datastore, full / name, spelt, replace=True)
        with pytest.raises(BackupError, match="is no file"):
            back_up(datastore, tmp_path, spelt, replace=True)
        with pytest.raises(BackupError, match="No such file"):
            back_up(datastore, tmp_path / "no" / "folder", spelt)


def test_a_backup_that_was_put_back_says_where_others_were_given_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Datastore.open(tmp_path / "a") as a:
        seed(a, 4)
        back_up(a, tmp_path / "saved", spelt)
        epoch = a.log.head().epoch
        a.add("model", make_record("model", "later"))
        publish(a, tmp_path / "log")
    done = restored(tmp_path / "saved", tmp_path / "b")
    assert done.shared.restored is not None
    assert (done.shared.restored.size, done.shared.restored.shared) == (4, 5)
    with Datastore.open(tmp_path / "b") as b:
        assert b.log.head().epoch != epoch
        assert b.mark.restored() is not None
    # A machine that knows nothing of it.
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(tmp_path / "state"))
    assert restored(tmp_path / "saved", tmp_path / "c").shared.restored is None
    with Datastore.open(tmp_path / "c") as c:
        assert c.log.head().epoch != epoch


# From strangers


def test_a_file_that_says_it_is_larger_than_the_disk_takes_no_room(file: Path, tmp_path: Path) -> None:
    # A hole of terabytes, as a file may have for nothing.
    pages = 2**31
    with file.open("r+b") as backup:
        backup.seek(28)
        backup.write(pages.to_bytes(4, "big"))
        backup.truncate(pages * 8_192)
    with pytest.raises(StoreError, match="disk") as caught:
        restored(file, tmp_path / "back")
    assert caught.value.code == "disk_full"


def spoil(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            db.execute(statement)


@pytest.mark.parametrize(
    ("statements", "part"),
    [
        (["CREATE TRIGGER t AFTER INSERT ON ops BEGIN DELETE FROM ops; END"], "tables"),
        (["CREATE VIEW v AS SELECT 1"], "tables"),
        (["CREATE TABLE t (a)"], "tables"),
        (["CREATE INDEX i ON ops (clock)"], "tables"),
        (["DROP TABLE drafts"], "drafts"),
        (["DROP TABLE peers", "CREATE VIEW peers AS SELECT * FROM owner_names"], "peers"),
        (
            ["UPDATE sqlite_schema SET sql = replace(sql, 'idx INTEGER', 'odd INTEGER') WHERE name = 'elsewhere'"],
            "elsewhere",
        ),
        (["UPDATE replica SET epoch = '../../../../tmp/x'"], "the epoch"),
        (["UPDATE replica SET epoch = x'00'"], "another type"),
        (["UPDATE replica SET fingerprint = 'f'"], "the fingerprint"),
        (["UPDATE peers SET name = '../x'"], "the name"),
        (["UPDATE cursors SET epoch = '/etc'"], "the epoch"),
        (["UPDATE peers SET added_at = 7.5"], "another type"),
        (["UPDATE peers SET address = x'ff'"], "another type"),
        (["UPDATE drafts SET fields = CAST(x'ff' AS TEXT)"], "UTF-8"),
        (["DELETE FROM replica"], "which replica"),
        (["UPDATE drafts SET fields = CAST(zeroblob(17000000) AS TEXT)"], "too big"),
        (["INSERT INTO backup VALUES ('x', zeroblob(70000))"], "too long"),
        (["INSERT INTO backup VALUES ('x', 'text')"], "another type"),
        (["PRAGMA user_version = 99"], "later version"),
        (["PRAGMA user_version = 0"], "version"),
        ([f"PRAGMA application_id = {0x74756972}"], "copy its whole folder"),
        (["PRAGMA application_id = 7"], "no backup"),
    ],
)
def test_what_no_backup_has_is_refused_before_anything_is_there(
    file: Path, tmp_path: Path, statements: list[str], part: str
) -> None:
    spoil(file, *statements)
    with pytest.raises(StoreError, match=part) as caught:
        restored(file, tmp_path / "back")
    assert caught.value.code in ("bad_backup", "newer_schema")
    assert not (tmp_path / "back").exists() or not [*(tmp_path / "back").iterdir()]


def test_operations_that_prove_nothing_are_left_out_and_told(file: Path, tmp_path: Path) -> None:
    spoil(file, "UPDATE ops SET hash = zeroblob(32) WHERE idx = 2", "UPDATE catalogue SET name = 'x\x1b[31m'")
    done = restored(file, tmp_path / "back")
    assert (done.report.sound, [found.place for found in done.report.invalid]) == (False, [2])
    with Datastore.open(tmp_path / "back") as datastore:
        assert datastore.verify().sound
        assert datastore.search("mine").rows


def test_a_file_that_is_cut_or_flipped_is_refused_or_mended_and_never_ends_in_an_undeclared_error(
    file: Path, tmp_path: Path
) -> None:
    whole = file.read_bytes()
    written = [place for place, byte in enumerate(whole) if byte]
    random = Random(17)
    for number in range(25):
        data = bytearray(whole)
        if number % 5 == 0:
            del data[random.randrange(len(data)) :]
        else:
            for _ in range(random.choice((1, 8))):
                data[random.choice(written)] = random.randrange(256)
        if number == 1:
            # In how a table was made: SQLite's own sentence about it is no text any more.
            place = data.index(b"CREATE TABLE peers")
            data[place : place + 8] = b"CRE\xf5 TAB"
        file.write_bytes(data)
        folder = tmp_path / f"back {number}"
        try:
            restored(file, folder, None)
        except RegistryError:
            assert not folder.exists() or not [*folder.iterdir()]
        else:
            with Datastore.open(folder) as datastore:
                assert datastore.verify().sound
        shutil.rmtree(folder, ignore_errors=True)


def test_a_backup_made_while_the_word_index_is_made_anew_is_one(full: Path, tmp_path: Path) -> None:
    shutil.copytree(full, tmp_path / "old")
    with Datastore.open(tmp_path / "old") as datastore:
        with closing(sqlite3.connect(tmp_path / "old" / DATABASE, isolation_level=None)) as db:
            set_words_aside(db)
            for statement in MAKE_WORD_INDEX:
                db.execute(statement)
        back_up(datastore, tmp_path / "saved", None)
    assert restored(tmp_path / "saved", tmp_path / "back").report.sound
    with Datastore.open(tmp_path / "back") as datastore:
        assert datastore.search("mine").rows
