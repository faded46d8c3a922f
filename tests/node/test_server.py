"""The server around the app: where it listens, how it ends, and its patience."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import httpx
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

import tui_registry
from tests.node.conftest import Node, client, refused
from tui_registry.datastore import Datastore
from tui_registry.node import TOKEN_FILE, Address, NodeBounds, NodeError, node_token, running, serve
from tui_registry.node.log_description import SYNC_PATHS, SYNC_SCHEMAS
from tui_registry.node.requests import is_token
from tui_registry.query import GRAMMAR

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
        assert httpx.get(url + "/health", trust_env=False, timeout=30).status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "ended\n", "")


# The token


def test_the_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    token = node_token(tmp_path)
    assert len(token) >= 40
    assert node_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [TOKEN_FILE]


def test_a_token_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    node_token(tmp_path)
    (tmp_path / TOKEN_FILE).chmod(0o644)
    node_token(tmp_path)
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "short", "x" * 500, "sp ace" * 10, "\0" * 40])
def test_a_token_file_that_holds_no_token_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / TOKEN_FILE).write_text(content)
    with pytest.raises(NodeError, match="holds no token"):
        node_token(tmp_path)


def test_a_token_that_was_being_made_when_its_process_was_killed_is_swept_away(tmp_path: Path) -> None:
    left = tmp_path / f".{TOKEN_FILE}.{'ab' * 8}"
    left.write_text("x" * 43)
    assert node_token(tmp_path) != "x" * 43
    assert [path.name for path in tmp_path.iterdir()] == [TOKEN_FILE]


def test_two_nodes_that_start_together_agree_on_the_token(tmp_path: Path) -> None:
    gate = threading.Barrier(4)
    tokens: list[str] = []

    def start() -> None:
        gate.wait()
        tokens.append(node_token(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 4
    assert len(set(tokens)) == 1


def test_only_the_whole_token_counts() -> None:
    assert is_token("Bearer abc", "abc")
    assert not any(
        is_token(given, "abc") for given in (None, "", "abc", "Bearer ab", "Bearer abcd", "Bearer é", "Token abc")
    )


# Patience


def test_headers_that_trickle_in_are_not_waited_for(hasty: Address) -> None:
    with connected(hasty) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n")
        assert everything(raw) == b""


def test_a_connection_that_says_nothing_is_closed(hasty: Address) -> None:
    with connected(hasty) as raw:
        assert everything(raw) == b""


def test_a_body_that_does_not_arrive_is_not_waited_for(hasty: Address, store: Datastore) -> None:
    token = node_token(store.data_dir)
    with connected(hasty) as raw:
        raw.sendall(
            b"POST /models HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n"
            b"authorization: Bearer " + token.encode() + b"\r\n\r\n{"
        )
        said = everything(raw)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in said


def test_a_body_that_nobody_reads_is_not_waited_for(hasty: Address) -> None:
    with connected(hasty) as raw:
        raw.sendall(b"POST /models HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        assert everything(raw).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_is_counted_however_it_is_sent(hasty: Address, store: Datastore, chunked: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 1000

    headers = {"authorization": f"Bearer {node_token(store.data_dir)}"}
    with client(hasty) as writer:
        content = pieces() if chunked else b" " * 20_000
        refused(writer.post("/models", content=content, headers=headers), 413, "too_large")


def test_a_body_that_says_it_is_endless_is_refused_unread(hasty: Address, store: Datastore) -> None:
    token = node_token(store.data_dir)
    with connected(hasty) as raw:
        raw.sendall(
            b"POST /models HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000000000000\r\n"
            b"authorization: Bearer " + token.encode() + b"\r\n\r\n"
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
            raw.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
            assert raw.recv(12) == b"HTTP/1.1 200"
        assert everything(stack.enter_context(connected(hasty))) == b""
    with client(hasty) as reader:
        assert reader.get("/health").status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\x01 HTTP/1.1\r\nhost: x\r\n\r\n",
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


def test_the_docs_name_every_route_and_load_nothing_from_elsewhere(node: Node) -> None:
    page = node.reader.get("/docs")
    tree = node.reader.get("/openapi.json").json()
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "://" not in page.text
    assert "<script" not in page.text
    for path in tree["paths"]:
        assert path in page.text
    # The same text as `--help search` and the help screen have.
    assert escape(GRAMMAR) in page.text
    assert "resource_requirements.min_vram_gb" in page.text


def test_the_protocol_is_served_as_it_is_packaged_and_the_docs_lead_to_it(node: Node) -> None:
    page = node.reader.get("/docs/protocol")
    assert page.content == Path(tui_registry.__file__).with_name("protocol.md").read_bytes()
    assert page.text.startswith("# ")
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert node.reader.head("/docs/protocol").status_code == 200
    assert "href=docs/protocol>" in node.reader.get("/docs").text


def test_openapi_describes_the_plans_routes_and_our_problems(node: Node) -> None:
    tree = node.reader.get("/openapi.json").json()
    for kind in ("models", "agents"):
        assert set(tree["paths"][f"/{kind}"]) == {"get", "post"}
        assert {"get", "put", "delete", "post"} == {
            name for path in tree["paths"] if path.startswith(f"/{kind}/{{") for name in tree["paths"][path]
        }
        assert set(tree["paths"][f"/{kind}/search"]) == {"post"}
    assert {"/sync/head", "/sync/ops", "/sync/ops/get", "/health"} <= set(tree["paths"])
    assert set(tree["components"]["schemas"]) == {
        "AIModel", "AIAgent", "State", "Versions", "Problem", *SYNC_SCHEMAS
    }  # fmt: skip
    text = str(tree)
    assert "HTTPValidationError" not in text
    fields = tree["components"]["schemas"]["AIModel"]["properties"]
    assert list(fields)[:3] == ["model_id", "name", "owner_id"]


def test_openapi_names_the_answers_that_come_the_bodies_that_are_taken_and_the_conditions(node: Node) -> None:
    paths = node.reader.get("/openapi.json").json()["paths"]
    assert {
        f"{method} {path}": sorted(operation["responses"])
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "agents" not in path and path not in SYNC_PATHS
    } == {
        "get /models": ["200", "default"],
        "post /models": ["201", "default"],
        "post /models/search": ["200", "default"],
        "get /models/{record_id}": ["200", "304", "default"],
        "put /models/{record_id}": ["200", "409", "412", "default"],
        "delete /models/{record_id}": ["204", "409", "412", "default"],
        "post /models/{record_id}/resolve": ["200", "204", "409", "412", "default"],
    }
    assert list(paths["/sync/ops"]["post"]["requestBody"]["content"]) == ["application/x-ndjson"]
    asked = {
        (method, parameter["name"])
        for path in ("/models", "/models/{record_id}", "/models/{record_id}/resolve", "/sync/head")
        for method, operation in paths[path].items()
        for parameter in operation.get("parameters", [])
    }
    assert asked == {
        ("get", "q"), ("get", "limit"), ("get", "cursor"), ("get", "sort"), ("get", "If-None-Match"),
        ("put", "If-Match"), ("delete", "If-Match"), ("post", "If-Match"),
        ("get", "record_id"), ("put", "record_id"), ("delete", "record_id"), ("post", "record_id"),
    }  # fmt: skip
    for operation, status in (("get", "200"), ("get", "304"), ("put", "200")):
        assert "ETag" in paths["/models/{record_id}"][operation]["responses"][status]["headers"]
