"""How much of a stranger's data this replica reads, and how long it waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui_registry.settings import Settings, with_bounds

TILE_OPS = 256
MAX_OP_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a pull or push. Sizes are bytes, times are seconds.

    A bound that is hit is a transport failure of that peer: it rejects no operation and moves no cursor.

    Attributes:
        tile_bytes: of one tile once decompressed. Never less than 256 x 65,537: a smaller bound would let a stranger's
            large but valid operations block a node's readers (see protocol.md, Pulling).
        head_bytes, answer_bytes: of a head, and of the answer to a push or a comparison.
        connect_seconds, read_seconds: for a connection, and for each read.
        head_seconds, request_seconds: for a whole request, redirects and body included.
        redirects: followed for one request.
        requests_at_once: of one pull. unread_tiles, unread_bytes: fetched ahead of what is stored.
        batch_ops, batch_bytes: what one transaction takes; whichever is reached first ends the batch.
        missing_hashes: asked for in one request, and lines of its answer. missing_rounds: requests in one pull.
        peers_at_once: pulled from together. turn_seconds: for one pull once another waits for its turn, so that
            endless peers cannot keep the honest ones waiting.
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
    push_ops: int = 512
    push_bytes: int = 4 * 1_048_576
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
