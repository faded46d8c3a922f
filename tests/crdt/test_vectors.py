"""Frozen operations: the reference's (outside the repository), and the project's own, which may never change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.crdt import model
from tui_registry.crdt import Identity, OpError, check_alone, check_op, parse_op
from tui_registry.errors import Kind
from tui_registry.records import schema

HERE = Path(__file__).parent
REFERENCE = HERE.parents[2] / "shared" / "vectors" / "ops.json"
OURS: list[dict[str, Any]] = json.loads((HERE / "vectors" / "ops.json").read_text("utf-8"))
_THEIRS = json.loads(REFERENCE.read_text("utf-8")) if REFERENCE.exists() else {"up": [], "rm": []}
UPS: list[dict[str, Any]] = _THEIRS["up"]
RMS: list[dict[str, Any]] = _THEIRS["rm"]

needs_reference = pytest.mark.skipif(
    not REFERENCE.exists(), reason="the reference's vectors lie outside the repository"
)
each_up = pytest.mark.parametrize("vector", UPS, ids=lambda vector: vector["name"])
each_rm = pytest.mark.parametrize("vector", RMS, ids=lambda vector: vector["name"])
each_of_ours = pytest.mark.parametrize("vector", OURS, ids=lambda vector: vector["name"])


def wrapped(vector: dict[str, Any]) -> Any:
    """The reference's map op as the plan's DatastoreOp."""
    kind: Kind = vector["kind"]
    return {model.VARIANTS[kind]: vector["map_op"]}


def signature_of(tree: Any) -> tuple[str, int]:
    (op,) = next(iter(tree.values())).values()
    signature = op["op"]["signature"] if "dot" in op else op["signature"]
    return signature["sig"], signature["rec"]


@needs_reference
def test_the_reference_has_thirty_ups_and_eight_rms_and_all_were_read() -> None:
    assert (len(UPS), len(RMS)) == (30, 8)


@each_up
def test_a_reference_up_is_read_and_spelt_back_byte_for_byte(vector: dict[str, Any]) -> None:
    body = model.spell(wrapped(vector))
    op = parse_op(body)
    assert op.to_json() == body
    assert (op.kind, op.key, op.is_rm) == (vector["kind"], vector["key"], False)


@each_up
def test_a_reference_up_hashes_to_the_references_hash(vector: dict[str, Any]) -> None:
    op = parse_op(model.spell(wrapped(vector)))
    assert op.computed_hash() == op.hash == vector["hash"]


@each_up
def test_a_reference_up_was_signed_by_the_references_address(vector: dict[str, Any]) -> None:
    op = parse_op(model.spell(wrapped(vector)))
    assert op.signer() == vector["address"]
    assert Identity(bytes.fromhex(vector["private_key_hex"])).address == vector["address"]


@each_up
def test_signing_a_reference_hash_again_gives_the_references_signature(vector: dict[str, Any]) -> None:
    """RFC 6979: the nonce is a function of key and message."""
    signature, rec = Identity(bytes.fromhex(vector["private_key_hex"])).sign(bytes.fromhex(vector["hash"]))
    assert (signature.hex(), rec) == signature_of(wrapped(vector))


@each_rm
def test_a_reference_rm_is_malformed_here(vector: dict[str, Any]) -> None:
    with pytest.raises(OpError) as caught:
        parse_op(model.spell(wrapped(vector)))
    assert caught.value.code == "malformed"


# ---- ours ----------------------------------------------------------------------------------------------------------


def test_there_are_frozen_ups_and_rms_of_both_kinds() -> None:
    assert len(OURS) >= 12
    assert {(vector["kind"], vector["is_rm"]) for vector in OURS} == {
        (kind, is_rm) for kind in ("model", "agent") for is_rm in (False, True)
    }


def test_the_frozen_ops_are_those_of_the_rules_in_force() -> None:
    """Whoever changes the number asks every replica to look at what it refused again: new rules want new vectors."""
    assert schema.RULES_VERSION == 2


@each_of_ours
def test_a_frozen_op_is_read_as_it_was_frozen(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    op = parse_op(body)
    assert op.to_json() == body
    assert (op.kind, op.key, op.is_rm, op.hash) == (vector["kind"], vector["key"], vector["is_rm"], vector["hash"])
    assert list(op.children) == vector["children"]
    assert op.computed_hash() == vector["hash"]
    assert op.signer() == vector["address"]


@each_of_ours
def test_a_frozen_op_is_made_anew_byte_for_byte(vector: dict[str, Any]) -> None:
    identity = Identity(bytes.fromhex(vector["private_key_hex"]))
    assert identity.address == vector["address"]
    signature, rec = identity.sign(bytes.fromhex(vector["hash"]))
    assert (signature.hex(), rec) == signature_of(json.loads(vector["body"]))
    assert model.spell(json.loads(vector["body"])).decode() == vector["body"]


def test_every_frozen_op_is_valid_on_top_of_its_children() -> None:
    ops = {}
    for vector in OURS:
        op = parse_op(vector["body"].encode())
        check_op(op, [ops[child] for child in op.children])
        ops[op.hash] = op
        assert (op.created_at, op.updated_at) == (vector["created_at"], vector["updated_at"])


@each_of_ours
def test_the_oracle_reads_a_frozen_op_the_same_way(vector: dict[str, Any]) -> None:
    fact = model.judge(vector["body"].encode())
    assert isinstance(fact, model.Fact)
    assert (fact.kind, fact.key, fact.hash, fact.owner) == (
        vector["kind"], vector["key"], vector["hash"], vector["address"],
    )  # fmt: skip
    op = parse_op(vector["body"].encode())
    check_alone(op)
