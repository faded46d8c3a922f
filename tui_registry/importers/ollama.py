"""The models of an Ollama server -> drafts. What it answers: https://docs.ollama.com/api (`/api/tags`, `/api/show`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

from tui_registry.errors import Json
from tui_registry.importers.draft_writer import Draft, Given, is_disk_path, put_licence, shown
from tui_registry.importers.formats import Reader
from tui_registry.importers.gguf import architecture_in, type_of_architecture
from tui_registry.importers.untrusted import Page, SourceError, object_at, objects_at, parse_json, text_at, texts_at
from tui_registry.importers.weights import of_scheme, put_requirements
from tui_registry.licences import UNSTATED
from tui_registry.text import exact, parse_count

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
        drafts.append(_draft(model, show if isinstance(show, dict) else None, source))
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


def _draft(model: Mapping[str, Json], show: Mapping[str, Json] | None, source: str) -> Draft:
    name = text_at(model, "name")
    draft = Draft("model", f"{source} {name}")
    draft.entry = name
    draft.put("name", name.removesuffix(":latest"), f"name in {TAGS}")
    if show is None:
        draft.note(f"{SHOW} was not read for this model, so only what {TAGS} lists is here")
        show = {}
    info = object_at(show, "model_info")
    details = {**object_at(model, "details"), **object_at(show, "details")}
    capabilities = texts_at(show, "capabilities")
    _put_type(draft, capabilities, text_at(details, "family"))
    _put_size(draft, info, details)
    architecture = text_at(info, "general.architecture")
    draft.put("context_length", info.get(f"{architecture}.context_length"), f"{architecture}.context_length in {SHOW}")
    _put_licence(draft, text_at(show, "license") or "\n".join(texts_at(show, "license")), info)
    draft.put("description", text_at(info, "general.description"), f"general.description in {SHOW}")
    draft.add("tags", [text_at(details, "family"), *texts_at(info, "general.tags")], f"family and tags in {SHOW}")
    draft.add("capabilities", [_CAPABILITIES.get(word, word) for word in capabilities], f"capabilities in {SHOW}")
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
    size = model.get("size")
    put_requirements(draft, size if isinstance(size, int) and size > 1024**2 else None, f"size in {TAGS}")
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


_BLOB = re.compile(
    r"^(?:FROM|ADAPTER)[ \t]+\S{0,4096}?blobs[/\\]sha256[-:]([0-9a-f]{64})[ \t]*$", re.ASCII | re.MULTILINE
)
_MOST_MODELFILE, _MOST_BLOBS = 64 * 1024, 16


_CAPABILITIES = {
    "completion": "chat",
    "tools": "tool-use",
    "thinking": "reasoning",
    "insert": "fill-in-the-middle",
}


def _put_type(draft: Draft, capabilities: list[str], family: str) -> None:
    kinds = {"embedding": "Embedding", "vision": "Multimodal", "audio": "Multimodal"}
    kind = next((kind for word, kind in kinds.items() if word in capabilities), "LLM" if capabilities else None)
    draft.put("model_type", kind, f"capabilities in {SHOW}")
    draft.put("model_type", type_of_architecture(family), f"family in {TAGS}")


def _put_size(draft: Draft, info: Mapping[str, Json], details: Mapping[str, Json]) -> None:
    draft.put("parameters", info.get("general.parameter_count") or None, f"general.parameter_count in {SHOW}")
    told = text_at(details, "parameter_size")
    if told and not draft.has("parameters"):
        try:
            draft.put("parameters", parse_count(told), f"parameter_size in {TAGS}, which says {shown(told)}")
        except ValueError:
            draft.note(f"the parameter_size {shown(told)} is no number")
    level = text_at(details, "quantization_level")
    if level and level.lower() != "unknown":
        quantization = of_scheme(level)
        draft.put("quantization", quantization.value, f"quantization_level in {TAGS} ({shown(level)})")
        draft.add("tags", [quantization.scheme], f"quantization_level in {TAGS}")
    form = text_at(details, "format")
    draft.put("framework", {"Other": "GGML" if form.lower() == "gguf" else form}, f"format {shown(form)} in {TAGS}")


def _put_licence(draft: Draft, text: str, info: Mapping[str, Json]) -> None:
    put_licence(
        draft,
        text_at(info, "general.license"),
        f"general.license in {SHOW}",
        name=text_at(info, "general.license.name"),
    )
    if not text or draft.has("license"):
        return
    known = licence_by_title(text)
    if known is not None:
        put_licence(draft, known, f"the licence's text in {SHOW}")
    else:
        draft.put("license", UNSTATED, f"the licence's text in {SHOW}, which has no title that is known here")
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


READER = Reader(document=read_document, ask=ask_host)
