"""The key file: `identity.key` beside the database, 64 hex digits, readable by its owner alone."""

from __future__ import annotations

import errno
import itertools
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tui_registry.durable import drafted, give_new_name, sweep, sync_folder
from tui_registry.replica.errors import StoreError

if TYPE_CHECKING:
    from tui_registry.crdt.keys import Identity

KEY_FILE = "identity.key"


def load_or_make(data_dir: Path, *, may_make: bool) -> Identity:
    """The replica's identity; a new one when there is no key file and `may_make`.

    Raises:
        StoreError: `bad_key` when the file is missing or holds no key, `read_only` or `disk_full` when it cannot be
            read or made.
    """
    from tui_registry.crdt.keys import Identity

    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            if not may_make:
                raise StoreError(
                    "bad_key",
                    f"the key file {path} is gone: put your backup in its place. Without it your records cannot be "
                    "edited; `tui-registry identity new` starts over with another key",
                )
            _make(path, Identity.generate().secret())
        if may_make:
            # Also where another process made it and had no time to: what follows is signed with it.
            sync_folder(data_dir)
        text = path.read_text("ascii", "replace").strip()
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise _failed(path, "read or made", error) from error
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise _no_key(path)
    try:
        identity = Identity(bytes.fromhex(text))
    except ValueError:
        raise _no_key(path) from None
    # Only now that the key is known to be where it belongs.
    sweep(data_dir, KEY_FILE)
    return identity


def replace(data_dir: Path, identity: Identity, backup_suffix: str) -> Path | None:
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
