"""The command line's parser, built on the table of commands, and its help."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from itertools import groupby
from typing import IO, NoReturn

from tui_registry import __version__
from tui_registry.cli.commands import COMMANDS, directory, node_address, words
from tui_registry.present.pages import PAGES, page_text

PROGRAM = "tui-registry"


def build_parser(line: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line. A command's own arguments are declared once it is met in the line.

    Args:
        line: what will be parsed: only the commands that occur in it get parsers, as these take their time. All for
            None.
    """
    parser = _TopParser(prog=PROGRAM, allow_abbrev=False, add_help=True, formatter_class=_HelpFormatter)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument("--data-dir", type=directory, metavar="DIR")
    parser.add_argument("--node", type=node_address, metavar="URL")
    parser.add_argument("--query", type=words, metavar="QUERY", dest="open_on")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_CommandParser)
    for name, command in COMMANDS.items():
        if line is None or name in line:
            commands.add_parser(name, arguments=command.declare, asks_nodes=command.asks_nodes)
    return parser


def explain(args: argparse.Namespace) -> int:
    """`help`: what a command takes, then the page of that name, where there is one; without a topic all there is."""
    topic: str | None = args.topic
    page = topic if topic in PAGES else None
    if topic is None or topic in COMMANDS:
        # Leaves with 0, as --help does.
        with suppress(SystemExit) if page else nullcontext():
            build_parser().parse_args(["--help"] if topic is None else [topic, "--help"])
    if page is not None:
        sys.stdout.write("\n" * (topic in COMMANDS) + page_text(page))
    return 0


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """argparse's, with the width found without `shutil`, which imports three compression libraries."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_help_width())


def _help_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdecimal() and len(columns) < 5 and int(columns) > 0:
        return int(columns) - 2
    try:
        return (os.get_terminal_size().columns or 80) - 2
    except (OSError, ValueError):
        return 78


class _Parser(argparse.ArgumentParser):
    """argparse's, with errors as one sentence and a hint where to look."""

    def error(self, message: str) -> NoReturn:
        """
        Raises:
            RegistryError: `usage`: what is wrong with the line.
        """
        from tui_registry.errors import RegistryError
        from tui_registry.text import safe_text

        # argparse quotes what was typed, and what was typed may be anything.
        stop = "" if message.endswith("?") else "."
        raise RegistryError("usage", f"{safe_text(message, 400)}{stop} Try '{self.prog} --help'")


class _CommandParser(_Parser):
    """The parser of one command, or of one of its actions (`peer add`). A command gets its arguments when it is met in
    the line."""

    def __init__(
        self,
        *,
        prog: str | None = None,
        description: str | None = None,
        arguments: Callable[[argparse.ArgumentParser], None] | None = None,
        asks_nodes: bool = False,
    ) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False, formatter_class=_HelpFormatter)
        self._arguments = arguments
        self.add_argument(
            "--data-dir",
            type=directory,
            metavar="DIR",
            default=argparse.SUPPRESS,
            help="the replica's directory (default: $TUI_REGISTRY_DATA_DIR, else the user data directory)",
        )
        self.add_argument(
            "--node",
            type=node_address,
            metavar="URL",
            default=argparse.SUPPRESS,
            # Taken by each command, so that those that ask no node can say so.
            help="ask this node in place of the replica here; it signs what is written, by its own key"
            if asks_nodes
            else argparse.SUPPRESS,
        )

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Declare the arguments, then parse. Unknown words are refused here, so that the hint names this command."""
        self.declare()
        parsed, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return parsed, left

    def declare(self) -> None:
        """Declare the command's arguments, once."""
        arguments, self._arguments = self._arguments, None
        if arguments is not None:
            arguments(self)


class _TopParser(_Parser):
    def error(self, message: str) -> NoReturn:
        if "COMMAND: invalid choice: " in message:
            from difflib import get_close_matches

            typed = message.partition("invalid choice: ")[2].partition(" (")[0]
            near = get_close_matches(typed.strip("'"), COMMANDS, n=1)
            message = f"there is no command {typed}" + (f": did you mean {near[0]}?" if near else "")
        super().error(message)

    def format_help(self) -> str:
        lines = [
            f"usage: {PROGRAM} [--data-dir DIR] [--query QUERY]",
            f"       {PROGRAM} [--data-dir DIR] COMMAND ...",
            "",
            "A decentralised registry of AI models and agents. Without a command it opens the terminal interface.",
        ]
        for room, commands in groupby(COMMANDS.values(), lambda command: command.room):
            lines += ["", f"{room}:", *(f"  {command.name:<11} {command.summary}" for command in commands)]
        lines += ["", "Pages:", *(f"  {name:<11} {about}" for name, about in PAGES.items())]
        lines += [
            "",
            "options:",
            "  --data-dir DIR   the replica's directory (default: $TUI_REGISTRY_DATA_DIR, or the user data directory)",
            "  --node URL       ask a node in place of a replica on this machine (list, show, register and others)",
            "  --query QUERY    open the terminal interface on this search",
            "  --version        print the version",
            "  -h, --help       print this",
            "",
            f"'{PROGRAM} help NAME' explains a command, or prints a page; '{PROGRAM} help start' is where to begin.",
            "Exit codes: 0 done, 1 failed (not found, invalid, unreachable), 2 the line cannot be read, 130 Ctrl+C.",
            "",
        ]
        return "\n".join(lines)

    def print_help(self, file: IO[str] | None = None) -> None:  # type: ignore[override]
        (file or sys.stdout).write(self.format_help())
