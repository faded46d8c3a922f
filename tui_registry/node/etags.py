"""Entity tags, and the conditions that callers set with them (RFC 9110, sections 8.8.3 and 13.1)."""

from __future__ import annotations

import hashlib
import re

from fastapi import Request

_TAG = re.compile(r'(?:W/)?"[^"]*"')
# Tags with commas between them; a comma too many is allowed (RFC 9110, section 5.6.1).
_LIST = re.compile(rf"[\s,]*(?:{_TAG.pattern}\s*(?:,[\s,]*|$))*")
# Stands for whatever is there, alone.
_ANY = "*"


def etag_of(content: bytes) -> str:
    """The strong tag of an answer's bytes."""
    return '"' + hashlib.sha256(content).hexdigest()[:32] + '"'


def is_held(request: Request, etag: str) -> bool:
    """Whether the caller has what it would be answered (If-None-Match): 304 is enough.

    Compared weakly, as the RFC asks: a proxy that compresses answers makes their tags weak.
    """
    tags = (tag.removeprefix("W/") for tag in _tags(request, "if-none-match"))
    return any(tag in (_ANY, etag) for tag in tags)


def is_stale(request: Request, etag: str) -> bool:
    """Whether the caller decided by something else than what is there (If-Match): 412. A weak tag matches nothing."""
    return "if-match" in request.headers and not any(tag in (_ANY, etag) for tag in _tags(request, "if-match"))


def _tags(request: Request, header: str) -> list[str]:
    """What stands in a header; nothing in one that is malformed, as a guess could delete what its caller would keep."""
    text = ",".join(request.headers.getlist(header))
    if text.strip() == _ANY:
        return [_ANY]
    return _TAG.findall(text) if _LIST.fullmatch(text) else []
