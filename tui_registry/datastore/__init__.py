"""The Datastore: the one door through which everything above it reads and writes the local replica.

It is one class, too long for one file: each file holds a part and inherits the one before it, in this order.

    base.Base           the pool, the clock and the key
    searching.Searching searches, facets, completions
    reading.Reading     rows, records, histories
    writing.Writing     records, drafts and local names
    exchange.Exchange   peers, cursors, ops from elsewhere, the log as others read it
    Datastore           opening and closing, here

`doors` looks at what a program hands in; `undoing` stands on the public methods alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Self

from tui_registry._lazy import lazy_exports
from tui_registry.datastore.base import now
from tui_registry.datastore.doors import expect
from tui_registry.datastore.exchange import Exchange
from tui_registry.replica.connection import Pool
from tui_registry.replica.errors import StoreError
from tui_registry.replica.reports import (
    ApplyReport,
    Cursor,
    Draft,
    Head,
    HistoryEntry,
    Peer,
    Quarantined,
    Rejection,
    VerifyReport,
)
from tui_registry.replica.rows import Entry, Page, Row, Stats

if TYPE_CHECKING:
    from tui_registry.datastore.undoing import Deleted as Deleted
    from tui_registry.datastore.undoing import NothingToUndo as NothingToUndo
    from tui_registry.datastore.undoing import Undo as Undo
    from tui_registry.datastore.undoing import carry_out as carry_out
    from tui_registry.datastore.undoing import plan_undo as plan_undo
    from tui_registry.datastore.undoing import read_deleted as read_deleted
    from tui_registry.replica.arrivals import Arrival as Arrival
    from tui_registry.replica.facets import Facets as Facets
    from tui_registry.replica.operations import Operation as Operation
else:
    # Whoever opens a replica needs the Datastore; what follows is brought when it is asked for. A checker that saw this
    # `__getattr__` would take a misspelt name for one of these.
    __getattr__ = lazy_exports(
        __name__,
        {
            **dict.fromkeys(("Deleted", "NothingToUndo", "Undo", "carry_out", "plan_undo", "read_deleted"), ".undoing"),
            "Arrival": "tui_registry.replica.arrivals",
            "Facets": "tui_registry.replica.facets",
            "Operation": "tui_registry.replica.operations",
        },
    )[0]

__all__ = [
    "ApplyReport",
    "Arrival",
    "Cursor",
    "Datastore",
    "Deleted",
    "Draft",
    "Entry",
    "Facets",
    "Head",
    "HistoryEntry",
    "NothingToUndo",
    "Operation",
    "Page",
    "Peer",
    "Quarantined",
    "Rejection",
    "Row",
    "Stats",
    "StoreError",
    "Undo",
    "VerifyReport",
    "carry_out",
    "plan_undo",
    "read_deleted",
]

DATABASE = "registry.sqlite3"


class Datastore(Exchange):
    """A registry's local replica. Safe to use from any thread, and beside other processes on the same directory.

    Every method may raise `StoreError` (`corrupt`, `locked`, `disk_full`, `read_only`): nothing was written then.
    """

    @classmethod
    def open(cls, data_dir: Path | str | None = None, *, clock: Callable[[], int] = now) -> Self:
        """Open the replica in `data_dir`, making it when there is none. The log is not replayed.

        Args:
            data_dir: None for `$TUI_REGISTRY_DATA_DIR`, or else the user data directory.
            clock: gives Unix seconds.

        Raises:
            StoreError: `not_a_replica`, `newer_schema`, `corrupt`, `read_only`, `unusable`, `locked`, `disk_full`.
            TypeError, ValueError: `data_dir` is no path, or an empty one.
        """
        from tui_registry.durable import make_folder
        from tui_registry.replica.migrations import prepare
        from tui_registry.settings import data_dir as chosen_dir

        expect(data_dir, (str, Path, NoneType), "a data directory is a path")
        folder = chosen_dir(data_dir)
        try:
            if not (folder / DATABASE).exists():
                make_folder(folder)
        except OSError as error:
            raise StoreError("unusable", f"the folder {folder} cannot be made ({error.strerror})") from error
        pool = Pool(folder / DATABASE)
        try:
            prepare(pool)
        except BaseException:
            pool.close()
            raise
        return cls(folder, pool, clock)

    def close(self) -> None:
        """Let go of the database; the Datastore cannot be used afterwards."""
        if self._judges is not None:
            self._judges.close()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
