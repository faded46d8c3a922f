"""The writing half of the Datastore: records, drafts and local names. Durable when a call returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from tui_registry.datastore.doors import expect, expect_heads, expect_kind, expect_record
from tui_registry.datastore.reading import Reading
from tui_registry.errors import InvalidRecord, Kind, Record, RegistryError
from tui_registry.replica import drafts
from tui_registry.replica.reports import Draft, VerifyReport

if TYPE_CHECKING:
    from tui_registry.crdt import AgentOp, ModelOp
    from tui_registry.records import AIAgent, AIModel


_ADDED_AT_ONCE = 1_000
_ADDRESS = re.compile(r"[0-9a-fA-F]{40}").fullmatch


class Writing(Reading):
    """Registering, editing, deleting. Every write is signed by this replica's key."""

    def add(self, kind: Kind, record: Record) -> ModelOp | AgentOp:
        """Register a plain record; id, owner and times are set here, `op.key` tells the id.

        Raises:
            InvalidRecord: it breaks an authoring rule.
            StoreError: `already_registered`, `not_owner`, `bad_key`.
        """
        from tui_registry.replica import local

        self._refuse_errors(kind, record)
        identity = self.identity()
        with self._pool.write() as db:
            return local.add(db, identity, kind, record, self._clock())

    def add_all(self, records: Iterable[tuple[Kind, Record]]) -> Iterator[ModelOp | AgentOp | RegistryError]:
        """Register many records, a thousand to a transaction; gives the op or the error of each, in order.

        A record that is refused does not stop the others. Records of one name take one second each.

        Raises:
            StoreError: the replica cannot be written, or `bad_key`; what was given before is on disk.
            TypeError, ValueError: an item is no record of a kind; what was given before is on disk then too.
        """
        from tui_registry.replica import local

        identity = self.identity()
        stream = iter(records)
        while chunk := list(islice(stream, _ADDED_AT_ONCE)):
            for kind, record in chunk:
                expect_kind(kind)
                expect_record(record)
            with self._pool.write(bulk=len(chunk) == _ADDED_AT_ONCE) as db:
                adding = local.Adding(db, identity)
                outcomes = []
                for kind, record in chunk:
                    if record.get("preferred_models"):
                        adding.flush()  # they may be among the records before
                    problems = self._check(db, kind, record)
                    outcomes.append(local.add_or_refuse(adding, kind, record, self._clock(), problems))
                adding.flush()
            yield from outcomes

    def update(self, kind: Kind, identifier: str, record: Record, seen: Sequence[str]) -> ModelOp | AgentOp:
        """Write a new value on top of the heads that the caller was shown (`Entry.heads`).

        Raises:
            InvalidRecord: it breaks an authoring rule.
            StoreError: `changed` when the record has other heads by now, `not_found`, `not_owner`, `bad_key`.
        """
        from tui_registry.replica import local

        expect_heads(seen)
        self._refuse_errors(kind, record)
        identity = self.identity()
        with self._pool.write() as db:
            return local.update(db, identity, kind, identifier, record, seen, self._clock())

    def delete(self, kind: Kind, identifier: str, seen: Sequence[str]) -> ModelOp | AgentOp:
        """Remove the record as the caller was shown it.

        Raises:
            StoreError: `changed`, `not_found`, `not_owner`, `bad_key`.
        """
        from tui_registry.replica import local

        expect_kind(kind)
        expect_heads(seen)
        identity = self.identity()
        with self._pool.write() as db:
            return local.delete(db, identity, kind, identifier, seen, self._clock())

    # The same in types

    def add_model(self, model: AIModel) -> ModelOp:
        """`add` for a model."""
        return _model_op(self.add("model", _plain("model", model)))

    def add_agent(self, agent: AIAgent) -> AgentOp:
        """`add` for an agent."""
        return _agent_op(self.add("agent", _plain("agent", agent)))

    def update_model(self, model_id: str, model: AIModel, seen: Sequence[str]) -> ModelOp:
        """`update` for a model."""
        return _model_op(self.update("model", model_id, _plain("model", model), seen))

    def update_agent(self, agent_id: str, agent: AIAgent, seen: Sequence[str]) -> AgentOp:
        """`update` for an agent."""
        return _agent_op(self.update("agent", agent_id, _plain("agent", agent), seen))

    def delete_model(self, model_id: str, seen: Sequence[str]) -> ModelOp:
        """`delete` for a model."""
        return _model_op(self.delete("model", model_id, seen))

    def delete_agent(self, agent_id: str, seen: Sequence[str]) -> AgentOp:
        """`delete` for an agent."""
        return _agent_op(self.delete("agent", agent_id, seen))

    # What is local to this replica

    def name_owner(self, address: str, name: str) -> None:
        """Give an owner's key a local name, or take it away with an empty one. Names never travel.

        Args:
            address: 40 hex digits.

        Raises:
            ValueError: the address is none.
        """
        expect(address, str, "an address is text")
        if not _ADDRESS(address):
            raise ValueError(f"an address is 40 hex digits, not {address[:50]!r}")
        owner = bytes.fromhex(address)
        with self._pool.write() as db:
            if name.strip():
                db.execute("INSERT OR REPLACE INTO owner_names (address, name) VALUES (?, ?)", (owner, name.strip()))
            else:
                db.execute("DELETE FROM owner_names WHERE address = ?", (owner,))

    def save_draft(self, draft: Draft) -> None:
        """Keep a form as typed, in place of the draft with the same key; `saved_at` is set here."""
        with self._pool.write() as db:
            drafts.save_draft(db, draft, self._clock())

    def replace_draft(self, before: Draft | None, draft: Draft) -> bool:
        """Keep a form as typed, as `save_draft`, unless another form wrote a draft with the same key meanwhile.

        Args:
            before: the draft with that key as the caller knows it, None when it knows of none.

        Returns:
            False when another one is there by now: then nothing is written.
        """
        with self._pool.write() as db:
            stored = next(iter(drafts.read_drafts(db, draft.key)), None)
            if stored is not None and (before is None or stored.fields != before.fields):
                return False
            drafts.save_draft(db, draft, self._clock())
        return True

    def drafts(self) -> list[Draft]:
        """Every draft, the last saved first."""
        with self._pool.read() as db:
            return drafts.read_drafts(db)

    def draft(self, key: str) -> Draft | None:
        """The draft with that key, None when there is none."""
        with self._pool.read() as db:
            return next(iter(drafts.read_drafts(db, key)), None)

    def drop_draft(self, key: str) -> None:
        """Forget a draft; none with that key is fine."""
        with self._pool.write() as db:
            drafts.drop_draft(db, key)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> VerifyReport:
        """Re-check every stored op, rebuild what is derived, and say what was found.

        Args:
            progress: called with ops done and ops in all.
        """
        from tui_registry.replica import audit

        return audit.audit(self._pool, progress or (lambda *_: None))

    # How

    def _refuse_errors(self, kind: Kind, record: Record) -> None:
        problems = self.check(kind, record)
        if any(problem.severity == "error" for problem in problems):
            raise InvalidRecord(tuple(problems))


def _plain(kind: Kind, record: AIModel | AIAgent) -> Record:
    from tui_registry.records import AIAgent, AIModel

    typed = AIModel if kind == "model" else AIAgent
    expect(record, typed, f"`add_{kind}` and `update_{kind}` take an {typed.__name__}")
    return record.to_plain()


def _model_op(op: ModelOp | AgentOp) -> ModelOp:
    from tui_registry.crdt import ModelOp

    assert isinstance(op, ModelOp)
    return op


def _agent_op(op: ModelOp | AgentOp) -> AgentOp:
    from tui_registry.crdt import AgentOp

    assert isinstance(op, AgentOp)
    return op
