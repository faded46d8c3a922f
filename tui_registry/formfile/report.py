"""Where the parser's parts put the problems they find."""

from __future__ import annotations

from .language import severity
from .model import FormfileProblem, Mode


class Report:
    """The problems of one Formfile, in the order they are found; the mode says how serious each is."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.problems: list[FormfileProblem] = []

    def add(self, line: int, at: int, code: str, sentence: str) -> None:
        """Notes a problem at character `at` (from 0) of a line (from 1)."""
        self.problems.append(FormfileProblem(line, at + 1, severity(code, self.mode), code, sentence))


class LineReport:
    """A report bound to one line, so that the readers of values need not carry its number about."""

    def __init__(self, report: Report, line: int) -> None:
        self.report = report
        self.line = line

    def add(self, at: int, code: str, sentence: str) -> None:
        """As `Report.add`, on this line."""
        self.report.add(self.line, at, code, sentence)


def shown(text: str, limit: int = 40) -> str:
    """A piece of the text as a sentence may quote it: one line, printable, short."""
    clean = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return f"{clean[:limit]}..." if len(clean) > limit else clean
