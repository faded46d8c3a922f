"""A template and the record that it belongs to: whether they agree, one written from the other, what fills the gaps."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tui_registry.errors import Json, Kind

from .language import (
    BY_NAME,
    GPU_COUNT,
    GPU_MEMORY_GB,
    RECORD_PLACEHOLDERS,
    Disk,
    Formfile,
    FormfileProblem,
    Gpu,
    Instruction,
    Memory,
    Model,
    Template,
    Vcpu,
    is_tried,
)
from .words import CONTROL, quote_free_text

# What the builder gives when the template says nothing (its `get_vcpus` and `get_memory`); it has no default for disks.
_GIVEN = {"VCPU": 1, "MEMORY": 512, "DISK": 0}
_FIELDS = {"VCPU": "min_vcpus", "MEMORY": "min_memory_mb", "DISK": "min_disk_gb"}


def check_agreement(formfile: Formfile, kind: Kind, record: Mapping[str, Json]) -> list[FormfileProblem]:
    """Where the template gives less than the record needs, or names other models; all warnings, by line.

    Placeholders agree with everything: they are known only after rendering.
    """
    needs = _needs(record)
    problems = [*_resources(formfile, needs), *_gpus(formfile, kind, needs), *_models(formfile, kind, record)]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _needs(record: Mapping[str, Json]) -> Mapping[str, Json]:
    needs = record.get("resource_requirements")
    return needs if isinstance(needs, dict) else {}


def _disagreement(at: Instruction | None, sentence: str) -> FormfileProblem:
    line, column = (at.span.line, at.span.start) if at else (1, 1)
    return FormfileProblem(line, column, "warning", "disagrees", sentence)


def _resources(formfile: Formfile, needs: Mapping[str, Json]) -> list[FormfileProblem]:
    problems: list[FormfileProblem] = []
    for name, field in _FIELDS.items():
        least = _whole(needs.get(field))
        if least is None:
            continue
        numbers = BY_NAME[name].numbers
        unit = f" {numbers.unit}" if numbers and numbers.unit else ""
        # The first one counts, as in the builder.
        at = next((i for i in formfile.instructions if i.keyword == name), None)
        if at is None:
            if least > _GIVEN[name] and not is_tried(formfile.lines, name):
                problems.append(_disagreement(None, f"{name} is missing: the record needs at least {least}{unit}"))
            continue
        given = _given(at)
        if given is not None and given < least:
            problems.append(_disagreement(at, f"{name} {given} is less than the record's minimum of {least}{unit}"))
    return problems


def _given(instruction: Instruction) -> int | None:
    match instruction:
        case Vcpu(count=int(number)) | Memory(megabytes=int(number)) | Disk(gigabytes=int(number)):
            return number
    return None


def _gpus(formfile: Formfile, kind: Kind, needs: Mapping[str, Json]) -> list[FormfileProblem]:
    gpus = [instruction for instruction in formfile.instructions if isinstance(instruction, Gpu)]
    required = needs.get("requires_gpu") is True
    if not gpus:
        is_missing = required and not is_tried(formfile.lines, "GPU")
        return [_disagreement(None, "GPU is missing: the record requires one")] if is_missing else []
    if not required:
        says = "the record does not require a GPU" if kind == "model" else "agents require no GPU in their record"
        return [_disagreement(gpus[0], f"GPU {gpus[0].model[:40]}: {says}")]
    vram = needs.get("min_vram_gb")
    if not isinstance(vram, int) or any(isinstance(g.count, Template) or g.model not in GPU_MEMORY_GB for g in gpus):
        return []
    total = sum(GPU_MEMORY_GB[g.model] * g.count for g in gpus if isinstance(g.count, int))
    if total >= vram:
        return []
    return [_disagreement(gpus[0], f"GPU memory is {total} GB, the record needs at least {vram} GB of VRAM")]


def _models(formfile: Formfile, kind: Kind, record: Mapping[str, Json]) -> list[FormfileProblem]:
    named = [m for m in formfile.instructions if isinstance(m, Model) and "{{" not in m.model_id]
    if kind == "model":
        own = record.get("model_id")
        says = "MODEL belongs in the templates of agents: this record is a model"
        return [_disagreement(m, says) for m in named if m.model_id != own]
    value = record.get("preferred_models")
    preferred = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    problems = [
        _disagreement(m, "MODEL is not among the preferred models of the record: add it there or leave it out")
        for m in named
        if m.model_id not in preferred
    ]
    ids = {m.model_id for m in named}
    missing = [model_id for model_id in preferred if model_id not in ids]
    if missing and not any(isinstance(m, Model) and "{{" in m.model_id for m in formfile.instructions):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        says = f"preferred model {missing[0][:12]}{more} of the record: no MODEL line names it"
        problems.append(_disagreement(named[-1] if named else None, says))
    return problems


# ---- what a record says for placeholders -----------------------------------------------------------------------------


def record_values(kind: Kind, record: Mapping[str, Json]) -> dict[str, str]:
    """What a record itself has to say for placeholders; resources are the recommended ones.

    `id`, `name`, `owner_id`, `version`, `description` (on one line), `license`, `vcpus`, `memory_mb`, `disk_gb`.
    """
    values: dict[str, str] = {}
    needs = _needs(record)
    sources = {
        "id": record.get(f"{kind}_id"),
        "vcpus": needs.get("recommended_vcpus"),
        "memory_mb": needs.get("recommended_memory_mb"),
        "disk_gb": needs.get("recommended_disk_gb"),
    }
    for name in RECORD_PLACEHOLDERS:
        value = sources.get(name) if name in sources else record.get(name)
        if isinstance(value, str):
            values[name] = " ".join(value.split())
        elif isinstance(value, int) and not isinstance(value, bool):
            values[name] = str(value)
    return values


# ---- a template written from a record --------------------------------------------------------------------------------

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_RECORD_ID = re.compile(r"[0-9a-f]{64}")
_NAME_LENGTH = 63
_DESCRIPTION_LENGTH = 200


def generate(kind: Kind, record: Mapping[str, Json]) -> str:
    """A Formfile for a record: its name, its recommended resources, its models.

    The result is in canonical layout and free of problems in strict mode. A number outside the range of the language is
    moved to the end of the range, and a comment says so.

    Args:
        kind: of the record.
        record: a plain record; fields that are missing or of another type count as unknown.
    """
    needs = _needs(record)
    lines = [f"NAME {_name(record.get('name'), kind)}"]
    description = _one_line(record.get("description"))
    if description:
        lines.append(f"DESCRIPTION {quote_free_text(description)}")
    lines.append("")
    lines += _resource("VCPU", needs, "vcpus", 1)
    lines += _resource("MEMORY", needs, "memory_mb", 1024)
    lines += _resource("DISK", needs, "disk_gb", 10)
    if needs.get("requires_gpu") is True:
        lines += _gpu(_whole(needs.get("min_vram_gb")))
    models = _model_ids(record.get("preferred_models")) if kind == "agent" else []
    if models:
        lines += ["", *(f"MODEL preferred:{model_id}" for model_id in models)]
    lines += ["", "WORKDIR /app", "COPY . /app", '# ENTRYPOINT ["python3", "main.py"]']
    return "".join(f"{line}\n" for line in lines)


def _name(value: Json, kind: Kind) -> str:
    name = _NOT_IN_NAMES.sub("-", value).strip("-")[:_NAME_LENGTH].strip("-") if isinstance(value, str) else ""
    return name or f"my-{kind}"


def _one_line(value: Json) -> str:
    if not isinstance(value, str):
        return ""
    text = " ".join(CONTROL.sub(" ", value[: 4 * _DESCRIPTION_LENGTH]).split()).replace("{{", "{ {")
    if len(text) > _DESCRIPTION_LENGTH:
        text = text[:_DESCRIPTION_LENGTH].rsplit(" ", 1)[0].rstrip() + "..."
    # A backslash at the end would join the next line, quotes around it would be taken off, ` #` starts a comment.
    return " ".join(text.rstrip("\\").strip("\"' ").replace(" #", " ").lstrip("#").split())


def _resource(name: str, needs: Mapping[str, Json], field: str, unknown: int) -> list[str]:
    numbers = BY_NAME[name].numbers
    asked = _whole(needs.get(f"recommended_{field}"))
    if asked is None:
        asked = _whole(needs.get(f"min_{field}"))
    if numbers is None or asked is None:
        return [f"{name} {unknown}"]
    taken = min(max(asked, numbers.least), numbers.most)
    if taken == asked:
        return [f"{name} {taken}"]
    return [f"# The record recommends {asked}; {name} takes {numbers.range}", f"{name} {taken}"]


def _gpu(vram_gb: int | None) -> list[str]:
    if vram_gb is None:
        return [f"GPU {next(iter(GPU_MEMORY_GB))}"]
    largest = max(GPU_MEMORY_GB, key=GPU_MEMORY_GB.__getitem__)
    model = next((name for name, memory in GPU_MEMORY_GB.items() if memory >= vram_gb), largest)
    memory = GPU_MEMORY_GB[model]
    asked = max(1, -(-vram_gb // memory))
    count = min(asked, GPU_COUNT.most)
    has = f"one {model} has {memory} GB" if count == asked else f"{count} {model} have only {count * memory} GB"
    return [f"# {vram_gb} GB of VRAM; {has}", f"GPU {model}" if count == 1 else f"GPU {model}:{count}"]


def _model_ids(value: Json) -> list[str]:
    ids = (
        [item for item in value if isinstance(item, str) and _RECORD_ID.fullmatch(item)]
        if isinstance(value, list)
        else []
    )
    return list(dict.fromkeys(ids))


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
