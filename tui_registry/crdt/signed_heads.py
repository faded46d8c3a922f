"""Signed heads: what a node's key signs of its log; see protocol.md, Signed heads. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui_registry.crdt.keys import Identity

_START = b"tui_registry/head/1\0"
# r, s and the recovery id, in hex.
SIGNATURE_DIGITS = 130


def head_digest(*, epoch: str, size: int, fingerprint: str, set_hash: str, root: str, signed_at: int) -> bytes:
    """The 32 bytes that the key of a log signs: SHA3-256 over what its head says of it.

    Args:
        epoch: 32 hex digits. fingerprint, set_hash, root: 64 hex digits.
        size: of the log, in operations, below 2^64.
        signed_at: Unix seconds, in 64 bits with a sign.
    """
    parts = (
        _START,
        bytes.fromhex(epoch),
        size.to_bytes(8, "big"),
        bytes.fromhex(fingerprint),
        bytes.fromhex(set_hash),
        bytes.fromhex(root),
        signed_at.to_bytes(8, "big", signed=True),
    )
    return hashlib.sha3_256(b"".join(parts)).digest()


def sign_head(identity: Identity, digest: bytes) -> str:
    """The signature of a head: r, s and the recovery id as 130 hex digits. The same ones each time."""
    signature, rec = identity.sign(digest)
    return signature.hex() + f"{rec:02x}"


def head_signer(digest: bytes, signature: str) -> str | None:
    """The address whose key signed a head, None where the signature is none.

    Args:
        signature: 130 lower-case hex digits.
    """
    from tui_registry.crdt.keys import recover  # a node is asked without keys, until its head bears a signature

    raw = bytes.fromhex(signature)
    return recover(digest, raw[:64], raw[64]) if raw[64] < 4 else None
