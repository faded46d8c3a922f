"""Answers as they were given, for who asks the same again before anything is written: by anybody, as all are told the
same."""

from __future__ import annotations

import threading
from collections.abc import Hashable

from tui_registry.frozen import NamedTuple


class Whole(NamedTuple):
    """An answer as it is sent, and its tag."""

    body: bytes
    etag: str


class _Kept(NamedTuple):
    """An answer: from which time it is the answer, until when (None: for ever), and its bytes in memory, about."""

    answer: Whole
    since: int
    until: int | None
    size: int


class KeptAnswers:
    """What was asked -> what was answered. Those that were not asked for the longest go first. Any thread may ask."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: so many bytes are kept.
        """
        self._most = most
        self._guard = threading.Lock()
        self._changes = 0
        self._kept: dict[Hashable, _Kept] = {}
        self._size = 0

    def get(self, asked: Hashable, changes: int, now: int) -> Whole | None:
        """What was answered, if that is the answer still.

        Args:
            changes: `Datastore.changes`, now.
        """
        with self._guard:
            if changes != self._changes:
                self._kept.clear()
                self._changes, self._size = changes, 0
            kept = self._kept.pop(asked, None)
            if kept is None:
                return None
            if now < kept.since or (kept.until is not None and now >= kept.until):
                self._size -= kept.size
                return None
            self._kept[asked] = kept  # the last one to go
            return kept.answer

    def keep(
        self, asked: Hashable, answer: Whole, changes: int, now: int, until: int | None, *, characters: int = 0
    ) -> None:
        """Keep an answer that was read after `changes` and `now` were.

        Args:
            characters: of what was asked: texts take up to four bytes for one.
        """
        size = len(answer.body) + 4 * characters + 1_000
        with self._guard:
            if changes != self._changes or asked in self._kept or size > self._most // 4:
                return
            self._kept[asked] = _Kept(answer, now, until, size)
            self._size += size
            while self._size > self._most:
                self._size -= self._kept.pop(next(iter(self._kept))).size
