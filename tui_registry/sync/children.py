"""Asking a peer for the children that pending operations wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tui_registry.crdt import claimed_hash
from tui_registry.datastore import ApplyReport
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.transport import Transport


async def ask_for_children(
    transport: Transport,
    missing: set[str],
    keep: Callable[[list[bytes]], Awaitable[ApplyReport]],
    bounds: Bounds,
) -> None:
    """Ask until nothing is missing, the peer has no more, or the rounds are used up.

    Args:
        missing: hashes to begin with; children of what arrives are asked for in turn. A hash
            that was answered, or that the peer does not have, is not asked for again.
        keep: stores lines and reports what they wait for in turn.
    """
    settled: set[str] = set()
    wanted = set(missing)
    for _ in range(bounds.missing_rounds):
        question = sorted(wanted)[: bounds.missing_hashes]
        if not question:
            return
        lines = await transport.missing(question)
        useful = answered(lines).intersection(question)
        if not useful:
            # The peer has none of these: an answer that is a prefix has at least the first.
            settled.update(question)
            wanted -= settled
            continue
        report = await keep(lines)
        settled |= useful
        wanted = (wanted | set(report.missing)) - settled


def answered(lines: list[bytes]) -> set[str]:
    """The hashes that the lines of an answer claim."""
    return {claim for line in lines if (claim := claimed_hash(line)) is not None}
