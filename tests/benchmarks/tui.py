"""The app as a person meets it, in a real terminal: `python -m tests.benchmarks.tui [SIZE ...]` prints a Markdown table.

The first frame is there with the first bytes on the terminal that hold the name of a record; that of an empty Textual
app, the floor, with the last line of its screen. Runs of both take turns, so that what else the machine does meets both;
figures are medians. The processor's time tells more than the clock's on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.large import large_replica
from tests.benchmarks.terminal import Terminal
from tui_registry.datastore import Datastore, Row

_COLUMNS, _ROWS = 160, 50
_EMPTY = "from textual.app import App; App().run()"
# Of each name so much is looked for as the list shows in that width.
_SHOWN = 30
_PAGE_DOWN = b"\x1b[6~"
_HELD_SECONDS, _REPEATS_A_SECOND = 5.0, 30


class Start(NamedTuple):
    """The first frame: seconds by the clock and of the processor, MB."""

    wall: float
    cpu: float
    memory: float


class Held(NamedTuple):
    """Page down held: keys sent, writes of the app, the longest wait between two of them and the wait after the last key
    until its page was shown (seconds), the processor's share, MB at the most."""

    keys: int
    writes: int
    worst_gap: float
    lag: float
    share: float
    memory: float


def main() -> None:
    """Measure the empty app and ours at every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=15, help="of each, after one that does not count (default 15)")
    options = parser.parse_args()
    print(f"A terminal of {_COLUMNS} x {_ROWS}, medians of {options.runs} runs.\n")
    print(
        "| records | first frame | CPU until then | MB | page down held 5 s: pages | writes | worst gap | lag | CPU | MB |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with _environment() as environment:
        for size in options.sizes:
            folder = large_replica(size)
            floor, ours = _starts(folder, environment, options.runs)
            held = _hold_page_down(folder, environment)
            print(f"| an empty app | {_ms(floor.wall)} | {_ms(floor.cpu)} | {floor.memory:.0f} | | | | | | |")
            print(
                f"| {size:,} | {_ms(ours.wall)} ({ours.wall / floor.wall:.2f}) "
                f"| {_ms(ours.cpu)} ({ours.cpu / floor.cpu:.2f}) | {ours.memory:.0f} "
                f"| {held.keys} | {held.writes} | {_ms(held.worst_gap)} | {_ms(held.lag)} "
                f"| {held.share:.0%} | {held.memory:.0f} |"
            )


def _starts(folder: Path, environment: Mapping[str, str], runs: int) -> tuple[Start, Start]:
    with Datastore.open(folder) as datastore:
        (first,) = datastore.search(limit=1).rows
    floors, ours = [], []
    for _ in range(runs + 1):
        floors.append(_start(["-c", _EMPTY], f"\x1b[{_ROWS};1H".encode(), environment))
        ours.append(_start(_command(folder), _name(first), environment))
    return _median(floors[1:]), _median(ours[1:])


def _start(arguments: Sequence[str], text: bytes, environment: Mapping[str, str]) -> Start:
    with Terminal([sys.executable, *arguments], environment, _COLUMNS, _ROWS) as terminal:
        seconds = terminal.wait_for(text)
        return Start(seconds, *terminal.end())


def _hold_page_down(folder: Path, environment: Mapping[str, str]) -> Held:
    keys = int(_HELD_SECONDS * _REPEATS_A_SECOND)
    with Datastore.open(folder) as datastore:
        first, last = _row_at(datastore, 0), _row_at(datastore, keys * _page(environment, folder))
    with Terminal([sys.executable, *_command(folder)], environment, _COLUMNS, _ROWS) as terminal:
        terminal.wait_for(_name(first))
        while terminal.read(1.0):
            pass  # the detail comes after the first frame
        terminal.forget()
        began, cpu = time.perf_counter(), terminal.cpu()
        for number in range(keys):
            terminal.press(_PAGE_DOWN)
            due = began + (number + 1) / _REPEATS_A_SECOND
            while (left := due - time.perf_counter()) > 0:
                terminal.read(left)
        released = time.perf_counter()
        terminal.wait_for(_name(last))
        shown = terminal.writes[-1]
        share = (terminal.cpu() - cpu) / (shown - began)
        gaps = [later - earlier for earlier, later in pairwise([began, *terminal.writes])]
        return Held(keys, len(terminal.writes), max(gaps), max(0.0, shown - released), share, terminal.end().memory)


def _page(environment: Mapping[str, str], folder: Path) -> int:
    """Records on a page: what the second page begins with tells how long the first is."""
    with Datastore.open(folder) as datastore:
        rows = datastore.search(limit=_ROWS).rows
    with Terminal([sys.executable, *_command(folder)], environment, _COLUMNS, _ROWS) as terminal:
        terminal.wait_for(_name(rows[0]))
        shown = 0
        while terminal.read(1.0):
            pass
        for row in rows:
            shown += terminal.has_seen(_name(row))
        return shown


def _row_at(datastore: Datastore, place: int) -> Row:
    cursor = None
    for _ in range(place // 1000):
        cursor = datastore.search(limit=1000, cursor=cursor).next
    return datastore.search(limit=place % 1000 + 1, cursor=cursor).rows[-1]


def _command(folder: Path) -> list[str]:
    return ["-m", "tui_registry", "--data-dir", str(folder)]


def _name(row: Row) -> bytes:
    return row.name[:_SHOWN].encode()


def _median(starts: Sequence[Start]) -> Start:
    return Start(*map(statistics.median, zip(*starts, strict=True)))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


@contextmanager
def _environment() -> Iterator[dict[str, str]]:
    """A terminal's, with no settings of the person's own, and bytecode as an installer compiles it."""
    with tempfile.TemporaryDirectory(prefix="tui-registry-bench-") as folder:
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPYCACHEPREFIX": f"{folder}/bytecode",
            "XDG_CONFIG_HOME": f"{folder}/settings",
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield environment


if __name__ == "__main__":
    main()
