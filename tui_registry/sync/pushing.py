"""Pushing: offering this replica's operations to a node that takes them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui_registry.crdt import claimed_hash
from tui_registry.datastore import Datastore, Peer
from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.present.pulls import Delivery, PushPlan, PushResult, SyncError, Tally, out_of_time, read_report
from tui_registry.records import derive_manifest_id
from tui_registry.sync.bounds import TILE_OPS, Bounds
from tui_registry.sync.concurrency import in_thread
from tui_registry.sync.difference import Compared, compare, settle
from tui_registry.sync.transport import is_url, open_node
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.sync.http_transport import HttpTransport

# Nodes of 0.1 give a body 60 s, however large it is.
_TOO_MUCH = frozenset(("http_408", "http_413"))
# Of a delivery: no sync goes on with it.
_AGAIN = "Publish it again to go on from here"


async def plan_push(datastore: Datastore, peer_name: str, *, bounds: Bounds | None = None) -> PushPlan:
    """What `push` would offer now; nothing is offered.

    Raises:
        StoreError: code `not_found`: there is no such peer.
        SyncError: the peer cannot be reached, or is none that takes operations.
    """
    bounds = bounds or Bounds()
    try:
        async with asyncio.timeout(bounds.pull_seconds) as given:
            peer = await _taking(datastore, peer_name)
            async with open_node(peer.name, peer.address, bounds) as transport:
                asked = await _asked(datastore, peer.name, transport, bounds, notes=False)
                return PushPlan(peer.name, asked.total, asked.lacking is not None or not asked.total)
    except TimeoutError:
        if not given.expired():
            raise
        raise out_of_time(peer_name) from None


async def push(
    datastore: Datastore,
    peer_name: str,
    *,
    bounds: Bounds | None = None,
    token: str | None = None,
    at: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> PushResult:
    """Offer the operations that the peer lacks; all of this log to a node of 0.1, which does not tell.

    The peer checks them as it checks everybody's, and others' first: where it is busy, they are offered again.

    Args:
        token: what opens the peer to pushes, where it asks for that. Nobody else is shown it.
        at: the address that somebody allowed this for, and the token is for. A peer that was given another one since is
            offered nothing. None for whichever it has.
        progress: called with operations offered, and how many there are to offer.

    Raises:
        StoreError: code `not_found`: there is no such peer.
        TokenAskedError: the peer takes operations from those who bear a token.
        SyncError: the peer cannot be reached, or takes no operations. What it took before it keeps.
    """
    bounds = bounds or Bounds()
    try:
        async with asyncio.timeout(bounds.pull_seconds) as given:
            return await _push(datastore, peer_name, bounds, token, at, progress)
    except TimeoutError:
        if not given.expired():
            raise
        raise out_of_time(peer_name) from None


async def deliver(
    datastore: Datastore,
    peer_name: str,
    identifiers: Sequence[str],
    *,
    bounds: Bounds | None = None,
    token: str | None = None,
    dry_run: bool = False,
) -> Delivery:
    """See to it that a node has records as they are here, with what stands behind them: ask for their heads, offer all
    operations of those whose heads it lacks, and ask for them again. The same twice offers nothing. A node of before
    that cannot read manifests has the record.

    Args:
        identifiers: of the records, each once.
        token: as for `push`.
        dry_run: only ask; without identifiers, whether the node answers.

    Raises:
        StoreError: code `not_found`: there is no such peer.
    """
    bounds, start = bounds or Bounds(), 0
    done = Delivery(peer=peer_name, records=len(identifiers))
    try:
        async with asyncio.timeout(bounds.pull_seconds) as given:
            peer = await _taking(datastore, peer_name)
            async with open_node(peer.name, peer.address, bounds, next_time=_AGAIN) as transport:
                if dry_run and not identifiers:
                    # What is not signed yet cannot be asked for; whether there is a node can.
                    await transport.head()
                for start in range(0, len(identifiers), bounds.missing_hashes):
                    asked = identifiers[start : start + bounds.missing_hashes]
                    done = await _delivered(datastore, transport, asked, done, bounds, token, dry_run=dry_run)
    except TimeoutError:
        if not given.expired():
            raise
        error: SyncError = out_of_time(peer_name, _AGAIN)
    except SyncError as failed:
        error = failed
    else:
        return done
    return replace(done, missing=(*done.missing, *identifiers[start:]), error=error)


async def _delivered(
    datastore: Datastore,
    transport: HttpTransport,
    identifiers: Sequence[str],
    done: Delivery,
    bounds: Bounds,
    token: str | None,
    *,
    dry_run: bool,
) -> Delivery:
    """What was done before, and with these records."""
    heads: dict[str, list[bytes]] = {}
    for identifier in identifiers:
        heads[identifier] = [
            line for key in _keys_of(identifier) for line in await in_thread(_heads_of, datastore, key)
        ]
    lacking = await _lacking(transport, heads, bounds)
    if lacking and not dry_run:
        # As for `push`.
        await in_thread(datastore.mark.note, await in_thread(datastore.log.head))
        for identifier in lacking:
            lines = [line for key in _keys_of(identifier) for line in await in_thread(datastore.log.ops_of, key)]
            for part in _parts(lines, bounds):
                offered = await _offered(transport, part, token, datastore)
                if offered.unsupported:  # it has what it can read
                    heads[identifier] = await in_thread(_heads_of, datastore, identifier)
                tally = Tally(**done.counts()).plus(offered)
                done = Delivery(
                    peer=done.peer,
                    records=done.records,
                    offered=done.offered + len(part),
                    missing=done.missing,
                    error=None,
                    **tally.counts(),
                )
        lacking = await _lacking(transport, {identifier: heads[identifier] for identifier in lacking}, bounds)
    return replace(done, missing=(*done.missing, *lacking))


def _keys_of(identifier: str) -> tuple[str, str]:
    """Of a record and of what stands behind it."""
    return identifier, derive_manifest_id(identifier)


def _heads_of(datastore: Datastore, identifier: str) -> list[bytes]:
    heads = set(datastore.heads(identifier))
    return [line for line in datastore.log.ops_of(identifier) if claimed_hash(line) in heads]


async def _lacking(transport: HttpTransport, heads: Mapping[str, list[bytes]], bounds: Bounds) -> list[str]:
    """The records of which the node does not show every head, byte by byte."""
    ours = {claimed_hash(line) or "": line for lines in heads.values() for line in lines}
    lacking, asked = dict(ours), sorted(ours)
    while asked:
        question, asked = asked[: bounds.missing_hashes], asked[bounds.missing_hashes :]
        shown = [line for line in await transport.missing(question) if lacking.get(claimed_hash(line) or "") == line]
        for line in shown:
            lacking.pop(claimed_hash(line) or "", None)
        if shown:  # it may answer a part of what it has
            asked = [found for found in question if found in lacking] + asked
    return [identifier for identifier, lines in heads.items() if any(claimed_hash(line) in lacking for line in lines)]


async def _taking(datastore: Datastore, peer_name: str) -> Peer:
    """The peer, which is one that can take operations."""
    peer = await in_thread(datastore.peers.get, peer_name)
    if not is_url(peer.address):
        raise SyncError(peer.name, "not_accepted", "a directory takes no operations. Write one with `export --log`")
    return peer


class _Asked(NamedTuple):
    """What is to be offered: so many of this log in `total`; the hashes of what the peer `lacking`, None where it does
    not tell; and whether it takes them packed."""

    total: int
    lacking: list[bytes] | None
    is_packed: bool


async def _asked(
    datastore: Datastore, name: str, transport: HttpTransport, bounds: Bounds, *, notes: bool = True
) -> _Asked:
    """
    Args:
        notes: the peer's cursor may pass what was seen to be here; else nothing is written.
    """
    ours = await in_thread(datastore.log.head)
    found = await compare(datastore, name, transport, bounds, pushing=True)
    # Who compares logs so takes pushes that are packed.
    is_packed = found is not None
    if isinstance(found, Compared):
        if notes:
            await in_thread(_note_passed, datastore, name, found)
        lacking = await in_thread(datastore.log.in_order, found.ours_only)
        return _Asked(len(lacking), lacking, is_packed)
    theirs = found or await transport.head()
    if theirs is not None and (theirs.head.size, theirs.head.fingerprint) == (ours.size, ours.fingerprint):
        return _Asked(0, None, is_packed)
    return _Asked(ours.size, None, is_packed)


async def _push(
    datastore: Datastore,
    peer_name: str,
    bounds: Bounds,
    token: str | None,
    at: str | None,
    progress: Callable[[int, int], None],
) -> PushResult:
    peer = await _taking(datastore, peer_name)
    if at not in (None, peer.address):
        moved = f"leads to {safe_text(peer.address, 120)} now, which it did not when this began: nothing was sent there"
        raise SyncError(peer.name, "redirect", moved)
    # What is given away is remembered: a replica that is put back to less notices it before it signs anew.
    await in_thread(datastore.mark.note, await in_thread(datastore.log.head))
    tally, offered = Tally(), 0
    async with open_node(peer.name, peer.address, bounds) as transport:
        total, lacking, is_packed = await _asked(datastore, peer.name, transport, bounds)
        # Whoever compares logs so was written when there were manifests. Of others it is asked with the first of them:
        # they would be offered all of them at every push, and read none.
        reads_manifests = True if is_packed else None
        progress(0, total)
        for start in range(0, total, 2 * TILE_OPS):
            lines = await in_thread(_lines, datastore, lacking, start, min(start + 2 * TILE_OPS, total))
            for part in _parts(lines, bounds):
                for piece in _up_to_a_manifest(part) if reads_manifests is None else [part]:
                    kept = [line for line in piece if reads_manifests is not False or not _is_manifest(line)]
                    manifests = sum(map(_is_manifest, kept))
                    told = await _offered(transport, kept, token, datastore, packed=is_packed) if kept else Tally()
                    tally = tally.plus(told).plus(Tally(unsupported=len(piece) - len(kept)))
                    offered += len(kept)
                    progress(offered, total)
                    if manifests and reads_manifests is not False:
                        reads_manifests = told.unsupported < manifests
    return PushResult(peer=peer.name, offered=offered, **tally.counts())


def _is_manifest(line: bytes) -> bool:
    return line.startswith(b'{"Manifest":')


def _up_to_a_manifest(part: list[bytes]) -> list[list[bytes]]:
    """The lines up to the first manifest, and those after it."""
    first = next((place for place, line in enumerate(part) if _is_manifest(line)), len(part))
    return [piece for piece in (part[: first + 1], part[first + 1 :]) if piece]


def _lines(datastore: Datastore, lacking: list[bytes] | None, start: int, stop: int) -> list[bytes]:
    """What is offered: of what the peer lacks, or where that is not known, of all that is here."""
    if lacking is None:
        return datastore.log.lines(start, stop)
    return datastore.log.by_hash([digest.hex() for digest in lacking[start:stop]], sys.maxsize)


def _note_passed(datastore: Datastore, name: str, found: Compared) -> None:
    """Where everything of the peer's is here, its cursor passes it, so that what is pushed now stands right behind."""
    head = found.remote.head
    if found.theirs_only or datastore.peers.standing(name, head).verdict != "on":
        return
    cursor = datastore.peers.begin_pull(name, head)
    if cursor.start == cursor.next_index < head.size:
        settle(datastore, name, found, ())


async def _offered(
    transport: HttpTransport, lines: list[bytes], token: str | None, datastore: Datastore, *, packed: bool = False
) -> Tally:
    """What became of these lines; in halves where a node takes no more at once, or not for so long a time as they take
    on this line."""
    try:
        answer = await transport.offer(lines, token, packed=packed)
    except SyncError as error:
        if error.code not in _TOO_MUCH or len(lines) == 1:
            raise
    else:
        await in_thread(_note_pushed, datastore, transport.peer, lines, answer)
        return read_report(answer)
    half = len(lines) // 2
    first = await _offered(transport, lines[:half], token, datastore, packed=packed)
    return first.plus(await _offered(transport, lines[half:], token, datastore, packed=packed))


def _note_pushed(datastore: Datastore, name: str, lines: list[bytes], answer: Json) -> None:
    """Where the peer says that it appended just these, its cursor passes them. A lie costs it its own operations."""
    tally = read_report(answer)
    if replace(tally, conflicts=0) != Tally(applied=len(lines)):
        return  # as many may be others, which had waited for some of these
    appended = answer.get("appended") if isinstance(answer, dict) else None
    told = appended if isinstance(appended, dict) else {}
    epoch, ranges = told.get("epoch"), told.get("ranges")
    match ranges:
        case [[int(start), int(stop)]] if isinstance(epoch, str) and stop - start == len(lines):
            claims = [claimed_hash(line) for line in lines]
            hashes = [bytes.fromhex(claim) for claim in claims if claim is not None]
            if len(hashes) == len(lines):
                datastore.peers.note_pushed(name, epoch, start, hashes)


def _parts(lines: list[bytes], bounds: Bounds) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and (len(part) >= bounds.push_ops or size + len(line) >= bounds.push_bytes):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield part
