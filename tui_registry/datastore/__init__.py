"""The Datastore: the one door through which everything above it reads and writes the local replica."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tui_registry.datastore.base import now
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
    # Values that callers are given and only name: their modules are loaded by what makes them.
    from tui_registry.replica.arrivals import Arrival as Arrival
    from tui_registry.replica.facets import Facets as Facets
    from tui_registry.replica.operations import Operation as Operation

__all__ = [
    "ApplyReport",
    "Cursor",
    "Datastore",
    "Draft",
    "Entry",
    "Head",
    "HistoryEntry",
    "Page",
    "Peer",
    "Quarantined",
    "Rejection",
    "Row",
    "Stats",
    "StoreError",
    "VerifyReport",
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
        """
        from tui_registry.replica.folders import make_folder
        from tui_registry.replica.migrations import prepare
        from tui_registry.settings import data_dir as chosen_dir

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
