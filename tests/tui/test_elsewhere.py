"""What this replica's own key signed elsewhere, in the app: told, shown, asked about, and quiet once it is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from tests.seeds import NOW, make_record, written
from tests.tui.driving import NARROW, WIDE, notice_changes, press, replica, running, screen_text, status
from tests.tui.syncing import syncing
from tui_registry.datastore import Datastore
from tui_registry.sync import publish, pull
from tui_registry.tui.history.history_screen import OperationList
from tui_registry.tui.kit.dialogs import ChooseScreen, ConfirmScreen
from tui_registry.tui.kit.help import PageScreen

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Datastore]:
    """A replica that was put back to an older copy and written on; its peer has what it wrote in between."""
    with replica(tmp_path / "here") as datastore:
        keys = [datastore.add("model", make_record("model", name)).key for name in ("back", "other")]
        copytree(tmp_path / "here", tmp_path / "there")
        with Datastore.open(tmp_path / "there", clock=lambda: NOW) as there:
            for version in ("2.0.0", "3.0.0"):
                for key in keys:
                    entry = there.entry(key)
                    assert entry is not None
                    written(there, key, {**entry.record, "version": version})
            publish(there, tmp_path / "hub")
        written(datastore, keys[0], None)
        entry = datastore.entry(keys[1])
        assert entry is not None
        written(datastore, keys[1], {**entry.record, "version": "1.1.0"})
        datastore.peers.add("hub", str(tmp_path / "hub"))
        yield datastore


@BOTH
async def test_a_pull_tells_of_it_and_the_question_says_what_it_did(here: Datastore, size: tuple[int, int]) -> None:
    async with syncing(here, size) as (app, pilot):
        await press(pilot, "s")
        assert status(app) == "hub: 4 new operations, 1 in conflict, 4 signed by your key elsewhere (o)"
        assert status(app) in screen_text(app)
        await notice_changes(pilot)
        assert "! 4 elsewhere" in screen_text(app)
        assert "o your key" in screen_text(app)
        await press(pilot, "o")
        assert isinstance(app.screen, ChooseScreen)
        text = " ".join(screen_text(app).split())
        assert "4 operations by your key that this replica did not write" in text
        assert "edited “other” 3.0.0, says now, from hub" in text
        assert "was deleted here and came back" in text
        for words in ("look at them all", "settle what is in conflict", "they are mine", "they are not mine"):
            assert words in text


async def test_they_are_looked_at_in_the_history(here: Datastore) -> None:
    async with syncing(here) as (app, pilot):
        await press(pilot, "s")
        await press(pilot, "o", "l")
        assert app.current_mode == "history"
        found = app.screen.query_one(OperationList)
        assert [found.item_at(place) is not None for place in range(found.total)] == [True] * 4
        assert "is:elsewhere" in screen_text(app)
        # By the time that they state, and among the words: the same ones.
        await press(pilot, "t")
        assert found.total == 4
        await press(pilot, "slash", "end", "space", *"back", "enter")
        assert found.total == 2


async def test_once_they_are_said_to_be_ones_own_nothing_is_told_any_more(here: Datastore) -> None:
    async with syncing(here) as (app, pilot):
        await press(pilot, "s")
        await press(pilot, "o", "m")
        assert status(app) == "4 operations will not be told again"
        await notice_changes(pilot)
        assert "elsewhere" not in screen_text(app).splitlines()[0]
        await press(pilot, "o")
        assert "wrote all that its key has signed" in status(app)
    assert here.elsewhere.count() == 0


async def test_a_stolen_key_leads_to_what_that_means_today(here: Datastore) -> None:
    async with syncing(here, WIDE) as (app, pilot):
        await press(pilot, "s")
        await press(pilot, "o", "k")
        assert isinstance(app.screen, PageScreen)
        assert "There is no revocation" in " ".join(screen_text(app).split())
        await press(pilot, "escape")
        assert here.elsewhere.count() == 4


async def test_before_something_is_signed_it_is_asked_once(here: Datastore) -> None:
    key = here.add("model", make_record("model", "third")).key
    await pull(here, "hub")
    assert here.elsewhere.untold() == 4
    async with running(here, query="third") as (app, pilot):
        await press(pilot, "escape", "d", "y")
        assert isinstance(app.screen, ConfirmScreen)
        assert "sync with all your peers first" in " ".join(screen_text(app).split())
        await press(pilot, "y")  # no letter answers
        assert isinstance(app.screen, ConfirmScreen)
        await press(pilot, "enter")
        assert "nothing was signed" in status(app)
        assert here.entry(key) is not None
        await press(pilot, "d", "y", "right", "enter")
        assert here.entry(key) is None
        assert here.elsewhere.untold() == 0
        await press(pilot, "U", "y")
        assert here.entry(key) is not None


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Datastore]:
    """A replica that was published, and then put back to a copy of before its last record."""
    with replica(tmp_path / "older") as datastore:
        datastore.add("model", make_record("model", "kept"))
    copytree(tmp_path / "older", tmp_path / "backup")
    with Datastore.open(tmp_path / "older", clock=lambda: NOW) as datastore:
        datastore.add("model", make_record("model", "lost"))
        publish(datastore, tmp_path / "hub")
    rmtree(tmp_path / "older")
    copytree(tmp_path / "backup", tmp_path / "older")
    with Datastore.open(tmp_path / "older", clock=lambda: NOW) as datastore:
        datastore.peers.add("hub", str(tmp_path / "hub"))
        yield datastore


async def test_an_older_copy_is_told_and_what_is_missing_brought_back(older: Datastore) -> None:
    async with syncing(older) as (app, pilot):
        await notice_changes(pilot)
        assert "! older copy" in screen_text(app)
        await press(pilot, "o")
        text = " ".join(screen_text(app).split())
        assert "This replica is an older copy of itself" in text
        assert "it has 1, and others were given 2 operations of it" in text
        await press(pilot, "p")
        assert older.stats().records == 2
        await press(pilot, "o")
        await press(pilot, "m")
        assert "will not be told again" in status(app)
        await notice_changes(pilot)
        assert "older copy" not in screen_text(app)
    assert older.mark.restored() is None


async def test_an_older_copy_is_asked_about_once_before_something_is_signed(older: Datastore) -> None:
    async with running(older, WIDE) as (app, pilot):
        await press(pilot, "d", "y")
        assert "such as a backup" in " ".join(screen_text(app).split())
        await press(pilot, "right", "enter")
        assert older.stats().records == 0
        assert older.mark.restored() is None
        await press(pilot, "U", "y")
        assert older.stats().records == 1


async def test_an_older_copy_that_was_served_already_is_told_until_its_owner_goes_on_with_it(older: Datastore) -> None:
    assert older.mark.share().renewed
    async with syncing(older) as (app, pilot):
        await notice_changes(pilot)
        assert "! older copy" in screen_text(app)
        await press(pilot, "o", "m")
        await notice_changes(pilot)
        assert "older copy" not in screen_text(app)
