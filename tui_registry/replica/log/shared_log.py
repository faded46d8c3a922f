"""A log that several replicas share: what is asked of whoever keeps it.

Each replica is a view of that log: it holds the same operations at the same places, and answers all reads from itself.
Who wants to append takes a turn (`replica.log.turns`): the shared log is locked, the view follows to its end, the
ordinary local transaction runs, and what it appended is written to both, the shared log first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from tui_registry.crdt.signed_heads import head_digest
from tui_registry.frozen import NamedTuple

# A turn appends at most so many operations, of so many bytes.
MOST_OPS: Final = 512
MOST_BYTES: Final = 4 * 2**20
# The chain of an empty log.
NO_CHAIN: Final = bytes(32)


def chained(chain: bytes, body: bytes) -> bytes:
    """The chain of a log after one more operation: SHA-256 of the chain before it and of the SHA-256 of its bytes.

    A sum of hashes sees neither the order of the operations nor their signatures.

    Args:
        chain: 32 bytes. body: the exact bytes of the operation's line, without a line end.
    """
    return hashlib.sha256(chain + hashlib.sha256(body).digest()).digest()


class Head(NamedTuple):
    """What a log holds: 32 hex digits, a number of ops, 64 hex digits, and the address of the node's key.

    What follows is not in the head of a program of 0.1, and of this replica's only where it is given to others.

    Attributes:
        rules: the least version of the validity rules that reads all of the log; 0 where it is not told.
        set: the digest of the LtHash of all operations. root: of the tree over them (`crdt.tree`). 64 hex digits; empty
            where it is not told, as long as it is made.
        signed_at: Unix seconds: when the last operation came there, of a view of a hub what that states itself; 0
            where that is not known.
        sig: the node's signature of what precedes it but for `rules`, 130 hex digits; empty where it bears none.
    """

    epoch: str
    size: int
    fingerprint: str
    node: str
    rules: int = 0
    set: str = ""
    root: str = ""
    signed_at: int = 0
    sig: str = ""

    @property
    def digest(self) -> bytes | None:
        """What its signature is of; None where it does not say enough to be signed."""
        if not self.set or not self.root:
            return None
        return head_digest(
            epoch=self.epoch,
            size=self.size,
            fingerprint=self.fingerprint,
            set_hash=self.set,
            root=self.root,
            signed_at=self.signed_at,
        )


class SharedHead(NamedTuple):
    """How far the shared log is.

    Attributes:
        hub: the hub's id, 32 hex digits: a clone that goes its own way gets another one.
        epoch, size, fingerprint: as of `Head`.
        chain: of all its operations, 32 bytes.
        rules: the least version of the validity rules that reads all of it; a program with older ones does not follow.
        address: of the key that all nodes sign with, 40 hex digits.
    """

    hub: str
    epoch: str
    size: int
    fingerprint: str
    chain: bytes
    rules: int
    address: str


class SharedOp(NamedTuple):
    """One operation of the shared log.

    Attributes:
        hash: 32 bytes. body: its exact line. chain: of the log up to and with it.
        added_at: Unix seconds, by the clock of whoever keeps the log; of what the log began with when it came to the
            replica that it was then, None where that is not known. To all views it came at this time.
    """

    place: int
    hash: bytes
    body: bytes
    chain: bytes
    added_at: int | None


class DoneOnce(NamedTuple):
    """A request with an idempotency key that was done: digests as in `replica.log.turns`, 32 bytes each, and when, in
    Unix seconds."""

    key: bytes
    request: bytes
    hash: bytes
    at: int


class SharedLog(Protocol):
    """Whoever keeps the shared log. Safe to use from any thread; every method may raise `StoreError`:

    `hub_away` (it cannot be reached), `hub_busy` (others hold it longer than a turn may wait), `hub_other` (it is not
    the hub that was meant, or of tables that are not ours), `hub_newer` (a later version of this program keeps it).
    """

    def head(self) -> SharedHead:
        """How far the log is, without a lock."""

    def operations(self, start: int, stop: int) -> list[SharedOp]:
        """The operations from a place up to another one, in order, without a lock."""

    def added(self, start: int, stop: int) -> list[int | None]:
        """When the operations from a place up to another one came, as in `SharedOp`, in order, without a lock."""

    def chain_at(self, size: int) -> bytes | None:
        """The chain of the first `size` operations; None where there are not so many."""

    def had_epoch(self, epoch: str) -> bool:
        """Whether the log is of that epoch, or was before it was rewritten. Whoever keeps it knows nothing of one that
        began after the copy was made which was put back."""

    def done(self, key: bytes) -> DoneOnce | None:
        """What came of a request that was done within a day, without a lock."""

    def turn(self) -> AbstractContextManager[SharedTurn]:
        """Lock the log's end: nobody else appends before the block has ended. What was not committed is rolled back."""

    def close(self) -> None:
        """Let go of every connection."""


class SharedTurn(Protocol):
    """The shared log, locked. Errors as for `SharedLog`, `hub_busy` for serialisation failures and lock time-outs too:
    nothing was written then."""

    @property
    def head(self) -> SharedHead:
        """As it is under the lock."""

    @property
    def now(self) -> int:
        """When the lock was taken: Unix seconds, by the clock of whoever keeps the log."""

    def operations(self, start: int, stop: int) -> list[SharedOp]:
        """As of `SharedLog`."""

    def places(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Where those of these operations stand that the log holds."""

    def done(self, key: bytes) -> DoneOnce | None:
        """As of `SharedLog`."""

    def append(
        self, ops: Sequence[tuple[bytes, bytes]], fingerprint: str, done: Sequence[DoneOnce] = (), at: int | None = None
    ) -> SharedHead:
        """Write operations at the log's end, and the head behind them.

        Args:
            ops: each as its hash and its bytes. fingerprint: of the log with them.
            at: when they came, as whoever appends them has put it down; None for `now`.
        """

    def commit(self) -> None:
        """Make what was appended last. It is acknowledged from here on.

        Raises:
            StoreError: `hub_busy`: nothing was written. `outcome_unknown`: the connection was lost before an answer
                came: whether it was written is told by another turn, which waits the lost session out.
        """
