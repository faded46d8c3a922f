"""Start and memory of the app: `python -m tests.benchmarks.tui [SIZE ...]`, beside an empty Textual app's.

Each run is a process of its own, headless, ended when its first frame with records has been drawn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.large import large_replica

_EMPTY = """
from textual.app import App
async def leave(pilot):
    await pilot.pause()
    pilot.app.exit()
App().run(headless=True, size=(120, 40), auto_pilot=leave)
"""
_OURS = """
import sys
from tui_registry.datastore import Datastore
from tui_registry.tui import RegistryApp
from tui_registry.tui.widgets.record_list import RecordList
from tui_registry.settings import Settings
async def leave(pilot):
    while not any(found.row for found in pilot.app.screen.query(RecordList)):
        await pilot.pause()
    pilot.app.exit()
with Datastore.open(sys.argv[1]) as datastore:
    RegistryApp(datastore, settings=Settings()).run(headless=True, size=(120, 40), auto_pilot=leave)
"""


def main() -> None:
    """Measure the empty app and ours at every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 1_000_000])
    sizes: list[int] = parser.parse_args().sizes
    with tempfile.TemporaryDirectory(prefix="tui-registry-bench-") as cache:
        floor, memory = _measure(["-c", _EMPTY], Path(cache))
        print(f"{'an empty Textual app (the floor)':40s} {floor * 1000:7.0f} ms  1.00  {memory:6.0f} MB")
        for size in sizes:
            seconds, memory = _measure(["-c", _OURS, str(large_replica(size))], Path(cache))
            print(
                f"{f'first frame, {size:,} records':40s} {seconds * 1000:7.0f} ms  {seconds / floor:.2f}  {memory:6.0f} MB"
            )


def _measure(arguments: Sequence[str], cache: Path, repeat: int = 7) -> tuple[float, float]:
    """Median seconds and peak MB of a process, its bytecode compiled as an installer does."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    times, peaks = [], []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, status
        times.append(time.perf_counter() - began)
        peaks.append(usage.ru_maxrss / 1024)
    return statistics.median(times[1:]), max(peaks[1:])


if __name__ == "__main__":
    main()
