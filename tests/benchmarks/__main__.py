"""Measure what users wait for, each figure beside its floor from the same run: `python -m tests.benchmarks [SIZE ...]`.

Prints a Markdown table for each size. CPU is what all processes together spent, which other work on the machine hardly
changes; the rest is by the clock. How the store's cost grows beyond these sizes: `python -m tests.benchmarks.growth`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import gzip
import json
import os
import shutil
import sqlite3
import tempfile
import threading
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.benchmarks import floors
from tests.benchmarks.data import op_lines
from tests.benchmarks.spent import Spent, median, spent
from tests.seeds import NOW, make_record
from tui_registry.crdt import parse_op
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.errors import RegistryError
from tui_registry.replica.log.kept_set import forget_sets, keep
from tui_registry.replica.store.tables import MOST_BEHIND
from tui_registry.settings import STATE_DIR_VARIABLE
from tui_registry.sync import Bounds, publish, pull

_IMPORTED = 10_000


def main() -> None:
    """Build the data, run every measurement, print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000], help="records (10000 100000)")
    parser.add_argument(
        "--manifests", type=int, default=0, metavar="PERCENT", help="so many of the operations are manifests (0 to 50)"
    )
    wanted = parser.parse_args()
    sizes: list[int] = wanted.sizes
    for size in sizes:
        lines = op_lines(size, wanted.manifests)
        work = Path(tempfile.mkdtemp(prefix="tui-registry-bench-"))
        os.environ[STATE_DIR_VARIABLE] = str(work / "state")
        try:
            _run(lines, work)
        finally:
            shutil.rmtree(work)


def _run(lines: list[bytes], work: Path) -> None:
    size = len(lines)
    manifests = sum(line.startswith(b'{"Manifest"') for line in lines)
    behind = f", {manifests:,} of them manifests" if manifests else ""
    print(f"\n{size:,} operations{behind}, {sum(map(len, lines)) / size:,.0f} bytes an op\n")
    _row("what", "figure", "CPU", "of its floor")
    _row("---", "---:", "---:", "---:")
    applied = spent(lambda: _apply(work / "source", lines))
    batches = floors.rows_of(work / "source")
    gc.freeze()  # what is only held for the floors must not be searched for rubbish while others are measured
    floor = spent(lambda: floors.plain_insert(batches, work / "floor-1"))
    _rate("the same rows and indexes into plain SQLite (the floor)", "rows", size, floor, floor)
    _rate("apply from memory: verified, durable, searchable", "ops", size, applied, floor)
    if size > MOST_BEHIND:  # of a smaller log nothing is kept, as whoever asks reckons it
        kept = _kept(work / "source")
        _rate("of it: set hash, symbols and root kept (budget: 20 us of CPU each)", "ops", size, kept, floor)
    with Datastore.open(work / "source", clock=lambda: NOW) as source:
        publish(source, work / "log")
        pulled, _ = _pull(work / "from-directory", str(work / "log"))
        floor = spent(lambda: floors.plain_insert(batches, work / "floor-2"))
        _rate("pull from a static directory", "ops", size, pulled, floor)
        _pull_over_http(source, lines, work, floor)
        _polls(source, work)
    _import(work)
    _open(work)
    _start(work)


def _apply(folder: Path, lines: list[bytes]) -> None:
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        report = datastore.apply(lines, source="bench")
    assert report.applied == len(lines), report


def _kept(folder: Path) -> Spent:
    """What it cost to keep what the log is as a set, batch by batch."""
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as db:
        hashes = [digest for (digest,) in db.execute("SELECT hash FROM ops ORDER BY idx")]
        db.execute("BEGIN IMMEDIATE")
        forget_sets(db)

        def work() -> None:
            kept = 0
            for start in range(0, len(hashes), Bounds().batch_ops):
                kept = keep(db, kept, start, hashes[start : start + Bounds().batch_ops])

        took = spent(work)
        db.execute("ROLLBACK")
    return took


def _pull(folder: Path, address: str) -> tuple[Spent, int]:
    received = 0

    def work() -> None:
        nonlocal received
        with Datastore.open(folder, clock=lambda: NOW) as datastore:
            datastore.peers.add("bench", address)
            result = asyncio.run(pull(datastore, "bench"))
            assert result.ok, result.sentence
            received = result.bytes

    return spent(work), received


def _pull_over_http(source: Datastore, lines: list[bytes], work: Path, floor: Spent) -> None:
    from tui_registry.node.server import running

    compressed = sum(len(gzip.compress(b"\n".join(lines[i : i + 256]) + b"\n", 6)) for i in range(0, len(lines), 256))
    with running(source) as address:
        pulled, received = _pull(work / "from-node", address.url)
        _rate("pull over HTTP, loopback (the node's share included)", "ops", len(lines), pulled, floor)
        _row(
            "bytes on the wire / ops gzipped by tile",
            f"{received:,} / {compressed:,}",
            "",
            f"{received / compressed:.3f}",
        )


def _polls(source: Datastore, work: Path) -> None:
    """What it costs to look at a published log in which nothing is new, of the replica that has read it: bytes of
    bodies and requests. The last row is what an old head cost that was taken for another log."""
    asked = 0

    class Counting(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            nonlocal asked
            asked += 1

    head = work / "log" / "sync" / "head"
    files = head.parent / source.log.head().epoch / "entries"
    said = json.loads(head.read_bytes())
    # Nobody signed the head that is made here, which tells no more than those of 0.1 do.
    said.pop("sig")
    last = source.log.lines(said["size"] - 100, said["size"])
    old = {name: said[name] for name in ("epoch", "node", "fingerprint")} | {"size": said["size"] - 100}
    old["fingerprint"] = f"{(int(said['fingerprint'], 16) - sum(map(_hash_of, last))) % 2**256:064x}"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Counting, directory=str(work / "log"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Datastore.open(work / "from-directory", clock=lambda: NOW) as here:
            here.peers.remove("bench")
            here.peers.add("bench", f"http://127.0.0.1:{server.server_port}")
            for what, told in (("first pull", said), ("nothing new", said), ("an older head, as from a cache", old)):
                head.write_text(json.dumps(told))
                asked = 0
                result = asyncio.run(pull(here, "bench"))
                assert result.ok, result.sentence
                _row(f"published log: {what}", f"{result.bytes:,} bytes, {asked} requests", "", "")
        server.shutdown()
    tiles = sum(file.stat().st_size for file in files.iterdir())
    _row("published log: all its tiles", f"{tiles:,} bytes", "", "")


def _hash_of(line: bytes) -> int:
    return int(parse_op(line).hash, 16)


def _import(work: Path) -> None:
    records = [make_record("model", f"imported-{number}") for number in range(_IMPORTED)]

    def add() -> None:
        with Datastore.open(work / "import", clock=lambda: NOW) as datastore:
            outcomes = list(datastore.add_all(("model", record) for record in records))
        assert not any(isinstance(outcome, RegistryError) for outcome in outcomes)

    added = spent(add)
    batches = floors.rows_of(work / "import")
    floor = spent(lambda: floors.plain_insert(batches, work / "import-floor"))
    _rate(f"the same {_IMPORTED:,} rows into plain SQLite (the floor)", "rows", _IMPORTED, floor, floor)
    _rate("local import, checked and signed (add_all)", "records", _IMPORTED, added, floor)


def _open(work: Path) -> None:
    empty = median(lambda: Datastore.open(work / "import").close())
    opened = median(lambda: Datastore.open(work / "source").close())
    first = median(lambda: _first_page(work / "source"))
    _row(f"open a replica of {_IMPORTED:,} (the floor)", f"{empty * 1000:.1f} ms", "", "1.00")
    _row("open this replica", f"{opened * 1000:.1f} ms", "", f"{opened / empty:.2f}")
    _row("open this replica and read the first window", f"{first * 1000:.1f} ms", "", f"{first / empty:.2f}")


def _first_page(folder: Path) -> None:
    with Datastore.open(folder) as datastore:
        datastore.search(limit=50)


def _start(work: Path) -> None:
    cache = work / "bytecode"
    bare = floors.command("-c", "pass", cache=cache)
    _row("a bare interpreter (the floor)", f"{bare * 1000:.0f} ms", "", "1.0")
    data = ("--data-dir", str(work / "import"))
    for name, arguments in (
        ("--help", ("--help",)),
        ("list models --json, first of 10,000", (*data, "search", "--json", "--limit", "20", "imported")),
        ("search", (*data, "search", "imported-77")),
        ("stats of peers (peer list)", (*data, "peer", "list")),
    ):
        seconds = floors.command("-m", "tui_registry", *arguments, cache=cache)
        _row(f"tui-registry {name}", f"{seconds * 1000:.0f} ms", "", f"{seconds / bare:.1f}")


def _rate(what: str, unit: str, count: int, took: Spent, floor: Spent) -> None:
    cpu = f"{took.cpu / count * 1e6:.0f} us each"
    _row(what, f"{count / took.seconds:,.0f} {unit}/s", cpu, f"{floor.seconds / took.seconds:.2f}")


def _row(what: str, figure: str, cpu: str, ratio: str) -> None:
    print(f"| {what} | {figure} | {cpu} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
