"""An agent with an MCP interface -> what the read API of an MCP registry tells of a server.

The format: https://github.com/modelcontextprotocol/registry, docs/reference/api/openapi.yaml of 2025-12-01 (paths
`/v0.1/...`) with server.json of 2025-12-11. `importers.mcp` reads it back.

A server is named by whose it is and which record: `0xOWNER/ID`. That is the same on every node, claims no domain that
nobody proved, and stays when the record gets another name, which is the server's `title`.

What is carried by what both formats know: name, description, version, the addresses of interfaces, of packages (npm,
PyPI, OCI, MCPB) with their digests, of the repository and the documentation, and `deprecated` with its reason. Beside
that, as what the publisher provided: licence, tags, tools, and the name and description where they are longer than a
server's may be. What is left out is in `LEFT_OUT`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from tui_registry.errors import Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.manifests import is_followable

API: Final = "/v0.1"
SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
# Where a registry and a publisher say what the format has no member for.
OFFICIAL: Final = "io.modelcontextprotocol.registry/official"
PROVIDED: Final = "io.modelcontextprotocol.registry/publisher-provided"
# Ours, beside the registry's: which record it is.
OURS: Final = "tui-registry/record"
# The longest that a server's title and description may be, in characters.
LONGEST: Final = 100

# Fields of a record and of its manifest that this format has no place for, and what is read back in their place.
LEFT_OUT: Mapping[str, str] = {
    "agent_type": "MCP server",
    "framework": "what its packages are written in, else MCP",
    "capabilities": "the transports of packages and remotes",
    "compatible_model_types": "nothing",
    "preferred_models": "nothing",
    "formfile_template": "nothing",
    "resource_requirements": "the defaults",
    "manifest.interfaces[].version": "nothing; interfaces that are no MCP at http or https are left out",
    "manifest.artifacts[].size_bytes": "nothing; files that are no package of npm, PyPI, OCI or MCPB are left out",
    "manifest.artifacts[].media_type": "nothing",
    "manifest.artifacts[].quantization": "nothing",
    "manifest.status": "Active for a word of the owner's own; what is withdrawn is told as deleted",
    "manifest.superseded_by": "nothing",
    "manifest.derived_from": "nothing",
    "manifest.required_models": "nothing",
    "manifest.architecture": "nothing",
    "manifest.evaluations": "nothing",
    "manifest.datasets": "nothing",
    "manifest.languages": "nothing",
}

_SERVER_NAME = re.compile(r"0x([0-9a-f]{40})/([0-9a-f]{64})", re.ASCII)
# The last second that its timestamps can name.
_LAST = 253_402_300_799


class State(NamedTuple):
    """What a registry says of a server beside what the server says.

    Attributes:
        status: `active`, `deprecated` or `deleted`. message: why; empty for nothing.
        published_at, updated_at: Unix seconds.
        is_latest: it is the current version.
    """

    status: str
    message: str
    published_at: int
    updated_at: int
    is_latest: bool = True


def server_name(owner: str, record_id: str) -> str:
    """How a record is called among servers: 40 and 64 hex digits."""
    return f"0x{owner}/{record_id}"


def record_named(name: str) -> tuple[str, str] | None:
    """The owner and the id in the name of a server; None where it is none of this registry's."""
    found = _SERVER_NAME.fullmatch(name)
    return None if found is None else (found[1], found[2])


def status_of(manifest: Record) -> tuple[str, str]:
    """The status of a server that is here, and why."""
    said = str(manifest["status"]) if isinstance(manifest["status"], str) else ""
    status = {"Deprecated": "deprecated", "Withdrawn": "deleted"}.get(said, "active")
    return status, "" if status == "active" else str(manifest["status_message"])


def server(record: Record, manifest: Record) -> Record | None:
    """A `server.json`; None where neither an address nor a package of it can be said in one.

    Args:
        record: plain, an agent. manifest: plain, what stands behind it.
    """
    remotes = list(_remotes(record, manifest))
    packages = list(_packages(manifest))
    if not (remotes or packages):
        return None
    name, about = _line(str(record["name"])), _about(record)
    said_is_cut = about != record["description"] or len(about) > LONGEST
    provided: Record = {
        "license": record["license"],
        "keywords": record["tags"],
        "tools": record["tools"],
        **({"title": record["name"]} if name != record["name"] or len(name) > LONGEST else {}),
        # Also where there is none, as a server must have one.
        **({"description": record["description"]} if said_is_cut or not about else {}),
    }
    said: Record = {
        "$schema": SCHEMA,
        "name": server_name(str(record["owner_id"]), str(record["agent_id"])),
        "title": _cut(name) or "?",
        "description": _cut(about or name) or "?",
        "version": record["version"],
    }
    repository, website = str(manifest["repository_url"]), str(manifest["documentation_url"])
    if _is_web(repository):
        said["repository"] = {"url": repository, "source": _source(repository)}
    if _is_web(website):
        said["websiteUrl"] = website
    if packages:
        said["packages"] = [*packages]
    if remotes:
        said["remotes"] = [*remotes]
    return {**said, "_meta": {PROVIDED: provided}}


def removed(record: Record) -> Record:
    """What is told of a server that is deleted, or can be said no more: which one it was."""
    name = _line(str(record["name"]))
    return {
        "$schema": SCHEMA,
        "name": server_name(str(record["owner_id"]), str(record["agent_id"])),
        "title": _cut(name) or "?",
        "description": _cut(_about(record) or name) or "?",
        "version": record["version"],
    }


def answer(told: Record, state: State, beside: Record) -> Record:
    """A server as the API answers it.

    Args:
        beside: which record it is.
    """
    official: Record = {
        "status": state.status,
        **({"statusMessage": state.message} if state.message else {}),
        "publishedAt": timestamp(state.published_at),
        "updatedAt": timestamp(state.updated_at),
        "isLatest": state.is_latest,
    }
    return {"server": told, "_meta": {OFFICIAL: official, OURS: beside}}


def listing(servers: Sequence[bytes], cursor: str | None = None) -> bytes:
    """A list of servers, each as JSON, as JSON."""
    metadata: Record = {**({} if cursor is None else {"nextCursor": cursor}), "count": len(servers)}
    return b'{"servers":[%b],"metadata":%b}' % (
        b",".join(servers),
        json.dumps(metadata, separators=(",", ":")).encode(),
    )


def timestamp(seconds: int) -> str:
    """Unix seconds in RFC 3339."""
    return f"{datetime.fromtimestamp(max(0, min(seconds, _LAST)), UTC).isoformat()[:19]}Z"


def seconds_of(text: str) -> int:
    """The Unix seconds of an RFC 3339 timestamp.

    Raises:
        ValueError: it is none.
    """
    if _TIMESTAMP.fullmatch(text) is None:
        raise ValueError("a time is one such as 2026-01-31T08:00:00Z (RFC 3339)")
    # Digits of a second beyond the sixth are more than Python reads.
    plain = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
    return int(datetime.fromisoformat(plain).timestamp())


_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,18})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


# How


def _line(text: str) -> str:
    """A text in one line."""
    return " ".join(text.split())


def _about(record: Record) -> str:
    """What a description begins with: its first paragraph."""
    return _line(str(record["description"]).strip().partition("\n\n")[0])


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"


def _is_web(url: str) -> bool:
    """Whether a server may name an address."""
    return _WEB.fullmatch(url) is not None and is_followable(url)


def _source(repository: str) -> str:
    """What hosts a repository, as the format calls it."""
    if repository.startswith("https://github.com/"):  # as most are: to take an address apart takes long
        return "github"
    host = urlsplit(repository).hostname or ""
    known = host.removeprefix("www.").removesuffix(".com")
    return known if known in ("github", "gitlab", "bitbucket") else host


def _each(manifest: Record, name: str) -> Iterator[Record]:
    items = manifest[name]
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            yield item


def _remotes(record: Record, manifest: Record) -> Iterator[Record]:
    said = record["capabilities"] if isinstance(record["capabilities"], list) else []
    only_sse = "sse" in said and "streamable-http" not in said
    for interface in _each(manifest, "interfaces"):
        protocol, url = interface["protocol"], str(interface["url"])
        word = str(protocol["Other"]) if isinstance(protocol, dict) else str(protocol)
        if word.casefold() != "mcp" or not _is_web(url):
            continue
        # A manifest knows no transports; the older one is told by what the record says, or by its usual path.
        is_sse = only_sse or url.rstrip("/").endswith("/sse")
        yield {"type": "sse" if is_sse else "streamable-http", "url": url}


def _packages(manifest: Record) -> Iterator[Record]:
    for artifact in _each(manifest, "artifacts"):
        found = _package(str(artifact["uri"])) if is_followable(str(artifact["uri"])) else None
        if found is None:
            continue
        digest = artifact["sha256"]
        if found["registryType"] == "mcpb" and digest is None:
            continue  # the format requires the digest of a bundle
        yield {**found, **({} if digest is None else {"fileSha256": digest}), "transport": {"type": "stdio"}}


def _package(uri: str) -> Record | None:
    """The package that is at an address: as the registries document where a version is (`importers.mcp`)."""
    npm, pypi, oci = _NPM.fullmatch(uri), _PYPI.fullmatch(uri), _OCI.fullmatch(uri)
    if npm is not None:
        return {"registryType": "npm", "identifier": unquote(npm[1]), "version": npm[2]}
    if pypi is not None:
        return {"registryType": "pypi", "identifier": pypi[1], "version": pypi[2]}
    if oci is not None:
        return {"registryType": "oci", "identifier": oci[1]}
    if _is_web(uri) and uri.startswith("https://") and urlsplit(uri).path.endswith(".mcpb"):
        return {"registryType": "mcpb", "identifier": uri}
    return None


# A host, which a client can take apart, or an address of IPv6 in brackets.
_WEB = re.compile(r"https?://(?:[^/?#@:\[\]\s]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?#]\S*)?", re.ASCII)
_PART = r"(?!latest$)[A-Za-z0-9._+~-]+"
_NPM = re.compile(rf"https://registry\.npmjs\.org/((?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~-]+)/({_PART})", re.ASCII)
_PYPI = re.compile(rf"https://pypi\.org/project/([A-Za-z0-9._-]+)/({_PART})/?", re.ASCII)
_OCI = re.compile(r"oci://([^?#\s]+)", re.ASCII)
