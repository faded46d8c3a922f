"""Running another program from the app: behind a page that shows what it writes, or in the app's place on the terminal.

A program is an argv list, never a line for a shell. Behind a page it has no terminal and nothing to read, so that it
can neither draw over the app nor wait for somebody to type.
"""

from __future__ import annotations

import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_registry.frozen import NamedTuple
from tui_registry.text import exact, safe_text
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.flows import FlowScreen, flow
from tui_registry.tui.kit.terminal import terminal_kept
from tui_registry.tui.kit.text_flow import TextBody, paragraph, stack

# What is kept of an output; the rest, which came first, is counted.
MOST_BYTES: Final = 512 * 1024
# So many lines of that are laid out in the end; and this is shown of its end while the program still writes, as that is
# done anew at each look and must not keep keys waiting.
_MOST_LINES: Final = 10_000
_TAIL_BYTES, _TAIL_LINES = 32 * 1024, 500
_LOOK_SECONDS: Final = 0.1
_FOLLOW_SECONDS: Final = 2.0
_SCROLLBAR: Final = 2
# After it was asked to end, and after it ended while somebody else holds its output open.
_PATIENCE_SECONDS: Final = 2.0
_LINGER_SECONDS: Final = 0.3
_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class Ended(NamedTuple):
    """How a program ended.

    Attributes:
        code: its exit code; below 0 the signal that ended it; None where it could not be started.
        complaint: the first line that it wrote to stderr, safe to show; why it could not be started.
        stopped: the person stopped it.
    """

    code: int | None
    complaint: str
    stopped: bool = False


class Output:
    """What a program has written so far; written by a thread, read by the screen.

    Attributes:
        changes: grows with every piece.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._written = 0
        self._pieces: list[bytes] = []
        self._kept = 0

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._kept += len(piece)
        self._written += len(piece)
        while self._kept > MOST_BYTES:
            self._kept -= len(self._pieces.pop(0))
        self.changes += 1

    def end(self, most_bytes: int = MOST_BYTES, most_lines: int = _MOST_LINES) -> tuple[str, int]:
        """The last of it, safe to show, and how many bytes came before that."""
        written, raw = self._written, b"".join(list(self._pieces))[-most_bytes:]
        lines = raw.split(b"\n")
        # Behind the last end of a line there is no other line.
        kept = b"\n".join(lines[-most_lines - (not lines[-1]) :])
        return _readable(kept), max(0, written - len(kept))


def run_program(argv: Sequence[str], environment: Mapping[str, str], output: Output, stop: Event) -> Ended:
    """Run a program until it ends, without a terminal. What it writes goes into `output` as it comes.

    Args:
        environment: added to the app's own.
        stop: set from elsewhere asks it to end, as Ctrl+C does; where it does not it is ended.
    """
    try:
        # A session of its own has no terminal: nothing it starts can read keys or write over the app.
        process = subprocess.Popen(  # noqa: S603 - the person's own list of words, after a question
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ended(None, _why_not(argv[0], error))
    with process:
        complaint = _follow(process, output, stop)
    first = next((line for line in _readable(complaint).split("\n") if line.strip()), "")
    return Ended(process.returncode, safe_text(first, 300), stop.is_set())


def outcome_words(ended: Ended) -> str:
    """How it ended, for a status line: `done`, `ended with 3: no such model`."""
    complaint = f": {ended.complaint}" if ended.complaint else ""
    if ended.stopped:
        return "stopped"
    if ended.code is None:
        return f"not started{complaint}"
    if ended.code < 0:
        return f"ended by {_signal_name(-ended.code)}{complaint}"
    return f"done{complaint}" if ended.code == 0 else f"ended with {ended.code}{complaint}"


def quoted(argv: Sequence[str]) -> str:
    """The words as a shell would take them, safe to show."""
    return safe_text(shlex.join(argv))


class ProgramScreen(FlowScreen[Ended], ModalScreen[Ended]):
    """Runs a program and shows what it writes; the answer is how it ended. Esc stops it, and closes it then."""

    CSS_PATH: ClassVar[str] = str(Path(__file__).with_name("help.tcss"))
    AUTO_FOCUS: ClassVar[str] = "TextBody"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for("dialog")

    def __init__(self, title: str, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """
        Args:
            title: what is run, safe to show.
        """
        super().__init__()
        self._heading = title
        self._argv = argv
        self._environment = environment or {}
        self._output = Output()
        self._stop = Event()
        self._ended: Ended | None = None
        self._shown = -1
        self._began = time.monotonic()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(id="help-title")
            yield TextBody()

    def on_mount(self) -> None:
        self._head()
        self.set_interval(_LOOK_SECONDS, self._show)
        self.call_after_refresh(self._run)  # as wide as it is then

    @flow(background=True, group="program")
    async def _run(self) -> None:
        room = self.query_one(TextBody).scrollable_content_region.width - _SCROLLBAR
        columns = {"COLUMNS": str(max(20, room)), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
        try:
            self._ended = await self.read(
                run_program, self._argv, {**columns, **self._environment}, self._output, self._stop
            )
        finally:
            self._stop.set()
        self._head()
        self._show()
        self.host.look()  # it may have written into this replica

    def _head(self) -> None:
        how = f"runs · {key_of('dialog.back')} stops it"
        tone = "$foreground-muted"
        if self._ended is not None:
            how = f"{outcome_words(self._ended._replace(complaint=''))} · {key_of('dialog.back')} closes"
            tone = "$text-success" if self._ended.code == 0 else "$text-warning"
        title = self.query_one("#help-title", Static)
        # However long the line is that was run, how it ended is in sight.
        room = max(8, (title.content_size.width or self.size.width // 2) - len(how) - 3)
        title.update(Content.assemble((safe_text(self._heading, room), "bold"), "   ", (how, tone)))

    def _show(self) -> None:
        done = self._ended is not None
        state = self._output.changes * 2 + done
        if state == self._shown:
            return
        self._shown = state
        text, before = self._output.end() if done else self._output.end(_TAIL_BYTES, _TAIL_LINES)
        if self._ended is not None and not text.strip():
            text = self._ended.complaint or "It wrote nothing."
        body = self.query_one(TextBody)
        # What ends at once is read from its beginning, and of what goes on the end is what is new.
        follows = body.scroll_offset.y >= body.max_scroll_y and time.monotonic() - self._began > _FOLLOW_SECONDS
        body.text.flow(partial(_page, text, before, goes_on=not done))
        if follows and not done:
            body.scroll_end(animate=False)

    def action_back(self) -> None:
        """Stop what runs; else close."""
        if self._ended is not None:
            self.dismiss(self._ended)
        else:
            self._stop.set()

    def on_unmount(self) -> None:
        self._stop.set()


def hand_over(argv: Sequence[str], afterwards: Callable[[Ended], None]) -> Ended:
    """Run a program in the foreground of the terminal, which the caller has given back; returns when it has ended.

    What the person types there, Ctrl+C and Ctrl+Z too, is for the program: Ctrl+Z stops both, and fg brings both back.
    A signal that asks the app to end asks the program first. However the program ended, lines can be read then as
    before.

    Args:
        afterwards: is called when it has ended; Ctrl+C, or a signal that asks the app to end, is a KeyboardInterrupt
            there.
    """
    process: subprocess.Popen[bytes] | None = None
    asked: list[int] = []
    is_over = False

    def end(number: int, _: object) -> None:
        asked.append(number)
        if is_over:
            raise KeyboardInterrupt
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    # The loop would take what was meant for the program for its own. A handler, unlike ignoring, is not inherited.
    wakeup = signal.set_wakeup_fd(-1)
    handlers = {signal.SIGINT: _leave_be, signal.SIGQUIT: _leave_be, signal.SIGTERM: end, signal.SIGHUP: end}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with terminal_kept():
            try:
                process = subprocess.Popen(list(argv))  # noqa: S603 - the person's own list of words, after a question
            except (OSError, ValueError) as error:
                ended = Ended(None, _why_not(argv[0], error))
            else:
                for early in asked:
                    process.send_signal(early)
                ended = Ended(_wait(process), "")
        is_over = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            afterwards(ended)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
    for late in asked[:1]:
        signal.raise_signal(late)
    return ended


# How


def _follow(process: subprocess.Popen[bytes], output: Output, stop: Event) -> bytes:
    """Read until it has ended and its output too; gives the beginning of what it wrote to stderr."""
    complaint = b""
    asked = quiet = 0.0
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(_LOOK_SECONDS)
            for picked, _ in ready:
                piece = os.read(picked.fd, 65_536)
                if not piece:
                    selector.unregister(picked.fileobj)
                    continue
                output.add(piece)
                if picked.fileobj is process.stderr and len(complaint) < 1024:
                    complaint += piece
            asked = _ask_to_end(process, asked) if stop.is_set() else asked
            if process.poll() is not None and not ready:
                quiet = quiet or time.monotonic()
                if time.monotonic() - quiet > _LINGER_SECONDS:
                    break  # what it left running holds its output open
    while process.poll() is None:  # it closed its output and goes on
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)
        asked = _ask_to_end(process, asked) if stop.is_set() else asked
    if asked:
        # What a shell began with & takes no Ctrl+C, and would go on without anybody who sees it.
        _kill(process, signal.SIGTERM)
    return complaint


def _ask_to_end(process: subprocess.Popen[bytes], asked: float) -> float:
    """Ask it to end, and end it where it was asked long ago; gives when it was asked."""
    now = time.monotonic()
    if not asked:
        _kill(process, signal.SIGINT)
    elif now - asked > _PATIENCE_SECONDS:
        _kill(process, signal.SIGKILL)
    return asked or now


def _kill(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _wait(process: subprocess.Popen[bytes]) -> int:
    while True:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode
        # The shell waits for us, not for what we run: it must see us stop, and it continues both.
        os.kill(os.getpid(), signal.SIGSTOP)


def _leave_be(number: int, frame: object) -> None:
    """It is for the program."""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _why_not(program: str, error: OSError | ValueError) -> str:
    shown = safe_text(program, 80)
    if isinstance(error, FileNotFoundError):
        return f"there is no program '{shown}' here"
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"'{shown}' cannot be started ({why})"


def _readable(raw: bytes) -> str:
    text = _SEQUENCE.sub("", raw.decode("utf-8", "replace")).replace("\r\n", "\n").expandtabs()
    # What was written over with a carriage return was progress: its last state is what stands there.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return safe_text("\n".join(lines), newlines=True)


def _page(text: str, before: int, width: int, *, goes_on: bool = False) -> Content:
    lines: list[Content] = []
    if before:
        shown = "shown while it runs" if goes_on else "kept"
        lines += paragraph(f"({exact(before)} bytes before this are not {shown})", width, "$foreground-muted")
    for line in text.rstrip("\n").split("\n"):
        lines += paragraph(line, width)
    return stack(lines)
