"""Colouring one line of a Formfile. It needs no other line, so an editor colours only what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .language import BOOLEANS, BY_NAME, GPU_MODELS, SCOPES, USER_KEYS
from .parser import declaration_of
from .words import free_text, placeholders, split_words

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


@dataclass(frozen=True, slots=True)
class Token:
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
    name_end = start
    while name_end < len(line) and not line[name_end].isspace():
        name_end += 1
    spec = BY_NAME.get(line[start:name_end].upper())
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
