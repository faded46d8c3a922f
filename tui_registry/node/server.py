"""Running a node: binding, TLS, announcing the real port, ending cleanly, and how long clients may take."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import re
import signal
import socket
import ssl
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from secrets import token_hex
from types import FrameType
from typing import TYPE_CHECKING

import h11
import uvicorn
from starlette.responses import Response
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from tui_registry.datastore import Datastore, Shared, StoreError
from tui_registry.durable import give_new_name, in_turn
from tui_registry.errors import RegistryError, system_reason
from tui_registry.frozen import NamedTuple
from tui_registry.node.api import create_app
from tui_registry.node.doors import Proxies, Whereabouts
from tui_registry.node.following import Following
from tui_registry.node.limits import DEFAULT_PORT, PIECE, NodeBounds, place_of
from tui_registry.node.queues import Queues
from tui_registry.node.responses import NodeError, of_error, problem
from tui_registry.node.tokens import AcceptOps
from tui_registry.node.watch import Journal, Watch, Watched
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

# Seconds that a thread computes for while the loop of events waits for its turn. Python's own 5 ms are paid for each of
# the turns that an answer needs, and threads that search or read bodies seldom give theirs away.
_TURN = 0.0005


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node listens, `port` being the real one; `path` is that of a Unix socket, where it is one."""

    host: str
    port: int
    scheme: str = "http"
    path: str = ""

    @property
    def url(self) -> str:
        """What others ask for; for a Unix socket `unix:` and its path, as there is no URL of one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path else f"{self.scheme}://{host}:{self.port}"


class Terms(NamedTuple):
    """On which a node serves, and which may change while it does."""

    bounds: NodeBounds
    accept_ops: AcceptOps


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a node's certificate, as PEM.

    Attributes:
        certificate: with those between it and the authority behind it.
        key: None where it stands in the same file. It is not under a passphrase, as nobody is there to type one.
    """

    certificate: Path
    key: Path | None = None


def serve(
    datastore: Datastore,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    allow_remote: bool = False,
    accept_ops: AcceptOps = False,
    new_epoch: bool = False,
    bounds: NodeBounds | None = None,
    whereabouts: Whereabouts | None = None,
    reread: Callable[[], Terms] | None = None,
    on_ready: Callable[[Address], None] | None = None,
    on_shared: Callable[[Shared], None] | None = None,
    on_reread: Callable[[RegistryError | None], None] | None = None,
    journal: Journal | None = None,
    uds: Path | None = None,
    tls: Tls | None = None,
    hub: Following | None = None,
) -> None:
    """Serve a replica until SIGINT or SIGTERM; then answer what was begun and return.

    SIGHUP ends it only where it comes because the terminal that it was started from is gone.

    Args:
        port: 0 takes a free one.
        allow_remote: must be True for any address that is not loopback: what is served there, strangers can read.
        accept_ops: whether others may push operations, and who.
        whereabouts: names, proxies and the path in front; its host is the one that is listened on.
        reread: asked for the terms from then on at SIGHUP; on_reread: told that they were taken, or of the declared
            error that kept them as they were.
        new_epoch: give the log another epoch first, so that every reader begins anew. It gets one without that where
            others were given another log under the one it has.
        on_ready: called once connections are taken; on_shared: before, with what came of the epoch.
        journal: where each request is written down, and what the program has to complain of.
        uds: the Unix socket to listen on, in place of host and port. Who may reach it, the umask decides; what was left
            of one that ended is replaced.
        tls: for HTTPS. SIGHUP reads its files anew.
        hub: how the hub is followed whose view the replica is. Its epoch is the hub's, and an older copy of a view
            harms nobody, as it follows: so nothing is remembered of how far it was given away.

    Raises:
        NodeError: `not_loopback`, `port_taken`, `cannot_bind`, `bad_certificate`.
        StoreError: `bad_token_file`; `hub_view`, `hub_key`: as `expect_hub`.
        ValueError: a name, a proxy or a path of the whereabouts is none.
    """
    door = Door(host, port, allow_remote, uds, tls)
    with door.listening() as listener:
        terms = Terms(bounds or NodeBounds(), accept_ops)
        server = prepared(datastore, door, listener, terms, whereabouts, on_ready, Watch(journal), hub=hub)
        server.reread, server.on_reread = reread, on_reread
        datastore.tokens.all()  # a file that holds no token is told now, not by refusing whoever comes with it
        expect_hub(datastore, hub)
        if datastore.hub.id is None:
            shared = datastore.mark.share(new_epoch=new_epoch)
            if on_shared is not None:
                on_shared(shared)
        with entered(hub, door.address(listener)):
            run(server, listener, journal)


@contextlib.contextmanager
def running(
    datastore: Datastore,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    accept_ops: AcceptOps = False,
    bounds: NodeBounds | None = None,
    whereabouts: Whereabouts | None = None,
    uds: Path | None = None,
    tls: Tls | None = None,
    hub: Following | None = None,
) -> Iterator[Address]:
    """A node in a thread of its own, ended with the block; for the demo and for tests. Loopback only.

    Args:
        hub: as `serve`, and entered by the caller.

    Raises:
        NodeError: as `serve`.
    """
    ready = threading.Event()
    found: list[Address] = []

    def announce(address: Address) -> None:
        found.append(address)
        ready.set()

    door = Door(host, port, False, uds, tls)
    listener = door.listening()
    try:
        terms = Terms(bounds or NodeBounds(), accept_ops)
        server = prepared(datastore, door, listener, terms, whereabouts, announce, Watch(), hub=hub)
        datastore.tokens.all()
    except BaseException:
        listener.close()
        raise

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


# What `serve` is made of; for a node of several processes (`workers`), too


class Door(NamedTuple):
    """What is to be listened on; as the arguments of `serve`."""

    host: str
    port: int
    allow_remote: bool
    uds: Path | None
    tls: Tls | None

    def listening(self) -> Listener:
        """A socket that listens there.

        Raises:
            NodeError: `not_loopback`, `port_taken`, `cannot_bind`.
        """
        return _bound(self) if self.uds is None else _bound_to_path(self.uds)

    def address(self, listener: Listener) -> Address:
        """Where it does."""
        if self.uds is not None:
            return Address("", 0, path=str(self.uds))
        return Address(self.host, listener.getsockname()[1], "http" if self.tls is None else "https")


def prepared(
    datastore: Datastore,
    door: Door,
    listener: Listener,
    terms: Terms,
    whereabouts: Whereabouts | None,
    on_ready: Callable[[Address], None] | None,
    watch: Watch,
    certificate: Certificate | None = None,
    *,
    hub: Following | None = None,
) -> Server:
    """A server for what comes to that listener; arguments as for `serve`.

    Args:
        certificate: that of the door, where it was read before.

    Raises:
        NodeError: `bad_certificate`. ValueError: as `serve`.
    """
    bounds = terms.bounds
    # Who asks over a Unix socket names any host, and most say localhost.
    here = replace(whereabouts or Whereabouts(), host="localhost" if door.uds else door.host)
    queues = Queues(_with_turns(bounds, hub))

    def make(terms: Terms) -> Watched:
        return create_app(
            datastore,
            accept_ops=terms.accept_ops,
            bounds=terms.bounds,
            whereabouts=here,
            queues=queues,
            watch=watch,
            hub=hub,
        )

    places, turns = _Places(bounds, Proxies(here), watch), _Turns()
    tls = certificate or (None if door.tls is None else Certificate(door.tls))
    listener.places = places
    current = _Current(make(terms))
    config = uvicorn.Config(
        current,
        http=_protocol(bounds, current, places, turns, watch, tls),
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        # A poll that finds nothing new costs less than 500 bytes both ways.
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=bounds.idle_seconds,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=bounds.header_bytes,
    )

    def renew(terms: Terms) -> None:
        """What comes from now on is held to these terms; of a connection that is open, its next request."""
        bounds = terms.bounds
        queues.renew(_with_turns(bounds, hub))
        current.app = make(terms)
        places.bounds = bounds
        config.http_protocol_class = _protocol(bounds, current, places, turns, watch, tls)
        config.timeout_keep_alive = bounds.idle_seconds
        config.h11_max_incomplete_event_size = bounds.header_bytes

    return Server(config, terms, queues, door.address(listener), on_ready, renew, watch, tls)


def entered(hub: Following | None, address: Address) -> AbstractContextManager[object]:
    """What goes on while a node answers at that address: following its hub, where it is of one."""
    if hub is None:
        return contextlib.nullcontext()
    hub.name = f"{socket.gethostname()}:{address.path or address.port}"
    return hub


def expect_hub(datastore: Datastore, hub: Following | None) -> None:
    """See to it that a replica can be served as what it is.

    Raises:
        StoreError: `hub_view`: it is a view of a hub, which would get ever older without the hub; read-only it may be
            served as it is. `hub_key`: its key is not the one that all nodes of the hub sign with.
    """
    if hub is None:
        if datastore.hub.id is not None and not datastore.why_read_only:
            raise StoreError(
                "hub_view",
                "this folder is a view of a hub's log: serve it with --hub and the hub's address, or with --read-only "
                "as it is now",
            )
        return
    expect_key(datastore, datastore.hub.address)


def expect_key(datastore: Datastore, address: str | None) -> None:
    """See to it that a replica signs as the nodes of a hub do.

    Raises:
        StoreError: `hub_key`.
    """
    key = datastore.key
    own = key.identity().address if key.file.exists() else ""  # to look makes no key
    if own != address:
        has = f"that of this folder is 0x{own}" if own else "this folder has none yet"
        raise StoreError(
            "hub_key",
            f"all nodes of a hub sign with one key, 0x{address}, and {has}: 'identity export' writes it on another "
            "node, and 'identity import' takes it in here",
        )


def _with_turns(bounds: NodeBounds, hub: Following | None) -> NodeBounds:
    """The bounds of a node's threads: of those of a hub more may write, as those that wait for PostgreSQL share a turn
    and take no time of the processor."""
    return bounds if hub is None else replace(bounds, write_threads=max(bounds.write_threads, _WRITERS))


# Half of them for one client.
_WRITERS = 32


def run(server: Server, listener: Listener, journal: Journal | None) -> None:
    """Answer until told to end."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        with contextlib.nullcontext() if journal is None else journal.taking_logs():
            server.run(sockets=[listener])
    finally:
        sys.setswitchinterval(usual)


# How


class _Current:
    """The app that answers at the moment."""

    def __init__(self, app: Watched) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Certificate:
    """The certificate that a node shows at the moment."""

    def __init__(self, files: Tls) -> None:
        """
        Raises:
            NodeError: `bad_certificate`.
        """
        self._files = files
        self.context = self._read()

    def renew(self) -> None:
        """Take what is in the files now, for those who come from now on.

        Raises:
            NodeError: `bad_certificate`: the one before is shown still.
        """
        self.context = self._read()

    def _read(self) -> ssl.SSLContext:
        certificate, key = self._files.certificate, self._files.key
        for file in filter(None, (certificate, key)):
            try:
                file.read_bytes()
            except OSError as error:
                shown = safe_text(str(file))
                raise NodeError("bad_certificate", f"{shown} cannot be read: {system_reason(error)}") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        try:
            # With a passphrase given, be it an empty one, OpenSSL asks nobody for it.
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError as error:
            raise NodeError(
                "bad_certificate",
                f"{safe_text(str(certificate))} and {safe_text(str(key or 'the same file'))} are no certificate and "
                f"its key, as PEM and without a passphrase ({safe_text(error.reason or 'it cannot be read', 80)})",
            ) from None
        return context


def _bound_to_path(path: Path) -> Listener:
    shown = safe_text(str(path))
    listener = Listener(socket.AF_UNIX)
    # It has its name once somebody listens: one that refuses is a leftover, whoever else begins just now.
    draft = path.with_name(f".{token_hex(4)}")
    try:
        # One after the other: who takes a leftover away would have the socket in hand that another put there since.
        with in_turn(path.parent):
            _clear(path, shown)
            listener.bind(str(draft))
            listener.listen(128)
            give_new_name(draft, path)
            found = path.stat()
    except FileExistsError:
        listener.close()
        raise _somebody_listens(shown) from None
    except (OSError, ValueError) as error:
        listener.close()
        reason = system_reason(error) if isinstance(error, OSError) and error.errno else str(error)
        raise NodeError("cannot_bind", f"the socket {shown} cannot be made: {safe_text(reason, 200)}") from None
    except NodeError:
        listener.close()
        raise
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    listener.path, listener.identity = path.absolute(), (found.st_dev, found.st_ino)
    return listener


def _clear(path: Path, shown: str) -> None:
    """Take away a socket that nobody listens on any more.

    Raises:
        NodeError: `port_taken`: somebody does; `cannot_bind`: what is there is no socket.
        OSError: there can be none.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        found = None
    if found is not None and not stat.S_ISSOCK(found.st_mode):
        raise NodeError("cannot_bind", f"{shown} is there and is no socket: choose another path with --uds")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.setblocking(False)  # one whose clients stand in a queue is not waited for
        try:
            asked.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            if found is not None and _take_away(path, found):
                return
        except BlockingIOError:
            pass
    raise _somebody_listens(shown)


def _take_away(path: Path, leftover: os.stat_result) -> bool:
    """Whether what lay there is gone, and was that: another node may have put its own in that place since."""
    aside = path.with_name(f".{token_hex(4)}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return True
    try:
        found = aside.lstat()
        is_it = (found.st_dev, found.st_ino, found.st_mtime_ns) == (
            leftover.st_dev,
            leftover.st_ino,
            leftover.st_mtime_ns,
        )
        if not is_it:
            give_new_name(aside, path)
        return is_it
    finally:
        aside.unlink(missing_ok=True)


def _somebody_listens(shown: str) -> NodeError:
    return NodeError("port_taken", f"somebody listens on {shown} already: choose another path with --uds")


def _bound(door: Door) -> Listener:
    host, port, allow_remote = door.host, door.port, door.allow_remote
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
    listener = Listener(family)
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


class Listener(socket.socket):
    """A socket that hangs up on those for whom there is no place before anything is made for them, and looks at a few
    at a time: a crowd at the door costs those who are inside little."""

    path: Path | None = None
    identity: tuple[int, int] | None = None
    # Of the server that it listens for.
    places: _Places

    def __init__(self, family: int) -> None:
        # With the protocol named: asyncio turns Nagle's delay (some 40 ms for each answer) off only where it is.
        super().__init__(family, socket.SOCK_STREAM, 0 if family == socket.AF_UNIX else socket.IPPROTO_TCP)
        self._looked_at = 0

    def close(self) -> None:
        """Close it; what a Unix socket is in its folder goes with it, unless it is another's by now."""
        path, self.path = self.path, None
        if path is not None:
            with contextlib.suppress(OSError):
                found = path.lstat()
                if (found.st_dev, found.st_ino) == self.identity:
                    path.unlink()
        super().close()

    def accept(self) -> tuple[socket.socket, tuple[str, int] | str]:
        """The next one that there is a place for.

        Raises:
            BlockingIOError: nobody is there, or enough were looked at: the loop comes again after it did other things.
        """
        while self._looked_at < _AT_ONCE:
            self._looked_at += 1
            try:
                taken, address = super().accept()
            except OSError:
                self._looked_at = 0
                raise
            # One over a Unix socket comes from nowhere.
            if self.places.has_room(address[0] if address else None):
                return taken, address
            self.places.refuse()
            taken.close()
        self._looked_at = 0
        raise BlockingIOError


_AT_ONCE = 16


class Server(uvicorn.Server):
    reread: Callable[[], Terms] | None = None
    on_reread: Callable[[RegistryError | None], None] | None = None

    def __init__(
        self,
        config: uvicorn.Config,
        terms: Terms,
        queues: Queues,
        address: Address,
        on_ready: Callable[[Address], None] | None,
        renew: Callable[[Terms], None],
        watch: Watch,
        tls: Certificate | None,
    ) -> None:
        super().__init__(config)
        self._tls = tls
        self._watch = watch
        self._terms = terms
        self._queues = queues
        self._address = address
        self._on_ready = on_ready
        self._renew = renew
        self._had_terminal = has_terminal()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            # What is being written ends before the replica is closed.
            self._queues.close()
            self._watch.tell(self._queues.counts())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self._on_ready is not None:
            self._on_ready(self._address)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._watch.is_closing = True
        if self._watch.journal is not None:
            self._watch.journal.say("closing", "told to end: what was begun is answered")
        self._queues.ending.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask for the end; they are not raised again afterwards, as `serve` returns then. SIGHUP
        asks for the terms to be read anew."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers: dict[signal.Signals, Callable[[int, FrameType | None], None] | signal.Handlers]
        handlers = {signal.SIGINT: self.handle_exit, signal.SIGTERM: self.handle_exit, signal.SIGHUP: self._hung_up}
        if self._watch.member is not None:
            # Those come to all processes of a terminal or of a service: whoever began this one hears them, too, and
            # tells it what to do.
            handlers = {
                signal.SIGINT: signal.SIG_IGN,
                signal.SIGHUP: signal.SIG_IGN,
                signal.SIGTERM: lambda *_: self.end(),
            }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hung_up(self, sig: int, frame: FrameType | None) -> None:
        # By the same signal a person says that they closed the terminal: no node must stay behind then that they
        # cannot see. One that was set free of its terminal (nohup, a service) never had one.
        if self._had_terminal and not has_terminal():
            self.handle_exit(sig, frame)
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(self.read_again)

    def read_again(self) -> None:
        fault = None
        try:
            terms = self._terms if self.reread is None else self.reread()
            if self._tls is not None:
                self._tls.renew()
            if terms != self._terms:
                self._renew(terms)
                self._terms = terms
        except RegistryError as error:
            fault = error
        if self.on_reread is not None:
            self.on_reread(fault)

    def end(self, *, at_once: bool = False) -> None:
        """Take no more connections, answer what was begun, and end; or do not wait for that."""
        self._watch.is_closing = self.should_exit = True
        self.force_exit = self.force_exit or at_once

    async def on_tick(self, counter: int) -> bool:
        if self._watch.member is not None:
            self._watch.tell(self._queues.counts())
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's interface
        self.end(at_once=self.should_exit)


def has_terminal() -> bool:
    return any(os.isatty(number) for number in range(3))


class _Connection(h11.Connection):
    """What h11 leaves to a server: bounds on headers that come in one piece, or are many; bodies whose end can be read
    in two ways (RFC 9112, section 6.1: whoever relays them may read the other one); targets in absolute form (section
    3.2.2); and how much is read at once.

    Attributes:
        refusal: the status and code of what the last error says.
        pieces: of a body that are still read before others have their turn; then NEED_DATA is answered, although there
            may be more. A body may come in chunks of a byte, each of which costs as much as a large one.
        is_behind: that is so, or a request may not begin yet.
    """

    def __init__(self, bounds: NodeBounds, may_begin: Callable[[], bool]) -> None:
        super().__init__(h11.SERVER, bounds.header_bytes)
        self._bounds = bounds
        self._may_begin = may_begin
        self.refusal = _UNREADABLE
        self.pieces = _PIECES
        self.is_behind = False

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.pieces == 0:
            self.is_behind = True
            return h11.NEED_DATA
        before = len(self._receive_buffer)
        if before and self.their_state is h11.IDLE:
            if not self._may_begin():
                self.is_behind = True
                return h11.NEED_DATA
            # Before h11 takes them apart, which costs more for each than its bytes do.
            head = bytes(self._receive_buffer)
            end = _END_OF_HEAD.search(head)
            if head.count(b"\n", 0, end.start() if end else len(head)) > self._bounds.header_lines:
                self.refusal = _HEADERS
                raise h11.RemoteProtocolError("too many headers")
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                self.refusal = _HEADERS
            raise
        if not isinstance(event, h11.Request):
            self.pieces -= isinstance(event, h11.Data)
            return event
        if before - len(self._receive_buffer) > self._bounds.header_bytes:
            self.refusal = _HEADERS
            raise h11.RemoteProtocolError("headers too large")
        names = {name for name, _ in event.headers}
        if b"transfer-encoding" in names and (b"content-length" in names or event.http_version < b"1.1"):
            raise h11.RemoteProtocolError("a body with two ends")
        return event if event.target.startswith(b"/") else _in_origin_form(event)


# Of each connection in each of its turns: together they are what one address can make others wait for.
_PIECES = 8
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_UNREADABLE = (400, "http", "that is not an HTTP request that this node understands")
_HEADERS = (431, "header_too_large", "the request's line and headers are larger, or more, than this node reads")
_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)(/[^#]*)?(\?[^#]*)?", re.IGNORECASE)


def _in_origin_form(event: h11.Request) -> h11.Request:
    """The request with the path alone as its target, its host being the one that the target named."""
    if event.target == b"*" or event.method == b"CONNECT":
        return event
    found = _ABSOLUTE.fullmatch(event.target)
    if found is None:
        raise h11.RemoteProtocolError("no path and no address")
    headers = [(name, found[1] if name == b"host" else value) for name, value in event.headers]
    target = (found[2] or b"/") + (found[3] or b"")
    return h11.Request(method=event.method, headers=headers, target=target, http_version=event.http_version)


_OFTEN_ASKED = b"GET /sync/"
_PLAIN = re.compile(
    rb"GET (/sync/[A-Za-z0-9/._-]+) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+:[\t -~]*\r\n)+)\r\n",
)
# What lets more come than the header, or something else come back than an answer to it.
_NOT_PLAIN = frozenset(
    (b"connection", b"content-length", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)


def _plain_request(data: bytes) -> Scope | None:
    """The scope of one whole GET without anything that changes how it is to be read or answered, but for where it comes
    from; None for all else, right or wrong."""
    found = _PLAIN.fullmatch(data)
    if found is None:
        return None
    headers = []
    for line in found[2].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b"\t ")
        if name in _NOT_PLAIN and (name, value.lower()) != (b"connection", b"keep-alive"):
            return None
        headers.append((name, value))
    path = found[1].decode()
    return {
        "type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": found[1], "query_string": b"",
        "root_path": "", "headers": headers,
    }  # fmt: skip


class _Places:
    """The connections that are open, by the address of who holds them (of IPv6, its network): none holds more than his
    share, and where all places are taken, a newcomer gets the one of who needs his least. A believed proxy holds those
    of all who come through it, and has no share."""

    def __init__(self, bounds: NodeBounds, proxies: Proxies, watch: Watch) -> None:
        self.bounds = bounds
        self._counts = watch.counts
        # Other workers of the node hold connections, too.
        self._member = watch.member
        self._workers = 0 if watch.member is None else watch.member.shared.workers
        self._proxies = proxies
        self._held: dict[str, int] = {}
        # Those that wait for another request; those whose request is not whole, or was never begun; and those whose
        # client has not taken the last piece of an answer yet. Whoever waits for the longest stands first.
        self._silent: dict[_Held, None] = {}
        self._half: dict[_Held, None] = {}
        self._untaken: dict[_Held, None] = {}

    def has_room(self, host: str | None) -> bool:
        """Whether it is likely that a connection from there would get a place."""
        return self._in_its_way(host) is not None

    def take(self, held: _Held) -> bool:
        """Whether there is a place for a connection, which is counted from then on."""
        in_its_way = self._in_its_way(held.host)
        if in_its_way is None or (in_its_way and not self._end_one(in_its_way)):
            self.refuse()
            return False
        self._held[held.place] = self._held.get(held.place, 0) + 1
        self._counts.connections += 1
        if self._member is not None:
            self._member.hold(held.place, 1)
        held.is_counted = True
        return True

    def refuse(self) -> None:
        """Count one that there was no place for."""
        self._counts.refused += 1

    def leave(self, held: _Held) -> None:
        """It is counted no longer, even where what closes it comes in the loop's next turn."""
        self.forget(held)
        self.taken(held)
        if held.is_counted:
            held.is_counted = False
            self._counts.connections -= 1
            if self._member is not None:
                self._member.hold(held.place, -1)
            self._held[held.place] -= 1
            if not self._held[held.place]:
                del self._held[held.place]

    def is_of_many(self, host: str | None) -> bool:
        """Whether it is a believed proxy."""
        return self._proxies.believed(host or "")

    def silent(self, held: _Held) -> None:
        """It waits for another request."""
        self._half.pop(held, None)
        self._silent[held] = None

    def half(self, held: _Held) -> None:
        """It waits for the rest of a request, or for the first one."""
        self._silent.pop(held, None)
        self._half.setdefault(held)

    def untaken(self, held: _Held) -> None:
        """It waits for its client to take a piece of an answer."""
        self._untaken[held] = None

    def taken(self, held: _Held) -> None:
        """It waits for that no longer."""
        self._untaken.pop(held, None)

    def forget(self, held: _Held) -> None:
        """It waits for nothing that its client should send."""
        self._silent.pop(held, None)
        self._half.pop(held, None)

    def _in_its_way(self, host: str | None) -> list[_Held] | None:
        """Those of whom one has to go for a newcomer, the first one first; none where there is room; None where nobody
        has to."""
        place = _place(host)
        all_beside, own_beside = (0, 0) if self._member is None else self._member.held_beside(place)
        own = self._held.get(place, 0)
        silent = [one for one in self._silent if one not in self._untaken]
        if own + own_beside >= self.bounds.client_connections and not self.is_of_many(host):
            return [one for one in silent if one.place == place] or None
        if self._counts.connections + all_beside < self.bounds.connections:
            return []
        # What the others hold makes no way here: a crowd that is theirs alone would let this worker answer nobody.
        if self._workers and self._counts.connections < self.bounds.connections // self._workers:
            return []
        # Of those who owe something, who holds most makes way, while that is more than the newcomer will: a crowd
        # drives out nobody of its own.
        owing = [*self._half, *self._untaken]
        most = max((self._held[one.place] for one in owing), default=0)
        spared = [one for one in owing if self._held[one.place] == most] if most > own + 1 else []
        return [*silent, *spared] or None

    def _end_one(self, among: list[_Held]) -> bool:
        for one in among:
            if one.end():
                self.leave(one)
                return True
        return False


class _Held:
    """A connection as one that holds a place; `end` closes it, if it can be spared."""

    def __init__(self, host: str | None, end: Callable[[], bool]) -> None:
        self.host = host
        self.place = _place(host)
        self.end = end
        self.is_counted = False


class _Turns:
    """How many requests of one address begin in one turn of the loop: what others wait for is not the number of its
    connections, nor of the requests that it sends without waiting for answers."""

    def __init__(self) -> None:
        # In this turn. Where there is any, the next one is asked for.
        self._begun: dict[str, int] = {}
        self._waiting: dict[str, deque[Callable[[], None]]] = {}

    def may_begin(self, place: str) -> bool:
        """Whether another request of that place begins in this turn."""
        begun = self._begun.get(place, 0)
        if begun >= _REQUESTS:
            return False
        if not self._begun:
            asyncio.get_running_loop().call_soon(self._next)
        self._begun[place] = begun + 1
        return True

    def wait(self, place: str, go_on: Callable[[], None]) -> None:
        """Go on in one of the next turns, after those of that place who wait already; once `may_begin` said no."""
        self._waiting.setdefault(place, deque()).append(go_on)

    def _next(self) -> None:
        self._begun.clear()
        for place, line in [*self._waiting.items()]:
            for _ in range(min(_REQUESTS, len(line))):
                line.popleft()()
            if not line:
                del self._waiting[place]
        if self._waiting and not self._begun:  # those who waited longest have gone
            asyncio.get_running_loop().call_soon(self._next)


_REQUESTS = 4


def _place(host: str | None) -> str:
    """All those whose address nobody knows are one."""
    return place_of(host) or ""


def _protocol(
    bounds: NodeBounds,
    current: _Current,
    places: _Places,
    turns: _Turns,
    watch: Watch,
    tls: Certificate | None = None,
) -> type[asyncio.Protocol]:
    """uvicorn's HTTP/1.1 with what it lacks: a time for a request's headers and for taking an answer's next piece, a
    bound on connections, turns, our errors, what `_Connection` says, and a place for connections that have not shaken
    hands for TLS yet; and a short way for what other replicas ask all the time."""

    class Patient(H11Protocol):
        # What TLS runs over.
        below: asyncio.Transport | None = None
        _headers_due: asyncio.TimerHandle | None = None
        _taking_due: asyncio.TimerHandle | None = None
        _held: _Held | None = None
        _is_behind = False
        _has_said_all = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            peer = get_remote_addr(transport)
            held = _Held(None if peer is None else peer[0], self._make_way)
            if not places.take(held):
                transport.abort()
                return
            self._held = held
            # Writing is paused as long as anything is unsent, be it a byte: even closing waits for that byte.
            # TLS compares with `>=`: 0 would be paused when nothing is there, and never be resumed.
            transport.set_write_buffer_limits(high=0 if self.below is None else 1)
            listened_on = transport.get_extra_info("socket")
            if hasattr(socket, "TCP_NOTSENT_LOWAT") and listened_on.family != socket.AF_UNIX:
                # The system would take megabytes for a reader who takes none.
                listened_on.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, PIECE)
            super().connection_made(transport)
            self.conn = self._connection = _Connection(bounds, self._may_begin)
            self.flow = self._flow = _Flow(transport)
            self._look()

        def data_received(self, data: bytes) -> None:
            if data.startswith(_OFTEN_ASKED) and self._tells_at_once(data):
                return
            super().data_received(data)
            self._look()

        def eof_received(self) -> bool:  # type: ignore[override]
            """Whether the connection stays open for a while: who asks and then says that there is no more (`nc -N`)
            still waits for the answers."""
            self._has_said_all = True
            return self._owes_answers()

        def handle_events(self) -> None:
            self._connection.pieces, self._connection.is_behind = _PIECES, False
            super().handle_events()
            if not self._connection.is_behind or self._is_behind or self.transport.is_closing():
                return
            self._is_behind = True
            self._flow.hold()
            if self._connection.their_state is h11.IDLE and self._held is not None:
                turns.wait(self._held.place, self._go_on)
            else:
                self.loop.call_soon(self._go_on)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.transport.is_closing() or self._held is None:
                self._let_go()
                return
            if self._has_said_all and not self._owes_answers():
                self.transport.close()
            elif self._is_answering() or self._is_behind:
                self._look()
            else:
                places.silent(self._held)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._taking_due = self.loop.call_later(bounds.send_seconds, self._abort)
            if self._held is not None:
                places.untaken(self._held)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._taken()

        def connection_lost(self, exc: Exception | None) -> None:
            self._headers_came()
            self._taken()
            if self._held is not None:
                places.leave(self._held)
                super().connection_lost(exc)

        def shutdown(self) -> None:
            super().shutdown()
            self._let_go()

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            self._let_go()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's interface
            said = self._connection.refusal
            watch.unreadable(said[0], said[1], self.client[0] if self.client else None)
            self._refuse(problem(*said))

        # How

        def _tells_at_once(self, data: bytes) -> bool:
            """Whether a whole request was answered with what lies at hand. h11 and a task for it would cost three times
            as much as all else; whatever is not plainly one request of a few lines is left to them, untouched."""
            if not self._is_at_rest() or len(data) > bounds.header_bytes or data.count(b"\n") > bounds.header_lines:
                return False
            began = time.perf_counter()
            scope = _plain_request(data)
            if scope is None:
                return False
            scope["client"], scope["server"], scope["scheme"] = self.client, self.server, self.scheme
            app = current.app
            answer = app.at_hand(scope)
            if answer is None or not self._may_begin():
                return False
            self._headers_came()
            fields = [*self.server_state.default_headers, *app.told(scope, answer, began)]
            lines = [b"%b: %b\r\n" % field for field in fields]
            self.transport.write(b"".join((b"HTTP/1.1 200 OK\r\n", *lines, b"\r\n", answer.body)))
            self.on_response_complete()
            return True

        def _is_at_rest(self) -> bool:
            """Whether nothing came that is not answered, and nothing is to be sent."""
            if self._held is None or self._is_behind or self._has_said_all or self._is_answering():
                return False
            if self._flow.write_paused or self.transport.is_closing() or self._connection.trailing_data[0]:
                return False
            return self._connection.our_state is h11.IDLE and self._connection.their_state is h11.IDLE

        def _go_on(self) -> None:
            """Read on in what came, and in what comes once that is read."""
            self._is_behind = False
            if self.transport.is_closing():
                return
            self.handle_events()
            if self._has_said_all and not self._owes_answers():
                self.transport.close()
                return
            self._look()
            if not self._is_behind:
                self._flow.let_go()

        def _owes_answers(self) -> bool:
            """Whether something is asked for that can still be answered, as all of it came."""
            return self._is_behind or (self._is_answering() and not self.cycle.more_body)

        def _may_begin(self) -> bool:
            held = self._held
            return held is None or places.is_of_many(held.host) or turns.may_begin(held.place)

        def _look(self) -> None:
            """See what this connection waits for now."""
            if self._held is None or self.transport.is_closing():
                return
            if not self._is_answering():
                # Headers that trickle in, or a body that nobody reads any more.
                places.half(self._held)
                if self._headers_due is None:
                    self._headers_due = self.loop.call_later(bounds.header_seconds, self._give_up)
                return
            self._headers_came()
            if self.cycle.more_body:
                places.half(self._held)
            else:
                places.forget(self._held)

        def _make_way(self) -> bool:
            """Close it, unless it is closed already."""
            if self._taking_due is not None or self._headers_due is not None:
                self._abort()
            elif self.transport.is_closing():
                return False
            elif self._is_answering():
                self._refuse(of_error(_CROWDED))
            else:
                self.timeout_keep_alive_handler()
            self.connections.discard(self)
            return True

        def _refuse(self, said: Response) -> None:
            """Answer in place of the app, as far as nothing is answered yet, and hang up."""
            cycle = self._cycle()
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                fields = [*self.server_state.default_headers, *said.raw_headers, (b"connection", b"close")]
                reason = HTTPStatus(said.status_code).phrase.encode()
                start = h11.Response(status_code=said.status_code, headers=fields, reason=reason)
                for event in (start, h11.Data(data=bytes(said.body)), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event))
            self.transport.close()
            self._let_go()

        def _let_go(self) -> None:
            """Hang up where the end of TLS was said: it would wait for the client to say so too, and few do."""
            if self.below is not None and self.transport.is_closing() and not self.below.get_write_buffer_size():
                self.below.close()

        def _abort(self) -> None:
            # One of TLS that was closed twice does not hear any more.
            (self.below or self.transport).abort()

        def _cycle(self) -> RequestResponseCycle | None:
            # None before the first request, whatever uvicorn's annotation says.
            cycle: RequestResponseCycle | None = getattr(self, "cycle", None)
            return cycle

        def _is_answering(self) -> bool:
            cycle = self._cycle()
            return cycle is not None and not cycle.response_complete

        def _headers_came(self) -> None:
            if self._headers_due is not None:
                self._headers_due.cancel()
                self._headers_due = None

        def _taken(self) -> None:
            if self._taking_due is not None:
                self._taking_due.cancel()
                self._taking_due = None
                if self._held is not None:
                    places.taken(self._held)

        def _give_up(self) -> None:
            self._headers_due = None
            self._abort()

    if tls is None:
        return Patient
    certificate = tls

    class Secured(asyncio.Protocol):
        """A connection until it has shaken hands, for which it has as long as for a request's headers."""

        _held: _Held | None = None
        _shaking: asyncio.Task[None] | None = None

        def __init__(
            self,
            config: uvicorn.Config,
            server_state: ServerState,
            app_state: dict[str, object],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            self._patient = Patient(config, server_state, app_state, _loop)
            self._early: list[bytes] = []

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            peer = get_remote_addr(transport)

            def make_way() -> bool:
                transport.abort()
                return True

            held = _Held(None if peer is None else peer[0], make_way)
            if not places.take(held):
                transport.abort()
                return
            self._held = held
            places.half(held)
            transport.set_write_buffer_limits(high=0)
            self._shaking = asyncio.get_running_loop().create_task(
                self._shake_hands(transport, held, certificate.context)
            )

        def data_received(self, data: bytes) -> None:
            # What came together with the end of the handshake.
            self._early.append(data)

        def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
            if self._held is not None:
                places.leave(self._held)

        async def _shake_hands(self, transport: asyncio.Transport, held: _Held, context: ssl.SSLContext) -> None:
            loop = asyncio.get_running_loop()
            try:
                secured = await loop.start_tls(
                    transport, self, context, server_side=True, ssl_handshake_timeout=bounds.header_seconds
                )
            except OSError:
                watch.counts.handshakes += 1
                secured = None
            # From here on the other one holds its place.
            places.leave(held)
            if secured is None or transport.is_closing():
                transport.abort()
                return
            self._patient.below = transport
            self._patient.connection_made(secured)
            secured.set_protocol(self._patient)
            for data in self._early:
                if not secured.is_closing():
                    self._patient.data_received(data)

    return Secured


class _Flow(FlowControl):
    """uvicorn's, which may be held: nothing more is read meanwhile, whoever waits for it."""

    _is_held = False

    def hold(self) -> None:
        self._is_held = True
        self._transport.pause_reading()

    def let_go(self) -> None:
        self._is_held = False
        if not self.read_paused:
            self._transport.resume_reading()

    def resume_reading(self) -> None:
        if self._is_held:
            self.read_paused = False
        else:
            super().resume_reading()


_CROWDED = NodeError("busy", "others need this connection, whose request came slowly: try again in a little while")
