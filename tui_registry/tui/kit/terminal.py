"""The terminal that the app runs on: given back as it was, whatever ends or stops the process, and taken again whole.

Textual's driver knows neither signals that end the process nor how to come back after a stop, and draws on stderr.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import termios
import textwrap
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.control import Control
from rich.segment import Segment, Segments
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message import Message

from tui_registry.tui.kit.actions import action, key_name, types

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# All that end a process and can be met; what cannot, such as SIGKILL, no program sees.
_ENDING: Final = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGVTALRM, signal.SIGPROF, signal.SIGXCPU,
)  # fmt: skip
# From a person who does not want to wait for what is still written when the screen is gone.
_IMPATIENT: Final = (signal.SIGINT, signal.SIGQUIT)
# What came with the signal that woke us, such as the one that ends us, is known then.
_WAKING_SECONDS: Final = 0.05
# Within this the app ends by itself, all that was typed before being taken in; then it is made to.
_PATIENCE_SECONDS: Final = 3.0
_STDIN: Final = 0
_MOUSE_PIXELS_OFF: Final = "\x1b[?1016l"
_CLEAR: Final = "\x1b[2J"
# In less than this, dialogs do not show all of their answers.
SMALLEST: Final = Size(60, 16)
_WHEN_SMALL: Final = ("app.quit", "app.suspend", "app.redraw")


# All but the letters and signs that every terminal draws alike: those of Europe, arrows, frames and blocks, kana, the
# signs of CJK and Hangul as whole syllables.
_UNSURE: Final = re.compile(
    "[^\x00-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2190-\u2193\u21b5\u2500-\u259f\u25a0\u25b2\u25bc\u25cf"
    "\u2713\u2717\u2800-\u28ff\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60\ufffd]"
)
# A sequence of escape, or a text between two of them and the free cells behind it.
_WRITTEN: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)(?:(?P<styles>(?:\x1b\[[\d;]*m)*)(?P<free> +)(?=[\x00-\x1f]|$))?"
)


class Ending(Message):
    """A signal asks the app to end.

    Attributes:
        code: what a shell says of a process that ended by it.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class TerminalDriver(LinuxDriver):
    """Draws on stdout, which is a terminal, wherever stderr goes; answers the signals of the system and the shell."""

    def __init__(
        self, app: App[None], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file = _output(self._lost)
        self._given_back = False
        self._stopped = False  # the shell has the terminal, until it continues us
        self._continued = False
        self._ending = False
        for number in _ENDING:
            self._loop.add_signal_handler(number, self._end, number)
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.add_signal_handler(signal.SIGCONT, self._continue)

    def stop_application_mode(self) -> None:
        if self._is_writing and not self._given_back:
            self._given_back = True
            self.write(_MOUSE_PIXELS_OFF)
            super().stop_application_mode()

    def resume_application_mode(self) -> None:
        self._given_back = False
        super().resume_application_mode()
        if not self._is_writing:
            self._end(signal.SIGHUP)

    def disable_input(self) -> None:
        # Changing a terminal that is the shell's would stop the process.
        if self._is_writing:
            super().disable_input()

    def write(self, data: str) -> None:
        if self._is_writing:
            super().write(in_place(data))

    def run_input_thread(self) -> None:
        try:
            super().run_input_thread()
        except OSError:
            self._lost()
        except Exception as error:
            # Textual would end the app as if all were well, with a page of the values that were at hand.
            self._app.call_later(self._app._handle_exception, error)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """While another program has the terminal: what is typed for that must not end this one. Ctrl+Z stops both, and
        the shell continues both."""
        for number in (*_IMPATIENT, signal.SIGCONT):
            self._loop.add_signal_handler(number, _ignore)
        self._loop.remove_signal_handler(signal.SIGTSTP)
        try:
            yield
        finally:
            for number in _IMPATIENT:
                self._loop.add_signal_handler(number, self._end, number)
            self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
            self._loop.add_signal_handler(signal.SIGCONT, self._continue)
            redraw(self._app)

    @property
    def _is_writing(self) -> bool:
        return self._writer_thread is not None and self._writer_thread.is_alive()

    def _lost(self) -> None:
        """The terminal is gone; told by the threads that read it and write to it."""
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._end, signal.SIGHUP)

    def _end(self, number: int) -> None:
        """End as a signal asks for."""
        if number in _IMPATIENT and self._given_back and not self._stopped:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        elif not self._ending:
            self._ending = True
            code = 128 + number
            self._app.post_message(Ending(code))
            self._loop.call_later(_PATIENCE_SECONDS, partial(self._app.exit, return_code=code))

    def _stop(self) -> None:
        """Leave the screen to the shell."""
        if not self._given_back:
            self.suspend_application_mode()
        self._stopped, self._continued = True, False
        self._loop.remove_signal_handler(signal.SIGTSTP)
        # Unlike SIGSTOP this does nothing where no shell could continue us.
        signal.raise_signal(signal.SIGTSTP)
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.call_later(_WAKING_SECONDS, self._wake)

    def _continue(self) -> None:
        self._continued = True
        if not self._stopped:  # stopped by SIGSTOP, and without having been asked
            self._stopped = True
            self._loop.call_later(_WAKING_SECONDS, self._wake)

    def _wake(self) -> None:
        self._stopped = False
        if self._ending:
            return
        if self._is_in_front:
            if not self._given_back:
                self.suspend_application_mode()
            self.resume_application_mode()
            redraw(self._app)
            if not self._continued:
                self._app.notify(f"No shell is waiting for this terminal: {_quit()} quits", markup=False)
        elif self._continued:
            self._stop()  # continued in the background
        else:
            self._end(signal.SIGHUP)

    @property
    def _is_in_front(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # not the terminal that controls this process: nobody else uses it
            return True


def _ignore() -> None:
    """A handler, as what is ignored would be ignored by the other program too."""


def most_cells(text: str) -> int:
    """How many cells a text takes on the terminal that draws it the widest; Textual counts as few as any takes."""
    if text.isascii() or _UNSURE.search(text) is None:
        return cell_len(text)
    alone = 0
    for letter in text:
        if unicodedata.east_asian_width(letter) in ("W", "F"):
            alone += 2
        elif unicodedata.category(letter) not in ("Mn", "Me", "Cf"):
            alone += 1
    return max(alone, cell_len(text))


def room_behind(text: str) -> str:
    """Free cells for what some terminals draw wider than Textual counts, to stand between a text and what follows."""
    return " " * (most_cells(text) - cell_len(text))


def in_place(data: str) -> str:
    """What is written to a terminal, so that what stands behind a text stands in its place, however wide the terminal
    draws the text.

    Terminals do not agree on the signs of Devanagari, on what joins two emoji, on flags or on shades of skin: one cell
    more, and the rest of the row is shifted. Each text with such signs is drawn on free cells, those behind it too, and
    left by where it began (DECSC, DECRC, CUF), not by where it ended.
    """
    return data if _UNSURE.search(data) is None else _WRITTEN.sub(_left_by_its_beginning, data)


def _left_by_its_beginning(match: re.Match[str]) -> str:
    text, styles, free = match["text"], match["styles"] or "", match["free"] or ""
    if text is None or _UNSURE.search(text) is None:
        return match[0]
    width = cell_len(text)
    behind = width + len(free)
    return f"\x1b7{' ' * width}{styles}{free}\x1b8{text}\x1b8\x1b[{behind}C{styles}" if behind else text


@contextmanager
def terminal_kept() -> Iterator[None]:
    """Let a terminal read lines as before, whatever was done to it: a program that was killed leaves it as it was for
    that, with another group of processes in front."""
    try:
        settings = termios.tcgetattr(_STDIN)
    except termios.error:
        settings = None  # it is none
    try:
        yield
    finally:
        if settings is not None:
            # Whoever is not in front is stopped where it changes something.
            before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            with suppress(OSError, termios.error):
                os.tcsetpgrp(_STDIN, os.getpgrp())
                termios.tcsetattr(_STDIN, termios.TCSADRAIN, settings)
            signal.signal(signal.SIGTTOU, before)


def stop_all() -> None:
    """Stop this process and all that the shell started with it, such as a script that runs it, as Ctrl+Z does."""
    os.killpg(os.getpgrp(), signal.SIGTSTP)


def redraw(app: App[None]) -> None:
    """Draw everything anew, whatever the terminal shows now."""
    if app._driver is not None and not app.is_headless:
        app._driver.write(_CLEAR)
    app.refresh(layout=True)


def is_small(size: Size) -> bool:
    """Whether a terminal has too little room for the screens."""
    return size.width < SMALLEST.width or size.height < SMALLEST.height


def passes_when_small(key: str) -> bool:
    """Whether a key does its work while nothing else can be seen."""
    return not types(key) and any(key in action(name).keys for name in _WHEN_SMALL)


def say_small(size: Size) -> Segments:
    """In place of the screens: that there is too little room, and how much it takes."""
    lines = _fitting(size)
    above, left = (size.height - len(lines)) // 2, (size.width - max(map(len, lines), default=0)) // 2
    rows = [""] * above + [" " * left + line for line in lines]
    segments: list[Segment] = []
    for y in range(size.height):
        row = rows[y] if y < len(rows) else ""
        segments += [Control.move_to(0, y).segment, Segment(row.ljust(size.width)[: size.width])]
    return Segments(segments)


def _fitting(size: Size) -> list[str]:
    """The sentence in lines, with as many words as there is room for."""
    here, needed = f"{size.width}x{size.height}", f"{SMALLEST.width}x{SMALLEST.height}"
    lines: list[str] = []
    for words in (
        f"This terminal is too small.\n{here} is what it has, {needed} is needed.\n"
        f"Enlarge it, and all is as it was.\n{_quit()} quits",
        f"Too small: {here}, {needed} is needed. {_quit()} quits",
        f"{needed} needed",
    ):
        lines = [line for part in words.split("\n") for line in textwrap.wrap(part, max(1, size.width))]
        if len(lines) <= size.height:
            break
    return lines[: size.height]


def _quit() -> str:
    """The key that also quits while too little is seen."""
    return next(key_name(key) for key in action("app.quit").keys if not types(key))


def _output(lost: Callable[[], None]) -> io.TextIOWrapper:
    """Text to the terminal of stdout."""
    assert sys.__stdout__ is not None
    raw = _Terminal(sys.__stdout__.fileno(), lost)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=sys.__stdout__.encoding, errors="backslashreplace", newline=""
    )


class _Terminal(io.RawIOBase):
    """Bytes to a terminal, and to nowhere once that is gone: a thread that fails to write would hold up all others."""

    def __init__(self, handle: int, lost: Callable[[], None]) -> None:
        self._handle = handle
        self._lost = lost

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return os.write(self._handle, data)
        except OSError:
            self._lost()
            return memoryview(data).nbytes
