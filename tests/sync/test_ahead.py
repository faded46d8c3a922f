"""Reading ahead: one batch is stored and told while the next is on its way, and what waits is counted once."""

from __future__ import annotations

import asyncio

from tests.sync.hostile import Ask, Reply, but, honest, hostile
from tests.sync.logs import ALICE, FakeLog, edit, root, roots
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, Event, Progress, pull

_BY_TILE = Bounds(batch_ops=256, request_seconds=30)


async def test_a_batch_is_stored_and_told_while_the_next_one_is_still_on_its_way(here: Datastore) -> None:
    log = FakeLog.of(roots(ALICE, 300))
    told = asyncio.Event()
    stored: list[int] = []

    async def late(ask: Ask, reply: Reply) -> None:
        await told.wait()
        await honest(log)(ask, reply)

    def emit(event: Event) -> None:
        if isinstance(event, Progress):
            stored.append(here.log.head().size)
            told.set()

    async with hostile(but(honest(log), "/1.44.ndjson.gz", late)) as peer:
        here.peers.add("hub", peer.url)
        result = await pull(here, "hub", emit=emit, bounds=_BY_TILE)
    assert (result.ok, stored) == (True, [256, 300])


async def test_an_op_that_a_later_batch_releases_is_not_pending_in_the_result(here: Datastore) -> None:
    first, other = root(ALICE, "late"), root(ALICE, "never")
    waiting = [edit(ALICE, first, description="edited"), edit(ALICE, other, description="edited")]
    log = FakeLog.of([*waiting, *roots(ALICE, 298), first])
    told: list[int] = []

    def emit(event: Event) -> None:
        if isinstance(event, Progress):
            told.append(event.so_far.pending)

    async with hostile(honest(log)) as peer:
        here.peers.add("hub", peer.url)
        result = await pull(here, "hub", emit=emit, bounds=_BY_TILE)
    assert (result.applied, result.pending, told[:2]) == (300, 1, [2, 1])
    assert here.stats().pending == result.pending
