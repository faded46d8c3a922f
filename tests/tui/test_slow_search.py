"""A search that takes too long is stopped: the screen says so and keeps the last results."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.tui.driving import WIDE, list_of, press, replica, running, screen_text, settle
from tui_registry.replica.search import searcher
from tui_registry.replica.store import connection


async def test_a_search_that_takes_too_long_says_so_and_keeps_the_last_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replica(tmp_path, 20) as datastore:
        async with running(datastore, WIDE) as (app, pilot):
            await press(pilot, "slash", *"kind:agent")
            agents = list_of(app).total
            assert agents == datastore.search("kind:agent").total > 0
            with monkeypatch.context() as hasty:
                hasty.setattr(searcher, "PATIENCE_SECONDS", -1.0)
                hasty.setattr(connection, "_STEPS", 1)
                app.screen.query_one(Input).value = "llama"
                await settle(pilot)
                assert "took too long" in screen_text(app)
                assert list_of(app).total == agents
            app.screen.query_one(Input).value = "llama "
            await settle(pilot)
            assert list_of(app).total == datastore.search("llama").total
            assert "took too long" not in screen_text(app)
