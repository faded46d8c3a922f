"""This replica as a view of a shared log: the same operations at the same places, and never one more.

A view appends by following: what the shared log says, as it says it, after its chain was compared with the view's own.
What is to be added to the shared log takes a turn (`log.turns`). A folder bears the id of the hub whose view it is, and
without the hub nothing is appended there and nothing is written anew: it would not be a view any more.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from tui_registry.frozen import NamedTuple
from tui_registry.replica.store.connection import Pool, StoreError

if TYPE_CHECKING:
    from tui_registry.replica.log.operations import Head, Log
    from tui_registry.replica.log.shared_log import SharedHead, SharedLog

# As the source of operations that the shared log brought (`first_seen.FirstSeen`). No peer has such a name.
HUB_SOURCE: Final = "hub:"


class Followed(NamedTuple):
    """What came of following.

    Attributes:
        appended: how many operations. size: of the view then. shared_size: of the shared log when it was looked at.
    """

    appended: int
    size: int
    shared_size: int


class Remade(NamedTuple):
    """What came of making a view anew: how many operations it has, and how many of those that it had before the shared
    log has no more."""

    size: int
    gone: int


class HubStanding(NamedTuple):
    """How a view stands to its hub, as far as was looked last.

    Attributes:
        is_ready: whether the view is as others expect it: it follows, or the hub is away for now (what is here can be
            read all the same).
        code: `follows`; `behind`: a turn was written to the hub and not to the view, or it has far to go; `away`: the
            hub cannot be reached; `restored`: the shared log is shorter than the view, or another one; `other_epoch`:
            it was rewritten; `newer`: a later version of this program writes it; `other`: it is another hub;
            `invalid`: an operation of it breaks a rule. Empty where the replica is no view.
        sentence: what happened and what to do, empty for `follows`.
        size: of the view. shared_size: of the shared log, None where it was not seen yet.
        seen_at: when it was, Unix seconds; None for never.
    """

    is_ready: bool
    code: str
    sentence: str = ""
    size: int = 0
    shared_size: int | None = None
    seen_at: int | None = None


class HubView:
    """How this replica follows a hub. Of a replica alone `id` is None, and nothing else is to be called."""

    def __init__(
        self,
        pool: Pool,
        log: Log,
        clock: Callable[[], int],
        shared: SharedLog | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            shared: the hub's log; None: the replica is opened without it.
            monotonic: seconds that only go on.
        """
        self._pool = pool
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self.shared = shared

    @property
    def id(self) -> str | None:
        """Of the hub whose view this folder is, 32 hex digits; None for a replica of its own."""
        with self._pool.read() as db:
            row = db.execute("SELECT id FROM hub").fetchone()
        return None if row is None else str(row[0])

    @property
    def address(self) -> str | None:
        """Of the key that all nodes of the hub sign with, 40 hex digits, as seen last; None of a replica alone."""
        raise NotImplementedError

    def standing(self) -> HubStanding:
        """How the view stands to the hub, as was found last: nothing is asked or read."""
        raise NotImplementedError

    def bind(self, head: SharedHead) -> None:
        """Make this folder a view of a hub: an empty one, or one whose log is how the shared one begins, by its chain.

        Args:
            head: of the shared log. Where it has more than this folder, the chain of what is here is asked of the hub
                that the replica was opened with.

        Raises:
            StoreError: `hub_other`: it holds another log, or is another hub's view; nothing was written.
        """
        raise NotImplementedError

    def release(self) -> None:
        """Make this folder a replica of its own again, under an epoch of its own."""
        raise NotImplementedError

    def follow(self, most: int = 8_192, *, until: int | None = None) -> Followed:
        """Append what the shared log has and the view has not, after the chains were compared. What waits here for one
        of these operations is not released: `is_release_due` tells, and `Datastore.release_due` does it.

        Args:
            most: so many operations at most.
            until: no more than until the view has so many.

        Raises:
            StoreError: `hub_away`; `hub_newer`; `hub_other`: it is another hub, another epoch, or another log than the
                view has (`standing` tells which): nothing was appended.
        """
        raise NotImplementedError

    @property
    def is_release_due(self) -> bool:
        """Whether operations may wait here for what was followed since."""
        raise NotImplementedError

    def chain_of_view(self, size: int | None = None) -> bytes:
        """The chain of the first operations of this log, made from their bytes; 32 bytes. It reads them all.

        Args:
            size: so many; None for all.

        Raises:
            StoreError: `corrupt`: there are not so many, or one of them cannot be read.
        """
        raise NotImplementedError

    def remake(self, progress: Callable[[int, int], None] | None = None) -> Remade:
        """Make the view anew from the shared log, in one transaction: after that was rewritten under a new epoch, or
        where the view is found to differ. What is read meanwhile is the view as it was.

        Args:
            progress: called with operations done and operations in all.

        Raises:
            StoreError: as `follow`; nothing was changed.
        """
        raise NotImplementedError

    def lines_unverified(self, start: int, lines: Sequence[bytes]) -> Followed:
        """Append operations of the shared log from elsewhere, such as its tiles, without looking whether they were
        signed: that their chain is the shared log's proves that they are the same, and were verified when they came
        there. Everything else is checked.

        Args:
            start: the place of the first one: the view's size. lines: each without a line end.

        Raises:
            StoreError: `hub_differs`: the shared log says otherwise, or `start` is another place; nothing was
                appended. As `follow`.
        """
        raise NotImplementedError

    # The head that others are told

    def seen(self, size: int | None = None) -> None:
        """Note that the view has so many operations now; None to look."""
        raise NotImplementedError

    def settled_head(self) -> Head:
        """The head of what the view had three seconds ago, signed as `Log.signed_head`: by then the other nodes have
        that too."""
        raise NotImplementedError


def expect_own(db: sqlite3.Connection) -> None:
    """See to it that the folder is a replica of its own.

    Raises:
        StoreError: `hub_view`.
    """
    if db.execute("SELECT 1 FROM hub").fetchone() is not None:
        raise view_error()


def view_error(what: str = "write through one of its nodes, or open it with --hub") -> StoreError:
    """
    Args:
        what: is to be done instead.
    """
    return StoreError("hub_view", f"this folder is a view of a hub's log, and holds no more than that: {what}")
