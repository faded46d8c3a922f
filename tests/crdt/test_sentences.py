"""What is told about an operation that is refused: the sentence stands in the quarantine, before a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.crdt import model
from tests.crdt.histories import START
from tests.crdt.making import ADA, BOB, changed, fresh, removal_of, root, root_tree, write_on
from tests.crdt.model import LAST_SECOND
from tui_registry.crdt import Identity, Op, OpError, check_op, parse_op
from tui_registry.crdt.spelling import spell

BASE = root()
UP_TEXT = BASE.to_json().decode()
RM_TREE = model.rm_tree(ADA, "model", BASE.key, [BASE.hash], 2, BASE.updated_at + 1)
Change = Callable[[Any], None]


def put(*path: str, value: Any) -> Change:
    """Replace what stands at the path."""

    def change(op: Any) -> None:
        for name in path[:-1]:
            op = op[name]
        op[path[-1]] = value

    return change


UP_INNER, UP_SIGNED = ("op", "op"), ("op",)

OF_AN_UP: dict[str, tuple[Change, str]] = {
    "Up": (lambda op: op.pop("key"), "Up must have the members dot, key, op, in that order"),
    "the dot": (put("dot", value=1), "the dot must have the members actor, counter, in that order"),
    "the counter": (
        put("dot", "counter", value=0),
        "the dot's counter must be a whole number from 1 to 9223372036854775807",
    ),
    "the actor": (put("dot", "actor", value="A" * 40), "the dot's actor must be 40 lower-case hex digits"),
    "the key": (put("key", value=7), "the key must be text"),
    "the signed op": (
        put(*UP_SIGNED, value=[]),
        "the signed op must have the members op, signature, hash, in that order",
    ),
    "the op": (put(*UP_INNER, value={}), "the op must have the members value, vclock, children, in that order"),
    "the value": (put(*UP_INNER, "value", value=[]), "the value must be a record"),
    "the hash": (put(*UP_SIGNED, "hash", value="0"), "the hash must be 64 lower-case hex digits"),
    "the signature": (
        put(*UP_SIGNED, "signature", value={}),
        "the signature must have the members sig, rec, in that order",
    ),
    "sig": (put(*UP_SIGNED, "signature", "sig", value="00"), "sig must be 128 lower-case hex digits"),
    "rec": (put(*UP_SIGNED, "signature", "rec", value=4), "rec must be a whole number from 0 to 3"),
    "the clock": (put(*UP_INNER, "vclock", value=[]), "the clock must be an object"),
    "an actor": (put(*UP_INNER, "vclock", value={"x": 1}), "an actor must be 40 lower-case hex digits"),
    "a counter": (
        put(*UP_INNER, "vclock", ADA.address, value=2**63),
        "a counter must be a whole number from 1 to 9223372036854775807",
    ),
    "actors": (
        put(*UP_INNER, "vclock", value={"b" * 40: 1, "a" * 40: 1}),
        "the actors of the clock must ascend",
    ),
    "the children": (put(*UP_INNER, "children", value={}), "the children must be a list of at most 16 hashes"),
    "too many": (
        put(*UP_INNER, "children", value=[f"{number:064x}" for number in range(17)]),
        "the children must be a list of at most 16 hashes",
    ),
    "a child": (put(*UP_INNER, "children", value=["x"]), "a child must be 64 lower-case hex digits"),
    "twice": (put(*UP_INNER, "children", value=["0" * 64] * 2), "the children must ascend and be unique"),
    "a field": (put(*UP_INNER, "value", "tags", value="x"), "the record's tags: must be a list"),
    "the order": (
        lambda op: op["op"]["op"].update(value=dict(reversed(op["op"]["op"]["value"].items()))),
        "the record: the fields are not in their order",
    ),
    "the fields": (put(*UP_INNER, "value", value={}), "the record's model_id: is missing"),
}
OF_AN_RM: dict[str, tuple[Change, str]] = {
    "Rm": (
        lambda op: op.pop("clock"),
        "Rm must have the members clock, keyset, children, updated_at, signature, hash, in that order",
    ),
    "the keyset": (put("keyset", value="x"), "the keyset must be a list"),
    "a key": (put("keyset", value=[1]), "a key of the keyset must be text"),
    "updated_at": (
        put("updated_at", value=2**63),
        "updated_at must be a whole number from -9223372036854775808 to 9223372036854775807",
    ),
    "the hash": (put("hash", value="0" * 63), "the hash must be 64 lower-case hex digits"),
    "the clock": (put("clock", value=None), "the clock must be an object"),
}


def refused(body: bytes) -> tuple[str, str]:
    with pytest.raises(OpError) as caught:
        parse_op(body)
    return caught.value.code, caught.value.sentence


@pytest.mark.parametrize("what", OF_AN_UP)
def test_what_is_wrong_with_the_shape_of_a_write(what: str) -> None:
    change, sentence = OF_AN_UP[what]
    assert refused(changed(root_tree(), change)) == ("malformed", sentence)


@pytest.mark.parametrize("what", OF_AN_RM)
def test_what_is_wrong_with_the_shape_of_a_removal(what: str) -> None:
    change, sentence = OF_AN_RM[what]
    assert refused(changed(RM_TREE, change)) == ("malformed", sentence)


def test_what_is_wrong_with_the_bytes() -> None:
    assert refused(b"[]") == ("malformed", "the operation must be an object with exactly one member")
    assert refused(b'{"Model":{}}') == ("malformed", "Model must be an object with exactly one member")
    assert refused(b'{"Dataset":{}}') == (
        "unsupported",
        "this operation is of a kind that a later version introduced",
    )
    assert refused(b'{"Model":{"Merge":{}}}') == (
        "unsupported",
        "this operation is of a form that a later version introduced",
    )
    assert refused(BASE.body + b" ") == ("malformed", "the operation is not spelt in its one canonical way")
    code, sentence = refused(b"\xff")
    assert code == "malformed"
    assert sentence.startswith("the bytes are not UTF-8 JSON (")
    body = removal_of(BASE).body.replace(b'"keyset":["', b'"keyset":["\\ud800', 1)
    assert refused(body)[1].startswith("the bytes are not UTF-8 JSON (")


def test_a_surrogate_cannot_be_spelt_and_the_library_says_why() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        spell("\ud800")


def test_the_name_of_a_strangers_member_is_cut_and_escaped() -> None:
    for name, told in ((b"x" * 100, "x" * 80), ("é".encode() + b"x" * 80, "\\xe9" + "x" * 76)):
        body = BASE.body.replace(b'"tags":', b'"' + name + b'":', 1)
        assert refused(body) == ("malformed", f"the record's {told}: is not a field of this record")


def broken(op: Op, *children: Op) -> tuple[str, str]:
    for child in children:
        child.actor = child.signer()
    with pytest.raises(OpError) as caught:
        check_op(op, children)
    return caught.value.code, caught.value.sentence


def op_of(tree: Any, change: Change | None = None) -> Op:
    return parse_op(model.spell(tree) if change is None else changed(tree, change))


def removal(*, updated_at: int = BASE.updated_at, by: Identity = ADA, clock: int = 2, **how: Any) -> Op:
    return op_of(model.rm_tree(by, "model", BASE.key, [BASE.hash], clock, updated_at, **how))


def test_the_limits_in_words() -> None:
    assert broken(root(name="n" * 129)) == ("limit", "the record's name: has 129 characters, at most 128 are allowed")
    assert broken(op_of(model.up_tree(ADA, "model", fresh(), key="a\0b"))) == ("limit", "the key holds a NUL character")
    assert broken(removal(keyset=["x"]), BASE) == ("limit", "a key of the keyset is not 64 lower-case hex digits")
    for time in (-1, LAST_SECOND + 1):
        assert broken(removal(updated_at=time), BASE) == ("limit", "updated_at lies outside 1970 to 9999")
    big = root(description="d" * 9_000, formfile_template="\x01" * 10_000)
    assert len(big.body) > 65_536
    assert broken(big) == ("limit", f"the operation has {len(big.body):,} bytes, at most 65,536 are allowed")


def test_the_rules_about_one_operation_in_words() -> None:
    other_key = op_of(model.up_tree(ADA, "model", fresh(), key="0" * 64))
    assert broken(other_key) == ("key", "the key is not the record's id")
    for keys in ([], [BASE.key, "f" * 64]):
        count = f"the keyset has {len(keys)} keys, it must have exactly one"
        assert broken(removal(keyset=keys), BASE) == ("key", count)
    wrong = op_of(root_tree(), put("op", "hash", value="0" * 64))
    assert broken(wrong) == ("hash", "the hash is not that of the operation's content")
    unsigned = op_of(root_tree(), put("op", "signature", "sig", value="0" * 128))
    assert broken(unsigned) == ("signature", "the signature is not a valid one: no key could have made it")
    another = op_of(model.up_tree(ADA, "model", fresh(), actor=BOB.address))
    assert broken(another) == ("actor", f"the dot names {BOB.address}, but {ADA.address} signed")
    assert broken(removal(vclock={BOB.address: 2}), BASE) == ("actor", "the clock must name the signer alone")
    theirs = op_of(model.up_tree(BOB, "model", fresh()))
    assert broken(theirs) == ("owner", "the record's owner_id is not the signer")
    renamed = op_of(model.up_tree(ADA, "model", {**fresh(), "name": "another"}))
    assert broken(renamed) == (
        "id",
        "a new record's id must be derived from its owner, name and time of creation",
    )
    behind = fresh("manifest")
    assert broken(op_of(model.up_tree(ADA, "manifest", {**behind, "subject_name": "another"}))) == (
        "id",
        "a manifest's subject_id must be derived from its owner, subject_name and created_at",
    )
    assert broken(op_of(model.up_tree(ADA, "manifest", {**behind, "manifest_id": "ab" * 32}))) == (
        "id",
        "a manifest's id must be derived from its subject_id",
    )
    assert broken(op_of(model.rm_tree(ADA, "model", BASE.key, [], 1, START))) == (
        "child",
        "a removal must name what it removes",
    )


def test_the_rules_about_children_in_words() -> None:
    other = root(name="other")
    assert broken(write_on(BASE)) == ("child", f"the child {BASE.hash} is not among the ops given")
    assert broken(op_of(model.rm_tree(ADA, "model", BASE.key, [other.hash], 2, START + 9)), other) == (
        "child",
        "a child belongs to another record",
    )
    assert broken(removal(by=BOB), BASE) == (
        "owner",
        "a child belongs to another owner: nobody can write what is not theirs",
    )
    assert broken(removal(clock=3), BASE) == ("clock", "the clock says 3, but its children make it 2")
    assert broken(removal(updated_at=BASE.updated_at - 1), BASE) == ("time", "updated_at lies before that of a child")
    later = write_on(BASE, created_at=BASE.updated_at + 1)
    assert broken(later, BASE) == ("time", "created_at is not that of the children")


# ---- mistakes of a program, which no operation can make -------------------------------------------------------------


@pytest.mark.parametrize("data", [UP_TEXT, bytearray(UP_TEXT.encode()), None], ids=["str", "bytearray", "None"])
def test_an_operation_is_read_from_bytes_only(data: Any) -> None:
    with pytest.raises(TypeError) as caught:
        parse_op(data)
    assert str(caught.value) == f"an operation is read from bytes, not from {type(data).__name__}"


def test_the_rules_judge_operations_that_were_read_only() -> None:
    for op, children in ((BASE.to_json(), []), (BASE, [BASE.to_json()])):
        with pytest.raises(TypeError) as caught:
            check_op(op, children)  # type: ignore[arg-type, list-item]
        assert str(caught.value) == "the rules judge what `parse_op` gives, not bytes"


def test_children_may_come_one_by_one() -> None:
    op = write_on(BASE)
    assert check_op(op, iter([BASE])) == check_op(op, [BASE])  # type: ignore[arg-type]
