"""What the workers of one node know of each other: who holds how many connections, and what each has counted, in memory
that all of them see. It is made before they begin, and outlasts those that die."""

from __future__ import annotations

import mmap
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from secrets import token_bytes

from tui_registry.frozen import NamedTuple

# Of the connections of a worker: all, and those of each place. Two places of one number are rare, and have one share.
_PLACES = 4_096
# What a worker tells of itself, which has two rooms so that what is read is not what is being written. Labels are few:
# 20 to 60 kB, and memory that nobody writes to takes none.
_ROOM = 512 * 1024
_HEAD = struct.Struct("<II")  # length and CRC of what follows
_ATTEMPTS = 8


class CommonMemory:
    """The memory of so many workers, numbered from 0."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        # So that nobody can choose addresses that are counted as somebody else's.
        self._secret = token_bytes(16)
        self._crowds = [memoryview(mmap.mmap(-1, 4 * (1 + _PLACES))).cast("I") for _ in range(workers)]
        # Of each worker what it takes of pushes just now, by the places that they come from: operations and KiB.
        self._pushes = [memoryview(mmap.mmap(-1, 8 * (1 + _PLACES))).cast("I") for _ in range(workers)]
        self._guard = threading.Lock()  # between the threads of a worker: another one's rows are only read
        self._told = [mmap.mmap(-1, 2 * _ROOM) for _ in range(workers)]
        # For each worker its process, and which of its rooms was written last, plus one; at the end how many died.
        self._state = memoryview(mmap.mmap(-1, 4 * (2 * workers + 1))).cast("I")

    @property
    def died(self) -> int:
        """How many workers died since the node began."""
        return self._state[2 * self.workers]

    def begin(self, worker: int, process: int) -> None:
        """Another process is that worker now."""
        self._state[2 * worker] = process

    def end(self, worker: int, *, has_died: bool) -> None:
        """It is no process any more, and holds no connections. What it has counted stays."""
        self._state[2 * worker] = 0
        self._state[2 * self.workers] += has_died
        for row in (self._crowds[worker], self._pushes[worker]):
            row[:] = memoryview(bytes(row.nbytes)).cast("I")

    def processes(self) -> list[int]:
        """The processes that are workers now."""
        return [process for process in self._state[: 2 * self.workers : 2].tolist() if process]

    def tell(self, worker: int, told: bytes) -> None:
        """Let the others know what this worker has counted. It belongs to one thread."""
        if len(told) > _ROOM - _HEAD.size:
            return
        room = self._state[2 * worker + 1] % 2
        start = room * _ROOM
        self._told[worker][start : start + _HEAD.size] = _HEAD.pack(len(told), zlib.crc32(told))
        self._told[worker][start + _HEAD.size : start + _HEAD.size + len(told)] = told
        self._state[2 * worker + 1] = room + 1

    def told_by(self, worker: int) -> bytes | None:
        """What a worker told last; None where it told nothing yet."""
        for _ in range(_ATTEMPTS):
            room = self._state[2 * worker + 1]
            if room == 0:
                return None
            start = (room - 1) * _ROOM
            length, crc = _HEAD.unpack(self._told[worker][start : start + _HEAD.size])
            data = self._told[worker][start + _HEAD.size : start + _HEAD.size + min(length, _ROOM)]
            if zlib.crc32(data) == crc:  # else it was written twice meanwhile
                return data
        return None


class Member(NamedTuple):
    """One worker of a node, as it sees the others."""

    shared: CommonMemory
    worker: int

    def hold(self, place: str, change: int) -> None:
        """This worker holds so many connections more of that place."""
        crowd = self.shared._crowds[self.worker]
        for number in (0, self._number(place)):
            crowd[number] = max(crowd[number] + change, 0)

    def held_beside(self, place: str) -> tuple[int, int]:
        """How many connections the other workers hold, and how many of those are of that place."""
        number = self._number(place)
        all_of_them = of_place = 0
        for crowd in self._of_others(self.shared._crowds):
            all_of_them += crowd[0]
            of_place += crowd[number]
        return all_of_them, of_place

    @contextmanager
    def taking(self, place: str, ops: int, size: int) -> Iterator[None]:
        """This worker takes so many operations and bytes from that place until the block ends; in a thread."""
        row, at = self.shared._pushes[self.worker], 2 * self._number(place)
        kib = -(-size // 1024)
        with self.shared._guard:
            row[at], row[at + 1] = row[at] + ops, row[at + 1] + kib
        try:
            yield
        finally:
            with self.shared._guard:
                row[at], row[at + 1] = row[at] - ops, row[at + 1] - kib

    def taken_beside(self, place: str) -> tuple[int, int]:
        """How many operations and bytes that come from that place the other workers take just now."""
        at = 2 * self._number(place)
        rows = [*self._of_others(self.shared._pushes)]
        return sum(row[at] for row in rows), 1024 * sum(row[at + 1] for row in rows)

    def tell(self, told: bytes) -> None:
        """As `CommonMemory.tell`."""
        self.shared.tell(self.worker, told)

    def told_before(self) -> bytes | None:
        """What the process told that was this worker before."""
        return self.shared.told_by(self.worker)

    def told_beside(self) -> list[bytes]:
        """What each of the others told last."""
        others = (number for number in range(self.shared.workers) if number != self.worker)
        return [told for number in others if (told := self.shared.told_by(number)) is not None]

    def _of_others(self, rows: list[memoryview]) -> Iterator[memoryview]:
        return (row for number, row in enumerate(rows) if number != self.worker)

    def _number(self, place: str) -> int:
        digest = blake2b(place.encode(), digest_size=4, key=self.shared._secret).digest()
        return 1 + int.from_bytes(digest) % _PLACES
