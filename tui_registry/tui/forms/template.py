"""A Formfile in the form: whether it agrees with its record, and which line a problem is in. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from tui_registry.errors import Kind, Problem, Record
from tui_registry.formfile import Formfile, check_agreement, parse

PATH = "formfile_template"
# Of a record's warnings, so many are shown; the template is short when it disagrees this much
_MOST = 20


def disagreements(kind: Kind, record: Record) -> list[Problem]:
    """Where the template gives less than the record needs, or names other models: warnings of its field, by line."""
    template = record.get(PATH)
    if not isinstance(template, str) or not template.strip():
        return []
    return [
        Problem(PATH, problem.severity, problem.code, f"line {problem.line}: {problem.sentence}")
        for problem in check_agreement(_parsed(template), kind, record)[:_MOST]
    ]


def line_of(problem: Problem) -> int | None:
    """The line, from 1, that a problem of the template names; None when it is about the whole."""
    found = re.match(r"line (\d+):", problem.sentence)
    return int(found[1]) if found else None


@lru_cache(maxsize=4)
def _parsed(template: str) -> Formfile:
    # The same template is asked about again for each key that goes into another field
    return parse(template)
