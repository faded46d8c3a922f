"""`undo ID`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.parser import examples

if TYPE_CHECKING:
    from tui_registry.datastore import Undo


def arguments(parser: ArgumentParser) -> None:
    """What `undo` takes."""
    parser.description = (
        "Undo the last operation on a record of yours: the version before comes back, a deleted record is there\n"
        "again, one that was only registered is deleted. It signs one more operation; the history keeps all that came\n"
        "before, and undoing again takes the undo back."
    )
    parser.epilog = examples("tui-registry undo 3fa9c1", "tui-registry undo 3fa9c1 --yes --json")
    parser.add_argument("id", metavar="ID", help="the record's id, or a beginning that only it has")
    parser.add_argument("--yes", action="store_true", help="do not ask (needed where nobody can answer)")
    parser.add_argument("--json", action="store_true", help="print the record as it is then as a JSON object")


def run(args: Namespace) -> int:
    """Undo it, after asking."""
    from tui_registry.cli.output import out, out_json
    from tui_registry.cli.registry import open_registry
    from tui_registry.cli.writing import may, tell
    from tui_registry.datastore import carry_out, plan_undo

    with open_registry(args) as datastore:
        undo = plan_undo(datastore, args.id)
        if not args.yes:
            may(_question(undo), "undo it", "nothing was undone")
        op = carry_out(datastore, undo)
        if undo.then is not None:
            tell(datastore, "restored", op, as_json=args.json)
        elif args.json:
            out_json({"kind": undo.kind, "id": undo.id, "deleted": True, "hash": op.hash})
        else:
            out(f"deleted {undo.kind} {undo.name}, id {undo.id}")
    return 0


def _question(undo: Undo) -> str:
    what = f"{undo.kind} {undo.name} ({undo.id[:12]})"
    if undo.now is None:
        return f"Bring back {what}?"
    if undo.then is None:
        return f"Undo the registration of {what}, that is, delete it?"
    changed = [
        name for name in undo.now if name not in ("created_at", "updated_at") and undo.now[name] != undo.then[name]
    ]
    return f"Undo the last change of {what}: {', '.join(changed) or 'only the time'}?"
