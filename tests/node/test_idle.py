"""Silent connections are kept for those who come back, and take nobody's place."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.node.conftest import T0, client
from tui_registry import origin
from tui_registry.datastore import Datastore
from tui_registry.node import Address, NodeBounds, running

BOUNDS = NodeBounds(connections=3)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A node with room for three connections."""
    folder = tmp_path_factory.mktemp("idle")
    with Datastore.open(folder, clock=lambda: T0) as store, running(store, bounds=BOUNDS) as address:
        yield address


@contextmanager
def connection(address: Address) -> Iterator[socket.socket]:
    with socket.create_connection((address.host, address.port), timeout=30) as raw:
        yield raw


def ask(raw: socket.socket) -> bytes:
    """The beginning of an answer; nothing where the node has hung up."""
    raw.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
    try:
        return raw.recv(12)
    except ConnectionError:
        return b""


def test_a_node_keeps_silent_lines_longer_than_its_clients_and_proxies_do() -> None:
    """Those of 0.1 let go after 5 s, proxies after 60: whoever closes first loses no request."""
    assert origin._IDLE_SECONDS < 5 < 60 < NodeBounds().idle_seconds


def test_a_newcomer_takes_the_place_of_the_one_that_is_silent_for_the_longest(node: Address) -> None:
    with ExitStack() as stack:
        first, second, third = (stack.enter_context(connection(node)) for _ in range(3))
        for raw in (second, first, third):
            assert ask(raw) == b"HTTP/1.1 200"
        # What came last comes first again: it is not the oldest any more.
        while b"}" not in second.recv(4096):
            pass
        assert ask(second) == b"HTTP/1.1 200"
        fourth = stack.enter_context(connection(node))
        assert ask(fourth) == b"HTTP/1.1 200"
        assert first.recv(4096).endswith(b"}")
        assert first.recv(4096) == b""
        assert ask(second) != b""
        assert ask(third) != b""


def test_who_has_asked_nothing_yet_makes_way_for_nobody(node: Address) -> None:
    """Or a crowd of newcomers would drive one another out."""
    with ExitStack() as stack:
        for raw in [stack.enter_context(connection(node)) for _ in range(3)]:
            raw.sendall(b"GET /health HTTP/1.1\r\n")
        with connection(node) as late:
            assert ask(late) == b""


def test_a_crowd_larger_than_there_are_places_is_answered(node: Address) -> None:
    """Each of them keeps its line, and asks again after it was let go."""

    async def crowd() -> list[int]:
        url = httpx.URL(node.url)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(url)) for _ in range(12)]
        return [task.result() for task in tasks]

    async def one(url: httpx.URL) -> int:
        answered = 0
        async with origin.Origin(url, httpx.Timeout(30), redirects=0, connections=1) as asking:
            while answered < 5:
                try:
                    async with asking.get(url.join("/health")) as response:
                        answered += response.status_code == 200
                except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                    await asyncio.sleep(0)  # all three are at work: refused at the door, as ever
        return answered

    assert asyncio.run(crowd()) == [5] * 12
    with client(node) as reader:
        assert reader.get("/health").status_code == 200
