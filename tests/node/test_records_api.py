"""The plan's REST routes: what they answer, what they refuse, and with which words."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.node.conftest import T0, Node, bearer, client, refused, serving
from tests.seeds import seed
from tui_registry.crdt import AnyOp
from tui_registry.datastore import Datastore, Once
from tui_registry.errors import ABSENT, GivenManifest, Kind, Record
from tui_registry.node import Address, NodeBounds, running
from tui_registry.replica.store import connection

MODEL = {"name": "my-finetune", "license": "Apache-2.0", "parameters": 7_600_000_000, "context_length": 32768}
AGENT = {"name": "research-crew", "license": "MIT", "framework": "CrewAI"}


@pytest.mark.parametrize(("kind", "record"), [("models", MODEL), ("agents", AGENT)])
def test_a_record_is_registered_found_changed_and_deleted(node: Node, kind: str, record: dict[str, object]) -> None:
    made = node.writer.post(f"/{kind}", json=record)
    assert made.status_code == 201, made.text
    location = made.headers["location"]
    assert location == f"/{kind}/{made.json()[kind[:-1] + '_id']}"
    assert made.json()["owner_id"] == node.store.address

    read = node.reader.get(location)
    assert read.json() == made.json()
    assert read.headers["etag"] == made.headers["etag"]

    listed = node.reader.get(f"/{kind}").json()
    assert listed == {"items": [read.json()], "next": None, "notes": []}
    assert node.reader.post(f"/{kind}/search", json={"query": str(record["name"])}).json() == listed

    changed = node.writer.put(
        location, json={**record, "description": "new"}, headers={"if-match": read.headers["etag"]}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["description"] == "new"
    assert changed.headers["etag"] != read.headers["etag"]

    assert node.writer.delete(location, headers={"if-match": changed.headers["etag"]}).status_code == 204
    refused(node.reader.get(location), 404, "not_found")
    assert node.reader.get(f"/{kind}").json()["items"] == []


def test_what_is_answered_can_be_sent_back(busy: Node) -> None:
    made = busy.writer.post("/models", json=MODEL)
    again = busy.writer.put(made.headers["location"], json={**made.json(), "version": "0.2.0"})
    assert again.status_code == 200, again.text
    assert again.json()["version"] == "0.2.0"


def test_a_list_is_read_page_by_page(node: Node) -> None:
    for index in range(5):
        node.writer.post("/models", json={**MODEL, "name": f"model-{index}"}).raise_for_status()
    names: list[str] = []
    params: dict[str, str | int] = {"limit": 2, "sort": "name"}
    while True:
        page = node.reader.get("/models", params=params).json()
        names += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert names == [f"model-{index}" for index in range(5)]


def test_a_unique_prefix_reads_and_never_writes(busy: Node) -> None:
    model_id = busy.writer.post("/models", json=MODEL).json()["model_id"]
    assert busy.reader.get(f"/models/{model_id[:10]}").json()["model_id"] == model_id
    refused(busy.writer.delete(f"/models/{model_id[:10]}"), 400, "bad_id")
    refused(busy.writer.put(f"/models/{model_id[:10]}", json=MODEL), 400, "bad_id")
    refused(busy.reader.get(f"/agents/{model_id}"), 404, "not_found")


def test_an_ambiguous_prefix_is_told(node: Node) -> None:
    for index in range(17):
        node.writer.post("/models", json={**MODEL, "name": f"model-{index}"}).raise_for_status()
    firsts = [item["model_id"][0] for item in node.reader.get("/models").json()["items"]]
    shared = next(first for first in firsts if firsts.count(first) > 1)
    refused(node.reader.get(f"/models/{shared}"), 400, "ambiguous")


def test_a_name_in_place_of_an_id_is_refused_with_the_ids_that_have_it(busy: Node) -> None:
    for name in ("Called So", "beef"):
        made = {busy.writer.post("/models", json={**MODEL, "name": name}).json()["model_id"] for _ in range(2)}
        answer = busy.reader.get(f"/models/{name}")
        refused(answer, 404, "not_found")
        said = answer.json()["detail"]
        assert name == "beef" or all(identifier in said for identifier in made)
    refused(busy.reader.get("/models/%1b%5b2J"), 404, "not_found")


# If-Match


def test_an_edit_of_what_has_changed_meanwhile_is_refused(busy: Node) -> None:
    made = busy.writer.post("/models", json=MODEL)
    location, etag = made.headers["location"], made.headers["etag"]
    busy.writer.put(location, json={**MODEL, "description": "first"}).raise_for_status()
    refused(busy.writer.put(location, json=MODEL, headers={"if-match": etag}), 412, "changed")
    refused(busy.writer.delete(location, headers={"if-match": etag}), 412, "changed")
    assert busy.reader.get(location).json()["description"] == "first"


@pytest.mark.parametrize("made_of", ["*", "{}", '"other", {}'])
def test_if_match_takes_a_star_and_lists(busy: Node, made_of: str) -> None:
    made = busy.writer.post("/models", json=MODEL)
    header = made_of.format(made.headers["etag"])
    assert busy.writer.put(made.headers["location"], json=MODEL, headers={"if-match": header}).status_code == 200


def test_if_match_is_strong_and_takes_no_other_tag(busy: Node) -> None:
    made = busy.writer.post("/models", json=MODEL)
    etag = made.headers["etag"]
    for header in ('"other"', f"W/{etag}", "", etag.strip('"'), f'"other", W/{etag}'):
        refused(busy.writer.put(made.headers["location"], json=MODEL, headers={"if-match": header}), 412, "changed")


@pytest.mark.parametrize(
    "made_of",
    ["x*y", "**", "*, {}", "{}, *", '"*"', '"*', "x{}", "{}x", "{} {}", '{}"', "{}, other", "other, {}", "W/*", "w/{}"],
)
def test_what_is_no_list_of_tags_matches_nothing(busy: Node, made_of: str) -> None:
    made = busy.writer.post("/models", json=MODEL)
    location, etag = made.headers["location"], made.headers["etag"]
    header = made_of.format(etag, etag)
    refused(busy.writer.delete(location, headers={"if-match": header}), 412, "changed")
    assert busy.reader.get(location, headers={"if-none-match": header}).json() == made.json()


@pytest.mark.parametrize("made_of", ["{}", ', {} ,, "a"', '"*",{},', '"a","b"\t,\t{}', "W/{},{}"])
def test_a_list_of_tags_may_have_blanks_and_commas_too_many(busy: Node, made_of: str) -> None:
    made = busy.writer.post("/models", json=MODEL)
    header = made_of.format(made.headers["etag"], made.headers["etag"])
    assert busy.writer.delete(made.headers["location"], headers={"if-match": header}).status_code == 204


def test_a_list_of_tags_without_end_matches_nothing(busy: Node) -> None:
    record = busy.writer.post("/models", json={**MODEL, "name": "endless"})
    path, tag = record.headers["location"], record.headers["etag"]
    endless = ", ".join([tag, *['"a"'] * 2000])
    assert busy.reader.get(path, headers={"if-none-match": endless}).status_code == 200
    refused(busy.writer.delete(path, headers={"if-match": endless}), 412, "changed")


def test_a_tag_that_is_held_spares_reading_again_weak_or_in_a_list(busy: Node) -> None:
    made = busy.writer.post("/models", json=MODEL)
    location, etag = made.headers["location"], made.headers["etag"]
    for header in (etag, f"W/{etag}", "*", f'"other", {etag}', f'"other",W/{etag}', f'"a,b",W/"c" , {etag}'):
        again = busy.reader.get(location, headers={"if-none-match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag), header
    assert busy.reader.get(location, headers={"if-none-match": '"other", W/"more"'}).json() == made.json()


# What is the operator's own


def test_a_stranger_learns_no_saved_search_and_no_name_of_an_owner(node: Node) -> None:
    made = node.writer.post("/models", json=MODEL).json()
    node.store.searches.save("private", "my-finetune")
    node.store.names.set(made["owner_id"], "secret-client")
    # As their owner asks, both are known.
    assert [row.id for row in node.store.search("@private owner:secret-client").rows] == [made["model_id"]]

    for query in ("@private", "@priv", "@privat", "@p", "-@private", "(@private)"):
        for answer in _asked_both_ways(node, query):
            told = str(refused(answer, 400, "query")["detail"])
            assert told == f"there is no saved search '{query.strip('-()').removeprefix('@')}'"
    for query in ("owner:secret-client", "owner:Secret-Client", "owner:secret-clien"):
        assert [answer.json()["items"] for answer in _asked_both_ways(node, query)] == [[], []]
    for answer in _asked_both_ways(node, f"owner:0x{made['owner_id'][:8]}"):
        assert [item["model_id"] for item in answer.json()["items"]] == [made["model_id"]]


def _asked_both_ways(node: Node, query: str, **others: object) -> list[httpx.Response]:
    return [
        node.reader.get("/models", params={"q": query, **{name: str(value) for name, value in others.items()}}),
        node.reader.post("/models/search", json={"query": query, **others}),
    ]


# Who may write


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic {}", "{}", "Bearer {}x", "Bearer \x7f"])
def test_a_write_without_the_token_is_refused_with_the_same_words(untouched: Node, header: str | None) -> None:
    token = untouched.writer.headers["authorization"].removeprefix("Bearer ")
    headers = {} if header is None else {"authorization": header.format(token)}
    seen = set()
    for method, path in (("POST", "/models"), ("PUT", "/models/" + "0" * 64), ("DELETE", "/agents/" + "0" * 64)):
        response = untouched.reader.request(method, path, headers=headers)
        seen.add(str(refused(response, 401, "unauthorized")["detail"]))
        assert response.headers["www-authenticate"] == "Bearer"
    assert len(seen) == 1
    assert untouched.store.log.head().size == 0


def test_the_scheme_may_be_written_in_any_case(busy: Node) -> None:
    header = busy.writer.headers["authorization"].replace("Bearer", "bearer")
    assert busy.reader.post("/models", json=MODEL, headers={"authorization": header}).status_code == 201


def test_another_owners_record_is_refused(busy: Node) -> None:
    from tests.sync.logs import BOB, root

    theirs = root(BOB, "theirs")
    busy.store.apply([theirs.to_json()], source="test")
    refused(busy.writer.put(f"/models/{theirs.key}", json=MODEL), 403, "not_owner")
    refused(busy.writer.delete(f"/models/{theirs.key}"), 403, "not_owner")


def test_registering_what_is_registered_is_a_conflict(node: Node) -> None:
    made = node.writer.post("/models", json=MODEL).json()
    refused(node.writer.post("/models", json=made), 409, "already_registered")


def test_a_record_that_names_another_owner_is_not_signed_as_ones_own(busy: Node) -> None:
    from tests.sync.logs import BOB, root

    theirs = root(BOB, "named", kind="agent")
    busy.store.apply([theirs.to_json()], source="test")
    record = busy.reader.get(f"/agents/{theirs.key}").json()
    refused(busy.writer.post("/agents", json=record), 403, "not_owner")
    refused(busy.writer.post("/models", json={**MODEL, "owner_id": BOB.address}), 403, "not_owner")
    made = busy.writer.post("/models", json={**MODEL, "owner_id": busy.store.address, "model_id": "0" * 64})
    assert made.status_code == 201
    refused(busy.writer.put(made.headers["location"], json={**MODEL, "owner_id": BOB.address}), 403, "not_owner")
    for field, value in (("owner_id", "abc"), ("owner_id", ""), ("model_id", "abc"), ("model_id", "A" * 64)):
        tree = refused(busy.writer.post("/models", json={**MODEL, field: value}), 422, "invalid")
        assert f"'path': '{field}'" in str(tree["problems"])


def test_an_id_of_somebodys_is_taken_whatever_it_is_of_and_another_gives_way(busy: Node) -> None:
    from tests.sync.logs import BOB, root

    theirs = root(BOB, "taken", kind="agent")
    busy.store.apply([theirs.to_json()], source="test")
    refused(busy.writer.post("/models", json={**MODEL, "model_id": theirs.key}), 409, "already_registered")
    refused(busy.writer.post("/agents", json={**AGENT, "agent_id": theirs.key}), 409, "already_registered")
    made = busy.writer.post("/models", json={**MODEL, "model_id": "12" * 32})
    assert made.status_code == 201
    assert made.json()["model_id"] == made.headers["location"].rpartition("/")[2] != "12" * 32


# Sent again


def test_a_write_with_a_key_is_done_once_and_answered_alike(node: Node) -> None:
    def again(method: str, path: str, key: str, **body: object) -> httpx.Response:
        headers = {"idempotency-key": key, "if-match": etag} if etag else {"idempotency-key": key}
        first = node.writer.request(method, path, json=body or None, headers=headers)
        # In quotes or without, and however the body is spelt.
        spelt = json.dumps(dict(reversed(body.items())), indent=3) if body else None
        second = node.writer.request(method, path, content=spelt, headers={**headers, "idempotency-key": f'"{key}"'})
        assert (first.status_code, first.content) == (second.status_code, second.content)
        for name in ("etag", "location", "content-type"):
            assert first.headers.get(name) == second.headers.get(name)
        return first

    etag = ""
    made = again("POST", "/models", "one", **MODEL)
    assert made.status_code == 201
    etag = made.headers["etag"]
    path = made.headers["location"]
    changed = again("PUT", path, "two", **MODEL, description="new")
    assert changed.json()["description"] == "new"
    etag = changed.headers["etag"]
    assert again("DELETE", path, "three").status_code == 204
    assert node.store.log.head().size == 3


def test_a_key_is_of_one_request_of_one_caller(node: Node) -> None:
    key = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    made = node.writer.post("/models", json=MODEL, headers=key)
    refused(node.writer.post("/models", json={**MODEL, "version": "2.0.0"}, headers=key), 422, "key_reused")
    other = {**key, "authorization": bearer(node.store)}
    assert node.reader.post("/models", json=MODEL, headers=other).json()["model_id"] != made.json()["model_id"]
    assert node.writer.post("/agents", json=AGENT, headers=key).status_code == 201
    path = made.headers["location"]
    assert node.writer.put(path, json=MODEL, headers=key).status_code == 200
    twin = node.writer.post("/models", json=MODEL).headers["location"]
    refused(node.writer.put(twin, json=MODEL, headers=key), 422, "key_reused")
    refused(node.writer.put(path, json=MODEL, headers={**key, "if-match": "*"}), 422, "key_reused")
    # A key is no way around the token.
    refused(node.reader.post("/models", json=MODEL, headers=key), 401, "unauthorized")


def test_what_was_refused_leaves_its_key_free(busy: Node) -> None:
    key = {"idempotency-key": "refused"}
    refused(busy.writer.post("/models", json={**MODEL, "version": "x"}, headers=key), 422, "invalid")
    assert busy.writer.post("/models", json=MODEL, headers=key).status_code == 201


@pytest.mark.parametrize("key", ["", '"', '""', "a b", '"a', "k" * 256, 'a"b', "a\\b", b"\xe9"])
def test_a_key_that_is_none_is_refused(untouched: Node, key: str | bytes) -> None:
    answer = untouched.writer.post("/models", json=MODEL, headers={b"idempotency-key": key})
    refused(answer, 400, "idempotency_key")
    both = [("idempotency-key", "a"), ("idempotency-key", "b"), *untouched.writer.headers.items()]
    refused(untouched.reader.post("/models", json=MODEL, headers=both), 400, "idempotency_key")


def test_a_request_whose_first_is_not_answered_yet_is_told_to_wait(tmp_path: Path) -> None:
    writing, go_on = threading.Event(), threading.Event()

    class Slow(Datastore):
        def add(
            self, kind: Kind, record: Record, *, manifest: GivenManifest = ABSENT, once: Once | None = None
        ) -> AnyOp:
            writing.set()
            assert go_on.wait(30)
            return super().add(kind, record, manifest=manifest, once=once)

    with Slow.open(tmp_path / "node", clock=lambda: T0) as store, serving(store) as node, ThreadPoolExecutor() as pool:
        key = {"idempotency-key": "slow"}
        first = pool.submit(node.writer.post, "/models", json=MODEL, headers=key)
        assert writing.wait(30)
        answer = node.writer.post("/models", json=MODEL, headers=key)
        refused(answer, 409, "in_flight")
        assert answer.headers["retry-after"] == "1"
        go_on.set()
        assert node.writer.post("/models", json=MODEL, headers={"idempotency-key": "other"}).status_code == 201
        assert first.result().status_code == 201
        assert node.writer.post("/models", json=MODEL, headers=key).content == first.result().content


def test_a_node_that_is_killed_before_it_answers_has_written_once(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from tui_registry.datastore import Datastore
from tui_registry.node import serve
class Killed(Datastore):
    def add(self, kind, record, **more):
        super().add(kind, record, **more)
        os.kill(os.getpid(), signal.SIGKILL)
with Killed.open(sys.argv[1]) as store:
    serve(store, port=0, on_ready=lambda address: print(address.port, flush=True))
"""
    key = {"idempotency-key": "8e03978e"}
    with Datastore.open(tmp_path / "node") as store:
        key["authorization"] = bearer(store)
    command = [sys.executable, "-c", program, str(tmp_path / "node")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with client(Address("127.0.0.1", port)) as writer, pytest.raises(httpx.TransportError):
            writer.post("/models", json=MODEL, headers=key)
    with Datastore.open(tmp_path / "node") as store, serving(store) as node:
        again = node.reader.post("/models", json=MODEL, headers=key)
        assert again.status_code == 201
        assert again.content == node.reader.get(again.headers["location"]).content
        assert store.log.head().size == 1


# Bad records


def test_the_authoring_rules_answer_with_their_own_codes_and_sentences(untouched: Node) -> None:
    record = {**MODEL, "version": "1.0", "license": "apache", "tags": ["Two Words"]}
    tree = refused(untouched.writer.post("/models", json=record), 422, "invalid")
    problems = tree["problems"]
    assert isinstance(problems, list)
    found = {problem["path"]: problem for problem in problems}
    assert {"version", "license"} <= set(found)
    assert set(found["version"]) == {"path", "severity", "code", "sentence", "instead"}
    assert untouched.store.log.head().size == 0


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({**MODEL, "licence": "MIT"}, "licence"),
        ({**MODEL, "parameters": -1}, "parameters"),
        ({**MODEL, "tags": ""}, "tags"),
        ({**MODEL, "resource_requirements": ""}, "resource_requirements"),
        ({**MODEL, "resource_requirements": {"min_vcpus": 4000}}, "resource_requirements.min_vcpus"),
        ([], ""),
        ("text", ""),
    ],
)
def test_an_unknown_field_or_a_wrong_type_is_named(untouched: Node, body: object, path: str) -> None:
    tree = refused(untouched.writer.post("/models", json=body), 422, "invalid")
    problems = tree["problems"]
    assert isinstance(problems, list)
    assert problems[0]["path"] == path


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"name": "a", "name": "b"}', b'{"parameters": NaN}', b"name: yaml",
        b'{"parameters": ' + b"9" * 5000 + b"}", b'{"name": "\\ud800"}', b"\0",
    ],
    ids=["empty", "open", "not-utf8", "deep", "twice", "nan", "yaml", "huge-number", "surrogate", "nul"],
)  # fmt: skip
def test_a_body_that_is_no_json_is_refused_with_its_place(untouched: Node, body: bytes) -> None:
    response = untouched.writer.post("/models", content=body)
    assert response.status_code in (400, 422), response.text
    refused(response, response.status_code, response.json()["code"])
    assert response.json()["code"] in ("document", "bad_body", "invalid")
    assert untouched.store.log.head().size == 0


def test_the_id_in_the_body_must_be_the_one_in_the_path(busy: Node) -> None:
    made = busy.writer.post("/models", json=MODEL)
    tree = refused(busy.writer.put(made.headers["location"], json={**MODEL, "model_id": "1" * 64}), 422, "invalid")
    assert "model_id" in json.dumps(tree["problems"])


@pytest.mark.parametrize(
    "said",
    [
        "text/xml", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "text/plain", "application/json; charset=latin-1", "application/jsonx", "json", "*/*",
    ],
)  # fmt: skip
def test_a_body_that_is_said_to_be_something_else_is_not_read(untouched: Node, said: str) -> None:
    body, path = json.dumps(MODEL), "/models/" + "0" * 64
    for method, at in (("POST", "/models"), ("PUT", path), ("POST", f"{path}/resolve"), ("POST", "/agents/search")):
        answer = untouched.writer.request(method, at, content=body, headers={"content-type": said})
        refused(answer, 415, "media_type")
        assert answer.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "said", [None, "application/json", "Application/JSON;charset=UTF-8", "application/ld+json", 'application/json; charset="utf8"']
)  # fmt: skip
def test_a_body_of_json_is_read_by_whichever_of_its_names(untouched: Node, said: str | None) -> None:
    headers = {} if said is None else {"content-type": said}
    answer = untouched.writer.post("/models/search", content=b'{"query": ""}', headers=headers)
    assert answer.status_code == 200, answer.text


# Bad questions


@pytest.mark.parametrize(
    ("name", "near"), [("limi", "limit"), ("sorted", "sort"), ("curser", "cursor"), ("foo", None), ("x", None)]
)
def test_a_parameter_that_there_is_not_is_told_with_the_nearest_that_there_is(
    untouched: Node, name: str, near: str | None
) -> None:
    told = str(refused(untouched.reader.get("/models", params={"q": "x", name: "1"}), 400, "parameter")["detail"])
    assert told.startswith(f"there is no parameter '{name}'")
    assert (f"did you mean '{near}'?" if near else "this path takes q, limit, cursor, sort, fields, total") in told


def test_every_route_of_records_refuses_what_it_does_not_know(untouched: Node) -> None:
    for method, path in (
        ("POST", "/models"), ("POST", "/models/search"), ("GET", "/models/ab/heads"), ("PUT", "/models/ab"),
        ("DELETE", "/models/ab"), ("POST", "/models/ab/resolve"), ("PATCH", "/models/ab"), ("POST", "/models/validate"),
    ):  # fmt: skip
        answer = untouched.writer.request(method, path, params={"dry_run": "1"}, json={})
        assert "this path takes none" in str(refused(answer, 400, "parameter")["detail"])
    refused(untouched.reader.get("/models?limit=1&limit=2"), 400, "parameter")
    # Unread: thousands take as long as a search.
    refused(untouched.reader.get("/models?" + "&" * 5000), 400, "parameter")
    hostile = untouched.reader.get("/models", params={"\u202e\x1b[31m" * 40: "1"})
    assert "\x1b" not in str(refused(hostile, 400, "parameter")["detail"])


def test_a_page_has_up_to_500(untouched: Node) -> None:
    for answer in _asked_both_ways(untouched, "", limit=500):
        assert answer.json() == {"items": [], "next": None, "notes": []}


@pytest.mark.parametrize(
    "params", [{"limit": "0"}, {"limit": "100000"}, {"limit": "x"}, {"q": "a" * 5000}], ids=["0", "many", "x", "long"]
)
def test_a_wrong_parameter_is_named(untouched: Node, params: dict[str, str]) -> None:
    tree = refused(untouched.reader.get("/models", params=params), 422, "invalid")
    assert next(iter(params)) in json.dumps(tree["problems"])


def test_a_query_that_cannot_be_read_or_is_unfinished_is_told_and_finds_not_everything(untouched: Node) -> None:
    for query in ("params:>>", "ctx:>=lots", "!!!", "license:", "params:<", '"no such', "(first", "is:mi"):
        for answer in _asked_both_ways(untouched, query):
            refused(answer, 400, "query")


def test_what_runs_is_asked_of_a_node_by_size_as_it_does_not_know_the_machine(untouched: Node) -> None:
    for answer in _asked_both_ways(untouched, "fit:runs"):
        assert "a node does not know yours: write fit:24gb" in str(refused(answer, 400, "query")["detail"])
    for query in ("fit:24gb", "fit:unknown", "sort:fit"):
        for answer in _asked_both_ways(untouched, query):
            assert answer.status_code == 200


def test_half_a_character_in_a_query_is_told(untouched: Node) -> None:
    asked = untouched.reader.post("/models/search", content=b'{"query": "\\ud800"}')
    assert "no character" in str(refused(asked, 400, "query")["detail"])


def test_both_spellings_of_a_question_are_refused_with_the_same_codes_and_sentences(untouched: Node) -> None:
    for name, values in {
        "limit": (0, -1, 501, 10**30, "x", "1.5", "", "\u0663"),
        "cursor": ("c" * 2001, "junk"),
        "sort": ("s" * 65, "nmae", "nam", "name\\", 'na"me', "name,params", " "),
    }.items():
        for value in values:
            by_path, by_body = (answer.json() for answer in _asked_both_ways(untouched, "", **{name: value}))
            assert by_path == by_body
            assert (by_path["code"], by_path["status"]) in (("invalid", 422), ("query", 400)), (name, value)


def test_an_empty_word_asks_for_the_first_page_in_the_usual_order(node: Node) -> None:
    node.writer.post("/models", json=MODEL).raise_for_status()
    listed = node.reader.get("/models").json()
    assert len(listed["items"]) == 1
    for name in ("cursor", "sort"):
        assert [answer.json() for answer in _asked_both_ways(node, "", **{name: ""})] == [listed, listed]


def test_a_cursor_of_another_question_is_refused(node: Node) -> None:
    for index in range(4):
        node.writer.post("/models", json={**MODEL, "name": f"model {index}"}).raise_for_status()
    page = {"q": "model", "sort": "name", "limit": "1"}
    cursor = node.reader.get("/models", params=page).json()["next"]
    assert node.reader.get("/models", params={**page, "cursor": cursor, "limit": "3"}).json()["next"] is None
    for kind, other in (
        ("models", {"q": "finetune"}), ("models", {"q": ""}), ("models", {"sort": "-name"}), ("agents", {}),
    ):  # fmt: skip
        answer = node.reader.get(f"/{kind}", params={**page, "cursor": cursor, **other})
        assert "cursor is not one of this search" in str(refused(answer, 400, "query")["detail"])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"query": 7}, "query"), ({"limit": True}, "limit"), ({"limit": 10**9}, "limit"), ({"cursor": {}}, "cursor"),
        ({"q": "x"}, "q"),
    ],
)  # fmt: skip
def test_a_wrong_search_is_named(untouched: Node, body: dict[str, object], path: str) -> None:
    tree = refused(untouched.reader.post("/models/search", json=body), 422, "invalid")
    problems = tree["problems"]
    assert isinstance(problems, list)
    assert problems[0]["path"] == path


def test_what_is_to_be_known_of_an_answer_is_told_with_it(untouched: Node) -> None:
    for answer in (
        untouched.reader.get("/agents", params={"q": "model:nowhere"}),
        untouched.reader.post("/agents/search", json={"query": "model:nowhere"}),
    ):
        assert answer.json() == {"items": [], "next": None, "notes": ["no model here is called 'nowhere'"]}


def test_hostile_text_comes_back_as_data(busy: Node) -> None:
    hostile = "[/x][@click=app.quit]x[/] \u202e <script>alert(1)</script>"
    made = busy.writer.post("/models", json={**MODEL, "description": hostile})
    assert made.status_code == 201
    assert made.json()["description"] == hostile
    assert made.headers["content-type"] == "application/json"


# Paths


@pytest.mark.parametrize("path", ["/models/", "/nothing", "/models/a/b", "/../../etc/passwd", "/%2e%2e/x", "/sync"])
def test_nothing_at_a_path(untouched: Node, path: str) -> None:
    refused(untouched.reader.get(path), 404, "no_route")


def test_a_refused_method_is_told_all_methods_of_the_path(untouched: Node) -> None:
    for method, path, allow in (
        ("PATCH", "/models", "GET, HEAD, POST"),
        ("OPTIONS", "/models", "GET, HEAD, POST"),
        ("POST", "/models/" + "0" * 64, "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/models/validate", "POST"),
        ("DELETE", "/models/facets", "GET, HEAD"),
        ("GET", "/models/search", "POST"),
        ("GET", "/models/" + "0" * 64 + "/resolve", "POST"),
        ("DELETE", "/agents/search", "POST"),
        ("POST", "/sync/head", "GET, HEAD"),
        ("GET", "/sync/ops", "POST"),
        ("PUT", "/docs", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ):
        response = untouched.writer.request(method, path)
        refused(response, 405, "method")
        assert response.headers["allow"] == allow, (method, path)


def test_head_is_answered_like_get_without_the_body(node: Node) -> None:
    location = node.writer.post("/models", json=MODEL).headers["location"]
    head = node.store.log.head()
    tile = f"/sync/{head.epoch}/entries/0.{head.size}.ndjson.gz"
    for path in ("/health", "/models?q=my", location, "/sync/head", tile, "/docs", "/openapi.json", "/agents/ff"):
        got, only_head = node.reader.get(path), node.reader.head(path)
        assert only_head.content == b""
        assert only_head.status_code == got.status_code
        told, expected = (
            {name: value for name, value in answer.headers.items() if name != "date"} for answer in (only_head, got)
        )
        assert told == expected, path
    etag = node.reader.head(location).headers["etag"]
    assert node.reader.head(location, headers={"if-none-match": etag}).status_code == 304


def test_what_is_no_id_is_told_in_the_words_of_the_api(untouched: Node) -> None:
    told = str(refused(untouched.reader.get("/models/zz"), 404, "not_found")["detail"])
    assert told == "'zz' is not an id: an id is up to 64 hex digits, GET /models lists them"


def test_a_bad_body_is_called_the_body(untouched: Node) -> None:
    told = str(refused(untouched.writer.post("/models", content=b"{"), 400, "document")["detail"])
    assert told.startswith("the body, line 1, column 2: is not JSON")


def test_a_strangers_search_has_less_work_than_ones_own(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_STEPS", 1)
    monkeypatch.setattr(connection, "_STEPS_A_SECOND", 1)
    seed(store, 5)
    with running(store, bounds=NodeBounds(search_work=200)) as address, client(address) as reader:
        problem = refused(reader.get("/models", params={"q": "number"}), 503, "interrupted")
        assert "add a word or a filter" in str(problem["detail"])
        refused(reader.post("/models/search", json={"query": "number"}), 503, "interrupted")
    assert len(store.search("number").rows) == 5
