"""The models of an Ollama server, or of its store on a disk, -> drafts.

What a server answers: https://docs.ollama.com/api (`/api/tags`, `/api/show`). The store is its cache of images as a
registry gives them: `manifests/HOST/NAMESPACE/NAME/TAG` names the blobs of a model by their digests, and
`blobs/sha256-DIGEST` holds each (https://github.com/ollama/ollama, `manifest/` and `types/model/config.go`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.hosts import place_of_host
from tui_registry.importers.draft_writer import Draft, Given, is_disk_path, put_licence, shown
from tui_registry.importers.formats import Reader, StoreReader
from tui_registry.importers.gguf import GgufHeader, architecture_in, read_gguf_header, type_of_architecture
from tui_registry.importers.untrusted import (
    Page,
    SourceError,
    decoded,
    is_whole,
    lies_within,
    object_at,
    objects_at,
    opened,
    parse_json,
    parse_object,
    read_bounded,
    text_at,
    texts_at,
)
from tui_registry.importers.weights import lacking, of_scheme, put_requirements
from tui_registry.licences import UNSTATED
from tui_registry.present.imports import CUT_OFF
from tui_registry.present.using import ollama_model
from tui_registry.text import exact, parse_count, safe_text

if TYPE_CHECKING:
    import httpx

    from tui_registry.importers.fetch import Fetcher

TAGS, SHOW = "/api/tags", "/api/show"
_MOST_MODELS = 500
_AT_ONCE = 4


def read_document(value: Json, source: str, _name: str) -> list[Draft] | None:
    """The drafts of the models in a document, None when it is no answer of `/api/tags`."""
    return read_tags(value, source) if is_tags(value) else None


def is_tags(value: Json) -> TypeGuard[dict[str, Json]]:
    """Whether a document is the answer of `/api/tags`."""
    models = value.get("models") if isinstance(value, dict) else None
    return isinstance(models, list) and all(
        isinstance(model, dict) and isinstance(model.get("name"), str) and ("digest" in model or "details" in model)
        for model in models
    )


def read_tags(value: Mapping[str, Json], source: str, shows: Mapping[str, Json] | None = None) -> list[Draft]:
    """The drafts of the models that `/api/tags` lists.

    Args:
        value: its answer; `is_tags` holds.
        shows: the answers of `/api/show` by the models' names, as far as there are any.
    """
    models = objects_at(value, "models")
    drafts = []
    for model in models[:_MOST_MODELS]:
        show = (shows or {}).get(str(model.get("name")))
        drafts.append(_draft(model, show if isinstance(show, dict) else None, source, _Told()))
        drafts[-1].in_part = shows is not None and not isinstance(show, dict)
    if len(models) > _MOST_MODELS:
        drafts[-1].note(f"the server has {exact(len(models))} models: only the first {exact(_MOST_MODELS)} were read")
    return drafts


async def ask_host(fetcher: Fetcher, url: httpx.URL, place: str, _after: str) -> Page[Given] | None:
    """The drafts of all models of a server, None when `/api/tags` is not there.

    Raises:
        SourceError: it answers with something else.
    """
    answer = await fetcher.get(url.copy_with(raw_path=place.encode()))
    if answer.status != 200:
        return None
    value = parse_json(answer.body, "the answer of /api/tags")
    if not is_tags(value):
        raise SourceError("the answer of /api/tags lists no models as Ollama does")
    names = [str(model["name"]) for model in objects_at(value, "models")[:_MOST_MODELS]]

    beside = place.removesuffix(TAGS) + SHOW

    async def show(name: str) -> Json:
        try:
            answer = await fetcher.post(url.copy_with(raw_path=beside.encode()), {"model": name})
            return parse_json(answer.body, "the answer of /api/show") if answer.status == 200 else None
        except SourceError:
            return None

    shows = await fetcher.each(show, names, at_once=_AT_ONCE)
    return Page(read_tags(value, str(url), dict(zip(names, shows, strict=True))))


class _Told(NamedTuple):
    """What origins call the places that a model is described in.

    Attributes:
        tags: where it is listed. show: where more is said. text: where its licence is.
        able: what its capabilities come from. counted: its parameters. named: its name. sized: its size.
    """

    tags: str = TAGS
    show: str = SHOW
    text: str = SHOW
    able: str = f"capabilities in {SHOW}"
    counted: str = f"general.parameter_count in {SHOW}"
    named: str = f"name in {TAGS}"
    sized: str = f"size in {TAGS}"


def _draft(model: Mapping[str, Json], show: Mapping[str, Json] | None, source: str, told: _Told) -> Draft:
    name = text_at(model, "name")
    draft = Draft("model", f"{source} {name}")
    draft.entry = name
    draft.put("name", name.removesuffix(":latest"), told.named)
    if show is None:
        draft.note(f"{told.show} was not read for this model, so only what {told.tags} lists is here")
        show = {}
    info = object_at(show, "model_info")
    details = {**object_at(model, "details"), **object_at(show, "details")}
    capabilities = texts_at(show, "capabilities")
    _put_type(draft, capabilities, text_at(details, "family"), told)
    _put_size(draft, info, details, told)
    architecture = text_at(info, "general.architecture")
    draft.put(
        "context_length", info.get(f"{architecture}.context_length"), f"{architecture}.context_length in {told.show}"
    )
    _put_licence(draft, text_at(show, "license") or "\n".join(texts_at(show, "license")), info, told)
    draft.put("description", text_at(info, "general.description"), f"general.description in {told.show}")
    draft.add("tags", [text_at(details, "family"), *texts_at(info, "general.tags")], f"family and tags in {told.show}")
    draft.add("capabilities", [_CAPABILITIES.get(word, word) for word in capabilities], told.able)
    if remote := text_at(model, "remote_host"):
        draft.note(f"this model runs elsewhere, at {shown(remote)}: the server only passes it on")
    digest, parent = text_at(model, "digest"), text_at(details, "parent_model")
    draft.note_unplaced(
        [
            f"digest {shown(digest, 80)}" if digest else "",
            f"parent_model {shown(parent)}" if is_disk_path(parent) else "",
        ]
    )
    _put_behind(draft, show, info, parent)
    if name and not parent:  # what was made of another one here may be nowhere else
        _put_repository(draft, name)
    size = model.get("size")
    put_requirements(draft, size if isinstance(size, int) and size > 1024**2 else None, told.sized)
    return draft


def _put_behind(draft: Draft, show: Mapping[str, Json], info: Mapping[str, Json], parent: str) -> None:
    """The blobs that the server runs, by the digests that name them, and what it says of the model's making."""
    for blob in list(dict.fromkeys(_BLOB.findall(text_at(show, "modelfile")[:_MOST_MODELFILE])))[:_MOST_BLOBS]:
        draft.behind.add_file(f"blobs/sha256-{blob}", sha256=blob)
    if parent and not is_disk_path(parent):
        draft.behind.add_origin(parent)
    draft.behind.add_texts("languages", texts_at(info, "general.languages"))
    if draft.get("model_type") in ("LLM", "Multimodal"):
        draft.behind.put("architecture", architecture_in(info))


def _put_repository(draft: Draft, name: str) -> None:
    """A model's name says where it is pulled from: from Ollama's own registry, if it begins with no other's host."""
    words = name.split("/")
    if len(words) > 2 and place_of_host(words[0].partition(":")[0]) != "public":
        return
    repository = f"ollama://{name.removesuffix(':latest')}"
    if not ollama_model(repository):
        return
    draft.behind.put("repository_url", repository)
    draft.note(f"its repository is {shown(repository, 120)}, by its name: take that out if it was never pushed there")


_BLOB = re.compile(
    r"^(?:FROM|ADAPTER)[ \t]+\S{0,4096}?blobs[/\\]sha256[-:]([0-9a-f]{64})[ \t]*$", re.ASCII | re.MULTILINE
)
_MOST_MODELFILE, _MOST_BLOBS, _MOST_TEXTS = 64 * 1024, 16, 16


_CAPABILITIES = {
    "completion": "chat",
    "tools": "tool-use",
    "thinking": "reasoning",
    "insert": "fill-in-the-middle",
    "image": "image-generation",
}


# What it can beside the rest says more.
_KINDS = {
    "embedding": "Embedding", "image": "ImageGeneration", "vision": "Multimodal", "audio": "Multimodal",
    "completion": "LLM", "insert": "LLM", "tools": "LLM", "thinking": "LLM",
}  # fmt: skip


def _put_type(draft: Draft, capabilities: list[str], family: str, told: _Told) -> None:
    kind = next((kind for word, kind in _KINDS.items() if word in capabilities), None)
    draft.put("model_type", kind, told.able)
    draft.put("model_type", type_of_architecture(family), f"family in {told.tags}")


def _put_size(draft: Draft, info: Mapping[str, Json], details: Mapping[str, Json], told: _Told) -> None:
    draft.put("parameters", info.get("general.parameter_count") or None, told.counted)
    size = text_at(details, "parameter_size")
    if size and not draft.has("parameters"):
        try:
            draft.put("parameters", parse_count(size), f"parameter_size in {told.tags}, which says {shown(size)}")
        except ValueError:
            draft.note(f"the parameter_size {shown(size)} is no number")
    level = text_at(details, "quantization_level")
    if level and level.lower() != "unknown":
        quantization = of_scheme(level)
        draft.put("quantization", quantization.value, f"quantization_level in {told.tags} ({shown(level)})")
        draft.add("tags", [quantization.scheme], f"quantization_level in {told.tags}")
    form = text_at(details, "format")
    draft.put(
        "framework", {"Other": "GGML" if form.lower() == "gguf" else form}, f"format {shown(form)} in {told.tags}"
    )
    # The default would be another one
    draft.put("framework", {"Other": "Ollama"}, "not stated; Ollama runs it")


def _put_licence(draft: Draft, text: str, info: Mapping[str, Json], told: _Told) -> None:
    put_licence(
        draft,
        text_at(info, "general.license"),
        f"general.license in {told.show}",
        name=text_at(info, "general.license.name"),
    )
    if not text or draft.has("license"):
        return
    known = licence_by_title(text)
    if known is not None:
        put_licence(draft, known, f"the licence's text in {told.text}")
    else:
        draft.put("license", UNSTATED, f"the licence's text in {told.text}, which has no title that is known here")
        draft.note(f"the licence's text begins {shown(text)!r}: name it")


def licence_by_title(text: str) -> str | None:
    """The identifier of a licence given as its whole text, by its title; None when the title is not known."""
    head = " ".join(text[:4000].split()).lower()
    for pattern, identifier in _TITLES:
        if match := pattern.search(head[:1500]):
            return match.expand(identifier)
    return None


_TITLES = tuple(
    (re.compile(pattern), identifier)
    for pattern, identifier in (
        (r"apache license,? version 2\.0", "apache-2.0"),
        (r"\bmit license\b|permission is hereby granted, free of charge, to any person obtaining a copy", "mit"),
        (r"llama (2|3|3\.1|3\.2|3\.3|4) (?:version|community license)", r"llama\1"),
        (r"gemma terms of use", "gemma"),
        (r"creativeml open ?rail-?m", "creativeml-openrail-m"),
        (r"bigcode open ?rail-?m", "bigcode-openrail-m"),
        (r"gnu affero general public license version 3", "agpl-3.0"),
        (r"gnu general public license version 3", "gpl-3.0"),
        (r"mozilla public license,? version 2\.0", "mpl-2.0"),
        (r"attribution-noncommercial 4\.0 international", "cc-by-nc-4.0"),
        (r"attribution-sharealike 4\.0 international", "cc-by-sa-4.0"),
        (r"attribution 4\.0 international", "cc-by-4.0"),
    )
)


# ---- the store -------------------------------------------------------------------------------------------------------


def is_store(folder: Path) -> bool:
    """Whether a folder is a store of Ollama, such as `~/.ollama/models`. No error is raised."""
    try:
        return (folder / _BLOBS).is_dir() and next(_manifests_in(folder), None) is not None
    except OSError:
        return False


def read_store(folder: Path) -> Iterator[Draft | SourceError]:
    """The drafts of the models in a store, in the order of their names; in the place of one that cannot be read, why.
    Nothing of the weights is read but their headers, and nothing outside of the store."""
    for count, path in enumerate(_manifests_in(folder)):
        if count == _MOST_STORED:
            said = f"{safe_text(str(folder), 300)} holds more models than the {exact(_MOST_STORED)} that are read"
            yield SourceError(said)
            return
        try:
            yield _read_stored(folder, path)
        except SourceError as error:
            yield SourceError(f"{safe_text(str(path.relative_to(folder)), 200)} {error.sentence}")


def _manifests_in(folder: Path) -> Iterator[Path]:
    """Files at the depth where a store keeps a model's manifest."""
    top = folder / "manifests"
    for parent, folders, names in os.walk(top):
        depth = len(Path(parent).relative_to(top).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _TAG_DEPTH else []
        if depth == _TAG_DEPTH:
            yield from (Path(parent) / name for name in sorted(names) if not name.startswith("."))


class _Blob(NamedTuple):
    """A blob that a manifest names, its size as the manifest has it."""

    use: str
    digest: str
    size: int | None


def _read_stored(folder: Path, path: Path) -> Draft:
    if not lies_within(path, folder):
        raise SourceError("is a link to something outside of the store")
    manifest = parse_object(read_bounded(path, _MOST_MANIFEST, "it"), "it")
    blobs = [blob for layer in objects_at(manifest, "layers")[:_MOST_LAYERS] if (blob := _blob(layer)) is not None]
    config = _blob(object_at(manifest, "config"))
    weights = next((blob for blob in blobs if blob.use == "model"), None)
    notes: list[str] = []
    said = _config(folder, config, notes)
    away, tensors = text_at(said, "remote_host", "remote_model"), sum(blob.use == "tensor" for blob in blobs)
    if weights is None and not (away or tensors):
        raise SourceError("names no weights, as the manifest of a model in Ollama's store does")
    host, namespace, model, tag = path.relative_to(folder / "manifests").parts
    texts = {use: _texts(folder, blobs, use, notes) for use in ("license", "system", "template", "params")}
    header = None if weights is None else _header(folder, weights, notes)
    if tensors:
        notes.append(f"its weights lie one tensor in a blob ({exact(tensors)} of them), and those were not read")
    info: Mapping[str, Json] = {} if header is None else header.values
    if header is not None and header.parameters:
        info = {**info, "general.parameter_count": header.parameters}
    details: dict[str, Json] = {
        "family": text_at(said, "model_family") or text_at(info, "general.architecture"),
        "format": text_at(said, "model_format") or ("" if header is None else "gguf"),
        "parameter_size": text_at(said, "model_type"),
        "quantization_level": text_at(said, "file_type"),
    }
    # Of weights that Ollama does not run itself, its configuration says so
    stated = texts_at(said, "capabilities")
    capabilities = list[Json](_capabilities(info, blobs, texts["template"]) if header is not None else stated)
    name = f"{model}:{tag}" if (host, namespace) == _USUAL else f"{namespace}/{model}:{tag}"
    name = name if host == _USUAL[0] else f"{host}/{name}"
    sizes = [blob.size for blob in blobs if blob.use in _WEIGHTS_OF_ALL and blob.size is not None]
    draft = _draft(
        {"name": name, "details": details, "size": sum(sizes), "remote_host": away},
        {"model_info": {**info}, "license": "\n".join(texts["license"]), "capabilities": capabilities},
        str(path),
        _told_of(header),
    )
    draft.source = str(path)
    draft.put("context_length", said.get("context_length") or None, f"context_length in {_CONFIG}")
    draft.put("description", "\n".join(texts["system"]), "the system prompt in the store")
    if texts["params"]:
        draft.note(f"it is run with {shown(' '.join(' '.join(texts['params']).split()), 120)}")
    for remark in notes:
        draft.note(remark)
    for blob in blobs:
        if blob.use in _WEIGHTS_OF_ALL and blob.use != "tensor":
            _put_blob(draft, folder, blob)
    return draft


def _told_of(header: GgufHeader | None) -> _Told:
    """Of a store: its configuration says what a list does, and the header of the weights the rest."""
    if header is None:
        return _Told(_CONFIG, _CONFIG, "the store", f"capabilities in {_CONFIG}", named=_NAMED, sized=_SIZED)
    of = "the GGUF header in the store"
    count = f"the shapes of the tensors in {of}" if header.parameters else f"general.parameter_count in {of}"
    return _Told(_CONFIG, of, "the store", f"{of}, and its template", count, _NAMED, _SIZED)


_CONFIG = "its configuration in the store"
_SIZED = "the sizes in its manifest"
_NAMED = "the place of its manifest in the store"


def _blob(layer: Mapping[str, Json]) -> _Blob | None:
    """What a layer of a manifest names, None where its digest is none."""
    digest = _DIGEST.fullmatch(text_at(layer, "digest"))
    size = layer.get("size")
    use = text_at(layer, "mediaType").rpartition(".")[2]
    return None if digest is None else _Blob(use, digest[1], size if is_whole(size) and 0 <= size < 2**63 else None)


def _place(folder: Path, blob: _Blob) -> Path | None:
    """Where a blob lies; None where it is not here, or a link leads out of the store."""
    path = folder / _BLOBS / f"sha256-{blob.digest}"
    return path if path.is_file() and lies_within(path, folder) else None


def _texts(folder: Path, blobs: Iterable[_Blob], use: str, notes: list[str]) -> list[str]:
    found = []
    for blob in [blob for blob in blobs if blob.use == use][:_MOST_TEXTS]:
        path = _place(folder, blob)
        if path is None:
            continue
        with opened(path) as file:
            found.append(decoded(file.read(_MOST_MODELFILE), notes).strip())
    return [text for text in found if text]


def _config(folder: Path, config: _Blob | None, notes: list[str]) -> Mapping[str, Json]:
    path = None if config is None else _place(folder, config)
    if path is None:
        return {}
    try:
        return parse_object(read_bounded(path, _MOST_MANIFEST, "its configuration"), "its configuration")
    except SourceError as error:
        notes.append(error.sentence)
        return {}


def _header(folder: Path, weights: _Blob, notes: list[str]) -> GgufHeader | None:
    path = _place(folder, weights)
    if path is None:
        notes.append(f"the blob of its weights, sha256-{weights.digest[:12]}..., is not in the store")
        return None
    try:
        with opened(path) as file:
            return read_gguf_header(file)
    except SourceError as error:
        notes.append(error.sentence)
        return None


def _capabilities(info: Mapping[str, Json], blobs: Sequence[_Blob], templates: Sequence[str]) -> list[str]:
    """What a server tells of a model by the same signs: the header of its weights, a projector and its template."""
    architecture = text_at(info, "general.architecture")
    found = ["embedding" if f"{architecture}.pooling_type" in info else "completion"]
    if f"{architecture}.vision.block_count" in info or any(blob.use == "projector" for blob in blobs):
        found.append("vision")
    words = set(_WORD.findall(" ".join(templates)))
    found += [capability for word, capability in _IN_TEMPLATES.items() if word in words]
    return found


def _put_blob(draft: Draft, folder: Path, blob: _Blob) -> None:
    path = _place(folder, blob)
    whole = draft.get("quantization") if blob.use == "model" else None
    draft.behind.add_file(f"{_BLOBS}/sha256-{blob.digest}", size=blob.size, sha256=blob.digest, quantization=whole)
    here = None if path is None else path.stat().st_size
    if here is not None and blob.size is not None and here < blob.size:
        draft.note(f"sha256-{blob.digest[:12]}... is cut off: {lacking(blob.size, here)}")
        draft.problem("", CUT_OFF, f"{shown(draft.entry)} is not whole in the store: pull it again")


_BLOBS = "blobs"
_USUAL = ("registry.ollama.ai", "library")
# Below `manifests`: host, namespace, name.
_TAG_DEPTH = 3
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_WEIGHTS_OF_ALL = ("model", "projector", "adapter", "tensor")
_WORD = re.compile(r"\.([A-Z][A-Za-z]{1,20})\b", re.ASCII)
_IN_TEMPLATES = {"Tools": "tools", "Suffix": "insert", "Thinking": "thinking"}
# A model that lies in tensors has as many layers as those.
_MOST_STORED, _MOST_LAYERS, _MOST_MANIFEST = 5_000, 10_000, 1024 * 1024


READER = Reader(document=read_document, ask=ask_host, store=StoreReader(is_store, read_store))
