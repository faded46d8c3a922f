"""A node or a static log over HTTP. Whatever answers may be hostile: everything is bounded, in size and in time."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TypeVar

import httpx

from tui_registry.errors import Json
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.errors import SyncError, quoted
from tui_registry.sync.heads import HeadError, RemoteHead, parse_head
from tui_registry.sync.tiles import Span, TileError, Unpacker, split

_CHUNK = 65_536
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_E = TypeVar("_E", bound=BaseException)


class HttpTransport:
    """Reads a peer's log below `address`, an http(s) URL that may have a path of its own."""

    answers = True

    def __init__(self, peer: str, address: str, bounds: Bounds) -> None:
        self.received = 0
        self._peer = peer
        self._bounds = bounds
        try:
            self._base = httpx.URL(address.rstrip("/") + "/")
        except httpx.InvalidURL:
            raise SyncError(peer, "unreachable", f"{quoted(address)} is not a web address") from None
        self._client = httpx.AsyncClient(
            # A certificate store takes long to load, and a peer on plain HTTP can never lead us to TLS.
            verify=self._base.scheme == "https",
            trust_env=not _is_loopback(self._base.host),
            timeout=httpx.Timeout(bounds.read_seconds, connect=bounds.connect_seconds),
            limits=httpx.Limits(max_connections=bounds.requests_at_once + 1),
            follow_redirects=False,
        )
        # Polls must stay small, so nothing but these goes out. gzip is what tiles are, never how they travel.
        self._headers = {"user-agent": "tui-registry", "accept-encoding": "identity"}

    async def head(self, etag: str | None = None) -> RemoteHead | None:
        """The peer's head; None when it is still the one that `etag` came with."""
        extra = {"if-none-match": etag} if etag is not None else {}
        async with self._deadline(self._bounds.head_seconds), self._get("sync/head", extra) as response:
            if response.status_code == 304 and etag is not None:
                return None
            if response.status_code == 404:
                raise self._fail("not_a_node", "has no registry at that address (404). Check the address")
            self._expect_ok(response)
            data = b"".join([chunk async for chunk in self._body(response, self._bounds.head_bytes, "its head")])
        try:
            read = parse_head(data)
        except HeadError as error:
            raise self._fail(error.code, f"{error.reason}. Check the address") from None
        return RemoteHead(read.head, read.ranges, _sound_etag(response.headers.get("etag")))

    async def entries(self, epoch: str, span: Span) -> list[bytes]:
        """Exactly the entries of the span."""
        limit = self._bounds.tile_bytes
        unpacker = Unpacker(limit)
        path = f"sync/{epoch}/entries/{span.name}"
        async with self._deadline(self._bounds.request_seconds), self._get(path) as response:
            if response.status_code in (404, 410):
                raise self._fail("vanished", f"has no tile {span.name}, which its head promises")
            self._expect_ok(response)
            try:
                # Data that does not compress grows a little as gzip; what grows more is no honest tile.
                async for chunk in self._body(response, limit + limit // 64 + 1024, f"tile {span.name}"):
                    await asyncio.to_thread(unpacker.feed, chunk)
                return await asyncio.to_thread(unpacker.lines, span.stop - span.first)
            except TileError as error:
                raise self._fail(error.code, f"tile {span.name} {error.reason}") from None

    async def missing(self, hashes: Sequence[str]) -> list[bytes]:
        """Operations by hash, children first; maybe only some of them, and none from a static log."""
        content = json.dumps({"hashes": list(hashes)}, separators=(",", ":")).encode()
        request = self._request("POST", self._base.join("sync/ops/get"), content, "application/json")
        async with self._deadline(self._bounds.request_seconds), self._sent(request) as response:
            if response.status_code in (404, 405, 501):
                return []  # a static file server
            self._expect_ok(response)
            limit = self._bounds.tile_bytes
            data = b"".join([chunk async for chunk in self._body(response, limit, "its answer")])
        try:
            return await asyncio.to_thread(split, data)
        except TileError as error:
            raise self._fail("protocol", f"its answer {error.reason}") from None

    async def offer(self, lines: Iterable[bytes]) -> Json:
        """Push operations; the peer's report as JSON."""
        content = b"".join(line + b"\n" for line in lines)
        request = self._request("POST", self._base.join("sync/ops"), content, "application/x-ndjson")
        async with self._deadline(self._bounds.request_seconds), self._sent(request) as response:
            if response.status_code in (403, 404, 405, 501):
                raise self._fail(
                    "not_accepted", "does not take operations from others. Ask its operator for `serve --accept-ops`"
                )
            self._expect_ok(response)
            limit = self._bounds.answer_bytes
            data = b"".join([chunk async for chunk in self._body(response, limit, "its answer")])
        try:
            tree: Json = json.loads(data.decode())
        except (ValueError, RecursionError):
            raise self._fail("protocol", "took the operations and answered with something that is not JSON") from None
        return tree

    async def __aenter__(self) -> HttpTransport:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    # How: one request

    def _request(self, method: str, url: httpx.URL, content: bytes | None = None, of: str = "") -> httpx.Request:
        headers = {"host": url.netloc.decode("ascii"), **self._headers}
        if content is not None:
            headers |= {"content-type": of, "content-length": str(len(content))}
        return httpx.Request(method, url, headers=headers, content=content, extensions=self._extensions)

    @property
    def _extensions(self) -> dict[str, dict[str, float | None]]:
        return {"timeout": self._client.timeout.as_dict()}

    @asynccontextmanager
    async def _get(self, path: str, extra: dict[str, str] | None = None) -> AsyncIterator[httpx.Response]:
        """The answer to a GET, redirects on the same origin followed."""
        url = self._base.join(path)
        for _ in range(self._bounds.redirects + 1):
            request = self._request("GET", url)
            request.headers.update(extra or {})
            async with self._sent(request) as response:
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                url = self._redirected(url, response)
        raise self._fail("redirect", "sends us round in circles: too many redirects. Check the address")

    @asynccontextmanager
    async def _sent(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        try:
            response = await self._client.send(request, stream=True)
            try:
                yield response
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            raise self._said(error) from None

    @asynccontextmanager
    async def _deadline(self, seconds: float) -> AsyncIterator[None]:
        """For the whole request: a peer that sends a byte now and then stays below every timeout of a read."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise self._fail("timeout", f"did not finish one answer within {seconds:g} s") from None

    async def _body(self, response: httpx.Response, limit: int, what: str) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in response.aiter_raw(_CHUNK):
            read += len(chunk)
            self.received += len(chunk)
            if read > limit:
                raise self._fail("too_large", f"{what} is larger than {limit:,} bytes")
            yield chunk

    def _redirected(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        location = response.headers.get("location", "")
        try:
            target = url.join(location)
        except (httpx.InvalidURL, ValueError):
            raise self._fail("redirect", f"redirects to {quoted(location)}, which is no web address") from None
        if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
            raise self._fail(
                "redirect",
                f"redirects to another place, {quoted(str(target))}. If you trust that one, add it as a peer",
            )
        return target.copy_with(fragment=None)

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

    def _said(self, error: Exception) -> SyncError:
        """An exception of the network in words."""
        if isinstance(error, httpx.InvalidURL):  # ours was read before: it is what a redirect names
            return self._fail("redirect", "redirects to something that is no web address. Check the address")
        if isinstance(error, httpx.ConnectTimeout):
            return self._fail("timeout", f"no connection within {self._bounds.connect_seconds:g} s. Is it switched on?")
        if isinstance(error, httpx.TimeoutException):
            return self._fail("timeout", f"silent for {self._bounds.read_seconds:g} s in the middle of an answer")
        if isinstance(error, httpx.ProtocolError):
            return self._fail("protocol", "does not speak HTTP as a node does, or hung up in the middle. Try again")
        if isinstance(error, httpx.ProxyError):
            return self._fail("unreachable", "the proxy of this machine did not let us through")
        if _cause(error, socket.gaierror) is not None:
            return self._fail("unreachable", f"no such host: {quoted(self._base.host)}. Check the address")
        if (tls := _cause(error, ssl.SSLError)) is not None:
            return self._fail(
                "insecure", f"its TLS certificate cannot be trusted ({quoted(tls.reason or 'no reason')})"
            )
        if _cause(error, ConnectionRefusedError) is not None:
            return self._fail("refused", "connection refused. Is `serve` running there?")
        system = _cause(error, OSError)
        if system is not None and system.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return self._fail("unreachable", "no route to that host. Is the network up?")
        return self._fail("unreachable", "the connection broke. Try again")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _sound_etag(etag: str | None) -> str | None:
    """An ETag that is worth keeping: short, printable ASCII."""
    return etag if etag is not None and len(etag) <= 128 and etag.isascii() and etag.isprintable() else None


def _cause(error: BaseException, wanted: type[_E]) -> _E | None:
    """The first exception of that type among an error and its causes, groups included."""
    return next((found for found in _causes(error) if isinstance(found, wanted)), None)


def _causes(error: BaseException | None, depth: int = 0) -> Iterator[BaseException]:
    if error is None or depth > 12:
        return
    yield error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner, depth + 1)
    yield from _causes(error.__cause__, depth + 1)
    if error.__context__ is not error.__cause__:
        yield from _causes(error.__context__, depth + 1)
