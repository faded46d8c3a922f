"""How answers leave a node: errors as problem+json (RFC 9457), with the codes and sentences of the rest of the house;
every answer begun in time, sent a piece at a time as its reader takes it, and bounded together with the others."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match

from tui_registry.errors import InvalidRecord, Json, Problem, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.node.limits import PIECE, NodeBounds, place_of
from tui_registry.node.page_frame import HEADERS, is_page, refusal_page

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("tui_registry.node")

# What a caller can do something about. Everything else is the operator's, and its sentence may name files.
_STATUS = {
    "not_found": 404,
    "no_manifest": 404,
    "ambiguous": 400,
    "not_owner": 403,
    "already_registered": 409,
    "changed": 409,
    "conflict": 409,
    "no_conflict": 409,
    "invalid": 422,
    "query": 400,
    "document": 400,
    "limit": 422,
    "bad_host": 400,
    "unknown_host": 421,
    "foreign_origin": 403,
    "unauthorized": 401,
    "insufficient_scope": 403,
    "push_off": 403,
    "too_large": 413,
    "too_slow": 408,
    "encoded": 415,
    "media_type": 415,
    "parameter": 400,
    "idempotency_key": 400,
    "in_flight": 409,
    "key_reused": 422,
    "bad_id": 400,
    "event_id": 400,
    "bad_body": 400,
    "no_operations": 400,
    "no_tile": 404,
    "no_log": 404,
    "no_range": 416,
    "not_offered": 501,
    "interrupted": 503,
    "not_ready": 503,
    "locked": 503,
    "busy": 503,
    "too_many": 429,
    "ration": 429,
    "header_too_large": 431,
    "hub_away": 503,
    "hub_behind": 503,
    "hub_busy": 503,
    "hub_newer": 503,
    "hub_other": 503,
    "hub_view": 403,
    "outcome_unknown": 503,
    "disk_full": 507,
    "read_only": 403,
    "full": 507,
}
_KEPT_BACK = "the node cannot do this now. Its operator finds the reason in the node's own output"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# Seconds: the longest time that anybody is sent away for.
_LATEST = 30
_OPERATORS = frozenset(
    ("locked", "disk_full", "read_only", "hub_away", "hub_busy", "hub_newer", "hub_other", "hub_view")
)
# For what an operator may mean to be so, and for what passes. Their own sentences may name machines.
_KEPT_BACK_OF = {
    "read_only": "this node's replica can only be read, and nothing can be written to it. Its operator finds the "
    "reason in the node's own output",
    "hub_away": "the log that this node shares with others cannot be reached just now: nothing was written, and what "
    "is here can be read. Try again later",
    "hub_busy": "others write to the log that this node shares with them: nothing was written. Try again",
    "hub_newer": "a later version of the program writes the log that this node shares with others: nothing was "
    "written. Ask another node, or try again later",
    "hub_other": "this node does not follow the log that it shares with others any more: nothing was written. Its "
    "operator finds the reason in the node's own output",
    "hub_view": "this node's replica is a view of a log that it was started without: nothing was written. Its operator "
    "finds the reason in the node's own output",
}


class NodeError(RegistryError):
    """A request that the node refuses, or a node that cannot start.

    Attributes:
        status: where it is not the one of the code.
        told: members of the answer beside those that every problem has.
        headers: of the answer, likewise.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        status: int | None = None,
        told: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, sentence)
        self.status = status
        self.told = dict(told or {})
        self.headers = dict(headers or {})


def status_of(code: str) -> int:
    """The status that a code comes with unless its error says another."""
    return _STATUS.get(code, 500)


def problem(
    status: int,
    code: str,
    sentence: str,
    problems: Iterable[Problem] = (),
    headers: Mapping[str, str] | None = None,
    told: Mapping[str, Json] | None = None,
) -> Response:
    """A problem+json answer (RFC 9457): `code`, `problems` and what is `told` are our members. Where a page was asked
    for it is a page."""
    tree: dict[str, Json] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": sentence,
        **(told or {}),
    }
    listed: list[Json] = [found.to_json() for found in problems]
    if listed:
        tree["problems"] = listed
    return _Refusal(tree, status, dict(headers or {}))


def later(code: str, why: str, seconds: float) -> NodeError:
    """A refusal of what the node takes later: after so many seconds, as far as one can say."""
    after = min(max(math.ceil(seconds), 1), _LATEST)
    return NodeError(code, f"{why}: try again in {after} s", headers={"retry-after": str(after)})


def wrong_method(methods: Iterable[str], scope: Scope) -> Response:
    """The answer to a method that a path does not take."""
    allow = {"allow": ", ".join(methods)}
    return problem(405, "method", f"this path does not take that method: see {_docs(scope)}", headers=allow)


def _docs(scope: Scope) -> str:
    return f"{scope.get('root_path', '')}/docs"


def problem_of(error: Exception, scope: Scope) -> tuple[Response, bool]:
    """The answer to what was raised beside the app, and whether it is a fault of ours: the server has to hear of it."""
    request = Request(scope)
    if isinstance(error, RegistryError):
        return of_error(error), False
    if isinstance(error, ClientDisconnect):
        return _gone(request, error), False
    return _unforeseen(request, error), True


def answer_with_problems(app: Starlette) -> None:
    """Let every error of the app be a problem+json answer, without a traceback or a path."""
    app.add_exception_handler(RegistryError, _registry_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unforeseen)


def of_error(error: RegistryError) -> Response:
    """The answer to a declared error."""
    status, told, more = _STATUS.get(error.code), None, dict[str, str]()
    if isinstance(error, NodeError):
        status, told, more = error.status or status, error.told, error.headers
    if status is None or error.code in _OPERATORS:
        _log.error("%s: %s", error.code, error.sentence)
        again = {"retry-after": "5"} if status == 503 else {}
        return problem(status or 500, error.code, _KEPT_BACK_OF.get(error.code, _KEPT_BACK), headers=again)
    headers = {"www-authenticate": "Bearer"} if status == 401 else {"retry-after": "5"} if status == 503 else {}
    found = error.problems if isinstance(error, InvalidRecord) else ()
    return problem(status, error.code, error.sentence, found, {**headers, **more}, told)


class AtHand(NamedTuple):
    """An answer of 200 whose bytes are known without waiting for anything. `fields`: its header, but for the date."""

    fields: list[tuple[bytes, bytes]]
    body: bytes


class PacedAnswers:
    """An ASGI app around the node's own, for servers whose `send` waits until the piece before is taken, and which
    close what an app leaves half answered.

    How long a reader takes for a piece is bounded by the server. How long it takes for a whole answer is bounded only
    while another answer lacks room: an honest reader on a bad line may need an hour for a large tile, and a bound would
    not stop anybody who only wants to hold a connection, as he could go on asking for something small.
    """

    def __init__(self, app: ASGIApp, bounds: NodeBounds) -> None:
        self._app = app
        self._seconds = bounds.request_seconds
        self._unsent = _Unsent(bounds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        place = place_of(scope["client"][0] if scope["client"] else None) or ""
        start: Message | None = None
        begun = refused = False

        async def paced(message: Message) -> None:
            nonlocal start, begun, refused
            if message["type"] == "http.response.start":
                start = message  # kept back until it is known that there is room for what follows
                return
            if refused:
                return
            deadline.reschedule(None)
            # HEAD is answered by the start alone: the server leaves the body out, so it needs no room.
            body: bytes = b"" if scope["method"] == "HEAD" else message.get("body", b"")
            refused = not begun and not self._unsent.make_room(body, place)
            if refused:
                await of_error(_CROWDED)(scope, receive, send)
                return
            with self._unsent.holding(body, deadline, place):
                if start is not None and not begun:
                    await send(start)
                    begun = True
                for piece in _pieces(message, body):
                    await send(piece)
                    if piece.get("more_body"):
                        # A write that fails is told to the server in the loop's next turn.
                        await asyncio.sleep(0)

        async def heard() -> Message:
            message = await receive()
            # A body takes the time that it takes, within its own bounds.
            if message["type"] == "http.request" and not begun and not deadline.expired():
                deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)
            return message

        try:
            async with asyncio.timeout(self._seconds) as deadline:
                await self._app(scope, heard, paced)
        except TimeoutError:
            if not deadline.expired():
                raise
            if not begun:
                await of_error(_LATE)(scope, receive, send)


# How: problems


class _Refusal(Response):
    def __init__(self, tree: dict[str, Json], status: int, headers: dict[str, str]) -> None:
        super().__init__(json.dumps(tree), status, headers, MEDIA_TYPE)
        self._tree = tree
        self._told = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_page(scope):
            await super().__call__(scope, receive, send)
            return
        html = refusal_page(self._tree, scope.get("root_path", ""))
        await HTMLResponse(html, self.status_code, {**HEADERS, **self._told})(scope, receive, send)


def _registry_error(request: Request, error: Exception) -> Response:
    return of_error(error) if isinstance(error, RegistryError) else _unforeseen(request, error)


def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _unforeseen(request, error)
    if error.status_code == 404:
        return problem(404, "no_route", f"there is nothing at this path: {_docs(request.scope)} lists what there is")
    if error.status_code == 405:
        # Starlette names the methods of the first route that has the path; each of ours has one method.
        return wrong_method(_methods_of(request), request.scope)
    return problem(error.status_code, f"http_{error.status_code}", HTTPStatus(error.status_code).phrase)


def _methods_of(request: Request) -> list[str]:
    routes: list[BaseRoute] = request.app.routes
    scopes = [{**request.scope, "method": method} for method in _METHODS]
    return [scope["method"] for scope in scopes if any(route.matches(scope)[0] is Match.FULL for route in routes)]


def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's interface
    return problem(400, "bad_body", "the connection ended before the body did")


def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("unforeseen error in %s %s", request.method, request.url.path, exc_info=error)
    # Starlette raises the error again, and the server then drops the connection: the caller must not use it again.
    return problem(500, "internal", _KEPT_BACK, headers={"connection": "close"})


# How: pacing


_LATE = NodeError("busy", "the node could not answer in time: try again later")
_CROWDED = NodeError("busy", "many large answers wait for their readers just now: try again in a little while")


@dataclass(frozen=True, slots=True)
class _Held:
    body: bytes
    since: float
    # Each with the place that it reads from.
    readers: dict[asyncio.Timeout, str]


class _Unsent:
    """The bodies that wait for their readers. Those of one piece do not count: each connection may hold as much.

    One that several wait for, such as a kept tile, counts once, and from when the first of them came: to ask for it
    again and again does not keep its room.
    """

    def __init__(self, bounds: NodeBounds) -> None:
        self._limit = bounds.unsent_bytes
        self._turn = bounds.turn_seconds
        # By identity; what was asked for the longest ago stands first.
        self._held: dict[int, _Held] = {}

    def make_room(self, body: bytes, place: str) -> bool:
        """Whether the body may wait as well. Where room is lacking, bodies that had their time are ended for it, and
        then those of who holds most, while he holds more than this place will."""
        if len(body) <= PIECE or id(body) in self._held:
            return True
        lacking = sum(len(held.body) for held in self._held.values()) + len(body) - self._limit
        begun_before = asyncio.get_running_loop().time() - self._turn
        ending: dict[int, _Held] = {}
        had_their_time = (held for held in self._held.values() if held.since <= begun_before)
        for held in chain(had_their_time, self._of_who_holds_most(place, len(body))):
            if lacking <= 0:
                break
            if id(held) not in ending:
                ending[id(held)] = held
                lacking -= len(held.body)
        if lacking > 0:
            return False  # and nobody ends, as that would not make room enough
        for held in ending.values():
            del self._held[id(held.body)]
            for reader in held.readers:
                reader.reschedule(0)
        return True

    def _of_who_holds_most(self, place: str, size: int) -> Iterator[_Held]:
        """What others may end for so many bytes of this place: nothing that several places read."""
        held_by: dict[str, list[_Held]] = {}
        for held in self._held.values():
            reading = {*held.readers.values()}
            if len(reading) == 1:
                held_by.setdefault(reading.pop(), []).append(held)
        sizes = {one: sum(len(held.body) for held in bodies) for one, bodies in held_by.items()}
        most = max(sizes, key=lambda one: sizes[one], default=place)
        left = sizes.get(most, 0)
        for held in held_by.get(most, ()):
            if most == place or left <= sizes.get(place, 0) + size:
                return
            yield held
            left -= len(held.body)

    @contextmanager
    def holding(self, body: bytes, reader: asyncio.Timeout, place: str) -> Iterator[None]:
        """Count the body; the reader expires where it has to make way."""
        if len(body) <= PIECE:
            yield
            return
        held = self._held.pop(id(body), None) or _Held(body, asyncio.get_running_loop().time(), {})
        self._held[id(body)] = held
        held.readers[reader] = place
        try:
            yield
        finally:
            del held.readers[reader]
            if not held.readers and self._held.get(id(body)) is held:
                del self._held[id(body)]


def _pieces(message: Message, body: bytes) -> Iterator[Message]:
    last = max(len(body) - 1, 0) // PIECE * PIECE
    for at in range(0, last, PIECE):
        yield {**message, "body": body[at : at + PIECE], "more_body": True}
    yield {**message, "body": body[last:]}
