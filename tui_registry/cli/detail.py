"""One record in full, for people: every field, exact numbers, who signed it and what is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from tui_registry.cli.output import problem_line
from tui_registry.datastore import Entry
from tui_registry.errors import Json, Record
from tui_registry.text import age, count_words, exact, safe_text, size_mb

_LABEL = 14


def describe(entry: Entry) -> Iterator[str]:
    """The lines of `show`."""
    record = entry.record
    now = int(time.time())
    yield f"{_text(record, 'name')}  {_text(record, 'version')}  ({entry.kind})"
    if record["description"]:
        yield ""
        yield safe_text(str(record["description"]), newlines=True)
    yield ""
    yield _line("id", entry.id)
    yield _line("owner", f"0x{entry.record['owner_id']}, {signer(entry)}")
    yield from _model(record) if entry.kind == "model" else _agent(record)
    for field in ("capabilities", "tools", "tags"):
        if record.get(field):
            yield _line(field, _items(record, field))
    yield from _requirements(record)
    yield _line("created", moment(_number(record, "created_at"), now))
    future = ", in the future: that clock was wrong" if entry.future else ""
    yield _line("updated", moment(_number(record, "updated_at"), now) + future)
    if len(entry.live_heads) > 1:
        yield _line(
            "conflict",
            f"{len(entry.live_heads)} versions were written at once; this is the one that counts. See 'history'",
        )
    if entry.problems:
        yield ""
        yield "problems"
        for problem in entry.problems:
            yield f"  {problem_line(problem)}"
    if record["formfile_template"]:
        yield ""
        yield "formfile template"
        for line in safe_text(str(record["formfile_template"]).rstrip("\n"), newlines=True).split("\n"):
            yield f"  {line}".rstrip()


def signer(entry: Entry) -> str:
    """Whose signature a record carries, as far as this replica knows: names are local, never from the wire."""
    if entry.mine:
        return "your key"
    if entry.owner_name is not None:
        return f"which you call {safe_text(entry.owner_name)}"
    return "signed by a key you have not named"


def moment(seconds: int, now: int) -> str:
    """A time with its age: `2026-11-19 08:12:05 UTC, 3 d ago`."""
    shown = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    past = age(now - seconds)
    return f"{shown}, {past if past == 'now' or past.startswith('in ') else f'{past} ago'}"


def _model(record: Record) -> Iterator[str]:
    yield _line("type", _variant(record["model_type"]))
    yield _line("framework", _variant(record["framework"]))
    yield _line("licence", _text(record, "license"))
    parameters = _number(record, "parameters")
    words = f" ({count_words(parameters)})" if parameters >= 1000 else ""
    yield _line("parameters", f"{exact(parameters)}{words}" if parameters else "not stated")
    if record["quantization"] is not None:
        yield _line("quantisation", _variant(record["quantization"]))
    if record["context_length"] is not None:
        yield _line("context", f"{exact(_number(record, 'context_length'))} tokens")
    for field, label in (("input_tokens_per_second", "reads"), ("output_tokens_per_second", "writes")):
        if record[field] is not None:
            yield _line(label, f"{exact(_number(record, field))} tokens per second")


def _agent(record: Record) -> Iterator[str]:
    yield _line("type", _variant(record["agent_type"]))
    yield _line("framework", _variant(record["framework"]))
    yield _line("licence", _text(record, "license"))
    yield _line("works with", _items(record, "compatible_model_types") or "no model type")
    preferred = record["preferred_models"]
    if isinstance(preferred, list):
        for index, model in enumerate(preferred):
            yield _line("" if index else "prefers", safe_text(str(model)))


def _requirements(record: Record) -> Iterator[str]:
    needs = record["resource_requirements"]
    if not isinstance(needs, dict):
        return
    gpu: list[str] = []
    if needs.get("requires_gpu"):
        vram = needs.get("min_vram_gb")
        gpu.append("a GPU" if vram is None else f"a GPU with {exact(_number(needs, 'min_vram_gb'))} GB of memory")
        gpu += [
            f"{exact(_number(needs, field))} {label}"
            for field, label in (("cuda_cores", "CUDA cores"), ("tensor_cores", "tensor cores"))
            if needs.get(field) is not None
        ]
    yield _line("needs", ", ".join([*_machine(needs, "min"), *gpu]))
    yield _line("better with", ", ".join(_machine(needs, "recommended")))


def _machine(needs: Record, which: str) -> Iterator[str]:
    yield f"{exact(_number(needs, f'{which}_vcpus'))} vCPU"
    yield f"{size_mb(_number(needs, f'{which}_memory_mb'))} memory"
    yield f"{exact(_number(needs, f'{which}_disk_gb'))} GB disk"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}".rstrip()


def _text(record: Record, field: str) -> str:
    return safe_text(str(record[field]))


def _number(record: Record, field: str) -> int:
    value = record[field]
    return value if isinstance(value, int) else 0


def _variant(value: Json) -> str:
    return safe_text(str(value["Other"])) if isinstance(value, dict) else safe_text(str(value))


def _items(record: Record, field: str) -> str:
    items = record[field]
    return ", ".join(_variant(item) for item in items) if isinstance(items, list) else ""
