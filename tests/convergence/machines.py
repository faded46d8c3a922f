"""The replicas of a world, and how they reach each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.convergence.memory import MemoryPool
from tests.crdt import model
from tests.crdt.histories import OWNERS, START
from tests.crdt.model import State
from tests.replica.replicas import fresh_replica
from tui_registry.datastore import DATABASE, ApplyReport, Cursor, Datastore, SharedLog
from tui_registry.errors import Json
from tui_registry.present.pulls import SyncError
from tui_registry.replica.log.peers import Peers
from tui_registry.replica.store.connection import Pool
from tui_registry.replica.store.key import KEY_FILE
from tui_registry.sync import comparing, difference
from tui_registry.sync.tiles import Answered, HashSpan, RemoteHead, Span

if TYPE_CHECKING:
    from tui_registry.crdt import Op
    from tui_registry.replica.log.arrivals import Arrival


class WatchedPeers(Peers):
    """The part of a `Watched` that stores what is pulled."""

    def __init__(self, store: Watched, pool: Pool, clock: Callable[[], int]) -> None:
        super().__init__(pool, clock, lambda: store._arrivals)
        self._store = store

    def store_entries(self, name: str, cursor: Cursor, arrivals: Sequence[Arrival]) -> tuple[ApplyReport, Cursor]:
        done = super().store_entries(name, cursor, arrivals)
        self._store.held.update(arrival.body for arrival in arrivals)
        return done


class Watched(Datastore):
    """A Datastore that notes what came by pulling, once storing it has returned."""

    held: set[bytes]

    def __init__(self, data_dir: Path, pool: Pool, clock: Callable[[], int], shared: SharedLog | None = None) -> None:
        super().__init__(data_dir, pool, clock, shared)
        self.peers = WatchedPeers(self, pool, clock)

    def apply(self, ops: Iterable[bytes | Op], *, source: str = "", keep_pending: bool = True) -> ApplyReport:
        """Also what a pull asks for by hash."""
        taken = [*ops]
        done = super().apply(taken, source=source, keep_pending=keep_pending)
        self.held.update(op if isinstance(op, bytes) else op.to_json() for op in taken)
        return done


class Shown(NamedTuple):
    """Every head; of every record in the list and of every manifest the winner and how many live heads it has; and
    what waits."""

    heads: set[str]
    listed: dict[str, tuple[str, int]]
    waiting: set[bytes]

    @classmethod
    def of(cls, state: State) -> Self:
        """What a replica ought to show."""
        heads = {head.hash for key in state.keys for head in state.heads(key)}
        listed = {key: (best.hash, len(state.live_heads(key))) for key, best in state.current.items()}
        return cls(heads, listed, state.pending)


def shown_by(store: Datastore) -> Shown:
    """What a replica makes of what was stored in it."""
    with store._pool.read() as db:
        heads = {digest.hex() for (digest,) in db.execute("SELECT hash FROM ops WHERE is_head = 1")}
        found = db.execute(
            "SELECT c.id, o.hash, c.live_heads FROM catalogue c JOIN ops o USING (idx) UNION ALL "
            "SELECT k.id, o.hash, m.live_heads FROM manifests m JOIN keys k USING (rid) JOIN ops o USING (idx)"
        )
        listed = {key.hex(): (digest.hex(), live) for key, digest, live in found}
        return Shown(heads, listed, {body for (body,) in db.execute("SELECT body FROM pending")})


class Machine:
    """One replica, and the clock beside it."""

    def __init__(self, name: str, owner: int, folder: Path | None) -> None:
        """
        Args:
            owner: whose key it has, an index into `OWNERS`.
            folder: where its files are; None for a replica in memory.
        """
        self.name = name
        self.identity = OWNERS[owner]
        self.now = START
        self.restored = 0
        self._folder = folder
        self._backup: tuple[bytes, set[bytes]] | None = None
        if folder is not None:
            folder.mkdir()
            (folder / KEY_FILE).write_text(self.identity.secret().hex())
        self.store = self._opened(fresh_replica(), set())
        # Copies of one fresh database would be one log to their readers.
        self.store.log.renew_epoch()

    @property
    def held(self) -> set[bytes]:
        """Every line that was ever stored here."""
        return self.store.held

    @property
    def state(self) -> State:
        return model.state(self.held)

    @property
    def log(self) -> list[bytes]:
        return self.store.log.lines(0, self.store.log.head().size)

    def shown(self) -> Shown:
        """What the replica makes of what was stored in it."""
        return shown_by(self.store)

    def restart(self) -> None:
        image, held = self._closed()
        self.store = self._opened(image, held)

    def back_up(self) -> None:
        """Copy the closed database, as people do."""
        image, held = self._closed()
        self._backup = image, set(held)
        self.store = self._opened(image, held)

    def restore(self) -> None:
        """Put the last copy back: what came since is forgotten here, and the log goes on under the same epoch."""
        if self._backup is None:
            self.back_up()
            return
        self._closed()
        image, held = self._backup
        self.store = self._opened(image, set(held))
        self.restored += 1

    def _closed(self) -> tuple[bytes, set[bytes]]:
        """Close it; what its database holds then."""
        pool = self.store._pool
        image = pool.image() if isinstance(pool, MemoryPool) else b""
        self.store.close()
        if self._folder is not None:
            image = (self._folder / DATABASE).read_bytes()
        return image, self.held

    def _opened(self, image: bytes, held: set[bytes]) -> Watched:
        def clock() -> int:
            return self.now

        if self._folder is None:
            store = Watched(Path("memory"), MemoryPool(image), clock)
            store.key.use(self.identity)
        else:
            (self._folder / DATABASE).write_bytes(image)
            store = Watched.open(self._folder, clock=clock)
        store.held = held
        return store


class Near:
    """A transport to a replica in this process. After so many requests it fails, if told to."""

    answers = True

    def __init__(self, there: Machine, requests: int | None) -> None:
        self.past_caches = True  # there are none
        self.received = 0
        self._there = there
        self._left = requests
        # Every other time one of 0.1, which compares by ranges.
        self._is_old = there.store.log.head().size % 2 == 0

    async def head(self, etag: str | None = None) -> RemoteHead | None:
        self._asked()
        told = self._told()
        return None if etag == told.etag else told

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        self._asked()
        head = self._there.store.log.head()
        if (head.epoch, max(head.size, span.end)) != (epoch, head.size):
            raise SyncError(self._there.name, "vanished", "has no such tile")
        return self._there.store.log.lines(span.start, span.end)

    async def stored(self, index: int) -> None:
        return None

    def doubt(self, start: int, stop: int) -> bool:
        return False

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:
        self._asked()
        # One at a time: an answer may be a prefix.
        return self._there.store.log.by_hash(hashes, 1)

    async def reconcile(self, epoch: str, size: int | None, questions: Json) -> Json:
        self._asked()
        asked = comparing.read_question(questions)
        head, packed = self._there.store.log.keys()
        if head.epoch != epoch or size not in (None, head.size):
            raise SyncError(self._there.name, "http_409", "has another log by now")
        keys = comparing.Keys(packed)
        told: list[Json] = [comparing.describe(keys, low, high) for low, high in asked]
        return {"size": keys.size, "fingerprint": keys.fingerprint, "ranges": told}

    async def difference(self, question: dict[str, Json], most: int) -> Answered | None:
        self._asked()
        if self._is_old:
            return None
        store, asked = self._there.store, difference.read_question(question)
        try:
            told, data = difference.answer(store, store.log.head(), asked)
        except difference.QuestionError:
            return None
        return Answered(self._told() if asked.epoch is None else None, told, data)

    async def beginning(self, starts: Sequence[bytes]) -> list[bytes]:
        self._asked()
        return self._there.store.log.beginning(starts, 1)

    async def hashes(self, epoch: str, span: HashSpan) -> bytes:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def _told(self) -> RemoteHead:
        head = self._there.store.log.head()
        mark = f"{head.epoch} {head.size} {head.fingerprint}"
        return RemoteHead(head, ranges=True, etag=mark, differs=not self._is_old)

    def _asked(self) -> None:
        if self._left is not None:
            if not self._left:
                raise SyncError(self._there.name, "unreachable", "is gone")
            self._left -= 1
