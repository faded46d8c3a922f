"""What a node spends of the processor on a request, beside its floors: `python -m tests.benchmarks.node [N]`.

All servers stand at the same time and are asked in turns, over one connection each, by a client whose own time is not
counted: the node over a replica of N records, the same server with an app that answers a constant (FastAPI's for
records, bare ASGI for the head), and nginx over the exported tiles. A Python server tells its own resource usage; of
nginx it is that of its whole life, without what starting and ending takes.

`--code DIR` measures the program in another tree instead, with the replica and the tiles that it makes itself.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import cycle, islice, product
from pathlib import Path
from typing import NamedTuple

from tui_registry.settings import STATE_DIR_VARIABLE

_HERE = Path(__file__).parents[2]
_ROUNDS = 5
_WORDS = ("chat", "code vision", "license:mit", "params:<=8b tag:chat", "ba")

# Runs in the tree that is measured. It tells its port, and for each line that it is sent the CPU seconds of its process.
_SERVER = """
import resource, sys
from tui_registry.node import running, server
from tui_registry.datastore import Datastore

folder, constant = sys.argv[1:]

async def bare(scope, receive, send):
    body = constant.encode()
    fields = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})

def fastapi():
    from fastapi import FastAPI
    from fastapi.responses import Response
    app = FastAPI()
    @app.get("/{path:path}", response_model=None)
    async def answer() -> Response:
        return Response(b'{"status":"ok"}', 200, None, "application/json")
    return app

if constant:
    app = fastapi() if constant == "fastapi" else bare
    app.at_hand = lambda _: None  # what is answered without the app is no constant answer of the server
    server.create_app = lambda *_, **__: app
with Datastore.open(folder) as datastore, running(datastore) as address:
    print(address.port, flush=True)
    for _ in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(used.ru_utime + used.ru_stime, flush=True)
"""
_PREPARE = """
import shutil, sys
from tests.benchmarks.large import large_replica
from tui_registry.datastore import Datastore
from tui_registry.sync import publish

size, work = int(sys.argv[1]), sys.argv[2]
shutil.copytree(large_replica(size), work + "/replica", ignore=shutil.ignore_patterns("complete"))
with Datastore.open(work + "/replica") as datastore:
    publish(datastore, work + "/static")
"""
_NGINX = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    types {{ application/gzip gz; }}
    client_body_temp_path {work}/nginx-body;
    proxy_temp_path {work}/nginx-proxy;
    fastcgi_temp_path {work}/nginx-fastcgi;
    uwsgi_temp_path {work}/nginx-uwsgi;
    scgi_temp_path {work}/nginx-scgi;
    server {{ listen 127.0.0.1:{port}; root {work}/static; }}
}}
"""


class _Case(NamedTuple):
    """Requests that are alike. `times`: in one round."""

    what: str
    server: str
    floor: str
    paths: tuple[str, ...]
    times: int


def main() -> None:
    """Start the servers, ask them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", type=int, nargs="?", default=100_000, help="records (100000)")
    parser.add_argument("--code", type=Path, default=_HERE, help="another tree whose program is measured")
    parser.add_argument("--requests", type=int, default=400, help="of one kind, in one of five rounds (400)")
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="tui-registry-bench-"))
    try:
        _run(args.size, args.code.resolve(), args.requests, work)
    finally:
        shutil.rmtree(work)


def _run(size: int, code: Path, times: int, work: Path) -> None:
    os.environ[STATE_DIR_VARIABLE] = str(work / "state")
    _python(code, _PREPARE, str(size), str(work)).communicate()
    head = (work / "static" / "sync" / "head").read_text()
    told = json.loads(head)
    tiles = [f"/sync/{told['epoch']}/entries/{index}.ndjson.gz" for index in range(told["size"] // 256)]
    first = gzip.decompress((work / "static" / tiles[0][1:]).read_bytes()).splitlines()
    ids = [key for line in first for tree in [json.loads(line)] if "Model" in tree for key in [_key(tree)]]
    length = sum((work / "static" / tile[1:]).stat().st_size for tile in tiles) // len(tiles)
    words = [word.replace(" ", "%20").replace("<", "%3C") for word in _WORDS]
    # White space before a query means nothing, and makes it another one to who keeps answers.
    blanks = [*map("".join, product(("%20", "%09"), repeat=8))]
    new = [f"/models?limit=50&q={blank}" for blank in blanks]
    searches = [f"/models?limit=50&q={blank}{word}" for blank, word in zip(blanks, cycle(words), strict=False)]
    again = [f"/models?limit=50&q={word}" for word in words]
    few = max(1, times // 10)
    cases = [
        _Case("constant, FastAPI", "fastapi", "fastapi", ("/models",), times),
        _Case("constant, bare ASGI", "bare", "bare", ("/sync/head",), times),
        _Case("GET /models/{id}", "node", "fastapi", (*(f"/models/{key}" for key in ids),), times),
        _Case("GET /models?limit=50", "node", "fastapi", (*new,), few),
        _Case("the same again", "node", "fastapi", ("/models?limit=50",), few),
        _Case("search, 50 of them", "node", "fastapi", (*searches,), few),
        _Case("one of five again", "node", "fastapi", (*again,), few),
        _Case("GET /health", "node", "bare", ("/health",), times),
        _Case("GET /sync/head", "node", "bare", ("/sync/head",), times),
        _Case(f"a tile ({length:,} bytes), nginx", "nginx", "nginx", (*tiles,), 5 * times),
        _Case("a tile, one after the other", "node", "nginx", (*tiles,), times),
        _Case("a tile, the same again", "node", "nginx", (tiles[0],), times),
    ]
    with ExitStack() as stack:
        constants = {"node": "", "fastapi": "fastapi", "bare": head}
        servers: dict[str, _Server | _Nginx] = {
            name: stack.enter_context(_server(code, work / "replica", constant)) for name, constant in constants.items()
        }
        servers["nginx"] = stack.enter_context(_nginx(work))
        cold = _asked(servers["node"], tiles) / len(tiles)
        with _server(code, work / "replica", "") as beside:
            _asked(beside, ("/sync/head",) * _ROUNDS)
            kept = _asked(beside, tiles) / len(tiles)
        asked = {case: cycle(case.paths) for case in cases}
        spent = dict.fromkeys(cases, 0.0)
        for turn in range(_ROUNDS + 1):
            for case in cases:
                used = _asked(servers[case.server], [*islice(asked[case], case.times)])
                spent[case] += used if turn else 0  # the first one warms up
    each = {case: spent[case] / _ROUNDS / case.times for case in cases}
    nginx = servers["nginx"]
    assert isinstance(nginx, _Nginx)
    for case in cases:
        if case.server == "nginx":
            each[case] = nginx.spent / (_ROUNDS + 1) / case.times
    floors = {case.floor: each[case] for case in cases if case.server == case.floor}
    print(f"\n{size:,} records, CPU of the server\n\n| request | us | of its floor |\n| --- | ---: | ---: |")
    print(f"| a tile for the first time | {cold * 1e6:,.0f} | {cold / floors['nginx']:.1f} |")
    print(f"| the same, once another process packed it | {kept * 1e6:,.0f} | {kept / floors['nginx']:.1f} |")
    for case in cases:
        print(f"| {case.what} | {each[case] * 1e6:,.0f} | {each[case] / floors[case.floor]:.1f} |")


def _key(tree: dict[str, dict[str, dict[str, str]]]) -> str:
    (change,) = tree["Model"].values()
    return change["key"]


class _Asking:
    """A connection to a server of loopback, made when it is first needed (a node waits for a request for so long only),
    and kept."""

    def __init__(self, port: int) -> None:
        self._port = port

    @cached_property
    def _raw(self) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return raw

    def ask(self, path: str) -> None:
        """Read a whole answer, which must be a good one."""
        self._raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        said = bytearray()
        while b"\r\n\r\n" not in said:
            said += self._more()
        fields, _, body = bytes(said).partition(b"\r\n\r\n")
        assert fields.startswith(b"HTTP/1.1 200"), (path, fields)
        lacking = int(fields.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(body)
        while lacking:
            lacking -= len(self._more())

    def _more(self) -> bytes:
        piece = self._raw.recv(1 << 20)
        assert piece
        return piece


class _Server:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.asking = _Asking(int(process.stdout.readline()))

    def used(self) -> float:
        """CPU seconds of its process until now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


class _Nginx:
    """Attributes: spent: CPU seconds of its life, known at its end."""

    def __init__(self, port: int) -> None:
        self.asking = _Asking(port)
        self.spent = 0.0

    def used(self) -> float:
        return 0.0


def _asked(server: _Server | _Nginx, paths: Sequence[str]) -> float:
    began = server.used()
    for path in paths:
        server.asking.ask(path)
    return server.used() - began


def _python(code: Path, program: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(code)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=code,
        env=environment,
    )


@contextmanager
def _server(code: Path, folder: Path, constant: str) -> Iterator[_Server]:
    with _python(code, _SERVER, str(folder), constant) as process:
        yield _Server(process)
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def _nginx(work: Path) -> Iterator[_Nginx]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = work / "nginx.conf"
    settings.write_text(_NGINX.format(work=work, port=port))
    idle = _ended(_begun(settings, port))
    process = _begun(settings, port)
    nginx = _Nginx(port)
    try:
        yield nginx
    finally:
        nginx.spent = _ended(process) - idle


def _begun(settings: Path, port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["nginx", "-c", str(settings)], stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except ConnectionRefusedError:
            assert process.poll() is None, "nginx does not start"


def _ended(process: subprocess.Popen[bytes]) -> float:
    process.terminate()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
