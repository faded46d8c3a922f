"""The readers of a replica are few and shared: whoever looks takes one of them, once, and every search is answered."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.replica.replicas import replica
from tests.seeds import owner, seed, signed
from tui_registry.replica.search.matching import Ask
from tui_registry.replica.search.searcher import Searcher
from tui_registry.replica.store import connection

# Finds nothing as it is typed, and names no saved search for all its "@".
TYPED, MEANT = 'mistrl "llama@chat"', 'mistral "llama@chat"'


def test_suggestions_to_as_many_searches_at_once_as_there_are_readers_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = connection._READERS
    all_hold_one = threading.Barrier(readers)
    suggested = Searcher._did_you_mean

    def suggest_together(
        self: Searcher, db: sqlite3.Connection, query: str, saved: None, ask: Ask, unwanted: None
    ) -> str | None:
        all_hold_one.wait()
        return suggested(self, db, query, saved, ask, unwanted)

    monkeypatch.setattr(Searcher, "_did_you_mean", suggest_together)
    with replica() as datastore, ThreadPoolExecutor(readers) as threads:
        datastore.apply([signed(owner("them"), "model", "mistral", tags=["llama@chat"]).body])
        pages = list(threads.map(datastore.search, [TYPED] * readers))
    assert [(page.rows, page.did_you_mean) for page in pages] == [([], MEANT)] * readers


def test_a_thread_that_holds_a_reader_is_refused_a_second_one_instead_of_waiting_for_it() -> None:
    with replica() as datastore:
        with datastore._pool.read(), pytest.raises(RuntimeError, match="one reader at a time"):
            datastore.stats()
        # It was given back: the next one is lent as ever, beside the writer too.
        with datastore._pool.write():
            assert datastore.stats().ops == 0


@pytest.mark.parametrize("query", ["is:mine", "-is:mine", "is:mine OR llama"])
def test_looking_for_what_is_mine_makes_no_key(query: str) -> None:
    with replica() as datastore:
        seed(datastore, 12)
        theirs = datastore.search(query.replace("is:mine", "is:conflict")).rows
        assert datastore.search(query).rows == theirs
        assert not (datastore.data_dir / "identity.key").exists()


def test_a_saved_search_in_a_query_that_finds_nothing_is_kept_in_the_suggestion() -> None:
    with replica() as datastore:
        seed(datastore, 60)
        datastore.searches.save("agents", "kind:agent")
        page = datastore.search("@agents mistrl")
        assert (page.rows, page.did_you_mean) == ([], "@agents mistral")
