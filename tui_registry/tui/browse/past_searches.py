"""Stepping back through the searches of before, and forward to what was being typed. Pure."""

from __future__ import annotations

from collections.abc import Sequence


class PastSearches:
    """A place in the history, which begins at the line as it is being typed."""

    def __init__(self) -> None:
        self._queries: list[str] = []
        self._place = -1
        self._typed = ""

    @property
    def is_in_the_past(self) -> bool:
        return self._place >= 0

    def load(self, queries: Sequence[str]) -> None:
        """Know these, the latest first; the place is lost."""
        self._queries, self._place = list(queries), -1

    def back(self, line: str) -> str | None:
        """The search before the one in the line; None when there is none."""
        if self._place < 0:
            self._typed = line
        place = self._place + 1
        while place < len(self._queries) and self._queries[place].strip() == line.strip():
            place += 1
        if place >= len(self._queries):
            return None
        self._place = place
        return self._queries[place]

    def forward(self) -> str:
        """The search after the one in the line, in the end what was being typed."""
        self._place = max(-1, self._place - 1)
        return self._queries[self._place] if self._place >= 0 else self._typed

    def stay(self) -> None:
        """The line was edited: it is what is being typed now."""
        self._place = -1

    def is_latest(self, query: str) -> bool:
        return bool(self._queries) and self._queries[0] == query.strip()

    def add(self, query: str) -> None:
        """A search was gone through with."""
        query = query.strip()
        self._queries = [query, *(other for other in self._queries if other != query)]
        self._place = -1
