"""Numbers and times in a query: `<=8b`, `32k`, `1b..8b`, `2026-01`, `7d` into bounds, and bounds into short text.

Bounds are inclusive; None is open. What no value can be in is 1..0, so that equal meanings are equal. Units of numbers
are those of `tui_registry.text`. A date is the whole time it names, in UTC: `updated:2026-01` is that month, `>2026-01`
is after it, `<=2026-01` includes it. A length of time is an age: `7d` is in the last 7 days, `<7d` less than 7 days
ago, `>7d` more. A month is 30 days and a year 365, as ages are spoken of.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from tui_registry import text as units
from tui_registry.records.schema import MAX_TIME
from tui_registry.text import safe_text

from .fields import LARGEST, Field

Bounds: TypeAlias = tuple[int | None, int | None]

NOTHING: Final[Bounds] = (1, 0)


class BackwardsRangeError(ValueError):
    """A range whose end comes before its start; `turned` is the range the other way round."""

    def __init__(self, first: str, last: str) -> None:
        self.turned = f"{last.strip()}..{first.strip()}"
        super().__init__(f"the range runs backwards: write {self.turned}")


def read_bounds(field: Field, operator: str, value: str, now: int | None) -> Bounds:
    """The bounds of `field:operator value`, where value may be a range `a..b` without an operator.

    Args:
        now: the present in Unix seconds, which ages are counted from.

    Raises:
        ValueError: with a sentence, when the value is no number or date of this field, or an age and `now` is None.
    """
    largest = MAX_TIME if field.shape == "time" else LARGEST
    if not operator and ".." in value:
        first, _, last = value.partition("..")
        start, end = _in_one_unit(first, last) if field.shape == "mb" else (first, last)
        low = _ends(field, start, now)[0] if first.strip() else None
        high = _ends(field, end, now)[1] if last.strip() else None
        if low is not None and high is not None and low > high:
            if not (_is_age(field, first) and _is_age(field, last)):
                raise BackwardsRangeError(first, last)
            # "1w..1mo ago" is the same stretch as "1mo..1w ago".
            low, high = high, low
        return _clamped(low, high, largest)
    least, most = _ends(field, value, now)
    if _is_age(field, value):
        # Counted backwards: less than 7 days ago is after that moment.
        if operator[:1] == ">":
            return _clamped(None, most if operator == ">=" else least - 1, largest)
        return _clamped(least + (operator == "<"), None, largest)
    if not operator:
        return _clamped(least, _last_about(field, value, most), largest)
    if operator == "=":
        return _clamped(least, most, largest)
    if operator[0] == "<":
        return _clamped(None, most if operator == "<=" else least - 1, largest)
    return _clamped(least if operator == ">=" else most + 1, None, largest)


def bounds_text(field: Field, bounds: Bounds) -> str:
    """The text after the colon that `read_bounds` reads as these bounds, without ages."""
    return _times_text(*bounds) if field.shape == "time" else _numbers_text(field, *bounds)


def moment_text(moment: int) -> str:
    """The shortest text that begins at this second: a day, or a day and a time."""
    text = _iso(moment)
    return text[:10] if text.endswith("T00:00:00") else text


def is_beginning(value: str) -> bool:
    """Whether this text could be the beginning of a date."""
    return re.fullmatch(_BEGUN, value) is not None and re.fullmatch(_DATE, value) is None


def amount(field: Field, number: int) -> str:
    """A number of this field, exact, in the largest unit that needs no more than one decimal."""
    for scale, unit in _SCALES[field.shape]:
        whole, rest = divmod(number, scale)
        tenths, left = divmod(rest * 10, scale)
        if number and whole and not left:
            return f"{whole}.{tenths}{unit}" if tenths else f"{whole}{unit}"
    return str(number)


def _ends(field: Field, value: str, now: int | None) -> tuple[int, int]:
    """The first and the last whole number, or second, that a text means."""
    return _moment(value, now) if field.shape == "time" else _number(field, value)


def _clamped(low: int | None, high: int | None, largest: int) -> Bounds:
    """Bounds within what a column can hold."""
    least = 0 if low is None else max(0, low)
    most = largest if high is None else min(high, largest)
    if least > most:
        return NOTHING
    return None if low is None else least, None if high is None else most


# ---- numbers --------------------------------------------------------------------------------------------------------

_SCALES: Final[dict[str, tuple[tuple[int, str], ...]]] = {
    "count": ((10**12, "t"), (10**9, "b"), (10**6, "m"), (10**3, "k")),
    "tokens": ((1024**2, "m"), (1024, "k")),
    "mb": ((1024**2, "tb"), (1024, "gb"), (1, "mb")),
    "gb": ((1024, "tb"), (1, "gb")),
    "whole": (),
}


def _numbers_text(field: Field, low: int | None, high: int | None) -> str:
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


def _digits(text: str) -> int:
    """How many digits it takes to say a number: the fewer, the rounder."""
    return len(text.rstrip("kmgbt").rstrip("0"))


def _in_one_unit(first: str, last: str) -> tuple[str, str]:
    """The ends of a range of memory. Where both are plain numbers they are meant in one unit: `256..1024` is all MB,
    though 256 by itself is GB."""
    try:
        megabytes = max(units.parse_mb(first), units.parse_mb(last))
    except ValueError:
        return first, last
    are_plain = first.strip()[-1:].isdigit() and last.strip()[-1:].isdigit()
    return (f"{first}mb", f"{last}mb") if are_plain and megabytes >= units.LEAST_PLAIN_MB else (first, last)


def _number(field: Field, value: str) -> tuple[int, int]:
    """The smallest whole number of the field's unit that is not below the value and the largest that is not above it:
    the same, unless a size has a fraction of a GB."""
    if field.shape == "gb":
        # `20` is 20 GB; `1.5gb` and `512mb` lie between whole numbers of GB and can still be compared with.
        plain = value.strip()[-1:].isdigit()
        megabytes = units.parse_mb(value + "gb" if plain else value)
        number = min(-(-megabytes // 1024), LARGEST)
        return number, min(megabytes // 1024, LARGEST)
    read = {"tokens": units.parse_tokens, "mb": units.parse_memory}.get(field.shape, units.parse_count)
    # Clamped here, so that a comparison with more than a column holds is one with the most it holds.
    number = min(read(value), LARGEST)
    return number, number


def _last_about(field: Field, value: str, most: int) -> int:
    """The last number that a text without an operator means; `most` where it is exact.

    Model sizes are spoken of in round numbers (a "7b" has 7.25 or 7.62 billion parameters), so a count with a unit is
    everything that begins with the digits that were written; every other number is exactly itself.
    """
    unit = value.strip().lstrip("0123456789.,_ ")
    if field.shape != "count" or not unit:
        return most
    decimals = len(value.strip()[: -len(unit)].strip().partition(".")[2])
    step: int = units.parse_count(f"1{unit}") // 10**decimals
    return max(most, most + step - 1)


def _about_text(field: Field, low: int, high: int) -> str | None:
    """The count without an operator that means these bounds, such as `7b` for 7.0 to 7.9 billion."""
    shortest = amount(field, low)
    digits, unit = shortest.rstrip("kmbt"), shortest.lstrip("0123456789.")
    if field.shape != "count" or not unit:
        return None
    point = "" if "." in digits else "."
    return next((text for text in (shortest, f"{digits}{point}0{unit}") if _last_about(field, text, low) == high), None)


# ---- times ----------------------------------------------------------------------------------------------------------

_DATE: Final = r"(?ai)(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d))?Z?)?)?)?"
# What an age or a date may look like before its last character is typed.
_BEGUN: Final = r"(?ai)\d{1,6}m?|\d{4}-\d?|\d{4}-\d\d-\d?|\d{4}-\d\d-\d\dT[\d:]*"
_AGE: Final = r"(?ai)(\d{1,6})(h|d|w|mo|y)"
_SECONDS: Final = {"h": 3600, "d": 86_400, "w": 7 * 86_400, "mo": 30 * 86_400, "y": 365 * 86_400}


def _times_text(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        if low > high:
            return ">9999"
        for length in (4, 7, 10):
            whole = _iso(low)[:length]
            if _named(whole) == (low, high):
                return whole
        last = _iso(high)
        day = last[:10]
        return f"{moment_text(low)}..{day if _named(day)[1] == high else last}"
    if high is not None:
        return f"<={_iso(high)}" if high == MAX_TIME else f"<{moment_text(high + 1)}"
    assert low is not None
    return f">={moment_text(low)}"


def _is_age(field: Field, value: str) -> bool:
    return field.shape == "time" and re.fullmatch(_AGE, value) is not None


def _moment(value: str, now: int | None) -> tuple[int, int]:
    """First and last second of a date; of an age both are the one second that long ago."""
    age = re.fullmatch(_AGE, value)
    if age is None:
        return _named(value)
    if now is None:
        raise ValueError(f"{value} is counted from now, which is not known here: write a date such as 2026-01-31")
    ago = now - int(age[1]) * _SECONDS[age[2].lower()]
    return ago, ago


def _named(value: str) -> tuple[int, int]:
    match = re.fullmatch(_DATE, value)
    if match is None:
        raise ValueError(f"{_shown(value)} is not a date: write 2026-01-31, 2026-01, 2026 or an age such as 7d or 3mo")
    year, month, day, hour, minute, second = (None if part is None else int(part) for part in match.groups())
    if not 1970 <= (year or 0) <= 9999:
        raise ValueError(f"{_shown(value)} is not a date: years run from 1970 to 9999")
    assert year is not None
    try:
        start = datetime(year, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"there is no date {_shown(value)}: write one such as 2026-01-31") from None
    first = int(start.timestamp())
    if second is not None:
        return first, first
    if hour is not None:
        return first, first + 59
    if day is not None:
        return first, first + 86_399
    if month is not None:
        days = ((start + timedelta(days=31)).replace(day=1) - start).days if (year, month) != (9999, 12) else 31
        return first, first + days * 86_400 - 1
    return first, MAX_TIME if year == 9999 else int(start.replace(year=year + 1).timestamp()) - 1


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _shown(text: str) -> str:
    return f"'{safe_text(text, 40)}'"
