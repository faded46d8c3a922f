"""Folders whose names outlast a power cut: a synced file is lost all the same when the folder above it never was."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder for this user alone, and those above it that are missing, and have their names on disk.

    Raises:
        OSError: it cannot be made.
    """
    missing = [above for above in folder.parents if not above.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in (folder, *missing):
        # What we may not even read was not made by us.
        with suppress(OSError):
            sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Have the names of what lies in a folder on disk.

    Raises:
        OSError: it cannot be read, or the disk fails.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
