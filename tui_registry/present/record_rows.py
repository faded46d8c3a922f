"""A record's detail as rows of label and text. The command line and the app choose rows and lay them out.

Records come from strangers: all text here is safe to show. To show a new field, give it a row in `_FIELDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from tui_registry.errors import Json, Record
from tui_registry.present.amounts import gigabytes, memory, moment, parameters, speed, tokens, vcpus
from tui_registry.present.deeds import conflict
from tui_registry.text import age, exact, safe_text, size_bytes

if TYPE_CHECKING:
    from tui_registry.datastore import Entry


class Row(NamedTuple):
    """A value of a record in words.

    Attributes:
        path: of the field, such as `resource_requirements.min_vcpus`; empty where the row is no field of the record.
        label: in lower case, but for names such as `vCPUs` and `GPU`.
        text: never empty: a value that the record leaves open is said in words, such as `not stated`.
        stated: False where the record leaves the value open; a short view may leave such rows out.
    """

    path: str
    label: str
    text: str
    stated: bool = True


def identity_rows(record: Record) -> list[Row]:
    """Name, version, description and template, each on one line."""
    return [*_rows(_flat(record), "identity")]


def fact_rows(record: Record) -> list[Row]:
    """What the record is: type, framework, licence, sizes, what an agent works with, tags."""
    return [*_rows(_flat(record), "facts")]


def requirement_rows(record: Record) -> list[Row]:
    """What it needs to run, a row for each value; `needs` is the short form."""
    return [*_rows(_flat(record), "requirements")]


def time_rows(record: Record, now: int) -> list[Row]:
    """When it was made and last changed; `now` in Unix seconds."""
    return [
        Row(f"{label}_at", label, moment(_number(record.get(f"{label}_at")), now)) for label in ("created", "updated")
    ]


def signature_rows(entry: Entry) -> list[Row]:
    """The id, who signed it, and the operations whose versions are live, the current one first."""
    owner = safe_text(str(entry.record["owner_id"]))
    heads = [Row("", "rival" if place else "current", head) for place, head in enumerate(entry.live_heads)]
    return [
        Row("", "id", entry.id),
        Row("owner_id", "owner", f"0x{owner}, {signed_by(entry)}"),
        Row("", "operation", size_bytes(entry.size)),
        *heads,
    ]


def signed_by(entry: Entry, keys_so_called: int = 1) -> str:
    """Whose signature it carries, as far as this replica knows: names are local, never from the wire.

    Args:
        keys_so_called: to how many keys this replica gave the owner's name.
    """
    if entry.mine:
        return "signed by your key"
    if entry.owner_name is None:
        return "signed by a key you have not named"
    twins = f", as {keys_so_called - 1} more" if keys_so_called > 1 else ""
    return f"signed by a key which you call {safe_text(entry.owner_name, 128)}{twins}"


def needs(record: Record) -> list[str]:
    """The least that it runs on: `4 vCPUs`, `16 GB memory`, `20 GB disk`, `GPU with 16 GB VRAM`, ..."""
    values = _requirements(record)
    words = _machine(values, "min")
    if values.get("requires_gpu"):
        vram = values.get("min_vram_gb")
        words.append("GPU" if vram is None else f"GPU with {gigabytes(_number(vram))} VRAM")
        for name, label in (("cuda_cores", "CUDA cores"), ("tensor_cores", "tensor cores")):
            if values.get(name) is not None:
                words.append(f"{exact(_number(values[name]))} {label}")
    return words


def better_with(record: Record) -> list[str]:
    """What it runs well on: `8 vCPUs`, `32 GB memory`, `40 GB disk`."""
    return _machine(_requirements(record), "recommended")


def warnings(entry: Entry, now: int) -> list[str]:
    """What one should know before trusting what is shown; its problems come on top of these."""
    found = []
    if len(entry.live_heads) > 1:
        found.append(conflict(len(entry.live_heads)))
    if entry.future:
        ahead = age(now - _number(entry.record["updated_at"]))
        found.append(f"dated {ahead}, ahead of this machine's clock")
    return found


def changed_rows(before: Record | None, after: Record | None) -> list[tuple[Row, Row]]:
    """The fields that differ between two versions, each as it was and as it is; none where there is no version.

    Id, owner and times are no part of it.
    """
    if before is None or after is None:
        return []
    as_it_was, as_it_is = _flat(before), _flat(after)
    pairs = zip(_rows(as_it_was), _rows(as_it_is), strict=True)
    return [(then, now) for then, now in pairs if as_it_was[then.path] != as_it_is[now.path]]


# How

_NEEDS = "resource_requirements."


class _Field(NamedTuple):
    """How a field is shown: `says` is its value in words; `none` is shown for null and where `says` gives nothing."""

    section: str
    label: str
    says: Callable[[Json], str]
    none: str = "none"


def _rows(values: Mapping[str, Json], section: str = "") -> Iterator[Row]:
    """The rows of a section, or of all. A field that records of this kind do not have gives none."""
    for path, field in _FIELDS.items():
        if path in values and section in ("", field.section):
            text = "" if values[path] is None else field.says(values[path])
            yield Row(path, field.label, text or field.none, bool(text))


def _flat(record: Record) -> dict[str, Json]:
    """The values of a record by their paths."""
    return {**record, **{_NEEDS + name: value for name, value in _requirements(record).items()}}


def _requirements(record: Record) -> Mapping[str, Json]:
    needs = record["resource_requirements"]
    return needs if isinstance(needs, dict) else {}


def _machine(values: Mapping[str, Json], which: str) -> list[str]:
    return [
        vcpus(_number(values.get(f"{which}_vcpus"))),
        f"{memory(_number(values.get(f'{which}_memory_mb')))} memory",
        f"{gigabytes(_number(values.get(f'{which}_disk_gb')))} disk",
    ]


def _text(value: Json) -> str:
    return safe_text(str(value))


def _variant(value: Json) -> str:
    return _text(value["Other"]) if isinstance(value, dict) and "Other" in value else _text(value)


def _list(value: Json) -> str:
    return ", ".join(map(_variant, value)) if isinstance(value, list) else ""


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _amount(words: Callable[[int], str]) -> Callable[[Json], str]:
    return lambda value: words(_number(value))


def _count(value: Json) -> str:
    # Zero parameters mean that nobody said how many.
    return parameters(_number(value)) if value else ""


def _required(value: Json) -> str:
    return "required" if value else "not required"


_UNSTATED = "not stated"

_FIELDS: dict[str, _Field] = {
    "name": _Field("identity", "name", _text),
    "version": _Field("identity", "version", _text),
    "description": _Field("identity", "description", _text),
    "formfile_template": _Field("identity", "Formfile", _text),
    "model_type": _Field("facts", "type", _variant),
    "agent_type": _Field("facts", "type", _variant),
    "framework": _Field("facts", "framework", _variant),
    "license": _Field("facts", "licence", _text),
    "parameters": _Field("facts", "parameters", _count, _UNSTATED),
    "quantization": _Field("facts", "quantisation", _variant),
    "context_length": _Field("facts", "context", _amount(tokens), _UNSTATED),
    "input_tokens_per_second": _Field("facts", "reads", _amount(speed), _UNSTATED),
    "output_tokens_per_second": _Field("facts", "writes", _amount(speed), _UNSTATED),
    "compatible_model_types": _Field("facts", "works with", _list, "no model type that it names"),
    "preferred_models": _Field("facts", "prefers", _list, "no model in particular"),
    "capabilities": _Field("facts", "capabilities", _list),
    "tools": _Field("facts", "tools", _list),
    "tags": _Field("facts", "tags", _list),
    f"{_NEEDS}min_vcpus": _Field("requirements", "vCPUs", _amount(exact)),
    f"{_NEEDS}recommended_vcpus": _Field("requirements", "recommended vCPUs", _amount(exact)),
    f"{_NEEDS}min_memory_mb": _Field("requirements", "memory", _amount(memory)),
    f"{_NEEDS}recommended_memory_mb": _Field("requirements", "recommended memory", _amount(memory)),
    f"{_NEEDS}min_disk_gb": _Field("requirements", "disk", _amount(gigabytes)),
    f"{_NEEDS}recommended_disk_gb": _Field("requirements", "recommended disk", _amount(gigabytes)),
    f"{_NEEDS}requires_gpu": _Field("requirements", "GPU", _required),
    f"{_NEEDS}min_vram_gb": _Field("requirements", "VRAM", _amount(gigabytes), _UNSTATED),
    f"{_NEEDS}cuda_cores": _Field("requirements", "CUDA cores", _amount(exact), _UNSTATED),
    f"{_NEEDS}tensor_cores": _Field("requirements", "tensor cores", _amount(exact), _UNSTATED),
}
