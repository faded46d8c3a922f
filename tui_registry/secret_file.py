"""Files that hold a secret: their owner's alone, whole and on disk before they have their name, and no draft of them
left behind for good by a process that was killed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def drafted(path: Path, text: str) -> Iterator[Path]:
    """A file beside `path` that holds the text, on disk; the block links it to its name, or renames it.

    It is locked while the block runs, so that `sweep` takes it for nobody's leftover, and gone afterwards.

    Raises:
        OSError: it cannot be written.
    """
    draft, handle = _new_draft(path)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove the drafts of `path` that killed processes left: by their name alone, so that the file itself stays where
    one is a second name of it, and none that a process is still writing."""
    is_draft = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}").fullmatch
    with suppress(OSError):
        for draft in path.parent.iterdir():
            if is_draft(draft.name):
                _remove_unless_held(draft)


# How


def _new_draft(path: Path) -> tuple[Path, int]:
    import secrets

    while True:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        _lock(handle, wait=True)
        if os.fstat(handle).st_nlink:
            return draft, handle
        # Swept away between its making and its lock.
        os.close(handle)


def _remove_unless_held(draft: Path) -> None:
    with suppress(OSError):
        handle = os.open(draft, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if _lock(handle, wait=False):
                draft.unlink(missing_ok=True)
        finally:
            os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock an open file until it is closed; False where another holds it, or where files cannot be locked: there no
    draft is ever swept."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
