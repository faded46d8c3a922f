"""Peers share an event loop with the screens and with each other: none holds it, whatever it sends, and none is waited
for at the end."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import h11
import pytest

from tests.sync.hostile import Ask, Reply, honest, hostile
from tests.sync.logs import ALICE, FakeLog, roots
from tests.trust.peers import served
from tui_registry.datastore import Datastore
from tui_registry.sync import Bounds, Event, Started, publish, pull, pull_all
from tui_registry.sync.http_transport import HttpTransport

HEAD = b'{"epoch":"%s","size":0,"fingerprint":"%s","node":"%s"}' % (b"e" * 32, b"0" * 64, b"a" * 40)
FLOODS = {
    "chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"1\r\n \r\n" * 60_000
    + b"%x\r\n%s\r\n0\r\n\r\n" % (len(HEAD), HEAD),
    "1xx": b"HTTP/1.1 102 P\r\n\r\n" * 20_000 + b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(HEAD), HEAD),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_an_answer_in_countless_pieces_leaves_others_their_turns(
    monkeypatch: pytest.MonkeyPatch, flood: str
) -> None:
    parsed = at_once = 0
    parse = h11.Connection.next_event

    def counted(connection: h11.Connection) -> object:
        nonlocal parsed
        parsed += 1
        return parse(connection)

    async def others() -> None:
        nonlocal parsed, at_once
        while True:
            parsed = 0
            await asyncio.sleep(0)
            at_once = max(at_once, parsed)

    async def answer(ask: Ask, reply: Reply) -> None:
        await reply.raw(FLOODS[flood])

    monkeypatch.setattr(h11.Connection, "next_event", counted)
    with served(answer) as url:
        async with HttpTransport("them", url, Bounds()) as transport:
            beside = asyncio.create_task(others())
            looked = await transport.head()
            beside.cancel()
    assert looked is not None
    assert looked.head.size == 0
    assert at_once < 600


async def test_a_drive_that_does_not_answer_keeps_nothing_from_ending(
    here: Datastore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(here, tmp_path / "stick")
    here.peers.add("stick", str(tmp_path / "stick"))
    readers: list[threading.Thread] = []
    answers = threading.Event()
    read = os.read

    def hang(file: int, count: int) -> bytes:
        readers.append(threading.current_thread())
        answers.wait()
        return read(file, count)

    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "read", hang)
            result = await pull(here, "stick", bounds=Bounds(head_seconds=0.1))
        assert result.error is not None
        assert (result.error.code, len(readers)) == ("timeout", 1)
        # What waits for threads at the end of a loop, or of the program, waits for others only.
        assert readers[0].daemon
    finally:
        answers.set()
    readers[0].join()
    assert (await pull(here, "stick")).ok


async def test_a_peer_that_is_removed_while_it_waits_for_its_turn_ends_nobody_elses(here: Datastore) -> None:
    log = FakeLog.of(roots(ALICE, 3))

    def emit(event: Event) -> None:
        if isinstance(event, Started) and "second" in {peer.name for peer in here.peers.all()}:
            here.peers.remove("second")

    async with hostile(honest(log)) as first, hostile(honest(log)) as second, hostile(honest(log)) as third:
        for name, peer in (("first", first), ("second", second), ("third", third)):
            here.peers.add(name, peer.url)
        results = await pull_all(here, emit=emit, bounds=Bounds(peers_at_once=1))
    assert [None if result.error is None else result.error.code for result in results] == [None, "not_found", None]
    assert here.peers.get("third").identical
