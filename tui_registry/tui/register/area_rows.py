"""The rows with many lines: the Formfile with its editor, and the description, which can be read as it will look."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Markdown, OptionList, Static, TextArea

from tui_registry.errors import Problem
from tui_registry.text import safe_text
from tui_registry.tui.register.field_row import FieldRow
from tui_registry.tui.register.formfile_area import FormfileArea
from tui_registry.tui.register.inputs import SafeArea, shown_lines
from tui_registry.tui.register.template import line_of

_SHOWN_PROBLEMS = 6


class AreaRow(FieldRow):
    """Many lines."""

    @property
    def control(self) -> SafeArea:
        return self.query_one(SafeArea)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="line"):
            # The heading of the section says what it is already
            yield Static(Content(self.field.about), classes="about")
            yield Static(classes="echo")
        yield Static(classes="origin")
        yield from self.compose_control()
        yield Static(classes="problem")

    def compose_control(self) -> ComposeResult:
        yield SafeArea(compact=True)

    def show_text(self, text: str) -> None:
        self.control.load_text(shown_lines(text))

    def read_text(self) -> str:
        return self.control.text

    def rewrite(self, text: str) -> None:
        """Put another text there as one edit, which ctrl+z takes back."""
        self.control.replace(shown_lines(text), (0, 0), self.control.document.end)
        self.took_input(typed=False)
        self.control.move_cursor((0, 0))
        self.focus_control()

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.took_input()


class TemplateRow(AreaRow):
    """A Formfile: its problems are shown while it is typed, by line."""

    AS_YOU_TYPE = True

    @property
    def control(self) -> FormfileArea:
        return self.query_one(FormfileArea)

    def compose_control(self) -> ComposeResult:
        offers = OptionList(classes="offers", compact=True)
        offers.can_focus = False
        offers.display = False
        yield FormfileArea(offers)
        yield offers

    def problem_lines(self, problems: Sequence[Problem]) -> list[str]:
        lines = super().problem_lines(problems[:_SHOWN_PROBLEMS])
        more = len(problems) - _SHOWN_PROBLEMS
        return [*lines, f"and {more} more: ctrl+n goes through them"] if more > 0 else lines

    def go_to(self, problem: Problem) -> None:
        """Put the cursor into the line of the problem; from there on into the next one's."""
        here = self.control.cursor_location[0] + 1 if self.has_focus_within else 0
        lines = [line for line in map(line_of, self.problems) if line is not None]
        line = next((line for line in lines if line > here), line_of(problem))
        self.focus_control()
        if line is not None:
            self.control.move_cursor((min(line, self.control.document.line_count) - 1, 0))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.control.take_offer(event.option_index)


class DescriptionRow(AreaRow):
    """Markdown, to edit or to read."""

    reading = False

    def compose_control(self) -> ComposeResult:
        yield from super().compose_control()
        with VerticalScroll(classes="reader") as reader:
            # A stranger's link is text to read: nothing opens it
            yield Markdown(open_links=False)
        reader.display = False

    async def turn(self) -> None:
        """From editing to reading and back, with the cursor."""
        self.reading = not self.reading
        self.control.display, self.query_one(VerticalScroll).display = not self.reading, self.reading
        await self._show_markdown()
        self.focus_control()

    def show_text(self, text: str) -> None:
        super().show_text(text)
        if self.reading:
            self.call_next(self._show_markdown)

    def focus_control(self) -> None:
        if self.reading:
            self.query_one(VerticalScroll).focus()
        else:
            super().focus_control()

    async def _show_markdown(self) -> None:
        if self.reading:
            text = safe_text(self.text, newlines=True)
            await self.query_one(Markdown).update(text if text.strip() else "*There is no description yet.*")
