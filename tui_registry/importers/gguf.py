"""A GGUF file, or one of several that a model is split into -> the draft of a model.

Only the header is read: metadata and the shapes of the tensors, never their data.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 2 and 3, either byte order.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import IO

from tui_registry.errors import Json, Record
from tui_registry.importers.attention import kept_in_header, state_in_header
from tui_registry.importers.draft_writer import Draft, put_licence, put_version, seen, shown
from tui_registry.importers.formats import Reader, WeightsReader
from tui_registry.importers.lfs import put_file
from tui_registry.importers.tasks import type_of_task
from tui_registry.importers.untrusted import (
    CutOffError,
    HeaderReader,
    SourceError,
    is_whole,
    lies_within,
    opened,
    text_at,
)
from tui_registry.importers.weights import (
    lacking,
    of_file_type,
    of_tensor_types,
    put_quantization,
    put_requirements,
    split_of,
)
from tui_registry.present.imports import CUT_OFF
from tui_registry.text import exact, safe_text

MAGIC = b"GGUF"
_IN = "in the GGUF header"


def read_gguf(path: Path) -> Draft:
    """The draft that a GGUF file gives. Of a split model any part will do: the others are looked for beside it.

    Raises:
        SourceError: the file cannot be read, or its header is broken.
    """
    header, parts = _header(path), 1
    draft = Draft("model", str(path))
    count = header.number("split.count") or 1
    if count > 1:
        header, parts = _joined(draft, path, header, count)
    else:
        _say_cut_off(draft, path, header)
    _describe(draft, path, header)
    _measure(draft, header, parts)
    _put_files(draft, path, count)
    _put_behind(draft, header)
    return draft


def header_end(beginning: bytes, size: int, _name: str) -> int:
    """How many bytes of a file to read for its header; `len(beginning)` once the header is whole. A header does not
    state its length, so the answer is twice as many each time.

    Raises:
        SourceError: the header is broken, or does not end.
    """
    try:
        read_gguf_header(BytesIO(beginning))
    except CutOffError:
        if len(beginning) >= min(size, _MOST_BYTES):
            raise
        return 2 * len(beginning)
    return len(beginning)


def _header(path: Path) -> GgufHeader:
    with opened(path) as file:
        return read_gguf_header(file)


def _say_cut_off(draft: Draft, path: Path, header: GgufHeader) -> None:
    if header.size is not None and header.size > header.file_size:
        _put_cut_off(draft, path, f"{shown(path.name)} is cut off: {lacking(header.size, header.file_size)}")


def _put_cut_off(draft: Draft, path: Path, note: str) -> None:
    draft.note(note)
    draft.problem("", CUT_OFF, f"{shown(path.name)} is not whole: get it again")


def _joined(draft: Draft, path: Path, header: GgufHeader, count: int) -> tuple[GgufHeader, int]:
    """The header of a model of several parts, as far as they lie beside each other, and how many there are.

    The first part has the metadata; elements and bytes are those of all.
    """
    split = split_of(path.name)
    if split is None or split.total != count or count > _MOST_PARTS:
        draft.note(
            f"this is one of {exact(count)} parts, but its name does not say which one: only this part was counted"
        )
        return header, 1
    first, elements, size, missing = header, Counter[int](), 0, list[int]()
    for number in range(1, count + 1):
        part = path.with_name(split.part(number))
        try:
            read = header if part == path else _header(part)
        except CutOffError:
            _put_cut_off(draft, part, f"{shown(part.name)} is cut off in the middle of its header")
            missing.append(number)
            continue
        except SourceError:
            missing.append(number)
            continue
        _say_cut_off(draft, part, read)
        first = read if number == 1 else first
        size += read.file_size
        elements.update(read.elements)
    if missing:
        are = "part" if len(missing) == 1 else "parts"
        numbers = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        draft.note(f"{are} {numbers} of {count} cannot be read beside it: only the others were counted")
    return replace(first, elements=elements, file_size=size), count - len(missing)


# ---- what it is ----------------------------------------------------------------------------------------------------


def _describe(draft: Draft, path: Path, header: GgufHeader) -> None:
    architecture = header.text("general.architecture")
    for key in header.unreadable:
        if key.startswith("general."):
            draft.note(f"{shown(key)} {_IN} is not UTF-8 or too long, and was left out")
    if not draft.put("name", header.text("general.name"), f"general.name {_IN}"):
        draft.put("name", header.text("general.basename"), f"general.basename {_IN}")
        split = split_of(path.name)
        draft.put("name", path.stem if split is None else split.stem, "the file's name")
    put_version(draft, header.text("general.version"), f"general.version {_IN}")
    draft.put("description", header.text("general.description"), f"general.description {_IN}")
    put_licence(
        draft, header.text("general.license"), f"general.license {_IN}", name=header.text("general.license.name")
    )
    draft.put("model_type", *_type_of(header, architecture))
    draft.put("framework", {"Other": "GGML"}, "the file is GGUF, the format of GGML")
    draft.put("context_length", header.number(f"{architecture}.context_length"), f"{architecture}.context_length {_IN}")
    draft.add("tags", header.texts("general.tags"), f"general.tags {_IN}")
    draft.add("tags", header.texts("general.languages"), f"general.languages {_IN}")
    draft.add("tags", [architecture], f"general.architecture {_IN}")
    draft.note_unplaced(
        seen(key.removeprefix("general."), value)
        for key, value in header.values.items()
        if key.startswith("general.")
        and key not in _PLACED
        and not _BEHIND.match(key)
        and isinstance(value, str | list)
        and value
    )
    what = _NO_MODELS.get(header.text("general.type").lower())
    if what is not None:
        draft.note(f"this is {what}, not a whole model")
    elif architecture == "clip":
        draft.note("this is a projector for images or sound, not a whole model")


# Keys that the manifest has a place for.
_BEHIND = re.compile(r"general\.(?:datasets\Z|(?:base_model|dataset)\.[0-9]{1,2}\.(?:name|organization|repo_url)\Z)")
# Keys that are read, and those that say nothing of the model itself.
_PLACED = frozenset(
    f"general.{key}"
    for key in (
        "name", "basename", "version", "description", "license", "license.name", "tags", "languages", "architecture",
        "type", "size_label", "finetune",
    )
)  # fmt: skip
_NO_MODELS = {
    "adapter": "an adapter",
    "imatrix": "an importance matrix",
    "vocab": "a vocabulary",
    "mmproj": "a projector for images or sound",
}
# Architectures by what they make.
_EMBEDDING = re.compile(r"(?:.*bert.*|t5encoder|gte|bge|e5|gemma-embedding|.*embed.*)", re.ASCII)
_IMAGE = re.compile(
    r"(?:sd1|sd2|sd3|sdxl|flux.*|aura|hidream|cosmos|lumina2|qwen_image|z_image)", re.ASCII
)  # fmt: skip
_VIDEO = re.compile(r"(?:wan|ltxv|hyvid)", re.ASCII)
_AUDIO = re.compile(r"(?:whisper|wavtokenizer.*|.*tts.*|parakeet)", re.ASCII)
_MULTIMODAL = re.compile(r"(?:clip|.*vl|.*vlmoe|mllama|llava|cogvlm|chameleon|paddleocr|.*-ocr)", re.ASCII)
_LANGUAGE = re.compile(
    r"(?:llama|deci|falcon|baichuan|grok|gpt|mpt|starcoder|refact|bloom|stablelm|qwen|phi|plamo|codeshell|orion|internlm|"
    r"minicpm|gemma|rwkv|arwkv|mamba|jamba|xverse|command-r|cohere|dbrx|olmo|openelm|arctic|deepseek|chatglm|glm|bitnet|"
    r"t5|jais|nemotron|exaone|granite|plm|bailing|dots|arcee|afmoe|ernie|hunyuan|smollm|lfm|dream|smallthinker|llada|"
    r"seed_oss|grovemoe|apertus|minimax|rnd1|pangu|mistral|mimo|step|maincoder|kimi|mixtral|yi|solar|persimmon|"
    r"trillion)[a-z0-9._-]*",
    re.ASCII,
)  # fmt: skip
_OF_ARCHITECTURES = (
    (_EMBEDDING, "feature-extraction"), (_IMAGE, "text-to-image"), (_VIDEO, "text-to-video"),
    (_AUDIO, "audio-to-audio"), (_MULTIMODAL, "image-text-to-text"), (_LANGUAGE, "text-generation"),
)  # fmt: skip
# `LLAMA_POOLING_TYPE_RANK` of llama.cpp
_RANKS = 4


def type_of_architecture(architecture: str) -> Json:
    """The type of models of an architecture of GGML, None for one that is not known here."""
    name = architecture.lower()
    task = next((task for pattern, task in _OF_ARCHITECTURES if pattern.fullmatch(name)), None)
    return None if task is None else type_of_task(task)


def _type_of(header: GgufHeader, architecture: str) -> tuple[Json, str]:
    """The type, and what tells it."""
    pooling = header.number(f"{architecture}.pooling_type")
    if pooling:
        task = "text-ranking" if pooling == _RANKS else "feature-extraction"
        return type_of_task(task), f"{shown(architecture)}.pooling_type {pooling} {_IN}"
    named = type_of_architecture(architecture)
    if named is not None:
        return named, f"the architecture {shown(architecture)} {_IN}"
    # What has a vocabulary and a length of context is a language model, however new its architecture
    if header.text("tokenizer.ggml.model") and header.number(f"{architecture}.context_length"):
        return "LLM", f"a tokenizer and the context length of {shown(architecture)} {_IN}"
    return None, ""


# ---- how big it is -------------------------------------------------------------------------------------------------


def _measure(draft: Draft, header: GgufHeader, parts: int) -> None:
    of_parts = "" if parts == 1 else f" of {parts} parts"
    draft.put("parameters", header.parameters or None, f"the shapes of the tensors{of_parts}")
    if not header.parameters:
        draft.note("the file has no tensors, so it has no parameters to count")
    number = header.number("general.file_type")
    quantization = None if number is None else of_file_type(number)
    origin = f"general.file_type {number} {_IN}"
    if quantization is None:
        quantization, origin = of_tensor_types(header.elements), "the type of most tensors"
    put_quantization(draft, quantization, origin, tagged=True)
    bits = None if quantization is None else quantization.bits
    if header.size is not None and header.size > header.file_size and parts == 1:
        put_requirements(draft, header.size, "the tensors", bits=bits)
    else:
        put_requirements(draft, header.file_size, "the file" if parts == 1 else f"{parts} files", bits=bits)


# ---- what stands behind it -------------------------------------------------------------------------------------------


def _put_files(draft: Draft, path: Path, count: int) -> None:
    split = split_of(path.name)
    together = split is not None and split.total == count and 1 < count <= _MOST_PARTS
    for name in split.parts() if split is not None and together else [path.name]:
        if name == path.name or lies_within(path.with_name(name), path.parent):
            put_file(draft, path.with_name(name), name, draft.get("quantization"))


def _put_behind(draft: Draft, header: GgufHeader) -> None:
    """What the header says of languages, of what the model was made from and of data that it was trained on. That
    models were made from others is all that it says: not how."""
    draft.behind.add_texts("languages", header.texts("general.languages"))
    for key in range(_MOST_NUMBERED):
        draft.behind.add_origin(_named(header, f"general.base_model.{key}"))
    datasets = [f"general.dataset.{key}" for key in range(_MOST_NUMBERED)]
    draft.behind.add_texts("datasets", [*header.texts("general.datasets"), *(_named(header, at) for at in datasets)])
    if draft.get("model_type") in ("LLM", "Multimodal") and header.text("general.type").lower() not in _NO_MODELS:
        draft.behind.put("architecture", architecture_in(header.values))


_MOST_NUMBERED = 64


def _named(header: GgufHeader, at: str) -> str:
    """What the header calls another model, or a data set: as the Hub calls it, where it leads there."""
    found = _ON_HUB.fullmatch(header.text(f"{at}.repo_url"))
    if found is not None:
        return found[1]
    name, organization = header.text(f"{at}.name"), header.text(f"{at}.organization")
    return f"{organization}/{name}" if name and organization else name or header.text(f"{at}.repo_url")


_ON_HUB = re.compile(r"https://huggingface\.co/(?:datasets/)?([A-Za-z0-9._-]{1,96}/[A-Za-z0-9._-]{1,96})/?", re.ASCII)


def architecture_in(values: Mapping[str, Json]) -> Record | None:
    """What a header, or a server that read one, says of the memory that a context takes; None where it does not say it.

    Where the layers differ, or keys and values do, or both are kept as one latent vector, the plain formula is wrong
    and the bytes are told.
    """
    name = text_at(values, "general.architecture")

    def number(key: str) -> int | None:
        value = values.get(f"{name}.{key}")
        return value if is_whole(value) and 0 < value < 2**32 else None

    layers, heads, width = number("block_count"), number("attention.head_count"), number("embedding_length")
    listed = values.get(f"{name}.attention.head_count_kv")
    each = [one for one in listed if is_whole(one) and 0 <= one < 2**32] if isinstance(listed, list) else []
    # As the format says: without a number for keys and values, each head has its own
    shared = max(each, default=None) if listed is not None and not is_whole(listed) else listed or heads
    size = number("attention.key_length") or (width // heads if width and heads else None)
    alone = state_in_header(values, name, layers) if layers is not None and not shared else None
    if alone is not None and alone.token == 0:
        # No attention at all: a state takes the place of the cache
        return {
            "layers": layers, "kv_heads": 0, "head_dim": 0, "experts": number("expert_count"),
            "active_parameters": None, "kv_token_bytes": 0, "kv_constant_bytes": alone.constant,
        }  # fmt: skip
    if layers is None or not is_whole(shared) or not 0 < shared < 2**32 or not size:
        return None
    found = kept_in_header(values, name, layers, shared, size)
    token, constant = (None, None) if found is None else (found.token, found.constant or None)
    if token is not None and token >= 2**32:
        token = constant = None
    return {
        "layers": layers, "kv_heads": shared, "head_dim": size, "experts": number("expert_count"),
        "active_parameters": None, "kv_token_bytes": token, "kv_constant_bytes": constant,
    }  # fmt: skip


# ---- the header ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a header says.

    Attributes:
        values: metadata that is a number, true or false, or text; lists of text only under `general.`, of numbers only
            those of layers (`_EACH_LAYER`).
        unreadable: keys whose text is not UTF-8 or too long to keep.
        tensors: how many there are.
        elements: GGML type -> the number of elements in tensors of that type.
        size: bytes that the file needs for its tensor data to be whole; None when a type is not known.
        file_size: bytes that it has.
    """

    version: int
    values: Mapping[str, Json]
    unreadable: tuple[str, ...]
    tensors: int
    elements: Mapping[int, int]
    size: int | None
    file_size: int

    @property
    def parameters(self) -> int:
        """The number of elements in all tensors."""
        return sum(self.elements.values())

    def text(self, key: str) -> str:
        """A value that is text, else nothing."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> list[str]:
        """A value that is a list of text, else nothing."""
        value = self.values.get(key)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def number(self, key: str) -> int | None:
        """A value that is a whole number, else None."""
        value = self.values.get(key)
        return value if is_whole(value) else None


def read_gguf_header(file: IO[bytes]) -> GgufHeader:
    """Read the header of an open file that begins with the magic.

    Raises:
        SourceError: the header is broken, cut off or larger than real models have.
    """
    return _Parser(file).parse()


# Far above the largest models of today: a vocabulary of 260,000 words with its merges takes 15 MB, and the models with
# the most tensors have some thousands.
_MOST_BYTES = 64 * 1024 * 1024
_MOST_PARTS = 1_000
_MOST_VALUES = 65_536
_MOST_TENSORS = 200_000
_MOST_ITEMS = 4_000_000
_MOST_DEPTH = 4
_MOST_DIMENSIONS = 8
_LONGEST_KEY = 65_535
_LONGEST_NAME = 1_024
_LONGEST_TEXT = 65_536
_LONGEST_LIST = 1_024
_MOST_ELEMENTS = 2**63

_TEXT, _LIST = 8, 9
# Type of a value -> its struct code.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

# Of whole numbers, true and false, and the keys that may hold one for each layer.
_WHOLE = frozenset("BbHhIiQq?")
_EACH_LAYER = (".attention.head_count_kv", ".attention.sliding_window_pattern", ".feed_forward_length")

# GGML type -> elements and bytes of a block.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}  # fmt: skip


@dataclass(slots=True)
class _Parser:
    file: IO[bytes]
    reader: HeaderReader = field(init=False)
    order: str = "<"
    items: int = 0  # of lists, against `_MOST_ITEMS`
    unreadable: list[str] = field(default_factory=list)

    def parse(self) -> GgufHeader:
        self.reader = reader = HeaderReader(self.file, _MOST_BYTES, "the GGUF header")
        if reader.take(4) != MAGIC:
            raise SourceError("is no GGUF file")
        version = self._version()
        tensor_count, value_count = self._number("Q"), self._number("Q")
        if value_count > _MOST_VALUES:
            raise reader.fail(f"claims {exact(value_count)} values: no model has that many")
        if tensor_count > _MOST_TENSORS:
            raise reader.fail(f"claims {exact(tensor_count)} tensors: no model has that many")
        values = self._values(value_count)
        elements, size = self._tensors(tensor_count, values.get("general.alignment"))
        return GgufHeader(
            version, values, tuple(self.unreadable), tensor_count, elements, size, reader.file_size
        )  # fmt: skip

    def _version(self) -> int:
        raw = self.reader.take(4)
        version = int.from_bytes(raw, "little")
        if version & 0xFFFF == 0 and version:  # the format has no other sign of its byte order
            self.order = ">"
            version = int.from_bytes(raw, "big")
        if version not in (2, 3):
            raise self.reader.fail(f"is of version {exact(version)}: versions 2 and 3 are read")
        return version

    def _number(self, code: str) -> int:
        (number,) = struct.unpack(self.order + code, self.reader.take(struct.calcsize("<" + code)))
        return int(number)

    # Metadata

    def _values(self, count: int) -> dict[str, Json]:
        values: dict[str, Json] = {}
        for _ in range(count):
            raw = self._bytes(_LONGEST_KEY, "a key")
            try:
                key = raw.decode()
            except UnicodeDecodeError:
                raise self.reader.fail("has a key that is not UTF-8") from None
            if key in values:
                raise self.reader.fail(f"has the key {safe_text(key, 60)} twice")
            values[key] = self._value(key, self._number("I"))
        return {key: value for key, value in values.items() if value is not None}

    def _value(self, key: str, kind: int) -> Json:
        if kind == _TEXT:
            return self._text(key)
        if kind == _LIST:
            return self._list(key, 1)
        return self._scalar(key, kind)

    def _scalar(self, key: str, kind: int) -> Json:
        code = _SCALARS.get(kind)
        if code is None:
            raise self.reader.fail(f"has a value of an unknown type, {exact(kind)}, at {safe_text(key, 60)}")
        value: Json = struct.unpack(self.order + code, self.reader.take(struct.calcsize("<" + code)))[0]
        return value

    def _text(self, key: str) -> str | None:
        length = self._number("Q")
        if length > _LONGEST_TEXT:
            self.reader.skip(length)
            self._give_up(key)
            return None
        try:
            return self.reader.take(length).decode()
        except UnicodeDecodeError:
            self._give_up(key)
            return None

    def _list(self, key: str, depth: int) -> Json:
        kind, count = self._number("I"), self._number("Q")
        if _SCALARS.get(kind) in _WHOLE and key.endswith(_EACH_LAYER) and depth == 1 and count <= _LONGEST_LIST:
            code = f"{self.order}{count}{_SCALARS[kind]}"
            return list[Json](struct.unpack(code, self.reader.take(struct.calcsize(code))))
        if kind in _SCALARS:
            self.reader.skip(count * struct.calcsize("<" + _SCALARS[kind]))
            return None
        self.items += count * (1 if kind == _TEXT else 16)
        if self.items > _MOST_ITEMS:
            raise self.reader.fail(f"claims a list of {exact(count)} items at {safe_text(key, 60)}: that is too long")
        if kind == _TEXT:
            if not key.startswith("general.") or count > _LONGEST_LIST:
                self.reader.skip_texts(count, struct.Struct(self.order + "Q"))
                return None
            texts = [self._text(key) for _ in range(count)]
            return [text for text in texts if text is not None]
        if kind != _LIST:
            raise self.reader.fail(f"has a list of an unknown type, {exact(kind)}, at {safe_text(key, 60)}")
        if depth >= _MOST_DEPTH:
            raise self.reader.fail(f"nests lists deeper than {_MOST_DEPTH} levels at {safe_text(key, 60)}")
        for _ in range(count):
            self._list(key, depth + 1)
        return None

    def _give_up(self, key: str) -> None:
        if key not in self.unreadable:
            self.unreadable.append(key)

    def _bytes(self, most: int, what: str) -> bytes:
        length = self._number("Q")
        if length > most:
            raise self.reader.fail(f"has {what} of {exact(length)} bytes: at most {exact(most)} are allowed")
        return self.reader.take(length)

    # Tensors

    def _tensors(self, count: int, alignment: Json) -> tuple[dict[int, int], int | None]:
        elements: Counter[int] = Counter()
        end: int | None = 0
        holds = False
        for _ in range(count):
            self._bytes(_LONGEST_NAME, "a tensor's name")
            dimensions = self._number("I")
            if dimensions > _MOST_DIMENSIONS:
                raise self.reader.fail(f"has a tensor of {exact(dimensions)} dimensions: at most 8 are read")
            number = 1
            for size in struct.unpack(f"{self.order}{dimensions}Q", self.reader.take(8 * dimensions)):
                number *= size
            kind, offset = self._number("I"), self._number("Q")
            elements[kind] += number
            if elements[kind] >= _MOST_ELEMENTS:
                raise self.reader.fail("has tensors of more elements than any machine holds")
            if not number:
                continue
            holds = True
            block = BLOCKS.get(kind)
            end = None if block is None or end is None else max(end, offset + -(-number // block[0]) * block[1])
        if not holds:
            # No data follows, so the header need not be padded to where they would begin
            return dict(elements), self.reader.position
        step = alignment if isinstance(alignment, int) and 0 < alignment <= 2**20 else 32
        data = -(-self.reader.position // step) * step
        return dict(elements), None if end is None else data + end


READER = Reader(weights=WeightsReader(read_gguf, header_end))
