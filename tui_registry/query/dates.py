"""Dates in a query: `2026-01`, `>2026-01-31T12:00`, `7d`, `1mo..1w` into bounds in Unix seconds, and back. All UTC.

A date is the whole time it names: `updated:2026-01` is that month, `>2026-01` is after it, `<=2026-01` includes it.
A length of time is an age: `7d` is in the last 7 days, `<7d` less than 7 days ago, `>7d` more. A month is 30 days and a
year 365, as ages are spoken of.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from .amounts import clamped
from .errors import BackwardsRangeError, shown
from .fields import Field
from .nodes import Range

# 9999-12-31T23:59:59, the largest time a record may have (DESIGN 3, wire limits).
LATEST: Final = 253_402_300_799

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d))?Z?)?)?)?", re.ASCII | re.IGNORECASE)
# What an age or a date may look like before its last character is typed.
_BEGUN: Final = re.compile(r"\d{1,6}m?|\d{4}-\d?|\d{4}-\d\d-\d?|\d{4}-\d\d-\d\dT[\d:]*", re.ASCII | re.IGNORECASE)
_AGE: Final = re.compile(r"(\d{1,6})(h|d|w|mo|y)", re.ASCII | re.IGNORECASE)
_SECONDS: Final = {"h": 3600, "d": 86_400, "w": 7 * 86_400, "mo": 30 * 86_400, "y": 365 * 86_400}


def read_range(field: Field, operator: str, value: str, now: int | None) -> Range:
    """The bounds of `field:operator value`, where value may be a range `a..b` without an operator.

    Args:
        now: the present in Unix seconds, which ages are counted from.

    Raises:
        ValueError: with a sentence, when the value is no date, or an age and `now` is None.
    """
    if not operator and ".." in value:
        first, _, last = value.partition("..")
        low = _moment(first, now)[0] if first else None
        high = _moment(last, now)[1] if last else None
        if low is not None and high is not None and low > high:
            if _AGE.fullmatch(first) and _AGE.fullmatch(last):
                # "1w..1mo ago" is the same stretch as "1mo..1w ago".
                low, high = high, low
            else:
                raise BackwardsRangeError(first, last)
        return clamped(field.name, low, high, LATEST)
    start, end = _moment(value, now)
    if _AGE.fullmatch(value):
        if operator[:1] == ">":
            return clamped(field.name, None, end if operator == ">=" else start - 1, LATEST)
        return clamped(field.name, start + (operator == "<"), None, LATEST)
    if operator in ("", "="):
        return clamped(field.name, start, end, LATEST)
    if operator[0] == "<":
        return clamped(field.name, None, end if operator == "<=" else start - 1, LATEST)
    return clamped(field.name, start if operator == ">=" else end + 1, None, LATEST)


def range_text(bounds: Range) -> str:
    """The text after the colon that `read_range` reads as these bounds, without ages."""
    low, high = bounds.low, bounds.high
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
        return f"<={_iso(high)}" if high == LATEST else f"<{moment_text(high + 1)}"
    assert low is not None
    return f">={moment_text(low)}"


def moment_text(moment: int) -> str:
    """The shortest text that begins at this second: a day, or a day and a time."""
    text = _iso(moment)
    return text[:10] if text.endswith("T00:00:00") else text


def is_beginning(value: str) -> bool:
    """Whether a date could still become of this text."""
    return _BEGUN.fullmatch(value) is not None and _DATE.fullmatch(value) is None


def _moment(value: str, now: int | None) -> tuple[int, int]:
    """First and last second of a date; of an age both are the one second that long ago."""
    age = _AGE.fullmatch(value)
    if age is None:
        return _named(value)
    if now is None:
        raise ValueError(f"{value} is counted from now, which is not known here: write a date such as 2026-01-31")
    ago = now - int(age[1]) * _SECONDS[age[2].lower()]
    return ago, ago


def _named(value: str) -> tuple[int, int]:
    match = _DATE.fullmatch(value)
    if match is None:
        raise ValueError(f"{shown(value)} is not a date: write 2026-01-31, 2026-01, 2026 or an age such as 7d or 3mo")
    year, month, day, hour, minute, second = (None if part is None else int(part) for part in match.groups())
    if not 1970 <= (year or 0) <= 9999:
        raise ValueError(f"{shown(value)} is not a date: years run from 1970 to 9999")
    assert year is not None
    try:
        start = datetime(year, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"there is no date {shown(value)}: write one such as 2026-01-31") from None
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
    return first, LATEST if year == 9999 else int(start.replace(year=year + 1).timestamp()) - 1


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")
