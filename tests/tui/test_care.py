"""Verifying and backing up in the app: the same work and the same sentences as the commands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tui.driving import NARROW, WIDE, press, replica, running, screen_text, settle, status
from tests.tui.syncing import until
from tests.tui.test_settings_screen import go_to
from tui_registry import backup, keystore
from tui_registry.datastore import Datastore, VerifyReport
from tui_registry.keystore import read_keystore
from tui_registry.tui.kit.help import PageScreen
from tui_registry.tui.kit.paths import LockedFileScreen


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(keystore, "_SCRYPT_N", 1_024)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_verifying_says_what_the_command_says(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path / "data", strangers=3) as datastore:
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "5")
            go_to(app, "verify")
            await press(pilot, "enter")
            assert status(app) == "3 operations checked, 3 records: all is sound"
            assert "3 operations checked" in screen_text(app)
            await press(pilot, "c")
            assert "nothing runs" in status(app)


async def test_what_verifying_found_is_told_in_full(tmp_path: Path) -> None:
    with replica(tmp_path / "data", strangers=3) as datastore:
        with datastore._pool.write() as db:
            db.execute("UPDATE catalogue SET name = 'another' WHERE rowid = (SELECT min(rowid) FROM catalogue)")
        async with running(datastore) as (app, pilot):
            await press(pilot, "5")
            go_to(app, "verify")
            await press(pilot, "enter")
            assert isinstance(app.screen, PageScreen)
            assert "not all was sound" in screen_text(app)


async def test_verifying_goes_on_in_other_modes_and_is_stopped_by_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replica(tmp_path / "data", strangers=3) as datastore:
        begun, go_on = threading.Event(), threading.Event()
        verify = Datastore.verify

        def slowly(self: Datastore, progress: Callable[[int, int], None] | None = None) -> VerifyReport:
            assert progress is not None
            progress(1, 3)
            begun.set()
            go_on.wait(60)
            return verify(self, progress)

        monkeypatch.setattr(Datastore, "verify", slowly)
        async with running(datastore) as (app, pilot):
            await press(pilot, "5")
            go_to(app, "verify")
            await pilot.press("enter")
            await until(pilot, lambda: begun.is_set() and "1 of 3" in screen_text(app))
            assert "33%" in screen_text(app)
            assert "c stop" in screen_text(app)
            await pilot.press("1", "5", "enter")
            assert "is being verified" in status(app)
            await pilot.press("c")
            go_on.set()
            await settle(pilot)
            assert "was stopped after" in status(app)


async def test_a_backup_holds_the_key_under_a_passphrase_or_leaves_it_out(tmp_path: Path) -> None:
    with replica(tmp_path / "data", strangers=3) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "5")
            go_to(app, "backup")
            await press(pilot, "enter", "k")
            assert isinstance(app.screen, LockedFileScreen)
            await press(pilot, *"~/saved", "enter", *"a passphrase", "enter", *"a passphrase", "enter")
            assert status(app) == f"wrote 3 operations, 3 records to {tmp_path / 'saved'}"
            done = backup.put_back(
                tmp_path / "saved",
                tmp_path / "again",
                lambda text: read_keystore(text, b"a passphrase"),
                lambda *_: None,
            )
            assert (done.records, done.has_key, done.address) == (3, True, datastore.address)
            await press(pilot, "enter", "o", *"~/saved", "enter")
            assert "is there already" in screen_text(app)
            await press(pilot, *"-2", "enter")
            assert "is not in it, and without it" in screen_text(app)
            await press(pilot, *"zz")
            assert "nothing here holds zz" in screen_text(app)
            await press(pilot, "escape", "escape", "y")
            assert "the command" in status(app)
            assert (tmp_path / "saved-2").exists()
