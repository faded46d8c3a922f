"""Writing what is derived from the log: catalogue rows, word indexes, vocabulary, numbers of records by value."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from tui_registry.replica.columns import CATALOGUE_COLUMNS, FACET_LETTERS, WORD_COLUMNS

_CATALOGUE_MARKS = ", ".join("?" * len(CATALOGUE_COLUMNS.split(",")))
INSERT_CATALOGUE = f"INSERT OR REPLACE INTO catalogue ({CATALOGUE_COLUMNS}) VALUES ({_CATALOGUE_MARKS})"
_INSERT_WORDS = f"INSERT INTO words (rowid, {WORD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_NAMES = "INSERT INTO names (rowid, name) VALUES (?, ?)"
# How a contentless index is told to forget: the very words that went in.
_DELETE_WORDS = f"INSERT INTO words (words, rowid, {WORD_COLUMNS}) VALUES ('delete', ?, ?, ?, ?, ?, ?, ?)"
_DELETE_NAMES = "INSERT INTO names (names, rowid, name) VALUES ('delete', ?, ?)"


def index_words(db: sqlite3.Connection, texts: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    """Put the words of records, as (rid, `word_values`), into the word indexes."""
    db.executemany(_INSERT_WORDS, ((rid, *columns) for rid, columns in texts))
    db.executemany(_INSERT_NAMES, ((rid, columns[0]) for rid, columns in texts))


def learn_words(db: sqlite3.Connection, words: Iterable[str]) -> None:
    """Let the vocabulary know these words; those it knows already are fine."""
    db.executemany("INSERT OR IGNORE INTO vocabulary (word) VALUES (?)", ((word,) for word in sorted(words)))


def forget_words(db: sqlite3.Connection, texts: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    """Take the words of records out again; they must be the ones that went in."""
    db.executemany(_DELETE_WORDS, ((rid, *columns) for rid, columns in texts))
    db.executemany(_DELETE_NAMES, ((rid, columns[0]) for rid, columns in texts))


def forget_all_words(db: sqlite3.Connection) -> None:
    """Empty the word indexes."""
    db.execute("INSERT INTO words (words) VALUES ('delete-all')")
    db.execute("INSERT INTO names (names) VALUES ('delete-all')")
    db.execute("DELETE FROM vocabulary")


def count_values(db: sqlite3.Connection, counted: Mapping[str, int]) -> None:
    """Add to the number of records that have a value (`counted_values`); what none has any more is forgotten."""
    db.executemany(
        "INSERT INTO counted (field, value, records) VALUES (?, ?, ?) "
        "ON CONFLICT (field, value) DO UPDATE SET records = records + excluded.records",
        ((*field_and_value(key), more) for key, more in sorted(counted.items()) if more),
    )
    fewer = [field_and_value(key) for key, more in counted.items() if more < 0]
    db.executemany("DELETE FROM counted WHERE field = ? AND value = ? AND records <= 0", fewer)


_FIELDS = {letter: field for field, letter in FACET_LETTERS.items()}


def field_and_value(counted: str) -> tuple[str, str]:
    """A field of the query language and a value of it, from one of `counted_values`."""
    return _FIELDS[counted[0]], counted[1:]
