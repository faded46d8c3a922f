"""The saved searches and the last ones, to choose from."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.dialogs import Dialog


class SearchesScreen(Dialog[str]):
    """The query of what was chosen: `@name` of a saved search, or one of the last ones; None when closed."""

    AUTO_FOCUS = "OptionList"
    BINDINGS = bindings_for("searches")

    def __init__(self, saved: dict[str, str], past: list[str], forget: Callable[[str], object]) -> None:
        super().__init__("Searches", "d forgets a saved one" if saved else "")
        self._rows = [(f"@{name}", query) for name, query in saved.items()] + [(query, "") for query in past]
        self._forget = forget

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(
                Option(
                    Content.assemble(
                        (safe_text(query, 100), "bold" if note else ""),
                        (f"  {safe_text(note, 100)}" if note else "", "$foreground-muted"),
                    )
                )
                for query, note in self._rows
            )
        )

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(self._rows[message.option_index][0])

    def action_forget(self) -> None:
        """Forget the saved search under the cursor."""
        options = self.query_one(OptionList)
        place = options.highlighted
        if place is None or not self._rows[place][1]:
            return
        name = self._rows.pop(place)[0]
        options.remove_option_at_index(place)
        self._forget(name.removeprefix("@"))
