"""Appending to the log: one place that everything goes through which does.

A replica alone appends within an ordinary transaction. Where several replicas share one log (`log.shared_log`), each
that wants to append takes a turn. Locks have one order, and nobody waits for SQLite's writer who holds the shared log:

1. what comes is verified before, and the view follows to nearly the shared log's end;
2. SQLite's writer is taken, and then
3. the shared log is locked;
4. its epoch, rules and chain must fit the view, which appends what it misses;
5. the ordinary local transaction runs: what depends on the records as they are is judged here;
6. what it appended is written to the shared log, and its head behind it;
7. the shared log commits: from here on the write is acknowledged;
8. SQLite commits. Where it cannot, the write is as good: the view follows it before it takes another turn.

Those that wait for a turn of one replica share one: one of their threads leads, and runs what each wants to do.

A request that has a key is done once, however often it is asked for: which operation came of it is remembered in the
transaction that appends the operation, so that no crash comes between the two, and for a day. Only digests are kept.
What was refused wrote nothing, so it is not remembered: it may be asked for again.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

from tui_registry.crdt.op import AnyOp, parse_op
from tui_registry.frozen import NamedTuple
from tui_registry.replica.log.hub_view import HubView, ViewRow
from tui_registry.replica.log.shared_log import MOST_BYTES, MOST_OPS, DoneOnce, SharedLog, SharedTurn
from tui_registry.replica.store.connection import Pool, StoreError, said_plainly
from tui_registry.replica.store.stored import unpacked
from tui_registry.replica.store.tables import expect_own

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Item = TypeVar("Item")

# Of so many items in one transaction the operations are few enough for a turn, mostly: each may be a record and its
# manifest. Where they are not, half as many are tried.
_ITEMS: Final = 256
# The view may miss so many operations when SQLite's writer is taken, and so many once the shared log is locked, when
# others wait until they are verified.
_NEAR: Final = 256
_MOST_MISSED: Final = 1_024
# Deeds of which nothing comes take time too.
_MOST_DEEDS: Final = 512
_TRIES: Final = 3
# Others may append faster than a view follows.
_CHASES: Final = 8
# What a turn itself may fail by, whatever is done in it.
_OF_THE_HUB: Final = frozenset(("hub_away", "hub_busy", "hub_other", "hub_newer"))
# So long it is asked whether a turn was written whose end was not heard of, and so often.
UNKNOWN_SECONDS: Final = 10.0
_ASKED_EVERY_SECONDS: Final = 0.2
# What came of a request that has a key is kept for so long.
KEPT_SECONDS = 86_400
# Of all callers together, the last ones: some 12 MB.
MAX_KEYS = 100_000


class Room(NamedTuple):
    """How much one deed may append."""

    ops: int
    bytes: int


class Once(NamedTuple):
    """A request to be done once.

    Attributes:
        caller: who asks. route: for what, such as `POST /models`. key: by which the caller knows the request again; no
            two requests of one caller and route have the same. None of them holds a NUL.
        request: what else it says, in any spelling that is always the same.
    """

    caller: str
    route: str
    key: str
    request: bytes


class Turns:
    """Who may append, and when."""

    def __init__(
        self,
        pool: Pool,
        view: HubView,
        clock: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            clock: gives Unix seconds. monotonic: seconds that only go on. pause: waits for so many of them.
        """
        self._pool = pool
        self._view = view
        self._clock = clock
        self._monotonic = monotonic
        self._pause = pause
        self._changed = threading.Condition()
        self._waiting: deque[_Deed[object]] = deque()
        self._is_led = False
        self._moment: int | None = None
        # So many of those that wait are run one by one, as one of them ended the transaction of all.
        self._apart = 0

    @property
    def room(self) -> Room | None:
        """What one deed may append, None for as much as it likes."""
        if self._view.shared is None:
            return None
        return Room(MOST_OPS, MOST_BYTES)

    @property
    def moment(self) -> int | None:
        """Within a deed: when what it appends comes to all views of the hub, Unix seconds by the clock of whoever keeps
        the shared log. None of a replica alone, which has its own.

        Nodes whose clocks differ put down the same, or who asks one after the other about news would miss some.
        """
        return self._moment

    def at_once(self, alone: int) -> int:
        """How many items are best written in one transaction.

        Args:
            alone: by a replica alone.
        """
        return alone if self._view.shared is None else min(alone, _ITEMS)

    def run(self, deed: Callable[[sqlite3.Connection], T], *, bulk: bool = False) -> T:
        """Do what may append operations, in one transaction; gives what the deed gives.

        Args:
            deed: is given a connection inside the transaction. It may be run more than once, from another thread, and
                beside others: an error of it takes back what it did, and nothing else.
            bulk: others are likely to follow.

        Raises:
            StoreError: `hub_view`: this folder is a view of a hub, and was opened without it. With a hub: `hub_away`,
                `hub_busy`, `hub_other`, `hub_newer`: nothing was written. `outcome_unknown`: whether it was written
                is not known. Whatever the deed raises.
        """
        if self._view.shared is None:
            with self._pool.write(bulk=bulk) as db:
                expect_own(db)
                return deed(db)
        return self._in_turn(_Deed(lambda db, _: (deed(db), None), bulk=bulk))

    def run_once(self, once: Once, deed: Callable[[sqlite3.Connection], AnyOp]) -> AnyOp:
        """Do what a request asks for, and remember in the same transaction what came of it; where that was done
        before, on whichever node, give what came of it then.

        Raises:
            StoreError: `key_reused`, and as `run`.
        """

        def write(db: sqlite3.Connection, turn: SharedTurn | None) -> tuple[AnyOp, DoneOnce | None]:
            now = self._clock()
            op = _what_came_of(db, once, now)
            if op is None and turn is not None:
                before = turn.done(_key_of(once))
                op = None if before is None else _what_was_done(db, once, before)
            if op is not None:
                return op, None
            op = deed(db)
            done = _done_once(once, op, now)
            _note_done(db, done, now)
            return op, done

        if self._view.shared is None:
            with self._pool.write() as db:
                expect_own(db)
                return write(db, None)[0]
        return self._in_turn(_Deed(write))

    def done(self, once: Once) -> AnyOp | None:
        """What came of a request that was asked for before, on whichever node; None where nothing did.

        Raises:
            StoreError: `key_reused`; with a hub as `run`.
        """
        with self._pool.read() as db:
            op = _what_came_of(db, once, self._clock())
        shared = self._view.shared
        if op is not None or shared is None:
            return op
        before = self._view.asked(lambda: shared.done(_key_of(once)))
        if before is None:
            return None
        self._view.follow()  # another node has done it, perhaps just now
        with self._pool.read() as db:
            return _what_was_done(db, once, before)

    def in_parts(
        self, items: Sequence[Item], deed: Callable[[sqlite3.Connection, Sequence[Item]], T], *, bulk: bool = False
    ) -> Iterator[T]:
        """Do the same with all of these items, in one transaction; or in several, where it appends more than a turn
        may. Gives what each of them gives, in order.

        Raises:
            StoreError: as `run`; what was given before is written.
        """
        if self._view.shared is None:
            yield self.run(lambda db: deed(db, items), bulk=bulk)
            return
        rest = [items]
        while rest:
            part = rest.pop()
            try:
                yield self._in_turn(_Deed(partial(_done_with, deed, part), bulk=bulk, is_whole=len(part) < 2))
            except _TooLargeError:
                half = len(part) // 2
                rest += [part[half:], part[:half]]

    # How: one leads, and the others wait

    def _in_turn(self, deed: _Deed[T]) -> T:
        with self._changed:
            self._waiting.append(deed)
            try:
                while self._is_led and not deed.is_over:
                    self._changed.wait()
            except BaseException:
                if deed in self._waiting:
                    self._waiting.remove(deed)
                raise
            is_leading = not deed.is_over
            if is_leading:
                self._is_led = True
        if is_leading:
            try:
                while not deed.is_over:
                    self._take_turn()
            finally:
                with self._changed:
                    self._is_led = False
                    # Of one that is interrupted nobody waits for the outcome.
                    if deed in self._waiting:
                        self._waiting.remove(deed)
                    self._changed.notify_all()
        return deed.outcome()

    def _take_turn(self) -> None:
        """Take one turn for those that wait, the first of them at least. What fails is theirs to raise."""
        tries = chases = 0
        while True:
            turn = _Turn()
            try:
                self._view.come_near(_NEAR)
                self._attempt(turn)
            except _AgainError:
                chases += 1
                if chases < _CHASES:
                    self._put_back(turn)
                    continue
                self._fail(turn, _busy("others append to the hub's log faster than this node follows"))
            except _LostError as error:
                if len(turn.deeds) > 1:
                    self._apart = len(turn.deeds)
                    self._put_back(turn)
                    continue
                self._fail(turn, error.why)
            except StoreError as error:
                # Nothing was written: others held the log, or the connection was lost on the way.
                may_pass = error.code == "hub_busy" or (error.code == "hub_away" and turn.is_begun)
                tries += 1
                if may_pass and tries < _TRIES and not turn.is_over:
                    self._put_back(turn)
                    continue
                self._fail(turn, error)
            except Exception as error:
                self._fail(turn, error)
            except BaseException:
                self._interrupted(turn)
                raise
            with self._changed:
                self._changed.notify_all()
            return

    def _put_back(self, turn: _Turn) -> None:
        with self._changed:
            self._waiting.extendleft(reversed([deed for deed in turn.deeds if not deed.is_over]))

    def _fail(self, turn: _Turn, error: Exception) -> None:
        """Let this be the outcome of all that were in the turn; and of all that wait, where it did not come so far."""
        if isinstance(error, StoreError):
            self._view.noted(error)
        with self._changed:
            if not turn.deeds:
                turn.deeds = [*self._waiting]
                self._waiting.clear()
        for deed in turn.deeds:
            if not deed.is_over:
                # Each raises its own, in its own thread.
                deed.fail(StoreError(error.code, error.sentence) if type(error) is StoreError else error)

    def _interrupted(self, turn: _Turn) -> None:
        """This thread is to end: what it was about is for another one, but for what may have been written."""
        if turn.is_acknowledged:
            self._view.fell_behind(_busy("the program was ended"))
            turn.succeed()
        elif turn.is_committing:
            self._give_up(turn, _busy("the program was ended"))
        self._put_back(turn)

    def _give_up(self, turn: _Turn, error: Exception) -> None:
        """It may be written, or not."""
        for deed in turn.deeds:
            deed.fail(_unknown(deed.hashes) if deed.hashes else deed.error or error)

    # How: a turn

    def _attempt(self, turn: _Turn) -> None:
        shared = self._view.shared
        assert shared is not None
        with self._changed:
            bulk = any(deed.bulk for deed in self._waiting)
        try:
            with self._pool.write(bulk=bulk) as db:
                written = self._in_both(db, shared, turn)
                if written is not None and not turn.is_acknowledged:
                    self._find_out(shared, turn, written)
        except Exception as error:
            if not turn.is_acknowledged:
                raise
            # The shared log has it, and this view has not: it follows before anything else.
            self._view.fell_behind(error)
            for deed in turn.deeds:
                if not deed.hashes and deed.error is None:
                    deed.fail(error if isinstance(error, StoreError) else _busy("the hub's log has changed"))
        else:
            self._view.moved(turn.size, turn.shared_size)
        turn.succeed()

    def _in_both(self, db: sqlite3.Connection, shared: SharedLog, turn: _Turn) -> _Written | None:
        """Steps 3 to 7 of a turn; gives what is to be in the shared log, None where nothing is."""
        written: _Written | None = None
        try:
            with shared.turn() as locked:
                turn.is_begun = True
                row = self._view.catch_up(db, locked, _MOST_MISSED)
                if row is None:
                    raise _AgainError
                self._moment = locked.now
                try:
                    ops, done = self._run_deeds(db, locked, turn)
                finally:
                    self._moment = None
                turn.size = turn.shared_size = row.size + len(ops)
                if not ops and not done:
                    return None
                written = _Written(row, ops, done, locked.now, *self._view.extend(db, row, ops))
                self._write(locked, written, turn)
        except Exception:
            # What happens once it is known to be written, or may be, is for whoever asks next.
            if written is None or not (turn.is_acknowledged or turn.is_committing):
                raise
        return written

    def _write(self, locked: SharedTurn, written: _Written, turn: _Turn) -> None:
        """Write to the shared log, and commit there.

        Raises:
            StoreError: nothing was written, or nobody knows: then `turn.is_committing`.
        """
        turn.is_committing = False
        locked.append(written.ops, written.fingerprint, written.done, written.at)
        turn.is_committing = True
        try:
            locked.commit()
        except StoreError as error:
            # Any other error leaves it open.
            turn.is_committing = error.code != "hub_busy"
            raise
        turn.is_acknowledged = True

    def _run_deeds(
        self, db: sqlite3.Connection, locked: SharedTurn, turn: _Turn
    ) -> tuple[list[tuple[bytes, bytes]], list[DoneOnce]]:
        """Do what those want that wait, as far as there is room in one turn."""
        ops: list[tuple[bytes, bytes]] = []
        done: list[DoneOnce] = []
        size, place = 0, _log_size(db)
        while len(ops) < MOST_OPS and size < MOST_BYTES and (deed := self._next(turn)) is not None:
            db.execute("SAVEPOINT deed")
            try:
                deed.do(db, locked)
                more = _appended_since(db, place)
            except sqlite3.Error as error:
                deed.error = _plain(self._pool, error)
                if not db.in_transaction:
                    raise _LostError(deed.error) from error
            except StoreError as error:
                if error.code in _OF_THE_HUB:  # of the turn, which was asked for a request with a key
                    raise
                deed.error = error
            except Exception as error:
                deed.error = error
            if deed.error is None:
                taken = sum(len(body) for _, body in more)
                is_over = len(ops) + len(more) > MOST_OPS or size + taken > MOST_BYTES
                if is_over and ops:
                    db.execute("ROLLBACK TO deed")
                    db.execute("RELEASE deed")
                    self._leave_for_next(turn, deed)
                    break
                if is_over and not deed.is_whole:
                    deed.error = _TooLargeError()
            if deed.error is not None:
                db.execute("ROLLBACK TO deed")
                db.execute("RELEASE deed")
                continue
            db.execute("RELEASE deed")
            deed.hashes = [digest for digest, _ in more]
            ops += more
            size, place = size + taken, place + len(more)
            if deed.note is not None:
                done.append(deed.note)
        return ops, done

    def _leave_for_next(self, turn: _Turn, deed: _Deed[object]) -> None:
        turn.deeds.remove(deed)
        with self._changed:
            self._waiting.appendleft(deed)

    def _next(self, turn: _Turn) -> _Deed[object] | None:
        with self._changed:
            if not self._waiting or len(turn.deeds) >= _MOST_DEEDS or (self._apart and turn.deeds):
                return None
            self._apart = max(0, self._apart - 1)
            deed = self._waiting.popleft()
            deed.begin()
            turn.deeds.append(deed)
            return deed

    # How: a turn of whose end nothing was heard

    def _find_out(self, shared: SharedLog, turn: _Turn, written: _Written) -> None:
        """Find out whether it was written, and write it if it was not: to lock the shared log anew waits until the lost
        session has ended. SQLite's transaction is still open.

        Raises:
            StoreError: `outcome_unknown`.
            _AgainError: it was not written, and others appended meanwhile.
            _ElsewhereError: it is written (the turn is acknowledged), and not where this view has it.
        """
        until = self._monotonic() + UNKNOWN_SECONDS
        while True:
            try:
                with shared.turn() as locked:
                    self._settle(locked, turn, written)
                return
            except (_AgainError, _ElsewhereError):
                raise
            except Exception as error:
                if turn.is_acknowledged:
                    return
                if not turn.is_committing:
                    raise  # it was not written
                if self._monotonic() >= until:
                    self._give_up(turn, error)
                    raise
            self._pause(_ASKED_EVERY_SECONDS)

    def _settle(self, locked: SharedTurn, turn: _Turn, written: _Written) -> None:
        row, hashes, head = written.row, [digest for digest, _ in written.ops], locked.head
        stop = row.size + len(hashes)
        is_of_log = (head.hub, head.epoch) == (row.id, row.epoch)
        if len(locked.places(hashes)) == len(hashes) and all(locked.done(one.key) for one in written.done):
            turn.is_acknowledged = True
            turn.shared_size = head.size
            if not is_of_log or [op.chain for op in locked.operations(stop - 1, stop)] != [written.chain]:
                raise _ElsewhereError
            return
        # It was not, and never will be.
        turn.is_committing = False
        if not is_of_log or (head.size, head.chain) != (row.size, row.chain):
            raise _AgainError
        self._write(locked, written, turn)


# How: what waits, and a turn


class _Deed(Generic[T_co]):
    """What somebody waits for.

    Attributes:
        bulk: others are likely to follow.
        is_whole: it is done as one, also where it appends more than a turn may.
        hashes: of what it appended in this turn, and `note` of the request that it answers.
        error: why nothing comes of it in this turn.
        is_over: it has its outcome.
    """

    def __init__(
        self,
        work: Callable[[sqlite3.Connection, SharedTurn], tuple[T_co, DoneOnce | None]],
        *,
        bulk: bool = False,
        is_whole: bool = True,
    ) -> None:
        self._work = work
        self.bulk = bulk
        self.is_whole = is_whole
        self.is_over = False
        self.begin()

    def begin(self) -> None:
        """As if it had not been tried before."""
        self._given: list[T_co] = []
        self.hashes: list[bytes] = []
        self.note: DoneOnce | None = None
        self.error: Exception | None = None

    def do(self, db: sqlite3.Connection, locked: SharedTurn) -> None:
        given, self.note = self._work(db, locked)
        self._given = [given]

    def fail(self, error: Exception) -> None:
        self.error = error
        self.is_over = True

    def outcome(self) -> T_co:
        if self.error is not None:
            raise self.error
        return self._given[0]


class _Turn:
    """A turn that is being taken.

    Attributes:
        deeds: what was done in it.
        is_begun: the shared log was locked.
        is_committing: what it appended may be in the shared log. is_acknowledged: it is.
        size, shared_size: of the view and the shared log behind it.
    """

    def __init__(self) -> None:
        self.deeds: list[_Deed[object]] = []
        self.is_begun = self.is_committing = self.is_acknowledged = False
        self.size = self.shared_size = 0

    def succeed(self) -> None:
        for deed in self.deeds:
            deed.is_over = True

    @property
    def is_over(self) -> bool:
        return bool(self.deeds) and all(deed.is_over for deed in self.deeds)


class _Written(NamedTuple):
    """What a turn writes to the shared log.

    Attributes:
        row: how the view stood before. ops: each as its hash and its bytes. done: requests that were done.
        at: when they came, as the view has it; Unix seconds.
        chain, fingerprint: of the log with them.
    """

    row: ViewRow
    ops: list[tuple[bytes, bytes]]
    done: list[DoneOnce]
    at: int
    chain: bytes
    fingerprint: str


class _AgainError(Exception):
    """The turn is to be begun anew: the shared log has become another one, or has more than is followed under its
    lock."""


class _ElsewhereError(Exception):
    """What was written is in the shared log, and at other places than here."""


class _LostError(Exception):
    """What one did ended SQLite's transaction."""

    def __init__(self, why: Exception) -> None:
        super().__init__(str(why))
        self.why = why


class _TooLargeError(Exception):
    """It appended more than a turn may."""


# How: what is done once


def _what_came_of(db: sqlite3.Connection, once: Once, now: int) -> AnyOp | None:
    """The operation that came of the request, None where there is none (yet, or any more).

    Raises:
        StoreError: `key_reused`: the key stands for another request.
    """
    row = db.execute(
        "SELECT key, request, hash, at FROM retries WHERE key = ? AND at > ?", (_key_of(once), now - KEPT_SECONDS)
    ).fetchone()
    return None if row is None else _what_was_done(db, once, DoneOnce(*row))


def _what_was_done(db: sqlite3.Connection, once: Once, done: DoneOnce) -> AnyOp | None:
    """The operation that came of a request by what is kept of it; None where it is not in the log.

    Raises:
        StoreError: `key_reused`.
    """
    row = db.execute("SELECT body FROM ops WHERE hash = ?", (done.hash,)).fetchone()
    if row is None:
        return None
    if done.request != _digest(once.request):
        raise StoreError(
            "key_reused", "this idempotency key stands for another request, which was done: take another key"
        )
    return parse_op(unpacked(row[0]))


def _done_once(once: Once, op: AnyOp, now: int) -> DoneOnce:
    """What is kept of a request that was done."""
    return DoneOnce(_key_of(once), _digest(once.request), bytes.fromhex(op.hash), now)


def _note_done(db: sqlite3.Connection, done: DoneOnce, now: int) -> None:
    """Note what came of a request, and forget what is old."""
    db.execute("DELETE FROM retries WHERE at <= ?", (now - KEPT_SECONDS,))
    db.execute("INSERT OR REPLACE INTO retries (key, request, hash, at) VALUES (?, ?, ?, ?)", done)
    db.execute("DELETE FROM retries WHERE seq <= (SELECT max(seq) FROM retries) - ?", (MAX_KEYS,))


def _key_of(once: Once) -> bytes:
    """What a request is kept under."""
    return _digest(f"{once.caller}\0{once.route}\0{once.key}".encode())


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# How: the log's end, and errors


def _done_with(
    deed: Callable[[sqlite3.Connection, Sequence[Item]], T],
    items: Sequence[Item],
    db: sqlite3.Connection,
    _: SharedTurn,
) -> tuple[T, None]:
    return deed(db, items), None


def _log_size(db: sqlite3.Connection) -> int:
    (size,) = db.execute("SELECT size FROM replica").fetchone()
    return int(size)


def _appended_since(db: sqlite3.Connection, place: int) -> list[tuple[bytes, bytes]]:
    """The hashes and the bytes of the operations from a place of the log on."""
    rows = db.execute("SELECT hash, body FROM ops WHERE idx >= ? ORDER BY idx", (place,))
    return [(digest, unpacked(body)) for digest, body in rows]


def _plain(pool: Pool, error: sqlite3.Error) -> Exception:
    """An error of SQLite as others are told of it."""
    try:
        with said_plainly(pool.path):
            raise error
    except (StoreError, sqlite3.Error) as said:
        return said


def _busy(what: str) -> StoreError:
    return StoreError("hub_busy", f"{what}: nothing was written. Try again")


def _unknown(hashes: Sequence[bytes]) -> StoreError:
    named = hashes[-1].hex() if hashes else ""
    more = f" and {len(hashes) - 1} before it" if len(hashes) > 1 else ""
    return StoreError(
        "outcome_unknown",
        f"the hub was lost while operation {named}{more} was written, and it is not known whether it was: look for it "
        "when the hub is back, or ask again with the same idempotency key",
    )
