"""Versions of records side by side: `conflicts`, `diff`, and what `show` says of a record in conflict."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tui_registry.cli.commands import RECORDS_SHOWN
from tui_registry.cli.output import (
    Column,
    Table,
    UsageError,
    as_asked,
    note,
    on_terminal,
    out,
    out_json,
    terminal_width,
)
from tui_registry.cli.registry import asking, names_in, open_either
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present import settling
from tui_registry.present.manifest_rows import SAID
from tui_registry.present.version_words import ancestor_line, came, change_lines, headline
from tui_registry.records import derive_manifest_id
from tui_registry.records.merging import differing
from tui_registry.text import exact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui_registry.cli.registry import Registry
    from tui_registry.datastore import HistoryEntry, Versions
    from tui_registry.errors import Json, Kind, OpKind, Record


def conflicts(args: Namespace) -> int:
    """List the records in conflict, one's own first."""
    limit: int | None = args.limit
    if limit is None:
        limit = RECORDS_SHOWN if on_terminal() and not args.json else 0
    with open_either(args) as datastore:
        if args.json:
            for versions, of_manifest in _all_in_conflict(datastore, limit):
                out_json({**settling.conflict_json(versions), "manifest_versions": of_manifest})
        else:
            _print_conflicts(datastore, limit)
    return 0


def diff(args: Namespace) -> int:
    """Tell what differs between versions of a record."""
    with open_either(args) as datastore:
        kind, identifier = datastore.find(args.id, deleted=True)
        names = names_in(datastore)
        told = _compared(datastore, kind, identifier, [op for op in (args.op, args.other) if op is not None])
    if args.json:
        beside = _compared_json(told[1]) if len(told) > 1 else None
        out_json({**_compared_json(told[0]), "manifest": beside})
        return 0
    for place, compared in enumerate(told):
        if place:
            out()
        for line in _compared_lines(compared, int(time.time()), names):
            out(line)
        if compared.conflict is not None:
            note(asking(datastore, settling.how_to_settle(compared.conflict, names)))
        elif compared.is_conflict:
            note(asking(datastore, f"'tui-registry manifest resolve {identifier[:12]}' settles it, for its owner"))
    return 0


def conflict_lines(versions: Versions, now: int, names: Mapping[str, str]) -> Iterator[str]:
    """What `show` says of a record in conflict, below the version that is shown."""
    yield "versions"
    for line in settling.version_lines(versions, now, names):
        yield f"  {line}"
    yield f"  they differ in {settling.differ_in(versions)}"
    looks = f"'tui-registry diff {versions.id[:12]}' shows what differs"
    yield f"  {as_asked(f'{looks}; {settling.how_to_settle(versions, names)}')}"


def as_it_was_before(identifier: str, removal: HistoryEntry, replaced: Iterable[HistoryEntry]) -> str:
    """The command that shows a record as it was before a removal, whose operation took away what those wrote."""
    short = identifier[:12]
    # Of several versions the one that was shown. It may lie deeper: below another removal, or below the operations that
    # a removal of very many versions is cut into.
    shown = next((op for op in replaced if op.record is not None and op.record == removal.before), None)
    if shown is None:
        return f"'tui-registry history {short}' shows what was there before"
    return f"'tui-registry show {short} --at {shown.hash[:12]}' shows it as it was before"


def operation_at(registry: Registry, identifier: str, at: str) -> tuple[bool, HistoryEntry]:
    """The operation of a record whose hash begins so, and whether it wrote the record's manifest.

    Raises:
        RegistryError: there is none, or there are several.
    """
    try:
        return False, registry.record_at(identifier, at)
    except RegistryError as error:
        if error.code not in ("not_found", "other_record"):
            raise
        found = _manifest_operation(registry, identifier, at)
        if found is None:
            raise
        return True, found


def of_record_then(registry: Registry, identifier: str, beside: HistoryEntry) -> HistoryEntry | None:
    """The record as it was when an operation wrote its manifest; None where it was not there yet."""
    if not isinstance(registry, Datastore):
        return next((op for op in registry.history(identifier) if op.updated_at <= beside.updated_at), None)
    found = registry.record_at(identifier, beside.updated_at)
    if found.updated_at == beside.updated_at and found.place > beside.place:  # later in the same second
        return next(iter(registry.history(identifier, limit=1, before=beside.place)), None)
    return found


def of_manifest_then(registry: Registry, identifier: str, beside: HistoryEntry) -> HistoryEntry | None:
    """The manifest as it was when an operation wrote the record, or with it; None where there was none yet."""
    if not isinstance(registry, Datastore):
        return next((op for op in registry.manifests.history(identifier) if op.updated_at <= beside.updated_at), None)
    found, with_it = registry.manifests.at(identifier, beside.updated_at), beside.place + 1
    if found is not None and found.updated_at == beside.updated_at and found.place > with_it:
        return next(iter(registry.manifests.history(identifier, limit=1, before=with_it + 1)), None)
    return found


def _manifest_operation(registry: Registry, identifier: str, at: str) -> HistoryEntry | None:
    if not isinstance(registry, Datastore):
        begins = at.strip().lower()
        return next((op for op in registry.manifests.history(identifier) if op.hash.startswith(begins)), None)
    try:
        return registry.log.version(at, derive_manifest_id(identifier))
    except StoreError as error:
        if error.code not in ("not_found", "other_record"):
            raise
        return None


# Conflicts

_ALL = 2**31
_CONFLICTS = (
    Column("ID", 12),
    Column("NAME", 20),
    Column("KIND", 5, spare=1),
    Column("VERSIONS", 8, right=True),
    Column("SETTLED BY", 12),
    Column("DIFFER IN", 20, grows=True, most=200),
)


def _all_in_conflict(datastore: Registry, limit: int) -> Iterator[tuple[Versions, int]]:
    """The records in conflict, each with how many versions of its manifest are live."""
    for row in datastore.conflicts(limit or _ALL):
        versions = datastore.versions(row.id)
        if versions is not None and max(len(versions.live), row.manifest_heads) > 1:  # else settled since
            yield versions, row.manifest_heads


def _print_conflicts(datastore: Registry, limit: int) -> None:
    table = Table(_CONFLICTS, terminal_width())
    names = names_in(datastore)
    shown = 0
    for versions, of_manifest in _all_in_conflict(datastore, limit):
        if not shown:
            out(table.header())
        shown += 1
        name = str(settling.records_of(versions)[0]["name"])
        who = settling.who_settles(versions, names)
        what = settling.differ_in(versions) if len(versions.live) > 1 else ""
        if of_manifest > 1:
            what = f"{what}{' and ' if what else ''}the manifest ({exact(of_manifest)} versions)"
        out(table.line((versions.id[:12], name, versions.kind, exact(len(versions.live)), who, what)))
    total = (datastore.stats() if isinstance(datastore, Datastore) else datastore.health()).conflicts
    if not shown:
        note("no record is in conflict")
        return
    if limit and shown < total:
        note(f"{exact(shown)} of {exact(total)} shown: --limit 0 lists all")
    how = "'tui-registry diff ID' shows what differs, 'tui-registry resolve ID' settles one of yours"
    note(asking(datastore, how))


# Differences


class _Compared(NamedTuple):
    """Versions of a record, and what they are compared with.

    Attributes:
        against: the operation whose version that is; None where there is none, and where it is what a single operation
            replaced, which may be several versions (`replaced`).
        before: what they are compared with, None where there was nothing.
        conflict: set where the versions are the live ones of a record in conflict.
        of: what was written: the record, or its manifest.
        revision: of a manifest in conflict, whose live versions these are; empty otherwise.
    """

    kind: Kind
    id: str
    against: HistoryEntry | None
    before: Record | None
    versions: Sequence[HistoryEntry]
    replaced: Sequence[HistoryEntry] = ()
    conflict: Versions | None = None
    of: OpKind = "model"
    revision: str = ""

    @property
    def is_conflict(self) -> bool:
        """Whether the versions are those of a record or a manifest in conflict."""
        return self.conflict is not None or bool(self.revision)


def _compared(datastore: Registry, kind: Kind, identifier: str, ops: Sequence[str]) -> list[_Compared]:
    """What the line asks to compare: versions of the record, of its manifest, or without operations of both.

    Raises:
        StoreError: an operation is unknown, ambiguous, or one of another record.
        UsageError: of two operations one wrote the record, and the other its manifest.
    """
    if not ops:
        return _in_conflict(datastore, kind, identifier) or _written_last(datastore, kind, identifier)
    found = [operation_at(datastore, identifier, op) for op in ops]
    if len({of_manifest for of_manifest, _ in found}) > 1:
        raise UsageError("one of these wrote the record, the other its manifest: name two that wrote the same")
    of: OpKind = "manifest" if found[0][0] else kind
    entries = [entry for _, entry in found]
    if len(entries) == 2:
        return [_Compared(kind, identifier, entries[0], entries[0].record, entries[1:], of=of)]
    return [_with_replaced(datastore, kind, identifier, of, entries[0])]


def _in_conflict(datastore: Registry, kind: Kind, identifier: str) -> list[_Compared]:
    """What of a record and its manifest is in conflict."""
    found = []
    versions = datastore.versions(identifier)
    if versions is not None and len(versions.live) > 1:
        ancestor = versions.ancestor
        before = ancestor and ancestor.record
        found.append(_Compared(kind, identifier, ancestor, before, versions.live, conflict=versions, of=kind))
    behind = datastore.manifests.get(identifier)
    if behind is not None and len(behind.live_heads) > 1:
        live = datastore.manifests.versions(identifier)
        found.append(_Compared(kind, identifier, None, None, live, of="manifest", revision=behind.revision))
    return found


def _written_last(datastore: Registry, kind: Kind, identifier: str) -> list[_Compared]:
    """The last operation on a record or its manifest; both where they were written as one."""
    own = _last(datastore, kind, identifier)
    beside = next(iter(datastore.manifests.history(identifier, limit=1)), None)
    told: list[tuple[OpKind, HistoryEntry]] = [(kind, own)]
    if beside is not None and (beside.place, beside.arrived_at or 0) >= (own.place, own.arrived_at or 0):
        # What is written as one arrives at once, side by side; of its places a node tells nothing.
        is_one = beside.arrived_at == own.arrived_at and beside.place in (0, own.place + 1)
        told = [*(told if is_one else ()), ("manifest", beside)]
    return [_with_replaced(datastore, kind, identifier, of, op) for of, op in told]


def _with_replaced(datastore: Registry, kind: Kind, identifier: str, of: OpKind, op: HistoryEntry) -> _Compared:
    replaced = [operation_at(datastore, identifier, child)[1] for child in op.children]
    return _Compared(kind, identifier, None, op.before, [op], [one for one in replaced if not one.is_rm], of=of)


def _last(datastore: Registry, kind: Kind, identifier: str) -> HistoryEntry:
    """The operation that is shown; where all are removals the last that arrived."""
    if isinstance(datastore, Datastore):
        last = datastore.log.last_operation(identifier)
        if last is not None:
            return datastore.record_at(identifier, last.hash)
    else:
        standing = [op for op in datastore.history(identifier) if op.is_head]
        if standing:
            return next((op for op in standing if op.is_winner), standing[0])
    raise StoreError("not_found", f"there is no {kind} {identifier[:12]} here")  # never: `find` found it


# Nothing is cut that a person asked to see.
_WHOLE = 100_000


def _compared_lines(compared: _Compared, now: int, names: Mapping[str, str]) -> Iterator[str]:
    if compared.conflict is not None:
        yield from conflict_diff(compared.conflict, now, names)
    elif compared.revision:
        yield from _manifest_conflict(compared, now, names)
    elif compared.against is not None:
        yield from _between(compared, now, names)
    else:
        yield from _one_operation(compared, now, names)


def conflict_diff(versions: Versions, now: int, names: Mapping[str, str]) -> Iterator[str]:
    """What `diff` says of a record in conflict: each version with what differs."""
    ancestor, live = versions.ancestor, versions.live
    yield f"{settling.called(versions)} is in conflict: {exact(len(live))} versions"
    named = "" if ancestor is None else f" ({ancestor.hash[:12]})"
    yield f"{ancestor_line(ancestor, now, names)}{named}"
    # Without an ancestor the others are compared with the version that is shown.
    before = live[0].record if ancestor is None else ancestor.record
    for place, line in enumerate(settling.version_lines(versions, now, names)):
        yield ""
        yield line
        if ancestor is None and place == 0:
            yield "  the others are compared with this one"
        else:
            yield from _changes(before, live[place].record)


def _manifest_conflict(compared: _Compared, now: int, names: Mapping[str, str]) -> Iterator[str]:
    first = compared.versions[0]
    yield f"the manifest of {_titled(compared)} is in conflict: {exact(len(compared.versions))} versions"
    for place, version in enumerate(compared.versions):
        yield ""
        yield f"{headline(place, version, now, names)} ({version.hash[:12]})"
        if version is first:
            yield "  the others are compared with this one"
        else:
            yield from _changes(first.record, version.record)


def _titled(compared: _Compared) -> str:
    return f"{compared.kind} {compared.id[:12]}{', its manifest' if compared.of == 'manifest' else ''}"


def _between(compared: _Compared, now: int, names: Mapping[str, str]) -> Iterator[str]:
    first, (last,) = compared.against, compared.versions
    assert first is not None
    yield _titled(compared)
    for word, op in (("from", first), ("to", last)):
        yield f"{word:<4} {_operation(op, now, names)}"
    if first.is_rm or last.is_rm:
        what = "manifest" if compared.of == "manifest" else "record"
        yield f"  a removal says nothing of the {what}: there is nothing to compare"
    else:
        yield from _changes(first.record, last.record)


def _one_operation(compared: _Compared, now: int, names: Mapping[str, str]) -> Iterator[str]:
    (op,) = compared.versions
    yield _titled(compared)
    yield _operation(op, now, names)
    if op.record is None:
        what = "manifest" if compared.of == "manifest" else "record"
        yield f"  it took the {what} away: {as_it_was_before(compared.id, op, compared.replaced)}"
    elif len(compared.replaced) > 1:
        for replaced in compared.replaced:
            yield f"  in place of {_operation(replaced, now, names)}"
            yield from (f"  {line}" for line in _changes(replaced.record, op.record))
    elif compared.before is None:
        yield "  nothing was there before"
    else:
        yield from _changes(compared.before, op.record)


def _operation(op: HistoryEntry, now: int, names: Mapping[str, str]) -> str:
    return f"{op.hash[:12]}: {op.did}, {came(op, now, names)}"


def _changes(before: Record | None, after: Record | None) -> Iterator[str]:
    lines = change_lines(before, after, limit=_WHOLE, most=_WHOLE)
    for line in lines or ["no field differs, only the time"]:
        yield f"  {line}"


def _compared_json(compared: _Compared) -> dict[str, Json]:
    return {
        "kind": compared.kind,
        "id": compared.id,
        "of": compared.of,
        "conflict": compared.is_conflict,
        "revision": compared.revision or (None if compared.conflict is None else compared.conflict.revision),
        "against": None if compared.against is None else compared.against.hash,
        "before": compared.before,
        "versions": [settling.version_json(entry) for entry in compared.versions],
        "differing": [*_differing_json(compared)],
    }


def _differing_json(compared: _Compared) -> Iterator[dict[str, Json]]:
    """The fields in which the live versions differ, with what a merge does; of other versions those that changed."""
    if compared.conflict is not None:
        for found in settling.differences(compared.conflict):
            more: dict[str, Json] = {"merged": found.merged, "open": found.open}
            yield {"path": found.path, "before": found.base, "values": [*found.values], **more}
        return
    if compared.of == "manifest":
        before = [] if compared.revision else [compared.before]
        written = [*before, *(version.record for version in compared.versions)]
        said = [record for record in written if record is not None]
        for name in SAID if len(said) == len(written) > 1 else ():
            values = [record[name] for record in said]
            if any(value != values[0] for value in values):
                yield {"path": name, "before": None if compared.revision else values.pop(0), "values": values}
        return
    after = compared.versions[0].record
    if compared.before is not None and after is not None:
        for found in differing(None, [compared.before, after]):
            yield {"path": found.path, "before": found.values[0], "values": [found.values[1]]}
