"""The one table of fields, and how people spell their values: parser, completions, help and evaluator read it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, Literal, TypeAlias

from tui_registry import licences
from tui_registry.frozen import Frozen

from .folding import fold_case

Shape: TypeAlias = Literal[
    "kind", "word", "name", "version", "hex", "owner", "model", "count", "tokens", "mb", "gb", "whole", "time", "flag",
    "sort", "fit", "eval", "note",
]  # fmt: skip

# Of whole numbers in a record's own unit; `time` is whole Unix seconds.
NUMBERS: Final = frozenset({"count", "tokens", "mb", "gb", "whole"})
RANGES: Final = NUMBERS | {"time"}
# What a manifest may say of its record but for words of its owner's, which count as the first.
STATUSES: Final = ("Active", "Deprecated", "Withdrawn")
# The orders of results -> in words, ascending and descending.
SORTS: Final = {
    "relevance": ("best match first", "best match first"),
    "name": ("by name, A to Z", "by name, Z to A"),
    "updated": ("least recently updated first", "most recently updated first"),
    "created": ("oldest first", "newest first"),
    "params": ("fewest parameters first", "most parameters first"),
    "context": ("shortest context first", "longest context first"),
    "fit": ("least needed memory first", "most needed memory first"),
}
# What `fit:` asks of the machine of whoever asks; any other value is the memory of a GPU.
FITS: Final = ("runs", "offload", "no", "unknown")
# What the columns of a catalogue can hold: a larger number of a record is kept, and compared, as this one.
LARGEST: Final = 2**63 - 1
# What stands in one replica alone, and is told to nobody: as (field, value), each value for None.
UNSHARED: Final = (
    ("is", "starred"), ("is", "new"), ("is", "watched"), ("has", "note"), ("note", None), ("pulled", None),
)  # fmt: skip


class Field(Frozen):
    """One field of the language.

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

    name: str
    shape: Shape
    label: str
    help: str
    examples: tuple[str, ...]
    paths: tuple[str, str] = ("", "")
    many: bool = False
    aliases: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Facet(Frozen):
    """One thing that the matches of a search are counted by.

    Attributes:
        name: what answers call it.
        title: what heads its values, in the singular or plural that a person reads them in.
        term: the field of the language whose terms narrow a search to one of its values.
    """

    name: str
    title: str
    term: str


def find_field(name: str) -> Field | None:
    """The field of that name or alias, whatever its case."""
    return FIELDS.get(_NAMES.get(name.lower(), ""))


def field_names() -> list[str]:
    """Every name and alias."""
    return list(_NAMES)


def normalise(field: str, value: str) -> tuple[str, ...]:
    """The values that a search for `field:value` is for: one, or a family's members. Never none.

    The case is put right, a known other spelling becomes the registry's, the name of a family becomes its members, and
    anything else stays as it is (records may hold any text as `Other`). For searching only: what may be signed is the
    authoring rules' business. `field:=value` is taken literally and never comes here.
    """
    if field == "license":
        return licences.searched(value)
    if field not in _SPELLINGS:
        return (value,)
    return (_known(field).get(_squeezed(value), value),)


def measured(value: str) -> tuple[str, str, float | None]:
    """What a value of `eval:` asks for: the benchmark, how its value compares with a number (`<=`, `>=`, `<`, `>` or
    `=`), and the number; without a number, whatever came of it.

    Raises:
        ValueError: it compares with something else than a number; the sentence says so.
    """
    # The last sign outside of brackets: some benchmarks are called `MMLU (k=5)`.
    place, depth = len(value), 0
    for here in range(len(value) - 1, 0, -1):
        depth += (value[here] in ")]") - (value[here] in "([" and depth > 0)
        if not depth and value[here] in "<>=":
            place = here
            break
    place -= place > 1 and value[place - 1 : place + 1] in ("<=", ">=")
    benchmark, rest = value[:place].strip(), value[place:]
    if not rest:
        return benchmark, "", None
    sign = rest[: 1 + rest[1:].startswith("=")] if rest[0] in "<>" else "="
    number = rest[len(sign) :].strip()
    digits = number.removeprefix("-").replace(".", "", 1)
    is_number = digits.isascii() and digits.isdecimal() and number[-1].isdecimal() and len(digits) <= _MOST_DIGITS
    if not is_number or benchmark[-1:] in ("<", ">", "="):
        raise ValueError("a value is compared with a number, such as MMLU>=0.7")
    return benchmark, sign, float(number)


def is_in_use(status: str) -> bool:
    """Whether a value of `status:` asks for all records that are to be used."""
    return fold_case(status) == fold_case(STATUSES[0])


def alike(field: str, value: str) -> tuple[str, ...]:
    """The values that count as this one where a field of a record is compared with it; itself comes first."""
    return licences.alike(value) if field == "license" else (value,)


def other_spellings() -> dict[str, dict[str, str]]:
    """By field: canonical value -> its other spellings, separated by spaces."""
    return {**_SPELLINGS, "license": dict(licences.SPELLINGS)}


def spellings() -> str:
    """The table in plain text, for the documentation: a line for each value that has other spellings."""
    lines: list[str] = []
    for field, table in other_spellings().items():
        lines += [f"{field}:{value}  also  {', '.join(others.split())}" for value, others in table.items() if others]
    lines += [f"license:{family}  any of  {', '.join(members)}" for family, members in licences.searched_families()]
    return "\n".join(lines)


def version_beginnings(version: str) -> list[str]:
    """By what `version:` finds a version: it as a whole, and its first parts; in lower case, without a leading v."""
    version = plain_version(version)
    cuts = [place for place, character in enumerate(version) if character in _BETWEEN_PARTS and place]
    return list(dict.fromkeys([*(version[:place] for place in cuts[:_MOST_PARTS]), version]))


def plain_version(typed: str) -> str:
    """A version as `version_beginnings` gives it, from how it is typed."""
    version = fold_case(typed)
    return version[1:] if version[:1] == "v" and version[1:2].isdigit() else version


def is_hex(digits: str) -> bool:
    """Whether it is the beginning of an id: 1 to 64 lower-case hex digits."""
    return 1 <= len(digits) <= 64 and _HEX.issuperset(digits)


_HEX: Final = frozenset("0123456789abcdef")
_BETWEEN_PARTS: Final = frozenset(".-+")
_MOST_PARTS: Final = 3
_MOST_DIGITS: Final = 30
_NEEDS: Final = "resource_requirements."
_TABLE: Final = (
    Field("kind", "kind", "kind", "models or agents only", ("kind:model",), options=("model", "agent")),
    Field("name", "name", "name", "words in the name; name:=X is exactly that name",
          ("name:llama", 'name:"code llama"'), ("name", "name")),
    Field("version", "version", "version", "version, or its first parts: version:2 is 2.0.0 and 2.5.1, not 20.0.0",
          ("version:2.5",), ("version", "version")),
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
    Field("status", "word", "status", "what its owner says of it; active is all but deprecated and withdrawn",
          ("status:active", "status:deprecated,withdrawn")),
    Field("owner", "owner", "owner", "owner: an address, its first digits, or the name you gave it",
          ("owner:0x7a1c", "owner:my-lab"), ("owner_id", "owner_id")),
    Field("id", "hex", "id", "id, or its first digits", ("id:3fa9c1",), ("model_id", "agent_id")),
    Field("model", "model", "preferred model", "agents that prefer the model of this name or id",
          ("model:3fa9c1", "model:Llama-3.1-8B"),
          ("", "preferred_models"), many=True),
    Field("needs", "model", "needed model", "what cannot do without the model of this name or id",
          ("needs:3fa9c1", "needs:Llama-3.1-8B"), many=True),
    Field("from", "model", "source", "what was made from the model of this name or id",
          ("from:Llama-3.1-8B", "from:3fa9c1"), many=True),
    Field("eval", "eval", "evaluation", "a benchmark that it was measured by, and what came of it at least",
          ("eval:MMLU>=0.7", "eval:gsm8k"), many=True),
    Field("params", "count", "parameters", "parameters; params:7b is 7.0 to 7.9 billion, params:=7b exactly 7",
          ("params:<=8b", "params:1b..8b", "params:7b"), ("parameters", ""), aliases=("parameters",)),
    Field("ctx", "tokens", "context length", "context length in tokens; 1k is 1024", ("ctx:>=32k",),
          ("context_length", ""), aliases=("context",)),
    Field("vram", "gb", "VRAM", "least VRAM; a plain number is in GB", ("vram:<24gb",), (_NEEDS + "min_vram_gb", "")),
    Field("mem", "mb", "memory", "least memory; 16 is 16 GB, from 512 on a plain number is in MB", ("mem:<=16gb",),
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
    Field("pulled", "time", "pulled", "when its version came here from others, UTC; pulled:1d is in the last day",
          ("pulled:1d", "pulled:>2026-01-01")),
    Field("is", "flag", "is",
          "mine, conflict, invalid, orphaned (names what is not here), starred, new (to you), watched",
          ("is:mine",), options=("mine", "conflict", "invalid", "orphaned", "starred", "new", "watched")),
    Field("note", "note", "your note", "words of the note that you wrote to it, the last may be begun",
          ("note:gpu", 'note:"try again"')),
    Field("fit", "fit", "fit", "models that run on this machine; offload: by GPU and memory; 24gb: on such a GPU",
          ("fit:runs", "fit:24gb"), options=FITS),
    Field("has", "flag", "has", "formfile, manifest, artifact (where its files are), digest (what they must be), note",
          ("has:formfile",), options=("formfile", "manifest", "artifact", "digest", "note")),
    Field("sort", "sort", "sort", "order of the results; with - the largest or latest first",
          ("sort:-params", "sort:name"), options=tuple(SORTS)),
)  # fmt: skip
FIELDS: Final[dict[str, Field]] = {field.name: field for field in _TABLE}
_NAMES: Final[dict[str, str]] = {name: field.name for field in _TABLE for name in (field.name, *field.aliases)}

FACETS: Final[Mapping[str, Facet]] = {
    facet.name: facet
    for facet in (
        Facet("kind", "KIND", "kind"),
        Facet("type", "TYPE", "type"),
        Facet("framework", "FRAMEWORK", "framework"),
        Facet("license", "LICENCE", "license"),
        Facet("quant", "QUANTISATION", "quant"),
        Facet("size", "SIZE", "params"),
        Facet("status", "STATUS", "status"),
        Facet("tag", "TAGS", "tag"),
        Facet("cap", "CAPABILITIES", "cap"),
        Facet("tool", "TOOLS", "tool"),
        Facet("owner", "OWNER", "owner"),
    )
}

# Canonical value -> other spellings, squeezed: lower case, without spaces and `-_./`.
_TYPES: Final = {
    "LLM": "llms languagemodel largelanguagemodel textgeneration",
    "Embedding": "embeddings embedder embed sentencesimilarity featureextraction",
    "Multimodal": "vlm vision visionlanguage imagetexttotext",
    "AudioProcessing": "audio speech asr tts stt",
    "ImageGeneration": "image images texttoimage text2image t2i diffusion",
    "Chatbot": "chatbots bot",
    "Assistant": "assistants",
    "DataAnalyst": "analyst dataanalysts dataanalysis",
    "CodeGenerator": "coder codegen coding codegeneration",
    "ContentCreator": "writer contentcreation",
    "Researcher": "research researchers",
}
_FRAMEWORKS: Final = {
    "PyTorch": "torch",
    "TensorFlow": "tf",
    "ONNX": "onnxruntime",
    "JAX": "flax",
    "CoreML": "",
    "LangChain": "",
    "AutoGPT": "",
    "CrewAI": "crew",
    "LlamaIndex": "gptindex",
    "BabyAGI": "",
    "CustomRust": "rust",
    "CustomPython": "python",
    "CustomJS": "js javascript customjavascript",
}
_QUANTISATIONS: Final = {
    "FP32": "float32 f32",
    "FP16": "float16 f16 half",
    "BF16": "bfloat16",
    "INT8": "8bit",
    "INT4": "4bit",
    "GPTQ": "",
    "GGUF": "",
    "AWQ": "",
}
_SPELLINGS: Final[dict[str, dict[str, str]]] = {
    "type": _TYPES,
    "framework": _FRAMEWORKS,
    "quant": _QUANTISATIONS,
    "status": dict.fromkeys(STATUSES, ""),
}
_PUNCTUATION: Final = {ord(character): None for character in " -_./"}


@cache
def _known(field: str) -> dict[str, str]:
    """Canonical values by squeezed spelling; made when a field is first searched for."""
    return {
        spelling: value
        for value, others in _SPELLINGS[field].items()
        for spelling in (_squeezed(value), *others.split())
    }


def _squeezed(value: str) -> str:
    return fold_case(value).translate(_PUNCTUATION)
