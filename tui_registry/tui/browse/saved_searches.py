"""Searches with names, and the last ones: save one, ask one again, forget one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_registry.errors import RegistryError
from tui_registry.text import safe_text
from tui_registry.tui.browse.search_bar import SearchBar
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.dialogs import AskScreen, ConfirmScreen, Dialog
from tui_registry.tui.kit.flows import FlowScreen, Part, flow


class SavedSearches(Part):
    """Searches with names: save the one in the search line, ask one again, forget one."""

    def __init__(self, screen: FlowScreen[None], bar: SearchBar) -> None:
        super().__init__(screen)
        self._bar = bar

    @flow(writes=True)
    async def action_save_search(self) -> None:
        query = self._bar.question.query.strip()
        if not query:
            self.say("there is no search to save: type one after /", "problem")
            return
        name = wrong = ""
        while True:
            detail = f"{safe_text(query, 300)}\nIt becomes @name in a search; the same name again replaces it."
            question = AskScreen("A name for this search", name, wrong=wrong, placeholder="small-llms", detail=detail)
            answer = await self.ask(question, later=bool(wrong))
            if not answer:
                return
            name = answer.removeprefix("@")
            before = (await self.read(self.datastore.searches.saved)).get(name, query)
            if before != query and not await self.ask(_question_before_replacing(name, before)):
                self.say(f"not saved: @{name} stays what it was", "note")
                return
            try:
                await self.write(self.datastore.searches.save, name, query)
            except RegistryError as error:
                if error.code != "bad_search_name":
                    self.say(f"this search is not saved: {error.sentence}", "problem")
                    return
                wrong = error.sentence
            else:
                self._done(f"saved: @{name} in the search line, or @ for the list")
                return

    @flow
    async def action_searches(self) -> None:
        saved = await self.read(self.datastore.searches.saved)
        past = await self.read(self.datastore.searches.history, 20)
        if not saved and not past:
            self.say(f"no search is saved yet: {key_of('browse.save_search')} saves the one in the search line", "note")
            return
        query = await self.ask(SearchesScreen(saved, past, self._forget))
        if query is not None:
            self._bar.ask(query)

    @flow(background=True)
    async def _forget(self, name: str) -> None:
        await self.write(self.datastore.searches.drop, name)
        self._done(f"forgot @{name}")

    def _done(self, sentence: str) -> None:
        self.say(sentence, "done")
        self.screen.host.look()


class SearchesScreen(Dialog[str]):
    """The query of what was chosen: `@name` of a saved search, or one of the last ones; None when closed."""

    AUTO_FOCUS = "OptionList"
    BINDINGS = bindings_for("searches")

    def __init__(self, saved: dict[str, str], past: list[str], forget: Callable[[str], object]) -> None:
        super().__init__("Searches", "Delete forgets a saved one" if saved else "")
        self._rows = [(f"@{name}", query) for name, query in saved.items()] + [(query, "") for query in past]
        self._forget = forget

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(
                Option(
                    Content.assemble(
                        (safe_text(query, 100), "bold" if note else ""),
                        (f"  {safe_text(note, 100)}" if note else "", "$foreground-muted"),
                    )
                )
                for query, note in self._rows
            )
        )

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(self._rows[message.option_index][0])

    @flow(writes=True)
    async def action_forget(self) -> None:
        """Forget the saved search under the cursor, after a question."""
        options = self.query_one(OptionList)
        place = options.highlighted
        if place is None or not self._rows[place][1]:
            return
        name, query = self._rows[place]
        question = ConfirmScreen(f"Forget the search {name}?", query, yes="Forget", no="Keep", for_good=True)
        if await self.ask(question):
            del self._rows[place]
            options.remove_option_at_index(place)
            self._forget(name.removeprefix("@"))


def _question_before_replacing(name: str, query: str) -> ConfirmScreen:
    return ConfirmScreen(f"Replace the search @{name}?", f"It is now: {query}", yes="Replace", no="Keep", for_good=True)
