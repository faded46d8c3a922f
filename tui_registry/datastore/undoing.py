"""Undo, as a registry can: one more operation, which restores what was there before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tui_registry.datastore import Datastore, Entry
from tui_registry.errors import Kind, Record, RegistryError
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.crdt import AgentOp, ModelOp


class NothingToUndo(RegistryError):
    """The last operation on a record cannot be undone; code `undo`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("undo", sentence)


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoing the last operation on a record would do.

    Attributes:
        now: the value that is there, None where the record is deleted.
        then: the value that comes back, None where the record goes.
        seen: the heads that are there now.
        name: safe and short.
    """

    kind: Kind
    id: str
    now: Record | None
    then: Record | None
    seen: tuple[str, ...]
    name: str

    @property
    def deleted(self) -> bool:
        """Whether it brings back what is deleted now."""
        return self.now is None


class Deleted(NamedTuple):
    """A record that is no more: as it was last, who deleted it (40 hex digits) and when (Unix seconds)."""

    entry: Entry
    by: str
    at: int


def read_deleted(datastore: Datastore, record_id: str) -> Deleted | None:
    """What a deleted record was; None when it is not deleted, or was never here.

    Args:
        record_id: 64 hex digits.

    Raises:
        StoreError: the database cannot be read.
    """
    last = datastore.last_operation(record_id)
    if last is None or last.record is not None or last.before is None:
        return None
    entry = Entry(
        kind=last.kind,
        id=record_id,
        record=last.before,
        heads=last.heads,
        live_heads=(),
        problems=tuple(datastore.check(last.kind, last.before)),
        mine=last.mine,
        owner_name=datastore.owner_names().get(last.actor),
        future=False,
        size=last.size,
    )
    return Deleted(entry, last.actor, last.updated_at)


def plan_undo(datastore: Datastore, record_id: str) -> Undo:
    """What undoing the last operation on a record would do; nothing is written.

    Args:
        record_id: an id, or a beginning that only it has.

    Raises:
        NothingToUndo: it is another key's, or more than one version is live.
        RegistryError: there is no such record.
    """
    kind, record_id = datastore.resolve(record_id, deleted=True)
    last = datastore.last_operation(record_id)
    if last is None:
        raise NothingToUndo(f"there is no {kind} {record_id[:12]} here")
    if not last.mine:
        raise NothingToUndo("only the key that signed the last operation can undo it")
    if last.live_heads > 1:
        raise NothingToUndo("more than one version is live: an edit of the record settles that")
    if last.record is None and last.before is None:
        raise NothingToUndo("what was deleted is not in this replica's history")
    return Undo(kind, record_id, last.record, last.before, last.heads, _name(last.record or last.before))


def carry_out(datastore: Datastore, undo: Undo) -> ModelOp | AgentOp:
    """Sign and store what was planned.

    Raises:
        RegistryError: the record changed meanwhile, or what comes back breaks a rule of today.
    """
    if undo.then is None:
        return datastore.delete(undo.kind, undo.id, undo.seen)
    if undo.now is None:
        return datastore.add(undo.kind, undo.then)
    return datastore.update(undo.kind, undo.id, undo.then, undo.seen)


def _name(record: Record | None) -> str:
    return f"“{safe_text(str(record['name']), 60)}”" if record is not None else ""
