"""Taking in a bulk: cheaper in all, and as durable; afterwards everything is as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.replica.conftest import Clock
from tests.seeds import owner, signed
from tui_registry.datastore import DATABASE, Datastore
from tui_registry.replica.log.arrivals import collecting_seldom
from tui_registry.replica.store.connection import Pool

_MEGABYTE = 2**20


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    Datastore.open(tmp_path).close()
    opened = Pool(tmp_path / DATABASE)
    yield opened
    opened.close()


def _write(pool: Pool, megabytes: int, *, bulk: bool) -> None:
    with pool.write(bulk=bulk) as db:
        db.execute("CREATE TABLE IF NOT EXISTS ballast (body BLOB)")
        db.executemany("INSERT INTO ballast VALUES (zeroblob(?))", [(_MEGABYTE,)] * megabytes)


def test_a_bulk_leaves_its_pages_in_the_wal_and_the_next_ordinary_write_moves_them(pool: Pool) -> None:
    log = pool.path.with_name(f"{DATABASE}-wal")
    before = pool.path.stat().st_size
    _write(pool, 24, bulk=True)
    assert pool.path.stat().st_size == before
    assert log.stat().st_size > 24 * _MEGABYTE
    _write(pool, 1, bulk=False)
    assert pool.path.stat().st_size > 24 * _MEGABYTE
    _write(pool, 1, bulk=False)
    assert log.stat().st_size <= 16 * _MEGABYTE


def test_what_a_bulk_committed_is_there_for_others_at_once(pool: Pool) -> None:
    _write(pool, 2, bulk=True)
    other = Pool(pool.path)
    with other.read() as db:
        assert db.execute("SELECT count(*) FROM ballast").fetchone() == (2,)
    other.close()


@pytest.fixture
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("thresholds")
def test_the_collector_is_as_before_when_the_last_of_several_bulks_has_ended() -> None:
    before = (700, 10, 10)
    gc.set_threshold(*before)
    with collecting_seldom():
        one, other = collecting_seldom(), collecting_seldom()
        one.__enter__()
        other.__enter__()
        assert gc.get_threshold() > before
        one.__exit__(None, None, None)
        other.__exit__(None, None, None)
        assert gc.get_threshold() > before
    assert gc.get_threshold() == before


@pytest.mark.usefixtures("thresholds")
def test_a_collector_that_runs_more_seldom_still_is_left_alone() -> None:
    gc.set_threshold(10**7, 10, 10)
    with collecting_seldom():
        assert gc.get_threshold() == (10**7, 10, 10)


def test_a_push_of_thousands_gives_back_what_a_bulk_holds(tmp_path: Path, clock: Clock) -> None:
    """A node that is only pushed to has no other write that would."""
    author = owner("pusher")
    with Datastore.open(tmp_path, clock=clock) as datastore:
        datastore.apply(signed(author, "model", f"model-{number}").to_json() for number in range(1_100))
        writer = datastore._pool._writer
        assert writer is not None
        assert writer.execute("PRAGMA cache_size").fetchone() == (-16_384,)
        assert writer.execute("PRAGMA wal_autocheckpoint").fetchone() == (1_000,)


def test_ops_that_come_in_bulk_are_stored_as_those_that_come_one_by_one(tmp_path: Path, clock: Clock) -> None:
    author = owner("bulk")
    lines = [signed(author, "model", f"model-{number}").to_json() for number in range(1_100)]
    with (
        Datastore.open(tmp_path / "bulk", clock=clock) as bulk,
        Datastore.open(tmp_path / "few", clock=clock) as few,
    ):
        assert bulk.apply(lines).applied == 1_100
        for start in range(0, 1_100, 100):
            few.apply(lines[start : start + 100])
        assert bulk.log.head()._replace(epoch="", node="") == few.log.head()._replace(epoch="", node="")
        assert bulk.search("model-77").rows == few.search("model-77").rows
        assert bulk.verify().sound
