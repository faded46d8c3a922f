"""What the node says of itself is what it does: its document, held against its answers, and the page about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from html import escape

import httpx
import pytest
from pydantic import BaseModel

from tests.node.conftest import Node, bearer
from tests.node.test_conflicts_api import given, revision
from tests.seeds import owner
from tests.test_protocol_page import section, table
from tui_registry.errors import KINDS, Json, Kind
from tui_registry.node.description import EXAMPLES, Problem, curl_line, deeds, operations
from tui_registry.node.log_description import SYNC_PATHS, TONGUE_PATHS
from tui_registry.node.routes import EVENTS
from tui_registry.query import GRAMMAR
from tui_registry.records.schema import FIELDS

CODES = {(row[0].strip("`"), row[1]) for row in table(section("Error codes"), "| code |")}


@pytest.fixture(scope="module")
def document(untouched: Node) -> dict[str, Json]:
    answer = untouched.reader.get("/openapi.json")
    assert isinstance(answer.json(), dict)
    return dict(answer.json())


def walked(tree: Json) -> Iterator[dict[str, Json]]:
    """Every object in a tree."""
    if isinstance(tree, dict):
        yield tree
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from walked(inner)


def test_each_operation_has_a_name_and_each_status_that_may_come(document: dict[str, Json]) -> None:
    described = list(operations(document))
    names = [operation.content["operationId"] for operation in described]
    assert len({*names}) == len(names) == 60
    for operation in described:
        responses = operation.content["responses"]
        assert isinstance(responses, dict)
        assert all(re.fullmatch("[1-5][0-9][0-9]", status) for status in responses), operation
        assert {"429", "500", "503"} <= responses.keys()
        if operation.path in (*SYNC_PATHS, *TONGUE_PATHS):
            continue
        if "401" in responses:
            assert "`read_only`" in str(responses["403"]), operation
        # A status has the codes that the protocol page gives it, and no others.
        for status, answer in responses.items():
            assert isinstance(answer, dict)
            codes = re.findall(r"`(\w+)`", str(answer["description"])) if status >= "400" else []
            assert {(code, status) for code in codes} <= CODES
            content = answer.get("content", {})
            assert isinstance(content, dict)
            given = "text/event-stream" if operation.path == EVENTS else "application/json"
            media_type = "application/problem+json" if status >= "400" else given
            if status < "300" and content:
                assert {*content[media_type]} == {"schema", "example"}
            assert [*content] in ([media_type], [media_type] if status >= "400" else [])


def test_examples_are_whole(document: dict[str, Json]) -> None:
    named = {one.content["operationId"]: one.content for one in operations(document)}
    for deed in (deed for kind in KINDS for deed in deeds(kind).values()):
        found = [tree["example"] for tree in walked(named[deed.name]) if "example" in tree and "schema" in tree]
        for example in (deed.example, deed.answer and EXAMPLES[deed.answer]):
            assert example is None or example in found, deed.name


def test_every_type_is_named_and_every_name_is_there(document: dict[str, Json]) -> None:
    components = document["components"]
    assert isinstance(components, dict)
    schemas = components["schemas"]
    assert isinstance(schemas, dict)
    named = {str(tree["$ref"]) for tree in walked(document) if "$ref" in tree}
    assert named <= {f"#/components/schemas/{name}" for name in schemas}
    assert {"AIModel", "AIAgent", "ModelInput", "ShownAgent", "ModelPage", "Question", "Problem"} <= schemas.keys()
    assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()
    for kind, name in (("model", "AIModel"), ("agent", "AIAgent")):
        shape = schemas[name]
        assert isinstance(shape, dict)
        assert [*shape["properties"]] == [field.name for field in FIELDS[kind]]
    # To the digit, which a float has not.
    assert '"maximum": 18446744073709551615' in json.dumps(schemas)


@pytest.mark.parametrize("kind", KINDS)
def test_examples_and_defaults_are_such_as_are_taken(busy: Node, kind: Kind) -> None:
    said = deeds(kind)
    registered = said["register"]
    assert registered.body is not None
    assert registered.answer is not None
    made = busy.writer.post(f"/{kind}s", json=registered.example)
    assert made.status_code == 201
    # What is left out is what a record begins with, and fits its own pattern and bounds.
    properties = registered.body.model_json_schema()["properties"]
    defaults = {field.name: field.default for field in FIELDS[kind] if field.name != "name"}
    assert {name: properties[name]["default"] for name in defaults} == defaults
    registered.body.model_validate({**defaults, "name": "x"})
    assert "default" not in str([of for name, of in properties.items() if name not in defaults])
    for name in ("search", "validate", "update", "patch", "resolve"):
        body = said[name].body
        assert body is not None
        body.model_validate(said[name].example)
    assert busy.reader.post(f"/{kind}s/search", json=said["search"].example).status_code == 200
    for deed in said.values():
        if deed.answer is not None:
            deed.answer.model_validate(EXAMPLES[deed.answer], extra="forbid")


def fits(of: type[BaseModel] | None, answer: httpx.Response) -> None:
    """An answer has all that its type has, and nothing else."""
    assert of is not None
    told = of.model_validate_json(answer.content, extra="forbid", strict=True)
    assert told.model_dump(mode="json", exclude_unset=True) == answer.json()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_is_of_its_type(busy: Node, kind: Kind) -> None:
    said = deeds(kind)
    busy.store.key.replace(owner("me"))
    made = busy.writer.post(f"/{kind}s", json={"name": "typed", "license": "MIT", "framework": {"Other": "own"}})
    fits(said["register"].answer, made)
    contested = given(busy.store, kind, 2)
    fits(said["show"].answer, busy.reader.get(contested.path))
    fits(said["browse"].answer, busy.reader.get(f"/{kind}s"))
    for name in ("heads", "versions", "history"):
        fits(said[name].answer, busy.reader.get(f"{contested.path}/{name}"))
        fits(said[name].answer, busy.reader.get(f"{made.headers['location']}/{name}"))
    fits(said["validate"].answer, busy.reader.post(f"/{kind}s/validate", json={"name": "x", "version": "1"}))
    fits(said["patch"].answer, busy.writer.patch(made.headers["location"], json=said["patch"].example))
    fits(said["browse"].answer, busy.reader.get(f"/{kind}s", params={"fields": "name", "total": "true"}))
    fits(said["browse"].answer, busy.reader.get(f"/{kind}s", params={"q": "tpyed"}))
    fits(said["facets"].answer, busy.reader.get(f"/{kind}s/facets"))
    fits(said["show"].in_part, busy.reader.get(contested.path, params={"fields": "tags"}))
    fits(Problem, busy.reader.get(f"/{kind}s/{64 * 'f'}"))  # a prefix could be one of a record
    body = {"record": contested.fields("settled"), "revision": revision(*contested.heads)}
    fits(said["resolve"].answer, busy.writer.post(f"{contested.path}/resolve", json=body))


# The page


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_lines_for_a_shell_do_what_they_say(busy: Node, document: dict[str, Json]) -> None:
    lines = {f"{one.method} {one.path}": curl_line(one) for one in operations(document)}
    assert all(line.startswith("curl ") for line in lines.values())
    busy.store.key.replace(owner("me"))
    given = {"NODE": busy.address.url, "TOKEN": bearer(busy.store).removeprefix("Bearer ")}
    mine = busy.writer.post("/models", json={"name": "by-curl", "license": "MIT"})
    record_id = mine.json()["model_id"]
    for name in (
        "GET /models", "POST /models", "POST /models/search", "POST /models/validate", "GET /models/facets",
        "GET /models/{record_id}", "PATCH /models/{record_id}", "PUT /models/{record_id}", "GET /health",
        "GET /models/{record_id}/history", "POST /sync/ops/get", "DELETE /models/{record_id}",
    ):  # fmt: skip
        asked = subprocess.run(
            ["sh", "-c", f"{lines[name]} --silent --show-error --fail-with-body --noproxy '*'"],
            env={"PATH": os.environ["PATH"], **given, "RECORD_ID": record_id},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert asked.returncode == 0, (name, lines[name], asked.stdout, asked.stderr)


def test_the_page_shows_all_that_is_described_and_loads_nothing_from_elsewhere(
    untouched: Node, document: dict[str, Json]
) -> None:
    page = untouched.reader.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    # An example may show an address, which leads nowhere.
    assert "://" not in re.sub("<pre>.*?</pre>", "", page.text, flags=re.DOTALL)
    assert "<script" not in page.text
    for operation in operations(document):
        assert escape(curl_line(operation)) in page.text
        assert f"{operation.method} {escape(operation.path)}" in page.text
        for shown in walked(operation.content.get("parameters", [])):
            assert escape(str(shown.get("name", ""))) in page.text
            assert re.sub("`(.+?)`", r"<code>\1</code>", escape(str(shown.get("description", "")))) in page.text
    components = document["components"]
    assert isinstance(components, dict)
    schemas = components["schemas"]
    assert isinstance(schemas, dict)
    for name in schemas:
        assert f"<h3 id={name}>" in page.text
    # A name of a type is where it leads.
    assert {*re.findall(r"href=#(\w+)>", page.text)} <= schemas.keys()
    # The same text as `--help search` and the help screen have.
    assert escape(GRAMMAR) in page.text
    assert "min_vram_gb" in page.text
    assert "`" not in page.text.partition("<h2 id=queries>")[0]
