"""Several records at once: those that are marked in the list are copied and deleted together."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on, work
from textual.message import Message
from textual.worker import get_current_worker

from tui_registry.datastore import Entry, Row
from tui_registry.errors import RegistryError
from tui_registry.text import exact
from tui_registry.tui.browse.new_records import NewRecords
from tui_registry.tui.browse.record_list import RecordList
from tui_registry.tui.browse.record_screen import name_of
from tui_registry.tui.kit.facts import Tone
from tui_registry.tui.kit.messages import Done, Failed

_MOST_NAMED = 8


class MarkedForCopy(Message):
    """The marked records as they are now, to copy."""

    def __init__(self, entries: list[Entry]) -> None:
        super().__init__()
        self.entries = entries


class MarkedForDelete(MarkedForCopy):
    """The marked records as they are now, to ask about."""


class MarkedDeleted(Message):
    """These records are deleted; the sentence says why others are not."""

    def __init__(self, ids: list[str], failure: str) -> None:
        super().__init__()
        self.ids = ids
        self.failure = failure


class MarkedRecords(NewRecords):
    """A screen with a list in which records can be marked. Without any, actions are about the one under the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._own_hint: tuple[str, Tone] = ("", "note")

    @property
    def _marked(self) -> list[Row]:
        return list(self.query_one(RecordList).marked.values())

    @on(RecordList.Marked)
    def _marks_changed(self, message: RecordList.Marked) -> None:
        message.stop()
        self.hint(*self._own_hint)

    def hint(self, text: str, tone: Tone = "note") -> None:
        """While records are marked, how many stands where the hint was."""
        self._own_hint = (text, tone)
        count = len(self._marked)
        if count:
            text, tone = f"{exact(count)} marked: y copies them, d deletes those of yours, esc unmarks them", "note"
        super().hint(text, tone)

    def unmark(self) -> bool:
        """Take all marks away; False when there are none."""
        return self.query_one(RecordList).unmark()

    def action_copy(self) -> None:
        if self._marked:
            self._read_marked(self._marked, MarkedForCopy)
        else:
            super().action_copy()

    def action_delete(self) -> None:
        if self._marked:
            self._read_marked(self._marked, MarkedForDelete)
        else:
            super().action_delete()

    @work(thread=True, exclusive=True, group="action")
    def _read_marked(self, rows: Sequence[Row], purpose: type[MarkedForCopy]) -> None:
        worker = get_current_worker()
        entries = []
        try:
            for row in rows:
                if worker.is_cancelled:
                    return
                entry = self.datastore.entry(row.id, row.kind)
                if entry is not None:
                    entries.append(entry)
        except RegistryError as error:
            self.post_message(Failed(error.sentence))
            return
        self.post_message(purpose(entries))

    @on(MarkedForCopy)
    def _copy_marked(self, message: MarkedForCopy) -> None:
        if not isinstance(message, MarkedForDelete):
            self.ask_what_to_copy(message.entries)

    @on(MarkedForDelete)
    def _ask_to_delete_marked(self, message: MarkedForDelete) -> None:
        mine = [entry for entry in message.entries if entry.mine]
        others = len(message.entries) - len(mine)
        if not mine:
            self.say("none of the marked records is yours to delete", "problem")
            return
        from tui_registry.tui.kit.dialogs import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete_marked(mine)

        named = "\n".join(f"{entry.kind} {name_of(entry)}" for entry in mine[:_MOST_NAMED])
        if len(mine) > _MOST_NAMED:
            named += f"\nand {exact(len(mine) - _MOST_NAMED)} more"
        if others:
            named += f"\n{exact(others)} marked of other owners: not deleted"
        self.open_screen(
            ConfirmScreen(f"Delete {_records(len(mine))} of yours?", named, yes="Delete", no="Keep"), answered
        )

    @work(thread=True, group="write")
    def _delete_marked(self, entries: Sequence[Entry]) -> None:
        deleted, failure = [], ""
        for entry in entries:
            try:
                self.datastore.delete(entry.kind, entry.id, entry.heads)
            except RegistryError as error:
                failure = failure or error.sentence
            else:
                deleted.append(entry.id)
        self.post_message(MarkedDeleted(deleted, failure))

    @on(MarkedDeleted)
    def _marked_deleted(self, message: MarkedDeleted) -> None:
        self.query_one(RecordList).unmark(message.ids)
        sentence = f"deleted {_records(len(message.ids))}"
        if message.failure:
            self.say(f"{sentence}, not the others: {message.failure}", "problem")
        else:
            self.say(f"{sentence}: U brings the last one back", "done")
        self.host.look()
        self.wrote(Done(sentence))


def _records(count: int) -> str:
    return f"{exact(count)} record{'' if count == 1 else 's'}"
