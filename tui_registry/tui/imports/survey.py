"""From a file, a folder or an address to drafts that a person looks at, and from the right ones to records.

Plain calls for threads. No Textual here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tui_registry.datastore import Datastore, Together
from tui_registry.errors import RegistryError
from tui_registry.importers import CutShortError, read_source
from tui_registry.present.imports import Candidate, Finding, Found, Operations, OperationsTaken, Skipped, judged
from tui_registry.records.schema import ID_FIELD, NULL_HASH
from tui_registry.text import safe_text

# A list is for looking; what is longer the command line takes.
MOST = 2_000


class ImportRefused(RegistryError):
    """A source that nothing can be had from; code `import`."""

    def __init__(self, sentence: str) -> None:
        super().__init__("import", sentence)


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
    cut_short: list[CutShortError] = []
    for found in _as_far_as_it_goes(source, cut_short):
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
                candidates.append(_candidate(datastore, found))
    if not operations and not any(candidate.record is not None for candidate in candidates):
        broken = next((candidate for candidate in candidates if candidate.problems), None)
        if broken is not None:
            why = f"{safe_text(broken.source, 200)} {broken.reason}"
        raise ImportRefused(why or f"{safe_text(source, 200)} holds nothing that describes a model or an agent")
    return Survey(source, tuple(candidates), tuple(operations), passed, cut or bool(cut_short))


def _as_far_as_it_goes(source: str, cut_short: list[CutShortError]) -> Iterator[Found]:
    """What a source holds; where a list breaks off after something was found, `cut_short` is told."""
    found = None
    try:
        for found in read_source(source):
            yield found
    except CutShortError as error:
        if found is None:
            raise
        cut_short.append(error)


def register_all(datastore: Datastore, source: str, candidates: Sequence[Candidate]) -> str:
    """Sign and store records; each candidate keeps what became of it.

    Returns:
        Why the replica could not be written, empty where it could; what came before is stored.
    """
    drafts = [(one.kind, one.record) for one in candidates if one.kind is not None and one.record is not None]
    try:
        for candidate, written in zip(
            candidates, datastore.add_all(drafts, together=Together(f"import of {source}")), strict=True
        ):
            candidate.end_in(written if isinstance(written, RegistryError) else written.key)
    except RegistryError as error:
        return error.sentence
    return ""


def take_operations(datastore: Datastore, operations: Sequence[Operations]) -> OperationsTaken:
    """Store operations that others signed, as a pull would.

    Raises:
        RegistryError: a file cannot be read, or the replica cannot be written.
    """
    taken = OperationsTaken()
    for one in operations:
        taken = taken.plus(OperationsTaken.of(datastore.apply(one.lines(), source="file")))
    return taken


def _candidate(datastore: Datastore, found: Finding) -> Candidate:
    """A finding with what the authoring rules say of it, here and now."""
    if found.kind is None or found.record is None:
        return judged(found)
    problems = datastore.check(found.kind, found.record)
    identifier = str(found.record[ID_FIELD[found.kind]])
    is_here = identifier != NULL_HASH and datastore.entry(identifier, found.kind) is not None
    return judged(found, problems, here_as=identifier if is_here else None)
