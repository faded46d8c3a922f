"""A record's life at a node, by the command line only, by HTTP only and by the client only: each ends in one state."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.cli.conftest import Cli, Said
from tests.cli.test_exchange import serving
from tests.seeds import owner
from tests.sync.test_remote import in_conflict
from tui_registry import AIModel, InvalidRecord, RemoteError, connect
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.records import read_manifest

ME = owner("me")
FIELDS: Record = {"name": "tiny-chat", "version": "1.0.0", "license": "Apache-2.0", "tags": ["chat"]}
WRONG: Record = {**FIELDS, "version": "1"}
BEHIND: Record = {
    "repository_url": "https://example.org/me/tiny-chat",
    "artifacts": [{"uri": "w/tiny.gguf", "sha256": "9f" * 32, "size_bytes": 4096}],
    "derived_from": [{"relation": "Finetune", "name": "org/base"}],
    "languages": ["en"],
}


class Node(NamedTuple):
    """What somebody needs to know of a node: where it is, what opens it, and the id of a record in conflict."""

    url: str
    token: str
    contested: str


def by_command_line(node: Node, cli: Cli, folder: Path) -> None:
    token_file = folder / "token"
    token_file.write_text(node.token)

    def run(*words: str, given: Json = None, code: int = 0) -> Said:
        said = cli(*words, "--node", node.url, given="" if given is None else json.dumps(given))
        assert said.code == code, said.err
        return said

    def write(*words: str, given: Json = None, code: int = 0) -> Said:
        return run(*words, "--token-file", str(token_file), given=given, code=code)

    run("register", "model", "-", given=FIELDS, code=2)
    write("register", "model", "-", given=WRONG, code=1)
    key = write("register", "model", "-", "--json", given=FIELDS).json["id"]
    assert [line["id"] for line in run("search", "tiny-chat", "--json").lines] == [key]
    assert key in [line["id"] for line in run("list", "models", "--json").lines]
    read = run("show", key, "--json").json
    write("update", key[:16], "-", given={**read, "record": {**read["record"], "version": "1.1.0"}})
    write("update", key, "-", given={**read, "record": {**read["record"], "version": "9.9.9"}}, code=1)
    gone = write("register", "model", "-", "--json", given={**FIELDS, "name": "to-delete"}).json["id"]
    write("delete", gone, "--yes")
    run("show", gone, code=1)
    write("delete", node.contested, "--yes", code=1)
    # What stands behind it
    write("register", "model", "-", given={"name": "both", "manifest": {"languages": ["e"]}}, code=1)
    both = write("register", "model", "-", "--json", given={**FIELDS, "name": "both", "manifest": BEHIND}).json
    assert run("show", both["id"], "--json").json["manifest"]["languages"] == ["en"]
    shown = run("manifest", "show", both["id"], "--json").json
    write("manifest", "set", both["id"], "-", given={"languages": ["en", "nl"]})
    write("manifest", "set", both["id"], "-", given=shown, code=1)
    write("manifest", "set", both["id"], "-", given={"status": "Withdrawn"}, code=1)
    write("deprecate", both["id"][:16], "--message", "use tiny-chat", "--by", key)
    seen = run("show", both["id"], "--json").json
    write("update", both["id"], "-", given={**seen, "record": {**seen["record"], "version": "2.0.0"}, "manifest": None})
    write("update", both["id"], "-", given={**seen, "manifest": BEHIND}, code=1)
    write("manifest", "set", both["id"], "-", given=BEHIND)
    write("manifest", "delete", both["id"], "--yes")
    assert run("manifest", "show", both["id"], "--json").json["manifest"] is None
    write("manifest", "set", both["id"], "-", given=BEHIND)
    seen = run("diff", node.contested, "--json").json
    take = next(one["hash"] for one in seen["versions"] if one["record"]["description"] == "another")
    write("resolve", node.contested, "--take", take, "--revision", seen["revision"])


def by_http(node: Node, cli: Cli, folder: Path) -> None:
    with httpx.Client(base_url=node.url, trust_env=False, timeout=30, verify=False) as client:

        def run(method: str, path: str, status: int = 200, body: Json = None, **headers: str) -> httpx.Response:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            content = None if body is None else json.dumps(body)
            answer = client.request(
                method, path, content=content, headers={"content-type": "application/json", **headers}
            )
            assert answer.status_code == status, answer.text
            return answer

        def write(method: str, path: str, status: int = 200, body: Json = None, **headers: str) -> httpx.Response:
            return run(method, path, status, body, authorization=f"Bearer {node.token}", **headers)

        run("POST", "/models", 401, FIELDS)
        write("POST", "/models", 422, WRONG)
        key = write("POST", "/models", 201, FIELDS, idempotency_key="once").json()["model_id"]
        assert write("POST", "/models", 201, FIELDS, idempotency_key="once").json()["model_id"] == key
        found = run("POST", "/models/search", body={"query": "tiny-chat"}).json()["items"]
        assert [item["model_id"] for item in found] == [key]
        assert key in [item["model_id"] for item in run("GET", "/models").json()["items"]]
        read = run("GET", f"/models/{key}")
        write("PUT", f"/models/{key}", body={**read.json(), "version": "1.1.0"}, if_match=read.headers["etag"])
        write("PUT", f"/models/{key}", 412, {**FIELDS, "version": "9.9.9"}, if_match=read.headers["etag"])
        gone = write("POST", "/models", 201, {**FIELDS, "name": "to-delete"}).json()["model_id"]
        write("DELETE", f"/models/{gone}", 204)
        run("GET", f"/models/{gone}", 404)
        write("DELETE", f"/models/{node.contested}", 409)
        # What stands behind it
        write("POST", "/models", 422, {"name": "both", "manifest": {"languages": ["e"]}})
        both = write("POST", "/models", 201, {**FIELDS, "name": "both", "manifest": BEHIND}).json()["model_id"]
        at = f"/models/{both}/manifest"
        first = run("GET", at)
        assert run("GET", f"/models/{both}?manifest=true").json()["manifest"]["languages"] == ["en"]
        write("PATCH", at, body={"languages": ["en", "nl"]}, if_match=first.headers["etag"])
        write("PUT", at, 412, BEHIND, if_match=first.headers["etag"])
        write("PUT", at, 422, {"status": "Withdrawn"})
        said: Record = {"status": "Deprecated", "status_message": "use tiny-chat", "superseded_by": key}
        write("PATCH", at, body=said)
        seen = run("GET", f"/models/{both}?manifest=true")
        tag = seen.headers["etag"]
        write("PUT", f"/models/{both}", body={**seen.json(), "version": "2.0.0", "manifest": None}, if_match=tag)
        write("PUT", f"/models/{both}", 412, {**seen.json(), "manifest": BEHIND}, if_match=tag)
        write("PUT", at, body=BEHIND)
        write("DELETE", at, 204)
        assert run("GET", at, 404).json()["code"] == "no_manifest"
        write("PUT", at, body=BEHIND, if_none_match="*")
        seen = run("GET", f"/models/{node.contested}").json()
        take = next(one["record"] for one in seen["versions"] if one["record"]["description"] == "another")
        write("POST", f"/models/{node.contested}/resolve", body={"record": take, "heads": seen["heads"]})


def by_client(node: Node, cli: Cli, folder: Path) -> None:
    with connect(node.url) as reader, connect(node.url, node.token) as registry:
        model = AIModel(name="tiny-chat", version="1.0.0", license="Apache-2.0", tags=["chat"])
        with pytest.raises(RemoteError):
            reader.add_model(model)
        with pytest.raises(InvalidRecord):
            registry.add_model(model.model_copy(update={"version": "1"}))
        key = registry.add_model(model).key
        assert [found.model_id for found in reader.models("tiny-chat")] == [key]
        assert key in [row.id for row in reader.list_models().rows]
        seen, read = reader.heads(key), reader.get_model(key)
        assert read is not None
        registry.update_model(key, read.model_copy(update={"version": "1.1.0"}), seen)
        with pytest.raises(RemoteError, match="changed"):
            registry.update_model(key, read.model_copy(update={"version": "9.9.9"}), seen)
        gone = registry.add_model(model.model_copy(update={"name": "to-delete"}))
        registry.delete_model(gone.key, reader.heads(gone.key))
        assert reader.get_model(gone.key) is None
        # What stands behind it
        behind = read_manifest(BEHIND)
        both_fields = model.model_copy(update={"name": "both"}).to_plain()
        with pytest.raises(InvalidRecord):
            registry.add("model", both_fields, manifest={**behind, "languages": ["e"]})
        both = registry.add("model", both_fields, manifest=behind).key
        first = reader.manifests.get(both)
        assert first is not None
        assert first.manifest is not None
        assert first.manifest["languages"] == ["en"]
        second = {**first.manifest, "languages": ["en", "nl"]}
        written = registry.manifests.set(both, second, first.heads)
        with pytest.raises(RemoteError, match="changed"):
            registry.manifests.set(both, behind, first.heads)
        with pytest.raises(RemoteError, match="changed"):
            registry.manifests.set(both, behind)
        with pytest.raises(InvalidRecord):
            registry.manifests.set(both, {**behind, "status": "Withdrawn"}, (str(written.hash),))
        said: Record = {"status": "Deprecated", "status_message": "use tiny-chat", "superseded_by": key}
        heads = (str(registry.manifests.set(both, {**second, **said}, (str(written.hash),)).hash),)
        was, other = reader.entry(both), {**both_fields, "version": "2.0.0"}
        assert was is not None
        registry.update("model", both, other, was.heads, manifest=None, manifest_seen=heads)
        with pytest.raises(RemoteError, match="changed"):
            registry.update("model", both, other, reader.heads(both), manifest=behind, manifest_seen=heads)
        again = registry.manifests.set(both, behind)
        registry.manifests.delete(both, (str(again.hash),))
        gone_manifest = reader.manifests.get(both)
        assert gone_manifest is not None
        assert gone_manifest.manifest is None
        registry.manifests.set(both, behind)
        versions = reader.versions(node.contested)
        assert versions is not None
        with pytest.raises(RemoteError, match="several versions"):
            registry.delete_model(node.contested, versions.heads)
        take = next(one.record for one in versions.live if one.record and one.record["description"] == "another")
        registry.resolve("model", node.contested, take, versions.heads)


class State(NamedTuple):
    """What a replica holds, but for what the second decides: ids, times and hashes."""

    records: list[Record]
    manifests: list[Record | None]
    deeds: list[list[str]]
    ops: int
    conflicts: int


def state(data_dir: Path) -> State:
    with Datastore.open(data_dir) as store:
        entries = sorted(store.entries(), key=lambda entry: str(entry.record["name"]))
        left_out = ("model_id", "created_at", "updated_at")
        shown = [{name: value for name, value in one.record.items() if name not in left_out} for one in entries]
        behind = [found.manifest if (found := store.manifests.get(one.id)) is not None else None for one in entries]
        set_there = ("manifest_id", "subject_id", "created_at", "updated_at")
        told = [one and {name: one[name] for name in one if name not in set_there} for one in behind]
        deeds = [[str(op.did) for op in reversed(store.history(one.id))] for one in entries]
        deeds += [[str(op.did) for op in reversed(store.manifests.history(one.id))] for one in entries]
        return State(shown, told, deeds, store.log.head().size, store.stats().conflicts)


def test_a_record_lives_alike_by_command_line_by_http_and_by_the_client(
    cli: Cli, tmp_path: Path, data_dir: Path
) -> None:
    ways: list[Callable[[Node, Cli, Path], None]] = [by_command_line, by_http, by_client]
    ends = []
    for way in ways:
        folder = tmp_path / way.__name__
        with Datastore.open(folder) as store:
            store.key.replace(ME)
            contested = in_conflict(store, "contested")
            token = store.tokens.add("test", ("write",))
        with serving(folder) as (_, told):
            way(Node(told["url"], token, contested), cli, tmp_path)
        ends.append(state(folder))
    assert not data_dir.exists()
    assert ends[0] == ends[1] == ends[2]
    assert (ends[0].ops, ends[0].conflicts) == (17, 0)
    both = ["registered", "edited"]
    assert ends[0].deeds == [
        both, ["registered", "edited", "edited", "settled"], ["registered", "edited"],
        ["registered", "edited", "edited", "deleted", "brought back", "deleted", "brought back"], [], [],
    ]  # fmt: skip
    assert [found and found["languages"] for found in ends[0].manifests] == [["en"], None, None]
