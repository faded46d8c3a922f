"""The `server.json` of an MCP server -> the draft of an agent.

The format: https://github.com/modelcontextprotocol/registry (docs/reference/server-json); until September 2025 its
names were in snake_case. The registry's own API wraps it: `{"server": ...}`, `{"servers": [...]}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tui_registry.errors import Json, Problem
from tui_registry.importers.draft_writer import Draft, Given, Judged, put_licence, put_version, seen, shown
from tui_registry.importers.formats import Reader
from tui_registry.importers.manifest_writer import public_address
from tui_registry.importers.untrusted import Page, SourceError, object_at, objects_at, text_at, texts_at
from tui_registry.present.imports import Finding
from tui_registry.text import exact

if TYPE_CHECKING:
    import httpx

    from tui_registry.importers.fetch import Fetcher

_IN = "in server.json"
_MOST = 64
# What is asked of a registry: today's API, and the one before it.
_PLACES = ("/v0.1/servers", "/v0/servers")
_PER_PAGE = 100
# Where a publisher says what the format has no member for; and where a node of ours says which record it is.
_PROVIDED = "io.modelcontextprotocol.registry/publisher-provided"
_OURS = "tui-registry/record"


def read_document(value: Json, source: str, _name: str) -> Sequence[Given] | None:
    """The drafts of the servers in a document, None when it is no such document. A server that cannot be read is
    judged by itself."""
    entries = servers_in(value)
    many = len(entries) > 1
    given = [_read_entry(entry, f"{source}[{n}]" if many else source) for n, entry in enumerate(entries)]
    cursor = next_cursor(value) if given else ""
    if cursor:
        _note_first(given, f"the list goes on at the cursor {shown(cursor)}: import the registry's address for all")
    return given or None


async def ask_host(fetcher: Fetcher, url: httpx.URL, place: str, after: str) -> Page[Given] | None:
    """The drafts of one page of a registry's servers; None when it is no registry.

    Raises:
        SourceError: the host does not answer, or with what cannot be read.
    """
    paths = (place, place.removesuffix(_PLACES[0]) + _PLACES[1])
    begin = [url.copy_with(raw_path=f"{path}?version=latest&limit={_PER_PAGE}".encode()) for path in paths]
    for at in [url] if url.path.endswith(_PLACES) else begin:
        answer = await fetcher.get(at.copy_merge_params({"cursor": after}) if after else at)
        if after and answer.status not in (200, 404):
            raise SourceError(f"{shown(at.host)} answers with status {answer.status}")
        notes: list[str] = []
        value = answer.document(notes) if answer.status == 200 else None
        entries = servers_in(value)
        if entries or _is_list(value):
            # The same for all its pages
            where = str(at.copy_remove_param("cursor"))
            given = [_read_entry(entry, f"{where} {_name_of(entry)}".rstrip()) for entry in entries]
            for note in notes:
                _note_first(given, note)
            return Page(given, next_cursor(value))
    return None


def _is_list(value: Json) -> bool:
    """Whether it is a page of a registry, be it an empty one."""
    return isinstance(value, dict) and value.get("servers") == [] and isinstance(value.get("metadata", {}), dict)


def servers_in(value: Json) -> list[Mapping[str, Json]]:
    """The descriptions of servers that a document holds, with what a registry says around each; none when it is no such
    document. In a list, one that reads as a server is enough."""
    if not isinstance(value, dict):
        return []
    listed = objects_at(value, "servers")
    if listed:
        return list(listed) if any(_is_server(_inner(item)) for item in listed) else []
    return [value] if _is_server(_inner(value)) else []


def next_cursor(value: Json) -> str:
    """Where a registry's list goes on, empty at its end."""
    return text_at(object_at(value, "metadata"), "nextCursor", "next_cursor") if isinstance(value, dict) else ""


def _inner(entry: Mapping[str, Json]) -> Mapping[str, Json]:
    return object_at(entry, "server") or entry


def _whole(server: Mapping[str, Json], key: str) -> str:
    """A text that the format cuts short, or must have, from what the publisher provided: where that goes on as it
    begins, or is empty."""
    provided = object_at(object_at(server, "_meta"), _PROVIDED)
    said, whole = text_at(server, key), text_at(provided, key)
    if provided.get(key) == "":
        return ""
    return whole if said and " ".join(whole.split()).startswith(said.removesuffix("…")) else said


def _name_of(entry: Mapping[str, Json]) -> str:
    return text_at(_inner(entry), "name")


def _read_entry(entry: Mapping[str, Json], source: str) -> Given:
    server = _inner(entry)
    name = _name_of(entry)
    if _is_server(server):
        return read_server(server, source, around=entry)
    sentence = "names no server"
    if name:
        sentence = f"{shown(name)} states neither packages nor remotes: nothing says how it is run or reached"
    return Judged(Finding(source, "agent", None, (Problem("", "error", "document", sentence),)))


def _note_first(given: Sequence[Given], sentence: str) -> None:
    draft = next((one for one in given if isinstance(one, Draft)), None)
    if draft is not None:
        draft.note(sentence)


def read_server(server: Mapping[str, Json], source: str, around: Mapping[str, Json] | None = None) -> Draft:
    """The draft that the description of one server gives; `around` is what a registry wraps it in."""
    metas = [*_metas(server), *_metas(around or {})]
    draft = Draft("agent", source)
    identifier = text_at(server, "name")
    # What a node of ours tells of its own: all of it stands in its places, and none is to be found out.
    own = isinstance(object_at(around or {}, "_meta").get(_OURS), dict)
    draft.put("name", _whole(server, "title"), f"title {_IN}")
    draft.put("name", identifier, f"name {_IN}")
    version = text_at(server, "version") or text_at(object_at(server, "version_detail"), "version")
    put_version(draft, version, f"version {_IN}")
    # A registry may list earlier versions beside the latest, which is the server
    earlier = any(place.get("isLatest", place.get("is_latest")) is False for place in metas)
    draft.entry = f"{identifier} {version}" if earlier else identifier
    packages = objects_at(server, "packages")[:_MOST]
    remotes = objects_at(server, "remotes")[:_MOST]
    lines = [] if own else [*map(_package, packages), *map(_remote, remotes), *_places(server)]
    about = [_whole(server, "description"), "\n".join(dict.fromkeys(line for line in lines if line))]
    more = ", packages and remotes" if lines else ""
    draft.put("description", "\n\n".join(part for part in about if part), f"description{more} {_IN}")
    for place in (server, *metas):
        put_licence(draft, text_at(place, "license"), f"license {_IN}")
    draft.put("agent_type", {"Other": "MCP server"}, "it is the description of one")
    _put_framework(draft, packages)
    named = _tools(server)
    if not own:
        origin = f"tools {_IN}" if named else f"name {_IN}: agents call its tools by it"
        draft.add("tools", named or [identifier], origin)
        draft.add("tags", ["mcp", *(text_at(package, *_REGISTRY) for package in packages)], f"packages {_IN}")
    elif named:
        draft.add("tools", named, f"tools {_IN}")
    if not named:
        draft.note("server.json lists no tools: the server itself tells them when it runs")
    draft.add(
        "tags", [word for place in (server, *metas) for word in texts_at(place, "keywords")][:_MOST], f"keywords {_IN}"
    )
    draft.add("capabilities", _transports(packages, remotes), f"transports {_IN}")
    hashes = [text_at(package, "fileSha256", "file_sha256") for package in packages]
    draft.note_unplaced(
        seen(key, of) for key, of in server.items() if key not in _READ and of not in (None, "", [], {})
    )
    placed = _put_behind(draft, server, packages, remotes, metas)
    draft.note_unplaced(
        f"sha256 of a package {shown(one, 64)}" for place, one in enumerate(hashes) if one and place not in placed
    )
    _note_needs(draft, packages, remotes)
    _note_state(draft, server, metas)
    return draft


def _put_behind(
    draft: Draft,
    server: Mapping[str, Json],
    packages: list[dict[str, Json]],
    remotes: list[dict[str, Json]],
    metas: list[dict[str, Json]],
) -> set[int]:
    """Where the packages and the server itself are, and whether it is still to be used; gives the places of the
    packages whose address is known."""
    placed: set[int] = set()
    for place, package in enumerate(packages):
        uri = _package_address(package)
        if uri:
            digest = text_at(package, "fileSha256", "file_sha256")
            draft.behind.add_file(uri, sha256=digest or None)
            placed.add(place)
    for remote in remotes:
        draft.behind.add_interface(text_at(remote, "url"), "MCP")
    draft.behind.put("repository_url", public_address(text_at(object_at(server, "repository"), "url")))
    draft.behind.put("documentation_url", public_address(text_at(server, "websiteUrl", "website_url")))
    for of in (server, *metas):
        if text_at(of, "status") == "deprecated":
            draft.behind.put("status", "Deprecated")
            draft.behind.put("status_message", text_at(of, "statusMessage", "status_message"))
    return placed


def _package_address(package: Mapping[str, Json]) -> str:
    """Where a package is: at its own address, or where its registry documents that a version is; empty where it names
    a registry that is not known here, or one of somebody's own."""
    kind, identifier = text_at(package, *_REGISTRY), text_at(package, "identifier", "name")
    version, base = text_at(package, "version"), text_at(package, "registryBaseUrl", "registry_base_url")
    if kind == "mcpb" or identifier.startswith("https://"):
        return identifier
    if not identifier or _IN_ADDRESS.fullmatch(identifier) is None or (version and not _IN_ADDRESS.fullmatch(version)):
        return ""
    if kind in ("oci", "docker"):
        named = ":" in identifier.rpartition("/")[2] or "@" in identifier or not version
        host = _HOST.match(identifier) is None and "docker.io/"
        return f"oci://{host or ''}{identifier}{'' if named else f':{version}'}"
    own = _PLACES_OF_PACKAGES.get(kind)
    if own is None or (base.rstrip("/") or own[0]) != own[0]:
        return ""
    return own[1].format(name=identifier, version=version).removesuffix("/")


# Registry -> its address as descriptions name it, and where it documents that a version of a package is.
_PLACES_OF_PACKAGES: Mapping[str, tuple[str, str]] = {
    "npm": ("https://registry.npmjs.org", "https://registry.npmjs.org/{name}/{version}"),
    "pypi": ("https://pypi.org", "https://pypi.org/project/{name}/{version}"),
}
_IN_ADDRESS = re.compile(r"(?!\.)[A-Za-z0-9@._/:+~-]{1,512}", re.ASCII)
_HOST = re.compile(r"[^/]+[.:][^/]*/|localhost/")


_READ = frozenset(
    {"$schema", "_meta", "description", "id", "is_latest", "isLatest", "keywords", "license", "name", "packages",
     "remotes", "repository", "status", "status_message", "statusMessage", "title", "tools", "version",
     "version_detail", "website_url", "websiteUrl"}
)  # fmt: skip
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
    for place in (server, *_metas(server)):
        names = [text_at(tool, "name") for tool in objects_at(place, "tools")] or texts_at(place, "tools")
        if any(names):
            return [name for name in names if name][:_MOST]
    return []


def _transports(packages: list[dict[str, Json]], remotes: list[dict[str, Json]]) -> list[str]:
    found = [text_at(object_at(package, "transport"), "type") for package in packages]
    return [word for word in [*found, *(text_at(remote, "type", "transport_type") for remote in remotes)] if word]


def _note_needs(draft: Draft, packages: list[dict[str, Json]], remotes: list[dict[str, Json]]) -> None:
    needed: list[str] = []
    for place in (*packages, *remotes):
        asked = objects_at(place, "environmentVariables", "environment_variables") + objects_at(place, "headers")
        named = [(text_at(value, "name"), value) for value in asked]
        for value in (place, *asked):
            inner = object_at(value, "variables")
            named += [(name, of) for name in list(inner)[:_MOST] if isinstance(of := inner[name], dict)]
        for name, value in named[: 4 * _MOST]:
            secret = value.get("isSecret", value.get("is_secret")) is True
            if secret or value.get("isRequired", value.get("is_required")) is True:
                needed.append(shown(name, 40) + (" (secret)" if secret else ""))
    needed = list(dict.fromkeys(needed))
    if needed:
        more = f" and {exact(len(needed) - 8)} more" if len(needed) > 8 else ""
        draft.note(f"it needs to be given {', '.join(needed[:8])}{more}")


def _metas(value: Mapping[str, Json]) -> list[dict[str, Json]]:
    """What a publisher and a registry say beside what the format knows."""
    return [meta for meta in list(object_at(value, "_meta").values())[:_MOST] if isinstance(meta, dict)]


def _note_state(draft: Draft, server: Mapping[str, Json], metas: list[dict[str, Json]]) -> None:
    for place in (server, *metas):
        status = text_at(place, "status")
        if status and status != "active":
            why = text_at(place, "statusMessage", "status_message")
            draft.note(f"its status is {shown(status, 40)}" + (f": {shown(why, 120)}" if why else ""))
        if place.get("isLatest", place.get("is_latest")) is False:
            draft.note("the registry has a later version of it")


READER = Reader(document=read_document, ask=ask_host)
