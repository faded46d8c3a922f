"""Work in threads waits in lines: each kind in its own, and each client with a share of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest
from fastapi import Request
from starlette.types import Message

from tui_registry.node.limits import NodeBounds, place_of
from tui_registry.node.queues import Queues
from tui_registry.node.requests import read_json
from tui_registry.node.responses import NodeError

ONE, TWO, THREE = ("192.0.2.1", 1), ("192.0.2.2", 1), ("192.0.2.3", 1)
SMALL = NodeBounds(threads=2, search_threads=2, write_threads=1, pushes_at_once=1, waiting=4, wait_seconds=1000)


class Gate:
    """Work that ends once it is let, and tells that it has begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.open = threading.Event()
        self.asked: set[asyncio.Future[str]] = set()

    def hold(self, line: Callable[..., Coroutine[None, None, str]], client: tuple[str, int]) -> asyncio.Future[str]:
        """Ask for work that is held until the gate opens."""
        asked = asyncio.ensure_future(line(client, self.pass_, "held"))
        self.asked.add(asked)
        return asked

    def pass_(self, name: str) -> str:
        self.begun.append(name)
        self.open.wait()
        return name


@asynccontextmanager
async def lines(bounds: NodeBounds = SMALL) -> AsyncIterator[tuple[Queues, Gate]]:
    queues, gate = Queues(bounds), Gate()
    try:
        yield queues, gate
    finally:
        gate.open.set()
        await asyncio.gather(*gate.asked, return_exceptions=True)
        await asyncio.to_thread(queues.close)


async def begun(gate: Gate, count: int) -> None:
    while len(gate.begun) < count:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)


async def settled() -> None:
    """Until every task has come to where it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_kind_whose_threads_are_taken_holds_up_no_other() -> None:
    async with lines() as (queues, gate):
        held = [
            gate.hold(line, client)
            for line in (queues.search, queues.write, queues.push)
            for client in (ONE, TWO, THREE)
        ]
        await settled()
        assert await queues.read(THREE, str, 7) == "7"
        gate.open.set()
        assert await asyncio.gather(*held) == ["held"] * 9


async def test_one_client_leaves_a_thread_for_another() -> None:
    async with lines() as (queues, gate):
        for _ in range(2):
            gate.hold(queues.search, ONE)
        await settled()
        other = gate.hold(queues.search, TWO)
        await begun(gate, 2)
        gate.open.set()
        assert await other == "held"


async def test_a_free_thread_goes_to_each_client_in_turn() -> None:
    order: list[str] = []
    async with lines(NodeBounds(write_threads=1, waiting=64)) as (queues, gate):
        first = gate.hold(queues.write, ONE)
        await settled()
        waiting = [
            asyncio.ensure_future(queues.write(client, order.append, name))
            for client, name in ((ONE, "1a"), (ONE, "1b"), (ONE, "1c"), (TWO, "2a"), (TWO, "2b"), (THREE, "3a"))
        ]
        await settled()
        gate.open.set()
        await asyncio.gather(first, *waiting)
    assert order == ["1a", "2a", "3a", "1b", "2b", "1c"]


async def test_who_waits_for_as_much_as_one_may_is_told_that_it_is_too_many() -> None:
    async with lines() as (queues, gate):
        for _ in range(2):  # one is done, one waits: a quarter of the places
            gate.hold(queues.write, ONE)
        await settled()
        with pytest.raises(NodeError, match="you are writing too much") as told:
            await queues.write(ONE, gate.pass_, "one")
        assert told.value.code == "too_many"
        assert 1 <= int(told.value.headers["retry-after"]) <= 30


async def test_where_all_places_are_taken_who_comes_is_told_that_the_node_is_busy() -> None:
    async with lines() as (queues, gate):
        for number in range(5):
            gate.hold(queues.write, (f"192.0.2.{number}", 1))
        await settled()
        with pytest.raises(NodeError, match="others are writing") as told:
            await queues.write(("192.0.2.9", 1), gate.pass_, "late")
        assert told.value.code == "busy"
        assert 1 <= int(told.value.headers["retry-after"]) <= 30


async def test_who_has_most_places_makes_way_for_who_has_none() -> None:
    async with lines(NodeBounds(write_threads=1, waiting=8)) as (queues, gate):
        gate.hold(queues.write, ONE)
        await settled()
        crowds = [
            [asyncio.ensure_future(queues.write((f"192.0.2.{number}", 1), str, each)) for each in range(2)]
            for number in range(4)
        ]
        await settled()
        late = asyncio.ensure_future(queues.write(("192.0.2.9", 1), str, "late"))
        await settled()
        made_way = [[task.done() for task in crowd] for crowd in crowds]
        assert sorted(made_way) == [[False, False]] * 3 + [[False, True]]
        gate.open.set()
        assert await late == "late"
        told = await asyncio.gather(*(task for crowd in crowds for task in crowd), return_exceptions=True)
        assert [one.code for one in told if isinstance(one, NodeError)] == ["busy"]


async def test_who_waits_too_long_for_a_thread_is_told_to_come_back() -> None:
    async with lines(NodeBounds(search_threads=1, wait_seconds=0)) as (queues, gate):
        gate.hold(queues.search, ONE)
        await begun(gate, 1)
        with pytest.raises(NodeError, match="others are searching") as told:
            await queues.search(TWO, gate.pass_, "late")
        assert told.value.code == "busy"


async def test_what_nobody_waits_for_any_more_keeps_its_thread_until_it_ends() -> None:
    async with lines() as (queues, gate):
        left = gate.hold(queues.write, ONE)
        await begun(gate, 1)
        left.cancel()
        following = asyncio.ensure_future(queues.write(TWO, str, "next"))
        await settled()
        assert left.cancelled()
        assert not following.done()
        gate.open.set()
        assert await following == "next"


async def test_who_leaves_the_line_leaves_its_place() -> None:
    async with lines() as (queues, gate):
        held = gate.hold(queues.write, ONE)
        await settled()
        for _ in range(8):
            waiting = asyncio.ensure_future(queues.write(ONE, gate.pass_, "never"))
            await settled()
            assert not waiting.done()
            waiting.cancel()
            await settled()
        gate.open.set()
        assert await held == "held"
        assert await queues.write(TWO, str, "after") == "after"
        assert "never" not in gate.begun


async def test_a_turn_that_comes_together_with_a_cancellation_is_given_on() -> None:
    async with lines() as (queues, gate):
        held = gate.hold(queues.write, ONE)
        leaving = asyncio.ensure_future(queues.write(TWO, gate.pass_, "never"))
        await settled()
        held.add_done_callback(lambda _: leaving.cancel())  # its turn has come by then, in the same round of the loop
        following = asyncio.ensure_future(queues.write(THREE, str, "next"))
        await settled()
        gate.open.set()
        assert await following == "next"
        assert leaving.cancelled() or leaving.done()


async def test_an_error_comes_out_where_the_work_wasasked_for() -> None:
    async with lines() as (queues, _):
        with pytest.raises(ZeroDivisionError):
            await queues.read(ONE, divmod, 1, 0)
        assert await queues.read(ONE, divmod, 7, 2) == (3, 1)


async def test_other_numbers_of_threads_hold_from_when_they_are_set() -> None:
    async with lines(NodeBounds(write_threads=2, waiting=64)) as (queues, gate):
        clients = [(f"192.0.2.{number}", 1) for number in range(6)]
        held = [gate.hold(queues.write, client) for client in clients]
        await begun(gate, 2)
        queues.renew(NodeBounds(write_threads=4))
        await begun(gate, 4)
        queues.renew(NodeBounds(write_threads=1))
        await settled()
        assert len(gate.begun) == 4
        gate.open.set()
        assert await asyncio.gather(*held) == ["held"] * 6
        gate.open.clear()
        more = [gate.hold(queues.write, client) for client in clients[:3]]
        await begun(gate, 7)
        await settled()
        assert len(gate.begun) == 7
        gate.open.set()
        assert await asyncio.gather(*more) == ["held"] * 3


@pytest.mark.parametrize("places", [0, 1])
async def test_without_places_there_is_work_but_no_waiting(places: int) -> None:
    async with lines(NodeBounds(write_threads=1, waiting=places)) as (queues, gate):
        tasks = [gate.hold(queues.write, ONE) for _ in range(places + 1)]
        await settled()
        with pytest.raises(NodeError):
            await queues.write(TWO, str, "late")
        gate.open.set()
        assert await asyncio.gather(*tasks) == ["held"] * (places + 1)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("evil.example", None),
        (None, None),
    ],
)
def test_a_subscriber_is_one_client_however_many_addresses_it_has(host: str | None, place: str | None) -> None:
    assert place_of(host) == place


# Bodies


async def test_a_body_of_many_values_is_read_in_a_thread_however_short_it_is() -> None:
    bounds = NodeBounds(search_threads=1, waiting=64, wait_seconds=1000)

    async def read(body: bytes) -> object:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        request = Request({"type": "http", "method": "POST", "headers": [], "client": ONE}, receive)
        return await read_json(request, 4096, bounds, queues)

    async with lines(bounds) as (queues, gate):
        gate.hold(queues.search, TWO)
        await begun(gate, 1)
        # While no thread is free: each of them takes half a millisecond, in which nobody else is answered.
        many = [b'{"query": [%b[]]}' % (b"[], " * 500), b'{"query": %b%b}' % (b"[" * 200, b"]" * 200)]
        many.append(b"{%b}" % b", ".join(b'"%d": 1' % number for number in range(200)))
        waiting = [asyncio.ensure_future(read(body)) for body in many]
        assert await read(b'{"query": "%b"}' % (b"a " * 900)) == {"query": "a " * 900}
        await settled()
        assert not any(body.done() for body in waiting)
        gate.open.set()
        await asyncio.gather(*waiting, return_exceptions=True)
