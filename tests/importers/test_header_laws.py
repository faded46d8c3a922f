"""Laws of the header readers: whatever bytes they are given, a finding or the declared error comes out."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, strategies as st

from tests.importers.made import LLAMA, TEXT, U32, gguf, onnx, onnx_tensor, safetensors, tensor
from tui_registry.importers import Finding, SourceError, read_source
from tui_registry.importers.formats import WEIGHTS
from tui_registry.importers.gguf import read_gguf_header
from tui_registry.importers.recognising import form_of
from tui_registry.importers.safetensors import read_weights
from tui_registry.records.wire import check_shape

GOOD = [
    gguf(LLAMA),
    gguf(LLAMA, order=">"),
    gguf(LLAMA, [("a", (64, 64), 12, 0), ("b", (3,), 0, 2304)], version=2),
    gguf([("split.count", U32, 2), ("general.name", TEXT, "x")]),
    onnx([onnx_tensor("w", 10, (64, 32), bytes(64)), onnx_tensor("out", 1, (4,), lies_in="model.onnx_data")]),
    safetensors(
        {"__metadata__": {"format": "pt"}, "a": tensor("BF16", (4, 8), 0, 64), "b": tensor("I8", (2,), 64, 66)}
    ),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good header with bytes changed, put in, taken out or cut off."""
    content = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, max(0, min(len(content) - 1, 500))))
        match draw(st.sampled_from(["set", "word", "insert", "delete", "cut"])):
            case "set":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "word":
                number = draw(st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]))
                content[at : at + 8] = number.to_bytes(8, "little")
            case "insert":
                content[at:at] = draw(st.binary(max_size=16))
            case "delete":
                del content[at : at + draw(st.integers(1, 16))]
            case "cut":
                del content[at:]
    return bytes(content)


@given(mutated())
@example(GOOD[0])
@example(b"")
def test_a_spoilt_header_gives_a_finding_that_is_whole_or_says_why_not(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        for found in read_source(path):
            assert isinstance(found, Finding)
            if found.record is None:
                assert found.problems
                assert all(problem.sentence and "\n" not in problem.sentence for problem in found.problems)
            else:
                assert found.kind is not None
                check_shape(found.kind, found.record)


@given(st.one_of(mutated(), st.binary(max_size=400).map(lambda tail: b"GGUF\x03\x00\x00\x00" + tail)))
def test_the_gguf_reader_raises_nothing_but_its_own_error(content: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        with contextlib.suppress(SourceError):
            assert read_gguf_header(file).parameters >= 0


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
tensor_like = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "F16", "I8", "NEW", ""]) | json_values,
        "shape": st.lists(st.integers(-(2**70), 2**70), max_size=4) | json_values,
        "data_offsets": st.lists(st.integers(-(2**70), 2**70), max_size=3) | json_values,
    },
)


@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), tensor_like | json_values))
def test_the_safetensors_reader_raises_nothing_but_its_own_error(header: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        path.write_bytes(safetensors(header, data=64))
        with contextlib.suppress(SourceError):
            assert read_weights(path).parameters() >= 0


@given(st.binary(max_size=64))
def test_telling_what_a_file_is_leaves_its_position(content: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        assert form_of(file) in (*WEIGHTS, "text", "binary")
        assert file.tell() == 0
