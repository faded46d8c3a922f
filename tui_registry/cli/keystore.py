"""The key as a file to keep elsewhere: an Ethereum keystore, version 3, locked with a passphrase."""

from __future__ import annotations

import getpass
import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tui_registry.cli.output import FileError, UsageError
from tui_registry.crdt import Identity
from tui_registry.durable import drafted, give_new_name, sync_folder
from tui_registry.errors import Json, RegistryError
from tui_registry.text import safe_text

MAX_BYTES = 64 * 1024
_LEAST_CHARACTERS = 8
# A keystore names its own cost: a stranger's must not take all memory or all day (128 * n * r bytes).
_MOST_SCRYPT_BYTES = 512 * 2**20
_MOST_SCRYPT_P = 16
_MOST_ROUNDS = 10_000_000


class KeystoreError(RegistryError):
    """A file that is no keystore, or a passphrase that does not open it; code `keystore`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("keystore", sentence)


def write_keystore(path: Path, identity: Identity, passphrase: bytes) -> None:
    """Write the locked key to a new file that only its owner can read.

    Raises:
        FileError: the file is there already, or cannot be written.
    """
    text = json.dumps(_library().create_keyfile_json(identity.secret(), passphrase, version=3, kdf="scrypt")) + "\n"
    try:
        with drafted(path, text.encode("ascii")) as draft:
            give_new_name(draft, path)
        sync_folder(path.parent)
    except FileExistsError:
        raise FileError(f"{safe_text(str(path))} is there already: name another file") from None
    except OSError as error:
        raise FileError(f"{safe_text(str(path))} cannot be written: {error.strerror}") from error


def read_keystore(text: str, passphrase: bytes) -> Identity:
    """The key in a keystore.

    Raises:
        KeystoreError: it is no keystore of version 3, asks for too much work, or the passphrase is another.
    """
    document = _document(text)
    try:
        return Identity(bytes(_library().decode_keyfile_json(document, passphrase)))
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


def ask_passphrase(file: str | None, *, new: bool) -> bytes:
    """The passphrase: the first line of a file, or typed by a person, twice when it is a new one.

    Raises:
        UsageError: nobody can be asked, or it is too short for a new one.
        FileError: the file cannot be read.
    """
    if file is not None:
        phrase = _first_line(file)
    elif sys.stdin.isatty():
        phrase = getpass.getpass("Passphrase: ")
        if new and getpass.getpass("The same again: ") != phrase:
            raise UsageError("the two passphrases differ: nothing was written")
    else:
        raise UsageError("nobody can be asked for the passphrase: put it in a file and name it with --passphrase-file")
    if new and len(phrase) < _LEAST_CHARACTERS:
        raise UsageError(f"a passphrase has at least {_LEAST_CHARACTERS} characters; better is a sentence")
    return phrase.encode()


def _first_line(name: str) -> str:
    try:
        with Path(name).open(encoding="utf-8") as file:
            return file.readline(4096).rstrip("\r\n")
    except OSError as error:
        raise FileError(f"{safe_text(name)} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise FileError(f"{safe_text(name)} is not UTF-8 text") from None


def _document(text: str) -> dict[str, Json]:
    try:
        document: Json = json.loads(text[:MAX_BYTES])
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
