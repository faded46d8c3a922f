"""A record as the texts of a form, and back. Lossless: `to_record(kind, to_texts(kind, record))` is the record.

One text for each field, by path. A number is spelt as people write it, a list on one line (`items`), a flag `yes` or
`no`, a choice by its name and any other choice as `Other:` and its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.records import schema
from tui_registry.records.schema import defaults
from tui_registry.text import count_words, exact, parse_count, parse_gb, parse_mb, parse_tokens, safe_text, size_mb
from tui_registry.tui.register.fields import FormField, Unit, form_fields
from tui_registry.tui.register.items import join_items, split_items

Texts: TypeAlias = dict[str, str]

OTHER = "Other:"


def to_texts(kind: Kind, record: Record) -> Texts:
    """The texts of a form that shows this record (of the right shape)."""
    return {field.path: _spell(field, _value_at(record, field.path)) for field in form_fields(kind)}


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
    shown = _in_units(field.unit, value) if plain else exact(value) + _UNIT_WORDS[field.unit]
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


# How: numbers.

_UNIT_WORDS: Mapping[Unit, str] = {"count": "", "tokens": "", "mb": " MB", "gb": " GB", "": ""}
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
    raise ValueError(f"{safe_text(text, 40) or 'nothing'} is not one of {', '.join(field.names)}: choose Other for it")


def _value_at(record: Record, path: str) -> Json:
    value: Json = record
    for name in path.split("."):
        if not isinstance(value, dict):
            raise TypeError(f"{path} is not in the record")
        value = value[name]
    return value


def _set_at(record: Record, path: str, value: Json) -> None:
    head, dot, tail = path.partition(".")
    inner = record[head]
    if dot and isinstance(inner, dict):
        _set_at(inner, tail, value)
    else:
        record[head] = value
