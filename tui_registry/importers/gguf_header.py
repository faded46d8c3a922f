"""The header of a GGUF file: metadata and the shapes of its tensors, never their data.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 2 and 3, either byte order.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from tui_registry.errors import Json
from tui_registry.importers.errors import SourceError
from tui_registry.importers.files import HeaderReader
from tui_registry.text import exact, safe_text

MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a header says.

    Attributes:
        values: metadata that is a number, true or false, or text; lists of text only under `general.`.
        unreadable: keys whose text is not UTF-8 or too long to keep.
        tensors: how many there are.
        elements: GGML type -> the number of elements in tensors of that type.
        size: bytes that the file needs for its tensor data to be whole; None when a type is not known.
        file_size: bytes that it has.
    """

    version: int
    values: Mapping[str, Json]
    unreadable: tuple[str, ...]
    tensors: int
    elements: Mapping[int, int]
    size: int | None
    file_size: int

    @property
    def parameters(self) -> int:
        """The number of elements in all tensors."""
        return sum(self.elements.values())

    def text(self, key: str) -> str:
        """A value that is text, else nothing."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> list[str]:
        """A value that is a list of text, else nothing."""
        value = self.values.get(key)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def number(self, key: str) -> int | None:
        """A value that is a whole number, else None."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_gguf_header(file: IO[bytes]) -> GgufHeader:
    """Read the header of an open file that begins with the magic.

    Raises:
        SourceError: the header is broken, cut off or larger than any honest one.
    """
    return _Parser(file).parse()


# Far above the largest models of today: a vocabulary of 260,000 words with its merges takes 15 MB, and the models with
# the most tensors have some thousands.
_MOST_BYTES = 64 * 1024 * 1024
_MOST_VALUES = 65_536
_MOST_TENSORS = 200_000
_MOST_ITEMS = 4_000_000
_MOST_DEPTH = 4
_MOST_DIMENSIONS = 8
_LONGEST_KEY = 65_535
_LONGEST_NAME = 1_024
_LONGEST_TEXT = 65_536
_LONGEST_LIST = 1_024
_MOST_ELEMENTS = 2**63

_TEXT, _LIST = 8, 9
# Type of a value -> its struct code.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

# GGML type -> elements and bytes of a block.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}  # fmt: skip


@dataclass(slots=True)
class _Parser:
    file: IO[bytes]
    reader: HeaderReader = field(init=False)
    order: str = "<"
    items: int = 0  # of lists, against `_MOST_ITEMS`
    unreadable: list[str] = field(default_factory=list)

    def parse(self) -> GgufHeader:
        self.reader = reader = HeaderReader(self.file, _MOST_BYTES, "the GGUF header")
        if reader.take(4) != MAGIC:
            raise SourceError("is no GGUF file")
        version = self._version()
        tensor_count, value_count = self._number("Q"), self._number("Q")
        if value_count > _MOST_VALUES:
            raise reader.fail(f"claims {exact(value_count)} values: no model has that many")
        if tensor_count > _MOST_TENSORS:
            raise reader.fail(f"claims {exact(tensor_count)} tensors: no model has that many")
        values = self._values(value_count)
        elements, size = self._tensors(tensor_count, values.get("general.alignment"))
        return GgufHeader(
            version, values, tuple(self.unreadable), tensor_count, elements, size, reader.file_size
        )  # fmt: skip

    def _version(self) -> int:
        raw = self.reader.take(4)
        version = int.from_bytes(raw, "little")
        if version & 0xFFFF == 0 and version:  # the format has no other sign of its byte order
            self.order = ">"
            version = int.from_bytes(raw, "big")
        if version not in (2, 3):
            raise self.reader.fail(f"is of version {exact(version)}: versions 2 and 3 are read")
        return version

    def _number(self, code: str) -> int:
        (number,) = struct.unpack(self.order + code, self.reader.take(struct.calcsize("<" + code)))
        return int(number)

    # Metadata

    def _values(self, count: int) -> dict[str, Json]:
        values: dict[str, Json] = {}
        for _ in range(count):
            raw = self._bytes(_LONGEST_KEY, "a key")
            try:
                key = raw.decode()
            except UnicodeDecodeError:
                raise self.reader.fail("has a key that is not UTF-8") from None
            if key in values:
                raise self.reader.fail(f"has the key {safe_text(key, 60)} twice")
            values[key] = self._value(key, self._number("I"))
        return {key: value for key, value in values.items() if value is not None}

    def _value(self, key: str, kind: int) -> Json:
        if kind == _TEXT:
            return self._text(key)
        if kind == _LIST:
            return self._list(key, 1)
        return self._scalar(key, kind)

    def _scalar(self, key: str, kind: int) -> Json:
        code = _SCALARS.get(kind)
        if code is None:
            raise self.reader.fail(f"has a value of an unknown type, {exact(kind)}, at {safe_text(key, 60)}")
        value: Json = struct.unpack(self.order + code, self.reader.take(struct.calcsize("<" + code)))[0]
        return value

    def _text(self, key: str) -> str | None:
        length = self._number("Q")
        if length > _LONGEST_TEXT:
            self.reader.skip(length)
            self._give_up(key)
            return None
        try:
            return self.reader.take(length).decode()
        except UnicodeDecodeError:
            self._give_up(key)
            return None

    def _list(self, key: str, depth: int) -> Json:
        kind, count = self._number("I"), self._number("Q")
        if kind in _SCALARS:
            self.reader.skip(count * struct.calcsize("<" + _SCALARS[kind]))
            return None
        self.items += count * (1 if kind == _TEXT else 16)
        if self.items > _MOST_ITEMS:
            raise self.reader.fail(f"claims a list of {exact(count)} items at {safe_text(key, 60)}: that is too long")
        if kind == _TEXT:
            if not key.startswith("general.") or count > _LONGEST_LIST:
                self.reader.skip_texts(count, struct.Struct(self.order + "Q"))
                return None
            texts = [self._text(key) for _ in range(count)]
            return [text for text in texts if text is not None]
        if kind != _LIST:
            raise self.reader.fail(f"has a list of an unknown type, {exact(kind)}, at {safe_text(key, 60)}")
        if depth >= _MOST_DEPTH:
            raise self.reader.fail(f"nests lists deeper than {_MOST_DEPTH} levels at {safe_text(key, 60)}")
        for _ in range(count):
            self._list(key, depth + 1)
        return None

    def _give_up(self, key: str) -> None:
        if key not in self.unreadable:
            self.unreadable.append(key)

    def _bytes(self, most: int, what: str) -> bytes:
        length = self._number("Q")
        if length > most:
            raise self.reader.fail(f"has {what} of {exact(length)} bytes: at most {exact(most)} are allowed")
        return self.reader.take(length)

    # Tensors

    def _tensors(self, count: int, alignment: Json) -> tuple[dict[int, int], int | None]:
        elements: Counter[int] = Counter()
        end: int | None = 0
        for _ in range(count):
            self._bytes(_LONGEST_NAME, "a tensor's name")
            dimensions = self._number("I")
            if dimensions > _MOST_DIMENSIONS:
                raise self.reader.fail(f"has a tensor of {exact(dimensions)} dimensions: at most 8 are read")
            number = 1
            for size in struct.unpack(f"{self.order}{dimensions}Q", self.reader.take(8 * dimensions)):
                number *= size
            kind, offset = self._number("I"), self._number("Q")
            elements[kind] += number
            if elements[kind] >= _MOST_ELEMENTS:
                raise self.reader.fail("has tensors of more elements than any machine holds")
            block = BLOCKS.get(kind)
            end = None if block is None or end is None else max(end, offset + -(-number // block[0]) * block[1])
        step = alignment if isinstance(alignment, int) and 0 < alignment <= 2**20 else 32
        data = -(-self.reader.position // step) * step
        return dict(elements), None if end is None else data + end
