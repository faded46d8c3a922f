"""The rows with many lines: the Formfile with its editor, and the description, which can be read as it will look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, get_args

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.geometry import Offset
from textual.widgets import OptionList, Static, TextArea

from tui_registry.errors import Problem
from tui_registry.formfile import Completion, complete, tokens
from tui_registry.formfile.editor import TokenKind
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.authored import LONGEST_LINE, markdown_lines
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.text_flow import Flow, paragraph, stack
from tui_registry.tui.register.field_rows import FieldRow
from tui_registry.tui.register.inputs import SafeArea, shown_lines
from tui_registry.tui.register.known_words import OfferList

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
        yield from self.compose_control()
        yield self._wrong

    def compose_control(self) -> ComposeResult:
        area = SafeArea(compact=True)
        area.outside = f"{self.field.path.rpartition('.')[2]}.md"
        yield area

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


class TemplateRow(AreaRow):
    """A Formfile: its problems are shown while it is typed, by line."""

    AS_YOU_TYPE = True

    @property
    def control(self) -> FormfileArea:
        return self.query_one(FormfileArea)

    def compose_control(self) -> ComposeResult:
        offers = OfferList()
        yield FormfileArea(offers)
        yield offers

    def problem_lines(self, problems: Sequence[Problem]) -> list[str]:
        lines = super().problem_lines(problems[:_SHOWN_PROBLEMS])
        more = len(problems) - _SHOWN_PROBLEMS
        return [*lines, f"and {more} more: {key_of('register.next_problem')} goes through them"] if more > 0 else lines

    def go_to(self, problem: Problem) -> None:
        """Put the cursor into the line of the problem; from there on into the next one's."""
        line = line_of(self.next_problem(self.problems) or problem)
        self.focus_control()
        if line is not None:
            self.control.move_cursor((min(line, self.control.document.line_count) - 1, 0))

    def next_problem(self, problems: Sequence[Problem]) -> Problem | None:
        here = self.control.cursor_location[0] + 1 if self.has_focus_within else 0
        return next((problem for problem in problems if (line_of(problem) or 0) > here), None)

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
            yield Flow()
        reader.display = False

    def turn(self) -> None:
        """From editing to reading and back, with the cursor."""
        self.reading = not self.reading
        self.control.display, self.query_one(VerticalScroll).display = not self.reading, self.reading
        self._show_markdown()
        self.focus_control()

    def show_text(self, text: str) -> None:
        super().show_text(text)
        self._show_markdown()

    def focus_control(self) -> None:
        if self.reading:
            self.query_one(VerticalScroll).focus()
        else:
            super().focus_control()

    def _show_markdown(self) -> None:
        if self.reading:
            self.query_one(Flow).flow(partial(_as_read, self.text))


def _as_read(text: str, width: int) -> Content:
    if not text.strip():
        return stack(paragraph("There is no description yet.", width, "$foreground-muted"))
    return stack(markdown_lines(text, width))


class FormfileArea(SafeArea):
    """Many lines of a Formfile.

    `offers` is a list beside it that shows completions: while it is shown, the arrows, Enter and Esc are its own.
    """

    outside = "Formfile"
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"formfile--{kind}" for kind in get_args(TokenKind)}
    BINDINGS = bindings_for("template")

    def __init__(self, offers: OfferList) -> None:
        super().__init__(show_line_numbers=True, compact=True)
        self.offers = offers
        self._completions: Sequence[Completion] = ()

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if len(line) <= LONGEST_LINE:
            for token in tokens(line.plain):
                style = self.get_component_rich_style(f"formfile--{token.kind}", partial=True)
                line.stylize(style, token.start, token.end)
        return line

    @property
    def offering(self) -> bool:
        """Whether the list of completions is shown."""
        return self.offers.is_open

    def action_complete(self) -> None:
        """Offer what could stand at the cursor; the only possibility is taken at once."""
        found = self._found()
        if len(found) == 1:
            self._take(found[0])
        elif found:
            self._show(found)
        else:
            host_of(self).say("nothing is known that could stand here: write an instruction")

    def take_offer(self, index: int) -> None:
        """Write the completion that the list shows there."""
        if index < len(self._completions):
            self._take(self._completions[index])

    def on_key(self, event: events.Key) -> None:
        if event.key == "enter" and self.offers.is_open:
            self.take_offer(self.offers.highlighted or 0)
        elif not self.offers.press(event.key):
            return
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        self.offers.close()

    @on(TextArea.SelectionChanged)
    def _moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        if self.offers.is_open:
            self._show(self._found())

    def _found(self) -> list[Completion]:
        row, column = self.cursor_location
        return complete(self.text, row + 1, column + 1)

    def _show(self, found: list[Completion]) -> None:
        self._completions = found
        # From where the word begins, which they complete: else beginnings of the lines below would stand before them
        row, column = self.cursor_location
        begun = self.document.get_line(row)[min((one.start for one in found), default=column + 1) - 1 : column]
        self.offers.open_at(self.cursor_screen_offset - Offset(cell_len(begun), 0), [_words(one) for one in found])
        self.offers.highlighted = 0 if found else None

    def _take(self, completion: Completion) -> None:
        self.offers.close()
        row, _ = self.cursor_location
        self.replace(
            completion.text, (row, completion.start - 1), (row, completion.end - 1), maintain_selection_offset=False
        )
        self.move_cursor((row, completion.start - 1 + len(completion.text)))


def _words(completion: Completion) -> Content:
    text = safe_text(completion.text.strip(), 40)
    return Content.assemble(f"{text:<14} ", (safe_text(completion.says, 80), "$text-muted"))


def line_of(problem: Problem) -> int | None:
    """The line, from 1, that a problem of the template names; None when it is about the whole."""
    found = re.match(r"line (\d+):", problem.sentence)
    return int(found[1]) if found else None
