"""The server around the app: where it listens, how it ends, and its patience."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path

import h11
import httpx
import pytest
from hypothesis import event, given, settings, strategies as st
from uvicorn.protocols.http.h11_impl import H11Protocol

import tui_registry
from tests.laws import examples
from tests.node.conftest import Node, bearer, client, refused
from tui_registry.datastore import Datastore
from tui_registry.node import Address, NodeBounds, NodeError, running, serve
from tui_registry.node.server import _Connection, _in_origin_form, _plain_request, _Turns

HASTY = NodeBounds(
    header_seconds=0.3, body_seconds=0.3, request_seconds=5, idle_seconds=1, connections=4, record_bytes=10_000
)


@pytest.fixture
def hasty(store: Datastore) -> Iterator[Address]:
    """A node with little patience."""
    with running(store, bounds=HASTY) as address:
        yield address


@contextmanager
def connected(address: Address) -> Iterator[socket.socket]:
    with socket.create_connection((address.host, address.port), timeout=30) as raw:
        yield raw


def everything(raw: socket.socket) -> bytes:
    """What arrives until the node hangs up."""
    pieces = []
    try:
        while piece := raw.recv(65_536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


# Binding


def test_another_machine_is_let_in_only_when_asked_for_in_so_many_words(store: Datastore) -> None:
    for host in ("0.0.0.0", "::"):
        with pytest.raises(NodeError, match="--allow-remote") as caught:
            serve(store, host, 0)
        assert caught.value.code == "not_loopback"


def test_a_taken_port_is_told(node: Node, store: Datastore) -> None:
    with pytest.raises(NodeError, match=f"port {node.address.port} on 127.0.0.1 is taken") as caught:
        serve(store, port=node.address.port)
    assert caught.value.code == "port_taken"


@pytest.mark.parametrize(
    ("host", "port"), [("no-such-host.invalid", 0), ("127.0.0.1", 70_000), ("203.0.113.7", 0), ("a" * 300, 0)]
)
def test_a_place_that_is_not_ours_is_told(store: Datastore, host: str, port: int) -> None:
    with pytest.raises(NodeError) as caught:
        serve(store, host, port, allow_remote=True)
    assert caught.value.code == "cannot_bind"


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert Address("::1", 8420).url == "http://[::1]:8420"


def test_small_answers_are_not_held_back(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nagle's delay, some 40 ms for each answer, is off on every connection that the node takes."""
    taken: list[int] = []
    made = H11Protocol.connection_made

    def watched(self: H11Protocol, transport: asyncio.Transport) -> None:
        raw = transport.get_extra_info("socket")
        taken.append(raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        made(self, transport)

    monkeypatch.setattr(H11Protocol, "connection_made", watched)
    with running(store) as address:
        for _ in range(2):
            with client(address) as reader:
                assert reader.get("/health").status_code == 200
    assert len(taken) == 2
    assert all(taken)


# The end


_SERVE = """
import sys
from tui_registry.datastore import Datastore
from tui_registry.node import serve
with Datastore.open(sys.argv[1]) as store:
    serve(store, port=0, on_ready=lambda address: print(address.url, flush=True))
    print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", _SERVE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(url + "/health", trust_env=False, timeout=30, verify=False).status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "ended\n", "")


# Patience


def test_headers_that_trickle_in_are_not_waited_for(hasty: Address) -> None:
    with connected(hasty) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n")
        assert everything(raw) == b""


def test_a_connection_that_says_nothing_is_closed(hasty: Address) -> None:
    with connected(hasty) as raw:
        assert everything(raw) == b""


def test_a_body_that_does_not_arrive_is_not_waited_for(hasty: Address, store: Datastore) -> None:
    authorization = bearer(store).encode()
    with connected(hasty) as raw:
        raw.sendall(
            b"POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n"
            b"authorization: " + authorization + b"\r\n\r\n{"
        )
        said = everything(raw)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in said


def test_a_body_that_nobody_reads_is_not_waited_for(hasty: Address) -> None:
    with connected(hasty) as raw:
        raw.sendall(b"POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        assert everything(raw).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_is_counted_however_it_is_sent(hasty: Address, store: Datastore, chunked: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 1000

    headers = {"authorization": bearer(store)}
    with client(hasty) as writer:
        content = pieces() if chunked else b" " * 20_000
        refused(writer.post("/models", content=content, headers=headers), 413, "too_large")


def test_a_body_that_says_it_is_endless_is_refused_unread(hasty: Address, store: Datastore) -> None:
    authorization = bearer(store).encode()
    with connected(hasty) as raw:
        raw.sendall(
            b"POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000000000000\r\n"
            b"authorization: " + authorization + b"\r\n\r\n"
        )
        assert everything(raw).startswith(b"HTTP/1.1 413 ")


def test_a_packed_body_is_refused(node: Node) -> None:
    response = node.writer.post("/models", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    refused(response, 415, "encoded")


def test_more_connections_than_allowed_are_turned_away_and_the_others_live(hasty: Address) -> None:
    from contextlib import ExitStack

    with ExitStack() as stack:
        first = [stack.enter_context(connected(hasty)) for _ in range(HASTY.connections)]
        for raw in first:
            raw.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert raw.recv(12) == b"HTTP/1.1 200"
        assert everything(stack.enter_context(connected(hasty))) == b""
    with client(hasty) as reader:
        assert reader.get("/health").status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\x01 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 9000,
    ],
    ids=["binary", "version", "control", "endless-headers"],
)  # fmt: skip
def test_what_is_not_http_gets_a_problem_and_goodbye(hasty: Address, data: bytes) -> None:
    with connected(hasty) as raw:
        try:
            raw.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return
        said = everything(raw)
    assert said == b"" or (said.startswith(b"HTTP/1.1 4") and b"application/problem+json" in said)


# By the standard (RFC 9112, RFC 9110)


def asked(address: Address, request: bytes) -> bytes:
    """What a node says to these bytes until it hangs up."""
    with connected(address) as raw:
        raw.sendall(request)
        return everything(raw)


def test_every_answer_says_when_it_was_made(untouched: Node) -> None:
    answers = [untouched.reader.get(path) for path in ("/health", "/models/zz", "/sync/head")]
    said = [answer.headers["date"] for answer in answers]
    refused_by_the_server = asked(untouched.address, b"\0\r\n\r\n")
    said += re.findall(r"\r\ndate: ([^\r]+)", refused_by_the_server.decode())
    assert len(said) == 4
    assert all(parsedate_to_datetime(each).tzinfo is UTC for each in said)


def request_of(size: int) -> bytes:
    """A request whose line and headers are so many bytes."""
    start = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\na: "
    return start + b"b" * (size - len(start) - 4) + b"\r\n\r\n"


def test_the_bound_of_headers_holds_however_they_come(untouched: Node) -> None:
    most = NodeBounds().header_bytes
    assert asked(untouched.address, request_of(most)).startswith(b"HTTP/1.1 200 ")
    for size in (most + 1, most + 5000):
        said = asked(untouched.address, request_of(size))
        assert said.startswith(b"HTTP/1.1 431 ")
        assert b'"header_too_large"' in said


def test_a_request_behind_another_has_the_whole_bound_of_headers(untouched: Node) -> None:
    request = request_of(NodeBounds().header_bytes)
    said = asked(untouched.address, request.replace(b"connection: close", b"connection: keepy") + request)
    assert said.count(b"HTTP/1.1 200 ") == 2


def test_headers_are_bounded_in_number_and_what_follows_them_is_not(untouched: Node) -> None:
    """Each costs a reader as much as a long one."""
    most = NodeBounds().header_lines
    start = b"POST /models/search HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: 1002\r\n"
    for lines, status in ((most - 4, b"200"), (most + 1, b"431"), (3000, b"431")):
        said = asked(untouched.address, start + lines * b"a:\r\n" + b"\r\n{" + 1000 * b"\n" + b"}")
        assert said.startswith(b"HTTP/1.1 " + status)
        assert said.count(b"HTTP/1.1") == 1
    assert b'"header_too_large"' in said


_LINES = st.sampled_from(
    (
        b"Host: a", b"host:b", b"HOST: \t c ", b"accept: */*", b"accept:", b"connection: keep-alive",
        b"Connection: Keep-Alive", b"connection: close", b"connection: keep-alive, upgrade", b"upgrade: h2c",
        b"content-length: 0", b"content-length: 5", b"transfer-encoding: chunked", b"expect: 100-continue", b"te: gzip",
        b" folded", b"\tfolded", b"a: \x00", b"a: \x7f", b"a: \xe9", b"a b: c", b": c", b"a", b"", b"x_y: z", b"a: b\rc",
    )
)  # fmt: skip
_STARTS = st.sampled_from(
    (
        b"GET /sync/head HTTP/1.1", b"GET /sync/head?a HTTP/1.1", b"GET /sync/head HTTP/1.0", b"GET /sync/head",
        b"GET  /sync/head HTTP/1.1", b"HEAD /sync/head HTTP/1.1", b"GET /sync/%68ead HTTP/1.1", b"get /sync/head HTTP/1.1",
        b"GET /sync/\xe9 HTTP/1.1", b"GET /sync/head HTTP/1.1 ", b"GET /sync/a#b HTTP/1.1",
    )
)  # fmt: skip


@settings(max_examples=examples(75, 1000))
@given(
    st.one_of(st.just(b"GET /sync/head HTTP/1.1"), _STARTS),
    st.lists(_LINES, max_size=4),
    st.sampled_from((b"\r\n\r\n", b"\n\n", b"\r\n", b"\r\n\r\nGET", b"\r\n\r\n\r\n")),
)
def test_what_is_taken_for_a_plain_request_is_that_and_nothing_else_as_h11_reads_it(
    start: bytes, lines: list[bytes], end: bytes
) -> None:
    data = b"\r\n".join((start, *lines)) + end
    plain = _plain_request(data)
    event(str(plain is not None))
    if plain is None:
        return
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(data)
    try:
        request = reader.next_event()
    except h11.RemoteProtocolError as error:
        assert "Host" in str(error)  # the doors refuse those
        return
    assert isinstance(request, h11.Request)
    assert (plain["path"].encode(), plain["method"], plain["headers"]) == (request.target, "GET", [*request.headers])
    assert isinstance(reader.next_event(), h11.EndOfMessage)
    assert reader.their_state is h11.DONE
    assert reader.trailing_data == (b"", False)


def test_what_comes_in_the_smallest_chunks_is_read_a_few_at_a_time() -> None:
    """Each costs as much as a large one: who sends thousands at once waits for others in between."""
    connection = _Connection(NodeBounds(), lambda: True)
    connection.receive_data(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    connection.receive_data(b"1\r\na\r\n" * 1000 + b"0\r\n\r\n")
    turns = []
    while not turns or connection.is_behind:
        connection.pieces, connection.is_behind = 8, False
        turns.append(0)
        while (event := connection.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
            turns[-1] += isinstance(event, h11.Data)
    assert sum(turns) == 1000
    assert max(turns) == 8


def test_a_body_in_the_smallest_chunks_is_read_whole_and_so_is_what_nobody_wants_of_it(untouched: Node) -> None:
    start = b"POST /models/search HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b"1\r\n{\r\n" + 3000 * b"1\r\n \r\n" + b"1\r\n}\r\n0\r\n\r\n"
    unwanted = start.replace(b"/models/search", b"/sync/ops") + body  # refused before its body is read
    last = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    said = asked(untouched.address, start + body + unwanted + start + body + last)
    assert re.findall(rb"HTTP/1.1 ([0-9]{3})", said) == [b"200", b"403", b"200", b"200"]


async def test_few_requests_of_one_place_begin_before_others_have_their_turn() -> None:
    turns, began = _Turns(), list[int]()

    def begin(number: int) -> None:
        if number % 3 and turns.may_begin("here"):  # every third has gone meanwhile
            began.append(number)
        elif number % 3:
            turns.wait("here", lambda: begin(number))

    for number in range(100, 136):
        begin(number)
        assert turns.may_begin("there") is (number < 104)
    counts = []
    while len(began) < 24:
        counts.append(len(began))
        await asyncio.sleep(0)
    assert began == [number for number in range(100, 136) if number % 3]
    assert max(after - before for before, after in pairwise(counts)) == 4


@pytest.mark.parametrize(
    ("requests", "statuses"),
    [
        ([b"GET /models HTTP/1.1"], [b"200"]),
        ([b"GET /nothing HTTP/1.0"], [b"404"]),
        ([b"POST /models/search HTTP/1.1\r\ncontent-length: 0"], [b"400"]),
        ([b"GET /models HTTP/1.1", b"GET /health HTTP/1.1"] * 6, [b"200"] * 12),
        ([b"GET /models HTTP/1.1", b"POST /models/search HTTP/1.1\r\ncontent-length: 2"], [b"200"]),
    ],
    ids=["thread", "none", "body", "ahead", "half"],
)
def test_who_asks_and_then_closes_their_own_side_is_answered(
    untouched: Node, requests: list[bytes], statuses: list[bytes]
) -> None:
    with connected(untouched.address) as raw:
        raw.sendall(b"".join(request + b"\r\nhost: 127.0.0.1\r\n\r\n" for request in requests))
        raw.shutdown(socket.SHUT_WR)
        assert re.findall(rb"HTTP/1.1 ([0-9]{3})", everything(raw)) == statuses


def test_whoever_has_many_connections_and_asks_ahead_is_answered_in_order(store: Datastore) -> None:
    paths = [b"/health", b"/nothing", b"/models", b"/sync/head"] * 5
    requests = [b"GET %b HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" % path for path in paths]
    requests[-1] = requests[-1][:-2] + b"connection: close\r\n\r\n"
    with running(store) as address, ExitStack() as opened:
        callers = [opened.enter_context(connected(address)) for _ in range(16)]
        for raw in callers:
            raw.sendall(b"".join(requests))
        for raw in callers:
            assert re.findall(rb"HTTP/1.1 ([0-9]{3})", everything(raw)) == [b"200", b"404", b"200", b"200"] * 5


@pytest.mark.parametrize(
    "framing",
    [
        b"HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked",
        b"HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\ncontent-length: 0",
        b"HTTP/1.0\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked",
        b"HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ncontent-length: 6",
        b"HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: gzip, chunked",
    ],
    ids=["length-first", "chunks-first", "1.0", "two-lengths", "gzip"],
)
def test_a_body_whose_end_can_be_read_in_two_ways_ends_the_connection(untouched: Node, framing: bytes) -> None:
    """Or what follows it, which somebody in between may have taken for the body, would be answered as a request."""
    hidden = b"0\r\n\r\nGET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    said = asked(untouched.address, b"POST /models/search " + framing + b"\r\n\r\n" + hidden)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nconnection: close\r\n" in said.lower()
    assert said.count(b"HTTP/1.1") == 1


def test_a_body_that_breaks_off_in_the_middle_is_told_once(untouched: Node) -> None:
    said = asked(
        untouched.address,
        b"POST /models/search HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\nno chunk\r\n",
    )
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1") == 1


def test_what_comes_after_a_refusal_is_not_taken_for_a_fault_of_ours(
    untouched: Node, caplog: pytest.LogCaptureFixture
) -> None:
    said = asked(
        untouched.address,
        b"POST /models HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\nno chunk\r\n",
    )
    assert said.count(b"HTTP/1.1") <= 1
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("scheme", ["http", "HTTP", "https"])
def test_a_target_may_name_the_whole_address(untouched: Node, scheme: str) -> None:
    place = f"{untouched.address.host}:{untouched.address.port}"
    for path, status in (
        ("/health", 200),
        ("/models?limit=7", 200),
        ("/models?limit=x", 422),
        ("", 303),
        ("?a=b", 303),
    ):
        request = f"GET {scheme}://{place}{path} HTTP/1.1\r\nhost: {place}\r\nconnection: close\r\n\r\n"
        assert asked(untouched.address, request.encode()).startswith(f"HTTP/1.1 {status} ".encode())


def test_the_host_that_a_target_names_counts_not_the_one_beside_it() -> None:
    request = h11.Request(
        method="GET", target="http://evil.example:80/a?b", headers=[("a", "b"), ("Host", "127.0.0.1"), ("c", "d")]
    )
    read = _in_origin_form(request)
    assert read.target == b"/a?b"
    assert list(read.headers) == [(b"a", b"b"), (b"host", b"evil.example:80"), (b"c", b"d")]


@pytest.mark.parametrize(
    ("target", "beside", "status"),
    [("http://evil.example/health", "127.0.0.1", 421), ("http://127.0.0.1/health", "evil.example", 200)],
)
def test_no_page_gets_in_by_naming_its_host_in_one_place_alone(
    untouched: Node, target: str, beside: str, status: int
) -> None:
    said = asked(untouched.address, f"GET {target} HTTP/1.1\r\nhost: {beside}\r\nconnection: close\r\n\r\n".encode())
    assert said.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    "target", ["health", "ftp://x/health", "http:///health", "http://a@127.0.0.1/health", "http://", "//?#", "/#a"]
)
def test_a_target_that_names_no_path_is_refused(untouched: Node, target: str) -> None:
    said = asked(untouched.address, f"GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
    assert b"application/problem+json" in said


# Faults of our own


def test_a_fault_of_ours_is_told_without_a_traceback_or_a_path(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_registry.datastore import StoreError

    def broken(*_: object, **__: object) -> None:
        raise StoreError("corrupt", f"{node.store.data_dir} is damaged")

    def unforeseen(*_: object, **__: object) -> None:
        raise ZeroDivisionError(str(node.store.data_dir))

    for fault, code in ((broken, "corrupt"), (unforeseen, "internal")):
        monkeypatch.setattr(node.store, "search", fault)
        response = node.reader.get("/models")
        refused(response, 500, code)
        assert str(node.store.data_dir) not in response.text
        assert os.sep + "tmp" not in response.text


# What it says about itself


def test_the_protocol_is_served_as_it_is_packaged_and_the_docs_lead_to_it(node: Node) -> None:
    page = node.reader.get("/docs/protocol")
    assert page.content == Path(tui_registry.__file__).with_name("protocol.md").read_bytes()
    assert page.text.startswith("# ")
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert node.reader.head("/docs/protocol").status_code == 200
    assert "href=docs/protocol>" in node.reader.get("/docs").text
