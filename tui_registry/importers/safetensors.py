"""Safetensors files -> how many parameters a model has, of which dtype, and the draft of a model that is no more.

The format: https://huggingface.co/docs/safetensors: eight bytes with the length of a JSON header, the header, the data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import Draft, put_licence, seen, shown
from tui_registry.importers.formats import Reader, WeightsReader
from tui_registry.importers.lfs import MOST_OF_POINTER, Pointer, pointer_at, pointer_in, pointers_words, put_file
from tui_registry.importers.untrusted import (
    CutOffError,
    HeaderReader,
    SourceError,
    is_whole,
    lies_within,
    opened,
    parse_json,
    parse_object,
    read_bounded,
)
from tui_registry.importers.weights import (
    Packing,
    Quantization,
    bits_of,
    lacking,
    of_dtypes,
    of_packed,
    put_quantization,
    put_requirements,
    split_of,
)
from tui_registry.present.imports import CUT_OFF
from tui_registry.text import exact, size_bytes

# The format allows 100 MB; the largest headers that exist have a tenth of this.
_MOST_HEADER = 16 * 1024 * 1024
_MOST_INDEX = 16 * 1024 * 1024
_MOST_PARTS = 1_000
_MOST_ELEMENTS = 2**63
_LENGTH = 8

_UNSTATED = Packing()

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
    stem = path.name.removesuffix(".json").removesuffix(".index").removesuffix(".safetensors").removesuffix(".bin")
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
    safe = "the file is safetensors, most often written by PyTorch"
    draft.put("framework", "PyTorch", "the files are PyTorch's own" if weights.pickles else safe)
    draft.put("model_type", _image_type(told), "modelspec.architecture in the header")
    draft.note_unplaced(seen(key, value) for key, value in told.items() if value and key not in _PLACED)
    put_weights(draft, weights)
    _put_files(draft, path, is_index=is_index)
    if not draft.has("license"):
        draft.note("weights alone tell no licence or context length: import the model's folder if you can")
    return draft


def _put_files(draft: Draft, path: Path, *, is_index: bool) -> None:
    split = split_of(path.name, ".safetensors")
    together = split is not None and 1 < split.total <= _MOST_PARTS
    names = parts_of(path) if is_index else split.parts() if split is not None and together else [path.name]
    for name in names:
        if name == path.name or lies_within(path.with_name(name), path.parent):
            put_file(draft, path.with_name(name), name, draft.get("quantization"))


_PLACED = frozenset({"format", *(f"modelspec.{key}" for key in ("title", "description", "license", "architecture"))})


def _image_type(told: Mapping[str, str]) -> str | None:
    """ModelSpec names its architectures; those of images are known here."""
    return "ImageGeneration" if _IMAGE_MODELS.match(told.get("modelspec.architecture", "").lower()) else None


_IMAGE_MODELS = re.compile(
    r"(?:stable-diffusion|sd[0-9x]|flux|pixart|kandinsky|lumina|hunyuan-?(?:image|dit))", re.ASCII
)


def put_weights(draft: Draft, weights: Weights, packing: Packing = _UNSTATED, *, dtype: str | None = None) -> None:
    """Give a model's draft what can be read from its tensors. What the draft has already stays.

    Args:
        packing: what the quantisation's configuration states.
        dtype: of the weights, such as `FP16`, where the configuration states it: for a model whose files are not here.
    """
    for note in weights.notes:
        draft.note(note)
    for name in weights.cut:
        draft.problem("", CUT_OFF, f"{shown(name)} is not whole: get it again")
    if weights.pointers:
        draft.note(pointers_words(weights.pointers))
    of_files = "" if weights.files == 1 else f" in {weights.files} files"
    counted = weights.count(packing)
    _put_parameters(draft, weights, counted, of_files, dtype)
    if counted.packed is not None:
        put_quantization(draft, counted.packed, f"how the tensors are packed{of_files}")
    put_quantization(draft, of_dtypes(weights.dtypes()), f"the dtype of most tensors{of_files}")
    put_requirements(draft, *weights.disk())


def _put_parameters(draft: Draft, weights: Weights, counted: Counted, of_files: str, dtype: str | None) -> None:
    stated = weights.stated
    if counted.unexplained:
        draft.note(
            "the weights are packed in a way that is not known here, so no parameters were counted: their shapes would "
            "tell a wrong number"
        )
    elif weights.whole:
        draft.put("parameters", counted.parameters or None, f"the shapes of the tensors{of_files}")
        _compare(draft, weights, counted)
    draft.put("parameters", stated.parameters, f"total_parameters in {stated.of}")
    if draft.has("parameters") or counted.unexplained:
        return
    kinds = set(weights.dtypes())
    bits = bits_of(dtype) if not kinds else _BITS.get(kinds.pop()) if len(kinds) == 1 else None
    if stated.bytes is not None and bits is not None and counted.packed is None and not _is_packed(draft):
        words = f"estimated: total_size in {stated.of}, {size_bytes(stated.bytes)}, at {bits:g} bits"
        draft.put("parameters", int(stated.bytes * 8 // bits), words)
        draft.note(f"parameters are estimated by the size that {stated.of} states: not all of the weights were seen")
    else:
        draft.put("parameters", counted.parameters or None, f"the shapes of the tensors{of_files}")
        if not counted.parameters and not weights.pointers and not weights.missing and not weights.pickles:
            draft.note("no file of weights could be read, so no parameters were counted")


def _is_packed(draft: Draft) -> bool:
    return draft.has("quantization") and draft.get("quantization") not in ("FP32", "FP16", "BF16")


def _compare(draft: Draft, weights: Weights, counted: Counted) -> None:
    """Say where the totals of an index are not those of the tensors."""
    stated, size = weights.stated, sum(tensor.size for tensor in weights.tensors.values())
    if counted.packed is None and stated.parameters not in (None, counted.parameters):
        told = exact(stated.parameters or 0)
        draft.note(f"{stated.of} states {told} parameters, the shapes of the tensors give {exact(counted.parameters)}")
    if stated.bytes not in (None, size):
        told = exact(stated.bytes or 0)
        draft.note(f"{stated.of} states {told} bytes of tensors, the files have {exact(size)}")


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
    """A tensor as the header describes it; `elements` are those that are stored, `size` is in bytes."""

    dtype: str
    elements: int
    shape: tuple[int, ...] = ()
    size: int = 0


class Stated(NamedTuple):
    """What an index states of the whole model: parameters, and bytes of tensors. `of` is the index, for a sentence."""

    parameters: int | None = None
    bytes: int | None = None
    of: str = "the index"


class Counted(NamedTuple):
    """What tensors come to.

    Attributes:
        parameters: packed weights count as what they unpack to.
        packed: what the way in which they are packed means, None where none is.
        unexplained: much of it is packed in a way that is not known here.
    """

    parameters: int
    packed: Quantization | None
    unexplained: bool


@dataclass(slots=True)
class Weights:
    """The tensors of one file or several.

    Attributes:
        files: how many were read.
        size: bytes of those files.
        metadata: free text that the writer left, of the first file.
        notes: what is missing or odd.
        missing: how many files there should be that cannot be read.
        cut: the names of files that lack some of their data.
        pointers: what lies in place of files.
        pickles: files that hold weights as Python's pickles, which are never opened: their size is all that counts.
        stated: what an index says of all.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    files: int = 0
    size: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missing: int = 0
    cut: list[str] = field(default_factory=list)
    pointers: list[Pointer] = field(default_factory=list)
    pickles: int = 0
    stated: Stated = field(default_factory=Stated)

    @property
    def whole(self) -> bool:
        """Whether the headers of all files were read."""
        return bool(self.files) and not self.missing and not self.pointers and not self.pickles

    def parameters(self) -> int:
        """The weights that the tensors hold; packed ones count as what they unpack to."""
        return self.count().parameters

    def count(self, packing: Packing = _UNSTATED) -> Counted:
        """What the tensors come to, with what the quantisation's configuration states."""
        parameters = odd = most = 0
        packed: Quantization | None = None
        for name, tensor in self.tensors.items():
            number, means = unpacked(name, tensor, self.tensors, packing)
            parameters += number
            if means is not None and number > most:
                most, packed = number, means
            elif means is None and number and tensor.dtype in _PACKED_IN:
                odd += number
        return Counted(parameters, packed, odd > parameters // 10 and odd >= _LEAST_ODD)

    def dtypes(self) -> Counter[str]:
        """dtype -> stored elements."""
        counts: Counter[str] = Counter()
        for tensor in self.tensors.values():
            counts[tensor.dtype] += tensor.elements
        return counts

    def disk(self) -> tuple[int | None, str]:
        """The bytes of all files as far as anything tells them, and what they are the size of."""
        size = self.size + sum(pointer.size for pointer in self.pointers)
        if self.stated.bytes is not None and self.stated.bytes > size:
            return self.stated.bytes, f"total_size in {self.stated.of}"
        if self.pointers:
            return size, "the size in the Git LFS pointers"
        if self.pickles:
            return size, f"the file{'' if self.pickles == 1 else 's'} of PyTorch"
        return size, f"the safetensors file{'' if self.files == 1 else 's'}" if self.files else ""

    def add(self, other: Weights, prefix: str = "") -> None:
        """Count in other files; a prefix keeps their tensors apart from those of the same name."""
        self.tensors |= {prefix + name: tensor for name, tensor in other.tensors.items()}
        self.files += other.files
        self.size += other.size
        self.metadata = self.metadata or other.metadata
        self.notes += other.notes
        self.missing += other.missing
        self.cut += other.cut
        self.pointers += other.pointers
        self.pickles += other.pickles

    def add_pickles(self, paths: Iterable[Path]) -> None:
        """Count in files of PyTorch, by their sizes."""
        before = self.pickles
        for path in paths:
            pointer = pointer_at(path)
            if pointer is not None:
                self.pointers.append(pointer)
            elif path.is_file():
                self.pickles += 1
                self.size += path.stat().st_size
            else:
                self.missing += 1
        if self.pickles > before:
            self.notes.append("weights in PyTorch's own files are pickles, which are never opened: only sizes count")


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
        except CutOffError:
            weights.cut.append(path.name)
            weights.notes.append(f"{shown(path.name)} is cut off in the middle of its header")
        except SourceError as error:
            weights.missing += 1
            weights.notes.append(f"{shown(path.name)}: {error.sentence}")
    if not weights.files and not weights.cut and not weights.pointers:
        raise SourceError(weights.notes[0] if weights.notes else "there are no safetensors")
    return weights


def read_index(path: Path) -> Weights:
    """The tensors of the parts that an index (`model.safetensors.index.json`) names, which lie beside it.

    Raises:
        SourceError: the index cannot be read, or names no parts.
    """
    names, stated = _named_in(path)
    safe = [name for name in names if _PLAIN_NAME.fullmatch(name)]
    weights = Weights(stated=stated)
    if len(safe) < len(names):
        weights.missing = len(names) - len(safe)
        weights.notes.append("the index names files outside of its folder, which were left alone")
    if len(safe) > _MOST_PARTS:
        raise SourceError(f"the index names {exact(len(safe))} files: at most {exact(_MOST_PARTS)} are read")
    pickles = [path.with_name(name) for name in safe if name.endswith(_PICKLES)]
    weights.add_pickles(place for place in pickles if lies_within(place, path.parent))
    _add_parts(weights, [path.with_name(name) for name in safe if not name.endswith(_PICKLES)])
    return weights


_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def parts_of(path: Path) -> list[str]:
    """The names of the parts beside an index. Raises as `read_index`."""
    return [name for name in _named_in(path)[0] if _PLAIN_NAME.fullmatch(name)]


def stated_in(index: Json, of: str) -> Stated:
    """What the metadata of an index states of the whole model."""
    metadata = index.get("metadata") if isinstance(index, dict) else None
    parameters, size = (
        int(value) if is_whole(value := told.get(key)) and 0 < value < _MOST_ELEMENTS else None
        for told in (metadata if isinstance(metadata, dict) else {},)
        for key in ("total_parameters", "total_size")
    )
    return Stated(parameters, size, of)


def _named_in(path: Path) -> tuple[list[str], Stated]:
    index = parse_json(read_bounded(path, _MOST_INDEX, "the index"), "the index")
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places:
        raise SourceError("the index names no files (weight_map)")
    return sorted({name for name in places.values() if isinstance(name, str)}), stated_in(index, "the index")


_PLAIN_NAME = re.compile(r"[^/\\\0]{1,255}(?<!^\.)(?<!^\.\.)")


def _add_parts(weights: Weights, parts: list[Path]) -> None:
    missing: list[str] = []
    for part in parts:
        try:
            weights.add(_read_file(part))
        except CutOffError:
            weights.cut.append(part.name)
            weights.notes.append(f"{shown(part.name)} is cut off in the middle of its header")
        except SourceError:
            missing.append(part.name)
    weights.missing += len(missing)
    if missing and (weights.files or weights.pointers):
        named = ", ".join(shown(name) for name in missing[:4]) + (", ..." if len(missing) > 4 else "")
        weights.notes.append(
            f"{len(missing)} of the model's files cannot be read ({named}): only the others were counted"
        )
    elif missing:
        weights.notes.append("none of the files that the index names is here")


def _read_file(path: Path) -> Weights:
    """The tensors of one file, or the pointer that lies in its place."""
    with opened(path) as file:
        pointer = pointer_in(file.read(MOST_OF_POINTER), path.name)
        if pointer is not None:
            return Weights(pointers=[pointer])
        file.seek(0)
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
        weights.cut.append(path.name)
        weights.notes.append(f"{shown(path.name)} is cut off: {lacking(needed, weights.size)}")
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
    return Tensor(dtype, elements, tuple(shape), end - begin)


# ---- packed weights -------------------------------------------------------------------------------------------------


# Quantised weights lie packed in whole numbers. What lies beside them (scales, zero points, maps) counts as none.
_BESIDE = (
    ".qzeros", ".scales", ".g_idx", ".weight_scale", ".weight_scale_inv", ".weight_scale_2", ".weight_shape",
    ".weight_zero_point", ".weight_g_idx", ".weight_global_scale", ".input_scale", ".input_global_scale", ".k_scale",
    ".v_scale", ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".quant_state.bitsandbytes__nf4",
    ".quant_state.bitsandbytes__fp4", ".SCB", ".weight_format", "_blocks_scale", "_scales", ".q_scale",
    ".q_scale_max", ".q_groups", ".q_group_map", ".q_perm", ".q_invperm",
)  # fmt: skip
# Beside a tensor of this name, and only there
_BESIDE_ONE = {"biases": "scales", "suh": "trellis", "svh": "trellis", "su": "trellis", "sv": "trellis"}
_STORED_BITS = {"I32": 32, "U32": 32, "I64": 64, "I16": 16, "U8": 8, "I8": 8}
_PACKED_IN = ("I32", "U32", "I16", "U16", "U8")
_USUAL_BITS = 4
# A map of positions is no packed weight.
_LEAST_ODD = 65_536


def unpacked(
    name: str, tensor: Tensor, tensors: Mapping[str, Tensor], packing: Packing = _UNSTATED
) -> tuple[int, Quantization | None]:
    """How many weights a tensor of that name holds, and which quantisation it shows.

    GPTQ and AWQ pack into 32-bit integers (`qweight`), MLX into a `weight` of them with `scales` beside, ExLlama into
    `q_weight` and `trellis`, compressed-tensors into `weight_packed`, bitsandbytes and MXFP4 two weights into a byte.
    """
    stem, _, last = name.rpartition(".")
    beside = _BESIDE_ONE.get(last)
    if name.endswith(_BESIDE) or (beside is not None and f"{stem}.{beside}" in tensors):
        return 0, None
    stored = _STORED_BITS.get(tensor.dtype)
    if stored is None:
        return tensor.elements, None
    match last:
        case "qweight":
            return _of_qweight(stem, tensor, tensors, packing)
        case "q_weight":
            rows = tensors.get(f"{stem}.q_invperm", tensors.get(f"{stem}.q_perm"))
            if rows is not None and len(tensor.shape) == 2:
                return rows.elements * tensor.shape[1], Quantization({"Other": "EXL2"}, "", None)
        case "trellis" if len(tensor.shape) == 3:
            bits = tensor.shape[2] / 16
            # Tiles of 16 times 16 weights
            return tensor.shape[0] * tensor.shape[1] * 256, Quantization({"Other": "EXL3"}, f"{bits:g} bits", bits)
        case "weight_packed":
            return _of_weight_packed(stem, tensor, tensors, packing)
        case "weight" if tensor.dtype == "U32" and f"{stem}.scales" in tensors:
            return _of_mlx(stem, tensor, tensors[f"{stem}.scales"], packing)
    if name.endswith("_blocks"):
        return tensor.elements * 2, Quantization({"Other": "MXFP4"}, "", 4.25)
    for kind in ("nf4", "fp4"):
        if tensor.dtype == "U8" and f"{name}.quant_state.bitsandbytes__{kind}" in tensors:
            return tensor.elements * 2, Quantization({"Other": kind.upper()}, "bitsandbytes", 4.5)
    if tensor.dtype == "I8" and f"{stem}.SCB" in tensors:
        return tensor.elements, Quantization("INT8", "bitsandbytes", 8.5)
    return tensor.elements, None


def _of_qweight(
    stem: str, tensor: Tensor, tensors: Mapping[str, Tensor], packing: Packing
) -> tuple[int, Quantization | None]:
    """GPTQ packs the inputs of a layer, AWQ its outputs: the scales have an output each."""
    scales, zeros = tensors.get(f"{stem}.scales"), tensors.get(f"{stem}.qzeros")
    outputs = scales.shape[-1] if scales is not None and scales.shape else 0
    bits = packing.bits
    if bits is None and outputs and zeros is not None and zeros.shape:
        bits = 32 * zeros.shape[-1] // outputs
    bits = bits if bits in (2, 3, 4, 5, 6, 8) else _USUAL_BITS
    is_awq = bool(outputs) and bool(tensor.shape) and tensor.shape[-1] < outputs
    return tensor.elements * 32 // bits, Quantization("AWQ" if is_awq else "GPTQ", f"{bits}-bit", bits + 0.5)


def _of_weight_packed(
    stem: str, tensor: Tensor, tensors: Mapping[str, Tensor], packing: Packing
) -> tuple[int, Quantization | None]:
    if tensor.dtype == "U8":
        scales = tensors.get(f"{stem}.weight_scale")
        value = "MXFP4" if scales is not None and scales.elements * 32 == tensor.elements * 2 else "NVFP4"
        return tensor.elements * 2, Quantization({"Other": value}, "", 4.5)
    scales = tensors.get(f"{stem}.weight_scale")
    bits = packing.bits or _USUAL_BITS
    whole = tensor.elements * (_STORED_BITS[tensor.dtype] // bits)
    # Bits that do not divide 32 leave some over, and the last number of a row may not be full
    number = scales.elements * packing.group if scales is not None and packing.group else whole
    return min(number, whole), of_packed(bits, "compressed-tensors")


def _of_mlx(stem: str, tensor: Tensor, scales: Tensor, packing: Packing) -> tuple[int, Quantization | None]:
    group = packing.groups.get(stem, packing.group or 0)
    number = scales.elements * group
    bits = 32 * tensor.elements // number if number else packing.bits or _USUAL_BITS
    if not number or bits not in (2, 3, 4, 5, 6, 8):
        bits = packing.bits or _USUAL_BITS
        number = tensor.elements * 32 // bits
    return number, of_packed(bits, "MLX" if not group else f"MLX, groups of {group}")


READER = Reader(weights=WeightsReader(read_safetensors, header_end))
