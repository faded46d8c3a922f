"""Reading a Formfile line by line: text in, typed instructions and problems out. `parse` never raises.

What follows the name of an instruction is read by one function for each, all of the same shape (`READERS`): it reports
what can be tolerated, and raises `Refused` for what cannot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from tui_registry.frozen import Frozen
from tui_registry.text import nearest

from . import language
from .language import (
    BOOLEANS,
    BY_NAME,
    FOREIGN,
    GPU_COUNT,
    GPU_MODELS,
    INSTRUCTIONS,
    PORTS,
    RECORD_PLACEHOLDERS,
    USER_KEYS,
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
    Numbers,
    Repeat,
    Report,
    Span,
    Template,
    User,
    is_tried,
    shown,
)
from .secrets import ends_private_key, find_secrets, in_private_key, opens_private_key
from .words import CONTROL, Word, free_text, has_placeholder, one_spelling, placeholders, split_words, stray_braces

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
    _check_whole(instructions, declarations, _uses(lines), report, secrets=secrets, named=is_tried(lines, Name.keyword))
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


# ---- what follows the name of an instruction -----------------------------------------------------------------------


class Refused(Exception):
    """What stands on the line is no instruction: at which character (from 0), the code and the sentence."""

    def __init__(self, at: int, code: str, sentence: str) -> None:
        super().__init__(at, code, sentence)
        self.problem = at, code, sentence


class Value(Frozen):
    """What follows the name of an instruction: the raw text from `start` on, and its words (none for free text)."""

    spec: InstructionSpec
    text: str
    start: int
    words: tuple[Word, ...]
    span: Span
    report: LineReport


Reader: TypeAlias = Callable[[Value], Instruction]

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_RECORD_ID = re.compile(r"[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Debian policy 5.6.1, with apt-get's `:arch`, `=version` and `/release`.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+:~-]+|/[A-Za-z0-9.-]+)?")
_SERVICE = re.compile(r"[A-Za-z0-9@._:\\-]+")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def _name(value: Value) -> Instruction:
    if not has_placeholder(value.text) and not _NAME.fullmatch(value.text):
        value.report.add(value.start, "bad_name", "a NAME holds only letters, digits, - and _")
    return language.Name(span=value.span, value=value.text)


def _description(value: Value) -> Instruction:
    return language.Description(span=value.span, value=value.text)


def _run(value: Value) -> Instruction:
    return language.Run(span=value.span, command=value.text)


def _model(value: Value) -> Instruction:
    word = _only(value)
    presence, colon, model_id = word.text.partition(":")
    if not colon or presence not in ("required", "preferred"):
        meant = nearest(presence, ("required", "preferred")) or "required"
        rest = model_id if colon else presence
        raise Refused(
            word.start, "model_form", f"MODEL takes required:ID or preferred:ID: write {meant}:{shown(rest, 64)}"
        )
    if not model_id:
        raise Refused(word.start, "missing_value", f"MODEL {presence}: needs the id of a model")
    if not has_placeholder(model_id) and not _RECORD_ID.fullmatch(model_id):
        value.report.add(word.start, "model_id", "this is not a registry id: those have 64 hex digits in lower case")
    return language.Model(
        span=value.span, presence="required" if presence == "required" else "preferred", model_id=model_id
    )


def _vcpu(value: Value) -> Instruction:
    return language.Vcpu(span=value.span, count=_size(value))


def _memory(value: Value) -> Instruction:
    return language.Memory(span=value.span, megabytes=_size(value))


def _disk(value: Value) -> Instruction:
    return language.Disk(span=value.span, gigabytes=_size(value))


def _gpu(value: Value) -> Instruction:
    word = _only(value)
    name, colon, number = word.text.partition(":")
    if not has_placeholder(name) and name not in GPU_MODELS:
        meant = nearest(re.sub(r"[\s_-]", "", name).upper(), GPU_MODELS)
        known = f"did you mean {meant}?" if meant else f"the models are {', '.join(GPU_MODELS)}"
        raise Refused(word.start, "unknown_gpu", f"unknown GPU model '{shown(name)}': {known}")
    if not colon:
        return language.Gpu(span=value.span, model=name)
    at = word.start + len(name) + 1
    if not number:
        raise Refused(at, "missing_value", f"GPU {shown(name)}: needs a count, {GPU_COUNT.range}")
    count = _number("GPU count", (Word(number, at, word.end),), GPU_COUNT)
    return language.Gpu(span=value.span, model=name, count=count)


def _workdir(value: Value) -> Instruction:
    word = _only(value)
    if not word.text.startswith("/") and not has_placeholder(word.text):
        raise Refused(word.start, "relative_path", f"WORKDIR takes an absolute path: write /{shown(word.text)}")
    if any(part in (".", "..") for part in word.text.split("/")):
        raise Refused(word.start, "relative_path", "WORKDIR takes a path without . and ..")
    return language.Workdir(span=value.span, path=word.text)


def _copy(value: Value) -> Instruction:
    if value.words[0].text.startswith("--"):
        option = shown(value.words[0].text.partition("=")[0])
        raise Refused(value.words[0].start, "unknown_option", f"COPY has no options here: leave out {option}")
    if len(value.words) != 2:
        raise Refused(value.start, "copy_form", "COPY takes one source and one destination, without spaces in them")
    source, destination = value.words
    if not source.text or not destination.text:
        raise Refused(value.start, "missing_value", "COPY needs a source and a destination")
    if ".." in source.text.split("/"):
        value.report.add(source.start, "outside_context", "COPY reads only inside the build context: leave out ..")
    return language.Copy(span=value.span, source=source.text, destination=destination.text)


def _install(value: Value) -> Instruction:
    if not all(word.text for word in value.words):
        raise Refused(value.start, "missing_value", "INSTALL needs the names of packages")
    for word in value.words:
        if not has_placeholder(word.text) and not _PACKAGE.fullmatch(word.text):
            value.report.add(word.start, "bad_package", f"'{shown(word.text)}' is not the name of a Debian package")
    return language.Install(span=value.span, packages=tuple(word.text for word in value.words))


def _env(value: Value) -> Instruction:
    words = value.words
    scope: language.ScopeKind = "system"
    owner = ""
    if words[0].text.startswith("--"):
        scope, owner = _scope(words[0])
        words = words[1:]
    if not words:
        raise Refused(value.start, "missing_value", "ENV needs KEY=VALUE after its scope")
    key, equals, text = words[0].text.partition("=")
    if not equals:
        raise Refused(words[0].start, "env_form", f"ENV takes KEY=VALUE: write {shown(key)}=value")
    if not _VARIABLE.fullmatch(key):
        sentence = f"'{shown(key)}' is no variable name: letters, digits and _, no digit first"
        raise Refused(words[0].start, "env_key", sentence)
    if len(words) > 1:
        another = "=" in words[1].text
        advice = "write one ENV line for each variable" if another else "put a value with spaces in quotes"
        raise Refused(words[1].start, "extra_value", f"ENV takes one KEY=VALUE: {advice}")
    return language.Env(span=value.span, key=key, value=text, scope=scope, owner=owner)


def _scope(word: Word) -> tuple[language.ScopeKind, str]:
    option, _, scope = word.text.partition("=")
    if option != "--scope":
        raise Refused(word.start, "unknown_option", f"unknown option '{shown(option)}': ENV takes --scope=")
    kind, colon, owner = scope.partition(":")
    if kind == "system" and not colon:
        return "system", ""
    if kind == "user" and owner and (has_placeholder(owner) or _ACCOUNT.fullmatch(owner)):
        return "user", owner
    if kind == "service" and owner and (has_placeholder(owner) or _SERVICE.fullmatch(owner)):
        return "service", owner
    raise Refused(word.start, "bad_scope", f"'{shown(scope)}' is no scope: write system, user:NAME or service:NAME")


def _entrypoint(value: Value) -> Instruction:
    if value.text.startswith("["):
        program, *args = _array(value.text, value.start)
        return language.Entrypoint(span=value.span, command=program, args=tuple(args), written="json")
    program, *args = (word.text for word in value.words)
    if not program:
        raise Refused(value.start, "missing_value", "ENTRYPOINT needs a program")
    return language.Entrypoint(span=value.span, command=program, args=tuple(args), written="words")


def _expose(value: Value) -> Instruction:
    ports: list[int | Template] = []
    for word in value.words:
        at = word.start
        for part in word.text.split(","):
            if part:
                ports.append(_port(part, at))
            at += len(part) + 1
    if not ports:
        raise Refused(value.start, "missing_value", f"EXPOSE needs a port, {PORTS.range}")
    value.report.add(0, "expose_ignored", "EXPOSE is ignored by the builder: it documents the ports, it opens none")
    return language.Expose(span=value.span, ports=tuple(ports))


def _port(text: str, at: int) -> int | Template:
    number, slash, protocol = text.partition("/")
    if slash and protocol.lower() in ("tcp", "udp"):
        raise Refused(at, "unit", f"EXPOSE takes plain port numbers: write {shown(number)}")
    return _number("EXPOSE", (Word(text, at, at + len(text)),), PORTS)


def _only(value: Value) -> Word:
    if len(value.words) > 1:
        raise Refused(value.words[1].start, "extra_value", f"{value.spec.name} takes one value without spaces")
    return value.words[0]


# ---- USER: `key:value` words, each key once --------------------------------------------------------------------------

_USER_KEY = re.compile(r"\s*([^:=\s]*)\s*([:=])")
_PUBLIC_KEY = re.compile(r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-(?:ssh|ecdsa)-\S+)\s+[A-Za-z0-9+/=]+(?:\s|$)")


def _user(value: Value) -> Instruction:
    given: dict[str, str] = {}
    refused: list[Refused] = []
    for word in value.words:
        match = _USER_KEY.match(word.text)
        if match is None:
            # Not quoted in the sentence: in `passwd: word` the word is the password.
            sentence = "USER takes key:value words, without spaces around the colon"
            refused.append(Refused(word.start, "user_form", sentence))
            break
        key, text = match.group(1), word.text[match.end() :]
        try:
            _check_key(key, match.group(2), given, word.start, value.report)
            _check_text(key, text, word.start, value.report)
        except Refused as problem:
            refused.append(problem)
        given[key] = text
    else:
        if "username" not in given:
            refused.append(Refused(value.words[0].start, "missing_key", "USER needs username:NAME"))
    for earlier in refused[:-1]:
        value.report.add(*earlier.problem)
    if refused:
        raise refused[-1]
    return _account(given, value.span)


def _check_key(key: str, separator: str, given: dict[str, str], at: int, report: LineReport) -> None:
    if key not in USER_KEYS:
        meant = nearest(key.lower(), tuple(USER_KEYS))
        known = f"did you mean '{meant}'?" if meant else f"the keys are {', '.join(USER_KEYS)}"
        raise Refused(at, "unknown_key", f"unknown USER key '{shown(key)}': {known}")
    if separator == "=":
        report.add(at, "key_separator", f"write {key}:value, with a colon")
    if key in given:
        report.add(at, "duplicate", f"USER says {key} twice: the builder uses the last one")


def _check_text(key: str, text: str, at: int, report: LineReport) -> None:
    kind, items = USER_KEYS[key][0], _list(text)
    if not text or (kind in ("keys", "groups") and not items):
        raise Refused(at, "missing_value", f"{key}: needs a value")
    if kind == "keys":
        for part in items:
            if not has_placeholder(part) and not _PUBLIC_KEY.match(part):
                report.add(at, "public_key", "this does not look like an SSH public key: ssh-ed25519 AAAA... name")
    elif kind == "groups":
        wrong = [part for part in items if not has_placeholder(part) and not _ACCOUNT.fullmatch(part)]
        if wrong:
            raise Refused(at, "bad_group", f"'{shown(wrong[0])}' is no group name: [a-z_][a-z0-9_-]{{0,31}}")
    elif has_placeholder(text):
        return
    elif kind == "username" and not _ACCOUNT.fullmatch(text):
        raise Refused(at, "bad_username", f"'{shown(text)}' is no user name: [a-z_][a-z0-9_-]{{0,31}}")
    elif kind == "boolean" and text.lower() not in BOOLEANS:
        raise Refused(at, "bad_boolean", f"{key}: is true or false, not '{shown(text)}'")
    elif kind == "path" and not text.startswith("/"):
        raise Refused(at, "relative_path", f"{key}: takes an absolute path such as /bin/bash")


def _list(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


def _account(given: dict[str, str], span: Span) -> language.User:
    def flag(key: str) -> bool | Template | None:
        text = given.get(key)
        if text is None:
            return None
        return Template(text) if has_placeholder(text) else BOOLEANS[text.lower()]

    return language.User(
        span=span,
        username=given["username"],
        passwd=given.get("passwd"),
        sudo=flag("sudo"),
        ssh_authorized_keys=_list(given.get("ssh_authorized_keys", "")),
        lock_passwd=flag("lock_passwd"),
        shell=given.get("shell"),
        ssh_pwauth=flag("ssh_pwauth"),
        disable_root=flag("disable_root"),
        chpasswd_expire=flag("chpasswd_expire"),
        groups=_list(given.get("groups", "")),
    )


# ---- whole numbers in the plain unit of their instruction, and what to write instead of `16GB` -----------------------

_WHOLE = re.compile(r"[0-9]+", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(?:[,_' ][0-9]{3})+", re.ASCII)
_WITH_UNIT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([a-zA-Z]+)", re.ASCII)
_ENDLESS = 15


def _size(value: Value) -> int | Template:
    assert value.spec.numbers is not None
    return _number(value.spec.name, value.words, value.spec.numbers)


def _number(name: str, words: tuple[Word, ...], numbers: Numbers) -> int | Template:
    text, at = " ".join(word.text for word in words), words[0].start
    if has_placeholder(text):
        if len(words) > 1:
            raise Refused(words[1].start, "extra_value", f"{name} takes one value")
        return Template(text)
    if not _WHOLE.fullmatch(text):
        raise Refused(at, *_not_whole(name, text, numbers))
    digits = text.lstrip("0") or "0"
    value = int(digits) if len(digits) <= _ENDLESS else 10**_ENDLESS
    if value < numbers.least:
        raise Refused(at, "too_small", f"{name} {value} is too small: {numbers.range}")
    if value > numbers.most:
        raise Refused(at, "too_large", f"{name} {shown(text, 20)} is too large: {numbers.range}")
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
    return None if numbers.units else 1.0


def _instead(value: int, numbers: Numbers) -> str:
    return f"write {value}" if numbers.least <= value <= numbers.most else numbers.range


# ---- the JSON array of an ENTRYPOINT ---------------------------------------------------------------------------------

_NO_ARRAY = 'ENTRYPOINT starts like a JSON array but is none: write ["program", "argument"]'


def _array(text: str, start: int) -> list[str]:
    """The program and its arguments in an array that stands at `start` on its line."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = error.pos if isinstance(error, json.JSONDecodeError) else 0
        raise Refused(start + at, "bad_json", _NO_ARRAY) from None
    strings = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
    if not isinstance(items, list) or len(strings) != len(items):
        raise Refused(start, "bad_json", "ENTRYPOINT takes an array of strings: put every item in quotes")
    if not strings or not strings[0]:
        raise Refused(start, "missing_value", "ENTRYPOINT needs a program")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for item in strings for character in item):
        raise Refused(start, "control_character", "ENTRYPOINT holds a character that no program can be given")
    if any(stray_braces(item) for item in strings):
        raise Refused(start, "placeholder_syntax", "a placeholder is written {{ name }}")
    return [one_spelling(item) for item in strings]


def after_array(raw: str, at: int) -> int | None:
    """Where a comment starts that follows the array at `at`, or None."""
    try:
        _, end = json.JSONDecoder().raw_decode(raw, at)
    except (ValueError, RecursionError):
        return None
    begin = len(raw) - len(raw[end:].lstrip())
    return begin if end < begin < len(raw) and raw[begin] == "#" else None


READERS: dict[str, Reader] = {
    "NAME": _name,
    "DESCRIPTION": _description,
    "MODEL": _model,
    "VCPU": _vcpu,
    "MEMORY": _memory,
    "DISK": _disk,
    "GPU": _gpu,
    "USER": _user,
    "WORKDIR": _workdir,
    "RUN": _run,
    "COPY": _copy,
    "INSTALL": _install,
    "ENV": _env,
    "ENTRYPOINT": _entrypoint,
    "EXPOSE": _expose,
}
