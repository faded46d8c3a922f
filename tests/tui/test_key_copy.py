"""The copy of the key, made in the app: asked for twice, written as `identity export` writes it, never over a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.driving import press, replica, running, screen_text, status
from tests.tui.test_settings_screen import go_to
from tui_registry import keystore
from tui_registry.keystore import read_keystore
from tui_registry.settings import mark_as_sample
from tui_registry.tui import RegistryApp
from tui_registry.tui.kit.paths import LockedFileScreen, wrong_in


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(keystore, "_SCRYPT_N", 1_024)


async def ask(app: RegistryApp, pilot: Pilot[None]) -> None:
    """Come to the dialog by the keys that lead there."""
    await press(pilot, "5")
    go_to(app, "key file")
    await press(pilot, "enter", "s")
    assert isinstance(app.screen, LockedFileScreen)


async def test_a_copy_of_the_key_opens_with_its_passphrase_and_is_never_written_over_a_file(tmp_path: Path) -> None:
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask(app, pilot)
            await press(pilot, *"~/key.json", "tab", *"short", "tab", *"short", "enter")
            assert "at least 8 characters" in screen_text(app)
            assert "short" not in screen_text(app)
            await press(pilot, *"shorter phrase", "tab", *"shorter phrases", "enter")
            assert "the two passphrases differ" in screen_text(app)
            assert not (tmp_path / "key.json").exists()
            await press(pilot, *"shorter phrase", "enter")
            assert f"wrote the key of 0x{datastore.address}" in status(app)
            copy = tmp_path / "key.json"
            assert copy.stat().st_mode & 0o777 == 0o600
            assert read_keystore(copy.read_text(), b"shorter phrase").address == datastore.address

            await ask(app, pilot)
            await press(pilot, *"~/ke", "tab")
            assert app.screen.query(Input).first().value == "~/key.json"
            await press(pilot, "tab", *"shorter phrase", "enter", *"shorter phrase", "ctrl+s")
            assert "is there already: name another file" in " ".join(screen_text(app).split())
            assert read_keystore(copy.read_text(), b"shorter phrase").address == datastore.address
            await press(pilot, "escape", "y")
            assert "the key file" in status(app)


async def test_what_is_typed_ahead_of_the_dialog_reaches_the_line_it_was_meant_for(tmp_path: Path) -> None:
    with replica(tmp_path / "data") as datastore:
        async with running(datastore) as (app, pilot):
            await ask(app, pilot)
            await press(pilot, *"~/key.json", "tab", *"a passphrase", "tab", *"a passphrase")
            assert [line.value for line in app.screen.query(Input)] == ["~/key.json", "a passphrase", "a passphrase"]


async def test_a_key_that_is_gone_is_told_in_the_dialog(tmp_path: Path) -> None:
    with replica(tmp_path / "data") as datastore:
        datastore.key.identity()
        datastore.key.file.unlink()
        async with running(datastore) as (app, pilot):
            await ask(app, pilot)
            await press(pilot, *"~/key.json", "enter", *"a passphrase", "enter", *"a passphrase", "enter")
            assert "is gone: put your backup in its place" in " ".join(screen_text(app).split())
            assert not (tmp_path / "key.json").exists()


def test_what_is_no_file_to_write_is_told_beforehand(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    for file, told in (
        ("", "write where it is to go"),
        (str(tmp_path), "is a folder: name a file in it"),
        (str(tmp_path / "there"), "is there already"),
        (str(tmp_path / "none" / "key"), "there is no folder"),
        ("~nobody-of-this-name/key", "no name of a file"),
        ("x" * 5000, "no name of a file"),
    ):
        wrong = wrong_in(file, "a passphrase", "a passphrase")
        assert wrong is not None, file
        assert wrong[0] == 0
        assert told in wrong[1]
    assert wrong_in(str(tmp_path / "key"), "a passphrase", "a passphrase") is None
    assert wrong_in(str(tmp_path / "key")) is None


async def test_a_copy_of_the_key_of_sample_data_is_told_from_that_of_ones_own(tmp_path: Path) -> None:
    with replica(tmp_path / "data") as datastore:
        mark_as_sample(datastore.data_dir)
        async with running(datastore, (60, 20)) as (app, pilot):
            await ask(app, pilot)
            assert "the sample data's key, not your own" in " ".join(screen_text(app).split())
