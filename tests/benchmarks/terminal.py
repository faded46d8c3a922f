"""A terminal to measure in: a process on a pty, what it writes and when, what it takes of the processor and of memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_PATIENCE_SECONDS = 60.0


class Usage(NamedTuple):
    """What a process took until it was ended: CPU seconds (its own and the system's for it), peak memory in MB."""

    cpu: float
    memory: float


class Terminal:
    """A process on a terminal of `columns` by `rows`; leaving the context ends it.

    Attributes:
        started: when it was started, as `time.perf_counter` counts.
        writes: when something was read from it.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], columns: int, rows: int) -> None:
        self.started = time.perf_counter()
        self.writes: list[float] = []
        self._seen = bytearray()
        self._usage: Usage | None = None
        # These would speak louder than the terminal itself, and readline sets them in whatever process loads it.
        told = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self._pid, self._pty = os.forkpty()
        if self._pid == 0:
            _set_size(0, columns, rows)
            os.execve(arguments[0], list(arguments), told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def wait_for(self, text: bytes) -> float:
        """Seconds from the start until it has written this.

        Raises:
            TimeoutError: it has not in a minute, or has ended.
        """
        until = time.perf_counter() + _PATIENCE_SECONDS
        while not self.has_seen(text):
            if not self.read(until - time.perf_counter()):
                raise TimeoutError(f"{text!r} never came; the last was {bytes(self._seen[-400:])!r}")
        return self.writes[-1] - self.started

    @property
    def seen(self) -> bytes:
        """All that it has written since `forget`."""
        return bytes(self._seen)

    def has_seen(self, text: bytes) -> bool:
        """Whether it has written this since `forget`."""
        return text in self._seen

    def forget(self) -> None:
        """Look only at what comes from now on."""
        self._seen.clear()
        self.writes.clear()

    def read(self, seconds: float) -> bool:
        """Read what it writes within so many seconds, once; False when that is nothing."""
        ready, _, _ = select.select([self._pty], [], [], max(0.0, seconds))
        chunk = b""
        if ready:
            with contextlib.suppress(OSError):  # Linux says so when the other side has closed
                chunk = os.read(self._pty, 1 << 16)
        if chunk:
            self.writes.append(time.perf_counter())
            self._seen += chunk
        return bool(chunk)

    def press(self, key: bytes) -> None:
        """Send what a terminal sends for a key."""
        os.write(self._pty, key)

    def send(self, number: int) -> None:
        """Send a signal to the processes in front."""
        os.killpg(os.tcgetpgrp(self._pty), number)

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal as big as that."""
        _set_size(self._pty, columns, rows)

    def settings(self) -> list[int]:
        """How the terminal treats what is typed and written, as `stty` shows it."""
        flags: list[int] = termios.tcgetattr(self._pty)[:4]
        return flags

    def wait(self) -> int:
        """Read on until it has ended; its exit code, or the signal that it died of below zero."""
        while self.read(_PATIENCE_SECONDS):
            pass
        # Left to `end`, which also closes the terminal: its settings can still be asked for.
        seen = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        assert seen is not None
        return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status

    def cpu(self) -> float:
        """CPU seconds so far, in clock ticks."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> Usage:
        """End it, and say what it took."""
        if self._usage is None:
            os.kill(self._pid, signal.SIGKILL)
            _, _, usage = os.wait4(self._pid, 0)
            os.close(self._pty)
            self._usage = Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
        return self._usage


def _set_size(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
