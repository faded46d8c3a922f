"""Static logs: what is written, when, and what reading one refuses."""

from __future__ import annotations

import json
import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.sync.conftest import Open
from tests.sync.hostile import Ask, Reply, hostile
from tests.sync.logs import ALICE, EPOCH, FakeLog, bodies, root, roots
from tui_registry.datastore import Datastore
from tui_registry.settings import STATE_DIR_VARIABLE
from tui_registry.sync import publish, pull
from tui_registry.sync.publishing import PublishError


@pytest.fixture
def there(replica: Open) -> Datastore:
    store = replica("there")
    store.apply(bodies(roots(ALICE, 300)), source="test")
    return store


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_a_log_is_written_under_the_paths_that_a_node_serves(there: Datastore, tmp_path: Path) -> None:
    published = publish(there, tmp_path / "log")
    log = f"sync/{there.log.head().epoch}"
    entries = {f"{log}/entries/0.ndjson.gz", f"{log}/entries/1.44.ndjson.gz"}
    assert files(tmp_path / "log") == {"sync/head", *entries, f"{log}/hashes/0.300.hashes"}
    assert (published.tiles, published.head) == (2, there.log.signed_head())
    assert json.loads((tmp_path / "log/sync/head").read_bytes())["size"] == 300


def test_publishing_again_writes_only_what_is_new_and_keeps_the_tail_that_readers_may_want(
    there: Datastore, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    publish(there, log)
    assert publish(there, log).tiles == 0
    for step, tails in ((1, {"1.44", "1.45"}), (2, {"1.45", "1.46"})):
        there.apply(bodies(roots(ALICE, step, f"late-{step}")[-1:]), source="test")
        assert publish(there, log).tiles == 1
        names = {Path(name).name for name in files(log)}
        assert {name.removesuffix(".ndjson.gz") for name in names if name.endswith(".gz")} - {"0"} == tails
        tails_of_hashes = {f"0.{256 + int(tail[2:])}.hashes" for tail in tails}
        assert {name for name in names if name.endswith(".hashes")} == tails_of_hashes


def test_an_empty_replica_publishes_an_empty_log(replica: Open, tmp_path: Path) -> None:
    publish(replica("empty"), tmp_path / "log")
    assert files(tmp_path / "log") == {"sync/head"}


def test_another_replicas_log_is_not_overwritten(there: Datastore, replica: Open, tmp_path: Path) -> None:
    publish(there, tmp_path / "log")
    before = files(tmp_path / "log")
    with pytest.raises(PublishError, match="holds the log of 0x") as caught:
        publish(replica("other"), tmp_path / "log")
    assert caught.value.code == "foreign_log"
    assert files(tmp_path / "log") == before


def test_a_place_that_cannot_be_written_is_told(there: Datastore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PublishError, match="cannot be written"):
        publish(there, tmp_path / "file")


async def test_any_static_file_server_will_do(there: Datastore, here: Datastore, tmp_path: Path) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    publish(there, tmp_path / "log")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        here.peers.add("cdn", f"http://127.0.0.1:{server.server_port}/log")
        result = await pull(here, "cdn")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (result.ok, result.applied) == (True, 300)
    assert here.peers.get("cdn").identical


# Heads as static servers tell them apart, and the epoch


def validator(log: Path) -> tuple[int, int]:
    """What nginx makes an ETag of."""
    found = (log / "sync" / "head").stat()
    return int(found.st_mtime), found.st_size


def grow(there: Datastore, number: int) -> None:
    there.apply(bodies([root(ALICE, f"more-{number:05}")]), source="test")


def test_no_two_heads_have_one_validator(there: Datastore, tmp_path: Path) -> None:
    seen = set()
    for number in range(6):
        grow(there, number)
        publish(there, tmp_path)
        seen.add(validator(tmp_path))
    assert len(seen) == 6
    # Published again as it is, it has the one that readers know.
    publish(there, tmp_path)
    assert validator(tmp_path) in seen


def test_nor_where_the_disk_keeps_times_of_its_own(
    there: Datastore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(there, tmp_path)
    future = 4_000_000_000
    os.utime(tmp_path / "sync" / "head", (future, future))
    sizes = {validator(tmp_path)[1]}
    monkeypatch.setattr(os, "utime", lambda *_: None)
    for number in range(3):
        grow(there, number)
        publish(there, tmp_path)
        sizes.add(validator(tmp_path)[1])
        assert json.loads((tmp_path / "sync" / "head").read_bytes())["size"] == 301 + number
    assert len(sizes) > 1


async def test_two_publications_in_one_second_reach_readers_of_a_server_that_tells_files_by_second_and_size(
    there: Datastore, here: Datastore, tmp_path: Path
) -> None:
    publish(there, tmp_path)

    async def static(ask: Ask, reply: Reply) -> None:
        file = tmp_path / ask.path.lstrip("/")
        if not file.is_file():
            await reply.whole(404)
            return
        etag = f'"{int(file.stat().st_mtime):x}-{file.stat().st_size:x}"'
        is_held = ask.headers.get("if-none-match") == etag
        await reply.whole(304 if is_held else 200, b"" if is_held else file.read_bytes(), etag=etag)

    async with hostile(static) as peer:
        here.peers.add("cdn", peer.url)
        for number in range(3):
            assert (await pull(here, "cdn")).ok
            assert here.peers.get("cdn").identical
            stamp = (tmp_path / "sync" / "head").stat().st_mtime
            grow(there, number)
            publish(there, tmp_path)
            # As a publisher of 0.1 leaves it: the reader does not believe such a tag.
            os.utime(tmp_path / "sync" / "head", (stamp, stamp))
        assert (await pull(here, "cdn")).applied == 1


def test_a_backup_that_is_published_has_another_epoch_wherever_it_is_published_to(
    replica: Open, tmp_path: Path
) -> None:
    there = replica("there")
    there.apply(bodies(roots(ALICE, 5)), source="test")
    shutil.copytree(there.data_dir, tmp_path / "backup")
    there.apply(bodies(roots(ALICE, 3, "lost")), source="test")
    was = publish(there, tmp_path / "log")
    with Datastore.open(tmp_path / "backup") as restored:
        done = publish(restored, tmp_path / "elsewhere")
        assert (done.shared.renewed, done.head.size) == (True, 5)
        assert done.shared.restored is not None
        assert done.shared.restored.shared == 8
        assert done.head.epoch != was.head.epoch
        assert not publish(restored, tmp_path / "elsewhere").shared.renewed


def test_a_log_that_another_copy_published_is_noticed_without_a_mark(
    replica: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = replica("there")
    assert there.address
    there.apply(bodies(roots(ALICE, 5)), source="test")
    shutil.copytree(there.data_dir, tmp_path / "copy")
    there.apply(bodies(roots(ALICE, 3, "lost")), source="test")
    was = publish(there, tmp_path / "log")
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(tmp_path / "another machine"))
    with Datastore.open(tmp_path / "copy") as copy:
        done = publish(copy, tmp_path / "log")
    assert (done.shared.renewed, done.shared.restored, done.head.epoch != was.head.epoch) == (True, None, True)


def test_the_epoch_is_renewed_when_asked_for(there: Datastore, tmp_path: Path) -> None:
    was = publish(there, tmp_path).head
    now = publish(there, tmp_path, new_epoch=True)
    assert (now.shared.renewed, now.tiles) == (True, 2)
    assert (now.head.epoch != was.epoch, now.head.size) == (True, was.size)
    assert not any(was.epoch in name for name in files(tmp_path))


def test_another_replicas_log_renews_nothing(there: Datastore, replica: Open, tmp_path: Path) -> None:
    publish(there, tmp_path / "log")
    other = replica("other")
    epoch = other.log.head().epoch
    with pytest.raises(PublishError):
        publish(other, tmp_path / "log", new_epoch=True)
    assert other.log.head().epoch == epoch


# Directories from strangers


def laid_out(directory: Path, log: FakeLog) -> Path:
    entries = directory / "sync" / EPOCH / "entries"
    entries.mkdir(parents=True)
    (directory / "sync" / "head").write_text(json.dumps(log.head()))
    name = f"0.{len(log.lines)}.ndjson.gz"
    tile = log.tile(name)
    assert tile is not None
    (entries / name).write_bytes(tile)
    return entries / name


async def told(here: Datastore, directory: Path) -> str:
    here.peers.add("usb", str(directory))
    result = await pull(here, "usb")
    assert result.error is not None
    assert result.sentence.startswith("usb: ")
    assert (here.log.head().size, here.peers.get("usb").next_index) == (0, 0)
    return f"{result.error.code} {result.sentence}"


async def test_a_drive_that_is_not_mounted(here: Datastore, tmp_path: Path) -> None:
    assert "no_directory" in await told(here, tmp_path / "media" / "stick")


async def test_a_directory_without_a_log(here: Datastore, tmp_path: Path) -> None:
    assert "not_a_node" in await told(here, tmp_path)


async def test_a_symbolic_link_leads_nowhere(here: Datastore, tmp_path: Path) -> None:
    tile = laid_out(tmp_path / "stick", FakeLog.of(roots(ALICE, 3)))
    tile.rename(tmp_path / "elsewhere.gz")
    tile.symlink_to(tmp_path / "elsewhere.gz")
    assert "unreachable" in await told(here, tmp_path / "stick")


async def test_a_linked_folder_leads_nowhere(here: Datastore, tmp_path: Path) -> None:
    laid_out(tmp_path / "real", FakeLog.of(roots(ALICE, 3)))
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "sync").symlink_to(tmp_path / "real" / "sync")
    assert "unreachable" in await told(here, tmp_path / "stick")


async def test_a_pipe_in_place_of_a_file_does_not_hang(here: Datastore, tmp_path: Path) -> None:
    (tmp_path / "sync").mkdir()
    os.mkfifo(tmp_path / "sync" / "head")
    assert "protocol" in await told(here, tmp_path)


async def test_a_head_larger_than_any_head(here: Datastore, tmp_path: Path) -> None:
    (tmp_path / "sync").mkdir()
    (tmp_path / "sync" / "head").write_bytes(b" " * 70_000)
    assert "too_large" in await told(here, tmp_path)


async def test_a_tile_that_is_cut_short(here: Datastore, tmp_path: Path) -> None:
    tile = laid_out(tmp_path / "stick", FakeLog.of(roots(ALICE, 3)))
    tile.write_bytes(tile.read_bytes()[:-20])
    assert "bad_tile" in await told(here, tmp_path / "stick")


async def test_a_tile_that_is_missing(here: Datastore, tmp_path: Path) -> None:
    laid_out(tmp_path / "stick", FakeLog.of(roots(ALICE, 3))).unlink()
    assert "vanished" in await told(here, tmp_path / "stick")
