"""Where the parser's parts put the problems they find."""

from __future__ import annotations

from dataclasses import dataclass, field

from .language import severity
from .model import FormfileProblem, Mode


@dataclass(slots=True)
class Report:
    mode: Mode
    problems: list[FormfileProblem] = field(default_factory=list)

    def add(self, line: int, at: int, code: str, sentence: str) -> None:
        """Notes a problem at character `at` (from 0) of a line (from 1)."""
        self.problems.append(FormfileProblem(line, at + 1, severity(code, self.mode), code, sentence))


@dataclass(slots=True)
class LineReport:
    """A report bound to one line, so that the readers of values need not carry its number about."""

    report: Report
    line: int

    def add(self, at: int, code: str, sentence: str) -> None:
        self.report.add(self.line, at, code, sentence)


def shown(text: str, limit: int = 40) -> str:
    """A piece of the text as a sentence may quote it: one line, printable, short."""
    clean = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return f"{clean[:limit]}..." if len(clean) > limit else clean
