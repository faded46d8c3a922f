"""A node of a hub: it follows the log that its nodes share, in a thread of its own, and knows how far it told of it.

The next request of a client may reach another node, which may be behind by as long as it takes to hear of an operation.
So the head that is told is one that this node had some seconds ago, which the others have by now, too; and whoever asks
for more than is here waits until it is, for a moment: to follow costs one question to PostgreSQL, many who ask at once
share it, and it is not asked more than ten times a second, whoever asks.

The thread ends with the node and by nothing else: while PostgreSQL is away reads are answered from the view, and it is
asked again, more and more seldom.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

import tui_registry
from tui_registry.datastore import Datastore, Head, StoreError
from tui_registry.frozen import NamedTuple
from tui_registry.node.responses import NodeError
from tui_registry.node.watch import Counts, add
from tui_registry.records.schema import RULES_VERSION

if TYPE_CHECKING:
    from tui_registry.datastore import Followed, HubStanding
    from tui_registry.hub.postgres import PostgresLog

_log = logging.getLogger("tui_registry.node")

# How old an operation is before a head tells of it: by then the other nodes have asked for it.
SETTLING_SECONDS: Final = 3.0
# Between two looks at the shared log, where nothing says that it has grown. LISTEN is heard earlier, where it works.
POLL_SECONDS: Final = 2.0
# Between two that somebody waits for.
_FORCED_SECONDS: Final = 0.1
# How long anybody waits.
_PATIENCE_SECONDS: Final = 2.0
# Between two looks at the view, which others write to as well.
_LOOK_SECONDS: Final = 0.25
_BACK_OFF: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_HEARTBEAT_SECONDS: Final = 5.0
# By what a turn fails, where it is not refused.
_FAILURES: Final = frozenset(("hub_away", "hub_busy", "hub_newer", "hub_other", "outcome_unknown"))


class Place(NamedTuple):
    """So many operations of the log of that epoch."""

    epoch: str
    size: int


class HubSeen(NamedTuple):
    """How a node stands to its hub, for its operator.

    Attributes:
        standing: a code of `HubStanding`. size: of the view. shared_size: of the shared log as seen last, None where it
            was not seen yet. away_seconds: since when it cannot be reached; 0 where it was, the last time.
    """

    standing: str
    is_ready: bool
    size: int
    shared_size: int | None
    away_seconds: float


class Following:
    """How a node, or a worker of one, follows its hub: from the beginning of a block that is entered before anything is
    answered, to its end.

    Attributes:
        name: by which the hub's list of nodes has this one; empty as long as it is not to be there.
        shared: the log that is followed. store: where its full tiles lie as well, as heads tell; empty for nowhere.
        counts: where turns are counted.
    """

    def __init__(
        self,
        datastore: Datastore,
        shared: PostgresLog,
        *,
        store: str = "",
        only_reads: bool = False,
        says: Callable[[HubStanding], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            shared: the log that the Datastore was opened with.
            store: where the hub's full tiles lie as well (`is_store_url`); empty for nowhere.
            only_reads: nothing is written to the shared log on behalf of this node.
            says: told when the node's standing has changed; from a thread.
            clock: seconds that only go on, by which operations settle.
        """
        self.name = ""
        self.store = store
        self.counts = Counts()
        self._datastore = datastore
        self.shared = shared
        self._only_reads = only_reads
        self._says = says
        self._clock = clock
        self._guard = threading.Lock()
        self._looking = threading.Lock()
        self._looks = 0
        self._is_looked = False
        self._wake = threading.Event()
        self._closing = False
        self._waiting: list[_Waiting] = []
        # What the view had, and since when; the last one is what it has.
        self._heads: deque[tuple[float, Head]] = deque()
        self._changes: int | None = None
        self._said: str | None = None
        self._failures = 0
        self._away_since: float | None = None
        self._is_told = self._is_listed = False
        self._next_poll = self._next_share = self._next_beat = self._next_forced = 0.0
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def __enter__(self) -> Self:
        self._look()  # what the view has can be told at once
        with suppress(StoreError):
            self._take_tokens()  # who has one is known from the first answer on; where the hub is away, those of before
        self._listening = self.shared.listen(self._hears)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join()
        self._listening.close()
        if self._is_listed and not self._failures:
            # Whoever looks at the hub need not wonder where it is. Where the hub is away it stands there as silent.
            with suppress(StoreError):
                self.shared.nodes.forget(self.name)

    # What is known. Quick, and may be asked in the event loop

    def settled(self) -> Head:
        """The head that others are told: the same one as long as it is that."""
        with self._guard:
            return self._settled(self._clock())

    def latest(self) -> Head:
        """The head of the view, as it was looked at last: everything that it counts is here."""
        with self._guard:
            return self._heads[-1][1]

    # What is waited for, in the event loop

    async def reach(self, epoch: str, size: int) -> bool:
        """Follow until so many operations are here, for 2 s at most; whether they are. False where the shared log has
        not so many, or is of another epoch.

        Raises:
            NodeError: `hub_behind` (503): that could not be found out.
        """
        found = await self._followed(Place(epoch, size))
        if found is None:
            raise _behind()
        return found

    async def reach_end(self) -> None:
        """Follow to the end of the shared log as it is now, for 2 s at most.

        Raises:
            NodeError: `hub_behind` (503): it was not reached.
        """
        if not await self._followed(None):
            raise _behind()

    async def follow_once(self) -> None:
        """Follow, as far as that goes."""
        await self._followed(None)

    def seen(self) -> HubSeen:
        """How the node stands to its hub."""
        standing = self._datastore.hub.standing()
        with self._guard:
            away = time.monotonic() - self._away_since if self._away_since is not None else 0.0
        return HubSeen(standing.code, standing.is_ready, standing.size, standing.shared_size, away)

    # Writing, in a thread

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Count a write to the shared log, however it ends.

        Raises:
            StoreError: `read_only`: this node writes nothing.
        """
        if self._only_reads:
            raise StoreError("read_only", "this node of a hub was started with --read-only: nothing is written by it")
        began, outcome = time.monotonic(), "refused"
        try:
            yield
            outcome = "done"
        except StoreError as error:
            if error.code in _FAILURES:
                outcome = error.code
            raise
        finally:
            with self._guard:
                add(self.counts.turns, outcome)
                self.counts.turn_seconds += time.monotonic() - began

    def follow_before_writing(self) -> None:
        """Have what other nodes wrote before this: who asks in order is answered in order, whichever nodes hear it.

        Those that write at once share a look.

        Raises:
            StoreError: as `Datastore.hub.follow`.
        """
        before = self._looks
        with self._looking:
            # Else one began after this was asked for, and ended well.
            if self._looks == before or not self._is_looked:
                self._looks += 1
                self._is_looked = False
                self._datastore.hub.follow()
                self._is_looked = True

    # How

    async def _followed(self, wanted: Place | None) -> bool | None:
        """Whether that is here; None where it cannot be found out in time. Of None: whether the end was reached."""
        if wanted is not None and self._has(wanted):
            return True
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool | None] = loop.create_future()

        def settle(found: bool | None) -> None:
            if not answer.done():
                answer.set_result(found)

        waiting = _Waiting(wanted, lambda found: loop.call_soon_threadsafe(settle, found))
        with self._guard:
            self._waiting.append(waiting)
        self._wake.set()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await answer
        except TimeoutError:
            return True if wanted is not None and self._has(wanted) else None
        finally:
            with self._guard:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)

    def _has(self, wanted: Place) -> bool:
        head = self.latest()
        return head.epoch == wanted.epoch and head.size >= wanted.size

    def _hears(self, _size: int) -> None:
        """The shared log has grown, as far as one hears."""
        self._is_told = True
        self._wake.set()

    # In the thread

    def _run(self) -> None:
        while not self._closing:
            try:
                self._turn()
            except Exception as error:
                # Whatever it is: a node that no longer follows would answer from an ever older log, and say nothing.
                self._fails(error)
            self._wake.wait(_LOOK_SECONDS)

    def _turn(self) -> None:
        self._wake.clear()
        now = time.monotonic()
        with self._guard:
            waiting = list(self._waiting)
        is_wanted = (bool(waiting) or self._is_told) and not self._failures
        if now < self._next_poll and not (is_wanted and now >= self._next_forced):
            if self._failures:
                # It was asked a moment ago, and is not asked more often for those who wait.
                self._settle(waiting, None)
            self._look()
            if is_wanted:
                # Sooner than the next look.
                self._wake.wait(max(0.0, self._next_forced - now))
                self._wake.set()
            return
        self._is_told = False
        self._next_forced, self._next_poll = now + _FORCED_SECONDS, now + POLL_SECONDS
        try:
            self._follow(waiting)
        except StoreError:
            self._settle(waiting, None)
            raise
        if now >= self._next_share:
            self._share()
            self._next_share = now + POLL_SECONDS
        self._failures = 0
        with self._guard:
            self._away_since = None
        self._say()
        if self._datastore.hub.is_release_due and not self._only_reads:
            try:
                self._datastore.release_due()
            except StoreError as error:
                # It stays due, and what waits is not lost.
                _log.warning("%s: %s", error.code, error.sentence)

    def _follow(self, waiting: list[_Waiting]) -> None:
        """
        Args:
            waiting: who began to wait before.
        """
        while not self._closing:
            followed = self._come_on()
            if followed.appended or self._changes is None:
                self._look()
            is_at_end = followed.size >= followed.shared_size
            for one in waiting:
                if one.wanted is not None and self._has(one.wanted):
                    one.settle(True)
                elif is_at_end:
                    self._look()
                    one.settle(one.wanted is None or self._has(one.wanted))
            if is_at_end or not followed.appended:
                break
        self._look()

    def _come_on(self) -> Followed:
        """Follow; from the beginning where the hub's log was rewritten since (`hub purge`, `hub rewrite`). Where
        PostgreSQL knows nothing of this view's epoch, it was put back to before that, and nobody follows it there.

        Raises:
            StoreError: as `Datastore.hub.follow`.
        """
        hub = self._datastore.hub
        try:
            return hub.follow()
        except StoreError:
            if hub.standing().code != "other_epoch":
                raise
            from tui_registry.hub.admin import rejoin

            if not rejoin(self._datastore, self.shared, offers=not self._only_reads):
                raise
        return hub.follow()

    def _look(self) -> None:
        """See what the view has, whoever wrote it."""
        changes = self._datastore.changes()
        if changes == self._changes:
            return
        head = self._datastore.log.signed_head()
        now = self._clock()
        with self._guard:
            last = self._heads[-1][1] if self._heads else None
            if last is None or last.epoch != head.epoch or head.size < last.size:
                # Another log: nobody is told of the one before.
                self._heads.clear()
                self._heads.append((now, head))
            elif head.size == last.size:
                if head != last:  # what was still being made, or another key
                    self._heads[-1] = (self._heads[-1][0], head)
            else:
                self._heads.append((now, head))
            self._settled(now)  # perhaps nobody asks for it
        # As it was before it was read: what was committed meanwhile makes it be read once more.
        self._changes = changes

    def _settled(self, now: float) -> Head:
        """The newest head that is old enough; those before it are forgotten. Under the guard."""
        while len(self._heads) > 1 and self._heads[1][0] <= now - SETTLING_SECONDS:
            self._heads.popleft()
        return self._heads[0][1]

    def _fails(self, error: Exception) -> None:
        pause = _BACK_OFF[min(self._failures, len(_BACK_OFF) - 1)]
        self._failures += 1
        self._next_poll = time.monotonic() + pause
        with self._guard:
            waiting = list(self._waiting)
            if self._away_since is None and self._datastore.hub.standing().code == "away":
                self._away_since = time.monotonic()
        self._settle(waiting, None)
        if not isinstance(error, StoreError):
            _log.error("following the hub failed, and is tried again", exc_info=error)
        with suppress(Exception):
            self._look()
        self._say()
        if isinstance(error, StoreError) and error.code in ("hub_other", "hub_newer", "disk_full", "read_only"):
            with suppress(StoreError):
                self._beat()

    @staticmethod
    def _settle(waiting: list[_Waiting], found: bool | None) -> None:
        for one in waiting:
            one.settle(found)

    def _say(self) -> None:
        standing = self._datastore.hub.standing()
        if standing.code == self._said:
            return
        is_first, self._said = self._said is None, standing.code
        if self._says is not None and not (is_first and standing.code == "follows"):
            # A line that nobody takes any more, such as a closed pipe, is no reason to follow no more.
            with suppress(Exception):
                self._says(standing)

    def _share(self) -> None:
        """Take over what the nodes have in common beside the log, and say how this one is doing."""
        self._take_tokens()
        self._beat()

    def _take_tokens(self) -> None:
        self._datastore.tokens.take_over((one.digest, one.token) for one in self.shared.tokens.all())

    def _beat(self) -> None:
        now = time.monotonic()
        if self.name and now >= self._next_beat:
            self._next_beat = now + _HEARTBEAT_SECONDS
            standing = self._datastore.hub.standing()
            self._is_listed = True
            self.shared.nodes.say(self.name, tui_registry.__version__, RULES_VERSION, standing.size, standing.code)


def _behind() -> NodeError:
    return NodeError(
        "hub_behind",
        "another node of this hub may have told of more than is here, and the log that they share could not be "
        "followed just now: try again in 2 s",
        headers={"retry-after": "2"},
    )


class _Waiting:
    """Who waits for the log to be followed: until `wanted` is here, or once to its end."""

    def __init__(self, wanted: Place | None, settle: Callable[[bool | None], object]) -> None:
        self.wanted = wanted
        self._settle = settle

    def settle(self, found: bool | None) -> None:
        with suppress(RuntimeError):  # the loop has ended before
            self._settle(found)
