"""The node's app: the plan's REST routes for records, and what the node says about itself. The sync endpoints are in
`log_routes`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha3_256
from importlib.resources import files

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import ASGIApp

import tui_registry
from tui_registry.datastore import Datastore, Entry, HistoryEntry, StoreError, Versions
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.node.description import (
    HEADERS,
    SECURITY,
    add_route,
    component_schemas,
    describe_routes,
    docs_page,
)
from tui_registry.node.limits import MAX_PAGE, MAX_QUESTION_TEXT, MAX_VERSIONS, PAGE, NodeBounds
from tui_registry.node.log_description import SYNC_PATHS, SYNC_SCHEMAS
from tui_registry.node.log_routes import LogRoutes
from tui_registry.node.queues import Queues
from tui_registry.node.requests import is_held, is_stale, is_token, members, read_json, wrong
from tui_registry.node.responses import NodeError, PacedAnswers, answer_with_problems
from tui_registry.query import parse
from tui_registry.query.nodes import quoted
from tui_registry.records.as_written import read_record, revision_beside
from tui_registry.records.merging import differing
from tui_registry.records.schema import ID_FIELD, NULL_HASH

_PROTOCOL = files(tui_registry) / "protocol.md"
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID_OR_PREFIX = re.compile(r"(?:0x)?[0-9a-f]{1,64}", re.ASCII | re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_MAX_SORT = 64
_JSON = "application/json"


def create_app(
    datastore: Datastore,
    token: str,
    *,
    accept_ops: bool = False,
    bounds: NodeBounds | None = None,
    queues: Queues | None = None,
) -> ASGIApp:
    """The app of a node over one replica.

    Args:
        datastore: open; the caller closes it after the app.
        token: what a write over REST must bear.
        accept_ops: whether strangers may push operations.
        queues: where its work waits for threads; the caller closes them after the app.
    """
    bounds = bounds or NodeBounds()
    queues = queues or Queues(bounds)
    app = _Node(
        title="tui-registry node",
        version=tui_registry.__version__,
        summary="A decentralised registry of AI models and agents",
        docs_url=None,
        redoc_url=None,
        # A redirect to the other spelling of a path would be a second way to say everything.
        redirect_slashes=False,
    )
    answer_with_problems(app)
    for kind in KINDS:
        app.include_router(_record_routes(datastore, kind, token, bounds, queues))
    app.include_router(_about(app, queues))
    log = LogRoutes(app, datastore, queues, accept_ops=accept_ops, bounds=bounds)
    return PacedAnswers(log, bounds)


# Records


class _RecordId(StringConvertor):
    """What stands for a record in a path: not `search`, which is a path of its own, and takes POST alone."""

    regex = "(?!search$)[^/]+"


register_url_convertor("record_id", _RecordId())


def _record_routes(datastore: Datastore, kind: Kind, token: str, bounds: NodeBounds, queues: Queues) -> APIRouter:
    """`POST /models`, `GET /models`, `GET|PUT|DELETE /models/{id}`, `POST /models/{id}/resolve`, `POST /models/search`;
    the same for agents.

    Reads are open. A write is signed by this replica's key and needs the bearer token.
    """
    routes = _Records(datastore, kind, token, bounds, queues)
    said = describe_routes(kind)
    router = APIRouter(prefix=f"/{kind}s", tags=[f"{kind}s"])
    add_route(router, "POST", "", routes.register, said["register"])
    add_route(router, "GET", "", routes.browse, said["browse"])
    add_route(router, "POST", "/search", routes.search, said["search"])
    add_route(router, "GET", "/{record_id:record_id}", routes.show, said["show"])
    add_route(router, "PUT", "/{record_id:record_id}", routes.update, said["update"])
    add_route(router, "DELETE", "/{record_id:record_id}", routes.delete, said["delete"])
    add_route(router, "POST", "/{record_id:record_id}/resolve", routes.resolve, said["resolve"])
    return router


class _Question(NamedTuple):
    query: str
    limit: int
    cursor: str | None
    sort: str | None


class _Whole(NamedTuple):
    """A record as it is answered by itself: what is told of it, that as bytes, and their tag."""

    told: dict[str, Json]
    body: bytes
    etag: str


class _Records:
    def __init__(self, datastore: Datastore, kind: Kind, token: str, bounds: NodeBounds, queues: Queues) -> None:
        self._datastore = datastore
        self._kind: Kind = kind
        self._token = token
        self._bounds = bounds
        self._queues = queues

    async def register(self, request: Request) -> Response:
        self._expect_token(request)
        data = await self._record_body(request)
        return await self._queues.write(request.client, self._register, data)

    async def browse(self, request: Request) -> Response:
        asked: dict[str, Json] = {**request.query_params}
        limit = asked.get("limit")
        if isinstance(limit, str) and _WHOLE_NUMBER.fullmatch(limit):
            asked["limit"] = int(limit)
        return await self._queues.search(request.client, self._page, _question(asked, "q"))

    async def search(self, request: Request) -> Response:
        body = await read_json(request, self._bounds.question_bytes, self._bounds)
        known = {"query": "text", "limit": "a number", "cursor": "text", "sort": "text"}
        return await self._queues.search(request.client, self._page, _question(members(body, known), "query"))

    async def show(self, record_id: str, request: Request) -> Response:
        whole = await self._queues.read(request.client, self._whole, record_id)
        # It may be kept by whoever read it, and has to be asked for again: any write may be the next.
        headers = {"etag": whole.etag, "cache-control": "no-cache"}
        if is_held(request, whole.etag):
            return Response(status_code=304, headers=headers)
        return Response(whole.body, 200, headers, _JSON)

    async def update(self, record_id: str, request: Request) -> Response:
        self._expect_token(request)
        data = await self._record_body(request)
        return await self._queues.write(request.client, self._update, record_id, data, request)

    async def delete(self, record_id: str, request: Request) -> Response:
        self._expect_token(request)
        return await self._queues.write(request.client, self._delete, record_id, request)

    async def resolve(self, record_id: str, request: Request) -> Response:
        self._expect_token(request)
        data = await self._record_body(request)
        return await self._queues.write(request.client, self._resolve, record_id, data, request)

    # How: in a thread, on plain data

    def _register(self, data: Json) -> Response:
        op = self._datastore.add(self._kind, read_record(self._kind, data))
        return self._answer(op.key, 201, {"location": f"/{self._kind}s/{op.key}"})

    def _page(self, asked: _Question) -> Response:
        order = _order(asked.sort) if asked.sort else None
        page = self._datastore.search(
            asked.query,
            kind=self._kind,
            sort=order,
            limit=asked.limit,
            cursor=asked.cursor or None,
            whole=True,
            strict=True,
            # Whoever asks may be anybody, and what the operator calls a search or an owner is nobody's business.
            own_names=False,
        )
        entries = (self._datastore.entry(row.id, self._kind) for row in page.rows)
        # A record may be deleted between the two reads.
        return _json({"items": [_told(entry) for entry in entries if entry is not None], "next": page.next})

    def _update(self, record_id: str, data: Json, request: Request) -> Response:
        entry = self._entry_to_write(record_id, request)
        record = self._record_at(record_id, data)
        # Whoever sends back what was answered says which state was changed, with If-Match or without.
        if revision_beside(data) not in (None, entry.revision):
            raise self._refusal("changed", record_id)
        with self._refusals_told(record_id):
            self._datastore.update(self._kind, record_id, record, entry.heads)
        return self._answer(record_id)

    def _delete(self, record_id: str, request: Request) -> Response:
        entry = self._entry_to_write(record_id, request)
        with self._refusals_told(record_id):
            self._datastore.delete(self._kind, record_id, entry.heads)
        return Response(status_code=204)

    def _resolve(self, record_id: str, data: Json, request: Request) -> Response:
        entry = self._entry_to_write(record_id, request, settling=True)
        body = members(data, {"record": "a record or null", "heads": "a list", "revision": "text"})
        if "record" not in body:
            raise wrong("record", "must be the record as it shall be, or null to delete all versions")
        is_seen = _is_seen(body, entry)
        record = None if body["record"] is None else self._record_at(record_id, body["record"])
        if not is_seen:
            raise self._refusal("changed", record_id)
        with self._refusals_told(record_id):
            self._datastore.resolve(self._kind, record_id, record, entry.heads)
        return Response(status_code=204) if record is None else self._answer(record_id)

    def _record_at(self, record_id: str, data: Json) -> Record:
        record = read_record(self._kind, data)
        field = ID_FIELD[self._kind]
        if record[field] not in (NULL_HASH, record_id):
            raise wrong(field, "must be the id in the path, or be left out")
        return {**record, field: record_id}

    def _answer(self, record_id: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        whole = self._whole(record_id)
        return Response(whole.body, status, {"etag": whole.etag, **(headers or {})}, _JSON)

    def _whole(self, record_id: str) -> _Whole:
        entry = self._entry(record_id)
        while (told := self._told_of_versions(entry)) is None:
            entry = self._entry(record_id)
        told = {**_told(entry), "heads": [*entry.heads], **told}
        body = _spelt(told)
        return _Whole(told, body, f'"{entry.revision}.{sha3_256(body).hexdigest()[:16]}"')

    def _told_of_versions(self, entry: Entry) -> dict[str, Json] | None:
        """The live versions of a record in conflict; None where there are others by now."""
        live_heads = entry.live_heads
        if len(live_heads) == 1:
            return {}
        found = self._datastore.versions(entry.id)
        if found is None or found.heads != entry.heads:
            return None
        return _conflict(found)

    def _entry(self, record_id: str) -> Entry:
        if not _ID_OR_PREFIX.fullmatch(record_id):
            sentence = f"'{record_id[:80]}' is not an id: an id is up to 64 hex digits, GET /{self._kind}s lists them"
            raise NodeError("not_found", sentence)
        _, full_id = self._datastore.find(record_id, self._kind)
        entry = self._datastore.entry(full_id, self._kind)
        if entry is None:
            raise NodeError("not_found", f"there is no {self._kind} with that id")
        return entry

    def _entry_to_write(self, record_id: str, request: Request, *, settling: bool = False) -> Entry:
        """The record that a caller wants to change, and may: another's is left to the Datastore, which refuses it.

        Whatever If-Match says, it settles no conflict: who names all heads need not have looked at each version.
        """
        if not _HASH.fullmatch(record_id):
            raise NodeError("bad_id", "a write names the whole id, 64 lower-case hex digits")
        entry = self._entry(record_id)
        if entry.mine and not settling and len(entry.live_heads) > 1:
            raise self._refusal("conflict", record_id)
        if entry.mine and is_stale(request, entry.revision):
            raise self._refusal("changed", record_id, 412)
        return entry

    @contextmanager
    def _refusals_told(self, record_id: str) -> Iterator[None]:
        """Say how the record stands now where a write did not find it as it was read."""
        try:
            yield
        except StoreError as error:
            if error.code in _SAID:
                raise self._refusal(error.code, record_id) from error
            raise

    def _refusal(self, code: str, record_id: str, status: int | None = None) -> NodeError:
        told = self._whole(record_id).told
        now: dict[str, Json] = {name: told[name] for name in ("revision", "heads", "differing") if name in told}
        path = f"/{self._kind}s/{record_id}"
        if told["conflict"]:
            now["resolve"] = f"{path}/resolve"
        return NodeError(code, _SAID[code].format(kind=self._kind, path=path), status=status, told=now)

    def _expect_token(self, request: Request) -> None:
        if not is_token(request.headers.get("authorization"), self._token):
            raise NodeError("unauthorized", "a write needs the node's bearer token: its operator can tell you")

    async def _record_body(self, request: Request) -> Json:
        return await read_json(request, self._bounds.record_bytes, self._bounds)


def _order(sort: str) -> str | None:
    """The one spelling of an order. The query language knows which there are, and says so."""
    order = parse(f"sort:{quoted(sort)}", whole=True).sort
    return None if order is None else f"{'-' if order.descending else ''}{order.key}"


def _question(asked: dict[str, Json], query_name: str) -> _Question:
    """What is asked, in whichever of its two spellings: the same is taken, and refused with the same words."""
    query, limit, cursor, sort = (asked.get(name) for name in (query_name, "limit", "cursor", "sort"))
    query = "" if query is None else query
    limit = PAGE if limit is None else limit
    if not isinstance(query, str) or len(query) > MAX_QUESTION_TEXT:
        raise wrong(query_name, f"must be text of at most {MAX_QUESTION_TEXT:,} characters")
    if type(limit) is not int or not 1 <= limit <= MAX_PAGE:
        raise wrong("limit", f"must be a whole number from 1 to {MAX_PAGE}")
    if not (cursor is None or isinstance(cursor, str)) or len(cursor or "") > MAX_QUESTION_TEXT:
        raise wrong("cursor", "must be `next` of the page before")
    if not (sort is None or isinstance(sort, str)) or len(sort or "") > _MAX_SORT:
        raise wrong("sort", "must be text, such as `-updated` or `name`")
    return _Question(query, limit, cursor, sort)


# Why a write was not done that would have been signed without what others wrote.
_SAID = {
    "changed": "the {kind} has changed since you read it: read it again, then decide",
    "conflict": "several versions of this {kind} are live: GET it to see them, and settle what differs by POST "
    "{path}/resolve. Nothing was written, and no version is lost",
    "no_conflict": "one version of this {kind} is live: there is nothing to settle, PUT changes it",
}


def _is_seen(body: dict[str, Json], entry: Entry) -> bool:
    """Whether a body names the heads that a record has, one by one or by their revision.

    Raises:
        InvalidRecord: it names neither, or none that could be.
    """
    heads, revision = body.get("heads"), body.get("revision")
    if heads is None and revision is None:
        raise wrong("heads", f"must be `heads` as GET gives them, or `revision` in their place: {_SEEN}")
    if heads is not None and not (isinstance(heads, list) and heads and all(map(_is_hash, heads))):
        raise wrong("heads", f"must be a list of hashes of 64 lower-case hex digits, as GET gives it: {_SEEN}")
    if revision is not None and not _is_hash(revision):
        raise wrong("revision", f"must be 64 lower-case hex digits, as GET gives it: {_SEEN}")
    named = entry.heads if heads is None else tuple(sorted({*map(str, heads)}))
    return named == entry.heads and revision in (None, entry.revision)


_SEEN = "it says which versions you were shown"


def _is_hash(value: Json) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _told(entry: Entry) -> dict[str, Json]:
    """A record as a list has it: its fields, and what says which state of it this is."""
    return {**entry.record, "revision": entry.revision, "conflict": len(entry.live_heads) > 1}


def _conflict(found: Versions) -> dict[str, Json]:
    """What is told of live versions, the one that is shown first, and of the nearest that they come from.

    Who an operation came from is the operator's own business, and not told.
    """
    told = found.live[:MAX_VERSIONS]
    more = found.more + len(found.live) - len(told)
    differences = differing(found.base, [version.record for version in told if version.record is not None])
    ancestor = None if found.ancestor is None or more else _version(found.ancestor)
    return {
        "differing": [difference.path for difference in differences],
        "ancestor": ancestor,
        "versions": [_version(version) for version in told],
        **({"more_versions": more} if more else {}),
    }


def _version(entry: HistoryEntry) -> dict[str, Json]:
    return {
        "hash": entry.hash,
        "updated_at": entry.updated_at,
        "arrived_at": entry.arrived_at,
        "record": entry.record,
    }


def _json(tree: Json) -> Response:
    return Response(_spelt(tree), 200, None, _JSON)


def _spelt(tree: Json) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


# What the node says about itself


def _about(app: FastAPI, queues: Queues) -> APIRouter:
    router = APIRouter(tags=["about"])

    async def docs() -> Response:
        return HTMLResponse(docs_page(app.openapi()), headers=HEADERS)

    async def protocol(request: Request) -> Response:
        # As plain text: Markdown reads well as it is, and browsers would download it under its own media type.
        return PlainTextResponse(await queues.read(request.client, _PROTOCOL.read_bytes), headers=HEADERS)

    router.add_api_route("/docs", docs, methods=["GET", "HEAD"], include_in_schema=False)
    router.add_api_route("/docs/protocol", protocol, methods=["GET", "HEAD"], include_in_schema=False)
    return router


class _Node(FastAPI):
    def openapi(self) -> dict[str, Json]:
        """The OpenAPI document, with our schemas in place of FastAPI's own for faults."""
        if not self.openapi_schema:
            tree: dict[str, Json] = super().openapi()
            components = tree.setdefault("components", {})
            if isinstance(components, dict):
                components["schemas"] = {**component_schemas(), **SYNC_SCHEMAS}
                components["securitySchemes"] = SECURITY
            paths = tree["paths"]
            for methods in paths.values() if isinstance(paths, dict) else ():
                for operation in methods.values() if isinstance(methods, dict) else ():
                    _without_fastapis_faults(operation)
            if isinstance(paths, dict):
                paths.update(SYNC_PATHS)
        return self.openapi_schema or {}


def _without_fastapis_faults(operation: Json) -> None:
    responses = operation.get("responses") if isinstance(operation, dict) else None
    if isinstance(responses, dict):
        responses.pop("422", None)
