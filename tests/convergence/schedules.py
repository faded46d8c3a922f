"""What happens in a world, drawn from a seed: the same seed is the same schedule, on any machine."""

from __future__ import annotations

import asyncio
from random import Random
from typing import NamedTuple

from tests.convergence.world import World
from tui_registry.sync import Bounds


class Figures(NamedTuple):
    """What schedules came to, all together."""

    schedules: int = 0
    replicas: int = 0
    steps: int = 0
    ops: int = 0
    most_ops: int = 0
    conflicts: int = 0
    thorough: int = 0

    def plus(self, other: Figures) -> Figures:
        return Figures(
            self.schedules + other.schedules,
            self.replicas + other.replicas,
            self.steps + other.steps,
            self.ops + other.ops,
            max(self.most_ops, other.most_ops),
            self.conflicts + other.conflicts,
            self.thorough + other.thorough,
        )


def play(seed: str, loop: asyncio.AbstractEventLoop) -> Figures:
    """One schedule: 2 to 7 replicas, some steps, then all meet and must be equal.

    Raises:
        AssertionError: with a note that tells how to see it again.
    """
    random = Random(seed)
    # Few replicas far more often than many: what goes wrong among seven mostly does among three, at half the cost.
    count = min(random.randint(2, 7), random.randint(2, 7), random.randint(2, 7))
    owners = [random.randrange(3) for _ in range(count)]
    bounds = Bounds(batch_ops=random.choice((1, 4, 64)), missing_hashes=2, reconcile_least=random.choice((1, 4, 64)))
    thorough = random.random() < 0.003
    world = World(owners, loop, bounds, thorough=thorough)
    with world:
        try:
            for _ in range(random.randint(5, 15)):
                step(world, random)
            world.settle(random.randrange(count), by_pushing=random.random() < 0.75)
        except BaseException as error:
            error.add_note(f"{world}")
            error.add_note(f"replay: python -m tests.convergence 1 {seed.replace(':', ' --first ')}")
            raise
        state = world.machines[0].state
        ops = len(state.valid)
        return Figures(1, count, len(world.done), ops, ops, len(state.conflicts), int(thorough))


def step(world: World, random: Random) -> None:
    """One thing that happens."""
    count = len(world.machines)
    at, other = random.sample(range(count), 2)
    slot, number, later = random.choice((0, 0, 0, 1, 2)), random.randrange(64), random.randrange(3)
    match random.randrange(27):
        case 0 | 1 | 2 | 3 | 4 | 5 | 6:
            world.write(at, slot, number, later)
        case 7 | 8:
            world.remove(at, slot, later)
        case 9 | 10 | 11 | 12:
            world.fork(at, slot, number, later, removes=number % 4 == 0)
        case 13 | 14 | 15:
            world.pull(at, other)
        case 16:
            world.pull(at, other, requests=random.randrange(4))
        case 17:
            world.pull_published(at, other)
        case 18 | 19:
            world.push(other, at, number, random.randrange(1, 8))
        case 20 | 21:
            world.scatter(other, at, [random.randrange(64) for _ in range(random.randrange(1, 8))])
        case 22:
            world.part(random.randrange(1 << count))
        case 23:
            world.spoil(at, number, random.randrange(64))
        case 24:
            world.restart(at)
        case 25:
            world.pull_from_all(at)
        case _:
            (world.restore if number % 4 else world.back_up)(at)
