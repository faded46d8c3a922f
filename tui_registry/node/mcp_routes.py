"""The read API of an MCP registry (`tongues.mcp_registry`) over the agents of this replica that have an MCP interface.

`/v0.1/servers`, `/v0.1/servers/{serverName}/versions` and `/v0.1/servers/{serverName}/versions/{version}`. A list has
the current version of each server, those that changed here the longest ago first: whoever goes on from a cursor misses
nothing that changes meanwhile. Errors have that API's `error` beside the members of our own.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from tui_registry.datastore import Body, Datastore, HistoryEntry, Place, Speaker
from tui_registry.errors import InvalidRecord, Json, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.node.limits import MAX_QUESTION_TEXT, NodeBounds
from tui_registry.node.queues import Queues
from tui_registry.node.requests import etag_of, is_held, parameters, wrong
from tui_registry.node.responses import NodeError, of_error, problem, status_of as status_of_code
from tui_registry.node.routes import LEFT_OUT_HEADER, MCP_LIMIT, MCP_PAGE, MCP_SERVERS, NodeRoute
from tui_registry.tongues.mcp_registry import (
    State,
    answer,
    listing,
    record_named,
    removed,
    seconds_of,
    server,
    status_of,
)

_PROTOCOL = "MCP"
# Operations of a record that its versions are looked for in.
_MOST_OPERATIONS = 100
_CURSOR = re.compile(r"([0-9]{1,15})\.(-?[0-9]{1,18})", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_READER = json.JSONDecoder()
_SPELLER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def mcp_routes(datastore: Datastore, queues: Queues, bounds: NodeBounds) -> list[NodeRoute]:
    """The routes; they are described in `description`."""
    routes = _Servers(datastore, queues, bounds)
    return [
        NodeRoute(MCP_SERVERS, routes.servers),
        NodeRoute(f"{MCP_SERVERS}/{{server_name:path}}/versions", routes.versions),
        NodeRoute(f"{MCP_SERVERS}/{{server_name:path}}/versions/{{version:path}}", routes.version),
    ]


class _Question(NamedTuple):
    """What is asked of the list.

    Attributes:
        since: Unix seconds. gone: also what is deleted.
    """

    limit: int
    after: Place | None
    search: str
    since: int
    version: str | None
    gone: bool


class _Told(NamedTuple):
    """An answer; `left_out`: so many servers of it could not be said."""

    body: bytes
    left_out: int = 0


class _Servers:
    def __init__(self, datastore: Datastore, queues: Queues, bounds: NodeBounds) -> None:
        self._datastore = datastore
        self._queues = queues
        self._bounds = bounds
        self._spellings = _Spellings(bounds.list_cache_bytes)

    async def servers(self, request: Request) -> Response:
        async def told() -> _Told:
            given = parameters(request, "cursor", "limit", "search", "updated_since", "version", "include_deleted")
            return await self._queues.search(request.scope["client"], self._list, _question(given))

        return await _answered(request, told)

    async def versions(self, request: Request) -> Response:
        async def told() -> _Told:
            gone = _yes(parameters(request, "include_deleted"), "include_deleted")
            name: str = request.path_params["server_name"]
            return await self._queues.search(request.scope["client"], self._versions, name, gone)

        return await _answered(request, told)

    async def version(self, request: Request) -> Response:
        async def told() -> _Told:
            gone = _yes(parameters(request, "include_deleted"), "include_deleted")
            name: str = request.path_params["server_name"]
            version: str = request.path_params["version"]
            return await self._queues.search(request.scope["client"], self._version, name, version, gone)

        return await _answered(request, told)

    # How: in a thread

    def _list(self, asked: _Question) -> _Told:
        page = self._datastore.interfaces.page(
            _PROTOCOL,
            asked.limit,
            after=asked.after,
            since=asked.since,
            gone=asked.gone,
            name=asked.search,
            version=asked.version,
        )
        items: list[bytes] = []
        size = left_out = 0
        following = page.next
        for place, one in enumerate(page.speakers):
            told = self._told(one, one.body or self._still_here(one.id))
            if told is None:
                left_out += 1
                continue
            if items and size + len(told) > self._bounds.answer_bytes:
                following = page.speakers[place - 1].place
                break
            items.append(told)
            size += len(told)
        cursor = None if following is None else f"{following.changed}.{following.rid}"
        return _Told(listing(items, cursor), left_out)

    def _versions(self, name: str, gone: bool) -> _Told:
        speaker, body = self._found(name, gone)
        found: list[bytes] = []
        size = 0
        for _, told in self._all_versions(speaker, body):
            size += len(told)
            if found and size > self._bounds.answer_bytes:
                break
            found.append(told)
        if not found:
            raise _unsayable()
        return _Told(listing(found))

    def _version(self, name: str, version: str, gone: bool) -> _Told:
        speaker, body = self._found(name, gone)
        for which, told in self._all_versions(speaker, body):
            if version in ("latest", which):
                return _Told(told)
            if version == "latest":
                break
        raise NodeError("not_found", "this server has no such version: GET its versions to see them")

    def _found(self, name: str, gone: bool) -> tuple[Speaker, Body | None]:
        named = record_named(name)
        if named is None:
            raise NodeError(
                "not_found", "there is no server of that name: here they are called 0xOWNER/ID, as the list has them"
            )
        owner, record_id = named
        found = self._datastore.interfaces.one(_PROTOCOL, record_id)
        if found is None or found.owner != owner or not (gone or _stands(found)):
            raise NodeError("not_found", "there is no server of that name here")
        return found, found.body or self._still_here(record_id)

    def _still_here(self, record_id: str) -> Body | None:
        """A record, of an agent that perhaps answers in it no more."""
        return next(iter(self._datastore.bodies([record_id])), None)

    def _told(self, speaker: Speaker, body: Body | None) -> bytes | None:
        """The current version of a server, as JSON; None where it cannot be said."""
        if body is None or not speaker.is_live:
            gone = self._told_gone(speaker, body)
            return None if gone is None else _spelt(gone)
        return self._spellings.of(body.record, speaker.manifest, speaker.place.changed, body.heads)

    def _told_gone(self, speaker: Speaker, body: Body | None) -> Record | None:
        record: Record | None = None if body is None else json.loads(body.record)
        if record is None:
            last = self._datastore.history(speaker.id, limit=1)
            record = (last[0].record or last[0].before) if last else None
        if record is None:
            return None
        state = State("deleted", "", _created(record), speaker.place.changed)
        heads = self._datastore.heads(speaker.id) if body is None else body.heads
        return answer(removed(record), state, _which(record, heads))

    def _all_versions(self, speaker: Speaker, body: Body | None) -> Iterator[tuple[str, bytes]]:
        """The current version, then those before it: each as its record and its manifest were when it was left."""
        current = self._told(speaker, body)
        if current is None:
            return
        version = str(json.loads(current)["server"]["version"])
        yield version, current
        seen = {version}
        manifests: Sequence[HistoryEntry] | None = None
        after: HistoryEntry | None = None
        for entry in self._datastore.history(speaker.id, limit=_MOST_OPERATIONS):
            record = entry.record
            version = "" if record is None else str(record["version"])
            if record is not None and version not in seen and after is not None:
                seen.add(version)
                if manifests is None:
                    manifests = self._datastore.manifests.history(speaker.id, limit=_MOST_OPERATIONS)
                behind = next((one.record for one in manifests if one.place < after.place), None)
                told = None if behind is None else server(record, behind)
                if told is not None and behind is not None:
                    status, message = status_of(behind) if _stands(speaker) else ("deleted", "")
                    state = State(status, message, _created(record), entry.arrived_at or entry.updated_at, False)
                    yield version, _spelt(answer(told, state, _which(record, (entry.hash,))))
            after = entry


class _Spellings:
    """Servers as they were told, for who asks again: to make one takes as long as to read many. What was asked for the
    longest ago goes first. Any thread may ask."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: bytes that are kept.
        """
        self._most = most
        self._guard = threading.Lock()
        self._kept: dict[_Made, bytes | None] = {}
        self._size = 0

    def of(self, record: bytes, manifest: bytes, changed: int, heads: tuple[str, ...]) -> bytes | None:
        """A server that is here, as JSON; None where it cannot be said.

        Args:
            record, manifest: as JSON. changed: Unix seconds. heads: of the record.
        """
        made = (record, manifest, changed, heads)
        with self._guard:
            if made in self._kept:
                # The last one to go.
                told = self._kept[made] = self._kept.pop(made)
                return told
        told = _spell(*made)
        size = _size_of(made, told)
        with self._guard:
            if made not in self._kept and size <= self._most // 4:
                self._kept[made] = told
                self._size += size
                while self._size > self._most:
                    oldest = next(iter(self._kept))
                    self._size -= _size_of(oldest, self._kept.pop(oldest))
        return told


_Made: TypeAlias = tuple[bytes, bytes, int, tuple[str, ...]]


def _size_of(made: _Made, told: bytes | None) -> int:
    """Bytes in memory, about."""
    return len(made[0]) + len(made[1]) + 150 * len(made[3]) + len(told or b"") + 500


def _spell(record: bytes, manifest: bytes, changed: int, heads: tuple[str, ...]) -> bytes | None:
    said, behind = _read(record), _read(manifest)
    told = server(said, behind)
    if told is None:
        return None
    status, message = status_of(behind)
    return _spelt(answer(told, State(status, message, _created(said), changed), _which(said, heads)))


# How


async def _answered(request: Request, tell: Callable[[], Awaitable[_Told]]) -> Response:
    """What is told, unless the caller has it; an error in the words of both."""
    try:
        told = await tell()
    except InvalidRecord as error:
        said = "; ".join(f"{one.path} {one.sentence}" for one in error.problems)
        return problem(status_of_code(error.code), error.code, said, error.problems, told={"error": said})
    except RegistryError as error:
        more = dict(error.told) if isinstance(error, NodeError) else {}
        status = error.status if isinstance(error, NodeError) else None
        headers = error.headers if isinstance(error, NodeError) else {}
        both = {**more, "error": error.sentence}
        return of_error(NodeError(error.code, error.sentence, status=status, told=both, headers=headers))
    etag = etag_of(told.body)
    headers = {"etag": etag, "cache-control": "no-cache"}
    if told.left_out:
        headers[LEFT_OUT_HEADER] = str(told.left_out)
    if is_held(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(told.body, 200, headers, "application/json")


def _question(given: dict[str, str]) -> _Question:
    limit = given.get("limit", str(MCP_PAGE))
    if not _WHOLE_NUMBER.fullmatch(limit) or not 1 <= int(limit) <= MCP_LIMIT:
        raise wrong("limit", f"must be a whole number from 1 to {MCP_LIMIT}")
    after: Place | None = None
    if given.get("cursor"):
        found = _CURSOR.fullmatch(given["cursor"])
        if found is None:
            raise wrong("cursor", "must be `nextCursor` of the page before")
        after = Place(int(found[1]), int(found[2]))
    search = given.get("search", "")
    if len(search) > MAX_QUESTION_TEXT:
        raise wrong("search", f"must be text of at most {MAX_QUESTION_TEXT:,} characters")
    since = 0
    if "updated_since" in given:
        try:
            # A plus that was not escaped comes as a space.
            since = seconds_of(given["updated_since"].strip().replace(" ", "+"))
        except ValueError:
            raise wrong("updated_since", "must be a time such as 2026-01-31T08:00:00Z (RFC 3339)") from None
    gone = _yes(given, "include_deleted") or "updated_since" in given
    version = given.get("version") or None
    return _Question(limit=int(limit), after=after, search=search, since=since,
                     version=None if version == "latest" else version, gone=gone)  # fmt: skip


def _yes(given: dict[str, str], name: str) -> bool:
    found = {"true": True, "false": False, "": False}.get(given.get(name, ""))
    if found is None:
        raise wrong(name, "must be true or false")
    return found


def _stands(speaker: Speaker) -> bool:
    """Whether it is shown without being asked for."""
    return speaker.is_live and speaker.status != "Withdrawn"


def _created(record: Record) -> int:
    value = record["created_at"]
    return value if isinstance(value, int) else 0


def _which(record: Record, heads: Sequence[str]) -> Record:
    """Which record it is: what one asks of this node, and of any other."""
    return {"kind": "agent", "id": record["agent_id"], "owner_id": record["owner_id"], "heads": [*heads]}


def _unsayable() -> NodeError:
    return NodeError("not_found", "this server has nothing that such a list can say: neither an address nor a package")


def _read(text: bytes) -> Record:
    """A record as it is stored. `json.loads` would look which of three encodings it is in, and for space around it."""
    record: Record = _READER.raw_decode(text.decode())[0]
    return record


def _spelt(tree: Json) -> bytes:
    return _SPELLER.encode(tree).encode()
