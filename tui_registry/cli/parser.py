"""The command line's grammar: a table of commands, and a parser that loads a command's module when it is named."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import IO, NamedTuple, NoReturn

from tui_registry import __version__

PROGRAM = "tui-registry"

# Group -> commands, each with what it is for. A command's code is in `cli/commands/`.
COMMANDS: dict[str, dict[str, str]] = {
    "Look": {
        "list": "list models or agents, newest first",
        "search": "find records by words and fields",
        "show": "one record in full",
        "history": "every operation of a record, or the last ones of this replica",
    },
    "Write": {
        "register": "sign and register a record from a JSON or YAML file",
        "import": "read files or folders into drafts, and register them",
        "update": "change a record of yours",
        "delete": "delete a record of yours",
        "undo": "undo the last operation on a record of yours",
        "restore": "bring back a deleted record of yours",
    },
    "Build": {
        "formfile": "check, format and render Formfiles, and build bundles of records",
    },
    "Exchange": {
        "peer": "add, list and remove the peers to pull from",
        "sync": "pull from peers",
        "serve": "serve this replica as a node over HTTP",
        "export": "write records, operations or a static log",
    },
    "Care": {
        "verify": "re-check every stored operation",
        "quarantine": "the operations that were refused, from whom and why",
        "identity": "the key that signs your records, and your names for those of others",
        "demo": "look around in sample data, without touching your replica",
        "help": "help on a command, and the query language",
    },
}
SUMMARIES: dict[str, str] = {name: summary for group in COMMANDS.values() for name, summary in group.items()}


class Command(NamedTuple):
    """What each module of `cli/commands/` offers.

    Attributes:
        arguments: declares the command's arguments, description and examples on its parser.
        run: does it, with the parsed arguments, and says the exit code.
    """

    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def build_parser(line: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line. A command's own arguments are declared once it is met in the line.

    Args:
        line: what will be parsed: only the commands that occur in it get parsers, as these take their time. All for
            None.
    """
    parser = _TopParser(prog=PROGRAM, allow_abbrev=False, add_help=True, formatter_class=_HelpFormatter)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument("--data-dir", type=directory, metavar="DIR")
    parser.add_argument("--query", type=words, metavar="QUERY", dest="open_on")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_CommandParser)
    for name in SUMMARIES:
        if line is None or name in line:
            commands.add_parser(name, command=name)
    return parser


def load_command(name: str) -> Command:
    """The code behind a command of `SUMMARIES`."""
    # `list`, `import` and `help` are words of Python's own.
    shadows = "_" if name in ("list", "import", "help") else ""
    module = import_module(f"tui_registry.cli.commands.{name}{shadows}")
    return Command(module.arguments, module.run)


def examples(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\n".join(("examples:", *(f"  {line}" for line in lines)))


def words(typed: str) -> str:
    """Words from the line that are searched for or kept. File names are bytes, and may be any."""
    try:
        typed.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("is not text in this terminal's encoding") from None
    return typed


def directory(typed: str) -> str:
    """A directory from the line."""
    if not typed:
        raise argparse.ArgumentTypeError("needs a directory: the word is empty, as of a variable that is not set")
    return typed


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Made anew for each argument that is declared: it looks for the width itself, as argparse's way imports `shutil`,
    which imports three compression libraries."""

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
        """Say what is wrong with the line, and leave with 2."""
        from tui_registry.text import safe_text

        # argparse quotes what was typed, and what was typed may be anything.
        stop = "" if message.endswith("?") else "."
        sys.stderr.write(f"{PROGRAM}: {safe_text(message, 400)}{stop} Try '{self.prog} --help'\n")
        raise SystemExit(2)


class _CommandParser(_Parser):
    """The parser of one command, or of one of its actions (`peer add`). A command gets its arguments when it is met in
    the line."""

    def __init__(self, *, prog: str | None = None, command: str = "", description: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=_HelpFormatter,
        )
        self._declare: Callable[[argparse.ArgumentParser], None] | None = None
        self.add_argument(
            "--data-dir",
            type=directory,
            metavar="DIR",
            default=argparse.SUPPRESS,
            help="the replica's directory (default: $TUI_REGISTRY_DATA_DIR, else the user data directory)",
        )
        if command:
            self._declare = lambda parser: load_command(command).arguments(parser)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Declare the arguments, then parse. What is left over is told here: this parser's help lists what it takes."""
        self.declare()
        parsed, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return parsed, left

    def declare(self) -> None:
        """Load the command's arguments, once."""
        declare, self._declare = self._declare, None
        if declare is not None:
            declare(self)


class _TopParser(_Parser):
    def error(self, message: str) -> NoReturn:
        if "COMMAND: invalid choice: " in message:
            from difflib import get_close_matches

            typed = message.partition("invalid choice: ")[2].partition(" (")[0]
            near = get_close_matches(typed.strip("'"), SUMMARIES, n=1)
            message = f"there is no command {typed}" + (f": did you mean {near[0]}?" if near else "")
        super().error(message)

    def format_help(self) -> str:
        lines = [
            f"usage: {PROGRAM} [--data-dir DIR] [--query QUERY]",
            f"       {PROGRAM} [--data-dir DIR] COMMAND ...",
            "",
            "A decentralised registry of AI models and agents. Without a command it opens the terminal interface.",
        ]
        for group, commands in COMMANDS.items():
            lines += ["", f"{group}:", *(f"  {name:<10} {summary}" for name, summary in commands.items())]
        lines += [
            "",
            "options:",
            "  --data-dir DIR   the replica's directory (default: $TUI_REGISTRY_DATA_DIR, or the user data directory)",
            "  --query QUERY    open the terminal interface on this search",
            "  --version        print the version",
            "  -h, --help       print this",
            "",
            f"'{PROGRAM} help COMMAND' explains a command, '{PROGRAM} help search' the query language.",
            "Exit codes: 0 done, 1 failed (not found, invalid, unreachable), 2 the line cannot be read.",
            "",
        ]
        return "\n".join(lines)

    def print_help(self, file: IO[str] | None = None) -> None:  # type: ignore[override]
        (file or sys.stdout).write(self.format_help())
