"""What `register`, `update` and `delete` share: refusing early, naming the file in problems, saying what was done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui_registry.cli.drafts import at
from tui_registry.cli.output import note, out, out_json, problem_line
from tui_registry.cli.registry import entry_json
from tui_registry.datastore import Datastore, Entry, StoreError
from tui_registry.errors import InvalidRecord
from tui_registry.importers.documents import Finding
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
        errors = tuple(problem for problem in error.problems if problem.severity == "error")
        raise at(source, errors or error.problems) from error


def need_own(entry: Entry, done: str) -> None:
    """Refuse before anything is asked or read, when the record is another owner's.

    Raises:
        StoreError: `not_owner`.
    """
    if not entry.mine:
        owner = entry.record["owner_id"]
        raise StoreError(
            "not_owner",
            f"{entry.kind} {safe_text(str(entry.record['name']))} belongs to 0x{owner} and can only be {done} "
            "with that key: register a copy without its id instead",
        )


def need_same(entry: Entry, finding: Finding) -> None:
    """Refuse a file that is a copy of another record.

    Raises:
        StoreError: `other_record`.
    """
    named = (finding.record or entry.record)[ID_FIELD[entry.kind]]
    if named != entry.id:
        raise StoreError(
            "other_record",
            f"{finding.source} describes {entry.kind} {str(named)[:12]}, not {entry.id[:12]}: take the id out of it",
        )


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
