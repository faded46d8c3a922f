"""Several records marked, copied and deleted together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.seeds import make_record, seed
from tests.tui.driving import NARROW, WIDE, list_of, notice_changes, press, replica, running, screen_text, status
from tui_registry.tui.kit.dialogs import ConfirmScreen

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


@BOTH
async def test_space_marks_records_and_the_status_line_counts_them(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "space", "space", "j", "space")
            assert status(app).startswith("3 marked")
            assert sum(line[1:2] == "*" for line in screen_text(app).split("\n")) == 3
            await press(pilot, "k", "space")
            assert status(app).startswith("2 marked")
            await press(pilot, "escape")
            assert not list_of(app).marked
            assert "marked" not in status(app)


async def test_marks_stay_on_their_records_when_data_changes_and_through_another_search(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "space")
            marked = set(list_of(app).marked)
            datastore.add("model", make_record("model", "newer"))
            await notice_changes(pilot)
            await press(pilot, "slash", *"mistral", "enter")
            assert set(list_of(app).marked) == marked
            assert status(app).startswith("1 marked")


async def test_y_copies_what_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "known to pass copies on")
    with replica(tmp_path, 5) as datastore:
        ids = [row.id for row in datastore.search().rows]
        async with running(datastore) as (app, pilot):
            await press(pilot, "space", "space", "y", "i")
            assert app.clipboard == "\n".join(ids[:2])
            await press(pilot, "y", "j")
            assert [json.loads(line)["name"] for line in app.clipboard.split("\n")] == [
                row.name for row in datastore.search().rows[:2]
            ]
            assert "2 records" in status(app)


@BOTH
async def test_d_deletes_what_is_marked_and_ones_own_after_one_question(tmp_path: Path, size: tuple[int, int]) -> None:
    with replica(tmp_path) as datastore:
        seed(datastore, 2)
        for name in ("mine-1", "mine-2", "mine-3"):
            datastore.add("model", make_record("model", name))
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "space", "space", "j", "space", "d")
            assert isinstance(app.screen, ConfirmScreen)
            text = screen_text(app)
            assert "Delete 2 records of yours?" in text
            assert "1 marked of other owners: not deleted" in text
            await press(pilot, "y")
            assert "deleted 2 records" in status(app)
            assert datastore.stats().records == 3
            assert len(list_of(app).marked) == 1
            await press(pilot, "escape", "U", "1", "y")
            assert datastore.stats().records == 4


async def test_what_is_not_ones_own_is_not_deleted(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "space", "space", "d")
            assert not isinstance(app.screen, ConfirmScreen)
            assert "none of the marked records is yours" in status(app)
            assert datastore.stats().records == 3
