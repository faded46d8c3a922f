"""What two replicas compare their sets of operations by (see protocol.md, Differences): a hash of a whole set, kept as
operations come and go, and symbols, of which so many as there are differences tell which operations those are.

All over the 32 bytes of operations' hashes. No I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from math import isqrt
from struct import Struct

from tui_registry.frozen import NamedTuple

HASH_BYTES = 32
# Kept of a log, and so the most that are asked for of all of it.
SYMBOLS = 4096
# The sum of hashes, the sum of checks, and a count: 32, 8 and 2 bytes, little-endian.
SYMBOL_BYTES = 42
LANES_BYTES = 2048


class LtHash:
    """The hash of a set of operations that grows and shrinks with it: each hash is expanded by SHAKE-256 to 1,024
    lanes of 16 bits, and lanes are added modulo 2^16 (Bellare and Micciancio, 1997; Lewi et al., "Securing update
    propagation with homomorphic hashing", 2019). Unlike a sum or XOR of the hashes themselves it cannot be solved
    for other operations that give the same.
    """

    def __init__(self) -> None:
        # Every other lane, each in 32 bits: so thousands of them are added in one addition and none spills.
        self._even = self._odd = 0

    def add_all(self, hashes: Iterable[bytes]) -> None:
        """Take operations in, each of which is in the set once."""
        for even, odd in _sums(hashes):
            self._even = self._even + even & _LANES
            self._odd = self._odd + odd & _LANES

    def take_all(self, hashes: Iterable[bytes]) -> None:
        """Take operations out that are in the set."""
        for even, odd in _sums(hashes):
            self._even = self._even + _BORROWED - even & _LANES
            self._odd = self._odd + _BORROWED - odd & _LANES

    def to_bytes(self) -> bytes:
        """The lanes, 2,048 bytes, little-endian."""
        return (self._even | self._odd << 16).to_bytes(LANES_BYTES, "little")

    @classmethod
    def from_bytes(cls, data: bytes) -> LtHash:
        """The set whose lanes these are.

        Raises:
            ValueError: they are not 2,048 bytes.
        """
        if len(data) != LANES_BYTES:
            raise ValueError(f"lanes take {LANES_BYTES} bytes, not {len(data)}")
        lanes, made = int.from_bytes(data, "little"), cls()
        made._even, made._odd = lanes & _LANES, lanes >> 16 & _LANES
        return made

    def digest(self) -> bytes:
        """What a head tells of the set: SHA3-256 of the lanes."""
        return hashlib.sha3_256(self.to_bytes()).digest()


class Symbols:
    """The first symbols of a set: rateless invertible Bloom look-up tables (Yang, Gilad and Alizadeh, "Practical
    Rateless Set Reconciliation", SIGCOMM 2024), with sums in place of XOR. The first holds every operation, the i-th
    about 2/(i + 2) of them, as each operation's own bytes say.
    """

    def __init__(self, length: int = SYMBOLS) -> None:
        """
        Args:
            length: how many.
        """
        self._cells = [0] * length

    def __len__(self) -> int:
        return len(self._cells)

    def add_all(self, hashes: Iterable[bytes]) -> None:
        """Take operations in, each of which is in the set once."""
        cells = self._cells
        length = len(cells)
        for digest in hashes:
            tail = hashlib.shake_256(_DOMAIN + digest).digest(_TAIL)
            cell = int.from_bytes(digest, "little") | int.from_bytes(tail[:8], "little") << _CHECK | 1 << _COUNT
            for index in _places(tail, length):
                cells[index] += cell

    def take_all(self, hashes: Iterable[bytes]) -> None:
        """Take operations out that are in the set."""
        cells = self._cells
        length = len(cells)
        for digest in hashes:
            tail = hashlib.shake_256(_DOMAIN + digest).digest(_TAIL)
            total, check = int.from_bytes(digest, "little"), int.from_bytes(tail[:8], "little")
            # What is added to the same modulus.
            cell = (1 << 256) - total | (1 << 64) - check << _CHECK | 0xFFFF << _COUNT
            for index in _places(tail, length):
                cells[index] += cell

    def to_bytes(self, start: int = 0, stop: int | None = None) -> bytes:
        """Symbols `start` up to `stop`, 42 bytes each."""
        return b"".join(
            (cell & _WIDE | (cell >> _CHECK & _NARROW) << 256 | (cell >> _COUNT & 0xFFFF) << 320).to_bytes(
                SYMBOL_BYTES, "little"
            )
            for cell in self._cells[start:stop]
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Symbols:
        """The symbols that these bytes are, from the first on.

        Raises:
            ValueError: they are no whole number of symbols.
        """
        made = cls(0)
        made._cells = [total | check << _CHECK | count << _COUNT for total, check, count in _read(data)]
        return made


class Difference(NamedTuple):
    """What two sets differ by: the hashes that only the one, and only the other has."""

    theirs_only: frozenset[bytes]
    ours_only: frozenset[bytes]


def decode(theirs: bytes, ours: Symbols) -> Difference | None:
    """The difference that a stranger's first symbols tell, given as many or more of ours.

    It ends after as many steps as there are symbols, whatever these are. What is told is no more than a claim: of
    symbols made up it may be hashes of nothing.

    Args:
        theirs: their symbols from the first on, as bytes.

    Returns:
        None where it takes more symbols, or there is no such difference.

    Raises:
        ValueError: `theirs` is no whole number of symbols, or more than there are of ours.
    """
    cells = _read(theirs)
    length = len(cells)
    if length > len(ours):
        raise ValueError(f"{length} symbols compared with {len(ours)}")
    sums = [0] * length
    checks = [0] * length
    counts = [0] * length
    for index, ((total, check, count), cell) in enumerate(zip(cells, ours._cells, strict=False)):
        sums[index] = total - (cell & _WIDE) & _WIDE
        checks[index] = check - (cell >> _CHECK & _NARROW) & _NARROW
        counts[index] = count - (cell >> _COUNT) & 0xFFFF
    found: dict[bytes, int] = {}
    todo = [index for index in range(length) if counts[index] in _SINGLE]
    while todo:
        start = todo.pop()
        sign = _SINGLE.get(counts[start])
        if sign is None:
            continue
        digest = (sign * sums[start] & _WIDE).to_bytes(HASH_BYTES, "little")
        tail = hashlib.shake_256(_DOMAIN + digest).digest(_TAIL)
        check = int.from_bytes(tail[:8], "little")
        if sign * checks[start] & _NARROW != check:
            continue
        places = [*_places(tail, length)]
        if digest in found or len(found) == length or start not in places:
            return None
        found[digest] = sign
        total = int.from_bytes(digest, "little")
        for index in places:
            sums[index] = sums[index] - sign * total & _WIDE
            checks[index] = checks[index] - sign * check & _NARROW
            counts[index] = counts[index] - sign & 0xFFFF
            if counts[index] in _SINGLE:
                todo.append(index)
    if any(sums) or any(checks) or any(counts):
        return None
    return Difference(
        frozenset(digest for digest, sign in found.items() if sign > 0),
        frozenset(digest for digest, sign in found.items() if sign < 0),
    )


def estimate(theirs: bytes, ours: Symbols, more: int) -> int:
    """About how many operations only one of two sets has, by how their symbols' counts vary. Of 64 symbols it is a
    fifth off as often as not.

    Args:
        theirs: as for `decode`. more: how many more operations theirs has than ours, below 0 for fewer.
    """
    squares: list[tuple[float, float]] = []
    for index, ((_, _, count), cell) in enumerate(zip(_read(theirs), ours._cells, strict=False)):
        if index >= _STEADY:
            share = 2 / (index + 2) * (1 + 0.44 / (index + 0.5))
            off = count - (cell >> _COUNT & 0xFFFF) - round(more * share)
            off = (off + 0x8000) % 0x10000 - 0x8000
            squares.append((share, off * off / (share * (1 - share))))
    about = float(max(1, abs(more)))
    for _ in range(2 if squares else 0):
        # Each square is as good an estimate as it varies little: by how rare operations are in its symbol.
        weights = [1 / (2 + 1 / (share * about)) for share, _ in squares]
        found = sum(weight * square for weight, (_, square) in zip(weights, squares, strict=True))
        about = max(1.0, found / sum(weights))
    return max(abs(more), round(about) if squares else 0)


# How


_DOMAIN = b"tui_registry/symbols/1\0"
# A check of 8 bytes, and 60 numbers of 16 bits; an operation stands in 16 of 4,096 symbols. One block of SHAKE-256.
_TAIL = 128
_NUMBERS = Struct("<60H").unpack_from
# Where check and count stand in a cell: with room above sum and check for what 2^64 operations come to.
_CHECK = 320
_COUNT = 448
_WIDE = 2**256 - 1
_NARROW = 2**64 - 1
_SINGLE = {1: 1, 0xFFFF: -1}
# The share of the operations that a symbol holds is somewhat more than 2/(i + 2), as places are rounded down: by 0.44
# of an index, as counted; below this one by less.
_STEADY = 4
_CELL = Struct("<32sQH")
# In every 32 bits a lane, and a lane that one can be taken from.
_LANES = int.from_bytes(b"\xff\xff\0\0" * 512, "little")
_BORROWED = int.from_bytes(b"\0\0\1\0" * 512, "little")
# So many lanes come to less than 2^32.
_AT_ONCE = 32_768


def _sums(hashes: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """The sums of even and odd lanes, modulo 2^16 each, of some of the operations at a time."""
    total = even = 0
    for number, digest in enumerate(hashes, 1):
        lanes = int.from_bytes(hashlib.shake_256(digest).digest(LANES_BYTES), "little")
        total += lanes
        even += lanes & _LANES
        if number % _AT_ONCE == 0:
            yield even & _LANES, (total - even) >> 16 & _LANES
            total = even = 0
    yield even & _LANES, (total - even) >> 16 & _LANES


def _places(tail: bytes, length: int) -> Iterator[int]:
    """In which of the first `length` symbols an operation stands."""
    index = 0
    if length:
        yield 0
    for number in _NUMBERS(tail, 8):
        # The paper's jump, in whole numbers: the chance to stand in none of the next ones falls as the square.
        after = isqrt(((index + 1) * (index + 2) << 16) // (number + 1)) - 1
        index = after if after > index else index + 1
        if index >= length:
            return
        yield index


def _read(data: bytes) -> Sequence[tuple[int, int, int]]:
    """Sum, check and count of each symbol."""
    if len(data) % SYMBOL_BYTES:
        raise ValueError(f"symbols take {SYMBOL_BYTES} bytes each, and {len(data)} are no whole number of them")
    return [(int.from_bytes(total, "little"), check, count) for total, check, count in _CELL.iter_unpack(data)]
