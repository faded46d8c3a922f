"""Pushing: offering this replica's operations to a node that takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.sync.bounds import TILE_OPS, Bounds
from tui_registry.sync.errors import SyncError
from tui_registry.sync.threads import in_thread
from tui_registry.sync.transport import is_url


@dataclass(slots=True)
class PushResult:
    """What the peer says became of what was offered, which is nothing where it has everything already."""

    peer: str
    offered: int = 0
    applied: int = 0
    known: int = 0
    pending: int = 0
    rejected: int = 0
    unsupported: int = 0


async def push(datastore: Datastore, peer_name: str, *, bounds: Bounds | None = None) -> PushResult:
    """Offer the operations of this log: all of them, or none where the peer's head says that it has just these.

    The peer checks them as it checks everybody's.

    Raises:
        StoreError: code `not_found`: there is no such peer.
        SyncError: the peer cannot be reached, or takes no operations. What it took before it keeps.
    """
    from tui_registry.sync.http import HttpTransport

    bounds = bounds or Bounds()
    peer = await in_thread(datastore.peers.get, peer_name)
    if not is_url(peer.address):
        raise SyncError(peer.name, "not_accepted", "a directory takes no operations. Write one with `export --log`")
    ours = await in_thread(datastore.log.head)
    result = PushResult(peer.name)
    async with HttpTransport(peer.name, peer.address, bounds) as transport:
        theirs = await transport.head()
        if theirs is not None and (theirs.head.size, theirs.head.fingerprint) == (ours.size, ours.fingerprint):
            return result
        for start in range(0, ours.size, 2 * TILE_OPS):
            lines = await in_thread(datastore.log.lines, start, min(start + 2 * TILE_OPS, ours.size))
            for part in _parts(lines, bounds):
                _add(result, await transport.offer(part))
                result.offered += len(part)
    return result


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


def _add(result: PushResult, answer: Json) -> None:
    if not isinstance(answer, dict):
        return
    result.applied += _count(answer.get("applied"))
    result.known += _count(answer.get("known"))
    result.pending += _count(answer.get("pending"))
    result.unsupported += _count(answer.get("unsupported"))
    rejected = answer.get("rejected")
    result.rejected += len(rejected) if isinstance(rejected, list) else 0


def _count(value: Json) -> int:
    return value if type(value) is int and 0 <= value <= 2**53 else 0
