"""Changing a query's text at one place and leaving the rest as it was typed: facets, completions, corrections.

All of it works on tokens, so it also works on a text that does not parse yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from tui_registry.frozen import NamedTuple

from .fields import FIELDS, RANGES, Field, find_field, normalise
from .folding import fold_case, words
from .lexer import Piece, Token, tokens
from .nodes import QueryError, Range, quoted, value_text
from .syntax import UnfinishedError, beginning_tokens, is_begun, parse, read_number

# ---- facets: one term more or less -----------------------------------------------------------------------------------
# Only terms that the whole query stands under are looked at: none in parentheses, nor those of one branch of an OR.

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


def sorted_by(text: str, order: str | None) -> str:
    """The text with an order in the place of the one that it asks for, such as `-params`; None takes that away."""
    if order is not None:
        return with_term(text, "sort", order)
    while asked := _asked(text, FIELDS["sort"]):
        text = _cut(text, *asked[-1])
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


# ---- completions: what could be typed at the cursor ------------------------------------------------------------------

# (field name, what was typed so far) -> (value, number of records) pairs that exist. Asked for the names of saved
# searches as the field "@"; the number then means nothing.
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
    return [] if field is None else _value_offers(field, token, text, cursor, end, values)


def _field_names(begun: str, start: int, end: int) -> list[Completion]:
    begun = begun.lower()
    return [
        Completion(f"{field.name}:", f"{field.name}:", start, end, field.help, None)
        for field in FIELDS.values()
        if any(name.startswith(begun) for name in (field.name, *(field.aliases if begun else ())))
    ]


def _value_offers(field: Field, token: Token, text: str, cursor: int, end: int, values: Values) -> list[Completion]:
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
    if field.shape == "fit":
        sizes = [example.partition(":")[2] for example in field.examples[1:]]
        return [
            Completion(option, option, start, end, "", None)
            for option in (*field.options, *sizes)
            if option.startswith(begun.lower())
        ]
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


# ---- corrections: other words for a query that found nothing ---------------------------------------------------------

# (word, whether it may be the beginning of one) -> itself where records have it, the nearest that they have, or None.
NearestWord: TypeAlias = Callable[[str, bool], str | None]
# (field name, value) -> the same for the values of a field.
NearestValue: TypeAlias = Callable[[str, str], str | None]

_EXCLUDING: Final = frozenset({"-", "NOT"})


def corrected(text: str, nearest_word: NearestWord, nearest_value: NearestValue) -> str | None:
    """The text with other words and values, the rest as it was typed; None when nothing better is known.

    What is excluded is left as it is: it has kept nothing from being found.
    """
    found = tokens(text)
    beginnings = beginning_tokens(found)
    changed = text
    for place in range(len(found) - 1, -1, -1):
        token = found[place]
        if place and found[place - 1].kind in _EXCLUDING:
            continue
        if token.kind in ("word", "phrase"):
            if not words(token.text):
                continue  # marks alone: an open quote before them is no less read when it stays open
            other = _corrected_words(token, token.star or token.start in beginnings, nearest_word)
        elif token.kind == "term":
            other = _corrected_term(text, token, nearest_value)
        else:
            continue
        if other is None:
            return None
        changed = changed[: token.start] + other + changed[token.end :]
    return changed if changed != text else None


def _corrected_words(token: Token, begins: bool, nearest_word: NearestWord) -> str | None:
    # Of an address or OWNER/NAME names are found by the end.
    typed = (words(token.text.rpartition("/")[2]) if token.kind == "word" else []) or words(token.text)
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


def _corrected_term(text: str, token: Token, nearest_value: NearestValue) -> str | None:
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
