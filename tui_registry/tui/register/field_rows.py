"""One field in the form: its label, its control, the value as understood, and what is wrong with it.

A loaded text is kept exactly as it is until somebody edits it: the control shows a safe version of it, and only what is
typed replaces the original.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Select, Static, TextArea
from textual.widgets._select import SelectCurrent, SelectOverlay
from textual.widgets.option_list import Option

from tui_registry.errors import Problem
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.register.form_fields import (
    OTHER,
    FormField,
    default_text,
    echo,
    join_items,
    spelt_text,
    split_items,
)
from tui_registry.tui.register.inputs import SafeInput, shown_line
from tui_registry.tui.register.known_words import Ask, LicenceSuggester

_HIDDEN = "hidden characters"
_WITHOUT_ECHO = ("text", "choice", "choices", "flag")


class RowMessage(Message):
    """Something happened to a row of the form; `typed` is True where a key or a paste in it caused that."""

    def __init__(self, row: FieldRow, *, typed: bool = True) -> None:
        super().__init__()
        self.row = row
        self.typed = typed


class FieldRow(Vertical):
    """A row of the form.

    Attributes:
        text: the field's text, exact.
        problems: what is shown to be wrong.
        ask: finds what records here say in the field, to complete what is typed; None where nothing is completed.
    """

    # Whether problems are shown while somebody types, not only once the field was left.
    AS_YOU_TYPE: ClassVar[bool] = False

    class Edited(RowMessage):
        """Somebody changed the text of a field: by typing, or by an action that says itself what it did."""

    class Entered(RowMessage):
        """A field has the focus."""

    class Left(RowMessage):
        """A field had the focus and lost it to another one."""

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(id=field.widget_id, classes=f"row -{field.control}")
        self.field = field
        self.text = text
        self.ask: Ask | None = None
        self._shown = self._echo = ""
        # Few rows ever have one: it is made when there is something to say
        self._origin: Static | None = None
        self._wrong = Static(classes="problem")
        self._wrong.display = False
        self.problems: list[Problem] = []

    def compose(self) -> ComposeResult:
        with Horizontal(classes="line"):
            yield Static(Content(self.field.label), classes="label")
            yield from self.compose_control()
            if self.field.control not in _WITHOUT_ECHO:
                yield Static(classes="echo")
        yield self._wrong

    def on_mount(self) -> None:
        self.put(self.text)

    # ---- for the screen

    def put(self, text: str) -> None:
        """Show another text, as if the form had begun with it."""
        self.text = text
        self.show_text(text)
        self._shown = self.read_text()
        self.show_understood()

    def show_problems(self, problems: list[Problem]) -> None:
        """Show what is wrong, under the field."""
        self.problems = problems
        lines = self.problem_lines(problems)
        wrong = any(problem.severity == "error" for problem in problems)
        self._wrong.update(Content("\n".join(lines)))
        self._wrong.display = bool(lines)
        self.set_class(wrong, "-wrong")
        self.set_class(bool(lines) and not wrong, "-warned")

    def show_origin(self, words: str) -> None:
        """Show where the value came from; empty for a value that a person gave."""
        if words and self._origin is None:
            self._origin = Static(classes="origin")
            self.mount(self._origin, after=0)
        if self._origin is not None:
            self._origin.update(Content(f"↳ {safe_text(words, 200)}" if words else ""))
            self._origin.display = bool(words)

    def go_to(self, problem: Problem) -> None:  # noqa: ARG002 - a row with many lines goes to the line
        """Put the cursor where the problem is."""
        self.focus_control()

    def take_suggestion(self, problem: Problem, value: str | int | None) -> None:
        """Put in place of what is wrong what the problem says instead, as one step of whoever types."""
        spelt = spelt_text(self.field, value)
        place = problem.path.rpartition("[")[2].removesuffix("]")
        if self.field.control == "items" and place.isdigit():
            items = split_items(self.text)
            items[int(place) : int(place) + 1] = [spelt] if spelt else []
            spelt = join_items(items)
        self.show_text(spelt)
        self.took_input(typed=False)

    def next_problem(self, problems: Sequence[Problem]) -> Problem | None:  # noqa: ARG002 - a row with many lines has some
        """Of these problems of the field the first one after the cursor, None where the row has one place only."""
        return None

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

    @on(Input.Changed)
    @on(Select.Changed)
    @on(TextArea.Changed)
    def _control_changed(self, event: Message) -> None:
        event.stop()
        self.took_input()

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
            beside = next(iter(self.query(".echo").results(Static)), None)
            if beside is None:  # something is to be said of a row that has no room for it by itself
                self.query_one(".line").mount(Static(Content(words), classes="echo"))
            else:
                beside.update(Content(words), layout=False)

    @property
    def is_entered(self) -> bool:
        """Whether the focus that is somewhere in the row is on the row itself."""
        return True

    def on_descendant_focus(self) -> None:
        if self.is_entered:
            self.post_message(self.Entered(self))

    def on_descendant_blur(self) -> None:
        # A choice hands the focus to its own menu and back: the field is not left by that
        if not self.has_focus_within:
            self.post_message(self.Left(self))


def _sentence(problem: Problem) -> str:
    place = problem.path[problem.path.find("[") :] if problem.path.endswith("]") else ""
    number = f"item {int(place[1:-1]) + 1}: " if place[1:-1].isdigit() else ""
    return number + safe_text(problem.sentence)


class LicenceInput(SafeInput):
    """The licence; F2 shows some."""

    BINDINGS = bindings_for("licence")

    async def action_pick(self) -> None:
        await self.screen.run_action("screen.pick_licence")


class LineRow(FieldRow):
    """A text or a number on one line."""

    @property
    def control(self) -> SafeInput:
        return self.query_one(SafeInput)

    def compose_control(self) -> ComposeResult:
        hint = f"e.g. {self.field.hint}" if self.field.hint else ""
        if self.ask is None:
            yield SafeInput(placeholder=hint)
        else:
            yield LicenceInput(placeholder=hint, suggester=LicenceSuggester(self.ask))

    def show_text(self, text: str) -> None:
        self.control.value = shown_line(text)

    def read_text(self) -> str:
        # Space at the ends is never meant by somebody who types; in a loaded text it stays until the first edit
        value = self.control.value
        return value if self.field.control != "text" else value.strip()

    def on_descendant_focus(self) -> None:
        # Textual calls the handler of the base class too
        if self.text and self.text == default_text(self.field):
            # It is the default: what is typed takes its place
            self.control.action_select_all()


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
        self._show_other()
        if event.value == OTHER:
            self.query_one(SafeInput).focus()

    def on_choice_menu_named(self, event: ChoiceMenu.Named) -> None:
        """Other was taken with the text that was typed in the menu."""
        event.stop()
        line = self.query_one(SafeInput)
        line.value = shown_line(event.text)
        line.cursor_position = len(line.value)


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

    def on_check_list_changed(self, event: CheckList.Changed) -> None:
        """Somebody turned a name on or off."""
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


class ChoiceMenu(SelectOverlay):
    """The menu. Typing narrows it, Backspace widens it again; what is typed can be taken as Other."""

    class Named(Message):
        """Other was taken with what was typed as its text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(type_to_search=False)
        self._choices: Sequence[tuple[str, str]] = ()
        self._typed = ""

    def offer(self, choices: Sequence[tuple[str, str]]) -> None:
        """Show these, each with its value; none of them is hidden any more."""
        self._choices, self._typed = choices, ""
        self._show()

    def check_consume_key(self, key: str, character: str | None = None) -> bool:  # noqa: ARG002 - Textual's interface
        return character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        if event.character is not None and event.is_printable:
            self._narrow(self._typed + event.character)
        elif event.key == "backspace":
            self._narrow(self._typed[:-1])
        else:
            return
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        self._narrow("")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        # The place in the whole menu, not the one in what is left of it
        event.prevent_default()
        place, typed = int(event.option_id or 0), self._typed.strip()
        self.post_message(self.UpdateSelection(place))
        if self._choices[place][1] == OTHER and typed:
            self.post_message(self.Named(typed))

    def _narrow(self, typed: str) -> None:
        if typed != self._typed:
            self._typed = typed
            self._show()
            self.action_first()

    def _show(self) -> None:
        typed = self._typed.strip()
        self.clear_options()
        for place, (prompt, value) in enumerate(self._choices):
            if value == OTHER and typed:
                self.add_option(Option(Content(f"Other: {safe_text(typed, 40)}"), id=str(place)))
            elif value == OTHER or typed.lower() in prompt.lower():
                self.add_option(Option(Content(prompt), id=str(place)))


class ChoiceSelect(Select[str]):
    """One of a few names; `choices` are (what is shown, value)."""

    def __init__(self, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(choices, allow_blank=False, compact=True)
        self._choices = choices

    def compose(self) -> ComposeResult:
        yield SelectCurrent(self.prompt)
        yield ChoiceMenu().data_bind(compact=Select.compact)

    def _setup_options_renderables(self) -> None:
        self.query_one(ChoiceMenu).offer(self._choices)


class CheckList(OptionList):
    """Names with a box before each. `checked` are those that are on, in the order of the list."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", "Toggle", show=False)]

    class Changed(Message):
        """Somebody turned a name on or off."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(*(Option(_words(name, on=False), id=name) for name in names), compact=True)
        self._names = tuple(names)
        self._on: frozenset[str] = frozenset()

    @property
    def checked(self) -> list[str]:
        return [name for name in self._names if name in self._on]

    def put(self, names: Collection[str]) -> None:
        """Turn these on and all others off; says nothing."""
        self._on = frozenset(names).intersection(self._names)
        for name in self._names:
            self.replace_option_prompt(name, _words(name, on=name in self._on))

    @on(OptionList.OptionSelected)
    def _toggle(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.put(self._on ^ {str(event.option_id)})
        self.post_message(self.Changed())


def _words(name: str, *, on: bool) -> Content:
    return Content(f"[{'x' if on else ' '}] {name}")
