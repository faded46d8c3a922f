"""The state of a key: heads and winner, as functions of a set of valid operations."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, strategies as st

from tests.crdt import model
from tests.crdt.histories import histories
from tests.crdt.making import removal_of, root, write_on
from tui_registry.crdt import heads, winner


class Valid:
    """A valid op as the register wants it."""

    def __init__(self, fact: model.Fact) -> None:
        self.hash, self.is_rm, self.counter, self.children = fact.hash, fact.is_rm, fact.clock, fact.children


@given(histories(), st.randoms(use_true_random=False))
def test_heads_and_winner_are_the_oracles_in_any_order(history: Any, shuffled: random.Random) -> None:
    state = model.state(history.all)
    for key in state.keys:
        ops = [Valid(fact) for fact in state.of(key)]
        shuffled.shuffle(ops)
        found = heads(ops)
        assert [op.hash for op in found] == [fact.hash for fact in state.heads(key)]
        best, expected = winner(found), state.winner(key)
        assert (None if best is None else best.hash) == (None if expected is None else expected.hash)
        shuffled.shuffle(found)
        assert winner(found) is best


def state_of(*ops: Any) -> model.State:
    return model.state(op.body for op in ops)


def test_no_op_no_record() -> None:
    assert heads([]) == []
    assert winner([]) is None


def test_the_largest_clock_wins_and_ties_go_to_the_smallest_hash() -> None:
    base = root()
    forks = [write_on(base, description=f"fork {n}") for n in range(5)]
    longer = write_on(forks[0])
    assert state_of(base, *forks).winner(base.key).hash == min(fork.hash for fork in forks)  # type: ignore[union-attr]
    assert state_of(base, *forks, longer).winner(base.key).hash == longer.hash  # type: ignore[union-attr]


def test_a_removal_removes_exactly_what_it_had_seen() -> None:
    base = root()
    seen, unseen = write_on(base, description="seen"), write_on(base, description="not seen")
    gone = removal_of(seen)
    assert state_of(base, seen, gone).winner(base.key) is None
    # A concurrent write survives, however large the removal's clock.
    much_later = removal_of(removal_of(gone))
    state = state_of(base, seen, gone, removal_of(gone), much_later, unseen)
    assert state.winner(base.key).hash == unseen.hash  # type: ignore[union-attr]
    assert state.conflicts == []
    assert len(state.heads(base.key)) == 2


def test_registering_again_names_the_removal() -> None:
    base = root()
    gone = removal_of(base)
    again = write_on(gone, description="again")
    assert state_of(base, gone, again).heads(base.key)[0].hash == again.hash


def test_the_next_write_names_all_heads_and_so_resolves_a_conflict() -> None:
    base = root()
    forks = [write_on(base, description=f"fork {n}") for n in range(3)]
    assert state_of(base, *forks).conflicts == [base.key]
    merged = write_on(*forks)
    assert state_of(base, *forks, merged).conflicts == []
