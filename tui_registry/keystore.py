"""The key as a file that can lie anywhere: an Ethereum keystore, version 3, locked with a passphrase.

Source: the Web3 Secret Storage Definition. The passphrase makes 32 bytes, by scrypt or PBKDF2; the first half of them
encrypts the key (AES-128 in counter mode), the second half and what came of it make the MAC (Keccak-256). The MAC is
not of the counter's beginning: that a key is the one that was locked is told by its address, which is never left out
here.
"""

from __future__ import annotations

import json
from hashlib import pbkdf2_hmac
from hmac import compare_digest
from os import urandom
from pathlib import Path
from typing import Final
from uuid import uuid4

from tui_registry import crdt
from tui_registry.durable import drafted, give_new_name, sync_folder
from tui_registry.errors import Json, RegistryError
from tui_registry.text import safe_text, size_bytes

MAX_KEYSTORE_BYTES: Final = 64 * 1024
_LEAST_CHARACTERS: Final = 8
# What locking costs: scrypt's N and r, so 256 MiB and about a second, as go-ethereum asks for (p is 1).
_SCRYPT_N = 2**18
_SCRYPT_R: Final = 8
_SECRET_BYTES: Final = 32
_BLOCK_BYTES: Final = 16
# A keystore names its own cost: a stranger's must not take all memory or all day (128 * n * r bytes).
_MOST_SCRYPT_BYTES = 512 * 2**20
_MOST_SCRYPT_R = 64
_MOST_SCRYPT_P = 16
_MOST_ROUNDS = 10_000_000
_MOST_DERIVED_BYTES = 64


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
        CopyError: the file is there already, or cannot be written. KeystoreError: as `locked`.
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
    """The key as a keystore, in ASCII.

    Raises:
        KeystoreError: there is not the memory that locking takes.
    """
    salt, counter = urandom(_BLOCK_BYTES), urandom(_BLOCK_BYTES)
    derived = _by_scrypt(passphrase, salt, _SCRYPT_N, _SCRYPT_R, 1, _SECRET_BYTES)
    ciphertext = _crypted(identity.secret(), derived, counter)
    document: Json = {
        "address": identity.address,
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": counter.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": {"dklen": _SECRET_BYTES, "n": _SCRYPT_N, "p": 1, "r": _SCRYPT_R, "salt": salt.hex()},
            "mac": _mac(derived, ciphertext).hex(),
        },
        "id": str(uuid4()),
        "version": 3,
    }
    return json.dumps(document) + "\n"


def read_keystore(text: str, passphrase: bytes) -> crdt.Identity:
    """The key in a keystore.

    Raises:
        KeystoreError: it is no keystore of version 3, asks for too much work or more memory than there is, or the
            passphrase is another.
    """
    document, crypto = _document(text)
    cipher = crypto.get("cipher")
    if cipher != "aes-128-ctr":
        raise _unknown("its cipher", cipher, "aes-128-ctr")
    ciphertext, mac = _bytes(crypto, "ciphertext"), _bytes(crypto, "mac")
    # Other programs leave out zeros at its beginning.
    counter = _bytes(_part(crypto, "cipherparams"), "iv").rjust(_BLOCK_BYTES, b"\0")
    if (len(ciphertext), len(mac), len(counter)) != (_SECRET_BYTES, _SECRET_BYTES, _BLOCK_BYTES):
        raise _broken("a part of it is too short or too long")
    derived = _derived(crypto, passphrase)
    if not compare_digest(_mac(derived, ciphertext), mac):
        raise KeystoreError("the passphrase does not open this keystore")
    try:
        identity = crdt.Identity(_crypted(ciphertext, derived, counter))
    except ValueError:
        raise _broken("no key could be read from it") from None
    if "address" in document and _bytes(document, "address").hex() != identity.address:
        raise _broken("the key in it is not that of the address it names")
    return identity


def _document(text: str) -> tuple[dict[str, Json], dict[str, Json]]:
    """A keystore and what it says of its lock. Some programs begin names with capitals."""
    try:
        document: Json = json.loads(text[:MAX_KEYSTORE_BYTES])
    except (ValueError, RecursionError):
        raise KeystoreError("the file is not a keystore: it is not JSON") from None
    if isinstance(document, dict):
        document = _lowered(document)
        crypto = document.get("crypto")
        # True and 3.0 are no 3.
        if type(document.get("version")) is int and document["version"] == 3 and isinstance(crypto, dict):
            return document, _lowered(crypto)
    raise KeystoreError("the file is not an Ethereum keystore of version 3")


def _derived(crypto: dict[str, Json], passphrase: bytes) -> bytes:
    """What the passphrase comes to by the function that a keystore names, at no more cost than an honest one has."""
    name, cost = crypto.get("kdf"), _part(crypto, "kdfparams")
    salt, length = _bytes(cost, "salt"), _whole(cost, "dklen")
    if not _SECRET_BYTES <= length <= _MOST_DERIVED_BYTES:
        raise _broken("what is made of the passphrase is too short or too long")
    if name == "scrypt":
        n, r, p = (_whole(cost, part) for part in ("n", "r", "p"))
        if 128 * n * r > _MOST_SCRYPT_BYTES or r > _MOST_SCRYPT_R or p > _MOST_SCRYPT_P:
            raise _costly()
        if n < 2 or n & (n - 1):
            raise _broken("the cost of its lock is not a power of two")
        return _by_scrypt(passphrase, salt, n, r, p, length)
    if name == "pbkdf2":
        rounds, function = _whole(cost, "c"), cost.get("prf")
        if rounds > _MOST_ROUNDS:
            raise _costly()
        if function != "hmac-sha256":
            raise _unknown("the function of its lock", function, "hmac-sha256")
        return pbkdf2_hmac("sha256", passphrase, salt, rounds, length)
    raise _unknown("its lock", name, "scrypt or pbkdf2")


def _by_scrypt(passphrase: bytes, salt: bytes, n: int, r: int, p: int, length: int) -> bytes:
    # Not hashlib's: OpenSSL refuses an N of 2^16 and above where r is 1, as in the definition's own example.
    from Crypto.Protocol.KDF import scrypt  # who names a key or looks at Settings locks none

    try:
        # It takes text, and means the bytes of its characters.
        derived = scrypt(passphrase.decode("latin-1"), salt.decode("latin-1"), key_len=length, N=n, r=r, p=p)
    except (ValueError, MemoryError):  # of what it is given here it refuses nothing
        raise KeystoreError(f"there are no {size_bytes(128 * n * r)} of memory for the lock of this keystore") from None
    assert isinstance(derived, bytes)  # of one key
    return derived


def _crypted(data: bytes, derived: bytes, counter: bytes) -> bytes:
    """Encrypted, or decrypted: in counter mode they are the same."""
    from Crypto.Cipher import AES  # as `scrypt`

    return AES.new(derived[:16], AES.MODE_CTR, nonce=b"", initial_value=counter).encrypt(data)


def _mac(derived: bytes, ciphertext: bytes) -> bytes:
    from Crypto.Hash import keccak  # as `scrypt`

    return keccak.new(digest_bits=256, data=derived[16:32] + ciphertext).digest()


def _lowered(document: dict[str, Json]) -> dict[str, Json]:
    return {name.lower(): value for name, value in document.items()}


def _part(document: dict[str, Json], name: str) -> dict[str, Json]:
    part = document.get(name)
    if not isinstance(part, dict):
        raise _broken("it does not say how its key is locked")
    return _lowered(part)


def _bytes(document: dict[str, Json], name: str) -> bytes:
    value = document.get(name)
    try:
        if isinstance(value, str):
            return bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        pass
    raise _broken(f"its {name} is not written in hex digits")


def _whole(cost: dict[str, Json], name: str) -> int:
    value = cost.get(name)
    if type(value) is not int or value < 1:
        raise _broken("the cost of its lock is not a number")
    return value


def _broken(why: str) -> KeystoreError:
    return KeystoreError(f"the file is a broken keystore: {why}")


def _costly() -> KeystoreError:
    return KeystoreError("opening this keystore would take more memory or time than any honest one")


def _unknown(what: str, name: Json, known: str) -> KeystoreError:
    said = f"'{safe_text(name[:40])}'" if isinstance(name, str) else "not said"
    return KeystoreError(f"this keystore cannot be opened here: {what} is {said}, not {known}")
