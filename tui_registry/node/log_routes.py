"""The sync endpoints (see protocol.md, Sync): head, tiles, operations by hash, the log as digests of ranges, and pushes
where they are allowed; and the node's health and metrics.

They are bare ASGI, as other replicas ask for them all the time. What was told of the head is told again until something
is committed, and tiles lie packed, so that most answers cost no look into the database but whether it has changed.

The next question of a client may reach another node of the same hub (see protocol.md, Heads): what one of them
told of the log, this one follows to before it answers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol, TypeAlias
from weakref import WeakValueDictionary

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

import tui_registry
from tui_registry.crdt.sets import HASH_BYTES
from tui_registry.datastore import ApplyReport, Datastore, Head, StoreError
from tui_registry.durable import free_bytes
from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.node.following import Following
from tui_registry.node.limits import NodeBounds
from tui_registry.node.push_policy import Pusher, PushPolicy, Room
from tui_registry.node.queues import Client, Queues
from tui_registry.node.requests import etag_of, expect_members, is_held, read_body, read_json, tags, wanted_range, wrong
from tui_registry.node.responses import AtHand, NodeError, later, problem_of, wrong_method
from tui_registry.node.tokens import Tokens
from tui_registry.node.watch import Counts, Waiting, Watch, add, name_route
from tui_registry.present.found import Recommended
from tui_registry.present.pulls import report_json, tally_of
from tui_registry.sync import difference
from tui_registry.sync.comparing import Keys, RangeError, describe, read_question
from tui_registry.sync.packed import PackedTiles
from tui_registry.sync.recommended import spell_recommended
from tui_registry.sync.tiles import LogError, Span, Unpacker, etag_of_head, pack, spell_head, split
from tui_registry.text import size_bytes

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_log = logging.getLogger("tui_registry.node")
_Fields: TypeAlias = list[tuple[bytes, bytes]]
_FOREVER = b"public, max-age=31536000, immutable"
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_JSON = "application/json"
_NDJSON = "application/x-ndjson"
_GZIP = "application/gzip"
_OCTETS = "application/octet-stream"
# Of a hash, so many bytes or more name an operation.
_LEAST_START = 8
_QUESTION_BYTES = 1024
_REJECTIONS_TOLD = 100
_TILE_ROUTE = "/sync/{epoch}/entries/{name}"
# Bytes free on the disk below which a node that writes is not ready: it could soon not write any more.
_SPARE = 64 * 1024**2
# Before they are read, which takes long where they are thousands. The most that a path has is four.
_MOST_PARAMETERS = 64
_CONDITIONS = frozenset((b"if-none-match", b"range"))
_TAG_OF_HEAD = re.compile(r'"([0-9a-f]{32})\.(0|[1-9][0-9]{0,15})\.([0-9a-f]{16})"', re.ASCII)


class LogRoutes:
    """An ASGI app: `/sync/head`, the tiles, `/sync/peers`, `/sync/ops/get`, `/sync/reconcile`, `/sync/ops`, which
    answers 403 unless others may push, `/health`, `/health/live`, `/health/ready` and `/metrics`. Everything else is
    the other app's."""

    def __init__(
        self,
        other: ASGIApp,
        datastore: Datastore,
        tokens: Tokens,
        queues: Queues,
        *,
        policy: PushPolicy,
        bounds: NodeBounds,
        watch: Watch,
        metrics_are_open: bool,
        recommended: Sequence[Recommended],
        hub: Following | None,
    ) -> None:
        """
        Args:
            recommended: the peers that it names to whoever asks.
            metrics_are_open: to whoever comes without a token, as long as there is none for them.
            hub: whose log this node shares with others.
        """
        self._other = other
        self._is_shared = hub is not None
        heads: _Heads = _Kept(datastore, queues, _read_head) if hub is None else _Settled(datastore, queues, hub)
        self._heads = heads
        health = _Kept(datastore, queues, _read_health)
        self._tiles = _Tiles(datastore, heads, queues, bounds, hub)
        self._reading: dict[str, Callable[[Scope], Awaitable[ASGIApp]]] = {
            "/sync/head": heads.answer,
            "/sync/peers": _Recommending(recommended).answer,
            "/health": health.answer,
            "/health/live": _alive,
            "/health/ready": _Readiness(datastore, queues, watch, policy, hub).answer,
            "/metrics": _Metrics(datastore, tokens, queues, watch, policy, hub, metrics_are_open).answer,
        }
        self._asking: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/sync/ops/get": _ByHash(datastore, queues, bounds, hub).answer,
            "/sync/ops": _Pushes(datastore, queues, policy, bounds, watch, hub).answer,
            "/sync/difference": _Differing(datastore, heads, queues, bounds, hub).answer,
            "/sync/reconcile": _Reconciling(datastore, heads, queues, bounds, hub).answer,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except Exception as error:
            problem, is_ours = problem_of(error, scope)
            await problem(scope, receive, send)
            if is_ours:
                raise
            return
        await answer(scope, receive, send)

    def at_hand(self, scope: Scope) -> AtHand | None:
        """The head or a tile, where it is asked for as a whole and nothing has to be read for it; None else."""
        path = str(scope["path"])
        head = self._heads.at_hand()
        if head is None or any(name in _CONDITIONS for name, _ in scope["headers"]):
            return None
        if self._is_shared and _looks_past_caches(scope):
            return None
        if path == "/sync/head":
            known: _Known | None = head.known
        elif (tile := _tile_in(path)) is not None:
            known = self._tiles.at_hand(head.head, *tile)
            path = _TILE_ROUTE
        else:
            return None
        if known is None:
            return None
        name_route(scope, path)
        return known.at_hand()

    async def _answer(self, scope: Scope, receive: Receive) -> ASGIApp:
        if scope["type"] != "http":
            return self._other
        path = str(scope["path"])  # without the root path, which the doors have taken away
        if path in self._asking:
            name_route(scope, path)
            if scope["method"] != "POST":
                return wrong_method(["POST"], scope)
            return await self._asking[path](Request(scope, receive))
        tile = None
        if path not in self._reading and (tile := _tile_in(path)) is None:
            if scope["query_string"].count(b"&") >= _MOST_PARAMETERS:
                raise NodeError("parameter", f"no path takes more than {_MOST_PARAMETERS} parameters")
            return self._other
        name_route(scope, path if tile is None else _TILE_ROUTE)
        if scope["method"] not in ("GET", "HEAD"):
            return wrong_method(["GET", "HEAD"], scope)
        if tile is None:
            return await self._reading[path](scope)
        return _as_asked(scope, await self._tiles.find(scope["client"], *tile))


def _tile_in(path: str) -> tuple[str, str] | None:
    """The epoch and the name of a tile, where the path is one of a tile."""
    match path.split("/"):
        case ["", "sync", epoch, "entries", name] if epoch and name:
            return epoch, name
    return None


# Answers whose bytes are known


class _Known:
    """An ASGI app that answers with these bytes.

    Attributes:
        fields: the header but for what each answer has.
        etag: None where the caller cannot have it.
        in_parts: parts of it are given as well.
    """

    def __init__(
        self, body: bytes, fields: _Fields, media_type: str, *, etag: str | None = None, in_parts: bool = False
    ) -> None:
        self.body = body
        self.fields: _Fields = [*fields] if etag is None else [(b"etag", etag.encode()), *fields]
        self.etag = etag
        self.in_parts = in_parts
        self.media_type = media_type
        self._all = [
            *self.fields,
            *([(b"accept-ranges", b"bytes")] if in_parts else []),
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type.encode()),
        ]

    def at_hand(self) -> AtHand:
        return AtHand(self._all, self.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI app
        # Made anew for each: whoever stands outside may add to them.
        await send({"type": "http.response.start", "status": 200, "headers": [*self._all]})
        await send({"type": "http.response.body", "body": self.body})


def _as_asked(scope: Scope, known: _Known) -> ASGIApp:
    """The answer, the part of it that is asked for, or that the caller has it."""
    if known.etag is None or not any(name in _CONDITIONS for name, _ in scope["headers"]):
        return known
    request = Request(scope)
    headers = {name.decode(): value.decode() for name, value in known.fields}
    if is_held(request, known.etag):
        return Response(status_code=304, headers=headers)
    part = wanted_range(request, known.etag, len(known.body)) if known.in_parts else None
    if part is None:
        return known
    headers["accept-ranges"] = "bytes"
    headers["content-range"] = f"bytes {part[0]}-{part[1] - 1}/{len(known.body)}"
    return Response(known.body[part[0] : part[1]], 206, headers, known.media_type)


class _Recommending:
    """Whom the node names to others: the same as long as it runs."""

    def __init__(self, recommended: Sequence[Recommended]) -> None:
        self._known = _Known(spell_recommended(recommended), [(b"cache-control", b"max-age=300")], _JSON)

    async def answer(self, scope: Scope) -> ASGIApp:
        return _as_asked(scope, self._known)


# The head, and how the node is


class _Of(NamedTuple):
    """What is told of a head. `is_marked`: it may be told again, as it is remembered that it was."""

    head: Head
    known: _Known
    is_marked: bool = True


def _read_head(datastore: Datastore) -> _Of:
    head = datastore.log.signed_head()
    # Before anybody is told: a backup that is put back later must not be served under this epoch.
    unmarked = datastore.mark.note(head)
    fields = [(b"cache-control", _SHORTLY)]
    # As long as something of it is being made it is told anew each time: by the tag nobody would hear of the rest.
    etag = etag_of_head(head) if head.set else None
    return _Of(head, _Known(spell_head(head, ranges=True), fields, _JSON, etag=etag), unmarked is None)


def _read_health(datastore: Datastore) -> _Of:
    # To be asked how one is makes no key.
    head = datastore.log.head(make_key=False)
    told: Json = {
        "status": "ok",
        "version": tui_registry.__version__,
        "node": head.node,
        "ops": head.size,
        "conflicts": datastore.stats().conflicts,
    }
    return _Of(head, _Known(_spelt(told), [], _JSON))


class _Kept:
    """What was told last of the replica, told again until something is committed, by whatever process."""

    def __init__(self, datastore: Datastore, queues: Queues, read: Callable[[Datastore], _Of]) -> None:
        self._datastore = datastore
        self._queues = queues
        self._read = read
        self._last: tuple[int, _Of] | None = None

    async def answer(self, scope: Scope) -> ASGIApp:
        """The answer as it is now."""
        return _as_asked(scope, (await self._now(scope["client"])).known)

    async def head(self, client: Client) -> Head:
        """The head that the answer is of."""
        return (await self._now(client)).head

    async def told(self, client: Client) -> tuple[Head, bytes]:
        """The head that the answer is of, and the answer."""
        now = await self._now(client)
        return now.head, now.known.body

    def at_hand(self) -> _Of | None:
        """What was told last, where nothing was committed since."""
        if self._last is not None and self._last[0] == self._datastore.changes():
            return self._last[1]
        return None

    async def _now(self, client: Client) -> _Of:
        last = self.at_hand()
        return await self._queues.read(client, self._anew) if last is None else last

    def _anew(self) -> _Of:
        # Looked at first: what is committed while it is read makes it be read once more.
        changes = self._datastore.changes()
        told = self._read(self._datastore)
        if told.is_marked:
            self._last = changes, told
        return told


class _Heads(Protocol):
    """What is told of the log, as `_Kept` tells it."""

    async def answer(self, scope: Scope) -> ASGIApp: ...

    async def head(self, client: Client) -> Head: ...

    async def told(self, client: Client) -> tuple[Head, bytes]: ...

    def at_hand(self) -> _Of | None: ...


class _Settled:
    """The head of a log that other nodes share: one that they all have by now (`Following.settled`). Who knows more of
    it already, from another node, hears that he has it, and who looks past caches hears of the log as it is: so nobody
    takes a node that is a moment behind for one that was put back to an older copy."""

    def __init__(self, datastore: Datastore, queues: Queues, hub: Following) -> None:
        self._datastore = datastore
        self._queues = queues
        self._hub = hub
        self._last: _Of | None = None

    async def answer(self, scope: Scope) -> ASGIApp:
        client: Client = scope["client"]
        if _looks_past_caches(scope):
            await self._hub.reach_end()
            return _as_asked(scope, self._spelt(self._hub.latest()).known)
        now = self._now()
        held = self._held(scope, now.head)
        if held is not None:
            tag, size, digits = held
            # An older head would be taken for that of a log that was put back, where it cannot be told whether it is.
            is_here = await self._hub.reach(now.head.epoch, size)
            if is_here and await self._queues.read(client, self._begins, size, digits):
                return Response(status_code=304, headers={"etag": tag, "cache-control": _SHORTLY.decode()})
            now = self._now()
        return _as_asked(scope, now.known)

    async def head(self, client: Client) -> Head:  # noqa: ARG002 - as `_Kept`
        return self._now().head

    async def told(self, client: Client) -> tuple[Head, bytes]:  # noqa: ARG002 - as `_Kept`
        now = self._now()
        return now.head, now.known.body

    def at_hand(self) -> _Of | None:
        return self._now()

    def _now(self) -> _Of:
        head = self._hub.settled()
        if self._last is None or self._last.head is not head:
            self._last = self._spelt(head)
        return self._last

    def _spelt(self, head: Head) -> _Of:
        spelt = spell_head(head, ranges=True, store=self._hub.store)
        etag = etag_of_head(head) if head.set else None
        return _Of(head, _Known(spelt, [(b"cache-control", _SHORTLY)], _JSON, etag=etag))

    @staticmethod
    def _held(scope: Scope, head: Head) -> tuple[str, int, str] | None:
        """The tag of the longest log of this epoch that who asks has, where it is longer than what is told."""
        found = [
            (tag, int(match[2]), match[3])
            for tag in (one.removeprefix("W/") for one in tags(Headers(scope=scope).getlist("if-none-match")))
            if (match := _TAG_OF_HEAD.fullmatch(tag)) is not None and match[1] == head.epoch
        ]
        longest = max(found, key=lambda one: one[1], default=None)
        return None if longest is None or longest[1] <= head.size else longest

    def _begins(self, size: int, digits: str) -> bool:
        fingerprint = self._datastore.log.fingerprint_at(size)
        return fingerprint is not None and fingerprint.startswith(digits)


_SHORTLY = b"max-age=2"


def _looks_past_caches(scope: Scope) -> bool:
    """Whether the answer of nobody but the node is wanted (RFC 9111, section 5.2.1.4)."""
    return any(name == b"cache-control" and b"no-cache" in value.lower() for name, value in scope["headers"])


async def _alive(_scope: Scope) -> ASGIApp:
    """That the process answers, and nothing of its replica."""
    return _Known(b'{"status":"alive"}', [_UNKEPT], _JSON)


class _Readiness:
    """Whether the node should be asked, with the reasons why not: 200 or 503."""

    def __init__(
        self, datastore: Datastore, queues: Queues, watch: Watch, policy: PushPolicy, hub: Following | None
    ) -> None:
        self._datastore = datastore
        self._queues = queues
        self._watch = watch
        self._policy = policy
        self._hub = hub

    async def answer(self, scope: Scope) -> ASGIApp:
        """
        Raises:
            NodeError: `not_ready`, with all reasons; or as `Queues`, whose places being taken is a reason as well.
        """
        hindrances, room = [_CLOSING], None
        if not self._watch.is_closing:
            hindrances, room = await self._queues.read(scope["client"], self._look)
        if hindrances:
            told: list[Json] = [{"code": one.code, "sentence": one.sentence} for one in hindrances]
            said = "; ".join(one.sentence for one in hindrances)
            raise NodeError("not_ready", said, told={"reasons": told}, headers={"cache-control": "no-store"})
        # Reads are answered by a node that is full, too.
        left = 0 if room is None else max(0, room.most - room.taken)
        pushes: Json = {"from": self._policy.who, "bytes_left": left}
        ready: dict[str, Json] = {"status": "ready", "pushes": pushes}
        if self._hub is not None:
            standing = self._datastore.hub.standing()
            # Ready still where the hub is away: it answers reads, and no node of the hub could do more.
            ready["hub"] = {"standing": standing.code, "size": standing.size, "shared_size": standing.shared_size}
        return _Known(_spelt(ready), [_UNKEPT], _JSON)

    def _look(self) -> tuple[list[_Hindrance], Room]:
        found = []
        try:
            self._datastore.stats()
            share = self._datastore.indexed_share()
        except StoreError as error:
            # Its sentence may name files, so that it is the operator's alone.
            _log.error("%s: %s", error.code, error.sentence)
            found.append(_Hindrance(error.code, f"the replica cannot be read ({error.code})"))
        else:
            if share < 1:
                found.append(_Hindrance("index", f"the word index is made to {share:.0%}: searches find what is in it"))
        if self._hub is not None and not (standing := self._datastore.hub.standing()).is_ready:
            # Its sentence is in the node's own output: it may name machines.
            found.append(_Hindrance(standing.code, f"the node does not follow its hub ({standing.code})"))
        if self._hub is not None and self._datastore.key.known != self._datastore.hub.address:
            found.append(_Hindrance("hub_key", "the node signs with another key than the other nodes of its hub"))
        room = free_bytes(self._datastore.data_dir) or 0
        if room < _SPARE and not self._datastore.why_read_only:
            found.append(_Hindrance("disk", f"the disk has {size_bytes(room)} left"))
        return found, self._policy.room()


class _Hindrance(NamedTuple):
    code: str
    sentence: str


_UNKEPT = (b"cache-control", b"no-store")
_CLOSING = _Hindrance("closing", "the node was told to end")


class _Metrics:
    """What is counted, for those who may know how much is asked here."""

    def __init__(
        self,
        datastore: Datastore,
        tokens: Tokens,
        queues: Queues,
        watch: Watch,
        policy: PushPolicy,
        hub: Following | None,
        are_open: bool,
    ) -> None:
        self._datastore = datastore
        self._tokens = tokens
        self._queues = queues
        self._watch = watch
        self._policy = policy
        self._hub = hub
        self._are_open = are_open

    async def answer(self, scope: Scope) -> ASGIApp:
        """
        Raises:
            NodeError: `unauthorized`, `insufficient_scope`.
        """
        headers = Headers(scope=scope)
        client: Client = scope["client"]
        if self._tokens.allows(headers.get("authorization"), "metrics") is None:
            # A proxy on this machine that nobody told the node of asks for others.
            is_here = _is_here(client) and not any(name in headers for name in _OF_PROXIES)
            is_open = self._are_open and is_here and not await self._queues.read(client, self._has_token)
            if not is_open:
                raise NodeError(
                    "unauthorized",
                    "the metrics of this node need a bearer token: its operator makes one "
                    "('token add NAME --scope metrics')",
                )
        # The copy is made here, where nothing is counted meanwhile.
        counts, waiting = self._watch.together(self._queues.counts())
        spelt, media_type = await self._queues.read(client, self._told, counts, waiting, headers.get("accept", ""))
        return _Known(spelt, [_UNKEPT], media_type)

    def _has_token(self) -> bool:
        return any("metrics" in token.scopes for token in self._datastore.tokens.all())

    def _told(self, counts: Counts, waiting: dict[str, Waiting], accept: str) -> tuple[bytes, str]:
        from tui_registry.node.metrics import exposition  # for most nodes nobody asks

        seen = None if self._hub is None else self._hub.seen()
        return exposition(self._datastore, self._policy, counts, waiting, accept, self._watch.member, hub=seen)


# What proxies write into a request, and nobody else.
_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def _is_here(client: Client) -> bool:
    """Whether somebody on this machine asks, as far as one can see."""
    if client is None:
        return True
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


# Tiles


class _Tiles:
    """Packed tiles: the last ones used in memory, full ones beside the replica as well. A tile's content never changes
    within its epoch."""

    def __init__(
        self, datastore: Datastore, heads: _Heads, queues: Queues, bounds: NodeBounds, hub: Following | None
    ) -> None:
        self._datastore = datastore
        self._heads = heads
        self._queues = queues
        self._hub = hub
        self._packed = PackedTiles(datastore, bounds.tile_disk_bytes)
        self._limit = bounds.tile_cache_bytes
        self._kept: OrderedDict[tuple[str, Span], _Known] = OrderedDict()
        self._size = 0
        # Each there as long as somebody has it or waits for it.
        self._turns: WeakValueDictionary[tuple[str, Span], asyncio.Lock] = WeakValueDictionary()

    async def find(self, client: Client, epoch: str, name: str) -> _Known:
        """The tile.

        Raises:
            NodeError: `no_tile`: this log has no such tile (yet, or any more); `hub_behind`: another node of the hub
                may have it.
        """
        span = Span.from_name(name)
        if span is None:
            raise _no_tile()
        if self._hub is not None:
            has_it = await self._hub.reach(epoch, span.end)
        else:
            head = await self._heads.head(client)
            has_it = head.epoch == epoch and head.size >= span.end
        if not has_it:
            raise _no_tile()
        found = self._at_hand(epoch, span)
        if found is not None:
            return found
        # Who asks for what is being packed finds it kept afterwards.
        async with self._turns.setdefault((epoch, span), asyncio.Lock()):
            return self._at_hand(epoch, span) or self._keep(
                epoch, span, await self._queues.read(client, self._read, epoch, span)
            )

    def at_hand(self, head: Head, epoch: str, name: str) -> _Known | None:
        """The tile of the log with this head, where nobody has to be waited for to have it."""
        span = Span.from_name(name)
        if span is None or head.epoch != epoch or head.size < span.end:
            return None
        return self._at_hand(epoch, span)

    def _at_hand(self, epoch: str, span: Span) -> _Known | None:
        kept = self._kept.get((epoch, span))
        if kept is not None:
            self._kept.move_to_end((epoch, span))
            return kept
        found = self._packed.read_at_once(epoch, span.tile) if span.is_full else None
        return None if found is None else self._keep(epoch, span, _kept_tile(*found))

    def _read(self, epoch: str, span: Span) -> _Known:
        found = self._packed.read(epoch, span.tile) if span.is_full else None
        if found is not None:
            return _kept_tile(*found)
        lines = self._datastore.log.lines(span.start, span.end)
        # After the lines: a log that is rewritten in between has another epoch by now.
        if len(lines) != span.end - span.start or self._datastore.log.head().epoch != epoch:
            raise _no_tile()
        data = pack(lines)
        if span.is_full:
            self._packed.keep(epoch, span.tile, data)
        return _tile(data, etag_of(data))

    def _keep(self, epoch: str, span: Span, tile: _Known) -> _Known:
        former = self._kept.pop((epoch, span), None)  # somebody else found it beside the replica meanwhile
        self._kept[epoch, span] = tile
        self._size += _size_of(tile) - (0 if former is None else _size_of(former))
        while self._size > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self._size -= _size_of(dropped)
        return tile


def _size_of(tile: _Known) -> int:
    """Bytes in memory, about: of one operation there may be a tile, and of each tile hundreds of shorter ones."""
    return len(tile.body) + 1_500


def _tile(data: bytes, etag: str) -> _Known:
    return _Known(data, [(b"cache-control", _FOREVER)], "application/gzip", etag=etag, in_parts=True)


def _kept_tile(data: bytes, sha256: bytes) -> _Known:
    return _tile(data, f'"{sha256.hex()[:32]}"')


def _no_tile() -> NodeError:
    return NodeError("no_tile", "this log has no such tile: read /sync/head again")


# Operations by hash


class _ByHash:
    def __init__(self, datastore: Datastore, queues: Queues, bounds: NodeBounds, hub: Following | None) -> None:
        self._datastore = datastore
        self._queues = queues
        self._bounds = bounds
        self._hub = hub

    async def answer(self, request: Request) -> Response:
        bounds = self._bounds
        if request.headers.get("content-type") == _OCTETS:
            return await self._raw(request)
        body = await read_json(request, bounds.question_bytes, bounds, self._queues)
        hashes = expect_members(body, "hashes").get("hashes")
        if not isinstance(hashes, list) or len(hashes) > bounds.hashes:
            raise wrong("hashes", f"must be a list of at most {bounds.hashes:,} hashes")
        wanted = [item for item in hashes if isinstance(item, str) and _HASH.fullmatch(item)]
        if len(wanted) != len(hashes):
            raise wrong("hashes", "must hold hashes of 64 lower-case hex digits and nothing else")
        await self._follow(request, [bytes.fromhex(item) for item in wanted])
        read = self._datastore.log.by_hash
        lines = await self._queues.read(request.scope["client"], read, wanted, bounds.answer_bytes)
        return Response(b"".join(line + b"\n" for line in lines), 200, None, _NDJSON)

    async def _raw(self, request: Request) -> Response:
        """By what their hashes begin with, packed as tiles are."""
        bounds = self._bounds
        body = await read_body(request, 1 + bounds.hashes * HASH_BYTES, bounds)
        width = body[0] if body else 0
        if not _LEAST_START <= width <= HASH_BYTES or (len(body) - 1) % width:
            raise NodeError(
                "bad_body",
                f"the body must be a byte, {_LEAST_START} to {HASH_BYTES}, and as many bytes of each hash as it says",
            )
        starts = [body[at : at + width] for at in range(1, len(body), width)]
        if len(starts) > bounds.hashes:
            raise NodeError("too_large", f"at most {bounds.hashes:,} operations are given at once: ask for fewer")
        await self._follow(request, starts)
        packed = await self._queues.read(request.scope["client"], self._packed, starts)
        return Response(packed, 200, None, _GZIP)

    async def _follow(self, request: Request, starts: list[bytes]) -> None:
        """Follow the hub where another node may have told of what is not here."""
        if self._hub is not None and not await self._queues.read(
            request.scope["client"], self._datastore.log.has_all, starts
        ):
            await self._hub.follow_once()

    def _packed(self, starts: list[bytes]) -> bytes:
        return pack(self._datastore.log.beginning(starts, self._bounds.answer_bytes))


# Pushes


class _Pushes:
    def __init__(
        self,
        datastore: Datastore,
        queues: Queues,
        policy: PushPolicy,
        bounds: NodeBounds,
        watch: Watch,
        hub: Following | None,
    ) -> None:
        self._hub = hub
        self._watch = watch
        self._datastore = datastore
        self._queues = queues
        self._policy = policy
        self._bounds = bounds
        self._unchecked = _Unchecked(bounds)

    async def answer(self, request: Request) -> Response:
        try:
            return await self._answered(request)
        except NodeError as error:
            add(self._watch.counts.refused_pushes, error.code)
            raise

    async def _answered(self, request: Request) -> Response:
        client: Client = request.scope["client"]
        pusher = self._policy.pusher(None if client is None else client[0], request.headers.get("authorization"))
        # Before it has sent what would not be taken.
        await self._queues.read(client, self._policy.expect_ration, pusher)
        with self._unchecked.coming(pusher.source) as coming:
            # Its turn comes after its body: who sends slowly keeps nobody waiting.
            body = await coming.whole(request)
            is_packed = request.headers.get("content-type") == _GZIP
            report, epoch = await self._queues.push(client, self._push, body, pusher, is_packed)
        for outcome, number in tally_of(report).counts().items():
            if outcome != "conflicts":
                add(self._watch.counts.pushed, outcome, number)
        told = report_json(report, _REJECTIONS_TOLD, self._bounds.hashes)
        told["left_out_for"] = dict(report.left_out.items())
        told["appended"] = {"epoch": epoch, "ranges": [[start, stop] for start, stop in report.appended]}
        return Response(json.dumps(told, ensure_ascii=False).encode(), 200, None, _JSON)

    def _push(self, body: bytes, pusher: Pusher, is_packed: bool) -> tuple[ApplyReport, str]:
        bounds = self._bounds
        if is_packed:
            # Never more of it than a push may be: what unpacks to more is not looked at.
            unpacker = Unpacker(bounds.push_bytes)
            try:
                unpacker.feed(body)
                body = unpacker.whole()
            except LogError as error:
                code = "too_large" if error.code == "too_large" else "no_operations"
                raise NodeError(code, f"the body {error.reason}") from None
        # Not left to `split`, as too many lines are not malformed: the caller can send them in two pushes.
        if body.count(b"\n") > bounds.push_lines:
            raise NodeError(
                "too_large", f"a push takes at most {bounds.push_lines:,} operations: send the rest in another"
            )
        try:
            lines = split(body, bounds.push_lines)
        except LogError as error:
            raise NodeError("no_operations", f"the body {error.reason}: send one operation a line") from None
        # Others may have filled it since.
        with (
            self._policy.taking(pusher, len(lines), len(body)),
            nullcontext() if self._hub is None else self._hub.turn(),
        ):
            # A log that is rewritten between these two has another epoch, under which nobody has a cursor yet.
            epoch = self._datastore.log.head(make_key=False).epoch
            return self._datastore.apply(lines, source=pusher.source, ration=self._policy.ration()), epoch


class _Unchecked:
    """The bodies of pushes that come in or wait for their turn. Who is slow, or has many, makes way for others."""

    def __init__(self, bounds: NodeBounds) -> None:
        self._bounds = bounds
        # In the order in which they began.
        self._coming: dict[_Coming, None] = {}

    @contextmanager
    def coming(self, source: str) -> Iterator[_Coming]:
        """A body, counted until the block ends."""
        one = _Coming(self, source, self._bounds)
        self._coming[one] = None
        try:
            yield one
        finally:
            del self._coming[one]

    def make_room(self, one: _Coming, count: int) -> None:
        """Raises NodeError: `busy`: there is no room for so many more bytes of it."""
        most = self._bounds.unchecked_bytes
        if sum(other.size for other in self._coming if other.source == one.source) + count > most // 2:
            raise later("busy", "much that was pushed from your address is not checked yet", 5)
        lacking = sum(other.size for other in self._coming) + count - most
        if lacking <= 0:
            return
        begun_before = asyncio.get_running_loop().time() - self._bounds.unchecked_seconds
        ending: list[_Coming] = []
        for other in self._coming:
            if lacking > 0 and other is not one and other.is_coming and other.size and other.since <= begun_before:
                ending.append(other)
                lacking -= other.size
        if lacking > 0:  # and nobody ends, as that would not make room enough
            raise later("busy", "much that was pushed is not checked yet", 5)
        for other in ending:
            other.end()


class _Coming:
    """The body of a push, while it comes in.

    Attributes:
        since: when it began. size: bytes that are in.
        is_coming: some of it is not in yet, and it need not make way.
    """

    def __init__(self, all_of_them: _Unchecked, source: str, bounds: NodeBounds) -> None:
        self.source = source
        self.since = asyncio.get_running_loop().time()
        self.size = 0
        self.is_coming = False
        self._all = all_of_them
        self._bounds = bounds
        self._timeout = asyncio.timeout(None)

    async def whole(self, request: Request) -> bytes:
        """The body.

        Raises:
            NodeError: as `read_body`; `busy`: there is no room for it, or not any longer.
        """
        self.is_coming = True
        try:
            async with self._timeout:
                return await read_body(request, self._bounds.push_bytes, self._bounds, self._came)
        except TimeoutError:
            if not self._timeout.expired():
                raise
            raise later("busy", "others need the room of what comes in so slowly", 5) from None
        finally:
            self.is_coming = False

    def end(self) -> None:
        """Make way for another: it counts no longer, and nor does what still comes until it has ended."""
        self.is_coming = False
        self.size = 0
        self._timeout.reschedule(0)

    def _came(self, count: int) -> None:
        if self.is_coming:
            self._all.make_room(self, count)
            self.size += count


# Comparing


class _Differing:
    """Answers from what is kept with the log, by epoch and size: it remembers nothing from one question to the next."""

    def __init__(
        self, datastore: Datastore, heads: _Heads, queues: Queues, bounds: NodeBounds, hub: Following | None
    ) -> None:
        self._datastore = datastore
        self._heads = heads
        self._queues = queues
        self._bounds = bounds
        self._hub = hub

    async def answer(self, request: Request) -> Response:
        body = await read_json(request, _QUESTION_BYTES, self._bounds, self._queues)
        try:
            asked = difference.read_question(expect_members(body, *difference.QUESTION_MEMBERS))
        except difference.QuestionError as error:
            raise wrong(error.path, str(error)) from None
        client: Client = request.scope["client"]
        head, spelt = await self._heads.told(client)
        if self._hub is not None and asked.epoch is not None and asked.size is not None:
            # Of a log as another node may have told it.
            await self._hub.reach(asked.epoch, asked.size)
            head = self._hub.latest()
        queue = self._queues.read if difference.is_at_hand(asked, head) else self._queues.search
        try:
            told, data = await queue(client, difference.answer, self._datastore, head, asked)
        except difference.QuestionError as error:
            if error.code == "type":
                raise wrong(error.path, str(error)) from None
            raise NodeError(error.code, str(error)) from None
        line = _spelt(told)
        if asked.epoch is None:
            line = b'{"head":' + spelt + b"," + line[1:]
        return Response(line + b"\n" + data, 200, None, _OCTETS)


class _Reconciling:
    """Answers from snapshots of the log's keys, each named by its epoch and its size, so that any process of this
    replica can make it. A new one is made only once the log has grown by an eighth, and one that another process named
    only as far as that takes a small part of the time: asking often cannot make a node sort its log often. What came
    since, a peer reads from the tiles."""

    def __init__(
        self, datastore: Datastore, heads: _Heads, queues: Queues, bounds: NodeBounds, hub: Following | None
    ) -> None:
        self._datastore = datastore
        self._heads = heads
        self._queues = queues
        self._bounds = bounds
        self._hub = hub
        # The latest one, and the one before, about which somebody may still ask.
        self._kept: list[_Snapshot] = []
        self._making = asyncio.Lock()
        # When the next one that another process named may be made.
        self._again = 0.0

    async def answer(self, request: Request) -> Response:
        body = await read_json(request, self._bounds.question_bytes, self._bounds, self._queues)
        known = ("epoch", "size", "ranges")
        epoch, size, ranges = map(expect_members(body, *known).get, known)
        if not isinstance(epoch, str):
            raise wrong("epoch", "must be text")
        if size is not None and type(size) is not int:
            raise wrong("size", "must be a whole number, or be left out")
        try:
            asked = read_question(ranges)
        except RangeError as error:
            raise wrong("ranges", str(error)) from None
        client: Client = request.scope["client"]
        snapshot = await self._snapshot(client, epoch, size)
        return await self._queues.read(client, _described, snapshot.keys, asked)

    async def _snapshot(self, client: Client, epoch: str, size: Json) -> _Snapshot:
        """The snapshot that a question is about; a question without a size takes the latest."""
        head = await self._heads.head(client)
        if self._hub is not None and type(size) is int:
            await self._hub.reach(epoch, size)
            head = self._hub.latest()
        if head.epoch != epoch:
            raise _moved()
        if head.size > self._bounds.reconcile_ops:
            raise NodeError("not_offered", "this log is too long to be compared: read its tiles")
        if type(size) is int:
            return self._named(epoch, size) or await self._made_elsewhere(client, head, size)
        kept = self._kept[0] if self._kept else None
        if kept is not None and kept.epoch == epoch and head.size - kept.keys.size <= kept.keys.size // 8:
            return kept
        if self._making.locked():
            raise self._busy()
        async with self._making:
            return self._keep(await self._queues.search(client, self._make, None))

    async def _made_elsewhere(self, client: Client, head: Head, size: int) -> _Snapshot:
        """The snapshot that another process made, made here."""
        if not head.size // 2 <= size <= head.size:  # no comparison takes so long
            raise _moved()
        async with self._making:
            found = self._named(head.epoch, size)
            if found is not None:
                return found
            began = time.monotonic()
            if began < self._again:
                raise self._busy()
            made = await self._queues.search(client, self._make, size)
            ended = time.monotonic()
            self._again = ended + _PART_FOR_OTHERS * (ended - began)
            if made.epoch != head.epoch:
                raise _moved()
            return self._keep(made)

    def _named(self, epoch: str, size: int) -> _Snapshot | None:
        return next((kept for kept in self._kept if (kept.epoch, kept.keys.size) == (epoch, size)), None)

    def _keep(self, made: _Snapshot) -> _Snapshot:
        self._kept = sorted([made, *self._kept], key=lambda kept: kept.keys.size, reverse=True)
        self._kept = [kept for kept in self._kept if kept.epoch == made.epoch][:2]
        return made

    def _make(self, size: int | None) -> _Snapshot:
        head, packed = self._datastore.log.keys(size)
        return _Snapshot(head.epoch, Keys(packed))

    @staticmethod
    def _busy() -> NodeError:
        return NodeError("busy", "the log is being looked through just now: try again in a little while")


# One that another process named is made in the (n + 1)th part of the time, at most.
_PART_FOR_OTHERS = 4


def _moved() -> NodeError:
    return NodeError("no_log", "this log is another one by now: read /sync/head again")


class _Snapshot(NamedTuple):
    epoch: str
    keys: Keys


def _described(keys: Keys, asked: list[tuple[bytes, bytes | None]]) -> Response:
    told: Json = {
        "size": keys.size,
        "fingerprint": keys.fingerprint,
        "ranges": [describe(keys, low, high) for low, high in asked],
    }
    return Response(_spelt(told), 200, None, _JSON)


def _spelt(tree: Json) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
