"""What the operator of a node sees of it: each request as a line of the journal, where one is kept, and all of them as
counts (`metrics` spells those)."""

from __future__ import annotations

import json
import logging
import marshal
import re
import select
import time
import traceback
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Final, Literal, TextIO, TypeAlias, TypeVar

from starlette.routing import Route

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.node.responses import AtHand
from tui_registry.node.shared import Member
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_Key = TypeVar("_Key")
LogFormat: TypeAlias = Literal["json", "text"]
Level: TypeAlias = Literal["info", "warning", "error"]

# What stands for a path that is none of the node's, or that was refused before it was looked at.
UNMATCHED: Final = "unmatched"
# Upper bounds of the histogram, in seconds: from what is told from memory to what waits for a queue.
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# Whoever asks may name any method; as labels there are so many.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_ROUTE = "tui_registry.route"
# What a burst of lines may wait for its reader.
_PATIENCE_MS = 100
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def name_route(scope: Scope, template: str) -> None:
    """Say which route a request is of, where no route of Starlette's says so."""
    scope[_ROUTE] = template


class Seen(NamedTuple):
    """A request that was answered, or not.

    Attributes:
        route: its template, never its path.
        status: 0 where nothing was answered.
        seconds: from its headers until the last piece of the answer was taken.
        sent: bytes of the answer's body.
        client: the address of who asked, None where nobody knows it.
    """

    request_id: str
    method: str
    route: str
    status: int
    seconds: float
    sent: int
    client: str | None


class Counts:
    """What was counted since the node began, by labels of which there are only so many: never by paths or clients.

    It belongs to the event loop; `copy` is for a thread.

    Attributes:
        requests: by route, method and status. seconds: by route, so many up to each of `BUCKETS` and beyond, and the
            sum. sent: bytes of bodies, by route. in_flight: being answered.
        unreadable: what was refused before it was a request, by code.
        connections: open ones. refused: those that there was no place for. handshakes: of TLS, that failed.
        pushed: operations that others offered, by outcome. refused_pushes: those that were not looked at, by code.
        turns: of a hub's log that were taken to write, by outcome. turn_seconds: how long they took, together. These
            two belong to whoever takes turns (`Following`).
    """

    def __init__(self) -> None:
        self.began = time.time()
        self.requests: dict[tuple[str, str, int], int] = {}
        self.seconds: dict[str, tuple[list[int], list[float]]] = {}
        self.sent: dict[str, int] = {}
        self.in_flight = 0
        self.unreadable: dict[str, int] = {}
        self.connections = self.refused = self.handshakes = 0
        self.pushed: dict[str, int] = {}
        self.refused_pushes: dict[str, int] = {}
        self.turns: dict[str, int] = {}
        self.turn_seconds = 0.0

    def include(self, other: Counts) -> None:
        """Count what another worker of the node has counted, too."""
        self.began = min(self.began, other.began)
        for mine, theirs in (
            (self.sent, other.sent),
            (self.unreadable, other.unreadable),
            (self.pushed, other.pushed),
            (self.refused_pushes, other.refused_pushes),
            (self.turns, other.turns),
        ):
            for key, number in theirs.items():
                add(mine, key, number)
        for route, number in other.requests.items():
            add(self.requests, route, number)
        for label, (many, (total,)) in other.seconds.items():
            known = self.seconds.setdefault(label, ([0] * len(many), [0.0]))
            known[0][:] = map(sum, zip(known[0], many, strict=True))
            known[1][0] += total
        self.in_flight += other.in_flight
        self.connections += other.connections
        self.refused += other.refused
        self.handshakes += other.handshakes
        self.turn_seconds += other.turn_seconds

    def add(self, seen: Seen) -> None:
        """Count a request."""
        method = seen.method if seen.method in _METHODS else "other"
        add(self.requests, (seen.route, method, seen.status))
        known = self.seconds.get(seen.route)
        if known is None:
            known = self.seconds[seen.route] = [0] * (len(BUCKETS) + 1), [0.0]
        known[0][bisect_left(BUCKETS, seen.seconds)] += 1
        known[1][0] += seen.seconds
        add(self.sent, seen.route, seen.sent)

    def copy(self) -> Counts:
        """The counts as they are now."""
        copied = Counts()
        copied.__dict__.update(self.__dict__)
        copied.requests, copied.sent = {**self.requests}, {**self.sent}
        copied.unreadable, copied.pushed = {**self.unreadable}, {**self.pushed}
        copied.refused_pushes, copied.turns = {**self.refused_pushes}, {**self.turns}
        copied.seconds = {route: ([*many], [*total]) for route, (many, total) in self.seconds.items()}
        return copied


class Waiting(NamedTuple):
    """How a line for threads stands (`queues`), and what came of those who waited in it since the node began.

    Attributes:
        running, waiting: now. waited: how many had to wait and got their turn, for so many seconds together.
        refused: those who did not, by code.
    """

    running: int
    waiting: int
    waited: int
    seconds: float
    refused: dict[str, int]


def add(counts: MutableMapping[_Key, int], key: _Key, number: int = 1) -> None:
    """Count so many more."""
    counts[key] = counts.get(key, 0) + number


class Journal:
    """Lines for whoever operates the node, one for each event. A line that cannot be written is lost, and nothing else:
    a reader who stands still (a terminal at Ctrl-S, a pipe) is waited for once, and told how many he missed.

    What strangers wrote stands in them escaped (JSON) or as `safe_text` has it. Neither what they asked for nor what
    they showed to be let in stands in them at all.

    Attributes:
        worker: the number of the one that writes, where a node has several.
    """

    def __init__(self, form: LogFormat, stream: TextIO) -> None:
        self.worker: int | None = None
        self._form = form
        self._stream = stream
        self._lost = 0

    def request(self, seen: Seen) -> None:
        """Write that a request was answered."""
        level: Level = "error" if seen.status in (0, 500) else "warning" if seen.status > 500 else "info"
        method = safe_text(seen.method, 32)
        if self._form == "json":
            self._write_json(
                level,
                {
                    "event": "request",
                    "request_id": seen.request_id,
                    "method": method,
                    "route": seen.route,
                    "status": seen.status or None,
                    "duration": round(seen.seconds, 6),
                    "bytes": seen.sent,
                    "client": seen.client,
                },
            )
            return
        took = f"{seen.seconds * 1000:.1f} ms"
        what = f"{seen.status or 'no answer'} {method} {seen.route} {took} {seen.sent} B"
        self._write(f"{_now()} {level} {what} {seen.client or '-'} {seen.request_id}\n")

    def say(self, event: str, sentence: str, level: Level = "info", **told: Json) -> None:
        """Write that something happened to the node itself."""
        if self._form == "json":
            self._write_json(level, {"event": event, "message": sentence, **told})
        else:
            self._write(f"{_now()} {level} {self._who}{safe_text(sentence)}\n")

    def note(self, sentence: str) -> None:
        """Write what a command has to say while the node runs."""
        self.say("note", sentence)

    @contextmanager
    def taking_logs(self) -> Iterator[None]:
        """Let what parts of the program log as a warning or worse be lines of the journal until the block ends."""
        root, handler = logging.getLogger(), _Handler(self)
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)

    def fault(self, level: Level, sentence: str, trace: str) -> None:
        """Write what a part of the program logged."""
        if self._form == "json":
            self._write_json(level, {"event": "log", "message": sentence, **({"traceback": trace} if trace else {})})
        else:
            more = f"\n{safe_text(trace.rstrip(), newlines=True)}" if trace else ""
            self._write(f"{_now()} {level} {self._who}{safe_text(sentence)}{more}\n")

    @property
    def _who(self) -> str:
        return "" if self.worker is None else f"[{self.worker}] "

    def _write_json(self, level: Level, told: dict[str, Json]) -> None:
        who: dict[str, Json] = {} if self.worker is None else {"worker": self.worker}
        # In ASCII all that acts on a terminal is escaped, but for DEL.
        line = json.dumps({"time": _now(), "level": level, **who, **told}, separators=(",", ":"))
        self._write(line.replace("\x7f", "\\u007f") + "\n")

    def _write(self, line: str) -> None:
        with suppress(OSError, ValueError):  # its reader has gone, or the disk is full
            # The loop writes, in which all are answered.
            if not _takes(self._stream, 0 if self._lost else _PATIENCE_MS):
                self._lost += 1
                return
            lost, self._lost = self._lost, 0
            self._stream.write(line)
            self._stream.flush()
            if lost:
                self.say("lost", f"whoever reads these lines stood still: {lost:,} are lost", "warning", lines=lost)


class Watch:
    """What is seen of one node, whichever apps and connections answer for it.

    Attributes:
        is_closing: it was told to end: what was begun is answered still.
        member: which worker of the node sees it, where there are several: it goes on with what the one before counted.
    """

    def __init__(self, journal: Journal | None = None, member: Member | None = None) -> None:
        self.counts = Counts()
        self.member = member
        self._lines_before: dict[str, Waiting] = {}
        if member is not None and (before := member.told_before()) is not None:
            self.counts, lines = _told_by(before)
            # What they say of the moment ended with the process that was this worker before.
            self.counts.in_flight = self.counts.connections = 0
            self._lines_before = {name: line._replace(running=0, waiting=0) for name, line in lines.items()}
        self.journal = journal
        self.is_closing = False

    def tell(self, lines: Mapping[str, Waiting]) -> None:
        """Let the other workers know what is counted here.

        Args:
            lines: how those of this process stand.
        """
        if self.member is not None:
            waiting = {name: tuple(line) for name, line in _added(self._lines_before, lines).items()}
            self.member.tell(marshal.dumps((self.counts.__dict__, waiting)))

    def together(self, lines: Mapping[str, Waiting]) -> tuple[Counts, dict[str, Waiting]]:
        """A copy of what all workers of the node have counted, the others as they told it last."""
        counts, waiting = self.counts.copy(), _added(self._lines_before, lines)
        for told in [] if self.member is None else self.member.told_beside():
            theirs, their_lines = _told_by(told)
            counts.include(theirs)
            waiting = _added(waiting, their_lines)
        return counts, waiting

    def unreadable(self, status: int, code: str, client: str | None) -> None:
        """Note what was refused before it was a request."""
        add(self.counts.unreadable, code)
        if self.journal is not None:
            self.journal.request(Seen("-", "-", UNMATCHED, status, 0.0, 0, client))


class Watched:
    """An ASGI app around the node's own that notes each request. Where a journal is kept, a request has an id: the one
    that it came with in X-Request-Id, if that is one, or one made here; the answer tells it."""

    def __init__(self, app: ASGIApp, watch: Watch, at_hand: Callable[[Scope], AtHand | None]) -> None:
        """
        Args:
            at_hand: what the app would answer, where that needs no waiting.
        """
        self._app = app
        self._watch = watch
        self.at_hand = at_hand

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        counts, journal = self._watch.counts, self._watch.journal
        request_id = "" if journal is None else _id_of(scope)
        status = sent = 0

        # No coroutine of its own: what it hands on is awaited by whoever sends.
        def noted(message: Message) -> Awaitable[None]:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                if request_id:
                    fields = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                    return send({**message, "headers": fields})
            else:
                sent += len(message.get("body", b""))
            return send(message)

        counts.in_flight += 1
        began = time.perf_counter()
        try:
            await self._app(scope, receive, noted)
        finally:
            counts.in_flight -= 1
            self._note(scope, request_id, status, began, sent)

    def told(self, scope: Scope, answer: AtHand, began: float) -> list[tuple[bytes, bytes]]:
        """Note that the server answers with what was at hand; the header of that.

        Args:
            began: when the request came, by `time.perf_counter`.
        """
        request_id = "" if self._watch.journal is None else _id_of(scope)
        self._note(scope, request_id, 200, began, len(answer.body))
        return [*answer.fields, (b"x-request-id", request_id.encode())] if request_id else answer.fields

    def _note(self, scope: Scope, request_id: str, status: int, began: float, sent: int) -> None:
        client = scope["client"]  # as the doors have it, who believe some proxies
        host = client[0] if client else None
        took = time.perf_counter() - began
        seen = Seen(request_id, scope["method"], _route_of(scope), status, took, sent, host)
        self._watch.counts.add(seen)
        if self._watch.journal is not None:
            self._watch.journal.request(seen)


# How


def _told_by(told: bytes) -> tuple[Counts, dict[str, Waiting]]:
    """What `Watch.tell` told, in whichever process."""
    members, lines = marshal.loads(told)  # noqa: S302 - from memory that only this program's processes have
    counts = Counts()
    counts.__dict__.update(members)
    return counts, {name: Waiting(*line) for name, line in lines.items()}


def _added(some: Mapping[str, Waiting], others: Mapping[str, Waiting]) -> dict[str, Waiting]:
    together = {**some}
    for name, line in others.items():
        known = together.get(name)
        if known is None:
            together[name] = line
            continue
        refused = {**known.refused}
        for code, number in line.refused.items():
            add(refused, code, number)
        together[name] = Waiting(
            known.running + line.running,
            known.waiting + line.waiting,
            known.waited + line.waited,
            known.seconds + line.seconds,
            refused,
        )
    return together


class _Handler(logging.Handler):
    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        self._journal.fault(level, record.getMessage(), trace)


def _takes(stream: TextIO, patience: int) -> bool:
    """Whether a stream takes a line within so many milliseconds."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return True  # in memory
    asked = select.poll()
    asked.register(number, select.POLLOUT)
    return bool(asked.poll(patience))


def _route_of(scope: Scope) -> str:
    named = scope.get(_ROUTE)
    if isinstance(named, str):
        return named
    route = scope.get("route")
    return route.path_format if isinstance(route, Route) else UNMATCHED


def _id_of(scope: Scope) -> str:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and _SANE_ID.fullmatch(given[0]):
        return str(given[0].decode())
    return token_hex(8)


def _now() -> str:
    """The time as RFC 3339 spells it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
