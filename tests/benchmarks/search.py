"""Search at 10^4, 10^5 and 10^6 records: `python -m tests.benchmarks.search [SIZE ...]`. Figures in milliseconds.

A keystroke is a search as the app asks it: one window of 60 rows and the count. Beside it stands what plain FTS5 takes for
the same words ordered by its own rank, in the same run.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from tests.benchmarks.data import words
from tests.benchmarks.large import large_replica
from tests.seeds import NOW
from tui_registry.datastore import DATABASE, Datastore

_WINDOW = 60
_FILTERS = ("license:mit", "params:<=8b", "tag:chat", "kind:agent", "quant:gguf tag:code", "params:<20m", "-tag:chat")


def main() -> None:
    """Measure every size, print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    sizes: list[int] = parser.parse_args().sizes
    for size in sizes:
        _measure(large_replica(size), size)


def _measure(folder: Path, size: int) -> None:
    print(f"\n{size:,} records")
    asked = _keystrokes()
    opened = [_timed(lambda: Datastore.open(folder).close()) for _ in range(9)]
    _row("open", opened)
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        _row("first window of all records", [_timed(lambda: datastore.search(limit=_WINDOW)) for _ in range(9)])
        plain = [text for text in asked if not any(term in text for term in _FILTERS)]
        _row("keystroke: words", _each(datastore, plain))
        _row("keystroke: words and filters", _each(datastore, [text for text in asked if text not in plain]))
        _row("keystroke: filters alone", _each(datastore, _FILTERS))
        _row("sort: by another column", _each(datastore, [f"{text} sort:name" for text in plain[::7]]))
        _row("facets", [_timed(lambda text=text: datastore.facets(text)) for text in ("", *plain[::9], *_FILTERS)])
        _row("page down, 100 windows", _pages(datastore))
        _row("last window (G)", [_timed(lambda: datastore.search(limit=_WINDOW, backwards=True)) for _ in range(9)])
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        _row(
            "floor: FTS5 alone, MATCH ORDER BY rank",
            [_timed(lambda text=text: _naive(db, text)) for text in plain[::9]],
        )


def _keystrokes() -> list[str]:
    """Words as they are typed, letter by letter, common and rare, with and without a filter."""
    typed: list[str] = []
    for number, word in enumerate(dict.fromkeys(islice(words(400, 7), 60))):
        typed += [word[:length] for length in range(1, len(word) + 1)]
        typed += [f"{word} {_FILTERS[number % len(_FILTERS)]}"]
    return typed


def _each(datastore: Datastore, texts: Sequence[str]) -> list[float]:
    return [_timed(lambda text=text: datastore.search(text, limit=_WINDOW)) for text in texts]


def _pages(datastore: Datastore) -> list[float]:
    times = []
    cursor = None
    for _ in range(100):
        began = time.perf_counter()
        page = datastore.search(limit=_WINDOW, cursor=cursor)
        times.append(time.perf_counter() - began)
        cursor = page.next
        if cursor is None:
            break
    return times


def _naive(db: sqlite3.Connection, text: str) -> None:
    statement = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"
    db.execute(statement, (f'"{text}" *', _WINDOW)).fetchall()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _row(what: str, times: Sequence[float]) -> None:
    ordered = sorted(times)
    p50, p95 = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 for part in (0.5, 0.95))
    print(f"  {what:42s} n={len(ordered):4d}  p50 {p50:8.1f}  p95 {p95:8.1f}  worst {ordered[-1] * 1000:8.1f}")


if __name__ == "__main__":
    main()
