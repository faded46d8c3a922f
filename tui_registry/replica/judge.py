"""Rules 1 to 5 over many lines, here or in a process of its own (`python -m tui_registry.replica.judge`).

Recovering a key takes some 40 microseconds of C, the rest of the checks as much Python again: one interpreter cannot do
that and feed SQLite at the same time.
"""

from __future__ import annotations

import pickle
import signal
import struct
import sys
from collections.abc import Sequence
from typing import IO

from tui_registry.crdt.op import OpError
from tui_registry.records.schema import MAX_OP_BYTES
from tui_registry.replica.checked import Checked, check

# A checked op, or the code and the sentence of the rule that it breaks.
Verdict = Checked | tuple[str, str]

LENGTH = struct.Struct("<I")


def judge(lines: Sequence[bytes]) -> list[Verdict]:
    """A verdict for each line. An exception on one line is that line's fault."""
    return [_judge(line) for line in lines]


def _judge(line: bytes) -> Verdict:
    try:
        if len(line) > MAX_OP_BYTES:
            return "limit", f"the operation has {len(line):,} bytes, at most {MAX_OP_BYTES:,} are allowed"
        return check(line)
    except OpError as error:
        return error.code, error.sentence
    except Exception as error:
        return "malformed", f"the operation could not be checked ({type(error).__name__})"


def send(stream: IO[bytes], value: Sequence[bytes] | list[Verdict]) -> None:
    """Write one message to the other side of the pipe."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message, None at the end. Pickles: both sides are this program, on a pipe that nobody else holds."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def main() -> None:
    """Answer until the pipe closes. The parent decides about ctrl+c."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while (data := receive(sys.stdin.buffer)) is not None:
        send(sys.stdout.buffer, judge(pickle.loads(data)))  # noqa: S301 - from our parent


if __name__ == "__main__":
    main()
