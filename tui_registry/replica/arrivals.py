"""Lines from elsewhere on their way into the log: what is known of each before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui_registry.crdt.op import OpError, claimed_hash
from tui_registry.replica.checked import Checked
from tui_registry.replica.connection import Pool
from tui_registry.replica.judge import Verdict
from tui_registry.replica.stored import chunks, marks
from tui_registry.replica.verifier import Verifier


@dataclass(slots=True)
class Arrival:
    """One line from elsewhere.

    Attributes:
        entry: its index in the peer's log, where it comes from one.
        held_by: whose pending op it is, where it waited here already.
        claimed: the hash that the line ends in, None where it ends otherwise. Nothing is believed of it.
        known: the log holds these very bytes.
        op: the op, once it has passed rules 1 to 5.
        error: the rule that it breaks.
    """

    index: int
    body: bytes
    entry: int | None = None
    held_by: str | None = None
    claimed: str | None = None
    known: bool = False
    op: Checked | None = None
    error: OpError | None = None

    def take(self, verdict: Verdict) -> None:
        """Note what rules 1 to 5 say of it."""
        if isinstance(verdict, Checked):
            self.op = verdict
        else:
            self.error = OpError(*verdict)


def verify(pool: Pool, verifier: Verifier, lines: Sequence[bytes], first_entry: int | None = None) -> list[Arrival]:
    """Check rules 1 to 5 of each line, but for those that the log holds already, byte for byte.

    Args:
        first_entry: the index of the first line in a peer's log.
    """
    arrivals = [
        Arrival(index, line, None if first_entry is None else first_entry + index, claimed=claimed_hash(line))
        for index, line in enumerate(lines)
    ]
    _mark_known(pool, arrivals)
    unknown = [arrival for arrival in arrivals if not arrival.known]
    for arrival, verdict in zip(unknown, verifier.judge([item.body for item in unknown]), strict=True):
        arrival.take(verdict)
    return arrivals


# How


def _mark_known(pool: Pool, arrivals: Sequence[Arrival]) -> None:
    """Spare the verification of bytes that the log holds already: a claimed hash alone spares nothing."""
    with pool.read() as db:
        if db.execute("SELECT size FROM replica").fetchone() == (0,):
            return
        bodies: dict[str, bytes] = {}
        claimed = [bytes.fromhex(arrival.claimed) for arrival in arrivals if arrival.claimed is not None]
        for chunk in chunks(claimed):
            rows = db.execute(f"SELECT hash, body FROM ops WHERE hash IN ({marks(chunk)})", chunk)
            bodies.update((digest.hex(), body) for digest, body in rows)
        for arrival in arrivals:
            arrival.known = arrival.claimed is not None and bodies.get(arrival.claimed) == arrival.body
