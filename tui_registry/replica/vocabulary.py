"""The words that the index knows: what a beginning can become, and what a searcher may have meant."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from tui_registry.query.nodes import Query
from tui_registry.replica.columns import SHORTEST_KNOWN

_NAMED_AT_MOST = 64
_SCANNED = 20_000
_ENOUGH = 70.0
_LAST = "\U0010ffff"


def beginnings(db: sqlite3.Connection) -> Callable[[str], Sequence[str] | None]:
    """What `Eyes.begin_with` asks, answered once for each word."""
    known: dict[str, Sequence[str] | None] = {}

    def begin_with(word: str) -> Sequence[str] | None:
        if len(word) < SHORTEST_KNOWN:
            return None
        if word not in known:
            found = _between(db, word, word + _LAST, _NAMED_AT_MOST + 1)
            known[word] = found if len(found) <= _NAMED_AT_MOST else None
        return known[word]

    return begin_with


def did_you_mean(db: sqlite3.Connection, query: Query) -> str | None:
    """Other words for the free text of a query that found nothing, or None."""
    wanted = [word for text in query.texts for word in text.words]
    nearest = [_nearest(db, word) for word in wanted]
    if not wanted or any(word is None for word in nearest) or nearest == wanted:
        return None
    return " ".join(word for word in nearest if word is not None)


def _nearest(db: sqlite3.Connection, word: str) -> str | None:
    if len(word) < SHORTEST_KNOWN - 1 or _is_used(db, word):
        return word
    from rapidfuzz import fuzz, process

    # Typos seldom touch the first letter, and the vocabulary is in order: one stretch of it is enough to look at.
    stretch = _between(db, word[0], word[0] + _LAST, _SCANNED)
    alike = [known for known in stretch if abs(len(known) - len(word)) <= 3]
    # A word stays known when its last record is gone, so the nearest that still finds something counts.
    best = process.extract(word, alike, scorer=fuzz.ratio, score_cutoff=_ENOUGH, limit=5)
    return next((found for found, _, _ in best if _is_used(db, found)), None)


def _between(db: sqlite3.Connection, first: str, last: str, most: int) -> list[str]:
    rows = db.execute("SELECT word FROM vocabulary WHERE word >= ? AND word <= ? LIMIT ?", (first, last, most))
    return [word for (word,) in rows]


def _is_used(db: sqlite3.Connection, word: str) -> bool:
    return db.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (f'"{word}"',)).fetchone() is not None
