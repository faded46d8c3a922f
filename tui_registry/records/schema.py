"""The fields of a record as a table: names, order, widths, defaults, wire limits, and what people call them.

Whatever treats all fields of a record alike (canonical bytes, limits, reading files, forms) reads this table; see
protocol.md, Records and Wire limits. Plain data only: no pydantic here, because every operation that arrives from a
peer passes through.
"""

from __future__ import annotations

import copy
from typing import Literal, TypeAlias, Union

from tui_registry.errors import Json, Kind, Record
from tui_registry.frozen import NamedTuple

NULL_HASH = "0" * 64
MAX_TIME = 253402300799  # 9999-12-31T23:59:59Z, the last second that every calendar library can print
MAX_OP_BYTES = 65_536
MAX_CHILDREN = 16  # heads that one operation names
# Of all rules that decide what is valid: remembered rejections fall when this number changes.
RULES_VERSION = 1


class Text(NamedTuple):
    """UTF-8 text of `least`..`most` characters; `hex_digits` instead asks for exactly so many lower-case hex digits."""

    most: int
    least: int = 0
    hex_digits: int = 0


class Integer(NamedTuple):
    """A fixed-width integer; `wire` is its little-endian struct code."""

    wire: str
    least: int
    most: int


class Flag(NamedTuple):
    """A boolean, one byte."""


class Variant(NamedTuple):
    """A closed enum of names that ends in `Other(text of 1..64 characters)`."""

    names: tuple[str, ...]


class Optional(NamedTuple):
    """A value or null."""

    of: Integer | Variant


class Many(NamedTuple):
    """A list of at most `most` items."""

    of: Text | Variant
    most: int


class Struct(NamedTuple):
    """Fields within a field."""

    fields: tuple[Field, ...]


FieldType: TypeAlias = Union[Text, Integer, Flag, Variant, Optional, Many, Struct]


# What a number counts, and so how people write and read it: things by the thousand, tokens, MB, GB, Unix seconds; ""
# where a plain number says it all.
Unit: TypeAlias = Literal["count", "tokens", "mb", "gb", "time", ""]


class Field(NamedTuple):
    """One field of a record.

    Attributes:
        default: in plain JSON form.
        label: what people call it where it stands alone, such as `Recommended memory`.
    """

    name: str
    type: FieldType
    default: Json
    label: str
    unit: Unit = ""


MODEL_TYPES = ("LLM", "Embedding", "Multimodal", "AudioProcessing", "ImageGeneration")
MODEL_FRAMEWORKS = ("PyTorch", "TensorFlow", "ONNX", "JAX", "CoreML")
QUANTIZATION_TYPES = ("FP32", "FP16", "BF16", "INT8", "INT4", "GPTQ", "GGUF", "AWQ")
AGENT_TYPES = ("Chatbot", "Assistant", "DataAnalyst", "CodeGenerator", "ContentCreator", "Researcher")
AGENT_FRAMEWORKS = (
    "LangChain",
    "AutoGPT",
    "CrewAI",
    "LlamaIndex",
    "BabyAGI",
    "CustomRust",
    "CustomPython",
    "CustomJS",
)
OTHER_TEXT = Text(64, least=1)

U8 = Integer("<B", 0, 2**8 - 1)
U32 = Integer("<I", 0, 2**32 - 1)
U64 = Integer("<Q", 0, 2**64 - 1)
I64 = Integer("<q", -(2**63), 2**63 - 1)

_HASH = Text(64, hex_digits=64)
_OWNER = Text(40, hex_digits=40)
_NAME = Text(128, least=1)
_VERSION = Text(64, least=1)
_LICENSE = Text(128, least=1)
_DESCRIPTION = Text(10_000)
_TEMPLATE = Text(24_576)
_LABELS = Many(Text(128, least=1), 64)

_MODEL_NEEDS = Struct(
    (
        Field("min_vcpus", U8, 1, "vCPUs"),
        Field("recommended_vcpus", U8, 2, "Recommended vCPUs"),
        Field("min_memory_mb", U64, 1024, "Memory", "mb"),
        Field("recommended_memory_mb", U64, 4096, "Recommended memory", "mb"),
        Field("min_disk_gb", U64, 10, "Disk", "gb"),
        Field("recommended_disk_gb", U64, 20, "Recommended disk", "gb"),
        Field("requires_gpu", Flag(), False, "GPU"),
        Field("min_vram_gb", Optional(U64), None, "GPU memory", "gb"),
        Field("cuda_cores", Optional(U32), None, "CUDA cores"),
        Field("tensor_cores", Optional(U32), None, "Tensor cores"),
    )
)

_AGENT_NEEDS = Struct(
    (
        Field("min_vcpus", U8, 1, "vCPUs"),
        Field("recommended_vcpus", U8, 1, "Recommended vCPUs"),
        Field("min_memory_mb", U64, 512, "Memory", "mb"),
        Field("recommended_memory_mb", U64, 1024, "Recommended memory", "mb"),
        Field("min_disk_gb", U64, 5, "Disk", "gb"),
        Field("recommended_disk_gb", U64, 10, "Recommended disk", "gb"),
    )
)


def _needs_default(needs: Struct) -> Json:
    return {field.name: field.default for field in needs.fields}


FIELDS: dict[Kind, tuple[Field, ...]] = {
    "model": (
        Field("model_id", _HASH, NULL_HASH, "Id"),
        Field("name", _NAME, "", "Name"),
        Field("owner_id", _OWNER, NULL_HASH, "Owner"),
        Field("version", _VERSION, "0.1.0", "Version"),
        Field("description", _DESCRIPTION, "", "Description"),
        Field("license", _LICENSE, "MIT", "Licence"),
        Field("model_type", Variant(MODEL_TYPES), "LLM", "Type"),
        Field("framework", Variant(MODEL_FRAMEWORKS), "PyTorch", "Framework"),
        Field("parameters", U64, 0, "Parameters", "count"),
        Field("quantization", Optional(Variant(QUANTIZATION_TYPES)), None, "Quantisation"),
        Field("context_length", Optional(U32), None, "Context", "tokens"),
        Field("input_tokens_per_second", Optional(U32), None, "Input speed", "count"),
        Field("output_tokens_per_second", Optional(U32), None, "Output speed", "count"),
        Field("tags", _LABELS, [], "Tags"),
        Field("created_at", I64, 0, "Created", "time"),
        Field("updated_at", I64, 0, "Updated", "time"),
        Field("formfile_template", _TEMPLATE, "", "Formfile"),
        Field("resource_requirements", _MODEL_NEEDS, _needs_default(_MODEL_NEEDS), "Requirements"),
        Field("capabilities", _LABELS, [], "Capabilities"),
    ),
    "agent": (
        Field("agent_id", _HASH, NULL_HASH, "Id"),
        Field("name", _NAME, "", "Name"),
        Field("owner_id", _OWNER, NULL_HASH, "Owner"),
        Field("version", _VERSION, "0.1.0", "Version"),
        Field("description", _DESCRIPTION, "", "Description"),
        Field("license", _LICENSE, "MIT", "Licence"),
        Field("agent_type", Variant(AGENT_TYPES), "Assistant", "Type"),
        Field("framework", Variant(AGENT_FRAMEWORKS), "LangChain", "Framework"),
        Field("compatible_model_types", Many(Variant(MODEL_TYPES), 16), ["LLM"], "Works with"),
        Field("preferred_models", _LABELS, [], "Prefers"),
        Field("tags", _LABELS, [], "Tags"),
        Field("created_at", I64, 0, "Created", "time"),
        Field("updated_at", I64, 0, "Updated", "time"),
        Field("formfile_template", _TEMPLATE, "", "Formfile"),
        Field("resource_requirements", _AGENT_NEEDS, _needs_default(_AGENT_NEEDS), "Requirements"),
        Field("capabilities", _LABELS, [], "Capabilities"),
        Field("tools", _LABELS, [], "Tools"),
    ),
}

ID_FIELD: dict[Kind, str] = {"model": "model_id", "agent": "agent_id"}


def defaults(kind: Kind) -> Record:
    """A fresh plain record of that kind, every field at its default (a draft: it cannot be signed as it is)."""
    return {field.name: copy.deepcopy(field.default) for field in FIELDS[kind]}
