"""The validity rules: one code each, the lowest-numbered broken one wins (see protocol.md, Validity)."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.crdt import model
from tests.crdt.histories import START, histories
from tests.crdt.making import ADA, BOB, KINDS, fresh, next_clock, removal_of, root, write_on, write_tree
from tests.crdt.model import LAST_SECOND, ORDER
from tui_registry.crdt import Ancestor, Op, OpError, check_alone, check_op, parse_op
from tui_registry.errors import Json, Kind


def code_of(op: Op, *children: Op) -> str:
    """The code of the broken rule, "" when the op is valid."""
    for child in children:
        if child.actor is None:
            check_alone(child)
    try:
        check_op(op, children)
    except OpError as error:
        return error.code if error.sentence else "no sentence"
    return ""


def op_of(tree: Any) -> Op:
    return parse_op(model.spell(tree))


def root_of(kind: Kind = "model", by: Any = ADA, **fields: Json) -> Op:
    return op_of(model.up_tree(by, kind, fresh(kind, by=by, **fields)))


# ---- 1: limits -----------------------------------------------------------------------------------------------------

AT_LIMIT: list[dict[str, Json]] = [
    {"name": "n" * 128}, {"name": "🤖" * 128}, {"version": "v" * 64}, {"license": "l" * 128}, {"description": "d" * 10_000},
    {"formfile_template": "f" * 24_576}, {"tags": ["t"] * 64}, {"capabilities": ["c" * 128] * 64},
    {"model_type": {"Other": "o" * 64}}, {"framework": {"Other": "\x01"}}, {"quantization": {"Other": "q" * 64}},
    {"updated_at": LAST_SECOND},
]  # fmt: skip
OVER_LIMIT: list[dict[str, Json]] = [
    {"name": ""}, {"name": "n" * 129}, {"name": "a\0b"}, {"version": ""}, {"version": "v" * 65}, {"license": ""},
    {"license": "l" * 129}, {"description": "d" * 10_001}, {"description": "\0"}, {"formfile_template": "f" * 24_577},
    {"tags": ["t"] * 65}, {"tags": [""]}, {"tags": ["t" * 129]}, {"tags": ["\0"]}, {"capabilities": ["c"] * 65},
    {"model_type": {"Other": ""}}, {"model_type": {"Other": "o" * 65}}, {"model_type": {"Other": "\0"}},
    {"quantization": {"Other": ""}}, {"updated_at": LAST_SECOND + 1}, {"updated_at": START - 1}, {"created_at": -1},
]  # fmt: skip


@pytest.mark.parametrize("fields", AT_LIMIT, ids=lambda fields: next(iter(fields)))
def test_a_record_at_its_wire_limits_is_valid(fields: dict[str, Json]) -> None:
    assert code_of(root_of(**fields)) == ""


@pytest.mark.parametrize("fields", OVER_LIMIT, ids=lambda fields: next(iter(fields)))
def test_1_a_record_over_a_wire_limit_breaks_limit(fields: dict[str, Json]) -> None:
    assert code_of(root_of(**fields)) == "limit"


@pytest.mark.parametrize(("fields", "code"), [({"tools": ["t"] * 64}, ""), ({"tools": ["t"] * 65}, "limit"),
    ({"preferred_models": ["m"] * 64}, ""), ({"preferred_models": ["m"] * 65}, "limit"),
    ({"compatible_model_types": ["LLM"] * 16}, ""), ({"compatible_model_types": ["LLM"] * 17}, "limit"),
    ({"compatible_model_types": [{"Other": ""}]}, "limit"), ({"compatible_model_types": []}, "")])  # fmt: skip
def test_1_an_agents_lists_have_limits_too(fields: dict[str, Json], code: str) -> None:
    assert code_of(root_of("agent", **fields)) == code


def test_1_an_op_of_65536_bytes_is_valid_and_one_more_breaks_limit() -> None:
    def sized(size: int) -> Op:
        # U+0001 is six bytes on the wire and one character, so a record within its limits can be too large an op.
        fields: dict[str, Json] = {"description": "\x01" * 10_000}
        rest = size - len(root_of(**fields).body)
        return root_of(**fields, formfile_template="x" * rest)

    assert (len(sized(65_536).body), code_of(sized(65_536))) == (65_536, "")
    assert (len(sized(65_537).body), code_of(sized(65_537))) == (65_537, "limit")


@pytest.mark.parametrize(
    ("updated_at", "code"), [(LAST_SECOND, ""), (LAST_SECOND + 1, "limit"), (-1, "limit"), (2**63 - 1, "limit")]
)
def test_1_a_removals_time_has_limits(updated_at: int, code: str) -> None:
    base = root()
    assert code_of(op_of(model.rm_tree(ADA, "model", base.key, [base.hash], 2, updated_at)), base) == code


@pytest.mark.parametrize("key", ["", "A" * 64, "a" * 63, "a" * 65, "g" * 64, "a" * 63 + "\n", "\0"])
def test_1_a_removals_key_is_64_hex_digits(key: str) -> None:
    base = root()
    assert code_of(op_of(model.rm_tree(ADA, "model", key, [base.hash], 2, START)), base) == "limit"


def test_1_an_id_is_64_and_an_owner_40_hex_digits() -> None:
    record = fresh()
    for fields in (
        {"model_id": "A" * 64},
        {"model_id": "a" * 63},
        {"owner_id": ADA.address.upper()},
        {"owner_id": "0" * 64},
    ):
        assert code_of(op_of(model.up_tree(ADA, "model", {**record, **fields}))) == "limit"


# ---- 2 to 5: the op by itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_root_a_write_a_removal_and_a_registration_again_are_valid(kind: Kind) -> None:
    base = root(kind)
    assert code_of(base) == ""
    write = write_on(base, **{"status_message" if kind == "manifest" else "name": "renamed"})
    assert code_of(write, base) == ""
    gone = removal_of(write)
    assert code_of(gone, write) == ""
    assert code_of(write_on(gone), gone) == ""
    assert code_of(removal_of(gone), gone) == ""


def test_2_the_key_equals_the_records_id() -> None:
    other = root_of(name="other")
    assert code_of(op_of(model.up_tree(ADA, "model", fresh(), key=other.key))) == "key"


@pytest.mark.parametrize("keys", [0, 2])
def test_2_a_removal_names_exactly_one_key(keys: int) -> None:
    base = root()
    keyset = [base.key, root_of(name="other").key][:keys]
    op = op_of(model.rm_tree(ADA, "model", base.key if keys else "", [base.hash], 2, START + 1, keyset=keyset))
    assert code_of(op, base) == "key"


@pytest.mark.parametrize("is_rm", [False, True])
def test_3_the_hash_is_right(is_rm: bool) -> None:
    base = root()
    op = removal_of(base) if is_rm else write_on(base)
    other = f"{int(op.hash, 16) ^ 1:064x}"
    assert code_of(parse_op(op.body.replace(op.hash.encode(), other.encode())), base) == "hash"


def test_3_an_actors_removal_of_one_kind_is_none_of_the_other() -> None:
    """The kind is in the hash, so a relay cannot turn a model's removal into an agent's."""
    base = root()
    gone = removal_of(base)
    assert code_of(parse_op(gone.body.replace(b'{"Model"', b'{"Agent"')), base) == "hash"


def signed_with(op: Op, r: int, s: int, rec: int) -> Op:
    old = op.signature.hex()
    body = op.body.replace(old.encode(), f"{r:064x}{s:064x}".encode())
    return parse_op(body.replace(f'"rec":{op.rec}'.encode(), f'"rec":{rec}'.encode()))


@pytest.mark.parametrize("is_rm", [False, True])
def test_4_a_signature_has_r_and_s_in_range_and_a_low_s(is_rm: bool) -> None:
    base = root()
    op = removal_of(base) if is_rm else write_on(base)
    r, s, rec = int.from_bytes(op.signature[:32], "big"), int.from_bytes(op.signature[32:], "big"), op.rec
    assert code_of(signed_with(op, r, s, rec), base) == ""
    assert s <= ORDER // 2
    # The other signature that the curve accepts: the same r, n - s, the other parity.
    assert code_of(signed_with(op, r, ORDER - s, rec ^ 1), base) == "signature"
    for bad_r, bad_s in (
        (0, s),
        (r, 0),
        (0, 0),
        (ORDER, s),
        (r, ORDER),
        (ORDER + 1, s),
        (r, ORDER // 2 + 1),
        (2**256 - 1, s),
    ):
        for any_rec in range(4):
            assert code_of(signed_with(op, bad_r, bad_s, any_rec), base) == "signature", (bad_r, bad_s)


@pytest.mark.parametrize("is_rm", [False, True])
def test_4_another_recovery_id_is_another_actor_or_no_signature(is_rm: bool) -> None:
    base = root()
    op = removal_of(base) if is_rm else write_on(base)
    r, s = int.from_bytes(op.signature[:32], "big"), int.from_bytes(op.signature[32:], "big")
    for rec in {0, 1, 2, 3} - {op.rec}:
        assert code_of(signed_with(op, r, s, rec), base) in {"actor", "signature"}
    assert code_of(signed_with(op, r, s, op.rec ^ 1), base) == "actor"


def test_4_the_dot_names_the_signer() -> None:
    assert code_of(op_of(model.up_tree(ADA, "model", fresh(), actor=BOB.address))) == "actor"


@pytest.mark.parametrize("vclock", [{}, {BOB.address: 1}, dict(sorted({ADA.address: 1, BOB.address: 1}.items()))])
def test_4_the_clock_names_the_signer_alone(vclock: dict[str, int]) -> None:
    assert code_of(op_of(model.up_tree(ADA, "model", fresh(), vclock=vclock))) == "actor"
    base = root()
    removal = model.rm_tree(ADA, "model", base.key, [base.hash], 2, START + 1, vclock=vclock)
    assert code_of(op_of(removal), base) == "actor"


@pytest.mark.parametrize("counter", [1, 2, 77, 2**63 - 1])
def test_4_nothing_depends_on_the_dots_counter(counter: int) -> None:
    op = op_of(model.up_tree(ADA, "model", fresh(), counter=counter))
    assert code_of(op) == ""
    assert op.hash == root_of().hash


def test_5_an_ups_owner_is_its_signer() -> None:
    record = fresh(by=BOB)
    assert code_of(op_of(model.up_tree(ADA, "model", record))) == "owner"


@pytest.mark.parametrize("kind", ["model", "agent"])
@pytest.mark.parametrize(
    "fields", [{"name": "renamed"}, {"created_at": START - 1}, {"model_id": "a" * 64}, {"agent_id": "a" * 64}]
)
def test_5_a_root_has_the_id_derived_from_owner_name_and_time(kind: Kind, fields: dict[str, Json]) -> None:
    record = (
        {**fresh(kind), **fields}
        if not {"model_id", "agent_id"} & set(fields)
        else {**fresh(kind), model.ID[kind]: "a" * 64}
    )
    assert code_of(op_of(model.up_tree(ADA, kind, record))) == "id"


def test_5_the_id_of_one_kind_is_none_of_the_other() -> None:
    model_id = fresh("model")["model_id"]
    assert code_of(op_of(model.up_tree(ADA, "agent", {**fresh("agent"), "agent_id": model_id}))) == "id"


def test_5_only_a_roots_id_is_derived_a_later_write_may_rename() -> None:
    base = root()
    assert code_of(write_on(base, name="another name"), base) == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"subject_name": "renamed"}, {"created_at": START - 1}, {"subject_kind": "Agent"}, {"subject_id": "a" * 64},
        {"manifest_id": "a" * 64},
    ],
)  # fmt: skip
def test_5_every_version_of_a_manifest_has_the_ids_derived_from_its_record(fields: dict[str, Json]) -> None:
    assert code_of(op_of(model.up_tree(ADA, "manifest", {**fresh("manifest"), **fields}))) == "id"
    base = root("manifest")
    assert base.record is not None
    later = {**base.record, **fields}
    assert code_of(op_of(model.up_tree(ADA, "manifest", later, [base.hash], 2)), base) == "id"


def test_5_nobody_writes_the_manifest_of_somebody_elses_record() -> None:
    theirs = fresh("manifest", by=BOB)
    assert code_of(op_of(model.up_tree(ADA, "manifest", theirs))) == "owner"
    # Under the writer's own name, the id of the record is one that their key cannot have made.
    assert code_of(op_of(model.up_tree(ADA, "manifest", {**theirs, "owner_id": ADA.address}))) == "id"
    base = root_by_bob()
    claimed = {**theirs, "owner_id": ADA.address, "updated_at": START + 1}
    assert code_of(op_of(model.up_tree(ADA, "manifest", claimed, [base.hash], 2)), base) == "id"


def root_by_bob() -> Op:
    return op_of(model.up_tree(BOB, "manifest", fresh("manifest", by=BOB)))


@pytest.mark.parametrize("children", [0, 1, 3])
@pytest.mark.parametrize("kind", ["model", "agent"])
def test_the_hash_of_a_manifest_is_no_records_whatever_either_says(kind: Kind, children: int) -> None:
    """What is hashed tells where the children end and what the value is (see protocol.md, Manifests): however a record is
    called, and whatever stands in front, its owner stands where a manifest has the id of its record."""
    named = [f"{place:064x}" for place in range(children)]
    trees = [
        model.up_tree(ADA, "manifest", fresh("manifest"), named, 2),
        # The name that comes nearest: a manifest has its owner there.
        model.up_tree(ADA, kind, fresh(kind, name=ADA.address), named, 2),
    ]
    ops = [op_of(tree) for tree in trees]
    after = [op._hashed[64 * children :] for op in ops]
    for op, rest in zip(ops, after, strict=True):
        assert re.fullmatch(rb"[0-9a-f]*", op._hashed[: 64 * children])
        assert rest.startswith(b"\x40" + bytes(7))
        assert rest[:1] not in b"0123456789abcdef"
    second = 8 + 64
    assert after[0][second : second + 48] == after[1][second : second + 48]
    third = second + 48
    assert [int.from_bytes(rest[third : third + 8], "little") for rest in after] == [64, 40]
    # A removal's begins with a letter that is no hex digit, and says of what kind it is.
    gone = [op_of(model.rm_tree(ADA, of, "ab" * 32, ["0" * 64], 2, START)) for of in ("manifest", kind)]
    assert [op._hashed[:18] for op in gone] == [b"tui_registry/rm/1\0"] * 2
    assert len({op.hash for op in gone}) == 2


@pytest.mark.parametrize("kind", ["model", "agent"])
def test_a_signed_manifest_shown_as_a_record_is_malformed_and_the_other_way_round(kind: Kind) -> None:
    for signed, shown in (("manifest", kind), (kind, "manifest")):
        variant, other = ({"model": "Model", "agent": "Agent", "manifest": "Manifest"}[of] for of in (signed, shown))
        body = root(signed).to_json()  # type: ignore[arg-type]
        with pytest.raises(OpError) as raised:
            parse_op(body.replace(f'{{"{variant}":'.encode(), f'{{"{other}":'.encode(), 1))
        assert raised.value.code == "malformed"
    # A removal has one shape whatever it removes; its kind is in its hash.
    removal = removal_of(root(kind)).to_json().replace(kind.capitalize().encode(), b"Manifest", 1)
    assert code_of(parse_op(removal), root(kind)) == "hash"


def test_6_a_record_is_no_child_of_its_manifest() -> None:
    record, manifest = root(), fresh("manifest", updated_at=START + 1)
    assert code_of(op_of(model.up_tree(ADA, "manifest", manifest, [record.hash], 2)), record) == "child"


def test_5_a_removal_has_a_child() -> None:
    assert code_of(op_of(model.rm_tree(ADA, "model", root().key, [], 1, START))) == "child"


# ---- 6 to 8: against its children ----------------------------------------------------------------------------------


def test_6_a_child_that_is_not_given_breaks_child() -> None:
    base, other = root(), write_on(root())
    assert code_of(write_on(base)) == "child"
    assert code_of(write_on(base, other), base) == "child"
    assert code_of(write_on(base, other), other, base) == ""


def test_6_a_child_of_another_key_breaks_child() -> None:
    base, other = root(), root_of(name="other")
    tree = model.up_tree(ADA, "model", {**fresh(), "updated_at": START + 1}, [other.hash], 2)
    assert code_of(op_of(tree), other) == "child"
    both = model.up_tree(ADA, "model", {**fresh(), "updated_at": START + 1}, [base.hash, other.hash], 2)
    assert code_of(op_of(both), base, other) == "child"
    assert code_of(removal_of(other, key=base.key), other) == "child"


def test_6_a_child_of_another_kind_breaks_child() -> None:
    base = root("model")
    record = {**fresh("agent"), "agent_id": base.key, "updated_at": START + 1}
    assert code_of(op_of(model.up_tree(ADA, "agent", record, [base.hash], 2)), base) == "child"
    assert code_of(op_of(model.rm_tree(ADA, "agent", base.key, [base.hash], 2, START + 1)), base) == "child"


def test_6_a_child_of_another_owner_breaks_owner() -> None:
    base = root()
    assert code_of(write_on(base, by=BOB, owner_id=BOB.address), base) == "owner"
    assert code_of(removal_of(base, by=BOB), base) == "owner"


@pytest.mark.parametrize("clock", [1, 3, 2**63 - 1])
def test_7_the_clock_is_one_more_than_the_largest_childs(clock: int) -> None:
    base = root()
    assert code_of(write_on(base, clock=2), base) == ""
    assert code_of(write_on(base, clock=clock), base) == "clock"
    assert code_of(removal_of(base, clock=clock), base) == "clock"
    longer = write_on(base)
    assert code_of(write_on(base, longer, clock=3), base, longer) == ""
    assert code_of(write_on(base, longer, clock=2), base, longer) == "clock"


@pytest.mark.parametrize("clock", [2, 2**63 - 1])
def test_7_a_roots_clock_is_one(clock: int) -> None:
    assert code_of(op_of(model.up_tree(ADA, "model", fresh(), clock=clock))) == "clock"


def test_8_created_at_is_the_childrens_through_a_removal_too() -> None:
    base = root()
    assert code_of(write_on(base, created_at=START - 1), base) == "time"
    assert code_of(write_on(base, created_at=START + 1), base) == "time"
    gone = removal_of(base)
    assert code_of(gone, base) == ""
    assert gone.created_at == START
    assert code_of(write_on(gone, created_at=START), gone) == ""
    assert code_of(write_on(gone, created_at=START - 1), gone) == "time"


def test_8_updated_at_does_not_go_back() -> None:
    base = write_on(root(), later=10)
    assert code_of(write_on(base, later=0), base) == ""
    assert code_of(write_on(base, later=-1), base) == "time"
    assert code_of(removal_of(base, later=0), base) == ""
    assert code_of(removal_of(base, later=-1), base) == "time"
    other = write_on(root(), later=20, description="other")
    assert code_of(write_on(base, other, later=0), base, other) == ""
    assert code_of(write_on(base, other, later=-1), base, other) == "time"


# ---- many children -------------------------------------------------------------------------------------------------


def test_an_op_may_name_16_children_and_a_chain_names_the_rest() -> None:
    base = root()
    forks = sorted((write_on(base, description=f"fork {n}") for n in range(20)), key=lambda op: op.hash)
    first = write_on(*forks[:16])
    assert code_of(first, *forks[:16]) == ""
    last = write_on(first, *forks[16:])
    assert code_of(last, first, *forks[16:]) == ""
    assert (first.clock[ADA.address], last.clock[ADA.address]) == (3, 4)
    with pytest.raises(OpError, match="at most 16") as caught:
        write_on(*forks[:17])
    assert caught.value.code == "malformed"


def test_the_order_in_which_children_are_given_does_not_matter() -> None:
    base = root()
    forks = [write_on(base, description=f"fork {n}") for n in range(4)]
    merged = write_on(*forks)
    for order in itertools.permutations(forks):
        assert code_of(merged, *order) == ""


# ---- the lowest-numbered broken rule gives the code ----------------------------------------------------------------

# In the order of the rules. Each is one thing to do wrong in the making of a write or a removal.
WRONGS: dict[str, str] = {
    "too long": "limit", "other key": "key", "wrong hash": "hash", "high s": "signature", "other actor": "actor",
    "other owner": "owner", "child of another key": "child", "child of another owner": "owner", "clock ahead": "clock",
    "time back": "time",
}  # fmt: skip


def made_wrong(is_rm: bool, wrongs: Sequence[str]) -> tuple[Op, Op]:
    """An op with these things wrong, and the child that it names."""
    grown: dict[str, Json] = {"updated_at": START + 10}
    owner = BOB if "child of another owner" in wrongs else ADA
    target = root_of(by=owner, **grown)
    child = root_of(by=owner, name="another", **grown) if "child of another key" in wrongs else target
    updated_at = START + 9 if "time back" in wrongs else START + 11
    clock = 3 if "clock ahead" in wrongs else 2
    if is_rm:
        updated_at = -1 if "too long" in wrongs else updated_at
        vclock = {BOB.address: clock} if "other actor" in wrongs else None
        keyset = [target.key, child.key] if "other key" in wrongs else None
        tree = model.rm_tree(ADA, "model", target.key, [child.hash], clock, updated_at, keyset=keyset, vclock=vclock)
        signed = tree["Model"]["Rm"]
    else:
        record = {**fresh(), "model_id": target.key, "updated_at": updated_at}
        if "too long" in wrongs:
            record["description"] = "d" * 10_001
        if "other owner" in wrongs:
            record["owner_id"] = BOB.address
        actor = BOB.address if "other actor" in wrongs else None
        key = root_of(name="third").key if "other key" in wrongs else None
        tree = model.up_tree(ADA, "model", record, [child.hash], clock, actor=actor, key=key)
        signed = tree["Model"]["Up"]["op"]
    if "wrong hash" in wrongs:
        signed["hash"] = f"{int(signed['hash'], 16) ^ 1:064x}"
    if "high s" in wrongs:
        sig = signed["signature"]["sig"]
        signed["signature"] = {
            "sig": f"{sig[:64]}{ORDER - int(sig[64:], 16):064x}",
            "rec": signed["signature"]["rec"] ^ 1,
        }
    return op_of(tree), child


@pytest.mark.parametrize("is_rm", [False, True], ids=["Up", "Rm"])
def test_with_nothing_wrong_it_is_valid(is_rm: bool) -> None:
    assert code_of(*made_wrong(is_rm, [])) == ""


@pytest.mark.parametrize("is_rm", [False, True], ids=["Up", "Rm"])
def test_every_one_and_every_two_things_wrong_give_the_lowest_numbered_code(is_rm: bool) -> None:
    names = [name for name in WRONGS if not (is_rm and name == "other owner")]
    for wrongs in [(name,) for name in names] + list(itertools.combinations(names, 2)):
        assert code_of(*made_wrong(is_rm, wrongs)) == WRONGS[wrongs[0]], wrongs


@given(st.booleans(), st.sets(st.sampled_from(sorted(WRONGS)), min_size=1))
def test_any_things_wrong_give_the_lowest_numbered_code(is_rm: bool, wrongs: set[str]) -> None:
    if is_rm and wrongs == {"other owner"}:
        return
    wrongs -= {"other owner"} if is_rm else set()
    lowest = next(name for name in WRONGS if name in wrongs)
    assert code_of(*made_wrong(is_rm, sorted(wrongs))) == WRONGS[lowest]


@given(st.booleans(), st.sets(st.sampled_from(sorted(WRONGS))))
def test_the_oracle_gives_the_same_code(is_rm: bool, wrongs: set[str]) -> None:
    op, child = made_wrong(is_rm, sorted(wrongs))
    state = model.state([op.body, child.body])
    assert state.rejected.get(op.body, "") == code_of(op, child)


# ---- whole histories, without a replica ----------------------------------------------------------------------------


@given(histories())
def test_every_op_of_a_history_is_judged_as_the_oracle_judges_it(history: Any) -> None:
    state = model.state(history.all)
    ops: dict[str, Op] = {}
    pending = dict.fromkeys(history.all)
    verdicts: dict[bytes, str] = {}
    moved = True
    while moved:
        moved = False
        for body in list(pending):
            try:
                op = parse_op(body)
                check_alone(op)
                if not all(child in ops for child in op.children):
                    continue
                check_op(op, [ops[child] for child in op.children])
                ops.setdefault(op.hash, op)
            except OpError as error:
                verdicts[body] = error.code
            del pending[body]
            moved = True
    assert set(ops) == set(state.valid)
    assert set(pending) == state.pending
    assert verdicts == {**state.rejected, **dict.fromkeys(state.unsupported, "unsupported")}
    for digest, op in ops.items():
        fact = state.valid[digest]
        assert (op.actor, op.created_at, op.updated_at, op.is_rm) == (
            fact.owner, fact.created_at, fact.updated_at, fact.is_rm,
        )  # fmt: skip


def test_a_removal_at_the_beginning_of_time_is_valid() -> None:
    """The bound of rule 1 is 1970 itself."""
    first = root_of(at=0)
    assert code_of(first) == ""
    assert code_of(op_of(model.rm_tree(ADA, "model", first.key, [first.hash], 2, 0)), first) == ""


def test_what_is_found_is_what_the_next_op_is_held_to() -> None:
    base = root_of()
    found = check_op(base, [])
    assert found == Ancestor(base.hash, "model", base.key, ADA.address, 1, START, base.updated_at)
    gone = removal_of(base)
    assert check_op(gone, [base]) == Ancestor(gone.hash, "model", base.key, ADA.address, 2, START, gone.updated_at)
    assert gone.created_at == START


def test_a_signature_is_recovered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is most of what checking costs."""
    base, gone = root_of(), removal_of(root_of())
    asked: list[Op] = []
    signer = Op.signer
    monkeypatch.setattr(Op, "signer", lambda op: asked.append(op) or signer(op))
    for op in (base, gone):
        check_op(op, [base][: len(op.children)])
    assert asked == [base, gone]


def test_a_child_that_was_only_read_is_known_by_its_signature() -> None:
    """A caller of `check_op` may have checked it in another process."""
    base = root_of()
    gone, again = removal_of(base), write_on(removal_of(base))
    gone.created_at = START
    assert gone.actor is None
    assert check_op(again, [gone]).owner == ADA.address


def test_checking_an_op_leaves_its_children_and_its_bytes_alone() -> None:
    base = root()
    check_op(base, [])
    before = copy.copy(base.body), base.clock, base.children
    op = write_on(base)
    body = op.body
    check_op(op, [base])
    check_op(op, [base])
    assert (base.body, base.clock, base.children) == before
    assert op.to_json() == body


def test_next_clock_of_these_tests_is_the_designs() -> None:
    assert next_clock((root(), write_on(root()))) == 3
    assert write_tree(root())["Model"]["Up"]["op"]["op"]["vclock"] == {ADA.address: 2}
