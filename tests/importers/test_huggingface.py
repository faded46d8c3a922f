"""Folders of the Hub and cards: what a draft takes from weights, configuration and card, and in which order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import LLAMA, at, gguf, safetensors, tensor
from tui_registry.importers import Finding, read_source
from tui_registry.importers.huggingface import parse_card, type_of

CARD = """---
license: llama3.1
library_name: transformers
pipeline_tag: text-generation
base_model: meta-llama/Llama-3.1-8B
language: [en, de]
tags:
  - conversational
  - Support Desk
  - region:us
---
<p align="center"><img src="x.png"></p>

# Support 8B

[![badge](https://x)](https://y)

**Support 8B** answers [tickets](https://example.com) of `customers`
politely and in two languages.

## More
"""
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "max_position_embeddings": 131_072,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.44.0",
}
WEIGHTS = safetensors({"a": tensor("BF16", (1000, 8), 0, 16_000), "b": tensor("F32", (2,), 16_000, 16_008)})


def model(folder: Path, *, card: str | None = CARD, config: Any = CONFIG, weights: bytes | None = WEIGHTS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if card is not None:
        (folder / "README.md").write_text(card)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "tokenizer.json").write_text('{"version": "1.0"}')
        (folder / "generation_config.json").write_text('{"bos_token_id": 1}')
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
    return folder


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    assert found.problems == ()
    return found


def test_a_folder_is_one_model_of_weights_configuration_and_card(tmp_path: Path) -> None:
    found = read(model(tmp_path / "Support-8B"))
    expected = {
        "name": "Support-8B",
        "description": "Support 8B answers tickets of customers politely and in two languages.",
        "license": "LicenseRef-Llama-3.1",
        "model_type": "LLM",
        "framework": "PyTorch",
        "parameters": 8_002,
        "quantization": "BF16",
        "context_length": 131_072,
        "tags": ["conversational", "support-desk", "text-generation", "en", "de", "llama-3-1-8b"],
        "capabilities": ["chat"],
    }
    assert {path: at(found, path) for path in expected} == expected
    assert found.origins["parameters"] == "the shapes of the tensors"
    assert found.origins["context_length"] == "max_position_embeddings in config.json"
    assert found.notes == ()


@pytest.mark.parametrize("name", ["README.md", "config.json", "model.safetensors"])
def test_naming_a_file_of_the_folder_reads_the_folder(tmp_path: Path, name: str) -> None:
    folder = model(tmp_path / "Support-8B")
    assert read(folder / name) == read(folder)


def test_folders_below_a_folder_are_models_of_their_own(tmp_path: Path) -> None:
    model(tmp_path / "one")
    model(tmp_path / "two" / "deep")
    found = list(read_source(tmp_path))
    assert [at(one, "name") for one in found if isinstance(one, Finding)] == ["one", "deep"]
    assert len(found) == 2


def test_the_cache_of_the_hub_names_its_models_and_counts_none_twice(tmp_path: Path) -> None:
    root = tmp_path / "models--my-lab--Support-8B"
    (root / "blobs").mkdir(parents=True)
    (root / "blobs" / "abc").write_bytes(WEIGHTS)
    snapshot = model(root / "snapshots" / ("0123456789" * 4), weights=None)
    (snapshot / "model.safetensors").symlink_to("../../blobs/abc")
    found = read(tmp_path)
    assert (at(found, "name"), at(found, "parameters")) == ("Support-8B", 8_002)


def test_gguf_files_in_a_folder_of_the_hub_are_models_beside_it(tmp_path: Path) -> None:
    folder = model(tmp_path / "Support-8B")
    (folder / "support-q4.gguf").write_bytes(gguf(LLAMA))
    whole, quantised = read_source(folder)
    assert isinstance(whole, Finding)
    assert isinstance(quantised, Finding)
    assert (at(whole, "quantization"), at(quantised, "quantization")) == ("BF16", "GGUF")
    assert at(quantised, "description").startswith("Support 8B answers")


def test_weights_of_mistral_that_lie_there_twice_count_once(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    (folder / "consolidated.safetensors").write_bytes(WEIGHTS)
    assert at(read(folder), "parameters") == 8_002


def test_a_folder_of_diffusers_is_one_model(tmp_path: Path) -> None:
    root = tmp_path / "draws"
    for part in ("unet", "vae"):
        model(root / part, card=None)
    (root / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "x"]}')
    found = read(root)
    assert (at(found, "name"), at(found, "model_type")) == ("draws", "ImageGeneration")
    assert at(found, "parameters") == 2 * 8_002


def test_a_folder_of_diffusers_tells_its_parts_and_leaves_out_what_it_does_without(tmp_path: Path) -> None:
    root = tmp_path / "draws"
    for part in ("unet", "safety_checker", "text_encoder"):
        model(root / part, card=None)
    parts = {"unet": ["diffusers", "x"], "text_encoder": ["transformers", "y"], "safety_checker": [None, None]}
    (root / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline", **parts}))
    found = read(root)
    assert at(found, "parameters") == 2 * 8_002
    assert "its parts: text_encoder 8 k, unet 8 k" in found.notes


def test_the_parts_of_a_pipeline_come_to_what_the_pipeline_has_where_they_are_packed(tmp_path: Path) -> None:
    root = tmp_path / "draws"
    packed = safetensors(
        {"l.qweight": tensor("I32", (100, 10), 0, 4_000), "l.scales": tensor("F16", (10,), 4_000, 4_020)}
    )
    model(root / "transformer", card=None, weights=packed)
    model(root / "vae", card=None)
    (root / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    found = read(root)
    assert at(found, "parameters") == 8_000 + 8_002
    assert "its parts: vae 8 k, transformer 8 k" in found.notes


def test_weights_of_pytorch_are_never_opened_and_their_sizes_count(tmp_path: Path) -> None:
    folder = model(tmp_path / "old", weights=None)
    index = {"metadata": {"total_size": 4 * 2**30}, "weight_map": {}}
    for number in (1, 2):
        name = f"pytorch_model-{number:05}-of-00002.bin"
        (folder / name).write_bytes(b"PK\x03\x04" + bytes(3000))
        index["weight_map"][str(number)] = name
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    for place in (folder, folder / "pytorch_model.bin.index.json"):
        found = read(place)
        assert not [problem for problem in found.problems if problem.code == "cut_off"]
        assert any("never opened" in note for note in found.notes)
        assert at(found, "resource_requirements.min_disk_gb") == 5
        assert isinstance(found.manifest, dict)
        assert [one["uri"] for one in found.manifest["artifacts"]] == [*index["weight_map"].values()]
    alone = tmp_path / "alone"
    alone.mkdir()
    for path in folder.glob("*.b*"):
        path.rename(alone / path.name)
    (index_alone,) = read_source(alone / "pytorch_model.bin.index.json")
    assert isinstance(index_alone, Finding)
    assert at(index_alone, "name") == "alone"
    assert not [problem.sentence for problem in index_alone.problems if problem.path == ""]


def test_an_adapter_says_what_it_adapts(tmp_path: Path) -> None:
    folder = model(tmp_path / "lora", card=None, config=None, weights=None)
    adapter = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "org/base"}
    (folder / "adapter_config.json").write_text(json.dumps(adapter))
    (folder / "adapter_model.safetensors").write_bytes(WEIGHTS)
    found = read(folder)
    assert "this is an adapter of org/base, no whole model" in found.notes
    assert "adapter" in at(found, "tags")


@pytest.mark.parametrize(
    ("quantization_config", "wanted"),
    [
        ({"quant_method": "gptq", "bits": 4}, "GPTQ"),
        ({"quant_method": "awq", "bits": 4}, "AWQ"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "INT4"),
        ({"load_in_8bit": True}, "INT8"),
        ({"quant_method": "fp8"}, {"Other": "FP8"}),
        ({"quant_method": "mxfp4"}, {"Other": "MXFP4"}),
        ({"quant_method": "hqq", "bits": 8}, "INT8"),
        ({"quant_method": "gptq_marlin", "bits": 4}, "GPTQ"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, {"Other": "NF4"}),
        ({"quant_method": "exl2", "bits": 4.65}, {"Other": "EXL2"}),
        ({"quant_method": "fbgemm_fp8"}, {"Other": "FP8"}),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, {"Other": "NVFP4"}),
        ({"quant_method": "torchao", "quant_type": "int4_weight_only"}, "INT4"),
        ({"bits": 4, "group_size": 64}, "INT4"),
        ({"bits": 4, "group_size": 32, "mode": "mxfp4"}, {"Other": "MXFP4"}),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 4, "type": "int"}}}},
            "INT4",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"g": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            {"Other": "FP8"},
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {
                    "a": {"weights": {"num_bits": 4, "type": "int"}},
                    "b": {"weights": {"num_bits": 8, "type": "int"}},
                },
            },
            {"Other": "INT4+INT8"},
        ),
        ({"quant_method": "compressed-tensors", "config_groups": [3]}, {"Other": "compressed-tensors"}),
        ({"quant_method": "new-thing"}, {"Other": "new-thing"}),
        ({"quant_method": 7, "bits": [4]}, "BF16"),
        ("4bit", "BF16"),
    ],
)
def test_the_configuration_of_the_quantisation_is_believed_before_dtypes(
    tmp_path: Path, quantization_config: Any, wanted: Any
) -> None:
    found = read(model(tmp_path / "m", config={**CONFIG, "quantization_config": quantization_config}))
    assert at(found, "quantization") == wanted


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("quantize_config.json", {"bits": 4, "group_size": 128, "desc_act": False, "sym": True}, "GPTQ"),
        ("quant_config.json", {"zero_point": True, "q_group_size": 128, "w_bit": 4, "version": "GEMM"}, "AWQ"),
        ("hf_quant_config.json", {"quantization": {"quant_algo": "FP8"}}, {"Other": "FP8"}),
    ],
)
def test_the_side_file_of_a_quantiser_tells_what_it_did(tmp_path: Path, name: str, content: Any, wanted: Any) -> None:
    folder = model(tmp_path / "m")
    (folder / name).write_text(json.dumps(content))
    found = read(folder)
    assert (at(found, "quantization"), name in found.origins["quantization"]) == (wanted, True)


def test_mlx_needs_no_gpu_of_its_own(tmp_path: Path) -> None:
    found = read(model(tmp_path / "m", card=CARD.replace("transformers", "mlx"), config={
        **CONFIG, "quantization": {"bits": 4, "group_size": 64}, "quantization_config": {"bits": 4, "group_size": 64},
    }, weights=None))  # fmt: skip
    assert (at(found, "quantization"), at(found, "framework")) == ("INT4", {"Other": "MLX"})
    assert at(found, "resource_requirements.requires_gpu") is False


def test_the_size_in_an_index_of_pytorch_tells_the_parameters(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", card=CARD, weights=None)
    index = {"metadata": {"total_size": 14_000}, "weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert at(read(folder), "parameters") == 7_000


def test_a_base_model_on_somebodys_disk_is_no_tag(tmp_path: Path) -> None:
    bases = "[C:\\Users\\bob\\llama, /home/bob/llama, org/base-7B]"
    found = read(model(tmp_path / "m", card=CARD.replace("meta-llama/Llama-3.1-8B", bases)))
    assert at(found, "tags")[-1] == "base-7b"
    assert not any("bob" in tag for tag in at(found, "tags"))
    assert not any("bob" in note for note in found.notes)


def test_packed_weights_are_counted_by_the_bits_of_the_configuration(tmp_path: Path) -> None:
    packed = safetensors({"l.qweight": tensor("I32", (10, 10), 0, 400), "l.scales": tensor("F16", (10,), 400, 420)})
    config = {**CONFIG, "quantization_config": {"quant_method": "gptq", "bits": 8}}
    found = read(model(tmp_path / "m", config=config, weights=packed))
    assert at(found, "parameters") == 400
    assert at(found, "resource_requirements.requires_gpu") is True


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"n_positions": 1024}, 1024),
        ({"max_position_embeddings": 512, "n_positions": 1024}, 512),
        ({"text_config": {"max_position_embeddings": 4096}, "vision_config": {}}, 4096),
        ({"max_sequence_length": 2048}, 2048),
        ({"model_type": "rwkv", "context_length": 1024}, 1024),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 4.0}}, 16_384),
        ({"max_position_embeddings": 2048, "rope_scaling": {"rope_type": "dynamic", "factor": 2}}, 4096),
        (
            {
                "max_position_embeddings": 32_768,
                "rope_scaling": {"type": "yarn", "factor": 4, "original_max_position_embeddings": 32_768},
            },
            131_072,
        ),
        (
            {
                "max_position_embeddings": 131_072,
                "rope_scaling": {"type": "yarn", "factor": 32, "original_max_position_embeddings": 4096},
            },
            131_072,
        ),
        (
            {
                "max_position_embeddings": 131_072,
                "rope_scaling": {"rope_type": "llama3", "factor": 8, "original_max_position_embeddings": 8192},
            },
            131_072,
        ),
        ({"max_position_embeddings": 4096, "rope_parameters": {"rope_type": "linear", "factor": 2.0}}, 8192),
        ({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 10**30}}, 4096),
        ({"max_position_embeddings": 4096, "rope_scaling": {"type": ["linear"], "factor": "2"}}, 4096),
        ({"max_position_embeddings": True}, None),
        ({"max_position_embeddings": -1}, None),
        ({"max_position_embeddings": 10**40}, None),
        ({"model_max_length": 1000000000000000019884624838656}, None),
        ({"max_position_embeddings": "4096"}, None),
    ],
)
def test_the_context_length_is_the_first_that_makes_sense(tmp_path: Path, config: Any, wanted: int | None) -> None:
    found = read(model(tmp_path / "m", config={"architectures": ["X"], **config}))
    assert at(found, "context_length") == wanted


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"architectures": ["Qwen2ForCausalLM"]}, "LLM"),
        ({"architectures": ["BertModel"]}, "Embedding"),
        ({"architectures": ["WhisperForConditionalGeneration"]}, "AudioProcessing"),
        ({"architectures": ["Qwen2VLForConditionalGeneration"]}, "Multimodal"),
        ({"vision_config": {}, "text_config": {}}, "Multimodal"),
        ({"vision_config": {}, "text_config": {}, "model_type": "clip"}, "Embedding"),
        ({"architectures": ["SomethingNew"]}, None),
        ({"architectures": [3]}, None),
    ],
)
def test_the_architecture_tells_the_type(config: Any, wanted: str | None) -> None:
    found = type_of(config)
    assert (found and found[0]) == wanted


def test_a_configuration_without_architectures_is_one_by_what_stands_in_it(tmp_path: Path) -> None:
    config = {"model_type": "own", "auto_map": {"AutoModelForCausalLM": "modeling_own.Own"}}
    (found,) = read_source(model(tmp_path / "m", card=None, config=config))
    assert isinstance(found, Finding)
    assert at(found, "model_type") == "LLM"
    assert "auto_map" in found.origins["model_type"]


# ---- cards ---------------------------------------------------------------------------------------------------------


def test_a_card_alone_gives_what_it_says_and_the_size_its_name_tells(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    found = read(tmp_path / "README.md")
    assert (at(found, "name"), at(found, "parameters")) == ("Support 8B", 8_000_000_000)
    assert found.origins["parameters"] == "the name, which says 8B"
    assert any("only what the name says" in note for note in found.notes)


def test_a_readme_without_front_matter_is_no_card(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# My project\n\nIt does things.\n")
    (found,) = read_source(tmp_path / "README.md")
    assert isinstance(found, Finding)
    assert "is no model card" in found.problems[0].sentence
    assert list(read_source(tmp_path)) == []  # and in a folder it is nobody's business


@pytest.mark.parametrize("library", ["keras", "flax", "onnx", "coreml", "gguf", "mlx", "somethingelse"])
def test_the_library_tells_the_framework(tmp_path: Path, library: str) -> None:
    (tmp_path / "README.md").write_text(
        f"---\nlicense: mit\npipeline_tag: summarization\nlibrary_name: {library}\n---\n"
    )
    wanted = {
        "keras": "TensorFlow", "flax": "JAX", "onnx": "ONNX", "coreml": "CoreML", "gguf": {"Other": "GGML"},
        "mlx": {"Other": "MLX"}, "somethingelse": {"Other": "somethingelse"},
    }  # fmt: skip
    assert at(read(tmp_path / "README.md"), "framework") == wanted[library]


def test_front_matter_that_is_not_yaml_still_tells_its_simple_lines(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\npipeline_tag: text-to-image\nwidget: [{\n---\n# X\n")
    found = read(tmp_path / "README.md")
    assert (at(found, "license"), at(found, "model_type")) == ("MIT", "ImageGeneration")
    assert any("widget could not be read and was left out (line" in note for note in found.notes)


PARAGRAPHS = [
    ("# T\n\nShort.\n\nThis is the first paragraph that says anything at all.\n", "This is the first paragraph"),
    ("```\ncode that is long enough to be taken for text\n```\nProse comes after the code.", "Prose comes"),
    ("| a | b |\n|---|---|\n\n> a quotation that is long enough\n\nProse after table and quotation.", "Prose after"),
    ("<div>\n<b>Bold</b> prose inside of HTML elements, which is long enough.\n</div>", "Bold prose inside of HTML"),
    ("![image](a(b).png) [link [nested]](x) and ***all*** the `rest` of it", "link [nested] and all the rest"),
    ("<!-- a comment that is long enough -->\nThe text after the comment is what counts.", "The text after"),
]


@pytest.mark.parametrize(("text", "begins"), PARAGRAPHS, ids=[begins for _, begins in PARAGRAPHS])
def test_the_description_is_the_first_paragraph_as_plain_text(text: str, begins: str) -> None:
    card = parse_card(f"---\nlicense: mit\n---\n{text}")
    assert card is not None
    assert card.paragraph.startswith(begins)


@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, "*" * 50_000, "`" * 50_000, "<" * 50_000, "![" * 30_000, "[a](" * 20_000, "_a_" * 20_000,
     "# " + "*a" * 30_000, "<!--" * 20_000, "<script" * 10_000],
    ids=lambda text: text[:6],
)  # fmt: skip
def test_markup_made_to_be_slow_is_read_all_the_same(text: str) -> None:
    card = parse_card(f"---\nlicense: mit\n---\n{text}")
    assert card is not None


FRONTS = {
    "alias": "license: &a mit\ntags: *a",
    "deep": "a: " + "[" * 500,
    "twice": "license: mit\nlicense: apache-2.0",
    "tag": "license: !!python/object:x y",
    "odd": "tags: {a: b}\nlicense: [mit, [x]]\nlanguage: {en: 1}",
    "nul": "license: mit\n\x00",
    "list": "- a\n- b",
    "empty": "",
}


@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_hostile_front_matter_never_raises(tmp_path: Path, front: str) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n# X\n")
    (found,) = read_source(tmp_path / "README.md")
    assert isinstance(found, Finding)
    assert found.record is not None or found.problems


@pytest.mark.parametrize(
    "config", [b"[" * 100_000, b"\xff", b"", b"3", b'{"architectures": ["X"], "architectures": ["Y"]}'],
    ids=["deep", "bytes", "empty", "number", "twice"],
)  # fmt: skip
def test_a_broken_configuration_is_noted_and_the_rest_is_read(tmp_path: Path, config: bytes) -> None:
    folder = model(tmp_path / "m", config=None)
    (folder / "config.json").write_bytes(config)
    found = [one for one in read_source(folder) if isinstance(one, Finding) and one.record is not None]
    assert [at(one, "parameters") for one in found] == [8_002]
