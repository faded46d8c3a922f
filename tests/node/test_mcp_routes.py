"""The read API of an MCP registry: of that project's own schema, in its words, and read back by our importer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.node.conftest import Node, client, serving
from tests.seeds import make_record
from tui_registry.datastore import Datastore
from tui_registry.errors import Json, Record
from tui_registry.importers import Finding, read_source
from tui_registry.node import running
from tui_registry.node.limits import NodeBounds
from tui_registry.node.routes import LEFT_OUT_HEADER
from tui_registry.records.schema import defaults
from tui_registry.tongues.mcp_registry import OFFICIAL, OURS

SCHEMAS = Path(__file__).parent / "mcp_registry"
T0 = 1_750_000_000
LONG = ("Searches the web,\nand says where it looked. " * 9).strip()
DIGEST = "ab" * 32
RECORDS: dict[str, tuple[dict[str, Json], Record]] = {
    "Weather": (
        {"description": "Tells the weather", "tools": ["forecast", "past"], "tags": ["weather"], "license": "MIT"},
        {
            "interfaces": [
                {"url": "https://mcp.example.org/mcp", "protocol": "MCP", "version": "2025-06-18"},
                {"url": "https://mcp.example.org/sse", "protocol": "MCP", "version": ""},
                {"url": "https://a2a.example.org/", "protocol": "A2A", "version": "1.0"},
            ],
            "artifacts": [
                {"uri": "https://registry.npmjs.org/@example/weather/1.2.0", "sha256": DIGEST},
                {"uri": "https://pypi.org/project/weather/1.2.0"},
                {"uri": "oci://ghcr.io/example/weather:1.2.0"},
                {"uri": "https://example.org/weather.mcpb", "sha256": DIGEST},
            ],
            "repository_url": "https://github.com/example/weather",
            "documentation_url": "https://example.org/docs",
        },
    ),
    "Long " * 25: ({"description": LONG, "tools": [], "tags": []}, {}),
    "Local": (
        {"agent_type": {"Other": "MCP server"}, "tools": ["x"]},
        {"interfaces": [], "artifacts": [{"uri": "https://pypi.org/project/local/1.0"}]},
    ),
    "Old": ({"description": "Once\nnew\n\nRemote: x"}, {"status": "Deprecated", "status_message": "Use Weather"}),
    "Leaky": ({}, {"status": "Withdrawn", "status_message": "Leaks keys"}),
    "Unsayable": ({}, {"interfaces": [{"url": "ollama://here/x", "protocol": "MCP", "version": ""}]}),
    "No server": ({}, {"interfaces": []}),
    "<script>alert(1)</script>\u202e": ({"description": "\u0007\u2028"}, {}),
    "Deleted": ({}, {}),
}
HOSTILE = "<script>alert(1)</script>\u202e"
PLAIN: Record = {"interfaces": [{"url": "https://mcp.example.org/mcp", "protocol": "MCP", "version": ""}]}
ARTIFACT: Record = {"uri": "", "media_type": "", "sha256": None, "size_bytes": None, "quantization": None}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    seconds = count(T0)
    with Datastore.open(tmp_path_factory.mktemp("mcp") / "node", clock=lambda: next(seconds)) as store:
        for name, (fields, behind) in RECORDS.items():
            said = defaults("manifest") | PLAIN | behind
            artifacts = behind.get("artifacts")
            said["artifacts"] = [ARTIFACT | one for one in artifacts if isinstance(one, dict)] if isinstance(
                artifacts, list
            ) else []  # fmt: skip
            store.add("agent", make_record("agent", name.strip()) | fields, manifest=said)
        gone = found(store, "Deleted")
        store.delete("agent", gone, store.heads(gone))
        with serving(store) as started:
            yield started


def found(store: Datastore, name: str) -> str:
    return store.find(name.strip(), "agent")[1]


def validate(of: str, value: Json) -> None:
    official: Any = pytest.importorskip("jsonschema", reason="needs jsonschema: pip install -e '.[dev]'")
    known = {
        name: of for path in SCHEMAS.glob("*.json") for name, of in json.loads(path.read_text())["definitions"].items()
    }
    official.Draft7Validator({"definitions": known, "$ref": f"#/definitions/{of}"}).validate(value)


def servers(node: Node, **asked: str) -> list[dict[str, Any]]:
    answer = node.reader.get("/v0.1/servers", params=asked)
    assert answer.status_code == 200, answer.text
    validate("ServerList", answer.json())
    assert answer.json()["metadata"]["count"] == len(answer.json()["servers"])
    told: list[dict[str, Any]] = answer.json()["servers"]
    return told


def titles(told: list[dict[str, Any]]) -> list[str]:
    return [one["server"]["title"] for one in told]


def refused(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    validate("Error", answer.json())
    assert answer.json()["code"] == code
    assert answer.json()["error"] == answer.json()["detail"] or code == "invalid"
    said: str = answer.json()["error"]
    assert "\n" not in said
    return said


LISTED = ["Weather", f"{('Long ' * 25)[:99].rstrip()}…", "Local", "Old", " ".join(HOSTILE.split())]


def test_agents_with_an_mcp_interface_are_listed_as_that_api_lists_servers(node: Node) -> None:
    told = servers(node)
    assert titles(told) == LISTED
    weather = told[0]["server"]
    assert weather["remotes"] == [
        {"type": "streamable-http", "url": "https://mcp.example.org/mcp"},
        {"type": "sse", "url": "https://mcp.example.org/sse"},
    ]
    assert [(one["registryType"], one["identifier"], one.get("version")) for one in weather["packages"]] == [
        ("npm", "@example/weather", "1.2.0"),
        ("pypi", "weather", "1.2.0"),
        ("oci", "ghcr.io/example/weather:1.2.0", None),
        ("mcpb", "https://example.org/weather.mcpb", None),
    ]
    assert weather["repository"] == {"url": "https://github.com/example/weather", "source": "github"}
    ours = told[0]["_meta"][OURS]
    assert weather["name"] == f"0x{ours['owner_id']}/{ours['id']}"
    assert node.store.entry(ours["id"]) is not None
    assert tuple(ours["heads"]) == node.store.heads(ours["id"])
    assert told[3]["server"]["description"] == "Once new"
    old = told[3]["_meta"][OFFICIAL]
    assert (old["status"], old["statusMessage"], old["isLatest"]) == ("deprecated", "Use Weather", True)
    assert node.reader.get("/v0.1/servers").headers[LEFT_OUT_HEADER] == "1"


def test_pages_lead_through_the_whole_list(node: Node) -> None:
    seen: list[str] = []
    asked = {"limit": "2"}
    while True:
        answer = node.reader.get("/v0.1/servers", params=asked).json()
        validate("ServerList", answer)
        seen += titles(answer["servers"])
        if "nextCursor" not in answer["metadata"]:
            break
        asked["cursor"] = answer["metadata"]["nextCursor"]
    assert seen == LISTED


def test_a_page_that_would_be_large_is_a_short_one(node: Node) -> None:
    seen: list[str] = []
    with running(node.store, bounds=NodeBounds(answer_bytes=2_000)) as address, client(address) as reader:
        asked: dict[str, str] = {}
        for _ in range(len(LISTED)):
            answer = reader.get("/v0.1/servers", params=asked).json()
            seen += titles(answer["servers"])
            assert len(answer["servers"]) < len(LISTED)
            if (cursor := answer["metadata"].get("nextCursor")) is None:
                break
            asked["cursor"] = cursor
    assert seen == LISTED


def test_names_versions_and_times_choose(node: Node) -> None:
    assert titles(servers(node, search="EATHE")) == ["Weather"]
    assert titles(servers(node, search="eathe", include_deleted="true")) == ["Weather"]
    assert titles(servers(node, search="ELETE", include_deleted="true")) == ["Deleted"]
    assert titles(servers(node, version="latest")) == LISTED
    assert titles(servers(node, version="9.9.9")) == []
    deleted = servers(node, include_deleted="true")
    status = {one["server"]["title"]: one["_meta"][OFFICIAL]["status"] for one in deleted}
    assert status.pop("Deleted") == status.pop("Leaky") == "deleted"
    assert [*status] == LISTED
    last = max(one["_meta"][OFFICIAL]["updatedAt"] for one in deleted)
    assert titles(servers(node, updated_since=last)) == ["Deleted"]
    assert titles(servers(node, updated_since=last.replace("Z", ".5+00:00"))) == ["Deleted"]
    assert servers(node, updated_since="2999-01-01T00:00:00Z") == []


def test_one_server_is_asked_for_by_its_name_escaped_or_not(node: Node) -> None:
    (weather,) = servers(node, search="weather")
    name, version = weather["server"]["name"], weather["server"]["version"]
    for spelt in (name, name.replace("/", "%2F")):
        for which in ("latest", version):
            answer = node.reader.get(f"/v0.1/servers/{spelt}/versions/{which}")
            assert answer.json() == weather
        listed = node.reader.get(f"/v0.1/servers/{spelt}/versions").json()
        validate("ServerList", listed)
        assert listed["servers"] == [weather]
    again = node.reader.get(f"/v0.1/servers/{name}/versions/latest", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_a_record_was_is_a_version_of_its_server(node: Node) -> None:
    first = defaults("manifest") | PLAIN | {"interfaces": [{"url": "https://v1.example.org", "protocol": "MCP",
                                                            "version": ""}]}  # fmt: skip
    op = node.store.add("agent", make_record("agent", "Grown") | {"version": "1.0.0"}, manifest=first)
    for version in ("1.0.1", "2.0.0"):
        entry = node.store.entry(op.key)
        assert entry is not None
        node.store.update("agent", op.key, entry.record | {"version": version}, entry.heads)
    behind = node.store.manifests.get(op.key)
    assert behind is not None
    node.store.manifests.set(op.key, defaults("manifest") | PLAIN, behind.heads)
    name = f"0x{node.store.address}/{op.key}"
    listed = node.reader.get(f"/v0.1/servers/{name}/versions").json()
    validate("ServerList", listed)
    assert [
        (one["server"]["version"], one["server"]["remotes"][0]["url"], one["_meta"][OFFICIAL]["isLatest"])
        for one in listed["servers"]
    ] == [
        ("2.0.0", "https://mcp.example.org/mcp", True),
        ("1.0.1", "https://v1.example.org", False),
        ("1.0.0", "https://v1.example.org", False),
    ]
    assert node.reader.get(f"/v0.1/servers/{name}/versions/1.0.1").json() == listed["servers"][1]
    node.store.delete("agent", op.key, node.store.heads(op.key))
    refused(node.reader.get(f"/v0.1/servers/{name}/versions"), 404, "not_found")
    gone = node.reader.get(f"/v0.1/servers/{name}/versions", params={"include_deleted": "true"}).json()
    validate("ServerList", gone)
    assert {one["_meta"][OFFICIAL]["status"] for one in gone["servers"]} == {"deleted"}
    latest = node.reader.get(f"/v0.1/servers/{name}/versions/latest", params={"include_deleted": "true"}).json()
    assert latest == gone["servers"][0]
    validate("ServerResponse", latest)


NOBODY = f"0x{40 * '0'}/{64 * '0'}"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("?cursor=nonsense", 422, "invalid"),
        ("?cursor=1.2.3", 422, "invalid"),
        ("?limit=0", 422, "invalid"),
        ("?limit=101", 422, "invalid"),
        ("?limit=ten", 422, "invalid"),
        ("?limit=", 422, "invalid"),
        ("?updated_since=", 422, "invalid"),
        ("?updated_since=yesterday", 422, "invalid"),
        ("?updated_since=2026-13-01T00:00:00Z", 422, "invalid"),
        ("?include_deleted=perhaps", 422, "invalid"),
        (f"?search={'x' * 2001}", 422, "invalid"),
        ("?sort=name", 400, "parameter"),
        ("?limit=1&limit=2", 400, "parameter"),
        ("/io.github.example%2Fweather/versions", 404, "not_found"),
        ("/a/b/c/versions", 404, "not_found"),
        ("/a%2Fb%2Fc/versions/latest", 404, "not_found"),
        ("/../../etc/passwd/versions/latest", 404, "not_found"),
        (f"/{NOBODY}/versions", 404, "not_found"),
        (f"/{NOBODY}/versions/1/0", 404, "not_found"),
        (f"/{NOBODY}/versions?include_deleted=maybe", 422, "invalid"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_sentence(node: Node, path: str, status: int, code: str) -> None:
    if "/../" in path:
        path = path.replace("..", "%2E%2E")
    refused(node.reader.get(f"/v0.1/servers{path}"), status, code)


def test_a_version_that_there_is_not_and_one_that_cannot_be_said(node: Node) -> None:
    name = servers(node, search="weather")[0]["server"]["name"]
    refused(node.reader.get(f"/v0.1/servers/{name}/versions/9.9.9"), 404, "not_found")
    unsayable = f"0x{node.store.address}/{found(node.store, 'Unsayable')}"
    refused(node.reader.get(f"/v0.1/servers/{unsayable}/versions"), 404, "not_found")
    other = f"0x{40 * '1'}/{name.partition('/')[2]}"
    refused(node.reader.get(f"/v0.1/servers/{other}/versions"), 404, "not_found")


def test_a_list_that_is_held_is_not_sent_again(node: Node) -> None:
    first = node.reader.get("/v0.1/servers")
    again = node.reader.get("/v0.1/servers", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert node.reader.head("/v0.1/servers").headers["etag"] == first.headers["etag"]


CARRIED = ("name", "version", "description", "license", "tags", "tools")
CARRIED_BEHIND = ("status", "status_message", "repository_url", "documentation_url")


def test_what_is_listed_is_read_back_by_our_importer(node: Node) -> None:
    """Nothing that both formats can say is lost; what is, stands in `LEFT_OUT`."""
    read = [one for one in read_source(f"{node.address.url}/v0.1/servers") if isinstance(one, Finding)]
    ours = [node.store.entry(one["_meta"][OURS]["id"]) for one in servers(node)]
    assert len(read) == len(ours) == len(LISTED)
    for finding, entry in zip(read, ours, strict=True):
        assert entry is not None
        assert finding.kind == "agent"
        assert finding.record is not None
        expected = {name: entry.record[name] for name in CARRIED}
        if entry.record["description"] == RECORDS[HOSTILE][0]["description"]:
            del expected["description"], expected["name"]  # an importer keeps no control characters
        assert {name: finding.record[name] for name in expected} == expected
        behind = node.store.manifests.get(entry.id)
        assert behind is not None
        assert behind.manifest is not None
        assert isinstance(finding.manifest, dict)
        assert {name: finding.manifest[name] for name in CARRIED_BEHIND} == {
            name: behind.manifest[name] for name in CARRIED_BEHIND
        }
        assert finding.manifest["interfaces"] == [
            one | {"version": ""}
            for one in behind.manifest["interfaces"]  # type: ignore[union-attr]
            if isinstance(one, dict) and one["protocol"] == "MCP"
        ]
        assert finding.manifest["artifacts"] == behind.manifest["artifacts"]
