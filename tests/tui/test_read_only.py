"""The app on a replica that cannot be written: it says so at the start and in the title, browses as always, and lets
nobody type what could not be kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.events import Paste

from tests.places import fill, let_write, read_only, small_disk
from tests.seeds import NOW, make_record
from tests.tui.driving import name_under_cursor, press, replica, running, screen_text, settle, status
from tui_registry.datastore import Datastore
from tui_registry.tui.browse.browse_screen import BrowseScreen
from tui_registry.tui.register.register_screen import RegisterScreen

SENTENCE = "can only be read: "


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Datastore]:
    """Five records of a stranger and one of this replica's own, where nobody can write."""
    folder = tmp_path / "data"
    with replica(folder, 5) as datastore:
        datastore.add("model", make_record("model", "mine"))
        datastore.peers.add("lab", "http://127.0.0.1:1")
        datastore.searches.save("own", "is:mine")
    with read_only(folder) as place, Datastore.open(place, clock=lambda: NOW) as datastore:
        yield datastore


async def test_it_says_so_at_the_start_and_in_the_title(fixed: Datastore) -> None:
    async with running(fixed) as (app, _):
        assert status(app) == f"this replica can only be read: {fixed.why_read_only}"
        assert "! read-only" in screen_text(app).splitlines()[0]
        assert "6 records" in screen_text(app)


async def test_what_it_says_goes_once_the_replica_can_be_written(fixed: Datastore) -> None:
    async with running(fixed) as (app, pilot):
        assert SENTENCE in status(app)
        app.look()
        await settle(pilot)
        assert SENTENCE in status(app)
        let_write(fixed.data_dir)
        app.look()
        await settle(pilot)
        assert status(app) == ""
        assert "! read-only" not in screen_text(app)


async def test_it_is_browsed_and_searched_as_always(fixed: Datastore) -> None:
    async with running(fixed) as (app, pilot):
        await press(pilot, "slash", *"is:mine", "enter")
        assert name_under_cursor(app) == "mine"
        assert SENTENCE not in status(app)  # what is searched for is not remembered, which nobody has to be told
        await press(pilot, "enter", "escape", "4")
        assert "mine" in screen_text(app)
        for mode in ("3", "5", "1"):
            await press(pilot, mode)
        assert isinstance(app.screen, BrowseScreen)


async def test_a_key_that_would_write_says_why_not_and_opens_nothing(fixed: Datastore) -> None:
    async with running(fixed, query="is:mine") as (app, pilot):
        for key in ("n", "e", "v", "d", "u", "U", "o", "ctrl+s", "2"):
            app.say("")
            await press(pilot, key)
            assert isinstance(app.screen, BrowseScreen), key
            assert SENTENCE in status(app), key
            # First of all: on a narrow screen the rest is cut off.
            assert status(app).startswith(f"this replica can only be read: {fixed.why_read_only}"), key
        await press(pilot, "3")
        assert "lab" in screen_text(app)
        peers = app.screen
        for key in ("a", "d", "s"):
            app.say("")
            await press(pilot, key)
            assert app.screen is peers, key
            assert SENTENCE in status(app), key


async def test_what_is_typed_when_the_disk_fills_up_stays_in_the_form(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk, replica(disk / "data") as datastore:
        async with running(datastore, (100, 40)) as (app, pilot):
            await press(pilot, "n", "m", *"half an idea")
            form = app.screen
            assert isinstance(form, RegisterScreen)
            fill(disk)
            app.post_message(Paste(" more" * 20_000))
            await settle(pilot)
            await press(pilot, "escape")
            assert app.screen is not form  # leaving would lose it: that is asked
            assert "The draft could not be saved: the disk of" in screen_text(app)
            await press(pilot, "escape")
            assert app.screen is form
            assert form.state.texts["name"].startswith("half an idea")
