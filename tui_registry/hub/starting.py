"""The start of a node: an empty folder becomes a view of the hub's log from the tiles in its store, and then follows.

Nobody asks PostgreSQL for what a store gives for less, and no signature is verified again: the shared log's chain says
of each tile whether it is what was verified when it came there. What does not fit, or does not come, PostgreSQL gives.
The view grows in transactions, so whoever is killed goes on where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from tui_registry.datastore import Datastore, StoreError
from tui_registry.frozen import NamedTuple
from tui_registry.hub.store import BucketError, Store
from tui_registry.hub.store_publishing import MOST_TILE
from tui_registry.sync.bounds import MAX_OP_BYTES, TILE_OPS
from tui_registry.sync.tiles import LogError, Span, Unpacker

_AT_ONCE: Final = 8
# What one transaction takes, whichever is reached first.
_GROUP_OPS: Final = 8_192
_GROUP_BYTES: Final = 16 * 2**20
# A store that lacks so many tiles in a row is asked no more: it is only so far. Nor is one of which so many do not fit.
_MOST_LACKING: Final = 3
_MOST_REFUSED: Final = 16


class Started(NamedTuple):
    """What came of a start.

    Attributes:
        size: operations in the view now. from_store: how many of them were taken from the store just now.
        refused: tiles of the store that are not the shared log's.
        why: why the store was left, in one sentence that is safe to show; empty where nothing was wrong with it.
    """

    size: int
    from_store: int
    refused: int
    why: str


def start(
    datastore: Datastore,
    store: Store | None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Started:
    """Bring a view up to the end that the shared log has now.

    Args:
        datastore: opened with its hub.
        store: where the hub's tiles lie; None: all comes from PostgreSQL.
        progress: called with the operations that the view has, and with those of the shared log.

    Raises:
        StoreError: `hub_view`: it was not opened with a hub; as of `HubView.follow`: what was appended before stays.
    """
    shared = datastore.hub.shared
    if shared is None:
        raise StoreError("hub_view", "this replica was not opened with a hub: there is no log to follow")
    size = shared.head().size
    tell = progress or (lambda *_: None)
    taking = _Taking(datastore, tell, size)
    if store is not None:
        taking.take(store)
    while True:
        followed = datastore.hub.follow()
        tell(followed.size, followed.shared_size)
        if followed.size >= followed.shared_size:
            return Started(followed.size, taking.taken, taking.refused, taking.why)


# How


class _Taking:
    """What is taken from a store.

    Attributes:
        taken: operations. refused: tiles that were not the shared log's. why: it was left.
    """

    def __init__(self, datastore: Datastore, tell: Callable[[int, int], None], size: int) -> None:
        self.taken = 0
        self.refused = 0
        self.why = ""
        self._datastore = datastore
        self._tell = tell
        self._size = size
        self._lacking = 0

    def take(self, store: Store) -> None:
        """Append the full tiles that it has."""
        epoch = self._datastore.log.head(make_key=False).epoch
        with _fetched(store, epoch, self._at() // TILE_OPS, self._size // TILE_OPS) as found:
            group: list[bytes] = []
            weight = start = 0
            for tile, get in found:
                lines = self._lines(get)
                if not group:
                    start = tile * TILE_OPS
                group += lines or ()
                weight += sum(map(len, lines or ()))
                if lines is None or len(group) >= _GROUP_OPS or weight >= _GROUP_BYTES:
                    self._append(start, group)
                    group, weight = [], 0
                if self.why or self._lacking >= _MOST_LACKING:
                    return
                if self.refused >= _MOST_REFUSED:
                    self.why = (
                        f"{store.shown} has tiles that are not those of this hub's log: no more of it was looked at"
                    )
                    return
                if lines is None:
                    self._follow((tile + 1) * TILE_OPS)
            self._append(start, group)

    def _lines(self, get: Future[list[bytes] | None]) -> list[bytes] | None:
        """The lines of a tile; None where there are none to be had."""
        try:
            lines = get.result()
        except LogError:
            self.refused += 1
            return None
        except BucketError as error:
            if error.code == "too_large":
                self.refused += 1
            else:
                self.why = error.sentence
            return None
        self._lacking = self._lacking + 1 if lines is None else 0
        return lines

    def _append(self, start: int, lines: list[bytes]) -> None:
        """Append operations to the view, but for those that it has by now. Where they are not those of the shared log,
        the tiles that are, and the others from that itself.

        Args:
            start: the place of the first.
        """
        self._follow(start)
        at = self._at()
        new = lines[at - start :]
        if not new:
            return
        try:
            self.taken += self._datastore.hub.lines_unverified(at, new).appended
        except StoreError as error:
            if error.code != "hub_differs":
                raise
            first = TILE_OPS - at % TILE_OPS
            if len(new) > first:
                self._append(at, new[:first])
                self._append(at + first, new[first:])
                return
            self.refused += 1
            self._follow(at + len(new))
        self._tell(self._at(), self._size)

    def _follow(self, size: int) -> None:
        """Append what the shared log has, until the view has so many."""
        while self._at() < size:
            self._datastore.hub.follow(until=size)

    def _at(self) -> int:
        return self._datastore.log.head(make_key=False).size


@contextmanager
def _fetched(
    store: Store, epoch: str, first: int, stop: int
) -> Iterator[Iterator[tuple[int, Future[list[bytes] | None]]]]:
    """Tiles from one up to another, in order; some are fetched ahead."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="gets") as pool:
        try:
            yield _ahead(pool, store, epoch, first, stop)
        finally:
            pool.shutdown(cancel_futures=True)


def _ahead(
    pool: ThreadPoolExecutor, store: Store, epoch: str, first: int, stop: int
) -> Iterator[tuple[int, Future[list[bytes] | None]]]:
    coming: deque[tuple[int, Future[list[bytes] | None]]] = deque()
    for tile in range(first, stop):
        coming.append((tile, pool.submit(_tile, store, epoch, tile)))
        if len(coming) >= _AT_ONCE:
            yield coming.popleft()
    yield from coming


def _tile(store: Store, epoch: str, tile: int) -> list[bytes] | None:
    """Its 256 lines, None where it is not there. Raises LogError, BucketError."""
    found = store.get(f"sync/{epoch}/entries/{Span(tile, 0, TILE_OPS).name}", MOST_TILE)
    if found is None:
        return None
    unpacker = Unpacker(TILE_OPS * (MAX_OP_BYTES + 1))
    unpacker.feed(found.data)
    return unpacker.lines(TILE_OPS)
