"""Packed tiles beside the replica: whole or made anew, of this log and this epoch, shared, bounded, and never missed where
they cannot be kept."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.node.conftest import T0, client
from tests.sync.logs import ALICE, BOB, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.node import NodeBounds, running
from tui_registry.sync import packed, publish
from tui_registry.sync.packed import PackedTiles
from tui_registry.sync.tiles import pack

LIMIT = 10**9


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    """A log of a full tile and some more."""
    with Datastore.open(tmp_path_factory.mktemp("packed") / "node", clock=lambda: T0) as opened:
        opened.apply(bodies(roots(ALICE, 300)), source="test")
        yield opened


@pytest.fixture(autouse=True)
def as_it_was(store: Datastore) -> None:
    """Each test begins without any tile."""
    folder = store.data_dir / "tiles"
    if folder.is_file():
        folder.unlink()
    store.log.renew_epoch()
    shutil.rmtree(folder, ignore_errors=True)


def epoch_of(store: Datastore) -> str:
    return store.log.head().epoch


def tile_of(store: Datastore) -> bytes:
    return pack(store.log.lines(0, 256))


def file_of(store: Datastore) -> Path:
    return store.data_dir / "tiles" / epoch_of(store) / "0.tile"


def served(store: Datastore, bounds: NodeBounds | None = None) -> bytes:
    """The full tile, as a node gives it that has just started."""
    with running(store, bounds=bounds) as address, client(address) as reader:
        return reader.get(f"/sync/{epoch_of(store)}/entries/0.ndjson.gz").raise_for_status().content


def unread(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the log's lines cannot be read."""

    def read(start: int, stop: int) -> list[bytes]:
        raise AssertionError(f"lines {start} to {stop} are read")

    monkeypatch.setattr(store.log, "lines", read)


def test_a_full_tile_is_packed_once_for_all_nodes_of_a_replica(
    store: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tile = tile_of(store)
    assert served(store) == tile
    lines = store.log.lines
    # The first look of a process is whether the last tile is of this log.
    looks: list[int] = []
    monkeypatch.setattr(store.log, "lines", lambda start, stop: [looks.append(start), lines(start, stop)][1])
    monkeypatch.setattr("tui_registry.node.log_routes.pack", None)
    assert served(store) == tile
    assert looks == [0]


def test_an_export_takes_what_a_node_has_packed(
    store: Datastore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tile = tile_of(store)
    PackedTiles(store, LIMIT).keep(epoch_of(store), 0, tile)
    packs: list[int] = []
    monkeypatch.setattr("tui_registry.sync.publishing.pack", lambda lines: [packs.append(len(lines)), pack(lines)][1])
    publish(store, tmp_path)
    assert packs == [44]
    assert (tmp_path / "sync" / epoch_of(store) / "entries" / "0.ndjson.gz").read_bytes() == tile


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def nothing(_: bytes) -> bytes:
    return b""


def zeros(data: bytes) -> bytes:
    return bytes(len(data))


def longer(data: bytes) -> bytes:
    return data + b"\0"


def another(_: bytes) -> bytes:
    """Whole, and of other operations."""
    tile = pack(bodies(roots(BOB, 256)))
    return tile + hashlib.sha256(tile).digest()


@pytest.mark.parametrize("spoil", [cut, flipped, nothing, zeros, longer, another])
def test_a_file_that_is_spoilt_is_not_there(store: Datastore, spoil: Callable[[bytes], bytes]) -> None:
    epoch, tile = epoch_of(store), tile_of(store)
    PackedTiles(store, LIMIT).keep(epoch, 0, tile)
    whole = file_of(store).read_bytes()
    file_of(store).write_bytes(spoil(whole))
    kept = PackedTiles(store, LIMIT)
    assert (kept.read(epoch, 0), file_of(store).exists()) == (None, False)
    kept.keep(epoch, 0, tile)
    assert file_of(store).read_bytes() == whole
    # And likewise once the folder was looked at.
    file_of(store).write_bytes(cut(whole))
    assert (kept.read_at_once(epoch, 0), kept.read(epoch, 0), file_of(store).exists()) == (None, None, False)


def test_a_file_that_took_the_place_of_another_is_not_there(store: Datastore) -> None:
    epoch, tile = epoch_of(store), tile_of(store)
    kept = PackedTiles(store, LIMIT)
    for number in (0, 1, 2):  # the last one is looked at more closely
        kept.keep(epoch, number, tile if number == 2 else b"%d" % number)
    file_of(store).replace(file_of(store).with_name("1.tile"))
    assert (kept.read(epoch, 1), kept.read(epoch, 0)) == (None, None)
    assert not file_of(store).with_name("1.tile").exists()


@pytest.mark.parametrize("linked", ["tiles", "epoch"])
def test_behind_a_link_nothing_is_deleted_or_kept(store: Datastore, tmp_path: Path, linked: str) -> None:
    """A folder that came from somebody else may lead anywhere."""
    tile, folder = tile_of(store), file_of(store).parent
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ("a" * 32)).mkdir(parents=True)
    for name in ("0.tile", ".0.tile.0123456789abcdef", f"{'a' * 32}/precious"):
        (elsewhere / name).write_text("mine")
    before = sorted(elsewhere.rglob("*"))
    link = folder.parent if linked == "tiles" else folder
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    try:
        assert served(store) == tile
        assert sorted(elsewhere.rglob("*")) == before
    finally:
        link.unlink()


def test_a_node_makes_what_is_spoilt_or_gone_anew(store: Datastore) -> None:
    tile = tile_of(store)
    for spoil in (cut, None):
        served(store)
        whole = file_of(store).read_bytes()
        file_of(store).write_bytes(spoil(whole)) if spoil else file_of(store).unlink()
        assert served(store) == tile
        assert file_of(store).read_bytes() == whole


@pytest.mark.parametrize("makes", ["folder", "link", "file for the folder"])
def test_what_stands_in_the_way_is_worked_around(store: Datastore, tmp_path: Path, makes: str) -> None:
    tile = tile_of(store)
    if makes == "file for the folder":
        (store.data_dir / "tiles").write_text("not a folder")
    else:
        file_of(store).parent.mkdir(parents=True)
        if makes == "folder":
            file_of(store).mkdir()
        else:
            (tmp_path / "secret").write_text("x")
            file_of(store).symlink_to(tmp_path / "secret")
    assert served(store) == tile
    if makes == "link":
        assert (tmp_path / "secret").read_text() == "x"
        assert not file_of(store).is_symlink()


def test_where_there_is_no_room_none_is_kept_and_all_are_served(
    store: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tile = tile_of(store)
    assert served(store, NodeBounds(tile_disk_bytes=len(tile))) == tile
    assert not file_of(store).exists()
    with monkeypatch.context() as patched:
        patched.setattr(packed, "_SPARE_BYTES", 2**62)  # no disk has as much
        assert served(store) == tile
    assert not file_of(store).exists()
    assert served(store) == tile
    assert file_of(store).exists()


def test_what_other_processes_keep_counts_as_well(store: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_COUNTED_EACH", 1)
    epoch = epoch_of(store)
    one, another = (PackedTiles(store, 2_500) for _ in range(2))
    assert (one.read(epoch, 0), another.read(epoch, 0)) == (None, None)
    one.keep(epoch, 0, b"x" * 1_000)
    another.keep(epoch, 1, b"y" * 1_000)
    one.keep(epoch, 2, b"z" * 1_000)
    assert sorted(file.name for file in file_of(store).parent.iterdir()) == ["0.tile", "1.tile"]


def test_tiles_of_another_epoch_go(store: Datastore) -> None:
    served(store)
    before = file_of(store)
    assert before.exists()
    store.log.renew_epoch()
    with running(store) as address, client(address) as reader:
        old = f"/sync/{before.parent.name}/entries/0.ndjson.gz"
        assert reader.get(old).status_code == 404
    served(store)
    assert [file_of(store).parent] == [*before.parent.parent.iterdir()]


def test_tiles_of_another_log_under_the_same_epoch_go(store: Datastore, tmp_path: Path) -> None:
    """An older copy that went on, where the mark outside the folder could not tell."""
    served(store)
    with Datastore.open(tmp_path / "copy", clock=lambda: T0) as copy:
        copy.log.renew_epoch(new=epoch_of(store))
        (store.data_dir / "tiles").rename(copy.data_dir / "tiles")
        assert PackedTiles(copy, LIMIT).read(epoch_of(copy), 0) is None
        assert not file_of(copy).exists()


def test_where_nothing_is_to_be_written_tiles_are_read_and_nothing_else(store: Datastore) -> None:
    epoch, tile = epoch_of(store), tile_of(store)
    PackedTiles(store, LIMIT).keep(epoch, 0, tile)
    spoilt, of_before = file_of(store).with_name("1.tile"), file_of(store).parents[1] / ("0" * 32)
    spoilt.write_bytes(b"half")
    of_before.mkdir()
    with Datastore.open(store.data_dir, clock=lambda: T0, read_only=True) as reading:
        kept = PackedTiles(reading, LIMIT)
        assert kept.read(epoch, 0) == (tile, hashlib.sha256(tile).digest())
        assert kept.read(epoch, 1) is None
        kept.keep(epoch, 2, tile)
    assert [*map(spoilt.parent.joinpath, ("0.tile", "1.tile"))] == sorted(spoilt.parent.iterdir())
    assert of_before.exists()


def test_tiles_of_another_log_that_cannot_be_removed_are_not_read(store: Datastore, tmp_path: Path) -> None:
    served(store)
    with Datastore.open(tmp_path / "copy", clock=lambda: T0) as copy:
        copy.log.renew_epoch(new=epoch_of(store))
        (store.data_dir / "tiles").rename(copy.data_dir / "tiles")
    with Datastore.open(tmp_path / "copy", clock=lambda: T0, read_only=True) as copy:
        kept = PackedTiles(copy, LIMIT)
        for _ in range(2):
            assert (kept.read(epoch_of(copy), 0), kept.read_at_once(epoch_of(copy), 0)) == (None, None)
        assert file_of(copy).exists()


@pytest.mark.parametrize("name", ["..", "../..", "x" * 32, "", "0" * 31])
def test_a_name_that_is_no_epoch_makes_no_path(store: Datastore, name: str) -> None:
    served(store)
    kept = PackedTiles(store, LIMIT)
    kept.keep(name, 0, b"x")
    assert (kept.read(name, 0), kept.read_at_once(name, 0)) == (None, None)
    assert file_of(store).exists()
    assert not (store.data_dir / "0.tile").exists()


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="this system cannot say what is in memory")
def test_a_file_in_memory_is_read_at_once(store: Datastore) -> None:
    epoch, tile = epoch_of(store), tile_of(store)
    # A file system in memory, such as those where other tests are, does not say so.
    with TemporaryDirectory(dir="/var/tmp") as folder, Datastore.open(folder, clock=lambda: T0) as here:
        here.apply(store.log.lines(0, 256), source="test")
        here.log.renew_epoch(new=epoch)
        PackedTiles(here, LIMIT).keep(epoch, 0, tile)
        kept = PackedTiles(here, LIMIT)
        assert kept.read_at_once(epoch, 0) is None  # nobody has looked at the folder yet
        found = kept.read(epoch, 0)
        assert found == (tile, hashlib.sha256(tile).digest())
        if (at_once := kept.read_at_once(epoch, 0)) is None:
            pytest.skip("nor can this file system")
        assert at_once == found
        file_of(here).write_bytes(flipped(file_of(here).read_bytes()))
        assert kept.read_at_once(epoch, 0) is None
        file_of(here).unlink()
        assert kept.read_at_once(epoch, 0) is None


def test_what_a_kill_left_is_swept(store: Datastore) -> None:
    file_of(store).parent.mkdir(parents=True)
    left = file_of(store).with_name(".0.tile.0123456789abcdef")
    left.write_bytes(b"half")
    served(store)
    assert [file.name for file in left.parent.iterdir()] == ["0.tile"]
