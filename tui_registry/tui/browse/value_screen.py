"""The question for one value that several records are to get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import bindings_for, key_of
from tui_registry.tui.kit.dialogs import Dialog
from tui_registry.tui.kit.flows import flow
from tui_registry.tui.register.inputs import SafeInput, move_by_arrows


class ValueScreen(Dialog[str]):
    """A value that several records are to get, which the rules have nothing against."""

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
        wrong: Callable[[str], str],
    ) -> None:
        """
        Args:
            offered: whole texts that could be meant by what is typed. In a thread.
            wrong: what is wrong with a text; empty where nothing is. In a thread.
        """
        super().__init__(question, detail)
        self._placeholder = placeholder
        self._offered = offered
        self._wrong = wrong
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

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed = event.value
        self._look()

    @flow(group="offers", exclusive=True, background=True)
    async def _look(self) -> None:
        await self._show_offers()
        self._tell(await self.read(self._wrong, self._typed) if self._typed.strip() else "")

    async def _show_offers(self) -> None:
        typed = self._typed
        found = await self.read(self._offered, typed)
        if typed == self._typed and found != self._offers:
            self._offers = found
            shown = self.query_one(OptionList)
            shown.clear_options()
            shown.add_options(Option(Content(safe_text(offer, 100))) for offer in found)
            shown.highlighted = None

    @flow
    async def action_complete(self) -> None:
        """Put the offer under the cursor, or else the first, into the line."""
        await self._show_offers()
        if self._offers:
            line = self.query_one(SafeInput)
            line.value = self._offers[self.query_one(OptionList).highlighted or 0]
            line.cursor_position = len(line.value)
            line.focus()

    def on_key(self, event: events.Key) -> None:
        move_by_arrows(event, self.query_one(OptionList))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        at = self.query_one(OptionList).highlighted
        self._take(event.value if at is None else self._offers[at])

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(self._offers[event.option_index])

    @flow
    async def _take(self, text: str) -> None:
        wrong = await self.read(self._wrong, text.strip())
        if wrong:
            self._tell(wrong)
        else:
            self.dismiss(text.strip())

    def _tell(self, words: str) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(words, 300)))
