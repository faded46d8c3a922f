"""From a file, a folder or an address to drafts that a person looks at, and from the chosen ones to records.

Plain calls for threads, and what a person chose and mended so far. No Textual here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tui_registry.datastore import Datastore, Described, ImportRun
from tui_registry.errors import Kind, RegistryError
from tui_registry.importers import place_of, read_source
from tui_registry.present.imports import (
    Candidate,
    Finding,
    Operations,
    OperationsTaken,
    Skipped,
    Standing,
    Status,
    describe,
    judged,
    passed_over,
)
from tui_registry.text import exact, safe_text

# A list is for looking; what is longer the command line takes.
MOST: Final = 10_000
_MOST_PASSED: Final = 1_000
_AT_ONCE: Final = 500


class ImportRefused(RegistryError):
    """A source that nothing can be had from; code `import`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("import", sentence)


class Progress:
    """How far a thread is; whoever draws looks at it now and then.

    Attributes:
        total: of how many it has done so many; 0 while that is not known.
        said: what it waits for, in words; empty where it only counts.
    """

    def __init__(self, total: int = 0) -> None:
        self.done = 0
        self.total = total
        self.said = ""

    def tell(self, words: str) -> None:
        """Keep what it waits for."""
        self.said = words

    def words(self, before: str, known: str = "") -> str:
        """`reading … 1,204 so far`, or once the total is known `signing … 1,000 of 3,753`.

        Args:
            before, known: what it does, before the total is known and since.
        """
        if self.total:
            return f"{known or before} … {exact(self.done)} of {exact(self.total)}"
        return f"{before} … {self.said or f'{exact(self.done)} so far'}"


@dataclass(slots=True)
class Line:
    """One description: as it was read, what it comes to here, and what a person began with it.

    Attributes:
        read: as it stands in the source.
        found: the same, with the values that were given to it here.
        draft: the key of the draft that the form left behind, with what was typed.
    """

    read: Finding
    found: Finding
    candidate: Candidate
    draft: str | None = None

    @property
    def kind(self) -> Kind:
        """Of the record; where the description does not say it, of the form that is opened for it."""
        return self.candidate.kind or "model"

    @property
    def mended(self) -> bool:
        """Whether it was given a value here."""
        return self.found is not self.read

    @property
    def is_done(self) -> bool:
        """Whether it is here, as it is described."""
        return self.candidate.status in ("registered", "updated", "here")

    @property
    def is_passed_over(self) -> bool:
        """Whether it is a file of a folder that describes nothing."""
        return self.candidate.status == "skipped"

    @property
    def stands(self) -> Standing:
        """How it stands: as its candidate, where there is no draft of its own."""
        return self.candidate.status if self.draft is None else "draft"

    @property
    def can_be_signed(self) -> bool:
        """Whether it can be registered or updated as it is."""
        one = self.candidate
        right = one.status == "failed" or not one.errors
        return self.draft is None and right and one.status in ("ready", "changed", "deleted", "failed")

    def is_ready_as(self, status: Status) -> bool:
        """Whether it can be signed as it is, and has that status."""
        return self.can_be_signed and self.candidate.status == status

    @property
    def can_be_mended(self) -> bool:
        """Whether a value can be given to it, together with others; of what stays as it is that changes nothing."""
        one = self.candidate
        return self.draft is None and one.record is not None and one.status != "kept" and not self.is_done

    @property
    def can_be_marked(self) -> bool:
        """Whether anything can be done with it, together with others."""
        return self.can_be_signed or self.can_be_mended


@dataclass(frozen=True, slots=True)
class Survey:
    """What a source holds.

    Attributes:
        lines: what has to be looked at, then what is here already, then the files that describe nothing.
        run: what comes of it is remembered, and undone as one.
        operations: files of operations that are signed already.
        passed: how many files of a folder describe nothing; the lines say why of the first of them.
        cut: there is more than is listed.
        broken: why the reading ended before the end, empty where it did not.
    """

    source: str
    run: ImportRun
    lines: tuple[Line, ...]
    operations: tuple[Operations, ...] = ()
    passed: int = 0
    cut: bool = False
    broken: str = ""

    @property
    def alone(self) -> Line | None:
        """The only description that there is, where it can go straight into the form as a new record."""
        told = [line for line in self.lines if not line.is_passed_over]
        if len(told) != 1 or self.operations or self.broken:
            return None
        (line,) = told
        return line if line.candidate.status in ("ready", "invalid") else None


def survey(
    datastore: Datastore, source: str, unwanted: Callable[[], bool] = lambda: False, progress: Progress | None = None
) -> Survey:
    """Read a source, and ask the authoring rules about every draft in it. Signs and stores nothing.

    Args:
        source: a path, or an address that begins with http:// or https://, as somebody typed it.
        unwanted: asked between two findings, and before an address is asked for more; the reading ends when it says
            so.
        progress: counts what was found, then what was compared with what is here.

    Raises:
        RegistryError: it cannot be read, or nothing in it can; the sentence says why.
    """
    progress = progress or Progress()
    findings: list[Finding] = []
    operations: list[Operations] = []
    others: list[Line] = []
    passed, cut, why, broken = 0, False, "", ""

    def tell(words: str) -> None:
        # Each thing that a silent host is asked for costs seconds, and the app ends after this thread
        if unwanted():
            raise ImportRefused("nobody waits for it any more")
        progress.tell(words)

    try:
        for found in read_source(source, tell=tell):
            if unwanted():
                break
            match found:
                case Skipped():
                    passed, why = passed + 1, why or f"{safe_text(found.source, 200)} {found.sentence}"
                    if passed <= _MOST_PASSED:
                        nothing = Finding(found.source, None, None)
                        others.append(Line(nothing, nothing, passed_over(found)))
                case Operations():
                    operations.append(found)
                case Finding():
                    if len(findings) == MOST:
                        cut = True
                        break
                    findings.append(found)
            progress.done = len(findings) + passed
    except RegistryError as error:
        if not findings and not operations:
            raise
        # A server that went away, a disk that was unplugged: what came before can be looked at all the same
        broken = error.sentence.replace("to go on there: --after", "tui-registry import goes on there with --after")
    run = ImportRun(place_of(source), f"import of {source}")
    described = (describe(found, run) for found in findings)
    lines: list[Line] = []
    progress.done, progress.total = 0, len(findings)
    for found, one in zip(findings, judge(datastore, run, findings, described, unwanted), strict=False):
        lines.append(Line(found, found, one))
        progress.done += 1
    if not operations and not any(found.record is not None for found in findings):
        faulty = next((line.candidate for line in lines if line.candidate.problems), None)
        if faulty is not None:
            why = f"{safe_text(faulty.source, 200)} {faulty.reason}"
        raise ImportRefused(why or f"{safe_text(source, 200)} holds nothing that describes a model or an agent")
    # What somebody has to look at comes before what is here already
    lines.sort(key=lambda line: line.is_done)
    return Survey(source, run, (*lines, *others), tuple(operations), passed, cut, broken)


def judge(
    datastore: Datastore,
    run: ImportRun,
    findings: Iterable[Finding],
    described: Iterable[Described | None],
    unwanted: Callable[[], bool] = lambda: False,
) -> Iterator[Candidate]:
    """What each finding comes to here and now, many at a time; ends when it is not wanted any more.

    Args:
        described: the same findings as the replica takes them, in the same order.
    """
    pairs = zip(findings, described, strict=True)
    while not unwanted() and (some := list(islice(pairs, _AT_ONCE))):
        candidates = [judged(found) for found, _ in some]
        known = [(one, entry) for one, (_, entry) in zip(candidates, some, strict=True) if entry is not None]
        compared = datastore.imports.compare(run, [entry for _, entry in known])
        for (one, entry), comparison in zip(known, compared, strict=True):
            one.described = entry
            one.compared(comparison)
        yield from candidates


def sign_all(datastore: Datastore, found: Survey, lines: Sequence[Line], progress: Progress) -> str:
    """Sign and store what was chosen, as one batch; each candidate keeps what became of it.

    What is new is registered and never updates anything, what was shown to change is updated.

    Returns:
        Why the replica could not be written, empty where it could; what came before is stored.
    """
    updates = [line for line in lines if line.candidate.before is not None]
    others = [line for line in lines if line.candidate.before is None]
    try:
        for some, update in ((others, False), (updates, True)):
            entries = [line.candidate.described for line in some if line.candidate.described is not None]
            taken = datastore.take_in(entries, found.run, register=not update, update=update)
            for line, outcome in zip(some, taken, strict=True):
                line.candidate.end_in(outcome)
                progress.done += 1
    except RegistryError as error:
        return error.sentence
    return ""


def remember(datastore: Datastore, line: Line) -> None:
    """Keep which record a description became that was signed in the form, so that it is found when it is read again.

    Raises:
        RegistryError: the replica cannot be written.
    """
    one = line.candidate
    if one.described is not None and one.id is not None:
        datastore.imports.remember(one.described, one.id)


def take_operations(datastore: Datastore, operations: Sequence[Operations]) -> OperationsTaken:
    """Store operations that others signed, as a pull would.

    Raises:
        RegistryError: a file cannot be read, or the replica cannot be written.
    """
    taken = OperationsTaken()
    for one in operations:
        taken = taken.plus(OperationsTaken.of(datastore.apply(one.lines(), source="file")))
    return taken
