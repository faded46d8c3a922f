"""`show ID`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tui_registry.cli.parser import examples


def arguments(parser: ArgumentParser) -> None:
    """What `show` takes."""
    parser.description = (
        "Show one record in full. With --json it is one object,\n"
        '{"kind", "id", "record", "heads", "problems"}, which can be edited and given to \'update\'.'
    )
    parser.epilog = examples(
        "tui-registry show 3fa9c1",
        "tui-registry show 3fa9c1 --json > record.json",
    )
    parser.add_argument("id", metavar="ID", help="the record's id, or a beginning that only it has")
    parser.add_argument("--json", action="store_true", help="a JSON object")


def run(args: Namespace) -> int:
    """Show the record."""
    from tui_registry.cli.output import out, out_json
    from tui_registry.cli.registry import entry_json, find, open_registry

    with open_registry(args) as datastore:
        entry = find(datastore, args.id)
    if args.json:
        out_json(entry_json(entry))
    else:
        from tui_registry.cli.detail import describe

        for line in describe(entry):
            out(line)
    return 0
