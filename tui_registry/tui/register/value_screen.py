"""The question for one value that several are to get: records in Browse, or findings of an import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.frozen import NamedTuple
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.dialogs import Choice, ChooseScreen, Dialog, write_into
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.register.form_fields import OTHER
from tui_registry.tui.register.inputs import SafeInput, move_by_arrows


class Fault(NamedTuple):
    """What is wrong with a text.

    Attributes:
        error: it keeps the text from being taken.
        instead: texts that would be right.
    """

    sentence: str
    error: bool = True
    instead: tuple[str, ...] = ()


class ValueScreen(Dialog[str]):
    """Answers with a text that the rules have nothing against."""

    AUTO_FOCUS = "SafeInput"
    # Where there is little room, what is offered stays in sight
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-high")]  # noqa: RUF012 - as Textual has it
    BINDINGS = bindings_for("mending")

    def __init__(
        self,
        question: str,
        detail: str,
        placeholder: str,
        offered: Callable[[str], Sequence[str]],
        faults: Callable[[str], Sequence[Fault]],
        *,
        closed: bool = False,
    ) -> None:
        """
        Args:
            offered: whole texts that could be meant by what is typed. In a thread.
            faults: what is wrong with a text, the worst first. In a thread.
            closed: one of what is offered is meant, the first until another one is chosen.
        """
        super().__init__(question, detail)
        self._placeholder = placeholder
        self._offered = offered
        self._faults = faults
        self._is_closed = closed
        self._offers: Sequence[str] = ()
        self._typed = ""

    def compose_answers(self) -> Iterable[Widget]:
        yield SafeInput(placeholder=self._placeholder)
        yield Static(classes="wrong")
        yield OptionList()
        tab, back = key_of("mending.complete"), key_of("dialog.back")
        keys = f"{tab} completes, enter goes on, {back} goes back; nothing is signed yet"
        yield Static(Content(keys), classes="keys")

    def on_mount(self) -> None:
        self._look()

    # ---- typing and choosing

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed = event.value
        self._look()

    @flow(group="offers", exclusive=True, background=True)
    async def _look(self) -> None:
        """Offer what could be meant, and say what is wrong with what is typed."""
        await self._show_offers()
        meant = self._typed.strip() if not self._is_closed else ""
        self._tell(await self.read(self._faults, meant) if meant else ())

    async def _show_offers(self) -> None:
        typed = self._typed
        found = await self.read(self._offered, typed)
        if typed == self._typed and found != self._offers:
            self._offers = found
            shown = self.query_one(OptionList)
            shown.clear_options()
            shown.add_options(Option(Content(_words(offer))) for offer in found)
            shown.highlighted = 0 if found and self._is_closed else None

    @flow
    async def action_complete(self) -> None:
        """Put the offer under the cursor, or else the first, into the line."""
        await self._show_offers()
        if self._offers:
            self._write(self._offers[self.query_one(OptionList).highlighted or 0].removeprefix(OTHER))

    @flow
    async def action_take_suggestion(self) -> None:
        """Put what a problem says to write into the line; of several the person chooses."""
        said = await self.read(self._faults, self._typed.strip())
        fault = next((one for one in said if one.instead), None)
        if fault is None:
            self._tell([*said, Fault("no problem says what to write in its place", error=False)])
            return
        text = fault.instead[0]
        if len(fault.instead) > 1:
            choices = [Choice(str(number), each, each) for number, each in enumerate(fault.instead[:9], 1)]
            chosen = await self.ask(ChooseScreen("Which one?", choices, fault.sentence))
            if chosen is None:
                return
            text = chosen
        self._write(text)

    def _write(self, text: str) -> None:
        write_into(self.query_one(SafeInput), text)

    def on_key(self, event: events.Key) -> None:
        move_by_arrows(event, self.query_one(OptionList))

    # ---- answering

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._take_line()

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(self._offers[event.option_index])

    @flow
    async def _take_line(self) -> None:
        # The offers for the last key may still be on their way
        await self._show_offers()
        at = self.query_one(OptionList).highlighted
        await self._take_if_right(self._typed.strip() if at is None else self._offers[at])

    @flow
    async def _take(self, text: str) -> None:
        await self._take_if_right(text.strip())

    async def _take_if_right(self, text: str) -> None:
        said = await self.read(self._faults, text)
        if said and said[0].error:
            self._tell(said)
        else:
            self.dismiss(text)

    def _tell(self, said: Sequence[Fault]) -> None:
        words = ""
        if said:
            help_is_there = any(one.instead for one in said)
            key = f" ({key_of('mending.suggestion')} writes it)" if help_is_there else ""
            words = f"{'✗' if said[0].error else '!'} {safe_text(said[0].sentence, 300)}{key}"
        self.query_one(".wrong", Static).update(Content(words))


def _words(offer: str) -> str:
    return safe_text(f"Other: {offer.removeprefix(OTHER)}" if offer.startswith(OTHER) else offer, 100)
