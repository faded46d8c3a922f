"""What is typed in one burst reaches the fields it was meant for."""

from __future__ import annotations

from pathlib import Path

from textual.events import Key
from textual.widgets import Input

from tests.tui.driving import press, replica, running, settle


async def test_a_burst_of_keys_with_a_tab_in_it_fills_both_fields(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with running(datastore) as (app, pilot):
            await press(pilot, "3", "a")
            # Not through the pilot, which waits after each key: these arrive as one packet from a slow line does.
            for key in [*"lab", "tab", *"/srv/log"]:
                app.post_message(Key({"/": "slash"}.get(key, key), key if len(key) == 1 else None))
            await settle(pilot)
            name, address = list(app.screen.query(Input))[:2]
            assert (name.value, address.value) == ("lab", "/srv/log")
