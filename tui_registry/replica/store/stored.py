"""Reading stored operations: heads and records, without the rules. What is stored was checked."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tui_registry.errors import Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import MAX_OP_BYTES

_CHUNK = 500
# Most ops are smaller, and gain little: half of their bytes are digits of hashes and signatures.
_LEAST_PACKED = 2_048
_QUICKLY = 1
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


def packed(body: bytes) -> bytes:
    """An op's exact bytes as `ops.body` holds them: compressed (zlib) where that takes less than half the room, so that
    nobody fills a disk with text that costs nothing to send."""
    if len(body) < _LEAST_PACKED:
        return body
    shorter = zlib.compress(body, _QUICKLY)
    return shorter if 2 * len(shorter) < len(body) else body


def unpacked(kept: bytes) -> bytes:
    """The exact bytes of an op, from what `ops.body` holds.

    Raises:
        ValueError: what is stored is spoilt.
    """
    if kept[:1] == b"{":  # JSON; zlib begins with another byte
        return kept
    try:
        body = zlib.decompressobj().decompress(kept, MAX_OP_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"the stored operation is spoilt ({error})") from None
    if len(body) > MAX_OP_BYTES:
        raise ValueError("the stored operation is larger than any may be")
    return body


def read_record(db: sqlite3.Connection, idx: int) -> Record:
    """The plain record that the Up at that place in the log writes."""
    (body,) = db.execute("SELECT body FROM ops WHERE idx = ?", (idx,)).fetchone()
    record = record_of(body)
    assert record is not None
    return record


def record_of(kept: bytes) -> Record | None:
    """The plain record in a stored op, None for an Rm."""
    return parts_of(kept)[0]


def name_of(record: Record) -> str:
    """The name of a record; of a manifest, the first name of its record."""
    return str(record["name"] if "name" in record else record["subject_name"])


def parts_of(kept: bytes) -> tuple[Record | None, tuple[str, ...]]:
    """The plain record in a stored op, None for an Rm, and the hashes of the children that it names.

    The bytes were checked when they were stored.
    """
    (inner,) = json.loads(unpacked(kept)).values()
    up = inner.get("Up")
    if up is None:
        return None, tuple(inner["Rm"]["children"])
    written = up["op"]["op"]
    return written["value"], tuple(written["children"])


def record_in(kept: bytes) -> bytes:
    """The record that a stored write holds, as the JSON text that was signed; looked for as in `children_in`.

    Raises:
        ValueError: the bytes are spoilt.
    """
    body = unpacked(kept)
    start = body.index(_RECORD) + len(_RECORD)
    return body[start : body.index(_AFTER_RECORD, start)]


def children_in(kept: bytes) -> list[str]:
    """The hashes of the children that a stored write names, found without reading the record, which takes long.

    In canonical JSON these bytes are a key and nothing else: inside a text the quotes would be escaped. No field of a
    record is called so.
    """
    match = _CHILDREN(unpacked(kept))
    assert match is not None
    return [name.decode() for name in _NAMES(match[1])]


def chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The items in parts of as many as one statement binds."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


def marks(chunk: Sequence[object]) -> str:
    """A question mark for each."""
    return ", ".join("?" * len(chunk))
