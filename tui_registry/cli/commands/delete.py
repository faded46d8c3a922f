"""`delete ID`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tui_registry.cli.parser import examples


def arguments(parser: ArgumentParser) -> None:
    """What `delete` takes."""
    parser.description = (
        "Delete a record of yours: sign its removal, which peers take over when they pull.\n"
        "What was published stays in the history of every replica that has it."
    )
    parser.epilog = examples("tui-registry delete 3fa9c1", "tui-registry delete 3fa9c1 --yes --json")
    parser.add_argument("id", metavar="ID", help="the record's id, or a beginning that only it has")
    parser.add_argument("--yes", action="store_true", help="do not ask (needed where nobody can answer)")
    parser.add_argument("--json", action="store_true", help="print what was deleted as a JSON object")


def run(args: Namespace) -> int:
    """Delete the record, after asking."""
    from tui_registry.cli.output import out, out_json
    from tui_registry.cli.registry import find, open_registry
    from tui_registry.cli.writing import may, need_own
    from tui_registry.text import safe_text

    with open_registry(args) as datastore:
        entry = find(datastore, args.id)
        need_own(entry, "deleted")
        name = safe_text(str(entry.record["name"]))
        if not args.yes:
            may(f"Delete {entry.kind} {name} ({entry.id[:12]})?", f"delete {name}", "nothing was deleted")
        op = datastore.delete(entry.kind, entry.id, entry.heads)
    if args.json:
        out_json({"kind": entry.kind, "id": entry.id, "deleted": True, "hash": op.hash})
    else:
        out(f"deleted {entry.kind} {name}, id {entry.id}")
    return 0
