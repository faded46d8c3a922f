"""Whether a node's memory stays flat: `python -m tests.benchmarks.memory [N] [--workers N] [--minutes N]`.

`serve` runs over a copy of a replica of N records, and a few clients ask for all that it offers, at a bounded rate: records,
lists, searches, pages, tiles, comparisons, streams of events, metrics, and writes and pushes that are refused or taken. The
table has the resident memory of its processes together (what they share is counted in each), and how many requests were
answered by then, and with which kind of status.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.large import large_replica
from tests.seeds import NOW, make_record, owner
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore
from tui_registry.records import derive_id
from tui_registry.settings import STATE_DIR_VARIABLE

_WORDS = ("chat", "code vision", "license:mit", "params:<=8b tag:chat", "ba", "is:invalid", "qwen", "embedding -chat")
_PER_CONNECTION = 100
# Minutes after which the memory is told.
_AT = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve, ask, and print how much memory that takes."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("records", nargs="?", type=int, default=20_000)
    reader.add_argument("--workers", type=int, default=1)
    reader.add_argument("--minutes", type=float, default=10.0)
    reader.add_argument("--clients", type=int, default=4)
    reader.add_argument("--rate", type=float, default=40.0, help="requests a second of each client, at most")
    asked = reader.parse_args(arguments)
    with serving(asked.records, asked.workers) as node:
        loads = [_Load(node, number, asked.rate) for number in range(asked.clients)]
        began = time.monotonic()
        for load in loads:
            load.start()
        print(f"{'minutes':>7} {'MB':>8} {'processes':>9} {'requests':>9}  statuses", flush=True)
        try:
            for minutes in [*(at for at in _AT if at < asked.minutes), asked.minutes]:
                threading.Event().wait(max(began + 60 * minutes - time.monotonic(), 0))
                resident = _resident(node.pid)
                seen: Counter[str] = sum((load.seen for load in loads), Counter())
                told = " ".join(f"{status}:{number}" for status, number in sorted(seen.items()))
                line = f"{minutes:7.1f} {sum(resident) / 1e6:8.1f} {len(resident):9} {seen.total():9}  {told}"
                print(line, flush=True)
        finally:
            for load in loads:
                load.is_ending.set()
            for load in loads:
                load.join()


class _Node(NamedTuple):
    pid: int
    port: int
    token: str
    records: list[str]


@contextmanager
def serving(size: int, workers: int) -> Iterator[_Node]:
    """A node of its own over a copy of a replica with so many records."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tui-registry-memory-")))
        folder = place / "replica"
        shutil.copytree(large_replica(size), folder, ignore=shutil.ignore_patterns("complete"))
        with Datastore.open(folder) as datastore:
            token = datastore.tokens.add("memory", ("write", "push", "metrics"))
            records = [row.id for row in datastore.list_models(limit=200).rows]
        words = ["--accept-ops", *(["--workers", str(workers)] if workers > 1 else [])]
        command = [sys.executable, "-m", "tui_registry", "--data-dir", str(folder), "serve", "--port", "0", "--json"]
        process = stack.enter_context(
            subprocess.Popen(
                [*command, *words],
                env={**os.environ, STATE_DIR_VARIABLE: str(place / "state")},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(process.terminate)
        assert process.stdout is not None
        yield _Node(process.pid, json.loads(process.stdout.readline())["port"], token, records)


class _Load(threading.Thread):
    """One client, who asks for one thing after the other over connections that last a while.

    Attributes:
        seen: answers by status; `lost` where none came.
    """

    def __init__(self, node: _Node, number: int, rate: float) -> None:
        super().__init__(daemon=True)
        self.seen: Counter[str] = Counter()
        self.is_ending = threading.Event()
        self._node = node
        self._pause = 1 / rate
        self._random = random.Random(number)
        self._number = number
        self._key = owner(f"pusher {number}")
        self._numbers = count()
        self._asked: list[Callable[[http.client.HTTPConnection], int]] = [
            self._record, self._list, self._search, self._head, self._tile, self._page, self._history,
            self._write, self._change, self._push, self._compare, self._events, self._metrics, self._nothing,
        ]  # fmt: skip

    def run(self) -> None:
        """Ask until told to end."""
        while not self.is_ending.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._node.port, timeout=60)
            for _ in range(_PER_CONNECTION):
                began = time.monotonic()
                try:
                    self.seen[f"{self._random.choice(self._asked)(connection) // 100}xx"] += 1
                except (OSError, http.client.HTTPException):
                    self.seen["lost"] += 1
                    break
                if self.is_ending.wait(max(began + self._pause - time.monotonic(), 0)):
                    break
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, path: str, method: str = "GET", body: object = None) -> int:
        headers = {"authorization": f"Bearer {self._node.token}"}
        if isinstance(body, bytes):
            headers["content-type"] = "application/x-ndjson"
        elif body is not None:
            body, headers["content-type"] = json.dumps(body).encode(), "application/json"
        connection.request(method, path, body if isinstance(body, bytes) else None, headers)
        answer = connection.getresponse()
        self._last = answer.read()
        return answer.status

    def _one(self) -> str:
        return self._random.choice(self._node.records)

    def _record(self, connection: http.client.HTTPConnection) -> int:
        return self._ask(connection, f"/models/{self._one()}")

    def _list(self, connection: http.client.HTTPConnection) -> int:
        return self._ask(connection, f"/{self._random.choice(('models', 'agents'))}?limit=50")

    def _search(self, connection: http.client.HTTPConnection) -> int:
        query = f"{self._random.choice(_WORDS)} {self._random.choice(('', 'a', 'base', '7b'))}".strip()
        return self._ask(connection, "/models/search", "POST", {"query": query, "limit": 20})

    def _head(self, connection: http.client.HTTPConnection) -> int:
        return self._ask(connection, "/sync/head")

    def _tile(self, connection: http.client.HTTPConnection) -> int:
        self._head(connection)
        head = json.loads(self._last)
        full, rest = divmod(head["size"], 256)
        name = f"{full}.{rest}" if rest and self._random.random() < 0.3 else f"{self._random.randrange(max(full, 1))}"
        return self._ask(connection, f"/sync/{head['epoch']}/entries/{name}.ndjson.gz")

    def _page(self, connection: http.client.HTTPConnection) -> int:
        return self._ask(connection, self._random.choice(("/browse?q=chat", f"/browse/models/{self._one()}", "/docs")))

    def _history(self, connection: http.client.HTTPConnection) -> int:
        return self._ask(connection, f"/models/{self._one()}/history")

    def _write(self, connection: http.client.HTTPConnection) -> int:
        name = f"written-{self._number}-{next(self._numbers)}"
        return self._ask(connection, "/models", "POST", {"name": name, "parameters": 1, "context_length": 1})

    def _change(self, connection: http.client.HTTPConnection) -> int:
        self._write(connection)
        made = json.loads(self._last)
        change = {"description": "changed " * 50}
        return self._ask(connection, f"/models/{made.get('model_id', self._one())}", "PATCH", change)

    def _push(self, connection: http.client.HTTPConnection) -> int:
        name = f"pushed-{next(self._numbers)}"
        record = make_record("model", name, description="pushed " * 20)
        record.update(owner_id=self._key.address, created_at=NOW, updated_at=NOW)
        record["model_id"] = derive_id("model", self._key.address, name, NOW)
        return self._ask(connection, "/sync/ops", "POST", sign_up(self._key, "model", record).to_json() + b"\n")

    def _compare(self, connection: http.client.HTTPConnection) -> int:
        self._head(connection)
        body = {"epoch": json.loads(self._last)["epoch"], "ranges": [[None, None]]}
        return self._ask(connection, "/sync/reconcile", "POST", body)

    def _events(self, connection: http.client.HTTPConnection) -> int:
        """A stream that is read from a little before and left."""
        self._head(connection)
        head = json.loads(self._last)
        after = f"{head['epoch']}:{max(head['size'] - 100, 0)}"
        stream = http.client.HTTPConnection("127.0.0.1", self._node.port, timeout=60)
        stream.request("GET", f"/events?after={after}")
        answer = stream.getresponse()
        answer.read(1000)
        stream.close()
        return answer.status

    def _metrics(self, connection: http.client.HTTPConnection) -> int:
        return self._ask(connection, "/metrics")

    def _nothing(self, connection: http.client.HTTPConnection) -> int:
        return self._ask(connection, f"/nothing/{self._random.random()}")


def _resident(pid: int) -> list[int]:
    """Bytes of a process and of those that it began, as Linux counts them."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [own, *(size for child in children for size in _resident(int(child)))]


if __name__ == "__main__":
    main()
