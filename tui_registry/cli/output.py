"""Where words go: data on stdout, messages on stderr, and nothing foreign to a terminal as it is."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping

from tui_registry.cli.parser import PROGRAM
from tui_registry.errors import InvalidRecord, Json, Problem, RegistryError
from tui_registry.text import safe_text

_ROOMY = 120


def out(text: str = "") -> None:
    """A line of data. Whoever calls has made foreign text safe."""
    sys.stdout.write(text + "\n")


def out_json(value: Mapping[str, Json]) -> None:
    """A JSON object on one line; ASCII throughout, so that it is safe on a terminal and in any encoding."""
    sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")


def note(text: str) -> None:
    """A message for the person who runs the command."""
    sys.stderr.write(f"{PROGRAM}: {text}\n")


def report(error: RegistryError) -> None:
    """Say a declared error: one sentence, or one line for each problem of a record."""
    if isinstance(error, InvalidRecord):
        # What keeps the record from being signed comes first
        for problem in sorted(error.problems, key=lambda problem: problem.severity):
            note(problem_line(problem))
    elif error.sentence:
        note(safe_text(error.sentence))


def problem_line(problem: Problem) -> str:
    """A problem as one line: the field, then the sentence."""
    where = f"{problem.path}: " if problem.path else ""
    mild = "warning: " if problem.severity == "warning" else ""
    return safe_text(f"{mild}{where}{problem.sentence}")


def problem_json(problem: Problem) -> dict[str, Json]:
    """A problem as programs read it."""
    return {
        "path": problem.path,
        "severity": problem.severity,
        "code": problem.code,
        "sentence": problem.sentence,
    }


def terminal_width() -> int:
    """Columns that lines may use; roomy where there is no terminal. `$COLUMNS` decides where it is set."""
    # As `shutil.get_terminal_size` does, which imports three compression libraries.
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdecimal() and len(columns) < 5 and int(columns) > 0:
        return int(columns)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(stream.fileno()).columns or _ROOMY
    return _ROOMY


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()
