"""Files and folders that outlast a kill and a power cut: a file is whole and on disk before it has its name, and a name
is lost all the same until the folder that holds it is on disk too."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME_BYTES = 255
# "." + name + "." + 16 hex digits
_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{16}", re.DOTALL)
_NOT_KNOWN_HERE = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_NO_LINKS = _NOT_KNOWN_HERE | {errno.EPERM}
_NO_FOLDER_SYNC = _NOT_KNOWN_HERE | {errno.EINVAL, errno.EBADF, errno.EROFS}


@contextmanager
def drafted(path: Path, data: bytes | Iterable[bytes], mode: int = 0o600, *, on_disk: bool = True) -> Iterator[Path]:
    """A file beside `path` that holds the data, on disk; the block gives it its name (`draft.replace(path)`, or
    `give_new_name`), and `sync_folder` makes that last.

    It is locked while the block runs, so that `sweep` takes it for nobody's leftover, and gone afterwards.

    Args:
        data: whole, or in parts where it is large.
        mode: of the file, before the umask. By default it is its owner's alone, as a secret has to be.
        on_disk: False for what can be made anew, and is looked at closely when it is read: a power cut may spoil it.

    Raises:
        OSError: it cannot be written.
    """
    draft, handle = _new_draft(path, mode)
    with os.fdopen(handle, "wb") as file:
        try:
            file.writelines((data,) if isinstance(data, bytes) else data)
            file.flush()
            if on_disk:
                os.fsync(file.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def drafted_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, this user's alone, in which that is made, whatever else its making leaves there;
    what is whole is given its name from there, on the same disk.

    It is locked while the block runs, so that `sweep` takes it for nobody's leftover, and gone afterwards.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        folder = path.parent / _draft_name(path)
        folder.mkdir(mode=0o700)
        handle = None
        with suppress(FileNotFoundError):  # swept away between its making and its lock
            handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            _lock(handle, wait=True)
            if folder.exists():
                break
        if handle is not None:
            os.close(handle)
    try:
        yield folder
    finally:
        _remove_folder(folder)
        os.close(handle)


def give_new_name(draft: Path, path: Path) -> None:
    """Let a draft have a name that no file has: of two that try at once, one does.

    Raises:
        FileExistsError: there is such a file.
        OSError.
    """
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A disk that knows no links, such as a USB stick's FAT: only here could two that try at once both do it.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        draft.replace(path)


def sweep(folder: Path, *names: str) -> None:
    """Remove the drafts that killed processes left in a folder, of files with these names, or of all; folders only by
    name.

    By their own name alone, so that a file itself stays where a draft is a second name of it, and none that a process
    is still writing.
    """
    with suppress(OSError):
        for draft in folder.iterdir():
            match = _DRAFT.fullmatch(draft.name)
            if match is not None and (not names or match[1] in names):
                _remove_unless_held(draft, folders=bool(names))


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make a folder, by default for this user alone, and those above it that are missing, and have their names on disk.

    Raises:
        OSError: it cannot be made.
    """
    missing = [above for above in folder.parents if not above.exists()]
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    for made in (folder, *missing):
        sync_folder(made.parent)


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """One process at a time runs such a block for a folder; where folders cannot be locked, all may.

    Raises:
        OSError: there is no such folder, or it cannot be read.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(handle, wait=True)
        yield
    finally:
        os.close(handle)


def free_bytes(folder: Path) -> int | None:
    """Bytes that this user may still write on the disk of a folder; None where that cannot be known."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def bytes_in(folder: Path) -> int:
    """What the files that lie in a folder take, in bytes; of folders in it nothing. One that goes meanwhile is none."""
    size = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                size += entry.stat().st_size if entry.is_file() else 0
    return size


def sync_folder(folder: Path) -> None:
    """Have the names of what lies in a folder on disk, as far as it lets us.

    A folder that may be written but not read cannot be synced, and some network drives know no such thing.

    Raises:
        OSError: the disk fails.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(handle)


# How


def _new_draft(path: Path, mode: int) -> tuple[Path, int]:
    while True:
        draft = path.parent / _draft_name(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(draft, flags, mode)
        _lock(handle, wait=True)
        if draft.exists():
            return draft, handle
        # Swept away between its making and its lock.
        os.close(handle)


def _draft_name(path: Path) -> str:
    # Room for what is added: a name may be as long as the disk lets it be.
    stem = os.fsencode(path.name)[: _NAME_BYTES - 18].decode("utf-8", "ignore")
    return f".{stem}.{os.urandom(8).hex()}"


def _remove_unless_held(draft: Path, *, folders: bool) -> None:
    with suppress(OSError):
        handle = os.open(draft, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if _lock(handle, wait=False):
                if not stat.S_ISDIR(os.fstat(handle).st_mode):
                    draft.unlink(missing_ok=True)
                elif folders:
                    _remove_folder(draft)
        finally:
            os.close(handle)


def _remove_folder(folder: Path) -> None:
    """With all that is in it; what cannot be removed stays."""
    # It takes a while to import, and most commands make no folder.
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock an open file until it is closed; False where another holds it, or where files cannot be locked: there no
    draft is ever swept."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
