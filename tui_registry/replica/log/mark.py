"""The mark: how far this replica's log was given to others, remembered outside its folder.

A backup brings back everything that lies in the folder, the name of the log (its epoch) too, but not what others were
given since. Were the log continued under that name, tiles of two logs would bear the same names, in caches for a year.
The mark, a small file for each epoch in the user's state directory, notices it before that happens.

It does not notice a copy of the folder on another machine: under another address that does no harm, as readers keep
a cursor for each address, and a directory that the other one published is recognised (`publish`).
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tui_registry.durable import drafted, in_turn, make_folder, sweep, sync_folder
from tui_registry.errors import system_reason
from tui_registry.frozen import NamedTuple
from tui_registry.replica.log.first_seen import first_seen
from tui_registry.replica.log.hub_view import HubView
from tui_registry.replica.log.operations import Log, sum_at
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.tables import is_view, view_error
from tui_registry.settings import state_dir

if TYPE_CHECKING:
    from tui_registry.replica.log.shared_log import Head

_FOLDER = "marks"
_NAME = re.compile(r"[0-9a-f]{32}\.json").fullmatch
_MOST_BYTES = 4_096
# Epochs are renewed seldom: this many are those of every replica that a person ever had, and of many tests.
_MOST_MARKS = 1_000


class Restored(NamedTuple):
    """This replica was put back to an older copy of itself: others were given operations of its log that are not here,
    or that came back by another way.

    Attributes:
        size: how many operations are here now.
        shared: how many the log had when it was last given to others; shared_at: when that was, Unix seconds.
    """

    size: int
    shared: int
    shared_at: int


class Shared(NamedTuple):
    """What came of making sure that the log may be given to others.

    Attributes:
        renewed: the log has a new epoch, and whoever read it reads it anew.
        restored: why, None where somebody asked for it.
        unmarked: why the mark could not be written, None where it was: a restored copy will not be noticed.
    """

    renewed: bool = False
    restored: Restored | None = None
    unmarked: str | None = None


class Mark:
    """The mark of one replica; see above."""

    def __init__(self, pool: Pool, log: Log, view: HubView, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._log = log
        self._view = view
        self._clock = clock
        self._turn = threading.Lock()
        self._noted: tuple[str, int] | None = None

    def restored(self) -> Restored | None:
        """Whether this replica was put back to an older copy of itself, as far as can be known: None where it was not,
        or was never given to others from this machine. It stays so until `forget`, also once the epoch was renewed.

        It reads one small file, and the hashes of what came since the log was given to others last. Of a view of a hub
        the hub tells (`HubView.standing`).
        """
        with self._pool.read() as db:
            if is_view(db):
                return None
            epoch, size = db.execute("SELECT epoch, size FROM replica").fetchone()
            written = _read(epoch)
            if written is None:
                return None
            if written.before is not None:
                return Restored(size, *written.before)
            return None if _fits(db, written) else Restored(size, written.size, written.at)

    def forget(self) -> None:
        """The person knows that this is an older copy, and goes on with it: the log has a new epoch if it has not yet,
        and `restored` says no more of it."""
        epoch = self._log.head().epoch
        if self._differs() is not None:
            self._log.renew_epoch(epoch)
        self._note(self._log.head(), None, forget=True)

    def share(self, *, new_epoch: bool = False) -> Shared:
        """To be called before the log is given to others, by serving or publishing it: renews the epoch where others
        were given another log under it, and sets the mark.

        Args:
            new_epoch: renew it in any case.

        Raises:
            StoreError: the replica cannot be written. `hub_view`: it is a view of a hub, which was opened without that,
                or is to have another epoch.
        """
        if self._view.id is not None:
            if self._view.shared is None or new_epoch:
                raise view_error("give it to others as a node of that hub, under its epoch")
            # However long it was away, what it gives to others is the hub's log, by its chain.
            return Shared()
        # Read first: of two that find this at once, such as `serve` and `export`, one renews it.
        epoch = self._log.head().epoch
        restored = self._differs()
        if restored is not None or new_epoch:
            # Before another epoch has its mark.
            try:
                self._pool.expect_writable()
            except StoreError as error:
                why = "others were given another log under its epoch" if restored is not None else "that was asked for"
                needed = f"the log needs another epoch before others are given it, as {why}"
                raise StoreError(error.code, f"{needed}: {error.sentence}") from error
        renewed = new_epoch or restored is not None
        before = self._untold() if restored is None else (restored.shared, restored.shared_at)
        if renewed:
            new = os.urandom(16).hex()
            if before is not None:
                # Before it is renewed: under another epoch nothing else tells what was found, should we be killed now.
                with suppress(OSError), _turn():
                    _write(new, _Written(0, "0" * 64, "", None, self._clock(), before))
            self._log.renew_epoch(epoch, new)
        return Shared(renewed, restored, self._note(self._log.head(), before))

    def note(self, head: Head) -> str | None:
        """To be called before a head is given away: sets the mark there where the log has grown since, and leaves it
        where others were given another log under this epoch, for `share` to see.

        Returns:
            Why it could not be written, None where all is well.
        """
        if (head.epoch, head.size) == self._noted or self._view.id is not None:
            return None
        return self._note(head, None)

    # How

    def _differs(self) -> Restored | None:
        """What the epoch has to be renewed for."""
        with self._pool.read() as db:
            if is_view(db):
                return None
            epoch, size = db.execute("SELECT epoch, size FROM replica").fetchone()
            written = _read(epoch)
            return None if written is None or _fits(db, written) else Restored(size, written.size, written.at)

    def _untold(self) -> tuple[int, int] | None:
        """What was shared under an epoch before, where nobody has taken note of it yet."""
        written = _read(self._log.head().epoch)
        return None if written is None else written.before

    def _note(self, head: Head, before: tuple[int, int] | None, *, forget: bool = False) -> str | None:
        with self._turn:
            try:
                # Of an empty log nothing can be lost.
                if head.size or before is not None or forget:
                    with _turn():
                        self._note_in_turn(head, before, forget=forget)
            except OSError as error:
                return f"{_folder()} cannot be written ({system_reason(error)})"
            self._noted = (head.epoch, head.size)
        return None

    def _note_in_turn(self, head: Head, before: tuple[int, int] | None, *, forget: bool) -> None:
        written = _read(head.epoch)
        if before is None and written is not None and not forget:
            before = written.before
        # Another process may have noted as much, or more.
        if head.size > (0 if written is None else written.size) or before != (written and written.before):
            self._write(head, before, written)

    def _write(self, head: Head, before: tuple[int, int] | None, written: _Written | None) -> None:
        with self._pool.read() as db:
            if db.execute("SELECT epoch FROM replica").fetchone() != (head.epoch,):
                return  # renewed just now by another process, which has noted it
            if written is not None and not _fits(db, written):
                return  # of another copy of this log: `share` and `restored` have to find it as it is
            last = _last(db, head.size)
        _write(head.epoch, _Written(head.size, head.fingerprint, *last, self._clock(), before))


# How: what is written down


class _Written(NamedTuple):
    """`last` and `came` are of the last operation: its hash, and when it came here, which tells two logs apart that
    hold the same operations in another order. `before`: how many were shared under an epoch before, and when."""

    size: int
    fingerprint: str
    last: str
    came: int | None
    at: int
    before: tuple[int, int] | None = None


def _fits(db: sqlite3.Connection, written: _Written) -> bool:
    """Whether the log still begins with what others were given."""
    (size,) = db.execute("SELECT size FROM replica").fetchone()
    if size < written.size or _last(db, written.size) != (written.last, written.came):
        return False
    return sum_at(db, written.size) == written.fingerprint


def _last(db: sqlite3.Connection, size: int) -> tuple[str, int | None]:
    """The hash of the last of the first `size` operations, and when it came here; empty for none."""
    row = db.execute("SELECT hash FROM ops WHERE idx = ?", (size - 1,)).fetchone()
    return ("", None) if row is None else (row[0].hex(), first_seen(db, [size - 1])[size - 1].arrived_at)


def _folder() -> Path:
    return state_dir() / _FOLDER


@contextmanager
def _turn() -> Iterator[None]:
    """Of the processes of this user one at a time reads what was noted and writes more, or what a slow one read before
    would take the place of what a quick one has noted since.

    Raises:
        OSError: nothing can be noted there.
    """
    folder = _folder()
    if not folder.is_absolute():
        raise FileNotFoundError(2, "this user has no home folder")
    if not folder.is_dir():
        make_folder(folder)
    with in_turn(folder):
        yield


def _read(epoch: str) -> _Written | None:
    """What was written down of this epoch; None where nothing was, or it cannot be read: then it cannot tell us."""
    try:
        with (_folder() / f"{epoch}.json").open("rb") as file:
            tree = json.loads(file.read(_MOST_BYTES))
        size, fingerprint, last, came, at, before = (tree.get(name) for name in _Written._fields)
        shared, shared_at = before or (0, 0)
        sound = all(type(number) is int for number in (size, at, came or 0, shared, shared_at))
        sound = sound and all(isinstance(text, str) for text in (fingerprint, last))
    except (OSError, ValueError, TypeError, RecursionError, AttributeError):
        return None
    return _Written(size, fingerprint, last, came, at, (shared, shared_at) if before else None) if sound else None


def _write(epoch: str, written: _Written) -> None:
    folder = _folder()
    sweep(folder)
    path = folder / f"{epoch}.json"
    with drafted(path, json.dumps(written._asdict()).encode()) as draft:
        draft.replace(path)
    sync_folder(folder)
    _forget_old(folder)


def _forget_old(folder: Path) -> None:
    files = [file for file in folder.iterdir() if _NAME(file.name)]
    if len(files) > _MOST_MARKS:
        with suppress(OSError):
            for _, file in sorted((file.stat().st_mtime, file) for file in files)[: len(files) - _MOST_MARKS]:
                file.unlink(missing_ok=True)
