"""The one table of fields: the parser, the completions, the help text and the evaluator all read it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Shape: TypeAlias = Literal[
    "kind", "word", "hex", "owner", "count", "tokens", "mb", "gb", "whole", "time", "flag", "sort"
]  # fmt: skip

# Of whole numbers in a record's own unit; `time` is whole Unix seconds.
NUMBERS: Final = frozenset({"count", "tokens", "mb", "gb", "whole"})
RANGES: Final = NUMBERS | {"time"}


class Field:
    """One field of the language; a constant. (A plain class: a NamedTuple or dataclass costs each start-up half a ms.)

    Attributes:
        name: as the query's normal form writes it.
        shape: what its values are, and so how they are read and compared.
        label: the field in a sentence.
        help: one line for the help text.
        examples: whole terms for the help text, the first also for errors.
        paths: where a model and an agent hold the value; "" where that kind has none.
        many: the record holds a list, so several terms of this field can hold at once.
        aliases: other spellings of the name.
        options: the only values, where they are few and fixed.
    """

    __slots__ = ("aliases", "examples", "help", "label", "many", "name", "options", "paths", "shape")

    def __init__(
        self,
        name: str,
        shape: Shape,
        label: str,
        help: str,  # noqa: A002 -- the word for it, as in argparse
        examples: tuple[str, ...],
        paths: tuple[str, str] = ("", ""),
        many: bool = False,
        aliases: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
    ) -> None:
        self.name: Final = name
        self.shape: Final[Shape] = shape
        self.label: Final = label
        self.help: Final = help
        self.examples: Final = examples
        self.paths: Final = paths
        self.many: Final = many
        self.aliases: Final = aliases
        self.options: Final = options


def find_field(name: str) -> Field | None:
    """The field of that name or alias, whatever its case."""
    return FIELDS.get(_NAMES.get(name.lower(), ""))


def field_names() -> list[str]:
    """Every name and alias."""
    return list(_NAMES)


_NEEDS: Final = "resource_requirements."
_TABLE: Final = (
    Field("kind", "kind", "kind", "models or agents only", ("kind:model",), options=("model", "agent")),
    Field("type", "word", "type", "type of model or agent", ("type:LLM", "type:embedding,multimodal"),
          ("model_type", "agent_type")),
    Field("framework", "word", "framework", "what it is built with", ("framework:PyTorch",),
          ("framework", "framework")),
    Field("license", "word", "licence", "licence, by SPDX id", ("license:apache2", "license:mit"),
          ("license", "license"), aliases=("licence",)),
    Field("quant", "word", "quantisation", "quantisation of a model", ("quant:gguf",), ("quantization", ""),
          aliases=("quantization", "quantisation")),
    Field("tag", "word", "tag", "one of its tags", ("tag:chat",), ("tags", "tags"), many=True, aliases=("tags",)),
    Field("cap", "word", "capability", "one of its capabilities", ("cap:vision",), ("capabilities", "capabilities"),
          many=True, aliases=("caps", "capability", "capabilities")),
    Field("tool", "word", "tool", "one of an agent's tools", ("tool:browser",), ("", "tools"), many=True,
          aliases=("tools",)),
    Field("owner", "owner", "owner", "owner: an address, its first digits, or the name you gave it",
          ("owner:0x7a1c", "owner:my-lab"), ("owner_id", "owner_id")),
    Field("id", "hex", "id", "id, or its first digits", ("id:3fa9c1",), ("model_id", "agent_id")),
    Field("model", "hex", "preferred model", "agents that prefer the model of this id", ("model:3fa9c1",),
          ("", "preferred_models"), many=True),
    Field("params", "count", "parameters", "parameters; params:7b is 7.0 to 7.9 billion, params:=7b exactly 7",
          ("params:<=8b", "params:1b..8b", "params:7b"), ("parameters", ""), aliases=("parameters",)),
    Field("ctx", "tokens", "context length", "context length in tokens; 1k is 1024", ("ctx:>=32k",),
          ("context_length", ""), aliases=("context",)),
    Field("vram", "gb", "VRAM", "least VRAM; a plain number is in GB", ("vram:<24gb",), (_NEEDS + "min_vram_gb", "")),
    Field("mem", "mb", "memory", "least memory; a plain number is in MB", ("mem:<=16gb",),
          (_NEEDS + "min_memory_mb", _NEEDS + "min_memory_mb"), aliases=("memory", "ram")),
    Field("disk", "gb", "disk", "least disk; a plain number is in GB", ("disk:<100gb",),
          (_NEEDS + "min_disk_gb", _NEEDS + "min_disk_gb")),
    Field("vcpus", "whole", "vCPUs", "least number of vCPUs", ("vcpus:<=8",),
          (_NEEDS + "min_vcpus", _NEEDS + "min_vcpus"), aliases=("vcpu", "cpus", "cpu")),
    Field("tps", "whole", "output tokens per second", "tokens that come out in a second", ("tps:>50",),
          ("output_tokens_per_second", "")),
    Field("updated", "time", "updated", "last change, UTC; updated:7d is in the last 7 days",
          ("updated:>2026-01-01", "updated:2026-01", "updated:7d"), ("updated_at", "updated_at")),
    Field("created", "time", "created", "registration, UTC", ("created:>1y", "created:2025-10..2026-01"),
          ("created_at", "created_at")),
    Field("is", "flag", "is", "mine: signed by your key; conflict: more than one live head; invalid: breaks a rule",
          ("is:mine",), options=("mine", "conflict", "invalid")),
    Field("has", "flag", "has", "formfile: it carries a Formfile", ("has:formfile",), options=("formfile",)),
    Field("sort", "sort", "sort", "order of the results; with - the largest or latest first",
          ("sort:-params", "sort:name"), options=("relevance", "name", "updated", "created", "params", "context")),
)  # fmt: skip
FIELDS: Final[dict[str, Field]] = {field.name: field for field in _TABLE}
_NAMES: Final[dict[str, str]] = {name: field.name for field in _TABLE for name in (field.name, *field.aliases)}
