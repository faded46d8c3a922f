"""A query in words, as one line: what a search box shows under it, and what `--explain` prints."""

from __future__ import annotations

from tui_registry.text import safe_text

from . import amounts
from .fields import FIELDS
from .nodes import And, Match, Node, Not, Or, Query, Range, Text
from .printing import one_field

_FLAGS = {
    "mine": "signed by your key",
    "conflict": "in conflict",
    "invalid": "breaking a rule",
    "formfile": "carrying a Formfile",
}
_ORDERS = {
    "relevance": ("best match first", "best match first"),
    "name": ("by name, A to Z", "by name, Z to A"),
    "updated": ("least recently updated first", "most recently updated first"),
    "created": ("oldest first", "newest first"),
    "params": ("fewest parameters first", "most parameters first"),
    "context": ("shortest context first", "longest context first"),
}


def describe(query: Query) -> str:
    """The query in one line of plain words, safe to show."""
    parts = ["everything" if query.where is None else _words(query.where)]
    if query.sort is not None:
        parts.append(_ORDERS[query.sort.key][query.sort.descending])
    if query.unfinished:
        parts.append("without its unfinished end")
    return safe_text("; ".join(parts))


def _words(node: Node, inner: bool = False) -> str:
    match node:
        case Text(words, prefix):
            return f"“{' '.join(words)}{'…' if prefix else ''}”"
        case Match(field, value):
            return _match(field, [value])
        case Range():
            return _range(node)
        case Not(inside):
            text = _words(inside)
            return f"not ({text})" if isinstance(inside, And | Or) else f"not {text}"
        case And(nodes):
            text = ", ".join([_words(part, True) for part in nodes])
            return f"({text})" if inner else text
        case Or(nodes):
            name = one_field(node)
            if name is not None:
                return _match(name, [part.value for part in nodes if isinstance(part, Match)])
            text = " or ".join([_words(part, True) for part in nodes])
            return f"({text})" if inner else text


def _match(name: str, values: list[str]) -> str:
    field = FIELDS[name]
    if field.shape == "flag":
        return " or ".join([_FLAGS[value] for value in values])
    if field.shape == "kind":
        return " or ".join([f"{value}s" for value in values])
    begins = "beginning with " if field.shape == "hex" else ""
    return f"{field.label} {begins}{' or '.join(values)}"


def _range(bounds: Range) -> str:
    field = FIELDS[bounds.field]
    low, high = bounds.low, bounds.high
    if low is not None and high is not None and low > high:
        return f"{field.label} that no record can have"
    if field.shape == "time":
        return f"{field.label} {_times(low, high)}"
    first = None if low is None else amounts.amount(field, low)
    last = None if high is None else amounts.amount(field, high)
    text = amounts.range_text(field, bounds)
    if low == high:
        return f"{field.label} exactly {_spoken(first or '')}"
    if first is not None and last is not None:
        if ".." not in text:
            return f"{field.label} about {_spoken(text)}"
        return f"{field.label} from {_spoken(first)} to {_spoken(last)}"
    sign = text.rstrip("0123456789.kmgbt")
    word = {"<": "under", "<=": "at most", ">": "over", ">=": "at least"}[sign]
    return f"{field.label} {word} {_spoken(text.removeprefix(sign))}"


def _spoken(amount: str) -> str:
    """`7.6b` -> `7.6 B`, `32k` -> `32 k`, `16gb` -> `16 GB`."""
    digits = amount.rstrip("kmgbt")
    unit = amount[len(digits) :]
    number = f"{int(digits):,}" if digits.isdigit() else digits
    return f"{number} {unit if unit == 'k' else unit.upper()}" if unit else number


def _times(low: int | None, high: int | None) -> str:
    from .dates import LATEST, moment_text, range_text

    if low is None and high is not None:
        return f"before {moment_text(high + 1)}" if high < LATEST else "at any time"
    if high is None:
        return f"since {moment_text(low or 0)}"
    text = range_text(Range("updated", low, high))
    first, dots, last = text.partition("..")
    return f"from {first} to {last}" if dots else f"in {text}" if len(text) < 10 else f"on {text}"
