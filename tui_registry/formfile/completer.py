"""What an editor may offer at the cursor."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .language import BY_NAME, INSTRUCTIONS, RECORD_PLACEHOLDERS, SCOPES, USER_KEYS
from .parser import parse

_OPEN_PLACEHOLDER = re.compile(r"\{\{[ \t]*([A-Za-z0-9_.]*)$")
_WORD = re.compile(r"\S*$")


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` replaces the columns from `start` up to, not including, `end` (from 1); `says` explains it."""

    text: str
    start: int
    end: int
    says: str


def complete(text: str, line: int, column: int) -> list[Completion]:
    """The completions at a cursor, best first; none where nothing is known.

    Args:
        text: the whole Formfile.
        line: of the cursor, from 1.
        column: of the cursor, from 1: the column of the character after it.
    """
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        return []
    raw = lines[line - 1].rstrip("\r")
    column = min(max(column, 1), len(raw) + 1)
    before = raw[: column - 1]
    if before.lstrip().startswith("#"):
        return []
    if match := _OPEN_PLACEHOLDER.search(before):
        closing = "" if raw[column - 1 :].lstrip().startswith("}}") else " }}"
        return _matching(_placeholders(text), match.group(1), column, suffix=closing)
    name, space, value = before.lstrip().partition(" ")
    if not space:
        return _matching(((spec.name, spec.says) for spec in INSTRUCTIONS), name, column, suffix=" ")
    spec = BY_NAME.get(name.upper())
    if spec is None:
        return []
    match = _WORD.search(value)
    word = match.group() if match else ""
    if spec.name == "USER":
        return _user(value, word, column)
    if spec.name == "ENV":
        return _matching(((f"--scope={s}", "scope") for s in SCOPES), word, column) if value.strip() == word else []
    return _matching(((known, spec.says) for known in spec.values), word, column) if value.strip() == word else []


def _user(value: str, word: str, column: int) -> list[Completion]:
    key, colon, start = word.partition(":")
    if not colon:
        used = {part.partition(":")[0] for part in value.split()[: -1 if word else None]}
        return _matching(
            ((f"{name}:", says) for name, (_, says) in USER_KEYS.items() if name not in used), word, column
        )
    kind = USER_KEYS.get(key, ("", ""))[0]
    if kind == "boolean":
        return _matching((("true", ""), ("false", "")), start, column)
    if kind == "path":
        return _matching((("/bin/bash", ""), ("/bin/sh", "")), start, column)
    return _matching((("{{ passwd }}", "asked for when building"),), start, column) if kind == "password" else []


def _placeholders(text: str) -> list[tuple[str, str]]:
    declared = {
        declaration.name: "declared here" if declaration.default is None else f"default {declaration.default[:40]}"
        for declaration in parse(text, secrets=False).declarations
    }
    return [*declared.items(), *((name, "from the record") for name in RECORD_PLACEHOLDERS if name not in declared)]


def _matching(known: Iterable[tuple[str, str]], typed: str, column: int, *, suffix: str = "") -> list[Completion]:
    start = column - len(typed)
    return [
        Completion(text + suffix, start, column, says)
        for text, says in known
        if text.lower().startswith(typed.lower()) and text != typed
    ]
