"""Writing a Formfile from what a record says it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tui_registry.errors import Json, Kind

from .language import BY_NAME, GPU_COUNT, GPU_MEMORY_GB
from .words import CONTROL, quote_free_text

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
    needs = record.get("resource_requirements")
    needs = needs if isinstance(needs, dict) else {}
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
    models = _models(record.get("preferred_models")) if kind == "agent" else []
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
    for model, memory in GPU_MEMORY_GB.items():
        if memory >= vram_gb:
            return [f"# {vram_gb} GB of VRAM; one {model} has {memory} GB", f"GPU {model}"]
    model, memory = max(GPU_MEMORY_GB.items(), key=lambda item: item[1])
    count = -(-vram_gb // memory)
    if count <= GPU_COUNT.most:
        return [f"# {vram_gb} GB of VRAM; one {model} has {memory} GB", f"GPU {model}:{count}"]
    most = GPU_COUNT.most
    return [f"# {vram_gb} GB of VRAM; {most} {model} have only {most * memory} GB", f"GPU {model}:{most}"]


def _models(value: Json) -> list[str]:
    ids = (
        [item for item in value if isinstance(item, str) and _RECORD_ID.fullmatch(item)]
        if isinstance(value, list)
        else []
    )
    return list(dict.fromkeys(ids))


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
