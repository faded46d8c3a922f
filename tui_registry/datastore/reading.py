"""The reading part of the Datastore: plain rows, no pydantic, no keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tui_registry.datastore.doors import expect, expect_kind, expect_kind_or_none, expect_record
from tui_registry.datastore.searching import Searching
from tui_registry.errors import Kind, Problem, Record
from tui_registry.replica import catalogue
from tui_registry.replica.reports import HistoryEntry
from tui_registry.replica.rows import Entry, Page, Row, Stats

if TYPE_CHECKING:
    from tui_registry.records import AIAgent, AIModel
    from tui_registry.replica.before import LastOperation
    from tui_registry.replica.operations import Operations

_STREAMED_AT_ONCE = 500


class Reading(Searching):
    """Listing and looking at records."""

    def changes(self) -> int:
        """A number that is another one whenever anything was committed, here or by another process. Cheap: poll it."""
        return self._pool.data_version()

    def stats(self) -> Stats:
        """Counts of what is here."""
        with self._pool.read() as db:
            row = db.execute(
                "SELECT models, agents, size, conflicts, (SELECT count(*) FROM pending), "
                "(SELECT count(*) FROM rejected), (SELECT coalesce(sum(unsupported), 0) FROM peers) FROM replica"
            ).fetchone()
        return Stats(*row)

    def list_models(self, *, sort: str | None = None, limit: int = 100, cursor: str | None = None) -> Page:
        """A window of all models, the last updated first; arguments as for `search`."""
        return self.search(kind="model", sort=sort, limit=limit, cursor=cursor)

    def list_agents(self, *, sort: str | None = None, limit: int = 100, cursor: str | None = None) -> Page:
        """A window of all agents; see `list_models`."""
        return self.search(kind="agent", sort=sort, limit=limit, cursor=cursor)

    def entries(
        self, query: str = "", *, kind: Kind | None = None, sort: str | None = None, whole: bool = False
    ) -> Iterator[Entry]:
        """Every matching record in full, in the order of `search` and with its arguments, read window by window."""
        cursor = None
        while True:
            page = self.search(query, kind=kind, sort=sort, limit=_STREAMED_AT_ONCE, cursor=cursor, whole=whole)
            for row in page.rows:
                entry = self.entry(row.id, row.kind)
                if entry is not None:  # deleted since the window was read
                    yield entry
            cursor = page.next
            if cursor is None:
                return

    def entry(self, identifier: str, kind: Kind | None = None) -> Entry | None:
        """The current record with that id (64 hex digits) in full, None when there is none."""
        expect_kind_or_none(kind)
        with self._pool.read() as db:
            found = catalogue.read_entry(db, identifier, kind, address=self._known_address(db), now=self._clock())
            if found is None:
                return None
            return found._replace(problems=tuple(self._check(db, found.kind, found.record)))

    def get_model(self, model_id: str) -> AIModel | None:
        """The current model with that id, None when there is none."""
        from tui_registry.records import AIModel

        entry = self.entry(model_id, "model")
        return None if entry is None else AIModel.from_plain(entry.record)

    def get_agent(self, agent_id: str) -> AIAgent | None:
        """The current agent with that id, None when there is none."""
        from tui_registry.records import AIAgent

        entry = self.entry(agent_id, "agent")
        return None if entry is None else AIAgent.from_plain(entry.record)

    def resolve(self, prefix: str, kind: Kind | None = None, *, deleted: bool = False) -> tuple[Kind, str]:
        """The only record whose id begins with `prefix`; with `deleted` also among the deleted ones.

        Raises:
            StoreError: `not_found` or `ambiguous`.
        """
        expect(prefix, str, "the beginning of an id is text")
        expect_kind_or_none(kind)
        with self._pool.read() as db:
            return catalogue.resolve(db, prefix, kind, deleted=deleted)

    def heads(self, identifier: str) -> tuple[str, ...]:
        """All heads of a key, ascending; empty for an id never seen."""
        with self._pool.read() as db:
            return catalogue.read_heads_of(db, identifier)

    def history(self, identifier: str, *, limit: int | None = None, before: int | None = None) -> list[HistoryEntry]:
        """The ops of a record, deleted or not, the last arrived first.

        Args:
            limit: at most so many, None for all.
            before: only those at a lower place in the log than this one.
        """
        with self._pool.read() as db:
            return catalogue.read_history(db, identifier, limit, before)

    def last_operation(self, identifier: str) -> LastOperation | None:
        """The last operation on a record, deleted or not, and what it replaced; None for an id never seen."""
        from tui_registry.replica.before import read_last

        with self._pool.read() as db:
            return read_last(db, identifier, self._known_address(db))

    def operations(
        self,
        *,
        mine: bool = False,
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
        unwanted: Callable[[], bool] | None = None,
    ) -> Operations:
        """A window of the log, the last arrived first.

        Args:
            mine: only what this replica's key signed.
            before: only what stands at a lower place than this one, the nearest to it.
            after: only what stands at a higher place, the nearest to it.
            unwanted: asked now and then; once it is true the reading ends.

        Raises:
            StoreError: `interrupted`.
        """
        from tui_registry.replica.operations import read_operations

        with self._pool.read(unwanted=unwanted) as db:
            # Looking makes no key: before there is one, nothing is signed by it.
            owner = self._known_address(db) if mine else None
            return read_operations(db, owner, limit, before=before, after=after)

    def last_deleted(self) -> str | None:
        """The id of the record of this replica's key that was deleted last, None when no deleted one is left."""
        from tui_registry.replica.operations import last_deleted

        with self._pool.read() as db:
            return last_deleted(db, self._known_address(db))

    def conflicts(self, limit: int = 1000) -> list[Row]:
        """The records with more than one live head, the last updated first."""
        with self._pool.read() as db:
            return catalogue.read_conflicts(db, self._clock(), limit)

    def check(self, kind: Kind, record: Record) -> list[Problem]:
        """The authoring rules, with what is known in this registry."""
        expect_kind(kind)
        expect_record(record)
        with self._pool.read() as db:
            return self._check(db, kind, record)
