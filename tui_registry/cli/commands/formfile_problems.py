"""Problems of a Formfile as people and programs read them: the place, the sentence, the line and a caret under it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from tui_registry.cli.output import note, terminal_width
from tui_registry.cli.table import cell_width
from tui_registry.errors import Json
from tui_registry.formfile import FormfileProblem
from tui_registry.text import ELLIPSIS, safe_text

_INDENT = "    "
_SECRETS = ("secret", "secret_likely")


def described(problems: Sequence[FormfileProblem], source: str, lines: Sequence[str]) -> Iterator[str]:
    """The problems as lines of text.

    Args:
        source: what the Formfile is called.
        lines: its lines, to be quoted; one that holds a secret is not.
    """
    for message, quoted in _messages(problems, source, lines):
        yield from (message, *quoted)


def tell(problems: Sequence[FormfileProblem], source: str, lines: Sequence[str]) -> None:
    """Say the problems on stderr; arguments as for `described`."""
    for message, quoted in _messages(problems, source, lines):
        note(message)
        sys.stderr.writelines(f"{line}\n" for line in quoted)


def problem_json(problem: FormfileProblem) -> dict[str, Json]:
    """A problem as programs read it."""
    return {
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity,
        "code": problem.code,
        "sentence": problem.sentence,
    }


def counted(problems: Sequence[FormfileProblem]) -> str:
    """`2 errors, 1 warning`."""
    counts = [(sum(p.severity == severity for p in problems), severity) for severity in ("error", "warning")]
    said = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    return ", ".join(said) or "no problems"


def _messages(
    problems: Sequence[FormfileProblem], source: str, lines: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    secret = {problem.line for problem in problems if problem.code in _SECRETS}
    for problem in problems:
        place = f"{safe_text(source)}:{problem.line}:{problem.column}"
        message = f"{place}: {problem.severity}: {safe_text(problem.sentence)} [{problem.code}]"
        line = lines[problem.line - 1] if problem.line <= len(lines) else ""
        quoted = line.strip() and problem.line not in secret and not _of_the_whole(problem, line)
        yield message, tuple(_pointed_at(line, problem.column - 1)) if quoted else ()


def _of_the_whole(problem: FormfileProblem, line: str) -> bool:
    """Whether the problem stands at the first character only because it must stand somewhere: a line is missing."""
    return (problem.line, problem.column) == (1, 1) and line.split(None, 1)[0] not in problem.sentence


def _pointed_at(line: str, at: int) -> Iterator[str]:
    """The part of a line around a character (from 0), and a caret under it."""
    room = max(20, terminal_width() - len(_INDENT) - 2)
    start = max(0, min(at - room // 2, len(line) - room)) if len(line) > room else 0
    before = (ELLIPSIS if start else "") + safe_text(line[start:at])
    after = safe_text(line[at : start + room]) + (ELLIPSIS if start + room < len(line) else "")
    yield f"{_INDENT}{before}{after}".rstrip()
    yield f"{_INDENT}{' ' * cell_width(before)}^"
