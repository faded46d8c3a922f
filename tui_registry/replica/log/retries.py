"""Writes that are done once, however often they are asked for: which operation came of a request that has a key.

Remembered in the transaction that appends the operation, so that no crash comes between the two, and for a day. Only
digests are kept. What was refused wrote nothing, so it is not remembered: it may be asked for again.
"""

from __future__ import annotations

import hashlib
import sqlite3

from tui_registry.crdt.op import AnyOp, parse_op
from tui_registry.frozen import NamedTuple
from tui_registry.replica.log.shared_log import DoneOnce
from tui_registry.replica.store.connection import StoreError
from tui_registry.replica.store.stored import unpacked

KEPT_SECONDS = 86_400
# Of all callers together, the last ones: some 12 MB.
MAX_KEYS = 100_000


class Once(NamedTuple):
    """A request to be done once.

    Attributes:
        caller: who asks. route: for what, such as `POST /models`. key: by which the caller knows the request again; no
            two requests of one caller and route have the same. None of them holds a NUL.
        request: what else it says, in any spelling that is always the same.
    """

    caller: str
    route: str
    key: str
    request: bytes


def what_came_of(db: sqlite3.Connection, once: Once, now: int) -> AnyOp | None:
    """The operation that came of the request, None where there is none (yet, or any more).

    Raises:
        StoreError: `key_reused`: the key stands for another request.
    """
    row = db.execute(
        "SELECT key, request, hash, at FROM retries WHERE key = ? AND at > ?", (key_of(once), now - KEPT_SECONDS)
    ).fetchone()
    return None if row is None else what_was_done(db, once, DoneOnce(*row))


def what_was_done(db: sqlite3.Connection, once: Once, done: DoneOnce) -> AnyOp | None:
    """The operation that came of a request by what is kept of it; None where it is not in the log.

    Raises:
        StoreError: `key_reused`.
    """
    row = db.execute("SELECT body FROM ops WHERE hash = ?", (done.hash,)).fetchone()
    if row is None:
        return None
    if done.request != _digest(once.request):
        raise StoreError(
            "key_reused", "this idempotency key stands for another request, which was done: take another key"
        )
    return parse_op(unpacked(row[0]))


def done_once(once: Once, op: AnyOp, now: int) -> DoneOnce:
    """What is kept of a request that was done."""
    return DoneOnce(key_of(once), _digest(once.request), bytes.fromhex(op.hash), now)


def note_done(db: sqlite3.Connection, done: DoneOnce, now: int) -> None:
    """Note what came of a request, and forget what is old."""
    db.execute("DELETE FROM retries WHERE at <= ?", (now - KEPT_SECONDS,))
    db.execute("INSERT OR REPLACE INTO retries (key, request, hash, at) VALUES (?, ?, ?, ?)", done)
    db.execute("DELETE FROM retries WHERE seq <= (SELECT max(seq) FROM retries) - ?", (MAX_KEYS,))


def key_of(once: Once) -> bytes:
    """What a request is kept under."""
    return _digest(f"{once.caller}\0{once.route}\0{once.key}".encode())


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
