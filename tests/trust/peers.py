"""Pulling from logs that say anything, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

from tests.crdt import model
from tests.sync.hostile import Answer, Ask, Reply, honest, hostile
from tests.sync.logs import FakeLog
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, PullResult, pull, pull_all


def log_of(lines: Sequence[bytes]) -> FakeLog:
    """A log of these lines whose head adds up, as far as lines that are no operations allow."""
    total = 0
    for line in lines:
        tail = line[-100:].rpartition(b'"hash":"')[2][:64]
        total += int(tail, 16) if len(tail) == 64 and set(tail) <= set(b"0123456789abcdef") else 0
    return FakeLog(list(lines), f"{total % 2**256:064x}")


def answering(lines: Iterable[bytes], log: FakeLog | None = None) -> Answer:
    """A node with this log (an empty one) that answers questions for any of `lines`."""
    by_hash = {fact.hash: line for line in lines if isinstance(fact := model.judge(line), model.Fact)}
    entries = honest(log or log_of([]))

    async def answer(ask: Ask, reply: Reply) -> None:
        if ask.path == "/sync/ops/get":
            found = [by_hash[name] for name in json.loads(ask.body)["hashes"] if name in by_hash]
            await reply.whole(200, b"".join(line + b"\n" for line in found))
        else:
            await entries(ask, reply)

    return answer


async def pull_lines(here: Datastore, name: str, lines: Sequence[bytes]) -> PullResult:
    """Pull once from a peer of that name with that log; the peer is made where there is none."""
    return await pull_from(here, name, honest(log_of(lines)))


async def pull_from(here: Datastore, name: str, answer: Answer, bounds: Bounds | None = None) -> PullResult:
    """Pull once from whoever answers so, as a peer of that name that stays known afterwards."""
    async with AsyncExitStack() as stack:
        if name in {known.name for known in here.peers.all()}:
            here.peers.remove(name)
        here.peers.add(name, await _url_of(stack, here, answer))
        return await pull(here, name, bounds=bounds)


async def pull_from_all(here: Datastore, answers: dict[str, Answer], bounds: Bounds | None = None) -> list[PullResult]:
    """Pull once from all of them together."""
    async with AsyncExitStack() as stack:
        for name, answer in answers.items():
            here.peers.add(name, await _url_of(stack, here, answer))
        return await pull_all(here, bounds=bounds)


async def _url_of(stack: AsyncExitStack, here: Datastore, answer: Answer) -> str:
    """Where such a peer listens. A port that was closed may be given out again, while its peer is still known."""
    while True:
        url = (await stack.enter_async_context(hostile(answer))).url
        if url not in {known.address for known in here.peers.all()}:
            return url


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """The URL of a peer that answers so, in a thread of its own: for commands that run a loop themselves."""
    ready, done = threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with hostile(answer) as peer:
            urls.append(peer.url)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield urls[0]
    finally:
        done.set()
        thread.join()
