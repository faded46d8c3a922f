"""Range-based set reconciliation (DESIGN section 6): operations in the order (updated_at, hash), how a node describes a
range of them, and what a puller makes of it. No I/O.

The puller asks for a range. A node that has few operations there names their hashes; one that has many divides them
into parts of equal number and gives for each its number, a digest of its keys and the sum of its hashes. The puller
asks on where its own digest differs. Sums only show whether what a node says adds up: two logs are never taken for the
same by them, because a patient attacker can make operations whose sums agree.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from tui_registry.errors import Json

# A key: updated_at as 8 bytes big-endian, then the 32 bytes of the hash.
KEY_BYTES = 40
MAX_RANGES = 64
_PARTS = 16
_FEW = 32
_STRIDE = 64
_MODULUS = 2**256
_KEY = re.compile(r"[0-9a-f]{80}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


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


# What a node says


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
