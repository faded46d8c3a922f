"""The screen of a form that is being filled in: its fields, what is wrong with them, the way from one to the next."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar

from textual import on, work
from textual.containers import Container, Horizontal
from textual.widget import Widget

from tui_registry.errors import Kind, Problem, Record, RegistryError
from tui_registry.tui.kit.frame_screen import FrameScreen
from tui_registry.tui.register.body import FormBody, KindRow
from tui_registry.tui.register.desk import Desk
from tui_registry.tui.register.drafts import new_key
from tui_registry.tui.register.field_row import FieldRow
from tui_registry.tui.register.fields import SECTIONS, field_at
from tui_registry.tui.register.form_messages import RecordChecked
from tui_registry.tui.register.item_rows import ItemsRow
from tui_registry.tui.register.items import split_items
from tui_registry.tui.register.model_rows import ModelsRow
from tui_registry.tui.register.pick_screen import PickModel
from tui_registry.tui.register.rail import Rail
from tui_registry.tui.register.saved import Saved
from tui_registry.tui.register.state import FormState

_WIDTHS = [(0, "-narrow"), (72, "-normal"), (120, "-wide")]
_HEIGHTS = [(0, "-flat"), (22, "-short"), (36, "-tall")]


class FillingScreen(FrameScreen[Saved | None]):
    """A form that checks while somebody types. What comes before and after, opening, drafts, signing, is its heir's.

    Attributes:
        state: the form without its widgets.
        key: of its draft.
    """

    CSS_PATH: ClassVar[str] = "register.tcss"
    AUTO_FOCUS: ClassVar[str | None] = ""
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.state = FormState.blank(kind)
        self.key = new_key()
        self._form: FormBody | None = None
        self._checking = self._check_again = self._checked = False

    def compose_body(self) -> Iterable[Widget]:
        yield Horizontal(Rail(), Container(id="form-holder"), id="form")

    @cached_property
    def desk(self) -> Desk:
        """The calls to the Datastore, for threads."""
        return Desk(self.datastore, self.host.now)

    # ---- for its heir

    def was_edited(self) -> None:
        """A person changed the texts."""

    def was_checked(self) -> None:
        """The problems in `state` are those of the texts as they stand."""

    @property
    def ready(self) -> bool:
        """Whether the form is on the screen."""
        return self._form is not None

    async def show_form(self, state: FormState) -> None:
        """Show a form, its cursor in the first field."""
        self.state = state
        choose_kind = state.record_id is None
        form = FormBody(state.kind, state.texts, choose_kind=choose_kind, notes=state.notes)
        holder = self.query_one("#form-holder")
        await holder.remove_children()
        await holder.mount(form)
        self._form = form
        form.offer(self.desk.known_words)
        form.show_origins(state.origins)
        form.rows["name"].focus_control()
        self.check()

    def show_texts(self) -> None:
        """Show the texts of `state`, which something other than typing changed."""
        if self._form is not None:
            self._form.put(self.state.texts)
            self.check()

    def check(self) -> None:
        """Ask the authoring rules about the texts as they stand; one question at a time, the last one counts."""
        self.show_problems()
        if self._checking:
            self._check_again = True
            return
        self._checking = True
        record, _ = self.state.record()
        self._ask(self.state.kind, record)

    def show_problems(self) -> None:
        """Show under the fields, in the rail and on the status line what is known to be wrong."""
        if self._form is None:
            return
        shown, hidden = self.state.shown(), self.state.hidden()
        moved = False
        for path, row in self._form.rows.items():
            moved |= row.show_problems(shown.get(path, ())) or row.display == (path in hidden)
            row.display = path not in hidden
        if moved:
            # What came up above the cursor must not push it out of sight
            self._form.call_after_refresh(self._form.show_focused)
        rail = self.query_one(Rail)
        for section in SECTIONS:
            rail.show_status(section, self.state.section(section))
        if self._checked:
            whole = shown.get("", [])
            words = whole[0].sentence if whole else self.state.summary()
            self.hint(words, "problem" if self.state.errors() else "note")

    def go_to(self, problem: Problem) -> None:
        """Put the cursor into the field of a problem, which from then on shows it."""
        field = field_at(self.state.kind, problem.path)
        if field is not None and self._form is not None:
            self.state.left.add(field.path)
            self.show_problems()
            self._form.rows[field.path].go_to(problem)

    # ---- what people do

    def action_next_problem(self) -> None:
        row = None if self._form is None else self._form.focused_row()
        problem = self.state.next_problem(None if row is None else row.field.path)
        if problem is None:
            self.say("nothing is wrong: ctrl+s signs it", "done")
        else:
            self.next_step()
            self.go_to(problem)

    def action_next_section(self) -> None:
        self._go_by(1)

    def action_previous_section(self) -> None:
        self._go_by(-1)

    def action_section(self, name: str) -> None:
        for section in SECTIONS:
            if section == name and self._form is not None:
                self._form.focus_section(section)

    def _go_by(self, step: int) -> None:
        row = None if self._form is None else self._form.focused_row()
        sections = list(SECTIONS)
        here = 0 if row is None else sections.index(row.field.section)
        self.action_section(sections[(here + step) % len(sections)])

    @on(Rail.Chosen)
    def _section_chosen(self, message: Rail.Chosen) -> None:
        self.action_section(message.section)

    @on(FieldRow.Edited)
    def _edited(self, message: FieldRow.Edited) -> None:
        if message.typed:
            self.next_step()
        path = message.row.field.path
        if path in self.state.origins:
            message.row.show_origin("")
        self.state.edit(path, message.row.text)
        if message.row.AS_YOU_TYPE:
            self.state.left.add(path)
        self.was_edited()
        self.check()

    @on(FieldRow.Entered)
    def _entered(self, message: FieldRow.Entered) -> None:
        field = message.row.field
        self.query_one(Rail).show_field(field, self.state.origins.get(field.path, ""))

    @on(FieldRow.Left)
    def _left(self, message: FieldRow.Left) -> None:
        self.state.left.add(message.row.field.path)
        self.show_problems()

    @on(KindRow.Chosen)
    async def _kind_chosen(self, message: KindRow.Chosen) -> None:
        self.state.switch(message.kind)
        self._checked = False
        await self.show_form(self.state)
        self.title_line.heading = f"Register {'an agent' if message.kind == 'agent' else 'a model'}"
        self.was_edited()

    @on(ItemsRow.Said)
    def _row_said(self, message: ItemsRow.Said) -> None:
        self.say(message.sentence, "problem")

    @on(ModelsRow.Wanted)
    def _pick_models(self, message: ModelsRow.Wanted) -> None:
        row = message.row
        compatible = split_items(self.state.texts.get("compatible_model_types", ""))

        def picked(model_id: str | None) -> None:
            if model_id is not None:
                row.take_in([model_id])

        self.open_screen(PickModel(message.query, compatible, row.chips.items), picked)

    # ---- the Datastore, in threads

    @work(thread=True, group="check")
    def _ask(self, kind: Kind, record: Record) -> None:
        try:
            problems, names = self.desk.check(kind, record)
        except RegistryError as error:
            self.post_message(RecordChecked(kind, (), {}, error.sentence))
        else:
            self.post_message(RecordChecked(kind, problems, names))

    @on(RecordChecked)
    def _answered(self, message: RecordChecked) -> None:
        self._checking = False
        if message.failure:
            self.say(message.failure, "problem")
        if message.kind == self.state.kind:
            self.state.checked = message.problems
            self._checked = True
            for row in self.query(ModelsRow):
                row.show_names(message.names)
        if self._check_again:
            self._check_again = False
            self.check()
        else:
            self.show_problems()
            self.was_checked()
