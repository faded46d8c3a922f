"""The plan's REST routes: what they answer, what they refuse, and with which words."""

from __future__ import annotations

import json

import pytest

from tests.node.conftest import Node, refused

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
    assert listed == {"items": [read.json()], "next": None}
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


def test_what_is_answered_can_be_sent_back(node: Node) -> None:
    made = node.writer.post("/models", json=MODEL)
    again = node.writer.put(made.headers["location"], json={**made.json(), "version": "0.2.0"})
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


def test_a_unique_prefix_reads_and_never_writes(node: Node) -> None:
    model_id = node.writer.post("/models", json=MODEL).json()["model_id"]
    assert node.reader.get(f"/models/{model_id[:10]}").json()["model_id"] == model_id
    refused(node.writer.delete(f"/models/{model_id[:10]}"), 400, "bad_id")
    refused(node.writer.put(f"/models/{model_id[:10]}", json=MODEL), 400, "bad_id")
    refused(node.reader.get(f"/agents/{model_id}"), 404, "not_found")


def test_an_ambiguous_prefix_is_told(node: Node) -> None:
    for index in range(17):
        node.writer.post("/models", json={**MODEL, "name": f"model-{index}"}).raise_for_status()
    firsts = [item["model_id"][0] for item in node.reader.get("/models").json()["items"]]
    shared = next(first for first in firsts if firsts.count(first) > 1)
    refused(node.reader.get(f"/models/{shared}"), 400, "ambiguous")


# If-Match


def test_an_edit_of_what_has_changed_meanwhile_is_refused(node: Node) -> None:
    made = node.writer.post("/models", json=MODEL)
    location, etag = made.headers["location"], made.headers["etag"]
    node.writer.put(location, json={**MODEL, "description": "first"}).raise_for_status()
    refused(node.writer.put(location, json=MODEL, headers={"if-match": etag}), 412, "changed")
    refused(node.writer.delete(location, headers={"if-match": etag}), 412, "changed")
    assert node.reader.get(location).json()["description"] == "first"


@pytest.mark.parametrize("made_of", ["*", "{}", '"other", {}'])
def test_if_match_takes_a_star_and_lists(node: Node, made_of: str) -> None:
    made = node.writer.post("/models", json=MODEL)
    header = made_of.format(made.headers["etag"])
    assert node.writer.put(made.headers["location"], json=MODEL, headers={"if-match": header}).status_code == 200


def test_an_etag_spares_reading_again(node: Node) -> None:
    made = node.writer.post("/models", json=MODEL)
    again = node.reader.get(made.headers["location"], headers={"if-none-match": made.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


# Who may write


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic {}", "{}", "Bearer {}x", "Bearer \x7f"])
def test_a_write_without_the_token_is_refused_with_the_same_words(node: Node, header: str | None) -> None:
    token = node.writer.headers["authorization"].removeprefix("Bearer ")
    headers = {} if header is None else {"authorization": header.format(token)}
    seen = set()
    for method, path in (("POST", "/models"), ("PUT", "/models/" + "0" * 64), ("DELETE", "/agents/" + "0" * 64)):
        response = node.reader.request(method, path, headers=headers)
        seen.add(str(refused(response, 401, "unauthorized")["detail"]))
        assert response.headers["www-authenticate"] == "Bearer"
    assert len(seen) == 1
    assert node.store.head().size == 0


def test_the_scheme_may_be_written_in_any_case(node: Node) -> None:
    header = node.writer.headers["authorization"].replace("Bearer", "bearer")
    assert node.reader.post("/models", json=MODEL, headers={"authorization": header}).status_code == 201


def test_another_owners_record_is_refused(node: Node) -> None:
    from tests.sync.logs import BOB, root

    theirs = root(BOB, "theirs")
    node.store.apply([theirs.to_json()], source="test")
    refused(node.writer.put(f"/models/{theirs.key}", json=MODEL), 403, "not_owner")
    refused(node.writer.delete(f"/models/{theirs.key}"), 403, "not_owner")


def test_registering_what_is_registered_is_a_conflict(node: Node) -> None:
    made = node.writer.post("/models", json=MODEL).json()
    refused(node.writer.post("/models", json=made), 409, "already_registered")


# Bad records


def test_the_authoring_rules_answer_with_their_own_codes_and_sentences(node: Node) -> None:
    record = {**MODEL, "version": "1.0", "license": "apache", "tags": ["Two Words"]}
    tree = refused(node.writer.post("/models", json=record), 422, "invalid")
    problems = tree["problems"]
    assert isinstance(problems, list)
    found = {problem["path"]: problem for problem in problems}
    assert {"version", "license"} <= set(found)
    assert set(found["version"]) == {"path", "severity", "code", "sentence"}
    assert node.store.head().size == 0


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({**MODEL, "licence": "MIT"}, "licence"),
        ({**MODEL, "parameters": -1}, "parameters"),
        ({**MODEL, "resource_requirements": {"min_vcpus": 4000}}, "resource_requirements.min_vcpus"),
        ([], ""),
        ("text", ""),
    ],
)
def test_an_unknown_field_or_a_wrong_type_is_named(node: Node, body: object, path: str) -> None:
    tree = refused(node.writer.post("/models", json=body), 422, "invalid")
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
def test_a_body_that_is_no_json_is_refused_with_its_place(node: Node, body: bytes) -> None:
    response = node.writer.post("/models", content=body)
    assert response.status_code in (400, 422), response.text
    refused(response, response.status_code, response.json()["code"])
    assert response.json()["code"] in ("document", "bad_body", "invalid")
    assert node.store.head().size == 0


def test_the_id_in_the_body_must_be_the_one_in_the_path(node: Node) -> None:
    made = node.writer.post("/models", json=MODEL)
    tree = refused(node.writer.put(made.headers["location"], json={**MODEL, "model_id": "1" * 64}), 422, "invalid")
    assert "model_id" in json.dumps(tree["problems"])


# Bad questions


@pytest.mark.parametrize(
    "params", [{"limit": "0"}, {"limit": "100000"}, {"limit": "x"}, {"q": "a" * 5000}], ids=["0", "many", "x", "long"]
)
def test_a_wrong_parameter_is_named(node: Node, params: dict[str, str]) -> None:
    tree = refused(node.reader.get("/models", params=params), 422, "invalid")
    assert next(iter(params)) in json.dumps(tree["problems"])


@pytest.mark.parametrize("params", [{"q": "params:>>"}, {"cursor": "junk"}, {"sort": "nothing"}, {"q": "ctx:>=lots"}])
def test_a_query_that_cannot_be_read_is_told(node: Node, params: dict[str, str]) -> None:
    refused(node.reader.get("/models", params=params), 400, "query")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"query": 7}, "query"), ({"limit": True}, "limit"), ({"limit": 10**9}, "limit"), ({"cursor": {}}, "cursor"),
        ({"q": "x"}, "q"),
    ],
)  # fmt: skip
def test_a_wrong_search_is_named(node: Node, body: dict[str, object], path: str) -> None:
    tree = refused(node.reader.post("/models/search", json=body), 422, "invalid")
    problems = tree["problems"]
    assert isinstance(problems, list)
    assert problems[0]["path"] == path


def test_hostile_text_comes_back_as_data(node: Node) -> None:
    hostile = "[/x][@click=app.quit]x[/] \u202e <script>alert(1)</script>"
    made = node.writer.post("/models", json={**MODEL, "description": hostile})
    assert made.status_code == 201
    assert made.json()["description"] == hostile
    assert made.headers["content-type"] == "application/json"


# Paths


@pytest.mark.parametrize(
    "path", ["/", "/models/", "/nothing", "/models/a/b", "/../../etc/passwd", "/%2e%2e/x", "/sync"]
)
def test_nothing_at_a_path(node: Node, path: str) -> None:
    refused(node.reader.get(path), 404, "no_route")


def test_a_method_that_a_path_does_not_take(node: Node) -> None:
    response = node.reader.patch("/models")
    refused(response, 405, "method")
    assert response.headers["allow"]
