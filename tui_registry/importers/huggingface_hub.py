"""A repository of the Hugging Face Hub, by its address -> the draft of its model; or all those of an organisation. Only
headers of weights are fetched.

What is asked: https://huggingface.co/docs/hub/api (`/api/models/{id}`, `/api/models?author=`) and the addresses of
files, `/{id}/resolve/{revision}/{path}`, which take ranges and may lead to the Hub's own hosts of large files.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import quote

import httpx

from tui_registry.errors import Json, Kind, Problem
from tui_registry.importers.draft_writer import Draft, finding_of, shown
from tui_registry.importers.fetch import (
    Answer,
    AwayError,
    ElsewhereError,
    FetchBounds,
    Fetcher,
    Talk,
    Tell,
    fetched,
    pages_after,
    untold,
)
from tui_registry.importers.huggingface import (
    CARD,
    IN_CARD,
    INDEXES,
    PYTORCH_INDEX,
    SMALL,
    chosen_weights,
    encoder_of,
    read_model_folder,
)
from tui_registry.importers.lfs import holds_weights
from tui_registry.importers.manifest_writer import public_address
from tui_registry.importers.recognising import read_weights_file
from tui_registry.importers.remote_headers import BOUNDS, lay_down
from tui_registry.importers.tasks import type_of_task
from tui_registry.importers.untrusted import (
    CutShortError,
    Page,
    SourceError,
    is_whole,
    object_at,
    objects_at,
    parse_json,
    parse_object,
    text_at,
)
from tui_registry.importers.weights import of_dtypes, put_quantization, put_requirements, split_of
from tui_registry.origin import read_url
from tui_registry.present.imports import Finding
from tui_registry.text import exact, plural, safe_text

_MOST_PARTS = 48


@dataclass(frozen=True, slots=True)
class Hub:
    """Where the Hub is.

    Attributes:
        base: the address that is asked.
        hosts: by which people name it.
        files: the ends of names of hosts to which a download may lead.
    """

    base: str = "https://huggingface.co"
    hosts: frozenset[str] = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
    files: tuple[str, ...] = (".huggingface.co", ".hf.co")


HUB = Hub()


@dataclass(frozen=True, slots=True)
class Repository:
    """A model's repository; `file` is what the address named in it, if anything."""

    name: str
    revision: str = "main"
    file: str = ""


def repository_at(url: httpx.URL, hub: Hub) -> Repository | None:
    """The repository that an address of the Hub names, None for an address of another host or for a plain page of it.

    Raises:
        SourceError: it names something there that is no model.
    """
    if url.host not in hub.hosts:
        return None
    parts = [part for part in url.path.split("/") if part]
    if parts[:1] in (["datasets"], ["spaces"], ["collections"], ["papers"]):
        raise SourceError(f"{safe_text(str(url), 120)} is no model: a model's address is {hub.base}/OWNER/NAME")
    if len(parts) < 2 or parts[0] in ("api", "docs", "models") or not all(map(_NAME.fullmatch, parts[:2])):
        return None
    if parts[1:] == ["models"]:
        return None  # the list of somebody's models
    name, rest = "/".join(parts[:2]), parts[2:]
    if not rest:
        return Repository(name)
    if rest[0] not in ("tree", "blob", "resolve", "raw") or len(rest) < 2:
        return None
    return Repository(name, rest[1], "" if rest[0] == "tree" else "/".join(rest[2:]))


@dataclass(frozen=True, slots=True)
class Owner:
    """An organisation or a person of the Hub."""

    name: str


def owner_at(url: httpx.URL, hub: Hub) -> Owner | None:
    """Whose models an address of the Hub means: `/OWNER`, or the list of them. None for any other address."""
    parts = [part for part in url.path.split("/") if part]
    if url.host not in hub.hosts:
        return None
    if parts[:2] == ["api", "models"] and len(parts) == 2:
        name = url.params.get("author", "")
    elif (len(parts) == 1 and parts[0] not in _NO_OWNERS) or (len(parts) == 2 and parts[1] == "models"):
        name = parts[0]
    else:
        return None
    return Owner(name) if _NAME.fullmatch(name) else None


def hub_at(url: httpx.URL) -> Hub:
    """A Hub at another host: what mirrors and hubs of companies answer as the Hub does."""
    return Hub(f"{url.scheme}://{url.netloc.decode('ascii')}", frozenset({url.host}))


async def at_hub(fetcher: Fetcher, url: httpx.URL) -> Owner | Repository | None:
    """The model, or whose models, an address names where its host answers as the Hub does; None where it does not.

    Raises:
        SourceError: there is no answer, or not now.
    """
    hub = hub_at(url)
    repository = repository_at(url, hub)
    if repository is not None:
        answer = await fetcher.get(httpx.URL(f"{hub.base}/api/models/{repository.name}"))
        told = parse_json(answer.body, "the answer") if answer.status == 200 else None
        is_one = isinstance(told, dict) and text_at(told, "id", "modelId").lower() == repository.name.lower()
        return repository if is_one else None
    owner = owner_at(url, hub)
    page = None if owner is None else await ask_owner(fetcher, hub, owner, "")
    return owner if page is not None and page.given else None


_NO_OWNERS = frozenset(
    {"api", "blog", "brand", "chat", "collections", "contact", "datasets", "docs", "enterprise", "inference",
     "join", "jobs", "kernels", "learn", "login", "models", "new", "notifications", "organizations", "papers", "posts",
     "pricing", "privacy", "search", "security", "settings", "spaces", "storage", "support", "tasks",
     "terms-of-service", "welcome"}
)  # fmt: skip


async def ask_owner(fetcher: Fetcher, hub: Hub, owner: Owner, after: str) -> Page[str] | None:
    """One page of the names of somebody's models; None where the host does not list models as the Hub does.

    Args:
        after: the cursor of the page; empty for the first.

    Raises:
        SourceError: there is no answer, or not now.
    """
    query = f"author={quote(owner.name, safe='')}&limit={_PER_PAGE}"
    url = httpx.URL(f"{hub.base}/api/models?{query}")
    answer = await fetcher.get(url.copy_merge_params({"cursor": after}) if after else url)
    if answer.status in _NOT_NOW:
        raise AwayError(f"{shown(url.host)} answers with status {answer.status}: it wants to be asked later")
    if answer.status != 200:
        return None
    told = parse_json(answer.body, "the list of models")
    names = [text_at(one, "id", "modelId") for one in told if isinstance(one, dict)] if isinstance(told, list) else None
    if names is None or (told and not any("/" in name for name in names)):
        return None
    own = [name for name in dict.fromkeys(names) if _is_of(name, owner)]
    return Page(own, _cursor_in(answer.next, url))


def read_owner(
    owner: Owner, kind: Kind | None, hub: Hub, bounds: FetchBounds = BOUNDS, *, after: str = "", tell: Tell = untold
) -> Iterator[Finding]:
    """What the repositories of an organisation or a person hold, each as by its own address.

    Args:
        after: the cursor to go on at. tell: is told how far it is.

    Raises:
        CutShortError: the Hub stopped answering in the middle. SourceError: it lists no models of that name.
    """
    base = httpx.URL(hub.base)
    read, cursor = 0, after
    told: set[str] = set()  # a list that grows while it is read gives the last of a page again
    where = f"{hub.base}/{owner.name}"

    with Talk(base, bounds) as talk:
        first = talk.ask(lambda fetcher: ask_owner(fetcher, hub, owner, after))
        if first is None or not (first.given or first.cursor or after):
            raise SourceError(f"{safe_text(where, 120)} has no models that everybody may see: check the name")
        pages = pages_after(
            first, lambda at: talk.ask(lambda fetcher: ask_owner(fetcher, hub, owner, at)), after, bounds.pages
        )
        for page in pages:
            for name in [name for name in page.given if name not in told]:
                told.add(name)
                so_far = f"{plural(read, 'model')} of {shown(owner.name)} read"
                tell(f"{so_far}, asking for {shown(name)}")
                try:
                    yield from read_repository(Repository(name), kind, hub, bounds)
                except AwayError as error:
                    raise CutShortError(error.sentence, read, cursor) from None
                except SourceError as error:
                    problem = Problem("", "error", "source", error.sentence)
                    yield Finding(f"{hub.base}/{name}", kind, None, (problem,))
                read += 1
            cursor = page.cursor


# A page is where a run that broke goes on.
_PER_PAGE = 20
_NOT_NOW = frozenset((429, 500, 502, 503, 504))


def _is_of(name: str, owner: Owner) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(map(_NAME.fullmatch, parts)) and parts[0].lower() == owner.name.lower()


def _cursor_in(link: str, url: httpx.URL) -> str:
    """The cursor in the address of the next page; empty at the end of the list."""
    try:
        return read_url(str(url.join(link))).params.get("cursor", "") if link else ""
    except (httpx.InvalidURL, ValueError):
        return ""


def read_repository(repository: Repository, kind: Kind | None, hub: Hub, bounds: FetchBounds = BOUNDS) -> list[Finding]:
    """What a repository holds: one model, or the GGUF file that its address named.

    Raises:
        SourceError: the Hub has no such model, or does not answer.
    """
    base = httpx.URL(hub.base)

    async def ask(fetcher: Fetcher) -> list[Finding]:
        with TemporaryDirectory(prefix="tui-registry-") as place:
            return [await _Asked(fetcher, hub, repository, bounds).finding(Path(place), kind)]

    return fetched(base, ask, bounds)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", re.ASCII)
# One file, or one in a folder: nothing that could lead out of ours.
_FILE = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._+-]{0,120}/)?[A-Za-z0-9_-][A-Za-z0-9._+-]{0,180}", re.ASCII)


class _Asked:
    """One repository, while it is being asked."""

    def __init__(self, fetcher: Fetcher, hub: Hub, repository: Repository, bounds: FetchBounds) -> None:
        self._fetcher = fetcher
        self._hub = hub
        self._of = repository
        self._bounds = bounds
        self._notes: list[str] = []
        self._in_part = False

    async def finding(self, place: Path, kind: Kind | None) -> Finding:
        """What is there, read in a folder of our own."""
        told = await self._told()
        source = self._place()
        folder = place / self._of.name.partition("/")[2]
        folder.mkdir()
        names = _files_in(told)
        if self._of.file.lower().endswith(".gguf"):
            return await self._one_gguf(
                told, folder, f"{self._hub.base}/{self._of.name}/blob/{self._of.revision}/{self._of.file}", kind
            )
        await self._fetch_all((*SMALL, *INDEXES, PYTORCH_INDEX), names, folder)
        part = encoder_of(folder)
        if part:
            # Earlier models of sentence-transformers keep their encoder in a folder of its own
            (folder / part).mkdir(exist_ok=True)
            await self._fetch_all([f"{part}/{name}" for name in (*SMALL, *INDEXES)], names, folder)
        await self._lay_down(chosen_weights(folder, names), folder)

        def read() -> Draft:
            draft = read_model_folder(folder, is_copy=True)
            draft.source = source
            _say_repository(draft)
            _add_told(draft, told, names)
            for uri, digest, size in _weights_in(told):
                draft.behind.add_file(uri, size=size, sha256=digest)
            draft.behind.put("repository_url", self._repository())
            draft.note_unplaced([_where(source, told, is_public=bool(self._repository()))])
            for note in self._notes:
                draft.note(note)
            draft.in_part = self._in_part
            return draft

        return finding_of(read, source, kind)

    def _place(self) -> str:
        base = f"{self._hub.base}/{self._of.name}"
        return base if self._of.revision == "main" else f"{base}/tree/{self._of.revision}"

    def _repository(self) -> str:
        """The repository's address, where everybody can reach it."""
        return public_address(self._place())

    async def _told(self) -> Mapping[str, Json]:
        """What the Hub says of the repository: its files, and what it counted itself."""
        revision = "" if self._of.revision == "main" else f"/revision/{quote(self._of.revision, safe='')}"
        answer = await self._fetcher.get(httpx.URL(f"{self._hub.base}/api/models/{self._of.name}{revision}?blobs=true"))
        where = f"{self._hub.base}/{self._of.name}"
        if answer.status in (401, 403, 404):
            raise SourceError(f"{where} is not there, or not for everybody to see")
        if answer.status != 200:
            sentence = f"{where} cannot be asked: the Hub answers with status {answer.status}"
            raise AwayError(sentence) if answer.status in _NOT_NOW else SourceError(sentence)
        told = parse_object(answer.body, "the Hub's answer")
        if told.get("gated"):
            self._notes.append("the files are given only to those who agreed to its terms: what is open was read")
        return told

    # ---- files

    async def _one_gguf(self, told: Mapping[str, Json], folder: Path, source: str, kind: Kind | None) -> Finding:
        name = self._of.file.rpartition("/")[2]
        if _FILE.fullmatch(name) is None:
            raise SourceError(f"{shown(name)} is no name of a file that can be read here")
        split = split_of(self._of.file, ".gguf")
        parts = split.parts() if split is not None and 1 < split.total <= _MOST_PARTS else [self._of.file]
        for part in parts:
            await lay_down(self._piece, self._address(part), folder / part.rpartition("/")[2])
        await self._fetch(CARD, folder)
        above = self._of.file.removesuffix(name)

        def lies_at(draft: Draft) -> None:
            digests = {uri: digest for uri, digest, _ in _weights_in(told)}
            draft.behind.move_files(lambda uri: above + uri, lambda uri: digests.get(above + uri))
            draft.behind.put("repository_url", self._repository())

        return replace(read_weights_file(folder / name, "gguf", kind, lies_at), source=source)

    async def _fetch_all(self, wanted: Sequence[str], names: Collection[str], folder: Path) -> None:
        for name in wanted:
            if name in names:
                await self._fetch(name, folder)

    async def _fetch(self, name: str, folder: Path) -> None:
        """Copy a small file; one that cannot be had is a note."""
        try:
            answer = await self._get_file(name)
        except AwayError:
            raise  # half a description is none
        except SourceError as error:
            self._notes.append(f"{name} was not read: {error.sentence}")
            return
        if answer.status in _NOT_NOW:
            raise AwayError(f"{self._hub.base}/{self._of.name}: the Hub answers {name} with status {answer.status}")
        if answer.status == 200:
            (folder / name).write_bytes(answer.body)
        elif answer.status != 404:
            self._notes.append(f"{name} was not read: the Hub answers with status {answer.status}")

    async def _lay_down(self, names: list[str], folder: Path) -> None:
        if len(names) > _MOST_PARTS:
            self._notes.append(f"the weights are {exact(len(names))} files: what the Hub says of them was taken")
            return
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            try:
                await lay_down(self._piece, self._address(name), folder / name)
            except SourceError as error:
                # The others would end the same way, and the Hub counted for itself
                self._in_part = isinstance(error, AwayError)
                self._notes.append(f"the headers of the weights were not read: {error.sentence}")
                return

    def _address(self, name: str) -> httpx.URL:
        revision = quote(self._of.revision, safe="")
        return httpx.URL(f"{self._hub.base}/{self._of.name}/resolve/{revision}/{quote(name)}")

    async def _get_file(self, name: str) -> Answer:
        return await self._followed(self._address(name), lambda fetcher, url: fetcher.get(url))

    async def _piece(self, url: httpx.URL, start: int, count: int) -> Answer:
        return await self._followed(url, lambda fetcher, url: fetcher.piece(url, start, count))

    async def _followed(self, url: httpx.URL, ask: Callable[[Fetcher, httpx.URL], Awaitable[Answer]]) -> Answer:
        """What a file's address gives, or the address that it leads to at a host of the Hub's."""
        try:
            return await ask(self._fetcher, url)
        except ElsewhereError as error:
            target = self._allowed(error)
            async with Fetcher(target, self._bounds) as fetcher:
                return await ask(fetcher, target)

    def _allowed(self, error: ElsewhereError) -> httpx.URL:
        """Where a download leads to, if that is a host of the Hub's."""
        target = httpx.URL(error.target)
        if target.scheme == httpx.URL(self._hub.base).scheme and target.host.endswith(self._hub.files):
            return target
        raise error


# ---- what the Hub says


def _files_in(told: Mapping[str, Json]) -> list[str]:
    """The files of the repository that could be read here, by name."""
    named = [one.get("rfilename") for one in objects_at(told, "siblings")]
    return sorted(name for name in named if isinstance(name, str) and _FILE.fullmatch(name))


def _where(source: str, told: Mapping[str, Json], *, is_public: bool) -> str:
    """Where the model lies, as far as its manifest does not tell it."""
    commit = text_at(told, "sha")
    at = f"commit {shown(commit, 40)}" if commit else ""
    return at if is_public else ", ".join(part for part in (f"its place {safe_text(source, 120)}", at) if part)


def _weights_in(told: Mapping[str, Json]) -> Iterator[tuple[str, str | None, int | None]]:
    """The files of weights, with the SHA-256 and the size in bytes that the Hub tells of each."""
    for one in objects_at(told, "siblings"):
        name, large = text_at(one, "rfilename"), object_at(one, "lfs")
        if not holds_weights(PurePosixPath(name)):
            continue
        digest, size = text_at(large, "sha256", "oid").removeprefix("sha256:"), large.get("size", one.get("size"))
        yield name, digest or None, size if is_whole(size) and 0 <= size < 2**63 else None


def _say_repository(draft: Draft) -> None:
    """Say `repository` where the draft says `folder`: the files lie in a temporary folder that nobody else knows."""
    for path, words in draft.origins.items():
        draft.origins[path] = words.replace("the folder's name", "the repository's name")
    draft.notes[:] = [note.replace("in the folder", "in the repository") for note in draft.notes]


def _add_told(draft: Draft, told: Mapping[str, Json], names: list[str]) -> None:
    """Where no header was read, the parameters that the Hub counted itself."""
    # Where the card names no task, the Hub finds one, by more than is read here
    task = told.get("pipeline_tag")
    if isinstance(task, str) and IN_CARD not in draft.origins.get("model_type", ""):
        draft.replace("model_type", type_of_task(task), f"pipeline_tag {shown(task)}, as the Hub tells it")
    safetensors, gguf = told.get("safetensors"), told.get("gguf")
    if isinstance(safetensors, dict) and not draft.has("parameters"):
        draft.put("parameters", _count(safetensors.get("total")), "what the Hub counted in the safetensors")
        dtypes = safetensors.get("parameters")
        counted = dtypes.items() if isinstance(dtypes, dict) else ()
        quantization = of_dtypes({name: number for name, value in counted if (number := _count(value))})
        put_quantization(draft, quantization, "the dtype that the Hub counted most")
    if isinstance(gguf, dict):
        draft.put("parameters", _count(gguf.get("total")), "what the Hub read in a GGUF file")
        draft.put("context_length", _count(gguf.get("context_length")), "what the Hub read in a GGUF file")
        files = sum(name.lower().endswith(".gguf") for name in names)
        draft.note(
            f"it has {exact(files)} GGUF files: import the address of one for its quantisation and what it needs"
        )
    if "Hub" in draft.origins.get("parameters", ""):
        draft.notes[:] = [note for note in draft.notes if not note.startswith(_SAID_WITHOUT_HEADERS)]
        put_requirements(draft, None, "")


# Notes of a folder without weights that are not true any more once the Hub's own count was taken.
_SAID_WITHOUT_HEADERS = ("nothing tells the size", "there are no safetensors", "none of the files that the index names")


def _count(value: Json) -> int | None:
    return value if is_whole(value) and 0 < value < 2**63 else None
