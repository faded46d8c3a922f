"""A record's detail as rows of label and text. The command line and the app choose rows and lay them out.

Which fields there are and what people call them stands in `records.schema`; a field that is new there is shown here.
Records come from strangers: all text is made safe to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from tui_registry.errors import Json, Record
from tui_registry.frozen import NamedTuple
from tui_registry.present.amounts import gigabytes, memory, moment, parameters, speed, tokens, vcpus
from tui_registry.present.deeds import conflict
from tui_registry.present.owners import cautions, said_by_domain
from tui_registry.records.schema import Field, Flag, Integer, Many, Unit, leaves
from tui_registry.text import age, exact, safe_text, size_bytes

if TYPE_CHECKING:
    from tui_registry.datastore import Entry


class Row(NamedTuple):
    """A value of a record in words.

    Attributes:
        path: of the field, such as `resource_requirements.min_vcpus`; empty where the row is no field of the record.
        label: as it begins a sentence, such as `Licence`.
        text: never empty: a value that the record leaves open is said in words, such as `not stated`.
        stated: False where the record leaves the value open; a short view may leave such rows out.
    """

    path: str
    label: str
    text: str
    stated: bool = True

    @property
    def plain(self) -> str:
        """The label in lower case, but for names: `licence`, `vCPUs`, `GPU memory`."""
        return self.label if self.label[1:2].isupper() else self.label[:1].lower() + self.label[1:]


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
        Row(path, label, moment(_number(record.get(path)), now))
        for path, label in (("created_at", "Created"), ("updated_at", "Updated"))
    ]


def domain_rows(entry: Entry, now: int) -> list[Row]:
    """The domains that said of the owner's key that it is theirs, a row each; `now` in Unix seconds."""
    return [
        Row("", "Domain", f"{said_by_domain(said, now)}: the key is its own, and the key agreed")
        for said in entry.said_by
    ]


def own_rows(entry: Entry) -> list[Row]:
    """What this replica's person keeps about it: a star, a note in one line."""
    note = " ".join((entry.note or "").split())
    return [
        *([Row("", "Starred", "by you, on this machine alone")] if entry.starred else []),
        *([Row("", "Your note", safe_text(note))] if note else []),
    ]


def signature_rows(entry: Entry, key: str = "your key") -> list[Row]:
    """The id, who signed it, and the operations whose versions are live, the current one first.

    Args:
        key: what the key that signs there is called.
    """
    owner = safe_text(str(entry.record["owner_id"]))
    heads = [Row("", "Rival" if place else "Current", head) for place, head in enumerate(entry.live_heads)]
    return [
        Row("", "Id", entry.id),
        Row("owner_id", "Owner", f"0x{owner}, {signed_by(entry, key=key)}"),
        *([Row("", "Operation", size_bytes(entry.size))] if entry.size else []),
        *heads,
    ]


def signed_by(entry: Entry, keys_so_called: int = 1, key: str = "your key") -> str:
    """Whose signature it carries, as far as this replica knows: names are local, never from the wire.

    Args:
        keys_so_called: to how many keys this replica gave the owner's name.
        key: as for `signature_rows`.
    """
    if entry.mine:
        return f"signed by {key}"
    if entry.owner_name is None:
        return "signed by a key you have not named"
    twins = f", as {keys_so_called - 1} more" if keys_so_called > 1 else ""
    return f"signed by a key which you call {safe_text(entry.owner_name, 128)}{twins}"


def needs(record: Record) -> list[str]:
    """The least that it runs on: `4 vCPUs`, `16 GB memory`, `20 GB disk`, `GPU with 16 GB memory`, ..."""
    values = _requirements(record)
    words = _machine(values, "min")
    if values.get("requires_gpu"):
        vram = values.get("min_vram_gb")
        words.append("GPU" if vram is None else f"GPU with {gigabytes(_number(vram))} memory")
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
    return found + cautions(str(entry.record["name"]), entry.like)


def changed_rows(before: Record | None, after: Record | None) -> list[tuple[Row, Row]]:
    """The fields that differ between two versions, each as it was and as it is; none where there is no version.

    Id, owner and times are no part of it.
    """
    if before is None or after is None:
        return []
    as_it_was, as_it_is = _flat(before), _flat(after)
    then = {row.path: row for row in _rows(as_it_was)}
    return [(then[now.path], now) for now in _rows(as_it_is) if as_it_was[now.path] != as_it_is[now.path]]


def value_row(path: str, value: Json) -> Row:
    """The row of one field with any value, such as that of another version.

    Raises:
        KeyError: there is no such field that an author fills in.
    """
    field = _fields()[path]
    text = "" if value is None else field.says(value)
    return Row(path, field.label, text or field.none, bool(text))


def variant(value: Json) -> str:
    """A name out of an enum, or an item of a list."""
    return _text(value["Other"]) if isinstance(value, dict) and "Other" in value else _text(value)


# How

_NEEDS = "resource_requirements."
_IDENTITY = frozenset(("name", "version", "description", "formfile_template"))


class _Field(NamedTuple):
    """How a field is shown: `says` is its value in words; `none` is shown for null and where `says` gives nothing."""

    section: str
    label: str
    says: Callable[[Json], str]
    none: str


def _rows(values: Mapping[str, Json], section: str = "") -> Iterator[Row]:
    """The rows of a section, or of all, in the order of the record."""
    fields = _fields()
    for path, value in values.items():
        field = fields.get(path)
        if field is not None and section in ("", field.section):
            yield value_row(path, value)


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


def _list(value: Json) -> str:
    return ", ".join(map(variant, value)) if isinstance(value, list) else ""


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _amount(words: Callable[[int], str]) -> Callable[[Json], str]:
    return lambda value: words(_number(value))


def _count(value: Json) -> str:
    # Zero parameters mean that nobody said how many.
    return parameters(_number(value)) if value else ""


def _required(value: Json) -> str:
    return "required" if value else "not required"


_WORDS: dict[Unit, Callable[[int], str]] = {
    "": exact, "count": parameters, "tokens": tokens, "mb": memory, "gb": gigabytes, "time": exact,
}  # fmt: skip
# What the type and the unit do not say
_SAYS = {
    "parameters": _count,
    "input_tokens_per_second": _amount(speed),
    "output_tokens_per_second": _amount(speed),
}
_NONE = {"compatible_model_types": "no model type that it names", "preferred_models": "no model in particular"}


def _says(field: Field) -> Callable[[Json], str]:
    match field.inner:
        case Integer():
            return _SAYS.get(field.name) or _amount(_WORDS[field.unit])
        case Many():
            return _list
        case Flag():
            return _required
    return variant


@cache
def _fields() -> dict[str, _Field]:
    """Every field that an author fills in, by its path, for both kinds of record."""
    found = {}
    for path, field in (leaves("model") | leaves("agent")).items():
        section = "requirements" if path.startswith(_NEEDS) else "identity" if path in _IDENTITY else "facts"
        none = _NONE.get(path, "not stated" if isinstance(field.inner, Integer) else "none")
        found[path] = _Field(section, field.label, _says(field), none)
    return found
