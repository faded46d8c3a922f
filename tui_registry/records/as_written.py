"""Records as people write them: files, forms and REST bodies, freely spelt, into the plain form or a list of problems.

Freely spelt means: fields in any order and left out at will, enum names in any case, numbers in people's units (`7b`,
`32k`, `16GB`). What cannot be meant is refused, each fault with its place and what would be right.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from tui_registry.errors import InvalidRecord, Json, Kind, Problem, Record
from tui_registry.records import schema
from tui_registry.records.schema import FIELDS, MANIFEST_FIELDS, Field, FieldType, defaults
from tui_registry.text import fewest_typos, parse_count, parse_gb, parse_mb, parse_tokens, safe_text

# What a node tells beside the fields of a record (see protocol.md, Error codes).
BESIDE = frozenset(
    (
        *("revision", "conflict", "heads", "status"),
        *("differing", "ancestor", "mergeable", "versions", "more_versions"),
    )
)

# How YAML writes nothing: everything in it arrives as text.
_NOTHING = ("", "~", "null", "none")
# More than these help nobody, and a hostile file could hold a million.
_MOST_PROBLEMS = 100
_REVISION = re.compile(r"[0-9a-f]{64}", re.ASCII)


def read_record(kind: Kind, data: Json, *, base: Record | None = None) -> Record:
    """The plain record that `data` means, every field present and in order.

    Args:
        kind: the kind it must be.
        data: an object of fields, one of our own exports, `{"kind": ..., "record": {...}}`, or what a node answers:
            the fields and what it tells beside them.
        base: the record whose values stay where `data` has none (an update); without it the defaults do.

    Raises:
        InvalidRecord: with a problem for each unknown field, wrong type, number that does not fit or unknown variant.
    """
    record, problems = read_as_far_as_it_goes(kind, data, base=base)
    if problems:
        raise InvalidRecord(tuple(problems))
    return record


def read_as_far_as_it_goes(
    kind: Kind, data: Json, *, base: Record | None = None, is_patch: bool = False
) -> tuple[Record, list[Problem]]:
    """The record as for `read_record`, and what could not be read of it: something of the right type stands there, so
    that the rules can be asked about the rest (`authoring.without_consequences`).

    Args:
        is_patch: `data` is a merge patch of `base` (RFC 7396): null takes a value away, so that the field is as if it
            had never been written. A field that there is not is refused in a patch as well, where the RFC would pass
            over it with null: it was meant to be another one.

    Raises:
        InvalidRecord: it is no object of fields at all, or one of another kind.
    """
    problems: list[Problem] = []
    start = copy.deepcopy(base) if base is not None else defaults(kind)
    fields = _unwrapped(kind, data)
    if is_patch:
        fields = _with_defaults_for_nulls(FIELDS[kind], fields)
    record = _read_fields(FIELDS[kind], "", fields, start, problems)
    return record, problems[:_MOST_PROBLEMS]


def read_manifest(data: Json, *, base: Record | None = None) -> Record:
    """The plain manifest that an object of its fields means, spelt as freely as a record; a list replaces the former.

    Args:
        base: the manifest whose values stay where `data` has none; without it the defaults do.

    Raises:
        InvalidRecord: with a problem for each unknown field, wrong type, number that does not fit or unknown variant.
    """
    manifest, problems = read_manifest_as_far_as_it_goes(data, base=base)
    if problems:
        raise InvalidRecord(tuple(problems))
    return manifest


def read_manifest_as_far_as_it_goes(
    data: Json, *, base: Record | None = None, is_patch: bool = False
) -> tuple[Record, list[Problem]]:
    """As `read_as_far_as_it_goes`, of a manifest; what a node or `manifest show --json` tells beside its fields is
    passed over."""
    if not isinstance(data, dict):
        return defaults("manifest"), [_fault("", "type", f"must be an object of fields, not {_what(data)}")]
    inner = data.get("manifest")
    fields = inner if isinstance(inner, dict) and "kind" in data else data
    if revision_beside(data) is not None:
        fields = {name: value for name, value in fields.items() if name not in BESIDE}
    problems: list[Problem] = []
    start = copy.deepcopy(base) if base is not None else defaults("manifest")
    if is_patch:
        fields = _with_defaults_for_nulls(MANIFEST_FIELDS, fields)
    return _read_fields(MANIFEST_FIELDS, "", fields, start, problems), problems[:_MOST_PROBLEMS]


def beside(path: str) -> str:
    """The path of a problem of the manifest that stands beside a record: `manifest.status`."""
    return f"manifest.{path}" if path else "manifest"


def _with_defaults_for_nulls(fields: Sequence[Field], data: Mapping[str, Json]) -> dict[str, Json]:
    by_name = {field.name: field for field in fields}
    read = {**data}
    for name in by_name.keys() & data.keys():
        field, value = by_name[name], data[name]
        if value is None:
            read[name] = copy.deepcopy(field.default)
        elif isinstance(field.type, schema.Struct) and isinstance(value, dict):
            read[name] = _with_defaults_for_nulls(field.type.fields, value)
    return read


def revision_beside(data: Json) -> str | None:
    """The revision that a node told beside the fields of a record, None where there is none."""
    revision = data.get("revision") if isinstance(data, dict) else None
    return revision if isinstance(revision, str) and _REVISION.fullmatch(revision) else None


def _unwrapped(kind: Kind, data: Json) -> dict[str, Json]:
    if not isinstance(data, dict):
        raise InvalidRecord((_fault("", "type", f"must be an object of fields, not {_what(data)}"),))
    inner = data.get("record")
    if not isinstance(inner, dict) or "kind" not in data:
        # Only beside a revision: somebody who writes `versions` in a file may have meant `version`.
        beside = BESIDE if revision_beside(data) is not None else ()
        return {name: value for name, value in data.items() if name not in beside}
    if data["kind"] != kind:
        raise InvalidRecord((_fault("kind", "kind", f"must be {kind}, not {_show(data['kind'])}"),))
    return inner


def _read_fields(
    fields: Sequence[Field], prefix: str, data: Mapping[str, Json], start: Record, problems: list[Problem]
) -> Record:
    names = [field.name for field in fields]
    for name in data:
        if name not in names and len(problems) < _MOST_PROBLEMS:
            near = _nearest(name, names)
            hint = f": did you mean '{near}'?" if near is not None else ""
            shown = safe_text(name, 40)
            problems.append(_fault(prefix + shown, "unknown_field", f"unknown field '{shown}'{hint}"))
    return {
        field.name: _read(field, prefix + field.name, data[field.name], start[field.name], problems)
        if field.name in data
        else start[field.name]
        for field in fields
    }


def _read(field: Field, path: str, value: Json, start: Json, problems: list[Problem]) -> Json:
    """The value in its plain form; a fault is added to `problems` and the start value stands in for it."""
    of = field.type
    try:
        if isinstance(of, schema.Struct):
            if value == "":
                return start
            if not isinstance(value, dict) or not isinstance(start, dict):
                raise _FaultError("type", f"must be an object of fields, not {_what(value)}")
            return _read_fields(of.fields, f"{path}.", value, start, problems)
        if isinstance(of, schema.Optional) and isinstance(of.of, schema.Struct):
            if value is None or value in _NOTHING:
                return None
            if not isinstance(value, dict):
                raise _FaultError("type", f"must be an object of fields, not {_what(value)}")
            return _read_fields(
                of.of.fields, f"{path}.", value, start if isinstance(start, dict) else _fresh(of.of), problems
            )
        if isinstance(of, schema.Many):
            if value == "":  # YAML's `tags:` with nothing after it
                return []
            if not isinstance(value, list):
                raise _FaultError("type", f"must be a list, not {_what(value)}: write [{_show(value, 'chat')}]")
            return [_item(of.of, f"{path}[{index}]", item, problems) for index, item in enumerate(value)]
        return _scalar(of, field.unit, value)
    except _FaultError as fault:
        problems.append(_fault(path, fault.code, fault.sentence))
        return start


def _item(of: FieldType, path: str, value: Json, problems: list[Problem]) -> Json:
    if len(problems) < _MOST_PROBLEMS:  # to say what was meant takes its time
        try:
            if isinstance(of, schema.Struct):
                if not isinstance(value, dict):
                    names = ", ".join(field.name for field in of.fields)
                    raise _FaultError("type", f"must be an object of {names}, not {_what(value)}")
                return _read_fields(of.fields, f"{path}.", value, _fresh(of), problems)
            return _scalar(of, "", value)
        except _FaultError as fault:
            problems.append(_fault(path, fault.code, fault.sentence))
    if isinstance(of, schema.Struct):
        return _fresh(of)
    return {"Other": ""} if isinstance(of, schema.Variant) else ""


def _fresh(of: schema.Struct) -> Record:
    return {field.name: copy.deepcopy(field.default) for field in of.fields}


class _FaultError(Exception):
    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def _fault(path: str, code: str, sentence: str) -> Problem:
    return Problem(path, "error", code, sentence)


# ---- one value -----------------------------------------------------------------------------------------------------


def _scalar(of: FieldType, unit: schema.Unit, value: Json) -> Json:
    match of:
        case schema.Optional():
            # YAML arrives as text throughout, so its ways to write nothing do too.
            nothing = value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)
            return None if nothing else _scalar(of.of, unit, value)
        case schema.Text():
            return _text(value)
        case schema.Integer():
            return _integer(of, unit, value)
        case schema.Flag():
            return _flag(value)
        case schema.Variant():
            return _variant(of, value)
        case _:
            raise _FaultError("type", f"must not be {_what(value)}")


def _text(value: Json) -> str:
    if not isinstance(value, str):
        quotes = ": put it in quotes" if isinstance(value, int | float) else ""
        raise _FaultError("type", f"must be text, not {_what(value)}{quotes}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _FaultError("not_unicode", "holds a lone surrogate, which is not a character: remove it") from None
    return value


def _plain_number(text: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,20}", text.strip(), re.ASCII) is None:
        raise ValueError(f"{safe_text(text, 40) or 'nothing'} is not a whole number: write one such as 1700000000")
    return int(text)


_PARSERS: Mapping[schema.Unit, Callable[[str], int]] = {
    "tokens": parse_tokens,
    "mb": parse_mb,
    "gb": parse_gb,
    "time": _plain_number,
}


def _integer(of: schema.Integer, unit: schema.Unit, value: Json) -> int:
    if isinstance(value, str):
        try:
            number = _PARSERS.get(unit, parse_count)(value)
        except ValueError as error:
            raise _FaultError("number", str(error)) from None
    elif isinstance(value, float) and value.is_integer():
        number = int(value)  # JSON's 7e9
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        what = f"{value}" if isinstance(value, float) else _what(value)
        raise _FaultError("type", f"must be a whole number, not {what}")
    if not of.least <= number <= of.most:
        shown = f"{number:,}" if len(str(number)) <= 40 else "the number"
        raise _FaultError("range", f"{shown} does not fit: write a whole number from {of.least:,} to {of.most:,}")
    return number


_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _flag(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        flag = _FLAGS.get(value.strip().lower())
        if flag is None:
            raise _FaultError("type", f"must be true or false, not {_show(value)}")
        return flag
    raise _FaultError("type", f"must be true or false, not {_what(value)}")


def _variant(of: schema.Variant, value: Json) -> Json:
    if isinstance(value, dict) and list(value) == ["Other"]:
        return {"Other": _text(value["Other"])}
    if not isinstance(value, str):
        raise _FaultError("type", f'must be one of {", ".join(of.names)} or {{"Other": "text"}}, not {_what(value)}')
    spelt = {_folded(name): name for name in of.names}
    found = spelt.get(_folded(value))
    if found is not None:
        return found
    if not value.strip():
        raise _FaultError("unknown_variant", f"must not be empty: write one of {', '.join(of.names)}")
    shown = safe_text(value, 40)
    other = json.dumps({"Other": shown}, ensure_ascii=False)
    near = _nearest(value, of.names)
    if near is not None:
        raise _FaultError("unknown_variant", f"{shown} is not a variant: did you mean {near}? Else write {other}")
    raise _FaultError("unknown_variant", f"{shown} is none of {', '.join(of.names)}: write {other}")


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def _nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was meant by one a few typos away: `licence` -> `license`."""
    folded = _folded(name[:64])
    spelt = {_folded(candidate): candidate for candidate in names}
    found = fewest_typos(folded, spelt, max(1, len(folded) // 4))
    return None if found is None else spelt[found]


def _what(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _show(value: Json, otherwise: str = "") -> str:
    return safe_text(value, 40) if isinstance(value, str) else otherwise or _what(value)
