"""`help [COMMAND]`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tui_registry.cli.parser import SUMMARIES, examples


def arguments(parser: ArgumentParser) -> None:
    """What `help` takes."""
    parser.description = "Explain a command, or without one list them all. 'help search' explains the query language."
    parser.epilog = examples("tui-registry help register", "tui-registry help search")
    parser.add_argument("topic", nargs="?", choices=list(SUMMARIES), metavar="COMMAND")


def run(args: Namespace) -> int:
    """Print the help."""
    from tui_registry.cli.parser import build_parser

    topic: str | None = args.topic
    # Leaves with 0, as --help does.
    build_parser().parse_args(["--help"] if topic is None else [topic, "--help"])
    return 0
