"""What undoing the last operation on a record would do, asked and told in words. No Textual here."""

from __future__ import annotations

from tui_registry.datastore import Undo
from tui_registry.text import safe_text
from tui_registry.tui.register.form_fields import form_fields, same_value, to_texts

_SHOWN = 8


def question(undo: Undo) -> str:
    """The question before it is done."""
    if undo.now is None:
        return f"Bring back the {undo.kind} {undo.name}?"
    if undo.then is None:
        return f"Undo the registration of {undo.name}, that is, delete it?"
    return f"Undo the last change of {undo.name}?"


def detail(undo: Undo) -> str:
    """Each field that would change, and what the history keeps."""
    changes = _changes(undo)
    lines = [f"{label}: {now or 'empty'} → {then or 'empty'}" for label, now, then in changes[:_SHOWN]]
    if len(changes) > _SHOWN:
        lines.append(f"and {len(changes) - _SHOWN} more fields")
    if undo.then is not None and undo.now is not None and not lines:
        lines.append("No field changes, only the time.")
    lines.append("This is one more signed operation: the history keeps all that came before.")
    return "\n".join(lines)


def answer(undo: Undo) -> str:
    """The word for yes."""
    return "Bring back" if undo.now is None else "Delete" if undo.then is None else "Undo"


def done(undo: Undo) -> str:
    """What was done, once it is."""
    if undo.then is None:
        return f"deleted {undo.kind} {undo.name}: U brings it back"
    if undo.now is None:
        return f"{undo.name} is back"
    # By the name that it has again
    name = f"“{safe_text(str(undo.then['name']), 60)}”"
    return f"{name} is as it was before; u again takes that back"


def _changes(undo: Undo) -> list[tuple[str, str, str]]:
    """(label, now, then) of each field that would change."""
    if undo.now is None or undo.then is None:
        return []
    here, there = to_texts(undo.kind, undo.now), to_texts(undo.kind, undo.then)
    return [
        (field.title, safe_text(here[field.path], 60), safe_text(there[field.path], 60))
        for field in form_fields(undo.kind)
        if not same_value(field, here[field.path], there[field.path])
    ]
