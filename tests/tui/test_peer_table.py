"""The table of peers, as it is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.strip import Strip

from tests.tui.driving import NARROW, WIDE, replica, screen_text, settle
from tests.tui.syncing import syncing, type_peer
from tui_registry.tui.sync.peer_table import PeerTable


class Watched(PeerTable):
    """Keeps every first line that is drawn."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.first_lines: list[str] = []

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if y == 0:
            self.first_lines.append(strip.text)
        return strip


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
async def test_it_is_never_drawn_without_its_columns(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_registry.tui.sync.sync_screen.PeerTable", Watched)
    with replica(tmp_path) as datastore:
        datastore.peers.add("lab", str(tmp_path / "log"))
        async with syncing(datastore, size) as (app, pilot):
            table = app.screen.query_one(Watched)
            await pilot.resize_terminal(size[0] - 10, size[1])
            await settle(pilot)
            assert len(table.first_lines) > 1
            assert [line for line in table.first_lines if "PEER" not in line] == []


async def test_a_number_that_is_no_port_is_named(tmp_path: Path) -> None:
    with replica(tmp_path) as datastore:
        async with syncing(datastore) as (app, pilot):
            await type_peer(pilot, "far", "http://127.0.0.1:99999")
            assert "99999 is not a port: 1 to 65535" in screen_text(app)
            assert not datastore.peers.all()
