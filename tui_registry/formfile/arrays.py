"""Reading the JSON array of an ENTRYPOINT, and finding where it ends."""

from __future__ import annotations

import json

from .report import LineReport
from .words import one_spelling, stray_braces

_NO_ARRAY = 'ENTRYPOINT starts like a JSON array but is none: write ["program", "argument"]'


def read_array(text: str, start: int, report: LineReport) -> list[str] | None:
    """The program and its arguments, or None after saying what is wrong.

    Args:
        text: the array.
        start: where it stands on its line, from 0.
        report: takes the problem.
    """
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = error.pos if isinstance(error, json.JSONDecodeError) else 0
        report.add(start + at, "bad_json", _NO_ARRAY)
        return None
    strings = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
    if not isinstance(items, list) or len(strings) != len(items):
        report.add(start, "bad_json", "ENTRYPOINT takes an array of strings: put every item in quotes")
    elif not strings or not strings[0]:
        report.add(start, "missing_value", "ENTRYPOINT needs a program")
    elif any("\0" in item or _surrogate(item) for item in strings):
        report.add(start, "control_character", "ENTRYPOINT holds a character that no program can be given")
    elif any(stray_braces(item) for item in strings):
        report.add(start, "placeholder_syntax", "a placeholder is written {{ name }}")
    else:
        return [one_spelling(item) for item in strings]
    return None


def after_array(raw: str, at: int) -> int | None:
    """Where a comment starts that follows the array at `at`, or None."""
    try:
        _, end = json.JSONDecoder().raw_decode(raw, at)
    except (ValueError, RecursionError):
        return None
    begin = end
    while begin < len(raw) and raw[begin].isspace():
        begin += 1
    return begin if end < begin < len(raw) and raw[begin] == "#" else None


def _surrogate(text: str) -> bool:
    return any(0xD800 <= ord(character) <= 0xDFFF for character in text)
