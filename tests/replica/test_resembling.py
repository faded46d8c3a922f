"""Whose name a record's name looks like: which record counts as the original, and where that is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replica.replicas import database, rows
from tests.seeds import NOW, make_record, owner, signed
from tests.trust.lookalikes import LOOK_ALIKES, ORIGINAL
from tui_registry.datastore import DATABASE, Datastore, Like, Row
from tui_registry.present.owners import cautions, is_marked, like_json, remarks, resemblance
from tui_registry.query import QueryError
from tui_registry.replica.search import relevance


def take(datastore: Datastore, by: str, name: str, at: int = NOW - 86_400) -> str:
    """The id of a record of somebody else, which came just now."""
    op = signed(owner(by), "model", name, at=at)
    assert datastore.apply([op.to_json()]).applied == 1
    return op.key


def like_of(datastore: Datastore, identifier: str) -> Like | None:
    """The same in a list and by itself."""
    entry = datastore.entry(identifier)
    assert entry is not None
    (row,) = datastore.search(f"id:{identifier}").rows
    assert row.like == entry.like
    return entry.like


def test_each_of_the_look_alikes_is_marked_wherever_it_ranks_and_the_original_is_not(datastore: Datastore) -> None:
    original = take(datastore, "lab", ORIGINAL)
    # Newer ones come first where the names rank the same.
    imitators = {
        take(datastore, "imitator", name, NOW - 60 * place): name for place, name in enumerate(LOOK_ALIKES.values())
    }
    for query in ("", "llama", "llama 3.1 instruct", '"8b"', "name:llama", "sort:name"):
        for row in datastore.search(query).rows:
            assert (row.like is not None) == (row.id in imitators), (query, row.name)
            assert is_marked(row.name, row.like) == (row.id in imitators)
            if row.like is not None:
                assert (row.like.id, row.like.why) == (original, "first")
                assert remarks(row.name, row.like)[0].startswith("looks like a name of 0x")
    for identifier, name in imitators.items():
        like = like_of(datastore, identifier)
        assert like is not None
        assert any("which came here first" in sentence for sentence in cautions(name, like))


def test_the_original_is_ones_own_else_a_named_key_s_else_the_first_that_came(datastore: Datastore) -> None:
    first, second = take(datastore, "first", "Llama"), take(datastore, "second", "LIama")
    mine = datastore.add("model", make_record("model", "llama"))
    kept = like_of(datastore, first), like_of(datastore, second), like_of(datastore, mine.key)
    assert [None if like is None else (like.id, like.why) for like in kept] == [(mine.key, "yours")] * 2 + [None]
    datastore.delete(mine.kind, mine.key, seen=datastore.heads(mine.key))
    assert like_of(datastore, first) is None
    assert like_of(datastore, second) == Like("model", first, "Llama", owner("first").address, "first", None)
    datastore.names.set(owner("second").address, "the lab")
    assert like_of(datastore, second) is None
    assert like_of(datastore, first) == Like("model", second, "LIama", owner("second").address, "named", "the lab")
    # Whose both are is known, so neither is marked.
    datastore.names.set(owner("first").address, "the other")
    assert like_of(datastore, first) is None


def test_records_of_one_owner_never_look_like_each_other(datastore: Datastore) -> None:
    ids = [take(datastore, "lab", name) for name in ("Llama", "LLAMA", "L1ama")]
    assert [like_of(datastore, identifier) for identifier in ids] == [None] * 3


def test_what_is_muted_is_no_original(datastore: Datastore) -> None:
    take(datastore, "noisy", "Llama")
    second = take(datastore, "second", "LIama")
    assert like_of(datastore, second) is not None
    datastore.rations.mute(owner("noisy").address)
    assert like_of(datastore, second) is None


def test_the_mark_follows_what_a_record_is_called_now(datastore: Datastore) -> None:
    mine = datastore.add("model", make_record("model", "Llama"))
    other = take(datastore, "imitator", "Lllama")
    assert like_of(datastore, other) is None
    datastore.update("model", mine.key, make_record("model", "Lllama"), seen=datastore.heads(mine.key))
    assert like_of(datastore, other) is not None


def test_of_names_that_fit_as_well_those_of_known_keys_may_come_first(datastore: Datastore) -> None:
    original = take(datastore, "lab", "Llama", NOW - 5_000)
    for place in range(7):
        take(datastore, "imitator", "Llama", NOW - 60 * place)
    take(datastore, "lab", "A guide to Llama", NOW)
    datastore.names.set(owner("lab").address, "the lab")

    def first(**asked: bool) -> list[str]:
        found, cursor = list[str](), None
        while True:
            page = datastore.search("llama", limit=3, cursor=cursor, **asked)  # type: ignore[arg-type]
            found += [row.id for row in page.rows]
            cursor = page.next
            if cursor is None:
                return found

    plain, ordered = first(), first(named_first=True)
    # Names that are the words come before one that only holds them, whoever's it is.
    assert (plain.index(original), ordered.index(original)) == (7, 0)
    assert sorted(plain) == sorted(ordered)
    assert plain[-1] == ordered[-1]
    assert first(named_first=True, own_names=False) == first(own_names=False)


def test_no_flood_of_a_name_keeps_a_known_key_s_record_from_the_top(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANKED", 2), ("_BLOCK", 3), ("_SAME_NAME", 2)):
        monkeypatch.setattr(relevance, name, value)
    original = take(datastore, "lab", "Llama", NOW - 5_000)
    other = take(datastore, "lab", "Llama 2", NOW - 6_000)
    for place in range(8):
        take(datastore, "imitator", ("Llama", "Llama 2")[place % 2], NOW - 60 * place)
    datastore.names.set(owner("lab").address, "the lab")
    assert datastore.search("llama", named_first=True, limit=1).rows[0].id == original
    assert datastore.search("lla", named_first=True, limit=2).rows[1].id == other
    # A cursor of one order is none of the other's.
    page = datastore.search("llama", named_first=True, limit=1)
    with pytest.raises(QueryError):
        datastore.search("llama", limit=1, cursor=page.next)


def test_a_node_s_readers_are_told_nothing_of_it(datastore: Datastore) -> None:
    take(datastore, "first", "Llama")
    take(datastore, "second", "Llama")
    assert [row.like for row in datastore.search("llama", own_names=False).rows] == [None, None]


def test_a_replica_of_before_makes_it_behind_and_marks_nothing_by_order_of_arrival_until_then(tmp_path: Path) -> None:
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        take(datastore, "first", "Llama")
        late = take(datastore, "second", "Llama")
        with database(datastore) as db:
            (before,) = db.execute("SELECT looks FROM catalogue WHERE rid = 1").fetchone()
            db.execute("UPDATE catalogue SET looks = NULL WHERE rid = 1")
            db.execute("UPDATE search_state SET floor = 2, top = 2")
        assert like_of(datastore, late) is None
        with database(datastore) as db:
            db.execute("UPDATE replica SET index_version = 1")
    with Datastore.open(tmp_path, clock=lambda: NOW) as datastore:
        datastore.finish_index(20.0, lambda *_: None)
        assert rows(datastore, "SELECT looks FROM catalogue WHERE rid = 1") == [(before,)]
        assert like_of(datastore, late) is not None
    assert (tmp_path / DATABASE).exists()


def test_looking_it_up_reads_an_index_and_nothing_else(datastore: Datastore) -> None:
    plan = rows(
        datastore,
        "EXPLAIN QUERY PLAN SELECT rid, owner FROM catalogue INDEXED BY catalogue_looks WHERE looks = 1 ORDER BY rid LIMIT 9",
    )
    assert [str(step[-1]) for step in plan] == ["SEARCH catalogue USING COVERING INDEX catalogue_looks (looks=?)"]


@pytest.mark.parametrize(
    ("why", "called", "said"),
    [
        ("yours", None, "its name looks like “Llama”, a record of yours"),
        ("named", "my lab", "its name looks like “Llama”, a record of my lab, a key you named"),
        ("first", None, "its name looks like “Llama”, a record of 0xabcd..abcd, which came here first"),
    ],
)
def test_it_is_said_plainly_why_another_record_counts_as_the_original(why: str, called: str | None, said: str) -> None:
    like = Like("model", "1" * 64, "Llama", "abcd" * 10, why, called)  # type: ignore[arg-type]
    assert resemblance("L1ama", like) == said
    assert resemblance("Llama", like).startswith("a model has the same name, a record of ")
    assert isinstance(like_json(like), dict)


def test_no_row_says_of_itself_that_it_is_like_another() -> None:
    assert Row._field_defaults["like"] is None
