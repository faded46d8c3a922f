"""Reading an operation: one shape, one spelling (see protocol.md, Spelling, and rule 1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.crdt import model
from tests.crdt.histories import histories
from tests.crdt.making import ADA, KINDS, changed, fresh, removal_of, root, root_tree
from tui_registry.crdt import AgentOp, ManifestOp, ModelOp, OpError, parse_op
from tui_registry.records import AIAgent, AIModel, Manifest

UP = model.spell(root_tree())
RM = removal_of(root()).to_json()
RM_TREE = json.loads(RM)


def code_of(body: bytes) -> str:
    """The code that reading ends with; "" when it does not. Nothing but an OpError may come out."""
    try:
        parse_op(body)
    except OpError as error:
        # What is stored and shown must be text that can be.
        return error.code if error.sentence.encode() else "no sentence"
    return ""


# ---- what is sound -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_op_is_spelt_back_byte_for_byte(kind: str) -> None:
    up = root(kind)
    for op in (up, removal_of(up)):
        assert parse_op(op.to_json()).to_json() == op.to_json()
        assert parse_op(op.to_json()) == op
        assert type(op) is {"model": ModelOp, "agent": AgentOp, "manifest": ManifestOp}[kind]


@given(histories(spoilt=False))
def test_every_op_of_a_history_is_spelt_back_byte_for_byte(history: Any) -> None:
    for body in history.bodies:
        op = parse_op(body)
        assert op.to_json() == body
        assert op.computed_hash() == op.hash


def test_an_op_gives_its_typed_record() -> None:
    model_op, agent_op = root("model"), root("agent")
    assert isinstance(model_op, ModelOp)
    assert isinstance(agent_op, AgentOp)
    assert isinstance(model_op.value, AIModel)
    assert isinstance(agent_op.value, AIAgent)
    assert model_op.value.to_plain() == model_op.record
    manifest_op = root("manifest")
    assert isinstance(manifest_op, ManifestOp)
    assert isinstance(manifest_op.value, Manifest)
    assert manifest_op.value.to_plain() == manifest_op.record
    removal = removal_of(root())
    assert isinstance(removal, ModelOp)
    assert removal.value is None


def test_ops_are_equal_when_their_bytes_are() -> None:
    one, same, other = root(), parse_op(root().to_json()), removal_of(root())
    assert one == same
    assert len({one, same, other}) == 2
    assert one not in (other, "x", None)
    assert hash(one) == hash(same) == hash(one.body)


def test_an_op_is_shown_by_its_kind_form_and_the_beginnings_of_its_hashes() -> None:
    write, removal = root(), removal_of(root("agent"))
    assert repr(write) == f"<ModelOp Up {write.hash[:8]} of {write.key[:8]}>"
    assert repr(removal) == f"<AgentOp Rm {removal.hash[:8]} of {removal.key[:8]}>"


def test_only_a_removal_has_a_keyset_and_its_first_key_is_the_key() -> None:
    assert (root().keyset, removal_of(root()).keyset) == ([], [root().key])
    for keys in ([], ["a", "b"]):
        op = parse_op(changed(RM_TREE, lambda inner, keys=keys: inner.update(keyset=keys)))
        assert (op.keyset, op.key) == (keys, keys[0] if keys else "")


def test_a_clock_may_name_several_actors_ascending() -> None:
    tree = model.up_tree(ADA, "model", fresh(), vclock={"1" * 40: 1, "2" * 40: 2**63 - 1})
    assert dict(parse_op(model.spell(tree)).clock) == {"1" * 40: 1, "2" * 40: 2**63 - 1}
    tree = model.up_tree(ADA, "model", fresh(), vclock={"2" * 40: 1, "1" * 40: 1})
    assert code_of(model.spell(tree)) == "malformed"


@pytest.mark.parametrize("text", ["ü漢🤖", "\x7f\x80", "\u2028\u2029", "\ufeff", "\u202e", "</script>", "\U0010ffff"])
def test_non_ascii_and_odd_characters_stand_raw(text: str) -> None:
    assert code_of(model.spell(root_tree(description=text))) == ""
    escaped = json.dumps(text)[1:-1].encode()
    if escaped != text.encode():
        assert code_of(model.spell(root_tree(description="HERE")).replace(b"HERE", escaped)) == "malformed"


@pytest.mark.parametrize("code", range(0x20))
def test_a_control_character_has_one_escape(code: int) -> None:
    short = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
    body = model.spell(root_tree(description="HERE"))
    right = short.get(code, f"\\u{code:04x}")
    assert code_of(body.replace(b"HERE", right.encode())) == ""
    wrong = {f"\\u{code:04x}", f"\\u{code:04X}", chr(code)} - {right}
    for spelling in wrong:
        assert code_of(body.replace(b"HERE", spelling.encode())) == "malformed", spelling


# ---- other spellings of the same -----------------------------------------------------------------------------------

PAIRS = [(UP, b'"parameters":0'), (UP, b'"counter":1'), (RM, b'"updated_at":1780000001')]


@pytest.mark.parametrize(("body", "member"), PAIRS, ids=["parameters", "counter", "updated_at"])
@pytest.mark.parametrize(
    "spelling",
    [b"{}.0", b"{}e0", b"{}E0", b"0{}", b"-{}", b"+{}", b" {}", b"{} ", b'"{}"', b"{}.", b"[{}]", b"{}0e-1", b"0x{}", b"{}_0"],
)  # fmt: skip
def test_an_integer_has_one_spelling(body: bytes, member: bytes, spelling: bytes) -> None:
    name, value = member.split(b":")
    assert body.count(member) == 1
    assert code_of(body) == ""
    other = name + b":" + spelling.replace(b"{}", value)
    if other != b'"updated_at":-1780000001':  # the one that is a number of its own, for the rules to refuse
        assert code_of(body.replace(member, other)) == "malformed"


@pytest.mark.parametrize("body", [UP, RM], ids=["Up", "Rm"])
@pytest.mark.parametrize("space", [b" ", b"\n", b"\t", b"\r"])
def test_white_space_anywhere_is_malformed(body: bytes, space: bytes) -> None:
    for place in range(len(body) + 1):
        if body[:place].count(b'"') % 2 == 0:  # inside a string it is the string's
            assert code_of(body[:place] + space + body[place:]) == "malformed"


@pytest.mark.parametrize("body", [UP, RM], ids=["Up", "Rm"])
@pytest.mark.parametrize(
    ("old", "new"),
    [(b"/", b"\\/"), (b"M", b"\\u004d"), (b"a", b"\\u0061"), (b"T", b"\\u0054")],
)
def test_an_escape_that_is_not_needed_is_malformed(body: bytes, old: bytes, new: bytes) -> None:
    body = body if old in body else model.spell(root_tree(description="a/b"))
    for place, byte in enumerate(body):
        if byte == old[0]:
            assert code_of(body[:place] + new + body[place + 1 :]) == "malformed"


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\x00", b"\x1e"])
def test_nothing_may_stand_before_it(prefix: bytes) -> None:
    assert code_of(prefix + UP) == "malformed"


@pytest.mark.parametrize("suffix", [b"\x00", b"\n", UP, b",", b"}", b"null"])
def test_nothing_may_stand_after_it(suffix: bytes) -> None:
    assert code_of(UP + suffix) == "malformed"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_malformed(encoding: str) -> None:
    assert code_of(UP.decode().encode(encoding)) == "malformed"


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"])
def test_bytes_that_are_not_utf_8_are_malformed(bad: bytes) -> None:
    assert code_of(model.spell(root_tree(description="HERE")).replace(b"HERE", bad)) == "malformed"


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\udfff", b"\\ud800\\ud800", b"\\udc00\\ud800", b"a\\ud83d"])
@pytest.mark.parametrize(
    "place",
    [b'"name":"', b'"description":"', b'"key":"', b'"model_id":"', b'"actor":"', b'"hash":"', b'"sig":"', b'"model_type":"',
     b'"', b'"ta', b'"cuda_c', b'"si', b'"vcl', b'"U'],
)  # fmt: skip
def test_a_lone_surrogate_anywhere_is_malformed(place: bytes, escape: bytes) -> None:
    body = UP.replace(place, place + escape, 1)
    assert body != UP
    # In the name of the first or second member it is the name of an unknown variant.
    assert code_of(body) in {"malformed", "unsupported"}


def test_the_name_of_a_strangers_member_is_told_in_few_printable_characters() -> None:
    for name in (b"x" * 50_000, b"\\u001b[2J", "\u202e漢".encode(), b"\\ud800"):
        with pytest.raises(OpError) as caught:
            parse_op(UP.replace(b'"tags":', b'"' + name + b'":', 1))
        assert len(caught.value.sentence) < 200
        assert caught.value.sentence.isascii()
        assert caught.value.sentence.isprintable()


@pytest.mark.parametrize("keys", [b'"\\ud800"', b'"\\ud800","a"', b'"a","\\ud800"'])
def test_a_lone_surrogate_in_a_keyset_is_malformed(keys: bytes) -> None:
    start, stop = RM.index(b'"keyset":[') + 10, RM.index(b'],"children"')
    assert code_of(RM[:start] + keys + RM[stop:]) == "malformed"


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_no_json_number_is_makes_even_a_later_versions_op_malformed(number: bytes) -> None:
    """Not unsupported: no version will ever read it."""
    for body in (b'{"Dataset":%s}', b'{"Model":{"Merge":%s}}'):
        assert code_of(body % b"1") == "unsupported"
        assert code_of(body % number) == "malformed"


@pytest.mark.parametrize(
    "number", [b"1e400", b"NaN", b"Infinity", b"-Infinity", b"-0", b"9" * 5_000, b"1" + b"0" * 400, b"1.5"]
)
@pytest.mark.parametrize(
    "member", [b'"parameters":0', b'"created_at":1780000000', b'"counter":1', b'"rec":0', b'"rec":1']
)
def test_numbers_that_no_integer_is_are_malformed(member: bytes, number: bytes) -> None:
    name = member.split(b":")[0]
    if member in UP:
        assert code_of(UP.replace(member, name + b":" + number)) == "malformed"


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_malformed(depth: int, opened: bytes, closed: bytes) -> None:
    deep = opened * depth + b"1" + closed * depth
    assert code_of(deep) in {"malformed", "unsupported"}
    assert code_of(UP.replace(b'"parameters":0', b'"parameters":' + deep)) == "malformed"
    assert code_of(b'{"Model":{"Up":' + deep + b"}}") == "malformed"


@pytest.mark.parametrize("body", [UP, RM], ids=["Up", "Rm"])
def test_a_member_twice_is_malformed(body: bytes) -> None:
    tree = json.loads(body)
    text = body.decode()
    for name in {name for name in _names(tree) if text.count(f'"{name}":') == 1}:
        start = text.index(f'"{name}":')
        _, end = json.JSONDecoder().raw_decode(text, start + len(name) + 3)
        member = text[start:end]
        twice = text[:start] + member + "," + text[start:]
        assert code_of(twice.encode()) == "malformed", name


@pytest.mark.parametrize("body", [UP, RM], ids=["Up", "Rm"])
def test_a_member_missing_extra_or_moved_is_malformed_at_every_level(body: bytes) -> None:
    for path in _objects(json.loads(body)):
        if len(path) < 2 or path[-1] in ("vclock", "clock"):
            continue
        tree = json.loads(body)
        target = _at(tree, path)
        names = list(target)
        for name in names:
            tree = json.loads(body)
            del _at(tree, path)[name]
            assert code_of(model.spell(tree)) == "malformed", (path, name)
        tree = json.loads(body)
        _at(tree, path)["extra"] = 1
        assert code_of(model.spell(tree)) == "malformed", path
        tree = json.loads(body)
        target = _at(tree, path)
        moved = target.pop(names[0])
        target[names[0]] = moved
        assert len(names) == 1 or code_of(model.spell(tree)) == "malformed", path


@pytest.mark.parametrize("body", [UP, RM], ids=["Up", "Rm"])
def test_a_value_of_another_type_is_malformed_at_every_place(body: bytes) -> None:
    for path in _places(json.loads(body)):
        if len(path) < 3:
            continue
        for other in (
            None,
            True,
            False,
            1,
            2**70,
            -1,
            1.5,
            "x",
            [],
            {},
            [[]],
            {"Other": 1},
            {"Other": "x", "a": 1},
            "",
        ):
            tree = json.loads(body)
            parent = _at(tree, path[:-1])
            if _same_type(parent[path[-1]], other, path):
                continue
            parent[path[-1]] = other
            spelt = json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
            assert code_of(spelt) == "malformed", (path, other)


def test_hex_is_lower_case() -> None:
    for body in (UP, RM):
        tree = json.loads(body)
        for path in _places(tree):
            value = _at(tree, path)
            if isinstance(value, str) and path[-1] in ("hash", "sig", "actor"):
                other = json.loads(body)
                _at(other, path[:-1])[path[-1]] = value.upper()
                assert code_of(model.spell(other)) == "malformed", path
    assert code_of(RM.replace(RM_TREE["Model"]["Rm"]["children"][0].encode(), b"A" * 64)) == "malformed"


@pytest.mark.parametrize(
    "change",
    [
        lambda op: op["op"]["op"].update(children=[f"{n:064x}" for n in range(17)]),
        lambda op: op["op"]["op"].update(children=["2" * 64, "1" * 64]),
        lambda op: op["op"]["op"].update(children=["1" * 64, "1" * 64]),
        lambda op: op["op"]["op"].update(children=["1" * 63]),
        lambda op: op["op"]["op"].update(children=["g" * 64]),
        lambda op: op["op"]["op"].update(vclock={ADA.address: 0}),
        lambda op: op["op"]["op"].update(vclock={ADA.address: 2**63}),
        lambda op: op["op"]["op"].update(vclock={ADA.address.upper(): 1}),
        lambda op: op["op"]["op"].update(vclock={"1" * 39: 1}),
        lambda op: op["dot"].update(counter=0),
        lambda op: op["dot"].update(counter=2**63),
        lambda op: op["dot"].update(counter=-1),
        lambda op: op["dot"].update(actor="1" * 41),
        lambda op: op["op"]["signature"].update(rec=4),
        lambda op: op["op"]["signature"].update(rec=-1),
        lambda op: op["op"]["signature"].update(sig="0" * 126),
        lambda op: op["op"].update(hash="0" * 63),
        lambda op: op["op"]["op"]["value"].update(created_at=2**63),
        lambda op: op["op"]["op"]["value"].update(parameters=2**64),
        lambda op: op["op"]["op"]["value"].update(model_type="Robot"),
        lambda op: op["op"]["op"]["value"].update(model_type={"Robot": "x"}),
        lambda op: op["op"]["op"]["value"]["resource_requirements"].update(min_vcpus=256),
    ],
)
def test_an_up_out_of_bounds_is_malformed(change: Callable[[Any], None]) -> None:
    assert code_of(changed(root_tree(), change)) == "malformed"


@pytest.mark.parametrize(
    "change",
    [
        lambda op: op["op"]["op"].update(children=[f"{n:064x}" for n in range(16)]),
        lambda op: op["op"]["op"].update(vclock={ADA.address: 2**63 - 1}),
        lambda op: op["op"]["op"].update(vclock={}),
        lambda op: op["dot"].update(counter=2**63 - 1),
        lambda op: op["op"]["signature"].update(rec=3),
        lambda op: op.update(key="any text, even é"),
        lambda op: op["op"]["op"]["value"].update(created_at=-(2**63)),
        lambda op: op["op"]["op"]["value"].update(parameters=2**64 - 1),
        lambda op: op["op"]["op"]["value"].update(model_type={"Other": ""}),
        lambda op: op["op"]["op"]["value"].update(name="\0"),
    ],
)
def test_an_up_at_its_bounds_is_read_and_left_to_the_rules(change: Callable[[Any], None]) -> None:
    assert code_of(changed(root_tree(), change)) == ""


def test_an_rm_at_its_bounds_is_read_and_one_beyond_is_malformed() -> None:
    tree = RM_TREE
    for good in (-(2**63), 2**63 - 1, 0):
        assert code_of(changed(tree, lambda op, good=good: op.update(updated_at=good))) == ""
    for bad in (-(2**63) - 1, 2**63):
        assert code_of(changed(tree, lambda op, bad=bad: op.update(updated_at=bad))) == "malformed"
    assert code_of(changed(tree, lambda op: op.update(keyset=[]))) == ""
    assert code_of(changed(tree, lambda op: op.update(keyset=["a", "b"]))) == ""
    assert code_of(changed(tree, lambda op: op.update(keyset=[1]))) == "malformed"


# ---- later versions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b'{"Dataset":{"Up":1}}', b'{"Model":{"Mv":{}}}', b'{"Agent":{"up":[]}}', b'{"model":{}}']
)
def test_an_unknown_variant_at_the_first_or_second_level_is_unsupported(body: bytes) -> None:
    assert code_of(body) == "unsupported"


@pytest.mark.parametrize(
    "body",
    [
        b'{"Model":{"Up":{"dot":{"Mv":1}}}}', b'{"Model":{"Rm":{"Mv":1}}}', b'{"Model":{}}', b'{"Model":null}', b"{}", b"[]",
        b"null", b"1", b'"Model"', b"", b'{"Model":{"Up":{},"Mv":{}}}', b'{"Model":{},"Dataset":{}}', b'{"Model":[]}',
    ],
)  # fmt: skip
def test_everything_else_unknown_is_malformed(body: bytes) -> None:
    assert code_of(body) == "malformed"


# ---- anything ------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_code(body: bytes) -> None:
    assert code_of(body) in {"malformed", "unsupported"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Model", "Up", "Rm", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_json)
def test_any_json_is_read_or_refused_with_a_code(tree: Any) -> None:
    code_of(json.dumps(tree, separators=(",", ":")).encode())


@given(st.sampled_from([UP, RM]), st.integers(0, 5_000), st.integers(0, 40), st.binary(max_size=12))
def test_an_op_with_a_stretch_replaced_reads_as_the_oracle_reads_it(body: bytes, at: int, cut: int, put: bytes) -> None:
    at %= len(body)
    spoilt = body[:at] + put + body[at + cut :]
    verdict = model.judge(spoilt)
    if verdict in ("malformed", "unsupported"):
        assert code_of(spoilt) == verdict
    else:
        assert code_of(spoilt) == ""


# ---- walking a tree ------------------------------------------------------------------------------------------------


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(tree, dict):
        for name, value in tree.items():
            found += _places(value, (*path, name))
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            found += _places(value, (*path, place))
    return found


def _objects(tree: Any) -> list[tuple[Any, ...]]:
    return [path for path in [(), *_places(tree)] if isinstance(_at(tree, path), dict)]


def _names(tree: Any) -> set[str]:
    return {path[-1] for path in _places(tree) if isinstance(path[-1], str)}


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


_OPTIONAL = {"quantization", "context_length", "input_tokens_per_second", "output_tokens_per_second", "min_vram_gb",
             "cuda_cores", "tensor_cores"}  # fmt: skip
_FREE_TEXT = {"key", "name", "version", "description", "license", "formfile_template", "model_id", "owner_id"}


def _same_type(value: Any, other: Any, path: tuple[Any, ...]) -> bool:
    """Whether the other value fits there as well as the one that stands there."""
    name = path[-1]
    if isinstance(value, str):
        return isinstance(other, str) and (name in _FREE_TEXT or path[-2] == "keyset" or value == other)
    if isinstance(value, bool):
        return isinstance(other, bool)
    if isinstance(value, int) and isinstance(other, int) and not isinstance(other, bool):
        return 0 <= other < 3 or (name in ("created_at", "updated_at") and other == -1)
    if value is None:
        return other is None or (name in _OPTIONAL and name != "quantization" and other == 1 and other is not True)
    if isinstance(value, list):
        return other == [] and isinstance(other, list)
    return isinstance(other, dict) and name in ("vclock", "clock") and other == {}
