"""A relay that spoils a byte: every byte of an operation, one at a time, in every way a bit can turn and a few more."""

from __future__ import annotations

import pytest

from tests.crdt import model
from tests.crdt.making import ADA, BOB, fresh, removal_of, root, write_on
from tui_registry.crdt import Op, OpError, check_op, parse_op

CODES = {
    "malformed",
    "limit",
    "key",
    "hash",
    "signature",
    "actor",
    "owner",
    "id",
    "child",
    "clock",
    "time",
    "unsupported",
}
BASE = root()
ROOT = parse_op(model.spell(model.up_tree(ADA, "model", fresh(description="Größe"), counter=57)))
WRITE = parse_op(
    model.spell(model.up_tree(ADA, "model", {**fresh(), "updated_at": BASE.updated_at + 1}, [BASE.hash], 2, counter=57))
)
REMOVAL = removal_of(BASE)


def outcome(body: bytes, children: list[Op]) -> tuple[str, Op | None]:
    try:
        op = parse_op(body)
        check_op(op, children)
    except OpError as error:
        return error.code, None
    return "", op


def spoilt(byte: int) -> set[int]:
    """Every single bit turned, and the digits and letters that a byte may be taken for."""
    return ({byte ^ 1 << bit for bit in range(8)} | set(b'0159afAF",:\\ -')) - {byte}


@pytest.mark.parametrize(
    ("op", "children"), [(ROOT, []), (WRITE, [BASE]), (REMOVAL, [BASE])], ids=["root", "write", "removal"]
)
def test_only_a_changed_dot_counter_leaves_an_op_what_it_is(op: Op, children: list[Op]) -> None:
    for child in children:
        check_op(child, [])
    assert outcome(op.body, children) == ("", op)
    start = op.body.find(b'"counter":') + len(b'"counter":')
    counter = set() if op.is_rm else {start, start + 1}
    same = 0
    for place, byte in enumerate(op.body):
        for other in spoilt(byte):
            body = op.body[:place] + bytes((other,)) + op.body[place + 1 :]
            code, changed = outcome(body, children)
            if changed is None:
                assert code in CODES
            else:
                same += 1
                assert place in counter, (place, body[max(0, place - 20) : place + 20])
                assert changed.hash == op.hash
                assert (changed.record, changed.children, changed.clock) == (op.record, op.children, op.clock)
    assert same == 0 if op.is_rm else same > 0
    # And the good op is as good as before.
    assert outcome(op.body, children) == ("", op)


@pytest.mark.parametrize("op", [ROOT, WRITE, REMOVAL], ids=["root", "write", "removal"])
def test_an_op_cut_short_anywhere_is_malformed(op: Op) -> None:
    for stop in range(len(op.body)):
        assert outcome(op.body[:stop], [BASE])[0] == "malformed"


@pytest.mark.parametrize("op", [ROOT, WRITE, REMOVAL], ids=["root", "write", "removal"])
def test_an_op_without_any_one_byte_or_with_one_twice_is_rejected(op: Op) -> None:
    check_op(BASE, [])
    for place in range(len(op.body)):
        dropped = op.body[:place] + op.body[place + 1 :]
        doubled = op.body[: place + 1] + op.body[place:]
        for body in (dropped, doubled):
            code, changed = outcome(body, [BASE])
            # "57" without a digit, or with one twice, is another counter of the same op.
            assert code in CODES or (changed is not None and changed.hash == op.hash)


def test_another_owners_signature_over_the_same_hash_is_refused() -> None:
    mine, theirs = write_on(BASE), write_on(BASE, by=BOB)
    body = mine.body.replace(mine.signature.hex().encode(), theirs.signature.hex().encode())
    assert outcome(body, [BASE])[0] in {"signature", "actor"}
    signature, rec = BOB.sign(bytes.fromhex(mine.hash))
    body = mine.body.replace(mine.signature.hex().encode(), signature.hex().encode())
    body = body.replace(f'"rec":{mine.rec}'.encode(), f'"rec":{rec}'.encode())
    assert outcome(body, [BASE])[0] == "actor"
