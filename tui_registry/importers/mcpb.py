"""The `manifest.json` of an MCP bundle -> the draft of an agent.

The format: https://github.com/modelcontextprotocol/mcpb (MANIFEST.md), until 2025 called DXT. Of how the server is
started only the kind is taken: commands, arguments and environments hold paths and secrets.
"""

from __future__ import annotations

from collections.abc import Mapping

from tui_registry.errors import Json
from tui_registry.importers.draft_writer import Draft, put_licence, put_version, seen, shown
from tui_registry.importers.formats import Reader
from tui_registry.importers.manifest_writer import public_address
from tui_registry.importers.untrusted import object_at, objects_at, text_at, texts_at

_IN = "in the bundle's manifest.json"
_MOST = 64


def read_document(value: Json, source: str, _name: str) -> list[Draft] | None:
    """The draft of the server in a bundle, None when the document is no manifest of one."""
    if not isinstance(value, dict) or _VERSIONS.isdisjoint(value) or not text_at(object_at(value, "server"), "type"):
        return None
    draft = Draft("agent", source)
    draft.put("name", text_at(value, "display_name"), f"display_name {_IN}")
    draft.put("name", text_at(value, "name"), f"name {_IN}")
    put_version(draft, text_at(value, "version"), f"version {_IN}")
    about = [text_at(value, "description"), text_at(value, "long_description")]
    draft.put("description", "\n\n".join(dict.fromkeys(part for part in about if part)), f"description {_IN}")
    put_licence(draft, text_at(value, "license"), f"license {_IN}")
    draft.put("agent_type", {"Other": "MCP server"}, "it is the manifest of one")
    kind = text_at(object_at(value, "server"), "type").lower()
    draft.put("framework", _KINDS.get(kind, {"Other": "MCP"}), f"server.type {shown(kind, 40)} {_IN}")
    tools = [text_at(tool, "name") for tool in objects_at(value, "tools")[:_MOST]]
    draft.add("tools", [tool for tool in tools if tool] or [text_at(value, "name")], f"tools {_IN}")
    if value.get("tools_generated") is True or not any(tools):
        draft.note("the server itself tells its tools, or more of them, when it runs")
    draft.add("tags", ["mcp", *texts_at(value, "keywords")[:_MOST]], f"keywords {_IN}")
    repository = value.get("repository")
    place = repository if isinstance(repository, str) else text_at(object_at(value, "repository"), "url")
    draft.behind.put("repository_url", public_address(place.removeprefix("git+").removesuffix(".git")))
    draft.behind.put("documentation_url", public_address(text_at(value, "documentation", "homepage")))
    author = text_at(object_at(value, "author"), "name")
    draft.note_unplaced([seen("author", author)] if author else [])
    _note_needs(draft, object_at(value, "user_config"))
    return [draft]


_VERSIONS = frozenset(("manifest_version", "dxt_version"))
_KINDS: Mapping[str, Json] = {"node": "CustomJS", "python": "CustomPython", "uv": "CustomPython"}


def _note_needs(draft: Draft, asked: Mapping[str, Json]) -> None:
    needed = [
        shown(name, 40) + (" (secret)" if said.get("sensitive") is True else "")
        for name, said in list(asked.items())[:_MOST]
        if isinstance(said, dict) and (said.get("required") is True or said.get("sensitive") is True)
    ]
    if needed:
        draft.note(f"it needs to be given {', '.join(needed)}")


READER = Reader(document=read_document)
