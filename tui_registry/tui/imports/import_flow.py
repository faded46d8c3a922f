"""Importing, from a source to records: a dialog for the source, then the form for one draft, or a list of several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.errors import RegistryError
from tui_registry.importers import is_address
from tui_registry.importers.formats import NAMES
from tui_registry.text import safe_text
from tui_registry.tui.imports.findings import SECONDS_BETWEEN_WORDS, FindingsScreen
from tui_registry.tui.imports.survey import Progress, remember, survey
from tui_registry.tui.kit.actions import bindings_for
from tui_registry.tui.kit.dialogs import Dialog, write_into
from tui_registry.tui.kit.flows import FlowScreen, flow, unwanted
from tui_registry.tui.kit.paths import PathOffer, common_start, in_words, offers
from tui_registry.tui.register.inputs import SafeInput, move_by_arrows
from tui_registry.tui.register.register_screen import RegisterScreen

Result = TypeVar("Result")
Answer = TypeVar("Answer")


async def import_records(screen: FlowScreen[Result]) -> str | None:
    """Ask over a screen for a source, and let what it holds be registered: one draft in the form, several from a list.

    Returns:
        The id of the record that was registered last, None when none was.
    """
    about = f"{NAMES}. Nothing is signed before you have seen it."
    question = "Import from a file, a folder or an address"
    source = SourceScreen(question, about, partial(survey, screen.datastore), takes_addresses=True)
    found = await screen.ask(source)
    if found is None:
        return None
    alone = found.alone
    if alone is None:
        return await screen.ask(FindingsScreen(found), later=True)
    saved = await screen.ask(RegisterScreen(alone.kind, imported=alone.candidate), later=True)
    if saved is None:
        return None
    alone.candidate.id = saved.id
    await screen.write(remember, screen.datastore, alone)
    return saved.id


class Find(Protocol):
    """Asks somebody for a source, over any screen; None where nobody answers, which is said then."""

    def __call__(self, screen: FlowScreen[Result], /) -> Awaitable[str | None]: ...


class SourceScreen(Dialog[Answer], Generic[Answer]):
    """Asks for a path, which Tab completes, or for an address, and answers with what is read there. An error stays in
    the dialog, with what was typed."""

    AUTO_FOCUS = "SafeInput"
    # Where there is little room, what is offered stays in sight
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS = bindings_for("import", "take")

    def __init__(
        self,
        question: str,
        about: str,
        read_it: Callable[[str, Callable[[], bool], Progress], Answer],
        *,
        placeholder: str = "path, or https://…",
        takes_addresses: bool = False,
        doing: tuple[str, str, str] = ("reading", "comparing", "reads it"),
        find: Find | None = None,
    ) -> None:
        """
        Args:
            find: asks elsewhere for a source, over this screen, where there is somebody to ask.
            doing: what is done with the path while one waits, before it is known how much that is and since, and what
                Enter does.
            read_it: reads a source, in a thread; it asks now and then whether it is unwanted by now, and tells how far
                it is. What it raises as a RegistryError is said.
        """
        super().__init__(question, about)
        self._read_it = read_it
        self._placeholder = placeholder
        self._takes_addresses = takes_addresses
        self._doing, self._counted, self._does = doing
        self._find = find
        self._typed = ""
        self._offers: Sequence[PathOffer] = ()
        self._reading = False

    def compose_answers(self) -> Iterable[Widget]:
        yield SafeInput(placeholder=self._placeholder)
        yield Static(classes="wrong")
        yield OptionList()
        yield Static(f"Tab completes, Enter {self._does}, Esc goes back", classes="keys")

    def on_mount(self) -> None:
        self._offer()

    # ---- completing

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed = event.value
        if not self._reading:
            self._tell("")
        self._offer()

    @flow(group="paths", exclusive=True, background=True)
    async def _offer(self) -> None:
        await self._show_offers()

    async def _show_offers(self) -> None:
        typed = self._typed
        is_path = not (self._takes_addresses and is_address(typed))
        found = await self.read(offers, typed) if is_path else []
        if typed != self._typed:
            return
        self._offers = found
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options(Option(in_words(offer)) for offer in found)
        shown.highlighted = None
        # An address is never completed, and a sentence about it may be long
        shown.display = is_path

    @flow
    async def action_find(self) -> None:
        """Put what others answer with into the line, where somebody can be asked."""
        if self._find is None:
            return
        self._tell("asking the local network: 3 s")
        found = await self._find(self)
        self._tell("" if found is not None else self.host.outcome.text)
        if found is not None:
            self._put(found)

    @flow
    async def action_complete(self) -> None:
        """Go on to what the offer under the cursor says, or as far as all of them agree."""
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self._put(self._offers[at].text)
            return
        # The offers for the last key may still be on their way
        await self._show_offers()
        text = common_start(self._offers)
        if len(text) > len(self._typed):
            self._put(text)

    def _put(self, text: str) -> None:
        write_into(self.query_one(SafeInput), text)

    def on_key(self, event: events.Key) -> None:
        move_by_arrows(event, self.query_one(OptionList))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(self._offers[event.option_index])

    def _take(self, offer: PathOffer) -> None:
        self._put(offer.text)
        if not offer.is_folder:
            self._begin(offer.text)

    # ---- reading

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._offers):
            self._take(self._offers[at])
        else:
            self._begin(event.value.strip())

    # In the background, so that Esc closes the dialog at once and ends the reading
    @flow(group="survey", background=True)
    async def _begin(self, source: str) -> None:
        if not source:
            self._tell(f"write where it is: a path such as ~/models{', or an address' * self._takes_addresses}")
        elif not self._reading:
            self._reading = True
            self._tell(f"{self._doing} …")
            progress = Progress()
            drawing = self.set_interval(
                SECONDS_BETWEEN_WORDS,
                lambda: self._tell(f"{progress.words(self._doing, self._counted)}, Esc stops it"),
            )
            try:
                self.dismiss(await self.read(self._read_it, source, unwanted(), progress))
            except RegistryError as error:
                self._tell(error.sentence)
            finally:
                drawing.stop()
                self._reading = False

    def _tell(self, words: str) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(words, 600)))
