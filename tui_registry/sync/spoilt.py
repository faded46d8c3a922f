"""Entries that were refused for their bytes: the operation whose hash they claim may be sound, and its peer have it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tui_registry.crdt import digest_of
from tui_registry.datastore import ApplyReport, Rejection
from tui_registry.sync.errors import SyncError
from tui_registry.sync.transport import Transport

if TYPE_CHECKING:
    from tui_registry.datastore import Arrival

# What breaks a later rule was signed as it stands: no other bytes of it would do better.
_BY_A_RELAY = frozenset(("malformed", "limit", "key", "hash", "signature", "actor"))


class Spoilt:
    """What one pull refused for its bytes: the first `most` entries.

    Attributes:
        claimed: the hashes that they claim.
    """

    def __init__(self, most: int) -> None:
        self.claimed: set[str] = set()
        self._most = most
        self._refused: set[bytes] = set()

    def note(self, arrivals: Sequence[Arrival], rejections: Sequence[Rejection]) -> None:
        """Remember what was refused of a batch; a rejection's place is the arrival's in the batch."""
        for rejection in rejections:
            arrival = arrivals[rejection.place]
            if rejection.code in _BY_A_RELAY and arrival.claimed is not None and len(self._refused) < self._most:
                self.claimed.add(arrival.claimed)
                self._refused.add(digest_of(arrival.body))

    async def ask(
        self,
        transport: Transport,
        hashes: Sequence[str],
        keep: Callable[[list[bytes]], Awaitable[ApplyReport]],
    ) -> list[str]:
        """Ask once for these hashes, and keep what comes unless it is what was refused.

        Returns:
            The children that what came waits for.
        """
        # The log was read to its end: a peer that does not answer this has kept nothing from us that it promised.
        with suppress(SyncError):
            lines = await transport.missing(sorted(hashes)) if hashes else []
            fresh = [line for line in lines if digest_of(line) not in self._refused]
            if fresh:
                return (await keep(fresh)).missing
        return []
