"""This replica as a view of a shared log: the same operations at the same places, and never one more.

A view appends by following: what the shared log says, as it says it, after its chain was compared with the view's own.
What is to be added to the shared log takes a turn (`log.turns`). A folder bears the id of the hub whose view it is, and
without the hub nothing is appended there and nothing is written anew: it would not be a view any more.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from tui_registry.crdt.op import OpError
from tui_registry.frozen import NamedTuple
from tui_registry.records.schema import RULES_VERSION
from tui_registry.replica.log.first_seen import FirstSeen
from tui_registry.replica.log.left_out import OF_HUB, claimed_owner
from tui_registry.replica.log.own_elsewhere import restate
from tui_registry.replica.log.shared_log import (
    NO_CHAIN,
    SharedHead,
    SharedLog,
    SharedOp,
    SharedTurn,
    chained,
)
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.stored import chunks, marks, unpacked
from tui_registry.replica.store.tables import view_error

if TYPE_CHECKING:
    from tui_registry.replica.log.judge import Checked, Verdict

T = TypeVar("T")

# Asked of the shared log at a time, and stored in one transaction: large ones are quicker (`arrivals`).
_ASKED: Final = 1_024
_AT_ONCE: Final = 8_192
_MOST_BYTES: Final = 32 * 2**20
# A view that misses more is not what others expect.
_FAR: Final = 256
# Why nothing can be added to a view, until somebody does something: what is locked is so for a moment.
_UNWRITABLE: Final = frozenset({"disk_full", "read_only"})
# What was seen of the shared log is believed for so long: those that poll ask every two seconds.
_BELIEVED_SECONDS: Final = 2.5


class Followed(NamedTuple):
    """What came of following.

    Attributes:
        appended: how many operations. size: of the view then. shared_size: of the shared log when it was looked at.
    """

    appended: int
    size: int
    shared_size: int


class Remade(NamedTuple):
    """What came of making a view anew: how many operations it has, and how many of those that it had before the shared
    log has no more."""

    size: int
    gone: int


class HubStanding(NamedTuple):
    """How a view stands to its hub, as far as was looked last.

    Attributes:
        is_ready: whether the view is as others expect it: it follows, or the hub is away for now (what is here can be
            read all the same).
        code: `follows`; `behind`: a turn was written to the hub and not to the view, or it has far to go; `away`: the
            hub cannot be reached; `restored`: the shared log is shorter than the view, or another one; `other_epoch`:
            it was rewritten; `newer`: a later version of this program writes it; `other`: it is another hub;
            `invalid`: an operation of it breaks a rule. Empty where the replica is no view.
        sentence: what happened and what to do, empty for `follows`.
        size: of the view. shared_size: of the shared log, None where it was not seen yet.
        seen_at: when it was, Unix seconds; None for never.
    """

    is_ready: bool
    code: str
    sentence: str = ""
    size: int = 0
    shared_size: int | None = None
    seen_at: int | None = None


class ViewRow(NamedTuple):
    """What a view's folder says of itself.

    Attributes:
        id, address: of the hub, as in `SharedHead`.
        epoch, size: of the view. chain: of its operations.
    """

    id: str
    address: str
    epoch: str
    size: int
    chain: bytes


class HubView:
    """How this replica follows a hub. Of a replica alone `id` is None, and no more is to be called than `bind` and
    `chain_of_view`, by whoever makes a hub of it."""

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], int],
        shared: SharedLog | None,
        *,
        judge: Callable[[Sequence[bytes]], list[Verdict]],
    ) -> None:
        """
        Args:
            shared: the hub's log; None: the replica is opened without it.
            judge: says of lines whether they pass rules 1 to 5.
            clock: gives Unix seconds.
        """
        self._pool = pool
        self._judge = judge
        self._clock = clock
        self.shared = shared
        self._following = threading.Lock()
        self._standing = HubStanding(is_ready=True, code="")
        self._seen_at = float("-inf")
        # A turn was written to the shared log and not here.
        self._is_behind = False
        # Operations may wait here for others that were followed: in an earlier run of the program, for one.
        self._is_due = True

    @property
    def id(self) -> str | None:
        """Of the hub whose view this folder is, 32 hex digits; None for a replica of its own."""
        row = self._row_now()
        return None if row is None else row.id

    @property
    def address(self) -> str | None:
        """Of the key that all nodes of the hub sign with, 40 hex digits, as seen last; None of a replica alone."""
        row = self._row_now()
        return None if row is None else row.address

    def standing(self) -> HubStanding:
        """How the view stands to the hub, as was found last: nothing is asked or read."""
        return self._standing

    def join(self) -> None:
        """Become a view of the hub that the replica is opened with, where the folder is empty; or see to it that it is
        one. To be called before anything else. Where the hub is away, and this folder bears an id, the view is read.

        Raises:
            StoreError: `hub_other`, `hub_newer`; `hub_away`, where it is no view yet: nothing was written.
        """
        shared = self._expect_shared()
        with self._pool.read() as db:
            row = read_row(db)
            (size,) = db.execute("SELECT size FROM replica").fetchone()
        if row is None and size:
            raise StoreError(
                "hub_other",
                f"{self._pool.path.parent} holds a log of its own, and is no view of a hub: name another --data-dir, "
                "or make a new hub of it with 'hub init --from'",
            )
        try:
            head = shared.head()
        except StoreError as error:
            self.noted(error)
            if row is None or error.code != "hub_away":
                raise
        else:
            if row is None:
                self.bind(head)
                return
            if row.id != head.hub:
                raise _other_hub(row.id, head.hub)
            if self._fault(row, head) is None:
                self._note_follows(row.size, head.size)

    def bind(self, head: SharedHead) -> None:
        """Make this folder a view of a hub: an empty one, or one whose log is how the shared one begins, by its chain.

        Args:
            head: of the shared log. Where it has more than this folder, the chain of what is here is asked of the hub
                that the replica was opened with.

        Raises:
            StoreError: `hub_other`: it holds another log, or is another hub's view; nothing was written.
        """
        if head.rules > RULES_VERSION:
            raise self._newer(head)
        with self._pool.write() as db:
            row = read_row(db)
            if row is not None and row.id != head.hub:
                raise _other_hub(row.id, head.hub)
            (size,) = db.execute("SELECT size FROM replica").fetchone()
            chain = _chain(db, size) if size else NO_CHAIN
            if size == 0:
                expected: bytes | None = NO_CHAIN
            elif size == head.size:
                expected = head.chain
            else:
                expected = None if size > head.size or self.shared is None else self.shared.chain_at(size)
            if chain != expected:
                raise StoreError(
                    "hub_other",
                    f"the {size} operations in {self._pool.path.parent} are not those that the hub's log begins with: "
                    "it is no view of that hub. Name another --data-dir",
                )
            db.execute("UPDATE replica SET epoch = ?", (head.epoch,))
            _write_row(db, ViewRow(head.hub, head.address, head.epoch, size, chain))
        self._note_follows(size, head.size)

    def release(self) -> None:
        """Make this folder a replica of its own again, under an epoch of its own."""
        with self._pool.write() as db:
            if db.execute("DELETE FROM hub").rowcount:
                db.execute("UPDATE replica SET epoch = ?", (os.urandom(16).hex(),))
        self._note(HubStanding(is_ready=True, code=""))

    def follow(self, most: int = 8_192, *, until: int | None = None) -> Followed:
        """Append what the shared log has and the view has not, after the chains were compared. What waits here for one
        of these operations is not released: `is_release_due` tells, and `Datastore.release_due` does it.

        Args:
            most: so many operations at most.
            until: no more than until the view has so many.

        Raises:
            StoreError: `hub_away`; `hub_newer`; `hub_other`: it is another hub, another epoch, or another log than the
                view has (`standing` tells which): nothing was appended. As for every write.
        """
        shared = self._expect_shared()
        appended = 0
        with self._following:
            while True:
                # Before the shared log is looked at: what the view has, that has too.
                row = self._expect_row()
                head = self.asked(shared.head)
                self._expect_fit(row, head)
                left = min(most - appended, _AT_ONCE, head.size - row.size)
                if until is not None:
                    left = min(left, until - row.size)
                if left <= 0:
                    break
                ops = self._next_of(shared, row, left)
                judged = self._judged(ops, row)
                try:
                    appended += self._append(ops, judged, bulk=head.size - row.size > _ASKED)
                except StoreError as error:
                    if error.code in _UNWRITABLE:
                        self._cannot_follow(row, head, error)
                    raise
            if row.address != head.address:
                with self._pool.write() as db:
                    db.execute("UPDATE hub SET address = ?", (head.address,))
            if row.size >= head.size:
                self._is_behind = False
            self._note_follows(row.size, head.size)
        return Followed(appended, row.size, head.size)

    @property
    def is_release_due(self) -> bool:
        """Whether operations may wait here for what was followed since."""
        return self._is_due

    def chain_of_view(self, size: int | None = None) -> bytes:
        """The chain of the first operations of this log, made from their bytes; 32 bytes. It reads them all.

        Args:
            size: so many; None for all.

        Raises:
            StoreError: `corrupt`: there are not so many, or one of them cannot be read.
        """
        with self._pool.read() as db:
            (have,) = db.execute("SELECT size FROM replica").fetchone()
            return _chain(db, have if size is None else size)

    def chain_there(self, size: int, head: SharedHead | None = None) -> bytes | None:
        """The chain of the first operations of the shared log; None where it has not so many.

        Args:
            head: of the shared log, where that was asked for just now.
        """
        if size == 0:
            return NO_CHAIN
        if head is not None and head.size == size:
            return head.chain
        return self.asked(lambda: self._expect_shared().chain_at(size))

    def remake(self, progress: Callable[[int, int], None] | None = None, *, whole: bool = True) -> Remade:
        """Make the view anew from the shared log, in one transaction: after that was rewritten under a new epoch, or
        where the view is found to differ. What is read meanwhile is the view as it was.

        Args:
            progress: called with operations done and operations in all.
            whole: also where the shared log still begins with what the view has, by its chain: then no more than the
                epoch need be another.

        Raises:
            StoreError: as `follow`; nothing was changed.
        """
        shared = self._expect_shared()
        head = self.asked(shared.head)
        with self._pool.read() as db:
            found = db.execute("SELECT id FROM hub").fetchone()
        if found is None:
            raise self._no_view()
        if found[0] != head.hub:
            raise _other_hub(found[0], head.hub)
        if head.rules > RULES_VERSION:
            raise self._newer(head)
        if not whole and (row := self._expect_row()).chain == self.chain_there(row.size, head):
            with self._pool.write() as db:
                db.execute("UPDATE replica SET epoch = ?", (head.epoch,))
                (size,) = db.execute("SELECT size FROM replica").fetchone()
            self._note_follows(size, head.size)
            return Remade(size, 0)
        with self._following, self._pool.write(bulk=True) as db:
            remade = self._make_anew(db, shared, head, progress or (lambda *_: None))
        self._is_behind, self._is_due = False, True
        self._note_follows(remade.size, head.size)
        return remade

    def lines_unverified(self, start: int, lines: Sequence[bytes]) -> Followed:
        """Append operations of the shared log from elsewhere, such as its tiles, without looking whether they were
        signed: that their chain is the shared log's proves that they are the same, and were verified when they came
        there. Everything else is checked.

        Args:
            start: the place of the first one: the view's size. lines: each without a line end.

        Raises:
            StoreError: `hub_differs`: the shared log says otherwise, or `start` is another place; nothing was
                appended. As `follow`.
        """
        self._expect_shared()
        with self._following:
            row = self._expect_row()
            head = self.asked(self._expect_shared().head)
            self._expect_fit(row, head)
            stop = start + len(lines)
            # A tile does not tell it, and to all views they came at the same time.
            added = self.asked(lambda: self._expect_shared().added(start, stop))
            ops, chain = [], row.chain
            for place, (line, at) in enumerate(zip(lines, added, strict=False), start):
                chain = chained(chain, line)
                ops.append(SharedOp(place, b"", line, chain, at))
            if row.size != start or len(ops) < len(lines) or chain != self.chain_there(stop, head):
                raise StoreError(
                    "hub_differs",
                    f"operations {start} to {stop} from elsewhere are not those of the hub's log: they were not taken. "
                    "Follow the hub itself",
                )
            appended = self._append(ops, self._judged(ops, row, is_verified=True), bulk=len(ops) > _ASKED)
            self._note_follows(row.size + appended, head.size)
        return Followed(appended, row.size + appended, head.size)

    # For turns, inside their transactions

    def come_near(self, most: int) -> None:
        """Follow until the view misses no more than so many operations, and all that it must have; from what was seen
        lately, where that says so."""
        standing = self._standing
        lately = time.monotonic() - self._seen_at < _BELIEVED_SECONDS and standing.code == "follows"
        if lately and not self._is_behind and (standing.shared_size or 0) - standing.size <= most:
            return
        while True:
            followed = self.follow()
            left = followed.shared_size - followed.size
            if left <= (0 if self._is_behind else most):
                return

    def catch_up(self, db: sqlite3.Connection, locked: SharedTurn, most: int) -> ViewRow | None:
        """Append what the view misses of the locked log; how it stands then. None where that is more than so much."""
        row = self._row(db)
        head = locked.head
        self._expect_fit(row, head)
        missed = head.size - row.size
        if missed > most:
            self._note_follows(row.size, head.size)
            return None
        if not missed:
            return row
        ops = self._expect_on(row, locked.operations(max(0, row.size - 1), head.size), missed, None)
        return self._extend_by(db, row, ops, self._judged(ops, row))

    def extend(self, db: sqlite3.Connection, row: ViewRow, ops: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, str]:
        """Note that the view has so many operations more, which its own transaction appended; the chain and the
        fingerprint with them."""
        chain = row.chain
        for _, body in ops:
            chain = chained(chain, body)
        _write_row(db, row._replace(size=row.size + len(ops), chain=chain))
        (fingerprint,) = db.execute("SELECT fingerprint FROM replica").fetchone()
        return chain, str(fingerprint)

    def moved(self, size: int, shared_size: int) -> None:
        """Note how far both are after a turn."""
        self._note_follows(size, shared_size)
        self._is_due = True  # a turn releases no more than it has room for

    def fell_behind(self, error: Exception) -> None:
        """Note that a turn was written to the shared log and not here."""
        self._is_behind = True
        why = error.sentence if isinstance(error, StoreError) else str(error)
        self._note(
            self._standing._replace(
                is_ready=False,
                code="behind",
                sentence=f"a write is in the hub's log and could not be written here, where it follows: {why}",
            )
        )

    def released(self) -> None:
        """Note that what waits for operations that were followed is being looked at."""
        self._is_due = False

    # How: what fits

    def _expect_shared(self) -> SharedLog:
        if self.shared is None:
            if self.id is None:
                raise StoreError("no_hub", f"{self._pool.path.parent} is a replica of its own, and follows no hub")
            raise view_error("open it with --hub for that")
        return self.shared

    def _row_now(self) -> ViewRow | None:
        with self._pool.read() as db:
            return read_row(db)

    def _expect_row(self) -> ViewRow:
        with self._pool.read() as db:
            return self._row(db)

    def _row(self, db: sqlite3.Connection) -> ViewRow:
        row = read_row(db)
        if row is None:
            raise self._no_view()
        return row

    def _no_view(self) -> StoreError:
        return StoreError("hub_other", f"{self._pool.path.parent} is no view of a hub any more: open it again")

    def asked(self, ask: Callable[[], T]) -> T:
        """What the shared log answers; an error of it is noted."""
        try:
            return ask()
        except StoreError as error:
            self.noted(error)
            raise

    def _expect_fit(self, row: ViewRow, head: SharedHead) -> None:
        fault = self._fault(row, head)
        if fault is not None:
            raise fault

    def _fault(self, row: ViewRow, head: SharedHead) -> StoreError | None:
        """Why the shared log is not followed, as far as its head tells; it is noted."""
        if row.id != head.hub:
            return self._refused("other", _other_hub(row.id, head.hub), row, head)
        if head.rules > RULES_VERSION:
            return self._refused("newer", self._newer(head), row, head)
        if row.epoch != head.epoch:
            try:
                is_known = self._expect_shared().had_epoch(row.epoch)
            except StoreError as error:
                self.noted(error)
                return error
            if not is_known:
                return self._restored(row, head, "knows nothing of the epoch that this view is of")
            sentence = (
                "the hub's log was written anew, under another epoch, and this view is of the one before: "
                "`tui-registry verify` makes it anew"
            )
            return self._refused("other_epoch", StoreError("hub_other", sentence), row, head)
        if head.size < row.size:
            return self._restored(row, head, f"has {head.size} operations, and this view {row.size}")
        if head.size == row.size and head.chain != row.chain:
            return self._restored(row, head, "is not the one that this view was made of")
        return None

    def _newer(self, head: SharedHead) -> StoreError:
        return StoreError(
            "hub_newer",
            f"the hub's log is written by a later version of tui-registry (rules {head.rules}, this one reads "
            f"{RULES_VERSION}): nothing is followed. Upgrade tui-registry here",
        )

    def _restored(self, row: ViewRow, head: SharedHead, how: str) -> StoreError:
        sentence = (
            f"the hub's log {how}: it was put back to an older copy, or is a clone. Nothing is followed: see "
            "`tui-registry hub recover`"
        )
        return self._refused("restored", StoreError("hub_other", sentence), row, head)

    def _refused(self, code: str, error: StoreError, row: ViewRow, head: SharedHead) -> StoreError:
        self._note(HubStanding(False, code, error.sentence, row.size, head.size, self._clock()))
        return error

    def _expect_on(self, row: ViewRow, ops: Sequence[SharedOp], count: int, shared: SharedLog | None) -> list[SharedOp]:
        """The operations that go on from the view, by their places and chains.

        Args:
            ops: from the last one on that the view has, if it has any. count: how many more are expected.
            shared: may have become another log since its head was read; None where it is locked.
        """
        first = max(0, row.size - 1)
        chain = row.chain
        is_sound = [op.place for op in ops] == [*range(first, row.size + count)]
        if is_sound and row.size:
            is_sound = ops[0].chain == chain
        rest = [*ops[row.size - first :]]
        for op in rest if is_sound else ():
            chain = chained(chain, op.body)
            is_sound = is_sound and op.chain == chain
        if is_sound:
            return rest
        if shared is not None:
            self._expect_fit(row, shared.head())
        standing = self._standing._replace(size=row.size)
        sentence = (
            "the hub's log is not the one that this view was made of: it was put back to an older copy, or is a clone. "
            "Nothing is followed: see `tui-registry hub recover`"
        )
        self._note(standing._replace(is_ready=False, code="restored", sentence=sentence, seen_at=self._clock()))
        raise StoreError("hub_other", sentence)

    def _next_of(self, shared: SharedLog, row: ViewRow, count: int) -> list[SharedOp]:
        """So many operations that go on from the view, or fewer where they are long."""
        ops: list[SharedOp] = []
        size = 0
        while len(ops) < count and size < _MOST_BYTES:
            at = row.size + len(ops)
            more = min(_ASKED, count - len(ops))
            some = self.asked(lambda: shared.operations(max(0, at - 1), at + more))  # noqa: B023
            before = row._replace(size=at, chain=ops[-1].chain) if ops else row
            ops += self._expect_on(before, some, more, shared)
            size += sum(len(op.body) for op in some)
        return ops

    def _judged(self, ops: Sequence[SharedOp], row: ViewRow, *, is_verified: bool = False) -> list[Checked]:
        """The operations, which pass rules 1 to 5.

        Args:
            is_verified: their bytes are the shared log's: all is looked at but who signed them.
        """
        # A view that only reads judges nothing.
        from tui_registry.replica.log.judge import Checked, check_claimed

        verdicts = (
            [check_claimed(op.body, claimed_owner(op.body) or "") for op in ops]
            if is_verified
            else self._judge([op.body for op in ops])
        )
        checked: list[Checked] = []
        for op, verdict in zip(ops, verdicts, strict=True):
            if not isinstance(verdict, Checked):
                raise self._invalid(row, op.place, *verdict)
            if not is_verified and bytes.fromhex(verdict.claim.hash) != op.hash:
                raise self._invalid(row, op.place, "hash", "it stands there under another hash")
            checked.append(verdict)
        return checked

    def _invalid(self, row: ViewRow, place: int, code: str, sentence: str) -> StoreError:
        if code == "unsupported":
            is_newer = "a later version of tui-registry wrote it. Upgrade tui-registry here"
            said = f"operation {place} of the hub's log cannot be read: {is_newer}. Nothing is followed from there on"
        else:
            said = (
                f"operation {place} of the hub's log breaks a rule ({code}: {sentence}). Nothing is followed from it "
                "on: see `tui-registry hub rewrite`"
            )
        kind = "newer" if code == "unsupported" else "invalid"
        self._note(self._standing._replace(is_ready=False, code=kind, sentence=said, size=row.size))
        return StoreError("hub_newer" if code == "unsupported" else "hub_other", said)

    # How: appending

    def _append(self, ops: Sequence[SharedOp], checked: Sequence[Checked], *, bulk: bool) -> int:
        """Append what goes on from the view; how many operations."""
        if not ops:
            return 0
        with self._pool.write(bulk=bulk) as db:
            row = self._row(db)
            # A turn of this node, or another process of it, may have appended some of them meanwhile.
            here = row.size - ops[0].place
            if not 0 <= here < len(ops) or (here and ops[here - 1].chain != row.chain):
                return 0
            self._extend_by(db, row, ops[here:], checked[here:])
        return len(ops) - here

    def _extend_by(
        self, db: sqlite3.Connection, row: ViewRow, ops: Sequence[SharedOp], checked: Sequence[Checked]
    ) -> ViewRow:
        source = f"{OF_HUB}{row.id[:8]}"
        self._take(db, row, ops, checked, [FirstSeen(op.added_at, source) for op in ops])
        hashes = [bytes.fromhex(one.claim.hash) for one in checked]
        # What is in the shared log is not left out, whatever was thought of it here.
        if db.execute("SELECT EXISTS (SELECT 1 FROM left_out)").fetchone() != (0,):
            db.executemany("DELETE FROM left_out WHERE hash = ?", ((digest,) for digest in hashes))
        if db.execute("SELECT EXISTS (SELECT 1 FROM pending)").fetchone() != (0,):
            for chunk in chunks(hashes):
                ask = f"SELECT EXISTS (SELECT 1 FROM pending WHERE child IN ({marks(chunk)}))"
                if db.execute(ask, chunk).fetchone() != (0,):
                    self._is_due = True
        moved = row._replace(size=row.size + len(ops), chain=ops[-1].chain)
        _write_row(db, moved)
        return moved

    def _take(
        self,
        db: sqlite3.Connection,
        row: ViewRow,
        ops: Sequence[SharedOp],
        checked: Sequence[Checked],
        seen: Sequence[FirstSeen],
    ) -> None:
        from tui_registry.replica.log.append import Batch  # as in `_judged`

        batch = Batch(db)
        batch.load(checked)
        for op, one, came in zip(ops, checked, seen, strict=True):
            if batch.knows(one):
                raise self._invalid(row, op.place, "hash", "it stands there twice")
            if batch.missing(one):
                raise self._invalid(row, op.place, "child", "it names one that does not stand before it")
            try:
                batch.append(one, op.body, came)
            except OpError as error:
                raise self._invalid(row, op.place, error.code, error.sentence) from error
        batch.flush()

    def _make_anew(
        self, db: sqlite3.Connection, shared: SharedLog, head: SharedHead, progress: Callable[[int, int], None]
    ) -> Remade:
        from tui_registry.replica.log.append import clear_log  # as in `_judged`

        (had,) = db.execute("SELECT count(*) FROM ops").fetchone()
        # From whom operations came, and whose bytes need not be verified once more. When is what the shared log says.
        db.execute("PRAGMA temp_store = FILE")
        seen = ", ".join(
            f"(SELECT {column} FROM arrivals a WHERE a.idx <= o.idx ORDER BY a.idx DESC LIMIT 1) AS {column}"
            for column in FirstSeen._fields
        )
        db.execute(
            f"CREATE TEMP TABLE former AS SELECT hash, body, idx < (SELECT looked FROM replica) AS looked, {seen}, "
            "(SELECT state FROM elsewhere e WHERE e.idx = o.idx) AS state FROM ops o"
        )
        db.execute("CREATE INDEX former_hash ON former (hash)")
        clear_log(db, head.epoch)
        row = ViewRow(head.hub, head.address, head.epoch, 0, NO_CHAIN)
        kept = 0
        # The first that nobody here looked at: what stands behind it counts as new, though it may be known.
        unseen: int | None = None
        while row.size < head.size:
            ops = shared.operations(row.size, min(row.size + _ASKED, head.size))
            chain = row.chain
            former: list[tuple[FirstSeen, int | None] | None] = []
            for place, op in enumerate(ops, row.size):
                chain = chained(chain, op.body)
                if (op.place, op.chain) != (place, chain):
                    break
                found = db.execute(
                    f"SELECT body, state, looked, {', '.join(FirstSeen._fields)} FROM former WHERE hash = ?", (op.hash,)
                ).fetchone()
                kept += found is not None
                same = found is not None and _holds(found[0], op.body)
                former.append((FirstSeen(*found[3:]), found[1]) if same else None)
                if unseen is None and not (same and found[2]):
                    unseen = place
            if not ops or len(former) != len(ops):
                raise StoreError("hub_other", "the hub's log changed while this view was made anew of it: try again")
            fresh = iter(self._judged([op for op, one in zip(ops, former, strict=True) if one is None], row))
            held = [op for op, one in zip(ops, former, strict=True) if one is not None]
            again = iter(self._judged(held, row, is_verified=True))
            checked = [next(fresh if one is None else again) for one in former]
            source = f"{OF_HUB}{head.hub[:8]}"
            came = [
                FirstSeen(op.added_at, source) if one is None else one[0]._replace(arrived_at=op.added_at)
                for op, one in zip(ops, former, strict=True)
            ]
            self._take(db, row, ops, checked, came)
            restate(db, ((op.place, one[1]) for op, one in zip(ops, former, strict=True) if one is not None))
            row = row._replace(size=row.size + len(ops), chain=chain)
            progress(row.size, head.size)
        db.execute("DROP TABLE former")
        db.execute("UPDATE replica SET looked = ?", (row.size if unseen is None else unseen,))
        if row.chain != head.chain:
            raise StoreError("hub_other", "the hub's log changed while this view was made anew of it: try again")
        _write_row(db, row)
        return Remade(row.size, had - kept)

    # How: the standing

    def _note(self, standing: HubStanding) -> None:
        self._standing = standing

    def _note_follows(self, size: int, shared_size: int) -> None:
        self._seen_at = time.monotonic()
        standing = HubStanding(True, "follows", "", size, shared_size, self._clock())
        if self._is_behind or shared_size - size > _FAR:
            sentence = self._standing.sentence if self._is_behind else ""
            far = f"this node has {size} of {shared_size} operations of the hub's log, and follows"
            standing = standing._replace(is_ready=False, code="behind", sentence=sentence or far)
        self._note(standing)

    def _cannot_follow(self, row: ViewRow, head: SharedHead, error: StoreError) -> None:
        """Note that nothing can be written here: who reads would be answered from an ever older log."""
        self._is_behind = True
        sentence = (
            f"the hub's log has {head.size} operations, and this view {row.size}, to which none can be added: "
            f"{error.sentence}"
        )
        self._note(HubStanding(False, "behind", sentence, row.size, head.size, self._clock()))

    def noted(self, error: StoreError) -> None:
        """Note what the shared log, or whoever asked it, said last."""
        standing = self._standing
        if error.code == "hub_away" and standing.code in ("", "follows", "away"):
            self._note(standing._replace(code="away", sentence=error.sentence))
        elif error.code in ("hub_newer", "hub_other") and standing.code in ("", "follows", "away", "behind"):
            code = "newer" if error.code == "hub_newer" else "other"
            self._note(standing._replace(is_ready=False, code=code, sentence=error.sentence))


def read_row(db: sqlite3.Connection) -> ViewRow | None:
    """What the folder says of the hub whose view it is; None where it is a replica of its own.

    Raises:
        StoreError: `corrupt`: what should be the view's operations cannot be read.
    """
    found = db.execute("SELECT h.id, h.address, r.epoch, r.size, h.size, h.chain FROM hub h, replica r").fetchone()
    if found is None:
        return None
    identifier, address, epoch, size, chained_size, chain = found
    if chained_size != size:  # a program has written that knows of no hub
        chain = _chain(db, size)
    return ViewRow(identifier, address, epoch, size, chain)


# How


def _write_row(db: sqlite3.Connection, row: ViewRow) -> None:
    db.execute(
        "INSERT OR REPLACE INTO hub (one, id, address, size, chain) VALUES (1, ?, ?, ?, ?)",
        (row.id, row.address, row.size, row.chain),
    )


def _chain(db: sqlite3.Connection, size: int) -> bytes:
    chain, count = NO_CHAIN, 0
    for place, kept in db.execute("SELECT idx, body FROM ops WHERE idx < ? ORDER BY idx", (size,)):
        try:
            chain = chained(chain, unpacked(kept))
        except (ValueError, TypeError) as error:
            raise StoreError("corrupt", f"operation {place} of this log cannot be read: run `verify`") from error
        count += place == count
    if count != size:
        raise StoreError("corrupt", f"operations are missing from this log, which should have {size}: run `verify`")
    return chain


def _holds(kept: bytes, body: bytes) -> bool:
    try:
        return unpacked(kept) == body
    except (ValueError, TypeError):
        return False


def _other_hub(ours: str, theirs: str) -> StoreError:
    return StoreError(
        "hub_other",
        f"this folder is a view of hub {ours[:8]}, and what was named is hub {theirs[:8]}: name that hub, or another "
        "--data-dir",
    )
