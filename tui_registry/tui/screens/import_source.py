"""Which file, folder or address to import from: typed with completion, then read while this dialog stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import events, on, work
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from tui_registry.errors import RegistryError
from tui_registry.importers import is_address
from tui_registry.importers.formats import NAMES
from tui_registry.text import safe_text
from tui_registry.tui.actions import bindings_for
from tui_registry.tui.forms.inputs import SafeInput
from tui_registry.tui.host import host_of
from tui_registry.tui.importing import Survey, survey
from tui_registry.tui.paths import PathOffer, common_start, offers
from tui_registry.tui.screens.dialog import Dialog

_ABOUT = f"{NAMES}. Nothing is signed before you have seen it."


class ImportSource(Dialog[Survey]):
    """Answers with what the source holds. An error stays in the dialog, with what was typed."""

    AUTO_FOCUS = "SafeInput"
    BINDINGS = bindings_for("import")

    class Offered(Message):
        """What could complete a text."""

        def __init__(self, typed: str, found: list[PathOffer]) -> None:
            super().__init__()
            self.typed = typed
            self.found = found

    class Surveyed(Message):
        """The source was read, or it was not, and the sentence says why."""

        def __init__(self, found: Survey | None, sentence: str = "") -> None:
            super().__init__()
            self.found = found
            self.sentence = sentence

    def __init__(self) -> None:
        super().__init__("Import from a file, a folder or an address", _ABOUT)
        self._typed = ""
        self._offers: Sequence[PathOffer] = ()
        self._completing = self._reading = False

    def compose_answers(self) -> Iterable[Widget]:
        yield SafeInput(placeholder="path, or https://…")
        yield Static(classes="wrong")
        yield OptionList()
        yield Static("Tab completes, Enter reads it, Esc goes back", classes="keys")

    def on_mount(self) -> None:
        self._offer("")

    # ---- completing

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed = event.value
        if not self._reading:
            self._tell("")
        self._offer(event.value)

    @work(thread=True, group="paths")
    def _offer(self, typed: str) -> None:
        if typed == self._typed:
            self.post_message(self.Offered(typed, [] if is_address(typed) else offers(typed)))

    @on(Offered)
    def _show_offers(self, message: Offered) -> None:
        if message.typed != self._typed:
            return
        self._offers = message.found
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options(Option(_words(offer)) for offer in message.found)
        shown.highlighted = None
        if self._completing:
            self._complete()

    def action_complete(self) -> None:
        """Go on to what the offer under the cursor says, or as far as all of them agree."""
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self._put(self._offers[at].text)
            return
        # The offers for the last key may still be on their way
        self._completing = True
        self._offer(self._typed)

    def _complete(self) -> None:
        self._completing = False
        text = common_start(list(self._offers))
        if len(text) > len(self._typed):
            self._put(text)

    def _put(self, text: str) -> None:
        line = self.query_one(SafeInput)
        line.value = text
        line.cursor_position = len(text)
        line.focus()

    def on_key(self, event: events.Key) -> None:
        shown = self.query_one(OptionList)
        if event.key in ("up", "down") and not shown.has_focus:
            event.stop()
            if event.key == "down":
                shown.action_cursor_down()
            else:
                shown.action_cursor_up()

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

    def _begin(self, source: str) -> None:
        if not source:
            self._tell("write where it is: a path such as ~/models, or an address")
        elif not self._reading:
            self._reading = True
            self._tell("reading …")
            self._read(source)

    @work(thread=True, group="survey")
    def _read(self, source: str) -> None:
        worker = get_current_worker()
        try:
            found = survey(host_of(self).datastore, source, lambda: worker.is_cancelled)
        except RegistryError as error:
            self.post_message(self.Surveyed(None, error.sentence))
        else:
            if not worker.is_cancelled:
                self.post_message(self.Surveyed(found))

    @on(Surveyed)
    def _surveyed(self, message: Surveyed) -> None:
        self._reading = False
        if message.found is None:
            self._tell(message.sentence)
        else:
            self.dismiss(message.found)

    def _tell(self, words: str) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(words, 600)))


def _words(offer: PathOffer) -> Content:
    return Content.assemble(safe_text(offer.name, 100), ("/", "$text-accent") if offer.is_folder else "")
