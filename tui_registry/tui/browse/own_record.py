"""What can be done with a record of one's own beside editing it: its next version, undo, bringing it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from tui_registry.datastore import Entry
from tui_registry.errors import RegistryError
from tui_registry.text import safe_text
from tui_registry.tui.browse.detail_text import text_of
from tui_registry.tui.browse.record_screen import RecordScreen, name_of
from tui_registry.tui.kit.messages import Done, EntryRead, Failed

if TYPE_CHECKING:
    from tui_registry.datastore import Undo


class EntryForVersion(EntryRead):
    """The record as it is now, to make its next version."""


class UndoPlanned(Message):
    """What undoing would do, to ask about."""

    def __init__(self, undo: Undo) -> None:
        super().__init__()
        self.undo = undo


class OwnRecordScreen(RecordScreen):
    """A screen with a record on it that may be one's own."""

    # The next version

    def action_new_version(self) -> None:
        self._with_entry(EntryForVersion)

    @on(EntryForVersion)
    def _choose_version(self, message: EntryForVersion) -> None:
        entry = self._there(message.entry)
        if entry is None:
            return
        if not entry.mine:
            self._offer_duplicate(entry, "given a new version")
            return
        from tui_registry.tui.kit.dialogs import Choice, ChooseScreen
        from tui_registry.tui.register.next_version import next_versions

        now = text_of(entry.record["version"])
        steps = next_versions(now)
        if not steps:
            self.say(f"{safe_text(now, 40)} is not SemVer: write the next version yourself", "problem")
            self._edit_version(entry, None)
            return

        def answered(version: str | None) -> None:
            if version is not None:
                self._edit_version(entry, version)

        choices = [Choice(step.key, step.version, step.version, f"{step.name}: {step.says}") for step in steps]
        self.open_screen(ChooseScreen(f"The version after {safe_text(now, 40)} of {name_of(entry)}", choices), answered)

    def _edit_version(self, entry: Entry, version: str | None) -> None:
        from tui_registry.tui.register.register_screen import RegisterScreen

        self.open_screen(RegisterScreen(entry.kind, record_id=entry.id, version=version), self.record_saved)

    # Undo

    def action_undo(self) -> None:
        """Undo the last operation on the record that is shown, after a question."""
        ref = self.ref
        if ref is None:
            self.action_undelete()
        else:
            self._plan_undo(ref.id)

    def action_undelete(self) -> None:
        """Bring back what this replica's key deleted last, whenever that was, after a question."""
        self._plan_undelete()

    @work(thread=True, exclusive=True, group="action")
    def _plan_undelete(self) -> None:
        try:
            record_id = self.datastore.log.last_deleted()
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        if record_id is None:
            self.post_message(Failed("there is no deleted record of yours to bring back"))
        else:
            self._post_plan(record_id)

    @work(thread=True, exclusive=True, group="action")
    def _plan_undo(self, record_id: str) -> None:
        self._post_plan(record_id)

    def _post_plan(self, record_id: str) -> None:
        from tui_registry.datastore import plan_undo

        try:
            self.post_message(UndoPlanned(plan_undo(self.datastore, record_id)))
        except RegistryError as error:
            self.post_message(Failed(error.sentence))

    @on(UndoPlanned)
    def _ask_to_undo(self, message: UndoPlanned) -> None:
        from tui_registry.tui.browse.undoing import answer, detail, question
        from tui_registry.tui.kit.dialogs import ConfirmScreen

        undo = message.undo

        def answered(yes: bool | None) -> None:
            if yes:
                self._undo(undo)

        self.open_screen(ConfirmScreen(question(undo), detail(undo), yes=answer(undo), no="Back"), answered)

    @work(thread=True, group="write")
    def _undo(self, undo: Undo) -> None:
        from tui_registry.datastore import carry_out
        from tui_registry.tui.browse.undoing import done

        try:
            carry_out(self.datastore, undo)
        except RegistryError as error:
            self.post_message(Failed(f"not undone: {error.sentence}"))
        else:
            gone, back = (undo.id, None) if undo.then is None else (None, undo.id)
            self.post_message(Done(done(undo), gone=gone, select=back))
