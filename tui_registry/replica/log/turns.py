"""Appending to the log: one place that everything goes through which does.

A replica alone appends within an ordinary transaction. Where several replicas share one log (`log.shared_log`), each
that wants to append takes a turn. Locks have one order, and nobody waits for SQLite's writer who holds the shared log:

1. what comes is verified before, and the view follows to nearly the shared log's end;
2. SQLite's writer is taken, and then
3. the shared log is locked;
4. its epoch, rules and chain must fit the view, which appends what it misses;
5. the ordinary local transaction runs: what depends on the records as they are is judged here;
6. what it appended is written to the shared log, and its head behind it;
7. the shared log commits: from here on the write is acknowledged;
8. SQLite commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tui_registry.replica.log.hub_view import HubView, expect_own
from tui_registry.replica.store.connection import Pool

if TYPE_CHECKING:
    pass

T = TypeVar("T")


class Turns:
    """Who may append, and when."""

    def __init__(self, pool: Pool, view: HubView) -> None:
        self._pool = pool
        self._view = view

    def run(self, deed: Callable[[sqlite3.Connection], T], *, bulk: bool = False) -> T:
        """Do what may append operations, in one transaction; gives what the deed gives.

        Args:
            deed: is given a connection inside the transaction. It may be run more than once, from another thread, and
                beside others: an error of it takes back what it did, and nothing else.
            bulk: others are likely to follow.

        Raises:
            StoreError: `hub_view`: this folder is a view of a hub, and was opened without it. With a hub: `hub_away`,
                `hub_busy`, `hub_other`, `hub_newer`: nothing was written. `outcome_unknown`: whether it was written
                is not known. Whatever the deed raises.
        """
        with self._pool.write(bulk=bulk) as db:
            expect_own(db)
            return deed(db)
