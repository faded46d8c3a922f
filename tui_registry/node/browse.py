"""The pages on which people look at the records of a node: a search, a record in full, its history, and each version as
it was. They say what the app says, in the same words.

What is the operator's own is told to nobody here: names of owners, saved searches, who an operation came from.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import tui_registry
from tui_registry.datastore import Datastore, Entry, HistoryEntry, ManifestEntry, Page, Row, StoreError, Versions
from tui_registry.errors import KINDS, Json, Kind, Problem, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.node.limits import MAX_QUESTION_TEXT, PAGE, NodeBounds
from tui_registry.node.page_frame import BROWSE, HEADERS, page, shown
from tui_registry.node.queues import Queues
from tui_registry.node.requests import etag_of, is_held, parameters
from tui_registry.node.responses import NodeError, of_error
from tui_registry.node.routes import NodeRoute
from tui_registry.present import settling
from tui_registry.present.amounts import moment
from tui_registry.present.deeds import standing
from tui_registry.present.manifest_rows import manifest_rows, said_status, status_line
from tui_registry.present.record_rows import (
    Row as Shown,
    fact_rows,
    requirement_rows,
    signature_rows,
    time_rows,
    variant,
    warnings,
)
from tui_registry.present.version_words import ancestor_line, came, headline, letter, rows as rows_of, what_changed
from tui_registry.query import FIELDS, QueryError, with_term
from tui_registry.query.fields import SORTS
from tui_registry.records.manifests import is_followable
from tui_registry.records.merging import differing
from tui_registry.text import address_short, age, count_words, exact, moment_utc, plural

# Operations on a page of a history; and the characters of long texts that are compared for it, which takes 5 us each.
_HISTORY = 20
_COMPARED_IN_ALL = 60_000
_SIDE_BY_SIDE = 4
# Characters of a type or a licence in a list.
_CELL = 40
# Characters of a value beside the one that it differs from.
_COMPARED = 200
_ID = re.compile(r"(?:0x)?[0-9a-f]{1,64}", re.ASCII | re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
# What a browser is led to of all that may be followed.
_WEB = re.compile(r"https?://")
_PLACE = re.compile(r"[0-9]{1,18}", re.ASCII)
# A peer's name may begin with a digit; what does is an address.
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


def browse_routes(datastore: Datastore, queues: Queues, bounds: NodeBounds) -> list[NodeRoute]:
    """`/`, which leads to `/browse`; and under that `models/{id}`, `models/{id}/history` and
    `models/{id}/versions/{hash}`; the same for agents."""
    search = _Search(datastore, queues, bounds)
    found = [("/", search.lead), (BROWSE, search.answer)]
    for kind in KINDS:
        at, records = f"{BROWSE}/{kind}s", _Records(datastore, queues, kind)
        found += [
            (at, records.lead),
            (f"{at}/{{record_id}}", records.show),
            (f"{at}/{{record_id}}/history", records.history),
            (f"{at}/{{record_id}}/versions/{{version}}", records.version),
        ]
    return [NodeRoute(path, endpoint) for path, endpoint in found]


class _Place(NamedTuple):
    """Where a page is: what stands before the node's paths, the node's address for others, and the time."""

    root: str
    url: str
    now: int

    def search(self, **asked: str | None) -> str:
        """The address of a search, as an attribute's value."""
        return _attribute(f"{self.root}{BROWSE}", {name: value for name, value in asked.items() if value})

    def record(self, kind: Kind, identifier: str, below: str = "", **asked: str) -> str:
        """The address of a record's page, likewise; `identifier` and `below` need no escaping in a path."""
        return _attribute(f"{self.root}{BROWSE}/{kind}s/{identifier}{below}", asked)


def _place(request: Request) -> _Place:
    root = request.scope.get("root_path", "")
    # One there is, and a name or an address: others are not let in.
    host = request.headers["host"].lower()
    return _Place(root, f"{request.scope['scheme']}://{host}{root}", int(time.time()))


def _attribute(path: str, asked: Mapping[str, str]) -> str:
    return shown(f"{path}?{urlencode(asked)}" if asked else path)


class _Told(NamedTuple):
    """What a page says: its title as text, its body as HTML."""

    title: str
    body: str
    status: int = 200


def _answer(request: Request, told: _Told, place: _Place) -> Response:
    """A page, or that the caller has it. It has to be asked for again: any write may be the next."""
    content = page(told.title, told.body, place.root).encode()
    headers = {"etag": etag_of(content), "cache-control": "no-cache"}
    if told.status == 200 and is_held(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(content, told.status, {**HEADERS, **headers})


# A search


class _Question(NamedTuple):
    query: str
    kind: Kind | None
    sort: str
    cursor: str | None


class _Search:
    def __init__(self, datastore: Datastore, queues: Queues, bounds: NodeBounds) -> None:
        self._datastore = datastore
        self._queues = queues
        self._bounds = bounds

    async def lead(self, request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '')}{BROWSE}", 303)

    async def answer(self, request: Request) -> Response:
        parameters(request, "q", "kind", "sort", "cursor")
        asked, place = _question(request.query_params), _place(request)
        title = f"{asked.query} - tui-registry node" if asked.query else "The records of a tui-registry node"
        try:
            body = await self._queues.search(request.scope["client"], self._found, asked, place)
        except RegistryError as error:
            if error.code not in _MENDED:
                raise
            # Whoever asked may ask in other words: they are still there.
            refusal = of_error(error)
            refused = page(title, f"{_head(asked, place)}{_refused(error, asked, place)}", place.root)
            told = {name: value for name, value in refusal.headers.items() if name == "retry-after"}
            return HTMLResponse(refused, refusal.status_code, {**HEADERS, **told})
        return _answer(request, _Told(title, body), place)

    def _found(self, asked: _Question, place: _Place) -> str:
        found = self._datastore.search(
            asked.query,
            kind=asked.kind,
            sort=asked.sort or None,
            limit=PAGE,
            cursor=asked.cursor,
            whole=True,
            own_names=False,
            work=self._bounds.search_work,
        )
        notes = "".join(f'<p class="note">{shown(note)}</p>' for note in found.notes)
        listed = _list(asked, found, place) if found.rows else self._nothing(asked, found, place)
        return f"{_head(asked, place)}{notes}{listed}{_ways(asked, found, place)}{_as_peer(place)}"

    def _nothing(self, asked: _Question, found: Page, place: _Place) -> str:
        """What is said where nothing is found, in the words of the command line."""

        def again(query: str, text: str) -> str:
            return f'<a href="{place.search(q=query, kind=asked.kind, sort=asked.sort)}">{shown(text, 120)}</a>'

        if asked.cursor:
            return "<p>There is nothing on this page any more.</p>"
        if not asked.query:
            others = self._datastore.stats().records
            return f"<p>{'No records of this kind here.' if others else 'No records here yet.'}</p>"
        said = "<p>Nothing found."
        if found.did_you_mean is not None:
            said += f" Did you mean: {again(found.did_you_mean, found.did_you_mean)}"
        said += "</p>"
        if found.near:
            names = ", ".join(again(with_term("", "name", name), name) for name in found.near)
            said += f"<p>The nearest names: {names}</p>"
        return said


# What a person mends by other words: a query that cannot be read, and one that takes too much work.
_MENDED = frozenset(("query", "interrupted"))
_BY_KIND: dict[str, Kind] = {"model": "model", "agent": "agent"}
# Each order -> in words.
_ORDERS = {
    "": "best match, or last updated",
    **{
        f"{sign}{key}": words[bool(sign)] for key, words in SORTS.items() if key != "relevance" for sign in ("", "-")
    },
}  # fmt: skip


def _question(given: Mapping[str, str]) -> _Question:
    """What is asked; a field of the form that was left empty asks nothing.

    Raises:
        NodeError: `parameter`.
    """
    query, kind, sort, cursor = (given.get(name, "") for name in ("q", "kind", "sort", "cursor"))
    if max(len(query), len(cursor)) > MAX_QUESTION_TEXT:
        raise NodeError("parameter", f"a query has at most {MAX_QUESTION_TEXT:,} characters")
    if kind and kind not in _BY_KIND:
        raise NodeError("parameter", "`kind` is model or agent, or left out for both")
    if sort not in _ORDERS:
        raise NodeError("parameter", f"`sort` is one of {', '.join(filter(None, _ORDERS))}, or left out")
    return _Question(query, _BY_KIND.get(kind), sort, cursor or None)


def _head(asked: _Question, place: _Place) -> str:
    """The title, and the form as it was filled in."""

    def options(named: Mapping[str, str], chosen: str) -> str:
        return "".join(
            f'<option value="{value}"{" selected" if value == chosen else ""}>{shown(words)}</option>'
            for value, words in named.items()
        )

    kinds = {"": "models and agents", "model": "models", "agent": "agents"}
    return (
        f'<h1>Models and agents</h1><form method="get" action="{place.search()}" role="search">'
        f'<label><input type="search" name="q" value="{shown(asked.query)}" maxlength="{MAX_QUESTION_TEXT}" '
        'aria-label="Search" placeholder="llama params:&lt;=8b license:apache-2.0"></label>'
        f'<select name="kind" aria-label="Kind">{options(kinds, asked.kind or "")}</select>'
        f'<select name="sort" aria-label="Order">{options(_ORDERS, asked.sort)}</select>'
        f'<button>Search</button> <a href="{shown(place.root)}/docs#queries">How to search</a></form>'
    )


def _refused(error: RegistryError, asked: _Question, place: _Place) -> str:
    said = f'<p class="warn">{shown(error.sentence)}'
    if isinstance(error, QueryError) and asked.query:
        said += f" (at character {error.position + 1})"
        corrected = error.corrected(asked.query)
        if corrected is not None:
            to = place.search(q=corrected, kind=asked.kind, sort=asked.sort)
            said += f': try <a href="{to}">{shown(corrected)}</a>'
    return f"{said}</p>"


def _list(asked: _Question, found: Page, place: _Place) -> str:
    total = f"{'' if found.exact else 'more than '}{plural(found.total, asked.kind or 'record')}"
    titles = ("Name", "Kind", "Type", "Size", "Licence", "Updated", "Owner")
    heads = "".join(f"<th>{title}</th>" for title in titles)
    lines = "".join(_line(row, place) for row in found.rows)
    table = f'<table class="records"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>'
    return f'<p class="soft">{total}</p>{table}'


def _line(row: Row, place: _Place) -> str:
    status = said_status(row.status)
    remarks = [f"<bdi>{shown(status)}</bdi>"] if status is not None else []
    remarks += [f"conflict: {row.heads} versions"] if row.heads > 1 else []
    remarks += [f"conflict: {row.manifest_heads} versions of its manifest"] if row.manifest_heads > 1 else []
    remarks += ["dated in the future"] if row.future else []
    name = f'<a href="{place.record(row.kind, row.id)}">{_name(row.name)}</a>'
    cells = [
        name + "".join(f' <b class="warned">{remark}</b>' for remark in remarks),
        row.kind,
        f"<bdi>{shown(row.type, _CELL)}</bdi>",
        count_words(row.parameters) if row.parameters else "-",
        f"<bdi>{shown(row.license, _CELL)}</bdi>",
        f'<time title="{moment_utc(row.updated_at)}">{age(place.now - row.updated_at)}</time>',
        f'<a class="hash" href="{place.search(q=with_term("", "owner", row.owner))}">{address_short(row.owner)}</a>',
    ]
    dimmed = "" if status is None else ' class="soft"'
    return f"<tr{dimmed}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _name(name: str) -> str:
    """A record's name: another's, and so its direction is its own."""
    return f"<bdi>{shown(name, 200) or '(no name)'}</bdi>"


def _ways(asked: _Question, found: Page, place: _Place) -> str:
    """The way to the next page, the first one, and the same for programs."""
    links = []
    if asked.cursor:
        links.append(f'<a href="{place.search(q=asked.query, kind=asked.kind, sort=asked.sort)}">First page</a>')
    if found.next is not None:
        to = place.search(q=asked.query, kind=asked.kind, sort=asked.sort, cursor=found.next)
        links.append(f'<a rel="next" href="{to}">Next page</a>')
    for kind in KINDS if asked.kind is None else (asked.kind,):
        given = {"q": asked.query, "sort": asked.sort}
        to = _attribute(f"{place.root}/{kind}s", {name: value for name, value in given.items() if value})
        links.append(f'<a href="{to}">{kind.capitalize()}s as JSON</a>')
    return f'<nav class="links">{" ".join(links)}</nav>'


def _as_peer(place: _Place) -> str:
    """How the registry comes to whoever reads this: the very command lines."""
    host = place.url.partition("://")[2].partition("/")[0].partition(":")[0]
    label = host.partition(".")[0]
    name = label if _LABEL.fullmatch(label) and label != "localhost" else "node"
    return (
        '<footer><h2 id="peer">Add this node as a peer</h2><p>With tui-registry on your machine these two lines bring '
        "a copy of this registry. Nobody has to trust this node: every operation proves its own author.</p>"
        f"<pre>tui-registry peer add {name} {shown(place.url)}\ntui-registry sync {name}</pre>"
        f"<p>tui-registry {shown(tui_registry.__version__)}</p></footer>"
    )


# One record


class _Asked(NamedTuple):
    """A record, an operation of it by the beginning of its hash, and where in the log its history goes on."""

    record_id: str
    version: str
    before: str | None
    place: _Place


class _Records:
    def __init__(self, datastore: Datastore, queues: Queues, kind: Kind) -> None:
        self._datastore = datastore
        self._queues = queues
        self._kind: Kind = kind

    async def lead(self, request: Request) -> Response:
        parameters(request)
        return RedirectResponse(f"{request.scope.get('root_path', '')}{BROWSE}?kind={self._kind}", 303)

    async def show(self, request: Request) -> Response:
        parameters(request)
        asked = self._asked(request)
        told = await self._queues.read(request.scope["client"], self._shown, asked)
        return _answer(request, told, asked.place)

    async def history(self, request: Request) -> Response:
        parameters(request, "before")
        asked = self._asked(request)
        if asked.before is not None and not _PLACE.fullmatch(asked.before):
            raise NodeError("parameter", "`before` is a place in the log: follow the links of the page")
        # Long texts are compared for it.
        told = await self._queues.search(request.scope["client"], self._history, asked)
        return _answer(request, told, asked.place)

    async def version(self, request: Request) -> Response:
        parameters(request)
        asked = self._asked(request)
        told = await self._queues.read(request.scope["client"], self._version, asked)
        return _answer(request, told, asked.place)

    def _asked(self, request: Request) -> _Asked:
        given, path = request.query_params, request.path_params
        return _Asked(path["record_id"], path.get("version", ""), given.get("before"), _place(request))

    # How: in a thread

    def _find(self, asked: _Asked, *, deleted: bool = False) -> str:
        if not _ID.fullmatch(asked.record_id):
            sentence = f"'{asked.record_id[:80]}' is not an id: an id is up to 64 hex digits, {BROWSE} lists them"
            raise NodeError("not_found", sentence)
        return self._datastore.find(asked.record_id, self._kind, deleted=deleted, by_name=False)[1]

    def _shown(self, asked: _Asked) -> _Told:
        try:
            entry = self._datastore.entry(self._find(asked), self._kind)
        except StoreError as error:
            if error.code != "not_found":
                raise
            return self._deleted(asked, error)
        if entry is None:  # deleted since it was found
            raise NodeError("not_found", f"there is no {self._kind} with that id")
        entry = _unmarked(entry)
        versions = self._datastore.versions(entry.id) if len(entry.live_heads) > 1 else None
        behind = self._datastore.manifests.get(entry.id)
        place, record = asked.place, entry.record
        told = [*_said_by(behind), *warnings(entry, place.now)]
        warned = "".join(f'<p class="warn">{shown(warning)}</p>' for warning in told)
        body = (
            _titled(self._kind, record)
            + self._links(entry, place)
            + warned
            + _description(record)
            + _problems(entry.problems)
            + (_conflict(versions, place) if versions is not None and len(versions.live) > 1 else "")
            + self._facts(record, place)
            + self._manifest(behind, place)
            + _signature(entry, place)
            + _formfile(record)
            + _as_peer(place)
        )
        return _Told(_title(self._kind, record), body)

    def _deleted(self, asked: _Asked, error: StoreError) -> _Told:
        """What is said of a record that is not there any more: what became of it is to be seen.

        Raises:
            StoreError: it never was.
        """
        try:
            identifier = self._find(asked, deleted=True)
        except StoreError:
            raise error from None
        links = {asked.place.record(self._kind, identifier, "/history"): "It was deleted: its history"}
        return _Told("Not Found", f"<h1>Not Found</h1><p>{shown(error.sentence)}</p>{_nav(links)}", 404)

    def _links(self, entry: Entry, place: _Place) -> str:
        links = {
            place.record(self._kind, entry.id, "/history"): "History",
            place.search(q=with_term("", "owner", str(entry.record["owner_id"]))): "All of this owner",
            shown(f"{place.root}/{self._kind}s/{entry.id}"): "As JSON",
        }
        if self._kind == "model":
            to = place.search(q=with_term("", "model", entry.id), kind="agent")
            links = {to: "Agents that prefer this model", **links}
        return _nav(links)

    def _history(self, asked: _Asked) -> _Told:
        identifier = self._find(asked, deleted=True)
        before = None if asked.before is None else int(asked.before)
        found = self._datastore.history(identifier, limit=_HISTORY + 1, before=before)
        entries, place = found[:_HISTORY], asked.place
        if not entries:
            raise NodeError("not_found", "the history of this record has no earlier operations: it begins after that")
        listed = "".join(
            _operation(entry, changes, self._kind, identifier, place)
            for entry, changes in zip(entries, _changes(entries), strict=True)
        )
        record = next((entry.record or entry.before for entry in entries if entry.record or entry.before), None)
        name = _name(str(record["name"])) if record is not None else identifier[:12]
        links = {place.record(self._kind, identifier): "The record"} if not entries[0].is_gone else {}
        if before is not None:
            links[place.record(self._kind, identifier, "/history")] = "The last operations"
        if len(found) > _HISTORY:
            links[place.record(self._kind, identifier, "/history", before=str(entries[-1].place))] = (
                "Earlier operations"
            )
        body = (
            f"<h1>{name} <small>history</small></h1>"
            f'<p class="soft">{self._kind} <span class="hash">{identifier}</span>, the last arrived first</p>'
            f"{listed}{_nav(links)}"
        )
        return _Told("History - tui-registry node", body)

    def _version(self, asked: _Asked) -> _Told:
        identifier = self._find(asked, deleted=True)
        if not _ID.fullmatch(asked.version):
            raise NodeError("not_found", "an operation is named by the beginning of its hash: see the history")
        op, place = self._datastore.record_at(identifier, asked.version.lower()), asked.place
        who = came(*_public(op, place))
        back = {place.record(self._kind, identifier, "/history"): "History"}
        said = (
            f'<p class="note">{shown(settling.as_it_was(op, None, place.now))}<br>operation '
            f'<span class="hash">{op.hash}</span>: {op.did}, {shown(who)}</p>'
        )
        if op.record is None:
            return _Told("Deleted - tui-registry node", f"<h1>Deleted</h1>{said}{_nav(back)}")
        if not op.is_gone:
            back[place.record(self._kind, identifier)] = "As it is now"
        rest = self._facts(op.record, place) + _formfile(op.record)
        body = _titled(self._kind, op.record) + said + _description(op.record) + rest + _nav(back)
        return _Told(_title(self._kind, op.record), body)

    def _facts(self, record: Record, place: _Place) -> str:
        """What the record is, with a link to what else is so; and what it needs."""
        rows = [(row, self._fact(row, record, place)) for row in fact_rows(record)]
        rows += [(row, shown(row.text)) for row in time_rows(record, place.now)]
        return f"<h2>Record</h2>{_listed(rows)}<h2>Requirements</h2>{_requirements(record)}"

    def _fact(self, row: Shown, record: Record, place: _Place) -> str:
        value = record.get(row.path)
        if not row.stated or value is None:
            return f'<span class="soft">{shown(row.text)}</span>'
        if row.path == "preferred_models":
            return self._models(value, place)
        field, kind = _asked_by().get(row.path, ("", None))
        if not field:
            return f"<bdi>{shown(row.text)}</bdi>"
        return ", ".join(
            f'<a href="{place.search(q=with_term("", field, _raw(item)), kind=kind or self._kind)}">'
            f"<bdi>{shown(variant(item)) or '&nbsp;'}</bdi></a>"
            for item in (value if isinstance(value, list) else [value])
        )

    def _manifest(self, behind: ManifestEntry | None, place: _Place) -> str:
        """What stands behind the record."""
        if behind is None or behind.manifest is None:
            return ""
        rows = [(row, self._of_manifest(row, behind, place)) for row in manifest_rows(behind.manifest) if row.stated]
        return f'<h2 id="manifest">Manifest</h2>{_listed(rows)}'

    def _of_manifest(self, row: Shown, behind: ManifestEntry, place: _Place) -> str:
        """What a row says, with a link to the records that it names, or to an address that is one to follow."""
        name, _, number = row.path.rstrip("]").partition("[")
        value = (behind.manifest or {})[name]
        item = value[int(number)] if isinstance(value, list) and number else value
        if name == "status":
            to = place.search(q=with_term("", "status", _raw(item)))
            return f'<a href="{to}"><bdi>{shown(row.text)}</bdi></a>'
        if name not in ("superseded_by", "required_models") or not _HASH.fullmatch(row.text):
            return _with_address(row.text, item)
        # A digest by itself: the record may be of another kind than its author meant.
        found = next(iter(self._datastore.bodies([row.text])), None)
        if found is None:
            return f'<span class="hash">{row.text}</span> <span class="soft">({self._why_not(row.text)})</span>'
        return f'<a class="hash" href="{place.record(found.kind, row.text)}">{row.text}</a>'

    def _why_not(self, identifier: str) -> str:
        """Why there is no page of a record that is named."""
        known = self._datastore.links.look([identifier]).get(identifier)
        return "deleted here" if known is not None and known.presence == "deleted" else "not known here"

    def _models(self, named: Json, place: _Place) -> str:
        """The models that an agent prefers, by their names where they are here."""
        ids = [str(one) for one in (named if isinstance(named, list) else [])]
        bodies = self._datastore.bodies([one for one in dict.fromkeys(ids) if _HASH.fullmatch(one)])
        names = {body.id: str(json.loads(body.record)["name"]) for body in bodies if body.kind == "model"}

        def told(one: str) -> str:
            if one not in names:
                return f'<span class="hash">{shown(one)}</span> <span class="soft">({self._why_not(one)})</span>'
            return (
                f'<a href="{place.record("model", one)}">{_name(names[one])}</a> <span class="hash">{one[:12]}</span>'
            )

        return "<br>".join(map(told, ids))


@cache
def _asked_by() -> dict[str, tuple[str, Kind | None]]:
    """The field of the query language that finds a value, by the path where records have it; and the kind that has it,
    where it is another one."""
    found: dict[str, tuple[str, Kind | None]] = {
        path: (field.name, None) for field in FIELDS.values() if field.shape == "word" for path in field.paths if path
    }
    return {**found, "compatible_model_types": ("type", "model")}


def _raw(value: Json) -> str:
    """A name out of an enum, or an item of a list, as the record has it."""
    return str(value["Other"] if isinstance(value, dict) and "Other" in value else value)


def _with_address(text: str, item: Json) -> str:
    """A text, and the address in it, where it has one that a browser may be led to, as a link. Its owner chose it:
    whoever follows it tells nothing of where they come from."""
    named = [item.get(name) for name in ("uri", "url", "source")] if isinstance(item, dict) else [item]
    address = next((one for one in named if isinstance(one, str) and one in text and _WEB.match(one)), None)
    if address is None or not is_followable(address):
        return f"<bdi>{shown(text)}</bdi>"
    before, _, after = text.partition(address)
    link = f'<a href="{shown(address)}" rel="noreferrer nofollow">{shown(address)}</a>'
    return f"<bdi>{shown(before)}{link}{shown(after)}</bdi>"


def _said_by(behind: ManifestEntry | None) -> Iterator[str]:
    """What is to be known of a record before it is used, by its manifest."""
    if behind is None or behind.manifest is None:
        return
    said = status_line(behind.manifest, behind.kind)
    if said is not None:
        yield said
    if len(behind.live_heads) > 1:
        yield f"Conflict: {len(behind.live_heads)} versions of its manifest are live, and one of them is shown"


def _title(kind: Kind, record: Record) -> str:
    return f"{record['name']} - {kind} - tui-registry node"


def _titled(kind: Kind, record: Record) -> str:
    version = f"<small><bdi>{shown(str(record['version']), 64)}</bdi></small>"
    stated = {row.path: row.text for row in fact_rows(record) if row.stated}
    what = [stated[path] for path in (f"{kind}_type", "framework", "quantization", "license") if path in stated]
    told = " · ".join([kind, *(f"<bdi>{shown(text)}</bdi>" for text in what)])
    return f'<h1>{_name(str(record["name"]))} {version}</h1><p class="soft">{told}</p>'


def _description(record: Record) -> str:
    description = shown(str(record["description"]), newlines=True)
    return f'<p class="text" dir="auto">{description}</p>' if description else '<p class="soft">No description.</p>'


def _problems(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    title = "Warnings" if all(problem.severity == "warning" for problem in problems) else "Problems"
    lines = "".join(f"<li>{_problem(problem)}</li>" for problem in problems)
    return f"<h2>{title}</h2><ul>{lines}</ul>"


def _problem(problem: Problem) -> str:
    mild = "warning: " if problem.severity == "warning" else ""
    where = f"<code>{shown(problem.path, 80)}</code>: " if problem.path else ""
    return f"{mild}{where}{shown(problem.sentence, 400)}"


def _listed(rows: Iterable[tuple[Shown, str]]) -> str:
    """Rows, each with its text as HTML."""
    return f"<dl>{''.join(f'<dt>{shown(row.label)}</dt><dd>{html}</dd>' for row, html in rows)}</dl>"


def _requirements(record: Record) -> str:
    """Minimum and recommended side by side, then what has no recommendation."""
    rows = {row.path: row for row in requirement_rows(record)}
    pairs = {path: path.replace(".min_", ".recommended_") for path in rows}
    pairs = {path: better for path, better in pairs.items() if better != path and better in rows}
    lines = "".join(
        f"<tr><td>{shown(rows[path].label)}</td><td>{shown(rows[path].text)}</td><td>{shown(rows[better].text)}</td></tr>"
        for path, better in pairs.items()
    )
    alone = [(row, shown(row.text)) for path, row in rows.items() if path not in pairs and path not in pairs.values()]
    table = (
        f"<table><thead><tr><th></th><th>Minimum</th><th>Recommended</th></tr></thead><tbody>{lines}</tbody></table>"
    )
    return f"{table}{_listed(alone) if alone else ''}"


def _signature(entry: Entry, place: _Place) -> str:
    # Whose key it is the operator may have named, and that is nobody else's business.
    owner = str(entry.record["owner_id"])
    linked = f'<a class="hash" href="{place.search(q=with_term("", "owner", owner))}">0x{shown(owner)}</a>'
    rows = []
    for row in signature_rows(entry):
        if row.path == "owner_id":
            rows.append((row, f"{linked}{', the key of this node' if entry.mine else ''}"))
        elif row.text in entry.live_heads:
            to = place.record(entry.kind, entry.id, f"/versions/{row.text}")
            rows.append((row, f'<a class="hash" href="{to}">{row.text}</a>'))
        else:
            rows.append(
                (row, f'<span class="hash">{shown(row.text)}</span>' if row.text == entry.id else shown(row.text))
            )
    caution = '<p class="soft">A valid signature says which key signed, not whose that key is.</p>'
    return f"<h2>Signature</h2>{_listed(rows)}{caution}"


def _formfile(record: Record) -> str:
    template = shown(str(record["formfile_template"]).rstrip("\n"), newlines=True)
    return f"<h2>Formfile template</h2><pre>{template}</pre>" if template.strip() else ""


def _nav(links: Mapping[str, str]) -> str:
    """Links: address, safe as an attribute -> words."""
    return f'<nav class="links">{" ".join(f"""<a href="{to}">{words}</a>""" for to, words in links.items())}</nav>'


# Versions and operations


def _unmarked(entry: Entry) -> Entry:
    """A record without whose name its name looks like, which depends on what the operator named and on what came here
    first, and without what domains he asked."""
    return entry._replace(like=None, said_by=())


def _public(op: HistoryEntry, place: _Place) -> tuple[HistoryEntry, int, Mapping[str, str]]:
    """An operation without what is the operator's own: who it came from, and what he calls its owner. For `came`."""
    names = {op.actor: "this node's key"} if op.mine else {}
    return op._replace(mine=False, source="", arrived_at=op.arrived_at or 0), place.now, names


def _conflict(versions: Versions, place: _Place) -> str:
    """Each version, and what differs."""

    def linked(op: HistoryEntry) -> str:
        to = place.record(versions.kind, versions.id, f"/versions/{op.hash}")
        return f'<a class="hash" href="{to}">{op.hash[:12]}</a>'

    live, ancestor = versions.live[:_SIDE_BY_SIDE], versions.ancestor
    lines = [f"{shown(headline(at, *_public(op, place)))} {linked(op)}" for at, op in enumerate(live)]
    more = len(versions.live) + versions.more - len(live)
    lines += [f"and {plural(more, 'more version')}: the history has them all"] if more else []
    if ancestor is None:
        lines.append(shown(ancestor_line(None, place.now, {})))
    else:
        lines.append(f"{shown(ancestor_line(*_public(ancestor, place)))} {linked(ancestor)}")
    told = "".join(f"<li>{line}</li>" for line in lines)
    return (
        f'<h2 id="versions">Versions</h2><ul>{told}</ul><p>They differ in {shown(settling.differ_in(versions))}.</p>'
        f"{''.join(_side_by_side(versions, len(live)))}"
    )


def _side_by_side(versions: Versions, columns: int) -> Iterator[str]:
    found_in = settling.differences(versions)
    differences = [rows_of(found._replace(values=found.values[:columns]), _COMPARED) for found in found_in]
    if not differences:
        return
    before = any(found.base is not None for found in differences)
    titles = ["", *(["Before"] if before else []), *(f"Version {letter(at)}" for at in range(columns))]
    yield f'<div class="wide"><table><thead><tr>{"".join(f"<th>{title}</th>" for title in titles)}</tr></thead><tbody>'
    for found in differences:
        cells = [*([found.base] if before else []), *found.values]
        texts = "".join(f"<td><bdi>{'-' if cell is None else shown(cell.text)}</bdi></td>" for cell in cells)
        yield f"<tr><th>{shown(found.label)}</th>{texts}</tr>"
    yield "</tbody></table></div>"


def _changes(ops: Iterable[HistoryEntry]) -> Iterator[list[str]]:
    """What each operation changed; where there is too much to compare, in which fields."""
    left = _COMPARED_IN_ALL
    for op in ops:
        found = [] if op.before is None or op.record is None else differing(None, [op.before, op.record])
        size = sum(len(str(value)) for difference in found if difference.shape == "text" for value in difference.values)
        if size > left:
            yield [f"changed {settling.fields(difference.path for difference in found)}"]
        else:
            left -= size
            yield what_changed(op)


def _operation(op: HistoryEntry, changed: Iterable[str], kind: Kind, identifier: str, place: _Place) -> str:
    """What an operation did, how it stands, when it was written and by whom, and what changed from what to what."""
    stands = standing(op)
    changes = "".join(f"<li>{shown(change)}</li>" for change in changed)
    to = place.record(kind, identifier, f"/versions/{op.hash}")
    return (
        f"<h3>{op.did}{f' <small>{stands}</small>' if stands else ''}</h3>"
        f'<p class="soft">{moment(op.updated_at, place.now)}<br>{shown(came(*_public(op, place)))}, clock '
        f'{exact(op.clock)}, <a class="hash" href="{to}">{op.hash[:12]}</a></p>'
        f"{f'<ul>{changes}</ul>' if changes else ''}"
    )
