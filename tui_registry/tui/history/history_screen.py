"""History: what happened in this replica, the last first, and what each operation changed.

Any version can be looked at as it was and signed anew; the last operation on a record of one's own can be undone.

A list is the places of its operations in the log, which are known all at once; the operations themselves are read when
they come into view. What an operation did stands in the operation only, so of a list of one deed no more is known than
was looked at.
"""

from __future__ import annotations

import re
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from itertools import compress
from typing import ClassVar, Final

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from tui_registry.datastore import Beside, Datastore, HistoryEntry, Operation, Places
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present.amounts import moment
from tui_registry.present.deeds import DEEDS, by_whom, deed, standing
from tui_registry.present.manifest_rows import manifest_rows
from tui_registry.present.record_rows import fact_rows, requirement_rows
from tui_registry.present.version_words import came
from tui_registry.records.wire import derive_manifest_id
from tui_registry.text import address_short, age, exact, safe_text
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
from tui_registry.tui.kit.actions import Where, action, bindings_for, key_of
from tui_registry.tui.kit.authored import markdown_lines
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.dialogs import NARROWING_STYLES, NarrowingInput, NarrowingLine
from tui_registry.tui.kit.flows import flow, unwanted
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import GAP, Column, WindowList
from tui_registry.tui.kit.messages import Narrow
from tui_registry.tui.kit.terminal import room_behind
from tui_registry.tui.kit.text_flow import TextBody, field, heading, paragraph, stack
from tui_registry.tui.sync.owners_left_out import ask_about

# Operations kept at hand: enough for any screen and its neighbours, however long the log is.
_MOST: Final = 8_000
_LEAST_NAME: Final = 20
# Operations that are looked at for what they did before somebody asks for more, and at a time.
LOOKED: Final = 20_000
_STEP: Final = 500
_PARTS: Final = re.compile(r'(owner|by|did|is):("[^"]*"?|\S*)|("[^"]*"?|\S+)')


# What is asked for


class Asked(NamedTuple):
    """Which operations, and in which order.

    Attributes:
        mine: only what this replica's key signed; another owner comes before it.
        words: of the record's name, or the beginning of its id.
        owner: a name, an address or `me`, as it was typed.
        did: a deed, or empty.
        by_time: in the order in which they say that they were written; else as they arrived.
        elsewhere: only what this replica's key signed and this replica did not write.
    """

    mine: bool = True
    words: str = ""
    owner: str = ""
    did: str = ""
    by_time: bool = False
    elsewhere: bool = False

    @property
    def is_narrowed(self) -> bool:
        """Whether something was typed."""
        return bool(self.words or self.owner or self.did or self.elsewhere)


def asked_for(line: str, *, mine: bool, by_time: bool) -> Asked:
    """What a line asks for: `llama owner:my-lab did:deleted`.

    Raises:
        RegistryError: it cannot be read.
    """
    words, owner, did, elsewhere = [], "", "", False
    for match in _PARTS.finditer(line):
        field, text = match[1], (match[2] or match[3] or "").strip('"')
        match field:
            case "owner" | "by":
                owner = text
            case "did" if text:
                did = next((deed for deed in DEEDS if deed.startswith(text.lower())), "")
                if not did:
                    raise RegistryError("query", f"no operation did “{safe_text(text, 20)}”: {_DEEDS_IN_WORDS}")
            case "is" if "elsewhere".startswith(text.lower()):
                elsewhere = bool(text)
            case "is":
                if not "mine".startswith(text.lower()):
                    sentence = f"an operation is not “{safe_text(text, 20)}”: is:mine or is:elsewhere"
                    raise RegistryError("query", sentence)
                owner = "me"
            case None:
                words.append(text)
    return Asked(mine, " ".join(words), owner, did, by_time, elsewhere)


_DEEDS_IN_WORDS: Final = f"{', '.join(DEEDS[:-1])} or {DEEDS[-1]}"


# How it is read


class Listing(NamedTuple):
    """An answer.

    Attributes:
        found: the places of its operations, in the order of the list.
        candidates: the places that were to be looked through for a deed; the same where none is asked for.
        looked: how many of these were looked at, from the first.
        verdicts: for each place of the log 2 where the operation did the deed, 1 where not, 0 where nobody looked.
    """

    asked: Asked
    found: Sequence[int]
    candidates: Places
    looked: int
    verdicts: bytearray

    @property
    def whole(self) -> bool:
        """Whether nothing more can be found."""
        return self.looked == len(self.candidates.places)


NOTHING: Final = Listing(Asked(), (), Places((), (), 0), 0, bytearray())


def read_listing(
    datastore: Datastore, asked: Asked, before: Listing, wanted: int, unwanted: Callable[[], bool]
) -> Listing:
    """Find the operations that are asked for.

    Args:
        before: what is at hand.
        wanted: where a deed is asked for, how many are enough.

    Raises:
        StoreError: the database cannot be read, or the answer became unwanted.
    """
    log = datastore.log
    owner = asked.owner or ("me" if asked.mine else "")
    same = before.asked._replace(did=asked.did) == asked and before is not NOTHING and not asked.elsewhere
    known = before.candidates if same else None
    candidates = log.places(
        owners=log.owners(owner) if owner else None,
        words=asked.words,
        by_time=asked.by_time,
        known=None if owner not in ("", "me") else known,  # else another key may have been named so
        unwanted=unwanted,
    )
    if asked.elsewhere:
        candidates = _elsewhere(datastore, candidates)
    places, size = candidates.places, candidates.size
    if not asked.did:
        return Listing(asked, places, candidates, len(places), bytearray())
    same = before.asked.did == asked.did and before.candidates.epoch == candidates.epoch
    same = same and before.candidates.size <= size
    verdicts = bytearray(before.verdicts) if same else bytearray()
    verdicts.extend(bytes(size - len(verdicts)))
    found, looked, left = array("q"), 0, LOOKED
    while looked < len(places):
        chunk = places[looked : looked + _STEP]
        unknown = [place for place in chunk if not verdicts[place]]
        if unknown:
            if left <= 0 or len(found) >= wanted:
                break
            left -= len(unknown)
            for place, did in zip(unknown, log.deeds(unknown, unwanted), strict=True):
                verdicts[place] = 1 + (did == asked.did)
        found.extend(place for place in chunk if verdicts[place] == 2)
        looked += len(chunk)
    return Listing(asked, found, candidates, looked, verdicts)


def _elsewhere(datastore: Datastore, every: Places) -> Places:
    """Of these operations those by this replica's key that it did not write."""
    wanted = {*datastore.elsewhere.places(known=True)}
    kept = [place in wanted for place in every.places]
    return every._replace(
        places=array("q", compress(every.places, kept)), times=array("q", compress(every.times, kept))
    )


# The list


class OperationList(WindowList[Operation, tuple[int, ...]]):
    """Operations with a cursor that stays on its operation when new ones arrive."""

    PLAIN: ClassVar[tuple[str, ...]] = ("NAME", "DID")

    class Wanted(Message):
        """The operations at these places come into view and are not at hand."""

        def __init__(self, serial: int, places: tuple[int, ...]) -> None:
            super().__init__()
            self.serial = serial
            self.places = places

    class Further(Message):
        """The person came to the end of what was looked at."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.listing = NOTHING
        self._rows: OrderedDict[int, Operation] = OrderedDict()

    # What it offers

    @property
    def total(self) -> int:
        return len(self.listing.found)

    def item_at(self, place: int) -> Operation | None:
        return self._rows.get(self.listing.found[place])

    def around(self, listing: Listing, *, stay: bool) -> Sequence[int]:
        """The places in the log of what would be in view and near it, were that answer shown."""
        place = self._place_in(listing, stay=stay)
        return listing.found[max(0, place - 2 * self.page) : place + 3 * self.page]

    def show(self, listing: Listing, *, stay: bool) -> None:
        """Show an answer.

        Args:
            stay: the cursor stays on its operation, and so does what is in view, unless the newest were in view; else
                the list begins at its first operation.
        """
        offset, at_top = self.cursor - self.top, self.top == 0 and self.cursor < self.page
        place = self._place_in(listing, stay=stay)
        if listing.asked != self.listing.asked:
            self.begin()
            self._columns_width = -1  # another order has another column
        self.listing = listing
        self.set_reactive(OperationList.cursor, self.within(place))
        self.fit()
        self.jump(0 if at_top else self.cursor - offset)
        self.bring_into_view()
        self.refresh()

    def _place_in(self, listing: Listing, *, stay: bool) -> int:
        """Where the cursor would be in an answer."""
        if not stay or self.cursor >= self.total:
            return 0
        try:
            return listing.found.index(self.listing.found[self.cursor])
        except ValueError:
            return min(self.cursor, len(listing.found)) if listing.asked == self.listing.asked else 0

    def add(self, operations: Sequence[Operation], serial: int, *, anew: bool = False) -> None:
        """Take operations that were asked for; those of an older list are dropped.

        Args:
            anew: what else is at hand may be built upon by now.
        """
        if serial != self.serial:
            return
        if anew:
            self._rows.clear()
        for operation in operations:
            self._rows[operation.place] = operation
            self._rows.move_to_end(operation.place)
        while len(self._rows) > _MOST:
            self._rows.popitem(last=False)
        self.came()

    def point_to(self, log_place: int) -> bool:
        """Put the cursor on the operation at a place of the log; False when it is not in the list."""
        try:
            place = self.listing.found.index(log_place)
        except ValueError:
            return False
        self.move_to(place)
        return True

    # Going on, where the end is only the end of what was looked at

    def action_last(self) -> None:
        if not self.listing.whole:
            self.post_message(self.Further())
        super().action_last()

    def action_cursor_down(self) -> None:
        self._go_on()
        super().action_cursor_down()

    def action_page_down(self) -> None:
        self._go_on()
        super().action_page_down()

    def _go_on(self) -> None:
        if not self.listing.whole and self.cursor + 1 >= self.total:
            self.post_message(self.Further())

    # What it shows

    def columns(self, width: int) -> tuple[Column, ...]:
        return operation_columns(width, by_time=self.listing.asked.by_time)

    def value(self, item: Operation, column: Column) -> str:
        host = host_of(self)
        return operation_value(item, column, host.now(), {} if host.facts is None else host.facts.owners)

    def key_of(self, item: Operation) -> Hashable:
        return item

    def missing(self, first: int, last: int) -> tuple[int, ...] | None:
        wanted = self.listing.found[max(0, first) : last + 1]
        return tuple(place for place in wanted if place not in self._rows) or None

    def want(self, span: tuple[int, ...]) -> None:
        self.post_message(self.Wanted(self.serial, span))


# Its columns

_ARRIVED: Final = Column("ARRIVED", 7, right=True)
_WRITTEN: Final = Column("WRITTEN", 7, right=True)
_DID: Final = Column("DID", 12)
_DID_WHOLE: Final = Column("DID", 21)  # `brought back manifest`
_KIND: Final = Column("KIND", 5)
_VERSION: Final = Column("VERSION", 9)
_BY: Final = Column("BY", 14)
_NOW: Final = Column("NOW", 7)
_CLOCK: Final = Column("CLOCK", 5, right=True)
_HASH: Final = Column("OPERATION", 12)

_BY_IMPORTANCE: Final = (_BY, _NOW, _VERSION, _KIND, _HASH, _CLOCK)
_AFTER_NAME: Final = (_VERSION, _BY, _NOW, _CLOCK, _HASH)


def operation_columns(width: int, *, by_time: bool = False) -> tuple[Column, ...]:
    """The columns that fit into so many cells; the name of the record takes what is left.

    Args:
        by_time: the list goes by the times that operations state, and shows those.
    """
    when = _WRITTEN if by_time else _ARRIVED
    # What was done to a manifest is told whole before there is more to tell.
    first = sum(column.width + GAP for column in (when, _DID_WHOLE, _BY, _NOW))
    did = _DID if width - first < _LEAST_NAME else _DID_WHOLE
    chosen: list[Column] = []
    left = width
    for column in (when, did, *_BY_IMPORTANCE):
        if left - column.width - GAP < _LEAST_NAME:
            break
        chosen.append(column)
        left -= column.width + GAP
    before = [column for column in (when, did, _KIND) if column in chosen]
    after = [column for column in _AFTER_NAME if column in chosen]
    return (*before, Column("NAME", max(1, left)), *after)


def operation_value(operation: Operation, column: Column, now: int, names: Mapping[str, str]) -> str:
    """What stands in a column; `now` in Unix seconds, `names` of owners by address."""
    match column.title:
        case "ARRIVED":
            return "-" if operation.arrived_at is None else age(now - operation.arrived_at)
        case "WRITTEN":
            return age(now - operation.updated_at)
        case "DID":
            return deed(operation)
        case "KIND":
            return operation.kind
        case "NAME":
            return operation.name or "(no name)"
        case "VERSION":
            return operation.version
        case "BY":
            return by_whom(operation.actor, operation.mine, names)
        case "NOW":
            return standing(operation)
        case "CLOCK":
            return str(operation.clock)
        case _:
            return operation.hash[:12]


# The screen

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
