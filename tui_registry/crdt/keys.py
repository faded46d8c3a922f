"""Keys, addresses and recoverable signatures on secp256k1 (libsecp256k1 through btclib-secp256k1).

An address is the last 20 bytes of Keccak-256 of the uncompressed public key without its 0x04 byte, as 40 lower-case
hex digits (Ethereum yellow paper, section 4.1 and appendix F, without the checksum spelling).
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import NoReturn

from btclib_secp256k1 import keys, recovery
from Crypto.Hash import keccak

_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_ORDER = _N.to_bytes(32, "big")
_HALF_ORDER = (_N // 2).to_bytes(32, "big")
_ZERO = bytes(32)


class Identity:
    """A secp256k1 key pair that signs this replica's operations. Its `repr` shows the address, never the key."""

    __slots__ = ("_secret", "address")

    def __init__(self, secret: bytes) -> None:
        """
        Args:
            secret: 32 bytes, as a big-endian number in 1..n-1.

        Raises:
            ValueError: the secret is not a private key.
        """
        if len(secret) != 32 or not _ZERO < secret < _ORDER:
            raise ValueError("a private key is 32 bytes, as a number from 1 to the order of secp256k1 less 1")
        self._secret = secret
        self.address = _address(keys.pubkey_from_prvkey(secret, compressed=False))

    @classmethod
    def generate(cls) -> Identity:
        """A new identity from the operating system's randomness."""
        while True:
            try:
                return cls(secrets.token_bytes(32))
            except ValueError:  # odds of 2^-128
                continue

    def sign(self, digest: bytes) -> tuple[bytes, int]:
        """Sign 32 bytes themselves (RFC 6979, low s): the 64 bytes r||s and the recovery id 0..3."""
        # Recovering the key from each signature just made would cost three times what signing does; a signature that
        # went wrong in memory breaks rule 4, and no replica takes it.
        return recovery.sign(digest, self._secret, verify=False)

    def secret(self) -> bytes:
        """The 32 secret bytes, for the key file and the keystore only."""
        return self._secret

    def __repr__(self) -> str:
        return f"Identity(0x{self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle an Identity: its key is for the key file and the keystore only")


def recover(digest: bytes, signature: bytes, rec: int) -> str | None:
    """The address whose key signed the 32-byte digest, or None when the signature is not a valid one.

    r must lie in 1..n-1 and s in 1..n/2: the curve library recovers from a high s all the same, so it is checked here.
    """
    r, s = signature[:32], signature[32:]
    if not (_ZERO < r < _ORDER and _ZERO < s <= _HALF_ORDER):
        return None
    try:
        return _address(recovery.recover(digest, signature, rec, compressed=False))
    except ValueError:  # no point fits
        return None


# A registry has many operations by few owners: Keccak in Python's C library binding costs more than the look-up.
@lru_cache(maxsize=65_536)
def _address(public_key: bytes) -> str:
    return str(keccak.new(digest_bits=256, data=public_key[1:]).hexdigest())[-40:]
