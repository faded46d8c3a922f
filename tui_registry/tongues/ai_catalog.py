"""What a replica holds -> an AI Catalog.

Version 1.0 of the specification: https://github.com/Agent-Card/ai-card/blob/main/specification/ai-catalog.md, of which
it keeps level 2: the host, and of each entry who publishes it.

A catalog has no pages: a large one is divided into catalogs that its entries lead to ("Organizing Catalogs"). Records
are divided by the first digits of their ids, which are spread evenly, so that one new record changes one part and what
leads to it; a part that has more than `MOST_ENTRIES` is divided further. A million records lie two catalogs deep, and
readers go four deep.

A catalog has a member `tui-registry` in its `metadata`, by which it is known to be one of ours: the digits that all ids
in it begin with.

A record is an entry that holds our own description of it. An agent that answers over A2A is one that leads to its
agent card. Either way `metadata` has a member `tui-registry`: the id, the owner, the heads, and the signed operations
that say all of it, so that nobody needs to trust who serves the catalog.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tui_registry.errors import Json, Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.manifests import is_followable
from tui_registry.records.schema import MAX_TIME
from tui_registry.tongues.a2a_card import MEDIA_TYPE as CARD_TYPE, a2a_interfaces

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore, Signed

VERSION: Final = "1.0"
MEDIA_TYPE: Final = "application/ai-catalog+json"
# The media types of entries that hold a description of ours: `kind`, `record` and `manifest`, as `export` writes them.
RECORD_TYPES: Final = {kind: f"application/vnd.tui-registry.{kind}+json" for kind in ("model", "agent")}
# The member of `metadata` that is ours.
EXTENSION: Final = "tui-registry"
# Where the catalog lies, and its parts, below the address that it is served from.
WELL_KNOWN: Final = ".well-known/ai-catalog.json"
PARTS: Final = "catalog"
MOST_ENTRIES: Final = 32
# Bytes of one catalog, about: what is larger is divided, however few its entries are.
MOST_BYTES: Final = 2 * 1024 * 1024
# Of more records than this most parts of a part would have to be divided again.
_FAR_MORE = 16 * MOST_ENTRIES
# Characters of a description that are told beside the record.
_MOST_SAID = 300


class Site(NamedTuple):
    """Where a catalog is served from.

    Attributes:
        url: without a slash at its end.
        own: the address of the operator's key, empty before there is one.
        domain: what is theirs on the web; empty where that is not known. Only what their own key signed is named by it:
            of all others it would claim what nobody said.
        docs: the address of a page about it, empty where there is none.
    """

    url: str
    own: str
    domain: str
    docs: str


def site_at(datastore: Datastore, url: str, *, is_public: bool, is_node: bool = True) -> Site:
    """The site at an address; one that its operator gave is at a domain of theirs, unless it names an address alone.

    Args:
        is_node: a node answers there, which has a page about itself; else a server of files.
    """
    host = urlsplit(url).hostname or ""
    is_domain = is_public and "." in host and not re.fullmatch(r"[0-9.]+", host) and ":" not in host
    # To look makes no key.
    domain = host if is_domain else ""
    return Site(url, datastore.key.known if is_domain else "", domain, f"{url}/docs" if is_node else "")


class Part(NamedTuple):
    """A catalog, and which others it leads to, by the digits that all ids in them begin with.

    Attributes:
        records: how many its entries are of. agents: those whose cards they lead to, by id.
    """

    body: bytes
    divided: tuple[str, ...]
    records: int
    agents: tuple[str, ...]


def path_of(prefix: str) -> str:
    """Where the part of those digits lies, below the address of the site."""
    return f"{PARTS}/{prefix}.json" if prefix else WELL_KNOWN


def card_path(agent_id: str) -> str:
    """Where the card of an agent lies, below the address of the site."""
    return f"agents/{agent_id}/agent-card.json"


def read_part(datastore: Datastore, site: Site, prefix: str, *, work: int) -> Part:
    """The catalog of the records whose ids begin with some digits; of no digits the whole one.

    Args:
        prefix: at most 64 lower-case hex digits.
        work: as in `Datastore.search`.

    Raises:
        StoreError: `interrupted`.
    """
    # Each is there as it is and in its operation, and what stands behind it is as large at most.
    found = datastore.manifests.signed(
        prefix, MOST_ENTRIES, most_bytes=MOST_BYTES // 2, counted=_FAR_MORE + 1, work=work
    )
    if found.records is not None:
        listed = list(_entries(datastore, site, found.records))
        if len(listed) <= 1 or sum(len(entry) for entry, _ in listed) <= MOST_BYTES:
            agents = tuple(agent for _, agent in listed if agent)
            return Part(_catalog(site, prefix, [entry for entry, _ in listed]), (), len(listed), agents)
    # At least four records to a part, so that few are empty.
    digits = 2 if found.total > _FAR_MORE else 1
    divided = tuple(f"{prefix}{number:0{digits}x}"[:64] for number in range(16**digits))
    return Part(_catalog(site, prefix, [_spelt(_nested(site, each)) for each in divided]), divided, 0, ())


# How: a catalog


# What each of them begins with behind its version, by which a file is known to be one.
MARK: Final = f'"metadata":{{"{EXTENSION}":{{"ids":"'.encode()


def _catalog(site: Site, prefix: str, entries: Sequence[bytes]) -> bytes:
    host: dict[str, Json] = {"displayName": site.domain or site.url.partition("://")[2]}
    if site.docs:
        host["documentationUrl"] = site.docs
    if site.domain:
        host["identifier"] = site.domain
    told = (VERSION.encode(), MARK, prefix.encode(), _spelt(host), b",".join(entries))
    return b'{"specVersion":"%b",%b%b"}},"host":%b,"entries":[%b]}' % told


def _nested(site: Site, prefix: str) -> dict[str, Json]:
    url = f"{site.url}/{path_of(prefix)}"
    return {
        "identifier": url,
        "displayName": f"Records whose ids begin with {prefix}",
        "mediaType": MEDIA_TYPE,
        "url": url,
    }


# How: an entry


def _entries(datastore: Datastore, site: Site, found: Sequence[Signed]) -> Iterator[tuple[bytes, str]]:
    """Each entry, and whose card it leads to, empty where it leads to none; without what is muted here."""
    muted = {each.owner for each in datastore.rations.all() if each.muted_at is not None}
    for signed in found:
        record: Record = json.loads(signed.body.record)
        if record["owner_id"] not in muted:
            yield _entry(site, record, signed)


def _entry(site: Site, record: Record, signed: Signed) -> tuple[bytes, str]:
    body = signed.body
    manifest: Record | None = None if signed.manifest is None else json.loads(signed.manifest)
    owner = str(record["owner_id"])
    address = f"{site.url}/{body.kind}s/{body.id}"
    is_own = bool(site.domain) and owner == site.own
    said: dict[str, Json] = {
        "identifier": f"urn:tui-registry:{site.domain}:{body.kind}:{body.id}" if is_own else address,
        "displayName": record["name"],
    }
    if record["version"]:
        said["version"] = record["version"]
    about = " ".join(str(record["description"]).split())
    if about:
        said["description"] = about if len(about) <= _MOST_SAID else f"{about[:_MOST_SAID]}..."
    if record["tags"]:
        said["tags"] = record["tags"]
    updated = record["updated_at"]
    if isinstance(updated, int) and 0 <= updated <= MAX_TIME:
        said["updatedAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(updated))
    said["publisher"] = {
        "identifier": site.domain if is_own else f"urn:tui-registry:key:0x{owner}",
        "displayName": site.domain if is_own else f"0x{owner}",
        "identityType": "dns" if is_own else "tui-registry-key",
    }
    is_card = body.kind == "agent" and bool(a2a_interfaces(manifest))
    said["mediaType"] = CARD_TYPE if is_card else RECORD_TYPES[body.kind]
    if is_card:
        said["url"] = f"{site.url}/{card_path(body.id)}"
    ours: dict[str, Json] = {
        "kind": body.kind,
        "id": body.id,
        "owner": f"0x{owner}",
        "heads": [*body.heads],
        "manifest_heads": [*signed.manifest_heads],
        "status": body.status,
    }
    said["metadata"] = {**_beside(record, manifest), EXTENSION: ours}
    # What was signed goes in as it was signed, where these three objects end: to spell it anew takes its time.
    ops = b",".join(filter(None, (signed.op, signed.manifest_op)))
    entry = b'%b,"ops":[%b]}}' % (_spelt(said)[:-3], ops)
    if is_card:
        return entry + b"}", body.id
    # Said to be null it would take away what a reader has behind its own record.
    behind = b"" if signed.manifest is None else b',"manifest":' + signed.manifest
    return b'%b,"data":{"kind":"%b","record":%b%b}}' % (entry, body.kind.encode(), body.record, behind), ""


def _beside(record: Record, manifest: Record | None) -> dict[str, Json]:
    """What is told under the short names that the specification and many catalogs use."""
    told: dict[str, Json] = {"license": record["license"]} if record["license"] else {}
    if manifest is not None:
        for name, field in (("repository", "repository_url"), ("documentationUrl", "documentation_url")):
            # Readers make links of them, and a stranger may have signed any scheme.
            if is_followable(str(manifest[field])):
                told[name] = manifest[field]
    return told


_SPELLER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _spelt(tree: Json) -> bytes:
    return _SPELLER.encode(tree).encode()
