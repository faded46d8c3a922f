"""The rows that name other records: ids in the record, names for a reader, picked by search in a dialog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual import events, on
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.datastore import Row
from tui_registry.errors import Kind, RegistryError
from tui_registry.text import count_words, safe_text
from tui_registry.tui.kit.dialogs import Dialog
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.register.field_rows import LineRow
from tui_registry.tui.register.form_fields import OTHER, FormField
from tui_registry.tui.register.inputs import SafeInput, move_by_arrows, shown_line
from tui_registry.tui.register.item_rows import ItemsRow


class PickWanted(Message):
    """Somebody wants to pick a record for a row; `query` is what was typed."""

    def __init__(self, row: ModelsRow | RecordRow, query: str) -> None:
        super().__init__()
        self.row = row
        self.query = query


class ModelsRow(ItemsRow):
    """A list of ids of models: each is read by its name, and picked by search."""

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
        self.post_message(PickWanted(self, query))
        return True


class RecordRow(LineRow):
    """The id of one record: it is read by its name, and picked by search."""

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(field, text)
        self._names: Mapping[str, str] = {}

    def show_names(self, names: Mapping[str, str]) -> None:
        """Read records by these names, by id."""
        self._names = names
        self.show_understood()

    def show_understood(self) -> None:
        super().show_understood()
        name = self._names.get(self.text, "")
        self.set_class(bool(name), "-named")
        if name:
            self._write_echo(name)

    def take(self, identifier: str) -> None:
        """Name that record, as if its id had been typed."""
        self.control.value = identifier
        self.focus_control()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        query = self.control.value.strip()
        if query and not _is_id(query):
            event.stop()
            self.post_message(PickWanted(self, query))


def _is_id(item: str) -> bool:
    return len(item) == 64 and all(character in "0123456789abcdef" for character in item)


_MOST = 50


class PickModel(Dialog[str]):
    """Answers with the id of a model, or of an agent."""

    AUTO_FOCUS = "SafeInput"

    def __init__(
        self,
        query: str = "",
        compatible: Sequence[str] | None = (),
        chosen: Sequence[str] = (),
        kind: Kind = "model",
        without: str | None = None,
    ) -> None:
        """
        Args:
            query: what the search begins with.
            compatible: the types of model that fit, as the form spells them; others are marked. None: all fit.
            chosen: ids that are in the list already.
            kind: what is picked. without: the id of a record that is not offered: the one that names the others.
        """
        super().__init__(
            f"Pick {'a model' if kind == 'model' else 'an agent'}",
            "Type to search; arrows choose, Enter takes it, Esc goes back",
        )
        self.add_class("-form")
        self._asked = query
        self._compatible = None if compatible is None else {name.removeprefix(OTHER) for name in compatible}
        self._kind: Kind = kind
        self._chosen, self._without = frozenset(chosen), without

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

    @flow(group="pick", exclusive=True, background=True)
    async def _search(self, query: str) -> None:
        rows: Sequence[Row] = ()
        nothing = f"no {self._kind} here matches"
        try:
            rows = await self.read(self._found, query)
        except RegistryError as error:
            nothing = safe_text(error.sentence)
        self.query_one(".wrong", Static).update(Content("" if rows else nothing))
        found = self.query_one(OptionList)
        found.clear_options()
        found.add_options(Option(_words(row, self._remark(row)), id=row.id) for row in rows)
        found.highlighted = 0 if rows else None

    def _found(self, query: str) -> Sequence[Row]:
        # In a thread: of a burst of keys, only the last one is searched for
        if query != self._asked:
            return ()
        found = self.datastore.search(query, kind=self._kind, limit=_MOST).rows
        return [row for row in found if row.id != self._without]

    def on_key(self, event: events.Key) -> None:
        move_by_arrows(event, self.query_one(OptionList))

    def _remark(self, row: Row) -> str:
        """What to know before one takes it."""
        if row.id in self._chosen:
            return "✓ there already"
        return "" if self._compatible is None or row.type in self._compatible else "! not in Works with"

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
