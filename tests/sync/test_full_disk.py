"""A disk that fills up in the middle of a long work: what was written before it stays, and people are told how much."""

from __future__ import annotations

import random
import re
import sqlite3

import pytest

from tests.replica.replicas import rows
from tests.sync.hostile import honest, hostile
from tests.sync.logs import ALICE, FakeLog, bodies, root, roots
from tui_registry.datastore import Datastore, StoreError
from tui_registry.replica.log import arrivals
from tui_registry.replica.store.connection import Pool
from tui_registry.sync import Bounds, pull

# A tile that has room, and one that has not: digits of chance are stored in half the room at best.
_DIGITS = random.Random(7).randbytes(6_000 * 100 // 2).hex()
OPS = [
    *roots(ALICE, 256),
    *(root(ALICE, f"large-{n}", description=_DIGITS[n * 6_000 : (n + 1) * 6_000]) for n in range(100)),
]
TOLD = re.compile(
    r"the disk of \S+ is full: this was not written\. Make room and try again\. "
    r"(\d+) new operations were written before, and stay"
)


@pytest.fixture
def small_disk(here: Datastore, monkeypatch: pytest.MonkeyPatch) -> Datastore:
    """A replica whose database may have a few more pages than it has."""
    connect = Pool.connect
    (pages,) = rows(here, "PRAGMA page_count")[0]
    most = int(str(pages)) + 90

    def bounded(pool: Pool) -> sqlite3.Connection:
        connection = connect(pool)
        connection.execute(f"PRAGMA max_page_count = {most}")
        return connection

    monkeypatch.setattr(Pool, "connect", bounded)
    return here


async def test_a_pull_says_how_many_were_stored_before(small_disk: Datastore) -> None:
    async with hostile(honest(FakeLog.of(OPS))) as peer:
        small_disk.peers.add("them", peer.url)
        result = await pull(small_disk, "them", bounds=Bounds(batch_ops=32, batch_bytes=64_000))
    assert result.error is not None
    assert result.error.code == "disk_full"
    told = TOLD.search(result.sentence)
    assert told is not None, result.sentence
    assert int(told[1]) == small_disk.log.head().size > 0
    # What was fetched and found no room there keeps none from others.
    assert not (small_disk.data_dir / "incoming").exists()


def test_operations_of_a_file_likewise(small_disk: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_APPLIED_AT_ONCE", 32)
    with pytest.raises(StoreError) as caught:
        small_disk.apply(bodies(OPS), source="file")
    told = TOLD.search(caught.value.sentence)
    assert told is not None, caught.value.sentence
    assert int(told[1]) == small_disk.log.head().size > 0


def test_one_write_says_that_it_was_not_made(small_disk: Datastore) -> None:
    with pytest.raises(StoreError, match=r"is full: this was not written\. Make room and try again$"):
        small_disk.apply(bodies(OPS), source="file")
    assert small_disk.log.head().size == 0
