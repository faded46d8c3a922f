"""What most commands begin with: the replica, a record by its id, and a record as programs see it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tui_registry.cli.errors import FileError, UsageError
from tui_registry.cli.output import problem_json
from tui_registry.datastore import Datastore, Entry, StoreError
from tui_registry.errors import Json
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.errors import Kind

STDIN = "-"


def open_registry(args: argparse.Namespace) -> Datastore:
    """The replica that the line means, to be closed by the caller."""
    given: str | None = args.data_dir
    return Datastore.open(given)


def find(datastore: Datastore, prefix: str, kind: Kind | None = None) -> Entry:
    """The current record whose id begins so.

    Raises:
        StoreError: `not_found`, or `ambiguous` with the candidates.
    """
    found, identifier = datastore.find(prefix, kind)
    entry = datastore.entry(identifier, found)
    if entry is None:  # deleted by another process since
        raise StoreError("not_found", f"there is no {found} {identifier[:12]} here: it was deleted just now")
    return entry


def entry_json(entry: Entry) -> dict[str, Json]:
    """A record as `list`, `search`, `show` and `export` give it to programs (DESIGN section 8)."""
    return {
        "kind": entry.kind,
        "id": entry.id,
        "record": entry.record,
        "heads": list(entry.heads),
        "problems": [problem_json(problem) for problem in entry.problems],
    }


def read_file(name: str, most: int) -> str:
    """The text of a file, or of stdin for `-`; at most `most` bytes.

    Raises:
        FileError: it cannot be read, is too big or is not UTF-8.
    """
    shown = "stdin" if name == STDIN else name
    try:
        if name == STDIN:
            raw = sys.stdin.buffer.read(most + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(most + 1)
    except OSError as error:
        raise FileError(f"{shown} cannot be read: {(error.strerror or 'no reason given').lower()}") from error
    except ValueError as error:  # a NUL
        raise FileError(f"{safe_text(shown)} is no name of a file") from error
    if len(raw) > most:
        raise FileError(f"{shown} has more than {most:,} bytes: no record is that long")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{shown} is not UTF-8 text (byte {error.start:,}): save it as UTF-8") from None


def need_terminal(instead: str) -> None:
    """Refuse to open screens where nobody sees them."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(f"the screens need a terminal, and this is a pipe or a file: {instead}")
