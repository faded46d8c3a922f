"""Keys that are held down: what is read stays in step with what is passed, and the last place is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from textual import events
from textual.widgets import Input

from tests.tui.driving import list_of, name_under_cursor, replica, running, settle
from tui_registry.datastore import Datastore, Page
from tui_registry.tui.browse.answers import WINDOW

MANY = 2_700


class CountingDatastore(Datastore):
    """Counts the windows that are read."""

    def watch(self) -> None:
        self.lock = threading.Lock()
        self.reads = 0

    def search(
        self,
        query: str = "",
        *,
        kind: str | None = None,
        sort: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        backwards: bool = False,
        unwanted: Callable[[], bool] | None = None,
        **how: bool,
    ) -> Page:
        assert kind is None
        with self.lock:
            self.reads += 1
        return super().search(
            query, sort=sort, limit=limit, cursor=cursor, backwards=backwards, unwanted=unwanted, **how
        )


async def test_page_down_held_reads_in_step_with_the_windows_and_ends_on_a_record(tmp_path: Path) -> None:
    with replica(tmp_path, MANY):
        pass
    with CountingDatastore.open(tmp_path) as datastore:
        datastore.watch()
        async with running(datastore) as (app, pilot):
            before = datastore.reads
            await pilot.press(*["pagedown"] * 100)
            await settle(pilot)
            cursor = list_of(app).cursor
            assert cursor > 1000
            assert name_under_cursor(app)
            passed = cursor // WINDOW + 1
            assert datastore.reads - before <= 6 * passed


async def test_letters_typed_in_a_row_leave_no_reads_behind(tmp_path: Path) -> None:
    with replica(tmp_path, 300):
        pass
    with CountingDatastore.open(tmp_path) as datastore:
        datastore.watch()
        async with running(datastore) as (app, pilot):
            await pilot.press("slash", *"mistral", *["backspace"] * 7, *"qwen")
            await settle(pilot)
            assert list_of(app).total == datastore.search("qwen").total
            assert datastore.reads <= 1 + 2 * 18


async def test_what_is_typed_in_one_go_with_the_slash_arrives_in_the_line(tmp_path: Path) -> None:
    with replica(tmp_path, 30) as datastore:
        async with running(datastore) as (app, pilot):
            app.post_message(events.Key("slash", "/"))
            for letter in "mistral-edin":
                app.post_message(events.Key("minus" if letter == "-" else letter, letter))
            await settle(pilot)
            assert app.screen.query_one(Input).value == "mistral-edin"
