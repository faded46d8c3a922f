"""Pushers are told apart by where they push from: each is named in the quarantine, and none drives out what another waits
for."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from tests.crdt.making import root, write_on
from tests.node.conftest import T0, client, refused
from tests.sync.clock import in_a_moment
from tests.sync.logs import ALICE, bodies, roots
from tui_registry.datastore import ApplyReport, Datastore
from tui_registry.node import Address, NodeBounds, running
from tui_registry.node.log_routes import _Unchecked
from tui_registry.node.push_policy import OTHERS, Pushers
from tui_registry.node.requests import read_body
from tui_registry.node.responses import NodeError
from tui_registry.present.pulls import read_report
from tui_registry.replica.log import arrivals
from tui_registry.sync import Bounds, push
from tui_registry.sync.http_transport import HttpTransport, Waits

BASE = root(name="base")


def pusher(address: Address, place: str) -> httpx.Client:
    """A client that speaks from another address of the loopback."""
    return httpx.Client(base_url=address.url, transport=httpx.HTTPTransport(local_address=place), timeout=30)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.7", "push:192.0.2.7"),
        ("::ffff:192.0.2.7", "push:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "push:2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "push:2001:db8:1:2::/64"),
        ("fe80::1%eth0", "push:fe80::/64"),
        ("evil.example", OTHERS),
        ("\x1b[31m", OTHERS),
        ("", OTHERS),
        (None, OTHERS),
    ],
)
def test_a_place_has_one_spelling_that_is_safe_to_show(host: str | None, name: str) -> None:
    assert Pushers(8).name(host) == name


def test_only_so_many_are_told_apart_and_those_that_are_stay_so() -> None:
    pushers = Pushers(2)
    names = [pushers.name(f"10.0.0.{number}") for number in (1, 2, 3, 4, 1, 2)]
    assert names == ["push:10.0.0.1", "push:10.0.0.2", OTHERS, OTHERS, "push:10.0.0.1", "push:10.0.0.2"]


def test_what_one_pushes_is_blamed_on_none_but_him(store: Datastore) -> None:
    with running(store, accept_ops=True) as address:
        for place in ("127.0.0.2", "127.0.0.3"):
            with pusher(address, place) as caller:
                assert len(caller.post("/sync/ops", content=f"from {place}\n".encode()).json()["rejected"]) == 1
    assert {(found.source, found.start) for found in store.log.quarantine()} == {
        ("push:127.0.0.2", b"from 127.0.0.2"),
        ("push:127.0.0.3", b"from 127.0.0.3"),
    }


def test_a_flood_of_one_pusher_drives_out_nothing_of_another(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_PENDING", 10)
    waiting = write_on(BASE, description="honest")
    missing = write_on(BASE, description="never sent")
    flood = b"".join(write_on(missing, description=str(number)).body + b"\n" for number in range(40))
    with running(store, accept_ops=True) as address:
        with pusher(address, "127.0.0.2") as honest, pusher(address, "127.0.0.3") as flooding:
            # The latest of whoever holds most has to go.
            assert flooding.post("/sync/ops", content=flood).json()["pending"] == 40
            assert honest.post("/sync/ops", content=waiting.body + b"\n").json()["pending"] == 1
        with client(address) as late:
            assert late.post("/sync/ops", content=BASE.body + b"\n").json()["applied"] == 2
    assert store.heads(BASE.key) == (waiting.hash,)
    assert store.stats().pending <= 10


def test_those_beyond_the_bound_are_taken_all_the_same(store: Datastore) -> None:
    with running(store, accept_ops=True, bounds=NodeBounds(pushers=0)) as address, client(address) as caller:
        assert caller.post("/sync/ops", content=BASE.body + b"\nnonsense\n").json()["applied"] == 1
    assert [found.source for found in store.log.quarantine()] == [OTHERS]


# Crowds, and those who are slow


@contextmanager
def trickling(address: Address, place: str, sent: bytes) -> Iterator[socket.socket]:
    """A push that never comes to its end."""
    with socket.create_connection((address.host, address.port), timeout=30, source_address=(place, 0)) as raw:
        raw.sendall(b"POST /sync/ops HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n" + sent)
        yield raw


def offer(address: Address, place: str, body: bytes) -> httpx.Response:
    with pusher(address, place) as caller:
        return caller.post("/sync/ops", content=body)


def test_who_sends_slowly_keeps_nobody_waiting(store: Datastore) -> None:
    bounds = NodeBounds(pushes_at_once=1, push_wait_seconds=0.01)
    with running(store, accept_ops=True, bounds=bounds) as address, ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(trickling(address, "127.0.0.2", b"{" * 1000))
        assert offer(address, "127.0.0.2", BASE.body + b"\n").json()["applied"] == 1


def test_a_push_waits_for_its_turn_and_is_told_when_to_come_back(
    store: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = threading.Event(), threading.Event()
    apply = store.apply

    def late(*args: Any, **named: Any) -> ApplyReport:
        begun.set()
        over.wait()
        return apply(*args, **named)

    monkeypatch.setattr(store, "apply", late)
    bounds = NodeBounds(pushes_at_once=1, push_wait_seconds=0.01)
    with running(store, accept_ops=True, bounds=bounds) as address, ThreadPoolExecutor(1) as first:
        pushed = first.submit(offer, address, "127.0.0.2", BASE.body + b"\n")
        try:
            begun.wait()
            told = offer(address, "127.0.0.3", BASE.body + b"\n")
        finally:
            over.set()
        assert "others are pushing just now" in str(refused(told, 503, "busy")["detail"])
        assert 1 <= int(told.headers["retry-after"]) <= 30
        assert pushed.result().json()["applied"] == 1


def test_the_room_of_one_pusher_is_bounded(store: Datastore) -> None:
    with running(store, accept_ops=True, bounds=NodeBounds(unchecked_bytes=2000)) as address:
        told = offer(address, "127.0.0.2", b"x" * 999 + b"\n" + b"y" * 999)
        assert "from your address" in str(refused(told, 503, "busy")["detail"])
        assert offer(address, "127.0.0.2", b"x" * 500 + b"\n").status_code == 200


@contextmanager
def two_who_are_slow(store: Datastore, seconds: float) -> Iterator[tuple[Address, list[socket.socket]]]:
    """They have most of the room once they are in; `seconds`: for which they may keep it."""
    bounds = NodeBounds(unchecked_bytes=2000, unchecked_seconds=seconds)
    with running(store, accept_ops=True, bounds=bounds) as address, ExitStack() as stack:
        places = ("127.0.0.2", "127.0.0.3")
        yield address, [stack.enter_context(trickling(address, place, b"{" * 900)) for place in places]


def test_where_room_is_lacking_a_push_is_told_to_come_back(store: Datastore) -> None:
    with two_who_are_slow(store, 1000) as (address, _):
        while (told := offer(address, "127.0.0.4", b"x" * 500 + b"\n")).status_code == 200:
            pass  # they are not in yet
        assert "not checked yet" in str(refused(told, 503, "busy")["detail"])


def test_who_was_slow_for_long_makes_room_for_others(store: Datastore) -> None:
    with two_who_are_slow(store, 0) as (address, slow):
        while not (ended := select.select(slow, [], [], 0)[0]):
            assert offer(address, "127.0.0.4", b"x" * 500 + b"\n").status_code == 200
        assert b"others need the room" in ended[0].recv(4096)


async def test_who_makes_way_already_is_not_told_again() -> None:
    """Its last bytes come while it is told, and another lacks room just then."""
    coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    unchecked = _Unchecked(NodeBounds(unchecked_bytes=2000, unchecked_seconds=0))
    with ExitStack() as stack:
        slow, *others = (stack.enter_context(unchecked.coming(f"push:{number}")) for number in range(4))
        reading = asyncio.ensure_future(
            slow.whole(Request({"type": "http", "method": "POST", "headers": []}, coming.get))
        )
        coming.put_nowait({"type": "http.request", "body": b"x" * 900, "more_body": True})
        while not slow.size:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        for other, size in zip(others, (900, 500, 550), strict=True):
            if size == 500:
                coming.put_nowait({"type": "http.request", "body": b"x" * 100, "more_body": True})
            unchecked.make_room(other, size)
            other.size = size
            await asyncio.sleep(0)
        with pytest.raises(NodeError, match="others need the room"):
            await reading


async def test_twenty_pushers_at_once_all_end_well_in_one_call(store: Datastore, tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "pushing", clock=lambda: T0) as pushing:
        pushing.apply(bodies(roots(ALICE, 600)), source="test")
        with running(store, accept_ops=True) as address:
            pushing.peers.add("hub", address.url)
            results = await asyncio.gather(*(push(pushing, "hub") for _ in range(20)))
    assert store.log.head().size == 600
    assert sum(result.applied for result in results) == 600


async def test_a_crowd_that_is_sent_away_comes_back_and_ends_well(store: Datastore) -> None:
    """The node has no patience at all: whoever cannot be checked at once is told when to come back."""
    told: list[float] = []

    async def wait(seconds: float) -> None:
        told.append(seconds)
        await asyncio.sleep(seconds / 50)

    bounds = NodeBounds(pushes_at_once=1, push_wait_seconds=0.001)
    lines = bodies(roots(ALICE, 200))
    with running(store, accept_ops=True, bounds=bounds) as address:

        async def one() -> int:
            async with HttpTransport("hub", address.url, Bounds(), waits=Waits(sleep=wait)) as transport:
                return read_report(await transport.offer(lines)).applied

        assert sum(await asyncio.gather(*(one() for _ in range(20)))) == 200
    assert told
    assert min(told) >= 1


# The rate of bodies, in a time that passes by itself


def body_of(seconds: float, size: int, pieces: int) -> Request:
    """A request whose body comes in pieces of so many bytes, each after so many seconds."""
    left = pieces

    async def receive() -> dict[str, Any]:
        nonlocal left
        await asyncio.sleep(seconds)
        left -= 1
        return {"type": "http.request", "body": b"x" * size, "more_body": left > 0}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


@pytest.mark.parametrize("seconds", [0.125, 1, 20])
def test_a_body_may_take_long_as_long_as_it_comes(seconds: float) -> None:
    """A line of 64 kbit/s: four megabytes take nine minutes."""
    size = int(8000 * seconds)

    async def read() -> int:
        return len(await read_body(body_of(seconds, size, 4_000_000 // size), 5_000_000, NodeBounds()))

    assert in_a_moment(read()) == 4_000_000


@pytest.mark.parametrize(("seconds", "size"), [(1, 1), (1, 2000), (29, 4096), (31, 10**6)])
def test_a_body_that_comes_too_slowly_is_not_waited_for(seconds: float, size: int) -> None:
    async def read() -> float:
        with pytest.raises(NodeError) as error:
            await read_body(body_of(seconds, size, 1000), 10**9, NodeBounds())
        assert error.value.code == "too_slow"
        return asyncio.get_running_loop().time()

    assert in_a_moment(read()) <= 61
