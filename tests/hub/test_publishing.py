"""Logs in an object store: what is written, when, and who stops. The store is obstore's own, in memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.sync.conftest import Open, replica
from tests.sync.logs import ALICE, BOB, bodies, roots
from tests.sync.test_publish import files
from tui_registry.datastore import Datastore
from tui_registry.hub.store import BucketError, Store
from tui_registry.hub.store_publishing import publish_to_store
from tui_registry.sync import publish, publishing, pull
from tui_registry.sync.publishing import PublishError

__all__ = ["replica"]
obstore = pytest.importorskip("obstore", reason="needs obstore: pip install -e '.[hub]'")
stores = pytest.importorskip("obstore.store")


class Watched(stores.MemoryStore):
    """Counts what is asked of it, and may fail or forget conditions.

    Attributes:
        before_put: called with each path.
        has_conditions: whether it heeds them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before_put: Callable[[str], None] = lambda _: None
        self.has_conditions = True
        self.puts: list[str] = []
        self.gets: list[str] = []

    def put(self, path, file, *, mode=None, **more):  # type: ignore[no-untyped-def]
        self.before_put(path)
        self.puts.append(path)
        return super().put(path, file, mode=mode if self.has_conditions else "overwrite", **more)

    def get(self, path, **more):  # type: ignore[no-untyped-def]
        self.gets.append(path)
        return super().get(path, **more)


@pytest.fixture
def there(replica: Open) -> Datastore:
    store = replica("there")
    store.apply(lines(), source="test")
    return store


@cache
def lines() -> list[bytes]:
    return bodies(roots(ALICE, 700))


def held(store: Watched) -> set[str]:
    return {found["path"] for page in obstore.list(store) for found in page}


def grow(there: Datastore, number: int, count: int = 1) -> None:
    there.apply(bodies(roots(BOB, count, f"more-{number}")), source="test")


def test_a_store_gets_the_files_of_a_folder_and_headers_for_caches(there: Datastore, tmp_path: Path) -> None:
    memory = Watched()
    done = publish_to_store(there, Store(memory, "memory"))
    publish(there, tmp_path / "log")
    assert held(memory) == files(tmp_path / "log") | {"sync/publisher"}
    assert (done.tiles, done.place) == (3, "memory")
    epoch = there.log.head().epoch
    for name, control, kind in (
        (f"sync/{epoch}/entries/0.ndjson.gz", "public, max-age=31536000, immutable", "application/gzip"),
        (f"sync/{epoch}/hashes/0.700.hashes", "public, max-age=31536000, immutable", "application/octet-stream"),
        ("sync/head", "public, max-age=10", "application/json"),
    ):
        found = memory.get(name)
        assert bytes(found.bytes()) == (tmp_path / "log" / name).read_bytes()
        assert (found.attributes["Cache-Control"], found.attributes["Content-Type"]) == (control, kind)


def test_publishing_again_writes_only_what_is_new_and_keeps_the_tail_that_readers_may_want(there: Datastore) -> None:
    memory = Watched()
    store = Store(memory, "memory")
    publish_to_store(there, store)
    before = held(memory)
    memory.puts.clear()
    assert publish_to_store(there, store).tiles == 0
    assert (held(memory), memory.puts) == (before, ["sync/publisher"])
    entries = f"sync/{there.log.head().epoch}/entries"
    for number, tails in ((1, {"2.188", "2.189"}), (2, {"2.189", "2.190"}), (3, {"2.190", "2.191"})):
        grow(there, number)
        memory.puts.clear()
        assert publish_to_store(there, store).tiles == 1
        assert f"{entries}/0.ndjson.gz" not in memory.puts
        found = {
            path.removeprefix(f"{entries}/").removesuffix(".ndjson.gz") for path in held(memory) if entries in path
        }
        assert found == {"0", "1", *tails}
    grow(there, 4, 100)
    publish_to_store(there, store)
    assert f"{entries}/2.ndjson.gz" in held(memory)


def test_who_was_killed_goes_on_where_it_came_to(
    there: Datastore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(publishing, "_TOLD_TILES", 1)
    publish(there, tmp_path / "log")
    epoch = there.log.head().epoch
    for at in range(9):
        memory = Watched()
        store = Store(memory, "memory")

        def end(_: str, at: int = at, memory: Watched = memory) -> None:
            if len(memory.puts) >= at:
                raise KeyboardInterrupt

        memory.before_put = end
        with pytest.raises(KeyboardInterrupt):
            publish_to_store(there, store)
        memory.before_put = lambda _: None
        before = held(memory)
        memory.puts.clear()
        publish_to_store(there, store)
        assert held(memory) == files(tmp_path / "log") | {"sync/publisher", f"sync/{epoch}/until"}
        if f"sync/{epoch}/until" in before:
            assert f"sync/{epoch}/entries/0.ndjson.gz" not in memory.puts


def test_a_store_that_writes_over_what_is_there_is_refused_unless_one_publishes_alone(there: Datastore) -> None:
    memory = Watched()
    memory.has_conditions = False
    with pytest.raises(BucketError, match="no conditional puts") as caught:
        publish_to_store(there, Store(memory, "memory"))
    assert (caught.value.code, held(memory)) == ("no_conditions", set())
    publish_to_store(there, Store(memory, "memory"), alone=True)
    grow(there, 1)
    assert publish_to_store(there, Store(memory, "memory"), alone=True).tiles == 1


def test_another_replicas_log_is_not_overwritten(there: Datastore, replica: Open) -> None:
    memory = Watched()
    publish_to_store(there, Store(memory, "memory"))
    before = held(memory)
    for alone in (False, True):
        with pytest.raises(PublishError, match="holds the log of another replica") as caught:
            publish_to_store(replica("other"), Store(memory, "memory"), alone=alone)
        assert caught.value.code == "foreign_log"
    assert held(memory) == before


def test_of_two_that_write_the_head_at_once_one_stops(there: Datastore) -> None:
    memory = Watched()
    store = Store(memory, "memory")
    publish_to_store(there, store)
    grow(there, 1)

    def other(path: str) -> None:
        if path == "sync/head":
            memory.before_put = lambda _: None
            grow(there, 2)
            publish_to_store(there, store)

    memory.before_put = other
    with pytest.raises(PublishError, match="one publishes there at a time") as caught:
        publish_to_store(there, store)
    assert caught.value.code == "overtaken"
    assert json.loads(bytes(memory.get("sync/head").bytes()))["size"] == there.log.head().size


def test_a_tile_with_other_content_stops_the_publisher(there: Datastore) -> None:
    memory = Watched()
    name = f"sync/{there.log.head().epoch}/entries/1.ndjson.gz"
    memory.put(name, publishing.pack([b"x"] * 256))
    with pytest.raises(PublishError, match="of another log"):
        publish_to_store(there, Store(memory, "memory"))
    assert "sync/head" not in held(memory)


def test_the_same_tile_packed_by_another_program_is_the_same_tile(there: Datastore) -> None:
    import gzip

    memory = Watched()
    first = there.log.lines(0, 256)
    memory.put(f"sync/{there.log.head().epoch}/entries/0.ndjson.gz", gzip.compress(b"\n".join(first) + b"\n", 1))
    assert publish_to_store(there, Store(memory, "memory")).tiles == 2


@pytest.mark.parametrize("into", ["folder", "store"])
async def test_a_copy_that_took_in_the_same_in_another_order_gets_an_epoch_of_its_own(
    there: Datastore, replica: Open, tmp_path: Path, into: str
) -> None:
    there.log.head()  # makes its key
    there.close()
    shutil.copytree(tmp_path / "there", tmp_path / "copy")
    first, second = replica("there"), replica("copy")
    memory = Watched()

    def give(datastore: Datastore) -> publishing.Published:
        if into == "folder":
            return publish(datastore, tmp_path / "log")
        return publish_to_store(datastore, Store(memory, "memory"))

    for datastore, order in ((first, (1, 2)), (second, (2, 1))):
        for number in order:
            grow(datastore, number)
    one, other = first.log.head(), second.log.head()
    assert (one.set, one.fingerprint, one.node) == (other.set, other.fingerprint, other.node)
    give(first)
    assert give(second).shared.renewed
    if into == "store":
        assert not any(first.log.head().epoch in path for path in held(memory))


async def test_a_new_epoch_takes_the_place_of_the_old_one(there: Datastore, replica: Open, tmp_path: Path) -> None:
    memory = Watched()
    store = Store(memory, "memory")
    publish_to_store(there, store)
    # Of one whose publisher was ended before it took it away.
    memory.put(f"sync/{'0' * 32}/entries/0.ndjson.gz", b"x")
    memory.put("sync/notes/0", b"mine")
    done = publish_to_store(there, store, new_epoch=True)
    assert done.shared.renewed
    assert {path.split("/")[1] for path in held(memory)} == {"head", "publisher", "notes", done.head.epoch}
    for path in held(memory):
        (tmp_path / "log" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "log" / path).write_bytes(bytes(memory.get(path).bytes()))
    here = replica("here")
    here.peers.add("cdn", str(tmp_path / "log"))
    assert (await pull(here, "cdn")).applied == 700
