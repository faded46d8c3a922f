"""What the Formfile commands read and write: texts by file or record, values, whole files in one step."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from tui_registry.cli.errors import FileError, UsageError
from tui_registry.cli.output import on_terminal
from tui_registry.cli.registry import STDIN, read_file
from tui_registry.durable import drafted, sync_folder
from tui_registry.text import safe_text

MOST_BYTES = 1 << 20


def read_values(args: Namespace) -> dict[str, str]:
    """The values of `--set` and `--set-file`, the last one of a name; of a file without the line end.

    Raises:
        FileError: a file cannot be read.
    """
    values: dict[str, str] = dict(args.set)
    files: list[tuple[str, str]] = args.set_file
    for name, file in files:
        values[name] = read_file(file, MOST_BYTES).removesuffix("\n").removesuffix("\r")
    return values


def read_bytes(name: str, most: int) -> bytes:
    """The bytes of a file, or of stdin for `-`, but no more than `most + 1`.

    Raises:
        FileError: it cannot be read.
    """
    try:
        if name == STDIN:
            return sys.stdin.buffer.read(most + 1)
        with Path(name).open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise FileError(f"{shown(name)} cannot be read: {(error.strerror or 'no reason given').lower()}") from error
    except ValueError as error:  # a NUL
        raise FileError(f"{safe_text(name)} is no name of a file") from error


def write_text(text: str) -> None:
    """A text on stdout: exactly as it is for a file or a pipe, made safe for a terminal."""
    if on_terminal():
        sys.stdout.write(safe_text(text, newlines=True))
    else:
        write_bytes(text.encode("utf-8", "surrogatepass"))


def write_bytes(data: bytes) -> None:
    """Bytes on stdout.

    Raises:
        UsageError: it is a terminal.
    """
    if on_terminal():
        raise UsageError("a terminal cannot show this: send it to a file or a pipe")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_file(name: str, data: bytes, mode: int | None) -> None:
    """Write a file in one step: others see the old one or the new one, and a failure or a power cut leaves one of them.

    Args:
        mode: of the file, before the umask; None keeps that of the file which is there.

    Raises:
        FileError: it cannot be written.
    """
    try:
        path = Path(name).resolve()
        if path.exists() and not path.is_file():
            # A device or a pipe: it is written to, never replaced.
            path.write_bytes(data)
            return
        with drafted(path, data, 0o600 if mode is None else mode) as draft:
            if mode is None:
                draft.chmod(path.stat().st_mode & 0o7777)
            draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise FileError(
            f"{safe_text(name)} cannot be written: {(error.strerror or 'no reason given').lower()}"
        ) from error
    except ValueError as error:  # a NUL
        raise FileError(f"{safe_text(name)} is no name of a file") from error


def shown(name: str) -> str:
    """What a file is called in messages."""
    return "stdin" if name == STDIN else safe_text(name)
