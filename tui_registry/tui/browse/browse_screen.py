"""Browse: search as one types, the list of what matches, the record under the cursor beside it; and, in the place of
the list while there is none, how to begin on an empty replica and how to go on after an empty answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present.columns import chosen_columns
from tui_registry.present.news import news_words
from tui_registry.query import QueryError, Text
from tui_registry.settings import in_words
from tui_registry.text import exact, safe_text
from tui_registry.tui import browse, settings
from tui_registry.tui.browse.answers import (
    NEWEST,
    TOP,
    Answer,
    FirstAnswer,
    Order,
    Question,
    Span,
    following,
    read_answer,
    read_windows,
)
from tui_registry.tui.browse.record_list import RecordList
from tui_registry.tui.browse.search_bar import SearchBar
from tui_registry.tui.kit.actions import Where, action, bindings_for, key_of
from tui_registry.tui.kit.facts import Tone
from tui_registry.tui.kit.flows import Part, flow, unwanted
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.host import host_of, read_styles
from tui_registry.tui.kit.messages import PullFrom

if TYPE_CHECKING:
    from tui_registry.fit import Machine

WIDE: Final = 100
# Of each footer one gives its place to the key that shows a conflict.
_LESS_THAN_A_CONFLICT: Final = ("browse.sync", "record.name_owner")


# What the list of what is new asks.
NEWS: Final = "is:new"


class _NewsShown(NamedTuple):
    """The list of what is new: up to which place of the log it was read, what was asked before, what is said of it."""

    upto: int
    before: str
    words: str


class Later(NamedTuple):
    """The widgets, and what lays out the list, that come after the first frame."""

    empty: EmptyState
    filters: browse.FacetPanel
    detail: browse.RecordDetail
    layout: browse.ListLayout


class BrowseScreen(FrameScreen[None]):
    """The first screen. Beside the list stands the detail where there are 100 columns or more.

    The first frame is what a person waits for, so nothing is made for it that it does not show: no containers, no input
    before somebody can type, no text of the detail. What comes later has its place kept, and nothing jumps.

    Attributes:
        bar: the search line. records: the list.
        answered: the question whose answer is shown.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide"), (150, "-roomy")]  # noqa: RUF012 - as Textual has it
    AUTO_FOCUS: ClassVar[str] = "RecordList"
    MODE: ClassVar[str] = "app.browse"
    WHERE: ClassVar[tuple[Where, ...]] = ("browse", "record")
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "browse.search", "browse.new", "record.edit", "browse.sync", "record.copy", "browse.filters", "app.help",
    )  # fmt: skip
    TYPING: ClassVar[tuple[str, ...]] = (
        "search.to_list", "search.complete", "search.up", "browse.back", "browse.save_search", "app.help_f1",
    )  # fmt: skip
    FILTERING: ClassVar[tuple[str, ...]] = (
        "facets.toggle", "facets.next_field", "browse.back", "browse.search", "browse.save_search",
        "app.help",
    )  # fmt: skip
    READING: ClassVar[tuple[str, ...]] = (
        "browse.back", "record.next_tab", "record.edit", "record.delete", "record.copy", "record.name_owner",
        "app.help",
    )  # fmt: skip
    FIRST_RUN: ClassVar[tuple[str, ...]] = (
        "browse.new", "browse.import", "empty.add", "empty.look_around", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def __init__(self, query: str = "", first: FirstAnswer | None = None, width: int = 0) -> None:
        """
        Args:
            first: the answer to the query where it is known already; else it is read.
            width: of the terminal, so that the first frame is laid out for it at once.
        """
        super().__init__()
        room = [name for least, name in self.HORIZONTAL_BREAKPOINTS if least <= width]
        self.set_class(True, room[-1], update=False)
        self.bar = SearchBar(query)
        self.records = RecordList(id="records")
        self.answered = Question(query)
        # Of the answer that is shown
        self._texts: Sequence[Text] = ()
        self._order: Order | None = NEWEST
        self._first = first
        self._later: Later | None = None
        self._select: str | None = None
        # Asked, and left the answer before it on screen: it cannot be read, or is half typed and matches nothing.
        self._refused: Question | None = None
        self._held: Answer | None = None
        self._seen_changes: int | None = None
        self._own_hint: tuple[str, Tone] = ("", "note")
        # While the list of what is new is looked at: up to which place of the log, and what was asked before.
        self._news: _NewsShown | None = None

    def compose(self) -> ComposeResult:
        yield from self.compose_frame()
        yield from self.compose_body()

    def compose_body(self) -> Iterable[Widget]:
        return self.bar, self.records, Vertical(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._columns_chosen()
        self.host.gate.hold(self)  # until there is something to answer a key
        first, self._first = self._first, None
        if first is None:
            self._read_anew(self.bar.question, stay=False)
        else:
            self._show_answer(Answer(self.bar.question, first.readings, first.understanding))
        self._facts_read()
        self.watch(self.host, "facts", self._facts_read, init=False)
        self.watch(self.host, "settings", self._settings_changed, init=False)
        self._furnish_after_the_first_frame()

    @flow(group="furnish", background=True)
    async def _furnish_after_the_first_frame(self) -> None:
        drawn = asyncio.Event()
        self.call_after_refresh(drawn.set)
        await drawn.wait()
        self.furnish()

    def furnish(self) -> Later:
        """Bring what the first frame does without, if it is not there yet, and read the record under the cursor."""
        if self._later is None:
            read_styles(self, "browse/browse_more.tcss")
            empty, filters, detail = EmptyState(id="empty"), browse.FacetPanel(id="filters"), browse.RecordDetail()
            layout = browse.ListLayout(self, self.bar, self.records, lambda: self._order, lambda: bool(self._texts))
            self._later = Later(empty, filters, detail, layout)
            self.mount_all((empty, filters), before="#detail")
            self.query_one("#detail").mount(detail)
            self.bar.furnish()
            subject = browse.Subject(lambda: self.ref, self._changed, self.records)
            self.parts = (
                browse.RecordActions(self, subject),
                browse.KeptMarks(self, subject, lambda: self.bar.question.query),
                browse.SavedSearches(self, self.bar),
                layout,
                browse.Marking(self, self.records, lambda: self.bar.question, lambda: self.answered),
                browse.Several(self, subject),
                browse.MachineChoice(self),
                browse.RecordUse(self, lambda: self.ref),
                Beginning(self),
            )
            self.host.held(browse.Machines).begin()
            self.watch(self.host, "machine", self._machine_changed, init=False)
            if self.records.item is not None:
                self._read_entry()
            self.host.gate.release(self)
        return self._later

    # What it shows

    @property
    def ref(self) -> browse.Ref | None:
        """The record under the cursor."""
        row = self.records.item
        return None if row is None else browse.Ref(row.kind, row.id, row.name)

    @property
    def filters(self) -> browse.FacetPanel:
        """In sight while the screen has the class `-filters`."""
        return self.furnish().filters

    @property
    def detail(self) -> browse.RecordDetail:
        """The record under the cursor."""
        return self.furnish().detail

    @property
    def is_filtering(self) -> bool:
        """Whether the filters have the focus."""
        return self._later is not None and self.focused is self._later.filters

    def footer_actions(self) -> tuple[str, ...]:
        if self.bar.is_typing:
            return self.TYPING
        if self.is_filtering:
            return self.FILTERING
        if self.has_class("-first-run"):
            return self.FIRST_RUN
        reads = self.focused is not None and self._later is not None and self.focused.parent is self._later.detail
        footer = self.READING if reads else self.FOOTER
        row = self.records.item
        if row is None or row.heads < 2:
            return footer
        return tuple("record.conflict" if name in _LESS_THAN_A_CONFLICT else name for name in footer)

    def hint(self, text: str, tone: Tone = "note") -> None:
        """While records are marked, how many stands where the hint was."""
        self._own_hint = (text, tone)
        count = len(self.records.marked)
        if count:
            deeds = ("record.copy", "record.export", "record.tags", "record.licence", "record.delete", "browse.compare")
            named = (f"{key_of(deed)} {action(deed).label}" for deed in deeds)
            text = f"{exact(count)} marked: {', '.join(named)}, {key_of('browse.back')}"
            tone = "note"
        super().hint(text, tone)

    @on(RecordList.Marked)
    def _marks_changed(self, message: RecordList.Marked) -> None:
        message.stop()
        self.hint(*self._own_hint)

    def on_screen_resume(self) -> None:
        self.refresh_footer()

    # Asking

    @on(SearchBar.Asked)
    def _asked(self, message: SearchBar.Asked) -> None:
        message.stop()
        self.next_step()
        if self._news is not None and NEWS not in message.question.query:
            self._leave_news()
        elif self._news is not None and message.question.query == NEWS:
            self.say(self._news.words)
        if self.has_class("-filters"):
            self.filters.stop()
            self.filters.mark(message.question.query)
        self._read_anew(message.question, stay=False)

    @flow(group="rows", exclusive=True, background=True)
    async def _read_anew(self, question: Question, *, stay: bool, span: Span = TOP) -> None:
        """Another answer. Each key typed cancels the one before: what comes too late is not shown."""
        now = self.host.now()
        try:
            answer = await self.read(read_answer, self.datastore, question, now, unwanted(), stay=stay, span=span)
        except QueryError as error:
            if question == self.bar.question:
                self._refused = question
                self.bar.show_refusal(error.sentence, error.position, error.corrected(question.query))
        else:
            self._take(answer)

    @on(RecordList.Wanted)
    def _windows_wanted(self, message: RecordList.Wanted) -> None:
        message.stop()
        self._read_more(self.answered, message.span, message.serial)

    @flow(group="windows", exclusive=True, background=True)
    async def _read_more(self, question: Question, span: Span, serial: int, *, recount: bool = False) -> None:
        """Windows of the answer that is shown."""
        windows = read_windows(self.datastore, question, span, unwanted(), recount)
        try:
            while readings := await self.read(following, windows):
                if question == self.answered:
                    self.records.add(readings, serial)
                self._show_count()
        except RegistryError:
            self.records.give_up()
            raise

    # Answers

    def _take(self, answer: Answer) -> None:
        if answer.question not in (self.bar.question, self.answered):
            return
        self._held = None
        if self._is_half_typed(answer):
            self._held, self._refused = answer, answer.question
            self.bar.show_begun()
            return
        self._show_answer(answer)
        self._show_count()

    def _is_half_typed(self, answer: Answer) -> bool:
        """Whether no record matches only because the last word is still being typed: then the list stays as it is."""
        if answer.question == self.answered:
            return False  # Enter said that the question is complete
        found = answer.readings[0].page.rows
        return answer.understanding.begun and not found and self.bar.is_typing and self.records.serial > 0

    def _show_answer(self, answer: Answer) -> None:
        question, how = answer.question, answer.understanding
        facts = self.host.facts
        if self._news is not None and facts is not None and facts.news is not None:
            # These were read before the answer was.
            self._news = self._news._replace(upto=max(self._news.upto, facts.news.upto))
        proposal = answer.readings[0].page.did_you_mean
        self.answered = question
        self._texts, self._order = how.texts, how.order
        if self._later is not None:
            self._later.detail.mark(how.texts)
        self.records.show(answer.readings, answer.stay, self._select, how.reversible, how.texts, how.order)
        self._select = None
        nothing = self.records.total == 0
        had_nothing = self.has_class("-nothing")
        self.set_class(nothing, "-nothing")
        self.set_class(nothing and question.asks_for_all, "-first-run")
        if question == self.bar.question:
            notes = answer.readings[0].page.notes
            self.bar.show_understood("; ".join((*notes, how.words)), proposal)
        if nothing:
            empty = self.furnish().empty
            if question.asks_for_all:
                empty.show_first_run()
                if self.focused in (None, self.records):
                    empty.focus()
            else:
                empty.show_no_match(question.query, proposal, answer.readings[0].page.near)
            if proposal is not None and not answer.stay and not self.is_filtering:
                # In the search line Enter takes the proposal; the note below it says so, and so does the empty list.
                self.bar.focus_input()
        elif had_nothing and not self.bar.is_typing and not self.is_filtering:
            self.records.focus()
        self._count_facets()
        self.refresh_footer()

    def _show_held(self) -> None:
        """The question was complete though it looked half typed: show its answer."""
        held, self._held = self._held, None
        if held is not None and held.question == self.bar.question:
            self._refused = None
            self._show_answer(held)
            self._show_count()

    def _show_count(self) -> None:
        if self.records.serial == 0:
            return  # nothing was read yet
        facts = self.host.facts
        self.bar.show_count(*self.records.matching, None if facts is None else facts.stats.records)

    @on(RecordList.Highlighted)
    def _highlighted(self, message: RecordList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        self.refresh_footer()
        if self._later is not None:  # else the record is shown as soon as there is a place for it
            self._read_entry()

    @flow(group="entry", exclusive=True, background=True)
    async def _read_entry(self) -> None:
        """Show the record under the cursor in full, and what is wrong with it."""
        row = self.records.item
        shown = None if row is None else await self.read(browse.read_shown, self.datastore, row.id, row.kind)
        entry, behind, near = (None, None, None) if shown is None else shown
        if row is None or (self.records.item is not None and self.records.item.id == row.id):
            self.detail.mark(self._texts)
            self.detail.show(entry, behind, near=near)
            self.hint(*browse.problems_in_words(entry, behind))

    # Data that changed underneath

    def _facts_read(self) -> None:
        facts = self.host.facts
        if facts is None:
            return
        before, self._seen_changes = self._seen_changes, facts.changes
        self._show_count()
        if before is not None and before != facts.changes:
            self._refresh()

    def _refresh(self) -> None:
        """Read again what is in view; the cursor stays on its record."""
        span, anew = self.records.span_to_refresh()
        asked = self.bar.question
        if asked not in (self.answered, self._refused):
            # Its answer is on the way; this one is newer.
            self._read_anew(asked, stay=False)
        elif anew or self._select is not None:
            # A question that cannot be read leaves the answer before it on screen, and that is kept true.
            self._read_anew(self.answered, stay=True, span=span if self._select is None else TOP)
        else:
            self._read_more(self.answered, span, self.records.serial, recount=True)
            self._count_facets()
        if self._later is not None and self.records.item is not None:
            self._read_entry()

    def _columns_chosen(self) -> None:
        """Show the columns that the settings name, where they name any."""
        if not self.host.settings.columns:
            self.records.choose_columns(())
            return
        chosen, faults = chosen_columns(self.host.settings.columns)
        self.records.choose_columns(chosen)
        for sentence in in_words(faults, self.host.settings_file):
            self.say(f"settings: {sentence}", "problem")

    @on(RecordList.Ordered)
    def _title_chosen(self, message: RecordList.Ordered) -> None:
        message.stop()
        self.furnish().layout.by_title(message.title, message.key)

    def _settings_changed(self) -> None:
        self._columns_chosen()
        if self.bar.question not in (self.answered, self._refused):
            self._read_anew(self.bar.question, stay=False)

    def _machine_changed(self, before: Machine | None, _: Machine | None) -> None:
        # What was asked before this machine was known has waited for it.
        if before is not None and "fit:" in self.answered.query.lower():
            self._read_anew(self.answered, stay=False)

    def _changed(self, change: browse.Change) -> None:
        self._select = change.select
        self._refresh()

    def select_record(self, record_id: str) -> None:
        """Put the cursor on a record that was just written, where the search does not hide it."""
        self._changed(browse.Change(select=record_id))
        self.host.look()

    # Filters

    def _count_facets(self) -> None:
        """After an answer, never before it; not at all where nobody looks."""
        if self.has_class("-filters"):
            self.filters.count(self.answered)

    def action_filters(self) -> None:
        """Open the filters, go to them, close them."""
        if self.is_filtering:
            self._close_filters()
            return
        self.add_class("-filters")
        self.filters.focus()
        self._count_facets()

    def _close_filters(self) -> None:
        self.filters.stop()
        self.records.focus()
        self.remove_class("-filters")

    def on_facet_panel_toggled(self, message: browse.FacetPanel.Toggled) -> None:
        message.stop()
        self.bar.ask(message.query)

    # Actions

    def action_search(self) -> None:
        self.bar.focus_input()

    def action_to_list(self) -> None:
        self._show_held()
        if self.records.total or not self.bar.has_proposal:
            self.records.focus()

    @on(SearchBar.Left)
    def _to_list(self, message: SearchBar.Left) -> None:
        message.stop()
        self.action_to_list()

    def action_back(self) -> None:
        """One level back: completions, filters, detail, search line are left, marks and the query cleared."""
        if self.bar.close_completions() or (self.focused is self.records and self.records.unmark()):
            return
        if self.has_class("-filters") and not self.bar.is_typing:
            self._close_filters()
        elif self.focused is not self.records and not self.has_class("-nothing"):
            self.action_to_list()
        elif self.bar.is_typing and not self.bar.question.query:
            self.set_focus(self.furnish().empty if self.has_class("-first-run") else None)
        elif self._news is not None:
            self._ask_as_before(self._news)
        elif not self.bar.clear():
            self.say(f"this is the first screen; {key_of('app.quit')} quits", "note")

    @on(RecordList.Chosen)
    def _opened(self, message: RecordList.Chosen) -> None:
        message.stop()
        if self.size.width >= WIDE:
            self.detail.focus_text()
        elif self.ref is not None:
            self.open_screen(browse.DetailScreen(self.ref, self._texts))

    # What is new

    @flow
    async def action_news(self) -> None:
        """The list of what came since somebody looked; there, leave it."""
        if self._news is not None:
            self._ask_as_before(self._news)
            return
        count = await self.read(self.datastore.news.count)
        if not count.records:
            self.say("nothing came from others since you looked: pulled:1d finds what came today")
            return
        words = f"{news_words(count)} since you looked: to leave this list (esc or .) clears it"
        self._news = _NewsShown(count.upto, self.bar.question.query, words)
        self.bar.ask(NEWS)
        self.records.focus()

    def _ask_as_before(self, news: _NewsShown) -> None:
        self.bar.ask(news.before)
        self.records.focus()

    @flow
    async def _leave_news(self) -> None:
        """What was listed was looked at; what came since the list was read last is still new."""
        news, self._news = self._news, None
        if news is None or self.datastore.why_read_only:
            return
        await self.write(self.datastore.news.seen, news.upto)
        self.say("looked at: nothing of it is new any more, and pulled:1d finds what came today")
        self._refresh()
        self.host.look()

    async def action_sync(self) -> None:
        await self.app.run_action("mode('sync')")


# The place of the list while there is none

_WAYS: Final = (
    ("browse.new", "register a model or an agent"),
    ("browse.import", "import records from a file, a folder or an address"),
    ("empty.add", "take what others registered: node, stick, bundle"),
    ("empty.look_around", "look around in sample data first"),
    ("app.help", "all keys, and how to search"),
)
_LONGEST_PATH: Final = 300


class EmptyState(Static):
    """Says what to do: on an empty replica how to begin, on an empty answer how to go on. Its keys are those of an
    empty replica."""

    BINDINGS = bindings_for("empty")

    def show_first_run(self) -> None:
        """There is no record at all."""
        self.can_focus = True
        content = Content.styled("Nothing is registered here yet.\n\n", "bold")
        for name, words in _WAYS:
            content = content.append(Content.styled(f"  {action(name).footer_key}  ", "bold $text-accent"))
            content = content.append(f"{words}\n")
        # Said at the first run: once the key is lost it is too late.
        key = safe_text(str(host_of(self).datastore.key.file.absolute()), _LONGEST_PATH)
        content = content.append(f"\nYour key, which signs what you register, is {key}\n")
        content = content.append("Without it nobody can change your records, you included.\n")
        content = content.append(Content.styled(f"  {action('browse.copy_key').footer_key}  ", "bold $text-accent"))
        content = content.append("save a copy under a passphrase, to keep elsewhere")
        self.update(content)

    def show_no_match(self, query: str, proposal: str | None, near: Sequence[str] = ()) -> None:
        """The query matches nothing."""
        self.can_focus = False
        asked = f"“{safe_text(query.strip(), 80)}”"
        content = Content.assemble(("Nothing matches ", "bold"), (asked, "bold"), ".\n\n")
        if proposal is not None:
            content = content.append("Did you mean  ")
            content = content.append(Content.styled(safe_text(proposal, 80), "bold $text-accent"))
            content = content.append(" ?  Enter in the search line takes it.\n")
        if near:
            content = content.append("The nearest names are\n")
            for name in near:
                content = content.append(Content.styled(f"  {safe_text(name, 80)}\n", "bold"))
        content = content.append(
            Content.styled("Esc clears the search, / changes it, ? explains it.", "$foreground-muted")
        )
        self.update(content)

    async def action_look_around(self) -> None:
        """To the sample data."""
        await self.app.run_action("app.look_around")

    async def action_take(self) -> None:
        """To the question where to take records from."""
        await self.screen.run_action("begin_to_take")


class Beginning(Part):
    """What the keys of an empty replica begin."""

    @flow(writes=True)
    async def action_begin_to_take(self) -> None:
        """Take records from a node, a folder or a bundle, after a look at what is there."""
        from tui_registry.tui.sync.add_peer import take_from  # where nobody takes any, nothing of it is needed

        peer = await take_from(self.screen)
        if peer is not None:
            self.screen.host.look()
            await self.screen.app.run_action("mode('sync')")
            self.screen.app.get_screen_stack("sync")[0].post_message(PullFrom(peer.name))

    @flow
    async def action_save_key(self) -> None:
        """Save a copy of the key."""
        await settings.copy_key(self.screen)
