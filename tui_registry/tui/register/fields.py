"""The fields of a record as a form shows them: sections, labels, controls and hints, built on the table of the record.

Names, types, widths and defaults come from `records.schema.FIELDS`; this module adds only what people read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tui_registry.errors import Json, Kind
from tui_registry.records import schema
from tui_registry.records.schema import FIELDS, ID_FIELD, FieldType

SectionId: TypeAlias = Literal["identity", "technical", "requirements", "template", "tags", "description"]
Control: TypeAlias = Literal["text", "number", "flag", "choice", "choices", "items", "prose"]
Unit: TypeAlias = Literal["count", "tokens", "mb", "gb", ""]

SECTIONS: dict[SectionId, str] = {
    "identity": "Identity",
    "technical": "Technical",
    "requirements": "Requirements",
    "template": "Template",
    "tags": "Tags & capabilities",
    "description": "Description",
}
RAIL_WORDS: dict[SectionId, str] = {**SECTIONS, "tags": "Tags"}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field as the form shows it.

    Attributes:
        path: of the value in the record, such as `resource_requirements.min_vcpus`.
        type, default: from the table of the record.
        unit: how a number is read and echoed.
        hint: shown in the empty field.
        about: one sentence of help, shown while the field has the focus.
    """

    path: str
    label: str
    section: SectionId
    type: FieldType
    default: Json
    control: Control
    unit: Unit
    hint: str
    about: str

    @property
    def widget_id(self) -> str:
        """The path as a CSS id."""
        return "field-" + self.path.replace(".", "-")

    @property
    def title(self) -> str:
        """The label where it stands alone, without the row above."""
        return _TITLES.get(self.path, self.label)

    @property
    def names(self) -> tuple[str, ...]:
        """The variants that a choice offers; none for other controls."""
        inner = self.type.of if isinstance(self.type, schema.Optional | schema.Many) else self.type
        return inner.names if isinstance(inner, schema.Variant) else ()

    @property
    def optional(self) -> bool:
        """Whether the field may be left empty for null."""
        return isinstance(self.type, schema.Optional)


def form_fields(kind: Kind) -> tuple[FormField, ...]:
    """Every field that a person fills in, in the order of the form: by section, then by the tables below."""
    return _FORM_FIELDS[kind]


def field_at(kind: Kind, path: str) -> FormField | None:
    """The field that a problem's path lies in: `tags[2]` -> `tags`; None when the form has no such field."""
    fields = _BY_PATH[kind]
    while path:
        if path in fields:
            return fields[path]
        path = path[: max(path.rfind("["), path.rfind("."), 0)]
    return None


# How: what people read about each field, by path. A line here for every field of the table, and no other.

_NEEDS = "resource_requirements."

_WORDS: dict[str, tuple[SectionId, str, Unit, str, str]] = {
    "name": ("identity", "Name", "", "my-llama-finetune", "What lists show; 1 to 128 characters"),
    "version": ("identity", "Version", "", "1.0.0", "Semantic versioning: major.minor.patch"),
    "license": ("identity", "Licence", "", "Apache-2.0", "An SPDX expression, or LicenseRef- and a name of your own"),
    "model_type": ("technical", "Type", "", "", "What the model takes and gives"),
    "agent_type": ("technical", "Type", "", "", "What the agent does"),
    "framework": ("technical", "Framework", "", "", "What it is built with"),
    "parameters": ("technical", "Parameters", "count", "7.6b", "How many weights: 7.6b, 135m; empty when unknown"),
    "quantization": ("technical", "Quantisation", "", "", "How the weights are stored; none when in full"),
    "context_length": ("technical", "Context", "tokens", "32k", "The longest input in tokens: 4096, 32k, 1m"),
    "input_tokens_per_second": ("technical", "Input speed", "count", "1200", "Tokens read per second, if measured"),
    "output_tokens_per_second": ("technical", "Output speed", "count", "85", "Tokens written per second, if measured"),
    "compatible_model_types": ("technical", "Works with", "", "", "The types of model that the agent can use"),
    "preferred_models": (
        "technical",
        "Prefers",
        "",
        "",
        "Models that suit it best, the first one first: type and press Enter to search, ctrl+left moves one forward",
    ),
    _NEEDS + "min_vcpus": ("requirements", "vCPUs", "", "1", "Virtual CPUs without which it does not run"),
    _NEEDS + "recommended_vcpus": ("requirements", "  recommended", "", "2", "Virtual CPUs with which it runs well"),
    _NEEDS + "min_memory_mb": ("requirements", "Memory", "mb", "16GB", "RAM without which it does not run: 512, 16GB"),
    _NEEDS + "recommended_memory_mb": ("requirements", "  recommended", "mb", "32GB", "RAM with which it runs well"),
    _NEEDS + "min_disk_gb": ("requirements", "Disk", "gb", "20GB", "Disk without which it does not run: 20, 1TB"),
    _NEEDS + "recommended_disk_gb": ("requirements", "  recommended", "gb", "40GB", "Disk with which it runs well"),
    _NEEDS + "requires_gpu": ("requirements", "GPU", "", "", "Whether it needs a GPU; sizes are asked for below"),
    _NEEDS + "min_vram_gb": ("requirements", "GPU memory", "gb", "16GB", "VRAM without which it does not run"),
    _NEEDS + "cuda_cores": ("requirements", "CUDA cores", "", "3584", "At least so many, when that is known"),
    _NEEDS + "tensor_cores": ("requirements", "Tensor cores", "", "112", "At least so many, when that is known"),
    "formfile_template": ("template", "Formfile", "", "", "One instruction a line; F2 completes, F3 writes one"),
    "tags": (
        "tags",
        "Tags",
        "",
        "chat, code, multilingual",
        "Lower-case words with hyphens; Enter or a comma adds one, F2 shows those in use",
    ),
    "capabilities": (
        "tags",
        "Capabilities",
        "",
        "tool-calling, vision",
        "What it can do; Enter or a comma adds one, Backspace takes the last one back",
    ),
    "tools": (
        "tags",
        "Tools",
        "",
        "web-search, python",
        "What the agent calls; Enter or a comma adds one, Left goes back over them",
    ),
    "description": ("description", "Description", "", "", "Markdown: what it is for; F4 shows how it reads"),
}  # fmt: skip
_TITLES = {
    _NEEDS + "recommended_vcpus": "Recommended vCPUs",
    _NEEDS + "recommended_memory_mb": "Recommended memory",
    _NEEDS + "recommended_disk_gb": "Recommended disk",
}
# Set by the Datastore, never by a person.
_NOT_FILLED_IN = frozenset({"owner_id", "created_at", "updated_at", *ID_FIELD.values()})


def _leaves(fields: tuple[schema.Field, ...], prefix: str = "") -> Iterator[tuple[str, schema.Field]]:
    for field in fields:
        if isinstance(field.type, schema.Struct):
            yield from _leaves(field.type.fields, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field


def _control(path: str, of: FieldType) -> Control:
    match of:
        case schema.Flag():
            return "flag"
        case schema.Variant() | schema.Optional(schema.Variant()):
            return "choice"
        case schema.Many(schema.Variant()):
            return "choices"
        case schema.Many():
            return "items"
        case schema.Integer() | schema.Optional():
            return "number"
        case _:
            return "prose" if path in ("description", "formfile_template") else "text"


def _build(kind: Kind) -> tuple[FormField, ...]:
    leaves = {path: field for path, field in _leaves(FIELDS[kind]) if path not in _NOT_FILLED_IN}
    order = [path for path in _WORDS if path in leaves]
    if len(order) != len(leaves):
        raise LookupError(f"fields of the record without a place in the form: {sorted(leaves.keys() - set(order))}")
    fields = []
    for path in order:
        section, label, unit, hint, about = _WORDS[path]
        leaf = leaves[path]
        control = _control(path, leaf.type)
        fields.append(FormField(path, label, section, leaf.type, leaf.default, control, unit, hint, about))
    sections = list(SECTIONS)
    return tuple(sorted(fields, key=lambda field: sections.index(field.section)))


_FORM_FIELDS: dict[Kind, tuple[FormField, ...]] = {"model": _build("model"), "agent": _build("agent")}
_BY_PATH: dict[Kind, dict[str, FormField]] = {
    kind: {field.path: field for field in fields} for kind, fields in _FORM_FIELDS.items()
}
