"""A node's records, read and written from afar: `connect`, with the verbs of the Datastore.

    with connect("https://registry.example:8420", token) as registry:
        for entry in registry.entries("llama license:apache-2.0", kind="model"):
            print(entry.record["name"], entry.revision)
        written = registry.add_model(AIModel(name="my-finetune"))

Nothing is kept here and no replica is made. The node signs what is written, by its own key, and what it tells is
believed as it is told: whoever wants proof pulls from it (`sync.pull`), which checks every signature. What it tells may
be anything all the same: sizes, types and bounds are looked at, and what is no record is an error in words.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import Literal, NoReturn, Protocol, Self, TypeGuard, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from tui_registry import records
from tui_registry.datastore import (
    CHOICES_TOLD,
    DERIVED,
    LEAST_ID,
    MOST_COUNTED,
    MOST_STEPS,
    NEEDS,
    PREFERS,
    Affected,
    Direction,
    Entry,
    Facets,
    FacetValue,
    HistoryEntry,
    Linked,
    LinkPage,
    ManifestEntry,
    Node,
    Page,
    Row,
    StoreError,
    Versions,
    Walk,
    revision_of,
)
from tui_registry.errors import (
    ABSENT,
    KINDS,
    Choice,
    GivenManifest,
    InvalidRecord,
    Json,
    Kind,
    OpKind,
    Problem,
    Record,
    RegistryError,
)
from tui_registry.frozen import NamedTuple
from tui_registry.hosts import is_loopback
from tui_registry.origin import read_url
from tui_registry.present.deeds import DEEDS
from tui_registry.present.manifest_rows import changed_manifest_rows
from tui_registry.present.pulls import SyncError
from tui_registry.present.record_rows import variant
from tui_registry.query.fields import FACETS, LARGEST
from tui_registry.query.nodes import QueryError, Sort, expect_shared, quoted
from tui_registry.query.syntax import parse
from tui_registry.records.merging import differing
from tui_registry.records.schema import ID_FIELD, MAX_TIME, NULL_HASH, OP_FIELDS
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.http_transport import Answer, HttpTransport, Waits
from tui_registry.text import safe_text

_T = TypeVar("_T")

# Of the node's own pages: the largest records that there are fit into one answer (`Bounds.tile_bytes`).
_PAGE = 200
_DAY = 86_400
_MOST_HEADS = 4_096
_MOST_PROBLEMS = 200
# Operations of one page of a history; those that wait for what they replaced.
_OPERATIONS = 50
_MOST_WAITING = 500
# Of a history: a hundred thousand operations.
_MOST_PAGES = 2_000
# Records in conflict that are listed.
_MOST_CONFLICTS = 10_000
_LONGEST_SENTENCE = 1_000
# Values of all facets together, and characters of one: a node tells 30 of each field, and none has more than 128.
_MOST_FACETS = 1_000
_LONGEST_VALUE = 256
_LONGEST_NAME = 128
# Of one walk along links, more than nodes tell; and how links are called.
_MOST_LINKED = 10_000
_SORTS_OF_LINKS = {"needs": NEEDS, "prefers": PREFERS, "derived": DERIVED}
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch
_ADDRESS = re.compile(r"[0-9a-f]{40}", re.ASCII).fullmatch
_PREFIX = re.compile(r"(?:0x)?([0-9a-f]{1,64})", re.ASCII).fullmatch
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII).fullmatch
_TOKEN = re.compile(r"[!-~]{1,1024}", re.ASCII).fullmatch
# It is not known whether the node had done what it was asked for when it fell silent.
_UNKNOWN = frozenset(("timeout", "protocol", "unreachable", "too_large", "in_flight"))


class RemoteError(StoreError):
    """A node that refuses, or that cannot be asked. The code is the node's own (see protocol.md, Error codes), one of
    those of `SyncError`, or `too_old`; the sentence begins with the node's address and is safe to show.

    Attributes:
        status: of the answer, 0 where there was none.
    """

    def __init__(self, code: str, sentence: str, status: int = 0, choices: Sequence[Choice] = ()) -> None:
        super().__init__(code, sentence, choices)
        self.status = status


class Written(NamedTuple):
    """A write as the node did it.

    Attributes:
        key: the record's id, 64 hex digits.
        hash: of the operation, 64 hex digits; None where the node does not tell it, as of a removal.
        record: as it was signed, None for a removal.
    """

    kind: Kind
    key: str
    hash: str | None
    record: Record | None


class Health(NamedTuple):
    """How a node says that it is.

    Attributes:
        version: of its program. node: its key's address, 40 hex digits, empty where it has none yet.
        ops: operations in its log. conflicts: records in conflict.
    """

    status: str
    version: str
    node: str
    ops: int
    conflicts: int


# A word of an owner's (see protocol.md, Manifests).
_LONGEST_STATUS = 64


class _Told(NamedTuple):
    """A record as a node tells it. `heads` is None where a list leaves them out; `tree` is all that was told."""

    record: Record
    conflict: bool
    heads: tuple[str, ...] | None
    tree: dict[str, Json]

    @property
    def status(self) -> str | None:
        """As in `Row`; whatever is no status is none."""
        said = self.tree.get("status")
        return said if isinstance(said, str) and 0 < len(said) <= _LONGEST_STATUS else None


class _Window(NamedTuple):
    """Records that a node found, and what it said of them, as in `Page`; `total` is of what was asked."""

    found: tuple[tuple[Kind, _Told], ...] = ()
    next: str | None = None
    total: int = 0
    is_exact: bool = True
    did_you_mean: str | None = None
    near: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def with_page(self, page: dict[str, Json], found: list[tuple[Kind, _Told]]) -> _Window:
        """The window with a page of one kind at its end."""
        count, meant = page.get("total"), page.get("did_you_mean")
        told = type(count) is int and len(found) <= count <= LARGEST
        # A node of before does not count; of a page without a next there are no more.
        is_exact = page.get("total_is_exact") is True if told else page.get("next") is None
        return self._replace(
            found=(*self.found, *found),
            total=self.total + (count if type(count) is int and told else len(found)),
            is_exact=self.is_exact and is_exact,
            did_you_mean=self.did_you_mean or (safe_text(meant, 300) if isinstance(meant, str) else None),
            near=self.near or _texts(page.get("near"), 128),
            notes=self.notes or _texts(page.get("notes"), 300),
        )


class _State(NamedTuple):
    """How a record stands: its heads, and those of them that are versions of it; none where it is deleted."""

    kind: Kind
    heads: tuple[str, ...]
    live: tuple[str, ...]


class _Operation(NamedTuple):
    """An operation as a history tells it, and the paths of what it changed."""

    entry: HistoryEntry
    changed: list[str]


def connect(url: str, token: str | None = None, *, bounds: Bounds | None = None, waits: Waits | None = None) -> Remote:
    """The records of the node at an http(s) address. Nothing is asked before the first verb is.

    Args:
        token: what opens the node to writes, as 'token add' prints it on its machine.
        bounds: of answers and patience, as of a pull.
        waits: how time passes between tries.

    Raises:
        RemoteError: `bad_address`, `bad_token`.
    """
    return Remote(url, token, bounds or Bounds(), waits)


class Remote:
    """A node's records. Safe to use from any thread, and where an event loop runs.

    Every method may raise RegistryError: what the node refuses has the node's code and sentence, and what cannot be
    asked those of a pull (`refused`, `unreachable`, `timeout`, `insecure`, ...). A busy node, a broken line and a node
    that starts anew are asked again after a while, writes too: they bear a key by which the node knows them again.
    """

    def __init__(self, url: str, token: str | None, bounds: Bounds, waits: Waits | None) -> None:
        """Use `connect`."""
        scheme, _, rest = url.partition("://")
        host = rest.partition("/")[0]
        if scheme.lower() not in ("http", "https") or not host:
            raise RemoteError("bad_address", f"'{safe_text(url, 60)}' is no address of a node: write http://HOST:8420")
        if "@" in host or "?" in rest or "#" in rest:
            raise RemoteError(
                "bad_address", "the address of a node has no name, password or query in it: a token opens it to writes"
            )
        if token is not None and not _TOKEN(token):
            raise RemoteError("bad_token", "that is no token: 'token add' on the node's machine prints one")
        self.name = safe_text(url.rstrip("/"), 120)
        self._address = url
        self._token = token
        self._tells_totals = True
        try:
            self._transport = HttpTransport(
                self.name, url, bounds, waits=waits, if_trusted="connect to that one", next_time="Try again later"
            )
        except SyncError as error:
            raise RemoteError("bad_address", error.reason) from None
        self._thread = _LoopThread()

    def close(self) -> None:
        """Let go of the connections; it cannot be used afterwards."""
        if not self._thread.is_closed:
            self._thread.run(self._transport.__aexit__(None, None, None))
            self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Finding

    def search(
        self,
        query: str = "",
        *,
        kind: Kind | None = None,
        sort: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        whole: bool = True,  # noqa: ARG002 - as the Datastore is asked; a node takes queries in no other way
        strict: bool = True,  # noqa: ARG002
    ) -> Page:
        """A window of the records that match a query. Without a kind both are in one order, but where that is how well
        they match: no node tells how well, and those are the models, then the agents.

        Args:
            limit: rows in the window; 200 are given at most.
            cursor: `Page.next` of the window before.
            whole, strict: a node reads every query so: nothing unfinished, and no field that there is not.
        """
        order = _order_of(query, sort) if kind is None else None
        if order is None:
            window = self._window(query, kind, sort, limit, cursor)
        else:
            window = self._window_of_both(query, sort, order, limit, cursor)
        rows = [self._row(of, told) for of, told in window.found]
        hints = window.did_you_mean, window.near, window.notes
        return Page(rows, window.next, max(window.total, len(rows)), window.is_exact, *hints)

    def list_models(self, *, sort: str | None = None, limit: int = 100, cursor: str | None = None) -> Page:
        """A window of all models, the last updated first; arguments as for `search`."""
        return self.search(kind="model", sort=sort, limit=limit, cursor=cursor)

    def list_agents(self, *, sort: str | None = None, limit: int = 100, cursor: str | None = None) -> Page:
        """A window of all agents; see `list_models`."""
        return self.search(kind="agent", sort=sort, limit=limit, cursor=cursor)

    def entries(
        self,
        query: str = "",
        *,
        kind: Kind | None = None,
        sort: str | None = None,
        whole: bool = True,  # noqa: ARG002 - as for `search`
        strict: bool = True,  # noqa: ARG002
        told: Callable[[str], None] | None = None,
    ) -> Iterator[Entry]:
        """Every matching record in full, read window by window; arguments as for `search`.

        Args:
            told: is given each of the node's notes, before the first record.
        """
        order = _order_of(query, sort) if kind is None else None
        if order is None:
            yield from self._entries(query, kind, sort, told)
            return
        told_by = {KINDS[0]: told}
        yield from _in_one(order, *(self._entries(query, of, sort, told_by.get(of)) for of in KINDS))

    def _entries(
        self, query: str, kind: Kind | None, sort: str | None, told: Callable[[str], None] | None
    ) -> Iterator[Entry]:
        cursor = None
        while True:
            window = self._window(query, kind, sort, _PAGE, cursor)
            cursor = window.next
            for note in window.notes:
                if told is not None:
                    told(note)
            for of, one in window.found:
                entry = self._entry(of, one)
                # A list that leaves the heads out is one of a node of before: each record is asked for by itself.
                entry = entry or self.entry(_id_of(of, one.record), of)
                if entry is not None:  # deleted since the window was read
                    yield entry
            if cursor is None:
                return

    def facets(
        self,
        query: str = "",
        *,
        kind: Kind | None = None,
        whole: bool = True,  # noqa: ARG002 - as for `search`
        strict: bool = True,  # noqa: ARG002
    ) -> Facets:
        """What the matches of a query have in common, counted; of both kinds together without a kind."""
        _expect_shared(query)
        counted: dict[str, dict[str, FacetValue]] = {field: {} for field in FACETS}
        is_exact, notes = True, tuple[str, ...]()
        for of in _kinds(kind):
            try:
                page = self._object(self._ask("GET", f"{of}s/facets?{urlencode({'q': query})}"))
            except RemoteError as error:
                # What a node of before takes for the beginning of an id.
                if error.code in ("no_route", "not_found"):
                    raise self._refused("too_old", "counts no facets: its program is older than this one") from None
                raise
            items, _ = _items(page, _MOST_FACETS) or self._no_page()
            for item in items:
                told = _facet_of(item)
                if told is None:
                    raise self._odd("counts facets in a way that cannot be read")
                field, one = told
                if field in counted:
                    known = counted[field].get(one.value)
                    records = one.records + (0 if known is None else known.records)
                    counted[field][one.value] = one._replace(records=records)
            is_exact = is_exact and page.get("is_exact") is True
            notes = notes or _texts(page.get("notes"), 300)
        values = {field: [*found.values()] for field, found in counted.items()}
        for field, found in values.items():
            if field != "size":  # those have an order of their own
                found.sort(key=lambda one: -one.records)
        return Facets(values, is_exact, notes)

    def models(self, query: str = "", *, sort: str | None = None) -> Iterator[records.AIModel]:
        """Every model that matches a query, read window by window."""
        for told in self._all("model", query, sort):
            yield records.AIModel.from_plain(told.record)

    def agents(self, query: str = "", *, sort: str | None = None) -> Iterator[records.AIAgent]:
        """Every agent that matches a query, read window by window."""
        for told in self._all("agent", query, sort):
            yield records.AIAgent.from_plain(told.record)

    def find(
        self, prefix: str, kind: Kind | None = None, *, deleted: bool = False, own: bool = False
    ) -> tuple[Kind, str]:
        """The record that is meant: by its id, the beginning of one that only it has, or a name that only it has.

        Args:
            deleted: also among the deleted ones, by the beginnings of their ids.
            own: of several with that beginning or name, those of the node's key come first.

        Raises:
            RemoteError: `not_found`, or `ambiguous` with the choices.
        """
        match = _PREFIX(prefix.strip().lower())
        digits = match[1] if match is not None else ""
        is_name = len(digits) < LEAST_ID and not prefix.strip().lower().startswith("0x")
        begun, is_several = list[Choice](), False
        for of in _kinds(kind) if digits else ():
            try:
                told = self._told(of, digits)
            except RemoteError as error:
                if error.code != "ambiguous":
                    raise
                is_several, begun = True, [*begun, *self._beginning(of, digits, own=own)]
            else:
                begun += [] if told is None else [self._choice(of, told)]
        named = self._called(prefix, kind, own=own) if is_name and (own or is_several or len(begun) != 1) else []
        ways = [*([_mine(begun), _mine(named)] if own else []), begun, named]
        for way in ways:
            if len(way) == 1 and not (way is begun and is_several):
                return way[0].kind, way[0].id
            if own and len(way) > 1:
                break
        if not begun and not named and deleted and digits:
            found = [(of, known) for of in _kinds(kind) if (known := self._id_of_deleted(of, digits)) is not None]
            if found:
                return found[0]
        raise self._not_one(prefix, digits, kind, named, begun)

    def _not_one(
        self, typed: str, digits: str, kind: Kind | None, named: Sequence[Choice], begun: Sequence[Choice]
    ) -> RemoteError:
        what = kind or "record"
        if named:
            ids = ", ".join(choice.id[:LEAST_ID] for choice in named)
            said = f"several {what}s there have the name '{typed[:80]}' ({ids}): give an id"
            return self._refused("ambiguous", said, choices=named)
        if begun:
            ids = ", ".join(choice.id[: len(digits) + 8] for choice in begun)
            said = f"{digits} is the beginning of several ids ({ids}): give more digits"
            return self._refused("ambiguous", said, choices=begun)
        if digits:
            return self._refused("not_found", f"there is no {what} there whose id begins with {digits}")
        said = f"'{typed[:80]}' is not an id, and no {what} there has that name: see `list`"
        return self._refused("not_found", said)

    def _beginning(self, kind: Kind, digits: str, *, own: bool) -> list[Choice]:
        """The first of the records whose ids begin so, by the order of the node's lists; with `own` those of the node's
        key where it has any."""
        for of_whom in self._whose(own=own):
            found = self._window(f"id:{digits}{of_whom}", kind, None, CHOICES_TOLD, None).found
            if found:
                return [self._choice(of, told) for of, told in found]
        return []

    def _whose(self, *, own: bool) -> tuple[str, ...]:
        """What is added to a query, in turn until something is found."""
        return (f" owner:{self.address}", "") if own and self.address else ("",)

    def _called(self, name: str, kind: Kind | None, *, own: bool) -> list[Choice]:
        """The first of the records that have a name: exactly, else in another case; with `own` those of the node's key
        where it has any."""
        if not name.strip() or len(name) > _LONGEST_NAME or any("\ud800" <= letter <= "\udfff" for letter in name):
            return []  # a shell may hand over any bytes
        for of_whom in self._whose(own=own):
            found = list[Choice]()
            for of in _kinds(kind):
                window = self._window(f"name:={quoted(name)}{of_whom}", of, None, CHOICES_TOLD, None).found
                found += [self._choice(each, told) for each, told in window]
            exact = [choice for choice in found if choice.name == name]
            called = exact or [choice for choice in found if choice.name.lower() == name.lower()]
            if called:
                return called[:CHOICES_TOLD]
        return []

    def _choice(self, kind: Kind, told: _Told) -> Choice:
        record = told.record
        owner = str(record["owner_id"])
        mine = owner == self.address
        return Choice(kind, _id_of(kind, record), str(record["name"]), str(record["version"]), owner, None, mine)

    # Looking at one record

    def entry(self, identifier: str, kind: Kind | None = None) -> Entry | None:
        """The current record with that id (64 hex digits) in full, None when there is none.

        Its problems are by the rules that need no other records, and its size is not told.
        """
        for of in _kinds(kind):
            told = self._told(of, _whole_id(identifier))
            if told is not None:
                entry = self._entry(of, told)
                if entry is None:
                    raise self._refused("too_old", "tells no heads of a record: its program is older than this one")
                return entry
        return None

    def get_model(self, model_id: str) -> records.AIModel | None:
        """The current model with that id, None when there is none."""
        told = self._told("model", _whole_id(model_id))
        return None if told is None else records.AIModel.from_plain(told.record)

    def get_agent(self, agent_id: str) -> records.AIAgent | None:
        """The current agent with that id, None when there is none."""
        told = self._told("agent", _whole_id(agent_id))
        return None if told is None else records.AIAgent.from_plain(told.record)

    def heads(self, identifier: str) -> tuple[str, ...]:
        """All heads of a record, deleted or not, ascending; empty for an id that the node never saw."""
        try:
            state = self._state(identifier)
        except RemoteError as error:
            if error.code != "no_route":
                raise
            entry = self.entry(identifier)
            return () if entry is None else entry.heads
        return () if state is None else state.heads

    def history(self, identifier: str, *, limit: int | None = None) -> Iterator[HistoryEntry]:
        """The operations of a record, deleted or not, the last that came to the node first, read page by page.

        What a node does not tell of an operation is 0 or empty: its place, its clock, and who it came from.

        Args:
            limit: at most so many, None for all.
        """
        state = self._state(identifier)
        return iter(()) if state is None else islice(_with_before(self._operations(state, identifier)), limit)

    def manifest_history(self, identifier: str, *, limit: int | None = None) -> Iterator[HistoryEntry]:
        """Use `Remote.manifests.history`."""
        state = self._state(identifier)
        try:
            told = iter(()) if state is None else self._operations(state, identifier, "manifest")
            first = [*islice(told, 1)]
        except RemoteError as error:
            if error.code != "no_route":
                raise
            return iter(())  # a node of before
        return islice(_with_before(chain(first, told)), limit)

    def record_at(self, identifier: str, at: str) -> HistoryEntry:
        """A record as one of its operations wrote it; where that is a removal, `record` is None.

        Args:
            at: the beginning of the operation's hash.

        Raises:
            RemoteError: `not_found`, `ambiguous`.
        """
        match = _PREFIX(at.strip().lower())
        found = [] if match is None else [op for op in self.history(identifier) if op.hash.startswith(match[1])]
        if len(found) > 1:
            raise self._refused("ambiguous", f"several operations begin with {safe_text(at, 64)}: give more digits")
        if not found:
            raise self._refused(
                "not_found", f"there is no operation of {identifier[:12]} whose hash begins with {safe_text(at, 64)}"
            )
        return found[0]

    def versions(self, identifier: str) -> Versions | None:
        """The live versions of a record, each in full; None when there is no such record. What a node does not tell of
        an operation is 0 or empty.

        Where the node does not say what to merge versions from, `base` is None: whatever differs needs a decision.
        """
        for kind in _kinds(None):
            told = self._told(kind, _whole_id(identifier))
            if told is not None:
                if told.conflict:
                    return self._versions(kind, identifier, told)
                tree = self._object(self._ask("GET", f"{kind}s/{identifier}/versions"))
                return self._versions(kind, identifier, told._replace(tree=tree))
        return None

    def conflicts(self, limit: int = 1000) -> list[Row]:
        """The records of which several versions are live, those of the node's own key first."""
        rows: list[Row] = []
        cursor = None
        limit = min(limit, _MOST_CONFLICTS)
        while len(rows) < limit:
            page = self.search("is:conflict", limit=limit - len(rows), cursor=cursor)
            rows += page.rows
            cursor = page.next
            if cursor is None:
                break
        return sorted(rows, key=lambda row: row.owner != self.address)

    def check(self, kind: Kind, record: Record) -> list[Problem]:
        """The authoring rules, with what is known at the node; nothing is written."""
        try:
            answer = self._ask("POST", f"{kind}s/validate", _to_send(kind, record))
        except RemoteError as error:
            if error.code not in ("no_route", "method"):  # a node of before: the rules as far as they need no others
                raise
            return records.check(kind, record)
        listed = self._object(answer).get("problems")
        if not isinstance(listed, list):
            raise self._odd("does not say what is wrong with a record")
        return [*map(_problem, listed[:_MOST_PROBLEMS])]

    # Writing: signed by the node's key, durable there when a call returns

    def add(self, kind: Kind, record: Record, *, manifest: GivenManifest = ABSENT, key: str | None = None) -> Written:
        """Register a plain record; the node sets id, owner and times.

        Args:
            manifest: what is to stand behind it, written in one step with it.
            key: by which the node knows this request again for a day, so that it is done once however often it is
                asked for: a new one for every request, None to make one here.

        Raises:
            InvalidRecord: it breaks an authoring rule of the node.
            RemoteError: `already_registered`, `unauthorized`, `insufficient_scope`, ...
        """
        sent = _with_manifest(_to_send(kind, record, named=True), manifest)
        return self._write("POST", kind, "", sent, {}, key)

    def update(
        self,
        kind: Kind,
        identifier: str,
        record: Record,
        seen: Sequence[str],
        *,
        manifest: GivenManifest = ABSENT,
        manifest_seen: Sequence[str] = (),
        key: str | None = None,
    ) -> Written:
        """Write a new value on top of the heads that the caller was shown (`Entry.heads`).

        Args:
            manifest: what is to stand behind it, None for nothing; left out, what stands there stays.
            manifest_seen: the heads of the manifest that the caller was shown, where `manifest` is given.
            key: as for `add`.

        Raises:
            InvalidRecord: as for `add`.
            RemoteError: `changed` when the record has other heads by now, `conflict`, `not_found`, `not_owner`, ...
        """
        sent = _with_manifest(_to_send(kind, record), manifest)
        return self._write("PUT", kind, identifier, sent, _if_match((*seen, *manifest_seen)), key)

    def delete(self, kind: Kind, identifier: str, seen: Sequence[str], *, key: str | None = None) -> Written:
        """Remove the record as the caller was shown it; arguments and errors as for `update`."""
        return self._write("DELETE", kind, identifier, None, _if_match(seen), key)

    def resolve(
        self, kind: Kind, identifier: str, record: Record | None, seen: Sequence[str], *, key: str | None = None
    ) -> Written:
        """Settle a conflict by one write that names every head (`Versions.heads`), or with None by a removal of all
        versions; errors as for `update`, and `no_conflict`."""
        sent = None if record is None else _to_send(kind, record)
        return self._write("POST", kind, identifier, {"record": sent, "heads": [*seen]}, {}, key, "/resolve")

    # The same in types

    def add_model(self, model: records.AIModel) -> Written:
        """`add` for a model."""
        return self.add("model", model.to_plain())

    def add_agent(self, agent: records.AIAgent) -> Written:
        """`add` for an agent."""
        return self.add("agent", agent.to_plain())

    def update_model(self, model_id: str, model: records.AIModel, seen: Sequence[str]) -> Written:
        """`update` for a model."""
        return self.update("model", model_id, model.to_plain(), seen)

    def update_agent(self, agent_id: str, agent: records.AIAgent, seen: Sequence[str]) -> Written:
        """`update` for an agent."""
        return self.update("agent", agent_id, agent.to_plain(), seen)

    def delete_model(self, model_id: str, seen: Sequence[str]) -> Written:
        """`delete` for a model."""
        return self.delete("model", model_id, seen)

    def delete_agent(self, agent_id: str, seen: Sequence[str]) -> Written:
        """`delete` for an agent."""
        return self.delete("agent", agent_id, seen)

    def resolve_model(self, model_id: str, model: records.AIModel | None, seen: Sequence[str]) -> Written:
        """`resolve` for a model."""
        return self.resolve("model", model_id, None if model is None else model.to_plain(), seen)

    def resolve_agent(self, agent_id: str, agent: records.AIAgent | None, seen: Sequence[str]) -> Written:
        """`resolve` for an agent."""
        return self.resolve("agent", agent_id, None if agent is None else agent.to_plain(), seen)

    # What stands behind records

    @cached_property
    def manifests(self) -> RemoteManifests:
        """The manifests of the node's records, with the verbs of `Datastore.manifests`."""
        return RemoteManifests(self)

    @cached_property
    def links(self) -> RemoteLinks:
        """What the node's records are to one another, with verbs of `Datastore.links`."""
        return RemoteLinks(self)

    # The node itself

    @property
    def is_exposed(self) -> bool:
        """Whether what goes there, a token too, can be read by others on the way."""
        url = read_url(self._address)
        return url.scheme == "http" and not is_loopback(url.host)

    def health(self) -> Health:
        """How the node says that it is."""
        tree = self._object(self._ask("GET", "health"))
        node, status, version = (tree.get(name) for name in ("node", "status", "version"))
        ops, conflicts = (tree.get(name) for name in ("ops", "conflicts"))
        if not isinstance(node, str) or not (node == "" or _ADDRESS(node)) or type(ops) is not int:
            raise self._odd("does not say how it is as a node does")
        return Health(
            safe_text(str(status), 40),
            safe_text(str(version), 40),
            node,
            ops,
            conflicts if type(conflicts) is int else 0,
        )

    @property
    def address(self) -> str:
        """The address of the key that signs what is written there, 40 hex digits; empty before its first write."""
        return self._health.node

    @cached_property
    def _health(self) -> Health:
        """As it was said first."""
        return self.health()

    # How: asking

    def _ask(self, method: str, path: str, content: Json = None, headers: dict[str, str] | None = None) -> Answer:
        """
        Raises:
            InvalidRecord, RemoteError: the node refuses.
        """
        if self._thread.is_closed:
            raise RemoteError("unusable", f"{self.name}: the connection has been closed: connect anew")
        token = None if method == "GET" else self._token
        try:
            answer = self._thread.run(self._transport.ask(method, path, content=content, headers=headers, token=token))
        except SyncError as error:
            raise RemoteError(error.code, error.sentence) from None
        if answer.status < 300:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> RemoteError | InvalidRecord:
        tree = self._object(answer)
        code, detail, listed = (tree.get(name) for name in ("code", "detail", "problems"))
        problems = [*map(_problem, listed[:_MOST_PROBLEMS])] if isinstance(listed, list) else []
        if code == "invalid" and problems:
            return InvalidRecord(tuple(problems))
        said = safe_text(detail, _LONGEST_SENTENCE) if isinstance(detail, str) else "refuses, and does not say why"
        known = code if isinstance(code, str) and _CODE(code) else f"http_{answer.status}"
        return self._refused(known, said, answer.status)

    def _refused(self, code: str, sentence: str, status: int = 0, *, choices: Sequence[Choice] = ()) -> RemoteError:
        return RemoteError(code, f"{self.name}: {safe_text(sentence)}", status, choices)

    def _odd(self, what: str) -> RemoteError:
        return self._refused("protocol", f"{what}. Check the address")

    def _object(self, answer: Answer) -> dict[str, Json]:
        if not isinstance(answer.tree, dict):
            raise self._odd("answers with JSON that is not a node's")
        return answer.tree

    def _write(
        self,
        method: str,
        kind: Kind,
        identifier: str,
        content: Json,
        headers: dict[str, str],
        key: str | None,
        deed: str = "",
    ) -> Written:
        answer = self._sent(
            method, f"{kind}s" + (f"/{_whole_id(identifier)}{deed}" if identifier else ""), content, headers, key
        )
        if answer.tree is None:
            return Written(kind, identifier, self._removal(identifier), None)
        told = self._read(kind, answer.tree)
        written = _id_of(kind, told.record)
        if identifier not in ("", written) or not told.heads:
            raise self._odd("answers a write with another record")
        return Written(kind, written, told.heads[0], told.record)

    def _sent(self, method: str, path: str, content: Json, headers: dict[str, str], key: str | None) -> Answer:
        """The answer to a write."""
        if self._token is None:
            raise self._refused("unauthorized", "a write needs a token: 'token add' on the node's machine prints one")
        if self._health.version.startswith("0.1."):
            # It would do twice what is sent twice, and tells no heads.
            raise self._refused("too_old", "is of version 0.1, which knows no request again: write on its own machine")
        try:
            return self._ask(method, path, content, {**headers, "idempotency-key": key or str(uuid.uuid4())})
        except RemoteError as error:
            if error.status == 0 and error.code in _UNKNOWN:
                more = "It may have been written all the same: look before you write again"
                raise RemoteError(error.code, f"{error.sentence}. {more}") from None
            raise

    def _removal(self, identifier: str) -> str | None:
        """The operation that took a record away; None where that cannot be told, as where it was brought back since."""
        try:
            state = self._state(identifier)
        except RegistryError:
            return None
        return state.heads[0] if state is not None and not state.live and len(state.heads) == 1 else None

    # How: what it tells

    def _all(self, kind: Kind, query: str, sort: str | None) -> Iterator[_Told]:
        cursor = None
        while True:
            window = self._window(query, kind, sort, _PAGE, cursor)
            cursor = window.next
            yield from (told for _, told in window.found)
            if cursor is None:
                return

    def _window(self, query: str, kind: Kind | None, sort: str | None, limit: int, cursor: str | None) -> _Window:
        if limit < 1:
            raise ValueError(f"a limit is 1 row or more, not {limit}")
        _expect_shared(query)
        at, _, place = (cursor or "").partition(":")
        kinds = _kinds(kind)
        begun = kinds.index(next((of for of in kinds if of == at), kinds[0]))
        window = _Window()
        for of in kinds[begun:]:
            left = min(limit, _PAGE) - len(window.found)
            if not left:
                return window._replace(next=f"{of}:", is_exact=False)
            asked = {"q": query, "limit": str(left), "sort": sort or "", "cursor": place if of == kinds[begun] else ""}
            page = self._object(self._list(of, {name: value for name, value in asked.items() if value}))
            items, following = _items(page, left) or self._no_page()
            if following is not None and (not items or following == place):
                raise self._odd("gives pages without an end")
            window = window.with_page(page, [(of, self._read(of, item)) for item in items])
            if following is not None:
                return window._replace(next=f"{of}:{following}", is_exact=window.is_exact and of == kinds[-1])
        return window

    def _window_of_both(self, query: str, sort: str | None, order: Sort, limit: int, cursor: str | None) -> _Window:
        """A window of both kinds in one order. A kind of which fewer are in it than the node told is asked once more,
        for the place behind those."""
        if limit < 1:
            raise ValueError(f"a limit is 1 row or more, not {limit}")
        limit = min(limit, _PAGE)
        begun: dict[Kind, str | None] = dict.fromkeys(KINDS)
        if cursor is not None:
            places = dict(parse_qsl(cursor, keep_blank_values=True))
            begun = {of: places[of] or None for of in KINDS if of in places}
        windows = {of: self._window(query, of, sort, limit, place) for of, place in begun.items()}
        found = [*islice(_in_one(order, *(map(_Found._make, window.found) for window in windows.values())), limit)]
        following: dict[str, str] = {}
        for of, window in windows.items():
            taken = sum(one.kind == of for one in found)
            if taken == len(window.found):
                place = window.next
            elif taken:
                place = self._window(query, of, sort, taken, begun[of]).next
            else:
                place = begun[of] or ""
            if place is not None:
                following[of] = place
        first, *others = windows.values()
        return first._replace(
            found=tuple((one.kind, one.told) for one in found),
            next=urlencode(following) if following else None,
            total=sum(window.total for window in windows.values()),
            is_exact=all(window.is_exact for window in windows.values()) and len(windows) == len(KINDS),
            did_you_mean=next(filter(None, (window.did_you_mean for window in (first, *others))), None),
            near=next(filter(None, (window.near for window in (first, *others))), ()),
        )

    def _state(self, identifier: str) -> _State | None:
        """How a record stands, deleted or not; None for an id that the node never saw."""
        for kind in _kinds(None):
            try:
                tree = self._object(self._ask("GET", f"{kind}s/{_whole_id(identifier)}/heads"))
            except RemoteError as error:
                if error.code == "not_found":
                    continue
                if error.code == "no_route":
                    raise self._refused("no_route", "tells no histories: its program is older than this one") from None
                raise
            heads, live = tree.get("heads"), tree.get("live")
            alive = live if _are_hashes(live) else []
            if not _are_hashes(heads) or (live != [] and not alive):
                raise self._odd("tells heads of a record that are no hashes")
            return _State(kind, tuple(sorted({*heads})), tuple(alive))
        return None

    def _id_of_deleted(self, kind: Kind, prefix: str) -> str | None:
        """The id of the record whose id begins so, by what its operations wrote."""
        try:
            answer = self._ask("GET", f"{kind}s/{prefix}/history?limit={_OPERATIONS}")
        except RemoteError as error:
            if error.code in ("not_found", "no_route"):
                return None
            raise
        items, _ = _items(answer.tree, _OPERATIONS) or self._no_page()
        written = [item.get("record") for item in items if isinstance(item, dict)]
        found = next((_id_of(kind, self._read(kind, tree).record) for tree in written if tree is not None), None)
        return found if found is not None and found.startswith(prefix) else None

    def _operations(
        self, state: _State, identifier: str, of: Literal["record", "manifest"] = "record"
    ) -> Iterator[_Operation]:
        cursor = owner = ""
        at = f"{state.kind}s/{identifier}/{'manifest/' if of == 'manifest' else ''}history"
        for _ in range(_MOST_PAGES):
            place = f"&cursor={quote(cursor, safe='')}" if cursor else ""
            answer = self._ask("GET", f"{at}?limit={_OPERATIONS}{place}")
            items, following = _items(answer.tree, _OPERATIONS) or self._no_page()
            if following is not None and (not items or following == cursor):
                raise self._odd("gives pages without an end")
            read = [self._operation(state, identifier, item, of) for item in items]
            owner = owner or next((str(op.entry.record["owner_id"]) for op in read if op.entry.record is not None), "")
            for op in read:
                # All operations of a record are its owner's.
                yield op._replace(entry=op.entry._replace(actor=owner, mine=owner == self.address))
            if following is None:
                return
            cursor = following
        raise self._odd("tells a history without an end")

    def _operation(self, state: _State, identifier: str, tree: Json, of: Literal["record", "manifest"]) -> _Operation:
        if not isinstance(tree, dict):
            raise self._odd("answers with something that is no operation")
        digest, deed, record = (tree.get(name) for name in ("hash", "deed", of))
        updated_at, arrived_at, children = (tree.get(name) for name in ("updated_at", "arrived_at", "children"))
        did = next((known for known in DEEDS if known == deed), None)
        if not isinstance(digest, str) or not _HASH(digest) or not _is_time(updated_at) or did is None:
            raise self._odd("answers with something that is no operation")
        if not isinstance(children, list) or not (children == [] or _are_hashes(children)):
            raise self._odd("tells an operation whose children are no hashes")
        kind: OpKind = "manifest" if of == "manifest" else state.kind
        written = None if record is None else self._read(kind, record).record
        if written is not None and identifier != (written["subject_id"] if of == "manifest" else _id_of(kind, written)):
            raise self._odd("tells an operation of another record")
        changed = tree.get("changed")
        entry = HistoryEntry(
            place=0,
            hash=digest,
            actor="",
            clock=0,
            updated_at=updated_at,
            is_rm=written is None,
            is_head=tree.get("is_head") is True,
            is_winner=tree.get("is_shown") is True,
            children=tuple(map(str, children)),
            record=written,
            did=did,
            is_gone=not state.live,
            before=None,
            mine=False,
            arrived_at=arrived_at if _is_time(arrived_at) else None,
            source="",
        )
        return _Operation(entry, [*map(str, changed)] if isinstance(changed, list) else [])

    def _no_page(self) -> NoReturn:
        raise self._odd("answers with something that is no page of records")

    def _list(self, kind: Kind, asked: dict[str, str]) -> Answer:
        if self._tells_totals:
            try:
                return self._ask("GET", f"{kind}s?{urlencode({**asked, 'total': 'true'})}")
            except RemoteError as error:
                if error.code != "parameter":  # as nodes of before say of one that they do not know
                    raise
                self._tells_totals = False
        return self._ask("GET", f"{kind}s?{urlencode(asked)}")

    def _told(self, kind: Kind, prefix: str) -> _Told | None:
        """The record whose id begins so, None when there is none."""
        try:
            answer = self._ask("GET", f"{kind}s/{prefix}")
        except RemoteError as error:
            if error.code == "not_found":
                return None
            raise
        told = self._read(kind, answer.tree)
        if not _id_of(kind, told.record).startswith(prefix):
            raise self._odd("answers with another record than it was asked for")
        return told

    def _read(self, kind: OpKind, tree: Json) -> _Told:
        """A record among what a stranger tells. Members that this version does not know are passed over."""
        if not isinstance(tree, dict):
            raise self._odd("answers with something that is no record")
        record = {field.name: tree[field.name] for field in OP_FIELDS[kind] if field.name in tree}
        try:
            records.canonical_bytes(kind, record)
        except records.ShapeError as error:
            raise self._odd(f"answers with something that is no {kind} ({error})") from None
        broken = records.wire_limits(kind, record)
        if broken is not None:
            raise self._odd(f"answers with a {kind} that nobody could have signed ({broken.path}: {broken.sentence})")
        heads, conflict = tree.get("heads"), tree.get("conflict")
        if heads is not None and not _are_hashes(heads):
            raise self._odd("tells heads of a record that are no hashes")
        known = tuple(sorted({*heads})) if _are_hashes(heads) else None
        return _Told(record, conflict is True, known, tree)

    def _row(self, kind: Kind, told: _Told) -> Row:
        record = told.record
        identifier = _id_of(kind, record)
        live = 1
        if told.conflict:
            # A list says that there are several, the record how many.
            versions = self.versions(identifier)
            live = 2 if versions is None else len(versions.live) + versions.more
        quantization = record.get("quantization")
        context = record.get("context_length")
        return Row(
            kind,
            identifier,
            str(record["name"]),
            str(record["owner_id"]),
            str(record["version"]),
            variant(record[f"{kind}_type"]),
            variant(record["framework"]),
            str(record["license"]),
            None if quantization is None else variant(quantization),
            min(_number(record.get("parameters")), LARGEST),
            None if context is None else _number(context),
            _number(record["created_at"]),
            _number(record["updated_at"]),
            live,
            _is_ahead(record),
            status=told.status,
            vram=_stated_vram(record),
        )

    def _entry(self, kind: Kind, told: _Told) -> Entry | None:
        """None where its heads were not told, or not each of several versions."""
        live = told.heads
        if told.conflict and live is not None:
            listed = told.tree.get("versions")
            hashes = [one.get("hash") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
            live = tuple(hashes) if _are_hashes(hashes) else None
        elif live is not None and len(live) > 1:
            # Removals stand beside the one version, which outlived them: only the node knows which it is.
            state = self._state(_id_of(kind, told.record))
            live = (state and state.live) or live
        if told.heads is None or live is None:
            return None
        return Entry(
            kind,
            _id_of(kind, told.record),
            told.record,
            told.heads,
            live if told.conflict else live[:1],
            tuple(records.check(kind, told.record)),
            told.record["owner_id"] == self.address,
            None,
            _is_ahead(told.record),
            0,
            status=told.status,
        )

    def _versions(self, kind: Kind, identifier: str, told: _Told) -> Versions:
        owner = str(told.record["owner_id"])
        mine = owner == self.address
        heads = told.heads or ()
        listed, ancestor, more = (told.tree.get(name) for name in ("versions", "ancestor", "more_versions"))
        if not isinstance(listed, list) or not listed or len(listed) > _MOST_HEADS:
            raise self._odd("does not tell the versions of a record")
        live = [self._version(kind, identifier, owner, mine, one) for one in listed]
        if told.record != live[0].record or not {entry.hash for entry in live} <= {*heads}:
            raise self._odd("tells versions of a record that are not its heads")
        nearest = None if ancestor is None else self._version(kind, identifier, owner, mine, ancestor)
        return Versions(
            kind,
            identifier,
            owner,
            mine,
            None,
            heads,
            tuple(live),
            nearest,
            nearest.record if nearest is not None and told.tree.get("mergeable") is True else None,
            more if type(more) is int and 0 < more <= LARGEST else 0,
        )

    def _version(self, kind: Kind, identifier: str, owner: str, mine: bool, tree: Json) -> HistoryEntry:
        told = self._read(kind, tree.get("record") if isinstance(tree, dict) else None)
        assert isinstance(tree, dict)
        digest, updated_at, arrived_at = (tree.get(name) for name in ("hash", "updated_at", "arrived_at"))
        if not isinstance(digest, str) or not _HASH(digest) or not _is_time(updated_at):
            raise self._odd("tells a version of a record without its operation")
        if _id_of(kind, told.record) != identifier:
            raise self._odd("tells a version of another record")
        return _live_version(digest, owner, mine, updated_at, arrived_at, told.record)


class RemoteManifests:
    """What stands behind a node's records, read and written from afar.

    A node of before this version has none; what it refuses is raised as by `Remote`.
    """

    def __init__(self, node: Remote) -> None:
        """Use `Remote.manifests`."""
        self._node = node

    def get(self, record_id: str) -> ManifestEntry | None:
        """What stands behind a record; None where there is no such record, or the node knows no manifests."""
        found = self._told(record_id)
        if found is None:
            return None
        kind, tree = found
        if tree is None:
            return ManifestEntry(kind, record_id, True, None, (), (), ())
        told = self._read(record_id, tree)
        versions = self._versions(record_id, tree)
        live = tuple(version.hash for version in versions) or (told.heads or ())[:1]
        problems = tuple(records.check_manifest(told.record))
        return ManifestEntry(kind, record_id, True, told.record, told.heads or (), live, problems)

    def versions(self, record_id: str) -> list[HistoryEntry]:
        """The live versions of a manifest in conflict, the one that is shown first; none where it is in no conflict.
        What a node does not tell of an operation is 0 or empty."""
        found = self._told(record_id)
        return [] if found is None or found[1] is None else self._versions(record_id, found[1])

    def history(self, record_id: str, *, limit: int | None = None) -> Iterator[HistoryEntry]:
        """The operations on the manifest of a record, as `Remote.history`; none where the node does not tell them."""
        return self._node.manifest_history(record_id, limit=limit)

    def set(self, record_id: str, manifest: Record, seen: Sequence[str] = (), *, key: str | None = None) -> Written:
        """Write what stands behind a record of the node's key.

        Args:
            seen: `ManifestEntry.heads` as the caller was shown them, empty where there was none.
            key: as for `Remote.add`.

        Raises:
            InvalidRecord: it breaks an authoring rule of the node.
            RemoteError: `changed`, `conflict`, `not_found`, `not_owner`, `too_old`, ...
        """
        guard = _if_match(seen) if seen else {"if-none-match": "*"}
        return self._write("PUT", record_id, _manifest_to_send(manifest), guard, key)

    def delete(self, record_id: str, seen: Sequence[str], *, key: str | None = None) -> Written:
        """Remove the manifest of a record as the caller was shown it; errors as for `set`."""
        return self._write("DELETE", record_id, None, _if_match(seen), key)

    def resolve(
        self, record_id: str, manifest: Record | None, seen: Sequence[str], *, key: str | None = None
    ) -> Written:
        """Settle several live versions by one write that names every head, or with None by a removal; errors as for
        `set`, and `no_conflict`."""
        sent = None if manifest is None else _manifest_to_send(manifest)
        return self._write("POST", record_id, {"manifest": sent, "heads": [*seen]}, {}, key, "/resolve")

    # How

    def _told(self, record_id: str) -> tuple[Kind, dict[str, Json] | None] | None:
        """The kind of a record and what the node tells of its manifest, None where it has none."""
        for kind in KINDS:
            try:
                return kind, self._node._object(self._node._ask("GET", f"{kind}s/{_whole_id(record_id)}/manifest"))
            except RemoteError as error:
                if error.code == "no_manifest":
                    return kind, None
                if error.code not in ("not_found", "no_route"):
                    raise
        return None

    def _read(self, record_id: str, tree: Json) -> _Told:
        told = self._node._read("manifest", tree)
        if told.record["subject_id"] != record_id:
            raise self._node._odd("tells the manifest of another record")
        return told

    def _versions(self, record_id: str, tree: dict[str, Json]) -> list[HistoryEntry]:
        listed = tree.get("versions")
        if tree.get("conflict") is not True or not isinstance(listed, list) or len(listed) > _MOST_HEADS:
            return []
        return [self._version(record_id, one) for one in listed]

    def _version(self, record_id: str, tree: Json) -> HistoryEntry:
        said = tree if isinstance(tree, dict) else {}
        told = self._read(record_id, said.get("manifest"))
        digest, updated_at, arrived_at = (said.get(name) for name in ("hash", "updated_at", "arrived_at"))
        if not isinstance(digest, str) or not _HASH(digest) or not _is_time(updated_at):
            raise self._node._odd("tells a version of a manifest without its operation")
        owner = str(told.record["owner_id"])
        return _live_version(digest, owner, owner == self._node.address, updated_at, arrived_at, told.record)

    def _write(
        self,
        method: str,
        record_id: str,
        content: Json,
        headers: dict[str, str],
        key: str | None,
        deed: str = "",
    ) -> Written:
        state = self._node._state(record_id)
        if state is None:
            raise self._node._refused("not_found", f"there is no record {record_id[:12]} there")
        try:
            answer = self._node._sent(method, f"{state.kind}s/{record_id}/manifest{deed}", content, headers, key)
        except RemoteError as error:
            if error.code == "no_route":
                raise self._node._refused("too_old", "knows no manifests: its program is older than this one") from None
            raise
        if answer.tree is None:
            return Written(state.kind, record_id, None, None)
        told = self._read(record_id, answer.tree)
        if not told.heads:
            raise self._node._odd("answers a write without its operation")
        return Written(state.kind, record_id, told.heads[0], told.record)


class RemoteLinks:
    """What the records of a node are to one another: the verbs of `Datastore.links`. Whose they are is told by the
    node's key alone: which others have a name there is its operator's own."""

    def __init__(self, node: Remote) -> None:
        """Use `Remote.links`."""
        self._node = node

    def walk(self, record_id: str, direction: Direction, depth: int = MOST_STEPS) -> Walk:
        """What a record stands on (`lineage`), or what stands on it (`dependants`), over several links; 1,000 records
        at most.

        Raises:
            RemoteError: `not_found`; `too_old`.
        """
        return self._read(record_id, direction, depth)[0]

    def affected(self, record_id: str) -> Affected:
        """Who is affected by what becomes of a record; errors as for `walk`."""
        walk, tree = self._read(record_id, "dependants", 1)
        counts = tree.get("counts")
        told = counts if isinstance(counts, dict) else {}
        return Affected(*(self._page(walk, sort, told.get(word)) for word, sort in _SORTS_OF_LINKS.items()))

    def _read(self, record_id: str, direction: Direction, depth: int) -> tuple[Walk, dict[str, Json]]:
        missed: RemoteError | None = None
        for kind in KINDS:
            try:
                found = self._node._ask("GET", f"{kind}s/{_whole_id(record_id)}/{direction}?depth={depth}")
            except RemoteError as error:
                if error.code == "no_route":
                    raise self._node._refused("too_old", "tells no links: its program is older than this one") from None
                if error.code != "not_found":
                    raise
                missed = error
            else:
                tree = self._node._object(found)
                return self._walk(tree), tree
        assert missed is not None
        raise missed

    def _walk(self, tree: dict[str, Json]) -> Walk:
        listed = tree.get("nodes")
        if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_LINKED:
            raise self._node._odd("tells links in a way that cannot be read")
        nodes = [self._one(place, item) for place, item in enumerate(listed)]
        deeper, more, partial = (tree.get(name) is True for name in ("deeper", "more", "partial"))
        return Walk(tuple(nodes), deeper, more, partial)

    def _one(self, place: int, item: Json) -> Node:
        said = item if isinstance(item, dict) else {}
        parent, steps, link = said.get("parent"), said.get("steps"), said.get("link")
        presence, kind, identifier = said.get("presence"), said.get("kind"), said.get("id")
        first = place == 0
        is_read = (
            (parent is None if first else type(parent) is int and 0 <= parent < place)
            and type(steps) is int
            and 0 <= steps <= MOST_STEPS
            and (first or link in _SORTS_OF_LINKS)
            and (identifier is None or (isinstance(identifier, str) and _HASH(identifier)))
        )
        owner = _word(said, "owner")
        if not is_read or (owner and not _ADDRESS(owner)):
            raise self._node._odd("tells links in a way that cannot be read")
        linked = Linked(
            sort=_SORTS_OF_LINKS.get(str(link), NEEDS),
            relation=_word(said, "relation") or None,
            id=identifier if isinstance(identifier, str) else "",
            name=_word(said, "name"),
            presence="live" if presence == "live" else "deleted" if presence == "deleted" else "unknown",
            kind="model" if kind == "model" else "agent" if kind == "agent" else None,
            owner=owner,
            version=_word(said, "version"),
            license=_word(said, "license"),
            status=_word(said, "status") or None,
            whose="own" if owner and owner == self._node.address else "stranger",
        )
        return Node(
            parent if isinstance(parent, int) else -1, steps if isinstance(steps, int) else 0, linked,
            said.get("again") is True,
        )  # fmt: skip

    def _page(self, walk: Walk, sort: int, told: Json) -> LinkPage:
        counts = told if isinstance(told, dict) else {}
        own, *others = (
            count if type(count := counts.get(name)) is int and 0 <= count <= MOST_COUNTED + 1 else 0
            for name in ("own", "named", "strangers")
        )
        rows = tuple(node.record for node in walk.nodes[1:] if node.parent == 0 and node.record.sort == sort)
        # To who asks from afar all keys but the node's own are alike.
        return LinkPage(rows, own, sum(others), 0, walk.partial)


def _word(said: Mapping[str, Json], name: str) -> str:
    """A short text that a node tells, empty where it tells none."""
    found = said.get(name)
    return found[:_LONGEST_VALUE] if isinstance(found, str) else ""


class _LoopThread:
    """An event loop in a thread of its own, so that programs need none, and may have one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="node client", daemon=True)
        self._thread.start()

    @property
    def is_closed(self) -> bool:
        return self._loop.is_closed()

    def run(self, work: Coroutine[object, object, _T]) -> _T:
        """What the work comes to; it ends where the caller is interrupted."""
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _live_version(
    digest: str, owner: str, mine: bool, updated_at: int, arrived_at: Json, record: Record
) -> HistoryEntry:
    return HistoryEntry(
        place=0,
        hash=digest,
        actor=owner,
        clock=0,
        updated_at=updated_at,
        is_rm=False,
        is_head=True,
        is_winner=False,
        children=(),
        record=record,
        did="edited",
        is_gone=False,
        before=None,
        mine=mine,
        arrived_at=arrived_at if _is_time(arrived_at) else None,
        # Who they came from is the node's own business.
        source="",
    )


def _items(page: Json, most: int) -> tuple[list[Json], str | None] | None:
    """What a page lists, and the cursor of the next; None where it is no page, or one of more than was asked for."""
    items, following = (page.get("items"), page.get("next")) if isinstance(page, dict) else (None, None)
    if isinstance(items, list) and len(items) <= most and isinstance(following, str | None):
        return items, following
    return None


def _texts(told: Json, longest: int) -> tuple[str, ...]:
    """What is text in a list, safe to show."""
    return tuple(safe_text(one, longest) for one in told[:20] if isinstance(one, str)) if isinstance(told, list) else ()


class _Found(NamedTuple):
    """A record of a window of both kinds."""

    kind: Kind
    told: _Told

    @property
    def record(self) -> Record:
        return self.told.record


class _HasRecord(Protocol):
    @property
    def record(self) -> Record: ...


_Item = TypeVar("_Item", bound=_HasRecord)


def _expect_shared(query: str) -> None:
    """See to it that nothing is sent that is about what a person keeps to themselves, such as words of a note.

    Raises:
        QueryError: it is.
    """
    try:
        read = parse(query, now=int(time.time()), whole=True)
    except QueryError:
        return  # the node says what is wrong with it
    expect_shared(read)


def _order_of(query: str, sort: str | None) -> Sort | None:
    """The order that a node gives its records in, by what they say themselves; None where it is how well they match."""
    try:
        read = parse(query, whole=True)
        order = read.sort or (parse(f"sort:{sort}", whole=True).sort if sort else None)
    except QueryError:
        return None  # the node says what is wrong with it
    if order is not None and order.key != "relevance":
        return order
    return None if read.texts else Sort("updated", True)


def _in_one(order: Sort, one: Iterator[_Item], other: Iterator[_Item] | None = None) -> Iterator[_Item]:
    """Two lists in one order, each of which stays in its own."""
    here, there = next(one, None), None if other is None else next(other, None)
    while here is not None or there is not None:
        if there is None or other is None or (here is not None and not _comes_before(order, there.record, here.record)):
            assert here is not None
            yield here
            here = next(one, None)
        else:
            yield there
            there = next(other, None)


def _comes_before(order: Sort, one: Record, other: Record) -> bool:
    (part, value), (other_part, other_value) = _place_of(order, one), _place_of(order, other)
    if part != other_part or value == other_value:
        return part < other_part
    if isinstance(value, str) or isinstance(other_value, str):
        return (str(value) > str(other_value)) is order.descending
    return (value > other_value) is order.descending


def _place_of(order: Sort, record: Record) -> tuple[int, str | int]:
    """As a replica orders its records: times far in the future come last, as does what has no number."""
    if order.key == "name":
        return 0, str(record["name"]).encode().lower().decode()
    if order.key in ("updated", "created"):
        at = _count_in(record.get(f"{order.key}_at"))
        return int(at > time.time() + _DAY), at
    if order.key == "fit":
        # What a model needs is told by more than itself; no agent has such a number, and the node orders the models.
        return int("agent_id" in record), 0
    stated = record.get("parameters" if order.key == "params" else "context_length")
    # Nobody knows how many parameters 0 are
    return int(stated is None or (order.key == "params" and stated == 0)), _count_in(stated)


def _stated_vram(record: Record) -> int | None:
    needs = record.get("resource_requirements")
    vram = needs.get("min_vram_gb") if isinstance(needs, dict) else None
    return vram if type(vram) is int else None


def _count_in(told: Json) -> int:
    return told if type(told) is int else 0


def _facet_of(tree: Json) -> tuple[str, FacetValue] | None:
    """A counted value and its field; None where it is none."""
    told = tree if isinstance(tree, dict) else {}
    field, value, label, number = (told.get(name) for name in ("field", "value", "label", "records"))
    if not (isinstance(field, str) and isinstance(value, str) and isinstance(label, str)):
        return None
    if type(number) is not int or not 0 <= number <= LARGEST or max(len(value), len(label)) > _LONGEST_VALUE:
        return None
    return field, FacetValue(value, label, number)


def _mine(choices: Sequence[Choice]) -> list[Choice]:
    return [choice for choice in choices if choice.mine]


def _kinds(kind: Kind | None) -> tuple[Kind, ...]:
    return KINDS if kind is None else (kind,)


def _whole_id(identifier: str) -> str:
    """It becomes part of a path."""
    if not _HASH(identifier):
        raise ValueError(f"an id is 64 lower-case hex digits, not {identifier[:80]!r}")
    return identifier


def _id_of(kind: OpKind, record: Record) -> str:
    return str(record[ID_FIELD[kind]])


def _number(value: Json) -> int:
    return value if type(value) is int else 0


def _is_ahead(record: Record) -> bool:
    return _number(record["updated_at"]) > time.time() + _DAY


def _is_time(value: Json) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_TIME


def _are_hashes(value: object) -> TypeGuard[list[str]]:
    return (
        isinstance(value, list)
        and 0 < len(value) <= _MOST_HEADS
        and all(isinstance(one, str) and _HASH(one) for one in value)
    )


def _with_before(operations: Iterable[_Operation]) -> Iterator[HistoryEntry]:
    """Operations, the last first, with what each replaced: that comes behind it, and so an operation waits until it
    came, or for so long."""
    written: dict[str, Record | None] = {}
    waiting: deque[_Operation] = deque()
    for operation in operations:
        written[operation.entry.hash] = operation.entry.record
        waiting.append(operation)
        while waiting and (len(waiting) > _MOST_WAITING or all(one in written for one in waiting[0].entry.children)):
            yield _replacing(waiting.popleft(), written)
        if not waiting:
            written.clear()
    yield from (_replacing(operation, written) for operation in waiting)


def _replacing(operation: _Operation, written: Mapping[str, Record | None]) -> HistoryEntry:
    entry = operation.entry
    replaced = [record for one in entry.children if (record := written.get(one)) is not None]
    if entry.record is not None:
        # Of several versions the one that was shown: by it the node told what changed.
        replaced = [record for record in replaced if _paths_changed(record, entry.record) == operation.changed]
    return entry._replace(before=replaced[0] if replaced else None)


def _paths_changed(before: Record, after: Record) -> list[str]:
    if "manifest_id" in after:
        return [now.path for _, now in changed_manifest_rows(before, after)]
    return [found.path for found in differing(None, [before, after])]


def _if_match(seen: Sequence[str]) -> dict[str, str]:
    return {"if-match": f'"{revision_of(sorted(seen))}"'}


def _to_send(kind: Kind, record: Record, *, named: bool = False) -> Record:
    """A record as the Datastore takes it, whose owner and times are the signer's affair; `named`: its id counts."""
    left_out = {"owner_id", "created_at", "updated_at"}
    if not named or record.get(ID_FIELD[kind]) == NULL_HASH:
        left_out.add(ID_FIELD[kind])
    return {name: value for name, value in record.items() if name not in left_out}


_SET_BY_SIGNER = frozenset(
    ("manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at")
)


def _manifest_to_send(manifest: Record) -> Record:
    return {name: value for name, value in manifest.items() if name not in _SET_BY_SIGNER}


def _with_manifest(sent: Record, manifest: GivenManifest) -> Record:
    if manifest is ABSENT:
        return sent
    return {**sent, "manifest": None if manifest is None else _manifest_to_send(manifest)}


def _problem(told: Json) -> Problem:
    path, severity, code, sentence = (
        told.get(name) if isinstance(told, dict) else None for name in ("path", "severity", "code", "sentence")
    )
    offered = told.get("instead") if isinstance(told, dict) else None
    instead = offered[:_MOST_INSTEAD] if isinstance(offered, list) else []
    return Problem(
        safe_text(path, 200) if isinstance(path, str) else "",
        "warning" if severity == "warning" else "error",
        code if isinstance(code, str) and _CODE(code) else "unknown",
        safe_text(sentence, _LONGEST_SENTENCE) if isinstance(sentence, str) else "is not right, says the node",
        tuple(
            safe_text(value, 200) if isinstance(value, str) else value
            for value in instead
            if value is None or isinstance(value, str | int)
        ),
    )


_MOST_INSTEAD = 16
