"""One line of text that a person types or pastes, or that code puts there."""

from __future__ import annotations

from textual.widgets import Input

from tui_registry.text import safe_text


class LineInput(Input):
    """Its value is always safe to show: a paste can hold what a web page hid in it."""

    def validate_value(self, value: str) -> str:
        return safe_text(value)
