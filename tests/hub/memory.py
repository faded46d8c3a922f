"""A log that several replicas share, kept in memory; and what goes wrong on the way to one, whoever keeps it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal

from tests.seeds import NOW, owner
from tui_registry.datastore import (
    NO_CHAIN,
    DoneOnce,
    SharedHead,
    SharedLog,
    SharedOp,
    SharedTurn,
    StoreError,
    chained,
)

HUB_KEY = owner("the hub")


class MemoryLog:
    """Whoever keeps a shared log, in this process."""

    def __init__(self, hub: str = "a" * 32, epoch: str = "b" * 32, *, patience: float = 5.0) -> None:
        """
        Args:
            patience: seconds that others wait for a turn.
        """
        self._patience = patience
        # Its clock, in Unix seconds, which goes on as a test says.
        self.now = NOW
        self._lock = threading.Lock()
        self.head_now = SharedHead(hub, epoch, 0, "0" * 64, NO_CHAIN, 1, HUB_KEY.address)
        self.epochs = {epoch}
        self.ops: list[SharedOp] = []
        self.done_once: dict[bytes, DoneOnce] = {}

    def head(self) -> SharedHead:
        return self.head_now

    def operations(self, start: int, stop: int) -> list[SharedOp]:
        return self.ops[start:stop]

    def added(self, start: int, stop: int) -> list[int | None]:
        return [op.added_at for op in self.ops[start:stop]]

    def chain_at(self, size: int) -> bytes | None:
        if size == 0:
            return NO_CHAIN
        return self.ops[size - 1].chain if size <= len(self.ops) else None

    def had_epoch(self, epoch: str) -> bool:
        return epoch in self.epochs

    def done(self, key: bytes) -> DoneOnce | None:
        return self.done_once.get(key)

    @contextmanager
    def turn(self) -> Iterator[SharedTurn]:
        if not self._lock.acquire(timeout=self._patience):
            raise StoreError("hub_busy", "others hold the shared log")
        try:
            yield _MemoryTurn(self)
        finally:
            self._lock.release()

    def close(self) -> None:
        pass

    # What happens to a hub

    def put_back(self, size: int) -> None:
        """To an older copy of itself."""
        del self.ops[size:]
        last = self.ops[-1].chain if self.ops else NO_CHAIN
        total = sum(int.from_bytes(op.hash, "big") for op in self.ops) % 2**256
        self.head_now = self.head_now._replace(size=size, chain=last, fingerprint=f"{total:064x}")

    def rewrite(self, epoch: str, bodies: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep other operations, under another epoch; those that are there came when they did."""
        came = {op.hash: op.added_at for op in self.ops}
        self.put_back(0)
        self.head_now = self.head_now._replace(epoch=epoch)
        self.epochs.add(epoch)
        total = sum(int.from_bytes(digest, "big") for digest, _ in bodies) % 2**256
        self.write(bodies, f"{total:064x}", (), self.now)
        self.ops = [op._replace(added_at=came.get(op.hash, op.added_at)) for op in self.ops]

    def write(self, ops: Sequence[tuple[bytes, bytes]], fingerprint: str, done: Sequence[DoneOnce], at: int) -> None:
        chain = self.head_now.chain
        known = {op.hash for op in self.ops}
        for digest, body in ops:
            assert digest not in known, "written twice"
            known.add(digest)
            chain = chained(chain, body)
            self.ops.append(SharedOp(len(self.ops), digest, body, chain, at))
        self.done_once.update((one.key, one) for one in done)
        self.head_now = self.head_now._replace(size=len(self.ops), fingerprint=fingerprint, chain=chain)


class _MemoryTurn:
    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.now = log.now
        self._written: tuple[Sequence[tuple[bytes, bytes]], str, Sequence[DoneOnce], int] | None = None

    @property
    def head(self) -> SharedHead:
        return self._log.head_now

    def operations(self, start: int, stop: int) -> list[SharedOp]:
        return self._log.operations(start, stop)

    def places(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        wanted = {*hashes}
        return {op.hash: op.place for op in self._log.ops if op.hash in wanted}

    def done(self, key: bytes) -> DoneOnce | None:
        return self._log.done(key)

    def append(
        self, ops: Sequence[tuple[bytes, bytes]], fingerprint: str, done: Sequence[DoneOnce] = (), at: int | None = None
    ) -> SharedHead:
        self._written = ops, fingerprint, done, self.now if at is None else at
        return self.head

    def commit(self) -> None:
        if self._written is not None:
            self._log.write(*self._written)


Step = Literal["head", "operations", "turn", "locked", "append", "appended", "commit", "committed"]
# What is lost: the connection; a turn, to others; and, once the commit was sent, its answer.
STEPS: tuple[Step, ...] = ("head", "operations", "turn", "locked", "append", "appended", "commit", "committed")


class Shaky:
    """Any shared log, as one replica gets at it: what is in `faults` happens when a turn comes so far.

    `away` loses the connection, `busy` the turn; after `commit` was sent nobody knows. `frozen` is a holder whom whoever
    keeps the log has given up, and who goes on after others have. A function is called, and nothing is lost by itself.
    """

    def __init__(self, inner: SharedLog) -> None:
        self.inner = inner
        self.is_away = False
        self.faults: dict[Step, Literal["away", "busy", "frozen"] | Callable[[], None]] = {}
        self.meanwhile: Callable[[], None] = lambda: None
        self.turns = 0
        # Of what was appended at once: how many operations, and their bytes.
        self.appended: list[tuple[int, int]] = []

    def head(self) -> SharedHead:
        self._come("head")
        return self.inner.head()

    def operations(self, start: int, stop: int) -> list[SharedOp]:
        self._come("operations")
        return self.inner.operations(start, stop)

    def added(self, start: int, stop: int) -> list[int | None]:
        self._come("operations")
        return self.inner.added(start, stop)

    def chain_at(self, size: int) -> bytes | None:
        self._come("operations")
        return self.inner.chain_at(size)

    def had_epoch(self, epoch: str) -> bool:
        self._come("operations")
        return self.inner.had_epoch(epoch)

    def done(self, key: bytes) -> DoneOnce | None:
        self._come("operations")
        return self.inner.done(key)

    @contextmanager
    def turn(self) -> Iterator[SharedTurn]:
        self._come("turn")
        self.turns += 1
        with ExitStack() as session:
            locked = session.enter_context(self.inner.turn())
            self._come("locked", session)
            yield _ShakyTurn(self, locked, session)

    def close(self) -> None:
        pass

    def _come(self, step: Step, session: ExitStack | None = None) -> None:
        fault = self.faults.pop(step, None)
        if callable(fault):
            fault()
            fault = None
        if fault == "busy":
            raise StoreError("hub_busy", "others held the shared log")
        if fault == "frozen" and session is not None:
            session.close()
            self.meanwhile()
        if fault is not None or self.is_away:
            code = "outcome_unknown" if step in ("commit", "committed") else "hub_away"
            raise StoreError(code, f"the hub cannot be reached ({step})")


class _ShakyTurn:
    def __init__(self, log: Shaky, inner: SharedTurn, session: ExitStack) -> None:
        self._log = log
        self._inner = inner
        self._session = session

    @property
    def head(self) -> SharedHead:
        return self._inner.head

    @property
    def now(self) -> int:
        return self._inner.now

    def operations(self, start: int, stop: int) -> list[SharedOp]:
        return self._inner.operations(start, stop)

    def places(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        return self._inner.places(hashes)

    def done(self, key: bytes) -> DoneOnce | None:
        return self._inner.done(key)

    def append(
        self, ops: Sequence[tuple[bytes, bytes]], fingerprint: str, done: Sequence[DoneOnce] = (), at: int | None = None
    ) -> SharedHead:
        self._log._come("append", self._session)
        self._log.appended.append((len(ops), sum(len(body) for _, body in ops)))
        head = self._inner.append(ops, fingerprint, done, at)
        self._log._come("appended", self._session)
        return head

    def commit(self) -> None:
        self._log._come("commit", self._session)
        self._inner.commit()
        self._log._come("committed", self._session)
