"""Writing: `register`, `update`, `delete`, `undo`, `restore` and `resolve`, and what `import` shares with them."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from tui_registry.cli.commands import KEEP_A_COPY
from tui_registry.cli.linked import say_affected
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
from tui_registry.cli.parser import PROGRAM
from tui_registry.cli.registry import (
    STDIN,
    asking,
    find,
    names_in,
    open_either,
    open_either_to_write,
    open_registry,
    open_to_write,
    read_text,
    say_who_signed,
    whole_json,
)
from tui_registry.cli.side_by_side import conflict_diff
from tui_registry.datastore import (
    Datastore,
    Entry,
    ImportRun,
    NothingToUndo,
    RecordChange,
    StoreError,
    Together,
    carry_out,
    carry_out_reverse,
    plan_undo,
    revision_with,
)
from tui_registry.errors import ABSENT, InvalidRecord, Json, Kind, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.importers import place_of
from tui_registry.importers.own_documents import read_draft
from tui_registry.present import settling, undone
from tui_registry.present.imports import LICENCE_ASSUMED, Finding, describe
from tui_registry.present.links import affected_by, relied_on
from tui_registry.present.manifest_rows import changed_manifest_rows
from tui_registry.present.record_rows import changed_rows
from tui_registry.present.version_words import change_lines
from tui_registry.query.nodes import quoted
from tui_registry.records.as_written import beside, read_record
from tui_registry.records.documents import MAX_DOCUMENT_BYTES, load_document
from tui_registry.records.merging import Merged, merge, paths, shape_of, value_at
from tui_registry.records.schema import ID_FIELD, NULL_HASH, defaults
from tui_registry.text import exact, moment_utc, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.cli.registry import Registry
    from tui_registry.crdt import AnyOp
    from tui_registry.datastore import Comparison, Undo, Versions
    from tui_registry.sync.remote import Remote, Written


_BATCH_COLUMNS = (
    Column("BATCH", 5, right=True),
    Column("OPS", 6, right=True),
    Column("WRITTEN", 23),
    Column("WHAT", 30, grows=True),
)


def register(args: Namespace) -> int:
    """Register the record, unless it is here already."""
    finding = _read_draft(args.file, args.kind)
    # What is here already has the licence that it has
    kind, record = _draft_of(replace(finding, notes=tuple(one for one in finding.notes if one != LICENCE_ASSUMED)))
    place = "" if args.file == STDIN else place_of(args.file)
    run = ImportRun(place)
    entry = describe(replace(finding, place=place), run)
    if args.node is not None:
        return _register_there(args, finding, kind, record)
    with open_to_write(args) as datastore, key_explained(datastore), _in_file(finding.source):
        if args.new or entry is None:
            identifier = datastore.add(kind, record, manifest=finding.manifest).key
            _remember(datastore, finding, args.file, identifier)
            _tell_registered(datastore, finding, identifier, as_json=args.json)
            return 0
        (taken,) = datastore.take_in([entry], run, register=True)
        found = taken.comparison
        if taken.error is not None:
            raise taken.error
        if taken.op is not None:
            _tell_registered(datastore, finding, taken.op.key, as_json=args.json)
        elif found.found == "same" and found.id is not None and not found.edited:
            _need_same_manifest(datastore, kind, found.id, finding, args.file)
            _tell_status(datastore, "here", found.id, as_json=args.json)
        else:
            problems = tuple(datastore.check(kind, record))
            if any(problem.severity == "error" for problem in problems):
                raise InvalidRecord(problems)
            raise found.reason or _differs(kind, found, record, args.file)
    return 0


def _register_there(args: Namespace, finding: Finding, kind: Kind, record: Record) -> int:
    """`register` at a node, which keeps no sources: what is there already is found by its name, version and
    quantisation, among the records of the node's key."""
    with open_either_to_write(args) as node, _in_file(finding.source):
        assert not isinstance(node, Datastore)
        there = None if args.new else _there_already(node, kind, record)
        if there is not None:
            edited = [
                path
                for path in paths(kind)
                if path in (finding.stated or ()) and value_at(record, path) != value_at(there.record, path)
            ]
            if edited:
                told = merge(None, [there.record], {path: value_at(record, path) for path in edited}).record
                at = f"{PROGRAM} --node {node.name} "
                raise _says_something_else(kind, there.id, there.record, told, args.file, at=at)
            _need_same_manifest(node, kind, there.id, finding, args.file)
            _tell_status(node, "here", there.id, as_json=args.json)
            return 0
        written = node.add(kind, record, manifest=finding.manifest)
        _tell_registered(node, finding, written.key, as_json=args.json)
        say_who_signed(node)
    return 0


def _need_same_manifest(registry: Registry, kind: Kind, identifier: str, finding: Finding, file: str) -> None:
    """Refuse a file whose record is here as it says, and whose manifest is another.

    Raises:
        StoreError: `differs`.
    """
    if finding.manifest is ABSENT:
        return
    present = registry.manifests.get(identifier)
    before = None if present is None else present.manifest
    changed = changed_manifest_rows(before or defaults("manifest"), finding.manifest or defaults("manifest"))
    if not changed and (before is None) == (finding.manifest is None):
        return
    short = identifier[:12]
    told = "; ".join(f"{was.plain}: {was.text} → {now.text}" for was, now in changed[:_MOST_CHANGES])
    change = asking(registry, f"'{PROGRAM} update {short} {safe_text(file, 200)}' changes it")
    raise StoreError(
        "differs",
        f"{kind} {short} is here already and the file says something else in its manifest (nothing was signed)"
        f"{f': {told}' if told else ''}: {change}",
    )


def _there_already(node: Remote, kind: Kind, record: Record) -> Entry | None:
    identifier = str(record[ID_FIELD[kind]])
    if identifier != NULL_HASH:
        return node.entry(identifier, kind)
    if not node.address:
        return None
    same = ("name", "version", "quantization")
    found = islice(node.entries(f"owner:{node.address} name:{quoted(str(record['name']))}", kind=kind), _MOST_NAMESAKES)
    return next((one for one in found if all(one.record.get(name) == record.get(name) for name in same)), None)


def _remember(datastore: Registry, finding: Finding, file: str, identifier: str) -> None:
    """Keep that a file is a record, for the next import of it; a file without a name only says what to change. A node
    keeps no files of others."""
    if not isinstance(datastore, Datastore):
        return
    run = ImportRun("" if file == STDIN else place_of(file))
    entry = describe(replace(finding, place=run.source), run)
    if entry is not None and "name" in entry.stated:
        datastore.imports.remember(entry, identifier)


def _differs(kind: Kind, found: Comparison, draft: Record, file: str) -> StoreError:
    """What is said of a file whose record is here and says something else."""
    assert found.before is not None
    told = merge(None, [found.record or found.before], {path: value_at(draft, path) for path in found.edited}).record
    # What names the record that is here cannot be another one
    is_named = draft[ID_FIELD[kind]] == found.id
    return _says_something_else(kind, found.id or "", found.before, told, file, is_named=is_named)


def _says_something_else(
    kind: Kind, identifier: str, before: Record, told: Record, file: str, *, is_named: bool = False, at: str = ""
) -> StoreError:
    """`at` is what stands before the commands that help."""
    name, short = safe_text(str(before["name"]), 60), identifier[:12]
    lines = change_lines(before, told, most=1)
    more = f"; and {exact(len(lines) - _MOST_CHANGES)} more" if len(lines) > _MOST_CHANGES else ""
    without = "without its id " if is_named else ""
    return StoreError(
        "differs",
        f"{kind} {name} ({short}) is here already and the file says something else (nothing was signed): "
        f"{'; '.join(lines[:_MOST_CHANGES])}{more}: '{at}update {short} {safe_text(file, 200)}' changes it, "
        f"{without}'{at}register --new' registers another one",
    )


_MOST_CHANGES = 6
# Records of a node with a name like that of a file that is to be registered: so many are looked at.
_MOST_NAMESAKES = 1_000


def _tell_registered(datastore: Registry, finding: Finding, identifier: str, *, as_json: bool) -> None:
    _tell_status(datastore, "registered", identifier, as_json=as_json)
    _advise_behind(datastore, finding, identifier)
    if LICENCE_ASSUMED in finding.notes:
        note(f"note: {LICENCE_ASSUMED}")


def _tell_status(datastore: Registry, status: str, identifier: str, *, as_json: bool) -> None:
    """Print what `register` found or made: `registered` with its warnings, or `here`."""
    entry = datastore.entry(identifier)
    if entry is None and as_json:
        raise StoreError("not_found", f"{identifier} was {status}, and another process deleted it since")
    if entry is None:
        out(f"{status} {identifier}")
    elif as_json:
        out_json({**whole_json(datastore, entry), "status": status})
    else:
        did = "already here:" if status == "here" else status
        out(f"{did} {entry.kind} {safe_text(str(entry.record['name']))}, id {entry.id}")
    if status != "here":
        _advise(entry)


def update(args: Namespace) -> int:
    """Change the record."""
    with open_either_to_write(args) as datastore:
        entry = find(datastore, args.id, own=True)
        _need_own(entry, "updated")
        _need_settled(datastore, entry.id)
        behind = datastore.manifests.get(entry.id)
        finding = _read_draft(args.file, entry.kind, entry.record, None if behind is None else behind.manifest)
        kind, record = _draft_of(finding)
        _need_same(kind, entry.id, finding)
        seen = () if behind is None else behind.heads
        whole = revision_with(entry.heads, seen)
        # Who was shown the record alone has not seen what stands behind it.
        if finding.revision != whole and (finding.manifest is not ABSENT or finding.revision != entry.revision):
            _need_revision(entry, finding.revision, whole)
        stated = finding.manifest if isinstance(finding.manifest, dict) else {}
        was = (None if behind is None else behind.manifest) or defaults("manifest")
        if relied_on(entry.record, record) or relied_on(was, stated):
            say_affected(datastore, entry.id)
        with _in_file(finding.source):
            op = datastore.update(
                kind,
                entry.id,
                record,
                finding.heads or entry.heads,
                manifest=finding.manifest,
                manifest_seen=() if finding.manifest is ABSENT else seen,
            )
            _remember(datastore, finding, args.file, entry.id)
            after = datastore.manifests.get(entry.id) if op.hash in entry.heads else None
            is_same = op.hash in entry.heads and (after is None or after.heads == seen)
            _tell(datastore, "unchanged:" if is_same else "edited", op, as_json=args.json)
            _advise_behind(datastore, finding, entry.id)
            say_who_signed(datastore)
    return 0


def delete(args: Namespace) -> int:
    """Delete the records, after one question; several in one batch, which is undone as one."""
    with open_either_to_write(args) as datastore:
        named = {entry.id: entry for entry in (find(datastore, typed, own=True) for typed in args.ids)}
        entries = [*named.values()]
        for entry in entries:
            _need_own(entry, "deleted")
            _need_settled(datastore, entry.id)
        for entry in entries:
            say_affected(datastore, entry.id)
        if not args.yes:
            _confirm_deletion(entries)
        failure: RegistryError | None = None
        for entry, op in zip(entries, _delete_each(datastore, entries), strict=True):
            if isinstance(op, RegistryError):
                failure = failure or op
            elif args.json:
                out_json(_deleted_json(op))
            else:
                out(f"deleted {entry.kind} {safe_text(str(entry.record['name']))}, id {entry.id}")
        say_who_signed(datastore)
    if failure is not None:
        raise failure
    return 0


def _confirm_deletion(entries: Sequence[Entry]) -> None:
    first, name = entries[0], safe_text(str(entries[0].record["name"]))
    if len(entries) == 1:
        confirm(f"Delete {first.kind} {name} ({first.id[:12]})?", f"delete {name}", "nothing was deleted")
        return
    for entry in entries:
        note(f"{entry.kind} {safe_text(str(entry.record['name']))} ({entry.id[:12]})")
    count = plural(len(entries), "record")
    confirm(f"Delete these {count}?", f"delete {count}", "nothing was deleted")


def _delete_each(datastore: Registry, entries: Sequence[Entry]) -> Iterator[AnyOp | Written | RegistryError]:
    """The operation of each record, or why it was not deleted."""
    if isinstance(datastore, Datastore) and len(entries) > 1:
        changes = [RecordChange(entry.kind, entry.id, None, entry.heads) for entry in entries]
        yield from datastore.change_all(changes, together=Together(f"deletion of {plural(len(entries), 'record')}"))
        return
    for entry in entries:
        try:
            yield datastore.delete(entry.kind, entry.id, entry.heads)
        except RegistryError as error:
            yield error


def undo(args: Namespace) -> int:
    """Undo the last operation on the record, or writes that were made together, after asking."""
    if args.batches:
        return _list_batches(args)
    if args.batch is not None:
        return _undo_batch(args)
    if args.id is None:
        raise UsageError("which record? Give its ID, or --batch last for the last import, or --batches for a list")
    with open_to_write(args) as datastore:
        _, identifier = datastore.find(args.id, deleted=True, own=True)
        _need_settled(datastore, identifier)
        plan = plan_undo(datastore, identifier)
        if undone.concerns_others(plan):
            say_affected(datastore, plan.id)
        if not args.yes:
            confirm(_question(plan), "undo it", "nothing was undone")
        op = carry_out(datastore, plan)
        entry = datastore.entry(plan.id, plan.kind)
        told = _deleted_json(op) if entry is None else whole_json(datastore, entry)
    if args.json:
        out_json(told)
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
    with open_to_write(args) as datastore:
        reverse = datastore.log.reverse(_batch_number(datastore, args.batch))
        if not reverse.changes:
            raise NothingToUndo(f"nothing of the {undone.batch_name(reverse.batch)} is left as it was written")
        for line in affected_by(datastore, reverse):
            note(line)
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
    with open_to_write(args) as datastore:
        kind, identifier = datastore.find(args.id, deleted=True, own=True)
        if datastore.entry(identifier, kind) is not None:
            raise StoreError(
                "not_deleted", f"{kind} {identifier[:12]} is not deleted: 'undo' takes back its last change"
            )
        op = carry_out(datastore, plan_undo(datastore, identifier))
        _tell(datastore, "brought back", op, as_json=args.json)
    return 0


def resolve(args: Namespace) -> int:
    """Settle a conflict: merge what needs no decision, with the decisions that the line names.

    Nothing is signed over a version that nobody saw: the line or its file names the versions, or they are shown now.
    """
    decided = args.take is not None or args.merge is not None or bool(args.set)
    if args.delete and decided:
        raise UsageError("--delete settles by deleting the record, and goes with no --take, --merge or --set")
    opened = open_either(args) if args.dry_run or args.node is None else open_either_to_write(args)
    with opened as datastore:
        versions = _in_conflict(datastore, find(datastore, args.id, own=True))
        _need_revision(versions, args.revision, _revision_as_shown(datastore, versions, args.revision))
        if args.delete:
            return _settle_by_removal(datastore, versions, args)
        edit = None if args.merge is None else _read_edit(datastore, versions, args.merge)
        merged = _merged(datastore, versions, args, edit)
        if merged.open:
            raise StoreError("conflict", asking(datastore, settling.undecided(versions, merged)))
        seen = args.revision is not None or (edit is not None and edit.names_versions)
        return _settle(datastore, versions, merged, args, seen=seen, decided=decided)


# How a conflict is settled


def _revision_as_shown(registry: Registry, versions: Versions, revision: str | None) -> str:
    """What stands for the versions of a record: as `show` told it with its manifest, or by themselves."""
    if revision in (None, versions.revision):
        return versions.revision
    behind = registry.manifests.get(versions.id)
    return versions.revision if behind is None else revision_with(versions.heads, behind.heads)


def _in_conflict(datastore: Registry, entry: Entry) -> Versions:
    """The versions of a record of this key's.

    Raises:
        StoreError: `not_owner`, or `no_conflict` where there is one.
    """
    _need_own(entry, "settled")
    versions = datastore.versions(entry.id)
    if versions is None or len(versions.live) < 2:
        behind = datastore.manifests.get(entry.id)
        if behind is not None and len(behind.live_heads) > 1:
            how = asking(datastore, f"'tui-registry manifest resolve {entry.id[:12]}' settles that")
            raise StoreError("no_conflict", f"of {entry.kind} {entry.id[:12]} only the manifest is in conflict: {how}")
        raise StoreError("no_conflict", f"{entry.kind} {entry.id[:12]} is not in conflict: there is nothing to settle")
    return versions


class _Edit(NamedTuple):
    """A file to merge.

    Attributes:
        name: of the file, for messages.
        document: what is in it.
        draft: the version that is shown with what the file says in it.
        names_versions: the file says which versions it was made from, and these are the live ones.
        is_change: the file was the version that is shown, every field of it: what it says is what its editor changed.
    """

    name: str
    document: Json
    draft: Record
    names_versions: bool
    is_change: bool


def _read_edit(registry: Registry, versions: Versions, file: str) -> _Edit:
    """The file that `--merge` names.

    Raises:
        StoreError: `changed` when it was made from other versions, `other_record`.
        InvalidRecord, FileError, DocumentError: it cannot be read.
    """
    name, document = _load(file)
    finding = read_draft(document, name, versions.kind, base=settling.records_of(versions)[0])
    _, draft = _draft_of(finding)
    _need_same(versions.kind, versions.id, finding)
    if finding.heads and set(finding.heads) != set(versions.heads):
        raise StoreError("changed", _other_versions(versions, name))
    _need_revision(versions, finding.revision, _revision_as_shown(registry, versions, finding.revision))
    names_versions = bool(finding.heads) or finding.revision is not None
    # What `show --at` gave is a version that somebody chose, and no edit of the one that is shown.
    chosen = isinstance(document, dict) and "at" in document
    return _Edit(name, document, draft, names_versions, names_versions and not chosen)


def _merged(datastore: Registry, versions: Versions, args: Namespace, edit: _Edit | None) -> Merged:
    """The merge with what `--take`, `--merge` and `--set` decide.

    What they say goes on top of each version alike: a field that is the same in all of them then is decided.

    Raises:
        StoreError: no such version to take.
        InvalidRecord: what the line sets cannot be read.
    """
    bases = settling.records_of(versions)
    if args.take is not None:
        bases = [_taken(datastore, versions, args.take)]
    if edit is not None:
        bases = _with_edit(versions, edit, bases)
    bases = [with_settings(versions.kind, base, args.set) if args.set else base for base in bases]
    decided = {
        path: value_at(bases[0], path)
        for path in paths(versions.kind)
        if all(value_at(base, path) == value_at(bases[0], path) for base in bases)
    }
    return merge(versions.ancestor and versions.ancestor.record, settling.records_of(versions), decided)


def _taken(datastore: Registry, versions: Versions, prefix: str) -> Record:
    # Most often one of the live ones, as they were shown.
    shown = (entry for entry in versions.live if len(prefix) >= _SURE and entry.hash.startswith(prefix.strip().lower()))
    op = next(shown, None) or datastore.record_at(versions.id, prefix)
    if op.record is None:
        raise StoreError("not_found", f"operation {op.hash[:12]} is a removal: --delete settles by deleting the record")
    return op.record


# No two operations of a record begin with the same digits, where they are so many: 48 bits.
_SURE = 12


def _with_edit(versions: Versions, edit: _Edit, bases: Sequence[Record]) -> list[Record]:
    """Each version with what the file says in it."""
    if edit.is_change:
        changed = _changed(versions, edit, bases)
        return [merge(None, [base], changed).record for base in bases]
    read = [read_draft(edit.document, edit.name, versions.kind, base=base) for base in bases]
    return [_draft_of(finding)[1] for finding in read]


def _changed(versions: Versions, edit: _Edit, bases: Sequence[Record]) -> Mapping[str, Json]:
    """The fields in which the file is not as the version that is shown. Of a list the items that came and went count:
    those that other versions added stay."""
    kind, shown = versions.kind, settling.records_of(versions)[0]
    # As it was exported and is read again: a template that is stored as base64 comes back as text.
    _, before = _draft_of(read_draft({"kind": kind, "record": shown}, edit.name))
    so_far = merge(versions.ancestor and versions.ancestor.record, bases).record
    by_item = merge(before, [so_far, edit.draft]).record
    return {
        path: value_at(by_item if shape_of(path) == "list" else edit.draft, path)
        for path in paths(kind)
        if value_at(edit.draft, path) != value_at(before, path)
    }


def _settle(
    datastore: Registry, versions: Versions, merged: Merged, args: Namespace, *, seen: bool, decided: bool
) -> int:
    source = "" if args.merge is None else "stdin" if args.merge == STDIN else args.merge
    problems = datastore.check(versions.kind, merged.record)
    with _in_file(source):
        if any(problem.severity == "error" for problem in problems):
            raise InvalidRecord(tuple(problems))
    lines = settling.settled_lines(versions, merged)
    if args.dry_run:
        return _would_settle(versions, merged, lines, as_json=args.json)
    ask = not (seen and (decided or args.yes))
    if ask:
        question = "\n".join([*(f"  {line}" for line in lines), f"Settle {settling.called(versions)} so?"])
        _confirm(datastore, versions, question, "settle", args, seen=seen, needs_yes=not decided)
    shown = versions.live[0].record
    if shown is not None and relied_on(shown, merged.record):
        say_affected(datastore, versions.id)
    op = datastore.resolve(versions.kind, versions.id, merged.record, versions.heads)
    _tell(datastore, "settled", op, as_json=args.json)
    say_who_signed(datastore)
    for line in () if args.json or ask else lines:
        out(f"  {line}")
    note(asking(datastore, _where_versions_stay(versions)))
    return 0


def _would_settle(versions: Versions, merged: Merged, lines: Sequence[str], *, as_json: bool) -> int:
    if as_json:
        heads: dict[str, Json] = {"heads": [*versions.heads], "revision": versions.revision}
        out_json({"kind": versions.kind, "id": versions.id, "record": merged.record, **heads, "written": False})
        return 0
    out(f"would settle {settling.called(versions)}")
    for line in lines:
        out(f"  {line}")
    note(_UNSETTLED)
    return 0


def _settle_by_removal(datastore: Registry, versions: Versions, args: Namespace) -> int:
    called = settling.called(versions)
    if args.dry_run and args.json:
        out_json({"kind": versions.kind, "id": versions.id, "deleted": True, "written": False})
        return 0
    if args.dry_run:
        out(f"would delete {called}, all {len(versions.live)} versions of it")
        note(_UNSETTLED)
        return 0
    seen = args.revision is not None
    say_affected(datastore, versions.id)
    if not (seen and args.yes):
        question = f"Delete {called}, all {len(versions.live)} versions of it?"
        _confirm(datastore, versions, question, "delete", args, seen=seen, needs_yes=True)
    op = datastore.resolve(versions.kind, versions.id, None, versions.heads)
    say_who_signed(datastore)
    if args.json:
        out_json(_deleted_json(op))
    else:
        out(f"deleted {called}, id {versions.id}")
    note(asking(datastore, _where_versions_stay(versions)))
    return 0


def _confirm(
    datastore: Registry, versions: Versions, question: str, deed: str, args: Namespace, *, seen: bool, needs_yes: bool
) -> None:
    """Ask before a conflict is settled, and show its versions where the line does not say that they were seen.

    Args:
        deed: `settle` or `delete`.
        needs_yes: a line that names the versions needs `--yes` as well, where nobody can be asked.

    Raises:
        UsageError: nobody can be asked, or is to be asked, and no revision is named.
        StoppedError: the answer was no.
    """
    doing = f"{deed} {settling.called(versions)}"
    if seen:
        confirm(question, doing, _UNSETTLED)
        return
    missing = f"add --revision REVISION{' --yes' if needs_yes and not args.yes else ''}, {_WHERE_REVISIONS_ARE}"
    if args.yes:
        raise UsageError(f"--yes alone would {doing} whatever versions it has by now: {missing}")
    shown = conflict_diff(versions, int(time.time()), names_in(datastore))
    confirm("\n".join([*shown, "", question]), doing, _UNSETTLED, missing)


_UNSETTLED = "nothing was written"
_WHERE_REVISIONS_ARE = "as 'conflicts --json', 'diff --json' or 'show --json' told it with the versions that you saw"


def _where_versions_stay(versions: Versions) -> str:
    named = ", ".join(entry.hash[:12] for entry in versions.live)
    return f"the versions {named} stay in the history: 'tui-registry history {versions.id[:12]}'"


def _other_versions(versions: Versions, seen_in: str) -> str:
    short = versions.id[:12]
    return (
        f"{settling.called(versions)} has other versions by now than {safe_text(seen_in, 200)} was made from: nothing "
        f"was written. 'tui-registry diff {short}' shows them, then merge again"
    )


# From a file named on the line to a draft that can be signed


def _read_draft(name: str, kind: Kind, base: Record | None = None, base_manifest: Record | None = None) -> Finding:
    """The draft of exactly one record in a JSON or YAML file or on stdin.

    Raises:
        FileError: it cannot be read. DocumentError: it is neither JSON nor YAML.
    """
    shown, document = _load(name)
    return read_draft(document, shown, kind, base=base, base_manifest=base_manifest)


def _load(name: str) -> tuple[str, Json]:
    """What a file is called, and the document in it; errors as for `_read_draft`."""
    shown = "stdin" if name == STDIN else name
    return shown, load_document(read_text(name, MAX_DOCUMENT_BYTES), shown)


def _draft_of(finding: Finding) -> tuple[Kind, Record]:
    """The draft.

    Raises:
        InvalidRecord: there is none; each problem names the file.
    """
    if finding.record is None or finding.kind is None:
        raise InvalidRecord(finding.problems, finding.source)
    for remark in finding.notes:
        note(f"note: {safe_text(remark)}")
    return finding.kind, finding.record


@contextmanager
def _in_file(source: str) -> Iterator[None]:
    """Add the name of the file to an error of the record that it holds; empty for no file."""
    try:
        yield
    except InvalidRecord as error:
        raise InvalidRecord(error.problems, source) from error


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


def _need_settled(datastore: Registry, identifier: str) -> None:
    """Refuse, before anything is asked or read, what cannot be done to a record of this key's in conflict.

    Raises:
        StoreError: `conflict`, with the fields that differ and the commands to go on.
    """
    versions = datastore.versions(identifier)
    if versions is not None and versions.mine and len(versions.live) > 1:
        raise StoreError("conflict", asking(datastore, settling.refused(versions)))


def _need_revision(now: Entry | Versions, revision: str | None, present: str | None = None) -> None:
    """Refuse when the record has other heads than those that the line or a file was made from.

    Args:
        present: what stands for the present heads, None for those of the record.

    Raises:
        StoreError: `changed`.
    """
    if revision is not None and revision != (present or now.revision):
        raise StoreError(
            "changed",
            f"{now.kind} {now.id[:12]} has changed since that revision was read: look at it again, then repeat the "
            "change. Nothing was written",
        )


def _need_same(kind: Kind, identifier: str, finding: Finding) -> None:
    """Refuse a file that is a copy of another record.

    Raises:
        StoreError: `other_record`.
    """
    written = identifier if finding.record is None else finding.record[ID_FIELD[kind]]
    for named in (finding.id or identifier, written):
        if named != identifier:
            described = f"{kind} {str(named)[:12]}, not {identifier[:12]}"
            raise StoreError("other_record", f"{finding.source} describes {described}: take the id out of it")


def _question(plan: Undo) -> str:
    asked = undone.question(plan, f" ({plan.id[:12]})")
    if plan.now is None or plan.then is None:
        return asked
    rows = (changed_manifest_rows if plan.of == "manifest" else changed_rows)(plan.now, plan.then)
    changed = [row.plain for row, _ in rows]
    return f"{asked.removesuffix('?')}: {', '.join(changed) or 'only the time'}?"


def _tell(datastore: Registry, did: str, op: AnyOp | Written, *, as_json: bool) -> None:
    """Print what was written, and the warnings of the authoring rules about it."""
    entry = None if op.kind == "manifest" else datastore.entry(op.key, op.kind)
    if entry is None and as_json:
        raise StoreError("not_found", f"{op.kind} {op.key} was {did}, and another process deleted it since")
    if entry is None:
        out(f"{did} {op.kind} {op.key}")
    elif as_json:
        out_json(whole_json(datastore, entry))
    else:
        out(f"{did} {entry.kind} {safe_text(str(entry.record['name']))}, id {entry.id}")
    _advise(entry)


def _advise(entry: Entry | None) -> None:
    for problem in () if entry is None else entry.problems:
        note(problem_line(problem))


def _advise_behind(registry: Registry, finding: Finding, identifier: str) -> None:
    """The warnings of the authoring rules about a manifest that was written with its record."""
    present = registry.manifests.get(identifier) if isinstance(finding.manifest, dict) else None
    for problem in () if present is None else present.problems:
        note(problem_line(problem._replace(path=beside(problem.path))))


def _deleted_json(op: AnyOp | Written) -> dict[str, Json]:
    return {"kind": op.kind, "id": op.key, "deleted": True, "hash": op.hash}
