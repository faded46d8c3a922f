"""The store's declared errors, and SQLite's made into them: what happened, where, what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tui_registry.errors import RegistryError


class StoreError(RegistryError):
    """A request that the replica cannot answer. `code` is one of `not_found`, `ambiguous`, `not_owner`,
    `already_registered`, `changed`, `not_deleted`, `other_record`, `peer_exists`, `bad_peer_name`, `bad_search_name`,
    `bad_address`, `corrupt`, `not_a_replica`, `newer_schema`, `read_only`, `disk_full`, `locked`, `unusable`,
    `bad_key`, `interrupted`."""


_SENTENCES = {
    sqlite3.SQLITE_NOTADB: (
        "not_a_replica",
        "{path} is not a registry database. Move it away, or name another --data-dir",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "corrupt",
        "{path} is damaged. Keep a copy, put a backup in its place or move it away and pull from your peers again",
    ),
    sqlite3.SQLITE_FULL: ("disk_full", "the disk of {path} is full. Nothing was written: make room and try again"),
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
