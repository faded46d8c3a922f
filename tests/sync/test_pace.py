"""A least rate instead of a fixed time: a line of 64 kbit/s gets anything through, a trickle nothing."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, strategies as st

from tests.sync.clock import in_a_moment
from tests.sync.hostile import Ask, Reply, but, honest, hostile
from tests.sync.logs import ALICE, FakeLog, roots
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, pull
from tui_registry.sync.http_transport import _Pace

RATE, GRACE = Bounds().least_rate, Bounds().grace_seconds
_LINE = 8000


async def take(pace: _Pace, pieces: list[tuple[float, int]]) -> float | None:
    """When it was given up; None when all came."""
    try:
        async with pace.kept(GRACE):
            for seconds, size in pieces:
                await asyncio.sleep(seconds)
                pace.moved(size)
    except TimeoutError:
        return asyncio.get_running_loop().time()
    return None


def test_a_tile_of_the_largest_operations_comes_over_a_line_of_64_kbit() -> None:
    assert in_a_moment(take(_Pace(RATE), [(1, _LINE)] * (Bounds().tile_bytes // _LINE))) is None


def test_three_tiles_share_the_line() -> None:
    async def three() -> list[float | None]:
        pace = _Pace(RATE)
        return await asyncio.gather(*(take(pace, [(3, _LINE)] * 500) for _ in range(3)))

    assert in_a_moment(three()) == [None] * 3


@given(
    st.lists(st.tuples(st.floats(0.01, 60), st.integers(0, 100_000)), min_size=1, max_size=40),
)
def test_it_is_given_up_where_it_stays_behind_the_rate_for_so_long_and_only_there(
    pieces: list[tuple[float, int]],
) -> None:
    left, at, spare, ended = GRACE, 0.0, GRACE, None
    for seconds, size in pieces:
        spare = min(spare, left - seconds)
        if spare < 0:
            ended = at + left
            break
        at += seconds
        left = min(GRACE, left - seconds + size / RATE)
    found = in_a_moment(take(_Pace(RATE), pieces))
    # Timers are set anew only for a sixteenth of the time and more: it may come that much sooner.
    if spare > GRACE / 16 + 1e-6:
        assert found is None
    elif ended is not None and spare < -1e-6:
        assert found is not None
        assert found <= ended + 1e-6


async def test_a_trickle_ends_in_words(here: Datastore) -> None:
    log = FakeLog.of(roots(ALICE, 20))

    async def trickle(ask: Ask, reply: Reply) -> None:
        tile = log.tile("0.20.ndjson.gz")
        assert tile is not None
        await reply.begin(200)
        for byte in tile:
            await reply.raw(bytes([byte]))
            await asyncio.sleep(0.01)  # the attack itself

    async with hostile(but(honest(log), ".gz", trickle)) as peer:
        here.peers.add("them", peer.url)
        result = await pull(here, "them", bounds=Bounds(least_rate=10_000, grace_seconds=0.3))
    assert result.error is not None
    assert result.error.code == "timeout"
    assert "gave less than 10,000 bytes a second for 0.3 s. The next sync goes on from here" in result.sentence


def test_the_time_that_this_machine_takes_is_not_the_peers() -> None:
    async def busy() -> float | None:
        pace = _Pace(RATE)

        async def ours() -> None:
            with pace.paused():
                await asyncio.sleep(500)

        work = asyncio.ensure_future(ours())
        given_up = await take(pace, [(520, 1), (25, 1)])
        await work
        return given_up

    assert in_a_moment(busy()) == pytest.approx(530, abs=1)
