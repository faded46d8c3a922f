"""The settings of MCP clients, and the manifests of bundles: what they say of servers, and nothing secret of theirs."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.importers.made import at
from tui_registry.importers import Finding, read_source
from tui_registry.importers.mcp_clients import read_document

SECRET = "sk-1234567890abcdefSECRET"
CLIENT: dict[str, Any] = {
    "mcpServers": {
        "files": {"command": "npx", "args": ["-y", "@lab/server-files@1.2.0", "/home/bob/private"]},
        "mail": {"command": "/usr/bin/uvx", "args": ["--from", "mail-mcp==0.3", "mail"], "env": {"MAIL_TOKEN": SECRET}},
        "far": {"type": "http", "url": "https://far.example.com/mcp", "headers": {"Authorization": f"Bearer {SECRET}"}},
        "near": {"url": f"http://10.0.0.7/mcp?key={SECRET}"},
        "own": {"command": "/home/bob/bin/serve", "args": ["--api-key", SECRET]},
        "box": {"command": "docker", "args": ["run", "-i", "--rm", "-e", f"KEY={SECRET}", "ghcr.io/lab/box:2"]},
    }
}


def findings(tmp_path: Path, value: object, name: str = "mcp.json") -> list[Finding]:
    (tmp_path / name).write_text(json.dumps(value))
    return [found for found in read_source(tmp_path / name) if isinstance(found, Finding)]


def test_each_server_of_a_client_is_a_draft(tmp_path: Path) -> None:
    found = {at(one, "name"): one for one in findings(tmp_path, CLIENT)}
    assert [*found] == [*CLIENT["mcpServers"]]
    assert all(one.problems == () and at(one, "agent_type") == {"Other": "MCP server"} for one in found.values())
    frameworks = {name: at(one, "framework") for name, one in found.items()}
    mcp = {"Other": "MCP"}
    assert frameworks == {
        "files": "CustomJS", "mail": "CustomPython", "far": mcp, "near": mcp, "own": mcp, "box": mcp,
    }  # fmt: skip
    uris = {name: [one["uri"] for one in manifest["artifacts"]] for name in ("files", "mail", "box")
            if isinstance(manifest := found[name].manifest, dict)}  # fmt: skip
    assert uris == {
        "files": ["https://registry.npmjs.org/@lab/server-files/1.2.0"],
        "mail": ["https://pypi.org/project/mail-mcp/0.3"],
        "box": ["oci://ghcr.io/lab/box:2"],
    }
    assert isinstance(found["far"].manifest, dict)
    assert [one["url"] for one in found["far"].manifest["interfaces"]] == ["https://far.example.com/mcp"]
    assert "it is given MAIL_TOKEN: the values were not read" in found["mail"].notes


@pytest.mark.parametrize("around", ["servers", "context_servers"])
def test_other_clients_name_the_list_otherwise(tmp_path: Path, around: str) -> None:
    assert len(findings(tmp_path, {around: CLIENT["mcpServers"], "inputs": []})) == 6


def test_nothing_secret_of_a_client_is_shown_or_kept(tmp_path: Path) -> None:
    told = " ".join(f"{one.record} {one.manifest} {one.notes} {one.origins}" for one in findings(tmp_path, CLIENT))
    for part in (SECRET, "Bearer", "/home/bob", "10.0.0.7"):
        assert part not in told


@pytest.mark.parametrize(
    "path",
    [
        "/api/mcp/s/ZjE0Mjc4N2YtMzYy/mcp", "/v3/1f0c9a52-7d1b-4e0c-9a55-0d4b7a1c9e11/mcp", "/mcp/sk-abc123",
        "/mcp/eyJhbGciOiJIUzI1NiJ9.e30.x", "/k/aZbYcXdWeVfUgThSiRjQ", "/mcp;key=abc", "/${input:token}/mcp",
        "/mcp/0123456789abcdef0123", "/%73k-abc123/mcp",
    ],
)  # fmt: skip
def test_an_address_whose_path_may_hold_a_key_is_left_out(tmp_path: Path, path: str) -> None:
    (found,) = findings(tmp_path, {"mcpServers": {"x": {"url": f"https://mcp.example.com{path}"}}})
    assert not isinstance(found.manifest, dict), found.manifest
    assert any("may hold a secret" in note for note in found.notes)
    assert path not in str((found.record, found.notes))


@pytest.mark.parametrize(
    "path", ["", "/mcp", "/v1/sse", "/v1beta2/mcp", "/servers/github-copilot/mcp", "/api/2025-06-18/streamable_http"]
)
def test_an_address_with_words_in_its_path_is_kept(tmp_path: Path, path: str) -> None:
    (found,) = findings(tmp_path, {"mcpServers": {"x": {"url": f"https://mcp.example.com{path}"}}})
    assert isinstance(found.manifest, dict)
    assert [one["url"] for one in found.manifest["interfaces"]] == [f"https://mcp.example.com{path}"]


@pytest.mark.parametrize(
    ("command", "arguments", "package"),
    [
        ("cmd", ["/c", "npx", "-y", "@lab/files@1.2.0"], "npm @lab/files@1.2.0"),
        ("C:\\Windows\\System32\\cmd.exe", ["/C", "npx.cmd", "mail"], "npm mail"),
        ("npx", ["-y", "--package", "@lab/files", "files"], "npm @lab/files"),
        ("npx", ["-p", "@lab/files", "files"], "npm @lab/files"),
        ("npx", ["--package=@lab/files", "files"], "npm @lab/files"),
        ("uvx", ["--from=mail-mcp==0.3", "mail"], "pypi mail-mcp==0.3"),
        ("docker", ["run", "-p", "80:80", "mcp/box"], "oci mcp/box"),
        ("npx", ["-c", "key"], ""),
    ],
)
def test_the_package_is_the_one_that_is_installed(
    tmp_path: Path, command: str, arguments: list[str], package: str
) -> None:
    (found,) = findings(tmp_path, {"mcpServers": {"x": {"command": command, "args": arguments}}})
    kind, _, name = package.partition(" ")
    assert at(found, "description") == (f"Package: {name}" if name else "")
    assert at(found, "tags") == [kind, "mcp"][not kind :]


@pytest.mark.parametrize("around", ["mcpServers", "context_servers"])
def test_one_odd_server_takes_nothing_from_the_others(tmp_path: Path, around: str) -> None:
    good, odd = findings(tmp_path, {around: {"good": {"command": "npx"}, "odd": {"source": "extension"}}})
    assert at(good, "name") == "good"
    assert [problem.sentence for problem in odd.problems] == [
        "is a server with neither a command nor an address: nothing is known of it"
    ]


def test_settings_without_servers_are_told_as_such(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, {"mcpServers": {}})
    assert [problem.sentence for problem in found.problems] == ["is the settings of an MCP client without servers"]


@pytest.mark.parametrize(
    "value",
    [
        {"asyncapi": "2.6.0", "info": {}, "servers": {"production": {"url": "mqtt://x", "protocol": "mqtt"}}},
        {"servers": {"web": {"type": "nginx"}}},
    ],
)
def test_other_documents_that_list_servers_are_no_settings_of_a_client(value: Any) -> None:
    assert read_document(value, "x.json", "x") is None


# None that anything else says by chance
secrets = st.text(string.ascii_letters + string.digits + "-_", min_size=22, max_size=60).map(lambda text: f"zQ{text}")


@given(
    secret=secrets,
    command=st.sampled_from(["npx", "uvx", "docker", "node", "python", "/opt/x", "pipx"]),
    before=st.lists(st.sampled_from(["-y", "run", "--api-key", "-e", "--token=", "pkg", "@a/b"]), max_size=4),
)
def test_no_value_that_a_command_is_given_gets_into_a_draft(secret: str, command: str, before: list[str]) -> None:
    """Whatever stands before it: a key is behind an option, or what the package itself is told."""
    arguments = [*before, "--key", secret, f"--token={secret}", f"https://x.example/?k={secret}"]
    said = {"command": command, "args": arguments, "env": {"A": secret}, "headers": {"B": secret}}
    drafts = read_document({"mcpServers": {"x": said}}, "mcp.json", "x")
    assert drafts is not None
    for draft in drafts:
        found = draft.finding()
        told = f"{found.record} {found.manifest} {found.notes} {found.origins}"
        assert secret not in told


@pytest.mark.parametrize(
    "servers",
    [
        {"a": {"command": 3, "url": 4}}, {"a": {"command": "npx", "args": "x"}}, {"a": {"command": "npx", "args": [1]}},
        {"a\x1b[31m": {"command": "x"}}, {"a": {"url": "javascript:alert(1)"}}, {"a": {"command": {"path": []}}},
        {"x" * 5_000: {"command": "npx", "args": ["y" * 100_000]}}, {f"s{n}": {"command": "x"} for n in range(400)},
    ],
    ids=range(8),
)  # fmt: skip
def test_odd_settings_give_drafts_or_a_sentence(tmp_path: Path, servers: dict[str, Any]) -> None:
    found = findings(tmp_path, {"mcpServers": servers})
    assert found
    for one in found:
        assert one.record is not None or "\n" not in one.problems[0].sentence


# ---- bundles ---------------------------------------------------------------------------------------------------------

BUNDLE: dict[str, Any] = {
    "manifest_version": "0.3", "name": "files", "display_name": "Files", "version": "1.4.0",
    "description": "Reads files.", "license": "MIT", "author": {"name": "Lab"}, "keywords": ["files"],
    "repository": {"type": "git", "url": "https://github.com/lab/files.git"}, "homepage": "https://lab.example.com",
    "server": {
        "type": "node", "entry_point": "server/index.js",
        "mcp_config": {"command": "node", "args": ["/home/bob/x"], "env": {"KEY": SECRET}},
    },
    "tools": [{"name": "read", "description": "Reads"}, {"name": "list"}],
    "user_config": {"token": {"type": "string", "sensitive": True}, "folder": {"type": "directory", "required": True}},
}  # fmt: skip


@pytest.mark.parametrize("version", ["manifest_version", "dxt_version"])
def test_the_manifest_of_a_bundle_is_a_draft(tmp_path: Path, version: str) -> None:
    value = {version: "0.3", **{key: of for key, of in BUNDLE.items() if key != "manifest_version"}}
    (found,) = findings(tmp_path, value, "manifest.json")
    assert found.problems == ()
    expected = {
        "name": "Files", "version": "1.4.0", "description": "Reads files.", "license": "MIT", "framework": "CustomJS",
        "tools": ["read", "list"], "tags": ["mcp", "files"], "agent_type": {"Other": "MCP server"},
    }  # fmt: skip
    assert {name: at(found, name) for name in expected} == expected
    assert isinstance(found.manifest, dict)
    assert found.manifest["repository_url"] == "https://github.com/lab/files"
    assert "it needs to be given token (secret), folder" in found.notes
    assert SECRET not in str(found)
    assert "/home/bob" not in str((found.record, found.notes))


@pytest.mark.parametrize(
    "changed",
    [{"server": {"type": "wasm"}}, {"tools": "x"}, {"user_config": []}, {"repository": 4}, {"author": "me"},
     {"name": 3, "display_name": None}, {"keywords": [1]}, {"tools": [{"name": "x" * 9_000}]}],
    ids=range(8),
)  # fmt: skip
def test_odd_manifests_of_bundles_give_a_draft(tmp_path: Path, changed: dict[str, Any]) -> None:
    (found,) = findings(tmp_path, {**BUNDLE, **changed}, "manifest.json")
    assert found.record is not None


def test_settings_with_comments_are_read_as_editors_read_them(tmp_path: Path) -> None:
    path = tmp_path / ".vscode" / "mcp.json"
    path.parent.mkdir()
    path.write_text(
        '{\n  // ours: "x"\n  "inputs": [{"id": "k", "type": "promptString", "password": true},],\n'
        '  "servers": {"far": {"type": "http", "url": "https://far.example.com/mcp"}, /* last */},\n}\n'
    )
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    assert isinstance(found.manifest, dict)
    assert [one["url"] for one in found.manifest["interfaces"]] == ["https://far.example.com/mcp"]
