"""Whole files: what the crash suite cannot see, because the disk under it is a good one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from tui_registry.durable import drafted, give_new_name, make_folder, sweep, sync_folder


def write_new(path: Path, data: bytes) -> None:
    with drafted(path, data) as draft:
        give_new_name(draft, path)


@pytest.fixture(params=["links", "no links"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """On a disk that knows hard links, and on one that does not, as a USB stick."""
    if request.param == "no links":

        def link(source: Path, target: Path) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(source), None, str(target))

        monkeypatch.setattr(os, "link", link)
    return tmp_path


def test_a_new_file_is_written_whole_and_never_over_another(folder: Path) -> None:
    path = folder / "key.json"
    write_new(path, b"first")
    with pytest.raises(FileExistsError):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [path]


def test_a_link_that_leads_nowhere_is_not_written_over(folder: Path) -> None:
    path = folder / "key.json"
    path.symlink_to(folder / "nowhere")
    with pytest.raises(FileExistsError):
        write_new(path, b"key")
    assert path.is_symlink()


@pytest.mark.parametrize("letter", ["a", "é", "語"])
def test_a_name_may_be_as_long_as_the_disk_lets_it_be(tmp_path: Path, letter: str) -> None:
    path = tmp_path / (letter * (255 // len(letter.encode())))
    write_new(path, b"text")
    assert path.read_bytes() == b"text"


def test_only_drafts_that_nobody_writes_any_more_are_swept(tmp_path: Path) -> None:
    killed = [tmp_path / f".{name}.{'0f' * 8}" for name in ("one", "two")]
    others = [tmp_path / name for name in ("one", ".one", ".one.part", ".one.0123")]
    for path in killed + others:
        path.touch()
    with drafted(tmp_path / "one", b"") as draft:
        sweep(tmp_path, "one")
        assert set(tmp_path.iterdir()) == {draft, killed[1], *others}
        sweep(tmp_path)
        assert set(tmp_path.iterdir()) == {draft, *others}


def test_a_drive_that_cannot_sync_folders_is_written_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(code: int) -> None:
        def fsync(handle: int) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", fsync)

    for number, code in enumerate((errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EROFS)):
        refuse(code)
        make_folder(tmp_path / str(number) / "folder")
    refuse(errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)
