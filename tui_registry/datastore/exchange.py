"""The exchanging half of the Datastore: peers, cursors, ops from elsewhere, and the log as others read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING

from tui_registry.datastore.doors import expect
from tui_registry.datastore.writing import Writing
from tui_registry.errors import Problem
from tui_registry.replica import log, peers, quarantine
from tui_registry.replica.errors import StoreError
from tui_registry.replica.reports import ApplyReport, Cursor, Head, Peer, Quarantined

if TYPE_CHECKING:
    from tui_registry.crdt import Op
    from tui_registry.replica.arrivals import Arrival

# The word index writes a segment for each transaction: large ones are quicker by a third.
_APPLIED_AT_ONCE = 8_192
# Operations to a transaction from which on others are likely to follow.
_BULK = 1_024


class Exchange(Writing):
    """What sync and node need."""

    def apply(self, ops: Iterable[bytes | Op], *, source: str = "", keep_pending: bool = True) -> ApplyReport:
        """Take operations from elsewhere: verified, appended in batches, each batch in one transaction.

        Args:
            ops: each as bytes without a line end, or as `parse_op` gives it; a children-first order is quickest, any
                order works.
            source: who sent them, for the quarantine.
            keep_pending: whether ops whose children are not here are kept for later.

        Returns:
            What became of them; an invalid op is reported, it never stops the others.

        Raises:
            TypeError: one of them is neither bytes nor an op. Nothing of a list is stored then; of a stream, batches
                before it may be.
        """
        from concurrent.futures import ThreadPoolExecutor

        from tui_registry.replica import ingest

        total = ApplyReport()
        lines = map(_line, ops)
        stream = iter([*lines] if isinstance(ops, Sequence) else lines)
        offset = 0
        # The next batch is judged while this one is stored.
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self.check_lines, list(islice(stream, _APPLIED_AT_ONCE)))
            while arrivals := coming.result():
                coming = ahead.submit(self.check_lines, list(islice(stream, _APPLIED_AT_ONCE)))
                # Less than a full batch is the last one: stored as an ordinary write, it gives back what a bulk held.
                with self._storing(arrivals, bulk=len(arrivals) == _APPLIED_AT_ONCE) as db:
                    outcome = ingest.store(db, arrivals, source, self._clock(), keep_pending=keep_pending)
                total.add(outcome.report)
                total.rejected += [item._replace(place=item.place + offset) for item in outcome.report.rejected]
                offset += len(arrivals)
        return total

    def quarantine(self, limit: int = 200) -> list[Quarantined]:
        """The last operations that were refused, the latest first; at most 10,000 are remembered."""
        with self._pool.read() as db:
            return quarantine.read_quarantine(db, limit)

    def quarantine_sources(self) -> dict[str, int]:
        """How many of the remembered refused operations each source sent, the one of most first."""
        with self._pool.read() as db:
            return quarantine.count_sources(db)

    # Peers

    def peers(self) -> list[Peer]:
        """Every peer, by name."""
        with self._pool.read() as db:
            return peers.read_peers(db)

    def peer(self, name: str) -> Peer:
        """The peer of that name.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.read() as db:
            found = peers.read_peers(db, name)
        if not found:
            raise peers.no_such_peer(name)
        return found[0]

    def add_peer(self, name: str, address: str) -> Peer:
        """Remember a node (http or https URL) or a static log (directory) to pull from.

        Raises:
            StoreError: `bad_peer_name`, `bad_address`, `peer_exists`.
        """
        for problem in peers.check_place(address):
            raise StoreError(problem.code, problem.sentence)
        with self._pool.write() as db:
            peers.add_peer(db, name, address, self._clock())
        return self.peer(name)

    def check_peer(self, name: str, address: str) -> list[Problem]:
        """What keeps a peer of that name and address from being added, by field; for forms."""
        with self._pool.read() as db:
            problems = peers.check_peer(db, name, address)
        return problems + peers.check_place(address)

    def remove_peer(self, name: str) -> None:
        """Forget a peer; the ops that came from it stay.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.write() as db:
            peers.remove_peer(db, name)

    def begin_pull(self, name: str, head: Head) -> Cursor:
        """Where to read on in a peer's log, given its head.

        Raises:
            StoreError: `not_found`.
        """
        from tui_registry.replica import pulling

        with self._pool.write() as db:
            return pulling.begin_pull(db, name, head, self._clock())

    def check_lines(self, lines: Sequence[bytes], first_entry: int | None = None) -> list[Arrival]:
        """Judge lines from elsewhere by themselves, writing nothing: the slow half of storing them, and one that may
        run beside the storing of others.

        Args:
            first_entry: the index of the first line in a peer's log.
        """
        from tui_registry.replica import arrivals

        with _calm(len(lines)):
            return arrivals.verify(self._pool, self._verifier(), lines, first_entry)

    def store_entries(self, name: str, cursor: Cursor, arrivals: Sequence[Arrival]) -> tuple[ApplyReport, Cursor]:
        """Store checked entries of a peer's log and move its cursor, in one transaction.

        Args:
            cursor: from `begin_pull`, or from the call before this one.
            arrivals: from `check_lines`, beginning at `cursor.start`.
        """
        from tui_registry.replica import pulling

        with self._storing(arrivals, bulk=len(arrivals) >= _BULK) as db:
            outcome, moved = pulling.store_entries(db, name, cursor, arrivals, self._clock())
        return outcome.report, moved

    def skip_entries(self, name: str, epoch: str, size: int, fingerprint: str) -> Cursor:
        """Move a peer's cursor behind entries that are all here without having been read one by one.

        Args:
            fingerprint: the sum of the hashes of entries 0..size.
        """
        from tui_registry.replica import pulling

        with self._pool.write() as db:
            return pulling.skip_entries(db, name, Cursor(epoch, size, size, fingerprint), self._clock())

    def store_missing(self, name: str, lines: Sequence[bytes]) -> ApplyReport:
        """Store ops that were asked for by hash; no cursor moves."""
        return self.apply(lines, source=name)

    def finish_pull(
        self, name: str, head: Head | None, error: str | None, etag: str | None = None, *, whole: bool = True
    ) -> None:
        """Write down how a pull ended.

        Args:
            error: a sentence, None when it went well.
            whole: False when the user stopped it before the peer's head: no failure, and no sync either.
        """
        with self._pool.write() as db:
            peers.finish_pull(db, name, head, error, etag, whole, self._clock())

    # The log

    def head(self) -> Head:
        """Size, fingerprint and epoch of the log, as of one moment."""
        address = self.address
        with self._pool.read() as db:
            return log.read_head(db, address)

    def begins_as(self, head: Head) -> bool:
        """Whether the log still begins with what an earlier head of it, of the same epoch, was of. It does not when the
        replica was put back to an older copy and written on."""
        with self._pool.read() as db:
            return log.begins_as(db, head)

    def renew_epoch(self) -> None:
        """Give the log another epoch, because others were given another log under this one. They begin anew."""
        with self._pool.write() as db:
            log.renew_epoch(db)

    def log_lines(self, start: int, stop: int) -> list[bytes]:
        """The exact bytes of ops start..stop of the log, without line ends."""
        with self._pool.read() as db:
            return log.read_lines(db, start, stop)

    def log_keys(self) -> tuple[Head, bytes]:
        """The head, and the keys of every op of the log: `updated_at` and hash, 40 bytes each, ascending. It reads the
        whole log."""
        address = self.address
        with self._pool.read() as db:
            return log.read_head(db, address), log.read_keys(db)

    def unknown(self, hashes: Sequence[str]) -> list[str]:
        """Those of the hashes that no op of the log has, in their order."""
        with self._pool.read() as db:
            return log.unknown(db, hashes)

    def ops_by_hash(self, hashes: Sequence[str], max_bytes: int) -> list[bytes]:
        """The ops with these hashes, children first; without unknown ones, and no more than `max_bytes` of them."""
        with self._pool.read() as db:
            return log.read_by_hash(db, hashes, max_bytes)

    # How

    @contextmanager
    def _storing(self, arrivals: Sequence[Arrival], *, bulk: bool) -> Iterator[sqlite3.Connection]:
        """A write transaction for so many operations; a bulk where others are likely to follow."""
        with _calm(len(arrivals)), self._pool.write(bulk=bulk) as db:
            yield db


def _line(op: bytes | Op) -> bytes:
    if isinstance(op, bytes):
        return op
    from tui_registry.crdt import Op

    expect(op, Op, "an operation is bytes (`to_json` gives them), or what `parse_op` gives")
    return op.to_json()


def _calm(operations: int) -> AbstractContextManager[None]:
    from tui_registry.replica.collector import searching_seldom

    return searching_seldom() if operations >= _BULK else nullcontext()
