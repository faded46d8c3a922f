"""What records are given away as: lines of JSON, signed operations, a bill of materials. The command line and the app
write the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from tui_registry import __version__
from tui_registry.datastore import DERIVED, revision_with
from tui_registry.errors import Json

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore, Entry, ManifestEntry

# A bill of materials ends after so many records.
MOST_PARTS: Final = 10_000


def entry_json(entry: Entry) -> dict[str, Json]:
    """A record as `list`, `search` and `export` give it to programs."""
    return {
        "kind": entry.kind,
        "id": entry.id,
        "record": entry.record,
        "heads": list(entry.heads),
        "problems": [problem.to_json() for problem in entry.problems],
    }


def shown_json(entry: Entry, beside: ManifestEntry | None) -> dict[str, Json]:
    """The same with what stands behind it, and for the heads of both."""
    return {
        **entry_json(entry),
        "manifest": None if beside is None else beside.manifest,
        "revision": revision_with(entry.heads, () if beside is None else beside.heads),
    }


def exported_json(datastore: Datastore, entry: Entry) -> dict[str, Json]:
    """A record as `export` writes it and `import` reads it, with its manifest where it has one."""
    behind = datastore.manifests.get(entry.id)
    has_one = behind is not None and behind.manifest is not None
    return shown_json(entry, behind) if has_one else entry_json(entry)


def operations_of(datastore: Datastore, identifiers: Iterable[str]) -> Iterator[bytes]:
    """The operations of records, a line each, children first: together they prove what each is and who wrote it."""
    for identifier in identifiers:
        yield from (line + b"\n" for line in datastore.log.ops_of(identifier))


def bill_of(datastore: Datastore, identifier: str, now: int) -> tuple[dict[str, Json], bool]:
    """A record, with all that it needs and prefers, as a bill of materials; and whether that is all of it.

    Args:
        now: Unix seconds.
    """
    from tui_registry.present.bom import Part, cyclonedx  # few ask for one

    waiting, parts = [identifier], dict[str, Part]()
    while waiting and len(parts) < MOST_PARTS:
        identifier = waiting.pop(0)
        entry = None if identifier in parts else datastore.entry(identifier)
        if entry is None:
            continue
        links = datastore.links
        named = [*links.needs(identifier).rows, *links.prefers(identifier).rows, *links.derived_from(identifier).rows]
        beside = datastore.manifests.get(identifier)
        manifest = None if beside is None else beside.manifest
        revision = entry.revision if beside is None else f"{entry.revision}{beside.revision}"
        parts[identifier] = Part(entry.kind, identifier, entry.record, manifest, revision, named)
        waiting += [link.id for link in named if link.sort != DERIVED and link.presence == "live"]
    return cyclonedx([*parts.values()], now, __version__), not waiting


def json_line(told: dict[str, Json]) -> bytes:
    """An object on a line of its own; ASCII throughout, so that it is safe on a terminal and in any encoding."""
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"
