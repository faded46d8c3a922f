"""What formats of weights have in common: names of quantisations, names of the files of a split model, and what a model
needs to run, estimated from the size of its weights.

GGUF's file types: `llama_ftype` of llama.cpp; its tensor types: `ggml_type`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from tui_registry import fit
from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import Draft
from tui_registry.importers.untrusted import is_whole
from tui_registry.text import count_words, exact, size_bytes, size_mb


class Quantization(NamedTuple):
    """A quantisation.

    Attributes:
        value: as a record has it.
        scheme: such as `Q4_K_M`; empty where `value` says all.
        bits: of one weight, about; None when it is not known.
    """

    value: Json
    scheme: str
    bits: float | None


def of_file_type(number: int) -> Quantization | None:
    """What `general.file_type` means, None for a number that is not known."""
    name = _FILE_TYPES.get(number)
    return None if name is None else of_scheme(name)


def of_tensor_types(elements: Mapping[int, int]) -> Quantization | None:
    """What the GGML types of tensors mean together: the type with the most elements names it."""
    if not elements:
        return None
    most = max(elements, key=lambda kind: elements[kind])
    name = _TENSOR_TYPES.get(most)
    return Quantization({"Other": f"GGML type {most}"}, "", None) if name is None else of_scheme(name)


def of_scheme(name: str) -> Quantization:
    """What a scheme of GGUF means: `F16` and the like stand for themselves, all else is GGUF's own."""
    upper = name.strip().upper()
    plain = _PLAIN.get(upper)
    if plain is not None:
        return Quantization(plain, "", _BITS[plain])
    return Quantization("GGUF", upper, _bits(upper))


def of_dtypes(elements: Mapping[str, int]) -> Quantization | None:
    """What the dtypes of safetensors mean together: the dtype with the most elements names it.

    None when these are whole numbers of 16 bits or more: something is packed in them, and they do not tell what.
    """
    most = max(elements, key=lambda dtype: elements[dtype], default=None)
    if most is None or most in _NO_WEIGHTS:
        return None
    value, bits = _DTYPES.get(most, ({"Other": most}, None))
    return Quantization(value, "", bits)


_NO_WEIGHTS = ("I16", "U16", "I32", "U32", "I64", "U64", "BOOL")


def of_config(config: Mapping[str, Json]) -> Quantization | None:
    """What a `quantization_config` means, or the side file of a quantiser; None when it says nothing."""
    method = config.get("quant_method")
    number = _bits_in(config)
    if not isinstance(method, str):
        method = "bitsandbytes" if config.get("load_in_4bit") or config.get("load_in_8bit") else ""
    lower = method.lower()
    if lower.startswith(("gptq", "awq")):
        return Quantization(lower[:4].rstrip("_-").upper(), f"{number or 4}-bit", float(number or 4) + 0.5)
    if lower == "bitsandbytes":
        return _of_bitsandbytes(config)
    if lower == "compressed-tensors":
        return _of_groups(config)
    if lower in ("exl2", "exl3"):
        bits = config.get("bits")
        told = float(bits) if isinstance(bits, int | float) and 0 < bits <= 16 else None
        return Quantization({"Other": lower.upper()}, f"{told:g} bits" if told else "", told)
    if lower == "mxfp4":
        return Quantization({"Other": "MXFP4"}, "", 4.25)
    named = _of_words(lower, config)
    if named is not None:
        return named
    if lower and number in (4, 8):
        return Quantization(f"INT{number}", lower, number + 0.5)
    return Quantization({"Other": method[:64]}, "", None) if lower else None


def of_packed(bits: int, scheme: str, *, mode: str = "affine") -> Quantization:
    """Whole numbers of so many bits with scales beside them, as MLX and compressed-tensors pack them."""
    if mode.lower() not in ("affine", ""):
        return Quantization({"Other": mode.upper()[:64]}, scheme, bits + 0.5)
    return Quantization(f"INT{bits}" if bits in (4, 8) else {"Other": f"INT{bits}"}, scheme, bits + 0.5)


def _bits_in(config: Mapping[str, Json]) -> int | None:
    found = config.get("bits", config.get("w_bit", config.get("weight_bits")))
    return int(found) if isinstance(found, int | str) and str(found).isdecimal() and len(str(found)) < 3 else None


def _of_bitsandbytes(config: Mapping[str, Json]) -> Quantization:
    if config.get("load_in_4bit") not in (True, "true"):
        return Quantization("INT8", "bitsandbytes", 8.5)
    kind = config.get("bnb_4bit_quant_type")
    value: Json = {"Other": kind.upper()} if kind in ("nf4", "fp4") and isinstance(kind, str) else "INT4"
    return Quantization(value, "bitsandbytes", 4.5)


def _of_groups(config: Mapping[str, Json]) -> Quantization:
    """compressed-tensors: each group of layers says how its weights are stored.

    https://github.com/neuralmagic/compressed-tensors, `QuantizationScheme`.
    """
    form = config.get("format")
    kinds: dict[str, float] = {}
    for weights in _weights_of_groups(config):
        bits = weights.get("num_bits")
        if not is_whole(bits) or not 1 < bits <= 16:
            continue
        if weights.get("type") != "float":
            kinds[f"INT{bits}"] = bits + 0.5
        elif bits == 4:
            kinds["MXFP4" if weights.get("group_size") == 32 else "NVFP4"] = 4.5
        else:
            kinds[f"FP{bits}"] = float(bits)
    scheme = f"compressed-tensors, {form}" if isinstance(form, str) else "compressed-tensors"
    if not kinds:
        return Quantization({"Other": "compressed-tensors"}, "", None)
    name = "+".join(sorted(kinds))
    value: Json = name if name in ("INT4", "INT8") else {"Other": name[:64]}
    return Quantization(value, scheme[:64], max(kinds.values()))


def _weights_of_groups(config: Mapping[str, Json]) -> list[dict[str, Json]]:
    groups = config.get("config_groups")
    each = groups.values() if isinstance(groups, dict) else ()
    return [weights for group in each if isinstance(group, dict) and isinstance(weights := group.get("weights"), dict)]


# Where other methods name the numbers that they store: (methods, key)
_NAMED_BY = (("torchao", "quant_type"), ("quanto", "weights"), ("modelopt", "quant_algo"), ("eetq", "weights"))
_NAMES_OF_NUMBERS: tuple[tuple[str, Json, float], ...] = (
    ("NVFP4", {"Other": "NVFP4"}, 4.5), ("MXFP4", {"Other": "MXFP4"}, 4.25), ("FP8", {"Other": "FP8"}, 8.0),
    ("FLOAT8", {"Other": "FP8"}, 8.0), ("INT4", "INT4", 4.5), ("INT8", "INT8", 8.5),
)  # fmt: skip


def _of_words(method: str, config: Mapping[str, Json]) -> Quantization | None:
    key = next((key for name, key in _NAMED_BY if name == method), None)
    said = config.get(key) if key is not None else method
    words = said.upper() if isinstance(said, str) else ""
    found = ((value, bits) for name, value, bits in _NAMES_OF_NUMBERS if name in words)
    return next((Quantization(value, "", bits) for value, bits in found), None)


class Packing(NamedTuple):
    """How weights are packed, as far as a configuration says.

    Attributes:
        bits: of one weight. group: how many weights share a scale.
        groups: the same for single layers that differ, by their names.
    """

    bits: int | None = None
    group: int | None = None
    groups: Mapping[str, int] = {}


def packing_of(config: Mapping[str, Json]) -> Packing:
    """The packing that a quantisation's configuration states."""
    bits, group = _bits_in(config), config.get("group_size", config.get("q_group_size"))
    of_groups = {(weights.get("num_bits"), weights.get("group_size")) for weights in _weights_of_groups(config)}
    if len(of_groups) == 1:
        ((number, group),) = of_groups
        bits = number if is_whole(number) else None
    layers = {
        layer: size
        for layer, said in config.items()
        if isinstance(said, dict) and is_whole(size := said.get("group_size")) and size > 0
    }
    return Packing(
        bits if bits is not None and 1 < bits <= 8 else None, group if is_whole(group) and group > 0 else None, layers
    )


def put_quantization(draft: Draft, quantization: Quantization | None, origin: str, *, tagged: bool = False) -> None:
    """Give the draft its quantisation, if there is one; with `tagged` the scheme is a tag, too."""
    if quantization is None:
        return
    scheme = quantization.scheme
    draft.put("quantization", quantization.value, f"{origin} ({scheme})" if scheme else origin)
    if tagged:
        draft.add("tags", [scheme], origin)


def bits_of(value: Json) -> float | None:
    """The bits that one weight takes, about, where the quantisation alone determines them."""
    return _BITS.get(value) if isinstance(value, str) else None


_BITS: Mapping[str, float] = {
    "FP32": 32.0, "FP16": 16.0, "BF16": 16.0, "INT8": 8.0, "INT4": 4.5, "GPTQ": 4.5, "AWQ": 4.5, "GGUF": 4.85,
}  # fmt: skip
_PLAIN = {"F32": "FP32", "F16": "FP16", "BF16": "BF16", "FP16": "FP16", "FP32": "FP32"}
_DTYPES: Mapping[str, tuple[Json, float | None]] = {
    "F64": ({"Other": "FP64"}, 64.0),
    "F32": ("FP32", 32.0),
    "F16": ("FP16", 16.0),
    "BF16": ("BF16", 16.0),
    "F8_E4M3": ({"Other": "FP8"}, 8.0),
    "F8_E5M2": ({"Other": "FP8"}, 8.0),
    "F8_E8M0": ({"Other": "FP8"}, 8.0),
    "F4": ({"Other": "FP4"}, 4.0),
    "I4": ("INT4", 4.0),
    "I8": ("INT8", 8.0),
    "U8": ("INT8", 8.0),
}
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 4: "Q4_1", 5: "Q4_2", 6: "Q4_3", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1",
    10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M",
    18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 33: "Q4_0_4_4",
    34: "Q4_0_4_8", 35: "Q4_0_8_8", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4", 39: "NVFP4", 40: "Q1_0",
}  # fmt: skip
_TENSOR_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 4: "Q4_2", 5: "Q4_3", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
    10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS",
    18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 30: "BF16",
    34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
}  # fmt: skip


def _bits(scheme: str) -> float | None:
    """The bits a weight of a GGUF scheme takes; of one that no table has, by the digit in its name and the scales
    beside it."""
    known = fit.bits_of(scheme)
    if known is not None:
        return known.bits
    digit = next((character for character in scheme if character.isdecimal()), None)
    return None if digit is None else float(digit) + 0.6


# ---- a model of several files --------------------------------------------------------------------------------------


class Split(NamedTuple):
    """The name of one file of a split model, `NAME-00002-of-00005.gguf`, taken apart."""

    stem: str
    number: int
    total: int
    suffix: str

    def part(self, number: int) -> str:
        """The name of a part; the first is 1."""
        return f"{self.stem}-{number:05}-of-{self.total:05}{self.suffix}"

    def parts(self) -> list[str]:
        """The names of all parts."""
        return [self.part(number) for number in range(1, self.total + 1)]


def split_of(name: str, suffix: str = "") -> Split | None:
    """The parts of a name, None when it is of no split model or does not end in that suffix."""
    match = _SPLIT.fullmatch(name)
    if match is None or (suffix and match[4].lower() != suffix):
        return None
    return Split(match[1], int(match[2]), int(match[3]), match[4])


_SPLIT = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})(\.[A-Za-z]{1,12})", re.ASCII)


# ---- what it needs to run ------------------------------------------------------------------------------------------
# Rules of thumb, and each says its own formula.

_MB, _GB = 1024**2, 1024**3
_MOST_BYTES = 2**63

# Beside the weights a run holds the cache of the context, activations and the runtime: a fifth more is usual.
_OVERHEAD = 1.2
_COMFORT = 1.5
# MLX runs on Apple's chips, whose GPU shares the memory that is counted already.
_UNIFIED = {"Other": "MLX"}
# 16-bit weights above this size answer too slowly without a GPU to be of use.
_LARGE = 4 * _GB


def put_requirements(draft: Draft, weights: int | None, of: str, *, bits: float | None = None) -> None:
    """Give a model's draft memory, disk and VRAM, where they can be estimated.

    Args:
        weights: the size of the weights in bytes, None when no file was seen: then parameters and bits decide.
        of: what that size is, such as `the file`.
        bits: of one weight; without it the draft's quantisation decides.
    """
    # What no disk holds is as good as nothing
    if weights is None or not 0 < weights < _MOST_BYTES:
        parameters = draft.get("parameters")
        bits = bits or bits_of(draft.get("quantization"))
        if not isinstance(parameters, int) or parameters <= 0 or bits is None:
            draft.note("nothing tells the size of the weights, so the requirements are the usual defaults")
            return
        weights = math.ceil(parameters * bits / 8)
        of = f"{count_words(parameters)} parameters x {bits:g} bits"
    shown = f"estimated: {of}, {size_bytes(weights)}"
    memory = _whole_gb(weights * _OVERHEAD)
    comfortable = max(memory, _whole_gb(weights * _OVERHEAD * _COMFORT))
    disk = math.ceil(weights / _GB) + 1
    at = "resource_requirements."
    draft.put(f"{at}min_memory_mb", memory, f"{shown}, x {_OVERHEAD:g}, up to whole GB ({size_mb(memory)})")
    draft.put(f"{at}recommended_memory_mb", comfortable, f"{shown}, x {_OVERHEAD:g} x {_COMFORT:g}, up to whole GB")
    draft.put(f"{at}min_disk_gb", disk, f"{shown}, up to whole GB, plus 1 GB")
    draft.put(f"{at}recommended_disk_gb", 2 * disk, "estimated: twice the least disk, room for the next version")
    if draft.get("quantization") in ("GPTQ", "AWQ"):
        why = f"{draft.get('quantization')} kernels run on GPUs"
    elif draft.get("quantization") != "GGUF" and draft.get("framework") != _UNIFIED and weights > _LARGE:
        why = f"weights of more than {size_bytes(_LARGE)} are slow without one"
    else:
        return
    draft.put(f"{at}requires_gpu", True, f"estimated: {why}")
    draft.put(
        f"{at}min_vram_gb",
        math.ceil(weights * _OVERHEAD / _GB),
        f"{shown}, x {_OVERHEAD:g}, up to whole GB",
    )


def _whole_gb(size: float) -> int:
    """In MB, at least 1 GB."""
    return max(1, math.ceil(size / _GB)) * 1024


def lacking(needed: int, size: int) -> str:
    """That a file of `size` bytes should have `needed`, in words that tell the two apart."""
    told = [size_bytes(needed), size_bytes(size)]
    if told[0] == told[1]:
        told = [f"{exact(needed)} bytes", f"{exact(size)} bytes"]
    return f"it needs {told[0]} and has {told[1]}"
