"""What an editor of Formfiles shows: completions at the cursor, colours, and the language in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Literal, TypeAlias

from tui_registry.frozen import Frozen

from .language import (
    BOOLEANS,
    BY_NAME,
    GPU_MEMORY_GB,
    GPU_MODELS,
    INSTRUCTIONS,
    RECORD_PLACEHOLDERS,
    SCOPES,
    USER_KEYS,
)
from .lines import declaration_of, parse
from .words import free_text, placeholders, split_words

# ---- completions -----------------------------------------------------------------------------------------------------

_OPEN_PLACEHOLDER = re.compile(r"\{\{[ \t]*([A-Za-z0-9_.]*)$")


class Completion(Frozen):
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
    word = re.split(r"\s", value)[-1]
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
    return _matching(_USER_VALUES.get(kind, ()), start, column)


_USER_VALUES: dict[str, tuple[tuple[str, str], ...]] = {
    "boolean": (("true", ""), ("false", "")),
    "path": (("/bin/bash", ""), ("/bin/sh", "")),
    "password": (("{{ passwd }}", "asked for when building"),),
}


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


# ---- colours: of one line, which needs no other, so that an editor colours only what it shows ------------------------

TokenKind: TypeAlias = Literal[
    "comment",
    "declaration",
    "instruction",
    "unknown",
    "key",
    "option",
    "keyword",
    "number",
    "string",
    "placeholder",
    "value",
]


class Token(Frozen):
    """Characters `start` up to, not including, `end` (from 0) of the line."""

    kind: TokenKind
    start: int
    end: int


_PIECES = re.compile(r"\"[^\"]*\"?|'[^']*'?|[0-9]+(?![^\s:,\]/\"'])|[^\s\"']+?(?==)|[^\s\"'=]+|=")
_USER_KEY = re.compile(r"([a-z_]+)[:=]")


def tokens(line: str) -> list[Token]:
    """The coloured pieces of a line, in order and without overlap; white space is in none."""
    start = len(line) - len(line.lstrip())
    if start == len(line):
        return []
    if line[start] == "#":
        kind: TokenKind = "declaration" if declaration_of(line) else "comment"
        return [Token(kind, start, len(line.rstrip()))]
    name = line.split(None, 1)[0]
    name_end = start + len(name)
    spec = BY_NAME.get(name.upper())
    found = [Token("instruction" if spec else "unknown", start, name_end)]
    comment_at = _comment_at(spec.name if spec else "RUN", line, name_end)
    end = len(line) if comment_at is None else comment_at
    found.extend(_around_placeholders(spec.name if spec else "", line, name_end, end))
    if comment_at is not None:
        found.append(Token("comment", comment_at, len(line.rstrip())))
    return found


def _comment_at(name: str, line: str, start: int) -> int | None:
    if name == "RUN":
        return None
    return free_text(line, start).comment_at if name in ("NAME", "DESCRIPTION") else split_words(line, start).comment_at


def _around_placeholders(name: str, line: str, start: int, end: int) -> Iterator[Token]:
    at = start
    for _, begin in placeholders(line[:end]):
        if begin < at:
            continue
        yield from _pieces(name, line, at, begin)
        at = line.index("}}", begin) + 2
        yield Token("placeholder", begin, at)
    yield from _pieces(name, line, at, end)


def _pieces(name: str, line: str, start: int, end: int) -> Iterator[Token]:
    if name in ("NAME", "DESCRIPTION", "RUN", ""):
        text = line[start:end]
        begin = start + len(text) - len(text.lstrip())
        if text.strip():
            yield Token("value", begin, start + len(text.rstrip()))
        return
    at = start
    while (match := _PIECES.search(line, at, end)) is not None:
        begin, stop = match.span()
        piece = match.group()
        if name == "USER" and (key := _USER_KEY.match(piece)) and key.group(1) in USER_KEYS:
            yield Token("key", begin, begin + key.end())
            stop = begin + key.end()
        else:
            yield Token(_kind(name, line, piece, stop), begin, stop)
        at = stop


def _kind(name: str, line: str, piece: str, stop: int) -> TokenKind:
    if piece[0] in "\"'":
        return "string"
    if piece.startswith("--"):
        return "option"
    if piece.isdecimal() and piece.isascii():
        return "number"
    if name == "ENV" and line[stop : stop + 1] == "=":
        return "key"
    known = {"USER": tuple(BOOLEANS), "GPU": GPU_MODELS, "MODEL": ("required", "preferred"), "ENV": SCOPES}.get(
        name, ()
    )
    return "keyword" if piece.partition(":")[0] in known and piece else "value"


# ---- the language in words, for `?` in the editor and `help formfile` -----------------------------------------------

_WIDTH = 100


def _language() -> str:
    return "\n".join(
        [
            "A Formfile has one instruction a line. Names are upper case. A line that starts with # is a comment.",
            "",
            *_instructions(),
            "",
            "Keys of USER",
            *_table([(f"{key}:", says) for key, (_, says) in USER_KEYS.items()]),
            "",
            "GPU models",
            *_table([(model, f"{memory} GB") for model, memory in GPU_MEMORY_GB.items()]),
            "",
            "Placeholders",
            *_indented(
                "A {{ name }} in any value is filled in when the Formfile is rendered, and its range is checked then. "
                "Declare it with a comment of its own, with or without a default: #? name = default. The builder takes "
                "this line for a comment. A value stays one word; after INSTALL and EXPOSE it may be several."
            ),
            *_indented(f"Filled in from the record without a declaration: {', '.join(RECORD_PLACEHOLDERS)}."),
            "",
            "Secrets",
            *_indented(
                "A registered Formfile is public for ever. Passwords, their hashes, private keys and access tokens are "
                "refused, in comments too: put a placeholder there and give its value when you build."
            ),
            "",
        ]
    )


def _instructions() -> list[str]:
    rows: list[str] = []
    for spec in INSTRUCTIONS:
        says = spec.says
        if spec.numbers:
            says += f", {spec.numbers.range}"
        if spec.aliases:
            says += f"; also {' or '.join(spec.aliases)}"
        rows += [spec.syntax, *_indented(says)]
    return rows


def _indented(text: str) -> list[str]:
    return wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ")


def _table(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(left) for left, _ in rows) + 2
    return [f"    {left:<{width}}{right}" for left, right in rows]


# Plain text of at most 100 columns.
LANGUAGE: str = _language()
