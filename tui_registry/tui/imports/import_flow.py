"""Importing, from a source to records: a dialog for the source, then the form for one draft, or a list of several."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar, TypeVar

from rich.text import Text
from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.errors import RegistryError
from tui_registry.importers import is_address
from tui_registry.importers.formats import NAMES
from tui_registry.present.imports import registered_words, survey_words
from tui_registry.text import exact, safe_text
from tui_registry.tui.imports.survey import Survey, register_all, survey, take_operations
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.dialogs import ConfirmScreen, Dialog
from tui_registry.tui.kit.flows import FlowScreen, flow, unwanted
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.signing import sign
from tui_registry.tui.register.inputs import SafeInput, move_by_arrows
from tui_registry.tui.register.register_screen import RegisterScreen

Result = TypeVar("Result")

_COLUMNS = (("NAME", 30), ("KIND", 5), ("STATE", 14))
_SIGNS = {"registered": "✓ ", "failed": "✗ ", "invalid": "✗ "}
_ABOUT = f"{NAMES}. Nothing is signed before you have seen it."


async def import_records(screen: FlowScreen[Result]) -> str | None:
    """Ask over a screen for a source, and let what it holds be registered: one draft in the form, several from a list.

    Returns:
        The id of the record that was registered last, None when none was.
    """
    found = await screen.ask(ImportSource())
    if found is None:
        return None
    if len(found.candidates) > 1 or found.operations:
        return await screen.ask(FindingsScreen(found), later=True)
    (candidate,) = found.candidates
    saved = await screen.ask(RegisterScreen(candidate.kind or "model", imported=candidate), later=True)
    return None if saved is None else saved.id


class ImportSource(Dialog[Survey]):
    """Answers with what the source holds. An error stays in the dialog, with what was typed."""

    AUTO_FOCUS = "SafeInput"
    BINDINGS = bindings_for("import")

    def __init__(self) -> None:
        super().__init__("Import from a file, a folder or an address", _ABOUT)
        self._typed = ""
        self._offers: Sequence[PathOffer] = ()
        self._reading = False

    def compose_answers(self) -> Iterable[Widget]:
        yield SafeInput(placeholder="path, or https://…")
        yield Static(classes="wrong")
        yield OptionList()
        yield Static("Tab completes, Enter reads it, Esc goes back", classes="keys")

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
        found = [] if is_address(typed) else await self.read(offers, typed)
        if typed != self._typed:
            return
        self._offers = found
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options(Option(_words(offer)) for offer in found)
        shown.highlighted = None

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
        line = self.query_one(SafeInput)
        line.value = text
        line.cursor_position = len(text)
        line.focus()

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
            self._tell("write where it is: a path such as ~/models, or an address")
        elif not self._reading:
            self._reading = True
            self._tell("reading …")
            try:
                self.dismiss(await self.read(survey, self.datastore, source, unwanted()))
            except RegistryError as error:
                self._tell(error.sentence)
            finally:
                self._reading = False

    def _tell(self, words: str) -> None:
        self.query_one(".wrong", Static).update(Content(safe_text(words, 600)))


def _words(offer: PathOffer) -> Content:
    return Content.assemble(safe_text(offer.name, 100), ("/", "$text-accent") if offer.is_folder else "")


# A folder with more entries is looked at so far.
_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True)
class PathOffer:
    """One way to go on: the whole `text` for the field, and what `name` to show for it."""

    text: str
    name: str
    is_folder: bool


def offers(typed: str, most: int = 50) -> list[PathOffer]:
    """What the last part of a path could become: folders first, then files, by name; none where nothing is there.

    Hidden entries are offered once a dot was typed; names that no line of text can hold never are.
    """
    start = typed.rpartition("/")[2]
    before = typed[: len(typed) - len(start)]
    try:
        where = Path(before or ".").expanduser()
        with os.scandir(where) as entries:
            found = [
                PathOffer(f"{before}{entry.name}{'/' if is_folder else ''}", entry.name, is_folder)
                for entry in islice(entries, _LOOKED_AT)
                if entry.name.lower().startswith(start.lower())
                and (start.startswith(".") or not entry.name.startswith("."))
                and safe_text(entry.name) == entry.name
                for is_folder in (_is_folder(entry),)
            ]
    except (OSError, RuntimeError, ValueError):
        # Not there, not readable, no such user: nothing to offer, and reading it will say why
        return []
    found.sort(key=lambda offer: (not offer.is_folder, offer.name.lower(), offer.name))
    return found[:most]


def common_start(found: Sequence[PathOffer]) -> str:
    """The longest text that all offers begin with."""
    texts = [offer.text for offer in found]
    first, last = min(texts, default=""), max(texts, default="")
    # What the first and the last in order begin with, all between them do
    return first[
        : next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


class FindingsScreen(FrameScreen[str | None]):
    """Answers with the id of the record that was registered last, None when none was."""

    CSS_PATH: ClassVar[str] = "import.tcss"
    AUTO_FOCUS: ClassVar[str] = "DataTable"
    WHERE: ClassVar[tuple[Where, ...]] = ("findings",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "findings.open", "findings.register", "findings.down", "findings.back", "app.help", "app.palette", "app.quit",
    )  # fmt: skip
    HEADING: ClassVar[str] = "Import"

    def __init__(self, found: Survey) -> None:
        super().__init__()
        self._found = found
        # Of findings that were opened and left, the draft with what was typed
        self._drafts: dict[int, str] = {}
        self._last: str | None = None
        self._busy = False

    def compose_body(self) -> Iterable[Widget]:
        yield DataTable[Text](cursor_type="row", zebra_stripes=False)
        yield Static(id="finding")

    def on_mount(self) -> None:
        table = self._table
        used = sum(width + 2 for _, width in _COLUMNS)
        for title, width in (*_COLUMNS, ("WHERE", max(12, self.app.size.width - used - 3))):
            table.add_column(Text(title), key=title, width=width)
        for place, candidate in enumerate(self._found.candidates):
            name = safe_text(candidate.name, 30) or "-"
            cells = (name, candidate.kind or "-", self._state(place), safe_text(self._where(candidate.source), 200))
            table.add_row(*(Text(cell, no_wrap=True) for cell in cells), key=str(place))
        self.hint(self._summary())
        if self._found.operations:
            self._take_operations()

    # ---- what people do

    @flow
    async def action_open(self) -> None:
        """Open the finding under the cursor as a draft."""
        place = self._place
        if place is None:
            return
        candidate = self._found.candidates[place]
        if candidate.record is None or candidate.status == "registered":
            words = "registered already" if candidate.record is not None else f"cannot be opened: {candidate.reason}"
            self.say(f"{candidate.name or safe_text(candidate.source, 60)} {words}", "problem")
            return
        form = RegisterScreen(candidate.kind or "model", imported=candidate, draft_key=self._drafts.pop(place, None))
        saved = await self.ask(form)
        if saved is not None:
            candidate.end_in(saved.id)
            self._last = saved.id
        elif form.draft_left is not None:
            self._drafts[place] = form.draft_left
        self._show_state(place)

    @flow
    async def action_register_all(self) -> None:
        """Register what has no problems, after a question."""
        places = [place for place in range(len(self._found.candidates)) if self._can_register(place)]
        if self._busy:
            return
        if not places:
            self.say(self._why_none(), "problem")
            return
        registered = sum(one.status == "registered" for one in self._found.candidates)
        rest = len(self._found.candidates) - len(places) - registered
        detail = f"{exact(rest)} others have problems or are here already: they stay in the list." if rest else ""
        question = f"Register {_records(len(places))}, signed by your key?"
        if await self.ask(ConfirmScreen(question, detail, yes="Register", no="Not yet")):
            self._busy = True
            self.say("registering …")
            await self._register(places)
            self._busy = False

    async def _register(self, places: Sequence[int]) -> None:
        chosen = [self._found.candidates[place] for place in places]
        failure = await sign(self, register_all, self.datastore, self._found.source, chosen)
        ids = [one.id for one in chosen if one.status == "registered"]
        self._last = ids[-1] if ids else self._last
        for place in places:
            self._show_state(place)
        trouble = failure or next((one.reason for one in chosen if one.status in ("here", "failed")), "")
        self.say(registered_words(len(ids), trouble), "problem" if trouble else "done")
        self.host.look()

    def _why_none(self) -> str:
        """Why nothing can be registered at once, and what can be done about it."""
        left = [one for one in self._found.candidates if one.status != "registered"]
        if not left:
            return "all of them are registered already"
        if any(one.record is not None for one in left):
            return "nothing here can be registered as it is: Enter opens one to put it right"
        return "what is left cannot be read: why, stands below the list"

    def action_back(self) -> None:
        if self.host.outcome.tone == "problem":
            # It is about this list, and says nothing where there is none
            self.next_step()
        self.dismiss(self._last)

    def action_down(self) -> None:
        self._table.action_cursor_down()

    def action_up(self) -> None:
        self._table.action_cursor_up()

    def action_first(self) -> None:
        self._table.move_cursor(row=0)

    def action_last(self) -> None:
        self._table.move_cursor(row=self._table.row_count - 1)

    @on(DataTable.RowSelected)
    def _selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.action_open()

    @on(DataTable.RowHighlighted)
    def _moved(self) -> None:
        place = self._place
        if place is None:
            return
        candidate = self._found.candidates[place]
        notes = [safe_text(note, 300) for note in candidate.notes[:3]]
        lines = [safe_text(candidate.source, 300), candidate.reason, *notes]
        self.query_one("#finding", Static).update(Content("\n".join(line for line in lines if line)))

    @flow
    async def _take_operations(self) -> None:
        """Store the operations of others that were found, after a question."""
        files = ", ".join(safe_text(str(one.path), 100) for one in self._found.operations[:3])
        detail = f"{files}\nThey are checked one by one, as those of a peer are."
        if await self.ask(ConfirmScreen("Take in operations that are signed already?", detail), later=True):
            try:
                taken = await self.write(take_operations, self.datastore, self._found.operations)
                self.say(taken.sentence, "done")
            except RegistryError as error:
                self.say(error.sentence, "problem")
            self.host.look()
        if not self._found.candidates:
            self.dismiss(None)

    # ---- how

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one(DataTable)

    @property
    def _place(self) -> int | None:
        row = self._table.cursor_row
        return row if 0 <= row < len(self._found.candidates) else None

    def _where(self, source: str) -> str:
        """The part of a source that sets it apart from the others."""
        base = str(Path(self._found.source).expanduser()) if "://" not in self._found.source else self._found.source
        rest = source.removeprefix(base).lstrip("/")
        # Of a file of many, its name and the place in it
        return rest if rest and rest[0] not in "[:" else source.rpartition("/")[2]

    def _show_state(self, place: int) -> None:
        self._table.update_cell(str(place), "STATE", Text(self._state(place), no_wrap=True))
        self.hint(self._summary())

    def _state(self, place: int) -> str:
        candidate = self._found.candidates[place]
        if place in self._drafts:
            return "draft kept"
        return f"{_SIGNS.get(candidate.status, '')}{candidate.state}"

    def _can_register(self, place: int) -> bool:
        """Whether a finding has no problems and there is no draft in which it was changed."""
        return self._found.candidates[place].status in ("ready", "failed") and place not in self._drafts

    def _summary(self) -> str:
        ready = sum(map(self._can_register, range(len(self._found.candidates))))
        return survey_words(len(self._found.candidates), ready, self._found.passed, cut=self._found.cut)


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{exact(count)} records"
