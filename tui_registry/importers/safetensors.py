"""Safetensors files -> how many parameters a model has, of which dtype, and the draft of a model that is no more.

The format: https://huggingface.co/docs/safetensors: eight bytes with the length of a JSON header, the header, the data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui_registry.errors import Json
from tui_registry.importers.draft_writer import Draft, put_licence, shown
from tui_registry.importers.formats import Reader, WeightsReader
from tui_registry.importers.untrusted import (
    HeaderReader,
    SourceError,
    is_whole,
    opened,
    parse_json,
    parse_object,
    read_bounded,
)
from tui_registry.importers.weights import of_dtypes, put_quantization, put_requirements, split_of
from tui_registry.text import exact, size_bytes

# The format allows 100 MB; the largest headers that exist have a tenth of this.
_MOST_HEADER = 16 * 1024 * 1024
_MOST_INDEX = 16 * 1024 * 1024
_MOST_PARTS = 1_000
_MOST_ELEMENTS = 2**63
_LENGTH = 8

# dtype -> bits of an element, where the format's library knows it.
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "F64": 64, "I64": 64, "U64": 64, "C64": 64,
}  # fmt: skip


def read_safetensors(path: Path) -> Draft:
    """The draft that safetensors alone give: a name, parameters, quantisation and requirements.

    Raises:
        SourceError: the file cannot be read, or its header is broken.
    """
    is_index = path.name.lower().endswith(".json")
    weights = read_index(path) if is_index else read_weights(path)
    draft = Draft("model", str(path))
    stem = path.name.removesuffix(".json").removesuffix(".index").removesuffix(".safetensors")
    split = split_of(path.name, ".safetensors")
    stem = stem if split is None else split.stem
    folder = path.absolute().parent.name
    # https://github.com/Stability-AI/ModelSpec, which image models carry.
    told = weights.metadata
    draft.put("name", told.get("modelspec.title", ""), "modelspec.title in the header")
    draft.put("description", told.get("modelspec.description", ""), "modelspec.description in the header")
    put_licence(draft, told.get("modelspec.license", ""), "modelspec.license in the header")
    generic = stem.lower() in ("model", "pytorch_model", "diffusion_pytorch_model", "adapter_model")
    draft.put("name", folder if generic else stem, "the folder's name" if generic else "the file's name")
    draft.put("framework", "PyTorch", "the file is safetensors, most often written by PyTorch")
    put_weights(draft, weights)
    if not draft.has("license"):
        draft.note("safetensors alone tell no licence or context length: import the model's folder if you can")
    return draft


def put_weights(draft: Draft, weights: Weights, *, bits: int | None = None) -> None:
    """Give a model's draft what can be read from its tensors. What the draft has already stays."""
    for note in weights.notes:
        draft.note(note)
    of_files = "" if weights.files == 1 else f" in {weights.files} files"
    draft.put("parameters", weights.parameters(bits) or None, f"the shapes of the tensors{of_files}")
    put_quantization(draft, of_dtypes(weights.dtypes()), f"the dtype of most tensors{of_files}")
    put_requirements(
        draft, weights.size, f"the safetensors file{'' if weights.files == 1 else 's'}" if weights.files else ""
    )


def header_end(beginning: bytes, size: int, name: str) -> int:
    """How many bytes of a file to read for its header, by the length that it begins with.

    Raises:
        SourceError: the header would be longer than real models have.
    """
    length = int.from_bytes(beginning[:_LENGTH], "little")
    if length > _MOST_HEADER:
        raise SourceError(f"the header of {name} is longer than the {exact(_MOST_HEADER)} bytes that are read")
    return min(_LENGTH + length, size)


# ---- tensors of files -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the header describes it; `elements` are those that are stored."""

    dtype: str
    elements: int


@dataclass(slots=True)
class Weights:
    """The tensors of one file or several.

    Attributes:
        files: how many were read.
        size: bytes of those files.
        metadata: free text that the writer left, of the first file.
        notes: what is missing or odd.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    files: int = 0
    size: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def parameters(self, bits: int | None = None) -> int:
        """The weights that the tensors hold; packed ones count as what they unpack to.

        Args:
            bits: of a packed weight, where the quantisation's configuration states it.
        """
        tensors = self.tensors.items()
        return sum(unpacked(name, tensor.dtype, tensor.elements, self.tensors, bits) for name, tensor in tensors)

    def dtypes(self) -> Counter[str]:
        """dtype -> stored elements."""
        counts: Counter[str] = Counter()
        for tensor in self.tensors.values():
            counts[tensor.dtype] += tensor.elements
        return counts

    def add(self, other: Weights, prefix: str = "") -> None:
        """Count in other files; a prefix keeps their tensors apart from those of the same name."""
        self.tensors |= {prefix + name: tensor for name, tensor in other.tensors.items()}
        self.files += other.files
        self.size += other.size
        self.metadata = self.metadata or other.metadata
        self.notes += other.notes


def read_weights(path: Path) -> Weights:
    """The tensors of a file, or of all parts of the model that it is a part of by its name.

    Raises:
        SourceError: the file cannot be read, or its header is broken.
    """
    weights = _read_file(path)
    split = split_of(path.name, ".safetensors")
    if split is not None and 1 < split.total <= _MOST_PARTS:
        _add_parts(weights, [path.with_name(part) for part in split.parts() if part != path.name])
    return weights


def read_all(paths: list[Path]) -> Weights:
    """The tensors of these files together; names that two files share count twice.

    Raises:
        SourceError: none of them can be read.
    """
    weights = Weights()
    for path in paths[:_MOST_PARTS]:
        try:
            weights.add(_read_file(path), f"{path.parent.name}/{path.name}:" if len(paths) > 1 else "")
        except SourceError as error:
            weights.notes.append(f"{shown(path.name)}: {error.sentence}")
    if not weights.files:
        raise SourceError(weights.notes[0] if weights.notes else "there are no safetensors")
    return weights


def read_index(path: Path) -> Weights:
    """The tensors of the parts that an index (`model.safetensors.index.json`) names, which lie beside it.

    Raises:
        SourceError: the index cannot be read, or names no parts.
    """
    names = _named_in(path)
    safe = [name for name in names if _PLAIN_NAME.fullmatch(name)]
    weights = Weights()
    if len(safe) < len(names):
        weights.notes.append("the index names files outside of its folder, which were left alone")
    if len(safe) > _MOST_PARTS:
        raise SourceError(f"the index names {exact(len(safe))} files: at most {exact(_MOST_PARTS)} are read")
    _add_parts(weights, [path.with_name(name) for name in safe])
    return weights


def parts_of(path: Path) -> list[str]:
    """The names of the parts beside an index. Raises as `read_index`."""
    return [name for name in _named_in(path) if _PLAIN_NAME.fullmatch(name)]


def _named_in(path: Path) -> list[str]:
    index = parse_json(read_bounded(path, _MOST_INDEX, "the index"), "the index")
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places:
        raise SourceError("the index names no files (weight_map)")
    return sorted({name for name in places.values() if isinstance(name, str)})


_PLAIN_NAME = re.compile(r"[^/\\\0]{1,255}(?<!^\.)(?<!^\.\.)")


def _add_parts(weights: Weights, parts: list[Path]) -> None:
    missing: list[str] = []
    for part in parts:
        try:
            weights.add(_read_file(part))
        except SourceError:
            missing.append(part.name)
    if missing:
        named = ", ".join(shown(name) for name in missing[:4]) + (", ..." if len(missing) > 4 else "")
        weights.notes.append(
            f"{len(missing)} of the model's files cannot be read ({named}): only the others were counted"
        )


def _read_file(path: Path) -> Weights:
    with opened(path) as file:
        reader = HeaderReader(file, _LENGTH + _MOST_HEADER, "the safetensors header")
        length = int.from_bytes(reader.take(_LENGTH), "little")
        if length < 2:
            raise reader.fail("is empty")
        header = parse_object(reader.take(length), "the safetensors header")
    extra = header.pop("__metadata__", {})
    metadata = {key: value for key, value in extra.items() if isinstance(value, str)} if isinstance(extra, dict) else {}
    weights = Weights(files=1, size=reader.file_size, metadata=metadata)
    needed = reader.position
    for name, described in header.items():
        weights.tensors[name], end = _tensor(reader, name, described)
        needed = max(needed, reader.position + end)
    if needed > weights.size:
        sizes = f"it needs {size_bytes(needed)} and has {size_bytes(weights.size)}"
        weights.notes.append(f"{shown(path.name)} is cut off: {sizes}")
    return weights


def _tensor(reader: HeaderReader, name: str, described: Json) -> tuple[Tensor, int]:
    if isinstance(described, dict):
        dtype, shape, offsets = described.get("dtype"), described.get("shape"), described.get("data_offsets")
        if isinstance(dtype, str) and len(dtype) <= 32 and isinstance(shape, list) and isinstance(offsets, list):
            sizes = [size for size in shape if is_whole(size) and size >= 0]
            places = [place for place in offsets if is_whole(place)]
            if len(sizes) == len(shape) <= 16 and len(places) == len(offsets) == 2:
                return _checked(reader, name, dtype, sizes, places), places[1]
    raise reader.fail(f"does not describe {shown(name)} as a tensor")


def _checked(reader: HeaderReader, name: str, dtype: str, shape: list[int], offsets: list[int]) -> Tensor:
    elements = 1
    for size in shape:
        elements *= size
        if elements >= _MOST_ELEMENTS:
            raise reader.fail(f"gives {shown(name)} more elements than any machine holds")
    begin, end = offsets
    bits = _BITS.get(dtype)
    if begin < 0 or end < begin or (bits is not None and -(-elements * bits // 8) != end - begin):
        raise reader.fail(f"gives {shown(name)} a shape and a place that do not agree")
    return Tensor(dtype, elements)


# ---- packed weights -------------------------------------------------------------------------------------------------


# Quantised weights lie packed in integers. GPTQ and AWQ pack into 32-bit integers (`qweight`), compressed-tensors into
# `weight_packed`, bitsandbytes two 4-bit weights into a byte, MXFP4 two into a byte (`..._blocks`). What lies beside
# them (scales, zero points, maps) counts as none.

_BESIDE = (
    ".qzeros", ".scales", ".g_idx", ".weight_scale", ".weight_scale_inv", ".weight_shape", ".weight_zero_point",
    ".weight_g_idx", ".weight_global_scale", ".input_scale", ".input_global_scale", ".k_scale", ".v_scale", ".absmax",
    ".quant_map", ".nested_absmax", ".nested_quant_map", ".quant_state.bitsandbytes__nf4",
    ".quant_state.bitsandbytes__fp4", ".SCB", ".weight_format", "_blocks_scale", "_scales",
)  # fmt: skip
_BITS_STORED = {"I32": 32, "U32": 32, "I64": 64, "I16": 16, "U8": 8, "I8": 8}
_USUAL_BITS = 4


def unpacked(name: str, dtype: str, elements: int, names: Container[str], bits: int | None = None) -> int:
    """How many weights a tensor of that name holds.

    Args:
        names: of all tensors; those of bitsandbytes show its packing.
        bits: of a packed weight; 4 where it is not known.
    """
    if name.endswith(_BESIDE):
        return 0
    stored = _BITS_STORED.get(dtype)
    if stored is None:
        return elements
    if name.endswith((".qweight", ".weight_packed", "_blocks")):
        return elements * stored // (bits if bits in (2, 3, 4, 8) else _USUAL_BITS)
    if dtype == "U8" and (
        f"{name}.quant_state.bitsandbytes__nf4" in names or f"{name}.quant_state.bitsandbytes__fp4" in names
    ):
        return elements * 2
    return elements


READER = Reader(weights=WeightsReader(read_safetensors, header_end))
