"""What a piece of work costs: seconds by the clock, and of the processors."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Spent(NamedTuple):
    """Seconds by the clock, and CPU seconds of this process and of those that it waited for."""

    seconds: float
    cpu: float


def spent(work: Callable[[], object]) -> Spent:
    """What one run costs."""
    cpu, began = _cpu(), time.perf_counter()
    work()
    return Spent(time.perf_counter() - began, _cpu() - cpu)


def median(work: Callable[[], object], repeat: int = 9) -> float:
    """The median seconds of some runs."""
    return statistics.median(spent(work).seconds for _ in range(repeat))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
