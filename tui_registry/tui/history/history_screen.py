"""History: what happened in this replica, newest first; the last operation on a record of one's own can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui_registry.errors import RegistryError
from tui_registry.text import address_short, exact, safe_text
from tui_registry.tui.browse.detail_screen import DetailScreen
from tui_registry.tui.browse.detail_text import moment
from tui_registry.tui.browse.record_actions import Change, RecordActions, Ref
from tui_registry.tui.history.deleted_record import DeletedRecordScreen
from tui_registry.tui.history.log_windows import LogReading, LogSpan, newest, read_log
from tui_registry.tui.history.operation_list import OperationList
from tui_registry.tui.kit.actions import Where, action, bindings_for
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.dialogs import Choice, ChooseScreen
from tui_registry.tui.kit.flows import flow, unwanted
from tui_registry.tui.kit.frame import FrameScreen

if TYPE_CHECKING:
    from tui_registry.datastore import Operation


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
        self._actions = RecordActions(self, lambda: self.ref, self._changed)
        self.parts = (self._actions,)
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
        self._read(message.serial, message.span, self._mine)

    @flow(group="log", exclusive=True, background=True)
    async def _read(self, serial: int, span: LogSpan | None, mine: bool) -> None:
        try:
            readings = await self.read(self._readings, span, unwanted(), mine)
        except RegistryError:
            self._list.give_up()
            raise
        self._list.add(readings, serial)
        self._show_count()

    def _readings(self, span: LogSpan | None, unwanted: Callable[[], bool], mine: bool) -> list[LogReading]:
        return list(read_log(self.datastore, span or newest(self.datastore, mine=mine), unwanted, mine=mine))

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
        who = "you" if self._is_own(operation) else address_short(operation.actor)
        words = f"{operation.hash[:12]}… by {who}, {moment(operation.updated_at, self.host.now())}"
        if operation.is_head and operation.is_gone:
            return f"gone{': u brings it back' if self._is_own(operation) else ''} · {words}"
        return words

    def _is_own(self, operation: Operation) -> bool:
        return self.host.facts is not None and operation.actor == self.host.facts.address

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
        if await self.read(self.datastore.entry, ref.id, ref.kind) is not None:
            await self.ask(DetailScreen(ref))
        else:
            await self.ask(DeletedRecordScreen(ref))

    def action_undo(self) -> None:
        """Undo the operation under the cursor, after a question, where nothing was built upon it."""
        operation = self._list.item
        if operation is None:
            self.say("no operation under the cursor", "problem")
        elif not self._is_own(operation):
            self.say(f"only the key that signed it, {address_short(operation.actor)}, can undo it", "problem")
        elif not operation.is_head:
            self.say("later operations build upon this one: the last one on the record can be undone", "problem")
        else:
            self._actions.undo(operation.id)

    @flow
    async def action_copy(self) -> None:
        """Copy the record's id, the operation's hash or the operation itself, after a question."""
        operation = self._list.item
        if operation is None:
            self.say("no operation under the cursor", "problem")
            return
        question = ChooseScreen(
            f"Copy of what was {operation.did}: “{safe_text(operation.name, 60)}”",
            [
                Choice("i", "id", "the record's id", f"{operation.id[:12]}…"),
                Choice("h", "hash", "the operation's hash", f"{operation.hash[:12]}…"),
                Choice("o", "op", "the operation", "as it is signed and travels, with its signature"),
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

    def _changed(self, change: Change) -> None:  # noqa: ARG002 - the new operation itself tells
        self._list.read_again()

    async def action_back(self) -> None:
        await self.app.run_action("mode('browse')")


def _nothing(mine: bool) -> Content:
    whose = action("history.whose").footer_key
    if not mine:
        return Content.assemble(("Nothing has happened in this replica yet.", "bold"))
    return Content.assemble(
        ("Your key has signed nothing yet.\n\n", "bold"),
        "  ", (whose, "bold $text-accent"), "  shows what others did\n",
        "  ", (action("app.register").footer_key, "bold $text-accent"), "  registers a model or an agent",
    )  # fmt: skip
