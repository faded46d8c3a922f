"""Writing: `register`, `update`, `delete`, `undo` and `restore`, and what `import` shares with them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui_registry.cli.commands import KEEP_A_COPY
from tui_registry.cli.output import (
    Column,
    Table,
    UsageError,
    confirm,
    note,
    out,
    out_json,
    problem_line,
    terminal_width,
)
from tui_registry.cli.registry import STDIN, entry_json, find, open_registry, read_text
from tui_registry.datastore import (
    Datastore,
    Entry,
    NothingToUndo,
    StoreError,
    carry_out,
    carry_out_reverse,
    plan_undo,
)
from tui_registry.errors import InvalidRecord, Json, Kind, Problem, Record
from tui_registry.importers.own_documents import read_draft
from tui_registry.present import undone
from tui_registry.present.imports import Finding
from tui_registry.present.record_rows import changed_rows
from tui_registry.records.as_written import read_record
from tui_registry.records.documents import MAX_DOCUMENT_BYTES, load_document
from tui_registry.records.schema import ID_FIELD
from tui_registry.text import exact, moment_utc, safe_text

if TYPE_CHECKING:
    from tui_registry.crdt import AgentOp, ModelOp
    from tui_registry.datastore import Undo


_BATCH_COLUMNS = (
    Column("BATCH", 5, right=True),
    Column("OPS", 6, right=True),
    Column("WRITTEN", 23),
    Column("WHAT", 30, grows=True),
)


def register(args: Namespace) -> int:
    """Register the record."""
    finding = _read_draft(args.file, args.kind)
    kind, record = _draft_of(finding)
    with open_registry(args) as datastore, key_explained(datastore), _in_file(finding.source):
        _tell(datastore, "registered", datastore.add(kind, record), as_json=args.json)
    return 0


def update(args: Namespace) -> int:
    """Change the record."""
    with open_registry(args) as datastore:
        entry = find(datastore, args.id)
        _need_own(entry, "updated")
        finding = _read_draft(args.file, entry.kind, entry.record)
        kind, record = _draft_of(finding)
        _need_same(entry, finding)
        with _in_file(finding.source):
            op = datastore.update(kind, entry.id, record, finding.heads or entry.heads)
            _tell(datastore, "settled" if len(entry.live_heads) > 1 else "edited", op, as_json=args.json)
    return 0


def delete(args: Namespace) -> int:
    """Delete the record, after asking."""
    with open_registry(args) as datastore:
        entry = find(datastore, args.id)
        _need_own(entry, "deleted")
        name = safe_text(str(entry.record["name"]))
        if not args.yes:
            confirm(f"Delete {entry.kind} {name} ({entry.id[:12]})?", f"delete {name}", "nothing was deleted")
        op = datastore.delete(entry.kind, entry.id, entry.heads)
    if args.json:
        out_json(_deleted_json(op))
    else:
        out(f"deleted {entry.kind} {name}, id {entry.id}")
    return 0


def undo(args: Namespace) -> int:
    """Undo the last operation on the record, or writes that were made together, after asking."""
    if args.batches:
        return _list_batches(args)
    if args.batch is not None:
        return _undo_batch(args)
    if args.id is None:
        raise UsageError("which record? Give its ID, or --batch last for the last import, or --batches for a list")
    with open_registry(args) as datastore:
        plan = plan_undo(datastore, args.id)
        if not args.yes:
            confirm(_question(plan), "undo it", "nothing was undone")
        op = carry_out(datastore, plan)
        entry = datastore.entry(plan.id, plan.kind)
    if args.json:
        out_json(_deleted_json(op) if plan.then is None or entry is None else entry_json(entry))
    else:
        out(f"{undone.done(plan)}, id {plan.id}")
    _advise(entry)
    return 0


def _list_batches(args: Namespace) -> int:
    with open_registry(args) as datastore:
        batches = datastore.log.batches()
    if args.json:
        for batch in batches:
            out_json(batch._asdict())
        return 0
    if not batches:
        note("nothing was written together yet: an import or a deletion of marked records is")
        return 0
    table = Table(_BATCH_COLUMNS, terminal_width())
    out(table.header())
    for batch in batches:
        label = f"{safe_text(batch.label)}{', undone' if batch.undone else ''}"
        out(table.line((str(batch.number), exact(batch.ops), moment_utc(batch.written_at), label)))
    return 0


def _undo_batch(args: Namespace) -> int:
    with open_registry(args) as datastore:
        reverse = datastore.log.reverse(_batch_number(datastore, args.batch))
        if not reverse.changes:
            raise NothingToUndo(f"nothing of the {undone.batch_name(reverse.batch)} is left as it was written")
        if not args.yes:
            note(undone.batch_detail(reverse))
            confirm(undone.batch_question(reverse), "undo it", "nothing was undone")
        failures = carry_out_reverse(datastore, reverse)
    if args.json:
        left = {identifier: why for _, identifier, why in reverse.kept}
        out_json(
            {
                "batch": reverse.batch.number,
                "undone": len(reverse.changes) - len(failures),
                "kept": {**left},
                "failed": [error.sentence for error in failures],
            }
        )
    else:
        out(undone.batch_done(reverse, len(failures)))
    for error in failures:
        note(error.sentence)
    return 1 if failures else 0


def _batch_number(datastore: Datastore, named: str) -> int:
    if named.isdecimal():
        return int(named)
    last = datastore.log.batches(1)
    if named != "last" or not last:
        what = "there is none yet" if named == "last" else f"'{safe_text(named, 40)}' is no number"
        raise StoreError("not_found", f"{what}: see `undo --batches`")
    return last[0].number


def restore(args: Namespace) -> int:
    """Bring the record back."""
    with open_registry(args) as datastore:
        kind, identifier = datastore.find(args.id, deleted=True)
        if datastore.entry(identifier, kind) is not None:
            raise StoreError(
                "not_deleted", f"{kind} {identifier[:12]} is not deleted: 'undo' takes back its last change"
            )
        op = carry_out(datastore, plan_undo(datastore, identifier))
        _tell(datastore, "brought back", op, as_json=args.json)
    return 0


# From a file named on the line to a draft that can be signed


def _read_draft(name: str, kind: Kind, base: Record | None = None) -> Finding:
    """The draft of exactly one record in a JSON or YAML file or on stdin.

    Raises:
        FileError: it cannot be read. DocumentError: it is neither JSON nor YAML.
    """
    shown = "stdin" if name == STDIN else name
    return read_draft(load_document(read_text(name, MAX_DOCUMENT_BYTES), shown), shown, kind, base=base)


def _draft_of(finding: Finding) -> tuple[Kind, Record]:
    """The draft.

    Raises:
        InvalidRecord: there is none; each problem names the file.
    """
    if finding.record is None or finding.kind is None:
        raise _at(finding.source, finding.problems)
    for remark in finding.notes:
        note(f"note: {safe_text(remark)}")
    return finding.kind, finding.record


@contextmanager
def _in_file(source: str) -> Iterator[None]:
    """Add the name of the file to the problems of the record that it holds."""
    try:
        yield
    except InvalidRecord as error:
        raise _at(source, error.problems) from error


def _at(source: str, problems: tuple[Problem, ...]) -> InvalidRecord:
    return InvalidRecord(
        tuple(
            Problem(f"{source}: {path}" if path else source, severity, code, sentence)
            for path, severity, code, sentence in problems
        )
    )


def with_settings(kind: Kind, record: Record, settings: list[tuple[str, str]]) -> Record:
    """The record with the values of `--set field=value` in it.

    Values are read as in a YAML file: numbers in people's units, lists as JSON or with commas. A dot leads into the
    requirements: `resource_requirements.min_vcpus=4`.

    Raises:
        InvalidRecord: a field that is not there, or a value that does not fit.
    """
    document: dict[str, Json] = {}
    for path, text in settings:
        outer, _, inner = path.partition(".")
        value = _set_value(record.get(outer), text)
        if not inner:
            document[outer] = value
            continue
        struct = document.setdefault(outer, {})
        if isinstance(struct, dict):
            struct[inner] = value
    return read_record(kind, document, base=record)


def _set_value(present: Json, text: str) -> Json:
    if text.startswith(("[", "{")):
        return load_document(text, "--set")
    if isinstance(present, list):
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


# Checks before a write, questions, and what is said after it


@contextmanager
def key_explained(datastore: Datastore) -> Iterator[None]:
    """After a block that signed this key's first operation, say where the key is and why to keep a copy."""
    before = datastore.key.operations()
    yield
    if before == 0 and datastore.key.operations():
        place = safe_text(str(datastore.key.file))
        note(
            f"the key that signs your records is {place}, and without it nobody can change them, you included: "
            f"{KEEP_A_COPY}"
        )


def _need_own(entry: Entry, done: str) -> None:
    """Refuse before anything is asked or read, when the record is another owner's.

    Raises:
        StoreError: `not_owner`.
    """
    if not entry.mine:
        owner = entry.record["owner_id"]
        instead = ": register a copy without its id instead" if done == "updated" else ""
        raise StoreError(
            "not_owner",
            f"{entry.kind} {safe_text(str(entry.record['name']))} belongs to 0x{owner} and can only be {done} "
            f"with that key{instead}",
        )


def _need_same(entry: Entry, finding: Finding) -> None:
    """Refuse a file that is a copy of another record.

    Raises:
        StoreError: `other_record`.
    """
    for named in (finding.id or entry.id, (finding.record or entry.record)[ID_FIELD[entry.kind]]):
        if named != entry.id:
            described = f"{entry.kind} {str(named)[:12]}, not {entry.id[:12]}"
            raise StoreError("other_record", f"{finding.source} describes {described}: take the id out of it")


def _question(plan: Undo) -> str:
    asked = undone.question(plan, f" ({plan.id[:12]})")
    if plan.now is None or plan.then is None:
        return asked
    changed = [row.plain for row, _ in changed_rows(plan.now, plan.then)]
    return f"{asked.removesuffix('?')}: {', '.join(changed) or 'only the time'}?"


def _tell(datastore: Datastore, did: str, op: ModelOp | AgentOp, *, as_json: bool) -> None:
    """Print what was written, and the warnings of the authoring rules about it."""
    entry = datastore.entry(op.key, op.kind)
    if entry is None:  # another process deleted it since
        out(f"{did} {op.kind} {op.key}")
    elif as_json:
        out_json(entry_json(entry))
    else:
        out(f"{did} {entry.kind} {safe_text(str(entry.record['name']))}, id {entry.id}")
    _advise(entry)


def _advise(entry: Entry | None) -> None:
    for problem in () if entry is None else entry.problems:
        note(problem_line(problem))


def _deleted_json(op: ModelOp | AgentOp) -> dict[str, Json]:
    return {"kind": op.kind, "id": op.key, "deleted": True, "hash": op.hash}
