"""`quarantine`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.list_options import count
from tui_registry.cli.parser import examples

if TYPE_CHECKING:
    from tui_registry.datastore import Quarantined
    from tui_registry.errors import Json

_SHOWN = 200


def arguments(parser: ArgumentParser) -> None:
    """What `quarantine` takes."""
    parser.description = (
        "List the operations that were refused, the latest first: who sent them, which rule they break and how their\n"
        "bytes begin. They never became part of this replica. With --json each line is one operation."
    )
    parser.epilog = examples("tui-registry quarantine", "tui-registry quarantine --json | jq -r .source")
    parser.add_argument(
        "--limit", type=count, default=_SHOWN, metavar="N", help="at most N operations (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: Namespace) -> int:
    """List what was refused."""
    from tui_registry.cli.output import note, out_json
    from tui_registry.cli.registry import open_registry

    with open_registry(args) as datastore:
        refused = datastore.log.quarantine(args.limit)
    if args.json:
        for found in refused:
            out_json(_json(found))
    elif refused:
        _print(refused)
    else:
        note("nothing was refused")
    return 0


def _print(refused: list[Quarantined]) -> None:
    import time

    from tui_registry.cli.output import out, terminal_width
    from tui_registry.cli.table import Column, Table
    from tui_registry.text import age, safe_text, size_bytes

    columns = (
        Column("FROM", 20),
        Column("WHEN", 7, right=True),
        Column("CODE", 11),
        Column("SIZE", 8, right=True, spare=1),
        Column("BEGINS", 20, grows=True),
    )
    table = Table(columns, terminal_width())
    now = int(time.time())
    out(table.header())
    for found in refused:
        when = age(now - found.received_at)
        out(table.line((found.source or "-", when, found.code, size_bytes(found.size), _text(found))))
        out(f"  {safe_text(found.sentence)}")


def _text(found: Quarantined) -> str:
    return found.start.decode(errors="backslashreplace")


def _json(found: Quarantined) -> dict[str, Json]:
    return {
        "source": found.source,
        "received_at": found.received_at,
        "code": found.code,
        "sentence": found.sentence,
        "size": found.size,
        "start": _text(found),
    }
