"""Rules 1 to 5 over many lines, here or in a process of its own (`python -m tui_registry.replica.log.judge`).

Recovering a key takes some 40 microseconds of C, the rest of the checks as much Python again: one interpreter cannot do
that and feed SQLite at the same time.
"""

from __future__ import annotations

import gc
import marshal
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, TypeVar

from tui_registry.crdt.op import Op, OpError, parse_op
from tui_registry.crdt.rules import Ancestor, check_alone, claim_of
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import MAX_OP_BYTES
from tui_registry.replica.catalogue.current_manifests import ManifestColumns, manifest_columns
from tui_registry.replica.catalogue.derived import Derived, derive


class Checked(NamedTuple):
    """What appending needs of an operation that passed rules 1 to 5, flat: made where it was checked.

    Attributes:
        claim: what rules 6 to 8 ask of it.
        derived: from its record or manifest, None for an Rm.
    """

    claim: Ancestor
    children: tuple[str, ...]
    derived: Derived | ManifestColumns | None

    @property
    def is_rm(self) -> bool:
        return self.derived is None


class Rejection(NamedTuple):
    """An operation that breaks a rule. `place` is where it stands among the lines given."""

    place: int
    code: str
    sentence: str

    @property
    def is_spoilt(self) -> bool:
        """Whether sound bytes of the same operation may exist."""
        return self.code in _BY_BYTES


T = TypeVar("T")

# A checked op, or the code and the sentence of the rule that it breaks.
Verdict = Checked | tuple[str, str]

LENGTH = struct.Struct("<I")

# The rules that a relay or a disk breaks by changing bytes. What breaks a later one was signed as it stands: no other
# bytes of it would do better.
_BY_BYTES = frozenset(("malformed", "limit", "key", "hash", "signature", "actor"))


def check(op: Op) -> Checked:
    """Apply those of rules 1 to 5 that parsing leaves; local writes are checked by it as well.

    Raises:
        OpError: the code of the lowest-numbered broken rule.
    """
    check_alone(op)
    return Checked(claim_of(op), op.children, _derived(op))


def _derived(op: Op) -> Derived | ManifestColumns | None:
    if op.record is None:
        return None
    return manifest_columns(op.record) if op.kind == "manifest" else derive(op.kind, op.record)


def check_bytes(body: bytes) -> Checked:
    """Read an op and apply rules 1 to 5.

    Raises:
        OpError: the code of the lowest-numbered broken rule, or `unsupported`.
    """
    return check(parse_op(body))


def judge(lines: Sequence[bytes]) -> list[Verdict]:
    """A verdict for each line. An exception on one line is that line's fault."""
    return [_judge(line, partial(check_bytes, line)) for line in lines]


def judge_claim(line: bytes, owner: str) -> str | tuple[str, str]:
    """The hash of an operation that passes rules 1 to 5 if the owner that it claims has signed it, which is not looked
    at: that is most of the work. Else the code and the sentence of the rule that it breaks.

    The hash holds the owner: whatever else comes under this hash, from whomever, is that owner's or no operation.
    """
    verdict = _judge(line, lambda: _claimed(line, owner))
    return verdict.hash if isinstance(verdict, Op) else verdict


def check_claimed(line: bytes, owner: str) -> Verdict:
    """As `judge` of one line, whose signer the caller knows to be the owner that it claims: that is not looked at."""

    def claimed() -> Checked:
        op = _claimed(line, owner)
        return Checked(claim_of(op), op.children, _derived(op))

    return _judge(line, claimed)


def _claimed(line: bytes, owner: str) -> Op:
    op = parse_op(line)
    check_alone(op, owner)
    return op


def _judge(line: bytes, read: Callable[[], T]) -> T | tuple[str, str]:
    try:
        if len(line) > MAX_OP_BYTES:
            return _too_large(line)
        return read()
    except OpError as error:
        return error.code, error.sentence
    except Exception as error:
        return "malformed", f"the operation could not be checked ({type(error).__name__})"


def _too_large(line: bytes) -> tuple[str, str]:
    return "limit", f"the operation has {len(line):,} bytes, at most {MAX_OP_BYTES:,} are allowed"


def send(stream: IO[bytes], data: bytes) -> None:
    """Write one message to the other side of the pipe."""
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message, None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


# Marshal reads plain values in half the time of pickle. Both sides are this program, on a pipe that nobody else holds.


def pack(verdicts: Sequence[Verdict]) -> bytes:
    """Verdicts as one message, each as plain tuples."""
    return marshal.dumps([_plain(verdict) if isinstance(verdict, Checked) else verdict for verdict in verdicts])


def unpack(data: bytes) -> list[Verdict]:
    """The verdicts of a message."""
    verdicts = marshal.loads(data)  # noqa: S302 - from our own child
    return [verdict if len(verdict) == _REFUSED else _checked(*verdict) for verdict in verdicts]


_REFUSED = 2
_Plain = tuple[tuple[str | int | None, ...], tuple[str, ...], tuple[object, ...] | None]


def _plain(op: Checked) -> _Plain:
    return tuple(op.claim), op.children, None if op.derived is None else tuple(op.derived)


def _checked(claim: Sequence[str], children: tuple[str, ...], derived: Sequence[tuple[str, ...]] | None) -> Checked:
    ancestor = Ancestor._make(claim)
    made = ManifestColumns if ancestor.kind == "manifest" else Derived
    return Checked(ancestor, children, None if derived is None else made._make(derived))


def main() -> None:
    """Answer until the pipe closes. The parent decides about ctrl+c."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Reading an operation makes no reference cycles: searching for them costs a fifteenth of checking it.
    gc.set_threshold(100_000)
    while (data := receive(sys.stdin.buffer)) is not None:
        send(sys.stdout.buffer, pack(judge(marshal.loads(data))))  # noqa: S302 - from our parent


if __name__ == "__main__":
    main()
