"""Pulls by themselves: only where the settings say so, one round at a time, and hardly a word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.seeds import NOW, stranger_ops
from tests.tui.driving import NARROW, notice_changes, press, replica, screen_text, settle, status
from tests.tui.syncing import stuck_at_the_last_tile, sync_of, until
from tui_registry.datastore import Datastore
from tui_registry.settings import Settings, load_settings, settings_path
from tui_registry.sync import publish
from tui_registry.tui import RegistryApp
from tui_registry.tui.settings.settings_screen import SettingsList
from tui_registry.tui.sync import PullsByThemselves


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Datastore]:
    with replica(tmp_path / "here") as datastore:
        yield datastore


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Datastore]:
    with Datastore.open(tmp_path / "there", clock=lambda: NOW) as datastore:
        yield datastore


class App:
    """The app on a clock that the test moves; each look at it is what the app does each second."""

    def __init__(self, app: RegistryApp, pilot: Pilot[None], clock: list[int]) -> None:
        self.app = app
        self.pilot = pilot
        self._clock = clock

    @property
    def by_themselves(self) -> PullsByThemselves:
        return self.app.held(PullsByThemselves)

    async def after(self, seconds: int) -> None:
        self._clock[0] += seconds
        self.by_themselves.look()
        await settle(self.pilot)
        await notice_changes(self.pilot)


@asynccontextmanager
async def running_on(datastore: Datastore, every: str) -> AsyncIterator[App]:
    clock = [NOW]
    app = RegistryApp(datastore, settings=Settings(name="test", sync_every=every), clock=lambda: clock[0])
    app.animation_level = "none"
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await settle(pilot)
        yield App(app, pilot, clock)


async def test_it_is_off_unless_it_is_asked_for(here: Datastore, there: Datastore, tmp_path: Path) -> None:
    publish(there, tmp_path / "hub")
    here.peers.add("hub", str(tmp_path / "hub"))
    async with running_on(here, "") as app:
        await app.after(1_000_000)
        assert here.peers.get("hub").last_try is None
        await press(app.pilot, "3")
        assert "by itself" not in screen_text(app.app)


async def test_what_is_new_comes_in_rounds_and_the_next_one_is_told(
    here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    there.apply(op.to_json() for op in stranger_ops(3))
    publish(there, tmp_path / "hub")
    here.peers.add("hub", str(tmp_path / "hub"))
    async with running_on(here, "15m") as app:
        await app.after(60)
        assert here.peers.get("hub").last_try is None
        await app.after(960)
        assert here.stats().records == 3
        assert status(app.app) == "by itself: hub: 3 new operations"
        assert "3 records" in screen_text(app.app)
        # Nothing new is no news, and nothing that stands on the line is driven away.
        app.app.say("something")
        await app.after(1_000)
        assert status(app.app) == "something"
        there.apply(op.to_json() for op in stranger_ops(2, by="late"))
        publish(there, tmp_path / "hub")
        await app.after(1_000)
        assert here.stats().records == 5
        assert status(app.app) == "something"
        await press(app.pilot, "3")
        assert "next pull by itself in 1" in screen_text(app.app)


async def test_a_failure_is_told_once(here: Datastore, tmp_path: Path) -> None:
    here.peers.add("hub", str(tmp_path / "hub"))
    async with running_on(here, "15m") as app:
        await app.after(1_000)
        assert "no directory" in status(app.app)
        app.app.say("")
        for _ in range(5):
            await app.after(1_000)
        assert status(app.app) == ""
        assert "1 peer failing" in screen_text(app.app)


async def test_no_round_begins_while_a_pull_runs(here: Datastore) -> None:
    async with stuck_at_the_last_tile() as (peer, gate), running_on(here, "1m") as app:
        here.peers.add("lab", peer.url)
        await press(app.pilot, "3")
        sync_of(app.app)._begin(["lab"])
        await until(app.pilot, lambda: gate.waiting == 1)
        app._clock[0] += 3_600
        app.by_themselves.look()
        assert app.by_themselves.next_at == app._clock[0] + 30
        gate.open()
        await until(app.pilot, lambda: not app.by_themselves.pulls.pulling)
        assert peer.paths.count("/sync/head") == 1


async def test_a_clock_that_is_put_back_delays_a_round_by_two_intervals_at_most(
    here: Datastore, tmp_path: Path
) -> None:
    here.peers.add("hub", str(tmp_path / "hub"))
    async with running_on(here, "15m") as app:
        await app.after(-30 * 86_400)
        assert here.peers.get("hub").last_try is None
        await app.after(1_800)
        assert here.peers.get("hub").last_try is not None


async def test_a_pull_that_somebody_stops_is_no_failure_of_its_peer(here: Datastore) -> None:
    async with stuck_at_the_last_tile() as (peer, gate), running_on(here, "1m") as app:
        here.peers.add("lab", peer.url)
        app._clock[0] += 70
        app.by_themselves.look()
        await until(app.pilot, lambda: gate.waiting == 1)
        app.by_themselves.pulls.stop("lab")
        await until(app.pilot, lambda: app.by_themselves.next_at is not None)
        assert status(app.app) == ""
        rounds = app.by_themselves._rounds
        assert rounds is not None
        assert rounds.note("lab", failed=True)


async def test_it_is_set_on_the_settings_screen_and_holds_at_once(
    here: Datastore, there: Datastore, tmp_path: Path
) -> None:
    there.apply(op.to_json() for op in stranger_ops(3))
    publish(there, tmp_path / "hub")
    here.peers.add("hub", str(tmp_path / "hub"))
    async with running_on(here, "") as app:
        await press(app.pilot, "5", "j", "j")
        row = app.app.screen.query_one(SettingsList).item
        assert row is not None
        assert (row.name, row.value) == ("pull by itself", "off")
        await press(app.pilot, "enter", *"soon", "enter")
        assert "from 10s to 30d" in screen_text(app.app)
        await press(app.pilot, *["backspace"] * 4, *"1m", "enter")
        assert status(app.app) == "the app pulls every 1m from now on"
        assert load_settings(settings_path()).sync_every == "1m"
        assert "every 1m, next pull by itself" in screen_text(app.app)
        app.app.say("")
        await app.after(70)
        assert here.stats().records == 3
        await press(app.pilot, "enter", "backspace", "backspace", "enter")
        assert app.by_themselves.next_at is None
        assert "off" in screen_text(app.app)
