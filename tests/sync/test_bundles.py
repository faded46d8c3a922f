"""Bundles: a first clone is a few files, the cursor ends where they end, and what is no honest bundle is refused."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from tests.seeds import NOW, stranger_ops
from tui_registry.datastore import Datastore
from tui_registry.present.pulls import SyncError
from tui_registry.sync import Bounds, Bundle, PullResult, bundles, publish, pull, write_bundles
from tui_registry.sync.tiles import pack, parse_head

OPS = 1_100  # at two tiles a bundle: two full ones, and one of 76 operations


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datastore]:
    with Datastore.open(tmp_path_factory.mktemp("there"), clock=lambda: NOW) as datastore:
        datastore.apply(op.to_json() for op in stranger_ops(OPS))
        yield datastore


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles of 512 operations: the rules are those of 65,536."""
    monkeypatch.setattr(bundles, "BUNDLE_OPS", 512)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "here", clock=lambda: NOW) as datastore:
        datastore.peers.add("hub", "http://127.0.0.1:1")
        yield datastore


@pytest.fixture(scope="module")
def made(there: Datastore, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bundles, "BUNDLE_OPS", 512)
        return [*write_bundles(there, folder).files]


async def take(datastore: Datastore, path: Path) -> PullResult:
    return await pull(datastore, "hub", through=Bundle("hub", path, Bounds()))


def test_their_names_say_which_part_of_which_log_they_are(there: Datastore, made: list[Path]) -> None:
    epoch = there.log.head().epoch[:8]
    assert [path.name for path in made] == [f"log-{epoch}-0.tar", f"log-{epoch}-1.tar", f"log-{epoch}-2.76.tar"]
    assert [Bundle("hub", path, Bounds()).end for path in made] == [512, 1024, 1100]


async def test_a_clone_from_bundles_goes_on_from_where_they_end(
    there: Datastore, here: Datastore, made: list[Path]
) -> None:
    for path, end in zip(made, (512, 1024, 1100), strict=True):
        result = await take(here, path)
        assert result.ok, result.sentence
        peer = here.peers.get("hub")
        assert (peer.next_index, peer.epoch) == (end, there.log.head().epoch)
        # Nobody asked the peer how it stands now.
        assert (peer.last_sync, peer.identical) == (None, False)
    assert here.log.head().fingerprint == there.log.head().fingerprint


async def test_the_next_pull_of_the_peer_reads_only_what_came_since(
    there: Datastore, tmp_path: Path, made: list[Path]
) -> None:
    publish(there, tmp_path / "hub")
    with Datastore.open(tmp_path / "new", clock=lambda: NOW) as new:
        new.peers.add("hub", str(tmp_path / "hub"))
        for path in made[:2]:
            await take(new, path)
        result = await pull(new, "hub")
        assert (result.ok, result.read, result.restarted) == (True, OPS - 1024, False)
        assert new.peers.get("hub").identical


async def test_a_part_that_leaves_a_gap_says_which_come_first(here: Datastore, made: list[Path]) -> None:
    result = await take(here, made[1])
    assert result.error is not None
    assert result.error.code == "bad_bundle"
    assert "begins at entry 512" in result.sentence
    assert "give the bundles before it first" in result.sentence
    assert here.peers.get("hub").next_index == 0


def test_unpacked_in_their_order_they_are_a_published_directory(
    there: Datastore, made: list[Path], tmp_path: Path
) -> None:
    """And they are plain tars to every other program."""
    for path in made:
        with tarfile.open(path) as archive:
            archive.extractall(tmp_path / "log", filter="data")
    publish(there, tmp_path / "published")
    packed = {path.relative_to(tmp_path / "log"): path.read_bytes() for path in (tmp_path / "log").rglob("*.gz")}
    assert packed == {
        path.relative_to(tmp_path / "published"): path.read_bytes() for path in (tmp_path / "published").rglob("*.gz")
    }
    unpacked, published = (
        parse_head((tmp_path / name / "sync/head").read_bytes()).head for name in ("log", "published")
    )
    assert unpacked == published == there.log.signed_head()


def test_a_log_that_grew_writes_only_what_is_new(tmp_path: Path) -> None:
    with Datastore.open(tmp_path / "log", clock=lambda: NOW) as datastore:
        datastore.apply(op.to_json() for op in stranger_ops(600))
        first = write_bundles(datastore, tmp_path / "out")
        kept = first.files[0].stat().st_mtime_ns
        datastore.apply(op.to_json() for op in stranger_ops(40, by="late"))
        (tmp_path / "out" / "mine.tar").write_bytes(b"another file of theirs")
        second = write_bundles(datastore, tmp_path / "out")
        assert (second.written, second.files[0].stat().st_mtime_ns) == (1, kept)
        names = {path.name for path in (tmp_path / "out").iterdir()}
        assert names == {"mine.tar", *(path.name for path in second.files)}
        assert write_bundles(datastore, tmp_path / "out").written == 0


def test_another_log_under_the_same_epoch_is_never_mixed_with_it(tmp_path: Path, state_dir: Path) -> None:
    """As of a copy of the replica on another machine, where no mark tells."""
    copied = tmp_path / "copy"
    with Datastore.open(tmp_path / "log", clock=lambda: NOW):
        pass
    copytree(tmp_path / "log", copied)
    with Datastore.open(tmp_path / "log", clock=lambda: NOW) as datastore:
        datastore.apply(op.to_json() for op in stranger_ops(600))
        first = write_bundles(datastore, tmp_path / "out")
    rmtree(state_dir)
    with Datastore.open(copied, clock=lambda: NOW) as copy:
        assert copy.log.head().epoch == first.head.epoch
        copy.apply(op.to_json() for op in stranger_ops(600, by="another"))
        second = write_bundles(copy, tmp_path / "out")
        assert second.shared.renewed
        assert (second.written, second.head.epoch != first.head.epoch) == (2, True)
    assert first.files[0].exists()


# What is no honest bundle


def member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def packed(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


Spoil = Callable[[bytes, bytes, str], bytes]
TILE = pack([b"x"] * 256)


def with_head(*others: tuple[tarfile.TarInfo, bytes]) -> Spoil:
    return lambda _, head, __: packed(member("sync/head", head), *others)


HOSTILE: dict[str, Spoil] = {
    "nothing": lambda *_: b"",
    "no_tar": lambda *_: b"PK\x03\x04" * 1000,
    "zeros": lambda *_: b"\0" * 4096,
    "cut_off": lambda whole, *_: whole[: len(whole) // 2],
    "cut_in_a_header": lambda whole, *_: whole[:300],
    "no_head": lambda _, __, epoch: packed(member(f"sync/{epoch}/entries/0.ndjson.gz", TILE)),
    "head_only": with_head(),
    "absolute": with_head(member("/etc/passwd", b"x")),
    "outside": with_head(member("../../x", b"x")),
    "a_link": with_head(member("sync/x", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "a_device": with_head(member("sync/x", type=tarfile.CHRTYPE)),
    "a_folder": with_head(member("sync/x", type=tarfile.DIRTYPE)),
    "a_long_name": lambda _, head, __: packed(
        member("sync/head", head), member("x" * 400, b"x"), form=tarfile.GNU_FORMAT
    ),
    "a_pax_header": lambda _, head, __: packed(
        member("sync/head", head), member("ü" * 90, b"x"), form=tarfile.PAX_FORMAT
    ),
    "twice": with_head(member("sync/head", b"{}")),
    "another_epoch": with_head(member(f"sync/{'0' * 32}/entries/0.ndjson.gz", TILE)),
    "part_of_a_tile": lambda _, head, epoch: packed(
        member("sync/head", head), member(f"sync/{epoch}/entries/0.5-9.ndjson.gz", TILE)
    ),
    "not_all_tiles": lambda _, head, epoch: packed(
        member("sync/head", head), member(f"sync/{epoch}/entries/0.ndjson.gz", TILE)
    ),
    "a_head_that_is_none": lambda *_: packed(member("sync/head", b"<html>")),
    "a_large_head": lambda *_: packed(member("sync/head", b" " * 70_000)),
    "too_many": with_head(*(member(f"x{place}", b"") for place in range(400))),
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_bundle_is_refused_before_anything_is_stored(
    made: list[Path], there: Datastore, tmp_path: Path, spoil: Spoil
) -> None:
    with tarfile.open(made[0]) as archive:
        found = archive.extractfile("sync/head")
        assert found is not None
        head = found.read()
    path = tmp_path / "bundle.tar"
    path.write_bytes(spoil(made[0].read_bytes(), head, there.log.head().epoch))
    with pytest.raises(SyncError) as caught:
        Bundle("hub", path, Bounds())
    assert caught.value.code in ("bad_bundle", "not_a_node", "too_large")
    assert "bundle.tar" in caught.value.sentence


@pytest.mark.parametrize("kind", ["fifo", "folder", "missing", "nul"])
def test_what_is_no_file_is_said_in_words_and_nothing_waits(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("a\0b" if kind == "nul" else "place")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(SyncError) as caught:
        Bundle("hub", path, Bounds())
    assert caught.value.code in ("bad_bundle", "unreachable")


@pytest.mark.parametrize("what", ["bomb", "lines", "rubbish"])
async def test_a_tile_that_is_none_ends_the_pull_and_keeps_what_came_before(
    here: Datastore, made: list[Path], tmp_path: Path, what: str
) -> None:
    tiles = {"bomb": pack([b"0" * 60_000] * 400), "lines": pack([b"x"] * 3), "rubbish": b"x" * 999}
    path = tmp_path / "bundle.tar"
    with tarfile.open(made[0]) as archive:
        members = [(info, archive.extractfile(info)) for info in archive.getmembers()]
        read = [(info, b"" if file is None else file.read()) for info, file in members]
    info, _ = read[-1]
    read[-1] = member(info.name, tiles[what])
    path.write_bytes(packed(*read))
    result = await take(here, path)
    assert result.error is not None
    assert result.error.code in ("bad_tile", "too_large")
    assert here.peers.get("hub").next_index in (0, 256)


async def test_a_bundle_that_lies_about_its_sum_keeps_what_it_proved_and_the_peer_is_read_anew(
    there: Datastore, made: list[Path], tmp_path: Path
) -> None:
    """Somebody else's operations under the hub's epoch: they prove themselves, and the hub's log is read all the same.
    One that was signed under another epoch is not even begun."""
    epoch = there.log.head().epoch
    with Datastore.open(tmp_path / "liar", clock=lambda: NOW) as liar:
        liar.apply(op.to_json() for op in stranger_ops(512, by="liar"))
        (path,) = write_bundles(liar, tmp_path / "signed").files
        path.write_bytes(sound(path.read_bytes().replace(liar.log.head().epoch.encode(), epoch.encode())))
        with pytest.raises(SyncError, match="whose signature is not one of its node's key"):
            Bundle("hub", path, Bounds())
        liar.key.file.unlink()
        liar.log._signed = None
        (path,) = write_bundles(liar, tmp_path / "lies").files
        path.write_bytes(sound(path.read_bytes().replace(liar.log.head().epoch.encode(), epoch.encode())))
    publish(there, tmp_path / "hub")
    with Datastore.open(tmp_path / "victim", clock=lambda: NOW) as victim:
        victim.peers.add("hub", str(tmp_path / "hub"))
        assert (await take(victim, path)).applied == 512
        result = await pull(victim, "hub")
        assert result.ok, result.sentence
        assert victim.stats().ops == OPS + 512
        assert not victim.log.unknown([op.hash for op in stranger_ops(OPS)])


def sound(tar: bytes) -> bytes:
    """With the sums that its headers should have."""
    forged = bytearray(tar)
    for start in _headers(forged):
        forged[start + 148 : start + 156] = b" " * 8
        forged[start + 148 : start + 156] = f"{sum(forged[start : start + 512]):06o}\0 ".encode()
    return bytes(forged)


def _headers(tar: bytearray) -> Iterator[int]:
    place = 0
    while tar[place]:
        yield place
        place += 512 + (int(tar[place + 124 : place + 135], 8) + 511) // 512 * 512
