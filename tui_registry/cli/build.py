"""Building: `formfile`, its texts (lint, fmt, render, generate) and its bundles (build, verify)."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tui_registry.cli.output import StoppedError, UsageError, cell_width, note, out, out_json, terminal_width
from tui_registry.cli.registry import (
    STDIN,
    STDOUT,
    find,
    open_registry,
    read_bytes,
    read_text,
    shown_name,
    write_bytes,
    write_file,
    write_text,
)
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import Json
from tui_registry.formfile import (
    FormfileProblem,
    check_agreement,
    format_parsed,
    generate,
    parse,
    recognise,
    record_values,
    render,
)
from tui_registry.formfile.bundle import (
    MAX_BUNDLE_BYTES,
    Bundle,
    BundleError,
    SignedRecord,
    check_bundle,
    check_given,
    digest,
    make_bundle,
)
from tui_registry.formfile.editor import LANGUAGE
from tui_registry.formfile.language import Name
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import MAX_OP_BYTES
from tui_registry.records.wire import derive_id
from tui_registry.text import ELLIPSIS, exact, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Entry
    from tui_registry.formfile.language import Mode


def formfile(args: Namespace) -> int:
    """Run the action that the line names."""
    return _ACTIONS[args.action](args)


def read_signed(body: bytes, registered_as: str) -> SignedRecord:
    """What an operation wrote, once its hash, its signature and its right to the id are checked.

    Args:
        body: the operation's exact bytes.
        registered_as: the name that its record was first registered with.

    Raises:
        OpError: it does not pass, or deletes its record.
    """
    from tui_registry.crdt import OpError, check_alone, parse_op

    op = parse_op(body)
    check_alone(op)
    if op.record is None or op.actor is None or op.created_at is None:
        raise OpError("child", "this operation deletes its record: there is nothing to build")
    # An id is made from the owner's address and the first name. Later operations may have another name, so the bundle
    # gives the first one, and making the id again proves that it is the signer's.
    if op.kind == "manifest" or derive_id(op.kind, op.actor, registered_as, op.created_at) != op.key:
        raise OpError("id", "the id is not one that the signer's key made: the record may be another owner's")
    return SignedRecord(
        op.kind, op.key, op.actor, op.hash, registered_as, op.updated_at, op.record, body
    )  # fmt: skip


# Texts

# The wire limit of `formfile_template`; the language itself has no limit.
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
    source = _source(args)
    given = _read_values(args)
    own = {} if source.entry is None else record_values(source.entry.kind, source.entry.record)
    check_given(source.text, given, own)
    rendered = render(source.text, {**own, **given})
    failed = any(problem.severity == "error" for problem in rendered.problems)
    if args.json:
        problems = [_problem_json(problem) for problem in rendered.problems]
        out_json({"text": None if failed else rendered.text, "problems": [*problems]})
    else:
        _tell(rendered.problems, source.name, [line.raw for line in parse(source.text, secrets=False).lines])
        if not failed:
            write_text(rendered.text)
    return 1 if failed else 0


def _generate(args: Namespace) -> int:
    with open_registry(args) as datastore:
        entry = find(datastore, args.id)
    text = generate(entry.kind, entry.record)
    if args.json:
        out_json({"kind": entry.kind, "id": entry.id, "text": text})
    else:
        write_text(text)
    return 0


def _language(_: Namespace) -> int:
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


def _read_values(args: Namespace) -> dict[str, str]:
    """The values of `--set` and `--set-file`, the last one of a name; of a file without the line end.

    Raises:
        FileError: a file cannot be read.
    """
    values: dict[str, str] = dict(args.set)
    files: list[tuple[str, str]] = args.set_file
    for name, file in files:
        values[name] = read_text(file, _MOST_BYTES).removesuffix("\n").removesuffix("\r")
    return values


# Bundles: from a record to its bundle, and from a bundle to whose record it holds


def _build(args: Namespace) -> int:
    values = _read_values(args)
    with open_registry(args) as datastore:
        signed = _current(datastore, args.id, allow_conflict=args.allow_conflict)
    name = f"{signed.kind} {safe_text(str(signed.record['name']))} ({signed.id[:12]})"
    template = str(signed.record["formfile_template"])
    try:
        bundle = make_bundle(signed, values)
    except BundleError as error:
        raise _explained(error, name, template, signed.id) from error
    failed = _tell_rendered(bundle, "strict" if args.strict else "lint")
    if args.strict and failed:
        raise StoppedError(f"{name}: the builder would misread its Formfile: nothing was written")
    output: str = args.output or f"{_file_name(bundle)}.tar"
    if output == STDOUT:
        write_bytes(bundle.data)
    else:
        # A value may be a password.
        write_file(output, bundle.data, 0o600 if values else 0o666)
    described = {"file": None if output == STDOUT else output, "size": len(bundle.data), **_bundle_json(bundle)}
    if output == STDOUT:
        note(f"the bundle of {name} has {exact(len(bundle.data))} bytes, SHA-256 {digest(bundle.data)}")
    elif args.json:
        out_json(described)
    else:
        out(f"wrote {safe_text(output)}, {exact(len(bundle.data))} bytes, SHA-256 {digest(bundle.data)}")
    return 0


def _verify(args: Namespace) -> int:
    name: str = args.file
    try:
        bundle = check_bundle(read_bytes(name, MAX_BUNDLE_BYTES), read_signed)
    except BundleError as error:
        raise BundleError(error.code, f"{shown_name(name)}: {error.sentence}") from error
    _tell_rendered(bundle, "lint")
    if args.json:
        out_json({"file": shown_name(name), "sound": True, **_bundle_json(bundle)})
        return 0
    signed = bundle.signed
    out(f"{shown_name(name)} is sound")
    out(f"  {signed.kind:<10}{safe_text(str(signed.record['name']))} {safe_text(str(signed.record['version']))}")
    out(f"  id        {signed.id}")
    out(f"  owner     0x{signed.owner}, who signed it")
    out(f"  operation {signed.op_hash}")
    # The names alone: a value may be a password.
    out(f"  values    {', '.join(sorted(bundle.values)) or 'none were given'}")
    return 0


def _current(datastore: Datastore, prefix: str, *, allow_conflict: bool) -> SignedRecord:
    """The current record with that id and its operation.

    Raises:
        StoreError: `not_found`, `ambiguous`, or `conflict`.
    """
    kind, identifier = datastore.find(prefix)
    history = datastore.history(identifier)
    current = next((entry for entry in history if entry.is_winner), None)
    first = next((entry.record for entry in history if not entry.children and entry.record is not None), None)
    bodies = [] if current is None else datastore.log.by_hash([current.hash], MAX_OP_BYTES)
    if current is None or first is None or not bodies:  # deleted by another process since
        raise StoreError("not_found", f"there is no {kind} {identifier[:12]} here: it was deleted just now")
    live = [entry for entry in history if entry.is_head and not entry.is_rm]
    if len(live) > 1:
        says = f"{kind} {identifier[:12]} is in conflict, {len(live)} versions were written at once"
        if not allow_conflict:
            raise StoreError(
                "conflict",
                f"{says}: its owner can settle it with 'resolve'; --allow-conflict builds {current.hash[:12]}, "
                "which counts until then",
            )
        note(f"{says}: this is {current.hash[:12]}, which counts until its owner settles it")
    return read_signed(bodies[0], str(first["name"]))


def _explained(error: BundleError, name: str, template: str, identifier: str) -> BundleError:
    """Print the problems of the template, and return the error with the name of the record."""
    if error.code == "no_template":
        hint = f"'tui-registry formfile generate {identifier[:12]}' writes one for its formfile_template"
        return BundleError(error.code, f"{name} has no Formfile template: {hint}")
    _tell(error.problems, identifier[:12], [line.raw for line in parse(template, secrets=False).lines])
    end = ": nothing was written" if error.problems else ""
    return BundleError(error.code, f"{name}: {error.sentence}{end}")


def _tell_rendered(bundle: Bundle, mode: Mode) -> bool:
    """Print what could be better about the rendered Formfile; True if there are errors in this mode."""
    formfile = parse(bundle.formfile, mode, secrets=False)
    problems = [*formfile.problems, *check_agreement(formfile, bundle.signed.kind, bundle.signed.record)]
    if problems:
        problems.sort(key=lambda problem: (problem.line, problem.column))
        # Quoted lines could show a value that is a password.
        _tell(problems, "Formfile", [] if bundle.values else bundle.formfile.split("\n"))
    return bool(formfile.errors)


def _file_name(bundle: Bundle) -> str:
    """A name for the file: what the Formfile calls the instance, without characters that a file name cannot have."""
    names = [i.value for i in parse(bundle.formfile, secrets=False).instructions if isinstance(i, Name)]
    kept = "".join(c for c in (names[0] if names else "")[:64] if c.isascii() and (c.isalnum() or c in "-_"))
    return f"{kept.strip('-') or bundle.signed.kind}-{bundle.signed.id[:12]}"


def _bundle_json(bundle: Bundle) -> dict[str, Json]:
    signed = bundle.signed
    return {
        "sha256": digest(bundle.data),
        "kind": signed.kind,
        "id": signed.id,
        "owner": signed.owner,
        "op": signed.op_hash,
        "values": [*sorted(bundle.values)],
    }


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


def _tell(problems: Sequence[FormfileProblem], source: str, lines: Sequence[str]) -> None:
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
    said = [plural(count, word) for count, word in counts if count]
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
    """Whether the problem is of the whole text, such as a missing line: then it points at the first character."""
    return (problem.line, problem.column) == (1, 1) and line.split(None, 1)[0] not in problem.sentence


def _pointed_at(line: str, at: int) -> Iterator[str]:
    """The part of a line around a character (from 0), and a caret under it."""
    room = max(20, terminal_width() - len(_INDENT) - 2)
    start = max(0, min(at - room // 2, len(line) - room)) if len(line) > room else 0
    before = (ELLIPSIS if start else "") + safe_text(line[start:at])
    after = safe_text(line[at : start + room]) + (ELLIPSIS if start + room < len(line) else "")
    yield f"{_INDENT}{before}{after}".rstrip()
    yield f"{_INDENT}{' ' * cell_width(before)}^"


_ACTIONS = {
    "lint": _lint,
    "fmt": _fmt,
    "render": _render,
    "generate": _generate,
    "language": _language,
    "build": _build,
    "verify": _verify,
}
