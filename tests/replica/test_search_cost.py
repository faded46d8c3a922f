"""What a search looks at, counted and not timed: the same answers from less reading."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from tests.replica.replicas import database, replica, rows
from tests.seeds import NOW, owner, seed, signed
from tui_registry.datastore import Datastore, Page
from tui_registry.replica.search import matching, relevance

_RANKED_ROWS = re.compile(r"^SELECT at, rid FROM \(SELECT .*? FROM json_each\('\[(.*?)\]'\)").match
_ROWS_LOOKED_AT = re.compile(r"LIMIT (\d+) OFFSET (\d+)\) walked").search


def watched(datastore: Datastore) -> list[str]:
    """The statements of later searches, with their values."""
    said: list[str] = []
    with datastore._pool.read() as db:
        db.set_trace_callback(said.append)
    return said


def rows_ranked(said: list[str]) -> int:
    """How many rows were read to be put in the order of relevance, but for those of the first block of a tier."""
    return sum(len(found[1].split(",")) for statement in said if (found := _RANKED_ROWS(statement)) and found[1])


@pytest.mark.parametrize("query", ['"made for tests"', '"tests number" kind:model', "made for tests", "number -agent"])
def test_free_text_is_asked_of_the_index_once_to_tell_what_matches(query: str) -> None:
    with replica() as datastore:
        seed(datastore)
        said = watched(datastore)
        assert datastore.search(query).rows
        assert sum("words MATCH" in statement for statement in said) == 1


def _of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few dozen records are many."""
    for module, name, value in ((relevance, "_BLOCK", 7), (relevance, "RANKED", 5), (matching, "LISTED", 20)):
        monkeypatch.setattr(module, name, value)


def test_the_index_is_entered_for_names_that_begin_so_names_that_hold_it_and_the_rest_and_once_more_for_more_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _of_many(monkeypatch)
    with replica() as datastore:
        seed(datastore, 60)
        said = watched(datastore)
        assert len(datastore.search("llama OR number", limit=60).rows) == 60
        assert sum(statement.startswith("WITH block") for statement in said) == 3
        assert sum(statement.endswith("ORDER BY rowid DESC") for statement in said) <= 3


@pytest.mark.parametrize("limit", [3, 7, 60])
def test_a_window_leaves_nothing_half_read_that_would_keep_the_log_of_writes_from_ending(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    _of_many(monkeypatch)
    with replica() as datastore:
        seed(datastore, 60)
        assert len(datastore.search("made for tests", limit=limit).rows) == limit
        datastore.apply([signed(owner("cost"), "model", "one more").body])
        ((busy, *_),) = rows(datastore, "PRAGMA wal_checkpoint(TRUNCATE)")
        assert busy == 0


def test_what_is_not_counted_is_neither_listed_nor_looked_for_beyond_a_few_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name, value in ((matching, "_SOON", (4, 8)), (matching, "FEW", 3)):
        monkeypatch.setattr(module, name, value)

    def asked(datastore: Datastore, query: str) -> tuple[Page, list[str]]:
        said = watched(datastore)
        return datastore.search(query, limit=3, counted=False), said

    with replica() as datastore:
        datastore.apply(signed(owner("cost"), "model", f"m {number}", framework="JAX").body for number in range(20))
        counted = datastore.search("framework:jax", limit=3)
        page, said = asked(datastore, "framework:jax")
        assert page.rows == counted.rows
        assert not any(
            "FROM words " in statement or "json_group_array" in statement or "count(*) FROM json" in statement
            for statement in said
        )
        assert _looked_at(said) == [("4", "0")]
        # The last in this order: the first rows promise nothing.
        datastore.apply(signed(owner("cost"), "model", f"z {number}", framework="ONNX").body for number in range(5))
        page, said = asked(datastore, "framework:onnx sort:name")
        assert [row.name for row in page.rows] == ["z 0", "z 1", "z 2"]
        assert _looked_at(said) == [("4", "0")]
        # What the first rows promise, the others do not hold.
        datastore.apply(signed(owner("cost"), "model", f"a {number}", framework="ONNX").body for number in range(2))
        page, said = asked(datastore, "framework:onnx sort:name")
        assert [row.name for row in page.rows] == ["a 0", "a 1", "z 0"]
        assert _looked_at(said) == [("4", "0"), ("8", "4")]


def test_what_a_condition_lists_is_listed_once_for_a_page_that_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_SOON", (4, 8))
    with replica() as datastore:
        ops = [signed(owner("cost"), "model", f"m {number}") for number in range(20)]
        datastore.apply(op.body for op in ops)
        first = min(op.key for op in ops)[0]
        counted = datastore.search(f"kind:model -id:{first}", limit=5)
        said = watched(datastore)
        assert datastore.search(f"kind:model -id:{first}", limit=5, counted=False).rows == counted.rows
        assert sum("FROM keys" in statement for statement in said) == 1


def _looked_at(said: list[str]) -> list[tuple[str, ...]]:
    """How many rows of an order were looked at, each time behind how many."""
    return [found.groups() for statement in said if (found := _ROWS_LOOKED_AT(statement))]


@pytest.mark.parametrize("sort", ["-updated", "updated", "-created", "params", "-name"])
def test_a_page_is_not_read_past_all_the_pages_before_it(monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    monkeypatch.setattr(matching, "_SOON", (4, 8))
    with replica() as datastore:
        datastore.apply(
            signed(owner("cost"), "model", f"m {number:03}", at=NOW - number, parameters=10**9 + number).body
            for number in range(150)
        )
        said = watched(datastore)
        cursor, taken = None, []
        for _ in range(60):
            said.clear()
            page = datastore.search("kind:model", sort=sort, limit=2, cursor=cursor, counted=False)
            cursor = page.next
            taken.append(_steps(datastore, [statement for statement in said if _ROWS_LOOKED_AT(statement)]))
        assert taken[1] > 0
        assert taken[-1] <= taken[1] + 5


def _steps(datastore: Datastore, statements: list[str]) -> int:
    """How many steps SQLite takes for these."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    with closing(database(datastore)) as db:
        db.set_progress_handler(step, 1)
        for statement in statements:
            db.execute(statement).fetchall()
    return taken


def test_a_label_is_compared_where_a_line_begins_and_not_at_each_letter_of_what_a_stranger_calls_his_labels() -> None:
    with replica() as datastore:
        labels = [["g" * 40 + str(number), "chatty", "a chat", "%hat"] for number in range(12)]
        datastore.apply(
            signed(owner("cost"), "model", f"m {number}", tags=tags).body for number, tags in enumerate(labels)
        )
        datastore.apply([signed(owner("cost"), "model", "first", tags=["Chat", "code"]).body])
        datastore.apply([signed(owner("cost"), "model", "last", tags=["code", "chat"]).body])
        said = watched(datastore)
        for query in ("kind:model (tag:chat OR is:conflict)", "tag:chat OR params:9t", "tag:chat"):
            found = datastore.search(query, limit=1, counted=False)
            assert [row.name for row in found.rows] == ["last"]
            found = datastore.search(query, cursor=found.next, limit=1, counted=False)
            assert [row.name for row in found.rows] == ["first"]
        asked = [after for statement in said for after in re.findall(r"LIKE '%(.)", statement, re.DOTALL)]
        assert asked
        assert set(asked) == {"\n"}


def _thinned_out(datastore: Datastore) -> None:
    """Names that all hold a word; some numbers in the class that is asked for, few of them the number itself."""
    speeds = {0: 199, 1: 140}
    datastore.apply(
        signed(owner("cost"), "model", f"llama {number}", output_tokens_per_second=speeds.get(number % 12)).body
        for number in range(96)
    )


def test_rows_that_the_index_rules_out_are_not_read_to_fill_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (relevance, "_BLOCK", 12), (relevance, "RANKED", 0), (matching, "_CHECKED", 3), (matching, "_NEWEST", 16),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)

    def answer(datastore: Datastore) -> tuple[Page, int]:
        said = watched(datastore)
        return datastore.search("llama tps:199"), rows_ranked(said)

    with replica() as datastore:
        _thinned_out(datastore)
        page, ranked = answer(datastore)
        with monkeypatch.context() as patient:
            patient.setattr(relevance, "_POOR", 0.0)
            assert answer(datastore) == (page, 96 - 12)
        assert len(page.rows) == 8
        # The first block tells that little is in it; of the other seven, what has the class of the number.
        assert ranked == 7 * 2
