"""ONNX: files made here byte by byte, and what the official package writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at, onnx, onnx_tensor, wire
from tui_registry.importers import Finding, read_source
from tui_registry.importers.onnx import read_model


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


def test_an_onnx_file_gives_parameters_and_type_of_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(onnx([onnx_tensor("w", 10, (64, 32), bytes(4096)), onnx_tensor("ids", 7, (9,), bytes(72))]))
    found = read(path)
    expected = {
        "name": "tiny", "parameters": 2048, "quantization": "FP16", "framework": "ONNX", "description": "A tiny one",
    }  # fmt: skip
    assert {name: at(found, name) for name in expected} == expected
    assert [problem.path for problem in found.problems if problem.severity == "error"] == ["model_type"]


def test_data_in_other_files_counts_and_what_leads_out_of_the_folder_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    (tmp_path / "secret").write_bytes(b"s" * 5000)
    (place / "w.data").write_bytes(bytes(4096))
    tensors = [
        onnx_tensor(name, 1, (1024,), lies_in=where)
        for name, where in (("a", "w.data"), ("b", "../secret"), ("c", "away.data"), ("d", str(tmp_path / "secret")))
    ]
    (place / "model.onnx").write_bytes(onnx(tensors))
    found = read(place / "model.onnx")
    assert (at(found, "name"), at(found, "parameters")) == ("mine", 4096)
    assert isinstance(found.manifest, dict)
    assert [one["uri"] for one in found.manifest["artifacts"]] == ["model.onnx", "w.data"]
    assert any("outside of its folder" in note for note in found.notes)
    assert "its data in away.data is not here" in found.notes


def test_whole_numbers_of_a_few_bits_count_as_what_they_unpack_to(tmp_path: Path) -> None:
    def number(name: str, value: int) -> bytes:
        return wire(5, wire(1, name) + wire(3, value))

    node = b"".join(wire(1, name) for name in ("x", "q", "scales")) + wire(4, "MatMulNBits")
    node += number("K", 64) + number("N", 16) + number("bits", 4)
    tensors = [onnx_tensor("q", 2, (16, 2, 16), bytes(512)), onnx_tensor("scales", 10, (32,), bytes(64))]
    (tmp_path / "q.onnx").write_bytes(onnx(tensors, [node]))
    found = read(tmp_path / "q.onnx")
    assert (at(found, "parameters"), at(found, "quantization")) == (1024, "INT4")


def test_a_folder_of_the_hub_with_onnx_alone_is_counted_by_it(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
    (tmp_path / "onnx" / "model.onnx").write_bytes(onnx([onnx_tensor("w", 1, (8, 8), bytes(256))]))
    (tmp_path / "onnx" / "model_quantized.onnx").write_bytes(onnx([onnx_tensor("w", 3, (8, 8), bytes(64))]))
    found = read(tmp_path)
    assert (at(found, "parameters"), at(found, "quantization"), at(found, "framework")) == (64, "FP32", "ONNX")


def test_the_data_beside_an_exported_file_counts_for_what_a_folder_needs(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
    tensor = onnx_tensor("w", 1, (2**20, 2**10), lies_in="model.onnx_data")
    (tmp_path / "model.onnx").write_bytes(onnx([tensor]))
    with (tmp_path / "model.onnx_data").open("wb") as file:
        file.truncate(4 * 1024**3)  # a file of holes
    found = read(tmp_path)
    assert at(found, "parameters") == 2**30
    assert at(found, "resource_requirements.min_memory_mb") == 5 * 1024
    assert "model.onnx and 1 beside it" in found.origins["resource_requirements.min_memory_mb"]


def test_of_a_model_in_several_parts_no_part_is_counted_for_all(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "config.json").write_text('{"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}')
    for name in ("encoder_model", "encoder_model_quantized", "decoder_model", "decoder_model_merged_q4f16"):
        (tmp_path / "onnx" / f"{name}.onnx").write_bytes(onnx([onnx_tensor("w", 1, (8, 8), bytes(256))]))
    found = read(tmp_path)
    assert "parameters" not in found.origins
    assert any("files of its parts (decoder_model, encoder_model)" in note for note in found.notes)


HEAD = wire(1, 8) + wire(2, "x")
BROKEN = {
    "cut": (onnx([onnx_tensor("w", 1, (8,), bytes(32))])[:30], "cut off"),
    "no data": (onnx([onnx_tensor("w", 1, (8,), bytes(3200))])[:200], "cut off"),
    "giant tensor": (onnx([onnx_tensor("w", 1, (2**40, 2**40))]), "more elements than any machine holds"),
    "many sizes": (onnx([onnx_tensor("w", 1, (1,) * 40)]), "more elements than any machine holds"),
    "field too long": (HEAD + b"\x3a\x04\x0a\x7f\0\0" + bytes(300), "longer than what it is in"),
    "number without end": (HEAD + b"\x28" + b"\xff" * 40, "does not end"),
    "field 0": (HEAD + b"\x02\x01\x01", "is broken"),
    "group": (HEAD + b"\x3b\x01", "kind that is not known"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gives_one_sentence(tmp_path: Path, name: str) -> None:
    content, sentence = BROKEN[name]
    (tmp_path / "m.onnx").write_bytes(content)
    found = read(tmp_path / "m.onnx")
    said = [problem.sentence for problem in found.problems] + list(found.notes)
    assert sum(sentence in one for one in said) == 1, said


def test_what_the_official_package_writes_is_read_as_it_reads_it(tmp_path: Path) -> None:
    official: Any = pytest.importorskip("onnx")
    np: Any = pytest.importorskip("numpy")
    helper = official.helper
    weights = official.numpy_helper.from_array(np.zeros((48, 20), np.float32), "w")
    bias = official.numpy_helper.from_array(np.zeros((20,), np.float32), "b")
    held = helper.make_node("Constant", [], ["k"], value=official.numpy_helper.from_array(np.zeros((3,), np.float32)))
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    kind = official.TensorProto.FLOAT
    graph = helper.make_graph(
        [held, node], "g", [helper.make_tensor_value_info("x", kind, [1, 48])],
        [helper.make_tensor_value_info("y", kind, [1, 20])], [weights, bias],
    )  # fmt: skip
    model = helper.make_model(graph, producer_name="tests", doc_string="What it does")
    helper.set_model_props(model, {"author": "me"})
    expected = sum(int(np.prod(one.dims)) for one in model.graph.initializer) + 3
    for name, options in (("in", {}), ("out", {"save_as_external_data": True, "location": "d", "size_threshold": 0})):
        official.save(model, tmp_path / f"{name}.onnx", **options)
        found = read(tmp_path / f"{name}.onnx")
        assert (at(found, "parameters"), at(found, "quantization")) == (expected, "FP32")
        assert at(found, "description") == "What it does"
        assert any("author me" in note and "written by tests" in note for note in found.notes)


def test_what_is_said_over_and_over_is_read_to_a_bound(tmp_path: Path) -> None:
    tensors = [onnx_tensor(f"t{n}", 1, (1,), lies_in=f"sub/d{n}") for n in range(3_000)]
    path = tmp_path / "many.onnx"
    path.write_bytes(onnx(tensors) + wire(2, "y" * 99) * 20_000)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d0").write_bytes(bytes(4))
    found = read(path)
    assert len(found.notes) < 10
    assert any("and 1,998 more is not here" in note for note in found.notes)
    assert isinstance(found.manifest, dict)
    assert [one["uri"] for one in found.manifest["artifacts"]] == ["many.onnx", "sub/d0"]
    with path.open("rb") as file:
        assert len(read_model(file).producer) < 1_000
