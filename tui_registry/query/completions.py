"""What could be typed at the cursor: field names, and values that exist, most frequent first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from .fields import FIELDS, RANGES, Field, find_field
from .folding import fold_case
from .lexer import Token, quoted, tokens
from .printing import value_text
from .synonyms import normalise

# (field name, what was typed so far) -> (value, number of records) pairs that exist. Asked for the names of saved
# searches as the field "@"; the number is then of no meaning.
Values: TypeAlias = Callable[[str, str], Sequence[tuple[str, int]]]

MAX_COMPLETIONS: Final = 50


class Completion(NamedTuple):
    """One thing that could be typed.

    Attributes:
        text: what the list shows (foreign text: for `safe_text`).
        insert: what takes the place of `start` to `end` of the query's text.
        detail: a few words on it, or "".
        records: how many records have the value, None where that is not counted.
    """

    text: str
    insert: str
    start: int
    end: int
    detail: str
    records: int | None


def complete(text: str, cursor: int, values: Values) -> list[Completion]:
    """The completions at the cursor, best first; none inside free text that begins no field's name.

    Args:
        cursor: index in `text` before which the cursor stands; out of range counts as the nearer end.
        values: what exists, asked at most twice.
    """
    cursor = min(max(0, cursor), len(text))
    # Cut at the cursor, so that an open quote after it cannot swallow what is being typed.
    token = next((token for token in tokens(text[:cursor]) if token.end == cursor), None)
    end = _word_end(text, cursor)
    if token is None:
        return [] if text[:cursor].strip() else _field_names("", cursor, end)
    if token.kind == "(" or (token.kind == "word" and token.text == "-"):
        return _field_names("", cursor, end)
    if token.kind == "word" and not token.star:
        return _field_names(token.text, token.start, end)
    if token.kind == "saved":
        names = [name for name, _ in values("@", token.text)]
        return [Completion(f"@{name}", _saved(name), token.start, end, "saved search", None) for name in names]
    field = find_field(token.text) if token.kind == "term" else None
    return [] if field is None else _values(field, token, text, cursor, end, values)


def _field_names(begun: str, start: int, end: int) -> list[Completion]:
    begun = begun.lower()
    return [
        Completion(f"{field.name}:", f"{field.name}:", start, end, field.help, None)
        for field in FIELDS.values()
        if any(name.startswith(begun) for name in (field.name, *(field.aliases if begun else ())))
    ]


def _values(field: Field, token: Token, text: str, cursor: int, end: int, values: Values) -> list[Completion]:
    start = token.start + len(token.text) + 1
    if field.shape in RANGES:
        typed = text[start:cursor]
        terms = [example.partition(":")[2] for example in field.examples]
        return [
            Completion(term, term, start, end, "", None) for term in terms if term.startswith(typed) if term != typed
        ]
    comma = text.rfind(",", start, cursor) if not token.is_open else -1
    begun = ""
    if token.pieces and token.pieces[-1].end == cursor:
        begun, start = token.pieces[-1].text, token.pieces[-1].start
    elif comma != -1:
        start = comma + 1
    if field.shape in ("flag", "sort"):
        sign = "-" if field.shape == "sort" and begun.startswith("-") else ""
        wanted = begun.removeprefix("-").lower()
        return [
            Completion(sign + option, sign + option, start, end, "", None)
            for option in field.options
            if option.startswith(wanted)
        ]
    found = dict(values(field.name, begun))
    for canonical in normalise(field.name, begun)[:1] if begun else ():
        # "apache2" begins no licence's name, and is meant for one all the same.
        if fold_case(canonical) != fold_case(begun):
            found |= {value: count for value, count in values(field.name, canonical) if value == canonical}
    ordered = sorted(found.items(), key=lambda item: (-item[1], fold_case(item[0])))[:MAX_COMPLETIONS]
    return [Completion(value, value_text(field.name, value), start, end, "", count) for value, count in ordered]


def _word_end(text: str, cursor: int) -> int:
    """Where the word under the cursor ends: a completion takes the place of all of it."""
    end = cursor
    while end < len(text) and not text[end].isspace() and text[end] not in '"(),':
        end += 1
    # The closing quote of a value that is open at the cursor.
    return end + (text[end : end + 1] == '"')


def _saved(name: str) -> str:
    bare = name and not any(character in '"()' or character.isspace() for character in name)
    return f"@{name if bare else quoted(name)}"
