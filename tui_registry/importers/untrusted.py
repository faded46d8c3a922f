"""What strangers wrote, taken with care: files are opened only when they are files and read no further than a bound,
JSON is read strictly, and nothing is taken for granted about the types of its values."""

from __future__ import annotations

import os
import re
import shlex
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Generic, NamedTuple, TypeGuard, TypeVar

from tui_registry.errors import Json, RegistryError
from tui_registry.records.documents import NotJsonError, strict_json, tolerant_json
from tui_registry.text import exact, safe_text

T = TypeVar("T")


class SourceError(RegistryError):
    """A file, folder or address that cannot be read, or is not what it begins as; code `source`, one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__("source", sentence)


class CutOffError(SourceError):
    """A header that needs more bytes than the file has."""


# ---- files ---------------------------------------------------------------------------------------------------------


def opened(path: Path) -> IO[bytes]:
    """The file, for reading.

    Raises:
        SourceError: it is no regular file, or cannot be read.
    """
    shown = safe_text(str(path), 300)
    try:
        if path.exists() and not path.is_file():
            raise SourceError(f"{shown} is neither a file nor a folder")
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"{shown} cannot be read ({error.strerror or 'no reason given'})") from error
    except ValueError as error:  # a NUL in the name
        raise SourceError(f"{shown} is no name of a file") from error


def lies_within(path: Path, folder: Path) -> bool:
    """Whether a file is in a folder as it seems, and no link of a stranger's to something else on this machine. The
    Hub's cache is such a folder: its snapshots are links to its blobs."""
    try:
        real, root = path.resolve(), folder.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return False
    snapshot = root.parent.name == "snapshots" and real.is_relative_to(root.parent.parent / "blobs")
    return snapshot or real.is_relative_to(root)


def is_bare_host(text: str) -> bool:
    """Whether a source is a host with a port and no scheme, as people write `localhost:11434`."""
    return _BARE_HOST.fullmatch(text.strip()) is not None


_BARE_HOST = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\]):[0-9]{2,5}(?:/\S*)?", re.ASCII | re.IGNORECASE)


def size_of(file: IO[bytes]) -> int:
    """The size of an open file in bytes."""
    at = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(at)
    return size


def lines_of(file: IO[bytes], most: int) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1, each at most `most` bytes long and without its end."""
    number = 0
    while line := file.readline(most):
        number += 1
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(most)):
            pass  # the tail of a line that no record or operation fills
        if line.strip():
            yield number, line.rstrip(b"\r\n")


def read_bounded(path: Path, most: int, what: str) -> bytes:
    """The whole of a small file.

    Raises:
        SourceError: it cannot be read, or has more than `most` bytes; the sentence begins with `what`.
    """
    with opened(path) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise SourceError(f"{what} is longer than the {exact(most)} bytes that are read")
    return raw


def decoded(raw: bytes, notes: list[str]) -> str:
    """Text as strangers save it: lines that are not UTF-8 are taken for Latin-1, as Windows writes it, and `notes` is
    told."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    others = 0
    lines = raw.splitlines(keepends=True)
    texts = []
    for line in lines:
        try:
            texts.append(line.decode())
        except UnicodeDecodeError:
            others += 1
            texts.append(line.decode("cp1252", "replace"))
    notes.append(f"{'a line is' if others == 1 else f'{exact(others)} lines are'} not UTF-8: read as Latin-1")
    return "".join(texts)


class HeaderReader:
    """The beginning of a file, read forward in chunks.

    Nothing is read beyond the end of the file or `most` bytes, however far a length in the header points.
    """

    _CHUNK = 1 << 20

    def __init__(self, file: IO[bytes], most: int, what: str) -> None:
        """`what` begins the sentences, such as `the GGUF header`."""
        self.file_size = size_of(file)
        self._file = file
        self._what = what
        self._most = most
        self._buffer = b""
        self._start = file.tell()  # where in the file the buffer begins
        self._at = 0  # in the buffer

    @property
    def position(self) -> int:
        """Where in the file the next byte is."""
        return self._start + self._at

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            SourceError: the file or the bound ends before them.
        """
        if self._at + count > len(self._buffer):
            self._load(count)
        taken = self._buffer[self._at : self._at + count]
        self._at += count
        return taken

    def skip(self, count: int) -> None:
        """Pass over bytes unread. Raises as `take`."""
        if self._at + count <= len(self._buffer):
            self._at += count
            return
        self._check(count)
        self._start = self.position + count
        self._buffer, self._at = b"", 0

    def skip_texts(self, count: int, length: struct.Struct) -> None:
        """Pass over that many texts, each behind its length. Raises as `take`."""
        size, unpack_from = length.size, length.unpack_from
        while count:
            # The inner loop is most of the time that a vocabulary of half a million words takes.
            buffer, at, end = self._buffer, self._at, len(self._buffer) - size
            while count and at <= end:
                at += size + unpack_from(buffer, at)[0]
                count -= 1
            if at > len(buffer):
                beyond, self._at = at - len(buffer), len(buffer)
                self.skip(beyond)
            else:
                self._at = at
                if count:
                    self._load(size)

    def fail(self, sentence: str) -> SourceError:
        """An error about the header, to be raised."""
        return SourceError(f"{self._what} {sentence}")

    def _cut_off(self) -> CutOffError:
        return CutOffError(f"{self._what} ends in the middle: the file is cut off")

    def _load(self, count: int) -> None:
        self._check(count)
        start = self.position
        self._file.seek(start)
        self._buffer = self._file.read(min(max(count, self._CHUNK), self._most - start))
        self._start, self._at = start, 0
        if len(self._buffer) < count:
            raise self._cut_off()

    def _check(self, count: int) -> None:
        if self.position + count > self.file_size:
            raise self._cut_off()
        if self.position + count > self._most:
            raise self.fail(f"is longer than the {exact(self._most)} bytes that are read")


# ---- lists that come in pages ---------------------------------------------------------------------------------------


class Page(NamedTuple, Generic[T]):
    """A part of a list, and the cursor at which it goes on; empty at its end."""

    given: Sequence[T]
    cursor: str = ""


class CutShortError(SourceError):
    """A list that was not read to its end: what came before was given, and the sentence says how to go on."""

    def __init__(self, why: str, read: int, cursor: str | None) -> None:
        """`read` counts what was given; `cursor` is where it goes on: empty for its beginning, None for nowhere."""
        said = f"{why}. {exact(read)} {'was' if read == 1 else 'were'} read before that"
        if cursor:
            typed = safe_text(cursor, _LONGEST_CURSOR) == cursor
            said += f"; to go on there: --after {shlex.quote(cursor)}" if typed else ""
        elif cursor is not None:
            said += "; run it again"
        super().__init__(said)
        self.read = read
        self.cursor = cursor


_LONGEST_CURSOR = 2_000


# ---- JSON ----------------------------------------------------------------------------------------------------------


def parse_json(raw: bytes, what: str) -> Json:
    """The value in strict JSON: UTF-8, no name given twice in an object, no NaN.

    Raises:
        SourceError: it is none; the sentence begins with `what`.
    """
    try:
        return strict_json(raw)
    except NotJsonError as error:
        raise SourceError(f"{what} {error}") from None


def parse_object(raw: bytes, what: str) -> dict[str, Json]:
    """The object in strict JSON. Raises as `parse_json`, and for another value."""
    value = parse_json(raw, what)
    if not isinstance(value, dict):
        raise SourceError(f"{what} is no JSON object")
    return value


def parse_written(raw: bytes, what: str) -> dict[str, Json]:
    """The object in JSON as programs write it (`tolerant_json`), in UTF-8 or Latin-1. Raises as `parse_object`."""
    odd: list[str] = []  # how it is written is no news to anybody
    try:
        value = tolerant_json(decoded(raw, odd), odd)
    except NotJsonError as error:
        raise SourceError(f"{what} {error}") from None
    if not isinstance(value, dict):
        raise SourceError(f"{what} is no JSON object")
    return value


def text_at(value: Mapping[str, Json], *keys: str) -> str:
    """The first of these that is text with something in it, trimmed."""
    found = (value.get(key) for key in keys)
    return next((text.strip() for text in found if isinstance(text, str) and text.strip()), "")


def texts_at(value: Mapping[str, Json], key: str) -> list[str]:
    """The text in a list."""
    items = value.get(key)
    return [item for item in items if isinstance(item, str)] if isinstance(items, list) else []


def object_at(value: Mapping[str, Json], *keys: str) -> dict[str, Json]:
    """The first of these that is an object."""
    found = (value.get(key) for key in keys)
    return next((inner for inner in found if isinstance(inner, dict)), {})


def objects_at(value: Mapping[str, Json], *keys: str) -> list[dict[str, Json]]:
    """The objects in the first of these that is a list."""
    found = (value.get(key) for key in keys)
    items = next((items for items in found if isinstance(items, list)), [])
    return [item for item in items if isinstance(item, dict)]


def is_whole(value: Json) -> TypeGuard[int]:
    """Whether a value is a whole number; Python takes true and false for numbers, too."""
    return isinstance(value, int) and not isinstance(value, bool)
