"""A replica's database without files and threads: a hundred thousand schedules are not about the disk.

The schema, the statements and all that runs them are the product's own; `tests/crash` is about files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from tui_registry.replica.store.connection import Pool

P = ParamSpec("P")
T = TypeVar("T")

# Where a database says which journal it keeps: no WAL in memory.
_JOURNAL = slice(18, 20)


class MemoryPool(Pool):
    """The pool's promises on one connection, which nobody else uses meanwhile."""

    def __init__(self, image: bytes) -> None:
        super().__init__(Path("memory"))
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=512)
        self._db.deserialize(image[: _JOURNAL.start] + b"\1\1" + image[_JOURNAL.stop :])

    def image(self) -> bytes:
        """The database's bytes."""
        return self._db.serialize()

    @contextmanager
    def read(
        self, seconds: float | None = None, unwanted: Callable[[], bool] | None = None
    ) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN")
        try:
            yield self._db
        finally:
            self._db.rollback()

    @contextmanager
    def write(self, *, bulk: bool = False) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            self._db.rollback()
            raise

    def close(self) -> None:
        self._db.close()


class Here:
    """An executor that does what it is given at once."""

    def __init__(self, workers: int) -> None: ...

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(work(*args, **kwargs))
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


async def here(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `in_thread` does, without a thread."""
    return work(*args, **kwargs)
