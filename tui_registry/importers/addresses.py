"""An address -> findings: a repository of the Hub, a file of weights, a server known by its host, or a description."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tui_registry.errors import Kind
from tui_registry.importers.draft_writer import Given
from tui_registry.importers.fetch import Answer, FetchBounds, Fetcher, fetched, read_address
from tui_registry.importers.formats import FORMATS, WEIGHTS, reader_of
from tui_registry.importers.hub import HUB, Hub, read_repository, repository_at
from tui_registry.importers.others import other_text, refusal
from tui_registry.importers.own_documents import read_draft
from tui_registry.importers.recognising import read_foreign, text_reader
from tui_registry.importers.remote_headers import BOUNDS, read_weights_at
from tui_registry.importers.untrusted import SourceError
from tui_registry.present.imports import Finding
from tui_registry.text import safe_text

if TYPE_CHECKING:
    import httpx


def read_from_address(
    address: str, kind: Kind | None = None, bounds: FetchBounds | None = None, hub: Hub = HUB
) -> Iterator[Finding]:
    """What lies at an address. Without a path, a host is asked for each kind of server that is known; of the Hub, the
    address of a repository or of a file in it is enough.

    Raises:
        SourceError: nothing there can be read.
    """
    url = read_address(address)
    repository = repository_at(url, hub)
    if repository is not None:
        yield from read_repository(repository, kind, hub, bounds or BOUNDS)
        return
    if url.path.lower().endswith(_SUFFIXES):
        yield read_weights_at(url, kind, bounds or BOUNDS)
        return
    host = str(url.copy_with(raw_path=b"/")).rstrip("/")

    async def ask(fetcher: Fetcher) -> list[Finding]:
        if url.path in ("", "/"):
            return _at(host, [draft.finding() for draft in await _ask_host(fetcher, url)])
        for server, give in _SERVERS:
            if url.path in server.paths:
                drafts = await give(fetcher, url, server.place)
                if drafts is None:
                    raise SourceError(f"{_shown(url)} does not give {server.sought}")
                return _at(host, [draft.finding() for draft in drafts])
        answer = await fetcher.get(url)
        given = None if answer.status == 200 and not _is_page(answer.text()) else await _ask_below(fetcher, url)
        return _at(str(url), _read(answer, url, kind) if given is None else [one.finding() for one in given])

    for finding in fetched(url, ask, bounds or FetchBounds()):
        yield finding.wanted_as(kind)


def _at(place: str, findings: list[Finding]) -> list[Finding]:
    """Findings with the place where they stand: what is alone there has its own, and of many each has its name."""
    return [
        replace(one, place=place, entry=one.entry or None) if one.entry or len(findings) > 1 else one
        for one in findings
    ]


_SUFFIXES = tuple(weights.suffix for weights in WEIGHTS.values() if weights.suffix)
# One with a usual port is less likely at any other.
_SERVERS = sorted(
    ((each.server, ask) for each in FORMATS if each.server is not None and (ask := reader_of(each).ask) is not None),
    key=lambda server: server[0].port,
)


async def _ask_host(fetcher: Fetcher, url: httpx.URL) -> Sequence[Given]:
    """The drafts of a server of which only the host is known."""
    faults: list[SourceError] = []
    for server, ask in sorted(_SERVERS, key=lambda server: url.port != server[0].port):
        try:
            drafts = await ask(fetcher, url, server.place)
        except SourceError as error:
            faults.append(error)
            continue
        if drafts is not None:
            return drafts
    if len(faults) == len(_SERVERS):
        raise faults[0]
    sought = " nor ".join(f"{server.sought} ({server.place})" for server, _ in _SERVERS)
    raise SourceError(f"{_shown(url)} has neither {sought}")


async def _ask_below(fetcher: Fetcher, url: httpx.URL) -> Sequence[Given] | None:
    """The drafts of a server whose address has a path, None when there is none."""
    for server, ask in _SERVERS:
        if server.below:
            try:
                given = await ask(fetcher, url, url.path.rstrip("/") + server.place)
            except SourceError:
                continue  # what the address itself answers is told
            if given is not None:
                return given
    return None


def _is_page(text: str) -> bool:
    return text.lstrip()[:15].lower().startswith(("<!doctype", "<html"))


def _read(answer: Answer, url: httpx.URL, kind: Kind | None) -> list[Finding]:
    if answer.status != 200:
        raise SourceError(f"{_shown(url)} answers with status {answer.status}: check the address")
    if answer.body.startswith(b"GGUF") or b"\0" in answer.body[:64]:
        raise SourceError(f"{_shown(url)} is a binary file: download it and import the file")
    text = answer.text()
    name = PurePosixPath(url.path).stem or url.host
    if _is_page(text):
        raise SourceError(f"{_shown(url)} is a web page, no description: look there for the file itself")
    if other := other_text(text, name):
        raise SourceError(f"{_shown(url)} {refusal(other).sentence}")
    reader = text_reader(text)
    if reader is not None:
        return [reader.read(text, str(url), name).finding()]
    value = answer.document()
    drafts = read_foreign(value, str(url), name)
    if drafts is not None:
        return [draft.finding() for draft in drafts]
    items = value if isinstance(value, list) else [value]
    return [read_draft(item, f"{url}[{n}]" if len(items) > 1 else str(url), kind) for n, item in enumerate(items)]


def _shown(url: httpx.URL) -> str:
    return safe_text(str(url), 120)
