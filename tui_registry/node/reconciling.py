"""`POST /sync/reconcile`: the log as sums over ranges, for peers that hold most of it (DESIGN section 6)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.node.bodies import members, read_json, wrong
from tui_registry.node.bounds import NodeBounds
from tui_registry.node.problems import NodeError
from tui_registry.sync.ranges import Keys, RangeError, describe, read_question

_MOVED = NodeError("no_log", "this log is another one by now: read /sync/head again")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    epoch: str
    keys: Keys


class Reconciling:
    """Answers from a snapshot of the log's keys, which is made anew only once the log has grown by an eighth: asking
    often cannot make a node sort its log often. What came since, a peer reads from the tiles."""

    def __init__(self, datastore: Datastore, bounds: NodeBounds) -> None:
        self._datastore = datastore
        self._bounds = bounds
        self._kept: _Snapshot | None = None
        self._making = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        body = await read_json(request, self._bounds.question_bytes, self._bounds.body_seconds)
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
        return await run_in_threadpool(_answer, snapshot.keys, asked)

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


def _answer(keys: Keys, asked: list[tuple[bytes, bytes | None]]) -> Response:
    told: Json = {
        "size": keys.size,
        "fingerprint": keys.fingerprint,
        "ranges": [describe(keys, low, high) for low, high in asked],
    }
    return Response(json.dumps(told, separators=(",", ":")).encode(), 200, None, "application/json")
