"""Bodies of records over REST: merge patches, dry runs, and all that is wrong with a body at once."""

from __future__ import annotations

import httpx
import pytest

from tests.node.conftest import T0, Node, refused
from tests.node.test_conflicts_api import given
from tests.seeds import owner, signed
from tui_registry.errors import KINDS, Json, Kind

MODEL: dict[str, Json] = {"name": "tuned", "license": "MIT", "parameters": 7, "context_length": 9, "tags": ["chat"]}
BODIES: dict[Kind, dict[str, Json]] = {
    "model": {**MODEL, "quantization": "INT4", "resource_requirements": {"min_vcpus": 2, "min_disk_gb": 3}},
    "agent": {"name": "crew", "license": "MIT", "tools": ["web"], "resource_requirements": {"min_vcpus": 1}},
}


def problems(answer: httpx.Response) -> list[tuple[str, str]]:
    """Path and code of each."""
    tree = answer.json() if answer.status_code == 200 else refused(answer, 422, "invalid")
    return [(problem["path"], problem["code"]) for problem in tree["problems"]]


# Merge patches


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json"])
def test_a_patch_changes_what_it_names_and_leaves_the_rest(busy: Node, kind: Kind, media_type: str) -> None:
    made = busy.writer.post(f"/{kind}s", json=BODIES[kind])
    before = made.json()
    answer = busy.writer.patch(
        made.headers["location"],
        content=b'{"description": "new", "tags": null, "resource_requirements": {"min_disk_gb": null, "min_vcpus": 1}}',
        headers={"content-type": media_type, "if-match": made.headers["etag"]},
    )
    assert answer.status_code == 200, answer.text
    needs = {**before["resource_requirements"], "min_disk_gb": 10 if kind == "model" else 5, "min_vcpus": 1}
    expected = {**before, "description": "new", "tags": [], "resource_requirements": needs}
    state = ("updated_at", "revision", "heads")
    assert {**answer.json(), **{name: before[name] for name in state}} == expected
    shown = busy.reader.get(made.headers["location"])
    assert (shown.json(), shown.headers["etag"]) == (answer.json(), answer.headers["etag"])
    # What was answered may be sent back as a patch, as for PUT: it says which state it is of.
    refused(busy.writer.patch(made.headers["location"], json={"version": "9.0.0", **before}), 409, "changed")
    again = busy.writer.patch(made.headers["location"], json={"version": "9.0.0", "revision": shown.json()["revision"]})
    assert again.json()["version"] == "9.0.0"


def test_a_patch_is_done_once_for_its_key(busy: Node) -> None:
    at = busy.writer.post("/models", json=MODEL).headers["location"]
    asked = [busy.writer.patch(at, json={"description": "x"}, headers={"idempotency-key": "patched"}) for _ in range(2)]
    assert asked[0].json() == asked[1].json()
    assert len(busy.store.history(at.rpartition("/")[2])) == 2


@pytest.mark.parametrize(
    ("patch", "found"),
    [
        ([], [("", "type")]),
        ("text", [("", "type")]),
        ({"licence": None}, [("licence", "unknown_field")]),
        ({"name": None}, [("name", "required")]),
        ({"tags": {"0": "a"}, "version": "1"}, [("version", "semver"), ("tags", "type")]),
        ({"model_id": "0" * 63 + "1"}, [("model_id", "type")]),
        ({"kind": "agent", "record": {"name": "x"}}, [("kind", "kind")]),
    ],
)
def test_a_patch_that_is_none_changes_nothing(busy: Node, patch: Json, found: list[tuple[str, str]]) -> None:
    made = busy.writer.post("/models", json=MODEL)
    assert problems(busy.writer.patch(made.headers["location"], json=patch)) == found
    assert busy.reader.get(made.headers["location"]).json() == made.json()


def test_a_list_of_steps_is_no_merge_patch(busy: Node) -> None:
    answer = busy.writer.patch(
        "/models/" + "0" * 64, content=b"[]", headers={"content-type": "application/json-patch+json"}
    )
    refused(answer, 415, "media_type")
    assert answer.headers["accept-patch"] == "application/merge-patch+json, application/json"


def test_an_export_may_be_a_patch_of_the_fields_that_it_has(busy: Node) -> None:
    made = busy.writer.post("/models", json=MODEL)
    patched = busy.writer.patch(made.headers["location"], json={"kind": "model", "record": {"version": "3.0.0"}})
    assert (patched.json()["name"], patched.json()["version"]) == ("tuned", "3.0.0")


def test_nobody_patches_what_is_anothers_or_without_a_token(busy: Node) -> None:
    theirs = signed(owner("stranger"), "model", "theirs", at=T0 - 9)
    assert busy.store.apply([theirs.to_json()]).applied == 1
    refused(busy.writer.patch(f"/models/{theirs.key}", json={"description": "mine"}), 403, "not_owner")
    refused(busy.reader.patch(f"/models/{theirs.key}", json={}), 401, "unauthorized")


# All that is wrong, at once

WRONG: dict[str, Json] = {
    "licence": "MIT",
    "version": "1",
    "parameters": "many",
    "model_type": "lllm",
    "tags": ["a", 7, "Two Words", "a"],
    "resource_requirements": {"min_vcpus": "x", "recommended_vcpus": 0, "min_disk_gb": 9, "recommended_disk_gb": 8},
}
ALL_WRONG = [
    ("licence", "unknown_field"),
    ("name", "required"),
    ("version", "semver"),
    ("model_type", "unknown_variant"),
    ("parameters", "number"),
    ("tags[1]", "type"),
    ("tags[2]", "slug"),
    ("tags[3]", "duplicate"),
    ("resource_requirements.min_vcpus", "number"),
    ("resource_requirements.recommended_disk_gb", "below_minimum"),
]


def test_types_and_rules_are_told_together_and_nothing_that_only_follows(busy: Node) -> None:
    size = busy.store.log.head().size
    # Not: a model type that is not known should state nothing, and 0 of what is no number is not too little.
    assert problems(busy.writer.post("/models", json=WRONG)) == ALL_WRONG
    assert problems(busy.reader.post("/models/validate", json=WRONG)) == ALL_WRONG
    assert busy.store.log.head().size == size
    made = busy.writer.post("/models", json=MODEL).headers["location"]
    assert problems(busy.writer.put(made, json=WRONG)) == ALL_WRONG
    named = [found for found in ALL_WRONG if found[0] != "name"]
    assert problems(busy.writer.patch(made, json=WRONG)) == named


def test_a_list_without_end_is_one_problem(busy: Node) -> None:
    for items in (["A B"] * 1_001, [7] * 1_001):
        found = problems(busy.reader.post("/models/validate", json={**MODEL, "tags": items, "version": "1"}))
        assert found[0] == ("version", "semver")
        assert ("tags", "too_many") in found
        assert len(found) <= 102
    assert len(problems(busy.reader.post("/models/validate", json={**MODEL, "tags": ["A B"] * 70}))) == 71


# Dry runs


@pytest.mark.parametrize("kind", KINDS)
def test_a_dry_run_says_what_would_be_registered_and_writes_nothing(node: Node, kind: Kind) -> None:
    told = node.reader.post(f"/{kind}s/validate", json=BODIES[kind]).json()
    assert (told["valid"], told["problems"]) == (True, [])
    assert node.store.log.head().size == 0
    made = node.writer.post(f"/{kind}s", json=BODIES[kind]).json()
    assert told["record"] == {name: made[name] for name in told["record"]}
    # The same name within the second: the next one.
    assert node.reader.post(f"/{kind}s/validate", json=BODIES[kind]).json()["record"]["created_at"] == T0 + 1
    # What was deleted is registered again under its id.
    node.writer.delete(f"/{kind}s/{made[f'{kind}_id']}").raise_for_status()
    again = node.reader.post(f"/{kind}s/validate", json=made).json()["record"]
    assert again == {name: made[name] for name in again}


def test_a_dry_run_tells_warnings_and_what_the_registry_knows(busy: Node) -> None:
    told = busy.reader.post("/models/validate", json={"name": "x", "license": "MIT"})
    assert told.json()["valid"] is True
    assert problems(told) == [("parameters", "not_stated"), ("context_length", "not_stated")]
    busy.store.key.replace(owner("me"))
    taken = given(busy.store, "model", 1).root.key
    for body, found in (
        ({**MODEL, "model_id": taken}, [("model_id", "already_registered")]),
        ({**MODEL, "owner_id": "1" * 40, "version": "1"}, [("version", "semver"), ("owner_id", "not_owner")]),
        ({**MODEL, "owner_id": "me", "model_id": "x"}, [("model_id", "not_hex"), ("owner_id", "not_hex")]),
        ([], [("", "type")]),
    ):
        answer = busy.reader.post("/models/validate", json=body)
        assert problems(answer) == found
        assert (answer.json()["valid"], answer.json()["record"]) == (False, None)
    assert problems(busy.reader.post("/agents/validate", json={"name": "x", "license": "MIT", "agent_id": taken})) == [
        ("agent_id", "already_registered")
    ]
    refused(busy.reader.post("/models/validate", content=b"{"), 400, "document")


# All that is wrong with a question


def test_all_that_is_wrong_with_a_search_or_a_resolution_is_told(busy: Node) -> None:
    asked: dict[str, Json] = {"query": 7, "limit": 0, "cursor": [], "sort": "x" * 99, "page": 2}
    found = problems(busy.reader.post("/models/search", json=asked))
    assert {*found} == {("page", "unknown_field"), *((name, "type") for name in ("query", "limit", "cursor", "sort"))}
    wrong = {"limit": "x", "q": "a" * 5000}
    assert {path for path, _ in problems(busy.reader.get("/models", params=wrong))} == {"limit", "q"}
    busy.store.key.replace(owner("me"))
    contested = given(busy.store, "model", 2)
    body = {"record": WRONG, "heads": [], "revision": "x", "reason": "y"}
    assert problems(busy.writer.post(f"{contested.path}/resolve", json=body)) == [
        ("reason", "unknown_field"), ("heads", "type"), ("revision", "type"), *ALL_WRONG,
    ]  # fmt: skip
    assert problems(busy.writer.post(f"{contested.path}/resolve", json={})) == [("heads", "type"), ("record", "type")]
