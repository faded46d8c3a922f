"""What a hub costs, each figure beside a floor of the same run: `python -m tests.benchmarks.hub [OPS ...]`.

Real nodes (`serve --hub`), asked by clients in this process, on a PostgreSQL of this run that lies in memory where there is
room: what a disk takes for a commit comes on top of each turn, once for PostgreSQL's and once for the node's.

- writes a second, by writers and nodes, and how many of them shared a turn; floors: the same rows by psycopg alone,
  and the same writers at a node without a hub;
- following, beside applying the same operations as a replica alone does, and beside plain SQLite;
- the time until a write that one node acknowledged is read at another;
- statements that PostgreSQL was asked for reads of a node;
- the start of a node on an empty folder, from PostgreSQL and from the tiles of a directory;
- what a client that pulls costs in a day, from measured answers.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import shutil
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
from obstore.store import LocalStore

from tests.benchmarks import floors
from tests.benchmarks.data import op_lines
from tests.benchmarks.spent import Spent, spent
from tests.hub.fleet import Fleet, Postgres
from tests.sync.lines import line_to
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.hub.admin import begin
from tui_registry.hub.postgres import connect
from tui_registry.hub.starting import start
from tui_registry.hub.store import Store
from tui_registry.hub.store_publishing import HubPublisher
from tui_registry.node import running
from tui_registry.settings import STATE_DIR_VARIABLE
from tui_registry.sync import pull
from tui_registry.sync.tiles import TILE_OPS, pack

_WRITERS: Final = (1, 4, 16)
_NODES: Final = (1, 3)
_BODY: Final = {"license": "MIT", "parameters": 1, "context_length": 1, "description": "words " * 60}
_CLIENT_OPS: Final = 20_000
_LARGE: Final = 10**8


def main() -> None:
    """Build the data, run every measurement, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "sizes", type=int, nargs="*", default=[10_000], help="operations that a node starts with (10000)"
    )
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement of writes (5)")
    parser.add_argument("--only", choices=("writes", "views", "client"), help="a part of it")
    wanted = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="tui-registry-bench-"))
    os.environ[STATE_DIR_VARIABLE] = str(work / "state")
    try:
        if wanted.only in (None, "client"):
            asyncio.run(_client(work))
        if wanted.only in (None, "writes"):
            _writes(wanted.seconds)
        if wanted.only in (None, "views"):
            for size in wanted.sizes:
                _views(size, work)
    finally:
        shutil.rmtree(work)


def _table(title: str, *columns: str) -> None:
    print(f"\n{title}\n")
    _row(*columns)
    _row("---", *("---:" for _ in columns[1:]))


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


# Writes


def _writes(seconds: float) -> None:
    columns = ("writers", "nodes", "writes/s", "writes a turn", "psycopg alone/s", "of it", "node alone/s", "of it")
    _table("Writes over REST, one record each", *columns)
    alone = {writers: _at_a_node_alone(writers, seconds) for writers in _WRITERS}
    for nodes in _NODES:
        with Postgres() as postgres, Fleet(nodes, postgres, proxied=False) as fleet:
            for writers in _WRITERS:
                floor = _by_psycopg(postgres, writers, seconds)
                before = fleet.shared_size()
                done = _written([node.port for node in fleet.nodes], fleet.token, writers, seconds)
                # What a turn appends was written by one transaction.
                asked = "SELECT count(DISTINCT CAST(xmin AS text)) FROM hub_log WHERE idx >= %s"
                ((turns,),) = postgres.ask(asked, before)
                _row(
                    f"{writers}", f"{nodes}", f"{done / seconds:,.0f}", f"{done / max(1, turns):.1f}",
                    f"{floor:,.0f}", f"{done / seconds / floor:.2f}",
                    f"{alone[writers]:,.0f}", f"{done / seconds / alone[writers]:.2f}",
                )  # fmt: skip
            if nodes > 1:
                _pushed(fleet)
                _seen_elsewhere(fleet)
    with Postgres() as postgres, Fleet(3, postgres) as fleet:
        _asked_for_reads(fleet)


def _written(ports: list[int], token: str, writers: int, seconds: float) -> int:
    """How many records so many writers, each at a node, have acknowledged in that time."""
    done, names = [0] * writers, count()
    end = time.monotonic() + seconds

    def write(at: int) -> None:
        caller = http.client.HTTPConnection("127.0.0.1", ports[at % len(ports)], timeout=60)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        while time.monotonic() < end:
            body = json.dumps({"name": f"written {next(names)} {time.time_ns()}", **_BODY})
            caller.request("POST", "/models", body, headers)
            answer = caller.getresponse()
            said = answer.read()
            assert answer.status == 201, said
            done[at] += 1

    _together(write, writers)
    return sum(done)


def _together(work: object, writers: int) -> None:
    threads = [threading.Thread(target=work, args=(at,)) for at in range(writers)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _by_psycopg(postgres: Postgres, writers: int, seconds: float) -> float:
    """The same rows, one to a transaction, under the same lock: a second."""
    for statement in (
        "DROP TABLE IF EXISTS floor_log, floor_head",
        "CREATE TABLE floor_log (idx bigint PRIMARY KEY, hash bytea UNIQUE, body bytea, chain bytea, "
        "added_at timestamptz DEFAULT now())",
        "CREATE TABLE floor_head (one integer PRIMARY KEY, size bigint)",
        "INSERT INTO floor_head VALUES (1, 0)",
    ):
        postgres.ask(statement)
    done = [0] * writers
    end = time.monotonic() + seconds
    body = json.dumps(_BODY).encode() + bytes(300)

    def write(at: int) -> None:
        with psycopg.connect(postgres.dsn, autocommit=True) as db:
            while time.monotonic() < end:
                with db.transaction():
                    found = db.execute("SELECT size FROM floor_head FOR UPDATE").fetchone()
                    assert found is not None
                    values = (found[0], os.urandom(32), body, os.urandom(32))
                    db.execute("INSERT INTO floor_log (idx, hash, body, chain) VALUES (%s, %s, %s, %s)", values)
                    db.execute("UPDATE floor_head SET size = size + 1")
                done[at] += 1

    _together(write, writers)
    return sum(done) / seconds


def _at_a_node_alone(writers: int, seconds: float) -> float:
    from tests.node.test_workers import serving

    with tempfile.TemporaryDirectory(dir=floors_place()) as folder:
        data = Path(folder) / "data"
        with Datastore.open(data) as store:
            token = store.tokens.add("bench", ("write",))
        with serving(data, "--port=0") as node:
            port = int(node.told["url"].rpartition(":")[2])
            return _written([port], token, writers, seconds) / seconds


def floors_place() -> str | None:
    """Where the views of the fleet lie too: floors must stand on the same disk."""
    from tests.replica.replicas import PLACE

    return PLACE


def _pushed(fleet: Fleet, each: int = 512, pushes: int = 8) -> None:
    lines = op_lines(each * pushes)
    caller = http.client.HTTPConnection("127.0.0.1", fleet.nodes[0].port, timeout=60)
    began = time.perf_counter()
    for first in range(0, len(lines), each):
        content = b"".join(line + b"\n" for line in lines[first : first + each])
        caller.request("POST", "/sync/ops", content, {"authorization": f"Bearer {fleet.token}"})
        answer = caller.getresponse()
        assert json.loads(answer.read())["applied"] == each
    print(f"\nPushes of {each} operations: {len(lines) / (time.perf_counter() - began):,.0f} operations/s")


def _seen_elsewhere(fleet: Fleet, times: int = 200) -> None:
    first, *others = fleet.nodes
    took = []
    writer = http.client.HTTPConnection("127.0.0.1", first.port, timeout=60)
    readers = [http.client.HTTPConnection("127.0.0.1", node.port, timeout=60) for node in others]
    headers = {"authorization": f"Bearer {fleet.token}", "content-type": "application/json"}
    for at in range(times):
        writer.request("POST", "/models", json.dumps({"name": f"seen {at} {time.time_ns()}", **_BODY}), headers)
        answer = writer.getresponse()
        where, _ = answer.headers["location"], answer.read()
        began = time.perf_counter()
        reader = readers[at % len(readers)]
        while True:
            reader.request("GET", where)
            answer = reader.getresponse()
            answer.read()
            if answer.status == 200:
                break
        took.append(time.perf_counter() - began)
    parts = statistics.quantiles(took, n=100)
    print(f"\nA write is read at another node after {parts[49] * 1e3:.0f} ms (p50), {parts[98] * 1e3:.0f} ms (p99)")


def _asked_for_reads(fleet: Fleet, times: int = 3_000) -> None:
    """What PostgreSQL is asked while nodes are read, and in the same time while they are not."""
    where = "/models?limit=20", "/sync/head", "/models?q=written"

    def asked() -> int:
        return sum(proxy.statements for proxy in fleet.proxies)

    before, began = asked(), time.monotonic()
    for at in range(times):
        node = fleet.nodes[at % len(fleet.nodes)]
        caller = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
        caller.request("GET", where[at % len(where)])
        answer = caller.getresponse()
        answer.read()
        assert answer.status == 200
        caller.close()
    took, reading = time.monotonic() - began, asked() - before
    before = asked()
    time.sleep(took)
    idle = asked() - before
    print(
        f"{times:,} reads at {len(fleet.nodes)} nodes took {took:.1f} s, in which PostgreSQL was asked {reading} statements; "
        f"in as long without any read {idle}"
    )


# Views


def _views(size: int, work: Path) -> None:
    lines = op_lines(size)
    raw = sum(map(len, lines))
    _table(f"Views of {size:,} operations, {raw / size:,.0f} bytes each", "what", "ops/s", "seconds", "of its floor")
    place = Path(tempfile.mkdtemp(dir=floors_place()))
    try:
        with Datastore.open(place / "source") as source:
            applied = spent(lambda: source.apply(lines, source="bench"))
        batches = floors.rows_of(place / "source")
        floor = spent(lambda: floors.plain_insert(batches, place / "floor"))

        def report(what: str, figure: Spent) -> None:
            # By the clock: signatures are verified by other processes, on other cores.
            _row(
                what, f"{size / figure.seconds:,.0f}", f"{figure.seconds:.1f}", f"{figure.seconds / floor.seconds:.2f}"
            )

        report("the same rows and indexes into plain SQLite (the floor)", floor)
        report("apply by a replica alone: verified, durable, searchable", applied)
        with Postgres() as postgres, closing(connect(postgres.dsn)) as shared:
            with Datastore.open(place / "source") as source:
                begin(source, shared, keep=True)
            with Datastore.open(place / "view", hub=shared) as view:
                report("follow: from PostgreSQL, verified, durable, searchable", spent(lambda: start(view, None)))
                tiles = LocalStore(prefix=place / "store", mkdir=True)
                with HubPublisher(view, Store(tiles, "tiles", bears_headers=False), shared, "bench") as publisher:
                    report("publish: full tiles into a folder", spent(publisher.publish))
            with Datastore.open(place / "new", hub=shared) as new:
                report(
                    "start: from tiles, which the shared log confirms",
                    spent(lambda: start(new, Store(tiles, "tiles", bears_headers=False))),
                )
            ((kept,),) = postgres.ask("SELECT pg_total_relation_size('hub_log')")
            view_bytes = sum(path.stat().st_size for path in (place / "view").glob(f"{DATABASE}*"))
            print(f"\nPostgreSQL keeps {kept / size:,.0f} bytes an operation, a view {view_bytes / size:,.0f}")
    finally:
        shutil.rmtree(place)


# A client


async def _client(work: Path) -> None:
    lines = op_lines(_CLIENT_OPS)
    tiles = [len(pack(lines[start : start + TILE_OPS])) for start in range(0, len(lines) - TILE_OPS, TILE_OPS)]
    tile, each = statistics.mean(tiles), sum(map(len, lines)) / len(lines)
    print(f"\nA full tile has {tile:,.0f} bytes, {tile / TILE_OPS:.0f} an operation (of {each:,.0f} unpacked)")
    _table("A pull, both ways, without TLS", "news", "requests", "bytes")
    done = len(lines) // 2
    found = {}
    with ExitStack() as stack:
        node, client = (stack.enter_context(Datastore.open(work / name)) for name in ("node", "client"))
        at = stack.enter_context(running(node))
        node.apply(lines[:done], source="bench")
        async with line_to(at.url) as line:
            client.peers.add("hub", line.url)
            for news in (None, 0, 1, 10, TILE_OPS, 4 * TILE_OPS):
                node.apply(lines[done : done + (news or 0)], source="bench")
                done += news or 0
                line.forget()
                assert (await pull(client, "hub")).error is None
                if news is not None:
                    found[news] = line.bytes
                    _row(f"{news:,}", f"{line.trips}", f"{line.bytes:,}")
    _table(
        f"A client that pulls all of a log, in a day; {_LARGE:,} operations are {_LARGE / TILE_OPS:,.0f} tiles, "
        f"{_LARGE * tile / TILE_OPS / 1e9:,.0f} GB to begin with",
        "operations a day", "pulls a day", "requests", "MB",
    )  # fmt: skip
    for growth in (1_000, 100_000, 1_000_000):
        for pulls in (24, 96, 1_440):
            news = growth / pulls
            with_news = min(pulls, growth)
            full = growth / TILE_OPS
            asks = pulls + with_news + full
            sent = pulls * found[0] + with_news * (found[1] - found[0]) + growth * tile / TILE_OPS
            _row(f"{growth:,}", f"{pulls:,} ({news:,.0f} news each)", f"{asks:,.0f}", f"{sent / 1e6:,.1f}")


if __name__ == "__main__":
    main()
