"""Building: `formfile`. A text in, a text or problems out; its bundles are made and checked in `bundles`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tui_registry.cli.output import UsageError, cell_width, note, out, out_json, terminal_width
from tui_registry.cli.registry import STDIN, find, open_registry, read_text, shown_name, write_file, write_text
from tui_registry.errors import Json
from tui_registry.formfile import FormfileProblem, check_agreement, format_parsed, parse, recognise
from tui_registry.text import ELLIPSIS, exact, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Entry
    from tui_registry.formfile.model import Mode


def formfile(args: Namespace) -> int:
    """Do the action."""
    match args.action:
        case "lint":
            return _lint(args)
        case "fmt":
            return _fmt(args)
        case "render":
            return _render(args)
        case "generate":
            return _generate(args)
        case "language":
            return _language()
    from tui_registry.cli import bundles

    return bundles.build(args) if args.action == "build" else bundles.verify(args)


def read_values(args: Namespace) -> dict[str, str]:
    """The values of `--set` and `--set-file`, the last one of a name; of a file without the line end.

    Raises:
        FileError: a file cannot be read.
    """
    values: dict[str, str] = dict(args.set)
    files: list[tuple[str, str]] = args.set_file
    for name, file in files:
        values[name] = read_text(file, _MOST_BYTES).removesuffix("\n").removesuffix("\r")
    return values


# How

# As the wire limits have it; the language itself knows no length.
_LONGEST_TEMPLATE = 24_576
_MOST_BYTES = 1 << 20


def _lint(args: Namespace) -> int:
    source = _source(args)
    mode: Mode = "strict" if args.strict else "lint"
    formfile = parse(source.text, mode)
    problems = list(formfile.problems)
    if len(source.text) > _LONGEST_TEMPLATE:
        says = f"the file has {exact(len(source.text))} characters, a record's template at most {_LONGEST_TEMPLATE:,}"
        problems.append(FormfileProblem(1, 1, "error", "too_long", says))
    if source.entry is not None:
        problems += check_agreement(formfile, source.entry.kind, source.entry.record)
    problems.sort(key=lambda problem: (problem.line, problem.column))
    if args.json:
        for problem in problems:
            out_json({"file": source.name, **_problem_json(problem)})
    else:
        for line in _described(problems, source.name, [line.raw for line in formfile.lines]):
            out(line)
        note(f"{safe_text(source.name)}: {_counted(problems)}")
    return 1 if any(problem.severity == "error" for problem in problems) else 0


def _fmt(args: Namespace) -> int:
    name: str = args.file
    if args.write and name == STDIN:
        raise UsageError("stdin cannot be written: leave out --write, the layout is printed")
    raw = read_text(name, _MOST_BYTES)
    formfile = parse(_plain(raw, shown_name(name)))
    text = format_parsed(formfile)
    changed = text != raw
    if formfile.errors:
        note(
            f"{shown_name(name)}: {_counted(formfile.errors)}, lines with errors stay as they are: see 'formfile lint'"
        )
    if args.write and changed:
        write_file(name, text.encode(), None)
    if args.json:
        out_json({"file": shown_name(name), "changed": changed, "text": text})
    elif args.write:
        note(f"{shown_name(name)}: {'formatted' if changed else 'in layout already'}")
    elif not args.check:
        write_text(text)
    if args.check and changed:
        note(f"{shown_name(name)} is not in layout: 'formfile fmt --write' formats it")
    return 1 if args.check and changed else 0


def _render(args: Namespace) -> int:
    from tui_registry.formfile import record_values, render
    from tui_registry.formfile.bundle import check_given

    source = _source(args)
    given = read_values(args)
    own = {} if source.entry is None else record_values(source.entry.kind, source.entry.record)
    check_given(source.text, given, own)
    rendered = render(source.text, {**own, **given})
    failed = any(problem.severity == "error" for problem in rendered.problems)
    if args.json:
        problems = [_problem_json(problem) for problem in rendered.problems]
        out_json({"text": None if failed else rendered.text, "problems": [*problems]})
    else:
        tell(rendered.problems, source.name, [line.raw for line in parse(source.text, secrets=False).lines])
        if not failed:
            write_text(rendered.text)
    return 1 if failed else 0


def _generate(args: Namespace) -> int:
    from tui_registry.formfile import generate

    with open_registry(args) as datastore:
        entry = find(datastore, args.id)
    text = generate(entry.kind, entry.record)
    if args.json:
        out_json({"kind": entry.kind, "id": entry.id, "text": text})
    else:
        write_text(text)
    return 0


def _language() -> int:
    from tui_registry.formfile.help import LANGUAGE

    out(LANGUAGE.rstrip("\n"))
    return 0


class _Source(NamedTuple):
    """A Formfile, what it is called in messages, and the record that goes with it."""

    text: str
    name: str
    entry: Entry | None


def _source(args: Namespace) -> _Source:
    file: str | None = args.file
    prefix: str | None = args.record
    if file is None and prefix is None:
        raise UsageError("name a Formfile, - for stdin, or a record with --record ID")
    entry = None
    if prefix is not None:
        with open_registry(args) as datastore:
            entry = find(datastore, prefix)
    if file is not None:
        return _Source(_plain(read_text(file, _MOST_BYTES), shown_name(file)), shown_name(file), entry)
    assert entry is not None
    return _Source(str(entry.record["formfile_template"]), entry.id[:12], entry)


def _plain(text: str, name: str) -> str:
    """The Formfile in a text that may also be base64 or the builder's JSON."""
    found = recognise(text)
    if found.form != "plain":
        note(f"{name} is a Formfile as {'base64' if found.form == 'base64' else 'JSON'}, read as plain text")
    for said in found.notes:
        note(safe_text(said))
    return found.text


# Problems of a Formfile as people and programs read them: the place, the sentence, the line and a caret under it

_INDENT = "    "
_SECRETS = ("secret", "secret_likely")


def _described(problems: Sequence[FormfileProblem], source: str, lines: Sequence[str]) -> Iterator[str]:
    """The problems as lines of text.

    Args:
        source: what the Formfile is called.
        lines: its lines, to be quoted; one that holds a secret is not.
    """
    for message, quoted in _messages(problems, source, lines):
        yield from (message, *quoted)


def tell(problems: Sequence[FormfileProblem], source: str, lines: Sequence[str]) -> None:
    """Say the problems on stderr; arguments as for `_described`."""
    for message, quoted in _messages(problems, source, lines):
        note(message)
        sys.stderr.writelines(f"{line}\n" for line in quoted)


def _problem_json(problem: FormfileProblem) -> dict[str, Json]:
    """A problem as programs read it."""
    return {
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity,
        "code": problem.code,
        "sentence": problem.sentence,
    }


def _counted(problems: Sequence[FormfileProblem]) -> str:
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
