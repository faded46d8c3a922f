"""Keys, addresses and signatures, against the curve's arithmetic in plain Python."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle

import pytest
from hypothesis import given, settings, strategies as st

from tests.crdt.histories import key_of
from tui_registry.crdt import Identity
from tui_registry.crdt.keys import recover

# SEC 2, version 2.0, section 2.4.1
P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int] | None
secrets_ = st.integers(1, N - 1)
digests = st.binary(min_size=32, max_size=32)


def add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(scalar: int, point: Point) -> Point:
    found: Point = None
    while scalar:
        if scalar & 1:
            found = add(found, point)
        point, scalar = add(point, point), scalar >> 1
    return found


def nonce(secret: int, digest: bytes) -> int:
    """RFC 6979, section 3.2, with HMAC-SHA256."""
    seed = secret.to_bytes(32, "big") + (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    key, value = bytes(32), b"\x01" * 32
    for mark in (b"\x00", b"\x01"):
        key = hmac.new(key, value + mark + seed, hashlib.sha256).digest()
        value = hmac.new(key, value, hashlib.sha256).digest()
    while True:
        value = hmac.new(key, value, hashlib.sha256).digest()
        candidate = int.from_bytes(value, "big")
        if 1 <= candidate < N:
            return candidate
        key = hmac.new(key, value + b"\x00", hashlib.sha256).digest()
        value = hmac.new(key, value, hashlib.sha256).digest()


def sign(secret: int, digest: bytes) -> tuple[int, int, int]:
    """r, s and recovery id, s low."""
    k = nonce(secret, digest)
    point = times(k, G)
    assert point is not None
    r = point[0] % N
    s = pow(k, -1, N) * (int.from_bytes(digest, "big") + r * secret) % N
    rec = (point[1] & 1) | (2 if point[0] >= N else 0)
    return (r, N - s, rec ^ 1) if s > N // 2 else (r, s, rec)


@settings(max_examples=15)
@given(secrets_, digests)
def test_a_signature_is_rfc_6979s_with_a_low_s(secret: int, digest: bytes) -> None:
    identity = Identity(secret.to_bytes(32, "big"))
    signature, rec = identity.sign(digest)
    r, s, expected = sign(secret, digest)
    assert (signature, rec) == (r.to_bytes(32, "big") + s.to_bytes(32, "big"), expected)


@given(secrets_, digests)
def test_a_signature_recovers_to_its_signer_and_to_nobody_else_for_another_digest(secret: int, digest: bytes) -> None:
    identity = Identity(secret.to_bytes(32, "big"))
    signature, rec = identity.sign(digest)
    assert recover(digest, signature, rec) == identity.address
    other = bytes((digest[0] ^ 1,)) + digest[1:]
    assert recover(other, signature, rec) != identity.address


# Keys with well-known addresses: 1 and 2, and the first account of the Hardhat and Anvil test chains.
@pytest.mark.parametrize(
    ("secret", "address"),
    [
        (1, "7e5f4552091a69125d5dfcb7b8c2659029395bdf"),
        (2, "2b5ad5c4795c026514f8317c7a215e218dccd6cf"),
        (
            0xAC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80,
            "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        ),
    ],
)
def test_an_address_is_ethereums(secret: int, address: str) -> None:
    assert Identity(secret.to_bytes(32, "big")).address == address


@pytest.mark.parametrize("secret", [bytes(32), N.to_bytes(32, "big"), b"\xff" * 32, b"\x01" * 31, b"\x01" * 33, b""])
def test_what_is_no_private_key_is_refused_in_words(secret: bytes) -> None:
    with pytest.raises(
        ValueError, match=r"^a private key is 32 bytes, as a number from 1 to the order of secp256k1 less 1$"
    ):
        Identity(secret)


def test_the_largest_and_smallest_private_keys_are_keys() -> None:
    assert len({Identity(number.to_bytes(32, "big")).address for number in (1, N - 1)}) == 2


def test_generated_identities_differ() -> None:
    assert len({Identity.generate().address for _ in range(8)}) == 8


def test_random_bytes_that_are_no_key_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [b"\xff" * 32, bytes(32), b"\x07" * 32]

    def token_bytes(size: int) -> bytes:
        assert size == 32
        return drawn.pop(0)

    monkeypatch.setattr("tui_registry.crdt.keys.secrets.token_bytes", token_bytes)
    assert Identity.generate().secret() == b"\x07" * 32


def test_an_identity_never_shows_its_key() -> None:
    identity = key_of("shown")
    secret = identity.secret()
    for shown in (repr(identity), str(identity), f"{identity}"):
        assert secret.hex() not in shown
        assert identity.address in shown


@given(digests, st.binary(min_size=64, max_size=64), st.integers(0, 3))
def test_any_64_bytes_recover_to_an_address_or_to_none(digest: bytes, signature: bytes, rec: int) -> None:
    address = recover(digest, signature, rec)
    assert address is None or len(address) == 40
    if int.from_bytes(signature[32:], "big") > N // 2:
        assert address is None


def test_s_may_be_half_the_order_and_no_more() -> None:
    identity, digest = key_of("half"), hashlib.sha256(b"half").digest()
    r = identity.sign(digest)[0][:32]
    assert any(recover(digest, r + (N // 2).to_bytes(32, "big"), rec) for rec in range(4))
    assert not any(recover(digest, r + (N // 2 + 1).to_bytes(32, "big"), rec) for rec in range(4))
    assert not any(recover(digest, r + bytes(32), rec) for rec in range(4))
    assert not any(recover(digest, bytes(32) + r, rec) for rec in range(4))
    assert not any(recover(digest, N.to_bytes(32, "big") + (1).to_bytes(32, "big"), rec) for rec in range(4))


def test_a_key_is_neither_pickled_nor_copied() -> None:
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(
            TypeError, match=r"^cannot pickle an Identity: its key is for the key file and the keystore only$"
        ):
            copied(key_of("a"))
