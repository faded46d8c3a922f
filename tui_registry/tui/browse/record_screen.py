"""What can be done with a record, wherever one is shown: edit, delete, copy, duplicate, name its owner."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from textual import on, work
from textual.worker import get_current_worker

from tui_registry.datastore import Entry
from tui_registry.errors import Kind, RegistryError
from tui_registry.text import address_short, safe_text
from tui_registry.tui.browse.detail_text import HISTORY_SHOWN, moment, number_of, text_of
from tui_registry.tui.browse.record_detail import RecordDetail
from tui_registry.tui.kit.copying import CopyingScreen
from tui_registry.tui.kit.messages import Done, EntryRead, Failed, HistoryRead

if TYPE_CHECKING:
    from tui_registry.tui.register.register_screen import Saved


class Ref(NamedTuple):
    """A record as a list knows it."""

    kind: Kind
    id: str
    name: str


class EntryForDelete(EntryRead):
    """The record as it is now, to ask about."""


class EntryForCopy(EntryRead):
    """The record as it is now, to copy."""


class EntryForEdit(EntryRead):
    """The record as it is now, to see whose it is."""


class EntryForOwner(EntryRead):
    """The record as it is now, to name its owner."""


class RecordScreen(CopyingScreen):
    """A screen with a record on it, and a `RecordDetail` that shows it."""

    @property
    @abstractmethod
    def ref(self) -> Ref | None:
        """The record that actions are about."""

    def record_saved(self, saved: Saved | None) -> None:
        """The form was left; `saved` names what it signed."""

    # Reading

    @work(thread=True, exclusive=True, group="entry")
    def read_entry(self, ref: Ref) -> None:
        """Read the record for the detail."""
        self._read_ref(ref, EntryRead)

    @work(thread=True, exclusive=True, group="action")
    def _read_for(self, ref: Ref, purpose: type[EntryRead]) -> None:
        self._read_ref(ref, purpose)

    def _read_ref(self, ref: Ref, message: type[EntryRead]) -> None:
        worker = get_current_worker()
        if worker.is_cancelled:
            return
        try:
            entry = self.datastore.entry(ref.id, ref.kind)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        if not worker.is_cancelled:
            self.post_message(message(ref.id, entry))

    @on(RecordDetail.HistoryWanted)
    def _history_wanted(self, message: RecordDetail.HistoryWanted) -> None:
        message.stop()
        self._read_history(message.entry.id)

    @work(thread=True, exclusive=True, group="history")
    def _read_history(self, record_id: str) -> None:
        worker = get_current_worker()
        try:
            history = self.datastore.history(record_id, limit=HISTORY_SHOWN + 1)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        if not worker.is_cancelled:
            self.post_message(HistoryRead(record_id, history))

    @on(HistoryRead)
    def _show_history(self, message: HistoryRead) -> None:
        self.query_one(RecordDetail).show_history(message.record_id, message.history)

    # Acting

    def _with_entry(self, purpose: type[EntryRead]) -> None:
        ref = self.ref
        if ref is None:
            self.say("no record under the cursor", "problem")
        else:
            self._read_for(ref, purpose)

    def action_next_tab(self) -> None:
        self.query_one(RecordDetail).turn(1)

    def action_previous_tab(self) -> None:
        self.query_one(RecordDetail).turn(-1)

    def action_edit(self) -> None:
        self._with_entry(EntryForEdit)

    def action_delete(self) -> None:
        self._with_entry(EntryForDelete)

    def action_copy(self) -> None:
        self._with_entry(EntryForCopy)

    def action_name_owner(self) -> None:
        self._with_entry(EntryForOwner)

    def action_duplicate(self) -> None:
        if self.ref is not None:
            self._duplicate(self.ref.kind, self.ref.id)

    def _there(self, entry: Entry | None) -> Entry | None:
        """The entry, or None and a word about it when the record is gone."""
        if entry is None:
            self.say("this record was deleted meanwhile", "problem")
        return entry

    @on(EntryForEdit)
    def _edit(self, message: EntryForEdit) -> None:
        entry = self._there(message.entry)
        if entry is None:
            return
        if not entry.mine:
            self._offer_duplicate(entry, "edited")
            return
        from tui_registry.tui.register.register_screen import RegisterScreen

        self.open_screen(RegisterScreen(entry.kind, record_id=entry.id), self.record_saved)

    def _offer_duplicate(self, entry: Entry, deed: str) -> None:
        from tui_registry.tui.kit.dialogs import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._duplicate(entry.kind, entry.id)

        self.open_screen(
            ConfirmScreen(
                f"{name_of(entry)} belongs to {self._owner_in_words(entry)}",
                f"A record can be {deed} only by the key that signed it. You can start a new record of yours from it.",
                yes="Duplicate as new",
                no="Back",
            ),
            answered,
        )

    def _duplicate(self, kind: Kind, record_id: str) -> None:
        from tui_registry.tui.register.register_screen import RegisterScreen

        self.open_screen(RegisterScreen(kind, duplicate_of=record_id), self.record_saved)

    def _owner_in_words(self, entry: Entry) -> str:
        owner = text_of(entry.record["owner_id"])
        return f"{entry.owner_name} ({address_short(owner)})" if entry.owner_name else address_short(owner)

    @on(EntryForDelete)
    def _ask_to_delete(self, message: EntryForDelete) -> None:
        entry = self._there(message.entry)
        if entry is None:
            return
        if not entry.mine:
            self._offer_duplicate(entry, "deleted")
            return
        from tui_registry.tui.kit.dialogs import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete(entry)

        updated = moment(number_of(entry.record["updated_at"]), self.host.now())
        both = f"\n{len(entry.live_heads)} versions are live; all are deleted." if len(entry.live_heads) > 1 else ""
        self.open_screen(
            ConfirmScreen(
                f"Delete the {entry.kind} {name_of(entry)} {text_of(entry.record['version'])}?",
                f"{entry.id}\nupdated {updated}{both}\n"
                "Replicas that pull from you will see it deleted; its history stays readable.",
                yes="Delete",
                no="Keep",
            ),
            answered,
        )

    @work(thread=True, group="write")
    def _delete(self, entry: Entry) -> None:
        try:
            self.datastore.delete(entry.kind, entry.id, entry.heads)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
        else:
            self.post_message(Done(f"deleted {entry.kind} {name_of(entry)}: U brings it back", gone=entry.id))

    @on(EntryForCopy)
    def _ask_what_to_copy(self, message: EntryForCopy) -> None:
        entry = self._there(message.entry)
        if entry is not None:
            self.ask_what_to_copy([entry])

    @on(EntryForOwner)
    def _ask_owner_name(self, message: EntryForOwner) -> None:
        entry = self._there(message.entry)
        if entry is None:
            return
        from tui_registry.tui.kit.dialogs import AskScreen

        owner = text_of(entry.record["owner_id"])

        def answered(name: str | None) -> None:
            if name is not None and name != (entry.owner_name or ""):
                self._name_owner(owner, name)

        self.open_screen(
            AskScreen(
                f"A name of yours for the key {address_short(owner)}",
                entry.owner_name or "",
                placeholder="my-lab",
                detail=f"{owner}\nThe name stays on this machine. Compare the address with its owner first.",
            ),
            answered,
        )

    @work(thread=True, group="write")
    def _name_owner(self, owner: str, name: str) -> None:
        try:
            self.datastore.names.set(owner, name)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
        else:
            self.post_message(Done(f"the key {address_short(owner)} is called {safe_text(name, 40)} here"))

    @on(Done)
    def _done(self, message: Done) -> None:
        self.say(message.sentence, "done")
        self.host.look()
        self.wrote(message)

    def wrote(self, message: Done) -> None:
        """A write went well; show what changed."""


def name_of(entry: Entry) -> str:
    """The record's name for a sentence: short, safe, quoted."""
    return f"“{safe_text(text_of(entry.record['name']), 60)}”"
