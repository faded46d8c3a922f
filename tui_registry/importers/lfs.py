"""Git LFS pointers, which a clone without Git LFS has in place of large files, and the drafts that they give.

The format: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import Draft, shown
from tui_registry.importers.formats import Reader, WeightsReader
from tui_registry.importers.untrusted import SourceError, opened
from tui_registry.importers.weights import put_requirements, split_of
from tui_registry.text import exact, size_bytes

BEGINS = b"version https://git-lfs.github.com/spec/"
_MOST_BYTES = 1024
# One more than a pointer may have: what is longer is none
MOST_OF_POINTER = _MOST_BYTES + 1
_MOST_NAMED = 4


class Pointer(NamedTuple):
    """What a pointer says of the file that it stands for: its SHA-256 in hex, and its size in bytes."""

    name: str
    oid: str
    size: int

    @property
    def words(self) -> str:
        """The file, its size and its digest, for a sentence."""
        return f"{shown(self.name)}, {size_bytes(self.size)}, sha256 {self.oid}"


def pointer_in(raw: bytes, name: str) -> Pointer | None:
    """The pointer in the first bytes of a file, None when it is none."""
    if not raw.startswith(BEGINS) or len(raw) > _MOST_BYTES:
        return None
    text = raw.decode("ascii", "replace").replace("\r\n", "\n")
    oid, size = _OID.search(text), _SIZE.search(text)
    return None if oid is None or size is None else Pointer(name, oid[1], int(size[1]))


_OID = re.compile(r"^oid sha256:([0-9a-f]{64})$", re.MULTILINE | re.ASCII)
_SIZE = re.compile(r"^size ([0-9]{1,18})$", re.MULTILINE | re.ASCII)


def pointer_at(path: Path) -> Pointer | None:
    """The pointer that a file is, None when it is none or cannot be read."""
    try:
        with opened(path) as file:
            return pointer_in(file.read(MOST_OF_POINTER), path.name)
    except (SourceError, OSError):
        return None


def pointers_words(pointers: list[Pointer]) -> str:
    """That these files are not here, how large they are, and what brings them."""
    size = size_bytes(sum(pointer.size for pointer in pointers))
    named = "; ".join(pointer.words for pointer in pointers[:_MOST_NAMED])
    more = "; ..." if len(pointers) > _MOST_NAMED else ""
    are = "1 file is a Git LFS pointer" if len(pointers) == 1 else f"{exact(len(pointers))} files are Git LFS pointers"
    return f"{are} and no weights ({size} in all): git lfs pull brings them ({named}{more})"


NOT_HERE = "is a Git LFS pointer and not the file itself: git lfs pull brings that"


def holds_weights(path: PurePath) -> bool:
    """Whether a file of that name holds weights, where it is large."""
    return path.suffix.lower() in _OF_WEIGHTS


_OF_WEIGHTS = (
    ".safetensors", ".gguf", ".bin", ".pt", ".pth", ".pkl", ".ckpt", ".onnx", ".onnx_data", ".h5", ".npz", ".msgpack",
    ".tflite",
)  # fmt: skip


def put_file(draft: Draft, path: Path, uri: str, quantization: Json = None) -> None:
    """Give the draft a file that lies here: by what a pointer in its place says, or its size. It is not read for that.

    Args:
        uri: its path in the repository.
    """
    try:
        if not path.is_file():
            return
        size = path.stat().st_size
    except OSError:
        return
    pointer = pointer_at(path) if size <= _MOST_BYTES else None
    if pointer is None:
        draft.behind.add_file(uri, size=size, quantization=quantization, here=path)
    else:
        draft.behind.add_file(uri, size=pointer.size, sha256=pointer.oid, quantization=quantization)


def read_pointer(path: Path) -> Draft:
    """The draft that a pointer in place of weights gives: a name, and what a file of that size needs.

    Raises:
        SourceError: it is no pointer that can be read, or stands in place of no weights.
    """
    if not holds_weights(path):
        raise SourceError(NOT_HERE)
    split = split_of(path.name)
    parts = [path] if split is None else [path.with_name(name) for name in split.parts()[:_MOST_PARTS]]
    pointers = [pointer for part in parts if (pointer := pointer_at(part)) is not None]
    if not pointers:
        raise SourceError("begins as a Git LFS pointer, but has no oid and size as one has")
    draft = Draft("model", str(path))
    generic = path.stem.lower() in ("model", "pytorch_model", "diffusion_pytorch_model", "adapter_model")
    folder = path.absolute().parent.name
    stem = path.stem if split is None else split.stem
    draft.put("name", folder if generic else stem, "the folder's name" if generic else "the file's name")
    is_gguf = path.suffix.lower() == ".gguf"
    draft.put("framework", {"Other": "GGML"} if is_gguf else None, "the name, which is that of a GGUF file")
    draft.note(pointers_words(pointers))
    put_requirements(draft, sum(pointer.size for pointer in pointers), "the size in the Git LFS pointer")
    for part in parts:
        put_file(draft, part, part.name)
    return draft


_MOST_PARTS = 1_000


READER = Reader(weights=WeightsReader(read_pointer, lambda beginning, _size, _name: len(beginning)))
