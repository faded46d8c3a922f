"""Whether a template and the record it belongs to say the same."""

from __future__ import annotations

from collections.abc import Mapping

from tui_registry.errors import Json, Kind

from .language import BY_NAME, GPU_MEMORY_GB
from .model import Disk, Formfile, FormfileProblem, Gpu, Instruction, Memory, Model, Template, Vcpu

# What the builder gives when the template says nothing (its `get_vcpus` and `get_memory`); it has no default for disks.
_GIVEN = {"VCPU": 1, "MEMORY": 512, "DISK": 0}
_FIELDS = {"VCPU": "min_vcpus", "MEMORY": "min_memory_mb", "DISK": "min_disk_gb"}


def check_agreement(formfile: Formfile, kind: Kind, record: Mapping[str, Json]) -> list[FormfileProblem]:
    """Where the template gives less than the record needs, or names other models; all warnings, by line.

    Placeholders agree with everything: they are known only after rendering.
    """
    needs = record.get("resource_requirements")
    needs = needs if isinstance(needs, dict) else {}
    problems = [*_resources(formfile, needs), *_gpus(formfile, kind, needs), *_models(formfile, kind, record)]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _warning(at: Instruction | None, code: str, sentence: str) -> FormfileProblem:
    line, column = (at.span.line, at.span.start) if at else (1, 1)
    return FormfileProblem(line, column, "warning", code, sentence)


def _resources(formfile: Formfile, needs: Mapping[str, Json]) -> list[FormfileProblem]:
    problems: list[FormfileProblem] = []
    for name, field in _FIELDS.items():
        least = needs.get(field)
        if not isinstance(least, int) or isinstance(least, bool):
            continue
        numbers = BY_NAME[name].numbers
        unit = f" {numbers.unit}" if numbers and numbers.unit else ""
        # The first one counts, as in the builder.
        at = next((i for i in formfile.instructions if i.keyword == name), None)
        if at is None:
            if least > _GIVEN[name]:
                says = f"{name} is missing: the record needs at least {least}{unit}"
                problems.append(_warning(None, "disagrees", says))
            continue
        given = _given(at)
        if given is not None and given < least:
            says = f"{name} {given} is less than the record's minimum of {least}{unit}"
            problems.append(_warning(at, "disagrees", says))
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
        return [_warning(None, "disagrees", "GPU is missing: the record requires one")] if required else []
    if not required:
        says = "the record does not require a GPU" if kind == "model" else "agents require no GPU in their record"
        return [_warning(gpus[0], "disagrees", f"GPU {gpus[0].model[:40]}: {says}")]
    vram = needs.get("min_vram_gb")
    if not isinstance(vram, int) or any(isinstance(g.count, Template) or g.model not in GPU_MEMORY_GB for g in gpus):
        return []
    total = sum(GPU_MEMORY_GB[g.model] * g.count for g in gpus if isinstance(g.count, int))
    if total >= vram:
        return []
    return [_warning(gpus[0], "disagrees", f"GPU memory is {total} GB, the record needs at least {vram} GB of VRAM")]


def _models(formfile: Formfile, kind: Kind, record: Mapping[str, Json]) -> list[FormfileProblem]:
    named = [m for m in formfile.instructions if isinstance(m, Model) and "{{" not in m.model_id]
    if kind == "model":
        own = record.get("model_id")
        says = "MODEL belongs in the templates of agents: this record is a model"
        return [_warning(m, "disagrees", says) for m in named if m.model_id != own]
    value = record.get("preferred_models")
    preferred = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    problems = [
        _warning(m, "disagrees", "MODEL is not among the preferred models of the record: add it there or leave it out")
        for m in named
        if m.model_id not in preferred
    ]
    ids = {m.model_id for m in named}
    missing = [model_id for model_id in preferred if model_id not in ids]
    if missing and not any(isinstance(m, Model) and "{{" in m.model_id for m in formfile.instructions):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        says = f"preferred model {missing[0][:12]}{more} of the record: no MODEL line names it"
        problems.append(_warning(named[-1] if named else None, "disagrees", says))
    return problems
