"""One pull's work and its counts: what `pull` runs, stops and reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING

from tui_registry.datastore import ApplyReport, Cursor, Datastore, Head, Peer, Rejection
from tui_registry.errors import RegistryError
from tui_registry.sync.ahead import check_ahead, fetch_ahead, in_batches
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.children import ask_for_children
from tui_registry.sync.errors import SyncError
from tui_registry.sync.events import Event, Progress, PullResult, Started
from tui_registry.sync.heads import RemoteHead
from tui_registry.sync.reconciling import is_worth_it, reconcile
from tui_registry.sync.spoilt import Spoilt
from tui_registry.sync.threads import in_thread
from tui_registry.sync.tiles import spans
from tui_registry.sync.transport import Transport

if TYPE_CHECKING:
    from tui_registry.datastore import Arrival

_REJECTIONS_SHOWN = 20
_MISSING_KEPT = 65_536


class Pull:
    """One pull: what it has read so far.

    Attributes:
        head, etag: the peer's, once known.
    """

    def __init__(self, datastore: Datastore, peer: Peer, bounds: Bounds, emit: Callable[[Event], None]) -> None:
        self.head: Head | None = None
        self.etag: str | None = None
        self._datastore = datastore
        self._peer = peer
        self._bounds = bounds
        self._emit = emit
        self._transport: Transport | None = None
        self._began = time.monotonic()
        self._report = ApplyReport()
        self._rejected = 0
        self._read = 0
        self._restarted = False
        self._missing: set[str] = set()
        self._spoilt = Spoilt(bounds.missing_hashes)
        self._compared = False

    async def run(self, transport: Transport) -> None:
        """Read everything up to the peer's head, then the children that are missing here.

        Raises:
            SyncError, StoreError: what was stored before stays stored.
        """
        self._transport = transport
        remote = await self._first_look(transport)
        looked_again = read_again = False
        while True:
            self.head, self.etag = remote.head, remote.etag
            cursor = await in_thread(self._datastore.peers.begin_pull, self._peer.name, remote.head)
            await self._announce(cursor, remote.head)
            remote, cursor = await self._reconciled(transport, remote, cursor)
            start = cursor.start
            try:
                cursor = await self._entries(transport, remote, cursor)
            except SyncError as error:
                # A tail vanishes once its tile is full, and every tile does when a log is rewritten: look once more.
                if error.code != "vanished" or looked_again:
                    raise
                looked_again = True
                remote = await self._look(transport)
                continue
            if _fits(cursor, remote.head):
                break
            # The peer's log is not the one that the cursor is of (it was restored from a backup): begin_pull voids it.
            if start == 0 or read_again:
                self._expect_reason()
                break
            read_again = True
        await self._children(transport)

    def result(self, error: RegistryError | None) -> PullResult:
        """What it came to."""
        report = self._report
        return PullResult(
            peer=self._peer.name,
            head=self.head,
            read=self._read,
            applied=report.applied,
            known=report.known,
            pending=report.pending,
            rejected=self._rejected,
            unsupported=report.unsupported,
            rejections=tuple(report.rejected),
            bytes=self._transport.received if self._transport is not None else 0,
            seconds=time.monotonic() - self._began,
            restarted=self._restarted,
            error=error,
        )

    async def _first_look(self, transport: Transport) -> RemoteHead:
        """The head, or the one remembered where the peer says that nothing changed."""
        peer = self._peer
        remembered = None
        if peer.etag and peer.epoch and peer.their_size is not None and peer.their_fingerprint and peer.node:
            head = Head(peer.epoch, peer.their_size, peer.their_fingerprint, peer.node)
            remembered = RemoteHead(head, ranges=False, etag=peer.etag)
        read = await transport.head(remembered.etag if remembered is not None else None)
        if read is not None:
            return read
        return remembered or await self._look(transport)

    async def _look(self, transport: Transport) -> RemoteHead:
        read = await transport.head()
        if read is None:
            raise SyncError(self._peer.name, "protocol", "says that nothing changed without having been asked")
        return read

    async def _announce(self, cursor: Cursor, head: Head) -> None:
        self._restarted = self._restarted or cursor.restarted
        ours = (await in_thread(self._datastore.log.head)).size
        self._emit(Started(self._peer.name, head.size, ours, cursor.start, cursor.restarted))

    async def _reconciled(self, transport: Transport, remote: RemoteHead, cursor: Cursor) -> tuple[RemoteHead, Cursor]:
        """Once in a pull, what a comparison of the logs spares us from reading; head and cursor as they are then."""
        if self._compared or not transport.answers:
            return remote, cursor
        ours = await in_thread(self._datastore.log.head)
        if not is_worth_it(cursor, remote.head, ours, self._bounds):
            return remote, cursor
        self._compared = True
        moved = await reconcile(self._datastore, self._peer.name, transport, remote.head, self._keep, self._bounds)
        if moved is None:
            return remote, cursor
        if moved.next_index > remote.head.size:
            # The log has grown since its head was read.
            looked = await self._look(transport)
            if looked.head.epoch == remote.head.epoch:
                remote = looked
                self.head, self.etag = remote.head, remote.etag
        self._tell(moved.next_index, remote.head)
        return remote, moved

    async def _keep(self, lines: list[bytes]) -> ApplyReport:
        """Store operations that were asked for by hash."""
        report = await in_thread(self._datastore.apply, lines, source=self._peer.name)
        self._count(report, None)
        return report

    async def _entries(self, transport: Transport, remote: RemoteHead, cursor: Cursor) -> Cursor:
        """Store the entries from the cursor up to the head; what came before an error is stored too.

        One batch is stored while the next is checked and the ones after it are fetched.
        """
        wanted = spans(cursor.start, remote.head.size, ranges=remote.ranges)
        start = cursor.start

        def check(lines: list[bytes]) -> Coroutine[None, None, list[Arrival]]:
            nonlocal start
            first, start = start, start + len(lines)
            return in_thread(self._datastore.log.check_lines, lines, first)

        tiles = fetch_ahead(transport, remote.head.epoch, wanted, self._bounds)
        batches = in_batches(tiles, start, self._bounds)
        async with aclosing(check_ahead(batches, check)) as checked:
            async for arrivals in checked:
                cursor = await self._store(cursor, arrivals, remote.head)
        return cursor

    async def _store(self, cursor: Cursor, arrivals: list[Arrival], head: Head) -> Cursor:
        start = cursor.start
        report, cursor = await in_thread(self._datastore.peers.store_entries, self._peer.name, cursor, arrivals)
        self._read += len(arrivals)
        self._count(report, start)
        self._spoilt.note(arrivals, report.rejected)
        if len(self._missing) < _MISSING_KEPT:
            self._missing.update(report.missing)
        self._tell(cursor.start, head)
        return cursor

    async def _children(self, transport: Transport) -> None:
        """Ask for sound copies of what was spoilt, and for the children that are missing."""
        if not transport.answers or not (self._missing or self._spoilt.claimed):
            return

        spoilt = await in_thread(self._datastore.log.unknown, sorted(self._spoilt.claimed))
        self._missing.update(await self._spoilt.ask(transport, spoilt, self._keep))
        # What was missing from one batch may have come with a later one, or just now.
        missing = await in_thread(self._datastore.log.unknown, sorted(self._missing))
        await ask_for_children(transport, set(missing), self._keep, self._bounds)
        if self.head is not None:
            self._tell(self.head.size, self.head)

    def _count(self, report: ApplyReport, start: int | None) -> None:
        """Add a batch; `start` is the log index of its first line, None where the lines are no entries."""
        total = self._report
        total.add(report)
        self._rejected += len(report.rejected)
        room = _REJECTIONS_SHOWN - len(total.rejected)
        total.rejected += [_placed(rejection, start) for rejection in report.rejected[:room]]

    def _tell(self, done: int, head: Head) -> None:
        self._emit(Progress(done, head.size, self.result(None)))

    def _expect_reason(self) -> None:
        """A log that does not add up to its head: told, unless ops that count nowhere here explain it."""
        if not self._rejected and not self._report.unsupported:
            raise SyncError(
                self._peer.name,
                "bad_head",
                "its head does not fit its log: the fingerprints differ. What it sent and proved is kept",
            )


def _fits(cursor: Cursor, head: Head) -> bool:
    return cursor.next_index != head.size or cursor.running_sum == head.fingerprint


def _placed(rejection: Rejection, start: int | None) -> Rejection:
    return rejection._replace(place=-1 if start is None else start + rejection.place)
