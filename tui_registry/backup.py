"""A backup of everything in one file, made while others write, and a replica made of one.

In it are the database as it was at one moment, the settings file and, locked with a passphrase, the key. What makes a
replica of it believes nothing: a backup may come from anybody.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tui_registry import settings
from tui_registry.datastore import DATABASE, TOKEN_FILE, Datastore, Shared, StoreError, VerifyReport
from tui_registry.durable import drafted, drafted_folder, free_bytes, give_new_name, make_folder, sweep, sync_folder
from tui_registry.errors import RegistryError, system_reason
from tui_registry.frozen import NamedTuple
from tui_registry.replica.store.backup_file import MOST_BESIDE_BYTES, expect_backup, held_if_blank, seal, unseal
from tui_registry.replica.store.key import KEY_FILE
from tui_registry.text import plural, safe_text

if TYPE_CHECKING:
    from tui_registry.crdt import Identity

# What lies in the file beside the database.
_KEY, _SETTINGS, _ABOUT = "key", "settings", "made at"
_CHUNK = 2**20
_HEAD_BYTES = 100


class BackupError(RegistryError):
    """A backup that cannot be made or put back; `code` is one of `exists`, `unwritable`, `unreadable`, `not_empty`."""


class Made(NamedTuple):
    """What was written.

    Attributes:
        path: as a whole. bytes: of the file.
        address: of the key, empty for a replica without one; has_key: whether the key is in it.
        has_settings: whether a settings file is in it.
        tokens: the name of the file of a token that lies beside the database and is not in it; empty where there is
            none. former: how many files of former keys do.
    """

    path: Path
    bytes: int
    operations: int
    records: int
    address: str
    has_key: bool
    has_settings: bool
    made_at: int
    tokens: str
    former: int

    def in_words(self) -> tuple[list[str], list[str]]:
        """What the backup holds and where it is, and what of the replica it leaves out; a sentence each."""
        counts = f"{plural(self.operations, 'operation')}, {plural(self.records, 'record')}"
        told, notes = [f"wrote {counts} to {safe_text(str(self.path))}"], list[str]()
        if self.has_key:
            told.append(
                f"the key of 0x{self.address} is in it, locked with the passphrase: without that nobody can use it"
            )
        elif self.address:
            notes.append(
                f"the key of 0x{self.address} is not in it, and without it nobody can change its records: keep a copy "
                "elsewhere with 'identity export FILE'"
            )
        if self.tokens:
            notes.append(f"the token in {self.tokens} is not in it: programs need another one then ('token add')")
        if self.former:
            left = "is not" if self.former == 1 else "are not"
            notes.append(
                f"{plural(self.former, 'former key')} (identity.key.*.old in the replica's folder) {left} in it"
            )
        return told, notes


class PutBack(NamedTuple):
    """What was made of a backup.

    Attributes:
        address: of the key that the replica signed with; has_key: whether the key is there now.
        settings: what became of the settings file: the backup's was `written`, the one that was there stays (`kept`),
            the backup's is `unreadable`, or there was `none` in it, or the `same`.
        made_at: when the backup was made, Unix seconds; None where it does not say.
        shared: how its log got its other epoch. report: what verifying it found.
        tokens: so many tokens open its node.
        hub: whose view it is, and its log that one's; None for a replica of its own.
    """

    data_dir: Path
    operations: int
    records: int
    address: str
    has_key: bool
    settings: str
    settings_file: Path
    made_at: int | None
    shared: Shared
    report: VerifyReport
    tokens: int
    hub: str | None


def back_up(datastore: Datastore, path: Path, lock: Callable[[Identity], str] | None, *, replace: bool = False) -> Made:
    """Write a backup of everything, readable by its owner alone: whole, or not at all. Others may write meanwhile.

    Args:
        lock: makes a keystore of the key; None to leave the key out.
        replace: put it in the place of a file that is there.

    Raises:
        BackupError: `exists`, `unwritable`. StoreError: `bad_key`, `disk_full`, `changed`, or the replica cannot be
        read.
    """
    path = _place_for(path, datastore.data_dir, replace=replace)
    made_at = int(time.time())
    beside = {_ABOUT: str(made_at).encode()}
    text = _settings_there()
    if text is not None:
        beside[_SETTINGS] = text
    known = datastore.key.known
    identity = datastore.key.identity() if known and lock is not None else None
    if identity is not None and lock is not None:
        beside[_KEY] = lock(identity).encode()
    with _system_errors(path, "unwritable", "written"):
        sweep(path.parent, path.name)
        with drafted_folder(path) as folder:
            draft = folder / "backup"
            copied = datastore.copy_to(draft, path)
            if identity is not None and copied.address != identity.address:
                raise StoreError("changed", "the key of this replica was changed meanwhile: make the backup again")
            seal(draft, beside, path)
            size = draft.stat().st_size
            if replace:
                draft.replace(path)
            else:
                try:
                    give_new_name(draft, path)
                except FileExistsError:
                    raise _exists(path) from None
        sync_folder(path.parent)
    folder = datastore.data_dir
    return Made(
        path,
        size,
        copied.operations,
        copied.records,
        copied.address,
        _KEY in beside,
        _SETTINGS in beside,
        made_at,
        TOKEN_FILE if (folder / TOKEN_FILE).exists() else "",
        sum(1 for _ in folder.glob(f"{KEY_FILE}.*.old*")),
    )


def put_back(
    path: Path,
    data_dir: Path | str | None,
    unlock: Callable[[str], Identity] | None,
    progress: Callable[[int, int], None],
) -> PutBack:
    """Make a replica of a backup in a folder that has none. The database gets its name last: until then there is none.

    Its log gets another epoch: others may have been given more of the log than the backup has.

    Args:
        data_dir: None for the usual one.
        unlock: makes the key of a keystore; None to leave the key out.
        progress: called with operations verified, and operations in all.

    Raises:
        BackupError: `not_empty`, `unwritable`, `unreadable`. StoreError: `bad_backup`, `newer_schema`, `disk_full`.
        RegistryError: of `unlock`.
    """
    folder = settings.data_dir(data_dir)
    database, key = folder / DATABASE, folder / KEY_FILE
    with ExitStack() as stack:
        stack.enter_context(_system_errors(folder, "unwritable", "written"))
        file = stack.enter_context(_opened(path))
        head = os.pread(file, _HEAD_BYTES, 0)
        expect_backup(head, os.fstat(file).st_size, path)
        _expect_nothing(folder)
        make_folder(folder)
        sweep(folder, DATABASE)
        free = free_bytes(folder)
        if free is not None and os.fstat(file).st_size > free:
            raise _full(folder)
        draft = stack.enter_context(drafted_folder(database))
        _copy(file, draft / DATABASE, path)
        beside = unseal(draft / DATABASE, path, folder)
        keystore = beside.get(_KEY)
        identity = None
        if keystore is not None and unlock is not None:
            identity = unlock(keystore.decode("utf-8", "replace"))
        with Datastore.open(draft) as datastore:
            if identity is not None:
                datastore.key.replace(identity)
            # Before it is verified, which may rewrite it: what this machine remembers of the log, it remembers by the
            # epoch that the backup has.
            # The log of a hub's view is the hub's, and goes on where it ended.
            shared = Shared() if datastore.hub.id is not None else datastore.mark.share(new_epoch=True)
            report = datastore.verify(progress)
            counts, address = datastore.stats(), datastore.key.known
            tokens, hub = len(datastore.tokens.all()), datastore.hub.id
        if (draft / f"{DATABASE}-wal").exists():
            raise _full(folder)  # what is in it did not go into the database
        settings_file = settings.settings_path()
        _put_key(draft / KEY_FILE, key)
        said = _put_settings(settings_file, beside.get(_SETTINGS), draft)
        _put_database(draft / DATABASE, database)
        sync_folder(folder)
    made_at = beside.get(_ABOUT, b"")
    return PutBack(
        folder,
        counts.ops,
        counts.records,
        address,
        key.exists(),
        said,
        settings_file,
        int(made_at) if made_at.isdigit() and len(made_at) < 13 else None,
        shared,
        report,
        tokens,
        hub,
    )


# How: writing


def _settings_there() -> bytes | None:
    path = settings.settings_path()
    if not path.exists():
        return None
    with _system_errors(path, "unreadable", "read"), path.open("rb") as file:
        text = file.read(MOST_BESIDE_BYTES + 1)
    if len(text) > MOST_BESIDE_BYTES:
        raise BackupError("unreadable", f"{safe_text(str(path))} is too long for settings: move it away first")
    return text


def _place_for(path: Path, data_dir: Path, *, replace: bool) -> Path:
    """Where the file goes: where it leads to, where it is a link."""
    with _system_errors(path, "unwritable", "written"):
        path = path.resolve()
        own = (KEY_FILE, TOKEN_FILE, *(f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal")))
        if path.parent == data_dir.resolve() and path.name in own:
            raise BackupError("exists", f"{safe_text(str(path))} is a part of the replica itself: name another file")
        if not path.exists():
            return path
        if not path.is_file():
            raise BackupError("exists", f"{safe_text(str(path))} is there, and is no file: name another")
    if not replace:
        raise _exists(path)
    return path


def _exists(path: Path) -> BackupError:
    return BackupError("exists", f"{safe_text(str(path))} is there already: name another file, or say --force")


# How: reading


def _expect_nothing(folder: Path) -> None:
    database = folder / DATABASE
    if os.path.lexists(database):
        with held_if_blank(database) as blank:
            if blank:
                return
        raise _not_empty(folder, "there is a replica")
    for end in ("-wal", "-journal"):
        if os.path.lexists(f"{database}{end}"):
            raise _not_empty(folder, f"there is what a replica left behind ({DATABASE}{end})")


def _not_empty(folder: Path, what: str) -> BackupError:
    return BackupError(
        "not_empty",
        f"{what} in {safe_text(str(folder))}, and a backup is put back where there is nothing yet: move that folder "
        "away, or name another one with --data-dir",
    )


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    with _system_errors(path, "unreadable", "read"):
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise BackupError("unreadable", f"{safe_text(str(path))} is no file: copy the backup into one")
        yield file
    finally:
        os.close(file)


def _copy(file: int, to: Path, shown: Path) -> None:
    """No more than it was when it was looked at: it may grow."""
    left, at = os.fstat(file).st_size, 0
    handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as copy:
        while left:
            with _system_errors(shown, "unreadable", "read"):
                part = os.pread(file, min(_CHUNK, left), at)
            if not part:
                break  # it was cut meanwhile, which is noticed by what is in it
            copy.write(part)
            at, left = at + len(part), left - len(part)


def _put_settings(path: Path, text: bytes | None, draft: Path) -> str:
    """The settings of a backup, where there are none; what became of them."""
    if text is None:
        return "none"
    try:
        (draft / path.name).write_bytes(text)
        settings.load_settings(draft / path.name)
    except settings.SettingsError:
        return "unreadable"
    if path.exists():
        return "same" if path.read_bytes() == text else "kept"
    with _system_errors(path, "unwritable", "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with drafted(path, text) as new:
            give_new_name(new, path)
        sync_folder(path.parent)
    return "written"


def _put_key(new: Path, key: Path) -> None:
    """The key in its place, where none is or, after a kill, the same."""
    if not new.exists():
        return
    try:
        give_new_name(new, key)
    except FileExistsError:
        if key.read_bytes().strip() != new.read_bytes().strip():
            raise _not_empty(key.parent, f"there is another key ({KEY_FILE})") from None


def _put_database(new: Path, database: Path) -> None:
    if not os.path.lexists(database):
        with suppress(FileExistsError):
            give_new_name(new, database)
            return
    with held_if_blank(database) as blank:
        if not blank:
            raise _not_empty(database.parent, "there is a replica by now")
        new.replace(database)


@contextmanager
def _system_errors(path: Path, code: str, deed: str) -> Iterator[None]:
    """Say what the system says of a file that cannot be `read` or `written`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from error
        raise BackupError(code, f"{safe_text(str(path))} cannot be {deed}: {system_reason(error)}") from error


def _full(path: Path) -> StoreError:
    return StoreError(
        "disk_full", f"the disk of {safe_text(str(path))} is full: nothing was written. Make room and try again"
    )
