"""`python -m tests.convergence`: see the package's words."""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time

from tests.convergence.schedules import Figures, play
from tests.convergence.world import event_loop
from tests.crdt.lattice import PAIRS, look_at_every_order
from tui_registry.settings import STATE_DIR_VARIABLE


def look_at_histories(size: int) -> None:
    """Every order of every history of that size through the pure functions; of one less, across the records."""
    began = time.process_time()
    everything = [(False, size, "two kinds"), *((True, size - 1, name) for name in PAIRS)]
    for across, most, name in everything:
        looked = look_at_every_order(most, PAIRS[name], across=across)
        what = "naming each other's operations too" if across else "each by itself"
        print(  # noqa: T201
            f"{most} operations on two records, {what} ({name}): {looked.histories:,} histories, "
            f"{looked.orders:,} orders of arrival in {looked.steps:,} steps, "
            f"{time.process_time() - began:.0f} s of CPU so far",
            flush=True,
        )


def play_schedules(count: int, seed: str, first: int) -> None:
    """So many schedules, the `first` and those after it."""
    began, looked_at = time.process_time(), time.monotonic()
    figures = Figures()
    # What is loaded stays: the collector need not look at it again with every schedule.
    gc.freeze()
    with event_loop() as loop:
        for number in range(first, first + count):
            figures = figures.plus(play(f"{seed}:{number}", loop))
            if time.monotonic() - looked_at > 60:
                looked_at = time.monotonic()
                print(f"... {figures.schedules:,} schedules, all converged", flush=True)  # noqa: T201
    print(  # noqa: T201
        f"seed {seed}, schedules {first:,} to {first + count - 1:,}: {figures.schedules:,} converged; "
        f"{figures.replicas:,} replicas, {figures.steps:,} steps, {figures.ops:,} operations (at most {figures.most_ops} in "
        f"one), {figures.conflicts:,} conflicts left, {figures.thorough:,} on files; {time.process_time() - began:.0f} s of CPU"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.convergence")
    parser.add_argument("schedules", type=int, nargs="?", default=0, help="how many schedules to play")
    parser.add_argument("seed", nargs="?", default="1", help="a number or a word; the same seed is the same schedules")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin with the N-th of the seed's schedules")
    parser.add_argument("--histories", type=int, metavar="SIZE", help="look at every history of so many operations")
    wanted = parser.parse_args()
    if wanted.histories:
        look_at_histories(wanted.histories)
    if wanted.schedules:
        with tempfile.TemporaryDirectory() as place:
            os.environ[STATE_DIR_VARIABLE] = place
            play_schedules(wanted.schedules, wanted.seed, wanted.first)


if __name__ == "__main__":
    main()
