"""The file of a backup: a whole replica as one SQLite database, with what lies beside a replica in one more table.

It is a database of a kind of its own, so that nobody goes on with it where it lies: a replica that is put back has to
begin a log of another name. Whoever puts one back may have it from anybody: it is looked at before it is believed.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from tui_registry.frozen import NamedTuple
from tui_registry.replica.store.connection import Pool, StoreError, said_plainly
from tui_registry.replica.store.tables import APPLICATION_ID, BACKUP_ID, SCHEMA_VERSION, VERSIONS, set_words_aside
from tui_registry.text import exact, safe_text

# What lies beside a replica is a few kilobytes each: a keystore, a settings file.
MOST_BESIDE_BYTES: Final = 64 * 1024

_TABLE = "backup"
_MAKE_TABLE = f"CREATE TABLE {_TABLE} (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID"
# Above every value of a replica: the pages of its word indexes have 8 kB, operations and drafts less than 1 MB.
_LONGEST_VALUE = 16 * 2**20
# The head of the file (sqlite.org/fileformat2.html, 1.3): pages have 512 to 65,536 bytes, the last written as 1.
_HEAD_BYTES = 100
_MAGIC = b"SQLite format 3\0"
# Errors of the replica that is copied; every other one is the copy's.
_OF_THE_REPLICA = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# Texts that parts of the program take for what they are, such as for a part of a file's name.
_SPELT: Final = (
    ("replica", "epoch", re.compile(r"[0-9a-f]{32}")),
    ("replica", "fingerprint", re.compile(r"[0-9a-f]{64}")),
    ("replica", "address", re.compile(r"([0-9a-f]{40})?")),
    ("peers", "name", re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")),
    ("peers", "epoch", re.compile(r"[0-9a-f]{32}")),
    ("peers", "pinned", re.compile(r"[0-9a-f]{40}")),
    ("peers", "signed_by", re.compile(r"[0-9a-f]{40}")),
    ("faces", "key", re.compile(r"[0-9a-f]{40}")),
    ("faces", "epoch", re.compile(r"[0-9a-f]{32}")),
    ("cursors", "epoch", re.compile(r"[0-9a-f]{32}")),
    ("cursors", "running_sum", re.compile(r"[0-9a-f]{64}")),
    ("cursor_sums", "epoch", re.compile(r"[0-9a-f]{32}")),
    ("spoilt", "epoch", re.compile(r"[0-9a-f]{32}")),
    ("pending", "epoch", re.compile(r"[0-9a-f]{32}")),
)
# A fresh replica has one row in each of these.
_OF_ONE_ROW = ("replica", "search_state")
_QUOTES_AND_SPACES = re.compile(r"[\s\"'`\[\]]+")


class Copied(NamedTuple):
    """What was copied, all at one moment: how many operations and records, and the address of the key."""

    operations: int
    records: int
    address: str


# Writing


def copy_database(pool: Pool, path: Path, shown: Path) -> Copied:
    """Copy the database as it is at one moment, while others write on. What was deleted is not in the copy.

    Args:
        path: is made, readable by its owner alone; a journal may lie beside it meanwhile. shown: in sentences.

    Raises:
        StoreError: the database cannot be read, or the copy cannot be written. OSError.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    if pool.hindrance is None:
        with said_plainly(pool.path), closing(pool.connect()) as db, _said_of(shown):
            db.execute("VACUUM INTO ?", (str(path),))
    else:
        # Who may not write the one may not write the other: SQLite opens both alike.
        with pool.read() as db, _said_of(shown), closing(_opened(path)) as copy:
            db.backup(copy)
            copy.execute("VACUUM")
    with said_plainly(shown), closing(_opened(path)) as db:
        row = db.execute("SELECT size, models + agents, address FROM replica").fetchone()
    return Copied(*row)


def seal(path: Path, beside: Mapping[str, bytes], shown: Path) -> None:
    """Make a backup of a copy, with what lies beside the replica; it is on disk then."""
    with said_plainly(shown), closing(_opened(path)) as db:
        db.execute("BEGIN")
        db.execute(_MAKE_TABLE)
        db.executemany(f"INSERT INTO {_TABLE} (name, content) VALUES (?, ?)", beside.items())
        db.execute(f"PRAGMA application_id = {BACKUP_ID}")
        db.execute("COMMIT")
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# Reading


def expect_backup(head: bytes, size: int, shown: Path) -> None:
    """See by the beginning of a file whether it is a whole backup that this program can read.

    Args:
        head: its first 100 bytes. size: of the file.

    Raises:
        StoreError: `bad_backup`, `newer_schema`.
    """
    numbers = [int.from_bytes(head[at : at + 4], "big") for at in (60, 68, 28)]
    version, kind, pages = numbers
    if len(head) < _HEAD_BYTES or not head.startswith(_MAGIC) or kind != BACKUP_ID:
        is_replica = len(head) == _HEAD_BYTES and kind == APPLICATION_ID
        hint = "a replica's own database: copy its whole folder instead" if is_replica else "no backup of a replica"
        raise StoreError("bad_backup", f"{_safe(shown)} is {hint}. 'tui-registry backup FILE' makes a backup")
    if version > SCHEMA_VERSION:
        raise StoreError(
            "newer_schema",
            f"{_safe(shown)} was made by a later version of tui-registry (schema {version}, this one knows "
            f"{SCHEMA_VERSION}). Upgrade tui-registry",
        )
    page = int.from_bytes(head[16:18], "big")
    whole = pages * (65_536 if page == 1 else page)
    if not version:
        raise _bad(shown, "it does not say of which version its tables are")
    if whole != size:
        raise _bad(shown, f"it has {exact(size)} bytes of {exact(whole)}: it did not come whole")


def unseal(path: Path, shown: Path, folder: Path) -> dict[str, bytes]:
    """Look through a copy of a backup, which may come from anybody, and make it a replica's database again: that its
    tables are ours and nothing else is there, that the file is whole and its values are of their types. The operations
    in it are still to be verified, and its log needs another name.

    Args:
        shown, folder: where the backup lies, and where the replica is to lie, in sentences.

    Returns:
        What lay beside the replica.

    Raises:
        StoreError: `bad_backup`, `disk_full`.
    """
    try:
        with closing(_opened(path)) as db:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
            _expect_our_schema(db, shown)
            # Indexes too: what is found by one and is not in its table would be believed to be there.
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise _bad(shown, safe_text(str(found), 160))
            beside = _read_beside(db, shown)
            _expect_types(db, shown)
            db.execute("BEGIN")
            db.execute(f"DROP TABLE {_TABLE}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute("COMMIT")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA journal_mode = WAL")
    except UnicodeDecodeError:
        # Of a sentence of SQLite's, which repeats what it found.
        raise _bad(shown, "there is text in it that is none") from None
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            with said_plainly(folder):
                raise
        raise _bad(shown, safe_text(str(error), 160)) from error
    return beside


@contextmanager
def held_if_blank(path: Path) -> Iterator[bool]:
    """Whether a database is a replica's that nothing was ever put into, and nobody has open. If so it is locked until
    the block ends, and another may take its name.

    Raises:
        StoreError: it cannot be read, such as `not_a_replica`.
    """
    with said_plainly(path), closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        held = False
        try:
            db.execute("PRAGMA trusted_schema = OFF")
            ours = db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
            # Only where no other process has it open; what was in the `-wal` is in the database then.
            if ours and _is_blank(db) and db.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",):
                db.execute("BEGIN EXCLUSIVE")
                held = _is_blank(db)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
        taken = False
        try:
            yield held
            taken = held
        finally:
            if not taken and db.in_transaction:
                db.execute("ROLLBACK")
                db.execute("PRAGMA journal_mode = WAL")


# How


@contextmanager
def _said_of(shown: Path) -> Iterator[None]:
    """Say of the copy what is not the replica's fault."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_REPLICA:
            raise
        with said_plainly(shown):
            raise


def _opened(path: Path) -> sqlite3.Connection:
    """A connection to a file that is thrown away should anything fail, and lies where nobody else finds it."""
    db = sqlite3.connect(path, isolation_level=None)
    for setting in (
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "mmap_size = 0",
        "journal_mode = MEMORY",
        "synchronous = OFF",
    ):
        db.execute(f"PRAGMA {setting}")
    return db


def _expect_our_schema(db: sqlite3.Connection, shown: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    needed = _schema(version)
    known = needed.union(*(_schema(version, at) for at in range(1, version + 1)))
    found = _objects(db)
    if len(found) != db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] or not needed <= found <= known:
        names = sorted(str(name) for _, name, _, _ in found ^ needed if name != _TABLE)
        raise _bad(shown, f"its tables are not those of a replica ({safe_text(', '.join(names), 80)})")


_Object = tuple[str, str, str, str]


def _schema(version: int, set_aside_at: int = 0) -> set[_Object]:
    """What a backup of that version of the tables has, where the word index was set aside at one of them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for number, statements in enumerate(VERSIONS[:version], 1):
            for statement in statements:
                db.execute(statement)
            if number == set_aside_at:
                set_words_aside(db)
        db.execute(_MAKE_TABLE)
        return _objects(db)


def _objects(db: sqlite3.Connection) -> set[_Object]:
    """Everything in a schema: its type, name and table, and how it was made, but for quotes and spaces, which versions
    of SQLite set differently."""
    rows = db.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema").fetchall()
    return {(kind, name, table, _QUOTES_AND_SPACES.sub("", sql).lower()) for kind, name, table, sql in rows}


def _read_beside(db: sqlite3.Connection, shown: Path) -> dict[str, bytes]:
    beside: dict[str, bytes] = {}
    for name, content in db.execute(f"SELECT name, content FROM {_TABLE} LIMIT 100"):
        if not isinstance(name, str) or not isinstance(content, bytes) or len(content) > MOST_BESIDE_BYTES:
            raise _bad(shown, "what lies beside the replica in it is of another type, or too long")
        beside[name] = content
    return beside


def _expect_types(db: sqlite3.Connection, shown: Path) -> None:
    """SQLite keeps a value of any type in a column of any: see that they are of those that the columns name, and that
    texts are text. What is derived from operations is compared with them when they are verified."""
    if db.execute("SELECT count(*), max(one) FROM replica").fetchone() != (1, 1):
        raise _bad(shown, "it does not say which replica it is")
    tables = db.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall()
    for (table,) in tables:
        columns = db.execute("SELECT name, upper(type) FROM pragma_table_info(?)", (table,)).fetchall()
        wrong = " OR ".join(
            f"typeof({name}) NOT IN ('{kind.lower()}', 'null')" for name, kind in columns if kind in _TYPES
        )
        if wrong and db.execute(f"SELECT 1 FROM {table} WHERE {wrong} LIMIT 1").fetchone() is not None:
            raise _bad(shown, f"a value in its table {table} is of another type")
        texts = ", ".join(name for name, kind in columns if kind == "TEXT")
        for _ in db.execute(f"SELECT {texts} FROM {table}") if texts else ():
            pass  # what is not UTF-8 is an error
    for table, column, spelling in _SPELT:
        for (value,) in db.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
            if spelling.fullmatch(value) is None:
                raise _bad(shown, f"the {column} in its table {table} is {safe_text(value, 40)}")


_TYPES = frozenset(("TEXT", "INTEGER", "BLOB"))


def _is_blank(db: sqlite3.Connection) -> bool:
    tables = db.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall()
    names = [name for (name,) in tables if name not in _OF_ONE_ROW and not name.startswith("sqlite_")]
    if "replica" not in (name for (name,) in tables):
        return False
    full = any(db.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() is not None for name in names)
    return not full and db.execute("SELECT size, address FROM replica").fetchall() == [(0, "")]


def _bad(shown: Path, reason: str) -> StoreError:
    return StoreError(
        "bad_backup", f"{_safe(shown)} is a damaged backup, or none of a replica: {reason}. Take another copy of it"
    )


def _safe(path: Path) -> str:
    return safe_text(str(path))
