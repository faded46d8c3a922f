"""A model card, Markdown with YAML front matter between lines of three hyphens -> the draft of a model, or part of one.

The metadata: https://huggingface.co/docs/hub/model-cards. Tasks and libraries are the Hub's:
https://huggingface.co/tasks, https://huggingface.co/docs/hub/models-libraries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tui_registry.errors import Json
from tui_registry.importers.drafting import Draft, shown
from tui_registry.importers.licences import put_licence
from tui_registry.importers.untrusted import SourceError, opened
from tui_registry.importers.weights import put_requirements
from tui_registry.records.documents import DocumentError, load_document
from tui_registry.text import count_words, parse_count

IN_CARD = "in the model card"
# Front matter with benchmark results grows to some hundred kilobytes.
_MOST_BYTES = 1024 * 1024
_FENCE = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
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
        note: why the front matter could not be read, when it could not.
    """

    values: dict[str, Json]
    paragraph: str
    title: str
    note: str | None = None

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
    with opened(path) as file:
        return parse_card(file.read(_MOST_BYTES).decode("utf-8", "replace"))


def parse_card(text: str) -> Card | None:
    """The card in a text, None as for `read_card`."""
    match = _FENCE.match(text)
    if match is None:
        return None
    title, paragraph = _beginning(text[match.end() :])
    try:
        values = load_document(match[1], "the front matter.yaml")
    except DocumentError as error:
        place = "" if error.line is None else f" (line {error.line + 1})"
        reason = error.sentence.partition(": ")[2]
        note = f"the front matter could not be read{place}: it {reason}"
        # One broken line should not cost the licence: the simple lines are read one by one.
        values = {key: value for key, value in _SIMPLE.findall(match[1]) if key in _KEYS}
        return Card(dict(values), paragraph, title, note) if values else None
    if not isinstance(values, dict) or not _KEYS.intersection(values):
        return None
    return Card(values, paragraph, title)


_SIMPLE = re.compile(r"^([a-z_-]+):[ \t]+[\"']?([^\s\"'\[\]{}&*!|>#][^\r\n\"']*?)[\"']?[ \t]*\r?$", re.MULTILINE)


# ---- what it says ---------------------------------------------------------------------------------------------------


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


# ---- the text ------------------------------------------------------------------------------------------------------

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
