"""The reading part of the Datastore: plain rows, no pydantic, no keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tui_registry.datastore.searching import Searching
from tui_registry.errors import Kind, Problem, Record
from tui_registry.replica import catalogue
from tui_registry.replica.reports import HistoryEntry
from tui_registry.replica.rows import Entry, Page, Row, Stats

if TYPE_CHECKING:
    from tui_registry.records import AIAgent, AIModel

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

    def entries(self, query: str = "", *, kind: Kind | None = None, sort: str | None = None) -> Iterator[Entry]:
        """Every matching record in full, in the order of `search`, read window by window."""
        cursor = None
        while True:
            page = self.search(query, kind=kind, sort=sort, limit=_STREAMED_AT_ONCE, cursor=cursor)
            for row in page.rows:
                entry = self.entry(row.id, row.kind)
                if entry is not None:  # deleted since the window was read
                    yield entry
            cursor = page.next
            if cursor is None:
                return

    def entry(self, identifier: str, kind: Kind | None = None) -> Entry | None:
        """The current record with that id (64 hex digits) in full, None when there is none."""
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
        with self._pool.read() as db:
            return catalogue.resolve(db, prefix, kind, deleted=deleted)

    def heads(self, identifier: str) -> tuple[str, ...]:
        """All heads of a key, ascending; empty for an id never seen."""
        with self._pool.read() as db:
            return catalogue.read_heads_of(db, identifier)

    def history(self, identifier: str) -> list[HistoryEntry]:
        """Every op of a record, deleted or not, the last arrived first."""
        with self._pool.read() as db:
            return catalogue.read_history(db, identifier)

    def conflicts(self, limit: int = 1000) -> list[Row]:
        """The records with more than one live head, the last updated first."""
        with self._pool.read() as db:
            return catalogue.read_conflicts(db, self._clock(), limit)

    def check(self, kind: Kind, record: Record) -> list[Problem]:
        """The authoring rules, with what is known in this registry."""
        with self._pool.read() as db:
            return self._check(db, kind, record)
