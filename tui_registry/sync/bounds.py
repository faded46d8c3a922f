"""How much of a stranger's data this replica reads, and how long it waits for it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tui_registry.settings import Settings, with_bounds

TILE_OPS = 256
MAX_OP_BYTES = 65_536
# Claims that are remembered of one log: of its first quarter of a million entries.
_SEEN = 16_384


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a pull or push. Sizes are bytes, times are seconds.

    A bound that is hit is a transport failure of that peer: it rejects no operation and moves no cursor.

    Attributes:
        tile_bytes: of one tile once decompressed. Never less than 256 x 65,537: a smaller bound would let a stranger's
            large but valid operations block a node's readers (see protocol.md, Pulling).
        head_bytes, answer_bytes: of a head, and of the answer to a push or a comparison.
        connect_seconds, read_seconds: for a connection, and for each read.
        head_seconds: for the whole request of a head, redirects and body included. request_seconds: for a tile that is
            read from a directory.
        least_rate: bytes a second that a pull's answers bring together, or its questions take; grace_seconds: how long
            they may stay behind it. What keeps to that may take as long as it takes: a line of 64 kbit/s carries twice
            as much.
        pull_seconds: for a whole pull or push; None for as long as it takes.
        retries: of one request, in a row, that bring nothing. retry_seconds: before the first of them at most, twice
            as much before each next; wait_seconds: before any of them, and the longest time that a busy peer may name.
            patience_seconds: for all of them.
        push_answer_seconds: until the answer to a push begins: a node checks what others pushed first.
        redirects: followed for one request.
        requests_at_once: of one pull. unread_tiles, unread_bytes: fetched ahead of what is stored.
        batch_ops, batch_bytes: what one transaction takes; whichever is reached first ends the batch.
        missing_hashes: asked for in one request, and lines of its answer. missing_rounds: requests in one pull.
        peers_at_once: pulled from together. turn_seconds: for one pull once another waits for its turn, so that
            endless peers cannot keep the honest ones waiting.
        incoming_bytes: of tiles that one pull keeps beside the replica until they are stored, so that they need not
            travel again after a kill.
        room_bytes: pulls end once the replica's files are this big; None for as much as the disk takes.
        refused_entries, unkept_entries: of one log in one pull that break a rule, or that this version cannot keep.
        push_ops, push_bytes: of one request.
        reconcile_least: ops in a log that is worth comparing before it is read. reconcile_ops: ops here up to which
            it is compared; their keys, 40 bytes each, are kept in memory meanwhile. reconcile_missing: ops that it may
            have and we not, before reading all of it is simpler.
    """

    tile_bytes: int = TILE_OPS * (MAX_OP_BYTES + 1)
    head_bytes: int = 65_536
    answer_bytes: int = 1_048_576
    connect_seconds: float = 10.0
    read_seconds: float = 20.0
    head_seconds: float = 20.0
    request_seconds: float = 120.0
    least_rate: int = 4096
    grace_seconds: float = 30.0
    pull_seconds: float | None = None
    retries: int = 5
    retry_seconds: float = 0.25
    wait_seconds: float = 30.0
    patience_seconds: float = 120.0
    push_answer_seconds: float = 60.0
    redirects: int = 3
    requests_at_once: int = 3
    unread_tiles: int = 16
    unread_bytes: int = 16 * 1_048_576
    batch_ops: int = 8192
    batch_bytes: int = 16 * 1_048_576
    missing_hashes: int = 1024
    missing_rounds: int = 16
    peers_at_once: int = 8
    turn_seconds: float = 900.0
    incoming_bytes: int = 64 * 1_048_576
    room_bytes: int | None = None
    refused_entries: int = 65_536
    unkept_entries: int = 262_144
    push_ops: int = 512
    push_bytes: int = 1_048_576
    reconcile_least: int = 2048
    reconcile_ops: int = 1_000_000
    reconcile_missing: int = 8192


def bounds_of(settings: Settings, path: Path | None = None) -> Bounds:
    """The bounds as a person has set them.

    Args:
        path: of the settings file, for what is wrong with it; None for the person's own.

    Raises:
        SettingsError: there is no such bound, or the protocol knows no such number for it.
    """
    return with_bounds(Bounds(), "sync", settings.sync, _WITHIN, path)


# What protocol.md says: tiles must be readable whole, and a node takes so much in one request.
_WITHIN = {
    "tile_bytes": (Bounds().tile_bytes, 2**53),
    "missing_hashes": (1, 1024),
    "push_ops": (1, 4096),
    # None of these is a bound as well.
    "redirects": (0, 100),
    "retries": (0, 1000),
}


class Endless:
    """Notices a log that is read for ever: a head may claim any size, and below it stand the same operations again and
    again, or nothing that can be kept. An honest log holds no operation twice and none that breaks a rule.

    One pass through a log, from a cursor to a head.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._known = self._refused = self._unkept = 0
        # Of the hashes that entries claim those that begin so, one in 16: which, a stranger cannot know.
        self._sign = os.urandom(1).hex()[0]
        self._seen: set[str] = set()

    def why(self, claims: Iterable[str | None], known: int, refused: int, unkept: int, ours: int) -> str | None:
        """Why the log is not read on, in words; None while it is.

        Args:
            claims: the hashes that the next entries claim.
            known, refused, unkept: of these entries, how many were here already, broke a rule, or cannot be kept.
            ours: operations in this log now.
        """
        self._known += known
        self._refused += refused
        self._unkept += unkept
        if self._repeats(claims) or self._known > ours:
            return "gives the same operations again and again, which no log holds twice"
        if self._refused > self._bounds.refused_entries:
            return f"gave {self._refused:,} operations that break a rule, where an honest log has none"
        if self._unkept > self._bounds.unkept_entries:
            return (
                f"gave {self._unkept:,} operations that cannot be kept here: they wait for others or for room, or are "
                "of a later version. The next sync goes on from here"
            )
        return None

    def _repeats(self, claims: Iterable[str | None]) -> bool:
        for claim in claims:
            if claim is not None and claim.startswith(self._sign):
                if claim in self._seen:
                    return True
                if len(self._seen) < _SEEN:
                    self._seen.add(claim)
        return False
