"""The words of an undo: the question, what it would change, the word for yes, and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui_registry.errors import ABSENT
from tui_registry.present.links import relied_on
from tui_registry.present.manifest_rows import changed_manifest_rows
from tui_registry.present.record_rows import changed_rows
from tui_registry.text import plural, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Reverse, Undo, WriteBatch

_SHOWN = 8
_LONGEST = 60
# Why records stay as they are, of one and of several
_OF_SEVERAL: Final = {
    "it was written to since": "they were written to since",
    "it is in conflict": "they are in conflict",
    "its manifest was written to since": "their manifests were written to since",
}


def question(undo: Undo, note: str = "") -> str:
    """The question before it is done; `note` follows the name, such as the beginning of the id."""
    what, the = f"{_what(undo)}{note}", "the " if undo.of == "manifest" else ""
    if undo.now is None:
        return f"Bring back the {what}?"
    if undo.then is None:
        done = "writing" if undo.of == "manifest" else "registration"
        return f"Undo the {done} of {the}{what}, that is, delete it?"
    return f"Undo the last change of {the}{what}?"


def _what(undo: Undo) -> str:
    return f"{'manifest of ' if undo.of == 'manifest' else ''}{undo.kind} {undo.name}"


def concerns_others(undo: Undo) -> bool:
    """Whether who names the record is to know: it goes, or what others rely on changes."""
    if undo.now is None:
        return False
    if undo.then is None:
        return undo.of != "manifest"
    changes = relied_on(undo.now, undo.then)
    if isinstance(undo.manifest, dict) and undo.manifest_now is not None:
        changes += relied_on(undo.manifest_now, undo.manifest)
    return bool(changes)


def detail(undo: Undo, affected: str | None = None) -> str:
    """Lines below the question: each field that would change, and what the history keeps.

    Args:
        affected: who names the record, in words.
    """
    changes = (changed_manifest_rows if undo.of == "manifest" else changed_rows)(undo.now, undo.then)
    beside = undo.manifest
    if beside is not ABSENT:
        changes = [*changes, *changed_manifest_rows(undo.manifest_now, beside)]
    lines = [
        f"{now.label}: {safe_text(now.text, _LONGEST)} → {safe_text(then.text, _LONGEST)}"
        for now, then in changes[:_SHOWN]
    ]
    if len(changes) > _SHOWN:
        lines.append(f"and {len(changes) - _SHOWN} more fields")
    if beside is not ABSENT and beside is not None and undo.manifest_now is None:
        lines.append("The manifest that was deleted with it comes back too.")
    if beside is None and undo.manifest_now is not None:
        lines.append("Its manifest goes too.")
    if undo.then is not None and undo.now is not None and not lines:
        lines.append("No field changes, only the time.")
    if affected is not None:
        lines.append(f"{affected}.")
    lines.append("This is one more signed operation: the history keeps all that came before.")
    return "\n".join(lines)


def answer(undo: Undo) -> str:
    """The word for yes."""
    return "Bring back" if undo.now is None else "Delete" if undo.then is None else "Undo"


def done(undo: Undo) -> str:
    """What was done, once it is. Whoever shows it adds how to take it back."""
    if undo.then is None:
        return f"deleted {'the ' if undo.of == 'manifest' else ''}{_what(undo)}"
    if undo.of == "manifest":
        return f"the {_what(undo)} is {'back' if undo.now is None else 'as it was before'}"
    if undo.now is None:
        return f"{undo.name} is back"
    # The name may be one of the things that came back.
    return f"“{safe_text(str(undo.then['name']), _LONGEST)}” is as it was before"


# Writes that were made together, such as an import


def batch_name(batch: WriteBatch) -> str:
    """What people call it, safe to show: `import of models.yaml`."""
    return safe_text(batch.label, _LONGEST)


def batch_question(reverse: Reverse) -> str:
    """The question before all of a batch is undone."""
    return f"Undo the {batch_name(reverse.batch)}, {plural(len(reverse.changes), 'record')}?"


def batch_detail(reverse: Reverse, take_back: str = "undoing again takes this back") -> str:
    """Lines below the question: what happens to how many, what stays as it is, and how that is taken back."""
    gone = sum(change.record is None for change in reverse.changes)
    back = reverse.back
    restored = len(reverse.changes) - gone - back
    lines = []
    if gone:
        lines.append(f"{plural(gone, 'record')} that it registered {'is' if gone == 1 else 'are'} deleted.")
    if back:
        lines.append(f"{plural(back, 'record')} {'comes' if back == 1 else 'come'} back.")
    if restored:
        lines.append(f"{plural(restored, 'record')} {'is' if restored == 1 else 'are'} as before.")
    reasons = {why for _, _, why in reverse.kept}
    lines += [
        f"{plural(number, 'record')} " + (f"stays: {why}." if number == 1 else f"stay: {_OF_SEVERAL.get(why, why)}.")
        for why in sorted(reasons)
        for number in [sum(reason == why for _, _, reason in reverse.kept)]
    ]
    lines.append(f"These are signed operations too: the history keeps all, and {take_back}.")
    return "\n".join(lines)


def batch_done(reverse: Reverse, failures: int) -> str:
    """What was done, once it is; `failures` records could not be written."""
    done = f"undone: {batch_name(reverse.batch)}, {plural(len(reverse.changes) - failures, 'record')}"
    left = failures + len(reverse.kept)
    return f"{done}; {plural(left, 'record')} left as {'it is' if left == 1 else 'they are'}" if left else done
