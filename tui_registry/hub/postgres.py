"""The log of a hub, kept in PostgreSQL: `SharedLog` by psycopg, with what else the hub's nodes share.

Every statement is bounded, by PostgreSQL and by the clock here, so that neither a lock nor a machine that stands still
holds a node up. Nothing outlives a transaction (prepared statements, settings of a session), so that it works through a
pooler that lends connections for one transaction; only LISTEN does not, and then the head is polled.

Plain SQL alone, for engines that speak PostgreSQL's. CI has PostgreSQL; the others are untested.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from tui_registry.datastore import (
    NO_CHAIN,
    TOKEN_SCOPES,
    DoneOnce,
    SharedHead,
    SharedOp,
    StoreError,
    Token,
    TokenScope,
    chained,
)
from tui_registry.errors import system_reason
from tui_registry.frozen import NamedTuple
from tui_registry.text import safe_text

try:
    import psycopg
    from psycopg import conninfo
    from psycopg.pq import TransactionStatus
    from psycopg.rows import TupleRow
    from psycopg.waiting import Ready, Wait
except ImportError:
    # Whoever asks for a hub imports this, and nobody else does.
    raise StoreError("no_hub", "the hub needs more packages: pip install 'tui-registry[hub]'") from None

if TYPE_CHECKING:
    from psycopg.abc import Params, PQGen

T = TypeVar("T")

VARIABLE: Final = "TUI_REGISTRY_HUB"
# How long a turn waits for another one, and a statement for its end; and how long a turn may do nothing before
# PostgreSQL gives it up. Seconds.
LOCK_SECONDS: Final = 5
IDLE_SECONDS: Final = 10
CONNECT_SECONDS: Final = 5
# PostgreSQL says so itself at the times above. A machine that stands still, or a line that is dead, says nothing.
_ANSWER_SECONDS: Final = LOCK_SECONDS + 2.0
# What changes much: no statement of it is bounded, and each piece of it is, by the clock here.
_BULK_SECONDS: Final = 300.0
# How often the head is looked at: where PostgreSQL tells of news, and where it does not.
POLL_SECONDS: Final = 2.0
_CALM_SECONDS: Final = 15.0
# Of a process: a turn, a follow, and what a person asks.
MOST_CONNECTIONS: Final = 4
_IN_A_CHUNK: Final = 1_000
_TAKEN: Final = "holds a hub already: nothing was written ('serve --hub' makes an empty folder one more view of it)"
# So few that the longest operations come over a slow line within the time of a statement.
_READ_AT_ONCE: Final = 256


def connect(dsn: str) -> PostgresLog:
    """The log of a hub. Nothing is asked yet.

    Args:
        dsn: a URL (`postgresql://USER@HOST/DATABASE`) or `name=value` pairs, as libpq reads them; what it leaves out
            libpq finds in its own variables and files, a password too.

    Raises:
        StoreError: `hub_away`: it is no such address.
    """
    return PostgresLog(dsn)


def dsn_from(given: str | None = None, file: str | None = None) -> str | None:
    """Which hub is meant: by the line's own words, else the first line of a file, else `$TUI_REGISTRY_HUB`.

    Raises:
        StoreError: `hub_away`: two are named, the word is empty, or the file cannot be read or says nothing.
    """
    if given is not None and file is not None:
        raise StoreError("hub_away", "--hub and --hub-file both name the hub: leave one of them out")
    if file is not None:
        try:
            with Path(file).open(encoding="utf-8") as lines:
                found = lines.readline(65_536).strip()
        except OSError as error:
            shown = safe_text(file, 200)
            raise StoreError("hub_away", f"{shown} cannot be read ({system_reason(error)})") from error
        except UnicodeDecodeError:
            found = ""
        if not found:
            raise StoreError("hub_away", f"the first line of {safe_text(file, 200)} is to be the address of a hub")
        return found
    if given is not None:
        if not given.strip():
            raise StoreError("hub_away", "--hub needs an address: the word is empty, as of a variable that is not set")
        return given.strip()
    return os.environ.get(VARIABLE, "").strip() or None


class Node(NamedTuple):
    """A node of the hub, as it said of itself.

    Attributes:
        version: of the program. rules: the validity rules that it knows.
        size: how many operations its view has. state: how the view stands, a code of `HubStanding`.
        seen_at: when it said so; Unix seconds, by PostgreSQL's clock. age: how long ago that was, in seconds.
    """

    name: str
    version: str
    rules: int
    size: int
    state: str
    seen_at: int
    age: int


class StoredToken(NamedTuple):
    """A token of the hub's nodes, and the SHA-256 of what it is."""

    digest: bytes
    token: Token


class Epoch(NamedTuple):
    """An epoch that the log had, and has: since when (Unix seconds), what it began with, and how many operations were
    there then."""

    epoch: str
    began_at: int
    why: str
    size: int


class Kept(NamedTuple):
    """An operation that a hub's log takes over: its hash, its bytes, and when it came, as in `SharedOp`."""

    hash: bytes
    body: bytes
    added_at: int | None


class PostgresLog:
    """The log of a hub (`SharedLog`), with its nodes, tokens and leases. Safe to use from any thread.

    Its errors are `StoreError`s: those of `SharedLog`. A sentence names the hub without any password.
    """

    def __init__(self, dsn: str) -> None:
        """Use `connect`."""
        self._connections = _Connections(dsn)
        # Where it is, without secrets; and whether its address holds one.
        self.name = self._connections.name
        self.names_password = self._connections.names_password
        self.tokens = HubTokens(self)
        self.nodes = HubNodes(self)

    # The log, as `SharedLog` says it

    def head(self) -> SharedHead:
        """How far the log is, without a lock."""
        # In one journey: simple statements without parameters go together.
        *_, rows, _ = self.ask(lambda db: db.each(f"{_BEGIN_READING}; {_HEAD}; COMMIT"), whole=True)
        return self._head_of(self._only(rows))

    def operations(self, start: int, stop: int) -> list[SharedOp]:
        """The operations from a place up to another one, in order, without a lock."""
        return self.ask(lambda db: _operations(db, start, stop))

    def added(self, start: int, stop: int) -> list[int | None]:
        """When the operations from a place up to another one came, in order, without a lock."""
        ask = f"SELECT {_ADDED} FROM hub_log WHERE idx >= %s AND idx < %s ORDER BY idx"
        return [at for (at,) in self.ask(lambda db: db.all(ask, (start, stop)))]

    def chain_at(self, size: int) -> bytes | None:
        """The chain of the first `size` operations; None where there are not so many."""
        if size == 0:
            return NO_CHAIN
        rows = self.ask(lambda db: db.all("SELECT chain FROM hub_log WHERE idx = %s", (size - 1,)))
        return bytes(rows[0][0]) if rows else None

    def places(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Where those of these operations stand that the log holds, without a lock."""
        return self.ask(lambda db: _places(db, hashes))

    def done(self, key: bytes) -> DoneOnce | None:
        """What came of a request that was done within a day, without a lock."""
        return self.ask(lambda db: _done(db, key))

    @contextlib.contextmanager
    def turn(self) -> Iterator[PostgresTurn]:
        """Lock the log's end: nobody else appends before the block has ended. What was not committed is rolled back."""
        with self._locked(_BEGIN) as (db, head, now):
            yield PostgresTurn(self, db, head, now)

    def close(self) -> None:
        """Let go of every connection."""
        self._connections.close()

    # What changes all of it

    def version(self) -> int | None:
        """Of the hub's tables; None where there are none.

        Raises:
            StoreError: also `hub_other`, `hub_newer`.
        """
        return self.ask(lambda db: self._version(db))

    def migrate(self) -> bool:
        """Make the hub's tables, or bring them up to date; whether there was anything to do. Others that do so at the
        same time wait."""
        if self.version() == _VERSION:
            return False

        def steps(db: _Connection) -> bool:
            if self._version(db) is None:
                db.run(_SCHEMA)
                db.run("INSERT INTO hub_schema (product, version, least) VALUES (%s, 0, 0)", (_PRODUCT,))
            ((version, _),) = db.all("SELECT version, least FROM hub_schema WHERE product = %s FOR UPDATE", (_PRODUCT,))
            for step in _STEPS[version:]:
                for statement in step:
                    db.run(statement)
            if version < _VERSION:
                done = (_VERSION, _LEAST, _PRODUCT)
                db.run("UPDATE hub_schema SET version = %s, least = %s WHERE product = %s", done)
            return bool(version < _VERSION)

        for _ in range(_TRIES):
            try:
                return self.ask(steps, begin=_BEGIN)
            except StoreError as error:
                # Two made the first table at once.
                if error.code != "hub_busy":
                    raise
        return self.ask(steps, begin=_BEGIN)

    def has_log(self) -> bool:
        """Whether a hub was begun here.

        Raises:
            StoreError: also `hub_other`: there are no tables.
        """
        return bool(self.ask(lambda db: db.all("SELECT 1 FROM hub_head")))

    def expect_room(self) -> None:
        """See to it that a hub can be begun here: before a folder is made for it.

        Raises:
            StoreError: also `hub_other`: there is one already, or tables of another product's.
        """
        if self.version() is not None and self.has_log():
            raise StoreError("hub_other", f"{self.name} {_TAKEN}")

    def begin(
        self,
        head: SharedHead,
        operations: Iterable[Kept] = (),
        progress: Callable[[int], None] | None = None,
    ) -> SharedHead:
        """Begin the hub's log, with the operations that a replica has, all in one transaction.

        Args:
            head: what it is to be; its size and chain are made of the operations.
            operations: in order.
            progress: called with how many are written.

        Raises:
            StoreError: `hub_other`: there is one already.
        """

        def all_of_it(db: _Connection) -> SharedHead:
            values = (head.hub, head.epoch, 0, head.fingerprint, NO_CHAIN, head.rules, head.address, "")
            taken = db.run(
                "INSERT INTO hub_head (one, hub, epoch, size, fingerprint, chain, rules, address, store) "
                "VALUES (1, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (one) DO NOTHING",
                values,
            )
            if not taken:
                raise StoreError("hub_other", f"{self.name} {_TAKEN}")
            size, end = _copy(db, 0, NO_CHAIN, operations, progress)
            _set_head(db, head.epoch, size, head.fingerprint, end)
            _note_epoch(db, head.epoch, "begun", size)
            return head._replace(size=size, chain=end)

        return self.ask(all_of_it, begin=_BEGIN_BULK, seconds=_BULK_SECONDS)

    def rewrite(
        self,
        expected: SharedHead,
        epoch: str,
        why: str,
        keep: int,
        operations: Iterable[Kept],
        fingerprint: str,
        progress: Callable[[int], None] | None = None,
        *,
        lost: str = "",
    ) -> SharedHead:
        """Put other operations in the place of those behind the first `keep`, under another epoch, all in one
        transaction. Nobody takes a turn meanwhile.

        Args:
            expected: the head that this is about.
            why: for those who look at the hub's epochs.
            fingerprint: of the log as it is then.
            lost: an epoch that the log had, if it knows nothing of it: it is taken for one before this, too.

        Raises:
            StoreError: `hub_busy`: the log has another head by now; nothing was written.
        """
        with self._locked(_BEGIN_BULK, _BULK_SECONDS) as (db, head, _):
            if (head.epoch, head.size, head.chain) != (expected.epoch, expected.size, expected.chain):
                raise StoreError(
                    "hub_busy", "somebody wrote to the hub's log meanwhile, and nothing was changed: do it again"
                )
            with self.saying():
                start = _chain_at(db, keep)
                db.run("DELETE FROM hub_log WHERE idx >= %s", (keep,))
                size, end = _copy(db, keep, start, operations, progress)
                _set_head(db, epoch, size, fingerprint, end)
                if lost and not db.all("SELECT 1 FROM hub_epochs WHERE epoch = %s", (lost,)):
                    _note_epoch(db, lost, "lost", size)
                _note_epoch(db, epoch, why, size)
                self._notify(db, head.hub, size)
            self._commit(db)
            return head._replace(epoch=epoch, size=size, chain=end, fingerprint=fingerprint)

    def extend(
        self,
        expected: SharedHead,
        operations: Iterable[Kept],
        fingerprint: str,
        progress: Callable[[int], None] | None = None,
    ) -> SharedHead:
        """Append what a restored PostgreSQL has lost, under the same epoch, all in one transaction.

        Args:
            expected: the head that this is about.

        Raises:
            StoreError: `hub_busy`: the log has another head by now; nothing was written.
        """
        with self._locked(_BEGIN_BULK, _BULK_SECONDS) as (db, head, _):
            if head != expected:
                raise StoreError(
                    "hub_busy", "somebody wrote to the hub's log meanwhile, and nothing was changed: look again"
                )
            with self.saying():
                size, end = _copy(db, head.size, head.chain, operations, progress)
                _set_head(db, head.epoch, size, fingerprint, end)
                self._notify(db, head.hub, size)
            self._commit(db)
            return head._replace(size=size, chain=end, fingerprint=fingerprint)

    def rename(self, hub: str, epoch: str, why: str, store: str = "") -> SharedHead:
        """Give the log another id and epoch, and another place for its tiles: it goes its own way from here.

        Raises:
            StoreError.
        """
        with self._locked(_BEGIN) as (db, head, _):
            with self.saying():
                db.run("UPDATE hub_head SET hub = %s, epoch = %s, store = %s", (hub, epoch, store))
                # They are nodes of the hub that this was.
                db.run("DELETE FROM hub_nodes")
                db.run("DELETE FROM hub_lease")
                _note_epoch(db, epoch, why, head.size)
            self._commit(db)
            return head._replace(hub=hub, epoch=epoch)

    def renew_epoch(self, expected: SharedHead, epoch: str, why: str, *, lost: str = "") -> SharedHead:
        """Give the log another epoch as it is. Arguments and errors as of `rewrite`."""
        return self.rewrite(expected, epoch, why, expected.size, (), expected.fingerprint, lost=lost)

    def raise_rules(self, rules: int) -> SharedHead:
        """Let only programs follow that know these rules."""
        with self._locked(_BEGIN) as (db, head, _):
            with self.saying():
                db.run("UPDATE hub_head SET rules = %s", (rules,))
            self._commit(db)
            return head._replace(rules=rules)

    def epochs(self) -> list[Epoch]:
        """The epochs that the log had, the last one last."""
        rows = self.ask(
            lambda db: db.all(
                "SELECT epoch, CAST(extract(epoch FROM began_at) AS bigint), why, size FROM hub_epochs ORDER BY number"
            )
        )
        return [Epoch(*row) for row in rows]

    def had_epoch(self, epoch: str) -> bool:
        """Whether the log had that epoch. A view of one that it had can be made anew: the log was rewritten since. One
        that it had not is of a time that PostgreSQL, put back to an older copy, knows nothing of, or of another log."""
        return bool(self.ask(lambda db: db.all("SELECT 1 FROM hub_epochs WHERE epoch = %s", (epoch,))))

    @property
    def store(self) -> str:
        """Where the log's tiles are published, empty where that was not said. It holds no secret."""
        ((store,),) = self.ask(lambda db: db.all("SELECT store FROM hub_head"))
        return str(store)

    @store.setter
    def store(self, url: str) -> None:
        self.ask(lambda db: db.run("UPDATE hub_head SET store = %s", (url,)), begin=_BEGIN)

    # Leases

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take a lease, or renew one's own: whether it is `holder`'s now, for so long, by PostgreSQL's clock."""
        taken = self.ask(
            lambda db: db.run(
                f"INSERT INTO hub_lease (name, holder, until) VALUES (%s, %s, {_NOW} + %s * interval '1 second') "
                "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "
                f"WHERE hub_lease.until <= {_NOW} OR hub_lease.holder = excluded.holder",
                (name, holder, seconds),
            ),
            begin=_BEGIN,
        )
        return taken == 1

    def release(self, name: str, holder: str) -> None:
        """Give a lease back, where it is one's own."""
        self.ask(
            lambda db: db.run("DELETE FROM hub_lease WHERE name = %s AND holder = %s", (name, holder)), begin=_BEGIN
        )

    def holder(self, name: str) -> str | None:
        """Whose a lease is now."""
        rows = self.ask(lambda db: db.all(f"SELECT holder FROM hub_lease WHERE name = %s AND until > {_NOW}", (name,)))
        return str(rows[0][0]) if rows else None

    # News

    def listen(self, on_change: Callable[[int], None]) -> Listening:
        """Be told of news, in a thread of its own, until it is closed.

        Args:
            on_change: called with the log's size, once at the beginning and whenever it may be another one. It must
                not raise.
        """
        return Listening(self, on_change)

    # How

    def ask(
        self,
        what: Callable[[_Connection], T],
        *,
        begin: str | None = None,
        seconds: float = _ANSWER_SECONDS,
        whole: bool = False,
    ) -> T:
        """Do something in a transaction of its own, which is committed behind it.

        Args:
            begin: how the transaction begins; None for one that reads. What reads is tried once more where the
                connection, kept since before, turns out to be lost.
            seconds: how long each answer is waited for.
            whole: it is one journey, which holds its own transaction.
        """
        for is_last in (False, True):
            with self._connections.lent(seconds, fresh=is_last) as db, self.saying():
                try:
                    if whole:
                        return what(db)
                    db.each(_BEGIN_READING if begin is None else f"{begin}; {self._connections.surely}SELECT 1")
                except psycopg.Error:
                    if is_last or not db.is_stale:
                        raise
                    continue
                if begin is not None:
                    done = what(db)
                    self._commit(db)
                    return done
                done = what(db)
                db.run("COMMIT")
                return done
        raise AssertionError("the last one returns or raises")

    @contextlib.contextmanager
    def saying(self) -> Iterator[None]:
        """Say psycopg's errors in words."""
        try:
            yield
        except psycopg.Error as error:
            raise self._said(error) from None

    @contextlib.contextmanager
    def _locked(self, begin: str, seconds: float = _ANSWER_SECONDS) -> Iterator[tuple[_Connection, SharedHead, int]]:
        """The log's end, locked, in a transaction that the caller commits; and since when, in Unix seconds."""
        with contextlib.ExitStack() as stack:
            for is_last in (False, True):
                db = stack.enter_context(self._connections.lent(seconds, fresh=is_last))
                with self.saying():
                    try:
                        # In one journey. What the second one says is of after the lock was waited for.
                        *_, rows, ((now,),) = db.each(
                            f"{begin}; {self._connections.surely}{_HEAD} FOR UPDATE OF h; "
                            f"SELECT {_SECONDS.format('clock_timestamp()')}"
                        )
                        break
                    except psycopg.Error:
                        if is_last or not db.is_stale:
                            raise
            yield db, self._head_of(self._only(rows)), now

    def _commit(self, db: _Connection) -> None:
        try:
            said = db.run_said("COMMIT")
        except psycopg.Error as error:
            state = error.sqlstate
            # Given up while it stood idle, before it came to the COMMIT.
            is_sure = state == "25P03" or (not db.is_lost and state != "40003")
            if is_sure:
                raise self._said(error) from None
            raise StoreError(
                "outcome_unknown",
                f"the connection to {self.name} was lost before it said whether this was written: look before you do "
                "it again",
            ) from None
        if said != "COMMIT":
            raise StoreError("hub_busy", f"{self.name} gave this up, and nothing was written: try again")

    def _notify(self, db: _Connection, hub: str, size: int) -> None:
        if self._connections.notifies:
            db.all("SELECT pg_notify(%s, %s)", (_channel(hub), f"{size}"))

    def _version(self, db: _Connection) -> int | None:
        """
        Raises:
            StoreError: `hub_other`, `hub_newer`.
        """
        rows = db.all(
            # Not of information_schema, which is silent on tables that this user may not touch.
            "SELECT CAST(c.relname AS text), n.nspname = current_schema() FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = ANY(current_schemas(false)) AND c.relname = ANY(%s)",
            ([_SCHEMA_TABLE, *_TABLES],),
        )
        # What stands in a schema further down the path is what statements mean, as long as none before it has one.
        if any(name == _SCHEMA_TABLE for name, _ in rows):
            ours = db.all("SELECT version, least FROM hub_schema WHERE product = %s", (_PRODUCT,))
            if ours:
                ((version, least),) = ours
                self._expect_known(least)
                return int(version)
        found = {name for name, is_first in rows if is_first}
        if found:
            raise StoreError(
                "hub_other",
                f"{self.name} has a table {min(found)} that is not this program's: name a database or a schema of the "
                "hub's own, such as with ?options=-csearch_path%3Dregistry",
            )
        return None

    def _expect_known(self, least: int) -> None:
        if least > _VERSION:
            raise StoreError(
                "hub_newer",
                f"{self.name} is kept by a later version of this program (its tables are of version {least}, this "
                f"program knows {_VERSION}): upgrade this node",
            )

    def _only(self, rows: list[TupleRow]) -> TupleRow:
        if not rows:
            raise StoreError("hub_other", f"{self.name} holds no hub yet: 'tui-registry hub init' begins one there")
        return rows[0]

    def _head_of(self, row: TupleRow) -> SharedHead:
        hub, epoch, size, fingerprint, end, rules, address, least = row
        self._expect_known(least)
        head = SharedHead(hub, epoch, size, fingerprint, bytes(end), rules, address)
        # An epoch becomes a part of files' names.
        spelt = f"{hub} {epoch} {fingerprint} {address} {head.chain.hex()}"
        if not _HEAD_SPELT(spelt) or size < 0:
            raise StoreError(
                "hub_other", f"{self.name} has a hub_head that this program did not write: look at it there"
            )
        return head

    def _said(self, error: psycopg.Error) -> StoreError:
        """An error of PostgreSQL, in words."""
        state = error.sqlstate
        if state is None:
            reason = self._connections.shown(str(error))
            if isinstance(error, _NoAnswer):
                return StoreError("hub_away", f"{self.name} does not answer ({reason}): try again")
            return StoreError(_LOST[0], _LOST[1].format(hub=self.name, reason=reason))
        primary = error.diag.message_primary
        reason = self._connections.shown(primary or str(error))
        known = _SAYS.get(state) or _SAYS.get(state[:2])
        if known is None:
            return StoreError("hub_away", f"{self.name} refuses this (SQLSTATE {state}: {reason})")
        code, sentence = known
        return StoreError(code, sentence.format(hub=self.name, reason=reason))


class PostgresTurn:
    """The shared log, locked (`SharedTurn`)."""

    def __init__(self, log: PostgresLog, db: _Connection, head: SharedHead, now: int) -> None:
        self._log = log
        self._db = db
        self._head = head
        self._now = now

    @property
    def head(self) -> SharedHead:
        """As it is under the lock."""
        return self._head

    @property
    def now(self) -> int:
        """When the lock was taken: Unix seconds, by PostgreSQL's clock."""
        return self._now

    def operations(self, start: int, stop: int) -> list[SharedOp]:
        """As of `SharedLog`."""
        with self._log.saying():
            return _operations(self._db, start, stop)

    def places(self, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Where those of these operations stand that the log holds."""
        with self._log.saying():
            return _places(self._db, hashes)

    def done(self, key: bytes) -> DoneOnce | None:
        """As of `SharedLog`."""
        with self._log.saying():
            return _done(self._db, key)

    def append(
        self, ops: Sequence[tuple[bytes, bytes]], fingerprint: str, done: Sequence[DoneOnce] = (), at: int | None = None
    ) -> SharedHead:
        """Write operations at the log's end, and the head behind them.

        Args:
            ops: each as its hash and its bytes. fingerprint: of the log with them.
            at: when they came, as whoever appends them has put it down; None for `now`.
        """
        head, place, end = self._head, self._head.size, self._head.chain
        added = _stored(self._now if at is None else at)
        values: list[object] = []
        for digest, body in ops:
            end = chained(end, body)
            values += (place, digest, body, end, added)
            place += 1
        with self._log.saying():
            db = self._db
            if ops:
                rows = ", ".join(["(%s, %s, %s, %s, %s)"] * len(ops))
                db.run(f"INSERT INTO hub_log (idx, hash, body, chain, added_at) VALUES {rows}", values)
            if done:
                rows = ", ".join([f"(%s, %s, %s, %s, {_NOW})"] * len(done))
                # A key that was forgotten may come again.
                db.run(
                    f"INSERT INTO hub_idempotency (key, request, hash, at, added_at) VALUES {rows} "
                    "ON CONFLICT (key) DO UPDATE SET request = excluded.request, hash = excluded.hash, "
                    "at = excluded.at, added_at = excluded.added_at",
                    [value for one in done for value in one],
                )
                db.run(f"DELETE FROM hub_idempotency WHERE added_at <= {_NOW} - {_KEPT}")
            changed = db.run(
                "UPDATE hub_head SET size = %s, fingerprint = %s, chain = %s WHERE epoch = %s AND size = %s",
                (place, fingerprint, end, head.epoch, head.size),
            )
            if changed != 1:
                raise StoreError("hub_busy", f"{self._log.name} has another head by now: nothing was written")
            self._log._notify(db, head.hub, place)
        self._head = head._replace(size=place, fingerprint=fingerprint, chain=end)
        return self._head

    def commit(self) -> None:
        """Make what was appended last. It is acknowledged from here on.

        Raises:
            StoreError: `hub_busy`: nothing was written. `outcome_unknown`: the connection was lost before an answer
                came: whether it was written is told by another turn, which waits the lost session out.
        """
        self._log._commit(self._db)


class HubTokens:
    """The tokens that all nodes of the hub take, as their digests."""

    def __init__(self, log: PostgresLog) -> None:
        self._log = log

    def all(self) -> list[StoredToken]:
        """Every token, by name."""
        rows = self._log.ask(lambda db: db.all("SELECT digest, name, scopes, created_at FROM hub_tokens ORDER BY name"))
        return [StoredToken(bytes(digest), Token(name, _scopes(scopes), at)) for digest, name, scopes, at in rows]

    def add(self, stored: StoredToken) -> None:
        """Let the nodes take a token.

        Raises:
            StoreError: `token_exists`: there is one of that name.
        """
        name, scopes, at = stored.token
        added = self._log.ask(
            lambda db: db.run(
                "INSERT INTO hub_tokens (name, digest, scopes, created_at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (name) DO NOTHING",
                (name, stored.digest, " ".join(scopes), at),
            ),
            begin=_BEGIN,
        )
        if not added:
            raise StoreError(
                "token_exists",
                f"there is a token named '{name}' on the hub: choose another name, or revoke that one first",
            )

    def revoke(self, name: str) -> None:
        """Let a token open no node any more.

        Raises:
            StoreError: `not_found`.
        """
        if not self._log.ask(lambda db: db.run("DELETE FROM hub_tokens WHERE name = %s", (name,)), begin=_BEGIN):
            raise StoreError("not_found", f"the hub has no token named '{name[:32]}': 'token list' names them")


class HubNodes:
    """The nodes of the hub, as they say of themselves again and again."""

    def __init__(self, log: PostgresLog) -> None:
        self._log = log

    def say(self, name: str, version: str, rules: int, size: int, state: str) -> None:
        """Say how a node is doing; arguments as of `Node`."""
        self._log.ask(
            lambda db: db.run(
                "INSERT INTO hub_nodes (name, version, rules, size, state, seen_at) "
                f"VALUES (%s, %s, %s, %s, %s, {_NOW}) ON CONFLICT (name) DO UPDATE "
                "SET version = excluded.version, rules = excluded.rules, size = excluded.size, "
                "state = excluded.state, seen_at = excluded.seen_at",
                (name, version, rules, size, state),
            ),
            begin=_BEGIN,
        )

    def all(self) -> list[Node]:
        """Every node that said something within a week, by name."""
        rows = self._log.ask(
            lambda db: db.all(
                "SELECT name, version, rules, size, state, CAST(extract(epoch FROM seen_at) AS bigint), "
                f"CAST(extract(epoch FROM {_NOW} - seen_at) AS bigint) FROM hub_nodes "
                f"WHERE seen_at > {_NOW} - interval '7 days' ORDER BY name"
            )
        )
        return [Node(*row) for row in rows]

    def forget(self, name: str) -> bool:
        """Take a node off the list, as one that ends does; whether it stood there."""
        return bool(self._log.ask(lambda db: db.run("DELETE FROM hub_nodes WHERE name = %s", (name,)), begin=_BEGIN))


class Listening:
    """Being told of news of the log. `hears` is True where PostgreSQL tells of them, and False where it does not, as
    behind a pooler: then the head is looked at every `POLL_SECONDS`. None as long as that is not known, or the hub is
    away."""

    def __init__(self, log: PostgresLog, on_change: Callable[[int], None]) -> None:
        self._log = log
        self._on_change = on_change
        self._ending = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._known: tuple[str, str, int] | None = None
        self.hears: bool | None = None
        self._thread = threading.Thread(target=self._run, name="hub-listening", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; it has ended then, unless it was closed from within."""
        self._ending.set()
        self._wake.send(b"x")
        if threading.current_thread() is not self._thread:
            self._thread.join()
            self._wake.close()
            self._woken.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                if self.hears is not False:
                    self._hear()
                else:
                    self._look()
                    self._ending.wait(POLL_SECONDS)
            except StoreError:
                self.hears = None
                self._ending.wait(POLL_SECONDS)

    def _hear(self) -> None:
        """Wait for news until the end, or until they turn out not to come here.

        Raises:
            StoreError: the connection is lost.
        """
        head = self._look()
        if not self._log._connections.notifies:
            self.hears = False
            return
        with self._log._connections.own() as db, self._log.saying(), selectors.DefaultSelector() as either:
            channel, probe = _channel(head.hub), f"probe {token_hex(8)}"
            db.run(f'LISTEN "{channel}"')
            # Told by another connection: behind a pooler, what is said to this one's server may be heard by anybody.
            self._log.ask(lambda other: other.all("SELECT pg_notify(%s, %s)", (channel, probe)), begin=_BEGIN)
            heard = [told.payload for told in db.notifies(timeout=POLL_SECONDS, stop_after=1)]
            self.hears = bool(heard)
            if not heard:
                return
            self._look()
            either.register(db.fileno(), selectors.EVENT_READ)
            either.register(self._woken, selectors.EVENT_READ)
            while not self._ending.is_set():
                if not either.select(_CALM_SECONDS):
                    self._look()  # a line that is dead says nothing
                    db.run("SELECT 1")
                sizes = [told.payload for told in db.notifies(timeout=0) if told.payload.isdecimal()]
                if sizes and not self._ending.is_set():
                    self._look()

    def _look(self) -> SharedHead:
        head = self._log.head()
        known = (head.hub, head.epoch, head.size)
        if known != self._known and not self._ending.is_set():
            self._known = known
            self._on_change(head.size)
        return head


# How

_PRODUCT: Final = "tui_registry"
_SCHEMA_TABLE: Final = "hub_schema"
_TABLES: Final = (
    "hub_head",
    "hub_log",
    "hub_epochs",
    "hub_lease",
    "hub_idempotency",
    "hub_tokens",
    "hub_nodes",
)
# version: of the tables. least: a program that knows no tables of that version is not to touch them; it stays behind
# where a step only adds, so that two versions of the program can be nodes at once.
_SCHEMA: Final = (
    f"CREATE TABLE {_SCHEMA_TABLE} (product text PRIMARY KEY, version integer NOT NULL, least integer NOT NULL)"
)
_LEAST: Final = 1
_STEPS: Final = (
    (
        """
        CREATE TABLE hub_head (
            one integer PRIMARY KEY CHECK (one = 1),
            hub text NOT NULL,
            epoch text NOT NULL,
            size bigint NOT NULL,
            fingerprint text NOT NULL,
            chain bytea NOT NULL,
            rules integer NOT NULL,
            address text NOT NULL,
            store text NOT NULL
        )
        """,
        """
        CREATE TABLE hub_log (
            idx bigint PRIMARY KEY,
            hash bytea NOT NULL UNIQUE,
            body bytea NOT NULL,
            chain bytea NOT NULL,
            added_at timestamptz NOT NULL
        )
        """,
        """
        CREATE TABLE hub_epochs (
            number bigint PRIMARY KEY,
            epoch text NOT NULL,
            began_at timestamptz NOT NULL,
            why text NOT NULL,
            size bigint NOT NULL
        )
        """,
        "CREATE TABLE hub_lease (name text PRIMARY KEY, holder text NOT NULL, until timestamptz NOT NULL)",
        """
        CREATE TABLE hub_idempotency (
            key bytea PRIMARY KEY,
            request bytea NOT NULL,
            hash bytea NOT NULL,
            at bigint NOT NULL,
            added_at timestamptz NOT NULL
        )
        """,
        "CREATE INDEX hub_idempotency_added ON hub_idempotency (added_at)",
        """
        CREATE TABLE hub_tokens (
            name text PRIMARY KEY,
            digest bytea NOT NULL,
            scopes text NOT NULL,
            created_at bigint
        )
        """,
        """
        CREATE TABLE hub_nodes (
            name text PRIMARY KEY,
            version text NOT NULL,
            rules integer NOT NULL,
            size bigint NOT NULL,
            state text NOT NULL,
            seen_at timestamptz NOT NULL
        )
        """,
    ),
)
_VERSION: Final = len(_STEPS)
_TRIES: Final = 3
# The clock of whoever keeps the log, as it goes: `now()` stands still within a transaction, which may have waited.
_NOW: Final = "statement_timestamp()"
_SECONDS: Final = "CAST(floor(extract(epoch FROM {})) AS bigint)"
# When an operation came: nobody was there in 1970, which stands for what is not known.
_ADDED: Final = f"nullif({_SECONDS.format('added_at')}, 0)"
# How long a request is known again: by that clock as well, which all nodes have alike.
_KEPT: Final = "interval '1 day'"
_BOUNDED: Final = (
    f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; SET LOCAL statement_timeout = '{LOCK_SECONDS}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'"
)
_BEGIN: Final = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_BOUNDED}"
_BEGIN_READING: Final = f"BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {_BOUNDED}"
_BEGIN_BULK: Final = f"{_BEGIN}; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '60s'"
_HEAD_SPELT: Final = re.compile(r"[0-9a-f]{32} [0-9a-f]{32} [0-9a-f]{64} [0-9a-f]{40} [0-9a-f]{64}").fullmatch
_HEAD: Final = (
    "SELECT h.hub, h.epoch, h.size, h.fingerprint, h.chain, h.rules, h.address, s.least "
    f"FROM hub_head h JOIN hub_schema s ON s.product = '{_PRODUCT}'"
)
# By SQLSTATE, or its class: the code, and what is said.
_NO_HUB: Final = ("hub_other", "{hub} holds no hub: 'tui-registry hub init' makes one there")
_TABLES_OF_OTHERS: Final = (
    "hub_other",
    "{hub} has tables of the hub's names that are not this program's ({reason}): name a database or a schema of the "
    "hub's own",
)
_AGAIN: Final = ("hub_busy", "{hub}: somebody else wrote at the same moment, and nothing was written: try again")
_HELD: Final = (
    "hub_busy",
    f"{{hub}}: others hold the hub's log for longer than {LOCK_SECONDS} s, and nothing was written: try again",
)
_FULL: Final = ("hub_busy", "{hub} takes no more connections ({reason}): try again, or allow more of them there")
_LOST: Final = ("hub_away", "the connection to {hub} was lost ({reason}): try again")
_REFUSED: Final = (
    "hub_away",
    "{hub} does not let this user in ({reason}): see to the user and the password that the hub's address names",
)
_SAYS: Final = {
    "08": _LOST,
    "0A": (
        "hub_away",
        "{hub} cannot do what a hub needs ({reason}): name a PostgreSQL 12 or later that is written to, no standby",
    ),
    "22": _TABLES_OF_OTHERS,
    "23505": _AGAIN,
    "25006": ("hub_away", "{hub} can only be read, as a standby ({reason}): name the server that is written to"),
    "25P03": (
        "hub_busy",
        f"{{hub}} gave this up, as it did nothing for longer than {IDLE_SECONDS} s, and nothing was written: try again",
    ),
    "28": _REFUSED,
    "3D000": (
        "hub_away",
        "{hub} is not there ({reason}): make the database, or name one that is there in the hub's address",
    ),
    "3F000": (
        "hub_away",
        "{hub} has no schema to make tables in ({reason}): make it, or name one that is there in the hub's address",
    ),
    "40": _AGAIN,
    "42501": (
        "hub_away",
        "{hub}: this user may not do that ({reason}): let the owner of the hub's tables grant it, or name that user in "
        "the hub's address",
    ),
    "42703": _TABLES_OF_OTHERS,
    "42804": _TABLES_OF_OTHERS,
    "42883": _TABLES_OF_OTHERS,
    "42P01": _NO_HUB,
    "42P07": _AGAIN,
    "53100": ("hub_away", "{hub} has no room on its disk, and nothing was written: make room there"),
    "53300": _FULL,
    "53": ("hub_busy", "{hub} has too much to do ({reason}), and nothing was written: try again"),
    "55P03": _HELD,
    "57014": _HELD,
    "57": _LOST,
    "58": _LOST,
}
# What a server says before there is a connection comes without its SQLSTATE. Of another language it is said as it is.
_AT_THE_DOOR: Final = (
    ("too many", _FULL),
    ("connection slots", _FULL),
    ("permission denied", _SAYS["42501"]),
    (
        "startup parameter",
        (
            "hub_away",
            "{hub} is a pooler that does not know what the hub's address asks for ({reason}): leave that out there; a "
            "schema is the user's own with ALTER ROLE ... SET search_path",
        ),
    ),
    ("database ", _SAYS["3D000"]),
    ("password", _REFUSED),
    ("authentication", _REFUSED),
    ("pg_hba.conf", _REFUSED),
    ("role ", _REFUSED),
)


class _NoAnswer(psycopg.OperationalError):
    """Nothing came for too long."""


class _Connection(psycopg.Connection[TupleRow]):
    """A connection on which no answer is waited for without an end, and whose transactions are begun in words."""

    # How long an answer is waited for.
    seconds = _ANSWER_SECONDS
    # Whether it was made for whoever has it now.
    is_new = True
    _is_mute = False

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As of psycopg, but not longer than `seconds`. Its own waiting has no end that holds in all its versions."""
        if timeout is not None:  # for news, which may not come
            return super().wait(gen, interval, timeout)
        end, poll = time.monotonic() + self.seconds, select.poll()
        try:
            state = next(gen)
            while True:
                events = (select.POLLIN if state & Wait.R else 0) | (select.POLLOUT if state & Wait.W else 0)
                poll.register(self.pgconn.socket, events)
                came = poll.poll(max(0.0, end - time.monotonic()) * 1000)
                if not came:
                    self._is_mute = True
                    self.pgconn.finish()
                    raise _NoAnswer(f"no answer within {self.seconds:.0f} s")
                # An error is told by reading, or by writing.
                ready = came[0][1] & events or events
                reads = Ready.R if ready & select.POLLIN else Ready.NONE
                state = gen.send(Ready(reads | (Ready.W if ready & select.POLLOUT else Ready.NONE)))
        except StopIteration as ended:
            done: T = ended.value
            return done

    @property
    def is_lost(self) -> bool:
        """Whether it can be used no more."""
        return self.closed

    @property
    def is_stale(self) -> bool:
        """Whether it was kept since before, and was lost meanwhile: another one may do."""
        return self.closed and not self.is_new and not self._is_mute

    def run(self, statement: str, values: Params | None = None) -> int:
        """Do one or several statements; how many rows the first one changed."""
        return self.execute(statement.encode(), values).rowcount

    def run_said(self, statement: str) -> str:
        """Do a statement; how the server calls what it did."""
        return self.execute(statement.encode()).statusmessage or ""

    def all(self, statement: str, values: Params | None = None) -> list[TupleRow]:
        """Every row, in binary where there are values: half as many bytes."""
        return self.execute(statement.encode(), values, binary=values is not None).fetchall()

    def each(self, statements: str) -> list[list[TupleRow]]:
        """Every row of each of several statements."""
        cursor = self.execute(statements.encode())
        results = [cursor.fetchall() if cursor.description else []]
        while cursor.nextset():
            results.append(cursor.fetchall() if cursor.description else [])
        return results


class _Connections:
    """A few connections to one hub, lent out one at a time, and kept."""

    def __init__(self, dsn: str) -> None:
        """
        Raises:
            StoreError: `hub_away`: it is no address.
        """
        try:
            given = conninfo.conninfo_to_dict(dsn)
        except psycopg.Error:
            # Whose words hold the address as a whole.
            given = None
        if given is None or _is_torn(dsn, str(given.get("port") or "")):
            raise StoreError(
                "hub_away",
                "that is no address of a hub: write postgresql://USER@HOST/DATABASE, with %40 for an @ and %2F for a / "
                "in a name or a password",
            )
        self._secrets = [str(value) for name, value in given.items() if "password" in name and value]
        self.names_password = bool(self._secrets)
        if os.environ.get("PGPASSWORD"):
            self._secrets.append(os.environ["PGPASSWORD"])
        user, host, port, database = (str(given.get(name) or "") for name in ("user", "host", "port", "dbname"))
        where = f"[{host}]" if ":" in host else host
        beside = f"{user}@" if user else ""
        self.name = safe_text(f"postgresql://{beside}{where}{f':{port}' if port else ''}/{database}", 200)
        bounds: dict[str, str | int] = {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "tui-registry",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 20_000,
        }
        settings = {name: value for name, value in bounds.items() if name not in given}
        # A database that names no encoding (SQL_ASCII) would give bytes for text, and one of Latin 1 lose letters.
        self._dsn = conninfo.make_conninfo(dsn, **settings, client_encoding="UTF8")
        self._guard = threading.Condition()
        self._idle: list[_Connection] = []
        self._lent = 0
        self._is_closed = False
        self._is_met = False
        self.notifies = True
        self._is_lax = False

    @contextlib.contextmanager
    def lent(self, seconds: float, *, fresh: bool = False) -> Iterator[_Connection]:
        """A connection, for one transaction: what is open at the end is rolled back.

        Args:
            seconds: how long an answer is waited for.
            fresh: those that were kept are lost, as one of them is.

        Raises:
            StoreError.
        """
        with self._guard:
            if not self._guard.wait_for(lambda: self._lent < MOST_CONNECTIONS or self._is_closed, CONNECT_SECONDS):
                raise StoreError("hub_busy", f"{self.name}: every connection of this process is in use: try again")
            if self._is_closed:
                raise StoreError("hub_away", f"{self.name} was let go of")
            self._lent += 1
            kept = self._idle
            if fresh:
                self._idle, stale = [], kept
            else:
                stale = []
            db = None if fresh or not kept else kept.pop()
        for lost in stale:
            lost.close()
        try:
            if db is None:
                db = self._made()
            else:
                db.is_new = False
            db.seconds = seconds
            try:
                yield db
            finally:
                self._settle(db)
        finally:
            self._take_back(db)

    @contextlib.contextmanager
    def own(self) -> Iterator[_Connection]:
        """A connection beside those that are lent out, closed at the end."""
        db = self._made()
        try:
            yield db
        finally:
            db.close()

    def close(self) -> None:
        """Close those that are not in use, and the others as they come back."""
        with self._guard:
            self._is_closed = True
            idle, self._idle = self._idle, []
            self._guard.notify_all()
        for db in idle:
            db.close()

    @property
    def surely(self) -> str:
        """What a transaction that writes begins with besides, so that a commit is on the disk before it is answered:
        statements, known once there was a connection."""
        return "SET LOCAL synchronous_commit = on; " if self._is_lax else ""

    def shown(self, text: str) -> str:
        """A text of a server's or libpq's, on one line and without any password."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(text.split()).removeprefix("connection failed: ").partition(" Is the server running")[0]
        return safe_text(text, 300).rstrip(".")

    def unreachable(self, error: psycopg.Error) -> StoreError:
        """An error that came before a server's SQLSTATE did."""
        reason = self.shown(str(error))
        for words, (code, sentence) in _AT_THE_DOOR:
            if "FATAL:" in reason and words in reason:
                return StoreError(code, sentence.format(hub=self.name, reason=reason.partition("FATAL:")[2].strip()))
        return StoreError("hub_away", f"{self.name} cannot be reached ({reason}): see that it runs, and try again")

    def _made(self) -> _Connection:
        try:
            # No statement is prepared: a pooler gives the next transaction another server.
            db = _Connection.connect(self._dsn, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise self.unreachable(error) from None
        except UnicodeError:
            raise StoreError("hub_away", f"{self.name} cannot be reached: its host is no name of a machine") from None
        if not self._is_met:
            try:
                ((version, commits),) = db.all("SELECT version(), current_setting('synchronous_commit')")
            except psycopg.Error as error:
                db.close()
                raise self.unreachable(error) from None
            self.notifies = "CockroachDB" not in version and "-YB-" not in version
            self._is_lax = commits == "off"
            self._is_met = True
        return db

    def _take_back(self, db: _Connection | None) -> None:
        with self._guard:
            self._lent -= 1
            self._guard.notify()
            if db is None or db.closed:
                return
            if not self._is_closed:
                self._idle.append(db)
                return
        db.close()

    def _settle(self, db: _Connection) -> None:
        """End what is open on a connection, or the connection."""
        if not db.closed and db.info.transaction_status != TransactionStatus.IDLE:
            db.seconds = _ANSWER_SECONDS
            try:
                db.run("ROLLBACK")
            except psycopg.Error:
                db.close()
        if not db.closed and db.info.transaction_status != TransactionStatus.IDLE:
            db.close()


def _is_torn(dsn: str, port: str) -> bool:
    """Whether an address was read in other parts than were meant, as its password holds an @ or a / that is spelt as it
    is: a piece of that would be shown for a host, a port or a database."""
    if not dsn.startswith(("postgresql://", "postgres://")):
        return False
    place, _, path = dsn.partition("://")[2].partition("/")
    hosts = place.partition("@")[2].partition("?")[0]
    return "@" in hosts + path.partition("?")[0] or re.fullmatch(r"[0-9,]*", port, re.ASCII) is None


def _operations(db: _Connection, start: int, stop: int) -> list[SharedOp]:
    found: list[SharedOp] = []
    for first in range(start, stop, _READ_AT_ONCE):
        rows = db.all(
            f"SELECT idx, hash, body, chain, {_ADDED} FROM hub_log WHERE idx >= %s AND idx < %s ORDER BY idx",
            (first, min(stop, first + _READ_AT_ONCE)),
        )
        found += (SharedOp(place, bytes(digest), bytes(body), bytes(end), at) for place, digest, body, end, at in rows)
        if len(rows) < _READ_AT_ONCE:
            break
    return found


def _stored(at: int | None) -> datetime:
    """When an operation came, as PostgreSQL keeps it."""
    return datetime.fromtimestamp(at or 0, UTC)


def _places(db: _Connection, hashes: Sequence[bytes]) -> dict[bytes, int]:
    rows = db.all("SELECT hash, idx FROM hub_log WHERE hash = ANY(%s)", (list(hashes),))
    return {bytes(digest): place for digest, place in rows}


def _done(db: _Connection, key: bytes) -> DoneOnce | None:
    rows = db.all(
        f"SELECT key, request, hash, at FROM hub_idempotency WHERE key = %s AND added_at > {_NOW} - {_KEPT}", (key,)
    )
    return DoneOnce(bytes(rows[0][0]), bytes(rows[0][1]), bytes(rows[0][2]), rows[0][3]) if rows else None


def _chain_at(db: _Connection, size: int) -> bytes:
    if size == 0:
        return NO_CHAIN
    ((end,),) = db.all("SELECT chain FROM hub_log WHERE idx = %s", (size - 1,))
    return bytes(end)


def _copy(
    db: _Connection,
    place: int,
    end: bytes,
    operations: Iterable[Kept],
    progress: Callable[[int], None] | None,
) -> tuple[int, bytes]:
    """Write operations behind those that are there; gives how many there are then, and their chain."""
    rest = iter(operations)
    for first in rest:
        # A piece at a time: whoever gives them may read them from a disk, and the line would stand still meanwhile.
        piece = list(islice(chain((first,), rest), _IN_A_CHUNK))
        with db.cursor() as cursor, cursor.copy(b"COPY hub_log (idx, hash, body, chain, added_at) FROM STDIN") as copy:
            for digest, body, at in piece:
                end = chained(end, body)
                copy.write_row((place, digest, body, end, _stored(at)))
                place += 1
        if progress is not None:
            progress(place)
    return place, end


def _set_head(db: _Connection, epoch: str, size: int, fingerprint: str, end: bytes) -> None:
    db.run("UPDATE hub_head SET epoch = %s, size = %s, fingerprint = %s, chain = %s", (epoch, size, fingerprint, end))


def _note_epoch(db: _Connection, epoch: str, why: str, size: int) -> None:
    db.run(
        "INSERT INTO hub_epochs (number, epoch, began_at, why, size) "
        f"SELECT coalesce(max(number), 0) + 1, %s, {_NOW}, %s, %s FROM hub_epochs",
        (epoch, why, size),
    )


def _channel(hub: str) -> str:
    return f"tui_registry_{hub}"


def _scopes(spelt: str) -> tuple[TokenScope, ...]:
    return tuple(scope for scope in TOKEN_SCOPES if scope in spelt.split())
