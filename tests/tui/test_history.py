"""History: what happened in this replica, newest first; undoing from there, also what an earlier session deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.seeds import make_record, owner, seed, signed
from tests.tui.driving import (
    NARROW,
    WIDE,
    browse_of,
    name_under_cursor,
    notice_changes,
    press,
    replica,
    running,
    screen_text,
    status,
)
from tui_registry.datastore import Datastore
from tui_registry.tui import RegistryApp
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.history.history_screen import DeletedRecordScreen, HistoryScreen
from tui_registry.tui.history.operation_list import OperationList
from tui_registry.tui.kit.dialogs import ConfirmScreen


def operations(app: RegistryApp) -> OperationList:
    screen = app.get_screen_stack("history")[0]
    assert isinstance(screen, HistoryScreen)
    return screen.query_one(OperationList)


def pointed(app: RegistryApp) -> tuple[str, str]:
    """What the operation under the cursor did, and to which record."""
    operation = operations(app).item
    assert operation is not None
    return operation.did, operation.name


def change(datastore: Datastore, key: str, version: str) -> None:
    entry = datastore.entry(key)
    assert entry is not None
    datastore.update("model", key, {**entry.record, "version": version}, entry.heads)


def delete(datastore: Datastore, key: str) -> None:
    entry = datastore.entry(key)
    assert entry is not None
    datastore.delete("model", key, entry.heads)


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """A replica with a stranger's records and a short history of one's own, made by an earlier run."""
    with replica(tmp_path, 7) as datastore:
        first = datastore.add("model", make_record("model", "first", version="1.0.0")).key
        second = datastore.add("model", make_record("model", "second")).key
        change(datastore, first, "2.0.0")
        delete(datastore, second)
    return tmp_path


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_mode_four_shows_ones_own_operations_newest_first_and_m_all_of_them(
    past: Path, size: tuple[int, int]
) -> None:
    with replica(past) as datastore:
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "4")
            assert operations(app).total == 4
            lines = [line.split()[1:3] for line in screen_text(app).split("\n")[2:6]]
            assert [line[1] if line[0] == "now" else line[0] for line in lines] == [
                "deleted", "edited", "registered", "registered",
            ]  # fmt: skip
            await press(pilot, "m")
            assert operations(app).total == 11
            assert "11 in all" in screen_text(app)
            await press(pilot, "m", "escape")
            assert app.screen is browse_of(app)


async def test_enter_opens_the_record_and_of_a_deleted_one_what_it_was(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "j", "enter")
            assert "[4 History]" in screen_text(app)
            assert isinstance(app.screen, DetailScreen)
            assert "first" in screen_text(app)
            await press(pilot, "escape", "k", "enter")
            assert isinstance(app.screen, DeletedRecordScreen)
            assert "second" in screen_text(app)
            assert "u brings it back" in status(app)
            await press(pilot, "right")
            await press(pilot, "escape")
            assert isinstance(app.screen, HistoryScreen)


async def test_a_record_that_an_earlier_session_deleted_is_brought_back_from_the_history(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "u")
            assert isinstance(app.screen, ConfirmScreen)
            assert "Bring back the model “second”?" in screen_text(app)
            await press(pilot, "y")
            assert status(app) == "“second” is back"
            assert pointed(app) == ("deleted", "second")
            await press(pilot, "g")
            assert pointed(app) == ("brought back", "second")
        assert datastore.stats().models == 8


async def test_it_is_brought_back_from_its_own_screen_too_and_shown(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "enter", "u", "y")
            assert app.screen is browse_of(app)
            assert name_under_cursor(app) == "second"


async def test_capital_u_brings_back_what_was_deleted_last_in_any_session(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "U", "y")
            assert status(app) == "“second” is back"


async def test_undo_under_the_cursor_restores_what_was_there_before(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "j", "u")
            assert "Version: 2.0.0 → 1.0.0" in screen_text(app)
            await press(pilot, "y", "g")
            assert pointed(app) == ("edited", "first")
            assert [entry.record["version"] for entry in datastore.entries("first")] == ["1.0.0"]


async def test_what_is_not_the_last_on_its_record_or_not_ones_own_is_told_in_words(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "G", "u")
            assert status(app).startswith("later operations build upon this one")
            await press(pilot, "m", "G", "u")
            assert status(app).startswith("only the key that signed it")
            assert isinstance(app.screen, HistoryScreen)


async def test_the_cursor_stays_on_its_operation_when_new_ones_arrive(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "m", "j", "j")
            before = operations(app).item
            datastore.apply([signed(owner("other"), "model", f"late-{number}").to_json() for number in range(40)])
            await notice_changes(pilot)
            assert operations(app).item == before
            assert operations(app).total == 51
            await press(pilot, "g")
            assert pointed(app)[1] == "late-39"


async def test_a_long_log_is_read_in_windows_and_its_ends_are_near(tmp_path: Path) -> None:
    with replica(tmp_path, 1_500) as datastore:
        for number in range(3):
            datastore.add("model", make_record("model", f"mine-{number}"))
        reads: list[int] = []
        real = datastore.log.operations

        def counted(**how):  # type: ignore[no-untyped-def]
            page = real(**how)
            reads.append(len(page.rows))
            return page

        datastore.log.operations = counted  # type: ignore[method-assign]
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "m")
            assert operations(app).total == 1_503
            await press(pilot, "G")
            oldest = operations(app).item
            assert oldest is not None
            assert oldest.place == 0
            await walk(pilot, app, 40)
            assert sum(reads) < 1_000


async def walk(pilot: Pilot[None], app: RegistryApp, steps: int) -> None:
    """Up from the oldest, each step on the operation that follows."""
    for step in range(1, steps):
        await press(pilot, "k")
        operation = operations(app).item
        assert operation is not None
        assert operation.place == step


async def test_an_empty_history_says_what_to_do(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4")
            assert "Your key has signed nothing yet." in screen_text(app)
            await press(pilot, "m")
            assert "Nothing has happened" in screen_text(app)
            seed(datastore, 1)
            await notice_changes(pilot)
            assert operations(app).total == 1
            assert operations(app).has_focus


async def test_an_operation_can_be_copied_as_it_travels(past: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("VTE_VERSION", "STY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "y", "o")
            assert app.clipboard.encode() == datastore.log.lines(10, 11)[0]
            assert "the operation" in status(app)
