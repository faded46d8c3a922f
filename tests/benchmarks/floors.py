"""What the same rows cost without any checking, and what starting costs without us: the floors beside each figure."""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from tui_registry.datastore import DATABASE, Datastore
from tui_registry.replica.columns import KINDS_BY_CODE, word_values
from tui_registry.replica.derived import index_words
from tui_registry.replica.stored import record_of

_TABLES = ("keys", "ops", "catalogue")
_BATCH = 8_192


def plain_insert(filled: Path, empty: Path) -> float:
    """Seconds to insert the rows and words of a filled replica into an empty one's tables, a batch to a transaction."""
    with closing(sqlite3.connect(filled / DATABASE)) as source:
        rows = {table: source.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in _TABLES}
        texts = [
            (rid, word_values(KINDS_BY_CODE[kind], record_of(body) or {}))
            for rid, kind, body in source.execute(
                "SELECT c.rid, c.kind, o.body FROM catalogue c JOIN ops o ON o.idx = c.idx ORDER BY c.rid"
            )
        ]
    Datastore.open(empty).close()
    with closing(sqlite3.connect(empty / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -65536")
        began = time.perf_counter()
        for start in range(0, len(rows["ops"]), _BATCH):
            db.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                part = rows[table][start : start + _BATCH]
                if part:
                    db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(part[0]))})", part)
            index_words(db, texts[start : start + _BATCH])
            db.execute("COMMIT")
        return time.perf_counter() - began


def command(*arguments: str, cache: Path, repeat: int = 9) -> float:
    """The median seconds of running this Python with these arguments, its bytecode compiled as an installer does."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    times = []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])
