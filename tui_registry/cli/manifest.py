"""What stands behind a record: `manifest show`, `set`, `edit`, `delete` and `resolve`, and `deprecate`."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tui_registry.cli.linked import say_affected
from tui_registry.cli.output import (
    StoppedError,
    UsageError,
    confirm,
    note,
    out,
    out_json,
    problem_line,
)
from tui_registry.cli.registry import (
    STDIN,
    asking,
    find,
    open_either,
    open_either_to_write,
    read_text,
    say_who_signed,
    standing,
)
from tui_registry.datastore import Datastore, StoreError
from tui_registry.errors import InvalidRecord, Json, Record, RegistryError
from tui_registry.present.links import relied_on, with_names
from tui_registry.present.manifest_rows import changed_manifest_rows, manifest_rows, status
from tui_registry.records.as_written import read_manifest, revision_beside
from tui_registry.records.documents import MAX_DOCUMENT_BYTES, load_document
from tui_registry.records.schema import MANIFEST_FIELDS, defaults
from tui_registry.text import moment_utc, safe_text

if TYPE_CHECKING:
    from tui_registry.cli.registry import Registry
    from tui_registry.datastore import Entry, HistoryEntry, ManifestEntry
    from tui_registry.present.links import Near

_LABEL = 22
# What the Datastore sets: nobody edits it.
_NOT_EDITED = frozenset(
    ("manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at")
)


def manifest(args: Namespace) -> int:
    """Show or write what stands behind a record."""
    return _ACTIONS[args.action](args)


def deprecate(args: Namespace) -> int:
    """Say of a record that it is not to be used any more, or that it is again."""
    if args.active and (args.withdraw or args.message is not None or args.by is not None):
        raise UsageError("--active says that the record is to be used: it goes with no --withdraw, --message or --by")
    with open_either_to_write(args) as registry:
        entry = find(registry, args.id, own=True)
        present = _present(registry, entry)
        heir = None if args.by is None else find(registry, args.by).id
        before = present.manifest or defaults("manifest")
        said: Record = {"status": "Active", "status_message": "", "superseded_by": None}
        if not args.active:
            said["status"] = "Withdrawn" if args.withdraw else "Deprecated"
            if said["status"] == before["status"]:
                # Said again: what is not given stays, rather than that a new reason takes away what to use instead.
                said = {name: before[name] for name in said}
            if args.message is not None:
                said["status_message"] = args.message
            if heir is not None:
                said["superseded_by"] = heir
        if {**before, **said} == before:
            state = "to be used" if args.active else status(before) or "to be used"
            note(f"{_called(entry)} is {state} already, and nothing was signed")
        else:
            if said["status"] != before["status"]:
                say_affected(registry, entry.id)
            registry.manifests.set(entry.id, {**before, **said}, present.heads)
            say_who_signed(registry)
        after = _present(registry, entry)
        line = None if after.manifest is None else standing(registry, entry.kind, after.manifest)
    if args.json:
        out_json(manifest_json(after))
        return 0
    out(f"{_called(entry)}: {line or 'to be used'}, id {entry.id}")
    _advise(after)
    return 0


def manifest_json(entry: ManifestEntry) -> dict[str, Json]:
    """A manifest as programs read it, and as `manifest set` takes it back."""
    return {
        "kind": entry.kind,
        "id": entry.id,
        "manifest": entry.manifest,
        "heads": [*entry.heads],
        "revision": entry.revision,
        "conflict": len(entry.live_heads) > 1,
        "problems": [problem.to_json() for problem in entry.problems],
    }


def manifest_lines(found: Record, near: Near | None = None) -> Iterator[str]:
    """The rows of a manifest that say something, as `show` has them below the record.

    Args:
        near: the records that it names, which are told by their names then.
    """
    before = ""
    rows = manifest_rows(found)
    for row in rows if near is None else with_names(rows, near.named, ids=True):
        if row.stated:
            yield f"  {'' if row.plain == before else row.plain:<{_LABEL}}{row.text}"
            before = row.plain


# The actions


def _show(args: Namespace) -> int:
    with open_either(args) as registry:
        entry = find(registry, args.id)
        present = _present(registry, entry)
        versions = registry.manifests.versions(entry.id) if len(present.live_heads) > 1 else []
        line = None if present.manifest is None else standing(registry, entry.kind, present.manifest)
    if args.json:
        told = manifest_json(present)
        if versions:
            told["versions"] = [_version_json(version) for version in versions]
        out_json(told)
        return 0
    if present.manifest is None:
        note(
            asking(
                registry,
                f"{_called(entry)} has no manifest: 'tui-registry manifest set {entry.id[:12]} FILE' writes one",
            )
        )
        return 0
    out(f"manifest of {_called(entry)}")
    out()
    if line is not None:
        out(f"  ! {line}")
    for said in manifest_lines(present.manifest):
        out(said)
    out(f"  {'updated':<{_LABEL}}{moment_utc(int(str(present.manifest['updated_at'])))}")
    for problem in present.problems:
        out(f"  {problem_line(problem)}")
    if versions:
        out()
        for said in _version_lines(versions):
            out(said)
        note(asking(registry, f"'tui-registry manifest resolve {entry.id[:12]} --take OP' settles it"))
    return 0


def _set(args: Namespace) -> int:
    shown = "stdin" if args.file == STDIN else args.file
    with open_either_to_write(args) as registry:
        entry = find(registry, args.id, own=True)
        present = _present(registry, entry)
        document = load_document(read_text(args.file, MAX_DOCUMENT_BYTES), shown)
        _need_same(entry, document, shown)
        revision = revision_beside(document)
        if revision is not None and revision != present.revision:
            raise StoreError(
                "changed",
                f"the manifest of {_called(entry)} has changed since that revision was read: look at it again, then "
                "repeat the change. Nothing was written",
            )
        _write(registry, entry, present, document, shown)
        after = _present(registry, entry)
    return _tell(args, entry, after)


def _edit(args: Namespace) -> int:
    import tempfile

    from tui_registry.external_editor import EditorError, editor_words, run_editor

    with open_either_to_write(args) as registry:
        entry = find(registry, args.id, own=True)
        if not sys.stdin.isatty() and not (os.environ.get("VISUAL") or os.environ.get("EDITOR")):
            raise UsageError("nobody is here to edit it: 'manifest set ID FILE' takes a file, '-' stdin")
        present = _present(registry, entry)
        text = _as_yaml(entry, present.manifest or defaults("manifest"))
        words = editor_words("vi")
        path = Path(tempfile.mkdtemp(prefix="tui-registry-")) / "manifest.yaml"
        path.write_bytes(text.encode())
        try:
            code = run_editor(words, str(path))
        except EditorError:
            _remove(path)
            raise
        if code:
            raise StoppedError(f"the editor ended with {code}; {safe_text(str(path))} is as it left it")
        try:
            # Strictly: what is not UTF-8 would be signed as something else than was written.
            edited = read_text(str(path), MAX_DOCUMENT_BYTES)
            if edited != text:
                _write(registry, entry, present, load_document(edited, str(path)), str(path), whole=True)
        except RegistryError:
            if path.exists():
                again = f"tui-registry manifest set {entry.id[:12]} {safe_text(str(path))}"
                note(f"what you wrote is kept: '{again}' takes it, once it is right")
            else:
                _remove(path)
            raise
        if edited == text:
            _remove(path)
            note("nothing was changed, and nothing was signed")
            return 0
        _remove(path)
        after = _present(registry, entry)
    return _tell(args, entry, after)


def _delete(args: Namespace) -> int:
    with open_either_to_write(args) as registry:
        entry = find(registry, args.id, own=True)
        present = _present(registry, entry)
        if present.manifest is None:
            raise StoreError("not_found", f"{_called(entry)} has no manifest")
        if not args.yes:
            deed = f"delete the manifest of {safe_text(str(entry.record['name']))}"
            confirm(f"Delete the manifest of {_called(entry)}?", deed, "nothing was deleted")
        op = registry.manifests.delete(entry.id, present.heads)
        say_who_signed(registry)
    if args.json:
        out_json({"kind": entry.kind, "id": entry.id, "deleted": True, "hash": op.hash})
    else:
        out(f"deleted the manifest of {_called(entry)}, id {entry.id}")
    return 0


def _resolve(args: Namespace) -> int:
    with open_either_to_write(args) as registry:
        entry = find(registry, args.id, own=True)
        present = _present(registry, entry)
        if len(present.live_heads) < 2:
            raise StoreError(
                "no_conflict", f"the manifest of {_called(entry)} is not in conflict: nothing is to settle"
            )
        versions = registry.manifests.versions(entry.id)
        if args.revision is not None and args.revision != present.revision:
            raise StoreError(
                "changed", f"the manifest of {_called(entry)} has other versions by now: look at them again"
            )
        value = None if args.delete else _taken(versions, args.take, entry)
        nothing = defaults("manifest")
        if relied_on(present.manifest or nothing, value or nothing):
            say_affected(registry, entry.id)
        if args.revision is None:
            shown = "\n".join([*_version_lines(versions), ""])
            what = "delete all of them" if value is None else f"keep what {args.take[:12]} wrote"
            confirm(
                f"{shown}Settle the manifest of {_called(entry)}: {what}?",
                f"settle the manifest of {_called(entry)}",
                "nothing was written",
                "add --revision REVISION, as 'manifest show --json' told it with the versions that you saw",
            )
        registry.manifests.resolve(entry.id, value, present.heads)
        say_who_signed(registry)
        after = _present(registry, entry)
    return _tell(args, entry, after)


_ACTIONS: dict[str, Callable[[Namespace], int]] = {
    "show": _show,
    "set": _set,
    "edit": _edit,
    "delete": _delete,
    "resolve": _resolve,
}

# How


def _present(registry: Registry, entry: Entry) -> ManifestEntry:
    """What stands behind a record as it is now."""
    found = registry.manifests.get(entry.id)
    if found is None and not isinstance(registry, Datastore):
        from tui_registry.sync.remote import RemoteError

        raise RemoteError("too_old", f"{registry.name}: knows no manifests: its program is older than this one")
    if found is None:  # deleted by another process since
        raise StoreError("not_found", f"there is no {entry.kind} {entry.id[:12]} here: it was deleted just now")
    return found


def _called(entry: Entry) -> str:
    return f"{entry.kind} {safe_text(str(entry.record['name']))}"


def _write(
    registry: Registry, entry: Entry, present: ManifestEntry, document: Json, shown: str, *, whole: bool = False
) -> None:
    """
    Args:
        whole: fields that it leaves out go; else they stay.
    """
    try:
        value = read_manifest(document, base=None if whole else present.manifest)
        if value["status"] != (present.manifest or defaults("manifest"))["status"]:
            say_affected(registry, entry.id)
        registry.manifests.set(entry.id, value, present.heads)
    except InvalidRecord as error:
        raise InvalidRecord(error.problems, shown) from error
    say_who_signed(registry)


def _need_same(entry: Entry, document: Json, shown: str) -> None:
    """Refuse what another record's manifest was printed as.

    Raises:
        StoreError: `other_record`.
    """
    named = document.get("id", document.get("subject_id")) if isinstance(document, dict) else None
    if isinstance(named, str) and named not in ("", "0" * 64, entry.id):
        raise StoreError(
            "other_record",
            f"{shown} is the manifest of {safe_text(named, 12)}, not of {entry.id[:12]}: take the id out",
        )


def _tell(args: Namespace, entry: Entry, after: ManifestEntry) -> int:
    if args.json:
        out_json(manifest_json(after))
    elif after.manifest is None:
        out(f"the manifest of {_called(entry)} is deleted, id {entry.id}")
    else:
        out(f"wrote the manifest of {_called(entry)}, id {entry.id}")
    _advise(after)
    return 0


def _advise(after: ManifestEntry) -> None:
    for problem in after.problems:
        note(problem_line(problem, "manifest"))


def _version_json(version: HistoryEntry) -> dict[str, Json]:
    return {
        "hash": version.hash,
        "updated_at": version.updated_at,
        "arrived_at": version.arrived_at,
        "manifest": version.record,
    }


def _version_lines(versions: list[HistoryEntry]) -> Iterator[str]:
    yield "versions"
    first = versions[0]
    for version in versions:
        yield f"  {version.hash[:12]}  {moment_utc(version.updated_at)}{'  (shown)' if version is first else ''}"
        for before, after in () if version is first else changed_manifest_rows(first.record, version.record):
            yield f"    {after.plain}: {before.text} → {after.text}"


def _taken(versions: list[HistoryEntry], prefix: str, entry: Entry) -> Record | None:
    found = [version for version in versions if version.hash.startswith(prefix.strip().lower())]
    if len(found) != 1:
        what = "no version of it" if not found else "several versions of it"
        begins = f"{what} begin{'' if found else 's'} with {safe_text(prefix, 64)}"
        raise StoreError("ambiguous" if found else "not_found", f"{begins}: 'manifest show {entry.id[:12]}' lists them")
    return found[0].record


def _as_yaml(entry: Entry, present: Record) -> str:
    import yaml

    about = f"# What stands behind {_called(entry)}. What you leave out goes; 'tui-registry help manifest' has more.\n"
    fields = {field.name: present[field.name] for field in MANIFEST_FIELDS if field.name not in _NOT_EDITED}
    # A next line (U+0085) is written as it is, and read as the end of a line: what has one is escaped throughout.
    written = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=110)
    if "\x85" in written:
        written = yaml.safe_dump(fields, sort_keys=False, width=110)
    return about + written


def _remove(path: Path) -> None:
    """Take away the folder that was made for the file, with what the editor left beside it (a backup, a swap file)."""
    import shutil

    shutil.rmtree(path.parent, ignore_errors=True)
