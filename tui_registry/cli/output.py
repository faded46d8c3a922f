"""What a command prints: data and tables on stdout; messages, questions and progress on stderr; errors of the line.

Text from others is made safe before it reaches a terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from tui_registry.cli.parser import PROGRAM
from tui_registry.errors import InvalidRecord, Json, Problem, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.text import ELLIPSIS, exact, safe_text


class UsageError(RegistryError):
    """The line asks for something that makes no sense, such as a deletion nobody can confirm; exit code 2."""

    def __init__(self, sentence: str) -> None:
        super().__init__("usage", sentence)


class FileError(RegistryError):
    """A file named on the line that cannot be read or written; exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__("file", sentence)


class NoTerminalError(RegistryError):
    """The screens cannot be shown here; exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__("no_terminal", sentence)


class StoppedError(RegistryError):
    """The person said no, or something did not come to its end; the sentence may be empty. Exit code 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__("stopped", sentence)


def out(text: str = "") -> None:
    """A line of data. Whoever calls has made foreign text safe."""
    sys.stdout.write(text + "\n")


def out_json(value: Mapping[str, Json]) -> None:
    """A JSON object on one line; ASCII throughout, so that it is safe on a terminal and in any encoding."""
    sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")


def note(text: str) -> None:
    """A message for the person who runs the command."""
    text = as_asked(text)
    if _noted:
        _noted[-1](text)
    else:
        sys.stderr.write(f"{PROGRAM}: {text}\n")


@contextmanager
def noting(write: Callable[[str], None]) -> Iterator[None]:
    """Let messages be written by that until the block ends: where stderr is lines for another program."""
    _noted.append(write)
    try:
        yield
    finally:
        _noted.pop()


_noted: list[Callable[[str], None]] = []


def as_asked(text: str) -> str:
    """A text of ours whose commands are about the replica that this line was about."""
    return _asked[-1](text) if _asked else text


@contextmanager
def asked_of(data_dir: str, commands: Iterable[str]) -> Iterator[None]:
    """Let the commands that messages name ask of that replica, too, until the block ends.

    Args:
        commands: those that have one.
    """
    from shlex import quote  # most lines name none

    named = re.compile(rf"(?<![\w./-]){re.escape(PROGRAM)} (?=(?:{'|'.join(commands)})\b)")
    shown = quote(safe_text(data_dir))
    _asked.append(lambda text: named.sub(lambda _: f"{PROGRAM} --data-dir {shown} ", text))
    try:
        yield
    finally:
        _asked.pop()


_asked: list[Callable[[str], str]] = []


def report(error: RegistryError) -> None:
    """Say a declared error: one sentence, or one line for each problem of a record; where one of several records may
    have been meant, below it a line for each."""
    if isinstance(error, InvalidRecord):
        # What keeps the record from being signed comes first
        for problem in sorted(error.problems, key=lambda problem: problem.severity):
            note(problem_line(problem, error.source))
    elif error.sentence:
        note(safe_text(error.sentence))
        if error.choices:
            from tui_registry.present.owners import choice_line

            for choice in error.choices:
                note(f"  {choice_line(choice)}")


def error_json(error: RegistryError) -> dict[str, Json]:
    """What `--json` prints last where a command fails; of a record that cannot be signed with its problems, those
    first that keep it from being signed; where one of several records may have been meant, with the first of these."""
    told: dict[str, Json] = {"code": error.code, "sentence": error.sentence}
    if isinstance(error, InvalidRecord):
        problems = sorted(error.problems, key=lambda problem: problem.severity)
        told["problems"] = [problem.to_json() for problem in problems]
    if error.choices:
        told["choices"] = [choice.to_json() for choice in error.choices]
    return {"error": told}


def problem_line(problem: Problem, source: str = "") -> str:
    """A problem as one line: the file, where one is named, the field, then the sentence."""
    where = "".join(f"{part}: " for part in (source, problem.path) if part)
    mild = "warning: " if problem.severity == "warning" else ""
    return safe_text(f"{mild}{where}{problem.sentence}")


def terminal_width() -> int:
    """Columns that lines may use; roomy where there is no terminal. `$COLUMNS` decides where it is set."""
    # As `shutil.get_terminal_size` does, which imports three compression libraries.
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdecimal() and len(columns) < 5 and int(columns) > 0:
        return int(columns)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            return os.get_terminal_size(stream.fileno()).columns or _ROOMY
    return _ROOMY


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def confirm(question: str, deed: str, stopped: str, otherwise: str = "say --yes") -> None:
    """Ask the person at the terminal, on stderr; anything but a yes ends the command.

    Args:
        question: with safe names.
        deed, stopped: for the sentences: nobody can be asked whether to `deed`; the answer was no.
        otherwise: what to do where nobody can be asked.

    Raises:
        UsageError: nobody can be asked.
        StoppedError: the answer was no.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked whether to {deed}: {otherwise}")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline().strip().lower()
    except UnicodeDecodeError:
        answer = ""
    if answer not in ("y", "yes"):
        raise StoppedError(stopped)


# Tables: fixed columns, one that takes what the terminal has left, and columns that give way first


class Column(NamedTuple):
    """A column.

    Attributes:
        title: over it.
        width: in cells; the least one, for the column that grows.
        right: numbers align right.
        grows: takes what the line has left, up to `most` cells.
        spare: left out on narrow terminals, the highest first; 0 always stays.
        told: how something stands: where there are colours, what is well or wrong with it has its own.
    """

    title: str
    width: int
    right: bool = False
    grows: bool = False
    most: int = 60
    spare: int = 0
    told: bool = False


def colours() -> bool:
    """Whether stdout takes colours: a terminal that can, and nobody who set NO_COLOR (https://no-color.org)."""
    return (
        on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    )


class Table:
    """Lays out rows one by one, so that a list of a million records streams."""

    def __init__(self, columns: Sequence[Column], width: int) -> None:
        """
        Args:
            columns: at most one of them grows.
            width: of the terminal, in cells.
        """
        shown = list(range(len(columns)))
        while _needed(columns, shown) > width and any(columns[index].spare for index in shown):
            shown.remove(max(shown, key=lambda index: columns[index].spare))
        left = max(0, width - _needed(columns, shown))
        self._columns = [(index, _width(columns[index], left)) for index in shown]
        self._all = columns
        self._colours = colours()

    def header(self) -> str:
        """The titles."""
        titles = self._line([column.title for column in self._all]).rstrip()
        return f"{_BOLD}{titles}{_PLAIN}" if self._colours else titles

    def line(self, cells: Sequence[str], note: str = "") -> str:
        """One row. Cells may be foreign text; `note`, which is safe, follows the last column."""
        if note and self._colours:
            note = f"{_YELLOW}{note}{_PLAIN}"
        return (self._line(cells) + (" " * _GAP + note if note else "")).rstrip()

    def _line(self, cells: Sequence[str]) -> str:
        parts = []
        for index, width in self._columns:
            column = self._all[index]
            text = fitted(safe_text(cells[index]), width)
            space = " " * (width - cell_width(text))
            if self._colours and column.told and text in _TONES:
                text = f"{_TONES[text]}{text}{_PLAIN}"
            parts.append(space + text if column.right else text + space)
        return (" " * _GAP).join(parts)


def cell_width(text: str) -> int:
    """How many cells a terminal gives a safe text."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def fitted(text: str, width: int) -> str:
    """The text, cut to `width` cells with an ellipsis."""
    if cell_width(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        wide = cell_width(character)
        if used + wide > width - 1:
            break
        kept.append(character)
        used += wide
    return "".join(kept) + ELLIPSIS


# Progress: a line on stderr that says how far something is, where stderr is a terminal; nothing elsewhere


class StatusLine:
    """One line that is written over; call `clear` before anything else is written."""

    def __init__(self, after: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`after` so many seconds it is first seen: what is done before needs none."""
        self._clock = clock
        self._shown = 0
        self._next = clock() + after if after else 0.0
        self._visible = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Show safe text in place of the former one, some times a second at most."""
        now = self._clock()
        if not self._visible or now < self._next:
            return
        self._next = now + _SECONDS_BETWEEN
        text = fitted(text, max(10, terminal_width() - 1))
        width = cell_width(text)
        sys.stderr.write("\r" + text + " " * max(0, self._shown - width))
        sys.stderr.flush()
        self._shown = width

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0


@contextmanager
def progress_bar(doing: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[int, int], None]]:
    """A callback `(done, of)` that shows how far it is, and how long it will take, to whoever waits for a second."""
    line, began, first = StatusLine(CALM_SECONDS, clock), clock(), -1

    def show(done: int, of: int) -> None:
        nonlocal began, first
        now = clock()
        if first < 0:
            # What goes on where an earlier run ended was not done in this time.
            began, first = now, done
        made, spent = done - first, now - began
        line.show(how_far(doing, done, of, (of - done) * spent / made if made > 0 else None))

    try:
        yield show
    finally:
        line.clear()


def how_far(doing: str, done: int, of: int, seconds_left: float | None) -> str:
    """How far something is: numbers, a bar, and the time left where it is known; a number alone where the end is not.

    Args:
        doing: what is done or whose it is, safe to show.
        of: how much there is to do, 0 where nobody knows.
    """
    from tui_registry.present.amounts import bar, clock, percent

    if of <= 0:
        return f"{doing} {exact(done)}"
    share = min(1.0, done / of)
    left = "" if seconds_left is None or seconds_left < 0.5 or done >= of else f"  {clock(seconds_left)} left"
    return f"{doing} {exact(done)} of {exact(of)} {bar(share, _BAR_CELLS)} {percent(share)}{left}"


# How

_ROOMY = 120
_GAP = 2
_SECONDS_BETWEEN = 0.1
# Whoever waits for less is not told that it takes time.
CALM_SECONDS = 1.0
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"
_RED, _GREEN, _YELLOW = "\x1b[31m", "\x1b[32m", "\x1b[33m"
# What becomes of what is imported, and how peers stand; what is as ever has no colour.
_TONES = {
    **dict.fromkeys(("failed", "invalid"), _RED),
    **dict.fromkeys(("registered", "updated", "stored", "identical"), _GREEN),
    **dict.fromkeys(("changed", "kept", "deleted"), _YELLOW),
}
_BAR_CELLS = 22


def _needed(columns: Sequence[Column], shown: Sequence[int]) -> int:
    return sum(columns[index].width for index in shown) + _GAP * (len(shown) - 1)


def _width(column: Column, left: int) -> int:
    return min(column.width + left, column.most) if column.grows else column.width


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
