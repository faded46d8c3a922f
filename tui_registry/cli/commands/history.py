"""`history [ID]`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, TypeVar

from tui_registry.cli.list_options import count
from tui_registry.cli.parser import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tui_registry.datastore import Datastore, HistoryEntry, Operation
    from tui_registry.errors import Json, Kind

    _Row = TypeVar("_Row", Operation, HistoryEntry)

_SHOWN = 50
_READ_AT_ONCE = 500
# With their records, which may be large.
_RECORDS_READ_AT_ONCE = 50


def arguments(parser: ArgumentParser) -> None:
    """What `history` takes."""
    parser.description = (
        "List every operation of a record that this replica has, the last arrived first; deleted records too.\n"
        "Without an ID, the last operations of the whole replica. With --json each line is one operation; those of\n"
        "one record hold what was written."
    )
    parser.epilog = examples(
        "tui-registry history 3fa9c1",
        "tui-registry history 3fa9c1 --json | jq -r .hash",
        "tui-registry history --mine --limit 10",
    )
    parser.add_argument("id", metavar="ID", nargs="?", help="the record's id, or a beginning that only it has")
    parser.add_argument("--mine", action="store_true", help="without an ID: only what this replica's key signed")
    parser.add_argument(
        "--limit", type=count, metavar="N", help=f"at most N operations, 0 for all (without an ID: {_SHOWN})"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: Namespace) -> int:
    """List the operations."""
    from tui_registry.cli.registry import open_registry

    with open_registry(args) as datastore:
        if args.id is None:
            _list_recent(datastore, args)
        elif args.mine:
            from tui_registry.cli.errors import UsageError

            raise UsageError("--mine goes without an ID: all operations of a record are its owner's")
        else:
            _list_record(datastore, args)
    return 0


def _list_recent(datastore: Datastore, args: Namespace) -> None:
    import time

    from tui_registry.cli.output import note, out, out_json, terminal_width
    from tui_registry.cli.table import Column, Table
    from tui_registry.text import address_short, age

    columns = (
        Column("OPERATION", 12, spare=3),
        Column("WHEN", 7, right=True),
        Column("DID", 12),
        Column("KIND", 5, spare=4),
        Column("NAME", 20, grows=True),
        Column("VERSION", 10, spare=2),
        Column("BY", 12, spare=1),
        Column("ID", 12),
    )
    table = Table(columns, terminal_width())
    now, shown = int(time.time()), 0
    for found in _recent(datastore, mine=args.mine, limit=_SHOWN if args.limit is None else args.limit):
        shown += 1
        if args.json:
            out_json(_recent_json(found))
            continue
        if shown == 1:
            out(table.header())
        by = "you" if found.mine else address_short(found.actor)
        when = age(now - found.updated_at)
        cells = (found.hash[:12], when, found.did, found.kind, found.name, found.version, by, found.id[:12])
        out(table.line(cells))
    if not shown and not args.json:
        note("this replica's key has signed nothing yet" if args.mine else "this replica has no operations yet")


def _recent(datastore: Datastore, *, mine: bool, limit: int) -> Iterator[Operation]:
    def read(most: int, before: int | None) -> Sequence[Operation]:
        return datastore.log.operations(mine=mine, limit=most, before=before).rows

    return _windows(read, limit, _READ_AT_ONCE)


def _of_record(datastore: Datastore, identifier: str, limit: int) -> Iterator[HistoryEntry]:
    def read(most: int, before: int | None) -> Sequence[HistoryEntry]:
        return datastore.history(identifier, limit=most, before=before)

    return _windows(read, limit, _RECORDS_READ_AT_ONCE)


def _windows(read: Callable[[int, int | None], Sequence[_Row]], limit: int, at_once: int) -> Iterator[_Row]:
    """Up to `limit` operations, 0 for all, read window by window from the end of the log."""
    before, left = None, limit or None
    while left is None or left > 0:
        rows = read(at_once if left is None else min(left, at_once), before)
        if not rows:
            return
        yield from rows
        before, left = rows[-1].place, None if left is None else left - len(rows)


def _list_record(datastore: Datastore, args: Namespace) -> None:
    import time

    from tui_registry.cli.detail import moment
    from tui_registry.cli.output import out, out_json, terminal_width
    from tui_registry.cli.table import Column, Table

    kind, identifier = datastore.find(args.id, deleted=True)
    entries = _of_record(datastore, identifier, args.limit or 0)
    if args.json:
        for entry in entries:
            out_json(_json(kind, identifier, entry))
        return
    columns = (
        Column("OPERATION", 12),
        Column("CLOCK", 5, right=True),
        Column("DID", 8),
        Column("VERSION", 10, spare=2),
        Column("NAME", 20, grows=True, spare=1),
        Column("WHEN", 36),
        Column("AFTER", 25, spare=3),
    )
    table = Table(columns, terminal_width())
    now = int(time.time())
    out(f"{kind} {identifier}")
    out(table.header())
    for entry in entries:
        record = entry.record
        cells = (
            entry.hash[:12],
            str(entry.clock),
            "delete" if entry.is_rm else "write" if entry.children else "register",
            "" if record is None else str(record["version"]),
            "" if record is None else str(record["name"]),
            moment(entry.updated_at, now),
            ", ".join(child[:12] for child in entry.children) or "-",
        )
        out(table.line(cells, _state(entry)))


def _state(entry: HistoryEntry) -> str:
    if entry.is_winner:
        return "current"
    return "head" if entry.is_head else ""


def _recent_json(found: Operation) -> dict[str, Json]:
    more: dict[str, Json] = {"did": found.did, "name": found.name, "version": found.version}
    return _members(found.kind, found.id, found, deletes=found.did == "deleted") | more


def _json(kind: Kind, identifier: str, entry: HistoryEntry) -> dict[str, Json]:
    return _members(kind, identifier, entry, deletes=entry.is_rm) | {"record": entry.record}


def _members(kind: Kind, identifier: str, op: Operation | HistoryEntry, *, deletes: bool) -> dict[str, Json]:
    return {
        "kind": kind,
        "id": identifier,
        "hash": op.hash,
        "actor": op.actor,
        "clock": op.clock,
        "updated_at": op.updated_at,
        "deletes": deletes,
        "head": op.is_head,
        "current": op.is_winner,
        "children": list(op.children),
        "index": op.place,
    }
