"""The node's app: the plan's REST routes for records, and what the node says about itself. The sync endpoints are in
`log_routes`."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from typing import NamedTuple

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.convertors import StringConvertor, register_url_convertor

import tui_registry
from tui_registry.datastore import Datastore, Entry
from tui_registry.errors import KINDS, Json, Kind
from tui_registry.node.description import (
    HEADERS,
    HEALTH,
    SECURITY,
    add_route,
    component_schemas,
    describe_routes,
    docs_page,
)
from tui_registry.node.limits import MAX_PAGE, MAX_QUESTION_TEXT, PAGE, NodeBounds
from tui_registry.node.log_routes import log_routes
from tui_registry.node.requests import is_held, is_stale, is_token, members, read_json, wrong
from tui_registry.node.responses import NodeError, PacedAnswers, answer_with_problems
from tui_registry.query import parse
from tui_registry.query.nodes import quoted
from tui_registry.records.as_written import read_record
from tui_registry.records.schema import ID_FIELD, NULL_HASH

_PROTOCOL = files(tui_registry) / "protocol.md"
_FULL_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID_OR_PREFIX = re.compile(r"(?:0x)?[0-9a-f]{1,64}", re.ASCII | re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_MAX_SORT = 64


def create_app(
    datastore: Datastore, token: str, *, accept_ops: bool = False, bounds: NodeBounds | None = None
) -> FastAPI:
    """The app of a node over one replica.

    Args:
        datastore: open; the caller closes it after the app.
        token: what a write over REST must bear.
        accept_ops: whether strangers may push operations.
    """
    bounds = bounds or NodeBounds()
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
        app.include_router(_record_routes(datastore, kind, token, bounds))
    app.include_router(log_routes(datastore, accept_ops=accept_ops, bounds=bounds))
    app.include_router(_about(app, datastore))
    app.add_middleware(PacedAnswers, bounds=bounds)
    return app


# Records


class _RecordId(StringConvertor):
    """What stands for a record in a path: not `search`, which is a path of its own, and takes POST alone."""

    regex = "(?!search$)[^/]+"


register_url_convertor("record_id", _RecordId())


def _record_routes(datastore: Datastore, kind: Kind, token: str, bounds: NodeBounds) -> APIRouter:
    """`POST /models`, `GET /models`, `GET|PUT|DELETE /models/{id}`, `POST /models/search`; the same for agents.

    Reads are open. A write is signed by this replica's key and needs the bearer token.
    """
    routes = _Records(datastore, kind, token, bounds)
    said = describe_routes(kind)
    router = APIRouter(prefix=f"/{kind}s", tags=[f"{kind}s"])
    add_route(router, "POST", "", routes.register, said["register"])
    add_route(router, "GET", "", routes.browse, said["browse"])
    add_route(router, "POST", "/search", routes.search, said["search"])
    add_route(router, "GET", "/{record_id:record_id}", routes.show, said["show"])
    add_route(router, "PUT", "/{record_id:record_id}", routes.update, said["update"])
    add_route(router, "DELETE", "/{record_id:record_id}", routes.delete, said["delete"])
    return router


class _Question(NamedTuple):
    query: str
    limit: int
    cursor: str | None
    sort: str | None


class _Records:
    def __init__(self, datastore: Datastore, kind: Kind, token: str, bounds: NodeBounds) -> None:
        self._datastore = datastore
        self._kind: Kind = kind
        self._token = token
        self._bounds = bounds

    async def register(self, request: Request) -> Response:
        self._expect_token(request)
        data = await self._record_body(request)
        return await run_in_threadpool(self._register, data)

    async def browse(self, request: Request) -> Response:
        asked: dict[str, Json] = {**request.query_params}
        limit = asked.get("limit")
        if isinstance(limit, str) and _WHOLE_NUMBER.fullmatch(limit):
            asked["limit"] = int(limit)
        return await run_in_threadpool(self._page, _question(asked, "q"))

    async def search(self, request: Request) -> Response:
        body = await read_json(request, self._bounds.question_bytes, self._bounds.body_seconds)
        known = {"query": "text", "limit": "a number", "cursor": "text", "sort": "text"}
        return await run_in_threadpool(self._page, _question(members(body, known), "query"))

    async def show(self, record_id: str, request: Request) -> Response:
        entry = await run_in_threadpool(self._entry, record_id)
        etag = _etag(entry)
        return Response(status_code=304, headers={"etag": etag}) if is_held(request, etag) else _answer(entry)

    async def update(self, record_id: str, request: Request) -> Response:
        self._expect_token(request)
        data = await self._record_body(request)
        return await run_in_threadpool(self._update, record_id, data, request)

    async def delete(self, record_id: str, request: Request) -> Response:
        self._expect_token(request)
        return await run_in_threadpool(self._delete, record_id, request)

    # How: in a thread, on plain data

    def _register(self, data: Json) -> Response:
        op = self._datastore.add(self._kind, read_record(self._kind, data))
        entry = self._entry(op.key)
        return _answer(entry, 201, {"location": f"/{self._kind}s/{op.key}"})

    def _page(self, asked: _Question) -> Response:
        order = _order(asked.sort) if asked.sort else None
        page = self._datastore.search(
            asked.query,
            kind=self._kind,
            sort=order,
            limit=asked.limit,
            cursor=asked.cursor or None,
            whole=True,
            # Whoever asks may be anybody, and what the operator calls a search or an owner is nobody's business.
            own_names=False,
        )
        entries = (self._datastore.entry(row.id, self._kind) for row in page.rows)
        # A record may be deleted between the two reads.
        return _json({"items": [entry.record for entry in entries if entry is not None], "next": page.next})

    def _update(self, record_id: str, data: Json, request: Request) -> Response:
        entry = self._entry_to_write(record_id, request)
        record = read_record(self._kind, data)
        field = ID_FIELD[self._kind]
        if record[field] not in (NULL_HASH, record_id):
            raise wrong(field, "must be the id in the path, or be left out")
        record[field] = record_id
        self._datastore.update(self._kind, record_id, record, entry.heads)
        return _answer(self._entry(record_id))

    def _delete(self, record_id: str, request: Request) -> Response:
        entry = self._entry_to_write(record_id, request)
        self._datastore.delete(self._kind, record_id, entry.heads)
        return Response(status_code=204)

    def _entry(self, record_id: str) -> Entry:
        if not _ID_OR_PREFIX.fullmatch(record_id):
            sentence = f"'{record_id[:80]}' is not an id: an id is up to 64 hex digits, GET /{self._kind}s lists them"
            raise NodeError("not_found", sentence)
        _, full_id = self._datastore.find(record_id, self._kind)
        entry = self._datastore.entry(full_id, self._kind)
        if entry is None:
            raise NodeError("not_found", f"there is no {self._kind} with that id")
        return entry

    def _entry_to_write(self, record_id: str, request: Request) -> Entry:
        if not _FULL_ID.fullmatch(record_id):
            raise NodeError("bad_id", "a write names the whole id, 64 lower-case hex digits")
        entry = self._entry(record_id)
        if is_stale(request, _etag(entry)):
            raise NodeError("changed", "the record has changed since you read it: read it again, then decide")
        return entry

    def _expect_token(self, request: Request) -> None:
        if not is_token(request.headers.get("authorization"), self._token):
            raise NodeError("unauthorized", "a write needs the node's bearer token: its operator can tell you")

    async def _record_body(self, request: Request) -> Json:
        return await read_json(request, self._bounds.record_bytes, self._bounds.body_seconds)


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


def _etag(entry: Entry) -> str:
    """A record's ETag: the hash of its sorted head hashes, so that it changes with every write and merge."""
    return '"' + hashlib.sha3_256("".join(sorted(entry.heads)).encode()).hexdigest() + '"'


def _answer(entry: Entry, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return _json(entry.record, status, {"etag": _etag(entry), **(headers or {})})


def _json(tree: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, headers, "application/json")


# What the node says about itself


def _about(app: FastAPI, datastore: Datastore) -> APIRouter:
    router = APIRouter(tags=["about"])

    async def health() -> Response:
        head = await run_in_threadpool(datastore.log.head)
        told = {"status": "ok", "version": tui_registry.__version__, "node": head.node, "ops": head.size}
        return Response(json.dumps(told), media_type="application/json")

    async def docs() -> Response:
        return HTMLResponse(docs_page(app.openapi()), headers=HEADERS)

    async def protocol() -> Response:
        # As plain text: Markdown reads well as it is, and browsers would download it under its own media type.
        return PlainTextResponse(await run_in_threadpool(_PROTOCOL.read_bytes), headers=HEADERS)

    add_route(router, "GET", "/health", health, HEALTH)
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
                components["schemas"] = {**component_schemas()}
                components["securitySchemes"] = SECURITY
            paths = tree["paths"]
            for methods in paths.values() if isinstance(paths, dict) else ():
                for operation in methods.values() if isinstance(methods, dict) else ():
                    _without_fastapis_faults(operation)
        return self.openapi_schema or {}


def _without_fastapis_faults(operation: Json) -> None:
    responses = operation.get("responses") if isinstance(operation, dict) else None
    if isinstance(responses, dict):
        responses.pop("422", None)
