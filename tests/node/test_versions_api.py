"""What was done to a record, and what it is made of, over REST: history, heads and versions."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.node.conftest import Node, client, refused
from tests.node.test_conflicts_api import ME, Given, given, revision
from tui_registry.errors import KINDS, Kind
from tui_registry.node import NodeBounds, api, running


class Life(NamedTuple):
    """A record that was registered, edited, deleted and brought back, and one in conflict, which are in a node."""

    kind: Kind
    path: str
    contested: Given


@pytest.fixture(scope="module", params=KINDS)
def life(busy: Node, request: pytest.FixtureRequest) -> Life:
    kind: Kind = request.param
    busy.store.key.replace(ME)
    body = {"name": "lived", "license": "MIT", "tags": ["a"]}
    made = busy.writer.post(f"/{kind}s", json=body)
    path = made.headers["location"]
    busy.writer.patch(path, json={"version": "2.0.0", "resource_requirements": {"min_disk_gb": 6}}).raise_for_status()
    busy.writer.delete(path).raise_for_status()
    return Life(kind, path, given(busy.store, kind, 3))


def test_a_history_tells_what_was_done_of_what_is_deleted_too(busy: Node, life: Life) -> None:
    page = busy.reader.get(f"{life.path}/history").json()
    assert (page["next"], page["notes"]) == (None, [])
    deleted, edited, registered = page["items"]
    assert [item["deed"] for item in page["items"]] == ["deleted", "edited", "registered"]
    assert [item["is_head"] for item in page["items"]] == [True, False, False]
    assert (deleted["record"], edited["record"]["version"]) == (None, "2.0.0")
    assert edited["changed"] == ["version", "resource_requirements.min_disk_gb"]
    assert (deleted["children"], edited["children"], registered["children"]) == (
        [edited["hash"]], [registered["hash"]], [],
    )  # fmt: skip
    # Who an operation came from is the operator's own business.
    assert "laptop" not in busy.reader.get(f"{life.contested.path}/history").text
    # By the beginning of its id as well.
    assert busy.reader.get(f"{life.path[:-40]}/history").json() == page


def test_a_history_that_takes_long_comes_in_smaller_pages(
    busy: Node, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = busy.reader.get(f"{life.path}/history").json()["items"]
    monkeypatch.setattr(api, "_HISTORY_SECONDS", -1.0)
    read: list[object] = []
    cursor: dict[str, str] = {}
    while (page := busy.reader.get(f"{life.path}/history", params=cursor).json())["next"] is not None:
        assert len(page["items"]) == 1
        read += page["items"]
        cursor = {"cursor": page["next"]}
    assert [*read, *page["items"]] == whole


def test_a_history_is_read_page_by_page(busy: Node, life: Life) -> None:
    whole = busy.reader.get(f"{life.path}/history").json()["items"]
    read, params = [], {"limit": "2"}
    while True:
        page = busy.reader.get(f"{life.path}/history", params=params).json()
        assert len(page["items"]) <= 2
        read += page["items"]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert read == whole
    # A page that is just full, and the one behind the last.
    assert busy.reader.get(f"{life.path}/history", params={"limit": "3"}).json()["next"] is None
    assert busy.reader.get(f"{life.path}/history", params={"cursor": "0"}).json()["items"] == []
    for cursor in ("-1", "x", "9" * 19):
        refused(busy.reader.get(f"{life.path}/history", params={"cursor": cursor}), 422, "invalid")


def test_a_page_of_large_records_ends_early(busy: Node, life: Life) -> None:
    with running(busy.store, bounds=NodeBounds(answer_bytes=1)) as address, client(address) as reader:
        page = reader.get(f"{life.path}/history").json()
        assert [item["deed"] for item in page["items"]] == ["deleted"]
        assert (
            reader.get(f"{life.path}/history", params={"cursor": page["next"]}).json()["items"][0]["deed"] == "edited"
        )


def test_heads_tell_the_state_of_a_record_deleted_or_not(busy: Node, life: Life) -> None:
    heads = busy.reader.get(f"{life.path}/heads")
    (head,) = heads.json()["heads"]
    assert heads.json() == {"revision": revision(head), "conflict": False, "heads": [head], "live": []}
    several = busy.reader.get(f"{life.contested.path}/heads").json()
    shown = busy.reader.get(life.contested.path).json()
    assert {name: several[name] for name in ("revision", "conflict", "heads")} == {
        "revision": shown["revision"], "conflict": True, "heads": life.contested.heads,
    }  # fmt: skip
    assert several["live"] == [version["hash"] for version in shown["versions"]]


def test_versions_are_told_of_a_record_in_conflict_or_not(busy: Node, life: Life) -> None:
    shown = busy.reader.get(life.contested.path).json()
    told = busy.reader.get(f"{life.contested.path}/versions").json()
    assert told == {name: shown[name] for name in told}
    assert len(told["versions"]) == 3
    refused(busy.reader.get(f"{life.path}/versions"), 404, "not_found")
    alone = given(busy.store, life.kind, 1)
    told = busy.reader.get(f"{alone.path}/versions").json()
    assert (told["conflict"], told["differing"], told["heads"]) == (False, [], alone.heads)
    (version,) = told["versions"]
    record = busy.reader.get(alone.path).json()
    assert version["record"] == {name: record[name] for name in version["record"]}


@pytest.mark.parametrize("part", ["heads", "versions"])
def test_what_is_held_of_a_record_is_not_told_again(busy: Node, life: Life, part: str) -> None:
    etag = busy.reader.get(f"{life.contested.path}/{part}").headers["etag"]
    again = busy.reader.get(f"{life.contested.path}/{part}", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    # What stands before the dot is what a write may name.
    assert etag.partition(".")[0] == busy.reader.get(life.contested.path).headers["etag"].partition(".")[0]


@pytest.mark.parametrize("part", ["history", "heads", "versions"])
def test_parts_of_what_there_is_not_are_not_found(busy: Node, life: Life, part: str) -> None:
    other = "agents" if life.kind == "model" else "models"
    for path in (f"/{life.kind}s/{'0' * 64}", f"/{other}/{life.path.rpartition('/')[2]}", f"/{life.kind}s/xyz"):
        refused(busy.reader.get(f"{path}/{part}"), 404, "not_found")
    refused(busy.reader.get(f"{life.path}/{part}?q=x"), 400, "parameter")
