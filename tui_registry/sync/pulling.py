"""Pulling: head, tiles, batches that are stored with the peer's cursor in one transaction, then missing children."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TypeAlias

from tui_registry.datastore import Datastore, Peer
from tui_registry.errors import RegistryError
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.errors import SyncError
from tui_registry.sync.events import Event, Failed, Finished, PullResult
from tui_registry.sync.reading import Reading
from tui_registry.sync.threads import in_thread
from tui_registry.sync.transport import open_transport

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
    bounds: Bounds | None = None,
    turn_seconds: float | None = None,
) -> PullResult:
    """Read what is new in one peer's log, verify it and store it.

    Every batch is stored together with the peer's cursor, so a pull that ends early, by an error, `cancel`, a
    cancelled task or a kill, has lost nothing and the next one goes on behind it.

    Args:
        emit: called in this event loop with `Started`, any number of `Progress`, then `Finished` or `Failed`.
        cancel: once set, the pull stops at the next transaction boundary with code `stopped`.
        turn_seconds: after so long it stops likewise, with code `turn_over`.

    Returns:
        What it came to. A peer's failures and the Datastore's are its `error`; they are not raised.

    Raises:
        StoreError: code `not_found`: there is no such peer.
    """
    bounds = bounds or Bounds()
    peer = await in_thread(datastore.peer, peer_name)
    reading = Reading(datastore, peer, bounds, emit)
    error: RegistryError | None = None
    try:
        await _until(_read(reading, peer, bounds), peer, cancel, turn_seconds)
    except RegistryError as failure:
        error = failure
    except asyncio.CancelledError:
        with suppress(RegistryError):
            await _close(datastore, reading, peer, _stopped(peer))
        raise
    try:
        await _close(datastore, reading, peer, error)
    except RegistryError as failure:
        error = error or failure
    result = reading.result(error)
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
        names = [peer.name for peer in await in_thread(datastore.peers)]
    for name in names:
        await in_thread(datastore.peer, name)
    turn = bounds.turn_seconds if len(names) > bounds.peers_at_once else None
    slots = asyncio.Semaphore(bounds.peers_at_once)

    async def one(name: str) -> PullResult:
        async with slots:
            return await pull(datastore, name, emit=emit, cancel=cancel, bounds=bounds, turn_seconds=turn)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name)) for name in names]
    return [task.result() for task in tasks]


async def _read(reading: Reading, peer: Peer, bounds: Bounds) -> None:
    async with open_transport(peer, bounds) as transport:
        await reading.run(transport)


async def _until(
    work: Coroutine[None, None, None], peer: Peer, cancel: asyncio.Event | None, seconds: float | None
) -> None:
    """Run until it is done, told to stop or out of time; whatever happens, it has ended when this returns."""
    task = asyncio.ensure_future(work)
    told = asyncio.ensure_future(cancel.wait()) if cancel is not None else None
    try:
        await asyncio.wait({task, told} if told else {task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if told is not None and told.done():
            raise _stopped(peer)
        raise SyncError(
            peer.name,
            "turn_over",
            f"took longer than {seconds:g} s while others waited. The next sync goes on from here",
        )
    finally:
        if told is not None:
            told.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _close(datastore: Datastore, reading: Reading, peer: Peer, error: RegistryError | None) -> None:
    said = None if error is None else error.reason if isinstance(error, SyncError) else error.sentence
    etag = reading.etag if error is None else None
    if error is not None and error.code in _ENDED_EARLY:
        # Nothing is wrong with the peer: it is only behind by what was not read yet.
        said = None
    await in_thread(datastore.finish_pull, peer.name, reading.head, said, etag, whole=error is None)


def _stopped(peer: Peer) -> SyncError:
    return SyncError(peer.name, "stopped", "stopped on request. The next sync goes on from here")
