"""The versions of one record: its history, how it stood at some time, and what several live versions come from.

Nothing here asks in which order operations arrived, but for the order in which a history is given.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Literal

from tui_registry.crdt.key_state import heads, winner
from tui_registry.errors import Kind, OpKind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import MAX_CHILDREN
from tui_registry.replica.catalogue.current import revision_of
from tui_registry.replica.catalogue.derived import OP_KINDS_BY_CODE
from tui_registry.replica.log.first_seen import first_seen
from tui_registry.replica.store.connection import StoreError
from tui_registry.replica.store.stored import (
    Stored,
    children_in,
    chunks,
    hex_range,
    marks,
    parts_of,
    read_heads,
    read_record,
    stored_id,
    unpacked,
)
from tui_registry.text import moment_utc

Deed = Literal["registered", "edited", "settled", "deleted", "brought back"]

# At most so many operations are followed to what was there before one: a stranger can make a history long.
_MOST = 500
# At most so many are looked at for what live versions have in common.
_MOST_COMMON = 1_000
# So many live versions of another owner's record are read: nobody here can settle it, and a stranger can make many.
MOST_OF_OTHERS = 64
_END_OF_LOG = 2**63 - 1

_HASH = re.compile(r"[0-9a-f]{1,64}").fullmatch
_SHOWN_CANDIDATES = 5


class HistoryEntry(NamedTuple):
    """One operation of a record.

    Attributes:
        place: where it stands in this replica's log, from 0.
        did: `settled` is a write on several versions that were live at once, `brought back` one on a removal.
        is_head: no other operation builds on it. is_winner: the record is what it wrote. is_gone: the record is
            deleted now.
        record: None for a removal.
        before: what it replaced or took away, of several versions the one that was shown; None if there was nothing.
        actor: the address that signed, 40 hex digits; mine: it is this replica's.
        updated_at: Unix seconds, as the actor says.
        arrived_at: Unix seconds, when it came to this replica first; None where it came before version 0.2.
        source: who it came from: a peer's name or as in `Quarantined`; None where it was written here, or before 0.2.
    """

    place: int
    hash: str
    actor: str
    clock: int
    updated_at: int
    is_rm: bool
    is_head: bool
    is_winner: bool
    children: tuple[str, ...]
    record: Record | None
    did: Deed
    is_gone: bool
    before: Record | None
    mine: bool
    arrived_at: int | None
    source: str | None


class Versions(NamedTuple):
    """The live versions of a record, which are in conflict where they are several.

    Attributes:
        heads: all heads, ascending: what `resolve` wants as `seen`.
        live: the live versions, the one that is shown first; `before` is left out. Of another owner's record at most
            64; `more` counts the others.
        ancestor: the nearest version that all of them come from, of several the one with the largest clock. None where
            there is none, as the record was registered twice; where it lies a thousand operations back; and where
            there are `more`.
        base: what to merge them from: the value of the ancestor. None without one, and where several are nearest and
            say different things, as after a conflict that was settled on two machines: which of the versions changed
            something cannot be told then.
        owner: 40 hex digits; mine: it is this replica's key; owner_name: its local name, None where it has none.
    """

    kind: Kind
    id: str
    owner: str
    mine: bool
    owner_name: str | None
    heads: tuple[str, ...]
    live: tuple[HistoryEntry, ...]
    ancestor: HistoryEntry | None
    base: Record | None
    more: int

    @property
    def revision(self) -> str:
        """What stands for exactly these heads, as `Entry.revision`."""
        return revision_of(self.heads)


class LastOperation(NamedTuple):
    """The last operation on a record or a manifest, whether it is there or deleted.

    Attributes:
        place, hash, size: of this operation; place in the log, size in bytes.
        did: as for `HistoryEntry`.
        record: as the operation wrote it, None for a removal.
        before: what it replaced or took away, None if there was nothing, and where more than one version is live.
        heads: all heads of the record, ascending. live_heads: how many of them are versions of it.
        actor: who signed, 40 hex digits; mine: it was this replica's key. updated_at: Unix seconds, as the actor says.
    """

    kind: OpKind
    id: str
    place: int
    hash: str
    size: int
    did: Deed
    record: Record | None
    before: Record | None
    heads: tuple[str, ...]
    live_heads: int
    actor: str
    mine: bool
    updated_at: int


class LoggedKey(NamedTuple):
    """A key of the log, live or deleted: its row, and whose it is."""

    rid: int
    kind: OpKind
    id: str
    owner: str
    mine: bool


def find_key(db: sqlite3.Connection, identifier: str) -> LoggedKey | None:
    """The key with that id, None for an id never seen."""
    row = db.execute(
        "SELECT k.rid, k.kind, k.owner, r.address FROM keys k, replica r WHERE k.id = ?", (stored_id(identifier),)
    ).fetchone()
    if row is None:
        return None
    rid, kind, owner, address = row
    return LoggedKey(rid, OP_KINDS_BY_CODE[kind], identifier, owner.hex(), owner.hex() == address)


def read_history(
    db: sqlite3.Connection, key: LoggedKey, limit: int | None = None, before: int | None = None
) -> list[HistoryEntry]:
    """The ops of a key, the last arrived first; `limit` and `before` as for `Log.history`."""
    # The index has the places of heads and of others in order: no more is looked at than is wanted.
    rows = db.execute(
        "SELECT idx FROM ops WHERE rid = :rid AND is_head = 0 AND idx < :before "
        "UNION ALL SELECT idx FROM ops WHERE rid = :rid AND is_head = 1 AND idx < :before "
        "ORDER BY idx DESC LIMIT :limit",
        {
            "rid": key.rid,
            "before": _END_OF_LOG if before is None else before,
            "limit": -1 if limit is None else max(0, limit),
        },
    )
    return read_entries(db, key, [place for (place,) in rows])


def find_version(db: sqlite3.Connection, prefix: str, of: str | None) -> HistoryEntry:
    """An operation by the beginning of its hash; arguments and errors as for `Log.version`."""
    match = _HASH(prefix.strip().lower())
    if match is None:
        raise StoreError(
            "not_found", f"'{prefix[:80]}' is not the hash of an operation: up to 64 hex digits, see `history`"
        )
    rows = db.execute(
        "SELECT o.idx, o.hash, k.id FROM ops o JOIN keys k USING (rid) WHERE o.hash BETWEEN ? AND ? LIMIT ?",
        (*hex_range(match[0], 64), _SHOWN_CANDIDATES + 1),
    ).fetchall()
    ours = rows if of is None or len(rows) > _SHOWN_CANDIDATES else [row for row in rows if row[2].hex() == of]
    if len(ours) > 1:
        named = ", ".join(digest.hex()[: len(match[0]) + 8] for _, digest, _ in ours[:_SHOWN_CANDIDATES])
        raise StoreError("ambiguous", f"several operations begin with {match[0]} ({named}): give more digits")
    if not rows:
        raise StoreError("not_found", f"there is no operation here whose hash begins with {match[0]}: see `history`")
    if not ours:
        raise StoreError(
            "other_record", f"the operation {rows[0][1].hex()[:12]} belongs to another record, {rows[0][2].hex()[:12]}"
        )
    place, _, identifier = ours[0]
    key = find_key(db, identifier.hex())
    assert key is not None
    return read_entries(db, key, [place])[0]


def version_at(db: sqlite3.Connection, key: LoggedKey, moment: int) -> HistoryEntry:
    """What the record was by the operations that say they were written up to a moment (Unix seconds).

    No operation is dated before one that it builds on (see protocol.md, Validity), so these are a state that the record
    was in, and the same on every replica that has them.

    Returns:
        The version that was shown then; where the record was deleted the last removal.

    Raises:
        StoreError: `not_found`, when it was written first later.
    """
    then = [
        Link(place, digest.hex(), bool(is_rm), clock, named_in(bool(is_rm), body))
        for place, digest, is_rm, clock, body in db.execute(
            "SELECT idx, hash, is_rm, clock, body FROM ops WHERE rid = ? AND updated_at <= ?", (key.rid, moment)
        )
    ]
    if not then:
        (first,) = db.execute("SELECT min(updated_at) FROM ops WHERE rid = ?", (key.rid,)).fetchone()
        raise StoreError(
            "not_found",
            f"{key.kind} {key.id[:12]} was not there yet: its first operation is of {moment_utc(first)}",
        )
    current = heads(then)
    shown = winner(current) or max(current, key=lambda link: (link.counter, link.hash))
    return read_entries(db, key, [shown.place])[0]


def read_versions(db: sqlite3.Connection, key: LoggedKey) -> Versions | None:
    """The live versions of a record and what they come from; None where none is live."""
    if key.kind == "manifest":
        return None
    found = [head for _, head in read_heads(db, [key.rid])]
    live = sorted((head for head in found if not head.is_rm), key=lambda head: (-head.counter, head.hash))
    if not live:
        return None
    told = live if key.mine else live[:MOST_OF_OTHERS]
    common = _nearest_common(db, told) if 1 < len(told) == len(live) else []
    entries = read_entries(db, key, [*(head.idx for head in told), *common], with_before=False)
    nearest = entries[len(told) :]
    name = db.execute("SELECT name FROM owner_names WHERE address = ?", (bytes.fromhex(key.owner),)).fetchone()
    return Versions(
        kind=key.kind,
        id=key.id,
        owner=key.owner,
        mine=key.mine,
        owner_name=None if name is None else name[0],
        heads=tuple(sorted(head.hash for head in found)),
        live=tuple(entries[: len(told)]),
        ancestor=nearest[0] if nearest else None,
        base=_base_of(nearest),
        more=len(live) - len(told),
    )


def read_live(db: sqlite3.Connection, key: LoggedKey) -> list[HistoryEntry]:
    """The live versions of a key, the one that is shown first, without what they replaced; of another owner's key at
    most 64."""
    found = (head for _, head in read_heads(db, [key.rid]) if not head.is_rm)
    live = sorted(found, key=lambda head: (-head.counter, head.hash))
    told = live if key.mine else live[:MOST_OF_OTHERS]
    return read_entries(db, key, [head.idx for head in told], with_before=False)


def read_last(db: sqlite3.Connection, key: LoggedKey) -> LastOperation | None:
    """The last operation on a key; see `Log.last_operation`."""
    found = [head for _, head in read_heads(db, [key.rid])]
    if not found:
        return None
    last = winner(found) or max(found, key=lambda head: head.idx)
    live = sum(not head.is_rm for head in found)
    (entry,) = read_entries(db, key, [last.idx])
    (kept,) = db.execute("SELECT body FROM ops WHERE idx = ?", (last.idx,)).fetchone()
    return LastOperation(
        kind=key.kind,
        id=key.id,
        place=last.idx,
        hash=last.hash,
        size=len(unpacked(kept)),
        did=entry.did,
        record=entry.record,
        before=None if live > 1 else entry.before,
        heads=tuple(sorted(head.hash for head in found)),
        live_heads=live,
        actor=key.owner,
        mine=key.mine,
        updated_at=entry.updated_at,
    )


def same_content(one: Record | None, other: Record | None) -> bool:
    """Whether two versions of a record say the same, but for when."""
    return one is not None and other is not None and {**one, "updated_at": 0} == {**other, "updated_at": 0}


# How: entries


class Link(NamedTuple):
    """An operation and the ones it names, as deciding which version a record shows needs it."""

    place: int
    hash: str
    is_rm: bool
    counter: int
    children: tuple[str, ...]


def read_entries(
    db: sqlite3.Connection, key: LoggedKey, places: Sequence[int], *, with_before: bool = True
) -> list[HistoryEntry]:
    """The operations of a key at these places, in their order; `before` is None without `with_before`."""
    # The catalogue has it: a record may have ten thousand heads, and its history is read in many windows.
    best = db.execute(
        "SELECT idx FROM catalogue WHERE rid = :rid "
        "UNION ALL SELECT idx FROM manifests WHERE rid = :rid AND idx NOTNULL",
        {"rid": key.rid},
    ).fetchone()
    read: dict[int, tuple[str, int, int, bool, bool, Record | None, tuple[str, ...]]] = {}
    for chunk in chunks(places):
        rows = db.execute(
            f"SELECT idx, hash, clock, updated_at, is_rm, is_head, body FROM ops WHERE idx IN ({marks(chunk)})", chunk
        )
        for place, digest, clock, updated_at, is_rm, is_head, body in rows:
            read[place] = (digest.hex(), clock, updated_at, bool(is_rm), bool(is_head), *parts_of(body))
    named = read_children(db, {child for *_, children in read.values() for child in children})
    seen = first_seen(db, places)
    at_hand = {place: record for place, (*_, record, _) in read.items()}
    history = []
    for place in places:
        digest, clock, updated_at, is_rm, is_head, record, children = read[place]
        builds_on = [named[child] for child in children]
        before = None
        if not with_before:
            pass
        elif len(builds_on) == 1 and not builds_on[0].is_rm and builds_on[0].place in at_hand:
            before = at_hand[builds_on[0].place]  # nearly always
        else:
            before = _value_before(db, record, updated_at, builds_on)
        history.append(
            HistoryEntry(
                place=place,
                hash=digest,
                actor=key.owner,
                clock=clock,
                updated_at=updated_at,
                is_rm=is_rm,
                is_head=is_head,
                is_winner=best is not None and best[0] == place,
                children=children,
                record=record,
                did=deed_of(is_rm, builds_on),
                is_gone=best is None,
                before=before,
                mine=key.mine,
                arrived_at=seen[place].arrived_at,
                source=seen[place].source,
            )
        )
    return history


# How: what live versions come from


def _nearest_common(db: sqlite3.Connection, live: Sequence[Stored]) -> list[int]:
    """The places of the nearest writes that all of these come from: those that no other such write comes from.

    The first is the one with the largest clock, ties to the smallest hash, so that every replica shows the same one.
    Empty also where they lie too far back.
    """
    everyone = (1 << len(live)) - 1
    below = 1 << len(live)  # marks what a nearest one comes from
    reached = {head.idx: 1 << bit for bit, head in enumerate(live)}  # place -> the live versions that come from it
    waiting = [(-head.counter, head.hash, head.idx, head.is_rm) for head in live]
    heapify(waiting)
    nearest: list[int] = []
    looked = 0
    # A clock is larger than those of all children, so that whatever leads to an operation comes before it.
    while any(not reached[place] & below for _, _, place, _ in waiting):
        looked += 1
        if looked > _MOST_COMMON:
            return []
        _, _, place, is_rm = heappop(waiting)
        marks_of_it = reached[place]
        if marks_of_it == everyone and not is_rm:
            nearest.append(place)
            marks_of_it |= below
        for child in read_children(db, _named_at(db, place)).values():
            if child.place not in reached:
                reached[child.place] = 0
                heappush(waiting, (-child.clock, child.hash, child.place, child.is_rm))
            reached[child.place] |= marks_of_it
    return nearest


def _base_of(nearest: Sequence[HistoryEntry]) -> Record | None:
    """What the nearest common versions say, None where they say different things."""
    alike = bool(nearest) and all(same_content(entry.record, nearest[0].record) for entry in nearest)
    return nearest[0].record if alike else None


def _named_at(db: sqlite3.Connection, place: int) -> tuple[str, ...]:
    """The children that the operation at a place names."""
    is_rm, body = db.execute("SELECT is_rm, body FROM ops WHERE idx = ?", (place,)).fetchone()
    return named_in(bool(is_rm), body)


def named_in(is_rm: bool, body: bytes) -> tuple[str, ...]:
    """The children that a stored operation names, from its bytes."""
    return parts_of(body)[1] if is_rm else tuple(children_in(body))


# How: what was there before an operation, however many operations the write took


class Child(NamedTuple):
    """An operation that another one names."""

    place: int
    hash: str
    is_rm: bool
    clock: int
    updated_at: int


def read_children(db: sqlite3.Connection, hashes: Iterable[str]) -> dict[str, Child]:
    """The operations with these hashes, by hash."""
    found = {}
    for chunk in chunks([bytes.fromhex(item) for item in sorted(hashes)]):
        rows = db.execute(f"SELECT idx, hash, is_rm, clock, updated_at FROM ops WHERE hash IN ({marks(chunk)})", chunk)
        for place, digest, is_rm, clock, updated_at in rows:
            found[digest.hex()] = Child(place, digest.hex(), bool(is_rm), clock, updated_at)
    return found


def deed_of(is_rm: bool, children: Collection[Child]) -> Deed:
    """What an operation did to its record, by the operations that it builds upon.

    A write on several versions that were live at once settles them; one on nothing but removals brings the record back.
    """
    if is_rm:
        return "deleted"
    if not children:
        return "registered"
    live = sum(not child.is_rm for child in children)
    return "brought back" if live == 0 else "edited" if live == 1 else "settled"


def _value_before(
    db: sqlite3.Connection, record: Record | None, updated_at: int, children: Iterable[Child]
) -> Record | None:
    """The record that an operation replaced or took away: of several versions the one that was shown.

    Args:
        record, updated_at, children: of the operation; `record` is None for a removal.
    """
    here = list(children)
    seen = {child.hash for child in here}
    times = {updated_at}
    writes: list[Child] = []
    removals: list[Child] = []
    while here:
        below: list[str] = []
        for child in here:
            link = _named_by_link(db, child, record, times)
            if link is None:
                (removals if child.is_rm else writes).append(child)
            else:
                below += link
        if record is None and not (below or writes):
            # It was deleted already: what counts is what was there before the first removal.
            for removal in removals:
                times.add(removal.updated_at)
                below += _parts_at(db, removal.place)[1]
            removals.clear()
        below = [name for name in dict.fromkeys(below) if name not in seen]
        if len(seen) > _MOST:
            break
        seen.update(below)
        here = list(read_children(db, below).values())
    if not writes:
        return None
    return read_record(db, min(writes, key=lambda child: (-child.clock, child.hash)).place)


def _named_by_link(
    db: sqlite3.Connection, child: Child, record: Record | None, times: Collection[int]
) -> tuple[str, ...] | None:
    """The children of a child that belongs to the same write; None where the child was there before the write.

    With more heads than one operation may name, one write is a chain of operations that say the same: all but the last
    are full.
    """
    if child.is_rm is not (record is None) or child.updated_at not in times:
        return None
    said, named = _parts_at(db, child.place)
    return named if said == record and len(named) == MAX_CHILDREN else None


def _parts_at(db: sqlite3.Connection, place: int) -> tuple[Record | None, tuple[str, ...]]:
    (body,) = db.execute("SELECT body FROM ops WHERE idx = ?", (place,)).fetchone()
    return parts_of(body)
