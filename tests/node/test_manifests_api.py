"""Manifests over REST: written by themselves and with their records, guarded, refused at their place, and settled."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.crdt import model
from tests.crdt.making import fresh
from tests.node.conftest import Node, refused
from tui_registry.crdt import parse_op
from tui_registry.datastore import revision_with
from tui_registry.errors import Json, Record

NAMES = (f"record-{number}" for number in count())
PLAIN: Record = {"version": "1.0.0", "license": "MIT", "parameters": "7b", "context_length": 4096}
URI = "https://example.org/model.gguf"


def registered(busy: Node, **more: Json) -> str:
    answer = busy.writer.post("/models", json={**PLAIN, "name": next(NAMES), **more})
    assert answer.status_code == 201, answer.text
    identifier: str = answer.json()["model_id"]
    return identifier


def problems(tree: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["path"], one["code"]) for one in tree["problems"] if one["severity"] == "error"]


WRONG: list[tuple[Record, str, str]] = [
    ({"artifacts": [{"uri": "https://a b"}]}, "artifacts[0].uri", "form"),
    ({"artifacts": [{"uri": URI, "sha256": "ab"}]}, "artifacts[0].sha256", "not_hex"),
    ({"artifacts": [{"uri": URI, "weight": 1}]}, "artifacts[0].weight", "unknown_field"),
    ({"artifacts": ["https://example.org"]}, "artifacts[0]", "type"),
    ({"artifacts": [{"uri": URI}] * 257}, "artifacts", "too_many"),
    ({"languages": ["en_GB"]}, "languages[0]", "form"),
    ({"languages": ["e"]}, "languages[0]", "language"),
    ({"documentation_url": "javascript:alert(1)"}, "documentation_url", "address"),
    ({"architecture": {"layers": -1}}, "architecture.layers", "range"),
    ({"subject_id": "ab" * 32}, "subject_id", "type"),
    ({"manifest_id": "Sm"}, "manifest_id", "not_hex"),
    ({"owner_id": "AB" * 20}, "owner_id", "not_hex"),
    ({"status": "Gone"}, "status", "unknown_variant"),
    ({"status": "Withdrawn"}, "status_message", "no_reason"),
    # It fits into an operation by itself, and no more with the heads of a conflict.
    ({"artifacts": [{"uri": f"{URI}?{'x' * 2000}{n}"} for n in range(31)]}, "artifacts", "too_big"),
]


@pytest.mark.parametrize(("value", "path", "code"), WRONG, ids=[f"{path} {code}" for _, path, code in WRONG])
def test_what_cannot_be_signed_is_refused_at_its_place_and_nothing_is_written(
    busy: Node, value: Record, path: str, code: str
) -> None:
    size = busy.store.log.head().size
    body: Record = {**PLAIN, "name": next(NAMES), "manifest": value}
    assert problems(refused(busy.writer.post("/models", json=body), 422, "invalid")) == [(f"manifest.{path}", code)]
    validated = busy.writer.post("/models/validate", json=body).json()
    assert (validated["valid"], problems(validated)) == (False, [(f"manifest.{path}", code)])
    assert busy.store.log.head().size == size
    record = registered(busy)
    answer = busy.writer.put(f"/models/{record}/manifest", json=value)
    assert problems(refused(answer, 422, "invalid")) == [(path, code)]
    assert busy.store.manifests.history(record) == []


def test_problems_of_a_record_and_of_its_manifest_are_told_at_once(busy: Node) -> None:
    body: Record = {
        **PLAIN,
        "name": next(NAMES),
        "version": "1",
        "nonsense": 1,
        "manifest": {"languages": ["e"], "x": 1},
    }
    found = problems(refused(busy.writer.post("/models", json=body), 422, "invalid"))
    assert {path for path, _ in found} >= {"version", "nonsense", "manifest.x"}
    del body["nonsense"], body["manifest"]["x"]  # type: ignore[union-attr, arg-type, call-overload, index]
    found = problems(refused(busy.writer.post("/models", json=body), 422, "invalid"))
    assert [path for path, _ in found] == ["version", "manifest.languages[0]"]


def test_a_manifest_for_a_record_that_is_not_the_nodes_is_refused(busy: Node) -> None:
    theirs = parse_op(model.spell(model.up_tree(model_owner(), "model", fresh("model", name="theirs"))))
    busy.store.apply([theirs.to_json()], source="hub")
    size = busy.store.log.head().size
    for method in ("PUT", "PATCH"):
        answer = busy.writer.request(method, f"/models/{theirs.key}/manifest", json={"languages": ["en"]})
        refused(answer, 403, "not_owner")
    refused(busy.writer.delete(f"/models/{theirs.key}/manifest"), 404, "no_manifest")
    refused(busy.writer.put(f"/agents/{theirs.key}/manifest", json={}), 404, "not_found")
    refused(busy.writer.put(f"/models/{theirs.key[:12]}/manifest", json={}), 400, "bad_id")
    refused(busy.reader.put(f"/models/{theirs.key}/manifest", json={}), 401, "unauthorized")
    assert busy.store.log.head().size == size


def model_owner() -> Any:
    from tests.crdt.making import ADA

    return ADA


def test_a_revision_stands_for_the_record_and_its_manifest_where_both_are_told(busy: Node) -> None:
    record = registered(busy, manifest={"languages": ["en"]})
    alone, both = busy.reader.get(f"/models/{record}"), busy.reader.get(f"/models/{record}?manifest=true")
    beside = busy.reader.get(f"/models/{record}/manifest").json()
    assert "manifest" not in alone.json()
    assert both.json()["revision"] == revision_with(alone.json()["heads"], beside["heads"]) != alone.json()["revision"]
    named = busy.reader.get(f"/models/{record}?manifest=true&fields=name").json()
    assert named["manifest"]["languages"] == ["en"]
    assert "license" not in named
    refused(busy.reader.get(f"/models/{record}?manifest=maybe"), 422, "invalid")
    held = busy.reader.get(f"/models/{record}?manifest=true", headers={"if-none-match": both.headers["etag"]})
    assert held.status_code == 304
    # Who writes the record alone may have been shown either; who writes both was shown both.
    path, changed = f"/models/{record}", {**PLAIN, "name": "other"}
    for tag in (alone.headers["etag"], both.headers["etag"]):
        refused(busy.writer.put(path, json={**changed, "version": "1"}, headers={"if-match": tag}), 422, "invalid")
    stale = {"if-match": alone.headers["etag"]}
    refused(busy.writer.put(path, json={**changed, "manifest": {}}, headers=stale), 412, "changed")
    refused(busy.writer.put(path, json={**alone.json(), "manifest": {}}), 409, "changed")
    written = busy.writer.put(
        path, json={**both.json(), "version": "1.1.0"}, headers={"if-match": both.headers["etag"]}
    )
    assert written.status_code == 200, written.text
    # What was sent back unchanged is not written again.
    assert len(busy.store.manifests.history(record)) == 1
    patched = busy.writer.patch(path, json={"version": "1.2.0", "manifest": {"status": "Deprecated"}})
    assert patched.status_code == 200, patched.text
    found = busy.reader.get(f"/models/{record}/manifest").json()
    assert (found["status"], found["languages"]) == ("Deprecated", ["en"])


def test_a_first_manifest_is_201_and_a_request_that_is_sent_again_writes_once(busy: Node) -> None:
    record = registered(busy)
    path, key = f"/models/{record}/manifest", {"idempotency-key": f"key-{record[:8]}"}
    answers = [busy.writer.put(path, json={"languages": ["en"]}, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert len(busy.store.manifests.history(record)) == 1
    refused(busy.writer.put(path, json={}, headers={"if-none-match": "*"}), 412, "changed")
    assert busy.writer.put(path, json={"languages": ["nl"]}).status_code == 200
    both = {**PLAIN, "name": next(NAMES), "manifest": {"languages": ["en"]}}
    made = {busy.writer.post("/models", json=both, headers={"idempotency-key": "both"}).content for _ in range(2)}
    assert len(made) == 1


def test_a_conflict_of_a_manifest_is_told_and_settled(busy: Node) -> None:
    record = registered(busy, manifest={"status_message": "first"})
    path, entry = f"/models/{record}/manifest", busy.store.manifests.get(record)
    assert entry is not None
    assert entry.manifest is not None
    identity = busy.store.key.identity()
    for side in ("left", "right"):
        value: Record = {**entry.manifest, "status_message": side}
        busy.store.apply([model.spell(model.up_tree(identity, "manifest", value, [entry.heads[0]], 2))], source="hub")
    told = busy.reader.get(path).json()
    assert told["conflict"] is True
    assert {one["manifest"]["status_message"] for one in told["versions"]} == {"left", "right"}
    standing = refused(busy.writer.put(path, json={}), 409, "conflict")
    assert standing["resolve"] == f"{path}/resolve"
    refused(busy.writer.delete(path), 409, "conflict")
    refused(busy.writer.put(f"/models/{record}", json={**PLAIN, "name": "x", "manifest": {}}), 409, "conflict")
    refused(busy.writer.post(f"{path}/resolve", json={"manifest": {}, "heads": ["ab" * 32]}), 409, "changed")
    refused(busy.writer.post(f"{path}/resolve", json={"heads": told["heads"]}), 422, "invalid")
    settled = busy.writer.post(
        f"{path}/resolve", json={"manifest": {"status_message": "both"}, "revision": told["revision"]}
    )
    assert settled.status_code == 200, settled.text
    assert settled.json()["status_message"] == "both"
    refused(
        busy.writer.post(f"{path}/resolve", json={"manifest": None, "heads": settled.json()["heads"]}),
        409,
        "no_conflict",
    )


def test_a_put_that_changes_nothing_signs_nothing_and_neither_does_one_with_the_manifest_inside(busy: Node) -> None:
    record = registered(busy, manifest={"languages": ["en"]})
    whole = busy.writer.get(f"/models/{record}?manifest=true")
    size = busy.store.log.head().size
    for headers in ({"if-match": whole.headers["etag"]}, {}):
        answer = busy.writer.put(f"/models/{record}", json=whole.json(), headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["heads"] == whole.json()["heads"]
    assert busy.writer.patch(
        f"/models/{record}", json={}, headers={"content-type": "application/merge-patch+json"}
    ).is_success
    answer = busy.writer.put(f"/models/{record}/manifest", json={"languages": ["en"]}, headers={"idempotency-key": "k"})
    assert answer.is_success
    assert busy.store.log.head().size == size
    # What came of a key is remembered though nothing was signed.
    assert busy.writer.put(f"/models/{record}/manifest", json={"languages": ["nl"]}).is_success
    again = busy.writer.put(f"/models/{record}/manifest", json={"languages": ["en"]}, headers={"idempotency-key": "k"})
    assert again.is_success
    assert busy.store.log.head().size == size + 1
