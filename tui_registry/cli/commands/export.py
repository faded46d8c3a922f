"""`export`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.parser import examples, words

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore

_LINES_AT_ONCE = 1_000


def arguments(parser: ArgumentParser) -> None:
    """What `export` takes."""
    parser.description = (
        "Write this replica's records to stdout, one JSON object a line, as 'list --json' does. With --ops it\n"
        "writes the signed operations instead, a backup that 'import --register' checks and stores in any replica.\n"
        "With --log it writes the log as files that a web server, a share or a USB stick can offer: others add the\n"
        "directory or its URL as a peer. Run it again to bring the directory up to date."
    )
    parser.epilog = examples(
        "tui-registry export > records.ndjson",
        "tui-registry export 'is:mine' > mine.ndjson",
        "tui-registry export --ops > backup.ndjson",
        "tui-registry export --log /media/stick/registry",
    )
    parser.add_argument("query", nargs="*", type=words, metavar="QUERY", help="only the records that it finds")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--ops", action="store_true", help="the signed operations of all records")
    what.add_argument("--log", metavar="DIR", help="write a static log into this directory")
    parser.add_argument("--json", action="store_true", help="for --log: say what was written as a JSON object")


def run(args: Namespace) -> int:
    """Write records, operations or a static log."""
    from tui_registry.cli.errors import UsageError
    from tui_registry.cli.output import on_terminal
    from tui_registry.cli.registry import open_registry

    if args.query and (args.ops or args.log is not None):
        raise UsageError("--ops and --log write everything: a query goes with records only")
    if args.ops and on_terminal():
        raise UsageError(
            "operations are strangers' bytes as they are: send them to a file or a pipe, not to a terminal"
        )
    with open_registry(args) as datastore:
        if args.log is not None:
            _write_log(datastore, args.log, as_json=args.json)
        elif args.ops:
            _write_operations(datastore)
        else:
            _write_records(datastore, " ".join(args.query))
    return 0


def _write_records(datastore: Datastore, query: str) -> None:
    from tui_registry.cli.listing import pointed
    from tui_registry.cli.output import out_json
    from tui_registry.cli.registry import entry_json
    from tui_registry.query.nodes import QueryError

    try:
        for entry in datastore.entries(query, whole=True):
            out_json(entry_json(entry))
    except QueryError as error:
        raise pointed(error, query) from error


def _write_operations(datastore: Datastore) -> None:
    import sys

    # Bytes: an operation is its exact spelling, whatever stdout's encoding.
    sys.stdout.flush()
    stream = sys.stdout.buffer
    size = datastore.head().size
    for start in range(0, size, _LINES_AT_ONCE):
        for line in datastore.log_lines(start, min(start + _LINES_AT_ONCE, size)):
            stream.write(line + b"\n")
    stream.flush()


def _write_log(datastore: Datastore, directory: str, *, as_json: bool) -> None:
    from tui_registry.cli.output import out, out_json
    from tui_registry.cli.progress import progress_bar
    from tui_registry.sync import publish
    from tui_registry.text import exact, safe_text, size_bytes

    with progress_bar("writing") as show:
        done = publish(datastore, directory, progress=show)
    if as_json:
        out_json(
            {
                "directory": str(done.directory),
                "epoch": done.head.epoch,
                "operations": done.head.size,
                "fingerprint": done.head.fingerprint,
                "tiles_written": done.tiles,
                "bytes_written": done.bytes,
            }
        )
    else:
        now = f"{exact(done.tiles)} tiles, {size_bytes(done.bytes)} written now"
        out(f"{safe_text(str(done.directory))} holds {exact(done.head.size)} operations: {now}")
