"""A fast slice of the schedules, and the same world with hypothesis choosing what happens: it shrinks what fails.

A failing schedule says which it was; hypothesis prints the steps that are left, and a blob that plays them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Concatenate, ParamSpec

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.convergence.schedules import Figures, play
from tests.convergence.world import World, event_loop
from tui_registry.sync import Bounds

P = ParamSpec("P")

SEED = "20261122"

_at = st.integers(0, 6)
_slot = st.sampled_from((0, 0, 0, 1, 2))
_number = st.integers(0, 63)
_later = st.integers(0, 2)


class Replicas(RuleBasedStateMachine):
    """Two to seven replicas on files. After each step the one it was about is compared with the oracle, all of it; at
    the end everybody meets, and all must be equal."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.world: World | None = None
        self._whole = True

    @initialize(owners=st.lists(st.sampled_from((0, 1, 2)), min_size=2, max_size=7), batch=st.sampled_from((1, 4, 64)))
    def begin(self, owners: Sequence[int], batch: int) -> None:
        loop = self._stack.enter_context(event_loop())
        bounds = Bounds(batch_ops=batch, missing_hashes=2, reconcile_least=batch)
        self.world = self._stack.enter_context(World(owners, loop, bounds, thorough=True))

    @rule(at=_at, slot=_slot, word=_number, later=_later)
    def write(self, at: int, slot: int, word: int, later: int) -> None:
        self._do(World.write, at, slot, word, later)

    @rule(at=_at, slot=_slot, later=_later)
    def remove(self, at: int, slot: int, later: int) -> None:
        self._do(World.remove, at, slot, later)

    @rule(at=_at, slot=_slot, seen=_number, later=_later, removes=st.booleans())
    def fork(self, at: int, slot: int, seen: int, later: int, removes: bool) -> None:
        self._do(World.fork, at, slot, seen, later, removes=removes)

    @rule(to=_at, source=_at, requests=st.none() | st.integers(0, 3))
    def pull(self, to: int, source: int, requests: int | None) -> None:
        self._do(World.pull, to, source, requests)

    @rule(to=_at)
    def pull_from_all(self, to: int) -> None:
        self._do(World.pull_from_all, to)

    @rule(to=_at, source=_at)
    def pull_published(self, to: int, source: int) -> None:
        self._do(World.pull_published, to, source)

    @rule(source=_at, to=_at, first=_number, count=st.integers(1, 8))
    def push(self, source: int, to: int, first: int, count: int) -> None:
        self._do(World.push, source, to, first, count)

    @rule(source=_at, to=_at, order=st.lists(_number, min_size=1, max_size=8))
    def scatter(self, source: int, to: int, order: list[int]) -> None:
        self._do(World.scatter, source, to, order)

    @rule(sides=st.integers(0, 127))
    def part(self, sides: int) -> None:
        self._do(World.part, sides)

    @rule(at=_at, how=_number, which=_number)
    def spoil(self, at: int, how: int, which: int) -> None:
        self._do(World.spoil, at, how, which)

    @rule(at=_at)
    def restart(self, at: int) -> None:
        self._do(World.restart, at)

    @rule(at=_at)
    def back_up(self, at: int) -> None:
        self._do(World.back_up, at)

    @rule(at=_at)
    def restore(self, at: int) -> None:
        self._do(World.restore, at)

    def teardown(self) -> None:
        with self._stack:
            # What failed in the middle is told by itself.
            if self.world is not None and self._whole:
                self.world.settle(0)

    def _do(self, what: Callable[Concatenate[World, P], None], *args: P.args, **kwargs: P.kwargs) -> None:
        assert self.world is not None
        self._whole = False
        what(self.world, *args, **kwargs)
        self._whole = True


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=12, stateful_step_count=14)


@pytest.mark.parametrize("first", range(0, 50, 25))
def test_whatever_happens_all_are_equal_once_everybody_has_met(first: int) -> None:
    with event_loop() as loop:
        for number in range(first, first + 25):
            assert play(f"{SEED}:{number}", loop).schedules == 1


def test_a_seed_is_a_schedule() -> None:
    with event_loop() as loop:
        assert play("again:1", loop) == play("again:1", loop) != play("again:2", loop)


def test_a_schedule_that_fails_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_registry.replica.log.append.winner", lambda heads: None)
    with event_loop() as loop, pytest.raises(AssertionError) as raised:
        for number in range(20):
            play(f"{SEED}:{number}", loop)
    assert f"replay: python -m tests.convergence 1 {SEED} --first " in raised.value.__notes__[-1]
    assert "writes" in raised.value.__notes__[0]


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 100_000, 1_000))
def test_a_hundred_thousand_schedules_converge(first: int) -> None:
    figures = Figures()
    with event_loop() as loop:
        for number in range(first, first + 1_000):
            figures = figures.plus(play(f"{SEED}:{number}", loop))
    print(f"seed {SEED}, from {first}: {figures}")  # noqa: T201


@pytest.mark.long
def test_hypothesis_finds_no_way_apart_in_a_long_time() -> None:
    run_state_machine_as_test(Replicas, settings=settings(max_examples=1_000, stateful_step_count=40))
