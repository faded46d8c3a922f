"""A node or a static log over HTTP. Whatever answers may be hostile: everything is bounded, in size and in time.

An honest peer may be busy, start anew or hang up, and a line may break: as no request does harm when it comes twice,
each is sent again after a while, and a tile goes on from the byte where it broke off.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import math
import os
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Lock
from typing import TypeVar

import httpx

from tui_registry.crdt.sets import HASH_BYTES
from tui_registry.datastore import Head
from tui_registry.errors import Json, RegistryError
from tui_registry.hosts import is_public
from tui_registry.origin import FAILURES, Origin, TooLargeError, is_hang_up, read_url
from tui_registry.present.found import Recommended
from tui_registry.present.pulls import SyncError, TokenAskedError
from tui_registry.sync.bounds import TILE_OPS, Bounds
from tui_registry.sync.recommended import MOST_BYTES, PEERS, read_recommended
from tui_registry.sync.tiles import (
    Answered,
    HashSpan,
    LogError,
    RemoteHead,
    Span,
    Unpacker,
    etag_of_head,
    pack,
    parse_head,
    split,
    unpacked_lines,
)
from tui_registry.text import exact, safe_text

T = TypeVar("T")

_NDJSON = "application/x-ndjson"
_JSON = "application/json"
_GZIP = "application/gzip"
_OCTETS = "application/octet-stream"
_PROBLEM = "application/problem+json"
# The peer, or what stands before it, cannot answer now (RFC 9110, section 15.6; RFC 6585, section 4).
_BUSY = frozenset((429, 502, 503, 504))
# Who has not answered yet may be no node at all.
_STRANGERS_RETRIES = 2
# A peer that says when to come back is believed more often.
_TOLD_RETRIES = 40
# Bytes of a tile that make an attempt worth it: breaking off after each byte wins nobody time.
_WORTH = 16_384
_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15}|\*)", re.ASCII)
# A weak tag does not name the bytes, and a long one is no honest server's.
_STRONG_TAG = re.compile(r'"[!#-~]{1,128}"', re.ASCII)
# The names of the folders that tiles are kept in, one for each peer, and of the files there.
_FOLDER = re.compile(r"[0-9a-f]{32}", re.ASCII).fullmatch
_KEPT = re.compile(r"[0-9a-f]{32}-(.+)", re.ASCII).fullmatch
# Of the line that a kept tile begins with.
_LABEL_BYTES = 512
_ABANDONED_SECONDS = 7 * 86_400
# Of a store that a peer names: for a connection, and without a byte; bytes a second at least; and tiles in a row that
# it has not, such as those that are not published yet.
_STORE_SECONDS = 10.0
_STORE_RATE = 32_768
_MOST_LACKING = 3


@dataclass(frozen=True, slots=True)
class Waits:
    """How time passes between two requests.

    Attributes:
        sleep: for so many seconds. clock: seconds, monotonic. now: Unix seconds.
        spread: a number from 0 up to 1, another one each time: so a crowd that failed together comes back one by one.
    """

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    spread: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node answers to a request for records: `tree` is its JSON, None where it has no content."""

    status: int
    tree: Json


class HttpTransport:
    """Reads a peer's log below `address`, an http(s) URL that may have a path of its own.

    Attributes:
        peer: its local name.
    """

    # As far as is known: a static log over HTTP is found out when it is asked.
    answers = True

    def __init__(
        self,
        peer: str,
        address: str,
        bounds: Bounds,
        incoming: Path | None = None,
        waits: Waits | None = None,
        *,
        if_trusted: str = "add it as a peer",
        next_time: str = "",
        public: bool = False,
    ) -> None:
        """
        Args:
            incoming: the folder where tiles are kept until they are stored; None to keep them nowhere.
            public: a peer named it: it must not be on this machine or its network.
            if_trusted: what to do about a redirect to a place that one trusts.
            next_time: what comes of it where the peer is too slow, if it is not a sync that is there.
        """
        self.past_caches = False
        self.peer = self._peer = peer
        self._bounds = bounds
        self._waits = waits or Waits()
        self._if_trusted = if_trusted
        self._next_time = next_time or "The next sync goes on from here"
        self._pace = _Pace(bounds.least_rate)
        self._incoming = _Incoming(incoming, address, bounds.incoming_bytes)
        self._answered = False
        self._fulfilled = 0
        try:
            self._base = read_url(address.rstrip("/") + "/")
        except httpx.InvalidURL:
            raise SyncError(peer, "unreachable", f"{safe_text(address, 60)} is not a web address") from None
        self._origin = Origin(
            self._base,
            httpx.Timeout(bounds.read_seconds, connect=bounds.connect_seconds),
            redirects=bounds.redirects,
            connections=bounds.requests_at_once + 1,
            moved=self._pace.moved,
            public=public,
        )
        self._store = _TilesElsewhere(peer, self._base, bounds, self._waits)

    @property
    def received(self) -> int:
        """Bytes of message bodies so far."""
        return self._origin.received + self._store.received

    async def head(self, etag: str | None = None) -> RemoteHead | None:
        """The peer's head; None when it is still the one that `etag` came with."""
        return self._told_where(await self._again(lambda: self._head(etag)))

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        """Exactly the entries of the span. What came of them before the line broke does not travel again."""
        arriving = await asyncio.to_thread(_Arriving, self._incoming, epoch, span, self._bounds.tile_bytes)
        if span.is_full and not arriving.size and not self.past_caches:
            stored = await self._store.entries(epoch, span)
            if stored is not None:
                return stored
        patience = self._patience()
        if self.past_caches:
            # What was kept of it may have come from one of them.
            await asyncio.to_thread(arriving.begin_anew)
        best = arriving.size
        begun_again = 0
        past_caches = self.past_caches
        while True:
            try:
                if not arriving.is_whole:
                    await self._fetch(epoch, span, arriving, past_caches=past_caches)
                lines = await asyncio.to_thread(arriving.lines)
            except LogError as error:
                # Of one answer it is the peer's; put together from several, their bytes may not belong together.
                of_several = arriving.of_several
                await asyncio.to_thread(arriving.begin_anew)
                begun_again += 1
                if begun_again > self._bounds.retries or (past_caches and not of_several):
                    raise self._fail(error.code, f"tile {span.name} {error.reason}") from None
                # And what a cache has spoilt it would keep so for a year.
                past_caches = past_caches or not of_several
                best, patience = 0, self._patience()
            except _PassingError as failed:
                if arriving.size - best >= _WORTH:
                    best, patience = arriving.size, self._patience()
                await patience.wait(failed, self._fulfilled)
            else:
                self._fulfilled += 1
                return lines

    async def stored(self, index: int) -> None:
        """All entries before `index` are in this log now: they are not kept any longer."""
        self._store.stored(index)
        await asyncio.to_thread(self._incoming.sweep, index)

    def doubt(self, start: int, stop: int) -> bool:
        """Some of these entries break a rule. Where a store gave any of them, that is asked no more."""
        return self._store.doubt(start, stop)

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:
        """Operations by hash, children first; maybe only some of them, and none from a static log. Their own children
        may be among them, up to as many lines as one question may have hashes."""
        content = json.dumps({"hashes": list(hashes)}, separators=(",", ":")).encode()

        async def ask() -> bytes | None:
            async with self._asking(), self._post("sync/ops/get", content) as response:
                if response.status_code in (404, 405, 501):
                    return None  # a static file server
                self._expect_ok(response)
                return await self._whole(response, self._bounds.tile_bytes, "its answer")

        data = await self._again(ask)
        self.answers = data is not None
        try:
            return [] if data is None else await asyncio.to_thread(split, data, self._bounds.missing_hashes)
        except LogError as error:
            raise self._fail("protocol", f"its answer {error.reason}") from None

    async def reconcile(self, epoch: str, size: int | None, ranges: Json) -> Json:
        """What the peer says of ranges of its log, as it came; None when it does not do this, or not now."""
        asked: dict[str, Json] = {"epoch": epoch, "ranges": ranges}
        if size is not None:
            asked["size"] = size
        content = json.dumps(asked, separators=(",", ":")).encode()

        async def ask() -> bytes | None:
            async with self._asking(), self._post("sync/reconcile", content) as response:
                if response.status_code in _BUSY:
                    self._expect_ok(response)
                if response.status_code != 200:
                    return None
                return await self._whole(response, self._bounds.answer_bytes, "its answer")

        data = await self._again(ask)
        return None if data is None else self._json(data, "compares logs by something that is not JSON")

    async def difference(self, question: dict[str, Json], most: int) -> Answered | None:
        """What the peer says of its log beside ours: one line of JSON, and at most so many bytes behind it; None when
        it does not do this, or not of this log."""
        content = json.dumps(question, separators=(",", ":")).encode()

        async def ask() -> bytes | None:
            async with self._asking(), self._post("sync/difference", content) as response:
                if response.status_code in _BUSY:
                    self._expect_ok(response)
                if response.status_code != 200:
                    return None
                return await self._whole(response, self._bounds.head_bytes + most, "its answer")

        data = await self._again(ask)
        if data is None:
            return None
        line, _, rest = data.partition(b"\n")
        told = self._json(line, "compares logs by something that is not JSON")
        if not isinstance(told, dict) or len(rest) > most:
            raise self._fail("protocol", "compares logs by something else than it was asked for")
        if "head" not in told:
            return Answered(None, told, rest)
        try:
            read = parse_head(json.dumps(told["head"]).encode())
        except LogError as error:
            raise self._fail(error.code, error.reason) from None
        self._told_where(read)
        # What the head would have come with, had it been asked for by itself.
        return Answered(replace(read, etag=etag_of_head(read.head)), told, rest)

    async def beginning(self, starts: Sequence[bytes]) -> list[bytes]:
        """Operations by what their hashes begin with, all as long; children first, and maybe only some of them."""
        content = bytes((len(starts[0]),)) + b"".join(starts)

        async def ask() -> bytes:
            asked = self._origin.post(self._base.join("sync/ops/get"), content, _OCTETS)
            async with self._asking(), self._heard(asked) as response:
                self._expect_ok(response)
                return await self._whole(response, self._bounds.tile_bytes, "its answer")

        data = await self._again(ask)
        try:
            return await asyncio.to_thread(unpacked_lines, data, len(starts), self._bounds.tile_bytes)
        except LogError as error:
            raise self._fail("protocol", f"its answer {error.reason}") from None

    async def hashes(self, epoch: str, span: HashSpan) -> bytes:
        """Exactly the hashes of the span."""
        size = span.count * HASH_BYTES

        async def ask() -> bytes:
            asked = self._get(f"sync/{epoch}/hashes/{span.name}", {}, past_caches=self.past_caches)
            async with self._asking(), asked as response:
                if response.status_code in (404, 410):
                    raise self._fail("vanished", f"has no hashes {span.name}, which its head promises")
                self._expect_ok(response)
                return await self._whole(response, size, f"{span.name}")

        data = await self._again(ask)
        if len(data) != size:
            raise self._fail("bad_tile", f"{span.name} does not hold as many hashes as its name promises")
        return data

    async def recommended(self) -> tuple[Recommended, ...]:
        """The peers that it names: a claim. None where it names none, as a program of before does.

        Raises:
            SyncError: it cannot be asked, or `protocol`: what it answers is no such list.
        """

        async def ask() -> bytes | None:
            asked = self._get(PEERS, {}, past_caches=False)
            async with self._asking(self._bounds.head_seconds), asked as response:
                if response.status_code in (404, 405, 410, 501):
                    return None
                self._expect_ok(response)
                return await self._whole(response, MOST_BYTES, "its list of peers")

        data = await self._again(ask)
        try:
            return () if data is None else read_recommended(data)
        except ValueError as error:
            raise self._fail("protocol", f"names peers by something that {error}") from None

    async def offer(self, lines: Sequence[bytes], token: str | None = None, *, packed: bool = False) -> Json:
        """Push operations; the peer's report as JSON.

        Args:
            token: what opens the peer to pushes, where it asks for that. packed: it takes them as gzip.
        """
        content = pack(lines) if packed else b"".join(line + b"\n" for line in lines)
        media_type = _GZIP if packed else _NDJSON
        patient = self._bounds.push_answer_seconds

        async def ask() -> bytes:
            posted = self._origin.post(
                self._base.join("sync/ops"), content, media_type, answer_seconds=patient, token=token
            )
            async with self._asking(grace=patient + self._bounds.grace_seconds), self._heard(posted) as response:
                if response.status_code == 401 or (response.status_code == 403 and token is not None):
                    raise TokenAskedError(self._peer)
                if response.status_code in (403, 404, 405, 501):
                    raise self._fail(
                        "not_accepted",
                        "does not take operations from others. Ask its operator for `serve --accept-ops`",
                    )
                if response.status_code in (429, 507):
                    await self._expect_room(response)
                self._expect_ok(response)
                return await self._whole(response, self._bounds.answer_bytes, "its answer")

        return self._json(await self._again(ask), "took the operations and answered with something that is not JSON")

    async def ask(
        self,
        method: str,
        path: str,
        *,
        content: Json = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """The answer to a request of the REST API: what was asked for, or why it is refused (problem+json).

        A write bears an Idempotency-Key in its headers, as it may be sent again; see protocol.md, Error codes.

        Args:
            path: below the address, with its query; in ASCII.
            content: JSON of a request that is no GET, None for none.

        Raises:
            SyncError: there is no answer that a node would give, however often it was asked.
        """
        body = b"" if content is None else json.dumps(content).encode()
        url = self._base.join(path)

        async def once() -> Answer:
            if method == "GET":
                asked = self._origin.get(url, headers)
            else:
                asked = self._origin.post(url, body, _JSON, method=method, token=token, more=headers)
            # Of a line that died unnoticed nothing came: one more try.
            async with self._asking(grew=lambda: False), self._heard(asked) as response:
                return await self._read_answer(response)

        return await self._again(once)

    async def __aenter__(self) -> HttpTransport:
        await self._origin.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._origin.__aexit__(*details)
        await self._store.close()
        error = details[1]
        # Where there is no room we keep nothing that can be fetched again.
        is_done = error is None or (isinstance(error, RegistryError) and error.code in ("disk_full", "no_room"))
        await asyncio.to_thread(self._incoming.close, is_done=is_done)

    # How: one request

    def _told_where(self, read: RemoteHead | None) -> RemoteHead | None:
        if read is not None:
            self._store.named(read.store)
        return read

    async def _read_answer(self, response: httpx.Response) -> Answer:
        status, kind = response.status_code, response.headers.get("content-type", "").partition(";")[0].strip()
        if status == 421 or not (200 <= status < 300 or kind == _PROBLEM):
            self._expect_ok(response)
        data = await self._whole(response, self._bounds.tile_bytes, "its answer")
        tree = self._json(data, "answers with something that is not JSON. Check the address") if data else None
        code = tree.get("code") if isinstance(tree, dict) else None
        # A search that took too long would take as long again.
        if status in _BUSY and code != "interrupted":
            self._expect_ok(response)
        if status == 409 and code == "in_flight":
            after = _retry_after(response.headers.get("retry-after"), self._waits.now())
            raise _PassingError(self._peer, "in_flight", "is still at this write. Ask again with the same key", after)
        return Answer(status, tree)

    async def _head(self, etag: str | None) -> RemoteHead | None:
        extra = {"if-none-match": etag} if etag is not None else {}
        asked = self._get("sync/head", extra, past_caches=self.past_caches)
        async with self._asking(self._bounds.head_seconds), asked as response:
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
        return replace(read, etag=_sound_etag(response.headers.get("etag"), read.head, data))

    async def _fetch(self, epoch: str, span: Span, arriving: _Arriving, *, past_caches: bool) -> None:
        """Ask for a tile, or for the rest of it, and take what comes.

        Raises:
            LogError: it is no tile, or not the one that it was. _PassingError: it broke off.
        """
        limit = self._bounds.tile_bytes
        before = arriving.size
        wanted = arriving.rest()
        path = f"sync/{epoch}/entries/{span.name}"
        asked = self._get(path, wanted, past_caches=past_caches)
        async with self._asking(grew=lambda: arriving.size > before), asked as response:
            status = response.status_code
            if status in (404, 410):
                await asyncio.to_thread(arriving.begin_anew)
                raise self._fail("vanished", f"has no tile {span.name}, which its head promises")
            if wanted and status in (206, 416):
                if not arriving.goes_on(response):
                    raise LogError("protocol", "goes on as another file than it began")
            else:
                self._expect_ok(response)
                await asyncio.to_thread(arriving.begin, response)
            # Data that does not compress grows a little as gzip; what grows more is no honest tile.
            most = limit + limit // 64 + 1024 - arriving.size
            try:
                async for chunk in self._origin.body(response, most):
                    with self._pace.paused():
                        await asyncio.to_thread(arriving.take, chunk)
            except TooLargeError:
                await asyncio.to_thread(arriving.begin_anew)
                raise self._fail("too_large", f"tile {span.name} is larger than {limit:,} bytes") from None

    def _get(
        self, path: str, headers: dict[str, str], *, past_caches: bool
    ) -> AbstractAsyncContextManager[httpx.Response]:
        url = self._base.join(path)
        if past_caches:
            # Most caches heed no request's Cache-Control (nginx, Varnish, CDNs), but keep what has another query apart.
            url = url.copy_set_param("fresh", os.urandom(8).hex())
            headers = {"cache-control": "no-cache", **headers}
        return self._heard(self._origin.get(url, headers))

    def _post(self, path: str, content: bytes) -> AbstractAsyncContextManager[httpx.Response]:
        return self._heard(self._origin.post(self._base.join(path), content, "application/json"))

    @asynccontextmanager
    async def _heard(self, asked: AbstractAsyncContextManager[httpx.Response]) -> AsyncIterator[httpx.Response]:
        async with asked as response:
            self._answered = True
            yield response

    @asynccontextmanager
    async def _asking(
        self, seconds: float | None = None, *, grace: float | None = None, grew: Callable[[], bool] | None = None
    ) -> AsyncIterator[None]:
        """A least rate, as a peer that sends a byte now and then stays below every timeout of a read; and whatever goes
        wrong on the way, in words.

        Args:
            seconds: for the whole request. grace: to stay behind the least rate.
            grew: of a tile, whether some of it came before it stopped. Silence is worth another try then, and one where
                nothing came: a line may have died unnoticed, as where a laptop slept.
        """
        grace = self._bounds.grace_seconds if grace is None else grace
        try:
            async with asyncio.timeout(seconds) as whole, self._pace.kept(grace):
                yield
        except TimeoutError:
            if whole.expired():
                raise self._fail("timeout", f"did not finish one answer within {seconds or 0:g} s") from None
            said = f"gave less than {self._bounds.least_rate:,} bytes a second for {grace:g} s"
            raise self._fail("timeout", f"{said}. {self._next_time}") from None
        except FAILURES as error:
            failure = self._origin.failure(
                error,
                server="a node",
                if_refused="Is `serve` running there?",
                if_trusted=self._if_trusted,
            )
            may_pass = (
                is_hang_up(error)
                # Of who has answered before: a node that is started anew.
                or (isinstance(error, httpx.ConnectError) and self._answered)
            )
            if may_pass:
                raise _PassingError(self._peer, *failure) from None
            if isinstance(error, httpx.TimeoutException) and grew is not None:
                raise _PassingError(self._peer, *failure, once=not grew()) from None
            raise self._fail(*failure) from None

    def _patience(self) -> _Patience:
        return _Patience(self._bounds, self._waits, stranger=not self._answered)

    async def _again(self, ask: Callable[[], Awaitable[T]]) -> T:
        patience = self._patience()
        while True:
            try:
                answer = await ask()
            except _PassingError as failed:
                await patience.wait(failed, self._fulfilled)
            else:
                self._fulfilled += 1
                return answer

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
        if status in _BUSY:
            after = _retry_after(response.headers.get("retry-after"), self._waits.now())
            later = "later" if not after else f"in {exact(math.ceil(after))} s"
            raise _PassingError(self._peer, f"http_{status}", f"is too busy now ({status}). Try again {later}", after)
        if status == 421:
            name = safe_text(self._base.host, 80)
            raise self._fail(
                "http_421",
                f"does not know itself as '{name}'. Use its address, or ask its operator for "
                f"`serve --host-name {name}`",
            )
        if status in (401, 403, 407):
            raise self._fail(f"http_{status}", f"does not let us in ({status}). Ask its operator")
        raise self._fail(
            f"http_{status}", f"answers with status {status} where a registry would not. Check the address"
        )

    async def _expect_room(self, response: httpx.Response) -> None:
        """Say why a node takes no more of this, where that is so and it says why: it would not take it again soon."""
        data = await self._whole(response, self._bounds.head_bytes, "its answer")
        try:
            tree: Json = json.loads(data)
        except (ValueError, RecursionError):
            return
        told = tree if isinstance(tree, dict) else {}
        if told.get("code") in ("ration", "full"):
            raise self._fail("not_accepted", f"takes no more: {safe_text(str(told.get('detail')), 400)}")

    def _fail(self, code: str, reason: str) -> SyncError:
        return SyncError(self._peer, code, reason)


class _TilesElsewhere:
    """The store that a peer's head names, from which full tiles are read as well. It is asked once for a tile, within
    tighter bounds than the peer; and no more after a failure, after a few tiles in a row that it has not, or once some
    of what came is refused: then all comes from the peer, as if it had named none."""

    def __init__(self, peer: str, base: httpx.URL, bounds: Bounds, waits: Waits) -> None:
        self._peer = peer
        self._base = base
        self._bounds = replace(
            bounds,
            connect_seconds=min(bounds.connect_seconds, _STORE_SECONDS),
            read_seconds=min(bounds.read_seconds, _STORE_SECONDS),
            least_rate=max(bounds.least_rate, _STORE_RATE),
            grace_seconds=min(bounds.grace_seconds, _STORE_SECONDS),
            # Nothing is asked for twice.
            retries=0,
            patience_seconds=0,
        )
        self._waits = waits
        self._address = ""
        self._is_given_up = False
        self._transport: HttpTransport | None = None
        self._opening = asyncio.Lock()
        self._lacking = 0
        self._received = 0
        # Tiles that it gave, and that are not stored yet.
        self._gave: set[int] = set()

    @property
    def received(self) -> int:
        """Bytes of message bodies so far."""
        return self._received + (0 if self._transport is None else self._transport.received)

    def named(self, address: str) -> None:
        """What the last head names; empty for none."""
        if self._transport is None:
            self._address = address

    async def entries(self, epoch: str, span: Span) -> list[bytes] | None:
        """Exactly the entries of a full tile; None where it does not come from there."""
        if self._is_given_up or not self._address:
            return None
        transport = await self._opened()
        if transport is None:
            return None
        try:
            lines = await transport.entries(epoch, span)
        except SyncError as error:
            self._lacking += 1
            if error.code != "vanished" or self._lacking >= _MOST_LACKING:
                self._is_given_up = True
            return None
        self._lacking = 0
        self._gave.add(span.tile)
        return lines

    def doubt(self, start: int, stop: int) -> bool:
        """Whether it gave any of these entries: then it is asked no more."""
        gave = not self._gave.isdisjoint(range(start // TILE_OPS, (stop - 1) // TILE_OPS + 1))
        self._is_given_up = self._is_given_up or gave
        return gave

    def stored(self, index: int) -> None:
        """Entries before `index` are nobody's business any longer."""
        self._gave = {tile for tile in self._gave if tile >= index // TILE_OPS}

    async def close(self) -> None:
        """Let go of it."""
        transport, self._transport = self._transport, None
        self._is_given_up = True
        if transport is not None:
            self._received += transport.received
            await transport.__aexit__(None, None, None)

    async def _opened(self) -> HttpTransport | None:
        async with self._opening:
            if self._transport is None and not self._is_given_up:
                try:
                    self._transport = await self._allowed(read_url(self._address))
                except httpx.InvalidURL:
                    self._transport = None
                self._is_given_up = self._transport is None
        return self._transport

    async def _allowed(self, url: httpx.URL) -> HttpTransport | None:
        """A transport to it; None where a peer may not send us there: to what is not public, but for its own host, or
        in the clear where it is not so itself."""
        is_peers = url.host == self._base.host
        if url.scheme != "https" and not (is_peers and self._base.scheme == "http"):
            return None
        if not is_peers:
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(_STORE_SECONDS):
                    found = await loop.getaddrinfo(url.raw_host.decode(), url.port or 443, type=socket.SOCK_STREAM)
            except (OSError, ValueError):  # and TimeoutError, and what is no name
                return None
            # Once more when it is connected to: a name may lead elsewhere by then.
            if not all(is_public(str(place[0])) for *_, place in found):
                return None
        transport = HttpTransport(self._peer, str(url), self._bounds, waits=self._waits, public=not is_peers)
        await transport.__aenter__()
        return transport


class _PassingError(SyncError):
    """A failure that may pass: the same request is worth another try.

    Attributes:
        after: in so many seconds, says the peer; None where it does not say.
        once: it is worth one try and no more.
    """

    def __init__(self, peer: str, code: str, reason: str, after: float | None = None, *, once: bool = False) -> None:
        super().__init__(peer, code, reason)
        self.after = after
        self.once = once


class _Patience:
    """How often one request is sent again, and after what time: each time up to twice as long, and any time up to that
    is as likely ("full jitter"), so that those who failed together do not come back together. It begins anew while the
    peer answers others: it lets in so many of ours a second, and this one's turn will come."""

    def __init__(self, bounds: Bounds, waits: Waits, *, stranger: bool) -> None:
        self._bounds = bounds
        self._waits = waits
        self._retries = _STRANGERS_RETRIES if stranger else bounds.retries
        self._doublings = self._in_vain = 0
        self._began = waits.clock()
        self._fulfilled = 0

    async def wait(self, failed: _PassingError, fulfilled: int) -> None:
        """Wait before the next try.

        Args:
            fulfilled: requests that the peer has answered well so far.

        Raises:
            _PassingError: the same, where there is none.
        """
        bounds = self._bounds
        if fulfilled > self._fulfilled and self._in_vain:
            self._in_vain, self._began = 0, self._waits.clock()
            self._doublings = max(0, self._doublings - 1)
        self._fulfilled = fulfilled
        most = 1 if failed.once else self._retries if failed.after is None else _TOLD_RETRIES
        spread = min(bounds.retry_seconds * 2**self._doublings, bounds.wait_seconds) * self._waits.spread()
        seconds = spread + (failed.after or 0)
        over = self._waits.clock() - self._began + seconds > bounds.patience_seconds
        if self._in_vain >= most or over or (failed.after or 0) > bounds.wait_seconds:
            raise failed
        self._in_vain += 1
        self._doublings += 1
        await self._waits.sleep(seconds)


class _Pace:
    """The least rate of a peer: what all its answers bring together, as they share one line."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._grace = 0.0
        self._due = self._told = 0.0
        self._running: set[asyncio.Timeout] = set()
        self._pauses = 0
        self._paused = 0.0

    def moved(self, count: int) -> None:
        """So many bytes moved: they give so much time, but nothing for later."""
        self._due = min(_now() + self._grace, self._due + count / self._rate)
        if self._due - self._told > self._grace / 16:
            self._tell()

    @asynccontextmanager
    async def kept(self, grace: float) -> AsyncIterator[None]:
        """Raises TimeoutError in the block once it is behind the rate for `grace` seconds."""
        if not self._running:
            self._grace = grace
            self._due = self._told = _now() + grace
        async with asyncio.timeout_at(None if self._pauses else self._due) as timeout:
            self._running.add(timeout)
            try:
                yield
            finally:
                self._running.discard(timeout)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The time of the block is ours, not the peer's: this machine may have more to do than to read."""
        self._pauses += 1
        if self._pauses == 1:
            self._paused = _now()
            self._tell()
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._due += _now() - self._paused
                self._tell()

    def _tell(self) -> None:
        self._told = self._due
        for timeout in self._running:
            if not timeout.expired():
                timeout.reschedule(None if self._pauses else self._due)


def _now() -> float:
    return asyncio.get_running_loop().time()


class _Arriving:
    """A tile on its way: what came of it is unpacked, and kept in a file until it is stored.

    A file begins with a line of JSON, the tag and the size of the answer that it is of; the rest is as it travelled,
    and is checked like it. It need not survive the machine, only this process: nothing waits for the disk.

    Attributes:
        size: bytes of it so far, packed.
        of_several: they are not of one answer.
    """

    def __init__(self, incoming: _Incoming, epoch: str, span: Span, limit: int) -> None:
        self.size = 0
        self.of_several = False
        self._span = span
        self._limit = limit
        self._unpacker = Unpacker(limit)
        self._etag: str | None = None
        self._total: int | None = None
        self._incoming = incoming
        self._path = incoming.path(epoch, span)
        self._label = b""
        if self._path is not None:
            self._read_back(self._path)

    @property
    def is_whole(self) -> bool:
        return self._unpacker.is_whole

    def rest(self) -> dict[str, str]:
        """The headers that ask for what is lacking; none to ask for all of it."""
        if self.size == 0 or self._etag is None or self.size == self._total:
            return {}
        return {"range": f"bytes={self.size}-", "if-range": self._etag}

    def begin(self, response: httpx.Response) -> None:
        """A whole answer comes."""
        self.begin_anew()
        tag, length = response.headers.get("etag", ""), response.headers.get("content-length", "")
        self._etag = tag if _STRONG_TAG.fullmatch(tag) else None
        self._total = int(length) if length.isascii() and length.isdecimal() and len(length) < 16 else None

    def goes_on(self, response: httpx.Response) -> bool:
        """Whether the answer is the rest of the same bytes."""
        self.of_several = True
        found = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if response.status_code != 206 or found is None or int(found[1]) != self.size:
            return False
        same_size = self._total is None or found[2] in ("*", str(self._total))
        return same_size and response.headers.get("etag", self._etag) == self._etag

    def take(self, data: bytes) -> None:
        """Raises LogError."""
        self._unpacker.feed(data)
        self._keep(data)
        self.size += len(data)

    def lines(self) -> list[bytes]:
        """Raises LogError."""
        return self._unpacker.lines(self._span.stop - self._span.first)

    def begin_anew(self) -> None:
        """Forget what came."""
        if self.size:
            self._incoming.drop(self._path)
        self._unpacker = Unpacker(self._limit)
        self.size, self._etag, self._total, self.of_several = 0, None, None, False

    def _keep(self, data: bytes) -> None:
        if self._path is None:
            return
        if not self.size:
            self._label = json.dumps({"etag": self._etag, "total": self._total}).encode() + b"\n"
            data = self._label + data
            at = 0
        else:
            at = len(self._label) + self.size
        if not self._incoming.write(self._path, at, data):
            self._incoming.drop(self._path)
            self._path = None

    def _read_back(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._label = file.readline(_LABEL_BYTES)
                told: Json = json.loads(self._label)
                etag, total = (told.get("etag"), told.get("total")) if isinstance(told, dict) else (None, None)
                while data := file.read(_LABEL_BYTES * 128):
                    self._unpacker.feed(data)
                    self.size += len(data)
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError):  # LogError is a ValueError
            self._incoming.drop(path)
            self._unpacker, self.size = Unpacker(self._limit), 0
            return
        self.of_several = True
        self._etag = etag if isinstance(etag, str) and _STRONG_TAG.fullmatch(etag) else None
        self._total = total if type(total) is int else None


class _Incoming:
    """The folder of the tiles that came from one peer and are not stored yet: a process that is killed has fetched them
    already. Where another process has it, or the disk takes no more, nothing is kept: that only costs the fetching."""

    def __init__(self, root: Path | None, address: str, limit: int) -> None:
        self._root = root
        self._name = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._limit = limit
        self._lock = Lock()
        self._folder: Path | None = None
        self._descriptor = -1
        self._sizes: dict[Path, int] = {}

    def path(self, epoch: str, span: Span) -> Path | None:
        """Where a tile is kept; None where none is."""
        with self._lock:
            if self._root is not None:
                root, self._root = self._root, None
                with suppress(OSError):
                    self._folder = self._taken(root, epoch)
            return None if self._folder is None else self._folder / f"{epoch}-{span.name}"

    def write(self, path: Path, at: int, data: bytes) -> bool:
        """Whether the data stands in the file now."""
        with self._lock:
            room = self._limit - sum(self._sizes.values()) + (self._sizes.get(path, 0) if at == 0 else 0)
            if len(data) > room:
                return False
            self._sizes[path] = at + len(data)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if at else os.O_TRUNC)
            file = os.open(path, flags, 0o600)
            try:
                return os.pwrite(file, data, at) == len(data)
            finally:
                os.close(file)
        except OSError:
            return False

    def drop(self, path: Path | None) -> None:
        """Remove a tile."""
        if path is not None:
            with self._lock, suppress(OSError):
                self._sizes.pop(path, None)
                path.unlink()

    def sweep(self, index: int) -> None:
        """Remove what ends before a log index."""
        with self._lock:
            stored = [path for path in self._sizes if _end(path) <= index]
        for path in stored:
            self.drop(path)

    def close(self, *, is_done: bool) -> None:
        """Leave the folder to others, and none where nothing is in it; `is_done`: nothing in it is wanted any more."""
        for path in list(self._sizes) if is_done else ():
            self.drop(path)
        with self._lock:
            folder, self._folder = self._folder, None
            if folder is not None:
                with suppress(OSError):
                    folder.rmdir()
                    folder.parent.rmdir()
                os.close(self._descriptor)

    def _taken(self, root: Path, epoch: str) -> Path:
        """The folder, which is ours alone until its descriptor is closed, with the tiles of this epoch in it.

        Raises:
            OSError: it cannot be made, or another process has it.
        """
        folder = root / self._name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = _locked(folder)
        try:
            for path in filter(_end, folder.iterdir()):
                if path.name.startswith(epoch + "-"):
                    self._sizes[path] = path.stat().st_size
                else:
                    path.unlink()
        except OSError:
            os.close(self._descriptor)
            raise
        with suppress(OSError):
            for other in root.iterdir():
                # Of a peer that is gone, or has another address now.
                if other != folder and _FOLDER(other.name) and other.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    _remove(other)
        return folder


def _end(path: Path) -> int:
    """One past the log index of the last entry of a kept tile; 0 of anything else, which is not ours to remove."""
    found = _KEPT(path.name)
    span = None if found is None else Span.from_name(found[1])
    return 0 if span is None else span.end


def _locked(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove(folder: Path) -> None:
    with suppress(OSError):
        descriptor = _locked(folder)
        try:
            for path in filter(_end, folder.iterdir()):
                path.unlink()
            folder.rmdir()
        finally:
            os.close(descriptor)


def _retry_after(text: str | None, now: float) -> float | None:
    """The seconds that a Retry-After names, as a number or as a date (RFC 9110, section 10.2.3)."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _sound_etag(etag: str | None, head: Head, data: bytes) -> str | None:
    """An ETag that says what the head is: a node's. That of a static file server is often a second and a size, which
    two heads may share: with it a reader would be told that nothing changed."""
    tag = (etag or "").removeprefix("W/")
    of_content = f'"{hashlib.sha256(data).hexdigest()[:32]}"'  # as nodes of 0.1 make it
    return tag if tag in (etag_of_head(head), of_content) else None
