"""What the log is as a set, kept with it: its LtHash, its symbols and the right edge of its tree.

They are those of the log's first `replica.kept` operations, and move in the transaction that appends operations: so
whatever ends the program, they are those of a beginning of the log. They do not move with each operation: one changes
symbols all over their table, and to write these pages for every single write would cost it more than all else. So up to
`MOST_BEHIND` operations at the end are left out, and whoever reads adds them: some 20 ms at most, and a process goes on
from what it told last. A log that is farther ahead is one of before these tables: they are made behind, piece by piece
(`keep_some`), and nobody is told anything until then.

A log only grows under its epoch, so nothing else has to be undone. Whoever writes the log anew calls `forget_sets`, and
`take_out` who takes some operations out of it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from tui_registry.crdt.sets import LANES_BYTES, SYMBOL_BYTES, SYMBOLS, LtHash, Symbols
from tui_registry.crdt.tree import RightEdge
from tui_registry.frozen import NamedTuple
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.tables import MOST_BEHIND, is_view

_AT_ONCE = 4_096
_PATIENCE_SECONDS = 0.5
# A row holds so many symbols.
_SYMBOLS_A_ROW = 256
_MODULUS = 2**256
_TOTAL_BYTES = 32


class SetState(NamedTuple):
    """What the log's first `size` operations are as a set.

    Attributes:
        set_hash: the digest of their LtHash, 32 bytes, as heads name it.
        lanes: the LtHash, which is the caller's own.
        root: of the tree over them, 32 bytes; None at an earlier size, where it would cost too much.
    """

    epoch: str
    size: int
    set_hash: bytes
    lanes: LtHash
    root: bytes | None


# Writing: within the transaction that appends


def keep(db: sqlite3.Connection, kept: int, before: int, appended: Sequence[bytes]) -> int:
    """Let what is kept follow the log, where it is far enough behind by now, and not so far that it is made behind.

    Args:
        kept: `replica.kept`. before: the size of the log without what is appended. appended: the hashes of that.

    Returns:
        What `replica.kept` is now.
    """
    size = before + len(appended)
    if before - kept > MOST_BEHIND or size - kept <= MOST_BEHIND:
        return kept
    values = _read(db, kept)
    if values is None:  # spoilt: made anew, behind
        forget_sets(db)
        return 0
    adding = _Adding(values)
    for hashes in _hashes(db, kept, before):
        adding.add(hashes)
    adding.add(appended)
    if adding.size != size:  # operations are missing, which is for `audit` to tell
        return kept
    _write(db, adding.values())
    return size


def forget_sets(db: sqlite3.Connection) -> None:
    """Let nothing be kept, as the log is written anew."""
    db.execute("DELETE FROM log_set")
    db.execute("DELETE FROM log_symbols")
    db.execute("UPDATE replica SET kept = 0")


def take_out(db: sqlite3.Connection, places: Sequence[int]) -> None:
    """Let what is kept be of the log without some of its operations, before these are taken out of it and what is left
    is closed up, in the same transaction. It costs a look at every operation, and reckoning for those that go or for
    those that stay, whichever are fewer.

    Args:
        places: of what goes, in the log as it is.
    """
    size, kept = db.execute("SELECT size, kept FROM replica").fetchone()
    values = _read(db, kept) if 0 <= size - kept <= MOST_BEHIND else None
    if values is None:
        forget_sets(db)
        return
    gone = frozenset(places)
    is_anew = 2 * len(gone) > size
    adding, edge = _Adding(_NOTHING if is_anew else values), RightEdge()
    for first, hashes in zip(range(0, size, _AT_ONCE), _hashes(db, 0, size), strict=True):
        stays = [digest for place, digest in enumerate(hashes, first) if place not in gone]
        if is_anew:
            adding.add(stays)
        else:
            goes = [digest for place, digest in enumerate(hashes, first) if place in gone and place < kept]
            comes = [digest for place, digest in enumerate(hashes, first) if place not in gone and place >= kept]
            adding.take(goes)
            adding.add(comes)
            edge = edge.extended(stays)
    _write(db, adding.values() if is_anew else adding.values()._replace(size=edge.size, edge=edge))


def keep_some(pool: Pool) -> bool:
    """Go on with a piece of what is to be made behind; whether more is to come. Whatever ends the program between two
    calls, the next one goes on where the last one ended.

    Raises:
        StoreError: `locked` soon, as it can wait: others write.
    """
    # Others write while this is reckoned: what a log begins with does not change under its epoch.
    with pool.read() as db:
        epoch, size, kept = db.execute("SELECT epoch, size, kept FROM replica").fetchone()
        if 0 <= size - kept <= MOST_BEHIND:
            return False
        values = _read(db, kept) if kept <= size else None
        adding = _Adding(_NOTHING if values is None else values)
        stop = min(size, adding.size + _AT_ONCE)
        for hashes in _hashes(db, adding.size, stop):
            adding.add(hashes)
    if adding.size != stop:  # operations are missing, which is for `audit` to tell
        return False
    with pool.write(patience=_PATIENCE_SECONDS) as db:
        # Another process may have done as much meanwhile, or written the log anew.
        if db.execute("SELECT epoch, kept FROM replica").fetchone() == (epoch, kept):
            _write(db, adding.values())
    return True


def check_sets(db: sqlite3.Connection, *, mend: bool) -> bool:
    """Whether what is kept differs from what the log says; with `mend` it is set right, and made to its end. Where a
    head that was signed may have said something wrong, the log has another epoch then: else the head that is right
    would be taken for another face of the same key. The epoch of a view of a hub is the hub's."""
    (kept,) = db.execute("SELECT kept FROM replica").fetchone()
    (size,) = db.execute("SELECT count(*) FROM ops").fetchone()
    if not kept and size <= MOST_BEHIND:
        return False
    right = _Adding(_NOTHING)
    stored = None
    if 0 <= kept <= size:
        stored = _read(db, kept)
        for hashes in _hashes(db, 0, kept):
            right.add(hashes)
    was_right = right.values()
    is_wrong = stored != was_right
    if (
        mend
        and stored is not None
        and not is_view(db)
        and (stored.lanes, stored.edge) != (was_right.lanes, was_right.edge)
    ):
        db.execute("UPDATE replica SET epoch = ?", (os.urandom(16).hex(),))
    if mend and (is_wrong or size - kept > MOST_BEHIND):
        for hashes in _hashes(db, right.size, size):
            right.add(hashes)
        forget_sets(db)
        _write(db, right.values())
    return is_wrong


# Reading


class Sets:
    """What a log is as a set. Safe to use from any thread; it remembers what it told last, and goes on from there."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # With symbols and without: to read and spell them takes as long as three hundred operations.
        self._last: dict[bool, tuple[str, _Values]] = {}

    def finish(self, seconds: float) -> bool:
        """Go on with making what is kept for so long at most; whether it is done."""
        until = time.monotonic() + seconds
        with suppress(StoreError):
            while keep_some(self._pool):
                if time.monotonic() > until:
                    return False
            return True
        return False

    def state(self, db: sqlite3.Connection, epoch: str, size: int | None, most: int | None) -> SetState | None:
        """What the log was, as `Log.set_of` says."""
        values = self._now(db, epoch, with_symbols=False)
        if values is None:
            return None
        if size is None or size == values.size:
            lanes = LtHash.from_bytes(values.lanes)
            return SetState(epoch, values.size, lanes.digest(), lanes, values.edge.root())
        way = _way(size, values.size, most)
        if way is None:
            return None
        if way.is_from_start:
            adding = _Adding(_NOTHING, with_symbols=False)
            for hashes in _hashes(db, way.start, way.stop):
                adding.add(hashes)
            return SetState(epoch, size, adding.lanes.digest(), adding.lanes, adding.edge.root())
        lanes = LtHash.from_bytes(values.lanes)
        for hashes in _hashes(db, way.start, way.stop):
            lanes.take_all(hashes)
        return SetState(epoch, size, lanes.digest(), lanes, None)

    def symbols(
        self, db: sqlite3.Connection, epoch: str, size: int, start: int, stop: int, most: int | None
    ) -> bytes | None:
        """The symbols of what the log was, as `Log.symbols` says."""
        values = self._now(db, epoch, with_symbols=True)
        if values is None:
            return None
        if size == values.size:
            return values.symbols[start * SYMBOL_BYTES : stop * SYMBOL_BYTES]
        way = _way(size, values.size, most)
        if way is None:
            return None
        symbols = Symbols() if way.is_from_start else Symbols.from_bytes(values.symbols)
        change = symbols.add_all if way.is_from_start else symbols.take_all
        for hashes in _hashes(db, way.start, way.stop):
            change(hashes)
        return symbols.to_bytes(start, stop)

    def _now(self, db: sqlite3.Connection, epoch: str, *, with_symbols: bool) -> _Values | None:
        """What the whole log is; None where it is of another epoch, and while that is being made."""
        its, size, fingerprint, kept = db.execute("SELECT epoch, size, fingerprint, kept FROM replica").fetchone()
        if its != epoch:
            return None
        total = int(fingerprint, 16)
        last, values = self._last.get(with_symbols), None
        if last is not None and last[0] == epoch and min(kept, size) <= last[1].size <= size:
            values = _followed(db, last[1], size, total)
        if values is None and 0 <= size - kept <= MOST_BEHIND:
            values = _read(db, kept, with_symbols=with_symbols)
            if values is not None:
                values = _followed(db, values, size, total)
        if values is None:
            self._last.clear()
            return None
        self._last[with_symbols] = epoch, values
        return values


# How


class _Values(NamedTuple):
    """What the first `size` operations of a log are as a set; `symbols` is empty where they were not asked for.

    `total` is the sum of their hashes modulo 2^256, as the fingerprint of a head.
    """

    size: int
    total: int
    lanes: bytes
    edge: RightEdge
    symbols: bytes


class _Adding:
    """Operations on their way into a set."""

    def __init__(self, values: _Values, *, with_symbols: bool = True) -> None:
        self._total = values.total
        self.lanes = LtHash.from_bytes(values.lanes)
        self.edge = values.edge
        self._symbols = Symbols.from_bytes(values.symbols) if with_symbols else None

    @property
    def size(self) -> int:
        return self.edge.size

    def add(self, hashes: Sequence[bytes]) -> None:
        self._total += sum(int.from_bytes(digest, "big") for digest in hashes)
        self.lanes.add_all(hashes)
        self.edge = self.edge.extended(hashes)
        if self._symbols is not None:
            self._symbols.add_all(hashes)

    def take(self, hashes: Sequence[bytes]) -> None:
        """Take operations out, wherever they stand: the tree is for the caller to make anew."""
        self._total -= sum(int.from_bytes(digest, "big") for digest in hashes)
        self.lanes.take_all(hashes)
        if self._symbols is not None:
            self._symbols.take_all(hashes)

    def values(self) -> _Values:
        symbols = b"" if self._symbols is None else self._symbols.to_bytes(0, SYMBOLS)
        return _Values(self.size, self._total % _MODULUS, self.lanes.to_bytes(), self.edge, symbols)


class _Way(NamedTuple):
    """From which operations it is found out what the log was: those up to there, or those behind that."""

    start: int
    stop: int
    is_from_start: bool


def _way(size: int, have: int, most: int | None) -> _Way | None:
    if not 0 <= size <= have:
        return None
    way = _Way(0, size, True) if size < have - size else _Way(size, have, False)
    return None if most is not None and way.stop - way.start > most else way


# All that is told of no operations is zeros, which take longer to spell than a small log to read.
_NOTHING = _Values(0, 0, bytes(LANES_BYTES), RightEdge(), bytes(SYMBOLS * SYMBOL_BYTES))


def _followed(db: sqlite3.Connection, values: _Values, size: int, total: int) -> _Values | None:
    """What becomes of a set as the log goes on to that size; None where its hashes do not sum up to that: then it was
    not the set of this log."""
    if values.size == size:
        return values if values.total == total else None
    adding = _Adding(values, with_symbols=bool(values.symbols))
    for hashes in _hashes(db, values.size, size):
        adding.add(hashes)
    values = adding.values()
    return values if values.total == total else None


def _hashes(db: sqlite3.Connection, start: int, stop: int) -> Iterator[list[bytes]]:
    """The hashes of the operations from one place of the log up to another, a bounded number at a time."""
    for first in range(start, stop, _AT_ONCE):
        rows = db.execute(
            "SELECT hash FROM ops WHERE idx >= ? AND idx < ? ORDER BY idx", (first, min(stop, first + _AT_ONCE))
        )
        yield [digest for (digest,) in rows]


def _read(db: sqlite3.Connection, kept: int, *, with_symbols: bool = True) -> _Values | None:
    """What is kept, without a look at whether it fits the log; None where it is spoilt."""
    if not kept:
        return _NOTHING if with_symbols else _NOTHING._replace(symbols=b"")
    row = db.execute("SELECT total, lanes, edge FROM log_set").fetchone()
    if row is None or any(type(part) is not bytes for part in row):
        return None
    total, lanes, nodes = row
    symbols = b""
    if with_symbols:
        # Whatever else stands there.
        parts = db.execute(
            "SELECT symbols FROM log_symbols WHERE typeof(symbols) = 'blob' AND length(symbols) = ? ORDER BY start "
            "LIMIT ?",
            (_SYMBOLS_A_ROW * SYMBOL_BYTES, SYMBOLS // _SYMBOLS_A_ROW),
        )
        symbols = b"".join(part for (part,) in parts)
        if len(symbols) != SYMBOLS * SYMBOL_BYTES:
            return None
    if (len(total), len(lanes)) != (_TOTAL_BYTES, LANES_BYTES):
        return None
    try:
        return _Values(kept, int.from_bytes(total, "big"), lanes, RightEdge.from_bytes(kept, nodes), symbols)
    except ValueError:
        return None


def _write(db: sqlite3.Connection, values: _Values) -> None:
    db.execute(
        "INSERT OR REPLACE INTO log_set (one, total, lanes, edge) VALUES (1, ?, ?, ?)",
        (values.total.to_bytes(_TOTAL_BYTES, "big"), values.lanes, values.edge.to_bytes()),
    )
    row = _SYMBOLS_A_ROW * SYMBOL_BYTES
    db.executemany(
        "INSERT OR REPLACE INTO log_symbols (start, symbols) VALUES (?, ?)",
        ((at // SYMBOL_BYTES, values.symbols[at : at + row]) for at in range(0, len(values.symbols), row)),
    )
    db.execute("UPDATE replica SET kept = ?", (values.size,))
