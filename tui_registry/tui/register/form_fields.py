"""The fields of a form, and each value as the text that a person reads and edits.

What there is to know of a field stands in `records.schema`; here it gets its section, its control and that control's
keys. A record becomes one text for each field, by path: a number as people write it, a list on one line
(`chat, code, "a, b"`), a flag `yes` or `no`, a choice by its name and any other choice as `Other:` and its text.
Lossless: `to_record(kind, to_texts(kind, record))` is the record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.records import schema
from tui_registry.records.merging import value_at
from tui_registry.records.schema import FieldType, Unit, defaults, leaves
from tui_registry.text import count_words, exact, parse_count, parse_gb, parse_mb, parse_tokens, safe_text, size_mb

SectionId: TypeAlias = Literal["identity", "technical", "requirements", "template", "tags", "description"]
Control: TypeAlias = Literal["text", "number", "flag", "choice", "choices", "items", "prose"]

SECTIONS: dict[SectionId, str] = {
    "identity": "Identity",
    "technical": "Technical",
    "requirements": "Requirements",
    "template": "Template",
    "tags": "Tags & capabilities",
    "description": "Description",
}
RAIL_WORDS: dict[SectionId, str] = {**SECTIONS, "tags": "Tags"}


Texts: TypeAlias = dict[str, str]

OTHER = "Other:"


@dataclass(frozen=True, slots=True)
class FormField:
    """One field as the form shows it.

    Attributes:
        path: of the value in the record, such as `resource_requirements.min_vcpus`.
        type, default, unit, title: from the table of the record; the title stands alone.
        hint: shown in the empty field.
        about: one sentence of help, shown while the field has the focus.
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

    @property
    def widget_id(self) -> str:
        """The path as a CSS id."""
        return "field-" + self.path.replace(".", "-")

    @property
    def label(self) -> str:
        """The title as it stands in the form: below the least size, the recommended one needs no name of its own."""
        return "  recommended" if ".recommended_" in self.path else self.title

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


def to_texts(kind: Kind, record: Record) -> Texts:
    """The texts of a form that shows this record (of the right shape)."""
    return {field.path: _spell(field, value_at(record, field.path)) for field in form_fields(kind)}


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
        if field.path not in texts:
            continue
        try:
            value = read_text(field, texts[field.path])
        except ValueError as error:
            problems.append(Problem(field.path, "error", "unreadable", str(error)))
        else:
            _set_at(record, field.path, value)
    return record, problems


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
        case _:
            return text


def echo(field: FormField, text: str) -> str:
    """The value as it was understood, to show beside the field: `7.6b` -> `7,600,000,000`, `131072` -> `128k`.

    Empty where there is nothing to add, or nothing was understood.
    """
    try:
        value = read_text(field, text)
    except ValueError:
        return ""
    if field.control == "items" and isinstance(value, list):
        most = field.type.most if isinstance(field.type, schema.Many) else 0
        return f"{exact(len(value))} of {exact(most)}" if value else ""
    if field.control == "prose" and isinstance(field.type, schema.Text):
        return f"{exact(len(text))} of {exact(field.type.most)}"
    if field.control != "number":
        return ""
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
# How the form takes it, after what it is.
_ONE_BY_ONE = "; Enter or a comma adds one, "
_TAKEN = {
    "preferred_models": ": type and press Enter to search, ctrl+left moves one forward",
    "resource_requirements.requires_gpu": "; sizes are asked for below",
    "formfile_template": "; F2 completes, F3 writes one",
    "tags": f"{_ONE_BY_ONE}F2 shows those in use",
    "capabilities": f"{_ONE_BY_ONE}Backspace takes the last one back",
    "tools": f"{_ONE_BY_ONE}Left goes back over them",
    "description": "; F4 shows how it reads",
}


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
    fields = []
    for path, of in leaves(kind).items():
        section = _SECTION_OF.get(path, "requirements" if "." in path else "technical")
        control, about = _control(path, of.type), of.about + _TAKEN.get(path, "")
        fields.append(FormField(path, of.label, section, of.type, of.default, control, of.unit, of.hint, about))
    sections = list(SECTIONS)
    return tuple(sorted(fields, key=lambda field: sections.index(field.section)))


_FORM_FIELDS: dict[Kind, tuple[FormField, ...]] = {"model": _build("model"), "agent": _build("agent")}
_BY_PATH: dict[Kind, dict[str, FormField]] = {
    kind: {field.path: field for field in fields} for kind, fields in _FORM_FIELDS.items()
}


# How: numbers.

_UNIT_WORDS: Mapping[Unit, str] = {"mb": " MB", "gb": " GB"}
_PARSERS = {"tokens": parse_tokens, "mb": parse_mb, "gb": parse_gb}


def _parse(field: FormField, text: str) -> int:
    if field.unit in ("count", ""):
        # Nobody has 7.6b virtual CPUs
        return parse_count(text) if field.path == "parameters" else parse_count(text, f"a number such as {field.hint}")
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
    if isinstance(value, list):
        return join_items([_spell_one(item) for item in value])
    return _spell_one(value)


def _spell_one(value: Json) -> str:
    if isinstance(value, dict):
        return f"{OTHER}{value['Other']}"
    return str(value)


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
