"""What one unfriendly address does to everybody else at a node: `python -m tests.benchmarks.attacks [N]`.

A node over a replica of N records is attacked from one address of the loopback, while a client of another address asks for
`/health` and for a record, each over a connection of its own. The table has the times of those answers, and how many never
came. `--code DIR` measures the node of another tree in the same way; `--only WORDS` takes the attacks of these names.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.seeds import NOW, make_record, owner
from tui_registry.crdt import sign_up
from tui_registry.records import derive_id
from tui_registry.settings import STATE_DIR_VARIABLE

_HERE = Path(__file__).parents[2]
_HONEST, _ATTACKER = "127.0.0.2", "127.0.0.3"
# Seconds after which an answer has not come.
_PATIENCE = 15.0
_PAUSE = 0.01

# Runs in the tree that is measured.
_MAKE = """
import sys
from tests.benchmarks.large import large_replica
print(large_replica(int(sys.argv[1])))
"""
_SERVE = """
import sys
from tui_registry.datastore import Datastore
from tui_registry.node import serve
with Datastore.open(sys.argv[1]) as store:
    try:
        from tui_registry.node import node_token
    except ImportError:
        token = store.tokens.add("attacks", ("write",))
    else:
        token = node_token(store.data_dir)  # 0.1 and 0.2
    serve(store, port=0, accept_ops=True, on_ready=lambda address: print(address.port, token, flush=True))
"""


class Node(NamedTuple):
    """A node to attack: where it listens, what a write bears, its folder, and a record that it has."""

    port: int
    token: str
    folder: Path
    record: str = ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Attack a node in each way, and print what another client sees of it."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("records", nargs="?", type=int, default=100_000)
    reader.add_argument("--code", type=Path, default=_HERE, metavar="DIR", help="the tree whose node is measured")
    reader.add_argument("--seconds", type=float, default=10.0, help="of each attack")
    reader.add_argument("--only", nargs="*", default=[], metavar="WORD", help="attacks whose names have one of these")
    # For the process that this one starts for an attack.
    reader.add_argument("--attack", nargs=5, metavar=("NAME", *Node._fields), help=argparse.SUPPRESS)
    asked = reader.parse_args(arguments)
    if asked.attack:
        name, port, token, folder, record = asked.attack
        asyncio.run(ATTACKS[name](Node(int(port), token, Path(folder), record)))
        return
    print(f"{'milliseconds':26} {'health p50':>10} {'p99':>8} {'lost':>5} {'record p50':>11} {'p99':>8} {'lost':>5}")
    with serving(asked.code.resolve(), asked.records) as node:
        for name in ("nothing", *ATTACKS):
            if name == "nothing" or not asked.only or any(word in name for word in asked.only):
                with attacking(node, name):
                    health, record = measured(node, asked.seconds)
                print(f"{name:26} {health:>25} {record:>26}", flush=True)


@contextmanager
def serving(code: Path, count: int) -> Iterator[Node]:
    """A node of that tree, over a copy of a replica with so many records."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tui-registry-attacks-")))
        environment = {**os.environ, "PYTHONPATH": str(code), STATE_DIR_VARIABLE: str(place / "state")}
        made = subprocess.run(
            [sys.executable, "-c", _MAKE, str(count)], cwd=code, env=environment, stdout=subprocess.PIPE, check=True
        )
        folder = place / "replica"
        shutil.copytree(made.stdout.decode().strip(), folder)
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(folder)],
                cwd=code,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        port, _, token = process.stdout.readline().strip().partition(" ")
        node = Node(int(port), token, folder)
        page = json.loads(ask(node, "/models?limit=1").partition(b"\r\n\r\n")[2])
        yield node._replace(record=page["items"][0]["model_id"])


@contextmanager
def attacking(node: Node, name: str) -> Iterator[None]:
    """A process of its own attacks until the block ends."""
    if name == "nothing":
        yield
        return
    command = [sys.executable, "-m", "tests.benchmarks.attacks", "--attack", name, str(node.port), node.token or "-"]
    with subprocess.Popen(
        [*command, str(node.folder), node.record], cwd=_HERE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "attacking\n"
            yield
        finally:
            process.send_signal(signal.SIGKILL)


class Times(NamedTuple):
    """Of one path: seconds of each answer, and how many did not come."""

    seconds: list[float]
    lost: list[str]

    def __format__(self, form: str) -> str:
        ordered = sorted(self.seconds) or [float("nan")]
        at = [1000 * ordered[min(int(len(ordered) * part), len(ordered) - 1)] for part in (0.5, 0.99)]
        return format(f"{at[0]:.1f} {at[1]:8.1f} {len(self.lost):5}", form)


def measured(node: Node, seconds: float) -> tuple[Times, Times]:
    """How long an honest client waits for `/health` and for a record."""
    paths = ["/health", f"/models/{node.record}"]
    times = [Times([], []) for _ in paths]
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for path, taken in zip(paths, times, strict=True):
            began = time.perf_counter()
            try:
                status = ask(node, path)[9:12].decode()
            except OSError as error:
                status = type(error).__name__
            if status != "200":
                taken.lost.append(status)
            taken.seconds.append(time.perf_counter() - began)
            time.sleep(_PAUSE)
    return times[0], times[1]


def ask(node: Node, path: str) -> bytes:
    """An answer that has come whole."""
    with socket.create_connection(("127.0.0.1", node.port), _PATIENCE, (_HONEST, 0)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{node.port}\r\nconnection: close\r\n\r\n".encode())
        said = bytearray()
        while piece := raw.recv(65_536):
            said += piece
    if not said:
        raise ConnectionResetError
    return bytes(said)


# Attacks: each never ends by itself


async def _searches(node: Node, query: str) -> None:
    body = json.dumps({"query": query, "limit": 200}).encode()
    await _crowd(16, lambda _: _posting(node, "/models/search", body))


async def _held(node: Node, count: int, start: bytes) -> None:
    """So many connections that say this and no more, each opened anew once the node closes it."""

    async def hold(_: int) -> None:
        while True:
            await _talk(node, start)

    await _crowd(count, hold)


async def _ahead(node: Node, request: bytes) -> None:
    """64 who ask again and again, without waiting for the answers."""

    async def ask(_: int) -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", node.port, local_addr=(_ATTACKER, 0))
                answers = asyncio.ensure_future(_taken(reader))
                while not answers.done():
                    writer.write(request * 20)
                    await writer.drain()
                    await asyncio.sleep(0.05)
                writer.close()
            await asyncio.sleep(0.1)

    await _crowd(64, ask)


async def _taken(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65_536):
            pass


async def _takers(node: Node) -> None:
    """64 who ask for a long list, and take no more of it than the system does for them."""

    async def hold(_: int) -> None:
        while True:
            with suppress(OSError):
                _reader, writer = await asyncio.open_connection(
                    "127.0.0.1", node.port, local_addr=(_ATTACKER, 0), limit=1024
                )
                writer.write(_LIST)
                await asyncio.sleep(5)
                writer.close()

    await _crowd(64, hold)


async def _writers(node: Node) -> None:
    """Eight who write, while this process holds the replica's lock."""
    database = sqlite3.connect(node.folder / "registry.sqlite3", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    made = make_record("model", "a-model", description="x")
    for name in ("model_id", "owner_id", "created_at", "updated_at"):
        del made[name]
    await _crowd(8, lambda _: _posting(node, "/models", json.dumps(made).encode()))


async def _pushers(node: Node) -> None:
    """Four who push operations that nobody has seen."""
    key = owner("an attacker")

    def line(number: int) -> bytes:
        record = make_record("model", f"pushed-{number}", description="pushed " * 20)
        record.update(owner_id=key.address, created_at=NOW, updated_at=NOW)
        record["model_id"] = derive_id("model", key.address, f"pushed-{number}", NOW)
        return sign_up(key, "model", record).to_json() + b"\n"

    bodies = [b"".join(line(number) for number in range(at, at + 256)) for at in range(0, 4096, 256)]

    async def push(number: int) -> None:
        for body in bodies[number::4] * 1000:
            await _post(node, "/sync/ops", body)

    await _crowd(4, push)


async def _tiles(node: Node, number: int) -> None:
    """Every tile, one after the other."""
    said = await _talk(
        node, f"GET /sync/head HTTP/1.1\r\nhost: 127.0.0.1:{node.port}\r\nconnection: close\r\n\r\n".encode()
    )
    head = json.loads(said.partition(b"\r\n\r\n")[2])
    while True:
        for start in range(256 * number, head["size"] - 256, 4096):
            await _get(node, f"/sync/{head['epoch']}/entries/{start}.{start + 256}.ndjson.gz")


async def _getting(node: Node, path: str) -> None:
    while True:
        await _get(node, path)


async def _asking(node: Node, path: str) -> None:
    """Again and again, over one connection."""
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{node.port}\r\n\r\n".encode()
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", node.port, local_addr=(_ATTACKER, 0))
            while True:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
        await asyncio.sleep(0.1)


async def _get(node: Node, path: str) -> None:
    await _talk(node, f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{node.port}\r\nconnection: close\r\n\r\n".encode())


async def _posting(node: Node, path: str, body: bytes) -> None:
    while True:
        await _post(node, path, body)


async def _post(node: Node, path: str, body: bytes) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{node.port}\r\nconnection: close\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {node.token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    await _talk(node, head.encode() + body)


async def _talk(node: Node, request: bytes) -> bytes:
    """The answer; after a while, where it is a refusal."""
    said = b""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port, local_addr=(_ATTACKER, 0))
        writer.write(request)
        with suppress(OSError):
            said = await reader.read()
        writer.close()
    if not said.startswith(b"HTTP/1.1 2"):
        await asyncio.sleep(0.1)
    return said


async def _crowd(count: int, one: Callable[[int], Coroutine[None, None, None]]) -> None:
    tasks = [asyncio.ensure_future(one(number)) for number in range(count)]
    await asyncio.sleep(0.5)
    print("attacking", flush=True)
    await asyncio.gather(*tasks)


_BODY = (
    b"POST /models/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\ncontent-type: application/json\r\n\r\n{"
)
_CHUNKS = (
    b"POST /models/search HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    + b"1\r\n \r\n" * 120_000
)
_AHEAD = b"GET /nothing HTTP/1.1\r\nhost: 127.0.0.1\r\n"
_LARGE = json.dumps({"query": [{"a": [0] * 500, "b": {}}] * 60}).encode()
_LIST = b"GET /models?limit=200 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
ATTACKS: dict[str, Callable[[Node], Coroutine[None, None, None]]] = {
    "16 clients of is:invalid": lambda node: _searches(node, "is:invalid"),
    "16 expensive searches": lambda node: _searches(node, "(a OR e OR i OR o) (b OR c OR d) -(f g)"),
    "256 half requests": lambda node: _held(node, 256, b"GET /health HTTP/1.1\r\nhost: localhost\r\n"),
    "256 half bodies": lambda node: _held(node, 256, _BODY),
    "16 bodies in tiny chunks": lambda node: _held(node, 16, _CHUNKS),
    "64 who ask ahead": lambda node: _ahead(node, _AHEAD + b"\r\n"),
    "64 with 3,000 headers": lambda node: _ahead(node, _AHEAD + b"a:\r\n" * 3000 + b"\r\n"),
    "1,000 silent connections": lambda node: _held(node, 1000, b""),
    "8 writers behind a lock": _writers,
    "4 pushers": _pushers,
    "16 who send large bodies": lambda node: _crowd(16, lambda _: _posting(node, "/models/search", _LARGE)),
    "16 readers of the docs": lambda node: _crowd(16, lambda at: _getting(node, ("/docs", "/openapi.json")[at % 2])),
    "64 readers of a record": lambda node: _crowd(64, lambda _: _asking(node, f"/models/{node.record}")),
    "16 readers of tiles": lambda node: _crowd(16, lambda number: _tiles(node, number)),
    "64 who take no answer": _takers,
}

if __name__ == "__main__":
    main()
