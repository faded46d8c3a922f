"""A node or a static log over HTTP. Whatever answers may be hostile: everything is bounded, in size and in time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx

from tui_registry.datastore import Head
from tui_registry.errors import Json
from tui_registry.origin import FAILURES, Origin, TooLargeError, read_url
from tui_registry.present.pulls import SyncError
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.tiles import LogError, RemoteHead, Span, Unpacker, etag_of_head, parse_head, split
from tui_registry.text import safe_text

_NDJSON = "application/x-ndjson"


class HttpTransport:
    """Reads a peer's log below `address`, an http(s) URL that may have a path of its own."""

    answers = True

    def __init__(self, peer: str, address: str, bounds: Bounds) -> None:
        self.past_caches = False
        self._peer = peer
        self._bounds = bounds
        try:
            self._base = read_url(address.rstrip("/") + "/")
        except httpx.InvalidURL:
            raise SyncError(peer, "unreachable", f"{safe_text(address, 60)} is not a web address") from None
        self._origin = Origin(
            self._base,
            httpx.Timeout(bounds.read_seconds, connect=bounds.connect_seconds),
            redirects=bounds.redirects,
            connections=bounds.requests_at_once + 1,
        )

    @property
    def received(self) -> int:
        """Bytes of message bodies so far."""
        return self._origin.received

    async def head(self, etag: str | None = None) -> RemoteHead | None:
        """The peer's head; None when it is still the one that `etag` came with."""
        extra = {"if-none-match": etag} if etag is not None else {}
        async with self._asking(self._bounds.head_seconds), self._get("sync/head", extra) as response:
            if response.status_code == 304 and etag is not None:
                return None
            if response.status_code == 404:
                raise self._fail("not_a_node", "has no registry at that address (404). Check the address")
            self._expect_ok(response)
            data = await self._whole(response, self._bounds.head_bytes, "its head")
        try:
            read = parse_head(data)
        except LogError as error:
            raise self._fail(error.code, f"{error.reason}. Check the address") from None
        return RemoteHead(read.head, read.ranges, _sound_etag(response.headers.get("etag"), read.head, data))

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        """Exactly the entries of the span."""
        limit = self._bounds.tile_bytes
        unpacker = Unpacker(limit)
        path = f"sync/{epoch}/entries/{span.name}"
        async with self._asking(self._bounds.request_seconds), self._get(path) as response:
            if response.status_code in (404, 410):
                raise self._fail("vanished", f"has no tile {span.name}, which its head promises")
            self._expect_ok(response)
            try:
                # Data that does not compress grows a little as gzip; what grows more is no honest tile.
                async for chunk in self._body(response, limit + limit // 64 + 1024, f"tile {span.name}"):
                    await asyncio.to_thread(unpacker.feed, chunk)
                return await asyncio.to_thread(unpacker.lines, span.stop - span.first)
            except LogError as error:
                raise self._fail(error.code, f"tile {span.name} {error.reason}") from None

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:
        """Operations by hash, children first; maybe only some of them, and none from a static log. Their own children
        may be among them, up to as many lines as one question may have hashes."""
        content = json.dumps({"hashes": list(hashes)}, separators=(",", ":")).encode()
        async with self._asking(self._bounds.request_seconds), self._post("sync/ops/get", content) as response:
            if response.status_code in (404, 405, 501):
                return []  # a static file server
            self._expect_ok(response)
            data = await self._whole(response, self._bounds.tile_bytes, "its answer")
        try:
            return await asyncio.to_thread(split, data, self._bounds.missing_hashes)
        except LogError as error:
            raise self._fail("protocol", f"its answer {error.reason}") from None

    async def reconcile(self, epoch: str, size: int | None, ranges: Json) -> Json:
        """What the peer says of ranges of its log, as it came; None when it does not do this, or not now."""
        asked: dict[str, Json] = {"epoch": epoch, "ranges": ranges}
        if size is not None:
            asked["size"] = size
        content = json.dumps(asked, separators=(",", ":")).encode()
        async with self._asking(self._bounds.request_seconds), self._post("sync/reconcile", content) as response:
            if response.status_code != 200:
                return None
            data = await self._whole(response, self._bounds.answer_bytes, "its answer")
        return self._json(data, "compares logs by something that is not JSON")

    async def offer(self, lines: Iterable[bytes]) -> Json:
        """Push operations; the peer's report as JSON."""
        content = b"".join(line + b"\n" for line in lines)
        async with self._asking(self._bounds.request_seconds), self._post("sync/ops", content, _NDJSON) as response:
            if response.status_code in (403, 404, 405, 501):
                raise self._fail(
                    "not_accepted", "does not take operations from others. Ask its operator for `serve --accept-ops`"
                )
            self._expect_ok(response)
            data = await self._whole(response, self._bounds.answer_bytes, "its answer")
        return self._json(data, "took the operations and answered with something that is not JSON")

    async def __aenter__(self) -> HttpTransport:
        await self._origin.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._origin.__aexit__(*details)

    # How: one request

    def _get(self, path: str, headers: dict[str, str] | None = None) -> AbstractAsyncContextManager[httpx.Response]:
        url = self._base.join(path)
        if not self.past_caches:
            return self._origin.get(url, headers)
        # Most caches heed no request's Cache-Control (nginx, Varnish, CDNs), but keep what has another query apart.
        fresh = {"cache-control": "no-cache", **(headers or {})}
        return self._origin.get(url.copy_set_param("fresh", os.urandom(8).hex()), fresh)

    def _post(
        self, path: str, content: bytes, of: str = "application/json"
    ) -> AbstractAsyncContextManager[httpx.Response]:
        return self._origin.post(self._base.join(path), content, of)

    @asynccontextmanager
    async def _asking(self, seconds: float) -> AsyncIterator[None]:
        """A time for the whole request, as a peer that sends a byte now and then stays below every timeout of a read;
        and whatever goes wrong on the way, in words."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise self._fail("timeout", f"did not finish one answer within {seconds:g} s") from None
        except FAILURES as error:
            failure = self._origin.failure(
                error,
                server="a node",
                if_refused="Is `serve` running there?",
                if_trusted="add it as a peer",
            )
            raise self._fail(*failure) from None

    async def _whole(self, response: httpx.Response, limit: int, what: str) -> bytes:
        return b"".join([chunk async for chunk in self._body(response, limit, what)])

    async def _body(self, response: httpx.Response, limit: int, what: str) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._origin.body(response, limit):
                yield chunk
        except TooLargeError:
            raise self._fail("too_large", f"{what} is larger than {limit:,} bytes") from None

    def _json(self, data: bytes, otherwise: str) -> Json:
        try:
            tree: Json = json.loads(data.decode())
        except (ValueError, RecursionError):
            raise self._fail("protocol", otherwise) from None
        return tree

    def _expect_ok(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status in (429, 503):
            raise self._fail(f"http_{status}", f"is too busy now ({status}). Try again later")
        if status in (401, 403, 407):
            raise self._fail(f"http_{status}", f"does not let us in ({status}). Ask its operator")
        raise self._fail(
            f"http_{status}", f"answers with status {status} where a registry would not. Check the address"
        )

    def _fail(self, code: str, reason: str) -> SyncError:
        return SyncError(self._peer, code, reason)


def _sound_etag(etag: str | None, head: Head, data: bytes) -> str | None:
    """An ETag that says what the head is: a node's. That of a static file server is often a second and a size, which
    two heads may share: with it a reader would be told that nothing changed."""
    tag = (etag or "").removeprefix("W/")
    of_content = f'"{hashlib.sha256(data).hexdigest()[:32]}"'  # as nodes of 0.1 make it
    return tag if tag in (etag_of_head(head), of_content) else None
