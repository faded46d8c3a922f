"""Readers who take their time, or take nothing: what a node lets them hold, and for how long."""

from __future__ import annotations

import asyncio
import logging
import queue
import random
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from tests.node.conftest import T0, client, refused
from tests.sync.logs import ALICE, bodies, root
from tui_registry.datastore import Datastore, Page
from tui_registry.node import Address, NodeBounds, running
from tui_registry.sync.tiles import pack

_BITE = 32 * 1024
_LARGE = 50  # records of some 27 KB each
_PAGE = f"/models?limit={_LARGE}"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    """A log whose tiles and pages are larger than what a system takes for a reader who takes nothing."""
    text = random.Random(7)
    letters = [chr(point) for point in range(0x4E00, 0x9F00)]
    names = [f"large-{index:03}" for index in range(_LARGE)]
    ops = [root(ALICE, name, description="".join(text.choices(letters, k=9_000))) for name in names]
    with Datastore.open(tmp_path_factory.mktemp("large"), clock=lambda: T0) as opened:
        assert opened.apply(bodies(ops), source="test").applied == _LARGE
        yield opened


def tile(store: Datastore) -> str:
    head = store.log.head()
    return f"/sync/{head.epoch}/entries/0.{head.size}.ndjson.gz"


@contextmanager
def asking(
    address: Address, path: str, times: int = 1, *, last: bool = False, place: str = "127.0.0.1"
) -> Iterator[socket.socket]:
    """A connection that has asked and read nothing yet; `last`: and says that it will not ask again; `place`: where it
    comes from."""
    with socket.socket() as raw:
        raw.settimeout(30)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.bind((place, 0))
        raw.connect((address.host, address.port))
        ending = "connection: close\r\n" if last else ""
        raw.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{ending}\r\n".encode() * times)
        yield raw


def begun(raw: socket.socket) -> bytes:
    """The first bytes of an answer: it is under way then."""
    said = raw.recv(12)
    assert said == b"HTTP/1.1 200"
    return said


def bite(raw: socket.socket, size: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < size and (piece := raw.recv(size - len(pieces))):
        pieces += piece
    return bytes(pieces)


@contextmanager
def held_up(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A replica whose searches end only after the block."""
    over = threading.Event()
    search = store.search

    def late(*args: Any, **named: Any) -> Page:
        over.wait()
        return search(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(store, "search", late)
        try:
            yield
        finally:
            over.set()


def whole(said: bytes, store: Datastore) -> None:
    """The answer is the tile that this log has."""
    assert said.partition(b"\r\n\r\n")[2] == pack(store.log.lines(0, _LARGE))


def is_whole(said: bytes) -> bool:
    """Whether the answer is as long as it says."""
    head, _, body = said.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    return len(body) == int(length[1])


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the operator is told."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def rest(raw: socket.socket) -> bytes:
    pieces = []
    while piece := raw.recv(_BITE):
        pieces.append(piece)
    return b"".join(pieces)


def until_lost(raw: socket.socket) -> bytes:
    """What comes of an answer before its connection is reset."""
    pieces = []
    try:
        while piece := raw.recv(_BITE):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def given_up(lost: threading.Semaphore, times: int) -> None:
    """Wait until the node has let go of so many connections."""
    for _ in range(times):
        assert lost.acquire(timeout=60), "the node still holds the connection"


# Those who take nothing


@pytest.mark.parametrize("times", [1, 200], ids=["one", "pipelined"])
@pytest.mark.parametrize("what", ["tile", "page", "small"])
def test_who_takes_nothing_is_let_go(large: Datastore, lost: threading.Semaphore, what: str, times: int) -> None:
    path = {"tile": tile(large), "page": _PAGE, "small": "/docs"}[what]
    bounds = NodeBounds(send_seconds=0.5, idle_seconds=1, connections=3)
    with running(large, bounds=bounds) as address, ExitStack() as stack:
        for _ in range(bounds.connections):
            stack.enter_context(asking(address, path, times))
        given_up(lost, bounds.connections)
        with client(address) as reader:
            assert reader.get("/health").status_code == 200


def test_who_leaves_the_end_of_an_answer_is_let_go(large: Datastore, lost: threading.Semaphore) -> None:
    """The node hangs up then, which waits for what is unsent, however little that is. How much the system takes off its
    hands differs, so there is one reader for each."""
    left = range(30_000, 300_000, 30_000)
    with running(large, bounds=NodeBounds(send_seconds=0.5)) as address, ExitStack() as stack:
        for each in left:
            raw = stack.enter_context(asking(address, tile(large), last=True))
            length = re.search(rb"content-length: (\d+)", bite(raw, 1000))
            assert length is not None
            bite(raw, int(length[1]) - each)
        given_up(lost, len(left))


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no such bound")
def test_the_system_takes_little_for_who_takes_nothing(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    made = H11Protocol.connection_made

    def watched(self: H11Protocol, transport: asyncio.Transport) -> None:
        raw = transport.get_extra_info("socket")
        taken.append(raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT))
        made(self, transport)

    monkeypatch.setattr(H11Protocol, "connection_made", watched)
    with running(store) as address, client(address) as reader:
        assert reader.get("/health").status_code == 200
    assert taken == [64 * 1024]


def test_large_answers_that_nobody_takes_are_bounded_all_together(large: Datastore, lost: threading.Semaphore) -> None:
    with running(large, bounds=NodeBounds(unsent_bytes=2_000_000)) as address, client(address) as reader:
        with asking(address, _PAGE) as still:
            begun(still)
            refused(reader.get(_PAGE), 503, "busy")
        given_up(lost, 1)
        # What was unsent is let go some turns of the loop later.
        assert any(reader.get(_PAGE).status_code == 200 for _ in range(100))


def test_small_answers_and_those_without_a_body_wait_for_no_room(large: Datastore) -> None:
    with running(large, bounds=NodeBounds(unsent_bytes=0)) as address, client(address) as reader:
        refused(reader.get(_PAGE), 503, "busy")
        assert reader.get("/models?limit=1").status_code == 200
        assert int(reader.head(_PAGE).raise_for_status().headers["content-length"]) > 1_000_000


def test_a_tile_that_many_read_counts_once(large: Datastore) -> None:
    path = tile(large)
    with running(large, bounds=NodeBounds(unsent_bytes=1_500_000)) as address, ExitStack() as stack:
        for _ in range(6):
            begun(stack.enter_context(asking(address, path)))


# Those who have had their turn


def test_who_reads_the_longest_makes_way_where_another_lacks_room(
    large: Datastore, caplog: pytest.LogCaptureFixture
) -> None:
    bounds = NodeBounds(unsent_bytes=3_500_000, turn_seconds=0)
    with (
        running(large, bounds=bounds) as address,
        client(address) as reader,
        asking(address, tile(large)) as first,
    ):
        said = begun(first)
        with asking(address, f"{_PAGE}&sort=name", last=True) as second:
            later = begun(second)
            assert len(reader.get(_PAGE).raise_for_status().json()["items"]) == _LARGE
            later += rest(second)
        assert is_whole(later)
        said += rest(first)
    assert not is_whole(said)
    assert told(caplog) == []


def test_asking_again_for_a_tile_does_not_keep_its_room(large: Datastore) -> None:
    bounds = NodeBounds(unsent_bytes=2_000_000, turn_seconds=0)
    path = tile(large)
    with (
        running(large, bounds=bounds) as address,
        client(address) as reader,
        asking(address, path) as first,
        asking(address, path) as second,
    ):
        said = [begun(first), begun(second)]
        assert reader.get(_PAGE).status_code == 200
        # Nobody reads it by now, so it has room again.
        assert reader.get(path).content == pack(large.log.lines(0, _LARGE))
        assert not any(is_whole(start + rest(raw)) for start, raw in zip(said, (first, second), strict=True))


def test_what_is_asked_for_last_makes_way_last(large: Datastore) -> None:
    bounds = NodeBounds(unsent_bytes=3_500_000, turn_seconds=0)
    path = tile(large)
    with (
        running(large, bounds=bounds) as address,
        client(address) as reader,
        ExitStack() as stack,
    ):
        asked: list[tuple[socket.socket, bytes]] = []
        for each in (path, f"{_PAGE}&sort=name", path):
            raw = stack.enter_context(asking(address, each, last=True))
            asked.append((raw, begun(raw)))
        assert reader.get(_PAGE).status_code == 200
        ends = [is_whole(said + rest(raw)) for raw, said in asked]
    assert ends == [True, False, True]


def test_nobody_makes_way_for_what_has_no_room_even_so(large: Datastore) -> None:
    bounds = NodeBounds(unsent_bytes=1_000_000, turn_seconds=0)
    with (
        running(large, bounds=bounds) as address,
        client(address) as reader,
        asking(address, "/models?limit=20", last=True) as slow,
    ):
        said = begun(slow)
        refused(reader.get(_PAGE), 503, "busy")
        said += rest(slow)
    assert is_whole(said)


def test_who_holds_most_makes_way_before_he_had_his_turn(large: Datastore) -> None:
    """And drives out nobody who holds less, however often he asks."""
    bounds = NodeBounds(unsent_bytes=5_000_000)
    with (
        running(large, bounds=bounds) as address,
        client(address) as crowd,
        asking(address, _PAGE, last=True, place="127.0.0.2") as modest,
        ExitStack() as stack,
    ):
        his = begun(modest)
        held = [stack.enter_context(asking(address, _PAGE, last=True)) for _ in range(2)]
        said = [begun(raw) for raw in held]
        refused(crowd.get(_PAGE), 503, "busy")
        with asking(address, f"{_PAGE}&sort=name", last=True, place="127.0.0.3") as other:
            told = begun(other) + rest(other)
        assert is_whole(told)
        ends = [is_whole(start + rest(raw)) for start, raw in zip(said, held, strict=True)]
        his += rest(modest)
    assert is_whole(his)
    assert ends == [False, True]


def test_who_takes_nothing_makes_way_where_another_lacks_a_place(large: Datastore) -> None:
    """Whoever holds most; one who takes his time keeps his place."""
    with (
        running(large, bounds=NodeBounds(connections=3)) as address,
        asking(address, _PAGE, last=True, place="127.0.0.2") as modest,
        ExitStack() as stack,
    ):
        his = begun(modest)
        held = [stack.enter_context(asking(address, _PAGE, last=True)) for _ in range(2)]
        said = [begun(raw) for raw in held]
        with asking(address, "/health", last=True, place="127.0.0.3") as other:
            assert is_whole(begun(other) + rest(other))
        ends = [is_whole(start + until_lost(raw)) for start, raw in zip(said, held, strict=True)]
        his += rest(modest)
    assert is_whole(his)
    assert ends == [False, True]


# Those who leave


def test_who_leaves_in_the_middle_of_an_answer_leaves_no_word_of_it(
    large: Datastore, lost: threading.Semaphore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    leaving: queue.Queue[socket.socket] = queue.Queue()
    handled = RequestResponseCycle.send
    begins = True

    async def left(self: RequestResponseCycle, message: Any) -> None:
        nonlocal begins
        if message["type"] == "http.response.body" and begins:
            begins = False
            raw = leaving.get(timeout=60)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
        await handled(self, message)

    monkeypatch.setattr(RequestResponseCycle, "send", left)
    with running(large) as address, asking(address, tile(large)) as raw:
        leaving.put(raw)
        given_up(lost, 1)
    assert told(caplog) == []


# Those who take their time


def test_who_goes_on_slowly_gets_the_whole_answer(large: Datastore, lost: threading.Semaphore) -> None:
    """Each piece has its own time: one who takes none is let go in the meantime."""
    path = tile(large)
    with (
        running(large, bounds=NodeBounds(send_seconds=3)) as address,
        asking(address, path, last=True) as slow,
        asking(address, path) as still,
    ):
        begun(still)
        said = begun(slow)
        while not lost.acquire(timeout=0.2):
            said += bite(slow, _BITE)
        said += rest(slow)
    whole(said, large)


def test_the_time_for_beginning_an_answer_ends_nothing_that_has_begun(
    large: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        running(large, bounds=NodeBounds(request_seconds=2)) as address,
        client(address) as reader,
        asking(address, tile(large), last=True) as slow,
    ):
        said = begun(slow)
        with held_up(large, monkeypatch):
            refused(reader.get(_PAGE), 503, "busy")  # asked later, and its time is over
        said += rest(slow)
    whole(said, large)


def test_an_answer_that_does_not_begin_in_time_is_refused(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(store, bounds=NodeBounds(request_seconds=0.3)) as address, client(address) as reader:
        with held_up(store, monkeypatch):
            response = reader.get("/models")
        refused(response, 503, "busy")
        assert response.headers["retry-after"]
