"""`demo`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.parser import examples

if TYPE_CHECKING:
    from tui_registry.cli.run import Screens
    from tui_registry.datastore import Datastore


def arguments(parser: ArgumentParser) -> None:
    """What `demo` takes."""
    parser.description = (
        "Open the terminal interface on sample data: a throw-away replica with well-known open models and agents,\n"
        "and a second one, 'neighbour', served on this machine, that has records to pull. Both vanish at the end;\n"
        "your own replica is not touched. The sample's owners are made up for the occasion."
    )
    parser.epilog = examples("tui-registry demo", "tui-registry demo --check")
    parser.add_argument("--check", action="store_true", help="build it all, pull from the neighbour, and end")
    parser.add_argument("--json", action="store_true", help="for --check: a JSON object")


def run(args: Namespace) -> int:
    """Build the demo, then open the screens on it."""
    from tui_registry.cli.demo import prepared
    from tui_registry.cli.errors import UsageError
    from tui_registry.cli.registry import need_terminal
    from tui_registry.settings import SETTINGS_FILE

    if args.data_dir is not None:
        raise UsageError("the demo has a directory of its own, which vanishes: leave out --data-dir")
    if args.check:
        with prepared() as datastore:
            return _check(datastore, as_json=args.json)
    need_terminal("'tui-registry demo --check' does without")
    screens: Screens = args.screens
    with prepared() as datastore:
        # It looks as the person likes it, and what is changed in it vanishes with it.
        screens(datastore, query="", settings_file=datastore.data_dir / SETTINGS_FILE)
    return 0


def _check(datastore: Datastore, *, as_json: bool) -> int:
    import asyncio

    from tui_registry.cli.demo import NEIGHBOUR
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.sync import pull_all
    from tui_registry.text import exact, safe_text

    before = datastore.stats().records
    (result,) = asyncio.run(pull_all(datastore, [NEIGHBOUR]))
    stats = datastore.stats()
    sound = result.ok and not result.rejected and not stats.pending and stats.records > before
    if as_json:
        out_json({"sound": sound, "records": before, "pulled": stats.records - before, "conflicts": stats.conflicts})
    else:
        pulled = f"{exact(stats.records - before)} more pulled from {NEIGHBOUR}"
        out(f"demo: {exact(before)} records, {pulled}, {exact(stats.conflicts)} in conflict")
    if not sound:
        note(safe_text(result.sentence))
    return 0 if sound else 1
