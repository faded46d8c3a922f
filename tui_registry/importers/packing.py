"""Quantised weights that lie packed in integers, as libraries store them -> how many weights they are.

GPTQ and AWQ pack into 32-bit integers (`qweight`), compressed-tensors into `weight_packed`, bitsandbytes two 4-bit
weights into a byte, MXFP4 two into a byte (`..._blocks`). What lies beside them (scales, zero points, maps) counts as
none.
"""

from __future__ import annotations

from collections.abc import Container

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
        names: of all tensors, which tell bitsandbytes' packing.
        bits: of a packed weight; 4 where nobody says.
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
