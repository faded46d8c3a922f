"""The scrolling part of the form: every field of a kind, by section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Select, Static

from tui_registry.errors import KINDS, Kind
from tui_registry.text import safe_text
from tui_registry.tui.register.completion import COMPLETED, Ask
from tui_registry.tui.register.field_row import FieldRow
from tui_registry.tui.register.fields import SECTIONS, SectionId, form_fields
from tui_registry.tui.register.item_rows import ItemsRow
from tui_registry.tui.register.rows import LineRow, row_for


class KindRow(Vertical):
    """Which kind a new record is."""

    class Chosen(Message):
        """Somebody wants the other kind."""

        def __init__(self, kind: Kind) -> None:
            super().__init__()
            self.kind = kind

    def __init__(self, kind: Kind) -> None:
        super().__init__(classes="row -choice")
        self.kind = kind

    def compose(self) -> ComposeResult:
        with Horizontal(classes="line"):
            yield Static("Kind", classes="label")
            yield Select([(kind, kind) for kind in KINDS], value=self.kind, allow_blank=False, compact=True)
            yield Static(classes="echo")

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        for kind in KINDS:
            if event.value == kind and kind != self.kind:
                self.kind = kind
                self.post_message(self.Chosen(kind))


class FormBody(VerticalScroll, can_focus=False):
    """All fields. `rows` by path."""

    def __init__(self, kind: Kind, texts: Mapping[str, str], *, choose_kind: bool, notes: Sequence[str] = ()) -> None:
        super().__init__()
        self._notes = notes
        self.kind = kind
        self._choose_kind = choose_kind
        self.rows: dict[str, FieldRow] = {field.path: row_for(field, texts[field.path]) for field in form_fields(kind)}

    def compose(self) -> ComposeResult:
        if self._notes:
            lines = [safe_text(note, 400) for note in self._notes]
            yield Static(Content("\n".join(lines)), classes="notes")
        for section, title in SECTIONS.items():
            yield Static(Content(title), classes="section", id=f"section-{section}")
            if section == "identity" and self._choose_kind:
                yield KindRow(self.kind)
            for row in self.rows.values():
                if row.field.section == section:
                    yield row

    def put(self, texts: Mapping[str, str]) -> None:
        """Show other texts in the same fields."""
        for path, row in self.rows.items():
            if row.text != texts[path]:
                row.put(texts[path])

    def offer(self, ask: Ask) -> None:
        """Complete with what this tells."""
        for row in self.rows.values():
            if isinstance(row, LineRow) and row.suggester is not None:
                row.suggester.ask = ask
            elif isinstance(row, ItemsRow) and row.field.path in COMPLETED:
                row.ask = ask

    def show_origins(self, origins: Mapping[str, str]) -> None:
        """Show where texts came from, by path."""
        for path, words in origins.items():
            if path in self.rows:
                self.rows[path].show_origin(words)

    def focus_section(self, section: SectionId) -> None:
        """Put the cursor into the first field of a section, its heading at the top."""
        first = next(row for row in self.rows.values() if row.field.section == section)
        self.scroll_to_widget(self.query_one(f"#section-{section}"), animate=False, top=True)
        first.focus_control()

    def focused_row(self) -> FieldRow | None:
        """The row that has the focus."""
        return next((row for row in self.rows.values() if row.has_focus_within), None)

    @on(FieldRow.Entered)
    def show_focused(self) -> None:
        """Scroll so that the field with the focus is seen whole, with what is wrong with it, and with the heading
        when it is the first of its section."""
        row = self.focused_row()
        if row is None:
            return
        rows = list(self.rows.values())
        first = rows.index(row) == 0 or rows[rows.index(row) - 1].field.section != row.field.section
        if first:
            self.scroll_to_widget(self.query_one(f"#section-{row.field.section}"), animate=False)
        self.scroll_to_widget(row, animate=False)

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        # Enter goes on to the next field, unless the row itself has something to do for it
        event.stop()
        self.screen.focus_next()
