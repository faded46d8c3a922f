"""Canonical bytes, shape and wire limits of plain records.

Canonical bytes are bincode 1 with its default options (fixed-width little-endian integers, u64 lengths, u32 variant
indices) over the fields in order; see protocol.md, Canonical bytes, and
<https://github.com/bincode-org/bincode/blob/v1.3.3/docs/spec.md>.
Shape (names, order, types, widths) and bytes come from one walk: what can be encoded has the right shape.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from tui_registry.errors import Json, Kind, OpKind, Problem, Record
from tui_registry.records import schema
from tui_registry.records.schema import MAX_TIME, OP_FIELDS, OTHER_TEXT, Field, FieldType

_Encode: TypeAlias = Callable[[Json], bytes]
_Check: TypeAlias = Callable[[str, Json], Iterable[Problem] | None]

_U64 = struct.Struct("<Q").pack
_HEX = re.compile(r"[0-9a-f]+\Z")


class ShapeError(ValueError):
    """A plain record that is not of the shape of its kind. `path` names the field, `sentence` says what is wrong."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path = path
        self.sentence = sentence


def canonical_bytes(kind: OpKind, record: Record) -> bytes:
    """The record's canonical bytes.

    Raises:
        ShapeError: a field is missing, unknown, out of order, of another type or too wide.
    """
    return _encode_fields(_ENCODERS[kind], record)


def check_shape(kind: OpKind, record: Record) -> None:
    """Raise `ShapeError` unless the record has exactly the fields, order, types and widths of its kind."""
    canonical_bytes(kind, record)


def wire_problems(kind: OpKind, record: Record) -> Iterator[Problem]:
    """Every wire limit that a record of the right shape breaks, as errors (codes `required`, `too_long`, `too_many`,
    `nul`, `not_hex`, `form`, `time_range`, `time_order`).

    Part of the protocol: never depends on a clock, a setting or a library's version.
    """
    for name, check in _LIMITS[kind]:
        found = check(name, record[name])
        if found is not None:
            yield from found
    created, updated = record["created_at"], record["updated_at"]
    if isinstance(created, int) and isinstance(updated, int):
        if created < 0:
            yield _error("created_at", "time_range", "the time lies before 1970")
        if updated > MAX_TIME:
            yield _error("updated_at", "time_range", "the time lies after the year 9999")
        if updated < created:
            yield _error("updated_at", "time_order", "updated_at lies before created_at")


def wire_limits(kind: OpKind, record: Record) -> Problem | None:
    """The first wire limit that the record breaks, or None."""
    return next(wire_problems(kind, record), None)


def derive_id(kind: Kind, owner_id: str, name: str, created_at: int) -> str:
    """The id of a new record: 64 hex digits, bound to owner, name and second of creation; see protocol.md, Ids."""
    parts = (kind.encode(), owner_id.encode(), name.encode(), created_at.to_bytes(8, "big", signed=True))
    return hashlib.sha3_256(b"\0".join(parts)).hexdigest()


def derive_manifest_id(subject_id: str) -> str:
    """The id of the one manifest that a record can have: 64 hex digits; see protocol.md, Ids."""
    return hashlib.sha3_256(b"manifest\0" + subject_id.encode()).hexdigest()


# How: encoders, one closure per field, so that an operation from a peer costs one call a field.


def _text(value: Json) -> bytes:
    if type(value) is not str:
        raise TypeError("must be text")
    data = value.encode()
    return _U64(len(data)) + data


def _integer(of: schema.Integer) -> _Encode:
    pack = struct.Struct(of.wire).pack
    width = f"must be a whole number from {of.least} to {of.most}"

    def encode(value: Json) -> bytes:
        # bool is an int to isinstance, not to serde
        if type(value) is not int:
            raise TypeError(width)
        try:
            return pack(value)
        except struct.error:
            raise TypeError(width) from None

    return encode


def _flag(value: Json) -> bytes:
    if value is True:
        return b"\x01"
    if value is False:
        return b"\x00"
    raise TypeError("must be true or false")


def _variant(of: schema.Variant) -> _Encode:
    known = {name: struct.pack("<I", index) for index, name in enumerate(of.names)}
    other = struct.pack("<I", len(of.names))
    names = f"must be one of {', '.join(of.names)}" + (' or {"Other": text}' if of.has_other else "")

    def encode(value: Json) -> bytes:
        if type(value) is str and value in known:
            return known[value]
        if of.has_other and type(value) is dict and len(value) == 1 and "Other" in value:
            return other + _text(value["Other"])
        raise TypeError(names)

    return encode


def _optional(inner: _Encode) -> _Encode:
    return lambda value: b"\x00" if value is None else b"\x01" + inner(value)


def _many(inner: _Encode) -> _Encode:
    def encode(value: Json) -> bytes:
        if type(value) is not list:
            raise TypeError("must be a list")
        try:
            return _U64(len(value)) + b"".join(map(inner, value))
        except ShapeError:
            raise _misfit_in(inner, value) from None

    return encode


def _misfit_in(inner: _Encode, items: list[Json]) -> ShapeError:
    """Which item of a list of structs cannot be encoded."""
    for index, item in enumerate(items):
        try:
            inner(item)
        except ShapeError as error:
            return ShapeError(f"[{index}].{error.path}", error.sentence)
    raise AssertionError("every item can be encoded")


def _struct(fields: tuple[Field, ...]) -> _Encode:
    encoders = _encoders(fields)

    def encode(value: Json) -> bytes:
        if type(value) is not dict:
            raise TypeError("must be an object")
        return _encode_fields(encoders, value)

    return encode


def _encoder(of: FieldType) -> _Encode:
    match of:
        case schema.Text():
            return _text
        case schema.Integer():
            return _integer(of)
        case schema.Flag():
            return _flag
        case schema.Variant():
            return _variant(of)
        case schema.Optional():
            return _optional(_encoder(of.of))
        case schema.Many():
            return _many(_encoder(of.of))
        case schema.Struct():
            return _struct(of.fields)


_Encoders: TypeAlias = tuple[list[str], list[_Encode]]


def _encoders(fields: tuple[Field, ...]) -> _Encoders:
    return [field.name for field in fields], [_encoder(field.type) for field in fields]


def _encode_fields(encoders: _Encoders, record: Record) -> bytes:
    names, encode = encoders
    if list(record) != names:
        raise ShapeError(*_first_misfit(names, record))
    try:
        return b"".join([encode_one(value) for encode_one, value in zip(encode, record.values(), strict=True)])
    except (ShapeError, TypeError, UnicodeEncodeError):
        raise _misfit_of(encoders, record) from None


def _misfit_of(encoders: _Encoders, record: Record) -> ShapeError:
    """Which field cannot be encoded: looked for once it is known that there is one."""
    for name, encode_one in zip(*encoders, strict=True):
        try:
            encode_one(record[name])
        except ShapeError as error:
            inner = error.path if error.path.startswith("[") else f".{error.path}"
            return ShapeError(f"{name}{inner}", error.sentence)
        except TypeError as error:
            return ShapeError(name, str(error))
        except UnicodeEncodeError:
            return ShapeError(name, "holds a lone surrogate, which is not a character")
    raise AssertionError("every field can be encoded")


def _first_misfit(names: list[str], record: Record) -> tuple[str, str]:
    for name in record:
        if name not in names:
            return str(name), "is not a field of this record"
    for name in names:
        if name not in record:
            return name, "is missing"
    return "", "the fields are not in their order"


_ENCODERS: dict[OpKind, _Encoders] = {kind: _encoders(fields) for kind, fields in OP_FIELDS.items()}


# How: limits, again one closure per field that has any. A check gives None for a value that keeps them, as nearly every
# one does: to make a generator a value and go through it costs more than the look. What it gives else is made as it is
# asked for: of a list of very many that are wrong, only the first may be wanted.


def _error(path: str, code: str, sentence: str) -> Problem:
    return Problem(path, "error", code, sentence)


def _limit_text(of: schema.Text) -> _Check:
    digits, least, most, form = of.hex_digits, of.least, of.most, of.form

    def check_hex(path: str, value: Json) -> Iterable[Problem] | None:
        if type(value) is not str or (len(value) == digits and _HEX.match(value)):
            return None
        return (_error(path, "not_hex", f"must be {digits} lower-case hex digits"),)

    def check(path: str, value: Json) -> Iterable[Problem] | None:
        if type(value) is not str or (form is None and least <= len(value) <= most and "\0" not in value):
            return None
        length = len(value)
        found: list[Problem] = []
        if length < least:
            found.append(_error(path, "required", "must not be empty"))
        elif length > most:
            found.append(_error(path, "too_long", f"has {length:,} characters, at most {most:,} are allowed"))
        if "\0" in value:
            found.append(_error(path, "nul", "holds a NUL character, which is not allowed anywhere"))
        elif form is not None and value and length <= most and not re.fullmatch(form.pattern, value, re.ASCII):
            found.append(_error(path, "form", form.sentence))
        return found or None

    return check_hex if digits else check


_limit_other = _limit_text(OTHER_TEXT)


def _limit_variant(path: str, value: Json) -> Iterable[Problem] | None:
    return _limit_other(path, value["Other"]) if type(value) is dict else None


def _limit_many(of: schema.Many) -> _Check:
    each = _limit(of.of)

    def check(path: str, value: Json) -> Iterable[Problem] | None:
        if type(value) is not list or not value:
            return None
        if len(value) > of.most:
            return problems(path, value)
        if each is not None:
            for item in value:
                if each(path, item) is not None:
                    return problems(path, value)
        return None

    def problems(path: str, value: list[Json]) -> Iterator[Problem]:
        if len(value) > of.most:
            yield _error(path, "too_many", f"has {len(value):,} items, at most {of.most} are allowed")
        if each is not None:
            for index, item in enumerate(value):
                yield from each(f"{path}[{index}]", item) or ()

    return check


def _limit_struct(of: schema.Struct) -> _Check | None:
    checks = _limits(of.fields)
    if not checks:
        return None

    def check(path: str, value: Json) -> Iterable[Problem] | None:
        if type(value) is not dict or all(check_one(name, value[name]) is None for name, check_one in checks):
            return None
        return problems(path, value)

    def problems(path: str, value: Record) -> Iterator[Problem]:
        for name, check_one in checks:
            yield from check_one(f"{path}.{name}", value[name]) or ()

    return check


def _limit(of: FieldType) -> _Check | None:
    match of:
        case schema.Text():
            return _limit_text(of)
        case schema.Variant():
            return _limit_variant
        case schema.Optional():
            return _limit(of.of)
        case schema.Many():
            return _limit_many(of)
        case schema.Struct():
            return _limit_struct(of)
        case _:
            return None


def _limits(fields: tuple[Field, ...]) -> list[tuple[str, _Check]]:
    return [(field.name, check) for field in fields if (check := _limit(field.type)) is not None]


_LIMITS: dict[OpKind, list[tuple[str, _Check]]] = {kind: _limits(fields) for kind, fields in OP_FIELDS.items()}
