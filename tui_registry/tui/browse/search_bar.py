"""The search line, what could be typed in it, and under it one line that says how the query was understood."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events, on, work
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import get_current_worker

from tui_registry.errors import RegistryError
from tui_registry.text import exact, safe_text
from tui_registry.tui.browse.past_searches import PastSearches
from tui_registry.tui.browse.reading import Question, completions
from tui_registry.tui.browse.search_text import (
    PLACEHOLDER,
    PROMPT_WIDTH,
    Note,
    begun,
    refused,
    search_lines,
    understood,
)
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.host import host_of, read_styles
from tui_registry.tui.kit.messages import CompletionsRead, Failed, PastRead

if TYPE_CHECKING:
    from tui_registry.query import Completion
    from tui_registry.tui.browse.completion_list import CompletionList
    from tui_registry.tui.browse.query_input import QueryInput


class _Parts(NamedTuple):
    line: QueryInput
    completions: CompletionList


class SearchBar(Widget):
    """A query as it is typed, and how many records match.

    The second line is always there, so that nothing jumps when it has something to say, and so is the room for the
    count. Both lines are drawn here; the input lies over the first, and the list of completions over what stands below.
    Enter goes to the list of records; only a completion that one moved to comes first.
    """

    class Asked(Message):
        """The question changed."""

        def __init__(self, question: Question) -> None:
            super().__init__()
            self.question = question

    class Left(Message):
        """The person is done typing and wants the list."""

    ALLOW_SELECT: ClassVar[bool] = False
    BINDINGS = bindings_for("typing")

    def __init__(self, query: str = "") -> None:
        super().__init__()
        self._first_query = safe_text(query)
        self._proposal: str | None = None
        # What stands in the line without having been typed: no completions are offered for it.
        self._put = self._first_query
        self._past = PastSearches()
        self._parts: _Parts | None = None
        self._count = ""
        self._note = Note()

    def furnish(self) -> _Parts:
        """Bring the input and the list of completions, if they are not there; until then the bar draws the query."""
        if self._parts is None:
            from tui_registry.tui.browse.completion_list import CompletionList
            from tui_registry.tui.browse.query_input import QueryInput

            read_styles(self, "browse/browse_more.tcss")
            line = QueryInput(self._first_query, placeholder=PLACEHOLDER, compact=True)
            self._parts = _Parts(line, CompletionList())
            self.mount_all(self._parts)
            self.refresh()
        return self._parts

    def render(self) -> Content:
        query = self._first_query if self._parts is None else None
        return search_lines(query, self._count, self._note, self.size.width)

    @property
    def _input(self) -> QueryInput:
        return self.furnish().line

    @property
    def _list(self) -> CompletionList:
        return self.furnish().completions

    @property
    def question(self) -> Question:
        return Question(self._first_query if self._parts is None else self._parts.line.value)

    @property
    def is_typing(self) -> bool:
        return self._parts is not None and self._parts.line.has_focus

    @property
    def has_proposal(self) -> bool:
        """Whether Enter searches for something else than what stands here."""
        return self._proposal is not None

    def ask(self, query: str) -> None:
        """Put another query into the line."""
        self._put = query
        self.close_completions()
        self._input.value = query
        self._input.cursor_position = len(query)

    def clear(self) -> bool:
        """Back to everything; False when that is what is shown already."""
        had_query = bool(self.question.query)
        self.ask("")
        return had_query

    def focus_input(self) -> None:
        # At once, not in a moment: what is typed right after belongs into the line.
        self.screen.set_focus(self._input)

    def close_completions(self) -> bool:
        """Close the list of completions; False when it is closed."""
        return self._parts is not None and self._parts.completions.close()

    # What it shows

    def show_count(self, matching: int, is_exact: bool, records: int | None) -> None:
        """`214 of 12,408`, or a bound of it."""
        count = exact(matching) + ("" if is_exact else "+")
        if records is not None and not self.question.asks_for_all:
            count = f"{count} of {exact(records)}"
        if count != self._count:
            self._count = count
            self.refresh()

    def show_understood(self, words: str, proposal: str | None = None) -> None:
        """Say how the query is read; with a proposal, that nothing matches and what Enter would search for."""
        self._show_note(understood(words, proposal), proposal)

    def show_begun(self) -> None:
        """Say that the last word is probably not all of it: nothing has it, and something begins so."""
        self._show_note(begun(), None)

    def show_refusal(self, sentence: str, position: int, proposal: str | None) -> None:
        """Say why the query cannot be read, and what Enter would take instead.

        Args:
            position: of the wrong character in the query; a caret points at it where there is room.
        """
        self._show_note(refused(self.question.query, sentence, position, proposal), proposal)

    def _show_note(self, note: Note, proposal: str | None) -> None:
        self._proposal = proposal
        if note != self._note:
            self._note = note
            self.refresh()

    # Typing

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        self.post_message(self.Asked(self.question))
        if message.value == self._put:
            self.close_completions()
            return
        self._put = ""
        self._past.stay()
        if message.value.strip() and self.is_typing:
            self._read_completions(message.value, self._input.cursor_position)
        else:
            self.workers.cancel_group(self, "completions")
            self.close_completions()

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_to_list()

    def action_to_list(self) -> None:
        selected = self._list.selected
        if selected is not None:
            self._take(selected)
        elif self._proposal is not None:
            self.ask(self._proposal)
        else:
            self._leave()

    def _leave(self) -> None:
        self.close_completions()
        query = self._input.value
        if query.strip() and not self._past.is_latest(query):
            self._past.add(query)
            self._remember(query)
        self.post_message(self.Left())

    @on(events.DescendantFocus)
    def _read_past(self) -> None:
        self._read_history()

    @on(events.DescendantBlur)
    def _no_longer_typing(self) -> None:
        self.workers.cancel_group(self, "completions")
        self.close_completions()

    # Completions

    def action_complete(self) -> None:
        """Take the first completion, or the selected one; ask for them where none are shown."""
        best = self._list.best
        if best is None:
            self._read_completions(self._input.value, self._input.cursor_position)
        else:
            self._take(best)

    def on_query_input_right_at_end(self, message: QueryInput.RightAtEnd) -> None:
        message.stop()
        if self._list.best is not None:
            self._take(self._list.best)

    def on_completion_list_clicked(self, message: CompletionList.Clicked) -> None:
        message.stop()
        self._take(message.completion)

    def _take(self, completion: Completion) -> None:
        line = self._input
        text = line.value
        head = f"{text[: completion.start]}{completion.insert}"
        line.value = head + text[completion.end :]
        line.cursor_position = len(head)
        line.focus()

    @work(thread=True, exclusive=True, group="completions")
    def _read_completions(self, text: str, cursor: int) -> None:
        worker = get_current_worker()
        try:
            found = completions(host_of(self).datastore, text, cursor)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        if not worker.is_cancelled:
            self.post_message(CompletionsRead(text, cursor, found))

    @on(CompletionsRead)
    def _show_completions(self, message: CompletionsRead) -> None:
        message.stop()
        line = self._input
        if not self.is_typing or (message.text, message.cursor) != (line.value, line.cursor_position):
            return
        start = message.found[0].start if message.found else 0
        self._list.show(message.found, PROMPT_WIDTH + cell_len(line.value[:start]) - 1)

    # History

    def action_down(self) -> None:
        """The next completion, or the search after this one, or the list."""
        if self._list.is_open:
            self._list.move(1)
        elif self._past.is_in_the_past:
            self.ask(self._past.forward())
        else:
            self._leave()

    def action_up(self) -> None:
        """The completion before, or the search before this one."""
        if self._list.selected is not None:
            self._list.move(-1)
            return
        before = self._past.back(self._input.value)
        if before is not None:
            self.ask(before)

    @work(thread=True, exclusive=True, group="past")
    def _read_history(self) -> None:
        try:
            self.post_message(PastRead(host_of(self).datastore.searches.history()))
        except RegistryError as error:
            self.post_message(Failed(error.sentence))

    @on(PastRead)
    def _know_past(self, message: PastRead) -> None:
        message.stop()
        self._past.load(message.queries)

    @work(thread=True, group="write")
    def _remember(self, query: str) -> None:
        try:
            host_of(self).datastore.searches.remember(query)
        except RegistryError as error:
            self.post_message(Failed(f"this search is not remembered: {error.sentence}"))
