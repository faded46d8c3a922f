"""The record types: plan-true fields, strict types and widths, serde's JSON and the reference's bytes."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from tui_registry.errors import Kind, Record
from tui_registry.records import schema
from tui_registry.records.types import (
    AgentFramework,
    AgentResourceRequirements,
    AgentType,
    AIAgent,
    AIModel,
    ModelFramework,
    ModelResourceRequirements,
    ModelType,
    Other,
    QuantizationType,
)

HERE = Path(__file__).parent
REFERENCE = HERE.parents[2] / "shared" / "vectors" / "values.json"


class Vector(TypedDict):
    name: str
    kind: Kind
    json: Record
    bincode_hex: str
    sha3_256_hex: str


def vectors(path: Path) -> list[Vector]:
    loaded: list[Vector] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return loaded


OURS = vectors(HERE / "vectors" / "values.json")
THEIRS = vectors(REFERENCE)
TYPES: dict[Kind, type[AIModel] | type[AIAgent]] = {"model": AIModel, "agent": AIAgent}
every_vector = pytest.mark.parametrize("vector", [*OURS, *THEIRS], ids=lambda vector: vector["name"])


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference's vectors lie outside the repository")
def test_the_reference_has_forty_vectors_and_all_were_read() -> None:
    assert len(THEIRS) == 40


@every_vector
def test_a_record_has_the_bytes_and_the_hash_of_its_vector(vector: Vector) -> None:
    record = TYPES[vector["kind"]].from_plain(vector["json"])
    assert record.canonical_bytes().hex() == vector["bincode_hex"]
    assert hashlib.sha3_256(record.canonical_bytes()).hexdigest() == vector["sha3_256_hex"]


@every_vector
def test_a_record_prints_the_json_it_was_read_from_members_in_order(vector: Vector) -> None:
    serde = json.dumps(vector["json"], ensure_ascii=False, separators=(",", ":"))
    record = TYPES[vector["kind"]].from_plain(vector["json"])
    assert record.model_dump_json() == serde
    assert json.dumps(record.to_plain(), ensure_ascii=False, separators=(",", ":")) == serde
    assert TYPES[vector["kind"]].model_validate_json(serde) == record


def test_the_bytes_of_an_agent_worked_out_by_hand_from_the_rules_of_bincode() -> None:
    agent = AIAgent(
        agent_id="a1",
        name="né",
        owner_id="",
        version="1",
        license="X",
        agent_type=AgentType.RESEARCHER,
        framework=Other("hi"),
        compatible_model_types=[ModelType.EMBEDDING, Other("z")],
        preferred_models=["m"],
        tags=[],
        created_at=-2,
        updated_at=258,
        resource_requirements=AgentResourceRequirements(min_vcpus=3, min_memory_mb=256, recommended_disk_gb=65536),
        tools=["t", ""],
    )
    by_hand = """
        0200000000000000 6131  # agent_id: u64 length, UTF-8
        0300000000000000 6ec3a9  # name: the length counts bytes, not characters
        0000000000000000  # owner_id
        0100000000000000 31  # version
        0000000000000000  # description
        0100000000000000 58  # license
        05000000  # agent_type: u32 index, Researcher is the sixth
        08000000 0200000000000000 6869  # framework: Other comes after eight names, then its text
        0200000000000000  # compatible_model_types: two
        01000000  # Embedding
        05000000 0100000000000000 7a  # Other
        0100000000000000  # preferred_models: one
        0100000000000000 6d
        0000000000000000  # tags
        feffffffffffffff  # created_at: i64, two's complement
        0201000000000000  # updated_at: 0x0102, low byte first
        0000000000000000  # formfile_template
        03 01  # vcpus: u8 each
        0001000000000000 0004000000000000  # memory: 256 and 1024
        0500000000000000 0000010000000000  # disk: 5 and 65536
        0000000000000000  # capabilities
        0200000000000000  # tools: two
        0100000000000000 74
        0000000000000000
    """
    digits = "".join(line.partition("#")[0].replace(" ", "") for line in by_hand.splitlines())
    assert agent.canonical_bytes().hex() == digits


def test_the_requirements_of_a_model_worked_out_by_hand() -> None:
    needs = ModelResourceRequirements(requires_gpu=True, min_vram_gb=24, cuda_cores=None, tensor_cores=7)
    model = AIModel(model_id="", owner_id="", version="", license="", resource_requirements=needs)
    tail = (
        "01" "02"                                    # vcpus
        "0004000000000000" "0010000000000000"        # memory: 1024, 4096
        "0a00000000000000" "1400000000000000"        # disk: 10, 20
        "01"                                         # requires_gpu
        "01" "1800000000000000"                      # min_vram_gb: present, u64
        "00"                                         # cuda_cores: absent
        "01" "07000000"                              # tensor_cores: present, u32
        "0000000000000000"                           # capabilities
    )  # fmt: skip
    assert model.canonical_bytes().hex().endswith(tail)


def test_a_record_of_defaults_is_the_plan_s() -> None:
    assert AIModel().to_plain() == schema.defaults("model")
    assert AIAgent().to_plain() == schema.defaults("agent")
    assert AIModel().model_id == AIModel().owner_id == AIAgent().agent_id == "0" * 64


def test_no_two_records_share_a_list_or_requirements() -> None:
    first, second = AIModel(), AIModel()
    first.tags.append("chat")
    first.resource_requirements.min_vcpus = 9
    assert second.tags == []
    assert second.resource_requirements.min_vcpus == 1


@pytest.mark.parametrize(
    ("enum", "names"),
    [
        (ModelType, schema.MODEL_TYPES),
        (ModelFramework, schema.MODEL_FRAMEWORKS),
        (QuantizationType, schema.QUANTIZATION_TYPES),
        (AgentType, schema.AGENT_TYPES),
        (AgentFramework, schema.AGENT_FRAMEWORKS),
    ],
)
def test_each_enum_has_the_names_of_the_wire_in_their_order(
    enum: type[ModelType] | type[ModelFramework] | type[QuantizationType] | type[AgentType] | type[AgentFramework],
    names: tuple[str, ...],
) -> None:
    assert tuple(member.value for member in enum) == names


@pytest.mark.parametrize("given", [ModelType.EMBEDDING, "Embedding"])
def test_a_variant_may_be_given_as_member_or_name(given: ModelType | str) -> None:
    model = AIModel(model_type=given)
    assert model.model_type is ModelType.EMBEDDING
    assert model.to_plain()["model_type"] == "Embedding"


@pytest.mark.parametrize("given", [Other("Rerank"), {"Other": "Rerank"}])
def test_other_may_be_given_as_itself_or_as_serde_prints_it(given: Other | dict[str, str]) -> None:
    model = AIModel(model_type=given)
    assert model.model_type == Other("Rerank")
    assert model.to_plain()["model_type"] == {"Other": "Rerank"}
    assert json.loads(model.model_dump_json())["model_type"] == {"Other": "Rerank"}


WRONG: list[dict[str, object]] = [
    {"parameters": True}, {"parameters": "5"}, {"parameters": 5.0}, {"parameters": None}, {"parameters": -1},
    {"parameters": 2**64}, {"context_length": 2**32}, {"created_at": 2**63}, {"created_at": -(2**63) - 1},
    {"name": 5}, {"name": None}, {"name": b"x"}, {"name": "\ud800"}, {"tags": "chat"}, {"tags": ("chat",)},
    {"tags": [5]}, {"tags": ["\udc00"]}, {"tags": None}, {"licence": "MIT"}, {"model_type": "llm"},
    {"model_type": AgentType.CHATBOT}, {"model_type": None}, {"model_type": {"Other": 5}}, {"model_type": {"LLM": ""}},
    {"model_type": {"Other": "a", "more": "b"}}, {"quantization": {"Other": "\ud800"}}, {"model_type": ["LLM"]},
    {"resource_requirements": {"min_vcpus": 256}}, {"resource_requirements": {"requires_gpu": 1}},
    {"resource_requirements": {"gpus": 1}}, {"resource_requirements": AgentResourceRequirements()},
]  # fmt: skip


@pytest.mark.parametrize("fields", WRONG, ids=repr)
def test_another_type_or_width_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AIModel.model_validate(fields)


@pytest.mark.parametrize("fields", [fields for fields in WRONG if "licence" not in fields], ids=repr)
def test_assigning_it_later_is_refused_too_and_changes_nothing(fields: dict[str, object]) -> None:
    model = AIModel()
    (name, value), *_ = fields.items()
    with pytest.raises(ValidationError):
        setattr(model, name, value)
    assert model == AIModel()


def test_the_types_layer_leaves_limits_and_rules_to_others() -> None:
    record = AIModel(model_id="x", name="", version="", license="\0", created_at=-5, updated_at=-9, tags=["A B"])
    assert record.to_plain()["license"] == "\0"


def test_validate_gives_the_problems_of_the_authoring_rules() -> None:
    model = AIModel(name="nordlicht", version="1.0", parameters=1, context_length=1)
    assert [(problem.path, problem.sentence) for problem in model.validate()] == [
        ("version", "1.0 is not SemVer: write 1.0.0")
    ]
    model.version = "1.0.0"
    assert model.validate() == []
    assert AIAgent(name="kontor").validate() == []


def test_kind_and_id_name_the_record() -> None:
    assert (AIModel(model_id="m").kind, AIModel(model_id="m").id) == ("model", "m")
    assert (AIAgent(agent_id="a").kind, AIAgent(agent_id="a").id) == ("agent", "a")


def test_repr_shows_what_is_not_default() -> None:
    assert repr(AIAgent()) == "AIAgent()"
    model = AIModel(name="x", model_type=ModelType.EMBEDDING, quantization=Other("Q4"))
    assert repr(model) == "AIModel(name='x', model_type='Embedding', quantization=Other('Q4'))"


def test_copies_are_equal() -> None:
    model = AIModel(name="x", model_type=Other("y"), tags=["z"])
    assert copy.deepcopy(model) == model
    assert pickle.loads(pickle.dumps(model)) == model
    assert AIModel(**model.model_dump()) == model
    assert model.model_dump() == model.to_plain()
    assert AIModel.from_plain(model.to_plain()) == model


def test_the_json_schema_lists_the_variants_for_the_api() -> None:
    variants = AIModel.model_json_schema()["properties"]["model_type"]["anyOf"]
    assert variants[0]["enum"] == list(schema.MODEL_TYPES)
    assert variants[1]["properties"] == {"Other": {"type": "string"}}


scalars = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
variants = st.sampled_from(list(ModelType)) | scalars.map(Other)


@given(
    name=scalars,
    model_type=variants,
    parameters=st.integers(0, 2**64 - 1),
    context_length=st.none() | st.integers(0, 2**32 - 1),
    tags=st.lists(scalars, max_size=4),
    created_at=st.integers(-(2**63), 2**63 - 1),
)
def test_every_record_survives_its_json(**fields: object) -> None:
    model = AIModel.model_validate(fields)
    assert AIModel.model_validate_json(model.model_dump_json()) == model
    assert json.loads(model.model_dump_json()) == model.to_plain()
