"""From a file, a folder or an address to drafts that a person looks at, and from the right ones to records.

Plain calls that a thread worker makes. No Textual here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tui_registry.datastore import Datastore
from tui_registry.errors import Kind, Problem, Record, RegistryError
from tui_registry.importers import Finding, Operations, Skipped, read_source
from tui_registry.records.schema import ID_FIELD, NULL_HASH
from tui_registry.text import exact, safe_text

# A list is for looking; what is longer the command line takes.
MOST = 2_000


class ImportRefused(RegistryError):
    """A source that nothing can be had from; code `import`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("import", sentence)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One description that was found.

    Attributes:
        source: where it stands.
        record: the draft, None when it cannot be read.
        problems: why it cannot be read, or what the authoring rules say of the draft.
        here: this replica has the record of its id already.
        origins: where each value came from, by the path of its field.
        notes: what could not be read and what a person should look at.
    """

    source: str
    kind: Kind | None
    record: Record | None
    problems: tuple[Problem, ...] = ()
    here: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The record's name, made safe; empty when there is none."""
        return "" if self.record is None else safe_text(str(self.record["name"]), 200)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def ready(self) -> bool:
        """Whether it can be registered as it is."""
        return self.record is not None and not self.here and not self.errors


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
                candidates.append(judged(datastore, found))
    if not operations and not any(candidate.record is not None for candidate in candidates):
        broken = next((candidate for candidate in candidates if candidate.problems), None)
        if broken is not None:
            why = f"{safe_text(broken.source, 200)} {reason(broken)}"
        raise ImportRefused(why or f"{safe_text(source, 200)} holds nothing that describes a model or an agent")
    return Survey(source, tuple(candidates), tuple(operations), passed, cut)


def judged(datastore: Datastore, finding: Finding) -> Candidate:
    """A finding with what the authoring rules say of it, here and now."""
    kind, record, problems, here = finding.kind, finding.record, finding.problems, False
    if kind is not None and record is not None:
        problems = tuple(datastore.check(kind, record))
        identifier = str(record[ID_FIELD[kind]])
        here = identifier != NULL_HASH and datastore.entry(identifier, kind) is not None
    return Candidate(finding.source, kind, record, problems, here, finding.origins, finding.notes)


def reason(candidate: Candidate) -> str:
    """Why a candidate cannot be registered as it is, in one line; empty when it can."""
    if candidate.errors:
        first = candidate.errors[0]
        where = f"{safe_text(first.path, 60)}: " if first.path else ""
        more = f" (and {len(candidate.errors) - 1} more)" if len(candidate.errors) > 1 else ""
        return f"{where}{safe_text(first.sentence, 300)}{more}"
    return "registered here already" if candidate.here else ""


def register_all(datastore: Datastore, candidates: Sequence[Candidate]) -> Iterator[str | RegistryError]:
    """Sign and store those that are ready; for each of them, in order, its id, or why it was refused.

    Raises:
        RegistryError: the replica cannot be written; what came before is stored.
    """
    ready = [
        (one.kind, one.record) for one in candidates if one.ready and one.kind is not None and one.record is not None
    ]
    for written in datastore.add_all(ready):
        yield written if isinstance(written, RegistryError) else written.key


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
