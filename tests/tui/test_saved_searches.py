"""Searches with names, and the searches of before."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from tests.tui.driving import browse_of, list_of, press, replica, running, screen_text, status
from tui_registry.tui.app import RegistryApp
from tui_registry.tui.browse.search_bar import PastSearches


def query_of(app: RegistryApp) -> str:
    return browse_of(app).query_one(Input).value


async def test_a_search_is_saved_under_a_name_and_asked_with_it(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore, query="kind:agent") as (app, pilot):
            await press(pilot, "ctrl+s", *"helpers", "enter")
            assert datastore.searches.saved() == {"helpers": "kind:agent"}
            assert "@helpers" in status(app)
            await press(pilot, "escape", "slash", *"@hel")
            assert list_of(app).total == 30
            await press(pilot, "tab")
            assert query_of(app) == "@helpers"
            assert list_of(app).total == datastore.search("kind:agent").total
            assert "agent" in screen_text(app).split("\n")[2]


async def test_a_bad_name_is_told_and_can_be_put_right(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore, query="kind:agent") as (app, pilot):
            await press(pilot, "ctrl+s", *"no way", "enter")
            assert datastore.searches.saved() == {}
            assert "letters, digits" in " ".join(screen_text(app).split())
            await press(pilot, "end", *["backspace"] * 4, *"-way", "enter")
            assert datastore.searches.saved() == {"no-way": "kind:agent"}
            assert app.screen is browse_of(app)


async def test_there_is_nothing_to_save_without_a_search(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "ctrl+s")
            assert "no search to save" in status(app)


async def test_saved_searches_are_listed_asked_and_forgotten(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        datastore.searches.save("alpha", "kind:agent")
        datastore.searches.save("beta", "kind:model llama")
        async with running(datastore) as (app, pilot):
            await press(pilot, "@")
            assert "@beta" in screen_text(app)
            await press(pilot, "down", "enter")
            assert query_of(app) == "@beta"
            assert list_of(app).total == datastore.search("kind:model llama").total
            await press(pilot, "@", *"dy", "delete", *"dy", "enter")
            assert set(datastore.searches.saved()) == {"alpha", "beta"}
            await press(pilot, "delete", "right", "enter")
            assert datastore.searches.saved() == {"beta": "kind:model llama"}
            await press(pilot, "escape")
            assert status(app) == "forgot @alpha"


async def test_a_name_that_another_search_has_is_given_away_only_after_a_question(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        datastore.searches.save("mine", "kind:model llama")
        async with running(datastore, query="kind:agent") as (app, pilot):
            await press(pilot, "ctrl+s", *"mine", "enter")
            assert "It is now: kind:model llama" in screen_text(app)
            await press(pilot, *"yy", "enter")
            assert datastore.searches.saved() == {"mine": "kind:model llama"}
            assert status(app) == "not saved: @mine stays what it was"
            await press(pilot, "ctrl+s", *"mine", "enter", "right", "enter")
            assert datastore.searches.saved() == {"mine": "kind:agent"}
            await press(pilot, "ctrl+s", *"mine", "enter")
            assert app.screen is browse_of(app)


async def test_the_palette_finds_a_saved_search(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        datastore.searches.save("alpha", "kind:agent")
        async with running(datastore) as (app, pilot):
            await press(pilot, "ctrl+p", *"search: @alpha")
            await press(pilot, "enter")
            await press(pilot, "enter")
            assert query_of(app) == "@alpha"
            assert list_of(app).total == datastore.search("kind:agent").total


async def test_up_goes_back_through_the_searches_of_before_and_down_forward(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore) as (app, pilot):
            for query in ("llama", "mistral"):
                await press(pilot, "slash", "ctrl+u", *query, "enter")
            assert datastore.searches.history() == ["mistral", "llama"] or set(datastore.searches.history()) == {
                "mistral", "llama",
            }  # fmt: skip
            await press(pilot, "escape", "slash", *"qw", "up")
            first = query_of(app)
            await press(pilot, "up")
            assert {first, query_of(app)} == {"llama", "mistral"}
            await press(pilot, "down")
            assert query_of(app) == first
            await press(pilot, "down")
            assert query_of(app) == "qw"


async def test_a_search_that_was_only_tried_is_not_remembered(tmp_path: Path) -> None:
    with replica(tmp_path, 3) as datastore:
        async with running(datastore) as (_, pilot):
            await press(pilot, "slash", *"llama", "escape")
            assert datastore.searches.history() == []


def test_the_past_skips_what_stands_in_the_line_and_ends_at_its_end() -> None:
    past = PastSearches()
    past.load(["b", "a"])
    assert past.back("b") == "a"
    assert past.back("a") is None
    assert past.forward() == "b"
    past.add("c")
    assert past.is_latest(" c ")
    assert past.back("") == "c"
