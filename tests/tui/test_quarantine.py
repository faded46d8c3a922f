"""The quarantine in the app: what was refused, who sent it and why, and how its bytes begin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.seeds import owner, signed
from tests.tui.driving import NARROW, WIDE, notice_changes, press, replica, running, screen_text, status
from tui_registry.datastore import Datastore
from tui_registry.tui import RegistryApp
from tui_registry.tui.kit.text_flow import TextBody
from tui_registry.tui.sync.quarantine import MOST_LISTED, QuarantineScreen, RefusedList
from tui_registry.tui.sync.sync_screen import SyncScreen


def refuse(datastore: Datastore, source: str, *lines: bytes) -> None:
    report = datastore.apply(lines, source=source)
    assert len(report.rejected) == len(lines)


def refused(app: RegistryApp) -> RefusedList:
    return app.screen.query_one(RefusedList)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_it_is_opened_from_sync_and_says_who_sent_what_and_why(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path) as datastore:
        refuse(datastore, "hub", b'{"Model":{}}', b"no operation at all")
        good = signed(owner("other"), "model", "spoiled").to_json()
        refuse(datastore, "usb", good.replace(b'"counter":1', b'"counter":0'))
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "3")
            assert "x refused" in screen_text(app)
            await press(pilot, "x")
            assert isinstance(app.screen, QuarantineScreen)
            text = screen_text(app)
            assert "3 refused" in text
            assert "sent by hub 2, usb 1" in text
            assert "malformed" in text
            assert "why     malformed: " in text
            assert '{"Model":{"Up":{"dot":' in text
            await press(pilot, "G")
            assert "hub" in text
            await press(pilot, "escape")
            assert isinstance(app.screen, SyncScreen)


async def test_enter_reads_on_in_the_bytes_and_esc_goes_back_a_step_at_a_time(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        refuse(datastore, "hub", b"\xff\x9b" * 3_000)
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "x", "enter")
            assert isinstance(app.focused, TextBody)
            assert "6,000, the first 1,024 are shown" in screen_text(app)
            await press(pilot, "G")
            assert "\\xff\\x9b" in screen_text(app)
            await press(pilot, "escape")
            assert refused(app).has_focus
            await press(pilot, "escape")
            assert isinstance(app.screen, SyncScreen)


async def test_what_is_refused_meanwhile_appears_and_the_cursor_stays(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        refuse(datastore, "hub", b"first", b"second")
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "x", "j")
            before = refused(app).item
            refuse(datastore, "usb", *(b"more %d" % number for number in range(30)))
            await notice_changes(pilot)
            assert refused(app).item == before
            assert refused(app).total == 32


async def test_more_than_anybody_reads_is_counted_and_not_listed(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        refuse(datastore, "hub", *(b"line %d" % number for number in range(MOST_LISTED + 5)))
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "3", "x")
            assert refused(app).total == MOST_LISTED
            assert "1,005 refused, the latest 1,000 are listed" in screen_text(app)


async def test_an_empty_quarantine_says_what_it_is_for(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "x")
            assert "Nothing was refused." in screen_text(app)
            await press(pilot, "y", "enter")
            await press(pilot, "escape")
            assert isinstance(app.screen, SyncScreen)


async def test_a_report_for_the_sender_can_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.delenv("TMUX", raising=False)
    with replica(tmp_path) as datastore:
        refuse(datastore, "hub", b"\x1b]52;c;x\x07")
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "x", "y")
            assert "copied.json" in status(app)
        report = json.loads((tmp_path / "copied.json").read_text())
        assert (report["source"], report["code"]) == ("hub", "malformed")
