"""A description at an address. Whatever answers may be hostile: everything is bounded, in size and in time."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx

from tui_registry.errors import Json
from tui_registry.importers.errors import SourceError
from tui_registry.text import exact, safe_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """What one import from an address may cost.

    Attributes:
        bytes: of one answer.
        total_bytes: of all answers together.
        seconds: for everything that is asked of one address, however many requests that takes.
        silent_seconds: without a byte.
    """

    bytes: int = 4 * 1024 * 1024
    total_bytes: int = 32 * 1024 * 1024
    seconds: float = 60.0
    silent_seconds: float = 10.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def read_address(address: str) -> httpx.URL:
    """The address as a URL.

    Raises:
        SourceError: it is none that can be asked.
    """
    try:
        url = httpx.URL(address.strip())
    except (httpx.InvalidURL, ValueError):
        raise SourceError(f"{_quoted(address)} is not a web address") from None
    # httpx escapes what cannot stand in a host instead of refusing it.
    if url.scheme not in ("http", "https") or not url.host or "%" in url.host:
        raise SourceError(f"{_quoted(address)} is not a web address: write http:// or https:// and a host")
    if url.userinfo:
        raise SourceError("the address holds a user name or password: leave it out")
    return url.copy_with(fragment=None)


def fetched(url: httpx.URL, ask: Callable[[Fetcher], Awaitable[T]], bounds: FetchBounds) -> T:
    """What `ask` finds out. Not to be called on a thread that runs an event loop.

    Raises:
        SourceError: the host cannot be reached, or `ask` raises it.
    """

    async def run() -> T:
        try:
            async with asyncio.timeout(bounds.seconds), Fetcher(url, bounds) as fetcher:
                return await ask(fetcher)
        except TimeoutError:
            raise SourceError(f"{_quoted(str(url))} did not answer within {bounds.seconds:g} s") from None

    return asyncio.run(run())


class Fetcher:
    """Asks one host, and follows it to no other."""

    def __init__(self, url: httpx.URL, bounds: FetchBounds) -> None:
        self._url = url
        self._bounds = bounds
        self._received = 0
        self._client = httpx.AsyncClient(
            # A certificate store takes long to load, and plain HTTP never leads us to TLS.
            verify=url.scheme == "https",
            trust_env=not _is_loopback(url.host),
            timeout=httpx.Timeout(bounds.silent_seconds),
            follow_redirects=False,
            headers={"user-agent": "tui-registry", "accept-encoding": "identity"},
        )

    async def get(self, url: httpx.URL) -> Answer:
        """The answer to a GET, redirects on the same origin followed.

        Raises:
            SourceError: there is none, or it is too long.
        """
        for _ in range(self._bounds.redirects + 1):
            async with self._sent(self._client.build_request("GET", url)) as response:
                if response.status_code not in _REDIRECTS:
                    return Answer(response.status_code, await self._body(response))
                url = self._redirected(url, response)
        raise SourceError(f"{_quoted(str(self._url))} sends us round in circles: too many redirects")

    async def post(self, url: httpx.URL, body: Json) -> Answer:
        """The answer to a POST of JSON; redirects are not followed. Raises as `get`."""
        content = json.dumps(body).encode()
        request = self._client.build_request("POST", url, content=content, headers={"content-type": "application/json"})
        async with self._sent(request) as response:
            return Answer(response.status_code, await self._body(response))

    async def __aenter__(self) -> Fetcher:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def _sent(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        try:
            response = await self._client.send(request, stream=True)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise SourceError(f"the TLS certificate of {_quoted(request.url.host)} cannot be trusted") from None
            raise SourceError(
                f"no answer from {_quoted(request.url.host)}: is it running, and is the address right?"
            ) from None
        except httpx.TimeoutException:
            raise SourceError(f"{_quoted(request.url.host)} was silent for {self._bounds.silent_seconds:g} s") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            reason = safe_text(str(error) or type(error).__name__, 120)
            raise SourceError(f"{_quoted(request.url.host)} did not answer as web servers do ({reason})") from None

    async def _body(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise SourceError(f"{_quoted(response.url.host)} compresses its answer, which was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            self._received += len(chunk)
            if self._received > self._bounds.total_bytes:
                raise SourceError(f"{_quoted(response.url.host)} answers with more than can be read at once")
            if len(body) > self._bounds.bytes:
                raise SourceError(
                    f"{_quoted(str(response.url))} answers with more than {exact(self._bounds.bytes)} bytes: "
                    "if it is a model, download it and import the file"
                )
        return bytes(body)

    def _redirected(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        location = response.headers.get("location", "")
        try:
            target = url.join(location)
        except (httpx.InvalidURL, ValueError):
            raise SourceError(f"{_quoted(str(url))} redirects to what is no web address") from None
        if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
            where = f"{_quoted(str(url))} redirects to another place, {_quoted(str(target))}"
            raise SourceError(f"{where}: if you trust that one, import it")
        return target.copy_with(fragment=None)


_REDIRECTS = frozenset((301, 302, 303, 307, 308))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _quoted(text: str) -> str:
    return safe_text(text, 120)
