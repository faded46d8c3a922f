"""Any number of a few names: space or Enter turns one on and off. A sign tells on from off, not a colour."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class CheckList(OptionList):
    """Names with a box before each. `checked` are those that are on, in the order of the list."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", "Toggle", show=False)]

    class Changed(Message):
        """Somebody turned a name on or off."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(*(Option(_words(name, on=False), id=name) for name in names), compact=True)
        self._names = tuple(names)
        self._on: frozenset[str] = frozenset()

    @property
    def checked(self) -> list[str]:
        return [name for name in self._names if name in self._on]

    def put(self, names: Collection[str]) -> None:
        """Turn these on and all others off; says nothing."""
        self._on = frozenset(names).intersection(self._names)
        for name in self._names:
            self.replace_option_prompt(name, _words(name, on=name in self._on))

    @on(OptionList.OptionSelected)
    def _toggle(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.put(self._on ^ {str(event.option_id)})
        self.post_message(self.Changed())


def _words(name: str, *, on: bool) -> Content:
    return Content(f"[{'x' if on else ' '}] {name}")
