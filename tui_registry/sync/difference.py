"""Comparing two logs by what they differ in, at a cost that grows with that and not with the logs (see protocol.md,
Differences): what a node answers, and how a reader finds out which operations only the peer has, and which only we.

A question names a log by its epoch and a size, so that a node keeps nothing between two of them, and any process of it
answers. Nothing that is answered is believed: symbols and listed hashes only propose. A cursor moves once the set that
they lead to is the one that the peer's head names.
"""

from __future__ import annotations

import asyncio
import math
import re
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from itertools import groupby

from tui_registry.crdt import claimed_hash
from tui_registry.crdt.sets import HASH_BYTES, SYMBOL_BYTES, SYMBOLS, LtHash, Symbols, decode, estimate
from tui_registry.crdt.tree import RightEdge
from tui_registry.datastore import ApplyReport, Cursor, Datastore, Head
from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.present.pulls import SyncError
from tui_registry.sync.bounds import TILE_OPS, Bounds
from tui_registry.sync.concurrency import fetch_ahead, in_thread
from tui_registry.sync.tiles import MAX_SIZE, RemoteHead, Span, hash_spans
from tui_registry.sync.transport import Transport

# Symbols that are asked for first: as many as tell about how many differences there are. A push expects few.
FIRST_OF_PULL = 64
FIRST_OF_PUSH = 32
# What a node spends on one question: operations behind the size that is asked about, hashes that are gone through for
# symbols of parts of the log, and bytes of an answer.
MOST_LATER = 8_192
MOST_SKETCHED = 131_072
MOST_BYTES = 4 * 1024**2
MAX_BITS = 16
MAX_PREFIXES = 4_096
# Of a hash so many bytes tell it from all others of two logs that nobody made to be taken for one another; and of the
# hashes of operations that are asked for.
LISTED_BYTES = 10
ASKED_BYTES = 16
# What an operation costs to be read among its neighbours, by itself, and to be listed with all others: bytes.
_IN_A_TILE = 340
_BY_ITSELF = 400
# In each part of a log that is compared by itself; and the symbols that a difference takes where there are many.
_IN_A_PART = 256
_EACH = 1.42
# Operations to be read before it is worth asking which of them are here.
_WORTH = 256
# What is kept of a log of version 0.1 is made first, as far as it does not take longer: of 100,000 operations it does
# not.
_SETS_SECONDS = 3.0
# Symbols, beyond which it is worth a question more to know better how many are needed; and operations that are left out
# here, to be reckoned with each time.
_MANY = 1_024
# Operations here that are tried as those that the peer lacks: 5 us each.
_MOST_TRIED = 65_536
# A small peer does not make a large replica compare all it has, nor a liar by a size.
_OURS_TO_THEIRS = 8
_HEX_EPOCH = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX_SET = re.compile(r"[0-9a-f]{64}", re.ASCII)


class QuestionError(ValueError):
    """A question that is none, or that a node does not answer. The text says why.

    Attributes:
        path: the member that is wrong. code: `type`, `no_log` or `not_offered`.
    """

    def __init__(self, path: str, sentence: str, code: str = "type") -> None:
        super().__init__(sentence)
        self.path = path
        self.code = code


# What a node makes of it


class Question(NamedTuple):
    """What is asked of a log.

    Attributes:
        epoch, size: of the log; None for what it is now.
        have: the size and the set of who asks: where they are those of the log, or of its beginning, that is told
            instead.
        symbols: from which up to which.
        prefixes: a number of bits, and the first and one past the last number that the hashes begin with: of each such
            part by itself.
        listed: so many bytes of each hash in those parts, in place of symbols; 0 for symbols.
    """

    epoch: str | None
    size: int | None
    have: tuple[int, str] | None
    symbols: tuple[int, int] | None
    prefixes: tuple[int, int, int] | None
    listed: int


def is_at_hand(asked: Question, head: Head) -> bool:
    """Whether it is answered without looking through parts of the log, or through what came since."""
    sizes = {head.size if asked.size is None else asked.size, head.size if asked.have is None else asked.have[0]}
    return asked.prefixes is None and sizes == {head.size}


QUESTION_MEMBERS = ("epoch", "size", "have", "symbols", "prefixes", "listed")


def read_question(tree: Mapping[str, Json]) -> Question:
    """The question in a body whose members are known.

    Raises:
        QuestionError.
    """
    # A member that is there is never taken for one that is not: else another question is answered than was asked.
    named, size = tree.get("epoch"), _count(tree.get("size"), MAX_SIZE)
    epoch = named if isinstance(named, str) and _HEX_EPOCH.fullmatch(named) else None
    if "epoch" in tree and epoch is None:
        raise QuestionError("epoch", "must be 32 lower-case hex digits, or be left out")
    if ("size" in tree) != ("epoch" in tree) or ("size" in tree and size is None):
        raise QuestionError("size", "must be a whole number from 0 on, and stand beside an epoch")
    have, known = tree.get("have"), None
    if "have" in tree:
        said = have if isinstance(have, dict) else {}
        number, digest = _count(said.get("size"), MAX_SIZE), said.get("set")
        if number is None or not isinstance(digest, str) or not _HEX_SET.fullmatch(digest):
            raise QuestionError("have", "must be an object of a size and a set of 64 lower-case hex digits")
        known = number, digest
    symbols = _numbers(tree, "symbols", 2)
    if symbols is not None and not symbols[0] < symbols[1] <= SYMBOLS:
        raise QuestionError("symbols", f"must be two numbers, from which up to which of {SYMBOLS:,}")
    parts = _numbers(tree, "prefixes", 3)
    if parts is not None and (epoch is None or parts[0] > MAX_BITS or not parts[1] < parts[2] <= 1 << parts[0]):
        raise QuestionError(
            "prefixes", f"must be up to {MAX_BITS} bits, a first number and one past the last, beside an epoch"
        )
    if parts is not None and parts[2] - parts[1] > MAX_PREFIXES:
        raise QuestionError("prefixes", f"must be {MAX_PREFIXES:,} or fewer: ask for the rest in another question")
    listed = _count(tree.get("listed", 0), HASH_BYTES)
    if listed is None or (listed and (listed < 8 or parts is None)):
        raise QuestionError("listed", "must be 8 to 32 bytes of each hash, beside prefixes")
    if (symbols is None) == (not listed) or (parts is not None and symbols is not None and symbols[0]):
        raise QuestionError("symbols", "must be there, from 0 on beside prefixes, or `listed` in its place")
    return Question(
        epoch,
        size,
        known,
        None if symbols is None else (symbols[0], symbols[1]),
        None if parts is None else (parts[0], parts[1], parts[2]),
        listed,
    )


def answer(datastore: Datastore, head: Head, asked: Question) -> tuple[dict[str, Json], bytes]:
    """What a node says of its log: members, and the symbols or hashes that follow them.

    Args:
        head: of the log now.

    Raises:
        QuestionError: code `no_log` or `not_offered`.
    """
    log = datastore.log
    epoch, size = (head.epoch, head.size) if asked.epoch is None or asked.size is None else (asked.epoch, asked.size)
    if epoch != head.epoch or size > head.size:
        raise QuestionError("", "this log is another one by now: read /sync/head again", "no_log")
    told: dict[str, Json] = {"size": size}
    if asked.have is not None:
        theirs, digest = asked.have
        state = log.set_of(epoch, theirs, most=MOST_LATER) if theirs <= size else None
        if state is not None and state.set_hash.hex() == digest:
            return {**told, "begins": theirs}, b""
    if asked.prefixes is None:
        start, stop = asked.symbols or (0, 0)
        found = log.symbols(epoch, size, start, stop, most=MOST_LATER)
        if found is None:
            raise _not_now(datastore, epoch)
        return told, found
    bits, first, last = asked.prefixes
    data: list[bytes] = []
    count = 0
    for number in range(first, last):
        most = MOST_SKETCHED if asked.symbols else MOST_BYTES // asked.listed
        hashes = log.hashes_under(_prefix(number, bits), bits, size, most - count + 1)
        count += len(hashes)
        if count > most or len(data) * (asked.symbols or (0, 0))[1] * SYMBOL_BYTES > MOST_BYTES:
            raise QuestionError("prefixes", "are more of this log than one question is answered: ask for fewer")
        if asked.symbols is None:
            data.append(b"".join(digest[: asked.listed] for digest in hashes))
        else:
            data.append(_symbols_of(hashes, asked.symbols[1]).to_bytes())
    # After the hashes: what is rewritten in between has another epoch by now.
    if log.head(make_key=False).epoch != epoch:
        raise _not_now(datastore, epoch)
    return told, b"".join(data)


def _not_now(datastore: Datastore, epoch: str) -> QuestionError:
    if datastore.log.head(make_key=False).epoch != epoch:
        return QuestionError("", "this log is another one by now: read /sync/head again", "no_log")
    return QuestionError("", "this log cannot be compared so now: read its tiles", "not_offered")


def _prefix(number: int, bits: int) -> bytes:
    return (number << 256 - bits).to_bytes(HASH_BYTES, "big")


def _symbols_of(hashes: Iterable[bytes], length: int) -> Symbols:
    made = Symbols(length)
    made.add_all(hashes)
    return made


def _count(value: Json, most: int) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None


def _numbers(tree: Mapping[str, Json], member: str, count: int) -> list[int] | None:
    if member not in tree:
        return None
    value = tree[member]
    numbers = [_count(item, MAX_SIZE) for item in value] if isinstance(value, list) else []
    found = [number for number in numbers if number is not None]
    if len(found) != count or len(numbers) != count:
        raise QuestionError(member, f"must be a list of {count} whole numbers")
    return found


# What a reader makes of it


@dataclass(frozen=True, slots=True)
class Ours:
    """This log at one moment, as it is compared: with what is left out here, as that need not be asked for.

    Attributes:
        size: of the log. left: the hashes of what is left out.
        total: the sum of all these hashes, modulo 2^256. lanes, symbols: of the same; neither is changed.
    """

    epoch: str
    size: int
    left: frozenset[bytes]
    total: int
    lanes: bytes
    symbols: Symbols

    @property
    def count(self) -> int:
        """How many there are."""
        return self.size + len(self.left)


@dataclass(frozen=True, slots=True)
class Compared:
    """What two logs differ in, as far as the peer's word goes.

    Attributes:
        remote: the head that the peer's log had then.
        theirs_only: hashes, or the bytes that they begin with. ours_only: hashes.
        begins: so many operations the peer's log begins with, and they are all that are here; None where they are not.
    """

    remote: RemoteHead
    ours: Ours
    theirs_only: frozenset[bytes] = frozenset()
    ours_only: frozenset[bytes] = frozenset()
    begins: int | None = None


Keep = Callable[[list[bytes]], Awaitable[ApplyReport]]


def is_worth_asking(ours: int, theirs: int, start: int, bounds: Bounds) -> bool:
    """Whether a peer's operations from `start` on are worth asking which of them are here."""
    return theirs - start >= min(_WORTH, bounds.reconcile_least) and theirs <= _OURS_TO_THEIRS * ours


async def compare(
    datastore: Datastore,
    peer: str,
    transport: Transport,
    bounds: Bounds,
    *,
    remote: RemoteHead | None = None,
    start: int = 0,
    pushing: bool = False,
) -> Compared | RemoteHead | None:
    """Find out what a peer's log and this one differ in.

    Args:
        remote: the head that is compared, None for what it is now.
        start: the first entry of it that would be read otherwise.
        pushing: what is only here is wanted, not what is only there.

    Returns:
        The peer's head where its log is better read, or ours offered, from end to end; None where the peer does not
        compare so, or not now, and nothing is known of its head.

    Raises:
        SyncError: what it says does not fit together.
    """
    ours = await in_thread(read_ours, datastore)
    if ours is None:
        return remote
    asking = _Asking(datastore, peer, transport, bounds, ours, pushing=pushing)
    found = await asking.first(remote, FIRST_OF_PUSH if pushing else FIRST_OF_PULL)
    if found is None or isinstance(found, Compared):
        return remote if found is None else found
    return await asking.rest(found, start)


def read_ours(datastore: Datastore, *, is_asked: bool = True) -> Ours | None:
    """This log as it is compared now; None where what is kept of it is being made.

    Args:
        is_asked: a peer will be asked; without, there are no symbols, and None as well where much is left out: to see
            that two sets are the same is not worth reckoning with all that.
    """
    log = datastore.log
    # Made behind while a replica is open: a command that only pulls may not be there for so long.
    log.finish_sets(_SETS_SECONDS)
    head = log.head(make_key=False)
    state = log.set_of(head.epoch, head.size)
    symbols = log.symbols(head.epoch, head.size, 0, SYMBOLS) if is_asked and state is not None else b""
    left = frozenset(log.left_out(but_pushes=True))
    if state is None or symbols is None or (not is_asked and len(left) > _MANY):
        return None
    lanes, sums = state.lanes, Symbols.from_bytes(symbols)
    lanes.add_all(left)
    sums.add_all(left)
    total = int(head.fingerprint, 16) + sum(map(_number, left))
    return Ours(head.epoch, head.size, left, total, lanes.to_bytes(), sums)


def settle(
    datastore: Datastore, peer: str, compared: Compared, claimed: Collection[bytes], unread: int = 0
) -> Cursor | None:
    """Move the peer's cursor behind everything that was compared, where what is here, and was fetched, and is only
    here, comes to the very set and sum that the peer's head names.

    Args:
        claimed: the hashes of what was fetched. unread: so many of these are of a later version, and not here.

    Returns:
        The cursor; None where it does not come to that, or something else that was fetched is not here.
    """
    head, ours = compared.remote.head, compared.ours
    size, lanes, total = head.size, LtHash.from_bytes(ours.lanes), ours.total
    if compared.begins is not None:
        size = compared.begins
    else:
        lanes.add_all(claimed)
        lanes.take_all(compared.ours_only)
        total += sum(_number(digest) for digest in claimed) - sum(_number(digest) for digest in compared.ours_only)
        if (lanes.digest().hex(), f"{total % 2**256:064x}") != (head.set, head.fingerprint):
            return None
    return datastore.peers.pass_over(
        peer,
        head.epoch,
        size,
        f"{total % 2**256:064x}",
        epoch=ours.epoch,
        hashes=[*claimed],
        left=dict.fromkeys(ours.left - compared.ours_only, 0),
        unread=unread,
    )


async def fetch(transport: Transport, peer: str, wanted: Collection[bytes], keep: Keep, bounds: Bounds) -> list[bytes]:
    """Ask for operations by hash, or by what their hashes begin with, and keep them.

    Returns:
        The hashes that what came claims, one for each that was wanted.

    Raises:
        SyncError: the peer does not give what it says that it has, or gives something else.
    """
    claimed: list[bytes] = []
    refused = 0
    for width, group in groupby(sorted(wanted, key=lambda item: (len(item), item)), key=len):
        left = [item[: min(width, ASKED_BYTES)] for item in group]
        exact = {item[:ASKED_BYTES]: item for item in wanted if len(item) == HASH_BYTES} if width == HASH_BYTES else {}
        while left:
            asked, left = left[: bounds.missing_hashes], left[bounds.missing_hashes :]
            lines = await transport.beginning(asked)
            due = set(asked)
            for line in lines:
                digest = bytes.fromhex(claimed_hash(line) or "")
                start = digest[: len(asked[0])]
                if start not in due or exact.get(start, digest) != digest:
                    raise SyncError(peer, "protocol", "gives operations that it was not asked for")
                due.remove(start)
                claimed.append(digest)
            if not lines:
                raise SyncError(
                    peer, "protocol", "names operations that it does not give, or its log has changed meanwhile"
                )
            refused += len((await keep(lines)).rejected)
            if refused > bounds.refused_entries:
                raise SyncError(
                    peer, "protocol", f"gave {refused:,} operations that break a rule, where an honest log has none"
                )
            left = [item for item in asked if item in due] + left
    return claimed


async def listed(
    datastore: Datastore, peer: str, transport: Transport, remote: RemoteHead, bounds: Bounds, keep: Keep
) -> Cursor | None:
    """Of a log that answers no questions, read its hashes, and only those tiles that hold something that is not here.

    Returns:
        The cursor behind all of it; None where the log is better read, or its lists are not of the set that its head
        names.

    Raises:
        SyncError: code `vanished` where a file is gone, or as for tiles.
    """
    head = remote.head
    ours = await in_thread(datastore.log.head, make_key=False)
    lanes, total, edge, missing = LtHash(), 0, RightEdge(), dict[int, bytes]()
    out, left = {*await in_thread(datastore.log.left_out)}, dict[bytes, int]()
    for stretch in hash_spans(head.size):
        data = await transport.hashes(head.epoch, stretch)
        hashes = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
        await in_thread(lanes.add_all, hashes)
        edge = await in_thread(edge.extended, hashes)
        total += sum(_number(digest) for digest in hashes)
        unknown = {*await in_thread(datastore.log.unknown, [digest.hex() for digest in hashes])}
        for entry, digest in enumerate(hashes, stretch.start):
            if digest in out:
                left[digest] = entry
            elif digest.hex() in unknown:
                missing[entry] = digest
    if (lanes.digest().hex(), f"{total % 2**256:064x}") != (head.set, head.fingerprint):
        return None
    tiles = sorted({entry // TILE_OPS for entry in missing})
    wanted = (Span(tile, 0, min(TILE_OPS, head.size - tile * TILE_OPS)) for tile in tiles)
    unread = 0
    async with aclosing(fetch_ahead(transport, head.epoch, wanted, bounds)) as fetched:
        async for span, lines, _ in fetched:
            unread += (
                await keep([line for entry, line in enumerate(lines, span.start) if entry in missing])
            ).unsupported
    fetched_hashes = [*missing.values()]
    return await in_thread(
        datastore.peers.pass_over,
        peer,
        head.epoch,
        head.size,
        head.fingerprint,
        epoch=ours.epoch,
        hashes=fetched_hashes,
        left=left,
        unread=unread,
        edge=edge,
    )


def _number(digest: bytes) -> int:
    return int.from_bytes(digest, "big")


class _First(NamedTuple):
    """The first symbols, which told no difference yet."""

    remote: RemoteHead
    data: bytes


class _Asking:
    """One comparison."""

    def __init__(
        self, datastore: Datastore, peer: str, transport: Transport, bounds: Bounds, ours: Ours, *, pushing: bool
    ) -> None:
        self._pushing = pushing
        self._datastore = datastore
        self._peer = peer
        self._transport = transport
        self._bounds = bounds
        self._ours = ours
        self._left = sorted(ours.left)
        self._listed_hashes = 0

    async def first(self, remote: RemoteHead | None, count: int) -> _First | Compared | None:
        """Ask for the first symbols, and where no head is known yet for that."""
        have: Json = {"size": self._ours.count, "set": LtHash.from_bytes(self._ours.lanes).digest().hex()}
        question: dict[str, Json] = {"have": have, "symbols": [0, count]}
        if remote is not None:
            question |= {"epoch": remote.head.epoch, "size": remote.head.size}
        answer = await self._transport.difference(question, count * SYMBOL_BYTES)
        if answer is None:
            return None
        theirs = remote or answer.head
        if theirs is None or not theirs.head.set:
            raise self._fail("compares logs without its head")
        begins = answer.told.get("begins")
        if begins is not None:
            if begins != self._ours.count or answer.data:
                raise self._fail("says that its log begins with another one than was asked about")
            is_all = self._ours.count == theirs.head.size
            return Compared(theirs, self._ours, begins=None if is_all else self._ours.count)
        self._expect(answer.data, count * SYMBOL_BYTES)
        found = await in_thread(self._told, theirs, answer.data) or await in_thread(self._tried, theirs)
        return found or _First(theirs, answer.data)

    async def rest(self, first: _First, start: int) -> Compared | RemoteHead | None:
        """Ask on until the difference is known, or is found to be too large."""
        theirs, data = first.remote, first.data
        more = theirs.head.size - self._ours.count
        for _ in range(2):
            about = estimate(data, self._ours.symbols, more)
            if not self._is_worth_it(theirs, about, start):
                return theirs
            have = len(data) // SYMBOL_BYTES
            wanted, is_one_sided = _enough(about, abs(more), have)
            if self._pushing and have == FIRST_OF_PUSH and wanted > _MANY and not is_one_sided:
                # Nothing has to be fetched afterwards: a question more spares many symbols that an estimate is off by.
                wanted = min(max(_MANY // 2, about // 2), _MANY)
            # Of a small log all hashes may be fewer bytes than so many symbols.
            is_listed = (wanted - have) * SYMBOL_BYTES > theirs.head.size * LISTED_BYTES
            if wanted > SYMBOLS or have == SYMBOLS or is_listed:
                break
            data += await self._symbols(theirs, have, wanted)
            found = await in_thread(self._told, theirs, data)
            if found is not None:
                return found
        return await self._parts(theirs, estimate(data, self._ours.symbols, more), start)

    def _told(self, theirs: RemoteHead, data: bytes) -> Compared | None:
        found = decode(data, self._ours.symbols)
        return None if found is None else Compared(theirs, self._ours, found.theirs_only, found.ours_only)

    def _tried(self, theirs: RemoteHead) -> Compared | None:
        """What is only here, where that is just what came last, and not from this peer: its set tells."""
        more = self._ours.count - theirs.head.size
        if not 0 < more <= _MOST_TRIED:
            return None
        last = self._datastore.log.last_of_others(self._peer, more, self._ours.size)
        lanes = LtHash.from_bytes(self._ours.lanes)
        lanes.take_all(last)
        if lanes.digest().hex() != theirs.head.set:
            return None
        return Compared(theirs, self._ours, ours_only=frozenset(last))

    def _is_worth_it(self, theirs: RemoteHead, about: int, start: int) -> bool:
        """Whether asking on costs less than reading the peer's log on, or offering all of ours."""
        size, ours = theirs.head.size, self._ours.count
        if size > _OURS_TO_THEIRS * max(ours, _WORTH):
            return False
        asking = min(about * _EACH * SYMBOL_BYTES, size * LISTED_BYTES)
        if self._pushing:
            return asking + max(0, about + ours - size) // 2 * _IN_A_TILE < ours * _IN_A_TILE
        return asking + max(0, about + size - ours) // 2 * _BY_ITSELF < (size - start) * _IN_A_TILE

    async def _symbols(self, theirs: RemoteHead, start: int, stop: int) -> bytes:
        question: Json = [start, stop]
        return await self._asked(theirs, {"symbols": question}, (stop - start) * SYMBOL_BYTES, exact=True)

    async def _asked(self, theirs: RemoteHead, question: dict[str, Json], most: int, *, exact: bool) -> bytes:
        named: dict[str, Json] = {"epoch": theirs.head.epoch, "size": theirs.head.size}
        answer = await self._transport.difference({**named, **question}, most)
        if answer is None:
            raise SyncError(self._peer, "vanished", "its log has changed while it was compared. Sync again")
        if exact:
            self._expect(answer.data, most)
        return answer.data

    # Parts of a log, by what hashes begin with

    async def _parts(self, theirs: RemoteHead, about: int, start: int) -> Compared | RemoteHead:
        """More differences than the symbols of a whole log tell: of many small parts, or of all hashes by their
        beginnings, whichever are fewer bytes."""
        size = theirs.head.size
        if not self._is_worth_it(theirs, about, start):
            return theirs
        bits = min(MAX_BITS, max(0, math.ceil(math.log2(max(1, about / _IN_A_PART)))))
        each = about / (1 << bits)
        length = min(SYMBOLS, math.ceil((each + 4 * math.sqrt(each)) * _EACH) + 16)
        is_listed = size * LISTED_BYTES <= (length << bits) * SYMBOL_BYTES
        if is_listed:
            bits = _bits_for(size * LISTED_BYTES, MOST_BYTES // 2)
            most = 1
        else:
            by_bytes = min(MAX_PREFIXES, MOST_BYTES // (length * SYMBOL_BYTES))
            most = min(MOST_SKETCHED * 3 // 4 * (1 << bits) // max(1, size), by_bytes)
        turns = asyncio.Semaphore(self._bounds.requests_at_once)

        async def one(first: int) -> tuple[set[bytes], set[bytes]]:
            async with turns:
                last = min(1 << bits, first + max(1, most))
                if is_listed:
                    return await self._listed(theirs, bits, first)
                return await self._sketched(theirs, bits, first, last, length)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(first)) for first in range(0, 1 << bits, max(1, most))]
        except ExceptionGroup as failed:
            # As of one question: the first to fail says why.
            raise failed.exceptions[0] from None
        theirs_only: set[bytes] = set()
        ours_only: set[bytes] = set()
        for task in tasks:
            found, lost = task.result()
            theirs_only |= found
            ours_only |= lost
        return Compared(theirs, self._ours, frozenset(theirs_only), frozenset(ours_only))

    async def _sketched(
        self, theirs: RemoteHead, bits: int, first: int, last: int, length: int
    ) -> tuple[set[bytes], set[bytes]]:
        each = length * SYMBOL_BYTES
        data = await self._asked(
            theirs, {"prefixes": [bits, first, last], "symbols": [0, length]}, (last - first) * each, exact=True
        )
        theirs_only: set[bytes] = set()
        ours_only: set[bytes] = set()
        for place, number in enumerate(range(first, last)):
            told = data[place * each : (place + 1) * each]
            found = await in_thread(self._decoded, bits, number, told, length)
            if found is None:
                # By its beginnings: whatever the part is, that ends.
                found = await self._listed(theirs, bits, number)
            theirs_only |= found[0]
            ours_only |= found[1]
        return theirs_only, ours_only

    def _decoded(self, bits: int, number: int, told: bytes, length: int) -> tuple[set[bytes], set[bytes]] | None:
        found = decode(told, _symbols_of(self._under(bits, number), length))
        return None if found is None else ({*found.theirs_only}, {*found.ours_only})

    async def _listed(self, theirs: RemoteHead, bits: int, number: int) -> tuple[set[bytes], set[bytes]]:
        question: dict[str, Json] = {"prefixes": [bits, number, number + 1], "listed": LISTED_BYTES}
        # All parts together list no more than there are: else hundreds of them fill the memory.
        most = min(MOST_BYTES, (theirs.head.size - self._listed_hashes) * LISTED_BYTES)
        data = await self._asked(theirs, question, most, exact=False)
        self._listed_hashes += len(data) // LISTED_BYTES
        if len(data) % LISTED_BYTES or self._listed_hashes > theirs.head.size:
            raise self._fail("lists hashes in part, or more than there are in its log")
        return await in_thread(self._apart, bits, number, data)

    def _apart(self, bits: int, number: int, data: bytes) -> tuple[set[bytes], set[bytes]]:
        told = {data[at : at + LISTED_BYTES] for at in range(0, len(data), LISTED_BYTES)}
        ours = self._under(bits, number)
        here = {digest[:LISTED_BYTES] for digest in ours}
        return told - here, {digest for digest in ours if digest[:LISTED_BYTES] not in told}

    def _under(self, bits: int, number: int) -> list[bytes]:
        below, behind = (_prefix(number + at, bits) if number + at < 1 << bits else b"\xff" * 33 for at in (0, 1))
        left = self._left[bisect_left(self._left, below) : bisect_left(self._left, behind)]
        return self._datastore.log.hashes_under(below, bits, self._ours.size) + left

    def _expect(self, data: bytes, size: int) -> None:
        if len(data) != size:
            raise self._fail("compares logs by another number of symbols than it was asked for")

    def _fail(self, reason: str) -> SyncError:
        return SyncError(self._peer, "protocol", reason)


def _enough(about: int, least: int, have: int) -> tuple[int, bool]:
    """So many symbols, that it would be bad luck if they did not tell so many differences, give or take what an
    estimate by as many as there are may be off; and whether it was taken that one side lacks nothing.

    Args:
        least: so many more operations one side has.
    """
    off = math.sqrt(2 / max(1, have - 4))
    if least and about <= least * (1 + 2 * off):
        wanted = math.ceil(least * _EACH * 1.06) + 40
        if have < wanted <= SYMBOLS:
            return wanted, True
    wanted = math.ceil(about * _EACH * (1 + 2.2 * off)) + 24
    # Of a few more than there is room for all are worth a try.
    is_close = wanted > SYMBOLS and about * _EACH * (1 + off / 2) < SYMBOLS
    return (SYMBOLS if is_close else max(wanted, have + 32)), False


def _bits_for(size: int, most: int) -> int:
    return min(MAX_BITS, max(0, math.ceil(math.log2(max(1, size / most)))))
