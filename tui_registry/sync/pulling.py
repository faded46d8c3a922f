"""Pulling: head, tiles, batches that are stored with the peer's cursor in one transaction, then missing children."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

from tui_registry.datastore import Datastore, Peer
from tui_registry.errors import RegistryError
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.errors import SyncError
from tui_registry.sync.events import Event, Failed, Finished, PullResult
from tui_registry.sync.reading import Pull
from tui_registry.sync.threads import in_thread
from tui_registry.sync.transport import open_transport
from tui_registry.sync.turns import Turns
from tui_registry.text import safe_text

Emit: TypeAlias = Callable[[Event], None]


# A pull that the user, or the turn of the next peer, ended before the peer's head.
_ENDED_EARLY = frozenset({"stopped", "turn_over"})


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
) -> PullResult:
    """Read what is new in one peer's log, verify it and store it.

    Every batch is stored together with the peer's cursor, so a pull that ends early, by an error, `cancel`, a
    cancelled task or a kill, has lost nothing and the next one goes on behind it.

    Args:
        emit: called in this event loop with `Started`, any number of `Progress`, then `Finished` or `Failed`.
        cancel: once set, the pull stops at the next transaction boundary with code `stopped`.
        turn_over: once set, it stops likewise, with code `turn_over`; see `Turns`.

    Returns:
        What it came to. A peer's failures and the Datastore's are its `error`, and so is a fault of this program (code
        `unexpected`); they are not raised.

    Raises:
        StoreError: code `not_found`: there is no such peer.
    """
    peer = await in_thread(datastore.peers.get, peer_name)
    return await _pull(datastore, peer, emit, cancel, turn_over, bounds or Bounds())


async def _pull(
    datastore: Datastore,
    peer: Peer,
    emit: Emit,
    cancel: asyncio.Event | None,
    turn_over: asyncio.Event | None,
    bounds: Bounds,
) -> PullResult:
    running = Pull(datastore, peer, bounds, emit)
    error: RegistryError | None = None
    try:
        await _until(_read(running, peer, bounds), _reasons(peer, bounds, cancel, turn_over))
    except asyncio.CancelledError:
        with suppress(RegistryError):
            await _close(datastore, running, peer, _stopped(peer))
        raise
    except Exception as failure:
        error = _in_words(peer, failure)
    try:
        await _close(datastore, running, peer, error)
    except Exception as failure:
        error = error or _in_words(peer, failure)
    result = running.result(error)
    emit(Finished(peer.name, result) if error is None else Failed(peer.name, error.code, result.sentence, result))
    return result


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

    async def one(peer: Peer) -> PullResult:
        async with turns.turn() as over:
            return await _pull(datastore, peer, emit, cancel, over, bounds)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(peer)) for peer in peers]
    return [task.result() for task in tasks]


async def _read(running: Pull, peer: Peer, bounds: Bounds) -> None:
    async with open_transport(peer, bounds) as transport:
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


async def _close(datastore: Datastore, running: Pull, peer: Peer, error: RegistryError | None) -> None:
    said = None if error is None else error.reason if isinstance(error, SyncError) else error.sentence
    etag = running.etag if error is None else None
    if error is not None and error.code in _ENDED_EARLY:
        # Nothing is wrong with the peer: it is only behind by what was not read yet.
        said = None
    await in_thread(datastore.peers.finish_pull, peer.name, running.head, said, etag, whole=error is None)


def _reasons(
    peer: Peer, bounds: Bounds, cancel: asyncio.Event | None, turn_over: asyncio.Event | None
) -> dict[asyncio.Event, SyncError]:
    reasons = {}
    if cancel is not None:
        reasons[cancel] = _stopped(peer)
    if turn_over is not None:
        said = f"took longer than {bounds.turn_seconds:g} s while another waited. The next sync goes on from here"
        reasons[turn_over] = SyncError(peer.name, "turn_over", said)
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
