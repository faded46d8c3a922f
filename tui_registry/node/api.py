"""The node's app: the plan's REST routes for records, and what the node says about itself. The sync endpoints are in
`log_routes`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from hashlib import sha3_256
from itertools import chain

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

import tui_registry
from tui_registry.crdt import AnyOp
from tui_registry.datastore import (
    MOST_STEPS,
    Body,
    Datastore,
    Direction,
    Entry,
    HistoryEntry,
    ManifestEntry,
    Once,
    StoreError,
    Versions,
    revision_of,
    revision_with,
)
from tui_registry.errors import (
    ABSENT,
    KINDS,
    GivenManifest,
    InvalidRecord,
    Json,
    Kind,
    OpKind,
    Problem,
    Record,
    RegistryError,
)
from tui_registry.frozen import NamedTuple
from tui_registry.node.browse import browse_routes
from tui_registry.node.doors import Doors, Whereabouts
from tui_registry.node.events import event_routes
from tui_registry.node.following import Following
from tui_registry.node.help_pages import help_routes
from tui_registry.node.kept import KeptAnswers, Whole
from tui_registry.node.limits import (
    MAX_LINKED,
    MAX_NAMES,
    MAX_PAGE,
    MAX_QUESTION_TEXT,
    MAX_SORT,
    MAX_VERSIONS,
    PAGE,
    PIECE,
    NodeBounds,
)
from tui_registry.node.log_routes import LogRoutes
from tui_registry.node.mcp_routes import mcp_routes
from tui_registry.node.page_frame import HEADERS
from tui_registry.node.push_policy import PushPolicy
from tui_registry.node.queues import Queues
from tui_registry.node.requests import (
    etag_of,
    idempotency_key as key_of,
    is_held,
    is_stale,
    members,
    parameters,
    read_json,
    wrong,
)
from tui_registry.node.responses import AtHand, NodeError, PacedAnswers, answer_with_problems
from tui_registry.node.routes import MERGE_PATCH, RECORD_ROUTES, NodeRoute
from tui_registry.node.tokens import AcceptOps, Tokens
from tui_registry.node.tongue_routes import tongue_routes
from tui_registry.node.watch import Watch, Watched
from tui_registry.present.links import affected_json, walk_json
from tui_registry.present.manifest_rows import changed_manifest_rows
from tui_registry.query import parse
from tui_registry.query.editing import with_term
from tui_registry.query.fields import FACETS
from tui_registry.query.nodes import quoted
from tui_registry.records.as_written import (
    beside,
    read_as_far_as_it_goes,
    read_manifest_as_far_as_it_goes,
    revision_beside,
)
from tui_registry.records.authoring import without_consequences
from tui_registry.records.merging import differing
from tui_registry.records.schema import FIELDS, ID_FIELD, MANIFEST_FIELDS, NULL_HASH, Field, Many, Struct
from tui_registry.text import fewest_typos, safe_text

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_ID_OR_PREFIX = re.compile(r"(?:0x)?[0-9a-f]{1,64}", re.ASCII | re.IGNORECASE)
_PLACE = re.compile(r"[0-9]{1,18}", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_JSON = "application/json"
_NAMES = {kind: {field.name for field in FIELDS[kind]} for kind in KINDS}
# What is told beside the fields of a record, whichever of them are asked for.
_STATE = ("revision", "conflict", "heads", "status")
# Longer lists of a record are refused as they are, and their items not looked at.
_MOST_JUDGED = 1_000
# Seconds of the processor that a page of a history takes, and how many operations are read at once.
_HISTORY_SECONDS = 0.25
_READ_AT_ONCE = 20
_JSON_PATCH = re.compile(r"application/json-patch\+json", re.IGNORECASE)


def create_app(
    datastore: Datastore,
    *,
    accept_ops: AcceptOps = False,
    bounds: NodeBounds | None = None,
    whereabouts: Whereabouts | None = None,
    queues: Queues | None = None,
    watch: Watch | None = None,
    hub: Following | None = None,
) -> Watched:
    """The app of a node over one replica.

    Args:
        datastore: open; the caller closes it after the app.
        accept_ops: whether others may push operations, and who.
        whereabouts: where it is reached; on loopback unless said.
        queues: where its work waits for threads; the caller closes them after the app.
        watch: where requests are counted and written down.
        hub: how the hub is followed whose view the replica is; the caller has entered it.
    """
    bounds = bounds or NodeBounds()
    queues = queues or Queues(bounds)
    whereabouts = whereabouts or Whereabouts()
    watch = watch or Watch()
    if hub is not None:
        hub.counts = watch.counts
    tokens = Tokens(datastore)
    answered = KeptAnswers(bounds.list_cache_bytes)
    of_records = [_Records(datastore, kind, tokens, queues, bounds, hub, answered) for kind in KINDS]
    # The first that a path fits is taken.
    routes = (
        *chain.from_iterable(map(_record_routes, of_records, KINDS)),
        *_about(queues),
        *event_routes(datastore, queues, bounds, hub),
        *help_routes(queues),
        *browse_routes(datastore, queues, bounds),
        *tongue_routes(datastore, queues, bounds, answered, whereabouts.public_url),
        *mcp_routes(datastore, queues, bounds),
    )
    app = Starlette(routes=routes)
    # A redirect to the other spelling of a path would be a second way to say everything.
    app.router.redirect_slashes = False
    answer_with_problems(app)
    log = LogRoutes(
        app,
        datastore,
        tokens,
        queues,
        policy=PushPolicy(datastore, tokens, accept_ops, bounds, watch.member),
        bounds=bounds,
        watch=watch,
        metrics_are_open=whereabouts.is_private,
        recommended=whereabouts.recommended,
        hub=hub,
    )
    doors = Doors(PacedAnswers(log, bounds), whereabouts)

    def at_hand(scope: Scope) -> AtHand | None:
        found = log.at_hand(scope) if doors.lets_in(scope) else None
        # What is larger is sent in pieces, and counts while its reader takes it.
        return found if found is not None and len(found.body) <= PIECE else None

    return Watched(doors, watch, at_hand)


# Records


def _record_routes(routes: _Records, kind: Kind) -> Iterator[NodeRoute]:
    """The routes of one kind.

    Reads are open. A write is signed by this replica's key and needs a bearer token.
    """
    for name, endpoint in (
        ("register", routes.register), ("browse", routes.browse), ("search", routes.search), ("facets", routes.facets),
        ("show", routes.show),
        ("validate", routes.validate), ("update", routes.update), ("patch", routes.patch), ("delete", routes.delete),
        ("resolve", routes.resolve), ("history", routes.history), ("heads", routes.heads),
        ("versions", routes.versions), ("lineage", routes.lineage), ("dependants", routes.dependants),
        ("manifest", routes.manifest), ("put_manifest", routes.put_manifest),
        ("patch_manifest", routes.patch_manifest), ("delete_manifest", routes.delete_manifest),
        ("resolve_manifest", routes.resolve_manifest), ("manifest_history", routes.manifest_history),
    ):  # fmt: skip
        method, path = RECORD_ROUTES[name]
        yield NodeRoute(f"/{kind}s{path}", endpoint, method)


class _Question(NamedTuple):
    """What is asked of a list.

    Attributes:
        fields: of each record, None for all. total: whether it is to be said how many match.
    """

    query: str
    limit: int
    cursor: str | None
    sort: str | None
    fields: tuple[str, ...] | None = None
    total: bool = False


class _Asked(NamedTuple):
    """A write as it is asked for.

    Attributes:
        record_id: empty for what is to be registered. root: the path under which the node is reached.
        once: where it may be asked for again.
        is_new: only where there is no such thing yet (`If-None-Match: *`).
    """

    record_id: str
    if_match: Sequence[str]
    root: str
    once: Once | None
    is_new: bool = False


_Op = AnyOp
_Write = Callable[[_Asked], _Op]


class _Records:
    def __init__(
        self,
        datastore: Datastore,
        kind: Kind,
        tokens: Tokens,
        queues: Queues,
        bounds: NodeBounds,
        hub: Following | None,
        answered: KeptAnswers,
    ) -> None:
        self._answered = answered
        self._hub = hub
        self._datastore = datastore
        self._kind: Kind = kind
        self._tokens = tokens
        self._queues = queues
        self._bounds = bounds
        # Caller, route and key of what is being written.
        self._in_flight: set[tuple[str, str, str]] = set()

    async def register(self, request: Request) -> Response:
        caller, data = self._caller(request), await self._record_body(request)
        asked = self._asked(request, caller, "POST")
        op = await self._written(request, asked, data, partial(self._register, data))
        return _answer_with(op, 201, {"location": f"{asked.root}/{self._kind}s/{op.key}"})

    async def browse(self, request: Request) -> Response:
        given = _typed(parameters(request, "q", "limit", "cursor", "sort", "fields", "total"))
        asked = self._asked_of_list(given, "q", [])
        return _unless_held(request, *await self._queues.search(request.scope["client"], self._page, asked))

    async def search(self, request: Request) -> Response:
        parameters(request)
        body = await read_json(request, self._bounds.question_bytes, self._bounds, self._queues)
        given, faults = members(body, ("query", "limit", "cursor", "sort", "fields", "total"))
        asked = self._asked_of_list(given, "query", faults)
        page = await self._queues.search(request.scope["client"], self._page, asked)
        return Response(page.body, 200, None, _JSON)

    async def facets(self, request: Request) -> Response:
        asked = _question({**parameters(request, "q")}, "q")
        found = await self._queues.search(request.scope["client"], self._facets, asked)
        return _unless_held(request, found, etag_of(found))

    async def show(self, request: Request) -> Response:
        given = _typed(parameters(request, "fields", "manifest"))
        faults: list[Problem] = []
        fields = self._fields(given, faults)
        both = given.get("manifest")
        if not (both is None or isinstance(both, bool)):
            faults.append(Problem("manifest", "error", "type", "must be true or false"))
        if faults:
            raise InvalidRecord(tuple(faults))
        if both is True:
            return await self._told_whole(request, partial(self._shown_with_manifest, fields))
        return await self._told_whole(request, self._shown if fields is None else partial(self._shown_in_part, fields))

    async def heads(self, request: Request) -> Response:
        parameters(request)
        return await self._told_whole(request, self._heads)

    async def versions(self, request: Request) -> Response:
        parameters(request)
        return await self._told_whole(request, self._versions)

    async def lineage(self, request: Request) -> Response:
        return await self._walked(request, "lineage")

    async def dependants(self, request: Request) -> Response:
        return await self._walked(request, "dependants")

    async def _walked(self, request: Request, direction: Direction) -> Response:
        given = parameters(request, "depth").get("depth", str(MOST_STEPS))
        if not _WHOLE_NUMBER.fullmatch(given) or int(given) > MOST_STEPS:
            raise wrong("depth", f"must be a whole number from 0 to {MOST_STEPS}")
        told = await self._queues.search(request.scope["client"], self._links, _id_in(request), direction, int(given))
        return Response(_spelt(told), 200, None, _JSON)

    async def history(self, request: Request) -> Response:
        asked = _question(_typed(parameters(request, "limit", "cursor")), "")
        return await self._queues.search(request.scope["client"], self._history, _id_in(request), asked)

    async def manifest_history(self, request: Request) -> Response:
        asked = _question(_typed(parameters(request, "limit", "cursor")), "")
        told = partial(self._history, of_manifest=True)
        return await self._queues.search(request.scope["client"], told, _id_in(request), asked)

    async def manifest(self, request: Request) -> Response:
        parameters(request)
        return await self._told_whole(request, self._manifest)

    async def put_manifest(self, request: Request) -> Response:
        return await self._manifest_written(request, "PUT manifest", self._put_manifest)

    async def patch_manifest(self, request: Request) -> Response:
        caller = self._caller(request)
        _expect_merge_patch(request)
        return await self._manifest_written(
            request, "PATCH manifest", partial(self._put_manifest, is_patch=True), caller
        )

    async def resolve_manifest(self, request: Request) -> Response:
        return await self._manifest_written(request, "POST manifest/resolve", self._resolve_manifest)

    async def delete_manifest(self, request: Request) -> Response:
        asked = self._asked(request, self._caller(request), "DELETE manifest")
        return _answer_with(await self._written(request, asked, None, self._delete_manifest))

    async def _manifest_written(
        self, request: Request, deed: str, write: Callable[[Json, _Asked], _Op], caller: str | None = None
    ) -> Response:
        caller = caller or self._caller(request)
        data = await self._record_body(request)
        asked = self._asked(request, caller, deed)
        asked = asked._replace(is_new=request.headers.get("if-none-match", "").strip() == "*")
        op = await self._written(request, asked, data, partial(write, data))
        return _answer_with(op, 200 if op.children else 201)

    async def _told_whole(self, request: Request, read: Callable[[str], Whole]) -> Response:
        """What is told of one record, unless the caller has it."""
        whole = await self._queues.read(request.scope["client"], read, _id_in(request))
        # It may be kept by whoever read it, and has to be asked for again: any write may be the next.
        headers = {"etag": whole.etag, "cache-control": "no-cache"}
        if is_held(request, whole.etag):
            return Response(status_code=304, headers=headers)
        return Response(whole.body, 200, headers, _JSON)

    async def update(self, request: Request) -> Response:
        caller, data = self._caller(request), await self._record_body(request)
        asked = self._asked(request, caller, "PUT")
        return _answer_with(await self._written(request, asked, data, partial(self._update, data)))

    async def patch(self, request: Request) -> Response:
        caller = self._caller(request)
        _expect_merge_patch(request)
        data = await self._record_body(request)
        asked = self._asked(request, caller, "PATCH")
        return _answer_with(await self._written(request, asked, data, partial(self._update, data, is_patch=True)))

    async def validate(self, request: Request) -> Response:
        parameters(request)
        data = await self._record_body(request)
        told = await self._queues.read(request.scope["client"], self._validated, data)
        return Response(_spelt(told), 200, None, _JSON)

    async def delete(self, request: Request) -> Response:
        asked = self._asked(request, self._caller(request), "DELETE")
        return _answer_with(await self._written(request, asked, None, self._delete))

    async def resolve(self, request: Request) -> Response:
        caller, data = self._caller(request), await self._record_body(request)
        asked = self._asked(request, caller, "POST resolve")
        return _answer_with(await self._written(request, asked, data, partial(self._resolve, data)))

    def _asked_of_list(self, given: dict[str, Json], query_name: str, faults: list[Problem]) -> _Question:
        """
        Raises:
            InvalidRecord: with all that is wrong with it, beside the faults that were found before.
        """
        fields = self._fields(given, faults)
        total = given.get("total")
        if not (total is None or isinstance(total, bool)):
            faults.append(Problem("total", "error", "type", "must be true or false"))
        return _question(given, query_name, faults)._replace(fields=fields, total=total is True)

    def _fields(self, given: dict[str, Json], faults: list[Problem]) -> tuple[str, ...] | None:
        """The fields of a record that are asked for, in its order; None for all."""
        names = given.get("fields")
        if names is None:
            return None
        if not isinstance(names, list) or len(names) > MAX_NAMES:
            faults.append(Problem("fields", "error", "type", "must be the names of some fields of a record"))
            return None
        known = [field.name for field in FIELDS[self._kind]]
        for name in map(str, names):
            if name in known or name in _STATE:
                continue
            near = fewest_typos(name[:64], known, 2)
            hint = f"did you mean '{near}'?" if near else f"there are {', '.join(known)}"
            faults.append(Problem("fields", "error", "unknown_field", f"no field is '{safe_text(name, 40)}': {hint}"))
        # By what would a record be asked for again, if not by its id?
        return tuple(name for name in known if name in names or name == ID_FIELD[self._kind])

    def _caller(self, request: Request) -> str:
        """The name of the token that the request bears, before anything else of it is looked at."""
        name = self._tokens.allows(request.headers.get("authorization"), "write")
        if name is None:
            raise NodeError(
                "unauthorized",
                "a write needs a bearer token that this node knows: its operator makes one ('token add')",
            )
        parameters(request)
        return name

    async def _record_body(self, request: Request) -> Json:
        return await read_json(request, self._bounds.record_bytes, self._bounds, self._queues)

    def _asked(self, request: Request, caller: str, deed: str) -> _Asked:
        record_id = _id_in(request)
        if_match = request.headers.getlist("if-match")
        key = key_of(request.headers.getlist("idempotency-key"))
        # What the request says is spelt in the thread that writes: a large body takes its time.
        once = None if key is None else Once(caller, f"{deed} {self._kind}s", key, b"")
        return _Asked(record_id, if_match, request.scope.get("root_path", ""), once)

    async def _written(self, request: Request, asked: _Asked, data: Json, write: _Write) -> _Op:
        """Do a write, once where it bears a key.

        Args:
            data: the body that it came with.
        """
        client = request.scope["client"]
        if asked.once is None:
            return await self._queues.write(client, self._write, asked, write)
        flight = asked.once[:3]
        if flight in self._in_flight:
            raise NodeError(
                "in_flight",
                "a request with this Idempotency-Key is being answered: try again in 1 s",
                headers={"retry-after": "1"},
            )
        self._in_flight.add(flight)
        try:
            return await self._queues.write(client, self._write_once, asked, asked.once, data, write)
        finally:
            self._in_flight.remove(flight)

    # How: in a thread, on plain data

    def _write(self, asked: _Asked, write: _Write) -> _Op:
        if self._hub is None:
            return write(asked)
        with self._hub.turn():
            # What is written is judged by the log as it is under the lock. But what a caller wrote by another node just
            # now must be here when he names it, or names no state of it.
            self._hub.follow_before_writing()
            return write(asked)

    def _write_once(self, asked: _Asked, once: Once, data: Json, write: _Write) -> _Op:
        # However its members are ordered and spelt, the same body is the same request.
        said = json.dumps([asked.record_id, asked.if_match, data], sort_keys=True)
        once = once._replace(request=said.encode())
        asked = asked._replace(once=once)
        done = self._datastore.done(once)
        if done is not None:
            return done
        try:
            return self._write(asked, write)
        except RegistryError:
            # Another process of this node may have done it meanwhile: what it left is no longer what was named.
            done = self._datastore.done(once)
            if done is None:
                raise
            return done

    def _register(self, data: Json, asked: _Asked) -> _Op:
        data, manifest, faults = self._apart(data)
        record = self._record(data, manifest=manifest, faults=faults)
        self._expect_own(record)
        self._expect_of_kind(record)
        return self._datastore.add(self._kind, record, manifest=manifest, once=asked.once)

    def _validated(self, data: Json) -> Record:
        """What would be registered, and all that is to be said of it."""
        would_be: Record | None = None
        data, manifest, unread = self._apart(data)
        try:
            record, faults = self._read(data)
        except InvalidRecord as error:
            problems = [*error.problems, *unread]
        else:
            problems = self._all_problems(record, manifest, faults, unread)
            at_fault = {fault.path for fault in faults}
            try:
                if "owner_id" not in at_fault:
                    self._expect_own(record)
                if ID_FIELD[self._kind] not in at_fault:
                    self._expect_of_kind(record)
                    would_be = self._datastore.would_add(self._kind, record)
            except RegistryError as error:
                if error.code not in _FIELD_AT_FAULT:
                    raise
                field = _FIELD_AT_FAULT[error.code] or ID_FIELD[self._kind]
                problems.append(Problem(field, "error", error.code, error.sentence))
        is_valid = all(problem.severity != "error" for problem in problems)
        listed: list[Json] = [problem.to_json() for problem in problems]
        return {"valid": is_valid, "problems": listed, "record": would_be if is_valid else None}

    def _page(self, asked: _Question) -> Whole:
        # What is written from here on may be in the answer, and is not in what it is kept by.
        changes, now = self._datastore.changes(), self._datastore.now()
        kept = self._answered.get((self._kind, asked), changes, now)
        if kept is not None:
            return kept
        page, until = self._read_page(asked)
        if until is None or until > now:
            characters = len(asked.query) + len(asked.cursor or "")
            self._answered.keep((self._kind, asked), page, changes, now, until, characters=characters)
        return page

    def _read_page(self, asked: _Question) -> tuple[Whole, int | None]:
        """A page, and until which time it is the answer while nothing is written; 0 where it is so only once."""
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
            counted=asked.total,
            # Nothing is decoded, and none of them is judged.
            stored=True,
        )
        standing = [_standing(body) for body in page.bodies]
        items = [
            _in_part(body.record, asked.fields)[:-1] + told for body, told in zip(page.bodies, standing, strict=True)
        ]
        beside: Record = {"next": page.next, "notes": [*page.notes]}
        if asked.total:
            beside |= {"total": page.total, "total_is_exact": page.exact}
        if page.did_you_mean is not None:
            beside["did_you_mean"] = page.did_you_mean
        if page.near:
            beside["near"] = [*page.near]
        # The revision of a record stands for all of its bytes, which would take twenty times as long to hash. Another
        # version of the program may spell them otherwise.
        said = _spelt([tui_registry.__version__, None if asked.fields is None else [*asked.fields]])
        spelt = _spelt(beside)
        tag = etag_of(b"\n".join((said, spelt, *standing)))
        # What is proposed where nothing was found is what could be found in time.
        whole = b'{"items":[%b],%b' % (b",".join(items), spelt[1:])
        return Whole(whole, tag), page.until if page.bodies else 0

    def _facets(self, asked: _Question) -> bytes:
        found = self._datastore.facets(
            asked.query, kind=self._kind, whole=True, strict=True, own_names=False, work=self._bounds.search_work
        )
        items: list[Json] = [
            {
                "field": field,
                "value": one.value,
                "label": one.label,
                "term": with_term("", FACETS[field].term, one.value),
                "records": one.records,
            }
            for field, values in found.values.items()
            for one in values
        ]
        return _spelt({"items": items, "next": None, "notes": [*found.notes], "is_exact": found.exact})

    def _update(self, data: Json, asked: _Asked, *, is_patch: bool = False) -> _Op:
        behind = self._datastore.manifests.get(asked.record_id) if _HASH.fullmatch(asked.record_id) else None
        seen = () if behind is None else behind.heads
        says_both = isinstance(data, dict) and "manifest" in data
        entry = self._entry_to_write(asked, beside=seen, both=says_both)
        before = None if behind is None or not is_patch else behind.manifest
        body, manifest, faults = self._apart(data, entry.id, before, is_patch=is_patch)
        record = self._at(entry, self._record(body, entry, is_patch=is_patch, manifest=manifest, faults=faults))
        # Whoever sends back what was answered says which state was changed, with If-Match or without.
        if revision_beside(data) not in (None, *self._revisions(entry, seen, both=says_both)):
            raise self._refusal("changed", asked)
        with self._refusals_told(asked):
            return self._datastore.update(
                self._kind,
                entry.id,
                record,
                entry.heads,
                manifest=manifest,
                manifest_seen=seen if says_both else (),
                once=asked.once,
            )

    @staticmethod
    def _revisions(entry: Entry, beside: Sequence[str], *, both: bool) -> tuple[str, ...]:
        """What may stand for the state that a caller was shown. Who was shown the record alone has not seen what stands
        behind it, and so does not write `both`."""
        whole = revision_with(entry.heads, beside)
        return (whole,) if both else (entry.revision, whole)

    def _apart(
        self, data: Json, record_id: str = NULL_HASH, before: Record | None = None, *, is_patch: bool = False
    ) -> tuple[Json, GivenManifest, list[Problem]]:
        """A body without its member `manifest`, the manifest that this means, and what could not be read of it."""
        if not isinstance(data, dict) or "manifest" not in data:
            return data, ABSENT, []
        body: dict[str, Json] = {name: value for name, value in data.items() if name != "manifest"}
        if data["manifest"] is None:
            return body, None, []
        record_id = str(body.get(ID_FIELD[self._kind], NULL_HASH)) if record_id == NULL_HASH else record_id
        manifest, faults = self._read_manifest(data["manifest"], record_id, before, is_patch=is_patch)
        return body, manifest, [fault._replace(path=beside(fault.path)) for fault in faults]

    def _read_manifest(
        self, data: Json, record_id: str, before: Record | None, *, is_patch: bool = False
    ) -> tuple[Record, list[Problem]]:
        """As far as it can be read, and what cannot be."""
        manifest, faults = read_manifest_as_far_as_it_goes(data, base=before, is_patch=is_patch)
        faults += [*_faults_of_json(MANIFEST_FIELDS, data), *_misspelt_ids("manifest", manifest)]
        if manifest["subject_id"] not in (NULL_HASH, record_id):
            said = "must be the id of the record that it belongs to, or be left out: the node sets it"
            faults.append(Problem("subject_id", "error", "type", said))
        return manifest, [*faults, *_too_many(MANIFEST_FIELDS, manifest)]

    def _all_problems(
        self, record: Record, manifest: GivenManifest, faults: Sequence[Problem], unread: Sequence[Problem]
    ) -> list[Problem]:
        """All that is wrong with a body: of what could not be read that, and of the rest what the rules say."""
        found = self._datastore.check(self._kind, record, ABSENT if unread else manifest)
        behind = [problem for problem in found if problem.path.partition(".")[0] == "manifest"]
        own = [problem for problem in found if problem not in behind]
        return [*without_consequences(self._kind, faults, own), *unread, *behind]

    def _manifest(self, record_id: str) -> Whole:
        return _whole(self._manifest_told(self._manifest_entry(self._find(record_id))))

    def _manifest_entry(self, record_id: str) -> ManifestEntry:
        """What stands behind a record that is here."""
        found = self._datastore.manifests.get(record_id)
        if found is None or found.kind != self._kind or not found.is_live:
            raise self._no_record()
        return found

    def _manifest_told(self, found: ManifestEntry) -> Record:
        if found.manifest is None:
            raise NodeError("no_manifest", f"this {self._kind} has no manifest: PUT writes one")
        told = {**found.manifest, **_manifest_standing(found)}
        if len(found.live_heads) > 1:
            versions = self._datastore.manifests.versions(found.id)[:MAX_VERSIONS]
            told["versions"] = [
                {
                    "hash": one.hash,
                    "updated_at": one.updated_at,
                    "arrived_at": one.arrived_at,
                    "manifest": one.record,
                }
                for one in versions
            ]
        return told

    def _manifest_to_write(self, asked: _Asked, *, settling: bool = False) -> ManifestEntry:
        """The manifest that a caller wants to change; another's is left to the Datastore, which refuses it."""
        if not _HASH.fullmatch(asked.record_id):
            raise NodeError("bad_id", "a write names the whole id, 64 lower-case hex digits")
        found = self._manifest_entry(asked.record_id)
        if not settling and len(found.live_heads) > 1:
            raise self._manifest_refusal("conflict", asked)
        if is_stale(asked.if_match, found.revision) or (asked.is_new and found.live_heads):
            raise self._manifest_refusal("changed", asked, 412)
        return found

    def _put_manifest(self, data: Json, asked: _Asked, *, is_patch: bool = False) -> _Op:
        found = self._manifest_to_write(asked)
        manifest, faults = self._read_manifest(data, found.id, found.manifest if is_patch else None, is_patch=is_patch)
        if faults:
            raise InvalidRecord(tuple(faults))
        if revision_beside(data) not in (None, found.revision):
            raise self._manifest_refusal("changed", asked)
        with self._refusals_told(asked, self._manifest_refusal):
            return self._datastore.manifests.set(found.id, manifest, found.heads, once=asked.once)

    def _delete_manifest(self, asked: _Asked) -> _Op:
        found = self._manifest_to_write(asked)
        self._manifest_told(found)
        with self._refusals_told(asked, self._manifest_refusal):
            return self._datastore.manifests.delete(found.id, found.heads, once=asked.once)

    def _resolve_manifest(self, data: Json, asked: _Asked) -> _Op:
        found = self._manifest_to_write(asked, settling=True)
        body, faults = members(data, ("manifest", "heads", "revision"))
        faults += _faults_of_what_was_seen(body)
        manifest: Record | None = None
        if "manifest" not in body:
            said = "must be the manifest as it shall be, or null to delete all versions"
            faults.append(Problem("manifest", "error", "type", said))
        elif body["manifest"] is not None:
            manifest, unread = self._read_manifest(body["manifest"], found.id, None)
            faults += [fault._replace(path=beside(fault.path)) for fault in unread]
        if faults:
            raise InvalidRecord(tuple(faults))
        if not _is_seen(body, found):
            raise self._manifest_refusal("changed", asked)
        with self._refusals_told(asked, self._manifest_refusal):
            return self._datastore.manifests.resolve(found.id, manifest, found.heads, once=asked.once)

    def _manifest_refusal(self, code: str, asked: _Asked, status: int | None = None) -> NodeError:
        now = _manifest_standing(self._manifest_entry(asked.record_id))
        path = f"{asked.root}/{self._kind}s/{asked.record_id}/manifest"
        told: dict[str, Json] = {name: now[name] for name in ("revision", "heads")}
        if now["conflict"]:
            told["resolve"] = f"{path}/resolve"
        what = f"manifest of this {self._kind}" if code != "changed" else "manifest"
        return NodeError(code, _SAID[code].format(kind=what, path=path), status=status, told=told)

    def _delete(self, asked: _Asked) -> _Op:
        entry = self._entry_to_write(asked)
        with self._refusals_told(asked):
            return self._datastore.delete(self._kind, entry.id, entry.heads, once=asked.once)

    def _resolve(self, data: Json, asked: _Asked) -> _Op:
        entry = self._entry_to_write(asked, settling=True)
        body, faults = members(data, ("record", "heads", "revision"))
        faults += _faults_of_what_was_seen(body)
        record: Record | None = None
        if "record" not in body:
            said = "must be the record as it shall be, or null to delete all versions"
            faults.append(Problem("record", "error", "type", said))
        elif body["record"] is not None:
            try:
                record = self._record(body["record"], entry)
            except InvalidRecord as error:
                faults += error.problems
        if faults:
            raise InvalidRecord(tuple(faults))
        if record is not None:
            record = self._at(entry, record)
        if not _is_seen(body, entry):
            raise self._refusal("changed", asked)
        with self._refusals_told(asked):
            return self._datastore.resolve(self._kind, entry.id, record, entry.heads, once=asked.once)

    def _at(self, entry: Entry, record: Record) -> Record:
        if entry.mine:  # another's is refused by the Datastore, which says whose it is
            self._expect_own(record)
        return {**record, ID_FIELD[self._kind]: entry.id}

    def _record(
        self,
        data: Json,
        entry: Entry | None = None,
        *,
        is_patch: bool = False,
        manifest: GivenManifest = ABSENT,
        faults: Sequence[Problem] = (),
    ) -> Record:
        """The record that a body means.

        Args:
            entry: what it is to take the place of; with `is_patch`, what it changes.
            manifest: what is to stand behind it. faults: what could not be read of that.

        Raises:
            InvalidRecord: something of it cannot be read; with all that is wrong with the rest.
        """
        record, unread = self._read(data, entry, is_patch=is_patch)
        if unread or faults:
            raise InvalidRecord(tuple(self._all_problems(record, manifest, unread, faults)))
        return record

    def _read(self, data: Json, entry: Entry | None = None, *, is_patch: bool = False) -> tuple[Record, list[Problem]]:
        """As far as a body can be read, and what cannot be.

        Raises:
            InvalidRecord: it is no object of fields.
        """
        base = entry.record if entry is not None and is_patch else None
        record, faults = read_as_far_as_it_goes(self._kind, data, base=base, is_patch=is_patch)
        faults += _faults_of_json(FIELDS[self._kind], data)
        faults += _misspelt_ids(self._kind, record)
        identifier = str(record[ID_FIELD[self._kind]])
        if entry is not None and _HASH.fullmatch(identifier) and identifier not in (NULL_HASH, entry.id):
            said = "must be the id in the path, or be left out"
            faults.append(Problem(ID_FIELD[self._kind], "error", "type", said))
        return record, [*faults, *_too_many(FIELDS[self._kind], record)]

    def _expect_own(self, record: Record) -> None:
        """Refuse a record that names another owner than the node's key: it would be signed as another one's."""
        owner = str(record["owner_id"])
        if owner not in (NULL_HASH, self._datastore.address):
            raise NodeError(
                "not_owner",
                f"owner_id names 0x{owner}, and this node signs by its own key: leave owner_id out to do so",
            )

    def _expect_of_kind(self, record: Record) -> None:
        """Refuse the id of a record of another kind."""
        identifier = str(record[ID_FIELD[self._kind]])
        taken = None if identifier == NULL_HASH else self._datastore.entry(identifier)
        if taken is not None and taken.kind != self._kind:
            raise NodeError("already_registered", f"that is the id of {taken.kind} here: leave it out for a new one")

    def _shown(self, record_id: str) -> Whole:
        whole_id = record_id if _HASH.fullmatch(record_id) else self._find(record_id)
        body = next(iter(self._datastore.bodies([whole_id])), None)
        if body is None or body.kind != self._kind or body.live > 1:
            return _whole(self._told(record_id))
        return _tagged(_with_standing(body.record, body), body.revision)

    def _shown_in_part(self, fields: tuple[str, ...], record_id: str) -> Whole:
        found = self._datastore.bodies([self._find(record_id)])
        if not found:
            raise self._no_record()
        body = found[0]
        return _tagged(_with_standing(_in_part(body.record, fields), body), body.revision)

    def _shown_with_manifest(self, fields: tuple[str, ...] | None, record_id: str) -> Whole:
        """A record and what stands behind it: the revision stands for both."""
        whole_id = self._find(record_id)
        told = self._told(whole_id)
        if fields is not None:
            beside_it = {name: told[name] for name in told if name not in _NAMES[self._kind]}
            told = {**{name: told[name] for name in fields}, **beside_it}
        found = self._manifest_entry(whole_id)
        entry_heads = told["heads"]
        heads = [str(head) for head in entry_heads] if isinstance(entry_heads, list) else []
        return _whole({**told, "revision": revision_with(heads, found.heads), "manifest": found.manifest})

    def _heads(self, record_id: str) -> Whole:
        whole_id = self._find(record_id, deleted=True)
        entry = self._datastore.entry(whole_id, self._kind)
        heads = self._datastore.heads(whole_id) if entry is None else entry.heads
        live = () if entry is None else entry.live_heads
        told: Record = {"revision": revision_of(heads), "conflict": len(live) > 1, "heads": [*heads], "live": [*live]}
        return _whole(told)

    def _versions(self, record_id: str) -> Whole:
        found = self._datastore.versions(self._find(record_id))
        if found is None:
            raise self._no_record()
        state: Record = {"revision": found.revision, "conflict": len(found.live) > 1, "heads": [*found.heads]}
        return _whole({**state, **_conflict(found)})

    def _links(self, record_id: str, direction: Direction, depth: int) -> Record:
        upwards = direction == "dependants"
        whole_id = self._find(record_id, deleted=upwards)
        links = self._datastore.links
        walk = links.walk(whole_id, direction, depth, MAX_LINKED, own_names=False)
        told: Record = {"kind": self._kind, "id": whole_id, **walk_json(walk, upwards=upwards)}
        if upwards:
            told["counts"] = affected_json(links.affected(whole_id, 0, own_names=False))
        return told

    def _history(self, record_id: str, asked: _Question, *, of_manifest: bool = False) -> Response:
        whole_id = self._find(record_id, deleted=True)
        before = None
        if asked.cursor:
            if not _PLACE.fullmatch(asked.cursor):
                raise wrong("cursor", "must be `next` of the page before")
            before = int(asked.cursor)
        told: list[bytes] = []
        size, following = 0, None
        # The first one is told whatever it takes; where they are many and large, a page has fewer than were asked for.
        until = time.thread_time() + _HISTORY_SECONDS
        read = self._datastore.manifests.history if of_manifest else self._datastore.history
        for entry in _operations(partial(read, whole_id), before, min(asked.limit + 1, _READ_AT_ONCE)):
            is_enough = size > self._bounds.answer_bytes or (told and time.thread_time() > until)
            if len(told) == asked.limit or is_enough:
                following = str(before)
                break
            told.append(_spelt(_manifest_operation(entry) if of_manifest else _operation(entry)))
            size, before = size + len(told[-1]), entry.place
        return Response(_with(b'{"items":[%b]}' % b",".join(told), {"next": following, "notes": []}), 200, None, _JSON)

    def _told(self, record_id: str) -> Record:
        """What is told of a record, with each of its versions where there are several."""
        entry = self._entry(record_id)
        while (versions := self._told_of_versions(entry)) is None:
            entry = self._entry(record_id)
        state: Record = {"revision": entry.revision, "conflict": len(entry.live_heads) > 1, "heads": [*entry.heads]}
        said: Record = {} if entry.status is None else {"status": entry.status}
        return {**entry.record, **state, **said, **versions}

    def _told_of_versions(self, entry: Entry) -> dict[str, Json] | None:
        """The live versions of a record in conflict; None where there are others by now."""
        live_heads = entry.live_heads
        if len(live_heads) == 1:
            return {}
        found = self._datastore.versions(entry.id)
        if found is None or found.heads != entry.heads:
            return None
        return _conflict(found)

    def _find(self, record_id: str, *, deleted: bool = False) -> str:
        if not _ID_OR_PREFIX.fullmatch(record_id):
            sentence = f"'{record_id[:80]}' is not an id: {self._so_called(record_id)}"
            raise NodeError("not_found", sentence)
        return self._datastore.find(record_id, self._kind, deleted=deleted, by_name=False)[1]

    def _so_called(self, name: str) -> str:
        """What there is by a name where an id belongs: a path stays what it is about, so it takes no name."""
        named = [f"{choice.id} of 0x{choice.owner}" for choice in self._datastore.named(name, self._kind)]
        if not named:
            return f"an id is up to 64 hex digits, GET /{self._kind}s lists them"
        which = ", ".join(named)
        return f"that is the name of {which}" if len(named) == 1 else f"that is the name of several: {which}"

    def _entry(self, record_id: str) -> Entry:
        entry = self._datastore.entry(self._find(record_id), self._kind)
        if entry is None:
            raise self._no_record()
        return entry

    def _no_record(self) -> NodeError:
        return NodeError("not_found", f"there is no {self._kind} with that id")

    def _entry_to_write(
        self, asked: _Asked, *, settling: bool = False, beside: Sequence[str] = (), both: bool = False
    ) -> Entry:
        """The record that a caller wants to change, and may: another's is left to the Datastore, which refuses it.

        Whatever If-Match says, it settles no conflict: who names all heads need not have looked at each version.

        Args:
            beside: the heads of its manifest, for which If-Match may stand as well; where `both` are written it must.
        """
        if not _HASH.fullmatch(asked.record_id):
            raise NodeError("bad_id", "a write names the whole id, 64 lower-case hex digits")
        entry = self._entry(asked.record_id)
        if entry.mine and not settling and len(entry.live_heads) > 1:
            raise self._refusal("conflict", asked)
        known = self._revisions(entry, beside, both=both)
        if entry.mine and all(is_stale(asked.if_match, revision) for revision in known):
            raise self._refusal("changed", asked, 412)
        return entry

    @contextmanager
    def _refusals_told(
        self, asked: _Asked, refusal: Callable[[str, _Asked], NodeError] | None = None
    ) -> Iterator[None]:
        """Say how the record, or what `refusal` is about, stands now where a write did not find it as it was read."""
        try:
            yield
        except StoreError as error:
            if error.code in _SAID:
                raise (refusal or self._refusal)(error.code, asked) from error
            raise

    def _refusal(self, code: str, asked: _Asked, status: int | None = None) -> NodeError:
        told = self._told(asked.record_id)
        now: dict[str, Json] = {name: told[name] for name in ("revision", "heads", "differing") if name in told}
        path = f"{asked.root}/{self._kind}s/{asked.record_id}"
        if told["conflict"]:
            now["resolve"] = f"{path}/resolve"
        return NodeError(code, _SAID[code].format(kind=self._kind, path=path), status=status, told=now)


def _expect_merge_patch(request: Request) -> None:
    if _JSON_PATCH.match(request.headers.get("content-type", "")):
        raise NodeError(
            "media_type",
            f"this node takes merge patches (RFC 7396), no lists of steps: send {MERGE_PATCH}",
            headers={"accept-patch": f"{MERGE_PATCH}, {_JSON}"},
        )


def _id_in(request: Request) -> str:
    """What stands for a record in the path; empty where nothing does."""
    found: str = request.path_params.get("record_id", "")
    return found


def _too_many(fields: Sequence[Field], record: Record) -> Iterator[Problem]:
    """A problem for each list that is far too long, which is emptied: anybody may ask what is wrong with a body, and
    each item has its own problems."""
    for one in fields:
        items = record[one.name]
        if isinstance(one.type, Many) and isinstance(items, list) and len(items) > _MOST_JUDGED:
            said = f"has {len(items):,} items, at most {one.type.most} are allowed"
            record[one.name] = []
            yield Problem(one.name, "error", "too_many", said)


def _misspelt_ids(kind: OpKind, record: Record) -> Iterator[Problem]:
    """A problem for the id and the owner where they are given and are none."""
    for field, digits in ((ID_FIELD[kind], 64), ("owner_id", 40)):
        value = str(record[field])
        if value != NULL_HASH and (len(value) != digits or not _HEX.fullmatch(value)):
            said = f"must be {digits} lower-case hex digits, or be left out: the node sets it"
            yield Problem(field, "error", "not_hex", said)


def _faults_of_json(fields: Sequence[Field], data: Json) -> list[Problem]:
    """In YAML nothing at all is an empty list; in JSON it is text, and somebody's mistake."""
    given = data if isinstance(data, dict) else {}
    return [
        Problem(
            field.name,
            "error",
            "type",
            f"must be {'a list' if isinstance(field.type, Many) else 'an object'}, not text",
        )
        for field in fields
        if isinstance(field.type, Many | Struct) and given.get(field.name) == ""
    ]


# Which field a record is refused for, by the code; empty for its id.
_FIELD_AT_FAULT = {"not_owner": "owner_id", "already_registered": ""}


def _order(sort: str) -> str | None:
    """The one spelling of an order. The query language knows which there are, and says so."""
    order = parse(f"sort:{quoted(sort)}", whole=True).sort
    return None if order is None else f"{'-' if order.descending else ''}{order.key}"


def _typed(given: dict[str, str]) -> dict[str, Json]:
    """Parameters as a body would have them: numbers, names and yes or no."""
    read: dict[str, Json] = {**given}
    if "limit" in given and _WHOLE_NUMBER.fullmatch(given["limit"]):
        read["limit"] = int(given["limit"])
    if "total" in given:
        read["total"] = {"true": True, "false": False, "": None}.get(given["total"], given["total"])
    if "manifest" in given:
        read["manifest"] = {"true": True, "false": False, "": None}.get(given["manifest"], given["manifest"])
    if "fields" in given:
        read["fields"] = [name.strip() for name in given["fields"].split(",")] if given["fields"] else None
    return read


def _question(asked: dict[str, Json], query_name: str, faults: Sequence[Problem] = ()) -> _Question:
    """What is asked, in whichever of its two spellings: the same is taken, and refused with the same words.

    Raises:
        InvalidRecord: with all that is wrong with it, beside the faults that were found before.
    """
    found = [*faults]
    limit = asked.get("limit")
    limit = PAGE if limit is None else limit
    if type(limit) is not int or not 1 <= limit <= MAX_PAGE:
        found.append(Problem("limit", "error", "type", f"must be a whole number from 1 to {MAX_PAGE}"))
        limit = PAGE

    def text(name: str, most: int, said: str) -> str | None:
        value = asked.get(name)
        if value is None or (isinstance(value, str) and len(value) <= most):
            return value
        found.append(Problem(name, "error", "type", said))
        return None

    question = _Question(
        text(query_name, MAX_QUESTION_TEXT, f"must be text of at most {MAX_QUESTION_TEXT:,} characters") or "",
        limit,
        text("cursor", MAX_QUESTION_TEXT, "must be `next` of the page before"),
        text("sort", MAX_SORT, "must be text, such as `-updated` or `name`"),
    )
    if found:
        raise InvalidRecord(tuple(found))
    return question


# Why a write was not done that would have been signed without what others wrote.
_SAID = {
    "changed": "the {kind} has changed since you read it: read it again, then decide",
    "conflict": "several versions of this {kind} are live: GET it to see them, and settle what differs by POST "
    "{path}/resolve. Nothing was written, and no version is lost",
    "no_conflict": "one version of this {kind} is live: there is nothing to settle, PUT changes it",
}


def _manifest_standing(found: ManifestEntry) -> Record:
    """What is told of a manifest beside its fields."""
    return {"revision": found.revision, "conflict": len(found.live_heads) > 1, "heads": [*found.heads]}


def _is_seen(body: dict[str, Json], entry: Entry | ManifestEntry) -> bool:
    """Whether a body names the heads that a record has, one by one or by their revision."""
    heads, revision = body.get("heads"), body.get("revision")
    named = tuple(sorted({*map(str, heads)})) if isinstance(heads, list) else entry.heads
    return named == entry.heads and revision in (None, entry.revision)


def _faults_of_what_was_seen(body: dict[str, Json]) -> list[Problem]:
    """What is wrong with the heads that a body names, one by one or by their revision."""
    heads, revision = body.get("heads"), body.get("revision")
    found: list[tuple[str, str]] = []
    if heads is None and revision is None:
        found.append(("heads", "must be `heads` as GET gives them, or `revision` in their place"))
    if heads is not None and not (isinstance(heads, list) and heads and all(map(_is_hash, heads))):
        found.append(("heads", "must be a list of hashes of 64 lower-case hex digits, as GET gives it"))
    if revision is not None and not _is_hash(revision):
        found.append(("revision", "must be 64 lower-case hex digits, as GET gives it"))
    return [Problem(path, "error", "type", f"{said}: {_SEEN}") for path, said in found]


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


def _with_standing(record: bytes, body: Body) -> bytes:
    """A record as JSON with what a list tells of it beside its fields."""
    return record[:-1] + _standing(body)


def _standing(body: Body) -> bytes:
    """What a list tells of a record behind its fields. Hashes need no escapes, and a speller takes as long for them as
    the record takes to be read."""
    status = "" if body.status is None else f',"status":{_SPELLER.encode(body.status)}'
    heads = ",".join([f'"{head}"' for head in body.heads])
    conflict = "true" if body.live > 1 else "false"
    return f',"revision":"{body.revision}","conflict":{conflict},"heads":[{heads}]{status}}}'.encode()


def _in_part(record: bytes, fields: Sequence[str] | None) -> bytes:
    """A record as JSON, of some fields alone."""
    if fields is None:
        return record
    whole: Record = json.loads(record)
    return _spelt({name: whole[name] for name in fields})


def _unless_held(request: Request, body: bytes, etag: str) -> Response:
    """A list, unless the caller has it."""
    headers = {"etag": etag, "cache-control": "no-cache"}
    if is_held(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, _JSON)


def _one_version(record: bytes, heads: tuple[str, ...]) -> Whole:
    """A record that is not in conflict, whose fields are these."""
    revision = revision_of(heads)
    return _tagged(_with(record, {"revision": revision, "conflict": False, "heads": [*heads]}), revision)


def _whole(told: Record) -> Whole:
    return _tagged(_spelt(told), str(told["revision"]))


def _tagged(body: bytes, revision: str) -> Whole:
    return Whole(body, f'"{revision}.{sha3_256(body).hexdigest()[:16]}"')


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
        "mergeable": ancestor is not None and found.base is not None,
        "versions": [_version(version) for version in told],
        **({"more_versions": more} if more else {}),
    }


def _operation(entry: HistoryEntry) -> Record:
    """What is told of an operation of a record."""
    changed = differing(None, [entry.before, entry.record]) if entry.before and entry.record else []
    return {
        "hash": entry.hash,
        "deed": entry.did,
        "updated_at": entry.updated_at,
        "arrived_at": entry.arrived_at,
        "children": [*entry.children],
        "is_head": entry.is_head,
        "is_shown": entry.is_winner,
        "changed": [difference.path for difference in changed],
        "record": entry.record,
    }


def _manifest_operation(entry: HistoryEntry) -> Record:
    """What is told of an operation of a manifest."""
    changed = changed_manifest_rows(entry.before, entry.record) if entry.before and entry.record else []
    told: Record = {**_operation(entry._replace(before=None)), "changed": [now.path for _, now in changed]}
    told["manifest"] = told.pop("record")
    return told


def _operations(
    read: Callable[..., Sequence[HistoryEntry]], before: int | None, at_once: int
) -> Iterator[HistoryEntry]:
    """The operations of a record or its manifest below a place, the last arrived first; so many are in memory at once,
    as one may take 64 KiB, and what was there before it as much again."""
    while window := read(limit=at_once, before=before):
        yield from window
        before = window[-1].place


def _version(entry: HistoryEntry) -> dict[str, Json]:
    return {
        "hash": entry.hash,
        "updated_at": entry.updated_at,
        "arrived_at": entry.arrived_at,
        "record": entry.record,
    }


# Made once: for each record of a list one of its own would cost as much as the record.
_SPELLER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _spelt(tree: Json) -> bytes:
    return _SPELLER.encode(tree).encode()


# What the node says about itself


def _about(queues: Queues) -> list[NodeRoute]:
    # Imported and made once, by whoever asks first, and in a thread: it takes a while.
    @cache
    def described(root: str | None) -> bytes:
        """The description of a node that is reached below a root; for None the page that shows it."""
        from tui_registry.node.description import docs_page, document

        if root is None:
            return docs_page(document()).encode()
        servers: dict[str, Json] = {"servers": [{"url": root}]} if root else {}
        return _spelt({**document(), **servers})

    async def docs(request: Request) -> Response:
        return HTMLResponse(await queues.read(request.scope["client"], described, None), headers=HEADERS)

    async def openapi(request: Request) -> Response:
        root = request.scope["root_path"].rstrip("/")
        return Response(await queues.read(request.scope["client"], described, root), 200, None, _JSON)

    return [NodeRoute("/openapi.json", openapi), NodeRoute("/docs", docs)]
