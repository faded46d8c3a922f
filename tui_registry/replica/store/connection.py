"""One connection policy: WAL, durable commits, bounded caches, a small pool that any thread may borrow from.

SQLite's errors leave here as `StoreError`s: what happened, where, what to do.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
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
    "cache_size = -16384",
    "temp_store = MEMORY",
    # A stranger's file must not run code through the schema (SQLite: "Defense Against The Dark Arts").
    "trusted_schema = OFF",
)
# Steps of SQLite's machine between two looks at the clock: less than a millisecond, mostly.
_STEPS = 5_000
_STEPS_A_SECOND = 25_000_000


class StoreError(RegistryError):
    """A request that the replica cannot answer. `code` is one of `not_found`, `ambiguous`, `not_owner`,
    `already_registered`, `changed`, `not_deleted`, `other_record`, `peer_exists`, `bad_peer_name`, `bad_search_name`,
    `bad_address`, `corrupt`, `not_a_replica`, `newer_schema`, `read_only`, `disk_full`, `locked`, `unusable`,
    `bad_key`, `interrupted`, `conflict`, `no_conflict`, `differs`, `deleted`, `twice`, `bad_token_name`,
    `bad_backup`, `token_exists`, `bad_token_file`, `key_reused`, `bad_owner`, `own_key`, `bad_ration`,
    `no_room`; of a hub: `no_hub`, `hub_view`, `hub_away`, `hub_busy`, `hub_other`, `hub_newer`, `hub_differs`,
    `outcome_unknown`."""

    def after(self, written: int) -> StoreError:
        """The same error, of a work in several steps: so many operations were written by those before."""
        if not written:
            return self
        return StoreError(self.code, f"{self.sentence}. {exact(written)} new operations were written before, and stay")


class Pool:
    """Connections to one database file. Readers are shared out, writers take turns.

    A writer's block is one `BEGIN IMMEDIATE` transaction: committed at its end, rolled back on any exception, and on
    disk when the block has ended (`synchronous=FULL`).

    A file that cannot be written is read all the same, as far as that is safe (`settle`).
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """
        Args:
            read_only: write nothing, even where that could be done.
        """
        self.path = path
        self._asked = read_only
        # How connections are opened, what keeps the file from being written, and, where it is read as a file that
        # nobody changes, how it looked then. A change of the way begins another turn.
        self._way = _ORDINARY
        self._hindrance: Hindrance | None = None
        self._still: _Look | None = None
        self._turn = 0
        # Where it is read together with its owner: as long as a connection is there, so are the files that are shared.
        self._holding: sqlite3.Connection | None = None
        self._settling = threading.Lock()
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
        self, seconds: float | None = None, unwanted: Callable[[], bool] | None = None, work: int | None = None
    ) -> Iterator[sqlite3.Connection]:
        """Borrow a connection; the block sees one snapshot of the database, and borrows no other.

        Args:
            seconds: after so long a statement is interrupted.
            unwanted: asked every few milliseconds; once it is true, a statement is interrupted.
            work: so many steps of SQLite's machine all statements of the block may take, some thousands more or less,
                and no more time of the processor than so many usually need. Other than by the clock, it makes no
                difference what else the machine does.

        Raises:
            StoreError: the database cannot be read, or `interrupted`.
        """
        with self._slot(), said_plainly(self.path):
            self._follow()
            connection, turn, still = self._take()
            try:
                if seconds is not None or unwanted is not None or work is not None:
                    connection.set_progress_handler(_stopper(seconds, unwanted, work), _STEPS)
                connection.execute("BEGIN")
                yield connection
                self._expect_as(still)
            except Exception:
                # What looks like damage may be half of what another process writes.
                self._expect_as(still)
                raise
            finally:
                connection.set_progress_handler(None, 0)
                # A statement left half-read would hold its snapshot, and with it the WAL, for ever.
                connection.rollback()
                self._give_back(connection, turn)

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
            self.expect_writable()
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
        with said_plainly(self.path):
            self._follow()
            with self._guard:
                if self._still is not None:
                    return hash(self._still)
                if self._watcher is None:
                    self._watcher = self.connect()
                (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
                # Another connection begins to count anew.
                return int(version) + (self._turn << 48)

    def connect(self) -> sqlite3.Connection:
        """A new connection under the policy; the caller closes it."""
        if self._closed:
            raise StoreError("unusable", f"{self.path} has been closed")
        return _connected(self.path, self._way)

    def turn(self) -> int:
        """A number that changes when the file is read in another way: who keeps a connection of `connect` opens another
        one then."""
        self._follow()
        return self._turn

    @property
    def hindrance(self) -> Hindrance | None:
        """What kept the file from being written when that was looked at last; None where nothing did."""
        return self._hindrance

    def settle(self) -> sqlite3.Connection:
        """Find out whether the file can be written, and how it is read where it cannot; gives a connection that has
        read, which the caller closes. To be called before anything else.

        A database in WAL mode wants two more files beside it, also to be read. Where it cannot be written:

        - `-wal` and `-shm` are there, or can be made: it is read together with whoever writes it (`mode=ro`).
        - They cannot be made, but nobody can write: it is read as it is (`immutable`), or, where a `-wal` holds what
          is not in the database yet, with an index of that in memory. Before and after each read it is looked at
          whether it still is as it was: a folder that is mounted read-only here may be written from elsewhere.
        - They cannot be made, and somebody else may write at any time: it cannot be read safely, which is said.

        Raises:
            sqlite3.Error: it cannot be opened or read. StoreError: `read_only`, for the third case.
        """
        found = _hindrance_of(self.path)
        hindrance = _ASKED if self._asked else found
        if hindrance is not None and _shape(self.path) is None:
            raise hindrance.error(f"there is no replica in {self.path.parent}, and none can be made there")
        is_there = self.path.is_file()
        try:
            if found is not None and _would_leave_files(self.path):
                raise _NoFilesError
            way = _WITH_OTHERS if found is not None else _ASKING if self._asked else _ORDINARY
            return self._settled(way, hindrance, None)
        except sqlite3.Error as error:
            if not is_there:
                raise
            if _lacks_room(error, self.path):
                hindrance = hindrance or _FULL
            elif hindrance is None or not _lacks_files(error):
                raise
            elif not _nobody_writes(self.path):
                raise StoreError("read_only", _UNSAFE.format(path=self.path, reason=hindrance.reason)) from error
            if _shape(_beside(self.path, "-journal")) is not None:
                raise  # what it would take back stands in the file
            look = _look_at(self.path)
            return self._settled(_STILL if look.wal is None else _STILL_WITH_WAL, hindrance, look)

    def expect_writable(self) -> None:
        """See to it that the file can be written; what kept it from that may be gone by now.

        Raises:
            StoreError: `read_only` or `disk_full`: why it cannot be, and what to do.
        """
        if self._hindrance is None:
            return
        if not self._asked and (self._hindrance is _FULL or _hindrance_of(self.path) is None):
            with self._settling, said_plainly(self.path):
                self.settle().close()
        if self._hindrance is not None:
            # What a narrow screen cuts off is the path, not the reason.
            raise self._hindrance.error("this replica can only be read", f" ({self.path})")

    def close(self) -> None:
        """Close every idle connection; borrowed ones close when they are given back."""
        with self._guard:
            self._closed = True
            for connection in (*self._idle, *filter(None, (self._watcher, self._holding))):
                connection.close()
            self._idle.clear()
            self._watcher = self._holding = None
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

    def _take(self) -> tuple[sqlite3.Connection, int, _Look | None]:
        with self._guard:
            turn, still = self._turn, self._still
            if self._idle:
                return self._idle.pop(), turn, still
        return self.connect(), turn, still

    def _give_back(self, connection: sqlite3.Connection, turn: int) -> None:
        with self._guard:
            if not self._closed and turn == self._turn:
                self._idle.append(connection)
                return
        connection.close()

    def _settled(self, way: _Way, hindrance: Hindrance | None, still: _Look | None) -> sqlite3.Connection:
        connection = _reading(self.path, way)
        holding = _reading(self.path, way) if way == _WITH_OTHERS else None
        with self._guard:
            self._holding, holding = holding, self._holding
            if holding is not None:
                holding.close()
            if (way, hindrance, still) != (self._way, self._hindrance, self._still):
                for former in (*self._idle, *filter(None, (self._watcher,))):
                    former.close()
                self._idle.clear()
                self._watcher = None
                self._way, self._hindrance, self._still = way, hindrance, still
                self._turn += 1
        return connection

    def _follow(self) -> None:
        """Where the file was read as one that nobody changes, and somebody did: find out anew how it is read."""
        if self._still is None or _look_at(self.path) == self._still:
            return
        with self._settling:
            if _look_at(self.path) != self._still:  # else another thread has done it
                self.settle().close()

    def _expect_as(self, still: _Look | None) -> None:
        if still is not None and _look_at(self.path) != still:
            raise StoreError("locked", f"{self.path} was written by another process while it was read: try again")


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


class Hindrance(NamedTuple):
    """What keeps a replica from being written.

    Attributes:
        code: `read_only` or `disk_full`.
        reason: the end of a sentence.
        remedy: what to do, as a sentence without its end.
    """

    code: str
    reason: str
    remedy: str

    def error(self, what: str, where: str = "") -> StoreError:
        """
        Args:
            what: the beginning of the sentence, such as that the replica can only be read. where: what its end names.
        """
        return StoreError(self.code, f"{what}: {self.reason}{where}. {self.remedy}")


# How: a file that cannot be written


class _Way(NamedTuple):
    """How connections are opened.

    Attributes:
        options: of the file's URI; empty for SQLite's ordinary way.
        has_own_index: what a `-wal` holds is indexed in the connection's own memory, not in a file that all share.
        only_asks: nothing is written by statements, where it could be.
    """

    options: str = ""
    has_own_index: bool = False
    only_asks: bool = False


_ORDINARY = _Way()
# Not `mode=ro`: who could write, and opens it so, leaves the files beside it behind.
_ASKING = _Way(only_asks=True)
_WITH_OTHERS = _Way("mode=ro")
# Without locks, for which no file could be opened either, and from which nobody is kept.
_STILL = _Way("mode=ro&immutable=1")
_STILL_WITH_WAL = _Way("mode=ro&vfs=unix-none", has_own_index=True)

_COPY = "Copy its folder to where you may write, and name the copy with --data-dir"
_ASKED = Hindrance("read_only", "it was opened to be read only", "Open it without that to write")
_FULL = Hindrance("disk_full", "its disk is full", "Make room and try again")
_UNSAFE = (
    "{path} cannot be read where it is: {reason}, nobody has it open whose files could be shared, and who may write it "
    "could do so meanwhile. Copy its folder and name the copy with --data-dir, or read while its owner has it open"
)
_NO_ROOM = frozenset(
    (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_WRITE)
)


# Where a database says how it is to be read, and what it says there in WAL mode.
_JOURNAL, _WAL = 19, b"\2"


class _Look(NamedTuple):
    """How the files of a database look: each as inode, bytes and time of the last change; None for a `-wal` that is not
    there or holds nothing."""

    database: tuple[int, int, int]
    wal: tuple[int, int, int] | None


def _connected(path: Path, way: _Way) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{way.options}" if way.options else path,
        uri=bool(way.options),
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    # How it is locked is said before it is looked at for the first time, which some of the others do.
    for setting in ("locking_mode = EXCLUSIVE", *_POLICY) if way.has_own_index else _POLICY:
        connection.execute(f"PRAGMA {setting}")
    if way.only_asks:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _hindrance_of(path: Path) -> Hindrance | None:
    beside = (one if one.exists() else path.parent for one in (_beside(path, "-wal"), _beside(path, "-shm")))
    places = (*beside, path) if path.exists() else (path.parent,)
    closed = next((place for place in reversed(places) if not os.access(place, os.W_OK)), None)
    if closed is None:
        return None
    if _is_mounted_read_only(path.parent):
        reason = "its disk is mounted read-only"
    elif closed == path:
        reason = "this user may not write the file"
    else:
        reason = f"this user may not write {'in ' if closed == path.parent else ''}{closed}"
    return Hindrance("read_only", reason, _COPY)


def _reading(path: Path, way: _Way) -> sqlite3.Connection:
    """A connection that has read, and so has all that it needs to read."""
    connection = _connected(path, way)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


class _NoFilesError(sqlite3.OperationalError):
    """The files beside the database are not there, and are not to be made."""

    sqlite_errorcode = sqlite3.SQLITE_CANTOPEN


def _would_leave_files(path: Path) -> bool:
    """Whether SQLite, to read a database that this user may not write, would make files beside it: they would be this
    user's and stay there, and whoever may write the database could not write them."""
    if _beside(path, "-shm").exists() or not os.access(path.parent, os.W_OK):
        return False
    with suppress(OSError), path.open("rb") as file:
        return file.read(_JOURNAL + 1)[_JOURNAL:] == _WAL
    return False


def _lacks_room(error: sqlite3.Error, path: Path) -> bool:
    """Whether it is for want of room that no file can be made beside the database."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code in _NO_ROOM or (code & 0xFF == sqlite3.SQLITE_CANTOPEN and not os.statvfs(path.parent).f_favail)


def _lacks_files(error: sqlite3.Error) -> bool:
    """Whether it is for want of the files beside the database that it cannot be read."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_IOERR,
    )


def _nobody_writes(path: Path) -> bool:
    """Whether nobody but the system's administrator can write the database, or make the files that writing it needs."""
    if _is_mounted_read_only(path.parent):
        return True
    for place in (path, path.parent):
        status = place.stat()
        # Write permission of group and others, and of an owner who is not root.
        if not status.st_mode & (0o222 if status.st_uid else 0o022):
            return True
    return False


def _is_mounted_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _look_at(path: Path) -> _Look:
    return _Look(_shape(path) or (0, 0, 0), _shape(_beside(path, "-wal")))


def _shape(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns) if status.st_size else None


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


# How


def _stopper(seconds: float | None, unwanted: Callable[[], bool] | None, work: int | None) -> Callable[[], bool]:
    """What is asked after every `_STEPS` steps: whether to stop."""
    end = None if seconds is None else time.monotonic() + seconds
    # Reading the word index takes few steps and much time.
    spent = None if work is None else time.thread_time() + work / _STEPS_A_SECOND
    looks = None if work is None else work // _STEPS

    def is_over() -> bool:
        nonlocal looks
        if looks is not None and spent is not None:
            looks -= 1
            if looks < 0 or time.thread_time() > spent:
                return True
        return (end is not None and time.monotonic() > end) or (unwanted is not None and unwanted())

    return is_over


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
