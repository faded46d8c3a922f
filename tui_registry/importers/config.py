"""`config.json` of a model for transformers, and its relatives -> type, context length, quantisation.

The keys: the configuration classes of https://huggingface.co/docs/transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tui_registry.errors import Json
from tui_registry.importers.drafting import Draft
from tui_registry.importers.errors import SourceError
from tui_registry.importers.files import opened, parse_json
from tui_registry.importers.quantizations import of_config
from tui_registry.text import exact

_MOST_BYTES = 1024 * 1024
_IN = "in config.json"

# The first that is there: how families of models call the same thing.
_CONTEXT = (
    "max_position_embeddings", "max_sequence_length", "n_positions", "max_seq_len", "seq_length", "n_ctx",
    "model_max_length",
)  # fmt: skip
_INNER = ("text_config", "llm_config", "language_config", "thinker_config")
_DTYPES: Mapping[str, str] = {"float32": "FP32", "float16": "FP16", "bfloat16": "BF16"}


def read_object(path: Path) -> dict[str, Json]:
    """The object in a small JSON file.

    Raises:
        SourceError: there is none.
    """
    with opened(path) as file:
        raw = file.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise SourceError(f"{path.name} is longer than the {exact(_MOST_BYTES)} bytes that are read")
    value = parse_json(raw, path.name)
    if not isinstance(value, dict):
        raise SourceError(f"{path.name} is no JSON object")
    return value


def is_config(value: Json) -> bool:
    """Whether an object reads as the configuration of a model."""
    if not isinstance(value, dict):
        return False
    architectures = value.get("architectures")
    return (isinstance(architectures, list) and all(isinstance(name, str) for name in architectures)) or (
        isinstance(value.get("model_type"), str) and ("transformers_version" in value or "hidden_size" in value)
    )


def put_config(draft: Draft, config: Mapping[str, Json]) -> int | None:
    """Give the draft what the configuration tells.

    Returns:
        The bits of a packed weight, when the weights are quantised.
    """
    layers = [config, *(inner for name in _INNER if isinstance(inner := config.get(name), dict))]
    for layer in layers:
        _put_context(draft, layer)
    quantized = config.get("quantization_config")
    bits: int | None = None
    if isinstance(quantized, dict):
        quantization = of_config(quantized)
        if quantization is not None:
            scheme = f" ({quantization.scheme})" if quantization.scheme else ""
            draft.put("quantization", quantization.value, f"quantization_config {_IN}{scheme}")
        number = quantized.get("bits", quantized.get("w_bit"))
        bits = number if isinstance(number, int) and not isinstance(number, bool) else None
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
    """The type that the configuration tells, and by which key."""
    if "vision_config" in config and ("text_config" in config or "llm_config" in config):
        # CLIP and SigLIP have both too, and embed; they have no generation.
        name = config.get("model_type")
        embeds = isinstance(name, str) and name in ("clip", "siglip", "siglip2", "chinese_clip", "align")
        return ("Embedding" if embeds else "Multimodal"), "vision_config and text_config"
    architectures = config.get("architectures")
    for name in architectures[:4] if isinstance(architectures, list) else []:
        if not isinstance(name, str):
            continue
        for ends, kind in _ARCHITECTURES:
            if name.endswith(ends):
                return kind, "architectures"
    return None


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
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**32:
            draft.put("context_length", value, f"{name} {_IN}")
            return
