"""What callers send: a body, counted as it arrives, at a least rate, then parsed; parameters; conditions with entity
tags, and ranges (RFC 9110, sections 8.8.3, 13.1 and 14.2); keys of requests that may be sent again
(draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence

from starlette.requests import Request

from tui_registry.errors import InvalidRecord, Json, Problem
from tui_registry.node.limits import KEY_PATTERN, MAX_KEY, NodeBounds
from tui_registry.node.queues import Queues
from tui_registry.node.responses import NodeError
from tui_registry.records.documents import DocumentError, load_document
from tui_registry.text import fewest_typos, safe_text

# As a file of this name a body is read, because a name decides the format; a caller has sent no file.
_NAME = "body.json"
# Bytes of a body that is read in less time than it takes to wait for a thread, and values in it: each of them takes as
# long as a hundred bytes of text.
_SMALL = 2048
_FEW = 100
_TAG = re.compile(r'(?:W/)?"[^"]*"')
# Tags with commas between them; a comma too many is allowed (RFC 9110, section 5.6.1).
_LIST = re.compile(rf"[\s,]*(?:{_TAG.pattern}\s*(?:,[\s,]*|$))*")
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,15})-([0-9]{0,15})[ \t]*", re.ASCII | re.IGNORECASE)
# Characters of tags that are looked at: some fifty of ours. More is written to keep a node busy.
_MOST_TAGS = 4096
# Stands for whatever is there, alone.
_ANY = "*"
# JSON in any of its media types (RFC 6839, section 3.1), in the one encoding that it has.
_JSON_TYPE = re.compile(
    r"application/(?:[\w!#$&^.+-]*\+)?json\s*(?:;\s*charset\s*=\s*\"?utf-?8\"?\s*)?;?", re.ASCII | re.IGNORECASE
)
_KEY = re.compile(KEY_PATTERN)


def _nothing(count: int) -> None:
    """For bodies that nobody counts."""


async def read_body(request: Request, limit: int, bounds: NodeBounds, came: Callable[[int], None] = _nothing) -> bytes:
    """The body's bytes; a chunked body is bounded as well.

    Args:
        came: told the bytes as they come.

    Raises:
        NodeError: `too_large`, `too_slow`, or `encoded` for a Content-Encoding.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise NodeError("encoded", "send the body as it is, without Content-Encoding")
    too_large = NodeError("too_large", f"the body is larger than {limit:,} bytes")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > limit:
        raise too_large
    body = bytearray()
    loop = asyncio.get_running_loop()
    due = loop.time() + bounds.body_seconds
    try:
        async with asyncio.timeout_at(due) as timeout:
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise too_large
                came(len(chunk))
                body += chunk
                # Bytes give time, but none for later: what trickles in costs a connection, and not for long.
                due = min(loop.time() + bounds.body_seconds, due + len(chunk) / bounds.body_rate)
                timeout.reschedule(due)
    except TimeoutError:
        if not timeout.expired():
            raise
        raise NodeError(
            "too_slow", f"the body came slower than {bounds.body_rate:,} bytes a second for {bounds.body_seconds:g} s"
        ) from None
    return bytes(body)


async def read_json(request: Request, limit: int, bounds: NodeBounds, queues: Queues) -> Json:
    """The body as JSON; depth, duplicate keys and numbers are checked as for files.

    Raises:
        NodeError: also `document`, when it is no JSON; `media_type`, when it is said to be something else.
    """
    said = request.headers.get("content-type", "").strip()
    # Nothing said is what a plain client says.
    if said and not _JSON_TYPE.fullmatch(said):
        raise NodeError(
            "media_type",
            f"the body is said to be {safe_text(said, 60)}: send JSON, as 'Content-Type: application/json'",
            headers={"accept": "application/json"},
        )
    body = await read_body(request, limit, bounds)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NodeError("bad_body", "the body is not UTF-8") from None
    try:
        if len(body) <= _SMALL and sum(map(body.count, (b"[", b"{", b","))) <= _FEW:
            return load_document(text, _NAME)
        # Another one takes its time, and whoever sends many waits for himself.
        return await queues.search(request.scope["client"], load_document, text, _NAME)
    except DocumentError as error:
        raise NodeError(error.code, f"the body{error.sentence.removeprefix(_NAME)}") from None


def members(tree: Json, known: Sequence[str]) -> tuple[dict[str, Json], list[Problem]]:
    """The members of an object that may have these names and no others, and a problem for each that has another.

    Raises:
        InvalidRecord: it is no object.
    """
    if not isinstance(tree, dict):
        raise InvalidRecord((Problem("", "error", "type", f"must be an object of {', '.join(known)}"),))
    said = f"must be one of {', '.join(known)}"
    unknown = [name for name in tree if name not in known][:20]
    return tree, [Problem(safe_text(name, 40), "error", "unknown_field", said) for name in unknown]


def expect_members(tree: Json, *known: str) -> dict[str, Json]:
    """As `members`, where one that there is not is refused at once.

    Raises:
        InvalidRecord: it is no object, or has a member that there is not.
    """
    found, unknown = members(tree, known)
    if unknown:
        raise InvalidRecord(tuple(unknown))
    return found


def wrong(path: str, sentence: str) -> InvalidRecord:
    """A member of the wrong type or out of its range."""
    return InvalidRecord((Problem(path, "error", "type", sentence),))


def parameters(request: Request, *known: str) -> dict[str, str]:
    """What the request gives of these parameters; one that there is not is refused, rather than another question
    answered than was asked.

    Raises:
        NodeError: `parameter`: one is unknown, or given twice.
    """
    given: dict[str, str] = {}
    if not request.scope["query_string"]:
        return given
    for name, value in request.query_params.multi_items():
        shown = safe_text(name, 40)
        if name not in known:
            near = fewest_typos(name, known, 2) if len(name) > 2 else None
            hint = f"did you mean '{near}'?" if near else f"this path takes {', '.join(known) or 'none'}"
            raise NodeError("parameter", f"there is no parameter '{shown}': {hint}")
        if name in given:
            raise NodeError("parameter", f"'{shown}' is given twice: say which one is meant")
        given[name] = value
    return given


def idempotency_key(given: Sequence[str]) -> str | None:
    """The key that a request bears, in quotes or without, None where it bears none.

    Raises:
        NodeError: `idempotency_key`.
    """
    if not given:
        return None
    found = _KEY.fullmatch(given[0].strip(" \t"))
    if len(given) > 1 or found is None:
        raise NodeError(
            "idempotency_key",
            f"an Idempotency-Key is 1 to {MAX_KEY} characters of ASCII, no quotes or backslashes: take a UUID",
        )
    return found[1] or found[2]


def etag_of(content: bytes) -> str:
    """The strong tag of an answer's bytes."""
    return '"' + hashlib.sha256(content).hexdigest()[:32] + '"'


def is_held(request: Request, etag: str) -> bool:
    """Whether the caller has what it would be answered (If-None-Match): 304 is enough.

    Compared weakly, as the RFC asks: a proxy that compresses answers makes their tags weak.
    """
    held = (tag.removeprefix("W/") for tag in tags(request.headers.getlist("if-none-match")))
    return any(tag in (_ANY, etag) for tag in held)


def is_stale(if_match: Sequence[str], revision: str) -> bool:
    """Whether the caller decided by other heads of a record than those of the revision (If-Match): 412.

    A tag's part after the dot is about the bytes of an answer, which a write does not care for; tags of 0.1 had none.
    A weak tag matches nothing.
    """
    if not if_match:
        return False
    held = tags(if_match)
    return held != [_ANY] and all(tag[1:-1].partition(".")[0] != revision for tag in held)


def wanted_range(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """The part of an answer that the caller asks for (Range, and If-Range): from where up to, not including, where.

    None for all of it: asked for nothing else, in a way that a server may pass over (several parts, other units), or
    for the rest of other bytes than these.

    Raises:
        NodeError: `no_range`: nothing of it is there.
    """
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if request.method != "GET" or found is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = found[1], found[2]
    if not first and not last:
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < start:
        return None
    if start >= end:
        raise NodeError(
            "no_range",
            f"there are {size:,} bytes, and none of those asked for",
            headers={"content-range": f"bytes */{size}"},
        )
    return start, end


def tags(lines: Sequence[str]) -> list[str]:
    """What stands in a header; nothing in one that is malformed or endless, as a guess could delete what its caller
    would keep."""
    text = ",".join(lines)
    if text.strip() == _ANY:
        return [_ANY]
    return _TAG.findall(text) if len(text) <= _MOST_TAGS and _LIST.fullmatch(text) else []
