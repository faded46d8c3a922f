"""One field in the form: its label, its control, the value as understood, and what is wrong with it.

A loaded text is kept exactly as it is until somebody edits it: the control shows a safe version of it, and only what is
typed replaces the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.errors import Problem
from tui_registry.text import safe_text
from tui_registry.tui.register.fields import FormField
from tui_registry.tui.register.texts import echo

_HIDDEN = "hidden characters"


class FieldRow(Vertical):
    """A row of the form. `text` is the field's text, exact."""

    # Whether problems are shown while somebody types, not only once the field was left.
    AS_YOU_TYPE: ClassVar[bool] = False

    class Edited(Message):
        """Somebody changed the text of a field: by typing, or by an action that says itself what it did."""

        def __init__(self, row: FieldRow, *, typed: bool = True) -> None:
            super().__init__()
            self.row = row
            self.typed = typed

    class Entered(Message):
        """A field has the focus."""

        def __init__(self, row: FieldRow) -> None:
            super().__init__()
            self.row = row

    class Left(Message):
        """A field had the focus and lost it to another one."""

        def __init__(self, row: FieldRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(id=field.widget_id, classes=f"row -{field.control}")
        self.field = field
        self.text = text
        self._shown = self._echo = ""
        self._problems: Sequence[Problem] = ()

    def compose(self) -> ComposeResult:
        with Horizontal(classes="line"):
            yield Static(Content(self.field.label), classes="label")
            yield from self.compose_control()
            yield Static(classes="echo")
        yield Static(classes="origin")
        yield Static(classes="problem")

    def on_mount(self) -> None:
        self.query_one(".problem").display = False
        self.query_one(".origin").display = False
        self.put(self.text)

    # ---- for the screen

    def put(self, text: str) -> None:
        """Show another text, as if the form had begun with it."""
        self.text = text
        self.show_text(text)
        self._shown = self.read_text()
        self.show_understood()

    def show_problems(self, problems: Sequence[Problem]) -> bool:
        """Show what is wrong, under the field; tells whether that is anything new."""
        if list(problems) == list(self._problems):
            return False
        self._problems = problems
        lines = self.problem_lines(problems)
        wrong = any(problem.severity == "error" for problem in problems)
        line = self.query_one(".problem", Static)
        line.update(Content("\n".join(lines)))
        line.display = bool(lines)
        self.set_class(wrong, "-wrong")
        self.set_class(bool(lines) and not wrong, "-warned")
        return True

    @property
    def problems(self) -> Sequence[Problem]:
        """What is shown to be wrong."""
        return self._problems

    def show_origin(self, words: str) -> None:
        """Show where the value came from; empty for a value that a person gave."""
        line = self.query_one(".origin", Static)
        line.update(Content(f"↳ {safe_text(words, 200)}" if words else ""))
        line.display = bool(words)

    def go_to(self, problem: Problem) -> None:  # noqa: ARG002 - a row with many lines goes to the line
        """Put the cursor where the problem is."""
        self.focus_control()

    def focus_control(self) -> None:
        """Put the cursor into the field."""
        self.control.focus()

    # ---- for each kind of control

    @property
    def control(self) -> Widget:
        raise NotImplementedError

    def compose_control(self) -> ComposeResult:
        raise NotImplementedError

    def problem_lines(self, problems: Sequence[Problem]) -> list[str]:
        """The problems as lines to read."""
        return [f"{'✗' if problem.severity == 'error' else '!'} {_sentence(problem)}" for problem in problems]

    def show_text(self, text: str) -> None:
        """Make the control show a text, safely."""
        raise NotImplementedError

    def read_text(self) -> str:
        """The text that the control stands for."""
        raise NotImplementedError

    # ---- how

    def took_input(self, *, typed: bool = True) -> None:
        """The control changed: by a person, or because `put` did it."""
        text = self.read_text()
        if text == self._shown:
            return
        self._shown = self.text = text
        self.show_understood()
        self.post_message(self.Edited(self, typed=typed))

    def show_understood(self) -> None:
        """Show what the text was understood as."""
        hidden = "\ufffd" in self._shown and "\ufffd" not in self.text
        self.set_class(hidden, "-hidden")
        self._write_echo(_HIDDEN if hidden else echo(self.field, self.text))

    def _write_echo(self, words: str) -> None:
        # Its size is fixed, so that typing never lays out the whole form anew
        if words != self._echo:
            self._echo = words
            self.query_one(".echo", Static).update(Content(words), layout=False)

    def on_descendant_focus(self) -> None:
        self.post_message(self.Entered(self))

    def on_descendant_blur(self) -> None:
        # A choice hands the focus to its own menu and back: the field is not left by that
        if not self.has_focus_within:
            self.post_message(self.Left(self))


def _sentence(problem: Problem) -> str:
    place = problem.path[problem.path.find("[") :] if problem.path.endswith("]") else ""
    number = f"item {int(place[1:-1]) + 1}: " if place[1:-1].isdigit() else ""
    return number + safe_text(problem.sentence)
