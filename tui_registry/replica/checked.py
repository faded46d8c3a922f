"""What appending needs of an operation that passed rules 1 to 5, made where it was checked: also in another process."""

from __future__ import annotations

from typing import NamedTuple

from tui_registry.crdt.op import Op
from tui_registry.crdt.parsing import parse_op
from tui_registry.crdt.rules import Ancestor, check_alone, claim_of
from tui_registry.errors import Kind, Record
from tui_registry.replica.columns import RecordColumns, counted_values, record_columns, word_values


class Derived(NamedTuple):
    """All that is derived from one record.

    Attributes:
        columns: what the catalogue holds. words: what the word index holds.
        counted: its values that are counted, each after its facet's letter.
    """

    columns: RecordColumns
    words: tuple[str, ...]
    counted: tuple[str, ...]


class Checked(NamedTuple):
    """A checked op, flat.

    Attributes:
        claim: what rules 6 to 8 ask of it.
        derived: from its record, None for an Rm.
    """

    claim: Ancestor
    children: tuple[str, ...]
    derived: Derived | None

    @property
    def is_rm(self) -> bool:
        return self.derived is None


def derive(kind: Kind, record: Record) -> Derived:
    """What the catalogue, the word index and the counts hold for a record."""
    columns = record_columns(kind, record)
    return Derived(columns, word_values(kind, record), counted_values(kind, columns))


def checked(op: Op) -> Checked:
    """Flatten an op that passed `check_alone`."""
    return Checked(claim_of(op), op.children, None if op.record is None else derive(op.kind, op.record))


def check(body: bytes) -> Checked:
    """Read an op and apply rules 1 to 5.

    Raises:
        OpError: the code of the lowest-numbered broken rule, or `unsupported`.
    """
    op = parse_op(body)
    check_alone(op)
    return checked(op)
