"""An import as the command line and the app describe it: what sources give, what became of each, and the sentences.

Plain data and words: nothing here reads a file, asks a replica or signs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, Union

from tui_registry.errors import ABSENT, GivenManifest, InvalidRecord, Kind, Problem, Record, RegistryError, Severity
from tui_registry.frozen import NamedTuple
from tui_registry.licences import UNSTATED
from tui_registry.present.elsewhere import SIGNED_ELSEWHERE
from tui_registry.present.manifest_rows import changed_manifest_rows
from tui_registry.present.owners import resemblance
from tui_registry.records.merging import value_at
from tui_registry.records.schema import ID_FIELD, NULL_HASH, defaults
from tui_registry.text import exact, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import ApplyReport, Comparison, Described, FieldChange, ImportRun, TakenIn

# ---- what a source gives -------------------------------------------------------------------------------------------


# Codes of problems that keep a draft from being registered: a field that a person must give a value, and a file that
# lacks some of its data.
NOT_STATED, CUT_OFF = "not_stated", "cut_off"
# A note of a draft of ours; of what is here already it is not true.
LICENCE_ASSUMED = "no licence is stated, so the default was taken, MIT: write 'license' where it is another one"
_AS_IT_IS = "the record that is here"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one description came to.

    Attributes:
        source: where it stands: a file, with the line in a file of many.
        place: the file or the address that it stands in: a file's absolute path. Empty where `source` is that.
        entry: what names it in its place, the same when a list is put in another order. Empty where it is all that is
            there, None where its own name, version and quantisation must do.
        kind: None when the description does not make it clear.
        record: the draft, complete and in order; None when it cannot be read.
        problems: why it cannot be read, or what keeps a draft from being registered: a field that needs a value from a
            person (its path), a file that is cut off. The authoring rules come later, from the Datastore.
        id: of the record it is a copy of, where it is one of our exports and says so beside the record.
        heads: of that record: what its editor was shown. Empty only where the export leaves them out.
        revision: what stands for those heads, None where the export leaves it out.
        origins: where the values of a foreign description came from: field path -> words such as
            `general.name in the GGUF header`. Empty for our own descriptions, which say what they mean.
        stated: the fields that it states; None for those that have an origin, as of a whole foreign description.
        notes: what could not be read and what a person should look at, each a sentence.
        manifest: what is to stand behind it, complete and in order; None where there is to be none, `ABSENT` where the
            source says nothing of it.
        manifest_stated: the fields of the manifest that it states; None for all of them.
        files: the files of the manifest whose digest nothing states and that lie on this machine, by their `uri`.
    """

    source: str
    kind: Kind | None
    record: Record | None
    problems: tuple[Problem, ...] = ()
    id: str | None = None
    heads: tuple[str, ...] = ()
    revision: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    place: str = ""
    entry: str | None = ""
    stated: frozenset[str] | None = None
    manifest: GivenManifest = ABSENT
    manifest_stated: frozenset[str] | None = None
    files: Mapping[str, Path] = field(default_factory=dict)

    def settled(self, paths: Collection[str]) -> Finding:
        """The finding without the problems of fields that a person has given a value."""
        return replace(self, problems=tuple(problem for problem in self.problems if problem.path not in paths))

    def without_files(self) -> Finding:
        """The finding without the files that lie here: where they lie has no name that means anything later."""
        manifest, listed = self.manifest, self.manifest["artifacts"] if isinstance(self.manifest, dict) else None
        if not self.files or not isinstance(manifest, dict) or not isinstance(listed, list):
            return self
        left = [one for one in listed if not (isinstance(one, dict) and one["uri"] in self.files)]
        stated = (self.manifest_stated or frozenset(manifest)) - (frozenset() if left else {"artifacts"})
        kept: GivenManifest = {**manifest, "artifacts": left} if stated else ABSENT
        return replace(self, manifest=kept, manifest_stated=stated, files={})

    def wanted_as(self, kind: Kind | None) -> Finding:
        """The finding, refused when it must be of another kind than it is; None wants any kind."""
        if kind is None or self.kind in (None, kind):
            return self
        sentence = "describes an agent, not a model" if kind == "model" else "describes a model, not an agent"
        return Finding(self.source, self.kind, None, (Problem("kind", "error", "kind", sentence),))


@dataclass(frozen=True, slots=True)
class Operations:
    """A file of signed operations, one a line, as `export --ops` writes it.

    Attributes:
        lines: reads the operations' bytes, anew with each call. A line that is too long for an operation comes cut, and
            no rule will let it pass. Raises `SourceError` of the importers where the file cannot be read.
    """

    path: Path
    lines: Callable[[], Iterator[bytes]] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file of a folder that describes no record, and why it was passed over."""

    source: str
    sentence: str


Found: TypeAlias = Union[Finding, Operations, Skipped]

# ---- what became of it ---------------------------------------------------------------------------------------------

# `invalid` cannot be read or breaks a rule, `failed` was refused by the replica. `here` is here as it is described,
# `changed` is here and described otherwise now, and `updated` once that is signed; `deleted` was registered and deleted
# here, `kept` stays as it is for a reason that a person must look at. `stored` is said of operations, `skipped` of a
# file that describes no record.
Status: TypeAlias = Literal[
    "ready", "registered", "here", "changed", "updated", "deleted", "kept", "invalid", "failed", "skipped", "stored"
]


# Of what is in the list of the app: a draft that a person began of it counts for itself.
Standing: TypeAlias = Union[Status, Literal["draft"]]


@dataclass(slots=True)
class Candidate:
    """One thing that was found, and what became of it so far.

    Attributes:
        source: where it stands.
        record: the draft, None when it cannot be read; of what is `changed` the record as it would be signed.
        id: of the record that is registered here, or was before it was deleted.
        problems: why it cannot be read or was refused, or what the authoring rules say of the draft.
        origins: where each value came from, by the path of its field.
        notes: what could not be read and what a person should look at.
        operations: how many operations there are and what became of them, where it is a file of operations.
        described: what `Datastore.take_in` takes; None for what cannot be registered as it is read.
        before: the record that is here, of what is `changed` or `updated`; `heads` are its heads then.
        changes: the fields in which `record` is another than `before`.
        edited: of the notes those about fields that a person edited here and the source has otherwise.
        manifest: what the source says of the manifest, of what is here the manifest as it would be signed; `ABSENT`
            where it says nothing, or that stays as it is.
        manifest_changes: the fields in which the manifest that is here would change.
    """

    source: str
    status: Status
    kind: Kind | None = None
    record: Record | None = None
    id: str | None = None
    problems: tuple[Problem, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    operations: OperationsTaken | None = None
    described: Described | None = None
    before: Record | None = None
    heads: tuple[str, ...] = ()
    changes: tuple[FieldChange, ...] = ()
    edited: tuple[str, ...] = ()
    manifest: GivenManifest = ABSENT
    manifest_changes: tuple[FieldChange, ...] = ()

    @property
    def name(self) -> str:
        """The record's name, made safe; empty when there is none."""
        return "" if self.record is None else safe_text(str(self.record["name"]), 200)

    @property
    def label(self) -> str:
        """What to call it in a list: the record's name, or of operations how many there are and what became of them."""
        if self.operations is None:
            return self.name
        number = self.operations.operations
        return plural(number, "operation") if self.status == "ready" else self.operations.sentence

    @property
    def counts(self) -> dict[str, int]:
        """Of operations, their counts by their names in JSON: only how many there are, before they are taken in."""
        if self.operations is None:
            return {}
        return {"operations": self.operations.operations} if self.status == "ready" else self.operations._asdict()

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep it from being registered."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def state(self) -> str:
        """Its status in words."""
        match self.status:
            case "invalid" if self.record is None:
                return "unreadable"
            case "invalid":
                return plural(len(self.errors), "problem")
        return _status_words(self.status)

    @property
    def reason(self) -> str:
        """Why it cannot be registered as it is, in one line; empty when it can."""
        if not self.errors:
            return "registered here already" if self.status == "here" else ""
        first, more = self.errors[0], len(self.errors) - 1
        where = f"{safe_text(first.path, 60)}: " if first.path else ""
        return f"{where}{safe_text(first.sentence, 300)}" + (f" (and {more} more)" if more else "")

    def compared(self, comparison: Comparison) -> None:
        """Keep what it is to the records that are here."""
        self.id, self.heads, self.before = comparison.id, comparison.heads, comparison.before
        draft, self.record = self.record, comparison.record or self.record
        if comparison.found not in ("new", "deleted"):
            self.notes = tuple(note for note in self.notes if note != LICENCE_ASSUMED)
        if comparison.found == "changed" and draft is not None and self.record is not None:
            # Where the source says something else than what stays
            said, stays = draft, self.record
            self.origins = {
                path: origin if value_at(said, path) == value_at(stays, path) else _AS_IT_IS
                for path, origin in self.origins.items()
            }
        self.changes, self.manifest_changes = comparison.changes, comparison.manifest_changes
        if comparison.found not in ("new", "deleted"):
            self.manifest = comparison.manifest
            words = _manifest_note(comparison.manifest, comparison.manifest_before)
            self.notes = (*words, *(note for note in self.notes if not note.startswith(_COMES_WITH)))
        self.problems = _told(comparison.problems)
        if comparison.reason is not None:
            severity: Severity = "error" if comparison.found == "kept" else "warning"
            why = Problem("", severity, comparison.reason.code, comparison.reason.sentence)
            self.problems = (why, *self.problems)
        self.status = _STATUSES[comparison.found]
        if self.errors and comparison.found in ("new", "changed"):
            self.status = "invalid"
        self.edited = tuple(
            f"{path}: the source says something else, and it was edited here: yours is kept"
            for path in comparison.edited
        )
        alike = () if comparison.like is None else (resemblance(self.name, comparison.like),)
        self.notes = tuple(dict.fromkeys((*self.notes, *self.edited, *alike)))

    def end_in(self, outcome: TakenIn | str | RegistryError) -> None:
        """Keep what registering it came to: what `Datastore.take_in` gave, the record's id, or why there is none."""
        if isinstance(outcome, str):
            self.status, self.id = "registered", outcome
        elif isinstance(outcome, RegistryError):
            self.status = "here" if outcome.code == "already_registered" else "failed"
            self.problems = (Problem("", "error", outcome.code, safe_text(outcome.sentence)),)
        else:
            self.compared(outcome.comparison)
            if outcome.op is not None:
                self.status = "updated" if outcome.comparison.found == "changed" else "registered"
                # What was written may be what stands behind it alone
                self.id = outcome.op.key if outcome.op.kind != "manifest" else outcome.comparison.id
                self.problems = _told(outcome.comparison.problems)
            elif isinstance(outcome.error, InvalidRecord):
                self.status = "invalid"
            elif outcome.error is not None:
                self.end_in(outcome.error)


def judged(finding: Finding, problems: Sequence[Problem] = ()) -> Candidate:
    """What a finding is before anything is written.

    Args:
        problems: what the authoring rules say of its draft, beside its own problems.
    """
    said = _told((*finding.problems, *problems))
    notes = (*_manifest_note(finding.manifest), *finding.notes)
    candidate = Candidate(finding.source, "invalid", finding.kind, finding.record, None, said, finding.origins, notes)
    candidate.manifest = finding.manifest
    if finding.record is not None and finding.kind is not None and not candidate.errors:
        candidate.status = "ready"
    return candidate


def change_lines_behind(candidate: Candidate, limit: int = 60) -> list[str]:
    """What would change in the manifest that is here, a line for each field: `Languages: en → en; nl`. Safe to show."""
    nothing = defaults("manifest")
    before, after = dict(nothing), dict(nothing)
    for change in candidate.manifest_changes:
        field = change.path.partition(".")[2]
        before[field], after[field] = change.before, change.after
    return [
        f"{was.label}: {safe_text(was.text, limit)} → {safe_text(now.text, limit)}"
        for was, now in changed_manifest_rows(before, after)
    ]


def manifest_words(manifest: Record) -> str:
    """What a manifest holds, in few words: `2 files, 1 origin, architecture`. Safe to show."""
    said = [
        plural(number, word)
        for field, word in _HOLDS.items()
        if isinstance(of := manifest[field], list) and (number := len(of))
    ]
    said += [word for field, word in _SAYS.items() if manifest[field] not in (None, "", "Active")]
    return ", ".join(said) or "nothing"


def undigested(manifest: Record) -> int:
    """How many files of a manifest have no digest, so that nobody can tell whether they got them."""
    files = manifest["artifacts"]
    return sum(isinstance(one, dict) and one["sha256"] is None for one in files) if isinstance(files, list) else 0


_HOLDS = {
    "artifacts": "file", "interfaces": "interface", "derived_from": "origin",
    "required_models": "needed model", "evaluations": "result", "datasets": "data set", "languages": "language",
}  # fmt: skip
_SAYS = {
    "status": "status", "superseded_by": "what replaces it", "architecture": "architecture",
    "repository_url": "repository", "documentation_url": "documentation",
}  # fmt: skip
_COMES_WITH = "with a manifest: "


def _manifest_note(manifest: GivenManifest, before: Record | None = None) -> list[str]:
    if manifest is ABSENT:
        return []
    if manifest is None:
        return ["its manifest is taken away"]
    words = manifest_words(manifest)
    return [f"{_COMES_WITH}{words}"] if before is None else [f"its manifest changes: {words}"]


def describe(
    finding: Finding,
    run: ImportRun,
    record: Record | None = None,
    chosen: Collection[str] = (),
    *,
    manifest_wins: bool = False,
) -> Described | None:
    """What a finding is to the replica, None where it cannot be registered: it cannot be read, or is cut off.

    Args:
        run: the import that it is part of; each of its findings is described once, in their order.
        record: the draft with what a person set, where anything is: the fields `chosen`.
        manifest_wins: what is stated of the manifest is how it is to be, whatever was edited here.
    """
    if finding.kind is None or finding.record is None or any(one.code != NOT_STATED for one in finding.problems):
        return None
    draft = finding.record if record is None else record
    stated = finding.stated
    if stated is None:
        # What the default would claim is no statement
        stated = frozenset(finding.origins) - ({"license"} if finding.record["license"] == UNSTATED else set())
    identifier = str(draft[ID_FIELD[finding.kind]])
    return run.describe(
        (finding.place or finding.source) if run.source else "",
        finding.entry if identifier == NULL_HASH else identifier,
        finding.kind,
        draft,
        stated=stated,
        said=finding.record,
        chosen=chosen,
        heads=finding.heads,
        revision=finding.revision,
        problems=finding.problems,
        manifest=finding.manifest,
        manifest_stated=finding.manifest_stated,
        manifest_wins=manifest_wins,
    )


def passed_over(skipped: Skipped) -> Candidate:
    """A file that describes no record, among the others."""
    problem = Problem("", "warning", "skipped", skipped.sentence)
    return Candidate(skipped.source, "skipped", problems=(problem,))


class OperationsTaken(NamedTuple):
    """Signed operations of files, and what became of them; `conflicts` counts the records that they brought into
    conflict, `elsewhere` those that this replica's own key signed. Add two of them to count two files together."""

    operations: int = 0
    applied: int = 0
    known: int = 0
    pending: int = 0
    unsupported: int = 0
    rejected: int = 0
    conflicts: int = 0
    elsewhere: int = 0

    @classmethod
    def of(cls, report: ApplyReport) -> OperationsTaken:
        """Of one file that was applied."""
        rejected = len(report.rejected)
        return cls(
            report.total, report.applied, report.known, report.pending, report.unsupported, rejected, report.conflicts,
            report.elsewhere,
        )  # fmt: skip

    def plus(self, other: OperationsTaken) -> OperationsTaken:
        """Both together."""
        return OperationsTaken(*map(sum, zip(self, other, strict=True)))

    @property
    def sentence(self) -> str:
        """What became of them, once they were taken in."""
        counts = (
            (self.conflicts, "in conflict"), (self.known, "known already"), (self.pending, "pending"),
            (self.unsupported, "unsupported"), (self.rejected, "rejected"), (self.elsewhere, SIGNED_ELSEWHERE),
        )  # fmt: skip
        more = [f"{exact(count)} {word}" for count, word in counts if count]
        return ", ".join([f"{plural(self.applied, 'operation')} stored", *more])


def taken(operations: Operations, report: ApplyReport) -> Candidate:
    """A file of operations that was applied, with its first twenty rejections as problems."""
    problems = tuple(
        Problem(f"operation {rejection.place + 1}", "error", rejection.code, rejection.sentence)
        for rejection in report.rejected[:20]
    )
    status: Status = "failed" if report.rejected else "stored"
    return Candidate(str(operations.path), status, problems=problems, operations=OperationsTaken.of(report))


# ---- an import as a whole ------------------------------------------------------------------------------------------


# Why a record stays as it is that a person must see to before anything new can be registered, or any change be signed.
_UNCLEAR, _UNSIGNED = frozenset({"ambiguous", "twice"}), frozenset({"conflict", "changed"})


class ImportOutcome:
    """How many things that were found came to what, in the order in which that happened first."""

    def __init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self.unlicensed = 0
        self.unanswered = 0
        self._kept: Counter[str] = Counter()

    def add(self, candidate: Candidate) -> None:
        """Count one more, by its status of now."""
        self.counts[candidate.status] += 1
        # It was read; what its description leaves out is for a person to say.
        self.unanswered += candidate.status == "invalid" and {one.code for one in candidate.errors} == {NOT_STATED}
        self.unlicensed += any(problem.code == "license_unstated" for problem in candidate.problems)
        if candidate.status == "kept":
            self._kept.update(problem.code for problem in candidate.errors)

    def failed(self, *, registering: bool = False, updating: bool = False) -> bool:
        """Whether anything was wrong with what was found; when registering or updating, also where it was left out
        because it waits for an answer."""
        answered = self.counts["invalid"] - self.unanswered
        waits = registering or updating
        left = sum(self._kept[code] for code in (_UNCLEAR if waits else ())) + sum(
            self._kept[code] for code in (_UNSIGNED if updating else ())
        )
        return bool(answered or self.counts["failed"] or left or (waits and self.unanswered))

    def counted(self) -> str:
        """How many came to what, in one line."""
        said = ", ".join(f"{exact(count)} {_status_words(status)}" for status, count in self.counts.items())
        if self.unlicensed:
            said += f" ({exact(self.unlicensed)} of them without a stated licence)"
        return said

    def summary(self, *, registering: bool) -> str:
        """All in one line, with how to go on where something was not to be signed yet."""
        hints = ["--register registers what is ready"] if self.counts["ready"] and not registering else []
        hints += ["--update signs the changes"] if self.counts["changed"] else []
        return ": ".join(part for part in (self.counted(), "; ".join(hints)) if part)


class Untold:
    """Of an import of thousands, what is summed up in place of a line each: how many came to what, and why."""

    _MOST_REASONS = 200
    _SHOWN = 8

    def __init__(self) -> None:
        self._outcome = ImportOutcome()
        # Why -> how many, and where the first stands.
        self._reasons: dict[str, tuple[int, str]] = {}

    def add(self, candidate: Candidate, place: str) -> None:
        """Count one more; `place` is where it stands."""
        self._outcome.add(candidate)
        found = candidate.errors or [one for one in candidate.problems if candidate.status == "skipped"]
        if not found:
            return
        where = f"{found[0].path}: " if found[0].path else ""
        reason = safe_text(f"{where}{found[0].sentence}", 160)
        if reason not in self._reasons and len(self._reasons) >= self._MOST_REASONS:
            reason = "other reasons"
        count, first = self._reasons.get(reason, (0, safe_text(place, 120)))
        self._reasons[reason] = (count + 1, first)

    def lines(self) -> Iterator[str]:
        """What to say, none where there is nothing."""
        count = sum(self._outcome.counts.values())
        if not count:
            return
        said = self._outcome.counted()
        yield f"and {exact(count)} more, {said}: --explain shows each"
        often = sorted(self._reasons.items(), key=lambda item: -item[1][0])
        for reason, (number, first) in often[: self._SHOWN]:
            yield f"  {exact(number)}: {reason} (the first: {first})"
        if len(often) > self._SHOWN:
            yield f"  and {exact(len(often) - self._SHOWN)} other reasons"


def survey_words(counts: Mapping[Standing, int], passed: int, *, cut: bool) -> str:
    """What a list of findings holds.

    Args:
        counts: how many have which status, or a draft of their own that a person began.
        passed: files that describe nothing. cut: there is more than the list shows.
    """
    standing = {status: counts[status] for status in _IN_A_LIST if counts.get(status)}
    told = [f"{exact(count)} {_status_words(status)}" for status, count in standing.items()]
    said = f"{exact(sum(standing.values()))} found{': ' if told else ''}{', '.join(told)}"
    if passed:
        said += f"; {plural(passed, 'file')} passed over"
    return said + ("; there are more: tui-registry import takes all" if cut else "")


def registered_words(count: int, *, updated: int = 0) -> str:
    """What was signed at once."""
    deeds = [f"registered {plural(count, 'record')}"] if count or not updated else []
    return " and ".join(deeds + ([f"updated {plural(updated, 'record')}"] if updated else []))


_IN_A_LIST: tuple[Standing, ...] = (
    "ready", "changed", "invalid", "draft", "failed", "kept", "deleted", "registered", "updated", "here",
)  # fmt: skip
_STATUSES: Mapping[str, Status] = {
    "new": "ready", "same": "here", "changed": "changed", "deleted": "deleted", "kept": "kept",
}  # fmt: skip
_WORDS: Mapping[Standing, str] = {
    "invalid": "not ready", "draft": "kept as drafts", "failed": "refused", "kept": "left alone",
    "deleted": "deleted here", "here": "here already", "skipped": "passed over",
}  # fmt: skip


def _status_words(status: Standing) -> str:
    return _WORDS.get(status, status)


def _told(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Problems of a draft without those that speak of it by the default of a type that nothing states: what an LLM
    should state is not asked of it then."""
    untyped = any(one.path == "model_type" and one.code == NOT_STATED for one in problems)
    told = [one for one in problems if not (untyped and one.code == NOT_STATED and one.severity == "warning")]
    return tuple(_of_items_once(told))


def _of_items_once(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Problems where the same warning about each item of a list of the manifest, such as of a hundred files, is one."""
    alike = Counter(_alike(one) for one in problems)
    for one in problems:
        kind = _alike(one)
        number = alike.pop(kind, 0)
        if number == 1 or kind is None:
            yield one
        elif number:
            yield one._replace(sentence=f"{one.sentence} (and {exact(number - 1)} more like this)")


def _alike(problem: Problem) -> tuple[str, str] | None:
    """What the same warnings about items of a list have in common; None for all else."""
    match = _ITEM.fullmatch(problem.path) if problem.severity == "warning" else None
    return None if match is None else (match[1], problem.code)


_ITEM = re.compile(r"(manifest\.[a-z_]+)\[[0-9]+\].*")
