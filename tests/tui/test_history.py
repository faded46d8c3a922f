"""History: what happened in this replica, the last first; versions as they were then, restoring and undoing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from textual.events import Key

from tests.seeds import NOW, make_record, owner, seed, signed
from tests.tui.driving import (
    NARROW,
    WIDE,
    browse_of,
    notice_changes,
    press,
    replica,
    running,
    screen_text,
    settle,
    status,
)
from tui_registry.crdt import sign_up
from tui_registry.datastore import Datastore, Operation
from tui_registry.tui import RegistryApp
from tui_registry.tui.browse import record_detail
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.browse.version_screen import VersionScreen
from tui_registry.tui.conflicts.conflict_screen import ConflictScreen
from tui_registry.tui.history import history_screen
from tui_registry.tui.history.history_screen import HistoryScreen, OperationList
from tui_registry.tui.kit.dialogs import ConfirmScreen
from tui_registry.tui.register.register_screen import RegisterScreen


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
            lines = [line.split()[1:3] for line in screen_text(app).split("\n")[3:7]]
            assert [line[1] if line[0] == "now" else line[0] for line in lines] == [
                "deleted", "edited", "registered", "registered",
            ]  # fmt: skip
            await press(pilot, "m")
            assert operations(app).total == 11
            assert "11 in all" in screen_text(app)
            await press(pilot, "m", "escape")
            assert app.screen is browse_of(app)


async def test_enter_opens_the_record_as_it_was_then_and_says_what_it_says_now(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "G", "enter")
            assert isinstance(app.screen, VersionScreen)
            shown = screen_text(app)
            assert "[4 History]" in shown
            assert "As of 2026-07-16" in shown
            assert "registered, version 1 of 2" in shown
            assert "now, 1 version later: Version: 1.0.0 → 2.0.0" in shown
            assert "first  1.0.0" in shown
            await press(pilot, "]")
            assert "As it is now: edited" in screen_text(app)
            await press(pilot, "]")
            assert status(app) == "nothing came after this"
            await press(pilot, "[", "[")
            assert status(app) == "this is where its history begins"
            await press(pilot, "0")
            assert isinstance(app.screen, DetailScreen)
            assert status(app) == ""
            assert "first  2.0.0" in screen_text(app)
            await press(pilot, "escape")
            assert isinstance(app.screen, HistoryScreen)


async def test_each_of_several_fast_brackets_is_a_step_of_its_own(past: Path) -> None:
    with replica(past) as datastore:
        (entry,) = datastore.entries("first")
        for version in ("3.0.0", "4.0.0"):
            change(datastore, entry.id, version)
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "G", "enter")
            for _ in range(3):
                app.post_message(Key("right_square_bracket", "]"))
            await settle(pilot)
            assert "version 4 of 4" in screen_text(app)


async def test_of_a_deleted_record_every_version_is_there_and_comes_back(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "enter", "[")
            assert isinstance(app.screen, VersionScreen)
            assert "second" in screen_text(app)
            assert "now: deleted" in screen_text(app)
            assert status(app) == "this record is deleted: r brings it back"
            await press(pilot, "r", "y")
            assert isinstance(app.screen, DetailScreen)
            assert "“second” is back" in status(app)
        assert [entry.record["name"] for entry in datastore.entries("second")] == ["second"]


async def test_an_earlier_version_is_restored_after_a_question_that_shows_what_changes(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "j", "r")
            assert "there is nothing to restore" in status(app)
            await press(pilot, "[", "r")
            assert pointed(app) == ("registered", "first")
            assert "Version: 2.0.0 → 1.0.0" in screen_text(app)
            await press(pilot, "n")
            assert [entry.record["version"] for entry in datastore.entries("first")] == ["2.0.0"]
            await press(pilot, "r", "y", "g")
            assert pointed(app) == ("edited", "first")
        (entry,) = datastore.entries("first")
        assert entry.record["version"] == "1.0.0"
        assert len(datastore.history(entry.id)) == 3


async def test_restoring_settles_no_conflict_and_takes_nobody_elses_record(past: Path) -> None:
    with replica(past) as datastore:
        root = signed(owner("me"), "model", "forked", version="1.0.0")
        assert root.record is not None
        forks = [
            sign_up(owner("me"), "model", {**root.record, "version": version}, children=[root.hash], clock=2)
            for version in ("1.1.0", "1.2.0")
        ]
        datastore.apply(op.to_json() for op in (root, *forks))
        heads = datastore.heads(root.key)
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "j", "j", "r")
            assert pointed(app) == ("registered", "forked")
            assert isinstance(app.screen, ConflictScreen)
            await press(pilot, "escape", "m", "G", "r")
            assert "belongs to 0x" in screen_text(app)
            await press(pilot, "y")
            assert isinstance(app.screen, RegisterScreen)
        assert datastore.heads(root.key) == heads


async def test_a_version_that_breaks_a_rule_of_today_opens_in_the_form(past: Path) -> None:
    with replica(past) as datastore:
        root = signed(owner("me"), "model", "older", version="not a version")
        assert root.record is not None
        later = sign_up(owner("me"), "model", {**root.record, "version": "2.0.0"}, children=[root.hash], clock=2)
        datastore.apply(op.to_json() for op in (root, later))
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "j", "r")
            assert "version: not a version is not SemVer" in screen_text(app)
            await press(pilot, "y")
            assert isinstance(app.screen, RegisterScreen)
            assert app.screen.state.texts["version"] == "not a version"
        (entry,) = datastore.entries("older")
        assert entry.record["version"] == "2.0.0"


async def test_the_history_of_a_record_has_the_same_cursor_and_opens_the_same_screen(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "/", *"first", "enter", "enter", "[", "[")
            assert "> registered" in screen_text(app)
            assert "Version: 1.0.0 → 2.0.0" in screen_text(app)
            await press(pilot, "enter")
            assert isinstance(app.screen, VersionScreen)
            assert "[1 Browse]" in screen_text(app)
            await press(pilot, "r", "y")
            assert isinstance(app.screen, DetailScreen)
        assert [entry.record["version"] for entry in datastore.entries("first")] == ["1.0.0"]


async def test_the_cursor_in_a_records_history_goes_on_beyond_what_was_read_at_once(
    past: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_detail, "HISTORY_SHOWN", 2)
    with replica(past) as datastore:
        (entry,) = datastore.entries("first")
        for version in ("3.0.0", "4.0.0"):
            change(datastore, entry.id, version)
        async with running(datastore) as (app, pilot):
            await press(pilot, "/", *"first", "enter", "enter", "[", "[", "[", "[")
            assert "> registered" in screen_text(app)
            await press(pilot, "[")
            assert status(app) == "this is where its history begins"
            await press(pilot, "]", "]", "]")
            assert "Version: 3.0.0 → 4.0.0" in screen_text(app)
            await press(pilot, "]")
            assert status(app) == "this is the newest version here"


async def test_the_list_says_its_order_and_its_column_goes_by_it(past: Path) -> None:
    with replica(past) as datastore:
        datastore.apply([signed(owner("other"), "model", "late", at=NOW - 86_400 * 300).to_json()], source="hub")
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "4", "m", "g")
            assert pointed(app)[1] == "late"
            assert "by arrival, last first · 12 in all" in screen_text(app)
            assert "ARRIVED" in screen_text(app)
            assert "arrived from hub now" in screen_text(app)
            await press(pilot, "t")
            assert "by time written, last first · 12 in all" in screen_text(app)
            assert pointed(app)[1] == "late"
            assert operations(app).cursor == 11
            assert ">    9 mo  registered" in screen_text(app)


async def test_the_cursor_stays_on_its_operation_in_the_order_of_time_too(past: Path) -> None:
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "m", "t", *["j"] * 6)
            before, top = operations(app).item, operations(app).top
            assert before is not None
            later = [signed(owner("other"), "model", f"late-{n}", at=NOW - 90_000).to_json() for n in range(40)]
            datastore.apply([*later, signed(owner("other"), "model", "new", at=NOW).to_json()])
            await notice_changes(pilot)
            after = operations(app).item
            assert after is not None
            assert after.hash == before.hash
            assert operations(app).total == 52
            await press(pilot, "g")
            assert pointed(app)[1] == "new"
            assert top == 0


async def test_of_a_deed_it_is_said_how_far_was_looked_and_the_end_looks_further(
    past: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_screen, "LOOKED", 2)
    monkeypatch.setattr(history_screen, "_STEP", 2)
    with replica(past) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "m", "/", *"did:reg", "enter")
            assert "0 in the last 2 of 11: G looks further" in screen_text(app)
            await press(pilot, "G")
            assert "2 in the last 4 of 11: G looks further" in screen_text(app)
            for _ in range(4):
                await press(pilot, "G")
            assert "by arrival, last first · 9 of all" in screen_text(app)


async def test_the_list_is_narrowed_to_a_record_an_owner_and_a_deed(past: Path) -> None:
    with replica(past) as datastore:
        datastore.names.set(owner("stranger").address, "My Lab")
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "/", *"fir")
            assert operations(app).total == 2
            await press(pilot, "escape", "escape", "/", *"second did:del", "enter")
            assert pointed(app) == ("deleted", "second")
            assert operations(app).total == 1
            await press(pilot, "/", "ctrl+u", *'owner:"my l"')
            assert operations(app).total == 7
            await press(pilot, "ctrl+u", *"did:dug")
            assert status(app).startswith("no operation did “dug”: registered, edited")
            await press(pilot, "ctrl+u", *"nobody", "enter")
            assert "No operation fits." in screen_text(app)
            await press(pilot, "escape")
            assert operations(app).total == 4
            assert operations(app).has_focus


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
            assert status(app) == "later operations build upon this one: r restores what it wrote"
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


async def test_a_long_log_is_read_in_windows_and_its_ends_are_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replica(tmp_path, 1_500) as datastore:
        for number in range(3):
            datastore.add("model", make_record("model", f"mine-{number}"))
        reads: list[int] = []
        real = datastore.log.operations_at

        def counted(places: Sequence[int], unwanted: Callable[[], bool] | None = None) -> list[Operation]:
            reads.append(len(places))
            return real(places, unwanted)

        monkeypatch.setattr(datastore.log, "operations_at", counted)
        async with running(datastore) as (app, pilot):
            await press(pilot, "4", "m")
            assert operations(app).total == 1_503
            await press(pilot, "G")
            oldest = operations(app).item
            assert oldest is not None
            assert oldest.place == 0
            await press(pilot, *["k"] * 40)
            operation = operations(app).item
            assert operation is not None
            assert operation.place == 40
            assert sum(reads) < 1_000


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
