"""The text of a record below its tabs."""

from __future__ import annotations

from textual.containers import VerticalScroll

from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.text_flow import Flow


class DetailBody(VerticalScroll, can_focus=True):
    """Scrolls with the keys of a list.

    Attributes:
        text: what it holds.
    """

    BINDINGS = bindings_for("text")

    def __init__(self) -> None:
        self.text = Flow(id="detail-text")
        super().__init__(self.text)
