"""From a file, a folder or an address to drafts that a person looks at, and from the right ones to records.

Plain calls for threads. No Textual here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tui_registry.datastore import Datastore
from tui_registry.errors import Kind, Problem, Record, RegistryError
from tui_registry.importers import Finding, Operations, Skipped, read_source
from tui_registry.records.schema import ID_FIELD, NULL_HASH
from tui_registry.text import exact, safe_text

# A list is for looking; what is longer the command line takes.
MOST = 2_000

# `invalid` cannot be read or breaks a rule, `here` is registered here already, `failed` was refused by the replica.
Status: TypeAlias = Literal["ready", "registered", "here", "invalid", "failed"]


class ImportRefused(RegistryError):
    """A source that nothing can be had from; code `import`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("import", sentence)


@dataclass(slots=True)
class Candidate:
    """One description that was found, and what became of it so far.

    Attributes:
        source: where it stands.
        record: the draft, None when it cannot be read.
        id: of the record that is registered here.
        problems: why it cannot be read or was refused, or what the authoring rules say of the draft.
        origins: where each value came from, by the path of its field.
        notes: what could not be read and what a person should look at.
    """

    source: str
    status: Status
    kind: Kind | None = None
    record: Record | None = None
    id: str | None = None
    problems: tuple[Problem, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The record's name, made safe; empty when there is none."""
        return "" if self.record is None else safe_text(str(self.record["name"]), 200)

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep it from being registered."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def state(self) -> str:
        """Its status in words."""
        if self.status == "invalid":
            count = len(self.errors)
            return "unreadable" if self.record is None else f"{count} problem{'' if count == 1 else 's'}"
        return {"here": "here already", "failed": "refused"}.get(self.status, self.status)

    @property
    def reason(self) -> str:
        """Why it cannot be registered as it is, in one line; empty when it can."""
        if not self.errors:
            return "registered here already" if self.status == "here" else ""
        first, more = self.errors[0], len(self.errors) - 1
        where = f"{safe_text(first.path, 60)}: " if first.path else ""
        return f"{where}{safe_text(first.sentence, 300)}" + (f" (and {more} more)" if more else "")

    def end_in(self, outcome: str | RegistryError) -> None:
        """Keep what registering it came to: the id of the record, or why there is none."""
        if isinstance(outcome, RegistryError):
            self.status, self.problems = "failed", (Problem("", "error", outcome.code, safe_text(outcome.sentence)),)
        else:
            self.status, self.id = "registered", outcome


@dataclass(frozen=True, slots=True)
class Survey:
    """What a source holds.

    Attributes:
        operations: files of operations that are signed already.
        passed: how many files of a folder describe nothing.
        cut: there is more than is listed.
    """

    source: str
    candidates: tuple[Candidate, ...]
    operations: tuple[Operations, ...] = ()
    passed: int = 0
    cut: bool = False


def survey(datastore: Datastore, source: str, unwanted: Callable[[], bool] = lambda: False) -> Survey:
    """Read a source, and ask the authoring rules about every draft in it. Signs and stores nothing.

    Args:
        source: a path, or an address that begins with http:// or https://, as somebody typed it.
        unwanted: asked between two findings; the reading ends when it says so.

    Raises:
        RegistryError: it cannot be read, or nothing in it can; the sentence says why.
    """
    candidates: list[Candidate] = []
    operations: list[Operations] = []
    passed, cut, why = 0, False, ""
    for found in read_source(source):
        if unwanted():
            break
        match found:
            case Skipped():
                passed, why = passed + 1, why or f"{safe_text(found.source, 200)} {found.sentence}"
            case Operations():
                operations.append(found)
            case Finding():
                if len(candidates) == MOST:
                    cut = True
                    break
                candidates.append(_judged(datastore, found))
    if not operations and not any(candidate.record is not None for candidate in candidates):
        broken = next((candidate for candidate in candidates if candidate.problems), None)
        if broken is not None:
            why = f"{safe_text(broken.source, 200)} {broken.reason}"
        raise ImportRefused(why or f"{safe_text(source, 200)} holds nothing that describes a model or an agent")
    return Survey(source, tuple(candidates), tuple(operations), passed, cut)


def register_all(datastore: Datastore, candidates: Sequence[Candidate]) -> str:
    """Sign and store records; each candidate keeps what became of it.

    Returns:
        Why the replica could not be written, empty where it could; what came before is stored.
    """
    drafts = [(one.kind, one.record) for one in candidates if one.kind is not None and one.record is not None]
    try:
        for candidate, written in zip(candidates, datastore.add_all(drafts), strict=True):
            candidate.end_in(written if isinstance(written, RegistryError) else written.key)
    except RegistryError as error:
        return error.sentence
    return ""


def take_operations(datastore: Datastore, operations: Sequence[Operations]) -> str:
    """Store operations that others signed, as a pull would; tells in a sentence what became of them.

    Raises:
        RegistryError: a file cannot be read, or the replica cannot be written.
    """
    applied = known = pending = refused = 0
    for one in operations:
        report = datastore.apply(one.lines(), source="file")
        applied, known = applied + report.applied, known + report.known
        pending, refused = pending + report.pending, refused + len(report.rejected)
    parts = [f"{exact(applied)} operations stored"]
    parts += [f"{exact(count)} {word}" for count, word in ((known, "known already"), (pending, "pending")) if count]
    return ", ".join([*parts, *([f"{exact(refused)} rejected"] if refused else [])])


def _judged(datastore: Datastore, found: Finding) -> Candidate:
    """A finding with what the authoring rules say of it, here and now."""
    candidate = Candidate(
        found.source, "invalid", found.kind, found.record, None, found.problems, found.origins, found.notes
    )
    if found.kind is None or found.record is None:
        return candidate
    candidate.problems = tuple(datastore.check(found.kind, found.record))
    identifier = str(found.record[ID_FIELD[found.kind]])
    if identifier != NULL_HASH and datastore.entry(identifier, found.kind) is not None:
        candidate.status, candidate.id = "here", identifier
    elif not candidate.errors:
        candidate.status = "ready"
    return candidate
