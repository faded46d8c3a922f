"""What the writing commands share: refusing early, asking first, naming the file in problems, saying what was done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui_registry.cli.drafts import at
from tui_registry.cli.output import note, out, out_json, problem_line
from tui_registry.cli.registry import entry_json
from tui_registry.datastore import Datastore, Entry, StoreError
from tui_registry.errors import InvalidRecord
from tui_registry.present.imports import Finding
from tui_registry.records.schema import ID_FIELD
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.crdt import AgentOp, ModelOp


@contextmanager
def in_file(source: str) -> Iterator[None]:
    """Let the problems of a record name the file that it came from."""
    try:
        yield
    except InvalidRecord as error:
        raise at(source, error.problems) from error


@contextmanager
def key_explained(datastore: Datastore) -> Iterator[None]:
    """Say where the key lies and why to keep a copy of it, once what the block writes is the first that it signs."""
    before = datastore.key.operations()
    yield
    if before == 0 and datastore.key.operations():
        place = safe_text(str(datastore.key.file))
        note(
            f"the key that signs your records is {place}, and without it nobody can change them, you included: "
            "keep a copy elsewhere with 'identity export FILE'"
        )


def need_own(entry: Entry, done: str) -> None:
    """Refuse before anything is asked or read, when the record is another owner's.

    Raises:
        StoreError: `not_owner`.
    """
    if not entry.mine:
        owner = entry.record["owner_id"]
        instead = ": register a copy without its id instead" if done == "updated" else ""
        raise StoreError(
            "not_owner",
            f"{entry.kind} {safe_text(str(entry.record['name']))} belongs to 0x{owner} and can only be {done} "
            f"with that key{instead}",
        )


def may(question: str, deed: str, stopped: str) -> None:
    """Ask the person at the terminal, on stderr; anything but a yes ends the command.

    Args:
        question: with safe names, ending in `?`.
        deed, stopped: for the sentences: nobody can be asked whether to `deed`; the answer was no.

    Raises:
        UsageError: nobody can be asked.
        StoppedError: the answer was no.
    """
    import sys

    from tui_registry.cli.errors import StoppedError, UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked whether to {deed}: say --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoppedError(stopped)


def need_same(entry: Entry, finding: Finding) -> None:
    """Refuse a file that is a copy of another record.

    Raises:
        StoreError: `other_record`.
    """
    for named in (finding.id or entry.id, (finding.record or entry.record)[ID_FIELD[entry.kind]]):
        if named != entry.id:
            described = f"{entry.kind} {str(named)[:12]}, not {entry.id[:12]}"
            raise StoreError("other_record", f"{finding.source} describes {described}: take the id out of it")


def tell(datastore: Datastore, done: str, op: ModelOp | AgentOp, *, as_json: bool) -> None:
    """Say what was written, and what could be better about it."""
    entry = datastore.entry(op.key, op.kind)
    if entry is None:  # another process deleted it since
        out(f"{done} {op.kind} {op.key}")
        return
    if as_json:
        out_json(entry_json(entry))
    else:
        out(f"{done} {entry.kind} {safe_text(str(entry.record['name']))}, id {entry.id}")
    for problem in entry.problems:
        note(problem_line(problem))
