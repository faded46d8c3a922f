"""`restore ID`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tui_registry.cli.parser import examples


def arguments(parser: ArgumentParser) -> None:
    """What `restore` takes."""
    parser.description = (
        "Bring back a record of yours that was deleted, as it was, under its id: sign one more operation.\n"
        "'history --mine' lists what was deleted."
    )
    parser.epilog = examples(
        "tui-registry restore 3fa9c1",
        "tui-registry history --mine --json | jq -r 'select(.deletes and .head).id'",
    )
    parser.add_argument("id", metavar="ID", help="the record's id, or a beginning that only it has")
    parser.add_argument("--json", action="store_true", help="print the record as a JSON object")


def run(args: Namespace) -> int:
    """Bring the record back."""
    from tui_registry.cli.registry import open_registry
    from tui_registry.cli.writing import tell
    from tui_registry.datastore import StoreError, carry_out, plan_undo

    with open_registry(args) as datastore:
        kind, identifier = datastore.find(args.id, deleted=True)
        if datastore.entry(identifier, kind) is not None:
            raise StoreError(
                "not_deleted", f"{kind} {identifier[:12]} is not deleted: 'undo' takes back its last change"
            )
        tell(datastore, "restored", carry_out(datastore, plan_undo(datastore, identifier)), as_json=args.json)
    return 0
