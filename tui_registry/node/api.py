"""The node's app: the plan's REST routes for records, and what the node says about itself. The sync endpoints are in
`log_routes`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from hashlib import sha3_256
from importlib.resources import files

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import ASGIApp

import tui_registry
from tui_registry.crdt import AgentOp, ModelOp
from tui_registry.datastore import Datastore, Entry, HistoryEntry, Once, StoreError, Versions, revision_of
from tui_registry.errors import KINDS, InvalidRecord, Json, Kind, Problem, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.node.description import (
    HEADERS,
    Cursor,
    IdempotencyKey,
    IdOrPrefix,
    IfMatch,
    IfNoneMatch,
    Limit,
    QueryText,
    Sort,
    WholeId,
    add_deed,
    add_head,
    completed,
    deeds,
    docs_page,
)
from tui_registry.node.doors import Doors, Whereabouts
from tui_registry.node.limits import MAX_PAGE, MAX_QUESTION_TEXT, MAX_SORT, MAX_VERSIONS, PAGE, NodeBounds
from tui_registry.node.log_routes import LogRoutes
from tui_registry.node.queues import Queues
from tui_registry.node.requests import (
    expect_parameters,
    idempotency_key as key_of,
    is_held,
    is_stale,
    members,
    read_json,
    wrong,
)
from tui_registry.node.responses import NodeError, PacedAnswers, answer_with_problems
from tui_registry.node.tokens import AcceptOps, Tokens
from tui_registry.node.watch import Watch, Watched
from tui_registry.query import parse
from tui_registry.query.nodes import quoted
from tui_registry.records.as_written import read_record, revision_beside
from tui_registry.records.merging import differing
from tui_registry.records.schema import FIELDS, ID_FIELD, NULL_HASH, Many, Struct

_PROTOCOL = files(tui_registry) / "protocol.md"
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ADDRESS = re.compile(r"[0-9a-f]{40}", re.ASCII)
_ID_OR_PREFIX = re.compile(r"(?:0x)?[0-9a-f]{1,64}", re.ASCII | re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_JSON = "application/json"


def create_app(
    datastore: Datastore,
    *,
    accept_ops: AcceptOps = False,
    bounds: NodeBounds | None = None,
    whereabouts: Whereabouts | None = None,
    queues: Queues | None = None,
    watch: Watch | None = None,
) -> ASGIApp:
    """The app of a node over one replica.

    Args:
        datastore: open; the caller closes it after the app.
        accept_ops: whether strangers may push operations; "token" for those who bear a token for that.
        whereabouts: where it is reached; on loopback unless said.
        queues: where its work waits for threads; the caller closes them after the app.
        watch: where requests are counted and written down.
    """
    bounds = bounds or NodeBounds()
    queues = queues or Queues(bounds)
    whereabouts = whereabouts or Whereabouts()
    watch = watch or Watch()
    tokens = Tokens(datastore)
    app = _Node(
        title="tui-registry node",
        version=tui_registry.__version__,
        summary="A decentralised registry of AI models and agents",
        # Made once and in a thread: it takes a while.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # A redirect to the other spelling of a path would be a second way to say everything.
        redirect_slashes=False,
    )
    answer_with_problems(app)
    for kind in KINDS:
        app.include_router(_record_routes(_Records(datastore, kind, tokens, queues, bounds), kind))
    app.include_router(_about(app, queues))
    log = LogRoutes(
        app,
        datastore,
        tokens,
        queues,
        accept_ops=accept_ops,
        bounds=bounds,
        watch=watch,
        metrics_are_open=whereabouts.is_private,
    )
    return Watched(Doors(PacedAnswers(log, bounds), whereabouts), watch)


# Records


class _RecordId(StringConvertor):
    """What stands for a record in a path: not `search`, which is a path of its own, and takes POST alone."""

    regex = "(?!search$)[^/]+"


register_url_convertor("record_id", _RecordId())


def _record_routes(routes: _Records, kind: Kind) -> APIRouter:
    """`POST /models`, `GET /models`, `GET|PUT|DELETE /models/{id}`, `POST /models/{id}/resolve`, `POST /models/search`;
    the same for agents.

    Reads are open. A write is signed by this replica's key and needs a bearer token.
    """
    router = APIRouter(prefix=f"/{kind}s", tags=[f"{kind}s"])
    said = deeds(kind)
    for name, endpoint in (
        ("register", routes.register), ("browse", routes.browse), ("search", routes.search), ("show", routes.show),
        ("update", routes.update), ("delete", routes.delete), ("resolve", routes.resolve),
    ):  # fmt: skip
        add_deed(router, endpoint, said[name])
    return router


class _Question(NamedTuple):
    query: str
    limit: int
    cursor: str | None
    sort: str | None


class _Whole(NamedTuple):
    """A record as it is answered by itself, and its tag."""

    body: bytes
    etag: str


class _Asked(NamedTuple):
    """A write as it is asked for.

    Attributes:
        record_id: empty for what is to be registered. root: the path under which the node is reached.
        once: where it may be asked for again.
    """

    record_id: str
    if_match: Sequence[str] | None
    root: str
    once: Once | None


_Op = ModelOp | AgentOp
_Write = Callable[[_Asked], _Op]


class _Records:
    def __init__(self, datastore: Datastore, kind: Kind, tokens: Tokens, queues: Queues, bounds: NodeBounds) -> None:
        self._datastore = datastore
        self._kind: Kind = kind
        self._tokens = tokens
        self._queues = queues
        self._bounds = bounds
        # Caller, route and key of what is being written.
        self._in_flight: set[tuple[str, str, str]] = set()

    async def register(self, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        caller, data = self._caller(request), await self._record_body(request)
        asked = self._asked(request, caller, "POST", "", data, None, idempotency_key)
        op = await self._written(request, asked, partial(self._register, data))
        return _answer_with(op, 201, {"location": f"{asked.root}/{self._kind}s/{op.key}"})

    async def browse(
        self, request: Request, q: QueryText = None, limit: Limit = None, cursor: Cursor = None, sort: Sort = None
    ) -> Response:
        expect_parameters(request, "q", "limit", "cursor", "sort")
        number: Json = int(limit) if limit is not None and _WHOLE_NUMBER.fullmatch(limit) else limit
        asked = _question({"q": q, "limit": number, "cursor": cursor, "sort": sort}, "q")
        return await self._queues.search(request.scope["client"], self._page, asked)

    async def search(self, request: Request) -> Response:
        expect_parameters(request)
        body = await read_json(request, self._bounds.question_bytes, self._bounds, self._queues)
        known = {"query": "text", "limit": "a number", "cursor": "text", "sort": "text"}
        asked = _question(members(body, known), "query")
        return await self._queues.search(request.scope["client"], self._page, asked)

    async def show(self, record_id: IdOrPrefix, request: Request, if_none_match: IfNoneMatch = None) -> Response:
        expect_parameters(request)
        whole = await self._queues.read(request.scope["client"], self._shown, record_id)
        # It may be kept by whoever read it, and has to be asked for again: any write may be the next.
        headers = {"etag": whole.etag, "cache-control": "no-cache"}
        if if_none_match is not None and is_held(request, whole.etag):
            return Response(status_code=304, headers=headers)
        return Response(whole.body, 200, headers, _JSON)

    async def update(
        self, record_id: WholeId, request: Request, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
    ) -> Response:
        caller, data = self._caller(request), await self._record_body(request)
        asked = self._asked(request, caller, "PUT", record_id, data, if_match, idempotency_key)
        return _answer_with(await self._written(request, asked, partial(self._update, data)))

    async def delete(
        self, record_id: WholeId, request: Request, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
    ) -> Response:
        caller = self._caller(request)
        asked = self._asked(request, caller, "DELETE", record_id, None, if_match, idempotency_key)
        return _answer_with(await self._written(request, asked, self._delete))

    async def resolve(
        self, record_id: WholeId, request: Request, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
    ) -> Response:
        caller, data = self._caller(request), await self._record_body(request)
        asked = self._asked(request, caller, "POST resolve", record_id, data, if_match, idempotency_key)
        return _answer_with(await self._written(request, asked, partial(self._resolve, data)))

    def _caller(self, request: Request) -> str:
        """The name of the token that the request bears, before anything else of it is looked at."""
        name = self._tokens.allows(request.headers.get("authorization"), "write")
        if name is None:
            raise NodeError("unauthorized", "a write needs a bearer token: the node's operator makes one ('token add')")
        expect_parameters(request)
        return name

    async def _record_body(self, request: Request) -> Json:
        return await read_json(request, self._bounds.record_bytes, self._bounds, self._queues)

    def _asked(
        self,
        request: Request,
        caller: str,
        deed: str,
        record_id: str,
        data: Json,
        if_match: Sequence[str] | None,
        given_key: Sequence[str] | None,
    ) -> _Asked:
        key, once = key_of(given_key), None
        if key is not None:
            # However its members are ordered and spelt, the same body is the same request.
            said = json.dumps([record_id, [*(if_match or ())], data], sort_keys=True)
            once = Once(caller, f"{deed} {self._kind}s", key, said.encode())
        return _Asked(record_id, if_match, request.scope.get("root_path", ""), once)

    async def _written(self, request: Request, asked: _Asked, write: _Write) -> _Op:
        """Do a write, once where it bears a key."""
        client = request.scope["client"]
        if asked.once is None:
            return await self._queues.write(client, write, asked)
        flight = asked.once[:3]
        if flight in self._in_flight:
            raise NodeError(
                "in_flight",
                "a request with this Idempotency-Key is being answered: try again in 1 s",
                headers={"retry-after": "1"},
            )
        self._in_flight.add(flight)
        try:
            return await self._queues.write(client, self._write_once, asked, asked.once, write)
        finally:
            self._in_flight.remove(flight)

    # How: in a thread, on plain data

    def _write_once(self, asked: _Asked, once: Once, write: _Write) -> _Op:
        done = self._datastore.done(once)
        if done is not None:
            return done
        try:
            return write(asked)
        except RegistryError:
            # Another process of this node may have done it meanwhile: what it left is no longer what was named.
            done = self._datastore.done(once)
            if done is None:
                raise
            return done

    def _register(self, data: Json, asked: _Asked) -> _Op:
        record = self._record(data)
        self._expect_own(record)
        identifier = str(record[ID_FIELD[self._kind]])
        if not _HASH.fullmatch(identifier):
            raise _not_hex(ID_FIELD[self._kind], 64)
        taken = None if identifier == NULL_HASH else self._datastore.entry(identifier)
        if taken is not None and taken.kind != self._kind:
            raise NodeError("already_registered", f"that is the id of {taken.kind} here: leave it out for a new one")
        return self._datastore.add(self._kind, record, once=asked.once)

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
            work=self._bounds.search_work,
        )
        # As they are stored: nothing is decoded, and none of them is judged. One may be deleted between the two reads.
        found = self._datastore.bodies([row.id for row in page.rows])
        items = b",".join(_with(body.record, {"revision": body.revision, "conflict": body.live > 1}) for body in found)
        beside: Record = {"next": page.next, "notes": [*page.notes]}
        return Response(_with(b'{"items":[%b]}' % items, beside), 200, None, _JSON)

    def _update(self, data: Json, asked: _Asked) -> _Op:
        entry = self._entry_to_write(asked)
        record = self._record_at(entry, data)
        # Whoever sends back what was answered says which state was changed, with If-Match or without.
        if revision_beside(data) not in (None, entry.revision):
            raise self._refusal("changed", asked)
        with self._refusals_told(asked):
            return self._datastore.update(self._kind, entry.id, record, entry.heads, once=asked.once)

    def _delete(self, asked: _Asked) -> _Op:
        entry = self._entry_to_write(asked)
        with self._refusals_told(asked):
            return self._datastore.delete(self._kind, entry.id, entry.heads, once=asked.once)

    def _resolve(self, data: Json, asked: _Asked) -> _Op:
        entry = self._entry_to_write(asked, settling=True)
        body = members(data, {"record": "a record or null", "heads": "a list", "revision": "text"})
        if "record" not in body:
            raise wrong("record", "must be the record as it shall be, or null to delete all versions")
        is_seen = _is_seen(body, entry)
        record = None if body["record"] is None else self._record_at(entry, body["record"])
        if not is_seen:
            raise self._refusal("changed", asked)
        with self._refusals_told(asked):
            return self._datastore.resolve(self._kind, entry.id, record, entry.heads, once=asked.once)

    def _record_at(self, entry: Entry, data: Json) -> Record:
        record = self._record(data)
        field = ID_FIELD[self._kind]
        if record[field] not in (NULL_HASH, entry.id):
            raise wrong(field, "must be the id in the path, or be left out")
        if entry.mine:  # another's is refused by the Datastore, which says whose it is
            self._expect_own(record)
        return {**record, field: entry.id}

    def _record(self, data: Json) -> Record:
        record = read_record(self._kind, data)
        given = data if isinstance(data, dict) else {}
        for field in FIELDS[self._kind]:
            # In YAML nothing at all is an empty list; in JSON it is text, and somebody's mistake.
            if isinstance(field.type, Many | Struct) and given.get(field.name) == "":
                raise wrong(
                    field.name, f"must be {'a list' if isinstance(field.type, Many) else 'an object'}, not text"
                )
        return record

    def _expect_own(self, record: Record) -> None:
        """Refuse a record that names another owner than the node's key: it would be signed as another one's."""
        owner = str(record["owner_id"])
        if owner in (NULL_HASH, self._datastore.address):
            return
        if not _ADDRESS.fullmatch(owner):
            raise _not_hex("owner_id", 40)
        raise NodeError(
            "not_owner", f"owner_id names 0x{owner}, and this node signs by its own key: leave owner_id out to do so"
        )

    def _shown(self, record_id: str) -> _Whole:
        whole_id = record_id if _HASH.fullmatch(record_id) else self._find(record_id)
        body = next(iter(self._datastore.bodies([whole_id])), None)
        if body is None or body.kind != self._kind or body.live > 1:
            return _whole(self._told(record_id))
        return _one_version(body.record, body.heads)

    def _told(self, record_id: str) -> Record:
        """What is told of a record, with each of its versions where there are several."""
        entry = self._entry(record_id)
        while (versions := self._told_of_versions(entry)) is None:
            entry = self._entry(record_id)
        state: Record = {"revision": entry.revision, "conflict": len(entry.live_heads) > 1, "heads": [*entry.heads]}
        return {**entry.record, **state, **versions}

    def _told_of_versions(self, entry: Entry) -> dict[str, Json] | None:
        """The live versions of a record in conflict; None where there are others by now."""
        live_heads = entry.live_heads
        if len(live_heads) == 1:
            return {}
        found = self._datastore.versions(entry.id)
        if found is None or found.heads != entry.heads:
            return None
        return _conflict(found)

    def _find(self, record_id: str) -> str:
        if not _ID_OR_PREFIX.fullmatch(record_id):
            sentence = f"'{record_id[:80]}' is not an id: an id is up to 64 hex digits, GET /{self._kind}s lists them"
            raise NodeError("not_found", sentence)
        return self._datastore.find(record_id, self._kind)[1]

    def _entry(self, record_id: str) -> Entry:
        entry = self._datastore.entry(self._find(record_id), self._kind)
        if entry is None:
            raise NodeError("not_found", f"there is no {self._kind} with that id")
        return entry

    def _entry_to_write(self, asked: _Asked, *, settling: bool = False) -> Entry:
        """The record that a caller wants to change, and may: another's is left to the Datastore, which refuses it.

        Whatever If-Match says, it settles no conflict: who names all heads need not have looked at each version.
        """
        if not _HASH.fullmatch(asked.record_id):
            raise NodeError("bad_id", "a write names the whole id, 64 lower-case hex digits")
        entry = self._entry(asked.record_id)
        if entry.mine and not settling and len(entry.live_heads) > 1:
            raise self._refusal("conflict", asked)
        if entry.mine and is_stale(asked.if_match, entry.revision):
            raise self._refusal("changed", asked, 412)
        return entry

    @contextmanager
    def _refusals_told(self, asked: _Asked) -> Iterator[None]:
        """Say how the record stands now where a write did not find it as it was read."""
        try:
            yield
        except StoreError as error:
            if error.code in _SAID:
                raise self._refusal(error.code, asked) from error
            raise

    def _refusal(self, code: str, asked: _Asked, status: int | None = None) -> NodeError:
        told = self._told(asked.record_id)
        now: dict[str, Json] = {name: told[name] for name in ("revision", "heads", "differing") if name in told}
        path = f"{asked.root}/{self._kind}s/{asked.record_id}"
        if told["conflict"]:
            now["resolve"] = f"{path}/resolve"
        return NodeError(code, _SAID[code].format(kind=self._kind, path=path), status=status, told=now)


def _not_hex(field: str, digits: int) -> InvalidRecord:
    said = f"must be {digits} lower-case hex digits, or be left out: the node sets it"
    return InvalidRecord((Problem(field, "error", "not_hex", said),))


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
    if not (sort is None or isinstance(sort, str)) or len(sort or "") > MAX_SORT:
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


def _answer_with(op: _Op, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The record as it was written, whatever others wrote since: asked for again, it is the same answer."""
    if op.record is None:
        return Response(status_code=204)
    # A write names all heads that there are, and so is the only one after.
    whole = _one_version(_spelt(op.record), (op.hash,))
    return Response(whole.body, status, {"etag": whole.etag, **(headers or {})}, _JSON)


def _one_version(record: bytes, heads: tuple[str, ...]) -> _Whole:
    """A record that is not in conflict, whose fields are these."""
    revision = revision_of(heads)
    return _tagged(_with(record, {"revision": revision, "conflict": False, "heads": [*heads]}), revision)


def _whole(told: Record) -> _Whole:
    return _tagged(_spelt(told), str(told["revision"]))


def _tagged(body: bytes, revision: str) -> _Whole:
    return _Whole(body, f'"{revision}.{sha3_256(body).hexdigest()[:16]}"')


def _with(spelt: bytes, members: Record) -> bytes:
    """An object as JSON, with more members at its end."""
    return spelt[:-1] + b"," + _spelt(members)[1:]


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


def _spelt(tree: Json) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


# What the node says about itself


def _about(app: FastAPI, queues: Queues) -> APIRouter:
    router = APIRouter(tags=["about"])

    @cache
    def page() -> bytes:
        return docs_page(app.openapi()).encode()

    @cache
    def description(root: str) -> bytes:
        servers: dict[str, Json] = {"servers": [{"url": root}]} if root else {}
        return _spelt({**app.openapi(), **servers})

    async def docs(request: Request) -> Response:
        return HTMLResponse(await queues.read(request.scope["client"], page), headers=HEADERS)

    async def openapi(request: Request) -> Response:
        root = request.scope["root_path"].rstrip("/")
        return Response(await queues.read(request.scope["client"], description, root), 200, None, _JSON)

    async def protocol(request: Request) -> Response:
        # As plain text: Markdown reads well as it is, and browsers would download it under its own media type.
        text = await queues.read(request.scope["client"], _PROTOCOL.read_bytes)
        return PlainTextResponse(text, headers=HEADERS)

    for path, endpoint in (("/openapi.json", openapi), ("/docs", docs), ("/docs/protocol", protocol)):
        router.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False)
        add_head(router, path, endpoint)
    return router


class _Node(FastAPI):
    def openapi(self) -> dict[str, Json]:
        """The OpenAPI document."""
        if not self.openapi_schema:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema
