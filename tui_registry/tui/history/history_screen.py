"""History: what happened in this replica, newest first, and records that are no more.

The last operation on a record of one's own can be undone; what one deleted oneself can be brought back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.datastore import Datastore, Entry, Operation, read_deleted
from tui_registry.errors import RegistryError
from tui_registry.present.amounts import moment
from tui_registry.present.deeds import by_whom, standing
from tui_registry.text import address_short, exact, safe_text
from tui_registry.tui import kit
from tui_registry.tui.browse import Change, DetailScreen, RecordActions, RecordDetail, Ref
from tui_registry.tui.history.operation_list import LogReading, LogSpan, OperationList, newest, read_log
from tui_registry.tui.kit.actions import Where, action, bindings_for
from tui_registry.tui.kit.copying import copy_records, copy_text
from tui_registry.tui.kit.flows import flow, unwanted
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.messages import ShowRecord


class HistoryScreen(FrameScreen[None]):
    """The operations of this replica's own key, or all of them."""

    CSS_PATH: ClassVar[str] = "history.tcss"
    AUTO_FOCUS: ClassVar[str] = "OperationList"
    HEADING: ClassVar[str] = "History"
    MODE: ClassVar[str] = "app.history"
    WHERE: ClassVar[tuple[Where, ...]] = ("history",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "list.open", "history.undo", "history.whose", "history.copy", "history.back", "app.help", "app.palette",
    )  # fmt: skip
    NOTHING: ClassVar[tuple[str, ...]] = ("history.whose", "history.back", "app.help", "app.palette", "app.quit")

    def __init__(self) -> None:
        super().__init__()
        self._record = RecordActions(self, lambda: self.ref, self._changed)
        self._mine = True
        self._seen_changes: int | None = None

    def compose_body(self) -> Iterable[Widget]:
        yield OperationList(id="operations")
        yield Static(id="no-operations")

    def on_mount(self) -> None:
        super().on_mount()
        self._seen_changes = None if self.host.facts is None else self.host.facts.changes
        self.watch(self.host, "facts", self._facts_read, init=False)
        self._list.show(whole=False)

    def footer_actions(self) -> tuple[str, ...]:
        return self.NOTHING if self.has_class("-nothing") else self.FOOTER

    @property
    def _list(self) -> OperationList:
        return self.query_one(OperationList)

    @property
    def ref(self) -> Ref | None:
        operation = self._list.item
        return None if operation is None else Ref(operation.kind, operation.id, operation.name)

    # Reading

    def _facts_read(self) -> None:
        facts = self.host.facts
        before, self._seen_changes = self._seen_changes, None if facts is None else facts.changes
        if before != self._seen_changes:
            self._list.read_again()

    @on(OperationList.Wanted)
    def _wanted(self, message: OperationList.Wanted) -> None:
        message.stop()
        self._read_log(message.serial, message.span)

    @flow(group="log", exclusive=True, background=True)
    async def _read_log(self, serial: int, span: LogSpan | None) -> None:
        try:
            readings = await self.read(_readings, self.datastore, span, unwanted(), mine=self._mine)
        except RegistryError:
            self._list.give_up()
            raise
        self._list.add(readings, serial)
        self._show_count()

    def _show_count(self) -> None:
        total = self._list.total
        self.note(f"{exact(total)} {'by your key' if self._mine else 'in all'}")
        had_nothing = self.has_class("-nothing")
        self.set_class(total == 0, "-nothing")
        if total == 0:
            self.query_one("#no-operations", Static).update(_nothing(self._mine))
            self.hint("")
        elif had_nothing:
            self._list.focus()
        self.refresh_footer()

    @on(OperationList.Highlighted)
    def _highlighted(self, message: OperationList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        operation = self._list.item
        self.hint("" if operation is None else self._in_words(operation))

    def _in_words(self, operation: Operation) -> str:
        """What the line of the list has no room for."""
        names = {} if self.host.facts is None else self.host.facts.owners
        who = by_whom(operation.actor, operation.mine, names)
        words = f"{operation.hash[:12]}… by {who}, {moment(operation.updated_at, self.host.now())}"
        if standing(operation) == "gone":
            return f"gone{': u brings it back' if operation.mine else ''} · {words}"
        return words

    # Actions

    def action_whose(self) -> None:
        """Between what this replica's key signed and what everybody did."""
        self.next_step()
        self._mine = not self._mine
        self._list.show(whole=not self._mine)

    @on(OperationList.Chosen)
    @flow
    async def _open(self, message: OperationList.Chosen) -> None:
        message.stop()
        ref = self.ref
        if ref is None:
            return
        is_there = await self.read(self.datastore.entry, ref.id, ref.kind) is not None
        await self.ask(DetailScreen(ref) if is_there else DeletedRecordScreen(ref))

    def action_undo(self) -> None:
        """Undo the operation under the cursor, after a question, where nothing was built upon it."""
        operation = self._list.item
        if operation is None:
            self.say("no operation under the cursor", "problem")
        elif not operation.mine:
            self.say(f"only the key that signed it, {address_short(operation.actor)}, can undo it", "problem")
        elif not operation.is_head:
            self.say("later operations build upon this one: the last one on the record can be undone", "problem")
        else:
            self._record.undo(operation.id)

    @flow
    async def action_copy(self) -> None:
        """Copy the record's id, the operation's hash or the operation itself, after a question."""
        operation = self._list.item
        if operation is None:
            self.say("no operation under the cursor", "problem")
            return
        question = kit.ChooseScreen(
            f"Copy of what was {operation.did}: “{safe_text(operation.name, 60)}”",
            [
                kit.Choice("i", "id", "the record's id", f"{operation.id[:12]}…"),
                kit.Choice("h", "hash", "the operation's hash", f"{operation.hash[:12]}…"),
                kit.Choice("o", "op", "the operation", "as it is signed and travels, with its signature"),
            ],
        )
        match await self.ask(question):
            case "id":
                await copy_text(self, operation.id, "the record's id")
            case "hash":
                await copy_text(self, operation.hash, "the operation's hash")
            case "op":
                (line,) = await self.read(self.datastore.log.by_hash, [operation.hash], 65_537)
                await copy_text(self, line.decode(), "the operation")

    def _changed(self, change: Change) -> None:  # noqa: ARG002 - the list shows the new operation
        self._list.read_again()

    @flow
    async def action_back(self) -> None:
        await self.app.run_action("mode('browse')")


class DeletedRecordScreen(FrameScreen[None]):
    """A record that is no more, as it was last, until it is left with Esc or brought back."""

    CSS_PATH: ClassVar[str] = "../browse/detail.tcss"
    AUTO_FOCUS: ClassVar[str] = "DetailBody"
    HEADING: ClassVar[str] = "Deleted record"
    MODE: ClassVar[str] = "app.history"
    WHERE: ClassVar[tuple[Where, ...]] = ("deleted",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "deleted.back", "deleted.undo", "deleted.next_tab", "deleted.copy", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self._ref = ref
        self._entry: Entry | None = None
        self.parts = (RecordActions(self, lambda: ref, self._changed),)

    def compose_body(self) -> Iterable[Widget]:
        yield RecordDetail(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._read()
        self.watch(self.host, "facts", self._read, init=False)

    @flow(group="entry", exclusive=True, background=True)
    async def _read(self) -> None:
        deleted = await self.read(read_deleted, self.datastore, self._ref.id)
        if deleted is None:
            self._show_what_is_back()
            return
        self._entry = deleted.entry
        self.query_one(RecordDetail).show(deleted.entry)
        when = moment(deleted.at, self.host.now())
        who = (
            "u brings it back"
            if deleted.entry.mine
            else f"only its owner {address_short(deleted.by)} can bring it back"
        )
        self.hint(f"deleted {when}: {who}", "note")

    def _show_what_is_back(self) -> None:
        if self.is_current:  # who has gone to another mode stays there
            self.app.post_message(ShowRecord(self._ref.id))
        self.dismiss(None)

    @flow
    async def action_copy(self) -> None:
        if self._entry is not None:
            await copy_records(self, [self._entry])

    def _changed(self, change: Change) -> None:
        if change.select == self._ref.id:
            self._show_what_is_back()

    def action_back(self) -> None:
        self.dismiss(None)


def _readings(
    datastore: Datastore, span: LogSpan | None, unwanted: Callable[[], bool], *, mine: bool
) -> list[LogReading]:
    return list(read_log(datastore, span or newest(datastore, mine=mine), unwanted, mine=mine))


def _nothing(mine: bool) -> Content:
    whose = action("history.whose").footer_key
    if not mine:
        return Content.assemble(("Nothing has happened in this replica yet.", "bold"))
    return Content.assemble(
        ("Your key has signed nothing yet.\n\n", "bold"),
        "  ", (whose, "bold $text-accent"), "  shows what others did\n",
        "  ", (action("app.register").footer_key, "bold $text-accent"), "  registers a model or an agent",
    )  # fmt: skip
