"""`update ID FILE|-`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tui_registry.cli.parser import examples


def arguments(parser: ArgumentParser) -> None:
    """What `update` takes."""
    parser.description = (
        "Change a record of yours. Fields that the file leaves out stay as they are.\n"
        "A file made by 'show ID --json' carries the heads that you were shown: when the record has changed since,\n"
        "the update is refused and nothing is written. Other files go on top of what is here now."
    )
    parser.epilog = examples(
        "echo 'version: 1.0.1' | tui-registry update 3fa9c1 -",
        "tui-registry show 3fa9c1 --json > record.json; edit record.json; tui-registry update 3fa9c1 record.json",
    )
    parser.add_argument("id", metavar="ID", help="the record's id, or a beginning that only it has")
    parser.add_argument("file", metavar="FILE", help="a JSON or YAML file, or - for stdin")
    parser.add_argument("--json", action="store_true", help="print the record as it is now as a JSON object")


def run(args: Namespace) -> int:
    """Change the record."""
    from tui_registry.cli.drafts import document_draft, draft_of
    from tui_registry.cli.registry import find, open_registry
    from tui_registry.cli.writing import in_file, need_own, need_same, tell

    with open_registry(args) as datastore:
        entry = find(datastore, args.id)
        need_own(entry, "updated")
        finding = document_draft(args.file, entry.kind, entry.record)
        kind, record = draft_of(finding)
        need_same(entry, finding)
        with in_file(finding.source):
            op = datastore.update(kind, entry.id, record, finding.heads or entry.heads)
            tell(datastore, "updated", op, as_json=args.json)
    return 0
