"""Search at 10^4, 10^5 and 10^6 records: `python -m tests.benchmarks.search [SIZE ...]` prints one Markdown table.

A keystroke is a search as the app asks it: one window of 60 rows and the count. The floors, taken in the same run, are
what plain FTS5 needs for the words alone: in the order of rowids, the cheapest there is, and in the order of its rank.
Cells are the median, the 95th percentile and the worst, in milliseconds; `--cpu` counts the time of the processor, which
says more while other programs run.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.keystrokes import keystrokes, of_manifests
from tests.benchmarks.large import large_replica
from tests.seeds import NOW
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.fit import GB, Gpu, Machine

_WINDOW = 60
_PAGES = 500
_REPEATS = 9
_clock = time.perf_counter
_T = TypeVar("_T")

# What was measured -> times in seconds.
Figures = dict[str, list[float]]


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--cpu", action="store_true", help="processor time of the asking thread instead of wall time")
    parser.add_argument("--manifests", action="store_true", help="a tenth of the records is deprecated or withdrawn")
    args = parser.parse_args()
    if args.cpu:
        global _clock
        _clock = time.thread_time
    sizes: list[int] = args.sizes
    folders = [large_replica(size, manifests=args.manifests) for size in sizes]
    asked = (of_manifests() if args.manifests else {}) | keystrokes()
    measured = [_measure(folder, asked) for folder in folders]
    print(_table(sizes, measured))
    memory = [_memory(f"from tests.benchmarks.search import read; read({str(folder)!r})") for folder in folders]
    print(f"\nMost memory of a process that reads, MB: {', '.join(memory)}; of a bare interpreter: {_memory('')}")


def _measure(folder: Path, asked: dict[str, list[str]]) -> Figures:
    words = asked["a word, letter by letter"][::3]
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        db.execute("PRAGMA cache_size = -8192")
        found = {
            "floor: FTS5 in the order of rowids": _each(words, lambda word: _plain(db, word, "rowid DESC")),
            "floor: FTS5 in the order of its rank": _each(words[::3], lambda word: _plain(db, word, "rank")),
        }
    found["open"] = _each(range(_REPEATS), lambda _: Datastore.open(folder).close())
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        datastore.machine = _machine
        searches = {
            f"keystroke: {what}": _each(texts, lambda text: datastore.search(text, limit=_WINDOW))
            for what, texts in asked.items()
        }
        found |= searches
        found["**all keystrokes**"] = [seconds for times in searches.values() for seconds in times]
        every_third = [text for texts in asked.values() for text in texts[::3]]
        found["facets, after the results"] = _each(every_third, datastore.facets)
        found["first window of all records"] = _each(range(_REPEATS), lambda _: datastore.search(limit=_WINDOW))
        found["last window of all records"] = _each(
            range(_REPEATS), lambda _: datastore.search(limit=_WINDOW, backwards=True)
        )
        common = words[0]
        for what, text, backwards in (
            (f"page down {_PAGES} times: all records", "", False),
            (f"page up {_PAGES} times from the end", "", True),
            (f"page down {_PAGES} times: a common word", common, False),
            (f"page down {_PAGES} times: sort:name", f"{common} tag:chat sort:name", False),
        ):
            found[what] = _pages(datastore, text, backwards)
    return found


def _machine() -> Machine:
    return Machine("", (Gpu("", 12 * GB),), 24 * GB)


def _plain(db: sqlite3.Connection, word: str, order: str) -> None:
    statement = f"SELECT rowid FROM words WHERE words MATCH ? ORDER BY {order} LIMIT ?"
    db.execute(statement, (f'"{word}" *', _WINDOW)).fetchall()


def _pages(datastore: Datastore, text: str, backwards: bool) -> list[float]:
    cursor: str | None = None
    times = []
    for _ in range(_PAGES):
        began = _clock()
        page = datastore.search(text, limit=_WINDOW, cursor=cursor, backwards=backwards)
        times.append(_clock() - began)
        cursor = page.next
        if cursor is None:
            break
    return times


def _each(items: Iterable[_T], work: Callable[[_T], object]) -> list[float]:
    times = []
    for item in items:
        began = _clock()
        work(item)
        times.append(_clock() - began)
    return times


def read(folder: str) -> None:
    """Searches and facets of every kind: what a process does whose memory is measured."""
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        datastore.machine = _machine
        for texts in keystrokes().values():
            for text in texts[::8]:
                datastore.search(text, limit=_WINDOW)
                datastore.facets(text)


def _memory(code: str) -> str:
    """The most MB that a process held at a time, as Linux tells it (`ru_maxrss` would begin with this process's own)."""
    tell = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], check=True, capture_output=True, text=True)
    return f"{int(done.stdout) / 1024:.0f}"


def _table(sizes: Sequence[int], measured: Sequence[Figures]) -> str:
    lines = [
        f"| ms: p50 / p95 / worst | n | {' | '.join(f'{size:,} records' for size in sizes)} | growth of p95 |",
        f"| --- | ---: | {'---: | ' * len(sizes)}---: |",
    ]
    for what in measured[0]:
        times = [figures[what] for figures in measured]
        growth = _parts(times[-1])[1] / _parts(times[0])[1]
        cells = [" / ".join(f"{part * 1000:.1f}" for part in _parts(one)) for one in times]
        lines.append(f"| {what} | {len(times[-1])} | {' | '.join(cells)} | {growth:.1f} |")
    for floor in ("floor: FTS5 in the order of rowids", "floor: FTS5 in the order of its rank"):
        pairs = [
            (_parts(figures["keystroke: a word, letter by letter"]), _parts(figures[floor])) for figures in measured
        ]
        ratios = [" / ".join(f"{ours / theirs:.2f}" for ours, theirs in zip(*pair, strict=True)) for pair in pairs]
        lines.append(f"| a word, letter by letter / {floor.removeprefix('floor: ')} | | {' | '.join(ratios)} | |")
    return "\n".join(lines)


def _parts(times: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(times)
    p50, p95 = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95))
    return p50, p95, ordered[-1]


if __name__ == "__main__":
    main()
