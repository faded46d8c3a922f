"""What a form asks of the Datastore, in plain calls for threads."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, replace

from tui_registry.datastore import Datastore, Draft, Entry, ManifestEntry
from tui_registry.errors import ABSENT, KINDS, GivenManifest, Kind, Problem, Record, RegistryError
from tui_registry.present.imports import NOT_STATED, Candidate
from tui_registry.present.links import affected_line, name_of, named_in
from tui_registry.records.schema import ID_FIELD
from tui_registry.text import safe_text
from tui_registry.tui.register.form_fields import to_texts
from tui_registry.tui.register.form_state import FormState, from_draft, typed_texts
from tui_registry.tui.register.known_words import COMPLETED, Known, is_plain

_NOTES = 20
_PROPOSED = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form is opened for: a new record, an edit, a copy, an import, or a draft; `kind` holds for a new one.

    Attributes:
        version: what an edit begins with in place of the record's own.
        any_draft: nobody asked for this kind: drafts of all kinds can be gone on with, and those of edits.
    """

    kind: Kind
    record_id: str | None = None
    duplicate_of: str | None = None
    draft_key: str | None = None
    imported: Candidate | None = None
    version: str | None = None
    any_draft: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A form ready to be shown.

    Attributes:
        key: of its draft.
        heading: what the form is.
        draft: the draft it was restored from, None for a fresh form.
        others: drafts of what was asked for, which could be continued instead.
        elsewhere: how many more drafts there are, of something else.
        notice: something to know about it, or empty.
    """

    state: FormState
    key: str
    heading: str
    draft: Draft | None = None
    others: tuple[Draft, ...] = ()
    elsewhere: int = 0
    notice: str = ""


class Desk:
    """The calls of one form. Each may block on the disk: call them from a thread."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        # A draft that is being written while its record is signed must not come back afterwards
        self._writing = threading.Lock()
        self._closed = False
        # What this form last read or wrote of its draft: anything else there is another form's
        self._stored: Draft | None = None

    def open(self, wanted: Wanted) -> Opened:
        """The form for what somebody wants.

        Raises:
            RegistryError: the record or the draft is not there, or cannot be read; or nothing can be written: nobody
                is let type what could not even be kept as a draft.
        """
        self._datastore.expect_writable()
        opened = self._opened(wanted)
        self._stored = opened.draft
        return opened

    def _opened(self, wanted: Wanted) -> Opened:
        if wanted.draft_key is not None:
            return self._continue(wanted.draft_key)
        if wanted.record_id is not None:
            opened = self._edit(wanted.kind, wanted.record_id)
            if wanted.version is not None:
                opened.state.texts["version"] = wanted.version
            return opened
        if wanted.imported is not None and wanted.imported.record is not None:
            return self._import(wanted.kind, wanted.imported, wanted.imported.record)
        if wanted.duplicate_of is not None:
            entry = self._entry(wanted.kind, wanted.duplicate_of)
            return self._copy(entry)
        drafts = [draft for draft in self._datastore.drafts.all() if draft.kind in KINDS]
        others = tuple(
            draft for draft in drafts if wanted.any_draft or (draft.kind == wanted.kind and draft.record_id is None)
        )
        heading, elsewhere = f"Register {_a(wanted.kind)}", len(drafts) - len(others)
        return Opened(FormState.blank(wanted.kind), new_key(), heading, others=others, elsewhere=elsewhere)

    def check(self, state: FormState) -> tuple[tuple[Problem, ...], dict[str, str]]:
        """What the authoring rules say of the record and of what stands behind it, and the names of the records here
        that they name, by id."""
        record, _ = state.record()
        manifest, _ = state.manifest()
        problems = tuple(self._datastore.check(state.kind, record, manifest))
        names: dict[str, str] = {}
        for identifier, known in self._datastore.links.look(named_in(record, manifest)).items():
            name = safe_text(known.name, 28)
            names[identifier] = name if known.presence == "live" else name_of(known._replace(name=name))
        return problems, names

    def known_words(self, path: str, prefix: str) -> list[Known]:
        """What records here say in a field and begins so, the most common first; odd ones are left out."""
        found = self._datastore.known_values(COMPLETED[path], prefix, _PROPOSED)
        return [Known(word.value, word.records) for word in found if is_plain(word.value)]

    def keep(self, draft: Draft) -> str:
        """Store a draft; the last one that this form wrote wins. Nothing happens once the record was signed.

        Returns:
            The key that it has now: another one when another form, here or in another process, wrote to its own.

        Raises:
            RegistryError: it could not be stored.
        """
        with self._writing:
            if self._closed:
                return draft.key
            if not self._datastore.drafts.replace(self._stored, draft):
                draft = draft._replace(key=beside(draft.key))
                self._datastore.drafts.save(draft)
            self._stored = draft
            return draft.key

    def forget(self, draft: Draft) -> None:
        """Remove a draft for good, as somebody was shown it.

        Raises:
            RegistryError: it could not be removed; code `changed` when it was written anew meanwhile.
        """
        try:
            dropped = self._datastore.drafts.drop(draft.key, draft)
        except RegistryError as error:
            raise RegistryError(error.code, f"the draft could not be removed: {error.sentence}") from error
        if not dropped:
            raise RegistryError("changed", "this draft was changed elsewhere meanwhile: it is kept")

    def close(self, key: str) -> None:
        """Remove this form's draft; none is kept from here on.

        Raises:
            RegistryError: it could not be removed.
        """
        with self._writing:
            self._closed = True
            # What another form wrote there since is not this one's to remove
            if self._stored is not None:
                self._datastore.drafts.drop(key, self._stored)

    def sign(
        self,
        kind: Kind,
        record: Record,
        record_id: str | None,
        seen: tuple[str, ...],
        manifest: GivenManifest = ABSENT,
        manifest_seen: tuple[str, ...] = (),
    ) -> str:
        """Sign and store the record: a new one, or an edit of `record_id` as it was shown with the heads `seen`; and in
        the same transaction what stands behind it, as that was shown. No draft is kept from here on.

        Returns:
            The record's id, 64 hex digits.

        Raises:
            InvalidRecord: the authoring rules keep it from being signed.
            RegistryError: it was not stored; code `changed` or `not_found` when the record has other heads by now, or
                was deleted.
        """
        with self._writing:
            if record_id is None:
                op = self._datastore.add(kind, record, manifest=manifest)
            else:
                op = self._datastore.update(
                    kind, record_id, record, seen, manifest=manifest, manifest_seen=manifest_seen
                )
            self._closed = True
            return op.key

    def overtaken(self, state: FormState) -> bool:
        """Whether the record that is edited, or what stands behind it, has other heads by now."""
        assert state.record_id is not None
        entry = self._datastore.entry(state.record_id, state.kind)
        behind = self.behind(state.record_id)
        return entry is None or set(entry.heads) != set(state.seen) or set(behind.heads) != set(state.behind_seen)

    def behind(self, record_id: str) -> ManifestEntry:
        """What stands behind a record that is here.

        Raises:
            RegistryError: the record was never here, or nothing can be read.
        """
        found = self._datastore.manifests.get(record_id)
        if found is None:
            raise RegistryError("not_found", f"there is no record {record_id[:12]} here any more")
        return found

    # ---- how

    def _entry(self, kind: Kind, record_id: str) -> Entry:
        entry = self._datastore.entry(record_id, kind)
        if entry is None:
            raise RegistryError("not_found", f"there is no {kind} {record_id[:12]} here any more")
        return entry

    def _copy(self, entry: Entry) -> Opened:
        state = FormState.duplicating(entry.kind, entry.record, self.behind(entry.id).manifest)
        return Opened(state, new_key(), f"Copy of {_name(entry)}")

    def _edit(self, kind: Kind, record_id: str, draft: Draft | None = None) -> Opened:
        entry = self._entry(kind, record_id)
        if not entry.mine:
            notice = "this record is signed by another key: what you see is a copy to register as new"
            return replace(self._copy(entry), notice=notice)
        behind = self.behind(record_id)
        state = FormState.editing(kind, record_id, entry.record, entry.heads, behind.manifest, behind.heads)
        notice = ""
        if draft is None:
            kept = [
                draft for draft in self._datastore.drafts.all() if (draft.kind, draft.record_id) == (kind, record_id)
            ]
            if not kept:
                # Beforehand, and not only where signing asks
                who = affected_line(self._datastore.links.affected(record_id)) or ""
                return Opened(state, edit_key(kind, record_id), f"Edit {_name(entry)}", notice=who)
            draft = kept[0]
            if len(kept) > 1:
                notice = f"the last of your {len(kept)} drafts of it is back: 2 Register offers the others"
        from_draft(draft, state)
        return Opened(state, draft.key, f"Edit {_name(entry)}", draft, notice=notice)

    def _import(self, kind: Kind, found: Candidate, record: Record) -> Opened:
        notes = [
            f"Read from {safe_text(found.source, 300)}. Look it over: nothing is signed yet.",
            *found.notes[:_NOTES],
        ]
        identifier = found.id or str(record[ID_FIELD[kind]])
        entry = self._datastore.entry(identifier, kind)
        if entry is None or not entry.mine:
            unstated = [problem.path for problem in found.errors if problem.code == NOT_STATED]
            manifest = None if found.manifest is ABSENT else found.manifest
            state = FormState.importing(kind, record, found.origins, notes, unstated, manifest)
            return Opened(state, new_key(), f"Import {_a(kind)}")
        # A description of a record of one's own: what it says becomes an edit of what was compared with it
        behind = self.behind(identifier)
        state = FormState.editing(
            kind, identifier, found.before or entry.record, found.heads or entry.heads, behind.manifest, behind.heads
        )
        state.texts = to_texts(kind, record, behind.manifest if found.manifest is ABSENT else found.manifest)
        state.bring(found.origins, notes)
        notice, key = "this record is registered here: saving changes it to what was read", edit_key(kind, identifier)
        if self._datastore.drafts.get(key) is not None:
            notice, key = f"{notice}; your earlier draft of it is kept", beside(key)
        return Opened(state, key, f"Edit {_name(entry)}", notice=notice)

    def _continue(self, key: str) -> Opened:
        draft = self._datastore.drafts.get(key)
        if draft is None:
            raise RegistryError("not_found", "this draft is no longer here")
        if draft.record_id is None:
            state = FormState.blank(draft.kind)
            from_draft(draft, state)
            return Opened(state, key, f"Register {_a(draft.kind)}", draft)
        entry = self._datastore.entry(draft.record_id, draft.kind)
        if entry is not None and entry.mine:
            return self._edit(draft.kind, draft.record_id, draft)
        # What was typed is not lost, it can be registered as new
        state = FormState.blank(draft.kind)
        state.restore({path: text for path, text in typed_texts(draft).items() if path in state.texts})
        why = "was deleted meanwhile" if entry is None else "is signed by another key"
        notice = f"its record {why}: saving registers this as a new one"
        return Opened(state, key, f"Register {_a(draft.kind)}", draft, notice=notice)


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


def _name(entry: Entry) -> str:
    return safe_text(str(entry.record["name"]), 28)


def _a(kind: Kind) -> str:
    return "an agent" if kind == "agent" else "a model"
