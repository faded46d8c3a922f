"""The peers that this replica pulls from, and how far each log of theirs was read."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from tui_registry.crdt.signed_heads import SIGNATURE_DIGITS, head_signer
from tui_registry.crdt.tree import RightEdge
from tui_registry.errors import Problem
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import RULES_VERSION
from tui_registry.replica.log.left_out import (
    Wanted,
    asked,
    left_of_peers,
    left_owners,
    look_again,
    named_since,
    note_all_left,
    note_left,
    want_named,
    wanted_of,
)
from tui_registry.replica.log.shared_log import Head
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.stored import chunks, marks

if TYPE_CHECKING:
    from tui_registry.replica.log.arrivals import ApplyReport, Arrival, Arrivals, Outcome

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}").fullmatch
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", re.ASCII).fullmatch
# A scheme, or a host and its port, and not the two slashes that make a URL of it.
_HALF_A_URL = re.compile(r"[^/]*:").match

_KEPT_EPOCHS = 4
_NO_SUM = "0" * 64
_MODULUS: Final = 2**256
# See protocol.md, Tiles.
_TILE = 256
# Of one log, the first that were refused for their bytes. They are looked at again one tile at a time.
_MOST_SPOILT = 4_096
# Which operations this program can read: when it changes, unsupported ones are read again.
READER_VERSION = f"rules-{RULES_VERSION}"


class Peer(NamedTuple):
    """A node or static log that this replica pulls from.

    Attributes:
        address: an http(s) URL or a directory.
        epoch, next_index: the cursor in the peer's current epoch; None and 0 before the first pull.
        their_size: ops in its log at the last look, None when never reached.
        identical: everything up to the head's size was read, and size and fingerprint equal ours, but for what is left
            out here.
        left_out: so many of the ops in its log are left out here.
        rejected, pending, unsupported: ops of this peer that this replica refused, holds back, or cannot read yet.
        last_sync: Unix seconds of the last complete pull.
        last_error: why the last try failed, None when it went well.
        etag: of the last head read, for a poll that costs nothing.
        pinned: the key that its heads are known by, an address: the first one that signed any, or one that was named;
            None before that.
        signed_by: the key of its head that was read last, None where that bears no signature.
        root_fits: whether the root that its head names is that of the entries that were read; None where that cannot
            be told.
        faces: proofs that one of these keys signed two heads that cannot both be true, and that nobody said they know.
    """

    name: str
    address: str
    epoch: str | None
    next_index: int
    their_size: int | None
    their_fingerprint: str | None
    node: str | None
    identical: bool
    rejected: int
    pending: int
    unsupported: int
    last_sync: int | None
    last_error: str | None
    last_try: int | None
    etag: str | None
    pinned: str | None = None
    signed_by: str | None = None
    root_fits: bool | None = None
    faces: int = 0
    left_out: int = 0


class Faces(NamedTuple):
    """The proof that a key signed two heads of the same log and size with different roots: it shows one log to some and
    another to others, or it goes on from a backup under the old name.

    Attributes:
        key: the address that signed both.
        heads: the two, in the order in which they were read; shown_by: the peers that showed them.
        found_at: Unix seconds.
        known: somebody was told, and said so (`Peers.trust`).
    """

    key: str
    epoch: str
    size: int
    heads: tuple[Head, Head]
    shown_by: tuple[str, str]
    found_at: int
    known: bool


class Cursor(NamedTuple):
    """How far a peer's log was read.

    Attributes:
        start: the index to read next; before `next_index` when an op that was not kept is read again.
        next_index: one past the last entry ever read in this epoch.
        running_sum: of the hashes of entries 0..next_index, 64 hex digits.
        restarted: the cursor was void (the peer was restored from a backup, or its sums disagree) and starts at 0.
        off_by: what a head of this log exceeds that sum by, modulo 2^256, as entries that were refused claim other
            hashes than those that the peer counts; 64 hex digits.
    """

    epoch: str
    start: int
    next_index: int
    running_sum: str
    restarted: bool = False
    off_by: str = _NO_SUM

    def fits(self, head: Head) -> bool:
        """Whether a head is of the log that was read, as far as can be told: it says nothing of a longer one."""
        return self.next_index != head.size or _agrees(self.running_sum, self.off_by, head.fingerprint)


class Standing(NamedTuple):
    """How a peer's head stands to what was read of its log.

    Attributes:
        verdict: `on`: it goes on from there, or is the first of its log; `stale`: it is an older head of the same log;
            `other`: it is of another log than was read last; `unsure`: an older head or another log, which the entries
            from its size up to `known` tell: with their hashes its fingerprint becomes `total`, or it does not.
        known: the next size at which the sum is known, within the same tile; `total`: that sum, 64 hex digits;
            `off_by`: as for a cursor.
    """

    verdict: Literal["on", "stale", "other", "unsure"]
    known: int = 0
    total: str = _NO_SUM
    off_by: str = _NO_SUM

    def leads_there(self, head: Head, hashes: Iterable[str | None]) -> bool:
        """Whether it is an older head of the same log, by the hashes of the entries from its size up to `known`."""
        total = sum((int(item or "0", 16) for item in hashes), int(head.fingerprint, 16))
        return _agrees(self.total, self.off_by, f"{total % _MODULUS:064x}")


class Spoilt(NamedTuple):
    """An entry of a peer's log that was refused for its bytes: its index, and the hash that it claimed."""

    entry: int
    claimed: str | None


class Peers:
    """The peers, by name."""

    def __init__(self, pool: Pool, clock: Callable[[], int], arrivals: Callable[[], Arrivals]) -> None:
        """
        Args:
            clock: gives Unix seconds. arrivals: gives what stores operations, once there are any.
        """
        self._pool = pool
        self._clock = clock
        self._arrivals = arrivals

    def all(self) -> list[Peer]:
        """Every peer, by name."""
        with self._pool.read() as db:
            return read_peers(db)

    def get(self, name: str) -> Peer:
        """The peer of that name.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.read() as db:
            found = read_peers(db, name)
        if not found:
            raise _no_such_peer(name)
        return found[0]

    def add(self, name: str, address: str, *, key: str | None = None) -> Peer:
        """Remember a node (http or https URL) or a static log (directory) to pull from.

        Args:
            key: the one that signs its heads, an address, where that is known; None for the first one that does.

        Raises:
            StoreError: `bad_peer_name`, `bad_address`, `peer_exists`, `bad_key`.
        """
        _raise_first(_check_place(address))
        pinned = None if key is None else _address(key)
        with self._pool.write() as db:
            _raise_first(_check(db, name, address))
            db.execute(
                "INSERT INTO peers (name, address, added_at, pinned) VALUES (?, ?, ?, ?)",
                (name, _normal(address), self._clock(), pinned),
            )
        return self.get(name)

    def check(self, name: str, address: str) -> list[Problem]:
        """What keeps a peer of that name and address from being added, by field (`name`, `address`); for forms."""
        with self._pool.read() as db:
            problems = _check(db, name, address)
        return problems + _check_place(address)

    def remove(self, name: str) -> None:
        """Forget a peer, its cursors, its ration and what waits on its behalf; the ops that came from it stay.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.write() as db:
            if db.execute("DELETE FROM peers WHERE name = ?", (name,)).rowcount == 0:
                raise _no_such_peer(name)
            for table in ("cursors", "shown_heads", *_BESIDE_CURSORS):
                db.execute(f"DELETE FROM {table} WHERE peer = ?", (name,))
            db.execute("DELETE FROM pending WHERE source = ?", (name,))
            if db.execute("DELETE FROM rations WHERE source = ?", (name,)).rowcount:
                look_again(db)

    # Whose heads they are

    def see_head(self, name: str, head: Head, *, is_last: bool = True) -> None:
        """Take note of a head that the peer showed, whose signature was checked if it bears one: the first key is
        pinned, and what it says is compared with what the same key said of the same log and size before, here or
        through another peer.

        Args:
            is_last: False for one that is not gone by, such as an older one from a cache: it is compared only.
        """
        with self._pool.read() as db:
            if not _is_news(db, name, head, is_last):
                return
        with self._pool.write() as db:
            if db.execute("SELECT 1 FROM peers WHERE name = ?", (name,)).fetchone() is None:
                return  # removed meanwhile
            if head.sig:
                _keep_head(db, name, head, self._clock())
            if is_last:
                signer = head.node if head.sig else None
                db.execute(
                    "UPDATE peers SET pinned = coalesce(pinned, :signer), signed_by = :signer WHERE name = :name",
                    {"signer": signer, "name": name},
                )

    def trust(self, name: str, key: str | None) -> Peer:
        """From now on expect a peer's heads to be signed by this key; the proofs that stand against it or the one
        before are known.

        Args:
            key: an address; None for none: the next key that signs one is pinned.

        Raises:
            StoreError: `not_found`, `bad_key`.
        """
        address = None if key is None else _address(key)
        with self._pool.write() as db:
            row = db.execute("SELECT pinned, signed_by FROM peers WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise _no_such_peer(name)
            db.execute("UPDATE peers SET pinned = ? WHERE name = ?", (address, name))
            db.execute("UPDATE faces SET known = 1 WHERE key IN (?, ?, ?)", (*row, address))
        return self.get(name)

    def faces(self) -> list[Faces]:
        """The proofs of two faces, the last ones found first. Each is checked once more: a replica may have been made
        of somebody else's backup."""
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT key, epoch, size, one, other, one_from, other_from, found_at, known "
                "FROM faces ORDER BY seq DESC"
            ).fetchall()
        found = []
        for key, epoch, size, one, other, first, second, at, known in rows:
            heads = _read_shown(one), _read_shown(other)
            if heads[0] is not None and heads[1] is not None:
                found.append(Faces(key, epoch, size, (heads[0], heads[1]), (first, second), at, bool(known)))
        return [faces for faces in found if _is_proof(faces)]

    def standing(self, name: str, head: Head) -> Standing:
        """How a peer's head stands to what was read of its log; nothing is changed.

        A head may come from a cache that holds an older one: see protocol.md, Pulling.
        """
        with self._pool.read() as db:
            row = _read_cursor(db, name, head.epoch)
            last = db.execute("SELECT epoch FROM peers WHERE name = ?", (name,)).fetchone()
            if last is None or last[0] is None:
                return Standing("on")
            if row is None or last[0] != head.epoch:
                # Another log, or the head of one that is no more.
                return Standing("other")
            next_index, running_sum, off_by = row
            if head.size >= next_index:
                fits = Cursor(head.epoch, next_index, next_index, running_sum, off_by=off_by).fits(head)
                fits = fits or _may_differ(db, name, head.epoch)
                return Standing("on" if fits else "other")
            known, total = _next_sum(db, name, head) or (next_index, running_sum)
        if known == head.size:
            return Standing("stale" if _agrees(total, off_by, head.fingerprint) else "other")
        if head.size // _TILE != (known - 1) // _TILE:
            return Standing("other")
        return Standing("unsure", known, total, off_by)

    def begin_pull(self, name: str, head: Head, *, anew: bool = False) -> Cursor:
        """Where to read on in the peer's log, given its head; makes the cursor for an epoch not seen before.

        The cursor is void when the log is shorter than what was read, or when everything was read and the sums
        disagree: the peer was restored from a backup, or lies. Then reading starts at 0.

        Args:
            anew: it is void in any case.

        Raises:
            StoreError: `not_found`.
        """
        with self._pool.write() as db:
            if db.execute("SELECT 1 FROM peers WHERE name = ?", (name,)).fetchone() is None:
                raise _no_such_peer(name)
            row = _read_cursor(db, name, head.epoch)
            next_index, running_sum, off_by = row or _UNREAD
            cursor = Cursor(head.epoch, next_index, next_index, running_sum, off_by=off_by)
            fits = head.size >= next_index and (cursor.fits(head) or _may_differ(db, name, head.epoch))
            void = next_index > 0 and (anew or not fits)
            if void:
                next_index, running_sum, off_by = _UNREAD
                for table in _BESIDE_CURSORS:
                    db.execute(f"DELETE FROM {table} WHERE peer = ? AND epoch = ?", (name, head.epoch))
            if row is None or void:
                db.execute(
                    "INSERT OR REPLACE INTO cursors (peer, epoch, next_index, running_sum, used_at) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (name, head.epoch, next_index, running_sum, self._clock()),
                )
                _forget_old_epochs(db, name, head.epoch)
                # What that log holds of a later version is counted as it is read.
                db.execute("UPDATE peers SET unsupported = 0 WHERE name = ?", (name,))
            again = _first_to_read_again(db, name, head.epoch, self._arrivals)
            db.execute("UPDATE peers SET epoch = ? WHERE name = ?", (head.epoch, name))
        start = next_index if again is None else min(again, next_index)
        return Cursor(head.epoch, start, next_index, running_sum, void, off_by)

    def store_entries(self, name: str, cursor: Cursor, arrivals: Sequence[Arrival]) -> tuple[ApplyReport, Cursor]:
        """Store checked entries of a peer's log and move its cursor, in one transaction; on a hub in several, each of
        which moves it so far.

        Args:
            cursor: from `begin_pull`, or from the call before this one.
            arrivals: from `Log.check_lines`, beginning at `cursor.start`.
        """
        total: ApplyReport | None = None
        offset = 0
        for part in self._arrivals().parts_of_turns(arrivals):
            write = partial(self._store_part, name, cursor, part)
            try:
                report, cursor = self._arrivals().in_turn(part, write)
            except StoreError as error:
                raise error.after(0 if total is None else total.applied) from error
            if total is None:
                total = report
            else:
                total.add(report)
                total.rejected += [item._replace(place=item.place + offset) for item in report.rejected]
            offset += len(part)
        assert total is not None  # of no operations it is one part too
        return total, cursor

    def _store_part(
        self, name: str, cursor: Cursor, arrivals: Sequence[Arrival], db: sqlite3.Connection
    ) -> tuple[ApplyReport, Cursor]:
        start, stop, now = cursor.start, cursor.start + len(arrivals), self._clock()
        # Before storing, which may find anew that an entry cannot be kept.
        db.execute(
            "UPDATE cursors SET again_index = CASE WHEN :stop < next_index THEN :stop END "
            "WHERE peer = :peer AND epoch = :epoch AND again_index BETWEEN :start AND :stop",
            {"start": start, "stop": stop, "peer": name, "epoch": cursor.epoch},
        )
        outcome = self._arrivals().store(db, arrivals, name, now, epoch=cursor.epoch)
        total = _write_sums(db, name, cursor, arrivals)
        moved = cursor._replace(start=stop, next_index=max(stop, cursor.next_index), running_sum=total)
        _grow_edge(db, name, cursor, arrivals, outcome)
        _move_cursor(db, name, moved, now)
        _mark_spoilt(db, name, cursor, arrivals, outcome.report)
        note_left(db, name, cursor.epoch, stop, outcome.left)
        if outcome.unread:
            _mark_unsupported(db, name, cursor.epoch, min(outcome.unread))
        report = outcome.report
        db.execute(
            "UPDATE peers SET rejected = rejected + ?, unsupported = unsupported + ? WHERE name = ?",
            (len(report.rejected), report.unsupported, name),
        )
        return report, moved

    def may_differ(self, name: str, epoch: str) -> bool:
        """Whether it is no wonder that a log comes to another sum than its head says: some of it, read in this pull or
        in an earlier one, was refused for its bytes or is of a later version, and may claim another hash than the peer
        counts.

        False once the log was read to its end: from then on it is known what its heads exceed the sum by.
        """
        with self._pool.read() as db:
            return _may_differ(db, name, epoch)

    def wanted(self, name: str, epoch: str, most: int) -> Wanted | None:
        """What was left out, may come in by now, and is to be asked of a peer before its log is read; None for nothing.

        Args:
            epoch: of its log. most: so many hashes at most.
        """
        with self._pool.read() as db:
            named = named_since(db)
            wanted = wanted_of(db, name, epoch, most)
        if not named:
            return wanted
        with self._pool.write() as db:
            want_named(db, named)
            return wanted_of(db, name, epoch, most)

    def asked(self, name: str, epoch: str, *, again: bool, is_full: bool = False) -> None:
        """Note that a peer was asked for all that was `wanted`. Where it did not give what it had sent before, its log
        is read again from the first entry that was left out.

        Args:
            again: that is to be done in any case: it could not be asked, or not for all.
            is_full: it was not asked for the rest, as there is no room for it.
        """
        with self._pool.write() as db:
            asked(db, name, epoch, again=again, is_full=is_full)

    def skip_entries(
        self, name: str, epoch: str, size: int, fingerprint: str, *, left_out: Sequence[tuple[int, str, str]] = ()
    ) -> Cursor:
        """Move a peer's cursor behind entries that are all here, or left out, without having been read one by one.

        Args:
            fingerprint: the sum of the hashes of entries 0..size.
            left_out: those of the entries that are remembered as left out, each by an index from which on it stands
                in the log, its hash and its owner.
        """
        moved = Cursor(epoch, size, size, fingerprint)
        with self._pool.write() as db:
            _move_cursor(db, name, moved, self._clock())
            _write_sum(db, name, epoch, size, int(fingerprint, 16))
            note_left(db, name, epoch, size, [(entry, digest, owner, True) for entry, digest, owner in left_out])
        return moved

    def pass_over(
        self,
        name: str,
        their_epoch: str,
        size: int,
        total: str,
        *,
        epoch: str,
        hashes: Sequence[bytes],
        left: Mapping[bytes, int] | None = None,
        unread: int = 0,
        edge: RightEdge | None = None,
    ) -> Cursor | None:
        """Move a peer's cursor behind entries that were compared with this log, as long as that is the one that was
        compared, and all that was fetched for it is here.

        Args:
            size, total: how many entries, and the sum of their hashes. epoch: of this log. hashes: what must be here or
                left out, but for so many that are `unread`, as they are of a later version. left: what was left out
                before, each with an entry from which on it stands there. edge: of the tree over those entries,
                where their order is known.
        """
        moved = Cursor(their_epoch, size, size, total)
        with self._pool.write() as db:
            if db.execute("SELECT epoch FROM replica").fetchone() != (epoch,):
                return None
            here = 0
            for chunk in chunks(hashes):
                (found,) = db.execute(f"SELECT count(*) FROM ops WHERE hash IN ({marks(chunk)})", chunk).fetchone()
                here += found
            owners = left_owners(db, [*hashes, *(left or ())])
            if here + sum(digest in owners for digest in hashes) + unread != len(hashes):
                return None
            if any(digest not in owners for digest in left or ()):
                return None  # it is wanted by now, came in, or was forgotten: no cursor may pass it unnoted
            places = dict.fromkeys(hashes, 0) | dict(left or {})
            told = [(places[digest], digest.hex(), owner) for digest, owner in owners.items()]
            note_all_left(db, name, their_epoch, size, told)
            if unread:
                _mark_unsupported(db, name, their_epoch, 0)
                db.execute("UPDATE peers SET unsupported = unsupported + ? WHERE name = ?", (unread, name))
            _move_cursor(db, name, moved, self._clock())
            _write_sum(db, name, their_epoch, size, int(total, 16))
            if edge is not None:
                _write_edge(db, name, their_epoch, edge, doubtful=False)
        return moved

    def note_pushed(self, name: str, their_epoch: str, start: int, hashes: Sequence[bytes]) -> None:
        """Move a peer's cursor behind what it has just appended of ours, where it stands at the first of it: what we
        gave away need not come back."""
        with self._pool.write() as db:
            row = _read_cursor(db, name, their_epoch)
            if row is None or row[0] != start:
                return
            total = int(row[1], 16) + sum(int.from_bytes(digest, "big") for digest in hashes)
            stop = start + len(hashes)
            edge, doubtful = _read_edge(db, name, their_epoch) or (None, False)
            if edge is not None and edge.size == start:
                _write_edge(db, name, their_epoch, edge.extended(hashes), doubtful)
            _move_cursor(db, name, Cursor(their_epoch, stop, stop, f"{total % _MODULUS:064x}"), self._clock())
            _write_sum(db, name, their_epoch, stop, total)

    def spoilt(self, name: str, epoch: str) -> list[Spoilt]:
        """The entries of a peer's log that were refused for their bytes and whose operations are not here, those first
        that were looked at least often."""
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT entry, claimed FROM spoilt s WHERE peer = ? AND epoch = ? AND NOT EXISTS "
                "(SELECT 1 FROM ops o WHERE o.hash = s.claimed) ORDER BY tries, entry",
                (name, epoch),
            )
            return [Spoilt(entry, None if claimed is None else claimed.hex()) for entry, claimed in rows]

    def store_again(self, name: str, epoch: str, arrivals: Sequence[Arrival]) -> ApplyReport:
        """Store entries of a peer's log that were spoilt when they were read; those that still are stay marked, and are
        neither counted nor told again.

        Args:
            arrivals: of `spoilt` entries, checked, with their indexes.
        """
        total: ApplyReport | None = None
        for part in self._arrivals().parts_of_turns(arrivals):
            report = self._arrivals().in_turn(part, partial(self._store_part_again, name, epoch, part))
            report.rejected.clear()
            if total is None:
                total = report
            else:
                total.add(report)
        assert total is not None  # as in `store_entries`
        return total

    def _store_part_again(
        self, name: str, epoch: str, arrivals: Sequence[Arrival], db: sqlite3.Connection
    ) -> ApplyReport:
        outcome = self._arrivals().store(db, arrivals, name, self._clock(), epoch=epoch)
        report = outcome.report
        if outcome.unread:
            _mark_unsupported(db, name, epoch, min(outcome.unread))
        still = {rejection.place for rejection in report.rejected if rejection.is_spoilt}
        for arrival in arrivals:
            assert arrival.entry is not None
            if arrival.index in still:
                db.execute(
                    "UPDATE spoilt SET tries = tries + 1 WHERE peer = ? AND epoch = ? AND entry = ?",
                    (name, epoch, arrival.entry),
                )
            else:
                _count_otherwise(db, name, epoch, arrival.entry, arrival.claimed)
        return report

    def finish_pull(
        self, name: str, head: Head | None, error: str | None, etag: str | None = None, *, whole: bool = True
    ) -> None:
        """Write down how a pull ended.

        Args:
            error: a sentence, None when it went well.
            whole: False when the user stopped it before the peer's head: no failure, and no sync either.
        """
        now = self._clock()
        synced = whole and error is None
        with self._pool.write() as db:
            if head is not None:
                db.execute(
                    "UPDATE peers SET their_size = ?, their_fingerprint = ?, node = ?, etag = ? WHERE name = ?",
                    (head.size, head.fingerprint, head.node, etag if synced else None, name),
                )
                if synced:
                    _note_difference(db, name, head)
                    _check_root(db, name, head)
            db.execute(
                "UPDATE peers SET last_try = ?, last_error = ?, last_sync = coalesce(?, last_sync) WHERE name = ?",
                (now, error, now if synced else None, name),
            )


def read_peers(db: sqlite3.Connection, name: str | None = None) -> list[Peer]:
    """Every peer by name, or the one of that name."""
    rows = db.execute(
        "SELECT p.name, p.address, p.epoch, coalesce(c.next_index, 0), p.their_size, p.their_fingerprint, p.node, 0, "
        "p.rejected, (SELECT count(*) FROM pending WHERE source = p.name), p.unsupported, p.last_sync, p.last_error, "
        "p.last_try, p.etag, p.pinned, p.signed_by, p.root_fits, "
        "(SELECT count(*) FROM faces f WHERE NOT f.known AND f.key IN (p.pinned, p.signed_by)) "
        "FROM replica r, peers p LEFT JOIN cursors c ON c.peer = p.name AND c.epoch = p.epoch "
        "WHERE ? IS NULL OR p.name = ? ORDER BY p.name",
        (name, name),
    )
    found = [Peer._make((*row, 0)) for row in rows]
    left = left_of_peers(db) if found else {}
    size, fingerprint = db.execute("SELECT size, fingerprint FROM replica").fetchone()
    peers = []
    for peer in found:
        ops, total = left.get(peer.name, (0, 0))
        # Everything up to the head's size was read, and size and fingerprint are ours and those of what is left out.
        identical = (
            peer.last_sync is not None
            and peer.their_size == size + ops
            and peer.their_fingerprint == _plus(fingerprint, total)
            and peer.next_index >= size + ops
        )
        root_fits = None if peer.root_fits is None else bool(peer.root_fits)
        peers.append(peer._replace(identical=identical, left_out=ops, root_fits=root_fits))
    return peers


# How: names and addresses


def _check(db: sqlite3.Connection, name: str, address: str) -> list[Problem]:
    problems = []
    if not _NAME(name):
        sentence = "a peer's name is 1 to 32 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
        problems.append(Problem("name", "error", "bad_peer_name", sentence))
    elif db.execute("SELECT 1 FROM peers WHERE name = ?", (name,)).fetchone():
        problems.append(Problem("name", "error", "peer_exists", "another peer has that name already: remove it first"))
    fault = _address_fault(address.strip())
    if fault is not None:
        problems.append(Problem("address", "error", "bad_address", fault))
    elif row := db.execute("SELECT name FROM peers WHERE address = ?", (_normal(address),)).fetchone():
        sentence = f"the peer {row[0]} has that address already: remove it first"
        problems.append(Problem("address", "error", "peer_exists", sentence))
    return problems


def _raise_first(problems: Sequence[Problem]) -> None:
    for problem in problems:
        raise StoreError(problem.code, problem.sentence)


def _check_place(address: str) -> list[Problem]:
    """What is wrong with the place that an address names: a folder may come later, such as a stick, a file is none.

    It looks at the disk, and a share may keep it waiting: not for the inside of a write.
    """
    if "://" in address or not address.strip():
        return []
    try:
        is_folder = stat.S_ISDIR(Path(_normal(address)).stat().st_mode)
    except (OSError, ValueError):
        return []
    sentence = "that is a file, not a directory: name one made by `export --log`, or a node's URL"
    return [] if is_folder else [Problem("address", "error", "bad_address", sentence)]


def _no_such_peer(name: str) -> StoreError:
    return StoreError("not_found", f"there is no peer named '{name[:32]}': see `peer list`")


def _address_fault(address: str) -> str | None:
    if not address:
        return "the address is empty: give a URL such as http://HOST:8420, or a directory"
    if "://" not in address:
        return _folder_fault(address)
    try:
        parts = urlsplit(address)
        _, colon, port = parts.netloc.rpartition(":")
        if colon and port.isdecimal() and not 0 < int(port) < 65_536:
            return f"{port[:10]} is not a port: 1 to 65535"
        sound = parts.scheme in ("http", "https") and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment or parts.username is not None or not _is_plain(address):
        return "a node's address is http://HOST[:PORT] or https://HOST[:PORT], with no more than a path"
    return None


def _is_plain(address: str) -> bool:
    return len(address) <= 2_000 and address.isprintable()  # no surrogates either, which no URL can hold


def _is_host(host: str) -> bool:
    """Whether it is an IP address or a name that can be looked up (IDNA 2008, RFC 5891), as the web client has it."""
    import idna  # its tables are large, and few name a peer

    name = host.lower()
    try:
        # A name never ends in a number (RFC 1123, 2.1), so that a wrong IPv4 address is none either.
        if ":" in name or name.rpartition(".")[2].isdecimal():
            return "%" not in name and name.isascii() and str(ip_address(name)) != ""
        if not name.isascii():
            name = idna.encode(name).decode("ascii")
        elif "xn--" in name:
            idna.decode(name)
    except ValueError:
        return False
    return _HOST(name) is not None


def _folder_fault(address: str) -> str | None:
    if _HALF_A_URL(address):
        return (
            "a node's address is http://HOST[:PORT] or https://HOST[:PORT]; a directory with a colon in its name is "
            "./NAME"
        )
    try:
        _normal(address).encode()
    except UnicodeEncodeError:
        return "the directory's name is not UTF-8, and so cannot be kept as an address: rename it, or link to it"
    return "no directory has a NUL in its name" if "\0" in address else None


def _normal(address: str) -> str:
    address = address.strip()
    if "://" in address:
        return address.rstrip("/")
    path = Path(address)
    with suppress(RuntimeError):  # `~stranger`: no such user, so the folder is called that
        path = path.expanduser()
    return str(path.absolute())


# How: whose heads they are

_ADDRESS = re.compile(r"(?:0x)?([0-9a-f]{40})").fullmatch
# Of one peer, the last heads that it showed: as many as come in some hours of changes each minute.
_MOST_SHOWN = 256
# Of one key, and of those that one peer completed, the first proofs that nobody said they know, and of a key as many of
# the others: one is enough, and nobody may fill a disk with them. A peer makes as many keys as it likes, so that
# another's must not be lost to those.
_MOST_FACES_OF_KEY = 4
_MOST_FACES_OF_PEER = 64


def _address(key: str) -> str:
    found = _ADDRESS(key.strip().lower())
    if found is None:
        raise StoreError("bad_key", "a key is named by its address: 40 hex digits, as `identity show` prints it")
    return found[1]


def _is_news(db: sqlite3.Connection, peer: str, head: Head, is_last: bool) -> bool:
    """Whether a head says anything that is not written down yet."""
    signer = head.node if head.sig else None
    row = db.execute("SELECT pinned, signed_by FROM peers WHERE name = ?", (peer,)).fetchone()
    if is_last and row is not None and (row[1] != signer or (row[0] is None and signer is not None)):
        return True
    if signer is None:
        return False
    ask = "SELECT 1 FROM shown_heads WHERE peer = ? AND key = ? AND epoch = ? AND size = ? AND root = ?"
    return db.execute(ask, (peer, signer, head.epoch, head.size, head.root)).fetchone() is None


def _keep_head(db: sqlite3.Connection, peer: str, head: Head, now: int) -> None:
    """Keep a signed head, and the proof where its key has signed another root of the same log and size."""
    said = (head.node, head.epoch, head.size)
    row = db.execute(
        "SELECT head, peer FROM shown_heads WHERE key = ? AND epoch = ? AND size = ? AND root <> ? "
        "ORDER BY seq LIMIT 1",
        (*said, head.root),
    ).fetchone()
    if row is not None:
        of_key, of_peer = db.execute(
            "SELECT (SELECT count(*) FROM faces WHERE key = ? AND NOT known), "
            "(SELECT count(*) FROM faces WHERE other_from = ? AND NOT known)",
            (head.node, peer),
        ).fetchone()
        if of_key < _MOST_FACES_OF_KEY and of_peer < _MOST_FACES_OF_PEER:
            db.execute(
                "INSERT OR IGNORE INTO faces (key, epoch, size, one, one_from, other, other_from, found_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*said, *row, _shown(head), peer, now),
            )
            db.execute(
                "DELETE FROM faces WHERE key = ? AND known AND seq <= (SELECT seq FROM faces WHERE key = ? AND known "
                "ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                (head.node, head.node, _MOST_FACES_OF_KEY),
            )
    # The first that a peer showed of a size stays: what it says later is held against it.
    db.execute(
        "INSERT OR IGNORE INTO shown_heads (peer, key, epoch, size, root, head) VALUES (?, ?, ?, ?, ?, ?)",
        (peer, *said, head.root, _shown(head)),
    )
    db.execute(
        "DELETE FROM shown_heads WHERE peer = ? AND seq <= "
        "(SELECT seq FROM shown_heads WHERE peer = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)",
        (peer, peer, _MOST_SHOWN),
    )


def _shown(head: Head) -> str:
    return json.dumps(head._asdict(), separators=(",", ":"))


def _read_shown(kept: str) -> Head | None:
    try:
        return Head(**json.loads(kept))
    except (ValueError, TypeError, RecursionError):
        return None


def _is_proof(faces: Faces) -> bool:
    """Whether its key signed both heads, and they are of one log and size with different roots."""
    one, other = faces.heads
    said = (faces.key, faces.epoch, faces.size)
    return (
        (one.node, one.epoch, one.size) == (other.node, other.epoch, other.size) == said
        and one.root != other.root
        and _signer(one) == _signer(other) == faces.key
    )


def _signer(head: Head) -> str | None:
    """The address whose key signed it; None where that is none, or it is no head at all."""
    try:
        digest = head.digest
        is_spelt = len(head.sig) == SIGNATURE_DIGITS
        return head_signer(digest, head.sig) if digest is not None and is_spelt else None
    except (ValueError, TypeError, OverflowError):
        return None


def _grow_edge(
    db: sqlite3.Connection, peer: str, cursor: Cursor, arrivals: Sequence[Arrival], outcome: Outcome
) -> None:
    """Put what is read for the first time to the tree over the peer's log, where all before that is in it."""
    edge, doubtful = _read_edge(db, peer, cursor.epoch) or (None, False)
    fresh = arrivals[max(0, cursor.next_index - cursor.start) :]
    if edge is None or edge.size != cursor.next_index or not fresh:
        return
    first = len(arrivals) - len(fresh)
    doubtful = (
        doubtful
        or bool(outcome.unread)
        or any(arrival.claimed is None for arrival in fresh)
        or any(rejection.is_spoilt and rejection.place >= first for rejection in outcome.report.rejected)
    )
    hashes = (bytes.fromhex(arrival.claimed or _NO_SUM) for arrival in fresh)
    _write_edge(db, peer, cursor.epoch, edge.extended(hashes), doubtful)


def _write_edge(db: sqlite3.Connection, peer: str, epoch: str, edge: RightEdge, doubtful: bool) -> None:
    db.execute(
        "UPDATE cursors SET edge = ?, edge_size = ?, edge_doubtful = ? WHERE peer = ? AND epoch = ?",
        (edge.to_bytes(), edge.size, doubtful, peer, epoch),
    )


def _read_edge(db: sqlite3.Connection, peer: str, epoch: str) -> tuple[RightEdge, bool] | None:
    """The right edge of the tree over the first entries of a peer's log, and whether there is doubt about some of them.
    None where it is not known: what lies before was not read one by one, or by a version that kept none."""
    row = db.execute(
        "SELECT next_index, edge, edge_size, edge_doubtful FROM cursors WHERE peer = ? AND epoch = ?", (peer, epoch)
    ).fetchone()
    if row is None:
        return None
    next_index, data, size, doubtful = row
    if next_index == 0:
        return RightEdge(), False
    with suppress(ValueError):  # of a backup that came from somebody else
        return None if data is None else (RightEdge.from_bytes(size, data), bool(doubtful))
    return None


def _check_root(db: sqlite3.Connection, peer: str, head: Head) -> None:
    """Write down whether the root that a signed head names is that of the entries that were read up to its size."""
    if not head.sig:
        # Of one that is remembered because nothing has changed, what was found of it stays.
        db.execute("UPDATE peers SET root_fits = NULL WHERE name = ? AND signed_by IS NULL", (peer,))
        return
    edge, doubtful = _read_edge(db, peer, head.epoch) or (None, False)
    fits = None
    if edge is not None and edge.size == head.size:
        fits = edge.root().hex() == head.root
        if doubtful and not fits:
            fits = None
    db.execute("UPDATE peers SET root_fits = ? WHERE name = ?", (fits, peer))


# How: cursors

_BESIDE_CURSORS = ("cursor_sums", "spoilt", "left_at")
_UNREAD = (0, _NO_SUM, _NO_SUM)


def _read_cursor(db: sqlite3.Connection, peer: str, epoch: str) -> tuple[int, str, str] | None:
    """How many entries were read, what their hashes sum up to, and what heads exceed that by."""
    row = db.execute(
        "SELECT next_index, running_sum, coalesce(off_by, ?) FROM cursors WHERE peer = ? AND epoch = ?",
        (_NO_SUM, peer, epoch),
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]), str(row[2]))


def _agrees(total: str, off_by: str, fingerprint: str) -> bool:
    # What is refused counts from some entry on: of a shorter head it may be all behind that.
    return fingerprint in (total, _plus(total, int(off_by, 16)))


def _plus(total: str, number: int) -> str:
    return f"{(int(total, 16) + number) % _MODULUS:064x}"


def _move_cursor(db: sqlite3.Connection, peer: str, moved: Cursor, now: int) -> None:
    db.execute(
        "UPDATE cursors SET next_index = ?, running_sum = ?, used_at = ? WHERE peer = ? AND epoch = ?",
        (moved.next_index, moved.running_sum, now, peer, moved.epoch),
    )


def _next_sum(db: sqlite3.Connection, peer: str, head: Head) -> tuple[int, str] | None:
    """The first size from a head's on at which a sum was written down, and that sum."""
    if head.size == 0:
        return 0, _NO_SUM
    row = db.execute(
        "SELECT size, total FROM cursor_sums WHERE peer = ? AND epoch = ? AND size >= ? ORDER BY size LIMIT 1",
        (peer, head.epoch, head.size),
    ).fetchone()
    return None if row is None else (int(row[0]), row[1].hex())


def _write_sums(db: sqlite3.Connection, peer: str, cursor: Cursor, arrivals: Sequence[Arrival]) -> str:
    """Write down the sums at the ends of tiles; gives the one at the end of what was read."""
    at, total = cursor.next_index, int(cursor.running_sum, 16)
    if at % _TILE and not _has_sum(db, peer, cursor.epoch, at - at % _TILE):
        # Read by a version that kept none, or compared only.
        _write_sum(db, peer, cursor.epoch, at, total)
    ends = []
    for arrival in arrivals[max(0, at - cursor.start) :]:
        # An entry that claims no hash counts as 0: the sums will differ, as they must.
        total += int(arrival.claimed or "0", 16)
        at += 1
        if at % _TILE == 0:
            ends.append((at, total))
    for size, then in ends:
        _write_sum(db, peer, cursor.epoch, size, then)
    return f"{total % _MODULUS:064x}"


def _write_sum(db: sqlite3.Connection, peer: str, epoch: str, size: int, total: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO cursor_sums (peer, epoch, size, total) VALUES (?, ?, ?, ?)",
        (peer, epoch, size, (total % _MODULUS).to_bytes(32, "big")),
    )


def _has_sum(db: sqlite3.Connection, peer: str, epoch: str, size: int) -> bool:
    ask = "SELECT 1 FROM cursor_sums WHERE peer = ? AND epoch = ? AND size = ?"
    return size == 0 or db.execute(ask, (peer, epoch, size)).fetchone() is not None


def _may_differ(db: sqlite3.Connection, peer: str, epoch: str) -> bool:
    """See `Peers.may_differ`."""
    (found,) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM cursors c WHERE peer = ? AND epoch = ? AND off_by IS NULL AND "
        "(unsupported_index IS NOT NULL OR "
        "EXISTS (SELECT 1 FROM spoilt s WHERE s.peer = c.peer AND s.epoch = c.epoch)))",
        (peer, epoch),
    ).fetchone()
    return bool(found)


def _note_difference(db: sqlite3.Connection, peer: str, head: Head) -> None:
    """A log that was read to its end, and whose head counts otherwise: the pull found that refused entries explain it.
    The next head may differ by as much, and needs no explanation then."""
    row = _read_cursor(db, peer, head.epoch)
    if row is not None and row[0] == head.size:
        off_by = _plus(head.fingerprint, -int(row[1], 16))
        # No difference is written down as well: see `Peers.may_differ`.
        db.execute("UPDATE cursors SET off_by = ? WHERE peer = ? AND epoch = ?", (off_by, peer, head.epoch))


def _mark_spoilt(
    db: sqlite3.Connection, peer: str, cursor: Cursor, arrivals: Sequence[Arrival], report: ApplyReport
) -> None:
    """Remember which of these entries were refused for their bytes, and forget what was remembered of them before."""
    stretch = (peer, cursor.epoch, cursor.start, cursor.start + len(arrivals))
    db.execute("DELETE FROM spoilt WHERE peer = ? AND epoch = ? AND entry >= ? AND entry < ?", stretch)
    found = [arrivals[rejection.place] for rejection in report.rejected if rejection.is_spoilt]
    if not found:
        return
    ask = "SELECT count(*) FROM spoilt WHERE peer = ? AND epoch = ?"
    (known,) = db.execute(ask, (peer, cursor.epoch)).fetchone()
    db.executemany(
        "INSERT INTO spoilt (peer, epoch, entry, claimed) VALUES (?, ?, ?, ?)",
        (
            (peer, cursor.epoch, arrival.entry, None if arrival.claimed is None else bytes.fromhex(arrival.claimed))
            for arrival in found[: max(0, _MOST_SPOILT - known)]
        ),
    )


def _count_otherwise(db: sqlite3.Connection, peer: str, epoch: str, entry: int, claimed: str | None) -> None:
    """An entry is sound now: the sums count the hash that it has, no more the one that it claimed before."""
    row = db.execute(
        "DELETE FROM spoilt WHERE peer = ? AND epoch = ? AND entry = ? RETURNING claimed", (peer, epoch, entry)
    ).fetchone()
    cursor = _read_cursor(db, peer, epoch)
    if row is None or cursor is None:
        return
    more = int(claimed or "0", 16) - (0 if row[0] is None else int.from_bytes(row[0], "big"))
    if not more:
        return
    ask = "SELECT size, total FROM cursor_sums WHERE peer = ? AND epoch = ? AND size > ?"
    for size, total in db.execute(ask, (peer, epoch, entry)).fetchall():
        _write_sum(db, peer, epoch, size, int.from_bytes(total, "big") + more)
    db.execute(
        "UPDATE cursors SET running_sum = ?, off_by = CASE WHEN off_by IS NOT NULL THEN ? END "
        "WHERE peer = ? AND epoch = ?",
        (_plus(cursor[1], more), _plus(cursor[2], -more), peer, epoch),
    )


def _forget_old_epochs(db: sqlite3.Connection, peer: str, current: str) -> None:
    # A peer that changes its epoch at each look must not fill our disk.
    db.execute(
        "DELETE FROM cursors WHERE peer = :peer AND epoch <> :current AND epoch NOT IN "
        "(SELECT epoch FROM cursors WHERE peer = :peer ORDER BY used_at DESC, epoch LIMIT :kept)",
        {"peer": peer, "current": current, "kept": _KEPT_EPOCHS},
    )
    for table in _BESIDE_CURSORS:
        db.execute(
            f"DELETE FROM {table} WHERE peer = :peer AND epoch NOT IN (SELECT epoch FROM cursors WHERE peer = :peer)",
            {"peer": peer},
        )


def _first_to_read_again(db: sqlite3.Connection, peer: str, epoch: str, arrivals: Callable[[], Arrivals]) -> int | None:
    """The first entry to read again: one that an earlier version could not read, one that was evicted and has room
    by now, or the one where reading again was interrupted."""
    again, unsupported, version, evicted = db.execute(
        "SELECT again_index, unsupported_index, unsupported_version, evicted_index FROM cursors "
        "WHERE peer = ? AND epoch = ?",
        (peer, epoch),
    ).fetchone()
    due = {"again_index": again}
    if version != READER_VERSION:
        due["unsupported_index"] = unsupported
        if unsupported is not None:
            # They are counted anew as they are read: most of them are none any more.
            db.execute("UPDATE peers SET unsupported = 0 WHERE name = ?", (peer,))
    if evicted is not None and arrivals().has_room(db):
        due["evicted_index"] = evicted
    first = min((index for index in due.values() if index is not None), default=None)
    # What is due is read again as one stretch; what cannot be kept this time either is marked again on the way.
    cleared = ", ".join(f"{column} = NULL" for column in due)
    db.execute(f"UPDATE cursors SET {cleared} WHERE peer = ? AND epoch = ?", (peer, epoch))
    db.execute("UPDATE cursors SET again_index = ? WHERE peer = ? AND epoch = ?", (first, peer, epoch))
    return first


def _mark_unsupported(db: sqlite3.Connection, peer: str, epoch: str, entry: int) -> None:
    """Let the peer's cursor remember the first entry that this program cannot read."""
    db.execute(
        "UPDATE cursors SET unsupported_index = min(coalesce(unsupported_index, :entry), :entry), "
        "unsupported_version = :version WHERE peer = :peer AND epoch = :epoch",
        {"entry": entry, "version": READER_VERSION, "peer": peer, "epoch": epoch},
    )
