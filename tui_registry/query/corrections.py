"""Other words for a query that found nothing: its text with the words and values put right that nothing here has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from .fields import find_field
from .folding import fold_case, words
from .lexer import Token, quoted, tokens
from .parser import prefix_token
from .printing import value_text
from .synonyms import normalise

# (word, whether it may be the beginning of one) -> itself where records have it, the nearest that they have, or None.
NearestWord: TypeAlias = Callable[[str, bool], str | None]
# (field name, value) -> the same for the values of a field.
NearestValue: TypeAlias = Callable[[str, str], str | None]

_OPERATORS: Final = frozenset({"-", "NOT"})


def corrected(text: str, nearest_word: NearestWord, nearest_value: NearestValue) -> str | None:
    """The text with other words and values, the rest as it was typed; None when nothing better is known.

    What is excluded is left as it is: it has kept nothing from being found.
    """
    found = tokens(text)
    last = prefix_token(found)
    changed = text
    for place in range(len(found) - 1, -1, -1):
        token = found[place]
        if place and found[place - 1].kind in _OPERATORS:
            continue
        if token.kind in ("word", "phrase"):
            if not words(token.text):
                continue  # marks alone: an open quote before them is no less read when it stays open
            other = _words(token, token.star or token is last, nearest_word)
        elif token.kind == "term":
            other = _term(text, token, nearest_value)
        else:
            continue
        if other is None:
            return None
        changed = changed[: token.start] + other + changed[token.end :]
    return changed if changed != text else None


def _words(token: Token, begins: bool, nearest_word: NearestWord) -> str | None:
    typed = words(token.text)
    nearest: list[str] = []
    for place, word in enumerate(typed):
        known = nearest_word(word, begins and place == len(typed) - 1)
        if known is None:
            return None
        nearest.append(known)
    star = "*" if token.star or token.is_open else ""
    if nearest == typed:
        return quoted(token.text) + star if token.kind == "phrase" else token.text + star
    return quoted(" ".join(nearest)) + star if token.kind == "phrase" else "-".join(nearest) + star


def _term(text: str, token: Token, nearest_value: NearestValue) -> str | None:
    field = find_field(token.text)
    if field is None or field.shape != "word":
        return text[token.start : token.end]
    values: list[str] = []
    for piece in token.pieces:
        meant = (piece.text,) if piece.literal else normalise(field.name, piece.text)
        nearest = [known for value in meant if (known := nearest_value(field.name, value)) is not None]
        if not nearest:
            return None
        is_known = {fold_case(value) for value in meant} & {fold_case(known) for known in nearest}
        values.append(text[piece.start : piece.end] if is_known else value_text(field.name, nearest[0]))
    return f"{token.text}:{','.join(values)}"
