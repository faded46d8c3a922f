"""What version 0.1.0 asks of coincurve 21, by the binding of today: that one cannot be installed on Python 3.14.

The released program runs with this folder on its path, and with nothing else of ours.
"""

from __future__ import annotations

from btclib_secp256k1 import keys, recovery


class PublicKey:
    def __init__(self, point: bytes) -> None:
        self._point = point

    @classmethod
    def from_signature_and_message(cls, signature: bytes, message: bytes, hasher: None) -> PublicKey:
        assert hasher is None
        return cls(recovery.recover(message, signature[:64], signature[64], compressed=False))

    def format(self, compressed: bool) -> bytes:
        assert not compressed
        return self._point


class PrivateKey:
    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.public_key = PublicKey(keys.pubkey_from_prvkey(secret, compressed=False))

    def sign_recoverable(self, message: bytes, hasher: None) -> bytes:
        assert hasher is None
        signature, rec = recovery.sign(message, self.secret, verify=False)
        return signature + bytes((rec,))
