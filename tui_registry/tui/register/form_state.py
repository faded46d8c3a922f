"""A form without its widgets: the texts, which fields were left, what is wrong and where; and its draft. Pure.

A draft holds every text as typed. An edit also keeps, as `was:` and the path, what a field began with where that
differs, so that a merge later knows what this person changed and what the others did, and as `manifest:` the heads of
the manifest that the person was shown. An import keeps, as `from:` and
the path, where each value came from, and as `notes:` what could not be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tui_registry.datastore import Draft
from tui_registry.errors import ABSENT, KINDS, GivenManifest, Kind, Problem, Record
from tui_registry.records.schema import defaults
from tui_registry.text import plural
from tui_registry.tui.register.form_fields import (
    SectionId,
    Texts,
    differing,
    field_at,
    form_fields,
    to_manifest,
    to_record,
    to_texts,
)


@dataclass(frozen=True, slots=True)
class SectionStatus:
    """How a section stands: `visited` once a field of it was left; the counts are of problems that may be shown."""

    visited: bool
    errors: int
    warnings: int


# What the problems follow from: the kind, the texts, the record and the manifest being edited, what the rules found.
_Asked = tuple[Kind, Texts, Record | None, Record | None, tuple[Problem, ...]]


@dataclass(slots=True)
class FormState:
    """What a form knows. `base` is what it began with; a draft is worth keeping when the texts differ from it.

    Attributes:
        record_id: of the record being edited, None for a new one.
        seen: the heads that the person was shown, for `Datastore.update`.
        source: the record being edited, whose id, owner and times stay.
        behind: the manifest that it had then, None where it had none. behind_seen: its heads, as `seen`.
        left: the fields that were left once: only these show their problems before the first try to save.
        checked: the problems that the authoring rules found in the last snapshot they were given.
        origins: of an import, where the text of a field came from, by its path, until somebody changes the text.
        notes: of an import, where it came from and what could not be read, each a sentence.
    """

    kind: Kind
    base: Texts
    texts: Texts
    record_id: str | None = None
    seen: tuple[str, ...] = ()
    source: Record | None = None
    behind: Record | None = None
    behind_seen: tuple[str, ...] = ()
    left: set[str] = field(default_factory=set)
    tried: bool = False
    checked: tuple[Problem, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    _found: tuple[_Asked, list[Problem]] | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def blank(cls, kind: Kind) -> FormState:
        """A new record with everything at its default."""
        texts = to_texts(kind, defaults(kind))
        return cls(kind, texts, dict(texts))

    @classmethod
    def editing(
        cls,
        kind: Kind,
        record_id: str,
        record: Record,
        seen: Sequence[str],
        manifest: Record | None = None,
        manifest_seen: Sequence[str] = (),
    ) -> FormState:
        """An edit of a record, and of what stands behind it, as they were shown with these heads."""
        texts = to_texts(kind, record, manifest)
        return cls(
            kind, texts, dict(texts), record_id, tuple(seen), record, behind=manifest, behind_seen=tuple(manifest_seen)
        )

    @classmethod
    def duplicating(cls, kind: Kind, record: Record, manifest: Record | None = None) -> FormState:
        """A new record with the fields of another one, and what stands behind that; id, owner and times start anew, and
        so does whether it is still to be used."""
        if manifest is not None:
            fresh = defaults("manifest")
            manifest = {**manifest, **{name: fresh[name] for name in ("status", "status_message", "superseded_by")}}
        texts = to_texts(kind, record, manifest)
        return cls(kind, texts, dict(texts))

    @classmethod
    def importing(
        cls,
        kind: Kind,
        record: Record,
        origins: Mapping[str, str],
        notes: Sequence[str],
        unstated: Sequence[str] = (),
        manifest: Record | None = None,
    ) -> FormState:
        """A new record with the fields that were read elsewhere; all of them count as typed.

        Args:
            manifest: what was read of what stands behind it.
            unstated: paths of fields that need a value and were given none: their defaults would claim one.
        """
        state = cls.blank(kind)
        state.texts = to_texts(kind, record, manifest)
        state.bring(origins, notes)
        for path in unstated:
            state.texts[path] = ""
            state.left.add(path)
        return state

    # ---- reading

    def as_typed(self) -> FormState:
        """The form as it stands, for a thread: what is typed meanwhile does not change it."""
        return replace(self, texts=dict(self.texts))

    @property
    def changed(self) -> bool:
        """Whether leaving now would lose something, also of the other kind, or of a version that knows more fields."""
        own = to_texts(self.kind, defaults(self.kind))
        began = {path: text for kind in KINDS for path, text in to_texts(kind, defaults(kind)).items()} | self.base
        others = (text != began.get(path, "") for path, text in self.texts.items() if path not in own)
        return bool(self.touched()) or any(others)

    def touched(self) -> set[str]:
        """The paths of the fields that do not say what they began with."""
        return {form_field.path for form_field in differing(self.kind, self.base, self.texts)}

    def record(self) -> tuple[Record, list[Problem]]:
        """The record that the texts describe, and an error for each text that could not be read."""
        return to_record(self.kind, self.texts, self.source)

    def manifest(self) -> tuple[Record | None, list[Problem]]:
        """The manifest that the texts describe, None where they say nothing; with errors as for `record`."""
        return to_manifest(self.kind, self.texts, self.behind)

    def manifest_to_write(self) -> GivenManifest:
        """What becomes of the manifest: `ABSENT` where nothing was changed of it."""
        began = self.base if self.record_id is not None else to_texts(self.kind, defaults(self.kind))
        if not any(one.behind for one in differing(self.kind, began, self.texts)):
            return ABSENT
        return self.manifest()[0]

    def problems(self) -> list[Problem]:
        """Every open problem in the order of the form; those of no field come first.

        A form that shows them asks for each of its sections, after every key: they are found once for the same texts.
        """
        asked = (self.kind, self.texts, self.source, self.behind, self.checked)
        if self._found is None or self._found[0] != asked:
            self._found = (self.kind, dict(self.texts), self.source, self.behind, self.checked), self._find_problems()
        return [*self._found[1]]

    def _find_problems(self) -> list[Problem]:
        unreadable = [*self.record()[1], *self.manifest()[1]]
        covered = {problem.path for problem in unreadable}
        problems = [*unreadable, *(problem for problem in self.checked if self._path(problem) not in covered)]
        order = {form_field.path: index for index, form_field in enumerate(form_fields(self.kind))}
        return sorted(problems, key=lambda problem: (order.get(self._path(problem), -1), problem.severity))

    def errors(self) -> list[Problem]:
        """The problems that keep the record from being signed."""
        return [problem for problem in self.problems() if problem.severity == "error"]

    def shown(self) -> dict[str, list[Problem]]:
        """The problems that may be shown by now, by the path of their field; "" holds those of no field."""
        shown: dict[str, list[Problem]] = {}
        for problem in self.problems():
            path = self._path(problem)
            if self.tried or path in self.left or not path:
                shown.setdefault(path, []).append(problem)
        return shown

    def hidden(self) -> set[str]:
        """The paths of the fields that do not matter as things are: sizes of a GPU that is not asked for."""
        if self.texts.get(_GPU) == "yes":
            return set()
        wrong = {self._path(problem) for problem in self.problems()}
        return {path for path in _OF_GPU if not self.texts.get(path) and path not in wrong}

    def section(self, section: SectionId) -> SectionStatus:
        """How a section stands."""
        paths = [form_field.path for form_field in form_fields(self.kind) if form_field.section == section]
        shown = self.shown()
        severities = [problem.severity for path in paths for problem in shown.get(path, ())]
        visited = self.tried or not self.left.isdisjoint(paths)
        return SectionStatus(visited, severities.count("error"), severities.count("warning"))

    def next_problem(self, after: str | None) -> Problem | None:
        """The next problem of a field after that one, round the end: errors while there are any, then warnings."""
        candidates = self.to_go_through()
        order = [form_field.path for form_field in form_fields(self.kind)]
        here = order.index(after) if after in order else -1
        later = (problem for problem in candidates if order.index(self._path(problem)) > here)
        return next(later, candidates[0] if candidates else None)

    def to_go_through(self, path: str | None = None) -> list[Problem]:
        """The errors of the fields, or the warnings where there are no errors; with a path those of that field."""
        found = [problem for problem in self.problems() if self._path(problem)]
        errors = [problem for problem in found if problem.severity == "error"]
        return [problem for problem in errors or found if path in (None, self._path(problem))]

    def summary(self) -> str:
        """One line about what keeps the record from being signed."""
        problems = self.problems()
        errors = sum(problem.severity == "error" for problem in problems)
        warnings = len(problems) - errors
        also = f", {plural(warnings, 'warning')}" if warnings else ""
        if errors:
            return f"{plural(errors, 'problem')} before this can be signed{also}"
        return f"ready to sign{also}"

    def _path(self, problem: Problem) -> str:
        form_field = field_at(self.kind, problem.path)
        return form_field.path if form_field is not None else ""

    # ---- writing

    def switch(self, kind: Kind) -> None:
        """Make a new record of the other kind; what both kinds have keeps its text, and so does the rest for the way
        back, unless the field was still at its default."""
        fresh, untouched = to_texts(kind, defaults(kind)), to_texts(self.kind, defaults(self.kind))
        kept = {path: text for path, text in self.texts.items() if untouched.get(path) != text}
        self.texts = {**self.texts, **fresh, **kept}
        self.base = {**self.base, **fresh}
        self.kind, self.checked = kind, ()

    def bring(self, origins: Mapping[str, str], notes: Sequence[str]) -> None:
        """Keep where the texts came from."""
        self.origins = {path: words for path, words in origins.items() if path in self.texts}
        self.notes = tuple(notes)

    def edit(self, path: str, text: str) -> None:
        """A person changed the text of a field: it comes from nowhere else any more."""
        self.texts[path] = text
        self.origins.pop(path, None)

    def restore(self, fields: Mapping[str, str]) -> None:
        """Put a draft's texts over these."""
        self.texts.update(fields)


def as_draft(key: str, state: FormState, now: int) -> Draft:
    """The draft of a form at this second."""
    fields = dict(state.texts)
    if state.record_id is not None:
        fields.update((_WAS + path, text) for path, text in state.base.items() if state.texts.get(path) != text)
        fields[_BEHIND_SEEN] = ",".join(state.behind_seen)
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
        # One of an earlier version knows of no manifest: what is there now is what its form begins with
        if _BEHIND_SEEN in draft.fields:
            state.behind_seen = tuple(filter(None, draft.fields[_BEHIND_SEEN].split(",")))


def typed_texts(draft: Draft) -> dict[str, str]:
    """The texts of the fields, without what a draft keeps beside them."""
    return {path: text for path, text in draft.fields.items() if ":" not in path}


_WAS = "was:"
_FROM = "from:"
_NOTES = "notes:"
_BEHIND_SEEN = "manifest:"
_GPU = "resource_requirements.requires_gpu"
_OF_GPU = tuple(f"resource_requirements.{name}" for name in ("min_vram_gb", "cuda_cores", "tensor_cores"))
