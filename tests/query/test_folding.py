"""What a word is, what else a text is found by, and in which spellings a name is typed."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import example, given, strategies as st

from tui_registry.errors import Record
from tui_registry.query import searched_text, words
from tui_registry.query.folding import (
    LONGEST_WORD,
    endings,
    fold_case,
    forms,
    has_inside,
    is_inside,
    searched_words,
    spellings_of,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Qwen2.5-7B_Instruct", ["qwen", "2.5", "7b", "instruct"]),
        ("DeepSeek-R1 GPT-4o Mixtral-8x7B", ["deepseek", "r", "1", "gpt", "4o", "mixtral", "8x", "7b"]),
        ("v0.3. 1.2.3-beta", ["v", "0.3", "1.2.3", "beta"]),
        ("C++, c# and F#; .NET (.net) node.js a.net", ["c++", "c#", "and", "f#", ".net", ".net", "node", "js", "a", "net"]),
        ("abc++ 7c# c+++ c+x", ["abc", "7c", "c", "c", "x"]),
        ("Café CAFE\u0301", ["cafe", "cafe"]),
        ("Straße STRASSE ÆTHER Łódź", ["strasse", "strasse", "æther", "lodz"]),
        ("\u0301a", ["a"]),
        ("tiếng Việt", ["tieng", "viet"]),
        ("МОДЕЛЬ ΟΔΟΣ Μοντέλο", ["модель", "οδοσ", "μοντελο"]),
        ("日本語モデル", ["日本", "本語", "語モ", "モデ", "デル"]),
        ("通义千问-7B聊天", ["通义", "义千", "千问", "7b", "聊天"]),
        ("第3版 한국어 สวัสดี", ["第", "3", "版", "한국", "국어", "สว", "วั", "ัส", "สด", "ดี"]),
        ("Ｑｗｅｎ２．５ ｶﾞｲﾄﾞ ﬁne", ["qwen", "2.5", "ガイ", "イド", "fine"]),
        ("Ёж ёлка Йод", ["еж", "елка", "йод"]),
        ("नमस्ते נָמוּס نَموذج٣ می\u200cخواهم", ["नमस्ते", "נמוס", "نموذج", "3", "میخواهم"]),
        ("🤗transformers", ["transformers"]),
        ("x" * 50, ["x" * 40, "x" * 10]),
        ("", []),
        ("-- & '\"*", []),
    ],
)  # fmt: skip
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DeepSeek LLaMA-2 pytorch", ["deep", "seek", "lla", "ma"]),
        ("Qwen2.5VL 7B 4bit", ["vl", "bit"]),
        ("通义千问 a", ["问"]),
        (".NET ASP.NET (.net)", ["net"]),
        ("plain words, UPPER Words", []),
    ],
)
def test_forms(text: str, expected: list[str]) -> None:
    assert forms(text) == expected


def test_a_name_is_typed_apart_together_and_without_its_point() -> None:
    assert ("deep", "seek") in spellings_of(("deepseek",))
    assert spellings_of(("code", "llama")) == (("codellama",),)
    assert ("deepseek", "r", "1") in spellings_of(("deepseekr", "1"))
    assert ("qwen", "2.5") in spellings_of(("qwen", "25"))
    assert ("llama", "3.18b") in spellings_of(("llama", "318b"))
    assert ("qwen", "2.5", "vl") in spellings_of(("qwen", "2.5vl"))
    assert ("qwen", "2.5", "7b") in spellings_of(("qwen", "2", "5", "7b"))
    assert ("v", "1", "5") in spellings_of(("v", "1.5"))
    assert spellings_of(("4o",)) == (("4", "o"),)
    assert spellings_of(("gpt",)) == spellings_of(("通义",)) == spellings_of(("x",) * 20) == ()


def test_what_is_typed_in_one_word_is_another_spelling_at_every_letter() -> None:
    """What a name was found by at one letter, and is again at a later one, is not gone between the two."""
    for typed in ("deepseekr", "gpto", "gptos", "gptoss"):
        first = "deepseek" if typed.startswith("deep") else "gpt"
        assert (first, typed.removeprefix(first)) in spellings_of((typed,))


ANY = st.one_of(st.text(), st.text(alphabet="aZ9 -_.éÉ\u0301ßñŁабвΣς日本กา🚀\n+#7\u200d", max_size=20))


@given(ANY)
@example("ﬃİŉǰΐ\u0345")
def test_a_word_is_its_own_only_word(text: str) -> None:
    for word in words(text):
        assert words(word) == [word]
        assert 0 < len(word) <= LONGEST_WORD
        assert not any(character.isspace() or character in '"():@*-' for character in word)


@given(ANY)
def test_words_joined_by_spaces_are_the_same_words(text: str) -> None:
    assert words(" ".join(words(text))) == words(text)


@given(st.lists(ANY, min_size=1, max_size=10))
def test_the_index_takes_each_word_and_form_for_one(texts: list[str]) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = \"ascii tokenchars '.+#'\")")
    db.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
    lists = [[*words(text), *forms(text)] for text in texts]
    db.executemany("INSERT INTO t(rowid, x) VALUES (?, ?)", ((row, " ".join(found)) for row, found in enumerate(lists)))
    for row, found in enumerate(lists):
        stored = db.execute("SELECT term FROM v WHERE doc = ? ORDER BY offset", (row,))
        assert [term for (term,) in stored] == found
    db.close()


def test_a_word_of_a_name_is_looked_into_by_three_of_its_letters() -> None:
    assert endings("instruct") == ["nstruct", "struct", "truct", "ruct", "uct"]
    assert has_inside("instruct")
    assert not any(map(has_inside, ("one", "x" * 25, "12345", "千问")))
    assert is_inside("uct")
    assert not any(map(is_inside, ("ct", "123", "千问模")))


@given(st.text())
def test_field_values_compare_as_sqlites_nocase(text: str) -> None:
    text = text.replace("\0", "")
    text = text.encode("utf-8", "ignore").decode()
    db = sqlite3.connect(":memory:")
    (lower,) = db.execute("SELECT lower(?)", (text,)).fetchone()
    db.close()
    assert fold_case(text) == lower


def test_the_searched_text_of_a_record_has_one_part_for_each_field() -> None:
    record: Record = {"name": "nA", "description": "d", "tags": ["a", "b cD"], "capabilities": [], "owner_id": "o"}
    assert searched_text(record) == ("nA", "d", "a\nb cD", "", "")
    assert searched_words(record) == (["na"], ["d"], ["a", "b", "cd"], [], [], ["n", "a"], ["c", "d"])
