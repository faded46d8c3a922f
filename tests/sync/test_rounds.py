"""Pulling by itself: even rounds that drift apart, and a peer that fails is left alone for longer and longer."""

from __future__ import annotations

from hypothesis import given, strategies as st

from tui_registry.sync import Rounds


@given(st.integers(10, 2_592_000), st.floats(0, 1))
def test_a_round_comes_a_tenth_sooner_or_later_at_most(every: int, drawn: float) -> None:
    assert 0.9 * every <= Rounds(every, lambda: drawn).wait() <= 1.1 * every + 0.001


@given(st.integers(10, 2_592_000), st.integers(1, 60))
def test_a_peer_that_never_answers_is_asked_once_an_hour_or_in_every_round(every: int, failures: int) -> None:
    rounds = Rounds(every)
    asked, passed = 0, 0
    while asked < failures:
        passed += 1
        if rounds.due(["up", "down"]) == ["up", "down"]:
            asked += 1
            assert rounds.note("down", failed=True) is (asked == 1)
        assert not rounds.note("up", failed=False)
    left_alone = 0
    while rounds.due(["down"]) == []:
        left_alone += 1
    assert (left_alone + 1) * every <= max(every, 3_600)


def test_a_peer_that_answers_again_is_asked_in_every_round_again() -> None:
    rounds = Rounds(60)
    for _ in range(3):
        while not rounds.due(["hub"]):
            pass
        rounds.note("hub", failed=True)
    while not rounds.due(["hub"]):
        pass
    assert rounds.note("hub", failed=False)
    assert [rounds.due(["hub"]) for _ in range(3)] == [["hub"]] * 3
