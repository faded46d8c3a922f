"""The table of everything that can be imported: what each format is called, how it is recognised, and what reads it.

To add a format, write its module with a `READER`, and an entry in `FORMATS`. Help texts, the dialog of the app and
refusals follow. Nothing is imported here: help needs the words alone, and a file needs the reader of its own format.
"""

from __future__ import annotations

import textwrap
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from tui_registry.errors import Json, Kind
from tui_registry.frozen import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tui_registry.importers.draft_writer import Draft, Given
    from tui_registry.importers.fetch import Fetcher
    from tui_registry.importers.untrusted import Page, SourceError

# ---- how a format is recognised ------------------------------------------------------------------------------------


class Weights(NamedTuple):
    """Files of weights.

    Attributes:
        form: the word for them in this package.
        begins: whether a file is one, by its first 4 KiB.
        suffix: of the address of one that is read by its header alone.
        in_folder: whether the configuration in a model's folder says more than the file, and stands for it.
        stands_for: the form of the files beside it that it lists.
    """

    form: str
    begins: Callable[[bytes], bool]
    suffix: str = ""
    in_folder: bool = False
    stands_for: str = ""


class Text(NamedTuple):
    """Text that is neither JSON nor YAML as a whole.

    Attributes:
        begins: what it may begin with, after a byte order mark and blank lines.
        beside: the name of a file that is read with the weights beside it.
        suffixes: of files that can hold nothing else. otherwise: what is said of such a file when it is not one.
        in_folders: whether any Markdown in a folder may be one.
    """

    begins: tuple[str, ...]
    beside: str
    suffixes: tuple[str, ...]
    otherwise: str
    in_folders: bool = False


class Folder(NamedTuple):
    """A folder that is one model as a whole.

    Attributes:
        names: of files one of which it has.
        stands_for_it: the file among them that means the whole folder when it is imported alone.
        have_parts: the files among them with which the folders in it are parts of it, too.
    """

    names: tuple[str, ...]
    stands_for_it: str
    have_parts: tuple[str, ...]


class Store(NamedTuple):
    """A folder that holds many models, each described where only its own program looks.

    Attributes:
        folders: in it, all of which it has; nothing else below them is looked through.
    """

    folders: tuple[str, ...]


class Server(NamedTuple):
    """A server that is known by its host alone, or by its host and a path below which it answers. They are looked for
    in the order of the table.

    Attributes:
        sought: what is looked for there. place: by which path.
        paths: addresses with one of these mean the whole server, too.
        port: where it is usual, and asked for before others; 0 for none.
        pages: whether what it gives comes in pages.
    """

    sought: str
    place: str
    paths: tuple[str, ...] = ()
    port: int = 0
    pages: bool = False


class Format(NamedTuple):
    """One format.

    Attributes:
        name: in a list of what can be imported, in a word or two: all of them stand in one dialog.
        help: what the help of the command line says about it, below the kind that it describes.
        kind: what it describes; None for both.
        module: of this package, whose `READER` reads it.
        in_files: what its files are called in a list of files; empty where another name there covers them.
        documents: whether it comes as JSON or YAML; its reader knows it by its shape.
    """

    name: str
    help: str
    kind: Kind | None
    module: str
    in_files: str = ""
    weights: tuple[Weights, ...] = ()
    documents: bool = False
    text: Text | None = None
    folder: Folder | None = None
    store: Store | None = None
    server: Server | None = None


def _begins_onnx(head: bytes) -> bool:
    """The version of the format, then a text that says who wrote it, or another field of a model."""
    if len(head) < 4 or head[0] != 0x08 or not 0 < head[1] <= 64:
        return False
    if head[2] == 0x12:
        name = head[4 : 4 + head[3]]
        return head[3] < 0x80 and len(name) == head[3] and name.isascii() and name.decode().isprintable()
    return head[2] in (0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42) and b"\0" in head


# A document is read by the first that knows it: what is recognised by the least stands last.
FORMATS = (
    Format(
        name="GGUF",
        help="GGUF (split files too, headers only, also at an address)",
        kind="model",
        module="gguf",
        in_files="GGUF",
        weights=(Weights("gguf", lambda head: head.startswith(b"GGUF"), suffix=".gguf"),),
    ),
    Format(
        name="safetensors",
        help="safetensors (likewise)",
        kind="model",
        module="safetensors",
        in_files="safetensors",
        weights=(
            # The length of a header, and the header
            Weights(
                "safetensors",
                lambda head: head[8:9] == b"{" and b"\0" in head[:8],
                suffix=".safetensors",
                in_folder=True,
            ),
            Weights(
                "index",
                lambda head: head.lstrip().startswith(b"{") and b'"weight_map"' in head and b"\0" not in head,
                in_folder=True,
                stands_for="safetensors",
            ),
        ),
    ),
    Format(
        name="ONNX",
        help="ONNX (what stands between its tensors)",
        kind="model",
        module="onnx",
        in_files="ONNX",
        weights=(Weights("onnx", _begins_onnx, in_folder=True),),
    ),
    Format(
        name="Git LFS pointers",
        help="Git LFS pointers in their place",
        kind="model",
        module="lfs",
        weights=(
            Weights(
                "pointer",
                lambda head: head.startswith(b"version https://git-lfs.github.com/spec/") and b"\0" not in head,
                in_folder=True,
            ),
        ),
    ),
    # Asked before an MCP registry: a host that is both, as our nodes are, says in its catalog what a registry cannot.
    Format(
        name="AI Catalogs",
        help="AI Catalogs (a file, or the address of a site that has one)",
        kind=None,
        module="ai_catalog",
        documents=True,
        server=Server("an AI Catalog", "/.well-known/ai-catalog.json", paths=("/.well-known/ai-catalog.json",)),
    ),
    Format(
        name="MCP servers",
        help="an MCP server.json, or the address of a registry of MCP servers",
        kind="agent",
        module="mcp",
        documents=True,
        server=Server(
            "an MCP registry",
            "/v0.1/servers",
            paths=("/v0.1/servers", "/v0/servers"),
            pages=True,
        ),
    ),
    Format(
        name="A2A cards",
        help="A2A agent cards (a file, or the agent's address)",
        kind="agent",
        module="a2a",
        documents=True,
        server=Server("an agent card", "/.well-known/agent-card.json"),
    ),
    Format(
        name="OASF records",
        help="OASF records",
        kind="agent",
        module="oasf",
        documents=True,
    ),
    Format(
        name="MCP bundles",
        help="the manifest.json of an MCP bundle (MCPB, DXT)",
        kind="agent",
        module="mcpb",
        documents=True,
    ),
    Format(
        name="MCP clients",
        help="the settings of an MCP client (mcpServers; no secret in them is read)",
        kind="agent",
        module="mcp_clients",
        documents=True,
    ),
    Format(
        name="agent files",
        help="agent files (Markdown with a description, tools, a model)",
        kind="agent",
        module="agent_files",
        in_files="agent files",
        text=Text(begins=("---",), beside="", suffixes=(), otherwise="", in_folders=True),
    ),
    Format(
        name="Ollama",
        help="an Ollama server, such as http://127.0.0.1:11434, or its store (~/.ollama/models)",
        kind="model",
        module="ollama",
        documents=True,
        store=Store(("manifests", "blobs")),
        server=Server("an Ollama server", "/api/tags", paths=("/api/tags", "/api/show"), port=11434),
    ),
    Format(
        name="Modelfiles",
        help="a Modelfile",
        kind="model",
        module="modelfile",
        in_files="Modelfiles",
        text=Text(
            begins=(
                "#",
                *(
                    form
                    for word in ("FROM", "PARAMETER", "TEMPLATE", "SYSTEM", "ADAPTER", "LICENSE", "MESSAGE")
                    for form in (word, word.lower(), word.title())
                ),
            ),
            beside="Modelfile",
            suffixes=(".modelfile",),
            otherwise="is no Modelfile: it has no FROM, or other lines than the instructions of one",
        ),
    ),
    Format(
        name="ModelPack",
        help="the configuration of a ModelPack (CNCF)",
        kind="model",
        module="modelpack",
        documents=True,
    ),
    # Its addresses are read by `hub`.
    Format(
        name="Hugging Face",
        help="Hugging Face folders and model cards, a repository of the Hub (https://huggingface.co/OWNER/NAME, or a "
        "file in it), all of an organisation's (https://huggingface.co/OWNER)",
        kind="model",
        module="huggingface",
        in_files="model cards",
        documents=True,
        text=Text(
            begins=("---",),
            beside="README.md",
            suffixes=(".md", ".markdown"),
            otherwise="is no model card: it does not begin with front matter that names a licence, tags or the like",
        ),
        folder=Folder(
            names=("config.json", "model_index.json", "adapter_config.json", "modules.json"),
            stands_for_it="config.json",
            have_parts=("model_index.json", "modules.json"),
        ),
    ),
    Format(
        name="Formfiles",
        help="Formfiles",
        kind="agent",
        module="formfiles",
        in_files="Formfiles",
        text=Text(
            begins=(
                "#",
                "NAME",
                "DESCRIPTION",
                "MODEL",
                "VCPU",
                "CPU",
                "CORES",
                "MEMORY",
                "MEM",
                "MBS",
                "DISK",
                "STORAGE",
                "GPU",
                "USER",
                "WORKDIR",
                "RUN",
                "COPY",
                "INSTALL",
                "ENV",
                "ENTRYPOINT",
                "EXPOSE",
            ),
            beside="Formfile",
            suffixes=(".formfile",),
            otherwise="is no Formfile: it has no NAME, or nothing else",
        ),
    ),
    # What no other format knows is read as one of ours.
    Format(
        name="JSON or YAML of ours",
        help="JSON and YAML (one record, or a list of them), what 'export' writes",
        kind=None,
        module="own_documents",
        in_files="JSON and YAML",
    ),
)
WEIGHTS = {weights.form: weights for each in FORMATS for weights in each.weights}
_KINDS: Mapping[Kind | None, str] = {"model": "models", "agent": "agents", None: "both"}
# What can be imported, which files can be read, and which of them by their header at an address.
NAMES = ", ".join(each.name for kind in _KINDS for each in FORMATS if each.kind == kind)
FILES = ", ".join(each.in_files for each in FORMATS if each.in_files)
READ_BY_HEADER = [each.name for each in FORMATS if any(weights.suffix for weights in each.weights)]


def help_lines(width: int) -> str:
    """What can be imported, one paragraph for each kind, indented."""
    return "\n".join(
        textwrap.fill(
            ", ".join(each.help for each in FORMATS if each.kind == kind), width,
            initial_indent=f"  {title:9}", subsequent_indent=" " * 11, break_long_words=False, break_on_hyphens=False,
        )
        for kind, title in _KINDS.items()
    )  # fmt: skip


# ---- what reads it -------------------------------------------------------------------------------------------------


class WeightsReader(NamedTuple):
    """Reads files of weights.

    Attributes:
        read: the draft that one gives.
        header_end: (first bytes of a file, its size, its name) -> how many bytes to read for its header; no more than
            there are when the header is whole.
    """

    read: Callable[[Path], Draft]
    header_end: Callable[[bytes, int, str], int]


class TextReader(NamedTuple):
    """Reads text.

    Attributes:
        is_one: whether a text is of this format.
        read_file: the draft of a file, with what lies beside it.
        read: (text, where it stands, name for a model that has none) -> its draft.
        add_beside: gives the draft of a file of weights what such a text in the same folder adds.
        is_there: whether a text is one by where it lies, if it does not say so itself.
    """

    is_one: Callable[[str], bool]
    read_file: Callable[[Path], Draft]
    read: Callable[[str, str, str], Draft]
    add_beside: Callable[[Draft, Path], None] = lambda _draft, _path: None
    is_there: Callable[[str, Path], bool] = lambda _text, _path: False


class FolderReader(NamedTuple):
    """Reads folders.

    Attributes:
        is_one: whether a folder is one model; no error is raised.
        read: its draft.
    """

    is_one: Callable[[Path], bool]
    read: Callable[[Path], Draft]


class StoreReader(NamedTuple):
    """Reads folders that hold many models.

    Attributes:
        is_one: whether a folder is such a store; no error is raised.
        read: the drafts in it; in the place of one that cannot be read, why.
    """

    is_one: Callable[[Path], bool]
    read: Callable[[Path], Iterator[Draft | SourceError]]


class Reader(NamedTuple):
    """What the module of a format offers, for each way in which its format comes.

    Attributes:
        document: (document, where it stands, name for a model that has none) -> the drafts in it; None when it is of
            another format.
        ask: (an address of the host, the path of what is looked for there, the cursor to go on at or nothing) -> the
            drafts that it gives, as far as one page; None when there is no such thing.
        linked: (the host of an address, the address, the document there) -> the drafts of what the document names
            elsewhere; None when it is of another format.
    """

    weights: WeightsReader | None = None
    document: Callable[[Json, str, str], Sequence[Given] | None] | None = None
    text: TextReader | None = None
    folder: FolderReader | None = None
    store: StoreReader | None = None
    ask: Callable[[Fetcher, httpx.URL, str, str], Awaitable[Page[Given] | None]] | None = None
    linked: Callable[[Fetcher, httpx.URL, Json], Awaitable[Sequence[Given] | None]] | None = None


def reader_of(entry: Format) -> Reader:
    """What reads a format of the table."""
    reader: Reader = import_module(f"tui_registry.importers.{entry.module}").READER
    return reader
