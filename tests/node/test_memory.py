"""What a node keeps in memory for strangers, and what they can make it take."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.node.conftest import client, refused
from tests.sync.logs import ALICE, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.node import NodeBounds, running
from tui_registry.node.requests import etag_of
from tui_registry.sync.tiles import Span, pack


@pytest.mark.parametrize(
    ("room", "asked", "read"),
    [
        (3.5, [0, 0, 1, 1, 2, 0, 1, 2], [0, 1, 2]),
        (2.5, [0, 1, 0, 2, 0, 1], [0, 1, 2, 1]),  # what was not asked for the longest goes first
        (1.5, [0, 0, 1, 1, 0, 0], [0, 1, 0]),
        (0.5, [0, 0, 1, 1], [0, 0, 1, 1]),
    ],
)
def test_tiles_are_kept_as_far_as_the_bound_allows(
    store: Datastore, monkeypatch: pytest.MonkeyPatch, room: float, asked: list[int], read: list[int]
) -> None:
    lines = bodies(roots(ALICE, 30))
    store.apply(lines, source="test")
    names = ["0.10", "0.10-20", "0.20-30"]
    packed = [pack(lines[:10]), pack(lines[10:20]), pack(lines[20:])]
    found: list[int] = []
    log_lines = store.log.lines

    def watched(start: int, stop: int) -> list[bytes]:
        found.append(start // 10)
        return log_lines(start, stop)

    monkeypatch.setattr(store.log, "lines", watched)
    beside = 1_500  # of each, what a short one is kept with
    bounds = NodeBounds(tile_cache_bytes=int(room * (max(map(len, packed)) + beside)))
    with running(store, bounds=bounds) as address, client(address) as reader:
        for tile in asked:
            path = f"/sync/{store.log.head().epoch}/entries/{names[tile]}.ndjson.gz"
            assert reader.get(path).content == packed[tile]
    assert found == read


def test_a_tile_is_packed_and_hashed_once_for_all_who_ask(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = bodies(roots(ALICE, 10))
    store.apply(lines, source="test")
    at_once = 5
    asked: list[str] = []
    all_asked = threading.Event()
    reads: list[int] = []
    hashed: list[bytes] = []
    from_name, log_lines = Span.from_name, store.log.lines

    def heard(name: str) -> Span | None:
        asked.append(name)
        if len(asked) == at_once:
            all_asked.set()
        return from_name(name)

    def read(start: int, stop: int) -> list[bytes]:
        assert all_asked.wait(timeout=60)
        reads.append(start)
        return log_lines(start, stop)

    def hash_of(content: bytes) -> str:
        hashed.append(content)
        return etag_of(content)

    monkeypatch.setattr(Span, "from_name", heard)
    monkeypatch.setattr(store.log, "lines", read)
    monkeypatch.setattr("tui_registry.node.log_routes.etag_of", hash_of)
    path = f"/sync/{store.log.head().epoch}/entries/0.10.ndjson.gz"
    with running(store) as address, client(address) as reader, ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(reader.get, [path] * at_once))
    assert [answer.content for answer in answers] == [pack(lines)] * at_once
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert (reads, hashed) == ([0], [pack(lines)])


@pytest.mark.parametrize("line", [b"\n", b"xx\n"], ids=["empty", "short"])
def test_a_push_of_nothing_but_lines_is_refused_before_they_are_told_apart(store: Datastore, line: bytes) -> None:
    body = line * (2_000_000 // len(line))
    bounds = NodeBounds(push_bytes=len(body))
    with running(store, accept_ops=True, bounds=bounds) as address, client(address) as caller:
        caller.get("/health")  # what is imported or made once does not count
        tracemalloc.start()
        try:
            refused(caller.post("/sync/ops", content=body), 413, "too_large")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 5 * len(body)
