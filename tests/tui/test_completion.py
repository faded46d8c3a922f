"""What could be typed in the search line: offered below it, taken with tab, never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.seeds import make_record
from tests.tui.driving import NARROW, WIDE, list_of, name_under_cursor, press, replica, running, screen_text
from tui_registry.tui.app import RegistryApp
from tui_registry.tui.browse.search_input import CompletionList

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


def offered(app: RegistryApp) -> CompletionList:
    return app.screen.query_one(CompletionList)


def query_of(app: RegistryApp) -> str:
    return app.screen.query_one(Input).value


@BOTH
async def test_fields_are_offered_with_what_they_mean_and_tab_takes_the_first(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore, size) as (app, pilot):
            await press(pilot, "slash", *"lic")
            assert "licence, by SPDX id" in screen_text(app)
            await press(pilot, "tab")
            assert query_of(app) == "license:"
            assert offered(app).is_open
            assert app.focused is app.screen.query_one(Input)


async def test_values_are_offered_with_how_many_records_have_them(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"tag:mis")
            (line,) = [line for line in screen_text(app).split("\n")[3:] if " mistral " in line][:1]
            assert str(datastore.search("tag:mistral").total) in line
            await press(pilot, "right")
            assert query_of(app) == "tag:mistral"
            assert not offered(app).is_open
            assert list_of(app).total == datastore.search("tag:mistral").total


async def test_down_and_up_choose_and_enter_takes_what_was_chosen(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"kind:", "down", "down", "up", "down", "enter")
            assert query_of(app) in ("kind:agent", "kind:model")
            assert app.focused is app.screen.query_one(Input)
            await press(pilot, "enter")
            assert app.focused is list_of(app)


async def test_enter_goes_to_the_list_when_no_completion_was_moved_to(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"m", "enter")
            assert query_of(app) == "m"
            assert app.focused is list_of(app)
            assert not offered(app).is_open


async def test_esc_closes_the_completions_first(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"t", "escape")
            assert not offered(app).is_open
            assert app.focused is app.screen.query_one(Input)
            await press(pilot, "escape")
            assert app.focused is list_of(app)


async def test_down_goes_to_the_list_when_nothing_is_offered(tmp_path: Path) -> None:
    with replica(tmp_path, 10) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"llama", "down")
            assert app.focused is list_of(app)


async def test_tab_in_an_empty_line_shows_every_field(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash")
            assert not offered(app).is_open
            await press(pilot, "tab")
            assert "kind:" in screen_text(app)


async def test_the_list_stays_while_a_field_is_being_typed(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore) as (app, pilot):
            before = name_under_cursor(app)
            await press(pilot, "slash")
            for key in "param":
                await press(pilot, key)
                assert list_of(app).display
                assert list_of(app).total > 0
                assert "Nothing matches" not in screen_text(app)
            await press(pilot, "s")
            assert list_of(app).total == 30
            assert name_under_cursor(app) == before
            assert "tab completes it" in screen_text(app)


async def test_a_half_typed_word_that_nothing_has_is_answered_once_one_is_done_typing(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"param", "enter")
            assert list_of(app).total == 0
            assert "Nothing matches" in screen_text(app)


async def test_a_hostile_value_is_offered_safely_and_taken_whole(tmp_path: Path) -> None:
    name = 'Two words, "quoted" [/x]'
    with replica(tmp_path) as datastore:
        datastore.add("model", make_record("model", "odd", framework={"Other": name}))
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"framework:two", "tab")
            assert query_of(app) != "framework:two"
            assert list_of(app).total == 1
            assert "odd" in screen_text(app)


async def test_a_click_takes_a_completion(tmp_path: Path) -> None:
    with replica(tmp_path, 5) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "slash", *"lic")
            await pilot.click("#completions", offset=(2, 0))
            await press(pilot)
            assert query_of(app) == "license:"
