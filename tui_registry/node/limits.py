"""How much a stranger may send to a node, how long it may take, and what the node keeps for it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from tui_registry.settings import Settings, with_bounds
from tui_registry.sync.bounds import MAX_OP_BYTES, TILE_OPS

# Where a node listens unless it is told otherwise. It stands here because `--help` needs it without a web framework.
DEFAULT_PORT = 8420
# Records in one answer, at most and unless asked for; a part of the API, so no bound of a single node.
MAX_PAGE = 500
PAGE = 50
# Live versions that an answer shows of one record: nothing keeps an owner from making thousands.
MAX_VERSIONS = 64
# Records of one walk along links.
MAX_LINKED = 1_000
# Names of fields that are asked for.
MAX_NAMES = 64
# Characters of a query or a cursor; of an order; of an idempotency key.
MAX_QUESTION_TEXT = 2_000
MAX_SORT = 64
MAX_KEY = 255
# An idempotency key: a string of a structured field (RFC 8941, section 3.3.3), or the same without quotes, as many
# clients send it. No key has a quote or a backslash.
KEY_PATTERN = rf'^(?:"([ !#-\[\]-~]{{1,{MAX_KEY}}})"|([!#-\[\]-~]{{1,{MAX_KEY}}}))$'
# What an answer leaves by: a reader who stalls costs so many bytes, not a whole tile.
PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class NodeBounds:
    """The bounds of a node. Sizes are bytes, times are seconds.

    Attributes:
        record_bytes: of a record as JSON, freely spelt. question_bytes: of a search, a list of hashes
            or a comparison.
        push_bytes, push_lines: of one push. push_store_bytes: the room of the node: pushes are refused once the
            replica's files are this big, and those of strangers a sixteenth before.
        push_owner_ops, push_owner_bytes: of one owner in the log, on disk; what is pushed beyond is left
            out. Keys that have a name here are held to neither.
        push_day_ops, push_day_bytes: from one address in a day, likewise; a push that reaches them is taken whole.
            Those who bear a token for pushing are held to neither.
        pushes_at_once: being checked. push_wait_seconds: for a push, whole, to wait for its turn.
        unchecked_bytes: of pushes that come in or wait for their turn, all together; half of it for one pusher.
            unchecked_seconds: for one of them to come in, once another lacks room.
        pushers: told apart by where they push from since the node began; all others count as one.
        reconcile_ops: of a log that is compared by ranges: its keys, 40 bytes each, are kept in memory.
        hashes, answer_bytes: asked for at once, and the size at which the answer becomes a prefix.
        header_bytes, header_lines: of a request's line and headers. header_seconds: until they are complete.
        body_rate: bytes a second that a request's body comes at, at least. body_seconds: how long it may stay behind.
        request_seconds: until the answer begins, once the body is in.
        send_seconds: until the next piece of 64 KiB of it is taken. unsent_bytes: of larger answers that wait for
            their readers, all together. turn_seconds: for one of them once another lacks room.
        connections: open at once. client_connections: from one address. Where all are taken, one whose request is not
            whole, or who has not taken the last piece of an answer, makes way for who has fewer.
        idle_seconds: before a silent connection is closed: longer than clients (5 s, and less by now) and proxies keep
            theirs (60 s, as nginx and others do), because whoever closes first loses no request. The one that is silent
            for the longest is closed before, where another lacks its place.
        tile_cache_bytes: of packed tiles kept in memory. tile_disk_bytes: of full ones kept beside the replica.
        list_cache_bytes: of lists and searches kept in memory as they were answered, until something is written.
        threads, search_threads, write_threads: that read the replica, search it and write to it; pushes have as many as
            are checked at once. Half of each kind for one client. waiting: searches, writes or pushes that wait for
            their thread; a quarter of each for one client. wait_seconds: for a thread.
        event_streams: told to readers at once; a quarter of them to one client. heartbeat_seconds: until one that has
            nothing to tell gives a sign of life.
        search_work: steps of SQLite's machine in one search, as in `Datastore.search`: 0.4 s of one core.
    """

    record_bytes: int = 512 * 1024
    question_bytes: int = 128 * 1024
    push_bytes: int = TILE_OPS * (MAX_OP_BYTES + 1)
    push_lines: int = 4096
    push_store_bytes: int = 4 * 1024**3
    push_owner_ops: int = 65_536
    push_owner_bytes: int = 256 * 1024**2
    push_day_ops: int = 65_536
    push_day_bytes: int = 256 * 1024**2
    pushes_at_once: int = 2
    push_wait_seconds: float = 10.0
    unchecked_bytes: int = 64 * 1024**2
    unchecked_seconds: float = 30.0
    pushers: int = 65_536
    reconcile_ops: int = 1_000_000
    hashes: int = 1024
    answer_bytes: int = 4 * 1024**2
    header_bytes: int = 16 * 1024
    header_lines: int = 128
    header_seconds: float = 10.0
    body_rate: int = 4096
    body_seconds: float = 30.0
    request_seconds: float = 180.0
    send_seconds: float = 60.0
    unsent_bytes: int = 128 * 1024**2
    turn_seconds: float = 120.0
    connections: int = 256
    client_connections: int = 64
    idle_seconds: int = 75
    tile_cache_bytes: int = 32 * 1024**2
    list_cache_bytes: int = 4 * 1024**2
    tile_disk_bytes: int = 1024**3
    threads: int = 8
    search_threads: int = 2
    write_threads: int = 2
    waiting: int = 128
    wait_seconds: float = 30.0
    event_streams: int = 64
    heartbeat_seconds: float = 15.0
    search_work: int = 10_000_000

    def of_one_of(self, workers: int) -> NodeBounds:
        """What one of so many processes of a node goes by: its part of the threads, of the places to wait for one and
        of what is kept in memory. Connections they count together, what was pushed and the room of the node the replica
        tells all of them; the rest holds for each."""

        def part(whole: int, least: int = 1) -> int:
            return max(-(-whole // workers), min(least, whole))

        if workers == 1:
            return self
        return replace(
            self,
            threads=part(self.threads),
            search_threads=part(self.search_threads),
            write_threads=part(self.write_threads),
            pushes_at_once=part(self.pushes_at_once),
            pushers=part(self.pushers),
            waiting=part(self.waiting, 4),
            tile_cache_bytes=part(self.tile_cache_bytes),
            list_cache_bytes=part(self.list_cache_bytes),
            # One pusher may have half of it, and a whole push has to find room.
            unchecked_bytes=part(self.unchecked_bytes, 2 * self.push_bytes),
            unsent_bytes=part(self.unsent_bytes, 2 * self.push_bytes),
        )


def node_bounds_of(settings: Settings, path: Path | None = None) -> NodeBounds:
    """The bounds of a node as a person has set them; arguments and errors as for `sync.bounds.bounds_of`."""
    return with_bounds(NodeBounds(), "node", settings.node, {}, path)


@lru_cache(1024)
def place_of(host: str | None) -> str | None:
    """By what clients are told apart: an address; of IPv6 its network of 64 bits, which one subscriber has to himself.

    None where it is no address.
    """
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed, 64), strict=False))
