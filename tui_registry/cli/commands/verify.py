"""`verify`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tui_registry.cli.parser import examples


def arguments(parser: ArgumentParser) -> None:
    """What `verify` takes."""
    parser.description = (
        "Check every stored operation again, signature and rules, and rebuild what is derived from them: the current\n"
        "records and the search index. What does not pass is taken out of the log.\n\n"
        "Exits with 1 when anything was found."
    )
    parser.epilog = examples("tui-registry verify", "tui-registry verify --json")
    parser.add_argument("--json", action="store_true", help="print what was found as a JSON object")


def run(args: Namespace) -> int:
    """Verify the replica."""
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.cli.progress import progress_bar
    from tui_registry.cli.registry import open_registry
    from tui_registry.text import exact, safe_text

    with open_registry(args) as datastore, progress_bar("checking operation") as show:
        report = datastore.verify(show)
    if args.json:
        out_json(
            {
                "sound": report.sound,
                "operations": report.ops,
                "records": report.records,
                "invalid": [
                    {"index": found.place, "code": found.code, "sentence": found.sentence} for found in report.invalid
                ],
                "repaired": list(report.repaired),
            }
        )
    else:
        state = "all is sound" if report.sound else "not all was sound"
        out(f"{exact(report.ops)} operations checked, {exact(report.records)} records: {state}")
        for found in report.invalid:
            note(f"operation {found.place}: {found.code}: {safe_text(found.sentence)}")
        for repair in report.repaired:
            note(safe_text(repair))
    return 0 if report.sound else 1
