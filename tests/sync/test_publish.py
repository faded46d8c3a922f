"""Static logs: what is written, when, and what reading one refuses."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.sync.conftest import Open
from tests.sync.logs import ALICE, EPOCH, FakeLog, bodies, roots
from tui_registry.datastore import Datastore
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
    entries = f"sync/{there.log.head().epoch}/entries"
    assert files(tmp_path / "log") == {"sync/head", f"{entries}/0.ndjson.gz", f"{entries}/1.44.ndjson.gz"}
    assert (published.tiles, published.head) == (2, there.log.head())
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
        assert {Path(name).name.removesuffix(".ndjson.gz") for name in files(log)} - {"0", "head"} == tails


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
