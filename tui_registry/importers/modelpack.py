"""The configuration of a ModelPack -> the draft of a model.

What the CNCF's specification calls `application/vnd.cncf.model.config.v1+json`, and what went before it under
`cnai`: https://github.com/modelpack/model-spec/blob/main/docs/config.md. Both spellings of its members are read.
"""

from __future__ import annotations

from collections.abc import Mapping

from tui_registry.errors import Json
from tui_registry.importers.draft_writer import Draft, put_licence, put_version, seen, shown
from tui_registry.importers.formats import Reader
from tui_registry.importers.manifest_writer import public_address
from tui_registry.importers.untrusted import object_at, text_at, texts_at
from tui_registry.importers.weights import of_config, of_scheme, put_quantization, put_requirements
from tui_registry.text import parse_count

_IN = "in the ModelPack's configuration"


def read_document(value: Json, source: str, name: str) -> list[Draft] | None:
    """The draft of the model, None when the document is no configuration of a ModelPack."""
    if not isinstance(value, dict) or not all(isinstance(value.get(member), dict) for member in _MEMBERS):
        return None
    said, technical = object_at(value, "descriptor"), object_at(value, "config")
    draft = Draft("model", source)
    draft.put("name", text_at(said, "name"), f"descriptor.name {_IN}")
    draft.put("name", text_at(said, "title"), f"descriptor.title {_IN}")
    draft.put("name", name, "the name of the file or folder")
    put_version(draft, text_at(said, "version"), f"descriptor.version {_IN}")
    draft.put("description", text_at(said, "description"), f"descriptor.description {_IN}")
    put_licence(draft, ", ".join(texts_at(said, "licenses")[:_MOST_LICENCES]), f"descriptor.licenses {_IN}")
    draft.add("tags", [text_at(said, "family"), text_at(said, "vendor")], f"descriptor {_IN}")
    _put_technical(draft, technical)
    draft.behind.put("repository_url", public_address(text_at(said, "sourceURL")))
    draft.behind.put("documentation_url", public_address(text_at(said, "docURL")))
    data = said.get("datasetsURL")
    draft.behind.add_texts("datasets", texts_at(said, "datasetsURL") or ([data] if isinstance(data, str) else []))
    draft.note_unplaced(seen(key, said.get(key)) for key in ("authors", "revision") if said.get(key))
    put_requirements(draft, None, "")
    return [draft]


_MEMBERS = ("descriptor", "config", "modelfs")
_MOST_LICENCES = 4


def _put_technical(draft: Draft, technical: Mapping[str, Json]) -> None:
    size = text_at(technical, "paramSize", "param_size")
    if size:
        try:
            draft.put("parameters", parse_count(size), f"config.paramSize {_IN}, which says {shown(size)}")
        except ValueError:
            draft.note(f"the paramSize {shown(size)} is no number")
    form = text_at(technical, "format").lower()
    draft.put("framework", _FORMATS.get(form, {"Other": form[:64]} if form else None), f"config.format {_IN}")
    scheme = text_at(technical, "quantization")
    if scheme:
        found = of_config({"quant_method": scheme}) if scheme.lower() in _METHODS else of_scheme(scheme)
        put_quantization(draft, found, f"config.quantization {_IN}")
    precision = text_at(technical, "precision")
    draft.put("quantization", _PRECISIONS.get(precision.lower()), f"config.precision {_IN}")
    able = object_at(technical, "capabilities")
    inputs, outputs = (
        {word.lower() for word in texts_at(able, f"{way}Types") or texts_at(able, f"{way}_types")}
        for way in ("input", "output")
    )
    draft.put("model_type", _type_of(inputs, outputs), f"config.capabilities {_IN}")
    words = [word for word, keys in _ABLE.items() if any(able.get(key) is True for key in keys)]
    draft.add("capabilities", [*(f"{word} input" for word in sorted(inputs - {"text"})), *words], f"config {_IN}")
    draft.behind.add_texts("languages", texts_at(able, "languages"))
    draft.note_unplaced(
        seen(key, value)
        for key, value in (("architecture", technical.get("architecture")), ("knowledgeCutoff", _cutoff(able)))
        if value
    )


def _cutoff(able: Mapping[str, Json]) -> str:
    return text_at(able, "knowledgeCutoff", "knowledge_cutoff")


def _type_of(inputs: set[str], outputs: set[str]) -> Json:
    """The type by what goes in and comes out, None where that is not stated."""
    if "embedding" in outputs:
        return "Embedding"
    if "text" in outputs:
        return "Multimodal" if inputs - {"text"} or outputs - {"text"} else "LLM"
    if outputs == {"image"}:
        return "ImageGeneration"
    return "AudioProcessing" if outputs == {"audio"} else None


_FORMATS: Mapping[str, Json] = {
    "pytorch": "PyTorch", "safetensors": "PyTorch", "pt": "PyTorch", "tensorflow": "TensorFlow", "tf": "TensorFlow",
    "onnx": "ONNX", "jax": "JAX", "flax": "JAX", "coreml": "CoreML", "gguf": {"Other": "GGML"}, "mlx": {"Other": "MLX"},
}  # fmt: skip
_METHODS = frozenset(("gptq", "awq", "bitsandbytes", "fp8", "mxfp4", "int4", "int8"))
_PRECISIONS: Mapping[str, Json] = {
    "fp32": "FP32", "float32": "FP32", "fp16": "FP16", "float16": "FP16", "bf16": "BF16", "bfloat16": "BF16",
    "int8": "INT8", "int4": "INT4", "fp8": {"Other": "FP8"},
}  # fmt: skip
_ABLE = {"reasoning": ("reasoning",), "tool-use": ("toolUsage", "tool_usage"), "reward": ("reward",)}


READER = Reader(document=read_document)
