"""The titles of tabs on one line, the active one underlined below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

_GAP: Final = 2


class TabLine(Widget):
    """Never has the focus: that stays with the text, and its keys turn the tabs.

    Attributes:
        active: the name of the tab that is open.
    """

    ALLOW_SELECT: ClassVar[bool] = False

    active: reactive[str] = reactive("")

    class Turned(Message):
        """Another tab was opened."""

    def __init__(self, tabs: Mapping[str, str]) -> None:
        """
        Args:
            tabs: name -> title, in the order they are shown; the first is open.
        """
        super().__init__()
        self._tabs = dict(tabs)
        self.set_reactive(TabLine.active, next(iter(self._tabs)))

    def turn(self, step: int) -> None:
        """Open the tab so many steps further; after the last comes the first."""
        names = list(self._tabs)
        self.active = names[(names.index(self.active) + step) % len(names)]

    def watch_active(self) -> None:
        self.post_message(self.Turned())

    def render(self) -> Content:
        titles, bars = [], []
        for name, title in self._tabs.items():
            is_open = name == self.active
            titles.append(Content.styled(title, "bold $foreground" if is_open else "$foreground-muted"))
            bars.append(Content.styled(("━" if is_open else "─") * len(title), "$primary" if is_open else "$panel"))
        return Content.assemble(Content(" " * _GAP).join(titles), "\n", Content.styled("─" * _GAP, "$panel").join(bars))

    def on_click(self, event: events.Click) -> None:
        end = self.gutter.left
        for name, title in self._tabs.items():
            end += len(title) + _GAP
            if event.x < end:
                self.active = name
                break
