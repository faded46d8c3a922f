"""The row of a list whose entries have fields of their own, such as the files of a record: a line for each entry, and
below them the fields of the one that is open.

An entry is edited in the form itself: every key is in the text of the row at once, and so in the draft.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, TypeAlias

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets._select import SelectOverlay
from textual.widgets.option_list import Option

from tui_registry.errors import Problem
from tui_registry.text import exact, safe_text
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.register.field_rows import FieldRow
from tui_registry.tui.register.form_fields import (
    FormField,
    Texts,
    entry_words,
    fresh_entry,
    join_entries,
    split_entries,
)
from tui_registry.tui.register.model_rows import RecordRow

MakeRow: TypeAlias = Callable[[FormField, str], FieldRow]

_PLACE: Final = re.compile(r"\[(\d+)\](?:\.(\w+))?\Z")
_WIDEST: Final = 200
_MOST_PROBLEMS: Final = 4
_MOST_UNDONE: Final = 100
# What an entry of each list is called.
_ONE: Final = {"artifacts": "file", "interfaces": "interface", "derived_from": "model", "evaluations": "evaluation"}


class EntriesRow(FieldRow):
    """A list of entries."""

    def __init__(self, field: FormField, text: str, make: MakeRow) -> None:
        """
        Args:
            make: gives the row of a member.
        """
        super().__init__(field, text)
        self._make = make
        self._entries: list[Texts] = []
        self._before: list[str] = []
        self._open: int | None = None
        self._names: Mapping[str, str] = {}
        self._members: dict[str, FieldRow] = {}
        self._title, self._box = Static(classes="entry"), Vertical(classes="members")

    @property
    def control(self) -> EntryList:
        return self.query_one(EntryList)

    @property
    def one(self) -> str:
        """What an entry is called."""
        return _ONE.get(self.field.path.rpartition(".")[2], "entry")

    def compose_control(self) -> ComposeResult:
        yield EntryList(self)

    # ---- the text

    def show_text(self, text: str) -> None:
        self._entries = split_entries(text)
        if self._open is not None and self._open >= len(self._entries):
            self._close()
        elif self._open is not None:
            self._fill()
        self._draw()

    def read_text(self) -> str:
        return join_entries(self._entries)

    # ---- what its keys do

    def add(self, first: str = "") -> None:
        """A new entry at the end, open; `first` is what its first line says."""
        self._remember()
        entry = fresh_entry(self.field)
        line = next(member for member in self.field.members if member.control == "text")
        entry[_name(line)] = first
        self._entries.append(entry)
        self._changed(len(self._entries) - 1, typed=True)
        self.open(len(self._entries) - 1)

    def add_lines(self, lines: Sequence[str]) -> None:
        """A new entry for each line; a single one is open."""
        if len(lines) == 1:
            self.add(lines[0])
            return
        self._remember()
        line = next(member for member in self.field.members if member.control == "text")
        self._entries += [{**fresh_entry(self.field), _name(line): text} for text in lines]
        self._changed(len(self._entries), typed=True)

    @flow
    async def open(self, place: int, member: str = "") -> None:
        """Show the fields of an entry, the cursor in one of them.

        Args:
            member: which one; empty for the first.
        """
        if not 0 <= place < len(self._entries):
            return
        if not self._members:
            rows = {_name(field): self._make(field, "") for field in self.field.members}
            await self.mount(self._box)
            await self._box.mount(self._title, *rows.values())
            self._members = rows
        self._open = place
        self._box.display = True
        self.control.highlighted = place
        self._fill()
        self.show_problems(self.problems)
        (self._members.get(member) or next(iter(self._members.values()))).focus_control()

    def take_out(self, place: int) -> None:
        """Take an entry out."""
        if not 0 <= place < len(self._entries):
            return
        self._remember()
        del self._entries[place]
        self._close()
        self._changed(min(place, len(self._entries)))
        host_of(self).say(f"{self.one} {place + 1} removed: {key_of('entries.undo')} brings it back")

    def shift(self, place: int, step: int) -> None:
        """Move an entry by one place."""
        there = place + step
        if not (0 <= place < len(self._entries) and 0 <= there < len(self._entries)):
            return
        self._remember()
        self._entries.insert(there, self._entries.pop(place))
        self._close()
        self._changed(there)

    def undo(self) -> None:
        """Back to before the last entry came, went or moved."""
        if not self._before:
            host_of(self).say("there is nothing to take back in this list")
            return
        self._entries = split_entries(self._before.pop())
        self._close()
        self._changed(self.control.highlighted or 0)

    # ---- for the screen

    def show_names(self, names: Mapping[str, str]) -> None:
        """Read records by these names, by id."""
        if names != self._names:
            self._names = names
            self._draw()
        for row in self._members.values():
            if isinstance(row, RecordRow):
                row.show_names(names)

    def show_problems(self, problems: list[Problem]) -> None:
        super().show_problems(problems)
        for name, row in self._members.items():
            of_it = [problem for problem in problems if _place(problem) == (self._open, name)]
            shown = [] if self._is_fresh(self._open) else of_it
            if shown != row.problems:
                row.show_problems(shown)
        self._draw()

    def problem_lines(self, problems: Sequence[Problem]) -> list[str]:
        titles = {_name(member): member.title for member in self.field.members}
        lines = []
        for problem in problems:
            place, name = _place(problem)
            if place is not None and place == self._open:
                continue  # it stands at its member
            where = "" if place is None else f"{self.one} {place + 1}, {titles.get(name, '')}: ".replace(", :", ":")
            lines.append(f"{'✗' if problem.severity == 'error' else '!'} {where}{safe_text(problem.sentence)}")
        more = len(lines) - _MOST_PROBLEMS
        return (
            [*lines[:_MOST_PROBLEMS], f"and {exact(more)} more: {key_of('register.next_problem')} goes through them"]
            if more > 0
            else lines
        )

    def go_to(self, problem: Problem) -> None:
        """Open the entry of the problem, the cursor in the member that is wrong."""
        place, name = _place(problem)
        if place is None or place >= len(self._entries):
            self.focus_control()
        else:
            self.open(place, name)

    def next_problem(self, problems: Sequence[Problem]) -> Problem | None:
        order = ["", *(_name(member) for member in self.field.members)]
        inside = (name for name, row in self._members.items() if row.has_focus_within)
        here = (-1, 0) if self._open is None else (self._open, order.index(next(inside, "")))

        def at(problem: Problem) -> tuple[int, int]:
            place, name = _place(problem)
            return (-1, 0) if place is None else (place, order.index(name) if name in order else 0)

        return min((problem for problem in problems if at(problem) > here), key=at, default=None)

    @property
    def focused_part(self) -> Widget:
        """What of the row must be in sight: the row of the member that has the focus."""
        return next((row for row in self._members.values() if row.has_focus_within), self)

    # ---- how

    @on(FieldRow.Edited)
    def _member_edited(self, message: FieldRow.Edited) -> None:
        if message.row is self:
            return
        message.stop()
        name = _name(message.row.field)
        if self._open is not None and self._members.get(name) is message.row:
            self._entries[self._open][name] = message.row.text
            self._draw()
            self.took_input(typed=message.typed)

    @on(FieldRow.Left)
    def _member_left(self, message: FieldRow.Left) -> None:
        if message.row is not self:
            # Whoever has left one field of an entry is told what is wrong in the list
            message.stop()
            self.post_message(self.Left(self))

    @property
    def is_entered(self) -> bool:
        # A member says itself that it was entered
        return self.control.has_focus

    def on_descendant_blur(self) -> None:
        if self.has_focus_within or not self.is_attached:
            return
        kept = [entry for place, entry in enumerate(self._entries) if not self._is_fresh(place)]
        if len(kept) < len(self._entries):
            self._entries = kept
            self._close()
            self._changed(len(kept))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        last = next(reversed(self._members.values()), None)
        if last is not None and last.has_focus_within:
            event.stop()
            self._back_to_list(len(self._entries))

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self._box.has_focus_within and not isinstance(self.screen.focused, SelectOverlay):
            event.stop()
            event.prevent_default()
            self._back_to_list(self._open or 0)

    def _back_to_list(self, place: int) -> None:
        self.control.focus()
        self._close()
        self._draw()
        self.control.highlighted = min(place, len(self._entries))
        self.show_problems(self.problems)

    def _close(self) -> None:
        if self._open is not None:
            self._open = None
            if self._box.has_focus_within:
                self.control.focus()
            self._box.display = False

    def _fill(self) -> None:
        assert self._open is not None
        entry = self._entries[self._open]
        for name, row in self._members.items():
            if row.text != entry.get(name, "") or not row.text:
                row.put(entry.get(name, ""))
            row.show_problems([])
            if isinstance(row, RecordRow):
                row.show_names(self._names)
        count = len(self._entries)
        self._title.update(Content(f"{self.one.capitalize()} {self._open + 1} of {count}, esc closes it"))

    def _changed(self, highlight: int, *, typed: bool = False) -> None:
        self._draw()
        self.control.highlighted = min(highlight, len(self._entries))
        self.took_input(typed=typed)

    def _remember(self) -> None:
        self._before.append(self.read_text())
        del self._before[:-_MOST_UNDONE]

    def _is_fresh(self, place: int | None) -> bool:
        """Whether nothing was written in an entry yet."""
        if place is None or place >= len(self._entries):
            return False
        entry, fresh = self._entries[place], fresh_entry(self.field)
        return all(entry.get(name, "") == text for name, text in fresh.items())

    def _draw(self) -> None:
        marks = dict[int, str]()
        for problem in self.problems:
            place, _ = _place(problem)
            if place is not None and not self._is_fresh(place):
                marks[place] = "✗" if problem.severity == "error" else marks.get(place, "!")
        words = [
            _line(place, entry_words(entry, self._names), marks.get(place, ""))
            for place, entry in enumerate(self._entries)
        ]
        self.control.put([*words, Content.styled(f"  + add {_a(self.one)}", "$text-muted")])


class EntryList(OptionList):
    """The entries, and a line to add one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_for("entries")

    def __init__(self, row: EntriesRow) -> None:
        super().__init__(compact=True)
        self._row = row
        self._shown: list[Content] = []

    def put(self, lines: list[Content]) -> None:
        """Show these lines; those that stay as they are are not drawn anew."""
        if len(lines) != len(self._shown):
            at = self.highlighted
            self.clear_options()
            self.add_options(Option(line) for line in lines)
            self.highlighted = None if at is None else min(at, len(lines) - 1)
        else:
            for place, (line, before) in enumerate(zip(lines, self._shown, strict=True)):
                if not line.is_same(before):
                    self.replace_option_prompt_at_index(place, line)
        self._shown = lines

    @property
    def _at(self) -> int:
        return self.highlighted or 0

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index == len(self._shown) - 1:
            self._row.add()
        else:
            self._row.open(event.option_index)

    def on_focus(self) -> None:
        if self.highlighted is None:
            self.highlighted = 0

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        lines = [safe_text(line).strip() for line in event.text.splitlines()]
        if any(lines):
            self._row.add_lines([line for line in lines if line])

    def action_add(self) -> None:
        self._row.add()

    def action_remove(self) -> None:
        self._row.take_out(self._at)

    def action_forward(self) -> None:
        self._row.shift(self._at, -1)

    def action_backward(self) -> None:
        self._row.shift(self._at, 1)

    def action_undo(self) -> None:
        self._row.undo()


def _line(place: int, words: str, mark: str) -> Content:
    shown = safe_text(words, _WIDEST) or "nothing yet"
    colour = {"✗": "$text-error", "!": "$text-warning"}.get(mark, "")
    return Content.assemble((f"{mark or ' '}{place + 1:>2} ", colour or "$text-muted"), shown)


def _place(problem: Problem) -> tuple[int | None, str]:
    """The entry that a problem lies in, and its member; None for the list as a whole."""
    found = _PLACE.search(problem.path)
    return (None, "") if found is None else (int(found[1]), found[2] or "")


def _name(member: FormField) -> str:
    return member.path.rpartition(".")[2]


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
