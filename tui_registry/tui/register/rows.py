"""The rows of the form, one class for each kind of control."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Select

from tui_registry.tui.register.area_rows import DescriptionRow, TemplateRow
from tui_registry.tui.register.check_list import CheckList
from tui_registry.tui.register.choice import ChoiceMenu, ChoiceSelect
from tui_registry.tui.register.completion import suggester_for
from tui_registry.tui.register.field_row import FieldRow
from tui_registry.tui.register.fields import FormField
from tui_registry.tui.register.inputs import SafeInput, shown_line
from tui_registry.tui.register.item_rows import ItemsRow
from tui_registry.tui.register.items import join_items, split_items
from tui_registry.tui.register.model_rows import ModelsRow
from tui_registry.tui.register.template import PATH as TEMPLATE
from tui_registry.tui.register.texts import OTHER, default_text

MODELS = "preferred_models"


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
        case "items":
            return ModelsRow(field, text) if field.path == MODELS else ItemsRow(field, text)
        case _:
            return LineRow(field, text)


class LineRow(FieldRow):
    """A text or a number on one line."""

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(field, text)
        self.suggester = suggester_for(field)

    @property
    def control(self) -> SafeInput:
        return self.query_one(SafeInput)

    def compose_control(self) -> ComposeResult:
        hint = f"e.g. {self.field.hint}" if self.field.hint else ""
        yield SafeInput(placeholder=hint, suggester=self.suggester)

    def show_text(self, text: str) -> None:
        self.control.value = shown_line(text)

    def read_text(self) -> str:
        # Space at the ends is never meant by somebody who types; in a loaded text it stays until the first edit
        value = self.control.value
        return value if self.field.control != "text" else value.strip()

    def on_descendant_focus(self) -> None:
        super().on_descendant_focus()
        if self.text and self.text == default_text(self.field):
            # Nobody wrote it: what is typed takes its place
            self.control.action_select_all()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.took_input()


class ChoiceRow(FieldRow):
    """One of the variants, narrowed by typing, or Other, which opens a line for its text."""

    @property
    def control(self) -> Select[str]:
        return self.query_one(Select)

    def compose_control(self) -> ComposeResult:
        options = [("none", "")] if self.field.optional else []
        options += [(name, name) for name in self.field.names]
        with Horizontal(classes="choice"):
            yield ChoiceSelect([*options, ("Other…", OTHER)])
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
        if event.value == OTHER:
            self.query_one(SafeInput).focus()

    @on(ChoiceMenu.Named)
    def _named(self, event: ChoiceMenu.Named) -> None:
        event.stop()
        line = self.query_one(SafeInput)
        line.value = shown_line(event.text)
        line.cursor_position = len(line.value)

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
