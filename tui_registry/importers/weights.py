"""What formats of weights have in common: names of quantisations, names of the files of a split model, and what a model
needs to run, estimated from the size of its weights.

GGUF's file types: `llama_ftype` of llama.cpp; its tensor types: `ggml_type`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from tui_registry.errors import Json
from tui_registry.importers.draft_writer import Draft
from tui_registry.text import count_words, size_bytes, size_mb


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
    """What the dtypes of safetensors mean together: the dtype with the most elements names it."""
    if not elements:
        return None
    most = max(elements, key=lambda dtype: elements[dtype])
    value, bits = _DTYPES.get(most, ({"Other": most}, None))
    return Quantization(value, "", bits)


def of_config(config: Mapping[str, Json]) -> Quantization | None:
    """What a `quantization_config` of transformers means, None when it says nothing."""
    method = config.get("quant_method")
    bits = config.get("bits", config.get("w_bit", config.get("weight_bits")))
    number = int(bits) if isinstance(bits, int | str) and str(bits).isdecimal() and len(str(bits)) < 3 else None
    if not isinstance(method, str):
        method = "bitsandbytes" if config.get("load_in_4bit") or config.get("load_in_8bit") else ""
    lower = method.lower()
    if lower in ("gptq", "awq"):
        return Quantization(lower.upper(), f"{number or 4}-bit", float(number or 4) + 0.5)
    if lower == "bitsandbytes":
        four = config.get("load_in_4bit") in (True, "true")
        return Quantization("INT4" if four else "INT8", "bitsandbytes", 4.5 if four else 8.5)
    if lower in ("fp8", "fbgemm_fp8"):
        return Quantization({"Other": "FP8"}, "", 8.0)
    if lower == "mxfp4":
        return Quantization({"Other": "MXFP4"}, "", 4.25)
    if lower and number in (4, 8):
        return Quantization(f"INT{number}", lower, number + 0.5)
    return Quantization({"Other": method[:64]}, "", None) if lower else None


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
    """The bits a weight of a GGUF scheme takes, by the digit in its name and the scales beside it."""
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

# Beside the weights a run holds the cache of the context, activations and the runtime: a fifth more is usual.
_OVERHEAD = 1.2
_COMFORT = 1.5
# 16-bit weights above this size answer too slowly without a GPU to be of use.
_LARGE = 4 * _GB


def put_requirements(draft: Draft, weights: int | None, of: str, *, bits: float | None = None) -> None:
    """Give a model's draft memory, disk and VRAM, where they can be estimated.

    Args:
        weights: the size of the weights in bytes, None when no file was seen: then parameters and bits decide.
        of: what that size is, such as `the file`.
        bits: of one weight; without it the draft's quantisation decides.
    """
    if weights is None or weights <= 0:
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
    elif draft.get("quantization") != "GGUF" and weights > _LARGE:
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
