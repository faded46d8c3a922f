"""A form on the screen: every field of a kind by section, the sections at its side, what is wrong under each field."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Select, Static
from textual.widgets.option_list import Option

from tui_registry.errors import KINDS, Kind, Problem
from tui_registry.present.columns import kind_cell
from tui_registry.text import safe_text
from tui_registry.tui.kit.authored import markdown_lines
from tui_registry.tui.kit.text_flow import Flow, field, heading, paragraph, stack
from tui_registry.tui.register.area_rows import DescriptionRow, TemplateRow
from tui_registry.tui.register.entry_rows import EntriesRow
from tui_registry.tui.register.field_rows import ChoiceRow, ChoicesRow, FieldRow, FlagRow, LineRow
from tui_registry.tui.register.form_fields import RAIL_WORDS, SECTIONS, FormField, SectionId, field_at, form_fields
from tui_registry.tui.register.form_state import FormState, SectionStatus
from tui_registry.tui.register.item_rows import ItemsRow
from tui_registry.tui.register.known_words import COMPLETED, Ask
from tui_registry.tui.register.model_rows import ModelsRow, RecordRow

_WORD_WIDTH = 13
_TITLE_WIDTH = 20
# What the first lines say, and what is too long to be said again.
_TOLD_APART = frozenset(("name", "version", "license", "model_type", "agent_type", "description", "formfile_template"))
# Cells from which on the record as it will be read has room beside the form.
_WITH_SHEET = 150


def sheet(kind: Kind, texts: Mapping[str, str], problems: Mapping[str, Sequence[Problem]], width: int) -> Content:
    """The record as it will be read: its name, what it is, its description; and below it all that is wrong, in the
    order of the form, also what is out of sight."""

    def said(path: str) -> str:
        return safe_text(texts.get(path, "").strip(), 200)

    what = [kind_cell(kind), *filter(None, map(said, (f"{kind}_type", "license")))]
    name = Content.assemble((said("name") or "(no name)", "bold $text-primary"), f"  {said('version')}")
    lines = [*paragraph(name, width), *paragraph(" · ".join(what), width, "$foreground-muted")]
    found = [(path, problem) for path, listed in problems.items() for problem in listed]
    if found:
        lines += heading("Still to do" if any(problem.severity == "error" for _, problem in found) else "Advice")
    for path, problem in found:
        of = field_at(kind, path)
        sign = "✗" if problem.severity == "error" else "!"
        lines += field(sign, f"{f'{of.title}: ' if of else ''}{safe_text(problem.sentence, 300)}", width, 2)
    lines += heading("Description")
    description = texts.get("description", "")
    if description.strip():
        lines += markdown_lines(description, width)
    else:
        lines += paragraph("None yet.", width, "$foreground-muted")
    told = [(each.title, said(each.path)) for each in form_fields(kind) if each.path not in _TOLD_APART]
    lines += heading("Says") if any(text for _, text in told) else []
    for title, text in told:
        lines += field(title, text, width, _TITLE_WIDTH) if text else []
    return stack(lines)


class Form(Horizontal):
    """The sections and the fields of a form, which show its state.

    Attributes:
        shown: whether a state is shown: only then there are fields.
        state: what is shown. body: its fields.
    """

    state: FormState
    body: FormBody

    def __init__(self) -> None:
        super().__init__(id="form")
        self.shown = False

    def compose(self) -> ComposeResult:
        yield Rail()
        yield Container(id="form-holder")
        yield Flow(id="sheet")

    def on_resize(self) -> None:
        self.set_class(self.size.width >= _WITH_SHEET, "-with-sheet")
        if self.shown:
            self._show_sheet()

    def _show_sheet(self) -> None:
        if self.has_class("-with-sheet"):
            state = self.state
            self.query_one("#sheet", Flow).flow(partial(sheet, state.kind, dict(state.texts), state.shown()))

    async def show(self, state: FormState, ask: Ask) -> None:
        """Show a form, its cursor in the first field; `ask` completes what is typed.

        What is in sight at first is painted before the rest is made. Keys wait for all of it.
        """
        body = FormBody(state, ask)
        holder = self.query_one("#form-holder")
        # Laid out and painted once it is whole: row after row, as they are mounted, takes as long again
        with self.app.batch_update():
            await holder.remove_children()
            await holder.mount(body)
            self.state, self.body = state, body
            self._show_origins()
            body.rows["name"].focus_control()
        painted = asyncio.Event()
        body.call_after_refresh(painted.set)
        await painted.wait()
        with self.app.batch_update():
            await body.make_the_rest()
            self._show_origins()
        self.shown = True

    def _show_origins(self) -> None:
        for path, words in self.state.origins.items():
            if self.body.rows[path].is_mounted:
                self.body.rows[path].show_origin(words)

    def put_texts(self) -> None:
        """Show the texts of the state, which something other than typing changed."""
        for path, row in self.body.rows.items():
            if row.text != self.state.texts[path]:
                row.put(self.state.texts[path])

    def show_problems(self) -> None:
        """Show under the fields and in the rail what is known to be wrong, and only the fields that matter."""
        shown, hidden = self.state.shown(), self.state.hidden()
        moved = False
        for path, row in self.body.rows.items():
            problems = shown.get(path, [])
            if problems != row.problems:
                row.show_problems(problems)
                moved = True
            moved |= row.display == (path in hidden)
            row.display = path not in hidden
        if moved:
            # What came up above the cursor must not push it out of sight
            self.body.call_after_refresh(self.body.show_focused)
        rail = self.query_one(Rail)
        for section in SECTIONS:
            rail.show_status(section, self.state.section(section))
        self._show_sheet()

    def show_names(self, names: Mapping[str, str]) -> None:
        """Read records by these names, by id."""
        for row in self.body.rows.values():
            if isinstance(row, ModelsRow | RecordRow | EntriesRow):
                row.show_names(names)

    def go_to(self, problem: Problem) -> None:
        """Put the cursor into the field of a problem, which from then on shows it."""
        field = field_at(self.state.kind, problem.path)
        if field is not None:
            self._leave(field.path)
            self.body.rows[field.path].go_to(problem)

    def next_problem(self) -> Problem | None:
        """The first problem after the cursor, in its field or in a later one; None when nothing is wrong."""
        row = self.body.focused_row()
        further = None if row is None else row.next_problem(self.state.to_go_through(row.field.path))
        return further or self.state.next_problem(None if row is None else row.field.path)

    def suggesting(self) -> tuple[FieldRow, Problem] | None:
        """The problem that says what to write in its place, with its row: of the field with the cursor, else the next
        one after it."""
        here = self.body.focused_row()
        paths = list(self.body.rows)
        start = 0 if here is None else paths.index(here.field.path)
        found: dict[str, Problem] = {}
        for problem in self.state.to_go_through():
            field = field_at(self.state.kind, problem.path) if problem.instead else None
            if field is not None:
                found.setdefault(field.path, problem)
        path = next((path for path in (*paths[start:], *paths[:start]) if path in found), None)
        return None if path is None else (self.body.rows[path], found[path])

    def row_at(self, path: str) -> FieldRow:
        """The row of a field."""
        return self.body.rows[path]

    def go_by(self, step: int) -> None:
        """Put the cursor so many sections further on, round the end."""
        row = self.body.focused_row()
        sections = list(SECTIONS)
        here = 0 if row is None else sections.index(row.field.section)
        self.body.focus_section(sections[(here + step) % len(sections)])

    def go_to_section(self, name: str | None) -> None:
        """Put the cursor into the first field of the section of that name."""
        for section in SECTIONS:
            if section == name:
                self.body.focus_section(section)

    @on(OptionList.OptionSelected, "Rail OptionList")
    def _section_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self.shown:
            self.go_to_section(event.option_id)

    @on(FieldRow.Entered)
    def _entered(self, message: FieldRow.Entered) -> None:
        field = message.row.field
        self.query_one(Rail).show_field(field, self.state.origins.get(field.path, ""))

    @on(FieldRow.Left)
    def _left(self, message: FieldRow.Left) -> None:
        self._leave(message.row.field.path)

    def _leave(self, path: str) -> None:
        self.state.left.add(path)
        self.show_problems()


class FormBody(VerticalScroll, can_focus=False):
    """The scrolling part: all fields. `rows` by path."""

    def __init__(self, state: FormState, ask: Ask) -> None:
        super().__init__()
        self._notes = state.notes
        self._kind = state.kind
        self._choose_kind = state.record_id is None
        self._made: list[SectionId] = []
        self.rows = {field.path: row_for(field, state.texts[field.path]) for field in form_fields(state.kind)}
        for path in COMPLETED.keys() & self.rows:
            self.rows[path].ask = ask

    def compose(self) -> ComposeResult:
        if self._notes:
            lines = [safe_text(note, 400) for note in self._notes]
            yield Static(Content("\n".join(lines)), classes="notes")
        room = self.app.size.height
        for section in SECTIONS:
            if room <= 0:
                break
            self._made.append(section)
            parts = [*self._parts_of(section)]
            room -= 1 + len(parts)
            yield from parts

    async def make_the_rest(self) -> None:
        """Make the sections that are out of sight at first."""
        later = [section for section in SECTIONS if section not in self._made]
        self._made += later
        await self.mount(*(part for section in later for part in self._parts_of(section)))

    def _parts_of(self, section: SectionId) -> Iterator[Widget]:
        yield Static(Content(SECTIONS[section]), classes="section", id=f"section-{section}")
        if section == "identity" and self._choose_kind:
            yield KindRow(self._kind)
        yield from self._rows_of(section)

    def focus_section(self, section: SectionId) -> None:
        """Put the cursor into the first field of a section, its heading at the top."""
        self.scroll_to_widget(self.query_one(f"#section-{section}"), animate=False, top=True)
        next(iter(self._rows_of(section))).focus_control()

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
        if row is next(iter(self._rows_of(row.field.section))):
            self._bring_into_view(self.query_one(f"#section-{row.field.section}"))
        self._bring_into_view(row.focused_part if isinstance(row, EntriesRow) else row)

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        # Enter goes on to the next field, unless the row itself has something to do for it
        event.stop()
        self.screen.focus_next()

    def _bring_into_view(self, widget: Widget) -> None:
        # At once: a later one would be worked out from where this one is about to scroll away from
        self.scroll_to_widget(widget, animate=False, immediate=True)

    def _rows_of(self, section: SectionId) -> Iterable[FieldRow]:
        return (row for row in self.rows.values() if row.field.section == section)


def row_for(field: FormField, text: str) -> FieldRow:
    """The row of a field, showing that text."""
    if field.control == "entries":
        return EntriesRow(field, text, row_for)
    rows = {"choice": ChoiceRow, "choices": ChoicesRow, "flag": FlagRow, "items": ItemsRow}
    own = {
        "preferred_models": ModelsRow,
        "manifest.required_models": ModelsRow,
        "formfile_template": TemplateRow,
        "description": DescriptionRow,
    }
    return (own.get(field.path) or (RecordRow if field.is_id else rows.get(field.control, LineRow)))(field, text)


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


class Rail(Vertical):
    """The sections, each with `ok`, `✗` and the number of its problems, `!` and the number of its warnings, or nothing
    while no field of it was left; below, a word on the field with the focus."""

    def compose(self) -> ComposeResult:
        yield OptionList(*(Option(_words(section, None), id=section) for section in SECTIONS), compact=True)
        yield Static(id="about")

    def show_status(self, section: SectionId, status: SectionStatus) -> None:
        """Show how a section stands."""
        sections = self.query_one(OptionList)
        words = _words(section, status)
        if sections.get_option(section).prompt != words:
            sections.replace_option_prompt(section, words)

    def show_field(self, field: FormField, origin: str = "") -> None:
        """Show which section a field lies in, what the field is about, and where its value came from."""
        sections = self.query_one(OptionList)
        sections.highlighted = sections.get_option_index(field.section)
        title = Content.styled(field.title, "bold")
        source = f"\n\n↳ {safe_text(origin, 300)}" if origin else ""
        # Its size is fixed: no new layout for each field
        self.query_one("#about", Static).update(Content.assemble(title, "\n", field.about, source), layout=False)


def _words(section: SectionId, status: SectionStatus | None) -> Content:
    word = f"{RAIL_WORDS[section]:<{_WORD_WIDTH}}"
    if status is None or not status.visited:
        return Content(word + "    ")
    if status.errors:
        return Content.assemble(word, (f"{'✗ ' + str(status.errors):>4}", "$text-error"))
    if status.warnings:
        return Content.assemble(word, (f"{'! ' + str(status.warnings):>4}", "$text-warning"))
    return Content.assemble(word, ("  ok", "$text-success"))
