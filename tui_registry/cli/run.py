"""One command line, from its words to its exit code; the only place where errors become sentences."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from tui_registry.cli.parser import PROGRAM, build_parser, load_command
from tui_registry.cli.streams import close_quietly, prepare_streams

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from tui_registry.datastore import Datastore

DEBUG_VARIABLE = "TUI_REGISTRY_DEBUG"
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class Screens(Protocol):
    """Opens the terminal interface on a replica and returns when the person leaves it.

    Settings that are changed there go into `settings_file`; into the person's own for None.
    """

    def __call__(self, datastore: Datastore, *, query: str, settings_file: Path | None = None) -> None: ...


def run(argv: Sequence[str], screens: Screens) -> int:
    """Do what a command line asks for.

    Args:
        argv: without the program's name.
        screens: opens the terminal interface, for the lines that ask for it.

    Returns:
        0 done, 1 the request failed, 2 the line cannot be read, 130 interrupted.
    """
    try:
        try:
            code = _run(argv, screens)
        except SystemExit as leaving:  # argparse's way to end after --help or an error
            code = leaving.code if isinstance(leaving.code, int) else OK
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has all it wants.
        close_quietly()
        code = OK
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        code = _explain(error)
    return code


def _run(argv: Sequence[str], screens: Screens) -> int:
    prepare_streams()
    args = build_parser(argv).parse_args(argv)
    args.screens = screens
    if args.command is None:
        return _open_screens(args, screens)
    if args.open_on is not None:
        from tui_registry.cli.errors import UsageError

        raise UsageError("--query opens the terminal interface and goes with no command: use 'search QUERY'")
    command = load_command(args.command)
    gc.enable()
    return command.run(args)


def _open_screens(args: argparse.Namespace, screens: Screens) -> int:
    from tui_registry.cli.registry import need_terminal, open_registry

    need_terminal(f"'{PROGRAM} --help' lists the commands for scripts")
    with open_registry(args) as datastore:
        screens(datastore, query=args.open_on or "")
    return OK


def _explain(error: Exception) -> int:
    from tui_registry.cli.errors import UsageError
    from tui_registry.cli.output import note, report
    from tui_registry.errors import RegistryError
    from tui_registry.text import safe_text

    if isinstance(error, RegistryError):
        report(error)
        return USAGE if isinstance(error, UsageError) else FAILED
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        note("the disk is full: make room and try again")
        return FAILED
    if isinstance(error, OSError) and error.errno == errno.EBADF:
        close_quietly()
        note("stdout is closed, and there was something to write to it")
        return FAILED
    what = safe_text(f"{type(error).__name__}: {error}", 300)
    note(f"this should not happen ({what}). Please report it; {DEBUG_VARIABLE}=1 shows where it came from")
    return FAILED
