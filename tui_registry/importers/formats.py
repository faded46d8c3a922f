"""The table of everything that can be imported: what each format is called, how it is recognised, and what reads it.

To add a format, write its module and an entry in `FORMATS`. Help texts, the dialog of the app and refusals follow.
"""

from __future__ import annotations

import textwrap
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TypeAlias

from tui_registry.errors import Json, Kind
from tui_registry.importers import a2a, gguf, huggingface, mcp, model_card, ollama, safetensors
from tui_registry.importers.drafting import Draft, finding_of
from tui_registry.present.imports import Finding

if TYPE_CHECKING:
    import httpx

    from tui_registry.importers.fetch import Fetcher

# (document, where it stands, name for a model that has none) -> the drafts in it; None when it is of another format.
ReadDocument: TypeAlias = "Callable[[Json, str, str], list[Draft] | None]"


class Weights(NamedTuple):
    """Files of weights, which their first bytes tell.

    Attributes:
        form: the word for them in this package.
        begins: whether a file is one, by its first 4 KiB.
        read: the draft that one gives.
        header_end: (first bytes of a file, its size, its name) -> how many bytes to read for its header; no more than
            there are when the header is whole. None where a file cannot be read by its header at an address.
        suffix: of the address of one.
        in_folder: whether the configuration of a model's folder says more than the file, and stands for it.
        stands_for: the form of the files beside it that it lists.
    """

    form: str
    begins: Callable[[bytes], bool]
    read: Callable[[Path], Draft]
    header_end: Callable[[bytes, int, str], int] | None = None
    suffix: str = ""
    in_folder: bool = False
    stands_for: str = ""


class Text(NamedTuple):
    """Text that is neither JSON nor YAML as a whole.

    Attributes:
        is_one: whether a text is of this format.
        read_file: the draft of a file, with what lies beside it.
        read: (text, where it stands, name for a model that has none) -> its draft.
        suffixes: of files that can hold nothing else. otherwise: what is said of such a file when it is not one.
    """

    is_one: Callable[[str], bool]
    read_file: Callable[[Path], Draft]
    read: Callable[[str, str, str], Draft]
    suffixes: tuple[str, ...]
    otherwise: str


class Folder(NamedTuple):
    """A folder that is one model as a whole.

    Attributes:
        is_one: whether a folder is one; no error is raised.
        read: its draft.
        owns_folders: whether the folders in it are parts of it, too.
        names: of files in it that stand for the whole folder when they are imported alone.
    """

    is_one: Callable[[Path], bool]
    read: Callable[[Path], Draft]
    owns_folders: Callable[[Path], bool]
    names: tuple[str, ...]


class Server(NamedTuple):
    """A server that is known by its host alone.

    Attributes:
        ask: the drafts that the host gives; None when it is no such server.
        sought: what is looked for there. place: by which path.
        paths: addresses with one of these are those of the host, too.
        port: where it is usual, and asked for before others; 0 for none.
    """

    ask: Callable[[Fetcher, httpx.URL], Awaitable[list[Draft] | None]]
    sought: str
    place: str
    paths: tuple[str, ...] = ()
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format: its words, and for each way in which it comes how it is recognised and what reads it.

    Attributes:
        name: in a list of what can be imported.
        help: what the help of the command line says about it, below the kind that it describes.
        kind: what it describes; None for both.
        in_files: what its files are called in a list of files; empty where another name there covers them.
        weights, text, folder, server: what it is found in, beside documents.
        read_document: of JSON and YAML, files and answers of servers alike.
    """

    name: str
    help: str
    kind: Kind | None
    in_files: str = ""
    weights: tuple[Weights, ...] = ()
    read_document: ReadDocument | None = None
    text: Text | None = None
    folder: Folder | None = None
    server: Server | None = None


# A document is read by the first that knows it: what is recognised by the least stands last.
FORMATS = (
    Format(
        name="GGUF",
        help="GGUF (split files too, headers only, also at an address)",
        kind="model",
        in_files="GGUF",
        weights=(
            Weights(form="gguf", begins=gguf.begins, read=gguf.read_gguf, header_end=gguf.header_end, suffix=".gguf"),
        ),
    ),
    Format(
        name="safetensors",
        help="safetensors (likewise)",
        kind="model",
        in_files="safetensors",
        weights=(
            Weights(
                form="safetensors",
                begins=safetensors.begins,
                read=safetensors.read_safetensors,
                header_end=safetensors.header_end,
                suffix=".safetensors",
                in_folder=True,
            ),
            Weights(
                form="index",
                begins=safetensors.begins_index,
                read=safetensors.read_safetensors,
                in_folder=True,
                stands_for="safetensors",
            ),
        ),
    ),
    Format(
        name="an A2A agent card",
        help="A2A agent cards (a file, or the agent's address)",
        kind="agent",
        read_document=a2a.read_document,
        server=Server(ask=a2a.ask_host, sought="an agent card", place=a2a.WELL_KNOWN),
    ),
    Format(
        name="an MCP server",
        help="an MCP server.json",
        kind="agent",
        read_document=mcp.read_document,
    ),
    Format(
        name="Ollama",
        help="an Ollama server, such as http://127.0.0.1:11434",
        kind="model",
        read_document=ollama.read_document,
        server=Server(
            ask=ollama.ask_host,
            sought="the models of an Ollama server",
            place=ollama.TAGS,
            paths=(ollama.TAGS, ollama.SHOW),
            port=ollama.PORT,
        ),
    ),
    # Its addresses are read by `hub`.
    Format(
        name="a model's folder, card or address on the Hugging Face Hub",
        help="Hugging Face folders and model cards, a repository of the Hub (https://huggingface.co/OWNER/NAME, or a "
        "file in it)",
        kind="model",
        in_files="model cards",
        read_document=huggingface.read_document,
        text=Text(
            is_one=model_card.is_card,
            read_file=huggingface.read_card_draft,
            read=model_card.read_text,
            suffixes=(".md", ".markdown"),
            otherwise="is no model card: it does not begin with front matter that names a licence, tags or the like",
        ),
        folder=Folder(
            is_one=huggingface.is_model_folder,
            read=huggingface.read_model_folder,
            owns_folders=huggingface.owns_folders,
            names=(huggingface.CONFIG,),
        ),
    ),
    # Read by `own_documents`, when no other format knows a document.
    Format(
        name="JSON or YAML of ours",
        help="JSON and YAML (one record, or a list of them), what 'export' writes",
        kind=None,
        in_files="JSON and YAML",
    ),
)
WEIGHTS = {weights.form: weights for each in FORMATS for weights in each.weights}
SUFFIXES_AT_ADDRESSES = tuple(weights.suffix for weights in WEIGHTS.values() if weights.suffix)
TEXTS = tuple(each.text for each in FORMATS if each.text is not None)
FOLDERS = tuple(each.folder for each in FORMATS if each.folder is not None)
# One with a usual port is less likely at any other.
SERVERS = sorted((each.server for each in FORMATS if each.server is not None), key=lambda server: server.port)

# ---- what can be imported, in words --------------------------------------------------------------------------------

_KINDS: Mapping[Kind | None, str] = {"model": "models", "agent": "agents", None: "both"}
# What can be imported, which files can be read, and which of them by their header alone.
NAMES = ", ".join(each.name for kind in _KINDS for each in FORMATS if each.kind == kind)
FILES = ", ".join(each.in_files for each in FORMATS if each.in_files)
READ_BY_HEADER = [each.name for each in FORMATS if any(weights.header_end for weights in each.weights)]


def help_lines(width: int) -> str:
    """What can be imported, one paragraph for each kind, indented."""
    return "\n".join(
        textwrap.fill(
            ", ".join(each.help for each in FORMATS if each.kind == kind), width,
            initial_indent=f"  {title:9}", subsequent_indent=" " * 11, break_long_words=False, break_on_hyphens=False,
        )
        for kind, title in _KINDS.items()
    )  # fmt: skip


# ---- recognising and reading ---------------------------------------------------------------------------------------


def form_of(file: IO[bytes]) -> str:
    """What an open file is by its content: a form of `WEIGHTS`, `text` or `binary`. Its position stays."""
    head = file.read(_HEAD)
    file.seek(0)
    found = next((form for form, weights in WEIGHTS.items() if weights.begins(head)), "")
    return found or ("binary" if b"\0" in head else "text")


_HEAD = 4096


def folder_at(path: Path) -> Folder | None:
    """How to read a folder as one model; None when it is none."""
    return next((folder for folder in FOLDERS if folder.is_one(path)), None)


def folder_meant_by(file: Path) -> Folder | None:
    """How to read the folder that a file stands for; None when it stands for itself."""
    return next((one for one in FOLDERS if file.name in one.names and one.is_one(file.parent)), None)


def read_foreign(value: Json, source: str, name: str) -> list[Draft] | None:
    """The drafts in a document, None when it is of no format that is known here.

    Args:
        source: where it stands.
        name: for a model whose description has none.
    """
    for each in FORMATS:
        drafts = None if each.read_document is None else each.read_document(value, source, name)
        if drafts is not None:
            return drafts
    return None


def read_weights_file(path: Path, form: str, kind: Kind | None) -> Finding:
    """The finding of a file of weights, with what a model card beside it adds. Nothing is raised.

    Args:
        form: of `WEIGHTS`.
        kind: what it must be, None for anything.
    """
    weights = WEIGHTS[form]
    folder = folder_at(path.parent) if weights.in_folder else None
    if folder is not None:
        # The configuration beside it says far more, and the folder is one model.
        return finding_of(partial(folder.read, path.parent), str(path.parent), kind)
    card = huggingface.card_beside(path)

    def read() -> Draft:
        draft = weights.read(path)
        if card is not None:
            model_card.put_card(draft, card)
        return draft

    return finding_of(read, str(path), kind)
