"""A record as a server of an MCP registry: whatever its owner wrote, it is of that schema or not said at all, and what is
not carried is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tui_registry
from tests.node.test_mcp_routes import CARRIED, CARRIED_BEHIND, validate
from tests.records.vectors.manifests import HERE
from tests.seeds import make_record
from tui_registry.errors import Json, Record
from tui_registry.records.schema import FIELDS, MANIFEST_FIELDS, Many, Struct, defaults
from tui_registry.tongues.mcp_registry import (
    API,
    LEFT_OUT,
    SCHEMA,
    State,
    answer,
    record_named,
    removed,
    seconds_of,
    server,
    server_name,
    status_of,
    timestamp,
)

AGENT: Record = make_record("agent", "x") | {"agent_id": 64 * "a", "owner_id": 40 * "b", "created_at": 0}
REMOTE: Record = {"url": "https://example.org/mcp", "protocol": "MCP", "version": ""}
NASTY: list[Record] = [
    {},
    {"name": "x" * 128, "description": "y" * 8_000, "version": "v" * 64},
    {"name": "\u202e\u0007", "description": "\n\t ", "version": "latest"},
    {"name": "https://example.org/<b>", "description": "[a](javascript:1)", "tools": ["\u0000"], "tags": ["x"] * 64},
]


def file(uri: str, sha256: str | None = None) -> Record:
    return {"uri": uri, "media_type": "", "sha256": sha256, "size_bytes": None, "quantization": None}


@pytest.mark.parametrize("said", NASTY, ids=range(len(NASTY)))
def test_whatever_was_written_is_of_the_schema_or_not_said(said: Record) -> None:
    record = AGENT | said
    count = 0
    for vector in json.loads(HERE.read_text("utf-8")):
        for manifest in (vector["json"], vector["json"] | {"interfaces": [*vector["json"]["interfaces"], REMOTE]}):
            told = server(record, manifest)
            if told is not None:
                count += 1
                whole = answer(told, State(*status_of(manifest), 0, manifest["updated_at"]), {"id": "x"})
                validate("ServerResponse", whole)
                json.dumps(whole, ensure_ascii=False).encode()
    assert count >= 200
    validate("ServerResponse", answer(removed(record), State("deleted", "", -1, 10**18), {}))


WRONG: list[Json] = [
    "javascript:alert(1)", "https://", "https://user@example.org/", "https://[::1/", "http://a b/", "//example.org",
    "https://example.org:99999999/", "ollama://example.org/x", "oci://ghcr.io/x", "mcp.example.org", "stdio",
]  # fmt: skip


@pytest.mark.parametrize("url", WRONG)
def test_an_address_that_no_server_can_have_is_left_out(url: str) -> None:
    manifest = defaults("manifest") | {
        "interfaces": [{"url": url, "protocol": "MCP", "version": ""}],
        "repository_url": url,
        "documentation_url": url,
    }
    assert server(AGENT, manifest) is None
    told = server(AGENT, manifest | {"interfaces": [REMOTE, *manifest["interfaces"]]})  # type: ignore[misc]
    assert told is not None
    assert told["remotes"] == [{"type": "streamable-http", "url": REMOTE["url"]}]
    assert not {"repository", "websiteUrl"} & told.keys()


@pytest.mark.parametrize(
    "uri",
    [
        "https://registry.npmjs.org/x/latest", "https://pypi.org/project/x", "https://registry.npmjs.org/@a/b/c/d",
        "https://example.org/x.mcpb", "weights/model.gguf", "https://example.org/x.bin",
    ],
)  # fmt: skip
def test_what_is_no_package_of_a_version_is_no_package(uri: str) -> None:
    told = server(AGENT, defaults("manifest") | {"interfaces": [REMOTE], "artifacts": [file(uri)]})
    assert told is not None
    assert "packages" not in told


def test_a_record_that_says_sse_answers_so() -> None:
    manifest = defaults("manifest") | {"interfaces": [REMOTE]}
    for words, transport in (
        (["sse"], "sse"),
        (["sse", "streamable-http"], "streamable-http"),
        ([], "streamable-http"),
    ):
        told = server(AGENT | {"capabilities": [*words]}, manifest)
        assert told is not None
        assert told["remotes"] == [{"type": transport, "url": REMOTE["url"]}]


def test_names_lead_back_to_their_records() -> None:
    assert record_named(server_name(40 * "b", 64 * "a")) == (40 * "b", 64 * "a")
    for name in (
        "",
        "io.github.x/y",
        f"0x{40 * 'B'}/{64 * 'a'}",
        f"{40 * 'b'}/{64 * 'a'}",
        f"0x{40 * 'b'}/{64 * 'a'}\n",
    ):
        assert record_named(name) is None


def test_times_are_those_of_rfc_3339() -> None:
    assert timestamp(1_750_000_000) == "2025-06-15T15:06:40Z"
    assert seconds_of(timestamp(1_750_000_000)) == 1_750_000_000
    assert seconds_of("2025-06-15t17:06:40.123456789+02:00") == 1_750_000_000
    for wrong in (
        "",
        "2025-06-15",
        "2025-06-15T15:06:40",
        "1750000000",
        "2025-06-31T00:00:00Z",
        "2025-06-15T15:06:40Zx",
    ):
        with pytest.raises(ValueError):
            seconds_of(wrong)


def test_each_field_is_carried_or_stands_in_the_table_of_losses() -> None:
    set_here = {"agent_id", "owner_id", "created_at", "updated_at"}
    placed = {"manifest.interfaces[].url", "manifest.interfaces[].protocol", "manifest.artifacts[].uri",
              "manifest.artifacts[].sha256", *CARRIED, *(f"manifest.{name}" for name in CARRIED_BEHIND)}  # fmt: skip
    fields = [field.name for field in FIELDS["agent"] if field.name not in set_here]
    for field in MANIFEST_FIELDS:
        if field.name.startswith(("subject_", "manifest_")) or field.name in set_here:
            continue
        within = field.type.of if isinstance(field.type, Many) else None
        inner = within.fields if isinstance(within, Struct) and field.name in ("artifacts", "interfaces") else ()
        fields += [f"manifest.{field.name}[].{one.name}" for one in inner] or [f"manifest.{field.name}"]
    assert {*fields} == placed | LEFT_OUT.keys()


def test_the_page_lists_what_is_lost_and_names_the_version() -> None:
    page = Path(tui_registry.__file__).with_name("tongues.md").read_text()
    (row,) = re.findall(r"^\| a server of the MCP registry \| (.*) \|$", page, re.MULTILINE)
    own, _, behind = row.partition("of its manifest")
    named = {*re.findall(r"`(\w+)`", own), *(f"manifest.{name}" for name in re.findall(r"`([\w\[\].]+)`", behind))}
    assert named == {*LEFT_OUT}
    assert f"| MCP registry | {API[1:]}, server.json {SCHEMA.split('/')[-2]} | `{API}/servers`" in page
