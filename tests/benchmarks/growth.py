"""What a record more costs the store as it grows: `python -m tests.benchmarks.growth [RECORDS]`.

Fills a replica with all its indexes through the engine's own batches, without the checking of operations, which costs the
same at every size. Prints a Markdown table, a line for each tenth; only the transactions are timed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from itertools import islice
from pathlib import Path

from tests.benchmarks.data import records
from tests.benchmarks.large import unsigned_op, write
from tests.benchmarks.spent import Spent, spent
from tests.seeds import NOW
from tui_registry.datastore import Datastore

_BATCH = 8_192


def main() -> None:
    """Fill and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=int, nargs="?", default=1_000_000)
    with tempfile.TemporaryDirectory(prefix="tui-registry-bench-") as folder:
        _measure(Path(folder), parser.parse_args().records)


def _measure(folder: Path, count: int) -> None:
    print("| records | records/s | CPU us each | bytes each |\n| ---: | ---: | ---: | ---: |")
    done, tenth, took = 0, 1, Spent(0, 0)
    since = 0
    stream = records(count)
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        while batch := [unsigned_op(kind, record) for kind, record in islice(stream, _BATCH)]:
            cost = spent(partial(write, datastore, batch))
            took = Spent(took.seconds + cost.seconds, took.cpu + cost.cpu)
            done += len(batch)
            print(f"\r{done:,} of {count:,}", end="", file=sys.stderr)
            if done >= count * tenth // 10:
                new, size = done - since, _size(datastore)
                print(file=sys.stderr)
                rate, cpu = new / took.seconds, took.cpu / new * 1e6
                print(f"| {done:,} | {rate:,.0f} | {cpu:.0f} | {size / done:,.0f} |", flush=True)
                tenth, took, since = done * 10 // count + 1, Spent(0, 0), done


def _size(datastore: Datastore) -> int:
    """Bytes of the database, whether they still stand in the WAL or not."""
    with datastore._pool.read() as db:
        (pages,), (page,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages) * int(page)


if __name__ == "__main__":
    main()
