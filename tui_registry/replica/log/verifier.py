"""Judging lines quickly: in this process while they are few, in helper processes while a large pull lasts."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from tui_registry.replica.log.judge import Verdict, judge, receive, send, unpack

# Helpers take a third of a second to start: worth it for more lines than this.
FEW = 3_000
_AT_ONCE = 256
_IDLE_SECONDS = 5.0
_MOST_HELPERS = 8


class Verifier:
    """Judges lines; safe to call from several threads. Helpers start when many lines come and leave when none do."""

    def __init__(self, few: int = FEW, processes: int = 1) -> None:
        """
        Args:
            few: how many lines are judged in this process before helpers are started.
            processes: so many share the cores in judging.
        """
        self._few = few
        self._processes = processes
        self._guard = threading.Lock()
        self._seen = 0.0
        self._used_at = 0.0
        self._busy = 0
        self._helpers: _Helpers | None = None
        self._leaving: threading.Timer | None = None

    def judge(self, lines: Sequence[bytes]) -> list[Verdict]:
        """A verdict for each line (rules 1 to 5), in order."""
        helpers = self._borrow(len(lines))
        if helpers is None:
            return judge(lines)
        try:
            parts = [lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE)]
            return [verdict for part in helpers.map(parts) for verdict in part]
        finally:
            self._give_back()

    def close(self) -> None:
        """Let the helpers go."""
        with self._guard:
            helpers, self._helpers, self._seen = self._helpers, None, 0
            if self._leaving is not None:
                self._leaving.cancel()
                self._leaving = None
        if helpers is not None:
            helpers.close()

    def _borrow(self, count: int) -> _Helpers | None:
        with self._guard:
            self._seen = min(self._seen_lately() + count, 2 * self._few + count)
            self._used_at = time.monotonic()
            cores = (os.cpu_count() or 1) // self._processes
            if self._helpers is None and self._seen > self._few and cores > 1:
                self._helpers = _Helpers(min(cores, _MOST_HELPERS))
            if self._helpers is not None:
                self._busy += 1
            return self._helpers

    def _seen_lately(self) -> float:
        """How many lines came, less as many as one process judges on the side: a handful now and then never starts
        another process, nor keeps one, however long they come."""
        return max(self._seen - (time.monotonic() - self._used_at) * self._few / _IDLE_SECONDS, 0)

    def _give_back(self) -> None:
        with self._guard:
            self._busy -= 1
            self._seen, self._used_at = self._seen_lately(), time.monotonic()
            if self._leaving is None and self._helpers is not None:
                self._wait_for_lull(_IDLE_SECONDS)

    def _wait_for_lull(self, seconds: float) -> None:
        self._leaving = threading.Timer(seconds, self._leave)
        self._leaving.daemon = True
        self._leaving.start()

    def _leave(self) -> None:
        """Helpers that nobody needs hold no memory."""
        with self._guard:
            if self._busy or self._seen_lately() > 0:
                self._wait_for_lull(_IDLE_SECONDS)
                return
            helpers, self._helpers, self._leaving, self._seen = self._helpers, None, None, 0
        if helpers is not None:
            helpers.close()


class _Helpers:
    """Processes that run `judge.main`, each served by a thread of its own while it works."""

    def __init__(self, count: int) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._all = [
            subprocess.Popen(
                # -P: else Python would look for our modules in the current folder first, which anybody may have filled.
                [sys.executable, "-P", "-m", "tui_registry.replica.log.judge"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            for _ in range(count)
        ]
        for process in self._all:
            self._free.put(process)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="verify")

    def map(self, parts: Sequence[Sequence[bytes]]) -> list[list[Verdict]]:
        return list(self._threads.map(self._ask, parts))

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        for process in self._all:
            if process.stdin is not None:
                process.stdin.close()
            if process.stdout is not None:
                process.stdout.close()
            process.wait()

    def _ask(self, lines: Sequence[bytes]) -> list[Verdict]:
        process = self._free.get()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            send(process.stdin, marshal.dumps([*lines]))
            data = receive(process.stdout)
            if data is not None:
                return unpack(data)
        except OSError:
            pass  # the helper is gone: what it was asked is judged here
        finally:
            self._free.put(process)
        return judge(lines)
