"""Places where a replica cannot be written: a disk that is mounted read-only, one that is full, another user's folder.

Each is the real thing, and a test is skipped where this machine does not allow it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tui_registry import datastore
from tui_registry.replica.store.connection import Pool

# Two users that have no files here.
ONE, OTHER = 65_533, 65_534


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """The folder where nobody can write it: by its mode, or as root by a read-only mount. It is removed afterwards.

    As root the folder itself stays as it was: what is written there shows in the mounted one.
    """
    if os.geteuid() != 0:
        for path in folder.iterdir():
            path.chmod(0o400)
        folder.chmod(0o500)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
        return
    mounted = folder.with_name(f"{folder.name}-mounted")
    mounted.mkdir()
    if not _mount("--bind", folder, mounted):
        pytest.skip("root writes anywhere, and this machine lets nobody mount")
    try:
        _mount("-o", "remount,bind,ro", mounted)
        yield mounted
    finally:
        subprocess.run(["umount", "-l", mounted], check=True)


def let_write(place: Path) -> None:
    """What `read_only` gave can be written from now on."""
    if os.geteuid() == 0:
        assert _mount("-o", "remount,bind,rw", place)
        return
    place.chmod(0o700)
    for path in place.iterdir():
        path.chmod(0o600)


@contextmanager
def small_disk(folder: Path, size: str = "2m") -> Iterator[Path]:
    """A disk of so many bytes."""
    folder.mkdir(exist_ok=True)
    if not _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder):
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Write a file there until the disk has no byte left; gives the file."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 65_536
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    return ballast


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that every user may enter: that of a test is for one alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def as_user(user: int) -> list[str]:
    """The beginning of a command line that runs as another user. It may read whatever it likes, as Python may lie in a
    folder of root's own, and write what that user may."""
    command = shutil.which("setpriv")
    if command is None:
        pytest.skip("setpriv is not here, which runs a program as another user")
    who = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return [command, *who, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@contextmanager
def bound_by_modes() -> Iterator[None]:
    """Modes of files hold for this process too: where it is root's, it is another user's for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(ONE)
    try:
        yield
    finally:
        os.seteuid(user)


def owned_by(user: int, folder: Path, mode: int = 0o755) -> Path:
    """Give a folder and what lies in it to a user; others may read it."""
    for path in folder.iterdir():
        os.chown(path, user, user)
        path.chmod(0o644)
    os.chown(folder, user, user)
    folder.chmod(mode)
    return folder


def _mount(*arguments: str | Path) -> bool:
    command = shutil.which("mount")
    return command is not None and subprocess.run([command, *arguments], capture_output=True).returncode == 0


def no_room_for_many(patch: pytest.MonkeyPatch) -> None:
    """Replicas that are opened from now on have room for hardly more than they hold, and write one record to a
    transaction."""
    connect = Pool.connect

    def bounded(pool: Pool) -> sqlite3.Connection:
        connection = connect(pool)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        return connection

    patch.setattr(datastore, "_ADDED_AT_ONCE", 1)
    patch.setattr(Pool, "connect", bounded)
