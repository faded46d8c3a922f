"""The sync endpoints: head, tiles, operations by hash, and pushes where they are allowed (DESIGN section 6)."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.node.bodies import members, read_body, read_json, wrong
from tui_registry.node.bounds import NodeBounds
from tui_registry.node.etags import etag_of, is_held
from tui_registry.node.problems import NodeError
from tui_registry.node.pushers import Pushers
from tui_registry.node.reconciling import Reconciling
from tui_registry.node.routes import add_route
from tui_registry.node.shapes import SYNC_ROUTES
from tui_registry.sync.heads import spell_head
from tui_registry.sync.tiles import Span, TileError, pack, split

_FOREVER = "public, max-age=31536000, immutable"
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NDJSON = "application/x-ndjson"
_REJECTIONS_TOLD = 100


def log_routes(datastore: Datastore, *, accept_ops: bool, bounds: NodeBounds) -> APIRouter:
    """`/sync/head`, the tiles, `/sync/ops/get`, `/sync/reconcile`, and `/sync/ops`, which answers 403 unless
    `accept_ops`."""
    routes = _Log(datastore, accept_ops, bounds)
    router = APIRouter(prefix="/sync", tags=["sync"])
    add_route(router, "GET", "/head", routes.head, SYNC_ROUTES["head"])
    add_route(router, "GET", "/{epoch}/entries/{name}", routes.tile, SYNC_ROUTES["tile"])
    add_route(router, "POST", "/ops/get", routes.by_hash, SYNC_ROUTES["by_hash"])
    add_route(router, "POST", "/ops", routes.push, SYNC_ROUTES["push"])
    add_route(router, "POST", "/reconcile", Reconciling(datastore, bounds).answer, SYNC_ROUTES["reconcile"])
    return router


class _Log:
    def __init__(self, datastore: Datastore, accept_ops: bool, bounds: NodeBounds) -> None:
        self._datastore = datastore
        self._accept_ops = accept_ops
        self._bounds = bounds
        self._tiles = _Tiles(datastore, bounds.tile_cache_bytes)
        self._pushes = asyncio.Semaphore(bounds.pushes_at_once)
        self._pushers = Pushers(bounds.pushers)

    async def head(self, request: Request) -> Response:
        body = spell_head(await run_in_threadpool(self._datastore.log.head), ranges=True)
        return _answer(request, body, etag_of(body), "max-age=2", "application/json")

    async def tile(self, epoch: str, name: str, request: Request) -> Response:
        span = Span.from_name(name)
        tile = None if span is None else await run_in_threadpool(self._tiles.packed, epoch, span)
        if tile is None:
            raise NodeError("no_tile", "this log has no such tile: read /sync/head again")
        return _answer(request, tile.data, tile.etag, _FOREVER, "application/gzip")

    async def by_hash(self, request: Request) -> Response:
        bounds = self._bounds
        body = await read_json(request, bounds.question_bytes, bounds.body_seconds)
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
        bounds = self._bounds
        if self._pushes.locked():
            raise NodeError("busy", "others are pushing just now: try again in a little while")
        async with self._pushes:
            body = await read_body(request, bounds.push_bytes, bounds.body_seconds)
            source = self._pushers.name(None if request.client is None else request.client.host)
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
        except TileError as error:
            raise NodeError("no_operations", f"the body {error.reason}: send one operation a line") from None
        if _disk_use(self._datastore.data_dir) >= bounds.push_store_bytes:
            raise NodeError("full", "this node has no room for more operations from others")
        report = self._datastore.apply(lines, source=source)
        rejected: list[Json] = [
            {"index": found.place, "code": found.code, "sentence": found.sentence}
            for found in report.rejected[:_REJECTIONS_TOLD]
        ]
        missing: list[Json] = [*report.missing[: bounds.hashes]]
        told: Json = {
            "applied": report.applied,
            "known": report.known,
            "pending": report.pending,
            "unsupported": report.unsupported,
            "rejected": rejected,
            "missing": missing,
        }
        return Response(json.dumps(told, ensure_ascii=False).encode(), 200, None, "application/json")


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


def _answer(request: Request, content: bytes, etag: str, cache: str, media_type: str) -> Response:
    """The content, or that the caller has it."""
    headers = {"etag": etag, "cache-control": cache}
    if is_held(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, media_type)


def _disk_use(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("*") if path.is_file())
