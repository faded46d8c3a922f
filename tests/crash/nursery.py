"""A process that has loaded everything and forks a child for each run: a start costs milliseconds that way.

Speaks JSON lines: a run's order comes in, how it ended goes out. Started by `Nursery` with the shim preloaded.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Self

from tests.replica.programs import ROOT
from tui_registry.errors import RegistryError
from tui_registry.settings import STATE_DIR_VARIABLE

KILLED = -signal.SIGKILL
ENDED_BY_SHIM = 137
REFUSED = 3


class Run(NamedTuple):
    """How a program ended: its exit code (negative: the signal), and how long it took in seconds."""

    status: int
    seconds: float


class Nursery:
    """The test's end of it."""

    def __init__(self, shim: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery"],
            cwd=ROOT,
            env={**os.environ, "LD_PRELOAD": str(shim)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def prepare(self, program: str, base: Path) -> None:
        """Make what the program begins with in `base`."""
        assert self._asked({"program": program, "prepare": str(base)}).status == 0

    def run(
        self,
        program: str,
        home: Path,
        journal: Path,
        *,
        at: int = 0,
        after: float | None = None,
        twist: str = "",
        full: bool = False,
    ) -> Run:
        """Run a program on `home`, with a journal of what it does.

        Args:
            at: end it before its so-manieth change of a file; 0 for never.
            full: let it live on, but on a disk without room. A declared error then ends it with REFUSED, and is the
                last that it says.
            after: `kill -9` it after so many seconds, unless it has ended by then.
            twist: see `programs.twist`.
        """
        order = {"program": program, "home": str(home), "journal": str(journal), "at": at, "after": after}
        return self._asked({**order, "twist": twist, "full": full})

    def _asked(self, order: dict[str, object]) -> Run:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Run(*json.loads(self._process.stdout.readline()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


# The other end

# What programs import when they come to it: here it is once for all of them.
_LATE = (
    "platform",
    "uuid",
    "tui_registry.fit",
    "tui_registry.records.as_written",
    "tui_registry.records.authoring",
    "tui_registry.records.manifests",
    "tui_registry.records.merging",
    "tui_registry.replica.log.imported",
    "tui_registry.replica.log.local",
    "tui_registry.replica.log.behind_records",
)


def _serve() -> None:
    # Before anything has read it: small logs then have several tiles.
    from tui_registry.sync import bounds

    bounds.TILE_OPS = 8
    from tests.crash import programs

    assert programs.TILE_OPS == bounds.TILE_OPS
    for module in _LATE:
        import_module(module)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for line in sys.stdin:
        order = json.loads(line)
        # The end of an earlier child must not be taken for this one's.
        while signal.sigtimedwait({signal.SIGCHLD}, 0) is not None:
            pass
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _live(order)
        if order.get("after") is not None:
            signal.sigtimedwait({signal.SIGCHLD}, order["after"])
            os.kill(child, signal.SIGKILL)  # a child that has ended already does not mind
        _, status = os.waitpid(child, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - began]), flush=True)  # noqa: T201


def _live(order: dict[str, str]) -> None:
    from tests.crash import programs

    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        # The mark is interrupted as well, and put back to what it was with everything else.
        home = Path(order["home"]) if "home" in order else Path(order["prepare"]) / "home"
        os.environ[STATE_DIR_VARIABLE] = str(home / "state")
        if "prepare" in order:
            programs.prepare(order["program"], Path(order["prepare"]))
            os._exit(0)
        if order["twist"]:
            programs.twist(order["twist"])
        shim = ctypes.CDLL(None)
        shim.crash_arm(
            order["home"].encode(), order["journal"].encode(), ctypes.c_long(int(order["at"])), int(order["full"])
        )
        try:
            programs.PROGRAMS[order["program"]](Path(order["home"]), lambda text: shim.crash_say(text.encode()))
        except RegistryError as error:
            shim.crash_say(f"refused {error.code}: {error.sentence}".encode())
            os._exit(REFUSED)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    _serve()
