"""The rules about a Formfile as a whole: what must be there, what may be there once, what placeholders need."""

from __future__ import annotations

from .language import BY_NAME, RECORD_PLACEHOLDERS
from .model import Declaration, Env, Gpu, Instruction, Model, Name, User
from .report import Report
from .words import placeholders


def check_whole(
    instructions: tuple[Instruction, ...],
    declarations: tuple[Declaration, ...],
    uses: list[tuple[str, int, int]],
    report: Report,
    *,
    secrets: bool,
    named: bool,
) -> None:
    """Adds what only shows when all lines are read.

    Args:
        instructions: those that could be read, in order.
        declarations: the `#?` lines.
        uses: each use of a placeholder: name, line (from 1), character (from 0).
        report: takes the problems.
        secrets: whether to look for passwords in declarations.
        named: whether some line tries to be a NAME and could not be read.
    """
    if not named and not any(isinstance(instruction, Name) for instruction in instructions):
        report.add(1, 0, "missing_name", "NAME is missing: add a line such as NAME my-model")
    _check_repeats(instructions, report)
    _check_placeholders(declarations, uses, report)
    if secrets:
        _check_passwords(instructions, declarations, report)


def _check_repeats(instructions: tuple[Instruction, ...], report: Report) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for instruction in instructions:
        key, says = _once(instruction)
        if not key:
            continue
        first = seen.setdefault(key, instruction.span.line)
        if first == instruction.span.line:
            continue
        repeat = BY_NAME[instruction.keyword].repeat
        code = "repeated" if repeat == "refused" else "duplicate"
        report.add(
            instruction.span.line,
            instruction.span.start - 1,
            code,
            f"{says} stands on line {first} already: {_then(repeat)}",
        )


def _once(instruction: Instruction) -> tuple[tuple[str, ...], str]:
    """What may stand only once, and its name in a sentence; an empty key for what may stand again."""
    keyword = instruction.keyword
    match instruction:
        case Env():
            return (keyword, instruction.scope, instruction.owner, instruction.key), f"ENV {instruction.key[:40]}"
        case User():
            return (keyword, instruction.username), "USER of this name"
        case Gpu():
            return (keyword, instruction.model), f"GPU {instruction.model[:40]}"
        case Model():
            return (keyword, instruction.model_id), "MODEL of this id"
    return ((), "") if BY_NAME[keyword].repeat == "many" else ((keyword,), keyword)


def _then(repeat: str) -> str:
    if repeat == "refused":
        return "keep one"
    if repeat == "first":
        return "the builder uses the first one, keep one"
    if repeat == "last":
        return "the last one counts, keep one"
    return "keep one"


def _check_placeholders(
    declarations: tuple[Declaration, ...], uses: list[tuple[str, int, int]], report: Report
) -> None:
    declared: dict[str, int] = {}
    for declaration in declarations:
        line, at = declaration.span.line, declaration.span.start - 1
        first = declared.setdefault(declaration.name, line)
        if first != line:
            report.add(
                line, at, "duplicate", f"'{declaration.name[:40]}' is declared on line {first} already: keep one"
            )
    told: set[str] = set()
    for name, line, at in uses:
        if name not in declared and name not in RECORD_PLACEHOLDERS and name not in told:
            told.add(name)
            short = name[:40]
            report.add(
                line,
                at,
                "placeholder_undeclared",
                f"'{short}' is not declared: add a line '#? {short} = default' or '#? {short}'",
            )
    used = {name for name, _, _ in uses}
    for declaration in declarations:
        if declaration.name not in used:
            report.add(
                declaration.span.line,
                declaration.span.start - 1,
                "declaration_unused",
                f"'{declaration.name[:40]}' is declared and never used",
            )


def _check_passwords(
    instructions: tuple[Instruction, ...], declarations: tuple[Declaration, ...], report: Report
) -> None:
    names = {
        name
        for instruction in instructions
        if isinstance(instruction, User) and instruction.passwd
        for name, _ in placeholders(instruction.passwd)
    }
    for declaration in declarations:
        if declaration.name in names and declaration.default:
            report.add(
                declaration.span.line,
                declaration.span.start - 1,
                "secret",
                f"a password is published for ever: declare it without a default, '#? {declaration.name[:40]}'",
            )
