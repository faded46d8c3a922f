"""What a model card says -> the values of a draft.

Tasks and libraries are the Hub's: https://huggingface.co/tasks, https://huggingface.co/docs/hub/models-libraries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tui_registry.errors import Json
from tui_registry.importers.card import Card
from tui_registry.importers.drafting import Draft, shown
from tui_registry.importers.estimate import put_requirements
from tui_registry.importers.licences import put_licence
from tui_registry.text import count_words, parse_count

IN_CARD = "in the model card"


def card_draft(card: Card, source: str, otherwise: str) -> Draft:
    """The draft that a card gives; `otherwise` is its name when the card has none."""
    draft = Draft("model", source)
    draft.put("name", card.text("model_name"), f"model_name {IN_CARD}")
    draft.put("name", title_of(card), f"the heading {IN_CARD}")
    draft.put("name", otherwise, "the folder's name")
    put_card(draft, card)
    put_requirements(draft, None, "")
    return draft


def put_card(draft: Draft, card: Card, *, before_weights: bool = False) -> None:
    """Give the draft what a card tells; `before_weights` only what the weights cannot know better."""
    tags = card.texts("tags")
    _put_framework(draft, card.text("library_name"), tags)
    task = card.text("pipeline_tag")
    kind = _TASKS.get(task)
    if kind is not None:
        # The author says what the model is for; a configuration only how it is built.
        draft.replace("model_type", kind, f"pipeline_tag {task} {IN_CARD}")
    if before_weights:
        return
    if card.note is not None:
        draft.note(card.note)
    licences = card.texts("license")
    name = card.text("license_name")
    put_licence(draft, ", ".join(licences[:4]), f"license {IN_CARD}", name=name)
    draft.put("description", card.paragraph, f"the first paragraph of the text {IN_CARD}")
    draft.add("tags", [tag for tag in tags if not _MACHINE_TAG.match(tag)], f"tags {IN_CARD}")
    draft.add("tags", [task], f"pipeline_tag {IN_CARD}")
    languages = card.texts("language")
    draft.add("tags", languages if len(languages) <= 4 else ["multilingual"], f"language {IN_CARD}")
    bases = card.texts("base_model")
    draft.add("tags", [base.rpartition("/")[2] for base in bases[:4]], f"base_model {IN_CARD}")
    if kind == "LLM" and task == "text-generation" and {"conversational", "chat"} & {tag.lower() for tag in tags}:
        draft.add("capabilities", ["chat"], f"tags {IN_CARD}")
    _put_size_in_name(draft)


# `region:us`, `license:mit`, `base_model:...` and `arxiv:...` are the Hub's own bookkeeping.
_MACHINE_TAG = re.compile(r"(?:region|license|base_model|arxiv|doi|dataset|diffusers):|autotrain_comp|endpoints_comp")
_AUDIO = (
    "automatic-speech-recognition", "text-to-speech", "text-to-audio", "audio-classification", "audio-to-audio",
    "voice-activity-detection",
)  # fmt: skip
_SEES = (
    "image-text-to-text", "any-to-any", "visual-question-answering", "document-question-answering", "image-to-text",
    "video-text-to-text", "audio-text-to-text", "visual-document-retrieval",
)  # fmt: skip
_DRAWS = ("text-to-image", "image-to-image", "unconditional-image-generation", "text-to-video", "image-to-video")
_TASKS: Mapping[str, Json] = {
    **dict.fromkeys(("text-generation", "text2text-generation", "summarization", "translation", "question-answering",
                     "conversational", "fill-mask"), "LLM"),
    **dict.fromkeys(("feature-extraction", "sentence-similarity", "image-feature-extraction"), "Embedding"),
    **dict.fromkeys(_AUDIO, "AudioProcessing"),
    **dict.fromkeys(_SEES, "Multimodal"),
    **dict.fromkeys(_DRAWS, "ImageGeneration"),
    "text-ranking": {"Other": "Reranker"},
    "time-series-forecasting": {"Other": "TimeSeries"},
    **{task: {"Other": task} for task in (
        "text-classification", "token-classification", "zero-shot-classification", "image-classification",
        "object-detection", "image-segmentation", "depth-estimation", "tabular-classification", "tabular-regression",
        "table-question-answering", "reinforcement-learning", "robotics", "mask-generation", "text-to-3d",
        "zero-shot-image-classification", "zero-shot-object-detection", "video-classification", "keypoint-detection",
    )},
}  # fmt: skip
_LIBRARIES: Mapping[str, Json] = {
    **dict.fromkeys(("transformers", "peft", "sentence-transformers", "diffusers", "timm", "adapter-transformers",
                     "pytorch", "open_clip", "speechbrain", "espnet", "nemo", "fairseq", "flair", "setfit", "vllm",
                     "pyannote-audio", "mamba-ssm", "bitsandbytes"), "PyTorch"),
    **dict.fromkeys(("keras", "tf-keras", "tensorflow", "tf", "tflite", "tensorflowtts"), "TensorFlow"),
    **dict.fromkeys(("jax", "flax", "big_vision"), "JAX"),
    **dict.fromkeys(("onnx", "transformers.js", "onnxruntime"), "ONNX"),
    **dict.fromkeys(("coreml", "whisperkit"), "CoreML"),
    **{library: {"Other": "GGML"} for library in ("gguf", "ggml", "llama.cpp")},
    "mlx": {"Other": "MLX"},
    "ctranslate2": {"Other": "CTranslate2"},
    "paddlenlp": {"Other": "PaddlePaddle"},
}  # fmt: skip


def _put_framework(draft: Draft, library: str, tags: list[str]) -> None:
    if library:
        named = _LIBRARIES.get(library.lower(), {"Other": library[:64]})
        draft.put("framework", named, f"library_name {shown(library)} {IN_CARD}")
    for tag in tags:
        if tag.lower() in ("onnx", "coreml", "gguf", "mlx", "jax", "tf", "pytorch", "keras"):
            draft.put("framework", _LIBRARIES[tag.lower()], f"the tag {tag} {IN_CARD}")


_SIZE = re.compile(r"(?<![0-9A-Za-z.])([0-9]{1,4}(?:\.[0-9]{1,3})?[bBmM])(?![0-9A-Za-z])", re.ASCII)


def _put_size_in_name(draft: Draft) -> None:
    """A card states no parameters, but names often do: `Qwen2.5-7B-Instruct`."""
    name = draft.get("name")
    sizes = _SIZE.findall(name) if isinstance(name, str) else []
    if len(sizes) == 1 and not draft.has("parameters"):
        number = parse_count(sizes[0])
        draft.put("parameters", number, f"the name, which says {sizes[0]}")
        draft.note(f"parameters are only what the name says ({count_words(number)}): no weights were seen")


def title_of(card: Card) -> str:
    """The heading, when it names the model and is not a phrase of a template."""
    title = re.sub(r"(?i)^model card (?:for|of)\s+", "", card.title).strip()
    return "" if title.lower() in _NO_NAMES or len(title) > 80 else title


_NO_NAMES = frozenset({"model id", "model card", "model", "introduction", "overview", "model details", "readme"})
