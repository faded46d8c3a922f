"""What was found in a source, to open one by one as drafts, or to register what has no problems at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import DataTable, Static

from tui_registry.errors import RegistryError
from tui_registry.text import exact, safe_text
from tui_registry.tui.imports.importing import Survey, reason, register_all, take_operations
from tui_registry.tui.kit.actions import Where, bindings_for
from tui_registry.tui.kit.confirm import ConfirmScreen
from tui_registry.tui.kit.frame_screen import FrameScreen
from tui_registry.tui.register.saved import Saved

_COLUMNS = (("NAME", 30), ("KIND", 5), ("STATE", 14))


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

    class Registered(Message):
        """What was registered: the ids by place, why others were refused, and what stopped it, if anything did."""

        def __init__(self, ids: dict[int, str], refused: dict[int, str], failure: str = "") -> None:
            super().__init__()
            self.ids = ids
            self.refused = refused
            self.failure = failure

    class Taken(Message):
        """Operations were stored; or not, and the sentence says why."""

        def __init__(self, sentence: str, *, failed: bool) -> None:
            super().__init__()
            self.sentence = sentence
            self.failed = failed

    def __init__(self, found: Survey) -> None:
        super().__init__()
        self._found = found
        self._ids: dict[int, str] = {}
        self._refused: dict[int, str] = {}
        # Of findings that were opened and left, the draft with what was typed
        self._drafts: dict[int, str] = {}
        self._last: str | None = None
        self._busy = False

    def compose_body(self) -> Iterable[Widget]:
        yield DataTable[Text](cursor_type="row", zebra_stripes=False)
        yield Static(id="finding")

    def on_mount(self) -> None:
        super().on_mount()
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
            self._ask_operations()

    # ---- what people do

    def action_open(self) -> None:
        """Open the finding under the cursor as a draft."""
        place = self._place
        candidate = None if place is None else self._found.candidates[place]
        if place is None or candidate is None:
            return
        if candidate.record is None or place in self._ids:
            words = "registered already" if place in self._ids else f"cannot be opened: {reason(candidate)}"
            self.say(f"{candidate.name or safe_text(candidate.source, 60)} {words}", "problem")
            return
        from tui_registry.tui.register.register_screen import RegisterScreen

        form = RegisterScreen(candidate.kind or "model", imported=candidate, draft_key=self._drafts.get(place))

        def left(saved: Saved | None) -> None:
            self._drafts.pop(place, None)
            if saved is not None:
                self._mark(place, saved.id)
            elif form.ready and not form.done:
                self._drafts[place] = form.key
            self._show_state(place)

        self.open_screen(form, left)

    def action_register_all(self) -> None:
        """Register what has no problems, after a question."""
        places = [place for place, one in enumerate(self._found.candidates) if one.ready and self._is_open(place)]
        if self._busy:
            return
        if not places:
            self.say(self._why_none(), "problem")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._busy = True
                self.say("registering …")
                self._register(places)

        rest = len(self._found.candidates) - len(places) - len(self._ids)
        detail = f"{exact(rest)} others have problems or are here already: they stay in the list." if rest else ""
        question = f"Register {exact(len(places))} record{'' if len(places) == 1 else 's'}, signed by your key?"
        self.open_screen(ConfirmScreen(question, detail, yes="Register", no="Not yet"), answered)

    def _why_none(self) -> str:
        """Why nothing can be registered at once, and what can be done about it."""
        left = [one for place, one in enumerate(self._found.candidates) if place not in self._ids]
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
        lines = [safe_text(candidate.source, 300), reason(candidate), *notes]
        self.query_one("#finding", Static).update(Content("\n".join(line for line in lines if line)))

    # ---- writing, in threads

    @work(thread=True, group="write")
    def _register(self, places: list[int]) -> None:
        ids: dict[int, str] = {}
        refused: dict[int, str] = {}
        candidates = [self._found.candidates[place] for place in places]
        try:
            for place, outcome in zip(places, register_all(self.datastore, candidates), strict=True):
                if isinstance(outcome, RegistryError):
                    refused[place] = outcome.sentence
                else:
                    ids[place] = outcome
        except RegistryError as error:
            self.post_message(self.Registered(ids, refused, error.sentence))
        else:
            self.post_message(self.Registered(ids, refused))

    @on(Registered)
    def _registered(self, message: Registered) -> None:
        self._busy = False
        self._refused.update(message.refused)
        for place, record_id in message.ids.items():
            self._mark(place, record_id)
        for place in message.refused:
            self._show_state(place)
        first_refusal = next(iter(message.refused.values()), "")
        words = f"registered {_records(len(message.ids))}"
        trouble = message.failure or first_refusal
        self.say(f"{words}; {trouble}" if trouble else words, "problem" if trouble else "done")
        self.host.look()

    def _ask_operations(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._take()
            elif not self._found.candidates:
                self.dismiss(None)

        files = ", ".join(safe_text(str(one.path), 100) for one in self._found.operations[:3])
        detail = f"{files}\nThey are checked one by one, as those of a peer are."
        question = ConfirmScreen("Take in operations that are signed already?", detail)
        self.open_screen(question, answered, later=True)

    @work(thread=True, group="write")
    def _take(self) -> None:
        try:
            sentence = take_operations(self.datastore, self._found.operations)
        except RegistryError as error:
            self.post_message(self.Taken(error.sentence, failed=True))
        else:
            self.post_message(self.Taken(sentence, failed=False))

    @on(Taken)
    def _taken(self, message: Taken) -> None:
        self.say(message.sentence, "problem" if message.failed else "done")
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
        """The part of a source that tells it from the others."""
        base = str(Path(self._found.source).expanduser()) if "://" not in self._found.source else self._found.source
        rest = source.removeprefix(base).lstrip("/")
        # Of a file of many, its name and the place in it
        return rest if rest and rest[0] not in "[:" else source.rpartition("/")[2]

    def _mark(self, place: int, record_id: str) -> None:
        self._ids[place] = self._last = record_id
        self._refused.pop(place, None)
        self._show_state(place)
        self.hint(self._summary())

    def _show_state(self, place: int) -> None:
        self._table.update_cell(str(place), "STATE", Text(self._state(place), no_wrap=True))

    def _state(self, place: int) -> str:
        candidate = self._found.candidates[place]
        if place in self._ids:
            return "✓ registered"
        if place in self._refused:
            return "✗ refused"
        if candidate.record is None:
            return "✗ unreadable"
        if place in self._drafts:
            return "draft kept"
        if candidate.here:
            return "here already"
        errors = len(candidate.errors)
        return f"✗ {errors} problem{'' if errors == 1 else 's'}" if errors else "ready"

    def _is_open(self, place: int) -> bool:
        """Whether nothing became of a finding yet: not registered, and no draft in which it was changed."""
        return place not in self._ids and place not in self._drafts

    def _summary(self) -> str:
        ready = sum(one.ready and self._is_open(place) for place, one in enumerate(self._found.candidates))
        parts = [f"{exact(len(self._found.candidates))} found", f"{exact(ready)} ready"]
        parts += [f"{exact(self._found.passed)} files describe nothing"] if self._found.passed else []
        parts += ["there are more: tui-registry import takes all"] if self._found.cut else []
        return ", ".join(parts)


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{exact(count)} records"
