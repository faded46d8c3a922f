"""Running a node: binding, announcing the real port, ending cleanly, and how long clients may take."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

import anyio.to_thread
import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from tui_registry.datastore import Datastore, Shared
from tui_registry.errors import system_reason
from tui_registry.node.api import create_app
from tui_registry.node.limits import DEFAULT_PORT, PIECE, NodeBounds
from tui_registry.node.responses import NodeError, problem
from tui_registry.text import safe_text


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node listens, `port` being the real one."""

    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def serve(
    datastore: Datastore,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    allow_remote: bool = False,
    accept_ops: bool = False,
    new_epoch: bool = False,
    bounds: NodeBounds | None = None,
    on_ready: Callable[[Address], None] | None = None,
    on_shared: Callable[[Shared], None] | None = None,
) -> None:
    """Serve a replica until SIGINT or SIGTERM; then answer what was begun and return.

    Args:
        port: 0 takes a free one.
        allow_remote: must be True for any address that is not loopback: what is served there, strangers can read.
        accept_ops: whether strangers may push operations.
        new_epoch: give the log another epoch first, so that every reader begins anew. It gets one without that where
            others were given another log under the one it has.
        on_ready: called once connections are taken; on_shared: before, with what came of the epoch.

    Raises:
        NodeError: `not_loopback`, `port_taken`, `cannot_bind`.
        StoreError: `bad_token_file`.
    """
    server, listener = _prepared(datastore, host, port, allow_remote, accept_ops, bounds, on_ready)
    with listener:
        shared = datastore.mark.share(new_epoch=new_epoch)
        if on_shared is not None:
            on_shared(shared)
        server.run(sockets=[listener])


@contextlib.contextmanager
def running(
    datastore: Datastore,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    accept_ops: bool = False,
    bounds: NodeBounds | None = None,
) -> Iterator[Address]:
    """A node in a thread of its own, ended with the block; for the demo and for tests. Loopback only.

    Raises:
        NodeError: as `serve`.
    """
    ready = threading.Event()
    found: list[Address] = []

    def announce(address: Address) -> None:
        found.append(address)
        ready.set()

    server, listener = _prepared(datastore, host, port, False, accept_ops, bounds, announce)

    def work() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="node", daemon=True)
    with listener:
        thread.start()
        ready.wait()
        try:
            if not found:
                raise NodeError("cannot_bind", "the node ended before it was ready")
            yield found[0]
        finally:
            server.should_exit = True
            thread.join()


# How


def _prepared(
    datastore: Datastore,
    host: str,
    port: int,
    allow_remote: bool,
    accept_ops: bool,
    bounds: NodeBounds | None,
    on_ready: Callable[[Address], None] | None,
) -> tuple[_Server, socket.socket]:
    bounds = bounds or NodeBounds()
    listener = _bound(host, port, allow_remote)
    try:
        datastore.tokens.all()  # a file that holds no token is told now, not by refusing whoever comes with it
        app = create_app(datastore, accept_ops=accept_ops, bounds=bounds)
    except BaseException:
        listener.close()
        raise
    config = uvicorn.Config(
        app,
        http=_protocol(bounds),
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        # A poll that finds nothing new costs less than 500 bytes both ways.
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=bounds.idle_seconds,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=bounds.header_bytes,
    )
    return _Server(config, bounds, Address(host, listener.getsockname()[1]), on_ready), listener


def _bound(host: str, port: int, allow_remote: bool) -> socket.socket:
    shown = safe_text(host, 80)
    if not 0 <= port <= 65_535:  # the system would take the number modulo 65,536
        raise NodeError("cannot_bind", f"{port} is no port: choose one from 0 to 65535")
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError):
        raise NodeError("cannot_bind", f"{shown} is not an address of this machine") from None
    if not allow_remote and not ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback:
        raise NodeError(
            "not_loopback",
            f"{shown} can be reached from other machines, and whoever reaches it can read the whole replica. "
            "Ask for that with --allow-remote",
        )
    # With the protocol named: asyncio turns Nagle's delay (some 40 ms for each answer) off only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        # Listening already here, so that a second node on the port is told now.
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise NodeError("port_taken", f"port {port} on {shown} is taken. Choose another with --port") from None
        raise NodeError("cannot_bind", f"{shown} port {port} cannot be listened on: {system_reason(error)}") from None
    return listener


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, bounds: NodeBounds, address: Address, on_ready: Callable[[Address], None] | None
    ) -> None:
        super().__init__(config)
        self._bounds = bounds
        self._address = address
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # Each thread that reads the replica holds a connection to it.
        anyio.to_thread.current_default_thread_limiter().total_tokens = self._bounds.threads
        await super().startup(sockets)
        if self._on_ready is not None:
            self._on_ready(self._address)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask for the end; they are not raised again afterwards, as `serve` returns then."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's interface
        self.force_exit = self.should_exit
        self.should_exit = True


def _protocol(bounds: NodeBounds) -> type[H11Protocol]:
    """uvicorn's HTTP/1.1 with what it lacks: a time for a request's headers and for taking an answer's next piece, a
    bound on connections, our errors."""
    # Connections that wait for another request; the one that is silent for the longest stands first.
    silent: dict[Patient, None] = {}

    class Patient(H11Protocol):
        _headers_due: asyncio.TimerHandle | None = None
        _taking_due: asyncio.TimerHandle | None = None
        is_ours = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            if len(self.connections) >= bounds.connections and not _make_place():
                transport.abort()
                return
            # Writing is paused as long as anything is unsent, be it a byte: even closing waits for that byte.
            transport.set_write_buffer_limits(high=0)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                # The system would take megabytes for a reader who takes none.
                transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, PIECE)
            super().connection_made(transport)
            self.is_ours = True
            self._expect_headers()

        def data_received(self, data: bytes) -> None:
            silent.pop(self, None)
            super().data_received(data)
            if self._is_answering():
                self._headers_came()
            else:
                # Headers that trickle in, or a body that nobody reads any more.
                self._expect_headers()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self.transport.is_closing() and not self._is_answering():
                silent[self] = None

        def let_go(self) -> bool:
            """Close it, if it is silent: no answer waits for its reader, and no request for its end."""
            if self._taking_due is not None or self._headers_due is not None or self.transport.is_closing():
                return False
            self.timeout_keep_alive_handler()
            # Counted no longer: what closes it comes in the loop's next turn.
            self.connections.discard(self)
            return True

        def pause_writing(self) -> None:
            super().pause_writing()
            self._taking_due = self.loop.call_later(bounds.send_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._taken()

        def connection_lost(self, exc: Exception | None) -> None:
            self._headers_came()
            self._taken()
            silent.pop(self, None)
            if self.is_ours:
                super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's interface
            said = problem(400, "http", "that is not an HTTP request that this node understands")
            fields = [*said.raw_headers, (b"connection", b"close")]
            self.transport.write(self.conn.send(h11.Response(status_code=400, headers=fields, reason=b"Bad Request")))
            self.transport.write(self.conn.send(h11.Data(data=bytes(said.body))))
            self.transport.write(self.conn.send(h11.EndOfMessage()))
            self.transport.close()

        def _is_answering(self) -> bool:
            # None before the first request, whatever uvicorn's annotation says.
            cycle: RequestResponseCycle | None = getattr(self, "cycle", None)
            return cycle is not None and not cycle.response_complete

        def _expect_headers(self) -> None:
            if self._headers_due is None:
                self._headers_due = self.loop.call_later(bounds.header_seconds, self._give_up)

        def _headers_came(self) -> None:
            if self._headers_due is not None:
                self._headers_due.cancel()
                self._headers_due = None

        def _taken(self) -> None:
            if self._taking_due is not None:
                self._taking_due.cancel()
                self._taking_due = None

        def _give_up(self) -> None:
            self._headers_due = None
            self.transport.abort()

    def _make_place() -> bool:
        for one in list(silent):
            del silent[one]
            if one.let_go():
                return True
        return False

    return Patient
