"""Numbers in a query: `<=8b`, `32k`, `1b..8b`, `16gb` into bounds, and bounds into the roundest text that reads so.

The units are those of `tui_registry.text`; only what a comparison makes of a number is decided here.
"""

from __future__ import annotations

from typing import Final

from tui_registry import text as units

from .errors import BackwardsRangeError
from .fields import Field
from .nodes import Range

# Catalogue columns hold a u64 clamped to this (DESIGN 5), so a bound beyond it means the same as this.
LARGEST: Final = 2**63 - 1

_SCALES: Final[dict[str, tuple[tuple[int, str], ...]]] = {
    "count": ((10**12, "t"), (10**9, "b"), (10**6, "m"), (10**3, "k")),
    "tokens": ((1024**2, "m"), (1024, "k")),
    "mb": ((1024**2, "tb"), (1024, "gb"), (1, "mb")),
    "gb": ((1024, "tb"), (1, "gb")),
    "whole": (),
}


def read_range(field: Field, operator: str, value: str) -> Range:
    """The bounds of `field:operator value`, where value may be a range `a..b` without an operator.

    Raises:
        ValueError: with a sentence, when the value is no number of this field or the range runs backwards.
    """
    if not operator and ".." in value:
        first, _, last = value.partition("..")
        low = _bounds(field, first)[0] if first.strip() else None
        high = _bounds(field, last)[1] if last.strip() else None
        if low is not None and high is not None and low > high:
            raise BackwardsRangeError(first, last)
        return clamped(field.name, low, high)
    if not operator:
        return clamped(field.name, *_about(field, value))
    least, most = _bounds(field, value)
    if operator == "=":
        return clamped(field.name, least, most)
    if operator[0] == "<":
        return clamped(field.name, None, most if operator == "<=" else least - 1)
    return clamped(field.name, least if operator == ">=" else most + 1, None)


def clamped(field: str, low: int | None, high: int | None, largest: int = LARGEST) -> Range:
    """A Range within what a column can hold. What no value can be in is 1..0, so that equal meanings are equal."""
    least = 0 if low is None else max(0, low)
    most = largest if high is None else min(high, largest)
    if least > most:
        return Range(field, 1, 0)
    return Range(field, None if low is None else least, None if high is None else most)


def range_text(field: Field, bounds: Range) -> str:
    """The text after the colon that `read_range` reads as these bounds."""
    low, high = bounds.low, bounds.high
    if low is not None and high is not None:
        if low > high:
            return f">{LARGEST}"
        if low == high:
            return f"={amount(field, low)}"
        return _about_text(field, low, high) or f"{amount(field, low)}..{amount(field, high)}"
    if high is not None:
        most, above = amount(field, high), amount(field, high + 1)
        # "<8b" is stored as at most 7,999,999,999: shown as it was meant.
        return f"<{above}" if high < LARGEST and _digits(above) < _digits(most) else f"<={most}"
    assert low is not None
    least, below = amount(field, low), amount(field, max(0, low - 1))
    return f">{below}" if low > 0 and _digits(below) < _digits(least) else f">={least}"


def amount(field: Field, number: int) -> str:
    """A number of this field, exact, in the largest unit that needs no more than one decimal."""
    for scale, unit in _SCALES[field.shape]:
        whole, rest = divmod(number, scale)
        tenths, left = divmod(rest * 10, scale)
        if number and whole and not left:
            return f"{whole}.{tenths}{unit}" if tenths else f"{whole}{unit}"
    return str(number)


def _digits(text: str) -> int:
    """How many digits it takes to say a number: the fewer, the rounder."""
    return len(text.rstrip("kmgbt").rstrip("0"))


def _bounds(field: Field, value: str) -> tuple[int, int]:
    """The smallest whole number of the field's unit that is not below the value and the largest that is not above it:
    the same, unless a size has a fraction of a GB."""
    if field.shape == "gb":
        # `20` is 20 GB; `1.5gb` and `512mb` lie between whole numbers of GB and can still be compared with.
        plain = value.strip()[-1:].isdigit()
        megabytes = units.parse_mb(value + "gb" if plain else value)
        number = min(-(-megabytes // 1024), LARGEST)
        return number, min(megabytes // 1024, LARGEST)
    read = {"tokens": units.parse_tokens, "mb": units.parse_mb}.get(field.shape, units.parse_count)
    # Clamped here, so that a comparison with more than a column holds is one with the most it holds.
    number = min(read(value), LARGEST)
    return number, number


def _about(field: Field, value: str) -> tuple[int, int]:
    """The bounds of a number without an operator.

    Model sizes are spoken of in round numbers (a "7b" has 7.25 or 7.62 billion parameters), so a count with a unit is
    everything that begins with the digits that were written; every other number is exactly itself.
    """
    low, high = _bounds(field, value)
    unit = value.strip().lstrip("0123456789.,_ ")
    if field.shape != "count" or not unit:
        return low, high
    decimals = len(value.strip()[: -len(unit)].strip().partition(".")[2])
    step = units.parse_count(f"1{unit}") // 10**decimals
    return low, max(low, low + step - 1)


def _about_text(field: Field, low: int, high: int) -> str | None:
    if field.shape != "count":
        return None
    shortest = amount(field, low)
    digits, unit = shortest.rstrip("kmbt"), shortest.lstrip("0123456789.")
    point = "" if "." in digits else "."
    for text in (shortest, f"{digits}{point}0{unit}"):
        if unit and _about(field, text) == (low, high):
            return text
    return None
