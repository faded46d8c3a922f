"""Headers made by hand, byte by byte, so that wrong ones can be made too; and a finding's values by their paths."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from tui_registry.importers import Finding

U32, F32, BOOL, TEXT, LIST, U64 = 4, 6, 7, 8, 9, 10
_CODES = {U32: "I", F32: "f", BOOL: "?", U64: "Q"}

# name, sizes, GGML type, offset
TensorInfo = tuple[str, Sequence[int], int, int]


def text(value: str | bytes, order: str = "<") -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(order + "Q", len(raw)) + raw


def value(kind: int, content: Any, order: str = "<") -> bytes:
    """A value without its type; of a list, `content` is (type, items)."""
    if kind == TEXT:
        return text(content, order)
    if kind == LIST:
        inner, items = content
        head = struct.pack(order + "IQ", inner, len(items))
        return head + b"".join(value(inner, item, order) for item in items)
    return struct.pack(order + _CODES[kind], content)


def gguf(
    values: Sequence[tuple[str | bytes, int, Any]] = (),
    tensors: Sequence[TensorInfo] = (("w", (4, 8), 0, 0),),
    *,
    order: str = "<",
    version: int = 3,
    value_count: int | None = None,
    tensor_count: int | None = None,
    data: int = 4096,
) -> bytes:
    """A GGUF file with `data` bytes of tensor data."""
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(values) if value_count is None else value_count,
    )
    parts = [b"GGUF", struct.pack(order + "IQQ", version, *counts)]
    for key, kind, content in values:
        parts += [text(key, order), struct.pack(order + "I", kind), value(kind, content, order)]
    for name, sizes, kind, offset in tensors:
        parts += [text(name, order), struct.pack(f"{order}I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)]
    return b"".join(parts) + bytes(data)


LLAMA: list[tuple[str | bytes, int, Any]] = [
    ("general.architecture", TEXT, "llama"),
    ("general.name", TEXT, "Tiny Llama"),
    ("general.license", TEXT, "apache-2.0"),
    ("general.file_type", U32, 15),
    ("general.tags", LIST, (TEXT, ["Text Generation", "chat"])),
    ("llama.context_length", U32, 8192),
    ("tokenizer.ggml.tokens", LIST, (TEXT, ["a", "b", "<s>"])),
    ("tokenizer.ggml.scores", LIST, (F32, [0.0, 1.0, 2.0])),
]


def safetensors(header: Mapping[str, Any] | bytes, *, data: int | None = None, length: int | None = None) -> bytes:
    """A safetensors file; the data is as long as the offsets say."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    if data is None:
        ends = (
            [t["data_offsets"][1] for t in header.values() if "data_offsets" in t] if isinstance(header, dict) else []
        )
        data = max(ends, default=0)
    return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(data)


def wire(number: int, content: int | str | bytes) -> bytes:
    """A field of a message of Protocol Buffers."""

    def varint(value: int) -> bytes:
        low, rest = value & 0x7F, value >> 7
        return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])

    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def onnx_tensor(name: str, kind: int, sizes: Sequence[int], data: bytes = b"", *, lies_in: str = "") -> bytes:
    """A tensor of an ONNX file; `kind` is the number of its type."""
    place = wire(13, wire(1, "location") + wire(2, lies_in)) + wire(14, 1) if lies_in else wire(9, data)
    return b"".join(wire(1, size) for size in sizes) + wire(2, kind) + wire(8, name) + place


def onnx(tensors: Sequence[bytes] = (), nodes: Sequence[bytes] = (), *, described: str = "A tiny one") -> bytes:
    """An ONNX file."""
    graph = b"".join(wire(1, node) for node in nodes) + wire(2, "main") + b"".join(wire(5, one) for one in tensors)
    return wire(1, 8) + wire(2, "pytorch") + wire(3, "2.5") + wire(6, described) + wire(7, graph) + wire(8, wire(2, 17))


def tensor(dtype: str, shape: Sequence[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def at(finding: Finding, path: str) -> Any:
    """A value of the draft by its path."""
    found: Any = finding.record
    assert found is not None, finding.problems
    for name in path.split("."):
        found = found[name]
    return found


def file(
    uri: str, size: int | None = None, *, sha256: str | None = None, quantization: object = None
) -> dict[str, object]:
    """A file as a manifest has it."""
    return {"uri": uri, "media_type": "", "sha256": sha256, "size_bytes": size, "quantization": quantization}
