"""A Formfile in the form: which line a problem is in. Pure."""

from __future__ import annotations

import re

from tui_registry.errors import Problem

PATH = "formfile_template"


def line_of(problem: Problem) -> int | None:
    """The line, from 1, that a problem of the template names; None when it is about the whole."""
    found = re.match(r"line (\d+):", problem.sentence)
    return int(found[1]) if found else None
