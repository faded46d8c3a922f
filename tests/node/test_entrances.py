"""The ways into a node beside plain TCP: a Unix socket, and TLS by a certificate of one's own."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.certificates import Authority
from tests.node.conftest import T0, refused
from tui_registry.datastore import Datastore
from tui_registry.node import Address, Door, NodeBounds, NodeError, Tls, Whereabouts, running
from tui_registry.node.doors import Proxies
from tui_registry.node.server import Listener, _Places
from tui_registry.node.watch import Watch


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with Datastore.open(tmp_path_factory.mktemp("entrances") / "node", clock=lambda: T0) as opened:
        yield opened


# A Unix socket


@contextmanager
def over(path: Path) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(path), verify=False), base_url="http://localhost", timeout=30
    ) as caller:
        yield caller


def test_a_node_answers_over_a_unix_socket_and_takes_it_away(store: Datastore, tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    with running(store, uds=path) as address:
        assert address == Address("", 0, path=str(path))
        assert address.url == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o777 & ~_umask()
        with over(path) as caller:
            assert [caller.get(name).status_code for name in ("/health", "/models", "/metrics", "/docs")] == [200] * 4
            refused(caller.get("/health", headers={"host": "evil.example"}), 421, "unknown_host")
    assert not path.exists()


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_what_is_left_of_a_socket_is_replaced_and_nothing_else(store: Datastore, tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with running(store, uds=path), over(path) as caller:
        assert caller.get("/health/live").status_code == 200
        told(store, path, "port_taken", "somebody listens")
        assert caller.get("/health/live").status_code == 200
    path.write_text("mine")
    told(store, path, "cannot_bind", "no socket")
    assert path.read_text() == "mine"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    told(store, path, "cannot_bind", "no socket")
    told(store, tmp_path / "no" / "node.sock", "cannot_bind", "No such file")
    told(store, tmp_path / ("x" * 120), "cannot_bind", "too long")


def test_of_those_that_begin_at_once_over_a_leftover_one_listens(tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    door = Door("", 0, False, path, None)
    begun = threading.Barrier(4)

    def listening() -> Listener | str:
        begun.wait()
        try:
            return door.listening()
        except NodeError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        for _ in range(25):
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(path))
            came = [future.result() for future in [pool.submit(listening) for _ in range(4)]]
            (listener,) = (one for one in came if isinstance(one, Listener))
            assert came.count("port_taken") == 3
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(path))
                listener.places = _Places(NodeBounds(), Proxies(Whereabouts()), Watch())
                listener.accept()[0].close()
            listener.close()
            assert [*tmp_path.iterdir()] == []


def test_a_socket_whose_queue_is_full_is_somebodys(store: Datastore, tmp_path: Path) -> None:
    path = tmp_path / "node.sock"
    with socket.socket(socket.AF_UNIX) as held, ExitStack() as stack:
        held.bind(str(path))
        held.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            waiting.connect_ex(str(path))
        told(store, path, "port_taken", "somebody listens")


def told(store: Datastore, path: Path, code: str, words: str) -> None:
    with pytest.raises(NodeError, match=words) as caught, running(store, uds=path):
        pass
    assert caught.value.code == code


def test_a_socket_that_another_put_in_its_place_stays(store: Datastore, tmp_path: Path) -> None:
    path, moved = tmp_path / "node.sock", tmp_path / "moved.sock"
    with running(store, uds=path):
        path.rename(moved)
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_over_a_socket_a_proxy_is_believed_only_where_that_was_said(store: Datastore, tmp_path: Path) -> None:
    """And those who come through it are told apart."""
    path = tmp_path / "node.sock"
    bounds = NodeBounds(client_connections=2)
    asked = {"host": "localhost", "x-forwarded-host": "registry.example", "x-forwarded-for": "192.0.2.1"}
    names = ("registry.example",)
    with running(store, uds=path, bounds=bounds, whereabouts=Whereabouts(names=names)), over(path) as caller:
        assert caller.get("/health", headers={**asked, "x-forwarded-host": "evil.example"}).status_code == 200
        refused(caller.get("/health", headers={**asked, "host": "upstream"}), 421, "unknown_host")
    proxied = Whereabouts(names=names, proxies=("unix",))
    with running(store, uds=path, bounds=bounds, whereabouts=proxied), ExitStack() as stack:
        for _ in range(5):
            caller = stack.enter_context(over(path))
            assert caller.get("/health", headers=asked).status_code == 200
        forged = {**asked, "x-forwarded-host": "evil.example"}
        refused(caller.get("/health", headers=forged), 421, "unknown_host")
        refused(caller.get("/metrics", headers=asked), 401, "unauthorized")
        assert caller.get("/health").status_code == 200


# TLS


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("An Authority of Our Own")


@pytest.fixture(scope="module")
def identity(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("identity") / "identity.pem"
    file.write_text(authority.server("localhost", "127.0.0.1"))
    return file


@pytest.fixture(scope="module")
def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.certificate)


HASTY = NodeBounds(header_seconds=0.5, connections=4)


@pytest.fixture(scope="module")
def secure(store: Datastore, identity: Path) -> Iterator[Address]:
    with running(store, tls=Tls(identity), bounds=HASTY) as address:
        yield address


def test_a_node_serves_https_by_its_certificate(secure: Address, trusting: ssl.SSLContext) -> None:
    assert secure.url.startswith("https://127.0.0.1:")
    with httpx.Client(base_url=secure.url, verify=trusting, trust_env=False, timeout=30) as caller:
        for path in ("/health", "/sync/head", "/openapi.json", "/models"):
            answer = caller.get(path)
            assert answer.status_code == 200
        assert len(caller.get("/openapi.json").content) > 64 * 1024
    unknown = ssl.create_default_context(cadata=Authority("Another").certificate)
    with (
        httpx.Client(base_url=secure.url, verify=unknown, trust_env=False, timeout=30) as stranger,
        pytest.raises(httpx.ConnectError, match="certificate"),
    ):
        stranger.get("/health")


def test_many_requests_at_once_in_one_piece_are_answered_over_tls(secure: Address, trusting: ssl.SSLContext) -> None:
    with tls_line(secure, trusting) as line:
        line.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n" * 3 + b"GET /health/live HTTP/1.1\r\n"
                     b"host: localhost\r\nconnection: close\r\n\r\n")  # fmt: skip
        with line.makefile("rb") as answer:
            assert answer.read().count(b"HTTP/1.1 200") == 4


@contextmanager
def tls_line(address: Address, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((address.host, address.port), timeout=30) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as line,
    ):
        yield line


def test_what_shakes_no_hands_is_let_go_and_holds_a_place_until_then(secure: Address, trusting: ssl.SSLContext) -> None:
    def is_let_go(raw: socket.socket) -> bool:
        try:
            return raw.recv(1) == b""
        except ConnectionError:
            return True

    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection((secure.host, secure.port), timeout=30)) for _ in range(6)
        ]
        assert all(map(is_let_go, silent))
    with socket.create_connection((secure.host, secure.port), timeout=30) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert is_let_go(plain)
    with tls_line(secure, trusting) as line:
        line.sendall(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        with line.makefile("rb") as answer:
            told = answer.read().decode()
    assert "tui_registry_connections 1.0" in told
    handshakes = next(row for row in told.splitlines() if row.startswith("tui_registry_tls_handshakes_failed_total"))
    refusals = next(row for row in told.splitlines() if row.startswith("tui_registry_connections_refused_total"))
    assert float(handshakes.split()[1]) >= 5
    assert float(refusals.split()[1]) >= 2


def test_over_tls_headers_that_trickle_in_are_not_waited_for(secure: Address, trusting: ssl.SSLContext) -> None:
    with tls_line(secure, trusting) as line:
        line.sendall(b"GET /health HTTP/1.1\r\n")
        with suppress(ConnectionError, ssl.SSLError):
            assert line.recv(10) == b""


def test_over_tls_a_reader_who_takes_nothing_is_let_go(
    store: Datastore, identity: Path, trusting: ssl.SSLContext
) -> None:
    with running(store, tls=Tls(identity), bounds=NodeBounds(send_seconds=0.5)) as address, socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(30)
        raw.connect((address.host, address.port))
        with trusting.wrap_socket(raw, server_hostname="localhost") as line:
            line.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n" * 200)
            # Once it was let go nothing more can be sent to it.
            with pytest.raises((ConnectionError, ssl.SSLError, TimeoutError)):
                while True:
                    line.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n" * 1000)


def test_who_does_not_hear_of_the_end_of_tls_holds_no_place(
    store: Datastore, identity: Path, trusting: ssl.SSLContext
) -> None:
    """Nor a node that ends."""
    asked = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n"
    with ExitStack() as stack:
        with running(store, tls=Tls(identity), bounds=NodeBounds(idle_seconds=0)) as address:
            for more in (b"connection: close\r\n\r\n", b"no header\r\n\r\n", b"\r\n"):
                line = stack.enter_context(tls_line(address, trusting))
                line.sendall(asked + more)
                while line.recv(65_536):
                    pass
            line = stack.enter_context(tls_line(address, trusting))
            line.sendall(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            told = b""
            while piece := line.recv(65_536):
                told += piece
            assert b"\ntui_registry_connections 1.0\n" in told
        with running(store, tls=Tls(identity)) as address:
            line = stack.enter_context(tls_line(address, trusting))
            line.sendall(asked + b"\r\n")
            assert line.recv(12) == b"HTTP/1.1 200"
        while line.recv(65_536):
            pass


def test_files_that_are_no_certificate_are_told(
    store: Datastore, identity: Path, authority: Authority, tmp_path: Path
) -> None:
    other, empty = tmp_path / "other.pem", tmp_path / "empty.pem"
    other.write_text(authority.server("localhost"))
    empty.write_text("nothing")
    for files, words in (
        (Tls(tmp_path / "none.pem"), "none.pem cannot be read: No such file"),
        (Tls(empty), "are no certificate"),
        (Tls(identity, tmp_path / "none.key"), "none.key cannot be read"),
        (Tls(identity, other), "are no certificate and its key"),
    ):
        with pytest.raises(NodeError, match=words) as caught, running(store, tls=files):
            pass
        assert caught.value.code == "bad_certificate"
