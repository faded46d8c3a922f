"""Pulling: head, tiles, batches that are stored with the peer's cursor in one transaction, then missing children."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from tui_registry.crdt import claimed_hash, digest_of
from tui_registry.crdt.sets import LtHash
from tui_registry.datastore import ApplyReport, Cursor, Datastore, Head, Peer, Rejection, Spoilt, Standing
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present.pulls import (
    Concern,
    Event,
    Failed,
    Finished,
    Progress,
    PullResult,
    Started,
    SyncError,
    Tally,
    concerns_of,
    out_of_time,
    tally_of,
)
from tui_registry.sync.bounds import TILE_OPS, Bounds, Endless
from tui_registry.sync.comparing import Keep, is_worth_it, reconcile
from tui_registry.sync.concurrency import Turns, check_ahead, fetch_ahead, in_batches, in_thread
from tui_registry.sync.difference import Compared, compare, fetch, is_worth_asking, listed, read_ours, settle
from tui_registry.sync.tiles import RemoteHead, Span, spans
from tui_registry.sync.transport import Transport, answered, open_transport
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Arrival

Emit: TypeAlias = Callable[[Event], None]

# A pull that the user, the time that it was given, or the turn of the next peer ended before the peer's head.
_ENDED_EARLY = frozenset({"stopped", "turn_over", "out_of_time"})
_REJECTIONS_SHOWN = 20
_MISSING_KEPT = 65_536


def _ignore(event: Event) -> None:
    """For callers that only want the result."""


async def pull(
    datastore: Datastore,
    peer_name: str,
    *,
    emit: Emit = _ignore,
    cancel: asyncio.Event | None = None,
    turn_over: asyncio.Event | None = None,
    bounds: Bounds | None = None,
    through: Transport | None = None,
) -> PullResult:
    """Read what is new in one peer's log, verify it and store it.

    Every batch is stored together with the peer's cursor, so a pull that ends early, by an error, `cancel`, a
    cancelled task or a kill, has lost nothing and the next one goes on behind it.

    Args:
        emit: called in this event loop with `Started`, any number of `Progress`, then `Finished` or `Failed`.
        cancel: once set, the pull stops at the next transaction boundary with code `stopped`.
        turn_over: once set, it stops likewise, with code `turn_over`; see `Turns`.
        through: reads the peer's log from somewhere else, such as a bundle of it, and not to where it stands now; None
            for the peer's address.

    Returns:
        What it came to. A peer's failures and the Datastore's are its `error`, and so is a fault of this program (code
        `unexpected`); they are not raised.

    Raises:
        StoreError: code `not_found`: there is no such peer.
    """
    bounds = bounds or Bounds()
    peer = await in_thread(datastore.peers.get, peer_name)
    with _given(bounds) as out_of_time:
        return await _pull(datastore, peer, emit, _Ends(cancel, turn_over, out_of_time), bounds, through)


async def pull_all(
    datastore: Datastore,
    names: Sequence[str] | None = None,
    *,
    emit: Emit = _ignore,
    cancel: asyncio.Event | None = None,
    bounds: Bounds | None = None,
) -> list[PullResult]:
    """Pull from several peers, some at a time; one that fails does not hurt another.

    Args:
        names: of the peers, in the order of the results; None for all of them.

    Raises:
        StoreError: code `not_found`: there is no such peer. Nothing was pulled then.
    """
    bounds = bounds or Bounds()
    if names is None:
        names = [peer.name for peer in await in_thread(datastore.peers.all)]
    # Read before the first pull: one that is removed while it waits for its turn ends nobody else's.
    peers = [await in_thread(datastore.peers.get, name) for name in names]
    turns = Turns(bounds)

    # One time for all of them: whoever waits for their end waits no longer.
    with _given(bounds) as out_of_time:

        async def one(peer: Peer) -> PullResult:
            async with turns.turn(out_of_time) as over:
                return await _pull(datastore, peer, emit, _Ends(cancel, over, out_of_time), bounds)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(peer)) for peer in peers]
    return [task.result() for task in tasks]


# How: one pull, from its beginning to its result


class _Ends(NamedTuple):
    """What ends a pull before its time, each once it is set."""

    cancel: asyncio.Event | None
    turn_over: asyncio.Event | None
    out_of_time: asyncio.Event | None


@contextmanager
def _given(bounds: Bounds) -> Iterator[asyncio.Event | None]:
    """Set once the time is over that a pull is given; None where it may take any."""
    if bounds.pull_seconds is None:
        yield None
        return
    over = asyncio.Event()
    timer = asyncio.get_running_loop().call_later(bounds.pull_seconds, over.set)
    try:
        yield over
    finally:
        timer.cancel()


async def _pull(
    datastore: Datastore, peer: Peer, emit: Emit, ends: _Ends, bounds: Bounds, through: Transport | None = None
) -> PullResult:
    running = _Pull(datastore, peer, bounds, emit, is_its_own=through is None)
    error: RegistryError | None = None
    try:
        await _until(_read(datastore, running, peer, bounds, through), _reasons(peer, bounds, ends))
    except asyncio.CancelledError:
        with suppress(RegistryError):
            await _close(datastore, running, peer, _stopped(peer))
        raise
    except Exception as failure:
        error = _in_words(peer, failure)
    try:
        await _close(datastore, running, peer, error, now=through is None)
    except Exception as failure:
        error = error or _in_words(peer, failure)
    with suppress(RegistryError):  # removed meanwhile
        running.concerns = concerns_of(await in_thread(datastore.peers.get, peer.name))
    result = running.result(error)
    emit(Finished(peer.name, result) if error is None else Failed(peer.name, error.code, result.sentence, result))
    return result


async def _read(datastore: Datastore, running: _Pull, peer: Peer, bounds: Bounds, through: Transport | None) -> None:
    async with through or open_transport(peer, bounds, datastore.data_dir) as transport:
        await running.run(transport)


async def _until(work: Coroutine[None, None, None], reasons: Mapping[asyncio.Event, SyncError]) -> None:
    """Run until it is done, or there is a reason to stop; whatever happens, it has ended when this returns."""
    task = asyncio.ensure_future(work)
    told = {asyncio.ensure_future(event.wait()): error for event, error in reasons.items()}
    try:
        await asyncio.wait({task, *told}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise next(error for waited, error in told.items() if waited.done())
    finally:
        for waited in told:
            waited.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _close(
    datastore: Datastore, running: _Pull, peer: Peer, error: RegistryError | None, *, now: bool = True
) -> None:
    """Write down how it ended; `now` where what was read is how the peer stands now."""
    said = None if error is None else error.reason if isinstance(error, SyncError) else error.sentence
    etag = running.etag if error is None else None
    if error is not None and error.code in _ENDED_EARLY:
        # Nothing is wrong with the peer: it is only behind by what was not read yet.
        said = None
    await in_thread(datastore.peers.finish_pull, peer.name, running.head, said, etag, whole=error is None and now)


def _reasons(peer: Peer, bounds: Bounds, ends: _Ends) -> dict[asyncio.Event, SyncError]:
    reasons = {}
    if ends.cancel is not None:
        reasons[ends.cancel] = _stopped(peer)
    if ends.turn_over is not None:
        said = f"took longer than {bounds.turn_seconds:g} s while another waited. The next sync goes on from here"
        reasons[ends.turn_over] = SyncError(peer.name, "turn_over", said)
    if ends.out_of_time is not None:
        reasons[ends.out_of_time] = out_of_time(peer.name)
    return reasons


def _in_words(peer: Peer, failure: Exception) -> RegistryError:
    if isinstance(failure, RegistryError):
        return failure
    # A fault of ours that this peer brought to light. It must not end the pulls beside this one, nor the app.
    what = safe_text(f"{type(failure).__name__}: {failure}", 200)
    error = SyncError(peer.name, "unexpected", f"this should not happen ({what}). Please report it")
    error.__cause__ = failure
    return error


def _stopped(peer: Peer) -> SyncError:
    return SyncError(peer.name, "stopped", "stopped on request. The next sync goes on from here")


# How: what it reads and counts


class _Pull:
    """One pull: what it has read so far.

    Attributes:
        head, etag: the peer's, once known.
        concerns: what is to be told of its key, once it has ended.
    """

    def __init__(
        self, datastore: Datastore, peer: Peer, bounds: Bounds, emit: Emit, *, is_its_own: bool = True
    ) -> None:
        """
        Args:
            is_its_own: what is read is the peer's own answer, and no file that stands for it.
        """
        self.head: Head | None = None
        self.etag: str | None = None
        self.concerns: tuple[Concern, ...] = ()
        self._datastore = datastore
        self._peer = peer
        self._bounds = bounds
        self._emit = emit
        self._is_its_own = is_its_own
        self._remembered: RemoteHead | None = None
        self._transport: Transport | None = None
        self._began = time.monotonic()
        self._report = ApplyReport()
        self._rejected = 0
        self._read = 0
        self._restarted = False
        self._missing: set[str] = set()
        self._spoilt = _Spoilt(bounds.missing_hashes)
        self._compared = False
        self._difference: Compared | None = None
        self._stale = False
        self._still_spoilt = 0
        self._endless = Endless(bounds)

    async def run(self, transport: Transport) -> None:
        """Read everything up to the peer's head, then the children that are missing here.

        Raises:
            SyncError, StoreError: what was stored before stays stored.
        """
        self._transport = transport
        found = await self._believed(transport, await self._first_look(transport))
        if found is not None:
            found = await self._known_by_key(transport, found)
        if found is None:
            self._stale = True
            return
        remote = found
        await self._wanted(transport, remote.head.epoch)
        spoilt = await in_thread(self._datastore.peers.spoilt, self._peer.name, remote.head.epoch)
        anew = False
        looked_from = -1
        while True:
            self.head, self.etag = remote.head, remote.etag
            await self._see(remote.head)
            cursor = await in_thread(self._begin, remote.head, anew)
            await self._announce(cursor, remote.head)
            remote, cursor = await self._reconciled(transport, remote, cursor)
            start = cursor.start
            try:
                cursor = await self._entries(transport, remote, cursor)
            except SyncError as error:
                # A tail vanishes once its tile is full, and every tile does when a log is rewritten: look again, and as
                # often as more was read since. Who has a slow line is overtaken more than once.
                if error.code != "vanished" or start <= looked_from:
                    raise
                looked_from = start
                remote = await self._look_past_caches(transport)
                continue
            if cursor.fits(remote.head):
                break
            if start == 0 and (transport.past_caches or self._tally.in_no_sum):
                self._expect_reason()
                break
            # As well where pulls before this one read the beginning: else one that never has the time to read all of
            # the log in one go would begin anew for ever.
            if await in_thread(self._datastore.peers.may_differ, self._peer.name, remote.head.epoch):
                break
            # The peer's log is not the one that the cursor is of (it was restored from a backup), or some of what was
            # read came from a cache that has another: all is read again, past caches.
            anew = True
            looked_from, self._endless = -1, Endless(self._bounds)
            remote = await self._look_past_caches(transport)
        await self._children(transport, spoilt)
        await self._spoilt_again(transport, remote.head, spoilt)

    def result(self, error: RegistryError | None) -> PullResult:
        """What it came to."""
        return PullResult(
            peer=self._peer.name,
            head=self.head,
            read=self._read,
            rejections=tuple(self._report.rejected),
            bytes=self._transport.received if self._transport is not None else 0,
            seconds=time.monotonic() - self._began,
            restarted=self._restarted,
            stale=self._stale,
            still_spoilt=self._still_spoilt,
            error=error,
            elsewhere=self._report.elsewhere,
            concerns=self.concerns,
            **self._tally.counts(),
        )

    @property
    def _tally(self) -> Tally:
        # The report holds only the first of the rejections.
        return replace(tally_of(self._report), rejected=self._rejected)

    async def _first_look(self, transport: Transport) -> RemoteHead:
        """The head, or the one remembered where the peer says that nothing changed."""
        peer = self._peer
        if peer.epoch is None and transport.answers:
            # Nothing is known of it: the question that may spare us its log brings the head as well.
            asked = await self._ask_first(transport)
            if asked is not None:
                return asked
        remembered: RemoteHead | None = None
        if peer.etag and peer.epoch and peer.their_size is not None and peer.their_fingerprint and peer.node:
            head = Head(peer.epoch, peer.their_size, peer.their_fingerprint, peer.node)
            remembered = self._remembered = RemoteHead(head, ranges=False, etag=peer.etag)
        read = await transport.head(remembered.etag if remembered is not None else None)
        if read is not None:
            return read
        return remembered or await self._look(transport)

    async def _look(self, transport: Transport) -> RemoteHead:
        read = await transport.head()
        if read is None:
            raise SyncError(self._peer.name, "protocol", "says that nothing changed without having been asked")
        return read

    async def _look_past_caches(self, transport: Transport) -> RemoteHead:
        """The head that the peer itself has now; what is read after it comes from the peer itself too."""
        transport.past_caches = True
        return await self._look(transport)

    async def _believed(self, transport: Transport, remote: RemoteHead) -> RemoteHead | None:
        """The head to go by: this one where it goes on from what was read, else the peer's own. None where it is an
        older one of the same log, as a cache may keep it."""
        verdict = await self._verdict(transport, remote)
        if verdict != "on":
            await self._see(remote.head, is_last=False)
        if verdict == "other":
            past_caches = transport.past_caches
            remote = await self._look_past_caches(transport)
            verdict = await self._verdict(transport, remote)
            if remote.head.epoch != self._peer.epoch:
                # Its tiles have names of their own. All readers of a log with a new epoch read all of it: that is
                # what caches are for.
                transport.past_caches = past_caches
        return None if verdict == "stale" else remote

    async def _known_by_key(self, transport: Transport, remote: RemoteHead) -> RemoteHead:
        """The head to go by, once more the peer's own where the key that this peer is known by has not signed it: a
        cache may have one of before. What it is signed by is written down; the pull goes on in any case, as each
        operation proves its own author."""
        pinned = self._peer.pinned
        if remote is self._remembered:
            return remote
        if pinned is not None and _signer(remote.head) != pinned and not transport.past_caches:
            looked = await self._look_past_caches(transport)
            transport.past_caches = False
            if await self._verdict(transport, looked) == "on":
                return looked
            await self._see(looked.head, is_last=False)
        return remote

    async def _see(self, head: Head, *, is_last: bool = True) -> None:
        """Write down whose head it is; of a bundle it is not the peer's own answer, and one that is remembered as it
        was is none that was read."""
        is_remembered = self._remembered is not None and head is self._remembered.head
        if self._is_its_own and not is_remembered:
            await in_thread(self._datastore.peers.see_head, self._peer.name, head, is_last=is_last)

    async def _verdict(self, transport: Transport, remote: RemoteHead) -> str:
        standing = await in_thread(self._datastore.peers.standing, self._peer.name, remote.head)
        if standing.verdict != "unsure":
            return standing.verdict
        return "stale" if await self._leads_to(transport, remote, standing) else "other"

    async def _leads_to(self, transport: Transport, remote: RemoteHead, standing: Standing) -> bool:
        """Whether the entries behind the head, as the peer has them, lead to the sum that is known here."""
        start, stop = remote.head.size, standing.known
        tile = start // TILE_OPS
        first = start % TILE_OPS if remote.ranges else 0
        # What was a tail may have vanished since: then the tile is full.
        for end in dict.fromkeys((stop - tile * TILE_OPS, TILE_OPS)):
            span = Span(tile, first, end)
            try:
                lines = await transport.entries(remote.head.epoch, span)
            except SyncError as error:
                if error.code != "vanished":
                    raise
                continue
            between = lines[start - span.start : stop - span.start]
            return standing.leads_there(remote.head, map(claimed_hash, between))
        return False

    def _begin(self, head: Head, anew: bool) -> Cursor:
        return self._datastore.peers.begin_pull(self._peer.name, head, anew=anew)

    async def _announce(self, cursor: Cursor, head: Head) -> None:
        self._restarted = self._restarted or cursor.restarted
        ours = (await in_thread(self._datastore.log.head)).size
        self._emit(Started(self._peer.name, head.size, ours, cursor.start, cursor.restarted))

    async def _wanted(self, transport: Transport, epoch: str) -> None:
        """Ask for what was left out here before and may come in by now; where that cannot be asked for, its entries are
        read again."""
        peers, name = self._datastore.peers, self._peer.name
        wanted = await in_thread(peers.wanted, name, epoch, self._bounds.unkept_entries)
        if wanted is None:
            return
        is_full, again = False, not (transport.answers and wanted.is_whole)
        for start in range(0, 0 if again else len(wanted.hashes), self._bounds.missing_hashes):
            asked = wanted.hashes[start : start + self._bounds.missing_hashes]
            if not await self._take_in(transport, asked):
                is_full = True
                break
        # A static log says only when it is asked that it does not answer.
        again = again or not transport.answers
        await in_thread(peers.asked, name, epoch, again=again, is_full=is_full)

    async def _take_in(self, transport: Transport, hashes: Sequence[str]) -> bool:
        """Fetch operations by hash; whether there may be room for more."""
        left, is_room = set(hashes), True
        while left and is_room:
            lines = await transport.missing([item for item in hashes if item in left])
            useful = answered(lines) & left
            if not useful:
                break
            report = await self._keep(lines)
            left -= useful
            is_room = not report.left_out["source_full"] or report.applied > 0
        return is_room

    async def _ask_first(self, transport: Transport) -> RemoteHead | None:
        """The head of a peer that nothing is known of, and what its log differs in; None where it does not tell so."""
        ours = await in_thread(self._datastore.log.head, make_key=False)
        if not is_worth_asking(ours.size, ours.size, 0, self._bounds):
            return None
        found = await compare(self._datastore, self._peer.name, transport, self._bounds)
        self._compared = found is not None
        if isinstance(found, Compared):
            self._difference = found
            return found.remote
        return found

    async def _reconciled(self, transport: Transport, remote: RemoteHead, cursor: Cursor) -> tuple[RemoteHead, Cursor]:
        """Once in a pull, what a comparison of the logs spares us from reading; head and cursor as they are then."""
        difference, self._difference = self._difference, None
        if difference is not None and difference.remote.head != remote.head:
            difference = None  # the peer was asked for its head once more since
        if difference is None and not self._compared and cursor.start == cursor.next_index < remote.head.size:
            difference = await self._differing(transport, remote, cursor)
        if difference is not None:
            moved = await self._settled(transport, difference)
            return remote, moved or cursor
        if remote.lists and cursor.next_index == 0 and not self._compared:
            return remote, await self._listed(transport, remote) or cursor
        return await self._by_ranges(transport, remote, cursor)

    async def _differing(self, transport: Transport, remote: RemoteHead, cursor: Cursor) -> Compared | None:
        """What the peer's log differs in, where that is seen here, or is worth asking for."""
        ours = await in_thread(read_ours, self._datastore, is_asked=False) if remote.head.set else None
        if ours is not None and LtHash.from_bytes(ours.lanes).digest().hex() == remote.head.set:
            return Compared(remote, ours)
        size = (await in_thread(self._datastore.log.head, make_key=False)).size
        if not remote.differs or not is_worth_asking(size, remote.head.size, cursor.start, self._bounds):
            return None
        self._compared = True
        found = await compare(
            self._datastore, self._peer.name, transport, self._bounds, remote=remote, start=cursor.start
        )
        return found if isinstance(found, Compared) else None

    async def _settled(self, transport: Transport, difference: Compared) -> Cursor | None:
        """Fetch what only the peer has, and pass over its log; None where that comes to another set than it names."""
        before = self._report.unsupported

        async def keep(lines: list[bytes]) -> ApplyReport:
            report = await self._keep(lines)
            self._missing.update(report.missing)
            return report

        claimed = await fetch(transport, self._peer.name, difference.theirs_only, keep, self._bounds)
        missing = await in_thread(self._datastore.log.unknown, sorted(self._missing))
        await _ask_for_children(transport, set(missing), self._keep, self._bounds)
        unread = self._report.unsupported - before
        moved = await in_thread(settle, self._datastore, self._peer.name, difference, claimed, unread)
        if moved is not None:
            self._tell(moved.next_index, difference.remote.head)
        return moved

    async def _listed(self, transport: Transport, remote: RemoteHead) -> Cursor | None:
        ours = await in_thread(self._datastore.log.head, make_key=False)
        if not is_worth_asking(ours.size, remote.head.size, 0, self._bounds):
            return None
        self._compared = True
        moved = await listed(self._datastore, self._peer.name, transport, remote, self._bounds, self._keep)
        if moved is not None:
            self._tell(moved.next_index, remote.head)
        return moved

    async def _by_ranges(self, transport: Transport, remote: RemoteHead, cursor: Cursor) -> tuple[RemoteHead, Cursor]:
        """As `_reconciled`, the way of nodes of 0.1."""
        if self._compared or remote.differs or not transport.answers:
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
                await self._see(remote.head)
        self._tell(moved.next_index, remote.head)
        return remote, moved

    async def _keep(self, lines: list[bytes]) -> ApplyReport:
        """Store operations that were asked for by hash."""
        await in_thread(self._datastore.expect_room, self._bounds.room_bytes)
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
            async for read in checked:
                arrivals = read
                stop = cursor.start + len(read)
                if any(arrival.error is not None for arrival in read) and transport.doubt(cursor.start, stop):
                    arrivals = await self._from_itself(transport, remote.head.epoch, cursor.start, stop)
                report, cursor = await self._store(cursor, arrivals, remote.head)
                await transport.stored(cursor.start)
                ours = (await in_thread(self._datastore.log.head)).size
                claims = [arrival.claimed for arrival in arrivals if arrival.error is None]
                unkept = report.pending + report.unsupported + report.deferred
                why = self._endless.why(claims, report.known, len(report.rejected), unkept, ours)
                if why is not None:
                    raise SyncError(self._peer.name, "protocol", why)
        return cursor

    async def _from_itself(self, transport: Transport, epoch: str, start: int, stop: int) -> list[Arrival]:
        """Entries once more, from the peer itself: those that came from elsewhere break a rule."""
        lines: list[bytes] = []
        for span in spans(start, stop, ranges=False):
            got = await transport.entries(epoch, span)
            lines += got[max(0, start - span.start) :]
        return await in_thread(self._datastore.log.check_lines, lines, start)

    async def _store(self, cursor: Cursor, arrivals: list[Arrival], head: Head) -> tuple[ApplyReport, Cursor]:
        start = cursor.start
        await in_thread(self._datastore.expect_room, self._bounds.room_bytes)
        report, cursor = await in_thread(self._datastore.peers.store_entries, self._peer.name, cursor, arrivals)
        self._read += len(arrivals)
        self._count(report, start)
        self._spoilt.note(arrivals, report.rejected)
        if len(self._missing) < _MISSING_KEPT:
            self._missing.update(report.missing)
        self._tell(cursor.start, head)
        return report, cursor

    async def _children(self, transport: Transport, spoilt: Sequence[Spoilt]) -> None:
        """Ask for sound copies of what was spoilt, now or when it was read before, and for the children that are
        missing."""
        self._spoilt.claim(spoilt)
        if not transport.answers or not (self._missing or self._spoilt.claimed):
            return
        wanted = await in_thread(self._datastore.log.unknown, sorted(self._spoilt.claimed))
        self._missing.update(await self._spoilt.ask(transport, wanted, self._keep))
        # What was missing from one batch may have come with a later one, or just now.
        missing = await in_thread(self._datastore.log.unknown, sorted(self._missing))
        await _ask_for_children(transport, set(missing), self._keep, self._bounds)
        if self.head is not None:
            self._tell(self.head.size, self.head)

    async def _spoilt_again(self, transport: Transport, head: Head, before: Sequence[Spoilt]) -> None:
        """Look again at entries that were refused for their bytes by an earlier pull: the peer may have mended its log.
        One tile of them in each pull, past caches, which would keep the spoilt one for a year."""
        if not before:
            return
        left = await in_thread(self._datastore.peers.spoilt, self._peer.name, head.epoch)
        of_before = {entry for entry, _ in before}
        due = [entry for entry, _ in left if entry in of_before and entry < head.size]
        if due:
            tile = due[0] // TILE_OPS
            span = Span(tile, 0, min(TILE_OPS, head.size - tile * TILE_OPS))
            transport.past_caches = True
            # The log was read to its end: what was spoilt stays so where the tile does not come.
            with suppress(SyncError):
                lines = await transport.entries(head.epoch, span)
                wanted = [entry for entry in due if span.start <= entry < span.end]
                arrivals = await in_thread(self._checked, [(entry, lines[entry - span.start]) for entry in wanted])
                report = await in_thread(self._datastore.peers.store_again, self._peer.name, head.epoch, arrivals)
                self._count(report, None)
            left = await in_thread(self._datastore.peers.spoilt, self._peer.name, head.epoch)
        self._still_spoilt = len(left)

    def _checked(self, entries: Sequence[tuple[int, bytes]]) -> list[Arrival]:
        arrivals = self._datastore.log.check_lines([line for _, line in entries])
        for arrival, (entry, _) in zip(arrivals, entries, strict=True):
            arrival.entry = entry
        return arrivals

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
        """Refuse a log that does not add up to its head, unless operations that count in no sum here explain it."""
        if not self._tally.in_no_sum:
            raise SyncError(
                self._peer.name,
                "bad_head",
                "its head does not fit its log: the fingerprints differ. What it sent and proved is kept",
            )


class _Spoilt:
    """What one pull refused for its bytes: the first `most` entries. The operation whose hash they claim may be sound,
    and the peer have it.

    Attributes:
        claimed: the hashes that they claim.
    """

    def __init__(self, most: int) -> None:
        self.claimed: set[str] = set()
        self._most = most
        self._refused: set[bytes] = set()

    def claim(self, entries: Sequence[Spoilt]) -> None:
        """Ask for these too, which an earlier pull refused, as far as one question has room."""
        self.claimed.update(entry.claimed for entry in entries[: self._most - len(self.claimed)] if entry.claimed)

    def note(self, arrivals: Sequence[Arrival], rejections: Sequence[Rejection]) -> None:
        """Remember what was refused of a batch; a rejection's place is the arrival's in the batch."""
        for rejection in rejections:
            arrival = arrivals[rejection.place]
            if rejection.is_spoilt and arrival.claimed is not None and len(self._refused) < self._most:
                self.claimed.add(arrival.claimed)
                self._refused.add(digest_of(arrival.body))

    async def ask(self, transport: Transport, hashes: Sequence[str], keep: Keep) -> list[str]:
        """Ask once for these hashes, and keep what comes unless it is what was refused.

        Returns:
            The children that what came waits for.
        """
        # The log was read to its end: a peer that does not answer this has kept nothing from us that it promised.
        with suppress(SyncError):
            lines = await transport.missing(sorted(hashes)) if hashes else []
            fresh = [line for line in lines if digest_of(line) not in self._refused]
            if fresh:
                return (await keep(fresh)).missing
        return []


async def _ask_for_children(transport: Transport, missing: set[str], keep: Keep, bounds: Bounds) -> None:
    """Ask until nothing is missing, the peer has no more, or the rounds are used up.

    Args:
        missing: hashes to begin with; children of what arrives are asked for in turn. A hash
            that was answered, or that the peer does not have, is not asked for again.
        keep: stores lines and reports what they wait for in turn.
    """
    settled: set[str] = set()
    wanted = set(missing)
    for _ in range(bounds.missing_rounds):
        question = sorted(wanted)[: bounds.missing_hashes]
        if not question:
            return
        lines = await transport.missing(question)
        useful = answered(lines).intersection(question)
        if not useful:
            # The peer has none of these: an answer that is a prefix has at least the first.
            settled.update(question)
            wanted -= settled
            continue
        report = await keep(lines)
        settled |= useful
        wanted = (wanted | set(report.missing)) - settled


def _signer(head: Head) -> str | None:
    return head.node if head.sig else None


def _placed(rejection: Rejection, start: int | None) -> Rejection:
    return rejection._replace(place=-1 if start is None else start + rejection.place)
