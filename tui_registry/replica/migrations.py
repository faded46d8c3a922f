"""Making the database, and the way from every earlier version of its schema to this one."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from tui_registry.crdt.op import RULES_VERSION
from tui_registry.replica.columns import INDEX_VERSION
from tui_registry.replica.connection import BUSY_SECONDS, Pool
from tui_registry.replica.errors import StoreError, damaged, said_plainly

APPLICATION_ID = 0x74756972  # "tuir"
# An op takes a kilobyte or two: on SQLite's own 4,096 bytes a page, an eighth of the file would be gaps.
_PAGE_BYTES = 8_192

SCHEMA_VERSION = 1


def prepare(pool: Pool) -> None:
    """Make the database if there is none, bring an older one up to date, and leave any other file untouched.

    Raises:
        StoreError: `not_a_replica`, `newer_schema`, `corrupt`, `read_only`, `unusable`, `locked`, `disk_full`.
    """
    with said_plainly(pool.path):
        connection = pool.connect()
        try:
            version = _recognise(connection, pool.path)
            if version < SCHEMA_VERSION:
                # Before the first transaction: both are properties of the file, and cannot change inside one.
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                _enter_wal(connection)
                _migrate(connection, pool.path)
            versions = _read_versions(connection, pool.path)
        finally:
            connection.close()
    if versions != (RULES_VERSION, INDEX_VERSION):
        from tui_registry.replica.audit import refresh_versions

        refresh_versions(pool)


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. While another process does the same SQLite does not wait, so this does."""
    patience = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.01)
        else:
            return


def _read_versions(connection: sqlite3.Connection, path: Path) -> tuple[int, int]:
    try:
        row = connection.execute("SELECT rules_version, index_version FROM replica").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        row = None  # the table is gone
    if row is None:
        raise StoreError("corrupt", damaged(path))
    rules, index = row
    return rules, index


def _recognise(connection: sqlite3.Connection, path: Path) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == 0 and version == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise StoreError(
            "not_a_replica", f"{path} is a database of another program. Move it away, or name another --data-dir"
        )
    if version > SCHEMA_VERSION:
        raise StoreError(
            "newer_schema",
            f"{path} was written by a later version of tui-registry (schema {version}, this one knows "
            f"{SCHEMA_VERSION}). Upgrade tui-registry, or name another --data-dir",
        )
    return int(version)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    # Nearly every start finds the tables made.
    from tui_registry.replica.schema import VERSIONS

    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it between our look and our lock.
        version = _recognise(connection, path)
        for statements in VERSIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        if version == 0:
            import secrets

            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(
                "INSERT INTO replica (one, epoch, fingerprint, rules_version, index_version) VALUES (1, ?, ?, ?, ?)",
                (secrets.token_hex(16), "0" * 64, RULES_VERSION, INDEX_VERSION),
            )
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
