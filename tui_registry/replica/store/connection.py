"""One connection policy: WAL, durable commits, bounded caches, a small pool that any thread may borrow from.

SQLite's errors leave here as `StoreError`s: what happened, where, what to do.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tui_registry.errors import RegistryError
from tui_registry.text import exact

BUSY_SECONDS = 10.0
_READERS = 4
# What the writer holds of the database, and the pages in the WAL at which a commit moves them into it. A batch touches
# most pages of most indexes of a large replica: what the cache cannot hold is written and read again within the batch;
# and as the next batch touches the same pages, a bulk moves them once in a while only. The first ordinary write after
# it moves the rest and gives the memory back.
_CACHE_KB = 16_384
_CHECKPOINT_PAGES = 1_000
_BULK_CACHE_KB = 131_072
_BULK_CHECKPOINT_PAGES = 16_384
_WAL_KEPT_BYTES = 16 * 2**20
_POLICY = (
    "synchronous = FULL",
    # On macOS a plain fsync leaves the data in the drive's own cache; elsewhere these say nothing.
    "fullfsync = ON",
    "checkpoint_fullfsync = ON",
    "cache_size = -8192",
    "temp_store = MEMORY",
    # A stranger's file must not run code through the schema (SQLite: "Defense Against The Dark Arts").
    "trusted_schema = OFF",
)
# Steps of SQLite's machine between two looks at the clock: a millisecond or so.
_STEPS = 20_000


class StoreError(RegistryError):
    """A request that the replica cannot answer. `code` is one of `not_found`, `ambiguous`, `not_owner`,
    `already_registered`, `changed`, `not_deleted`, `other_record`, `peer_exists`, `bad_peer_name`, `bad_search_name`,
    `bad_address`, `corrupt`, `not_a_replica`, `newer_schema`, `read_only`, `disk_full`, `locked`, `unusable`,
    `bad_key`, `interrupted`, `conflict`, `no_conflict`, `differs`, `deleted`, `twice`, `bad_token_name`,
    `token_exists`, `bad_token_file`, `key_reused`."""

    def after(self, written: int) -> StoreError:
        """The same error, of a work in several steps: so many operations were written by those before."""
        if not written:
            return self
        return StoreError(self.code, f"{self.sentence}. {exact(written)} new operations were written before, and stay")


class Pool:
    """Connections to one database file. Readers are shared out, writers take turns.

    A writer's block is one `BEGIN IMMEDIATE` transaction: committed at its end, rolled back on any exception, and on
    disk when the block has ended (`synchronous=FULL`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._slots = threading.BoundedSemaphore(_READERS)
        self._held = threading.local()  # `slot`: whether this thread holds one
        self._writing = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._bulk: bool | None = None  # how the writer is set, None before it is
        self._watcher: sqlite3.Connection | None = None
        self._closed = False

    @contextmanager
    def read(
        self, seconds: float | None = None, unwanted: Callable[[], bool] | None = None
    ) -> Iterator[sqlite3.Connection]:
        """Borrow a connection; the block sees one snapshot of the database, and borrows no other.

        Args:
            seconds: after so long a statement is interrupted.
            unwanted: asked every few milliseconds; once it is true, a statement is interrupted.

        Raises:
            StoreError: the database cannot be read, or `interrupted`.
        """
        with self._slot(), said_plainly(self.path):
            connection = self._take()
            try:
                if seconds is not None or unwanted is not None:
                    connection.set_progress_handler(_stopper(seconds, unwanted), _STEPS)
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.set_progress_handler(None, 0)
                # A statement left half-read would hold its snapshot, and with it the WAL, for ever.
                connection.rollback()
                self._give_back(connection)

    @contextmanager
    def write(self, *, bulk: bool = False, patience: float | None = None) -> Iterator[sqlite3.Connection]:
        """Borrow the writer inside a transaction.

        Args:
            bulk: it is a large one, and others may follow: just as durable, and cheaper in all.
            patience: so many seconds other processes that write are waited for; `BUSY_SECONDS` unless said.

        Raises:
            StoreError: the database cannot be written; nothing was.
        """
        with self._writing, said_plainly(self.path):
            if self._writer is None:
                self._writer = self.connect()
                self._writer.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
            connection = self._writer
            if bulk is not self._bulk:
                _prepare_for(connection, bulk)
                self._bulk = bulk
            if patience is not None:
                connection.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
            try:
                connection.execute("BEGIN IMMEDIATE")
            finally:
                if patience is not None:
                    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def data_version(self) -> int:
        """A number that changes whenever any connection, of this process or another, has committed."""
        with self._guard, said_plainly(self.path):
            if self._watcher is None:
                self._watcher = self.connect()
            (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
            return int(version)

    def connect(self) -> sqlite3.Connection:
        """A new connection under the policy; the caller closes it."""
        if self._closed:
            raise StoreError("unusable", f"{self.path} has been closed")
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for setting in _POLICY:
            connection.execute(f"PRAGMA {setting}")
        return connection

    def close(self) -> None:
        """Close every idle connection; borrowed ones close when they are given back."""
        with self._guard:
            self._closed = True
            for connection in (*self._idle, *filter(None, (self._watcher,))):
                connection.close()
            self._idle.clear()
            self._watcher = None
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer, self._bulk = None, None

    @contextmanager
    def _slot(self) -> Iterator[None]:
        # Threads that each hold a slot and wait for a second one would deadlock once they hold them all.
        if getattr(self._held, "slot", False):
            raise RuntimeError("a thread borrows one reader at a time")
        with self._slots:
            self._held.slot = True
            try:
                yield
            finally:
                self._held.slot = False

    def _take(self) -> sqlite3.Connection:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return self.connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()


def damaged(path: Path) -> str:
    """What to say of a replica whose file is damaged."""
    return _SENTENCES[sqlite3.SQLITE_CORRUPT][1].format(path=path)


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turn SQLite's exceptions into `StoreError`s that name the file."""
    try:
        yield
    except sqlite3.Error as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        known = _SENTENCES.get(primary)
        if known is None or not isinstance(error, sqlite3.DatabaseError):
            raise
        code, sentence = known
        raise StoreError(code, sentence.format(path=path)) from error


# How


def _stopper(seconds: float | None, unwanted: Callable[[], bool] | None) -> Callable[[], bool]:
    end = None if seconds is None else time.monotonic() + seconds
    return lambda: (end is not None and time.monotonic() > end) or (unwanted is not None and unwanted())


def _prepare_for(writer: sqlite3.Connection, bulk: bool) -> None:
    writer.execute(f"PRAGMA cache_size = -{_BULK_CACHE_KB if bulk else _CACHE_KB}")
    writer.execute(f"PRAGMA wal_autocheckpoint = {_BULK_CHECKPOINT_PAGES if bulk else _CHECKPOINT_PAGES}")
    if not bulk:
        writer.execute("PRAGMA shrink_memory")


_SENTENCES = {
    sqlite3.SQLITE_NOTADB: (
        "not_a_replica",
        "{path} is not a registry database. Move it away, or name another --data-dir",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "corrupt",
        "{path} is damaged. Keep a copy, put a backup in its place or move it away and pull from your peers again",
    ),
    sqlite3.SQLITE_FULL: ("disk_full", "the disk of {path} is full: this was not written. Make room and try again"),
    sqlite3.SQLITE_READONLY: (
        "read_only",
        "{path} cannot be written. Check its permissions, or name another --data-dir",
    ),
    sqlite3.SQLITE_BUSY: (
        "locked",
        "{path} is in use by another process that does not let go. Try again when it is done",
    ),
    sqlite3.SQLITE_LOCKED: (
        "locked",
        "{path} is in use by another process that does not let go. Try again when it is done",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "unusable",
        "{path} cannot be opened. Check that the folder exists, is yours to write and that its disk has room",
    ),
    sqlite3.SQLITE_PERM: ("read_only", "{path} cannot be written. Check its permissions, or name another --data-dir"),
    sqlite3.SQLITE_IOERR: ("disk_full", "reading or writing {path} failed: the disk may be full or failing"),
    sqlite3.SQLITE_INTERRUPT: ("interrupted", "the search took too long and was stopped: add a word or a filter"),
}
