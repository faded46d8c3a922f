"""`formfile lint`, `fmt`, `render` and `generate`: a text in, a text or problems out."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, NamedTuple

from tui_registry.cli.commands.formfile_files import MOST_BYTES, read_values, shown, write_file, write_text
from tui_registry.cli.commands.formfile_problems import counted, described, problem_json, tell
from tui_registry.cli.errors import UsageError
from tui_registry.cli.output import note, out, out_json
from tui_registry.cli.registry import STDIN, find, open_registry, read_file
from tui_registry.formfile import FormfileProblem, check_agreement, format_parsed, parse, recognise
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Entry
    from tui_registry.formfile.language import Mode

# As the wire limits have it; the language itself knows no length.
_LONGEST_TEMPLATE = 24_576


def run(args: Namespace) -> int:
    """Do the action."""
    match args.action:
        case "lint":
            return _lint(args)
        case "fmt":
            return _fmt(args)
        case "render":
            return _render(args)
        case _:
            return _generate(args)


class _Source(NamedTuple):
    """A Formfile, what it is called in messages, and the record that goes with it."""

    text: str
    name: str
    entry: Entry | None


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
            out_json({"file": source.name, **problem_json(problem)})
    else:
        for line in described(problems, source.name, [line.raw for line in formfile.lines]):
            out(line)
        note(f"{safe_text(source.name)}: {counted(problems)}")
    return 1 if any(problem.severity == "error" for problem in problems) else 0


def _fmt(args: Namespace) -> int:
    name: str = args.file
    if args.write and name == STDIN:
        raise UsageError("stdin cannot be written: leave out --write, the layout is printed")
    raw = read_file(name, MOST_BYTES)
    formfile = parse(_plain(raw, shown(name)))
    text = format_parsed(formfile)
    changed = text != raw
    if formfile.errors:
        note(f"{shown(name)}: {counted(formfile.errors)}, lines with errors stay as they are: see 'formfile lint'")
    if args.write and changed:
        write_file(name, text.encode(), None)
    if args.json:
        out_json({"file": shown(name), "changed": changed, "text": text})
    elif args.write:
        note(f"{shown(name)}: {'formatted' if changed else 'in layout already'}")
    elif not args.check:
        write_text(text)
    if args.check and changed:
        note(f"{shown(name)} is not in layout: 'formfile fmt --write' formats it")
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
        problems = [problem_json(problem) for problem in rendered.problems]
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
        return _Source(_plain(read_file(file, MOST_BYTES), shown(file)), shown(file), entry)
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
