"""A description at an address. Whatever answers may be hostile: everything is bounded, in size and in time."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias, TypeVar

import httpx

from tui_registry.errors import Json
from tui_registry.importers.untrusted import CutShortError, Page, SourceError, decoded, is_bare_host
from tui_registry.origin import FAILURES, Origin, RedirectError, TooLargeError, read_url
from tui_registry.records.documents import DocumentError, load_document, load_foreign
from tui_registry.text import exact, safe_text

S = TypeVar("S")
T = TypeVar("T")

# Told how far a list is, in safe words.
Tell: TypeAlias = Callable[[str], None]


def untold(_words: str) -> None:
    """A `Tell` for nobody."""


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """What one import from an address may cost.

    Attributes:
        bytes: of one answer.
        total_bytes: of all answers together, or of those for one page of a list.
        seconds: for everything that is asked of one address, however many requests that takes, or for one page of a
            list.
        silent_seconds: without a byte.
        pages: of a list. all_seconds: for all of them.
    """

    bytes: int = 4 * 1024 * 1024
    total_bytes: int = 32 * 1024 * 1024
    seconds: float = 60.0
    silent_seconds: float = 10.0
    redirects: int = 5
    pages: int = 1_000
    all_seconds: float = 1_800.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from an address.

    Attributes:
        status: of a file that was asked for in part 206, or 200 for its beginning.
        size: of such a file as a whole, None when the host does not state it.
        next: where a list goes on (`Link: <...>; rel="next"`, RFC 8288), as the host wrote it; empty at its end.
    """

    url: httpx.URL
    status: int
    body: bytes
    size: int | None = None
    next: str = ""

    def document(self, notes: list[str] | None = None) -> Json:
        """The JSON or YAML in the body.

        Args:
            notes: where it may be of somebody else's program: it is read as such programs write it then (as by
                `load_foreign`), and `notes` is told what was left out. None for what is ours.

        Raises:
            SourceError: there is none.
        """
        name = PurePosixPath(self.url.path).name or "answer"
        try:
            return load_document(self.text(), name)
        except DocumentError as error:
            refused = error
        with suppress(DocumentError):
            if notes is not None:
                return load_foreign(decoded(self.body, notes), name, notes)
        raise SourceError(f"{_quoted(str(self.url))}: {refused.sentence}") from None

    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 stay recognisable as such."""
        return self.body.decode("utf-8", "surrogateescape")


class AwayError(SourceError):
    """The host does not answer, or says itself that it cannot just now: what else is asked of it would end alike."""


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
    with Talk(url, bounds) as talk:
        return talk.ask(ask)


class Talk:
    """One host, asked by plain code step by step: between two steps nothing is asked and no time runs.

    Not to be held on a thread that runs an event loop.
    """

    def __init__(self, url: httpx.URL, bounds: FetchBounds) -> None:
        self._url = url
        self._bounds = bounds
        self._runner = asyncio.Runner()
        self._fetcher = Fetcher(url, bounds)
        self._left = bounds.all_seconds

    def ask(self, ask: Callable[[Fetcher], Awaitable[T]]) -> T:
        """What `ask` finds out, within the bounds. Raises as `fetched`."""
        began = time.monotonic()
        try:
            return self._runner.run(self._within(ask))
        finally:
            self._left -= time.monotonic() - began

    async def _within(self, ask: Callable[[Fetcher], Awaitable[T]]) -> T:
        seconds = min(self._bounds.seconds, self._left)
        if seconds <= 0:
            raise AwayError(f"{_quoted(str(self._url))} took more than {self._bounds.all_seconds:g} s altogether")
        self._fetcher.begin()
        try:
            async with asyncio.timeout(seconds):
                return await ask(self._fetcher)
        except TimeoutError:
            raise AwayError(f"{_quoted(str(self._url))} did not answer within {seconds:g} s") from None

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *details: object) -> None:
        with self._runner:
            self._runner.run(self._fetcher.close())


def pages_after(first: Page[T], ask: Callable[[str], Page[T] | None], start: str, most: int) -> Iterator[Page[T]]:
    """A list page by page, as it comes.

    Args:
        ask: for the page at a cursor; None when there is none.
        start: the cursor of the first page.
        most: pages.

    Raises:
        CutShortError: a page cannot be had, there are too many, or they go round in circles.
    """
    page, read, asked = first, 0, {start}
    while True:
        yield page
        read += len(page.given)
        cursor = page.cursor
        if not cursor:
            return
        if cursor in asked:
            raise CutShortError("the pages of the list go round in circles", read, None)
        if len(asked) >= most:
            raise CutShortError(f"the list has more than the {exact(most)} pages that are read at once", read, cursor)
        asked.add(cursor)
        try:
            found = ask(cursor)
        except SourceError as error:
            raise CutShortError(error.sentence, read, cursor) from None
        if found is None:
            raise CutShortError("the next page of the list is not there", read, cursor)
        page = found


class Fetcher:
    """Asks one host, and follows it to no other."""

    def __init__(self, url: httpx.URL, bounds: FetchBounds, *, public: bool = False) -> None:
        """
        Args:
            public: somebody else named the host: nothing is sent to this machine or its network.
        """
        self._bounds = bounds
        self._before = 0
        timeout = httpx.Timeout(bounds.silent_seconds)
        self._origin = Origin(url, timeout, redirects=bounds.redirects, connections=4, public=public)

    def begin(self) -> None:
        """Count bytes from here on."""
        self._before = self._origin.received

    @property
    def _left(self) -> int:
        return self._bounds.total_bytes - (self._origin.received - self._before)

    async def get(self, url: httpx.URL) -> Answer:
        """The answer to a GET, redirects on the same origin followed.

        Raises:
            SourceError: there is none, or it is too long.
        """
        async with self._asking(url), self._origin.get(url) as response:
            further = response.links.get("next", {}).get("url", "")
            return Answer(url, response.status_code, await self._body(response), next=further)

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
            async for chunk in self._origin.body(response, self._left):
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
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        await self._origin.__aexit__()

    @asynccontextmanager
    async def _asking(self, url: httpx.URL) -> AsyncIterator[None]:
        try:
            yield
        except (*FAILURES, TooLargeError) as error:
            raise self._in_words(url, error) from None

    async def _body(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise SourceError(f"{_quoted(response.url.host)} compresses its answer, which was not asked for")
        most, left = self._bounds.bytes, self._left
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
        return SourceError(sentence) if isinstance(error, RedirectError) else AwayError(sentence)


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
