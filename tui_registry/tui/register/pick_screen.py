"""Pick a model by search, for the fields that name models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events, on, work
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.datastore import Row
from tui_registry.errors import RegistryError
from tui_registry.text import count_words, safe_text
from tui_registry.tui.kit.dialog import Dialog
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.register.inputs import SafeInput, shown_line
from tui_registry.tui.register.texts import OTHER

_MOST = 50


class PickModel(Dialog[str]):
    """Answers with the id of a model."""

    AUTO_FOCUS = "SafeInput"

    class Found(Message):
        """What a search found, or why it did not."""

        def __init__(self, query: str, rows: Sequence[Row], sentence: str = "") -> None:
            super().__init__()
            self.query = query
            self.rows = rows
            self.sentence = sentence

    def __init__(self, query: str = "", compatible: Sequence[str] = (), chosen: Sequence[str] = ()) -> None:
        """
        Args:
            query: what the search begins with.
            compatible: the types of model that fit, as the form spells them; others are marked.
            chosen: ids that are in the list already.
        """
        super().__init__("Pick a model", "Type to search; arrows choose, Enter takes it, Esc goes back")
        self.add_class("-form")
        self._asked = query
        self._compatible = {name.removeprefix(OTHER) for name in compatible}
        self._chosen = frozenset(chosen)

    def compose_answers(self) -> Iterable[Widget]:
        yield SafeInput(shown_line(self._asked), placeholder="name, tag, params:<=8b ...")
        yield Static(classes="wrong")
        yield OptionList()

    def on_mount(self) -> None:
        self._search(self._asked)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._asked = event.value
        self._search(event.value)

    @work(thread=True, group="pick")
    def _search(self, query: str) -> None:
        if query != self._asked:
            return
        try:
            page = host_of(self).datastore.search(query, kind="model", limit=_MOST)
        except RegistryError as error:
            self.post_message(self.Found(query, (), error.sentence))
        else:
            self.post_message(self.Found(query, page.rows))

    @on(Found)
    def _show(self, message: Found) -> None:
        if message.query != self._asked:
            return
        nothing = "" if message.rows else "no model here matches"
        self.query_one(".wrong", Static).update(Content(safe_text(message.sentence) or nothing))
        found = self.query_one(OptionList)
        found.clear_options()
        found.add_options(Option(_words(row, self._remark(row)), id=row.id) for row in message.rows)
        found.highlighted = 0 if message.rows else None

    def on_key(self, event: events.Key) -> None:
        found = self.query_one(OptionList)
        if event.key in ("up", "down") and not found.has_focus:
            event.stop()
            if event.key == "down":
                found.action_cursor_down()
            else:
                found.action_cursor_up()

    def _remark(self, row: Row) -> str:
        """What to know before one takes it."""
        if row.id in self._chosen:
            return "✓ there already"
        return "" if row.type in self._compatible else "! not in Works with"

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        found = self.query_one(OptionList)
        if found.highlighted is not None:
            self.dismiss(found.get_option_at_index(found.highlighted).id)

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)


def _words(row: Row, remark: str) -> Content:
    size = count_words(row.parameters) if row.parameters else "-"
    return Content.assemble(
        safe_text(row.name, 40),
        (f"  {safe_text(row.type, 20)}  {size}  {row.id[:8]}", "$text-muted"),
        (f"  {remark}" if remark else "", "$text-warning"),
    )
