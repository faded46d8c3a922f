"""The table of peers: rows are updated in place, and the cursor stays on its peer."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.strip import Strip

from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import Column, ItemList, RowStyles
from tui_registry.tui.sync.peer_row import peer_columns, peer_strip
from tui_registry.tui.sync.peer_view import PeerView


class PeerTable(ItemList[PeerView]):
    """A line for each peer."""

    MARKED: ClassVar[bool] = True

    def columns(self, width: int) -> tuple[Column, ...]:
        return peer_columns(width)

    def key_of(self, item: PeerView) -> Hashable:
        return item.name

    def draw(self, item: PeerView, columns: tuple[Column, ...], width: int, styles: RowStyles, pointed: bool) -> Strip:
        return peer_strip(item, columns, host_of(self).now(), width, styles, pointed)
