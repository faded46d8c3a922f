"""Which records are invalid is a column: after any history it says what the rules say, or a search tells that it is half
made. What is left is judged behind, and goes on where it was ended."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings, strategies as st

from tests.laws import examples
from tests.replica.replicas import replica, rows
from tests.seeds import NOW, make_record, owner, seed, signed, written
from tui_registry import datastore as opening
from tui_registry.crdt import AgentOp, ModelOp, sign_up
from tui_registry.crdt.sign import sign_rm
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.errors import Json, Record
from tui_registry.records.authoring import check
from tui_registry.replica.catalogue import judged
from tui_registry.replica.catalogue.judged import judge_some
from tui_registry.replica.search import searcher
from tui_registry.replica.store.connection import Pool

# Valid and not, told by a glance and not.
ODDITIES: tuple[dict[str, Json], ...] = (
    {},
    {"version": "one"},
    {"version": "1.0.0-rc.1"},
    {"license": "mit"},
    {"license": "apache"},
    {"formfile_template": "NAME odd\n"},
    {"formfile_template": "WHAT is this\n"},
    {"tags": ["Not A Slug"]},
)
STEPS = st.tuples(st.integers(0, 9), st.integers(0, 7))


def invalid(registry: Datastore) -> set[str]:
    """What the rules say, record by record."""
    return {
        entry.id
        for entry in registry.entries()
        if any(problem.severity == "error" for problem in check(entry.kind, entry.record))
    }


def rules_change(registry: Datastore) -> None:
    """As if the rules of before had said the opposite of all records."""
    with closing(sqlite3.connect(registry.data_dir / DATABASE)) as db, db:
        db.execute("UPDATE catalogue SET invalid = 1 - coalesce(invalid, 0)")
        db.execute("UPDATE search_state SET judged_by = '0 1'")


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Iterator[Datastore]:
    """Fourteen valid records and five that are not judged yet, three of them invalid; two are not few."""
    monkeypatch.setattr(judged, "_FEW", 2)
    monkeypatch.setattr(judged, "_AT_ONCE", 4)
    # Whatever else the machine does.
    monkeypatch.setattr(judged, "_PIECE_SECONDS", 3600)
    monkeypatch.setattr(searcher, "_JUDGING_SECONDS", 3600)
    with replica() as registry:
        seed(registry, 14)
        odd = [signed(owner("odd"), "model", f"odd {n}", **ODDITIES[1 + n % 2]).body for n in range(5)]
        registry.apply(odd)
        yield registry


def assert_told(registry: Datastore) -> None:
    expected, everything = invalid(registry), {row.id for row in registry.search(limit=1000).rows}
    asked = registry.search("is:invalid", limit=1000)
    if asked.notes:
        assert "not all records are judged" in asked.notes[0]
    else:
        assert ({row.id for row in asked.rows}, asked.total) == (expected, len(expected))
        assert {row.id for row in registry.search("-is:invalid", limit=1000).rows} == everything - expected
        assert {row.id for row in registry.search("is:invalid kind:agent OR is:mine is:invalid").rows} <= expected
        assert {row.id for row in registry.search("is:invalid sort:name", limit=1000).rows} == expected


def judge_all(registry: Datastore) -> None:
    while judge_some(registry._pool):
        pass
    expected = invalid(registry)
    told = rows(registry, "SELECT lower(hex(id)), invalid FROM catalogue")
    assert all(verdict in (0, 1) for _, verdict in told)
    assert {key for key, verdict in told if verdict} == expected
    assert registry.search("is:invalid").notes == ()
    assert_told(registry)


@pytest.mark.parametrize("few", [200, 0])
@settings(max_examples=examples(12, 200))
@given(st.lists(STEPS, min_size=1, max_size=12))
def test_after_any_history_the_column_says_what_the_rules_say(few: int, steps: list[tuple[int, int]]) -> None:
    stranger = owner("odd")
    with replica() as registry, pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "_FEW", few)
        patch.setattr(judged, "_AT_ONCE", 2)
        patch.setattr(registry, "_catch_up", lambda after: None)  # what is judged when is this test's own affair
        theirs: list[ModelOp | AgentOp] = []
        for number, (what, which) in enumerate(steps):
            fields = ODDITIES[which]
            if what <= 3 or not theirs:
                theirs.append(signed(stranger, "agent" if what % 2 else "model", f"odd {number}", **fields))
                registry.apply([theirs[-1].body])
                continue
            root = theirs[which % len(theirs)]
            if what <= 5:
                # On top of the first one: with another such write it is a conflict.
                later: Record = {**(root.record or {}), **fields, "updated_at": NOW + number}
                registry.apply([sign_up(stranger, root.kind, later, children=[root.hash], clock=2).body])
            elif what == 6:
                gone = sign_rm(stranger, root.kind, root.key, children=[root.hash], clock=2, updated_at=NOW + number)
                registry.apply([gone.body])
            elif what == 7:
                judge_some(registry._pool)
            elif what == 8:
                rules_change(registry)
            else:
                op = registry.add("model", make_record("model", f"mine {number}"))
                written(registry, op.key, None if which % 2 else {**(op.record or {}), "tags": ["mine"]})
            assert_told(registry)
        assert registry.verify().sound
        judge_all(registry)
        assert registry.verify().sound


def test_a_few_records_that_are_not_judged_are_judged_by_who_asks() -> None:
    with replica() as registry:
        registry.apply([signed(owner("odd"), "model", f"odd {n}", **ODDITIES[n]).body for n in range(8)])
        assert rows(registry, "SELECT count(*) FROM catalogue WHERE invalid IS NULL") == [(7,)]
        asked = registry.search("is:invalid", own_names=False)
        assert ({row.name for row in asked.rows}, asked.notes) == ({"odd 1", "odd 4", "odd 6", "odd 7"}, ())
        assert registry._indexing is None


def test_a_stranger_who_asks_is_told_that_it_is_half_made_and_has_it_made(many: Datastore) -> None:
    asked = many.search("is:invalid", own_names=False)
    assert asked.notes == ("not all records are judged by the rules of this version yet: 73 % of them are",)
    assert many._indexing is not None
    many._indexing.join()
    asked = many.search("is:invalid", own_names=False)
    assert ([row.name for row in asked.rows], asked.notes) == (["odd 4", "odd 2", "odd 0"], ())


def test_a_person_who_asks_for_a_whole_answer_has_it(many: Datastore) -> None:
    asked = many.search("is:invalid", whole=True)
    assert ({row.name for row in asked.rows}, asked.notes) == ({"odd 0", "odd 2", "odd 4"}, ())
    assert many.facets("is:invalid", whole=True).values["kind"] == [("model", "model", 3)]


def test_what_is_left_is_judged_once_the_replica_is_open_for_a_while(
    many: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Datastore.open(many.data_dir, clock=lambda: NOW) as brief:
        assert brief._indexing is not None  # and a command that only looks ends before it begins
    assert rows(many, "SELECT count(*) FROM catalogue WHERE invalid IS NULL") == [(5,)]
    monkeypatch.setattr(opening, "_JUDGED_AFTER_SECONDS", 0)
    with Datastore.open(many.data_dir, clock=lambda: NOW) as registry:
        assert registry._indexing is not None
        registry._indexing.join()
        assert registry.search("is:invalid").total == 3
    with Datastore.open(many.data_dir, clock=lambda: NOW) as registry:
        assert registry._indexing is None


_KILLED = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from tui_registry.replica.catalogue import judged
from tui_registry.replica.search import searcher
from tui_registry.replica.store.connection import Pool

class Killed(Pool):
    @contextmanager
    def write(self, **how):
        with super().write(**how) as db:
            yield db
            os.kill(os.getpid(), signal.SIGKILL)

judged._AT_ONCE, judged._PIECE_SECONDS = 4, 3600
pool = Pool(Path(sys.argv[1]))
for _ in range(2):
    assert judged.judge_some(pool)
judged.judge_some(Killed(pool.path))
"""


def test_killed_in_the_middle_it_goes_on_where_it_was(many: Datastore) -> None:
    rules_change(many)
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(many.data_dir / DATABASE)])
    assert ended.returncode == -signal.SIGKILL
    # Of nineteen records the first piece had four, from the newest on; the second was not written.
    assert rows(many, "SELECT judged_from FROM search_state") == [(16,)]
    assert many.search("is:invalid", own_names=False).notes
    judge_all(many)
    assert many.verify().sound


def test_another_list_of_licences_has_all_records_judged_anew(many: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    judge_all(many)
    with closing(sqlite3.connect(many.data_dir / DATABASE)) as db, db:
        db.execute("UPDATE catalogue SET invalid = 1 - invalid")
    assert many.search("is:invalid").total == 16
    monkeypatch.setattr("packaging.__version__", "9999.1")
    assert many.search("is:invalid", own_names=False).notes
    judge_all(many)


def test_two_versions_of_the_program_on_one_replica_leave_each_other_be(many: Datastore) -> None:
    """The one that is not by whose rules it goes by now stops: else they would judge anew in turns for ever."""

    class Overtaken(Pool):
        def write(self, *, bulk: bool = False, patience: float | None = None):  # type: ignore[no-untyped-def]
            with closing(sqlite3.connect(many.data_dir / DATABASE)) as db, db:
                db.execute("UPDATE search_state SET judged_by = '99 99'")
            return super().write(bulk=bulk, patience=patience)

    judge_some(many._pool)
    assert not judge_some(Overtaken(many.data_dir / DATABASE))
    assert rows(many, "SELECT judged_by FROM search_state") == [("99 99",)]


def test_an_operation_whose_bytes_are_spoilt_keeps_nothing_else_from_being_judged(many: Datastore) -> None:
    with closing(sqlite3.connect(many.data_dir / DATABASE)) as db, db:
        db.execute("UPDATE ops SET body = x'00ff' WHERE idx = 14")
        db.execute("DELETE FROM ops WHERE idx = 16")
    while judge_some(many._pool):
        pass
    assert rows(many, "SELECT count(*) FROM catalogue WHERE invalid IS NULL") == [(0,)]
    assert many.search("is:invalid").total == 1
