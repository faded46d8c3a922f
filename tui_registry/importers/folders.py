"""A folder and the folders in it -> findings: a folder of the Hub is one model, a split model is one, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tui_registry.errors import Kind
from tui_registry.importers.documents import Finding
from tui_registry.importers.errors import SourceError
from tui_registry.importers.files import lines_of, opened
from tui_registry.importers.foreign import finding_of
from tui_registry.importers.found import Found, Skipped
from tui_registry.importers.gguf import first_part
from tui_registry.importers.huggingface import CARD, PIPELINE, is_model_folder, read_model_folder
from tui_registry.importers.sources import describes_lines, form_of, read_file
from tui_registry.importers.weights import card_beside, read_weights_file
from tui_registry.text import safe_text

# Names of descriptions: a file called so is told when it describes nothing, any other is passed over in silence.
SUFFIXES = (".json", ".yaml", ".yml", ".ndjson", ".jsonl")


def read_folder(folder: Path, kind: Kind | None) -> Iterator[Found]:
    """What the files below a folder hold, in order of their names; hidden ones are left out.

    Raises:
        SourceError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise SourceError(f"{safe_text(str(error.filename))} cannot be read ({error.strerror})") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        place = Path(parent)
        # In place, as os.walk asks: hidden folders hold tools' files, and the order must not depend on the disk.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if "snapshots" in folders and "blobs" in folders:
            folders.remove("blobs")  # the Hub's cache: snapshots are links to the blobs
        names = sorted(name for name in names if not name.startswith("."))
        is_model = is_model_folder(place)
        if is_model:
            yield finding_of(lambda place=place: read_model_folder(place), str(place), kind)  # type: ignore[misc]
            if PIPELINE in names:
                folders.clear()  # its parts, each with a configuration of its own
        yield from _read_files(place, names, kind, is_model)


def _read_files(place: Path, names: list[str], kind: Kind | None, is_model: bool) -> Iterator[Found]:
    forms = {name: _form(place / name) for name in names}
    indexed = any(form == "index" for form in forms.values())
    done: set[Path] = set()
    for name, form in forms.items():
        path = place / name
        if form in ("gguf", "safetensors", "index"):
            first = first_part(path)
            # The folder's model, an index or a first part speaks for the others.
            spoken_for = (is_model and form != "gguf") or (form == "safetensors" and indexed) or first in done
            if not spoken_for:
                done.add(first)
                yield read_weights_file(first if first.is_file() else path, form, kind)
        elif form == "text" and not is_model:
            yield from _read_text(path, forms, kind)


def _read_text(path: Path, forms: dict[str, str], kind: Kind | None) -> Iterator[Found]:
    """A folder holds other files too: one whose kind cannot be told is passed over, not an error."""
    suffix = path.suffix.lower()
    if path.name == CARD:
        # Beside weights it is read with them.
        weights = any(form in ("gguf", "safetensors", "index") for form in forms.values())
        if not weights and card_beside(path) is not None:
            yield from read_file(path, kind)
        return
    expected = suffix in SUFFIXES
    if not expected and not _begins_as_json(path):
        return
    try:
        if suffix in (".ndjson", ".jsonl") and not _describes_records(path):
            yield Skipped(str(path), "its lines describe no records")
            return
        for found in read_file(path, kind):
            unknown = isinstance(found, Finding) and found.kind is None and found.record is None
            if not unknown:
                yield found
            elif expected and isinstance(found, Finding) and found.problems[0].code in ("kind", "type"):
                yield Skipped(found.source, found.problems[0].sentence)
            elif expected:
                yield found
    except SourceError as error:
        yield Skipped(str(path), error.sentence)


def _form(path: Path) -> str:
    """What a file is by its content; `text` too when it cannot be read, for its name to decide whether that is told."""
    try:
        with opened(path) as file:
            return form_of(file)
    except SourceError:
        return "text"


def _begins_as_json(path: Path) -> bool:
    try:
        with opened(path) as file:
            return file.read(64).lstrip().startswith(b"{")
    except SourceError:
        return False


def _describes_records(path: Path) -> bool:
    with opened(path) as file:
        return describes_lines(next(lines_of(file, 1 << 18), (0, b""))[1])
