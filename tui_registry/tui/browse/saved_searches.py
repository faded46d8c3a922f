"""Searches with names: save one, ask one again, forget one."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from tui_registry.errors import RegistryError
from tui_registry.text import safe_text
from tui_registry.tui.browse.marked_records import MarkedRecords
from tui_registry.tui.kit.messages import Done, Failed

if TYPE_CHECKING:
    from tui_registry.tui.browse.search_bar import SearchBar


class SearchesRead(Message):
    """The saved searches by name, and the queries last asked."""

    def __init__(self, saved: dict[str, str], past: list[str]) -> None:
        super().__init__()
        self.saved = saved
        self.past = past


class NameRefused(Message):
    """A search was not saved, for its name."""

    def __init__(self, name: str, query: str, sentence: str) -> None:
        super().__init__()
        self.name = name
        self.query = query
        self.sentence = sentence


class SavedSearches(MarkedRecords):
    """A screen with a search line whose query can be kept under a name."""

    @property
    @abstractmethod
    def bar(self) -> SearchBar:
        """The search line."""

    def action_save_search(self) -> None:
        query = self.bar.question.query.strip()
        if query:
            self._ask_name(query)
        else:
            self.say("there is no search to save: type one after /", "problem")

    def _ask_name(self, query: str, name: str = "", wrong: str = "") -> None:
        from tui_registry.tui.kit.dialogs import AskScreen

        def answered(name: str | None) -> None:
            if name:
                self._save_search(name.removeprefix("@"), query)

        self.open_screen(
            AskScreen(
                "A name for this search",
                name,
                wrong=wrong,
                placeholder="small-llms",
                detail=f"{safe_text(query, 300)}\nIt becomes @name in a search; the same name again replaces it.",
            ),
            answered,
            later=bool(wrong),
        )

    @work(thread=True, group="write")
    def _save_search(self, name: str, query: str) -> None:
        try:
            self.datastore.searches.save(name, query)
        except RegistryError as error:
            if error.code == "bad_search_name":
                self.post_message(NameRefused(name, query, error.sentence))
            else:
                self.post_message(Failed(f"this search is not saved: {error.sentence}"))
        else:
            self.post_message(Done(f"saved: @{name} in the search line, or @ for the list"))

    @on(NameRefused)
    def _ask_another_name(self, message: NameRefused) -> None:
        self._ask_name(message.query, message.name, message.sentence)

    def action_searches(self) -> None:
        self._read_searches()

    @work(thread=True, exclusive=True, group="searches")
    def _read_searches(self) -> None:
        try:
            self.post_message(SearchesRead(self.datastore.searches.saved(), self.datastore.searches.history(20)))
        except RegistryError as error:
            self.post_message(Failed(error.sentence))

    @on(SearchesRead)
    def _show_searches(self, message: SearchesRead) -> None:
        if not message.saved and not message.past:
            self.say("no search is saved yet: ctrl+s saves the one in the search line", "note")
            return

        from tui_registry.tui.browse.searches import SearchesScreen

        def answered(query: str | None) -> None:
            if query is not None:
                self.bar.ask(query)

        self.open_screen(SearchesScreen(message.saved, message.past, self._forget_search), answered)

    @work(thread=True, group="write")
    def _forget_search(self, name: str) -> None:
        try:
            self.datastore.searches.drop(name)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
        else:
            self.post_message(Done(f"forgot @{name}"))
