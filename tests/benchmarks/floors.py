"""What the same rows cost without any checking, and what starting costs without us: the floors beside each figure."""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tui_registry.datastore import DATABASE, Datastore
from tui_registry.replica.catalogue.derived import (
    KINDS_BY_CODE,
    Vocabulary,
    count_values,
    derive,
    index_words,
    learn,
    vocabulary_of,
)
from tui_registry.replica.store.stored import record_of

_TABLES = ("keys", "ops", "catalogue", "manifests")
_BATCH = 8_192


class Rows(NamedTuple):
    """What a replica stores, batch by batch: rows by table, words by record, and what vocabulary and counts learn."""

    tables: dict[str, list[tuple[object, ...]]]
    texts: list[tuple[int, tuple[str, ...]]]
    known: Vocabulary
    counted: Counter[str]


def rows_of(filled: Path) -> list[Rows]:
    """All that a filled replica stores, ready to be inserted: finding it out is no part of the floor."""
    with closing(sqlite3.connect(filled / DATABASE)) as source:
        tables = {table: source.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in _TABLES}
        derived = [
            (rid, derive(KINDS_BY_CODE[kind], record_of(body) or {}))
            for rid, kind, body in source.execute(
                "SELECT c.rid, c.kind, o.body FROM catalogue c JOIN ops o ON o.idx = c.idx ORDER BY c.rid"
            )
        ]
    batches = []
    for start in range(0, len(tables["ops"]), _BATCH):
        part = derived[start : start + _BATCH]
        known = vocabulary_of(item.words for _, item in part)
        counted = Counter(value for _, item in part for value in item.counted)
        rows = {table: rows[start : start + _BATCH] for table, rows in tables.items()}
        batches.append(Rows(rows, [(rid, item.words) for rid, item in part], known, counted))
    return batches


def plain_insert(batches: Sequence[Rows], empty: Path) -> None:
    """Insert rows and words into an empty replica's tables, a batch to a transaction, as durably as a replica does."""
    Datastore.open(empty).close()
    with closing(sqlite3.connect(empty / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -65536")
        for batch in batches:
            db.execute("BEGIN IMMEDIATE")
            for table, rows in batch.tables.items():
                if rows:
                    db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
            index_words(db, batch.texts)
            learn(db, batch.known)
            count_values(db, batch.counted)
            db.execute("COMMIT")


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
