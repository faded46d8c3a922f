"""One address never has all places of a node: neither the connections, nor the threads."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.node.conftest import T0, bearer, refused
from tests.seeds import make_record
from tui_registry.datastore import DATABASE, Datastore, Page
from tui_registry.node import Address, NodeBounds, running
from tui_registry.node.doors import Proxies, Whereabouts
from tui_registry.node.server import _AT_ONCE, Listener, _Places
from tui_registry.node.watch import Watch

ONE, TWO, THREE, FOUR = (f"127.0.0.{number}" for number in (2, 3, 4, 5))
HALF = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n"
HALF_BODY = b"POST /models/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n\r\n{"
WHOLE = HALF + b"\r\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with Datastore.open(tmp_path_factory.mktemp("places") / "node", clock=lambda: T0) as opened:
        opened.key.identity()
        yield opened


@contextmanager
def connected(address: Address, place: str, said: bytes = b"") -> Iterator[socket.socket]:
    """A connection from there, that has said this."""
    with socket.create_connection((address.host, address.port), timeout=30, source_address=(place, 0)) as raw:
        raw.sendall(said)
        yield raw


def patient(connections: int) -> NodeBounds:
    """So many places, and time enough for whoever has one."""
    return NodeBounds(connections=connections, header_seconds=600, body_seconds=600)


def client(address: Address, place: str) -> httpx.Client:
    return httpx.Client(base_url=address.url, transport=httpx.HTTPTransport(local_address=place), timeout=30)


def answered(raw: socket.socket, request: bytes = WHOLE) -> bool:
    """Whether a request is answered there, to the end of the answer."""
    try:
        raw.sendall(request)
        said = b""
        while not said.endswith(b"}"):
            piece = raw.recv(4096)
            if not piece:
                return False
            said += piece
    except ConnectionError:
        return False
    return said.startswith(b"HTTP/1.1 200 ")


def is_closed(raw: socket.socket) -> bool:
    """The node hangs up, and says nothing."""
    try:
        return raw.recv(1) == b""
    except ConnectionError:
        return True


# Connections


@pytest.mark.parametrize("start", [b"", HALF, HALF_BODY], ids=["silent", "half-request", "half-body"])
def test_half_requests_from_one_address_leave_room_for_another(store: Datastore, start: bytes) -> None:
    bounds = NodeBounds(connections=4, client_connections=3)
    with running(store, bounds=bounds) as address, ExitStack() as stack:
        crowd = [stack.enter_context(connected(address, ONE)) for _ in range(4)]
        assert is_closed(crowd[3])
        for raw in crowd[:3]:
            raw.sendall(start)
        assert answered(stack.enter_context(connected(address, TWO)))


@pytest.mark.parametrize(("start", "end"), [(HALF, b"\r\n"), (b"", WHOLE)], ids=["half-request", "nothing-yet"])
def test_who_holds_most_makes_way_and_the_one_that_waits_longest_first(
    store: Datastore, start: bytes, end: bytes
) -> None:
    with running(store, bounds=patient(4)) as address, ExitStack() as stack:
        lone = stack.enter_context(connected(address, TWO, HALF))
        crowd = [stack.enter_context(connected(address, ONE, start)) for _ in range(3)]
        assert answered(stack.enter_context(connected(address, THREE)))
        assert is_closed(crowd[0])
        assert answered(crowd[1], end)
        assert answered(crowd[2], end)
        assert answered(lone, b"\r\n")


def test_a_half_body_that_makes_way_is_told_why(store: Datastore) -> None:
    with running(store, bounds=patient(2)) as address, ExitStack() as stack:
        waiting = HALF_BODY.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
        first = stack.enter_context(connected(address, ONE, waiting))
        assert first.recv(4096).startswith(b"HTTP/1.1 100 ")  # its body is waited for
        stack.enter_context(connected(address, ONE, HALF_BODY))
        assert answered(stack.enter_context(connected(address, TWO)))
        said = b"".join(iter(lambda: first.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b'"busy"' in said
    assert b"\r\nretry-after: " in said


@pytest.mark.parametrize("start", [HALF, HALF_BODY])
def test_nobody_makes_way_who_holds_as_little_as_the_newcomer_will(store: Datastore, start: bytes) -> None:
    with running(store, bounds=patient(3)) as address, ExitStack() as stack:
        for place in (ONE, TWO, THREE):
            stack.enter_context(connected(address, place, start))
        assert is_closed(stack.enter_context(connected(address, FOUR)))


def test_a_crowd_drives_out_nobody_of_its_own(store: Datastore) -> None:
    with running(store, bounds=patient(3)) as address, ExitStack() as stack:
        first, second, other = (stack.enter_context(connected(address, place, HALF)) for place in (ONE, ONE, TWO))
        for _ in range(3):
            assert is_closed(stack.enter_context(connected(address, ONE)))
        assert answered(stack.enter_context(connected(address, FOUR)))
        assert is_closed(first)
        assert answered(second, b"\r\n")
        assert answered(other, b"\r\n")


def test_what_is_being_answered_makes_way_for_nobody(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(store, bounds=NodeBounds(connections=2, search_threads=4)) as address, ExitStack() as stack:
        with held_up(store, monkeypatch) as begun:
            asking = b"GET /models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
            crowd = [stack.enter_context(connected(address, ONE, asking)) for _ in range(2)]
            assert all(begun.acquire(timeout=60) for _ in crowd)
            assert is_closed(stack.enter_context(connected(address, TWO)))
        assert all(raw.recv(12) == b"HTTP/1.1 200" for raw in crowd)


def test_an_address_with_all_its_places_gets_one_of_its_own_silent_ones(store: Datastore) -> None:
    with running(store, bounds=NodeBounds(client_connections=2, header_seconds=600)) as address, ExitStack() as stack:
        other = stack.enter_context(connected(address, TWO))
        silent, half = stack.enter_context(connected(address, ONE)), stack.enter_context(connected(address, ONE, HALF))
        assert answered(other)
        assert answered(silent)
        assert answered(stack.enter_context(connected(address, ONE)))
        assert is_closed(silent)
        assert answered(half, b"\r\n")
        assert answered(other)


def test_a_crowd_at_the_door_is_looked_at_a_few_at_a_time() -> None:
    """What happens inside goes on in between."""
    with (
        Listener(socket.AF_INET) as listener,
        ExitStack() as stack,
    ):
        listener.places = _Places(NodeBounds(), Proxies(Whereabouts()), Watch())
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        for _ in range(_AT_ONCE + 3):
            stack.enter_context(socket.create_connection(listener.getsockname(), timeout=30))
        listener.setblocking(False)
        counts = [_taken(listener, stack) for _ in range(3)]
    assert counts == [_AT_ONCE, 3, 0]


def _taken(listener: socket.socket, stack: ExitStack) -> int:
    count = 0
    while True:
        try:
            stack.enter_context(listener.accept()[0])
        except BlockingIOError:
            return count
        count += 1


# Threads


@contextmanager
def held_up(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """A replica whose searches end only after the block; tells of each that begins."""
    begun, over = threading.Semaphore(0), threading.Event()
    search = store.search

    def late(query: str, **named: Any) -> Page:
        if query != "other":
            begun.release()
            over.wait()
        return search(query, **named)

    with monkeypatch.context() as patched:
        patched.setattr(store, "search", late)
        try:
            yield begun
        finally:
            over.set()


def test_searches_of_one_client_hold_up_nothing_of_another(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        running(store, bounds=NodeBounds(search_threads=2, waiting=8)) as address,
        client(address, ONE) as crowd,
        client(address, TWO) as other,
        ThreadPoolExecutor(8) as asking,
    ):
        with held_up(store, monkeypatch) as begun:
            held = {asking.submit(crowd.get, "/models") for _ in range(8)}
            # One is done, and two wait: a quarter of the places.
            refusals = [one.result() for _, one in zip(range(5), as_completed(held), strict=False)]
            for told in refusals:
                refused(told, 429, "too_many")
                assert 1 <= int(told.headers["retry-after"]) <= 30
            assert begun.acquire(timeout=60)
            assert other.get("/models?q=other").status_code == 200
            for asker in (other, crowd):
                assert asker.get("/health").status_code == 200
                refused(asker.get(f"/models/{'0' * 64}"), 404, "not_found")
        assert sorted(one.result().status_code for one in held) == [200] * 3 + [429] * 5


def test_writers_that_wait_for_another_process_leave_reads_alone(
    store: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Semaphore(0)
    add = store.add

    def seen(*args: Any, **named: Any) -> Any:
        begun.release()
        return add(*args, **named)

    monkeypatch.setattr(store, "add", seen)
    record = {
        name: value for name, value in make_record("model", "written").items() if not name.endswith(("_id", "_at"))
    }
    headers = {"authorization": bearer(store)}
    with (
        running(store, bounds=NodeBounds(threads=1, write_threads=1)) as address,
        client(address, ONE) as writer,
        client(address, TWO) as reader,
        ThreadPoolExecutor(2) as writing,
    ):
        with closing(sqlite3.connect(store.data_dir / DATABASE, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            written = [
                writing.submit(writer.post, "/models", json={**record, "name": name}, headers=headers)
                for name in ("first", "second")
            ]
            assert begun.acquire(timeout=60)
            for path in ("/health", "/models", "/sync/head"):
                assert reader.get(path).status_code == 200
            assert not any(one.done() for one in written)
            another.execute("ROLLBACK")
        assert [one.result().status_code for one in written] == [201, 201]


def test_what_is_being_written_when_a_node_ends_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over, done = threading.Event(), threading.Event(), threading.Event()
    with Datastore.open(tmp_path / "node", clock=lambda: T0) as store, ThreadPoolExecutor(1) as writing:
        add = store.add

        def late(*args: Any, **named: Any) -> Any:
            begun.set()
            over.wait()
            made = add(*args, **named)
            done.set()
            return made

        monkeypatch.setattr(store, "add", late)
        headers = {"authorization": bearer(store)}
        with running(store) as address, client(address, ONE) as writer:
            written = writing.submit(writer.post, "/models", json={"name": "late"}, headers=headers)
            assert begun.wait(60)
            writer.close()
            threading.Timer(0, over.set).start()
        assert done.is_set()
        assert store.stats().models == 1
        written.exception()
