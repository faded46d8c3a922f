"""What every part of the Datastore stands on: the pool, the clock and the key."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tui_registry.replica import identity
from tui_registry.replica.connection import Pool

if TYPE_CHECKING:
    from tui_registry.crdt import Identity
    from tui_registry.replica.verifier import Verifier


def now() -> int:
    """Unix seconds."""
    return int(time.time())


class Base:
    """The replica's directory, its connections, its clock and its identity."""

    def __init__(self, data_dir: Path, pool: Pool, clock: Callable[[], int]) -> None:
        """Use `Datastore.open`."""
        self.data_dir = data_dir
        self._pool = pool
        self._clock = clock
        self._identity: Identity | None = None
        self._address = ""
        self._judges: Verifier | None = None

    @property
    def key_file(self) -> Path:
        """Where the key that signs this replica's operations lies; it need not be there yet."""
        return self.data_dir / identity.KEY_FILE

    @property
    def address(self) -> str:
        """The address of this replica's key, 40 hex digits; makes the key at first use."""
        if not self._address:
            with self._pool.read() as db:
                (self._address,) = db.execute("SELECT address FROM replica").fetchone()
        return self._address or self.identity().address

    def identity(self) -> Identity:
        """The key that signs this replica's operations, made at first use.

        Raises:
            StoreError: `bad_key` when the key file was there once and is not any more, or holds no key.
        """
        if self._identity is None:
            with self._pool.read() as db:
                (known,) = db.execute("SELECT address FROM replica").fetchone()
            self._use(identity.load_or_make(self.data_dir, may_make=not known))
        assert self._identity is not None
        return self._identity

    def own_ops(self) -> int:
        """How many operations in the log this replica's key has signed."""
        with self._pool.read() as db:
            address = bytes.fromhex(self._known_address(db))
            row = db.execute("SELECT ops FROM owners WHERE address = ?", (address,)).fetchone()
        return 0 if row is None else int(row[0])

    def replace_identity(self, new: Identity | None = None) -> Path | None:
        """Sign with another key (a new one for None) from now on; returns where the former key file is kept."""
        from tui_registry.crdt import Identity

        kept = identity.replace(self.data_dir, new or Identity.generate(), f"{self._clock()}.old")
        self._use(identity.load_or_make(self.data_dir, may_make=False))
        return kept

    def _use(self, key: Identity) -> None:
        with self._pool.read() as db:
            (known,) = db.execute("SELECT address FROM replica").fetchone()
        if known != key.address:
            with self._pool.write() as db:
                db.execute("UPDATE replica SET address = ?", (key.address,))
        self._identity, self._address = key, key.address

    def _verifier(self) -> Verifier:
        from tui_registry.replica.verifier import Verifier

        if self._judges is None:
            self._judges = Verifier()
        return self._judges

    def _known_address(self, db: sqlite3.Connection) -> str:
        """The address of this replica's key, "" before there is one."""
        if not self._address:
            (self._address,) = db.execute("SELECT address FROM replica").fetchone()
        return self._address
