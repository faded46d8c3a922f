"""One command line, from its words to its exit code; the only place where errors become sentences."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from tui_registry.cli.commands import COMMANDS
from tui_registry.cli.parser import PROGRAM, build_parser

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from tui_registry.cli.config import OwnSettings
    from tui_registry.datastore import Datastore

DEBUG_VARIABLE = "TUI_REGISTRY_DEBUG"
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_OF_NO_REPLICA = ("help", "completion", "config", "demo", "formfile")


class Screens(Protocol):
    """Opens the terminal interface on a replica and returns when the person leaves it.

    Settings that are changed there go into `settings_file`; into the person's own for None.
    """

    def __call__(self, datastore: Datastore, *, query: str, settings_file: Path | None = None) -> None: ...


def run(argv: Sequence[str], screens: Screens, own: OwnSettings | None = None) -> int:
    """Do what a command line asks for.

    Args:
        argv: without the program's name.
        screens: opens the terminal interface, for the lines that ask for it.
        own: reads what of the settings is about the screens only; None where nobody can.

    Returns:
        0 done, 1 the request failed, 2 the line cannot be read, 130 interrupted.
    """
    with ExitStack() as stack:
        return _ended(argv, screens, own, stack)


def _ended(argv: Sequence[str], screens: Screens, own: OwnSettings | None, stack: ExitStack) -> int:
    try:
        try:
            code = _run(argv, screens, own, stack)
        except SystemExit as leaving:  # argparse's way to end after --help or an error
            code = leaving.code if isinstance(leaving.code, int) else OK
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has all it wants.
        _close_quietly()
        code = OK
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        code = _explain(error, as_json=_asks_for_json(argv))
    return code


def _run(argv: Sequence[str], screens: Screens, own: OwnSettings | None, stack: ExitStack) -> int:
    """
    Args:
        stack: what holds until the line's last message.
    """
    _prepare_streams()
    args = build_parser(argv).parse_args(argv)
    args.screens, args.own = screens, own
    if args.data_dir:
        from tui_registry.cli.output import asked_of

        stack.enter_context(asked_of(args.data_dir, [name for name in COMMANDS if name not in _OF_NO_REPLICA]))
    if args.node is not None:
        _expect_to_ask_nodes(args)
    if args.command is None:
        return _open_screens(args, screens)
    if args.open_on is not None:
        from tui_registry.cli.output import UsageError

        raise UsageError("--query opens the terminal interface and goes with no command: use 'search QUERY'")
    run_command = COMMANDS[args.command].run
    gc.enable()
    return run_command(args)


def _expect_to_ask_nodes(args: argparse.Namespace) -> None:
    """Refuse a line with `--node` that would do something else than ask a node.

    Raises:
        UsageError: it would.
    """
    from tui_registry.cli.output import UsageError

    if args.command is None or not COMMANDS[args.command].asks_nodes:
        doing = "the terminal interface shows" if args.command is None else f"'{args.command}' is about"
        able = ", ".join(name for name, command in COMMANDS.items() if command.asks_nodes)
        raise UsageError(f"{doing} a replica on this machine, and asks no node: --node goes with {able}")
    if args.data_dir is not None:
        raise UsageError("--node asks a node and --data-dir a replica on this machine: leave one of them out")


def _open_screens(args: argparse.Namespace, screens: Screens) -> int:
    from tui_registry.cli.registry import need_terminal, open_registry

    need_terminal(f"'{PROGRAM} --help' lists the commands for scripts")
    with open_registry(args) as datastore:
        screens(datastore, query=args.open_on or "")
    return OK


def _asks_for_json(argv: Sequence[str]) -> bool:
    """Whether a line has `--json`, also one that cannot be read: abbreviations are refused."""
    words = list(argv)
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _explain(error: Exception, *, as_json: bool) -> int:
    """Say an error on stderr, for who reads it; with `--json` on stdout too, as the last line there."""
    from tui_registry.cli.output import error_json, note, out_json, report
    from tui_registry.errors import RegistryError
    from tui_registry.text import safe_text

    code = FAILED
    if isinstance(error, RegistryError):
        declared = error
        report(declared)
        code = USAGE if declared.code == "usage" else FAILED
    elif isinstance(error, OSError) and error.errno == errno.EBADF:
        _close_quietly()
        note("stdout is closed, and there was something to write to it")
        return FAILED
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        declared = RegistryError("disk_full", "the disk is full: make room and try again")
        report(declared)
    else:
        what = safe_text(f"{type(error).__name__}: {error}", 300)
        hint = f"Please report it; {DEBUG_VARIABLE}=1 shows where it came from"
        declared = RegistryError("unexpected", f"this should not happen ({what}). {hint}")
        report(declared)
    if as_json:
        try:
            out_json(error_json(declared))
            sys.stdout.flush()
        except OSError:
            _close_quietly()  # the exit code says it, and stderr
    return code


def _prepare_streams() -> None:
    """Open the null device in place of a closed stream (`>&-`), and let a terminal of another encoding show an escape
    for a character that it lacks instead of ending the command.

    What is written to a closed stdout is an error all the same, or `export >&-` would pass for a backup.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # It gets the number of the closed one, so that no file opened later is taken for the stream.
            handle = os.open(os.devnull, os.O_RDWR if name == "stderr" else os.O_RDONLY)
            setattr(sys, name, os.fdopen(handle, "w" if number else "r", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and (stream.encoding or "").lower().replace("-", "") != "utf8":
            reconfigure(errors="backslashreplace")


def _close_quietly() -> None:
    """After a reader went away: keep the interpreter from complaining about it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
