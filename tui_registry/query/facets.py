"""Changing one term in a query's text and leaving the rest as it was typed: what a facet does when it is toggled.

All of it works on tokens, so it also works on a text that does not parse. Only terms that the whole query stands under
are looked at: not those in parentheses, nor those of one branch of an OR.
"""

from __future__ import annotations

from typing import Final

from .errors import QueryError
from .fields import FIELDS, RANGES, Field, find_field
from .folding import fold_case
from .lexer import Piece, Token, tokens
from .nodes import Range
from .parser import is_begun, parse
from .printing import value_text
from .synonyms import normalise
from .terms import UnfinishedError, read_number

# With these at the end, or a quote or parenthesis open, what comes after would be read as part of them.
# A saved search may be half a name.
_DANGLING: Final = frozenset({"-", "NOT", "OR", "AND", "(", "saved"})


def chosen(text: str, field: str) -> list[str]:
    """The values that the whole query is narrowed to in a field, in order: canonical ones, the text after the colon for
    numbers, times and `sort`."""
    spec = FIELDS[field]
    found: list[str] = []
    for _, token in _asked(text, spec):
        if _is_one_value(spec):
            found.append(text[token.start + len(token.text) + 1 : token.end])
        else:
            found += [value for piece in token.pieces for value in _meant(spec, piece)]
    return found


def has_term(text: str, field: str, value: str) -> bool:
    """Whether the query is narrowed to this value of the field (for a number: to these bounds, however written)."""
    spec = FIELDS[field]
    if spec.shape in RANGES:
        wanted = _bounds(spec, value)
        return any(wanted is not None and _bounds(spec, term) == wanted for term in chosen(text, field))
    return fold_case(value) in map(fold_case, chosen(text, field))


def with_term(text: str, field: str, value: str) -> str:
    """The text narrowed to a value of a field as well; the same text if it is already.

    A record has one type, so a second value of such a field joins the first (`type:LLM,Embedding`, either); of a list
    (`tag`, `cap`, `tool`, `model`) and a flag it becomes a term of its own (both). A number, time or sort term takes
    the place of the one there. A term that excludes the value goes.

    Args:
        value: as a record holds it, not escaped; for a number, a time or `sort` the text after the colon.
    """
    spec = FIELDS[field]
    if has_term(text, field, value):
        return text
    if _is_one_value(spec):
        while asked := _asked(text, spec):
            text = _cut(text, *asked[-1])
        return _joined(text, f"{field}:{value}")
    text = _drop(text, spec, value, excluded=True)
    written = value_text(field, value)
    asked = _asked(text, spec)
    if asked and asked[-1][1].pieces and not asked[-1][1].is_open and not spec.many and spec.shape != "flag":
        end = asked[-1][1].pieces[-1].end
        return f"{text[:end]},{written}{text[end:]}"
    return _joined(text, f"{field}:{written}")


def without_term(text: str, field: str, value: str) -> str:
    """The text without a value of a field; the same text if it does not narrow to it."""
    spec = FIELDS[field]
    if not has_term(text, field, value):
        return text
    if not _is_one_value(spec):
        return _drop(text, spec, value, excluded=False)
    for start, token in reversed(_asked(text, spec)):
        if has_term(text[token.start : token.end], field, value):
            text = _cut(text, start, token)
    return text


def _is_one_value(field: Field) -> bool:
    """Whether a term of this field has no list of values, and the query only one such term that makes sense."""
    return field.shape in RANGES or field.shape == "sort"


def _asked(text: str, field: Field, excluded: bool = False) -> list[tuple[int, Token]]:
    """The terms of a field that the whole query stands under, each with the start of its minus or NOT, if it has any:
    the terms that are excluded when `excluded`, else the others. `sort:` orders the whole query wherever it stands."""
    anywhere = field.shape == "sort"
    found: list[tuple[int, Token]] = []
    depth = 0
    minus: Token | None = None
    negated = False
    for token in tokens(text):
        if token.kind in ("-", "NOT"):
            minus, negated = minus or token, not negated
            continue
        if token.kind == "OR" and depth == 0 and not anywhere:
            return []
        depth += {"(": 1, ")": -1}.get(token.kind, 0)
        at_top = depth == 0 or anywhere
        if token.kind == "term" and at_top and negated == excluded and find_field(token.text) is field:
            found.append((minus.start if minus else token.start, token))
        minus, negated = None, False
    return found


def _meant(field: Field, piece: Piece) -> tuple[str, ...]:
    if not piece.text:
        return ()
    return (piece.text,) if piece.literal else normalise(field.name, piece.text)


def _bounds(field: Field, term: str) -> Range | None:
    """The bounds that the text after the colon means, None when it means none (an age does not without the time)."""
    text = f"{field.name}:{term}"
    try:
        return read_number(tokens(text)[0], field, text, None)
    except (QueryError, UnfinishedError, IndexError):
        return None


def _drop(text: str, field: Field, value: str, excluded: bool) -> str:
    """The text without a value; of a family (`license:gpl`) that it belongs to, the other members stay."""
    wanted = fold_case(value)
    for start, token in reversed(_asked(text, field, excluded)):
        kept: list[str] = []
        for piece in token.pieces:
            meant = _meant(field, piece)
            rest = [value_text(field.name, other) for other in meant if fold_case(other) != wanted]
            kept += [text[piece.start : piece.end]] if len(rest) == len(meant) else rest
        if not kept:
            text = _cut(text, start, token)
        else:
            first = token.start + len(token.text) + 1
            text = f"{text[:first]}{','.join(kept)}{text[token.end :]}"
    return text


def _cut(text: str, start: int, token: Token) -> str:
    """The text without a term, the operator that joined it to the rest, and one of the spaces around it."""
    found = tokens(text)
    place = next(index for index, other in enumerate(found) if other.start == token.start)
    before = next((other for other in reversed(found[:place]) if other.end <= start), None)
    after = found[place + 1] if place + 1 < len(found) else None
    end = token.end
    kind_before, kind_after = before.kind if before else "(", after.kind if after else ")"
    # An OR goes only with a term that was all of one of its sides.
    if before is not None and (kind_before == "AND" or (kind_before == "OR" and kind_after == ")")):
        start = before.start
    elif after is not None and (kind_after == "AND" or (kind_after == "OR" and kind_before in ("(", "OR"))):
        end = after.end
    left, right = text[:start], text[end:].lstrip()
    if not right or right.startswith(")"):
        return left.rstrip() + right
    return left + right if not left or left[-1].isspace() else f"{left} {right}"


def _joined(text: str, term: str) -> str:
    """The text and one more term that the whole of it stands under."""
    found = tokens(text)
    if not found:
        return term
    depth = 0
    is_either = False
    for token in found:
        depth += {"(": 1, ")": -1}.get(token.kind, 0)
        is_either |= token.kind == "OR" and depth == 0 and not term.startswith("sort:")
    if depth > 0 or _is_begun(text, found[-1]):
        # What is still being typed must stay at the end: after it, the term would be read as part of it.
        return f"{term} {'(' if is_either else ''}{text}"
    return f"({text.strip()}) {term}" if is_either else f"{text.rstrip()} {term}"


def _is_begun(text: str, token: Token) -> bool:
    if token.kind in _DANGLING or token.is_open or is_begun(token):
        return True
    if token.kind != "term":
        return False
    try:
        return parse(text[token.start : token.end], now=0).unfinished
    except QueryError:
        return False
