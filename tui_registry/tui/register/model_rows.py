"""The row of a list of models: ids in the record, names for a reader, picked by search."""

from __future__ import annotations

from collections.abc import Mapping

from textual.message import Message

from tui_registry.tui.register.fields import FormField
from tui_registry.tui.register.item_rows import ItemsRow


class ModelsRow(ItemsRow):
    """A list of ids of models: each is read by its name, and picked by search."""

    class Wanted(Message):
        """Somebody wants to pick a model; `query` is what was typed."""

        def __init__(self, row: ModelsRow, query: str) -> None:
            super().__init__()
            self.row = row
            self.query = query

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(field, text)
        self._names: Mapping[str, str] = {}

    def show_names(self, names: Mapping[str, str]) -> None:
        """Read models by these names, by id."""
        if names != self._names:
            self._names = names
            self.draw()

    def word(self, item: str) -> str:
        name = self._names.get(item)
        if name is not None:
            return name
        return f"{item[:12]}…" if _is_id(item) else item

    def enter(self) -> bool:
        items = self.control.typed_items
        if items and all(_is_id(item) for item in items):
            return super().enter()
        query = self.control.value.strip()
        self.put_line("")
        self.took_input()
        self.post_message(self.Wanted(self, query))
        return True


def _is_id(item: str) -> bool:
    return len(item) == 64 and all(character in "0123456789abcdef" for character in item)
