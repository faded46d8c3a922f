"""An address -> findings: a repository of the Hub, a file of weights, a server known by its host, or a description."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias, Union

from tui_registry.errors import Json, Kind
from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import Draft, Given, Judged, with_notes
from tui_registry.importers.fetch import (
    Answer,
    FetchBounds,
    Fetcher,
    Talk,
    Tell,
    pages_after,
    read_address,
    untold,
)
from tui_registry.importers.formats import FORMATS, WEIGHTS, Server, reader_of
from tui_registry.importers.huggingface_hub import (
    HUB,
    Hub,
    Owner,
    Repository,
    at_hub,
    hub_at,
    owner_at,
    read_owner,
    read_repository,
    repository_at,
)
from tui_registry.importers.others import other_text, refusal
from tui_registry.importers.own_documents import read_draft
from tui_registry.importers.recognising import read_foreign, text_reader
from tui_registry.importers.remote_headers import BOUNDS, read_weights_at
from tui_registry.importers.untrusted import Page, SourceError
from tui_registry.present.imports import Finding
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    import httpx


def read_from_address(
    address: str,
    kind: Kind | None = None,
    bounds: FetchBounds | None = None,
    hub: Hub = HUB,
    *,
    after: str = "",
    tell: Tell | None = None,
) -> Iterator[Finding]:
    """What lies at an address.

    Of the Hub, the address of a repository, of a file in it or of an organisation is enough. Of another host the
    address itself is asked. Where that is no description, or has no path, each server that is known is looked for
    there, in this order: an AI Catalog, an MCP registry, an A2A host, a Hub, an
    Ollama server; one to whose usual port the address
    leads goes first.

    Args:
        after: the cursor at which a list goes on that was cut short. tell: is told how far a list is.

    Raises:
        CutShortError: a list was not read to its end; what came before was given.
        SourceError: nothing there can be read.
    """
    url, tell = read_address(address), tell or untold
    found: _Found = repository_at(url, hub) or owner_at(url, hub)
    if found is None and url.host in hub.hosts and url.path in ("", "/"):
        raise SourceError(
            f"{_shown(url)} names nobody: {hub.base}/OWNER is somebody's models, {hub.base}/OWNER/NAME one"
        )
    if found is None and url.path.lower().endswith(_SUFFIXES):
        _refuse_cursor(after, url)
        yield read_weights_at(url, kind, bounds or BOUNDS)
        return
    if found is None:
        with Talk(url, bounds or FetchBounds()) as talk:
            found = talk.ask(lambda fetcher: _asked(fetcher, url, after, tell))
            if isinstance(found, _Start):
                for finding in _listed(talk, found, url, after, bounds or FetchBounds(), tell):
                    yield finding.wanted_as(kind)
                return
        hub = hub_at(url)
    if isinstance(found, Repository):
        _refuse_cursor(after, url)
        yield from read_repository(found, kind, hub, bounds or BOUNDS)
    elif isinstance(found, Owner):
        yield from read_owner(found, kind, hub, bounds or BOUNDS, after=after, tell=tell)


_SUFFIXES = tuple(weights.suffix for weights in WEIGHTS.values() if weights.suffix)
_Ask: TypeAlias = Callable[[Fetcher, "httpx.URL", str, str], Awaitable[Union[Page[Given], None]]]
# None asks whether there is a Hub; it comes before a server that is mostly asked at its usual port.
_SERVERS: list[tuple[Server, _Ask | None]] = [
    (each.server, reader_of(each).ask) for each in FORMATS if each.server is not None
]
_HUB = Server("a Hub's model or organisation", "/api/models", pages=True)
_SERVERS.insert(next(place for place, (server, _) in enumerate(_SERVERS) if server.port), (_HUB, None))


class _Start(NamedTuple):
    """What an address gave, how to ask for the page at a cursor, and the place where all of it stands."""

    page: Page[Given]
    place: str
    ask: Callable[[Fetcher, str], Awaitable[Page[Given] | None]]


_Found: TypeAlias = Union[_Start, Repository, Owner, None]


async def _asked(fetcher: Fetcher, url: httpx.URL, after: str, tell: Tell) -> _Start | Repository | Owner:
    """What an address gives that is not known by its host."""
    if url.path in ("", "/") or (url.path == _HUB.place and "author" in url.params):
        return await _probed(fetcher, url, "", after, tell)
    for server, ask in _SERVERS:
        if ask is not None and url.path in server.paths and (server.pages or not after):
            page = await ask(fetcher, url, server.place, after)
            if page is None:
                raise SourceError(f"{_shown(url)} does not answer as {server.sought} does")
            return _start(page, ask, url, server.place, "")
    answer = await fetcher.get(url)
    fault = _fault_of(answer, url)
    if not fault or PurePosixPath(url.path).suffix.lower() in _OF_FILES:
        _refuse_cursor(after, url)
        return _Start(Page(await _read(fetcher, answer, url)), str(url), _no_more)
    below = url.raw_path.decode("ascii").partition("?")[0].rstrip("/")
    try:
        return await _probed(fetcher, url, below, after, tell)
    except SourceError as error:
        raise SourceError(f"{fault}; {error.sentence}") from None


async def _linked(fetcher: Fetcher, url: httpx.URL, value: Json) -> Sequence[Given] | None:
    """What a document names elsewhere, None when it is of no format that does."""
    for each in FORMATS:
        read = reader_of(each).linked if each.documents else None
        found = None if read is None else await read(fetcher, url, value)
        if found is not None:
            return found
    return None


# What ends so is a file, and no place below which a server answers.
_OF_FILES = (".json", ".yaml", ".yml", ".md", ".markdown", ".txt", ".ndjson", ".jsonl")


def _start(page: Page[Given], ask: _Ask, url: httpx.URL, place: str, below: str) -> _Start:
    base = str(url.copy_with(raw_path=below.encode("ascii") or b"/")).rstrip("/")
    return _Start(page, base, lambda fetcher, after: ask(fetcher, url, place, after))


async def _no_more(_fetcher: Fetcher, _after: str) -> None:
    return None


async def _probed(fetcher: Fetcher, url: httpx.URL, below: str, after: str, tell: Tell) -> _Start | Repository | Owner:
    """The server of which only the host is known, or a path below which it answers.

    Raises:
        SourceError: there is none; the sentence says what was looked for, in its order.
    """
    faults: list[SourceError] = []
    sought: list[str] = []
    named = url.path not in ("", "/")
    servers = [one for one in _SERVERS if (one[0].pages or not after) and (named or one[1] is not None)]
    for server, ask in sorted(servers, key=lambda server: url.port is None or url.port != server[0].port):
        place = server.place if ask is None else below + server.place
        sought.append(f"{server.sought} ({place})")
        tell(f"asking {safe_text(url.host, 80)} for {server.sought}")
        try:
            if ask is None:
                found = await at_hub(fetcher, url)
                if found is not None:
                    return found
                continue
            page = await ask(fetcher, url, place, after)
        except SourceError as error:
            faults.append(error)
            continue
        if page is not None:
            return _start(page, ask, url, place, below)
    if len(faults) == len(servers):
        raise faults[0]
    # What is there and cannot be read is more than nothing
    said = f" ({faults[0].sentence})" if faults else ""
    raise SourceError(f"{_shown(url)} has neither {' nor '.join(sought)}{said}")


def _listed(
    talk: Talk, start: _Start, url: httpx.URL, after: str, bounds: FetchBounds, tell: Tell
) -> Iterator[Finding]:
    """What is on all the pages of a list, or on the only one; what stands on several of them as it is, once."""
    read = 0
    told: set[bytes] = set()

    def ask(cursor: str) -> Page[Given] | None:
        tell(f"{exact(read)} {'entry' if read == 1 else 'entries'} of {safe_text(url.host, 80)} read, asking for more")
        return talk.ask(lambda fetcher: start.ask(fetcher, cursor))

    for page in pages_after(start.page, ask, after, bounds.pages):
        read += len(page.given)
        if any(isinstance(one, Draft) and one.proof is not None for one in page.given):
            talk.ask(partial(_prove, page.given, url))
        findings = [one.finding() for one in page.given]
        # A list that grows while it is read, or goes round in circles, gives the same again
        here = [hashlib.sha256(repr((one.entry, one.record)).encode()).digest() for one in findings]
        for finding in [one for one, same in zip(findings, here, strict=True) if not (one.entry and same in told)]:
            # What is alone there has its own place, and of many each has its name
            many = bool(finding.entry) or len(page.given) > 1
            yield replace(finding, place=start.place, entry=finding.entry or None) if many else finding
        told.update(here)


async def _prove(given: Sequence[Given], url: httpx.URL, fetcher: Fetcher) -> None:
    from tui_registry.importers.signatures import HostKeys  # most are not signed

    keys = HostKeys(fetcher, url)
    for one in given:
        if isinstance(one, Draft) and one.proof is not None:
            await one.proof(keys)


def _refuse_cursor(after: str, url: httpx.URL) -> None:
    if after:
        raise SourceError(f"{_shown(url)} is no list that comes in pages: leave out --after")


def _fault_of(answer: Answer, url: httpx.URL) -> str:
    """Why the answer of an address is no description; empty when it may be one."""
    if answer.status != 200:
        return f"{_shown(url)} answers with status {answer.status}: check the address"
    if answer.text().lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        return f"{_shown(url)} is a web page, no description: look there for the file itself"
    return ""


async def _read(fetcher: Fetcher, answer: Answer, url: httpx.URL) -> Sequence[Given]:
    if fault := _fault_of(answer, url):
        raise SourceError(fault)
    if answer.body.startswith(b"GGUF") or b"\0" in answer.body[:64]:
        raise SourceError(f"{_shown(url)} is a binary file: download it and import the file")
    text = answer.text()
    name = PurePosixPath(url.path).stem or url.host
    if other := other_text(text, name):
        raise SourceError(f"{_shown(url)} {refusal(other).sentence}")
    reader = text_reader(text)
    if reader is not None:
        return [reader.read(text, str(url), name)]
    notes: list[str] = []
    refused: SourceError | None = None
    try:
        value = answer.document()
    except SourceError as error:
        value, refused = answer.document(notes), error
    drafts = await _linked(fetcher, answer.url, value)
    if drafts is None:
        drafts = read_foreign(value, str(url), name)
    if drafts is not None:
        return with_notes(drafts, notes)
    if refused is not None:
        raise refused  # ours is read to the letter
    items = value if isinstance(value, list) else [value]
    return [Judged(read_draft(item, f"{url}[{n}]" if len(items) > 1 else str(url))) for n, item in enumerate(items)]


def _shown(url: httpx.URL) -> str:
    return safe_text(str(url), 120)
