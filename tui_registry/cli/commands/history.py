"""`history ID`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.parser import examples

if TYPE_CHECKING:
    from tui_registry.datastore import HistoryEntry
    from tui_registry.errors import Json, Kind


def arguments(parser: ArgumentParser) -> None:
    """What `history` takes."""
    parser.description = (
        "List every operation of a record that this replica has, the last arrived first; deleted records too.\n"
        "With --json each line is one operation."
    )
    parser.epilog = examples("tui-registry history 3fa9c1", "tui-registry history 3fa9c1 --json | jq -r .hash")
    parser.add_argument("id", metavar="ID", help="the record's id, or a beginning that only it has")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: Namespace) -> int:
    """List the operations."""
    import time

    from tui_registry.cli.detail import moment
    from tui_registry.cli.output import out, out_json, terminal_width
    from tui_registry.cli.registry import open_registry
    from tui_registry.cli.table import Column, Table

    with open_registry(args) as datastore:
        kind, identifier = datastore.resolve(args.id, deleted=True)
        entries = datastore.history(identifier)
    if args.json:
        for entry in entries:
            out_json(_json(kind, identifier, entry))
        return 0
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
    return 0


def _state(entry: HistoryEntry) -> str:
    if entry.is_winner:
        return "current"
    return "head" if entry.is_head else ""


def _json(kind: Kind, identifier: str, entry: HistoryEntry) -> dict[str, Json]:
    return {
        "kind": kind,
        "id": identifier,
        "hash": entry.hash,
        "actor": entry.actor,
        "clock": entry.clock,
        "updated_at": entry.updated_at,
        "deletes": entry.is_rm,
        "head": entry.is_head,
        "current": entry.is_winner,
        "children": list(entry.children),
        "index": entry.place,
        "record": entry.record,
    }
