"""`list models|agents`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli import list_options
from tui_registry.cli.parser import examples

if TYPE_CHECKING:
    from tui_registry.errors import Kind

_KINDS: dict[str, Kind] = {"models": "model", "agents": "agent"}


def arguments(parser: ArgumentParser) -> None:
    """What `list` takes."""
    parser.description = f"List models or agents, the last updated first.\n\n{list_options.LIMITS}"
    parser.epilog = examples(
        "tui-registry list models",
        "tui-registry list models --sort=-params --limit 10",
        "tui-registry list agents --json | jq -r .record.name",
    )
    parser.add_argument("kind", choices=list(_KINDS), metavar="models|agents")
    list_options.arguments(parser)


def run(args: Namespace) -> int:
    """List the records of a kind."""
    from tui_registry.cli import listing

    return listing.run(args, "", _KINDS[args.kind])
