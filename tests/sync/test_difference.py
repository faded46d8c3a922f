"""Two logs are compared, pulled and pushed at a cost that grows with their difference, not with the logs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sync.conftest import Open
from tests.sync.lines import Line, line_to
from tests.sync.logs import ALICE, BOB, T0, bodies, edit, roots
from tui_registry.crdt.sets import SYMBOL_BYTES, Symbols, decode
from tui_registry.datastore import Datastore
from tui_registry.errors import Json
from tui_registry.node import running
from tui_registry.sync import PullResult, difference, publish, pull, push
from tui_registry.sync.http_transport import HttpTransport
from tui_registry.sync.tiles import Answered, pack

COMMON = roots(ALICE, 640)
OURS = roots(BOB, 60, "ours")
THEIRS = roots(BOB, 60, "theirs")


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica with what both have. A test takes copies."""
    folder = tmp_path_factory.mktemp("common") / "replica"
    with Datastore.open(folder, clock=lambda: T0 + 1000) as store:
        assert store.apply(bodies(COMMON), source="test").applied == len(COMMON)
    return folder


@pytest.fixture
def copied(common: Path, tmp_path: Path, replica: Open) -> Open:
    """Opens replicas by name with what both have, each with an epoch of its own."""

    def opened(name: str) -> Datastore:
        shutil.copytree(common, tmp_path / name)
        store = replica(name)
        store.log.renew_epoch()
        return store

    return opened


async def pulled(here: Datastore, line: Line) -> PullResult:
    line.forget()
    if not here.peers.all():
        here.peers.add("them", line.url)
    result = await pull(here, "them")
    assert result.error is None
    return result


def sets(*stores: Datastore) -> set[str]:
    return {store.log.head().fingerprint for store in stores}


async def test_an_unknown_peer_with_the_same_set_costs_one_trip(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    with running(there) as node:
        async with line_to(node.url) as line:
            result = await pulled(here, line)
            assert (line.trips, result.read, result.applied) == (1, 0, 0)
            assert line.bytes < 3_000
            assert here.peers.get("them").identical
            await pulled(here, line)
            assert (line.trips, line.bytes < 600) == (1, True)


async def test_scattered_differences_cost_three_trips_and_little_beside_them(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS), source="test")
    there.apply(bodies(THEIRS), source="test")
    with running(there) as node:
        async with line_to(node.url) as line:
            result = await pulled(here, line)
            assert (result.read, result.applied, result.rejected) == (0, 60, 0)
            assert line.trips <= 3
            assert line.bytes < 20_000 + len(pack(bodies(THEIRS)))
            assert here.peers.get("them").next_index == 700
            # What came once is passed over, and what comes then is read as ever.
            there.apply(bodies([edit(ALICE, COMMON[0], description="new")]), source="test")
            assert (await pulled(here, line)).read == 1


async def test_a_peer_that_was_put_back_costs_little(copied: Open, replica: Open, tmp_path: Path) -> None:
    here, there = copied("here"), copied("there")
    backup = tmp_path / "backup"
    shutil.copytree(there.data_dir, backup)
    there.apply(bodies(THEIRS), source="test")
    with running(there) as node:
        async with line_to(node.url) as line:
            assert (await pulled(here, line)).applied == 60
    restored = replica("backup")
    restored.apply(bodies(OURS[:3]), source="test")
    with running(restored) as node:
        async with line_to(node.url) as line:
            here.peers.remove("them")
            here.peers.add("them", line.url)
            result = await pulled(here, line)
            assert (result.read, result.applied) == (0, 3)
            assert line.bytes < 20_000


@contextmanager
def serving(there: Datastore) -> Iterator[str]:
    with running(there, accept_ops=True) as node:
        yield node.url


@pytest.mark.parametrize("count", [1, 60])
async def test_a_push_sends_what_the_peer_lacks_and_nothing_comes_back(copied: Open, count: int) -> None:
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS[:count]), source="test")
    with serving(there) as url:
        async with line_to(url) as line:
            here.peers.add("them", line.url)
            result = await push(here, "them")
            assert (result.offered, result.applied) == (count, count)
            assert line.bytes < 5_000 + 1.1 * len(pack(bodies(OURS[:count])))
            assert sets(here, there) == {here.log.head().fingerprint}
            back = await pulled(here, line)
            assert (back.read, back.known, line.bytes < 2_000) == (0, 0, True)


async def test_a_push_among_others_ops_sends_what_the_peer_lacks(copied: Open) -> None:
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS), source="test")
    there.apply(bodies(THEIRS), source="test")
    with serving(there) as url:
        async with line_to(url) as line:
            here.peers.add("them", line.url)
            assert (await push(here, "them")).offered == 60
            back = await pulled(here, line)
            assert (back.read, back.applied, back.known) == (0, 60, 0)
            assert (await push(here, "them")).offered == 0
            # What is written now is pushed right behind what is known of the peer's log.
            here.apply(bodies([edit(BOB, OURS[0], description="new")]), source="test")
            assert (await push(here, "them")).offered == 1
            assert (await pulled(here, line)).read == 0
    assert len(sets(here, there)) == 1


async def test_what_the_second_of_three_peers_has_too_is_read_once(copied: Open) -> None:
    here, one, other = copied("here"), copied("one"), copied("other")
    one.apply(bodies(THEIRS), source="test")
    other.apply(bodies(THEIRS[30:] + OURS), source="test")
    with running(one) as first, running(other) as second:
        here.peers.add("one", first.url)
        here.peers.add("other", second.url)
        results = [await pull(here, name) for name in ("one", "other")]
    # What the first one's log ends in is read as ever, as it begins with all that is here.
    assert [(result.applied, result.known, result.read) for result in results] == [(60, 0, 60), (60, 0, 0)]
    assert all(peer.next_index == peer.their_size for peer in here.peers.all())


def test_a_question_about_an_earlier_size_is_answered_as_it_was(copied: Open) -> None:
    there = copied("there")
    head = there.log.head()
    question = difference.read_question({"epoch": head.epoch, "size": head.size, "symbols": [0, 50]})
    before = difference.answer(there, head, question)
    there.apply(bodies(THEIRS), source="test")
    now = there.log.head()
    assert difference.answer(there, now, question) == before
    parts = difference.read_question(
        {"epoch": head.epoch, "size": head.size, "symbols": [0, 50], "prefixes": [2, 0, 4]}
    )
    _, data = difference.answer(there, now, parts)
    ours = Symbols(50)
    ours.add_all(there.log.hashes_under(b"\xc0", 2, head.size))
    assert decode(data[3 * 50 * SYMBOL_BYTES :], ours) == (frozenset(), frozenset())


@pytest.mark.parametrize("listed", [False, True], ids=["symbols of parts", "lists of parts"])
async def test_more_differences_than_the_symbols_tell_are_found_by_parts(
    copied: Open, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """As with thousands of differences, and few symbols in place of 4,096."""
    monkeypatch.setattr(difference, "SYMBOLS", 64)
    monkeypatch.setattr(difference, "_IN_A_PART", 16)
    monkeypatch.setattr(difference, "LISTED_BYTES", 8 if listed else 32)
    here, there = copied("here"), copied("there")
    here.apply(bodies(OURS), source="test")
    there.apply(bodies(THEIRS), source="test")
    asked: list[str] = []
    whole = HttpTransport.difference

    async def noted(transport: HttpTransport, question: dict[str, Json], most: int) -> Answered | None:
        asked.extend(question)
        return await whole(transport, question, most)

    monkeypatch.setattr(HttpTransport, "difference", noted)
    monkeypatch.setattr(difference, "MOST_SKETCHED", 400)
    with running(there) as node:
        async with line_to(node.url) as line:
            result = await pulled(here, line)
    assert (result.read, result.applied, result.known) == (0, 60, 0)
    assert ("prefixes" in asked, "listed" in asked) == (True, listed)


async def test_a_published_log_is_read_by_its_hashes(copied: Open, tmp_path: Path) -> None:
    here, there = copied("here"), copied("there")
    there.apply(bodies(THEIRS), source="test")
    publish(there, tmp_path / "stick")
    here.peers.add("usb", str(tmp_path / "stick"))
    result = await pull(here, "usb")
    assert (result.read, result.applied, result.known) == (0, 60, 0)
    tail = (tmp_path / "stick/sync" / there.log.head().epoch / "entries" / "2.188.ndjson.gz").stat().st_size
    assert result.bytes < tail + 32 * 700 + 1_000
    assert here.peers.get("usb").next_index == 700
