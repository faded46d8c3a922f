"""Canonical bytes, wire limits and ids: the part of the protocol that concerns records (see protocol.md, Canonical bytes)."""

from __future__ import annotations

import copy
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tui_registry.errors import Json, Kind, Record
from tui_registry.records.schema import FIELDS, MAX_TIME, defaults
from tui_registry.records.wire import ShapeError, canonical_bytes, check_shape, derive_id, wire_limits, wire_problems

KINDS: tuple[Kind, ...] = ("model", "agent")
HERE = Path(__file__).parent
REFERENCE = HERE.parents[2] / "shared" / "vectors" / "values.json"
VECTORS: list[dict[str, Any]] = [
    vector
    for path in (HERE / "vectors" / "values.json", REFERENCE)
    if path.exists()
    for vector in json.loads(path.read_text("utf-8"))
]


def sound(kind: Kind, **fields: Json) -> Record:
    """A record within every wire limit."""
    record = defaults(kind)
    record.update({f"{kind}_id": "ab" * 32, "owner_id": "cd" * 20, "name": "n", "created_at": 1, "updated_at": 2})
    record.update(fields)
    return record


# ---- canonical bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_vectors_bytes_come_from_its_plain_record(vector: dict[str, Any]) -> None:
    canonical = canonical_bytes(vector["kind"], vector["json"])
    assert canonical.hex() == vector["bincode_hex"]
    assert hashlib.sha3_256(canonical).hexdigest() == vector["sha3_256_hex"]


def test_the_bytes_of_a_default_model_written_out() -> None:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    expected = b"".join(
        (
            text("0" * 64), text("ü"), text("0" * 64), text("0.1.0"), text(""), text("MIT"),
            struct.pack("<I", 5), text("x"),  # Other is the last of the model types
            struct.pack("<I", 0), struct.pack("<Q", 2**64 - 1), b"\x00", b"\x01" + struct.pack("<I", 7), b"\x00", b"\x00",
            struct.pack("<Q", 2), text("a"), text("b"), struct.pack("<q", -1), struct.pack("<q", 2), text(""),
            struct.pack("<BBQQQQ", 1, 2, 1024, 4096, 10, 20), b"\x00", b"\x00", b"\x00", b"\x00", struct.pack("<Q", 0),
        )
    )  # fmt: skip
    record = defaults("model")
    record.update(
        name="ü", model_type={"Other": "x"}, parameters=2**64 - 1, context_length=7, tags=["a", "b"], created_at=-1,
        updated_at=2,
    )  # fmt: skip
    assert canonical_bytes("model", record) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_records_that_differ_in_one_field_have_other_bytes(kind: Kind) -> None:
    base = sound(kind)
    seen = {canonical_bytes(kind, base)}
    others: list[tuple[str, Json]] = [
        ("name", "m"), ("version", "1"), ("description", "d"), ("license", "L"), ("framework", {"Other": "x"}),
        ("framework", {"Other": ""}), ("tags", [""]), ("tags", ["", ""]), ("capabilities", ["a"]), ("capabilities", ["a", ""]),
        ("created_at", 0), ("updated_at", 3), ("formfile_template", "x"),
    ]  # fmt: skip
    for field, value in others:
        seen.add(canonical_bytes(kind, {**base, field: value}))
    assert len(seen) == 1 + len(others)


# ---- shape ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_shape_is_exact_in_names_and_order(kind: Kind) -> None:
    record = sound(kind)
    check_shape(kind, record)
    for name in record:
        without = {key: value for key, value in record.items() if key != name}
        with pytest.raises(ShapeError, match="is missing") as raised:
            check_shape(kind, without)
        assert raised.value.path == name
    with pytest.raises(ShapeError, match="not a field"):
        check_shape(kind, {**record, "licence": "MIT"})
    with pytest.raises(ShapeError, match="order"):
        check_shape(kind, dict(reversed(record.items())))


def test_the_shape_of_one_kind_is_not_the_others() -> None:
    for kind, other in (("model", "agent"), ("agent", "model")):
        with pytest.raises(ShapeError):
            check_shape(other, sound(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_takes_a_value_of_another_type(kind: Kind) -> None:
    record = sound(kind)
    fits: dict[type, tuple[type, ...]] = {str: (str,), int: (int,), bool: (bool,), list: (list,), dict: ()}
    for name, value in record.items():
        for other in (
            None,
            True,
            1,
            -1,
            2**64,
            1.0,
            "LLM!",
            ["x", 1],
            [[]],
            {},
            {"Other": 1},
            {"Other": "x", "b": 1},
            b"x",
        ):
            if type(other) in fits[type(value)] if value is not None else False:
                continue
            if value is None and (other is None or other == 1) and other is not True:
                continue
            with pytest.raises(ShapeError) as raised:
                check_shape(kind, {**record, name: other})  # type: ignore[dict-item]
            assert raised.value.path.split(".")[0] == name
            assert raised.value.sentence


@pytest.mark.parametrize(
    ("path", "least", "most"),
    [
        ("parameters", 0, 2**64 - 1), ("context_length", 0, 2**32 - 1), ("input_tokens_per_second", 0, 2**32 - 1),
        ("output_tokens_per_second", 0, 2**32 - 1), ("created_at", -(2**63), 2**63 - 1), ("updated_at", -(2**63), 2**63 - 1),
        ("resource_requirements.min_vcpus", 0, 255), ("resource_requirements.recommended_vcpus", 0, 255),
        ("resource_requirements.min_memory_mb", 0, 2**64 - 1), ("resource_requirements.recommended_memory_mb", 0, 2**64 - 1),
        ("resource_requirements.min_disk_gb", 0, 2**64 - 1), ("resource_requirements.recommended_disk_gb", 0, 2**64 - 1),
        ("resource_requirements.min_vram_gb", 0, 2**64 - 1), ("resource_requirements.cuda_cores", 0, 2**32 - 1),
        ("resource_requirements.tensor_cores", 0, 2**32 - 1),
    ],
)  # fmt: skip
def test_an_integer_has_the_width_of_the_plan(path: str, least: int, most: int) -> None:
    for value, fits in ((least, True), (most, True), (least - 1, False), (most + 1, False)):
        record: Any = copy.deepcopy(sound("model"))
        *parents, name = path.split(".")
        target = record[parents[0]] if parents else record
        target[name] = value
        if fits:
            check_shape("model", record)
        else:
            with pytest.raises(ShapeError) as raised:
                check_shape("model", record)
            assert raised.value.path == path


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_a_lone_surrogate_is_no_text(text: str) -> None:
    for fields in ({"name": text}, {"tags": [text]}, {"model_type": {"Other": text}}):
        with pytest.raises(ShapeError, match="surrogate"):
            check_shape("model", sound("model", **fields))


# ---- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_record_breaks_no_limit(kind: Kind) -> None:
    assert wire_limits(kind, sound(kind)) is None
    assert wire_limits(kind, sound(kind, created_at=0, updated_at=0)) is None
    assert wire_limits(kind, sound(kind, created_at=MAX_TIME, updated_at=MAX_TIME)) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("field", "most"),
    [("name", 128), ("version", 64), ("license", 128), ("description", 10_000), ("formfile_template", 24_576)],
)
def test_text_is_counted_in_characters_and_nothing_is_trimmed(kind: Kind, field: str, most: int) -> None:
    for character in ("a", "é", "漢", "🤖", " ", "\u0301"):
        assert wire_limits(kind, sound(kind, **{field: character * most})) is None
        problem = wire_limits(kind, sound(kind, **{field: character * (most + 1)}))
        assert problem is not None
        assert (problem.path, problem.code, problem.severity) == (field, "too_long", "error")
    problem = wire_limits(kind, sound(kind, **{field: "a\0"}))
    assert problem is not None
    assert (problem.path, problem.code) == (field, "nul")
    empty = wire_limits(kind, sound(kind, **{field: ""}))
    assert (empty is None) == (field in ("description", "formfile_template"))


@pytest.mark.parametrize("kind", KINDS)
def test_lists_are_bounded_and_their_items_too(kind: Kind) -> None:
    fields = ["tags", "capabilities", *(("tools", "preferred_models") if kind == "agent" else ())]
    for field in fields:
        assert wire_limits(kind, sound(kind, **{field: ["x" * 128] * 64})) is None
        for bad, code in (["x"] * 65, "too_many"), (["x" * 129], "too_long"), ([""], "required"), (["a\0"], "nul"):
            problem = wire_limits(kind, sound(kind, **{field: bad}))
            assert problem is not None
            assert problem.code == code
            assert problem.path.split("[")[0] == field


@pytest.mark.parametrize("identifier", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 63 + "\n", "٠" * 64])
def test_ids_and_owners_are_lower_case_hex(identifier: str) -> None:
    for kind in KINDS:
        problem = wire_limits(kind, sound(kind, **{f"{kind}_id": identifier}))
        assert problem is not None
        assert problem.code == "not_hex"
        problem = wire_limits(kind, sound(kind, owner_id=identifier[:40]))
        assert (problem is None) == (identifier in ("a" * 63, "a" * 65, "a" * 63 + "\n"))


@pytest.mark.parametrize(
    ("created_at", "updated_at", "code"),
    [(-1, 0, "time_range"), (0, MAX_TIME + 1, "time_range"), (2, 1, "time_order"), (1, 1, None), (0, MAX_TIME, None)],
)
def test_times_lie_in_order_between_1970_and_9999(created_at: int, updated_at: int, code: str | None) -> None:
    problem = wire_limits("model", sound("model", created_at=created_at, updated_at=updated_at))
    assert (None if problem is None else problem.code) == code


def test_every_broken_limit_is_told() -> None:
    record = sound("model", name="", tags=["", "a\0"], created_at=5, updated_at=4)
    assert [problem.path for problem in wire_problems("model", record)] == ["name", "tags[0]", "tags[1]", "updated_at"]


@given(st.text(max_size=40), st.integers(0, 2**40))
def test_an_id_binds_kind_owner_name_and_second(name: str, created_at: int) -> None:
    owner = "cd" * 20
    expected = hashlib.sha3_256(
        b"model\0" + owner.encode() + b"\0" + name.encode() + b"\0" + created_at.to_bytes(8, "big", signed=True)
    ).hexdigest()
    assert derive_id("model", owner, name, created_at) == expected
    others = {
        derive_id("agent", owner, name, created_at), derive_id("model", "ce" * 20, name, created_at),
        derive_id("model", owner, name + "x", created_at), derive_id("model", owner, name, created_at + 1),
    }  # fmt: skip
    assert expected not in others
    assert len(others) == 4


def test_the_fields_are_those_of_the_plan_in_its_order() -> None:
    assert [field.name for field in FIELDS["model"]][:6] == [
        "model_id",
        "name",
        "owner_id",
        "version",
        "description",
        "license",
    ]
    assert [field.name for field in FIELDS["agent"]][-2:] == ["capabilities", "tools"]
    assert (len(FIELDS["model"]), len(FIELDS["agent"])) == (19, 17)
