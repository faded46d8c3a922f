"""A record with all that it needs as a bill of materials: CycloneDX 1.7 with machine learning models
(https://cyclonedx.org/docs/1.7/json/), as JSON that is plain data.

A model is a component `machine-learning-model`, an agent an `application`; what it needs or prefers stands among the
components and the dependencies, what it was made from is the pedigree, files are external references with their
SHA-256. What CycloneDX has no member for is a property whose name begins with `tui_registry:`, and so is an address
that is none by RFC 3986, such as `ollama://llama3:8b`: CycloneDX takes no other.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from tui_registry import licences
from tui_registry.datastore import DERIVED, PREFERS, Linked
from tui_registry.errors import Json, Kind, Record
from tui_registry.frozen import NamedTuple

_SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.7.schema.json"
_HELD: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
# An address by RFC 3986, with a host or relative; none with an IPv6 address, or with a name of somebody.
_ADDRESS: Final = re.compile(
    rf"(?:[A-Za-z][A-Za-z0-9+.-]*://{_HELD}+(?::[0-9]*)?(?:/(?:{_HELD}|[:@/])*)?|{_HELD}(?:{_HELD}|/)*)"
    rf"(?:\?(?:{_HELD}|[:@/?])*)?(?:#(?:{_HELD}|[:@/?])*)?"
)
_TYPES: Final[dict[Kind, str]] = {"model": "machine-learning-model", "agent": "application"}


class Part(NamedTuple):
    """A record in a bill of materials.

    Attributes:
        kind, id, record, manifest: of the record; plain, the manifest None where it has none.
        revision: stands for its heads.
        links: what it names, as `Datastore.links` tells it.
    """

    kind: Kind
    id: str
    record: Record
    manifest: Record | None
    revision: str
    links: Sequence[Linked]


def cyclonedx(parts: Sequence[Part], now: int, version: str) -> dict[str, Json]:
    """The bill of materials of the first of these records; the others are what it needs, as far as it is here.

    Args:
        now: Unix seconds.
        version: of this program.
    """
    first, *others = parts
    here = {part.id for part in parts}
    preferred = {link.id for part in parts for link in part.links if link.sort == PREFERS}
    needed = {link.id for part in parts for link in part.links if link.sort not in (PREFERS, DERIVED)}
    absent = {
        link.id: link
        for part in parts
        for link in part.links
        if link.sort != DERIVED and link.id and link.id not in here
    }
    components: list[Json] = [{**_component(part), "scope": _scope(part.id, needed, preferred)} for part in others]
    components += [
        {
            "type": _TYPES["model"],
            "bom-ref": link.id,
            "name": link.name or link.id,
            "scope": _scope(link.id, needed, preferred),
            "properties": [_property("presence", link.presence)],
        }
        for link in absent.values()
    ]
    named: list[Json] = [
        {"ref": part.id, "dependsOn": [*dict.fromkeys(link.id for link in part.links if link.sort != DERIVED)]}
        for part in parts
    ]
    named += [{"ref": identifier} for identifier in absent]
    seed = "\0".join(("tui_registry", *(part.revision for part in parts)))
    return {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, seed).urn,
        "version": 1,
        "metadata": {
            "timestamp": _moment(now),
            "tools": {"components": [{"type": "application", "name": "tui_registry", "version": version}]},
            "component": _component(first),
        },
        "components": components,
        "dependencies": named,
    }


# How


def _scope(identifier: str, needed: set[str], preferred: set[str]) -> str:
    return "optional" if identifier in preferred and identifier not in needed else "required"


def _component(part: Part) -> dict[str, Json]:
    record = part.record
    found: dict[str, Json] = {
        "type": _TYPES[part.kind],
        "bom-ref": part.id,
        "name": str(record["name"]),
        "version": str(record["version"]),
        "supplier": {"name": f"0x{record['owner_id']}"},
        "licenses": _licences(str(record["license"])),
    }
    if record["description"]:
        found["description"] = record["description"]
    if tags := _texts(record["tags"]):
        found["tags"] = [*tags]
    manifest = part.manifest or {}
    references = [*_references(manifest)]
    if usable := [one for one in references if _ADDRESS.fullmatch(str(one["url"]))]:
        found["externalReferences"] = [*usable]
    if ancestors := [_ancestor(link) for link in part.links if link.sort == DERIVED]:
        found["pedigree"] = {"ancestors": ancestors}
    if part.kind == "model":
        found["modelCard"] = _model_card(manifest)
    odd = [_property(str(one["type"]), _told(one)) for one in references if one not in usable]
    found["properties"] = [*_properties(record, manifest), *odd]
    return found


def _licences(licence: str) -> list[Json]:
    """An expression of SPDX, or the text as the name of a licence that SPDX does not know."""
    expression = licences.as_expression(licence)
    if expression is not None:
        return [{"expression": expression}]
    return [{"license": {"name": licence}}]


def _ancestor(link: Linked) -> Json:
    found: dict[str, Json] = {"type": _TYPES["model"], "name": link.name or link.id or "something without a name"}
    if link.version:
        found["version"] = link.version
    if link.license:
        found["licenses"] = _licences(link.license)
    found["properties"] = [
        _property("relation", link.relation or "Other"),
        *([_property("id", link.id)] if link.id else []),
        _property("presence", link.presence),
    ]
    return found


def _told(reference: dict[str, Json]) -> str:
    """A reference in a line."""
    hashes = [f"SHA-256 {one['content']}" for one in _structs(reference.get("hashes"))]
    return ", ".join(str(part) for part in (reference["url"], reference.get("comment"), *hashes) if part)


def _references(manifest: Record) -> Iterable[dict[str, Json]]:
    for artifact in _structs(manifest.get("artifacts")):
        found: dict[str, Json] = {"type": "distribution", "url": artifact["uri"]}
        told = [f"{artifact['size_bytes']} bytes"] if artifact["size_bytes"] is not None else []
        told += [str(artifact["media_type"])] if artifact["media_type"] else []
        if told:
            found["comment"] = ", ".join(told)
        if artifact["sha256"] is not None:
            found["hashes"] = [{"alg": "SHA-256", "content": artifact["sha256"]}]
        yield found
    for interface in _structs(manifest.get("interfaces")):
        protocol = interface["protocol"]
        said = protocol["Other"] if isinstance(protocol, dict) else protocol
        yield {"type": "other", "url": interface["url"], "comment": f"{said} {interface['version']}".strip()}
    for name, kind in (("repository_url", "vcs"), ("documentation_url", "documentation")):
        if manifest.get(name):
            yield {"type": kind, "url": manifest[name]}


def _model_card(manifest: Record) -> dict[str, Json]:
    card: dict[str, Json] = {}
    if datasets := _texts(manifest.get("datasets")):
        card["modelParameters"] = {"datasets": [{"type": "dataset", "name": name} for name in datasets]}
    metrics: list[Json] = []
    for one in _structs(manifest.get("evaluations")):
        metric: dict[str, Json] = {"type": one["metric"], "value": one["value"], "slice": one["benchmark"]}
        metrics.append(metric)
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    return card


def _properties(record: Record, manifest: Record) -> Iterable[Json]:
    for name in ("model_type", "agent_type", "framework", "parameters", "quantization", "context_length"):
        value = record.get(name)
        if value not in (None, 0):
            yield _property(name, str(value["Other"]) if isinstance(value, dict) else str(value))
    for language in _texts(manifest.get("languages")):
        yield _property("language", language)
    status = manifest.get("status", "Active")
    if status != "Active":
        yield _property("status", str(status["Other"]) if isinstance(status, dict) else str(status))


def _property(name: str, value: str) -> dict[str, Json]:
    return {"name": f"tui_registry:{name}", "value": value}


def _structs(value: Json | None) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Json | None) -> list[str]:
    return [*dict.fromkeys(item for item in value if isinstance(item, str))] if isinstance(value, list) else []


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
