"""An address -> findings: a repository of the Hub, a file of weights, a server known by its host, or a description."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tui_registry.errors import Kind
from tui_registry.importers.drafting import Draft
from tui_registry.importers.fetch import Answer, FetchBounds, Fetcher, fetched, read_address
from tui_registry.importers.formats import SERVERS, SUFFIXES_AT_ADDRESSES, TEXTS, read_foreign
from tui_registry.importers.gguf import MAGIC
from tui_registry.importers.hub import HUB, Hub, read_repository, repository_at
from tui_registry.importers.own_documents import read_draft
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
    if url.path.lower().endswith(SUFFIXES_AT_ADDRESSES):
        yield read_weights_at(url, kind, bounds or BOUNDS)
        return

    async def ask(fetcher: Fetcher) -> list[Finding]:
        if url.path in ("", "/"):
            return [draft.finding() for draft in await _ask_host(fetcher, url)]
        for server in SERVERS:
            if url.path in server.paths:
                drafts = await server.ask(fetcher, url)
                if drafts is None:
                    raise SourceError(f"{_shown(url)} does not give {server.sought}")
                return [draft.finding() for draft in drafts]
        return _read(await fetcher.get(url), url, kind)

    for finding in fetched(url, ask, bounds or FetchBounds()):
        yield finding.wanted_as(kind)


async def _ask_host(fetcher: Fetcher, url: httpx.URL) -> list[Draft]:
    """The drafts of a server of which only the host is known."""
    faults: list[SourceError] = []
    for server in sorted(SERVERS, key=lambda server: url.port != server.port):
        try:
            drafts = await server.ask(fetcher, url)
        except SourceError as error:
            faults.append(error)
            continue
        if drafts is not None:
            return drafts
    if len(faults) == len(SERVERS):
        raise faults[0]
    sought = " nor ".join(f"{server.sought} ({server.place})" for server in SERVERS)
    raise SourceError(f"{_shown(url)} has neither {sought}")


def _read(answer: Answer, url: httpx.URL, kind: Kind | None) -> list[Finding]:
    if answer.status != 200:
        raise SourceError(f"{_shown(url)} answers with status {answer.status}: check the address")
    if answer.body.startswith(MAGIC) or b"\0" in answer.body[:64]:
        raise SourceError(f"{_shown(url)} is a binary file: download it and import the file")
    text = answer.text()
    name = PurePosixPath(url.path).stem or url.host
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        raise SourceError(f"{_shown(url)} is a web page, no description: look there for the file itself")
    for form in TEXTS:
        if form.is_one(text):
            return [form.read(text, str(url), name).finding()]
    value = answer.document()
    drafts = read_foreign(value, str(url), name)
    if drafts is not None:
        return [draft.finding() for draft in drafts]
    items = value if isinstance(value, list) else [value]
    return [read_draft(item, f"{url}[{n}]" if len(items) > 1 else str(url), kind) for n, item in enumerate(items)]


def _shown(url: httpx.URL) -> str:
    return safe_text(str(url), 120)
