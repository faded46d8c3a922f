"""What a file, a document, a text or a folder is, by the table of formats, and the reader that it goes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from tui_registry.errors import Json, Kind
from tui_registry.importers.draft_writer import Draft, Given, Judged, finding_of
from tui_registry.importers.formats import (
    FORMATS,
    WEIGHTS,
    FolderReader,
    Store,
    StoreReader,
    TextReader,
    WeightsReader,
    reader_of,
)
from tui_registry.importers.own_documents import read_draft
from tui_registry.present.imports import Finding


def form_of(file: IO[bytes]) -> str:
    """What an open file is by its content: a form of `WEIGHTS`, `text` or `binary`. Its position stays."""
    head = file.read(_HEAD)
    file.seek(0)
    found = next((form for form, weights in WEIGHTS.items() if weights.begins(head)), "")
    return found or ("binary" if b"\0" in head else "text")


_HEAD = 4096


def weights_reader(form: str) -> WeightsReader:
    """What reads files of a form of `WEIGHTS`.

    Raises:
        LookupError: it is no such form.
    """
    for each in FORMATS:
        reader = reader_of(each).weights if any(weights.form == form for weights in each.weights) else None
        if reader is not None:
            return reader
    raise LookupError(form)


def text_reader(text: str) -> TextReader | None:
    """What reads a text, None when it is of no format of text."""
    return next((reader for reader in _text_readers(text) if reader.is_one(text)), None)


def text_reader_at(text: str, path: Path) -> TextReader | None:
    """What reads a text for the place where it lies, None where that says nothing."""
    return next((reader for reader in _text_readers(text) if reader.is_there(text, path)), None)


def is_meant_in_folder(text: str, path: Path) -> bool:
    """Whether a text is of a format whose files lie in folders under any name."""
    readers = _text_readers(text, in_folders=True)
    return any(reader.is_one(text) or reader.is_there(text, path) for reader in readers)


def _text_readers(text: str, *, in_folders: bool = False) -> Iterator[TextReader]:
    begins = text[:_HEAD].lstrip("\ufeff \t\r\n")
    for each in FORMATS:
        meant = each.text is not None and (each.text.in_folders or not in_folders)
        if meant and each.text is not None and begins.startswith(each.text.begins):
            reader = reader_of(each).text
            if reader is not None:
                yield reader


def folder_reader(folder: Path) -> FolderReader | None:
    """What reads a folder as one model, None when it is none."""
    for each in FORMATS:
        named = each.folder is not None and any((folder / name).is_file() for name in each.folder.names)
        reader = reader_of(each).folder if named else None
        if reader is not None and reader.is_one(folder):
            return reader
    return None


def store_reader(folder: Path, folders: Sequence[str]) -> tuple[StoreReader, Store] | None:
    """What reads a folder as a store of many models, None when it is none.

    Args:
        folders: the names of those in it.
    """
    for each in FORMATS:
        if each.store is None or not set(each.store.folders).issubset(folders):
            continue
        reader = reader_of(each).store
        if reader is not None and reader.is_one(folder):
            return reader, each.store
    return None


def stands_for_folder(name: str) -> bool:
    """Whether a file of that name means the folder that it is in, if that is a model."""
    return any(each.folder is not None and each.folder.stands_for_it == name for each in FORMATS)


def read_foreign(value: Json, source: str, name: str) -> Sequence[Given] | None:
    """The drafts in a document, None when it is of no format that is known here.

    Of a list, one entry of a known format is enough: each other one is judged by itself.

    Args:
        source: where it stands.
        name: for a model whose description has none.
    """
    if not isinstance(value, list):
        return _read_one(value, source, name)
    found: list[Given] = []
    known = False
    for number, item in enumerate(value):
        at = f"{source}[{number}]"
        given = _read_one(item, at, name)
        known = known or given is not None
        found += [Judged(read_draft(item, at))] if given is None else given
    return found if known else None


def _read_one(value: Json, source: str, name: str) -> Sequence[Given] | None:
    if not isinstance(value, dict) or value.get("kind") in ("model", "agent"):
        return None
    readers = (reader_of(each).document for each in FORMATS if each.documents)
    found = (read(value, source, name) for read in readers if read is not None)
    return next((drafts for drafts in found if drafts is not None), None)


def read_weights_file(
    path: Path, form: str, kind: Kind | None, known: Callable[[Draft], None] = lambda _: None
) -> Finding:
    """The finding of a file of weights, with what a text beside it adds. Nothing is raised.

    Args:
        form: of `WEIGHTS`.
        kind: what it must be, None for anything.
        known: gives the draft what is known of the file from elsewhere.
    """
    folder = folder_reader(path.parent) if WEIGHTS[form].in_folder else None
    if folder is not None:
        # The configuration beside it says far more, and the folder is one model.
        return finding_of(partial(folder.read, path.parent), str(path.parent), kind)

    def read() -> Draft:
        draft = weights_reader(form).read(path)
        for each in FORMATS:
            text = reader_of(each).text if each.text is not None else None
            if text is not None:
                text.add_beside(draft, path)
        known(draft)
        return draft

    return finding_of(read, str(path), kind)
