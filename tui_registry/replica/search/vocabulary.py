"""The words that the index knows: what a beginning can become, and what a searcher may have meant."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from tui_registry.query.folding import fold_case
from tui_registry.replica.catalogue.words import SHORTEST_KNOWN, facet_word
from tui_registry.text import safe_text

_NAMED_AT_MOST = 64
_SCANNED = 100_000
_VALUES = 5_000
# Likeness, of 100: so much is a typo, and so much is near enough when there is nothing nearer.
_NEAR = 80.0
_ENOUGH = 70.0
# Values are few, and some of three letters.
_ALIKE = 60.0
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


def nearest_word(db: sqlite3.Connection, word: str, begins: bool) -> str | None:
    """The word itself where records have it (with `begins`: or one that begins so), else the nearest that they have."""
    if len(word) < SHORTEST_KNOWN - 1 or _is_used(db, word, begins):
        return word
    from rapidfuzz import fuzz, process

    # Typos seldom touch the first letter, and the vocabulary is in order: one stretch of it is enough to look at, and
    # mostly a short one.
    for start, enough in ((word[:2], _NEAR), (word[0], _ENOUGH)):
        stretch = _between(db, start, start + _LAST, _SCANNED)
        alike = [known for known in stretch if abs(len(known) - len(word)) <= 3]
        best = process.extract(word, alike, scorer=fuzz.ratio, score_cutoff=enough, limit=5)
        # A word stays known when its last record is gone, so the nearest that still finds something counts.
        found = next((found for found, _, _ in best if _is_used(db, found, False)), None)
        if found is not None:
            return found
    return None


def nearest_value(db: sqlite3.Connection, field: str, value: str) -> str | None:
    """The value itself where records have it in a field, in any case, else the nearest of those that most have."""
    rows = db.execute("SELECT value FROM counted WHERE field = ? ORDER BY records DESC LIMIT ?", (field, _VALUES))
    known = [found for (found,) in rows]
    wanted = fold_case(value)
    same = next((found for found in known if fold_case(found) == wanted), None)
    if same is not None or _is_used(db, facet_word(field, value), False):
        return same or value
    from rapidfuzz import fuzz, process

    # What is proposed is shown, and typed for the person: nothing that would have to be made safe first.
    plain = [found for found in known if safe_text(found) == found]
    best = process.extractOne(wanted, plain, processor=fold_case, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return None if best is None else best[0]


def _between(db: sqlite3.Connection, first: str, last: str, most: int) -> list[str]:
    rows = db.execute("SELECT word FROM vocabulary WHERE word >= ? AND word <= ? LIMIT ?", (first, last, most))
    return [word for (word,) in rows]


def _is_used(db: sqlite3.Connection, word: str, begins: bool) -> bool:
    match = f'"{word}"{" *" if begins else ""}'
    return db.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (match,)).fetchone() is not None
