"""The log, read: as other replicas copy it, and as people look at it, who did what to which record.

People look at a list of places in the log, in one of two orders, and read those of its operations that they see.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from tui_registry.crdt.signed_heads import sign_head
from tui_registry.errors import Kind, OpKind, Record
from tui_registry.frozen import NamedTuple
from tui_registry.query.folding import words as folded_words
from tui_registry.records.schema import MANIFEST_RULES
from tui_registry.replica.catalogue.derived import KINDS_BY_CODE, OP_KINDS_BY_CODE
from tui_registry.replica.log.batches import Reverse, WriteBatch, batch_of, read_batches, read_reverse
from tui_registry.replica.log.first_seen import Came, first_seen, pushed_since
from tui_registry.replica.log.left_out import hashes_left_out, left_among
from tui_registry.replica.log.record_history import (
    Child,
    Deed,
    HistoryEntry,
    LastOperation,
    deed_of,
    find_key,
    find_version,
    read_children,
    read_history,
    read_last,
)
from tui_registry.replica.log.shared_log import Head as Head
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.key import NO_ADDRESS, Key
from tui_registry.replica.store.stored import (
    children_in,
    chunks,
    hex_range,
    marks,
    name_of,
    parts_of,
    record_of,
    stored_id,
    unpacked,
)
from tui_registry.replica.store.tables import expect_own, is_view

if TYPE_CHECKING:
    from tui_registry.replica.log.arrivals import Arrival, Arrivals
    from tui_registry.replica.log.kept_set import Sets, SetState
    from tui_registry.replica.log.verifier import Verifier

# To tell what the log was at an earlier size, the operations behind it are taken away, or those before it added: so
# many of them in about a second.
MOST_LOOKED_AT: Final = 65_536
# One owner's operations are looked for among so many at the near end first: those of a busy owner all lie there.
_NEAR = 2_000
# Of so many deleted records, the last that came here first, the names are looked at: they stand in the log only.
_MOST_DELETED = 20_000
# Of so many writes before the removal of a deleted record, the last ones, it is asked which was shown.
_MOST_WRITES = 100
_HEX: Final = re.compile(r"[0-9a-f]{6,64}").fullmatch
_SHORT_ADDRESS: Final = re.compile(r"(?:0x)?([0-9a-f]{1,40})(?:(?:\.\.|…)([0-9a-f]{0,40}))?").fullmatch


class Operation(NamedTuple):
    """One operation of the log as lists show it.

    Attributes:
        place: where it stands in this replica's log, from 0.
        kind, id: of the record that it concerns.
        of: what it writes: that record, or its manifest.
        did: `settled` is a write on several versions that were live at once, `brought back` one on a removal.
        name, version: of the record as the operation wrote it (of a manifest, the first name of its record); of a
            removal, as it was before, and where it had been deleted already, as the newest of its last writes says.
            Empty if unknown.
        actor: the address that signed, 40 hex digits; mine: it is this replica's.
        updated_at: Unix seconds, as the actor says.
        arrived_at, source: when and from whom it first came here, as for `HistoryEntry`.
        is_head: no other operation builds on it. is_winner: the record is what it wrote. is_gone: it is deleted now.
    """

    place: int
    kind: Kind
    id: str
    of: OpKind
    did: Deed
    name: str
    version: str
    hash: str
    actor: str
    clock: int
    updated_at: int
    arrived_at: int | None
    source: str | None
    is_head: bool
    is_winner: bool
    is_gone: bool
    mine: bool
    children: tuple[str, ...]


class Operations(NamedTuple):
    """A window of the log, the last arrived first; `total` counts all operations that it is a window of."""

    rows: list[Operation]
    total: int


class Places(NamedTuple):
    """The operations of a list by their places in the log, the last first.

    Attributes:
        places: of the operations. times: what each states as its time (Unix seconds), in the order of these times only.
        size: of the log when it was read.
        unread: of so many deleted records the names were not looked at.
        epoch: of the log when it was read: under another one other operations may stand at these places.
    """

    places: Sequence[int]
    times: Sequence[int]
    size: int
    unread: int = 0
    epoch: str = ""


class Beside(NamedTuple):
    """What of a record stands beside one of its operations.

    Attributes:
        number: how manieth it is of all, from 1, as they came here.
        older, newer: the places of the operations of the record next to it, None at the ends.
    """

    number: int
    of: int
    older: int | None
    newer: int | None


class Quarantined(NamedTuple):
    """An operation that was refused, kept to be looked at.

    Attributes:
        source: who sent it last: a peer's name, `file`, or `push:` and the address it was pushed from.
        received_at: Unix seconds.
        code, sentence: the rule that it breaks.
        size: of the whole bytes; `start` holds the first 1,024 of them at most. They are a stranger's: show them
            through `safe_text` only.
    """

    source: str
    received_at: int
    code: str
    sentence: str
    size: int
    start: bytes


class Log:
    """The append-only log of this replica."""

    def __init__(self, pool: Pool, key: Key, arrivals: Callable[[], Arrivals]) -> None:
        """
        Args:
            arrivals: gives what judges operations from elsewhere, once there are any.
        """
        self._pool = pool
        self._key = key
        self._arrivals = arrivals
        self._verifier: Verifier | None = None
        self._processes = 1
        self._signed: tuple[Head, str] | None = None
        self._kept_sets: Sets | None = None
        # What heads of earlier sizes are told by.

    # As other replicas copy it

    def head(self, *, make_key: bool = True) -> Head:
        """Size, fingerprint and epoch of the log, as of one moment.

        Args:
            make_key: False where it is not given to others: `node` is empty then before there is a key, and what takes
                a look at the log's end is not told.
        """
        with self._pool.read() as db:
            head = _read_head(db)
            if make_key:
                head = self._with_set(db, head, self._sets.state(db, head.epoch, None, None))
        return head._replace(node=self._key.address) if make_key and not head.node else head

    def signed_head(self) -> Head:
        """The head as others are given it: signed, where there is a key that can be read and the head says enough.

        One head is signed once, however often it is asked for.
        """
        head = self.head()
        held = self._signed
        if held is not None and held[0] == head:
            return head._replace(sig=held[1])
        digest = head.digest
        if digest is None or head.node == NO_ADDRESS:
            return head
        try:
            identity = self._key.identity()
        except StoreError:
            # It is as good a log without: `why_unsigned` tells.
            return head
        if identity.address != head.node:
            # Another process put another key in place just now: the next head bears its address.
            return head
        sig = sign_head(identity, digest)
        self._signed = head, sig
        return head._replace(sig=sig)

    def why_unsigned(self) -> str | None:
        """Why the head that others are given bears no signature, to end a sentence; None where it bears one."""
        head = self.signed_head()
        if head.sig:
            return None
        if head.digest is None:
            return "what it would sign is still being made from the log"
        try:
            self._key.identity()
        except StoreError as error:
            return error.sentence
        return "the key is being replaced"

    def set_of(self, epoch: str, size: int | None = None, *, most: int | None = MOST_LOOKED_AT) -> SetState | None:
        """What the log's first operations are as a set.

        Args:
            epoch: the log's. size: how many operations; None for all.
            most: so many operations may be looked at, those behind that size or those before it; None for any number.

        Returns:
            None where the log is of another epoch or shorter, where too many would have to be looked at, and while what
            is kept of the log is being made.
        """
        with self._pool.read() as db:
            return self._sets.state(db, epoch, size, most)

    def symbols(
        self, epoch: str, size: int, start: int, stop: int, *, most: int | None = MOST_LOOKED_AT
    ) -> bytes | None:
        """The symbols `start` up to `stop` of the log's first `size` operations (`crdt.sets`); None as for `set_of`."""
        with self._pool.read() as db:
            return self._sets.symbols(db, epoch, size, start, stop, most)

    def hashes_under(self, prefix: bytes, bits: int, size: int, limit: int | None = None) -> list[bytes]:
        """The hashes, ascending, of those of the log's first `size` operations whose hashes begin with these bits.

        Args:
            prefix: its first `bits` bits count. limit: at most so many.
        """
        first = int.from_bytes(prefix.ljust(32, b"\0")[:32], "big") >> 256 - bits << 256 - bits
        last = first | (1 << 256 - bits) - 1
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT hash FROM ops WHERE hash BETWEEN ? AND ? AND idx < ? ORDER BY hash LIMIT ?",
                (first.to_bytes(32, "big"), last.to_bytes(32, "big"), size, -1 if limit is None else limit),
            )
            return [digest for (digest,) in rows]

    def finish_sets(self, seconds: float) -> bool:
        """Make what is kept of the log as a set, where that is not done yet; whether it is done. It is made behind
        while a replica is open, but who has to tell it to others may not be there for long.

        Args:
            seconds: the longest to take. A million operations take half a minute.
        """
        return self._sets.finish(seconds)

    def begins_as(self, head: Head) -> bool:
        """Whether the log still begins with the operations that an earlier head of the same epoch counted. It does not
        after the replica was put back to an older copy and written to."""
        with self._pool.read() as db:
            return sum_at(db, head.size) == head.fingerprint

    def fingerprint_at(self, size: int) -> str | None:
        """The fingerprint of the log's first `size` operations, as heads have it; None where it has fewer."""
        with self._pool.read() as db:
            return sum_at(db, size)

    def has_all(self, starts: Sequence[bytes]) -> bool:
        """Whether each of these is what the hash of an operation of the log begins with."""
        ask = "SELECT EXISTS (SELECT 1 FROM ops WHERE hash BETWEEN ? AND ?)"
        with self._pool.read() as db:
            return all(db.execute(ask, (start, start.ljust(32, b"\xff"))).fetchone() == (1,) for start in starts)

    def renew_epoch(self, epoch: str | None = None, new: str | None = None) -> None:
        """Give the log another epoch, because others were given another log under this one: they begin anew.

        Args:
            epoch: the one to be renewed: where another process has done it already, nothing changes.
            new: the other one, 32 hex digits; None for a random one.

        Raises:
            StoreError: `hub_view`: the log is a hub's.
        """
        with self._pool.write() as db:
            expect_own(db, "its epoch is the hub's")
            db.execute(
                "UPDATE replica SET epoch = :new WHERE epoch = coalesce(:old, epoch)",
                {"new": new or os.urandom(16).hex(), "old": epoch},
            )

    def pushed_since(self, start: int, since: int) -> list[Came]:
        """What others pushed: runs of operations that came together, in the order of the log.

        Args:
            start: the place of the log to begin at.
            since: Unix seconds; what came before is left out.
        """
        with self._pool.read() as db:
            return pushed_since(db, start, since)

    def lines(self, start: int, stop: int) -> list[bytes]:
        """The exact bytes of ops start..stop of the log, without line ends."""
        with self._pool.read() as db:
            rows = db.execute("SELECT body FROM ops WHERE idx >= ? AND idx < ? ORDER BY idx", (start, stop))
            return [unpacked(kept) for (kept,) in rows]

    def hashes(self, start: int, stop: int) -> list[bytes]:
        """The hashes of ops start..stop of the log."""
        with self._pool.read() as db:
            rows = db.execute("SELECT hash FROM ops WHERE idx >= ? AND idx < ? ORDER BY idx", (start, stop))
            return [digest for (digest,) in rows]

    def arrived(self, hashes: Sequence[bytes]) -> dict[bytes, int | None]:
        """When those of these operations came here that did; Unix seconds, None where that is not known.

        Args:
            hashes: 32 bytes each.
        """
        found: dict[bytes, int | None] = {}
        with self._pool.read() as db:
            for chunk in chunks(hashes):
                rows = db.execute(f"SELECT hash, idx FROM ops WHERE hash IN ({marks(chunk)})", chunk).fetchall()
                seen = first_seen(db, (place for _, place in rows))
                found.update((digest, seen[place].arrived_at) for digest, place in rows)
        return found

    def keys(self, size: int | None = None) -> tuple[Head, bytes]:
        """The head, and the keys of every op of the log: `updated_at` (8 bytes) and hash (32), one behind the other,
        ascending. It reads the whole log.

        Args:
            size: of the first so many ops alone.
        """
        keys = bytearray()
        with self._pool.read() as db:
            head = _read_head(db)
            head = self._with_set(db, head, self._sets.state(db, head.epoch, None, None))
            rows = db.execute(
                "SELECT updated_at, hash FROM ops WHERE idx < ? ORDER BY updated_at, hash",
                (head.size if size is None else size,),
            )
            for updated_at, digest in rows:
                keys += updated_at.to_bytes(8, "big") + digest
        return head if head.node else head._replace(node=self._key.address), bytes(keys)

    def unknown(self, hashes: Sequence[str]) -> list[str]:
        """Those of the hashes that no op of the log has, and none that is left out for good, in their order."""
        with self._pool.read() as db:
            known = _indices(db, hashes)
            known_out = left_among(db, [item for item in hashes if item not in known])
        return [item for item in hashes if item not in known and item not in known_out]

    def by_hash(self, hashes: Sequence[str], max_bytes: int) -> list[bytes]:
        """The ops with these hashes, children first; without unknown ones, and no more than `max_bytes` (but one)."""
        with self._pool.read() as db:
            return _bodies(db, sorted(_indices(db, hashes).values()), max_bytes)

    def beginning(self, starts: Sequence[bytes], max_bytes: int) -> list[bytes]:
        """The ops whose hashes begin with these bytes, all of one length, children first; of each at most one, without
        unknown ones, and no more than `max_bytes` (but one)."""
        found: set[int] = set()
        with self._pool.read() as db:
            for start in starts:
                row = db.execute(
                    "SELECT idx FROM ops WHERE hash BETWEEN ? AND ? LIMIT 1", (start, start.ljust(32, b"\xff"))
                ).fetchone()
                found.update(row or ())
            return _bodies(db, sorted(found), max_bytes)

    def in_order(self, hashes: Iterable[bytes]) -> list[bytes]:
        """Those of the hashes that are here, children first."""
        places: dict[bytes, int] = {}
        with self._pool.read() as db:
            for chunk in chunks([*hashes]):
                places.update(db.execute(f"SELECT hash, idx FROM ops WHERE hash IN ({marks(chunk)})", chunk))
        return sorted(places, key=places.__getitem__)

    def last_of_others(self, source: str, count: int, size: int) -> list[bytes]:
        """The hashes of the last `count` of the log's first `size` ops that did not come first from this source."""
        found: list[bytes] = []
        stop = size
        with self._pool.read() as db:
            runs = db.execute("SELECT idx, source FROM arrivals WHERE idx < ? ORDER BY idx DESC", (size,))
            for start, came_from in runs:
                if len(found) == count:
                    break
                if came_from != source:
                    rows = db.execute(
                        "SELECT hash FROM ops WHERE idx >= ? AND idx < ? ORDER BY idx DESC LIMIT ?",
                        (start, stop, count - len(found)),
                    )
                    found.extend(digest for (digest,) in rows)
                stop = start
        return found

    @property
    def _sets(self) -> Sets:
        from tui_registry.replica.log.kept_set import Sets  # who looks at the log alone needs none

        if self._kept_sets is None:
            self._kept_sets = Sets(self._pool)
        return self._kept_sets

    def _with_set(self, db: sqlite3.Connection, head: Head, found: SetState | None) -> Head:
        last = head.size - 1
        came = first_seen(db, [last])[last].arrived_at if head.size else None
        if head.size and is_view(db):
            # All nodes of a hub sign one head, of what the operation states itself.
            (came,) = db.execute("SELECT updated_at FROM ops WHERE idx = ?", (last,)).fetchone() or (None,)
        (has_manifests,) = db.execute("SELECT EXISTS (SELECT 1 FROM manifests)").fetchone()
        head = head._replace(rules=MANIFEST_RULES if has_manifests else 1, signed_at=came or 0)
        if found is None or found.root is None:
            return head
        return head._replace(set=found.set_hash.hex(), root=found.root.hex())

    def left_out(self, source: str | None = None, *, but_pushes: bool = False) -> list[bytes]:
        """The raw hashes of what was left out of this log (`registry.rations`) and not asked for again since: they
        count where logs are compared, and in no head of ours. At most 200,000 are remembered.

        Args:
            source: only what this one sent, such as the peer that is compared with. but_pushes: without what only
                pushes brought: strangers may push what no log has, to make all comparisons costly.
        """
        with self._pool.read() as db:
            return hashes_left_out(db, source, but_pushes=but_pushes)

    def why_not_here(self, peer: str, epoch: str, lines: Sequence[bytes], first_entry: int) -> list[str]:
        """Why entries of a peer's log are not in this one, a word for each that is not: a reason for leaving out,
        `wanted` where that is gone, `pending`, `unsupported`, `rejected`, `unread` for what stands behind the peer's
        cursor, or `passed`, which should not be.

        Args:
            lines: of the log of that epoch, from `first_entry` on.
        """
        arrivals = self.check_lines(lines, first_entry)
        with self._pool.read() as db:
            known = _indices(db, [one.op.claim.hash for one in arrivals if one.op is not None])
            return [
                word
                for one in arrivals
                if not one.known and (one.op is None or one.op.claim.hash not in known)
                for word in (self._arrivals().why_not_here(db, peer, epoch, one),)
            ]

    # As it takes lines from elsewhere

    def check_lines(self, lines: Sequence[bytes], first_entry: int | None = None) -> list[Arrival]:
        """Judge lines from elsewhere by themselves, writing nothing: the slow half of storing them, and one that may
        run beside the storing of others.

        Args:
            first_entry: the index of the first line in a peer's log.
        """
        return self._arrivals().check_lines(lines, first_entry)

    @property
    def verifier(self) -> Verifier:
        """What judges lines, on other cores where they are many."""
        from tui_registry.replica.log.verifier import Verifier  # it brings processes and threads

        if self._verifier is None:
            self._verifier = Verifier(processes=self._processes)
        return self._verifier

    def share_cores(self, processes: int) -> None:
        """Leave the other cores to the other processes where so many judge lines of one replica; before any is."""
        self._processes = processes

    def close(self) -> None:
        """Let the processes go that judge."""
        if self._verifier is not None:
            self._verifier.close()

    def quarantine(self, limit: int = 200) -> list[Quarantined]:
        """The last operations that were refused, the latest first; at most 10,000 are remembered."""
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT source, received_at, code, sentence, size, start FROM rejected "
                "ORDER BY received_at DESC, rowid DESC LIMIT ?",
                (max(0, limit),),
            )
            return [Quarantined(*row) for row in rows]

    def quarantine_sources(self) -> dict[str, int]:
        """How many of the remembered refused operations each source sent last, the one of most first."""
        with self._pool.read() as db:
            return dict(
                db.execute("SELECT source, count(*) AS sent FROM rejected GROUP BY source ORDER BY sent DESC, source")
            )

    # As people look at it

    def operations(
        self,
        *,
        mine: bool = False,
        limit: int = 100,
        before: int | None = None,
        unwanted: Callable[[], bool] | None = None,
    ) -> Operations:
        """A window of the log, the last arrived first.

        Args:
            mine: only what this replica's key signed.
            before: only what stands at a lower place than this one, the nearest to it.
            unwanted: asked now and then; once it is true the reading ends.

        Raises:
            StoreError: `interrupted`.
        """
        limit = max(0, limit)
        with self._pool.read(unwanted=unwanted) as db:
            (total,) = db.execute("SELECT size FROM replica").fetchone()
            high = total if before is None else min(before, total)
            places: Sequence[int]
            if mine:
                signer = bytes.fromhex(self._key.known_address(db))
                row = db.execute("SELECT ops FROM owners WHERE address = ?", (signer,)).fetchone()
                total = 0 if row is None else int(row[0])
                places = _places_before(db, signer, high, min(limit, total))
            else:
                places = range(max(0, high - limit), high)
            return Operations(_operations(db, places), total)

    def places(
        self,
        *,
        owners: Sequence[str] | None = None,
        words: str = "",
        by_time: bool = False,
        known: Places | None = None,
        unwanted: Callable[[], bool] | None = None,
    ) -> Places:
        """Where the operations of a list stand. It costs a look at every record, or by time at every time, never at
        every operation.

        Args:
            owners: the addresses whose operations they are; None for everybody's.
            words: the record's name (as it is, or as it was last) has words that begin so, or its id begins so, with
                six digits or more.
            by_time: in the order of the times that they state, not of their arrival.
            known: the answer to the same question at an earlier moment.
            unwanted: asked now and then; once it is true the reading ends.

        Raises:
            StoreError: `interrupted`.
        """
        with self._pool.read(unwanted=unwanted) as db:
            size, epoch = db.execute("SELECT size, epoch FROM replica").fetchone()
            asked = words.split()
            if known is not None and (known.epoch != epoch or known.size > size or asked):
                known = None  # another log, or put back to an older copy; or names may have changed
            if owners is None and not asked and not by_time:
                return Places(range(size - 1, -1, -1), (), size, epoch=epoch)
            signers = None if owners is None else [bytes.fromhex(owner) for owner in owners]
            since = 0 if known is None else known.size
            unread = 0
            if asked:
                rids, unread = _records_called(db, asked)
                found = _places_of_records(db, rids, signers)
            elif signers is not None:
                found = _places_of_owners(db, signers, since)
            else:
                found = array("q", range(since, size))
            if not by_time:
                places = array("q", sorted(found, reverse=True))
                every = places if known is None else places + array("q", known.places)
                return Places(every, (), size, unread, epoch)
            return _in_order_of_time(db, found, known, size)._replace(unread=unread, epoch=epoch)

    def operations_at(self, places: Sequence[int], unwanted: Callable[[], bool] | None = None) -> list[Operation]:
        """The operations at these places, the last arrived first.

        Raises:
            StoreError: `interrupted`.
        """
        with self._pool.read(unwanted=unwanted) as db:
            return _operations(db, places)

    def deeds(self, places: Sequence[int], unwanted: Callable[[], bool] | None = None) -> list[Deed]:
        """What each of these operations did, in the order of the places. Every one is looked at for it.

        Raises:
            StoreError: `interrupted`; `changed` when no operation stands at one of the places any more.
        """
        found: dict[int, tuple[bool, list[str]]] = {}
        with self._pool.read(unwanted=unwanted) as db:
            for chunk in chunks(places):
                rows = db.execute(f"SELECT idx, is_rm, body FROM ops WHERE idx IN ({marks(chunk)})", chunk)
                # A removal is one whatever it builds on.
                found.update((place, (bool(is_rm), [] if is_rm else children_in(body))) for place, is_rm, body in rows)
            named = read_children(db, {child for _, children in found.values() for child in children})
        gone = next((place for place in places if place not in found), None)
        if gone is not None:
            raise StoreError(
                "changed",
                f"the log was repaired or put back meanwhile, and has no operation {gone} now: look at its list again",
            )
        return [
            deed_of(is_rm, [named[child] for child in children])
            for is_rm, children in (found[place] for place in places)
        ]

    def owners(self, text: str) -> list[str]:
        """The addresses that a text may stand for: `me`, the beginning of an address (`0x7a1c`, `0x7a1c..93ef`), or of
        a name that this replica gave; none where nobody is meant."""
        asked = text.strip().casefold()
        if not asked:
            return []
        with self._pool.read() as db:
            if asked == "me":
                return [self._key.known_address(db)]
            named = db.execute("SELECT address, name FROM owner_names ORDER BY address").fetchall()
            found = [address.hex() for address, name in named if name.casefold().startswith(asked)]
            digits = _SHORT_ADDRESS(asked)
            if digits is not None:
                first, last = digits[1], digits[2] or ""
                rows = db.execute("SELECT address FROM owners WHERE address BETWEEN ? AND ?", hex_range(first, 40))
                found += [address.hex() for (address,) in rows if address.hex().endswith(last)]
            return list(dict.fromkeys(found))

    # One record

    def history(self, identifier: str, limit: int | None, before: int | None) -> list[HistoryEntry]:
        """The ops of a record, deleted or not, the last arrived first.

        Args:
            limit: at most so many, None for all.
            before: only those at a lower place in the log than this one.
        """
        with self._pool.read() as db:
            key = find_key(db, identifier)
            return [] if key is None else read_history(db, key, limit, before)

    def version(self, prefix: str, of: str | None = None) -> HistoryEntry:
        """An operation, by its hash or the beginning of it.

        Args:
            of: the id of the record that it must belong to.

        Raises:
            StoreError: `not_found`, `ambiguous`, or `other_record`.
        """
        with self._pool.read() as db:
            return find_version(db, prefix, of)

    def beside(self, identifier: str, place: int) -> Beside:
        """Where among the operations of a record the one at that place stands."""
        with self._pool.read() as db:
            number, of, older, newer = db.execute(
                "SELECT count(*) FILTER (WHERE o.idx <= :place), count(*), max(o.idx) FILTER (WHERE o.idx < :place), "
                "min(o.idx) FILTER (WHERE o.idx > :place) FROM keys k JOIN ops o USING (rid) WHERE k.id = :id",
                {"place": place, "id": stored_id(identifier)},
            ).fetchone()
        return Beside(number, of, older, newer)

    def last_operation(self, identifier: str) -> LastOperation | None:
        """The last operation on a record, deleted or not, and what it replaced; None for an id never seen.

        Of several heads it is the one that is shown, or where all are removals the one that arrived last.
        """
        with self._pool.read() as db:
            key = find_key(db, identifier)
            return None if key is None else read_last(db, key)

    # Batches of this replica's own writes

    def batches(self, limit: int = 100) -> list[WriteBatch]:
        """The writes that were made together, such as imports, the latest first."""
        with self._pool.read() as db:
            return read_batches(db, limit)

    def batch_of(self, place: int) -> WriteBatch | None:
        """The batch of an operation at that place of the log, None where it was written by itself."""
        with self._pool.read() as db:
            return batch_of(db, place)

    def reverse(self, number: int) -> Reverse:
        """What takes a batch back, by what is there now; nothing is written.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.read() as db:
            return read_reverse(db, number)

    def ops_of(self, identifier: str) -> list[bytes]:
        """The exact bytes of every op of a record, children first; empty for an id never seen."""
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT o.body FROM keys k JOIN ops o USING (rid) WHERE k.id = ? ORDER BY o.idx",
                (stored_id(identifier),),
            )
            return [unpacked(kept) for (kept,) in rows]

    def last_deleted(self) -> str | None:
        """The id of the record of this replica's key that was deleted last, None when no deleted one is left."""
        with self._pool.read() as db:
            # Max and the column beside it: SQLite gives the row of the maximum
            # (https://sqlite.org/lang_select.html#bareagg).
            digest, _ = db.execute(
                "SELECT k.id, max(o.idx) FROM keys k CROSS JOIN ops o ON o.rid = k.rid AND o.is_head = 1 "
                "WHERE k.owner = ? AND k.rid > 0 AND NOT EXISTS (SELECT 1 FROM catalogue c WHERE c.rid = k.rid)",
                (bytes.fromhex(self._key.known_address(db)),),
            ).fetchone()
        return None if digest is None else digest.hex()


# How: as other replicas copy it


def sum_at(db: sqlite3.Connection, size: int) -> str | None:
    """The sum of the hashes of the log's first `size` operations; None where it has fewer. It costs a look at those, or
    at those behind them, whichever are fewer."""
    have, fingerprint = db.execute("SELECT size, fingerprint FROM replica").fetchone()
    if size > have:
        return None
    if size < have // 2:
        rows, start, sign = db.execute("SELECT hash FROM ops WHERE idx < ?", (size,)), 0, 1
    else:
        rows, start, sign = db.execute("SELECT hash FROM ops WHERE idx >= ?", (size,)), int(fingerprint, 16), -1
    total = start + sign * sum(int.from_bytes(digest, "big") for (digest,) in rows)
    return f"{total % 2**256:064x}"


def _read_head(db: sqlite3.Connection) -> Head:
    """The head; its node is "" before there is a key."""
    return Head(*db.execute("SELECT epoch, size, fingerprint, address FROM replica").fetchone())


def _indices(db: sqlite3.Connection, hashes: Sequence[str]) -> dict[str, int]:
    """The places of those of the hashes that the log has."""
    found: dict[str, int] = {}
    for chunk in chunks([bytes.fromhex(item) for item in hashes]):
        rows = db.execute(f"SELECT hash, idx FROM ops WHERE hash IN ({marks(chunk)})", chunk)
        found.update((digest.hex(), idx) for digest, idx in rows)
    return found


def _bodies(db: sqlite3.Connection, places: Iterable[int], max_bytes: int) -> list[bytes]:
    """The ops at these places, in the log's own order, which has children first: no more than `max_bytes` (but one)."""
    found: list[bytes] = []
    size = 0
    for place in places:
        (kept,) = db.execute("SELECT body FROM ops WHERE idx = ?", (place,)).fetchone()
        body = unpacked(kept)
        size += len(body) + 1
        if found and size > max_bytes:
            break
        found.append(body)
    return found


# How: lists of operations


def _places_before(db: sqlite3.Connection, owner: bytes, high: int, limit: int) -> list[int]:
    """The places of an owner's operations below one, the nearest to it.

    No index leads from an owner to its operations: it would cost every pull, for the sake of one screen. So the near
    end is walked first, and what is farther off is found by way of the owner's keys, which costs a look at every key.
    """
    near = max(0, high - _NEAR)
    walked = db.execute(
        "SELECT o.idx FROM ops o CROSS JOIN keys k ON k.rid = o.rid WHERE o.idx >= ? AND o.idx < ? AND k.owner = ? "
        "ORDER BY o.idx DESC LIMIT ?",
        (near, high, owner, limit),
    )
    places = [place for (place,) in walked]
    if len(places) < limit and near:
        found = db.execute(
            "SELECT o.idx FROM keys k CROSS JOIN ops o ON o.rid = k.rid WHERE k.owner = ? AND o.idx < ? "
            "ORDER BY o.idx DESC LIMIT ?",
            (owner, near, limit - len(places)),
        )
        places += [place for (place,) in found]
    return places


def _places_of_owners(db: sqlite3.Connection, owners: Sequence[bytes], since: int) -> array[int]:
    """The places from `since` on of what these keys signed, in no order."""
    if since:
        how = "SELECT o.idx FROM ops o CROSS JOIN keys k ON k.rid = o.rid WHERE o.idx >= ?"
    else:
        how = "SELECT o.idx FROM keys k CROSS JOIN ops o ON o.rid = k.rid WHERE o.idx >= ?"
    found = array("q")
    for chunk in chunks(owners):
        found.extend(place for (place,) in db.execute(f"{how} AND k.owner IN ({marks(chunk)})", (since, *chunk)))
    return found


def _places_of_records(db: sqlite3.Connection, rids: Iterable[int], owners: Sequence[bytes] | None) -> array[int]:
    """The places of the operations on these records and their manifests, in no order; with `owners` of theirs only."""
    rows = db.execute(
        "WITH wanted (rid) AS (SELECT value FROM json_each(:rids) UNION ALL SELECT m.rid FROM json_each(:rids) j "
        "CROSS JOIN keys k ON k.rid = j.value CROSS JOIN manifests m ON m.subject = k.id) "
        "SELECT o.idx, k.owner FROM wanted CROSS JOIN keys k USING (rid) CROSS JOIN ops o USING (rid)",
        {"rids": json.dumps(sorted(rids))},
    )
    return array("q", [place for place, owner in rows if owners is None or owner in owners])


def _records_called(db: sqlite3.Connection, asked: Sequence[str]) -> tuple[set[int], int]:
    """The records that every one of these words fits, by name or id, and of how many the names were not looked at."""
    (keys, live) = db.execute("SELECT (SELECT max(rid) FROM keys), models + agents FROM replica").fetchone()
    gone = _names_of_deleted(db) if keys and keys > live else {}
    fitting: set[int] | None = None
    for word in asked:
        found: set[int] = set()
        parts = folded_words(word)
        if parts:
            query = f'"{" ".join(parts)}" *'
            found.update(rid for (rid,) in db.execute("SELECT rowid FROM names WHERE names MATCH ?", (query,)))
            found.update(rid for rid, name in gone.items() if _has_words(name, parts))
        if _HEX(word.lower()):
            ids = hex_range(word.lower(), 64)
            found.update(rid for (rid,) in db.execute("SELECT rid FROM keys WHERE id BETWEEN ? AND ?", ids))
        fitting = found if fitting is None else fitting & found
    return fitting or set(), max(0, (keys or 0) - live - len(gone))


def _has_words(name: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether these words stand in a name one behind the other, of the last its beginning."""
    *whole, last = parts
    return any(
        name[start : start + len(whole)] == whole and name[start + len(whole)].startswith(last)
        for start in range(len(name) - len(whole))
    )


def _names_of_deleted(db: sqlite3.Connection) -> dict[int, list[str]]:
    """The words of the name that each deleted record had last, of the records that came here last."""
    # All heads of a deleted record are removals. With `is_head` the index leads from the last of the others downwards,
    # and the search ends at the first write: a stranger may have put thousands of removals on it.
    rows = db.execute(
        "SELECT k.rid, o.body FROM keys k CROSS JOIN ops o ON o.idx = "
        "(SELECT max(idx) FROM ops WHERE rid = k.rid AND is_head = 0 AND is_rm = 0) "
        "WHERE k.rid > 0 AND NOT EXISTS (SELECT 1 FROM catalogue c WHERE c.rid = k.rid) ORDER BY k.rid DESC LIMIT ?",
        (_MOST_DELETED,),
    )
    records = ((rid, record_of(body)) for rid, body in rows)
    return {rid: folded_words(str(record["name"])) for rid, record in records if record is not None}


def _in_order_of_time(db: sqlite3.Connection, found: array[int], known: Places | None, size: int) -> Places:
    """These operations and the known ones, the last written first, of one second the last arrived."""
    rows: Iterable[tuple[int, int]]
    if len(found) * 8 > size:
        # Most of the log: the index has the times side by side.
        wanted = bytearray(size)
        for place in found:
            wanted[place] = 1
        every = db.execute("SELECT updated_at, idx FROM ops INDEXED BY ops_written ORDER BY updated_at DESC, idx DESC")
        rows = (row for row in every if wanted[row[1]])
    else:
        rows = db.execute(
            "SELECT o.updated_at, o.idx FROM json_each(?) j CROSS JOIN ops o ON o.idx = j.value "
            "ORDER BY o.updated_at DESC, o.idx DESC",
            (json.dumps(found.tolist()),),
        )
    old_places, old_times = (array("q"), array("q")) if known is None else (known.places, known.times)
    places, times, taken = array("q"), array("q"), 0
    for when, place in rows:
        if taken < len(old_places):
            # What arrived later stands before the others of its second.
            here = bisect_left(old_times, -when, lo=taken, key=lambda time: -time)
            places.extend(old_places[taken:here])
            times.extend(old_times[taken:here])
            taken = here
        places.append(place)
        times.append(when)
    places.extend(old_places[taken:])
    times.extend(old_times[taken:])
    return Places(places, times, size)


def _operations(db: sqlite3.Connection, places: Sequence[int]) -> list[Operation]:
    (address,) = db.execute("SELECT address FROM replica").fetchone()
    read: dict[int, _Read] = {}
    for chunk in chunks(places):
        rows = db.execute(
            "SELECT o.idx, k.kind, k.id, m.kind, m.subject, k.owner, o.hash, o.clock, o.updated_at, o.is_head, "
            "coalesce(c.idx, m.idx), o.body FROM ops o JOIN keys k USING (rid) LEFT JOIN catalogue c USING (rid) "
            f"LEFT JOIN manifests m USING (rid) WHERE o.idx IN ({marks(chunk)})",
            chunk,
        )
        for place, code, key, subjects, subject, owner, digest, clock, updated_at, is_head, shown, body in rows:
            # A record may be large, and a window holds hundreds: no more of it is kept than what is shown.
            record, children = parts_of(body)
            of = OP_KINDS_BY_CODE[code]
            read[place] = _Read(
                key=key.hex(),
                of=of,
                kind=KINDS_BY_CODE[subjects if of == "manifest" else code],
                id=(subject if of == "manifest" else key).hex(),
                owner=owner.hex(),
                hash=digest.hex(),
                clock=clock,
                updated_at=updated_at,
                is_head=bool(is_head),
                shown=shown,
                told=None if record is None else _shown(record),
                children=children,
            )
    seen = first_seen(db, places)
    named = read_children(db, {child for op in read.values() for child in op.children})
    taken = _taken_away(
        db,
        {
            place: (op.key, op.updated_at, [named[child] for child in op.children])
            for place, op in read.items()
            if op.told is None
        },
    )
    found = []
    for place in sorted(read, reverse=True):
        op = read[place]
        name, version = op.told or taken.get(place, ("", ""))
        found.append(
            Operation(
                place=place,
                kind=op.kind,
                id=op.id,
                of=op.of,
                did=deed_of(op.told is None, [named[child] for child in op.children]),
                name=name,
                version=version,
                hash=op.hash,
                actor=op.owner,
                clock=op.clock,
                updated_at=op.updated_at,
                arrived_at=seen[place].arrived_at,
                source=seen[place].source,
                is_head=op.is_head,
                is_winner=op.shown == place,
                is_gone=op.shown is None,
                mine=op.owner == address,
                children=op.children,
            )
        )
    return found


class _Read(NamedTuple):
    """What is read of one operation: `key` is what it writes, `kind` and `id` are of the record that it concerns,
    `told` is what a write says of it."""

    key: str
    of: OpKind
    kind: Kind
    id: str
    owner: str
    hash: str
    clock: int
    updated_at: int
    is_head: bool
    shown: int | None
    told: tuple[str, str] | None
    children: tuple[str, ...]


def _taken_away(
    db: sqlite3.Connection, removals: Mapping[int, tuple[str, int, Sequence[Child]]]
) -> dict[int, tuple[str, str]]:
    """Name and version of what removals took away, of several versions the one that was shown; by their places.

    Nothing is followed from operation to operation, as for one record: a list has many, and a stranger can make each
    history long.

    Args:
        removals: by place the id of the record, the time, and the operations that it builds upon.
    """
    writes_at: dict[int, int] = {}
    at_hand: dict[str, list[Child]] = {}
    for place in sorted(removals, reverse=True):
        key, updated_at, children = removals[place]
        writes = [child for child in children if not child.is_rm]
        # A removal of the same second may be of the same deletion, of more heads than one operation names.
        if not writes or any(child.is_rm and child.updated_at == updated_at for child in children):
            # As for the removal above, unless the record was written between them.
            if key not in at_hand or any(child.place > place for child in at_hand[key]):
                at_hand[key] = _last_writes(db, key, place)
            writes = at_hand[key]
        if writes:
            writes_at[place] = min(writes, key=lambda child: (-child.clock, child.hash)).place
    shown: dict[int, tuple[str, str]] = {}
    for chunk in chunks(sorted({*writes_at.values()})):
        rows = db.execute(f"SELECT idx, body FROM ops WHERE idx IN ({marks(chunk)})", chunk)
        records = ((write, record_of(body)) for write, body in rows)
        shown.update((write, _shown(record)) for write, record in records if record is not None)
    return {place: shown[write] for place, write in writes_at.items()}


def _last_writes(db: sqlite3.Connection, key: str, before: int) -> list[Child]:
    """The last writes of a record below a place that something builds upon, as on all that was ever taken away."""
    rows = db.execute(
        "SELECT idx, hash, clock, updated_at FROM ops WHERE rid = (SELECT rid FROM keys WHERE id = ?) "
        "AND is_head = 0 AND is_rm = 0 AND idx < ? ORDER BY idx DESC LIMIT ?",
        (stored_id(key), before, _MOST_WRITES),
    )
    return [Child(place, digest.hex(), False, clock, updated_at) for place, digest, clock, updated_at in rows]


def _shown(record: Record) -> tuple[str, str]:
    return name_of(record), str(record.get("version", ""))
