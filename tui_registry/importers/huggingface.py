"""A model as the Hugging Face Hub keeps it -> its draft: a folder with `config.json` and the like, or a card alone.

The keys of `config.json`: the configuration classes of https://huggingface.co/docs/transformers. The metadata of cards:
https://huggingface.co/docs/hub/model-cards; tasks and libraries are the Hub's: https://huggingface.co/tasks,
https://huggingface.co/docs/hub/models-libraries.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard, TypeVar

from tui_registry.errors import Json, Record
from tui_registry.importers import onnx, safetensors
from tui_registry.importers.attention import kept_in, state_in
from tui_registry.importers.draft_writer import Draft, is_disk_path, last_of_path, plain_name, put_licence, shown
from tui_registry.importers.formats import FolderReader, Reader, TextReader
from tui_registry.importers.front_matter import MOST_BYTES, front_matter, without_place
from tui_registry.importers.lfs import holds_weights, pointer_at, put_file
from tui_registry.importers.manifest_writer import UNSAID
from tui_registry.importers.tasks import (
    is_modules,
    is_timm,
    task_among,
    task_of_adapter,
    task_of_config,
    task_of_modules,
    task_of_pipeline,
    type_of_task,
)
from tui_registry.importers.untrusted import (
    SourceError,
    decoded,
    is_whole,
    lies_within,
    object_at,
    objects_at,
    opened,
    parse_json,
    parse_written,
    read_bounded,
    text_at,
)
from tui_registry.importers.weights import (
    Packing,
    of_config,
    of_packed,
    packing_of,
    put_quantization,
    put_requirements,
)
from tui_registry.text import count_words, parse_count

CARD, CONFIG, PIPELINE, ADAPTER = "README.md", "config.json", "model_index.json", "adapter_config.json"
# Of sentence-transformers: the parts of a model, its settings, and those of its first part.
MODULES, SETTINGS, LENGTHS = "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"
# What quantisers wrote beside a configuration, before it had room for it -> the method that each means.
QUANTISERS: Mapping[str, str] = {
    "quantize_config.json": "gptq",
    "quant_config.json": "awq",
    "hf_quant_config.json": "modelopt",
}
# The small files of a repository that say something about its model.
SMALL = (CARD, CONFIG, PIPELINE, ADAPTER, MODULES, SETTINGS, LENGTHS, *QUANTISERS)
PYTORCH_INDEX = "pytorch_model.bin.index.json"
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
    try:
        return (folder / MODULES).is_file() and is_modules(_read_value(folder / MODULES))
    except (SourceError, OSError):
        return False


def read_model_folder(folder: Path, *, is_copy: bool = False) -> Draft:
    """The draft that a folder gives: weights first, then configuration, then the card.

    Args:
        is_copy: the files lie elsewhere, and only their beginnings are here: whoever copied them tells of the files.

    Raises:
        SourceError: nothing in it can be read.
    """
    draft = Draft("model", str(folder))
    try:
        here = frozenset(path.name for path in folder.iterdir())
    except OSError as error:
        raise SourceError(f"{shown(str(folder), 300)} cannot be read ({error.strerror})") from error
    modules = _noted(draft, _read_value, folder / MODULES) if MODULES in here else None
    part = encoder_in(modules)
    inner, in_it = (folder / part, _names_in(folder / part)) if part else (folder, here)
    places = ((CONFIG, inner), (PIPELINE, folder), (ADAPTER, folder), (SETTINGS, folder), (LENGTHS, inner))
    objects = {
        name: found
        for name, place in places
        if name in (here if place is folder else in_it) and (found := _noted(draft, _read_object, place / name))
    }
    card = _noted(draft, read_card, folder / CARD)
    if not objects and card is None:
        raise SourceError("holds neither a configuration nor a model card that can be read")
    config = objects.get(CONFIG, {})
    _put_name(draft, folder, card, config)
    _put_type(draft, objects, modules)
    if PIPELINE in objects:
        draft.put("framework", "PyTorch", f"the pipeline in {PIPELINE} is one of diffusers")
    elif is_modules(modules):
        draft.put("framework", "PyTorch", f"the parts in {MODULES} are those of sentence-transformers")
    length = objects.get(LENGTHS, {}).get("max_seq_length")
    draft.put("context_length", length if is_whole(length) and length > 0 else None, f"max_seq_length in {LENGTHS}")
    put_config(draft, config)
    packing = packing_of(_quantization_of(draft, folder, here, config))
    if card is not None:
        put_card(draft, card, before_weights=True)
    _put_weights(draft, folder, here, pipeline=PIPELINE in objects, packing=packing, dtype=dtype_of(config))
    put_dtype(draft, config)
    if ADAPTER in objects:
        base = objects[ADAPTER].get("base_model_name_or_path")
        if isinstance(base, str) and not is_disk_path(base):
            draft.behind.add_origin(base, "Adapter")
        draft.add("tags", ["adapter"], ADAPTER)
        of = "another model" if not isinstance(base, str) else last_of_path(base) if is_disk_path(base) else base
        draft.note(f"this is an adapter of {shown(of)}, no whole model")
    if card is not None:
        put_card(draft, card)
    else:
        draft.note("there is no model card (README.md with front matter), so licence and description are open")
    draft.put("framework", "PyTorch", "transformers' configuration, and nothing that names another framework")
    if not draft.has("resource_requirements.min_memory_mb"):
        put_requirements(draft, None, "")
    _put_architecture(draft, config)
    if not is_copy:
        _put_files(draft, folder, with_parts=PIPELINE in objects or is_modules(modules))
    return draft


def _put_files(draft: Draft, folder: Path, *, with_parts: bool) -> None:
    """Give the draft the files of weights in its folder and those in it, but for models of their own, such as GGUF."""
    for place in (folder, *_parts_in(folder, with_parts)):
        before = "" if place == folder else f"{place.name}/"
        for name in sorted(_names_in(place)):
            path = place / name
            if not holds_weights(path) or name.startswith((".", *_OF_TRAINING)) or path.suffix == ".gguf":
                continue
            if lies_within(path, folder):
                put_file(draft, path, before + name)
            else:
                draft.note(f"{shown(before + name)} is a link that leads out of the folder, and was left out")


# What a training goes on from, which is no part of a model.
_OF_TRAINING = ("training_args.", "optimizer.", "scheduler.", "rng_state", "scaler.")
_MOST_FOLDERS = 64


def _parts_in(folder: Path, with_parts: bool) -> list[Path]:
    names = [name for name in sorted(_names_in(folder)) if not name.startswith(".")]
    found = [folder / name for name in names if (folder / name).is_dir() and not (folder / name).is_symlink()]
    found = found[:_MOST_FOLDERS]
    return found if with_parts else [part for part in found if not is_model_folder(part)]


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
    _put_architecture(draft, value)
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


def _read_value(path: Path) -> Json:
    return parse_json(read_bounded(path, _MOST_BYTES, path.name), path.name)


def encoder_in(modules: Json) -> str:
    """The folder of the first part of a model of sentence-transformers, its encoder; empty for the folder itself."""
    first = modules[0] if isinstance(modules, list) and is_modules(modules) else None
    path = first.get("path") if isinstance(first, dict) else None
    return path if isinstance(path, str) and _PART.fullmatch(path) else ""


_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}", re.ASCII)


def _put_type(draft: Draft, objects: Mapping[str, Mapping[str, Json]], modules: Json) -> None:
    """The type by the files: what a part is for says less than what the whole is for. The configuration comes later."""
    if PIPELINE in objects:
        name = _class_of(objects[PIPELINE])
        task = task_of_pipeline(name)
        if task is not None:
            draft.put("model_type", type_of_task(task), f"{task}, by the pipeline {shown(name)} in {PIPELINE}")
    task = task_of_modules(modules, objects.get(SETTINGS, {}))
    if task is not None:
        draft.put("model_type", type_of_task(task), f"{task}, by the parts in {MODULES}")
    task = task_of_adapter(objects.get(ADAPTER, {}))
    if task is not None:
        draft.put("model_type", type_of_task(task), f"task_type in {ADAPTER}")


def _names_in(folder: Path) -> frozenset[str]:
    """What a folder holds; empty where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries)
    except OSError:
        return frozenset()


def _quantization_of(
    draft: Draft, folder: Path, here: frozenset[str], config: Mapping[str, Json]
) -> Mapping[str, Json]:
    """The configuration of the quantisation, from the side file of a quantiser where `config.json` has none."""
    stated = quantization_in(config)
    if stated:
        return stated
    for name, method in QUANTISERS.items():
        found = _noted(draft, _read_object, folder / name) if name in here else None
        if found is None:
            continue
        inner = object_at(found, "quantization") if method == "modelopt" else found
        said = {**inner, "quant_method": method if not isinstance(own := inner.get("quant_method"), str) else own}
        put_quantization(draft, of_config(said), f"{name}")
        return said
    return {}


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
        if isinstance(path, str) and "/" in path and not is_disk_path(path):
            draft.put("name", path.rpartition("/")[2], f"_name_or_path in {CONFIG}")
    draft.put("name", resolved.name, "the folder's name")


_GENERIC_FOLDER = re.compile(r"(?i)model|models|checkpoint(?:-[0-9]+)?|output|outputs|results|final|[0-9a-f]{40}|")


def _put_weights(
    draft: Draft, folder: Path, here: frozenset[str], *, pipeline: bool, packing: Packing, dtype: str | None
) -> None:
    """Count the parameters, from an index or from the safetensors that are there; else from ONNX."""
    exported = _onnx_in(folder, here)
    if exported:
        _put_exported(draft, folder, exported)
        return
    try:
        weights = _weights(folder, pipeline)
    except SourceError as error:
        draft.note(error.sentence)
        return
    if weights is None:
        draft.note("there are no safetensors in the folder, so no parameters were counted")
        return
    if weights.metadata.get("format") == "mlx":
        draft.put("framework", {"Other": "MLX"}, "the safetensors, which MLX wrote")
    safetensors.put_weights(draft, weights, packing, dtype=dtype)
    if pipeline:
        _say_components(draft, weights, packing)


def _say_components(draft: Draft, weights: safetensors.Weights, packing: Packing) -> None:
    """How the parameters of a pipeline are spread over its parts."""
    each: Counter[str] = Counter()
    for name, tensor in weights.tensors.items():
        part = name.partition("/")[0] if "/" in name.partition(":")[0] else ""
        each[part] += safetensors.unpacked(name, tensor, weights.tensors, packing)[0]
    if len(each) > 1 and not weights.count(packing).unexplained:
        said = ", ".join(f"{shown(part)} {count_words(count)}" for part, count in each.most_common(_MOST_COMPONENTS))
        draft.note(f"its parts: {said}{', ...' if len(each) > _MOST_COMPONENTS else ''}")


_MOST_COMPONENTS = 8


def _weights(folder: Path, pipeline: bool) -> safetensors.Weights | None:
    place = folder / encoder_of(folder)
    index = _index_in(place)
    if index is not None:
        return safetensors.read_index(index)
    without = left_out_of(folder) if pipeline else frozenset[str]()
    inner = folder.glob("*/*.safetensors") if pipeline else ()
    found = [*place.glob("*.safetensors"), *(path for path in inner if path.parent.name not in without)]
    chosen = _of_one_model(sorted(file.relative_to(place).as_posix() for file in found), pipeline)
    if chosen:
        return safetensors.read_all([place / name for name in chosen])
    pickles = [path for path in sorted(place.glob("pytorch_model*.bin")) if lies_within(path, folder)]
    weights = safetensors.Weights()
    if (folder / PYTORCH_INDEX).is_file():
        weights.stated = safetensors.stated_in(_read_object(folder / PYTORCH_INDEX), PYTORCH_INDEX)
        weights.missing = 0 if pickles else 1
    weights.add_pickles(pickles)
    return weights if weights.missing or weights.pickles or weights.pointers else None


def left_out_of(folder: Path) -> frozenset[str]:
    """The parts that a pipeline of diffusers does without, by the names of their folders: `[null, null]` stands for
    each, such as a safety checker that its author took away."""
    try:
        index = _read_object(folder / PIPELINE)
    except (SourceError, OSError):
        return frozenset()
    return frozenset(name for name, said in index.items() if isinstance(said, list) and said[:1] == [None])


def _put_exported(draft: Draft, folder: Path, exported: list[Path]) -> None:
    """Count the parameters in ONNX. Only where nothing else holds the weights: it may be one of several forms of it."""
    path = min(exported, key=lambda one: one.name != "model.onnx")
    named = path.relative_to(folder).as_posix()
    draft.put("framework", "ONNX", f"{named}, and no other weights")
    parts = {_FORM_OF_ONNX.sub("", one.stem) for one in exported}
    if path.name != "model.onnx" and len(parts) > 1:
        said = ", ".join(shown(part, 40) for part in sorted(parts)[:4])
        draft.note(f"the model lies in ONNX files of its parts ({said}), so no parameters were counted")
        return
    try:
        onnx.put_model(draft, path, named)
    except SourceError as error:
        draft.note(error.sentence)


# What the name of an exported file says of its form; what is left names the part.
_FORM_OF_ONNX = re.compile(
    r"(?:_(?:quantized|fp16|fp32|q[0-9]f?(?:16)?|u?int[0-9]+|bnb[0-9]+|optimized|merged|with_past))+$"
)


def _onnx_in(folder: Path, here: frozenset[str]) -> list[Path]:
    """The ONNX files of a folder that holds its weights in no other form."""
    if any(name.endswith((".safetensors", ".bin")) or name in INDEXES for name in here):
        return []
    found = [path for place in (folder, folder / "onnx") for path in sorted(place.glob("*.onnx")) if path.is_file()]
    return [path for path in found if lies_within(path, folder) and pointer_at(path) is None]


def encoder_of(folder: Path) -> str:
    """The folder in a model's folder that holds its encoder; empty where that is the folder itself."""
    try:
        return encoder_in(_read_value(folder / MODULES)) if (folder / MODULES).is_file() else ""
    except SourceError:
        return ""


def chosen_weights(folder: Path, names: Sequence[str]) -> list[str]:
    """Which of these safetensors `read_model_folder` would read, were they in a folder that has all the other files."""
    part = encoder_of(folder)
    before = f"{part}/" if part else ""
    index = _index_in(folder / part)
    if index is not None:
        try:
            return [before + name for name in safetensors.parts_of(index) if before + name in names]
        except SourceError:
            return []
    weights = [name.removeprefix(before) for name in names if name.endswith(".safetensors") and name.startswith(before)]
    pipeline = (folder / PIPELINE).is_file()
    without = left_out_of(folder) if pipeline else frozenset[str]()
    known = [name for name in weights if "/" not in name or (pipeline and name.partition("/")[0] not in without)]
    chosen = _of_one_model(known, pipeline)
    return [before + name for name in chosen]


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
    return bool(_class_of(value))


def _class_of(pipeline: Mapping[str, Json]) -> str:
    """The class of a pipeline; one with code of its own names the code first."""
    named = pipeline.get("_class_name")
    name = named[-1] if isinstance(named, list) and named else named
    return name if isinstance(name, str) else ""


def _is_adapter(value: Mapping[str, Json]) -> bool:
    return "peft_type" in value


# ---- config.json ----------------------------------------------------------------------------------------------------

# Of a configuration, and of a card: front matter with benchmark results grows to some hundred kilobytes.
_MOST_BYTES = 1024 * 1024
_IN = "in config.json"

# The first that is there: how families of models call the same thing.
_CONTEXT = (
    "max_position_embeddings", "max_sequence_length", "n_positions", "max_seq_len", "seq_length", "n_ctx",
    "context_length", "model_max_length",
)  # fmt: skip
_INNER = ("text_config", "llm_config", "language_config", "thinker_config")
_DTYPES: Mapping[str, str] = {"float32": "FP32", "float16": "FP16", "bfloat16": "BF16"}


def is_config(value: Json) -> TypeGuard[dict[str, Json]]:
    """Whether a document reads as the configuration of a model."""
    if not isinstance(value, dict):
        return False
    architectures = value.get("architectures")
    return (
        (isinstance(architectures, list) and all(isinstance(name, str) for name in architectures))
        or (isinstance(value.get("model_type"), str) and not _OF_CONFIGS.isdisjoint(value))
        or is_timm(value)
    )


# What stands in a configuration beside the type of its model, and in no record of ours.
_OF_CONFIGS = frozenset(
    {"transformers_version", "hidden_size", "auto_map", "vocab_size", "num_hidden_layers", "d_model", "n_embd",
     "torch_dtype", "dtype", "_name_or_path"}
)  # fmt: skip


def put_config(draft: Draft, config: Mapping[str, Json]) -> None:
    """Give the draft what the configuration states."""
    layers = [config, *(inner for name in _INNER if isinstance(inner := config.get(name), dict))]
    for layer in layers:
        _put_context(draft, layer)
    quantized = quantization_in(config)
    if _is_mlx(quantized):
        bits, mode = quantized.get("bits"), quantized.get("mode")
        meant = of_packed(bits if is_whole(bits) else 4, "MLX", mode=mode if isinstance(mode, str) else "affine")
        put_quantization(draft, meant, f"quantization {_IN}")
        draft.put("framework", {"Other": "MLX"}, f"quantization {_IN}, as MLX writes it")
    elif quantized:
        put_quantization(draft, of_config(quantized), f"quantization_config {_IN}")
    kind = type_of(config)
    if kind is not None:
        draft.put("model_type", kind[0], f"{kind[1]} {_IN}")
    if is_timm(config):
        draft.put("framework", "PyTorch", f"architecture {_IN}, as timm writes it")


def quantization_in(config: Mapping[str, Json]) -> Mapping[str, Json]:
    """The configuration of the quantisation, empty where there is none."""
    found = object_at(config, "quantization_config")
    # A model with a vision part has it with the language model
    inner = next((object_at(object_at(config, name), "quantization_config") for name in _INNER if config.get(name)), {})
    return found if "quant_method" in found else object_at(config, "quantization") or found or inner


def _is_mlx(quantized: Mapping[str, Json]) -> bool:
    """Whether it is as MLX writes it: bits and groups, and no method."""
    bits, group = quantized.get("bits"), quantized.get("group_size")
    return "quant_method" not in quantized and is_whole(bits) and is_whole(group) and 1 < bits <= 8


def dtype_of(config: Mapping[str, Json]) -> str | None:
    """The dtype that the weights were saved in, such as `FP16`."""
    for layer in (config, *(object_at(config, name) for name in _INNER)):
        for key in ("dtype", "torch_dtype"):
            found = layer.get(key)
            if isinstance(found, str) and (named := _DTYPES.get(found.removeprefix("torch."))) is not None:
                return named
    return None


def put_dtype(draft: Draft, config: Mapping[str, Json]) -> None:
    """The dtype that the weights were saved in; the weights themselves know better, so ask them first."""
    key = "dtype" if "dtype" in config else "torch_dtype"
    draft.put("quantization", dtype_of(config), f"{key} {_IN}")


def type_of(config: Mapping[str, Json]) -> tuple[Json, str] | None:
    """The type that the configuration implies, and by which keys."""
    told = task_of_config(config)
    return None if told is None else (type_of_task(told.task), f"{told.task}, by {told.by}")


def _put_context(draft: Draft, config: Mapping[str, Json]) -> None:
    for name in _CONTEXT:
        value = config.get(name)
        # Some configurations write 1e30 for "no limit".
        if is_whole(value) and 0 < value < 2**32:
            length, more = _scaled(config, value)
            if length == value and name == "max_position_embeddings":
                length, more = _without_padding(config, value)
            draft.put("context_length", length, f"{name} {_IN}{more}")
            return


def _scaled(config: Mapping[str, Json], length: int) -> tuple[int, str]:
    """The context with the scaling of positions, and words about it.

    A factor counts as loaders take it (`_get_and_verify_max_len` of vLLM): linear and dynamic scaling on top of what
    stands there, YaRN on the length of before, and Llama 3's and LongRoPE are in what stands there already.
    """
    scaling = object_at(config, "rope_scaling", "rope_parameters")
    scaling = object_at(scaling, "full_attention") or scaling
    kind, factor = text_at(scaling, "rope_type", "type"), scaling.get("factor")
    if not isinstance(factor, int | float) or isinstance(factor, bool) or not 1 < factor <= 1024:
        return length, ""
    original = scaling.get("original_max_position_embeddings")
    if kind == "yarn" or (kind in ("linear", "dynamic") and not text_at(config, "model_type").startswith("gemma3")):
        begins = original if is_whole(original) and 0 < original <= length else length
        scaled = round(begins * factor)
        if length < scaled < 2**32:
            return scaled, f", {begins} x {factor:g} by its scaling of positions ({kind})"
    return length, ""


def _put_architecture(draft: Draft, config: Mapping[str, Json]) -> None:
    """What a context takes, of models that keep one: those that write text."""
    if draft.get("model_type") in ("LLM", "Multimodal"):
        draft.behind.put("architecture", architecture_in(config))


def architecture_in(config: Mapping[str, Json]) -> Record | None:
    """What a configuration says of the memory that a context takes; None where it does not say all of it.

    Latent attention, layers that look back no further than a window and layers that keep a state in place of a cache
    take less than the plain formula counts: of those the bytes are told, where the configuration says which they are.
    """
    layer = next((one for one in (config, *(object_at(config, name) for name in _INNER)) if _whole(one, *_LAYERS)), {})
    layer = {**_UNSAID.get(text_at(layer, "model_type"), {}), **layer}
    layers, heads = _whole(layer, *_LAYERS), _whole(layer, *_HEADS)
    alone = state_in(layer, layers) if layers else None
    if alone is not None:
        return {
            "layers": layers, "kv_heads": 0, "head_dim": 0, "experts": None, "active_parameters": None,
            "kv_token_bytes": 0, "kv_constant_bytes": alone.constant,
        }  # fmt: skip
    shared = _shared_heads(layer, heads)
    width = _whole(layer, *_WIDTHS)
    size = _whole(layer, *_SIZES) or (width // heads if width and heads else None)
    latent, rope = _whole(layer, "kv_lora_rank"), _whole(layer, "qk_rope_head_dim")
    plain = _whole(layer, "qk_nope_head_dim")
    if latent and rope and plain:
        size = plain + rope
    if text_at(layer, "model_type") in _EXPANDED:
        latent = None
    if not (layers and shared and size) or config.get("is_encoder_decoder") is True:
        return None
    found = kept_in(layer, layers, shared, size, latent + rope if latent and rope else 0)
    token, constant = (None, None) if found is None else (found.token, found.constant or None)
    if token is not None and token >= 2**32:
        token = constant = None
    return {
        "layers": layers, "kv_heads": shared, "head_dim": size, "experts": _whole(layer, *_EXPERTS),
        "active_parameters": None, "kv_token_bytes": token, "kv_constant_bytes": constant,
    }  # fmt: skip


def _shared_heads(layer: Mapping[str, Json], heads: int | None) -> int | None:
    """How many heads have their own keys and values; of layers that differ, the most. In transformers and before it:
    without a number for them each head has its own, or all share one."""
    if layer.get("multi_query") is True and layer.get("new_decoder_architecture") is not True:
        # Falcon-7B states 71 all the same
        return 1
    for name in ("num_key_value_heads_per_layer", "num_key_value_heads", "num_kv_heads"):
        listed = layer.get(name)
        if isinstance(listed, list) and listed:
            return max((one for one in listed if is_whole(one) and 0 < one < 2**16), default=None)
    return _whole(layer, *_SHARED_HEADS) or _whole(object_at(layer, "attn_config"), "kv_n_heads") or heads


# What transformers takes where a configuration leaves it out, as that of gemma-3-4b does.
_UNSAID: Mapping[str, Mapping[str, Json]] = {
    "gemma3_text": {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256},
}
# Latent attention whose loaders keep all of the keys and values all the same (`build_minicpm3` of llama.cpp).
_EXPANDED = frozenset(("minicpm3",))
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_SHARED_HEADS = ("num_key_value_heads", "num_kv_heads", "multi_query_group_num", "n_head_kv")
_SIZES = ("head_dim", "attention_head_dim", "kv_channels")
_WIDTHS = ("hidden_size", "n_embd", "d_model")
_EXPERTS = ("num_local_experts", "n_routed_experts", "num_experts")


def _whole(config: Mapping[str, Json], *names: str) -> int | None:
    """The first of these that is a number as models have them."""
    found = (value for name in names if is_whole(value := config.get(name)) and 0 < value < 2**32)
    return next(found, None)


# Models of this family number their positions from behind the one of the padding.
_PADDED = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "roberta-prelayernorm", "longformer", "mpnet")


def _without_padding(config: Mapping[str, Json], length: int) -> tuple[int, str]:
    padding = config.get("pad_token_id")
    if config.get("model_type") not in _PADDED or not is_whole(padding) or not 0 <= padding < 4 or length % 2**5 == 0:
        return length, ""
    return length - padding - 1, f", without the {padding + 1} places before the first token"


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
    card = Card(dict(matter.values), paragraph, title)
    unplaced = {**matter.values, **_beyond_fields(card)}
    notes = (*matter.notes, *without_place(unplaced, _PLACED - _beyond_fields(card).keys()))
    return replace(card, notes=notes)


def _beyond_fields(card: Card) -> dict[str, Json]:
    """What of the keys that are read has no place: tags by which the Hub links, and all beyond the first few."""
    found: dict[str, list[str]] = {
        "tags": [tag for tag in card.texts("tags") if _LINK_TAG.match(tag)],
        "license": card.texts("license")[_MOST_LISTED:],
    }
    return {key: list[Json](items) for key, items in found.items() if items}


# Of licences so many have a place, and of languages and base models so many are tags.
_MOST_LISTED = 4


# The keys that `put_card` reads.
_PLACED = frozenset(
    {"license", "license_name", "tags", "pipeline_tag", "library_name", "language", "base_model", "model_name",
     "base_model_relation", "datasets", "model-index"}
)  # fmt: skip


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
    kind = type_of_task(task)
    # The author says what the model is for; a configuration only how it is built.
    draft.replace("model_type", kind, f"pipeline_tag {shown(task)} {IN_CARD}")
    if kind is None:
        tagged = task_among(tags)
        kind = None if tagged is None else type_of_task(tagged)
        draft.replace("model_type", kind, f"the tag {tagged} {IN_CARD}")
        if task and not before_weights:
            draft.note(f"the pipeline_tag {shown(task)} is no task of the Hub")
    if before_weights:
        return
    for remark in card.notes:
        draft.note(remark)
    licences = card.texts("license")
    name = card.text("license_name")
    put_licence(draft, ", ".join(licences[:_MOST_LISTED]), f"license {IN_CARD}", name=name)
    draft.put("description", card.paragraph, f"the first paragraph of the text {IN_CARD}")
    draft.add("tags", [tag for tag in tags if not _MACHINE_TAG.match(tag)], f"tags {IN_CARD}")
    draft.add("tags", [task], f"pipeline_tag {IN_CARD}")
    languages = card.texts("language")
    draft.add("tags", languages if len(languages) <= _MOST_LISTED else ["multilingual"], f"language {IN_CARD}")
    bases = card.texts("base_model")
    named = [base if is_disk_path(base) else base.rpartition("/")[2] for base in bases[:_MOST_LISTED]]
    draft.add("tags", named, f"base_model {IN_CARD}")
    if kind == "LLM" and task == "text-generation" and {"conversational", "chat"} & {tag.lower() for tag in tags}:
        draft.add("capabilities", ["chat"], f"tags {IN_CARD}")
    _put_size_in_name(draft)
    _put_behind(draft, card)


def _put_behind(draft: Draft, card: Card) -> None:
    """What a card states of where a model comes from, and of how it was measured."""
    relation = card.text("base_model_relation")
    how: Json = _RELATIONS.get(relation.lower(), {"Other": relation[:64]}) if relation else UNSAID
    for base in card.texts("base_model"):
        if is_disk_path(base):
            draft.note(f"a base model on somebody's disk was left out of the manifest (base_model {IN_CARD})")
        else:
            draft.behind.add_origin(base, how)
    draft.behind.add_texts("datasets", [name for name in card.texts("datasets") if not is_disk_path(name)])
    draft.behind.add_texts("languages", card.texts("language"))
    if isinstance(card.values.get("model-index"), str):
        draft.note(f"the results {IN_CARD} are too many to be read ({shown(card.text('model-index'))})")
    for model in objects_at(card.values, "model-index"):
        for result in objects_at(model, "results")[:_MOST_RESULTS]:
            of, source = object_at(result, "dataset"), text_at(object_at(result, "source"), "url")
            for metric in objects_at(result, "metrics")[:_MOST_RESULTS]:
                named = text_at(metric, "name", "type")
                draft.behind.add_result(text_at(of, "name", "type"), named, metric.get("value"), source)


# As the Hub documents them: https://huggingface.co/docs/hub/model-cards#specifying-a-base-model
_RELATIONS: Mapping[str, str] = {
    "finetune": "Finetune", "adapter": "Adapter", "merge": "Merge", "quantized": "Quantized",
}  # fmt: skip
_MOST_RESULTS = 128


# `region:us`, `license:mit`, `base_model:...` and `arxiv:...` are the Hub's own bookkeeping; some lead to other things.
_LINK_TAG = re.compile(r"(?:base_model|arxiv|doi|dataset):")
_MACHINE_TAG = re.compile(r"(?:region|license|base_model|arxiv|doi|dataset|diffusers):|autotrain_comp|endpoints_comp")
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
