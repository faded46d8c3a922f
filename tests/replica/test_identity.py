"""The key file: made once, readable by its owner alone, never in the database, and its loss told in words."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.replica.programs import Program
from tests.seeds import make_record
from tui_registry.datastore import Datastore, StoreError
from tui_registry.replica.store.key import KEY_FILE


def test_the_key_file_is_its_owners_alone(datastore: Datastore) -> None:
    datastore.key.identity()
    assert stat.S_IMODE((datastore.data_dir / KEY_FILE).stat().st_mode) == 0o600


def test_a_key_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        datastore.key.identity()
    (tmp_path / KEY_FILE).chmod(0o644)
    with Datastore.open(tmp_path) as datastore:
        datastore.key.identity()
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_the_door_to_the_key_file_leads_to_it_and_makes_none(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        assert (datastore.key.file, datastore.key.file.exists()) == (tmp_path / KEY_FILE, False)
        datastore.key.identity()
        assert datastore.key.file.exists()


def test_the_address_is_stable(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        address = datastore.address
        assert address == datastore.key.identity().address
    with Datastore.open(tmp_path) as datastore:
        assert datastore.address == address
        assert datastore.add("model", make_record("model", "x")).actor == address


def test_a_new_replica_leaves_no_other_file_behind(datastore: Datastore) -> None:
    datastore.key.identity()
    names = {path.name for path in datastore.data_dir.iterdir()}
    assert {name for name in names if "key" in name} == {KEY_FILE}


def test_the_key_is_never_in_the_database(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        for number in range(3):
            datastore.add("model", make_record("model", f"n {number}"))
        secret = datastore.key.identity().secret()
        datastore.verify()
        for path in tmp_path.iterdir():  # the WAL included
            if path.name != KEY_FILE:
                content = path.read_bytes()
                assert secret not in content
                assert secret.hex().encode() not in content.lower()


def test_a_lost_key_file_is_told_in_words_and_no_new_key_is_made_silently(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        key = datastore.add("model", make_record("model", "x")).key
    (tmp_path / KEY_FILE).rename(tmp_path / "backup")
    with Datastore.open(tmp_path) as datastore:
        assert [row.id for row in datastore.search().rows] == [key]  # reading needs no key
        with pytest.raises(StoreError) as raised:
            datastore.add("model", make_record("model", "y"))
        assert raised.value.code == "bad_key"
        assert str(tmp_path / KEY_FILE) in raised.value.sentence
        assert "backup" in raised.value.sentence
        assert not (tmp_path / KEY_FILE).exists()
        (tmp_path / "backup").rename(tmp_path / KEY_FILE)
        datastore.add("model", make_record("model", "y"))


@pytest.mark.parametrize("content", ["", "x" * 64, "00" * 32, "ff" * 32, "ab" * 31, "ab" * 33, "AB" * 32, "\xff\xfe"])
def test_a_key_file_that_holds_no_key_is_told_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / KEY_FILE
    path.write_bytes(content.encode("latin-1"))
    with Datastore.open(tmp_path) as datastore:
        with pytest.raises(StoreError) as raised:
            datastore.key.identity()
        assert raised.value.code == "bad_key"
        assert str(path) in raised.value.sentence
        assert content not in raised.value.sentence or not content
    assert path.read_bytes() == content.encode("latin-1")


def test_replacing_the_identity_keeps_the_former_key_file(tmp_path: Path) -> None:
    with Datastore.open(tmp_path) as datastore:
        before = (datastore.key.identity().secret(), datastore.address)
        mine = datastore.add("model", make_record("model", "x"))
        kept = datastore.key.replace()
        assert kept is not None
        assert kept.read_text().strip() == before[0].hex()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert datastore.address != before[1]
        with pytest.raises(StoreError) as raised:
            datastore.update("model", mine.key, make_record("model", "y"), [mine.hash])
        assert raised.value.code == "not_owner"
        address = datastore.address
    with Datastore.open(tmp_path) as datastore:
        assert datastore.address == datastore.key.identity().address == address


def test_replacing_the_identity_twice_within_a_second_keeps_every_former_key_file(datastore: Datastore) -> None:
    secrets = []
    kept = []
    for _ in range(3):
        secrets.append(datastore.key.identity().secret().hex())
        kept.append(datastore.key.replace())
    assert [path.read_text().strip() for path in kept if path is not None] == secrets


# ---- what a killed process leaves ----------------------------------------------------------------------------------


# Makes a key or replaces it, and stops for ever at the call of `os` that is named.
MAKES = """
import os, sys
from pathlib import Path
from tui_registry.datastore import Datastore

def stops(*_, **__):
    print("here", flush=True)
    sys.stdin.read()

with Datastore.open(Path(sys.argv[1])) as datastore:
    if sys.argv[2] == "replace":
        datastore.key.identity()
    setattr(*{"link": (os, "link"), "unlink": (Path, "unlink"), "replace": (Path, "replace")}[sys.argv[2]], stops)
    datastore.key.replace() if sys.argv[2] == "replace" else datastore.key.identity()
"""


def drafts(data_dir: Path) -> list[Path]:
    return [path for path in data_dir.iterdir() if path.name.startswith(f".{KEY_FILE}.")]


@pytest.mark.parametrize("place", ["link", "unlink", "replace"])
def test_a_key_that_was_being_made_when_its_process_was_killed_is_swept_away(tmp_path: Path, place: str) -> None:
    with Program(MAKES, tmp_path, place) as program:
        assert program.says() == "here"
        (held,) = drafts(tmp_path)
        before = (tmp_path / KEY_FILE).read_bytes() if place != "link" else None
        # While its maker lives it is nobody's leftover.
        with Datastore.open(tmp_path) as datastore:
            address = datastore.key.identity().address
        assert drafts(tmp_path) == [held]
        program.kill()
    with Datastore.open(tmp_path) as datastore:
        assert datastore.key.identity().address == address
    assert drafts(tmp_path) == []
    assert before is None or (tmp_path / KEY_FILE).read_bytes() == before


def test_a_draft_stays_while_the_key_itself_is_lost(tmp_path: Path) -> None:
    """It may be a second name of it, and so the only copy left."""
    with Datastore.open(tmp_path) as datastore:
        datastore.key.identity()
    left = tmp_path / f".{KEY_FILE}.{'ab' * 8}"
    (tmp_path / KEY_FILE).rename(left)
    with Datastore.open(tmp_path) as datastore, pytest.raises(StoreError, match="is gone"):
        datastore.key.identity()
    assert left.exists()
    (tmp_path / KEY_FILE).hardlink_to(left)
    with Datastore.open(tmp_path) as datastore:
        datastore.key.identity()
    assert drafts(tmp_path) == []


def test_nothing_that_is_no_draft_is_swept_away(tmp_path: Path) -> None:
    others = [f"{KEY_FILE}.1.old", f".{KEY_FILE}.mine", f".{KEY_FILE}.{'AB' * 8}", f".{KEY_FILE}.{'ab' * 8}.bak"]
    for name in others:
        (tmp_path / name).write_text("mine")
    outside = tmp_path.parent / "outside"
    outside.write_text("mine")
    (tmp_path / f".{KEY_FILE}.{'cd' * 8}").symlink_to(outside)
    with Datastore.open(tmp_path) as datastore:
        datastore.key.identity()
    assert outside.read_text() == "mine"
    assert all((tmp_path / name).read_text() == "mine" for name in others)
