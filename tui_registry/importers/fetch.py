"""A description at an address. Whatever answers may be hostile: everything is bounded, in size and in time."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

import httpx

from tui_registry.errors import Json
from tui_registry.importers.untrusted import SourceError, is_bare_host
from tui_registry.origin import FAILURES, Origin, RedirectError, TooLargeError, read_url
from tui_registry.records.documents import DocumentError, load_document
from tui_registry.text import exact, safe_text

S = TypeVar("S")
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
    """What came back from an address.

    Attributes:
        status: of a file that was asked for in part 206, or 200 for its beginning.
        size: of such a file as a whole, None when the host does not state it.
    """

    url: httpx.URL
    status: int
    body: bytes
    size: int | None = None

    def document(self) -> Json:
        """The JSON or YAML in the body.

        Raises:
            SourceError: there is none.
        """
        try:
            return load_document(self.text(), PurePosixPath(self.url.path).name or "answer")
        except DocumentError as error:
            raise SourceError(f"{_quoted(str(self.url))}: {error.sentence}") from None

    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 stay recognisable as such."""
        return self.body.decode("utf-8", "surrogateescape")


class ElsewhereError(SourceError):
    """A redirect to another host, which is not followed; `target` is where to."""

    def __init__(self, sentence: str, target: str) -> None:
        super().__init__(sentence)
        self.target = target


def read_address(address: str) -> httpx.URL:
    """The address as a URL.

    Raises:
        SourceError: it is none that can be asked.
    """
    try:
        url = read_url(f"http://{address.strip()}" if is_bare_host(address) else address.strip())
    except httpx.InvalidURL:
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
        self._bounds = bounds
        timeout = httpx.Timeout(bounds.silent_seconds)
        self._origin = Origin(url, timeout, redirects=bounds.redirects, connections=4)

    async def get(self, url: httpx.URL) -> Answer:
        """The answer to a GET, redirects on the same origin followed.

        Raises:
            SourceError: there is none, or it is too long.
        """
        async with self._asking(url), self._origin.get(url) as response:
            return Answer(url, response.status_code, await self._body(response))

    async def piece(self, url: httpx.URL, start: int, count: int) -> Answer:
        """At most `count` bytes of a file, from `start` on (RFC 9110, section 14.2); the rest is not waited for.

        Raises:
            ElsewhereError: the file is at another host. SourceError: there is no answer, or not those bytes.
        """
        wanted = {"range": f"bytes={start}-{start + count - 1}"}
        async with self._asking(url), self._origin.get(url, wanted) as response:
            if response.status_code not in (200, 206):
                return Answer(url, response.status_code, b"")
            first, size = _span(response)
            if first != start:
                raise SourceError(f"{_quoted(url.host)} does not give parts of files: download it and import the file")
            body = bytearray()
            async for chunk in self._origin.body(response, self._bounds.total_bytes - self._origin.received):
                body += chunk
                if len(body) >= count:
                    break
            return Answer(url, response.status_code, bytes(body[:count]), size)

    async def post(self, url: httpx.URL, body: Json) -> Answer:
        """The answer to a POST of JSON; redirects are not followed. Raises as `get`."""
        content = json.dumps(body).encode()
        async with self._asking(url), self._origin.post(url, content, "application/json") as response:
            return Answer(url, response.status_code, await self._body(response))

    async def each(self, ask: Callable[[S], Awaitable[T]], items: Iterable[S], *, at_once: int) -> list[T]:
        """What `ask` finds out about each of these, in their order."""
        turn = asyncio.Semaphore(at_once)

        async def in_turn(item: S) -> T:
            async with turn:
                return await ask(item)

        return await asyncio.gather(*map(in_turn, items))

    async def __aenter__(self) -> Fetcher:
        await self._origin.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._origin.__aexit__(*details)

    @asynccontextmanager
    async def _asking(self, url: httpx.URL) -> AsyncIterator[None]:
        try:
            yield
        except (*FAILURES, TooLargeError) as error:
            raise self._in_words(url, error) from None

    async def _body(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise SourceError(f"{_quoted(response.url.host)} compresses its answer, which was not asked for")
        most, left = self._bounds.bytes, self._bounds.total_bytes - self._origin.received
        try:
            return b"".join([chunk async for chunk in self._origin.body(response, min(most, left))])
        except TooLargeError:
            if left < most:
                raise SourceError(f"{_quoted(response.url.host)} answers with more than can be read at once") from None
            raise SourceError(
                f"{_quoted(str(response.url))} answers with more than {exact(most)} bytes: "
                "if it is a model, download it and import the file"
            ) from None

    def _in_words(self, url: httpx.URL, error: Exception) -> SourceError:
        """Whatever went wrong on the way, for people."""
        if isinstance(error, TooLargeError):
            return SourceError(f"{_quoted(url.host)} answers with more than can be read at once")
        failure = self._origin.failure(
            error,
            server="a web server",
            if_refused="Is it running, and is the address right?",
            if_trusted="import it",
        )
        sentence = f"{_quoted(url.host)}: {failure.reason}"
        if isinstance(error, RedirectError) and error.why == "elsewhere":
            return ElsewhereError(sentence, error.target)
        return SourceError(sentence)


def _span(response: httpx.Response) -> tuple[int, int | None]:
    """Where in the file the body begins, and the size of the whole file where it is told."""
    if response.status_code == 200:
        length = response.headers.get("content-length", "")
        return 0, int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if match is None:
        return -1, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-[0-9]{1,19}/([0-9]{1,19}|\*)", re.ASCII)


def _quoted(text: str) -> str:
    return safe_text(text, 120)
