"""The fields of a form, and each value as the text that a person reads and edits.

What there is to know of a field stands in `records.schema`; here it gets its section, its control and that control's
keys. A record becomes one text for each field, by path: a number as people write it, a list on one line
(`chat, code, "a, b"`), a flag `yes` or `no`, a choice by its name and any other choice as `Other:` and its text.
Lossless: `to_record(kind, to_texts(kind, record))` is the record.

What stands behind the record, its manifest, is filled in with it, at paths that begin with `manifest.`; a list of
files, say, is the text of a JSON list with a text for each member of each, as typed.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.records import schema
from tui_registry.records.merging import value_at
from tui_registry.records.schema import FieldType, Unit, defaults, leaves
from tui_registry.text import (
    count_words,
    exact,
    parse_bytes,
    parse_count,
    parse_gb,
    parse_memory,
    parse_tokens,
    safe_text,
    size_bytes,
    size_mb,
)

SectionId: TypeAlias = Literal[
    "identity", "technical", "requirements", "template", "tags", "description",
    "sources", "lineage", "interfaces", "evaluations", "status",
]  # fmt: skip
Control: TypeAlias = Literal["text", "number", "flag", "choice", "choices", "items", "prose", "entries"]

SECTIONS: dict[SectionId, str] = {
    "identity": "Identity",
    "technical": "Technical",
    "requirements": "Requirements",
    "template": "Template",
    "tags": "Tags & capabilities",
    "description": "Description",
    "sources": "Sources",
    "lineage": "Lineage",
    "interfaces": "Interfaces",
    "evaluations": "Evaluations",
    "status": "Status",
}
RAIL_WORDS: dict[SectionId, str] = {**SECTIONS, "tags": "Tags"}


Texts: TypeAlias = dict[str, str]

OTHER = "Other:"
MANIFEST = "manifest."


@dataclass(frozen=True, slots=True)
class FormField:
    """One field as the form shows it.

    Attributes:
        path: of the value in the record, such as `resource_requirements.min_vcpus`.
        type, default, unit, title: from the table of the record; the title stands alone.
        hint: shown in the empty field.
        about: one sentence of help, shown while the field has the focus.
        members: of a list of entries, the fields of each one.
    """

    path: str
    title: str
    section: SectionId
    type: FieldType
    default: Json
    control: Control
    unit: Unit
    hint: str
    about: str
    members: tuple[FormField, ...] = ()

    @property
    def widget_id(self) -> str:
        """The path as a CSS id."""
        return "field-" + self.path.replace(".", "-")

    @property
    def label(self) -> str:
        """The title as it stands in the form: below the least size, the recommended one needs no name of its own."""
        return "  recommended" if ".recommended_" in self.path else _LABELS.get(self.path, self.title)

    @property
    def names(self) -> tuple[str, ...]:
        """The variants that a choice offers; none for other controls."""
        inner = self.type.of if isinstance(self.type, schema.Optional | schema.Many) else self.type
        return inner.names if isinstance(inner, schema.Variant) else ()

    @property
    def optional(self) -> bool:
        """Whether the field may be left empty for null."""
        return isinstance(self.type, schema.Optional)

    @property
    def is_id(self) -> bool:
        """Whether it names a record."""
        return self.path.endswith((".superseded_by", ".model_id"))

    @property
    def behind(self) -> bool:
        """Whether it is no field of the record but of what stands behind it."""
        return self.path.startswith(MANIFEST)

    @property
    def most(self) -> int:
        """How many items or characters it has room for; 0 where that is no question."""
        return self.type.most if isinstance(self.type, schema.Many | schema.Text) else 0


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


def to_texts(kind: Kind, record: Record, manifest: Record | None = None) -> Texts:
    """The texts of a form that shows this record (of the right shape), and what stands behind it."""
    behind = defaults("manifest") if manifest is None else manifest
    return {
        field.path: _spell(field, _behind_at(behind, field.path) if field.behind else value_at(record, field.path))
        for field in form_fields(kind)
    }


def to_record(kind: Kind, texts: Mapping[str, str], base: Record | None = None) -> tuple[Record, list[Problem]]:
    """The record that the texts describe, always of the right shape.

    Args:
        kind: of the record.
        texts: by path; a missing one means the field's default.
        base: where id, owner and times come from; without it they stay at their defaults.

    Returns:
        The record, and an error for each text that could not be read, whose field is at its default then.
    """
    record = defaults(kind)
    if base is not None:
        record.update((name, base[name]) for name in (schema.ID_FIELD[kind], "owner_id", "created_at", "updated_at"))
    problems: list[Problem] = []
    for field in form_fields(kind):
        if field.path in texts and not field.behind:
            found = _read(field, texts[field.path], problems)
            if found is not None:
                _set_at(record, field.path, *found)
    return record, problems


def to_manifest(
    kind: Kind, texts: Mapping[str, str], base: Record | None = None
) -> tuple[Record | None, list[Problem]]:
    """What stands behind the record by the texts, and an error for each text that could not be read; None where they
    say nothing.

    Args:
        kind: of the record.
        texts: by path; a missing one means what `base` says, or the field's default.
        base: where ids, owner, names and times come from, and what a form of that kind does not ask for.
    """
    manifest = defaults("manifest") if base is None else copy.deepcopy(base)
    manifest["subject_kind"] = kind.capitalize()
    problems: list[Problem] = []
    architecture: Record = {}
    for field in form_fields(kind):
        if field.path in texts and field.behind:
            found = _read(field, texts[field.path], problems)
            name = field.path.removeprefix(MANIFEST)
            if name.startswith(_OF_ARCHITECTURE):
                architecture[name.removeprefix(_OF_ARCHITECTURE)] = field.default if found is None else found[0]
            elif found is not None:
                manifest[name] = found[0]
    if len(architecture) == len(_ARCHITECTURE):
        stated = any(texts[f"{MANIFEST}{_OF_ARCHITECTURE}{name}"].strip() for name in architecture)
        manifest["architecture"] = architecture if stated else None
    empty = all(manifest[name] == value for name, value in defaults("manifest").items() if name not in _GIVEN)
    return (None if empty and not problems else manifest), problems


def read_entries(field: FormField, text: str) -> tuple[list[Json], list[Problem]]:
    """The entries that a text means, and an error for each member that could not be read, which is at its default."""
    entries, problems = list[Json](), list[Problem]()
    for place, texts in enumerate(split_entries(text)):
        entry: Record = {}
        for member in field.members:
            name = member.path.rpartition(".")[2]
            try:
                entry[name] = read_text(member, texts.get(name, ""))
            except ValueError as error:
                entry[name] = member.default
                problems.append(Problem(f"{field.path}[{place}].{name}", "error", "unreadable", str(error)))
        entries.append(entry)
    return entries, problems


def split_entries(text: str) -> list[Texts]:
    """The entries of a list, each with the texts of its members by name; empty ones may be missing."""
    try:
        found = json.loads(text) if text else []
    except ValueError:
        return []  # no text of this form: a draft that something else wrote
    if not isinstance(found, list):
        return []
    return [{str(name): str(said) for name, said in entry.items()} for entry in found if isinstance(entry, dict)]


def join_entries(entries: Sequence[Mapping[str, str]]) -> str:
    """The text of a list of entries."""
    stated = [{name: said for name, said in entry.items() if said} for entry in entries]
    return json.dumps(stated, ensure_ascii=False, separators=(",", ":")) if stated else ""


def fresh_entry(field: FormField) -> Texts:
    """The texts with which a new entry of that list begins."""
    return {member.path.rpartition(".")[2]: default_text(member) for member in field.members}


def entry_words(texts: Mapping[str, str], names: Mapping[str, str] | None = None) -> str:
    """An entry on one line: what is stated, with digests by their beginning, sizes in units, and ids by the names of
    records."""
    said = [
        _size_said(text) if name == "size_bytes" else text.removeprefix(OTHER)
        for name, text in texts.items()
        if text.strip()
    ]
    known = {} if names is None else names
    return "  ".join(known.get(text) or _shortened(text) for text in said)


def _size_said(text: str) -> str:
    try:
        return size_bytes(parse_bytes(text))
    except ValueError:
        return text


def _shortened(text: str) -> str:
    """A digest by its beginning, a long address by its end, which tells it from those beside it."""
    if _is_hex(text):
        return f"{text[:12]}…"
    last = text.rstrip("/").rpartition("/")[2]
    return f"…/{last}" if len(text) > _LONG_ADDRESS and "://" in text and last else text


def shown_text(field: FormField, text: str) -> str:
    """The text as a person reads it, beside others."""
    if field.control != "entries":
        return text
    return "; ".join(entry_words(entry) or "nothing yet" for entry in split_entries(text))


def read_text(field: FormField, text: str) -> Json:
    """The value that a text means in this field.

    Raises:
        ValueError: with a sentence that says what to write.
    """
    match field.control:
        case "number":
            return _read_number(field, text)
        case "flag":
            return text == "yes"
        case "choice":
            return None if field.optional and not text else _read_choice(field, text)
        case "choices":
            return [_read_choice(field, item) for item in split_items(text)]
        case "items":
            return [*split_items(text)]
        case "entries":
            entries, problems = read_entries(field, text)
            if problems:
                raise ValueError(problems[0].sentence)
            return entries
        case _ if field.optional:
            digits = _read_digits(text)
            if digits and field.is_id and not _is_hex(digits):
                raise ValueError(f"{safe_text(digits, 40)} is no id: Enter looks for a record of that name")
            return digits or None
        case _:
            return text


def spelt_text(field: FormField, value: str | int | None) -> str:
    """The text of a value, or of one item of a list, in this field; empty for none."""
    return _spell(field, value)


def echo(field: FormField, text: str) -> str:
    """The value as it was understood, to show beside the field: `7.6b` -> `7,600,000,000`, `131072` -> `128k`.

    Empty where there is nothing to add, or nothing was understood.
    """
    try:
        value = read_text(field, text)
    except ValueError:
        return ""
    if field.control in ("items", "entries") and isinstance(value, list):
        return f"{exact(len(value))} of {exact(field.most)}" if value else ""
    if field.control == "prose" and isinstance(field.type, schema.Text):
        return f"{exact(len(text))} of {exact(field.type.most)}"
    if field.control != "number":
        return ""
    if _in_bytes(field) and isinstance(value, int) and text.strip():
        shown = size_bytes(value) if text.strip().replace(",", "").replace("_", "").isdigit() else f"{exact(value)} B"
        return "" if shown == text.strip() or shown == f"{text.strip()} B" else shown
    if not isinstance(value, int) or not text.strip():
        return "not stated" if value is None else "unknown"
    plain = text.strip().replace(",", "").replace("_", "").isdigit()
    shown = _in_units(field.unit, value) if plain else exact(value) + _UNIT_WORDS.get(field.unit, "")
    return "" if shown == text.strip() or shown == str(value) else shown


def default_text(field: FormField) -> str:
    """The text with which the field begins in a new record."""
    return _spell(field, field.default)


def same_value(field: FormField, one: str, other: str) -> bool:
    """Whether two texts mean the same in this field: `7.6b` and `7,600,000,000`."""
    if one == other:
        return True
    try:
        return read_text(field, one) == read_text(field, other)
    except ValueError:
        return False


def differing(kind: Kind, texts: Mapping[str, str], others: Mapping[str, str]) -> list[FormField]:
    """The fields whose texts do not mean the same on both sides, in the order of the form."""
    return [field for field in form_fields(kind) if not same_value(field, texts[field.path], others[field.path])]


def join_items(items: Sequence[str]) -> str:
    """The items on one line; one that commas or spaces would break is quoted, its quotes doubled."""
    return ", ".join(_quoted(item) if _needs_quotes(item) else item for item in items)


def split_items(line: str) -> list[str]:
    """The items of a line, in order; space around them and empty places between commas are dropped.

    A quote that is never closed runs to the end of the line: people see it while they type.
    """
    items: list[str] = []
    for match in _matches(line):
        quoted, plain = match["quoted"], match["plain"]
        if quoted is not None:
            items.append(quoted.replace('""', '"'))
        elif plain.strip():
            items.append(plain.strip())
    return items


def finished_items(line: str) -> tuple[list[str], str]:
    """The items of a line that a comma ends, and the rest of it, which somebody is still writing."""
    end = 0
    for match in _matches(line):
        # The comma inside of an open quote ends nothing
        if match[0].endswith(",") and match.end("quoted") != match.end():
            end = match.end()
    return split_items(line[:end]), line[end:].lstrip()


# How: the fields, in the order of the record within their sections.

# What is no requirement and stands nowhere here is technical.
_SECTION_OF: dict[str, SectionId] = {
    **dict.fromkeys(("name", "version", "license"), "identity"),
    **dict.fromkeys(("tags", "capabilities", "tools"), "tags"),
    "formfile_template": "template",
    "description": "description",
}
_BEHIND: dict[str, SectionId] = {
    **dict.fromkeys(("architecture",), "technical"),
    "languages": "tags",
    **dict.fromkeys(("repository_url", "documentation_url", "artifacts"), "sources"),
    **dict.fromkeys(("derived_from", "datasets", "required_models"), "lineage"),
    "interfaces": "interfaces",
    "evaluations": "evaluations",
    **dict.fromkeys(("status", "status_message", "superseded_by"), "status"),
}
_OF_ARCHITECTURE = "architecture."
_GIVEN = frozenset(
    ("manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at")
)
# As they stand in the form, where the title is too long for its column.
_LABELS = {
    f"{MANIFEST}architecture.kv_heads": "KV heads",
    f"{MANIFEST}architecture.active_parameters": "Active params",
    f"{MANIFEST}architecture.kv_token_bytes": "Cache a token",
    f"{MANIFEST}interfaces.version": "Version",
}
_LONG_ADDRESS = 36
# How the form takes it, after what it is.
_ENTRIES = "; Enter opens one"
_ONE_BY_ONE = "; Enter or a comma adds one, "
_TAKEN = {
    "preferred_models": ": type and press Enter to search, ctrl+left moves one forward",
    "resource_requirements.requires_gpu": "; sizes are asked for below",
    "formfile_template": "; F2 completes, F3 writes one",
    "tags": f"{_ONE_BY_ONE}F2 shows those in use",
    "capabilities": f"{_ONE_BY_ONE}Backspace takes the last one back",
    "tools": f"{_ONE_BY_ONE}Left goes back over them",
    "description": "; F4 shows how it reads",
    "manifest.artifacts": _ENTRIES,
    "manifest.interfaces": _ENTRIES,
    "manifest.derived_from": _ENTRIES,
    "manifest.evaluations": _ENTRIES,
    "manifest.required_models": ": type and press Enter to search",
    "manifest.superseded_by": ": an id, or a name and Enter to search",
    "manifest.derived_from.model_id": ": or a name and Enter to search",
}


def _control(path: str, of: FieldType) -> Control:
    match of:
        case schema.Flag():
            return "flag"
        case schema.Variant() | schema.Optional(schema.Variant()):
            return "choice"
        case schema.Many(schema.Variant()):
            return "choices"
        case schema.Many(schema.Struct()):
            return "entries"
        case schema.Optional(schema.Text()):
            return "text"
        case schema.Many():
            return "items"
        case schema.Integer() | schema.Optional():
            return "number"
        case _:
            return "prose" if path in ("description", "formfile_template") else "text"


def _build(kind: Kind) -> tuple[FormField, ...]:
    fields = [
        _form_field(path, of, _SECTION_OF.get(path, "requirements" if "." in path else "technical"))
        for path, of in leaves(kind).items()
    ]
    behind = {of.name: of for of in schema.MANIFEST_FIELDS}
    for name, section in _BEHIND.items():
        of = behind[name]
        if not isinstance(of.inner, schema.Struct):
            fields.append(_form_field(MANIFEST + name, of, section))
        elif kind == "model":  # what decides how much memory a context takes
            fields += [_form_field(f"{MANIFEST}{name}.{leaf.name}", leaf, section) for leaf in of.inner.fields]
    sections = list(SECTIONS)
    return tuple(sorted(fields, key=lambda field: sections.index(field.section)))


def _form_field(path: str, of: schema.Field, section: SectionId) -> FormField:
    control, about = _control(path, of.type), of.about + _TAKEN.get(path, "")
    field = FormField(path, of.label, section, of.type, of.default, control, of.unit, of.hint, about)
    if not (isinstance(of.type, schema.Many) and isinstance(of.type.of, schema.Struct)):
        return field
    return replace(
        field, members=tuple(_form_field(f"{path}.{leaf.name}", leaf, section) for leaf in of.type.of.fields)
    )


_FORM_FIELDS: dict[Kind, tuple[FormField, ...]] = {"model": _build("model"), "agent": _build("agent")}
_BY_PATH: dict[Kind, dict[str, FormField]] = {
    kind: {field.path: field for field in fields} for kind, fields in _FORM_FIELDS.items()
}
_ARCHITECTURE = tuple(
    field.path for field in _FORM_FIELDS["model"] if field.path.startswith(MANIFEST + _OF_ARCHITECTURE)
)


# How: numbers.

_UNIT_WORDS: Mapping[Unit, str] = {"mb": " MB", "gb": " GB"}
_PARSERS = {"tokens": parse_tokens, "mb": parse_memory, "gb": parse_gb}


def _in_bytes(field: FormField) -> bool:
    return field.path.endswith(("size_bytes", "kv_constant_bytes"))


def _parse(field: FormField, text: str) -> int:
    if _in_bytes(field):
        return parse_bytes(text)
    if field.unit in ("count", ""):
        # Nobody has 7.6b virtual CPUs
        return (
            parse_count(text)
            if field.path.endswith("parameters")
            else parse_count(text, f"a number such as {field.hint}")
        )
    return _PARSERS[field.unit](text)


def _read_number(field: FormField, text: str) -> Json:
    inner = field.type.of if isinstance(field.type, schema.Optional) else field.type
    if not isinstance(inner, schema.Integer):
        raise TypeError(f"{field.path} is no number")
    if not text.strip():
        if field.optional:
            return None
        # The plan's "0 = unknown" for parameters; elsewhere a number is asked for.
        if field.default == 0:
            return 0
        raise ValueError(f"write a number such as {field.default}")
    value = _parse(field, text)
    if value > inner.most:
        raise ValueError(f"{safe_text(text.strip(), 40)} is more than this field holds: at most {exact(inner.most)}")
    return value


def _spell_number(field: FormField, value: int) -> str:
    if value == 0 and field.default == 0:
        return ""
    shown = _in_units(field.unit, value)
    # `7.6 B` only for 7,600,000,000 itself: what the form shows must be what it means.
    try:
        return shown if _parse(field, shown) == value else exact(value)
    except ValueError:
        return exact(value)


def _in_units(unit: Unit, value: int) -> str:
    match unit:
        case "count":
            return count_words(value)
        case "tokens":
            return f"{exact(value // 1024)}k" if value and value % 1024 == 0 else exact(value)
        case "mb":
            return size_mb(value)
        case "gb":
            return size_mb(value * 1024)
        case _:
            return exact(value)


# How: everything else.


def _spell(field: FormField, value: Json) -> str:
    if value is None:
        return ""
    if field.control == "flag":
        return "yes" if value is True else "no"
    if isinstance(value, int | float):
        return _spell_number(field, int(value))
    if field.control == "entries" and isinstance(value, list):
        return join_entries([_entry_texts(field, entry) for entry in value if isinstance(entry, dict)])
    if isinstance(value, list):
        return join_items([_spell_one(item) for item in value])
    return _spell_one(value)


def _entry_texts(field: FormField, entry: Record) -> Texts:
    return {(name := member.path.rpartition(".")[2]): _spell(member, entry[name]) for member in field.members}


def _spell_one(value: Json) -> str:
    if isinstance(value, dict):
        return f"{OTHER}{value['Other']}"
    return str(value)


def _is_hex(text: str) -> bool:
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text)


def _read_digits(text: str) -> str:
    """A digest or an id as people copy it from elsewhere, with its name before it or in capitals."""
    digits = text.strip().lower().removeprefix("sha256:").strip()
    return digits if _is_hex(digits) else text.strip()


def _behind_at(manifest: Record, path: str) -> Json:
    name, _, member = path.removeprefix(MANIFEST).partition(".")
    value = manifest[name]
    if not member:
        return value
    return value[member] if isinstance(value, dict) else _BY_PATH["model"][path].default


def _read(field: FormField, text: str, problems: list[Problem]) -> tuple[Json] | None:
    """The value of a text, in a tuple as it may be null; None where it cannot be read, which joins the problems."""
    if field.control == "entries":
        entries, found = read_entries(field, text)
        problems += found
        return (entries,)
    try:
        return (read_text(field, text),)
    except ValueError as error:
        problems.append(Problem(field.path, "error", "unreadable", str(error)))
        return None


def _read_choice(field: FormField, text: str) -> Json:
    if text.startswith(OTHER):
        return {"Other": text[len(OTHER) :]}
    if text in field.names:
        return text
    if not text:
        raise ValueError(f"not stated: choose one of {', '.join(field.names)}, or Other")
    raise ValueError(f"{safe_text(text, 40)} is not one of {', '.join(field.names)}: choose Other for it")


def _set_at(record: Record, path: str, value: Json) -> None:
    head, dot, tail = path.partition(".")
    inner = record[head]
    if dot and isinstance(inner, dict):
        _set_at(inner, tail, value)
    else:
        record[head] = value


# How: lists on one line.

# What follows a closing quote up to the comma is an item of its own: `"a" b` is two.
_ITEM = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)(?:"|\Z)\s*,?|(?P<plain>[^,]*),?)', re.DOTALL)


def _matches(line: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(line) and (match := _ITEM.match(line, at)) is not None:
        yield match
        at = match.end()


def _needs_quotes(item: str) -> bool:
    return not item or item != item.strip() or "," in item or item.startswith('"')


def _quoted(item: str) -> str:
    return '"' + item.replace('"', '""') + '"'
