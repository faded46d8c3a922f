"""What a search takes: a cursor of its own, and a question that is whole where nothing is being typed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from tests.replica.replicas import replica
from tests.seeds import NOW, seed
from tui_registry.datastore import Datastore
from tui_registry.errors import Kind
from tui_registry.query import QueryError

QUERIES = ("", "llama", "sort:name")
KINDS: tuple[Kind | None, ...] = (None, "model")


def test_a_cursor_opens_windows_of_its_own_query_kind_order_and_direction_only() -> None:
    with replica() as datastore:
        seed(datastore, 30)
        searches = list(product(QUERIES, KINDS, (None, "name"), (False, True)))
        cursors = [
            (of, datastore.search(of[0], kind=of[1], sort=of[2], backwards=of[3], limit=2).next) for of in searches
        ]
        assert all(cursor is not None for _, cursor in cursors)
        for (of, cursor), asked in product(cursors, searches):
            query, kind, sort, backwards = asked
            if asked == of:
                # The size of the window is no part of the search.
                page = datastore.search(query, kind=kind, sort=sort, backwards=backwards, limit=5, cursor=cursor)
                assert page.rows
                continue
            with pytest.raises(QueryError, match="not one of this search"):
                datastore.search(query, kind=kind, sort=sort, backwards=backwards, limit=2, cursor=cursor)


def test_a_forged_cursor_is_refused_or_gives_rows_and_nothing_else_happens() -> None:
    """What a cursor begins with is no secret: anybody can put it before a place that no search gave."""
    with replica() as datastore:
        seed(datastore, 12)
        queries = ("", "llama", "sort:name", "sort:-context")
        cursors = [datastore.search(query, limit=2).next or "" for query in queries]
        places = [
            *(cursor[16:] for cursor in cursors),
            *(spelt.encode().hex() for spelt in ("null", "[]", "[1,1]", '[1,1,"a",{}]', "[-1,1,0]", "[1,1,null,null]")),
            *("", "x", "zz", "ff" * 9, "ü" * 9, "5b" * 5_000),
        ]
        for (query, cursor), place in product(zip(queries, cursors, strict=True), places):
            with suppress(QueryError):
                assert len(datastore.search(query, cursor=cursor[:16] + place).rows) <= 12


def test_a_cursor_stays_valid_while_time_goes_by(tmp_path: Path) -> None:
    """An age in a query is counted from now, and now is another one at the next window."""
    now = [NOW]
    with Datastore.open(tmp_path, clock=lambda: now[0]) as datastore:
        seed(datastore, 9)
        query = "updated:<20y sort:name"
        cursor = datastore.search(query, limit=2).next
        assert cursor is not None
        now[0] += 86_400
        assert datastore.search(query, limit=2, cursor=cursor).rows


def test_a_program_gets_no_records_for_half_a_question() -> None:
    with replica() as datastore:
        seed(datastore, 9)
        assert len(datastore.search("kind:model license:").rows) == len(list(datastore.entries("kind:model")))
        for query in ("license:", '"llama', "kind:model ("):
            assert datastore.search(query).rows
            asked: tuple[Callable[[], object], ...] = (
                partial(datastore.search, query, whole=True),
                partial(next, datastore.entries(query, whole=True)),
                partial(datastore.facets, query, whole=True),
                # What is kept is typed to its end.
                partial(datastore.searches.save, "name", query),
            )
            for ask in asked:
                with pytest.raises(QueryError):
                    ask()
        assert datastore.searches.saved() == {}
