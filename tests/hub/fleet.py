"""A hub as its operators have it: a PostgreSQL that can be killed, nodes that are processes, a balancer in front of them.

Between each node and PostgreSQL stands a proxy of the node's own (`tests.hub.proxy`), so that one node can lose its
connection and the others keep theirs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx
import pytest

from tests.hub.postgres_server import MISSING, PostgresServer, is_installed
from tests.hub.proxy import PATIENCE, Proxy
from tests.replica.replicas import PLACE
from tui_registry.replica.store.key import KEY_FILE
from tui_registry.settings import STATE_DIR_VARIABLE

if TYPE_CHECKING:
    import psycopg
else:
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[hub]'")

_NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
_SETTINGS = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_max_body_size 17m;
    client_body_temp_path {work}/nginx-body;
    proxy_temp_path {work}/nginx-proxy;
    fastcgi_temp_path {work}/nginx-fastcgi;
    uwsgi_temp_path {work}/nginx-uwsgi;
    scgi_temp_path {work}/nginx-scgi;
    upstream nodes {{
{servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://nodes;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_connect_timeout 2s;
            proxy_read_timeout 200s;
            proxy_next_upstream error timeout http_502 http_503 http_504;
        }}
    }}
}}
"""


def free_port() -> int:
    """A port of loopback that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def until(holds: Any, what: str, seconds: float = PATIENCE) -> Any:
    """Ask again and again until the answer is a true one, and give it."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.05)
    return found


# PostgreSQL


class Postgres:
    """A server of one's own with one database for the hub, which can be kept and put back. Use as a context manager.

    Skips where there is no server to start.
    """

    def __init__(self) -> None:
        if not is_installed():
            pytest.skip(MISSING)
        self.server = PostgresServer()

    def __enter__(self) -> Self:
        self.server.start()
        self._does("CREATE DATABASE hub")
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()

    @property
    def dsn(self) -> str:
        """Of the hub's database."""
        return self._of("hub")

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What a statement answers, in the hub's database."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            asked = db.execute(sql.encode(), values or None)
            return asked.fetchall() if asked.description else []

    def restart(self) -> None:
        """In order: every session is ended."""
        self.server.stop()
        self.server.start()

    def kill(self) -> None:
        """All of it at once; what it had committed is there when it is started again."""
        self.server.kill()
        until(self._starts, "PostgreSQL does not start again")

    def _starts(self) -> bool:
        try:
            self.server.start()
        except RuntimeError as error:
            # One that was forked while the others were killed goes by itself.
            assert "pre-existing shared memory block" in str(error), error
            return False
        return True

    def keep(self, name: str = "kept") -> None:
        """Make a copy of the database, byte by byte, as of a backup. Sessions are ended for that."""
        self._copy("hub", name)

    def put_back(self, name: str = "kept") -> None:
        """Go on from such a copy, as after a restored backup."""
        self._does("DROP DATABASE hub WITH (FORCE)")
        self._copy(name, "hub")

    def _copy(self, source: str, to: str) -> None:
        # Who comes meanwhile is turned away: a copy is made of what nobody uses.
        self._does(f"ALTER DATABASE {source} ALLOW_CONNECTIONS false")
        self._does(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'")
        try:
            until(lambda: not self._sessions(source), "a session does not end")
            self._does(f"CREATE DATABASE {to} TEMPLATE {source} STRATEGY file_copy")
        finally:
            self._does(f"ALTER DATABASE {source} ALLOW_CONNECTIONS true")
        self._does(f"ALTER DATABASE {to} ALLOW_CONNECTIONS true")

    def _sessions(self, name: str) -> list[tuple[Any, ...]]:
        return self._does(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")

    def _does(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.dsn, autocommit=True) as db:
            asked = db.execute(sql.encode())
            return asked.fetchall() if asked.description else []

    def _of(self, database: str) -> str:
        return urlsplit(self.server.dsn)._replace(path=f"/{database}").geturl()


# Nodes


def environment(dsn: str, mark: Path) -> dict[str, str]:
    """Of a process that is told its hub, and remembers apart from others how far it gave its log away."""
    return {**os.environ, "TUI_REGISTRY_HUB": dsn, STATE_DIR_VARIABLE: str(mark)}


class Node:
    """One `serve --hub`, a process.

    Attributes:
        folder: its view. url: the same after each start. lines: of its journal, of all its processes.
    """

    def __init__(self, number: int, place: Path, dsn: str, *words: str) -> None:
        self.number = number
        self.folder = place / f"node-{number}"
        # A free one at its first start, the same ever after.
        self.port = 0
        self.lines: list[dict[str, Any]] = []
        self._place, self._dsn, self._words = place, dsn, words
        self._reader: threading.Thread | None = None
        self.process: subprocess.Popen[str] | None = None

    def start(self, *words: str) -> None:
        """Begin a process, and wait until it listens."""
        self.begin(*words)
        self.wait()

    def begin(self, *words: str) -> None:
        """Begin a process."""
        assert self.process is None
        command = [sys.executable, "-m", "tui_registry", "--data-dir", str(self.folder), "serve", "--json"]
        self.process = subprocess.Popen(
            [*command, f"--port={self.port}", "--log-format=json", *self._words, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment(self._dsn, self._place / f"mark-{self.number}"),
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process,))
        self._reader.start()

    def wait(self) -> None:
        """Until it listens."""
        assert self.process is not None
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        if told:
            self.port = int(json.loads(told)["url"].rpartition(":")[2])
        else:
            self._ended(signal.SIGKILL)
            raise AssertionError(f"node {self.number} does not start: {self.lines[-5:]}")

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.lines.append(json.loads(line) if line.startswith("{") else {"event": "text", "message": line})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self) -> int:
        """Tell it to end, and wait. Its exit code, 0 of one that has ended."""
        return self._ended(signal.SIGTERM)

    def kill(self) -> None:
        self._ended(signal.SIGKILL)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _ended(self, told: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(told)
        self.process.send_signal(signal.SIGCONT)
        code = self.process.wait(PATIENCE)
        assert self._reader is not None
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        self.process = None
        return code

    def readiness(self) -> dict[str, Any]:
        """What `/health/ready` says, with its status; of one that does not answer, nothing."""
        try:
            answer = httpx.get(f"{self.url}/health/ready", timeout=10)
        except httpx.TransportError:
            return {}
        return {"status_code": answer.status_code, **answer.json()}

    def is_ready(self) -> bool:
        return self.readiness().get("status_code") == 200

    def head(self) -> dict[str, Any]:
        told: dict[str, Any] = httpx.get(f"{self.url}/sync/head", timeout=10).json()
        return told

    def told(self, event: str) -> list[str]:
        """What it said of itself so far."""
        return [line["message"] for line in self.lines if line.get("event") == event]


# The balancer


class Balancer:
    """nginx over the nodes, or where there is none a round of connections. Use as a context manager."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._work = Path(tempfile.mkdtemp(prefix="hub-balancer-"))
        self._stack = ExitStack()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._stack.callback(shutil.rmtree, self._work)
        if _NGINX is None:
            self._stack.enter_context(_Round(self.port, self._ports))
            return self
        servers = "\n".join(f"        server 127.0.0.1:{port} max_fails=0;" for port in self._ports)
        settings = self._work / "nginx.conf"
        settings.write_text(_SETTINGS.format(work=self._work, port=self.port, servers=servers))
        process = self._stack.enter_context(subprocess.Popen([_NGINX, "-c", settings], stderr=subprocess.DEVNULL))
        self._stack.callback(process.terminate)
        until(self._listens, "nginx does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionRefusedError:
            return False
        return True


class _Round:
    """Gives each connection to the next port, or to the one behind that where nobody listens."""

    def __init__(self, port: int, ports: list[int]) -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        self._ports = cycle(ports)
        self._tries = len(ports)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                for port in [next(self._ports) for _ in range(self._tries)]:
                    with suppress(ConnectionRefusedError):
                        node = socket.create_connection(("127.0.0.1", port))
                        threading.Thread(target=_pour, args=(client, node), daemon=True).start()
                        threading.Thread(target=_pour, args=(node, client), daemon=True).start()
                        break
                else:
                    client.close()


def _pour(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            to.sendall(piece)
    for end in (source, to):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


# All of it


class Fleet:
    """A hub of so many nodes. Use as a context manager: nothing of it is left behind.

    Attributes:
        nodes: that the balancer knows. proxies: each node's own. others: begun by `another`.
        token: for writing and pushing, known to all nodes. balancer: over all nodes.
    """

    def __init__(self, nodes: int, postgres: Postgres, *, proxied: bool = True) -> None:
        """
        Args:
            proxied: each node reaches PostgreSQL through a proxy of its own.
        """
        self.postgres = postgres
        self._count, self._proxied = nodes, proxied
        self._stack = ExitStack()
        self._numbers = count()
        self.nodes: list[Node] = []
        self.others: list[Node] = []
        self.proxies: list[Proxy] = []
        self.token = ""
        self.place = Path(tempfile.mkdtemp(prefix="hub-fleet-", dir=PLACE))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.place)
            first = self._made(stack)
            self.command(first.folder, "hub", "init")
            self.token = self.command(first.folder, "token", "add", "fleet", "--scope=write", "--scope=push").strip()
            self.nodes = [first, *(self._made(stack) for _ in range(self._count - 1))]
            for node in self.nodes[1:]:
                self._give_key(node)
            stack.callback(self._end)
            for node in self.nodes:
                node.begin()
            for node in self.nodes:
                node.wait()
            for node in self.nodes:
                until(node.is_ready, f"node {node.number} is not ready")
            self.balancer = stack.enter_context(Balancer([node.port for node in self.nodes]))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def shared_size(self) -> int:
        """How many operations PostgreSQL has."""
        ((size,),) = self.postgres.ask("SELECT size FROM hub_head")
        return int(size)

    def another(self, *words: str, folder: Path | None = None) -> Node:
        """A node with the hub's key in an empty folder, or in one that is there, begun and listening."""
        node = self._made(self._stack, *words)
        if folder is not None:
            node.folder = folder
        self.others.append(node)
        self._give_key(node)
        node.start()
        return node

    def mend(self) -> None:
        """Let everything run and reach everything again."""
        for proxy in self.proxies:
            proxy.disarm()
            proxy.speak()
            proxy.reopen()
        for node in self.nodes:
            if not node.is_alive:
                node.kill()
                node.start()
            node.thaw()

    def command(self, folder: Path, *words: str, code: int = 0) -> str:
        """A command of the program on a folder; what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "tui_registry", "--data-dir", str(folder), *words],
            env=environment(self.postgres.dsn, self.place / "mark-of-commands"),
            capture_output=True, text=True, check=False, timeout=10 * PATIENCE,
        )  # fmt: skip
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def _made(self, stack: ExitStack, *words: str) -> Node:
        dsn = self.postgres.dsn
        if self._proxied:
            self.proxies.append(stack.enter_context(Proxy(dsn)))
            dsn = self.proxies[-1].dsn
        return Node(next(self._numbers), self.place, dsn, "--accept-ops=token", *words)

    def _give_key(self, node: Node) -> None:
        node.folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self.nodes[0].folder / KEY_FILE, node.folder / KEY_FILE)

    def _end(self) -> None:
        for node in (*self.nodes, *self.others):
            node.kill()
