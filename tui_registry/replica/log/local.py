"""Local writes: read the heads, sign, append, all in one immediate transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from tui_registry.crdt.keys import Identity
from tui_registry.crdt.op import AgentOp, ModelOp
from tui_registry.crdt.sign import chain_of_children, sign_rm, sign_up
from tui_registry.errors import InvalidRecord, Kind, Record, RegistryError
from tui_registry.records.schema import ID_FIELD, NULL_HASH
from tui_registry.records.wire import derive_id
from tui_registry.replica.catalogue.current import check_among
from tui_registry.replica.catalogue.derived import KINDS_BY_CODE
from tui_registry.replica.log.append import Batch
from tui_registry.replica.log.judge import check
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.key import Key
from tui_registry.replica.store.stored import stored_id

Write = ModelOp | AgentOp


class LocalWrites:
    """Registering, editing, deleting. Every write is signed by this replica's key, and durable when a call returns."""

    def __init__(self, pool: Pool, clock: Callable[[], int], key: Key) -> None:
        self._pool = pool
        self._clock = clock
        self._key = key

    def add(self, kind: Kind, record: Record) -> Write:
        """Register a record: id, owner and times are set here.

        Raises:
            StoreError: `already_registered`, `not_owner`, `bad_key`.
        """
        identity = self._key.identity()
        with self._pool.write() as db:
            adding = _Adding(db, identity)
            op = adding.add(kind, record, self._clock())
            adding.flush()
            return op

    def add_all(self, records: Sequence[tuple[Kind, Record]], *, bulk: bool) -> list[Write | RegistryError]:
        """Register records in one transaction; gives the op or the error of each, in order.

        Args:
            bulk: others are likely to follow.
        """
        identity = self._key.identity()
        with self._pool.write(bulk=bulk) as db:
            adding = _Adding(db, identity)
            outcomes = [self._add_or_refuse(db, adding, kind, record) for kind, record in records]
            adding.flush()
            return outcomes

    def update(self, kind: Kind, identifier: str, record: Record, seen: Collection[str]) -> Write:
        """Write a new value on top of the heads that the caller was shown.

        Raises:
            StoreError: `not_found`, `not_owner`, `changed`, `bad_key`.
        """
        identity = self._key.identity()
        with self._pool.write() as db:
            known = _existing(db, kind, identifier, identity, seen)
            return _write_up(db, identity, known, record, self._clock())

    def delete(self, kind: Kind, identifier: str, seen: Collection[str]) -> Write:
        """Remove what the caller was shown.

        Raises:
            StoreError: `not_found`, `not_owner`, `changed`, `bad_key`.
        """
        identity = self._key.identity()
        with self._pool.write() as db:
            known = _existing(db, kind, identifier, identity, seen)
            updated_at = max(self._clock(), *(head.updated_at for head in known.heads))
            ops: list[Write] = []
            for children, clock in _links(known.heads):
                named = [*children, *(op.hash for op in ops[-1:])]
                ops.append(sign_rm(identity, kind, known.id, children=named, clock=clock, updated_at=updated_at))
            _append(db, ops)
            return ops[-1]

    def _add_or_refuse(
        self, db: sqlite3.Connection, adding: _Adding, kind: Kind, record: Record
    ) -> Write | RegistryError:
        """The errors of one record as a value: it is refused before anything is written."""
        if record.get("preferred_models"):
            adding.flush()  # they may be among the records before
        problems = check_among(db, kind, record)
        if any(problem.severity == "error" for problem in problems):
            return InvalidRecord(tuple(problems))
        try:
            return adding.add(kind, record, self._clock())
        except StoreError as error:
            return error


# How


class _Head(NamedTuple):
    hash: str
    is_rm: bool
    clock: int
    created_at: int
    updated_at: int


class _Known(NamedTuple):
    """A key of the log, live or deleted."""

    kind: Kind
    id: str
    owner: str
    heads: list[_Head]

    @property
    def exists(self) -> bool:
        return any(not head.is_rm for head in self.heads)


class _Adding:
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
            known = _read_known(self._db, identifier)
            if known is not None and known.kind == kind:
                op = _add_again(self._db, self._identity, known, record, now)
                self._begin()
                return op
        op = sign_up(self._identity, kind, self._as_new(kind, record, now), counter=self._counter)
        self._batch.append(check(op), op.body)
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


def _existing(db: sqlite3.Connection, kind: Kind, identifier: str, identity: Identity, seen: Collection[str]) -> _Known:
    known = _read_known(db, identifier)
    if known is None or known.kind != kind or not known.exists:
        raise StoreError("not_found", f"there is no {kind} {identifier[:12]} here: it may have been deleted")
    _check_owner(known, identity)
    if {head.hash for head in known.heads} != set(seen):
        raise StoreError(
            "changed",
            f"{kind} {identifier[:12]} has changed since it was read: look at it again, then repeat the change",
        )
    return known


def _check_owner(known: _Known, identity: Identity) -> None:
    if known.owner != identity.address:
        raise StoreError(
            "not_owner",
            f"{known.kind} {known.id[:12]} belongs to 0x{known.owner}, not to this replica's key: "
            "duplicate it as a new record instead",
        )


def _write_up(db: sqlite3.Connection, identity: Identity, known: _Known, record: Record, now: int) -> Write:
    updated_at = max(now, *(head.updated_at for head in known.heads))
    value = {
        **record,
        ID_FIELD[known.kind]: known.id,
        "owner_id": identity.address,
        "created_at": known.heads[0].created_at,
        "updated_at": updated_at,
    }
    counter = _next_counter(db, identity)
    ops: list[Write] = []
    for children, clock in _links(known.heads):
        named = [*children, *(op.hash for op in ops[-1:])]
        ops.append(sign_up(identity, known.kind, value, children=named, clock=clock, counter=counter + len(ops)))
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


def _add_again(db: sqlite3.Connection, identity: Identity, known: _Known, record: Record, now: int) -> Write:
    if known.exists:
        raise StoreError(
            "already_registered",
            f"{known.kind} {known.id[:12]} is registered already: update it, or leave out the id for a new one",
        )
    _check_owner(known, identity)
    return _write_up(db, identity, known, record, now)


def _append(db: sqlite3.Connection, ops: Sequence[Write]) -> None:
    batch = Batch(db)
    links = [(check(op), op.body) for op in ops]
    batch.load(link for link, _ in links)
    for link, body in links:
        batch.append(link, body)
    batch.flush()


def _read_known(db: sqlite3.Connection, identifier: str) -> _Known | None:
    row = db.execute("SELECT rid, kind, owner FROM keys WHERE id = ?", (stored_id(identifier),)).fetchone()
    if row is None:
        return None
    rid, kind, owner = row
    rows = db.execute(
        "SELECT hash, is_rm, clock, created_at, updated_at FROM ops WHERE rid = ? AND is_head = 1", (rid,)
    )
    heads = [_Head(digest.hex(), bool(is_rm), *rest) for digest, is_rm, *rest in rows]
    return _Known(KINDS_BY_CODE[kind], identifier, owner.hex(), heads)


def _next_counter(db: sqlite3.Connection, identity: Identity) -> int:
    row = db.execute("SELECT ops FROM owners WHERE address = ?", (bytes.fromhex(identity.address),)).fetchone()
    return 1 + (0 if row is None else int(row[0]))
