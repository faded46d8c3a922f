"""Files, folders and addresses -> what is in them: drafts, operations that are signed already, what was passed over.

What a file holds is told by its content. Its name counts only where content cannot tell: YAML has no sign of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tui_registry.errors import Json, Kind, Problem
from tui_registry.importers.documents import Finding, kind_of, read_draft, read_text
from tui_registry.importers.errors import SourceError as SourceError
from tui_registry.importers.files import lines_of, opened
from tui_registry.importers.found import Found as Found
from tui_registry.importers.found import Operations as Operations
from tui_registry.importers.found import Skipped as Skipped
from tui_registry.records.documents import MAX_DOCUMENT_BYTES, DocumentError, load_document
from tui_registry.records.schema import MAX_OP_BYTES

# A line of our export holds a record, its heads and its problems.
_MAX_LINE_BYTES = 4 * MAX_OP_BYTES
_HEAD = 4096
_LINES = (".ndjson", ".jsonl")
_MARKDOWN = (".md", ".markdown")
_NAMED = (".json", ".yaml", ".yml", *_LINES)
_UNKNOWN = Problem(
    "", "error", "document", "is nothing that can be read here: GGUF, safetensors, model cards, JSON and YAML are"
)


def read_source(source: str | Path, kind: Kind | None = None) -> Iterator[Found]:
    """What a file or an address holds, or the files of a folder and its folders, in order of their names.

    Reads as it goes. An address is asked with an event loop of its own: not to be called on a thread that runs one.

    Args:
        source: a path, or an address that begins with http:// or https://.
        kind: what the descriptions must be; None to tell from each.

    Raises:
        SourceError: the source itself cannot be read. What is wrong with something in it is a finding.
    """
    if isinstance(source, str) and is_address(source):
        from tui_registry.importers.addresses import read_from_address

        yield from read_from_address(source, kind)
        return
    path = _path(source)
    if _is_folder(path):
        from tui_registry.importers.folders import read_folder

        yield from read_folder(path, kind)
    else:
        yield from read_file(path, kind)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # A name longer than the system takes: opening it says so, in words.
        return False


def is_address(source: str) -> bool:
    """Whether a source is an address, not a path."""
    return source.strip().lower().startswith(("http://", "https://"))


def read_file(path: Path, kind: Kind | None = None) -> Iterator[Found]:
    """What one file holds. Raises as `read_source`."""
    with opened(path) as file:
        form = form_of(file)
        if form == "text":
            yield from _read_text_file(file, path, kind)
            return
    if form == "binary":
        yield Finding(str(path), kind, None, (_UNKNOWN,))
        return
    from tui_registry.importers.weights import read_weights_file

    yield read_weights_file(path, form, kind)


def form_of(file: IO[bytes]) -> str:
    """What an open file is by its content: `gguf`, `safetensors`, `index`, `text` or `binary`. Its position stays."""
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(b"GGUF"):
        return "gguf"
    if head[8:9] == b"{" and b"\0" in head[:8]:
        return "safetensors"
    if b"\0" in head:
        return "binary"
    return "index" if head.lstrip().startswith(b"{") and b'"weight_map"' in head else "text"


# ---- text ----------------------------------------------------------------------------------------------------------


def _read_text_file(file: IO[bytes], path: Path, kind: Kind | None) -> Iterator[Found]:
    first = next(lines_of(file, _MAX_LINE_BYTES), (0, b""))[1]
    value = _whole_object(first)
    if value is not None and _is_operation(value):
        yield Operations(path)
        return
    file.seek(0)
    if value is not None and (_is_export(value) or path.suffix.lower() in _LINES):
        for number, line in lines_of(file, _MAX_LINE_BYTES):
            yield from read_text(line.decode("utf-8", "surrogateescape"), f"{path}:{number}", kind)
        return
    text = file.read(MAX_DOCUMENT_BYTES + 1).decode("utf-8", "surrogateescape")
    yield from read_description(text, path, kind)


def read_description(text: str, path: Path, kind: Kind | None) -> list[Finding]:
    """The descriptions in the text of one file, ours or a foreign one. Nothing is raised."""
    source = str(path)
    if text.removeprefix("\ufeff").startswith("---") or path.suffix.lower() in _MARKDOWN:
        from tui_registry.importers.card import parse_card
        from tui_registry.importers.foreign import finding_of
        from tui_registry.importers.huggingface import read_card_draft

        if parse_card(text) is not None:
            return [finding_of(lambda: read_card_draft(path), source, kind)]
        if path.suffix.lower() in _MARKDOWN:
            sentence = "is no model card: it does not begin with front matter that names a licence, tags or the like"
            return [Finding(source, kind, None, (Problem("", "error", "document", sentence),))]
    try:
        document = load_document(text, source)
    except DocumentError:
        if path.suffix.lower() not in _NAMED and not text.lstrip().startswith(("{", "[")):
            return [Finding(source, kind, None, (_UNKNOWN,))]
        return read_text(text, source, kind)  # says it in words, with the place
    if isinstance(document, dict):
        found = _read_foreign(document, path, kind)
        if found is not None:
            return found
    items = document if isinstance(document, list) else [document]
    named = [f"{source}[{index}]" for index in range(len(items))] if isinstance(document, list) else [source]
    return [read_draft(item, name, kind) for item, name in zip(items, named, strict=True)]


def _read_foreign(document: dict[str, Json], path: Path, kind: Kind | None) -> list[Finding] | None:
    if document.get("kind") in ("model", "agent"):
        return None  # ours, and it says so
    from tui_registry.importers.foreign import checked, finding_of, read_foreign
    from tui_registry.importers.huggingface import CONFIG, is_model_folder, read_model_folder

    if path.name == CONFIG and is_model_folder(path.parent):
        return [finding_of(lambda: read_model_folder(path.parent), str(path.parent), kind)]
    drafts = read_foreign(document, str(path), path.stem)
    return None if drafts is None else [checked(draft.finding(), kind) for draft in drafts]


def _path(source: str | Path) -> Path:
    path = Path(source)
    try:
        return path.expanduser()
    except RuntimeError:  # `~stranger`: no such user, so the file is called that
        return path


def _whole_object(line: bytes) -> dict[str, Json] | None:
    try:
        value: Json = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_export(value: dict[str, Json]) -> bool:
    return isinstance(value.get("record"), dict) and "kind" in value


def _is_operation(value: dict[str, Json]) -> bool:
    inner = value.get("Model", value.get("Agent"))
    return len(value) == 1 and isinstance(inner, dict) and ("Up" in inner or "Rm" in inner)


def describes_lines(first: bytes) -> bool:
    """Whether the first line of a file of lines is ours: an export, an operation or a record that tells its kind."""
    value = _whole_object(first)
    return value is not None and (_is_export(value) or _is_operation(value) or _tells_kind(value))


def _tells_kind(value: dict[str, Json]) -> bool:
    return value.get("kind") in ("model", "agent") or kind_of(value) is not None


__all__ = [
    "Found", "Operations", "Skipped", "SourceError", "describes_lines", "form_of", "is_address", "read_description",
    "read_file", "read_source",
]  # fmt: skip
