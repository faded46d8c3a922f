"""Reading a Formfile line by line: text in, typed instructions and problems out. Nothing raises, whatever the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tui_registry.text import nearest

from .arguments import READERS, Refused, Value, after_array
from .language import (
    BY_NAME,
    FOREIGN,
    INSTRUCTIONS,
    RECORD_PLACEHOLDERS,
    Declaration,
    Env,
    Formfile,
    Gpu,
    Instruction,
    InstructionSpec,
    Line,
    LineReport,
    Mode,
    Model,
    Name,
    Repeat,
    Report,
    Span,
    User,
    shown,
)
from .secrets import ends_private_key, find_secrets, in_private_key, opens_private_key
from .words import CONTROL, Word, free_text, has_placeholder, placeholders, split_words, stray_braces

_DECLARATION = re.compile(r"#\?[ \t]*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)[ \t]*(?:=[ \t]*(.*))?")
_FREE = ("NAME", "DESCRIPTION")


def parse(text: str, mode: Mode = "lint", *, secrets: bool = True) -> Formfile:
    """Reads a Formfile; never raises.

    Args:
        text: the Formfile.
        mode: `lint` accepts what the builder's documentation accepts and warns where the builder differs; in `strict`
            everything that the builder would ignore, refuse or read in another way is an error.
        secrets: whether to look for secrets; off for a rendered Formfile, which holds what placeholders stood for.

    Returns:
        The instructions that could be read, in order, and every problem, by line and column.
    """
    report = Report(mode)
    if text.startswith("\ufeff"):
        report.add(1, 0, "bom", "the file starts with a byte order mark: save it as UTF-8 without one")
        text = text[1:]
    lines = list(_lines(text, _State(secrets=secrets), report))
    instructions = tuple(line.holds for line in lines if isinstance(line.holds, Instruction))
    declarations = tuple(line.holds for line in lines if isinstance(line.holds, Declaration))
    _check_whole(instructions, declarations, _uses(lines), report, secrets=secrets, named=_tried(lines, Name.keyword))
    problems = tuple(sorted(report.problems, key=lambda problem: (problem.line, problem.column)))
    return Formfile(instructions, declarations, problems, tuple(lines))


def declaration_of(comment: str) -> tuple[str, str | None] | None:
    """The name and the default of a `#? name = default` comment, or None if it is no such comment.

    Grammar: `#?` name [`=` default]. A name is letters, digits and `_`, with dots between; the default is the rest of
    the line without the spaces around it and may be empty. A declaration without `=` says that a value must be given.
    """
    match = _DECLARATION.fullmatch(comment.strip())
    if match is None:
        return None
    default = match.group(2)
    return match.group(1), None if default is None else default.strip()


class _State:
    """What one line leaves for the next."""

    def __init__(self, *, secrets: bool) -> None:
        self.secrets = secrets
        self.continued = False
        self.private_key = False


def _lines(text: str, state: _State, report: Report) -> Iterator[Line]:
    pieces = text.split("\n")
    if pieces[-1] == "":
        pieces.pop()
    for number, piece in enumerate(pieces, 1):
        yield _line(number, piece.rstrip("\r"), state, report)


def _line(number: int, raw: str, state: _State, report: Report) -> Line:
    if state.private_key and in_private_key(raw):
        state.private_key = not ends_private_key(raw)
        return Line(number, raw)
    state.private_key = state.secrets and opens_private_key(raw)
    secret = False
    for found in find_secrets(raw) if state.secrets else ():
        report.add(number, found.at, "secret" if found.sure else "secret_likely", found.sentence)
        secret = secret or found.sure
    # Other sentences quote what stands on the line, so on a line with a secret they wait until it is gone.
    line_report = LineReport(Report(report.mode) if secret else report, number)
    if match := CONTROL.search(raw):
        line_report.add(match.start(), "control_character", f"control character U+{ord(match.group()):04X}: delete it")
    start = len(raw) - len(raw.lstrip())
    if state.continued:
        state.continued = _continues(raw)
        return Line(number, raw)
    if start == len(raw):
        return Line(number, "")
    if raw[start] == "#":
        return _comment(number, raw, start, line_report)
    if _continues(raw):
        state.continued = True
        line_report.add(
            len(raw.rstrip()) - 1,
            "continuation",
            "the builder reads one instruction a line: join it with the next line",
        )
        return Line(number, raw)
    return _instruction(number, raw, start, line_report)


def _continues(raw: str) -> bool:
    end = raw.rstrip()
    return (len(end) - len(end.rstrip("\\"))) % 2 == 1


def _comment(number: int, raw: str, start: int, report: LineReport) -> Line:
    text = raw[start + 1 :].rstrip()
    if not text.startswith("?"):
        return Line(number, raw, comment=text)
    declared = declaration_of(raw)
    if declared is None:
        report.add(start, "declaration_syntax", "a declaration is written '#? name = default'")
        return Line(number, raw, comment=text)
    return Line(number, raw, Declaration(declared[0], declared[1], Span(number, start + 1, len(raw.rstrip()) + 1)))


def _instruction(number: int, raw: str, start: int, report: LineReport) -> Line:
    name = raw.split(None, 1)[0]
    name_end = start + len(name)
    spec = _spec(name, start, report)
    if spec is None:
        return Line(number, raw)
    at = len(raw) - len(raw[name_end:].lstrip())
    _check_gap(spec, raw[name_end:at], name_end, report)
    cut = _cut(spec, raw, at, report)
    if cut is None:
        return Line(number, raw)
    text, words, comment_at = cut
    if comment_at is not None:
        report.add(
            comment_at,
            "trailing_comment",
            "the builder reads this comment as part of the value: put it on its own line",
        )
    comment = None if comment_at is None else raw[comment_at + 1 :].rstrip()
    if not text.strip("\"' ") or (spec.name not in (*_FREE, "RUN", "ENTRYPOINT") and not words):
        report.add(name_end, "missing_value", f"{spec.name} needs a value, as in '{spec.syntax}'")
        return Line(number, raw, comment=comment)
    pieces = [] if spec.name == "RUN" else [text, *(word.text for word in words)]
    if any(stray_braces(piece) for piece in pieces):
        report.add(max(raw.find("{{", at), at), "placeholder_syntax", "a placeholder is written {{ name }}")
        return Line(number, raw, comment=comment)
    end = len(raw.rstrip()) if comment_at is None else len(raw[:comment_at].rstrip())
    value = Value(spec, text, at, words, Span(number, start + 1, end + 1), report)
    try:
        return Line(number, raw, READERS[spec.name](value), comment)
    except Refused as refused:
        report.add(*refused.problem)
        return Line(number, raw, comment=comment)


def _spec(name: str, at: int, report: LineReport) -> InstructionSpec | None:
    spec = BY_NAME.get(name)
    if spec is None:
        spec = BY_NAME.get(name.upper()) if len(name) <= 16 else None
        if spec is None:
            report.add(at, "unknown_instruction", _unknown(name))
            return None
        report.add(at, "name_case", f"the builder ignores '{name}': write {spec.name}")
    elif name != spec.name:
        report.add(at, "alias", f"{name} is another name of {spec.name}: prefer {spec.name}")
    return spec


def _unknown(name: str) -> str:
    upper = name.upper() if len(name) <= 16 else ""
    if upper in FOREIGN:
        return f"{upper} is no Formfile instruction: {FOREIGN[upper]}"
    meant = nearest(name.upper(), tuple(BY_NAME))
    known = f"did you mean {meant}?" if meant else f"the instructions are {', '.join(s.name for s in INSTRUCTIONS)}"
    return f"unknown instruction '{shown(name)}': {known}"


def _check_gap(spec: InstructionSpec, gap: str, at: int, report: LineReport) -> None:
    if gap and gap[0] != " ":
        report.add(at, "spacing", f"the builder ignores this line: put a space after {spec.name}")
    elif len(gap) > 1 and (spec.numbers or spec.name == "NAME"):
        report.add(
            at, "spacing", f"the builder reads the second space as part of the value: one space after {spec.name}"
        )


def _cut(
    spec: InstructionSpec, raw: str, at: int, report: LineReport
) -> tuple[str, tuple[Word, ...], int | None] | None:
    """The value, its words, and where a comment after it starts; None when quotes are left open."""
    if spec.name == "RUN":
        return raw[at:].rstrip(), (), None
    if spec.name in _FREE:
        free = free_text(raw, at)
        if free.quoted and spec.name == "NAME":
            report.add(at, "quoted", "the builder keeps the quotes as part of the value: leave them out")
        return free.text, (), free.comment_at
    if spec.name == "ENTRYPOINT" and raw.startswith("[", at):
        comment_at = after_array(raw, at)
        return raw[at:comment_at].rstrip(), (), comment_at
    found = split_words(raw, at)
    if found.unclosed_at is not None:
        report.add(found.unclosed_at, "unclosed_quote", "this quote is not closed on its line")
        return None
    if spec.name != "USER":
        _check_quotes(spec, found.words, report)
    return raw[at : found.comment_at].rstrip(), found.words, found.comment_at


def _check_quotes(spec: InstructionSpec, words: tuple[Word, ...], report: LineReport) -> None:
    for word in words:
        if not word.quoted:
            continue
        if spec.name == "ENTRYPOINT":
            report.add(word.start, "quoted", "the builder splits at spaces even inside quotes: write a JSON array")
        elif any(character.isspace() for character in word.text) and not has_placeholder(word.text):
            report.add(word.start, "quoted", "the builder splits at spaces even inside quotes: leave the spaces out")
        else:
            report.add(word.start, "quoted", "the builder keeps the quotes as part of the value: leave them out")
        return


def _uses(lines: list[Line]) -> list[tuple[str, int, int]]:
    """The placeholders that instructions use: name, line, character."""
    uses: list[tuple[str, int, int]] = []
    for line in lines:
        if isinstance(line.holds, Instruction) and "{{" in line.raw:
            end = line.holds.span.end - 1
            uses.extend((name, line.number, at) for name, at in placeholders(line.raw[:end]))
    return uses


def _tried(lines: list[Line], keyword: str) -> bool:
    """Whether some line that could not be read starts with this name: then it is not missing as well."""
    return any(line.holds is None and line.raw.split(None, 1)[:1] == [keyword] for line in lines)


# ---- the rules about a Formfile as a whole: what must be there, what may be there once, what placeholders need -------


def _check_whole(
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
            f"{says} stands on line {first} already: {_ADVICE.get(repeat, '')}keep one",
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


_ADVICE: dict[Repeat, str] = {"first": "the builder uses the first one, ", "last": "the last one counts, "}


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
    used = {name: (line, at) for name, line, at in reversed(uses)}
    for name, (line, at) in used.items():
        if name not in declared and name not in RECORD_PLACEHOLDERS:
            short = name[:40]
            report.add(
                line,
                at,
                "placeholder_undeclared",
                f"'{short}' is not declared: add a line '#? {short} = default' or '#? {short}'",
            )
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
