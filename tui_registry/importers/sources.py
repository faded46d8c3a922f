"""Files, folders and addresses -> what is in them: drafts, operations that are signed already, what was passed over.

The content of a file says what it holds. Its name counts only where content cannot tell: YAML has no sign of its own.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

from tui_registry.errors import Json, Kind, Problem
from tui_registry.formfile.bundle import MAX_BUNDLE_BYTES, OP, SIZES, ArchiveError, read_archive
from tui_registry.importers.draft_writer import Draft, finding_of
from tui_registry.importers.formats import FILES, FORMATS, WEIGHTS
from tui_registry.importers.front_matter import MOST_BYTES
from tui_registry.importers.lfs import NOT_HERE, holds_weights
from tui_registry.importers.others import (
    FORMAT,
    other_bytes,
    other_document,
    other_text,
    other_unreadable,
    refusal,
    says_ours,
)
from tui_registry.importers.own_documents import is_export, is_operation, is_ours, read_drafts, read_text
from tui_registry.importers.recognising import (
    folder_reader,
    form_of,
    is_meant_in_folder,
    read_foreign,
    read_weights_file,
    stands_for_folder,
    store_reader,
    text_reader,
    text_reader_at,
)
from tui_registry.importers.untrusted import SourceError, decoded, is_bare_host, lines_of, opened
from tui_registry.importers.weights import split_of
from tui_registry.present.imports import Finding, Found, Operations, Skipped
from tui_registry.records.documents import DocumentError, load_document, load_foreign
from tui_registry.records.schema import MAX_OP_BYTES
from tui_registry.text import safe_text


def read_source(
    source: str | Path, kind: Kind | None = None, *, after: str = "", tell: Callable[[str], None] | None = None
) -> Iterator[Found]:
    """What a file or an address holds, or the files of a folder and its folders, in order of their names.

    Reads as it goes. An address is asked with an event loop of its own: not to be called on a thread that runs one.

    Args:
        source: a path, or an address that begins with http:// or https://.
        kind: what the descriptions must be; None to find out from each.
        after: the cursor at which a list at an address goes on, as the sentence of a `CutShortError` names it.
        tell: is told, in safe words, what an address is asked for and how far a list of it is.

    Raises:
        CutShortError: a list was not read to its end; what came before was given.
        SourceError: the source itself cannot be read. What is wrong with something in it is a finding.
    """
    if isinstance(source, str) and is_address(source):
        # Files are read without a library for the network.
        from tui_registry.importers.addresses import read_from_address

        yield from read_from_address(source, kind, after=after, tell=tell)
        return
    if after:
        raise SourceError(f"{safe_text(str(source), 300)} is no list that comes in pages: leave out --after")
    path = _path(source)
    try:
        for found in read_folder(path, kind) if _is_folder(path) else read_file(path, kind):
            yield _placed(found)
    except OSError as error:
        raise _unreadable(error) from error


def place_of(source: str | Path) -> str:
    """The absolute path of a file or folder, or the address in the spelling that findings have it in.

    Raises:
        SourceError: it is an address that cannot be asked.
    """
    if isinstance(source, str) and is_address(source):
        from tui_registry.importers.fetch import read_address

        return str(read_address(source))
    return _absolute(_path(source))


def _placed(found: Found) -> Found:
    """A finding with the absolute path of its place: from wherever it is imported, it is the same."""
    if not isinstance(found, Finding):
        return found
    return replace(found, place=_absolute(found.place or found.source))


def _absolute(path: str | Path) -> str:
    # A link is a source of its own, wherever it leads to today
    return os.path.abspath(path)  # noqa: PTH100


def is_address(source: str) -> bool:
    """Whether a source is an address, not a path; a host and port alone are one where no file is called that."""
    return source.strip().lower().startswith(("http://", "https://")) or (
        is_bare_host(source) and not os.path.lexists(source)
    )


def _path(source: str | Path) -> Path:
    path = Path(source)
    try:
        return path.expanduser()
    except RuntimeError:  # `~stranger`: no such user, so the file is called that
        return path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # A name longer than the system takes: opening it says so, in words.
        return False


# ---- one file ------------------------------------------------------------------------------------------------------

# A line of our export holds a record, its heads and its problems.
_MAX_LINE_BYTES = 4 * MAX_OP_BYTES
_LINES = (".ndjson", ".jsonl")
# Names of descriptions: a file named so is reported when it describes nothing, any other is passed over silently.
_NAMED = (".json", ".yaml", ".yml", *_LINES)
_TEXTS = tuple(each.text for each in FORMATS if each.text is not None)
_REFUSALS = {name: text.otherwise for text in _TEXTS for name in (*text.suffixes, text.beside)}
_UNKNOWN = Problem("", "error", "document", f"is nothing that can be read here: what can be is {FILES}")


def read_file(path: Path, kind: Kind | None = None) -> Iterator[Found]:
    """What one file holds. Raises as `read_source`."""
    whole = str(path)
    for found in _read_file(path, kind):
        if isinstance(found, Finding) and found.source != whole and found.source.startswith(whole):
            yield replace(found, place=whole, entry=found.entry or None)
        else:
            yield found


def _read_file(path: Path, kind: Kind | None) -> Iterator[Found]:
    with opened(path) as file:
        form = form_of(file)
        if form == "text":
            yield from _read_text_file(file, path, kind)
            return
    if form == "binary":
        with opened(path) as file:
            head = file.read(MAX_BUNDLE_BYTES + 1)
        if head.startswith(_OF_LOG):
            yield _not_here(
                path, kind, f"is a bundle of a replica's log: tui-registry sync --from {_typed(path)} reads it"
            )
            return
        if (body := _bundled(head)) is not None:
            yield Operations(path, lambda: iter((body,)))
            return
        other = other_bytes(head)
        yield Finding(str(path), kind, None, (refusal(other) if other else _UNKNOWN,))
    else:
        yield read_weights_file(path, form, kind)


_OF_LOG = b"sync/head\0"


def _bundled(data: bytes) -> bytes | None:
    """The signed operation in a build bundle, None where it is none. Whoever takes it in checks it."""
    try:
        return read_archive(data, SIZES).members[OP] if len(data) <= MAX_BUNDLE_BYTES else None
    except ArchiveError:
        return None


def _not_here(path: Path, kind: Kind | None, sentence: str) -> Finding:
    """What is of a replica, and read by another command."""
    return Finding(str(path), kind, None, (Problem("", "error", FORMAT, sentence),))


def _typed(path: Path) -> str:
    """A path as it is typed into a shell."""
    return shlex.quote(safe_text(str(path), 300))


def _read_text_file(file: IO[bytes], path: Path, kind: Kind | None) -> Iterator[Found]:
    value = _first_line(file, path)
    if is_operation(value):
        yield Operations(path, partial(_operations_in, path))
        return
    file.seek(0)
    if is_export(value) or (isinstance(value, dict) and path.suffix.lower() in _LINES):
        for number, line in lines_of(file, _MAX_LINE_BYTES):
            yield from read_text(line.decode("utf-8", "surrogateescape"), f"{path}:{number}", kind)
        return
    yield from _read_description(file.read(MOST_BYTES), path, kind)


def _first_line(file: IO[bytes], path: Path) -> Json:
    """The value in the first line that is not blank, None when it is no JSON; in a file of lines that of the first
    which is ours, if one of the first few is: one damaged line is not all of a backup."""
    few = _FEW if path.suffix.lower() in _LINES else 1
    values = [_value_in(line) for _, line in islice(lines_of(file, _MAX_LINE_BYTES), few)]
    return next(filter(is_ours, values), next(iter(values), None))


_FEW = 8


def _value_in(line: bytes) -> Json:
    try:
        value: Json = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value


def _operations_in(path: Path) -> Iterator[bytes]:
    with opened(path) as file:
        for _, line in lines_of(file, MAX_OP_BYTES + 2):
            yield line


def _read_description(raw: bytes, path: Path, kind: Kind | None) -> list[Finding]:
    """The descriptions in the text of one file, ours or a foreign one. Nothing is raised."""
    source, suffix = str(path), path.suffix.lower()
    notes: list[str] = []
    text = decoded(raw, notes)
    there = text_reader_at(text, path)
    reader = there or text_reader(text)
    other = "" if there is not None else other_text(text, path.name)
    if other:
        return [Finding(source, kind, None, (refusal(other),))]
    if reader is not None:
        return [finding_of(partial(reader.read_file, path), source, kind)]
    otherwise = _REFUSALS.get(suffix) or _REFUSALS.get(path.name)
    if otherwise and text.strip():
        return [Finding(source, kind, None, (Problem("", "error", "document", otherwise),))]
    try:
        document = load_document(text, source)
    except DocumentError:
        told = not text.strip() or says_ours(text) or text.lstrip().startswith(("{", "["))
        if suffix not in _NAMED and not told:
            return [Finding(source, kind, None, (_UNKNOWN,))]
        # What is ours is said in words, with the place
        found = _read_as_written(text, path, kind, notes)
        return read_text(raw.decode("utf-8", "surrogateescape"), source, kind) if found is None else found
    found = _read_foreign(document, path, kind)
    if found is not None:
        return [_with_notes(finding, notes) for finding in found]
    if what := other_document(document):
        return [Finding(source, kind, None, (refusal(what),))]
    # Ours is UTF-8, and nothing in it is guessed
    if notes:
        return read_text(raw.decode("utf-8", "surrogateescape"), source, kind)
    return read_drafts(document, source, kind)


def _read_as_written(text: str, path: Path, kind: Kind | None, notes: list[str]) -> list[Finding] | None:
    """The foreign descriptions in what is not strict JSON or YAML, None when there is none."""
    try:
        document = load_foreign(text, str(path), notes)
        what = other_document(document) or other_unreadable(text)
    except DocumentError:
        document, what = None, other_unreadable(text)
    found = None if document is None else _read_foreign(document, path, kind)
    if found is not None:
        return [_with_notes(finding, notes) for finding in found]
    return [Finding(str(path), kind, None, (refusal(what),))] if what and not says_ours(text) else None


def _with_notes(finding: Finding, notes: list[str]) -> Finding:
    return replace(finding, notes=(*notes, *finding.notes)) if notes else finding


def _read_foreign(document: Json, path: Path, kind: Kind | None) -> list[Finding] | None:
    if isinstance(document, dict) and document.get("kind") in ("model", "agent"):
        return None  # ours, and it says so
    named = isinstance(document, dict) and stands_for_folder(path.name)
    folder = folder_reader(path.parent) if named else None
    if folder is not None:
        return [finding_of(partial(folder.read, path.parent), str(path.parent), kind)]
    drafts = read_foreign(document, str(path), path.stem)
    return None if drafts is None else [draft.finding().wanted_as(kind) for draft in drafts]


# ---- a folder: a folder of the Hub is one model, and so is a split model -------------------------------------------


def read_folder(folder: Path, kind: Kind | None) -> Iterator[Found]:
    """What the files below a folder hold, in order of their names. Hidden ones are left out, but for `.well-known` and
    the places where coding tools keep the agents and servers of a project.

    Raises:
        SourceError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    around = ""  # the model that the last folders lay in
    for parent, folders, names in os.walk(folder, onerror=refuse):
        place = Path(parent)
        # In place, as os.walk asks: hidden folders hold tools' files, and the order must not depend on the disk.
        meant = _OF_TOOLS.get(place.name) if place != folder else None
        if meant is not None:
            folders[:], names = meant.intersection(folders), [*meant.intersection(names)]
        folders[:] = sorted(name for name in folders if not name.startswith(".") or name in _SEEN_FOLDERS)
        if "snapshots" in folders and "blobs" in folders:
            folders.remove("blobs")  # the Hub's cache: snapshots are links to the blobs
        names = sorted(name for name in names if not name.startswith(".") or name == _SERVERS)
        if (place / "sync" / "head").is_file():
            folders.remove("sync")
            add = f"tui-registry peer add NAME {_typed(place)}"
            yield _not_here(place, kind, f"is the log of a replica, as a peer's folder: {add}, then sync")
        store = store_reader(place, folders)
        if store is not None:
            reader, kept = store
            folders[:] = [name for name in folders if name not in kept.folders]
            yield from (_stored(found, place, kind) for found in reader.read(place))
        model = folder_reader(place)
        if model is not None:
            yield finding_of(partial(model.read, place), str(place), kind)
            if not _WITH_PARTS.isdisjoint(names):
                folders.clear()
        # What lies in a folder of a model is a part of it, unless it is a model of its own
        if not around or not parent.startswith(around):
            around = "" if model is None else f"{parent}{os.sep}"
        yield from _read_files(place, names, kind, is_model=bool(around))


def _unreadable(error: OSError) -> SourceError:
    named = f"{safe_text(str(error.filename))} cannot be read" if error.filename else "it cannot be read"
    return SourceError(f"{named} ({error.strerror or 'no reason given'})")


def _stored(found: Draft | SourceError, place: Path, kind: Kind | None) -> Found:
    return Skipped(str(place), found.sentence) if isinstance(found, SourceError) else found.finding().wanted_as(kind)


# What is in the hidden folders of coding tools that a project shares (their documentation stands in `agent_files` and
# `mcp_clients`); all else there is settings, logs and secrets.
_OF_TOOLS = {
    ".claude": frozenset(("agents",)),
    ".github": frozenset(("agents",)),
    ".opencode": frozenset(("agent", "agents")),
    ".cursor": frozenset(("mcp.json",)),
    ".vscode": frozenset(("mcp.json",)),
}
_SERVERS = ".mcp.json"  # of a project, as Claude Code reads it
_SEEN_FOLDERS = (".well-known", *_OF_TOOLS)  # the first is meant for everybody (RFC 8615)
_WITH_PARTS = {name for each in FORMATS if each.folder is not None for name in each.folder.have_parts}


def _read_files(place: Path, names: list[str], kind: Kind | None, *, is_model: bool) -> Iterator[Found]:
    forms = {name: _form(place / name) for name in names}
    listed = {WEIGHTS[form].stands_for for form in forms.values() if form in WEIGHTS}
    done: set[Path] = set()
    for name, form in forms.items():
        path = place / name
        weights = WEIGHTS.get(form)
        if weights is not None:
            first = _first_part(path)
            # The folder's model, an index or a first part stands for the others.
            if not ((is_model and weights.in_folder) or form in listed or first in done):
                done.add(first)
                yield read_weights_file(first if first.is_file() else path, form, kind)
        elif form == "text" and not is_model:
            yield from _read_text(path, forms, kind)
        elif form == _NOT_HERE and not is_model and path.suffix.lower() in (*_NAMED, ".md"):
            yield Skipped(str(path), NOT_HERE)


def _read_text(path: Path, forms: dict[str, str], kind: Kind | None) -> Iterator[Found]:
    """A folder holds other files too: one whose kind is not clear is passed over, and is no error."""
    if any(path.name == text.beside for text in _TEXTS):
        # Beside weights it is read with them.
        if not any(form in WEIGHTS for form in forms.values()) and _is_text(path):
            for found in read_file(path, kind):
                refused = found.problems[:1] if isinstance(found, Finding) and found.record is None else ()
                yield Skipped(str(path), refused[0].sentence) if refused and refused[0].code == FORMAT else found
        return
    suffix = path.suffix.lower()
    if suffix in _MARKDOWN:
        if _is_text(path, is_meant_in_folder):
            yield from read_file(path, kind)
        return
    try:
        with opened(path) as file:
            if suffix not in _NAMED and not file.read(64).lstrip().startswith(b"{"):
                return
            file.seek(0)
            if suffix in _LINES and not is_ours(_first_line(file, path)):
                yield Skipped(str(path), "its lines describe no records")
                return
        for found in read_file(path, kind):
            if not isinstance(found, Finding) or found.kind is not None or found.record is not None:
                yield found
            elif suffix in _NAMED:
                first = found.problems[0]
                yield Skipped(found.source, first.sentence) if _is_other(first, path) else found
    except SourceError as error:
        if suffix in _NAMED:
            yield Skipped(str(path), error.sentence)


def _is_other(problem: Problem, path: Path) -> bool:
    """Whether what cannot be read is nobody's record: a broken file of ours is told as such."""
    # In a file of ours, a line that is no object is a damaged one
    if problem.code in ("kind", FORMAT) or (problem.code == "type" and path.suffix.lower() not in _LINES):
        return True
    with opened(path) as file:
        return problem.code == "document" and not says_ours(file.read(_HEAD).decode("utf-8", "replace"))


_HEAD = 64 * 1024


def _is_text(
    path: Path, is_one: Callable[[str, Path], bool] = lambda text, _path: text_reader(text) is not None
) -> bool:
    """Whether a file is of a format of text, or of the one that is asked for."""
    try:
        with opened(path) as file:
            return is_one(file.read(MOST_BYTES).decode("utf-8", "replace"), path)
    except SourceError:
        return False


def _first_part(path: Path) -> Path:
    """The first part of a split model that a name is a part of; else the path itself."""
    split = split_of(path.name)
    return path if split is None else path.with_name(split.part(1))


_MARKDOWN = (".md", ".markdown")
_NOT_HERE = "not here"


def _form(path: Path) -> str:
    """What a file is by its content; `text` too when it cannot be read: its name decides whether people are told. What
    a Git LFS pointer stands for is weights by its name, or just not here."""
    try:
        with opened(path) as file:
            form = form_of(file)
    except SourceError:
        return "text"
    return _NOT_HERE if form == "pointer" and not holds_weights(path) else form
