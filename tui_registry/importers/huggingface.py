"""A Hugging Face model folder, or its card alone -> the draft of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tui_registry.errors import Json
from tui_registry.importers import safetensors
from tui_registry.importers.card import Card, read_card
from tui_registry.importers.card_values import IN_CARD, card_draft, put_card, title_of
from tui_registry.importers.config import is_config, put_config, put_dtype, read_object
from tui_registry.importers.drafting import Draft, shown
from tui_registry.importers.errors import SourceError
from tui_registry.importers.estimate import put_requirements

CARD, CONFIG, PIPELINE, ADAPTER = "README.md", "config.json", "model_index.json", "adapter_config.json"
INDEXES = ("model.safetensors.index.json", "diffusion_pytorch_model.safetensors.index.json")


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model as the Hub stores it: by its configuration, not by its card alone."""
    for name, is_one in ((CONFIG, is_config), (PIPELINE, _is_pipeline), (ADAPTER, _is_adapter)):
        try:
            if (folder / name).is_file() and is_one(read_object(folder / name)):
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
    objects = {name: found for name in (CONFIG, PIPELINE, ADAPTER) if (found := _object(draft, folder / name))}
    card = _card(draft, folder / CARD)
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
        raise SourceError("is no model card: it has no front matter with a licence, tags or the like")
    return card_draft(card, str(path), path.absolute().parent.name)


# ---- the folder ----------------------------------------------------------------------------------------------------


def _object(draft: Draft, path: Path) -> dict[str, Json]:
    if not path.is_file():
        return {}
    try:
        return read_object(path)
    except SourceError as error:
        draft.note(error.sentence)
        return {}


def _card(draft: Draft, path: Path) -> Card | None:
    if not path.is_file():
        return None
    try:
        return read_card(path)
    except SourceError as error:
        draft.note(error.sentence)
        return None


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
    for name in INDEXES:
        if (folder / name).is_file():
            return safetensors.read_index(folder / name)
    found = [*folder.glob("*.safetensors"), *(folder.glob("*/*.safetensors") if pipeline else ())]
    chosen = _of_one_model(sorted(file.relative_to(folder).as_posix() for file in found), pipeline)
    return safetensors.read_all([folder / name for name in chosen]) if chosen else None


def chosen_weights(folder: Path, names: Sequence[str]) -> list[str]:
    """Which of these safetensors `read_model_folder` would read, were they in a folder that has all the other files."""
    for name in INDEXES:
        if (folder / name).is_file():
            try:
                return [part for part in safetensors.parts_of(folder / name) if part in names]
            except SourceError:
                return []
    weights = [name for name in names if name.endswith(".safetensors")]
    pipeline = (folder / PIPELINE).is_file()
    return _of_one_model([name for name in weights if pipeline or "/" not in name], pipeline)


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


def _is_pipeline(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("_class_name"), str)


def _is_adapter(value: Json) -> bool:
    return isinstance(value, dict) and "peft_type" in value
