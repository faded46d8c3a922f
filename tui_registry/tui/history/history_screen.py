"""History: what happened in this replica, the last first, and what each operation changed.

Any version can be looked at as it was and signed anew; the last operation on a record of one's own can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar, Final

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui_registry.datastore import Beside, HistoryEntry, Operation
from tui_registry.errors import RegistryError
from tui_registry.present.amounts import moment
from tui_registry.present.deeds import deed, standing
from tui_registry.present.manifest_rows import manifest_rows
from tui_registry.present.record_rows import fact_rows, requirement_rows
from tui_registry.present.version_words import came
from tui_registry.records.wire import derive_manifest_id
from tui_registry.text import address_short, exact, safe_text
from tui_registry.tui import kit
from tui_registry.tui.browse import (
    Change,
    DetailScreen,
    RecordActions,
    Ref,
    Restoring,
    Subject,
    Surroundings,
    VersionScreen,
    version_lines,
)
from tui_registry.tui.history.operation_list import Asked, OperationList, asked_for, read_listing
from tui_registry.tui.kit.actions import Where, action, bindings_for, key_of
from tui_registry.tui.kit.authored import markdown_lines
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.dialogs import NARROWING_STYLES, NarrowingInput, NarrowingLine
from tui_registry.tui.kit.flows import flow, unwanted
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.messages import Narrow
from tui_registry.tui.kit.terminal import room_behind
from tui_registry.tui.kit.text_flow import TextBody, field, heading, paragraph, stack
from tui_registry.tui.sync.owners import ask_about

WIDE: Final = 120
_LABEL: Final = 9
_ROW: Final = 20


class HistoryScreen(FrameScreen[None]):
    """The operations of this replica's own key, or all of them, and beside them, where there is room, the one under the
    cursor in full."""

    CSS_PATH = [NARROWING_STYLES, "history.tcss"]  # noqa: RUF012 - as Textual has it
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - as Textual has it
    AUTO_FOCUS: ClassVar[str] = "OperationList"
    HEADING: ClassVar[str] = "History"
    MODE: ClassVar[str] = "app.history"
    WHERE: ClassVar[tuple[Where, ...]] = ("history",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "list.open", "history.find", "history.older", "history.restore", "history.whose", "history.order", "app.help",
    )  # fmt: skip
    TYPING: ClassVar[tuple[str, ...]] = ("narrowing.to_list", "history.back", "app.help_f1", "app.palette")
    NOTHING: ClassVar[tuple[str, ...]] = (
        "history.whose", "history.find", "history.back", "app.help", "app.palette", "app.quit",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._record = RecordActions(self, Subject(lambda: self.ref, self._changed))
        self._restoring = Restoring(self)
        self._asked = Asked()
        self._seen_changes: int | None = None
        # Counts the readings of the list; `_reading` is the one that runs, `_again` that another is due after it.
        self._readings = 0
        self._reading: int | None = None
        self._again = False

    def compose_body(self) -> Iterable[Widget]:
        yield NarrowingLine(_PLACEHOLDER)
        with Horizontal(id="operations-and-one"):
            yield OperationList(id="operations")
            yield TextBody()
        yield Static(id="no-operations")

    def on_mount(self) -> None:
        super().on_mount()
        self._seen_changes = None if self.host.facts is None else self.host.facts.changes
        self.watch(self.host, "facts", self._facts_read, init=False)
        self.watch(self.host, "minute", self._show_operation, init=False)
        self._find(stay=False)

    def footer_actions(self) -> tuple[str, ...]:
        if isinstance(self.focused, NarrowingInput):
            return self.TYPING
        return self.NOTHING if self.has_class("-nothing") else self.FOOTER

    @on(Narrow)
    def _narrow(self, message: Narrow) -> None:
        message.stop()
        self._line.value = message.words
        self._list.focus()

    @property
    def _list(self) -> OperationList:
        return self.query_one(OperationList)

    @property
    def _line(self) -> NarrowingInput:
        return self.query_one(NarrowingInput)

    @property
    def ref(self) -> Ref | None:
        operation = self._list.item
        return None if operation is None else Ref(operation.kind, operation.id, operation.name)

    # Reading

    def _facts_read(self) -> None:
        facts = self.host.facts
        before, self._seen_changes = self._seen_changes, None if facts is None else facts.changes
        if before != self._seen_changes:
            self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        """Read the list again, after what is being read: a long pull would else keep it from ever being found."""
        if self._reading is None:
            self._find(stay=True)
        else:
            self._again = True

    def _find(self, *, stay: bool, further: bool = False) -> None:
        """See `_read_list`."""
        self._readings += 1
        self._reading = self._readings
        self._read_list(self._readings, self._asked, stay=stay, further=further)

    @flow(group="log", exclusive=True, background=True)
    async def _read_list(self, number: int, asked: Asked, *, stay: bool, further: bool) -> None:
        """Find what is asked for, or bring it up to date.

        Args:
            number: of this reading.
            stay: the cursor stays on its operation.
            further: go on from the end of what was looked at.
        """
        operations, before = self._list, self._list.listing
        more = 3 * operations.page if further or asked != before.asked else 0
        wanted = more + (len(before.found) if asked == before.asked else 0)
        try:
            listing = await self.read(read_listing, self.datastore, asked, before, wanted, unwanted())
            places = operations.around(listing, stay=stay)
            rows = await self.read(self.datastore.log.operations_at, places, unwanted())
        finally:
            if self._reading == number:
                self._reading = None
        operations.show(listing, stay=stay)
        operations.add(rows, operations.serial, anew=True)
        self._show_count()
        if stay:
            self._show_operation()
        if self._again and self._reading is None:
            self._again = False
            self._find(stay=True)

    @on(OperationList.Wanted)
    def _wanted(self, message: OperationList.Wanted) -> None:
        message.stop()
        self._read_rows(message.serial, message.places)

    @flow(group="rows", exclusive=True, background=True)
    async def _read_rows(self, serial: int, places: tuple[int, ...]) -> None:
        try:
            rows = await self.read(self.datastore.log.operations_at, places, unwanted())
        except RegistryError:
            self._list.give_up()
            raise
        self._list.add(rows, serial)

    @on(OperationList.Further)
    def _further(self, message: OperationList.Further) -> None:
        message.stop()
        if self._reading is None:  # a key that is held does not begin again and again
            self.query_one(NarrowingLine).say_count("looking further ...")
            self._find(stay=True, further=True)

    # What it shows

    def _show_count(self) -> None:
        listing = self._list.listing
        asked, total = listing.asked, len(listing.found)
        order = "by time written" if asked.by_time else "by arrival"
        if listing.whole:
            if asked.owner:
                whose = "found"
            elif asked.is_narrowed:
                whose = "of yours" if asked.mine else "of all"
            else:
                whose = "by your key" if asked.mine else "in all"
            words = f"{order}, last first · {exact(total)} {whose}"
        else:
            looked = f"{exact(listing.looked)} of {exact(len(listing.candidates.places))}"
            words = f"{exact(total)} in the last {looked}: {key_of('list.last')} looks further"
        self.query_one(NarrowingLine).say_count(words)
        nothing, had_nothing = total == 0 and listing.whole, self.has_class("-nothing")
        self.set_class(nothing, "-nothing")
        if nothing:
            self.query_one("#no-operations", Static).update(_nothing(asked))
            self.hint("")
        elif had_nothing and not isinstance(self.focused, Input):
            self._list.focus()
        if listing.candidates.unread:
            self.hint(f"{exact(listing.candidates.unread)} deleted records were not looked at for these words")
        self.refresh_footer()

    @on(OperationList.Highlighted)
    def _highlighted(self, message: OperationList.Highlighted) -> None:
        message.stop()
        if message.by_hand:
            self.next_step()
        operation = self._list.item
        self.hint("" if operation is None else self._in_words(operation))
        self._show_operation()

    def _in_words(self, operation: Operation) -> str:
        """What the line of the list has no room for."""
        names = {} if self.host.facts is None else self.host.facts.owners
        words = f"{came(operation, self.host.now(), names)} · {operation.hash[:12]}…"
        if standing(operation) == "gone":
            back = f": {key_of('history.undo')} brings it back" if operation.mine else ""
            return f"gone{back} · {words}"
        return words

    @flow(group="operation", exclusive=True, background=True)
    async def _show_operation(self) -> None:
        """Show the one under the cursor in full, where there is room."""
        operation, body = self._list.item, self.query_one(TextBody)
        if operation is None or not self.has_class("-wide"):
            return
        history = self.datastore.manifests.history if operation.of == "manifest" else self.datastore.history
        found = await self.read(history, operation.id, limit=1, before=operation.place + 1)
        beside = await self.read(self.datastore.log.beside, _key_of(operation), operation.place)
        if found and self._list.item is not None and self._list.item.place == operation.place:
            facts = self.host.facts
            around = Surroundings(self.host.now(), {} if facts is None else facts.owners, "")
            body.text.flow(partial(in_full, operation, found[0], beside, around))
            body.scroll_home(animate=False)

    def on_resize(self) -> None:
        self._show_operation()

    # Which operations

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        self.next_step()
        try:
            asked = asked_for(message.value, mine=self._asked.mine, by_time=self._asked.by_time)
        except RegistryError as error:
            self.hint(error.sentence, "problem")
            return
        self.hint("")
        if asked != self._asked:
            self._asked = asked
            self._find(stay=False)

    def action_find(self) -> None:
        self._line.focus()

    def action_to_list(self) -> None:
        self._list.focus()

    def action_whose(self) -> None:
        """Between what this replica's key signed and what everybody did."""
        self._ask(self._asked._replace(mine=not self._asked.mine))

    def action_order(self) -> None:
        """Between the order of arrival and that of the times of writing."""
        self._ask(self._asked._replace(by_time=not self._asked.by_time))

    def _ask(self, asked: Asked) -> None:
        self.next_step()
        self._asked = asked
        self._find(stay=True)

    # The versions of a record

    @flow
    async def action_older(self) -> None:
        await self._walk(older=True)

    @flow
    async def action_newer(self) -> None:
        await self._walk(older=False)

    async def _walk(self, *, older: bool) -> None:
        operation = self._list.item
        if operation is None:
            return
        beside = await self.read(self.datastore.log.beside, _key_of(operation), operation.place)
        place = beside.older if older else beside.newer
        if place is None:
            self.say("this is where its history begins" if older else "nothing came after this on the same record")
        elif not self._list.point_to(place):
            which = "before" if older else "after"
            self.say(f"the operation {which} it is not in this list: enter opens this one, and [ ] walk from there")

    @on(OperationList.Chosen)
    @flow
    async def _open(self, message: OperationList.Chosen) -> None:
        message.stop()
        self.next_step()
        operation, ref = self._list.item, self.ref
        if operation is None or ref is None:
            return
        if not operation.is_winner:
            of_manifest = operation.of == "manifest"
            version = VersionScreen(operation.kind, operation.id, operation.place, of_manifest=of_manifest)
            await self.ask(version)
            if version.left is None:
                return
            self._changed(Change(select=operation.id))
        await self.ask(DetailScreen(ref))

    @flow(writes=True)
    async def action_restore(self) -> None:
        operation = self._list.item
        if operation is None:
            self.say("no operation under the cursor", "problem")
            return
        of_manifest = operation.of == "manifest"
        if await self._restoring.restored(operation.kind, operation.id, operation.place, of_manifest=of_manifest):
            self._changed(Change(select=operation.id))

    @flow(writes=True)
    async def action_owner(self) -> None:
        """Mute, block or purge who signed the operation under the cursor, or take that back."""
        operation = self._list.item
        if operation is None:
            self.say("no operation under the cursor", "problem")
        else:
            await ask_about(self, operation.actor)

    def action_undo(self) -> None:
        """Undo the operation under the cursor, after a question, where nothing was built upon it."""
        operation = self._list.item
        if operation is None:
            self.say("no operation under the cursor", "problem")
        elif not operation.mine:
            self.say(f"only the key that signed it, {address_short(operation.actor)}, can undo it", "problem")
        elif not operation.is_head:
            self.say("later operations build upon this one: r restores what it wrote", "problem")
        else:
            self._record.undo(operation.id, of_manifest=operation.of == "manifest")

    @flow
    async def action_copy(self) -> None:
        """Copy the record's id, the operation's hash or the operation itself, after a question."""
        operation = self._list.item
        if operation is None:
            self.say("no operation under the cursor", "problem")
            return
        question = kit.ChooseScreen(
            f"Copy of what was {deed(operation)}: “{safe_text(operation.name, 60)}”",
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
        self._bring_up_to_date()

    @flow
    async def action_back(self) -> None:
        """One level back: to the list, then to the whole of it, then to Browse."""
        if isinstance(self.focused, Input | TextBody):
            self._list.focus()
            if self.has_class("-nothing"):
                self._line.clear()
        elif self._line.value:
            self._line.clear()
        else:
            await self.app.run_action("mode('browse')")


def _key_of(operation: Operation) -> str:
    """What the operation wrote, by its id: the record, or its manifest."""
    return derive_manifest_id(operation.id) if operation.of == "manifest" else operation.id


def in_full(operation: Operation, entry: HistoryEntry, beside: Beside, around: Surroundings, width: int) -> Content:
    """An operation with all that the list has no room for."""
    name = safe_text(operation.name, 200) or "(no name)"
    title = f"{operation.kind} · version {exact(beside.number)} of {exact(beside.of)}, [ older  ] newer"
    lines = [
        *paragraph(
            Content.assemble(
                (name, "bold $text-primary"),
                room_behind(name),
                (f"  {safe_text(operation.version, 64)}", "$foreground-muted"),
            ),
            width,
        ),
        Content.styled(title, "$foreground-muted"),
        Content(""),
        *version_lines(entry, around, width),
        *_arrived(entry, around.now, width),
    ]
    record = entry.record or entry.before
    if record is not None and operation.of == "manifest":
        lines += heading("What it wrote" if entry.record is not None else "What it took away")
        for row in manifest_rows(record):
            lines += field(row.plain, row.text, width, _ROW) if row.stated else []
    elif record is not None:
        lines += heading("What it wrote" if entry.record is not None else "What it took away")
        description = str(record["description"])
        lines += [*markdown_lines(description, width), Content("")] if description.strip() else []
        for row in (*fact_rows(record), *requirement_rows(record)):
            lines += field(row.plain, row.text, width, _ROW) if row.stated else []
    # Looked for, not read: it stands below what is.
    lines += heading("Proof")
    for label, digits in (("signer", f"0x{entry.actor}"), ("record", operation.id), ("hash", entry.hash)):
        lines += field(label, digits, width, _LABEL)
    lines += [Content(""), *paragraph("enter opens the record as it was then", width, "$foreground-muted")]
    return stack(lines)


def _arrived(entry: HistoryEntry, now: int, width: int) -> list[Content]:
    """The moment; of what was written here, or by a program that did not keep it, all is said above."""
    if entry.arrived_at is None or entry.source is None:
        return []
    source = safe_text(entry.source, 60) or "an unnamed source"
    return [Content(""), *field("arrived", f"{moment(entry.arrived_at, now)} from {source}", width, _LABEL)]


_PLACEHOLDER: Final = "name, id, owner:, did:, is:"


def _nothing(asked: Asked) -> Content:
    key = "bold $text-accent"
    whose = action("history.whose").footer_key
    if asked.is_narrowed:
        others = ("  ", (whose, key), "  looks at what others did too\n") if asked.mine and not asked.owner else ()
        return Content.assemble(
            ("No operation fits.\n\n", "bold"), *others, "  ", ("esc", key), "  shows the whole list again"
        )
    if not asked.mine:
        return Content.assemble(("Nothing has happened in this replica yet.", "bold"))
    return Content.assemble(
        ("Your key has signed nothing yet.\n\n", "bold"),
        "  ", (whose, key), "  shows what others did\n",
        "  ", (action("app.register").footer_key, key), "  registers a model or an agent",
    )  # fmt: skip
