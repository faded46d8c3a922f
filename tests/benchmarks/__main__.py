"""Measure what users wait for, each figure beside its floor from the same run: `python -m tests.benchmarks [SIZE]`."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.benchmarks import floors
from tests.benchmarks.data import op_lines
from tests.seeds import NOW, make_record
from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError
from tui_registry.sync import publish, pull

_T = TypeVar("_T")
_IMPORTED = 5_000


def main() -> None:
    """Build the data, run every measurement, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", type=int, nargs="?", default=100_000, help="records (default 100,000)")
    size: int = parser.parse_args().size
    lines = op_lines(size)
    work = Path(tempfile.mkdtemp(prefix="tui-registry-bench-"))
    try:
        _run(lines, work)
    finally:
        shutil.rmtree(work)


def _run(lines: list[bytes], work: Path) -> None:
    size = len(lines)
    print(f"{size:,} records, {sum(map(len, lines)) / size:,.0f} bytes an op\n")
    applied, source = _timed(lambda: _apply(work / "source", lines))
    floor = floors.plain_insert(work / "source", work / "floor")
    _row("plain SQLite insert, same rows and index (the floor)", f"{size / floor:,.0f} rows/s", "1.00")
    _row("apply from memory: verified, durable, searchable", f"{size / applied:,.0f} ops/s", f"{floor / applied:.2f}")
    publish(source, work / "log")
    seconds, _ = _pull(work / "from-directory", str(work / "log"))
    _row("pull from a static directory", f"{size / seconds:,.0f} ops/s", f"{floor / seconds:.2f}")
    _pull_over_http(source, lines, work, floor)
    _import(work)
    _open(work)
    _start(work)
    source.close()


def _apply(folder: Path, lines: list[bytes]) -> Datastore:
    datastore = Datastore.open(folder, clock=lambda: NOW)
    report = datastore.apply(lines, source="bench")
    assert report.applied == len(lines), report
    return datastore


def _pull(folder: Path, address: str) -> tuple[float, int]:
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        datastore.add_peer("bench", address)
        seconds, result = _timed(lambda: asyncio.run(pull(datastore, "bench")))
        assert result.ok, result.sentence
        return seconds, result.bytes


def _pull_over_http(source: Datastore, lines: list[bytes], work: Path, floor: float) -> None:
    from tui_registry.node.server import running

    compressed = sum(len(gzip.compress(b"\n".join(lines[i : i + 256]) + b"\n", 6)) for i in range(0, len(lines), 256))
    with running(source) as address:
        seconds, received = _pull(work / "from-node", address.url)
        _row("pull over HTTP, loopback", f"{len(lines) / seconds:,.0f} ops/s", f"{floor / seconds:.2f}")
        _row(
            "bytes on the wire / ops gzipped by tile", f"{received:,} / {compressed:,}", f"{received / compressed:.3f}"
        )


def _import(work: Path) -> None:
    records = [make_record("model", f"imported-{number}") for number in range(_IMPORTED)]
    with Datastore.open(work / "import", clock=lambda: NOW) as datastore:
        address = datastore.address
        seconds, outcomes = _timed(lambda: list(datastore.add_all(("model", record) for record in records)))
        assert not any(isinstance(outcome, RegistryError) for outcome in outcomes), address
    floor = floors.plain_insert(work / "import", work / "import-floor")
    _row("local import, signed (add_all)", f"{_IMPORTED / seconds:,.0f} records/s", f"{floor / seconds:.2f}")


def _open(work: Path) -> None:
    empty, _ = _median(lambda: Datastore.open(work / "import").close())
    opened, _ = _median(lambda: Datastore.open(work / "source").close())
    first, _ = _median(lambda: _first_page(work / "source"))
    _row("open a replica of 5,000 (the floor)", f"{empty * 1000:.1f} ms", "1.00")
    _row("open this replica", f"{opened * 1000:.1f} ms", f"{opened / empty:.2f}")
    _row("open this replica and read the first window", f"{first * 1000:.1f} ms", f"{first / empty:.2f}")


def _first_page(folder: Path) -> None:
    with Datastore.open(folder) as datastore:
        datastore.search(limit=50)


def _start(work: Path) -> None:
    cache = work / "bytecode"
    bare = floors.command("-c", "pass", cache=cache)
    _row("a bare interpreter (the floor)", f"{bare * 1000:.0f} ms", "1.0")
    data = ("--data-dir", str(work / "import"))
    for name, arguments in (
        ("--help", ("--help",)),
        ("list models --json, first of 5,000", (*data, "search", "--json", "--limit", "20", "imported")),
        ("search", (*data, "search", "imported-77")),
        ("stats of peers (peer list)", (*data, "peer", "list")),
    ):
        seconds = floors.command("-m", "tui_registry", *arguments, cache=cache)
        _row(f"tui-registry {name}", f"{seconds * 1000:.0f} ms", f"{seconds / bare:.1f}")


def _timed(work: Callable[[], _T]) -> tuple[float, _T]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _median(work: Callable[[], _T], repeat: int = 9) -> tuple[float, _T]:
    runs = sorted((_timed(work) for _ in range(repeat)), key=lambda run: run[0])
    return runs[repeat // 2]


def _row(what: str, figure: str, ratio: str) -> None:
    print(f"{what:55s} {figure:>28s} {ratio:>8s}")


if __name__ == "__main__":
    main()
