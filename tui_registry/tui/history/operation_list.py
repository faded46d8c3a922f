"""The list of operations, the last first: what is asked for, how it is read, the widget and its columns.

A list is the places of its operations in the log, which are known all at once; the operations themselves are read when
they come into view. What an operation did stands in the operation only, so of a list of one deed no more is known than
was looked at.
"""

from __future__ import annotations

import re
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import compress
from typing import ClassVar, Final

from textual.message import Message

from tui_registry.datastore import Datastore, Operation, Places
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present.deeds import DEEDS, by_whom, deed, standing
from tui_registry.text import age, safe_text
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.lists import GAP, Column, WindowList

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
