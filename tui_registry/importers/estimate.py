"""What a model needs to run, estimated from the size of its weights. Rules of thumb, and each says its own formula."""

from __future__ import annotations

import math

from tui_registry.importers.drafting import Draft
from tui_registry.importers.quantizations import bits_of
from tui_registry.text import count_words, size_bytes, size_mb

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
