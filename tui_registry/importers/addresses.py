"""An address -> findings: an Ollama server, an agent card at its well-known place, or a description that lies there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tui_registry.errors import Json, Kind
from tui_registry.importers import a2a, ollama
from tui_registry.importers.card import parse_card
from tui_registry.importers.card_values import card_draft
from tui_registry.importers.documents import Finding, read_draft
from tui_registry.importers.drafting import Draft
from tui_registry.importers.errors import SourceError
from tui_registry.importers.fetch import Answer, FetchBounds, Fetcher, fetched, read_address
from tui_registry.importers.foreign import checked, read_foreign
from tui_registry.importers.headers import BOUNDS, read_weights_at
from tui_registry.importers.hub import HUB, Hub, read_repository, repository_at
from tui_registry.records.documents import DocumentError, load_document
from tui_registry.text import safe_text

if TYPE_CHECKING:
    import httpx

_OLLAMA_PORT = 11434


def read_from_address(
    address: str, kind: Kind | None = None, bounds: FetchBounds | None = None, hub: Hub = HUB
) -> Iterator[Finding]:
    """What lies at an address. Without a path, a server is asked for an agent card and for Ollama's models; of the Hub,
    the address of a repository or of a file in it is enough.

    Raises:
        SourceError: nothing there can be read.
    """
    url = read_address(address)
    repository = repository_at(url, hub)
    if repository is not None:
        yield from read_repository(repository, kind, hub, bounds or BOUNDS)
        return
    if url.path.lower().endswith((".gguf", ".safetensors")):
        yield read_weights_at(url, kind, bounds or BOUNDS)
        return

    async def ask(fetcher: Fetcher) -> list[Finding]:
        if url.path in (ollama.TAGS, ollama.SHOW):
            drafts = await ollama.ask_server(fetcher, url)
            if drafts is None:
                raise SourceError(f"{_shown(url)} lists no models")
            return [draft.finding() for draft in drafts]
        if url.path in ("", "/"):
            return [draft.finding() for draft in await _ask_root(fetcher, url)]
        return _read(await fetcher.get(url), url, kind)

    for finding in fetched(url, ask, bounds or FetchBounds()):
        yield checked(finding, kind)


async def _ask_root(fetcher: Fetcher, url: httpx.URL) -> list[Draft]:
    """The drafts of a server of which only the host is known."""

    async def card() -> list[Draft] | None:
        place = url.copy_with(raw_path=a2a.WELL_KNOWN.encode())
        answer = await fetcher.get(place)
        if answer.status != 200:
            return None
        value = _json(answer, place)
        if not isinstance(value, dict) or not a2a.is_agent_card(value):
            return None
        return [a2a.read_agent_card(value, str(place))]

    async def models() -> list[Draft] | None:
        return await ollama.ask_server(fetcher, url)

    asked = (models, card) if url.port == _OLLAMA_PORT else (card, models)
    faults: list[SourceError] = []
    for ask in asked:
        try:
            drafts = await ask()
        except SourceError as error:
            faults.append(error)
            continue
        if drafts is not None:
            return drafts
    if len(faults) == len(asked):
        raise faults[0]
    raise SourceError(
        f"{_shown(url)} has neither an agent card ({a2a.WELL_KNOWN}) nor the models of an Ollama server ({ollama.TAGS})"
    )


def _read(answer: Answer, url: httpx.URL, kind: Kind | None) -> list[Finding]:
    if answer.status != 200:
        raise SourceError(f"{_shown(url)} answers with status {answer.status}: check the address")
    if answer.body.startswith(b"GGUF") or b"\0" in answer.body[:64]:
        raise SourceError(f"{_shown(url)} is a binary file: download it and import the file")
    text = answer.body.decode("utf-8", "surrogateescape")
    name = PurePosixPath(url.path).stem or url.host
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        raise SourceError(f"{_shown(url)} is a web page, no description: look there for the file itself")
    card = parse_card(text)
    if card is not None:
        return [card_draft(card, str(url), name).finding()]
    value = _json(answer, url)
    drafts = read_foreign(value, str(url), name)
    if drafts is not None:
        return [draft.finding() for draft in drafts]
    items = value if isinstance(value, list) else [value]
    return [read_draft(item, f"{url}[{n}]" if len(items) > 1 else str(url), kind) for n, item in enumerate(items)]


def _json(answer: Answer, url: httpx.URL) -> Json:
    try:
        return load_document(answer.body.decode("utf-8", "surrogateescape"), PurePosixPath(url.path).name or "answer")
    except DocumentError as error:
        raise SourceError(f"{_shown(url)}: {error.sentence}") from None


def _shown(url: httpx.URL) -> str:
    return safe_text(str(url), 120)
