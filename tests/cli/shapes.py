"""What `help json` promises, read off the page: which command prints what, and whether a line of it has that shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Union

import tui_registry

PAGE = Path(tui_registry.__file__).with_name("json.md").read_text("utf-8")
ERRORS = "Errors"


class Row(NamedTuple):
    """A command of the table: the words it has, the options that make it this one, and what a line of it is."""

    words: tuple[str, ...]
    options: frozenset[str]
    shape: str

    def __str__(self) -> str:
        return " ".join((*self.words, *sorted(self.options)))


@cache
def rows() -> tuple[Row, ...]:
    """The table."""
    found = []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0].startswith("`"):
            for named in re.findall(r"`([^`]+)`", cells[0]):
                words = named.split()
                options = frozenset(word for word in words if word.startswith("--"))
                shape = cells[1].strip("`").replace("\\|", "|")
                found.append(Row(tuple(word for word in words if word not in options), options, shape))
    return tuple(found)


def row_of(line: Sequence[str]) -> Row | None:
    """The row that tells of a command line; None where it prints no JSON."""
    words = list(line[: line.index("--")] if "--" in line else line)
    while words[:1] and words[0].startswith("-"):
        del words[: 1 if "=" in words[0] else 2]  # --data-dir
    if "--json" not in words or (words[0] == "export" and "--ops" in words) or words[-2:] == ["-o", "-"]:
        return None
    options = {word.partition("=")[0] for word in words}
    fitting = [row for row in rows() if words[: len(row.words)] == [*row.words] and row.options <= options]
    return max(fitting, key=lambda row: (len(row.words), len(row.options)), default=None)


def fault_of(line: Sequence[str], answers: Sequence[Any], code: int) -> str | None:
    """What is wrong with what a command line printed; None where it is as the page says."""
    row = row_of(line)
    if row is None:
        return None
    if code and answers and isinstance(answers[-1], dict) and list(answers[-1]) == ["error"]:
        fault = _fault(answers[-1], read(ERRORS), "")
        if fault is not None:
            return fault
        answers = answers[:-1]
    faults = (_fault(answer, read(row.shape), "") for answer in answers)
    return next((f"{row}: {fault}" for fault in faults if fault is not None), None)


# Types of TypeScript, as far as the page uses them


class Name(NamedTuple):
    name: str


class Literal(NamedTuple):
    value: str | bool | None


class Array(NamedTuple):
    item: Type


class Object(NamedTuple):
    """Its fields, each with whether it is always there; `other` is what any name may have."""

    fields: dict[str, tuple[Type, bool]]
    other: Type | None = None


class Either(NamedTuple):
    parts: tuple[Type, ...]


class Both(NamedTuple):
    parts: tuple[Type, ...]


Type = Union[Name, Literal, Array, Object, Either, Both]
_PLAIN = {"string": (str,), "number": (int, float), "boolean": (bool,)}


class _Reader:
    def __init__(self, text: str) -> None:
        text = re.sub(r"//.*", "", text)
        self.tokens = re.findall(r'"[^"]*"|\w+|[^\s\w]', text)
        self.place = 0

    @property
    def next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.next
        assert token, "the page ends in a type"
        assert expected in (None, token), f"{expected} is missing before {' '.join(self.tokens[self.place :][:8])}"
        self.place += 1
        return token

    def skip(self, token: str) -> bool:
        found = self.next == token
        self.place += found
        return found

    def type(self) -> Type:
        self.skip("|")
        parts = [self.both()]
        while self.skip("|"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def both(self) -> Type:
        parts = [self.array()]
        while self.skip("&"):
            parts.append(self.array())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def array(self) -> Type:
        found = self.single()
        while self.skip("["):
            self.take("]")
            found = Array(found)
        return found

    def single(self) -> Type:
        token = self.take()
        if token == "(":
            found = self.type()
            self.take(")")
            return found
        if token == "{":
            return self.object()
        if token.startswith('"'):
            return Literal(token.strip('"'))
        return Literal({"true": True, "false": False, "null": None}[token]) if token in _CONSTANTS else Name(token)

    def object(self) -> Object:
        fields: dict[str, tuple[Type, bool]] = {}
        other = None
        while not self.skip("}"):
            if self.skip("["):
                self.take()
                for token in (":", "string", "]", ":"):
                    self.take(token)
                other = self.type()
            else:
                name, always = self.take(), not self.skip("?")
                self.take(":")
                fields[name] = (self.type(), always)
            if not self.skip(";"):
                self.take("}")
                break
        return Object(fields, other)


_CONSTANTS = ("true", "false", "null")


@cache
def declared() -> dict[str, Type]:
    """Every type that the page names."""
    (block,) = re.findall(r"```ts\n(.*?)```", PAGE, re.DOTALL)
    reader, found = _Reader(block), dict[str, Type]()
    while reader.next:
        reader.take("type")
        name = reader.take()
        reader.take("=")
        assert name not in found, name
        found[name] = reader.type()
        reader.take(";")
    return found


@cache
def read(text: str) -> Type:
    """A type that stands in the table."""
    reader = _Reader(text)
    found = reader.type()
    assert not reader.next, text
    return found


def names_in(found: Type) -> set[str]:
    """The names of other types in one."""
    match found:
        case Name(name):
            return set() if name in _PLAIN else {name}
        case Array(item):
            return names_in(item)
        case Either(parts) | Both(parts):
            return set().union(*map(names_in, parts))
        case Object(fields, other):
            inner = [kind for kind, _ in fields.values()] + ([] if other is None else [other])
            return set().union(*map(names_in, inner))
    return set()


def _fault(value: Any, wanted: Type, at: str) -> str | None:
    """Why a value is not of a type; None where it is."""
    match wanted:
        case Name(name) if name in _PLAIN:
            right = isinstance(value, _PLAIN[name]) and isinstance(value, bool) == (name == "boolean")
            return None if right else f"{at or 'it'} is {value!r}, not a {name}"
        case Name(name):
            return _fault(value, declared()[name], at)
        case Literal(constant):
            return (
                None if value == constant and type(value) is type(constant) else f"{at} is {value!r}, not {constant!r}"
            )
        case Array(item):
            if not isinstance(value, list):
                return f"{at} is {value!r}, not a list"
            faults = (_fault(each, item, f"{at}[{place}]") for place, each in enumerate(value))
            return next((fault for fault in faults if fault is not None), None)
        case Either(parts):
            every = [_fault(value, part, at) for part in parts]
            return None if None in every else f"{at or 'it'} is none of: {'; '.join(map(str, every))}"
        case Both(parts):
            # Of alternatives within, one must fit together with the rest.
            every = [_fault(value, whole, at) for whole in _together(parts)]
            return None if None in every else "; or ".join(map(str, every))
    if not isinstance(value, dict):
        return f"{at or 'it'} is {value!r}, not an object"
    missing = [name for name, (_, always) in wanted.fields.items() if always and name not in value]
    if missing:
        return f"{at or 'it'} has no {', '.join(missing)}"
    for name, each in value.items():
        inner = wanted.fields[name][0] if name in wanted.fields else wanted.other
        fault = f"{at}.{name} stands in no type" if inner is None else _fault(each, inner, f"{at}.{name}")
        if fault is not None:
            return fault
    return None


def _together(parts: Sequence[Type]) -> list[Object]:
    """The objects that have the fields of all the parts: several where a part has alternatives."""
    whole = [Object({})]
    for part in parts:
        whole = [
            Object({**left.fields, **right.fields}, left.other or right.other)
            for left in whole
            for right in _objects(part)
        ]
    return whole


def _objects(part: Type) -> list[Object]:
    match part:
        case Name(name):
            return _objects(declared()[name])
        case Either(parts):
            return [each for one in parts for each in _objects(one)]
        case Both(parts):
            return _together(parts)
        case Object():
            return [part]
    raise AssertionError(f"{part} has no fields")
