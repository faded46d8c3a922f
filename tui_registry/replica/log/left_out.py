"""What this replica leaves out, and whom it hides: muted and blocked owners, rations by owner and by source, and the
operations that were left out for one of these reasons.

All of it is local. An operation that is left out is as valid as it was: its hash, owner and reason are remembered, as
long as there is room for that, it counts where logs are compared and never in a head of ours, and it comes in later
when the reason is gone. What is left out is closed: whatever builds on an operation that is left out has the same owner
(see protocol.md, Validity), and is left out with it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from tui_registry.crdt.op import claimed_hash
from tui_registry.frozen import NamedTuple
from tui_registry.replica.store.connection import Pool, StoreError
from tui_registry.replica.store.stored import chunks, marks, packed

if TYPE_CHECKING:
    from tui_registry.replica.log.judge import Checked

# `blocked`: its owner is. `unnamed`: only named keys are taken from there, and its owner has no name here.
# `owner_full`, `source_full`: a ration is used up. `removed`: it was taken out with the peer that had brought it.
Reason: TypeAlias = Literal["blocked", "unnamed", "owner_full", "source_full", "removed"]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
# What comes in by itself once there is room for it.
DEFERRED: Final[frozenset[Reason]] = frozenset(("owner_full", "source_full"))

# Rations for all sources together with each one's own, and for everything that is pushed. No peer's name has a colon.
EVERYBODY = ""
PUSHES = "push:"
# The source of operations that a hub's log brought (`log.hub_view`) begins so, and its id goes on. They come from the
# other nodes, which have taken them in: no source's ration is meant.
OF_HUB = "hub:"

# So many operations that were left out are remembered by hash: some 30 MB. Of more it is only known how many there are.
MAX_LEFT_OUT = 200_000
# What an operation takes in the file besides its bytes: its row, its entries in indexes, its words, what lists show.
# As measured with records of a few tags and a sentence; those with many words take more.
OVERHEAD_BYTES = 1_000
# In each log of a peer so many owners are told apart of whom something was left out; all others are one.
_OWNERS_TOLD = 1_000
_OTHERS = b""
_MODULUS = 2**256
_ADDRESS = re.compile(r"(?:0x)?([0-9a-f]{40})").fullmatch
# How every operation begins that was spelt as it must be. Whoever claims another owner than the one who signed has
# made an operation that is none.
_CLAIMED = re.compile(rb'\{"[A-Za-z]{1,16}":\{"(?:Up":\{"dot":\{"actor":"|Rm":\{"clock":\{")([0-9a-f]{40})"').match


class Ration(NamedTuple):
    """What is taken from somewhere; None for as much as comes. It never makes anything invalid: what is over it waits.

    Attributes:
        named_only: only operations of keys that have a name here.
        owner_ops, owner_bytes: the most that this replica holds of one owner, in operations and in bytes on disk,
            while these come from here; keys that have a name here are held to neither.
        source_ops, source_bytes: the most that this replica holds of what one source (a peer, a place that pushes)
            brought first.
    """

    named_only: bool = False
    owner_ops: int | None = None
    owner_bytes: int | None = None
    source_ops: int | None = None
    source_bytes: int | None = None


NO_RATION = Ration()


class KeptOut(NamedTuple):
    """An owner that is muted or blocked.

    Attributes:
        owner: 40 hex digits.
        muted_at, blocked_at: Unix seconds, None where it is not.
        ops: of theirs in this log.
        left_out: so many of theirs are known to be left out.
    """

    owner: str
    muted_at: int | None
    blocked_at: int | None
    ops: int
    left_out: int


class LeftOut(NamedTuple):
    """An operation that was left out.

    Attributes:
        hash, owner: 64 and 40 hex digits. source: who sent it first; a peer rather than whoever pushed it before.
        size: bytes it would take on disk. at: Unix seconds.
        wanted: it comes in when a peer that has it is pulled from.
    """

    hash: str
    owner: str
    reason: Reason
    source: str
    size: int
    at: int
    wanted: bool


class LeftOutGroup(NamedTuple):
    """What was left out of one owner for one reason: how many operations, their bytes, the last of them (Unix seconds),
    and how many of them are wanted by now."""

    owner: str
    reason: Reason
    ops: int
    bytes: int
    latest: int
    wanted: int


class Wanted(NamedTuple):
    """What a peer is to be asked for.

    Attributes:
        hashes: by which it is asked, children first where they are known.
        entry: who answers no such questions is read again from here on; also where not all hashes were remembered.
        is_whole: the hashes are all that is wanted.
    """

    hashes: list[str]
    entry: int | None
    is_whole: bool


class Rations:
    """Whom this replica hides, whom it takes nothing from, and how much it takes from whom."""

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    # Owners

    def all(self) -> list[KeptOut]:
        """Every owner that is muted or blocked, by address."""
        with self._pool.read() as db:
            return _read_kept_out(db)

    def of(self, owner: str) -> KeptOut | None:
        """How an owner stands, None where it is neither muted nor blocked.

        Raises:
            StoreError: `bad_owner`.
        """
        address = _address(owner)
        with self._pool.read() as db:
            return next(iter(_read_kept_out(db, address)), None)

    def mute(self, owner: str) -> None:
        """Hide an owner's records in lists, searches and counts; everything else stays.

        Raises:
            StoreError: `bad_owner`, `own_key`.
        """
        self._note(owner, "muted_at")

    def unmute(self, owner: str) -> bool:
        """Show them again; whether they were hidden.

        Raises:
            StoreError: `bad_owner`.
        """
        address = _address(owner)
        with self._pool.write() as db:
            return _unset(db, address, "muted_at")

    def block(self, owner: str) -> None:
        """Take nothing new of an owner, from anybody; what is here stays.

        Raises:
            StoreError: `bad_owner`, `own_key`.
        """
        self._note(owner, "blocked_at")

    def unblock(self, owner: str) -> int:
        """Take what comes of an owner again, and ask for what was left out at the next sync; how many operations these
        are, as far as is known. 0 also where the owner was not blocked.

        Raises:
            StoreError: `bad_owner`.
        """
        address = _address(owner)
        with self._pool.write() as db:
            if not _unset(db, address, "blocked_at"):
                return 0
            return want(db, "owner = ? AND reason = ?", (address, _code("blocked")), address)

    # Rations

    def ration(self, source: str) -> Ration:
        """What is taken from a source: a peer's name, `PUSHES` or `EVERYBODY`. An operation has to fit its source's
        ration and everybody's."""
        with self._pool.read() as db:
            return _read_rations(db).get(source, NO_RATION)

    def rations(self) -> dict[str, Ration]:
        """Every ration by its source."""
        with self._pool.read() as db:
            return _read_rations(db)

    def set_ration(self, source: str, ration: Ration) -> None:
        """Give a source another ration; what waits for room, or for a name, is asked for again at the next sync.

        Raises:
            StoreError: `bad_ration`: a negative amount. `not_found`: there is no such peer.
        """
        amounts = ration[1:]
        if any(amount is not None and not 0 <= amount < 2**63 for amount in amounts):
            raise StoreError("bad_ration", "a ration is a number of operations or bytes, 0 or more")
        with self._pool.write() as db:
            is_peer = source not in (EVERYBODY, PUSHES)
            if is_peer and db.execute("SELECT 1 FROM peers WHERE name = ?", (source,)).fetchone() is None:
                raise StoreError("not_found", f"there is no peer named '{source[:32]}': see `peer list`")
            if ration == NO_RATION:
                db.execute("DELETE FROM rations WHERE source = ?", (source,))
            else:
                db.execute(
                    "INSERT OR REPLACE INTO rations (source, named_only, owner_ops, owner_bytes, source_ops, "
                    "source_bytes) VALUES (?, ?, ?, ?, ?, ?)",
                    (source, ration.named_only, *amounts),
                )
                _count_usage(db)
            look_again(db)

    # What was left out

    def left_out(self, limit: int = 200, *, owner: str | None = None) -> list[LeftOut]:
        """What was left out last, the latest first."""
        which = None if owner is None else _address(owner)
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT hash, owner, reason, source, size, at, wanted FROM left_out WHERE ? IS NULL OR owner = ? "
                "ORDER BY seq DESC LIMIT ?",
                (which, which, max(0, limit)),
            )
            return [
                LeftOut(digest.hex(), address.hex(), REASONS[reason], source, size, at, bool(wanted))
                for digest, address, reason, source, size, at, wanted in rows
            ]

    def groups(self, limit: int = 200, *, owner: str | None = None) -> list[LeftOutGroup]:
        """What was left out, by owner and reason, the largest first.

        Args:
            owner: only of this one.
        """
        which = None if owner is None else _address(owner)
        with self._pool.read() as db:
            rows = db.execute(
                "SELECT owner, reason, count(*), sum(size), max(at), sum(wanted > 0) FROM left_out "
                "WHERE ? IS NULL OR owner = ? GROUP BY owner, reason ORDER BY 3 DESC, owner, reason LIMIT ?",
                (which, which, max(0, limit)),
            )
            return [LeftOutGroup(address.hex(), REASONS[reason], *rest) for address, reason, *rest in rows]

    def count(self) -> int:
        """How many operations that were left out are remembered."""
        with self._pool.read() as db:
            return int(db.execute("SELECT count(*) FROM left_out").fetchone()[0])

    def counts(self) -> dict[Reason, int]:
        """How many of them for each reason that there is."""
        with self._pool.read() as db:
            rows = db.execute("SELECT reason, count(*) FROM left_out GROUP BY reason ORDER BY reason")
            return {REASONS[reason]: count for reason, count in rows}

    def waiting(self, *, source: str) -> int:
        """How many operations that a source sent first would be asked for if they were taken in."""
        with self._pool.read() as db:
            ask = "SELECT count(*) FROM left_out WHERE reason <> ? AND source = ? AND wanted = 0"
            return int(db.execute(ask, (_code("blocked"), source)).fetchone()[0])

    def take_in(self, *, owner: str | None = None, source: str | None = None) -> int:
        """Ask at the next sync for what waits, and take it whatever the rations say; how many operations these are.
        What blocked owners have stays out.

        Args:
            owner: only of this one. source: only what this one sent.
        """
        address = None if owner is None else _address(owner)
        with self._pool.write() as db:
            return want(
                db,
                "reason <> ? AND (? IS NULL OR owner = ?) AND (? IS NULL OR source = ?)",
                (_code("blocked"), address, address, source, source),
                address,
                how=_ON_PURPOSE,
            )

    # How

    def _note(self, owner: str, column: str) -> None:
        with self._pool.write() as db:
            address = foreign(db, owner)
            if column == "blocked_at":
                block(db, address, self._clock())
            else:
                _set(db, address, column, self._clock())


def foreign(db: sqlite3.Connection, owner: str) -> bytes:
    """An address that is not this replica's own.

    Raises:
        StoreError: `bad_owner`, `own_key`.
    """
    address = _address(owner)
    if db.execute("SELECT address FROM replica").fetchone() == (address.hex(),):
        raise StoreError("own_key", "that is this replica's own key: what it signs is neither hidden nor left out")
    return address


def block(db: sqlite3.Connection, address: bytes, now: int) -> None:
    """Take nothing new of an owner, and leave out what waits for a child of theirs; inside the caller's transaction."""
    _set(db, address, "blocked_at", now)
    db.execute("UPDATE left_out SET wanted = 0, reason = ? WHERE owner = ?", (_code("blocked"), address))
    waiting = db.execute("SELECT digest, source, body FROM pending ORDER BY seq").fetchall()
    theirs = {
        digest: (claimed_hash(body) or "", source, bytes_on_disk(body))
        for digest, source, body in reversed(waiting)
        if claimed_owner(body) == address.hex()
    }
    rows: list[tuple[bytes, str, Reason, str, int]] = [
        (bytes.fromhex(claim), address.hex(), "blocked", source, size) for claim, source, size in theirs.values()
    ]
    kept = remember(db, reversed(rows), now)
    for digest, (claim, _, _) in theirs.items():
        note_held_left(db, digest, claim, address.hex(), bytes.fromhex(claim) in kept)
    db.executemany("DELETE FROM pending WHERE digest = ?", ((digest,) for digest in theirs))


# What reads the log: what counts where logs are compared


def hashes_left_out(db: sqlite3.Connection, source: str | None = None, *, but_pushes: bool = False) -> list[bytes]:
    """The raw hashes of what was left out and is not wanted, in the order in which it came; with `source` of what that
    one sent, `but_pushes` without what nobody but strangers who push has shown."""
    rows = db.execute(
        "SELECT hash FROM left_out WHERE wanted = 0 AND (? IS NULL OR source = ?) AND (NOT ? OR source NOT GLOB ?) "
        "ORDER BY seq",
        (source, source, but_pushes, PUSHES + "*"),
    )
    return [digest for (digest,) in rows]


def reason_of(db: sqlite3.Connection, digest: str) -> Reason | Literal["wanted"] | None:
    """Why an operation is left out, `wanted` where that is over; None where nothing is remembered of it."""
    row = db.execute("SELECT reason, wanted FROM left_out WHERE hash = ?", (bytes.fromhex(digest),)).fetchone()
    return None if row is None else "wanted" if row[1] else REASONS[row[0]]


def left_among(db: sqlite3.Connection, hashes: Sequence[str]) -> set[str]:
    """Those of these hashes that were left out and are not wanted."""
    found: set[str] = set()
    for chunk in chunks([bytes.fromhex(item) for item in hashes]):
        rows = db.execute(f"SELECT hash FROM left_out WHERE wanted = 0 AND hash IN ({marks(chunk)})", chunk)
        found.update(digest.hex() for (digest,) in rows)
    return found


def left_owners(db: sqlite3.Connection, hashes: Sequence[bytes]) -> dict[bytes, str]:
    """The owners of those of these hashes that were left out and are not wanted."""
    found: dict[bytes, str] = {}
    for chunk in chunks(hashes):
        rows = db.execute(f"SELECT hash, owner FROM left_out WHERE wanted = 0 AND hash IN ({marks(chunk)})", chunk)
        found.update((digest, owner.hex()) for digest, owner in rows)
    return found


def note_all_left(
    db: sqlite3.Connection, peer: str, epoch: str, stop: int, left: Sequence[tuple[int, str, str]]
) -> None:
    """As `note_left`, where all of the log up to `stop` is known: these are all, each by an index from which on it
    stands in the log, its hash and its owner."""
    db.execute("DELETE FROM left_at WHERE peer = ? AND epoch = ?", (peer, epoch))
    note_left(db, peer, epoch, stop, [(entry, digest, owner, True) for entry, digest, owner in left])


# What takes operations in


def claimed_owner(line: bytes) -> str | None:
    """The address that a line claims as its owner's, None where it is not spelt as an operation begins."""
    match = _CLAIMED(line)
    return None if match is None else match[1].decode()


def blocked_owners(db: sqlite3.Connection) -> frozenset[str]:
    """The addresses of the owners that are blocked, but for this replica's own."""
    rows = db.execute(
        "SELECT owner FROM kept_out, replica WHERE blocked_at IS NOT NULL AND lower(hex(owner)) <> address"
    )
    return frozenset(owner.hex() for (owner,) in rows)


class Admission:
    """Which operations of a batch come in. Asked of each that is valid by itself and not in the log."""

    def __init__(self, db: sqlite3.Connection, source: str, ration: Ration | None, now: int) -> None:
        """
        Args:
            source: who sends them.
            ration: one more that they have to fit.
            now: Unix seconds.
        """
        self._db = db
        self._source = source
        self._now = now
        self._blocked = blocked_owners(db)
        self._by_source = _read_rations(db)
        self._given = ration
        # What is released here may have come from others, whose rations it has to fit.
        self._any_rations = bool(self._by_source) or (ration is not None and ration != NO_RATION)
        if self._any_rations:
            _count_usage(db)
        self._held_to: dict[str, list[Ration]] = {}
        self._used: dict[str, list[int]] = {}
        (self._own,) = db.execute("SELECT address FROM replica").fetchone()
        self._named = _named(db) if self._any_rations else frozenset()
        any_left, any_wanted = db.execute(
            "SELECT EXISTS (SELECT 1 FROM left_out), EXISTS (SELECT 1 FROM left_out WHERE wanted = ?)", (_ON_PURPOSE,)
        ).fetchone()
        self._any_left, self._any_wanted = bool(any_left), bool(any_wanted)
        self._owners: dict[str, list[int]] = {}
        self._left: dict[bytes, tuple[str, Reason, int, str]] = {}

    @property
    def is_open(self) -> bool:
        """Whether everything comes in, and nothing is left out that could be waited for."""
        return not (self._blocked or self._any_rations or self._any_left)

    def is_blocked(self, owner: str) -> bool:
        """Whether nothing new is taken of an owner."""
        return owner in self._blocked

    def why_not(self, op: Checked, body: bytes, missing: Sequence[str], held_by: str | None = None) -> Reason | None:
        """Why an operation is left out, None where it comes in or has to wait for a child.

        Args:
            missing: the children that are not here. held_by: who sent it, where it waited here.
        """
        owner = op.claim.owner
        if owner == self._own:
            return None
        if owner in self._blocked:
            return "blocked"
        if self._any_wanted and self._is_wanted(op):
            return None
        rations = self._rations(held_by)
        if any(one.named_only for one in rations) and owner not in self._named:
            return "unnamed"
        for child in missing:
            reason = self._reason_of(child)
            if reason is not None:
                return reason
        return self._over(owner, body, rations, held_by) if rations and not missing else None

    def count(self, op: Checked, body: bytes, held_by: str | None = None) -> None:
        """Note that an operation came in."""
        if self._any_rations:
            size = bytes_on_disk(body)
            for used in (self._used_by(held_by), self._usage_of(op.claim.owner)):
                used[0] += 1
                used[1] += size

    def leave_out(self, digest: str, owner: str, reason: Reason, body: bytes, held_by: str | None = None) -> None:
        """Note that an operation was left out."""
        self._left[bytes.fromhex(digest)] = owner, reason, bytes_on_disk(body), held_by or self._source

    def flush(self, settled: Iterable[str]) -> set[bytes]:
        """Write down what was left out; gives those of it that are remembered.

        Args:
            settled: the hashes of what came in, waits for a child, or was refused.
        """
        if self._any_left:
            self._db.executemany("DELETE FROM left_out WHERE hash = ?", ((bytes.fromhex(one),) for one in settled))
        if not self._left:
            return set()
        rows = ((digest, owner, reason, source, size) for digest, (owner, reason, size, source) in self._left.items())
        return remember(self._db, rows, self._now)

    # How

    def _is_wanted(self, op: Checked) -> bool:
        digest = bytes.fromhex(op.claim.hash)
        row = self._db.execute("SELECT wanted FROM left_out WHERE hash = ?", (digest,)).fetchone()
        return row is not None and row[0] == _ON_PURPOSE

    def _reason_of(self, child: str) -> Reason | None:
        """Why a child is not here, where that is because it was left out and nobody wants it."""
        digest = bytes.fromhex(child)
        if digest in self._left:
            return self._left[digest][1]
        if not self._any_left:
            return None
        ask = "SELECT reason FROM left_out WHERE hash = ? AND wanted = 0"
        row = self._db.execute(ask, (digest,)).fetchone()
        return None if row is None else REASONS[row[0]]

    def _rations(self, held_by: str | None) -> list[Ration]:
        """What is taken from whoever sent it."""
        source = held_by or self._source
        found = self._held_to.get(source)
        if found is None:
            scope = PUSHES if source.startswith(PUSHES) else source
            # What one push is held to holds for all of them.
            is_alike = held_by is None or (scope == PUSHES and self._source.startswith(PUSHES))
            every = [
                self._by_source.get(EVERYBODY),
                self._by_source.get(scope) if scope else None,
                self._given if is_alike else None,
            ]
            found = self._held_to[source] = [one for one in every if one is not None and one != NO_RATION]
        return found

    def _used_by(self, held_by: str | None) -> list[int]:
        source = held_by or self._source
        if source not in self._used:
            self._used[source] = _usage(self._db, "sources", "source", source)
        return self._used[source]

    def _over(self, owner: str, body: bytes, rations: Sequence[Ration], held_by: str | None) -> Reason | None:
        of_owner, used = self._usage_of(owner), self._used_by(held_by)
        in_bytes = any(one.owner_bytes is not None or one.source_bytes is not None for one in rations)
        size = bytes_on_disk(body) if in_bytes else 0
        for one in rations:
            if _is_over(used, size, one.source_ops, one.source_bytes):
                return "source_full"
            if owner not in self._named and _is_over(of_owner, size, one.owner_ops, one.owner_bytes):
                return "owner_full"
        return None

    def _usage_of(self, owner: str) -> list[int]:
        if owner not in self._owners:
            self._owners[owner] = _usage(self._db, "owners", "address", bytes.fromhex(owner))
        return self._owners[owner]


def bytes_on_disk(body: bytes) -> int:
    """About what an operation takes in the file."""
    return len(packed(body)) + OVERHEAD_BYTES


def remember(db: sqlite3.Connection, rows: Iterable[tuple[bytes, str, Reason, str, int]], now: int) -> set[bytes]:
    """Remember operations that are left out, each by hash, owner, reason, source and size on disk; inside the caller's
    transaction.

    Returns:
        The hashes of those that there was room for.
    """
    (count,) = db.execute("SELECT count(*) FROM left_out").fetchone()
    kept: set[bytes] = set()
    is_full = False
    for digest, owner, reason, source, size in rows:
        if count >= MAX_LEFT_OUT and not _is_left(db, digest):
            freed = 0 if is_full else _make_room(db, source)
            is_full = not freed
            if is_full:
                continue
            count -= freed
        count += db.execute(
            "INSERT INTO left_out (hash, owner, reason, source, size, at) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (hash) DO NOTHING",
            (digest, bytes.fromhex(owner), _code(reason), source, size, now),
        ).rowcount
        db.execute("UPDATE left_out SET wanted = 0, reason = ? WHERE hash = ?", (_code(reason), digest))
        if not source.startswith(PUSHES):
            # Strangers may have pushed it before: now it is known that logs have it.
            db.execute(
                "UPDATE left_out SET source = ? WHERE hash = ? AND source GLOB ?", (source, digest, PUSHES + "*")
            )
        kept.add(digest)
    return kept


def count_source(db: sqlite3.Connection, brought: Iterable[tuple[str, int]]) -> None:
    """Add to what sources brought: each operation's source, and the bytes that it takes."""
    ops: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for source, taken in brought:
        ops[source] += 1
        size[source] += taken
    db.executemany(
        "INSERT INTO sources (source, ops, bytes) VALUES (?, ?, ?) "
        "ON CONFLICT (source) DO UPDATE SET ops = ops + excluded.ops, bytes = bytes + excluded.bytes",
        ((source, count, size[source]) for source, count in ops.items()),
    )


# What peers' logs have that was left out


def note_left(
    db: sqlite3.Connection, peer: str, epoch: str, stop: int, left: Sequence[tuple[int, str, str, bool]]
) -> None:
    """Note which entries of a peer's log were left out, so that its head can be told from ours by them, and so that
    they can be read again.

    Args:
        stop: the end of the stretch of the log that they are of.
        left: each by its index, the hash that it claims, its owner, and whether it is remembered by hash.
    """
    if not left:
        return
    known = {
        owner: (upto, ops, int.from_bytes(total, "big"), entry, beyond)
        for owner, entry, upto, ops, total, beyond in db.execute(
            "SELECT owner, entry, upto, ops, total, beyond FROM left_at WHERE peer = ? AND epoch = ?", (peer, epoch)
        )
    }
    changed: set[bytes] = set()
    for entry, digest, address, is_remembered in left:
        owner = bytes.fromhex(address)
        if owner not in known and len(known) >= _OWNERS_TOLD:
            owner = _OTHERS
        upto, ops, total, first, beyond = known.get(owner, (0, 0, 0, entry, 0))
        if entry >= upto:  # else it was counted when it was read before
            known[owner] = upto, ops + 1, total + int(digest, 16), min(first, entry), beyond + (not is_remembered)
            changed.add(owner)
    db.executemany(
        "INSERT OR REPLACE INTO left_at (peer, epoch, owner, entry, upto, ops, total, beyond) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (peer, epoch, owner, first, max(upto, stop), ops, (total % _MODULUS).to_bytes(32, "big"), beyond)
            for owner in changed
            for upto, ops, total, first, beyond in (known[owner],)
        ),
    )


def note_held_left(db: sqlite3.Connection, body: bytes, digest: str, owner: str, is_remembered: bool) -> None:
    """As `note_left`, of an operation that waited here: wherever it stands in peers' logs, before it is let go.

    Args:
        body: the digest of its bytes. digest: its hash.
    """
    rows = db.execute(
        "SELECT source, epoch, entry FROM pending WHERE digest = ? AND epoch IS NOT NULL AND entry IS NOT NULL", (body,)
    ).fetchall()
    for source, epoch, entry in rows:
        note_left(db, source, epoch, entry + 1, [(entry, digest, owner, is_remembered)])


def note_taken(
    db: sqlite3.Connection, of_owner: Mapping[bytes, Sequence[int]], identical: Sequence[str], beyond: int
) -> None:
    """Note that what peers' logs have, and was read, is left out from now on.

    Args:
        of_owner: how many operations were taken of each owner, and the sum of their hashes.
        identical: the peers whose logs have all of it; of others nobody knows how much they have.
        beyond: how many of them are not remembered by hash.
    """
    cursors = db.execute("SELECT peer, epoch, next_index FROM cursors").fetchall()
    for peer, epoch, upto in cursors:
        for owner, (ops, total) in of_owner.items():
            before = db.execute(
                "SELECT ops, total, beyond FROM left_at WHERE peer = ? AND epoch = ? AND owner = ?",
                (peer, epoch, owner),
            ).fetchone()
            known, known_total, known_beyond = before or (0, b"", 0)
            has = int(peer in identical)
            sum_ = (int.from_bytes(known_total, "big") + has * total) % _MODULUS
            db.execute(
                "INSERT OR REPLACE INTO left_at (peer, epoch, owner, entry, upto, ops, total, beyond) "
                "VALUES (?, ?, ?, 0, ?, ?, ?, ?)",
                (peer, epoch, owner, upto, known + has * ops, sum_.to_bytes(32, "big"), known_beyond + beyond),
            )


def left_of_peers(db: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """How many entries of the present log of each peer were left out, and the sum of their hashes; of those that have
    any."""
    found: dict[str, tuple[int, int]] = {}
    for peer, ops, total in db.execute(
        "SELECT l.peer, l.ops, l.total FROM left_at l JOIN peers p ON p.name = l.peer AND p.epoch = l.epoch"
    ):
        before = found.get(peer, (0, 0))
        found[peer] = before[0] + ops, (before[1] + int.from_bytes(total, "big")) % _MODULUS
    return found


def wanted_of(db: sqlite3.Connection, peer: str, epoch: str, most: int) -> Wanted | None:
    """What a peer is to be asked for, None for nothing; inside a transaction that may write nothing."""
    row = db.execute("SELECT to_ask FROM peers WHERE name = ?", (peer,)).fetchone()
    if row is None or not row[0]:
        return None
    cursor = "SELECT left_index, left_beyond FROM cursors WHERE peer = ? AND epoch = ?"
    entry, beyond = db.execute(cursor, (peer, epoch)).fetchone() or (None, 0)
    # What another sent first is asked of this one too, where its log has some of what is wanted: the other may be gone.
    rows = db.execute(
        "SELECT hash FROM left_out l WHERE wanted > 0 AND (:has_some OR source = :peer OR "
        "NOT EXISTS (SELECT 1 FROM peers p WHERE p.name = l.source)) ORDER BY seq LIMIT :most",
        {"peer": peer, "has_some": entry is not None, "most": most + 1},
    ).fetchall()
    return Wanted([digest.hex() for (digest,) in rows[:most]], entry, len(rows) <= most and not beyond)


def asked(db: sqlite3.Connection, peer: str, epoch: str, *, again: bool, is_full: bool) -> None:
    """Note that a peer was asked for all that was wanted. Its log is read again from the first entry that was left out
    where it does not answer such questions (`again`), or did not give what it had sent before.

    Args:
        is_full: it was not asked for the rest, as there is no room for it.
    """
    db.execute("UPDATE peers SET to_ask = 0 WHERE name = ?", (peer,))
    if not is_full:
        ask = "SELECT EXISTS (SELECT 1 FROM left_out WHERE source = ? AND wanted > 0)"
        again = again or bool(db.execute(ask, (peer,)).fetchone()[0])
    if again:
        db.execute(
            "UPDATE cursors SET again_index = min(coalesce(again_index, left_index), left_index) "
            "WHERE peer = ? AND epoch = ? AND left_index < next_index",
            (peer, epoch),
        )
    else:
        _count_what_stays_out(db, peer, epoch, is_full=is_full)
    db.execute("UPDATE cursors SET left_index = NULL, left_beyond = 0 WHERE peer = ? AND epoch = ?", (peer, epoch))


def _count_what_stays_out(db: sqlite3.Connection, peer: str, epoch: str, *, is_full: bool) -> None:
    """What was asked of a peer and found no room is left out as before."""
    if is_full:
        # Whyever it was left out, from now on it waits for room: else nothing would ask for it once there is.
        db.execute(
            "UPDATE left_out SET wanted = 0, reason = CASE WHEN reason IN (?, ?) THEN ? ELSE reason END "
            "WHERE wanted = ? AND (source = ? OR NOT EXISTS (SELECT 1 FROM peers p WHERE p.name = left_out.source))",
            (_code("blocked"), _code("removed"), _code("source_full"), _IF_ROOM, peer),
        )
    row = db.execute(
        "SELECT left_index, next_index FROM cursors WHERE peer = ? AND epoch = ? AND left_index IS NOT NULL",
        (peer, epoch),
    ).fetchone()
    if row is None:
        return
    still: dict[bytes, list[int]] = {}
    rows = db.execute(
        "SELECT hash, owner FROM left_out l WHERE source = ? AND wanted = 0 AND NOT EXISTS "
        "(SELECT 1 FROM left_at a WHERE a.peer = l.source AND a.epoch = ? AND a.owner = l.owner)",
        (peer, epoch),
    )
    for digest, owner in rows:
        numbers = still.setdefault(owner if len(still) < _OWNERS_TOLD else _OTHERS, [0, 0])
        numbers[0] += 1
        numbers[1] += int.from_bytes(digest, "big")
    db.executemany(
        "INSERT OR REPLACE INTO left_at (peer, epoch, owner, entry, upto, ops, total, beyond) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        (
            (peer, epoch, owner, *row, ops, (total % _MODULUS).to_bytes(32, "big"))
            for owner, (ops, total) in still.items()
        ),
    )


def want_removed(db: sqlite3.Connection, peer: str, beyond: int) -> None:
    """Ask all peers but this one for what was taken out with it; who answers no questions by hash is read again.

    Args:
        beyond: how many of them are not remembered by hash: with any, everybody is read again.
    """
    want(db, "reason = ?", (_code("removed"),), b"", but=peer)
    db.execute("UPDATE cursors SET left_index = 0, left_beyond = left_beyond + ? WHERE peer <> ?", (beyond, peer))
    if beyond:
        db.execute("UPDATE peers SET to_ask = 1 WHERE name <> ?", (peer,))


def named_since(db: sqlite3.Connection) -> list[bytes]:
    """The owners of whom something was left out because they had no name, and who have one by now."""
    rows = db.execute(
        "SELECT n.address FROM owner_names n WHERE EXISTS "
        "(SELECT 1 FROM left_out l WHERE l.owner = n.address AND l.reason IN (?, ?) AND l.wanted = 0)",
        _FOR_A_NAME,
    )
    return [owner for (owner,) in rows]


def want_named(db: sqlite3.Connection, owners: Iterable[bytes]) -> None:
    """Ask for what was left out of these owners because they had no name."""
    for owner in owners:
        want(db, "owner = ? AND reason IN (?, ?)", (owner, *_FOR_A_NAME), owner)


def look_again(db: sqlite3.Connection) -> None:
    """Something has changed that may make room: what fits by now is asked for at the next sync. Not all that waits,
    which would be fetched for nothing."""
    by_source = _read_rations(db)
    named = _named(db)
    codes = [_code(reason) for reason in REASONS if reason in DEFERRED or reason == "unnamed"]
    waiting = db.execute(
        f"SELECT DISTINCT source, owner, reason FROM left_out WHERE wanted = 0 AND reason IN ({marks(codes)})", codes
    ).fetchall()
    fitting: dict[bytes, None] = {}
    for source, owner, code in waiting:
        scope = PUSHES if source.startswith(PUSHES) else source
        rations = [one for one in (by_source.get(EVERYBODY), by_source.get(scope)) if one is not None]
        is_named = owner.hex() in named
        if REASONS[code] == "unnamed":
            fits = is_named or not any(one.named_only for one in rations)
        elif REASONS[code] == "source_full":
            used = _usage(db, "sources", "source", source)
            fits = not any(_is_over(used, 1, one.source_ops, one.source_bytes) for one in rations)
        else:
            used = _usage(db, "owners", "address", owner)
            fits = is_named or not any(_is_over(used, 1, one.owner_ops, one.owner_bytes) for one in rations)
        if fits:
            fitting[owner] = None
    # Of what is not remembered nobody knows why it was left out.
    fitting.update((owner, None) for (owner,) in db.execute("SELECT DISTINCT owner FROM left_at WHERE beyond > 0"))
    which = f"reason IN ({marks(codes)})"
    if len(fitting) > _OWNERS_TOLD:
        want(db, which, codes, None)
        return
    for owner in fitting:
        want(db, f"owner = ? AND {which}", (owner, *codes), owner)


# How

# Wanted as far as the rations allow, or whatever they say.
_IF_ROOM, _ON_PURPOSE = 1, 2
# What a name lets in.
_FOR_A_NAME = (REASONS.index("unnamed"), REASONS.index("owner_full"))
_IS_BLOCKED = "(SELECT 1 FROM kept_out k WHERE k.owner = {owner} AND k.blocked_at IS NOT NULL)"


def want(
    db: sqlite3.Connection,
    which: str,
    values: Sequence[object],
    owner: bytes | None,
    *,
    how: int = _IF_ROOM,
    but: str = "",
) -> int:
    """Let peers be asked for what was left out; how many operations that are.

    Args:
        which, values: a condition on the table of what was left out.
        owner: whose these are, None where it is more than one's.
        but: a peer that is not asked.
    """
    count = db.execute(f"UPDATE left_out SET wanted = ? WHERE {which}", (how, *values)).rowcount
    # Who answers no questions by hash, or had more than was remembered, is read again from where that began.
    ours = "(? IS NULL OR owner IN (?, ?)) AND NOT EXISTS " + _IS_BLOCKED.format(owner="left_at.owner")
    who = (owner, owner, _OTHERS)
    freed = db.execute(f"DELETE FROM left_at WHERE {ours} RETURNING peer, epoch, entry, beyond", who).fetchall()
    db.executemany(
        "UPDATE cursors SET left_index = min(coalesce(left_index, :entry), :entry), "
        "left_beyond = left_beyond + :beyond WHERE peer = :peer AND epoch = :epoch",
        ({"peer": peer, "epoch": epoch, "entry": entry, "beyond": beyond} for peer, epoch, entry, beyond in freed),
    )
    if count or freed:
        db.execute("UPDATE peers SET to_ask = 1 WHERE name <> ?", (but,))
    return count


def _is_left(db: sqlite3.Connection, digest: bytes) -> bool:
    return db.execute("SELECT 1 FROM left_out WHERE hash = ?", (digest,)).fetchone() is not None


def _make_room(db: sqlite3.Connection, source: str) -> int:
    """Forget the newest hashes of the sources that have most, unless it is this one: who floods makes nobody else's
    forgotten. How many that are; the logs that may have them are read again where they are wanted."""
    # Enough for many at once, however few each of the sources has: to count them is a look at all.
    enough = max(1, MAX_LEFT_OUT // 256)
    greediest: list[str] = []
    room = held = 0
    for name, count in db.execute("SELECT source, count(*) FROM left_out GROUP BY source ORDER BY 2 DESC, source"):
        if name == source:
            break
        greediest.append(name)
        room, held = room or max(enough, count // 16), held + count
        if held >= room:
            break
    if not greediest:
        return 0
    rows = db.execute(
        "DELETE FROM left_out WHERE seq IN (SELECT seq FROM left_out WHERE source IN (SELECT value FROM json_each(?)) "
        "ORDER BY seq DESC LIMIT ?) RETURNING owner, wanted",
        (json.dumps(greediest), room),
    ).fetchall()
    forgotten = Counter(owner for owner, _ in rows)
    forgotten[_OTHERS] = len(rows)
    # In every log that has some of these owners': others may have sent the same, and later.
    db.executemany(
        "UPDATE left_at SET beyond = beyond + ? WHERE owner = ?",
        ((number, owner) for owner, number in forgotten.items()),
    )
    if wanted := sum(wanted > 0 for _, wanted in rows):
        db.execute("UPDATE cursors SET left_beyond = left_beyond + ? WHERE left_index IS NOT NULL", (wanted,))
    return len(rows)


def _code(reason: Reason) -> int:
    return REASONS.index(reason)


def _address(owner: str) -> bytes:
    match = _ADDRESS(owner.strip().lower())
    if match is None:
        raise StoreError("bad_owner", f"an owner is an address of 40 hex digits, not '{owner[:50]}'")
    return bytes.fromhex(match[1])


def _set(db: sqlite3.Connection, address: bytes, column: str, now: int) -> None:
    db.execute("INSERT INTO kept_out (owner) VALUES (?) ON CONFLICT DO NOTHING", (address,))
    db.execute(f"UPDATE kept_out SET {column} = coalesce({column}, ?) WHERE owner = ?", (now, address))


def _unset(db: sqlite3.Connection, address: bytes, column: str) -> bool:
    was = db.execute(
        f"UPDATE kept_out SET {column} = NULL WHERE owner = ? AND {column} IS NOT NULL", (address,)
    ).rowcount
    db.execute("DELETE FROM kept_out WHERE owner = ? AND muted_at IS NULL AND blocked_at IS NULL", (address,))
    return bool(was)


def _read_kept_out(db: sqlite3.Connection, owner: bytes | None = None) -> list[KeptOut]:
    rows = db.execute(
        "SELECT k.owner, k.muted_at, k.blocked_at, coalesce(o.ops, 0), "
        "(SELECT count(*) FROM left_out l WHERE l.owner = k.owner) "
        "FROM kept_out k LEFT JOIN owners o ON o.address = k.owner WHERE ? IS NULL OR k.owner = ? ORDER BY k.owner",
        (owner, owner),
    )
    return [KeptOut(address.hex(), *rest) for address, *rest in rows]


def _read_rations(db: sqlite3.Connection) -> dict[str, Ration]:
    rows = db.execute(
        "SELECT source, named_only, owner_ops, owner_bytes, source_ops, source_bytes FROM rations ORDER BY source"
    )
    return {source: Ration(bool(named_only), *amounts) for source, named_only, *amounts in rows}


def _named(db: sqlite3.Connection) -> frozenset[str]:
    return frozenset(owner.hex() for (owner,) in db.execute("SELECT address FROM owner_names"))


def _usage(db: sqlite3.Connection, table: str, column: str, value: str | bytes) -> list[int]:
    row = db.execute(f"SELECT ops, coalesce(bytes, 0) FROM {table} WHERE {column} = ?", (value,)).fetchone()
    return [0, 0] if row is None else [*row]


def _is_over(used: Sequence[int], size: int, most_ops: int | None, most_bytes: int | None) -> bool:
    return (most_ops is not None and used[0] >= most_ops) or (most_bytes is not None and used[1] + size > most_bytes)


def _count_usage(db: sqlite3.Connection) -> None:
    """Count what owners and sources have here, where a version of before did not: it looks at all of the log, once."""
    if db.execute("SELECT 1 FROM owners WHERE bytes IS NULL LIMIT 1").fetchone() is not None:
        recount(db)


def recount(db: sqlite3.Connection) -> None:
    """Count anew what owners and sources have here."""
    db.execute("DELETE FROM owners")
    db.execute(
        "INSERT INTO owners (address, ops, bytes) SELECT k.owner, count(*), sum(length(o.body)) + count(*) * ? "
        "FROM keys k JOIN ops o USING (rid) GROUP BY k.owner",
        (OVERHEAD_BYTES,),
    )
    db.execute("DELETE FROM sources")
    db.execute(
        "INSERT INTO sources (source, ops, bytes) SELECT a.source, count(*), sum(length(o.body)) + count(*) * ? FROM "
        "(SELECT idx, source, lead(idx, 1, (SELECT size FROM replica)) OVER (ORDER BY idx) AS stop FROM arrivals) a "
        "JOIN ops o ON o.idx >= a.idx AND o.idx < a.stop WHERE a.source IS NOT NULL AND a.source NOT GLOB ? "
        "GROUP BY a.source",
        (OVERHEAD_BYTES, OF_HUB + "*"),
    )
