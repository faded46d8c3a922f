"""A conflict in words and as JSON: what differs, who can settle it and how, and what each field of a settlement is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tui_registry.errors import Json, Record
from tui_registry.present.amounts import moment
from tui_registry.present.deeds import by_whom
from tui_registry.present.record_rows import value_row
from tui_registry.present.version_words import headline, row
from tui_registry.records.merging import Difference, Merged, differing, holders, paths, value_at
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import HistoryEntry, Versions

WHERE_CONFLICTS_ARE = "'tui-registry conflicts' lists the records in conflict"


def differences(versions: Versions) -> list[Difference]:
    """The fields in which the live versions differ."""
    return differing(versions.base, records_of(versions))


def records_of(versions: Versions) -> list[Record]:
    """What each live version says, in their order."""
    return [entry.record for entry in versions.live if entry.record is not None]


def called(versions: Versions) -> str:
    """`model my-finetune (3fa9c1d2e3f4)`, by the name that is shown."""
    name = safe_text(str(records_of(versions)[0]["name"]), _LONGEST)
    return f"{versions.kind} {name} ({versions.id[:12]})"


def fields(named: Iterable[str]) -> str:
    """`licence, tags and 2 more`; empty for none."""
    labels = [value_row(path, None).plain for path in named]
    more = len(labels) - _MOST_NAMED
    shown = ", ".join(labels[:_MOST_NAMED] if more > 1 else labels)
    return f"{shown} and {more} more" if more > 1 else shown


def differ_in(versions: Versions) -> str:
    """`licence, tags`, or that nothing but the time differs."""
    return fields(found.path for found in differences(versions)) or "nothing but their times"


def who_settles(versions: Versions, names: Mapping[str, str]) -> str:
    """`you`, or the owner as this replica calls it."""
    return safe_text(by_whom(versions.owner, versions.mine, names), _LONGEST)


def how_to_settle(versions: Versions, names: Mapping[str, str]) -> str:
    """Whose turn it is once one has seen what differs, and by which command."""
    if versions.mine:
        return f"'tui-registry resolve {versions.id[:12]}' settles it"
    return f"only {who_settles(versions, names)} can settle it, with the key that signed it"


def version_lines(versions: Versions, now: int, names: Mapping[str, str]) -> list[str]:
    """A line for each version: `version A: current, written here 3 d ago by you (1a2b3c4d5e6f)`."""
    return [f"{headline(place, entry, now, names)} ({entry.hash[:12]})" for place, entry in enumerate(versions.live)]


def refused(versions: Versions) -> str:
    """Why an edit, a removal or an undo of a record in conflict is refused, and what to do."""
    count, short = exact(len(versions.live)), versions.id[:12]
    return (
        f"{called(versions)} is in conflict, its {count} versions differ in {differ_in(versions)}: nothing was "
        f"written. 'tui-registry diff {short}' shows what differs, 'tui-registry resolve {short}' settles it"
    )


def undecided(versions: Versions, merged: Merged) -> str:
    """Which fields of a merge wait for a decision, and how to make it."""
    one = "needs" if len(merged.open) == 1 else "need"
    short = versions.id[:12]
    return (
        f"{called(versions)}: {fields(merged.open)} {one} a decision, and nothing was written. 'tui-registry diff "
        f"{short}' shows the versions; 'tui-registry resolve {short} --take OP' takes that of an operation, '--set "
        f"{merged.open[0]}=VALUE' decides one field"
    )


def settled_lines(versions: Versions, merged: Merged) -> list[str]:
    """A line for each field in which the versions differ, or which was decided: `Licence: MIT (as in 1a2b3c4d5e6f)`."""
    found = {difference.path: difference for difference in merged.differences}
    shown = records_of(versions)[0]
    lines = []
    for path in paths(versions.kind):
        value = value_at(merged.record, path)
        if path in found or value != value_at(shown, path):
            said = row(path, value, _LONGEST)
            origin = _origin(versions, merged, found[path]) if path in found else _DECIDED
            lines.append(f"{said.label}: {said.text} ({origin})")
    return lines


def as_it_was(entry: HistoryEntry, at: int | None, now: int) -> str:
    """`as it was at 2026-11-19 08:12:05 UTC (3 d ago)`; by an operation, when that was written."""
    return f"as it was at {moment(entry.updated_at if at is None else at, now)}"


# As programs read them


def version_json(entry: HistoryEntry) -> dict[str, Json]:
    """A version: its operation, who signed it, when it says it was written, when and from whom it arrived, its record.

    `arrived_at` is null for what came before 0.2, `source` also for what was written here.
    """
    return {
        "hash": entry.hash,
        "actor": entry.actor,
        "updated_at": entry.updated_at,
        "arrived_at": entry.arrived_at,
        "source": entry.source,
        "record": entry.record,
    }


def versions_json(versions: Versions) -> list[Json]:
    """The live versions, the one that is shown first."""
    return [version_json(entry) for entry in versions.live]


def conflict_json(versions: Versions) -> dict[str, Json]:
    """A record in conflict: all that it takes to settle it."""
    return {
        "kind": versions.kind,
        "id": versions.id,
        "name": records_of(versions)[0]["name"],
        "owner": versions.owner,
        "mine": versions.mine,
        "versions": versions_json(versions),
        "ancestor": None if versions.ancestor is None else version_json(versions.ancestor),
        "heads": [*versions.heads],
        "revision": versions.revision,
        "differing": [found.path for found in differences(versions)],
    }


# How

_LONGEST = 60
_MOST_NAMED = 6
_DECIDED = "decided here"


def _origin(versions: Versions, merged: Merged, found: Difference) -> str:
    """Where the value of a settled field is from."""
    having = holders(merged.record, found)
    if having:
        return "as in " + ", ".join(versions.live[place].hash[:12] for place in having)
    value = value_at(merged.record, found.path)
    if value == found.merged:
        return "merged"
    return "as before all of them" if found.based and value == found.base else _DECIDED
