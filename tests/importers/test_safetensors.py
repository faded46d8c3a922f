"""Safetensors headers made by hand: packed weights, indexes that lie, and headers that do harm to no one."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at, safetensors, tensor
from tui_registry.importers import Finding, read_source
from tui_registry.importers.draft_writer import Draft
from tui_registry.importers.safetensors import put_weights, read_weights
from tui_registry.importers.weights import packing_of

TINY = {"__metadata__": {"format": "pt"}, "a": tensor("BF16", (4, 8), 0, 64), "b": tensor("F32", (2,), 64, 72)}


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_parameters_quantisation_and_requirements_come_from_the_header(tmp_path: Path) -> None:
    found = read(written(tmp_path, "tiny-bf16.bin", safetensors(TINY)))  # by content, whatever it is called
    assert (at(found, "parameters"), at(found, "quantization"), at(found, "framework")) == (34, "BF16", "PyTorch")
    assert found.origins["parameters"] == "the shapes of the tensors"
    assert any("no licence" in note for note in found.notes)


def test_what_image_models_write_into_their_header_is_taken(tmp_path: Path) -> None:
    told = {"modelspec.title": "Lighthouses", "modelspec.license": "CreativeML-OpenRAIL-M", "modelspec.author": "x"}
    found = read(written(tmp_path, "lora.safetensors", safetensors({**TINY, "__metadata__": told})))
    assert (at(found, "name"), at(found, "license")) == ("Lighthouses", "LicenseRef-CreativeML-OpenRAIL-M")
    assert found.origins["name"] == "modelspec.title in the header"


def test_a_file_called_model_is_named_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "my-finetune").mkdir()
    found = read(written(tmp_path / "my-finetune", "model.safetensors", safetensors(TINY)))
    assert at(found, "name") == "my-finetune"


I32, U32, U8, I8, F16, I16 = "I32", "U32", "U8", "I8", "F16", "I16"
# Each: the tensors, what a configuration states, how many weights there are, and what they are quantised as
PACKED: dict[str, tuple[dict[str, tuple[str, list[int]]], dict[str, Any], int, Any]] = {
    "plain": ({"l.weight": ("BF16", [10, 10])}, {}, 100, "BF16"),
    "GPTQ": ({"l.qweight": (I32, [10, 10]), "l.qzeros": (I32, [2, 10]), "l.scales": (F16, [2, 10])}, {}, 800, "GPTQ"),
    "GPTQ of 8 bits": ({"l.qweight": (I32, [10, 10]), "l.g_idx": (I32, [40])}, {"bits": 8}, 400, "GPTQ"),
    "GPTQ of 3 bits, by its zeros": (
        {"l.qweight": (I32, [96, 64]), "l.qzeros": (I32, [8, 6]), "l.scales": (F16, [8, 64])}, {}, 65_536, "GPTQ",
    ),
    "AWQ": (
        {"l.qweight": (I32, [64, 8]), "l.qzeros": (I32, [1, 8]), "l.scales": (F16, [1, 64])}, {"w_bit": 4}, 4096, "AWQ",
    ),
    "MLX": (
        {"l.weight": (U32, [16, 16]), "l.scales": (F16, [16, 2]), "l.biases": (F16, [16, 2]), "l.bias": (F16, [16])},
        {"bits": 4, "group_size": 64}, 16 * 128 + 16, "INT4",
    ),
    "MLX of mixed bits": (
        {"a.weight": (U32, [16, 16]), "a.scales": (F16, [16, 2]), "b.weight": (U32, [16, 32]), "b.scales": (F16, [16, 2])},
        {"bits": 4, "group_size": 64, "b": {"bits": 8, "group_size": 64}}, 2 * 16 * 128, "INT4",
    ),
    "MLX of 6 bits": (
        {"l.weight": (U32, [16, 24]), "l.scales": (F16, [16, 2]), "l.biases": (F16, [16, 2])},
        {"bits": 6, "group_size": 64}, 16 * 128, {"Other": "INT6"},
    ),
    "compressed-tensors": (
        {"l.weight_packed": (I32, [16, 16]), "l.weight_scale": ("BF16", [16, 1]), "l.weight_shape": ("I64", [2])},
        {"config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}}}, 2048, "INT4",
    ),
    "NVFP4": ({"l.weight_packed": (U8, [16, 16]), "l.weight_scale": ("F8_E4M3", [16, 2])}, {}, 512, {"Other": "NVFP4"}),
    "MXFP4": ({"l.down_proj_blocks": (U8, [10, 10]), "l.down_proj_scales": (U8, [10])}, {}, 200, {"Other": "MXFP4"}),
    "EXL2": (
        {"l.q_weight": (I32, [32, 64]), "l.q_invperm": (I16, [256]), "l.q_scale": (I32, [2, 8]), "l.q_groups": (I16, [4])},
        {}, 256 * 64, {"Other": "EXL2"},
    ),
    "EXL3": ({"l.trellis": (I16, [8, 8, 64]), "l.suh": (F16, [128]), "l.svh": (F16, [128])}, {}, 128 * 128, {"Other": "EXL3"}),
    "NF4": (
        {"l.weight": (U8, [100, 1]), "l.weight.absmax": (U8, [4]), "l.weight.quant_map": ("F32", [16]),
         "l.weight.quant_state.bitsandbytes__nf4": (U8, [80])}, {}, 200, {"Other": "NF4"},
    ),
    "bitsandbytes of 8 bits": ({"l.weight": (I8, [10, 10]), "l.SCB": ("F32", [10])}, {}, 100, "INT8"),
    "FP8": ({"l.weight": ("F8_E4M3", [10, 10]), "l.weight_scale_inv": ("F32", [1, 1])}, {}, 100, {"Other": "FP8"}),
}  # fmt: skip


def laid_out(tensors: dict[str, tuple[str, list[int]]]) -> bytes:
    """The safetensors of tensors that lie one behind the other."""
    sizes = {"I32": 4, "U32": 4, "F32": 4, "I64": 8, "F16": 2, "BF16": 2, "I16": 2}
    header, at_byte = {}, 0
    for name, (dtype, shape) in tensors.items():
        end = at_byte + math.prod(shape) * sizes.get(dtype, 1)
        header[name] = tensor(dtype, shape, at_byte, end)
        at_byte = end
    return safetensors(header)


@pytest.mark.parametrize(("tensors", "stated", "parameters", "quantization"), PACKED.values(), ids=PACKED)
def test_packed_weights_count_as_what_they_unpack_to(
    tmp_path: Path,
    tensors: dict[str, tuple[str, list[int]]],
    stated: dict[str, Any],
    parameters: int,
    quantization: Any,
) -> None:
    path = written(tmp_path, "l.safetensors", laid_out(tensors))
    draft = Draft("model", "x")
    put_weights(draft, read_weights(path), packing_of(stated))
    assert (draft.get("parameters"), draft.get("quantization")) == (parameters, quantization)


def test_weights_packed_in_a_way_that_nobody_knows_are_not_counted(tmp_path: Path) -> None:
    found = read(written(tmp_path, "l.safetensors", laid_out({"l.codes": (I16, [400, 400]), "l.scale": (F16, [8])})))
    assert (at(found, "parameters"), at(found, "quantization")) == (0, None)
    assert any("packed in a way that is not known here" in note for note in found.notes)


def index_of(folder: Path, metadata: dict[str, Any], *files: str) -> Path:
    content = {"metadata": metadata, "weight_map": {f"t{number}": name for number, name in enumerate(files)}}
    return written(folder, "model.safetensors.index.json", json.dumps(content).encode())


def test_what_an_index_states_stands_for_files_that_are_not_here(tmp_path: Path) -> None:
    found = read(index_of(tmp_path, {"total_size": 14_000, "total_parameters": 7_000}, "gone.safetensors"))
    assert at(found, "parameters") == 7_000
    assert found.origins["parameters"] == "total_parameters in the index"
    assert at(found, "resource_requirements.min_disk_gb") == 2


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"total_parameters": 40}, "the index states 40 parameters, the shapes of the tensors give 34"),
        ({"total_size": 100}, "the index states 100 bytes of tensors, the files have 72"),
        ({"total_parameters": 34, "total_size": 72}, None),
        ({"total_parameters": -1, "total_size": "72"}, None),
        ({"total_parameters": 10**40, "total_size": True}, None),
    ],
)
def test_what_an_index_states_is_compared_with_the_shapes(
    tmp_path: Path, metadata: dict[str, Any], told: str | None
) -> None:
    written(tmp_path, "a.safetensors", safetensors(TINY))
    found = read(index_of(tmp_path, metadata, "a.safetensors"))
    assert at(found, "parameters") == 34
    assert [note for note in found.notes if "the index states" in note] == ([] if told is None else [told])


def test_an_index_that_names_files_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    written(tmp_path, "secret.safetensors", safetensors(TINY))
    written(tmp_path / "inner", "here.safetensors", safetensors(TINY))
    places = {"a": "../secret.safetensors", "b": "/etc/passwd", "c": "..", "d": "here.safetensors"}
    index = json.dumps({"metadata": {}, "weight_map": places}).encode()
    found = read(written(tmp_path / "inner", "model.safetensors.index.json", index))
    assert at(found, "parameters") == 34
    assert any("outside of its folder" in note for note in found.notes)


def test_a_file_that_is_cut_off_is_described_and_not_ready(tmp_path: Path) -> None:
    found = read(written(tmp_path, "a.safetensors", safetensors(TINY, data=10)))
    assert at(found, "parameters") == 34
    assert any("is cut off" in note for note in found.notes)
    assert [(problem.code, problem.sentence) for problem in found.problems if problem.path == ""] == [
        ("cut_off", "a.safetensors is not whole: get it again")
    ]


DEEP = b'{"a":' + b"[" * 100_000
HOSTILE: list[tuple[bytes, str]] = [
    (struct.pack("<Q", 2**63) + b"{" + bytes(50), "cut off"),
    (struct.pack("<Q", 0) + b"{" + bytes(50), "is empty"),
    (safetensors(b"{}", length=1000), "cut off"),
    (safetensors(b'{"a"'), "is not JSON"),
    (safetensors(b'{"\xff": 1}'), "not UTF-8"),
    (safetensors(DEEP), "nested too deep"),
    (safetensors(b'{"a": NaN}'), "is not JSON"),
    (safetensors(b'{"a": 1' + b"0" * 10_000 + b"}"), "is not JSON"),
    (safetensors(b'{"a": {}, "a": {}}'), "names a twice"),
    (safetensors({"a": {"dtype": "F32"}}), "does not describe a as a tensor"),
    (safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, data=4), "does not describe a"),
    (safetensors({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, data=4), "does not describe a"),
    (safetensors({"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}}, data=4), "does not describe a"),
    (safetensors({"a": tensor("F32", [2**62, 2**62], 0, 4)}), "more elements than any machine"),
    (safetensors({"a": tensor("F32", [3], 0, 4)}), "do not agree"),
    (safetensors({"a": tensor("F32", [1], 4, 0)}), "do not agree"),
    (safetensors({"a": tensor("F32", [1], -4, 0)}), "do not agree"),
]


@pytest.mark.parametrize(("content", "part"), HOSTILE, ids=[part for _, part in HOSTILE])
def test_a_hostile_header_is_one_sentence(tmp_path: Path, content: bytes, part: str) -> None:
    found = read(written(tmp_path, "a.safetensors", content))
    assert found.record is None
    (problem,) = found.problems
    assert (problem.code, part in problem.sentence) == ("header", True), problem.sentence
    assert "\n" not in problem.sentence


def test_a_header_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a.safetensors", struct.pack("<Q", 2**32) + b"{")
    with path.open("r+b") as file:
        file.truncate(2**33)
    (problem,) = read(path).problems
    assert "longer than the 16,777,224 bytes that are read" in problem.sentence


@pytest.mark.parametrize(
    "index",
    [{"weight_map": {}}, {"weight_map": []}, {"weight_map": {"a": 3}}, {"weight_map": {"a": "gone.safetensors"}}],
)
def test_an_index_that_names_nothing_readable_never_raises(tmp_path: Path, index: Any) -> None:
    found = read(written(tmp_path, "model.safetensors.index.json", json.dumps(index).encode()))
    assert found.problems or found.notes


def test_parts_are_found_by_their_names_when_there_is_no_index(tmp_path: Path) -> None:
    for number in (1, 2):
        header = {f"layer.{number}": tensor("F16", (10,), 0, 20)}
        written(tmp_path, f"model-{number:05}-of-00002.safetensors", safetensors(header))
    weights = read_weights(tmp_path / "model-00002-of-00002.safetensors")
    assert (weights.files, weights.parameters()) == (2, 20)
