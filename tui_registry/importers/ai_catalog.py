"""An AI Catalog -> what its entries describe, each read in its own format.

Version 1.0 of the specification: https://github.com/Agent-Card/ai-card/blob/main/specification/ai-catalog.md. A catalog
in a file is read as it is; of one at an address the entries are fetched, and the catalogs in it. Whoever wrote it names
those addresses, so that nothing is sent by them to this machine or its network, and each host is asked a bounded
number of times.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from tui_registry.errors import Json, Kind, Problem
from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import Draft, Given, Judged, put_licence, put_version, seen, shown, with_notes
from tui_registry.importers.formats import Reader
from tui_registry.importers.manifest_writer import public_address
from tui_registry.importers.others import FORMAT, refusal
from tui_registry.importers.own_documents import is_export, read_draft
from tui_registry.importers.recognising import read_foreign
from tui_registry.importers.untrusted import Page, SourceError, object_at, objects_at, text_at, texts_at
from tui_registry.present.imports import Finding
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    import httpx

    from tui_registry.importers.fetch import Answer, Fetcher

_IN = "in the AI Catalog"
# The specification asks readers for a limit of nesting, and says 4.
_MOST_DEPTH = 4
_MOST_ENTRIES = 2_000
_MOST_FETCHED, _MOST_HOSTS, _MOST_REDIRECTS = 500, 32, 3
# Less than an address may take (`FetchBounds`), so that what was read by then is given.
_MOST_SECONDS = 40.0
_MOST_BYTES = 32 * 1024 * 1024
_CATALOG, _JSON = "application/ai-catalog+json", "application/json"
# Entries that hold our own description of a record, as `tongues` writes them.
_OURS: dict[str, Kind] = {
    "application/vnd.tui-registry.model+json": "model",
    "application/vnd.tui-registry.agent+json": "agent",
}
# Types of entries that describe agents -> what those are reached by.
_AGENTS = {
    "application/a2a-agent-card+json": "A2A",
    "application/mcp-server-card+json": "MCP",
    "application/mcp-server+json": "MCP",
}
# Of models, whose documents say all that is to be known.
_MODELS = ("application/vnd.cncf.model.config.v1+json", "application/vnd.cnai.model.config.v1+json")


_USER = re.compile(r"//[^/]*@")


def is_catalog(value: Json) -> TypeGuard[dict[str, Json]]:
    """Whether a document reads as an AI Catalog."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("specVersion"), str)
        and isinstance(value.get("entries"), list)
        and all("mediaType" in one or "url" in one for one in objects_at(value, "entries"))
    )


def read_document(value: Json, source: str, _name: str) -> Sequence[Given] | None:
    """What the entries of a catalog describe, as far as it holds their documents; None when it is none."""
    if not is_catalog(value):
        return None
    given: list[Given] = []
    for entry in _entries_in(value, source):
        given += entry.read() if isinstance(entry, _Entry) else [entry]
    return given or [_judged(source, "document", "is an AI Catalog without entries")]


async def ask_host(fetcher: Fetcher, url: httpx.URL, place: str, _after: str) -> Page[Given] | None:
    """What the catalog at the well-known place of a host lists, its entries fetched; None when there is no catalog.

    Raises:
        SourceError: the host does not answer, or with what cannot be read.
    """
    answer = await fetcher.get(url.copy_with(raw_path=place.encode()))
    notes: list[str] = []
    value = answer.document(notes) if answer.status == 200 else None
    found = await read_linked(fetcher, answer.url, value)
    return None if found is None else Page(with_notes(found, notes))


async def read_linked(fetcher: Fetcher, url: httpx.URL, value: Json) -> Sequence[Given] | None:
    """What a catalog at an address lists, its entries fetched; None when the document is none."""
    if not is_catalog(value):
        return None
    reader = _Site(fetcher, url)
    try:
        given = [one async for one in reader.read(value)]
    finally:
        await reader.close()
    return given or [_judged(str(url), "document", "is an AI Catalog without entries")]


# ---- an entry --------------------------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """An entry of a catalog, where it stands, how deep in other catalogs, and whether it is one version of several."""

    said: Mapping[str, Json]
    source: str
    depth: int
    is_version: bool

    @property
    def url(self) -> str:
        """Where its document is, as the catalog writes it."""
        return text_at(self.said, "url")

    @property
    def media_type(self) -> str:
        """The type of its document, without parameters."""
        return text_at(self.said, "mediaType", "type").partition(";")[0].strip().lower()

    @property
    def is_readable(self) -> bool:
        """Whether a document of its type can be read here."""
        return self.media_type in (*_AGENTS, *_MODELS, *_OURS, _CATALOG, _JSON)

    @property
    def name(self) -> str:
        """What names it where it stands with others."""
        # A later version in the place of the one before is the same agent
        named = [text_at(self.said, "identifier"), text_at(self.said, "version") if self.is_version else ""]
        return " ".join(word for word in named if word)

    def read(self, document: Json = None) -> list[Given]:
        """What it describes, by the document that was fetched for it or that it holds; without one by what the catalog
        itself says of it."""
        document = self.said.get("data") if document is None else document
        if is_catalog(document):
            given: list[Given] = []
            for entry in _entries_in(document, self.source, self.depth + 1):
                given += entry.read() if isinstance(entry, _Entry) else [entry]
            return given
        ours = _OURS.get(self.media_type)
        if ours is not None and isinstance(document, dict) and is_export(document):
            return [self._read_ours(document, ours)]
        found = read_foreign(document, self.source, text_at(self.said, "displayName")) if document is not None else None
        if found is not None:
            for one in found:
                if isinstance(one, Draft):
                    self._add_to(one, alone=len(found) == 1)
            return list(found)
        if document is not None and self.is_readable:
            return [_judged(self.source, FORMAT, f"is no document of the type {shown(self.media_type)} that it names")]
        reached = _AGENTS.get(self.media_type)
        if reached is None:
            kind = self.media_type or "no type"
            return [Judged(Finding(self.source, None, None, (refusal(f"an entry of the type {shown(kind, 80)}"),)))]
        draft = Draft("agent", self.source)
        draft.put("name", text_at(self.said, "displayName"), f"displayName {_IN}")
        draft.put("framework", {"Other": reached}, f"not stated; {reached} is how it is reached")
        self._add_to(draft, alone=True)
        draft.in_part = True
        if self.url:
            # A user or a query may be a secret
            plain = _USER.sub("//", self.url.partition("?")[0])
            draft.note(f"its own document was not read: import {shown(plain, 200)} for what it says")
        return [draft]

    def _read_ours(self, document: Mapping[str, Json], kind: Kind) -> Given:
        """A record of a registry such as this one. Its id and heads are of the log that it comes from: whoever imports
        it makes a record of their own."""
        inner = {name: document[name] for name in _PARTS if name in document}
        found = read_draft(inner, self.source, kind)
        owner = text_at(object_at(object_at(self.said, "metadata"), "tui-registry"), "owner")
        signed = (
            f"it is a record that {shown(owner, 50)} signed: 'peer add' and 'sync' bring it as it is, and imported "
        )
        notes = (*found.notes, f"{signed}it is one of yours") if owner and found.record is not None else found.notes
        return Judged(replace(found, entry=self.name, notes=notes))

    def _add_to(self, draft: Draft, *, alone: bool) -> None:
        said = self.said
        if alone:
            draft.entry = self.name
        put_version(draft, text_at(said, "version"), f"version {_IN}")
        draft.put("description", text_at(said, "description"), f"description {_IN}")
        draft.add("tags", texts_at(said, "tags"), f"tags {_IN}")
        beside = object_at(said, "metadata")
        put_licence(draft, text_at(beside, "license"), f"license in the metadata {_IN}")
        draft.behind.put("documentation_url", public_address(text_at(beside, "documentationUrl")))
        draft.behind.put("repository_url", public_address(text_at(beside, "repository")))
        publisher = text_at(object_at(said, "publisher"), "displayName", "identifier")
        draft.note_unplaced([seen("publisher", publisher)] if publisher else [])
        if object_at(said, "trustManifest"):
            draft.note("the catalog vouches for it (trustManifest), and nothing of that was checked")


_PARTS = ("kind", "record", "manifest")


def _entries_in(catalog: Mapping[str, Json], source: str, depth: int = 0) -> list[_Entry | Given]:
    if depth > _MOST_DEPTH:
        return [_judged(source, FORMAT, f"lies in more than {_MOST_DEPTH} catalogs, one in the other: not read")]
    listed = objects_at(catalog, "entries")
    versions = Counter(text_at(entry, "identifier") for entry in listed)
    found: list[_Entry | Given] = [
        _Entry(
            entry,
            f"{source} {safe_text(text_at(entry, 'identifier') or f'[{number}]', 120)}",
            depth,
            versions[text_at(entry, "identifier")] > 1,
        )
        for number, entry in enumerate(listed[:_MOST_ENTRIES])
    ]
    if len(listed) > _MOST_ENTRIES:
        sentence = f"holds {exact(len(listed))} entries: only the first {exact(_MOST_ENTRIES)} were read"
        found.append(_judged(source, FORMAT, sentence))
    return found


def _judged(source: str, code: str, sentence: str) -> Judged:
    return Judged(Finding(source, None, None, (Problem("", "error", code, sentence),)))


# ---- a catalog at an address -----------------------------------------------------------------------------------------


class _Site:
    """Reads a catalog whose entries lie at addresses. What one host refuses, the others are asked all the same."""

    def __init__(self, fetcher: Fetcher, url: httpx.URL) -> None:
        self._own = _origin(url)
        self._top = url
        self._hosts: dict[tuple[str, str, int | None], Fetcher] = {self._own: fetcher}
        # As it came: what stands in it takes many times the room
        self._fetched: dict[str, Answer | SourceError] = {}
        self._silent: dict[tuple[str, str, int | None], SourceError] = {}
        self._catalogs = {str(url)}
        self._room = _MOST_BYTES
        self._until = time.monotonic() + _MOST_SECONDS

    async def close(self) -> None:
        """Hang up, but for the host that was asked first."""
        for origin, fetcher in self._hosts.items():
            if origin != self._own:
                await fetcher.close()

    async def read(self, catalog: Mapping[str, Json]) -> AsyncIterator[Given]:
        """What the entries describe, and those of the catalogs in it, as far as a bound for all of them together."""
        read = 0
        async for one in self._read_catalog(catalog, str(self._top), self._top, 0):
            read += 1
            if read > _MOST_ENTRIES:
                said = f"and the catalogs in it hold more than the {exact(_MOST_ENTRIES)} entries that are read"
                yield _judged(str(self._top), FORMAT, said)
                return
            yield one

    async def _read_catalog(
        self, catalog: Mapping[str, Json], source: str, base: httpx.URL, depth: int
    ) -> AsyncIterator[Given]:
        for entry in _entries_in(catalog, source, depth):
            async for one in self._read_entry(entry, base):
                yield one

    async def _read_entry(self, entry: _Entry | Given, base: httpx.URL) -> AsyncIterator[Given]:
        if not isinstance(entry, _Entry):
            yield entry
            return
        document = entry.said.get("data")
        notes: list[str] = []
        if document is None and entry.url and entry.is_readable:
            try:
                answer = await self._document(entry.url, base)
                document, base = answer.document(notes), answer.url
            except SourceError as error:
                for one in with_notes(entry.read(), [error.sentence]):
                    yield one
                return
            if is_catalog(document):
                # One that names itself, or that several name, is read once
                if str(base) in self._catalogs:
                    return
                self._catalogs.add(str(base))
        if not is_catalog(document):
            for one in with_notes(entry.read(document), notes):
                yield one
            return
        async for one in self._read_catalog(document, entry.source, base, entry.depth + 1):
            yield one

    async def _document(self, address: str, base: httpx.URL) -> Answer:
        """The document at an address that a catalog names, each asked for once."""
        joined = address if "://" in address else str(base.join(address))
        if joined not in self._fetched:
            if len(self._fetched) >= _MOST_FETCHED:
                raise SourceError(f"the catalog names more than the {exact(_MOST_FETCHED)} documents that are fetched")
            try:
                self._fetched[joined] = await self._get(joined)
            except SourceError as error:
                self._fetched[joined] = error
        found = self._fetched[joined]
        if isinstance(found, SourceError):
            raise found
        return found

    async def _get(self, address: str) -> Answer:
        # What only an address needs, and no file
        from tui_registry.importers.fetch import AwayError, ElsewhereError, FetchBounds, Fetcher, read_address

        def asked(url: httpx.URL, origin: tuple[str, str, int | None]) -> Fetcher:
            known = self._hosts.get(origin)
            if known is not None:
                return known
            if len(self._hosts) > _MOST_HOSTS:
                raise SourceError(f"the catalog leads to more than the {_MOST_HOSTS} hosts that are asked")
            made = Fetcher(url, FetchBounds(bytes=1024 * 1024, total_bytes=8 * 1024 * 1024), public=True)
            self._hosts[origin] = made
            return made

        for _ in range(_MOST_REDIRECTS + 1):
            url = read_address(address)
            origin = _origin(url)
            # A host that is away is not waited for once more
            if origin in self._silent:
                raise self._silent[origin]
            try:
                async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                    answer = await asked(url, origin).get(url)
            except TimeoutError:
                raise SourceError(f"what the catalog names takes more than {_MOST_SECONDS:g} s altogether") from None
            except ElsewhereError as error:
                address = error.target
                continue
            except AwayError as error:
                self._silent[origin] = error
                raise
            if answer.status != 200:
                raise SourceError(f"{safe_text(address, 200)} answers with status {answer.status}")
            self._room -= len(answer.body)
            if self._room < 0:
                raise SourceError("the catalog names more than can be read at once")
            return answer
        raise SourceError(f"{safe_text(address, 200)} leads from one host to another again and again")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


READER = Reader(document=read_document, ask=ask_host, linked=read_linked)
