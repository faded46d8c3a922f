"""What a peer's log has that is not here, and why: all of it is read, and nothing is stored."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing

from tui_registry.datastore import Datastore
from tui_registry.frozen import NamedTuple
from tui_registry.present.pulls import SyncError, out_of_time
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.concurrency import fetch_ahead, in_batches, in_thread
from tui_registry.sync.tiles import spans
from tui_registry.sync.transport import open_transport


class Audit(NamedTuple):
    """What a peer's log has.

    Attributes:
        size: operations in it. here: those that this log has as well.
        not_here: the others, by what `Log.why_not_here` says of them.
    """

    size: int
    here: int
    not_here: Counter[str]


async def audit(datastore: Datastore, peer_name: str, *, bounds: Bounds | None = None) -> Audit:
    """Compare a peer's log with this one, operation by operation, and say why each is not here that is not.

    Raises:
        StoreError: code `not_found`: there is no such peer.
        SyncError: it could not be read to its end.
    """
    bounds = bounds or Bounds()
    peer = await in_thread(datastore.peers.get, peer_name)
    try:
        async with asyncio.timeout(bounds.pull_seconds) as given:
            async with open_transport(peer, bounds, datastore.data_dir) as transport:
                remote = await transport.head()
                if remote is None:
                    raise SyncError(peer.name, "protocol", "says that nothing changed without having been asked")
                head, found, at = remote.head, Counter[str](), 0
                tiles = fetch_ahead(transport, head.epoch, spans(0, head.size, ranges=remote.ranges), bounds)
                async with aclosing(in_batches(tiles, 0, bounds)) as batches:
                    async for lines in batches:
                        why = await in_thread(datastore.log.why_not_here, peer.name, head.epoch, lines, at)
                        found.update(why)
                        at += len(lines)
    except TimeoutError:
        if not given.expired():
            raise
        raise out_of_time(peer_name, "Ask again with more of it") from None
    return Audit(head.size, head.size - found.total(), found)
