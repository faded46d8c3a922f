"""A node that begins: from tiles where the shared log says that they are its own, from that log where not. And who
publishes those tiles: a view that is the log to its end, while it holds the lease."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.hub.memory import MemoryLog
from tests.hub.test_publishing import Watched, held
from tests.hub.views import View, bodies, same_everywhere
from tests.sync.logs import ALICE, BOB, roots
from tui_registry.datastore import StoreError
from tui_registry.hub import starting
from tui_registry.hub.starting import start
from tui_registry.hub.store import Store
from tui_registry.hub.store_publishing import LEASE, HubPublisher, publish_to_store
from tui_registry.sync.publishing import Published, PublishError
from tui_registry.sync.tiles import pack

SIZE = 1300  # five full tiles


@dataclass
class Leases:
    """Whose they are."""

    held: dict[str, str] = field(default_factory=dict)

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        return self.held.setdefault(name, holder) == holder

    def release(self, name: str, holder: str) -> None:
        if self.held.get(name) == holder:
            del self.held[name]


@dataclass
class Hub:
    """A shared log with one view, and a store with its tiles."""

    log: MemoryLog
    view: View
    memory: Watched
    leases: Leases

    @property
    def store(self) -> Store:
        return Store(self.memory, "memory")

    def tile(self, number: int) -> str:
        return f"sync/{self.log.head().epoch}/entries/{number}.ndjson.gz"

    def publish(self) -> Published | None:
        with HubPublisher(self.view.store, self.store, self.leases, "first") as publisher:
            return publisher.publish()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MemoryLog]:
    """A folder and its hub's log, to be copied."""
    folder, log = tmp_path_factory.mktemp("made") / "first", MemoryLog()
    view = View(folder, log)
    view.store.apply([op.to_json() for op in roots(ALICE, SIZE)], source="test")
    view.close()
    return folder, log


@pytest.fixture
def hub(made: tuple[Path, MemoryLog], tmp_path: Path) -> Iterator[Hub]:
    folder, before = made
    shutil.copytree(folder, tmp_path / "first")
    log = MemoryLog()
    log.ops, log.head_now = list(before.ops), before.head_now
    of_test = Hub(log, View(tmp_path / "first", log), Watched(), Leases())
    yield of_test
    of_test.view.close()


# Beginning


def test_an_empty_folder_becomes_a_view_from_tiles_and_follows(hub: Hub, tmp_path: Path) -> None:
    hub.publish()
    second = View(tmp_path / "second", hub.log)
    asked: list[tuple[int, int]] = []
    real = hub.log.operations
    hub.log.operations = lambda first, stop: asked.append((first, stop)) or real(first, stop)  # type: ignore
    shown: list[tuple[int, int]] = []
    done = start(second.store, hub.store, progress=lambda *so_far: shown.append(so_far))
    assert (done.size, done.from_store, done.refused, done.why) == (SIZE, 1280, 0, "")
    assert min(first for first, _ in asked) >= 1279  # the chain so far
    assert shown[-1] == (SIZE, SIZE)
    same_everywhere([hub.view, second], hub.log)
    # And no more of the store than there is.
    hub.memory.gets.clear()
    assert start(second.store, hub.store).from_store == 0
    assert hub.memory.gets == []
    second.close()


def test_a_tile_that_is_not_the_shared_logs_is_taken_from_that(hub: Hub, tmp_path: Path) -> None:
    hub.publish()
    here = bodies(hub.view.store)
    hub.memory.put(hub.tile(1), pack(here[257:512] + here[256:257]))  # the same in another order
    hub.memory.put(hub.tile(2), b"no gzip")
    hub.memory.put(hub.tile(3), pack([b"x"] * 256))
    second = View(tmp_path / "second", hub.log)
    done = start(second.store, hub.store)
    assert (done.size, done.from_store, done.refused, done.why) == (SIZE, 512, 3, "")
    same_everywhere([hub.view, second], hub.log)
    second.close()


def test_where_the_store_is_away_or_empty_all_comes_from_the_shared_log(hub: Hub, tmp_path: Path) -> None:
    for name, store, why in (
        ("empty", Store(Watched(), "memory"), ""),
        ("away", Store(Failing(), "memory"), "memory cannot be reached, or does not answer in time"),
        ("none", None, ""),
    ):
        view = View(tmp_path / name, hub.log)
        done = start(view.store, store)
        assert (done.size, done.from_store) == (SIZE, 0)
        assert done.why.startswith(why)
        same_everywhere([hub.view, view], hub.log)
        view.close()


class Failing(Watched):
    def get(self, path, **more):  # type: ignore[no-untyped-def]
        from obstore.exceptions import GenericError

        raise GenericError("error sending request")


def test_who_is_killed_while_it_begins_goes_on_where_it_was(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_GROUP_OPS", 256)
    hub.publish()

    def killed(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    for number in range(5):
        view = View(tmp_path / "second", hub.log)
        assert view.store.log.head(make_key=False).size == number * 256
        with pytest.raises(KeyboardInterrupt):
            start(view.store, hub.store, progress=killed)
        view.close()
    # Where it followed a little meanwhile, it goes on within a tile.
    view = View(tmp_path / "third", hub.log)
    view.store.hub.follow(100)
    assert start(view.store, hub.store).from_store == 1280 - 100
    same_everywhere([hub.view, view], hub.log)
    view.close()


def test_a_copy_of_another_nodes_folder_begins_where_that_was(hub: Hub, tmp_path: Path) -> None:
    hub.publish()
    hub.view.close()
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    hub.view = View(tmp_path / "first", hub.log)
    hub.view.store.apply([op.to_json() for op in roots(BOB, 300)], source="test")
    copy = View(tmp_path / "copy", hub.log)
    done = start(copy.store, hub.store)
    assert done.size == SIZE + 300
    same_everywhere([hub.view, copy], hub.log)
    copy.close()


# Publishing


def test_only_the_holder_of_the_lease_publishes(hub: Hub) -> None:
    hub.leases.held[LEASE] = "another"
    assert hub.publish() is None
    assert held(hub.memory) == set()
    del hub.leases.held[LEASE]
    done = hub.publish()
    assert done is not None
    assert (done.tiles, done.head.size, hub.leases.held) == (6, SIZE, {})


def test_who_loses_the_lease_stops_before_the_head(hub: Hub) -> None:
    times = iter(range(0, 10_000, 20))

    def lost(path: str) -> None:
        if path.endswith(".gz"):
            hub.leases.held[LEASE] = "another"

    hub.memory.before_put = lost
    clock = lambda: float(next(times))  # noqa: E731
    with (
        pytest.raises(PublishError, match="another node publishes"),
        HubPublisher(hub.view.store, hub.store, hub.leases, "first", clock=clock) as publisher,
    ):
        publisher.publish()
    assert "sync/head" not in held(hub.memory)
    assert hub.leases.held == {LEASE: "another"}


def test_a_view_publishes_nothing_that_is_not_the_shared_log_to_its_end(hub: Hub, tmp_path: Path) -> None:
    second = View(tmp_path / "second", hub.log)
    with HubPublisher(second.store, hub.store, hub.leases, "second") as publisher:
        second.shaky.is_away = True
        with pytest.raises(StoreError):
            publisher.publish()
        assert held(hub.memory) == set()
        # It follows before it publishes.
        second.shaky.is_away = False
        done = publisher.publish()
        assert done is not None
        assert done.head.size == SIZE
        assert publisher.publish() is None
        # PostgreSQL put back to an older copy: the view has more than there is.
        hub.log.put_back(700)
        before = held(hub.memory)
        with pytest.raises(StoreError):
            publisher.publish()
        assert held(hub.memory) == before
    second.close()


def test_a_rewritten_log_is_published_under_its_new_epoch_and_the_old_tiles_go(hub: Hub) -> None:
    hub.publish()
    old = hub.log.head().epoch
    kept = [(op.hash, op.body) for op in hub.log.ops[300:]]
    hub.log.rewrite("c" * 32, kept)
    hub.view.store.hub.remake()
    done = hub.publish()
    assert done is not None
    assert (done.head.epoch, done.head.size) == ("c" * 32, SIZE - 300)
    assert not any(old in path for path in held(hub.memory))


def test_a_hub_publishes_nowhere_but_where_its_own_log_lies(hub: Hub, tmp_path: Path) -> None:
    hub.publish()
    before = held(hub.memory)
    # A clone of its PostgreSQL that went its own way: another id, and so another publisher.
    hub.log.head_now = hub.log.head_now._replace(hub="d" * 32)
    clone = View(tmp_path / "clone", hub.log)
    with (
        pytest.raises(PublishError, match="holds the log of a hub, not this one") as caught,
        HubPublisher(clone.store, hub.store, Leases(), "clone") as publisher,
    ):
        publisher.publish()
    assert (caught.value.code, held(hub.memory)) == ("foreign_log", before)
    clone.close()


def test_a_view_is_published_by_its_hub_alone(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="'hub publish' publishes that") as caught:
        publish_to_store(hub.view.store, hub.store)
    assert caught.value.code == "hub_view"


def test_a_replica_that_became_a_hub_goes_on_where_it_published(hub: Hub, tmp_path: Path) -> None:
    hub.view.store.hub.release()
    publish_to_store(hub.view.store, hub.store)
    head = hub.view.store.log.head()
    hub.log.rewrite(head.epoch, [(op.hash, op.body) for op in hub.log.ops])
    hub.view.store.hub.bind(hub.log.head())
    hub.memory.puts.clear()
    done = hub.publish()
    assert done is not None
    assert done.tiles == 0
    other = View(tmp_path / "alone", hub.log)
    other.store.hub.release()
    with pytest.raises(PublishError, match="holds the log of a hub"):
        publish_to_store(other.store, hub.store)
    other.close()


def test_a_hub_does_not_take_the_place_of_a_replicas_log_that_it_did_not_begin_with(hub: Hub) -> None:
    hub.view.store.hub.release()
    publish_to_store(hub.view.store, hub.store)
    before = held(hub.memory)
    hub.log.rewrite("c" * 32, [(op.hash, op.body) for op in hub.log.ops])
    hub.view.store.hub.bind(hub.log.head())
    with pytest.raises(PublishError, match="holds the log of another replica"):
        hub.publish()
    assert held(hub.memory) == before


def test_tiles_of_another_log_under_the_hubs_epoch_stop_the_publisher(hub: Hub, tmp_path: Path) -> None:
    hub.memory.put(hub.tile(0), pack([b"x"] * 256))
    with pytest.raises(PublishError, match="of another log"):
        hub.publish()
    assert "sync/head" not in held(hub.memory)
