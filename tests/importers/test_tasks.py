"""Types of models: by tasks in the Hub's words and by class names; what nothing tells is not stated, and not ready."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at, safetensors, tensor
from tui_registry.errors import Problem
from tui_registry.importers import Finding, read_source
from tui_registry.importers.tasks import task_of_class, task_of_config, task_of_pipeline, type_of_task
from tui_registry.present.imports import judged


def card(folder: Path, front: str) -> Finding:
    (folder / "README.md").write_text(
        f"---\nlicense: mit\n{front}---\n# P\n\nA model that stands for many of its kind.\n"
    )
    (found,) = read_source(folder / "README.md")
    assert isinstance(found, Finding)
    return found


def model(folder: Path, files: dict[str, Any]) -> Finding:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    (found,) = read_source(folder)
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("text-generation", "LLM"),
        ("conversational", "LLM"),
        ("sentence-similarity", "Embedding"),
        ("image-text-to-text", "Multimodal"),
        ("automatic-speech-recognition", "AudioProcessing"),
        ("text-to-image", "ImageGeneration"),
        ("text-classification", {"Other": "text-classification"}),
        ("sentiment-analysis", {"Other": "text-classification"}),
        ("text-ranking", {"Other": "text-ranking"}),
        ("text-to-video", {"Other": "text-to-video"}),
        ("my-own-task", None),
        ("", None),
    ],
)
def test_a_task_of_the_hub_is_a_type(task: str, wanted: Any) -> None:
    assert type_of_task(task) == wanted


@pytest.mark.parametrize(
    ("front", "wanted"),
    [
        ("tags: [text-to-image]\n", "ImageGeneration"),
        ("tags: [pytorch, Text-Classification, text-generation]\n", {"Other": "text-classification"}),
        ("pipeline_tag: fill-mask\ntags: [text-generation]\n", {"Other": "fill-mask"}),
        ("pipeline_tag: new-task\ntags: [object-detection]\n", {"Other": "object-detection"}),
    ],
)
def test_a_card_tells_the_type_by_its_task_or_by_a_task_among_its_tags(tmp_path: Path, front: str, wanted: Any) -> None:
    assert at(card(tmp_path, front), "model_type") == wanted


@pytest.mark.parametrize("front", ["", "tags: [pytorch, llama]\n", "pipeline_tag: new-task\n"])
def test_a_model_whose_type_nothing_states_is_not_ready(tmp_path: Path, front: str) -> None:
    found = card(tmp_path, front)
    assert [(problem.path, problem.code) for problem in found.problems] == [("model_type", "not_stated")]
    assert "--set model_type=LLM" in found.problems[0].sentence
    assert "model_type" not in found.origins
    advice = [Problem("parameters", "warning", "not_stated", "an LLM should state its parameters")]
    assert judged(found, advice).problems == found.problems
    assert judged(found, []).status == "invalid"
    assert judged(found.settled({"model_type"}), []).status == "ready"


def test_a_task_that_is_none_of_the_hubs_is_told(tmp_path: Path) -> None:
    assert "the pipeline_tag new-task is no task of the Hub" in card(tmp_path, "pipeline_tag: new-task\n").notes


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("LlamaForCausalLM", "text-generation"),
        ("GPT2LMHeadModel", "text-generation"),
        ("XLMWithLMHeadModel", "fill-mask"),
        ("BertForSequenceClassification", "text-classification"),
        ("TFBertForTokenClassification", "token-classification"),
        ("Wav2Vec2ForCTC", "automatic-speech-recognition"),
        ("Wav2Vec2ForSequenceClassification", "audio-classification"),
        ("SpeechT5ForTextToSpeech", "text-to-speech"),
        ("T5ForConditionalGeneration", "text2text-generation"),
        ("WhisperForConditionalGeneration", "automatic-speech-recognition"),
        ("Qwen2_5_VLForConditionalGeneration", "image-text-to-text"),
        ("LayoutLMv3ForTokenClassification", "token-classification"),
        ("LayoutLMv3Model", "feature-extraction"),
        ("VisionEncoderDecoderModel", "image-to-text"),
        ("SamModel", "mask-generation"),
        ("OwlViTForObjectDetection", "zero-shot-object-detection"),
        ("RoFormerForMaskedLM", "fill-mask"),
        ("RoFormerModel", "feature-extraction"),
        ("modeling_x.XForCausalLM", "text-generation"),
        ("Wav2Vec2ForPreTraining", None),
        ("SomethingNewModel", None),
        ("SomethingNewForConditionalGeneration", None),
        ("ForCausalLM", None),
        ("", None),
    ],
)
def test_the_name_of_a_class_tells_its_task(name: str, task: str | None) -> None:
    assert task_of_class(name) == task


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ({"auto_map": {"AutoConfig": "c.C", "AutoModelForCausalLM": "m.M"}}, "text-generation"),
        ({"auto_map": {"AutoModel": "m.M"}}, None),
        ({"architectures": ["XForCausalLM"], "visual": {"image_size": 448}}, "image-text-to-text"),
        (
            {"architectures": ["NewForConditionalGeneration"], "vision_config": {}, "text_config": {}},
            "image-text-to-text",
        ),
        (
            {"architectures": ["NewForConditionalGeneration"], "audio_config": {}, "text_config": {}},
            "audio-text-to-text",
        ),
        (
            {"architectures": ["NewForImageClassification"], "vision_config": {}, "text_config": {}},
            "image-classification",
        ),
        ({"architectures": ["BertForSequenceClassification"], "sentence_transformers": {}}, "text-ranking"),
        ({"model_type": "llama"}, "text-generation"),
        ({"model_type": "bert"}, None),
        ({"architectures": ["Unheard"], "model_type": "llama"}, None),
        ({"architectures": "LlamaForCausalLM", "model_type": 3, "auto_map": []}, None),
    ],
)
def test_a_configuration_tells_the_task(config: Any, task: str | None) -> None:
    told = task_of_config(config)
    assert (told and told.task) == task


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("StableDiffusionXLPipeline", "text-to-image"),
        ("StableDiffusionXLImg2ImgPipeline", "image-to-image"),
        ("FluxKontextPipeline", "image-to-image"),
        ("WanImageToVideoPipeline", "image-to-video"),
        ("WanPipeline", "text-to-video"),
        ("AudioLDM2Pipeline", "text-to-audio"),
        ("MarigoldDepthPipeline", "depth-estimation"),
        ("DDPMPipeline", "unconditional-image-generation"),
        ("SomethingNewPipeline", None),
        ("StableDiffusion", None),
    ],
)
def test_a_pipeline_of_diffusers_tells_the_task(name: str, task: str | None) -> None:
    assert task_of_pipeline(name) == task


def test_a_pipeline_that_nobody_knows_has_no_type(tmp_path: Path) -> None:
    found = model(tmp_path / "x", {"model_index.json": {"_class_name": "SomethingNewPipeline"}})
    assert "model_type" not in found.origins
    assert [problem.path for problem in found.problems] == ["model_type"]


@pytest.mark.parametrize(
    ("task_type", "wanted"),
    [("CAUSAL_LM", "LLM"), ("SEQ_CLS", {"Other": "text-classification"}), ("FEATURE_EXTRACTION", "Embedding")],
)
def test_an_adapter_tells_its_task(tmp_path: Path, task_type: str, wanted: Any) -> None:
    found = model(tmp_path / "x", {"adapter_config.json": {"peft_type": "LORA", "task_type": task_type}})
    assert at(found, "model_type") == wanted


# ---- sentence-transformers: parts in folders -----------------------------------------------------------------------

BERT = {"architectures": ["BertModel"], "model_type": "bert", "max_position_embeddings": 512}
ENCODER, POOLING = "sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling"
FILES: dict[str, Any] = {
    "config.json": BERT,
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": ENCODER},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": POOLING},
    ],
    "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
    "1_Pooling/config.json": {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True},
    "onnx/config.json": BERT,
}


def test_a_model_of_sentence_transformers_is_one_with_its_own_length(tmp_path: Path) -> None:
    found = model(tmp_path / "mini", FILES)
    assert (at(found, "model_type"), at(found, "context_length")) == ("Embedding", 256)
    assert found.origins["context_length"] == "max_seq_length in sentence_bert_config.json"


def test_an_encoder_in_a_folder_of_its_own_is_read_there(tmp_path: Path) -> None:
    files = {
        "modules.json": [{"idx": 0, "name": "0", "path": "0_Transformer", "type": ENCODER}, FILES["modules.json"][1]],
        **{f"0_Transformer/{name}": FILES[name] for name in ("config.json", "sentence_bert_config.json")},
    }
    (tmp_path / "old" / "0_Transformer").mkdir(parents=True)
    weights = safetensors({"a": tensor("F32", (10, 8), 0, 320)})
    (tmp_path / "old" / "0_Transformer" / "model.safetensors").write_bytes(weights)
    found = model(tmp_path / "old", files)
    assert (at(found, "name"), at(found, "context_length"), at(found, "parameters")) == ("old", 256, 80)


def test_a_cross_encoder_ranks(tmp_path: Path) -> None:
    files = {**FILES, "config_sentence_transformers.json": {"model_type": "CrossEncoder"}}
    assert at(model(tmp_path / "x", files), "model_type") == {"Other": "text-ranking"}


@pytest.mark.parametrize("modules", [[], {}, [3], [{"type": "x", "path": "../../etc"}], "x"])
def test_parts_that_make_no_sense_are_passed_over(tmp_path: Path, modules: Any) -> None:
    found = model(tmp_path / "x", {"config.json": BERT, "modules.json": modules})
    assert at(found, "context_length") == 512


def test_other_folders_of_a_model_are_parts_of_it_unless_they_are_models(tmp_path: Path) -> None:
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    folder = tmp_path / "m"
    (folder / "checkpoint-500").mkdir(parents=True)
    (folder / "checkpoint-500" / "config.json").write_text(json.dumps(config))
    (folder / "original").mkdir()
    (folder / "original" / "params.json").write_text('{"dim": 4096}')
    (folder / "config.json").write_text(json.dumps(config))
    assert [Path(found.source).name for found in read_source(tmp_path) if isinstance(found, Finding)] == [
        "m", "checkpoint-500",
    ]  # fmt: skip
    assert len(list(read_source(tmp_path))) == 2


# ---- timm ----------------------------------------------------------------------------------------------------------

TIMM: dict[str, Any] = {
    "architecture": "vit_base_patch16_224", "num_classes": 1000, "num_features": 768, "global_pool": "token",
    "pretrained_cfg": {"tag": "augreg_in21k", "input_size": [3, 224, 224], "num_classes": 1000},
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "task"),
    [
        (TIMM, {"Other": "image-classification"}),
        ({**TIMM, "num_classes": 0}, "Embedding"),
        ({"architecture": "resnet50", "pretrained_cfg": {"num_classes": 10}}, {"Other": "image-classification"}),
        ({"architecture": "resnet50", "pretrained_cfg": {}}, None),
        ({"architecture": "resnet50", "num_classes": "many", "pretrained_cfg": []}, None),
    ],
)
def test_a_configuration_of_timm_tells_its_task_by_its_classes(tmp_path: Path, config: Any, task: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    (found,) = read_source(tmp_path / "config.json")
    assert isinstance(found, Finding)
    if found.record is None:
        assert isinstance(config["pretrained_cfg"], list)
    elif task is None:
        assert [problem.path for problem in found.problems] == ["model_type"]
    else:
        assert (at(found, "model_type"), at(found, "framework"), found.problems) == (task, "PyTorch", ())


def test_what_a_card_says_of_a_model_of_timm_goes_before_its_classes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TIMM))
    (tmp_path / "README.md").write_text("---\nlicense: mit\npipeline_tag: image-feature-extraction\n---\n")
    (found,) = read_source(tmp_path)
    assert isinstance(found, Finding)
    assert at(found, "model_type") == "Embedding"
