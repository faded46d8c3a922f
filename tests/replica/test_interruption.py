"""A search that would take too long is stopped and says so, and the next one is answered as ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from tests.replica.replicas import replica
from tests.seeds import seed
from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError
from tui_registry.replica.search import searcher, vocabulary
from tui_registry.replica.store import connection

QUERIES = ("llama", "", "sort:name", "tag:llama params:>1b", "-llama", "is:invalid", "id:a", "updated:<7d OR chat")


@pytest.fixture
def datastore(monkeypatch: pytest.MonkeyPatch) -> Iterator[Datastore]:
    """A small replica whose every step is looked at, which takes its time."""
    monkeypatch.setattr(connection, "_STEPS", 1)
    monkeypatch.setattr(connection, "_STEPS_A_SECOND", 1)
    with replica() as datastore:
        seed(datastore, 12)
        yield datastore


@pytest.mark.parametrize("query", QUERIES)
def test_what_takes_too_long_is_stopped_in_words_and_the_next_search_is_answered(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    found = datastore.search(query)
    with monkeypatch.context() as hasty:
        hasty.setattr(searcher, "PATIENCE_SECONDS", -1.0)
        for ask in (datastore.search, datastore.facets):
            with pytest.raises(RegistryError) as stopped:
                ask(query)
            assert stopped.value.code == "interrupted"
            assert "took too long" in stopped.value.sentence
    assert datastore.search(query) == found


@pytest.mark.parametrize("query", QUERIES)
def test_what_takes_too_much_work_is_stopped_at_the_same_step_whatever_the_machine_does(
    datastore: Datastore, query: str
) -> None:
    found = datastore.search(query)
    looked_at = 0

    def count() -> bool:
        nonlocal looked_at
        looked_at += 1
        return False

    datastore.search(query, unwanted=count)
    needed, looked_at = looked_at, 0
    assert datastore.search(query, work=needed, unwanted=count) == found
    assert looked_at == needed
    for less in (0, needed // 2, needed - 1):
        for ask in (datastore.search, datastore.facets)[: 1 if less else 2]:
            looked_at = 0
            with pytest.raises(RegistryError) as stopped:
                ask(query, work=less, unwanted=count)
            assert (stopped.value.code, looked_at) == ("interrupted", less)
    assert datastore.search(query) == found


@pytest.mark.parametrize("query", QUERIES)
def test_what_nobody_waits_for_any_more_is_stopped(datastore: Datastore, query: str) -> None:
    asked = 0

    def unwanted() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(RegistryError) as stopped:
        datastore.search(query, unwanted=unwanted)
    assert stopped.value.code == "interrupted"
    # It was told at once, not at the end.
    assert asked == 4


def _without_end(db: sqlite3.Connection, *_: object) -> None:
    """A suggestion that is looked for until SQLite is told to stop."""
    db.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n").fetchone()


def test_a_suggestion_that_takes_too_long_is_left_out_of_an_answer_that_is_known(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_now_on(db: sqlite3.Connection, *_: object) -> None:
        # The patience ends here, whatever the machine did before.
        db.set_progress_handler(lambda: True, 1)
        _without_end(db)

    monkeypatch.setattr(vocabulary, "nearest_word", from_now_on)
    page = datastore.search("mistrl")
    assert (page.rows, page.did_you_mean) == ([], None)
    monkeypatch.undo()
    assert datastore.search("mistrl").did_you_mean == "mistral"


def test_a_suggestion_that_takes_too_much_work_is_left_out_too(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "nearest_word", _without_end)
    page = datastore.search("mistrl", work=50_000)
    assert (page.rows, page.did_you_mean) == ([], None)


def test_a_suggestion_that_nobody_waits_for_any_more_is_stopped(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    suggesting = False

    def for_long(db: sqlite3.Connection, *_: object) -> None:
        nonlocal suggesting
        suggesting = True
        _without_end(db)

    monkeypatch.setattr(vocabulary, "nearest_word", for_long)
    with pytest.raises(RegistryError) as stopped:
        datastore.search("mistrl", unwanted=lambda: suggesting)
    assert stopped.value.code == "interrupted"
