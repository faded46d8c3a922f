"""MCP's server.json: today's camelCase, the snake_case before it, and the registry's wrapping."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, read_source
from tui_registry.importers.mcp import read_server, servers_in
from tui_registry.records.authoring import check

SERVER: dict[str, Any] = {
    "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    "name": "io.modelcontextprotocol.anonymous/brave-search",
    "title": "Brave Search",
    "description": "MCP server for the Brave Search API",
    "repository": {"url": "https://github.com/modelcontextprotocol/servers", "source": "github"},
    "version": "1.0.2",
    "websiteUrl": "https://example.com",
    "packages": [
        {
            "registryType": "npm",
            "identifier": "@modelcontextprotocol/server-brave-search",
            "version": "1.0.2",
            "runtimeHint": "npx",
            "transport": {"type": "stdio"},
            "environmentVariables": [{"name": "BRAVE_API_KEY", "isRequired": True, "isSecret": True}],
        }
    ],
    "remotes": [{"type": "streamable-http", "url": "https://mcp.example.com/http"}],
}
SNAKE: dict[str, Any] = {
    "name": "io.github.example/weather-mcp",
    "description": "Python MCP server for weather data",
    "version_detail": {"version": "0.5.0"},
    "status": "deprecated",
    "packages": [
        {
            "registry_type": "pypi",
            "identifier": "weather-mcp-server",
            "version": "0.5.0",
            "runtime_hint": "uvx",
            "environment_variables": [{"name": "WEATHER_API_KEY", "is_required": True, "is_secret": True}],
        }
    ],
    "remotes": [{"transport_type": "sse", "url": "https://mcp.example.com/sse"}],
}


def test_a_server_is_an_agent_whose_tool_it_is() -> None:
    found = read_server(SERVER, "server.json").finding()
    assert found.problems == ()
    expected = {
        "name": "Brave Search",
        "version": "1.0.2",
        "agent_type": {"Other": "MCP server"},
        "framework": "CustomJS",
        "tools": ["io.modelcontextprotocol.anonymous/brave-search"],
        "tags": ["mcp", "npm"],
        "capabilities": ["stdio", "streamable-http"],
    }
    assert {path: at(found, path) for path in expected} == expected
    assert at(found, "description").splitlines()[2:] == [
        "Package: npm @modelcontextprotocol/server-brave-search 1.0.2 (npx)",
        "Remote: https://mcp.example.com/http (streamable-http)",
        "Repository: https://github.com/modelcontextprotocol/servers",
        "Website: https://example.com",
    ]
    assert "it needs to be given BRAVE_API_KEY (secret)" in found.notes


def test_the_older_names_are_read_too() -> None:
    found = read_server(SNAKE, "server.json").finding()
    assert (at(found, "name"), at(found, "version")) == ("io.github.example/weather-mcp", "0.5.0")
    assert at(found, "framework") == "CustomPython"
    assert at(found, "capabilities") == ["sse"]
    assert "its status is deprecated" in found.notes
    assert "it needs to be given WEATHER_API_KEY (secret)" in found.notes


def test_tools_that_a_publisher_lists_are_taken() -> None:
    meta: dict[str, Any] = {
        "io.modelcontextprotocol.registry/publisher-provided": {"tools": [{"name": "search"}, {"name": "news"}]}
    }
    found = read_server({**SERVER, "_meta": meta}, "x").finding()
    assert at(found, "tools") == ["search", "news"]
    assert not any("lists no tools" in note for note in found.notes)


def test_the_answers_of_the_registry_are_unwrapped(tmp_path: Path) -> None:
    wrapped = {"servers": [{"server": SERVER, "_meta": {}}, {"server": SNAKE}], "metadata": {"count": 2}}
    (tmp_path / "page.json").write_text(json.dumps(wrapped))
    found = list(read_source(tmp_path / "page.json"))
    assert [at(one, "version") for one in found if isinstance(one, Finding)] == ["1.0.2", "0.5.0"]
    assert servers_in({"server": SERVER}) == [SERVER]


@pytest.mark.parametrize(
    "change", [{"packages": 3}, {"packages": [{"identifier": 3}]}, {"remotes": [{}]}, {"_meta": 3}, {"version": None},
               {"repository": "x", "title": "\x00"}]
)  # fmt: skip
def test_odd_values_still_give_a_draft_that_can_be_registered(change: Any) -> None:
    found = read_server({**SERVER, **change}, "x").finding()
    assert found.record is not None, found.problems
    assert [p.path for p in check("agent", found.record) if p.severity == "error"] == []


def test_other_documents_are_no_servers() -> None:
    assert servers_in({"name": "left-pad", "version": "1.0.0"}) == []
    assert servers_in({"name": "a/b", "version": "1.0.0"}) == []
    assert servers_in({"servers": ["a"]}) == []
    assert servers_in([SERVER]) == []
