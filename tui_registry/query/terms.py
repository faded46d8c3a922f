"""One term, `name:values`, into a node: which field it is, and what its values mean."""

from __future__ import annotations

from typing import Final

from .errors import BackwardsRangeError, QueryError, nearest, shown
from .fields import RANGES, Field, field_names, find_field
from .lexer import Piece, Token, quoted
from .nodes import Match, Node, Range, Sort, disjunction
from .synonyms import normalise

OPERATORS: Final = ("<=", ">=", "<", ">", "=")
_HEX: Final = frozenset("0123456789abcdef")
_SORT_ALIASES: Final = {"parameters": "params", "ctx": "context", "date": "updated"}


class UnfinishedError(Exception):
    """The term stands at the end of the text and is still being typed: it means nothing yet."""


def field_of(token: Token, text: str) -> Field:
    """The field that a term names.

    Raises:
        QueryError: there is none of that name; proposes the nearest, or quotes around the whole.
    """
    field = find_field(token.text)
    if field is not None:
        return field
    value = text[token.start + len(token.text) + 1 : token.end]
    # A pasted address is no misspelt field, however near its scheme comes to one.
    near = None if value.startswith("//") else nearest(token.text, field_names())
    if near is not None:
        sentence = f"there is no field {shown(token.text)}: did you mean {near}:?"
        raise QueryError(sentence, token.start, len(token.text) + 1, f"{near}:")
    whole = text[token.start : token.end]
    sentence = f"there is no field {shown(token.text)}: put the text in quotes to search for it"
    raise QueryError(sentence, token.start, token.end - token.start, quoted(whole.replace('"', "")))


def read_term(token: Token, field: Field, text: str, now: int | None) -> Node:
    """What a term of any field but `sort` asks for: a Match, a Range, or an Or of Matches.

    Raises:
        UnfinishedError: its value is missing or begun only, at the very end of the text.
        QueryError: its value is missing or none of the field's.
    """
    _check_value(token, field, text)
    if field.shape in RANGES:
        return read_number(token, field, text, now)
    parts: list[Node] = [
        Match(field.name, value) for piece in token.pieces for value in _values(piece, field, token, text)
    ]
    node = disjunction(parts)
    # An empty pair of quotes is as good as no value.
    if node is None and token.end == len(text):
        raise UnfinishedError
    if node is None:
        raise _missing(token, field)
    return node


def read_sort(token: Token, field: Field, text: str) -> Sort:
    """The order that a `sort:` term asks for. Raises as `read_term`."""
    _check_value(token, field, text)
    if len(token.pieces) > 1:
        raise QueryError("sort: takes one order only", token.start, token.end - token.start)
    piece = token.pieces[0]
    descending = piece.text.startswith("-")
    key = piece.text.removeprefix("-").lower()
    key = _SORT_ALIASES.get(key, key)
    if key not in field.options:
        key = _option(Piece(key, piece.start + descending, piece.end, False), field, token, text)
    return Sort(key, descending and key != "relevance")


def read_number(token: Token, field: Field, text: str, now: int | None) -> Range:
    """The bounds that a term of a number or time asks for. Raises as `read_term`."""
    start = token.pieces[0].start
    raw = text[start : token.end].replace('"', "")
    operator = next((sign for sign in OPERATORS if raw.startswith(sign)), "")
    value = raw[len(operator) :]
    at_end = token.end == len(text)
    # A dot at the end is the first half of ".." or of a fraction.
    if at_end and (not value.strip(".") or (value.endswith(".") and not value.endswith(".."))):
        raise UnfinishedError
    if not value.strip(". "):
        raise _missing(token, field)
    try:
        if field.shape != "time":
            from . import amounts

            return amounts.read_range(field, operator, value)
        from . import dates

        if at_end and dates.is_beginning(value.rpartition("..")[2]):
            raise UnfinishedError
        return dates.read_range(field, operator, value, now)
    except ValueError as problem:
        turned = problem.turned if isinstance(problem, BackwardsRangeError) else None
        sentence = f"{field.name}: {problem}"
        raise QueryError(sentence, start, token.end - start, turned) from None


def _check_value(token: Token, field: Field, text: str) -> None:
    if token.is_open or (not token.pieces and token.end == len(text.rstrip())):
        raise UnfinishedError
    if not token.pieces:
        raise _missing(token, field)


def _values(piece: Piece, field: Field, token: Token, text: str) -> tuple[str, ...]:
    value = piece.text
    if not value:
        return ()
    if field.shape == "word":
        return (value,) if piece.literal else normalise(field.name, value)
    value = value.lower()
    if field.options:
        return (_option(Piece(value, piece.start, piece.end, False), field, token, text),)
    if field.shape == "owner":
        if not value.startswith("0x"):
            return (piece.text,)
        longest, what = 40, "an address is 0x and up to 40 hex digits"
    else:
        longest, what = 64, "an id is up to 64 hex digits"
    digits = value.removeprefix("0x")
    if not digits and piece.end == len(text):
        raise UnfinishedError
    if not digits or len(digits) > longest or not _HEX.issuperset(digits):
        raise QueryError(f"{field.name}: {shown(piece.text)} is not one: {what}", piece.start, piece.end - piece.start)
    return (value if field.shape == "owner" else digits,)


def _option(piece: Piece, field: Field, token: Token, text: str) -> str:
    """The option that a piece names in full, plural allowed (`kind:models`)."""
    for option in field.options:
        if piece.text in (option, f"{option}s"):
            return option
    if token.end == len(text) and any(option.startswith(piece.text) for option in field.options):
        raise UnfinishedError
    near = nearest(piece.text, list(field.options))
    known = f"{', '.join(field.options[:-1])} or {field.options[-1]}" if len(field.options) > 1 else field.options[0]
    guess = f": did you mean {near}?" if near else f": it can be {known}"
    raise QueryError(f"{field.name}: knows no {shown(piece.text)}{guess}", piece.start, piece.end - piece.start, near)


def _missing(token: Token, field: Field) -> QueryError:
    sentence = f"{field.name}: needs a value right after the colon, such as {field.examples[0]}"
    return QueryError(sentence, token.start, token.end - token.start)
