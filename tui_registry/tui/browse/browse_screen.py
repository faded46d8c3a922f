"""Browse: search as one types, the list of what matches, the record under the cursor beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from tui_registry.tui.browse.browse_parts import WIDE, BrowseParts
from tui_registry.tui.browse.detail_text import counted
from tui_registry.tui.browse.reading import TOP, Question
from tui_registry.tui.browse.record_list import RecordList
from tui_registry.tui.browse.record_screen import Ref, name_of
from tui_registry.tui.browse.search_bar import SearchBar
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.facts import Tone
from tui_registry.tui.kit.messages import Done, EntryRead, Failed, QueryRefused, RowsRead

if TYPE_CHECKING:
    from tui_registry.tui.opening import FirstAnswer
    from tui_registry.tui.register.register_screen import Saved


class BrowseScreen(BrowseParts):
    """The first screen. Beside the list stands the detail where there are 100 columns or more."""

    AUTO_FOCUS: ClassVar[str] = "RecordList"
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
        "browse.new", "browse.import", "browse.sync", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def __init__(self, query: str = "", first: FirstAnswer | None = None, width: int = 0) -> None:
        """
        Args:
            first: the answer to the query where it is known already; else it is read.
            width: of the terminal.
        """
        super().__init__(query, width)
        self._first = first
        self._select: str | None = None
        # Asked, and left the answer before it on screen: it cannot be read, or is half typed and matches nothing.
        self._refused: Question | None = None
        self._held: RowsRead | None = None
        self._seen_changes: int | None = None

    def on_mount(self) -> None:
        super().on_mount()
        first, self._first = self._first, None
        if first is None:
            self.read_anew(self.bar.question, stay=False)
        else:
            self._show_answer(RowsRead(self.bar.question, None, first.readings, False, first.understanding))
        self._facts_read()
        self.watch(self.host, "facts", self._facts_read, init=False)
        self.call_after_refresh(self.furnish)

    # What it shows

    @property
    def ref(self) -> Ref | None:
        row = self.records.item
        return None if row is None else Ref(row.kind, row.id, row.name)

    def footer_actions(self) -> tuple[str, ...]:
        if self.bar.is_typing:
            return self.TYPING
        if self.is_filtering:
            return self.FILTERING
        if self.focused is not None and self.focused.parent is self.detail:
            return self.READING
        return self.FIRST_RUN if self.has_class("-first-run") else self.FOOTER

    # Asking

    @on(SearchBar.Asked)
    def _asked(self, message: SearchBar.Asked) -> None:
        message.stop()
        self.next_step()
        if self.is_furnished:
            self.filters.stop()
            self.filters.mark(message.question.query)
        self.read_anew(message.question, stay=False)

    # Answers

    @on(RowsRead)
    def _rows_read(self, message: RowsRead) -> None:
        if message.serial is None:
            if message.question not in (self.bar.question, self.answered):
                return
            self._held = None
            if self._is_half_typed(message):
                self._held, self._refused = message, message.question
                self.bar.show_begun()
                return
            self._show_answer(message)
        elif message.question == self.answered:
            self.records.add(message.readings, message.serial)
        self._show_count()

    def _is_half_typed(self, message: RowsRead) -> bool:
        """Whether nothing has the last word because there is more of it to come: then nothing needs to vanish."""
        if message.question == self.answered:
            return False  # it was all of it: Enter has said so
        found = message.readings[0].page.rows
        begun = message.understanding is not None and message.understanding.begun
        return begun and not found and self.bar.is_typing and self.records.serial > 0

    def _show_answer(self, message: RowsRead) -> None:
        question, how = message.question, message.understanding
        proposal = message.readings[0].page.did_you_mean
        self.answered = question
        self.records.show(message.readings, message.stay, self._select, how is not None and how.reversible)
        self._select = None
        nothing = self.records.total == 0
        had_nothing = self.has_class("-nothing")
        self.set_class(nothing, "-nothing")
        self.set_class(nothing and question.asks_for_all, "-first-run")
        if how is not None and question == self.bar.question:
            self.bar.show_understood(how.words, proposal)
        if nothing:
            empty = self.furnish().empty
            if question.asks_for_all:
                empty.show_first_run()
            else:
                empty.show_no_match(question.query, proposal)
            if proposal is not None and not message.stay and not self.is_filtering:
                # There Enter takes the proposal, as is said there and here
                self.bar.focus_input()
        elif had_nothing and not self.bar.is_typing and not self.is_filtering:
            self.records.focus()
        self.count_facets()
        self.refresh_footer()

    def show_held(self) -> None:
        """The half typed question was all of it."""
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

    @on(QueryRefused)
    def _query_refused(self, message: QueryRefused) -> None:
        if message.question == self.bar.question:
            self._refused = message.question
            self.bar.show_refusal(message.sentence, message.position, message.corrected)

    @on(Failed)
    def _reading_failed(self) -> None:
        self.records.give_up()

    @on(RecordList.Wanted)
    def _windows_wanted(self, message: RecordList.Wanted) -> None:
        message.stop()
        self.read_more(self.answered, message.span, message.serial)

    @on(RecordList.Highlighted)
    def _highlighted(self, message: RecordList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        if not self.is_furnished:
            return  # the record is shown as soon as there is a place for it
        if self.ref is not None:
            self.read_entry(self.ref)
        else:
            self.detail.show(None)
            self.hint("")

    @on(EntryRead)
    def _show_entry(self, message: EntryRead) -> None:
        if self.ref is None or message.record_id != self.ref.id:
            return
        entry = message.entry
        self.detail.show(entry)
        problems = () if entry is None else entry.problems
        if entry is None or not problems:
            self.hint("")
            return
        first = min(problems, key=lambda problem: problem.severity)  # an error before a warning
        tone: Tone = "problem" if first.severity == "error" else "note"
        self.hint(f"{counted(problems)} in {name_of(entry)}: {first.path}: {first.sentence}", tone)

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
            self.read_anew(asked, stay=False)
        elif anew or self._select is not None:
            # A question that cannot be read leaves the answer before it on screen, and that is kept true.
            self.read_anew(self.answered, stay=True, span=span if self._select is None else TOP)
        else:
            self.read_more(self.answered, span, self.records.serial, recount=True)
            self.count_facets()
        if self.ref is not None:
            self.read_entry(self.ref)

    def wrote(self, message: Done) -> None:
        self._select = message.select
        self._refresh()

    def record_saved(self, saved: Saved | None) -> None:
        if saved is not None:
            self.select_record(saved.id)

    def select_record(self, record_id: str) -> None:
        """Put the cursor on a record that was just written, where the search does not hide it."""
        self._select = record_id
        self._refresh()
        self.host.look()

    # Actions

    def action_search(self) -> None:
        self.bar.focus_input()

    def action_to_list(self) -> None:
        self.show_held()
        if self.records.total or not self.bar.has_proposal:
            self.records.focus()

    @on(SearchBar.Left)
    def _to_list(self, message: SearchBar.Left) -> None:
        message.stop()
        self.action_to_list()

    def action_back(self) -> None:
        """One level back: completions, filters, detail, search line are left, marks and the query cleared."""
        if self.bar.close_completions() or (self.focused is self.records and self.unmark()):
            return
        if self.has_class("-filters") and not self.bar.is_typing:
            self.close_filters()
        elif self.focused is not self.records and not self.has_class("-nothing"):
            self.action_to_list()
        elif self.bar.is_typing and not self.bar.question.query:
            self.set_focus(None)
        elif not self.bar.clear():
            self.say("this is the first screen; ctrl+q quits", "note")

    @on(RecordList.Chosen)
    def _opened(self, message: RecordList.Chosen) -> None:
        message.stop()
        if self.size.width >= WIDE:
            self.detail.focus_text()
            return
        from tui_registry.tui.browse.detail_screen import DetailScreen

        if self.ref is not None:
            self.open_screen(DetailScreen(self.ref))

    async def action_sync(self) -> None:
        await self.app.run_action("mode('sync')")

    def on_screen_resume(self) -> None:
        self.refresh_footer()
