"""Local writes: read the heads, sign, append, all in one immediate transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from tui_registry.crdt.keys import Identity
from tui_registry.crdt.op import AgentOp, ModelOp
from tui_registry.crdt.rules import check_alone
from tui_registry.crdt.sign import chain_of_children, sign_rm, sign_up
from tui_registry.errors import InvalidRecord, Kind, Problem, Record, RegistryError
from tui_registry.records.schema import ID_FIELD, NULL_HASH
from tui_registry.records.wire import derive_id
from tui_registry.replica.batch import Batch
from tui_registry.replica.checked import Checked, checked
from tui_registry.replica.columns import KINDS_BY_CODE
from tui_registry.replica.errors import StoreError
from tui_registry.replica.stored import read_heads, stored_id

Write = ModelOp | AgentOp


@dataclass(frozen=True, slots=True)
class _Head:
    hash: str
    is_rm: bool
    clock: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class _Key:
    kind: Kind
    id: str
    owner: str
    heads: list[_Head]

    @property
    def exists(self) -> bool:
        return any(not head.is_rm for head in self.heads)


def add(db: sqlite3.Connection, identity: Identity, kind: Kind, record: Record, now: int) -> Write:
    """Register a record: id, owner and times are set here.

    Raises:
        StoreError: `already_registered`, `not_owner`.
    """
    adding = Adding(db, identity)
    op = adding.add(kind, record, now)
    adding.flush()
    return op


class Adding:
    """Registers records one after the other and writes them together: `flush` before the transaction ends."""

    def __init__(self, db: sqlite3.Connection, identity: Identity) -> None:
        """
        Args:
            db: a connection inside a write transaction, which nobody else writes to until the last `flush`.
        """
        self._db = db
        self._identity = identity
        self._begin()

    def add(self, kind: Kind, record: Record, now: int) -> Write:
        """Sign and take a record.

        A record without an id gets one from `now`, or the next free second; an id deleted here is registered again on
        top of its removal; an unknown id gives way to a new one.

        Raises:
            StoreError: `already_registered`, `not_owner`; this record is refused, the others are as before.
        """
        identifier = str(record[ID_FIELD[kind]])
        if identifier != NULL_HASH and self._batch.has_key(identifier):
            # Its heads are read from the log, where those taken before must stand by then.
            self.flush()
            key = _read_key(self._db, identifier)
            if key is not None and key.kind == kind:
                op = _add_again(self._db, self._identity, key, record, now)
                self._begin()
                return op
        op = sign_up(self._identity, kind, self._as_new(kind, record, now), counter=self._counter)
        self._batch.append(_checked_alone(op), op.body)
        self._counter += 1
        return op

    def flush(self) -> None:
        """Write what was taken."""
        self._batch.flush()

    def _begin(self) -> None:
        self._batch = Batch(self._db)
        self._counter = _next_counter(self._db, self._identity)

    def _as_new(self, kind: Kind, record: Record, now: int) -> Record:
        address, name, second = self._identity.address, str(record["name"]), now
        while self._batch.has_key(identifier := derive_id(kind, address, name, second)):
            second += 1
        ours: Record = {ID_FIELD[kind]: identifier, "owner_id": address, "created_at": second, "updated_at": second}
        return {**record, **ours}


def add_or_refuse(
    adding: Adding, kind: Kind, record: Record, now: int, problems: Sequence[Problem]
) -> Write | RegistryError:
    """`Adding.add`, with the errors of this one record as a value: it is refused before anything is written."""
    if any(problem.severity == "error" for problem in problems):
        return InvalidRecord(tuple(problems))
    try:
        return adding.add(kind, record, now)
    except StoreError as error:
        return error


def update(
    db: sqlite3.Connection,
    identity: Identity,
    kind: Kind,
    identifier: str,
    record: Record,
    seen: Sequence[str],
    now: int,
) -> Write:
    """Write a new value on top of the heads that the caller was shown.

    Raises:
        StoreError: `not_found`, `not_owner`, `changed`.
    """
    key = _existing(db, kind, identifier, identity, seen)
    return _write_up(db, identity, key, record, now)


def delete(
    db: sqlite3.Connection, identity: Identity, kind: Kind, identifier: str, seen: Sequence[str], now: int
) -> Write:
    """Remove what the caller was shown.

    Raises:
        StoreError: `not_found`, `not_owner`, `changed`.
    """
    key = _existing(db, kind, identifier, identity, seen)
    updated_at = max(now, *(head.updated_at for head in key.heads))
    ops: list[Write] = []
    for children, clock in _links(key.heads):
        named = [*children, *(op.hash for op in ops[-1:])]
        ops.append(sign_rm(identity, kind, key.id, children=named, clock=clock, updated_at=updated_at))
    _append(db, ops)
    return ops[-1]


# How


def _existing(db: sqlite3.Connection, kind: Kind, identifier: str, identity: Identity, seen: Sequence[str]) -> _Key:
    key = _read_key(db, identifier)
    if key is None or key.kind != kind or not key.exists:
        raise StoreError("not_found", f"there is no {kind} {identifier[:12]} here: it may have been deleted")
    _check_owner(key, identity)
    if {head.hash for head in key.heads} != set(seen):
        raise StoreError(
            "changed",
            f"{kind} {identifier[:12]} has changed since it was read: look at it again, then repeat the change",
        )
    return key


def _check_owner(key: _Key, identity: Identity) -> None:
    if key.owner != identity.address:
        raise StoreError(
            "not_owner",
            f"{key.kind} {key.id[:12]} belongs to 0x{key.owner}, not to this replica's key: "
            "duplicate it as a new record instead",
        )


def _write_up(db: sqlite3.Connection, identity: Identity, key: _Key, record: Record, now: int) -> Write:
    updated_at = max(now, *(head.updated_at for head in key.heads))
    value = {
        **record,
        ID_FIELD[key.kind]: key.id,
        "owner_id": identity.address,
        "created_at": key.heads[0].created_at,
        "updated_at": updated_at,
    }
    counter = _next_counter(db, identity)
    ops: list[Write] = []
    for children, clock in _links(key.heads):
        named = [*children, *(op.hash for op in ops[-1:])]
        ops.append(sign_up(identity, key.kind, value, children=named, clock=clock, counter=counter + len(ops)))
    _append(db, ops)
    return ops[-1]


def _links(heads: Sequence[_Head]) -> list[tuple[tuple[str, ...], int]]:
    """The children and the clock of each op of the chain that names all heads."""
    clocks = {head.hash: head.clock for head in heads}
    links: list[tuple[tuple[str, ...], int]] = []
    clock = 0
    for children in chain_of_children([head.hash for head in heads]):
        clock = 1 + max(clock, *(clocks[child] for child in children))
        links.append((children, clock))
    return links


def _add_again(db: sqlite3.Connection, identity: Identity, key: _Key, record: Record, now: int) -> Write:
    if key.exists:
        raise StoreError(
            "already_registered",
            f"{key.kind} {key.id[:12]} is registered already: update it, or leave out the id for a new one",
        )
    _check_owner(key, identity)
    return _write_up(db, identity, key, record, now)


def _checked_alone(op: Write) -> Checked:
    """Our own op passes the very door a stranger's does, whose first half `parse_op` was: what we publish must be valid
    for everybody."""
    check_alone(op)
    return checked(op)


def _append(db: sqlite3.Connection, ops: Sequence[Write]) -> None:
    batch = Batch(db)
    links = [(_checked_alone(op), op.body) for op in ops]
    batch.load(link for link, _ in links)
    for link, body in links:
        batch.append(link, body)
    batch.flush()


def _read_key(db: sqlite3.Connection, identifier: str) -> _Key | None:
    row = db.execute("SELECT rid, kind, owner FROM keys WHERE id = ?", (stored_id(identifier),)).fetchone()
    if row is None:
        return None
    rid, kind, owner = row
    stored = {head.hash: head for _, head in read_heads(db, [rid])}
    times = db.execute("SELECT hash, created_at, updated_at FROM ops WHERE rid = ? AND is_head = 1", (rid,))
    heads = [
        _Head(digest.hex(), stored[digest.hex()].is_rm, stored[digest.hex()].counter, created_at, updated_at)
        for digest, created_at, updated_at in times
    ]
    return _Key(KINDS_BY_CODE[kind], identifier, owner.hex(), heads)


def _next_counter(db: sqlite3.Connection, identity: Identity) -> int:
    row = db.execute("SELECT ops FROM owners WHERE address = ?", (bytes.fromhex(identity.address),)).fetchone()
    return 1 + (0 if row is None else int(row[0]))
