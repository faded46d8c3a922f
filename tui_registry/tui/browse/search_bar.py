"""The search line, what could be typed in it, and under it one line that says how the query was understood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual import events, on
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.text import exact, safe_text
from tui_registry.tui import browse
from tui_registry.tui.browse.answers import Question, completions
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.flows import flow, read, write
from tui_registry.tui.kit.host import host_of, read_styles

if TYPE_CHECKING:
    from tui_registry.query import Completion

PROMPT_WIDTH: Final = 3
# Room for `1,000,000+ of 1,000,000`, always kept, so that what one types in has one width.
COUNT_WIDTH: Final = 27
PLACEHOLDER: Final = "find by words, or params:<=8b license:apache-2.0"
_PROMPT: Final = Content.styled(" / ", "bold $text-accent")
_QUIET: Final = "$foreground-muted"
_WARNING: Final = "$text-warning"
# As an Input draws its placeholder, on dark and on light themes.
_FAINT: Final = "$foreground 44%"


class Note(NamedTuple):
    """What stands under the query.

    Attributes:
        ways: to say it, each with its indent: the first that fits is shown, or else the last, cut short.
    """

    style: str = _QUIET
    ways: tuple[tuple[int, str], ...] = ()

    def line(self, width: int) -> Content:
        """The note in so many cells."""
        fitting = (way for way in self.ways if way[0] + cell_len(way[1]) <= width)
        indent, text = next(fitting, self.ways[-1] if self.ways else (0, ""))
        return Content.styled(" " * indent + text, self.style).truncate(max(1, width), ellipsis=True)


class _Parts(NamedTuple):
    line: browse.QueryInput
    completions: browse.CompletionList


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
            read_styles(self, "browse/browse_more.tcss")
            line = browse.QueryInput(self._first_query, placeholder=PLACEHOLDER, compact=True)
            self._parts = _Parts(line, browse.CompletionList())
            self.mount_all(self._parts)
            self.refresh()
        return self._parts

    def render(self) -> Content:
        query = self._first_query if self._parts is None else None
        return search_lines(query, self._count, self._note, self.size.width)

    @property
    def _input(self) -> browse.QueryInput:
        return self.furnish().line

    @property
    def _list(self) -> browse.CompletionList:
        return self.furnish().completions

    @property
    def question(self) -> Question:
        query = self._first_query if self._parts is None else self._parts.line.value
        return Question(query, host_of(self).settings.named_first != "off")

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
        """Say that no record has the last word, which is probably still being typed: known words begin with it."""
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
        self.close_completions()

    # Completions

    def action_complete(self) -> None:
        """Take the first completion, or the selected one; ask for them where none are shown."""
        best = self._list.best
        if best is None:
            self._read_completions(self._input.value, self._input.cursor_position)
        else:
            self._take(best)

    def on_query_input_right_at_end(self, message: browse.QueryInput.RightAtEnd) -> None:
        message.stop()
        if self._list.best is not None:
            self._take(self._list.best)

    def on_completion_list_clicked(self, message: browse.CompletionList.Clicked) -> None:
        message.stop()
        self._take(message.completion)

    def _take(self, completion: Completion) -> None:
        line = self._input
        text = line.value
        head = f"{text[: completion.start]}{completion.insert}"
        line.value = head + text[completion.end :]
        line.cursor_position = len(head)
        line.focus()

    @flow(group="completions", exclusive=True, background=True)
    async def _read_completions(self, text: str, cursor: int) -> None:
        found = await read(completions, host_of(self).datastore, text, cursor)
        line = self._input
        if not self.is_typing or (text, cursor) != (line.value, line.cursor_position):
            return
        start = found[0].start if found else 0
        self._list.show(found, PROMPT_WIDTH + cell_len(line.value[:start]) - 1)

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

    @flow(group="past", exclusive=True, background=True)
    async def _read_history(self) -> None:
        self._past.load(await read(host_of(self).datastore.searches.history))

    @flow(background=True)
    async def _remember(self, query: str) -> None:
        host = host_of(self)
        if host.datastore.why_read_only:
            return  # which the title says already
        try:
            await write(host.datastore.searches.remember, query)
        except RegistryError as error:
            host.say(f"this search is not remembered: {error.sentence}", "problem")


class PastSearches:
    """A place in the history, which begins at the line as it is being typed."""

    def __init__(self) -> None:
        self._queries: list[str] = []
        self._place = -1
        self._typed = ""

    @property
    def is_in_the_past(self) -> bool:
        return self._place >= 0

    def load(self, queries: Sequence[str]) -> None:
        """Know these, the latest first; the place is lost."""
        self._queries, self._place = list(queries), -1

    def back(self, line: str) -> str | None:
        """The search before the one in the line; None when there is none."""
        if self._place < 0:
            self._typed = line
        place = self._place + 1
        while place < len(self._queries) and self._queries[place].strip() == line.strip():
            place += 1
        if place >= len(self._queries):
            return None
        self._place = place
        return self._queries[place]

    def forward(self) -> str:
        """The search after the one in the line, in the end what was being typed."""
        self._place = max(-1, self._place - 1)
        return self._queries[self._place] if self._place >= 0 else self._typed

    def stay(self) -> None:
        """The line was edited: it is what is being typed now."""
        self._place = -1

    def is_latest(self, query: str) -> bool:
        return bool(self._queries) and self._queries[0] == query.strip()

    def add(self, query: str) -> None:
        """A search was gone through with."""
        query = query.strip()
        self._queries = [query, *(other for other in self._queries if other != query)]
        self._place = -1


# The two lines as text


def understood(words: str, proposal: str | None) -> Note:
    """How the query is read; with a proposal, that nothing matches and what Enter would search for."""
    if proposal is None:
        return Note(_QUIET, ((PROMPT_WIDTH, words),))
    text = f"nothing matches; Enter searches for {safe_text(proposal, 60)}"
    return Note(_WARNING, ((PROMPT_WIDTH, text),))


def begun() -> Note:
    """That no record has the last word, which is probably still being typed."""
    return Note(_QUIET, ((PROMPT_WIDTH, "nothing has this word; tab completes it"),))


def refused(query: str, sentence: str, position: int, proposal: str | None) -> Note:
    """Why the query cannot be read, and what Enter would take instead; a caret at the character where there is room."""
    text = safe_text(sentence, 300)
    if proposal is not None:
        text += f"  (Enter takes {safe_text(proposal, 60)})"
    indent = PROMPT_WIDTH + cell_len(safe_text(query[:position]))
    return Note(_WARNING, ((indent, f"^ {text}"), (PROMPT_WIDTH, f"! at character {position + 1}: {text}")))


def search_lines(query: str | None, count: str, note: Note, width: int) -> Content:
    """Both lines.

    Args:
        query: None where an input lies over its place.
    """
    line = Content("")
    if query is not None:
        line = Content(query) if query else Content.styled(PLACEHOLDER, _FAINT)
        line = line.truncate(max(1, width - PROMPT_WIDTH - COUNT_WIDTH))
    number = Content.styled(count, _QUIET)
    gap = max(0, width - PROMPT_WIDTH - line.cell_length - number.cell_length - 1)
    return Content.assemble(_PROMPT, line, " " * gap, number, "\n", note.line(width))
