"""What is new since somebody looked, what they watch, and the stars and notes that they keep to themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.replica.conftest import Clock
from tests.replica.replicas import database, rows
from tests.seeds import NOW, make_record, owner, signed
from tui_registry.crdt import sign_up
from tui_registry.crdt.op import AnyOp
from tui_registry.datastore import DATABASE, MOST_NOTE, Datastore, NewsCount, StoreError, Watched
from tui_registry.query import QueryError
from tui_registry.replica import unshared
from tui_registry.replica.catalogue import since_looked
from tui_registry.replica.search import matching

LAB = owner("lab")


def names(datastore: Datastore, query: str) -> set[str]:
    return {row.name for row in datastore.search(query, limit=1000, whole=True, strict=True).rows}


def changed(op: AnyOp, **fields: str) -> AnyOp:
    """What the owner of a record writes next on it."""
    assert op.kind != "manifest"
    assert op.record is not None
    record = {**op.record, "updated_at": NOW, **fields}
    return sign_up(LAB, op.kind, record, children=[op.hash], clock=2)


def counts(datastore: Datastore) -> tuple[int, int, int]:
    found = datastore.news.count()
    return found.new, found.changed, found.conflicts


def test_what_others_bring_is_new_until_somebody_looked_and_what_is_written_here_never_is(
    datastore: Datastore, clock: Clock
) -> None:
    first, second = signed(LAB, "model", "first"), signed(LAB, "model", "second")
    own = datastore.add("model", make_record("model", "own")).key
    datastore.apply([first], source="peer")
    assert names(datastore, "is:new") == {"first"}
    assert {row.name: row.new for row in datastore.search().rows} == {"first": True, "own": False}
    assert counts(datastore) == (1, 0, 0)

    datastore.news.seen()
    assert (names(datastore, "is:new"), counts(datastore)) == (set(), (0, 0, 0))
    assert datastore.news.count() == NewsCount(upto=2, looked_at=clock.now)

    clock.now += 100
    datastore.apply([second, changed(first, description="said otherwise")], source="peer")
    datastore.update("model", own, make_record("model", "own 2"), datastore.heads(own))
    assert names(datastore, "is:new") == {"first", "second"}
    assert names(datastore, "is:new -name:second") == {"first"}
    assert counts(datastore) == (1, 1, 0)


def test_a_conflict_that_came_is_told_as_one_whichever_version_is_shown(datastore: Datastore) -> None:
    root = signed(LAB, "model", "root")
    datastore.apply([root, changed(root, description="z")], source="peer")
    datastore.news.seen()
    datastore.apply([changed(root, description="a")], source="peer")
    assert counts(datastore) == (0, 0, 1)
    assert names(datastore, "is:new") == {"root"}


def test_looking_at_what_was_counted_leaves_what_came_since(datastore: Datastore) -> None:
    datastore.apply([signed(LAB, "model", "first")], source="peer")
    upto = datastore.news.count().upto
    datastore.apply([signed(LAB, "model", "second")], source="peer")
    datastore.news.seen(upto)
    assert names(datastore, "is:new") == {"second"}
    datastore.news.seen(0)  # an older list that is left later takes nothing back
    assert names(datastore, "is:new") == {"second"}
    datastore.news.seen(10**9)
    datastore.apply([signed(LAB, "model", "third")], source="peer")
    assert names(datastore, "is:new") == {"third"}


def test_pulled_asks_when_a_version_came_here_and_not_when_it_was_written(datastore: Datastore, clock: Clock) -> None:
    old = signed(LAB, "model", "old", at=NOW - 900 * 86_400)
    datastore.apply([old], source="peer")
    datastore.add("model", make_record("model", "own"))
    clock.now += 10 * 86_400
    datastore.apply([signed(LAB, "model", "young")], source="file")
    assert names(datastore, "pulled:1d") == {"young"}
    assert names(datastore, "pulled:30d") == {"old", "young"}
    assert names(datastore, "-pulled:30d") == {"own"}
    assert names(datastore, "pulled:<5d") == {"young"}
    assert names(datastore, "pulled:>5d updated:>1y") == {"old"}


def test_news_of_muted_owners_are_not_told(datastore: Datastore) -> None:
    datastore.apply([signed(LAB, "model", "first"), signed(owner("other"), "model", "second")], source="peer")
    datastore.rations.mute(LAB.address)
    assert counts(datastore) == (1, 0, 0)
    assert names(datastore, "is:new") == {"second"}


def test_more_than_is_counted_is_told_as_at_least_so_much(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(since_looked, "MOST_COUNTED", 2)
    datastore.apply([signed(LAB, "model", name) for name in "abc"], source="peer")
    found = datastore.news.count()
    assert (found.new, found.exact) == (3, False)


def test_a_watched_owner_and_a_watched_search_tell_what_is_new_of_them(datastore: Datastore) -> None:
    datastore.searches.save("llamas", "llama")
    assert datastore.news.watch(f"0x{LAB.address.upper()}")
    assert datastore.news.watch("@llamas")
    assert not datastore.news.watch("@llamas")
    ops = [signed(LAB, "model", "llama"), signed(LAB, "model", "other"), signed(owner("b"), "model", "a llama")]
    datastore.apply(ops, source="peer")
    datastore.apply([signed(owner("b"), "model", "mistral")], source="peer")
    assert datastore.news.watched() == [Watched(f"0x{LAB.address}", 2), Watched("@llamas", 2)]
    assert names(datastore, "is:watched") == {"llama", "other", "a llama"}
    assert names(datastore, "-is:watched") == {"mistral"}
    datastore.searches.drop("llamas")
    assert datastore.news.watches() == [f"0x{LAB.address}"]
    assert datastore.news.unwatch(f"0x{LAB.address.upper()}")
    assert not datastore.news.unwatch(f"0x{LAB.address}")
    assert names(datastore, "is:watched") == set()


@pytest.mark.parametrize(
    ("what", "code"), [("lab", "bad_watch"), ("0x12", "bad_watch"), ("@none", "not_found"), ("", "bad_watch")]
)
def test_what_cannot_be_watched_is_refused(datastore: Datastore, what: str, code: str) -> None:
    with pytest.raises(StoreError) as refused:
        datastore.news.watch(what)
    assert refused.value.code == code


def test_a_search_that_watches_itself_ends(datastore: Datastore) -> None:
    datastore.searches.save("all", "is:watched OR name:first")
    datastore.news.watch("@all")
    datastore.apply([signed(LAB, "model", "first"), signed(LAB, "model", "second")], source="peer")
    assert names(datastore, "is:watched") == {"first"}


@pytest.mark.parametrize("field", ["note", "eval"])
def test_all_that_may_be_watched_is_searched_at_once(datastore: Datastore, field: str) -> None:
    datastore.add("model", make_record("model", "own"))
    for number in range(since_looked.MOST_WATCHED):
        asked = ",".join(f"b{number}x{place}" + (">=0" if field == "eval" else "") for place in range(60))
        datastore.searches.save(f"s{number}", f"{field}:{asked}")
        datastore.news.watch(f"@s{number}")
    assert (names(datastore, "is:watched"), names(datastore, "-is:watched")) == (set(), {"own"})


def test_stars_and_notes_are_found_shown_and_taken_away(datastore: Datastore) -> None:
    ids = [datastore.add("model", make_record("model", name)).key for name in ("one", "two", "three")]
    assert datastore.stars.star([ids[0], ids[1], ids[0]], starred=True) == 2
    assert datastore.stars.star(ids[:1], starred=True) == 0
    assert datastore.stars.note(ids[1], " Try it again on the big-GPU box\n")
    assert not datastore.stars.note(ids[1], "Try it again on the big-GPU box")
    assert names(datastore, "is:starred") == {"one", "two"}
    assert names(datastore, "note:gpu") == names(datastore, 'note:"again on th"') == {"two"}
    assert names(datastore, "note:pu") == set()
    assert names(datastore, "has:note is:starred") == {"two"}
    assert {row.name: (row.starred, row.noted) for row in datastore.search().rows} == {
        "one": (True, False), "two": (True, True), "three": (False, False)
    }  # fmt: skip
    entry = datastore.entry(ids[1])
    assert entry is not None
    assert (entry.starred, entry.note) == (True, "Try it again on the big-GPU box")
    assert [(one.name, one.starred_at, one.note) for one in datastore.stars.all()] == [
        ("one", NOW, None), ("two", NOW, "Try it again on the big-GPU box")
    ]  # fmt: skip
    assert datastore.stars.star(ids, starred=False) == 2
    assert datastore.stars.note(ids[1], "  ")
    assert datastore.stars.all() == []


@pytest.mark.parametrize("text", ["x" * (MOST_NOTE + 1), "half \ud800"])
def test_a_note_that_cannot_be_kept_is_refused(datastore: Datastore, text: str) -> None:
    key = datastore.add("model", make_record("model", "one")).key
    with pytest.raises(StoreError) as refused:
        datastore.stars.note(key, text)
    assert refused.value.code == "bad_note"
    assert datastore.stars.all() == []


def test_too_many_stars_are_refused_and_none_is_put(datastore: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unshared, "MOST_STARS", 2)
    ids = [f"{place:064x}" for place in range(3)]
    with pytest.raises(StoreError) as refused:
        datastore.stars.star(ids, starred=True)
    assert refused.value.code == "too_many_stars"
    assert datastore.stars.all() == []
    for key in ids[:2]:
        datastore.stars.note(key, "x")
    with pytest.raises(StoreError) as refused:
        datastore.stars.note(ids[2], "x")
    assert refused.value.code == "too_many_notes"


def test_stars_and_notes_outlive_deletion_purge_and_a_log_that_was_mended(datastore: Datastore) -> None:
    own = datastore.add("model", make_record("model", "own"))
    ops = [signed(LAB, "model", "first"), signed(LAB, "model", "second")]
    datastore.apply(ops, source="peer")
    keys = [own.key, *(op.key for op in ops)]
    datastore.stars.star(keys, starred=True)
    datastore.stars.note(keys[0], "mine")

    datastore.delete("model", own.key, datastore.heads(own.key))
    assert names(datastore, "is:starred") == {"first", "second"}
    datastore.add("model", {**make_record("model", "own"), "model_id": own.key})
    assert names(datastore, "is:starred note:mine") == {"own"}

    with database(datastore) as db:
        (body,) = db.execute("SELECT body FROM ops WHERE hash = ?", (bytes.fromhex(ops[0].hash),)).fetchone()
        db.execute("UPDATE ops SET body = ? WHERE hash = ?", (body[:-9], bytes.fromhex(ops[0].hash)))
    assert not datastore.verify().sound
    assert names(datastore, "is:starred") == {"own", "second"}

    datastore.purge(owner=LAB.address)
    assert names(datastore, "is:starred") == {"own"}
    assert len(datastore.stars.all()) == 3
    datastore.rations.unblock(LAB.address)
    datastore.apply(ops, source="peer")
    assert names(datastore, "is:starred") == {"own", "first", "second"}


def seen_and_unseen(datastore: Datastore) -> list[AnyOp]:
    ops = [signed(owner("gone"), "model", "gone"), signed(LAB, "model", "seen"), signed(LAB, "model", "new")]
    datastore.apply(ops[:2], source="peer")
    datastore.news.seen()
    datastore.apply(ops[2:], source="peer")
    return ops


def test_what_was_looked_at_stays_so_when_the_log_is_rewritten_without_something(datastore: Datastore) -> None:
    ops = seen_and_unseen(datastore)
    datastore.purge(owner=owner("gone").address)
    assert names(datastore, "is:new") == {"new"}
    with database(datastore) as db:
        db.execute("UPDATE ops SET body = x'00' WHERE hash = ?", (bytes.fromhex(ops[1].hash),))
    assert not datastore.verify().sound
    assert (names(datastore, "is:new"), counts(datastore)) == ({"new"}, (1, 0, 0))
    datastore.verify()
    assert names(datastore, "is:new") == {"new"}


def test_nobody_else_may_ask_for_what_a_person_keeps(datastore: Datastore) -> None:
    key = datastore.add("model", make_record("model", "one")).key
    datastore.stars.star([key], starred=True)
    datastore.stars.note(key, "secret")
    queries = (
        "is:starred",
        "-is:starred",
        "one OR note:secret",
        "has:note",
        "is:new",
        "pulled:1d",
        "is:watched",
        "x (a -(is:new b))",
    )
    for query in queries:
        with pytest.raises(QueryError, match="a node tells nothing of that"):
            datastore.search(query, own_names=False)
        with pytest.raises(QueryError, match="a node tells nothing of that"):
            datastore.facets(query, own_names=False)
    row = datastore.search(own_names=False).rows[0]
    assert (row.starred, row.noted, row.new) == (False, False, False)


PLANS: Sequence[tuple[str, tuple[object, ...], str]] = (
    (since_looked.NEW, (), "arrivals_from_others"),
    (since_looked.PULLED, (0, NOW), "arrivals_at"),
)


@pytest.mark.parametrize(("statement", "bound", "index"), PLANS)
def test_what_came_is_read_from_its_runs_and_places(
    datastore: Datastore, statement: str, bound: tuple[object, ...], index: str
) -> None:
    plan = [str(row[-1]) for row in rows(datastore, f"EXPLAIN QUERY PLAN {statement}", *bound)]
    assert not [
        line
        for line in plan
        if line.startswith("SCAN") and "arrivals" not in line and line.split()[1] not in ("r", "run")
    ]
    assert any(index in line for line in plan)
    assert any(line.startswith("SEARCH o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)") for line in plan)


def test_a_replica_of_before_begins_with_nothing_new(tmp_path: Path) -> None:
    import gzip

    folder = tmp_path / "old"
    folder.mkdir()
    released = Path(__file__).parent / "released" / "1.sqlite3.gz"
    (folder / DATABASE).write_bytes(gzip.decompress(released.read_bytes()))
    with Datastore.open(folder) as datastore:
        assert datastore.stats().records
        assert counts(datastore) == (0, 0, 0)


def test_the_few_that_are_not_new_are_listed_where_all_others_are(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LISTED", 8), ("_CHECKED", 8)):
        monkeypatch.setattr(matching, name, value)
    datastore.apply([signed(LAB, "model", f"seen {number}") for number in range(3)], source="peer")
    datastore.news.seen()
    datastore.add("model", make_record("model", "own"))
    datastore.apply([signed(LAB, "model", f"new {number}") for number in range(20)], source="peer")
    page = datastore.search("-is:new sort:name", limit=2)
    assert ([row.name for row in page.rows], page.total, page.exact) == (["own", "seen 0"], 4, True)
    assert datastore.search("is:new", limit=2).exact is False
