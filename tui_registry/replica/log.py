"""The append-only log as others read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tui_registry.replica.reports import Head
from tui_registry.replica.stored import chunks, marks


def read_head(db: sqlite3.Connection, address: str) -> Head:
    """Size, fingerprint and epoch, from one read transaction."""
    epoch, size, fingerprint = db.execute("SELECT epoch, size, fingerprint FROM replica").fetchone()
    return Head(epoch, size, fingerprint, address)


def begins_as(db: sqlite3.Connection, head: Head) -> bool:
    """Whether the log begins with what an earlier head of the same epoch was of."""
    size, fingerprint = db.execute("SELECT size, fingerprint FROM replica").fetchone()
    if head.size >= size:
        return bool(head.size == size and head.fingerprint == fingerprint)
    digests = db.execute("SELECT hash FROM ops WHERE idx < ?", (head.size,))
    return head.fingerprint == f"{sum(int.from_bytes(digest, 'big') for (digest,) in digests) % 2**256:064x}"


def renew_epoch(db: sqlite3.Connection) -> None:
    """Give the log another name; its readers begin anew."""
    import secrets

    db.execute("UPDATE replica SET epoch = ?", (secrets.token_hex(16),))


def read_lines(db: sqlite3.Connection, start: int, stop: int) -> list[bytes]:
    """The exact bytes of ops start..stop of the log, without line ends."""
    rows = db.execute("SELECT body FROM ops WHERE idx >= ? AND idx < ? ORDER BY idx", (start, stop))
    return [body for (body,) in rows]


def read_keys(db: sqlite3.Connection) -> bytes:
    """`updated_at` (8 bytes) and hash (32) of every op of the log, in the order of both, one behind the other."""
    keys = bytearray()
    for updated_at, digest in db.execute("SELECT updated_at, hash FROM ops ORDER BY updated_at, hash"):
        keys += updated_at.to_bytes(8, "big") + digest
    return bytes(keys)


def unknown(db: sqlite3.Connection, hashes: Sequence[str]) -> list[str]:
    """Those of the hashes that no op of the log has, in their order."""
    known: set[str] = set()
    for chunk in chunks([bytes.fromhex(item) for item in hashes]):
        rows = db.execute(f"SELECT hash FROM ops WHERE hash IN ({marks(chunk)})", chunk)
        known.update(digest.hex() for (digest,) in rows)
    return [item for item in hashes if item not in known]


def read_by_hash(db: sqlite3.Connection, hashes: Sequence[str], max_bytes: int) -> list[bytes]:
    """The ops with these hashes, children first; without unknown ones, and no more than `max_bytes` (but one op)."""
    indices: set[int] = set()
    for chunk in chunks([bytes.fromhex(item) for item in hashes]):
        indices.update(idx for (idx,) in db.execute(f"SELECT idx FROM ops WHERE hash IN ({marks(chunk)})", chunk))
    found: list[bytes] = []
    size = 0
    # The log's own order has children first.
    for idx in sorted(indices):
        (body,) = db.execute("SELECT body FROM ops WHERE idx = ?", (idx,)).fetchone()
        size += len(body) + 1
        if found and size > max_bytes:
            break
        found.append(body)
    return found
