"""The word index made anew behind what goes on: it says how far it is, misses nothing written meanwhile, and goes on
where it was ended. And what it learns of words is bounded, and takes bounded room."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.replica.replicas import replica, rows, vocabulary
from tests.seeds import NOW, make_record, owner, seed, signed, stranger_ops, written
from tui_registry import datastore as opening
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.replica import audit
from tui_registry.replica.audit import make_index, refresh_versions
from tui_registry.replica.catalogue import derived
from tui_registry.replica.store.connection import Pool


@pytest.fixture
def outdated(tmp_path: Path) -> Path:
    """A replica of twelve records and one of one's own, whose index an earlier version made."""
    with Datastore.open(tmp_path, clock=lambda: NOW) as registry:
        registry.add("model", make_record("model", "mine"))
        seed(registry, 12)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db, db:
        db.execute("UPDATE replica SET index_version = 0")
        db.execute("UPDATE counted SET records = records + 1 WHERE field = 'tag' AND value = 'llama'")
        db.execute("UPDATE catalogue SET labels = 'gllama' WHERE name = 'mine'")
    return tmp_path


@pytest.fixture
def begun(outdated: Path) -> Iterator[Datastore]:
    """The same, with five of thirteen records in the new index."""
    pool = Pool(outdated / DATABASE)
    refresh_versions(pool)
    assert make_index(pool, 5)
    with Datastore(outdated, pool, lambda: NOW) as registry:
        yield registry


def names(registry: Datastore, query: str) -> set[str]:
    return {row.name for row in registry.search(query).rows}


def test_what_models_need_is_made_with_the_index(outdated: Path) -> None:
    with closing(sqlite3.connect(outdated / DATABASE)) as db, db:
        db.execute("UPDATE catalogue SET need = NULL")
    pool = Pool(outdated / DATABASE)
    refresh_versions(pool)
    assert make_index(pool, 5)
    with Datastore(outdated, pool, lambda: NOW) as registry:
        for query in ("fit:80gb", "sort:fit"):
            assert registry.search(query).notes == ("search is being made anew: 35 % of the records are in it",)
        while make_index(pool, 5):
            pass
        needs = {row.kind: row.need for row in registry.search().rows}
        assert needs["agent"] is None
        assert needs["model"] == 14_700_000_000
        assert registry.search("fit:80gb").notes == ()


def test_what_is_in_the_index_is_found_meanwhile_and_how_far_it_is_is_said(begun: Datastore) -> None:
    page = begun.search("number")
    assert [row.name.rpartition("-")[2] for row in page.rows] == ["7", "8", "9", "10", "11"]
    assert page.notes == ("search is being made anew: 35 % of the records are in it",)
    assert begun.facets("number").notes == page.notes
    everything = begun.search()
    assert (len(everything.rows), everything.notes) == (13, ())


def test_lists_and_filters_that_columns_can_tell_have_all_records_meanwhile(begun: Datastore) -> None:
    kinds = {kind: sum(row.kind == kind for row in begun.search().rows) for kind in ("model", "agent")}
    assert begun.search(kind="model").total == len(begun.search(kind="model").rows) == kinds["model"]
    assert begun.search(kind="agent").total == kinds["agent"]
    assert len(list(begun.entries("kind:model"))) == kinds["model"]
    assert begun.facets("kind:agent").values["kind"] == [("agent", "agent", kinds["agent"])]
    assert begun.search("framework:pytorch OR kind:agent").total == len(begun.search().rows)
    assert begun.search("framework:pytorch params:7b").notes == ()
    assert begun.search("version:0 framework:pytorch").notes != ()
    assert begun.search("-number").total == 8  # what is not in the index yet is not known to have it


def test_who_looks_is_not_kept_out_nor_held_by_another_process_that_writes(
    begun: Datastore, outdated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_INDEX_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(audit, "_INDEX_PATIENCE_SECONDS", 0.01)
    with closing(sqlite3.connect(outdated / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Datastore.open(outdated, clock=lambda: NOW) as registry:
            assert len(registry.search("number").rows) == 5
        with Datastore.open(outdated, clock=lambda: NOW) as registry:
            other.execute("ROLLBACK")
            assert registry._indexing is not None
            registry._indexing.join()
            assert len(registry.search("number").rows) == 12


def test_what_is_written_meanwhile_is_found_and_what_is_deleted_is_not(begun: Datastore) -> None:
    begun.add("model", make_record("model", "a newcomer"))
    (mine,) = (row for row in begun.search().rows if row.name == "mine")
    entry = begun.entry(mine.id)
    assert entry is not None
    written(begun, mine.id, {**entry.record, "description": "told otherwise"})
    assert names(begun, "newcomer") == {"a newcomer"}
    assert names(begun, "otherwise") == set()  # its turn comes
    while make_index(begun._pool, 2):
        pass
    assert names(begun, "otherwise") == {"mine"}
    assert begun.search("number").notes == ()
    written(begun, mine.id, None)
    assert names(begun, "otherwise") == set()
    assert begun.verify().sound


def test_what_was_deleted_before_its_turn_comes_is_nowhere(begun: Datastore) -> None:
    (mine,) = (row for row in begun.search().rows if row.name == "mine")
    written(begun, mine.id, None)
    while make_index(begun._pool, 3):
        pass
    assert names(begun, "mine") == set()
    assert begun.verify().sound


def test_it_comes_to_what_a_new_replica_has_and_sets_right_what_else_was_derived(
    outdated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("_INDEXED_AT_OPENING", "_INDEXED_AT_ONCE"):
        monkeypatch.setattr(opening, bound, 2)
    monkeypatch.setattr(opening, "_INDEX_PAUSE_SECONDS", 0)
    with Datastore.open(outdated, clock=lambda: NOW) as registry, replica() as fresh:
        assert registry._indexing is not None
        registry._indexing.join()
        assert registry.search("number").notes == ()
        assert registry.verify().sound
        fresh.apply(registry.log.lines(0, registry.log.head().size))
        assert vocabulary(registry) == vocabulary(fresh)
        for table in ("vocabulary", "endings", "counted"):
            assert rows(registry, f"SELECT * FROM {table}") == rows(fresh, f"SELECT * FROM {table}")


def test_an_operation_whose_bytes_are_spoilt_is_left_out_and_keeps_nothing_else_out(outdated: Path) -> None:
    with closing(sqlite3.connect(outdated / DATABASE)) as db, db:
        db.execute("UPDATE ops SET body = x'00ff' WHERE idx = 3")
    with Datastore.open(outdated, clock=lambda: NOW) as registry:
        assert len(registry.search("number").rows) == 11
        assert [found.place for found in registry.verify().invalid] == [3]


_KILLED = """
import os, signal, sys
from pathlib import Path
from tui_registry.replica import audit
from tui_registry.replica.store.connection import Pool
pool = Pool(Path(sys.argv[1]))
audit.refresh_versions(pool)
audit.make_index(pool, 5)
audit.index_reaches = lambda db, floor: os.kill(os.getpid(), signal.SIGKILL)
audit.make_index(pool, 5)
"""


def test_killed_in_the_middle_it_goes_on_where_it_was(outdated: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(outdated / DATABASE)])
    assert ended.returncode == -signal.SIGKILL
    pool = Pool(outdated / DATABASE)
    refresh_versions(pool)
    with Datastore(outdated, pool, lambda: NOW) as registry:
        assert len(registry.search("number").rows) == 5
    with Datastore.open(outdated, clock=lambda: NOW) as registry:
        assert (registry._indexing, len(registry.search("number").rows)) == (None, 12)
        assert registry.verify().sound


def test_a_replica_closed_in_the_middle_ends_at_once(outdated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("_INDEXED_AT_OPENING", "_INDEXED_AT_ONCE"):
        monkeypatch.setattr(opening, bound, 2)
    monkeypatch.setattr(opening, "_INDEX_PAUSE_SECONDS", 3600)
    with Datastore.open(outdated, clock=lambda: NOW) as registry:
        assert registry.search("number").notes


def test_a_flood_of_words_is_not_learnt_and_everything_is_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "MOST_WORDS", 6)
    monkeypatch.setattr(derived, "MOST_NAME_WORDS", 2)
    flood = signed(owner("flood"), "model", "flood", description=" ".join(f"flood{n:04}x" for n in range(500)))
    with replica() as registry:
        registry.apply([flood.to_json()])
        registry.apply(op.to_json() for op in stranger_ops(12))
        assert rows(registry, "SELECT count(*) FROM vocabulary")[0][0] <= 6
        assert rows(registry, "SELECT words, name_words FROM search_state")[0][0] == 6
        assert names(registry, "flood0") == {"flood"}
        assert names(registry, "mist numb") == {row.name for row in registry.search().rows if "mistral" in row.name}


def test_the_worst_operations_take_no_more_than_ten_times_their_bytes(tmp_path: Path) -> None:
    """What is distinct costs most: labels, which are counted too, and words of scripts without spaces."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"

    def label(number: int, length: int) -> str:
        # Every one another one, and broken into as many words as can be.
        return "".join(letters[(number * 7919 + place * place * 31 + place * number) % 36] for place in range(length))

    worst = {
        "short labels": lambda n: {"tags": [label(n * 64 + k, 4) for k in range(64)],
                                   "capabilities": [label(n * 64 + k + 9, 4) for k in range(64)]},
        "long labels": lambda n: {"tags": [label(n * 64 + k, 100) for k in range(64)],
                                  "capabilities": [label(n * 64 + k + 9, 100) for k in range(64)]},
        "pairs": lambda n: {"description": "".join(chr(0x4E00 + (n * 9973 + k * k) % 20_000) for k in range(10_000))},
    }  # fmt: skip
    for what, fields in worst.items():
        folder = tmp_path / what
        Datastore.open(folder).close()
        before = (folder / DATABASE).stat().st_size
        ops = [signed(owner("disk"), "model", f"{what} {n}", **fields(n)).to_json() for n in range(16)]
        with Datastore.open(folder, clock=lambda: NOW) as registry:
            assert registry.apply(ops).applied == len(ops)
        grown = (folder / DATABASE).stat().st_size - before
        assert grown <= 10 * sum(map(len, ops)), what
