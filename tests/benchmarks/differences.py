"""What it costs two replicas to find out what they differ in, and to give it to one another: bytes both ways and trips beside
the operations themselves, and CPU of both sides; as between programs of today, and as with a node of 0.1.

    python -m tests.benchmarks.differences [OPS...]
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from tests.benchmarks.data import op_lines
from tests.sync.hostile import Ask, Reply, hostile
from tests.sync.lines import Line, line_to
from tui_registry.crdt.sets import LtHash, Symbols
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.node import NodeBounds, running
from tui_registry.sync import pull, push
from tui_registry.sync.bounds import TILE_OPS
from tui_registry.sync.tiles import pack

# A few owners wrote all of it.
_UNRATIONED = NodeBounds(push_owner_ops=2**50, push_owner_bytes=2**50, push_day_ops=2**50, push_day_bytes=2**50)
_OF_0_1 = ("epoch", "size", "fingerprint", "node", "ranges")


@asynccontextmanager
async def _old(url: str) -> AsyncIterator[str]:
    """A relay that makes a node one of 0.1."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=300) as behind:

        async def relay(ask: Ask, reply: Reply) -> None:
            if ask.path == "/sync/difference":
                await reply.whole(404)
                return
            kind = {"content-type": ask.headers["content-type"]} if ask.body else {}
            answer = await behind.request(ask.method, ask.path, content=ask.body, headers=kind)
            content = answer.content
            if ask.path == "/sync/head":
                told = json.loads(content)
                content = json.dumps({name: told[name] for name in _OF_0_1}).encode()
            await reply.whole(answer.status_code, content)

        async with hostile(relay) as peer:
            yield peer.url


class _Bench:
    """Replicas of one size, and the lines between them."""

    def __init__(self, work: Path, size: int, *, is_old: bool) -> None:
        self.common = work / f"common-{size}"
        self._work = work
        self._number = 0
        self._is_old = is_old

    def opened(self, more: Sequence[bytes], of: Path | None = None) -> Datastore:
        """A replica with what all have, and this; its log has an epoch of its own."""
        self._number += 1
        folder = self._work / f"{self.common.name}-{self._is_old}-{self._number}"
        shutil.copytree(of or self.common, folder)
        store = Datastore.open(folder)
        store.log.renew_epoch()
        store.apply(more, source="bench")
        return store

    async def case(
        self,
        what: str,
        here: Datastore,
        theirs: Sequence[Datastore],
        deed: Callable[[list[str]], Awaitable[None]],
        floor: int,
    ) -> None:
        """Do it over lines to these nodes, and print what it cost beside `floor` bytes of operations."""
        async with AsyncExitStack() as stack:
            lines: list[Line] = []
            names = []
            for number, there in enumerate(theirs):
                node = stack.enter_context(running(there, accept_ops=True, bounds=_UNRATIONED))
                url = await stack.enter_async_context(_old(node.url)) if self._is_old else node.url
                lines.append(await stack.enter_async_context(line_to(url)))
                names.append(f"peer-{number}")
                if names[-1] in {peer.name for peer in here.peers.all()}:
                    here.peers.remove(names[-1])
                here.peers.add(names[-1], lines[-1].url)
            began, cpu = time.monotonic(), time.process_time()
            await deed(names)
            spent, cpu = time.monotonic() - began, time.process_time() - cpu
        both, trips = sum(line.bytes for line in lines), sum(line.trips for line in lines)
        way = "0.1" if self._is_old else "now"
        ratio = f"{both / floor:7.3f}" if floor else " " * 7
        print(
            f"  {what:34} {way}  {both:12,} bytes  {both - floor:12,} beside the ops {ratio}  {trips:4} trips "
            f"{cpu:7.2f} s of CPU {spent:7.2f} s",
            flush=True,
        )


async def _pull(here: Datastore, names: list[str]) -> None:
    for name in names:
        result = await pull(here, name)
        assert result.error is None, result.sentence


async def _push(here: Datastore, names: list[str]) -> None:
    for name in names:
        await push(here, name)


def _packed(lines: Sequence[bytes]) -> int:
    return sum(len(pack(lines[at : at + TILE_OPS])) for at in range(0, len(lines), TILE_OPS))


async def _cases(work: Path, size: int, every: list[bytes], *, is_old: bool) -> None:
    bench = _Bench(work, size, is_old=is_old)
    extra = every[size:]
    ours, theirs = extra[:50], extra[50:100]
    many = extra[100:1_100]

    async def one(
        what: str,
        mine: Sequence[bytes],
        others: Sequence[bytes],
        moved: Sequence[bytes],
        deed: Callable[[Datastore, list[str]], Awaitable[None]] = _pull,
    ) -> None:
        with bench.opened(mine) as here, bench.opened(others) as there:
            await bench.case(what, here, [there], lambda names: deed(here, names), _packed(moved))
            if deed is _push:
                with running(there) as node:
                    async with line_to(node.url) as line:
                        here.peers.remove("peer-0")
                        here.peers.add("peer-0", line.url)
                        await _pull(here, ["peer-0"])

    await one("the same set, an unknown peer", [], [], [])
    await one("100 scattered", ours, theirs, theirs)
    await one("1,000 that only we have", many, [], [])
    await one("1,000 that only they have", [], many, many)
    await one("1,000 scattered", many[:500], many[500:], many[500:])
    await one("push of 1", ours[:1], [], ours[:1], _push)
    await one("push of 999", many[:999], [], many[:999], _push)
    await one("push of 999 to one that has others", many[:999], theirs, many[:999], _push)
    if len(extra) >= 1_100 + 3 * (size // 10):
        tenth = size // 10
        parts = [extra[1_100 + at * tenth : 1_100 + (at + 1) * tenth] for at in range(3)]
        with bench.opened(parts[0]) as one_, bench.opened(parts[1]) as two, bench.opened(parts[2]) as three:
            folder = work / f"empty-{is_old}-{size}"
            with Datastore.open(folder) as here:
                floor = _packed(every[:size]) + sum(map(_packed, parts))
                peers = [one_, two, three]
                await bench.case("three peers of 90 % overlap", here, peers, lambda names: _pull(here, names), floor)

    # A restored peer, and what comes back after a push.
    with bench.opened(many) as there:
        backup = work / f"backup-{is_old}-{size}"
        shutil.copytree(bench.common, backup)
        with bench.opened([]) as here, Datastore.open(backup) as restored:
            restored.log.renew_epoch(None, there.log.head().epoch)
            restored.apply(ours[:1], source="bench")
            await bench.case("(before)", here, [there], lambda names: _pull(here, names), _packed(many))
            with running(restored) as node:
                async with AsyncExitStack() as stack:
                    url = await stack.enter_async_context(_old(node.url)) if is_old else node.url
                    line = await stack.enter_async_context(line_to(url))
                    (peer,) = here.peers.all()
                    await _moved(here, peer.name, line, is_old)


async def _moved(here: Datastore, name: str, line: Line, is_old: bool) -> None:
    """The peer answers elsewhere now; its cursor is as it was."""
    with sqlite3.connect(here.data_dir / DATABASE) as db:
        db.execute("UPDATE peers SET address = ? WHERE name = ?", (line.url, name))
    cpu = time.process_time()
    await _pull(here, [name])
    cpu = time.process_time() - cpu
    print(
        f"  {'restored 1,000 back, and written to':34} {'0.1' if is_old else 'now'}  {line.bytes:12,} bytes {'':34} {line.trips:4} trips "
        f"{cpu:7.2f} s of CPU",
        flush=True,
    )


def _keeping(every: Sequence[bytes]) -> None:
    hashes = [hashlib.sha3_256(line).digest() for line in every[:10_000]]
    began = time.process_time()
    LtHash().add_all(hashes)
    middle = time.process_time()
    Symbols().add_all(hashes)
    end = time.process_time()
    each = 1e6 / len(hashes)
    print(f"kept for each op: set {each * (middle - began):.1f} us, symbols {each * (end - middle):.1f} us of CPU")


async def _main(sizes: Sequence[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for size in sizes:
            every = op_lines(size + 1_100 + 3 * (size // 10))
            _keeping(every)
            print(f"{size:,} operations in common", flush=True)
            with Datastore.open(work / f"common-{size}") as store:
                store.apply(every[:size], source="bench")
                store.log.finish_sets(600)
            for is_old in (False, True):
                await _cases(work, size, every, is_old=is_old)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"  at most {peak:,} MB of memory, both sides", flush=True)


if __name__ == "__main__":
    asyncio.run(_main([int(word) for word in sys.argv[1:]] or [10_000]))
