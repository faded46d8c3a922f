"""What a word is, held against SQLite's own tokeniser."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from tui_registry.errors import Record
from tui_registry.query import searched_text, words
from tui_registry.query.folding import fold_case

# Letters whose stacked accents unicode61 leaves on, or whose small letters are younger than its Unicode 6.1.
YOUNGER = frozenset("ǠǡͿԨԪԬԮ") | {chr(code) for code in range(0x13A0, 0x13FE)}


def fts5_words(texts: Iterable[str]) -> list[list[str]]:
    """The tokens of each text, as FTS5 stores them."""
    given_texts = list(texts)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = 'unicode61 remove_diacritics 2')")
    db.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
    db.executemany("INSERT INTO t(rowid, x) VALUES (?, ?)", enumerate(given_texts))
    found: list[list[str]] = [[] for _ in given_texts]
    for term, row in db.execute("SELECT term, doc FROM v ORDER BY doc, offset"):
        found[row].append(term)
    db.close()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Qwen2.5-7B_Instruct", ["qwen2", "5", "7b", "instruct"]),
        ("Café CAFE\u0301", ["cafe", "cafe"]),
        ("Straße ÆTHER Łódź", ["straße", "æther", "łodz"]),
        ("\u0301a", ["a"]),
        ("tiếng Việt", ["tieng", "viet"]),
        ("МОДЕЛЬ ΟΔΟΣ", ["модель", "οδοσ"]),
        ("日本語モデル", ["日本語モデル"]),
        ("🤗transformers", ["transformers"]),
        ("", []),
        ("-- & '\"*", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_words_are_those_of_fts5_for_every_character_of_latin_greek_cyrillic_and_the_scripts_of_east_asia() -> None:
    blocks = (range(0x20, 0x300), range(0x370, 0x588), range(0x3041, 0x3100), range(0x4E00, 0x9FA6),
              range(0xAC00, 0xD7A4), range(0x1E00, 0x2000))  # fmt: skip
    characters = [chr(code) for block in blocks for code in block]
    characters = [one for one in characters if unicodedata.category(one) != "Cn" and one not in YOUNGER]
    texts = [f"a{one}b {one}" for one in characters]
    differing = [text for text, theirs in zip(texts, fts5_words(texts), strict=True) if words(text) != theirs]
    assert differing == []


@given(st.lists(st.text(alphabet="aZ9 -_.éÉ\u0301ßñŁабвΣς日本🚀\n", max_size=12), min_size=1, max_size=20))
def test_words_are_those_of_fts5_in_running_text(texts: list[str]) -> None:
    assert [words(text) for text in texts] == fts5_words(texts)


@given(st.text())
def test_a_word_is_its_own_only_word(text: str) -> None:
    for word in words(text):
        assert words(word) == [word]
        assert not any(character.isspace() or character in '"():@*-' for character in word)


@given(st.text())
def test_field_values_compare_as_sqlites_nocase(text: str) -> None:
    text = text.replace("\0", "")
    text = text.encode("utf-8", "ignore").decode()
    db = sqlite3.connect(":memory:")
    (lower,) = db.execute("SELECT lower(?)", (text,)).fetchone()
    db.close()
    assert fold_case(text) == lower


def test_the_searched_text_of_a_record_has_one_part_for_each_field() -> None:
    record: Record = {"name": "n", "description": "d", "tags": ["a", "b c"], "capabilities": [], "owner_id": "o"}
    assert searched_text(record) == ("n", "d", "a\nb c", "", "")
