"""The Datastore: the one door through which everything above it reads and writes the local replica.

It opens a replica and holds its parts, which have the statements:

    registry.peers      nodes and static logs to pull from, and how far each was read
    registry.log        the log as other replicas copy it, and as people look at it
    registry.elsewhere  operations by this replica's key that it did not write
    registry.drafts     forms not yet signed
    registry.searches   saved searches and the history of searches
    registry.names      local names of owners
    registry.stars      stars and notes of the person whose replica it is
    registry.news       what came from others since that person looked, and what they watch
    registry.domains    what domains said of keys, when they were asked
    registry.tokens     the tokens that this replica's node takes
    registry.rations    whom it hides and takes nothing of, how much it takes from whom, and what it left out
    registry.imports    what sources described before, and what a description is to the records that are here
    registry.hub        how it follows the log that it shares with other nodes, where it is a view of one
    registry.links      which records name which, both ways
    registry.interfaces which agents answer in which protocol
    registry.key        the key that signs
    registry.mark       how far the log was given to others: notices a replica that was put back to an older copy

What reads and writes records stands on the Datastore itself. At the end of the file: undo, which uses nothing but that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Self

from tui_registry import crdt, records
from tui_registry._lazy import lazy_exports
from tui_registry.durable import bytes_in, make_folder
from tui_registry.errors import (
    ABSENT,
    KINDS,
    Absent,
    Choice,
    GivenManifest,
    InvalidRecord,
    Kind,
    OpKind,
    Problem,
    Record,
    RegistryError,
)
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import ID_FIELD
from tui_registry.records.wire import derive_manifest_id
from tui_registry.replica.catalogue.current import (
    CHOICES_TOLD as CHOICES_TOLD,
    LEAST_ID as LEAST_ID,
    Body,
    Catalogue,
    Entry,
    Page,
    Row,
    Stats,
    revision_of,
    revision_with,
)
from tui_registry.replica.catalogue.current_manifests import ManifestEntry as ManifestEntry, Signed as Signed
from tui_registry.replica.catalogue.derived import INDEX_VERSION, indexed_share
from tui_registry.replica.catalogue.interfaces import (
    Interfaces,
    Place as Place,
    Speaker as Speaker,
    SpeakerPage as SpeakerPage,
)
from tui_registry.replica.catalogue.record_links import (
    DERIVED as DERIVED,
    MOST_COUNTED as MOST_COUNTED,
    MOST_STEPS as MOST_STEPS,
    NEEDS as NEEDS,
    PREFERS as PREFERS,
    Affected as Affected,
    Direction as Direction,
    Linked as Linked,
    LinkPage as LinkPage,
    Links,
    Node as Node,
    Walk as Walk,
)
from tui_registry.replica.catalogue.resembling import Like
from tui_registry.replica.catalogue.since_looked import News, NewsCount, Watched
from tui_registry.replica.log.batches import BESIDE, RecordChange, Reverse, Together, WriteBatch
from tui_registry.replica.log.hub_view import Followed, HubStanding, HubView, Remade
from tui_registry.replica.log.left_out import (
    EVERYBODY as EVERYBODY,
    NO_RATION as NO_RATION,
    PUSHES as PUSHES,
    REASONS as REASONS,
    KeptOut,
    LeftOut,
    LeftOutGroup,
    Ration,
    Rations,
    Reason as Reason,
    Wanted,
)
from tui_registry.replica.log.operations import Beside, Head, Log, Operation, Places, Quarantined
from tui_registry.replica.log.own_elsewhere import Elsewhere, TouchedRecord
from tui_registry.replica.log.peers import Cursor, Faces, Peer, Peers, Spoilt, Standing
from tui_registry.replica.log.record_history import (
    HistoryEntry,
    LastOperation,
    Versions,
    find_key,
    read_versions,
    same_content,
    version_at,
)
from tui_registry.replica.log.shared_log import (
    MOST_BYTES as MOST_BYTES,
    MOST_OPS as MOST_OPS,
    NO_CHAIN as NO_CHAIN,
    DoneOnce as DoneOnce,
    SharedHead as SharedHead,
    SharedLog as SharedLog,
    SharedOp as SharedOp,
    SharedTurn as SharedTurn,
    chained as chained,
)
from tui_registry.replica.log.turns import Once, Turns
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.key import Key
from tui_registry.replica.store.tables import expect_own, prepare
from tui_registry.replica.unshared import (
    MOST_NOTE as MOST_NOTE,
    TOKEN_FILE as TOKEN_FILE,
    TOKEN_SCOPES as TOKEN_SCOPES,
    Domains,
    Draft,
    Drafts,
    Own,
    OwnerNames,
    SaidBy,
    Searches,
    Stars,
    Token,
    Tokens,
    TokenScope as TokenScope,
    new_token as new_token,
)
from tui_registry.settings import data_dir as chosen_dir
from tui_registry.text import safe_text, size_bytes

if TYPE_CHECKING:
    from tui_registry.fit import Machine
    from tui_registry.query import Completion
    from tui_registry.replica.audit import Audit, VerifyReport as VerifyReport
    from tui_registry.replica.log.arrivals import (
        ApplyReport as ApplyReport,
        Arrival as Arrival,
        Arrivals,
    )
    from tui_registry.replica.log.behind_records import Manifests
    from tui_registry.replica.log.imported import (
        Comparison as Comparison,
        Described as Described,
        FieldChange as FieldChange,
        ImportRun as ImportRun,
        Imports,
    )
    from tui_registry.replica.log.judge import Rejection as Rejection
    from tui_registry.replica.log.local import LocalWrites, TakenIn as TakenIn
    from tui_registry.replica.log.mark import Mark, Restored as Restored, Shared as Shared
    from tui_registry.replica.log.purging import PurgeAmounts as PurgeAmounts, Purging
    from tui_registry.replica.search.searcher import Searcher
    from tui_registry.replica.search.vocabulary import Facets as Facets, FacetValue as FacetValue
    from tui_registry.replica.store.backup_file import Copied
else:
    # Whoever opens a replica needs the Datastore; what follows is brought when it is asked for. A checker that saw this
    # `__getattr__` would take a misspelt name for one of these.
    __getattr__ = lazy_exports(
        __name__,
        {
            **dict.fromkeys(("ApplyReport", "Arrival"), "tui_registry.replica.log.arrivals"),
            **dict.fromkeys(
                ("Comparison", "Described", "FieldChange", "ImportRun"), "tui_registry.replica.log.imported"
            ),
            "Rejection": "tui_registry.replica.log.judge",
            "TakenIn": "tui_registry.replica.log.local",
            **dict.fromkeys(("Restored", "Shared"), "tui_registry.replica.log.mark"),
            **dict.fromkeys(("Facets", "FacetValue"), "tui_registry.replica.search.vocabulary"),
            "PurgeAmounts": "tui_registry.replica.log.purging",
            "VerifyReport": "tui_registry.replica.audit",
        },
    )[0]

__all__ = [
    "Affected",
    "ApplyReport",
    "Arrival",
    "Beside",
    "Body",
    "Comparison",
    "Cursor",
    "Datastore",
    "Described",
    "DoneOnce",
    "Draft",
    "Elsewhere",
    "Entry",
    "Faces",
    "FacetValue",
    "Facets",
    "FieldChange",
    "Followed",
    "Head",
    "HistoryEntry",
    "HubStanding",
    "HubView",
    "ImportRun",
    "KeptOut",
    "LeftOut",
    "LeftOutGroup",
    "Like",
    "LinkPage",
    "Linked",
    "NewsCount",
    "NothingToUndo",
    "Once",
    "Operation",
    "Own",
    "Page",
    "Peer",
    "Places",
    "PurgeAmounts",
    "Quarantined",
    "Ration",
    "RecordChange",
    "Rejection",
    "Remade",
    "Restored",
    "Reverse",
    "Row",
    "SaidBy",
    "Shared",
    "SharedHead",
    "SharedLog",
    "SharedOp",
    "SharedTurn",
    "Spoilt",
    "Standing",
    "Stats",
    "StoreError",
    "TakenIn",
    "Together",
    "Token",
    "TouchedRecord",
    "Undo",
    "VerifyReport",
    "Versions",
    "Walk",
    "Wanted",
    "Watched",
    "WriteBatch",
    "carry_out",
    "carry_out_reverse",
    "chained",
    "plan_undo",
    "revision_of",
    "revision_with",
    "same_content",
]

DATABASE = "registry.sqlite3"

# What a search may take of whoever asks on this machine: seconds of one core.
SEARCH_WORK = 100_000_000

_STREAMED_AT_ONCE = 500
_ADDED_AT_ONCE = 1_000
# Of a word index that is made anew, so many records are in it when the replica is open, and so many go into it in one
# transaction: others who write wait a fifth of a second for it. More at the opening, as a command may do nothing else.
_INDEXED_AT_OPENING = 2_000
_INDEXED_AT_ONCE = 500
_INDEX_PAUSE_SECONDS = 0.02
_INDEX_AGAIN_SECONDS = 2.0
_INDEX_TOLD_SECONDS = 0.1
_JUDGED_AFTER_SECONDS = 1.0


def now() -> int:
    """Unix seconds."""
    return int(time.time())


class Datastore:
    """A registry's local replica. Safe to use from any thread, and beside other processes on the same directory.

    Every method may raise `StoreError` (`corrupt`, `locked`, `disk_full`, `read_only`): nothing was written then, but
    by those that write in several steps, whose error says how much was before. A mistake in a program is a TypeError or
    a ValueError in a sentence, before anything is done.
    """

    def __init__(self, data_dir: Path, pool: Pool, clock: Callable[[], int], shared: SharedLog | None = None) -> None:
        """Use `Datastore.open`."""
        self.data_dir = data_dir
        self._pool = pool
        self._clock = clock
        self.key = Key(data_dir, pool, clock)
        self.log = Log(pool, self.key, lambda: self._arrivals)
        self.hub = HubView(pool, clock, shared, judge=lambda lines: self.log.verifier.judge(lines))
        self._turns = Turns(pool, self.hub, clock)
        self.names = OwnerNames(pool)
        self.domains = Domains(pool, clock)
        self.searches = Searches(pool, clock)
        self.stars = Stars(pool, clock)
        self.news = News(pool, clock, self._counted)
        self.drafts = Drafts(pool, clock)
        self.tokens = Tokens(data_dir, pool, clock)
        self.peers = Peers(pool, clock, lambda: self._arrivals)
        self.rations = Rations(pool, clock)
        self.elsewhere = Elsewhere(pool)
        self._catalogue = Catalogue(pool, clock, self.key)
        self._closing = threading.Event()
        self._indexing: threading.Thread | None = None
        self._is_awaited = False
        # Tells the machine that `fit:runs` is about, once a search asks; None where nobody said.
        self.machine: Callable[[], Machine] | None = None
        self._beginning = threading.Lock()

    @classmethod
    def open(
        cls,
        data_dir: Path | str | None = None,
        *,
        clock: Callable[[], int] = now,
        read_only: bool = False,
        hub: SharedLog | None = None,
    ) -> Self:
        """Open the replica in `data_dir`, making it when there is none. The log is not replayed.

        Where it cannot be written, it is read (`why_read_only` says why), as long as that is safe.

        Args:
            data_dir: None for `$TUI_REGISTRY_DATA_DIR`, or else the user data directory.
            clock: gives Unix seconds.
            read_only: write nothing, even where that could be done: every write is refused.
            hub: the log whose view this replica is, or becomes where it is empty. Whoever opened that closes it, after
                the replica.

        Raises:
            StoreError: `not_a_replica`, `newer_schema`, `corrupt`, `read_only`, `unusable`, `locked`, `disk_full`.
                With a hub: `hub_other`: this folder is another hub's view, or holds a log of its own; `hub_away`: it is
                no view yet, and the hub cannot be asked. Nothing was written then.
            TypeError, ValueError: `data_dir` is no path, or an empty one.
        """
        _expect(data_dir, (str, Path, NoneType), "a data directory is a path")
        folder = chosen_dir(data_dir)
        if hub is not None and not (folder / DATABASE).exists():
            hub.head()  # before anything is made
        try:
            if not read_only and not (folder / DATABASE).exists():
                make_folder(folder)
        except OSError as error:
            raise StoreError("unusable", f"the folder {folder} cannot be made ({error.strerror})") from error
        pool = Pool(folder / DATABASE, read_only=read_only)
        try:
            is_whole, is_judged, is_kept = prepare(pool, INDEX_VERSION)
            if pool.hindrance is not None:
                # Where nothing can be written, what another version derived is read as it is.
                is_whole = is_judged = is_kept = True
        except BaseException:
            pool.close()
            raise
        registry = cls(folder, pool, clock, hub)
        try:
            if not is_whole:
                is_whole = registry._audit.bring_up_to_date(_INDEXED_AT_OPENING)
            if hub is not None:
                registry.hub.join()
        except BaseException:
            registry.close()
            raise
        if not is_whole:
            registry._catch_up(0)
        elif not (is_judged and is_kept):
            registry._catch_up(_JUDGED_AFTER_SECONDS)
        return registry

    def close(self) -> None:
        """Let go of the database; the Datastore cannot be used afterwards."""
        self._closing.set()
        if self._indexing is not None:
            self._indexing.join()
        self.log.close()
        self.tokens.close()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _catch_up(self, after: float) -> None:
        """Begin to make the word index anew, to judge what is not judged and to make what is kept of the log as a set,
        unless that goes on already, while everything else goes on; until then searches find what is in the index, and
        say so. It ends with the Datastore, and goes on where it ended when the replica is opened again.

        Args:
            after: begin so many seconds later: commands that only look end before.
        """

        def records() -> int:
            return _INDEXED_AT_OPENING if self._is_awaited else _INDEXED_AT_ONCE

        def make() -> None:
            pause = after
            while not self._closing.wait(pause):
                pause = _INDEX_PAUSE_SECONDS
                try:
                    for _ in self._audit.pieces(records):
                        if self._closing.wait(0.0 if self._is_awaited else pause):
                            return
                    return
                except StoreError as error:
                    # What keeps it from being written is told to whoever writes; what may pass is waited for.
                    if error.code not in ("locked", "disk_full"):
                        return
                    pause = _INDEX_AGAIN_SECONDS

        with self._beginning:
            if (self._indexing is None or not self._indexing.is_alive()) and not self._closing.is_set():
                self._indexing = threading.Thread(target=make, name="catching up", daemon=True)
                self._indexing.start()

    @property
    def why_read_only(self) -> str:
        """Why nothing can be written, as the end of a sentence; empty where it can be, as far as was looked."""
        hindrance = self._pool.hindrance
        return "" if hindrance is None else hindrance.reason

    def expect_writable(self) -> None:
        """See to it that the replica can be written, before something is asked or fetched that would be lost.

        Raises:
            StoreError: `read_only`, `disk_full` or `hub_view`: why it cannot be, and what to do.
        """
        self._pool.expect_writable()
        if self.hub.shared is None:
            with self._pool.read() as db:
                expect_own(db)

    def now(self) -> int:
        """Unix seconds, by the clock that this replica was opened with."""
        return self._clock()

    def expect_room(self, most: int | None) -> None:
        """See to it that the replica has room for what comes from others.

        Args:
            most: bytes that its files may take, None for as much as the disk has.

        Raises:
            StoreError: `no_room`: they take as much already.
        """
        if most is not None and (taken := bytes_in(self.data_dir)) >= most:
            raise StoreError(
                "no_room",
                f"this replica takes {size_bytes(taken)}, and may take {size_bytes(most)} (room_bytes of [sync] in the "
                "settings). Allow it more, or purge an owner: the next sync goes on from here",
            )

    @property
    def address(self) -> str:
        """The address of this replica's key, 40 hex digits; makes the key at first use. Forty zeros where there is none
        and none can be made."""
        return self.key.address

    # Finding

    def search(
        self,
        query: str = "",
        *,
        kind: Kind | None = None,
        sort: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        backwards: bool = False,
        unwanted: Callable[[], bool] | None = None,
        whole: bool = False,
        strict: bool = False,
        own_names: bool = True,
        named_first: bool = False,
        work: int = SEARCH_WORK,
        counted: bool = True,
        stored: bool = False,
    ) -> Page:
        """A window of the records that match a query (`query.GRAMMAR`, with `@name` for saved searches).

        Args:
            sort: used when the query names none: a key of the grammar's `sort:`, with `-` for descending.
            limit: rows in the window, at least 1; 1,000 are given at most.
            cursor: `Page.next` of the window before.
            backwards: from the end: without a cursor the last window, then the one before it, each in forward order.
                The order of relevance has no end to begin from: the last updated come first then.
            unwanted: asked now and then; once it is true the search stops.
            whole: nothing is still being typed: an unfinished end of the query is refused, not left out.
            strict: a field that there is not is refused, never read as words, and no word of a command is left out.
            own_names: whether saved searches and local names of owners are known. They are this replica's own: what
                strangers ask is asked without.
            named_first: in the order of relevance, of names that fit as well one's own come first, and those of keys
                that have a name here. As that is local too, it goes with `own_names` alone.
            work: so many steps of SQLite's machine it may take, besides its time: what strangers ask takes a bounded
                amount of the processor, however busy that is. Five million are enough for all that people type at 10^6
                records.
            counted: whether it is to be known how many match. To count is often more than half of the work; without,
                `Page.total` is no more than the rows of the window.
            stored: whether the records are wanted as they are stored, as `Page.bodies`, and no rows of them.

        Raises:
            QueryError: the query cannot be read, or the cursor is of another query, kind, order or direction.
            StoreError: `interrupted`, when it took too long or too much work, or became unwanted.
        """
        _expect(query, str, "a query is text")
        _expect(sort, (str, NoneType), "an order is text")
        _expect(cursor, (str, NoneType), "a cursor is text")
        _expect_kind_or_none(kind)
        _expect(limit, int, "a limit is a whole number of rows")
        if limit < 1:
            raise ValueError(f"a limit is 1 row or more, not {limit}")
        return self._searcher.search(
            query,
            kind,
            sort,
            limit,
            cursor,
            backwards=backwards,
            unwanted=unwanted,
            whole=whole,
            strict=strict,
            own_names=own_names,
            named_first=named_first and own_names,
            work=work,
            counted=counted,
            stored=stored,
        )

    def is_partial(self, query: str, *, strict: bool = False) -> bool:
        """Whether the answer to a query may miss records, because the word index is being made anew.

        Raises:
            QueryError: as `search`, of a whole query.
        """
        return self._indexing is not None and self._searcher.is_partial(query, strict=strict)

    def finish_index(self, seconds: float, progress: Callable[[int, int], None]) -> bool:
        """Wait for the word index, which is made without a pause meanwhile; whether it is whole.

        Args:
            seconds: the longest to wait.
            progress: told now and then how many of the records are in it, and of how many.
        """
        if self._indexing is None:
            return True
        self._is_awaited = True
        until = time.monotonic() + seconds
        done, of = self._searcher.indexed()
        while done < of and self._indexing.is_alive() and time.monotonic() < until:
            progress(done, of)
            self._indexing.join(_INDEX_TOLD_SECONDS)
            done, of = self._searcher.indexed()
        self._is_awaited = False
        return done == of

    def facets(
        self,
        query: str = "",
        *,
        kind: Kind | None = None,
        unwanted: Callable[[], bool] | None = None,
        whole: bool = False,
        strict: bool = False,
        own_names: bool = True,
        work: int = SEARCH_WORK,
    ) -> Facets:
        """What the matches of a query have in common, counted; arguments and errors as for `search`."""
        _expect(query, str, "a query is text")
        _expect_kind_or_none(kind)
        return self._searcher.facets(
            query, kind, unwanted=unwanted, whole=whole, strict=strict, own_names=own_names, work=work
        )

    def known_values(self, field: str, prefix: str = "", limit: int = 20) -> list[FacetValue]:
        """The values that records here have, the most frequent first, for completion.

        Args:
            field: `kind`, `type`, `framework`, `license`, `quant`, `tag`, `cap` or `tool`.
            prefix: how they begin, in any case.
        """
        return self._searcher.known_values(field, prefix, limit)

    def complete(self, text: str, cursor: int) -> list[Completion]:
        """What could be typed at the cursor of a query: fields, values that exist with their counts, saved searches."""
        return self._searcher.complete(text, cursor)

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
        whole: bool = False,
        strict: bool = False,
        told: Callable[[str], None] | None = None,
    ) -> Iterator[Entry]:
        """Every matching record in full, in the order of `search` and with its arguments, read window by window.

        Args:
            told: is given each of the notes of `Page`, before the first record.
        """
        cursor = None
        while True:
            page = self.search(
                query, kind=kind, sort=sort, limit=_STREAMED_AT_ONCE, cursor=cursor, whole=whole, strict=strict
            )
            if told is not None:
                for note in page.notes:
                    told(note)
            for row in page.rows:
                entry = self.entry(row.id, row.kind)
                if entry is not None:  # deleted since the window was read
                    yield entry
            cursor = page.next
            if cursor is None:
                return

    def find(
        self, prefix: str, kind: Kind | None = None, *, deleted: bool = False, own: bool = False, by_name: bool = True
    ) -> tuple[Kind, str]:
        """The record that is meant: by its id, the beginning of one that only it has, or a name that only it has.

        Args:
            prefix: an id always wins; what has twelve hex digits or more is never read as a name.
            deleted: also among the deleted ones; by name among those of this replica's key.
            own: first among the records of this replica's key, and among all others where none of these is meant.
            by_name: False: by ids alone.

        Raises:
            StoreError: `not_found`, or `ambiguous` with the choices.
        """
        _expect(prefix, str, "the beginning of an id is text")
        _expect_kind_or_none(kind)
        return self._catalogue.find(prefix, kind, deleted=deleted, own=own, by_name=by_name)

    def named(self, name: str, kind: Kind | None = None) -> list[Choice]:
        """The first of the records that have a name, in any case where none has exactly that."""
        _expect(name, str, "a name is text")
        _expect_kind_or_none(kind)
        return self._catalogue.named(name, kind)

    def beginning(self, name: str, *, own: bool = False, limit: int = 20) -> list[Choice]:
        """Records whose names begin so, in any case, by name; with `own` those of this replica's key alone."""
        _expect(name, str, "a name is text")
        return self._catalogue.beginning(name, own=own, limit=limit)

    # Looking at one record

    def entry(self, identifier: str, kind: Kind | None = None) -> Entry | None:
        """The current record with that id (64 hex digits) in full, None when there is none."""
        _expect_kind_or_none(kind)
        return self._catalogue.entry(identifier, kind)

    def bodies(self, identifiers: Sequence[str]) -> list[Body]:
        """The current records with these ids (64 hex digits) as they are stored, in that order, without those that
        there are not. They are not decoded, and so cost a small part of what `entry` does."""
        _expect(identifiers, (list, tuple), "ids are a list of texts")
        return self._catalogue.bodies(identifiers)

    def get_model(self, model_id: str) -> records.AIModel | None:
        """The current model with that id, None when there is none."""
        entry = self.entry(model_id, "model")
        return None if entry is None else records.AIModel.from_plain(entry.record)

    def get_agent(self, agent_id: str) -> records.AIAgent | None:
        """The current agent with that id, None when there is none."""
        entry = self.entry(agent_id, "agent")
        return None if entry is None else records.AIAgent.from_plain(entry.record)

    def heads(self, identifier: str) -> tuple[str, ...]:
        """All heads of a key, ascending; empty for an id never seen."""
        return self._catalogue.heads(identifier)

    def history(self, identifier: str, *, limit: int | None = None, before: int | None = None) -> list[HistoryEntry]:
        """The ops of a record, deleted or not, the last arrived first.

        Args:
            limit: at most so many, None for all.
            before: only those at a lower place in the log than this one.
        """
        return self.log.history(identifier, limit, before)

    def versions(self, identifier: str) -> Versions | None:
        """The live versions of a record, each in full, and the nearest one that all come from; None when there is no
        such record. Several of them are a conflict, which `resolve` settles."""
        with self._pool.read() as db:
            key = find_key(db, identifier)
            return None if key is None else read_versions(db, key)

    def record_at(self, identifier: str, at: int | str) -> HistoryEntry:
        """A record as it was.

        Args:
            identifier: 64 hex digits.
            at: a moment (Unix seconds), by the times at which its operations say that they were written; or one of its
                operations, by the beginning of its hash.

        Returns:
            The version that was shown then; where the record was deleted, the removal (`record` is None).

        Raises:
            StoreError: `not_found` (also for a moment before the first operation), `ambiguous`, `other_record`.
        """
        _expect(at, (int, str), "a moment is Unix seconds, an operation the beginning of its hash")
        if isinstance(at, str):
            return self.log.version(at, identifier)
        with self._pool.read() as db:
            key = find_key(db, identifier)
            if key is None:
                raise StoreError("not_found", f"there is no record {identifier[:12]} here, and never was")
            return version_at(db, key, at)

    def conflicts(self, limit: int = 1000) -> list[Row]:
        """The records with more than one live head, those of this replica's key first, then the last updated."""
        return self._catalogue.conflicts(limit)

    def check(self, kind: Kind, record: Record, manifest: GivenManifest = ABSENT) -> list[Problem]:
        """The authoring rules, with what is known in this registry.

        Args:
            manifest: what is to stand behind it: the paths of its problems begin with `manifest.`
        """
        _expect_record(kind, record)
        return self._catalogue.check(kind, record, manifest)

    def would_add(self, kind: Kind, record: Record) -> Record:
        """The record that `add` would sign just now, with its id, owner and times. Nothing is written, and no rule is
        asked.

        Raises:
            StoreError: `already_registered`, `not_owner`, `bad_key`.
        """
        _expect_record(kind, record)
        return self._local.would_add(kind, record)

    # Writing: durable when a call returns, and signed by this replica's key

    def done(self, once: Once) -> crdt.AnyOp | None:
        """What came of a request of the last 24 hours (`once` of the methods below), None where nothing did.

        Raises:
            StoreError: `key_reused`: its key stands for another request.
        """
        return self._turns.done(once)

    def add(
        self, kind: Kind, record: Record, *, manifest: GivenManifest = ABSENT, once: Once | None = None
    ) -> crdt.AnyOp:
        """Register a plain record; id, owner and times are set here, `op.key` tells the id.

        Args:
            manifest: what is to stand behind it, written in the same transaction; plain, and its ids, owner, names and
                times are set here.
            once: the request that asks for it, which may be asked for again: what came of it before is given then, and
                nothing is written.

        Raises:
            InvalidRecord: it breaks an authoring rule, or its manifest does: the paths of that begin with `manifest.`
            StoreError: `already_registered`, `not_owner`, `bad_key`, `key_reused`; `changed` where an id that is
                registered again has a manifest by now.
        """
        self._refuse_errors(kind, record, manifest)
        return self._local.add(kind, record, once, manifest=manifest)

    def add_all(
        self,
        records: Iterable[tuple[Kind, Record] | tuple[Kind, Record, GivenManifest]],
        *,
        together: Together | None = None,
    ) -> Iterator[crdt.AnyOp | RegistryError]:
        """Register many records, a thousand to a transaction; gives the record's op or the error of each, in order.

        A record that is refused does not stop the others. Records of one name take one second each.

        Args:
            records: each with its manifest, as for `add`, where it has one.
            together: the writes that they are part of, such as an import: they are undone as one.

        Raises:
            StoreError: the replica cannot be written, or `bad_key`; what was given before is on disk.
            TypeError, ValueError: an item is no record of a kind; what was given before is on disk then too.
        """
        stream = iter(records)
        most = self._turns.at_once(_ADDED_AT_ONCE)
        while chunk := list(islice(stream, most)):
            for kind, record, *_ in chunk:
                _expect_record(kind, record)
            whole = [item if len(item) == 3 else (*item, ABSENT) for item in chunk]
            yield from self._local.add_all(whole, bulk=len(chunk) == most, together=together)

    def take_in(
        self, entries: Iterable[Described], run: ImportRun, *, register: bool = False, update: bool = False
    ) -> Iterator[TakenIn]:
        """Sign what sources describe that is not here as they describe it, a thousand to a transaction; gives what
        became of each, in order. Everything else that writes registers anew; this is the same twice as once.

        What is here already is found and compared as by `imports.compare`, and remembered, all in that transaction.

        Args:
            run: the import that the entries are part of; its writes are undone as one.
            register: what is new is registered, also where it was registered before and deleted here.
            update: what is new is registered, and the changes of what is here are signed. What was deleted here stays
                deleted, if this is asked for alone.

        Raises:
            StoreError: the replica cannot be written, or `bad_key`; what was given before is on disk.
            ValueError: neither is asked for.
        """
        if not (register or update):
            raise ValueError("`register`, `update` or both say what may be signed")
        stream = iter(entries)
        most = self._turns.at_once(_ADDED_AT_ONCE)
        while chunk := list(islice(stream, most)):
            yield from self._local.take_in(chunk, run, register=register, update=update, bulk=len(chunk) == most)

    def change_all(
        self, changes: Iterable[RecordChange], *, together: Together, undoes: int | None = None
    ) -> Iterator[crdt.AnyOp | RegistryError]:
        """Edit, delete or bring back many records, a thousand to a transaction; gives the op or the error of each.

        Args:
            changes: no record twice.
            together: the writes that they are part of: they are undone as one.
            undoes: the number of the batch that they take back (`log.reverse` tells how).

        Raises:
            StoreError: the replica cannot be written, or `bad_key`; what was given before is on disk.
        """
        stream, written = iter(changes), 0
        most = self._turns.at_once(_ADDED_AT_ONCE)
        while chunk := list(islice(stream, most)):
            try:
                outcomes = self._local.change_all(chunk, bulk=len(chunk) == most, together=together)
            except StoreError as error:
                raise error.after(written) from error
            written += sum(not isinstance(outcome, RegistryError) for outcome in outcomes)
            yield from outcomes
        # At the end: where it ends early, what is left can still be taken back.
        if undoes is not None and written:
            self._local.mark_undone(undoes)

    def update(
        self,
        kind: Kind,
        identifier: str,
        record: Record,
        seen: Sequence[str],
        *,
        manifest: GivenManifest = ABSENT,
        manifest_seen: Sequence[str] = (),
        once: Once | None = None,
    ) -> crdt.AnyOp:
        """Write a new value on top of the heads that the caller was shown (`Entry.heads`).

        Args:
            manifest: what is to stand behind it, None for nothing, written in the same transaction. One that says what
                stands there already is not written again.
            manifest_seen: `ManifestEntry.heads` as the caller was shown them, where `manifest` is given.
            once: as for `add`.

        Raises:
            InvalidRecord: as for `add`.
            StoreError: `conflict` when several versions are live, whatever heads are named: `resolve` settles them;
                `changed` when the record or its manifest has other heads by now; `not_found`, `not_owner`, `bad_key`,
                `key_reused`.
        """
        _expect_heads(seen)
        _expect_heads(manifest_seen)
        self._refuse_errors(kind, record, manifest, identifier)
        return self._local.update(kind, identifier, record, seen, once, manifest=manifest, manifest_seen=manifest_seen)

    def delete(self, kind: Kind, identifier: str, seen: Sequence[str], *, once: Once | None = None) -> crdt.AnyOp:
        """Remove the record as the caller was shown it.

        Args:
            once: as for `add`.

        Raises:
            StoreError: `conflict`, `changed`, `not_found`, `not_owner`, `bad_key`, `key_reused`.
        """
        _expect_kind(kind)
        _expect_heads(seen)
        return self._local.delete(kind, identifier, seen, once)

    def resolve(
        self, kind: Kind, identifier: str, record: Record | None, seen: Sequence[str], *, once: Once | None = None
    ) -> crdt.AnyOp:
        """Settle a conflict by one write that names every head, or with None by a removal of all versions.

        It is for those who were shown what each version says (`versions`): nothing else settles a conflict.

        Args:
            seen: `Versions.heads`.
            once: as for `add`.

        Raises:
            InvalidRecord: the value breaks an authoring rule.
            StoreError: `no_conflict` when one version is live; `changed`, `not_found`, `not_owner`, `bad_key`,
                `key_reused`.
        """
        _expect_kind(kind)
        _expect_heads(seen)
        if record is not None:
            self._refuse_errors(kind, record)
        return self._local.resolve(kind, identifier, record, seen, once)

    # The same in types

    def add_model(self, model: records.AIModel) -> crdt.ModelOp:
        """`add` for a model."""
        return _model_op(self.add("model", _plain("model", model)))

    def add_agent(self, agent: records.AIAgent) -> crdt.AgentOp:
        """`add` for an agent."""
        return _agent_op(self.add("agent", _plain("agent", agent)))

    def update_model(self, model_id: str, model: records.AIModel, seen: Sequence[str]) -> crdt.ModelOp:
        """`update` for a model."""
        return _model_op(self.update("model", model_id, _plain("model", model), seen))

    def update_agent(self, agent_id: str, agent: records.AIAgent, seen: Sequence[str]) -> crdt.AgentOp:
        """`update` for an agent."""
        return _agent_op(self.update("agent", agent_id, _plain("agent", agent), seen))

    def delete_model(self, model_id: str, seen: Sequence[str]) -> crdt.ModelOp:
        """`delete` for a model."""
        return _model_op(self.delete("model", model_id, seen))

    def delete_agent(self, agent_id: str, seen: Sequence[str]) -> crdt.AgentOp:
        """`delete` for an agent."""
        return _agent_op(self.delete("agent", agent_id, seen))

    def resolve_model(self, model_id: str, model: records.AIModel | None, seen: Sequence[str]) -> crdt.ModelOp:
        """`resolve` for a model."""
        return _model_op(self.resolve("model", model_id, None if model is None else _plain("model", model), seen))

    def resolve_agent(self, agent_id: str, agent: records.AIAgent | None, seen: Sequence[str]) -> crdt.AgentOp:
        """`resolve` for an agent."""
        return _agent_op(self.resolve("agent", agent_id, None if agent is None else _plain("agent", agent), seen))

    # The replica as a whole

    def apply(
        self,
        ops: Iterable[bytes | crdt.Op],
        *,
        source: str = "",
        keep_pending: bool = True,
        ration: Ration | None = None,
    ) -> ApplyReport:
        """Take operations from elsewhere: verified, appended in batches, each batch in one transaction.

        Args:
            ops: each as bytes without a line end, or as `parse_op` gives it; a children-first order is quickest, any
                order works.
            source: who sent them, for the quarantine.
            keep_pending: whether ops whose children are not here are kept for later.
            ration: what they have to fit besides this replica's own (`rations`); what is over it is left out.

        Returns:
            What became of them; an invalid op is reported, it never stops the others.

        Raises:
            TypeError: one of them is neither bytes nor an op. Nothing of a list is stored then; of a stream, batches
                before it may be.
        """
        lines = map(_line, ops)
        whole = [*lines] if isinstance(ops, Sequence) else lines
        return self._arrivals.apply(whole, source, keep_pending=keep_pending, ration=ration)

    def release_due(self) -> int:
        """Take in what waits here for operations that the hub's log brought: following releases nothing, as that would
        append what the shared log has not. How many operations came in.

        Raises:
            StoreError: as for every write on a hub.
        """
        return self._arrivals.release_due(self.hub.released)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> VerifyReport:
        """Re-check every stored op, rebuild what is derived, and say what was found. Where nothing can be written, it
        is compared, and nothing is repaired.

        Args:
            progress: called with ops done and ops in all.
        """
        return self._audit.verify(progress or (lambda *_: None))

    def plan_purge(self, *, owner: str | None = None, peer: str | None = None) -> PurgeAmounts:
        """What `purge` would take; nothing is written. Arguments and errors as there."""
        return self._purging.plan(owner=owner, peer=peer)

    def purge_places(self, owner: str) -> list[int]:
        """Where the operations stand that `purge` would take of an owner, ascending; nothing is written.

        Raises:
            StoreError: `bad_owner`, `own_key`.
        """
        return self._purging.places(owner)

    def purge(self, *, owner: str | None = None, peer: str | None = None) -> PurgeAmounts:
        """Rewrite the log without some records, under a new epoch, in one transaction, and give the room back to the
        disk. Others' copies stay.

        Args:
            owner: everything of this address (40 hex digits), which is blocked from then on: what others have of it is
                left out.
            peer: what only this source brought: the records of which every operation came first from it, but for those
                of this replica's own key. What other peers have of it comes back at the next sync with them.

        Returns:
            What was taken; where nothing is left to take, only the room is given back.

        Raises:
            StoreError: `bad_owner`, `own_key`; nothing was taken then.
            ValueError: not one of the two is named.
        """
        if (owner is None) == (peer is None):
            raise ValueError("a purge is of an owner, or of what a peer brought")
        return self._purging.purge(owner=owner, peer=peer)

    def quick_check(self) -> list[str]:
        """What is wrong with the database as a file: a few of SQLite's own sentences, none where all is well. It reads
        the whole file, and no operation is looked at (`verify`)."""
        return self._audit.quick_check()

    def indexed_share(self) -> float:
        """How much of the word index is made, from 0 to 1: below 1 searches find what is in it."""
        with self._pool.read() as db:
            return indexed_share(db)

    def copy_to(self, path: Path, shown: Path) -> Copied:
        """Copy the database as it is at one moment into a new file, while others write on; `backup` makes one of it.

        Args:
            shown: what the file is called in sentences.

        Raises:
            StoreError: also where the file cannot be written. OSError.
        """
        from tui_registry.replica.store.backup_file import copy_database  # for a backup alone

        return copy_database(self._pool, path, shown)

    def stats(self) -> Stats:
        """Counts of what is here."""
        return self._catalogue.stats()

    def changes(self) -> int:
        """A number that changes with every commit, here or by another process. It is cheap to poll."""
        return self._pool.data_version()

    # How

    def _counted(self, query: str) -> tuple[int, bool]:
        page = self.search(query, limit=1, strict=True)
        return page.total, page.exact

    # How: what a command that only looks at a record does without

    @cached_property
    def mark(self) -> Mark:
        """How far the log was given to others, remembered outside the data directory."""
        from tui_registry.replica.log.mark import Mark

        return Mark(self._pool, self.log, self.hub, self._clock)

    @cached_property
    def _searcher(self) -> Searcher:
        from tui_registry.replica.search.searcher import Searcher

        return Searcher(
            self._pool,
            self._clock,
            self.key,
            self.searches,
            self.names,
            judge_behind=lambda: self._catch_up(0),
            machine=lambda: None if self.machine is None else self.machine(),
        )

    @cached_property
    def imports(self) -> Imports:
        """What sources described before, and what is described again."""
        from tui_registry.replica.log.imported import Imports

        return Imports(self._pool, self._clock, self.key)

    @cached_property
    def _arrivals(self) -> Arrivals:
        from tui_registry.replica.log.arrivals import Arrivals

        return Arrivals(self._pool, self._turns, self._clock, self.log.verifier)

    @cached_property
    def _audit(self) -> Audit:
        from tui_registry.replica.audit import Audit

        return Audit(self._pool, self.hub)

    @cached_property
    def _purging(self) -> Purging:
        from tui_registry.replica.log.purging import Purging

        return Purging(self._pool, self._clock)

    @cached_property
    def _local(self) -> LocalWrites:
        from tui_registry.replica.log.local import LocalWrites

        return LocalWrites(self._pool, self._turns, self._clock, self.key)

    @cached_property
    def links(self) -> Links:
        """What the records are to one another: who needs what, and what was made from what."""
        return Links(self._pool, self.key)

    @cached_property
    def interfaces(self) -> Interfaces:
        """Which agents answer in which protocol."""
        return Interfaces(self._pool)

    @cached_property
    def manifests(self) -> Manifests:
        """What stands behind the records: where their bytes are, what they were made from, whether they are still to
        be used."""
        from tui_registry.replica.log.behind_records import Manifests

        return Manifests(self._pool, lambda: self._local)

    def _refuse_errors(
        self, kind: Kind, record: Record, manifest: GivenManifest = ABSENT, identifier: str | None = None
    ) -> None:
        _expect(manifest, (dict, NoneType, Absent), "a manifest is a dict, None for none, or `ABSENT`")
        _expect_record(kind, record)
        named = {**record, ID_FIELD[kind]: identifier} if identifier and manifest is not ABSENT else record
        problems = self.check(kind, named, manifest)
        if any(problem.severity == "error" for problem in problems):
            raise InvalidRecord(tuple(problems))


# How: what a program hands in, looked at before anything is done with it


def _expect(value: object, types: type | tuple[type, ...], what: str) -> None:
    """
    Args:
        types: those that the value may be of.
        what: what it must be, as the sentence begins.
    """
    if not isinstance(value, types):
        raise TypeError(f"{what}, not {type(value).__name__}")


def _expect_kind(kind: object) -> None:
    if kind not in KINDS:
        raise ValueError(f"a kind is {' or '.join(map(repr, KINDS))}, not {kind!r}")


def _expect_kind_or_none(kind: object) -> None:
    if kind is not None:
        _expect_kind(kind)


def _expect_record(kind: object, record: object) -> None:
    _expect_kind(kind)
    _expect(record, dict, "a plain record is a dict (`to_plain` makes one of a typed record)")


def _expect_heads(seen: object) -> None:
    # One text is a sequence of texts too, and would only ever be told that the record has changed.
    _expect(seen, (list, tuple, set, frozenset), "the heads that were seen are a list of hashes")


def _plain(kind: Kind, record: records.AIModel | records.AIAgent) -> Record:
    typed = records.AIModel if kind == "model" else records.AIAgent
    _expect(record, typed, f"`add_{kind}` and `update_{kind}` take an {typed.__name__}")
    return record.to_plain()


def _line(op: bytes | crdt.Op) -> bytes:
    if isinstance(op, bytes):
        return op
    _expect(op, crdt.Op, "an operation is bytes (`to_json` gives them), or what `parse_op` gives")
    return op.to_json()


def _model_op(op: crdt.AnyOp) -> crdt.ModelOp:
    assert isinstance(op, crdt.ModelOp)
    return op


def _agent_op(op: crdt.AnyOp) -> crdt.AgentOp:
    assert isinstance(op, crdt.AgentOp)
    return op


# Undo, as a registry can: one more operation, which restores what was there before


class NothingToUndo(RegistryError):
    """The last operation on a record cannot be undone; code `undo`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("undo", sentence)


class Undo(NamedTuple):
    """What undoing the last operation on a record, or on its manifest where that came later, would do.

    Attributes:
        kind, id: of the record. of: what the operation wrote: the record, or its manifest.
        now: the value that is there, None where it is deleted.
        then: the value that comes back, None where it goes.
        manifest: what becomes of the manifest with the record, as both were written as one; `ABSENT`: nothing.
        manifest_now: the manifest that is there, where `manifest` says what becomes of it.
        seen: the heads that are there now, of what was written. manifest_seen: of the manifest that goes with it.
        name: safe and short.
        batch: the writes that the last operation was part of, where there were several that are not undone yet.
    """

    kind: Kind
    id: str
    of: OpKind
    now: Record | None
    then: Record | None
    manifest: GivenManifest
    manifest_now: Record | None
    seen: tuple[str, ...]
    manifest_seen: tuple[str, ...]
    name: str
    batch: WriteBatch | None


def plan_undo(datastore: Datastore, record_id: str, of_manifest: bool | None = None) -> Undo:
    """What undoing the last operation on a record would do; nothing is written.

    Args:
        record_id: an id, or a beginning that only it has.
        of_manifest: undo what was written to its manifest last, or to the record itself; None: the later of the two.
            What was written in one transaction is undone in one, whichever was named.

    Raises:
        NothingToUndo: it is another key's, or more than one version is live.
        RegistryError: there is no such record.
    """
    kind, record_id = datastore.find(record_id, deleted=True)
    last = datastore.log.last_operation(record_id)
    if last is None:
        raise NothingToUndo(f"there is no {kind} {record_id[:12]} here")
    if not last.mine:
        raise NothingToUndo("only the key that signed the last operation can undo it")
    record = last.record or last.before
    name = f"“{safe_text(str(record['name']), 60)}”" if record is not None else ""
    behind = datastore.log.last_operation(derive_manifest_id(record_id))
    both = behind is not None and _are_one(datastore, last, behind)
    alone = behind is not None and not both and (behind.place > last.place if of_manifest is None else of_manifest)
    if behind is not None and last.record is not None and (both or alone):
        _expect_one_version(behind, f"manifest of the {kind}", f"manifest resolve {record_id[:12]}")
    if behind is not None and last.record is not None and alone:
        batch = _batch(datastore, behind)
        return Undo(
            kind, record_id, "manifest", behind.record, behind.before, ABSENT, None, behind.heads, (), name, batch
        )
    _expect_one_version(last, kind, f"resolve {record_id[:12]}")
    if last.did == "settled" and same_content(last.record, last.before):
        raise NothingToUndo(
            "the last operation settled a conflict and kept the version that was shown: the others stand in the "
            f"history (`history {record_id[:12]}`), and each can be restored from there"
        )
    if last.record is None and last.before is None:
        raise NothingToUndo("what was deleted is not in this replica's history")
    plan = Undo(
        kind, record_id, kind, last.record, last.before, ABSENT, None, last.heads, (), name, _batch(datastore, last)
    )
    if behind is None:
        return plan
    # A record takes its manifest with it, in one transaction and so of one time.
    went_too = last.record is None and behind.record is None and behind.updated_at == last.updated_at
    if both or (went_too and behind.before is not None):
        return plan._replace(manifest=behind.before, manifest_now=behind.record, manifest_seen=behind.heads)
    if last.record is None and of_manifest:
        raise NothingToUndo(f"its {kind} is deleted: bring that back first (`restore {record_id[:12]}`)")
    if last.before is None and behind.record is not None:  # the whole record goes, and what stands behind it
        return plan._replace(manifest=None, manifest_now=behind.record, manifest_seen=behind.heads)
    return plan


def _are_one(datastore: Datastore, record: LastOperation, manifest: LastOperation) -> bool:
    """Whether a record and its manifest were written last in one transaction: those are one batch without a label, or
    in a larger one they follow each other."""
    batch = datastore.log.batch_of(record.place)
    beside = datastore.log.batch_of(manifest.place)
    same = batch is not None and beside is not None and batch.number == beside.number
    return same and batch is not None and (batch.label == BESIDE or manifest.place == record.place + 1)


def _expect_one_version(last: LastOperation, what: str, settle: str) -> None:
    if last.live_heads > 1:
        raise NothingToUndo(
            f"the {what} is in conflict, {last.live_heads} versions of it are live: settle that first (`{settle}`)"
        )


def _batch(datastore: Datastore, last: LastOperation) -> WriteBatch | None:
    batch = datastore.log.batch_of(last.place)
    several = batch is not None and batch.ops > 1 and not batch.undone and batch.label != BESIDE
    return batch if several else None


def carry_out(datastore: Datastore, undo: Undo) -> crdt.AnyOp:
    """Sign and store what was planned.

    Raises:
        RegistryError: the record changed meanwhile, or what comes back breaks a rule of today.
    """
    if undo.of == "manifest":
        if undo.then is None:
            return datastore.manifests.delete(undo.id, undo.seen)
        return datastore.manifests.set(undo.id, undo.then, undo.seen)
    if undo.then is None:
        return datastore.delete(undo.kind, undo.id, undo.seen)
    if undo.now is None:
        return datastore.add(undo.kind, undo.then, manifest=undo.manifest)
    return datastore.update(
        undo.kind, undo.id, undo.then, undo.seen, manifest=undo.manifest, manifest_seen=undo.manifest_seen
    )


def carry_out_reverse(datastore: Datastore, reverse: Reverse) -> list[RegistryError]:
    """Take a batch back, as one batch that can be taken back in its turn.

    Returns:
        Why records stayed as they are that changed meanwhile, or whose version of before breaks a rule of today.

    Raises:
        StoreError: the replica cannot be written; what was written before is on disk.
    """
    together = Together(f"undo of {reverse.batch.label}")
    done = datastore.change_all(reverse.changes, together=together, undoes=reverse.batch.number)
    return [outcome for outcome in done if isinstance(outcome, RegistryError)]
