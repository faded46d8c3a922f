"""An ONNX file -> the draft of a model: how many parameters it has, of which type, and what its writer says of it.

Only what stands between the tensors is read, never their data: a file is gone through from field to field, and what a
field of data takes is passed over.

The format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, messages of Protocol Buffers
(https://protobuf.dev/programming-guides/encoding/). A model's fields come in the order of their numbers, as the library
writes them: a file that begins with another one is not recognised.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import Draft, seen, shown
from tui_registry.importers.formats import Reader, WeightsReader
from tui_registry.importers.lfs import put_file
from tui_registry.importers.untrusted import CutOffError, SourceError, lies_within, opened, size_of
from tui_registry.importers.weights import Quantization, lacking, of_dtypes, put_quantization, put_requirements
from tui_registry.present.imports import CUT_OFF
from tui_registry.text import exact

_IN = "in the ONNX file"


def read_onnx(path: Path) -> Draft:
    """The draft that an ONNX file gives, with the files beside it that hold its data.

    Raises:
        SourceError: the file cannot be read, or is broken.
    """
    with opened(path) as file:
        model = read_model(file)
    draft = Draft("model", str(path))
    generic = path.stem.lower() in _GENERIC
    folder = path.absolute().parent.name
    draft.put("name", model.metadata.get("name", ""), f"the metadata {_IN}")
    draft.put("name", folder if generic else path.stem, "the folder's name" if generic else "the file's name")
    draft.put("description", model.description, f"doc_string {_IN}")
    draft.put("framework", "ONNX", "the file is ONNX")
    draft.note_unplaced(
        [
            *(seen(key, value) for key, value in model.metadata.items() if key != "name" and value),
            f"written by {shown(model.producer)}" if model.producer else "",
        ]
    )
    for one in _put_weights(draft, path, model, "the file"):
        put_file(draft, one, one.relative_to(path.parent).as_posix(), draft.get("quantization"))
    draft.note("ONNX alone tells no type, licence or context length: import the model's folder if you can")
    return draft


_GENERIC = ("model", "model_quantized", "model_fp16", "model_q4", "model_q4f16", "model_int8", "model_uint8",
            "decoder_model_merged", "encoder_model", "decoder_model")  # fmt: skip


def put_model(draft: Draft, path: Path, named: str) -> None:
    """Give a model's draft what the tensors of a file tell, and the files beside it that hold its data. What the draft
    has already stays.

    Raises:
        SourceError: the file cannot be read, or is broken.
    """
    with opened(path) as file:
        model = read_model(file)
    _put_weights(draft, path, model, named)


def _put_weights(draft: Draft, path: Path, model: Model, named: str) -> list[Path]:
    files = [path, *_data_beside(draft, path, model)]
    _put_tensors(draft, model)
    sizes = sum(one.stat().st_size for one in files)
    put_requirements(draft, sizes, named if len(files) == 1 else f"{named} and {exact(len(files) - 1)} beside it")
    return files


def _put_tensors(draft: Draft, model: Model) -> None:
    if model.cut is not None:
        draft.note(f"the file is cut off: {lacking(*model.cut)}")
        draft.problem("", CUT_OFF, "it is not whole: get it again")
    draft.put("parameters", model.parameters or None, f"the shapes of the tensors {_IN}")
    if not model.parameters:
        draft.note("the file has no tensors of weights, so it has no parameters to count")
    put_quantization(draft, model.quantization, f"the type of most tensors {_IN}")


def _data_beside(draft: Draft, path: Path, model: Model) -> list[Path]:
    """The files that hold tensors of the model, as far as they lie in its folder."""
    found, missing = list[Path](), list[str]()
    for name in sorted(model.data_in)[:_MOST_DATA]:
        beside = path.parent / name
        if "\0" in name or not lies_within(beside, path.parent):
            draft.note("some of its data lies outside of its folder, which was left alone")
        elif not _is_file(beside):
            missing.append(name)
        else:
            found.append(beside)
    if missing:
        more = f" and {exact(len(missing) - 1)} more" if len(missing) > 1 else ""
        draft.note(f"its data in {shown(missing[0])}{more} is not here")
    if len(model.data_in) > _MOST_DATA:
        draft.note(f"its data lies in more than the {exact(_MOST_DATA)} files that are looked for")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


# ---- the messages ----------------------------------------------------------------------------------------------------


class _Tensor(NamedTuple):
    """A tensor: its type by number, and how many elements it has."""

    kind: int
    elements: int


@dataclass(slots=True)
class Model:
    """What a file says of its model.

    Attributes:
        metadata: texts that the writer left, by their names.
        tensors: of weights, by their names.
        data_in: the names of other files in which tensors lie.
        packed: tensors that hold whole numbers of a few bits -> how many weights each holds, and of how many bits.
        beside: tensors that scale those.
        cut: how many bytes the file needs and has, where it is not whole.
    """

    producer: str = ""
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, _Tensor] = field(default_factory=dict)
    data_in: set[str] = field(default_factory=set)
    packed: dict[str, tuple[int, int]] = field(default_factory=dict)
    beside: set[str] = field(default_factory=set)
    cut: tuple[int, int] | None = None

    @property
    def parameters(self) -> int:
        """The weights in all tensors, packed ones as what they unpack to; whole numbers of 64 bits are none."""
        return sum(
            self.packed[name][0] if name in self.packed else tensor.elements
            for name, tensor in self.tensors.items()
            if tensor.kind not in _NO_WEIGHTS and name not in self.beside
        )

    @property
    def quantization(self) -> Quantization | None:
        """What the types of the tensors mean together."""
        elements: Counter[str] = Counter()
        for name, tensor in self.tensors.items():
            if name in self.packed:
                count, width = self.packed[name]
                elements[f"{width}-bit"] += count
            elif tensor.kind not in _NO_WEIGHTS and name not in self.beside:
                elements[_TYPES.get(tensor.kind, "")] += tensor.elements
        most = max(elements, key=lambda kind: elements[kind], default="")
        if most.endswith("-bit"):
            bits = most.removesuffix("-bit")
            return Quantization(f"INT{bits}" if bits in ("4", "8") else {"Other": f"INT{bits}"}, "", int(bits) + 0.5)
        return of_dtypes({most: elements[most]}) if most else None


# `TensorProto.DataType` -> the name that safetensors give the type. What counts or names something is no weight.
_TYPES = {
    1: "F32", 2: "U8", 3: "I8", 10: "F16", 11: "F64", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3", 19: "F8_E5M2",
    20: "F8_E5M2", 21: "I4", 22: "I4", 23: "F4",
}  # fmt: skip
_NO_WEIGHTS = frozenset((0, 6, 7, 8, 9, 12, 13))
# A file of data grows to gigabytes; what is read between its tensors does not.
_MOST_READ = 64 * 1024 * 1024
_MOST_FIELDS = 4_000_000
_MOST_TENSORS = 200_000
_LONGEST_TEXT = 64 * 1024
_LONGEST_PRODUCER = 256
# Files beside it with its data, of which real models have one or as many as tensors.
_MOST_DATA = 2_000
_MOST_DIMENSIONS = 16
_MOST_ELEMENTS = 2**63
_MOST_METADATA = 256


def read_model(file: IO[bytes]) -> Model:
    """What an open ONNX file says.

    Raises:
        SourceError: it is broken, or larger than real models are.
    """
    model = Model()
    wire = _Wire(file)
    try:
        for number, end in wire.fields(wire.size):
            match number:
                case 2 | 3 if end is not None and len(model.producer) < _LONGEST_PRODUCER:
                    model.producer = f"{model.producer} {wire.text(end)}".strip()
                case 6 if end is not None:
                    model.description = wire.text(end)
                case 7 if end is not None:
                    _read_graph(wire, end, model)
                case 14 if end is not None and len(model.metadata) < _MOST_METADATA:
                    key, value = wire.pair(end)
                    model.metadata.setdefault(key, value)
    except _Cut as cut:
        if not model.tensors:
            raise CutOffError("the ONNX file ends in the middle: it is cut off") from None
        model.cut = (cut.needed, wire.size)
    return model


def _read_graph(wire: _Wire, end: int, model: Model) -> None:
    for number, within in wire.fields(end):
        if number == 1 and within is not None:
            _read_node(wire, within, model)
        elif number == 5 and within is not None:
            _read_tensor(wire, within, model)


def _read_node(wire: _Wire, end: int, model: Model) -> None:
    """A node matters where it holds a tensor itself, or unpacks one."""
    inputs: list[str] = []
    numbers: dict[str, int] = {}
    kind = ""
    for number, within in wire.fields(end):
        if within is None:
            continue
        if number == 1 and len(inputs) < _MOST_DIMENSIONS:
            inputs.append(wire.text(within))
        elif number == 4:
            kind = wire.text(within)
        elif number == 5 and kind == "Constant":
            _read_attribute(wire, within, model, numbers)
        elif number == 5 and kind == _PACKS:
            _read_attribute(wire, within, None, numbers)
    if kind == _PACKS and len(inputs) > 1:
        bits, weights = numbers.get("bits", 4), numbers.get("K", 0) * numbers.get("N", 0)
        if 1 < bits <= 8 and 0 < weights < _MOST_ELEMENTS:
            model.packed[inputs[1]] = (weights, bits)
            model.beside.update(inputs[2:4])


# Of `com.microsoft`: a matrix of K times N whole numbers of a few bits, its scales and zero points beside it.
_PACKS = "MatMulNBits"


def _read_attribute(wire: _Wire, end: int, model: Model | None, numbers: dict[str, int]) -> None:
    name = ""
    for number, within in wire.fields(end):
        if number == 1 and within is not None:
            name = wire.text(within)
        elif number == 3 and within is None:
            numbers[name] = wire.number
        elif number == 5 and within is not None and model is not None:
            _read_tensor(wire, within, model)


def _read_tensor(wire: _Wire, end: int, model: Model) -> None:
    if len(model.tensors) >= _MOST_TENSORS:
        raise SourceError(f"the ONNX file has more than {exact(_MOST_TENSORS)} tensors: no model has that many")
    kind, elements, name, dimensions = 0, 1, "", 0
    for number, within in wire.fields(end):
        sizes: list[int] = []
        if number == 1:
            sizes = [wire.number] if within is None else wire.numbers(within)
        elif number == 2 and within is None:
            kind = wire.number
        elif number == 8 and within is not None:
            name = wire.text(within)
        elif number == 13 and within is not None:
            key, value = wire.pair(within)
            if key == "location" and value:
                model.data_in.add(value)
        for size in sizes:
            dimensions += 1
            elements *= size
            if dimensions > _MOST_DIMENSIONS or elements >= _MOST_ELEMENTS:
                raise SourceError("the ONNX file gives a tensor more elements than any machine holds")
    # One without a name stands in a node
    model.tensors[name or f"\0{len(model.tensors)}"] = _Tensor(kind, elements)


class _Cut(Exception):
    """The file ends before a field does."""

    def __init__(self, needed: int) -> None:
        super().__init__()
        self.needed = needed


class _Wire:
    """A message, read forward field by field. Nothing goes deeper than the reader of a model asks.

    Attributes:
        size: of the file in bytes.
        number: the value of the last field that was a number.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.size = size_of(file)
        self.number = 0
        self._file = file
        self._read = 0
        self._fields = 0

    def fields(self, end: int) -> Iterator[tuple[int, int | None]]:
        """The numbers of the fields up to a place, and where each ends; None for one that is a number, which is read.

        What is not read of a field before the next is passed over.
        """
        while self._file.tell() < end:
            tag = self._varint(end)
            number, kind = tag >> 3, tag & 7
            self._fields += 1
            if not number or self._fields > _MOST_FIELDS:
                raise SourceError("the ONNX file is broken" if not number else "the ONNX file has too many fields")
            if kind == 0:
                self.number = self._varint(end)
                yield number, None
            elif kind == 2:
                length = self._varint(end)
                begin = self._file.tell()
                if begin + length > self.size:
                    # Of a tensor that is cut off, what stands before its data is told
                    raise _Cut(begin + length)
                if begin + length > end:
                    raise SourceError("the ONNX file has a field that is longer than what it is in")
                yield number, begin + length
                self._file.seek(begin + length)
            elif kind in _FIXED:
                self._file.seek(_FIXED[kind], os.SEEK_CUR)
            else:
                raise SourceError("the ONNX file has a field of a kind that is not known")

    def text(self, end: int) -> str:
        """The text up to there, cut where it is longer than anybody reads."""
        return self._take(min(end - self._file.tell(), _LONGEST_TEXT)).decode("utf-8", "replace")

    def pair(self, end: int) -> tuple[str, str]:
        """A key and its value."""
        key = value = ""
        for number, within in self.fields(end):
            if number == 1 and within is not None:
                key = self.text(within)
            elif number == 2 and within is not None:
                value = self.text(within)
        return key, value

    def numbers(self, end: int) -> list[int]:
        """Packed numbers up to there."""
        found: list[int] = []
        while self._file.tell() < end and len(found) <= _MOST_DIMENSIONS:
            found.append(self._varint(end))
        return found

    def _varint(self, end: int) -> int:
        value = shift = 0
        while True:
            (byte,) = self._take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63 or self._file.tell() >= end:
                raise SourceError("the ONNX file has a number that does not end")

    def _take(self, count: int) -> bytes:
        self._read += count
        if self._read > _MOST_READ:
            raise SourceError(f"the ONNX file has more than {exact(_MOST_READ)} bytes beside its tensors")
        raw = self._file.read(count)
        if len(raw) < count:
            raise _Cut(self._file.tell() + count - len(raw))
        return raw


_FIXED = {1: 8, 5: 4}


READER = Reader(weights=WeightsReader(read_onnx, lambda beginning, _size, _name: len(beginning)))
