"""Pulling again and again: how long to wait between two rounds, whom to ask in each, and what is worth saying."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# A peer that fails is left alone for longer and longer, but no longer than this, or than one interval.
_LONGEST = 3_600
# So much of the interval a round may come sooner or later: many replicas that were started together do not stay so.
_JITTER = 0.1


@dataclass(slots=True)
class _Failing:
    """Attributes:
    times: one behind the other. skip: rounds in which it is left alone.
    """

    times: int
    skip: int


class Rounds:
    """The rounds of one who pulls by itself. It reads no clock."""

    def __init__(self, every: int, draw: Callable[[], float] = random.random) -> None:
        """
        Args:
            every: seconds from one round to the next.
            draw: gives numbers from 0 to 1, evenly.
        """
        self.every = every
        self._draw = draw
        self._failing: dict[str, _Failing] = {}

    def wait(self) -> float:
        """Seconds until the next round: the interval, a tenth more or less."""
        return self.every * (1 + _JITTER * (2 * self._draw() - 1))

    def due(self, peers: Iterable[str]) -> list[str]:
        """Those of the peers that are asked in the round that begins now."""
        asked = []
        for peer in peers:
            failing = self._failing.get(peer)
            if failing is None or failing.skip == 0:
                asked.append(peer)
            else:
                failing.skip -= 1
        return asked

    def note(self, peer: str, *, failed: bool) -> bool:
        """Take in how a pull ended; whether that is news: it failed for the first time, or no longer does."""
        before = self._failing.pop(peer, None)
        if not failed:
            return before is not None
        times = 1 if before is None else before.times + 1
        # 0, 1, 3, 7 ... rounds, as far as they fit into the longest time.
        most = max(0, _LONGEST // self.every - 1)
        self._failing[peer] = _Failing(times, min(2 ** min(times - 1, 20) - 1, most))
        return before is None
