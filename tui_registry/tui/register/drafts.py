"""Forms as drafts: what is kept of a form that was not signed, and how a list of drafts reads. Pure.

A draft holds every text as typed. An edit also keeps, as `was:` and the path, what a field began with where that
differs, so that a merge later knows what this person changed and what the others did. An import keeps, as `from:` and
the path, where each value came from, and as `notes:` what could not be read.
"""

from __future__ import annotations

import secrets

from tui_registry.datastore import Draft
from tui_registry.errors import Kind
from tui_registry.text import age, safe_text
from tui_registry.tui.register.state import FormState

_WAS = "was:"
_FROM = "from:"
_NOTES = "notes:"


def new_key() -> str:
    """A key for the draft of a new record."""
    return f"new:{secrets.token_hex(8)}"


def edit_key(kind: Kind, record_id: str) -> str:
    """The key of the draft of an edit: one for each record."""
    return f"edit:{kind}:{record_id}"


def beside(key: str) -> str:
    """A key for a second draft of the same: the first one stays what it is."""
    kind, _, rest = key.partition(":")
    return new_key() if kind == "new" else f"{kind}:{rest}:{secrets.token_hex(4)}"


def as_draft(key: str, state: FormState, now: int) -> Draft:
    """The draft of a form at this second."""
    fields = dict(state.texts)
    if state.record_id is not None:
        fields.update((_WAS + path, text) for path, text in state.base.items() if state.texts.get(path) != text)
    fields.update((_FROM + path, words) for path, words in state.origins.items())
    if state.notes:
        fields[_NOTES] = "\n".join(state.notes)
    return Draft(key, state.kind, state.record_id, state.seen, fields, now)


def from_draft(draft: Draft, state: FormState) -> None:
    """Put a draft into the form that it was made of: `FormState.blank`, or `editing` the record as it is now.

    The form then stands where the person left it, with the heads that the person had seen: if the record has others
    by now, saving finds out and the merge has both sides.
    """
    typed = typed_texts(draft)
    state.restore(typed)
    notes = draft.fields.get(_NOTES, "")
    origins = {key.removeprefix(_FROM): words for key, words in draft.fields.items() if key.startswith(_FROM)}
    state.bring(origins, notes.split("\n") if notes else ())
    if draft.record_id is not None:
        # A draft of an earlier version lacks the fields that came since: they begin as the record has them now
        began = {path: draft.fields.get(_WAS + path, text) for path, text in typed.items() if path in state.base}
        state.base = {**state.base, **began}
        state.seen = draft.seen


def typed_texts(draft: Draft) -> dict[str, str]:
    """The texts of the fields, without what a draft keeps beside them."""
    return {path: text for path, text in draft.fields.items() if ":" not in path}


def saved_ago(saved_at: int, now: int) -> str:
    """`draft saved just now`, `draft saved 3 min ago`."""
    seconds = max(0, now - saved_at)
    return "draft saved just now" if seconds < 60 else f"draft saved {age(seconds)} ago"


def describe(draft: Draft, now: int) -> tuple[str, str]:
    """A draft in a list: what it is, and when it was left."""
    name = safe_text(draft.fields.get("name", "").strip(), 48) or "without a name"
    doing = "edit of" if draft.record_id is not None else "new"
    seconds = max(0, now - draft.saved_at)
    return f"{doing} {draft.kind}: {name}", "just now" if seconds < 60 else f"{age(seconds)} ago"
