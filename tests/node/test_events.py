"""What is appended to a node's log, told as it comes."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.node.conftest import T0, Node, client, refused, serving
from tests.node.test_conflicts_api import ME, given
from tests.seeds import seed, stranger_ops
from tui_registry.datastore import Datastore
from tui_registry.errors import KINDS, Json
from tui_registry.node import NodeBounds, running
from tui_registry.node.description import RecordEvent

ZERO = "0" * 32


class Event(NamedTuple):
    """An event as a reader has it; of a comment `name` is `:`."""

    id: str
    name: str
    data: dict[str, Json]


class Reader:
    """Reads a stream of events as the specification says."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id = ""
        self._lines = response.iter_lines()

    def next(self) -> Event:
        """The next event or comment."""
        name, data, has_id = "", "", False
        for line in self._lines:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "id":
                self.last_id, has_id = value, True
            elif field == "event":
                name = value
            elif field == "data":
                data = value
            elif line.startswith(":"):
                return Event(self.last_id, ":", {})
            elif not line and has_id:
                return Event(self.last_id, name, json.loads(data) if data else {})
        raise AssertionError("the stream has ended")

    def events(self, count: int) -> list[Event]:
        """So many events, comments left out."""
        found: list[Event] = []
        while len(found) < count:
            event = self.next()
            found += [event] if event.name not in ("", ":") else []
        return found

    def is_at_end(self) -> bool:
        return next(iter([line for line in self._lines if line and not line.startswith(":")]), None) is None


@contextmanager
def reading(of: httpx.Client, last: str | None = None, **params: str) -> Iterator[Reader]:
    headers = {} if last is None else {"last-event-id": last}
    with of.stream("GET", "/events", headers=headers, params=params) as response:
        if response.status_code != 200:
            response.read()
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "text/event-stream"
        yield Reader(response)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of a few records, to which tests write."""
    with Datastore.open(tmp_path_factory.mktemp("told") / "node", clock=lambda: T0) as store:
        store.key.replace(ME)
        seed(store, 5)
        with serving(store) as started:
            yield started


def test_what_is_done_to_records_is_told_as_it_is_done(told: Node) -> None:
    before = told.store.log.head()
    with reading(told.reader) as reader:
        # The place to come back to is known before anything has come.
        assert reader.next() == Event(f"{before.epoch}:{before.size}", "", {})
        for kind in KINDS:
            made = told.writer.post(f"/{kind}s", json={"name": f"told\n{kind}", "license": "MIT"})
            told.writer.patch(made.headers["location"], json={"description": "new"}).raise_for_status()
            told.writer.delete(made.headers["location"]).raise_for_status()
            # A draft is no operation.
            told.store.names.set("1" * 40, f"somebody-{kind}")
            events = reader.events(3)
            history = told.store.history(made.json()[f"{kind}_id"])
            assert [event.data["deed"] for event in events] == ["registered", "edited", "deleted"]
            assert [event.data["hash"] for event in events] == [entry.hash for entry in reversed(history)]
            assert [event.id for event in events] == [
                f"{before.epoch}:{entry.place + 1}" for entry in reversed(history)
            ]
            for event in events:
                assert (event.name, event.data["kind"]) == ("operation", kind)
                assert (event.data["id"], event.data["name"]) == (made.json()[f"{kind}_id"], f"told\n{kind}")
                assert event.data["owner_id"] == told.store.address
                RecordEvent.model_validate(event.data, extra="forbid")


def test_whoever_comes_back_is_told_all_that_came_since_once_and_in_order(told: Node) -> None:
    told.store.apply([op.to_json() for op in stranger_ops(80, by="another")], source="pulled")
    head = told.store.log.head()
    lines = [told.store.log.operations_at([place])[0].hash for place in range(head.size)]
    with reading(told.reader, f"{head.epoch}:0") as reader:
        events = reader.events(head.size)
    assert [event.data["hash"] for event in events] == lines
    assert events[-1].id == f"{head.epoch}:{head.size}"
    # From the middle, by the header or where there can be none; the header counts more.
    middle = events[head.size // 2].id
    for last, params in ((middle, {}), (None, {"after": middle}), (middle, {"after": f"{head.epoch}:0"})):
        with reading(told.reader, last, **params) as reader:
            assert reader.events(3) == events[head.size // 2 + 1 :][:3]


@pytest.mark.parametrize("last", [f"{ZERO}:3", "{epoch}:999999"])
def test_whoever_was_told_of_another_log_hears_that_what_was_read_is_to_be_read_anew(told: Node, last: str) -> None:
    head = told.store.log.head()
    with reading(told.reader, last.format(epoch=head.epoch)) as reader:
        (event,) = reader.events(1)
        assert event == Event(f"{head.epoch}:{head.size}", "reset", {"epoch": head.epoch, "size": head.size})
        record = given(told.store, "model", 1)
        assert reader.events(1)[0].data["hash"] == record.root.hash


def test_a_log_that_is_renewed_under_a_reader_is_told(told: Node) -> None:
    with reading(told.reader) as reader:
        reader.next()
        told.store.log.renew_epoch()
        (event,) = reader.events(1)
        assert (event.name, event.data["epoch"]) == ("reset", told.store.log.head().epoch)


@pytest.mark.parametrize("last", ["x", f"{ZERO}", f"{ZERO}:", f"{ZERO}:-1", f"{ZERO}:1:2", f"{'A' * 32}:1", "7"])
def test_what_is_no_id_of_an_event_is_refused(told: Node, last: str) -> None:
    refused(told.reader.get("/events", headers={"last-event-id": last}), 400, "event_id")
    refused(told.reader.get("/events", params={"after": last}), 400, "event_id")
    refused(told.reader.get("/events", params={"since": last}), 400, "parameter")


def test_what_another_process_writes_is_told_too(told: Node) -> None:
    with reading(told.reader) as reader, Datastore.open(told.store.data_dir, clock=lambda: T0) as other:
        reader.next()
        record = given(other, "agent", 1)
        assert {event.data["hash"] for event in reader.events(2)} == {record.root.hash, record.live[0].hash}


def test_head_is_answered_at_once(told: Node) -> None:
    answer = told.reader.head("/events")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")


def test_a_stream_with_nothing_to_tell_gives_signs_of_life(told: Node) -> None:
    with (
        running(told.store, bounds=NodeBounds(heartbeat_seconds=0.01)) as address,
        client(address) as of,
        reading(of) as reader,
    ):
        reader.next()
        assert [reader.next().name for _ in range(3)] == [":"] * 3


def test_a_reader_who_sends_a_body_is_told_nothing_more(told: Node) -> None:
    with socket.create_connection((told.address.host, told.address.port), timeout=10) as raw:
        # It would be read for as long as the stream is told, without an end.
        raw.sendall(b"GET /events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        answer = b""
        while not answer.endswith(b"0\r\n\r\n"):
            answer += raw.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_streams_are_bounded_and_a_place_is_free_again_when_its_reader_goes(told: Node) -> None:
    with running(told.store, bounds=NodeBounds(event_streams=8, heartbeat_seconds=0.01)) as address:
        with ExitStack() as stack, client(address) as third:
            # Kept: a reader that nobody has any more hangs up.
            readers = [stack.enter_context(reading(stack.enter_context(client(address)))) for _ in range(2)]
            for reader in readers:
                reader.next()
            answer = third.get("/events")
            refused(answer, 429, "too_many")
            assert int(answer.headers["retry-after"]) > 0
        with client(address) as again:
            while (answer := _status(again)) == 429:
                pass
            assert answer == 200
    with running(told.store, bounds=NodeBounds(event_streams=0)) as address, client(address) as of:
        refused(of.get("/events"), 503, "busy")


def _status(of: httpx.Client) -> int:
    with of.stream("GET", "/events") as response:
        return response.status_code


def test_a_reader_who_takes_nothing_is_cut_off_and_comes_back_to_where_it_was(
    told: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung_up: set[int] = set()
    one_more = threading.Semaphore(0)
    handled = H11Protocol.connection_lost

    def watched(self: H11Protocol, exc: Exception | None) -> None:
        hung_up.add(self.client[1] if self.client else 0)
        handled(self, exc)
        one_more.release()

    monkeypatch.setattr(H11Protocol, "connection_lost", watched)
    told.store.apply([op.to_json() for op in stranger_ops(700, by="many")], source="pulled")
    head = told.store.log.head()
    with running(told.store, bounds=NodeBounds(send_seconds=0.2)) as address, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((address.host, address.port))
        slow.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {head.epoch}:0\r\n\r\n".encode())
        with client(address) as other:
            assert other.get("/health").status_code == 200
            while slow.getsockname()[1] not in hung_up:
                assert one_more.acquire(timeout=30)
            taken = b""
            with suppress(ConnectionResetError):
                while piece := slow.recv(65536):
                    taken += piece
            ids = re.findall(rb"id: ([0-9a-f]{32}:[0-9]+)\nevent: operation\ndata: [^\n]*\n\n", taken)
            # It was read no further than was taken, and what nobody has taken yet.
            assert len(ids) < head.size
            last = ids[-1].decode() if ids else f"{head.epoch}:0"
            with reading(other, last) as reader:
                rest = reader.events(head.size - len(ids))
    assert [int(event.id.partition(":")[2]) for event in rest] == [*range(len(ids) + 1, head.size + 1)]


def test_streams_end_with_the_server_and_the_reader_comes_back(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom tui_registry.datastore import Datastore\nfrom tui_registry.node import serve\n"
        "with Datastore.open(sys.argv[1]) as store:\n"
        "    serve(store, port=0, on_ready=lambda address: print(address.url, flush=True))\n"
    )
    node = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "node")], stdout=subprocess.PIPE, text=True)
    assert node.stdout is not None
    url = node.stdout.readline().strip()
    with httpx.Client(base_url=url, trust_env=False, timeout=30, verify=False) as of, reading(of) as reader:
        reader.next()
        node.send_signal(signal.SIGTERM)
        assert reader.is_at_end()  # and whole: a stream that is cut off raises
    assert node.wait(timeout=30) == 0
