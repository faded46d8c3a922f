"""Headers as the official packages write them, and what those packages read in them, against what we read.

`gguf`, `safetensors` and `huggingface_hub` are for tests only; without them these tests are left out.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, read_source
from tui_registry.importers.gguf import BLOCKS, read_gguf_header
from tui_registry.importers.huggingface import parse_card
from tui_registry.importers.safetensors import read_index, read_weights
from tui_registry.importers.weights import of_file_type, of_tensor_types

gguf: Any = pytest.importorskip("gguf")
np: Any = pytest.importorskip("numpy")
safetensors_numpy: Any = pytest.importorskip("safetensors.numpy")
huggingface_hub: Any = pytest.importorskip("huggingface_hub")


def finding(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


# ---- gguf ----------------------------------------------------------------------------------------------------------


def write_gguf(path: Path, **options: Any) -> Any:
    writer = gguf.GGUFWriter(path, "qwen2", **options)
    writer.add_name("Qwen Tiny")
    writer.add_description("A model that is only a header")
    writer.add_version("1.2")
    writer.add_license("apache-2.0")
    writer.add_tags(["chat", "Text Generation"])
    writer.add_languages(["en", "zh"])
    writer.add_context_length(32_768)
    writer.add_embedding_length(64)
    writer.add_head_count_kv([2, 2, 4])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token {number}" for number in range(2_000)])
    writer.add_token_scores([0.5] * 2_000)
    writer.add_token_merges([f"a b{number}" for number in range(500)])
    writer.add_chat_template("{% for m in messages %}{{ m }}{% endfor %}")
    writer.add_tensor("token_embd.weight", np.zeros((64, 32), dtype=np.float16))
    writer.add_tensor("output_norm.weight", np.zeros(64, dtype=np.float32))
    # 256 weights of Q4_K are 144 bytes.
    writer.add_tensor(
        "blk.0.ffn_up.weight", np.zeros((8, 144), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q4_K
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return writer


@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
def test_a_file_of_the_gguf_package_gives_a_whole_draft(tmp_path: Path, order: str) -> None:
    path = tmp_path / "qwen.gguf"
    write_gguf(path, endianess=gguf.GGUFEndian[order])
    found = finding(path)
    assert found.problems == ()
    assert found.notes == ()
    expected = {
        "name": "Qwen Tiny",
        "description": "A model that is only a header",
        "version": "1.2.0",
        "license": "Apache-2.0",
        "model_type": "LLM",
        "context_length": 32_768,
        "parameters": 64 * 32 + 64 + 8 * 256,
        "quantization": "GGUF",
        "tags": ["chat", "text-generation", "en", "zh", "qwen2", "q4-k-m"],
    }
    assert {path: at(found, path) for path in expected} == expected
    assert set(expected) <= set(found.origins)


def test_our_count_is_what_the_packages_reader_counts(tmp_path: Path) -> None:
    path = tmp_path / "qwen.gguf"
    write_gguf(path)
    theirs = gguf.GGUFReader(path)
    with path.open("rb") as file:
        ours = read_gguf_header(file)
    assert ours.parameters == sum(int(tensor.n_elements) for tensor in theirs.tensors)
    assert ours.tensors == len(theirs.tensors)
    last = theirs.tensors[-1]
    assert ours.size == last.data_offset + last.n_bytes
    assert ours.size is not None
    assert ours.size <= ours.file_size
    for key, value in ours.values.items():
        field = theirs.fields[key]
        if not isinstance(value, list):
            assert field.contents() == value


def test_a_model_that_the_package_splits_is_read_whole(tmp_path: Path) -> None:
    write_gguf(tmp_path / "qwen.gguf", split_max_tensors=1)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"qwen-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    for name in names:
        found = finding(tmp_path / name)
        assert at(found, "parameters") == 64 * 32 + 64 + 8 * 256
        assert at(found, "name") == "Qwen Tiny"
        assert found.notes == ()
    (found_in_folder,) = read_source(tmp_path)
    assert isinstance(found_in_folder, Finding)


def test_every_file_type_of_the_package_is_known_by_its_name() -> None:
    for member in gguf.LlamaFileType:
        if member.name == "GUESSED":
            continue
        quantization = of_file_type(member.value)
        assert quantization is not None, member
        name = member.name.removeprefix("ALL_").removeprefix("MOSTLY_").removesuffix("_MOE")
        assert quantization.scheme in ("", name)
        assert quantization.value == {"F32": "FP32", "F16": "FP16", "BF16": "BF16"}.get(name, "GGUF")


def test_every_tensor_type_of_the_package_is_known_with_its_block() -> None:
    for member in gguf.GGMLQuantizationType:
        assert BLOCKS[member.value] == gguf.GGML_QUANT_SIZES[member]
        quantization = of_tensor_types({member.value: 1})
        assert quantization is not None
        is_number = member.name in ("I8", "I16", "I32", "I64", "F64")
        assert is_number == (quantization.value == {"Other": f"GGML type {member.value}"})


# ---- safetensors ---------------------------------------------------------------------------------------------------

DTYPES = {"F32": "float32", "F16": "float16", "I8": "int8", "F64": "float64"}


@pytest.mark.parametrize(
    ("dtype", "wanted"), [("F32", "FP32"), ("F16", "FP16"), ("I8", "INT8"), ("F64", {"Other": "FP64"})]
)
def test_a_file_of_the_safetensors_package_is_counted(tmp_path: Path, dtype: str, wanted: Any) -> None:
    tensors = {"a": np.zeros((30, 20), DTYPES[dtype]), "b": np.zeros((7,), "float32"), "scalar": np.zeros((), "int64")}
    path = tmp_path / "tiny.safetensors"
    safetensors_numpy.save_file(tensors, path, {"format": "pt"})
    weights = read_weights(path)
    assert weights.parameters() == sum(math.prod(tensor.shape) for tensor in tensors.values())
    assert weights.metadata == {"format": "pt"}
    assert {name: tensor.dtype for name, tensor in weights.tensors.items()}["a"] == dtype
    found = finding(path)
    assert at(found, "quantization") == wanted
    assert at(found, "parameters") == 608
    assert at(found, "name") == "tiny"


def shards(folder: Path, count: int) -> dict[str, Any]:
    """A model in shards with an index, as huggingface_hub lays them out."""
    tensors = {f"layer.{number}": np.zeros((100, 10), "float16") for number in range(count)}
    split = huggingface_hub.split_state_dict_into_shards_factory(
        tensors,
        get_storage_size=lambda tensor: tensor.nbytes,
        get_storage_id=lambda tensor: None,
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=2_000,
    )
    assert split.is_sharded
    for name, keys in split.filename_to_tensors.items():
        safetensors_numpy.save_file({key: tensors[key] for key in keys}, folder / name)
    import json

    index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    return tensors


def test_shards_as_huggingface_hub_makes_them_are_counted_by_their_index(tmp_path: Path) -> None:
    shards(tmp_path, 4)
    weights = read_index(tmp_path / "model.safetensors.index.json")
    assert (weights.parameters(), weights.files) == (4_000, 4)
    for name in ("model.safetensors.index.json", "model-00002-of-00004.safetensors"):
        assert at(finding(tmp_path / name), "parameters") == 4_000
    assert len(list(read_source(tmp_path))) == 1


def test_a_missing_shard_is_noted(tmp_path: Path) -> None:
    shards(tmp_path, 4)
    (tmp_path / "model-00003-of-00004.safetensors").unlink()
    found = finding(tmp_path)
    # The index states the bytes of all tensors, and those that are here have 16 bits
    assert at(found, "parameters") == 4_000
    assert found.origins["parameters"].startswith("estimated: total_size in the index")
    assert any("1 of the model's files cannot be read" in note for note in found.notes)


def test_our_count_of_a_file_is_that_of_huggingface_hub(tmp_path: Path) -> None:
    utils = pytest.importorskip("huggingface_hub.utils")
    tensors = {"a": np.zeros((30, 20), "float16"), "b": np.zeros((5, 5, 5), "float32")}
    path = tmp_path / "x.safetensors"
    safetensors_numpy.save_file(tensors, path)
    weights = read_weights(path)
    theirs = utils.SafetensorsFileMetadata(
        metadata={},
        tensors={
            name: utils.TensorInfo(dtype=weights.tensors[name].dtype, shape=list(tensor.shape), data_offsets=(0, 0))
            for name, tensor in tensors.items()
        },
    )
    assert sum(theirs.parameter_count.values()) == weights.parameters()


# ---- model cards ---------------------------------------------------------------------------------------------------


def test_front_matter_that_huggingface_hub_writes_reads_as_it_was_given() -> None:
    data = huggingface_hub.ModelCardData(
        language=["en", "de"],
        license="other",
        license_name="house-licence",
        license_link="LICENSE",
        library_name="transformers",
        pipeline_tag="text-generation",
        base_model="meta-llama/Llama-3.1-8B",
        tags=["chat", "1.0", "no"],
        model_name="Tiny: a model",
        datasets=["a/b"],
        eval_results=[
            huggingface_hub.EvalResult(
                task_type="text-generation",
                dataset_type="ai2_arc",
                dataset_name="AI2 ARC",
                metric_type="acc",
                metric_value=0.5,
            )
        ],
    )
    text = f"---\n{data.to_yaml()}\n---\n# Tiny\n\nWords of a card that are long enough to be a paragraph.\n"
    card = parse_card(text)
    assert card is not None
    assert card.note is None
    assert card.texts("language") == ["en", "de"]
    assert card.text("license_name") == "house-licence"
    assert card.texts("tags") == ["chat", "1.0", "no"]
    assert card.text("base_model") == "meta-llama/Llama-3.1-8B"
    assert card.paragraph == "Words of a card that are long enough to be a paragraph."
    assert card.title == "Tiny"


def test_the_card_template_of_huggingface_hub_makes_a_draft_with_what_it_says(tmp_path: Path) -> None:
    data = huggingface_hub.ModelCardData(license="apache-2.0", library_name="keras", pipeline_tag="text-to-image")
    card = huggingface_hub.ModelCard.from_template(
        data,
        model_id="my-model",
        model_description="It draws small pictures of lighthouses for those who miss the sea.",
    )
    card.save(tmp_path / "README.md")
    found = finding(tmp_path / "README.md")
    assert at(found, "license") == "Apache-2.0"
    assert at(found, "framework") == "TensorFlow"
    assert at(found, "model_type") == "ImageGeneration"
    assert at(found, "name") == "my-model"
    assert "lighthouses" in at(found, "description")
