"""The sync endpoints (see protocol.md, Sync): head, tiles, operations by hash, the log as digests of ranges, and pushes
where they are allowed."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from tui_registry.datastore import Datastore, Head
from tui_registry.errors import Json
from tui_registry.node.description import SYNC_ROUTES, add_route
from tui_registry.node.limits import NodeBounds
from tui_registry.node.requests import etag_of, is_held, members, read_body, read_json, wanted_range, wrong
from tui_registry.node.responses import NodeError
from tui_registry.node.tokens import AcceptOps, Tokens
from tui_registry.present.pulls import report_json
from tui_registry.sync.comparing import Keys, RangeError, describe, read_question
from tui_registry.sync.tiles import LogError, Span, etag_of_head, pack, spell_head, split

_FOREVER = "public, max-age=31536000, immutable"
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NDJSON = "application/x-ndjson"
_REJECTIONS_TOLD = 100
# Seconds: the longest time that a pusher is sent away for.
_LATEST = 30
_MOVED = NodeError("no_log", "this log is another one by now: read /sync/head again")
# No peer's name has a colon.
_PUSH = "push:"
OTHERS = f"{_PUSH}others"


def log_routes(datastore: Datastore, tokens: Tokens, *, accept_ops: AcceptOps, bounds: NodeBounds) -> APIRouter:
    """`/sync/head`, the tiles, `/sync/ops/get`, `/sync/reconcile`, and `/sync/ops`, which answers 403 unless
    `accept_ops`."""
    routes = _Log(datastore, tokens, accept_ops, bounds)
    router = APIRouter(prefix="/sync", tags=["sync"])
    add_route(router, "GET", "/head", routes.head, SYNC_ROUTES["head"])
    add_route(router, "GET", "/{epoch}/entries/{name}", routes.tile, SYNC_ROUTES["tile"])
    add_route(router, "POST", "/ops/get", routes.by_hash, SYNC_ROUTES["by_hash"])
    add_route(router, "POST", "/ops", routes.push, SYNC_ROUTES["push"])
    add_route(router, "POST", "/reconcile", _Reconciling(datastore, bounds).answer, SYNC_ROUTES["reconcile"])
    return router


class _Log:
    def __init__(self, datastore: Datastore, tokens: Tokens, accept_ops: AcceptOps, bounds: NodeBounds) -> None:
        self._datastore = datastore
        self._tokens = tokens
        self._accept_ops = accept_ops
        self._bounds = bounds
        self._tiles = _Tiles(datastore, bounds.tile_cache_bytes)
        self._turns = _Turns(bounds)
        self._unchecked = _Unchecked(bounds)
        self._pushers = Pushers(bounds.pushers)

    async def head(self, request: Request) -> Response:
        head = await run_in_threadpool(self._head)
        return _answer(request, spell_head(head, ranges=True), etag_of_head(head), "max-age=2", "application/json")

    def _head(self) -> Head:
        head = self._datastore.log.head()
        # Before anybody is told: a backup that is put back later must not be served under this epoch.
        self._datastore.mark.note(head)
        return head

    async def tile(self, epoch: str, name: str, request: Request) -> Response:
        span = Span.from_name(name)
        tile = None if span is None else await run_in_threadpool(self._tiles.packed, epoch, span)
        if tile is None:
            raise NodeError("no_tile", "this log has no such tile: read /sync/head again")
        return _answer(request, tile.data, tile.etag, _FOREVER, "application/gzip", in_parts=True)

    async def by_hash(self, request: Request) -> Response:
        bounds = self._bounds
        body = await read_json(request, bounds.question_bytes, bounds)
        hashes = members(body, {"hashes": "a list"}).get("hashes")
        if not isinstance(hashes, list) or len(hashes) > bounds.hashes:
            raise wrong("hashes", f"must be a list of at most {bounds.hashes:,} hashes")
        wanted = [item for item in hashes if isinstance(item, str) and _HASH.fullmatch(item)]
        if len(wanted) != len(hashes):
            raise wrong("hashes", "must hold hashes of 64 lower-case hex digits and nothing else")
        lines = await run_in_threadpool(self._datastore.log.by_hash, wanted, bounds.answer_bytes)
        return Response(b"".join(line + b"\n" for line in lines), 200, None, _NDJSON)

    async def push(self, request: Request) -> Response:
        if not self._accept_ops:
            raise NodeError(
                "push_off", "this node takes no operations from others: its operator may start it so that it does"
            )
        if self._accept_ops == "token" and self._tokens.allows(request.headers.get("authorization"), "push") is None:
            raise NodeError(
                "unauthorized", "a push to this node needs a bearer token: its operator makes one ('token add')"
            )
        source = self._pushers.name(None if request.client is None else request.client.host)
        with self._unchecked.coming(source) as coming:
            # Its turn comes after its body: who sends slowly keeps nobody waiting.
            body = await coming.whole(request)
            async with self._turns.turn():
                return await run_in_threadpool(self._push, body, source)

    def _push(self, body: bytes, source: str) -> Response:
        bounds = self._bounds
        # Not left to `split`, as too many lines are not malformed: the caller can send them in two pushes.
        if body.count(b"\n") > bounds.push_lines:
            raise NodeError(
                "too_large", f"a push takes at most {bounds.push_lines:,} operations: send the rest in another"
            )
        try:
            lines = split(body, bounds.push_lines)
        except LogError as error:
            raise NodeError("no_operations", f"the body {error.reason}: send one operation a line") from None
        if _disk_use(self._datastore.data_dir) >= bounds.push_store_bytes:
            raise NodeError("full", "this node has no room for more operations from others")
        report = self._datastore.apply(lines, source=source)
        told = report_json(report, _REJECTIONS_TOLD, bounds.hashes)
        return Response(json.dumps(told, ensure_ascii=False).encode(), 200, None, "application/json")


class _Turns:
    """The turns of pushes that are in, one after the other as they came."""

    def __init__(self, bounds: NodeBounds) -> None:
        self._bounds = bounds
        self._free = asyncio.Semaphore(bounds.pushes_at_once)
        self._waiting = 0
        # What one took, the last ones counting most.
        self._usual = 1.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises NodeError: `busy`: it did not come in time; says when it may."""
        self._waiting += 1
        try:
            async with asyncio.timeout(self._bounds.push_wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise _busy(
                "others are pushing just now", self._waiting * self._usual / self._bounds.pushes_at_once
            ) from None
        finally:
            self._waiting -= 1
        began = time.monotonic()
        try:
            yield
        finally:
            self._usual += (time.monotonic() - began - self._usual) / 4
            self._free.release()


class _Unchecked:
    """The bodies of pushes that come in or wait for their turn. Who is slow, or has many, makes way for others."""

    def __init__(self, bounds: NodeBounds) -> None:
        self._bounds = bounds
        # In the order in which they began.
        self._coming: dict[_Coming, None] = {}

    @contextmanager
    def coming(self, source: str) -> Iterator[_Coming]:
        """A body, counted until the block ends."""
        one = _Coming(self, source, self._bounds)
        self._coming[one] = None
        try:
            yield one
        finally:
            del self._coming[one]

    def make_room(self, one: _Coming, count: int) -> None:
        """Raises NodeError: `busy`: there is no room for so many more bytes of it."""
        most = self._bounds.unchecked_bytes
        if sum(other.size for other in self._coming if other.source == one.source) + count > most // 2:
            raise _busy("much that was pushed from your address is not checked yet", 5)
        lacking = sum(other.size for other in self._coming) + count - most
        if lacking <= 0:
            return
        begun_before = asyncio.get_running_loop().time() - self._bounds.unchecked_seconds
        ending: list[_Coming] = []
        for other in self._coming:
            if lacking > 0 and other is not one and other.is_coming and other.size and other.since <= begun_before:
                ending.append(other)
                lacking -= other.size
        if lacking > 0:  # and nobody ends, as that would not make room enough
            raise _busy("much that was pushed is not checked yet", 5)
        for other in ending:
            other.end()


class _Coming:
    """The body of a push, while it comes in.

    Attributes:
        since: when it began. size: bytes that are in.
        is_coming: some of it is not in yet, and it need not make way.
    """

    def __init__(self, all_of_them: _Unchecked, source: str, bounds: NodeBounds) -> None:
        self.source = source
        self.since = asyncio.get_running_loop().time()
        self.size = 0
        self.is_coming = False
        self._all = all_of_them
        self._bounds = bounds
        self._timeout = asyncio.timeout(None)

    async def whole(self, request: Request) -> bytes:
        """The body.

        Raises:
            NodeError: as `read_body`; `busy`: there is no room for it, or not any longer.
        """
        self.is_coming = True
        try:
            async with self._timeout:
                return await read_body(request, self._bounds.push_bytes, self._bounds, self._came)
        except TimeoutError:
            if not self._timeout.expired():
                raise
            raise _busy("others need the room of what comes in so slowly", 5) from None
        finally:
            self.is_coming = False

    def end(self) -> None:
        """Make way for another: it counts no longer, and nor does what still comes until it has ended."""
        self.is_coming = False
        self.size = 0
        self._timeout.reschedule(0)

    def _came(self, count: int) -> None:
        if self.is_coming:
            self._all.make_room(self, count)
            self.size += count


def _busy(why: str, seconds: float) -> NodeError:
    after = min(max(math.ceil(seconds), 1), _LATEST)
    return NodeError("busy", f"{why}: try again in {after} s", headers={"retry-after": str(after)})


class Pushers:
    """A name for each place that pushes: for the quarantine, and so that what waits on behalf of one place drives out
    nobody else's. At most `most` places are told apart since the node started."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def name(self, host: str | None) -> str:
        """`push:` and an address; for IPv6 its network of 64 bits, which one subscriber has to himself."""
        place = _place(host)
        if place is None or (place not in self._known and len(self._known) >= self._most):
            return OTHERS
        self._known.add(place)
        return _PUSH + place


def _place(host: str | None) -> str | None:
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed, 64), strict=False))


class _Reconciling:
    """Answers from a snapshot of the log's keys, which is made anew only once the log has grown by an eighth: asking
    often cannot make a node sort its log often. What came since, a peer reads from the tiles."""

    def __init__(self, datastore: Datastore, bounds: NodeBounds) -> None:
        self._datastore = datastore
        self._bounds = bounds
        self._kept: _Snapshot | None = None
        self._making = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        body = await read_json(request, self._bounds.question_bytes, self._bounds)
        known = {"epoch": "text", "size": "a number", "ranges": "a list"}
        epoch, size, ranges = (members(body, known).get(name) for name in known)
        if not isinstance(epoch, str):
            raise wrong("epoch", "must be text")
        if size is not None and type(size) is not int:
            raise wrong("size", "must be a whole number, or be left out")
        try:
            asked = read_question(ranges)
        except RangeError as error:
            raise wrong("ranges", str(error)) from None
        snapshot = await self._snapshot(epoch, size)
        return await run_in_threadpool(_described, snapshot.keys, asked)

    async def _snapshot(self, epoch: str, size: Json) -> _Snapshot:
        """The snapshot that a question is about; a question without a size takes the latest."""
        head = await run_in_threadpool(self._datastore.log.head)
        if head.epoch != epoch:
            raise _MOVED
        if head.size > self._bounds.reconcile_ops:
            raise NodeError("not_offered", "this log is too long to be compared: read its tiles")
        kept = self._kept
        if size is not None:
            if kept is None or (kept.epoch, kept.keys.size) != (epoch, size):
                raise _MOVED
            return kept
        if kept is not None and kept.epoch == epoch and head.size - kept.keys.size <= kept.keys.size // 8:
            return kept
        if self._making.locked():
            raise NodeError("busy", "the log is being looked through just now: try again in a little while")
        async with self._making:
            self._kept = kept = await run_in_threadpool(self._make)
        return kept

    def _make(self) -> _Snapshot:
        head, packed = self._datastore.log.keys()
        return _Snapshot(head.epoch, Keys(packed))


class _Snapshot(NamedTuple):
    epoch: str
    keys: Keys


def _described(keys: Keys, asked: list[tuple[bytes, bytes | None]]) -> Response:
    told: Json = {
        "size": keys.size,
        "fingerprint": keys.fingerprint,
        "ranges": [describe(keys, low, high) for low, high in asked],
    }
    return Response(json.dumps(told, separators=(",", ":")).encode(), 200, None, "application/json")


class _Tile(NamedTuple):
    data: bytes
    etag: str


class _Tiles:
    """Packed tiles, the last ones used kept in memory. A tile's content never changes within its epoch."""

    def __init__(self, datastore: Datastore, limit: int) -> None:
        self._datastore = datastore
        self._limit = limit
        self._kept: OrderedDict[tuple[str, Span], _Tile] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        # Each there as long as somebody has it or waits for it.
        self._turns: WeakValueDictionary[tuple[str, Span], threading.Lock] = WeakValueDictionary()

    def packed(self, epoch: str, span: Span) -> _Tile | None:
        """The tile, None when this log has no such tile (yet, or any more)."""
        key = (epoch, span)
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        # Who asks for what is being packed finds it kept afterwards.
        with turn:
            tile = self._find(key)
            if tile is None:
                return self._made(key)
        return tile if self._is_there(key) else None

    def _made(self, key: tuple[str, Span]) -> _Tile | None:
        _, span = key
        lines = self._datastore.log.lines(span.start, span.end) if span.end < 2**63 else []
        # After the lines: a log that is rewritten in between has another epoch by now. And lines that were lacking may
        # have come between the two reads: nobody may keep half a tile.
        if not self._is_there(key) or len(lines) != span.end - span.start:
            return None
        data = pack(lines)
        tile = _Tile(data, etag_of(data))
        self._keep(key, tile)
        return tile

    def _is_there(self, key: tuple[str, Span]) -> bool:
        epoch, span = key
        head = self._datastore.log.head()
        return head.epoch == epoch and head.size >= span.end

    def _find(self, key: tuple[str, Span]) -> _Tile | None:
        with self._lock:
            tile = self._kept.get(key)
            if tile is not None:
                self._kept.move_to_end(key)
        return tile

    def _keep(self, key: tuple[str, Span], tile: _Tile) -> None:
        with self._lock:
            self._kept[key] = tile
            self._size += len(tile.data)
            while self._size > self._limit:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped.data)


def _answer(
    request: Request, content: bytes, etag: str, cache: str, media_type: str, *, in_parts: bool = False
) -> Response:
    """The content, the part of it that is asked for, or that the caller has it."""
    headers = {"etag": etag, "cache-control": cache}
    if is_held(request, etag):
        return Response(status_code=304, headers=headers)
    if not in_parts:
        return Response(content, 200, headers, media_type)
    headers["accept-ranges"] = "bytes"
    part = wanted_range(request, etag, len(content))
    if part is None:
        return Response(content, 200, headers, media_type)
    headers["content-range"] = f"bytes {part[0]}-{part[1] - 1}/{len(content)}"
    return Response(content[part[0] : part[1]], 206, headers, media_type)


def _disk_use(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("*") if path.is_file())
