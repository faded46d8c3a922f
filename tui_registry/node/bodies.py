"""Reading what a caller sends: counted as it arrives, timed as a whole, then parsed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import Request

from tui_registry.errors import InvalidRecord, Json, Problem
from tui_registry.node.problems import NodeError
from tui_registry.records.documents import DocumentError, load_document

# As a file of this name it is read, because a name decides the format; a caller has sent no file.
_NAME = "body.json"


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The body's bytes; what is chunked is counted as well.

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
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise too_large
                body += chunk
    except TimeoutError:
        raise NodeError("too_slow", f"the body did not arrive within {seconds:g} s") from None
    return bytes(body)


async def read_json(request: Request, limit: int, seconds: float) -> Json:
    """The body as JSON; depth, duplicate keys and numbers are checked as for files.

    Raises:
        NodeError: also `document`, when it is no JSON.
    """
    body = await read_body(request, limit, seconds)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NodeError("bad_body", "the body is not UTF-8") from None
    try:
        return await asyncio.to_thread(load_document, text, _NAME)
    except DocumentError as error:
        raise NodeError(error.code, f"the body{error.sentence.removeprefix(_NAME)}") from None


def members(tree: Json, known: Mapping[str, str]) -> dict[str, Json]:
    """The members of an object that may have these names and no others; `known` gives each name's type in words.

    Raises:
        InvalidRecord: with a problem for each unknown member.
    """
    if not isinstance(tree, dict):
        raise InvalidRecord((Problem("", "error", "type", f"must be an object of {', '.join(known)}"),))
    unknown = [name for name in tree if name not in known]
    if unknown:
        said = f"must be one of {', '.join(known)}"
        raise InvalidRecord(tuple(Problem(name[:40], "error", "unknown_field", said) for name in unknown[:20]))
    return tree


def wrong(path: str, sentence: str) -> InvalidRecord:
    """A member of the wrong type or out of its range."""
    return InvalidRecord((Problem(path, "error", "type", sentence),))
