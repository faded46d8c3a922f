"""Lists over REST: some fields of records, how many there are, what else could be asked, and what is held already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.conftest import T0, Node, client, refused, serving
from tests.node.test_conflicts_api import ME, given
from tests.seeds import make_record, seed, signed
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Json, Kind
from tui_registry.node import NodeBounds, running
from tui_registry.node.api import _Question
from tui_registry.node.kept import KeptAnswers, Whole
from tui_registry.records import defaults


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of a dozen records, to which nothing is written over HTTP."""
    with Datastore.open(tmp_path_factory.mktemp("seeded") / "node", clock=lambda: T0) as store:
        seed(store, 12)
        store.key.replace(ME)
        for kind in KINDS:
            given(store, kind, 2)
        with serving(store) as started:
            yield started


@pytest.mark.parametrize("kind", KINDS)
def test_some_fields_are_told_with_the_id_and_the_state(seeded: Node, kind: Kind) -> None:
    whole = seeded.reader.get(f"/{kind}s").json()["items"]
    names = [f"{kind}_id", "name", "license", "revision", "conflict", "heads"]
    wanted = [{name: item[name] for name in names} for item in whole]
    for fields in ("license,name", " name , license,revision", f"name,license,{kind}_id,name"):
        told = seeded.reader.get(f"/{kind}s", params={"fields": fields}).json()
        assert told["items"] == wanted
        assert [[*item] for item in told["items"]] == [names] * len(whole)
    asked = {"query": "", "fields": ["name", "license"]}
    assert seeded.reader.post(f"/{kind}s/search", json=asked).json()["items"] == wanted
    # None at all, and what stands for all.
    assert {*seeded.reader.get(f"/{kind}s", params={"fields": "conflict"}).json()["items"][0]} == {
        f"{kind}_id", "revision", "conflict", "heads",
    }  # fmt: skip
    assert seeded.reader.get(f"/{kind}s", params={"fields": ""}).json()["items"] == whole
    # One record, in conflict or not, as well.
    for item in (whole[0], next(item for item in whole if item["conflict"])):
        alone = seeded.reader.get(f"/{kind}s/{item[f'{kind}_id']}", params={"fields": "name,license"})
        assert alone.json() == wanted[whole.index(item)]
        # Its tag is of what was told, and guards a write all the same.
        assert alone.headers["etag"].startswith(f'"{item["revision"]}.')
        etag = {"if-none-match": alone.headers["etag"]}
        assert seeded.reader.get(f"/{kind}s/{item[f'{kind}_id']}", headers=etag).status_code == 200
    refused(seeded.reader.get(f"/{kind}s/{'0' * 64}", params={"fields": "name"}), 404, "not_found")


def test_a_status_stands_beside_the_revision_in_lists_and_alone_and_may_be_sent_back(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store, serving(store) as node:
        seed(store, 3)
        key = store.add("model", make_record("model", "old")).key
        node_url = f"/models/{key}"
        plain = node.reader.get(node_url)
        store.manifests.set(key, {**defaults("manifest"), "status": "Deprecated", "status_message": "use another"})
        told = node.reader.get(node_url)
        assert told.json() == {**plain.json(), "status": "Deprecated"}
        assert told.headers["etag"] != plain.headers["etag"]
        (listed,) = node.reader.get("/models", params={"q": "status:deprecated"}).json()["items"]
        assert listed == told.json()
        others = node.reader.get("/models", params={"q": "status:active"}).json()["items"]
        assert others
        assert all("status" not in item for item in others)
        (part,) = node.reader.get("/models", params={"q": "status:deprecated", "fields": "name"}).json()["items"]
        assert part["status"] == "Deprecated"
        facets = node.reader.get("/models/facets").json()["items"]
        assert {one["value"]: one["records"] for one in facets if one["field"] == "status"} == {
            "Active": len(others), "Deprecated": 1
        }  # fmt: skip
        headers = {"if-match": told.headers["etag"]}
        changed = node.writer.put(node_url, json={**told.json(), "description": "again"}, headers=headers)
        assert changed.status_code == 200
        assert node.reader.get(node_url).json()["status"] == "Deprecated"


def test_a_field_that_there_is_not_is_told_with_the_nearest_that_there_is(seeded: Node) -> None:
    for answer in (
        seeded.reader.get("/models", params={"fields": "name,licence"}),
        seeded.reader.get("/models/ab", params={"fields": "licence"}),
        seeded.reader.post("/models/search", json={"fields": ["licence"]}),
    ):
        (problem,) = refused(answer, 422, "invalid")["problems"]
        assert (problem["path"], problem["code"]) == ("fields", "unknown_field")
        assert "did you mean 'license'?" in problem["sentence"]
    bad: list[Json] = ["name", 7, ["name"] * 65, [["name"]], [None]]
    for fields in bad:
        refused(seeded.reader.post("/models/search", json={"fields": fields}), 422, "invalid")
    hostile = seeded.reader.get("/models", params={"fields": "\x1b[31m\u202e"})
    assert "\x1b" not in str(refused(hostile, 422, "invalid")["detail"])


def test_how_many_there_are_is_told_where_it_is_asked_for(seeded: Node) -> None:
    first = seeded.reader.get("/models", params={"limit": "2", "total": "true"}).json()
    assert (first["total"], first["total_is_exact"]) == (seeded.store.stats().models, True)
    # The pages behind know as well; and they are pages of the same list, asked for with it or not.
    params = {"limit": "2", "total": "true", "cursor": first["next"]}
    assert seeded.reader.get("/models", params=params).json()["total"] == first["total"]
    assert "total" not in seeded.reader.get("/models", params={"limit": "2", "cursor": first["next"]}).json()
    for params in ({}, {"total": "false"}, {"total": ""}):
        assert "total" not in seeded.reader.get("/models", params=params).json()
    assert seeded.reader.post("/models/search", json={"total": True}).json()["total"] == first["total"]
    refused(seeded.reader.get("/models", params={"total": "yes"}), 422, "invalid")
    for total in (0, 1, "", {}):
        refused(seeded.reader.post("/models/search", json={"total": total}), 422, "invalid")


def test_a_list_that_is_held_is_not_told_again(seeded: Node) -> None:
    params = {"limit": "2", "sort": "name"}
    first = seeded.reader.get("/models", params=params)
    assert first.headers["cache-control"] == "no-cache"
    for tags in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
        held = seeded.reader.get("/models", params=params, headers={"if-none-match": tags})
        assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", first.headers["etag"])
    for other in ({**params, "limit": "3"}, {**params, "fields": "name"}):
        answer = seeded.reader.get("/models", params=other, headers={"if-none-match": first.headers["etag"]})
        assert answer.status_code == 200


def test_a_tag_of_a_list_changes_with_what_is_in_it(busy: Node) -> None:
    made = busy.writer.post("/models", json={"name": "tagged", "license": "MIT"}).headers["location"]
    before = busy.reader.get("/models", params={"q": "tagged"}).headers["etag"]
    busy.writer.patch(made, json={"description": "new"}).raise_for_status()
    again = busy.reader.get("/models", params={"q": "tagged"}, headers={"if-none-match": before})
    assert again.status_code == 200


def test_where_nothing_is_found_it_is_told_what_else_could_be_asked(seeded: Node) -> None:
    for answer in (
        seeded.reader.get("/models", params={"q": "mistrl"}),
        seeded.reader.post("/models/search", json={"query": "mistrl"}),
    ):
        told = answer.json()
        assert {name: told[name] for name in ("items", "next", "did_you_mean")} == {
            "items": [], "next": None, "did_you_mean": "mistral",
        }  # fmt: skip
        assert told["near"]
    assert seeded.reader.get("/models", params={"q": "mistral"}).json()["items"]
    assert "did_you_mean" not in seeded.reader.get("/models", params={"q": "qqqqqqqq"}).json()


@pytest.mark.parametrize("kind", KINDS)
def test_what_records_have_in_common_is_counted_and_narrows_a_list_down(seeded: Node, kind: Kind) -> None:
    told = seeded.reader.get(f"/{kind}s/facets")
    page = told.json()
    assert (page["next"], page["notes"], page["is_exact"]) == (None, [], True)
    counts = {(item["field"], item["value"]): item for item in page["items"]}
    assert counts
    for field, value in [*counts][:8]:
        item = counts[field, value]
        found = seeded.reader.get(f"/{kind}s", params={"q": item["term"], "total": "true", "limit": "1"}).json()
        assert found["total"] == item["records"], item
    narrowed = seeded.reader.get(f"/{kind}s/facets", params={"q": "mistral"}).json()["items"]
    assert sum(item["records"] for item in narrowed) < sum(item["records"] for item in page["items"])
    held = seeded.reader.get(f"/{kind}s/facets", headers={"if-none-match": told.headers["etag"]})
    assert held.status_code == 304
    refused(seeded.reader.get(f"/{kind}s/facets", params={"q": "licence:"}), 400, "query")
    refused(seeded.reader.get(f"/{kind}s/facets", params={"limit": "1"}), 400, "parameter")
    refused(seeded.reader.get(f"/{kind}s/facets", params={"q": "a" * 5000}), 422, "invalid")


def test_a_stranger_counts_by_no_saved_search_and_no_name_of_an_owner(busy: Node) -> None:
    busy.store.searches.save("mine", "license:mit")
    busy.store.names.set("1" * 40, "somebody")
    refused(busy.reader.get("/models/facets", params={"q": "@mine"}), 400, "query")
    assert busy.reader.get("/models/facets", params={"q": "owner:somebody"}).json()["items"] == []


def test_an_answer_that_is_kept_is_the_one_that_would_be_read(tmp_path: Path) -> None:
    day, now = 86_400, [T0]
    with (
        Datastore.open(tmp_path / "node", clock=lambda: now[0]) as store,
        running(store) as usual,
        running(store, bounds=NodeBounds(list_cache_bytes=9_000)) as cramped,
        running(store, bounds=NodeBounds(list_cache_bytes=0)) as forgetful,
        client(usual) as kept,
        client(cramped) as seldom,
        client(forgetful) as reads,
    ):
        seed(store, 9)
        store.apply([signed(ME, "model", f"number ahead {n}", at=T0 + n * day).body for n in (1, 3)])

        def assert_same() -> None:
            for query in ("", "number -ahead", "updated:<1d", "numbre", "has:manifest", "kind:agent"):
                for params in ({"limit": "2"}, {"total": "true", "fields": "name", "sort": "-created"}):
                    asked = {**params, "q": query}
                    read = reads.get("/models", params=asked)
                    assert read.status_code == 200
                    for other in (kept, kept, seldom):
                        told = other.get("/models", params=asked)
                        assert (told.content, told.headers["etag"]) == (read.content, read.headers["etag"]), asked
            assert reads.get("/agents").content == kept.get("/agents").content != kept.get("/models").content

        assert_same()
        op = store.add("model", make_record("model", "number ten"))
        assert_same()
        with Datastore.open(tmp_path / "node", clock=lambda: T0) as beside:
            beside.manifests.set(op.key, {**defaults("manifest"), "status": "Deprecated"})
        assert_same()
        for moved in (1, day, 2 * day, -day):
            now[0] = T0 + moved
            assert_same()
        store.delete("model", op.key, store.heads(op.key))
        assert_same()


def test_no_more_answers_are_kept_than_there_is_room_for() -> None:
    answered = KeptAnswers(20_000)
    asked = [("model", _Question(f"word {n}", 50, None, None)) for n in range(30)]
    for one in asked:
        assert answered.get(one, 7, T0) is None
        answered.keep(one, Whole(b"x" * 3_000, ""), 7, T0, None, characters=7)
    assert [one for one in asked if answered.get(one, 7, T0) is not None] == asked[-4:]
    answered.keep(asked[0], Whole(b"x" * 6_000, ""), 7, T0, None)
    assert answered.get(asked[0], 7, T0) is None  # as large as many others
    assert answered.get(asked[-1], 8, T0) is None
    # What was read before somebody wrote is not kept for those who ask after.
    answered.keep(asked[-1], Whole(b"", ""), 7, T0, None)
    assert answered.get(asked[-1], 8, T0) is None
