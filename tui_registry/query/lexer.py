"""Text into tokens. Total: every text has tokens, and what is wrong with them is the parser's business, so that the
completions and the facets can work on a text that does not parse yet."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

TokenKind: TypeAlias = Literal["(", ")", "-", "OR", "AND", "NOT", "word", "phrase", "term", "saved"]

_OPERATORS: Final[dict[str, TokenKind]] = {"OR": "OR", "AND": "AND", "NOT": "NOT"}
_QUOTE: Final = '"'


class Piece:
    """One of the values of a term, between its commas, from `start` to `end` with its `=` and quotes; `text` is without
    them, and `literal` says that it began with `=` (outside quotes): exactly this."""

    __slots__ = ("end", "literal", "start", "text")

    def __init__(self, text: str, start: int, end: int, literal: bool) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.literal = literal


class Token:
    """A piece of the query.

    Attributes:
        kind: `word` and `phrase` are free text, `term` is `name:values`, `saved` is `@name`; the others are operators.
        start, end: where it stands in the text, end exclusive.
        text: of a word or phrase without quotes and star, of a term its field's name, of a saved search its name.
        pieces: the values of a term; none when nothing follows the colon.
        star: a word or phrase that ends with `*`.
        is_open: a quote that is never closed.
    """

    __slots__ = ("end", "is_open", "kind", "pieces", "star", "start", "text")

    def __init__(self, kind: TokenKind, start: int, end: int, text: str = "") -> None:
        self.kind: TokenKind = kind
        self.start = start
        self.end = end
        self.text = text
        self.pieces: tuple[Piece, ...] = ()
        self.star = False
        self.is_open = False


def tokens(text: str) -> list[Token]:
    """The tokens of a text, in order; white space alone separates and is in none."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _token(text, at)
        found.append(token)
        at = token.end
    return found


def _token(text: str, at: int) -> Token:
    character = text[at]
    if character == "(":
        return Token("(", at, at + 1)
    if character == ")":
        return Token(")", at, at + 1)
    if character == _QUOTE:
        return _phrase(text, at)
    if character == "-" and at + 1 < len(text) and not text[at + 1].isspace() and text[at + 1] != ")":
        return Token("-", at, at + 1)
    end = _bare_end(text, at)
    if character == "@":
        if text[at + 1 : at + 2] == _QUOTE:
            name, end, is_open = _unquoted(text, at + 1)
            saved = Token("saved", at, end, name)
            saved.is_open = is_open
            return saved
        return Token("saved", at, end, text[at + 1 : end])
    colon = text.find(":", at + 1, end)
    if colon != -1:
        return _term(text, at, colon)
    word = text[at:end]
    if word in _OPERATORS:
        return Token(_OPERATORS[word], at, end)
    token = Token("word", at, end, word.rstrip("*"))
    token.star = word.endswith("*")
    return token


def _phrase(text: str, at: int) -> Token:
    content, end, is_open = _unquoted(text, at)
    star = text[end : end + 1] == "*"
    token = Token("phrase", at, end + star, content)
    token.star, token.is_open = star, is_open
    return token


def _term(text: str, at: int, colon: int) -> Token:
    pieces: list[Piece] = []
    parts: list[str] = []
    is_open = False
    here = start = colon + 1

    def cut(end: int) -> None:
        # An empty value between two commas is nothing.
        if end > start:
            literal = text[start] == "="
            pieces.append(Piece("".join(parts)[literal:], start, end, literal))

    while here < len(text) and not text[here].isspace() and text[here] not in "()":
        if text[here] == _QUOTE:
            content, here, is_open = _unquoted(text, here)
            parts.append(content)
        elif text[here] == ",":
            cut(here)
            here = start = here + 1
            parts = []
        else:
            parts.append(text[here])
            here += 1
    cut(here)
    token = Token("term", at, here, text[at:colon])
    token.pieces, token.is_open = tuple(pieces), is_open
    return token


def _bare_end(text: str, at: int) -> int:
    end = at + 1
    while end < len(text) and not text[end].isspace() and text[end] not in '"()':
        end += 1
    return end


def _unquoted(text: str, at: int) -> tuple[str, int, bool]:
    """What stands in the quotes that open at `at`, the index after them, and whether they are still open at the end."""
    parts: list[str] = []
    here = at + 1
    while here < len(text):
        character = text[here]
        if character == _QUOTE:
            return "".join(parts), here + 1, False
        if character == "\\" and text[here + 1 : here + 2] in (_QUOTE, "\\"):
            here += 1
            character = text[here]
        parts.append(character)
        here += 1
    return "".join(parts), here, True
