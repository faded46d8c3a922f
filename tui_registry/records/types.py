"""The record types: `AIModel` and `AIAgent`, with the names, order, widths and defaults of `schema`.

Constructing one checks types and widths, nothing more: empty names, NULs and negative times are fine here. Wire limits
and authoring rules are asked for with `validate()`. Importing this module imports pydantic; lists and searches do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from tui_registry.errors import Kind, OpKind, Problem, Record
from tui_registry.records import authoring, manifests, schema, wire

# ---- enums ---------------------------------------------------------------------------------------------------------


class ModelType(StrEnum):
    """What a model does."""

    LLM = "LLM"
    EMBEDDING = "Embedding"
    MULTIMODAL = "Multimodal"
    AUDIO_PROCESSING = "AudioProcessing"
    IMAGE_GENERATION = "ImageGeneration"


class ModelFramework(StrEnum):
    """What a model runs on."""

    PYTORCH = "PyTorch"
    TENSORFLOW = "TensorFlow"
    ONNX = "ONNX"
    JAX = "JAX"
    COREML = "CoreML"


class QuantizationType(StrEnum):
    """How a model's weights are stored."""

    FP32 = "FP32"
    FP16 = "FP16"
    BF16 = "BF16"
    INT8 = "INT8"
    INT4 = "INT4"
    GPTQ = "GPTQ"
    GGUF = "GGUF"
    AWQ = "AWQ"


class AgentFramework(StrEnum):
    """What an agent is built with."""

    LANGCHAIN = "LangChain"
    AUTOGPT = "AutoGPT"
    CREWAI = "CrewAI"
    LLAMAINDEX = "LlamaIndex"
    BABYAGI = "BabyAGI"
    CUSTOM_RUST = "CustomRust"
    CUSTOM_PYTHON = "CustomPython"
    CUSTOM_JS = "CustomJS"


class AgentType(StrEnum):
    """What an agent does."""

    CHATBOT = "Chatbot"
    ASSISTANT = "Assistant"
    DATA_ANALYST = "DataAnalyst"
    CODE_GENERATOR = "CodeGenerator"
    CONTENT_CREATOR = "ContentCreator"
    RESEARCHER = "Researcher"


class SubjectKind(StrEnum):
    """What a manifest belongs to."""

    MODEL = "Model"
    AGENT = "Agent"


class ManifestStatus(StrEnum):
    """Whether a record is still to be used."""

    ACTIVE = "Active"
    DEPRECATED = "Deprecated"
    WITHDRAWN = "Withdrawn"


class InterfaceProtocol(StrEnum):
    """What a record speaks where it answers."""

    A2A = "A2A"
    MCP = "MCP"
    OPENAI = "OpenAI"
    OLLAMA = "Ollama"


class Relation(StrEnum):
    """How a model was made from another."""

    FINETUNE = "Finetune"
    ADAPTER = "Adapter"
    MERGE = "Merge"
    QUANTIZED = "Quantized"
    DISTILLED = "Distilled"


@dataclass(frozen=True, slots=True)
class Other:
    """The variant of every enum for what has no name in it; JSON `{"Other": text}`."""

    text: str

    def __repr__(self) -> str:
        return f"Other({self.text!r})"


def _variant_of(enum: type[StrEnum]) -> Callable[[object], StrEnum | Other]:
    names = {member.value: member for member in enum}

    def variant(value: object) -> StrEnum | Other:
        if isinstance(value, enum):
            return value
        # A member of another enum is a str too, and `AgentType.CHATBOT` is no model type.
        if type(value) is str and value in names:
            return names[value]
        if isinstance(value, Other):
            return Other(_scalars(value.text))
        if isinstance(value, dict) and len(value) == 1 and "Other" in value:
            return Other(_scalars(value["Other"]))
        raise ValueError(f'must be one of {", ".join(names)} or {{"Other": text}}')

    return variant


def _scalars(text: object) -> str:
    """Plain text of Unicode scalar values: what UTF-8, and so the canonical bytes, can hold."""
    if not isinstance(text, str):
        raise ValueError("must be text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds a lone surrogate, which is not a character") from None
    return str(text)


def _plain_variant(value: object) -> object:
    if isinstance(value, Other):
        return {"Other": value.text}
    return value.value if isinstance(value, StrEnum) else value


def _variant_schema(enum: type[StrEnum]) -> WithJsonSchema:
    other: dict[str, object] = {
        "type": "object",
        "properties": {"Other": {"type": "string"}},
        "required": ["Other"],
        "additionalProperties": False,
    }
    return WithJsonSchema({"anyOf": [{"enum": [member.value for member in enum]}, other]})


_PLAIN = PlainSerializer(_plain_variant)
_ModelType = Annotated[ModelType | Other, PlainValidator(_variant_of(ModelType)), _PLAIN, _variant_schema(ModelType)]
_ModelFramework = Annotated[
    ModelFramework | Other, PlainValidator(_variant_of(ModelFramework)), _PLAIN, _variant_schema(ModelFramework)
]
_Quantization = Annotated[
    QuantizationType | Other, PlainValidator(_variant_of(QuantizationType)), _PLAIN, _variant_schema(QuantizationType)
]
_AgentFramework = Annotated[
    AgentFramework | Other, PlainValidator(_variant_of(AgentFramework)), _PLAIN, _variant_schema(AgentFramework)
]
_AgentType = Annotated[AgentType | Other, PlainValidator(_variant_of(AgentType)), _PLAIN, _variant_schema(AgentType)]
_Status = Annotated[
    ManifestStatus | Other, PlainValidator(_variant_of(ManifestStatus)), _PLAIN, _variant_schema(ManifestStatus)
]
_Protocol = Annotated[
    InterfaceProtocol | Other,
    PlainValidator(_variant_of(InterfaceProtocol)),
    _PLAIN,
    _variant_schema(InterfaceProtocol),
]
_Relation = Annotated[Relation | Other, PlainValidator(_variant_of(Relation)), _PLAIN, _variant_schema(Relation)]

# ---- scalars -------------------------------------------------------------------------------------------------------

_Str = Annotated[str, Field(strict=True), AfterValidator(_scalars)]
_Bool = Annotated[bool, Field(strict=True)]
_U8 = Annotated[int, Field(strict=True, ge=schema.U8.least, le=schema.U8.most)]
_U32 = Annotated[int, Field(strict=True, ge=schema.U32.least, le=schema.U32.most)]
_U64 = Annotated[int, Field(strict=True, ge=schema.U64.least, le=schema.U64.most)]
_I64 = Annotated[int, Field(strict=True, ge=schema.I64.least, le=schema.I64.most)]
_Strs = Annotated[list[_Str], Field(strict=True)]

# ---- records -------------------------------------------------------------------------------------------------------


class _Checked(BaseModel):
    """What records and their requirements share: closed, checked on assignment, `repr` shows what is not default."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, protected_namespaces=())

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.get_default(call_default_factory=True):
                yield name, value.value if isinstance(value, StrEnum) else value


class _Record(_Checked):
    """What models, agents and manifests share beside fields; their fields are spelt out in order in each, as the order
    counts."""

    kind: ClassVar[OpKind]

    @property
    def id(self) -> str:
        """`model_id`, `agent_id` or `manifest_id`."""
        value = getattr(self, schema.ID_FIELD[self.kind])
        assert isinstance(value, str)
        return value

    @classmethod
    def from_plain(cls, record: Record) -> Self:
        """The record of that plain form; fields that are not there get their defaults.

        Raises:
            pydantic.ValidationError: a field is unknown, of another type or too wide.
        """
        return cls.model_validate(record)

    def to_plain(self) -> Record:
        """The plain form: what serde prints, every field in its order.

        What `model_copy` has put there unchecked stays as it is: `validate` finds it.
        """
        return self.model_dump(mode="json", warnings=False)

    def canonical_bytes(self) -> bytes:
        """The bytes that are hashed and signed: see protocol.md, Canonical bytes."""
        return wire.canonical_bytes(self.kind, self.to_plain())

    # pydantic's deprecated classmethod of this name is of no use here, and `validate()` is our stable public API.
    def validate(self) -> list[Problem]:  # type: ignore[override]
        """What the authoring rules say, without knowledge of other records; empty when the record can be signed."""
        if self.kind == "manifest":
            return manifests.check_manifest(self.to_plain())
        return authoring.check(self.kind, self.to_plain())


class ModelResourceRequirements(_Checked):
    """What a model needs to run."""

    min_vcpus: _U8 = 1
    recommended_vcpus: _U8 = 2
    min_memory_mb: _U64 = 1024
    recommended_memory_mb: _U64 = 4096
    min_disk_gb: _U64 = 10
    recommended_disk_gb: _U64 = 20
    requires_gpu: _Bool = False
    min_vram_gb: _U64 | None = None
    cuda_cores: _U32 | None = None
    tensor_cores: _U32 | None = None


class AgentResourceRequirements(_Checked):
    """What an agent needs to run, its models not counted."""

    min_vcpus: _U8 = 1
    recommended_vcpus: _U8 = 1
    min_memory_mb: _U64 = 512
    recommended_memory_mb: _U64 = 1024
    min_disk_gb: _U64 = 5
    recommended_disk_gb: _U64 = 10


class AIModel(_Record):
    """A model. `parameters` is a count, 0 for unknown; times are Unix seconds. An id of 64 zeros makes a draft."""

    kind: ClassVar[Kind] = "model"

    model_id: _Str = schema.NULL_HASH
    name: _Str = ""
    owner_id: _Str = schema.NULL_HASH
    version: _Str = "0.1.0"
    description: _Str = ""
    license: _Str = "MIT"
    model_type: _ModelType = ModelType.LLM
    framework: _ModelFramework = ModelFramework.PYTORCH
    parameters: _U64 = 0
    quantization: _Quantization | None = None
    context_length: _U32 | None = None
    input_tokens_per_second: _U32 | None = None
    output_tokens_per_second: _U32 | None = None
    tags: _Strs = Field(default_factory=list)
    created_at: _I64 = 0
    updated_at: _I64 = 0
    formfile_template: _Str = ""
    resource_requirements: ModelResourceRequirements = Field(default_factory=ModelResourceRequirements)
    capabilities: _Strs = Field(default_factory=list)


def _llm_alone() -> list[ModelType | Other]:
    return [ModelType.LLM]


class AIAgent(_Record):
    """An agent. `preferred_models` are model ids; times are Unix seconds. An id of 64 zeros makes a draft."""

    kind: ClassVar[Kind] = "agent"

    agent_id: _Str = schema.NULL_HASH
    name: _Str = ""
    owner_id: _Str = schema.NULL_HASH
    version: _Str = "0.1.0"
    description: _Str = ""
    license: _Str = "MIT"
    agent_type: _AgentType = AgentType.ASSISTANT
    framework: _AgentFramework = AgentFramework.LANGCHAIN
    compatible_model_types: Annotated[list[_ModelType], Field(strict=True)] = Field(default_factory=_llm_alone)
    preferred_models: _Strs = Field(default_factory=list)
    tags: _Strs = Field(default_factory=list)
    created_at: _I64 = 0
    updated_at: _I64 = 0
    formfile_template: _Str = ""
    resource_requirements: AgentResourceRequirements = Field(default_factory=AgentResourceRequirements)
    capabilities: _Strs = Field(default_factory=list)
    tools: _Strs = Field(default_factory=list)


# ---- manifests -----------------------------------------------------------------------------------------------------


class Artifact(_Checked):
    """A file of a record: its address, or a name within the repository; SHA-256 as hex, size in bytes."""

    uri: _Str = ""
    media_type: _Str = ""
    sha256: _Str | None = None
    size_bytes: _U64 | None = None
    quantization: _Quantization | None = None


class Interface(_Checked):
    """Where a record answers, and what it speaks there."""

    url: _Str = ""
    protocol: _Protocol = InterfaceProtocol.MCP
    version: _Str = ""


class Derivation(_Checked):
    """What a model was made from: the id of a record where there is one, the name that people call it."""

    relation: _Relation = Relation.FINETUNE
    model_id: _Str | None = None
    name: _Str = ""
    sha256: _Str | None = None


class Architecture(_Checked):
    """What decides how much memory a context takes. The last two are bytes at 16 bits a value, where the plain formula
    of layers, heads and their size is wrong."""

    layers: _U32 = 0
    kv_heads: _U32 = 0
    head_dim: _U32 = 0
    experts: _U32 | None = None
    active_parameters: _U64 | None = None
    kv_token_bytes: _U32 | None = None
    kv_constant_bytes: _U64 | None = None


class Evaluation(_Checked):
    """A result: `value` is a decimal number as text."""

    benchmark: _Str = ""
    metric: _Str = ""
    value: _Str = ""
    source: _Str = ""


class Manifest(_Record):
    """What stands behind a record, signed by its owner: where its bytes and endpoints are, what it was made from, and
    whether it is still to be used. `created_at` is the record's; times are Unix seconds."""

    kind: ClassVar[OpKind] = "manifest"

    manifest_id: _Str = schema.NULL_HASH
    owner_id: _Str = schema.NULL_HASH
    subject_id: _Str = schema.NULL_HASH
    subject_kind: SubjectKind = SubjectKind.MODEL
    subject_name: _Str = ""
    status: _Status = ManifestStatus.ACTIVE
    status_message: _Str = ""
    superseded_by: _Str | None = None
    artifacts: Annotated[list[Artifact], Field(strict=True)] = Field(default_factory=list)
    interfaces: Annotated[list[Interface], Field(strict=True)] = Field(default_factory=list)
    derived_from: Annotated[list[Derivation], Field(strict=True)] = Field(default_factory=list)
    required_models: _Strs = Field(default_factory=list)
    architecture: Architecture | None = None
    evaluations: Annotated[list[Evaluation], Field(strict=True)] = Field(default_factory=list)
    datasets: _Strs = Field(default_factory=list)
    languages: _Strs = Field(default_factory=list)
    repository_url: _Str = ""
    documentation_url: _Str = ""
    created_at: _I64 = 0
    updated_at: _I64 = 0
