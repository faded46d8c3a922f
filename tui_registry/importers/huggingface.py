"""A model as the Hugging Face Hub keeps it -> its draft: a folder with `config.json` and the like, or a card alone.

The keys of `config.json`: the configuration classes of https://huggingface.co/docs/transformers. The metadata of cards:
https://huggingface.co/docs/hub/model-cards; tasks and libraries are the Hub's: https://huggingface.co/tasks,
https://huggingface.co/docs/hub/models-libraries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard, TypeVar

from tui_registry.errors import Json
from tui_registry.importers import safetensors
from tui_registry.importers.draft_writer import Draft, plain_name, put_licence, shown
from tui_registry.importers.formats import FolderReader, Reader, TextReader
from tui_registry.importers.front_matter import MOST_BYTES, front_matter, without_place
from tui_registry.importers.untrusted import (
    SourceError,
    decoded,
    is_whole,
    opened,
    parse_written,
    read_bounded,
    texts_at,
)
from tui_registry.importers.weights import of_config, put_quantization, put_requirements
from tui_registry.text import count_words, parse_count

CARD, CONFIG, PIPELINE, ADAPTER = "README.md", "config.json", "model_index.json", "adapter_config.json"
INDEXES = ("model.safetensors.index.json", "diffusion_pytorch_model.safetensors.index.json")


T = TypeVar("T")


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model as the Hub stores it: by its configuration, not by its card alone."""
    for name, is_one in ((CONFIG, is_config), (PIPELINE, _is_pipeline), (ADAPTER, _is_adapter)):
        try:
            if (folder / name).is_file() and is_one(_read_object(folder / name)):
                return True
        except (SourceError, OSError):
            continue
    return False


def read_model_folder(folder: Path) -> Draft:
    """The draft that a folder gives: weights first, then configuration, then the card.

    Raises:
        SourceError: nothing in it can be read.
    """
    draft = Draft("model", str(folder))
    objects = {
        name: found for name in (CONFIG, PIPELINE, ADAPTER) if (found := _noted(draft, _read_object, folder / name))
    }
    card = _noted(draft, read_card, folder / CARD)
    if not objects and card is None:
        raise SourceError("holds neither a configuration nor a model card that can be read")
    config = objects.get(CONFIG, {})
    _put_name(draft, folder, card, config)
    if PIPELINE in objects:
        draft.put("model_type", "ImageGeneration", f"the pipeline in {PIPELINE}")
        draft.put("framework", "PyTorch", f"the pipeline in {PIPELINE} is one of diffusers")
    bits = put_config(draft, config)
    if card is not None:
        put_card(draft, card, before_weights=True)
    _put_weights(draft, folder, pipeline=PIPELINE in objects, bits=bits)
    put_dtype(draft, config)
    if ADAPTER in objects:
        base = objects[ADAPTER].get("base_model_name_or_path")
        draft.add("tags", ["adapter"], ADAPTER)
        draft.note(f"this is an adapter of {shown(base) if isinstance(base, str) else 'another model'}, no whole model")
    if card is not None:
        put_card(draft, card)
    else:
        draft.note("there is no model card (README.md with front matter), so licence and description are open")
    draft.put("framework", "PyTorch", "transformers' configuration, and nothing that names another framework")
    if not draft.has("resource_requirements.min_memory_mb"):
        put_requirements(draft, None, "")
    return draft


def read_card_draft(path: Path) -> Draft:
    """The draft that a card alone gives, with the configuration beside it when there is one.

    Raises:
        SourceError: the file is no model card.
    """
    if is_model_folder(path.parent):
        return read_model_folder(path.parent)
    card = read_card(path)
    if card is None:
        raise SourceError(NO_CARD)
    return card_draft(card, str(path), path.absolute().parent.name)


def read_document(value: Json, source: str, name: str) -> list[Draft] | None:
    """The draft that a configuration alone gives, None when the document is none."""
    if not is_config(value):
        return None
    draft = Draft("model", source)
    draft.put("name", name, "the name of the file or folder")
    put_config(draft, value)
    put_dtype(draft, value)
    put_requirements(draft, None, "")
    return [draft]


def add_card_beside(draft: Draft, path: Path) -> None:
    """Give the draft of a file what the model card in the same folder says, if there is one that can be read."""
    try:
        beside = path.parent / CARD
        card = read_card(beside) if beside.is_file() else None
    except (SourceError, OSError):
        return
    if card is not None:
        put_card(draft, card)


# ---- the folder ----------------------------------------------------------------------------------------------------


def _noted(draft: Draft, read: Callable[[Path], T], path: Path) -> T | None:
    """What can be read in a file; None where there is none, and with a note where it cannot be read."""
    try:
        return read(path) if path.is_file() else None
    except SourceError as error:
        draft.note(error.sentence)
        return None


def _read_object(path: Path) -> dict[str, Json]:
    return parse_written(read_bounded(path, _MOST_BYTES, path.name), path.name)


def _put_name(draft: Draft, folder: Path, card: Card | None, config: Mapping[str, Json]) -> None:
    if card is not None:
        draft.put("name", card.text("model_name"), f"model_name {IN_CARD}")
    # A snapshot in the Hub's cache lies in a folder named by its commit, below models--owner--name/snapshots.
    resolved = folder.absolute()
    cached = resolved.parent.parent.name if resolved.parent.name == "snapshots" else ""
    if cached.startswith("models--"):
        draft.put("name", cached.rpartition("--")[2], "the folder of the Hub's cache")
    path = config.get("_name_or_path")
    if _GENERIC_FOLDER.fullmatch(resolved.name):
        if card is not None:
            draft.put("name", title_of(card), f"the heading {IN_CARD}")
        if isinstance(path, str) and "/" in path and not path.startswith(("/", ".")):
            draft.put("name", path.rpartition("/")[2], f"_name_or_path in {CONFIG}")
    draft.put("name", resolved.name, "the folder's name")


_GENERIC_FOLDER = re.compile(r"(?i)model|models|checkpoint(?:-[0-9]+)?|output|outputs|results|final|[0-9a-f]{40}|")


def _put_weights(draft: Draft, folder: Path, *, pipeline: bool, bits: int | None) -> None:
    """Count the parameters, from an index or from the safetensors that are there."""
    try:
        weights = _weights(folder, pipeline)
    except SourceError as error:
        draft.note(error.sentence)
        return
    if weights is None:
        draft.note("there are no safetensors in the folder, so no parameters were counted")
    elif weights.files:
        safetensors.put_weights(draft, weights, bits=bits)
    else:
        draft.note("none of the files that the index names is here, so no parameters were counted")


def _weights(folder: Path, pipeline: bool) -> safetensors.Weights | None:
    index = _index_in(folder)
    if index is not None:
        return safetensors.read_index(index)
    found = [*folder.glob("*.safetensors"), *(folder.glob("*/*.safetensors") if pipeline else ())]
    chosen = _of_one_model(sorted(file.relative_to(folder).as_posix() for file in found), pipeline)
    return safetensors.read_all([folder / name for name in chosen]) if chosen else None


def chosen_weights(folder: Path, names: Sequence[str]) -> list[str]:
    """Which of these safetensors `read_model_folder` would read, were they in a folder that has all the other files."""
    index = _index_in(folder)
    if index is not None:
        try:
            return [part for part in safetensors.parts_of(index) if part in names]
        except SourceError:
            return []
    weights = [name for name in names if name.endswith(".safetensors")]
    pipeline = (folder / PIPELINE).is_file()
    return _of_one_model([name for name in weights if pipeline or "/" not in name], pipeline)


def _index_in(folder: Path) -> Path | None:
    return next((folder / name for name in INDEXES if (folder / name).is_file()), None)


def _of_one_model(names: list[str], pipeline: bool) -> list[str]:
    """The safetensors that hold a model's weights once, of all that lie there."""
    if pipeline:
        parts = [name for name in names if "/" in name and not _VARIANT.search(name.rpartition("/")[2])]
        if parts:
            return parts
    files = [name for name in names if "/" not in name]
    # Mistral's own format lies beside the same weights for transformers: count them once.
    files = [name for name in files if not name.startswith("consolidated")] or files
    return [name for name in files if name in ("model.safetensors", "adapter_model.safetensors")] or files


_VARIANT = re.compile(r"\.(?:fp16|bf16|non_ema|fp32)\b")


def _is_pipeline(value: Mapping[str, Json]) -> bool:
    return isinstance(value.get("_class_name"), str)


def _is_adapter(value: Mapping[str, Json]) -> bool:
    return "peft_type" in value


# ---- config.json ----------------------------------------------------------------------------------------------------

# Of a configuration, and of a card: front matter with benchmark results grows to some hundred kilobytes.
_MOST_BYTES = 1024 * 1024
_IN = "in config.json"

# The first that is there: how families of models call the same thing.
_CONTEXT = (
    "max_position_embeddings", "max_sequence_length", "n_positions", "max_seq_len", "seq_length", "n_ctx",
    "model_max_length",
)  # fmt: skip
_INNER = ("text_config", "llm_config", "language_config", "thinker_config")
_DTYPES: Mapping[str, str] = {"float32": "FP32", "float16": "FP16", "bfloat16": "BF16"}


def is_config(value: Json) -> TypeGuard[dict[str, Json]]:
    """Whether a document reads as the configuration of a model."""
    if not isinstance(value, dict):
        return False
    architectures = value.get("architectures")
    return (isinstance(architectures, list) and all(isinstance(name, str) for name in architectures)) or (
        isinstance(value.get("model_type"), str) and ("transformers_version" in value or "hidden_size" in value)
    )


def put_config(draft: Draft, config: Mapping[str, Json]) -> int | None:
    """Give the draft what the configuration states.

    Returns:
        The bits of a packed weight, when the weights are quantised.
    """
    layers = [config, *(inner for name in _INNER if isinstance(inner := config.get(name), dict))]
    for layer in layers:
        _put_context(draft, layer)
    quantized = config.get("quantization_config")
    bits: int | None = None
    if isinstance(quantized, dict):
        put_quantization(draft, of_config(quantized), f"quantization_config {_IN}")
        number = quantized.get("bits", quantized.get("w_bit"))
        bits = number if is_whole(number) else None
    kind = type_of(config)
    if kind is not None:
        draft.put("model_type", kind[0], f"{kind[1]} {_IN}")
    return bits


def put_dtype(draft: Draft, config: Mapping[str, Json]) -> None:
    """The dtype that the weights were saved in; the weights themselves know better, so ask them first."""
    for name in ("dtype", "torch_dtype"):
        dtype = config.get(name)
        if isinstance(dtype, str):
            draft.put("quantization", _DTYPES.get(dtype.removeprefix("torch.")), f"{name} {_IN}")


def type_of(config: Mapping[str, Json]) -> tuple[str, str] | None:
    """The type that the configuration implies, and by which key."""
    if "vision_config" in config and ("text_config" in config or "llm_config" in config):
        # CLIP and SigLIP have both too, and embed; they have no generation.
        name = config.get("model_type")
        embeds = isinstance(name, str) and name in ("clip", "siglip", "siglip2", "chinese_clip", "align")
        return ("Embedding" if embeds else "Multimodal"), "vision_config and text_config"
    names = texts_at(config, "architectures")[:4]
    kinds = (kind for name in names for ends, kind in _ARCHITECTURES if name.endswith(ends))
    return next(((kind, "architectures") for kind in kinds), None)


_ARCHITECTURES: tuple[tuple[str | tuple[str, ...], str], ...] = (
    (("ForSpeechSeq2Seq", "ForCTC", "ForAudioClassification", "ForTextToWaveform"), "AudioProcessing"),
    ("WhisperForConditionalGeneration", "AudioProcessing"),
    (
        ("VLForConditionalGeneration", "VLMoeForConditionalGeneration", "ForVision2Seq", "ForImageTextToText"),
        "Multimodal",
    ),
    (("LMHeadModel", "ForCausalLM", "T5ForConditionalGeneration", "BartForConditionalGeneration"), "LLM"),
    (("BertModel", "RobertaModel", "MPNetModel", "BertForMaskedLM", "NomicBertModel"), "Embedding"),
)


def _put_context(draft: Draft, config: Mapping[str, Json]) -> None:
    for name in _CONTEXT:
        value = config.get(name)
        # Some configurations write 1e30 for "no limit".
        if is_whole(value) and 0 < value < 2**32:
            draft.put("context_length", value, f"{name} {_IN}")
            return


# ---- a card: Markdown with YAML front matter between lines of three hyphens ------------------------------------------

IN_CARD = "in the model card"
_KEYS = frozenset(
    {
        "license", "license_name", "pipeline_tag", "library_name", "base_model", "model-index", "model_name",
        "inference", "widget", "datasets", "metrics", "language", "tags", "quantized_by", "model_creator",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """A card.

    Attributes:
        values: the front matter; scalars are text, as they stand there.
        paragraph: the first paragraph of the text, without markup.
        title: the first heading, without markup.
        notes: what of it could not be read, and what has no place in a record.
    """

    values: dict[str, Json]
    paragraph: str
    title: str
    notes: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        """A value that is one text."""
        value = self.values.get(key)
        return value.strip() if isinstance(value, str) else ""

    def texts(self, key: str) -> list[str]:
        """A value that is one text or a list of them."""
        value = self.values.get(key)
        items = value if isinstance(value, list) else [value]
        return [item.strip() for item in items if isinstance(item, str) and item.strip()]


def is_card(text: str) -> bool:
    """Whether a text has the front matter that a model card would have."""
    return parse_card(text) is not None


def read_text(text: str, source: str, name: str) -> Draft:
    """The draft that the text of a card gives; `name` is the model's when the card has none.

    Raises:
        SourceError: it is no card.
    """
    card = parse_card(text)
    if card is None:
        raise SourceError(NO_CARD)
    return card_draft(card, source, name)


NO_CARD = "is no model card: it has no front matter with a licence, tags or the like"


def read_card(path: Path) -> Card | None:
    """The card in a file, None when it has no front matter that a model card would have.

    Raises:
        SourceError: the file cannot be read.
    """
    notes: list[str] = []
    with opened(path) as file:
        card = parse_card(decoded(file.read(MOST_BYTES), notes))
    return replace(card, notes=(*notes, *card.notes)) if card is not None and notes else card


def parse_card(text: str) -> Card | None:
    """The card in a text, None as for `read_card`."""
    matter = front_matter(text)
    if matter is None or not _KEYS.intersection(matter.values):
        return None
    title, paragraph = _beginning(matter.body)
    notes = (*matter.notes, *without_place(matter.values, _PLACED))
    return Card(dict(matter.values), paragraph, title, notes)


# The keys that `put_card` reads.
_PLACED = frozenset(
    {"license", "license_name", "tags", "pipeline_tag", "library_name", "language", "base_model", "model_name"}
)


# What a card says


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
    """Give the draft what a card states; with `before_weights` only what the weights cannot show better."""
    tags = card.texts("tags")
    _put_framework(draft, card.text("library_name"), tags)
    task = card.text("pipeline_tag")
    kind = _TASKS.get(task)
    # The author says what the model is for; a configuration only how it is built.
    draft.replace("model_type", kind, f"pipeline_tag {task} {IN_CARD}")
    if before_weights:
        return
    for remark in card.notes:
        draft.note(remark)
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
    title = plain_name(card.title)
    return "" if title.lower() in _NO_NAMES or len(title) > 80 else title


_NO_NAMES = frozenset({"model id", "model card", "model", "introduction", "overview", "model details", "readme"})


# The text of a card

# What opens hidden text, and what closes it.
_HIDDEN = (("<!--", "-->"), ("<script", "</script>"), ("<style", "</style>"))
_TAGS = re.compile(r"</?[a-zA-Z][^<>]*>")
_HEADING = re.compile(r"#{1,6}[ \t]+(.+?)[ \t]*#*")
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\[\]]*\])")
_EMPHASIS = re.compile(r"(\*\*\*|\*\*|\*|___|__|`+|~~)(?=\S)(.+?)(?<=\S)\1")
_NO_PROSE = re.compile(r"(?:[|>=-]|```|~~~|\$\$|\[[^\]]+\]:|[*+-][ \t]|[0-9]+[.)][ \t])")
_LONGEST_TEXT = 64 * 1024
_LONGEST_LINE = 8 * 1024
_LEAST_PROSE = 24


def _beginning(text: str) -> tuple[str, str]:
    """The first heading and the first paragraph that says something."""
    title, paragraph, fenced = "", list[str](), False
    for raw in [*_TAGS.sub("", _without_hidden(text[:_LONGEST_TEXT])).splitlines(), ""]:
        line = raw.strip()[:_LONGEST_LINE]
        if line.startswith(("```", "~~~")):
            fenced = not fenced
        heading = _HEADING.fullmatch(line)
        if not fenced and line and heading is None and not _NO_PROSE.match(line):
            paragraph.append(line)
            continue
        prose = _plain(" ".join(paragraph)[:_LONGEST_LINE])
        if len(prose) >= _LEAST_PROSE:
            return title, prose
        paragraph.clear()
        if heading is not None and not title:
            title = _plain(heading[1])
    return title, ""


def _without_hidden(text: str) -> str:
    """Text without comments and scripts. Each end is looked for once: a regex would take the square of the length."""
    for begin, end in _HIDDEN:
        lower, kept, at = text.lower(), list[str](), 0
        while (start := lower.find(begin, at)) >= 0 and (stop := lower.find(end, start)) >= 0:
            kept.append(text[at:start])
            at = stop + len(end)
        text = "".join(kept) + text[at:]
    return text


def _plain(markdown: str) -> str:
    """Prose without its markup."""
    text = _LINK.sub(lambda match: "" if match[0].startswith("!") else match[1], markdown)
    for _ in range(3):  # bold inside a link inside italics
        text = _EMPHASIS.sub(r"\2", text)
    for escape, character in (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escape, character)
    return " ".join(re.sub(r"\\([\\`*_{}\[\]()#+.!|-])", r"\1", text).split())


READER = Reader(
    document=read_document,
    text=TextReader(is_card, read_card_draft, read_text, add_card_beside),
    folder=FolderReader(is_model_folder, read_model_folder),
)
