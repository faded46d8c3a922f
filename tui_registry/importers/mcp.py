"""The `server.json` of an MCP server -> the draft of an agent.

The format: https://github.com/modelcontextprotocol/registry (docs/reference/server-json); until September 2025 its
names were in snake_case. The registry's own API wraps it: `{"server": ...}`, `{"servers": [...]}`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tui_registry.errors import Json
from tui_registry.importers.draft_writer import Draft, put_version, shown
from tui_registry.importers.formats import Reader
from tui_registry.importers.untrusted import object_at, objects_at, text_at, texts_at

_IN = "in server.json"
_MOST = 64
_MOST_SERVERS = 1_000


def read_document(value: Json, source: str, _name: str) -> list[Draft] | None:
    """The drafts of the servers in a document, None when it is no such document."""
    servers = servers_in(value)
    many = len(servers) > 1
    return [read_server(server, f"{source}[{n}]" if many else source) for n, server in enumerate(servers)] or None


def servers_in(value: Json) -> list[Mapping[str, Json]]:
    """The descriptions of servers that a document holds, none when it is no such document."""
    if not isinstance(value, dict):
        return []
    listed = objects_at(value, "servers")
    if listed:
        inner: list[Mapping[str, Json]] = [object_at(item, "server") or item for item in listed[:_MOST_SERVERS]]
        return inner if all(_is_server(item) for item in inner) else []
    inner_one = object_at(value, "server") or value
    return [inner_one] if _is_server(inner_one) else []


def read_server(server: Mapping[str, Json], source: str) -> Draft:
    """The draft that the description of one server gives."""
    draft = Draft("agent", source)
    identifier = text_at(server, "name")
    draft.put("name", text_at(server, "title"), f"title {_IN}")
    draft.put("name", identifier, f"name {_IN}")
    version = text_at(server, "version") or text_at(object_at(server, "version_detail"), "version")
    put_version(draft, version, f"version {_IN}")
    packages = objects_at(server, "packages")[:_MOST]
    remotes = objects_at(server, "remotes")[:_MOST]
    lines = [*map(_package, packages), *map(_remote, remotes), *_places(server)]
    about = [text_at(server, "description"), "\n".join(dict.fromkeys(line for line in lines if line))]
    more = ", packages and remotes" if lines else ""
    draft.put("description", "\n\n".join(part for part in about if part), f"description{more} {_IN}")
    draft.put("agent_type", {"Other": "MCP server"}, "it is the description of one")
    _put_framework(draft, packages)
    named = _tools(server)
    draft.add("tools", named or [identifier], f"tools {_IN}" if named else f"name {_IN}: agents call its tools by it")
    if not named:
        draft.note("server.json lists no tools: the server itself tells them when it runs")
    draft.add("tags", ["mcp", *(text_at(package, *_REGISTRY) for package in packages)], f"packages {_IN}")
    draft.add("capabilities", _transports(packages, remotes), f"transports {_IN}")
    _note_needs(draft, server, packages, remotes)
    return draft


_REGISTRY = ("registryType", "registry_type", "registry_name")
_FRAMEWORKS: Mapping[str, str] = {"npm": "CustomJS", "pypi": "CustomPython", "cargo": "CustomRust"}


def _is_server(value: Mapping[str, Json]) -> bool:
    name, schema = value.get("name"), value.get("$schema")
    if not isinstance(name, str):
        return False
    if isinstance(schema, str) and "modelcontextprotocol" in schema and "server.schema.json" in schema:
        return True
    return "/" in name and (isinstance(value.get("packages"), list) or isinstance(value.get("remotes"), list))


def _put_framework(draft: Draft, packages: list[dict[str, Json]]) -> None:
    for package in packages:
        registry = text_at(package, *_REGISTRY)
        if registry in _FRAMEWORKS:
            draft.put("framework", _FRAMEWORKS[registry], f"a package on {registry} {_IN}")
    draft.put("framework", {"Other": "MCP"}, "no package says what it is written in")


def _package(package: Mapping[str, Json]) -> str:
    identifier = text_at(package, "identifier", "name")
    parts = [text_at(package, *_REGISTRY), identifier, text_at(package, "version")]
    runtime = text_at(package, "runtimeHint", "runtime_hint")
    line = " ".join(part for part in parts if part)[:512]
    return f"Package: {line}" + (f" ({runtime[:40]})" if runtime else "") if identifier else ""


def _remote(remote: Mapping[str, Json]) -> str:
    url = text_at(remote, "url")
    how = text_at(remote, "type", "transport_type")
    return f"Remote: {url[:512]}" + (f" ({how[:40]})" if how else "") if url else ""


def _places(server: Mapping[str, Json]) -> list[str]:
    repository, website = text_at(object_at(server, "repository"), "url"), text_at(server, "websiteUrl", "website_url")
    return [f"Repository: {repository[:512]}" if repository else "", f"Website: {website[:512]}" if website else ""]


def _tools(server: Mapping[str, Json]) -> list[str]:
    """Names of tools, which publishers may list beside what the format knows."""
    for place in (server, *(meta for meta in object_at(server, "_meta").values() if isinstance(meta, dict))):
        names = [text_at(tool, "name") for tool in objects_at(place, "tools")] or texts_at(place, "tools")
        if any(names):
            return [name for name in names if name][:_MOST]
    return []


def _transports(packages: list[dict[str, Json]], remotes: list[dict[str, Json]]) -> list[str]:
    found = [text_at(object_at(package, "transport"), "type") for package in packages]
    return [word for word in [*found, *(text_at(remote, "type", "transport_type") for remote in remotes)] if word]


def _note_needs(
    draft: Draft, server: Mapping[str, Json], packages: list[dict[str, Json]], remotes: list[dict[str, Json]]
) -> None:
    needed: list[str] = []
    for place in (*packages, *remotes):
        for value in objects_at(place, "environmentVariables", "environment_variables", "headers"):
            secret = value.get("isSecret", value.get("is_secret")) is True
            if secret or value.get("isRequired", value.get("is_required")) is True:
                needed.append(shown(text_at(value, "name"), 40) + (" (secret)" if secret else ""))
    if needed:
        draft.note(f"it needs to be given {', '.join(dict.fromkeys(needed[:8]))}")
    status = text_at(server, "status")
    if status and status != "active":
        draft.note(f"its status is {shown(status, 40)}")


READER = Reader(document=read_document)
