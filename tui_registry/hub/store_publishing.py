"""Writing a log into an object store, for whoever has one: from there any CDN gives it away, as a static log.

The files are those of a published directory (protocol.md, Tiles), with headers that let caches keep what never changes.
Beside them lie two of our own: `sync/publisher`, whose log it is, by which a store without conditional puts is found
out as well; and `sync/{epoch}/until`, how far a long publication came, for whoever goes on after a kill.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Final, Protocol

from tui_registry.datastore import Datastore, Head, StoreError
from tui_registry.errors import Json
from tui_registry.hub.store import Store, Version
from tui_registry.sync.bounds import MAX_OP_BYTES, TILE_OPS
from tui_registry.sync.publishing import HEAD, Published, PublishError, Wrote, publish_to, tails_of
from tui_registry.sync.tiles import LogError, Unpacker, spell_head

# The lease of a hub whose holder publishes, how long it lasts, and when it is renewed.
LEASE: Final = "publish"
LEASE_SECONDS: Final = 60.0

_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_TILE = {**_FOREVER, "Content-Type": "application/gzip"}
_HASHES = {**_FOREVER, "Content-Type": "application/octet-stream"}
_HEAD = {"Cache-Control": "public, max-age=10", "Content-Type": "application/json"}
_OURS = {"Cache-Control": "no-store", "Content-Type": "application/json"}
# What is written beside a head: of which epoch and size the one before it was, whose tail is taken away next.
_BEFORE: Final = "before"
_PUBLISHER: Final = "sync/publisher"
_EPOCH = re.compile(r"[0-9a-f]{32}", re.ASCII).fullmatch
_PLACE = re.compile(r"([0-9a-f]{32})\.(0|[1-9][0-9]{0,15})", re.ASCII).fullmatch
_MOST_HEAD: Final = 65_536
_MOST_UNPACKED: Final = TILE_OPS * (MAX_OP_BYTES + 1)
# Random bytes do not pack: gzip then adds a little to them.
MOST_TILE: Final = _MOST_UNPACKED + _MOST_UNPACKED // 64 + 1024
_AT_ONCE: Final = 8


class Leases(Protocol):
    """Whoever sees to it that one at a time does what only one may."""

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take a lease, or renew one's own; whether it is `holder`'s now, for so long."""

    def release(self, name: str, holder: str) -> None:
        """Give a lease back, where it is one's own."""


def publish_to_store(
    datastore: Datastore,
    store: Store,
    *,
    new_epoch: bool = False,
    alone: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Published:
    """Write a replica's log into an object store, or bring what is there up to date.

    Args:
        new_epoch, progress: as of `sync.publishing.publish`.
        alone: nobody else ever publishes there: the store need not have conditional puts.

    Raises:
        StoreError: `hub_view`: this is a node's view of a hub's log, which `hub publish` publishes.
        PublishError: `foreign_log`, `overtaken`.
        BucketError: what is wrong with the store.
    """
    if datastore.hub.id is not None:
        raise StoreError("hub_view", "this folder is a view of a hub's log: 'hub publish' publishes that")
    with _opened(store, hub="", head=datastore.log.head(), alone=alone) as bucket:
        return publish_to(datastore, bucket, new_epoch=new_epoch, progress=progress)


class HubPublisher:
    """Publishes a hub's log from one of its nodes, while that node holds the lease for it; `with` gives it back.

    The view has to be the shared log to its end, by its chain, before anything is published: what lags, or is not that
    log, never is. Not to be used by two threads at once.
    """

    def __init__(
        self,
        datastore: Datastore,
        store: Store,
        leases: Leases,
        holder: str,
        *,
        alone: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            datastore: a view, opened with its hub.
            holder: a name of this process, no other's.
            alone: as of `publish_to_store`.
            clock: seconds that only go on.
        """
        self._clock = clock
        self._renew_at = 0.0
        self._datastore = datastore
        self._store = store
        self._leases = leases
        self._holder = holder
        self._alone = alone
        self._told: tuple[str, int] | None = None
        self._open = ExitStack()
        self._bucket: _Bucket | None = None

    def publish(self, progress: Callable[[int, int], None] | None = None) -> Published | None:
        """Bring the store up to date; None where another node holds the lease, or nothing is new since the last call.

        Raises:
            StoreError: as of `HubView.follow`; `hub_view` where this is no view. Nothing was published then.
            PublishError: `foreign_log`; `overtaken`: the lease went to another meanwhile, or somebody wrote there.
            BucketError: what is wrong with the store.
        """
        hub = self._datastore.hub.id
        if hub is None:
            raise StoreError("hub_view", "this folder is no view of a hub's log: 'export --log' publishes it")
        if not self._is_ours():
            return None
        while True:
            followed = self._datastore.hub.follow()
            if followed.size >= followed.shared_size:
                break
            self._expect_lease()
        head = self._datastore.log.head()
        if self._told == (head.epoch, head.size):
            return None

        def show(done: int, of: int) -> None:
            self._expect_lease()
            if progress is not None:
                progress(done, of)

        try:
            if self._bucket is None:
                opened = _opened(self._store, hub=hub, head=head, alone=self._alone)
                self._bucket = self._open.enter_context(opened)
            done = publish_to(self._datastore, self._bucket, is_view=True, progress=show)
        except BaseException:
            # Whoever publishes next looks at all of it anew.
            self._bucket = None
            self._open.close()
            raise
        self._told = (done.head.epoch, done.head.size)
        return done

    def __enter__(self) -> HubPublisher:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        # It ends by itself where the hub is away.
        with suppress(StoreError):
            self._leases.release(LEASE, self._holder)

    def _is_ours(self) -> bool:
        """Whether we hold the lease, now for long enough."""
        now = self._clock()
        is_ours = self._leases.lease(LEASE, self._holder, LEASE_SECONDS)
        # It is ours from before it was asked for.
        self._renew_at = now + LEASE_SECONDS / 4
        return is_ours

    def _expect_lease(self) -> None:
        if self._clock() >= self._renew_at and not self._is_ours():
            raise PublishError("overtaken", "another node publishes the hub's log by now. What was written stays")


# How


@contextmanager
def _opened(store: Store, *, hub: str, head: Head, alone: bool) -> Iterator[_Bucket]:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="puts") as pool:
        bucket = _Bucket(store, pool, alone=alone)
        bucket.claim(hub, head)
        try:
            yield bucket
        finally:
            pool.shutdown(cancel_futures=True)


class _Bucket:
    """A place in an object store (`sync.publishing.Place`)."""

    keeps_all = True

    def __init__(self, store: Store, pool: ThreadPoolExecutor, *, alone: bool) -> None:
        self._store = store
        self._pool = pool
        self._alone = alone
        self._writing: deque[Future[int]] = deque()
        self._wrote = Wrote()
        # The head that was read last.
        self._head: bytes | None = None
        self._version: Version | None = None
        self._before: tuple[str, int] | None = None
        self._is_swept = False

    @property
    def shown(self) -> str:
        return self._store.shown

    def claim(self, hub: str, head: Head) -> None:
        """See to it that the place is of this hub (empty: of a replica alone) and its log, and the store one that can
        keep two publishers apart.

        Raises:
            PublishError: `foreign_log`. BucketError: `no_conditions`; nothing was left there.
        """
        ours = json.dumps({"hub": hub, "node": head.node}).encode()
        if self._alone:
            if self._store.get(_PUBLISHER, _MOST_HEAD) is None:
                self._store.put(_PUBLISHER, ours, _OURS)
        elif self._store.create(_PUBLISHER, ours, _OURS) and self._store.create(_PUBLISHER, ours, _OURS):
            self._store.remove([_PUBLISHER])
            raise self._store.no_conditions()
        found = self._store.get(_PUBLISHER, _MOST_HEAD)
        if found is None or found.data == ours:
            return
        theirs = _members(found.data)
        if theirs == {"hub": "", "node": head.node} and _members(self.head() or b"").get("epoch") in (head.epoch, None):
            # A replica that became this hub, with its log.
            self._store.put(_PUBLISHER, ours, _OURS)
            return
        whose = "the log of a hub" if theirs.get("hub") else "the log of another replica"
        raise PublishError(
            "foreign_log", f"{self.shown} holds {whose}, not this one. Choose another prefix for this log"
        )

    def head(self) -> bytes | None:
        found = self._store.get(HEAD, _MOST_HEAD)
        self._head, self._version, self._before = None, None, None
        if found is not None:
            place = _PLACE(found.notes.get(_BEFORE, ""))
            self._head, self._version = found.data, found.version
            self._before = None if place is None else (place[1], int(place[2]))
        return self._head

    def begin(self, epoch: str) -> bytes | None:
        found = self._store.get(_until(epoch), _MOST_HEAD)
        return None if found is None else found.data

    def came_to(self, head: Head) -> None:
        self._store.put(_until(head.epoch), spell_head(head, ranges=False), _OURS)

    def read(self, path: str) -> bytes | None:
        found = self._store.get(path, MOST_TILE)
        return None if found is None else found.data

    def holds(self, path: str) -> bool:  # noqa: ARG002 - Place's interface
        """To ask costs as much as to write it on condition."""
        return False

    def write(self, path: str, data: bytes) -> None:
        while len(self._writing) >= _AT_ONCE:
            self._settle_one()
        self._writing.append(self._pool.submit(self._put, path, data))

    def settle(self) -> Wrote:
        while self._writing:
            self._settle_one()
        wrote, self._wrote = self._wrote, Wrote()
        return wrote

    def write_head(self, data: bytes) -> None:
        if data == self._head:
            return
        headers = dict(_HEAD)
        if self._head is not None:
            before = _members(self._head)
            headers[_BEFORE] = f"{before.get('epoch')}.{before.get('size')}"
        if self._alone:
            self._store.put(HEAD, data, headers)
        elif self._version is None:
            is_written = self._store.create(HEAD, data, headers)
        else:
            is_written = self._store.replace(HEAD, data, headers, self._version)
        if not self._alone and not is_written:
            # A request that is sent again, as its answer was lost, meets what it has written itself.
            found = self._store.get(HEAD, _MOST_HEAD)
            if found is None or found.data != data:
                raise PublishError(
                    "overtaken",
                    f"somebody else has written the head at {self.shown} meanwhile: one publishes there at a time. "
                    "Nothing was written over",
                )

    def clear(self, epoch: str, heads: Sequence[Head]) -> None:
        kept = {path for head in heads for path in tails_of(head)}
        if self._before is not None and self._before[0] == epoch:
            before = Head(epoch, self._before[1], "", "")
            self._store.remove([path for path in tails_of(before) if path not in kept])
        if not self._is_swept:
            # Epochs whose publisher was ended before it took them away.
            self._is_swept = True
            for name in self._store.folders("sync"):
                if _EPOCH(name) and name not in (epoch, *(head.epoch for head in heads)):
                    self.drop(name)

    def drop(self, epoch: str) -> None:
        self._store.remove(list(self._store.names(f"sync/{epoch}")))

    # How

    def _settle_one(self) -> None:
        size = self._writing.popleft().result()
        if size:
            self._wrote = Wrote(self._wrote.files + 1, self._wrote.bytes + size)

    def _put(self, path: str, data: bytes) -> int:
        """Write a file that never changes; its bytes, 0 where it was there."""
        headers = _TILE if path.endswith(".gz") else _HASHES
        if self._alone:
            found = self._store.get(path, MOST_TILE)
            if found is None:
                self._store.put(path, data, headers)
                return len(data)
        else:
            if self._store.create(path, data, headers):
                return len(data)
            found = self._store.get(path, MOST_TILE)
        if found is None:
            raise PublishError("overtaken", f"somebody else takes files away at {self.shown} meanwhile. Publish again")
        if found.data != data and not (headers is _TILE and _unpacked(found.data) == _unpacked(data)):
            raise PublishError(
                "foreign_log",
                f"{self.shown} has a {path} of another log: somebody else published there under this epoch. Nothing "
                "was written over: choose another prefix",
            )
        return 0


def _until(epoch: str) -> str:
    return f"sync/{epoch}/until"


def _members(data: bytes) -> dict[str, Json]:
    with suppress(ValueError, RecursionError):
        tree: Json = json.loads(data)
        if isinstance(tree, dict):
            return tree
    return {}


def _unpacked(data: bytes) -> bytes | None:
    unpacker = Unpacker(_MOST_UNPACKED)
    with suppress(LogError):
        unpacker.feed(data)
        return unpacker.whole()
    return None
