"""Undo, as a registry can: one more operation, which restores what was there before. Calls for threads, no Textual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui_registry.datastore import Datastore, HistoryEntry
from tui_registry.errors import Kind, Record, RegistryError
from tui_registry.text import safe_text
from tui_registry.tui.forms.fields import form_fields
from tui_registry.tui.forms.texts import same_value, to_texts

_SHOWN = 8


class NothingToUndo(RegistryError):
    """The last operation on a record cannot be undone; code `undo`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("undo", sentence)


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoing the last operation on a record would do.

    Attributes:
        record: the value that comes back, None when the record goes.
        seen: the heads that are there now.
        deleted: the record is deleted now.
        name: safe and short.
        changes: (label, now, then) of each field that would change.
    """

    kind: Kind
    id: str
    record: Record | None
    seen: tuple[str, ...]
    deleted: bool
    name: str
    changes: tuple[tuple[str, str, str], ...] = ()

    @property
    def question(self) -> str:
        if self.deleted:
            return f"Bring back the {self.kind} {self.name}?"
        if self.record is None:
            return f"Undo the registration of {self.name}, that is, delete it?"
        return f"Undo the last change of {self.name}?"

    @property
    def detail(self) -> str:
        lines = [f"{label}: {now or 'empty'} → {then or 'empty'}" for label, now, then in self.changes[:_SHOWN]]
        if len(self.changes) > _SHOWN:
            lines.append(f"and {len(self.changes) - _SHOWN} more fields")
        if self.record is not None and not self.deleted and not lines:
            lines.append("No field changes, only the time.")
        lines.append("This is one more signed operation: the history keeps all that came before.")
        return "\n".join(lines)


def plan_undo(datastore: Datastore, record_id: str) -> Undo:
    """What undoing the last operation on a record would do; nothing is written.

    Raises:
        NothingToUndo: it is another key's, or more than one version is live.
        RegistryError: there is no such record.
    """
    kind, record_id = datastore.resolve(record_id, deleted=True)
    history = datastore.history(record_id)
    heads = [entry for entry in history if entry.is_head]
    if not heads:
        raise NothingToUndo(f"there is no {kind} {record_id[:12]} here")
    if any(head.actor != datastore.address for head in heads):
        raise NothingToUndo("only the key that signed the last operation can undo it")
    if len(heads) > 1:
        raise NothingToUndo("more than one version is live: e opens the record, and saving settles it")
    last = heads[0]
    before = _value_before(last, history)
    seen = (last.hash,)
    if last.record is None:
        if before is None:
            raise NothingToUndo("what was deleted is not in this replica's history")
        return Undo(kind, record_id, before, seen, deleted=True, name=_name(before))
    changes = () if before is None else _changes(kind, last.record, before)
    return Undo(kind, record_id, before, seen, deleted=False, name=_name(last.record), changes=changes)


def carry_out(datastore: Datastore, undo: Undo) -> str:
    """Sign and store what was planned; tells in a sentence what was done.

    Raises:
        RegistryError: the record changed meanwhile, or what comes back breaks a rule of today.
    """
    if undo.record is None:
        datastore.delete(undo.kind, undo.id, undo.seen)
        return f"deleted {undo.kind} {undo.name}: U brings it back"
    if undo.deleted:
        datastore.add(undo.kind, undo.record)
        return f"{undo.name} is back"
    datastore.update(undo.kind, undo.id, undo.record, undo.seen)
    return f"{undo.name} is as it was before; u again takes that back"


def _value_before(last: HistoryEntry, history: Sequence[HistoryEntry]) -> Record | None:
    """The value that the last operation replaced: of several that it merged, the one that was shown."""
    found = [entry for entry in history if entry.hash in last.children and entry.record is not None]
    # As the winner of a conflict: the largest clock, then the smallest hash
    found.sort(key=lambda entry: (-entry.clock, entry.hash))
    return found[0].record if found else None


def _changes(kind: Kind, now: Record, then: Record) -> tuple[tuple[str, str, str], ...]:
    here, there = to_texts(kind, now), to_texts(kind, then)
    return tuple(
        (field.title, safe_text(here[field.path], 60), safe_text(there[field.path], 60))
        for field in form_fields(kind)
        if not same_value(field, here[field.path], there[field.path])
    )


def _name(record: Record) -> str:
    return f"“{safe_text(str(record['name']), 60)}”"
