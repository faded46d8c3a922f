"""The virtual list, moved through by key and mouse, while data changes."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from tests.seeds import make_record
from tests.tui.driving import (
    NARROW,
    list_of,
    name_under_cursor,
    notice_changes,
    press,
    replica,
    running,
    screen_text,
    settle,
)
from tui_registry.datastore import Datastore, Row

MANY = 2_700  # deeper than what is refreshed from the top or the end


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    with replica(folder, MANY):
        return folder


def all_rows(datastore: Datastore) -> list[Row]:
    page = datastore.search(limit=1000)
    rows = list(page.rows)
    while page.next is not None:
        page = datastore.search(limit=1000, cursor=page.next)
        rows += page.rows
    return rows


async def test_the_whole_list_can_be_walked_and_shows_every_row_in_order(many: Path) -> None:
    with replica(many) as datastore:
        names = [row.name for row in all_rows(datastore)]
        async with running(datastore) as (app, pilot):
            seen = [name_under_cursor(app)]
            while len(seen) < 60:
                await press(pilot, "j")
                seen.append(name_under_cursor(app))
            assert seen == names[:60]


async def test_capital_g_goes_to_the_last_row_and_g_back_to_the_first(many: Path) -> None:
    with replica(many) as datastore:
        names = [row.name for row in all_rows(datastore)]
        async with running(datastore) as (app, pilot):
            await press(pilot, "G")
            assert list_of(app).cursor == MANY - 1
            assert name_under_cursor(app) == names[-1]
            assert names[-1] in screen_text(app)
            await press(pilot, "k", "g")
            assert name_under_cursor(app) == names[0]


async def test_a_page_is_what_fits_below_the_header(many: Path) -> None:
    with replica(many) as datastore:
        async with running(datastore, NARROW) as (app, pilot):
            height = list_of(app).size.height - 1
            await press(pilot, "pagedown")
            assert list_of(app).cursor == height
            await press(pilot, "pagedown", "pageup", "pageup")
            assert list_of(app).cursor == 0


async def test_the_list_can_be_walked_upwards_from_its_end(many: Path) -> None:
    with replica(many) as datastore:
        names = [row.name for row in all_rows(datastore)]
        async with running(datastore) as (app, pilot):
            await press(pilot, "G")
            for page in range(30):
                height = list_of(app).page
                assert name_under_cursor(app) == names[MANY - 1 - page * height]
                await press(pilot, "pageup")


async def test_a_list_in_the_order_of_relevance_is_walked_to_its_end(many: Path) -> None:
    with replica(many) as datastore:
        async with running(datastore, query="stranger OR agent OR tests") as (app, pilot):
            await press(pilot, "G")
            assert list_of(app).cursor == list_of(app).total - 1
            assert name_under_cursor(app)


async def test_a_jump_into_the_middle_reads_what_is_in_view_only(many: Path) -> None:
    with replica(many) as datastore:
        names = [row.name for row in all_rows(datastore)]
        async with running(datastore) as (app, pilot):
            list_of(app).move_to(700)
            await settle(pilot)
            assert name_under_cursor(app) == names[700]
            assert names[700] in screen_text(app)


@pytest.mark.parametrize("place", [3, 700, MANY - 1, 2 * MANY // 3])
async def test_cursor_and_scroll_stay_on_their_record_when_data_changes(many: Path, tmp_path: Path, place: int) -> None:
    with replica(copytree(many, tmp_path / "copy")) as datastore:
        async with running(datastore) as (app, pilot):
            records = list_of(app)
            records.move_to(place)
            await settle(pilot)
            row, line = records.item, records.cursor - round(records.scroll_y)
            assert row is not None
            for number in range(5):
                datastore.add("model", make_record("model", f"new-{number}"))
            await notice_changes(pilot)
            assert records.item is not None
            assert records.item.id == row.id
            assert records.cursor - round(records.scroll_y) == line or records.scroll_y == 0
            assert row.name in screen_text(app)
            assert records.matching == (MANY + 5, True)


async def test_when_the_record_under_the_cursor_is_deleted_the_next_one_is(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        op = datastore.add("model", make_record("model", "mine"))
        async with running(datastore) as (app, pilot):
            rows = all_rows(datastore)
            place = [row.id for row in rows].index(op.key)
            list_of(app).move_to(place)
            await settle(pilot)
            datastore.delete("model", op.key, datastore.heads(op.key))
            await notice_changes(pilot)
            assert list_of(app).cursor == place
            assert name_under_cursor(app) == rows[place + 1].name


async def test_a_click_moves_the_cursor_and_a_double_click_opens(many: Path) -> None:
    with replica(many) as datastore:
        async with running(datastore) as (app, pilot):
            await pilot.click("#records", offset=(10, 5))
            await settle(pilot)
            assert list_of(app).cursor == 4
            await pilot.double_click("#records", offset=(10, 3))
            await settle(pilot)
            assert type(app.screen).__name__ == "DetailScreen"
            assert list_of(app).cursor == 2


async def test_a_click_below_the_last_row_changes_nothing_and_one_on_a_title_keeps_the_cursor(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore) as (app, pilot):
            await pilot.click("#records", offset=(10, 0))
            await pilot.click("#records", offset=(10, 9))
            await settle(pilot)
            assert list_of(app).cursor == 0


async def test_resizing_keeps_the_cursor_in_view(many: Path) -> None:
    with replica(many) as datastore:
        async with running(datastore, (120, 50)) as (app, pilot):
            await press(pilot, "pagedown")
            name = name_under_cursor(app)
            await pilot.resize_terminal(80, 24)
            await settle(pilot)
            assert name_under_cursor(app) == name
            assert name in screen_text(app)
