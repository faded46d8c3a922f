"""Which records name which: both ways, in every order of arrival, and counted only where the record is live."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crdt.making import ADA, root
from tests.replica.conftest import Clock
from tests.seeds import make_record
from tui_registry.crdt import AnyOp
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import Json, Record
from tui_registry.present.links import affected_line
from tui_registry.records.schema import defaults
from tui_registry.replica.catalogue.record_links import Linked


def manifest(**fields: Json) -> Record:
    return defaults("manifest") | fields


def model(store: Datastore, name: str, **behind: Json) -> str:
    return store.add("model", make_record("model", name), manifest=manifest(**behind)).key


def agent(store: Datastore, name: str, prefers: tuple[str, ...] = (), **behind: Json) -> str:
    record = make_record("agent", name, preferred_models=[*prefers])
    return store.add("agent", record, manifest=manifest(**behind)).key


def made_from(target: str | None, name: str = "", relation: Json = "Finetune") -> Record:
    return {"relation": relation, "model_id": target, "name": name, "sha256": None}


def names(rows: tuple[Linked, ...]) -> list[str]:
    return [row.name for row in rows]


def test_both_ends_of_a_link_tell_of_it(datastore: Datastore) -> None:
    base = model(datastore, "base")
    tuned = model(datastore, "tuned", derived_from=[made_from(base), made_from(None, "org/other", {"Other": "taught"})])
    crew = agent(datastore, "crew", (base, "ab" * 32), required_models=[tuned])
    links = datastore.links
    assert names(links.needs(crew).rows) == ["tuned"]
    assert names(links.needed_by(tuned).rows) == names(links.preferred_by(base).rows) == ["crew"]
    assert names(links.derivatives(base).rows) == ["tuned"]
    assert [(row.name, row.presence) for row in links.prefers(crew).rows] == [("base", "live"), ("", "unknown")]
    assert [(row.name, row.relation, row.presence) for row in links.derived_from(tuned).rows] == [
        ("base", "Finetune", "live"),
        ("org/other", "taught", "unknown"),
    ]
    page = links.needed_by(tuned)
    assert (page.own, page.named, page.strangers, page.total, page.exact) == (1, 0, 0, 1, True)
    datastore.delete("model", tuned, datastore.heads(tuned))
    assert [(row.name, row.presence) for row in links.needs(crew).rows] == [("tuned", "deleted")]
    assert names(links.needed_by(tuned).rows) == ["crew"]
    assert names(links.derivatives(base).rows) == []
    datastore.delete("agent", crew, datastore.heads(crew))
    assert links.affected(tuned).needs.total == links.affected(base).prefers.total == 0
    assert datastore.verify().sound


def state(store: Datastore) -> list[list[tuple[object, ...]]]:
    """What the replica keeps of links, told without places."""
    with sqlite3.connect(store.data_dir / "registry.sqlite3") as db:
        links = (
            "SELECT k.id, l.sort, l.target, l.relation, l.owner, c.id FROM links l JOIN keys k ON k.rid = l.stated_by "
            "LEFT JOIN catalogue c ON c.rid = l.source ORDER BY 1, 2, 3"
        )
        missing = "SELECT target FROM missing ORDER BY 1"
        measured = "SELECT k.id, benchmark, value FROM evaluations JOIN keys k USING (rid) ORDER BY 1, 2, 3"
        return [db.execute(statement).fetchall() for statement in (links, missing, measured)]


def test_every_order_of_arrival_gives_the_same_links(datastore: Datastore, tmp_path: Path, clock: Clock) -> None:
    base = datastore.add("model", make_record("model", "base"))
    crew = datastore.add("agent", make_record("agent", "crew", preferred_models=[base.key]))
    said = [{"benchmark": "MMLU", "metric": "acc", "value": "0.71", "source": ""}]
    behind = datastore.manifests.set(crew.key, manifest(required_models=[base.key], evaluations=said))
    after = datastore.manifests.set(crew.key, manifest(derived_from=[made_from(base.key)]), (behind.hash,))
    ops: list[AnyOp] = [base, crew, behind, after]
    right = state(datastore)
    assert len(right[0]) == 2
    gone = datastore.delete("model", base.key, (base.hash,))
    without = state(datastore)
    assert without[1] == [(bytes.fromhex(base.key),)]
    for number, order in enumerate(itertools.permutations(ops)):
        with Datastore.open(tmp_path / str(number), clock=clock) as other:
            for op in order:
                other.apply([op.to_json()], source="hub")
            assert state(other) == right
            if number % 6 == 0:
                assert other.verify().sound
            other.apply([gone.to_json()], source="hub")
            assert state(other) == without
    with Datastore.open(tmp_path / "at once", clock=clock) as other:
        other.apply([op.to_json() for op in [*ops, gone]], source="hub")
        assert state(other) == without
        assert other.verify().sound


def test_own_and_named_keys_come_first_and_strangers_are_counted_apart(datastore: Datastore) -> None:
    base = model(datastore, "base")
    theirs = [root("agent", name=f"stranger {number}", preferred_models=[base]) for number in range(3)]
    datastore.apply([op.to_json() for op in theirs], source="hub")
    agent(datastore, "mine", (base,))
    page = datastore.links.preferred_by(base)
    assert (page.own, page.named, page.strangers) == (1, 0, 3)
    assert page.rows[0].name == "mine"
    assert affected_line(datastore.links.affected(base)) == "4 agents (3 of keys without a name) prefer this"
    datastore.names.set(ADA.address, "bob")
    page = datastore.links.preferred_by(base, limit=2)
    assert (page.own, page.named, page.strangers) == (1, 3, 0)
    assert [(row.whose, row.owner_name) for row in page.rows] == [("own", None), ("named", "bob")]


def test_claims_of_strangers_keep_nothing_of_known_keys_out_of_a_walk(datastore: Datastore) -> None:
    base = model(datastore, "base")
    theirs = [root("agent", name=f"stranger {number}", preferred_models=[base]) for number in range(5)]
    datastore.apply([op.to_json() for op in theirs], source="hub")
    tuned = model(datastore, "tuned", derived_from=[made_from(base)])
    agent(datastore, "mine", (tuned,))
    walk = datastore.links.walk(base, "dependants", most=4)
    assert [node.record.name for node in walk.nodes][:3] == ["base", "tuned", "mine"]
    assert walk.more
    walk = datastore.links.walk(base, "dependants")
    assert [(node.record.whose, node.parent) for node in walk.nodes[3:]] == [("stranger", 0)] * 5
    assert not walk.more


def test_what_stands_in_the_index_is_mended_and_taken_out(datastore: Datastore, tmp_path: Path) -> None:
    base = model(datastore, "base")
    agent(datastore, "crew", (base,), required_models=[base])
    theirs = root("agent", name="theirs", preferred_models=[base])
    lost = root("model", name="lost")
    datastore.apply([theirs.to_json(), lost.to_json()], source="hub")
    agent(datastore, "loser", (lost.key,))
    right = state(datastore)
    with sqlite3.connect(datastore.data_dir / "registry.sqlite3") as db:
        db.execute("DELETE FROM links WHERE sort = 0")
        db.execute("UPDATE links SET source = NULL WHERE sort = 1")
        db.execute("INSERT INTO missing (target) VALUES (?)", (bytes.fromhex(base),))
    assert not datastore.verify().sound
    assert state(datastore) == right
    assert datastore.verify().sound
    datastore.purge(owner=ADA.address)
    assert names(datastore.links.preferred_by(base).rows) == ["crew"]
    assert state(datastore)[1] == [(bytes.fromhex(lost.key),)]
    assert datastore.verify().sound


def test_walks_end_in_circles_and_at_their_bounds(datastore: Datastore) -> None:
    first = model(datastore, "first")
    second = model(datastore, "second", derived_from=[made_from(first)])
    third = model(datastore, "third", derived_from=[made_from(second)])
    entry = datastore.manifests.get(first)
    assert entry is not None
    datastore.manifests.set(first, manifest(derived_from=[made_from(third), made_from(first)]), entry.heads)
    for walk in (datastore.links.walk(second, "lineage"), datastore.links.walk(first, "dependants")):
        assert (walk.deeper, walk.more) == (False, False)
        assert sorted(node.record.name for node in walk.nodes if not node.again) == ["first", "second", "third"]
    # It made itself from itself: that concerns nobody else.
    assert names(datastore.links.derivatives(first).rows) == ["second"]
    assert datastore.links.derivatives(first).total == 1
    short = datastore.links.walk(third, "lineage", 1)
    assert [node.record.name for node in short.nodes] == ["third", "second"]
    assert short.deeper
    with pytest.raises(StoreError) as raised:
        datastore.links.walk("ab" * 32, "lineage")
    assert raised.value.code == "not_found"


def test_what_an_earlier_program_left_is_linked_behind_the_one_that_runs(datastore: Datastore) -> None:
    base = model(datastore, "base")
    datastore.add("agent", make_record("agent", "crew", preferred_models=[base, "ab" * 32]))
    right = state(datastore)
    datastore.close()
    with sqlite3.connect(datastore.data_dir / "registry.sqlite3") as db:
        db.execute("DELETE FROM links")
        db.execute("DELETE FROM missing")
        db.execute("UPDATE replica SET index_version = 1")
    with Datastore.open(datastore.data_dir) as again:
        assert again.finish_index(60.0, lambda *_: None)
        assert state(again) == right
        assert not again.links.preferred_by(base).partial
        assert again.verify().sound


def found(store: Datastore, query: str) -> list[str]:
    return sorted(row.name for row in store.search(query).rows)


def test_links_and_what_was_measured_are_asked_for_in_a_query(datastore: Datastore) -> None:
    base = model(datastore, "base", evaluations=[
        {"benchmark": name, "metric": "acc", "value": "0.71", "source": ""} for name in ("MMLU", "MMLU (k=5)")
    ])  # fmt: skip
    tuned = model(datastore, "tuned", derived_from=[made_from(base), made_from(None, "org/other")])
    agent(datastore, "crew", required_models=[tuned])
    assert found(datastore, "needs:tuned") == found(datastore, f"needs:{tuned[:6]}") == ["crew"]
    assert found(datastore, "from:base") == found(datastore, "from:org/other") == ["tuned"]
    assert found(datastore, "eval:mmlu>=0.7") == found(datastore, "eval:MMLU") == ["base"]
    assert found(datastore, "eval:mmlu>0.71") == []
    assert found(datastore, 'eval:"mmlu (k=5)">=0.7') == found(datastore, 'eval:"mmlu (k=5)=0.71"') == ["base"]
    assert found(datastore, 'eval:"mmlu (k=5)"') == ["base"]
    assert found(datastore, 'eval:"mmlu (k=6)"') == []
    assert [one.text for one in datastore.complete("eval:m", 6)] == ["mmlu", "mmlu (k=5)"]
    assert [one.text for one in datastore.complete("needs:t", 7)] == ["tuned"]
    assert "the model of" in datastore.search("needs:tuned").notes[0]
    assert found(datastore, "is:orphaned") == []
    entry = datastore.manifests.get(tuned)
    assert entry is not None
    assert entry.manifest is not None
    datastore.manifests.set(tuned, {**entry.manifest, "derived_from": []}, entry.heads)
    assert found(datastore, "from:base OR from:org/other") == []
    datastore.delete("model", tuned, datastore.heads(tuned))
    assert found(datastore, "is:orphaned") == found(datastore, f"needs:{tuned}") == ["crew"]
    assert datastore.verify().sound


def scans(store: Datastore, ask: Callable[[], object]) -> set[str]:
    """Which tables that grow with the records are read through for an answer."""
    said: list[str] = []
    with store._pool.read() as db:
        db.set_trace_callback(said.append)
    ask()
    with store._pool.read() as db:
        db.set_trace_callback(None)
        plans = [row[3] for one in said for row in db.execute(f"EXPLAIN QUERY PLAN {one}")]
    assert plans
    growing = {"ops", "o", "keys", "k", "catalogue", "c", "manifests", "m", "links", "l", "evaluations", "missing"}
    return {plan.split()[1] for plan in plans if plan.startswith("SCAN")} & growing


def test_links_and_names_are_each_one_lookup_however_many_records_there_are(datastore: Datastore) -> None:
    base = model(datastore, "base")
    crew = agent(datastore, "crew", (base,), required_models=[base], derived_from=[made_from(base)])
    links = datastore.links
    for ask in (
        lambda: links.affected(base),
        lambda: links.needs(crew),
        lambda: links.derived_from(crew),
        lambda: links.walk(base, "dependants"),
        lambda: links.walk(crew, "lineage"),
        lambda: datastore.named("Base"),
        lambda: datastore.beginning("b"),
        lambda: datastore.find("crew", own=True),
    ):
        assert not scans(datastore, ask)
