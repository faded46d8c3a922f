"""The fields of a record as a table: names, order, widths, defaults, wire limits, and what people call them.

Whatever treats all fields of a record alike (canonical bytes, limits, reading files, forms) reads this table; see
protocol.md, Records and Wire limits. Plain data only: no pydantic here, because every operation that arrives from a
peer passes through.
"""

from __future__ import annotations

import copy
from typing import Literal, TypeAlias, Union

from tui_registry.errors import Json, Kind, OpKind, Record
from tui_registry.frozen import NamedTuple

NULL_HASH = "0" * 64
MAX_TIME = 253402300799  # 9999-12-31T23:59:59Z, the last second that every calendar library can print
MAX_OP_BYTES = 65_536
MAX_CHILDREN = 16  # heads that one operation names
# Of all rules that decide what is valid: remembered rejections fall when this number changes.
RULES_VERSION = 2
# The first of them that knows manifests.
MANIFEST_RULES = 2
# Of the authoring rules, the table of licences and the linter of templates, as far as they find errors in a record that
# keeps the wire limits: replicas remember which records have some, and judge them anew when this number changes.
AUTHORING_VERSION = 1


class Form(NamedTuple):
    """What text has to look like, as a regular expression for all of it, and how people are told."""

    pattern: str
    sentence: str


class Text(NamedTuple):
    """UTF-8 text of `least`..`most` characters; `hex_digits` instead asks for exactly so many lower-case hex digits.
    Text of a `form` that is not empty has that form."""

    most: int
    least: int = 0
    hex_digits: int = 0
    form: Form | None = None


class Integer(NamedTuple):
    """A fixed-width integer; `wire` is its little-endian struct code."""

    wire: str
    least: int
    most: int


class Flag(NamedTuple):
    """A boolean, one byte."""


class Variant(NamedTuple):
    """A closed enum of names that ends in `Other(text of 1..64 characters)`, unless it has no other."""

    names: tuple[str, ...]
    has_other: bool = True


class Optional(NamedTuple):
    """A value or null."""

    of: Integer | Variant | Text | Struct


class Many(NamedTuple):
    """A list of at most `most` items."""

    of: Text | Variant | Struct
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
        hint: an example, for a form that is still empty.
        about: what to write there, in a few words; empty where a person writes nothing.
    """

    name: str
    type: FieldType
    default: Json
    label: str
    unit: Unit = ""
    hint: str = ""
    about: str = ""

    @property
    def inner(self) -> FieldType:
        """What a value is where it is not null."""
        return self.type.of if isinstance(self.type, Optional) else self.type


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
_LABELS = Many(Text(128, least=1), 64)

# What both kinds have. A field of one kind stands in its place in the record, below.
_NAME = Field("name", Text(128, least=1), "", "Name", "", "my-llama-finetune", "What lists show; 1 to 128 characters")
_OWNER = Field("owner_id", Text(40, hex_digits=40), NULL_HASH, "Owner")
_VERSION = Field(
    "version", Text(64, least=1), "0.1.0", "Version", "", "1.0.0", "Semantic versioning: major.minor.patch"
)
_DESCRIPTION = Field("description", Text(10_000), "", "Description", about="Markdown: what it is for")
_LICENSE = Field(
    "license", Text(128, least=1), "MIT", "Licence", "", "Apache-2.0",
    "An SPDX expression, or LicenseRef- and a name of your own",
)  # fmt: skip
_TAGS = Field("tags", _LABELS, [], "Tags", "", "chat, code, multilingual", "Lower-case words with hyphens")
_CREATED = Field("created_at", I64, 0, "Created", "time")
_UPDATED = Field("updated_at", I64, 0, "Updated", "time")
_TEMPLATE = Field("formfile_template", Text(24_576), "", "Formfile", about="One instruction a line")
_CAPABILITIES = Field("capabilities", _LABELS, [], "Capabilities", "", "tool-calling, vision", "What it can do")


def _machine(vcpus: tuple[int, int], memory_mb: tuple[int, int], disk_gb: tuple[int, int]) -> tuple[Field, ...]:
    """What either kind runs on, with the defaults of least and recommended."""
    return (
        Field("min_vcpus", U8, vcpus[0], "vCPUs", "", "1", "Virtual CPUs without which it does not run"),
        Field("recommended_vcpus", U8, vcpus[1], "Recommended vCPUs", "", "2", "Virtual CPUs with which it runs well"),
        Field(
            "min_memory_mb", U64, memory_mb[0], "Memory", "mb", "16GB",
            "RAM without which it does not run: 512, 16GB",
        ),
        Field(
            "recommended_memory_mb", U64, memory_mb[1], "Recommended memory", "mb", "32GB",
            "RAM with which it runs well",
        ),
        Field("min_disk_gb", U64, disk_gb[0], "Disk", "gb", "20GB", "Disk without which it does not run: 20, 1TB"),
        Field("recommended_disk_gb", U64, disk_gb[1], "Recommended disk", "gb", "40GB", "Disk with which it runs well"),
    )  # fmt: skip


def _needs(*fields: Field) -> Field:
    default: Json = {field.name: field.default for field in fields}
    return Field("resource_requirements", Struct(fields), default, "Requirements")


FIELDS: dict[Kind, tuple[Field, ...]] = {
    "model": (
        Field("model_id", _HASH, NULL_HASH, "Id"),
        _NAME,
        _OWNER,
        _VERSION,
        _DESCRIPTION,
        _LICENSE,
        Field("model_type", Variant(MODEL_TYPES), "LLM", "Type", about="What the model takes and gives"),
        Field("framework", Variant(MODEL_FRAMEWORKS), "PyTorch", "Framework", about="What it is built with"),
        Field("parameters", U64, 0, "Parameters", "count", "7.6b", "How many weights: 7.6b, 135m; empty when unknown"),
        Field(
            "quantization", Optional(Variant(QUANTIZATION_TYPES)), None, "Quantisation",
            about="How the weights are stored; none when in full",
        ),
        Field(
            "context_length", Optional(U32), None, "Context", "tokens", "32k",
            "The longest input in tokens: 4096, 32k, 1m",
        ),
        Field(
            "input_tokens_per_second", Optional(U32), None, "Input speed", "count", "1200",
            "Tokens read per second, if measured",
        ),
        Field(
            "output_tokens_per_second", Optional(U32), None, "Output speed", "count", "85",
            "Tokens written per second, if measured",
        ),
        _TAGS,
        _CREATED,
        _UPDATED,
        _TEMPLATE,
        _needs(
            *_machine(vcpus=(1, 2), memory_mb=(1024, 4096), disk_gb=(10, 20)),
            Field("requires_gpu", Flag(), False, "GPU", about="Whether it needs a GPU"),
            Field("min_vram_gb", Optional(U64), None, "GPU memory", "gb", "16GB", "VRAM without which it does not run"),
            Field("cuda_cores", Optional(U32), None, "CUDA cores", "", "3584", "At least so many, when that is known"),
            Field(
                "tensor_cores", Optional(U32), None, "Tensor cores", "", "112",
                "At least so many, when that is known",
            ),
        ),
        _CAPABILITIES,
    ),
    "agent": (
        Field("agent_id", _HASH, NULL_HASH, "Id"),
        _NAME,
        _OWNER,
        _VERSION,
        _DESCRIPTION,
        _LICENSE,
        Field("agent_type", Variant(AGENT_TYPES), "Assistant", "Type", about="What the agent does"),
        Field("framework", Variant(AGENT_FRAMEWORKS), "LangChain", "Framework", about="What it is built with"),
        Field(
            "compatible_model_types", Many(Variant(MODEL_TYPES), 16), ["LLM"], "Works with",
            about="The types of model that the agent can use",
        ),
        Field("preferred_models", _LABELS, [], "Prefers", about="Models that suit it best, the first one first"),
        _TAGS,
        _CREATED,
        _UPDATED,
        _TEMPLATE,
        _needs(*_machine(vcpus=(1, 1), memory_mb=(512, 1024), disk_gb=(5, 10))),
        _CAPABILITIES,
        Field("tools", _LABELS, [], "Tools", "", "web-search, python", "What the agent calls"),
    ),
}  # fmt: skip

# ---- manifests: what stands behind a record ------------------------------------------------------------------------

SUBJECT_KINDS = ("Model", "Agent")
STATUSES = ("Active", "Deprecated", "Withdrawn")
INTERFACE_PROTOCOLS = ("A2A", "MCP", "OpenAI", "Ollama")
RELATIONS = ("Finetune", "Adapter", "Merge", "Quantized", "Distilled")

# Which schemes there are is no limit of the protocol: the list could never grow.
URI = Form(
    r"[!#-;=?-\[\]_a-z~]+",
    'must be a URI: printable ASCII without spaces and without " < > \\ ^ { | } and the backtick',
)
_NUMBER = Form(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,12})?", "must be a plain decimal number, such as 0.713 or -12")
_LANGUAGE = Form(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*", "must be a language tag, such as en, pt-BR or zh-Hans")
_URI = Text(2048, least=1, form=URI)
_URI_OR_EMPTY = Text(2048, form=URI)
_DIGEST = Optional(Text(64, hex_digits=64))

_ARTIFACT = Struct((
    Field("uri", _URI, "", "Where", "", "hf://org/model/model.safetensors", "An address, or a path in the repository"),
    Field("media_type", Text(128), "", "Media type"),
    Field("sha256", _DIGEST, None, "SHA-256"),
    Field("size_bytes", Optional(U64), None, "Bytes"),
    Field("quantization", Optional(Variant(QUANTIZATION_TYPES)), None, "Quantisation"),
))  # fmt: skip
_INTERFACE = Struct((
    Field("url", _URI, "", "Address", "", "https://example.org/mcp", "Where it answers"),
    Field("protocol", Variant(INTERFACE_PROTOCOLS), "MCP", "Protocol", about="What it speaks there"),
    Field("version", Text(64), "", "Protocol version"),
))  # fmt: skip
_DERIVATION = Struct((
    Field("relation", Variant(RELATIONS), "Finetune", "Relation", about="How it was made from that"),
    Field("model_id", Optional(_HASH), None, "Model", about="The id of a record, where there is one"),
    Field("name", Text(256), "", "Name", "", "org/base-model", "What people call it"),
    Field("sha256", _DIGEST, None, "SHA-256"),
))  # fmt: skip
_ARCHITECTURE = Struct((
    Field("layers", U32, 0, "Layers"),
    Field("kv_heads", U32, 0, "Key and value heads", about="Heads that keys and values are kept for"),
    Field("head_dim", U32, 0, "Head size", about="Numbers to a head"),
    Field("experts", Optional(U32), None, "Experts"),
    Field("active_parameters", Optional(U64), None, "Active parameters", "count", "3.3b", "Used for each token"),
    Field("kv_token_bytes", Optional(U32), None, "Cache to a token", about="Bytes at 16 bits to a value"),
    Field("kv_constant_bytes", Optional(U64), None, "Cache besides", about="Bytes that do not grow with the tokens"),
))  # fmt: skip
_EVALUATION = Struct((
    Field("benchmark", Text(128, least=1), "", "Benchmark", "", "MMLU"),
    Field("metric", Text(64, least=1), "", "Metric", "", "accuracy"),
    Field("value", Text(32, least=1, form=_NUMBER), "", "Value", "", "0.713"),
    Field("source", _URI_OR_EMPTY, "", "Source", about="Where that is shown"),
))  # fmt: skip

MANIFEST_FIELDS: tuple[Field, ...] = (
    Field("manifest_id", _HASH, NULL_HASH, "Id"),
    _OWNER,
    Field("subject_id", _HASH, NULL_HASH, "Record"),
    Field("subject_kind", Variant(SUBJECT_KINDS, has_other=False), "Model", "Kind of record"),
    Field("subject_name", Text(128, least=1), "", "First name of the record"),
    Field("status", Variant(STATUSES), "Active", "Status", about="Whether it is still to be used"),
    Field("status_message", Text(500), "", "Reason", "", "Answers wrongly in Dutch: use 1.1", "Why, and what to do"),
    Field("superseded_by", Optional(_HASH), None, "Replaced by", about="The record to use instead"),
    Field("artifacts", Many(_ARTIFACT, 256), [], "Files", about="Where the bytes are"),
    Field("interfaces", Many(_INTERFACE, 16), [], "Interfaces", about="Where it answers, and what it speaks"),
    Field("derived_from", Many(_DERIVATION, 16), [], "Made from", about="What it was made from"),
    Field("required_models", Many(_HASH, 16), [], "Needs", about="Models without which it does not work"),
    Field("architecture", Optional(_ARCHITECTURE), None, "Architecture"),
    Field("evaluations", Many(_EVALUATION, 64), [], "Evaluations", about="What it was measured at"),
    Field("datasets", Many(Text(256, least=1), 64), [], "Datasets", "", "HuggingFaceFW/fineweb", "Trained on"),
    Field("languages", Many(Text(64, least=1, form=_LANGUAGE), 64), [], "Languages", "", "en, zh-Hans"),
    Field("repository_url", _URI_OR_EMPTY, "", "Repository", "", "https://github.com/org/repo"),
    Field("documentation_url", _URI_OR_EMPTY, "", "Documentation", "", "https://example.org/docs"),
    _CREATED,
    _UPDATED,
)  # fmt: skip

# What an operation can write: records, and what stands behind them.
OP_FIELDS: dict[OpKind, tuple[Field, ...]] = {
    "model": FIELDS["model"],
    "agent": FIELDS["agent"],
    "manifest": MANIFEST_FIELDS,
}
ID_FIELD: dict[OpKind, str] = {"model": "model_id", "agent": "agent_id", "manifest": "manifest_id"}


def defaults(kind: OpKind) -> Record:
    """A fresh plain record of that kind, every field at its default (a draft: it cannot be signed as it is)."""
    return {field.name: copy.deepcopy(field.default) for field in OP_FIELDS[kind]}


def leaves(kind: Kind) -> dict[str, Field]:
    """The fields that an author fills in, by path, in the record's order: `resource_requirements.min_vcpus`.

    Id, owner and times are set by the Datastore.
    """
    given = (ID_FIELD[kind], _OWNER.name, _CREATED.name, _UPDATED.name)
    found: dict[str, Field] = {}
    for field in FIELDS[kind]:
        if isinstance(field.type, Struct):
            found.update((f"{field.name}.{leaf.name}", leaf) for leaf in field.type.fields)
        elif field.name not in given:
            found[field.name] = field
    return found
