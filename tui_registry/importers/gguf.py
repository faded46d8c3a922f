"""A GGUF file, or one of several it is split into -> the draft of a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tui_registry.errors import Json
from tui_registry.importers.drafting import Draft, shown
from tui_registry.importers.errors import SourceError
from tui_registry.importers.estimate import put_requirements
from tui_registry.importers.files import opened
from tui_registry.importers.gguf_header import GgufHeader, read_gguf_header
from tui_registry.importers.licences import put_licence
from tui_registry.importers.quantizations import of_file_type, of_tensor_types
from tui_registry.importers.versions import put_version
from tui_registry.text import exact, size_bytes

_IN = "in the GGUF header"


def read_gguf(path: Path) -> Draft:
    """The draft that a GGUF file gives. Of a split model any part will do: the others are looked for beside it.

    Raises:
        SourceError: the file cannot be read, or its header is broken.
    """
    with opened(path) as file:
        header = read_gguf_header(file)
    model = _Model(header, header.parameters, header.file_size, dict(header.elements), 1)
    draft = Draft("model", str(path))
    count = header.number("split.count") or 1
    if count > 1:
        model = _joined(draft, path, header, count)
    _describe(draft, path, model.header)
    _measure(draft, model)
    return draft


def first_part(path: Path) -> Path:
    """The first part of a split model that a name is a part of; else the path itself."""
    match = _PART.fullmatch(path.name)
    return path if match is None else path.with_name(f"{match[1]}-00001-of-{match[3]}{match[4]}")


_PART = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})(\.[A-Za-z]{1,12})", re.ASCII)
_MOST_PARTS = 1_000


class _Model(NamedTuple):
    header: GgufHeader  # of the first part, which has the metadata
    parameters: int
    weights: int  # bytes of all parts that are there
    elements: dict[int, int]
    parts: int


def _joined(draft: Draft, path: Path, header: GgufHeader, count: int) -> _Model:
    """A model of several parts, as far as they lie beside each other."""
    match = _PART.fullmatch(path.name)
    if match is None or int(match[3]) != count or not 0 < count <= _MOST_PARTS:
        draft.note(
            f"this is one of {exact(count)} parts, but its name does not say which one: only this part was counted"
        )
        return _Model(header, header.parameters, header.file_size, dict(header.elements), 1)
    first, elements, weights, missing = header, dict[int, int](), 0, list[int]()
    for number in range(1, count + 1):
        part = path.with_name(f"{match[1]}-{number:05}-of-{match[3]}{match[4]}")
        try:
            read = header if part == path else _part(part)
        except SourceError:
            missing.append(number)
            continue
        first = read if number == 1 else first
        weights += read.file_size
        for kind, elements_of_kind in read.elements.items():
            elements[kind] = elements.get(kind, 0) + elements_of_kind
    if missing:
        are = "part" if len(missing) == 1 else "parts"
        numbers = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        draft.note(f"{are} {numbers} of {count} cannot be read beside it: only the others were counted")
    return _Model(first, sum(elements.values()), weights, elements, count - len(missing))


def _part(path: Path) -> GgufHeader:
    with opened(path) as file:
        return read_gguf_header(file)


# ---- what it is ----------------------------------------------------------------------------------------------------


def _describe(draft: Draft, path: Path, header: GgufHeader) -> None:
    architecture = header.text("general.architecture")
    for key in header.unreadable:
        if key.startswith("general."):
            draft.note(f"{shown(key)} {_IN} is not UTF-8 or too long, and was left out")
    if not draft.put("name", header.text("general.name"), f"general.name {_IN}"):
        draft.put("name", header.text("general.basename"), f"general.basename {_IN}")
        draft.put("name", _stem(path), "the file's name")
    put_version(draft, header.text("general.version"), f"general.version {_IN}")
    draft.put("description", header.text("general.description"), f"general.description {_IN}")
    put_licence(
        draft, header.text("general.license"), f"general.license {_IN}", name=header.text("general.license.name")
    )
    kind = _type_of(header, architecture)
    if kind is not None:
        draft.put("model_type", kind, f"the architecture {shown(architecture)} {_IN}")
    draft.put("framework", {"Other": "GGML"}, "the file is GGUF, the format of GGML")
    draft.put("context_length", header.number(f"{architecture}.context_length"), f"{architecture}.context_length {_IN}")
    draft.add("tags", header.texts("general.tags"), f"general.tags {_IN}")
    draft.add("tags", header.texts("general.languages"), f"general.languages {_IN}")
    draft.add("tags", [architecture], f"general.architecture {_IN}")
    what = _NO_MODELS.get(header.text("general.type").lower())
    if what is not None:
        draft.note(f"this is {what}, not a whole model")
    elif architecture == "clip":
        draft.note("this is a projector for images or sound, not a whole model")


_NO_MODELS = {
    "adapter": "an adapter",
    "imatrix": "an importance matrix",
    "vocab": "a vocabulary",
    "mmproj": "a projector for images or sound",
}
# Architectures by what they make; the rest are language models.
_EMBEDDING = re.compile(r"(?:.*bert.*|t5encoder|gte|bge|e5|gemma-embedding|.*embed.*)", re.ASCII)
_IMAGE = re.compile(
    r"(?:sd1|sd2|sd3|sdxl|flux.*|aura|hidream|wan|ltxv|hyvid|cosmos|lumina2|qwen_image|z_image)", re.ASCII
)
_AUDIO = re.compile(r"(?:whisper|wavtokenizer.*|.*tts.*|parakeet|outetts)", re.ASCII)
_MULTIMODAL = re.compile(r"(?:clip|.*vl|.*vlmoe|mllama|llava)", re.ASCII)


def _type_of(header: GgufHeader, architecture: str) -> str | None:
    name = architecture.lower()
    if not name:
        return None
    if header.number(f"{architecture}.pooling_type") or _EMBEDDING.fullmatch(name):
        return "Embedding"
    for pattern, kind in ((_IMAGE, "ImageGeneration"), (_AUDIO, "AudioProcessing"), (_MULTIMODAL, "Multimodal")):
        if pattern.fullmatch(name):
            return kind
    return "LLM"


def _stem(path: Path) -> str:
    match = _PART.fullmatch(path.name)
    return match[1] if match is not None else path.stem


# ---- how big it is -------------------------------------------------------------------------------------------------


def _measure(draft: Draft, model: _Model) -> None:
    header, parts = model.header, model.parts
    of_parts = "" if parts == 1 else f" of {parts} parts"
    draft.put("parameters", model.parameters or None, f"the shapes of the tensors{of_parts}")
    if not model.parameters:
        draft.note("the file has no tensors, so it has no parameters to count")
    number = header.number("general.file_type")
    quantization = None if number is None else of_file_type(number)
    origin = f"general.file_type {number} {_IN}"
    if quantization is None:
        quantization, origin = of_tensor_types(model.elements), "the type of most tensors"
    bits = None
    if quantization is not None:
        bits = quantization.bits
        value: Json = quantization.value
        draft.put("quantization", value, f"{origin} ({quantization.scheme})" if quantization.scheme else origin)
        draft.add("tags", [quantization.scheme], origin)
    if header.size is not None and header.size > header.file_size and parts == 1:
        draft.note(
            f"the file is cut off: its tensors need {size_bytes(header.size)}, it has {size_bytes(header.file_size)}"
        )
        put_requirements(draft, header.size, "the tensors", bits=bits)
    else:
        put_requirements(draft, model.weights, "the file" if parts == 1 else f"{parts} files", bits=bits)
