"""What is signed of a head, byte for byte: `vectors/heads.json` is frozen."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tui_registry.crdt import Identity
from tui_registry.crdt.signed_heads import head_digest, head_signer, sign_head

KEY = Identity(b"\x07" * 32)
HEADS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "vectors" / "heads.json").read_text())


def digest_of(head: dict[str, Any]) -> bytes:
    return head_digest(
        epoch=head["epoch"],
        size=head["size"],
        fingerprint=head["fingerprint"],
        set_hash=head["set"],
        root=head["root"],
        signed_at=head["signed_at"],
    )


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head["size"])
def test_the_bytes_that_are_signed_are_those_that_the_page_tells(head: dict[str, Any]) -> None:
    hexed = head["epoch"], f"{head['size']:016x}", head["fingerprint"], head["set"], head["root"]
    preimage = b"tui_registry/head/1\0" + bytes.fromhex("".join(hexed) + f"{head['signed_at']:016x}")
    assert digest_of(head).hex() == hashlib.sha3_256(preimage).hexdigest() == head["digest"]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head["size"])
def test_a_head_is_signed_the_same_way_each_time(head: dict[str, Any]) -> None:
    assert sign_head(KEY, digest_of(head)) == head["sig"]
    assert head_signer(digest_of(head), head["sig"]) == head["node"] == KEY.address


def test_no_other_signature_is_taken() -> None:
    """The second form of each signature, by the other s, included."""
    head = HEADS[1]
    digest, sig = digest_of(head), bytes.fromhex(head["sig"])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = order - int.from_bytes(sig[32:64], "big")
    others = [
        sig[:32] + high.to_bytes(32, "big") + bytes([sig[64] ^ 1]),
        bytes(65),
        b"\xff" * 65,
        *(sig[:64] + bytes([rec]) for rec in (*range(4, 40), 255)),
    ]
    assert {head_signer(digest, other.hex()) for other in others} == {None}
    for place in range(64):
        spoilt = sig[:place] + bytes([sig[place] ^ 1]) + sig[place + 1 :]
        assert head_signer(digest, spoilt.hex()) != KEY.address
