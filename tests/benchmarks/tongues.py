"""What a node spends on the formats of others, beside its own list of 50: `python -m tests.benchmarks.tongues [N ...]`.

A manifest stands behind each of N records; one in six is an agent, of which half have an MCP interface, a third one for
A2A, and the rest packages. The app is asked as a server asks it, in this process and without a socket; what is counted is
time of the processor. Each kind of question is asked in turn with all others, once at each place that it has, so that
nothing that is kept answers it, but where it says "again".
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import MutableMapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from tests.benchmarks.data import DATA, records
from tests.benchmarks.large import unsigned_manifest, unsigned_op, write
from tests.seeds import NOW
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.errors import Json, Kind, Record
from tui_registry.node import NodeBounds, create_app
from tui_registry.node.queues import Queues
from tui_registry.tongues.ai_catalog import WELL_KNOWN
from tui_registry.tongues.files import write_catalog

_BATCH = 10_000
_SERVERS = "/v0.1/servers"
_FLOOR = "our list of 50"


class _Case(NamedTuple):
    """Questions that are alike, each asked once."""

    what: str
    paths: Sequence[str]


def main() -> None:
    """Measure each size and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[100_000])
    parser.add_argument("--rounds", type=int, default=40, help="questions of each kind (40)")
    parser.add_argument("--files", action="store_true", help="also write the catalog as files, twice")
    asked = parser.parse_args()
    for size in asked.sizes:
        with Datastore.open(described_replica(size), clock=lambda: NOW) as datastore:
            asyncio.run(_measure(datastore, size, asked.rounds))
            if asked.files:
                _write_files(datastore)


# Data


def described_replica(count: int) -> Path:
    """The directory of a replica with `count` records and a manifest of each; made once, see `large.large_replica`. More
    than 10^5, in tens of them, are copies in all that these formats are made from, under ids of their own."""
    folder = DATA / f"tongues-{count}"
    complete = folder / "complete"
    wanted = hashlib.sha256(Path(__file__).read_bytes().split(b"\n# ")[1]).hexdigest()
    if complete.exists() and complete.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    if count > _MADE:
        shutil.copytree(described_replica(_MADE), folder, ignore=shutil.ignore_patterns("complete"))
        _multiply(folder / DATABASE, count // _MADE)
        complete.write_text(wanted)
        return folder
    stream, done = records(count), 0
    with Datastore.open(folder, clock=lambda: NOW) as datastore:
        while batch := list(islice(stream, _BATCH)):
            for kind, record in batch:
                if kind == "agent":
                    record["agent_type"] = "MCP server"
            # Each batch came some seconds after the one before it, so that a cursor has times to go by.
            at = NOW - 10_000 + done // _BATCH
            write(datastore, [unsigned_op(kind, record) for kind, record in batch], at)
            behind = [unsigned_manifest(*one, _said(*one, done + place)) for place, one in enumerate(batch)]
            write(datastore, behind, at)
            done += len(batch)
            print(f"\r{done:,} of {count:,}", end="\n" if done == count else "", file=sys.stderr)
    complete.write_text(wanted)
    return folder


_MADE = 100_000
# What becomes of a column in a copy; all others stay as they are. Rows of manifests' keys are below zero.
_COPIED = {
    "keys": {"rid": "rid + sign(rid) * :rows", "id": "other(id, :copy)"},
    "ops": {"idx": "idx + 2 * :rows", "rid": "rid + sign(rid) * :rows", "hash": "other(hash, :copy)"},
    "catalogue": {"rid": "rid + :rows", "idx": "idx + 2 * :rows", "id": "other(id, :copy)"},
    "manifests": {"rid": "rid - :rows", "idx": "idx + 2 * :rows", "subject": "other(subject, :copy)"},
    "interfaces": {"rid": "rid - :rows", "source": "source + :rows", "changed": "changed + 10 * :copy"},
}


def _multiply(database: Path, times: int) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.create_function(
            "other", 2, lambda key, copy: hashlib.sha256(key + bytes([copy])).digest(), deterministic=True
        )
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
            db.execute(f"PRAGMA {setting}")
        named = ", ".join("?" * len(_COPIED))
        ask = f"SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({named})"
        indexes = db.execute(ask, [*_COPIED]).fetchall()
        db.execute("BEGIN")
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        for table, changed in _COPIED.items():
            columns = [name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,))]
            first = {"keys": "abs(rid)", "ops": "abs(rid)", "catalogue": "rid"}.get(table, "-rid")
            for copy in range(1, times):
                db.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) SELECT "
                    f"{', '.join(changed.get(name, name) for name in columns)} FROM {table} WHERE {first} <= {_MADE}",
                    {"rows": copy * _MADE, "copy": copy},
                )
            print(f"copied {table}", file=sys.stderr)
        for _, sql in indexes:
            db.execute(sql)
        db.execute(f"UPDATE replica SET models = {times} * models, agents = {times} * agents, size = {times} * size")
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")


def _said(kind: Kind, record: Record, number: int) -> Record:
    chance = random.Random(number)
    name = str(record["name"])
    said: Record = {
        "documentation_url": f"https://docs.example/{number}",
        "repository_url": f"https://github.com/example/{number}",
        "languages": ["en", "de"],
    }
    if kind == "model":
        file = {"uri": "model.gguf", "media_type": "", "sha256": chance.randbytes(32).hex(), "size_bytes": 10**9}
        return {**said, "artifacts": [{**file, "quantization": None}]}
    which = number // 6 % 6
    if which == 5:
        package = f"https://registry.npmjs.org/@example/server-{number}/1.0.{number % 9}"
        file = {"uri": package, "media_type": "", "sha256": None, "size_bytes": None}
        return {**said, "artifacts": [{**file, "quantization": None}]}
    protocol = "MCP" if which < 3 else "A2A"
    address: Json = {"url": f"https://{number}.example/{quote(name)[:40]}", "protocol": protocol, "version": "1.0"}
    return {**said, "interfaces": [address]}


# How


async def _measure(datastore: Datastore, size: int, rounds: int) -> None:
    bounds = NodeBounds()
    queues = Queues(bounds)
    app = create_app(datastore, bounds=bounds, queues=queues)
    for thread in threading.enumerate():
        if thread.name == "catching up":  # what it spends is not spent on any question
            thread.join()
    began = _most_memory()

    async def ask(path: str) -> tuple[float, bytes]:
        """Seconds of the processor, and the answer, which must be a good one."""
        split = urlsplit(path)
        said: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            if said and not said[-1].get("more_body"):
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            said.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": unquote(split.path), "raw_path": split.path.encode(), "query_string": split.query.encode(), "root_path": "",
            "headers": [(b"host", split.netloc.encode() or b"127.0.0.1:8000")], "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 8000),
        }  # fmt: skip
        used = time.process_time()
        await app(scope, receive, send)
        used = time.process_time() - used
        body = b"".join(message.get("body", b"") for message in said)
        assert said[0]["status"] == 200, (path, said[0]["status"], body[:300])
        return used, body

    cases = [case async for case in _cases(ask, size, rounds)]
    spent: dict[str, list[float]] = {case.what: [] for case in cases}
    sizes: dict[str, int] = {}
    for turn in range(rounds):
        for case in cases:
            if turn < len(case.paths):
                used, body = await ask(case.paths[turn])
                spent[case.what].append(used)
                sizes[case.what] = len(body)
    queues.close()
    floor = statistics.median(spent[_FLOOR])
    print(f"\n{size:,} records, CPU of the app; memory at most {began:,.0f} MB before, {_most_memory():,.0f} after\n")
    print("| asked | median us | 95 % us | of our list | bytes |\n| --- | ---: | ---: | ---: | ---: |")
    for case in cases:
        each = sorted(spent[case.what])
        high = each[min(len(each) - 1, int(0.95 * len(each)))]
        middle = statistics.median(each)
        print(
            f"| {case.what} | {middle * 1e6:,.0f} | {high * 1e6:,.0f} | {middle / floor:.1f} | {sizes[case.what]:,} |"
        )


async def _cases(ask: Any, size: int, rounds: int) -> Any:
    chance = random.Random(7)
    # White space before a query means nothing, and makes it another one to who keeps answers.
    blanks = [f"{number:08b}".replace("0", "%20").replace("1", "%09") for number in range(rounds)]
    yield _Case(_FLOOR, [f"/models?limit=50&q={blank}" for blank in blanks])
    yield _Case("our list of 50, again", ["/models?limit=50"] * rounds)
    # Who asks by another address is led by that one.
    yield _Case("the whole catalog", [f"//127.0.0.1:{8001 + number}/{WELL_KNOWN}" for number in range(rounds)])
    yield _Case("the whole catalog, again", [f"/{WELL_KNOWN}"] * rounds)
    digits = len(f"{size // 32:x}")
    parts = chance.sample(range(16**digits), rounds)
    deepest: list[str] = []
    for part in parts:
        name = f"{part:0{digits}x}"
        while b"Records whose ids begin" in (await ask(f"/catalog/{name}.json"))[1][:400]:
            name += f"{chance.randrange(16):x}"
        deepest.append(name)
    # One digit more or less leads to other parts, and none of them is kept.
    yield _Case("a part with records", [f"/catalog/{name[:-1]}{int(name[-1], 16) ^ 1:x}.json" for name in deepest])
    yield _Case("a part with few", [f"/catalog/{name}{chance.randrange(16):x}.json" for name in deepest])
    yield _Case("a part that is divided", [f"/catalog/{part:02x}.json" for part in chance.sample(range(256), rounds)])
    first = json.loads((await ask(f"{_SERVERS}?limit=100"))[1])
    cursors = [first["metadata"]["nextCursor"]]
    for _ in range(rounds):
        after = json.loads((await ask(f"{_SERVERS}?limit=1&cursor={cursors[-1]}"))[1])
        cursors.append(after["metadata"]["nextCursor"])
    changed, last = (int(part) for part in cursors[-1].split("."))
    lists = [f"{changed}.{last - 300 * (number + 1)}" for number in range(rounds)]
    yield _Case("50 servers", [f"{_SERVERS}?limit=50&cursor={cursor}" for cursor in lists])
    yield _Case("50 servers, again", [f"{_SERVERS}?limit=50"] * rounds)
    deep = [f"{NOW - 10_000 + size * 3 // 4 // _BATCH}.{-size * 3 // 4 - 300 * number}" for number in range(rounds)]
    yield _Case("50 servers, deep", [f"{_SERVERS}?limit=50&cursor={cursor}" for cursor in deep])
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - 10_000 + size // 2 // _BATCH))
    yield _Case("50 servers, changed since", [f"{_SERVERS}?limit=50&updated_since={since}"] * rounds)
    names = [json.loads(json.dumps(each["server"])) for each in first["servers"]]
    words = [quote(name["title"].split("-")[0][:5]) for name in names]
    yield _Case("50 servers, of a word", [f"{_SERVERS}?limit=50&search={word}" for word in words[:rounds]])
    yield _Case("50 servers, of no name", [f"{_SERVERS}?limit=50&search=none%20{n}" for n in range(rounds)])
    yield _Case("a server", [f"{_SERVERS}/{quote(name['name'], '')}/versions/latest" for name in names[:rounds]])


def _write_files(datastore: Datastore) -> None:
    with tempfile.TemporaryDirectory(prefix="tui-registry-catalog-") as folder:
        for what in ("all files", "the same again"):
            used, before = time.process_time(), _most_memory()
            done = write_catalog(datastore, folder, "https://registry.example")
            used = time.process_time() - used
            print(
                f"{what}: {done.records:,} records, {done.catalogs:,} catalogs, {done.written:,} files written, "
                f"{done.bytes / 1e6:,.0f} MB, {used:,.1f} s of the processor, {before:,.0f} -> {_most_memory():,.0f} MB"
            )


def _most_memory() -> float:
    """The most that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
