"""An Ollama Modelfile -> the draft of a model. The format: https://docs.ollama.com/modelfile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import Draft, is_disk_path, put_licence, shown
from tui_registry.importers.formats import WEIGHTS, Reader, TextReader
from tui_registry.importers.front_matter import MOST_BYTES
from tui_registry.importers.manifest_writer import UNSAID
from tui_registry.importers.ollama import licence_by_title
from tui_registry.importers.recognising import form_of, weights_reader
from tui_registry.importers.untrusted import SourceError, decoded, opened
from tui_registry.importers.weights import put_requirements

_IN = "in the Modelfile"
_NAME = "Modelfile"
_LINE = re.compile(r"(FROM|PARAMETER|TEMPLATE|SYSTEM|ADAPTER|LICENSE|MESSAGE|REQUIRES)[ \t]+(.*)", re.IGNORECASE)
_QUOTES = '"""'
_MOST = 10_000


class _Instruction(NamedTuple):
    word: str
    value: str


def is_modelfile(text: str) -> bool:
    """Whether a text is a Modelfile: nothing but its instructions, and `FROM` among them."""
    return _parse(text) is not None


def read_text(text: str, source: str, name: str) -> Draft:
    """The draft that the text of a Modelfile gives.

    Raises:
        SourceError: it is none.
    """
    found = _parse(text)
    if found is None:
        raise SourceError(_NO_MODELFILE)
    draft = Draft("model", source)
    _put(draft, found, name)
    return draft


def read_file(path: Path) -> Draft:
    """The draft of a Modelfile, and of the weights in its folder that it names. Raises as `read_text`."""
    notes: list[str] = []
    found = _parse(_text_of(path, notes))
    if found is None:
        raise SourceError(_NO_MODELFILE)
    draft = _weights(path.parent, _first(found, "FROM")) or Draft("model", str(path))
    draft.source = str(path)
    for remark in notes:
        draft.note(remark)
    _put(draft, found, "" if path.name == _NAME else path.stem)
    return draft


def add_beside(draft: Draft, path: Path) -> None:
    """Give the draft of weights what a Modelfile beside them says, if it is of them."""
    beside = path.parent / _NAME
    try:
        found = _parse(_text_of(beside, [])) if beside.is_file() else None
    except (SourceError, OSError):
        return
    if found is not None and PurePosixPath(_first(found, "FROM")).name == path.name:
        _put(draft, found, "")


_NO_MODELFILE = "is no Modelfile: it has no FROM, or other lines than the instructions of one"


def _text_of(path: Path, notes: list[str]) -> str:
    with opened(path) as file:
        return decoded(file.read(MOST_BYTES), notes)


def _parse(text: str) -> list[_Instruction] | None:
    """The instructions, None when something else stands there."""
    found: list[_Instruction] = []
    lines = iter(text.removeprefix("\ufeff").splitlines())
    for line in lines:
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        match = _LINE.fullmatch(bare)
        if match is None or len(found) >= _MOST:
            return None
        value = match[2].strip()
        head, quotes, rest = value.partition(_QUOTES)
        if quotes and (not head or match[1].upper() == "MESSAGE"):
            parts = [rest]
            while _QUOTES not in parts[-1] and (following := next(lines, None)) is not None:
                parts.append(following)
            value = head + "\n".join(parts).partition(_QUOTES)[0]
        elif len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        found.append(_Instruction(match[1].upper(), value.strip()))
    return found if any(one.word == "FROM" for one in found) else None


def _first(found: Sequence[_Instruction], word: str) -> str:
    return next((one.value for one in found if one.word == word), "")


def _weights(folder: Path, base: str) -> Draft | None:
    """The draft of a file of weights in the same folder, None when the base is no such file."""
    if not base.startswith("./") and "." not in base:
        return None
    name = base.removeprefix("./")
    if not name or "/" in name or "\\" in name:
        return None
    try:
        if not (folder / name).is_file():
            return None
        with opened(folder / name) as file:
            form = form_of(file)
        return weights_reader(form).read(folder / name) if form in WEIGHTS else None
    except (SourceError, OSError):
        return None


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _put(draft: Draft, found: Sequence[_Instruction], name: str) -> None:
    base = _first(found, "FROM")
    # A path on somebody's disk says nothing to others but the name of its file
    named = _last(base) if base.startswith((".", "/", "~")) or "\\" in base else base
    named = "" if set(named) <= {".", "~"} else named.removesuffix(".gguf")
    draft.put("name", name, "the name of the file")
    if draft.put("name", named.removesuffix(":latest"), f"FROM {_IN}"):
        draft.note("a Modelfile gives its model no name: this is the name of what it is made from")
    words = {one.word for one in found}
    _put_parameters(draft, found)
    draft.put("description", _first(found, "SYSTEM"), f"SYSTEM {_IN}")
    licence = "\n".join(one.value for one in found if one.word == "LICENSE")
    if licence and not draft.has("license"):
        short = licence if len(licence) <= 40 and "\n" not in licence else ""
        put_licence(draft, licence_by_title(licence) or short, f"LICENSE {_IN}")
        if not draft.has("license"):
            draft.note(f"the licence's text begins {shown(licence)!r}: name it")
    if said := sorted(words & {"SYSTEM", "TEMPLATE", "MESSAGE"}):
        draft.put("model_type", "LLM", f"{said[0]} {_IN}: it is spoken to")
        draft.add("capabilities", ["chat"], f"{said[0]} {_IN}")
    draft.put("framework", {"Other": "GGML"}, "a Modelfile is for Ollama, which runs GGUF")
    draft.add("tags", [named.partition(":")[0].rpartition("/")[2]], f"FROM {_IN}")
    draft.note(f"it is made from {shown(named or 'the weights in its folder')}")
    adapter = _first(found, "ADAPTER")
    if adapter:
        draft.note(f"it applies the adapter {shown(_last(adapter))}")
    if named == base and not is_disk_path(base):
        draft.behind.add_origin(base.removesuffix(":latest"), "Adapter" if adapter else UNSAID)
    if not draft.has("resource_requirements.min_memory_mb"):
        put_requirements(draft, None, "")


def _put_parameters(draft: Draft, found: Sequence[_Instruction]) -> None:
    others: list[str] = []
    for value in (one.value for one in found if one.word == "PARAMETER"):
        key, _, number = value.partition(" ")
        if key.lower() == "num_ctx" and number.strip().isascii() and number.strip().isdigit() and len(number) < 12:
            # It is what this model is run with, and so more to the point than what its weights could take
            draft.replace("context_length", int(number), f"PARAMETER num_ctx {_IN}")
        else:
            others.append(shown(value, 40))
    if others:
        more = ", ..." if len(others) > 8 else ""
        draft.note(f"it also sets what no field holds: {', '.join(others[:8])}{more}")


READER = Reader(text=TextReader(is_modelfile, read_file, read_text, add_beside))
