"""The rows of the form, one class for each kind of control."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Select, Static

from tui_registry.text import safe_text
from tui_registry.tui.forms.area_rows import DescriptionRow, TemplateRow
from tui_registry.tui.forms.check_list import CheckList
from tui_registry.tui.forms.completion import COMPLETED, suggester_for
from tui_registry.tui.forms.field_row import FieldRow
from tui_registry.tui.forms.fields import FormField
from tui_registry.tui.forms.inputs import SafeInput, shown_line
from tui_registry.tui.forms.items import join_items, split_items
from tui_registry.tui.forms.template import PATH as TEMPLATE
from tui_registry.tui.forms.texts import OTHER


def row_for(field: FormField, text: str) -> FieldRow:
    """The row of a field, showing that text."""
    match field.control:
        case "choice":
            return ChoiceRow(field, text)
        case "choices":
            return ChoicesRow(field, text)
        case "flag":
            return FlagRow(field, text)
        case "prose":
            return TemplateRow(field, text) if field.path == TEMPLATE else DescriptionRow(field, text)
        case "items" if field.path in COMPLETED:
            return ItemsRow(field, text)
        case _:
            return LineRow(field, text)


class LineRow(FieldRow):
    """A text, a number or a list on one line."""

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(field, text)
        self.suggester = suggester_for(field)

    @property
    def control(self) -> SafeInput:
        return self.query_one(SafeInput)

    def compose_control(self) -> ComposeResult:
        joiner = ", " if self.field.control == "items" else " "
        hint = f"e.g. {self.field.hint}" if self.field.hint else ""
        yield SafeInput(placeholder=hint, joiner=joiner, suggester=self.suggester)

    def show_text(self, text: str) -> None:
        self.control.value = shown_line(text)

    def read_text(self) -> str:
        # Space at the ends is never meant by somebody who types; in a loaded text it stays until the first edit
        value = self.control.value
        return value if self.field.control != "text" else value.strip()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.took_input()


class ItemsRow(LineRow):
    """A list on one line; below it, each item by itself, as it was understood."""

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield Static(classes="chips")

    def show_understood(self) -> None:
        super().show_understood()
        items = split_items(self.text)
        chips = self.query_one(".chips", Static)
        chips.display = bool(items)
        # An item stays on one line
        words = [f"\xa0{safe_text(item, 60).replace(' ', chr(0xA0))}\xa0" for item in items]
        chips.update(Content(" ").join([Content.styled(word, "$text on $primary-muted") for word in words]))


class ChoiceRow(FieldRow):
    """One of the variants, or Other, which opens a line for its text."""

    @property
    def control(self) -> Select[str]:
        return self.query_one(Select)

    def compose_control(self) -> ComposeResult:
        options = [("none", "")] if self.field.optional else []
        options += [(name, name) for name in self.field.names]
        yield Select([*options, ("Other…", OTHER)], allow_blank=False, compact=True)
        yield SafeInput(placeholder="which one?")

    def show_text(self, text: str) -> None:
        known = text in self.field.names or (not text and self.field.optional)
        with self.prevent(Select.Changed, Input.Changed):
            self.control.value = text if known else OTHER
            self.query_one(SafeInput).value = "" if known else shown_line(text.removeprefix(OTHER))
        self._show_other()

    def read_text(self) -> str:
        value = self.control.selection or ""
        return OTHER + self.query_one(SafeInput).value.strip() if value == OTHER else value

    def _show_other(self) -> None:
        self.query_one(SafeInput).display = self.control.selection == OTHER

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        self._show_other()
        self.took_input()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.took_input()


class ChoicesRow(FieldRow):
    """Any of the variants, and a line for others."""

    @property
    def control(self) -> CheckList:
        return self.query_one(CheckList)

    def compose_control(self) -> ComposeResult:
        with Vertical(classes="choices"):
            yield CheckList(self.field.names)
            yield SafeInput(placeholder="others", joiner=", ")

    def show_text(self, text: str) -> None:
        items = split_items(text)
        self.control.put(items)
        others = [item.removeprefix(OTHER) for item in items if item not in self.field.names]
        with self.prevent(Input.Changed):
            self.query_one(SafeInput).value = shown_line(join_items(others))

    def read_text(self) -> str:
        others = [OTHER + item for item in split_items(self.query_one(SafeInput).value)]
        return join_items([*self.control.checked, *others])

    @on(CheckList.Changed)
    def _chosen(self, event: CheckList.Changed) -> None:
        event.stop()
        self.took_input()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.took_input()


class FlagRow(FieldRow):
    """Yes or no."""

    @property
    def control(self) -> Select[str]:
        return self.query_one(Select)

    def compose_control(self) -> ComposeResult:
        yield Select([(word, word) for word in ("no", "yes")], allow_blank=False, compact=True)

    def show_text(self, text: str) -> None:
        with self.prevent(Select.Changed):
            self.control.value = "yes" if text == "yes" else "no"

    def read_text(self) -> str:
        return self.control.selection or "no"

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        self.took_input()
