"""Keystores of version 3: those of other programs open, ours open there, and one that was changed anywhere does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tui_registry import keystore
from tui_registry.crdt import Identity
from tui_registry.keystore import KeystoreError, locked, read_keystore

# The two examples of the Web3 Secret Storage Definition, and what eth-keyfile 0.10 wrote, which 0.1.0 locked keys with.
VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("keystores.json").read_text("utf-8"))
QUICK: dict[str, Any] = VECTORS[2]["keystore"]
PHRASE: bytes = VECTORS[2]["passphrase"].encode()
SECRETS = st.integers(1, 2**255).map(lambda number: Identity(number.to_bytes(32, "big")))


@pytest.fixture(autouse=True)
def _quick_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "_SCRYPT_N", 2)


def refusal(document: object, passphrase: bytes = PHRASE) -> str:
    """Why a keystore is not opened."""
    with pytest.raises(KeystoreError) as refused:
        read_keystore(json.dumps(document), passphrase)
    assert refused.value.sentence.isprintable()
    return refused.value.sentence


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_keystores_of_other_programs_open(vector: dict[str, Any]) -> None:
    identity = read_keystore(json.dumps(vector["keystore"]), vector["passphrase"].encode())
    assert identity.secret().hex() == vector["secret"]


def test_what_they_spell_otherwise_is_read_too() -> None:
    crypto = dict(QUICK["crypto"])
    assert crypto["cipherparams"]["iv"].startswith("000000")
    crypto["cipherparams"] = {"IV": "0x" + crypto["cipherparams"]["iv"][6:]}
    crypto["mac"] = crypto["mac"].upper()
    crypto["KDF"] = crypto.pop("kdf")
    spelt = {"Crypto": crypto, "version": 3}
    assert read_keystore(json.dumps(spelt), PHRASE).secret().hex() == VECTORS[2]["secret"]


def test_a_keystore_is_written_as_others_read_it() -> None:
    identity = Identity(b"\1" * 32)
    one, other = (json.loads(locked(identity, b"a passphrase")) for _ in range(2))
    assert one["address"] == identity.address
    assert (one["version"], one["crypto"]["kdf"], one["crypto"]["cipher"]) == (3, "scrypt", "aes-128-ctr")
    # By what each is locked is never used again.
    for drawn in (
        lambda it: it["id"],
        lambda it: it["crypto"]["cipherparams"],
        lambda it: it["crypto"]["kdfparams"]["salt"],
    ):
        assert drawn(one) != drawn(other)


@given(SECRETS, st.binary(max_size=80))
def test_what_is_locked_opens_with_its_passphrase(identity: Identity, passphrase: bytes) -> None:
    assert read_keystore(locked(identity, passphrase), passphrase).secret() == identity.secret()


@given(SECRETS, st.binary(max_size=80), st.binary(max_size=80))
def test_no_other_passphrase_opens_it(identity: Identity, passphrase: bytes, other: bytes) -> None:
    # HMAC, which makes the passphrase into a key, pads it with zeros.
    if passphrase.rstrip(b"\0") != other.rstrip(b"\0"):
        assert refusal(json.loads(locked(identity, passphrase)), other) == "the passphrase does not open this keystore"


@given(SECRETS, st.data())
def test_one_byte_changed_anywhere_that_counts_is_refused(identity: Identity, data: st.DataObject) -> None:
    document = json.loads(locked(identity, PHRASE))
    place, name = data.draw(
        st.sampled_from(
            [
                (document, "address"),
                (document["crypto"], "ciphertext"),
                (document["crypto"], "mac"),
                (document["crypto"]["cipherparams"], "iv"),
                (document["crypto"]["kdfparams"], "salt"),
            ]
        )
    )
    spoilt = bytearray.fromhex(place[name])
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    place[name] = spoilt.hex()
    assert refusal(document) in (
        "the passphrase does not open this keystore",
        "the file is a broken keystore: no key could be read from it",
        "the file is a broken keystore: the key in it is not that of the address it names",
    )


def change(*path: str, to: object) -> Callable[[Any], None]:
    def spoil(document: Any) -> None:
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = to

    return spoil


def leave_out(*path: str) -> Callable[[Any], None]:
    def spoil(document: Any) -> None:
        for name in path[:-1]:
            document = document[name]
        del document[path[-1]]

    return spoil


NO_VERSION_3 = "the file is not an Ethereum keystore of version 3"
NO_NUMBER = "the cost of its lock is not a number"
LENGTH = "a part of it is too short or too long"
COSTLY = "would take more memory or time than any honest one"


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (change("version", to=4), NO_VERSION_3),
        (change("version", to=True), NO_VERSION_3),
        (change("version", to=3.0), NO_VERSION_3),
        (change("crypto", to=[]), NO_VERSION_3),
        (leave_out("crypto", "kdfparams"), "does not say how its key is locked"),
        (change("crypto", "cipherparams", to="00"), "does not say how its key is locked"),
        (change("crypto", "cipher", to="aes-256-gcm"), "its cipher is 'aes-256-gcm', not aes-128-ctr"),
        (leave_out("crypto", "cipher"), "its cipher is not said"),
        (change("crypto", "kdf", to="argon2\x1b[2J"), "its lock is 'argon2"),
        (change("crypto", "kdf", to=["scrypt"]), "its lock is not said, not scrypt or pbkdf2"),
        (change("crypto", "ciphertext", to="zz" * 32), "its ciphertext is not written in hex digits"),
        (change("crypto", "ciphertext", to="\ud800"), "its ciphertext is not written in hex digits"),
        (change("crypto", "mac", to=7), "its mac is not written in hex digits"),
        (change("crypto", "kdfparams", "salt", to=None), "its salt is not written in hex digits"),
        (leave_out("crypto", "kdfparams", "salt"), "its salt is not written in hex digits"),
        (change("address", to="0x"), "not that of the address"),
        (change("address", to={}), "its address is not written in hex digits"),
        (change("crypto", "ciphertext", to="00" * 31), LENGTH),
        (change("crypto", "mac", to="00" * 33), LENGTH),
        (change("crypto", "cipherparams", "iv", to="00" * 17), LENGTH),
        (change("crypto", "kdfparams", "dklen", to=16), "too short or too long"),
        (change("crypto", "kdfparams", "dklen", to=2**31), "too short or too long"),
        (change("crypto", "kdfparams", "n", to="2"), NO_NUMBER),
        (change("crypto", "kdfparams", "n", to=2.0), NO_NUMBER),
        (change("crypto", "kdfparams", "r", to=True), NO_NUMBER),
        (change("crypto", "kdfparams", "p", to=0), NO_NUMBER),
        (leave_out("crypto", "kdfparams", "n"), NO_NUMBER),
        (change("crypto", "kdfparams", "n", to=1), "not a power of two"),
        (change("crypto", "kdfparams", "n", to=1_000), "not a power of two"),
        (change("crypto", "kdfparams", "n", to=2**30), COSTLY),
        (change("crypto", "kdfparams", "r", to=65), COSTLY),
        (change("crypto", "kdfparams", "p", to=17), COSTLY),
        (change("crypto", to=VECTORS[1]["keystore"]["crypto"] | {"kdf": "scrypt"}), NO_NUMBER),
    ],
    ids=range(33),
)
def test_what_is_wrong_with_a_keystore_is_said(spoil: Callable[[Any], None], part: str) -> None:
    document = json.loads(json.dumps(QUICK))
    spoil(document)
    assert part in refusal(document)


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [("c", 10_000_001, COSTLY), ("c", None, NO_NUMBER), ("prf", "hmac-md5", "is 'hmac-md5', not hmac-sha256")],
)
def test_so_it_is_of_the_other_lock(name: str, value: object, part: str) -> None:
    document = json.loads(json.dumps(VECTORS[1]["keystore"]))
    document["crypto"]["kdfparams"][name] = value
    assert part in refusal(document)


def test_where_there_is_not_the_memory_for_a_lock_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "_MOST_SCRYPT_BYTES", 2**60)
    monkeypatch.setattr(keystore, "_MOST_SCRYPT_R", 2**20)
    document = json.loads(json.dumps(QUICK))
    document["crypto"]["kdfparams"] |= {"n": 2**31, "r": 2**10}  # 256 TiB: more than a process has addresses for
    assert "of memory for the lock of this keystore" in refusal(document)


@pytest.mark.parametrize("number", [0, 2**256 - 1])
def test_what_decrypts_to_no_key_is_a_broken_keystore(number: int) -> None:
    class NoKey(Identity):
        """Its secret is out of range."""

        def secret(self) -> bytes:
            return number.to_bytes(32, "big")

    assert (
        refusal(json.loads(locked(NoKey(b"\1" * 32), PHRASE)))
        == "the file is a broken keystore: no key could be read from it"
    )
