"""Replicas that earlier releases left: they open, hold all that they held, and are written on."""

from __future__ import annotations

import gzip
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

import pytest

from tests.replica.released.freeze import FOLDER, fill
from tests.replica.replicas import database, vocabulary
from tests.seeds import NOW, make_record, owner
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.replica.catalogue.derived import INDEX_VERSION
from tui_registry.replica.log.peers import READER_VERSION
from tui_registry.replica.store.tables import SCHEMA_VERSION, VERSIONS

# Not copies of one: how they are made is what is tested.
MAKES_REPLICAS = True

RELEASED = range(1, SCHEMA_VERSION + 1)


def left_by(version: int, folder: Path) -> Path:
    """The replica that a release of that schema left."""
    folder.mkdir()
    (folder / DATABASE).write_bytes(gzip.decompress((FOLDER / f"{version}.sqlite3.gz").read_bytes()))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Datastore]]:
    """Gives the replica of the operations that a version could keep, made by this program."""
    with ExitStack() as stack:

        @cache
        def made_for(version: int) -> Datastore:
            store = stack.enter_context(Datastore.open(tmp_path_factory.mktemp("today"), clock=lambda: NOW))
            fill(store, version)
            return store

        yield made_for


def tables(datastore: Datastore) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but the index's own, as a multiset; the epoch and the token are each replica's own."""
    with closing(database(datastore)) as db:
        db.execute("CREATE TEMP TABLE masked AS SELECT * FROM replica")
        # What of the log is kept as a set is compared by itself.
        # An earlier version did not know what anybody looked at.
        db.execute("UPDATE temp.masked SET epoch = '', kept = 0, looked = 0, looked_at = NULL")
        names = [
            name
            for (name,) in db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
            if not name.startswith(("words", "names", "sqlite_", "search_state"))
        ]
        found = {
            name: sorted(db.execute(f"SELECT * FROM {'temp.masked' if name == 'replica' else name}"), key=repr)
            for name in names
        }
        # Which of them are judged is a matter of time
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(catalogue)") if name != "invalid"]
        found["catalogue"] = sorted(db.execute(f"SELECT {', '.join(columns)} FROM catalogue"), key=repr)
        # What zlib makes of the same text is its own affair
        said = db.execute("SELECT source, entry, id, said, at FROM imported")
        imported = [(*key, zlib.decompress(text), at) for *key, text, at in said]
        tokens = [(name, len(digest), scopes, at) for name, digest, scopes, at in db.execute("SELECT * FROM tokens")]
        return {**found, "imported": imported, "tokens": tokens}


def as_left(version: int, today: Datastore) -> dict[str, list[tuple[object, ...]]]:
    """What that version's replica holds of the same: the first said neither when operations came nor from whom, nor
    where a peer's log was spoilt, and as its words are made anew, those of deleted records are not known. It judged by
    other rules: what it refused is forgotten, and what it could not read is asked for again."""
    found = tables(today)
    if version > 1:
        return found
    pending = [(*waits[:-1], None) for waits in found["pending"]]
    used = {word for word, *_ in vocabulary(today)}
    learnt = {table: [row for row in found[table] if row[-1] in used] for table in ("vocabulary", "endings")}
    none = {
        "batches": [],
        "imported": [],
        "cursor_sums": [],
        "elsewhere": [],
        "spoilt": [],
        "retries": [],
        "tokens": [],
        "domain_keys": [],
        "log_set": [],
        "log_symbols": [],
        "shown_heads": [],
        "faces": [],
        # Nothing was said of the key and the root of a peer's head.
        "peers": [(*row[:-3], None, None, None) for row in found["peers"]],
        "cursors": [
            (*("rules-1" if value == READER_VERSION else value for value in row[:-3]), None, None, 0)
            for row in found["cursors"]
        ],
        "sources": [],
        "kept_out": [],
        "rations": [],
        "left_out": [],
        "left_at": [],
        "owners": [(address, ops, None) for address, ops, _ in found["owners"]],
        "rejected": [],
    }
    return {**found, **none, **learnt, "arrivals": [(0, None, None, None)], "pending": pending}


def schema(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()


@pytest.mark.parametrize("version", RELEASED)
def test_a_replica_that_an_earlier_release_left_holds_all_that_it_held(
    version: int, tmp_path: Path, made: Callable[[int], Datastore]
) -> None:
    today = made(version)
    with Datastore.open(left_by(version, tmp_path / "left"), clock=lambda: NOW) as datastore:
        # There is something in each but one: it is no view of a hub.
        later = {
            "manifests", "digests", "links", "missing", "evaluations", "interfaces", "stars", "notes", "watches"
        }  # fmt: skip
        empty = {"hub"} | later if version == 1 else {"hub"}
        assert {name for name, rows in tables(today).items() if not rows} == empty
        assert tables(datastore) == as_left(version, today)
        assert vocabulary(datastore) == vocabulary(today)
        assert list(datastore.entries()) == list(today.entries())
        assert datastore.search("is:invalid", whole=True) == today.search("is:invalid", whole=True)
        assert datastore.drafts.all() == today.drafts.all()
        assert datastore.verify().sound


@pytest.mark.parametrize("version", RELEASED)
def test_a_replica_that_an_earlier_release_left_is_written_on(version: int, tmp_path: Path) -> None:
    folder = left_by(version, tmp_path / "left")
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        datastore.key.replace(owner("released"))
        (row,) = datastore.search("is:conflict").rows
        entry = datastore.entry(row.id)
        assert entry is not None
        datastore.resolve("model", row.id, {**entry.record, "description": "settled"}, entry.heads)
        datastore.add("agent", make_record("agent", "newcomer"))
        assert datastore.conflicts() == []
        assert [found.name for found in datastore.search("newcomer").rows] == ["newcomer"]
        assert datastore.verify().sound


@pytest.mark.parametrize("version", RELEASED)
def test_the_steps_that_lead_to_a_released_schema_stay_as_they_are(version: int, tmp_path: Path) -> None:
    """Another table, index or setting is another version: a replica of the one that is out would never get it."""
    made = tmp_path / DATABASE
    with closing(sqlite3.connect(made)) as db:
        for statement in (statement for step in VERSIONS[:version] for statement in step):
            db.execute(statement)
        db.commit()
        settings = db.execute("SELECT * FROM words_config UNION ALL SELECT * FROM names_config").fetchall()
    left = left_by(version, tmp_path / "left") / DATABASE
    assert schema(made) == schema(left)
    with closing(sqlite3.connect(left)) as db:
        assert db.execute("SELECT * FROM words_config UNION ALL SELECT * FROM names_config").fetchall() == settings


def test_what_is_derived_from_a_record_changes_only_with_the_version_of_the_index(
    tmp_path: Path, made: Callable[[int], Datastore]
) -> None:
    """A replica makes its derived tables anew only when that number moves: they would answer otherwise for old records."""
    folder, today = left_by(SCHEMA_VERSION, tmp_path / "left"), made(SCHEMA_VERSION)
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        (index_version,) = db.execute("SELECT index_version FROM replica").fetchone()
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        then, now = tables(datastore), tables(today)
        changed = [name for name in ("catalogue", "counted", "vocabulary") if then[name] != now[name]]
        changed += ["words"] if vocabulary(datastore) != vocabulary(today) else []
    assert not changed or index_version < INDEX_VERSION, f"{changed} came out otherwise: so must INDEX_VERSION"
