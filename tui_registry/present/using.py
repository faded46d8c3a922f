"""What a record is used with: for each tool that can read its files or interfaces the line to give it.

Lines are shown and copied, nothing here or above runs one. What stands in them comes from strangers: a line is a list
of arguments first, in which every foreign value has passed a pattern of its own and can be no option, and only then the
text that a shell reads the same arguments from. What passes no pattern is in no line, and that is said.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from tui_registry.errors import Json, Kind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.present.record_rows import variant
from tui_registry.records.manifests import is_followable
from tui_registry.text import safe_text

# The tools by what `--for` calls them, in the order in which lines are shown. How they are called is told by: Ollama
# (https://huggingface.co/docs/hub/ollama), llama.cpp (its docs/models.md, tools/server/README.md), Docker Model Runner
# (https://docs.docker.com/reference/cli/docker/model/), vLLM (https://docs.vllm.ai/en/latest/cli/serve/), hf
# (https://huggingface.co/docs/huggingface_hub/package_reference/cli), the manuals of git, curl and ipfs.
TOOLS: Final = {
    "ollama": "Ollama",
    "llama.cpp": "llama.cpp",
    "docker": "Docker",
    "vllm": "vLLM",
    "hf": "the Hugging Face Hub's own tool",
    "mcp": "the configuration of an MCP client",
    "a2a": "an A2A client: where the agent's card is",
    "openai": "an OpenAI-compatible endpoint: which models it has",
    "git": "git",
    "curl": "curl",
    "ipfs": "IPFS",
}
ONLY_SHOWN: Final = "these lines are shown and not run: read one before you run it"
NOTHING_SAID: Final = "its owner has not said where its files are or where it answers, so no tool has anything to read"


class Line(NamedTuple):
    """What to give a tool.

    Attributes:
        tool: one of `TOOLS`.
        what: what of the record it is about, safe to show.
        argv: the words of a command; empty where the text is none, such as a configuration or an address.
        text: what is copied; of a command its words as sh, bash and zsh read them. Safe to show, on one line.
        note: what to know before it is used; may be empty.
    """

    tool: str
    what: str
    argv: tuple[str, ...]
    text: str
    note: str = ""


class Unread(NamedTuple):
    """Something of a manifest that no line is about: its path in it, as it stands there (safe to show), and why."""

    path: str
    uri: str
    sentence: str


class Uses(NamedTuple):
    """The lines for a record in the order of `TOOLS`, and what none of them is about."""

    lines: tuple[Line, ...]
    unread: tuple[Unread, ...]


def uses(kind: Kind, record: Record, manifest: Record | None) -> Uses:
    """How a record is used, by what its owner says stands behind it.

    Args:
        record: plain, of that kind.
        manifest: what stands behind it, None where there is nothing.
    """
    if manifest is None:
        return Uses((), ())
    repository = str(manifest["repository_url"])
    lines: list[Line] = []
    unread: list[Unread] = []
    files: list[_File] = []
    for place, item in _each(manifest, "artifacts"):
        uri, path = str(item["uri"]), f"artifacts[{place}].uri"
        found = _file(uri, repository)
        if isinstance(found, str):
            unread.append(Unread(path, safe_text(uri), found))
        else:
            files.append(found)
    lines += _of_files(kind, record, files)
    for place, item in _each(manifest, "interfaces"):
        uri, path = str(item["url"]), f"interfaces[{place}].url"
        of_it = _of_interface(record, uri, variant(item["protocol"]))
        if isinstance(of_it, str):
            unread.append(Unread(path, safe_text(uri), of_it))
        else:
            lines.append(of_it)
    if repository:
        cloned = _of_repository(repository, {file.hub.repo for file in files if file.hub is not None})
        if isinstance(cloned, str):
            unread.append(Unread("repository_url", safe_text(repository), cloned))
        else:
            lines += cloned
    order = list(TOOLS)
    distinct = {(line.tool, line.text): line for line in lines}
    return Uses(tuple(sorted(distinct.values(), key=lambda line: order.index(line.tool))), tuple(unread))


def for_tool(found: Uses, tool: str | None) -> Sequence[Line]:
    """The lines for that tool, all for None."""
    return [line for line in found.lines if tool in (None, line.tool)]


def nothing_for(found: Uses, tool: str | None) -> str:
    """Why there is no line: a sentence about the record, without its name."""
    if not found.lines and not found.unread:
        return NOTHING_SAID
    if not found.lines:
        return "no tool known here can read what its owner says stands behind it"
    able = ", ".join(dict.fromkeys(line.tool for line in found.lines))
    return f"{TOOLS[tool] if tool else 'no tool'} can read nothing of it; there are lines for {able}"


# Files


class _Hub(NamedTuple):
    """A place on the Hugging Face Hub: `type` is model, dataset or space; `revision` and `path` may be empty."""

    type: str
    repo: str
    revision: str
    path: str


class _File(NamedTuple):
    """An artifact that some tool reads, by where it is: one of these is there.

    Attributes:
        hub: on the Hub. ollama, oci, ipfs: its name there. web: its address. local: its path in the folder that `where`
            names.
    """

    name: str
    hub: _Hub | None = None
    ollama: str = ""
    oci: str = ""
    ipfs: str = ""
    web: str = ""
    local: str = ""
    where: str = ""


# A repository of the Hub has two such words, and no tool takes one for an option.
_WORD: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_REPO: Final = re.compile(rf"{_WORD}(?:/{_WORD})?", re.ASCII)
_REVISION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_PATH: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9._~+=,/-]*", re.ASCII)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_OLLAMA: Final = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*(?::[0-9]{1,5})?/)?(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?",
    re.ASCII,
)
# https://github.com/distribution/reference
_OCI: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_CID: Final = re.compile(r"[A-Za-z0-9]{10,128}", re.ASCII)
_HUB_HOSTS: Final = ("huggingface.co", "www.huggingface.co", "hf.co")
_HUB_TYPES: Final = {"datasets": "dataset", "spaces": "space"}
# Sites of the Hub that look like repositories.
_NO_OWNERS: Final = ("api", "blog", "collections", "docs", "learn", "organizations", "papers", "posts", "tasks")
# Pages about packages: what lies there is no file of the record.
_PAGES: Final = ("registry.npmjs.org", "pypi.org", "ollama.com")

_NOT_FOLLOWED: Final = "is no address that may be followed, and is offered to nobody"
_UNREAD: Final = "can be read by no tool known here"
_CLONED: Final = "within a clone of its repository"
_SOMEWHERE: Final = "in the folder where you have the file: its owner names no place to get it from"
_NO_REPOSITORY: Final = "is a path in a repository, and no repository is named"


def _file(uri: str, repository: str) -> _File | str:
    """Where an artifact is; or why no tool reads it."""
    if not is_followable(uri, is_artifact=True):
        return _NOT_FOLLOWED
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return _within(uri, repository)
    name = rest.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2]
    found: _File | None = None
    hub = _hub(uri)
    if hub is not None:
        found = _File(name, hub=hub)
    elif ollama_model(uri):
        found = _File(name, ollama=ollama_model(uri))
    elif scheme == "oci" and _OCI.fullmatch(rest):
        found = _File(name, oci=rest)
    elif scheme == "ipfs" and _CID.fullmatch(rest.partition("/")[0]) and _PATH.fullmatch(rest) and ".." not in rest:
        found = _File(name, ipfs=f"/ipfs/{rest}")
    elif scheme in ("http", "https") and _is_web(uri) and not _is_page(uri):
        found = _File(name, web=uri)
    return found or _UNREAD


def _is_page(uri: str) -> bool:
    """Whether an address is known to be no file's: a page about a package or a file, or a page of the Hub."""
    host, path = _split(uri)
    is_shown = host in ("github.com", "gitlab.com") and path.split("/")[3:4] in (["blob"], ["tree"], ["-"])
    return host in _PAGES or is_shown or (host in _HUB_HOSTS and "/resolve/" not in path)


def _within(path: str, repository: str) -> _File | str:
    """A file of a repository."""
    name = path.rpartition("/")[2]
    if not repository:
        is_read = _is_gguf(name) and _PATH.fullmatch(path)
        return _File(name, local=f"./{path}", where=_SOMEWHERE) if is_read else _NO_REPOSITORY
    if not is_followable(repository):
        return f"is a path in a repository, whose address {_NOT_FOLLOWED}"
    if not _PATH.fullmatch(path):
        return _UNREAD
    hub, model = _hub(repository), ollama_model(repository)
    if model:
        return _File(name, ollama=model)  # which fetches all of its files
    if hub is None:
        return _File(name, local=f"./{path}", where=_CLONED) if _clone(repository) is not None else _UNREAD
    above = f"{hub.path}/" if hub.path else ""
    return _File(name, hub=hub._replace(path=f"{above}{path}"))


def ollama_model(uri: str) -> str:
    """What Ollama calls the model at an address; empty for other addresses."""
    name = uri.removeprefix("ollama://")
    return name if name != uri and _OLLAMA.fullmatch(name) else ""


def _hub(uri: str) -> _Hub | None:
    """The place on the Hub that an address means: `hf://[datasets/]ORG/NAME[@REVISION][/PATH]`, or as pages have it."""
    if uri.startswith("hf://"):
        words = uri[5:].rstrip("/").split("/")
        kind = _HUB_TYPES.get(words[0], "model")
        words = words[1:] if kind != "model" else words
        repo, _, revision = "/".join(words[:2]).partition("@")
        path = "/".join(words[2:])
    elif uri.startswith("https://") and _split(uri)[0] in _HUB_HOSTS:
        words = [word for word in urlsplit(uri).path.split("/") if word]
        if not words or words[0] in _NO_OWNERS:
            return None
        kind = _HUB_TYPES.get(words[0], "model")
        words = words[1:] if kind != "model" else words
        repo, below = "/".join(words[:2]).removesuffix(".git"), words[2:]
        if below and (below[0] not in ("resolve", "blob", "raw", "tree") or len(below) < 2):
            return None
        revision, path = (below[1], "/".join(below[2:])) if below else ("", "")
    else:
        return None
    revision = "" if revision == "main" else revision
    if not _REPO.fullmatch(repo) or not (not revision or _REVISION.fullmatch(revision)):
        return None
    is_path = _PATH.fullmatch(path) and is_followable(path, is_artifact=True)
    return _Hub(kind, repo, revision, path) if not path or is_path else None


def _of_files(kind: Kind, record: Record, files: Sequence[_File]) -> Iterator[Line]:
    sets: dict[tuple[str, ...], list[_File]] = {}
    for file in files:
        if file.hub is not None and _is_weights(file.hub):
            parts = sets.setdefault((*file.hub[:3], _SHARD.sub("", file.hub.path)), [])
            parts.append(file)
    forms = Counter((*names[:3], _quantised(names[3])) for names in sets if _is_model(names[3]))
    for names, parts in sets.items():
        is_only = forms[*names[:3], _quantised(names[3])] == 1
        yield from _of_gguf([file.hub for file in parts if file.hub is not None], is_only=is_only)
    whole = dict.fromkeys(
        file.hub._replace(path="") for file in files if file.hub is not None and not _is_weights(file.hub)
    )
    for hub in whole:
        yield _hf(hub)
    if kind == "model" and variant(record["model_type"]) in _SERVED:
        served = dict.fromkeys(
            file.hub._replace(path="")
            for file in files
            if file.hub is not None and file.hub.type == "model" and file.hub.path.endswith(".safetensors")
            and "/" not in file.hub.path and not file.name.startswith("adapter_")
        )  # fmt: skip
        for hub in served:
            yield _command("vllm", hub.repo, "vllm", "serve", hub.repo, *_option("--revision", hub.revision))
    for file in files:
        yield from _of_one(kind, file)


# What vLLM serves, of our types; weights in folders are parts of a pipeline.
_SERVED: Final = ("LLM", "Multimodal", "Embedding")
_SHARD: Final = re.compile(r"-[0-9]{5}-of-[0-9]{5}(?=\.gguf\Z)", re.ASCII | re.IGNORECASE)
# How the quantisation stands at the end of a file's name, as the Hub reads it.
_QUANTISED: Final = re.compile(
    r"(?:\A|[-._/])((?:UD-)?(?:IQ[1-4]_(?:XXS|XS|S|M|NL|XL)|Q[2-8]_(?:[01]|K(?:_(?:XS|S|M|L|XL))?)|TQ[12]_0"
    r"|MXFP4(?:_MOE)?|BF16|F16|F32))\.gguf\Z",
    re.ASCII | re.IGNORECASE,
)
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}", re.ASCII)


def _is_gguf(name: str) -> bool:
    return name.lower().endswith(".gguf")


def _is_weights(hub: _Hub) -> bool:
    return hub.type == "model" and _is_gguf(hub.path)


# Files of the same format that are no model: what projects pictures and sound, and what weights were quantised by.
_NO_MODEL: Final = re.compile(r"(?:\A|[-._])(?:mmproj|imatrix)[-._]", re.ASCII | re.IGNORECASE)


def _is_model(path: str) -> bool:
    """Whether a GGUF file is one that a tool can run by itself, by its name."""
    return _is_gguf(path) and _NO_MODEL.search(path.rpartition("/")[2]) is None


def _is_begin(path: str) -> bool:
    """Whether it is a model, or the first of the files that one lies in: llama.cpp finds the others by that."""
    part = _SHARD.search(path)
    return _is_model(path) and (part is None or part[0].startswith("-00001-"))


def _quantised(path: str) -> str:
    """The quantisation that a file's name ends with, empty for none; the Hub and the tools ignore case in it."""
    form = _QUANTISED.search(path)
    return "" if form is None else form[1].upper()


def _of_gguf(parts: Sequence[_Hub], *, is_only: bool) -> Iterator[Line]:
    """The lines for one set of weights on the Hub, which may lie in several files.

    Args:
        is_only: whether no other set there is known to have the same quantisation, which tells it then.
    """
    first = min(parts, key=lambda part: part.path)
    is_whole = _SHARD.search(first.path) is None
    form = _QUANTISED.search(_SHARD.sub("", first.path)) if is_only else None
    tag = form[1] if form is not None else first.path if _TAG.fullmatch(first.path) else ""
    what = f"{form[1] if form is not None else first.path} of {first.repo}"
    # None of them knows the Hub's few old repositories without an owner.
    is_model = _is_model(first.path) and "/" in first.repo
    # Neither takes a revision, nor weights in several files.
    if is_model and is_whole and tag and not first.revision:
        name = f"hf.co/{first.repo}:{tag}"
        yield _command("ollama", what, "ollama", "run", name)
        yield _command("ollama", f"{what}, only fetched", "ollama", "pull", name)
        if form is not None:
            yield _command("docker", what, "docker", "model", "run", name)
            yield _command("docker", f"{what}, only fetched", "docker", "model", "pull", name)
    if is_model and not first.revision:
        if form is not None and is_whole and "/" not in first.path:
            yield _command("llama.cpp", what, "llama-server", "-hf", f"{first.repo}:{tag}")
        yield _command(
            "llama.cpp", f"{what}, this very file", "llama-server", "--hf-repo", first.repo, "--hf-file", first.path
        )
    yield _hf(first._replace(path=""), [part.path for part in parts], what)


def _hf(hub: _Hub, paths: Iterable[str] = (), what: str = "") -> Line:
    of_type = () if hub.type == "model" else (f"--repo-type={hub.type}",)
    revision = _option("--revision", hub.revision)
    return _command("hf", what or f"all of {hub.repo}", "hf", "download", *of_type, *revision, hub.repo, *sorted(paths))


def _of_one(kind: Kind, file: _File) -> Iterator[Line]:
    if file.ollama:
        yield _command("ollama", file.ollama, "ollama", "run", file.ollama)
        yield _command("ollama", f"{file.ollama}, only fetched", "ollama", "pull", file.ollama)
    elif file.oci and kind == "model":
        yield _command("docker", file.oci, "docker", "model", "run", file.oci)
        yield _command("docker", f"{file.oci}, only fetched", "docker", "model", "pull", file.oci)
    elif file.oci:
        yield _command("docker", f"{file.oci}, only fetched", "docker", "pull", file.oci)
    elif file.ipfs:
        yield _command("ipfs", safe_text(file.name), "ipfs", "get", file.ipfs)
    elif file.web:
        if _is_begin(file.name):
            yield _command("llama.cpp", safe_text(file.name), "llama-server", "--model-url", file.web)
        yield _command("curl", safe_text(file.name), *_CURL, "--no-clobber", "--output", _own_name(file.name), file.web)
    elif file.local and _is_begin(file.name):
        yield _command("llama.cpp", file.name, "llama-server", "-m", file.local, note=file.where)


# An address is never read as a pattern: `[1-1000000]` would be a million requests.
_CURL: Final = ("curl", "--globoff", "--fail", "--location")


def _own_name(name: str) -> str:
    """What a file of that name is called here: never a hidden one, nor one in another folder."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:120].lstrip("._-")
    return f"./{plain or 'download'}"


# Interfaces and repositories


def _of_interface(record: Record, url: str, protocol: str) -> Line | str:
    if not is_followable(url):
        return _NOT_FOLLOWED
    if not _is_web(url):
        return _UNREAD
    host, path = _split(url)
    origin = f"{url.partition('://')[0]}://{host}"
    match protocol:
        case "MCP":
            server: dict[str, Json] = {"type": "sse" if path.rstrip("/").endswith("/sse") else "http", "url": url}
            text = _harmless_json({"mcpServers": {_slug(str(record["name"])): server}})
            return Line("mcp", safe_text(url, 120), (), text, _CLIENTS)
        case "A2A":
            if _CARD_PATH.fullmatch(path):
                return Line("a2a", safe_text(url, 120), (), origin + path, "the agent's card")
            return Line("a2a", safe_text(url, 120), (), f"{origin}/.well-known/agent-card.json", _CARD)
        case "OpenAI":
            base = path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models") or "/v1"
            note = "a key, where it asks for one, goes into a header: --header 'Authorization: Bearer KEY'"
            return _command("openai", safe_text(url, 120), *_CURL, f"{origin}{base}/models", note=note)
        case "Ollama":
            address = f"OLLAMA_HOST={origin}{path.rstrip('/').removesuffix('/api')}"
            return _command("ollama", f"the models at {safe_text(url, 120)}", "env", address, "ollama", "ls")
    return f"speaks {safe_text(protocol, 64)}, and {_UNREAD}"


# https://code.claude.com/docs/en/mcp, https://cursor.com/docs/context/mcp,
# https://code.visualstudio.com/docs/copilot/reference/mcp-configuration
_CLIENTS: Final = (
    'for Claude Code and Cursor; VS Code says "servers" for "mcpServers". The type of an older server is "sse"; a key '
    'goes into "headers"'
)
_CARD_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/agent(?:-card)?\.json", re.ASCII)
_CARD: Final = "where A2A puts it; a card of an older agent is at /.well-known/agent.json"


def _of_repository(repository: str, known: set[str]) -> list[Line] | str:
    """The lines for the place where a record's files lie.

    Args:
        known: the repositories on the Hub that there are lines for.
    """
    if not is_followable(repository):
        return _NOT_FOLLOWED
    lines: list[Line] = []
    hub = _hub(repository)
    if hub is not None and hub.repo not in known:
        lines.append(_hf(hub._replace(path="")))
    if model := ollama_model(repository):
        lines += _of_one("model", _File(model, ollama=model))
    clone = _clone(repository)
    if clone is not None:
        address, revision = clone
        what = safe_text(address, 120)
        if re.fullmatch(r"[0-9a-f]{40}", revision):
            note = f"its owner means the commit {revision}"
            lines.append(_command("git", what, "git", "clone", "--", address, note=note))
        else:
            lines.append(_command("git", what, "git", "clone", *_option("--branch", revision), "--", address))
    return lines or _UNREAD


_FORGES: Final = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org", "git.sr.ht", *_HUB_HOSTS)


def _clone(repository: str) -> tuple[str, str] | None:
    """The address that git clones from, and the revision that is meant, which may be empty; None for no repository of
    git's."""
    hub = _hub(repository)
    if hub is not None:
        above = {"model": "", "dataset": "datasets/", "space": "spaces/"}[hub.type]
        return f"https://huggingface.co/{above}{hub.repo}", hub.revision
    address = repository.removeprefix("git+")
    if not address.startswith("https://") or not _is_web(address):
        return None
    host, path = _split(address)
    path, at, revision = path.partition("@")
    if at and not _REVISION.fullmatch(revision):
        return None
    is_one = repository.startswith("git+") or path.endswith(".git") or (
        host in _FORGES and len(path.strip("/").split("/")) == 2
    )  # fmt: skip
    return (f"https://{host}{path.rstrip('/')}", revision) if is_one and path.strip("/") else None


# How


def _each(manifest: Record, name: str) -> Iterator[tuple[int, Record]]:
    items = manifest[name]
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield place, item


def _command(tool: str, what: str, *argv: str, note: str = "") -> Line:
    return Line(tool, what, argv, shlex.join(argv), note)


def _option(name: str, value: str) -> tuple[str, ...]:
    """An option with its value in one word, none for an empty value."""
    return (f"{name}={value}",) if value else ()


def _is_web(uri: str) -> bool:
    """Whether an address names a host as hosts are named, and has nothing that is not plain ASCII."""
    return uri.isascii() and uri.isprintable() and " " not in uri and _HOST.fullmatch(_split(uri)[0]) is not None


def _split(uri: str) -> tuple[str, str]:
    """Host with port, and path, of an address."""
    rest = re.split(r"[?#]", uri.partition("://")[2], maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    return host, slash + path


def _harmless_json(value: Json) -> str:
    """JSON in which a shell finds nothing to do, wherever it is pasted: within single quotes, as `claude mcp add-json`
    takes it, or by mistake at the prompt."""
    return re.sub(r"[$'!`]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value))


def _slug(name: str) -> str:
    """A name as programs call a server."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:64] or "server"


# Links, for a browser


class Link(NamedTuple):
    """An address of the web that a record names: `what` it is of the record, and the `url`, both safe to show."""

    what: str
    url: str


def links(manifest: Record | None) -> list[Link]:
    """The addresses of the record that a browser can be sent to, each once: http and https alone, with a host, without
    a name or a password before it."""
    if manifest is None:
        return []
    found = [("repository", manifest["repository_url"]), ("documentation", manifest["documentation_url"])]
    for name, what, at in (
        ("artifacts", "file", "uri"), ("interfaces", "interface", "url"), ("evaluations", "evaluation", "source"),
    ):  # fmt: skip
        entries = manifest[name]
        if isinstance(entries, list):
            found += [(what, entry[at]) for entry in entries if isinstance(entry, dict)]
    known: dict[str, str] = {}
    for what, url in found:
        if isinstance(url, str) and is_web_page(url):
            known.setdefault(url, what)
    return [Link(what, url) for url, what in known.items()]


_WEB: Final = re.compile(r"https?://[^/?#@\\]{1,255}(?:[/?#].*)?", re.ASCII)


def is_web_page(url: str) -> bool:
    """Whether a browser may be sent there: never a scheme that runs or reads something, and what is shown of the
    address is where it leads."""
    return _WEB.fullmatch(url) is not None and _is_web(url) and safe_text(url) == url
