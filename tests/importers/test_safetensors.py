"""Safetensors headers made by hand: packed weights, indexes that lie, and headers that do harm to no one."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at, safetensors, tensor
from tui_registry.importers import Finding, read_source
from tui_registry.importers.safetensors import read_weights, unpacked

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


@pytest.mark.parametrize(
    ("name", "dtype", "elements", "names", "bits", "wanted"),
    [
        ("l.weight", "BF16", 100, (), None, 100),
        ("l.qweight", "I32", 100, (), None, 800),
        ("l.qweight", "I32", 100, (), 8, 400),
        ("l.qzeros", "I32", 100, (), 4, 0),
        ("l.scales", "F16", 100, (), 4, 0),
        ("l.weight_packed", "I32", 100, (), 4, 800),
        ("l.weight_scale", "BF16", 100, (), None, 0),
        ("l.down_proj_blocks", "U8", 100, (), None, 200),
        ("l.weight", "U8", 100, ("l.weight.quant_state.bitsandbytes__nf4",), None, 200),
        ("l.weight", "U8", 100, (), None, 100),
    ],
)
def test_packed_weights_count_as_what_they_unpack_to(
    name: str, dtype: str, elements: int, names: tuple[str, ...], bits: int | None, wanted: int
) -> None:
    assert unpacked(name, dtype, elements, names, bits) == wanted


def test_an_index_that_names_files_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    written(tmp_path, "secret.safetensors", safetensors(TINY))
    written(tmp_path / "inner", "here.safetensors", safetensors(TINY))
    places = {"a": "../secret.safetensors", "b": "/etc/passwd", "c": "..", "d": "here.safetensors"}
    index = json.dumps({"metadata": {}, "weight_map": places}).encode()
    found = read(written(tmp_path / "inner", "model.safetensors.index.json", index))
    assert at(found, "parameters") == 34
    assert any("outside of its folder" in note for note in found.notes)


def test_a_file_that_is_cut_off_is_described_with_a_note(tmp_path: Path) -> None:
    found = read(written(tmp_path, "a.safetensors", safetensors(TINY, data=10)))
    assert at(found, "parameters") == 34
    assert any("is cut off" in note for note in found.notes)


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
