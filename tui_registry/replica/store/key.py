"""The key that signs: `identity.key` beside the database, 64 hex digits, readable by its owner alone."""

from __future__ import annotations

import errno
import itertools
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from tui_registry import crdt
from tui_registry.durable import drafted, give_new_name, sweep, sync_folder
from tui_registry.replica.store.connection import Pool, StoreError

KEY_FILE = "identity.key"
# What stands for the address of a replica that has no key.
NO_ADDRESS = "0" * 40
# A file or a folder that lets itself be read, and not be changed.
_UNCHANGEABLE = frozenset((errno.EROFS, errno.EPERM, errno.EACCES))


class Key:
    """The key of a replica: its file, and the address that the database remembers.

    Both are looked at each time, as another process may have put another key in place: a node that runs signs with
    that from then on.
    """

    def __init__(self, data_dir: Path, pool: Pool, clock: Callable[[], int]) -> None:
        self._data_dir = data_dir
        self._pool = pool
        self._clock = clock
        # With the state that its file had.
        self._held: tuple[crdt.Identity, FileState | None] | None = None

    @property
    def file(self) -> Path:
        """Where the key lies; it need not be there yet."""
        return self._data_dir / KEY_FILE

    @property
    def address(self) -> str:
        """The address of the key, 40 hex digits; makes the key at first use, where it can."""
        known = self.known
        if known:
            return known
        try:
            return self.identity().address
        except StoreError as error:
            if error.code not in ("read_only", "disk_full"):
                raise
            return NO_ADDRESS

    @property
    def known(self) -> str:
        """The address of the key, empty before there is one: looking makes no key."""
        with self._pool.read() as db:
            return self.known_address(db)

    def identity(self) -> crdt.Identity:
        """The key, made at first use.

        Raises:
            StoreError: `bad_key` when the key file was there once and is not any more, or holds no key; `read_only` or
                `disk_full` when there is none yet and none can be made.
        """
        held, state = self._held, file_state(self.file)
        if held is None or held[1] != state:
            with self._pool.read() as db:
                known = self.known_address(db)
            if not known:
                self._pool.expect_writable()
            held = self.use(_load_or_make(self._data_dir, may_make=not known)), state
            # With the state from before it was read: if it changed meanwhile, it is read again.
            self._held = held
        return held[0]

    def operations(self) -> int:
        """How many operations in the log the key has signed."""
        with self._pool.read() as db:
            address = bytes.fromhex(self.known_address(db))
            row = db.execute("SELECT ops FROM owners WHERE address = ?", (address,)).fetchone()
        return 0 if row is None else int(row[0])

    def replace(self, new: crdt.Identity | None = None) -> Path | None:
        """Sign with another key (a new one for None) from now on; returns where the former key file is kept."""
        self._pool.expect_writable()
        kept = _replace(self._data_dir, new or crdt.Identity.generate(), f"{self._clock()}.old")
        self._held = None
        self.identity()
        return kept

    def use(self, identity: crdt.Identity) -> crdt.Identity:
        """Sign with a key that is in its place, and let the database remember its address."""
        with self._pool.read() as db:
            known = self.known_address(db)
        if known != identity.address:
            with self._pool.write() as db:
                db.execute("UPDATE replica SET address = ?", (identity.address,))
                # What another key signed elsewhere is no news of this one; and whoever brings a key here knows where
                # it was used before.
                db.execute("DELETE FROM elsewhere")
        self._held = identity, file_state(self.file)
        return identity

    def known_address(self, db: sqlite3.Connection) -> str:
        """The address of the key, "" before there is one: looking makes no key."""
        (address,) = db.execute("SELECT address FROM replica").fetchone()
        return str(address)


FileState: TypeAlias = tuple[int, ...]


def file_state(path: Path) -> FileState | None:
    """What is another once a file has other content, be it replaced or written to; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


# How: the file


def _load_or_make(data_dir: Path, *, may_make: bool) -> crdt.Identity:
    """The replica's identity; a new one when there is no key file and `may_make`.

    Raises:
        StoreError: `bad_key` when the file is missing or holds no key, `read_only` or `disk_full` when it cannot be
            read or made.
    """
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            if not may_make:
                raise StoreError(
                    "bad_key",
                    f"the key file {path} is gone: put your backup in its place. Without it your records cannot be "
                    "edited; `tui-registry identity new` starts over with another key",
                )
            _make(path, crdt.Identity.generate().secret())
        if may_make:
            # Also where another process made it and was not done: what follows is signed with it.
            sync_folder(data_dir)
        text = path.read_text("ascii", "replace").strip()
        if path.stat().st_mode & 0o077:
            _keep_to_oneself(path)
    except OSError as error:
        raise _failed(path, "read or made", error) from error
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise _no_key(path)
    try:
        identity = crdt.Identity(bytes.fromhex(text))
    except ValueError:
        raise _no_key(path) from None
    # Only now that the key is known to be where it belongs.
    sweep(data_dir, KEY_FILE)
    return identity


def _keep_to_oneself(path: Path) -> None:
    try:
        path.chmod(0o600)
    except OSError as error:
        if error.errno not in _UNCHANGEABLE:
            raise


def _replace(data_dir: Path, identity: crdt.Identity, backup_suffix: str) -> Path | None:
    """Put another identity in place; the former key file is kept under a name that ends in `backup_suffix`, or in that
    and a number. There is a key file at every moment.

    Raises:
        StoreError: `read_only` when the folder cannot be written, `disk_full`.
    """
    path = data_dir / KEY_FILE
    try:
        backup = _keep(path, backup_suffix)
        with drafted(path, _spelt(identity.secret())) as draft:
            draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise _failed(path, "replaced", error) from error
    return backup


def _keep(path: Path, suffix: str) -> Path | None:
    """A second name for the key file, never that of another key; None when there is no key file."""
    for number in itertools.count():
        backup = path.with_name(f"{path.name}.{suffix}" + (f".{number}" if number else ""))
        try:
            os.link(path, backup)
        except FileExistsError:
            continue
        except FileNotFoundError:
            return None
        return backup
    return None


def _make(path: Path, secret: bytes) -> None:
    """Give the whole file its name: two processes agree on one key."""
    with drafted(path, _spelt(secret)) as draft, suppress(FileExistsError):
        give_new_name(draft, path)


def _spelt(secret: bytes) -> bytes:
    return f"{secret.hex()}\n".encode()


def _failed(path: Path, done: str, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            "disk_full", f"the key file {path} cannot be {done}: its disk is full. Make room and try again"
        )
    return StoreError(
        "read_only", f"the key file {path} cannot be {done} ({error.strerror}): check the folder's permissions"
    )


def _no_key(path: Path) -> StoreError:
    return StoreError(
        "bad_key",
        f"{path} does not hold a private key. Put your backup in its place; without it your records cannot be edited",
    )
