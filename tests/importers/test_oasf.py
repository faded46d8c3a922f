"""Records of OASF: of the versions that differ in shape, in the shape of the examples that its project documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tests.importers.test_a2a import CARD_1_0
from tui_registry.importers import Finding, read_source

DIGEST = "a" * 64


def record(version: str, **more: Any) -> dict[str, Any]:
    return {
        "schema_version": version,
        "name": "email-agent",
        "version": "v1.2.0",
        "authors": ["Lab"],
        "description": "Sends and receives mail.",
        "created_at": "2025-08-11T16:20:37.159072Z",
        "skills": [
            {"id": 10202, "name": "natural_language_processing/natural_language_generation/text_completion"},
            {"name": "retrieval_augmented_generation/document_retrieval"},
        ],
        "domains": [{"id": 101, "name": "technology/network_operations"}],
        **more,
    }


OLD = record(
    "v0.7.0",
    locators=[
        {"type": "source-code", "url": "https://github.com/lab/email"},
        {"type": "docker-image", "url": "ghcr.io/lab/email:1.2"},
        {"type": "python-package", "url": "http://10.0.0.7/simple/email"},
    ],
    modules=[
        {
            "name": "runtime/mcp",
            "data": {"servers": [{"name": "mail", "type": "http", "url": "https://mail.example.com/mcp",
                                  "tools": [{"name": "send"}], "env_vars": [{"name": "MAIL_TOKEN"}]}]},
        },
        {"name": "runtime/model", "data": {"models": [{"model": "gpt-oss-20b", "provider": "x"}]}},
        {"name": "observability", "data": {}},
    ],
)  # fmt: skip
NEW = record(
    "1.1.0",
    locators=[
        {"type": "source_code", "urls": ["https://github.com/lab/email"]},
        {"type": "container_image", "urls": [f"ghcr.io/lab/email@sha256:{DIGEST}"]},
        {"type": "url", "urls": ["https://lab.example.com/email"]},
    ],
    modules=[
        {"name": "integration/a2a", "data": {"card_data": CARD_1_0, "card_schema_version": "1.0"}},
        {
            "name": "integration/mcp",
            "data": {"name": "mail", "connections": [{"type": "streamable-http", "url": "https://m.example.com/mcp"}],
                     "tools": [{"name": "send"}]},
        },
    ],
)  # fmt: skip


def read(tmp_path: Path, value: object) -> Finding:
    (tmp_path / "record.json").write_text(json.dumps(value))
    (found,) = read_source(tmp_path / "record.json")
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize(
    ("value", "framework", "image", "interfaces"),
    [
        (OLD, "MCP", "oci://ghcr.io/lab/email:1.2", ["https://mail.example.com/mcp"]),
        (NEW, "A2A", f"oci://ghcr.io/lab/email@sha256:{DIGEST}", None),
    ],
    ids=["0.7", "1.1"],
)
def test_a_record_gives_a_whole_draft(
    tmp_path: Path, value: object, framework: str, image: str, interfaces: list[str] | None
) -> None:
    found = read(tmp_path, value)
    assert found.problems == ()
    expected = {
        "name": "email-agent", "version": "1.2.0", "description": "Sends and receives mail.",
        "capabilities": ["text completion", "document retrieval"], "tools": ["send"],
        "framework": {"Other": framework},
    }  # fmt: skip
    assert {name: at(found, name) for name in expected} == expected
    assert "network-operations" in at(found, "tags")
    assert isinstance(found.manifest, dict)
    assert found.manifest["repository_url"] == "https://github.com/lab/email"
    assert [one["uri"] for one in found.manifest["artifacts"]] == [image]
    urls = [one["url"] for one in found.manifest["interfaces"]]
    if interfaces is None:
        interfaces = [one["url"] for one in CARD_1_0["supportedInterfaces"]] + ["https://m.example.com/mcp"]
    assert urls == interfaces
    assert any("authors Lab" in note for note in found.notes)


def test_what_a_record_names_and_no_field_holds_is_told(tmp_path: Path) -> None:
    notes = " ".join(read(tmp_path, OLD).notes)
    for part in ("it uses gpt-oss-20b", "needs to be given MAIL_TOKEN", "module observability", "http://10.0.0.7"):
        assert part in notes


@pytest.mark.parametrize(
    "more",
    [
        {"skills": [1, None, {"name": 3}, {"class_name": "Text Completion"}]}, {"locators": [{"type": ["x"], "urls": 4}]},
        {"modules": [{"name": "integration/a2a", "data": {"card_data": "x"}}]}, {"modules": [{"name": 4, "data": []}]},
        {"modules": [{"name": "integration/mcp", "data": {"connections": [{"url": "javascript:alert(1)"}]}}]},
        {"locators": [{"type": "container_image", "urls": ["alpine", "oci://x y/z"]}]}, {"annotations": {"a": ["b"]}},
        {"authors": "me", "description": None}, {"skills": [{"name": "a/" * 900}] * 300},
    ],
    ids=range(9),
)  # fmt: skip
def test_odd_values_still_give_a_draft(tmp_path: Path, more: dict[str, Any]) -> None:
    assert at(read(tmp_path, record("0.8.0", **more)), "name") == "email-agent"


def test_what_only_looks_like_a_record_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, {"schema_version": "two", "name": "x", "skills": []}).record is None


def test_a_secret_in_a_locator_is_not_shown(tmp_path: Path) -> None:
    urls = ["https://bob:hunter2@lab.example.com/x", "https://lab.example.com/x?key=hunter2"]
    found = read(tmp_path, record("1.1.0", locators=[{"type": "url", "urls": urls}]))
    assert "hunter2" not in str(found)
