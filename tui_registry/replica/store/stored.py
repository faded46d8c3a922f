"""Reading stored operations: heads and records, without the rules. What is stored was checked."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tui_registry.errors import Record
from tui_registry.frozen import NamedTuple

_CHUNK = 500
_RECORD = b'"op":{"op":{"value":'
_AFTER_RECORD = b',"vclock":'
_CHILDREN = re.compile(rb'"children":\[([^]]*)\]').search
_NAMES = re.compile(rb"[0-9a-f]{64}").findall
_ID = re.compile(r"[0-9a-f]{64}").fullmatch
_T = TypeVar("_T", bytes, int)


class Stored(NamedTuple):
    """A head as deciding a key's state needs it."""

    idx: int
    hash: str
    is_rm: bool
    counter: int


def stored_id(identifier: str) -> bytes:
    """The id as columns hold it; b"", which no record has, for what is no id (64 lower-case hex digits)."""
    return bytes.fromhex(identifier) if _ID(identifier) else b""


def hex_range(prefix: str, digits: int) -> tuple[bytes, bytes]:
    """The smallest and the largest value of `digits` hex digits that begin with `prefix`."""
    return bytes.fromhex(prefix.ljust(digits, "0")), bytes.fromhex(prefix.ljust(digits, "f"))


def read_heads(db: sqlite3.Connection, rids: Sequence[int]) -> Iterator[tuple[int, Stored]]:
    """The heads of these keys, as (rid, head) without records."""
    for chunk in chunks(rids):
        rows = db.execute(
            f"SELECT rid, idx, hash, is_rm, clock FROM ops WHERE is_head = 1 AND rid IN ({marks(chunk)})",
            chunk,
        )
        for rid, idx, digest, is_rm, clock in rows:
            yield rid, Stored(idx, digest.hex(), bool(is_rm), clock)


def read_record(db: sqlite3.Connection, idx: int) -> Record:
    """The plain record that the Up at that place in the log writes."""
    (body,) = db.execute("SELECT body FROM ops WHERE idx = ?", (idx,)).fetchone()
    record = record_of(body)
    assert record is not None
    return record


def record_of(body: bytes) -> Record | None:
    """The plain record in a stored op's bytes, None for an Rm."""
    return parts_of(body)[0]


def parts_of(body: bytes) -> tuple[Record | None, tuple[str, ...]]:
    """The plain record in a stored op's bytes, None for an Rm, and the hashes of the children that it names.

    The bytes were checked when they were stored.
    """
    (inner,) = json.loads(body).values()
    up = inner.get("Up")
    if up is None:
        return None, tuple(inner["Rm"]["children"])
    written = up["op"]["op"]
    return written["value"], tuple(written["children"])


def record_in(body: bytes) -> bytes:
    """The record that a stored write's bytes hold, as the JSON text that was signed; looked for as in `children_in`.

    Raises:
        ValueError: the bytes are spoilt.
    """
    start = body.index(_RECORD) + len(_RECORD)
    return body[start : body.index(_AFTER_RECORD, start)]


def children_in(body: bytes) -> list[str]:
    """The hashes of the children that a stored write names, found without reading the record, which takes long.

    In canonical JSON these bytes are a key and nothing else: inside a text the quotes would be escaped. No field of a
    record is called so.
    """
    match = _CHILDREN(body)
    assert match is not None
    return [name.decode() for name in _NAMES(match[1])]


def chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The items in parts of as many as one statement binds."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


def marks(chunk: Sequence[object]) -> str:
    """A question mark for each."""
    return ", ".join("?" * len(chunk))
