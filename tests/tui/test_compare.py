"""Compare: marked records in columns, with what differs, at any width."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.seeds import make_record
from tests.tui.driving import (
    NARROW,
    WIDE,
    browse_of,
    list_of,
    notice_changes,
    press,
    replica,
    running,
    screen_text,
    status,
)
from tui_registry.datastore import Datastore
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.compare.compare_screen import CompareScreen, CompareTable

FOUR = ("space", "space", "space", "space", "=")


def fill(datastore: Datastore) -> list[str]:
    """Three models and an agent of one's own; their ids as the list shows them."""
    for place, licence in enumerate(("MIT", "ISC", "Apache-2.0")):
        fields = {"license": licence, "parameters": 1_000_000_000 * (place + 1), "description": "words " * 40}
        datastore.add("model", make_record("model", f"model-{place}", **fields))
    datastore.add("agent", make_record("agent", "agent-3", tools=["sql"]))
    return [row.id for row in datastore.search().rows]


def table(screen: object) -> CompareTable:
    assert isinstance(screen, CompareScreen)
    return screen.query_one(CompareTable)


async def test_with_too_few_or_too_many_marks_it_is_said_what_to_do(tmp_path: Path) -> None:
    with replica(tmp_path, 6) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "=")
            assert status(app) == "mark 2 to 4 records with space, then = compares them"
            await press(pilot, "space", "k", "=")
            assert "one record is marked" in status(app)
            await press(pilot, *["space"] * 6, "=")
            assert "5 are marked, at most 4 can be compared: space unmarks one" in status(app)
            assert app.screen is browse_of(app)


async def test_one_marked_record_is_compared_with_the_one_under_the_cursor(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        ids = fill(datastore)
        async with running(datastore) as (app, pilot):
            await press(pilot, "space", "=")
            comparison = table(app.screen).comparison
            assert comparison is not None
            assert [head.id for head in comparison.heads] == ids[:2]
            await press(pilot, "escape")
            assert len(list_of(app).marked) == 1


async def test_at_80x24_every_column_comes_into_sight_beside_the_labels(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore, NARROW) as (app, pilot):
            await press(pilot, *FOUR)
            comparison = table(app.screen).comparison
            assert comparison is not None
            names = [head.name for head in comparison.heads]
            for place, name in enumerate(names):
                text = screen_text(app)
                assert f"> {name}" in text
                assert "≠ Licence" in text
                assert sum(other in text for other in names) == 2
                assert ("1-2 of 4 ›" in text) == (place < 2)
                await press(pilot, "right")
            await press(pilot, "left", "left", "left")
            assert f"> {names[0]}" in screen_text(app)


async def test_at_160x50_four_records_stand_side_by_side(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, *FOUR)
            (licences,) = (line for line in screen_text(app).split("\n") if "≠ Licence" in line)
            assert sorted(licences.split()[2:]) == ["Apache-2.0", "ISC", "MIT", "MIT"]


async def test_enter_opens_the_record_of_the_column_and_esc_leads_back_step_by_step(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore) as (app, pilot):
            await press(pilot, *FOUR, "right", "enter")
            assert isinstance(app.screen, DetailScreen)
            assert list(list_of(app).marked.values())[1].name in screen_text(app)
            await press(pilot, "escape")
            assert table(app.screen).column == 1
            await press(pilot, "escape")
            assert app.screen is browse_of(app)


async def test_the_same_fields_can_be_left_out_and_the_field_at_the_top_stays(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore, (80, 16)) as (app, pilot):
            await press(pilot, *FOUR, *["j"] * 4)

            def top() -> str:
                return screen_text(app).split("\n")[3]

            assert top().startswith("≠ Parameters")
            await press(pilot, ".")
            assert top().startswith("≠ Parameters")
            await press(pilot, *["pagedown"] * 4)
            assert "CUDA cores" not in screen_text(app)
            await press(pilot, ".", *["pagedown"] * 4, "k", "k")
            assert "CUDA cores" in screen_text(app)


async def test_where_nothing_differs_that_is_said(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        for name in ("one", "two"):
            datastore.add("model", make_record("model", name))
        async with running(datastore) as (app, pilot):
            await press(pilot, "space", "=", ".")
            assert "No field differs: . shows all of them" in screen_text(app)


async def test_what_changes_meanwhile_is_shown_and_what_is_deleted_is_said(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        ids = fill(datastore)
        async with running(datastore) as (app, pilot):
            await press(pilot, *FOUR, "right", "j", "j")
            entry = datastore.entry(ids[1])
            assert entry is not None
            scrolled = table(app.screen).scroll_y
            datastore.update(entry.kind, entry.id, {**entry.record, "version": "9.9.9"}, entry.heads)
            await notice_changes(pilot)
            assert "9.9.9" in screen_text(app)
            assert (table(app.screen).column, table(app.screen).scroll_y) == (1, scrolled)
            entry = datastore.entry(ids[1])
            assert entry is not None
            datastore.delete(entry.kind, entry.id, entry.heads)
            await notice_changes(pilot)
            assert "deleted meanwhile" in screen_text(app)
            assert status(app).endswith("was deleted meanwhile: shown as it was last")
            await press(pilot, "enter")
            assert isinstance(app.screen, CompareScreen)


@pytest.mark.parametrize(("key", "begins"), [("t", " "), ("m", "|  | ")])
async def test_y_copies_all_columns_of_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, begins: str
) -> None:
    monkeypatch.setenv("TMUX", "known to pass copies on")
    with replica(tmp_path) as datastore:
        fill(datastore)
        async with running(datastore) as (app, pilot):
            await press(pilot, *FOUR, ".", "y", key)
            assert app.clipboard.startswith(begins)
            assert all(name in app.clipboard for name in ("model-0", "model-1", "model-2", "agent-3", "Licence"))
            assert "Input speed" not in app.clipboard
            await press(pilot, "y", "w")
            assert (tmp_path / "copied.md").read_text().startswith("|  | ")
