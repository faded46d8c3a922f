"""The key as a file that can lie anywhere: an Ethereum keystore, version 3, locked with a passphrase."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from tui_registry import crdt
from tui_registry.durable import drafted, give_new_name, sync_folder
from tui_registry.errors import Json, RegistryError
from tui_registry.text import safe_text

MAX_KEYSTORE_BYTES: Final = 64 * 1024
_LEAST_CHARACTERS: Final = 8
# A keystore names its own cost: a stranger's must not take all memory or all day (128 * n * r bytes).
_MOST_SCRYPT_BYTES = 512 * 2**20
_MOST_SCRYPT_P = 16
_MOST_ROUNDS = 10_000_000


class KeystoreError(RegistryError):
    """A file that is no keystore, or a passphrase that does not open it; code `keystore`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("keystore", sentence)


class CopyError(RegistryError):
    """The file that the locked key was to be written to is there, or cannot be made; code `file`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("file", sentence)


def too_weak(passphrase: str) -> str | None:
    """What is wrong with a new passphrase, or None."""
    if len(passphrase) < _LEAST_CHARACTERS:
        return f"a passphrase has at least {_LEAST_CHARACTERS} characters; better is a sentence"
    return None


def write_keystore(path: Path, identity: crdt.Identity, passphrase: bytes) -> None:
    """Write the locked key to a new file that only its owner can read.

    Raises:
        CopyError: the file is there already, or cannot be written.
    """
    try:
        with drafted(path, locked(identity, passphrase).encode("ascii")) as draft:
            give_new_name(draft, path)
        sync_folder(path.parent)
    except FileExistsError:
        raise CopyError(f"{safe_text(str(path))} is there already: name another file") from None
    except OSError as error:
        raise CopyError(f"{safe_text(str(path))} cannot be written: {error.strerror}") from error


def locked(identity: crdt.Identity, passphrase: bytes) -> str:
    """The key as a keystore, in ASCII."""
    return json.dumps(_library().create_keyfile_json(identity.secret(), passphrase, version=3, kdf="scrypt")) + "\n"


def read_keystore(text: str, passphrase: bytes) -> crdt.Identity:
    """The key in a keystore.

    Raises:
        KeystoreError: it is no keystore of version 3, asks for too much work, or the passphrase is another.
    """
    document = _document(text)
    try:
        return crdt.Identity(bytes(_library().decode_keyfile_json(document, passphrase)))
    except Exception as error:
        # The library answers a wrong passphrase and a broken file with several kinds of exception.
        if "MAC" in str(error):
            raise KeystoreError("the passphrase does not open this keystore") from None
        raise KeystoreError("the file is a broken keystore: no key could be read from it") from None


def _library() -> ModuleType:
    """eth_keyfile's module. Importing it pulls in a library that raises Python's recursion limit a hundredfold, and
    with that limit a deeply nested JSON text ends the process instead of raising `RecursionError`."""
    limit = sys.getrecursionlimit()
    try:
        return import_module("eth_keyfile.keyfile")
    finally:
        sys.setrecursionlimit(limit)


def _document(text: str) -> dict[str, Json]:
    try:
        document: Json = json.loads(text[:MAX_KEYSTORE_BYTES])
    except (ValueError, RecursionError):
        raise KeystoreError("the file is not a keystore: it is not JSON") from None
    crypto = document.get("crypto", document.get("Crypto")) if isinstance(document, dict) else None
    if not isinstance(document, dict) or document.get("version") != 3 or not isinstance(crypto, dict):
        raise KeystoreError("the file is not an Ethereum keystore of version 3")
    cost = crypto.get("kdfparams")
    if not isinstance(cost, dict):
        raise KeystoreError("the file is a broken keystore: it does not say how its key is locked")
    n, r, p, rounds = (_whole(cost.get(name, 1)) for name in ("n", "r", "p", "c"))
    if 128 * n * r > _MOST_SCRYPT_BYTES or p > _MOST_SCRYPT_P or rounds > _MOST_ROUNDS:
        raise KeystoreError("opening this keystore would take more memory or time than any honest one")
    return document


def _whole(value: Json) -> int:
    if type(value) is not int or value < 1:
        raise KeystoreError("the file is a broken keystore: the cost of its lock is not a number")
    return value
