"""Reading whole numbers in the plain unit of their instruction, and saying what to write instead of `16GB`."""

from __future__ import annotations

import re

from .language import Numbers
from .model import Template
from .report import LineReport, shown
from .words import Word, has_placeholder

_WHOLE = re.compile(r"[0-9]+", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(?:[,_' ][0-9]{3})+", re.ASCII)
_WITH_UNIT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([a-zA-Z]+)", re.ASCII)
_ENDLESS = 15


def read_number(name: str, words: tuple[Word, ...], numbers: Numbers, report: LineReport) -> int | Template | None:
    """The number an instruction carries, or None when there is a problem with it."""
    text, at = " ".join(word.text for word in words), words[0].start
    if has_placeholder(text):
        if len(words) == 1:
            return Template(text)
        report.add(words[1].start, "extra_value", f"{name} takes one value")
        return None
    if _WHOLE.fullmatch(text):
        digits = text.lstrip("0") or "0"
        return _within(name, int(digits) if len(digits) <= _ENDLESS else 10**_ENDLESS, text, numbers, at, report)
    report.add(at, *_not_whole(name, text, numbers))
    return None


def _within(name: str, value: int, text: str, numbers: Numbers, at: int, report: LineReport) -> int | None:
    if value < numbers.least:
        report.add(at, "too_small", f"{name} {value} is too small: {numbers.range}")
        return None
    if value > numbers.most:
        report.add(at, "too_large", f"{name} {shown(text, 20)} is too large: {numbers.range}")
        return None
    return value


def _not_whole(name: str, text: str, numbers: Numbers) -> tuple[str, str]:
    takes = f"plain {numbers.unit}" if numbers.unit else "a plain number"
    if _GROUPED.fullmatch(text):
        plain = re.sub("[,_' ]", "", text)[:_ENDLESS]
        return "unit", f"{name} takes {takes}: {_instead(int(plain), numbers)}"
    if match := _WITH_UNIT.fullmatch(text):
        factor = _factor(match.group(2).lower(), numbers)
        if factor is not None:
            return "unit", f"{name} takes {takes}: {_instead(round(float(match.group(1)) * factor), numbers)}"
    return "not_a_number", f"{name} takes {takes}, a whole number: {numbers.range}, not '{shown(text)}'"


def _factor(unit: str, numbers: Numbers) -> float | None:
    for letter, factor in numbers.units:
        if unit in (letter, f"{letter}b", f"{letter}ib"):
            return factor
    # "4 cores", "2 vcpus": the word says nothing that the instruction does not say.
    return 1.0 if not numbers.units else None


def _instead(value: int, numbers: Numbers) -> str:
    return f"write {value}" if numbers.least <= value <= numbers.most else numbers.range
