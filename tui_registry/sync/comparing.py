"""Comparing a peer's log with this one by ranges, without reading it (see protocol.md, Reconciliation): operations in
the order (updated_at, hash), how a node describes a range of them, and what a puller makes of it.

The puller asks for a range. A node that has few operations there names their hashes; one that has many divides them
into parts of equal number and gives for each its number, a digest of its keys and the sum of its hashes. The puller
asks on where its own digest differs. Sums only show whether what a node says adds up: two logs are never taken for the
same by them, because a patient attacker can make operations whose sums agree.

It is tried where a pull would read a long log from its start although this replica holds about as much: a peer
restored from a backup, or a new peer of the same registry. Nothing is believed: what is named is fetched and checked as
any other operation, and only once all of it is in this log does the cursor move. Otherwise the log is read as ever.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

from tui_registry.datastore import ApplyReport, Cursor, Datastore, Head
from tui_registry.errors import Json
from tui_registry.present.pulls import SyncError
from tui_registry.sync.bounds import Bounds
from tui_registry.sync.concurrency import in_thread
from tui_registry.sync.tiles import MAX_SIZE
from tui_registry.sync.transport import Transport, answered

Keep: TypeAlias = Callable[[list[bytes]], Awaitable[ApplyReport]]

# A key: updated_at as 8 bytes big-endian, then the 32 bytes of the hash.
KEY_BYTES = 40
MAX_RANGES = 64
_PARTS = 16
_FEW = 32
_STRIDE = 64
_MODULUS = 2**256
_KEY = re.compile(r"[0-9a-f]{80}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
# A question costs some bytes, the operations of a tile cost more: with so many to each the search costs a tenth.
_OPS_A_QUESTION = 64
# A small peer does not make a large replica read all it has.
_OURS_TO_THEIRS = 4


class RangeError(ValueError):
    """A description that is none, or that does not add up. The text says why."""


@dataclass(frozen=True, slots=True)
class Range:
    """The operations from key `low` up to key `high`, None for the end: how many another log has there, and the sum of
    their hashes modulo 2^256."""

    low: bytes
    high: bytes | None
    count: int
    total: int


# A pull


def is_worth_it(cursor: Cursor, theirs: Head, ours: Head, bounds: Bounds) -> bool:
    """Whether comparing is worth its cost, which is to look through all of our own log: the peer's log would be read
    from its start, and much of it may be here already."""
    return (
        cursor.next_index == 0
        and theirs.size >= bounds.reconcile_least
        and theirs.size // 2 <= ours.size <= min(_OURS_TO_THEIRS * theirs.size, bounds.reconcile_ops)
    )


async def reconcile(
    datastore: Datastore, peer: str, transport: Transport, head: Head, keep: Keep, bounds: Bounds
) -> Cursor | None:
    """Fetch what is missing, and move the peer's cursor behind everything that was compared.

    Args:
        keep: stores what was fetched.

    Returns:
        The cursor; None when the peer does not do this, the logs differ by much, or it did not add up.

    Raises:
        StoreError.
    """
    with suppress(SyncError, RangeError):
        found = await _differ(datastore, transport, head, bounds)
        if found is not None and await _fetch(datastore, transport, found.missing, keep, bounds):
            return await in_thread(datastore.peers.skip_entries, peer, head.epoch, found.size, found.fingerprint)
    return None


@dataclass(frozen=True, slots=True)
class _Difference:
    """The first `size` operations of a peer's log, the sum of their hashes, and those of them that are not here."""

    size: int
    fingerprint: str
    missing: list[str]


async def _differ(datastore: Datastore, transport: Transport, head: Head, bounds: Bounds) -> _Difference | None:
    first = await transport.reconcile(head.epoch, None, [])
    if first is None:
        return None
    size, fingerprint = _snapshot(first)
    ours = await in_thread(_own_keys, datastore)
    # Bounded by what is here: a peer may say any size.
    left = min(size, 2 * ours.size) // _OPS_A_QUESTION
    todo = [Range(b"", None, size, int(fingerprint, 16))]
    missing: list[str] = []
    while todo:
        todo.sort(key=lambda one: one.low)
        asked, todo = todo[:MAX_RANGES], todo[MAX_RANGES:]
        left -= len(asked)
        if left < 0:
            return None
        answer = await transport.reconcile(head.epoch, size, question(asked))
        if answer is None or _snapshot(answer) != (size, fingerprint):
            return None
        for one, tree in zip(asked, _described(answer, len(asked)), strict=True):
            hashes, parts = await in_thread(compare, ours, one, tree)
            missing += hashes
            todo += parts
        if len(missing) > bounds.reconcile_missing:
            return None
    return _Difference(size, fingerprint, await in_thread(datastore.log.unknown, sorted(set(missing))))


async def _fetch(datastore: Datastore, transport: Transport, missing: list[str], keep: Keep, bounds: Bounds) -> bool:
    """Whether all of them are here in the end."""
    wanted = set(missing)
    while wanted:
        asked = sorted(wanted)[: bounds.missing_hashes]
        lines = await transport.missing(asked)
        useful = answered(lines).intersection(asked)
        if not useful:
            return False
        await keep(lines)
        wanted -= useful
    return not await in_thread(datastore.log.unknown, missing)


def _own_keys(datastore: Datastore) -> Keys:
    _, packed = datastore.log.keys()
    return Keys(packed)


def _snapshot(answer: Json) -> tuple[int, str]:
    said = answer if isinstance(answer, dict) else {}
    size, fingerprint = said.get("size"), said.get("fingerprint")
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise RangeError("does not say how many operations it compares")
    if not isinstance(fingerprint, str) or not _HASH.fullmatch(fingerprint):
        raise RangeError("does not say the sum of what it compares")
    return size, fingerprint


def _described(answer: Json, count: int) -> list[Json]:
    ranges = answer.get("ranges") if isinstance(answer, dict) else None
    if not isinstance(ranges, list) or len(ranges) != count:
        raise RangeError("describes other ranges than were asked for")
    return ranges


# What a node says


class Keys:
    """The keys of a log's first `size` operations, in order."""

    def __init__(self, packed: bytes) -> None:
        """
        Args:
            packed: the keys, ascending, one behind the other.
        """
        self._packed = packed
        self.size = len(packed) // KEY_BYTES
        # The sum of everything before each stride: a range's sum costs two of them and a few hashes.
        strides = (self._add(start, start + _STRIDE) for start in range(0, self.size, _STRIDE))
        self._before = list(accumulate(strides, initial=0))

    @property
    def fingerprint(self) -> str:
        return f"{self._before[-1] % _MODULUS:064x}"

    def places(self, low: bytes, high: bytes | None) -> tuple[int, int]:
        """Where the operations of a range begin and end."""
        start = self._place(low)
        return start, self.size if high is None else max(start, self._place(high))

    def total(self, start: int, stop: int) -> int:
        """The sum of the hashes of keys start..stop, modulo 2^256."""
        first, last = start // _STRIDE, stop // _STRIDE
        whole = self._before[last] - self._before[first]
        return (whole - self._add(first * _STRIDE, start) + self._add(last * _STRIDE, stop)) % _MODULUS

    def digest(self, start: int, stop: int) -> str:
        """SHA-256 of keys start..stop, one behind the other."""
        return hashlib.sha256(memoryview(self._packed)[start * KEY_BYTES : stop * KEY_BYTES]).hexdigest()

    def hashes(self, start: int, stop: int) -> Iterator[str]:
        """The hashes of keys start..stop."""
        for place in range(start * KEY_BYTES, min(stop, self.size) * KEY_BYTES, KEY_BYTES):
            yield self._packed[place + 8 : place + KEY_BYTES].hex()

    def key(self, place: int) -> bytes:
        return self._packed[place * KEY_BYTES : (place + 1) * KEY_BYTES]

    def _place(self, key: bytes) -> int:
        return bisect_left(range(self.size), key, key=self.key)

    def _add(self, start: int, stop: int) -> int:
        packed = self._packed
        places = range(start * KEY_BYTES, min(stop, self.size) * KEY_BYTES, KEY_BYTES)
        return sum(int.from_bytes(packed[place + 8 : place + KEY_BYTES], "big") for place in places)


def read_question(tree: Json) -> list[tuple[bytes, bytes | None]]:
    """The ranges that are asked for: a list of at most 64 pairs of keys, null for an open end, one range behind the
    other: so no question costs more than looking through the log once.

    Raises:
        RangeError: it is none.
    """
    if not isinstance(tree, list) or len(tree) > MAX_RANGES:
        raise RangeError(f"must be a list of at most {MAX_RANGES} ranges")
    asked: list[tuple[bytes, bytes | None]] = []
    end: bytes | None = b""
    for pair in tree:
        if not isinstance(pair, list) or len(pair) != 2:
            raise RangeError("must hold pairs of keys")
        low, high = _key_of(pair[0]) or b"", _key_of(pair[1])
        if end is None or low < end or (high is not None and high <= low):
            raise RangeError("must hold ranges that follow one another")
        asked.append((low, high))
        end = high
    return asked


def describe(keys: Keys, low: bytes, high: bytes | None) -> Json:
    """What a node has in a range: `{"hashes": [...]}`, or `{"parts": [...]}`, each part with `to`, `count`,
    `digest` and `fingerprint`."""
    start, stop = keys.places(low, high)
    if stop - start <= _FEW:
        return {"hashes": list(keys.hashes(start, stop))}
    cuts = [start + (stop - start) * number // _PARTS for number in range(_PARTS + 1)]
    parts: list[Json] = []
    for begin, end in pairwise(cuts):
        to = high if end == stop else keys.key(end)
        told: Json = {
            "to": None if to is None else to.hex(),
            "count": end - begin,
            "digest": keys.digest(begin, end),
            "fingerprint": f"{keys.total(begin, end):064x}",
        }
        parts.append(told)
    return {"parts": parts}


# What a puller makes of it


def question(ranges: Sequence[Range]) -> Json:
    """The ranges to ask for, as they travel."""
    return [[asked.low.hex() or None, None if asked.high is None else asked.high.hex()] for asked in ranges]


def compare(ours: Keys, asked: Range, tree: Json) -> tuple[list[str], list[Range]]:
    """The hashes that the node has in a range and we have not, or the parts of it where our operations are others.

    Raises:
        RangeError: the answer is none, or does not add up to what was said of the range before.
    """
    said = tree if isinstance(tree, dict) else {}
    listed, parts = said.get("hashes"), said.get("parts")
    if isinstance(listed, list):
        theirs = [item for item in listed if isinstance(item, str) and _HASH.fullmatch(item)]
        _expect_sum(asked, len(listed), sum(int(item, 16) for item in theirs))
        here = set(ours.hashes(*ours.places(asked.low, asked.high)))
        return [item for item in theirs if item not in here], []
    if not isinstance(parts, list) or not 1 < len(parts) <= _PARTS:
        raise RangeError("describes a range with neither hashes nor parts")
    found = [*_parts(asked, parts)]
    _expect_sum(asked, sum(part.count for part, _ in found), sum(part.total for part, _ in found))
    return [], [part for part, digest in found if _differs(ours, part, digest)]


def _parts(asked: Range, trees: list[Json]) -> Iterator[tuple[Range, str]]:
    """Each part, and the digest of its keys."""
    low = asked.low
    for number, tree in enumerate(trees, 1):
        said = tree if isinstance(tree, dict) else {}
        high, count, total = _key_of(said.get("to")), said.get("count"), said.get("fingerprint")
        is_last = number == len(trees)
        if (is_last and high != asked.high) or (not is_last and (high is None or not low < high)):
            raise RangeError("divides a range into parts that are not its own")
        if (
            type(count) is not int
            or not 0 < count < asked.count
            or not isinstance(total, str)
            or not _HASH.fullmatch(total)
        ):
            raise RangeError("describes a part without its number and sum")
        digest = said.get("digest")
        if not isinstance(digest, str) or not _HASH.fullmatch(digest):
            raise RangeError("describes a part without the digest of its keys")
        yield Range(low, high, count, int(total, 16)), digest
        low = high or b""


def _differs(ours: Keys, part: Range, digest: str) -> bool:
    start, stop = ours.places(part.low, part.high)
    if (stop - start, ours.digest(start, stop)) != (part.count, digest):
        return True
    _expect_sum(part, part.count, ours.total(start, stop))
    return False


def _expect_sum(asked: Range, count: int, total: int) -> None:
    if (count, total % _MODULUS) != (asked.count, asked.total):
        raise RangeError("describes a range in a way that does not add up")


def _key_of(tree: Json) -> bytes | None:
    if tree is None:
        return None
    if not isinstance(tree, str) or not _KEY.fullmatch(tree):
        raise RangeError("must hold keys of 80 lower-case hex digits")
    return bytes.fromhex(tree)
