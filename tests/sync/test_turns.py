"""Turns: so many at a time, in order, and an end for the longest where another waits."""

from __future__ import annotations

import asyncio

from tui_registry.sync import Bounds, Turns


class Crowd:
    """Pulls that never end by themselves."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.had: list[str] = []
        self.ended: list[str] = []

    async def endless(self, name: str) -> None:
        async with self._turns.turn() as over:
            assert over is not None
            self.had.append(name)
            await over.wait()
        self.ended.append(name)


async def settled() -> None:
    """Everything that can go on without anybody's help has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_turn_lasts_while_nobody_waits_and_the_longest_ends_for_each_who_does() -> None:
    crowd = Crowd(Turns(Bounds(peers_at_once=3, turn_seconds=0.0)))
    tasks = [asyncio.create_task(crowd.endless(name)) for name in "abc"]
    await settled()
    assert (crowd.had, crowd.ended) == (["a", "b", "c"], [])
    tasks += [asyncio.create_task(crowd.endless(name)) for name in "de"]
    await settled()
    assert (crowd.had, crowd.ended) == (list("abcde"), ["a", "b"])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_nobodys_turn_ends_before_its_time() -> None:
    crowd = Crowd(Turns(Bounds(peers_at_once=1, turn_seconds=3600.0)))
    tasks = [asyncio.create_task(crowd.endless(name)) for name in "ab"]
    await settled()
    assert (crowd.had, crowd.ended) == (["a"], [])
    tasks[0].cancel()
    await settled()
    assert crowd.had == ["a", "b"]
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_is_told_to_stop_while_waiting_has_no_turn_and_takes_nobodys() -> None:
    turns = Turns(Bounds(peers_at_once=1))
    cancel = asyncio.Event()

    async def waiting() -> bool:
        async with turns.turn(cancel) as over:
            return over is not None

    async with turns.turn():
        tasks = [asyncio.create_task(waiting()) for _ in range(2)]
        await settled()
        tasks[1].cancel()
        cancel.set()
        assert await tasks[0] is False
    async with turns.turn() as over:
        assert over is not None
