"""What appending needs of an operation that passed rules 1 to 5, made where it was checked: also in another process."""

from __future__ import annotations

from typing import NamedTuple

from tui_registry.crdt.op import Op
from tui_registry.crdt.parsing import parse_op
from tui_registry.crdt.rules import Ancestor, check_alone, claim_of
from tui_registry.replica.columns import RecordColumns, record_columns, word_values


class Checked(NamedTuple):
    """A checked op, flat.

    Attributes:
        claim: what rules 6 to 8 ask of it.
        columns, words: what the catalogue and the word index would hold for its record, None for an Rm.
    """

    claim: Ancestor
    children: tuple[str, ...]
    columns: RecordColumns | None
    words: tuple[str, ...] | None

    @property
    def is_rm(self) -> bool:
        return self.columns is None


def checked(op: Op) -> Checked:
    """Flatten an op that passed `check_alone`."""
    if op.record is None:
        return Checked(claim_of(op), op.children, None, None)
    return Checked(claim_of(op), op.children, record_columns(op.kind, op.record), word_values(op.kind, op.record))


def check(body: bytes) -> Checked:
    """Read an op and apply rules 1 to 5.

    Raises:
        OpError: the code of the lowest-numbered broken rule, or `unsupported`.
    """
    op = parse_op(body)
    check_alone(op)
    return checked(op)
